"""Class names: the given labels as codes, with the spellings of one class recognised before anything else is asked."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical, distinct_cells, plain
from dcai.base.records import Scalar
from dcai.findings.cells.codes import sign_of
from dcai.findings.cells.spellings import distance, fold
from dcai.findings.wording import name_some

Codes = npt.NDArray[np.intp]

FEW = 3  # a spelling is a stray beside another when it has at most this many rows,
SMALL_SHARE = 0.02  # or this share of the other's,
CLEAR_FACTOR = 10  # and the other has this many times as many rows
_TYPO_LENGTH = 5
_WORD_LENGTH = 3
_LETTERS = 13  # as many as names would be made of, were all letters equally frequent
_BY_CHANCE = 0.05  # short names one slip apart that chance may bring among all pairs
_ROMAN = set("ivxlcdm")
_SEVERAL_ROWS = 2  # make a class of a word that else stands for an empty cell
_SEVERAL = (list, tuple, set, dict, np.ndarray)


@dataclass(frozen=True)
class Variant:
    """A spelling that stands beside another of the same class."""

    spelling: Scalar
    name: Scalar
    rows: int
    rows_of_name: int
    how: str
    sure: float


@dataclass(frozen=True, eq=False)
class Labels:
    """The label column as classes.

    Attributes
    ----------
    names : tuple of scalars
        The classes, by code: numbers by size, then text by letter.
    codes : array of int, shape (n,)
        The class of each row, -1 where there is no label.
    given : array of object, shape (n,)
        The cells as plain scalars, as they were given.
    variants : tuple of Variant
        Spellings that were counted as another class's.
    """

    names: tuple[Scalar, ...]
    codes: Codes
    given: npt.NDArray[np.object_]
    variants: tuple[Variant, ...]

    @cached_property
    def known(self) -> Codes:
        """The rows that have a label."""
        return np.flatnonzero(self.codes >= 0)

    @cached_property
    def mixed(self) -> tuple[Scalar, ...]:
        """The classes that are given both as text and as something else, such as 1 and "1"."""
        text = np.array([isinstance(v, str) for v in self.given[self.known]], dtype=np.bool_)
        both = np.intersect1d(self.codes[self.known][text], self.codes[self.known][~text])
        return tuple(self.names[code] for code in both)

    @cached_property
    def counts(self) -> npt.NDArray[np.intp]:
        """The number of rows of each class."""
        return np.bincount(self.codes[self.known], minlength=len(self.names))


def mark_class(value: object) -> str | None:
    """Write the text that stands for a class; None for an empty cell.

    Words such as NA or None, which programs read as an empty cell, may be names: of Namibia, or of no damage at all.

    Examples
    --------
    >>> mark_class(" 7.0"), mark_class("None"), mark_class("N/A"), mark_class(None)
    ('7', 'None', None, None)
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    mark = canonical(value)
    return value if mark is None and is_name_for_nothing(value) else mark


def is_name_for_nothing(value: object) -> TypeGuard[str]:
    """Say whether a label is a word that names a class in one table and stands for an empty cell in another."""
    return isinstance(value, str) and value.isalpha() and value.casefold() != "nan" and canonical(value) is None


