"""Conditions on rows, evaluated over whole columns: an evaluator of our own over the syntax tree, with nothing to escape to.

A condition is true, false or, where a cell that it speaks of is empty or of another kind, unknown: as in SQL.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.errors import shorten
from dcai.base.table import Table
from dcai.findings.rules.operands import (
    Marks,
    Unfit,
    Value,
    make_constant,
    map_texts,
    read_column,
    to_date,
    to_number,
    to_text,
)

NUMERIC_SHARE = 0.95  # a column of texts is compared as numbers or dates where this share of it is
_DAY = np.timedelta64(86_400, "s")


def evaluate(tree: ast.expr, table: Table, columns: Mapping[str, str]) -> tuple[Marks, Marks]:
    """Evaluate a checked condition: which rows it holds in, and in which it is known, shape (n,) each."""
    found = _visit(tree, table, columns)
    if found.kind != "truth":
        raise Unfit(f"it is no condition: it gives {_PLURALS[found.kind]}, not yes or no")
    shape = (len(table),)
    return np.broadcast_to(found.data, shape), np.broadcast_to(found.known, shape)


_PLURALS = {"number": "numbers", "text": "texts", "date": "dates", "truth": "yes or no"}


def _visit(node: ast.expr, table: Table, columns: Mapping[str, str]) -> Value:
    def visit(part: ast.expr) -> Value:
        return _visit(part, table, columns)

    if isinstance(node, ast.Constant):
        return make_constant(node.value)
    if isinstance(node, ast.Name):
        return read_column(table, columns[node.id])
    if isinstance(node, ast.BoolOp):
        join = _both if isinstance(node.op, ast.And) else _either
        parts = [_truth(visit(part)) for part in node.values]  # noqa: PD011 (a node of a syntax tree)
        return reduce(join, parts)
    if isinstance(node, ast.UnaryOp):
        return _unary(node.op, visit(node.operand))
    if isinstance(node, ast.BinOp):
        return _binary(node.op, visit(node.left), visit(node.right))
    if isinstance(node, ast.IfExp):
        test, yes, no = (_truth(visit(part)) for part in (node.test, node.body, node.orelse))
        return _either(_both(test, yes), _both(_not(test), no))
    if isinstance(node, ast.Compare):
        return _chain(node, visit)
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    return call(node.func.id, [visit(part) for part in node.args])


# ---------------------------------------------------------------- yes, no, unknown


def _truth(value: Value) -> Value:
    if value.kind != "truth":
        raise Unfit(f"'and', 'or', 'not' and 'if' join conditions, and {value.name} is none")
    return value


def _both(a: Value, b: Value) -> Value:
    known = (a.known & b.known) | (a.known & ~a.data) | (b.known & ~b.data)
    return Value("truth", a.data & b.data, known, "a condition")


def _either(a: Value, b: Value) -> Value:
    return _not(_both(_not(a), _not(b)))


def _not(a: Value) -> Value:
    return Value("truth", ~a.data, a.known, "a condition")


# ---------------------------------------------------------------- arithmetic


def _unary(operator: ast.unaryop, value: Value) -> Value:
    if isinstance(operator, (ast.Not, ast.Invert)):
        return _not(_truth(value))
    numbers = to_number(value)
    sign = -1.0 if isinstance(operator, ast.USub) else 1.0
    return Value("number", sign * numbers.data, numbers.known, value.name, value.constant)


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
}


def _binary(operator: ast.operator, a: Value, b: Value) -> Value:
    if isinstance(operator, ast.BitAnd):
        return _both(_truth(a), _truth(b))
    if isinstance(operator, ast.BitOr):
        return _either(_truth(a), _truth(b))
    if isinstance(operator, ast.Sub) and "date" in (a.kind, b.kind):
        a, b = to_date(a), to_date(b)
        days = (a.data - b.data) / _DAY
        return Value("number", np.asarray(days), a.known & b.known, "a number of days")
    a, b = to_number(a), to_number(b)
    with np.errstate(all="ignore"):  # what is no number in the end is unknown
        data = np.asarray(_ARITHMETIC[type(operator)](a.data, b.data))
    finite = np.isfinite(data)
    return Value(
        "number", np.where(finite, data, 0.0), a.known & b.known & finite, "a number", a.constant and b.constant
    )


# ---------------------------------------------------------------- comparisons

_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}


def _chain(node: ast.Compare, visit: Callable[[ast.expr], Value]) -> Value:
    found, left = None, node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        part = _compare(operator, visit(left), right, visit)
        found, left = part if found is None else _both(found, part), right
    assert found is not None
    return found


def _compare(operator: ast.cmpop, a: Value, right: ast.expr, visit: Callable[[ast.expr], Value]) -> Value:
    if isinstance(operator, (ast.Is, ast.IsNot)):
        empty = is_missing(a)
        return empty if isinstance(operator, ast.Is) else _not(empty)
    if isinstance(operator, (ast.In, ast.NotIn)):
        found = _within(a, right, visit)
        return found if isinstance(operator, ast.In) else _not(found)
    a, b = _align(a, visit(right), equality=isinstance(operator, (ast.Eq, ast.NotEq)))
    return Value(
        "truth", np.asarray(_ORDER[type(operator)](a.data, b.data), dtype=bool), a.known & b.known, "a condition"
    )


def _align(a: Value, b: Value, *, equality: bool) -> tuple[Value, Value]:
    """Bring two values to one kind."""
    kinds = {a.kind, b.kind}
    if kinds == {"text"}:
        if equality:
            return a, b
        if _are_mostly(to_number, a, b):
            return to_number(a), to_number(b)
        return (to_date(a), to_date(b)) if _are_mostly(to_date, a, b) else (a, b)
    if len(kinds) == 1:
        return a, b
    if "date" in kinds:
        return to_date(a), to_date(b)
    if kinds == {"truth", "text"}:
        return tuple(_lower(to_text(v)) for v in (a, b))  # type: ignore[return-value]  # two of them
    return to_number(a), to_number(b)


def _are_mostly(read: Callable[[Value], Value], *values: Value) -> bool:
    for value in values:
        try:
            known = read(value).known
        except Unfit:
            return False
        filled = value.known & (value.data != "")
        if known.sum() < NUMERIC_SHARE * filled.sum():
            return False
    return True


def _lower(value: Value) -> Value:
    return map_texts(value, str.lower, "text")


def _within(a: Value, right: ast.expr, visit: Callable[[ast.expr], Value]) -> Value:
    """Look a value up in a list, or for one text in another; `x in matches('...')` is how `x matches '...'` is read."""
    if (
        isinstance(right, ast.Call)
        and isinstance(right.func, ast.Name)
        and len(right.args) == 1
        and right.func.id in TESTS
    ):
        return call(right.func.id, [a, visit(right.args[0])])
    if not isinstance(right, (ast.List, ast.Tuple, ast.Set)):
        return call("contains", [visit(right), a])
    values = [ast.literal_eval(part) for part in right.elts]
    filled = [v for v in values if v is not None]
    numeric = a.kind == "number" or (a.kind == "text" and filled and all(isinstance(v, (int, float)) for v in filled))
    if numeric:
        a = to_number(a)
        listed: Any = [float(to_number(make_constant(v)).data) for v in filled]
    elif a.kind == "date":
        listed = [to_date(make_constant(v)).data[()] for v in filled]
    else:
        a = to_text(a)
        listed = [str(to_text(make_constant(v)).data) for v in filled]
    data = pd.Series(np.atleast_1d(a.data)).isin(listed).to_numpy(dtype=bool).reshape(a.data.shape)
    if len(filled) < len(values):  # None is in the list: an empty cell is one of the values
        return Value("truth", ~a.known | data, np.ones_like(a.known), "a condition")
    return Value("truth", data, a.known, "a condition")


# ---------------------------------------------------------------- functions


def is_missing(value: Value) -> Value:
    """Say where a cell is empty, or holds nothing but spaces."""
    empty = ~value.known
    if value.kind == "text":
        empty = empty | ~map_texts(value, lambda v: bool(v.strip()), "truth").data
    return Value("truth", empty, np.ones_like(empty), "a condition")


def _test(value: Value, pattern: Value, make: Callable[[str], Callable[[str], Any]]) -> Value:
    if pattern.kind != "text" or not pattern.constant:
        raise Unfit(f"what to look for must be a text between quotes, and {pattern.name} is none")
    return map_texts(value, make(str(pattern.data)), "truth")


def _match(pattern: str) -> Callable[[str], Any]:
    try:
        compiled = re.compile(pattern)
        slow = _repeats_repeats(re._parser.parse(pattern))  # type: ignore[attr-defined]  # noqa: SLF001 (no public parser)
    except (re.error, OverflowError, RecursionError) as error:
        raise Unfit(f"{shorten(pattern)!r} is no regular expression that can be used ({error})") from error
    if slow:
        raise Unfit(
            f"{shorten(pattern)!r} repeats a repetition without end, which may take forever; write it with one of them"
        )
    return lambda text: compiled.fullmatch(text) is not None


def _repeats_repeats(parsed: Any, *, inside: bool = False) -> bool:
    """Say whether a repetition without end stands in another one: matching may then take exponential time."""
    if isinstance(parsed, (list, tuple)) or hasattr(parsed, "data"):
        items = list(parsed)
        if len(items) == 2 and str(items[0]) in ("MAX_REPEAT", "MIN_REPEAT"):  # noqa: PLR2004 (name and arguments)
            endless = items[1][1] >= re._constants.MAXREPEAT  # type: ignore[attr-defined]  # noqa: SLF001 (no public parser)
            return (inside and endless) or _repeats_repeats(items[1][2], inside=inside or endless)
        return any(_repeats_repeats(item, inside=inside) for item in items)
    return False


def _contains(value: Value, part: Value) -> Value:
    if part.constant:
        return _test(value, part, lambda p: lambda text: p in text)
    whole, piece = to_text(value), to_text(part)
    pairs = np.broadcast_arrays(whole.data, piece.data)
    data = np.array([p in w for w, p in zip(*pairs, strict=True)], dtype=bool)
    return Value("truth", data, whole.known & piece.known, "a condition")


def _part(value: Value, name: str) -> Value:
    dates = to_date(value)
    read = getattr(pd.Series(np.atleast_1d(dates.data)).dt, name)
    return Value("number", read.to_numpy(dtype=float).reshape(dates.data.shape), dates.known, f"{name}({value.name})")


def _round(value: Value, digits: Value | None = None) -> Value:
    numbers = to_number(value)
    places = 0 if digits is None else int(to_number(digits).data.flat[0])
    return Value("number", np.round(numbers.data, min(max(places, -300), 300)), numbers.known, value.name)


def _extreme(choose: Callable[[Any, Any], Any], *values: Value) -> Value:
    found = to_number(values[0])
    for value in map(to_number, values[1:]):
        found = Value("number", choose(found.data, value.data), found.known & value.known, "a number")
    return found


def _unique(*values: Value) -> Value:
    """Say where a value, or a combination of values, stands in one row only."""
    texts = [to_text(v) for v in values]
    if any(v.data.ndim == 0 for v in texts):
        raise Unfit("unique takes columns")
    known = np.logical_and.reduce([v.known for v in texts])
    twice = pd.DataFrame({i: v.data for i, v in enumerate(texts)})[known].duplicated(keep=False).to_numpy()
    data = np.ones(len(known), dtype=bool)
    data[known] = ~twice
    return Value("truth", data, known, "a condition")


def _absolute(value: Value) -> Value:
    numbers = to_number(value)
    return Value("number", np.abs(numbers.data), numbers.known, value.name)


# Name: what it does, and how many values it takes at least and at most.
FUNCTIONS: dict[str, tuple[Callable[..., Value], int, int]] = {
    "len": (lambda v: map_texts(v, len, "number"), 1, 1),
    "lower": (_lower, 1, 1),
    "upper": (lambda v: map_texts(v, str.upper, "text"), 1, 1),
    "strip": (lambda v: map_texts(v, str.strip, "text"), 1, 1),
    "abs": (_absolute, 1, 1),
    "round": (_round, 1, 2),
    "min": (lambda *v: _extreme(np.minimum, *v), 2, 20),
    "max": (lambda *v: _extreme(np.maximum, *v), 2, 20),
    "number": (to_number, 1, 1),
    "text": (to_text, 1, 1),
    "date": (to_date, 1, 1),
    "year": (lambda v: _part(v, "year"), 1, 1),
    "month": (lambda v: _part(v, "month"), 1, 1),
    "day": (lambda v: _part(v, "day"), 1, 1),
    "missing": (is_missing, 1, 1),
    "unique": (_unique, 1, 20),
    "matches": (lambda v, p: _test(v, p, _match), 2, 2),
    "contains": (_contains, 2, 2),
    "startswith": (lambda v, p: _test(v, p, lambda q: lambda t: t.startswith(q)), 2, 2),
    "endswith": (lambda v, p: _test(v, p, lambda q: lambda t: t.endswith(q)), 2, 2),
}
TESTS = ("matches", "contains", "startswith", "endswith")


def call(name: str, values: list[Value]) -> Value:
    """Call one of the functions."""
    if len(values) < FUNCTIONS[name][1]:
        raise Unfit(f"{name} is not told where to look: write x {name} '...'")
    return FUNCTIONS[name][0](*values)
