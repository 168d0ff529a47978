"""Annotations read as JSON Schemas: types, choices, limits and secrets, by their syntax alone."""

from __future__ import annotations

import ast
import re
from typing import Any

Schema = dict[str, Any]

_DECIMAL = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
# Annotated names, by their last part: `date`, `dt.date` and `datetime.date` are the same to a reader.
NAMED: dict[str, Schema] = {
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
# Where a schema keeps the limits that its annotation states and nobody can check without running it.
UNCHECKED = "x-unchecked"
# Calls in an annotation that limit values, with the names of what they take by position.
_LIMITS: dict[str, tuple[str, ...]] = {
    "Ge": ("ge",), "Gt": ("gt",), "Le": ("le",), "Lt": ("lt",), "Interval": (), "Field": (), "MultipleOf": ("multiple_of",),
    "MinLen": ("min_length",), "MaxLen": ("max_length",), "Len": ("min_length", "max_length"),
}  # fmt: skip
_KEYWORDS: dict[str, str | tuple[str, str, str]] = {
    "ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum", "multiple_of": "multipleOf",
    "pattern": "pattern", "min_length": ("minLength", "minItems", "minProperties"),
    "max_length": ("maxLength", "maxItems", "maxProperties"),
}  # fmt: skip
# Texts whose length says nothing: they stand for another kind of value.
_TEXTS = frozenset({"date", "datetime", "Decimal"})
_TYPE_COMMENT = re.compile(r"type:\s*(\S.*)")


def schema_of_annotation(node: ast.expr) -> Schema | None:
    """Return the schema that an annotation states, None where it is none that a value could be checked against."""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return dict(NAMED["None"])
        return _quoted_annotation(node.value) if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([schema_of_annotation(node.left), schema_of_annotation(node.right)])
    name = last_name(node)
    if name in NAMED:
        return dict(NAMED[name])
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


def last_name(node: ast.expr) -> str:
    """Return `date` of `date`, `dt.date` and `datetime.date`: the same to a reader."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _subscript(node: ast.Subscript) -> Schema | None:
    name = last_name(node.value)
    inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Optional":
        return _union([schema_of_annotation(inner[0]), dict(NAMED["None"])])
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
    """Read `Annotated[int, "help", Ge(0)]`; what limits a value and cannot be read is kept, to be told."""
    schema = schema_of_annotation(inner[0])
    if schema is None:
        return None
    notes = [i.value for i in inner[1:] if isinstance(i, ast.Constant) and isinstance(i.value, str)]
    if "secret" in notes and schema.get("x-python") == "str":
        return dict(NAMED["Secret"])
    schema |= {"description": notes[0]} if notes else {}
    for call in (i for i in inner[1:] if isinstance(i, ast.Call)):
        _limit(schema, call)
    return schema


def _limit(schema: Schema, call: ast.Call) -> None:
    """Add what one call in an annotation says of the values: `Ge(0)`, `Interval(gt=0, le=1)`, `Field(ge=0, description="...")`."""
    name = last_name(call.func)
    if name == "Doc" and call.args and isinstance(call.args[0], ast.Constant):
        schema.setdefault("description", str(call.args[0].value))
    if name not in _LIMITS:
        return
    given = dict(zip(_LIMITS[name], call.args, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg}
    for key, node in given.items():
        if key == "description" and isinstance(node, ast.Constant):
            schema.setdefault("description", str(node.value))
        elif key in _KEYWORDS and not _take_limit(schema, key, node):
            schema.setdefault(UNCHECKED, []).append(f"{name}({key}={ast.unparse(node)})")


def _take_limit(schema: Schema, key: str, node: ast.expr) -> bool:
    """Add one limit as JSON Schema says it; False where it is no number, or limits no such values."""
    try:
        bound = ast.literal_eval(node)
    except (ValueError, TypeError):
        return False
    if bound is None:
        return True  # pydantic's and annotated_types' way to say nothing
    kinds = {"string": 0, "array": 1, "object": 2}
    types = schema.get("type", [])
    listed = [types] if isinstance(types, str) else list(types)
    keyword = _KEYWORDS[key]
    if isinstance(keyword, tuple):  # of a text, a list, a mapping
        places = [kinds[t] for t in listed if t in kinds and schema.get("x-python") not in _TEXTS]
        if not places or isinstance(bound, bool) or not isinstance(bound, int):
            return False
        schema[keyword[places[0]]] = bound
        return True
    if key == "pattern":
        fits = "string" in listed and isinstance(bound, str)
    else:
        fits = bool({"integer", "number"} & set(listed)) and type(bound) in (int, float) and bound - bound == 0
    if fits:
        schema[keyword] = bound
    return fits


def schema_of_comment(comment: str) -> tuple[Schema | None, str]:
    """Return the schema that a comment states as `type: int`, and what else the comment says.

    Examples
    --------
    >>> schema_of_comment("type: int  how many trees")[1]
    'how many trees'
    """
    found = _TYPE_COMMENT.match(comment)
    if found is None:
        return None, comment
    text, _, help_text = found[1].partition("#")
    words = text.split()
    # The longest beginning that is an annotation: `Dict[str, int] the weights`.
    for count in range(len(words), 0, -1):
        schema = _quoted_annotation(" ".join(words[:count]))
        if schema is not None:
            return schema, " ".join([*words[count:], help_text.strip(" #:-")]).strip()
    return None, help_text.strip(" #:-") if words[:1] and words[0].startswith("ignore") else comment


def _sequence(python: str, inner: list[ast.expr]) -> Schema:
    schema: Schema = {"type": "array", "x-python": python}
    open_ended = python == "list" or (isinstance(inner[-1], ast.Constant) and inner[-1].value is Ellipsis)
    items = [schema_of_annotation(i) for i in (inner[:1] if open_ended else inner)]
    if None in items:
        return schema
    if open_ended:
        return schema | {"items": items[0]}
    return schema | {"prefixItems": items, "items": False, "minItems": len(items), "maxItems": len(items)}
