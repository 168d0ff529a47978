"""Order between two columns: a start that comes after its end, where that hardly ever happens."""

from __future__ import annotations

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
MOST_COLUMNS = 30
SAMPLE = 2000


def find_disorder(frame: pd.DataFrame, columns: Mapping[str, Floats]) -> pd.DataFrame:
    """Find the rows in which two columns break an order that nearly all rows keep.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows.
    columns : mapping of str to array
        The columns that can be compared, as numbers; NaN where there is none.

    Returns
    -------
    pandas.DataFrame
        A finding about each of the two cells.

    Examples
    --------
    >>> start = np.arange(200.0) * 37 % 1000
    >>> end = start + 1 + np.arange(200) % 30
    >>> start[7], end[7] = end[7] + 20, start[7]
    >>> found = find_disorder(pd.DataFrame({"from": start, "to": end}), {"from": start, "to": end})
    >>> found[["row", "column"]].values.tolist()
    [[7, 'from'], [7, 'to']]
    """
    found = []
    for one, other in permutations(list(columns)[:MOST_COLUMNS], 2):
        rows, share = _break_order(columns[one], columns[other])
        if not len(rows):
            continue
        mine: list[Any] = list(frame[one].iloc[rows])
        its: list[Any] = list(frame[other].iloc[rows])
        reasons = [
            f"{one!r} is {a!s} and {other!r} is {b!s}, but in {show_share(share)} of the rows the first is not the larger one."
            for a, b in zip(mine, its, strict=True)
        ]
        found += [
            make_findings(rows, 0.55, reasons, column=one, given=mine),
            make_findings(rows, 0.55, reasons, column=other, given=its),
        ]
    return join_findings(found)


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
    if inside < EDGE * int((gap < 0).sum()):
        return none, 0.0
    return known[gap < 0], share
