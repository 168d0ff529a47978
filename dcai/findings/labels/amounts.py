"""Labels that are numbers: predicted out of sample on the scale that suits them, and judged by what is usual there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.fingerprints import canonicals, plain
from dcai.findings.features.vectors import to_numbers
from dcai.findings.labels import models
from dcai.findings.labels.amount_models import Lesson, Taught, predict_once, predict_spread, teach_again, teach_first
from dcai.findings.labels.residuals import Judgement, judge_residuals, tame
from dcai.findings.shape import join_findings, make_findings
from dcai.findings.wording import count, count_unlabelled

if TYPE_CHECKING:
    from dcai.findings.evidence import Evidence

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

ORDERS = 3.0  # labels may be better on a logarithmic scale when the largest is so many times the middle one
LIKELY = 0.5
WEAK = 0.1  # of the spread explained: below, predictions say next to nothing,
CHANCE = 1.6  # nor below this over the root of the rows, which columns that say nothing may reach
FEWEST_NAMES = 20  # labels from which all different whole numbers may be taken for an identifier
NO_NUMBER = 0.95  # the doubt of a label that is no number among numbers
USUAL = 0.2  # a slip is suggested where at least this share of usual labels lies farther from its prediction than what was meant
SLIPS = ((10.0, "a zero too many"), (0.1, "a zero too few"), (100.0, "two zeros too many"), (0.01, "two zeros too few"),
         (1000.0, "three zeros too many"), (0.001, "three zeros too few"), (-1.0, "the wrong sign"))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scale:
    """A scale on which labels are predicted: to it, back from it, and the logarithm of its slope."""

    name: str
    to: Callable[[Floats], Floats]
    back: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    least: float = -np.inf

    def within(self, values: Floats) -> Floats:
        """Pull values in to where the scale is defined."""
        return np.maximum(values, self.least)


PLAIN = Scale("as they are", lambda y: y, lambda z: z, np.zeros_like)


def _make_logarithmic(least: float) -> Scale:
    return Scale("on a logarithmic scale", np.log, np.exp, lambda y: -np.log(y), least)


def _make_soft(middle: float) -> Scale:
    """Logarithmic far from zero, plain near it: for labels with long tails that may be zero or of either sign."""
    return Scale(
        "on a scale that is logarithmic far from zero", lambda y: np.arcsinh(y / middle), lambda z: middle * np.sinh(z),
        lambda y: -0.5 * np.log(y**2 + middle**2),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Amounts:
    """What is known of each label that is a number; all arrays of shape (n,).

    Attributes
    ----------
    predicted : array of float
        Out of sample.
    doubt : array of float
        The probability that the label is wrong, 0 where there is none.
    suggested, confidence : array of float
        The better value, and the probability that it is nearer to the truth than the given one.
    slip : array of object
        Which slip explains the label, None for none.
    note : str
        How it was done.
    """

    predicted: Floats
    doubt: Floats
    suggested: Floats
    confidence: Floats
    slip: npt.NDArray[np.object_]
    note: str


def judge_amounts(evidence: Evidence) -> Amounts:
    """Predict every label out of sample on the scales that suit, and judge it on the one that explains the labels best."""
    from threadpoolctl import threadpool_limits

    values = evidence.targets
    lesson = Lesson(np.empty((0, 0)), _make_folds(evidence), evidence.progress)
    given = None if evidence.settings.model is None else _predict_given(evidence, lesson, values)
    lesson = replace(lesson, points=evidence.dense)
    with threadpool_limits(1):
        tried = [_try_scale(lesson, scale, values, given) for scale in _list_scales(values)]
        best = tried[_choose_scale(tried, values)]
        predicted, judged = best.said.own, best.judged
        if given is None and (judged.doubt > LIKELY).any():
            predicted, judged = _judge_again(lesson, best, values)
        if not judged.note:
            spread = predict_spread(lesson, best.values, predicted, best.said.beside)
            judged = judge_residuals(best.values, predicted, spread, _list_slips(values, best.scale))
    back = best.scale.back(predicted) if given is None else given
    made = Amounts(
        back, judged.doubt, back, judged.doubt, np.full(len(values), None, dtype=object), _describe(best.scale, judged)
    )
    return _explain_slips(made, values, best.scale, judged)


class _Trial(NamedTuple):
    """A scale, the labels on it, what was predicted there, and how it judges them."""

    scale: Scale
    values: Floats
    said: Taught
    judged: Judgement


def _try_scale(lesson: Lesson, scale: Scale, values: Floats, given: Floats | None) -> _Trial:
    z = _transform(scale, values)
    if given is None:
        said = teach_first(lesson, tame(z))
    else:
        own = _transform(scale, scale.within(given))
        said = Taught(own, np.tile(own, (len(lesson.numbers), 1)), np.empty((0, 0)))
    return _Trial(scale, z, said, judge_residuals(z, said.own, None, _list_slips(values, scale)))


def _judge_again(lesson: Lesson, trial: _Trial, values: Floats) -> tuple[Floats, Judgement]:
    """Teach again with what is in doubt replaced: wrong labels bend the models that are to judge them."""
    slips = _list_slips(values, trial.scale)

    def doubt(beside: Floats) -> npt.NDArray[np.bool_]:
        judged = np.where(np.isnan(beside), np.nan, trial.values)
        return np.asarray(judge_residuals(judged, beside, None, slips, (trial.judged.freedom,)).doubt > LIKELY)

    predicted = teach_again(lesson, trial.said, trial.values, doubt)
    return predicted, judge_residuals(trial.values, predicted, None, slips)


def _choose_scale(tried: list[_Trial], values: Floats) -> int:
    """Choose the scale that explains the labels best; labels in doubt on any of them have no say, nor a scale without spread."""
    exact = [i for i, trial in enumerate(tried) if trial.judged.note]
    if exact:
        return exact[0]
    sound = np.all([trial.judged.doubt < LIKELY for trial in tried], axis=0)
    fits = [float(np.nansum((trial.judged.fit + trial.scale.slope(values))[sound])) for trial in tried]
    return int(np.argmax(fits))


def _list_slips(values: Floats, scale: Scale) -> list[tuple[Floats, Floats]]:
    """List for each slip the labels without it, and how much denser labels lie there on this scale."""
    found = []
    for factor, _ in SLIPS:
        meant = np.where(values == 0, np.nan, values / factor)
        at = _transform(scale, meant)
        # Densities on the plain scale shrink by the factor; those on another scale by its slopes, too.
        dense = scale.slope(np.abs(values)) * -1 + scale.slope(np.abs(meant)) - np.log(abs(factor))
        found.append((np.where(np.isfinite(at), at, np.nan), np.nan_to_num(dense)))
    return found


def _transform(scale: Scale, values: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(scale.to(values), dtype=np.float64)


def _list_scales(values: Floats) -> list[Scale]:
    known = values[~np.isnan(values)]
    size = np.abs(known[known != 0])
    if not len(size) or size.max() <= ORDERS * np.median(size):
        return [PLAIN]
    return [PLAIN, _make_logarithmic(float(known.min())) if known.min() > 0 else _make_soft(float(np.median(size)))]


def _make_folds(evidence: Evidence) -> Rows:
    known = np.where(np.isnan(evidence.targets), -1, 0)
    groups = len(np.unique(evidence.twins[known == 0]))
    if groups < 2:  # noqa: PLR2004 (a row is predicted by others)
        from dcai.findings.evidence import Unmet

        raise Unmet("all labelled rows are equal in their features, so no row can be predicted from others")
    return models.make_folds(
        known, evidence.twins, min(evidence.settings.folds, groups), evidence.settings.random_state
    )


def _predict_given(evidence: Evidence, lesson: Lesson, values: Floats) -> Floats:
    """Predict by the user's own model, which learns the labels as they are."""
    from dcai.findings.labels.prediction import prepare_model

    features, make = prepare_model(evidence, evidence.settings.model)
    return predict_once(lesson, lambda: make(0), features, values, type(evidence.settings.model).__name__)


