"""Results by the content that they were made from, so that an audit after a few fixes pays for what changed only.

A key is made of the cells themselves, never of names, versions or identities: what was changed is made anew, what was
not comes back as it was, and an audit says the same with a cache as without. Models of labels alone are kept to be brought
up to date with a few other labels: what they say then is what the same models would say learnt anew, within the tolerance
that `audit` states. It lives in the process, holds no more than `Cache.limit` bytes, and drops first what was not used for longest.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import xxhash

T = TypeVar("T")

MOST_BYTES = 256 << 20
SHARE = 8  # and at most one part in so many of the machine's memory
_OBJECT = 64  # bytes of a Python object in a list, about, and at least
_WEIGHED = 1_000  # objects of a list that are weighed for all of them


class Cache:
    """What was made, by key; the least recently used is dropped when it all grows beyond `limit` bytes.

    Attributes
    ----------
    limit : int, optional
        Bytes; None is 256 MiB, or an eighth of the machine's memory where that is less. 0 keeps nothing.

    Examples
    --------
    >>> cache = Cache(1000)
    >>> [cache.get("a", lambda: 1), cache.get("a", lambda: 2)]
    [1, 1]
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.used = 0
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str | None, make: Callable[[], T]) -> T:
        """Return what was made for a key, or make it; what has no key is made every time."""
        if key is None:
            return make()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                found: T = self._kept[key][0]
                return found
        made = make()
        self.keep(key, made)
        return made

    def recall(self, key: str | None) -> Any:
        """Return what is kept for a key; None where nothing is."""
        with self._lock:
            return self._kept.get(str(key), (None, 0))[0]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self.used = 0

    def keep(self, key: str | None, value: Any) -> None:
        """Keep a value for a key, in the place of what was kept for it; what has no key is not kept."""
        if key is None:
            return
        size, most = measure_size(value), self._find_limit()
        if size > most:
            return
        with self._lock:
            self.used += size - self._kept.pop(key, (None, 0))[1]
            self._kept[key] = (value, size)
            while self.used > most:
                self.used -= self._kept.popitem(last=False)[1][1]

    def _find_limit(self) -> int:
        if self.limit is None:
            import psutil

            self.limit = min(MOST_BYTES, psutil.virtual_memory().total // SHARE)
        return self.limit


CACHE = Cache()


def measure_size(value: Any) -> int:
    """Estimate the bytes that a value takes.

    Examples
    --------
    >>> measure_size(np.zeros(1000)) // 1000
    8
    """
    if isinstance(value, np.ndarray):
        return int(value.nbytes) + (_weigh(value.ravel()) if value.dtype == object else 0)
    if isinstance(value, pd.DataFrame):
        return int(value.memory_usage(deep=True).sum()) + sum(measure_size(p) for p in value.get("peers", ()))
    if hasattr(value, "indptr"):  # a sparse matrix
        return int(value.data.nbytes + value.indices.nbytes + value.indptr.nbytes)
    if is_dataclass(value) and not isinstance(value, type):
        return sum(measure_size(getattr(value, f.name)) for f in fields(value))
    if isinstance(value, Mapping):
        return sum(map(measure_size, value.values())) + _OBJECT * len(value)
    if isinstance(value, Sequence) and hasattr(value, "values"):
        return measure_size(value.values)
    if isinstance(value, list | tuple):
        plain = not value or all(isinstance(its, int | float | str | None) for its in (value[0], value[-1]))
        return (_weigh(value) if plain else sum(map(measure_size, value))) + sys.getsizeof(value)
    return sys.getsizeof(value)


def _weigh(values: Any) -> int:
    """Estimate the bytes of plain objects by some of them, spread over all: texts may be long."""
    some = values[:: max(1, len(values) // _WEIGHED)]
    each = sum(map(sys.getsizeof, some)) / max(len(some), 1)
    return int(max(each, _OBJECT) * len(values))


def hash_cells(column: pd.Series[Any]) -> str | None:
    """Hash the cells of a column in their order, with their type; None where they are objects of which nothing is known.

    Examples
    --------
    >>> hash_cells(pd.Series([1, 2])) == hash_cells(pd.Series([1, 2])), hash_cells(pd.Series([object()]))
    (True, None)
    """
    dtype = column.dtype
    state = xxhash.xxh3_128(f"{dtype!r};{len(column)};".encode())
    if isinstance(dtype, pd.CategoricalDtype):
        named = hash_cells(pd.Series(dtype.categories))
        state.update(column.cat.codes.to_numpy().tobytes())
        return None if named is None else f"{named}{state.hexdigest()}"
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        state.update(column.to_numpy().tobytes())
        return state.hexdigest()
    return _hash_arrow(column, state)


def _hash_arrow(column: pd.Series[Any], state: Any) -> str | None:
    """Hash what Arrow holds or can hold: objects only where all are texts or missing."""
    import pyarrow as pa

    try:
        kind = pa.large_string() if column.dtype == object else None
        made = pa.array(column.array, type=kind, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, ValueError, OverflowError):
        return None  # it is made anew every time
    for chunk in made.chunks if isinstance(made, pa.ChunkedArray) else [made]:
        if chunk.type.num_fields:
            return None  # of nested cells the buffers alone do not tell
        state.update(f"{chunk.type};{chunk.offset};{len(chunk)};".encode())
        for buffer in chunk.buffers():
            state.update(b"" if buffer is None else buffer)
            state.update(b";")
    return str(state.hexdigest())


def make_key(frame: Any, names: Sequence[str], *more: object) -> str | None:
    """Make a key of columns of a frame and whatever else counts; None where something is not told by its cells.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [1], "y": [2]})
    >>> make_key(frame, ["x"]) == make_key(frame.assign(y=3), ["x"]), make_key(frame, ["x"]) == make_key(frame, ["y"])
    (True, False)
    """
    if not isinstance(frame, pd.DataFrame):
        return None
    parts = [str(len(frame)), repr(more), *map(repr, names)]  # of no columns at all the rows are still counted
    for name in names:
        cells = hash_cells(frame[name])
        if cells is None:
            return None
        parts.append(cells)
    return xxhash.xxh3_128_hexdigest("\x1f".join(parts).encode("utf-8", "surrogatepass"))
