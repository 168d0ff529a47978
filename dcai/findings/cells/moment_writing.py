"""Columns of dates, times, or both: layouts, notes, zeros, the order of day and month."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import astuple

from dcai.base.display import show_share
from dcai.findings.cells.formats import Moment, is_possible, read_moment
from dcai.findings.cells.writing import FEW_ALIEN, MAJORITY, RECURRING, TYPED, Unlike, Writing, doubt_of

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_FIGURE = re.compile(r"(?<![A-Za-z])N(?![A-Za-z])")
_NOTE = re.compile(r"\s*(?:\(A(?: A)*\)|(?<![\w])A(?: A)*)\s*,?")
_YEAR = re.compile(r"\s*\(?\d{4}\)?(?:\s+\([^\d()]+\))?\s*")
CLEAR_LEAD = 1.5  # of the commonest layout before the next, where none is in most rows
_CLEAR_MAJORITY = 0.8
_TOLD = 3  # fields of a moment that say how it is written
_MAY = 5  # as long as its abbreviation
_SUREST = 0.97


def judge_moments(writing: Writing) -> dict[str, Unlike] | None:
    """Find the values that are written unlike the dates and times around them; None where the column holds neither.

    Examples
    --------
    >>> found = judge_moments(Writing("day", {f"2001-02-{d}": 3 for d in range(10, 28)} | {"Feb 3, 2001": 1}))
    >>> {value: unlike.suggested for value, unlike in found.items()}
    {'Feb 3, 2001': '2001-02-03'}
    """
    read = dict(writing.moments)
    if writing.share(list(read)) < TYPED:
        return None
    cores = {v: _core(m) for v, m in read.items()}
    ranked = writing.rank(lambda v: cores[v], list(read))
    rows = sum(n for _, n in ranked)
    top, most = ranked[0]
    if "Month" in top:
        cores = {v: c if "Month" in c or read[v].month != _MAY else c.replace("Mon", "Month") for v, c in cores.items()}
    found: dict[str, Unlike] = {}
    day_first = choose_order(writing.rows, read)
    second = ranked[1][1] if len(ranked) > 1 else 0
    if most >= MAJORITY * rows or (most >= FEW_ALIEN * rows and most >= CLEAR_LEAD * second):
        padded = _is_padded(writing, [m for v, m in read.items() if cores[v] == top], read)
        own = [v for v in read if cores[v] == top]
        noted = writing.share([v for v in own if _has_note(read[v])]) > MAJORITY * writing.share(own)
        for value, moment in read.items():
            if cores[value] != top and not _is_part(cores[value], top):
                share = dict(ranked).get(cores[value], 1) / rows
                suggested = _write(moment, top, padded=padded, day_first=day_first)
                reason = f"{show_share(most / rows)} of {writing.name!r} are written like {top!r}, {value!r} like {cores[value]!r}."
                sure = _SUREST if moment.holds == _holds(top) and not _has_note(moment) else 0.9
                found[value] = Unlike(doubt_of(share), reason, *((suggested, sure) if suggested and not noted else ()))
        found |= _judge_notes(writing, read, {v for v in read if cores[v] == top}, found)
        found |= _judge_padding(writing, {v: m for v, m in read.items() if cores[v] == top}, top, day_first)
    found |= _judge_order(writing, read, day_first)
    return _judge_aliens(writing, read) | found


def _core(moment: Moment) -> str:
    """Return the layout without the note beside it."""
    return " ".join(_NOTE.sub(" ", moment.layout).split()).strip(" ,-")


def _has_note(moment: Moment) -> bool:
    return any(c.isalpha() for c in moment.note)


def _holds(core: str) -> str:
    return ("date" if re.search(r"[NDY]", core) else "") + ("time" if "h:mm" in core else "")


def _is_part(core: str, top: str) -> bool:
    """Say whether a layout is the usual one with its first parts left out: a month or year is a date less precise."""
    return top.endswith(core) and "h:mm" not in top


def choose_order(rows: Mapping[str, int], read: Mapping[str, Moment]) -> bool | None:
    """Say whether the day stands before the month in dates of digits; None where nothing tells.

    Examples
    --------
    >>> choose_order({"31/12/2001": 3}, {"31/12/2001": read_moment("31/12/2001")})
    True
    """
    first = sum(rows[v] for v, m in read.items() if m.one is not None and m.one > 12)  # noqa: PLR2004 (months)
    second = sum(rows[v] for v, m in read.items() if m.one is not None and (m.two or 0) > 12)  # noqa: PLR2004
    if max(first, second) == 0 or min(first, second) > (1 - _CLEAR_MAJORITY) * max(first, second):
        return None
    return first > second


def _is_padded(writing: Writing, usual: list[Moment], read: dict[str, Moment]) -> bool | None:
    """Say whether digits below ten have a zero before them, in a clear majority of the usual values."""
    own = {id(m) for m in usual}
    yes = sum(writing.rows[v] for v, m in read.items() if id(m) in own and m.padded)
    no = sum(writing.rows[v] for v, m in read.items() if id(m) in own and m.padded is False)
    if yes + no == 0 or max(yes, no) < _CLEAR_MAJORITY * (yes + no):
        return None
    return yes > no


def _write(moment: Moment, core: str, *, padded: bool | None, day_first: bool | None) -> str | None:
    """Write a moment in another layout; None where it does not say enough."""
    year, month, day = moment.year, moment.month, moment.day
    date = _holds(core).startswith("date")
    if date and moment.one is not None:
        if day_first is None and (moment.one <= 12) == ((moment.two or 0) <= 12):  # noqa: PLR2004 (months)
            return None
        first = day_first if day_first is not None else moment.one > 12  # noqa: PLR2004
        day, month = (moment.one, moment.two) if first else (moment.two, moment.one)
    if date and (year is None or month is None or day is None or not 1 <= month <= 12):  # noqa: PLR2004
        return None
    if year is not None and year < 100 and "YYYY" in core:  # noqa: PLR2004 (of two digits)
        return None
    if "h:mm" in core and (moment.hour is None or (":ss" in core and not moment.second)):
        return None
    if "Dth" in core or "A" in core:
        return None  # the ending of the day, or a word, that is not known
    pad = "02d" if padded or (padded is None and core.startswith("YYYY")) else "d"
    text = core
    if _FIGURE.search(text):
        if day_first is None and not text.startswith("YYYY"):
            return None  # nothing tells in which order this column writes them
        order = (month, day) if text.startswith("YYYY") or not day_first else (day, month)
        for number in order:
            text = _FIGURE.sub(format(number or 0, pad), text, count=1)
    text = text.replace("YYYY", f"{year}").replace("YY", f"{(year or 0) % 100:02d}")
    name = _MONTHS[(month or 1) - 1]
    # The names of months go in last but for the time, for they hold letters of the layout.
    text = re.sub(r"\bD\b", format(day or 0, pad), text)
    text = _write_time(moment, text, pad)
    for mark, word in (("Month", name), ("MON", name[:3].upper()), ("Mon", name[:3]), ("mon", name[:3].lower())):
        if re.search(rf"\b{mark}\b", text):
            return re.sub(rf"\b{mark}\b", word, text, count=1)
    return text


def _write_time(moment: Moment, text: str, pad: str) -> str:
    place = re.search(r"h:mm(:ss(?:\.f)?)?(\s*[pP][.mM ]*)?Z?", text)
    if place is None or moment.hour is None:
        return text
    half = place[2] or ""
    hour = (moment.hour - 1) % 12 + 1 if half else moment.hour
    if moment.hour < 12:  # noqa: PLR2004 (noon)
        half = half.replace("p", "a").replace("P", "A")
    seconds = moment.second if place[1] else ""
    return f"{text[: place.start()]}{format(hour, pad)}:{moment.minute:02d}{seconds}{half}{text[place.end() :]}"


def _judge_notes(
    writing: Writing, read: dict[str, Moment], usual: set[str], done: dict[str, Unlike]
) -> dict[str, Unlike]:
    """Find the values with a note beside them, where hardly any has one."""
    noted = [v for v in usual if _has_note(read[v]) and v not in done]
    share = writing.share(noted)
    if not noted or share > FEW_ALIEN * writing.share(list(usual)):
        return {}
    return {
        v: Unlike(
            doubt_of(share),
            f"{v!r} has a note, {read[v].note!r}, beside what the other values of {writing.name!r} hold.",
            _cut_note(v, read[v]),
            0.93,
        )
        for v in noted
    }


def _cut_note(value: str, moment: Moment) -> str | None:
    """Take off the note beside a moment; None where it cannot be told from the moment's own letters."""
    size = len(moment.note)
    starts = [at for at in range(len(value) - size + 1) if value.startswith(moment.note, at)]
    cut = {f"{value[:at]}{value[at + size :]}".strip(" ,-") for at in starts}
    kept = [c for c in cut if (m := read_moment(c)) is not None and not m.note and _tell(m) == _tell(moment)]
    return kept[0] if len(kept) == 1 else None


