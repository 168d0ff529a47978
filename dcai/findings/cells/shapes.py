"""Shapes of many texts: what `formats` says of one text, for all values of a column from a single pass over their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.findings.cells.formats import LONGEST, Moment, forget_lengths, read_moment, write_shape

Bytes = npt.NDArray[np.uint8]

_UPPER, _LOWER, _DIGIT, _SPACE = range(1, 5)
_CHUNK = 100_000  # texts at a time: what is made of their bytes takes some 40 times their size
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def _list_kinds() -> Bytes:
    """Number what each ASCII character is: marks, which no run joins, have numbers of their own."""
    kinds = np.arange(128, dtype=np.uint8) + np.uint8(_SPACE + 1)
    for number, holds in ((_UPPER, str.isupper), (_LOWER, str.islower), (_DIGIT, str.isdigit), (_SPACE, str.isspace)):
        kinds[[holds(chr(i)) for i in range(128)]] = number
    return kinds


def _mark_months() -> npt.NDArray[np.bool_]:
    """Mark the numbers of three letters of five bits each that a month begins with."""
    found = np.zeros(1 << 15, dtype=np.bool_)
    found[[sum((ord(c) & 31) << 5 * (2 - i) for i, c in enumerate(month)) for month in _MONTHS]] = True
    return found


_KINDS = _list_kinds()
_BEGINS_MONTH = _mark_months()


def write_shapes(texts: Sequence[str], level: int = 0) -> list[str]:
    """Write the shape of each text; see `dcai.findings.cells.formats.write_shape`.

    Examples
    --------
    >>> write_shapes(["Ab-012 x", "\u00c9a"]), write_shapes(["Ab-012 x"], 2)
    (['A{1}a{1}-9{3} a{1}', 'a{2}'], ['Aa-9 a'])
    """
    found: list[str] = []
    seen: dict[str, str] = {}  # many texts have one shape, and it is kept once
    for start in range(0, len(texts), _CHUNK):
        part = texts[start : start + _CHUNK]
        plain = iter(_write_plain([t for t in part if t.isascii()]))
        made = (next(plain) if t.isascii() else write_shape(t) for t in part)
        found += [seen.setdefault(shape, shape) for shape in made]
    if not level:
        return found
    shorter = {shape: forget_lengths(shape, level) for shape in seen}
    return [shorter[shape] for shape in found]


def _write_plain(texts: list[str]) -> list[str]:
    """Write the shapes of ASCII texts: the distinct runs of characters are written once each."""
    kinds, starts = _classify(texts)
    if not len(kinds):
        return [""] * len(texts)
    first = np.ones(len(kinds), dtype=np.bool_)
    first[1:] = (kinds[1:] != kinds[:-1]) | (kinds[1:] > _SPACE)
    first[starts[starts < len(kinds)]] = True
    at = np.flatnonzero(first)
    size = np.diff(at, append=len(kinds))
    runs = kinds[at].astype(np.int64)
    codes, distinct = pd.factorize(runs * (len(kinds) + 1) + np.where(runs >= _SPACE, 1, size))
    marks = np.array([_write_run(*divmod(int(run), len(kinds) + 1)) for run in distinct], dtype=object)
    pieces = marks[codes].tolist()
    bounds = np.searchsorted(at, np.append(starts, len(kinds))).tolist()
    return ["".join(pieces[a:b]) for a, b in pairwise(bounds)]


def _classify(texts: list[str]) -> tuple[Bytes, npt.NDArray[np.int64]]:
    """Number what the characters of ASCII texts are, one text after the other, and where each begins."""
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
    kinds = _KINDS[np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8)]
    return kinds, np.concatenate([[0], ends[:-1]]).astype(np.int64) if len(ends) else ends


def _write_run(kind: int, size: int) -> str:
    if kind > _SPACE:
        return chr(kind - _SPACE - 1)
    return " " if kind == _SPACE else f"{' Aa9'[kind]}{{{size}}}"


def read_moments(texts: Sequence[str]) -> dict[str, Moment]:
    """Read the dates and times among some texts; see `dcai.findings.cells.formats.read_moment`.

    Examples
    --------
    >>> list(read_moments(["2001-02-03", "word", "12 May", "1:5"]))
    ['2001-02-03', '12 May']
    """
    found: dict[str, Moment] = {}
    for start in range(0, len(texts), _CHUNK):
        short = [t for t in texts[start : start + _CHUNK] if len(t) <= LONGEST]
        plain = [t for t in short if t.isascii()]
        hinted = {t for t, hint in zip(plain, _hint_moments(plain), strict=True) if hint}
        found |= {t: m for t in short if (t in hinted or not t.isascii()) and (m := read_moment(t)) is not None}
    return found


def _hint_moments(texts: list[str]) -> list[bool]:
    """Say which ASCII texts hold the first letters of a month, or a digit before one of the marks of dates and times."""
    kinds, starts = _classify(texts)
    if len(kinds) < 2:  # noqa: PLR2004 (no two characters beside each other)
        return [False] * len(texts)
    letters = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8)
    hint = np.zeros(len(letters), dtype=np.bool_)
    hint[:-1] = (kinds[:-1] == _DIGIT) & np.isin(letters[1:], np.frombuffer(b":-/.", dtype=np.uint8))
    five = (letters & np.uint8(31)).astype(np.uint16)  # bits: enough to tell letters, whatever their case
    hint[:-2] |= _BEGINS_MONTH[five[:-2] << np.uint16(10) | five[1:-1] << np.uint16(5) | five[2:]]
    # What is no letter, or runs over the end of its text, does no harm: a text with a hint is looked at once more.
    found = np.zeros(len(texts), dtype=np.bool_)
    found[np.searchsorted(starts, np.flatnonzero(hint), side="right") - 1] = True
    return found.tolist()
