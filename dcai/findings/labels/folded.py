"""Out-of-sample predictions for many rows: models that are fitted to all folds for little more than the price of one.

Each takes points in single precision and sees no row, and no row of the same group, that it predicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcai.findings.labels.discriminants import Discriminant, fit_moments
from dcai.findings.labels.models import make_folds, soften

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]
Tick = Callable[[], None]

TREE_ROWS = 30_000  # a tree learns from at most so many rows
JUDGES = 50  # trees that have not seen a row and predict it
_CHUNK = 4096  # rows at a time: they stay in the cache of the processor
_FIRST_ROWS = 20_000  # a regression begins with so many,
_ROUNDS = 20  # and takes at most so many steps on them,
_LAST_ROUNDS = 3  # and so many on all
_FIRST_SHRINKAGE = 0.1
_PARTS = 10  # groups are dealt into so many parts, of which a tree sees some
_FEWEST_HELD = 3
_NEVER = -1e30  # the score of a class that no row to learn from has
_TINY = 1e-12


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

    def each_fold(self) -> Iterator[tuple[npt.NDArray[np.bool_], Codes]]:
        """Return for each fold which rows to learn from, and which to predict; the first predicts rows of no fold too."""
        numbers = np.unique(self.folds[self.folds >= 0])
        for number in numbers[: self.most]:
            own = self.folds == number
            asked = own | (self.folds < 0) if number == numbers[0] else own
            yield (self.codes >= 0) & (self.folds >= 0) & ~own, np.flatnonzero(asked)
            self.tick()


# ---------------------------------------------------------------- discriminants


def discriminate(points: Singles, lesson: Lesson, shrinkage: float) -> Singles:
    """Fit a discriminant for each fold, from sums that are taken over the rows once (see `Discriminant`)."""
    found = np.zeros((len(points), lesson.size), dtype=np.float32)
    sums = _sum_folds(points, lesson)
    for at, (_, asked) in enumerate(lesson.each_fold()):
        model = sums.fit_without(at, shrinkage)
        for rows in _chunks(asked):
            found[np.ix_(rows, model.classes_)] = model.predict_proba(points[rows])
    return found


@dataclass(frozen=True, eq=False)
class _Sums:
    """Of each fold: the sums of all products of columns, and of each class's points and number."""

    squares: Floats
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


def _sum_folds(points: Singles, lesson: Lesson) -> _Sums:
    numbers = np.unique(lesson.folds[lesson.folds >= 0])
    width = points.shape[1]
    squares = np.zeros((len(numbers), width, width))
    sums = np.zeros((len(numbers), lesson.size, width))
    counts = np.zeros((len(numbers), lesson.size))
    for at, number in enumerate(numbers):
        for rows in _chunks(np.flatnonzero((lesson.folds == number) & (lesson.codes >= 0))):
            part, marks = points[rows], np.zeros((lesson.size, len(rows)), dtype=np.float32)
            marks[lesson.codes[rows], np.arange(len(rows))] = 1.0
            squares[at] += part.T @ part
            sums[at] += marks @ part
            counts[at] += marks.sum(axis=1)
    return _Sums(squares, sums, counts)


def _chunks(rows: Codes) -> Iterator[Codes]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]


# ---------------------------------------------------------------- logistic regression


def regress(points: Singles, lesson: Lesson, strength: float) -> Singles:
    """Fit a multinomial logistic regression for each fold.

    The columns are turned so that they are uncorrelated, and each fold begins with the discriminant of *its own*
    training rows: so a few steps suffice, and nothing that a fold finds was seen by another.
    """
    turn = _decorrelate(points)
    sums = _sum_folds(points, lesson)
    found = np.zeros((len(points), lesson.size), dtype=np.float32)
    for at, (taught, asked) in enumerate(lesson.each_fold()):
        first = sums.fit_without(at, _FIRST_SHRINKAGE)
        start = np.zeros((len(turn), lesson.size))
        start[:, first.classes_] = np.vstack([first.weights_, first.offsets_])
        codes = np.where(taught, lesson.codes, -1)
        weights = _regress_once(points, codes, np.asarray(np.linalg.solve(turn, start)), turn, strength)
        weights[-1, np.setdiff1d(np.arange(lesson.size), first.classes_)] = _NEVER
        for rows in _chunks(asked):
            found[rows] = soften(points[rows] @ weights[:-1] + weights[-1])
    return found


def _decorrelate(points: Singles) -> Floats:
    """Return the turn of (points, 1) to columns that are uncorrelated and of size 1, shape (d + 1, d + 1)."""
    width = points.shape[1] + 1
    sums = np.zeros((width, width))
    for start in range(0, len(points), _CHUNK):
        part = points[start : start + _CHUNK]
        part = np.hstack([part, np.ones((len(part), 1), dtype=np.float32)])
        sums += part.T @ part
    sums /= len(points)
    size = np.trace(sums) / width
    return np.asarray(np.linalg.inv(np.linalg.cholesky(sums + 1e-4 * size * np.eye(width))).T)


