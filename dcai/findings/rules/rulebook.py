"""The user's own rules: plain conditions, read from text into a checked syntax tree; nothing of it is ever executed.

A rule names columns and compares them: ``age >= 0``, ``start <= end``, ``0 <= share <= 1``, ``country in ['DE', 'FR']``,
``len(code) == 5``, ``email matches '[^@]+@[^@]+'`` (the whole cell), ``name contains ' '``, ``not missing(name)``,
``unique(code)``, ``country != 'DE' or zip matches '[0-9]{5}'``. Column names with spaces or signs stand between
backticks. Numbers may be added, subtracted, multiplied and divided; the difference of two dates is a number of days. Texts
between quotes are taken as they are written, without escapes. Where a cell is empty, a rule about it is unknown, not
broken: ``not missing(age)`` is how to demand a value.
"""

from __future__ import annotations

import ast
import math
import re
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dcai.base.errors import InputError, shorten
from dcai.base.table import Table
from dcai.findings.rules.expressions import FUNCTIONS, TESTS, evaluate
from dcai.findings.rules.operands import Marks, Unfit

LONGEST = 2_000
DEEPEST = 60
_PIECES = re.compile(r"`([^`]*)`|('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", re.DOTALL)
_INFIX = re.compile(rf"(?:\b(not)\s+)?\b({'|'.join(TESTS)})\s+r?\s*\Z")
_EXAMPLES = "Expected a condition such as \"age >= 0\", \"country in ['DE', 'FR']\" or \"code matches '[0-9]{5}'\"."
_WORDS = (ast.And, ast.Or, ast.Not, ast.Invert, ast.USub, ast.UAdd, ast.BitAnd, ast.BitOr)
_SIGNS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Load)
_TESTS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot)
_LISTS = (ast.List, ast.Tuple, ast.Set)
_NODES = (ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.IfExp, ast.Call, ast.Name, ast.Constant)


@dataclass(frozen=True, eq=False)
class Rule:
    """A condition that every row should meet.

    Attributes
    ----------
    text : str
        As the user wrote it.
    name : str
        What the user calls it; empty where it has no name.
    tree : ast.expr
        Checked: only what `evaluate` knows is in it.
    columns : mapping of str to str
        The identifiers in the tree, and the columns that they stand for.
    """

    text: str
    name: str
    tree: ast.expr
    columns: Mapping[str, str]

    def holds(self, table: Table) -> tuple[Marks, Marks]:
        """Say in which rows it holds, and in which that is known."""
        try:
            return evaluate(self.tree, table, self.columns)
        except Unfit as reason:
            raise InputError(f"{_name(self.text)} cannot be evaluated: {reason}. {_EXAMPLES}") from reason


class Break(NamedTuple):
    """The rows that break one rule: of one column, or as a whole where it speaks of several."""

    rows: npt.NDArray[np.intp]
    rule: str
    columns: tuple[str, ...]
    known: int


def read_rules(table: Table, rules: Any) -> Any:
    """Read the rules of a user: a tuple of `Rule`, a pandera schema as it is, or None where there are none.

    Raises
    ------
    InputError
        Where a rule cannot be read, names an unknown column, or compares what cannot be compared.
    """
    if rules is None or _is_read(rules) or is_schema(rules):
        return rules
    if isinstance(rules, str):
        rules = [rules]
    if isinstance(rules, Mapping):
        named = [(str(name), text) for name, text in rules.items()]
    elif isinstance(rules, Sequence):
        named = [("", text) for text in rules]
    else:
        raise _wrong_rules(rules)
    if not named or not all(isinstance(text, str) for _, text in named):
        raise _wrong_rules(rules)
    found = tuple(read_rule(text, table, name) for name, text in named)
    for rule in found:
        rule.holds(table)  # says at once, and not after minutes, what cannot be compared
    return found


def _is_read(rules: object) -> bool:
    return isinstance(rules, tuple) and bool(rules) and all(isinstance(r, Rule) for r in rules)


def _wrong_rules(rules: object) -> InputError:
    expected = "a list of conditions, a mapping of names to conditions, or a pandera schema"
    return InputError.wrong_value("rules", "audit", expected, rules, _EXAMPLES)


def is_schema(rules: object) -> bool:
    """Say whether a value is a schema of pandera, without loading it."""
    kinds = rules.__mro__ if isinstance(rules, type) else type(rules).__mro__
    return any(kind.__module__.split(".")[0] == "pandera" for kind in kinds) and hasattr(rules, "validate")


def read_rule(text: str, table: Table, name: str = "") -> Rule:
    """Read one condition."""
    if len(text) > LONGEST:
        raise InputError(f"{_name(text)} is longer than {LONGEST:,} characters. Write several shorter ones.")
    columns = {unicodedata.normalize("NFKC", str(c)): str(c) for c in table.frame.columns}
    source = _to_python(text, columns, table)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the style of programs
            tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise InputError(
            f"{_name(text)} cannot be read: {said}. {_EXAMPLES} Column names with spaces or signs stand between backticks: `unit price` > 0."
        ) from error
    _check(tree, text, columns, table, 0)
    named = {n.id: columns[n.id] for n in _names(tree)}
    if not named:
        raise InputError(f"{_name(text)} names no column. {_EXAMPLES}")
    return Rule(text, name, tree, named)


def _name(text: str) -> str:
    return f"The rule {shorten(text, 200)!r} of audit"


