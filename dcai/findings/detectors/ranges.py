"""Numbers and dates outside of what their column can hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.findings.cells.arithmetic import MOST_COLUMNS as EQUATED
from dcai.findings.cells.arithmetic import find_miscalculated
from dcai.findings.cells.extremes import FEWEST_ROWS, MOST_SHARE, find_cells
from dcai.findings.cells.formats import Moment, is_possible, read_number
from dcai.findings.cells.moment_writing import choose_order
from dcai.findings.cells.order import MOST_COLUMNS as ORDERED
from dcai.findings.cells.order import find_disorder
from dcai.findings.cells.placeholders import is_stand_in
from dcai.findings.cells.shapes import read_moments
from dcai.findings.cells.texts import mark_texts, number_texts
from dcai.findings.cells.units import fold_unit
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.wording import say_left_out

Floats = npt.NDArray[np.float64]
READABLE = 0.9  # of the texts of a column must be numbers or dates
PARTLY = 0.5
_DAY = 86_400
_NEITHER = "it holds neither numbers nor dates"
_NO_TEXTS = "its cells are neither text, number nor date"


@np.errstate(over="ignore", invalid="ignore")  # distances between the largest floats are infinite
def find(evidence: Evidence) -> pd.DataFrame:
    """Find extreme numbers and dates, wrong signs, broken bounds, impossible days, starts that come after ends, and sums that are none."""
    found: list[pd.DataFrame] = []
    left: dict[str, list[str]] = {}
    read: dict[str, dict[str, Floats]] = {"number": {}, "date": {}}
    for name in evidence.table.features:
        column, kind = evidence.table.frame[name], evidence.table.kinds[name]
        try:
            what, values, odd = _read_column(name, column, kind)
        except Unmet as reason:
            if str(reason) != _NEITHER:  # a column of words has no numbers to look at
                left.setdefault(str(reason), []).append(name)
            continue
        found += [odd] if odd is not None else []
        read[what][name] = values
        try:
            found.append(find_cells(name, column, values, what))
        except Unmet as reason:
            left.setdefault(str(reason), []).append(name)
    sums = find_miscalculated(evidence.table.frame, read["number"])
    disorder = [find_disorder(evidence.table.frame, columns, dates=w == "date") for w, columns in read.items()]
    # Where an equation tells which number is wrong, its order with others says nothing more.
    found += [
        sums,
        *(its[~its["row"].isin(set(sums["row"])) | its["column"].isin(list(read["date"]))] for its in disorder),
    ]
    notes = [*say_left_out("extreme numbers", left), *_say_not_compared(read)]
    if not any(read.values()):
        raise Unmet("; ".join(["there is no column of numbers or dates", *notes]))
    return join_findings(found, note="; ".join(notes))


def _say_not_compared(read: Mapping[str, Mapping[str, Floats]]) -> list[str]:
    """Say how many columns were not compared with others, for there are many."""
    said = []
    for what, most, columns in (
        ("sums and products", EQUATED, read["number"]),
        ("their order", ORDERED, max(read.values(), key=len)),
    ):
        if len(columns) > most:
            said.append(f"of {len(columns):,} columns the first {most} were compared for {what}")
    return said


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
        raise Unmet(_NEITHER if kind in ("boolean", "empty", "image") else _NO_TEXTS)
    codes, texts = number_texts(column, lambda v: not is_stand_in(v))
    rows = np.bincount(codes[codes >= 0], minlength=len(texts))
    spread: Callable[[Floats], Floats] = lambda values: np.append(values, np.nan)[codes]  # noqa: E731 (code -1 is the last)
    numbers = _read_numbers(texts)
    readable = float(rows[~np.isnan(numbers)].sum() / max(rows.sum(), 1))
    if readable >= PARTLY and rows.sum() < FEWEST_ROWS:
        raise Unmet(f"fewer than {FEWEST_ROWS} numbers")
    if rows.sum() < FEWEST_ROWS:
        raise Unmet(_NEITHER)
    if readable >= READABLE:
        return "number", spread(numbers), None
    if readable >= PARTLY:
        raise Unmet("part of its texts are no numbers")
    moments = {t: m for t, m in read_moments(texts).items() if m.year is not None}
    dated = sum(rows[i] for i, t in enumerate(texts) if t in moments)
    if dated < READABLE * rows.sum():
        raise Unmet("part of its texts are no dates" if dated >= PARTLY * rows.sum() else _NEITHER)
    weights = dict(zip(texts, rows.tolist(), strict=True))
    day_first = choose_order(weights, moments)
    return "date", spread(_read_days(texts, moments, day_first)), _find_impossible(name, column, moments)


def _read_numbers(texts: list[str]) -> Floats:
    """Read texts as numbers, unless they are codes of digits: with zeros before them, or all of one length."""
    read = [read_number(t) for t in texts]
    plain = [n.plain for n in read if n is not None]
    coded = sum(p.isdigit() and len(p) > 1 and p.startswith("0") for p in plain) > MOST_SHARE * len(plain)
    if coded:
        raise Unmet("its numbers are codes: some have zeros before them")
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
    rows = np.flatnonzero(mark_texts(column, wrong.__contains__))
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


detector = Detector("ranges", find)
