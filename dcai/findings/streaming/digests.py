"""Hashes of rows in 64 bits, a batch at a time: what tells equal rows among many millions.

They are no identity: fingerprints are made of 128 bits and of canonical texts (`dcai.base.fingerprints`). Two cells have
one digest when their canonical texts are equal, but that numbers are compared to 13 digits or so; rows that look equal
are compared by their canonical texts where there are few of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from dcai.base.fingerprints import canonical

Digests = npt.NDArray[np.uint64]
Numbers = tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]  # and which cells are empty, if any

_ONE, _TWO = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_HALF, _LOW = np.uint64(128), np.uint64(8)  # the last bits of a number hold what fifteen digits do not
_SHIFT, _LAST = np.uint64(32), np.uint64(29)
_KNOWN = 200_000  # texts whose digests are kept for the next batch


class Digester:
    """Makes the digests of columns; texts that come again are hashed once.

    Examples
    --------
    >>> import pyarrow as pa
    >>> found = Digester().digest("x", pa.array([1.0, 1.0, None]))
    >>> bool(found[0] == found[1]), int(found[2])
    (True, 0)
    """

    def __init__(self) -> None:
        self._known: dict[str, dict[object, int]] = {}

    def digest(self, name: str, column: Any, numbers: Numbers | None = None) -> Digests:
        """Return the digest of each cell of an Arrow array, shape (n,), 0 for a missing one; numbers may be read already."""
        seed = np.uint64(xxhash.xxh3_64_intdigest(name.encode("utf-8", "surrogatepass")))
        numbers = read_numbers(column) if numbers is None else numbers
        if numbers is None:
            return self._digest_distinct(name, seed, column)
        values, empty = numbers
        if values.dtype.kind == "f":
            bits = ((values.astype(np.float64, copy=False) + 0.0).view(np.uint64) + _HALF) >> _LOW
        else:
            bits = values.astype(np.int64).view(np.uint64)
        found = mix(bits ^ seed)
        if empty is not None:
            found[empty] = 0
        return found

    def _digest_distinct(self, name: str, seed: np.uint64, column: Any) -> Digests:
        codes, distinct = number_cells(column)
        known = self._known.setdefault(name, {})
        if len(known) > _KNOWN:
            known.clear()
        found = np.zeros(len(distinct) + 1, dtype=np.uint64)
        for place, cell in enumerate(distinct):
            value = known.get(cell)
            if value is None:
                text = canonical(cell)
                value = (
                    0 if text is None else xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"), int(seed))
                )
                known[cell] = value
            found[place] = value
        return found[codes]


def mix(bits: Digests) -> Digests:
    """Spread every bit over all others; the array is changed."""
    with np.errstate(over="ignore"):
        bits += _ONE
        bits *= _ONE
        bits ^= bits >> _SHIFT
        bits *= _TWO
        bits ^= bits >> _LAST
        bits *= _ONE
        bits ^= bits >> _SHIFT
    return bits


def read_numbers(column: Any) -> Numbers | None:
    """Read an Arrow array as numbers, with a mask of its empty cells or None; None for what holds no numbers.

    Dates are their count of units, booleans 0 and 1. An empty cell among integers reads 0, among floats NaN.
    """
    import pyarrow.compute as pc
    import pyarrow.types as at

    kind = column.type
    if at.is_floating(kind):
        values = column.to_numpy(zero_copy_only=False)
        # One number is looked for where a mask of all would say the same: the least is NaN if any is.
        return values, np.isnan(values) if len(values) and np.isnan(values.min()) else None
    if at.is_boolean(kind):
        column = column.cast("int8")
    elif at.is_date32(kind) or at.is_time32(kind):
        column = column.cast("int32")
    elif at.is_temporal(kind):
        column = column.cast("int64")
    elif not at.is_integer(kind):
        return None
    if not column.null_count:
        return column.to_numpy(zero_copy_only=False), None
    empty = column.is_null().to_numpy(zero_copy_only=False)
    return pc.fill_null(column, 0).to_numpy(zero_copy_only=False), empty


def number_cells(column: Any) -> tuple[npt.NDArray[np.int64], list[object]]:
    """Number the distinct cells of an Arrow array: codes of shape (n,), -1 for missing, and the cells as Python has them."""
    coded = column if hasattr(column, "dictionary") else column.dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, coded.dictionary.to_pylist()


def add_digests(parts: Mapping[str, Digests], names: list[str], size: int) -> Digests:
    """Add the digests of some columns, so that their order does not matter."""
    total = np.zeros(size, dtype=np.uint64)
    for name in names:
        total += parts[name]
    return total
