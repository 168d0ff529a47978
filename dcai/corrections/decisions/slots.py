"""Find rows by fingerprint, also after some of their own corrections were applied, and among rows that look the same.

A fingerprint is a sum over cells, so the fingerprints that a row may have after some of its corrections were applied
follow from the corrections alone. Each row of the source data that the log knows of is a *slot* with the states that
it may be in now; slots are matched to the rows of the frame so that as many slots as possible have a row, as few rows
as possible that look like a slot's source are left without one, and, where that leaves a choice, as many corrections
as possible are done already. Rows that agree in everything are interchangeable, so the choice among them is free.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import LogError, shorten
from dcai.base.fingerprints import add_hashes, canonical, from_hex, hash_cell, hash_rows, plain, to_hex
from dcai.base.identity import RowIndex, mark_twin
from dcai.base.parts import part_of
from dcai.base.records import Correction, Scalar
from dcai.corrections.decisions.moments import Change, State, guess_moment
from dcai.corrections.decisions.standing import find_standing
from dcai.corrections.decisions.veils import Veil

# Up to this many combinations of one row's written values are all tried; beyond it only those that stood at some time.
STATE_LIMIT = 64
LABEL_DIGITS = 8
# The entry of a line's `why` that holds the fingerprint which the row had when the decision was taken, where earlier
# corrections had changed it: among itself and those rows of its state that no line had named by then.
SEEN = "seen"
# Costs of a matching, each far above all that stand below it.
_UNMATCHED, _OTHER_LABEL, _EXPLAINED, _EXPECTED, _DONE, _OUT, _WRITTEN = 1e9, 1e6, 1e3, 30.0, 1.0, 1e-2, 1e-4


@dataclass(frozen=True)
class Columns:
    """The columns that a log's fingerprints and row hashes cover: `identity` (the label left out) and the label.

    `veiled` are those of them that are covered by their keyed hashes, each with the name of its key.
    """

    identity: tuple[str, ...]
    label: str | None
    veiled: tuple[tuple[str, str], ...] = ()

    @cached_property
    def digest(self) -> str:
        """Name this set of columns by a short hash."""
        hidden = "".join(f"\x1e{name}\x1f{key}" for name, key in self.veiled)
        return to_hex(hash_cell("\x1e".join(self.identity), f"label:{self.label}{hidden}"))[:8]

    @property
    def veil(self) -> Veil:
        """What covers the columns."""
        return Veil(dict(self.veiled))


@dataclass(frozen=True)
class Place:
    """Where a key's row is in a frame: its position, or None and why. `digest` names the fingerprint's columns."""

    row: int | None
    reason: str = ""
    ambiguous: bool = False
    digest: str = ""


ABSENT = Place(None, "No row of this data has that key.")


@dataclass
class Slot:
    """One row of the source data: its fingerprint, and the states that it may be in now with the edits that they took.

    `keyed` slots are named by the log; the others are known because a keyed one was seen among them. A slot that is
    not `sure` was seen only after corrections had been applied, and need not have been a row of the source.
    `sizes` counts the rows that agreed with it, by label; `written` is what its latest corrections wrote.
    """

    text: str
    base: str
    label: str
    place: int
    sizes: dict[str, int]
    keyed: bool = True
    sure: bool = True
    states: dict[State, int] = field(default_factory=dict)
    lines: list[Correction] = field(default_factory=list)
    gone: bool = False
    written: dict[tuple[str, int | None], Scalar] = field(default_factory=dict)
    row: int | None = None

    @property
    def source(self) -> State:
        """The state that the row had in the source data."""
        return self.base, self.label


class Finder:
    """Finds the fingerprints of one set of columns in one frame; `index` holds the frame's rows, where it is known."""

    def __init__(self, columns: Columns, frame: pd.DataFrame, index: RowIndex | None = None) -> None:
        self.columns = columns
        self.frame = frame
        self.index = make_index(columns, frame) if index is None else index
        self.seen: set[State] = set()

    def state_of(self, row: int) -> State:
        """Return the state that a row of the frame is in."""
        return self.index.base(row), self.index.label(row)

    def find(self, lines_of: Mapping[str, list[Correction]], row_texts: Mapping[str, str]) -> dict[str, Place]:
        """Find the row of every fingerprint, and the source fingerprint of every row that looks like one of them.

        Parameters
        ----------
        lines_of : mapping of str to list of Correction
            The lines that count for each fingerprint, oldest first.
        row_texts : mapping of str to str
            The `row` field of each fingerprint's lines.
        """
        slots = self._make_slots(lines_of, row_texts)
        for component in self._split(slots):
            self._match(component)
        classes: dict[State, list[Slot]] = defaultdict(list)
        for slot in slots:
            if slot.sure:
                classes[slot.source].append(slot)
        places: dict[str, Place] = {}
        matched = {slot.row for slot in slots if slot.row is not None}
        for source, members in classes.items():
            here = self.index.find(from_hex(source[0]))
            extra = sum(self.index.label(r) == source[1] and r not in matched for r in here)
            places |= self._place_class(members, extra)
        return places

    # ------------------------------------------------------------ slots and their states

    def _make_slots(self, lines_of: Mapping[str, list[Correction]], row_texts: Mapping[str, str]) -> list[Slot]:
        slots = []
        for text, lines in lines_of.items():
            slot = parse_slot(text, row_texts[text])
            slot.lines = lines
            slot.states = self._find_states(slot, lines)
            slot.written = {(str(c.column), c.part): _written_by(c) for c in lines if c.column is not None}
            slot.gone = any(c.verdict == "exclude" for c in find_standing(lines))
            slots.append(slot)
        return slots + self._make_neighbours(slots) + self._make_seen(slots, lines_of)

    def _make_neighbours(self, slots: list[Slot]) -> list[Slot]:
        """The rows that agreed with a slot in everything when it was decided, and are named by no line."""
        taken = {(slot.source, slot.place) for slot in slots}
        sizes: dict[str, dict[str, int]] = defaultdict(dict)
        for slot in slots:
            sizes[slot.base] = {**slot.sizes, **sizes[slot.base]}
        return [
            _neighbour(base, label, place, counts)
            for base, counts in sizes.items()
            for label, size in counts.items()
            for place in range(size)
            if ((base, label), place) not in taken
        ]

    def _make_seen(self, slots: list[Slot], lines_of: Mapping[str, list[Correction]]) -> list[Slot]:
        """The rows that agreed with a corrected row when a further decision about that one was taken."""
        known = {slot.base for slot in slots}
        found: dict[State, int] = {}
        for lines in lines_of.values():
            for line in lines:
                seen = line.why.get(SEEN)
                if isinstance(seen, str):
                    twin = parse_slot(seen, "")
                    self.seen.add(twin.source)
                    # Rows that the log named only later were among the unnamed ones.
                    later = sum(
                        twin.source in s.states and lines_of[s.text][0].id > line.id for s in slots if lines_of[s.text]
                    )
                    found[twin.source] = max(found.get(twin.source, 0), twin.sizes[twin.label] - 1 - later)
        return [
            _neighbour(base, label, place, {label: size}, sure=False)
            for (base, label), size in found.items()
            if base not in known
            for place in range(size)
        ]

    def _find_states(self, slot: Slot, lines: list[Correction]) -> dict[State, int]:
        states: dict[State, int] = {}
        for chosen in _combine(self._find_edits(lines), lines):
            state = self._change(slot.source, chosen)
            states[state] = max(states.get(state, 0), len(chosen))
        return states

    def _find_edits(self, lines: list[Correction]) -> list[Correction]:
        inside = {*self.columns.identity, self.columns.label}
        # A part's new value says nothing of the hash of its cell; rows whose label differs are candidates anyway.
        return [c for c in lines if c.verdict in ("edit", "relabel") and c.column in inside and c.part is None]

    def _change(self, source: State, edits: Iterable[Correction]) -> State:
        """Return the state of a row after edits of it, one of each cell."""
        lanes, label = from_hex(source[0]), source[1]
        for line in {c.column: c for c in edits}.values():
            column, new = str(line.column), hash_cell(str(line.column), canonical(line.value))
            if column == self.columns.label:
                label = to_hex(new)[:LABEL_DIGITS]
            else:
                lanes = add_hashes(add_hashes(lanes, hash_cell(column, canonical(line.given)), -1), new)
        return to_hex(lanes), label

    def _guess_states(self, slots: list[Slot], rows: list[State]) -> list[State | None]:
        """Return the state that each slot has at the moment of the log which the rows show, None where it is left out."""
        sure = [slot for slot in slots if slot.sure]
        changes = [change for i, slot in enumerate(sure) for change in self._find_changes(i, slot)]
        spare = Counter(slot.source for slot in slots if not slot.sure)
        guessed = iter(guess_moment([slot.source for slot in sure], changes, Counter(rows), spare))
        return [next(guessed) if slot.sure else slot.source for slot in slots]

    def _find_changes(self, number: int, slot: Slot) -> Iterator[Change]:
        """Tell what the row of a slot was after each of its lines."""
        for count, line in enumerate(slot.lines, start=1):
            stood = find_standing(slot.lines[:count])
            gone = any(c.verdict == "exclude" for c in stood)
            yield Change(line.id, number, None if gone else self._change(slot.source, self._find_edits(stood)))

    # ------------------------------------------------------------ matching

    def _candidates(self, slot: Slot) -> Iterator[int]:
        for name in {name for name, _ in slot.states}:
            yield from self.index.find(from_hex(name))

    def _split(self, slots: list[Slot]) -> Iterable[list[Slot]]:
        """Split the slots into groups that share no candidate row."""
        parent: dict[object, object] = {}

        def find(node: object) -> object:
            while parent.setdefault(node, node) != node:
                parent[node] = parent[parent[node]]
                node = parent[node]
            return node

        for slot in slots:
            for name in {slot.base, *(name for name, _ in slot.states)}:
                parent[find(name)] = find(slot.text)
        groups: dict[object, list[Slot]] = defaultdict(list)
        for slot in slots:
            groups[find(slot.text)].append(slot)
        return groups.values()

    def _match(self, slots: list[Slot]) -> None:
        rows = sorted({row for slot in slots for row in self._candidates(slot)})
        if len(slots) == len(rows) == 1 and slots[0].keyed and not slots[0].gone:
            slots[0].row = rows[0]  # there is no choice
            return
        slots, rows = self._settle_plain(slots, rows)
        known, states = {slot.source for slot in slots} | self.seen, [self.state_of(row) for row in rows]
        # Where there is no choice, nothing needs to be guessed.
        plain = len(slots) == 1 and len(rows) <= 1
        expected = [slots[0].source] if plain else self._guess_states(slots, states)
        cost = np.full((len(slots), len(rows) + len(slots)), np.inf)
        for i, slot in enumerate(slots):
            hashes = {name: max(n for (h, _), n in slot.states.items() if h == name) for name, _ in slot.states}
            # A row that was left out has all its other corrections behind it; those of rows that are there count more.
            done = _OUT if slot.gone else _DONE
            out = -done * (1 + max(slot.states.values()))
            cost[i, len(rows) + i] = out if slot.gone else _UNMATCHED if slot.sure else 0.0
            if slot.gone and expected[i] is None:
                cost[i, len(rows) + i] -= _EXPECTED
            for j, row in enumerate(rows):
                state = states[j]
                if state in slot.states:
                    cost[i, j] = -done * slot.states[state]
                elif state[0] in hashes and slot.keyed:
                    cost[i, j] = _OTHER_LABEL - done * hashes[state[0]]
                if state in known:
                    cost[i, j] -= _EXPLAINED
                if state == expected[i]:
                    cost[i, j] -= _EXPECTED
                cost[i, j] -= _WRITTEN * self._count_written(slot, row)
        for i, j in enumerate(_assign(cost)):
            if j < len(rows) and cost[i, j] < _UNMATCHED:
                slots[i].row = rows[j]
        self._return_gone(slots, rows)

    def _return_gone(self, slots: list[Slot], rows: list[int]) -> None:
        """Find a row that was to be left out and is there under a label that nobody here gave it."""
        free = sorted(set(rows) - {slot.row for slot in slots})
        for slot in slots:
            if slot.gone and slot.row is None:
                slot.row = next((row for row in free if self.index.base(row) == slot.base), None)
                free = [row for row in free if row != slot.row]

    def _count_written(self, slot: Slot, row: int) -> int:
        """Count the corrections whose very text stands in the row: "" and N/A mean the same, and are not."""
        cells = {name: plain(self.frame[name].iloc[row]) for name, _ in slot.written if name in self.frame}
        return sum(
            str(cells[name] if part is None else part_of(cells[name], part)) == str(v)
            for (name, part), v in slot.written.items()
            if name in cells
        )

    def _settle_plain(self, slots: list[Slot], rows: list[int]) -> tuple[list[Slot], list[int]]:
        """Match most of the undecided slots of large classes at once: they are interchangeable, and so are their rows."""
        keyed = sum(slot.keyed for slot in slots)
        plain: dict[State, list[Slot]] = defaultdict(list)
        for slot in slots:
            if not slot.keyed:
                plain[slot.source].append(slot)
        done: set[int] = set()
        for source, members in plain.items():
            here = [r for r in rows if self.state_of(r) == source]
            for slot, row in zip(members, here[keyed:], strict=False):
                slot.row = row
                done.add(row)
        return [s for s in slots if s.row is None], [r for r in rows if r not in done]

    # ------------------------------------------------------------ results

    def _place_class(self, members: list[Slot], extra: int) -> dict[str, Place]:
        """Say where the slots of one class are; unchanged ones keep their order."""
        size = len(members)
        if extra:
            reason = f"{extra + size} rows now look like the row that was decided; then it was {size}. Which of them is meant cannot be told."
            return {slot.text: Place(None, reason, ambiguous=True) for slot in members if slot.keyed}
        same = [s for s in members if s.row is not None and self.state_of(s.row) == s.source]
        for slot, row in zip(
            sorted(same, key=lambda s: s.place), sorted(s.row for s in same if s.row is not None), strict=True
        ):
            slot.row = row
        return {
            slot.text: ABSENT if slot.row is None else Place(slot.row, digest=self.columns.digest)
            for slot in members
            if slot.keyed or slot.row is not None
        }


