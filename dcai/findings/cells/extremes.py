"""Extremes: numbers and days outside of what the others of their column let expect, and what slip would explain them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import plain
from dcai.findings.cells.formats import read_number
from dcai.findings.cells.tails import expect_beyond, expect_gaps
from dcai.findings.evidence import Unmet
from dcai.findings.shape import join_findings, make_findings
from dcai.findings.wording import count

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
CELL_Z = 6.0  # robust deviations within a column
EXPECTED = 3e-3  # a tail that goes on as it began would bring about so many numbers as far out
BELOW = 0.05  # the same for a negative number, which tells by its sign, too
EDGE = 50  # times as many numbers just above zero as below it: an edge, and no tail that runs across
FEWEST_ROWS = 30
FEWEST_VALUES = 3  # two values are a switch
MANY_ROWS = 100
MOST_SHARE = 0.01  # more than this is a tail, not an outlier
FEW_ROWS = 4  # unless it is no more than these, among many
LARGEST = 1e300  # differences of larger numbers overflow
PILE = 0.01  # of the rows on the bound show that it is one
MOST_SLIPS = 0.05
OLDEST = 122  # years that a person was ever known to live
ADULT = 18
FAR_AGE = 2.0
MOST_ODD_AGES = 0.05
_AGE = re.compile(r"(?:^| )(?:ages?|aged|alter|lebensalter|âge|edad|età|idade|leeftijd|wiek|ålder|alder|ikä)(?: |$)")
_WORD = re.compile(r"[A-Z]?[a-z\u00df-\u00ff]+|[A-Z\u00c0-\u00de]+(?![a-z])")
_POWERS = (-3, -2, -1, 1, 2, 3)
READABLE = 0.9  # of the numbers that one slip must bring back


def find_cells(name: str, column: pd.Series[Any], values: Floats, what: str, rows: int | None = None) -> pd.DataFrame:
    """Find the cells of a column, read as numbers or days, that lie outside of what it can hold; `rows` where it is a part of more."""
    known = ~np.isnan(values)
    if known.sum() < FEWEST_ROWS:
        raise Unmet(f"fewer than {FEWEST_ROWS} numbers")
    if len(np.unique(values[known])) < FEWEST_VALUES:
        raise Unmet(f"fewer than {FEWEST_VALUES} different values")
    found = []
    if what == "number":
        found = [_find_signs(name, column, values, known), _find_beyond_bounds(name, column, values, known)]
        found.append(_find_impossible_ages(name, column, values, known))
    found = [join_findings([f for f in found if len(f)]).drop_duplicates("row")] if found else []
    done: set[int] = {int(r) for f in found for r in f["row"]}
    try:
        extreme = _find_extreme(name, column, values, known, what, 1.0 if rows is None else rows / len(values))
    except Unmet:
        if not done:
            raise
        return join_findings(found)
    return join_findings([*found, extreme[~extreme["row"].isin(done)]])


def _find_extreme(
    name: str, column: pd.Series[Any], values: Floats, known: Mask, what: str, times: float
) -> pd.DataFrame:
    """Find values that lie far from the others, and further than the tail of these would bring about."""
    far = np.abs(_deviate(values, known))
    its = np.clip(values[known], -LARGEST, LARGEST)
    expected = np.full(len(values), np.inf)
    expected[known] = np.minimum(expect_beyond(its), expect_beyond(-its))
    rows = np.flatnonzero((expected * times < EXPECTED) & (far > CELL_Z))
    if len(rows) > _count_most(int(known.sum())) and not _share_slip(values, known, rows):
        raise Unmet(f"more than {100 * MOST_SHARE:.0f} % of them are extreme")
    given = list(column.iloc[rows])
    low, high = np.percentile(values[known], [1, 99])
    doubt = 1 - 0.7 * CELL_Z / np.maximum(far[rows], CELL_Z)
    if what == "date":
        there = np.flatnonzero(known)
        first, last = (plain(column.iloc[there[np.abs(values[there] - end).argmin()]]) for end in (low, high))
        reasons = [
            f"{plain(v)} is far from the others: 98 % of {name!r} lie between {first} and {last}." for v in given
        ]
        return make_findings(rows, doubt, reasons, column=name, given=given)
    slips = [_find_slip(float(values[r]), values[known]) for r in rows]
    reasons = [
        f"{values[r]:.10g} is extreme: 98 % of {name!r} lie between {low:g} and {high:g}."
        + (f" It seems to be {said}." if said else "")
        for r, (said, _) in zip(rows, slips, strict=True)
    ]
    suggested = [_write_like(v, s) for v, (_, s) in zip(given, slips, strict=True)]
    sure = [np.nan if s is None else 0.6 for s in suggested]
    return make_findings(rows, doubt, reasons, column=name, given=given, suggested=suggested, confidence=sure)


def _count_most(rows: int) -> float:
    return max(1.0, MOST_SHARE * rows, min(FEW_ROWS, 3 * MOST_SHARE * rows))


def _share_slip(values: Floats, known: Mask, rows: npt.NDArray[np.intp]) -> bool:
    """Say whether the extreme numbers are all wrong by the same power of ten: another unit, and no tail."""
    # Numbers that come again and again are values of their own, such as the steps of a tariff.
    if len(rows) > MOST_SLIPS * known.sum() or len(np.unique(values[rows])) < max(FEWEST_VALUES, len(rows) / 3):
        return False
    others = values[np.setdiff1d(np.flatnonzero(known), rows)]
    low, high = np.percentile(others, [1, 99])
    return (
        max(float(np.mean((values[rows] * 10.0**k >= low) & (values[rows] * 10.0**k <= high))) for k in _POWERS)
        >= READABLE
    )


def _deviate(values: Floats, known: Mask) -> Floats:
    values = np.clip(values, -LARGEST, LARGEST)
    middle = np.median(values[known])
    low, high = np.percentile(values[known], [25, 75])
    spread = (high - low) / 1.349
    if spread == 0:
        raise Unmet("their middle half is one value")
    return np.where(known, (values - middle) / spread, 0.0)


def _find_slip(value: float, others: Floats) -> tuple[str, float | None]:
    """Say by which power of ten a number is too large or small, where only one would bring it back."""
    low, high = np.percentile(others, [5, 95])
    fits = [k for k in _POWERS if low <= value * 10.0**k <= high]
    if len(fits) != 1:
        return "", None
    factor = 10 ** abs(fits[0])
    return f"{factor} times too {'large' if fits[0] < 0 else 'small'}", value * 10.0 ** fits[0]


def _write_like(given: Any, value: float | None) -> Any:
    """Write a number as the cell had it: as a number, or as a text without anything around it."""
    if value is None:
        return None
    if isinstance(given, str):
        number = read_number(given)
        return f"{value:.10g}" if number is not None and number.plain == given else None
    return type(given)(value) if float(type(given)(value)) == value else value


def _find_signs(name: str, column: pd.Series[Any], values: Floats, known: Mask) -> pd.DataFrame:
    """Find the few negative numbers where the others end above zero, or end there with an edge."""
    rows = np.flatnonzero(known & (values < 0))
    others = values[known & (values >= 0)]
    if not len(rows) or len(rows) > MOST_SHARE * known.sum() or len(others) < MANY_ROWS:
        return make_findings([], [], [])
    inside = np.searchsorted(np.sort(others), -values[rows], side="right")
    outside = len(rows) - np.searchsorted(np.sort(values[rows]), values[rows])
    apart = bool(expect_gaps(-others, -values[rows]).max() < BELOW)
    # Numbers that run through zero are as frequent just above it as just below.
    rows = rows[apart | (inside >= EDGE * outside)]
    low, high = np.percentile(others, [1, 99])
    given = list(column.iloc[rows])
    turned = [v if low <= v <= high else None for v in -values[rows]]
    suggested = [_write_like(v, t) for v, t in zip(given, turned, strict=True)]
    sure = [np.nan if s is None else 0.75 for s in suggested]
    said = f"{count(len(others), 'number')} of {name!r} are not: they begin at {others.min():g}."
    reasons = [f"{v!s} is negative, and {said}" for v in given]
    return make_findings(rows, 0.8, reasons, column=name, given=given, suggested=suggested, confidence=sure)


def _find_impossible_ages(name: str, column: pd.Series[Any], values: Floats, known: Mask) -> pd.DataFrame:
    """Find ages that nobody has, in a column that is named for ages and holds those of people else."""
    lived = known & (values >= 0) & (values <= OLDEST)
    rows = np.flatnonzero(known & ~lived)
    many = len(rows) > max(1.0, MOST_ODD_AGES * known.sum())
    if (
        not len(rows)
        or many
        or not _AGE.search(" ".join(_WORD.findall(name)).casefold())
        or values[lived].max() < ADULT
    ):
        return make_findings([], [], [])
    # What is old but no person, as houses are, has ages of all sizes beyond it.
    rows = rows[(values[rows] < 0) | (values[rows] > FAR_AGE * np.percentile(values[lived], 90))]
    given = list(column.iloc[rows])
    reasons = [f"{v!s} is no age that a person can have, and the others of {name!r} are." for v in given]
    return make_findings(rows, 0.8, reasons, column=name, given=given)


def _find_beyond_bounds(name: str, column: pd.Series[Any], values: Floats, known: Mask) -> pd.DataFrame:
    """Find numbers above 1 among shares, and above 100 where a hundred is the most."""
    its = values[known]
    if len(its) < MANY_ROWS or its.min() < 0:
        return make_findings([], [], [])
    for bound in (1.0, 100.0):
        beyond = known & (values > bound)
        inside = its[its <= bound]
        whole = float(np.mean(inside % 1 == 0)) if len(inside) else 1.0
        piled = float(np.mean(inside == bound)) if len(inside) else 0.0
        rows = np.flatnonzero(beyond)
        if not len(rows) or len(rows) > MOST_SHARE * len(its) or inside.max() < 0.9 * bound:
            continue
        if bound == 1:
            if whole > 0.5 or values[rows].min() < 2 or values[rows].max() > 100:  # noqa: PLR2004 (a share in percent)
                continue
        elif piled < PILE or np.percentile(inside, 90) < bound / 2:
            continue
        given = list(column.iloc[rows])
        reasons = [
            f"{v!s} is above {bound:g}, and all but {len(rows)} of the numbers of {name!r} lie between 0 and {bound:g}."
            for v in given
        ]
        fixes = [
            _write_like(v, float(values[r]) / 100) if bound == 1 else None for v, r in zip(given, rows, strict=True)
        ]
        sure = [np.nan if f is None else 0.7 for f in fixes]
        return make_findings(rows, 0.75, reasons, column=name, given=given, suggested=fixes, confidence=sure)
    return make_findings([], [], [])
