"""Characters that do not belong: spaces at the ends, broken encodings, doubled marks, another column's value at the end."""

from __future__ import annotations

import html
import re
from collections import Counter

import numpy as np
import pandas as pd

from dcai.base.display import show_share
from dcai.findings.cells.texts import mark_texts
from dcai.findings.cells.writing import MAJORITY, RECURRING, Unlike, Writing
from dcai.findings.shape import make_findings

FEW = 0.05  # of the rows: what more have is a habit of the column
RARE_MARK = 0.002
SHORT = 40  # names and codes; in longer texts every mark may stand
_BROKEN = re.compile("[\u00c2\u00c3\u00e2][\u0080-\u00bf\u2013-\u2122\u0152-\u0178\u02c6\u02dc\u20ac]")
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5});")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd\u200b\ufeff]")
_DOUBLED = re.compile(r"([',;:\-/&@])\1+")
_ESCAPED = re.compile(r"[^\W\d_]''(?:[^\W\d_]|\Z)")
_STRAY = re.compile(r"[\s-]*[*~^|\\`<>={}_]+\s*\Z|\A\s*[*~^|\\`<>={}_]+")
_DROP_MARKS = str.maketrans("", "", " '\u2019.-")
_TURNED = re.compile(r"([^\W\d_][\w'-]*), ([^\W\d_][\w'. -]*)")
MANY = 30
_SPILL = re.compile(r"(?P<own>.*\w)[\s,;/(-]+(?P<end>\w+)\)?\Z")
SPILL_SHARE = 0.8
FEWEST_SPILLS = 5


def judge_characters(writing: Writing) -> dict[str, Unlike]:
    """Find the values with characters that do not belong.

    Examples
    --------
    >>> found = judge_characters(Writing("name", {"O'Hara": 30, "D'Arc": 30, "O''Neill": 1, " Ada": 1}))
    >>> {value: unlike.suggested for value, unlike in found.items()}
    {' Ada': 'Ada', "O''Neill": "O'Neill"}
    """
    found: dict[str, Unlike] = {}
    for judge in (_judge_names, _judge_ends, _judge_encoding, _judge_doubled, _judge_marks):
        found |= judge(writing)
    return dict(sorted(found.items()))


def _judge_ends(writing: Writing) -> dict[str, Unlike]:
    odd = [v for v in writing.rows if v != v.strip()]
    if writing.share(odd) > FEW:
        return {}
    return {v: Unlike(0.8, f"{v!r} {_tell_spaces(v)}.", v.strip(), 0.97) for v in odd}


def _tell_spaces(value: str) -> str:
    """Say which end of a text has spaces, and show them.

    Examples
    --------
    >>> _tell_spaces("Bonn "), _tell_spaces("  Bonn")
    ("ends with a space, shown here as a dot: 'Bonn\u00b7'", "begins with 2 spaces, shown here as dots: '\u00b7\u00b7Bonn'")
    """
    before, after = len(value) - len(value.lstrip()), len(value) - len(value.rstrip())
    where = "begins and ends with" if before and after else "begins with" if before else "ends with"
    one = before + after == 1
    shown = "\N{MIDDLE DOT}" * before + value.strip() + "\N{MIDDLE DOT}" * after
    return f"{where} {'a space' if one else f'{before + after} spaces'}, shown here as {'a dot' if one else 'dots'}: {shown!r}"


def _judge_encoding(writing: Writing) -> dict[str, Unlike]:
    found = {}
    for value in writing.rows:
        if not value.isascii() and _BROKEN.search(value):
            try:
                mended = value.encode("cp1252").decode("utf-8")
            except (UnicodeEncodeError, UnicodeDecodeError):
                continue  # the letters are meant
            found[value] = Unlike(0.95, f"{value!r} was read in the wrong encoding.", mended, 0.98)
        elif not (value.isascii() and value.isprintable()) and _CONTROL.search(value):
            found[value] = Unlike(0.9, f"{value!r} holds characters that cannot be seen or were lost.")
    entities = [v for v in writing.rows if "&" in v and _ENTITY.search(v)]
    if writing.share(entities) <= FEW:
        found |= {
            v: Unlike(0.85, f"{v!r} holds a character in the writing of web pages.", html.unescape(v), 0.97)
            for v in entities
        }
    return found


def _judge_doubled(writing: Writing) -> dict[str, Unlike]:
    """Find marks that stand twice, where the column has them once elsewhere and hardly ever twice."""
    found = {
        v: Unlike(
            0.8, f"{v!r} has an apostrophe twice within a word, as databases escape it.", v.replace("''", "'"), 0.96
        )
        for v in writing.rows
        if "''" in v and _ESCAPED.search(v)
    }
    short = [v for v in writing.rows if len(v) <= SHORT]
    once, twice = Counter[str](), Counter[str]()
    for value in short:
        doubled = {m[1] for m in _DOUBLED.finditer(value)}
        for mark in doubled:
            twice[mark] += writing.rows[value]
        for mark in set("',;:-/&@") & set(value) - doubled:
            once[mark] += writing.rows[value]
    for value in short:
        marks = {m[1] for m in _DOUBLED.finditer(value)}
        if marks and all(
            twice[m] <= FEW * writing.total and once[m] >= RECURRING and once[m] >= twice[m] for m in marks
        ):
            reason = f"{value!r} has a mark twice that the other values of {writing.name!r} have once."
            found[value] = Unlike(0.75, reason, _DOUBLED.sub(r"\1", value), 0.96)
    return found


