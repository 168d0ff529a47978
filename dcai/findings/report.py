"""The audit: ask every detector, account for each, and the value that holds what they said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import xxhash

from dcai.base.errors import InputError
from dcai.base.records import Decisions, Scalar
from dcai.base.table import Table, make_table
from dcai.findings.arguments import check_settings, check_use
from dcai.findings.detectors import Detector, load_detectors
from dcai.findings.evidence import Settings, Task
from dcai.findings.labels.estimates import ErrorEstimate
from dcai.findings.progress import Progress, tell_progress
from dcai.findings.shape import ORDERED

if TYPE_CHECKING:
    from dcai.findings.explanations.context import Context
    from dcai.findings.explanations.explanation import Explanation
    from dcai.findings.labels.tasks import Reading

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, eq=False, repr=False)
class Audit:
    """What an audit found, and what it looked at. Nothing in it changes; its methods return new values.

    Attributes
    ----------
    table : Table
        The audited frame, in the caller's order, with the roles of its columns.
    findings : pandas.DataFrame
        Worst first, with the columns ``finding, row, key, part, column, detector, doubt, given, suggested, confidence,
        reason, peers``.
    scores : pandas.DataFrame
        The doubt of every row by each detector that judges rows; index as in the audited frame.
    checks : pandas.DataFrame
        One row for each detector: ``detector, status, reason, rows, findings, seconds``.
    probabilities : pandas.DataFrame or None
        Out-of-sample probabilities, one column for each class.
    predictions : pandas.Series or None
        Out-of-sample predictions of a label that is a number.
    consensus : pandas.DataFrame or None
        Where there are annotators: the ``label`` that they and the model agree on best, the ``confidence`` in it, the
        ``agreement`` with it, the number of ``votes``, and ``gain``: by how much one more vote is expected to raise the
        probability of the likeliest class. Ask about the rows with the largest gain.
    annotators : pandas.DataFrame or None
        One row for each annotator: ``annotator, votes, quality, low, high, agreement, confuses, with, share``. People
        who err together look better than they are; see `dcai.findings.labels.consensus.Consensus`.
    expected_errors : ErrorEstimate or None
        The estimated number of wrong labels, with a range that held the true one in most audits of planted errors.
    reading : Reading or None
        What the label was taken for: its `task`, and `why` where that was inferred.
    masked : tuple of str
        The columns whose values reports and explanations mask: those with findings of ``personal_data``, and those
        that ``dcai.yaml`` marks as sensitive (`marked`). `findings` and `table` hold them in clear.
    """

    table: Table
    findings: pd.DataFrame
    scores: pd.DataFrame
    checks: pd.DataFrame
    probabilities: pd.DataFrame | None = None
    predictions: pd.Series[Any] | None = None
    consensus: pd.DataFrame | None = None
    annotators: pd.DataFrame | None = None
    expected_errors: ErrorEstimate | None = None
    reading: Reading | None = None
    caution: str = ""
    settings: Settings = field(default_factory=Settings)
    detectors: Mapping[str, Detector] = field(default_factory=dict)
    reviewed: Mapping[str, Any] = field(default_factory=dict)
    masked: tuple[str, ...] | None = None
    marked: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Remember which columns reports mask, whatever findings are left out later."""
        from dcai.findings.masking import list_marked, list_masked

        if self.marked is None:
            object.__setattr__(self, "marked", list_marked(self.table))
        if self.masked is None:
            masked = (*(self.marked or ()), *list_masked(self.findings["column"], self.findings["detector"]))
            object.__setattr__(self, "masked", tuple(dict.fromkeys(masked)))

    @property
    def label(self) -> str | None:
        """The label column."""
        return self.table.label

    @property
    def classes(self) -> tuple[Scalar, ...]:
        """The classes, in the order of the columns of `probabilities`."""
        names = () if self.probabilities is None else tuple(self.probabilities.columns)
        return names[2:] if self.task == "token" else names

    @property
    def task(self) -> Task | None:
        """What the label was taken for; None without a label."""
        return None if self.reading is None else self.reading.task

    @cached_property
    def hash(self) -> str:
        """Hash of the data and the findings, whatever the order of the rows: 32 hexadecimal digits."""
        rows = self.table.content
        state = xxhash.xxh3_128(rows[np.lexsort(rows.T)].tobytes())
        found = self.findings[~self.findings["detector"].isin(ORDERED)]
        for finding, doubt in sorted(zip(found["finding"], found["doubt"], strict=True)):
            state.update(f"{finding}:{doubt:.6f};".encode())
        return state.hexdigest()

    def __len__(self) -> int:
        """Return the number of findings."""
        return len(self.findings)

    def __repr__(self) -> str:
        from dcai.findings.summary import describe

        return f"Audit({describe(self)})"

    def __str__(self) -> str:
        """Write it for a terminal: what was checked and what not, what was found, the worst; ``print(audit)``."""
        from dcai.base.display import wrap
        from dcai.findings.summary import to_text

        return wrap(to_text(self))

    def _repr_html_(self) -> str:
        from dcai.findings.summary import to_html

        return to_html(self)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the findings."""
        return self.findings.copy()

    def to_html(self, path: str | Path | None = None) -> str | Path:
        """Write the report as a page that needs no network; without a path, return its HTML.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it.

        Returns
        -------
        str or Path
            The HTML, or the path of the file written.
        """
        from dcai.base.display import to_page
        from dcai.base.store import write_atomic
        from dcai.findings.summary import to_html

        page = to_page("dcai audit", to_html(self, worst=200))
        return page if path is None else write_atomic(path, page)

    def by(self, *detectors: str) -> Audit:
        """Keep the findings of some detectors."""
        known = [*self.checks["detector"], *sorted(set(self.findings["detector"]) - set(self.checks["detector"]))]
        for name in detectors:
            if name not in known:
                raise InputError.unknown_name("detector in this audit", name, known)
        return self._keep(self.findings["detector"].isin(detectors).to_numpy(dtype=bool))

    def worst(self, n: int = 10) -> Audit:
        """Keep the n most doubtful findings."""
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
            raise InputError.wrong_value("n", "Audit.worst", "a whole number from 0", n)
        return self._keep(np.arange(len(self.findings)) < n)

    def without(self, log: Decisions) -> Audit:
        """Leave out the findings about cells and rows that a person has settled; `unsure` settles nothing."""
        from dcai.findings.learning.refinement import find_settled

        return self._keep(~find_settled(self, log))

    def _keep(self, kept: npt.NDArray[np.bool_]) -> Audit:
        return replace(self, findings=self.findings[kept].reset_index(drop=True))

    def pipe(self, function: Callable[Concatenate[Audit, P], T], *args: P.args, **options: P.kwargs) -> T:
        """Call a function with this audit."""
        return function(self, *args, **options)

    def ask(self, n: int = 5) -> list[int]:
        """Name the rows whose review would teach the audit most.

        Parameters
        ----------
        n : int
            How many.

        Returns
        -------
        list of int
            Row positions, the most telling first; fewer where fewer are left.
        """
        from dcai.findings.learning.refinement import choose_rows
        from dcai.findings.streaming.tables import refuse_stored

        refuse_stored(self.table, "Audit.ask")
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise InputError.wrong_value("n", "Audit.ask", "a whole number from 1", n)
        return choose_rows(self, int(n))

    def explain(self, finding_or_row: str | int) -> Explanation:
        """Say why a finding, or a row, stands where it does, with the numbers and rows behind it.

        Parameters
        ----------
        finding_or_row : str or int
            The id of a finding, or the position of a row, flagged or not.

        Returns
        -------
        Explanation
            Shows itself in a notebook; its numbers are in `to_frame()`.

        Examples
        --------
        >>> found = audit(pd.DataFrame({"maker": ["mazda"] * 30 + ["maxda"]}), detectors="variants", progress=False)
        >>> found.explain(30)
        Explanation(row 30: 1 finding (variants))
        """
        from dcai.findings.explanations.explanation import explain

        return explain(self, finding_or_row)

    @cached_property
    def telling(self) -> list[str]:
        """The columns that a row is best shown by, the most telling first."""
        from dcai.findings.explanations.relevance import rank_columns

        return rank_columns(self)

    @cached_property
    def context(self) -> Context:
        """What explanations share: made when first asked for, and kept."""
        from dcai.findings.explanations.context import Context

        whole = self.probabilities is not None and len(self.probabilities) == len(self.table)
        return Context(self.table, self.settings, self.probabilities if whole else None)

    def refine(self, log: Decisions, *, progress: bool | Progress | None = None) -> Audit:
        """Learn from what was reviewed, and rank again.

        Reviewed labels count as the truth when the models are trained anew. From the verdicts about cells a model of
        all columns, with a part of its own for each, learns what wrong cells have in common: which doubts are right, how
        they are written, how rare they are, what other columns expect. Edits show what to do with cells written alike.
        What is learnt depends on the log alone: the same log twice, or in two parts, teaches the same.

        Parameters
        ----------
        log : Decisions
            A correction log.
        progress : optional
            As in `audit`.

        Returns
        -------
        Audit
            Without what was found right, and without reviewed labels. Cells that were corrected stay, with the doubt 1
            and the detector ``"reviewed"``, as they are wrong in this table; `without` leaves them out. Findings of the
            detector ``"learnt"`` are cells like them. `checks` counts what came and what went.
        """
        from dcai.findings.learning.refinement import refine
        from dcai.findings.streaming.tables import refuse_stored

        refuse_stored(self.table, "Audit.refine")
        return refine(self, log, progress)


def audit(  # noqa: PLR0913 (all of it is optional, and told apart by name)
    frame: Any,
    label: str | None = None,
    *,
    key: str | Sequence[str] | None = None,
    task: Task | None = None,
    model: Any = None,
    features: Any = None,
    probabilities: Any = None,
    annotators: str | Sequence[str] | None = None,
    groups: str | None = None,
    rules: Any = None,
    test: Any = None,
    detectors: str | Sequence[str | Detector] | None = None,
    folds: int = 5,
    random_state: int = 0,
    progress: bool | Progress | None = None,
    memory: int | str | None = None,
    client: Any = None,
) -> Audit:
    """Look for wrong labels and wrong values in a table.

    What was made of the features is kept in the process, by their content, and used again when only labels changed: what
    it says is what a first audit says, in less time. Of more than 8,000 rows the models of labels are kept too, and are
    brought up to date while no more than 1 % of the labels changed since they were learnt: `checks` says so then. Doubts
    differ by less than 0.01 on average from those of the same models learnt anew, and 98 of 100 flagged rows are the same;
    but which models are mixed stays as it was first chosen, and a new process may choose others (`checks` names them).
    All that is kept takes at most 256 MiB, less on small machines; `dcai.findings.cache.CACHE` has `limit` and `clear()`.

    Parameters
    ----------
    frame : DataFrame, or path to a CSV or Parquet file, or to a folder of Parquet files
        pandas, polars or pyarrow; it is never changed. Parquet that would take more than `memory` is not loaded but read
        in batches: labels, duplicates, conflicts and empty cells are judged in all rows by models and counts that fit in
        memory, other checks look at a sample or are skipped, and `Audit.checks` says which.
    label : str, optional
        The column that holds the label; None looks at the values only.
    key : str or sequence of str, optional
        The columns that identify a row; None identifies rows by their content.
    task : "classification", "regression", "multilabel" or "token", optional
        What the label is: one class a row, a number, a set of classes (lists, or text between one of ``|``, ``;``,
        ``,``), or a tag for each token of another column (lists, or text that is split at white space). None infers
        and states it.
    model : scikit-learn estimator, optional
        Cloned, never fitted itself. A Pipeline gets the raw columns, any other estimator vectors of them.
    features : array of shape (n, d), or sequence of column names, optional
        What models may look at; None means all columns but label and key.
    probabilities : DataFrame with one column a class, or array, or pair of array and class names, optional
        Out-of-sample probabilities of your own; refused where they do not fit the rows and classes.
    annotators : column names, optional
        Columns that hold one annotator's label each. They are no features; `Audit.consensus` weighs them, and
        `Audit.annotators` rates them.
    groups : str, optional
        A column that says which rows belong together: one patient, one user, one document. Rows of one group are never
        split over folds, so that no row is predicted from its own group, and the column is no feature.
    rules : sequence of str, mapping of name to str, or pandera schema, optional
        What must hold in every row, such as ``"age >= 0"``, ``"start <= end"``, ``"country in ['DE', 'FR']"``,
        ``"len(code) == 5"``, ``"email matches '[^@]+@[^@]+'"``; see `dcai.findings.rules.rulebook` for all operators.
    test : DataFrame, or path to a CSV or Parquet file, optional
        A second frame with the same columns, on which a model is to be tested: the detector ``leakage`` looks for rows
        and keys that stand in both.
    detectors : name or Detector, or a sequence of them, optional
        What to run; None means everything.
    folds : int
        Into how many parts the rows are dealt for out-of-sample prediction.
    random_state : int
        Changes how the rows are dealt; the same number gives the same audit.
    progress : bool or function of (stage, done, total), optional
        None draws a bar where somebody watches, with the time left once that is known.
    memory : int or str, optional
        How much memory the audit may take, in bytes or as a text such as ``"2GB"``: Parquet that needs more is read in
        batches. None allows half of what is free, 4 GiB at most. Not for frames that are in memory already.
    client : dask.distributed.Client, optional
        A running client (``pip install dcai[dask]``), whose workers then fit the models of the folds and read stretches of
        Parquet, whose path they must see too. The findings are those of one machine, bit for bit on processors of one
        kind; what was lost with a worker is done anew. `dcai.findings.workers` says how far that carries.

    Returns
    -------
    Audit

    Raises
    ------
    InputError
        Where a parameter or the frame cannot be used; nothing has been done then.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"maker": ["mazda"] * 30 + ["maxda"]})
    >>> found = audit(frame, detectors="variants", progress=False)
    >>> found.findings[["given", "suggested"]].values.tolist()
    [['maxda', 'mazda']]
    """
    from dcai.findings.memory import check_memory
    from dcai.findings.running import run_detectors
    from dcai.findings.streaming.requests import audit_source, find_stored
    from dcai.findings.workers import use_client

    hidden = [annotators] if isinstance(annotators, str) else list(annotators or ())
    source, allowed = find_stored(frame, memory)
    if source is not None:
        if source.need > allowed:
            settings = Settings(task, model, features, probabilities, folds, random_state, rules, test)
            with use_client(client), tell_progress(progress) as tell:
                return audit_source(
                    source, label, key, settings, detectors, {"annotators": annotators, "groups": groups}, allowed, tell
                )
        frame = source.read_whole() if source.path.is_dir() else frame
    table = make_table(frame, label, key=key, hidden=hidden, groups=groups)
    table = table if source is None else replace(table, name=source.path.stem)
    made = Settings(task, model, features, probabilities, folds, random_state, rules, test)
    settings = check_settings(table, made)
    chosen = load_detectors(detectors)
    check_use(chosen, rules=rules, test=test)
    with use_client(client), tell_progress(progress) as tell:
        check_memory(table, tell)
        return run_detectors(table, table, settings, chosen, tell)
