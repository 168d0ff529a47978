"""Records to JSON and back, strictly; run as a module it prints the TypeScript types of the records.

`python -m dcai.base.contract` writes the text of `labextension/src/contract.ts` to standard output.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import sys
import types
import typing
from typing import Any, Literal, TypeVar, Union

from dcai.base import messages, records
from dcai.base.errors import InputError, shorten

R = TypeVar("R")

# Integers above 2**53 - 1 lose digits in JavaScript, so they travel to the browser as text.
SAFE_INTEGER = 2**53 - 1
_SCALARS = frozenset({str, bool, int, float, types.NoneType})


def to_plain(record: object) -> Any:
    """Turn a record into dicts, lists and scalars; optional fields that hold their default None are left out."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {
            f.name: to_plain(getattr(record, f.name))
            for f in dataclasses.fields(record)
            if not (getattr(record, f.name) is None and f.default is None)
        }
    if isinstance(record, dict):
        return {str(k): to_plain(v) for k, v in record.items()}
    if isinstance(record, (list, tuple)):
        return [to_plain(v) for v in record]
    if record is None or isinstance(record, (str, bool, int, float)):
        return record
    raise InputError(f"A value of type {type(record).__name__} cannot be written as JSON: {shorten(repr(record))}.")


def to_json(record: object) -> str:
    """Write a record as one line of JSON text; NaN and infinities are refused."""
    try:
        return json.dumps(to_plain(record), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise InputError(
            f"NaN and infinity have no form in JSON: {shorten(repr(record))}. Use None instead."
        ) from error


def for_browser(record: object) -> Any:
    r"""Turn a record into what a browser can hold: large integers as text, NaN and infinities as None.

    A lone surrogate, which has no UTF-8 form, becomes the text of its escape.

    Examples
    --------
    >>> for_browser({"name": "\ud800", "size": 2**60})
    {'name': '\\ud800', 'size': '1152921504606846976'}
    """
    plain = to_plain(record)
    return _browser_safe(plain)


def _browser_safe(value: Any) -> Any:
    if isinstance(value, str):
        return escape_surrogates(value)
    if isinstance(value, dict):
        return {escape_surrogates(k): _browser_safe(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_browser_safe(v) for v in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > SAFE_INTEGER:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def escape_surrogates(text: str) -> str:
    """Write lone surrogates as their escapes; any other text is itself."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


def from_plain(kind: type[R], plain: object, where: str = "") -> R:
    """Make a record from dicts and lists; unknown, missing and wrongly typed fields are errors that name them."""
    place = where or kind.__name__
    if not isinstance(plain, dict):
        raise InputError(f"{place} must be a JSON object. Got {shorten(repr(plain))} instead.")
    hints, known, easy = _read_fields(kind)  # type: ignore[arg-type]  # every class has a hash
    for name in plain:
        if name not in known:
            raise InputError.unknown_name(f"field of {place} named", name, known)
    values: dict[str, Any] = {}
    for name, f in known.items():
        if name in plain:
            value = plain[name]
            values[name] = value if type(value) in easy[name] else _decode(hints[name], value, f"{place}.{name}")
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise InputError(f"{place} lacks the field {name!r}. Expected fields: {', '.join(known)}.")
    return kind(**values)


@functools.cache
def _read_fields(
    kind: type[Any],
) -> tuple[dict[str, Any], dict[str, dataclasses.Field[Any]], dict[str, frozenset[Any]]]:
    """Read the types and the fields of a record, and the scalar types that each takes as they are.

    A log has thousands of lines of one kind, and most of their fields need no further look.
    """
    hints = typing.get_type_hints(kind)
    easy = {name: _scalars_of(hint) for name, hint in hints.items()}
    return hints, {f.name: f for f in dataclasses.fields(kind)}, easy


@functools.cache
def _take_apart(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    return typing.get_origin(hint), typing.get_args(hint)


@functools.cache
def _scalars_of(hint: Any) -> frozenset[Any]:
    """Return the scalar types that a value of some type may have as it is."""
    if hint is Any:
        return _SCALARS
    origin, options = _take_apart(hint)
    return _SCALARS & frozenset(options if origin in (Union, types.UnionType) else (hint,))


def from_json(kind: type[R], text: str) -> R:
    """Read one record from JSON text."""
    try:
        plain = json.loads(text, parse_constant=_refuse_constant)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:  # no JSON, a number of thousands of digits, brackets without end
        raise InputError(f"{kind.__name__} is not valid JSON: {error}. Text: {shorten(text)}") from error
    return from_plain(kind, plain)


def _refuse_constant(name: str) -> None:
    raise InputError(f"{name} is not a JSON value. Use null instead.")


def _decode(kind: Any, value: Any, where: str) -> Any:
    origin, options = _take_apart(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        return _decode_union(options, value, where)
    if origin is Literal:
        if value in options and isinstance(value, str):
            return value
        raise InputError(f"{where} must be one of {', '.join(map(repr, options))}. Got {shorten(repr(value))} instead.")
    if origin is list and isinstance(value, list):
        return [_decode(options[0], v, f"{where}[{i}]") for i, v in enumerate(value)]
    if origin is dict and isinstance(value, dict):
        easy = _scalars_of(options[1])
        return {k: v if type(v) in easy else _decode(options[1], v, f"{where}.{k}") for k, v in value.items()}
    if dataclasses.is_dataclass(kind):
        return from_plain(typing.cast("type[Any]", kind), value, where)
    if kind is types.NoneType and value is None:
        return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and origin is None and type(value) is kind:
        return value
    raise InputError(f"{where} must be {_name(kind)}. Got {shorten(repr(value))} instead.")


def _decode_union(options: tuple[Any, ...], value: Any, where: str) -> Any:
    exact = [o for o in options if isinstance(o, type) and type(value) is o]
    if exact:
        return value
    reasons = []
    for option in options:
        try:
            return _decode(option, value, where)
        except InputError as error:
            reasons.append(str(error))
    # The last alternative that is a record or a list says most about what is wrong inside.
    inner = [r for r in reasons if not r.startswith(f"{where} must be")]
    expected = " or ".join(_name(o) for o in options)
    raise InputError(inner[0] if inner else f"{where} must be {expected}. Got {shorten(repr(value))} instead.")


def _name(kind: Any) -> str:
    if typing.get_origin(kind) is Literal:
        return f"one of {', '.join(map(repr, typing.get_args(kind)))}"
    return "null" if kind is types.NoneType else getattr(kind, "__name__", str(kind)).replace("typing.", "")


# ---------------------------------------------------------------- TypeScript


def to_typescript() -> str:
    """Write the records as TypeScript interfaces, in their order in `records.py` and `messages.py`."""
    lines = [
        "// Generated from dcai/base/records.py and messages.py by `python -m dcai.base.contract`. Do not modify directly.",
        "",
        "export type Scalar = string | number | boolean | null;",
    ]
    for record in {**vars(records), **vars(messages)}.values():
        if dataclasses.is_dataclass(record) and isinstance(record, type):
            lines += ["", *_interface(record)]
    return "\n".join(lines) + "\n"


def _interface(record: type) -> list[str]:
    hints = typing.get_type_hints(record)
    lines = [f"export interface {record.__name__} {{"]
    for f in dataclasses.fields(record):
        optional = f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING
        lines.append(f"  {f.name}{'?' if optional else ''}: {_typescript(hints[f.name])};")
    return [*lines, "}"]


_SIMPLE = {str: "string", int: "number", float: "number", bool: "boolean", types.NoneType: "null", Any: "unknown"}


def _typescript(kind: Any) -> str:
    origin, options = typing.get_origin(kind), typing.get_args(kind)
    if kind == records.Scalar:
        return "Scalar"
    if origin in (Union, types.UnionType):
        scalars = set(typing.get_args(records.Scalar))
        rest = [o for o in options if o not in scalars] if scalars <= set(options) else list(options)
        names = (["Scalar"] if scalars <= set(options) else []) + [_typescript(o) for o in rest]
        return " | ".join(dict.fromkeys(names))
    if origin is Literal:
        return " | ".join(f"'{o}'" for o in options)
    if origin is list:
        inner = _typescript(options[0])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if origin is dict:
        return f"Record<string, {_typescript(options[1])}>"
    return _SIMPLE[kind] if kind in _SIMPLE else str(kind.__name__)


if __name__ == "__main__":
    sys.stdout.write(to_typescript())
