"""Formats: how a value is written. Numbers, moments and durations are read; all else has a shape of letters and digits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST = 80
_LONGEST_NOTE = 24
_THOUSAND = 1000

_CURRENCY = r"(?:[$€£¥₹]|US\$|USD|EUR|GBP|CHF|Rs\.?)"
_NUMBER = re.compile(
    rf"\s*(?P<open>\()?(?P<sign>[-+\N{{MINUS SIGN}}]?)(?P<before>{_CURRENCY}?\s?)(?P<inner>-?)"
    r"(?P<body>\d{1,3}(?:(?P<mark>[,'\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE} ])\d{3})(?:(?P=mark)\d{3})*(?:\.\d+)?"
    r"|\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}|\d+(?:[.,]\d+)?|\.\d+)(?P<power>[eE][-+]?\d{1,3})?"
    rf"(?P<after>\s*(?:{_CURRENCY}|[%\N{{PER MILLE SIGN}}\N{{DEGREE SIGN}}'\"\N{{MICRO SIGN}}A-Za-z][^\d,;|@]{{0,{_LONGEST_NOTE}}})?)(?P<close>\))?\s*\Z"
)
_LONG = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH = r"(?P<month>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6})\b\.?"
_YEAR = r"(?P<year>\d{4}|'?\d{2})"
_TIME = re.compile(
    r"(?<![\d:.])(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?P<second>:[0-5]\d(?:\.\d+)?)?"
    r"(?P<half>\s*(?:[ap]\.?\s?m\b\.?|[ap]\b))?(?P<zone>Z|[+-]\d\d:?\d\d)?(?![\d:])",
    re.IGNORECASE,
)
_DATES = tuple(
    re.compile(rf"(?<![\w/.-])(?:{pattern})(?![\w/-])", re.IGNORECASE)
    for pattern in (
        r"(?P<year>\d{4})(?P<mark>[-/.])(?P<two>\d{1,2})(?P=mark)(?P<three>\d{1,2})(?=\b|T)",
        r"(?P<one>\d{1,2})(?P<mark>[-/.])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})",
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[ -]{_MONTH},?[ -]{_YEAR}",
        rf"{_MONTH}[ -](?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?[ -]{_YEAR}",
        rf"{_MONTH},?[ ](?P<year>\d{{4}})",
        rf"{_MONTH}[ -](?P<day>\d{{1,2}})(?:st|nd|rd|th)?",
        rf"(?P<day>\d{{1,2}})[ -]{_MONTH}",
    )
)
_HINT = re.compile(r"\d(?::|[-/.]\d+[-/.]\d)|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec", re.IGNORECASE)
_MONTH_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SPAN = re.compile(
    r"\s*(?:(?P<hours>\d+(?:\.\d+)?)\s*(?:h|hrs?|hours?|std)\b\.?)?,?\s*(?:and\s+)?"
    r"(?:(?P<minutes>\d+(?:\.\d+)?)\s*(?:m|mins?|minutes?)\b\.?)?,?\s*(?:(?P<seconds>\d+)\s*(?:s|secs?|seconds?)\b\.?)?\s*\Z",
    re.IGNORECASE,
)
_RUN = re.compile(r"[A-Z]+|[a-z]+|[0-9]+|[^\W\d_]+|\s+")
_LENGTHS = re.compile(r"\{\d+\}")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written: its digits without marks of thousands, and what stands around them."""

    value: float
    plain: str
    mark: str
    before: str
    after: str

    @property
    def is_long(self) -> bool:
        """Whether marks of thousands could stand in it."""
        return abs(self.value) >= _THOUSAND


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, a time of day, or both: its layout, and what stands beside it.

    `layout` writes YYYY, YY, Month, Mon, N (a day or month in digits), D, h, mm, ss and the half of the day as they
    stand; `padded` says whether a digit below ten has a zero before it (None: there is none to tell by).
    """

    layout: str
    note: str
    padded: bool | None
    year: int | None = None
    one: int | None = None
    two: int | None = None
    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None
    second: str = ""

    @property
    def holds(self) -> str:
        """What it tells: a date, a time, or both."""
        return ("date" if "N" in self.layout or "D" in self.layout or "Y" in self.layout else "") + (
            "time" if self.hour is not None else ""
        )


def read_number(text: str) -> Number | None:
    """Read a number with its marks, currency and unit.

    Examples
    --------
    >>> read_number("$1,234.50").plain, read_number("12.0 oz").after, read_number("1-2")
    ('1234.50', ' oz', None)
    """
    if len(text) > LONGEST:
        return None
    found = _NUMBER.match(text)
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    body, mark = found["body"], found["mark"] or ""
    if mark:
        body = body.replace(mark, "")
    elif "," in body and "." in body:
        mark, body = ".", body.replace(".", "").replace(",", ".")
    elif body.count(".") > 1:
        mark, body = ".", body.replace(".", "")
    elif "," in body:
        mark, body = "decimal comma", body.replace(",", ".")
    minus = "-" if (found["sign"] + found["inner"]).strip("+") or found["open"] else ""
    plain = minus + body + (found["power"] or "")
    try:
        value = float(plain)
    except ValueError:
        return None
    before = ("(" if found["open"] else "") + found["before"].strip()
    return Number(value, plain, mark, before, found["after"].rstrip())


def read_span(text: str) -> float | None:
    """Read a duration written in hours and minutes, as minutes.

    Examples
    --------
    >>> read_span("1 hr. 30 min."), read_span("90 min"), read_span("2h"), read_span("90")
    (90.0, 90.0, 120.0, None)
    """
    if len(text) > LONGEST or not text.strip():
        return None
    found = _SPAN.match(text)
    if found is None or not any(found.groupdict().values()):
        return None
    parts = [float(found[name] or 0) for name in ("hours", "minutes", "seconds")]
    return 60 * parts[0] + parts[1] + parts[2] / 60


def read_moment(text: str) -> Moment | None:
    """Read a date, a time of day or both, with a short note beside it.

    Examples
    --------
    >>> read_moment("15 December 1982 (USA)").layout, read_moment("1/2/2001").layout, read_moment("10:30 p.m.").layout
    ('D Month YYYY (A)', 'N/N/YYYY', 'h:mm p.m.')
    """
    if len(text) > LONGEST or _HINT.search(text) is None or not any(map(str.isdigit, text)):
        return None
    time, rest = _TIME.search(text), text
    if time is not None:
        if int(time["hour"]) > 24:  # noqa: PLR2004 (hours of a day)
            return None
        rest = f"{text[: time.start()]}\x01{text[time.end() :]}"
    date = next((m for pattern in _DATES if (m := pattern.search(rest.replace("T\x01", " \x01"))) is not None), None)
    if time is None and date is None:
        return None
    if date is not None:
        rest = f"{rest[: date.start()]}\x02{rest[date.end() :]}"
    note = re.sub(r"[\x01\x02]", "", rest)
    if any(c.isdigit() for c in note) or len(note) > _LONGEST_NOTE:
        return None
    parts = {} if date is None else date.groupdict()
    month = parts.get("month")
    number = None if month is None else _find_month(month)
    if month is not None and number is None:
        return None
    small = [v for k in ("one", "two", "three", "day") if (v := parts.get(k)) is not None and int(v) < 10]  # noqa: PLR2004
    small += [time["hour"]] if time is not None and int(time["hour"]) < 10 else []  # noqa: PLR2004
    layout = re.sub(r"[^\W\d_]+", "A", rest).replace("\x02", _lay_out_date(date)).replace("\x01", _lay_out_time(time))
    return Moment(
        " ".join(layout.split()),
        note.strip(),
        None if not small else all(len(v) > 1 for v in small),
        _to_int(parts.get("year")),
        _to_int(parts.get("one")),
        _to_int(parts.get("two")),
        number if month else _to_int(parts.get("two")) if parts.get("three") else None,
        _to_int(parts.get("day") or parts.get("three")),
        _to_hour(time),
        None if time is None else int(time["minute"]),
        "" if time is None else time["second"] or "",
    )


def _to_int(text: str | None) -> int | None:
    return None if text is None else int(text.lstrip("'"))


def _to_hour(time: re.Match[str] | None) -> int | None:
    if time is None:
        return None
    half = (time["half"] or "").strip().casefold()[:1]
    hour = int(time["hour"])
    return hour % 12 + 12 * (half == "p") if half else hour


def _find_month(text: str) -> int | None:
    word = text.casefold()
    found = [i for i, long in enumerate(_LONG, 1) if long.startswith(word[:3] if word == "sept" else word)]
    return found[0] if len(found) == 1 else None


def _lay_out_date(date: re.Match[str] | None) -> str:
    if date is None:
        return ""
    parts, text, origin = date.groupdict(), date.group(), date.start()
    spans = []
    for name, value in parts.items():
        if value is None or name == "mark":
            continue
        if name == "month":
            mark = "Month" if value.casefold() in _LONG and len(value) > 3 else "Mon"  # noqa: PLR2004
            mark = mark if value[0].isupper() else mark.lower()
            mark = "MON" if value.isupper() else mark
        else:
            mark = {"year": "YYYY" if len(value) == 4 else "YY", "day": "D"}.get(name, "N")  # noqa: PLR2004
        spans.append((date.start(name) - origin, date.end(name) - origin, mark))
    for start, end, mark in sorted(spans, reverse=True):
        text = f"{text[:start]}{mark}{text[end:]}"
    # May is as long as its abbreviation, and says nothing.
    return re.sub(r"D(?:st|nd|rd|th)", "Dth", text)


def _lay_out_time(time: re.Match[str] | None) -> str:
    if time is None:
        return ""
    half = (time["half"] or "").replace("a", "p").replace("A", "P")
    second = "" if not time["second"] else ":ss.f" if "." in time["second"] else ":ss"
    return f"h:mm{second}{half}{'Z' if time['zone'] else ''}"


def is_possible(moment: Moment, *, day_first: bool | None = None) -> bool:
    """Say whether a calendar has this day and a clock this hour.

    Examples
    --------
    >>> is_possible(read_moment("2001-02-30")), is_possible(read_moment("31/12/2001"))
    (False, True)
    """
    month, day = moment.month, moment.day
    if moment.one is not None and moment.two is not None:
        pairs = [(moment.two, moment.one)] if day_first else [(moment.one, moment.two)] if day_first is False else []
        pairs = pairs or [(moment.two, moment.one), (moment.one, moment.two)]
        return any(1 <= m <= 12 and 1 <= d <= _MONTH_LENGTHS[m - 1] for m, d in pairs)  # noqa: PLR2004 (months)
    if month is not None and not 1 <= month <= 12:  # noqa: PLR2004 (months)
        return False
    if day is None or month is None:
        return day is None or 1 <= day <= 31  # noqa: PLR2004 (days)
    if month == 2 and day == 29 and moment.year is not None and moment.year > 99:  # noqa: PLR2004 (a leap day)
        return moment.year % 4 == 0 and (moment.year % 100 != 0 or moment.year % 400 == 0)
    return 1 <= day <= _MONTH_LENGTHS[month - 1]


def write_shape(text: str, level: int = 0) -> str:
    """Write a text as classes of characters; a higher level forgets more.

    Level 0 keeps every length, 1 forgets those of digits, 2 those of all runs, 3 the case of letters.

    Examples
    --------
    >>> [write_shape("Ab-012 x", level) for level in range(4)]
    ['A{1}a{1}-9{3} a{1}', 'A{1}a{1}-9 a{1}', 'Aa-9 a', 'a-9 a']
    """

    def replace(found: re.Match[str]) -> str:
        run = found.group()
        mark = " " if run.isspace() else "9" if run.isdigit() else "A" if run.isupper() else "a"
        return mark if mark == " " else f"{mark}{{{len(run)}}}"

    return forget_lengths(_RUN.sub(replace, text), level)


def forget_lengths(shape: str, level: int) -> str:
    """Write a shape of level 0 as one of a higher level.

    Examples
    --------
    >>> forget_lengths("A{1}a{1}-9{3}", 1), forget_lengths("A{1}a{1}-9{3}", 3)
    ('A{1}a{1}-9', 'a-9')
    """
    if level >= 1:
        shape = re.sub(r"9\{\d+\}", "9", shape)
    if level >= 2:  # noqa: PLR2004 (the levels are listed above)
        shape = _LENGTHS.sub("", shape)
    if level >= 3:  # noqa: PLR2004
        shape = re.sub(r"[aA]+", "a", shape)
    return shape


def skeleton(text: str) -> str:
    """Keep only letters and digits: what is left where punctuation and spaces are a matter of taste.

    Examples
    --------
    >>> skeleton("(415) 555-1234")
    '4155551234'
    """
    return "".join(c for c in text if c.isalnum())


def punctuate(letters: str, like: str) -> str | None:
    """Write letters and digits with the punctuation of another text of as many of them; None where they differ.

    Examples
    --------
    >>> punctuate("4155551234", "(212) 555-9876"), punctuate("123", "12")
    ('(415) 555-1234', None)
    """
    if len(letters) != sum(c.isalnum() for c in like):
        return None
    left = iter(letters)
    return "".join(next(left) if c.isalnum() else c for c in like)


def most_common(values: Iterable[str], weights: Iterable[int]) -> list[tuple[str, int]]:
    """Add up weights by value, most first; equal ones by text.

    Examples
    --------
    >>> most_common(["a", "b", "a"], [1, 5, 2])
    [('b', 5), ('a', 3)]
    """
    total: dict[str, int] = {}
    for value, weight in zip(values, weights, strict=True):
        total[value] = total.get(value, 0) + weight
    return sorted(total.items(), key=lambda item: (-item[1], item[0]))
