"""Which names a cell needs from the cells before it, and which it gives to those after it; by syntax alone."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field

from dcai.pipelines.bindings import touched_names

# What a notebook's kernel gives to every cell.
GIVEN = frozenset(dir(builtins)) | {
    "get_ipython", "display", "In", "Out", "exit", "quit", "_", "__", "___", "_i", "_ii", "_iii", "_ih", "_oh", "_dh",
    "__name__", "__doc__", "__file__", "__session__", "__builtins__", "__annotations__",
}  # fmt: skip
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# After one of these nobody can tell by syntax which names exist.
_OPAQUE_CALLS = frozenset(["exec", "eval", "globals", "locals", "vars", "run_line_magic", "run_cell_magic"])


@dataclass(frozen=True)
class Need:
    """A name that is read, and where; `late` names are read inside a function, when it is called."""

    name: str
    line: int
    late: bool


@dataclass
class Scope:
    """What one cell needs and gives; `opaque` where it may give names that its syntax does not show."""

    needs: list[Need] = field(default_factory=list)
    gives: set[str] = field(default_factory=set)
    opaque: bool = False


def read_scope(tree: ast.Module) -> Scope:
    """Read what a cell needs from outside and gives away, statement by statement.

    Examples
    --------
    >>> scope = read_scope(ast.parse("b = a; f = lambda: c"))
    >>> [(need.name, need.late) for need in scope.needs], sorted(scope.gives)
    ([('a', False), ('c', True)], ['b', 'f'])
    """
    scope = Scope()
    for statement in tree.body:
        given = set(touched_names(statement))
        # Inside one statement (a loop, a `with`) order says little: what it binds counts as bound.
        scope.needs += [n for n in _needs(statement, frozenset()) if n.name not in scope.gives | given]
        scope.needs += [n for n in _updates(statement) if n.name not in scope.gives]
        scope.gives |= given
        scope.opaque |= _is_opaque(statement)
    return scope


def _updates(statement: ast.stmt) -> Iterator[Need]:
    """Yield the name that `a += 1` reads."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        yield Need(statement.target.id, statement.lineno, late=False)


def _needs(node: ast.AST, bound: frozenset[str], *, late: bool = False) -> Iterator[Need]:
    """Yield the names that are read and not bound inside."""
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load) and node.id not in bound | GIVEN:
            yield Need(node.id, node.lineno, late)
    elif isinstance(node, _FUNCTIONS):
        yield from _needs_of_function(node, bound, late=late)
    elif isinstance(node, _COMPREHENSIONS):
        own = bound | {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        for child in ast.iter_child_nodes(node):
            yield from _needs(child, own, late=late)
    elif isinstance(node, ast.ClassDef):
        own = bound | {name for s in node.body for name in touched_names(s)} | {"__class__"}
        for child in [*node.decorator_list, *node.bases, *node.keywords]:
            yield from _needs(child, bound, late=late)
        for child in node.body:
            yield from _needs(child, own, late=late)
    elif isinstance(node, ast.AnnAssign):
        # An annotation alone binds nothing and is not run in a function; a missing name in one is seldom an error.
        for child in filter(None, [node.value, node.target if not isinstance(node.target, ast.Name) else None]):
            yield from _needs(child, bound, late=late)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _needs(child, bound, late=late)


def _needs_of_function(node: ast.AST, bound: frozenset[str], *, late: bool) -> Iterator[Need]:
    assert isinstance(node, _FUNCTIONS)
    arguments = node.args
    names = {a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    names |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
    body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else [*node.body]
    declared = {n for s in body for g in ast.walk(s) if isinstance(g, (ast.Global, ast.Nonlocal)) for n in g.names}
    if not isinstance(node, ast.Lambda):
        names |= ({name for s in body for name in touched_names(s)} - declared) | {node.name}
        for child in node.decorator_list:
            yield from _needs(child, bound, late=late)
    for child in [*arguments.defaults, *filter(None, arguments.kw_defaults)]:
        yield from _needs(child, bound, late=late)
    for part in body:
        yield from _needs(part, bound | names, late=True)


def _is_opaque(statement: ast.stmt) -> bool:
    for node in ast.walk(statement):
        if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names):
            return True
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in _OPAQUE_CALLS and not _is_harmless_magic(node):
                return True
    return False


# Line magics that give a cell no names.
_HARMLESS = frozenset(
    ["matplotlib", "config", "timeit", "time", "pip", "conda", "cd", "env", "autoreload", "load_ext", "ls", "pwd",
     "reload_ext", "who", "whos", "precision", "xmode", "pinfo", "pinfo2", "capture", "html", "bash", "sh", "writefile", "mkdir"]
)  # fmt: skip


def _is_harmless_magic(call: ast.Call) -> bool:
    first = call.args[0] if call.args else None
    return isinstance(first, ast.Constant) and first.value in _HARMLESS
