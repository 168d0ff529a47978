"""A correction log as seen from one table: which rows its lines speak of, and how a new line names its row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dcai.base.errors import LogError
from dcai.base.fingerprints import add_hashes, canonical, from_hex, hash_cell, to_hex
from dcai.base.identity import mark_twin
from dcai.base.parts import part_of
from dcai.base.records import FINGERPRINT, Correction, Key, Scalar
from dcai.base.table import Table
from dcai.corrections.decisions.checks import Checker
from dcai.corrections.decisions.matching import Numbered, column_digest, key_names, read_columns
from dcai.corrections.decisions.slots import SEEN, Columns, Place, Slot, parse_slot
from dcai.corrections.decisions.standing import find_standing, key_text
from dcai.corrections.decisions.veils import Veil, key_behind, make_veil
from dcai.corrections.log import CorrectionLog
from dcai.corrections.reviews.trail import Trail

# What a line's `why` calls the browser's message that it was written for.
SENT = "sent"


class Ledger:
    """The log of one table, kept up to date while decisions are written.

    Parameters
    ----------
    table : Table
        The audited data. It may be the source data, or the source with some of the log's corrections applied.
    path : Path
        The log; it need not exist.
    sensitive : iterable of str
        Columns of which the log may hold keyed hashes only; `table` is then the data as the log sees it.

    Raises
    ------
    LogError
        Where the log belongs to other data: another key, label or columns.
    """

    def __init__(self, table: Table, path: Path, sensitive: Iterable[str] = ()) -> None:
        self.log = CorrectionLog.read_or_new(path)
        self._numbered: Numbered = {}
        self.veil = make_veil(sensitive, table, self.log.corrections)
        self.open = table
        self.table = self.veil.cover_table(table)
        self.columns = Columns(table.identifying, table.label, tuple(sorted(self.veil.keys.items())))
        self._refuse_foreign()
        self._index()

    def _refuse_foreign(self) -> None:
        names, ours = key_names(self.log.corrections), tuple(sorted(self.table.key)) or (FINGERPRINT,)
        if names is not None and names != ours:
            theirs, mine = (
                "their content" if n == (FINGERPRINT,) else f"the key {', '.join(map(repr, n))}" for n in (names, ours)
            )
            raise LogError(
                f"{self.log.path.name} identifies rows by {theirs}, this audit by {mine}. Audit with the same key=, or review into another log."
            )
        for columns in read_columns(self.log.corrections).values():
            if columns.label != self.table.label:
                raise LogError(
                    f"{self.log.path.name} was made for the label {columns.label!r}, this audit has {self.table.label!r}. Review into another log."
                )

    def _index(self) -> None:
        corrections, frame = self.log.corrections, self.open.frame
        known = {} if self.table.key or not corrections else {self.columns.digest: self.table.index}
        self._checker = checker = Checker(corrections, frame, known, self._numbered)
        self._misfits: dict[str, str] = {}
        self._unchecked: list[Correction] = []  # own lines, which the checker has not been told of
        self.trail = Trail(corrections)
        self._sent = _by_message(corrections)
        places = checker.places
        declared = read_columns(corrections)
        self._sources = {
            row: {column: self.veil.show(column, value) for column, value in cells.items()}
            for row, cells in checker.sources.items()
        }
        self._is_tangled = not self.table.key and self._tangle(corrections)
        self._names = SourceNames(self.table, corrections, places, self.columns.digest)
        self._row_of: dict[str, int] = {}
        self._source: dict[int, tuple[Key, str]] = {}
        for text, place in places.items():
            if place.row is not None:
                self._row_of[text] = place.row
                if not self.table.key:  # a key names its row whatever the log says
                    self._source[place.row] = self._name_source(text, place, declared)
        self._decisions: dict[int, list[Correction]] = defaultdict(list)
        for line in corrections:
            row = self.row_of(line)
            if row is not None:
                self._decisions[row].append(line)
        self._standing = {row: len(self.standing(row)) for row in self._decisions}
        self._total = sum(self._standing.values())
        self._changed = set(self._decisions)

    def _name_source(self, text: str, place: Place, declared: dict[str, Columns]) -> tuple[Key, str]:
        """The key and the row hash that a row of the frame has in the source data."""
        assert place.row is not None
        columns = declared[place.digest]
        source = self._sources.get(place.row, {})
        label = self._label_lanes(place.row)
        if columns.label in source:
            label = hash_cell(str(columns.label), canonical(source[str(columns.label)]))
        return {FINGERPRINT: text}, _row_text(from_hex(text), label, columns)

    def _label_lanes(self, row: int) -> tuple[int, int]:
        one, two = self.table.label_hashes[row].tolist()
        return one, two

    def identify(self, row: int) -> tuple[Key, str]:
        """Return the key that a row has in the source data, and its row hash there."""
        if row in self._source:
            return self._source[row]
        key: Key = self.table.keys_of([row])[0] if self.table.key else {FINGERPRINT: self._names.name(row)}
        return key, self._row_text(row)

    def _row_text(self, row: int) -> str:
        """The row hash in the source data: where a correction is applied already, with the value that it replaced."""
        one, two = self.table.row_hashes[row].tolist()
        lanes = add_hashes((one, two), self._label_lanes(row))
        for column, given in self._sources.get(row, {}).items():
            lanes = add_hashes(lanes, hash_cell(column, canonical(self.table.cell(row, column))), -1)
            lanes = add_hashes(lanes, hash_cell(column, canonical(given)))
        return f"{to_hex(lanes)}:{self.columns.digest}"

    def seen_as(self, row: int) -> str | None:
        """Return the fingerprint that a row has now, where corrections made it another one than in the source data."""
        if self.table.key:
            return None
        index = self.table.index
        (now,) = index.mark(np.array([row]))
        if self.identify(row)[0] == {FINGERPRINT: now} and not self._sources.get(row):
            return None
        base, label = index.base(row), index.label(row)
        alike = (other for other in index.find(from_hex(base)) if index.label(other) == label)
        unnamed = sum(other not in self._source for other in alike if other != row)
        return mark_twin(base, label, 0, {label: 1 + unnamed})

    def given(self, row: int, column: str, part: int | None = None) -> Scalar:
        """Return the value in the source data: where a correction is applied already, the one that it replaced."""
        cell = self._sources.get(row, {}).get(column, self.table.cell(row, column))
        return cell if part is None else part_of(cell, part)

    def is_corrected(self, row: int, column: str | None, part: int | None = None) -> bool:
        """Whether a cell, or a part of it, holds what a correction of the log wrote, and not what the source data says."""
        if column is None or column not in self._sources.get(row, {}):
            return False
        return part is None or canonical(self.given(row, column, part)) != canonical(
            part_of(self.table.cell(row, column), part)
        )

    def row_of(self, correction: Correction) -> int | None:
        """Return the row of the table that a line speaks of."""
        return self._row_of.get(key_text(correction.key))

    def standing(self, row: int) -> list[Correction]:
        """Return the decisions that stand about a row, oldest first."""
        lines = self._decisions.get(row)
        return find_standing(lines, lambda _: row) if lines else []

    def misfit(self, line: Correction) -> str:
        """Say why a decision no longer counts, as the data has moved on; empty where it fits or is done."""
        if line.id not in self._misfits:
            status, why = self._checker.judge(line)
            self._misfits[line.id] = "" if status in ("fits", "applied") else why
        return self._misfits[line.id]

    def append(self, drafts: list[Correction], rows: Sequence[int | None]) -> list[Correction]:
        """Write decisions about rows (None: not in this table); they are on disk when this returns."""
        before = self.log.corrections
        self.log = self.log.append(*drafts)
        added = list(self.log.corrections[len(self.log) - len(drafts) :])
        if self.log.corrections[: -len(drafts) or None] != before:  # another process has changed the file meanwhile
            self._take_in(before)
            return added
        self._sent |= _by_message(added)
        self._is_tangled = self._is_tangled or (not self.table.key and self._tangle(added))
        self.trail.add(added)
        self._unchecked += added
        for line, row in zip(added, rows, strict=True):
            self._misfits[line.id] = ""  # it was made from the data at hand
            if row is not None:
                self._row_of.setdefault(key_text(line.key), row)
                self._source.setdefault(row, (line.key, line.row))
                self._decisions[row].append(line)
        self._count({row for row in rows if row is not None})
        return added

    def catch_up(self) -> None:
        """Read what others have changed in the file since."""
        known, self.log = self.log, self.log.catch_up()
        if self.log is not known and self.log.corrections != known.corrections:
            self._take_in(known.corrections)

    def _take_in(self, before: tuple[Correction, ...]) -> None:
        """Take in lines that others have added, or taken out: then nothing may stand about a row any more."""
        lines = self.log.corrections
        added = lines[len(before) :]
        later = lines[: len(before)] == before and min(c.id for c in added) > max((c.id for c in before), default="")
        if before and later and not any(c.columns for c in added) and self._leave_names(added):
            self._take_later(added)
            return
        rows = set(self._decisions)
        self._index()
        self._changed |= rows

    def _leave_names(self, added: Sequence[Correction]) -> bool:
        """Whether lines can be taken in without matching all rows anew: keys stay, and so do fingerprints that nothing touches."""
        if self.table.key:
            return True
        alone = all(len(self.table.index.find(from_hex(key_text(c.key)))) == 1 for c in added)
        return alone and not (self._sources or self._names.left_out or self._is_tangled or self._tangle(added))

    def _tangle(self, lines: Iterable[Correction]) -> bool:
        """Whether lines may change fingerprints, or are about rows with twins, or about other columns."""
        inside, digest = {*self.columns.identity}, self.columns.digest
        return any(
            (c.column in inside and c.verdict in ("edit", "relabel"))
            or ":" in key_text(c.key)
            or SEEN in c.why
            or column_digest(c) != digest
            for c in lines
        )

    def _take_later(self, added: Sequence[Correction]) -> None:
        """Take in lines that came after all others, and leave every row its name: only what is known of their rows changes."""
        texts = {key_text(c.key) for c in added}
        about = [c for text in texts if (row := self._row_of.get(text)) is not None for c in self._decisions[row]]
        self._checker.take([*self._unchecked, *added], [*about, *added])
        self._unchecked = []
        self.trail.add(sorted(added, key=lambda c: c.id))
        for message, sent in _by_message(added).items():
            self._sent[message] = [*self._sent.get(message, []), *sent]
        places = {text: self._checker.places[text].row for text in texts}
        self._row_of |= {text: row for text, row in places.items() if row is not None}
        for line in added:
            row = self.row_of(line)
            if row is not None:
                self._decisions[row].append(line)
        rows = {row for row in places.values() if row is not None}
        for row in rows:
            self._show_sources(row)
        for text, row in places.items():
            if row is not None and not self.table.key:
                self._source[row] = self._name_source(text, self._checker.places[text], self._checker.columns)
        self._count(rows)

    def _show_sources(self, row: int) -> None:
        """Know what the cells of a row held in the source data, as the log may tell it."""
        cells = self._checker.sources.get(row, {})
        self._sources.pop(row, None)
        if cells:
            self._sources[row] = {column: self.veil.show(column, value) for column, value in cells.items()}
        for line in self._decisions[row]:
            self._misfits.pop(line.id, None)

    def find_sent(self, message: str) -> list[Correction]:
        """Return the lines that a message of a browser has led to, by the message's own name."""
        return self._sent.get(message, [])

    def _count(self, rows: Iterable[int]) -> None:
        for row in rows:
            self._changed.add(row)
            now = len(self.standing(row))
            self._total += now - self._standing.get(row, 0)
            self._standing[row] = now

    def fetch_changed(self) -> list[int]:
        """Return the rows about which something was decided since this was last asked."""
        rows = list(self._changed)
        self._changed.clear()
        return rows

    def count_standing(self) -> int:
        """Count the decisions that stand about rows of this table."""
        return self._total

    # ------------------------------------------------------------ what can be taken back

    def take_back(self, target: Correction, by: str) -> Correction:
        """Make the line that undoes another, without its id and time; what was hidden since is not written in clear again."""
        key: Key = {name: _veiled(self.veil, name, value) for name, value in target.key.items()}
        given = target.given if target.column is None else _veiled(self.veil, target.column, target.given)
        return Correction(
            v=0, id="", verdict="undo", key=key, part=target.part, column=target.column, given=given,
            value=None, row=target.row, by=by, at="", why={k: v for k, v in target.why.items() if k in ("batch", "trial")}, note="",
            undoes=target.id,
        )  # fmt: skip


