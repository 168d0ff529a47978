"""Parameters of a notebook: which cell holds them, their names, types, defaults and help, all found by `ast`."""

from __future__ import annotations

import ast
import io
import itertools
import keyword
import re
import tokenize
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError
from dcai.base.records import NotebookParameters, Parameter
from dcai.pipelines.names import suggest_name
from dcai.pipelines.notebooks import schemas
from dcai.pipelines.notebooks.annotations import schema_of_annotation, schema_of_comment
from dcai.pipelines.notebooks.bindings import Assignment, assignments, changed_names, loaded_names
from dcai.pipelines.notebooks.documents import INJECTED, PARAMETERS, is_python, is_tagged, read_notebook
from dcai.pipelines.notebooks.languages import find_assignments
from dcai.pipelines.notebooks.magics import parse_code, words_of, words_read
from dcai.pipelines.notebooks.remarks import CHANGED, remark_on, warn_about, why_not_settable

__all__ = [
    "defaults_of",
    "find_idle",
    "find_in",
    "find_parameters",
    "normalise",
    "parse_value",
    "rank_cells",
    "schema_object",
    "validate",
]

# What an author writes over a cell of parameters, and over one of settings.
_SAYS_PARAMETERS = re.compile(r"param", re.IGNORECASE)
_SAYS_SETTINGS = re.compile(r"config|setting|option|constant|variable|argument|input|default|global", re.IGNORECASE)
# How a comment invites the reader to set something.
_INVITES = re.compile(
    r"feel free|you (?:can|may|could)\b|your own"
    r"|(?:change|modify|replace|edit|adjust|customi[sz]e|override|choose|specify|fill in)\b.*"
    r"\b(?:your|this|these|here|below|own|different|another)\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"#.*")
# What two cells' scores may differ by, and a person had better say which it is: less than one of two parameters that is
# never used.
_CLOSE = 0.5
_NEVER_PARAMETERS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.For, ast.While, ast.With, ast.Try)


def find_parameters(notebook: str | Path) -> NotebookParameters:
    """Find the parameters of a notebook file: of its tagged cell, else of the cell that looks most like one.

    Parameters
    ----------
    notebook : str or Path
        A notebook file of nbformat 4.

    Returns
    -------
    NotebookParameters
        The cell, its parameters as JSON Schemas, and what a person should look at (`problems`).

    Raises
    ------
    MissingError, InputError
        There is no such file, or it is not a notebook.

    Examples
    --------
    >>> find_parameters("train.ipynb").parameters[0].name  # doctest: +SKIP
    'learning_rate'
    """
    return find_in(read_notebook(notebook), str(notebook))


def find_in(notebook: Any, where: str, number: int | None = None) -> NotebookParameters:
    """Find the parameters of a notebook that has been read already; `where` names it in the result.

    `number` names the cell that holds them, counted from 1.
    """
    name = suggest_name(where)
    if not is_python(notebook):
        return _find_elsewhere(notebook, where, number)
    trees = parse_cells(notebook)
    marked = [i for i, c in enumerate(notebook.cells) if c.cell_type == "code" and is_tagged(c, PARAMETERS)]
    ranked = () if marked or number is not None else _rank(trees)
    cell = (
        _require_cell(trees, number, where) if number is not None else marked[0] if marked else next(iter(ranked), None)
    )
    problems = (
        [f"Several cells are tagged 'parameters' (numbers {[m + 1 for m in marked]}); the first is taken."]
        if marked[1:] and number is None
        else []
    )
    if cell is None:
        problems.append(
            "No cell of plain assignments was found. Tag one 'parameters' to make the notebook configurable."
        )
        return NotebookParameters(where, name, None, False, [], problems)  # noqa: FBT003 (fields in their order)
    if cell not in trees:
        problems.append(f"Cell {cell + 1} is tagged 'parameters', but it is not valid Python.")
        return NotebookParameters(where, name, cell, True, [], problems)  # noqa: FBT003 (fields in their order)
    tree, text = trees[cell]
    parameters = _parameters(tree, text)
    problems += [p.message for p in remark_on(parameters, trees, cell, words_after(notebook, trees, cell))]
    return NotebookParameters(where, name, cell, cell in marked or number is not None, parameters, problems)


