"""Setting cells of a column, in the dtype that it had wherever that can hold the values."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError, shorten
from dcai.base.fingerprints import canonical, plain
from dcai.base.parts import list_of, to_list

# Integers below this are exact as floats.
EXACT = 2**53
_TRUTH = {"true": True, "false": False}
_TYPED = (bool, np.bool_, decimal.Decimal, dt.date)  # objects that no text stands among


class CannotTakeError(InputError):
    """A column cannot take a value of a log; `untold` says so without the value."""

    column = ""
    untold = ""

    @classmethod
    def of(cls, column: object, kind: object, told: str) -> Self:
        """Make the error that tells the value."""
        start = f"The column {shorten(repr(column), 60)} holds {kind} and cannot take"
        way = "Convert the column to text first, or undo that correction."
        error = cls(f"{start} {told}. {way}")
        error.column = str(column)
        error.untold = f"{start} a corrected value, which is not told, as the column is marked as sensitive. {way}"
        return error


@contextmanager
def hide_values(find_masked: Callable[[], Container[str]]) -> Iterator[None]:
    """Let no error tell a value of a masked column; which these are is asked when one would."""
    try:
        yield
    except CannotTakeError as error:
        if error.column in find_masked():
            raise InputError(error.untold) from None
        raise


def set_cells(column: pd.Series[Any], rows: npt.NDArray[np.intp], values: Sequence[object]) -> pd.Series[Any]:
    """Return a column with some cells set, in the dtype that it had wherever that can hold the values.

    Raises
    ------
    InputError
        Where the column cannot take a value without harm to the others.
    """
    dtype = column.dtype
    inner = dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype
    like = _find_like(column) if _holds_objects(inner) else (None, False)
    cells = [_as_type(v, inner, column, like) for v in values]
    result = _widen(column, cells)
    if any(list_of(cell) is not None for cell in cells):
        return _set_lists(result, rows, cells)
    for row, cell in zip(rows, cells, strict=True):
        try:
            result.iloc[row] = pd.NaT if cell is None and pd.api.types.is_datetime64_any_dtype(dtype) else cell
        except UnicodeEncodeError as error:  # a lone surrogate has no place in a column that Arrow holds
            raise _cannot_take(column, cell) from error
    return result


def _set_lists(column: pd.Series[Any], rows: npt.NDArray[np.intp], cells: list[Any]) -> pd.Series[Any]:
    """Set cells that are lists, each as one value."""
    made = np.empty(len(column), dtype=object)
    for row, cell in enumerate(column):
        made[row] = cell
    for row, cell in zip(rows, cells, strict=True):
        made[row] = cell  # pandas itself would take a list for several cells, and an array of one for its element
    result = pd.Series(made, index=column.index, name=column.name)
    return result if column.dtype == object else result.astype(column.dtype)


def _widen(column: pd.Series[Any], cells: list[Any]) -> pd.Series[Any]:
    """Copy a column into the nearest dtype that holds the new cells too."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        new = [v for v in dict.fromkeys(cells) if v is not None and v not in dtype.categories]
        return column.cat.add_categories(new) if new else column.copy()
    if dtype == np.bool_ and any(v is None for v in cells):
        return column.astype("boolean")
    if not pd.api.types.is_integer_dtype(dtype):
        return column.copy()
    numbers = [v for v in cells if v is not None]
    if any(isinstance(v, float) for v in numbers):
        if not (column.abs() < EXACT).all():
            raise _cannot_take(column, next(v for v in numbers if isinstance(v, float)))
        return column.astype("float64")
    limits = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
    if any(not limits.min <= v <= limits.max for v in numbers):
        return column.astype("Int64" if any(v is None for v in cells) else "int64")
    if isinstance(dtype, np.dtype) and len(numbers) < len(cells):
        return column.astype("float64" if (column.abs() < EXACT).all() else "Int64")
    return column.copy()


def _cannot_take(column: pd.Series[Any], value: object) -> InputError:
    return CannotTakeError.of(column.name, column.dtype, shorten(repr(value), 60))


def _as_type(value: object, dtype: Any, column: pd.Series[Any], like: tuple[Any, bool]) -> Any:
    """Turn a value of a log into what a column of this dtype holds."""
    if value is None:
        return None
    try:
        return _convert(value, dtype, like) if _holds_texts(dtype, like[0]) or not is_blank(value) else None
    except (ValueError, KeyError, TypeError, OverflowError, decimal.InvalidOperation) as error:
        raise _cannot_take(column, value) from error


def is_blank(value: object) -> bool:
    """Whether a value says that there is none, for a column that holds no texts."""
    return canonical(value) is None


def _holds_texts(dtype: Any, first: object) -> bool:
    measured = pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype)
    return not measured and not isinstance(first, _TYPED)


def _convert(value: object, dtype: Any, like: tuple[Any, bool]) -> Any:
    if pd.api.types.is_bool_dtype(dtype):
        return _TRUTH[str(canonical(value))]
    if pd.api.types.is_numeric_dtype(dtype):
        number = value if isinstance(value, (int, float)) else float(str(value))
        return int(number) if pd.api.types.is_integer_dtype(dtype) and float(number).is_integer() else number
    if pd.api.types.is_datetime64_any_dtype(dtype):
        moment = pd.Timestamp(str(value))
        zone = getattr(dtype, "tz", None)
        return moment.tz_localize(zone) if zone is not None and moment.tz is None else moment
    if isinstance(dtype, pd.StringDtype):
        return str(value)
    return _as_object(value, *like) if _holds_objects(dtype) else value


def _holds_objects(dtype: Any) -> bool:
    return pd.api.types.is_object_dtype(dtype) or isinstance(dtype, pd.ArrowDtype)


def _find_like(column: pd.Series[Any]) -> tuple[Any, bool]:
    """Return the first cell of a column that is not empty, and whether all such cells are texts."""
    first = next((v for v in column if plain(v) is not None), None)
    return first, isinstance(first, str) and all(isinstance(v, str) for v in column if plain(v) is not None)


def _as_object(value: object, first: Any, texts: bool) -> Any:  # noqa: FBT001 (what `_find_like` found)
    """Turn a value into the kind of object that the column's first cell is."""
    if list_of(first) is not None:
        return to_list(str(value), first)
    if isinstance(first, (bool, np.bool_)):
        return _TRUTH.get(str(canonical(value)), value)  # a column of objects holds texts beside them, too
    if isinstance(first, decimal.Decimal):
        return decimal.Decimal(str(value))
    if isinstance(first, dt.date) and not isinstance(first, dt.datetime):
        return dt.date.fromisoformat(str(value))
    if isinstance(first, dt.datetime):
        return dt.datetime.fromisoformat(str(value))
    return str(value) if texts else value
