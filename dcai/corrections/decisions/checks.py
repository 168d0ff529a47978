"""Holding the standing decisions of a log against a frame: do they fit, are they done, or has the data moved on since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.errors import shorten
from dcai.base.fingerprints import add_hashes, canonical, from_hex, hash_cell, hash_rows, plain
from dcai.base.identity import RowIndex
from dcai.base.parts import SPACE, part_of, replace_parts
from dcai.base.records import Correction, Fit, Scalar
from dcai.base.table import StandIn
from dcai.corrections.decisions.matching import Numbered, column_digest, locate, make_lack, read_columns
from dcai.corrections.decisions.slots import Place
from dcai.corrections.decisions.standing import CHANGING, find_disputed, find_standing, key_text
from dcai.corrections.decisions.veils import Veil, hidden_columns, key_behind

CHECK_COLUMNS = [
    "id",
    "verdict",
    "key",
    "row",
    "part",
    "column",
    "given",
    "value",
    "current",
    "status",
    "why",
    "by",
    "changes",
    "becomes",
]
_APPLIED = "The cell holds the new value already."
_FITS = "The cell holds the value that was reviewed."
_MASKED = "The cell no longer holds what was reviewed; its column is marked as sensitive, so no value is told."
Masked = Callable[[], Collection[str]]


def check_corrections(
    corrections: Sequence[Correction], frame: pd.DataFrame, find_masked: Masked = tuple
) -> pd.DataFrame:
    """Hold every standing correction against a frame; the columns are those of `CorrectionLog.check`."""
    return Checker(corrections, frame, find_masked=find_masked).table()


def find_misfits(checks: pd.DataFrame, *, keyed: bool) -> pd.DataFrame:
    """Return the checks that forbid to apply a log: changes that are stale or disputed or, without a key, absent."""
    changing = checks["verdict"].isin(CHANGING)
    wrong = ["stale", "disputed"] if keyed else ["stale", "disputed", "absent"]
    return checks[changing & checks["status"].isin(wrong)]


def fold_edits(checks: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that checks change: `row`, `column`, `value`; changes of parts of one cell make one change of it."""
    cells = checks[checks["changes"] & (checks["verdict"] != "exclude")]
    made: dict[tuple[int, str], Scalar] = {}
    for row, column, part, value in zip(cells["row"], cells["column"], cells["part"], cells["becomes"], strict=True):
        now = made.get((row, column), plain(frame[column].iloc[row]) if part is not None else None)
        made[row, column] = value if part is None else replace_parts(now, SPACE, {int(part): value})
    rows, columns = [row for row, _ in made], [column for _, column in made]
    values = pd.Series(list(made.values()), dtype=object)
    return pd.DataFrame(
        {"row": pd.Series(rows, dtype=int), "column": pd.Series(columns, dtype=object), "value": values}
    )


