"""What a value is seen against: the spread of its column where that holds numbers or dates, else its most frequent values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import plain
from dcai.base.records import Context, Scalar, Spelling, Spread
from dcai.base.table import StandIn, Table

BINS = 24
# A picture of a column needs no more cells than this; they are taken at equal distances.
SAMPLED = 50_000
COMMON = 5
# So much of the values on either side may lie beyond the picture, so that one huge value does not flatten the rest.
_EDGE = 0.005
_MANY = 200
_SHOWN = 200
_FEWEST = 3
_KEPT = 256


@dataclass(frozen=True)
class _Shape:
    low: float
    high: float
    counts: tuple[int, ...]
    ordered: npt.NDArray[np.float64]


class Contexts:
    """The columns of a table as the background of single values; each is counted once, when it is first looked at."""

    def __init__(self, table: Table) -> None:
        self._table = table
        # A table that is read from a file piece by piece has no columns at hand.
        self._there = not isinstance(table.frame, StandIn)
        self._shape = lru_cache(maxsize=_KEPT)(self._make_shape)
        self._count = lru_cache(maxsize=_KEPT)(self._make_counts)

    def spread(self, row: int, column: str, suggested: Scalar = None) -> Spread | None:
        """Return where the number or date of a cell stands in its column; None for others, and for columns of few values."""
        kind = self._table.kinds.get(column)
        # How the names of rows spread says nothing.
        measured = self._there and kind in ("number", "date") and column not in self._table.key
        shape = self._shape(column) if measured else None
        if shape is None:
            return None
        value = _read(self._table.cell(row, column), str(kind))
        share = float(np.searchsorted(shape.ordered, value) / len(shape.ordered)) if np.isfinite(value) else None
        low, high = (_show(end, str(kind)) for end in (shape.low, shape.high))
        return Spread(
            low, high, list(shape.counts), _place(value, shape), _place(_read(suggested, str(kind)), shape), share
        )

    def context(self, column: str | None, given: Scalar, suggested: Scalar) -> Context | None:
        """Return the most frequent values of a column, and how many rows have the given and the suggested one."""
        if column is None or not self._there or self._table.kinds.get(column) not in ("category", "text", "boolean"):
            return None
        counts, empty = self._count(column)
        common = [Spelling(v[:_SHOWN] if isinstance(v, str) else v, n) for v, n in _first(counts, COMMON)]
        known = None if suggested is None else counts.get(_mark(suggested), (None, 0))[1]
        return Context(
            len(self._table), empty, len(counts), common, counts.get(_mark(given), (None, 0))[1] if given is not None else empty, known
        )  # fmt: skip

    def counts(self, column: str) -> list[tuple[Scalar, int]]:
        """Return the values of a column with the number of their rows, the most frequent first."""
        return _first(self._count(column)[0])

    def _make_shape(self, column: str) -> _Shape | None:
        cells = self._table.frame[column]
        step = max(1, len(cells) // SAMPLED)
        numbers = _to_numbers(cells.iloc[::step], str(self._table.kinds[column]))
        ordered = np.sort(numbers[np.isfinite(numbers)])
        if len(ordered) < _FEWEST or ordered[0] == ordered[-1]:
            return None
        low, high = ordered[0], ordered[-1]
        with np.errstate(over="ignore", invalid="ignore"):
            if len(ordered) >= _MANY:
                inner = np.quantile(ordered, [_EDGE, 1 - _EDGE])
                low, high = inner if inner[0] < inner[1] else (low, high)
            edges = np.linspace(low, high, BINS + 1)
            if not (np.isfinite(edges).all() and (np.diff(edges) > 0).all() and np.isfinite(high - low)):
                return None
        counts, _ = np.histogram(np.clip(ordered, low, high), bins=edges)
        return _Shape(float(low), float(high), tuple(int(n) for n in counts), ordered)

    def _make_counts(self, column: str) -> tuple[Mapping[object, tuple[Scalar, int]], int]:
        cells = self._table.frame[column].astype(object)
        codes, values = pd.factorize(cells)
        sizes = np.bincount(codes[codes >= 0], minlength=len(values))
        found: dict[object, tuple[Scalar, int]] = {}
        for value, size in zip((plain(v) for v in values), sizes.tolist(), strict=True):
            found[_mark(value)] = (value, found.get(_mark(value), (None, 0))[1] + size)
        return found, int((codes < 0).sum())


def _first(counts: Mapping[object, tuple[Scalar, int]], limit: int | None = None) -> list[tuple[Scalar, int]]:
    return sorted(counts.values(), key=lambda pair: (-pair[1], str(pair[0])))[:limit]


def _mark(value: Scalar) -> object:
    return type(value), value


def _to_numbers(cells: pd.Series[Any], kind: str) -> npt.NDArray[np.float64]:
    if kind == "date":
        moments = pd.to_datetime(cells, utc=True, errors="coerce").dt.as_unit("ns")
        return np.where(moments.isna(), np.nan, moments.astype("int64")).astype(np.float64)
    return pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _read(value: Scalar, kind: str) -> float:
    """Read a value as the number that its column would show; NaN for what is none."""
    try:
        return float(pd.Timestamp(str(value)).value) if kind == "date" and value is not None else float(str(value))
    except (ValueError, OverflowError):
        return np.nan


def _place(value: float, shape: _Shape) -> float | None:
    """Return where a value stands between the ends; what is far outside stands a little outside."""
    if not np.isfinite(value):
        return None
    return float(np.clip((value - shape.low) / (shape.high - shape.low), -0.1, 1.1))


def _show(number: float, kind: str) -> str:
    if kind == "date":
        return str(pd.Timestamp(int(number)).date())
    return f"{number:,.4g}" if abs(number) < 1e6 else f"{number:.3g}"  # noqa: PLR2004 (longer ones are read as powers of ten)