def _find_elsewhere(notebook: Any, where: str, number: int | None) -> NotebookParameters:
    """Find the parameters of a notebook in another language: plain assignments in its tagged cell."""
    name = suggest_name(where)
    code = [i for i, c in enumerate(notebook.cells) if c.cell_type == "code"]
    marked = [i for i in code if is_tagged(notebook.cells[i], PARAMETERS)]
    if number is not None:
        marked = [_require_cell(code, number, where)]
    problem = "Parameters can be found in Python notebooks only; in others, as plain assignments of a cell tagged 'parameters'"
    if not marked:
        return NotebookParameters(where, name, None, False, [], [f"{problem}. No cell is tagged."])  # noqa: FBT003 (fields in their order)
    found = find_assignments(notebook.cells[marked[0]].source)
    return NotebookParameters(where, name, marked[0], True, found, [f"{problem}."])  # noqa: FBT003 (fields in their order)


def parse_cells(notebook: Any) -> dict[int, tuple[ast.Module, str]]:
    """Parse the code cells that are Python, by their index; what papermill injected is left out."""
    cells = [(i, c) for i, c in enumerate(notebook.cells) if c.cell_type == "code" and not is_tagged(c, INJECTED)]
    parsed = {i: parse_code(c.source) for i, c in cells}
    return {i: p for i, p in parsed.items() if p is not None}


def broken_cells(notebook: Any, trees: Mapping[int, tuple[ast.Module, str]]) -> list[int]:
    """Return the indices of the code cells that are no Python."""
    cells = enumerate(notebook.cells)
    return [i for i, c in cells if c.cell_type == "code" and i not in trees and not is_tagged(c, INJECTED)]


def words_after(notebook: Any, trees: Mapping[int, tuple[ast.Module, str]], cell: int) -> set[str]:
    """Return the words of the cells after `cell` that are no Python: what they read cannot be told."""
    return set().union(*(words_of(notebook.cells[i].source) for i in broken_cells(notebook, trees) if i > cell))


def find_idle(notebook: Any, parameters: NotebookParameters, given: Collection[str]) -> list[str]:
    """Say which given values the notebook will not use as given: never read, overwritten, or set too late.

    Examples
    --------
    >>> import nbformat.v4 as v4
    >>> cells = [v4.new_code_cell("rate = 0.1", metadata={"tags": ["parameters"]}), v4.new_code_cell("rate = 1")]
    >>> notebook = v4.new_notebook(cells=cells)
    >>> find_idle(notebook, find_in(notebook, "n.ipynb"), ["rate"])
    ["'rate' is never read after its cell, so setting it changes nothing."]
    """
    trees = parse_cells(notebook) if is_python(notebook) else {}
    if not given or parameters.cell not in trees:
        return []
    # What a pipeline does not offer may be derived from what it does.
    every = _parameters(*trees[parameters.cell])
    return warn_about(given, every, trees, parameters.cell, words_after(notebook, trees, parameters.cell))


def rank_cells(notebook: Any) -> list[int]:
    """Return the indices of the cells that look like the one of parameters, the likeliest first; one where it is sure.

    A tagged cell is sure, and so is one that no other comes close to.

    Examples
    --------
    >>> import nbformat.v4 as v4
    >>> rank_cells(v4.new_notebook(cells=[v4.new_code_cell("rate = 0.1"), v4.new_code_cell("print(rate)")]))
    [0]
    """
    if not is_python(notebook):
        return []
    marked = [i for i, c in enumerate(notebook.cells) if c.cell_type == "code" and is_tagged(c, PARAMETERS)]
    ranked = _rank(parse_cells(notebook))
    best = next(iter(ranked.values()), 0.0)
    return marked[:1] or [i for i, score in ranked.items() if best - score <= _CLOSE]