def _tell(moment: Moment) -> tuple[object, ...]:
    """Return all that a moment tells, but not how."""
    return astuple(moment)[_TOLD:]


def _judge_padding(writing: Writing, read: dict[str, Moment], top: str, day_first: bool | None) -> dict[str, Unlike]:  # noqa: FBT001 (three-valued, passed on)
    """Find values with a zero before a digit, where others have none, and the reverse."""
    padded = _is_padded(writing, list(read.values()), read)
    odd = [v for v, m in read.items() if m.padded is not None and padded is not None and m.padded != padded]
    if not odd or any(_has_note(read[v]) for v in odd):
        return {}
    share = writing.share(odd)
    reason = "Digits below ten have {0} zero before them in {1!r}, and in {2!r} it is otherwise."
    said = ("a" if padded else "no", writing.name)
    return {
        v: Unlike(
            doubt_of(share) - 0.2,
            reason.format(*said, v),
            _write(read[v], top, padded=padded, day_first=day_first),
            0.95,
        )
        for v in odd
    }


def _judge_order(writing: Writing, read: dict[str, Moment], day_first: bool | None) -> dict[str, Unlike]:  # noqa: FBT001 (likewise)
    """Find dates of digits that are none in the order of the others."""
    if day_first is None:
        return {}
    odd = [v for v, m in read.items() if m.one is not None and (m.two if day_first else m.one or 0) > 12]  # type: ignore[operator]  # noqa: PLR2004  # both stand together
    usual, other = ("day", "month") if day_first else ("month", "day")
    said = f"has the {other} first, and {writing.name!r} has the {usual} first elsewhere."
    return {v: Unlike(0.8, f"{v!r} {said}", _turn_round(v, read[v]), 0.9) for v in odd if is_possible(read[v])}


def _turn_round(value: str, moment: Moment) -> str | None:
    """Write the first two numbers of a date in the other order."""
    found = re.search(r"(\d{1,2})([-/.])(\d{1,2})\2", value)
    if found is None or (int(found[1]), int(found[3])) != (moment.one, moment.two):
        return None
    return f"{value[: found.start()]}{found[3]}{found[2]}{found[1]}{found[2]}{value[found.end() :]}"


def _judge_aliens(writing: Writing, read: dict[str, Moment]) -> dict[str, Unlike]:
    """Find what is no date or time, where few values are not."""
    aliens = [v for v in writing.rows if v not in read]
    share = writing.share(aliens)
    if not aliens or share > FEW_ALIEN:
        return {}
    found = {}
    for value in aliens:
        if _YEAR.fullmatch(value):
            continue  # a date less precise
        if not any(c.isdigit() for c in value) and writing.rows[value] >= RECURRING:
            continue  # a word that comes again is a value of its own
        reason = f"{value!r} cannot be read as a date or time, and {show_share(1 - share)} of {writing.name!r} can."
        found[value] = Unlike(doubt_of(share) if any(c.isdigit() for c in value) else 0.6, reason)
    return found
