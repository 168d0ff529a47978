"""Out-of-sample predictions for many rows: models that are fitted to all folds for little more than the price of one.

Each takes points in single precision and sees no row, and no row of the same group, that it predicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dcai.findings.labels.discriminants import Discriminant, fit_moments
from dcai.findings.labels.models import make_folds, soften
from dcai.findings.workers import spread

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]
Tick = Callable[[], None]

TREE_ROWS = 30_000  # a tree learns from at most so many rows
JUDGES = 50  # trees that have not seen a row and predict it
_CHUNK = 4096  # rows at a time: they stay in the cache of the processor
_FIRST_ROWS = 20_000  # a regression begins with so many,
_ROUNDS = 20  # and takes at most so many steps on them,
_LAST_ROUNDS = 3  # and so many on all, or on as many as tell its weights well enough:
_ENOUGH_ROWS = 40_000  # at least so many,
_ROWS_A_WEIGHT = 20  # and so many for each weight
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


# ---------------------------------------------------------------- discriminants


def discriminate(points: Singles, lesson: Lesson, shrinkage: float) -> Singles:
    """Fit a discriminant for each fold, from sums that are taken over the rows once (see `Discriminant`)."""
    found = np.zeros((len(points), lesson.size), dtype=np.float32)
    sums = _sum_folds(points, lesson)
    for at in lesson.predicted:
        model = sums.fit_without(at, shrinkage)
        for rows in _chunks(lesson.split(at)[1]):
            found[np.ix_(rows, model.classes_)] = model.predict_proba(points[rows])
        lesson.tick()
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
    numbers = lesson.numbers
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
    shared = points, replace(lesson, tick=_tell_nobody), sums, turn, strength
    for at, weights in zip(lesson.predicted, spread(_regress_fold, shared, lesson.predicted), strict=True):
        for rows in _chunks(lesson.split(at)[1]):
            found[rows] = soften(points[rows] @ weights[:-1] + weights[-1])
        lesson.tick()
    return found


def _tell_nobody() -> None:
    """Tell nobody: a worker has no bar to draw."""


def _regress_fold(shared: tuple[Singles, Lesson, _Sums, Floats, float], at: int) -> Singles:
    """Fit the regression of one fold; return weights of the columns and, last, of 1."""
    points, lesson, sums, turn, strength = shared
    first = sums.fit_without(at, _FIRST_SHRINKAGE)
    start = np.zeros((len(turn), lesson.size))
    start[:, first.classes_] = np.vstack([first.weights_, first.offsets_])
    codes = np.where(lesson.split(at)[0], lesson.codes, -1)
    weights = _regress_once(points, codes, np.asarray(np.linalg.solve(turn, start)), turn, strength)
    weights[-1, np.setdiff1d(np.arange(lesson.size), first.classes_)] = _NEVER
    return weights


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
        enough = max(_ENOUGH_ROWS, _ROWS_A_WEIGHT * start.size)
        some, many = (
            taught[np.linspace(0, len(taught) - 1, n).astype(np.intp)] for n in (_FIRST_ROWS, min(enough, len(taught)))
        )
        steps = [(points[some], codes[some], _ROUNDS), (points[many], codes[many], _LAST_ROUNDS)]
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
        # A row for each class: maxima and sums over a few neighbouring numbers take many times as long.
        each = straight[:-1].T @ part.T + straight[-1][:, None]
        each -= each.max(axis=0)
        np.exp(each, out=each)
        each /= each.sum(axis=0)
        loss -= float(np.log(np.maximum(each[given[rows], rows], _TINY)).sum(dtype=np.float64))
        each[:, given < 0] = 0.0
        each[given[rows], rows] -= 1.0
        slope[:-1] += (each @ part).T
        slope[-1] += each.sum(axis=1)
        known += len(rows)
    pull = penalty @ weights
    return loss / known + 0.5 * float((weights * pull).sum()), (turn.T @ slope / known + pull).ravel()


# ---------------------------------------------------------------- trees


def grow(points: Singles, lesson: Lesson, judges: int = JUDGES) -> Singles:
    """Grow randomised trees, each from some parts of the rows, and let each predict the parts that it has not seen.

    So one forest does for all folds. Groups are dealt into parts whole.
    """
    random = np.random.default_rng(lesson.seed)
    parts = make_folds(lesson.codes, lesson.groups, _PARTS, lesson.seed)
    numbers = np.unique(parts[parts >= 0])
    known = int((parts >= 0).sum())
    # The more rows, the smaller the share that one tree can learn from, and the more rows each can judge.
    held = int(np.clip(round(len(numbers) * (1 - TREE_ROWS / known)), min(_FEWEST_HELD, len(numbers) - 1), 8))
    grown = -(-judges * len(numbers) // held)
    total = np.zeros((len(points), lesson.size), dtype=np.float32)
    order = np.concatenate([random.permutation(numbers) for _ in range(-(-grown * held // len(numbers)) + 1)])
    told = max(1, grown // max(len(lesson.numbers), 1))
    seeds = random.integers(2**31, size=grown).tolist()
    tasks = [(order[tree * held : (tree + 1) * held], seed) for tree, seed in enumerate(seeds)]
    trees = spread(_grow_one, (points, lesson.codes, parts), tasks)
    for tree, ((out, _), (votes, seen, leaves)) in enumerate(zip(tasks, trees, strict=True)):
        asked = _list_judged(parts, out)
        for start in range(0, len(asked), 5 * _CHUNK):
            rows = asked[start : start + 5 * _CHUNK]
            said = votes[leaves[start : start + 5 * _CHUNK]]
            if len(seen) == lesson.size:
                total[rows] += said
            else:
                total[np.ix_(rows, seen)] += said
        if tree % told == told - 1:
            lesson.tick()
    return np.asarray(total / np.maximum(total.sum(axis=1, keepdims=True), _TINY), dtype=np.float32)


def _grow_one(
    shared: tuple[Singles, Codes, Codes], task: tuple[Codes, int]
) -> tuple[Singles, Codes, npt.NDArray[np.int32]]:
    """Grow a tree; return the votes of its leaves, for which classes they are, and the leaf of each row that it judges."""
    from sklearn.tree import ExtraTreeClassifier

    (points, codes, parts), (out, seed) = shared, task
    taught = np.flatnonzero(~np.isin(parts, out) & (parts >= 0))
    if len(taught) > TREE_ROWS:
        taught = np.sort(np.random.default_rng(seed).choice(taught, TREE_ROWS, replace=False))
    model = ExtraTreeClassifier(min_samples_leaf=4, max_features=0.4, random_state=seed)
    model.fit(points[taught], codes[taught])
    votes = model.tree_.value[:, 0, :].astype(np.float32)
    votes /= votes.sum(axis=1, keepdims=True)
    asked = _list_judged(parts, out)
    leaves = np.empty(len(asked), dtype=np.int32)
    for start in range(0, len(asked), 5 * _CHUNK):
        leaves[start : start + 5 * _CHUNK] = model.tree_.apply(points[asked[start : start + 5 * _CHUNK]])
    return votes, np.asarray(model.classes_, dtype=np.intp), leaves


def _list_judged(parts: Codes, out: Codes) -> Codes:
    """List the rows that a tree judges: those of the parts left out, and those of none."""
    return np.flatnonzero(np.isin(parts, out) | (parts < 0))
