"""Corrections in Arrow and polars tables: only the touched columns are made anew, each in its own type."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import shorten
from dcai.base.parts import read_list
from dcai.corrections.values.cells import CannotTakeError, is_blank


def change_table(table: Any, places: Mapping[str, int], edits: pd.DataFrame, dropped: npt.NDArray[np.intp]) -> Any:
    """Return a polars or pyarrow table with some cells set and some rows left out.

    Parameters
    ----------
    table : polars.DataFrame, polars.LazyFrame or pyarrow.Table
        It is not changed.
    places : mapping of str to int
        The position of each column, by the name that `edits` knows it by.
    edits : pandas.DataFrame
        The cells: `row`, `column`, `value`.
    dropped : array of int
        Positions of rows to leave out.
    """
    polars = sys.modules.get("polars")
    changes = {
        places[str(column)]: (cells["row"].to_numpy(np.intp), list(cells["value"]))
        for column, cells in edits.groupby("column", sort=False)
    }
    if polars is not None and isinstance(table, (polars.DataFrame, polars.LazyFrame)):
        return _change_polars(polars, table, changes, dropped)
    return change_arrow(table, changes, dropped)


def change_arrow(
    table: Any, changes: Mapping[int, tuple[npt.NDArray[np.intp], Sequence[object]]], dropped: npt.NDArray[np.intp]
) -> Any:
    """Return an Arrow table with some cells of some columns (by position) set, and some rows left out."""
    import pyarrow as pa

    for place, (rows, values) in changes.items():
        field = table.schema.field(place)
        table = table.set_column(place, field, change_column(table.column(place), rows, values, field.name))
    if len(dropped):
        keep = np.ones(table.num_rows, dtype=bool)
        keep[dropped] = False
        table = table.filter(pa.array(keep))
    return table


def change_column(column: Any, rows: npt.NDArray[np.intp], values: Sequence[object], name: str) -> Any:
    """Return an Arrow column with some cells set, in the type that it has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    plain_kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    order = np.argsort(rows, kind="stable")
    mask = np.zeros(len(column), dtype=bool)
    mask[rows] = True
    cells = pa.chunked_array([_make_scalars([values[i] for i in order], plain_kind, name)])
    flat = column.cast(plain_kind).combine_chunks()
    if pa.types.is_nested(plain_kind):  # Arrow replaces no lists in place
        places = np.arange(len(column))
        places[rows[order]] = len(column) + np.arange(len(rows))
        return pa.concat_arrays([_whole(flat), _whole(cells.combine_chunks())]).take(pa.array(places))
    changed = pc.replace_with_mask(flat, pa.array(mask), cells.combine_chunks())
    return changed.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else changed


def _whole(array: Any) -> Any:
    """Return a chunked array as one array."""
    import pyarrow as pa

    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def _make_scalars(values: Sequence[object], kind: Any, name: str) -> Any:
    """Make the new cells in the column's type; a text that stands for such a value is read as one."""
    import pyarrow as pa

    if pa.types.is_primitive(kind) or pa.types.is_decimal(kind):
        values = [None if is_blank(v) else v for v in values]
    if pa.types.is_nested(kind):
        values = [read_list(v) if isinstance(v, str) and read_list(v) is not None else v for v in values]
    try:
        return pa.array(values, type=kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        texts = [None if v is None else str(v) for v in values]
    try:
        return pa.array(texts, type=pa.string()).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise CannotTakeError.of(name, kind, shorten(repr(list(values)), 120)) from error


def _change_polars(polars: Any, table: Any, changes: Mapping[int, Any], dropped: npt.NDArray[np.intp]) -> Any:
    frame = table.collect() if isinstance(table, polars.LazyFrame) else table
    for place, (rows, values) in changes.items():
        old = frame.to_series(place)
        arrow = change_column(_as_chunks(old.to_arrow()), rows, values, old.name)
        try:
            new = polars.Series(old.name, polars.from_arrow(arrow)).cast(old.dtype)
        except polars.exceptions.PolarsError as error:
            raise CannotTakeError.of(old.name, old.dtype, f"the corrected values: {error}") from error
        frame = frame.with_columns(new)
    if len(dropped):
        keep = np.ones(frame.height, dtype=bool)
        keep[dropped] = False
        frame = frame.filter(polars.Series(keep))
    return frame


def _as_chunks(array: Any) -> Any:
    import pyarrow as pa

    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
