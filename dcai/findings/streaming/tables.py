"""A table that stays on disk: what reviews, explanations and pages ask of one, read when they ask."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import Hashes, canonicals, hash_column, hash_rows, plain
from dcai.base.identity import RowIndex
from dcai.base.kinds import Kind
from dcai.base.records import FINGERPRINT, Key, Scalar
from dcai.base.table import StandIn, Table
from dcai.findings.streaming.digests import Digests
from dcai.findings.streaming.sources import Source, to_frame

Rows = npt.NDArray[np.int64]

_LABEL_SHIFT = 32
_COLUMNS_KEPT = 2  # whole columns that stay in memory
_ROWS_KEPT = 256  # rows read one by one that stay in memory


class StoredFrame(StandIn):
    """What is asked of a frame, answered from files: names, types, some rows, one column at a time.

    Attributes
    ----------
    source : Source
        The files.
    held : pandas.DataFrame
        Rows that are kept in memory, those of findings; its index is their position.
    """

    def __init__(self, source: Source, held: pd.DataFrame) -> None:
        self.source, self.held = source, held
        self.columns = pd.Index(source.columns, dtype=object)
        self._columns: OrderedDict[str, pd.Series[Any]] = OrderedDict()
        self._rows: OrderedDict[int, pd.DataFrame] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.source)

    def __contains__(self, name: object) -> bool:
        """Say whether there is a column of that name."""
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        """Go through the names of the columns, as a frame does."""
        return iter(self.columns)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and of columns."""
        return len(self.source), len(self.columns)

    @cached_property
    def index(self) -> pd.RangeIndex:
        """The positions."""
        return pd.RangeIndex(len(self.source))

    @property
    def iloc(self) -> StoredRows:
        """The rows by position."""
        return StoredRows(self)

    @cached_property
    def dtypes(self) -> pd.Series[Any]:
        """The type of each column, as pandas reads it."""
        return self.held.iloc[:0].dtypes

    def __getitem__(self, name: str | list[str]) -> Any:
        """Read a whole column; the last few stay in memory."""
        if isinstance(name, list):
            return pd.DataFrame({one: self[one] for one in name})
        if name not in self._columns:
            if name not in self.columns:
                raise KeyError(name)
            self._columns[name] = self.source.read_column(name)
            while len(self._columns) > _COLUMNS_KEPT:
                self._columns.popitem(last=False)
        self._columns.move_to_end(name)
        return self._columns[name]

    def read(self, rows: Sequence[int] | npt.NDArray[np.integer]) -> pd.DataFrame:
        """Read some rows, in the order asked for; their index is their position."""
        asked = np.asarray(rows, dtype=np.int64)
        size = len(self.source)
        asked = np.where(asked < 0, asked + size, asked)
        if len(asked) and (asked.min() < 0 or asked.max() >= size):
            raise IndexError(f"rows outside 0..{size - 1}")
        lacking = np.setdiff1d(asked, self.held.index.to_numpy())
        if not len(lacking):
            return self.held.loc[asked]
        if len(asked) == 1:
            return self._read_one(int(asked[0]))
        read = self.source.read_frame(lacking).set_axis(pd.Index(lacking), axis=0)
        return pd.concat([self.held.loc[np.intersect1d(asked, self.held.index.to_numpy())], read]).loc[asked]

    def _read_one(self, row: int) -> pd.DataFrame:
        if row not in self._rows:
            self._rows[row] = self.source.read_frame(np.array([row])).set_axis(pd.Index([row]), axis=0)
            while len(self._rows) > _ROWS_KEPT:
                self._rows.popitem(last=False)
        return self._rows[row]


class StoredRows:
    """The rows of a stored frame, by position."""

    def __init__(self, frame: StoredFrame) -> None:
        self.frame = frame

    def __getitem__(self, rows: Any) -> Any:
        """Read a row as a series, or several as a frame."""
        if isinstance(rows, (int, np.integer)):
            return self.frame.read([int(rows)]).iloc[0]
        if isinstance(rows, slice):
            return self.frame.read(range(*rows.indices(len(self.frame))))
        asked = np.asarray(rows)
        return self.frame.read(np.flatnonzero(asked) if asked.dtype == np.bool_ else asked)


