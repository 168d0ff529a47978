"""Fitting and scoring: every model on raw and corrected rows, with the same seeds, resamples and test draws."""

from __future__ import annotations

import functools
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.experiments.materials import Data, Materials, Sample
from dcai.experiments.models import Remembered, Scorer, explain_failure, seed_model
from dcai.experiments.splits import Positions, assign_folds, draw_rows
from dcai.findings.labels.models import SAMPLE_ROWS
from dcai.findings.wording import count

Pair = tuple[str, Data]  # a model's name and the data that it is trained on
Progress = Callable[[int, int, str], None]

INNER_FOLDS = 3
CHOICE_ROWS = SAMPLE_ROWS  # a model is chosen on at most this many training rows
TEST_DRAWS = 100
SCORE_COLUMNS = ["model", "data", "repeat", "metric", "test_labels", "score", "seconds", "train_rows"]


@dataclass(frozen=True, eq=False)
class Bench:
    """The place where models are fitted: one for each comparison.

    `fits` counts what will be fitted, `warned` the warnings of the models, which are told in the notes.
    """

    materials: Materials
    models: Mapping[str, Any]
    scorers: Mapping[str, Scorer]
    repeats: int
    random_state: int
    progress: Progress | None
    warned: Counter[tuple[str, str]] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)

    @property
    def main(self) -> str:
        """The name of the first scorer."""
        return next(iter(self.scorers))

    def count_fits(self) -> int:
        """Return the largest number of fits that the comparison can need."""
        several = len(self.models) > 1
        inner = 2 * INNER_FOLDS * len(self.models) if several else 0
        return inner + 2 * len(self.models) + self.repeats * (4 if several else 2)

    def fit(self, name: str, frame: pd.DataFrame, labels: npt.NDArray[Any], seed: int) -> tuple[Any, float]:
        """Fit one model; its warnings are counted, not shown."""
        if self.progress is not None:
            self.progress(self.done["fits"], self.count_fits(), name)
        model = seed_model(self.models[name], seed)
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                model.fit(frame, labels)
            except (ValueError, TypeError) as error:
                raise explain_failure(name, "model", error) from error
        for warning in caught:
            self.note_warning(name, warning)
        self.done["fits"] += 1
        return model, time.perf_counter() - start

    def ask(self, name: str, model: Any, frame: pd.DataFrame) -> Remembered:
        """Let a fitted model predict rows once; its warnings are counted too."""
        return Remembered(model, frame, functools.partial(self.note_warning, name))

    def note_warning(self, name: str, warning: warnings.WarningMessage) -> None:
        """Count a warning of a model by its first line."""
        self.warned[name, f"{warning.category.__name__}: {warning.message}".splitlines()[0]] += 1


# ---------------------------------------------------------------- the choice of a model


def choose_model(bench: Bench, data: Data) -> tuple[str, dict[str, float], float]:
    """Choose the best model by cross-validation within the training rows, at most `CHOICE_ROWS`; test rows play no part.

    Returns
    -------
    tuple
        The model's name (the first of equals), the mean score of each model, and the seconds that the choice took.
    """
    start = time.perf_counter()
    sample = _thin(bench.materials, data)
    strata = [str(label) for label in sample.labels]
    if bench.materials.task == "regression":
        strata = ["" for _ in strata]
    folds = assign_folds(bench.materials.marks[sample.positions], strata, INNER_FOLDS, bench.random_state)
    means = {name: _cross_validate(bench, name, sample, folds) for name in bench.models}
    known = {name: mean for name, mean in means.items() if not np.isnan(mean)}
    best = max(known, key=known.__getitem__) if known else next(iter(means))
    return best, means, time.perf_counter() - start


def describe_choice(bench: Bench) -> str:
    """Say on which rows models are compared to choose one."""
    total = len(bench.materials.pool)
    some = f"{count(CHOICE_ROWS, 'row')}, spread evenly over the {total:,} training rows"
    return f"{INNER_FOLDS}-fold cross-validation within {some if total > CHOICE_ROWS else 'the training rows'}"


def _thin(materials: Materials, data: Data) -> Sample:
    """Keep so many training rows that the choice ends soon: the same rows of raw and of corrected data."""
    sample = materials.training[data]
    if len(materials.pool) <= CHOICE_ROWS:
        return sample
    # The rows stand in the order of their hashes, so evenly spread ones are as good as random.
    spread = materials.pool[np.linspace(0, len(materials.pool) - 1, CHOICE_ROWS).astype(np.intp)]
    rows = sample.pick(spread, materials.rows)
    frame = sample.frame.iloc[rows].reset_index(drop=True)
    return Sample(sample.name, frame, sample.labels[rows], sample.positions[rows])