def _require_cell(code: Collection[int], number: int, where: str) -> int:
    """Return the index of a cell that a person has named by its number, or refuse one that holds no code."""
    if isinstance(number, bool) or not isinstance(number, int) or number - 1 not in code:
        known = ", ".join(str(i + 1) for i in code) or "none"
        raise InputError(f"Cell {number!r} of {where} is no cell of code that can be read. Such cells: {known}.")
    return number - 1


def _rank(trees: Mapping[int, tuple[ast.Module, str]]) -> dict[int, float]:
    """Rank the cells by later use, number and kind of defaults, what their comments say, and position; best first."""
    used_from = {i: loaded_names(tree) | words_read(tree) for i, (tree, _) in trees.items()}
    scores: dict[int, float] = {}
    for place, (index, cell) in enumerate(sorted(trees.items())):
        later = set().union(*(names for i, names in used_from.items() if i > index))
        score = _score(cell, later, place / len(trees))
        if score is not None:
            scores[index] = score
    return dict(sorted(scores.items(), key=lambda one: (-one[1], one[0])))


def _score(cell: tuple[ast.Module, str], later: set[str], place: float) -> float | None:
    """Score a cell as a cell of parameters, None for one that is none; the weights were fitted to tagged notebooks."""
    tree, text = cell
    found = [(a.name, *schemas.default_of(a.value)) for a in assignments(tree) if a.value is not None]
    plain = {name: value for name, is_data, value in found if is_data and not name.startswith("_")}
    used = sum(name in later for name in plain)
    heading = _heading(text)
    # A cell that nothing reads holds parameters only where its author says so.
    if (
        not plain
        or not (used or _SAYS_PARAMETERS.search(heading))
        or any(isinstance(s, _NEVER_PARAMETERS) for s in tree.body)
    ):
        return None
    says = 1.25 * bool(_SAYS_PARAMETERS.search(heading)) + 0.5 * bool(_SAYS_SETTINGS.search(heading))
    says += 0.5 * any(_INVITES.search(comment) for comment in _COMMENT.findall(text))
    # Lists and mappings are more often data, or filled further down, than something to set; what its own cell reads
    # is more often a step of work than something declared for the cells below.
    scalar = sum(not isinstance(value, (list, dict, tuple, set)) for value in plain.values())
    work = [s for s in tree.body if not isinstance(s, (ast.Import, ast.ImportFrom))]
    # A condition on what was given, such as a bound, is no such step.
    own = len(plain.keys() & set().union(*(loaded_names(s) for s in work if not isinstance(s, ast.If))))
    declared = sum(isinstance(s, (ast.Assign, ast.AnnAssign)) for s in work) / len(work)
    shares = (2.25 * used + 1.75 * scalar - 1.25 * own) / len(plain) + 0.5 * declared
    return shares + 0.25 * min(len(plain), 8) / 8 - 0.75 * (len(plain) == 1) + says - 2 * place


def _heading(text: str) -> str:
    """Return the comments above the first statement of a cell."""
    lines = itertools.takewhile(lambda line: not line or line.startswith("#"), map(str.strip, text.splitlines()))
    return "\n".join(lines)


def _parameters(tree: ast.Module, text: str) -> list[Parameter]:
    comments = _trailing_comments(text)
    found: dict[str, Parameter] = {}
    changed = changed_names(tree)
    for one in assignments(tree):
        if one.name.startswith("_"):
            continue
        found.pop(one.name, None)  # a name bound twice has its last value
        found[one.name] = _parameter(one, comments.get(one.line, ""), changed=one.name in changed)
    return list(found.values())


def _parameter(one: Assignment, comment: str, *, changed: bool) -> Parameter:
    commented, comment = schema_of_comment(comment)
    stated = commented if one.annotation is None else schema_of_annotation(one.annotation)
    is_data, value = (False, None) if one.value is None or changed else schemas.default_of(one.value)
    schema = dict(stated) if stated is not None else schemas.schema_of_value(value) if is_data else {"x-python": "any"}
    if is_data and schema["x-python"] != "secret":
        plain = schemas.to_plain(schema, value)
        is_data = schemas.problem_of(one.name, schema, plain) is None or stated is not None
        if schemas.problem_of(one.name, {}, plain) is None:
            schema["default"] = plain
    help_text = comment or schema.get("description", "")
    if help_text:
        schema["description"] = help_text
    source = "" if one.value is None else ast.unparse(one.value) + (CHANGED if changed else "")
    settable = is_data or one.annotation is not None or stated is not None
    return Parameter(one.name, schema, settable, source, help_text)