def _to_python(text: str, columns: dict[str, str], table: Table) -> str:
    """Write a rule as one Python expression: names in backticks become identifiers, `x matches '...'` a comparison."""
    made, start = "", 0
    for found in _PIECES.finditer(text):
        made += text[start : found.start()]
        start = found.end()
        if found[1] is not None:
            made += f" {_stand_in(found[1], text, columns, table)} "
            continue
        infix = _INFIX.search(made)
        # Texts are taken as they are written: a pattern's backslash is a backslash.
        literal = f"r{found[2]}"
        if infix is None:
            made = re.sub(r"(?<!\w)[rR]\Z", "", made) + literal
        else:
            word = " not in " if infix[1] else " in "
            made = f"{made[: infix.start()]}{word}{infix[2]}({literal})"
    return (made + text[start:]).strip().replace("\n", " ")


def _stand_in(name: str, text: str, columns: dict[str, str], table: Table) -> str:
    if name not in table.frame.columns:
        raise InputError.unknown_name("column", name, table.frame.columns, f"It stands in the rule {shorten(text)!r}.")
    made = f"column_{list(table.frame.columns).index(name)}"
    while made in columns and columns[made] != name:
        made += "_"
    columns[made] = name
    return made


def _names(tree: ast.expr) -> list[ast.Name]:
    """List the names that stand for columns: all but those of the functions that are called."""
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return [n for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called]


def _check(node: ast.AST, text: str, columns: Mapping[str, str], table: Table, depth: int) -> None:
    """Refuse everything in a tree that is not on the list."""
    if depth > DEEPEST:
        raise InputError(f"{_name(text)} is nested too deeply. Write several simpler ones.")
    if isinstance(node, (*_WORDS, *_SIGNS, *_TESTS)):
        return
    if isinstance(node, ast.Compare):
        _check_compare(node, text)
    elif isinstance(node, ast.Call):
        _check_call(node, text)
    elif isinstance(node, ast.Name) and node.id not in columns:
        raise InputError.unknown_name(
            "column", node.id, table.frame.columns, f"It stands in the rule {shorten(text)!r}."
        )
    elif isinstance(node, ast.Constant) and not isinstance(node.value, (bool, int, float, str, type(None))):
        raise InputError(f"{_name(text)} holds {shorten(repr(node.value))}, which is neither a number nor a text.")
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not _is_float(node.value):
        raise InputError(f"{_name(text)} holds a number that is too large: {shorten(repr(node.value), 40)}.")
    elif not isinstance(node, _NODES):
        raise InputError(f"{_name(text)} holds {_kind(node)}, which rules do not know. {_EXAMPLES}")
    for part in _parts(node):
        _check(part, text, columns, table, depth + 1)


def _is_float(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _parts(node: ast.AST) -> list[ast.AST]:
    """List what has to be checked within a node: for a list, which only a comparison has, what is in it."""
    if isinstance(node, ast.Call):
        return list(node.args)
    inside = [part.elts if isinstance(part, _LISTS) else [part] for part in ast.iter_child_nodes(node)]
    return (
        [part for parts in inside for part in parts]
        if isinstance(node, ast.Compare)
        else list(ast.iter_child_nodes(node))
    )


def _kind(node: ast.AST) -> str:
    special: dict[type[ast.AST], str] = {
        ast.Attribute: "a name with a point",
        ast.Subscript: "square brackets after a name",
        ast.Lambda: "a function",
        ast.Pow: "a power",
        ast.List: "a list that nothing is looked up in",
        ast.Tuple: "a comma outside of a function or list",
    }
    return special.get(type(node), f"the construct {type(node).__name__}")


def _check_compare(node: ast.Compare, text: str) -> None:
    if isinstance(node.left, _LISTS):
        raise InputError(f"{_name(text)} begins with a list. Write 'x in [...]'.")
    for operator, right in zip(node.ops, node.comparators, strict=True):
        empty = isinstance(right, ast.Constant) and right.value is None
        if isinstance(operator, (ast.Is, ast.IsNot)) != empty:
            raise InputError(
                f"{_name(text)} compares with None, or asks what something is. Write 'x is None' or 'x is not None'."
            )
        listed = isinstance(right, _LISTS)
        if listed and right is not node.comparators[-1]:
            raise InputError(f"{_name(text)} compares with a list. Write 'x in [...]', and join conditions by 'and'.")
        if listed and not isinstance(operator, (ast.In, ast.NotIn)):
            raise InputError(f"{_name(text)} compares with a list. Write 'x in [...]'.")
        if listed and not all(isinstance(part, ast.Constant) or _is_negative(part) for part in right.elts):  # type: ignore[attr-defined]  # a list has them
            raise InputError(f"{_name(text)} has a list that holds more than numbers and texts.")


def _is_negative(node: ast.AST) -> bool:
    operand = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else None
    return isinstance(operand, ast.Constant) and isinstance(operand.value, (int, float))


def _check_call(node: ast.Call, text: str) -> None:
    if not isinstance(node.func, ast.Name) or node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
        raise InputError(f"{_name(text)} calls something that is no function of rules. Known: {', '.join(FUNCTIONS)}.")
    if node.func.id not in FUNCTIONS:
        raise InputError.unknown_name("function", node.func.id, FUNCTIONS, f"It stands in the rule {shorten(text)!r}.")
    _, least, most = FUNCTIONS[node.func.id]
    given = len(node.args)
    if not (least <= given <= most or (given == 1 and node.func.id in TESTS)):
        expected = str(least) if least == most else f"{least} to {most}"
        raise InputError(f"{_name(text)} gives {node.func.id} {given} values. Expected {expected}.")