def _cross_validate(bench: Bench, name: str, sample: Sample, folds: Positions) -> float:
    scores = []
    for fold in range(INNER_FOLDS):
        inside, outside = folds != fold, folds == fold
        if not outside.any() or len(set(sample.labels[inside].tolist())) < 2:  # noqa: PLR2004 (a classifier tells two classes apart)
            continue
        model, _ = bench.fit(
            name, sample.frame[inside].reset_index(drop=True), sample.labels[inside], bench.random_state
        )
        held = Sample(
            "inner", sample.frame[outside].reset_index(drop=True), sample.labels[outside], np.flatnonzero(outside)
        )
        # Named as a draw: a fold may lack a class and then have no score, which is no error.
        scores.append(_score(bench, bench.main, bench.ask(name, model, held.frame), held, np.arange(len(held.labels))))
    known = [s for s in scores if not np.isnan(s)]
    return float(np.mean(known)) if known else float("nan")


# ---------------------------------------------------------------- the measurements


@dataclass(frozen=True, eq=False)
class Measurements:
    """All scores: `table` for people, `draws` for intervals.

    `draws` maps (metric, test labels, model, data) to an array of shape (1 + repeats, 1 + test draws): first row the
    model of all training rows, first column all test rows.
    """

    table: pd.DataFrame
    draws: Mapping[tuple[str, str, str, Data], npt.NDArray[np.float64]]


def measure(bench: Bench, pairs: Sequence[Pair]) -> Measurements:
    """Fit and score `pairs` on all training rows and on each resample, and every other model on all rows once."""
    materials, rng = bench.materials, np.random.default_rng(bench.random_state)
    others: list[Pair] = [
        (name, data) for name in bench.models for data in materials.training if (name, data) not in pairs
    ]
    strata = materials.strata[materials.pool]
    resamples = [materials.pool] + [materials.pool[draw_rows(strata, rng)] for _ in range(bench.repeats)]
    drawn = [rng.integers(0, materials.test_rows, materials.test_rows) for _ in range(TEST_DRAWS)]
    draws = {
        (metric, test.name, *pair): np.full((1 + bench.repeats, 1 + TEST_DRAWS), np.nan)
        for metric in bench.scorers
        for test in materials.tests
        for pair in pairs
    }
    rows: list[dict[str, Any]] = []
    for repeat, positions in enumerate(resamples):
        for name, data in [*pairs, *others] if repeat == 0 else pairs:
            sample = materials.training[data]
            chosen = sample.pick(positions, materials.rows)
            frame, labels = sample.frame.iloc[chosen].reset_index(drop=True), sample.labels[chosen]
            model, seconds = bench.fit(name, frame, labels, bench.random_state + repeat)
            facts = {"model": name, "data": data, "repeat": repeat, "seconds": seconds, "train_rows": len(labels)}
            for test in materials.tests:
                # Only resampled fits are scored on test draws: the interval needs no others.
                scores = _score_draws(bench, bench.ask(name, model, test.frame), test, drawn if repeat else [])
                for metric, values in scores.items():
                    rows.append({**facts, "metric": metric, "test_labels": test.name, "score": values[0]})
                    if (name, data) in pairs:
                        draws[metric, test.name, name, data][repeat, : len(values)] = values
    return Measurements(pd.DataFrame(rows, columns=SCORE_COLUMNS), draws)


def _score_draws(bench: Bench, answers: Remembered, test: Sample, drawn: Sequence[Positions]) -> dict[str, list[float]]:
    """Score a model on all test rows, then on each draw of them, with every scorer."""
    total = bench.materials.test_rows
    places: list[Positions | None] = [None, *(test.pick(one, total) for one in drawn)]
    return {metric: [_score(bench, metric, answers, test, rows) for rows in places] for metric in bench.scorers}


def _score(bench: Bench, metric: str, answers: Remembered, test: Sample, rows: Positions | None) -> float:
    """Score all test rows, or a draw of them; NaN where a draw has no score, such as one without a class."""
    frame, labels = (test.frame, test.labels) if rows is None else (test.frame.iloc[rows], test.labels[rows])
    with warnings.catch_warnings():
        # Classes that a draw lacks are no news: the notes name those that the test lacks.
        warnings.simplefilter("ignore", UserWarning)
        try:
            return float(bench.scorers[metric](answers, frame, labels))
        except (ValueError, TypeError, AttributeError) as error:
            if rows is None:
                raise explain_failure(metric, "scorer", error) from error
            return float("nan")
