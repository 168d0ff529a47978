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
    broken = [i for i, cell in enumerate(column) if _is_broken(cell)]
    if broken:
        raise InputError(
            f"The column {name!r} of {caller} holds text that is no valid Unicode in {len(broken):,} of its rows, first "
            f"{shorten(ascii(column.iloc[broken[0]]), 60)} in row {broken[0]}: a lone surrogate, which no file can hold. "
            f"Repair it: frame[{name!r}].map(lambda v: {_ADVICE} if isinstance(v, str) else v)."
        )
    signals = [i for i, cell in enumerate(column) if isinstance(cell, decimal.Decimal) and cell.is_snan()]
    if signals:
        raise InputError(
            f"The column {name!r} of {caller} holds Decimal('sNaN') in {len(signals):,} of its rows, first in row {signals[0]}: "
            "a signalling NaN, which pandas cannot compare. Put None in its place."
        )


def _is_broken(cell: object) -> bool:
    if not isinstance(cell, str) or cell.isascii():
        return False
    return any("\ud800" <= c <= "\udfff" for c in cell)
