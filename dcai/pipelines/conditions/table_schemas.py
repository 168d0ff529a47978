"""Whether a table is what a pipeline declares of it: columns, types, empty cells, bounds, keys, number of rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcai.base.errors import InputError, MissingError, shorten

if TYPE_CHECKING:
    import pandas as pd

_TEXT_FILES = (".csv", ".tsv", ".txt")


def read_table(root: Path, name: str) -> pd.DataFrame:
    """Read a table that a manifest names: a CSV or Parquet file, or `FILE#TABLE` of an SQLite database.

    Raises
    ------
    MissingError, InputError
        It is not there, or cannot be read.

    Examples
    --------
    >>> read_table(Path("/absent"), "shop.sqlite#sales")
    Traceback (most recent call last):
        ...
    dcai.base.errors.MissingError: There is no file 'shop.sqlite' in /absent. Make it first.
    """
    file, hash_sign, table = name.partition("#")
    if not hash_sign:
        from dcai.base.table import read_file

        return read_file(root / name)
    import pandas as pd

    path = root / file
    if not path.is_file():
        raise MissingError(f"There is no file {file!r} in {root}. Make it first.")
    try:
        # Read only: looking at a database must not make its files.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            known = [
                row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
            ]
            if table not in known:
                raise InputError.unknown_name(f"table in {file!r}", table, known)
            quoted = table.replace('"', '""')
            return pd.read_sql_query(f'SELECT * FROM "{quoted}"', connection)  # noqa: S608 (a name that the database itself has given, quoted)
    except sqlite3.Error as error:
        raise InputError(f"{file!r} cannot be read as an SQLite database: {error}.") from error
    except pd.errors.DatabaseError as error:  # of a view that names what is gone
        raise InputError(f"{name!r} cannot be read: {shorten(str(error), 300)}.") from error


def find_problems(frame: pd.DataFrame, schema: Mapping[str, Any], *, is_text: bool = False) -> list[str]:
    """Say in what a table differs from its declared schema; values are not quoted, for they may be personal.

    Parameters
    ----------
    frame : DataFrame
        The table.
    schema : mapping
        `columns`, `extra`, `rows`, `unique`, see `dcai.pipelines.definitions.declarations`.
    is_text : bool
        The table comes from a text file, where a number may be meant as a text.

    Examples
    --------
    >>> import pandas as pd
    >>> find_problems(pd.DataFrame({"id": [1, 1]}), {"columns": {"id": "integer", "age": "integer"}, "unique": ["id"]})
    ["the column 'age' is missing", "2 rows share their 'id', first row 0"]
    """
    columns = schema.get("columns", {})
    found = [f"the column {shorten(repr(name), 60)} is missing" for name in columns if name not in frame.columns]
    for name, rule in columns.items():
        if name in frame.columns:
            stated = rule if isinstance(rule, Mapping) else {"type": rule}
            found += (
                f"{shorten(repr(name), 60)} {said}" for said in _find_in_column(frame[name], stated, is_text=is_text)
            )
    if schema.get("extra") is False and (extra := [str(c) for c in frame.columns if c not in columns]):
        found.append(f"columns that are not declared: {shorten(', '.join(map(repr, extra)))}")
    rows = schema.get("rows", {})
    if not rows.get("min", 0) <= len(frame) <= rows.get("max", len(frame)):
        found.append(f"{len(frame)} rows, expected {' and '.join(f'{k} {v}' for k, v in rows.items())}")
    unique = list(schema.get("unique", []))
    if unique and (gone := [c for c in unique if c not in frame.columns]):
        return [*found, f"the key column {gone[0]!r} is missing"]
    if unique and (twice := frame.duplicated(unique, keep=False)).any():
        first = int(twice.to_numpy().argmax())
        found.append(f"{int(twice.sum())} rows share their {', '.join(map(repr, unique))}, first row {first}")
    return found


def _find_in_column(column: pd.Series[Any], rule: Mapping[str, Any], *, is_text: bool) -> Iterator[str]:
    empty = column.isna()
    if rule.get("nullable", True) is False and empty.any():
        yield f"is empty in {int(empty.sum())} rows, first row {int(empty.to_numpy().argmax())}"
    there = column.reset_index(drop=True)[~empty.to_numpy()]
    kind = rule.get("type", "any")
    if there.empty:
        return
    fits = _fits(there, kind, is_text=is_text)
    if not fits.all():
        yield f"is no {kind} in {int((~fits).sum())} rows, first row {int(there.index[~fits][0])}"
    if "values" in rule:
        yield from _count(~there.isin(rule["values"]), "holds values that are not declared in")
    if "min" in rule or "max" in rule:
        import pandas as pd

        numbers = pd.to_numeric(there, errors="coerce")
        if "min" in rule:
            yield from _count(numbers < rule["min"], f"is below {rule['min']} in")
        if "max" in rule:
            yield from _count(numbers > rule["max"], f"is above {rule['max']} in")


def _count(wrong: pd.Series[bool], said: str) -> Iterator[str]:
    if wrong.any():
        yield f"{said} {int(wrong.sum())} rows, first row {int(wrong.index[wrong][0])}"


def _fits(there: pd.Series[Any], kind: str, *, is_text: bool) -> pd.Series[bool]:
    """Tell for each value (none is empty) whether it is of a declared type."""
    import pandas as pd
    from pandas.api import types

    every = pd.Series(data=True, index=there.index)
    if kind == "any" or (kind == "text" and is_text):
        return every
    is_str = there.map(lambda v: isinstance(v, str)).astype(bool)
    if kind == "text":
        return is_str
    if kind == "boolean":
        words = there.map(lambda v: is_text and isinstance(v, str) and v.strip().lower() in ("true", "false"))
        return every if types.is_bool_dtype(there.dtype) else there.isin([True, False]) & ~is_str | words.astype(bool)
    if kind == "date":
        if types.is_datetime64_any_dtype(there.dtype):
            return every
        dates = pd.to_datetime(there.where(is_str), errors="coerce", format="mixed", utc=True).notna()
        return dates | there.map(lambda v: hasattr(v, "isoformat")).astype(bool)
    if types.is_bool_dtype(there.dtype):
        return ~every
    numbers = pd.to_numeric(there if is_text else there.mask(is_str), errors="coerce")
    return numbers.notna() if kind == "number" else numbers.notna() & (numbers % 1 == 0)


def is_text_file(name: str) -> bool:
    """Tell whether a table's file holds text, and so no types.

    Examples
    --------
    >>> is_text_file("data/train.csv"), is_text_file("shop.sqlite#sales")
    (True, False)
    """
    return Path(name).suffix.lower() in _TEXT_FILES
