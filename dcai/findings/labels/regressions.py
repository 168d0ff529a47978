"""Multinomial logistic regressions for many rows: one for each fold, fitted in a few steps, and brought up to date in fewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dcai.findings.labels.folded import CHUNK, NEVER, Change, Lesson, Sums, predict_lines
from dcai.findings.labels.models import soften
from dcai.findings.workers import spread

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]

_FIRST_ROWS = 20_000  # a regression begins with so many,
_ROUNDS = 20  # and takes at most so many steps on them,
_LAST_ROUNDS = 3  # and so many on all, or on as many as tell its weights well enough:
_ENOUGH_ROWS = 40_000  # at least so many,
_ROWS_A_WEIGHT = 20  # and so many for each weight
_FIRST_SHRINKAGE = 0.1
_CURVED_ROWS = 4_000  # how the loss of a regression is curved is seen in so many
_DESCENTS = 4  # steps, at most, down to where the loss is least after a change,
_LEVEL = 0.03  # until so much of the slope is left
_LEAST_STEP = 0.1
_AIM, _AIM_ROUNDS = 0.1, 15  # how well, and for how long at most, each step is aimed
_TINY = 1e-12


def regress(points: Singles, lesson: Lesson, strength: float) -> Regressions:
    """Fit a multinomial logistic regression for each fold.

    The columns are turned so that they are uncorrelated, and each fold begins with the discriminant of *its own*
    training rows: so a few steps suffice, and nothing that a fold finds was seen by another.
    """
    sums = lesson.sum_folds(points)
    turn = sums.decorrelate()
    shared = points, replace(lesson, tick=_tell_nobody), sums, turn, strength
    return Regressions(turn, strength, list(spread(_regress_fold, shared, lesson.predicted)))


def _tell_nobody() -> None:
    """Tell nobody: a worker has no bar to draw."""


@dataclass(frozen=True, eq=False)
class Regressions:
    """A regression for each fold."""

    turn: Floats
    strength: float
    weights: Sequence[Singles]

    def predict(self, points: Singles, lesson: Lesson) -> Singles:
        """Predict every row by the regression of the other folds."""
        return predict_lines(points, lesson, self.weights)

    def update(self, points: Singles, lesson: Lesson, change: Change) -> Regressions:
        """Go from where the labels before are fitted best to where those of now are."""
        taken = [self._step(points, lesson, change, at) for at in lesson.predicted]
        return replace(self, weights=taken)

    def _step(self, points: Singles, lesson: Lesson, change: Change, at: int) -> Singles:
        """Find where the loss of one fold is least now.

        Another label adds to the loss what is straight in the weights. So its slope is known from the changed rows alone;
        how it is curved is seen in some rows, and a few steps of Newton's lead from the old weights to the new ones.
        """
        weights = self.weights[at].astype(np.float64)
        some = _list_taught(lesson, at, weights.size)
        few = _thin(some, _CURVED_ROWS)
        penalty = _find_penalty(self.turn, self.strength, int(lesson.split(at)[0].sum()))
        bowl = _Bowl(points[few], lesson.codes[few], self.turn, penalty)
        flat = np.asarray(np.linalg.solve(self.turn, weights), dtype=np.float64).ravel()
        tilt = (self.turn.T @ _sum_slopes(points, lesson, change, at, weights, some)).ravel() / len(some)
        flat = bowl.descend(flat, tilt - bowl.see(flat)[1])
        return np.asarray(self.turn @ flat.reshape(weights.shape), dtype=np.float32)


def _find_penalty(turn: Floats, strength: float, taught: int) -> Floats:
    """Return what large weights of the columns cost, in turned columns."""
    return np.asarray(turn.T @ turn / strength / taught)


def _sum_slopes(points: Singles, lesson: Lesson, change: Change, at: int, weights: Floats, some: Codes) -> Floats:
    """Sum by how much the slopes of changed rows have changed that a fold learns from."""
    slope = np.zeros(weights.shape)
    for sign, rows, codes, folds in change.list_sides(lesson):
        inside = (folds != at) & (np.isin(rows, some) | (lesson.codes[rows] < 0))
        part = _add_one(points[rows[inside]])
        left = soften(part @ weights)
        left[np.arange(len(left)), codes[inside]] -= 1.0
        slope += sign * part.T @ left
    return slope


@dataclass(frozen=True, eq=False)
class _Bowl:
    """The loss of a regression over some rows, as a shape to go down in."""

    points: Singles
    codes: Codes
    turn: Floats
    penalty: Floats

    def see(self, flat: Floats) -> tuple[float, Floats]:
        """Return the height and the slope."""
        return _loss(flat, self.points, self.codes, self.turn, self.penalty)

    def descend(self, flat: Floats, tilt: Floats) -> Floats:
        """Go down to where it is lowest when it is tilted."""
        height, slope = self.see(flat)
        first = np.linalg.norm(slope + tilt)
        for _ in range(_DESCENTS):
            if np.linalg.norm(slope + tilt) <= _LEVEL * first:
                break
            way, step = self._aim(flat, slope + tilt), 1.0
            while (new := self.see(flat - step * way))[0] - step * way @ tilt > height and step > _LEAST_STEP:
                step /= 2
            flat = flat - step * way
            height, slope = new
        return flat

    def _aim(self, flat: Floats, slope: Floats) -> Floats:
        """Return the step of Newton's, nearly."""
        from scipy.sparse.linalg import LinearOperator, cg

        shape = len(self.turn), -1
        part = (_add_one(self.points) @ self.turn).astype(np.float32)
        chance = soften(part @ flat.reshape(shape).astype(np.float32))

        def curve(way: Floats) -> Floats:
            rise = part @ way.reshape(shape).astype(np.float32)
            rise = chance * (rise - (chance * rise).sum(axis=1, keepdims=True))
            return np.asarray(part.T @ rise / len(part) + self.penalty @ way.reshape(shape)).ravel()

        whole = LinearOperator((len(flat), len(flat)), curve, dtype=np.float64)
        return np.asarray(cg(whole, slope, rtol=_AIM, maxiter=_AIM_ROUNDS)[0])


