"""Columns of texts that are dates: which ones, what they say, and how each cell is written."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.kinds import kind_of
from dcai.findings.cells.formats import Moment, is_possible
from dcai.findings.cells.moment_writing import choose_order
from dcai.findings.cells.shapes import read_moments

Floats = npt.NDArray[np.float64]

READABLE = 0.9  # of the filled cells of a column of dates
PARTLY = 0.5  # of those of a column that is held against one of dates
FEWEST = 5
LOOKED_AT = 200  # distinct texts that tell whether it is worth reading all
NO_DATE = "no date"
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:([T ])\d\d:\d\d(:\d\d(?:[.,]\d{1,9})?)?(?: ?(Z)|( ?[+-]\d\d:?\d\d))?)?", re.ASCII
)
# The end of a day, as the standard also writes it.
_MIDNIGHT = re.compile(r"(?<=\d)([T ])24(?=:00(?::00(?:[.,]0+)?)?(?!:|\d|[.,]))")
_FIGURES = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d\d)(?: (\d|[01]\d|2[0-4]):([0-5]\d)(:[0-5]\d)?)?", re.ASCII)
_FIGURE = re.compile(r"(?<![A-Za-z])N(?![A-Za-z])")
# What may stand beside a date that is one all the same: the mark of a time, a time zone, the day of the week.
_BESIDE = frozenset(["t", "z", "utc", "gmt", "mon", "tue", "wed", "thu", "fri", "sat", "sun"])
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MAY = 5
_CENTURY = 50  # years of two digits below it belong to this century


class Dated(NamedTuple):
    """A column of texts as dates: the dates (NaT where there is none), and how each cell is written (None: it is empty)."""

    dates: pd.Series[Any]
    layouts: npt.NDArray[Any]

    @property
    def empty(self) -> npt.NDArray[np.bool_]:
        """Where there was no text."""
        return np.array([layout is None for layout in self.layouts], dtype=bool)


@dataclass(frozen=True, eq=False)
class _Texts:
    """The distinct texts of a column, how many rows hold each, and those of them that are dates."""

    index: pd.Index[Any]
    codes: npt.NDArray[np.intp]
    texts: list[str]
    rows: npt.NDArray[np.intp]

    @cached_property
    def standard(self) -> dict[str, re.Match[str]]:
        """The texts that are dates of the ISO standard."""
        return {t: found for t in self.texts if (found := _ISO.fullmatch(t)) is not None}

    @cached_property
    def moments(self) -> dict[str, Moment]:
        """The texts that are dates in another layout."""
        left = [t for t in self.texts if t not in self.standard]
        read = {t: moment for t in left if (moment := _read_figures(t)) is not None}
        read |= read_moments([t for t in left if t not in read])
        return {t: m for t, m in read.items() if _is_date(m)}

    @cached_property
    def share(self) -> float:
        """The share of the filled cells that are dates."""
        dated = np.array([t in self.standard or t in self.moments for t in self.texts], dtype=bool)
        return float(self.rows[dated].sum() / max(int(self.rows.sum()), 1))

    def sample(self) -> _Texts:
        """Take some of the texts, spread over all."""
        if len(self.texts) <= LOOKED_AT:
            return self
        places = np.unique(np.linspace(0, len(self.texts) - 1, LOOKED_AT).astype(np.intp))
        return _Texts(self.index, self.codes, [self.texts[i] for i in places], self.rows[places])

    def read(self, *, day_first: bool, long: bool) -> Dated:
        """Read the dates; `long` says that months are written out, which May does not tell."""
        dates = self._read_standard()
        layouts: dict[str, str] = {t: _lay_out(found) for t, found in self.standard.items()}
        for text, moment in self.moments.items():
            dates[text] = _make_date(moment, day_first=day_first)
            layouts[text] = _name_layout(moment.layout, day_first=day_first, may=long and moment.month == _MAY)
        found = pd.Series([*(dates.get(t) for t in self.texts), None], dtype="datetime64[us, UTC]")
        there = found.notna().tolist()
        named = [layouts[t] if known else NO_DATE for t, known in zip(self.texts, there, strict=False)]
        spread = np.array([*named, None], dtype=object)[self.codes]
        return Dated(found.iloc[self.codes].set_axis(self.index), spread)

    def _read_standard(self) -> dict[str, Any]:
        texts = [_MIDNIGHT.sub(r"\g<1>00", text.replace(",", ".")) for text in self.standard]
        read = pd.to_datetime(pd.Series(texts, dtype=object), errors="coerce", utc=True, format="ISO8601")
        late = [_MIDNIGHT.search(text) is not None for text in self.standard]
        read += pd.to_timedelta(pd.Series(late, dtype="int64"), unit="D")
        return dict(zip(self.standard, read, strict=True))


def _take_texts(column: pd.Series[Any]) -> _Texts | None:
    """Number the texts of a column; None where it holds anything else, or hardly anything."""
    if kind_of(column) not in ("category", "text") or not all(isinstance(v, str) for v in pd.unique(column.dropna())):
        return None
    # As they stand: canonical texts of dates are alike however they are written.
    codes, texts = pd.factorize(column.astype(object))
    if (codes >= 0).sum() < FEWEST:
        return None
    return _Texts(column.index, codes, [str(t) for t in texts], np.bincount(codes[codes >= 0], minlength=len(texts)))


def is_dated(column: pd.Series[Any]) -> bool:
    """Say whether a column of texts holds dates, but for a few cells.

    Examples
    --------
    >>> is_dated(pd.Series(["2024-01-31", "2024-02-01"] * 3)), is_dated(pd.Series(["10.30", "9.15"] * 3))
    (True, False)
    """
    texts = _take_texts(column)
    return texts is not None and _are_dates(texts, READABLE)


def _are_dates(texts: _Texts, least: float) -> bool:
    return texts.sample().share >= least - 0.1 and texts.share >= least


def read_both(before: pd.Series[Any], now: pd.Series[Any]) -> tuple[Dated, Dated] | None:
    """Read two columns of texts as dates, the order of day and month judged by both; None where they are none."""
    both = [_take_texts(column) for column in (before, now)]
    one, other = both
    if one is None or other is None or not (_are_dates(one, PARTLY) and _are_dates(other, PARTLY)):
        return None
    if max(one.share, other.share) < READABLE:
        return None
    orders = [choose_order(dict(zip(t.texts, t.rows.tolist(), strict=True)), t.moments) for t in (one, other)]
    moments = [m for t in (one, other) for m in t.moments.values()]
    # Where a batch does not tell, the other one does; where none does, points say that the day is first.
    usual = any("N.N." in m.layout for m in moments)
    told = next((order for order in orders if order is not None), usual)
    long = any("Month" in m.layout for m in moments)
    first, second = (
        t.read(day_first=told if order is None else order, long=long)
        for t, order in zip((one, other), orders, strict=True)
    )
    return first, second


def read_dates(column: pd.Series[Any]) -> pd.Series[Any]:
    """Read a column of dates, or of texts that are dates; what is none is NaT.

    Examples
    --------
    >>> read_dates(pd.Series(["31/12/2023", "1/2/2024"] * 3)).dt.month.tolist()[:2]
    [12, 2]
    """
    pair = read_both(column, column)
    if pair is not None:
        return pair[0].dates
    return pd.to_datetime(column, errors="coerce", utc=True, format="mixed")


def count_seconds(column: pd.Series[Any]) -> Floats:
    """Return dates as seconds since 1970; what is none is left out."""
    dates = read_dates(column).dropna()
    return np.asarray((dates - pd.Timestamp("1970-01-01", tz="UTC")).dt.total_seconds().to_numpy(), dtype=np.float64)


# ---------------------------------------------------------------- single dates


def _is_date(moment: Moment) -> bool:
    """Say whether a moment is a day, or month, of a calendar with nothing else beside it."""
    words = re.findall(r"[^\W\d_]+", moment.note.casefold())
    if moment.year is None or not (moment.one is not None or moment.month is not None):
        return False
    return is_possible(moment) and all(word in _BESIDE or word in _WEEKDAYS for word in words)


def _read_figures(text: str) -> Moment | None:
    """Read the commonest of the other layouts, figures alone, as `read_moments` does, only quicker."""
    found = _FIGURES.fullmatch(text)
    if found is None:
        return None
    one, mark, two, year, hour, minute, second = found.groups()
    clock = "" if hour is None else f" h:mm{':ss' if second else ''}"
    layout = f"N{mark}N{mark}{'YYYY' if len(year) > 2 else 'YY'}{clock}"  # noqa: PLR2004 (of two digits)
    if hour is None:
        return Moment(layout, "", None, int(year), int(one), int(two))
    return Moment(layout, "", None, int(year), int(one), int(two), None, None, int(hour), int(minute), second or "")


def _make_date(moment: Moment, *, day_first: bool) -> dt.datetime | None:
    month, day = moment.month, moment.day
    if moment.one is not None and moment.two is not None:
        month, day = (moment.two, moment.one) if day_first else (moment.one, moment.two)
    year = moment.year or 0
    year += 0 if year > 99 else 2000 if year < _CENTURY else 1900  # noqa: PLR2004 (of two digits)
    second = float(moment.second.lstrip(":") or 0)
    try:
        made = dt.datetime(year, month or 1, day or 1, tzinfo=dt.UTC)
    except ValueError:  # the other order of day and month, or a day that only other years have
        return None
    try:
        # As a span of time: 24:00 is the midnight at the end of that day.
        return made + dt.timedelta(hours=moment.hour or 0, minutes=moment.minute or 0, seconds=second)
    except OverflowError:
        return None


def _lay_out(found: re.Match[str]) -> str:
    mark, seconds, zulu, zone = found[2], found[3], found[4], found[5]
    time = "" if mark is None else f"{mark}hh:mm{':ss' if seconds else ''}"
    return f"YYYY-MM-DD{time}{'Z' if zulu else '+hh:mm' if zone else ''}"


@lru_cache(maxsize=1_000)
def _name_layout(layout: str, *, day_first: bool, may: bool) -> str:
    """Write a layout as people do: DD/MM/YYYY; `may` says that a short name of the month is a whole one."""
    layout = layout.replace("h:mm", "hh:mm").replace(":ss.f", ":ss")
    if may and "Month" not in layout:
        layout = layout.replace("Mon", "Month")
    figures = ("MM", "DD") if layout.startswith("YYYY") or not day_first else ("DD", "MM")
    layout = re.sub(r"\bA\b", "…", layout)  # the day of the week, a time zone
    for figure in figures:
        layout = _FIGURE.sub(figure, layout, count=1)
    return layout