def _by_message(lines: Iterable[Correction]) -> dict[str, list[Correction]]:
    sent: dict[str, list[Correction]] = defaultdict(list)
    for line in lines:
        if SENT in line.why:
            sent[str(line.why[SENT])].append(line)
    return dict(sent)


def _veiled(veil: Veil, column: str, value: Scalar) -> Scalar:
    return value if key_behind(value) else veil.show(column, value)


class SourceNames:
    """The fingerprints that rows without a line in the log have in the source data.

    They differ from those in the frame at hand where corrections were applied to it: a row that was alone of its kind
    may have got twins by an edit of another, or lost them.
    """

    def __init__(
        self, table: Table, corrections: Sequence[Correction], places: Mapping[str, Place], digest: str
    ) -> None:
        self.table = table
        self.slots: dict[int, Slot] = {}
        self.left_out: list[Slot] = []
        self._named: dict[str, dict[int, str]] = {}
        rows = {key_text(c.key): c.row for c in corrections if column_digest(c) == digest}
        for text, place in () if table.key else places.items():
            if place.row is not None and place.digest == digest:
                self.slots[place.row] = parse_slot(text, rows.get(text, ""))
            elif place.row is None and text in rows:
                self.left_out.append(parse_slot(text, rows[text]))

    @cached_property
    def _by_base(self) -> dict[str, list[tuple[int, Slot]]]:
        """The rows that the log names, by the fingerprint that they have in the source."""
        named: dict[str, list[tuple[int, Slot]]] = defaultdict(list)
        for row, slot in self.slots.items():
            named[slot.base].append((row, slot))
        return named

    def _find_class(self, base: str) -> dict[str, list[int | None]]:
        """The rows of the source that have a fingerprint, by label; None for one that is not in the frame."""
        index = self.table.index
        here = {row: index.label(row) for row in index.find(from_hex(base)) if row not in self.slots}
        here |= {row: slot.label for row, slot in self._by_base.get(base, ())}
        group: dict[str, list[int | None]] = defaultdict(list)
        for row in sorted(here):
            group[here[row]].append(row)
        for slot in self.left_out:
            if slot.base == base:
                group[slot.label].append(None)
        return group

    def name(self, row: int) -> str:
        """Return the fingerprint of a row that no line of the log names."""
        index = self.table.index
        if not self.slots and not self.left_out:
            return index.mark(np.array([row]))[0]
        base = index.base(row)
        if base not in self._named:
            self._named[base] = self._name_class(base)
        return self._named[base][row]

    def _name_class(self, base: str) -> dict[int, str]:
        """Write the fingerprints of all rows with one hash that no line of the log names."""
        group = self._find_class(base)
        sizes = {name: len(rows) for name, rows in group.items()}
        alone = sum(sizes.values()) == 1
        named: dict[str, set[int]] = defaultdict(set)
        for slot in [*(slot for _, slot in self._by_base.get(base, ())), *self.left_out]:
            if slot.base == base:
                named[slot.label].add(slot.place)
        names: dict[int, str] = {}
        for label, rows in group.items():
            free = (place for place in range(sizes[label]) if place not in named[label])
            unnamed = (r for r in rows if r is not None and r not in self.slots)
            for row, place in zip(unnamed, free, strict=False):
                names[row] = base if alone else mark_twin(base, label, place, sizes)
        return names


def _row_text(row: tuple[int, int], label: tuple[int, int], columns: Columns) -> str:
    """Write the `row` field of a line: the hash of the row with its label, and of its columns."""
    return f"{to_hex(add_hashes(row, label))}:{columns.digest}"


def draft_correction(ledger: Ledger, row: int, **fields: Any) -> Correction:
    """Make a line about a row, without its id and time, which the log gives it."""
    key, text = ledger.identify(row)
    column, seen = fields["column"], ledger.seen_as(row)
    if seen is not None:
        fields["why"] = {**fields["why"], SEEN: seen}
    return Correction(
        v=0, id="", key=key, given=None if column is None else ledger.given(row, column, fields["part"]), row=text, at="",
        columns=list(ledger.columns.identity), label=ledger.columns.label, veiled=dict(ledger.veil.keys) or None, **fields,
    )  # fmt: skip
