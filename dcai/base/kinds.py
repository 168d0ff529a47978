"""What a column holds: its kind, by its dtype and, where that says little, by its cells."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from dcai.base.pictures import finds_pictures

Kind = Literal["number", "boolean", "date", "category", "text", "image", "other", "empty"]

# A text column with at most this share of distinct values, and this many of them, is a category.
CATEGORY_SHARE = 0.2
CATEGORY_LIMIT = 200
_IMAGE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM")


def kind_of(column: pd.Series[Any]) -> Kind:
    """Say what a column holds, judging by its dtype and, where that says little, by its cells."""
    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "date"
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        return "empty" if column.isna().all() else "number"
    cells = column.dropna()
    if isinstance(dtype, pd.CategoricalDtype):
        return "image" if len(cells) and finds_pictures([str(v) for v in dtype.categories]) else "category"
    if not len(cells):
        return "empty"
    if isinstance(dtype, pd.StringDtype) or all(isinstance(v, str) for v in cells):
        return _kind_of_texts(cells)
    return _kind_of_objects(cells)


def _kind_of_texts(cells: pd.Series[Any]) -> Kind:
    if finds_pictures(cells.tolist()):
        return "image"
    distinct = cells.nunique()
    if distinct <= max(2, min(CATEGORY_LIMIT, CATEGORY_SHARE * len(cells))):
        return "category"
    sample = cells.iloc[:1000]
    words = sample.str.count(r"\S+").mean()
    if words <= 1.5 and distinct <= max(20, CATEGORY_SHARE * len(cells)):  # noqa: PLR2004 (single words: few repeated names)
        return "category"
    return "text"


def _is_float(value: Any) -> bool:
    """Say whether a number can be read as a float: neither larger than any, nor a signalling NaN."""
    try:
        float(value)
    except (OverflowError, ValueError):
        return False
    return True


def _kind_of_objects(cells: pd.Series[Any]) -> Kind:
    import datetime as dt
    import decimal

    if all(isinstance(v, (bool, np.bool_)) for v in cells):
        return "boolean"
    if all(isinstance(v, (int, float, np.number, decimal.Decimal)) for v in cells):
        return "number" if all(_is_float(v) for v in cells) else "other"
    if all(isinstance(v, (dt.date, np.datetime64)) for v in cells):
        return "date"
    if all(isinstance(v, bytes) for v in cells):
        return "image" if all(v.startswith(_IMAGE_STARTS) for v in cells.iloc[:20]) else "other"
    if all(isinstance(v, np.ndarray) for v in cells):
        return "image" if all(v.ndim in (2, 3) for v in cells.iloc[:20]) else "other"
    if all(isinstance(v, (str, int, float, bool, np.generic, decimal.Decimal, dt.date)) for v in cells):
        return _kind_of_texts(cells.map(str))
    return "other"
