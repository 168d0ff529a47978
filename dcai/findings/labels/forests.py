"""Randomised trees for many rows: one forest does for all folds, for each tree judges the parts that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcai.findings.labels.folded import CHUNK, Change, Lesson
from dcai.findings.labels.models import make_folds
from dcai.findings.workers import spread

Singles = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]

TREE_ROWS = 30_000  # a tree learns from at most so many rows
JUDGES = 30  # trees that have not seen a row and predict it,
FEW_JUDGES = 20  # and while models are chosen
_PARTS = 10  # groups are dealt into so many parts, of which a tree sees some
_FEWEST_HELD = 3
_TINY = 1e-12


@dataclass(frozen=True)
class Trees:
    """A forest for all folds. It is grown when it is asked, from the labels at hand."""

    def predict(self, points: Singles, lesson: Lesson) -> Singles:
        """Predict every row by trees that have not seen it."""
        return grow(points, lesson, JUDGES if lesson.most is None else FEW_JUDGES)

    def update(self, points: Singles, lesson: Lesson, change: Change) -> Trees:  # noqa: ARG002 (as others are asked)
        """Grow anew: another label may change every split below the first."""
        return self


def grow(points: Singles, lesson: Lesson, judges: int = JUDGES) -> Singles:
    """Grow randomised trees, each from some parts of the rows, and let each predict the parts that it has not seen.

    So one forest does for all folds. Groups are dealt into parts whole.
    """
    parts, tasks = _deal(lesson, judges)
    told = max(1, len(tasks) // max(len(lesson.numbers), 1))
    total = np.zeros((len(points), lesson.size), dtype=np.float32)
    trees = spread(_grow_one, (points, lesson.codes, parts), tasks)
    for tree, ((out, _), (votes, seen, leaves)) in enumerate(zip(tasks, trees, strict=True)):
        asked = _list_judged(parts, out)
        for start in range(0, len(asked), 5 * CHUNK):
            rows = asked[start : start + 5 * CHUNK]
            said = votes[leaves[start : start + 5 * CHUNK]]
            if len(seen) == lesson.size:
                total[rows] += said
            else:
                total[np.ix_(rows, seen)] += said
        if tree % told == told - 1:
            lesson.tick()
    return np.asarray(total / np.maximum(total.sum(axis=1, keepdims=True), _TINY), dtype=np.float32)


def _deal(lesson: Lesson, judges: int) -> tuple[Codes, list[tuple[Codes, int]]]:
    """Deal rows into parts; say for each tree which of them it leaves out, and its seed."""
    random = np.random.default_rng(lesson.seed)
    parts = make_folds(lesson.codes, lesson.groups, _PARTS, lesson.seed)
    numbers = np.unique(parts[parts >= 0])
    known = int((parts >= 0).sum())
    # The more rows, the smaller the share that one tree can learn from, and the more rows each can judge.
    held = int(np.clip(round(len(numbers) * (1 - TREE_ROWS / known)), min(_FEWEST_HELD, len(numbers) - 1), 8))
    grown = -(-judges * len(numbers) // held)
    order = np.concatenate([random.permutation(numbers) for _ in range(-(-grown * held // len(numbers)) + 1)])
    seeds = random.integers(2**31, size=grown).tolist()
    return parts, [(order[tree * held : (tree + 1) * held], seed) for tree, seed in enumerate(seeds)]


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
    for start in range(0, len(asked), 5 * CHUNK):
        leaves[start : start + 5 * CHUNK] = model.tree_.apply(points[asked[start : start + 5 * CHUNK]])
    return votes, np.asarray(model.classes_, dtype=np.intp), leaves


def _list_judged(parts: Codes, out: Codes) -> Codes:
    """List the rows that a tree judges: those of the parts left out, and those of none."""
    return np.flatnonzero(np.isin(parts, out) | (parts < 0))
