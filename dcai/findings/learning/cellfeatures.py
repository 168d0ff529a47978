"""What cheap looks at every cell say: how rare it is, how it is written, what other columns expect in its place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.table import Table
from dcai.findings.learning.cellvotes import VOTES, count_votes

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]

LONGEST = 64  # characters of a cell that are looked at
_BUCKETS = 1 << 18
_MOSTLY = 0.8
_FOREIGN = "\N{LATIN SMALL LETTER A WITH DIAERESIS}"  # stands for any letter that is not ASCII
_RUNS = re.compile(rf"([Aa9 {_FOREIGN}])\1+")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
VALUE_FEATURES = ("value", "shape", "form", "marks", "length", "letters", "odd letters", "no number", "far", "empty")
FEATURES = (*VALUE_FEATURES, *VOTES)
FAMILIES = ("value", "shape", "form", "marks", "oddest")


@dataclass(frozen=True, eq=False)
class Column:
    """One column, looked at value by value.

    Attributes
    ----------
    codes : array of shape (n,)
        Which of the distinct texts each cell holds.
    texts : list of str
        The distinct texts, sorted.
    measures : array of shape (distinct, len(VALUE_FEATURES))
        How unlike the rest of the column each text is.
    families : dict of str to list
        For each way to sort texts into families the name of each text's family.
    """

    codes: Codes
    texts: list[str]
    measures: Floats
    families: dict[str, list[str]]


class Cells:
    """The cells of some columns of a table with what can be measured about each; all is computed once, when asked for."""

    def __init__(self, table: Table, names: Sequence[str]) -> None:
        self.table, self.names = table, tuple(names)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.table)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Every column."""
        return {name: look_at_column(self.table.frame[name]) for name in self.names}

    @cached_property
    def votes(self) -> dict[str, Floats]:
        """What other columns expect of each cell, shape (n, len(VOTES))."""
        return count_votes({name: column.codes for name, column in self.columns.items()}, self.table)

    def measure(self, name: str) -> Floats:
        """Return the features of a column's cells, shape (n, len(FEATURES))."""
        column = self.columns[name]
        return np.hstack([column.measures[column.codes], self.votes[name]])


def to_text(cell: Any) -> str:
    """Write a cell as text; empty for a missing one."""
    return "" if cell is None or cell is pd.NA or cell is pd.NaT or cell != cell else str(cell)  # noqa: PLR0124 (NaN)


def look_at_column(column: pd.Series[Any]) -> Column:
    """Measure every distinct value of a column.

    Examples
    --------
    >>> column = look_at_column(pd.Series(["12", "13", "14", "x5"] * 5))
    >>> column.texts, column.families["shape"]
    (['12', '13', '14', 'x5'], ['9', '9', '9', 'a9'])
    """
    cells = np.array([to_text(v) for v in column], dtype=object)
    codes, distinct = pd.factorize(cells, sort=True)
    texts = [str(t) for t in distinct]
    counts = np.bincount(codes, minlength=len(texts)).astype(np.float64)
    forms = [form_of(t) for t in texts]
    families = {
        "value": texts,
        "shape": [shape_of(f) for f in forms],
        "form": forms,
        "marks": ["".join(sorted(set(f))) for f in forms],
    }
    rare = [_surprise(families[name], counts) for name in ("value", "shape", "form", "marks")]
    lengths = np.array([min(len(t), 4 * LONGEST) for t in texts], dtype=np.float64)
    letters, odd, oddest = _look_at_letters(texts, counts)
    families["oddest"] = oddest
    measures = [*rare, _far(np.log1p(lengths), counts), letters, odd, *_look_at_numbers(texts, counts)]
    empty = np.array([not t.strip() for t in texts], dtype=np.float64)
    measures.append(empty * (1 - np.average(empty, weights=counts)))
    return Column(codes.astype(np.intp), texts, np.column_stack(measures).astype(np.float32), families)


def form_of(text: str) -> str:
    """Write a text by the kinds of its characters, one by one.

    Examples
    --------
    >>> form_of("12.0 oz"), form_of("McDonald-7")
    ('99.9 aa', 'AaAaaaaa-9')
    """
    return text[:LONGEST].translate(_CLASSES)