def _judge_marks(writing: Writing) -> dict[str, Unlike]:
    """Find marks at the ends of names that hardly any other value has."""
    if np.mean([len(v) <= SHORT for v in writing.rows]) < 1 - FEW:
        return {}
    odd = [v for v in writing.rows if len(v) <= SHORT and _STRAY.search(v)]
    if not odd or writing.share(odd) > RARE_MARK:
        return {}
    return {
        v: Unlike(
            0.6,
            f"{v!r} has marks at its end that hardly any value of {writing.name!r} has.",
            mended or None,
            0.85 if mended else float("nan"),
        )
        for v in odd
        if (mended := _STRAY.sub("", v).strip()) != v
    }


def _judge_names(writing: Writing) -> dict[str, Unlike]:
    """Find names with their parts turned round ("Turing, Alan" among "Alan Turing"), and cells without any letter."""
    plain = [v for v in writing.rows if (bare := v.translate(_DROP_MARKS)).isalpha() or not bare]
    if len(plain) < MANY or writing.share(plain) < 1 - FEW or np.mean([len(v) <= SHORT for v in plain]) < 1 - FEW:
        return {}
    usual = f"{show_share(writing.share(plain))} of {writing.name!r} are plain words"
    found = {}
    pairs = writing.share([v for v in plain if 1 <= v.strip().count(" ") <= 2]) > MAJORITY  # noqa: PLR2004 (names of two or three words)
    words = [v.split() for v in plain if v.strip()]
    first, last = Counter(w[0] for w in words), Counter(w[-1] for w in words)
    for value in writing.rows:
        turned = _TURNED.fullmatch(value.strip())
        # "Apple, Inc." is in its right order: no other value begins with "Inc."
        if turned is not None and pairs and first[own := turned[2].split()[0]] > last[own]:
            reason = f"{value!r} has a comma where {usual}: its words seem to be turned round."
            known = last[turned[1]] > 0
            found[value] = Unlike(0.7 if known else 0.55, reason, f"{turned[2]} {turned[1]}", 0.9 if known else 0.6)
        elif not any(map(str.isalpha, value)):
            found[value] = Unlike(0.8, f"{value!r} holds no letter, and {usual}.")
    return found


def find_spills(frame: pd.DataFrame, names: list[str]) -> list[pd.DataFrame]:
    """Find cells that end with the value of another column, where that column is empty in the same row.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows.
    names : list of str
        The columns of texts.

    Returns
    -------
    list of pandas.DataFrame
        Findings about both cells of each such row.

    Examples
    --------
    >>> towns = [f"Town {'abcdefgh'[i % 8] * 3}" for i in range(40)]
    >>> frame = pd.DataFrame({"town": towns, "state": ["KS", "ME"] * 20})
    >>> frame.loc[:6, "town"] += " KS"; frame.loc[:6, "state"] = ""
    >>> [len(f) for f in find_spills(frame, ["town", "state"])]
    [14]
    """
    found = []
    gaps = {name: ~mark_texts(frame[name], lambda v: bool(v.strip())) for name in names}
    sources = [name for name in names if FEWEST_SPILLS <= gaps[name].sum() <= len(frame) // 2]
    if not sources:
        return []
    texts = {name: frame[name].map(lambda v: v.strip() if isinstance(v, str) else "") for name in names}
    for source in sources:
        empty = gaps[source]
        domain = set(texts[source][~empty].unique())
        if len(domain) <= len(empty) // RECURRING:
            found += [_find_spill(name, source, texts[name], empty, domain) for name in names if name != source]
    return [f for f in found if len(f)]


def _find_spill(
    name: str, source: str, column: pd.Series[str], empty: np.ndarray[tuple[int], np.dtype[np.bool_]], domain: set[str]
) -> pd.DataFrame:
    ends = column[empty].str[-SHORT * 2 :].str.extract(_SPILL)
    own = ends["end"].isin(domain).to_numpy(dtype=bool)
    rows = np.flatnonzero(empty)[own]
    if len(rows) < FEWEST_SPILLS or len(rows) < SPILL_SHARE * empty.sum() or column.str.len().max() > SHORT * 2:
        return make_findings([], [], [])
    if column[~empty].str.extract(_SPILL)["end"].isin(domain).mean() > FEW:
        return make_findings([], [], [])  # it ends so where the other column is filled, too
    said = (
        f"{source!r} is empty in this row, and {name!r} ends with one of its values, "
        f"as in {show_share(len(rows) / empty.sum())} of the rows where it is empty."
    )
    given, ends = list(column.iloc[rows]), ends[own]
    here = make_findings(rows, 0.93, said, column=name, given=given, suggested=list(ends["own"]), confidence=0.96)
    there = make_findings(
        rows, 0.93, said, column=source, given=[""] * len(rows), suggested=list(ends["end"]), confidence=0.96
    )
    return pd.concat([here, there], ignore_index=True)
