"""The mixture for many rows: models that are cheap for what they find, chosen on a sample, the best fitted to all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from dcai.findings.labels import folded, models, teaching
from dcai.findings.labels.folded import Lesson

if TYPE_CHECKING:
    from dcai.findings.features.compact import Compact

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]
View = Literal["linear", "trees", "words", "meanings"]

CHOOSING_ROWS = 4_000  # models are chosen on about so many rows,
CHOOSING_FOLDS = 2  # by what they say of these folds,
ROWS_A_CLASS = 50  # so many for each class, if that is more
LOGISTIC = ("logistic regression", "logistic regression, loose")
_FEW_JUDGES = 20  # trees that judge a row while models are chosen
_LEAST_GAIN = 0.01  # share of the loss that trees must take away: they cost more than all others
_MOST_CHOSEN = 3
TAUGHT_ROWS = 20_000  # of texts alone, at most so many are taught a second time
_LEAST_WEIGHT = 0.05


@dataclass(frozen=True)
class Frugal:
    """A cheap model: what it sees, and how it predicts out of sample."""

    name: str
    view: View
    predict: Callable[[Any, Lesson], Any]


def list_models(roles: Mapping[str, str], *, embedded: bool) -> list[Frugal]:
    """List the cheap models worth trying for columns of these roles."""
    kinds = set(roles.values())
    tight, loose = LOGISTIC
    listed = [
        Frugal(tight, "linear", lambda x, lesson: folded.regress(x, lesson, 0.02)),
        Frugal(loose, "linear", lambda x, lesson: folded.regress(x, lesson, 0.5)),
        Frugal("discriminant", "linear", lambda x, lesson: folded.discriminate(x, lesson, 0.1)),
    ]
    if "text" in kinds:
        listed.insert(0, Frugal("naive Bayes", "words", _predict_bayes))
    if embedded:
        listed.append(
            Frugal("discriminant of meanings", "meanings", lambda x, lesson: folded.discriminate(x, lesson, 0.9))
        )
        listed.append(
            Frugal("logistic regression of meanings", "meanings", lambda x, lesson: folded.regress(x, lesson, 1.0))
        )
    if kinds - {"text", "image"}:
        listed.append(Frugal("trees", "trees", _grow_trees))
    return listed


def _grow_trees(points: Singles, lesson: Lesson) -> Singles:
    return folded.grow(points, lesson, folded.JUDGES if lesson.most is None else _FEW_JUDGES)


def _predict_bayes(words: Any, lesson: Lesson) -> Floats:
    from sklearn.naive_bayes import ComplementNB

    def make(_: int) -> Any:
        return ComplementNB(alpha=0.3)

    return models.predict_out_of_sample(
        make, words, lesson.codes, lesson.folds, lesson.size, lesson.tick, most=len(lesson.codes)
    )


def mix_frugally(
    listed: list[Frugal], see: Callable[[View], Any], lesson: Lesson, tell: Callable[[str], Callable[[], None]]
) -> tuple[Floats, dict[str, float]]:
    """Predict by the mixture of the models that do best on a sample; also return their weights.

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
        tried = _predict(listed, lambda view: see(view)[rows], sample, tell, judged=judged)
        listed = choose(listed, tried, judged)
    predicted = _predict(listed, see, lesson, tell)
    weights = models.weigh(predicted, lesson.codes)
    return models.temper(models.mix(predicted, weights), lesson.codes), weights


def teach_again(
    first: Floats,
    listed: list[Frugal],
    see: Callable[[View], Any],
    lesson: Lesson,
    tell: Callable[[str], Callable[[], None]],
) -> Floats:
    """Train a second time, without the rows that are in doubt, and average both rounds."""

    def predict(codes: Codes, folds: Codes, most: int) -> dict[str, Floats]:
        told = replace(lesson, codes=codes, folds=folds, most=most)
        return {m.name: m.predict(see(m.view), replace(told, tick=tell(m.name))) for m in listed}

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


def _predict(
    listed: list[Frugal],
    see: Callable[[View], Any],
    lesson: Lesson,
    tell: Callable[[str], Callable[[], None]],
    judged: Codes | None = None,
) -> dict[str, Floats]:
    found = {}
    for model in listed:
        raw = model.predict(see(model.view), replace(lesson, tick=tell(model.name)))
        found[model.name] = models.temper(raw, lesson.codes if judged is None else judged)
    return found


def see_compact(compact: Compact, meanings: Callable[[], Singles]) -> Callable[[View], Any]:
    """Show compact features as the models want to see them."""

    def see(view: View) -> Any:
        return meanings() if view == "meanings" else getattr(compact, view)

    return see
