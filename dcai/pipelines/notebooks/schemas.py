"""JSON Schemas of parameters: made from literals, and used to read and check values."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import PurePath
from typing import Any

from dcai.base.errors import InputError, shorten
from dcai.pipelines.notebooks.annotations import NAMED, Schema, last_name

_REFERENCES = frozenset({"$ref", "$dynamicRef"})
# The keywords of a schema that hold data, not schemas.
_DATA = frozenset({"default", "enum", "const", "examples"})
# The constructors whose call with one literal is data too: `Path("data")`, `Decimal("0.1")`.
_CONSTRUCTORS = frozenset({"Path", "PurePath", "Decimal", "date", "datetime"})


def default_of(node: ast.expr) -> tuple[bool, Any]:
    """Return whether an expression is plain data, and which: literals, and `Path`, `Decimal`, `date` of literals."""
    try:
        return True, ast.literal_eval(_as_literal(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if not (isinstance(node, ast.Call) and not node.keywords and last_name(node.func) in _CONSTRUCTORS):
        return False, None
    try:
        arguments = [ast.literal_eval(a) for a in node.args]
        makers: dict[str, Callable[..., Any]] = {"Decimal": Decimal, "date": date, "datetime": datetime}
        return True, makers.get(last_name(node.func), PurePath)(*arguments)
    except (ValueError, TypeError, InvalidOperation):
        return False, None


def _as_literal(node: ast.expr) -> ast.expr:
    """Return what is a literal in all but its writing as one: `f"text"` that names nothing, and `dict(a=1)`."""
    if isinstance(node, ast.JoinedStr) and all(isinstance(part, ast.Constant) for part in node.values):
        return ast.Constant("".join(str(part.value) for part in node.values if isinstance(part, ast.Constant)))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        named = [k for k in node.keywords if k.arg is not None]
        if len(named) == len(node.keywords):
            return ast.Dict([ast.Constant(k.arg) for k in named], [k.value for k in named])
    return node


def schema_of_value(value: object) -> Schema:
    """Return the schema of a default that has no annotation."""
    if isinstance(value, PurePath):
        return dict(NAMED["Path"])
    name = type(value).__name__
    if name in NAMED and value is not None:
        return dict(NAMED[name])
    if isinstance(value, (list, tuple)):
        return {"type": "array", "x-python": type(value).__name__}
    return {"type": "object", "x-python": "dict"} if isinstance(value, dict) else {"x-python": "any"}


def to_plain(schema: Mapping[str, Any], value: Any) -> Any:
    """Turn a Python value (numpy scalars, dates, paths, tuples, Decimal) into the JSON form that its schema expects.

    Examples
    --------
    >>> to_plain({"type": "string", "format": "date"}, date(2026, 1, 31))
    '2026-01-31'
    """
    if not isinstance(value, (str, bytes)) and hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()  # a numpy scalar of any library
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, (PurePath, Decimal)):
        return str(value)
    if isinstance(value, Mapping):
        inner = schema.get("additionalProperties")
        return {k: to_plain(inner if isinstance(inner, dict) else {}, v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item_schema(schema, i), v) for i, v in enumerate(value)]
    python = schema.get("x-python")
    if python == "float" and isinstance(value, int) and not isinstance(value, bool):
        return _to_float(value)
    if python == "int" and isinstance(value, float) and value.is_integer():
        return int(value)
    if python == "Decimal" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value


def _to_float(value: int) -> float | int:
    """Return an integer as the same float; one that no float equals stays what it is."""
    try:
        return float(value) if int(float(value)) == value else value
    except OverflowError:
        return value


def item_schema(schema: Mapping[str, Any], index: int) -> Schema:
    """Return the schema of one element of an array."""
    prefix = schema.get("prefixItems")
    if isinstance(prefix, list) and index < len(prefix):
        return prefix[index] if isinstance(prefix[index], dict) else {}
    inner = schema.get("items")
    return inner if isinstance(inner, dict) else {}


def problem_of(name: str, schema: Mapping[str, Any], value: Any) -> str | None:
    """Say what is wrong with a plain value for a parameter, None where nothing is."""
    import jsonschema
    import referencing  # an empty registry: nothing is ever fetched

    if not is_json(value):
        return f"The parameter {name!r} must be plain data (JSON without NaN). Got {shorten(repr(value))} instead."
    if wrong := problem_of_schema(schema):
        return f"The schema of the parameter {name!r} cannot be used: {wrong}"
    errors = list(jsonschema.Draft202012Validator(dict(schema), registry=referencing.Registry()).iter_errors(value))
    if errors:
        place = "".join(f"[{p!r}]" for p in errors[0].absolute_path)
        got = "the secret given" if schema.get("x-python") == "secret" else shorten(repr(value))
        return f"The parameter {name!r} must be {describe(schema)}. Got {got} instead{f', wrong at {place}' if place else ''}."
    if schema.get("x-python") == "secret" and "\0" in str(value):
        return f"The parameter {name!r} must be a text without the character NUL."
    if not _can_be_rebuilt(schema, value):
        return f"The parameter {name!r} must be {describe(schema)}. Got {shorten(repr(value))} instead."
    return None


def _can_be_rebuilt(schema: Mapping[str, Any], value: Any) -> bool:
    """Tell whether the texts in a value that stand for dates are dates, wherever they stand."""
    if "anyOf" in schema:
        return any(problem_of("value", option, value) is None for option in schema["anyOf"])
    if isinstance(value, list):
        return all(_can_be_rebuilt(item_schema(schema, i), v) for i, v in enumerate(value))
    inner = schema.get("additionalProperties")
    if isinstance(value, dict):
        return not isinstance(inner, dict) or all(_can_be_rebuilt(inner, v) for v in value.values())
    makers: dict[Any, Callable[[str], Any]] = {"date": date.fromisoformat, "datetime": datetime.fromisoformat}
    maker = makers.get(schema.get("x-python"))
    if maker is not None and isinstance(value, str):
        try:
            maker(value)
        except ValueError:
            return False
    return True


def problem_of_schema(schema: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a schema that a person may have edited, None where nothing is.

    Examples
    --------
    >>> problem_of_schema({"properties": {"name": {"type": "string", "pattern": "("}}})
    "'(' is not a 'regex', at properties.name.pattern. Correct it."
    """
    import jsonschema

    if _refers(schema):
        return "references ($ref) are not followed. Write the schema out in full."
    formats = jsonschema.FormatChecker(("regex",))
    try:
        jsonschema.Draft202012Validator.check_schema(dict(schema), format_checker=formats)
    except jsonschema.SchemaError as error:
        place = ".".join(map(str, error.absolute_path))
        return f"{shorten(error.message)}{f', at {place}' if place else ''}. Correct it."
    return None


