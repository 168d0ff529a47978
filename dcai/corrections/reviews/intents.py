"""Checking what a reviewer asks for, before it becomes a line of the log."""

from __future__ import annotations

import math
import re
from typing import Any, cast, get_args

import numpy as np
import pandas as pd

from dcai.base.errors import InputError, shorten
from dcai.base.fingerprints import plain
from dcai.base.records import Scalar, Verdict
from dcai.base.table import Table
from dcai.corrections.exhibits.forms import LabelForm
from dcai.corrections.values.cells import set_cells

VERDICTS = tuple(v for v in get_args(Verdict) if v != "undo")
_SEVERAL = 2


def check_verdict(verdict: object) -> Verdict:
    """Refuse what is no verdict."""
    if verdict not in VERDICTS:
        raise InputError.wrong_value("verdict", "decide", f"one of {', '.join(map(repr, VERDICTS))}", verdict)
    return cast("Verdict", verdict)


def check_row(table: Table, row: object) -> int:
    """Refuse what is no row position."""
    if isinstance(row, bool) or not hasattr(row, "__index__"):
        raise InputError.wrong_value("finding_or_row", "decide", "a finding's id or a row position", row)
    position = int(cast("int", row))
    if not 0 <= position < len(table):
        raise InputError(f"There is no row {position}: the data has {len(table)} rows, counted from 0.")
    return position


def choose_column(table: Table, verdict: Verdict, column: str | None, found: str | None) -> str | None:
    """Return the column that a decision is about: as asked, else the finding's, else the label for a relabel."""
    if verdict == "exclude":
        return None
    column = found if column is None else column
    if column is None and verdict in ("relabel", "ambiguous"):
        column = table.label
    if column is None and verdict in ("relabel", "edit", "ambiguous"):
        raise InputError(f"The verdict {verdict!r} needs a column: pass column='name'.")
    if column is not None and column not in table.frame.columns:
        raise InputError.unknown_name("column", column, table.frame.columns)
    if column in table.key and verdict in ("relabel", "edit"):
        raise InputError(f"The column {column!r} is part of the key and identifies the row; it cannot be edited here.")
    return column


def check_value(
    form: LabelForm, verdict: Verdict, value: Any, column: str | None, suggested: Scalar, row: int
) -> Scalar | list[Scalar]:
    """Return the value of a decision about a row, in the type that its column has."""
    table = form.table
    if verdict in ("keep", "exclude", "unsure"):
        if value is not None:
            raise InputError(f"The verdict {verdict!r} takes no value. Got {shorten(repr(value), 60)}.")
        return None
    about_label = column == table.label
    if verdict == "ambiguous":
        if not isinstance(value, (list, tuple)) or len(value) < _SEVERAL:
            raise InputError.wrong_value("value", "decide", "a list of at least two values that are right", value)
        return [form.check(v, row) if about_label else plain(v) for v in value]
    if about_label and verdict == "edit" and form.task == "token":
        return form.check_new_tag(value, row)
    if about_label and form.several and isinstance(value, (list, tuple, set)):
        return form.check(value, row) if verdict == "relabel" else form.write(list(value), row)
    if isinstance(value, (list, tuple, dict, set)):
        raise InputError.wrong_value("value", "decide", "one value", value)
    if verdict == "edit":
        return _fit_cell(table, _as_cell(table, plain(value), str(column)), str(column))
    chosen = suggested if value is None else plain(value)
    if chosen is None:
        raise InputError("The verdict 'relabel' needs a value: this finding suggests none. Pass value=.")
    return (
        form.check(chosen, row) if about_label else _fit_cell(table, _as_cell(table, chosen, str(column)), str(column))
    )


def _fit_cell(table: Table, value: Scalar, column: str) -> Scalar:
    """Refuse a value that the column could not take when the log is applied."""
    cells = table.frame[column]
    # Only a fraction among integers depends on the other cells; else one row shows what the column takes.
    fraction = isinstance(value, float) and pd.api.types.is_integer_dtype(cells.dtype)
    set_cells(cells if fraction else cells.iloc[:1], np.array([0]), [value])
    return value


def _as_cell(table: Table, value: Scalar, column: str) -> Scalar:
    """Return a value that the column can hold: numbers for a number column; a blank text there is no value."""
    dtype = table.frame[column].dtype
    measured = pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype)
    if isinstance(value, str) and not value.strip() and measured:
        return None
    if value is None or not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        return value
    if isinstance(value, (int, float)):
        return value
    if re.fullmatch(r"[+-]?[0-9]{1,20}", value.strip()):
        return int(value)  # a float would lose digits above 2**53
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(
            f"The column {shorten(column, 60)!r} holds numbers. Got {shorten(repr(value), 60)}; leave the value empty, or pass None, to mark it as missing."
        )
    return int(number) if number.is_integer() else number