def _describe(scale: Scale, judged: Judgement) -> str:
    parts = [f"labels predicted {scale.name}"]
    parts += ["some kinds of rows spread more than others, which was allowed for"] if judged.uneven else []
    return "; ".join([*parts, judged.note] if judged.note else parts)


def _explain_slips(made: Amounts, values: Floats, scale: Scale, judged: Judgement) -> Amounts:
    """Suggest the value of which a doubtful label is a slip of digits or sign, where that value is a usual one."""
    suggested, slip = made.suggested.copy(), made.slip.copy()
    best = np.zeros(len(values))
    for factor, name in SLIPS:
        meant = values / factor
        with np.errstate(invalid="ignore"):
            possible = (made.doubt > 0) & (values != 0) & np.isfinite(_transform(scale, meant))
        usual = np.zeros(len(values))
        usual[possible] = judged.usual(_transform(scale, meant[possible]), possible)
        better = usual > np.maximum(best, USUAL)
        best[better], suggested[better], slip[better] = usual[better], meant[better], name
    return replace(made, suggested=suggested, slip=slip)


# ---------------------------------------------------------------- findings


def find_amounts(evidence: Evidence) -> pd.DataFrame:
    """Find labels that are numbers and contradict out-of-sample predictions, and cells that are no number at all."""
    values = evidence.targets
    _refuse_identifier(evidence, values)
    made = evidence.amounts
    column = evidence.table.frame[str(evidence.table.label)]
    shown = to_numbers(column)  # as they are given: those that are judged may have been pulled in
    rows = np.flatnonzero(made.doubt > LIKELY)
    reasons = [
        f"Without having seen this row, the model predicts {made.predicted[r]:.4g}; given is {shown[r]:.4g}"
        + (f", as if it had {made.slip[r]}." if made.slip[r] else ".")
        for r in rows
    ]
    numbers = make_findings(
        rows, made.doubt[rows], reasons, column=evidence.table.label, given=shown[rows], suggested=made.suggested[rows],
        confidence=made.confidence[rows],
    )  # fmt: skip
    odd = find_texts(column, values)
    texts = make_findings(
        odd, NO_NUMBER, "This label is no number, though the others are.", column=evidence.table.label,
        given=[plain(column.iloc[r]) for r in odd],
    )  # fmt: skip
    return join_findings([numbers, texts], _describe_all(evidence, column, len(odd)))


