"""Words for "nothing" in one column: which of them stand for an empty cell there, and which are values like the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dcai.findings.cells.placeholders import ANSWERS, CLEAR, FEWEST_ROWS, HABITS, VAGUE
from dcai.findings.wording import count

NUMERIC_SHARE = 0.8
_ALONE_SHARE = 0.5
_CODE = 3  # letters at most
_MOST_SHORT = 0.5
_FACTOR = 10  # times rarer or more frequent than all others
_CLEARLY_RARER = 4  # times rarer than the others usually are
_RECURRING = 5
_COMPARED = 2  # other values, to say what is usual among them
_SEEMING = 0.6  # the doubt of a word that may as well be a value


@dataclass(frozen=True, eq=False)
class Words:
    """The distinct texts of a column, folded, with their rows.

    Attributes
    ----------
    name : str
        The column.
    counts : mapping of str to int
        The rows of each text.
    complete : bool
        Whether no cell of the column is plainly empty.
    classes : bool
        Whether the texts are the classes of a label.
    """

    name: str
    counts: Mapping[str, int]
    complete: bool
    classes: bool

    @cached_property
    def stand_ins(self) -> list[str]:
        """The words that may stand for an empty cell; none where there is hardly any other value: the word is the value."""
        found = [w for w in self.counts if w in CLEAR or w in VAGUE]
        alone = sum(self.counts[o] for o in self.others) <= (1 - _ALONE_SHARE) * max(self.counts.values(), default=0)
        return [] if alone else found

    @cached_property
    def others(self) -> list[str]:
        """All other values."""
        return [w for w in self.counts if w not in CLEAR and w not in VAGUE]

    @cached_property
    def numeric(self) -> bool:
        """Whether the other values are numbers, dates or codes with digits: a word among them is none."""
        marked = [any(c.isdigit() for c in o) and not o.isalpha() for o in self.others]
        return bool(marked) and float(np.mean(marked)) >= NUMERIC_SHARE

    @cached_property
    def _others_rows(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([self.counts[o] for o in self.others], dtype=np.float64)

    def is_named(self, word: str) -> bool:
        """Say whether a word is also a name when it begins with a capital: Nan and Nil are names, too."""
        return word.isalpha() and not self.numeric and not self._needs_contrast(word)

    def is_habit(self, word: str) -> bool:
        """Say whether a word is the one way in which a column of numbers says that there is none: no matter of single cells."""
        alone = self.complete and len(self.stand_ins) == 1 and self.counts[word] >= _RECURRING
        return word in HABITS and self.numeric and alone and not self.classes

    def tell_habit(self, word: str, shown: str) -> str:
        """Say what a word that is a habit of its column means for those who count with it."""
        rows = self.counts[word]
        return (
            f"{shown!r} stands in {count(rows, 'row')} of {self.name!r} and seems to be how it says that there is no value: "
            "programs read the column as texts for it."
        )

    def judge(self, word: str, shown: str) -> tuple[float, float, str] | None:
        """Doubt a word, shown as a cell has it; None where it is a value.

        Returns
        -------
        tuple of float, float and str, or None
            The doubt, how sure it is that an empty cell is meant, and the reason.
        """
        if len(word) == 1 and word.isalpha() and max(map(len, self.others)) <= _COMPARED:
            return None  # among short codes, a code
        if self._needs_contrast(word) or self.classes:
            return self._seem(word, shown) if self._is_unlike_others(word) else None
        if not self.numeric and self._is_value(word):
            return None
        plain = word in CLEAR and sum(map(str.isalpha, word)) > 1
        doubt = 0.95 if plain else 0.85 if word in CLEAR else 0.75
        if self._is_answer(word):
            return self._seem(word, shown)
        # That nothing is meant is sure; whether nothing is right there, or a value was lost, no word tells.
        return doubt, min(doubt, 0.9), f"{shown!r} stands for an empty cell."

    @cached_property
    def _recurs(self) -> bool:
        """Whether the other values come again and again: the column holds categories."""
        return bool(self.others) and float(np.median(self._others_rows)) >= _RECURRING

    def _needs_contrast(self, word: str) -> bool:
        return word in VAGUE and not self.numeric

    def _is_answer(self, word: str) -> bool:
        """Say whether a word may be one of the answers that a column of categories holds: found or missing."""
        return word in ANSWERS and not self.numeric and self._recurs

    def _is_value(self, word: str) -> bool:
        """Say whether a word is one of the values: a sign among signs, or an answer about as frequent as others."""
        if not any(map(str.isalnum, word)):
            return any(not any(map(str.isalnum, other)) for other in self.others)
        return self._is_answer(word) and self.counts[word] * _CLEARLY_RARER > float(np.median(self._others_rows))

    def _is_unlike_others(self, word: str) -> bool:
        """Say whether a word that may be a value is far rarer than all categories, or far more frequent than all texts."""
        short = len(word) <= _CODE and np.mean([len(o) <= _CODE for o in self.others]) > _MOST_SHORT
        if len(self.others) < _COMPARED or (short and word in VAGUE):
            return False  # nothing to compare, or a code among codes
        rows, rest = self.counts[word], self._others_rows
        rare = rows * _FACTOR <= rest.min()
        often = len(rest) >= FEWEST_ROWS and rows >= max(_RECURRING, _FACTOR * float(rest.max()))
        return bool(rare or (often and not self.classes))

    def _seem(self, word: str, shown: str) -> tuple[float, float, str]:
        rows = self.counts[word]
        reason = (
            f"{shown!r} seems to stand for an empty cell: {count(rows, 'row')} of {self.name!r} "
            f"{'has' if rows == 1 else 'have'} it, the other values {int(np.median(self._others_rows)):,} each."
        )
        return _SEEMING, _SEEMING, reason
