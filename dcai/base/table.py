"""The one door for dataframes: reading, names, column kinds, row keys."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError, MissingError, shorten
from dcai.base.fingerprints import Hashes, canonicals, hash_column, hash_rows, plain
from dcai.base.identity import RowIndex
from dcai.base.kinds import Kind, kind_of
from dcai.base.obstacles import check_cells
from dcai.base.records import FINGERPRINT, Key, Scalar
from dcai.base.settings import find_settings

DELIMITERS = ",;\t|"


class StandIn:
    """What answers as a frame does without being one: names, types, some rows, a column at a time."""


@dataclass(frozen=True, eq=False)
class Table:
    """A frame with the roles of its columns. The frame is the caller's data and is never changed.

    Attributes
    ----------
    frame : pandas.DataFrame, shape (n, m)
        Column names are unique texts; the index is kept for display and never trusted as identity.
    label : str or None
        The column that holds the label.
    key : tuple of str
        The columns that identify a row; empty means that the fingerprint does.
    hidden : tuple of str
        Columns that are no features, such as single annotators' labels.
    name : str
        What the table is called: the stem of its file, else "table".
    groups : str or None
        The column that says which rows belong together (one patient, one user); it is no feature.
    """

    frame: pd.DataFrame
    label: str | None = None
    key: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    name: str = "table"
    groups: str | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.frame)

    @cached_property
    def kinds(self) -> Mapping[str, Kind]:
        """The kind of every column."""
        return {str(name): kind_of(self.frame[name]) for name in self.frame.columns}

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that a model may see: neither label nor key nor hidden, nor the groups."""
        apart = {self.label, *self.key, *self.hidden, self.groups}
        return tuple(str(c) for c in self.frame.columns if c not in apart)

    @property
    def identifying(self) -> tuple[str, ...]:
        """The columns of the fingerprint, sorted: all but the label."""
        return tuple(sorted(str(c) for c in self.frame.columns if c != self.label))

    @cached_property
    def row_hashes(self) -> Hashes:
        """Hash of every row over all columns but the label, shape (n, 2)."""
        return hash_rows(self.frame, self.identifying)

    @cached_property
    def label_hashes(self) -> Hashes:
        """Hash of every row's label cell, shape (n, 2); zeros where there is no label column."""
        if self.label is None:
            return np.zeros((len(self), 2), dtype=np.uint64)
        return hash_column(self.label, self.frame[self.label])

    @property
    def content(self) -> npt.NDArray[np.uint64]:
        """What the rows are, label and all, as numbers that do not depend on their order, shape (n, 4)."""
        return np.column_stack([self.row_hashes, self.label_hashes])

    @cached_property
    def index(self) -> RowIndex:
        """The rows by their hashes."""
        return RowIndex(self.row_hashes, self.label_hashes)

    @cached_property
    def fingerprints(self) -> list[str]:
        """The fingerprint of every row.

        32 hexadecimal digits where no other row agrees in all columns but the label. Among rows that agree,
        ``:LLLLLLLL:k/m`` follows: the first digits of the label's hash, and that this is the k-th (from 0) of the
        m rows that have this label too; then ``+LLLLLLLL*m`` for each other label among them.
        """
        return self.index.mark(np.arange(len(self)))

    @cached_property
    def keys(self) -> list[Key]:
        """The key of every row, as an object of plain scalars."""
        return self.keys_of(range(len(self)))

    def keys_of(self, rows: Sequence[int]) -> list[Key]:
        """Return the keys of some rows, as objects of plain scalars; only these are made."""
        places = np.asarray(rows, dtype=np.intp)
        if not self.key:
            return [{FINGERPRINT: text} for text in self.index.mark(places)]
        columns = [[plain(v) for v in self.frame[name].iloc[places]] for name in self.key]
        return [dict(zip(self.key, cells, strict=True)) for cells in zip(*columns, strict=True)]

    def hash_over(self, columns: Sequence[str]) -> Hashes:
        """Hash every row over some columns, shape (n, 2): what `hash_rows` says, made from the hashes known already."""
        left_out = [name for name in self.identifying if name not in columns]
        if len(left_out) >= len(columns):
            return hash_rows(self.frame, columns)
        with_label = self.label_hashes if self.label in columns else np.uint64(0)
        return self.row_hashes + with_label - hash_rows(self.frame, left_out)

    def take(self, rows: npt.NDArray[np.intp]) -> Table:
        """Return the table with its rows in another order, or some of them; hashes go with their rows."""
        taken = replace(self, frame=self.frame.iloc[rows])
        for name in ("row_hashes", "label_hashes"):
            if name in self.__dict__:
                taken.__dict__[name] = self.__dict__[name][rows]
        return taken

    def cell(self, row: int, column: str) -> Scalar:
        """Return one cell as a plain scalar."""
        return plain(self.frame[column].iloc[row])


