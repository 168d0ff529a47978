"""Class names: the given labels as codes, with the spellings of one class recognised before anything else is asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical, distinct_cells, plain
from dcai.base.records import Scalar
from dcai.findings.cells.spellings import distance, fold
from dcai.findings.wording import name_some

Codes = npt.NDArray[np.intp]

FEW = 3  # a spelling is a stray beside another when it has at most this many rows,
SMALL_SHARE = 0.02  # or this share of the other's,
CLEAR_FACTOR = 10  # and the other has this many times as many rows
_TYPO_LENGTH = 5
_WORD_LENGTH = 3


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


def read_labels(column: pd.Series[Any], name: str) -> Labels:
    """Number the classes of a label column, one number for all spellings of a class.

    Raises
    ------
    InputError
        Where no row has a label, all have the same, or a cell holds a list.
    """
    codes, distinct = distinct_cells(column)
    spelt = np.array([*map(plain, distinct), None], dtype=object)
    given = spelt[codes]
    listed = [v for v in column.head(1000) if isinstance(v, (list, tuple, set, dict, np.ndarray))]
    if listed:
        raise InputError(
            f"The label column {name!r} holds several values in one cell, for example {str(listed[0])[:60]}. "
            "Expected one label a row: split it into one column a label and audit each."
        )
    written = [None if v is None or (isinstance(v, str) and not v.strip()) else canonical(v) for v in spelt]
    texts = np.array(written, dtype=object)[codes]
    marks = pd.Series(texts, dtype=object)
    counts = marks.value_counts()
    if not len(counts):
        raise InputError(
            f"The label column {name!r} is empty in all {len(given)} rows. Name another column, or give no label."
        )
    spelled = dict(zip(marks, given, strict=True))
    counts = counts.sort_index().sort_values(ascending=False, kind="stable")
    into, variants = _merge({str(k): int(v) for k, v in counts.items()}, spelled)
    names = sorted({into[k] for k in into}, key=_order)
    if len(names) < 2:  # noqa: PLR2004 (a comparison needs two)
        written = list(dict.fromkeys(str(v) for v, mark in zip(given, texts, strict=True) if mark is not None))
        value = repr(spelled[names[0]])
        same = f"the same value in every row, {value}" if counts.sum() > 1 else f"one label only, {value}"
        raise InputError(
            f"The label column {name!r} has {same if len(written) == 1 else f'one class only, written {name_some(written)}'}. "
            "Expected at least two classes: name another column, or give no label."
        )
    place = {mark: names.index(target) for mark, target in into.items()}
    codes = np.array([-1 if mark is None else place[mark] for mark in texts], dtype=np.intp)
    return Labels(tuple(spelled[n] for n in names), codes, given, tuple(variants))


def _order(mark: str) -> tuple[int, float, str]:
    try:
        return 0, float(mark), mark
    except ValueError:
        return 1, 0.0, mark


def _fold_name(name: str) -> str:
    """Fold the name of a class; its stars count, for a grade A* is no grade A."""
    return fold(name) + "*" * name.count("*")


def _merge(counts: dict[str, int], spelled: dict[str | None, Scalar]) -> tuple[dict[str, str], list[Variant]]:
    """Map each spelling to the one that stands for its class; spellings come by falling number of rows."""
    into: dict[str, str] = {}
    heads: dict[str, str] = {}
    variants: list[Variant] = []
    for mark, rows in counts.items():
        target, how, sure = _find_head(mark, rows, counts, heads)
        into[mark] = target
        if target == mark:
            heads.setdefault(_fold_name(mark), mark)
        else:
            variants.append(Variant(spelled[mark], spelled[target], rows, counts[target], how, sure))
    return into, variants


def _find_head(mark: str, rows: int, counts: dict[str, int], heads: dict[str, str]) -> tuple[str, str, float]:
    near = heads.get(_fold_name(mark))
    if near is not None and not _is_number(mark):
        if mark.split() == near.split():
            return near, "spaces", 0.99
        letters = sum(c.isalnum() for c in _fold_name(mark))
        if letters >= _WORD_LENGTH or (letters and _is_stray(rows, counts[near])):
            return near, "letter case, accents or separators", 0.95
    if len(mark) >= _TYPO_LENGTH and not any(c.isdigit() for c in mark):
        for head in heads.values():
            if (
                _is_stray(rows, counts[head])
                and len(head) >= _TYPO_LENGTH
                and distance(_fold_name(mark), _fold_name(head), 1) <= 1
            ):
                return head, "one letter", 0.8
    return mark, "", 0.0


def _is_number(mark: str) -> bool:
    return _order(mark)[0] == 0


def _is_stray(rows: int, others: int) -> bool:
    return others >= CLEAR_FACTOR * rows and (rows <= FEW or rows <= SMALL_SHARE * others)