def _trailing_comments(text: str) -> dict[int, str]:
    """Map a line's number to the comment that ends it."""
    comments: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
                comments[token.start[0]] = token.string.lstrip("#: ").strip()
    except (tokenize.TokenError, SyntaxError):
        pass  # the cell parses, yet its tail does not tokenize: comments read so far are kept
    return comments


# ---------------------------------------------------------------- values


def parse_value(schema: Mapping[str, Any], text: str, name: str = "value") -> Any:
    """Read the text of a `-p name=text` by the parameter's schema; nothing is guessed.

    Parameters
    ----------
    schema : mapping
        JSON Schema of the parameter.
    text : str
        What stands behind the equals sign.
    name : str
        The parameter's name, for the message.

    Examples
    --------
    >>> parse_value({"type": "string"}, "007"), parse_value({"type": "integer"}, "007")
    ('007', 7)
    """
    return schemas.parse_text(name, schema, text)


def normalise(parameters: NotebookParameters, values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn given values into the plain JSON forms that are checked, recorded and injected.

    Examples
    --------
    >>> import numpy as np
    >>> found = NotebookParameters("n", "n", 0, True, [Parameter("n", {"type": "integer"}, True, "1")], [])
    >>> normalise(found, {"n": np.int64(3)})
    {'n': 3}
    """
    known = {p.name: p.schema for p in parameters.parameters}
    return {name: schemas.to_plain(known.get(name, {}), value) for name, value in values.items()}


def validate(parameters: NotebookParameters, values: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each value that the notebook's parameters do not allow; an empty list is good.

    Parameters
    ----------
    parameters : NotebookParameters
        What `find_parameters` found.
    values : mapping of str to object
        The values that are to be set.

    Examples
    --------
    >>> found = NotebookParameters("n", "n", 0, True, [Parameter("rate", {"type": "number"}, True, "1.0")], [])
    >>> validate(found, {"rat": 1})
    ["There is no parameter 'rat'. Did you mean 'rate'? Known: 'rate'."]
    """
    known = {p.name: p for p in parameters.parameters}
    errors = []
    for name, value in values.items():
        if not isinstance(name, str) or name not in known:
            errors.append(str(InputError.unknown_name("parameter", name, known)))
        elif not name.isidentifier() or keyword.iskeyword(name):
            errors.append(f"The parameter {name!r} is not a Python name, so no notebook can hold it.")
        elif not known[name].settable:
            errors.append(f"The parameter {name!r} {why_not_settable(known[name])}. Annotate it to set it.")
        elif problem := schemas.problem_of(name, known[name].schema, schemas.to_plain(known[name].schema, value)):
            errors.append(problem)
    needed = [n for n, p in known.items() if not p.source and "default" not in p.schema and n not in values]
    return errors + [f"The parameter {n!r} has no default. Give it a value: -p {n}=..." for n in needed]


def schema_object(parameters: NotebookParameters) -> dict[str, Any]:
    """Return the parameters as one JSON Schema object, as `pipeline.yaml` and the run dialog hold it.

    Examples
    --------
    >>> schema_object(NotebookParameters("n", "n", None, False, [], []))
    {'type': 'object', 'properties': {}, 'additionalProperties': False}
    """
    settable = [p for p in parameters.parameters if p.settable]
    required = [p.name for p in settable if not p.source]
    return {
        "type": "object",
        "properties": {p.name: dict(p.schema) for p in settable},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def defaults_of(parameters: NotebookParameters) -> dict[str, Any]:
    """Return the plain defaults of the parameters that can be set and have one.

    Examples
    --------
    >>> defaults_of(NotebookParameters("n", "n", None, False, [], []))
    {}
    """
    return {p.name: p.schema["default"] for p in parameters.parameters if p.settable and "default" in p.schema}