def make_table(
    frame: Any,
    label: str | None = None,
    *,
    key: str | Sequence[str] | None = None,
    hidden: Sequence[str] = (),
    groups: str | None = None,
    caller: str = "audit",
) -> Table:
    """Check a frame and the roles of its columns.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame, pyarrow.Table, str or Path
        The data, or a path to a CSV or Parquet file.
    label : str, optional
        The column that holds the label.
    key : str or sequence of str, optional
        The column or columns that identify a row.
    hidden : sequence of str, optional
        Columns that are not features.
    groups : str, optional
        The column that says which rows belong together; it is not a feature either.
    caller : str
        Named in the errors.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        Where there are no rows, two columns of one name, no such column, or a key that is not one.

    Examples
    --------
    >>> make_table(pd.DataFrame({"x": [1, 2], "y": ["a", "b"]}), "y").features
    ('x',)
    """
    data = name_columns(read_frame(frame), caller)
    if not len(data):
        raise InputError(f"The frame of {caller} has no rows. Expected at least one row of data.")
    check_cells(data, caller)
    keys = (key,) if isinstance(key, str) else tuple(dict.fromkeys(str(k) for k in key or ()))
    for what, names in (
        ("label column", [label] if label is not None else []),
        ("key column", keys),
        ("column", hidden),
        ("group column", [groups] if groups is not None else []),
    ):
        for name in names:
            if str(name) not in data.columns:
                raise InputError.unknown_name(what, name, data.columns)
    label = None if label is None else str(label)
    if label in keys:
        raise InputError(f"The column {label!r} cannot be both label and key. Name another key, or none.")
    name = Path(frame).stem if isinstance(frame, (str, os.PathLike)) else "table"
    table = Table(data, label, keys, tuple(str(h) for h in hidden), name, None if groups is None else str(groups))
    if keys:
        check_key(data, keys)
    return table


def name_columns(frame: pd.DataFrame, caller: str = "audit") -> pd.DataFrame:
    """Return the frame with text names; two columns of one name are refused. The data is shared, not copied."""
    if isinstance(frame.columns, pd.MultiIndex):
        raise InputError(
            f"The frame of {caller} has column names of several levels. Flatten them first: "
            "frame.columns = ['_'.join(map(str, names)) for names in frame.columns]."
        )
    if not len(frame.columns):
        raise InputError(f"The frame of {caller} has no columns. Expected at least one column of data.")
    names = pd.Index([str(c) for c in frame.columns], dtype=object)
    check_names(names, f"The frame of {caller}")
    if all(isinstance(c, str) for c in frame.columns):
        return frame
    return frame.set_axis(names, axis=1)


def check_names(names: pd.Index[Any], what: str) -> None:
    """Refuse two columns of one name."""
    if names.has_duplicates:
        twice = ", ".join(repr(shorten(str(n), 60)) for n in names[names.duplicated()].unique()[:5])
        raise InputError(f"{what} has several columns named {twice}. Column names must be unique: rename them.")


