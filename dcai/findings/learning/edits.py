"""What a reviewer's edit shows: how it rewrote a cell, and which other cells are written alike."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from dcai.base.table import Table
from dcai.findings.cells.formats import read_number
from dcai.findings.cells.units import convert
from dcai.findings.learning.cellfeatures import to_text

DETECTOR = "patterns"
REASON = "It is written like"
MOST_WRONG = 0.1  # a rewriting that would change more than this share of cells found right is not meant

Rewrite = Callable[[str], str]


@dataclass(frozen=True)
class Rewriting:
    """A way to rewrite a cell; two edits show the same one when their names are equal."""

    name: str
    apply: Rewrite
    general: float


@dataclass(frozen=True)
class Lesson:
    """A rewriting that edits of a column showed: one of them as given and as edited, and how many agree."""

    rewriting: Rewriting
    given: str
    value: str
    support: int

    @property
    def reason(self) -> str:
        """Say what the edits showed."""
        return f"{REASON} {self.given!r}, which was edited to {self.value!r}."

    @property
    def confidence(self) -> float:
        """How sure the rewriting is: each edit that it explains leaves less room for exceptions."""
        return (self.support + 0.5) / (self.support + 1)


def find_rewritings(table: Table, names: Collection[str], settled: pd.DataFrame) -> dict[str, list[Lesson]]:
    """Find for each column the rewritings that its edits show, the best supported first.

    Parameters
    ----------
    table : Table
        In the caller's order.
    names : collection of str
        The columns to look at.
    settled : pandas.DataFrame
        The verdicts: columns ``row, column, verdict, value``.

    Returns
    -------
    dict of str to list of Lesson
        Only columns with edits.
    """
    edits = settled[(settled["verdict"] == "edit") & settled["column"].notna()]
    lessons = {}
    for name in sorted({str(c) for c in edits["column"]} & set(names)):
        own = edits[edits["column"] == name]
        pairs = sorted(
            (to_text(table.frame[name].iloc[int(r)]), to_text(v), int(r))
            for r, v in zip(own["row"], own["value"], strict=True)
        )
        right = _find_right(table, name, settled, {r for _, _, r in pairs})
        chosen = [
            Lesson(w, given, value, sum(w.apply(g) == v for g, v, _ in pairs))
            for w, (given, value, _) in _choose(pairs, right)
        ]
        lessons[name] = sorted(chosen, key=lambda lesson: (-lesson.support, lesson.rewriting.name))
    return lessons


def rewrite(lessons: list[Lesson], texts: Iterable[str]) -> list[tuple[Lesson, str] | None]:
    """Return for each text the first lesson that would change it, and what it would become.

    Examples
    --------
    >>> lesson = Lesson(Rewriting("upper", str.upper, 0.8), "a", "A", 1)
    >>> [found and found[1] for found in rewrite([lesson], ["b", "C"])]
    ['B', None]
    """
    found = []
    for text in texts:
        changed = ((lesson, lesson.rewriting.apply(text)) for lesson in lessons)
        found.append(next(((lesson, new) for lesson, new in changed if new != text), None))
    return found


def _find_right(table: Table, name: str, settled: pd.DataFrame, edited: set[int]) -> list[str]:
    """List the cells of a column that the reviewer looked at and left as they are."""
    kept = settled[(settled["verdict"] == "keep") & (settled["column"].isna() | (settled["column"] == name))]
    return [to_text(table.frame[name].iloc[int(r)]) for r in sorted({int(r) for r in kept["row"]} - edited)]


def _choose(pairs: list[tuple[str, str, int]], right: list[str]) -> list[tuple[Rewriting, tuple[str, str, int]]]:
    """For each edit choose the most general rewriting that leaves alone the cells found right."""
    chosen: dict[str, tuple[Rewriting, tuple[str, str, int]]] = {}
    for given, value, row in pairs:
        for rewriting in sorted(_explain(given, value), key=lambda w: -w.general):
            harmed = sum(rewriting.apply(text) != text for text in right)
            contradicted = sum(rewriting.apply(g) not in (v, g) for g, v, _ in pairs)
            if harmed <= MOST_WRONG * len(right) and contradicted <= MOST_WRONG * len(pairs):
                chosen.setdefault(rewriting.name, (rewriting, (given, value, row)))
                break
    return list(chosen.values())


def _explain(given: str, value: str) -> Iterator[Rewriting]:
    """List the rewritings that turn one text into the other."""
    for rewriting in _candidates(given, value):
        if given != value and rewriting.apply(given) == value:
            yield rewriting


def _candidates(given: str, value: str) -> Iterator[Rewriting]:
    yield Rewriting(f"equals {given}", lambda text: value if text == given else text, 0.1)
    yield Rewriting("spaces", lambda text: " ".join(text.split()), 0.9)
    yield Rewriting("lower", str.lower, 0.8)
    yield Rewriting("upper", str.upper, 0.8)
    yield Rewriting("title", str.title, 0.7)
    for mark in sorted({c for c in given if not c.isalnum()}):
        yield Rewriting(f"remove {mark}", lambda text, mark=mark: text.replace(mark, ""), 0.6)  # type: ignore[misc]  # mypy knows no default in a lambda
        yield Rewriting(f"halve {mark}", lambda text, mark=mark: text.replace(2 * mark, mark), 0.55)  # type: ignore[misc]  # likewise
    yield from _list_units(given, value)
    if value and given.startswith(value):
        yield _strip(given[len(value) :], end=True)
    if value and given.endswith(value):
        yield _strip(given[: -len(value)], end=False)
    if re.fullmatch(r"[-+]?\d+\.?\d*", value):
        yield Rewriting("number", _only_number, 0.65)
        yield Rewriting("trailing zeros", _without_end, 0.62)
        yield Rewriting("decimals", _without_zeros, 0.6)


def _list_units(given: str, value: str) -> Iterator[Rewriting]:
    """List the ways in which a number got another unit or currency: written otherwise, or converted."""
    mine, its = read_number(given), read_number(value)
    if mine is None or its is None or (mine.before, mine.after) == (its.before, its.after):
        return
    known = convert(mine.after, its.after) if mine.after and its.after else None
    decimals = len(its.plain.partition(".")[2])
    name = f"unit {mine.before}|{mine.after} to {its.before}|{its.after}"
    frame = (mine.before, mine.after, value[: _find_digits(value)], its.after)
    if mine.value == its.value:
        yield Rewriting(name, lambda text: _write_unit(text, frame, None, 0), 0.68)
    elif known is not None and math.isclose(mine.value * known, its.value, abs_tol=0.5 * 10.0**-decimals, rel_tol=1e-9):
        yield Rewriting(f"{name} times {known:g}", lambda text: _write_unit(text, frame, known, decimals), 0.68)


def _find_digits(text: str) -> int:
    """Return where the number of a text begins: at its sign or first digit."""
    found = re.search(r"[-+]?[\d.]", text)
    return found.start() if found else len(text)


def _write_unit(text: str, frame: tuple[str, str, str, str], factor: float | None, decimals: int) -> str:
    """Write a number that has the first unit with the second one; all other texts stay as they are."""
    before, after, lead, end = frame
    number = read_number(text)
    if number is None or number.before != before or number.after != after:
        return text
    if factor is not None:
        return f"{lead}{number.value * factor:.{decimals}f}{end}"
    return f"{lead}{text.rstrip()[_find_digits(text) : len(text.rstrip()) - len(after)]}{end}"


def _strip(part: str, *, end: bool) -> Rewriting:
    """Strip what is written like a part: letters for letters of the same case, digits for digits, all else as it is."""
    shape = re.sub(r"[A-Z]+|[a-z]+|[0-9]+|[^A-Za-z0-9]", lambda m: _like(m.group()), part)
    pattern = re.compile(rf"(?<=.){shape}\Z" if end else rf"\A{shape}(?=.)", re.DOTALL)
    return Rewriting(f"strip {shape} {end}", lambda text: pattern.sub("", text), 0.5)


def _like(run: str) -> str:
    if run.isascii() and run.isalpha():
        size = f"{{{len(run)}}}" if run.isupper() else "+"
        return ("[A-Z]" if run.isupper() else "[a-z]") + size
    return "[0-9]+" if run.isascii() and run.isdigit() else re.escape(run)


def _only_number(text: str) -> str:
    match = re.fullmatch(r"\s*([-+]?\d+(?:\.\d+)?)\s*[^\d\s][^\d]*", text)
    if match is None:
        return text
    return match.group(1)


def _without_end(text: str) -> str:
    return re.sub(r"\.?0+\Z", "", text) if re.fullmatch(r"[-+]?\d+\.\d+", text) else text


def _without_zeros(text: str) -> str:
    return re.sub(r"\.0+\Z", "", text) if re.fullmatch(r"[-+]?\d+\.0+", text) else text
