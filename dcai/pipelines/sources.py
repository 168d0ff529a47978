"""The files that a pipeline's code stands in: its notebook, its manifest, its lock, and the repository's own modules."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dcai.pipelines import documents
from dcai.pipelines.names import relative_to_root

_MOST_MODULES = 500


def find_sources(notebook: Any, named: Iterable[Path], root: Path) -> list[str]:
    """Return the code's files relative to the root: those named that exist, and every module of the root that is imported.

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
    trees = [parsed[0] for c in notebook.cells if c.cell_type == "code" and (parsed := documents.parse_cell(c.source))]
    found: dict[Path, None] = {}
    waiting = [p for tree in trees for p in _imported(tree, root, root)]
    while waiting and len(found) < _MOST_MODULES:
        path = waiting.pop(0)
        if path in found:
            continue
        found[path] = None
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, ValueError, OSError):
            continue  # a module that cannot be read imports nothing; its own content is hashed all the same
        waiting += _imported(tree, root, path.parent)
    return list(found)


def _imported(tree: ast.AST, root: Path, here: Path) -> Iterator[Path]:
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
