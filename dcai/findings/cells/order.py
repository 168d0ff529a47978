"""Order between two columns of one meaning: a start that comes after its end, where that hardly ever happens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.findings.shape import join_findings, make_findings

Floats = npt.NDArray[np.float64]
HOLDS = 0.985
BY_CHANCE = 0.9  # two columns of other sizes are in order anyway
EDGE = 20  # times as many rows just inside the order as outside: an edge, and no tail that runs across
FEWEST_ROWS = 100
MOST_COLUMNS = 60
SAMPLE = 2000
DEPENDENT = 0.75  # the spread of the differences, against that of independent columns
ALIKE = 0.5  # the distance of two columns' quartiles, against their spread
ODD = 3.0  # robust deviations within its own column, and twice those of the other cell: then this one is wrong
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_]+")
_ENDS = (
    ("start", "end"),
    ("begin", "end"),
    ("from", "to"),
    ("since", "until"),
    ("min", "max"),
    ("minimum", "maximum"),
    ("low", "high"),
    ("lower", "upper"),
    ("first", "last"),
    ("open", "close"),
    ("arrival", "departure"),
    ("in", "out"),
    ("birth", "death"),
    ("before", "after"),
)
_PAIRED = {frozenset(pair) for pair in _ENDS}


def find_disorder(frame: pd.DataFrame, columns: Mapping[str, Floats], *, dates: bool = False) -> pd.DataFrame:
    """Find the rows in which two columns of one meaning break an order that nearly all rows keep.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows.
    columns : mapping of str to array
        The columns that can be compared, as numbers; NaN where there is none.
    dates : bool, optional
        Whether they are dates, which can all be compared; numbers must be named or distributed alike.

    Returns
    -------
    pandas.DataFrame
        A finding about the cell that is odd in its own column, about both where neither is.

    Examples
    --------
    >>> start = np.arange(200.0) * 37 % 1000
    >>> end = start + 1 + np.arange(200) % 30
    >>> start[7], end[7] = end[7] + 20, start[7]
    >>> found = find_disorder(pd.DataFrame({"from": start, "to": end}), {"from": start, "to": end})
    >>> found[["row", "column", "doubt"]].values.tolist()
    [[7, 'from', 0.5], [7, 'to', 0.55]]
    """
    found = []
    names = list(columns)[:MOST_COLUMNS]
    lies = {} if dates else {name: _place(columns[name]) for name in names}
    for one, other in permutations(names, 2):
        if not (dates or are_paired(one, other) or _are_alike(lies[one], lies[other])):
            continue
        rows, share = _break_order(columns[one], columns[other])
        if len(rows):
            found += _blame(frame, (one, other), (columns[one], columns[other]), rows, share)
    return join_findings(found)


def are_paired(one: str, other: str) -> bool:
    """Say whether two names are those of the two ends of one thing.

    Examples
    --------
    >>> are_paired("start_date", "endDate"), are_paired("temp min", "temp max"), are_paired("mean area", "worst area")
    (True, True, False)
    """
    mine, its = ([w.casefold() for w in _WORD.findall(str(name))] for name in (one, other))
    left, right = set(mine) - set(its), set(its) - set(mine)
    return any(frozenset((a, b)) in _PAIRED for a in left for b in right) and len(left) == len(right) == 1


def _place(values: Floats) -> Floats | None:
    """Say where the numbers of a column lie, by five of their quantiles; None where it has none."""
    known = values[~np.isnan(values)]
    return np.percentile(known, [10, 25, 50, 75, 90]) if len(known) else None


def _are_alike(a: Floats | None, b: Floats | None) -> bool:
    """Say whether two columns hold numbers of nearly the same distribution, by their quantiles."""
    if a is None or b is None:
        return False
    spread = max(a[4] - a[0], b[4] - b[0])
    return bool(spread > 0 and np.max(np.abs(a - b)) < ALIKE * spread)


def _break_order(one: Floats, other: Floats) -> tuple[npt.NDArray[np.intp], float]:
    none = np.zeros(0, dtype=np.intp)
    known = np.flatnonzero(~np.isnan(one) & ~np.isnan(other))
    if len(known) < FEWEST_ROWS:
        return none, 0.0
    sample = known[np.unique(np.linspace(0, len(known) - 1, min(SAMPLE, len(known))).astype(np.intp))]
    if np.mean(one[sample] <= other[sample]) < HOLDS - 0.01:
        return none, 0.0
    a, b = one[known], other[known]
    gap = b - a
    share = float(np.mean(gap >= 0))
    if share < HOLDS or share == 1 or np.mean(a <= np.roll(b, len(b) // 2)) > BY_CHANCE:
        return none, 0.0
    wide = float(np.median(-gap[gap < 0]))
    inside = int(((gap >= 0) & (gap <= wide)).sum())
    if inside < EDGE * int((gap < 0).sum()) or not _depend(a, b):
        return none, 0.0
    return known[gap < 0], share


def _depend(one: Floats, other: Floats) -> bool:
    """Say whether the differences spread less than those of independent columns with these numbers would."""
    spread = float(np.subtract(*np.percentile(other - one, [75, 25])))
    shifts = [np.roll(other, len(other) * k // 4) - one for k in (1, 2, 3)]
    return spread < DEPENDENT * float(np.median([np.subtract(*np.percentile(s, [75, 25])) for s in shifts]))


def _deviate(values: Floats, rows: npt.NDArray[np.intp]) -> Floats:
    low, middle, high = np.nanpercentile(values, [25, 50, 75])
    return np.asarray(np.abs(values[rows] - middle) / max((high - low) / 1.349, 1e-12))


def _blame(
    frame: pd.DataFrame,
    names: tuple[str, str],
    columns: tuple[Floats, Floats],
    rows: npt.NDArray[np.intp],
    share: float,
) -> list[pd.DataFrame]:
    """Blame of each row the cell that is odd in its own column, or both, the odder one first."""
    mine: list[Any] = list(frame[names[0]].iloc[rows])
    its: list[Any] = list(frame[names[1]].iloc[rows])
    reasons = np.array(
        [
            f"{names[0]!r} is {a!s} and {names[1]!r} is {b!s}, but in {show_share(share)} of the rows the first is not the larger one."
            for a, b in zip(mine, its, strict=True)
        ],
        dtype=object,
    )
    far = [_deviate(column, rows) for column in columns]
    found = []
    for i, given in enumerate((mine, its)):
        own, rest = far[i], far[1 - i]
        innocent = (rest > ODD) & (rest > 2 * own)
        odder = own > rest if i else own >= rest
        keep = np.flatnonzero(~innocent)
        found.append(
            make_findings(
                rows[keep],
                np.where(odder, 0.55, 0.5)[keep],
                reasons[keep].tolist(),
                column=names[i],
                given=[given[k] for k in keep],
            )
        )
    return found
