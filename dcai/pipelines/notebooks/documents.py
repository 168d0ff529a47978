"""Notebooks as files: read with clear errors, clean for git, find the cells that parameters live in."""

from __future__ import annotations

import ast
import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, MissingError, shorten
from dcai.pipelines.notebooks.schemas import is_json

PARAMETERS = "parameters"
INJECTED = "injected-parameters"
_SKIP = "skip-execution"
# Metadata of a pipeline's notebook: the defaults of its source where it has others, to tell edits by hand from them.
PROMOTED = "dcai"
# The first minor format of nbformat 4 whose cells have ids.
MINOR_WITH_IDS = 5
# Metadata that a front end or an execution leaves in a cell; it says nothing about the cell's meaning.
_TRACES = ("execution", "papermill", "ExecuteTime", "collapsed", "scrolled", "trusted")


def read_notebook(path: str | Path) -> Any:
    """Read a notebook file as an nbformat 4 node; what is not one is an error that says why.

    Examples
    --------
    >>> read_notebook("absent.ipynb")
    Traceback (most recent call last):
        ...
    dcai.base.errors.MissingError: There is no notebook file 'absent.ipynb'. Check the path.
    """
    source = Path(path)
    if not source.is_file():
        raise MissingError(f"There is no notebook file {str(source)!r}. Check the path.")
    try:
        raw = json.loads(source.read_text("utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise InputError(f"{source} is not a notebook: {shorten(str(error))}. Expected a .ipynb file.") from error
    return parse_notebook(raw, str(source))


def parse_notebook(raw: Any, where: str) -> Any:
    """Check the JSON form of a notebook and turn it into an nbformat node; cells without an id get a stable one."""
    import nbformat

    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list):
        raise InputError(f"{where} is not a notebook: it has no list of cells. Expected a .ipynb file of nbformat 4.")
    if raw.get("nbformat") != nbformat.current_nbformat:
        version = shorten(repr(raw.get("nbformat")))
        raise InputError(f"{where} has nbformat {version}, expected 4. Open it in JupyterLab and save it again.")
    if isinstance(raw.get("nbformat_minor"), int) and raw["nbformat_minor"] >= MINOR_WITH_IDS:
        _fill_ids(raw["cells"])
    try:
        node = nbformat.v4.reads(json.dumps(raw))
        nbformat.validate(node)
    except (nbformat.ValidationError, AttributeError, TypeError, KeyError) as error:
        # nbformat trips over cells that are no objects before the schema can say so
        first = shorten(str(error).strip().split("\n")[0], 200)
        raise InputError(
            f"{where} is not a valid notebook: {first}. Open it in JupyterLab and save it again."
        ) from error
    for number, cell in enumerate(node.cells, 1):
        if cell.cell_type == "code" and not is_json(cell.source):
            raise InputError(f"Cell {number} of {where} holds half a character (a lone surrogate). Type it again.")
    return node


def _fill_ids(cells: list[Any]) -> None:
    """Give cells without an id, or with a copied one, an id made from position and source: the same for the same file."""
    taken: set[str] = set()
    for index, cell in enumerate(cells):
        if isinstance(cell, dict) and ("id" not in cell or cell["id"] in taken):
            text = json.dumps([index, cell.get("source")])
            cell["id"] = hashlib.sha256(text.encode()).hexdigest()[:12]
        if isinstance(cell, dict) and isinstance(cell["id"], str):
            taken.add(cell["id"])


def write_notebook(notebook: Any) -> str:
    """Write a notebook as text, the same bytes for the same content."""
    import nbformat

    text = str(nbformat.writes(notebook)).rstrip("\n") + "\n"
    # UTF-8 has no form for a lone surrogate in a cell's output; JSON's own escape has.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def tags_of(cell: Any) -> list[str]:
    """Return a cell's tags; malformed ones count as none."""
    tags = cell.get("metadata", {}).get("tags", [])
    return [t for t in tags if isinstance(t, str)] if isinstance(tags, list) else []


def is_tagged(cell: Any, tag: str) -> bool:
    """Tell whether a cell carries a tag."""
    return tag in tags_of(cell)


def is_skipped(cell: Any) -> bool:
    """Tell whether a cell says of itself that a run leaves it out."""
    return is_tagged(cell, _SKIP)


def is_executable(cell: Any) -> bool:
    """Tell whether a cell is one that a run sends to its kernel."""
    return cell.cell_type == "code" and bool(cell.source.strip()) and not is_skipped(cell)


def clean_copy(notebook: Any, cell: int | None) -> Any:
    """Return a copy without outputs and traces of execution, whose cell number `cell` alone is tagged `parameters`."""
    import copy

    clean = copy.deepcopy(notebook)
    for index, one in enumerate(clean.cells):
        if one.cell_type == "code":
            one.outputs, one.execution_count = [], None
        for trace in _TRACES:
            one.metadata.pop(trace, None)
        tags = [t for t in tags_of(one) if t != PARAMETERS] + ([PARAMETERS] if index == cell else [])
        one.metadata.pop("tags", None)
        if tags:
            one.metadata["tags"] = tags
    clean.cells = [c for c in clean.cells if not is_tagged(c, INJECTED)]
    for trace in ("papermill", "widgets", "signature", PROMOTED):
        clean.metadata.pop(trace, None)
    return clean


def name_kernel(notebook: Any) -> None:
    """Write down the kernel of a notebook that names none: papermill refuses to guess it."""
    spec = notebook.metadata.setdefault("kernelspec", {})
    if not spec.get("name"):
        spec.update(name=kernel_of(notebook), display_name="Python 3", language="python")


def kernel_of(notebook: Any) -> str:
    """Return the name of the kernel that a notebook asks for; without one it is python3."""
    name = notebook.metadata.get("kernelspec", {}).get("name")
    return name if isinstance(name, str) and name else "python3"


def is_python(notebook: Any) -> bool:
    """Tell whether a notebook's cells are Python; a notebook that says nothing is."""
    spec, info = notebook.metadata.get("kernelspec", {}), notebook.metadata.get("language_info", {})
    return str(info.get("name") or spec.get("language") or "python").lower() in ("python", "ipython", "python3")


def parse_cell(source: str) -> tuple[ast.Module, str] | None:
    """Parse a cell, IPython's magics included; returns the tree and the plain Python, None where it is neither."""
    plain = _try_parse(source)
    if plain is not None:
        return plain, source
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        text = TransformerManager().transform_cell(source)
    except SyntaxError:
        return None
    tree = _try_parse(text)
    return None if tree is None else (tree, text)


def _try_parse(source: str) -> ast.Module | None:
    with warnings.catch_warnings():
        # Warnings about a user's string escapes belong to the user's own run of the cell, not to reading it.
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
