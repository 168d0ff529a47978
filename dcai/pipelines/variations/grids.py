"""The parameter sets of a sweep: a grid, a list, or a table in a file; checked before anything runs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable, Mapping, Sized
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, MissingError, shorten
from dcai.base.records import NotebookParameters
from dcai.pipelines.masking import is_reference
from dcai.pipelines.notebooks import parameters as params

ENDINGS = (".csv", ".jsonl")
_MOST = 100_000


def list_sets(given: Any, found: NotebookParameters) -> list[dict[str, Any]]:
    """Return the parameter sets of a grid (name -> values), a list of sets, or a CSV or JSON Lines file of them.

    Raises
    ------
    InputError
        There are none, one is there twice, or a value does not fit; every problem is named.
    """
    if isinstance(given, (str, Path)):
        sets = _read_sets(Path(given), found)
    elif isinstance(given, Mapping):
        _refuse_plain_lists(given, found)
        sets = _cross(given)
    elif isinstance(given, Iterable):
        sets = list(given)
    else:
        raise _wrong(given)
    refuse_plain_secrets([one for one in sets if isinstance(one, Mapping)], found)
    if not all(isinstance(one, Mapping) for one in sets):
        raise _wrong(given)
    if not sets:
        raise InputError("There is nothing to sweep: give at least one set of parameters.")
    plain = [params.normalise(found, one) for one in sets]
    problems = [f"Set {i}: {said}" for i, one in enumerate(plain, 1) for said in params.validate(found, one)]
    if problems:
        more = f"\n... and {len(problems) - 10} more." if problems[10:] else ""
        raise InputError("\n".join(problems[:10]) + more)
    _refuse_repeated(plain)
    return plain


def refuse_plain_secrets(sets: Iterable[Mapping[str, Any]], found: NotebookParameters) -> None:
    """Refuse secrets in plain text: what is sent to other processes, and shown in tables, holds where they stand.

    Raises
    ------
    InputError
        A secret is given as it is; the message does not hold it.

    Examples
    --------
    >>> refuse_plain_secrets([{"rate": 0.5}], NotebookParameters("n.ipynb", "n", None, False, [], []))
    """
    hidden = {p.name for p in found.parameters if p.schema.get("x-python") == "secret"}
    for one in sets:
        for name in one:
            if name in hidden and not is_reference(one[name]):
                raise InputError(
                    f"The secret {name!r} is given in plain text, which would be sent to other processes and written down. "
                    "Give it as env:NAME or file:PATH."
                )


def _refuse_plain_lists(grid: Mapping[str, Any], found: NotebookParameters) -> None:
    for name, values in grid.items():
        many = isinstance(values, Collection) and not isinstance(values, (str, bytes, Mapping))
        listed = values if many else [values]
        refuse_plain_secrets([{name: value} for value in listed], found)


def _wrong(given: object) -> InputError:
    return InputError.wrong_value(
        "grid", "sweep()", "a mapping of names to lists of values, a list of parameter sets, or a .csv or .jsonl file", given,
        "For example {'rate': [0.1, 0.2], 'trees': [10, 100]}.",
    )  # fmt: skip


def _cross(grid: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Combine each value with each; the last name varies fastest."""
    number = 1
    for name, values in grid.items():
        if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
            raise InputError(
                f"The values of {name!r} must be a list. Got {shorten(repr(values))} instead. Write [{values!r}]."
            )
        if not isinstance(values, Sized):
            raise InputError(f"The values of {name!r} must be a list, which can be counted. Write list(...).")
        number *= len(values)
    if number > _MOST:
        raise InputError(f"The grid has {number} sets, more than {_MOST}. Take fewer values.")
    names = list(grid)
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*grid.values())]


def _read_sets(path: Path, found: NotebookParameters) -> list[dict[str, Any]]:
    if path.suffix.lower() not in ENDINGS:
        raise _wrong(str(path))
    if not path.is_file():
        raise MissingError(f"There is no file {str(path)!r} of parameter sets. Check the path.")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {error}.") from error
    return _read_csv(text, path, found) if path.suffix.lower() == ".csv" else _read_lines(text, path)


def _read_csv(text: str, path: Path, found: NotebookParameters) -> list[dict[str, Any]]:
    """Read a table; cells are read by the types of their parameters, an empty one leaves the default."""
    import csv
    import io

    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    sets = []
    try:
        for row in reader:
            if None in row or None in row.values():
                raise InputError(f"Line {reader.line_num} of {path} has another number of cells than the first line.")
            sets.append({name: value for name, value in row.items() if value != ""})
    except csv.Error as error:
        raise InputError(f"Line {reader.line_num} of {path} is not CSV: {error}.") from error
    return [parse_set(one, found) for one in sets]


def _read_lines(text: str, path: Path) -> list[dict[str, Any]]:
    sets = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
        except ValueError as error:
            raise InputError(f"Line {number} of {path} is not JSON: {error}.") from error
        if not isinstance(one, dict):
            raise InputError(f"Line {number} of {path} must be an object of parameter names and values.")
        sets.append(one)
    return sets


def parse_set(texts: Mapping[str, str], found: NotebookParameters) -> dict[str, Any]:
    """Read the texts of values by the types of their parameters."""
    schemas = {p.name: p.schema for p in found.parameters}
    for name in texts:
        if name not in schemas:
            raise InputError.unknown_name("parameter", name, schemas)
    return {name: params.parse_value(schemas[name], text, name) for name, text in texts.items()}


def _refuse_repeated(sets: list[dict[str, Any]]) -> None:
    seen: dict[str, int] = {}
    for number, one in enumerate(sets, 1):
        text = json.dumps(one, sort_keys=True, ensure_ascii=False, default=str)
        if text in seen:
            raise InputError(f"The sets {seen[text]} and {number} are the same: {shorten(text)}. Give each once.")
        seen[text] = number
