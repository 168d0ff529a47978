"""The correction log: a text file in git in which every decision about the data is one line."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError, StaleError, shorten
from dcai.base.fingerprints import distinct_cells, plain
from dcai.base.records import FINGERPRINT, Correction, Key
from dcai.base.table import name_columns, read_frame
from dcai.corrections.decisions.checks import check_corrections, find_misfits, fold_edits
from dcai.corrections.decisions.forgetting import Remains, find_remains
from dcai.corrections.decisions.log_file import LogFile
from dcai.corrections.decisions.matching import column_digest, key_names, locate
from dcai.corrections.decisions.people import find_unclear, measure_agreement, rate_reviewers
from dcai.corrections.decisions.settings import settings_of
from dcai.corrections.decisions.softening import soften_labels
from dcai.corrections.decisions.standing import find_standing, key_text
from dcai.corrections.decisions.veils import hidden_columns
from dcai.corrections.exhibits.trials import trial_path
from dcai.corrections.values.arrow import change_table
from dcai.corrections.values.cells import hide_values, set_cells
from dcai.corrections.values.python_code import write_code
from dcai.findings.masking import HIDDEN

_TOLD = 3


@dataclass(frozen=True, eq=False)
class Plan:
    """What applying a log changes: cells (`row`, `column`, `value`), the positions of rows left out, and every check."""

    edits: pd.DataFrame
    dropped: npt.NDArray[np.intp]
    checks: pd.DataFrame


@dataclass(frozen=True, repr=False)
class CorrectionLog(LogFile):
    """The decisions about one table, as a value. Reading makes it; writing returns a new one.

    Attributes
    ----------
    path : Path
        The file; it is made by the first `append`.
    corrections : tuple of Correction
        The lines, in file order.
    torn : bytes
        A last line that a broken write left unfinished; it does not count, and the next `append` removes it.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> log = CorrectionLog.read_or_new(tempfile.mkdtemp() + "/label.jsonl")
    >>> len(log)
    0
    """

    def restrict(self, frame: Any) -> CorrectionLog:
        """Return the log with only those lines whose rows are in a frame, for example in the training split.

        Parameters
        ----------
        frame : pandas.DataFrame or other table
            Rows of the data that the log belongs to.
        """
        data = name_columns(read_frame(frame), "CorrectionLog.restrict")
        places = locate(self.corrections, data)
        declared = {column_digest(c): (c.columns, c.label, c.veiled) for c in self.corrections if c.columns is not None}
        kept = []
        for line in self.corrections:
            if places[key_text(line.key)].row is not None:
                # The line that named the columns may have gone; the first one that stays names them.
                columns, label, veiled = declared.pop(column_digest(line), (None, None, None))
                kept.append(dataclasses.replace(line, columns=columns, label=label, veiled=veiled))
        # Without its stamp, a later `append` reads the whole log anew.
        return dataclasses.replace(self, corrections=tuple(kept), stamp=(0, 0, 0))

    # ------------------------------------------------------------ ask

    @property
    def standing(self) -> list[Correction]:
        """The decisions that stand, oldest first."""
        return find_standing(self.corrections)

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.corrections)

    def __repr__(self) -> str:
        """Say where the log is and what stands in it."""
        return f"CorrectionLog({str(self.path)!r}: {len(self.corrections)} lines, {len(self.standing)} decisions stand)"

    def to_frame(self) -> pd.DataFrame:
        """Return the lines as a table, one row a line, in file order."""
        names = [f.name for f in dataclasses.fields(Correction)]
        return pd.DataFrame([{n: getattr(c, n) for n in names} for c in self.corrections], columns=names)

    @property
    def label(self) -> str | None:
        """The label column that the log was made for; None for an empty log, or one without a label."""
        return next((c.label for c in self.corrections if c.columns is not None), None)

    def reviewers(self) -> pd.DataFrame:
        """Tabulate who decided, and what the trials that a review may plant say about them.

        Returns
        -------
        pandas.DataFrame
            One row each: `by`, `decisions` (cells that they looked at), of them `blind`; of the `controls` those decided `wrong`, with the
            `error` and its 95 % interval; how often a planted wrong suggestion was taken (`anchored`, `anchoring` with
            its interval); of the `repeats` those that were `changed`.
        """
        path = trial_path(self.path)
        return rate_reviewers(self.corrections, LogFile.read(path).corrections if path.exists() else ())

    def agreement(self) -> pd.DataFrame:
        """Tabulate how far reviewers agree where several decided a cell.

        Returns
        -------
        pandas.DataFrame
            A row for each two reviewers (`kappa`: Cohen's), and a last one for all of them (Krippendorff's alpha):
            `one`, `other`, `cells` that both decided, those in which they `agree`, their `share`, `kappa`. Each
            reviewer's latest decision counts; `unsure`, what settled a dispute, accepted groups and merges do not.
        """
        return measure_agreement(self.corrections)

    def unclear(self) -> pd.DataFrame:
        """Find pairs of classes between which people cannot decide: an unclear definition rather than noise.

        Returns
        -------
        pandas.DataFrame
            The most surely unclear first: `one`, `other`, how many of the `decided` cells between them were disputed
            or ambiguous (`unclear`), their `share` with the lower end of its interval, and what it `says`.
        """
        return find_unclear(self.corrections, self.label)

    def forget(self, *columns: str, frame: Any = None) -> Remains:
        """Say what this log and its git repository still hold of some columns in clear, and what takes it out.

        Every file that git holds is searched: data, notebooks, exports, messages of commits. Nothing is changed:
        rewriting history is for people to decide.

        Parameters
        ----------
        *columns : str
            Columns whose values must be forgotten.
        frame : pandas.DataFrame or other table, optional
            The data, so that all of its values are looked for, and not only those that the log tells.

        Returns
        -------
        Remains
            `lines` (their ids), `files` that hold known values, `tables` with such a column, other files that are `named`
            after one or name it, `commits`, `remotes`, and `sentences` that say what to do and what was searched.
        """
        values: list[object] = []
        if frame is not None:
            data = name_columns(read_frame(frame), "CorrectionLog.forget")
            for name in columns:
                if name not in data.columns:
                    raise InputError.unknown_name("column", name, data.columns)
                values += [plain(value) for value in distinct_cells(data[name])[1] if plain(value) is not None]
        return find_remains(self.path.absolute(), self.corrections, columns, values)

    def check(self, frame: Any, rename: Mapping[str, str] | None = None) -> pd.DataFrame:
        """Hold every standing correction against a frame.

        Parameters
        ----------
        frame : pandas.DataFrame or other table, shape (n, m)
            The data; rows may have moved, columns may have been added.
        rename : dict, optional
            Columns that were renamed since: ``{"old": "new"}``.

        Returns
        -------
        pandas.DataFrame
            One row for each standing correction, with its `row` (position, -1 where there is none), the `current`
            value, and `status`: ``fits`` (the cell holds the given value), ``applied`` (it holds the new one), ``stale``
            (any other), ``absent`` (no such row), ``disputed`` (reviewers disagree); `why` says so in a sentence.

        Raises
        ------
        LogError
            Where the log belongs to data with other columns or another key.
        """
        data = rename_back(name_columns(read_frame(frame), "CorrectionLog.check"), rename)
        return check_corrections(self.corrections, data, partial(self.find_masked, rename))

    def apply(
        self, frame: Any, *, stale: Literal["raise", "skip"] = "raise", rename: Mapping[str, str] | None = None
    ) -> Any:
        """Return the frame with the corrections made; applying twice changes nothing more.

        Parameters
        ----------
        frame : pandas.DataFrame or other table, shape (n, m)
            The data. It is not changed.
        stale : {"raise", "skip"}, default "raise"
            What to do when corrections are stale or disputed, or (without a key) their rows are absent.
        rename : dict, optional
            Columns that were renamed since: ``{"old": "new"}``.

        Returns
        -------
        pandas.DataFrame or the kind of table given
            Index, row order, column order and dtypes are kept; excluded rows are left out. In pandas a column's dtype
            changes only where it cannot hold a new value (a category is added; an integer column that becomes empty
            somewhere turns to float64). In polars and pyarrow no column changes that no correction touches.

        Raises
        ------
        StaleError
            With ``stale="raise"``: says how many, which, and why. Nothing is applied.
        LogError
            Where the log belongs to data with other columns or another key.
        """
        source = read_frame(frame)
        data = rename_back(name_columns(source, "CorrectionLog.apply"), rename)
        plan = self.plan(data, stale=stale, rename=rename)
        with hide_values(partial(self.find_masked, rename)):
            if not isinstance(frame, (pd.DataFrame, str, os.PathLike)):
                places = {str(data.columns[i]): i for i in range(data.shape[1])}
                return change_table(frame, places, plan.edits, plan.dropped)
            result = data.copy(deep=False)
            for column, cells in plan.edits.groupby("column", sort=False):
                result[str(column)] = set_cells(data[str(column)], cells["row"].to_numpy(np.intp), list(cells["value"]))
        if len(plan.dropped):
            keep = np.ones(len(result), dtype=bool)
            keep[plan.dropped] = False
            result = result[keep]
        result.columns = source.columns
        return result

    def to_code(self, frame: Any, *, stale: Literal["raise", "skip"] = "raise") -> str:
        """Write the corrections as pandas code: a function `correct(frame)` that makes what `apply` makes of this frame.

        Parameters
        ----------
        frame : pandas.DataFrame or other table, shape (n, m)
            The data. A value that is corrected throughout its column becomes one line about the value; other cells are
            named by position, and the code then refuses a frame of another length.
        stale : {"raise", "skip"}, default "raise"
            As for `apply`.

        Returns
        -------
        str
            Python source. Values of cells and names of columns stand in it as literals only.

        Raises
        ------
        InputError
            Where a column that is marked as sensitive was corrected: its values would stand in the code.
        """
        source = read_frame(frame)
        data = name_columns(source, "CorrectionLog.to_code")
        plan = self.plan(data, stale=stale)
        told = sorted({str(c) for c in plan.edits["column"]} & self.find_masked())
        if told:
            raise InputError(
                f"The values of {', '.join(shorten(repr(c), 60) for c in told)} are marked as sensitive, and the code would hold them "
                "in clear. Use frame.pipe(log.apply) instead, which writes them nowhere."
            )
        return write_code(self.path.name, data.set_axis(source.columns, axis=1), plan.edits, plan.dropped)

    def soft_labels(self, frame: Any) -> pd.DataFrame:
        """Return how much each class is meant by what reviewers decided.

        Parameters
        ----------
        frame : pandas.DataFrame or other table, shape (n, m)
            The data.

        Returns
        -------
        pandas.DataFrame
            One row for each row of the data that is not left out, one column for each class; rows sum to 1. A decided
            label weighs 1, the values of `ambiguous` the same each, and where reviewers differ each of them the same.
            Stale decisions do not count. Rows without a decision keep their label, those without a label are empty.
        """
        data = name_columns(read_frame(frame), "CorrectionLog.soft_labels")
        if self.label is None or self.label not in data.columns:
            raise InputError(f"{self.path.name} is about no label column of this data, so there are no soft labels.")
        plan = self.plan(data, stale="skip")
        cells = plan.edits[plan.edits["column"] == self.label]
        changed = data[[self.label]].copy()
        with hide_values(self.find_masked):
            changed[self.label] = set_cells(data[self.label], cells["row"].to_numpy(np.intp), list(cells["value"]))
        kept = np.setdiff1d(np.arange(len(data)), plan.dropped)
        stale = set(plan.checks.loc[plan.checks["status"] == "stale", "id"])
        return soften_labels(self.corrections, data, self.label, changed, kept, stale=stale)

    def plan(
        self,
        frame: pd.DataFrame,
        *,
        stale: Literal["raise", "skip"] = "raise",
        rename: Mapping[str, str] | None = None,
    ) -> Plan:
        """Return what `apply` would change in a frame with text column names, which are those of the log, without changing it."""
        if stale not in ("raise", "skip"):
            raise InputError.wrong_value("stale", "CorrectionLog.apply", "'raise' or 'skip'", stale)
        masked = partial(self.find_masked, rename)
        checks = check_corrections(self.corrections, frame, masked)
        if stale == "raise":
            self._refuse_misfits(checks, masked)
        edits = fold_edits(checks, frame)
        dropped = checks.loc[checks["changes"] & (checks["verdict"] == "exclude"), "row"].to_numpy(np.intp)
        return Plan(edits, np.unique(dropped), checks)

    def find_masked(self, rename: Mapping[str, str] | None = None) -> set[str]:
        """Find the columns whose values no text may tell: those that are marked as sensitive, and those that the log hides.

        A column that was renamed is among them under both names.
        """
        masked = {*settings_of(self.path.absolute()).sensitive, *hidden_columns(self.corrections)}
        return masked | {name for pair in (rename or {}).items() if masked & {*pair} for name in pair}

    def mask(self, checks: pd.DataFrame, rename: Mapping[str, str] | None = None) -> pd.DataFrame:
        """Return checks as they may be shown: without values of sensitive columns, which `check` holds in clear."""
        masked = self.find_masked(rename)
        shown = checks.assign(key=checks["key"].map(lambda key: _mask_key(key, masked)))
        for name in ("given", "value", "current", "becomes"):
            cells = zip(checks["column"], checks[name], strict=True)
            hidden = [HIDDEN if column in masked and value is not None else value for column, value in cells]
            shown[name] = pd.Series(hidden, index=checks.index, dtype=object)
        return shown

    def misfits(self, checks: pd.DataFrame) -> pd.DataFrame:
        """Return those checks that make `apply` refuse: stale, disputed and, without a key, absent changes."""
        return find_misfits(checks, keyed=key_names(self.corrections) != (FINGERPRINT,))

    def _refuse_misfits(self, checks: pd.DataFrame, find_masked: Callable[[], set[str]]) -> None:
        wrong = self.misfits(checks)
        if not len(wrong):
            return
        counts = ", ".join(f"{n} {status}" for status, n in wrong["status"].value_counts().items())
        masked = find_masked()
        told = " ".join(
            f"({c.id}) {c.verdict} {shorten(repr(c.column), 60)} in {shorten(str(_mask_key(c.key, masked)), 80)}: {c.why}"
            for c in wrong.head(_TOLD).itertuples()
        )
        raise StaleError(
            f"{len(wrong)} of {len(checks)} standing corrections of {self.path.name} do not fit this data ({counts}), and nothing was "
            f"applied. {told}",
            "See log.check(frame) for all of them; pass stale='skip' to apply the others.",
            command="`dcai check FILE LOG` tells all of them; --stale skip applies the others.",
        )

    def settled(self, frame: pd.DataFrame, label: str | None) -> pd.DataFrame:  # noqa: ARG002 (the protocol names the label; this log knows its columns)
        """Return the decided cells of a frame: `row`, `column`, `part`, `verdict`, `value`; disputed and misfit ones are left out."""
        checks = self.check(frame)
        good = checks[checks["status"].isin(["fits", "applied"]) & (checks["row"] >= 0)]
        return good[["row", "column", "part", "verdict", "value"]].reset_index(drop=True)


def _mask_key(key: Any, masked: Container[str]) -> Key:
    """Hide the cells of a key, as it stands in a table of checks, that no text may tell."""
    return {name: HIDDEN if name in masked else value for name, value in key.items()}


def rename_back(frame: pd.DataFrame, rename: Mapping[str, str] | None) -> pd.DataFrame:
    """Give columns that were renamed the names that a log knows."""
    if not rename:
        return frame
    for new in rename.values():
        if new not in frame.columns:
            raise InputError.unknown_name(
                "column", new, frame.columns, "`rename` maps old names to new: {'old': 'new'}."
            )
    return frame.rename(columns={new: old for old, new in rename.items()})
