"""Confirmation loops: corrections that are nothing but what the compared model says itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonicals
from dcai.corrections.log import CorrectionLog
from dcai.experiments.samples.materials import CORRECTED, OTHER, RAW, Data, Sample
from dcai.experiments.scores.defaults import make_models
from dcai.experiments.scores.measures import Bench
from dcai.experiments.scores.search import deal_folds, last_step, thin
from dcai.findings.wording import count

FEWEST = 20  # so many decisions are needed to say anything
FOLDS = 3
NEARLY_ALL = 0.97
MOST = 0.6
SECONDED = 0.95  # so many of the new labels a model of another kind gives too, where both are nearly always right
_REACH = 1.645  # standard errors: a loop is missed in one case of twenty

Answers = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Agreement:
    """How far the decisions of a log agree with a model, and the model with itself on other folds.

    Two fits of the model on other rows say how steady it is. `decisions` counts the changed labels and those kept where
    the model would change them, `agreeing` those of them that hold what the model says. `doubted` counts the rows whose
    given label a fit contradicts, `steady` is the share of them where the other fit says the same. `firm` counts the rows
    where both contradict the label alike, `followed` those of them that now hold what both say.
    """

    decisions: int
    agreeing: int
    kept: int
    doubted: int
    steady: float
    firm: int
    followed: int

    @property
    def is_loop(self) -> bool:
        """Whether the decisions look like the model's own.

        Either nearly all of them agree with it, or as many as the model agrees with itself, while most of what it firmly
        suggests was taken. A reviewer who knows better agrees with an unsteady model more often than that, and takes
        fewer suggestions of a weak one.
        """
        if self.decisions < FEWEST:
            return False
        share = self.agreeing / self.decisions
        if share >= NEARLY_ALL:
            return True
        if not self.doubted or self.followed < MOST * self.firm:
            return False
        spread = max(self.steady * (1 - self.steady), 1 / self.doubted)
        error = math.sqrt(spread * (1 / self.decisions + 1 / self.doubted))
        return abs(share - self.steady) <= _REACH * error


def warn_of_loops(bench: Bench, notes: list[str]) -> None:
    """Say where labels were corrected only by accepting what the fixed model itself predicts."""
    materials = bench.materials
    if materials.task != "classification":
        return
    for name in (CORRECTED, OTHER):
        log = materials.logs[name]
        if log is not None and name in materials.training and materials.changed[name] >= FEWEST:
            found = _compare_training(bench, name, log)
            if found.is_loop and not _second_training(bench, name):
                notes.append(_word(bench.fixed, found, log.path.name, "training"))
    if len(materials.tests) > 1 and (test_log := materials.logs["test"]) is not None:
        found = _compare_test(bench)
        if found.is_loop and not _second_test(bench):
            notes.append(
                _word(bench.fixed, found, test_log.path.name, "test")
                + " Scores on corrected test labels then rise by construction: trust those on labels as given."
            )


def _word(model: str, found: Agreement, log: str, what: str) -> str:
    kept = f"{found.kept:,} that it doubts {'was' if found.kept == 1 else 'were'} kept"
    decided = count(found.decisions, "decision")
    return (
        f"WARNING, possible confirmation loop: of {decided} of {log} about labels of {what} rows, {found.agreeing:,} say just what "
        f"the compared model ({model}) predicts without having seen the row, and {kept}. If its suggestions were accepted without "
        "looking, a gain shows that the model was confirmed, not that the data are better: review some rows blind "
        "(review(..., blind=True)), or compare another model."
    )


def _find_other(bench: Bench) -> Bench | None:
    """Return the bench with a model of another kind than the fixed one, if there is one for these columns."""
    kind = type(last_step(bench.models[bench.fixed])[0])
    try:
        known = make_models(bench.materials.table, bench.materials.task)
    except InputError:
        return None
    others = {name: model for name, model in known.items() if type(last_step(model)[0]) is not kind}
    return replace(bench, models=dict(list(others.items())[:1]), named=1) if others else None


def _second_training(bench: Bench, name: Data) -> bool:
    """Say whether a model of another kind, which has not seen the rows, gives nearly all the new labels too.

    Then both are nearly always right, and a reviewer who is right agrees with them as often as a loop would.
    """
    other = _find_other(bench)
    if other is None:
        return False
    raw = thin(bench, RAW)
    new = _apply_training(bench, raw, name)
    changed = new != _texts(raw.labels)
    said = _predict_out_of_sample(other, raw, bench.random_state + 1)
    return bool((said == new)[changed].sum() >= SECONDED * changed.sum())


def _second_test(bench: Bench) -> bool:
    """Say the same of the new labels of test rows."""
    other = _find_other(bench)
    if other is None:
        return False
    old, new = _pair_tests(bench)
    raw = thin(bench, RAW)
    model, _ = other.fit(other.fixed, raw.frame, raw.labels, bench.random_state)
    changed = _texts(old.labels) != _texts(new.labels)
    agreeing = (_texts(model.predict(old.frame)) == _texts(new.labels))[changed]
    return bool(agreeing.sum() >= SECONDED * changed.sum())


def _apply_training(bench: Bench, raw: Sample, name: Data) -> Answers:
    """Return the labels of a version of the training rows, as texts, for the rows of a sample of them."""
    corrected = bench.materials.training[name]
    places = np.full(bench.materials.rows, -1, dtype=np.intp)
    places[corrected.positions] = np.arange(len(corrected.positions))
    there = places[raw.positions] >= 0
    new = _texts(raw.labels)
    new[there] = _texts(corrected.labels)[places[raw.positions[there]]]
    return new


def _pair_tests(bench: Bench) -> tuple[Sample, Sample]:
    """Return the test rows that have a label both as given and as corrected, each way."""
    given, corrected = bench.materials.tests[:2]
    both = np.intersect1d(given.positions, corrected.positions)
    old, new = (one.take(one.pick(both, bench.materials.test_rows)) for one in (given, corrected))
    return old, new


def _compare_training(bench: Bench, name: Data, log: CorrectionLog) -> Agreement:
    raw = thin(bench, RAW)
    answers = [_predict_out_of_sample(bench, raw, bench.random_state + 1 + i) for i in range(2)]
    new = _apply_training(bench, raw, name)
    kept = np.isin(raw.positions, _kept_rows(log, bench))
    return compare_answers(_texts(raw.labels), new, kept, answers[0], answers[1])


def _compare_test(bench: Bench) -> Agreement:
    old, new = _pair_tests(bench)
    raw = thin(bench, RAW)
    folds = deal_folds(bench, raw, FOLDS, bench.random_state + 1)
    answers = []
    for fold in range(2):
        part = raw.take(np.flatnonzero(folds != fold))
        model, _ = bench.fit(bench.fixed, part.frame, part.labels, bench.random_state)
        answers.append(_texts(model.predict(old.frame)))
    return compare_answers(
        _texts(old.labels), _texts(new.labels), np.zeros(len(old.labels), dtype=bool), answers[0], answers[1]
    )


def compare_answers(
    given: Answers, new: Answers, kept: npt.NDArray[np.bool_], one: Answers, other: Answers
) -> Agreement:
    """Count how far new labels agree with two sets of answers of one model.

    Examples
    --------
    >>> texts = [np.array(list(t), dtype=object) for t in ("aaab", "abab", "abbb", "abbb")]
    >>> compare_answers(*texts[:2], np.zeros(4, bool), *texts[2:])
    Agreement(decisions=1, agreeing=1, kept=0, doubted=2, steady=1.0, firm=2, followed=1)
    """
    changed = new != given
    # A model that agrees with a kept label was not contradicted.
    rejected = kept & ~changed & (one != given)
    doubted = np.concatenate([(other == one)[one != given], (one == other)[other != given]])
    firm = (one == other) & (one != given)
    return Agreement(
        decisions=int(changed.sum() + rejected.sum()),
        agreeing=int((changed & (one == new)).sum()),
        kept=int(rejected.sum()),
        # Each row is counted once: both fits doubt about the same ones.
        doubted=len(doubted) // 2,
        steady=float(doubted.mean()) if len(doubted) else float("nan"),
        firm=int(firm.sum()),
        followed=int((firm & (new == one)).sum()),
    )


def _predict_out_of_sample(bench: Bench, sample: Sample, seed: int) -> Answers:
    folds = deal_folds(bench, sample, FOLDS, seed)
    answers = _texts(sample.labels)
    for fold in range(FOLDS):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if not len(outside) or len(set(sample.labels[inside].tolist())) < 2:  # noqa: PLR2004 (a classifier tells two classes apart)
            continue
        train = sample.take(inside)
        model, _ = bench.fit(bench.fixed, train.frame, train.labels, bench.random_state)
        answers[outside] = _texts(model.predict(sample.frame.iloc[outside].reset_index(drop=True)))
    return answers


def _texts(labels: npt.NDArray[np.generic]) -> Answers:
    return np.array(["" if text is None else text for text in canonicals(pd.Series(labels))], dtype=object)


def _kept_rows(log: CorrectionLog, bench: Bench) -> list[int]:
    """Return the training rows whose label a person has confirmed."""
    frame = bench.materials.table.frame
    checks = log.restrict(frame).check(frame)
    kept = checks[
        (checks["verdict"] == "keep") & checks["column"].isin([bench.materials.table.label]) & (checks["row"] >= 0)
    ]
    # A keep of the whole row confirms its label too.
    whole = checks[(checks["verdict"] == "keep") & checks["column"].isna() & (checks["row"] >= 0)]
    rows = [*kept["row"].tolist(), *whole["row"].tolist()]
    return [int(frame.index[int(row)]) for row in rows]
