"""Other defaults in a notebook's parameters cell: written where the old ones stand, and nowhere else."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from dcai.base.errors import InputError
from dcai.base.records import NotebookParameters, Parameter
from dcai.pipelines.notebooks.bindings import assignments
from dcai.pipelines.notebooks.documents import is_python
from dcai.pipelines.notebooks.injection import expression_of
from dcai.pipelines.notebooks.parameters import defaults_of, find_in


def set_defaults(
    notebook: Any, found: NotebookParameters, values: Mapping[str, Any]
) -> tuple[Any, NotebookParameters, list[str]]:
    """Return a copy of a notebook whose parameters cell assigns these defaults, and the names for which it could not.

    A default is written only where the notebook, read again, says exactly that: every other parameter keeps its own.

    Parameters
    ----------
    notebook : NotebookNode
        The notebook; it is not changed.
    found : NotebookParameters
        What `find_in` found in it.
    values : mapping of str to object
        Plain values by parameter name.

    Examples
    --------
    >>> import nbformat.v4 as v4
    >>> cell = v4.new_code_cell("rate = 0.1  # of learning", metadata={"tags": ["parameters"]})
    >>> notebook = v4.new_notebook(cells=[cell])
    >>> set_defaults(notebook, find_in(notebook, "n.ipynb"), {"rate": 0.7})[0].cells[0].source
    'rate = 0.7  # of learning'
    """
    copied, left = copy.deepcopy(notebook), []
    schemas = {p.name: p for p in found.parameters}
    for name, value in values.items():
        if found.cell is None or not is_python(copied):
            left.append(name)
            continue
        cell = copied.cells[found.cell]
        before, text = cell.source, _rewrite(cell.source, schemas[name], value)
        cell.source = before if text is None else text
        again = find_in(copied, found.notebook)
        if text is not None and defaults_of(again) == {**defaults_of(found), name: value}:
            found = again
        else:
            cell.source = before
            left.append(name)
    return copied, found, left


def _rewrite(source: str, one: Parameter, value: Any) -> str | None:
    """Return a cell's source with another default of one parameter; None where its place cannot be told."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None  # a cell with magics
    bound = [a for a in assignments(tree) if a.name == one.name]
    if not bound:
        return None
    old, annotation = bound[-1].value, bound[-1].annotation
    text = _text_of(one, value, old)
    place = annotation if old is None else old
    if text is None or place is None or place.end_lineno is None or place.end_col_offset is None:
        return None
    start = _offset(source, place.lineno, place.col_offset)
    end = _offset(source, place.end_lineno, place.end_col_offset)
    data = source.encode()
    new = data[start:end] + b" = " + text.encode() if old is None else text.encode()
    return (data[:start] + new + data[end:]).decode()


def _offset(source: str, line: int, column: int) -> int:
    """Return the position in bytes of what the parser counts by lines, and by bytes within them."""
    lines = source.encode().split(b"\n")
    return sum(len(one) + 1 for one in lines[: line - 1]) + column


def _text_of(one: Parameter, value: Any, old: ast.expr | None) -> str | None:
    """Return the expression of a value; dates, paths and decimals are made as the old default was made."""
    python = one.schema.get("x-python")
    if isinstance(value, str) and python in ("date", "datetime", "path", "Decimal"):
        if isinstance(old, ast.Constant) and isinstance(old.value, str):
            return repr(value)
        if not isinstance(old, ast.Call):
            return None
        return f"{ast.unparse(old.func)}({_arguments(str(python), value)})"
    try:
        return ast.unparse(ast.fix_missing_locations(expression_of(one.schema, value)))
    except InputError:
        return None


def _arguments(python: str, value: str) -> str:
    if python == "date":
        day = date.fromisoformat(value)
        return f"{day.year}, {day.month}, {day.day}"
    if python == "datetime":
        moment = datetime.fromisoformat(value)
        return ", ".join(map(str, (*moment.timetuple()[:6], *([moment.microsecond] if moment.microsecond else []))))
    return repr(value)
