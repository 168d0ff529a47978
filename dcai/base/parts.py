r"""Cells that hold several values: read into their parts, and written back in the manner in which they stood.

A cell is a list, tuple, set or array of plain values; or text: a list as JSON or as Python writes it, or values between
one separator (white space for tokens and their tags, ``|`` or ``;`` for classes). Its plain form is the JSON text of the
list, so a cell that went through CSV, Parquet or polars is the same cell.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Any

from dcai.base.records import Scalar

SPACE = " "  # as a separator: any white space
LONGEST = 1_000_000  # characters of a text that is read as a list
_WORDS = re.compile(r"\S+")


def list_of(value: object) -> list[Any] | None:
    """Return the elements of a list, tuple, set or one-dimensional array of text, integers or booleans; else None.

    Sets are sorted. An array of floats is a vector, and stays one.

    Examples
    --------
    >>> list_of(("b", "a")), list_of({"b", "a"}), list_of("ab")
    (['b', 'a'], ['a', 'b'], None)
    """
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=lambda v: (str(type(v)), str(v)))
    if isinstance(value, (list, tuple)):
        return list(value)
    if type(value).__name__ == "ndarray":
        array: Any = value
        return list(array.tolist()) if array.ndim == 1 and array.dtype.kind in "OUTSiub" else None
    return None


def read_list(text: str) -> list[Scalar] | None:
    """Read a text that is a flat list, as JSON or exactly as Python writes it; None where it is none.

    Examples
    --------
    >>> read_list('["a", 1]'), read_list("['a', 1]"), read_list("['a' 'b']"), read_list("[a]")
    (['a', 1], ['a', 1], None, None)
    """
    bare = text.strip()
    if bare[:1] != "[" or bare[-1:] != "]" or len(bare) > LONGEST:
        return None
    try:
        found = json.loads(bare)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(bare)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return None
        # Python joins 'a' 'b' to one text: only what it would write itself is a list.
        if str(found) != bare:
            return None
    flat = isinstance(found, list) and all(v is None or isinstance(v, (str, int, float, bool)) for v in found)
    return found if flat else None


def write_list(parts: Sequence[Scalar]) -> str:
    """Write parts as the plain form of a list.

    Examples
    --------
    >>> write_list(["a", 1])
    '["a", 1]'
    """
    return json.dumps(list(parts), ensure_ascii=False)


def read_parts(plain: Scalar, separator: str | None) -> list[Scalar] | None:
    """Read the plain form of a cell into its parts; None for an empty cell, and for what is no list where it must be.

    Parameters
    ----------
    plain : scalar
        The cell's plain form.
    separator : str, optional
        What stands between the parts of a text that is no list; None: there is none, the text must be a list.

    Examples
    --------
    >>> read_parts("a | b", "|"), read_parts('["a"]', "|"), read_parts("O O B", SPACE), read_parts("a", None)
    (['a', 'b'], ['a'], ['O', 'O', 'B'], None)
    """
    if plain is None:
        return None
    if isinstance(plain, str):
        listed = read_list(plain)
        if listed is not None:
            return listed
        if separator == SPACE:
            return list(_WORDS.findall(plain)) or None
        if separator is not None:
            return [part.strip() for part in plain.split(separator) if part.strip()] or None
        return None
    return None if separator is None else [plain]


def replace_parts(plain: Scalar, separator: str | None, changes: dict[int, Scalar]) -> Scalar:
    """Return the plain form of a cell with some of its parts, by position, replaced; all else stays as it is written.

    Examples
    --------
    >>> replace_parts("O  O B", SPACE, {1: "I"}), replace_parts('["O", "O"]', None, {0: "B"})
    ('O  I B', '["B", "O"]')
    """
    if isinstance(plain, str) and separator == SPACE and read_list(plain) is None:
        words = list(_WORDS.finditer(plain))
        for place in sorted((i for i in changes if i < len(words)), reverse=True):
            start, end = words[place].span()
            plain = f"{plain[:start]}{changes[place]}{plain[end:]}"
        return plain
    parts = read_parts(plain, separator) or []
    return write_parts([changes.get(i, part) for i, part in enumerate(parts)], plain, separator)


def write_parts(parts: Sequence[Scalar], like: Scalar, separator: str | None) -> Scalar:
    """Write parts in the manner of another cell: as a list where that is one, else with the separator (and its spaces).

    Examples
    --------
    >>> write_parts(["a", "b"], "c | d", "|"), write_parts(["a"], '["b"]', None), write_parts(["a", "b"], "c", "|")
    ('a | b', '["a"]', 'a|b')
    """
    if separator is None or (isinstance(like, str) and read_list(like) is not None):
        return write_list(parts)
    around = re.search(rf"\s*{re.escape(separator)}\s*", like) if isinstance(like, str) and separator.strip() else None
    return (around.group() if around else separator).join(str(part) for part in parts)


def part_of(plain: Scalar, part: int) -> Scalar:
    """Return one part of the plain form of a cell of tokens or tags; None where there is none.

    Examples
    --------
    >>> part_of("O O B", 2), part_of('["O"]', 0), part_of("O", 3)
    ('B', 'O', None)
    """
    parts = read_parts(plain, SPACE) or []
    return parts[part] if 0 <= part < len(parts) else None


def to_list(text: str, like: object) -> Any:
    """Turn the plain form of a list into the kind of object that another cell is: list, tuple, set or array.

    Examples
    --------
    >>> to_list('["a"]', ("b",)), to_list('["a"]', {"b"})
    (('a',), {'a'})
    """
    found = read_list(text)
    if found is None:
        raise ValueError(f"{text[:60]!r} is no list")
    if isinstance(like, (tuple, set, frozenset)):
        return type(like)(found)
    if type(like).__name__ == "ndarray":
        import numpy as np

        kept: Any = like
        return np.array([*found, None], dtype=object)[:-1].astype(kept.dtype)
    return found


def order_set(parts: Sequence[Scalar], cell: object, separator: str | None) -> list[Scalar]:
    """Put the parts of a set into the order that its cell has: what stays as it stood, then what comes; a set is sorted.

    Examples
    --------
    >>> order_set(["a", "b", "c"], ["c", "a"], None), order_set(["b", "a"], {"c"}, None)
    (['c', 'a', 'b'], ['a', 'b'])
    """
    if isinstance(cell, (set, frozenset)):
        return list_of(set(parts)) or []
    held = list_of(cell)
    if held is None:
        held = read_parts(cell if isinstance(cell, (str, int, float, bool)) else None, separator) or []
    place = {str(part): i for i, part in reversed(list(enumerate(held)))}
    return sorted(dict.fromkeys(parts), key=lambda part: place.get(str(part), len(held)))
