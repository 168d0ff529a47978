r"""Canonical text of a cell, and fingerprints of rows made from it. Format version 1.

The same table read as text, with types, from Parquet or through polars has the same fingerprints:

* Missing is every empty value and every text that `pandas.read_csv` reads as empty; it adds nothing to a hash.
* A number is its value: integers below 2**64 exactly, others with 15 significant digits; text that is written
  like a number counts as that number (``007`` = ``7`` = ``7.0``).
* A boolean is ``true`` or ``false``, whatever the case of the text.
* A date is ISO 8601, in UTC if it has a zone, without the time at midnight; ISO text counts as that date.
* A list is JSON of the canonical texts of its elements; a set is its sorted list; text that is a list, as JSON or as
  Python writes it, counts as that list. An array of floats is a vector and no list.
* Every other text is itself, unchanged.

The hash of a cell is the xxh3-128 of ``column name, U+001F, canonical text`` as two 64-bit lanes; the hash of a row
is the lane-wise sum modulo 2**64 over its cells. A sum (and not one long text) lets the fingerprint of an edited row be
computed from the edit alone, so that a correction finds its row again after other corrections were applied.
"""

from __future__ import annotations

import datetime as dt
import decimal
import itertools
import json
import re
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xxhash

from dcai.base.parts import list_of, read_list, write_list
from dcai.base.records import Scalar

Hashes = npt.NDArray[np.uint64]
Cells = list[object] | npt.NDArray[Any] | pd.DatetimeIndex

MISSING_TEXTS = frozenset(
    [
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    ]
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}\Z")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?\Z")
# A decimal fraction of at most fifteen digits, written as %.15g writes it: the float next to it gives the digits back.
_DECIMAL = re.compile(r"-?(?:0\.(?!0000)|[1-9][0-9]*\.)[0-9]*[1-9]\Z")
_DECIMAL_LENGTH = 16
_INFINITY = re.compile(r"[+-]?inf(?:inity)?\Z", re.IGNORECASE | re.ASCII)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?\Z", re.ASCII)
_LONGEST_NUMBER = 40
_LARGEST_INTEGER = 2**64
_FLOAT_BITS = 1023  # larger integers are no floats
_LANE = 2**64
_MICROSECONDS = 6
# A text that starts with none of these is its own canonical text: they start what is missing, a list, a number, an
# infinity, a boolean or a date, or stand before one as white space.
_SPACES = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
_STARTS = frozenset(_SPACES + "[+-.0123456789iItTfF") | {text[:1] for text in MISSING_TEXTS}
_INTEGER_DIGITS = 19  # so many digits are below 2**64
_DAY = 10  # characters of a date without a time
_FIFTEEN = 1e15  # below it a whole number has no more than fifteen digits
_YEARS = np.datetime64("0001", "s"), np.datetime64("10000", "s")  # that Python's datetime knows
_DOUBLE = 8  # bytes of the longest number that is not longer than a float
_ALIKE = 2e-14  # of their size: numbers farther apart differ in their first fifteen digits
_LONE = {int, float, bool}  # types of which one may stand among texts: no text equals one of their values
_NO_HASH = bytes(16)
_CHUNK = 10_000  # cells that are hashed at once: their texts stay in the processor's cache