class Checker:
    """Holds the standing corrections of one log against one frame.

    `sources` maps the rows and columns in which corrections of the log stand already to the values of the source data
    that they replaced. `known` and `numbered` are as in `locate`. `find_masked` names the columns whose values no reason
    may tell; it is asked when one would. What stands is found when it is first asked for: a review, which knows
    that itself, asks only for single lines.
    """

    def __init__(
        self,
        corrections: Sequence[Correction],
        frame: pd.DataFrame,
        known: Mapping[str, RowIndex] | None = None,
        numbered: Numbered | None = None,
        find_masked: Masked = tuple,
    ) -> None:
        self._find_masked = find_masked
        self.frame, self.corrections, self.known, self.numbered = frame, tuple(corrections), known, numbered
        self._cells: dict[str, Any] = {}
        self.places = locate(corrections, frame, known, numbered)
        self.columns = read_columns(corrections)
        self.hidden = hidden_columns(corrections)
        self.sources = self._find_sources(corrections)
        here = set(map(str, frame.columns))
        if any(c.column is not None and c.column not in here for c in corrections):
            self._refuse_absent(here)

    @cached_property
    def standing(self) -> list[Correction]:
        """The decisions that stand; two keys may turn out to name one row (a column was added in between), so by row."""
        return find_standing(self.corrections, self._row_of)

    @cached_property
    def disputed(self) -> dict[str, str]:
        """The ids of standing decisions about which reviewers disagree, each with the reason."""
        found = find_disputed(self.standing, self._row_of)
        return find_disputed(self.standing, self._row_of, self.masked) if found else found

    @cached_property
    def masked(self) -> Collection[str]:
        """The columns of which no reason may tell a value."""
        return self._find_masked()

    @cached_property
    def excluded(self) -> set[int | str]:
        """The rows that are left out, as decided."""
        return {self._row_of(c) for c in self.standing if c.verdict == "exclude"}

    def take(self, added: Sequence[Correction], about: Sequence[Correction]) -> None:
        """Take in lines of a log whose rows are identified by a key; `about` are all lines about the rows of these."""
        names = [c for c in self.corrections if c.columns is not None]
        self.places |= locate([*names, *added], self.frame, self.known, self.numbered)
        self.columns |= read_columns(added)
        self.hidden |= hidden_columns(added)
        self.corrections = (*self.corrections, *added)
        rows = {self._row_of(c) for c in about}
        self.sources = {row: cells for row, cells in self.sources.items() if row not in rows}
        self.sources |= self._find_sources(about)
        for digest, hashes in self._hash_rows(added).items():
            self._hashes.setdefault(digest, {}).update(hashes)
        for name in ("standing", "disputed", "excluded"):
            self.__dict__.pop(name, None)

    def _refuse_absent(self, here: set[str]) -> None:
        absent = {str(c.column) for c in self.standing if c.column is not None} - here
        if absent:
            raise make_lack(
                f"The log corrects the columns {shorten(', '.join(map(repr, sorted(absent))), 200)}, which this data lacks."
            )

    def _row_of(self, line: Correction) -> int | str:
        row = self.places[key_text(line.key)].row
        return key_text(line.key) if row is None else row

    def _find_sources(self, corrections: Sequence[Correction]) -> dict[int, dict[str, Scalar]]:
        lines: dict[tuple[int, str, int | None], list[Correction]] = defaultdict(list)
        for line in sorted(corrections, key=lambda c: c.id):
            row = self._row_of(line)
            if line.verdict in ("relabel", "edit") and isinstance(row, int) and line.column in self.frame.columns:
                lines[row, str(line.column), line.part].append(line)
        sources: dict[int, dict[str, Scalar]] = defaultdict(dict)
        for (row, column, part), known in lines.items():
            current = canonical(self._value_at(row, column, part))
            for line in known:
                if not isinstance(line.value, list) and canonical(line.value) == current != canonical(line.given):
                    whole = sources[row].get(column, self._value_at(row, column, None))
                    sources[row][column] = (
                        line.given if part is None else replace_parts(whole, SPACE, {part: line.given})
                    )
        return dict(sources)

    def _value_at(self, row: int, column: str, part: int | None) -> Scalar:
        """Return what a cell, or one part of it, holds now."""
        cell = plain(self._column(column)[row])
        return cell if part is None else part_of(cell, part)

    def _column(self, name: str) -> Any:
        """Return the cells of a column by position; asking the frame for one anew takes ten times as long."""
        if isinstance(self.frame, StandIn):  # it keeps few columns in memory, and so does this
            return self.frame[name].array
        if name not in self._cells:
            self._cells[name] = self.frame[name].array
        return self._cells[name]

    def _current(self, line: Correction, row: int) -> Scalar:
        """Return what the cell of a line holds now, hidden as the line's own value is."""
        column = str(line.column)
        value = self._value_at(row, column, line.part)
        if column not in self.hidden:
            return value
        # A line without a hash is about an empty cell, or older than the mark: it tells no more than it holds itself.
        told = {canonical(v) for v in (line.given, line.value) if not isinstance(v, list)}
        key = key_behind(line.given) or (None if canonical(value) in told else self.hidden[column])
        return value if key is None else Veil({column: key}).show(column, value)

    def _source_of(self, line: Correction) -> Scalar:
        """Return what the cell of a corrected row held in the source data; a hash could not be written back."""
        if line.column not in self.hidden or key_behind(line.given) is None:
            return line.given
        source = self.sources[self.places[key_text(line.key)].row or 0][str(line.column)]
        return source if line.part is None else part_of(source, line.part)

    def _is_corrected(self, line: Correction, row: int | None) -> bool:
        """Whether the cell of a line holds what an earlier decision wrote."""
        if row is None or line.column not in self.sources.get(row, {}):
            return False
        source = self.sources[row][str(line.column)]
        part = line.part
        return part is None or canonical(part_of(source, part)) != canonical(
            self._value_at(row, str(line.column), part)
        )

    def table(self) -> pd.DataFrame:
        """Judge every standing correction."""
        rows: list[dict[str, object]] = []
        for line in self.standing:
            place = self.places[key_text(line.key)]
            current = self._find_current(line, place)
            status, why = self._judge(line, place, current)
            takes_back = status == "fits" and line.verdict not in CHANGING and self._is_corrected(line, place.row)
            rows.append(
                {
                    "id": line.id,
                    "verdict": line.verdict,
                    "key": line.key,
                    "row": -1 if place.row is None else place.row,
                    "part": line.part,
                    "column": line.column,
                    "given": line.given,
                    "value": line.value,
                    "current": current,
                    "status": status,
                    "why": why,
                    "by": line.by,
                    "changes": takes_back or (status == "fits" and line.verdict in CHANGING),
                    "becomes": self._source_of(line) if takes_back else line.value,
                }
            )
        # Built as objects: a missing value stays None, and 3 stays an integer.
        table = pd.DataFrame({name: pd.Series([r[name] for r in rows], dtype=object) for name in CHECK_COLUMNS})
        return table.astype({"row": int, "changes": bool})

    def _find_current(self, line: Correction, place: Place) -> Scalar:
        return None if place.row is None or line.column is None else self._current(line, place.row)

    def judge(self, line: Correction) -> tuple[Fit, str]:
        """Hold one decision of the log against the frame, by itself: whatever others say of its cell."""
        place = self.places[key_text(line.key)]
        return self._judge_alone(line, place, self._find_current(line, place))

    def _judge(self, line: Correction, place: Place, current: Scalar) -> tuple[Fit, str]:
        if line.id in self.disputed:
            return "disputed", self.disputed[line.id]
        status, why = self._judge_alone(line, place, current)
        told = status == "stale" and line.column is not None and line.column in self.masked
        return status, _MASKED if told else why

    def _judge_alone(self, line: Correction, place: Place, current: Scalar) -> tuple[Fit, str]:
        if place.row is None:
            if place.ambiguous:
                return "stale", place.reason
            if self._row_of(line) in self.excluded:
                return "applied", "The row is left out, as decided."
            return "absent", place.reason
        if line.column is None:
            return self._judge_row(line, place.row)
        if line.verdict in CHANGING:
            return judge_cell(line, current, corrected=self._is_corrected(line, place.row))
        if self._is_corrected(line, place.row):
            return "fits", "The cell holds an earlier correction of this log, which this decision takes back."
        if same(current, line.given) or canonical(current) == canonical(line.given):
            return "fits", "The cell holds the value that was judged."
        return (
            "stale",
            f"The cell holds {shorten(repr(current), 60)}, it was judged when it held {shorten(repr(line.given), 60)}.",
        )

    def _judge_row(self, line: Correction, row: int) -> tuple[Fit, str]:
        """A decision about a whole row fits while the row, its own corrections taken back, is what was seen."""
        digest = column_digest(line)
        columns = self.columns.get(digest)
        if columns is None or not set(columns.identity) <= set(map(str, self.frame.columns)):
            return "stale", "The columns that were seen when this row was judged are not all there."
        now = self._hash(digest, row)
        for column, given in self.sources.get(row, {}).items():
            if column in {*columns.identity, columns.label}:
                held = plain(self.frame[column].iloc[row])
                now = add_hashes(now, hash_cell(column, canonical(columns.veil.show(column, held))), -1)
                now = add_hashes(now, hash_cell(column, canonical(columns.veil.show(column, given))))
        if now == from_hex(line.row):
            return "fits", "The row is as it was when it was judged."
        return "stale", "The row has changed since it was judged."

    def _hash(self, digest: str, row: int) -> tuple[int, int]:
        one, two = self._hashes[digest][row]
        return one, two

    @cached_property
    def _hashes(self) -> dict[str, dict[int, tuple[int, int]]]:
        """The hashes of the rows that were judged as a whole, over the columns of each digest; the others are not asked for."""
        return self._hash_rows(self.corrections)

    def _hash_rows(self, lines: Sequence[Correction]) -> dict[str, dict[int, tuple[int, int]]]:
        rows: dict[str, set[int]] = defaultdict(set)
        for line in lines:
            row = self.places[key_text(line.key)].row
            if line.column is None and row is not None:
                rows[column_digest(line)].add(row)
        hashes: dict[str, dict[int, tuple[int, int]]] = {}
        for digest, wanted in rows.items():
            columns, places = self.columns.get(digest), sorted(wanted)
            if columns is None or not set(columns.identity) <= set(map(str, self.frame.columns)):
                continue  # then none of its lines fits
            names = [n for n in (*columns.identity, columns.label) if n in self.frame.columns]
            part = columns.veil.cover(self.frame.iloc[np.array(places, dtype=np.intp)])
            lanes = hash_rows(part, [str(n) for n in names]).tolist()
            hashes[digest] = {row: (one, two) for row, (one, two) in zip(places, lanes, strict=True)}
        return hashes


def judge_cell(line: Correction, current: Scalar, *, corrected: bool = False) -> tuple[Fit, str]:
    """Hold one cell's correction against the value that the cell has now; equal text decides before equal meaning.

    `corrected` says that the cell holds what an earlier decision wrote: such data is no stranger's.
    """
    value = line.value if not isinstance(line.value, list) else None
    if same(current, value):
        return "applied", _APPLIED
    if same(current, line.given) or canonical(current) == canonical(line.given):
        return "fits", _FITS
    if canonical(current) == canonical(value):
        return "applied", _APPLIED
    if corrected:
        return "fits", "The cell holds an earlier correction of this log."
    return (
        "stale",
        f"The cell holds {shorten(repr(current), 60)}; expected {shorten(repr(line.given), 60)} (as reviewed) or {shorten(repr(value), 60)} (as corrected).",
    )


def same(one: Scalar, other: Scalar) -> bool:
    """Say whether two plain scalars are written the same."""
    return (one is None) == (other is None) and str(one) == str(other)
