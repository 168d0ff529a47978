"""Cells and names that no file or library can take: refused at the door, with how to mend them."""

from __future__ import annotations

import decimal
from typing import Any

import pandas as pd

from dcai.base.errors import InputError, shorten

_ADVICE = "v.encode('utf-8', 'replace').decode()"


def check_cells(frame: pd.DataFrame, caller: str = "audit") -> None:
    """Refuse text with half a character (a lone surrogate) in it, in names and in cells, and signalling NaNs."""
    for place, name in enumerate(frame.columns):
        if _is_broken(name):
            raise InputError(
                f"The column name {name!a} is no valid Unicode: it holds a lone surrogate. Rename it, for example by {_ADVICE}."
            )
        column = frame.iloc[:, place]
        if column.dtype == object or isinstance(column.dtype, pd.CategoricalDtype):
            _check_column(name, column, caller)


def _check_column(name: str, column: pd.Series[Any], caller: str) -> None:
    cells = list(column)
    kinds = set(map(type, cells))
    texts = any(issubclass(kind, str) for kind in kinds)
    broken = [i for i, cell in enumerate(cells) if _is_broken(cell)] if texts else []
    if broken:
        raise InputError(
            f"The column {name!r} of {caller} holds text that is no valid Unicode in {len(broken):,} of its rows, first "
            f"{shorten(ascii(column.iloc[broken[0]]), 60)} in row {broken[0]}: a lone surrogate, which no file can hold. "
            f"Repair it: frame[{name!r}].map(lambda v: {_ADVICE} if isinstance(v, str) else v)."
        )
    decimals = any(issubclass(kind, decimal.Decimal) for kind in kinds)
    signals = [i for i, c in enumerate(cells) if isinstance(c, decimal.Decimal) and c.is_snan()] if decimals else []
    if signals:
        raise InputError(
            f"The column {name!r} of {caller} holds Decimal('sNaN') in {len(signals):,} of its rows, first in row {signals[0]}: "
            "a signalling NaN, which pandas cannot compare. Put None in its place."
        )


def _is_broken(cell: object) -> bool:
    if not isinstance(cell, str) or cell.isascii():
        return False
    try:
        cell.encode()
    except UnicodeEncodeError:
        return True
    return False
