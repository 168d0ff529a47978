"""The files that a pipeline's code stands in: its notebook, its manifest, its lock, the repository's modules and scripts."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError
from dcai.pipelines.names import relative_to_root
from dcai.pipelines.notebooks import documents
from dcai.pipelines.notebooks.magics import parse_code, way_to_kernel

_MOST_MODULES = 500
# What opens or runs a file by its name; and the names of those that hold code.
_OPENERS, _CODE = frozenset(["open", "run_path", "Path"]), (".py", ".ipy", ".ipynb")


def find_sources(notebook: Any, named: Iterable[Path], root: Path) -> list[str]:
    """Return the code's files relative to the root: those named that exist, and what it imports or runs of the root.

    Examples
    --------
    >>> import nbformat.v4 as v4
    >>> find_sources(v4.new_notebook(), [], Path("/absent"))
    []
    """
    found = [relative_to_root(p, root) for p in named if p.exists()]
    if documents.is_python(notebook):
        found += (relative_to_root(p, root) for p in _modules_of(notebook, root))
    return list(dict.fromkeys(found))


def _modules_of(notebook: Any, root: Path) -> list[Path]:
    """Follow imports from the notebook's cells through files of the root; what is installed is the lock's affair."""
    found: dict[Path, None] = {}
    waiting = [p for tree in _trees(notebook.cells) for p in (*files_imported(tree, root, root), *_run(tree, root))]
    while waiting and len(found) < _MOST_MODULES:
        path = waiting.pop(0)
        if path in found:
            continue
        found[path] = None
        waiting += [p for tree in trees_of(path) for p in (*files_imported(tree, root, path.parent), *_run(tree, root))]
    return list(found)


def list_run(cells: Iterable[Any], root: Path) -> list[Path]:
    """Return the files of the root that cells run as if their lines stood there: by `%run`, `exec(open(...))`, `run_path`.

    Examples
    --------
    >>> list_run([], Path("/absent"))
    []
    """
    found: dict[Path, None] = {}
    waiting = [p for tree in _trees(cells) for p in _run(tree, root)]
    while waiting and len(found) < _MOST_MODULES:
        path = waiting.pop(0)
        if path not in found:
            found[path] = None
            waiting += [p for tree in trees_of(path) for p in _run(tree, root)]
    return list(found)


def _trees(cells: Iterable[Any]) -> list[ast.Module]:
    return [parsed[0] for c in cells if c.cell_type == "code" and (parsed := parse_code(c.source))]


def trees_of(path: Path) -> list[ast.Module]:
    """Parse a module, a script or a notebook; one that cannot be read imports nothing, and is hashed all the same."""
    try:
        if path.suffix == ".ipynb":
            return _trees(documents.read_notebook(path).cells)
        return [ast.parse(path.read_text("utf-8"))]
    except (SyntaxError, ValueError, OSError, InputError):
        return []


def _run(tree: ast.AST, root: Path) -> Iterator[Path]:
    """Yield the files that a tree runs by their names; only names that stand there as text can be told."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if way_to_kernel(node) == "run_line_magic" and texts[:1] == ["run"]:
            words = [w.strip("\"'") for t in texts[1:] for w in t.split() if not w.startswith("-")]
        elif name in _OPENERS:
            words = [t for t in texts[:1] if t.endswith(_CODE)]
        else:
            continue
        for path in (root / w if w.endswith(_CODE) else root / f"{w}.py" for w in words[:1]):
            if path.is_file():
                yield path


def files_imported(tree: ast.AST, root: Path, here: Path) -> Iterator[Path]:
    """Yield the files of the root that the imports in a tree load; `here` is the folder that relative ones mean."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_of(root, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            start = root if not node.level else here
            for _ in range(node.level - 1):
                start = start.parent
            parts = node.module.split(".") if node.module else []
            for alias in node.names:
                yield from _files_of(start, [*parts, alias.name])


def _files_of(start: Path, parts: list[str]) -> Iterator[Path]:
    """Yield the files that an import of a dotted name loads: of each package on the way, and of the module."""
    folder = start
    for part in parts:
        for path in (folder / part / "__init__.py", folder / f"{part}.py"):
            if path.is_file():
                yield path
        folder = folder / part