def _written_by(line: Correction) -> Scalar:
    """Return what a line's cell holds once it is applied: what changes nothing puts the source's value back."""
    return line.value if line.verdict in ("edit", "relabel") and not isinstance(line.value, list) else line.given


def _assign(cost: npt.NDArray[np.float64]) -> list[int]:
    """Give each row of a cost matrix a column of its own, so that their sum is the least."""
    if len(cost) == 1:
        return [int(cost[0].argmin())]
    from scipy.optimize import linear_sum_assignment

    return [int(column) for column in linear_sum_assignment(cost)[1]]


def make_index(columns: Columns, frame: pd.DataFrame) -> RowIndex:
    """Hash the rows of a frame over the columns of a log; the label's hashes are zero where the frame has no label."""
    rows = hash_rows(frame, columns.identity)
    labelled = columns.label is not None and columns.label in frame.columns
    return RowIndex(rows, hash_rows(frame, [str(columns.label)] if labelled else []))


def _neighbour(base: str, label: str, place: int, sizes: dict[str, int], *, sure: bool = True) -> Slot:
    text = mark_twin(base, label, place, sizes) + ("" if sure else ":seen")
    return Slot(text, base, label, place, sizes, keyed=False, sure=sure, states={(base, label): 0})


def parse_slot(text: str, row_text: str) -> Slot:
    """Read a fingerprint; that of a row without twins says its label only through the row hash."""
    try:
        if ":" not in text:
            label = to_hex(add_hashes(from_hex(row_text), from_hex(text), -1))[:LABEL_DIGITS]
            return Slot(text, text, label, 0, {label: 1})
        base, label, counts = text.split(":")
        from_hex(base)  # refuses what is no hash
        own, *others = counts.split("+")
        place, size = own.split("/")
        sizes = {label: int(size)} | {name: int(count) for name, count in (o.split("*") for o in others)}
        return Slot(text, base, label, int(place), sizes)
    except ValueError as error:
        raise LogError(
            f"The fingerprint {shorten(text, 80)!r} of the log is malformed. Restore the file from git."
        ) from error


def _combine(edits: list[Correction], lines: list[Correction]) -> list[list[Correction]]:
    """Return the sets of edits, one for each cell at most, that may have been applied to a row."""
    options: dict[str, dict[str | None, Correction]] = defaultdict(dict)
    for line in edits:
        options[str(line.column)][canonical(line.value)] = line
    if math.prod(len(values) + 1 for values in options.values()) <= STATE_LIMIT:
        choices = itertools.product(*([None, *values.values()] for values in options.values()))
        return [[line for line in chosen if line is not None] for chosen in choices]
    wanted = {line.id for line in edits}
    stood = [find_standing(lines[:count]) for count in range(len(lines) + 1)]
    return [list({line.column: line for line in then if line.id in wanted}.values()) for then in stood]
