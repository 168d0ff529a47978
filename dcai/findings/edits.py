"""What a reviewer's edit shows: how it rewrote a cell, and which other cells are written alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.records import Scalar
from dcai.base.table import Table
from dcai.findings.running import name_findings
from dcai.findings.shape import make_findings

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


def propose_edits(table: Table, findings: pd.DataFrame, settled: pd.DataFrame) -> pd.DataFrame:
    """Add a finding for every cell that an edit, shown by a reviewer in its column, would rewrite too.

    Parameters
    ----------
    table : Table
        In the caller's order.
    findings : pandas.DataFrame
        What is known already.
    settled : pandas.DataFrame
        The verdicts: columns ``row, column, verdict, value``.

    Returns
    -------
    pandas.DataFrame
        The findings, and those of the edits.
    """
    # What earlier edits showed is asked anew: a later verdict may speak against it.
    earlier = (findings["detector"] == DETECTOR) & findings["reason"].astype(str).str.startswith(REASON)
    findings = findings[~earlier.to_numpy(dtype=bool)]
    edits = settled[(settled["verdict"] == "edit") & settled["column"].notna()]
    found = []
    for name in sorted({str(c) for c in edits["column"]} & set(table.features)):
        own = edits[edits["column"] == name]
        pairs = [
            (_text(table.frame[name].iloc[int(r)]), _text(v), int(r))
            for r, v in zip(own["row"], own["value"], strict=True)
        ]
        right = _find_right(table, name, settled, {r for _, _, r in pairs})
        for rewriting, shown in _choose(pairs, right):
            support = sum(rewriting.apply(g) == v for g, v, _ in pairs)
            found.append(_apply(table, name, rewriting, shown, support))
    found = [f for f in found if len(f)]
    if not found:
        return findings
    new = name_findings(table, pd.concat(found, ignore_index=True))
    return _merge(findings, new)


def _merge(findings: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Put the new findings in; one that another detector made of the same cell gives way to what the reviewer showed."""
    cells = set(zip(new["row"], new["column"], strict=True))
    same = np.array([(r, c) in cells for r, c in zip(findings["row"], findings["column"], strict=True)], dtype=np.bool_)
    doubts = dict(zip(zip(findings["row"], findings["column"], strict=True), findings["doubt"], strict=True))
    worst = [max(d, doubts.get((r, c), 0.0)) for r, c, d in zip(new["row"], new["column"], new["doubt"], strict=True)]
    return pd.concat([findings[~same], new.assign(doubt=worst)[list(findings.columns)]], ignore_index=True)


def _find_right(table: Table, name: str, settled: pd.DataFrame, edited: set[int]) -> list[str]:
    """List the cells of a column that the reviewer looked at and left as they are."""
    kept = settled[(settled["verdict"] == "keep") & (settled["column"].isna() | (settled["column"] == name))]
    return [_text(table.frame[name].iloc[int(r)]) for r in sorted({int(r) for r in kept["row"]} - edited)]


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
    if value and given.startswith(value):
        yield _strip(given[len(value) :], end=True)
    if value and given.endswith(value):
        yield _strip(given[: -len(value)], end=False)
    if re.fullmatch(r"[-+]?\d+\.?\d*", value):
        yield Rewriting("number", _only_number, 0.65)
        yield Rewriting("decimals", _without_zeros, 0.6)


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


def _without_zeros(text: str) -> str:
    return re.sub(r"\.0+\Z", "", text) if re.fullmatch(r"[-+]?\d+\.0+", text) else text


def _apply(table: Table, name: str, rewriting: Rewriting, shown: tuple[str, str, int], support: int) -> pd.DataFrame:
    column = table.frame[name]
    values = column.map(_text)
    distinct = {text: rewriting.apply(text) for text in values.unique()}
    rows = np.flatnonzero([distinct[v] != v for v in values])
    # Each edit that the rewriting explains leaves less room for exceptions.
    doubt = (support + 0.5) / (support + 1)
    given, value, _ = shown
    reason = f"{REASON} {given!r}, which was edited to {value!r}."
    suggested: list[Scalar] = [distinct[values.iloc[r]] for r in rows]
    made = make_findings(
        rows, doubt, reason, column=name, given=list(column.iloc[rows]), suggested=suggested, confidence=doubt
    )
    return made.assign(detector=DETECTOR)


def _text(cell: Any) -> str:
    return "" if cell is None or (isinstance(cell, float) and np.isnan(cell)) or cell is pd.NA else str(cell)
