"""Which rows agree: an index of row hashes that answers for single rows, and writes the fingerprints of those asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dcai.base.fingerprints import Hashes

Rows = npt.NDArray[np.intp]

_DIGITS = 32  # of a hash
_LABEL_BITS = np.uint64(32)  # of a label's hash, the first ones, stand in a fingerprint


class Twins(NamedTuple):
    """The rows that others agree with, in all columns but the label.

    They stand in order of their hash, label and position: a run with one hash is a *group*, a run with one label in it
    a *class*.
    """

    place: Rows  # of each row of the table in that order, -1 for a row that is alone
    of_class: Rows  # the number of each place's class
    starts: Rows  # the place at which each class begins, and the end of the last
    labels: list[str]  # the first digits of each class's label
    groups: Rows  # the number of each class's group
    bounds: Rows  # the class at which each group begins, and the end of the last


class RowIndex:
    """The hashes of the rows of a table, to be looked up.

    Parameters
    ----------
    rows : array of uint64, shape (n, 2)
        The hash of every row over the columns that identify it, without its label.
    labels : array of uint64, shape (n, 2)
        The hash of every row's label.

    Examples
    --------
    >>> index = RowIndex(np.array([[1, 2], [3, 4], [1, 2]], dtype=np.uint64), np.zeros((3, 2), dtype=np.uint64))
    >>> index.find((1, 2)), index.mark(np.array([2]))
    ([0, 2], ['00000000000000010000000000000002:00000000:1/2'])
    """

    def __init__(self, rows: Hashes, labels: Hashes) -> None:
        self.rows = rows
        self.labels = labels

    @cached_property
    def _order(self) -> Rows:
        return np.argsort(self.rows[:, 0], kind="stable")

    @cached_property
    def _sorted(self) -> npt.NDArray[np.uint64]:
        return np.asarray(self.rows[self._order, 0], dtype=np.uint64)

    def find(self, lanes: tuple[int, int]) -> list[int]:
        """Return the rows that have a hash, in ascending order."""
        first = np.uint64(lanes[0])
        rows = self._order[np.searchsorted(self._sorted, first) : np.searchsorted(self._sorted, first, "right")]
        return [int(row) for row in rows[self.rows[rows, 1] == np.uint64(lanes[1])]]

    def base(self, row: int) -> str:
        """Write the hash of a row, without its label."""
        one, two = self.rows[row].tolist()
        return f"{one:016x}{two:016x}"

    def label(self, row: int) -> str:
        """Write the first digits of the hash of a row's label."""
        return f"{int(self.labels[row, 0] >> _LABEL_BITS):08x}"

    def mark(self, rows: npt.NDArray[np.integer]) -> list[str]:
        """Write the fingerprints of some rows; see `Table.fingerprints`."""
        text = self.rows[rows].astype(">u8").tobytes().hex()
        marks = [text[i : i + _DIGITS] for i in range(0, len(text), _DIGITS)]
        twins = self._twins if marks else None
        if twins is None:
            return marks
        sizes_of: dict[int, dict[str, int]] = {}
        places = twins.place[rows]
        for i in np.flatnonzero(places >= 0).tolist():
            its = int(twins.of_class[places[i]])
            group = int(twins.groups[its])
            if group not in sizes_of:
                sizes_of[group] = _count_classes(twins, group)
            place = int(places[i] - twins.starts[its])
            marks[i] = mark_twin(marks[i], twins.labels[its], place, sizes_of[group])
        return marks

    @cached_property
    def _twins(self) -> Twins | None:
        """The rows that are not alone; None where all are."""
        same = self._sorted[1:] == self._sorted[:-1]
        if not same.any():
            return None
        rows = self._order[np.append(same, False) | np.insert(same, 0, False)]
        labels = self.labels[rows, 0] >> _LABEL_BITS
        order = np.lexsort((rows, labels, self.rows[rows, 1], self.rows[rows, 0]))
        rows, labels = rows[order], labels[order]
        new_group = np.append(True, (self.rows[rows[1:]] != self.rows[rows[:-1]]).any(axis=1))
        number = np.cumsum(new_group) - 1
        kept = np.bincount(number)[number] > 1  # half of the hash is no proof: such a row may be alone after all
        if not kept.any():
            return None
        rows, labels, new_group = rows[kept], labels[kept], new_group[kept]
        new_class = new_group | np.append(True, labels[1:] != labels[:-1])
        starts, begins = np.flatnonzero(new_class), np.cumsum(new_group) - 1
        place = np.full(len(self.rows), -1, dtype=np.intp)
        place[rows] = np.arange(len(rows))
        return Twins(
            place,
            np.cumsum(new_class) - 1,
            np.append(starts, len(rows)),
            [f"{label:08x}" for label in labels[starts].tolist()],
            begins[starts],
            np.append(np.flatnonzero(new_group[starts]), len(starts)),
        )


def _count_classes(twins: Twins, group: int) -> dict[str, int]:
    """Count the rows of a group, by the first digits of their label."""
    classes = range(int(twins.bounds[group]), int(twins.bounds[group + 1]))
    return {twins.labels[c]: int(twins.starts[c + 1] - twins.starts[c]) for c in classes}


def mark_twin(base: str, label: str, place: int, sizes: Mapping[str, int]) -> str:
    """Write the fingerprint of a row that others agree with, from the sizes of the classes among them."""
    others = "".join(f"+{other}*{size}" for other, size in sorted(sizes.items()) if other != label)
    return f"{base}:{label}:{place}/{sizes[label]}{others}"


def number_hashes(hashes: Hashes) -> Rows:
    """Number rows by their hash, from the smallest on: the same number for equal ones, shape (n,)."""
    order = np.lexsort((hashes[:, 1], hashes[:, 0]))
    ordered = hashes[order]
    numbers = np.zeros(len(hashes), dtype=np.intp)
    numbers[order[1:]] = np.cumsum((ordered[1:] != ordered[:-1]).any(axis=1))
    return numbers
