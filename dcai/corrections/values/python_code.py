"""Corrections as pandas code: values are written as literals, never pasted, so what a cell holds is never executed."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError, shorten
from dcai.base.fingerprints import plain
from dcai.corrections.values.cells import set_cells

HEAD = '''import datetime
import decimal

import pandas as pd


def correct(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of the frame with the corrections of {log} made."""
'''
_WIDTH = 8  # positions on a line

Rows = npt.NDArray[np.intp]


def write_code(name: str, frame: pd.DataFrame, edits: pd.DataFrame, dropped: Rows) -> str:
    """Write a function that makes in this frame what applying the log makes.

    A value that was corrected wherever its column holds it becomes one line about the value; other cells are named by
    their positions, and the function then refuses a frame of another length.
    """
    body = ["    result = frame.copy()"]
    placed = bool(len(dropped))
    names = {str(name): name for name in frame.columns}  # the edits name columns by their texts
    for column, cells in edits.groupby("column", sort=False):
        lines, by_place = _write_column(frame[names[str(column)]], cells["row"].to_numpy(np.intp), list(cells["value"]))
        body += ["", *(f"    {line}" for line in lines)]
        placed |= by_place
    if len(dropped):
        body += ["", "    gone = [", *_write_places(dropped), "    ]"]
        body.append("    result = result[~pd.Series(range(len(result)), index=result.index).isin(gone)]")
    check = [
        f"    if len(frame) != {len(frame)}:",
        f'        raise ValueError("Some corrections name rows by position: this needs the {len(frame)} rows of the audited frame.")',
    ]
    text = (
        HEAD.format(log=_inside_docstring(name))
        + "\n".join([*(check if placed else []), *body, "    return result"])
        + "\n"
    )
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _inside_docstring(name: str) -> str:
    """Write a file name so that it cannot end the docstring that it stands in."""
    return "".join(c if c.isalnum() or c in "._- " else "_" for c in name)


def _write_column(column: pd.Series[Any], rows: Rows, values: list[object]) -> tuple[list[str], bool]:
    """Write the lines for one column, and say whether some of them name positions."""
    changed = set_cells(column, rows, values)
    name = write_literal(column.name)
    lines = [f"column = result[{name}]{_write_cast(column, changed)}"]
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rows.tolist():
        groups[write_literal(column.iloc[row]), write_literal(changed.iloc[row])].append(row)
    rest: list[tuple[list[int], str]] = []
    for (before, after), places in groups.items():
        mask = column.isna() if before == "None" else _equal(column, column.iloc[places[0]])
        if mask is not None and np.array_equal(np.flatnonzero(mask), sorted(places)):
            where = f"frame[{name}].isna()" if before == "None" else f"frame[{name}] == {before}"
            lines.append(f"column.loc[{where}] = {after}")
        else:
            rest.append((places, after))
    for places, after in rest:
        lines += ["places = [", *(line[4:] for line in _write_places(places)), "]"]
        lines.append(f"column.iloc[places] = {after}")
    lines.append(f"result[{name}] = column")
    return lines, bool(rest)


def _equal(column: pd.Series[Any], value: Any) -> npt.NDArray[np.bool_] | None:
    """Return where a column equals a value, or None where comparing it with `==` says something else."""
    if isinstance(value, (str, bool, int, float, np.generic, pd.Timestamp, decimal.Decimal, dt.date)):
        return np.asarray((column == value).fillna(value=False), dtype=bool)
    return None


def _write_cast(column: pd.Series[Any], changed: pd.Series[Any]) -> str:
    """Write what makes room for the new values: another type where the old one cannot hold them."""
    before, after = column.dtype, changed.dtype
    if isinstance(after, pd.CategoricalDtype) and isinstance(before, pd.CategoricalDtype):
        new = [c for c in after.categories if c not in before.categories]
        return f".cat.add_categories([{', '.join(map(write_literal, new))}])" if new else ".copy()"
    return ".copy()" if before == after else f".astype({write_literal(str(after))})"


def _write_places(places: Sequence[int] | Rows) -> list[str]:
    known = [str(int(p)) for p in places]
    return [f"        {', '.join(known[i : i + _WIDTH])}," for i in range(0, len(known), _WIDTH)]


def write_literal(value: object) -> str:
    r"""Write a value as Python code that makes it again, and does nothing else.

    Examples
    --------
    >>> write_literal("a'); import os"), write_literal(np.int64(3)), write_literal(pd.NA)
    ('"a\'); import os"', '3', 'None')
    """
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        value = value.item()
    if value is None or (not isinstance(value, (list, tuple, dict, set, np.ndarray)) and plain(value) is None):
        return "None"
    if isinstance(value, str):
        return repr(str(value))
    if isinstance(value, (bool, int)):
        return repr(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f'float("{value}")'
    if isinstance(value, (pd.Timestamp, np.datetime64)):
        return f"pd.Timestamp({pd.Timestamp(value).isoformat()!r})"
    if isinstance(value, decimal.Decimal):
        return f"decimal.Decimal({str(value)!r})"
    if type(value) is dt.datetime:
        return f"datetime.datetime.fromisoformat({value.isoformat()!r})"
    if type(value) is dt.date:
        return f"datetime.date.fromisoformat({value.isoformat()!r})"
    raise InputError(
        f"A value of type {type(value).__name__} has no form in code: {shorten(repr(value), 80)}. Use frame.pipe(log.apply) instead."
    )