def check_key(frame: pd.DataFrame, key: Sequence[str]) -> None:
    """Refuse key columns that hold missing values or do not tell the rows apart."""
    named = ", ".join(map(repr, key))
    texts = pd.DataFrame({name: canonicals(frame[name]) for name in key})
    empty = texts.isna().any(axis=1)
    if empty.any():
        where = int(np.flatnonzero(empty.to_numpy())[0])
        raise InputError(
            f"The key {named} is missing in {int(empty.sum())} rows, first in row {where}. A key must be there in every row."
        )
    twice = texts.duplicated(keep=False)
    if twice.any():
        where = np.flatnonzero(twice.to_numpy())[:2].tolist()
        sensitive = find_settings(Path.cwd()).sensitive
        shown = [plain(frame[name].iloc[where[0]]) for name in key if name not in sensitive]
        example = f"for example {shorten(repr(shown), 80)} in" if len(shown) == len(key) else "for example"
        raise InputError(
            f"The key {named} does not tell the rows apart: {int(twice.sum())} rows share theirs, {example} "
            f"rows {where}. Add a column to the key, or leave the key out to identify rows by their content."
        )


# ---------------------------------------------------------------- reading


def read_frame(source: Any) -> pd.DataFrame:
    """Read a frame from what a user may have: pandas, polars, pyarrow, or a path to CSV or Parquet.

    Raises
    ------
    MissingError
        Where the file does not exist.
    InputError
        Where it cannot be read as what its name says, or the object is no frame.
    """
    if isinstance(source, pd.DataFrame):
        return source
    if isinstance(source, StandIn):
        return source  # type: ignore[return-value]  # it answers as a frame does
    if isinstance(source, (str, os.PathLike)):
        return read_file(Path(source))
    import narwhals as nw

    names = getattr(source, "column_names", None)
    if isinstance(names, list):
        check_names(pd.Index(names, dtype=object), "The table")  # narwhals knows no table with two columns of one name
    native = nw.from_native(source, pass_through=True)
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    if not isinstance(native, nw.DataFrame):
        raise InputError(
            f"A frame must be a pandas, polars or pyarrow table, or a path to a CSV or Parquet file. Got {type(source).__name__} instead."
        )
    return native.to_pandas()


def read_file(path: Path) -> pd.DataFrame:
    """Read a CSV (any of the delimiters , ; tab |) or Parquet file, by its ending."""
    if not path.exists():
        raise MissingError(
            f"There is no file {str(path)!r}. Expected a CSV or Parquet file; relative paths start at {str(Path.cwd())!r}."
        )
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder. Expected a CSV or Parquet file.")
    if path.suffix.lower() in (".parquet", ".pq"):
        return _read_parquet(path)
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        raise InputError(f"{path.name!r} has the ending {path.suffix!r}. Expected .csv, .tsv, .txt or .parquet.")
    try:
        check_names(pd.Index(read_header(path)), repr(path.name))  # pandas would silently rename the second one
        with warnings.catch_warnings():
            # Without this pandas takes surplus cells for an index, and every name stands over the wrong column.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(path, sep=sniff_delimiter(path), encoding="utf-8-sig", low_memory=False, index_col=False)
    except pd.errors.ParserWarning as error:
        raise InputError(
            f"{path.name!r} has more cells in its records than names in its header. Give every column a name, or take out the surplus cells."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name!r} is not UTF-8 text ({error.reason} at byte {error.start}). Save it as UTF-8 and try again."
        ) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        raise InputError(
            f"{path.name!r} cannot be read as CSV: {str(error).strip()}. Open it in a text editor and mend what it says."
        ) from error


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa

    try:
        return pd.read_parquet(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path.name!r} cannot be read as Parquet: {shorten(str(error))}.") from error


def read_header(path: Path) -> list[str]:
    """Read the column names of a CSV file as they stand in it."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return next(csv.reader(stream, delimiter=sniff_delimiter(path)), [])


def sniff_delimiter(path: Path) -> str:
    """Find the delimiter of a CSV file: the candidate that occurs most in its header line, outside quotes."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        header = stream.readline(1_000_000)
    outside = "".join(header.split('"')[::2])
    best = max(DELIMITERS, key=outside.count)
    return best if best in outside else ","
