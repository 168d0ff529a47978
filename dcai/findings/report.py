"""The audit: ask every detector, account for each, and the value that holds what they said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import xxhash

from dcai.base.errors import InputError
from dcai.base.records import Decisions, Scalar
from dcai.base.table import Table, make_table
from dcai.findings.detectors import Detector, load_detectors
from dcai.findings.evidence import TASKS, Settings, Task
from dcai.findings.progress import Progress, tell_progress

P = ParamSpec("P")
T = TypeVar("T")


class ErrorEstimate(NamedTuple):
    """How many labels are wrong: an estimate, and the range that its assumptions leave open.

    `low` and `high` are no confidence interval: nothing promises that they hold the true number in 95 of 100 audits.
    `low` assumes that half of the confident disagreements between label and model are wrong labels, as people found
    when they reviewed such rows; `high` assumes that the model is calibrated and makes no mistakes of its own, so that
    all its doubt is about the labels. A model that learnt the errors, or that cannot learn the classes, breaks both.
    Reviewed labels (`Audit.refine`) replace assumptions by counts for the rows that were looked at.
    """

    estimate: float
    low: float
    high: float


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
        ``agreement`` among them, and the number of ``votes``.
    expected_errors : ErrorEstimate or None
        The estimated number of wrong labels, with a range that rests on assumptions and is no confidence interval.
    """

    table: Table
    findings: pd.DataFrame
    scores: pd.DataFrame
    checks: pd.DataFrame
    probabilities: pd.DataFrame | None = None
    predictions: pd.Series[Any] | None = None
    consensus: pd.DataFrame | None = None
    expected_errors: ErrorEstimate | None = None
    caution: str = ""
    settings: Settings = field(default_factory=Settings)
    detectors: Mapping[str, Detector] = field(default_factory=dict)
    reviewed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str | None:
        """The label column."""
        return self.table.label

    @property
    def classes(self) -> tuple[Scalar, ...]:
        """The classes, in the order of the columns of `probabilities`."""
        return tuple(self.probabilities.columns) if self.probabilities is not None else ()

    @cached_property
    def hash(self) -> str:
        """Hash of the data and the findings, whatever the order of the rows: 32 hexadecimal digits."""
        rows = np.column_stack([self.table.row_hashes, self.table.label_hashes])
        state = xxhash.xxh3_128(rows[np.lexsort(rows.T)].tobytes())
        for finding, doubt in sorted(zip(self.findings["finding"], self.findings["doubt"], strict=True)):
            state.update(f"{finding}:{doubt:.6f};".encode())
        return state.hexdigest()

    def __len__(self) -> int:
        """Return the number of findings."""
        return len(self.findings)

    def __repr__(self) -> str:
        from dcai.findings.summary import describe

        return f"Audit({describe(self)})"

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
        from dcai.findings.refinement import find_settled

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
        from dcai.findings.refinement import choose_rows

        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise InputError.wrong_value("n", "Audit.ask", "a whole number from 1", n)
        return choose_rows(self, int(n))

    def refine(self, log: Decisions, *, progress: bool | Progress | None = None) -> Audit:
        """Learn from what was reviewed, and rank again.

        Reviewed labels count as the truth when the models are trained anew. For cells, verdicts tell which kinds of
        finding are right in which column, and edits show what to do with cells that are written alike.

        Parameters
        ----------
        log : Decisions
            A correction log.
        progress : optional
            As in `audit`.

        Returns
        -------
        Audit
            Without findings about what was settled.
        """
        from dcai.findings.refinement import refine

        return refine(self, log, progress)


