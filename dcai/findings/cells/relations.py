"""Relations: the columns of a table by number, what they settle in each other, and the cells that break it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dcai.base.fingerprints import distinct_meanings
from dcai.base.table import Table
from dcai.findings.cells.breaches import Breaches, find_breaches
from dcai.findings.cells.dependencies import mine_dependencies
from dcai.findings.cells.partitions import Codes, combine
from dcai.findings.cells.placeholders import says_nothing

MOST_PEERS = 20
MOST_COLUMNS = 200
LEAST_DOUBT = 0.6
OPEN_DOUBT = 0.45  # of two cells that contradict each other, where nothing tells which one is wrong


@dataclass(frozen=True, eq=False)
class Relations:
    """What the columns of a table say about each other.

    Attributes
    ----------
    names : tuple of str
        The columns that were looked at.
    codes : array of int, shape (n, m)
        Their cells by number, equal for cells that are written differently but mean one value; -1 for empty ones.
    cells : tuple of sequences
        For each column, the commonest cell of each number.
    breaches : Breaches
        The cells that break dependencies.
    left_out : tuple of str
        The columns that were not looked at, for there were too many.
    """

    names: tuple[str, ...]
    codes: Codes
    cells: tuple[Sequence[Any], ...]
    breaches: Breaches
    left_out: tuple[str, ...] = ()

    def choose(self, *, empty: bool) -> npt.NDArray[np.intp]:
        """Return the places of the breaches worth a finding: of empty cells, or of all others."""
        found = self.breaches
        is_empty = self.codes[found.row, found.column] < 0 if len(found.row) else np.empty(0, dtype=bool)
        enough = found.doubt >= np.where(found.tied, OPEN_DOUBT, LEAST_DOUBT)
        return np.flatnonzero((is_empty == empty) & enough & ~self._void)

    @cached_property
    def _void(self) -> npt.NDArray[np.bool_]:
        """Which breaches are voted down by a word for "nothing": rows that say so know less, not better."""
        found = self.breaches
        void = [[isinstance(v, str) and says_nothing(v) for v in its] for its in self.cells]
        return np.array([v >= 0 and void[c][v] for c, v in zip(found.column, found.code, strict=True)], dtype=bool)

    def suggest(self, places: Sequence[int] | npt.NDArray[np.intp]) -> list[Any]:
        """Return the cell that the groups of each of these breaches vote for, None where there is none."""
        found = self.breaches
        pairs = zip(found.column[places], found.code[places], strict=True)
        return [self.cells[c][v] if v >= 0 else None for c, v in pairs]

    def find_peers(self, places: npt.NDArray[np.intp]) -> list[list[int]]:
        """Return for each of these breaches rows of its group that hold the value voted for."""
        found, peers = self.breaches, [[] for _ in places]  # type: tuple[Breaches, list[list[int]]]
        which = found.dependency[places]
        for place in np.unique(which[which >= 0]):
            known = found.dependencies[place]
            left = combine(found.mended, known.left)
            right = self.codes[:, known.right]
            order = np.lexsort((right, left))
            keys = left[order] * (right.max() + 1) + right[order]
            for i in np.flatnonzero(which == place):
                row, code = found.row[places[i]], found.code[places[i]]
                start = np.searchsorted(keys, left[row] * (right.max() + 1) + code)
                same = order[start : start + MOST_PEERS + 1]
                same = same[(left[same] == left[row]) & (right[same] == code) & (same != row)]
                peers[i] = [int(p) for p in same[:MOST_PEERS]]
        return peers


def relate_columns(table: Table) -> Relations:
    """Number the cells of a table, mine what its columns settle in each other, and find the cells that break it.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"zip": np.repeat(np.arange(20), 5), "city": np.repeat(list("abcd"), 25)})
    >>> frame.loc[7, "city"] = "c"
    >>> found = relate_columns(Table(frame))
    >>> found.suggest(found.choose(empty=False))
    ['a']
    """
    usable = [n for n in table.features if table.kinds[n] not in ("image", "other", "empty")]
    names, left_out = usable[:MOST_COLUMNS], usable[MOST_COLUMNS:]
    numbered = [_number_cells(table.frame[name]) for name in names]
    codes = np.column_stack([c for c, _ in numbered]) if names else np.empty((len(table), 0), dtype=np.int64)
    cells = tuple(c for _, c in numbered)
    dependencies = mine_dependencies(codes)
    texts = [[str(v) for v in its] for its in cells] if dependencies else None
    breaches = find_breaches(codes, dependencies, texts)
    return Relations(tuple(names), codes, cells, breaches, tuple(left_out))


class _Numbers(Sequence[Any]):
    """Numbers that are Python's own when they are asked for: as a list they would take five times the memory."""

    def __init__(self, values: npt.NDArray[Any]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: Any) -> Any:
        return self.values[place].item()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values.tolist())


def _number_cells(column: Any) -> tuple[Codes, Sequence[Any]]:
    """Number the cells of a column by what they mean; blank texts are empty. Return the commonest writing of each."""
    written, distinct, meanings = distinct_meanings(column)
    rows = np.bincount(written[written >= 0], minlength=len(distinct))
    filled = np.flatnonzero(meanings >= 0)
    # Of each meaning the commonest cell comes first, of equals the first.
    order = filled[np.lexsort((filled, -rows[filled], meanings[filled]))]
    faces = order[np.flatnonzero(np.diff(meanings[order], prepend=-1))]
    codes = np.append(meanings, -1)[written].astype(np.int64)
    if isinstance(distinct, np.ndarray):
        return codes, _Numbers(distinct[faces])
    return codes, [distinct[i] for i in faces.tolist()]