def mark_cells(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Write the text of the class that each cell names, None where it names none."""
    codes, distinct = distinct_cells(column)
    return np.array([*map(mark_class, distinct), None], dtype=object)[codes]


def read_labels(column: pd.Series[Any], name: str) -> Labels:
    """Number the classes of a label column, one number for all spellings of a class.

    A word such as None or NA is a class where it has about as many rows as the others have; a rare one is no label.

    Raises
    ------
    InputError
        Where no row has a label, all have the same, or a cell holds a list.
    """
    _refuse_lists(column, name)
    codes, distinct = distinct_cells(column)
    spelt = [*map(plain, distinct), None]
    given = np.array(spelt, dtype=object)[codes]
    rows = np.bincount(codes[codes >= 0], minlength=len(distinct)).tolist()
    last = np.zeros(len(distinct) + 1, dtype=np.intp)
    last[codes] = np.arange(len(codes))
    marks = [mark_class(value) for value in spelt]
    _empty_rare_words(marks, rows)
    if not any(marks):
        raise InputError(
            f"The label column {name!r} is empty in all {len(given)} rows. Name another column, or give no label."
        )
    counts: dict[str, int] = {}
    spelled: dict[str | None, Scalar] = {}
    for place in np.argsort(last[:-1], kind="stable").tolist():  # of several spellings, the last in the table is shown
        if (mark := marks[place]) is not None:
            counts[mark] = counts.get(mark, 0) + rows[place]
            spelled[mark] = spelt[place]
    into, variants = _merge(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))), spelled)
    names = sorted(set(into.values()), key=_order)
    if len(names) < 2:  # noqa: PLR2004 (a comparison needs two)
        written = list(dict.fromkeys(str(v) for v, mark in zip(spelt, marks, strict=True) if mark is not None))
        value = repr(spelled[names[0]])
        same = f"the same value in every row, {value}" if sum(counts.values()) > 1 else f"one label only, {value}"
        raise InputError(
            f"The label column {name!r} has {same if len(written) == 1 else f'one class only, written {name_some(written)}'}. "
            "Expected at least two classes: name another column, or give no label."
        )
    numbers = {mark: number for number, mark in enumerate(names)}
    place_of = np.array([-1 if mark is None else numbers[into[mark]] for mark in marks], dtype=np.intp)
    return Labels(tuple(spelled[n] for n in names), place_of[codes], given, tuple(variants))


def _refuse_lists(column: pd.Series[Any], name: str) -> None:
    """Refuse a column in which some cell holds a list."""
    cells = column.to_numpy() if column.dtype == object else column.dropna().head(1).tolist()
    if not any(issubclass(kind, _SEVERAL) for kind in set(map(type, cells))):
        return
    listed = next(cell for cell in cells if isinstance(cell, _SEVERAL))
    raise InputError(
        f"The label column {name!r} holds several values in one cell, for example {str(listed)[:60]}. "
        "Expected one label a row: split it into one column a label and audit each."
    )


def _empty_rare_words(marks: list[str | None], rows: Sequence[int]) -> None:
    """Count a word for nothing as an empty cell where it is far rarer than classes are, or stands alone."""
    others = [n for mark, n in zip(marks, rows, strict=False) if mark is not None and not is_name_for_nothing(mark)]
    usual = int(np.median(others)) if others else 0
    for place, mark in enumerate(marks):
        if is_name_for_nothing(mark) and (not usual or rows[place] < _SEVERAL_ROWS or _is_stray(rows[place], usual)):
            marks[place] = None


def _order(mark: str) -> tuple[int, float, str]:
    try:
        number = float("nan" if "_" in mark else mark)  # Python reads 1_0 as 10
    except ValueError:
        return 1, 0.0, mark
    return (1, 0.0, mark) if np.isnan(number) else (0, number, mark)


def _fold_name(name: str) -> str:
    """Fold the name of a class; its stars count, for a grade A* is no grade A, and so does the minus of a code: AB-, HER2-."""
    return fold(name) + "*" * name.count("*") + sign_of(name)


class _Heads:
    """The spellings that stand for their classes, found again by what one slip leaves of them."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.by_name: dict[str, str] = {}
        self.short: list[str] = []
        self._counts = counts
        self._listed: list[str] = []
        self._by_rest: dict[str, list[int]] = {}

    @cached_property
    def are_short_ones_apart(self) -> bool:
        """Whether short names that are one slip apart tell anything.

        Among many short names some are near each other by chance, and where frequent ones are, all may be by nature.
        """
        most = max(self._counts.values())
        frequent: list[str] = []
        rare: list[str] = []
        for name, rows in self._counts.items():
            (rare if _is_stray(rows, most) else frequent).append(_fold_name(name))
        later = [len(name) - 1 for name in rare if len(name) >= _WORD_LENGTH]
        if len(frequent) * sum(letters / _LETTERS**letters for letters in later) > _BY_CHANCE:
            return False
        return not any(_is_short_slip(a, b) for a, b in itertools.combinations(filter(_is_short, frequent), 2))

    def add(self, mark: str) -> None:
        """Add one; they come by falling number of rows."""
        self.by_name.setdefault(_fold_name(mark), mark)
        for rest in _leave_one_out(mark):
            self._by_rest.setdefault(rest, []).append(len(self._listed))
        self._listed.append(mark)
        if _is_short(_fold_name(mark)):
            self.short.append(mark)

    def list_near(self, mark: str) -> list[str]:
        """List those that may be one slip away, the most frequent first."""
        return [
            self._listed[place] for place in sorted({p for r in _leave_one_out(mark) for p in self._by_rest.get(r, ())})
        ]


def _leave_one_out(mark: str) -> set[str]:
    """Leave out each letter of a name in turn: two names that are one slip apart share a rest."""
    if len(mark) < _TYPO_LENGTH or any(map(str.isdigit, mark)):
        return set()
    name = _fold_name(mark)
    return {name, *(name[:i] + name[i + 1 :] for i in range(len(name)))}


def _merge(counts: dict[str, int], spelled: dict[str | None, Scalar]) -> tuple[dict[str, str], list[Variant]]:
    """Map each spelling to the one that stands for its class; spellings come by falling number of rows."""
    into: dict[str, str] = {}
    heads = _Heads(counts)
    variants: list[Variant] = []
    for mark, rows in counts.items():
        target, how, sure = _find_head(mark, rows, counts, heads)
        into[mark] = target
        if target == mark:
            heads.add(mark)
        else:
            variants.append(Variant(spelled[mark], spelled[target], rows, counts[target], how, sure))
    return into, variants


def _find_head(mark: str, rows: int, counts: dict[str, int], heads: _Heads) -> tuple[str, str, float]:
    near = heads.by_name.get(_fold_name(mark))
    if near is not None and not _is_number(mark):
        if mark.split() == near.split():
            return near, "spaces", 0.99
        letters = sum(c.isalnum() for c in _fold_name(mark))
        if letters >= _WORD_LENGTH or (letters and _is_stray(rows, counts[near])):
            return near, "letter case, accents or separators", 0.95
    if _is_stray(rows, next(iter(counts.values()))):
        # Where several names are one slip away, names are near each other by nature, or which is meant stays open.
        slips = (head for head in heads.list_near(mark) if _is_slip(_fold_name(mark), _fold_name(head)))
        close = list(itertools.islice(slips, 2))
        if len(close) == 1 and _is_stray(rows, counts[close[0]]):
            return close[0], "one letter", 0.8
        if rows <= FEW and (meant := _find_short(mark, counts, heads)):
            return meant, "one letter", 0.6
    return mark, "", 0.0


def _find_short(mark: str, counts: Mapping[str, int], heads: _Heads) -> str | None:
    """Find the one frequent class that a rare short name is one slip away from, as `yex` is from `yes`."""
    if not _is_short(_fold_name(mark)) or not heads.are_short_ones_apart:
        return None
    near = [head for head in heads.short if _is_short_slip(_fold_name(mark), _fold_name(head))]
    return near[0] if len(near) == 1 and _is_stray(counts[mark], counts[near[0]]) else None


def _is_short(name: str) -> bool:
    """Say whether a name is a short word; numerals are near each other by nature."""
    return _WORD_LENGTH <= len(name) < _TYPO_LENGTH and name.isalpha() and bool(set(name) - _ROMAN)


def _is_short_slip(name: str, head: str) -> bool:
    """Say whether a short word is another with one slip after the first letter."""
    return _is_short(name) and _is_short(head) and name[0] == head[0] and distance(name, head, 1) == 1


def _is_slip(name: str, head: str) -> bool:
    """Say whether a name is another with one slip of the hand in a long word.

    In a short word, as in type A and type B, a letter is all the difference. So is a sign, as in ER+ and ER-. The first
    letter is seldom mistaken and often a part of the meaning: atypical, amoral, maternal beside paternal.
    """
    mine, its = name.split(), head.split()
    if len(mine) != len(its):
        return "".join(mine) == "".join(its)
    apart = [(a, b) for a, b in zip(mine, its, strict=True) if a != b]
    if len(apart) != 1:
        return False
    one, other = apart[0]
    if (
        min(sum(map(str.isalpha, w)) for w in (one, other)) < _TYPO_LENGTH - 1
        or max(len(one), len(other)) < _TYPO_LENGTH
    ):
        return False
    same_letters = [c for c in one if c.isalnum()] == [c for c in other if c.isalnum()]
    swapped = one[:2] == other[1::-1]
    return not same_letters and (one[0] == other[0] or swapped) and distance(one, other, 1) == 1


def _is_number(mark: str) -> bool:
    return _order(mark)[0] == 0


def _is_stray(rows: int, others: int) -> bool:
    return others >= CLEAR_FACTOR * rows and (rows <= FEW or rows <= SMALL_SHARE * others)
