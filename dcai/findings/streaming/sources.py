"""Parquet on disk: which files, which columns, how large in memory; read in batches, by rows or by column."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dcai.base.errors import InputError, MissingError, shorten
from dcai.base.table import check_names
from dcai.findings.wording import name_some

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Rows = npt.NDArray[np.int64]

ENDINGS = (".parquet", ".pq")
BATCH_ROWS = 65_536
BUFFER = 1 << 20  # bytes of a file that are read at once: a row group may be as large as the file
# An audit in memory takes so many times the room of its frame: copies in canonical order, hashes, vectors (measured).
WORKING = 20
SHARE = 0.5  # of the memory that is free,
MOST_MEMORY = 4 * 2**30  # and at most this much, is taken without being asked
TEXT_OVERHEAD = 16
STREAMED_BYTES = 64  # of hashes, scores and masks for each row that is read in batches (measured)
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?B?)\s*\Z", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Source:
    """Parquet files of one schema, in the order of their names, as one long table.

    Attributes
    ----------
    path : Path
        The file, or the folder that holds the files.
    files : tuple of Path
        In the order in which their rows are counted.
    schema : pyarrow.Schema
        The columns, without a stored index.
    groups : tuple of (file, row group, first row, rows)
        Where each stretch of rows stands.
    size : int
        The bytes of the columns, decoded.
    """

    path: Path
    files: tuple[Path, ...]
    schema: pa.Schema
    groups: tuple[tuple[int, int, int, int], ...]
    size: int

    def __len__(self) -> int:
        """Return the number of rows."""
        return sum(group[3] for group in self.groups)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.schema.names)

    @property
    def need(self) -> int:
        """The bytes that an audit in memory would take, estimated from what the files say of themselves."""
        return WORKING * self.size

    def read_batches(
        self, columns: Sequence[str] | None = None, groups: Sequence[int] | None = None
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Read batches of rows with the position of their first, one thread, a bounded number of bytes at a time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = self.columns if columns is None else list(columns)
        wanted = range(len(self.groups)) if groups is None else groups
        by_file: dict[int, list[int]] = {}
        for place in wanted:
            by_file.setdefault(self.groups[place][0], []).append(place)
        for file, places in by_file.items():
            try:
                with pq.ParquetFile(self.files[file], buffer_size=BUFFER, pre_buffer=False) as opened:
                    for place in places:
                        _, group, start, _ = self.groups[place]
                        for batch in opened.iter_batches(BATCH_ROWS, [group], names, use_threads=False):
                            yield start, batch.select(names)
                            start += batch.num_rows
            except (pa.ArrowInvalid, OSError) as error:
                raise InputError(f"{self.files[file].name!r} cannot be read: {shorten(str(error))}.") from error

    def read_rows(self, rows: npt.NDArray[np.integer], columns: Sequence[str] | None = None) -> pa.Table:
        """Read some rows, in the order asked for."""
        import pyarrow as pa

        names = self.columns if columns is None else list(columns)
        asked, back = np.unique(np.asarray(rows, dtype=np.int64), return_inverse=True)
        starts = np.array([group[2] for group in self.groups], dtype=np.int64)
        needed = np.unique(np.searchsorted(starts, asked, "right") - 1).tolist()
        schema = pa.schema([self.schema.field(name) for name in names])
        parts = [pa.RecordBatch.from_pylist([], schema=schema)]
        for start, batch in self.read_batches(names, needed):
            low, high = np.searchsorted(asked, [start, start + batch.num_rows])
            if high > low:
                parts.append(batch.take(pa.array(asked[low:high] - start)))
        return pa.Table.from_batches(parts, schema).take(pa.array(back.ravel()))

    def read_frame(self, rows: npt.NDArray[np.integer], columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read some rows as a frame, in the order asked for."""
        return to_frame(self.read_rows(rows, columns))

    def read_column(self, name: str) -> pd.Series[Any]:
        """Read one whole column."""
        import pyarrow as pa

        schema = pa.schema([self.schema.field(name)])
        return to_frame(pa.Table.from_batches([batch for _, batch in self.read_batches([name])], schema))[name]

    def read_whole(self) -> pd.DataFrame:
        """Read all rows."""
        import pyarrow as pa

        return to_frame(pa.Table.from_batches([batch for _, batch in self.read_batches()], self.schema))

    @cached_property
    def refused(self) -> list[str]:
        """The columns that no pass over batches can judge: lists, structs, bytes."""
        return [field.name for field in self.schema if not _is_flat(field.type)]


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Turn a table into the frame that reading the file with pandas gives."""
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas()
    return frame


def _is_flat(kind: pa.DataType) -> bool:
    import pyarrow.types as at

    if at.is_dictionary(kind):
        return _is_flat(kind.value_type)
    return not (at.is_nested(kind) or at.is_binary(kind) or at.is_large_binary(kind) or at.is_fixed_size_binary(kind))


def is_stored(frame: object) -> bool:
    """Say whether a frame is named by a path to Parquet: a file, or a folder."""
    if not isinstance(frame, (str, os.PathLike)):
        return False
    path = Path(frame)
    return path.is_dir() or (path.suffix.lower() in ENDINGS and path.is_file())


def open_source(path: str | os.PathLike[str]) -> Source:
    """Read what Parquet files say of themselves: a file, or all Parquet files of a folder and the folders in it.

    Raises
    ------
    MissingError
        Where a folder holds no Parquet file.
    InputError
        Where a file is no Parquet, or its columns are not those of the first.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    root = Path(path)
    files = _list_files(root) if root.is_dir() else (root,)
    groups: list[tuple[int, int, int, int]] = []
    first: pa.Schema | None = None
    rows = size = 0
    for number, file in enumerate(files):
        try:
            with pq.ParquetFile(file) as opened:
                meta, schema = opened.metadata, opened.schema_arrow
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{file.name!r} cannot be read as Parquet: {shorten(str(error))}.") from error
        schema = _without_index(schema)
        check_names(_index(schema.names), repr(file.name))
        first = schema if first is None else _check_same(first, schema, files[0], file)
        for group in range(meta.num_row_groups):
            its = meta.row_group(group)
            groups.append((number, group, rows, its.num_rows))
            rows += its.num_rows
            size += _estimate_size(its, schema)
    assert first is not None
    if not len(first.names):
        raise InputError(f"{root.name!r} has no columns. Expected at least one column of data.")
    return Source(root, files, first, tuple(groups), size)