class StoredHashes:
    """Hashes of rows over some columns: one row is read when it is asked for, all are when they are taken as an array."""

    def __init__(self, frame: StoredFrame, names: Sequence[str]) -> None:
        self.frame, self.names = frame, tuple(names)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.frame)

    def __getitem__(self, rows: Any) -> Hashes:
        """Hash one row, shape (2,), or several, shape (m, 2)."""
        if isinstance(rows, (int, np.integer)):
            return np.asarray(hash_rows(self.frame.read([int(rows)]), self.names)[0])
        return hash_rows(self.frame.read(rows), self.names)

    @cached_property
    def whole(self) -> Hashes:
        """The hashes of all rows, which takes a while."""
        import pyarrow as pa

        found = np.zeros((len(self), 2), dtype=np.uint64)
        for start, batch in self.frame.source.read_batches(self.names) if self.names else ():
            its = to_frame(pa.Table.from_batches([batch]))
            found[start : start + batch.num_rows] = hash_rows(its, self.names)
        return found

    def __array__(self, dtype: Any = None, copy: Any = None) -> Hashes:
        """Return the hashes of all rows."""
        return self.whole if dtype is None else self.whole.astype(dtype)


class StoredIndex(RowIndex):
    """The rows of a stored table by their hashes; only rows that no finding is about cost a pass over the files."""

    def __init__(self, table: StoredTable) -> None:
        self.table = table
        super().__init__(table.row_hashes, table.label_hashes)

    @cached_property
    def _held(self) -> dict[tuple[int, int], int]:
        """The rows in memory by their hash."""
        held = self.table.stored.held
        hashes = hash_rows(held, self.table.identifying).tolist()
        return {(one, two): int(row) for (one, two), row in zip(hashes, held.index, strict=True)}

    @cached_property
    def _whole(self) -> RowIndex:
        return RowIndex(np.asarray(self.table.row_hashes), np.asarray(self.table.label_hashes))

    def find(self, lanes: tuple[int, int]) -> list[int]:
        """Return the rows that have a hash, in ascending order."""
        row = self._held.get(lanes)
        if row is None:
            return self._whole.find(lanes)
        like = self.table.twins.get(int(self.table.digests[row]), np.array([row]))
        hashes = hash_rows(self.table.stored.read(like), self.table.identifying).tolist()
        return [int(r) for r, (one, two) in zip(like, hashes, strict=True) if (one, two) == lanes]

    def label(self, row: int) -> str:
        """Write the first digits of the hash of a row's label."""
        return f"{int(self.labels[row][0]) >> _LABEL_SHIFT:08x}"

    def mark(self, rows: npt.NDArray[np.integer]) -> list[str]:
        """Write the fingerprints of some rows."""
        return self.table.mark_rows(rows)


