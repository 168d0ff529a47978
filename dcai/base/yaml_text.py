"""YAML files that people edit: read with errors that name the line, written so that their comments stay."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, MissingError, shorten

# What a file of settings may hold at most: aliases of aliases grow tenfold with every line.
MOST_VALUES = 100_000
# What the library lets through of values that are none, such as the date 2024-02-30 or the number 0x_.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


def read_yaml(path: Path, what: str) -> Any:
    """Read a YAML file with its comments; what cannot be read is an error that names the line."""
    if not path.is_file():
        raise MissingError(f"There is no {what} at {str(path)!r}. Check the path.")
    try:
        return parse_yaml(path.read_text("utf-8"), path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {error}.") from error


def parse_yaml(text: str, path: Path) -> Any:
    """Read the text of a YAML file with its comments."""
    from ruamel.yaml.error import YAMLError

    try:
        return _make_reader().load(text)
    except (YAMLError, RecursionError, *_UNREADABLE) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        reason = getattr(error, "problem", None) or str(error) or type(error).__name__
        raise InputError(f"{path}{line} is not valid YAML: {shorten(str(reason))}. Correct it by hand.") from error


def dump_yaml(document: Any) -> str:
    """Write a document as text, with the comments that it was read with."""
    stream = io.StringIO()
    _make_reader().dump(document, stream)
    return stream.getvalue()


def builtin(value: Any) -> Any:
    """Turn what the YAML library reads (its own mappings, numbers and texts) into Python's own types."""
    return _copy(value, count(1))


def _copy(value: Any, number: Iterator[int]) -> Any:
    if next(number) > MOST_VALUES:
        raise InputError(f"The file holds more than {MOST_VALUES:,} values, its aliases written out. Make it smaller.")
    if isinstance(value, dict):
        if wrong := [k for k in value if not isinstance(k, str)]:
            raise InputError(f"The file holds the key {wrong[0]!r}, which is no text. Put it in quotes.")
        return {str(k): _copy(v, number) for k, v in value.items()}
    if isinstance(value, list):
        return [_copy(v, number) for v in value]
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    raise InputError(
        f"The file holds a value that is no plain data: {shorten(repr(value))}. Write text, numbers or lists."
    )


def _make_reader() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()  # the round-trip loader: keeps comments, makes no objects of unknown tags
    yaml.preserve_quotes = True
    yaml.width = 120
    return yaml
