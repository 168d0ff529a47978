"""What a person should know about the parameters of a notebook before relying on them."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from dcai.base.records import Parameter, Problem
from dcai.pipelines.notebooks import schemas
from dcai.pipelines.notebooks.annotations import UNCHECKED
from dcai.pipelines.notebooks.bindings import loaded_names, touched_names
from dcai.pipelines.notebooks.magics import words_read
from dcai.pipelines.notebooks.scopes import reads_unseen

# Ends the source of a default that another statement of its cell changes, so that it is not what runs.
CHANGED = "  # changed again in its cell"


def remark_on(
    parameters: list[Parameter],
    trees: Mapping[int, tuple[ast.Module, str]],
    cell: int,
    words: Collection[str] = (),
) -> list[Problem]:
    """Say what a person should know about each parameter, given the cells by their index and the parameters' cell.

    `words` are further names that may be read after the parameters' cell.
    """
    return [problem for _, problem in _remarked(parameters, trees, cell, words)]


def warn_about(
    given: Collection[str],
    parameters: list[Parameter],
    trees: Mapping[int, tuple[ast.Module, str]],
    cell: int,
    words: Collection[str] = (),
) -> list[str]:
    """Say which of the values given to a run do not do what they seem to."""
    told = []
    for one, problem in _remarked(parameters, trees, cell, words):
        if one.name in given and problem.code in ("unread-parameter", "overwritten-parameter"):
            told.append(problem.message)
        elif one.name not in given and problem.code == "derived-parameter":
            sources = sorted(loaded_names(ast.parse(one.source, mode="eval")) & set(given))
            if sources:
                named = ", ".join(map(repr, sources))
                told.append(f"{one.name!r} was derived from {named} before the run set it, so it keeps its default.")
    return told


def _remarked(
    parameters: list[Parameter], trees: Mapping[int, tuple[ast.Module, str]], cell: int, words: Collection[str]
) -> Iterator[tuple[Parameter, Problem]]:
    own = {p.name for p in parameters if p.settable}
    after = {i: tree for i, (tree, _) in sorted(trees.items()) if i > cell}
    read = set(words).union(*map(loaded_names, after.values()), *map(words_read, after.values()))
    if any(map(reads_unseen, after.values())):
        read |= {p.name for p in parameters}
    # A magic or a shell line may read `{name}` and `$name` inside its text.
    texts = " ".join(
        n.value for t in after.values() for n in ast.walk(t) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    )
    for one in parameters:
        # `@name` is a variable in a query of pandas.
        in_text = any(f"{mark}{one.name}" in texts for mark in ("{", "$", "@"))
        for code, text in _remarks(one, own, read, after, in_text=in_text):
            yield one, Problem(code, cell + 1, None, text)


def _remarks(
    one: Parameter, own: set[str], read: set[str], after: Mapping[int, ast.Module], *, in_text: bool
) -> Iterator[tuple[str, str]]:
    if not one.settable:
        yield (
            "unsettable-parameter",
            f"{one.name!r} {why_not_settable(one)}, so it cannot be set. Annotate it to make it settable.",
        )
    if limits := one.schema.get(UNCHECKED):
        yield (
            "unchecked-limit",
            f"{one.name!r} is limited by {', '.join(map(str, limits))}, which is not checked: it is no plain number for numbers.",
        )
    if one.settable and one.source.endswith(CHANGED):
        yield "changed-parameter", f"{one.name!r} may be changed again in its cell, so its default is not known."
    if one.source and (own & loaded_names(ast.parse(one.source, mode="eval"))):
        yield (
            "derived-parameter",
            f"{one.name!r} is derived from other parameters before they are set. Move it to a later cell.",
        )
    elif one.name not in read and not in_text:
        yield "unread-parameter", f"{one.name!r} is never read after its cell, so setting it changes nothing."
    elif over := _overwritten(one.name, after):
        yield (
            "overwritten-parameter",
            f"{one.name!r} is overwritten in cell {over + 1} before anything after its cell reads it.",
        )


def why_not_settable(one: Parameter) -> str:
    """Say what keeps a parameter without an annotation from being set."""
    if one.source.endswith(CHANGED):
        return f"may be changed again in its cell (first set to {one.source.removesuffix(CHANGED)})"
    is_data, value = schemas.default_of(ast.parse(one.source, mode="eval").body)
    if not is_data or schemas.is_json(schemas.to_plain({}, value)):
        return f"is computed ({one.source})"
    return f"has a default that JSON cannot hold ({one.source}; use text, numbers, lists, and mappings whose keys are text)"


def _overwritten(name: str, after: Mapping[int, ast.Module]) -> int | None:
    """Return the index of the cell that binds a name anew before anything has read it."""
    for index, tree in after.items():
        for statement in tree.body:
            if name in loaded_names(statement):
                return None
            if isinstance(statement, _BINDING) and name in touched_names(statement):
                return index
    return None


# Statements that bind their names whenever their cell runs.
_BINDING = (
    ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef
)  # fmt: skip
