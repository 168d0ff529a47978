"""Operands of conditions: columns and constants as numbers, dates, texts or truth values, each known or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.table import Table

Kind = Literal["number", "text", "date", "truth"]
Marks = npt.NDArray[np.bool_]


class Unfit(Exception):  # noqa: N818 (not an error yet: the word that a value does not fit; the rule's name is added above)
    """A part of a condition cannot be evaluated; the text says why."""


@dataclass(frozen=True, eq=False)
class Value:
    """What an expression gives: a value for each row, or one for all, and whether it is known."""

    kind: Kind
    data: npt.NDArray[Any]
    known: Marks
    name: str = "a value"
    constant: bool = False


def make_constant(value: object) -> Value:
    """Make the value of a number, text or truth value that stands in a condition."""
    known = np.array(True)  # noqa: FBT003 (an array of one)
    shown = repr(value)
    if isinstance(value, bool):
        return Value("truth", np.array(value), known, shown, constant=True)
    if isinstance(value, (int, float)):
        return Value("number", np.array(float(value)), known, shown, constant=True)
    text = np.array("" if value is None else str(value), dtype=object)
    return Value("text", text, np.array(value is not None), shown, constant=True)


def read_column(table: Table, name: str) -> Value:
    """Read a column as numbers, dates, texts or truth values."""
    from dcai.findings.features.vectors import to_numbers

    column, kind = table.frame[name], table.kinds[name]
    known = column.notna().to_numpy(dtype=bool)
    if kind == "image":
        raise Unfit(f"{name!r} holds images")
    if kind == "number":
        numbers = to_numbers(column)
        return Value("number", np.nan_to_num(numbers), ~np.isnan(numbers), repr(name))
    if kind == "boolean":
        marks = column.astype("boolean").to_numpy(dtype=bool, na_value=False)
        return Value("truth", marks, known, repr(name))
    if kind == "date":
        return _dates(column, repr(name))
    texts = np.array(
        [*("" if missing else str(v) for v, missing in zip(column, ~known, strict=True)), ""], dtype=object
    )
    return Value("text", texts[:-1], known, repr(name))


def _dates(cells: Any, name: str) -> Value:
    days = pd.to_datetime(pd.Series(cells), errors="coerce", utc=True, format=None if _is_dated(cells) else "ISO8601")
    plain = days.dt.tz_convert(None).to_numpy(dtype="datetime64[us]")
    return Value("date", np.where(np.isnat(plain), np.datetime64(0, "us"), plain), ~np.isnat(plain), name)


def _is_dated(cells: Any) -> bool:
    return pd.api.types.is_datetime64_any_dtype(pd.Series(cells).dtype) or not all(isinstance(v, str) for v in cells)


def to_number(value: Value) -> Value:
    """Read texts and truth values as numbers; what is none is unknown."""
    if value.kind == "number":
        return value
    if value.kind == "date":
        raise Unfit(
            f"{value.name} is a date, not a number: year({value.name.strip(chr(39))}) or a difference of dates is one"
        )
    if value.kind == "truth":
        return Value("number", value.data.astype(float), value.known, value.name)
    from dcai.findings.features.vectors import to_numbers

    flat = to_numbers(pd.Series(np.atleast_1d(value.data))).reshape(value.data.shape)
    known = value.known & ~np.isnan(flat)
    if value.known.any() and not known.any():
        raise Unfit(f"{value.name} is no number" if value.constant else f"{value.name} holds texts, not numbers")
    return Value("number", np.nan_to_num(flat), known, value.name, value.constant)


def to_date(value: Value) -> Value:
    """Read texts as dates (ISO 8601); what is none is unknown."""
    if value.kind == "date":
        return value
    if value.kind != "text":
        raise Unfit(f"{value.name} is no date")
    found = _dates(np.atleast_1d(value.data), value.name)
    known = value.known & found.known.reshape(value.data.shape)
    if value.known.any() and not known.any():
        raise Unfit(
            f"{value.name} is no date such as '2020-01-31'" if value.constant else f"{value.name} holds no dates"
        )
    return Value("date", found.data.reshape(value.data.shape), known, value.name, value.constant)


def to_text(value: Value) -> Value:
    """Write numbers, dates and truth values as texts; whole numbers without a point."""
    if value.kind == "text":
        return value
    if value.kind == "truth":
        return Value("text", np.where(value.data, "true", "false").astype(object), value.known, value.name)
    dated = value.kind == "date"
    texts = [str(v)[:10] if dated else f"{v:.15g}" for v in np.atleast_1d(value.data).tolist()]
    return Value("text", np.array([*texts, ""], dtype=object)[:-1].reshape(value.data.shape), value.known, value.name)


def map_texts(value: Value, function: Callable[[str], Any], kind: Kind) -> Value:
    """Apply a function to every distinct text once."""
    texts = to_text(value)
    codes, distinct = pd.factorize(np.atleast_1d(texts.data))
    made = np.array([*(function(v) for v in distinct), None], dtype=object)[:-1]
    types: dict[Kind, Any] = {"number": float, "truth": bool}
    data = made[codes].astype(types.get(kind, object)).reshape(texts.data.shape)
    return Value(kind, data, value.known, value.name, value.constant)
