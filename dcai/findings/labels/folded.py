"""Out-of-sample predictions for many rows: models that are fitted to all folds for little more than the price of one.

Each takes points in single precision and sees no row, and no row of the same group, that it predicts. What it has learnt
can be brought up to date when a few labels change, for a small part of that price.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from dcai.findings.labels.discriminants import Discriminant, fit_moments
from dcai.findings.labels.models import soften

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]
Tick = Callable[[], None]

CHUNK = 4096  # rows at a time: they stay in the cache of the processor
NEVER = -1e30  # the score of a class that no row to learn from has


@dataclass(frozen=True, eq=False)
class Lesson:
    """What there is to learn.

    Attributes
    ----------
    codes : array of int, shape (n,)
        The class to learn, -1 for none.
    folds : array of int, shape (n,)
        The fold of each row, -1 for none.
    groups : array of int, shape (n,)
        The same number for rows that must not be parted.
    size : int
        The number of classes.
    seed : int
    tick : callable
        Is told of each fold that is done.
    most : int, optional
        So many folds are predicted, the rest is only learnt from.
    """

    codes: Codes
    folds: Codes
    groups: Codes
    size: int
    seed: int
    tick: Tick
    most: int | None = None

    @cached_property
    def numbers(self) -> Codes:
        """The folds."""
        return np.unique(self.folds[self.folds >= 0])

    @property
    def predicted(self) -> range:
        """The places of the folds that are predicted."""
        return range(len(self.numbers[: self.most]))

    def split(self, at: int) -> tuple[npt.NDArray[np.bool_], Codes]:
        """Return for a fold which rows to learn from, and which to predict; the first predicts rows of no fold too."""
        own = self.folds == self.numbers[at]
        asked = own | (self.folds < 0) if at == 0 else own
        return (self.codes >= 0) & (self.folds >= 0) & ~own, np.flatnonzero(asked)

    def tell(self, tick: Tick) -> Lesson:
        """Return the same lesson, of which another is told; what was summed goes with it."""
        made = replace(self, tick=tick)
        made.__dict__["_summed"] = self._summed
        return made

    @cached_property
    def _summed(self) -> list[tuple[Singles, Sums]]:
        return []

    def sum_folds(self, points: Singles) -> Sums:
        """Sum over the rows of each fold, once for all models that look at the same points."""
        for its, sums in self._summed:
            if its is points:
                return sums
        self._summed.append((points, _sum_folds(points, self)))
        return self._summed[-1][1]


class Change(NamedTuple):
    """Rows whose labels are others than before: which, and the class and the fold that they had, -1 for none."""

    rows: Codes
    codes: Codes
    folds: Codes

    def list_sides(self, lesson: Lesson) -> Iterator[tuple[int, Codes, Codes, Codes]]:
        """List what has gone (-1) and what has come (1): the rows, their classes, and the places of their folds."""
        for sign, codes, folds in ((-1, self.codes, self.folds), (1, lesson.codes[self.rows], lesson.folds[self.rows])):
            there = folds >= 0
            yield sign, self.rows[there], codes[there], np.searchsorted(lesson.numbers, folds[there])


class Learnt(Protocol):
    """What a model has learnt for each fold, from the others."""

    def predict(self, view: Any, lesson: Lesson) -> Any:
        """Predict every row by what was learnt without its fold, shape (n, K)."""
        ...

    def update(self, view: Any, lesson: Lesson, change: Change) -> Learnt:
        """Return what would have been learnt, had a few rows had the labels that they have now."""
        ...


def predict_lines(view: Any, lesson: Lesson, weights: Sequence[Singles]) -> Singles:
    """Predict each fold by its weights of the columns and, last, of 1."""
    found = np.zeros((view.shape[0], lesson.size), dtype=np.float32)
    for at, straight in zip(lesson.predicted, weights, strict=True):
        for rows in list_chunks(lesson.split(at)[1]):
            found[rows] = soften(view[rows] @ straight[:-1] + straight[-1])
        lesson.tick()
    return found


def list_chunks(rows: Codes) -> Iterator[Codes]:
    """Cut rows into parts that stay in the cache of the processor."""
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


# ---------------------------------------------------------------- discriminants


def discriminate(points: Singles, lesson: Lesson, shrinkage: float) -> Discriminants:
    """Fit a discriminant for each fold, from sums that are taken over the rows once (see `Discriminant`)."""
    return Discriminants(lesson.sum_folds(points), shrinkage)


@dataclass(frozen=True, eq=False)
class Discriminants:
    """A discriminant for each fold."""

    sums: Sums
    shrinkage: float

    def predict(self, points: Singles, lesson: Lesson) -> Singles:
        """Predict every row by the discriminant of the other folds."""
        return predict_lines(points, lesson, [self.sums.draw_without(at, self.shrinkage) for at in lesson.predicted])

    def update(self, points: Singles, lesson: Lesson, change: Change) -> Discriminants:
        """Change the sums: it says what it would have said at first."""
        return replace(self, sums=self.sums.update(points, lesson, change))


@dataclass(frozen=True, eq=False)
class Sums:
    """Of each fold: the sums of all products of columns, of the columns, and of each class's points and number."""

    squares: Floats
    totals: Floats  # by itself: added up by class, it would hang on the labels in its last digits
    points: Floats
    counts: Floats

    def fit_without(self, fold: int, shrinkage: float) -> Discriminant:
        """Fit a discriminant to all folds but one."""
        others = np.arange(len(self.counts)) != fold
        counts = self.counts[others].sum(axis=0)
        seen = np.flatnonzero(counts)
        sums = self.points[others].sum(axis=0)[seen]
        model = fit_moments(self.squares[others].sum(axis=0), sums, counts[seen], shrinkage)
        model.classes_ = seen
        return model

    def draw_without(self, fold: int, shrinkage: float) -> Singles:
        """Fit a discriminant to all folds but one; return weights of the columns and, last, of 1."""
        model = self.fit_without(fold, shrinkage)
        weights = np.zeros((self.points.shape[2] + 1, self.counts.shape[1]), dtype=np.float32)
        weights[-1] = NEVER
        weights[:, model.classes_] = np.vstack([model.weights_, model.offsets_])
        return weights

    def decorrelate(self) -> Floats:
        """Return the turn of (points, 1) to columns that are uncorrelated and of size 1, shape (d + 1, d + 1)."""
        total, rows = self.totals.sum(axis=0), self.counts.sum()
        sums = np.block([[self.squares.sum(axis=0), total[:, None]], [total[None, :], np.full((1, 1), rows)]]) / rows
        size = np.trace(sums) / len(sums)
        return np.asarray(np.linalg.inv(np.linalg.cholesky(sums + 1e-4 * size * np.eye(len(sums)))).T)

    def update(self, points: Singles, lesson: Lesson, change: Change) -> Sums:
        """Take out what has gone, and add what has come."""
        squares, totals, sums, counts = (its.copy() for its in (self.squares, self.totals, self.points, self.counts))
        for sign, rows, codes, at in change.list_sides(lesson):
            part = points[rows].astype(np.float64)
            for fold in np.unique(at):
                squares[fold] += sign * part[at == fold].T @ part[at == fold]
            np.add.at(totals, at, sign * part)
            np.add.at(sums, (at, codes), sign * part)
            np.add.at(counts, (at, codes), sign)
        return Sums(squares, totals, sums, counts)


def _sum_folds(points: Singles, lesson: Lesson) -> Sums:
    numbers = lesson.numbers
    width = points.shape[1]
    squares, totals = np.zeros((len(numbers), width, width)), np.zeros((len(numbers), width))
    sums = np.zeros((len(numbers), lesson.size, width))
    counts = np.zeros((len(numbers), lesson.size))
    for at, number in enumerate(numbers):
        for rows in list_chunks(np.flatnonzero((lesson.folds == number) & (lesson.codes >= 0))):
            part, marks = points[rows], np.zeros((lesson.size, len(rows)), dtype=np.float32)
            marks[lesson.codes[rows], np.arange(len(rows))] = 1.0
            squares[at] += part.T @ part
            totals[at] += part.sum(axis=0)
            sums[at] += marks @ part
            counts[at] += marks.sum(axis=1)
    return Sums(squares, totals, sums, counts)