def _refers(schema: object) -> bool:
    """Tell whether a schema holds a reference; defaults and allowed values are data, and may look like one."""
    if isinstance(schema, list):
        return any(map(_refers, schema))
    if not isinstance(schema, Mapping):
        return False
    return any(k in _REFERENCES or (k not in _DATA and _refers(v)) for k, v in schema.items())


def is_json(value: Any) -> bool:
    """Tell whether a value is plain JSON data: no NaN, no infinities, text that UTF-8 can hold."""
    if isinstance(value, dict):
        return all(is_json(k) and isinstance(k, str) and is_json(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(is_json, value))
    if type(value) is str:
        return not any("\ud800" <= c <= "\udfff" for c in value)
    return value is None or type(value) in (bool, int) or (type(value) is float and math.isfinite(value))


def describe(schema: Mapping[str, Any]) -> str:
    """Say in words what a schema expects, for messages.

    Examples
    --------
    >>> describe({"type": ["integer", "null"], "x-python": "int"})
    'an integer or null'
    """
    if "enum" in schema:
        return "one of " + ", ".join(map(repr, schema["enum"]))
    python = schema.get("x-python")
    special = {
        "date": "a date such as '2026-01-31'",
        "datetime": "a date and time such as '2026-01-31T12:00:00'",
        "Decimal": "a decimal number such as '0.10'",
    }
    kinds = {
        "integer": "an integer",
        "number": "a number",
        "boolean": "true or false",
        "string": special.get(str(python), "a text"),
        "array": "a list",
        "object": "a mapping",
        "null": "null",
    }
    if "anyOf" in schema:
        return " or ".join(describe(o) for o in schema["anyOf"])
    types = schema.get("type", [])
    stated = " or ".join(kinds.get(t, t) for t in ([types] if isinstance(types, str) else types)) or "any plain value"
    limits = {
        "minimum": "at least {}", "exclusiveMinimum": "above {}", "maximum": "at most {}", "exclusiveMaximum": "below {}",
        "multipleOf": "a multiple of {}", "minLength": "of at least {} characters", "maxLength": "of at most {} characters",
    }  # fmt: skip
    if "prefixItems" not in schema:
        limits |= {"minItems": "with at least {} elements", "maxItems": "with at most {} elements"}
    if python != "Decimal":
        limits["pattern"] = "of the form {!r}"
    return stated + "".join(f", {words.format(schema[key])}" for key, words in limits.items() if key in schema)


def parse_text(name: str, schema: Mapping[str, Any], text: str) -> Any:
    """Read the text of `-p name=text` as the schema says, never as it looks."""
    if "anyOf" in schema:
        for option in schema["anyOf"]:
            try:
                value = parse_text(name, option, text)
            except InputError:
                continue
            if problem_of(name, option, value) is None:
                return value
        raise _unreadable(name, schema, text)
    types = schema.get("type", [])
    kinds = [types] if isinstance(types, str) else list(types)
    if "null" in kinds and text == "null":
        return None
    if "enum" in schema:
        matching = [
            v for v in schema["enum"] if v is not None and text == (json.dumps(v) if v in (True, False) else str(v))
        ]
        return matching[0] if matching else text
    if "string" in kinds:
        return text
    readers: dict[str, Callable[[str], Any]] = {
        "integer": int,
        "number": float,
        "boolean": _read_boolean,
        "array": _read_json,
        "object": _read_json,
    }
    for kind in kinds:
        if kind in readers:
            try:
                return readers[kind](text.strip())
            except ValueError as error:
                raise _unreadable(name, schema, text) from error
    return _read_loss_free(text)


def _unreadable(name: str, schema: Mapping[str, Any], text: str) -> InputError:
    return InputError(f"The parameter {name!r} must be {describe(schema)}. Got {shorten(repr(text))} instead.")


def _read_boolean(text: str) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _read_json(text: str) -> Any:
    value = json.loads(text)
    if not isinstance(value, (list, dict)):
        raise ValueError(text)  # noqa: TRY004 (the text is of the wrong form, and the caller handles one error)
    return value


def _read_loss_free(text: str) -> Any:
    """Read text for a parameter that states no type: JSON where nothing is lost by it, else the text itself."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (list, dict)) or json.dumps(value) == text else text