def shape_of(form: str) -> str:
    """Write a form by its runs of characters of one kind.

    Examples
    --------
    >>> shape_of("99.9 aa"), shape_of("AaAaaaaa-9")
    ('9.9 a', 'AaAa-9')
    """
    return _RUNS.sub(r"\1", form)


class _Classes(dict[int, str]):
    """The kind of each character, worked out when it is first seen."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char.isdigit():
            kind = "9"
        elif char.isspace():
            kind = " "
        elif not char.isalpha():
            kind = char
        elif char.isascii():
            kind = "A" if char.isupper() else "a"
        else:
            kind = _FOREIGN
        self[code] = kind
        return kind


_CLASSES = _Classes()


def _surprise(families: list[str], counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Say how much rarer each family is than the column's cells are on average, in nats: 0 where all are alike."""
    codes, _ = pd.factorize(np.array(families, dtype=object))
    sizes = np.bincount(codes, weights=counts)[codes]
    total = counts.sum()
    nats = -np.log(sizes / total)
    return np.asarray(nats - np.average(nats, weights=counts))


def _median(values: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]) -> float:
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(counts[order])
    return float(values[order][np.searchsorted(upto, upto[-1] / 2)])


def _far(values: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Say how far from the middle values lie, as the logarithm of robust deviations."""
    away = np.abs(values - _median(values, counts))
    spread = max(_median(away, counts), float(np.average(away, weights=counts)) / 2, 1e-9)
    return np.asarray(np.log1p(np.minimum(away / spread, 1e6)))


def _look_at_letters(
    texts: list[str], counts: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], list[str]]:
    """Say how unusual the threes of letters of each text are in its column: all of them, the oddest, and its letter."""
    width = max(1, min(LONGEST, max(map(len, texts), default=1)))
    chars = np.array([t[:width] for t in texts], dtype=f"U{width}").view(np.uint32).reshape(len(texts), width)
    known = np.where((chars >= ord("0")) & (chars <= ord("9")), ord("9"), chars)
    padded = np.pad(known, ((0, 0), (1, 1)), constant_values=2).astype(np.uint64)
    ends = np.array([min(len(t), width) for t in texts])
    padded[np.arange(len(texts)), ends + 1] = 2
    three = (padded[:, :-2] * 7919 + padded[:, 1:-1]) * 104729 + padded[:, 2:]
    keys = (three % _BUCKETS).astype(np.intp)
    inside = np.arange(width)[None, :] < ends[:, None]
    weights = np.broadcast_to(counts[:, None], keys.shape)
    seen = np.bincount(keys[inside], weights=weights[inside], minlength=_BUCKETS)
    nats = np.where(inside, -np.log((np.maximum(seen[keys], 1) - 0.5) / (counts.sum() + 0.5)), 0.0)
    mean = nats.sum(axis=1) / np.maximum(ends, 1)
    place = np.argmax(np.where(inside, nats, -np.inf), axis=1)
    worst = nats.max(axis=1)
    oddest = [t[i] if i < len(t) else "" for t, i in zip(texts, place.tolist(), strict=True)]
    oddest = ["9" if c.isdigit() else c for c in oddest]
    return mean - _median(mean, counts), worst - _median(worst, counts), oddest


def _look_at_numbers(texts: list[str], counts: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Say which texts are no numbers among numbers, and how far from the others a number lies."""
    parsed = np.array([float(t) if _NUMBER.fullmatch(t) else np.nan for t in texts])
    parsed[~np.isfinite(parsed)] = np.nan
    filled = np.array([bool(t.strip()) for t in texts])
    share = float(counts[~np.isnan(parsed)].sum() / max(counts[filled].sum(), 1))
    if share < _MOSTLY:
        return [np.zeros(len(texts)), np.zeros(len(texts))]
    known = ~np.isnan(parsed)
    far = np.zeros(len(texts))
    far[known] = np.maximum(
        _far(parsed[known], counts[known]),
        _far(np.sign(parsed[known]) * np.log1p(np.abs(parsed[known])), counts[known]),
    )
    return [(~known & filled).astype(np.float64), far]
