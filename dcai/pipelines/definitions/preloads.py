"""Which modules a notebook's kernels may have imported before they begin: those whose import cannot come out another way."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcai.pipelines.definitions.sources import files_imported, trees_of
from dcai.pipelines.notebooks import documents
from dcai.pipelines.notebooks.magics import parse_code, way_to_kernel

# Line magics after which an import finds and does what it did before them.
_HARMLESS = frozenset(["matplotlib", "load_ext", "autoreload", "config", "time", "timeit", "precision", "xmode"])
# What changes an environment variable, and what changes where modules come from.
_SETTERS = frozenset(["setdefault", "update", "pop", "clear", "popitem", "__setitem__"])
_MOVERS = frozenset(["putenv", "unsetenv", "chdir", "load_dotenv", "reload", "exec", "run_path", "addsitedir"])
_PLACES = frozenset(["path", "modules", "meta_path", "path_hooks"])
_HIDING = {"os": frozenset(["environ", "chdir", "putenv", "unsetenv"]), "sys": _PLACES}


def find_preloads(notebook: Any, root: Path) -> list[str]:
    r"""Return the installed modules that a notebook imports, as `json` or `package:name` for `from package import name`.

    Its cells are followed in their order, through the modules of the root that they import, up to the first line on
    which a later import might depend: one that sets an environment variable, or changes where modules come from.

    Examples
    --------
    >>> import nbformat.v4 as v4
    >>> cells = [v4.new_code_cell("import numpy as np"), v4.new_code_cell("import os\nos.environ['X'] = '1'\nimport json")]
    >>> find_preloads(v4.new_notebook(cells=cells), Path("/absent"))
    ['numpy', 'os']
    """
    reading = _Reading(root)
    if documents.is_python(notebook):
        for cell in notebook.cells:
            if not documents.is_executable(cell):
                continue
            parsed = parse_code(cell.source)
            if parsed is None or not reading.follow(parsed[0].body, root):
                break
    return list(reading.found)


@dataclass
class _Reading:
    """What has been found so far, and which modules of the root have been followed."""

    root: Path
    found: dict[str, None] = field(default_factory=dict)
    followed: set[Path] = field(default_factory=set)

    def follow(self, statements: Iterable[ast.stmt], here: Path) -> bool:
        """Take up what statements import; False at one on which later imports might depend."""
        for one in statements:
            if _is_turning(one):
                return False
            if isinstance(one, (ast.Import, ast.ImportFrom)):
                if not self._take(one, here):
                    return False
            elif isinstance(one, (ast.Try, ast.With)) and not self.follow(one.body, here):
                return False
        return True

    def _take(self, statement: ast.Import | ast.ImportFrom, here: Path) -> bool:
        own = list(files_imported(statement, self.root, here))
        if not own and not getattr(statement, "level", 0):
            self.found |= dict.fromkeys(_names_in(statement))
        for path in own:
            if path not in self.followed:
                self.followed.add(path)
                if not all(self.follow(tree.body, path.parent) for tree in trees_of(path)):
                    return False
        return True


def _names_in(statement: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif statement.module is not None and statement.module != "__future__":
        for alias in statement.names:
            yield statement.module if alias.name == "*" else f"{statement.module}:{alias.name}"


def _is_turning(statement: ast.stmt) -> bool:
    """Tell whether later imports might do something else, or find another module, for what a statement does."""
    return any(_changes_environment(n) or _changes_places(n) for n in ast.walk(statement))


def _changes_environment(node: ast.AST) -> bool:
    if isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
        return _is_environment(node) or _is_environment(getattr(node, "value", None))
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    return node.func.attr in _SETTERS and _is_environment(node.func.value)


def _is_environment(node: ast.AST | None) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "environ") or (
        isinstance(node, ast.Name) and node.id == "environ"
    )


def _changes_places(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name == "sys" and alias.asname for alias in node.names)
    if isinstance(node, ast.ImportFrom):  # what is done by another name would not be seen
        names = _HIDING.get(node.module or "", frozenset())
        return any(alias.name in names and (alias.asname or node.module == "sys") for alias in node.names)
    if isinstance(node, ast.Attribute):
        return node.attr in _PLACES and isinstance(node.value, ast.Name) and node.value.id == "sys"
    if not isinstance(node, ast.Call):
        return False
    way = way_to_kernel(node)
    if way is not None:
        first = node.args[0] if node.args else None
        return way != "run_line_magic" or not isinstance(first, ast.Constant) or first.value not in _HARMLESS
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    return name in _MOVERS