def _regress_once(points: Singles, codes: Codes, start: Floats, turn: Floats, strength: float) -> Singles:
    """Fit the rows that have a code; return weights of the columns and, last, of 1."""
    from scipy.optimize import minimize

    taught = np.flatnonzero(codes >= 0)
    steps = [(points, codes, _ROUNDS)]
    if len(taught) > 2 * _FIRST_ROWS:
        some = taught[np.linspace(0, len(taught) - 1, _FIRST_ROWS).astype(np.intp)]
        steps = [(points[some], codes[some], _ROUNDS), (points, codes, _LAST_ROUNDS)]
    weights = start.ravel()
    penalty = turn.T @ turn / strength / len(taught)
    for part, given, rounds in steps:
        found = minimize(
            _loss,
            weights,
            args=(part, given, turn, penalty),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": rounds, "ftol": 1e-5},
        )
        weights = found.x
    return np.asarray(turn @ weights.reshape(start.shape), dtype=np.float32)


def _loss(flat: Floats, points: Singles, codes: Codes, turn: Floats, penalty: Floats) -> tuple[float, Floats]:
    """Return the mean loss and its slope; rows with code -1 do not count."""
    weights = flat.reshape(len(turn), -1)
    straight = (turn @ weights).astype(np.float32)
    slope, loss, known = np.zeros(weights.shape), 0.0, 0
    for start in range(0, len(points), _CHUNK):
        part, given = points[start : start + _CHUNK], codes[start : start + _CHUNK]
        rows = np.flatnonzero(given >= 0)
        each = part @ straight[:-1] + straight[-1]
        each -= each.max(axis=1, keepdims=True)
        np.exp(each, out=each)
        each /= each.sum(axis=1, keepdims=True)
        loss -= float(np.log(np.maximum(each[rows, given[rows]], _TINY)).sum(dtype=np.float64))
        each[given < 0] = 0.0
        each[rows, given[rows]] -= 1.0
        slope[:-1] += part.T @ each
        slope[-1] += each.sum(axis=0)
        known += len(rows)
    pull = penalty @ weights
    return loss / known + 0.5 * float((weights * pull).sum()), (turn.T @ slope / known + pull).ravel()


# ---------------------------------------------------------------- trees


def grow(points: Singles, lesson: Lesson, judges: int = JUDGES) -> Singles:
    """Grow randomised trees, each from some parts of the rows, and let each predict the parts that it has not seen.

    So one forest does for all folds. Groups are dealt into parts whole.
    """
    from sklearn.tree import ExtraTreeClassifier

    random = np.random.default_rng(lesson.seed)
    parts = make_folds(lesson.codes, lesson.groups, _PARTS, lesson.seed)
    numbers = np.unique(parts[parts >= 0])
    known = int((parts >= 0).sum())
    # The more rows, the smaller the share that one tree can learn from, and the more rows each can judge.
    held = int(np.clip(round(len(numbers) * (1 - TREE_ROWS / known)), min(_FEWEST_HELD, len(numbers) - 1), 8))
    grown = -(-judges * len(numbers) // held)
    total = np.zeros((len(points), lesson.size), dtype=np.float32)
    order = np.concatenate([random.permutation(numbers) for _ in range(-(-grown * held // len(numbers)) + 1)])
    told = max(1, grown // max(len(np.unique(lesson.folds[lesson.folds >= 0])), 1))
    for tree in range(grown):
        out = np.isin(parts, order[tree * held : (tree + 1) * held])
        taught = np.flatnonzero(~out & (parts >= 0))
        if len(taught) > TREE_ROWS:
            taught = np.sort(random.choice(taught, TREE_ROWS, replace=False))
        model = ExtraTreeClassifier(min_samples_leaf=4, max_features=0.4, random_state=int(random.integers(2**31)))
        model.fit(points[taught], lesson.codes[taught])
        votes = model.tree_.value[:, 0, :].astype(np.float32)
        votes /= votes.sum(axis=1, keepdims=True)
        seen = np.asarray(model.classes_, dtype=np.intp)
        asked = np.flatnonzero(out | (parts < 0))
        for start in range(0, len(asked), 5 * _CHUNK):
            rows = asked[start : start + 5 * _CHUNK]
            leaves = model.tree_.apply(points[rows])
            if len(seen) == lesson.size:
                total[rows] += votes[leaves]
            else:
                total[np.ix_(rows, seen)] += votes[leaves]
        if tree % told == told - 1:
            lesson.tick()
    return np.asarray(total / np.maximum(total.sum(axis=1, keepdims=True), _TINY), dtype=np.float32)
