"""How a column writes its values: the one way that most of them follow, and the values that are written otherwise.

Only columns of one type are judged: numbers, moments, durations and codes. A column of texts has no way of writing that
a value could miss. A type has attributes (unit, currency, marks of thousands, order of day and month ...), and each is
judged on its own, on those values alone that could show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dcai.base.display import show_share
from dcai.findings.cells.formats import Moment, most_common
from dcai.findings.cells.shapes import read_moments, write_shapes

TYPED = 0.6  # of the rows: then the column is of this type
FEWEST_ROWS = 20
FEW_ALIEN = 0.25  # beyond it, what is not of the type is a type of its own
MAJORITY = 0.5
RECURRING = 3
USUAL = 0.05  # of the rows: what so many have is a way of writing, too


@dataclass(frozen=True, slots=True)
class Unlike:
    """A value that is not written as its column writes values, and how it would be."""

    doubt: float
    reason: str
    suggested: str | None = None
    confidence: float = float("nan")


@dataclass(frozen=True, eq=False)
class Writing:
    """The distinct texts of a column, with their rows; disguised empties are left out."""

    name: str
    rows: Mapping[str, int]
    marked: bool = False  # whether other columns of the table have marks of thousands, too: then they are its habit

    @cached_property
    def total(self) -> int:
        """The rows of all texts."""
        return sum(self.rows.values())

    @cached_property
    def shapes(self) -> Mapping[str, str]:
        """The shape of every text, with all lengths."""
        return dict(zip(self.rows, write_shapes(list(self.rows)), strict=True))

    @cached_property
    def shape_rows(self) -> Mapping[str, int]:
        """The rows of each shape."""
        return dict(self.rank(self.shapes.__getitem__, list(self.rows)))

    @cached_property
    def moments(self) -> Mapping[str, Moment]:
        """The texts that are dates or times, read."""
        return read_moments(list(self.rows))

    def share(self, values: Sequence[str]) -> float:
        """Return the share of the rows that hold one of these values."""
        return sum(self.rows[v] for v in values) / max(self.total, 1)

    def rank(self, key: Callable[[str], str], values: Sequence[str]) -> list[tuple[str, int]]:
        """Count the rows by a key of their value, most first."""
        return most_common([key(v) for v in values], [self.rows[v] for v in values])


def doubt_of(share: float) -> float:
    """Say how doubtful a writing is that this share of the column has: a rare one more than a frequent one.

    Examples
    --------
    >>> [round(doubt_of(share), 2) for share in (0.001, 0.05, 0.45)]
    [0.9, 0.86, 0.54]
    """
    return 0.9 - 0.8 * share


def describe(name: str, usual: str, rows: int, total: int) -> str:
    """Say how a column usually writes its values."""
    return f"{show_share(rows / max(total, 1))} of {name!r} are written like {usual!r}"


def find_longer(ranked: Sequence[tuple[str, int]], total: int) -> set[str]:
    """Choose the shapes that say more than the first, where that is usual: a telephone number with its extension.

    Examples
    --------
    >>> find_longer([("9{5}", 70), ("9{5}-9{4}", 29), ("9{4}", 1)], 100), find_longer([("9{5}", 99), ("9{5}-9{4}", 1)], 100)
    ({'9{5}-9{4}'}, set())
    """
    top = ranked[0][0]
    longer = {s: rows for s, rows in ranked if s.startswith(top) and any(c in "Aa9" for c in s[len(top) :])}
    return set(longer) if sum(longer.values()) > USUAL * total else set()
