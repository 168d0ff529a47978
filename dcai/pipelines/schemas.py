"""JSON Schemas of parameters: made from annotations and literals, and used to read and check values."""

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

Schema = dict[str, Any]

_DECIMAL = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
# Annotated names, by their last part: `date`, `dt.date` and `datetime.date` are the same to a reader.
_NAMED: dict[str, Schema] = {
    "int": {"type": "integer", "x-python": "int"},
    "float": {"type": "number", "x-python": "float"},
    "bool": {"type": "boolean", "x-python": "bool"},
    "str": {"type": "string", "x-python": "str"},
    "Path": {"type": "string", "x-python": "path"},
    "PurePath": {"type": "string", "x-python": "path"},
    "date": {"type": "string", "format": "date", "x-python": "date"},
    "datetime": {"type": "string", "format": "date-time", "x-python": "datetime"},
    "Decimal": {"type": "string", "pattern": _DECIMAL, "x-python": "Decimal"},
    "SecretStr": {"type": "string", "writeOnly": True, "x-python": "secret"},
    "Secret": {"type": "string", "writeOnly": True, "x-python": "secret"},
    "None": {"type": "null", "x-python": "None"},
}
_SEQUENCES = {"list": "list", "List": "list", "Sequence": "list", "tuple": "tuple", "Tuple": "tuple"}
_MAPPINGS = frozenset({"dict", "Dict", "Mapping"})
_REFERENCES = frozenset({"$ref", "$dynamicRef"})
# The keywords of a schema that hold data, not schemas.
_DATA = frozenset({"default", "enum", "const", "examples"})
# The constructors whose call with one literal is data too: `Path("data")`, `Decimal("0.1")`.
_CONSTRUCTORS = frozenset({"Path", "PurePath", "Decimal", "date", "datetime"})


def schema_of_annotation(node: ast.expr) -> Schema | None:
    """Return the schema that an annotation states, None where it is none that a value could be checked against."""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return dict(_NAMED["None"])
        return _quoted_annotation(node.value) if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([schema_of_annotation(node.left), schema_of_annotation(node.right)])
    name = _last_name(node)
    if name in _NAMED:
        return dict(_NAMED[name])
    if name in _SEQUENCES:
        return {"type": "array", "x-python": _SEQUENCES[name]}
    if name in _MAPPINGS:
        return {"type": "object", "x-python": "dict"}
    return _subscript(node) if isinstance(node, ast.Subscript) else None


def _quoted_annotation(text: str) -> Schema | None:
    try:
        return schema_of_annotation(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError):
        return None


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _subscript(node: ast.Subscript) -> Schema | None:
    name = _last_name(node.value)
    inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Optional":
        return _union([schema_of_annotation(inner[0]), dict(_NAMED["None"])])
    if name == "Union":
        return _union([schema_of_annotation(i) for i in inner])
    if name == "Literal":
        return _literal(inner)
    if name == "Final":
        return schema_of_annotation(inner[0])
    if name == "Annotated":
        return _annotated(inner)
    if name in _SEQUENCES:
        return _sequence(_SEQUENCES[name], inner)
    if name in _MAPPINGS:
        values = schema_of_annotation(inner[-1])
        return {"type": "object", "x-python": "dict"} | ({"additionalProperties": values} if values else {})
    return None


def _union(options: list[Schema | None]) -> Schema | None:
    known = [o for o in options if o is not None]
    if len(known) != len(options):
        return None
    plain = [o for o in known if o["x-python"] != "None"]
    if len(plain) == 1 and len(known) > 1 and isinstance(plain[0].get("type"), str):
        only = dict(plain[0])
        return only | {"type": [only["type"], "null"]} | ({"enum": [*only["enum"], None]} if "enum" in only else {})
    return known[0] if len(known) == 1 else {"anyOf": known, "x-python": "union"}


def _literal(inner: list[ast.expr]) -> Schema | None:
    try:
        values = [ast.literal_eval(i) for i in inner]
    except ValueError:
        return None
    kinds = {type(v).__name__ for v in values if v is not None}
    names = {"str": "string", "int": "integer", "bool": "boolean"}
    if not kinds <= names.keys():
        return None
    types = [names[k] for k in sorted(kinds)] + (["null"] if None in values else [])
    return {"type": types[0] if len(types) == 1 else types, "enum": values, "x-python": min(kinds, default="None")}


def _annotated(inner: list[ast.expr]) -> Schema | None:
    schema = schema_of_annotation(inner[0])
    notes = [i.value for i in inner[1:] if isinstance(i, ast.Constant) and isinstance(i.value, str)]
    if schema is not None and "secret" in notes and schema.get("x-python") == "str":
        return dict(_NAMED["Secret"])
    return schema if schema is None or not notes else schema | {"description": notes[0]}


def _sequence(python: str, inner: list[ast.expr]) -> Schema:
    schema: Schema = {"type": "array", "x-python": python}
    open_ended = python == "list" or (isinstance(inner[-1], ast.Constant) and inner[-1].value is Ellipsis)
    items = [schema_of_annotation(i) for i in (inner[:1] if open_ended else inner)]
    if None in items:
        return schema
    if open_ended:
        return schema | {"items": items[0]}
    return schema | {"prefixItems": items, "items": False, "minItems": len(items), "maxItems": len(items)}


def default_of(node: ast.expr) -> tuple[bool, Any]:
    """Return whether an expression is plain data, and which: literals, and `Path`, `Decimal`, `date` of literals."""
    try:
        return True, ast.literal_eval(_as_literal(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if not (isinstance(node, ast.Call) and not node.keywords and _last_name(node.func) in _CONSTRUCTORS):
        return False, None
    try:
        arguments = [ast.literal_eval(a) for a in node.args]
        makers: dict[str, Callable[..., Any]] = {"Decimal": Decimal, "date": date, "datetime": datetime}
        return True, makers.get(_last_name(node.func), PurePath)(*arguments)
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
        return dict(_NAMED["Path"])
    name = type(value).__name__
    if name in _NAMED and value is not None:
        return dict(_NAMED[name])
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
    words = {
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
    stated = " or ".join(words.get(t, t) for t in ([types] if isinstance(types, str) else types)) or "any plain value"
    limits = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    return stated + "".join(f", {word} {schema[key]}" for key, word in limits.items() if key in schema)


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
