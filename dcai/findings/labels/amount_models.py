"""Numbers predicted out of sample by a line and trees, which are taught a second time without what is in doubt.

What is learnt for the rows of a fold (which other labels are in doubt, how the models are weighed, how far labels
spread) is learnt from the other folds alone, by models that have not seen this fold either. Otherwise a row's own label
would come back to it through what others were corrected to, and noise would look like knowledge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dcai.findings.labels import models

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Marks = npt.NDArray[np.bool_]
Make = Callable[[], Any]
Tick = Callable[[str, int, int], None]

PARTS = 4  # of the other folds, each predicted by the rest of them
FIRST_TREES, LAST_TREES, SPREAD_TREES = 16, 60, 40
LEAF = 2
SPREAD_LEAF = 20  # rows that a spread is averaged over
MOST_COLUMNS = 24  # that a tree looks at for a split
SMALL = 0.05  # of a typical residual: smaller ones say no more
_STEEP = 4  # the power of the models' errors that they are weighed by
_TINY = 1e-12


class Taught(NamedTuple):
    """What models say that have not seen the row, nor the fold that they are asked for.

    Attributes
    ----------
    own : array of float, shape (n,)
        The prediction of each row.
    beside : array of float, shape (folds, n)
        For each fold the predictions of all rows, by models that have not seen this fold either; NaN where there are too
        few folds for that.
    weights : array of float, shape (folds, 2)
        Of line and trees.
    """

    own: Floats
    beside: Floats
    weights: Floats


@dataclass(frozen=True, eq=False)
class Lesson:
    """What there is to learn from: features (n, d), folds (n,) with -1 for rows without a label, and who is told of progress."""

    points: Floats
    folds: Rows
    tick: Tick

    @property
    def numbers(self) -> Rows:
        """The folds."""
        return np.unique(self.folds[self.folds >= 0])

    @property
    def width(self) -> int:
        """The number of columns that a tree looks at for a split."""
        return min(max(int(self.points.shape[1]), 1), MOST_COLUMNS)

    def predict(self, make: Make, taught: Floats, out: frozenset[int], points: Floats | None = None) -> Floats:
        """Predict the rows of some folds by a model of the others, shape (n,), NaN elsewhere; rows of no fold too."""
        seen = self.points if points is None else points
        asked = np.isin(self.folds, [-1, *out])
        train = np.flatnonzero(~asked)
        train = train[np.linspace(0, len(train) - 1, min(len(train), models.TREE_ROWS)).astype(np.intp)]
        found = np.full(len(taught), np.nan)
        found[asked] = make().fit(seen[train], taught[train]).predict(seen[asked])
        return found

    def split(self, fold: int) -> list[frozenset[int]]:
        """List what is left out together with a fold: parts of the others, so that each is predicted once."""
        others = [int(n) for n in self.numbers if n != fold]
        parts = min(PARTS, len(others))
        return [frozenset(others[i::parts]) for i in range(parts)] if parts > 1 else [frozenset()]


def teach_first(lesson: Lesson, taught: Floats) -> Taught:
    """Predict each row for each fold by models that have seen neither."""
    numbers = lesson.numbers
    said: dict[frozenset[int], Floats] = {}
    each = np.full((2, len(numbers), len(taught)), np.nan)
    for at, fold in enumerate(numbers):
        ahead = []
        for part in lesson.split(int(fold)):
            out = part | {int(fold)}
            if out not in said:  # two folds are left out together once, whichever of them asks
                makers = (_make_line, _grow(lesson, FIRST_TREES))
                said[out] = np.array([lesson.predict(make, taught, out) for make in makers])
            rows = np.isin(lesson.folds, list(part))
            each[:, at, rows] = said[out][:, rows]
            ahead.append(said[out])
        rows = np.isin(lesson.folds, [-1, fold])
        each[:, at, rows] = np.mean(ahead, axis=0)[:, rows]
        lesson.tick("numbers", at + 1, len(numbers))
    weights = np.array([_weigh(each[:, at], taught, lesson.folds == n) for at, n in enumerate(numbers)])
    beside = np.einsum("fm,mfn->fn", weights, each)
    return Taught(_take_own(lesson, beside), beside, weights)


def _make_line() -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(1.0)


def _grow(lesson: Lesson, trees: int) -> Make:
    def make() -> Any:
        from sklearn.ensemble import ExtraTreesRegressor

        return ExtraTreesRegressor(trees, min_samples_leaf=LEAF, max_features=lesson.width, random_state=0, n_jobs=1)

    return make


def _weigh(each: Floats, taught: Floats, own: Marks) -> Floats:
    """Weigh models by their errors on rows beside a fold; alike where none can be told."""
    away = np.abs(each - taught)[:, ~own]
    there = ~np.isnan(away).any(axis=0)
    if not there.any():
        return np.full(len(each), 1 / len(each))
    loss = away[:, there].mean(axis=1)
    raw = (loss == 0).astype(np.float64) if loss.min() == 0 else (loss.min() / loss) ** _STEEP
    return np.asarray(raw / raw.sum())


def _take_own(lesson: Lesson, beside: Floats) -> Floats:
    place = np.searchsorted(lesson.numbers, np.maximum(lesson.folds, lesson.numbers[0]))
    return np.asarray(beside[place, np.arange(len(place))])


def teach_again(lesson: Lesson, first: Taught, taught: Floats, doubt: Callable[[Floats], Marks]) -> Floats:
    """Predict each row by models that were taught with what is in doubt replaced by its prediction.

    Parameters
    ----------
    lesson : Lesson
    first : Taught
    taught : array of float, shape (n,)
        The labels.
    doubt : callable
        Returns for predictions (NaN for rows that are not to be judged) which labels are in doubt.
    """
    found = first.own.copy()
    for at, fold in enumerate(lesson.numbers):
        beside = np.where(lesson.folds == fold, np.nan, first.beside[at])
        if np.isnan(beside[lesson.folds != fold]).all():
            return found
        wiser = np.where(doubt(beside), first.beside[at], taught)
        out = frozenset([int(fold)])
        said = [lesson.predict(make, wiser, out) for make in (_make_line, _grow(lesson, LAST_TREES))]
        rows = np.isin(lesson.folds, [-1, fold] if at == 0 else [fold])
        found[rows] = (first.weights[at] @ np.array(said))[rows]
        lesson.tick("numbers, taught again", at + 1, len(lesson.numbers))
    return found


def predict_spread(lesson: Lesson, values: Floats, own: Floats, beside: Floats) -> Floats | None:
    """Predict how far labels usually lie from their prediction, from the features and the prediction itself; by folds.

    None where there are too few folds.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    found = np.full(len(values), np.nan)

    def make() -> Any:
        return ExtraTreesRegressor(
            SPREAD_TREES, min_samples_leaf=SPREAD_LEAF, max_features=lesson.width, random_state=0, n_jobs=1
        )

    for at, fold in enumerate(lesson.numbers):
        rows = np.isin(lesson.folds, [-1, fold] if at == 0 else [fold])
        others = (lesson.folds >= 0) & (lesson.folds != fold)
        if np.isnan(beside[at][others]).any():
            return None
        size = np.abs(values - beside[at])
        typical = _typical(size[others])
        # Logarithms, bounded below: a residual that happens to be nearly nothing says little.
        logs = np.log(np.maximum(size, SMALL * typical))
        points = np.column_stack([lesson.points, np.where(rows, own, beside[at])])
        found[rows] = lesson.predict(make, logs, frozenset([int(fold)]), points)[rows]
        lesson.tick("spread", at + 1, len(lesson.numbers))
    return np.asarray(np.exp(found - np.median(found)))


def _typical(size: Floats) -> float:
    above = size[size > 0]
    return float(np.median(above)) if len(above) else 1.0


def predict_once(lesson: Lesson, make: Make, features: Any, taught: Floats, name: str) -> Floats:
    """Predict each fold by one's own model of the others, shape (n,)."""
    from threadpoolctl import threadpool_limits

    take = features.iloc if hasattr(features, "iloc") else features
    found, numbers = np.full(len(taught), np.nan), lesson.numbers
    with threadpool_limits(1):
        for done, fold in enumerate(numbers):
            train = np.flatnonzero((lesson.folds != fold) & (lesson.folds >= 0))
            train = train[np.linspace(0, len(train) - 1, min(len(train), models.TREE_ROWS)).astype(np.intp)]
            test = np.flatnonzero(np.isin(lesson.folds, [-1, fold] if done == 0 else [fold]))
            found[test] = np.asarray(make().fit(take[train], taught[train]).predict(take[test])).ravel()
            lesson.tick(name, done + 1, len(numbers))
    return found