def plain(value: object) -> Scalar:
    """Turn a cell into a plain scalar that JSON can hold; missing becomes None, other objects their text.

    Examples
    --------
    >>> plain(np.int64(3)), plain(pd.NA), plain(pd.Timestamp("2020-01-02")), plain(["a", "b"])
    (3, None, '2020-01-02', '["a", "b"]')
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return _plain_float(value)
    if value is pd.NaT or value is pd.NA or value is None:
        return None
    if isinstance(value, (dt.datetime, dt.date)):
        return _date_text(value)
    listed = list_of(value)
    if listed is not None:
        return write_list([plain(v) for v in listed])
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"bytes:{xxhash.xxh3_128_hexdigest(bytes(value))}"
    if isinstance(value, np.ndarray):
        return f"array:{xxhash.xxh3_128_hexdigest(np.ascontiguousarray(value).tobytes())}"
    return str(value)


def _plain_float(value: float) -> Scalar:
    if np.isnan(value):
        return None
    return value if np.isfinite(value) else str(value)


def canonical(value: object) -> str | None:
    """Write the canonical text of one cell; None for a missing one.

    Examples
    --------
    >>> canonical(" 7.0"), canonical(7), canonical("N/A"), canonical("TRUE"), canonical("2020-01-02 00:00")
    ('7', '7', None, 'true', '2020-01-02')
    """
    if isinstance(value, np.float32):
        value = float(str(value))
    scalar = value if isinstance(value, (str, int, float, bool)) else _decimal_or_plain(value)
    if scalar is None:
        return None
    if isinstance(scalar, str):
        return _canonical_text(scalar)
    if isinstance(scalar, bool):
        return "true" if scalar else "false"
    return _canonical_number(scalar)


def _decimal_or_plain(value: object) -> Scalar:
    return str(value) if isinstance(value, decimal.Decimal) else plain(value)


def _canonical_text(text: str) -> str | None:
    if text in MISSING_TEXTS:
        return None
    if text[:1] == "[" and text[-1:] == "]":
        listed = read_list(text)
        return text if listed is None else json.dumps([canonical(v) for v in listed], ensure_ascii=False)
    if len(text) > _LONGEST_NUMBER:
        return text
    bare = text.strip()
    start = bare[:1]
    if start in "tTfF":
        return bare.lower() if bare.lower() in ("true", "false") else text
    if _is_plain_number(bare):
        return bare
    if "." not in bare and _INTEGER.match(bare):
        return _canonical_number(int(bare))
    if _NUMBER.match(bare) or _INFINITY.match(bare):
        return _canonical_number(float(bare))
    if _ISO.match(bare):
        return bare if len(bare) == _DAY else _canonical_iso(bare)
    return text


def _is_plain_number(bare: str) -> bool:
    """Say whether a text is its own canonical text because it is a number in the plainest writing."""
    if bare.isdecimal():
        return bare.isascii() and bare[0] != "0" and len(bare) <= _INTEGER_DIGITS
    return len(bare) <= _DECIMAL_LENGTH and _DECIMAL.match(bare) is not None


def _canonical_number(number: float) -> str | None:
    if isinstance(number, int):
        exact = abs(number) < _LARGEST_INTEGER or number.bit_length() > _FLOAT_BITS
        return str(number) if exact else format(float(number), ".15g")
    if number != number:  # noqa: PLR0124 (NaN is the only number that differs from itself)
        return None
    if number.is_integer() and abs(number) < _LARGEST_INTEGER:
        return str(int(number))
    return format(number, ".15g")


def _canonical_iso(text: str) -> str:
    try:
        # Python's own datetime holds microseconds; what is finer is left to pandas.
        fine = len(text.partition(".")[2].rstrip("Z").partition("+")[0].partition("-")[0]) > _MICROSECONDS
        return _date_text(pd.Timestamp(text) if fine else dt.datetime.fromisoformat(text))
    except ValueError:  # 2020-02-30 looks like a date and is none
        return text


def _date_text(value: dt.date) -> str:
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None:
            return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        bare = value.isoformat()
        return bare.removesuffix("T00:00:00")
    return value.isoformat()


def canonicals(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Write the canonical text of every cell of a column, shape (n,), None where missing."""
    codes, texts = distinct_canonicals(column)
    return np.array([*texts, None], dtype=object)[codes]


def distinct_canonicals(column: pd.Series[Any]) -> tuple[npt.NDArray[np.intp], list[str | None]]:
    """Number the distinct cells of a column: the number of each, -1 for missing, and their canonical texts, maybe of several the same."""
    codes, distinct = _number_cells(column)
    return codes, _write_cells(distinct)


def distinct_cells(column: pd.Series[Any]) -> tuple[npt.NDArray[np.intp], list[object]]:
    """Number the distinct cells of a column: codes of shape (n,), -1 for missing, and the cells by code.

    Unlike `pandas.factorize` it keeps 1, 1.0 and True apart and takes cells that have no hash.
    """
    codes, distinct = _number_cells(column)
    return codes, distinct.tolist() if isinstance(distinct, np.ndarray) else list(distinct)


