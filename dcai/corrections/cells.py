"""Setting cells of a column, in the dtype that it had wherever that can hold the values."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.errors import InputError, shorten
from dcai.base.fingerprints import canonical, plain


def set_cells(column: pd.Series[Any], rows: np.ndarray[Any, Any], values: Sequence[object]) -> pd.Series[Any]:
    """Return a column with some cells set, in the dtype that it had wherever that can hold the values."""
    result = column.copy()
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        kind = dtype.categories.dtype
        cells = [_as_type(v, kind, column) for v in values]
        new = [v for v in dict.fromkeys(cells) if v is not None and v not in dtype.categories]
        result = result.cat.add_categories(new) if new else result
    else:
        cells = [_as_type(v, dtype, column) for v in values]
        if any(v is None for v in cells) and pd.api.types.is_integer_dtype(dtype) and isinstance(dtype, np.dtype):
            exact = bool((column.abs() < 2**53).all())
            result = result.astype("float64" if exact else "Int64")
        elif any(v is None for v in cells) and dtype == np.bool_:
            result = result.astype("boolean")
        elif pd.api.types.is_integer_dtype(dtype) and any(isinstance(v, float) and not v.is_integer() for v in cells):
            result = result.astype("float64")
    for row, cell in zip(rows, cells, strict=True):
        result.iloc[row] = pd.NaT if cell is None and pd.api.types.is_datetime64_any_dtype(dtype) else cell
    return result


def _as_type(value: object, dtype: Any, column: pd.Series[Any]) -> Any:
    """Turn a value of a log into what a column of this dtype holds."""
    if value is None:
        return None
    try:
        if pd.api.types.is_bool_dtype(dtype):
            return {"true": True, "false": False}[str(canonical(value))]
        if pd.api.types.is_numeric_dtype(dtype):
            number = value if isinstance(value, (int, float)) else float(str(value))
            return int(number) if pd.api.types.is_integer_dtype(dtype) and float(number).is_integer() else number
        if pd.api.types.is_datetime64_any_dtype(dtype):
            return pd.Timestamp(str(value))
        if isinstance(dtype, pd.StringDtype):
            return str(value)
    except (ValueError, KeyError) as error:
        raise InputError(
            f"The column {shorten(repr(column.name), 60)} holds {dtype} and cannot take {shorten(repr(value), 60)}. "
            "Convert the column to text first, or undo that correction."
        ) from error
    if pd.api.types.is_object_dtype(dtype):
        return _as_object(value, column)
    return value


def _as_object(value: object, column: pd.Series[Any]) -> Any:
    """Turn a value into the kind of object that the column's first cell is."""
    first = next((v for v in column if plain(v) is not None), None)
    if isinstance(first, decimal.Decimal):
        return decimal.Decimal(str(value))
    if isinstance(first, dt.date) and not isinstance(first, dt.datetime):
        return dt.date.fromisoformat(str(value))
    if isinstance(first, dt.datetime):
        return dt.datetime.fromisoformat(str(value))
    if isinstance(first, str) and all(isinstance(v, str) for v in column if plain(v) is not None):
        return str(value)
    return value
