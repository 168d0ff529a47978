"""Which names a cell needs from the cells before it, and which it gives to those after it; by syntax alone."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dcai.pipelines.notebooks.bindings import touched_names
from dcai.pipelines.notebooks.magics import way_to_kernel

# What a notebook's kernel gives to every cell.
GIVEN = frozenset(dir(builtins)) | {
    "get_ipython", "display", "In", "Out", "exit", "quit", "_", "__", "___", "_i", "_ii", "_iii", "_ih", "_oh", "_dh",
    "__name__", "__doc__", "__file__", "__session__", "__builtins__", "__annotations__",
    "dbutils", "displayHTML",  # of a hosted kernel; nothing that can be imported has them
}  # fmt: skip
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# After one of these nobody can tell by syntax which names exist.
_OPAQUE_CALLS = frozenset(["exec", "eval", "globals", "locals", "vars"])
_SHELLS = frozenset(["system", "getoutput"])
_MAGICS = frozenset(["run_line_magic", "run_cell_magic"])


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
        given = set(touched_names(statement)) | set(_named_by_decorators(statement))
        # Inside one statement (a loop, a `with`) order says little: what it binds counts as bound.
        scope.needs += [n for n in _needs(statement, frozenset()) if n.name not in scope.gives | given]
        scope.needs += [n for n in _updates(statement) if n.name not in scope.gives]
        scope.gives |= given
        scope.opaque |= _is_opaque(statement)
    return scope


def _named_by_decorators(statement: ast.stmt) -> Iterator[str]:
    """Yield the names in the texts of decorators: some bind what they make under such a name."""
    for decorator in getattr(statement, "decorator_list", []):
        texts = (n.value for n in ast.walk(decorator) if isinstance(n, ast.Constant))
        yield from (text for text in texts if isinstance(text, str) and text.isidentifier())


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
    elif isinstance(node, ast.ClassDef):
        own = bound | {name for s in node.body for name in touched_names(s)} | {"__class__"}
        for child in [*node.decorator_list, *node.bases, *node.keywords]:
            yield from _needs(child, bound, late=late)
        for child in node.body:
            yield from _needs(child, own, late=late)
    else:
        if isinstance(node, _COMPREHENSIONS):
            bound |= {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        for part in _reading_parts(node):
            yield from _needs(part, bound, late=late)


def _reading_parts(node: ast.AST) -> Iterable[ast.AST]:
    """Return the parts of a node where a missing name would be an error."""
    if isinstance(node, (ast.Try, ast.TryStar)) and any(map(_expects_no_name, node.handlers)):
        return [*node.handlers, *node.orelse, *node.finalbody]
    if isinstance(node, ast.If) and isinstance(node.test, ast.Constant) and not node.test.value:
        return node.orelse
    if isinstance(node, ast.AnnAssign):
        # An annotation alone binds nothing and is not run in a function; a missing name in one is seldom an error.
        return filter(None, [node.value, node.target if not isinstance(node.target, ast.Name) else None])
    return ast.iter_child_nodes(node)


def _expects_no_name(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler says itself that a name may be missing."""
    return handler.type is not None and "NameError" in ast.unparse(handler.type)


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
    """Tell whether a statement may give names that its syntax does not show."""
    star = any(isinstance(n, ast.ImportFrom) and any(a.name == "*" for a in n.names) for n in ast.walk(statement))
    return star or reads_unseen(statement)


def reads_unseen(tree: ast.AST) -> bool:
    """Tell whether code may read or bind names of the notebook that its syntax does not show."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        way = way_to_kernel(node)
        if way in _MAGICS and not _is_harmless_magic(node):
            return True
        if way is not None and way not in _MAGICS | _SHELLS:
            return True
        if isinstance(node.func, ast.Name) and node.func.id in _OPAQUE_CALLS:
            return True
    return False


# Magics that neither give nor take names.
_HARMLESS = frozenset(
    ["matplotlib", "config", "timeit", "time", "pip", "conda", "mamba", "uv", "cd", "env", "autoreload", "load_ext",
     "ls", "pwd", "reload_ext", "who", "whos", "precision", "xmode", "pinfo", "pinfo2", "html", "HTML", "javascript",
     "js", "latex", "markdown", "svg", "SVG", "bash", "sh", "script", "writefile", "file", "mkdir", "perl", "ruby",
     "cmd", "prun", "watermark", "history", "warnings"]
)  # fmt: skip


def _is_harmless_magic(call: ast.Call) -> bool:
    texts = [a.value for a in call.args if isinstance(a, ast.Constant)]
    # `%%bash --out x` gives the name x.
    return bool(texts) and texts[0] in _HARMLESS and not any("--" in str(t).partition("\n")[0] for t in texts[1:2])