def distinct_meanings(
    column: pd.Series[Any],
) -> tuple[npt.NDArray[np.intp], list[Any] | npt.NDArray[Any], npt.NDArray[np.intp]]:
    """Number the distinct cells of a column, -1 for missing, and what each means: cells of one canonical text mean the same.

    Numbers come as an array. Meanings are numbered in order of first occurrence, -1 for a blank cell.

    Examples
    --------
    >>> distinct_meanings(pd.Series(["7", "x", "7.0", " ", None]))
    (array([ 0,  1,  2,  3, -1]), ['7', 'x', '7.0', ' '], array([ 0,  1,  0, -1]))
    """
    codes, distinct = _number_cells(column)
    if isinstance(distinct, np.ndarray) and _are_apart(distinct):
        return codes, distinct, np.arange(len(distinct), dtype=np.intp)
    texts = [None if text is None or not text.strip() else text for text in _write_cells(distinct)]
    meanings = pd.factorize(np.array([*texts, None], dtype=object))[0][:-1]
    return codes, distinct if isinstance(distinct, np.ndarray) else list(distinct), meanings


def _are_apart(numbers: npt.NDArray[Any]) -> bool:
    """Say whether no two of these numbers can be written alike with fifteen digits."""
    if numbers.dtype.kind != "f":
        return True  # whole numbers are written in full
    ordered = np.sort(numbers.astype(np.float64))
    if not np.isfinite(ordered).all():
        return False
    with np.errstate(over="ignore"):  # the distance of the largest numbers is infinite
        return bool((np.diff(ordered) > _ALIKE * np.maximum(np.abs(ordered[1:]), np.abs(ordered[:-1]))).all())


def _number_cells(column: pd.Series[Any]) -> tuple[npt.NDArray[np.intp], Cells]:
    """Number the distinct cells of a column."""
    if column.dtype != object:
        try:
            codes, distinct = pd.factorize(column)
        except NotImplementedError:  # Arrow numbers no cells that are lists or structs
            column = column.astype(object)
        else:
            return codes, _list_cells(distinct)
    cells: list[object] = column.to_numpy().tolist()
    kinds = set(map(type, cells)) - {str, type(None)}
    if len(kinds) > 1 or not kinds <= _LONE:
        return _number_objects(cells)
    places: dict[object, int] = dict(zip(dict.fromkeys(cells), itertools.count()))
    if len(places) == len(cells):
        return np.arange(len(cells), dtype=np.intp), cells
    return np.fromiter(map(places.__getitem__, cells), np.intp, len(cells)), list(places)


def _list_cells(distinct: Any) -> Cells:
    """Turn distinct cells into a list, or into what is written all at once."""
    if isinstance(distinct, pd.DatetimeIndex):
        return distinct
    if isinstance(distinct.dtype, np.dtype) and distinct.dtype.kind in "iuf" and distinct.dtype.itemsize <= _DOUBLE:
        return np.asarray(distinct)
    texts = isinstance(distinct.dtype, pd.StringDtype)
    return distinct.to_numpy(dtype=object).tolist() if texts else list(distinct)


def _number_objects(cells: list[object]) -> tuple[npt.NDArray[np.intp], list[object]]:
    """Number cells of several types, some of which may have no hash."""
    places: dict[Hashable, int] = {}
    distinct: list[object] = []
    codes = np.empty(len(cells), dtype=np.intp)
    for i, cell in enumerate(cells):
        value = cell if _has_hash(cell) else plain(cell)
        mark = (type(value), value)
        if mark not in places:
            places[mark] = len(distinct)
            distinct.append(value)
        codes[i] = places[mark]
    return codes, distinct


def _write_cells(cells: Cells) -> list[str | None]:
    """Write the canonical text of each cell: what `canonical` says, some times as fast."""
    if isinstance(cells, pd.DatetimeIndex):
        return _write_dates(cells)
    if isinstance(cells, np.ndarray):
        return _write_floats(cells.astype(np.float64)) if cells.dtype.kind == "f" else list(map(str, cells.tolist()))
    kinds = set(map(type, cells))
    if kinds == {float}:
        return _write_floats(np.array(cells, dtype=np.float64))
    if kinds == {int}:
        return [str(v) if -_LANE < v < _LANE else _canonical_number(v) for v in cells]  # type: ignore[operator,arg-type]  # all are integers
    return [v if type(v) is str and v[:1] not in _STARTS else canonical(v) for v in cells]


