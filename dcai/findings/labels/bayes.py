"""Naive Bayes of words for many rows: words are counted once for each fold and class, and serve every fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dcai.findings.labels.folded import NEVER, Change, Lesson, predict_lines

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]


def count_words(words: Any, lesson: Lesson, smoothing: float) -> Bayes:
    """Count the words of each fold and class: what `sklearn.naive_bayes.ComplementNB` learns, for all folds at once."""
    rows = np.flatnonzero((lesson.codes >= 0) & (lesson.folds >= 0))
    at = np.searchsorted(lesson.numbers, lesson.folds[rows])
    size = len(lesson.numbers)
    held = np.zeros((size, lesson.size))
    np.add.at(held, (at, lesson.codes[rows]), 1)
    counts = [_count(words, rows[at == fold], lesson.codes[rows[at == fold]], lesson.size) for fold in range(size)]
    return Bayes(counts, held, smoothing)


@dataclass(frozen=True, eq=False)
class Bayes:
    """For each fold: how often each word stands in rows of each class (sparse), and how many rows each class has."""

    counts: Sequence[Any]
    held: Floats
    smoothing: float

    def predict(self, words: Any, lesson: Lesson) -> Singles:
        """Predict every row by the words of the other folds."""
        return predict_lines(words, lesson, [self._draw_without(at) for at in lesson.predicted])

    def _draw_without(self, fold: int) -> Singles:
        """Return weights of the words and, last, of 1: a word speaks for a class by being rare in all others."""
        others = [at for at in range(len(self.counts)) if at != fold]
        seen = np.flatnonzero(self.held[others].sum(axis=0))
        own = sum(self.counts[at] for at in others)[seen].toarray()
        rest = own.sum(axis=0) + self.smoothing - own
        weights = np.zeros((own.shape[1] + 1, self.held.shape[1]), dtype=np.float32)
        weights[-1] = NEVER
        weights[:, seen] = 0.0
        weights[:-1, seen] = -np.log(rest / rest.sum(axis=1, keepdims=True)).T
        return weights

    def update(self, words: Any, lesson: Lesson, change: Change) -> Bayes:
        """Take out the words of labels that have gone, and add those of labels that have come."""
        counts, held = list(self.counts), self.held.copy()
        for sign, rows, codes, at in change.list_sides(lesson):
            np.add.at(held, (at, codes), sign)
            for fold in np.unique(at):
                counts[fold] = counts[fold] + sign * _count(words, rows[at == fold], codes[at == fold], lesson.size)
        return replace(self, counts=counts, held=held)


def _count(words: Any, rows: Codes, codes: Codes, size: int) -> Any:
    """Add up the words of rows by class, sparse, shape (size, words)."""
    from scipy.sparse import csr_matrix

    marks = csr_matrix((np.ones(len(rows)), (codes, rows)), shape=(size, words.shape[0]))
    return marks @ words
