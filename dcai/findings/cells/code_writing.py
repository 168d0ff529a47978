"""Columns of codes: values of one shape, with or without punctuation, and those of another shape."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from dcai.base.display import show_share
from dcai.findings.cells.formats import (
    forget_lengths,
    most_common,
    punctuate,
    read_moment,
    read_number,
    skeleton,
    write_shape,
)
from dcai.findings.cells.shapes import write_shapes
from dcai.findings.cells.writing import MAJORITY, Unlike, Writing, doubt_of, find_longer

CLEAR = (0.85, 0.9, 0.95)  # the share of one shape, by how much of the lengths it forgets
SURE_DISTINCT = 10
LONG_CODE = 5
MOST_OTHERS = 0.03
DIGITS = 7
SAMPLE = 2000
_SPREADSHEET = re.compile(r"(?:Mon|MON|mon)-D|D-(?:Mon|MON|mon)|(?:Mon|MON|mon)-YY")
_LINKS = {
    "mail": ("@", re.compile(r"[^@\s,;]+@[\w-]+(?:\.[\w-]+)+")),
    "web pages": ("://", re.compile(r"(?:https?|ftp)://[\w-]+(?:\.[\w-]+)+(?:[:/?#]\S*)?", re.IGNORECASE)),
}
_FIGURES = re.compile(r"9\{\d+\}")
_LETTERS = re.compile(r"[Aa]\{([1-4])\}")


def judge_punctuation(writing: Writing) -> dict[str, Unlike] | None:
    """Find codes whose letters and digits are those of all others, with other punctuation; None where that says nothing.

    Examples
    --------
    >>> phones = {f"555-01{n}": 1 for n in range(10, 60)} | {"5550177": 1, "(555) 0178": 1}
    >>> {v: u.suggested for v, u in judge_punctuation(Writing("phone", phones)).items()}
    {'5550177': '555-0177', '(555) 0178': '555-0178'}
    """
    if _has_no_shape(writing, lambda texts: write_shapes(list(map(skeleton, texts)))):
        return None
    shapes_of_bones = write_shapes([skeleton(v) for v in writing.rows])
    merged = {shape: _forget(shape) for shape in set(shapes_of_bones)}
    bones = {v: merged[shape] for v, shape in zip(writing.rows, shapes_of_bones, strict=True)}
    ranked = writing.rank(lambda v: bones[v], list(bones))
    if not ranked or ranked[0][1] < CLEAR[0] * writing.total:
        return None
    bone = ranked[0][0]
    same = [v for v in bones if bones[v] == bone]
    size = sum(c.isdigit() for c in same[0])
    shapes = writing.rank(writing.shapes.__getitem__, same)
    if size < DIGITS or len(same) < SURE_DISTINCT or len(shapes) < 2:  # noqa: PLR2004 (one has nothing beside it)
        return None
    if read_moment(same[0]) is not None or any("." in n.plain for v in same if (n := read_number(v)) is not None):
        return None  # the point of a number is no punctuation
    top = shapes[0][0]
    kin = _find_kin(shapes, writing.total, 0)
    most = sum(rows for shape, rows in shapes if shape in kin)
    if most < MAJORITY * writing.total:
        return None
    like = next(v for v in sorted(same) if writing.shapes[v] == top)
    rows = dict(shapes)
    found = judge_codes(writing) or {}
    for value in same:
        shape = writing.shapes[value]
        if shape not in kin:
            reason = f"{show_share(most / writing.total)} of {writing.name!r} are punctuated like {like!r}, and {value!r} is not."
            found[value] = Unlike(doubt_of(rows[shape] / writing.total), reason, punctuate(skeleton(value), like), 0.97)
    return found


def judge_codes(writing: Writing) -> dict[str, Unlike] | None:
    """Find values of another shape than nearly all others; None where the column has no one shape.

    Examples
    --------
    >>> codes = {f"tt{n:04d}": 1 for n in range(100)} | {"iron_man_3": 1}
    >>> list(judge_codes(Writing("id", codes)))
    ['iron_man_3']
    """
    shorter: dict[str, str] = {}
    for level, clear in enumerate(CLEAR):
        if _has_no_shape(writing, partial(write_shapes, level=level)):
            continue
        shorter = shorter or {shape: shape for shape in writing.shape_rows}
        step = {shape: forget_lengths(shape, level) for shape in set(shorter.values())}
        shorter = {shape: step[short] for shape, short in shorter.items()}
        ranked = most_common(shorter.values(), writing.shape_rows.values())
        if not ranked:
            return None
        if level and not _may_be_code(ranked[0][0]):
            continue
        shapes = {v: shorter[shape] for v, shape in writing.shapes.items()}
        kin = _find_kin(ranked, writing.total, level)
        own = [v for v in shapes if shapes[v] in kin]
        share = writing.share(own)
        if share < clear or not _is_code(ranked[0][0], own, level):
            continue
        if level and len(own) < clear * len(shapes):
            continue  # shapes that forget lengths must hold for the distinct values, too
        others = Counter[str]()
        for value, shape in shapes.items():
            others[shape] += writing.rows[value]
        if (
            _LETTERS.fullmatch(ranked[0][0])
            and sum(v.isalnum() and any(map(str.isdigit, v)) for v in shapes) > SURE_DISTINCT
        ):
            return None  # codes of letters, and others with digits
        like = max(own, key=lambda v: (shapes[v] == ranked[0][0], writing.rows[v], v))
        kin |= _find_running(ranked, own) | find_longer(ranked, writing.total) if level == 0 else set()
        return {
            v: Unlike(
                doubt_of(others[shapes[v]] / writing.total) - 0.1 * level,
                f"{show_share(share)} of {writing.name!r} are written like {like!r}, and {v!r} is not.",
                *_mend(v, shapes, ranked[0][0], level),
            )
            for v in shapes
            if shapes[v] not in kin and (level == 0 or others[shapes[v]] <= MOST_OTHERS * writing.total)
        }
    return None


def _has_no_shape(writing: Writing, write: Callable[[list[str]], list[str]]) -> bool:
    """Say of a column of very many values whether a sample of them shows that no shape can be that of most."""
    if len(writing.rows) <= SAMPLE:
        return False
    some = list(writing.rows)[:: len(writing.rows) // SAMPLE]
    ranked = most_common(map(_forget, write(some)), [writing.rows[v] for v in some])
    return ranked[0][1] < MAJORITY * sum(writing.rows[v] for v in some)


def _find_kin(ranked: list[tuple[str, int]], total: int, level: int) -> set[str]:
    """Choose the shapes that are one with the first: those that recur and differ in a letter for a digit."""
    top = ranked[0][0]
    bare = _forget(top)
    return {top} | {s for s, rows in ranked[1:] if level == 0 and rows >= 0.02 * total and _forget(s) == bare}


def _find_running(ranked: list[tuple[str, int]], own: Sequence[str]) -> set[str]:
    """Choose the shapes that differ from the first in how many digits a running number has, one without zeros before it."""
    top = ranked[0][0]
    runs = [re.findall(r"[0-9]+", v) for v in own if write_shape(v) == top]
    padded = [any(run[0] == "0" for run in place) for place in zip(*runs, strict=True)]
    usual = _FIGURES.findall(top)
    return {
        shape
        for shape, _ in ranked
        if _FIGURES.sub("9", shape) == _FIGURES.sub("9", top)
        and not any(
            zeros and mine != its for zeros, mine, its in zip(padded, _FIGURES.findall(shape), usual, strict=True)
        )
    }


def _forget(shape: str) -> str:
    """Write a shape with its letters of one case and its digits alike."""
    merged = re.sub(r"[A9]\{(\d+)\}", lambda m: "#" * int(m[1]), shape)
    return re.sub(r"a\{(\d+)\}", lambda m: "~" * int(m[1]), merged)


def _is_code(shape: str, own: list[str], level: int) -> bool:
    """Say whether a shape is one of codes: digits of a fixed place, or a few letters of one case."""
    if len(own) < SURE_DISTINCT:
        return False
    if level == 0:
        letters = _LETTERS.fullmatch(shape)
        if letters is not None:
            return int(letters[1]) in (2, 3) and len(own) > SURE_DISTINCT
        length = sum(map(int, re.findall(r"\{(\d+)\}", shape)))
        digits = sum(map(int, re.findall(r"9\{(\d+)\}", shape)))
        return digits > 0 and length >= LONG_CODE and (" " not in shape or digits == length >= DIGITS)
    return _may_be_code(shape)


def _may_be_code(shape: str) -> bool:
    """Say whether a shape that forgets lengths has digits and marks, and no spaces."""
    marks = any(not c.isalnum() and c not in "{}" for c in shape)
    return "9" in shape and " " not in shape and marks


def _mend(value: str, shapes: dict[str, str], top: str, level: int) -> tuple[str | None, float]:
    """Suggest the same letters and digits in the usual case, without surplus spaces."""
    for made in (value.strip(), value.upper(), value.lower()):
        if made != value and write_shape(made, level) == top:
            return made, 0.95 if made in shapes else 0.9
    return None, float("nan")


def judge_links(writing: Writing) -> dict[str, Unlike] | None:
    """Find what is no address among addresses of mail or web pages; None where the column holds none.

    Examples
    --------
    >>> mails = {f"p{n}@example.org": 1 for n in range(40)} | {"ada at example.org": 1}
    >>> {v: u.suggested for v, u in judge_links(Writing("mail", mails)).items()}
    {'ada at example.org': 'ada@example.org'}
    """
    for what, (sign, pattern) in _LINKS.items():
        own = [v for v in writing.rows if sign in v and pattern.fullmatch(v)]
        share = writing.share(own)
        if share < CLEAR[1]:
            continue
        usual = writing.rank(lambda v: v.partition("//")[0], own)[0]
        found = {}
        for value in writing.rows:
            made = (
                re.sub(r"\s*(?:\(at\)|\[at\]|\sat\s)\s*", "@", value.strip())
                if what == "mail"
                else f"{usual[0]}//{value.strip()}"
            )
            mended = made if made != value and pattern.fullmatch(made) else None
            if not pattern.fullmatch(value):
                reason = f"{value!r} is no address of {what}, as {show_share(share)} of {writing.name!r} are."
                found[value] = Unlike(0.85, reason, mended, 0.9 if mended else float("nan"))
        return found
    return None


def judge_mangled(writing: Writing) -> dict[str, Unlike]:
    """Find dates that a spreadsheet made of codes: "Mar-45" among codes of digits and hyphens.

    Examples
    --------
    >>> list(judge_mangled(Writing("pages", {f"{n}-{n + 7}": 1 for n in range(50)} | {"6-Jun": 1})))
    ['6-Jun']
    """
    suspects = [v for v, m in writing.moments.items() if _SPREADSHEET.fullmatch(m.layout)]
    if not suspects:
        return {}
    codes = [v for v in writing.rows if any(c.isdigit() for c in v) and v not in set(suspects)]
    hyphens = [v for v in codes if re.search(r"\d[-/]\d", v)]
    if writing.share(suspects) > MAJORITY / 2 or writing.share(codes) < MAJORITY or not hyphens:
        return {}
    return {
        v: Unlike(0.9, f"{v!r} looks like a date that a spreadsheet made of a code of {writing.name!r}.")
        for v in suspects
    }
