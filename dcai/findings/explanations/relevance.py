"""Which columns tell most about a row: those that go with the label, before identifiers that go with nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.table import Table

if TYPE_CHECKING:
    from dcai.findings.report import Audit

Codes = npt.NDArray[np.intp]

SAMPLE_ROWS = 3_000
FREE_WORDS = 3  # words a cell, on average: a text that a person reads, and no name or code
_BINS = 8
_MOST_VALUES = 30  # rarer ones count as one
_MOST_CLASSES = 50
_DISTINCT = 0.9  # of the cells differ: each stands for its row


def rank_columns(audit: Audit) -> list[str]:
    """List the columns that a row is best shown by.

    First free texts, which say what the row is about, then the others by how strongly they go with the label
    (Cramér's V, corrected for chance, on a sample; numbers in bins of equal size), the strongest first; without a label
    as they stand. Keys, identifiers, masked columns and what cannot be shown as text are left out.
    """
    table, apart = audit.table, {audit.label, *audit.table.key, *(audit.masked or ())}
    sample = sample_rows(table)
    names = [str(c) for c in table.frame.columns if str(c) not in apart]
    names = [n for n in names if table.kinds[n] not in ("image", "other", "empty")]
    texts = [n for n in names if _is_free_text(sample[n], table.kinds[n])]
    rest = [n for n in names if n not in texts and not is_identifier(sample[n], table.kinds[n])]
    if audit.label is None or not len(sample):
        return [*texts, *rest]
    label = _sort_into(sample[audit.label], "number" if audit.task == "regression" else "category", _MOST_CLASSES)
    strength = {n: relate(_sort_into(sample[n], table.kinds[n], _MOST_VALUES), label) for n in rest}
    return [*texts, *sorted(rest, key=lambda n: -strength[n])]


def sample_rows(table: Table) -> pd.DataFrame:
    """Take rows spread evenly over the table; of a table in files those that are in memory."""
    if hasattr(table, "stored"):
        return table.stored.held.iloc[:SAMPLE_ROWS]  # type: ignore[no-any-return]  # a frame
    places = np.unique(np.linspace(0, len(table) - 1, min(len(table), SAMPLE_ROWS)).astype(np.intp))
    return table.frame.iloc[places]


def is_identifier(column: pd.Series[Any], kind: str) -> bool:
    """Say whether nearly each cell of a column of names, codes or whole numbers is another, so that it stands for its row."""
    cells = column.dropna()
    if len(cells) < _BINS or kind not in ("text", "category", "number"):
        return False
    if kind == "number":
        numbers = _order(cells, kind)
        numbers = np.sort(numbers[np.isfinite(numbers)])
        if not len(numbers) or (numbers % 1 != 0).any() or len(np.unique(numbers)) < len(numbers):
            return False  # measures repeat or have decimals
        return bool((np.diff(numbers) <= _BINS).mean() > _DISTINCT)  # packed closely: they count the rows
    return bool(cells.astype(str).nunique() > _DISTINCT * len(cells))


def relate(one: Codes, other: Codes) -> float:
    """Return how strongly two codings go together: Cramér's V with Bergsma's correction, 0 for no more than chance."""
    a, b = np.unique(one, return_inverse=True)[1], np.unique(other, return_inverse=True)[1]
    rows, columns, n = int(a.max(initial=0)) + 1, int(b.max(initial=0)) + 1, len(a)
    if rows < 2 or columns < 2 or n < 3:  # noqa: PLR2004 (nothing to compare)
        return 0.0
    counts = np.bincount(a * columns + b, minlength=rows * columns).reshape(rows, columns).astype(np.float64)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / n
    square = float(((counts - expected) ** 2 / expected).sum()) / n
    left = max(0.0, square - (rows - 1) * (columns - 1) / (n - 1))
    sides = [k - (k - 1) ** 2 / (n - 1) - 1 for k in (rows, columns)]
    return float(np.sqrt(left / min(sides))) if min(sides) > 0 else 0.0


def measure_spread(table: Table, name: str) -> float:
    """Measure how far apart the quarters of a column's numbers stand: less is no difference worth a look."""
    from dcai.findings.features.vectors import to_numbers

    values = to_numbers(sample_rows(table)[name])
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0
    return float(np.subtract(*np.quantile(values, [0.75, 0.25]))) or float(values.std())


def _is_free_text(column: pd.Series[Any], kind: str) -> bool:
    if kind != "text":
        return False
    words = [len(str(v).split()) for v in column.dropna()]
    return bool(words) and sum(words) >= FREE_WORDS * len(words)


def _sort_into(column: pd.Series[Any], kind: str, most: int) -> Codes:
    """Sort cells into few sets: numbers and dates into bins of equal size, others by value; empty cells are a set."""
    if kind in ("number", "date"):
        values = _order(column, kind)
        known = np.isfinite(values)
        if not known.any():
            return np.full(len(column), -1, dtype=np.intp)
        edges = np.unique(np.quantile(values[known], np.linspace(0, 1, _BINS + 1)[1:-1]))
        return np.where(known, np.searchsorted(edges, values, side="left"), -1).astype(np.intp)
    codes, distinct = pd.factorize(column.astype(str).where(column.notna(), None))
    common = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(distinct)), kind="stable")
    place = np.full(len(distinct) + 1, most, dtype=np.intp)
    place[common[:most]] = np.arange(min(most, len(common)))
    place[-1] = -1
    return np.asarray(place[codes], dtype=np.intp)


def _order(column: pd.Series[Any], kind: str) -> npt.NDArray[np.float64]:
    """Return numbers as they are and dates by their order, NaN where there are none."""
    from dcai.findings.features.vectors import to_numbers

    if kind == "number":
        return to_numbers(column)
    codes, _ = pd.factorize(column.map(str).where(column.notna(), None), sort=True)
    return np.where(codes < 0, np.nan, codes.astype(np.float64))
