"""Decisions as they travel to other tools: what is decided about one row, with the log's own lines beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dcai.base.contract import to_plain
from dcai.base.errors import InputError, shorten
from dcai.base.records import Correction, Key, Scalar
from dcai.corrections.decisions.lines import parse_line
from dcai.corrections.decisions.standing import find_standing, key_text


@dataclass(frozen=True)
class Said:
    """One decision as a tool shows it to people."""

    by: str
    verdict: str
    column: str | None
    part: int | None
    value: Scalar | list[Scalar]
    note: str = ""


@dataclass(frozen=True)
class Container:
    """What goes to a tool, and comes back, about one row.

    `lines` are the log's own; `said` is what people see and may change; `cells` and `suggested` help them decide.
    """

    key: Key | None
    lines: Sequence[Correction] = ()
    said: Sequence[Said] = ()
    cells: Mapping[str, Scalar] = field(default_factory=dict)
    suggested: Mapping[str, Scalar] = field(default_factory=dict)


def said_of(line: Correction) -> Said:
    """Return what people see of a line."""
    return Said(line.by, line.verdict, line.column, line.part, line.value, line.note)


def pack_lines(corrections: Iterable[Correction]) -> list[Container]:
    """Sort the lines of a log by the rows that they are about, in order of first occurrence."""
    rows: dict[str, list[Correction]] = {}
    for line in corrections:
        rows.setdefault(key_text(line.key), []).append(line)
    standing = {c.id for c in find_standing(corrections)}
    return [
        Container(lines[0].key, tuple(lines), tuple(said_of(c) for c in lines if c.id in standing))
        for lines in rows.values()
    ]


def write_lines(container: Container) -> str:
    """Write the lines and the key of a container as one JSON text."""
    return json.dumps({"key": container.key, "lines": [to_plain(c) for c in container.lines]}, allow_nan=False)


def read_lines_of(text: object, place: str) -> tuple[Key | None, tuple[Correction, ...]]:
    """Read what `write_lines` wrote; each line is checked as in a log, so one that was edited is refused."""
    if not isinstance(text, str) or not text:
        return None, ()
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(
            f"{place}: the field 'dcai' is not JSON: {error}. Export anew, and leave that field as it is."
        ) from error
    if not isinstance(found, dict) or not isinstance(found.get("lines"), list):
        raise InputError(
            f"{place}: the field 'dcai' is not what dcai wrote. Export anew, and leave that field as it is."
        )
    lines = tuple(
        parse_line(json.dumps(line).encode(), f"{place}, line {number} of its field 'dcai',")
        for number, line in enumerate(found["lines"], 1)
    )
    key = found.get("key")
    return (key if isinstance(key, dict) else None), lines


def read_value(text: str) -> Any:
    """Read a value that a person may have typed: JSON where it is, else the text itself."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, dict) else value


def _refuse(name: str) -> None:
    raise ValueError(name)


def write_value(value: object) -> str:
    """Write a value so that its type shows: texts in quotes."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def read_part(text: object, place: str) -> int | None:
    """Read the place of a token; empty is none."""
    if text is None or str(text).strip() == "":
        return None
    if not str(text).strip().isdecimal():
        raise InputError(f"{place}: the part must be a number or empty. Got {shorten(repr(text), 60)}.")
    return int(str(text))


def read_list(text: str, name: str) -> list[dict[str, Any]]:
    """Read a JSON file that holds a list of tasks or records."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is not JSON: {shorten(str(error))}. Export it anew as JSON.") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"{name} must hold a JSON list of tasks or records. Export it anew as JSON.")
    return found
