"""Arithmetic between columns: sums and products that nearly all rows keep, and the cells of those that do not.

A total is the sum of its parts, an amount is a price times a quantity or a rate of another amount. Which cell of a broken
row is wrong, other equations tell: the cell that all broken ones have in common and that no kept one holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.findings.shape import join_findings, make_findings

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
HOLDS = 0.85  # of the rows: then it is an equation, and the others break it
BY_CHANCE = 0.05  # of shuffled rows that keep it, too
FEWEST_ROWS = 50
FEWEST_VALUES = 20
MOST_COLUMNS = 40
SAMPLE = 500
MOST_DECIMALS = 4
NEARLY = 0.05  # a sample may show so much less than holds
TRIVIAL = 0.5  # of the rows in which the result is one of its parts: nothing is computed there
SURE, OPEN = 0.85, 0.5
ROUNDING = 1e-6
_SIGNS = {"+": "+ {}", "*": "\N{MULTIPLICATION SIGN} {}", "%": "\N{MULTIPLICATION SIGN} {} / 100"}


@dataclass(frozen=True, eq=False)
class Equation:
    """A column that is computed from two others: its names, the sign between them, and what it should be in each row."""

    left: tuple[str, str]
    sign: str
    result: str
    expected: Floats
    kept: Flags
    broken: Flags

    @property
    def text(self) -> str:
        """The equation as people write it."""
        one, other = map(repr, self.left)
        return f"{self.result!r} = {one} {_SIGNS[self.sign].format(other)}"


def find_miscalculated(frame: pd.DataFrame, columns: Mapping[str, Floats]) -> pd.DataFrame:
    """Find the rows that break an equation which nearly all rows keep.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows.
    columns : mapping of str to array
        The columns of numbers; NaN where there is none.

    Returns
    -------
    pandas.DataFrame
        One finding about each cell that explains what is broken; about the computed cell where nothing tells.

    Examples
    --------
    >>> net, tax = np.arange(200.0) * 7 % 97 + 3, np.arange(200.0) * 5 % 31 + 1
    >>> total = net + tax
    >>> total[9] += 50
    >>> columns = {"net": net, "tax": tax, "total": total}
    >>> found = find_miscalculated(pd.DataFrame(columns), columns)
    >>> found[["row", "column", "suggested"]].values.tolist() == [[9, "total", total[9] - 50]]
    True
    """
    names = [n for n in list(columns)[:MOST_COLUMNS] if len(np.unique(columns[n][~np.isnan(columns[n])])) > 1]
    known = [e for e in _list_equations(columns, names) if e.broken.any()]
    every = list(_list_equations(columns, names)) if known else []
    return join_findings([_report(frame, row, every) for row in _list_rows(known)])


def _list_rows(equations: Sequence[Equation]) -> list[int]:
    rows: list[int] = np.flatnonzero(np.any([e.broken for e in equations], axis=0)).tolist() if equations else []
    return rows


def _list_equations(columns: Mapping[str, Floats], names: Sequence[str]) -> Iterator[Equation]:
    """List the equations that hold in nearly all rows and that chance does not keep."""
    usable = {n for n in names if len(np.unique(columns[n][~np.isnan(columns[n])])) >= FEWEST_VALUES}
    steps = {n: 10.0 ** -_count_decimals(columns[n]) for n in names}
    for (one, other), sign, result in _suspect_equations(columns, names, steps):
        a, b, c = columns[one], columns[other], columns[result]
        if result in usable and _holds(a, b, c, sign, steps[result]):
            made, filled = _compute(a, b, sign), ~np.isnan(a + b + c)
            near = np.abs(made - c) <= _tolerate(c, steps[result])
            yield Equation((one, other), sign, result, made, filled & near, filled & ~near)


def _suspect_equations(
    columns: Mapping[str, Floats], names: Sequence[str], steps: Mapping[str, float]
) -> list[tuple[tuple[str, str], str, str]]:
    """List what may be an equation by a few rows, all results of a pair at once, in the order of the results."""
    if not names:
        return []
    size = len(columns[names[0]])
    table = np.column_stack([columns[n][:: max(1, size // SAMPLE)] for n in names])
    room = np.column_stack([_tolerate(table[:, i], steps[n]) for i, n in enumerate(names)])
    known = ~np.isnan(table)
    found = []
    for one, other in combinations(range(len(names)), 2):
        both = known[:, one] & known[:, other]
        heard = (known & both[:, None]).sum(axis=0)
        for sign in _SIGNS:
            made = _compute(table[:, one], table[:, other], sign)
            hits = (np.abs(made[:, None] - table) <= room).sum(axis=0)
            hits[[one, other]] = 0
            likely = np.flatnonzero((hits > 0) & (hits >= (HOLDS - NEARLY) * heard)).tolist()
            found += [(result, (names[one], names[other]), sign) for result in likely]
    return [(pair, sign, names[result]) for result, pair, sign in sorted(found, key=lambda f: f[0])]


def _holds(a: Floats, b: Floats, c: Floats, sign: str, step: float) -> bool:
    rows = np.flatnonzero(~np.isnan(a + b + c))
    if len(rows) < FEWEST_ROWS:
        return False
    for some in (rows[:: -(-len(rows) // SAMPLE)], rows):
        x, y, z = a[some], b[some], c[some]
        room = _tolerate(z, step)
        if np.mean(np.abs(_compute(x, y, sign) - z) <= room) < HOLDS:
            return False
    if max(np.mean(np.abs(x - z) <= room), np.mean(np.abs(y - z) <= room)) > TRIVIAL:
        return False
    moved = [_compute(np.roll(x, len(x) // 3), y, sign), _compute(x, np.roll(y, len(y) // 3), sign)]
    return all(float(np.mean(np.abs(m - z) <= room)) < BY_CHANCE for m in moved)


def _compute(a: Floats, b: Floats, sign: str) -> Floats:
    return a + b if sign == "+" else a * b / (100.0 if sign == "%" else 1.0)


def _tolerate(c: Floats, step: float) -> Floats:
    return np.asarray(0.51 * step + 1e-9 * np.abs(c))


def _count_decimals(values: Floats) -> int:
    known = values[np.isfinite(values)]
    return next(
        (
            d
            for d in range(MOST_DECIMALS)
            if np.mean(np.abs(known * 10**d - np.round(known * 10**d)) < ROUNDING) >= 1 - BY_CHANCE
        ),
        MOST_DECIMALS,
    )


def _report(frame: pd.DataFrame, row: int, equations: Sequence[Equation]) -> pd.DataFrame:
    """Blame of one row the cell that is in most broken equations and in fewest kept ones."""
    score: dict[str, int] = {}
    for equation in equations:
        for name in (*equation.left, equation.result):
            score[name] = score.get(name, 0) + int(equation.broken[row]) - int(equation.kept[row])
    broken = [e for e in equations if e.broken[row]]
    inside = {n for e in broken for n in (*e.left, e.result)}
    best = max(score[n] for n in inside)
    first = [n for n in dict.fromkeys([*(e.result for e in broken), *sorted(inside)]) if score[n] == best]
    name, told = first[0], next((e for e in broken if e.result == first[0]), broken[0])
    made = float(np.round(told.expected[row], MOST_DECIMALS)) if told.result == name else None
    clear = len(first) == 1
    share = show_share(float(told.kept.sum() / (told.kept | told.broken).sum()))
    reason = f"{told.text} in {share} of the rows, and not in this one: it would be {told.expected[row]:.10g}."
    if not clear:
        reason += " Or one of its parts is wrong: nothing else in the row tells."
    given = frame[name].iloc[row]
    suggested = _write(given, made) if made is not None else None
    sure = np.nan if suggested is None else 0.9 if clear else 0.5
    return make_findings(
        [row], SURE if clear else OPEN, reason, column=name, given=[given], suggested=[suggested], confidence=sure
    )


def _write(given: object, value: float) -> object:
    """Write a number with as many decimals as the cell has, as a text where it is one."""
    if not isinstance(given, str):
        return value
    return (
        f"{value:.{len(given.strip().partition('.')[2])}f}"
        if given.strip().lstrip("-").replace(".", "", 1).isdigit()
        else None
    )