def measure_fit(values: Floats, predicted: Floats) -> float:
    """Return the share of the labels' spread that predictions explain, by medians, so that wrong labels hardly count.

    Examples
    --------
    >>> round(measure_fit(np.array([1.0, 2.0, 3.0, 4.0, 500.0]), np.array([1.1, 2.1, 2.9, 4.1, 5.0])), 2)
    0.9
    """
    known = ~np.isnan(values) & np.isfinite(predicted)
    if not known.any():
        return 0.0
    spread = float(np.median(np.abs(values[known] - np.median(values[known]))))
    missed = float(np.median(np.abs(values[known] - predicted[known])))
    return float(np.clip(1 - missed / spread, 0.0, 1.0)) if spread > 0 else 0.0


def is_weak(fit: float, values: Floats) -> bool:
    """Whether a fit is hardly more than columns that say nothing may reach by chance."""
    return bool(fit < max(WEAK, CHANCE / np.sqrt(max(int((~np.isnan(values)).sum()), 1))))


def describe_fit(values: Floats, predicted: Floats) -> str:
    """Say how well the model predicts labels that are numbers, and what follows."""
    fit = measure_fit(values, predicted)
    said = f"Out of sample, the model explains {show_share(fit)} of the labels' spread"
    if is_weak(fit, values):
        return f"{said}. The columns say little about this label: take what is found about it as guesses."
    return f"{said}. Labels that are rare by nature look like wrong ones: look before you accept a suggestion."


def _refuse_identifier(evidence: Evidence, values: Floats) -> None:
    """Refuse whole numbers of which none comes twice, and that count rows or follow from nothing, unless asked for."""
    known = values[~np.isnan(values)]
    if evidence.settings.task is not None or len(known) < FEWEST_NAMES or len(np.unique(known)) < len(known):
        return
    if (known % 1 == 0).all() and (
        known.max() - known.min() < 2 * len(known) or is_weak(measure_fit(values, evidence.amounts.predicted), values)
    ):
        from dcai.findings.evidence import Unmet

        raise Unmet(
            f"no value of {evidence.table.label!r} comes twice, and all are whole: the column looks like an identifier. "
            "Name another label column, or give task='regression' where it is an amount"
        )


def find_texts(column: pd.Series[Any], values: Floats) -> Rows:
    """Find the cells of a label that hold something, but no number; infinite ones are counted elsewhere."""
    texts = canonicals(column)
    held = np.array([text is not None and bool(text.strip()) and "inf" not in text.lower() for text in texts])
    return np.flatnonzero(held & np.isnan(values))


def _describe_all(evidence: Evidence, column: pd.Series[Any], odd: int) -> str:
    from dcai.findings.features.vectors import count_infinite

    how = "given" if evidence.settings.task else "inferred"
    parts = [f"regression ({how}), residuals of out-of-sample predictions", evidence.group_note, evidence.amounts.note]
    parts.append(f"explains {show_share(measure_fit(evidence.targets, evidence.amounts.predicted))} of the spread")
    infinite = count_infinite(column)
    parts += count_unlabelled(int(np.isnan(evidence.targets).sum()) - infinite - odd)
    if infinite:
        parts.append(
            f"{count(infinite, 'row', ('has', 'have'))} an infinite label and {'was' if infinite == 1 else 'were'} not judged"
        )
    if odd:
        parts.append(f"{count(odd, 'cell', ('is', 'are'))} no number and listed as such")
    return "; ".join(filter(None, parts))
