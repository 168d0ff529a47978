"""The names that a cell binds, changes and reads, by its syntax alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_SERIES = (ast.Tuple, ast.List)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Assignment:
    """One name that a cell binds at its top level."""

    name: str
    annotation: ast.expr | None
    value: ast.expr | None
    line: int


def loaded_names(tree: ast.AST) -> set[str]:
    """Return the names that are read anywhere in a tree."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def assignments(tree: ast.Module) -> Iterator[Assignment]:
    """Yield the names that a cell binds at its top level, chained and tuple assignments included."""
    for statement in tree.body:
        yield from _assigned_by(statement)


def _assigned_by(statement: ast.stmt) -> Iterator[Assignment]:
    line = statement.end_lineno or statement.lineno
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield Assignment(statement.target.id, statement.annotation, statement.value, line)
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from _bound(target, statement.value, line)


def _bound(target: ast.expr, value: ast.expr, line: int) -> Iterator[Assignment]:
    if isinstance(target, ast.Name):
        yield Assignment(target.id, None, value, line)
    elif isinstance(target, _SERIES) and isinstance(value, _SERIES) and _is_one_to_one(target.elts, value.elts):
        for one, part in zip(target.elts, value.elts, strict=True):
            yield from _bound(one, part, line)


def changed_names(tree: ast.Module) -> set[str]:
    """Return the names that a cell changes after their last plain assignment: what that assigned is not what ran."""
    changed: set[str] = set()
    for statement in tree.body:
        changed = (changed | set(touched_names(statement))) - {
            a.name for a in _assigned_by(statement) if a.value is not None
        }
    return changed


def touched_names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement may bind, delete or change a part of, in the scope of its cell."""
    if isinstance(node, _SCOPES):
        yield node.name
        yield from (name for n in ast.walk(node) if isinstance(n, ast.Global) for name in n.names)
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    elif isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        yield from _root_name(node)
    children = [node.iter, *node.ifs] if isinstance(node, ast.comprehension) else ast.iter_child_nodes(node)
    for child in children:
        yield from touched_names(child)


def _root_name(node: ast.expr) -> Iterator[str]:
    """Yield `a` of `a`, `a.b` and `a[0].b`."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _is_one_to_one(targets: list[ast.expr], values: list[ast.expr]) -> bool:
    return len(targets) == len(values) and not any(isinstance(e, ast.Starred) for e in targets + values)
