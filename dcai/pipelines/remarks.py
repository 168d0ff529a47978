"""What a person should know about the parameters of a notebook before relying on them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from dcai.base.records import Parameter, Problem
from dcai.pipelines import schemas
from dcai.pipelines.bindings import assignments, loaded_names

# Ends the source of a default that another statement of its cell changes, so that it is not what runs.
CHANGED = "  # changed again in its cell"


def remark_on(parameters: list[Parameter], trees: Mapping[int, tuple[ast.Module, str]], cell: int) -> list[Problem]:
    """Say what a person should know about each parameter, given the cells by their index and the parameters' cell."""
    own = {p.name for p in parameters}
    after = {i: tree for i, (tree, _) in sorted(trees.items()) if i > cell}
    read = set().union(*map(loaded_names, after.values()))
    # A magic or a shell line may read `{name}` and `$name` inside its text.
    texts = " ".join(
        n.value for t in after.values() for n in ast.walk(t) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    )
    problems = []
    for one in parameters:
        in_text = f"{{{one.name}" in texts or f"${one.name}" in texts
        problems += [
            Problem(code, cell + 1, None, text) for code, text in _remarks(one, own, read, after, in_text=in_text)
        ]
    return problems


def _remarks(
    one: Parameter, own: set[str], read: set[str], after: Mapping[int, ast.Module], *, in_text: bool
) -> Iterator[tuple[str, str]]:
    if not one.settable:
        yield (
            "unsettable-parameter",
            f"{one.name!r} {why_not_settable(one)}, so it cannot be set. Annotate it to make it settable.",
        )
    elif one.source.endswith(CHANGED):
        yield "changed-parameter", f"{one.name!r} is changed again in its cell, so its default is not known."
    if one.source and (own & loaded_names(ast.parse(one.source, mode="eval"))):
        yield (
            "derived-parameter",
            f"{one.name!r} is derived from other parameters before they are set. Move it to a later cell.",
        )
    elif one.name not in read and not in_text:
        yield "unread-parameter", f"{one.name!r} is never read after its cell, so setting it changes nothing."
    elif over := _overwritten(one.name, after):
        yield "overwritten-parameter", f"{one.name!r} is overwritten in cell {over + 1} before it is read."


def why_not_settable(one: Parameter) -> str:
    """Say what keeps a parameter without an annotation from being set."""
    is_data, value = schemas.default_of(ast.parse(one.source, mode="eval").body)
    if not is_data or schemas.is_json(schemas.to_plain({}, value)):
        return f"is computed ({one.source})"
    return f"has a default that JSON cannot hold ({one.source}; use text, numbers, lists, and mappings whose keys are text)"


def _overwritten(name: str, after: Mapping[int, ast.Module]) -> int | None:
    for index, tree in after.items():
        if any(a.name == name for a in assignments(tree)) and name not in loaded_names(tree):
            return index
        if name in loaded_names(tree):
            return None
    return None
