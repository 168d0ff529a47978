"""The correction log: a text file in git in which every decision about the data is one line."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base import store
from dcai.base.errors import InputError, LogError, StaleError, shorten
from dcai.base.records import FINGERPRINT, Correction
from dcai.base.table import name_columns, read_frame
from dcai.corrections.arrow import change_table
from dcai.corrections.cells import set_cells
from dcai.corrections.checks import check_corrections, find_misfits, fold_edits
from dcai.corrections.lines import VERSION, next_time, read_lines, sign, write_line
from dcai.corrections.matching import column_digest, key_names, locate
from dcai.corrections.standing import find_standing, key_text

ATTRIBUTES = "# Both sides of a merge are kept: a line is a decision, and time settles which one stands.\n*.jsonl merge=union text eol=lf\n"
_TOLD = 3

logger = logging.getLogger("dcai")


@dataclass(frozen=True, eq=False)
class Plan:
    """What applying a log changes: cells (`row`, `column`, `value`), the positions of rows left out, and every check."""

    edits: pd.DataFrame
    dropped: npt.NDArray[np.intp]
    checks: pd.DataFrame


@dataclass(frozen=True, repr=False)
class CorrectionLog:
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
    >>> log = CorrectionLog.read_or_new(Path(tempfile.mkdtemp()) / "label.jsonl")
    >>> len(log)
    0
    """

    path: Path
    corrections: tuple[Correction, ...] = ()
    torn: bytes = b""
    size: int = 0
    stamp: tuple[int, int, int] = (0, 0, 0)

    # ------------------------------------------------------------ read and write

    @classmethod
    def read(cls, path: str | Path) -> CorrectionLog:
        """Read a log.

        Parameters
        ----------
        path : str or Path
            A correction log (UTF-8 JSON Lines).

        Raises
        ------
        MissingError
            Where the file does not exist.
        LogError
            Where a line is malformed, was edited, or is of a newer format; the line is named. A torn last line is no
            error: it is left out, and reported in `torn` and as a warning of the logger ``dcai``.
        """
        target = Path(path)
        stamp = _stamp(target)
        text = read_lines(target)
        if text.torn:
            logger.warning(
                "The last line of %s was not written to its end (%d bytes); that decision was never confirmed and does not count.",
                target, len(text.torn),
            )  # fmt: skip
        log = cls(target, text.corrections, text.torn, text.size, stamp)
        log.check_lines()
        return log

    @classmethod
    def read_or_new(cls, path: str | Path) -> CorrectionLog:
        """Read a log, or return an empty one whose file the first `append` makes."""
        return cls.read(path) if Path(path).exists() else cls(Path(path))

    def check_lines(self) -> None:
        """Refuse a log whose lines do not belong together."""
        known = {c.id for c in self.corrections}
        names = key_names(self.corrections)
        for line in self.corrections:
            lost = [i for i in (line.undoes, *(line.resolves or ())) if i is not None and i not in known]
            if lost:
                raise LogError(
                    f"{self.path.name}: the line {line.id} speaks of {shorten(lost[0], 60)!r}, which is not in the log. Restore the file from git."
                )
            if tuple(sorted(line.key)) != names:
                raise LogError(
                    f"{self.path.name}: the line {line.id} identifies its row by {sorted(line.key)}, earlier lines by {list(names or ())}. "
                    "One log has one key: keep them in two files."
                )

    def append(self, *drafts: Correction) -> CorrectionLog:
        """Write decisions to the end of the file; when this returns they are on disk.

        Parameters
        ----------
        *drafts : Correction
            Lines whose `v`, `id` and `at` are filled in here. All are written, or none.

        Returns
        -------
        CorrectionLog
            With the new lines, and with those that others have appended since this value was read.

        Raises
        ------
        LogError
            Where the file cannot be written or its key differs.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with store.lock(self.path):
                log = self._catch_up()
                last = max((c.at for c in log.corrections), default=None)
                declared = {column_digest(c) for c in log.corrections if c.columns is not None}
                added: list[Correction] = []
                for draft in drafts:
                    last = next_time(last)
                    line = dataclasses.replace(draft, v=VERSION, at=last)
                    if column_digest(draft) in declared:
                        line = dataclasses.replace(line, columns=None, label=None)
                    declared.add(column_digest(draft))
                    added.append(sign(line))
                grown = dataclasses.replace(log, corrections=(*log.corrections, *added), torn=b"")
                grown.check_lines()
                log.mend_tail()
                self._write_attributes()
                store.append_lines(self.path, [write_line(c) for c in added])
                return dataclasses.replace(grown, size=self.path.stat().st_size, stamp=_stamp(self.path))
        except OSError as error:
            raise LogError(
                f"The decision could not be saved to {str(self.path)!r}: {error.strerror or error}. Nothing was written; free space or rights and decide again."
            ) from error

    def _catch_up(self) -> CorrectionLog:
        """Read what others have appended since."""
        if not self.path.exists():
            return CorrectionLog(self.path)
        if _stamp(self.path) == self.stamp and not self.torn:
            return self
        return CorrectionLog.read(self.path)

    def mend_tail(self) -> None:
        """Cut a torn tail off, or end a whole last line that lacks its newline."""
        if not self.path.exists():
            return
        with self.path.open("rb+") as stream:
            if self.torn:
                stream.truncate(self.size)
            end = stream.seek(0, 2)
            if end:
                stream.seek(end - 1)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")

    def _write_attributes(self) -> None:
        """Tell git how to merge logs, in a folder that is dcai's own."""
        attributes = self.path.parent / ".gitattributes"
        if self.path.parent.name == "corrections" and not attributes.exists():
            store.write_atomic(attributes, ATTRIBUTES)

    def restrict(self, frame: Any) -> CorrectionLog:
        """Return the log with only those lines whose rows are in a frame, for example in the training split.

        Parameters
        ----------
        frame : pandas.DataFrame or other table
            Rows of the data that the log belongs to.
        """
        data = name_columns(read_frame(frame), "CorrectionLog.restrict")
        places = locate(self.corrections, data)
        declared = {column_digest(c): (c.columns, c.label) for c in self.corrections if c.columns is not None}
        kept = []
        for line in self.corrections:
            if places[key_text(line.key)].row is not None:
                # The line that named the columns may have gone; the first one that stays names them.
                columns, label = declared.pop(column_digest(line), (None, None))
                kept.append(dataclasses.replace(line, columns=columns, label=label))
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
        data = _rename(name_columns(read_frame(frame), "CorrectionLog.check"), rename)
        return check_corrections(self.corrections, data)

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
        data = _rename(name_columns(source, "CorrectionLog.apply"), rename)
        plan = self.plan(data, stale=stale)
        if not isinstance(frame, (pd.DataFrame, str, os.PathLike)):
            return change_table(
                frame, {str(data.columns[i]): i for i in range(data.shape[1])}, plan.edits, plan.dropped
            )
        result = data.copy(deep=False)
        for column, cells in plan.edits.groupby("column", sort=False):
            result[str(column)] = set_cells(data[str(column)], cells["row"].to_numpy(np.intp), list(cells["value"]))
        if len(plan.dropped):
            keep = np.ones(len(result), dtype=bool)
            keep[plan.dropped] = False
            result = result[keep]
        result.columns = source.columns
        return result

    def plan(self, frame: pd.DataFrame, *, stale: Literal["raise", "skip"] = "raise") -> Plan:
        """Return what `apply` would change in a frame with text column names, without changing it."""
        if stale not in ("raise", "skip"):
            raise InputError.wrong_value("stale", "CorrectionLog.apply", "'raise' or 'skip'", stale)
        checks = check_corrections(self.corrections, frame)
        if stale == "raise":
            self._refuse_misfits(checks)
        edits = fold_edits(checks, frame)
        dropped = checks.loc[checks["changes"] & (checks["verdict"] == "exclude"), "row"].to_numpy(np.intp)
        return Plan(edits, np.unique(dropped), checks)

    def misfits(self, checks: pd.DataFrame) -> pd.DataFrame:
        """Return those checks that make `apply` refuse: stale, disputed and, without a key, absent changes."""
        return find_misfits(checks, keyed=key_names(self.corrections) != (FINGERPRINT,))

    def _refuse_misfits(self, checks: pd.DataFrame) -> None:
        wrong = self.misfits(checks)
        if not len(wrong):
            return
        counts = ", ".join(f"{n} {status}" for status, n in wrong["status"].value_counts().items())
        told = " ".join(
            f"({c.id}) {c.verdict} {shorten(repr(c.column), 60)} in {shorten(str(c.key), 80)}: {c.why}"
            for c in wrong.head(_TOLD).itertuples()
        )
        raise StaleError(
            f"{len(wrong)} of {len(checks)} standing corrections of {self.path.name} do not fit this data ({counts}), and nothing was "
            f"applied. {told} See log.check(frame) for all of them; pass stale='skip' to apply the others."
        )

    def settled(self, frame: pd.DataFrame, label: str | None) -> pd.DataFrame:  # noqa: ARG002 (the protocol names the label; this log knows its columns)
        """Return the decided cells of a frame: `row`, `column`, `part`, `verdict`, `value`; disputed and misfit ones are left out."""
        checks = self.check(frame)
        good = checks[checks["status"].isin(["fits", "applied"]) & (checks["row"] >= 0)]
        return good[["row", "column", "part", "verdict", "value"]].reset_index(drop=True)


def _stamp(path: Path) -> tuple[int, int, int]:
    """Tell one state of a file from another: its inode, its time and its size; zeros where there is none."""
    try:
        about = path.stat()
    except OSError:
        return 0, 0, 0
    return about.st_ino, about.st_mtime_ns, about.st_size


def _rename(frame: pd.DataFrame, rename: Mapping[str, str] | None) -> pd.DataFrame:
    if not rename:
        return frame
    for new in rename.values():
        if new not in frame.columns:
            raise InputError.unknown_name(
                "column", new, frame.columns, "`rename` maps old names to new: {'old': 'new'}."
            )
    return frame.rename(columns={new: old for old, new in rename.items()})