def _add_one(points: Singles) -> Floats:
    return np.hstack([points, np.ones((len(points), 1))])


def _list_taught(lesson: Lesson, at: int, weights: int) -> Codes:
    """List the rows that tell so many weights of a fold well enough: all that it learns from, or some, evenly spread."""
    return _thin(np.flatnonzero(lesson.split(at)[0]), max(_ENOUGH_ROWS, _ROWS_A_WEIGHT * weights))


def _thin(rows: Codes, most: int) -> Codes:
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.intp)]


def _regress_fold(shared: tuple[Singles, Lesson, Sums, Floats, float], at: int) -> Singles:
    """Fit the regression of one fold; return weights of the columns and, last, of 1."""
    from scipy.optimize import minimize

    points, lesson, sums, turn, strength = shared
    start = sums.draw_without(at, _FIRST_SHRINKAGE).astype(np.float64)
    never = start[-1] == NEVER
    start[-1, never] = 0.0
    weights = np.linalg.solve(turn, start).ravel()
    taught = int(lesson.split(at)[0].sum())
    some = _list_taught(lesson, at, start.size)
    steps = [(some, _ROUNDS)]
    if taught > 2 * _FIRST_ROWS:
        steps = [(_thin(some, _FIRST_ROWS), _ROUNDS), (some, _LAST_ROUNDS)]
    penalty = _find_penalty(turn, strength, taught)
    for rows, rounds in steps:
        found = minimize(
            _loss,
            weights,
            args=(points[rows], lesson.codes[rows], turn, penalty),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": rounds, "ftol": 1e-5},
        )
        weights = found.x
    fitted = np.asarray(turn @ weights.reshape(start.shape), dtype=np.float32)
    fitted[-1, never] = NEVER
    return fitted


def _loss(flat: Floats, points: Singles, codes: Codes, turn: Floats, penalty: Floats) -> tuple[float, Floats]:
    """Return the mean loss and its slope."""
    weights = flat.reshape(len(turn), -1)
    straight = (turn @ weights).astype(np.float32)
    slope, loss = np.zeros(weights.shape), 0.0
    for start in range(0, len(points), CHUNK):
        part, given = points[start : start + CHUNK], codes[start : start + CHUNK]
        own = given, np.arange(len(given))
        # A row for each class: maxima and sums over a few neighbouring numbers take many times as long.
        each = straight[:-1].T @ part.T + straight[-1][:, None]
        each -= each.max(axis=0)
        np.exp(each, out=each)
        each /= each.sum(axis=0)
        loss -= float(np.log(np.maximum(each[own], _TINY)).sum(dtype=np.float64))
        each[own] -= 1.0
        slope[:-1] += (each @ part).T
        slope[-1] += each.sum(axis=1)
    pull = penalty @ weights
    known = max(len(points), 1)
    return loss / known + 0.5 * float((weights * pull).sum()), (turn.T @ slope / known + pull).ravel()