@dataclass(frozen=True, eq=False)
class StoredTable(Table):
    """A table whose rows stand in files.

    Attributes
    ----------
    digests : array of uint64, shape (n,)
        What tells equal rows: a digest of every row over the columns that identify it.
    label_digests : array of uint64, shape (n,)
        A digest of every row's label.
    known_kinds : mapping of str to str
        The kind of each column, judged by a sample.
    """

    digests: Digests = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    label_digests: Digests = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    known_kinds: Mapping[str, Kind] = field(default_factory=dict)

    @property
    def stored(self) -> StoredFrame:
        """The frame, as what it is."""
        frame: Any = self.frame
        assert isinstance(frame, StoredFrame)
        return frame

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The kind of every column."""
        return self.known_kinds

    @property
    def content(self) -> npt.NDArray[np.uint64]:
        """What the rows are, for the hash of an audit, shape (n, 2)."""
        return np.column_stack([self.digests, self.label_digests])

    @cached_property
    def row_hashes(self) -> Hashes:
        """Hash of every row over all columns but the label, shape (n, 2): made for the rows that are asked for."""
        hashes: Any = StoredHashes(self.stored, self.identifying)
        return hashes  # type: ignore[no-any-return]  # it answers as the array does

    @cached_property
    def label_hashes(self) -> Hashes:
        """Hash of every row's label cell, shape (n, 2); zeros where there is no label column."""
        hashes: Any = StoredHashes(self.stored, () if self.label is None else (self.label,))
        return hashes  # type: ignore[no-any-return]  # likewise

    @cached_property
    def index(self) -> RowIndex:
        """The rows by their hashes."""
        return StoredIndex(self)

    @cached_property
    def twins(self) -> dict[int, Rows]:
        """The rows that another one agrees with in all columns but the label, by digest."""
        from dcai.findings.streaming.survey import find_repeated

        rows = find_repeated(self.digests)
        order = rows[np.argsort(self.digests[rows], kind="stable")]
        values, starts = np.unique(self.digests[order], return_index=True)
        return dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True)) if len(order) else {}

    def mark_rows(self, rows: npt.NDArray[np.integer]) -> list[str]:
        """Write the fingerprints of some rows: what `Table.fingerprints` says, made from these rows and their twins alone."""
        asked = np.asarray(rows, dtype=np.int64)
        groups = [self.twins.get(digest) for digest in self.digests[asked].tolist()]
        with_twins = np.unique(np.concatenate([asked, *(g for g in groups if g is not None)]))
        frame = self.stored.read(with_twins)
        labels = np.zeros((len(frame), 2), dtype=np.uint64)
        if self.label is not None:
            labels = hash_column(self.label, frame[self.label])
        index = RowIndex(hash_rows(frame, self.identifying), labels)
        return index.mark(np.searchsorted(with_twins, asked))

    def keys_of(self, rows: Sequence[int]) -> list[Key]:
        """Return the keys of some rows, as objects of plain scalars; only these are made."""
        places = np.asarray(rows, dtype=np.int64)
        if not len(places):
            return []
        if not self.key:
            return [{FINGERPRINT: text} for text in self.mark_rows(places)]
        frame = self.stored.read(places)
        columns = [[plain(v) for v in frame[name]] for name in self.key]
        return [dict(zip(self.key, cells, strict=True)) for cells in zip(*columns, strict=True)]

    def cell(self, row: int, column: str) -> Scalar:
        """Return one cell as a plain scalar."""
        return plain(self.stored.read([row])[column].iloc[0])

    def take(self, rows: npt.NDArray[np.intp]) -> Table:
        """Return some rows as a table in memory."""
        return Table(self.stored.read(rows), self.label, self.key, self.hidden, self.name, self.groups)


def check_stored_key(source: Source, key: Sequence[str], digests: Digests) -> None:
    """Refuse key columns that hold missing values or do not tell the rows apart."""
    from dcai.findings.streaming.survey import find_repeated

    named = ", ".join(map(repr, key))
    for name in key:
        empty = 0
        for _, batch in source.read_batches([name]):
            column = batch.column(0)
            empty += int(column.null_count) or int(pd.isna(canonicals(to_series(column))).sum())
        if empty:
            raise InputError(f"The key {named} is missing in {empty:,} rows. A key must be there in every row.")
    twice = find_repeated(digests)
    if len(twice):
        value = [plain(v) for v in source.read_frame(twice[:1], key).iloc[0]]
        raise InputError(
            f"The key {named} does not tell the rows apart: {len(twice):,} rows share theirs, for example {value!r:.80}. "
            "Add a column to the key, or leave the key out to identify rows by their content."
        )


def to_series(column: Any) -> pd.Series[Any]:
    """Turn an Arrow array into the series that pandas reads."""
    return pd.Series(column.to_pandas())


def refuse_stored(table: Table, what: str) -> None:
    """Refuse what needs all rows of an audit in memory."""
    if isinstance(table, StoredTable):
        raise InputError(
            f"{what} needs all rows in memory, and this audit has left them on disk ({table.name!r}). Load a part of them, "
            "audit that, and try again; or audit with a larger memory=."
        )
