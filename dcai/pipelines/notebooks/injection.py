"""Values into a notebook: as data, in one cell that is built from plain scalars and never pasted together."""

from __future__ import annotations

import ast
import copy
import keyword
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, shorten
from dcai.base.records import NotebookParameters
from dcai.pipelines.masking import MASK, SECRET, is_reference, resolve
from dcai.pipelines.notebooks import schemas
from dcai.pipelines.notebooks.documents import INJECTED, MINOR_WITH_IDS, is_python, is_tagged
from dcai.pipelines.notebooks.languages import write_assignment
from dcai.pipelines.notebooks.parameters import find_in

# The calls that rebuild a value from its text, by `x-python`: module, and the way to the callable.
_REBUILT = {
    "date": ("datetime", ("date", "fromisoformat")),
    "datetime": ("datetime", ("datetime", "fromisoformat")),
    "Decimal": ("decimal", ("Decimal",)),
    "path": ("pathlib", ("Path",)),
}


def inject(
    notebook: Any,
    values: Mapping[str, Any],
    parameters: NotebookParameters | None = None,
    *,
    also: Mapping[str, str] | None = None,
) -> Any:
    r"""Return a copy of a notebook with a cell that sets `values`, directly after its parameters cell.

    The cell that an earlier run injected goes, also where there is nothing to set: the notebook's defaults hold then.

    Parameters
    ----------
    notebook : NotebookNode
        The notebook; it is not changed.
    values : mapping of str to object
        Plain values by parameter name (see `dcai.pipelines.notebooks.parameters.normalise`).
    parameters : NotebookParameters, optional
        The notebook's parameters where they are known already.
    also : mapping of str to str, optional
        Texts to set under names that the caller answers for, though the notebook does not have them.

    Raises
    ------
    InputError
        A name is no parameter of the notebook, or a value is not plain data.

    Examples
    --------
    >>> import nbformat.v4 as v4
    >>> cell = v4.new_code_cell("rate = 0.1", metadata={"tags": ["parameters"]})
    >>> inject(v4.new_notebook(cells=[cell]), {"rate": 0.5}).cells[1].source
    '# Parameters\nrate = 0.5'
    """
    found = parameters or find_in(notebook, "the notebook")
    known = {p.name: p for p in found.parameters}
    lines: list[str] = []
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if not isinstance(name, str) or name not in known or not name.isidentifier() or keyword.iskeyword(name):
            raise InputError.unknown_name("parameter", name, known)
        schema = known[name].schema
        plain[name] = schemas.to_plain(schema, value)
        if is_python(notebook):
            expression = _secret(name) if _is_secret(schema) else expression_of(schema, plain[name])
            lines.append(_assignment(name, expression))
        else:
            lines.append(write_assignment(notebook, name, plain[name], secret=_is_secret(schema)))
    for name, text in (also or {}).items():
        if is_python(notebook):
            lines.append(_assignment(name, ast.Constant(str(text))))
        else:
            lines.append(write_assignment(notebook, name, str(text)))
    return _with_cell(notebook, found.cell, lines, {**mask(found, plain), **(also or {})})


def given_to(notebook: Any) -> dict[str, Any]:
    """Return the values that papermill has injected; what its metadata says counts only with its cell."""
    given = notebook.metadata.get("papermill", {}).get("parameters") or {}
    return dict(given) if any(is_tagged(c, INJECTED) for c in notebook.cells) else {}


def _assignment(name: str, expression: ast.expr) -> str:
    return ast.unparse(ast.fix_missing_locations(ast.Assign([ast.Name(name, ast.Store())], expression, lineno=1)))


def mask(parameters: NotebookParameters, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as they may be written down: secrets are replaced by a mark, references to them stay."""
    hidden = {p.name for p in parameters.parameters if _is_secret(p.schema)}
    return {n: MASK if n in hidden and not is_reference(v) else v for n, v in values.items()}


def secrets_of(parameters: NotebookParameters, values: Mapping[str, Any], folder: Path | None = None) -> dict[str, str]:
    """Return the environment that carries the secrets among the values into the kernel.

    A secret may be given as where it stands: `env:NAME`, `file:PATH` (relative to `folder`, else to the current one).
    """
    hidden = {p.name for p in parameters.parameters if _is_secret(p.schema)}
    here = folder or Path.cwd()
    return {SECRET + n: resolve(n, str(v), os.environ, here) for n, v in values.items() if n in hidden}


def _is_secret(schema: Mapping[str, Any]) -> bool:
    return schema.get("x-python") == "secret"


def _with_cell(notebook: Any, after: int | None, lines: list[str], plain: dict[str, Any]) -> Any:
    import nbformat

    copied = copy.deepcopy(notebook)
    place = 0 if after is None else 1 + sum(not is_tagged(c, INJECTED) for c in copied.cells[:after])
    copied.cells = [c for c in copied.cells if not is_tagged(c, INJECTED)]
    if lines:
        cell = nbformat.v4.new_code_cell("\n".join(["# Parameters", *lines]), metadata={"tags": [INJECTED]})
        cell["id"] = _free_id(copied)
        if copied.nbformat_minor < MINOR_WITH_IDS:
            del cell["id"]
        copied.cells.insert(place, cell)
    before = copied.metadata.get("papermill", {})
    copied.metadata["papermill"] = nbformat.from_dict(dict(before) | {"parameters": plain})
    return copied


def _free_id(notebook: Any) -> str:
    taken = {c.get("id") for c in notebook.cells}
    return next(i for i in (INJECTED, *(f"{INJECTED}-{n}" for n in range(len(taken)))) if i not in taken)


def _secret(name: str) -> ast.expr:
    environ = ast.Attribute(_module("os"), "environ", ast.Load())
    return ast.Subscript(environ, ast.Constant(SECRET + name), ast.Load())


def _module(name: str) -> ast.expr:
    # An import statement would bind a name in the notebook, perhaps over one of its own.
    return ast.Call(ast.Name("__import__", ast.Load()), [ast.Constant(name)], [])


def expression_of(schema: Mapping[str, Any], value: Any) -> ast.expr:
    """Build the expression of a plain value, rebuilt as the Python type that the schema names."""
    if "anyOf" in schema:
        fitting = [o for o in schema["anyOf"] if schemas.problem_of("value", o, value) is None]
        return expression_of(fitting[0] if fitting else {}, value)
    python = schema.get("x-python")
    if isinstance(value, str) and python in _REBUILT and schemas.problem_of("value", schema, value) is None:
        module, way = _REBUILT[python]
        function = _module(module)
        for step in way:
            function = ast.Attribute(function, step, ast.Load())
        return ast.Call(function, [ast.Constant(value)], [])
    if isinstance(value, list):
        items = [expression_of(schemas.item_schema(schema, i), v) for i, v in enumerate(value)]
        return ast.Tuple(items, ast.Load()) if python == "tuple" else ast.List(items, ast.Load())
    if isinstance(value, dict):
        inner = schema.get("additionalProperties")
        values = [expression_of(inner if isinstance(inner, dict) else {}, v) for v in value.values()]
        return ast.Dict([expression_of({}, k) for k in value], values)
    if type(value) in (str, bool, int, type(None)) or (type(value) is float and value - value == 0):
        return ast.Constant(value)
    raise InputError(
        f"Only plain data can be injected: text, finite numbers, lists, mappings. Got {shorten(repr(value))}."
    )
