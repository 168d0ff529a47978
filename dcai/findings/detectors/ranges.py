"""Numbers and dates outside of what their column can hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import plain
from dcai.findings.cells.formats import Moment, is_possible, read_moment, read_number
from dcai.findings.cells.moment_writing import choose_order
from dcai.findings.cells.order import find_disorder
from dcai.findings.cells.tails import expect_beyond, expect_gaps
from dcai.findings.cells.units import fold_unit
from dcai.findings.detectors.patterns import is_stand_in
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.wording import count, say_left_out

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
READABLE = 0.9  # of the texts of a column must be numbers or dates
PILE = 0.01  # of the rows on the bound show that it is one
MOST_SLIPS = 0.05
_POWERS = (-3, -2, -1, 1, 2, 3)
_DAY = 86_400


@np.errstate(over="ignore", invalid="ignore")  # distances between the largest floats are infinite
def find(evidence: Evidence) -> pd.DataFrame:
    """Find extreme numbers and dates, wrong signs, broken bounds, impossible days, and starts that come after ends."""
    found: list[pd.DataFrame] = []
    left: dict[str, list[str]] = {}
    read: dict[str, dict[str, Floats]] = {"number": {}, "date": {}}
    for name in evidence.table.features:
        column, kind = evidence.table.frame[name], evidence.table.kinds[name]
        try:
            what, values, odd = _read_column(name, column, kind)
        except Unmet:
            continue  # it holds neither numbers nor dates
        found += [odd] if odd is not None else []
        read[what][name] = values
        try:
            found.append(find_cells(name, column, values, what))
        except Unmet as reason:
            left.setdefault(str(reason), []).append(name)
    found += [find_disorder(evidence.table.frame, columns, dates=w == "date") for w, columns in read.items()]
    note = "; ".join(say_left_out("extreme numbers", left))
    if not any(read.values()):
        raise Unmet("there is no column of numbers or dates")
    return join_findings(found, note=note)


# ---------------------------------------------------------------- reading


def _read_column(name: str, column: pd.Series[Any], kind: str) -> tuple[str, Floats, pd.DataFrame | None]:
    """Read a column as numbers, or as days; with findings about what none can be."""
    from dcai.findings.features.vectors import to_numbers

    if kind == "number":
        return "number", to_numbers(column), _find_infinite(name, column)
    if kind == "date":
        days = pd.to_datetime(column, errors="coerce", utc=True)
        since = days.map(lambda d: d.timestamp() / _DAY if d is not pd.NaT else np.nan)
        return "date", since.to_numpy(dtype=np.float64), None
    if kind not in ("category", "text"):
        raise Unmet("it holds neither")
    codes, distinct = pd.factorize(column.map(lambda v: v if isinstance(v, str) and not is_stand_in(v) else None))
    rows = np.bincount(codes[codes >= 0], minlength=len(distinct))
    texts = [str(v) for v in distinct]
    if rows.sum() < FEWEST_ROWS:
        raise Unmet("it has few texts")
    spread: Callable[[Floats], Floats] = lambda values: np.append(values, np.nan)[codes]  # noqa: E731 (code -1 is the last)
    numbers = _read_numbers(texts)
    if rows[~np.isnan(numbers)].sum() >= READABLE * rows.sum():
        return "number", spread(numbers), None
    moments = {t: m for t in texts if (m := read_moment(t)) is not None and m.year is not None}
    if sum(rows[i] for i, t in enumerate(texts) if t in moments) < READABLE * rows.sum():
        raise Unmet("it holds neither")
    weights = dict(zip(texts, rows.tolist(), strict=True))
    day_first = choose_order(weights, moments)
    return "date", spread(_read_days(texts, moments, day_first)), _find_impossible(name, column, moments)


def _read_numbers(texts: list[str]) -> Floats:
    """Read texts as numbers, unless they are codes of digits: with zeros before them, or all of one length."""
    read = [read_number(t) for t in texts]
    plain = [n.plain for n in read if n is not None]
    coded = sum(p.isdigit() and len(p) > 1 and p.startswith("0") for p in plain) > MOST_SHARE * len(plain)
    if coded:
        raise Unmet("it holds codes")
    # Another unit than most have makes another number, and is found as such.
    usual = Counter(fold_unit(n.after) for n in read if n is not None).most_common(1)
    return np.array(
        [np.nan if n is None or (n.after and fold_unit(n.after) != usual[0][0]) else n.value for n in read],
        dtype=np.float64,
    )


def _read_days(texts: list[str], moments: dict[str, Moment], day_first: bool | None) -> Floats:  # noqa: FBT001 (three-valued, passed on)
    days = np.full(len(texts), np.nan)
    for i, text in enumerate(texts):
        moment = moments.get(text)
        if moment is None or moment.year is None:
            continue
        month, day = moment.month, moment.day
        if moment.one is not None and moment.two is not None:
            month, day = (moment.two, moment.one) if day_first else (moment.one, moment.two)
        # Years of two digits belong to the century that a reader of today takes them for.
        year = moment.year + (0 if moment.year > 99 else 2000 if moment.year < 50 else 1900)  # noqa: PLR2004
        if 1 <= (month or 1) <= 12:  # noqa: PLR2004 (months)
            days[i] = (year - 1970) * 365.2425 + ((month or 1) - 1) * 30.44 + (day or 1)
    return days


def _find_impossible(name: str, column: pd.Series[Any], moments: dict[str, Moment]) -> pd.DataFrame:
    # A day that the other order of day and month has is written otherwise, which is no matter of ranges.
    wrong = {t for t, m in moments.items() if not is_possible(m)}
    rows = np.flatnonzero(column.map(lambda v: isinstance(v, str) and v in wrong).to_numpy(dtype=bool))
    if len(rows) > MOST_SHARE * len(column) * 10:
        return make_findings([], [], [])  # the days are not what they look like
    given = list(column.iloc[rows])
    return make_findings(rows, 0.9, [f"No calendar has the day {v!r}." for v in given], column=name, given=given)


def _find_infinite(name: str, column: pd.Series[Any]) -> pd.DataFrame:
    """Find infinite numbers: nothing that was counted or measured is one."""
    from dcai.findings.features.vectors import count_infinite

    if not count_infinite(column):
        return make_findings([], [], [])
    rows = np.flatnonzero(np.isinf(pd.to_numeric(column, errors="coerce").astype("float64").to_numpy()))
    given = list(column.iloc[rows])
    reason = f"It is infinite, as a division by zero makes it, and no number of {name!r} can be."
    return make_findings(rows, 0.95, reason, column=name, given=given)


# ---------------------------------------------------------------- judging


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


detector = Detector("ranges", find)
