"""The mixture for many rows: models that are cheap for what they find, chosen on a sample, the best fitted to all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache as cached
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from dcai.findings.labels import bayes, folded, forests, models, regressions, teaching
from dcai.findings.labels.folded import Change, Learnt, Lesson

if TYPE_CHECKING:
    from dcai.findings.features.compact import Compact

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]
View = Literal["linear", "trees", "words", "meanings"]
Tell = Callable[[str], Callable[[], None]]

CHOOSING_ROWS = 4_000  # models are chosen on about so many rows,
CHOOSING_FOLDS = 2  # by what they say of these folds,
ROWS_A_CLASS = 50  # so many for each class, if that is more
LOGISTIC = ("logistic regression", "logistic regression, loose")
_LEAST_GAIN = 0.01  # share of the loss that trees must take away: they cost more than all others
_MOST_CHOSEN = 3
TAUGHT_ROWS = 20_000  # of texts alone, at most so many are taught a second time
_LEAST_WEIGHT = 0.05
MOST_CHANGED = 0.01  # share of the rows whose labels may change before everything is learnt anew


@dataclass(frozen=True)
class Frugal:
    """A cheap model: what it sees, and how it learns."""

    name: str
    view: View
    learn: Callable[[Any, Lesson], Learnt]


@dataclass(frozen=True, eq=False)
class Mixture:
    """What was learnt of labels, to be brought up to date when a few of them change.

    Attributes
    ----------
    codes, folds : array of int, shape (n,)
        The class and the fold of each row, -1 for none.
    learnt : mapping of str to Learnt
        By the name of the model.
    weights : mapping of str to float
        How much each model counts.
    """

    codes: Codes
    folds: Codes
    learnt: Mapping[str, Learnt]
    weights: Mapping[str, float]


def list_models(roles: Mapping[str, str], *, embedded: bool) -> list[Frugal]:
    """List the cheap models worth trying for columns of these roles."""
    kinds = set(roles.values())
    tight, loose = LOGISTIC
    listed = [
        Frugal(tight, "linear", lambda x, lesson: regressions.regress(x, lesson, 0.02)),
        Frugal(loose, "linear", lambda x, lesson: regressions.regress(x, lesson, 0.5)),
        Frugal("discriminant", "linear", lambda x, lesson: folded.discriminate(x, lesson, 0.1)),
    ]
    if "text" in kinds:
        listed.insert(0, Frugal("naive Bayes", "words", lambda x, lesson: bayes.count_words(x, lesson, 0.3)))
    if embedded:
        listed.append(
            Frugal("discriminant of meanings", "meanings", lambda x, lesson: folded.discriminate(x, lesson, 0.9))
        )
        listed.append(
            Frugal("logistic regression of meanings", "meanings", lambda x, lesson: regressions.regress(x, lesson, 1.0))
        )
    if kinds - {"text", "image"}:
        listed.append(Frugal("trees", "trees", lambda _x, _lesson: forests.Trees()))
    return listed


def mix_frugally(
    listed: list[Frugal], see: Callable[[View], Any], lesson: Lesson, tell: Tell
) -> tuple[Floats, Mixture]:
    """Predict by the mixture of the models that do best on a sample; also return what they have learnt.

    Parameters
    ----------
    listed : list of Frugal
    see : callable
        Gives the features in a view.
    lesson : Lesson
    tell : callable
        Gives, for a stage's name, what is to be told of each fold.
    """
    most = max(CHOOSING_ROWS, ROWS_A_CLASS * lesson.size)
    if len(lesson.codes) > 2 * most:
        # Spread over the canonical order, which is as good as random.
        rows = np.linspace(0, len(lesson.codes) - 1, most).astype(np.intp)
        sample = take(lesson, rows)
        judged = np.where(sample.folds < CHOOSING_FOLDS, sample.codes, -1)
        tried = _learn(listed, cached(lambda view: see(view)[rows]), sample, tell)[1]
        listed = choose(listed, {name: models.temper(said, judged) for name, said in tried.items()}, judged)
    learnt, said = _learn(listed, see, lesson, tell)
    weights, powers = _fit(said, lesson.codes)
    return blend(said, powers), Mixture(lesson.codes, lesson.folds, learnt, weights)


def update_mixture(
    before: Mixture, listed: list[Frugal], see: Callable[[View], Any], lesson: Lesson, tell: Tell
) -> tuple[Floats, dict[str, float], int] | None:
    """Predict by what was learnt of the labels before, brought up to date; None where too much has changed.

    The models that were chosen stay. Discriminants and counts of words are what they would be if they were learnt anew, but
    for rounding; trees are grown anew; regressions go a few steps from their old weights. It always starts from what was
    learnt at first, so that no error grows from one time to the next.

    Returns
    -------
    found : array of float, shape (n, K)
    weights : dict of str to float
    changed : int
        How many labels differ.
    """
    rows = np.flatnonzero(lesson.codes != before.codes)
    change = Change(rows, before.codes[rows], before.folds[rows])
    both = (lesson.codes >= 0) & (before.codes >= 0)
    if len(rows) > MOST_CHANGED * len(lesson.codes) or (lesson.folds != before.folds)[both].any():
        return None
    old = replace(lesson, codes=before.codes, folds=before.folds)
    # All labels of a fold may have gone, where rows that are equal or belong together are a fold of their own.
    if not np.array_equal(lesson.numbers, old.numbers) or not (_see_classes(lesson) & _see_classes(old)).all():
        return None
    said = {}
    for one in listed:
        if one.name in before.learnt:
            view, its, learnt = see(one.view), lesson.tell(tell(one.name)), before.learnt[one.name]
            # Where nothing has changed, it says the same to the last bit.
            learnt = learnt.update(view, its, change) if len(rows) else learnt
            said[one.name] = learnt.predict(view, its)
    weights, powers = _fit(said, lesson.codes)
    return blend(said, powers), weights, len(rows)


def _see_classes(lesson: Lesson) -> npt.NDArray[np.bool_]:
    """Say which classes there are to learn from for each fold, shape (folds, K)."""
    known = lesson.folds >= 0
    counts = np.zeros((len(lesson.numbers), lesson.size), dtype=np.intp)
    np.add.at(counts, (np.searchsorted(lesson.numbers, lesson.folds[known]), lesson.codes[known]), 1)
    return np.asarray(counts.sum(axis=0) > counts)


def _fit(said: Mapping[str, Singles], codes: Codes) -> tuple[dict[str, float], dict[str, float]]:
    """Weigh models, and find the powers of their probabilities in the mixture, on as many rows as these few numbers need."""
    rows = models.spread_known(codes, next(iter(said.values())).shape[1])
    given = codes[rows]
    some = {name: its[rows].astype(np.float64) for name, its in said.items()}
    powers = {name: models.find_temperature(its, given) for name, its in some.items()}
    some = {name: models.heat(its, powers[name]) for name, its in some.items()}
    weights = models.weigh(some, given)
    last = models.find_temperature(models.mix(some, weights), given)
    return weights, {name: last * weights[name] * power for name, power in powers.items()}


def blend(said: Mapping[str, Singles], powers: Mapping[str, float]) -> Floats:
    """Multiply the probabilities of models, each to its power, shape (n, K)."""
    counted = {name: power for name, power in powers.items() if power > 0}
    rows, size = next(iter(said.values())).shape
    found = np.empty((rows, size))
    for start in range(0, rows, folded.CHUNK):
        part = slice(start, start + folded.CHUNK)
        logs = np.zeros((len(found[part]), size))
        for name, power in counted.items():
            logs += np.float32(power) * np.log(np.maximum(said[name][part], np.float32(models.TINY)))
        found[part] = models.soften(logs)
    return found


def teach_again(first: Floats, listed: list[Frugal], see: Callable[[View], Any], lesson: Lesson, tell: Tell) -> Floats:
    """Train a second time, without the rows that are in doubt, and average both rounds."""

    def predict(codes: Codes, folds: Codes, most: int) -> dict[str, Floats]:
        return _learn(listed, see, replace(lesson, codes=codes, folds=folds, most=most), tell)[1]

    return teaching.teach_again(first, lesson.codes, lesson.folds, predict)


def take(lesson: Lesson, rows: Codes) -> Lesson:
    """Take some rows of a lesson, to choose models on."""
    groups = np.unique(lesson.groups[rows], return_inverse=True)[1]
    return replace(lesson, codes=lesson.codes[rows], folds=lesson.folds[rows], groups=groups, most=CHOOSING_FOLDS)


def choose(listed: list[Frugal], tried: Mapping[str, Floats], codes: Codes) -> list[Frugal]:
    """Choose the models that the best mixture needs; trees only where they take a clear part of the loss away."""
    weights = models.weigh(tried, codes)
    if weights.get("trees", 0.0) > 0:
        others = {name: p for name, p in tried.items() if name != "trees"}
        without = models.weigh(others, codes)
        lost = models.log_loss(models.mix(others, without), codes)
        if models.log_loss(models.mix(tried, weights), codes) > (1 - _LEAST_GAIN) * lost:
            weights = without
    regressions = sorted((name for name in LOGISTIC if name in weights), key=lambda name: weights[name])
    # Two strengths of one regression say nearly the same, and each costs as much as the rest.
    alike = regressions[:-1]
    best = sorted(
        (m for m in listed if weights.get(m.name, 0.0) > 0 and m.name not in alike), key=lambda m: -weights[m.name]
    )
    return [m for at, m in enumerate(best[:_MOST_CHOSEN]) if at == 0 or weights[m.name] >= _LEAST_WEIGHT]


def _learn(
    listed: list[Frugal], see: Callable[[View], Any], lesson: Lesson, tell: Tell
) -> tuple[dict[str, Learnt], dict[str, Any]]:
    """Let models learn; return what each has learnt, and what it predicts."""
    learnt, said = {}, {}
    for one in listed:
        view, its = see(one.view), lesson.tell(tell(one.name))
        learnt[one.name] = one.learn(view, its)
        said[one.name] = learnt[one.name].predict(view, its)
    return learnt, said


def see_compact(compact: Compact, meanings: Callable[[], Singles]) -> Callable[[View], Any]:
    """Show compact features as the models want to see them."""

    def see(view: View) -> Any:
        return meanings() if view == "meanings" else getattr(compact, view)

    return see