def _index(names: list[str]) -> Any:
    import pandas as pd

    return pd.Index(names, dtype=object)


def _list_files(folder: Path) -> tuple[Path, ...]:
    """List the Parquet files of a folder by name; hidden ones, and those that writers leave behind, are none."""
    inside = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
    files = tuple(p for p in inside if not any(part[0] in "._" for part in p.relative_to(folder).parts))
    if not files:
        raise MissingError(
            f"The folder {str(folder)!r} holds no Parquet file. Expected files that end in .parquet, all with the same columns."
        )
    return files


def _without_index(schema: pa.Schema) -> pa.Schema:
    """Leave out the columns in which pandas keeps an index."""
    kept = [field for field in schema if not re.fullmatch(r"__index_level_\d+__", field.name)]
    import pyarrow as pa

    return pa.schema([field.with_metadata(None) for field in kept])


def _check_same(first: pa.Schema, other: pa.Schema, one: Path, two: Path) -> pa.Schema:
    """Refuse a file whose columns are not those of the first."""
    ours, theirs = ({f.name: str(f.type) for f in schema} for schema in (first, other))
    if ours == theirs:
        return first
    told = [
        f"{name!r} is {ours[name]} and {theirs[name]}" for name in ours if theirs.get(name, ours[name]) != ours[name]
    ]
    for there, gone in ((one, set(theirs) - set(ours)), (two, set(ours) - set(theirs))):
        told += [f"{there.name!r} has no {name_some(sorted(gone))}"] if gone else []
    raise InputError(
        f"The files {one.name!r} and {two.name!r} do not have the same columns: {'; '.join(told)}. "
        "Expected the same names and types in every file of the folder: write them anew with one schema."
    )


def _estimate_size(group: Any, schema: pa.Schema) -> int:
    """Estimate the bytes of a row group, decoded: dictionaries make a column small on disk, not in memory."""
    total = 0
    for place in range(group.num_columns):
        its = group.column(place)
        path = its.path_in_schema
        name = path if path in schema.names else path.partition(".")[0]  # a list's elements stand below its name
        field = schema.field(name) if name in schema.names else None
        try:
            width = field.type.bit_width / 8 if field is not None else 0
        except ValueError:  # texts and lists have no width of their own
            width = TEXT_OVERHEAD
            total += its.total_uncompressed_size
        total += int(width * group.num_rows)
    return total


def read_memory(asked: object) -> int:
    """Read how much memory an audit may take: bytes, a text such as "2GB", or None for a part of what is free.

    Examples
    --------
    >>> read_memory("1.5 GB"), read_memory(4096)
    (1500000000, 4096)
    """
    if asked is None:
        import psutil

        return min(int(SHARE * psutil.virtual_memory().available), MOST_MEMORY)
    if isinstance(asked, (int, np.integer)) and not isinstance(asked, bool) and asked > 0:
        return int(asked)
    found = _SIZE.match(asked) if isinstance(asked, str) else None
    if found is not None and float(found[1]) > 0:
        unit = found[2].upper()
        return int(float(found[1]) * _UNITS[unit if unit in _UNITS else f"{unit}B"])
    raise InputError.wrong_value(
        "memory", "audit", 'a number of bytes, a text such as "2GB", or None for a part of what is free', asked
    )


def write_size(size: float) -> str:
    """Write a number of bytes for people.

    Examples
    --------
    >>> write_size(2_500_000_000), write_size(900)
    ('2.5 GB', '900 bytes')
    """
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} bytes"