def audit(
    frame: Any,
    label: str | None = None,
    *,
    key: str | Sequence[str] | None = None,
    task: Task | None = None,
    model: Any = None,
    features: Any = None,
    probabilities: Any = None,
    annotators: str | Sequence[str] | None = None,
    detectors: str | Sequence[str | Detector] | None = None,
    folds: int = 5,
    random_state: int = 0,
    progress: bool | Progress | None = None,
) -> Audit:
    """Look for wrong labels and wrong values in a table.

    Parameters
    ----------
    frame : DataFrame, or path to a CSV or Parquet file
        pandas, polars or pyarrow; it is never changed.
    label : str, optional
        The column that holds the label; None looks at the values only.
    key : str or sequence of str, optional
        The columns that identify a row; None identifies rows by their content.
    task : "classification" or "regression", optional
        What the label is; None infers and states it.
    model : scikit-learn estimator, optional
        Cloned, never fitted itself. A Pipeline gets the raw columns, any other estimator vectors of them.
    features : array of shape (n, d), or sequence of column names, optional
        What models may look at; None means all columns but label and key.
    probabilities : DataFrame with one column a class, or array, or pair of array and class names, optional
        Out-of-sample probabilities of your own; refused where they do not fit the rows and classes.
    annotators : column names, optional
        Columns that hold one annotator's label each. They are no features; `Audit.consensus` weighs them.
    detectors : name or Detector, or a sequence of them, optional
        What to run; None means everything.
    folds : int
        Into how many parts the rows are dealt for out-of-sample prediction.
    random_state : int
        Changes how the rows are dealt; the same number gives the same audit.
    progress : bool or function of (stage, done, total), optional
        None draws a bar where somebody watches.

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
    from dcai.findings.running import run_detectors

    hidden = [annotators] if isinstance(annotators, str) else list(annotators or ())
    table = make_table(frame, label, key=key, hidden=hidden)
    settings = check_settings(table, Settings(task, model, features, probabilities, folds, random_state))
    chosen = load_detectors(detectors)
    with tell_progress(progress) as tell:
        return run_detectors(table, table, settings, chosen, tell)


def check_settings(table: Table, settings: Settings) -> Settings:
    """Refuse parameters that cannot be used with this table."""
    if settings.task is not None and settings.task not in TASKS:
        raise InputError.wrong_value("task", "audit", "'classification', 'regression' or None", settings.task)
    if isinstance(settings.folds, bool) or not isinstance(settings.folds, (int, np.integer)) or settings.folds < 2:  # noqa: PLR2004
        raise InputError.wrong_value("folds", "audit", "a whole number from 2", settings.folds)
    if (
        isinstance(settings.random_state, bool)
        or not isinstance(settings.random_state, (int, np.integer))
        or settings.random_state < 0
    ):
        raise InputError.wrong_value("random_state", "audit", "a whole number from 0", settings.random_state)
    for name, value in (
        ("task", settings.task),
        ("model", settings.model),
        ("probabilities", settings.probabilities),
        ("annotators", table.hidden or None),
    ):
        if value is not None and table.label is None:
            raise InputError(f"The {name!r} parameter of audit speaks of a label, but none is named. Add label='...'.")
    if settings.model is not None and settings.probabilities is not None:
        raise InputError(
            "Give audit either a model or its probabilities, not both: with probabilities no model is trained."
        )
    return replace(settings, features=_check_features(table, settings.features))


def _check_features(table: Table, features: Any) -> Any:
    if features is None:
        return None
    if isinstance(features, str) or (
        isinstance(features, (list, tuple, pd.Index)) and all(isinstance(f, str) for f in features)
    ):
        names = [features] if isinstance(features, str) else list(features)
        for name in names:
            if name not in table.features:
                raise InputError.unknown_name(
                    "feature column", name, table.features, "Label and key columns are never features."
                )
        return tuple(names)
    try:
        values = np.asarray(features, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.ndim != 2 or len(values) != len(table) or not values.shape[1]:  # noqa: PLR2004 (rows and columns)
        expected = f"names of columns, or an array of numbers with {len(table)} rows"
        raise InputError.wrong_value(
            "features", "audit", expected, f"an array of shape {values.shape}" if values.size else features
        )
    if not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise InputError(
            f"The features of audit are missing or infinite, first in row {bad}. Fill or drop such rows before."
        )
    return values