def _write_floats(numbers: npt.NDArray[np.float64]) -> list[str | None]:
    with np.errstate(invalid="ignore"):  # a signalling NaN is missing as any other
        # Adding zero takes the sign from -0.0. A whole number below 1e15 is written by %.15g as by str(int(...)).
        found: list[str | None] = list(map("%.15g".__mod__, (numbers + 0.0).tolist()))
        others = np.flatnonzero(~(np.abs(numbers) < _FIFTEEN)).tolist()
    for i in others:
        found[i] = _canonical_number(float(numbers[i]))
    return found


def _write_dates(dates: pd.DatetimeIndex) -> list[str | None]:
    """Write dates as ISO 8601 all at once; the few that have parts of a second, or odd years, one by one."""
    zoned = dates.tz is not None
    moments = (dates.tz_convert(None) if zoned else dates).to_numpy()
    seconds = moments.astype("datetime64[s]")
    whole = (seconds == moments) & (seconds >= _YEARS[0]) & (seconds < _YEARS[1])
    texts = np.datetime_as_string(seconds, unit="s").tolist()
    end = "T00:00:00"
    found: list[str | None] = [f"{t}Z" for t in texts] if zoned else [t.removesuffix(end) for t in texts]
    for i in np.flatnonzero(~whole).tolist():
        found[i] = canonical(dates[i])
    return found


def _has_hash(cell: object) -> bool:
    """Say whether a cell has a hash; tuples with lists in them and signalling NaNs only seem to have one."""
    try:
        hash(cell)
    except (TypeError, ValueError):
        return False
    return True


def hash_cell(column: str, text: str | None) -> tuple[int, int]:
    """Hash one cell from its column name and canonical text, as two 64-bit lanes."""
    if text is None:
        return 0, 0
    whole = xxhash.xxh3_128_intdigest(f"{column}\x1f{text}".encode("utf-8", "surrogatepass"))
    return whole >> 64, whole & (_LANE - 1)


def hash_column(name: str, column: pd.Series[Any]) -> Hashes:
    """Hash every cell of a column, shape (n, 2)."""
    codes, distinct = _number_cells(column)
    found = [_hash_cells(name, distinct[i : i + _CHUNK]) for i in range(0, len(distinct), _CHUNK)]
    # The last hash is that of missing cells, which are numbered -1.
    lanes = np.frombuffer(b"".join([*found, _NO_HASH]), dtype=">u8").reshape(-1, 2).astype(np.uint64)
    return lanes.take(codes, axis=0)


def _hash_cells(name: str, cells: Cells) -> bytes:
    """Hash cells, one after the other: of each the 128 bits from the highest byte to the lowest."""
    digest = xxhash.xxh3_128_digest
    return b"".join(
        [
            _NO_HASH if text is None else digest(f"{name}\x1f{text}".encode("utf-8", "surrogatepass"))
            for text in _write_cells(cells)
        ]
    )


def hash_rows(frame: pd.DataFrame, columns: Iterable[str] | None = None) -> Hashes:
    """Hash the rows of a frame over some columns (default: all), shape (n, 2); the order of columns does not matter."""
    total = np.zeros((len(frame), 2), dtype=np.uint64)
    for name in frame.columns if columns is None else columns:
        total += hash_column(str(name), frame[name])
    return total


def add_hashes(one: tuple[int, int], other: tuple[int, int], sign: int = 1) -> tuple[int, int]:
    """Add (or with sign -1 subtract) the lanes of two hashes."""
    return (one[0] + sign * other[0]) % _LANE, (one[1] + sign * other[1]) % _LANE


def to_hex(lanes: Iterable[int]) -> str:
    """Write a hash as 32 hexadecimal digits."""
    return "".join(f"{int(lane):016x}" for lane in lanes)


def from_hex(text: str) -> tuple[int, int]:
    """Read a hash from 32 hexadecimal digits."""
    return int(text[:16], 16), int(text[16:32], 16)
