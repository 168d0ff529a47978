"""Cells that are written unlike their column writes values: formats, units, separators, types, stray characters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from dcai.findings.cells.character_writing import find_spills, judge_characters
from dcai.findings.cells.code_writing import judge_codes, judge_links, judge_mangled, judge_punctuation
from dcai.findings.cells.moment_writing import judge_moments
from dcai.findings.cells.number_writing import has_marks, judge_numbers
from dcai.findings.cells.placeholders import is_stand_in
from dcai.findings.cells.texts import number_texts
from dcai.findings.cells.writing import FEWEST_ROWS, Unlike, Writing
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.wording import count, name_some, say_left_out

JUDGES = (
    ("addresses of mail or web pages", judge_links),
    ("codes", judge_punctuation),
    ("dates and times", judge_moments),
    ("numbers", judge_numbers),
    ("codes", judge_codes),
)


def find(evidence: Evidence) -> pd.DataFrame:
    """Find the cells that are written otherwise than their column writes values of its type."""
    table = evidence.table
    names = [name for name in table.features if table.kinds[name] in ("category", "text")]
    if not names:
        raise Unmet("there is no column of texts: numbers and dates have no way of writing")
    found: list[pd.DataFrame] = []
    kinds: dict[str, list[str]] = {}
    left: dict[str, list[str]] = {}
    writings: dict[str, Writing] = {}
    cells: dict[str, list[Any]] = {}
    for name in names:
        try:
            writings[name], *cells[name] = _read_column(name, table.frame[name])
        except Unmet as reason:
            left.setdefault(str(reason), []).append(name)
    marked = {name for name, writing in writings.items() if has_marks(writing)}
    for name, writing in writings.items():
        kind, unlike = judge_writing(replace(writing, marked=bool(marked - {name})))
        if kind == "numbers" and name in marked:
            kind = "numbers with marks of thousands, which most programs read as texts"
        kinds.setdefault(kind, []).append(name)
        found.append(_to_findings(name, unlike, *cells[name]))
    found += find_spills(table.frame, [n for n in names if n in writings])
    notes = [f"read as {kind}: {name_some(columns)}" for kind, columns in kinds.items()]
    texts = len(kinds.get("free texts", ()))
    free = f"{count(texts, 'column', ('has', 'have'))} no one way of writing: stray characters were all that was looked for"
    notes += [free] if texts else []
    return join_findings(found, note="; ".join([*notes, *say_left_out("formats", left)]))


def judge_writing(writing: Writing) -> tuple[str, dict[str, Unlike]]:
    """Say of what type a column is, and which of its values are written unlike the others.

    Examples
    --------
    >>> kind, unlike = judge_writing(Writing("price", {str(n): 2 for n in range(10, 40)} | {"25 USD": 3}))
    >>> kind, unlike["25 USD"].suggested
    ('numbers', '25')
    """
    for kind, judge in JUDGES:
        found = judge(writing)
        if found is not None:
            mangled = {} if kind == "dates and times" else judge_mangled(writing)
            return kind, judge_characters(writing) | found | mangled
    return "free texts", judge_characters(writing) | judge_mangled(writing)


def _read_column(name: str, column: pd.Series[Any]) -> tuple[Writing, np.ndarray[Any, np.dtype[np.intp]], list[str]]:
    """Factorise a column; what stands for an empty cell is left to others."""
    codes, values = number_texts(column)
    rows = np.bincount(codes[codes >= 0], minlength=len(values))
    words = {v: int(n) for v, n in zip(values, rows, strict=True) if not is_stand_in(v)}
    if sum(words.values()) < FEWEST_ROWS:
        raise Unmet(f"fewer than {FEWEST_ROWS} texts")
    # In the order of their texts, so that nothing depends on the order of the rows.
    return Writing(name, dict(sorted(words.items()))), codes, values


def _to_findings(
    name: str, unlike: dict[str, Unlike], codes: np.ndarray[Any, np.dtype[np.intp]], values: list[str]
) -> pd.DataFrame:
    flagged = np.array([v in unlike for v in values] + [False], dtype=bool)
    rows = np.flatnonzero(flagged[codes])
    its = [unlike[values[c]] for c in codes[rows]]
    return make_findings(
        rows,
        [u.doubt for u in its],
        [u.reason for u in its],
        column=name,
        given=[values[c] for c in codes[rows]],
        suggested=[u.suggested for u in its],
        confidence=[u.confidence for u in its],
    )


detector = Detector("patterns", find)
