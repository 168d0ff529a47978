"""Fitting and scoring: every model on raw and corrected rows, with the same seeds, resamples and test draws."""

from __future__ import annotations

import functools
import itertools
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.experiments.samples.materials import CORRECTED, RAW, Data, Materials, Sample
from dcai.experiments.samples.splits import Positions, draw_clusters, draw_rows
from dcai.experiments.scores.models import Remembered, Scorer, explain_failure, seed_model
from dcai.experiments.scores.search import count_inner_fits
from dcai.findings.progress import tell_progress

Pair = tuple[str, Data]  # a model's name and the data that it is trained on
Progress = Callable[[int, int, str], None]

TEST_DRAWS = 100
_TRIES = 20
SCORE_COLUMNS = ["model", "data", "repeat", "metric", "test_labels", "score", "seconds", "train_rows"]


@contextmanager
def follow(asked: bool | Progress | None, caller: str) -> Iterator[Progress]:  # noqa: FBT001 (True, False, None or a function, as in `audit`)
    """Make the function that fits are reported to: a bar where somebody watches, or the caller's own function."""
    if callable(asked):
        yield asked
        return
    if asked is not None and not isinstance(asked, bool):
        raise InputError.wrong_value(
            "progress", caller, "True, False, None or a function of (fits done, fits at most, model)", asked
        )
    with tell_progress(asked) as tell:
        yield lambda done, total, model: tell(f"fitting {model}", done, total)


@dataclass(frozen=True, eq=False)
class Bench:
    """The place where models are fitted: one for each comparison.

    `models` holds the models by name and then their settings; `named` counts the models. `done` counts what was fitted
    (`planned` what will be, where it is no comparison), `warned` the warnings of the models, which are told in the notes.
    """

    materials: Materials
    models: Mapping[str, Any]
    named: int
    scorers: Mapping[str, Scorer]
    repeats: int
    random_state: int
    progress: Progress | None
    planned: int | None = None
    warned: Counter[tuple[str, str]] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)

    @property
    def main(self) -> str:
        """The name of the first scorer."""
        return next(iter(self.scorers))

    @property
    def fixed(self) -> str:
        """The name of the first model: that of baseline and data-centric."""
        return next(iter(self.models))

    @property
    def bases(self) -> list[str]:
        """The models as they were given, without their settings."""
        return list(self.models)[: self.named]

    def count_fits(self) -> int:
        """Return the largest number of fits that the comparison can need, or what was planned."""
        if self.planned is not None:
            return self.planned
        versions = len({self.materials.twin(data) for data in self.materials.training})
        inner = versions * count_inner_fits(len(self.models))
        # Beside the models, the chosen settings may be fitted on each version.
        pairs = versions * (self.named + (len(self.models) > self.named))
        # Twelve more for each corrected version tell whether it only confirms the fixed model.
        return inner + pairs * (1 + self.repeats) + 12 * (versions - 1)

    def fit(self, name: str, frame: pd.DataFrame, labels: npt.NDArray[Any], seed: int) -> tuple[Any, float]:
        """Fit one model; its warnings are counted, not shown."""
        if self.progress is not None:
            self.progress(self.done["fits"], self.count_fits(), name)
        model = seed_model(self.models[name], seed)
        start = time.process_time()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                model.fit(frame, labels)
            except (ValueError, TypeError) as error:
                raise explain_failure(name, "model", error) from error
        for warning in caught:
            self.note_warning(name, warning)
        self.done["fits"] += 1
        return model, time.process_time() - start

    @functools.cached_property
    def classes(self) -> npt.NDArray[Any] | None:
        """All classes that any rows have; None where the label is a number."""
        return self.materials.classes if self.materials.task == "classification" else None

    def ask(self, name: str, model: Any, frame: pd.DataFrame) -> Remembered:
        """Let a fitted model predict rows once; its warnings are counted too."""
        return Remembered(model, frame, functools.partial(self.note_warning, name), self.classes)

    def note_warning(self, name: str, warning: warnings.WarningMessage) -> None:
        """Count a warning of a model by its first line."""
        self.warned[name, f"{warning.category.__name__}: {warning.message}".splitlines()[0]] += 1

    def score(self, metric: str, answers: Remembered, test: Sample, rows: Positions | None) -> float:
        """Score all test rows, or a draw of them; NaN where a draw has no score, such as one without a class."""
        frame, labels = (test.frame, test.labels) if rows is None else (test.frame.iloc[rows], test.labels[rows])
        with warnings.catch_warnings():
            # Classes that a draw lacks are no news: the notes name those that the test lacks.
            warnings.simplefilter("ignore", UserWarning)
            try:
                return float(self.scorers[metric](answers, frame, labels))
            except (ValueError, TypeError, AttributeError) as error:
                if rows is None:
                    raise explain_failure(metric, "scorer", error) from error
                return float("nan")

    def score_draws(self, answers: Remembered, test: Sample, drawn: Sequence[Positions]) -> dict[str, list[float]]:
        """Score a model on all test rows, then on each draw of them, with every scorer."""
        total = self.materials.test_rows
        places = [test.pick(one, total) for one in drawn]
        scores = {}
        for metric in self.scorers:
            first = self.score(metric, answers, test, None)
            counted = count_hits(self.scorers[metric], answers, test)
            rest = counted or functools.partial(self.score, metric, answers, test)
            scores[metric] = [first, *(rest(rows) for rows in places)]
        return scores

    def draw_training(self, generator: np.random.Generator) -> Positions:
        """Resample the training rows: within each class as given, or whole groups where rows belong together.

        Corrections may leave few rows of a class: what is drawn holds two classes in every version of the rows.
        """
        materials, pool = self.materials, self.materials.pool
        for _ in range(_TRIES):
            drawn = pool[
                draw_rows(materials.strata[pool], generator)
                if materials.clusters is None
                else draw_clusters(materials.clusters[pool], generator)
            ]
            if all(self.can_train(sample, drawn) for sample in materials.training.values()):
                return drawn
        raise InputError(
            f"Each class stands in so few {'rows' if materials.clusters is None else f'groups of {materials.table.groups!r}'} that a "
            "resample holds one class only, time and again. Compare without groups=, name a column of more and smaller groups, or "
            "pass more rows of the rarer classes."
        )

    def can_train(self, sample: Sample, drawn: Positions) -> bool:
        """Say whether a model can be trained on the drawn rows of a sample: a classifier tells two classes apart."""
        return self.tells_apart(sample.labels[sample.pick(drawn, self.materials.rows)])

    def tells_apart(self, labels: npt.NDArray[Any]) -> bool:
        """Say whether labels hold what a model can learn: two classes, or numbers."""
        return self.materials.task == "regression" or len(set(labels.tolist())) > 1

    def draw_test(self, generator: np.random.Generator) -> Positions:
        """Resample the test rows, or whole groups of them."""
        if self.materials.test_clusters is not None:
            return draw_clusters(self.materials.test_clusters, generator)
        return generator.integers(0, self.materials.test_rows, self.materials.test_rows)


def count_hits(scorer: Scorer, answers: Remembered, test: Sample) -> Callable[[Positions], float] | None:
    """Return what scores draws of test rows by counting hits, for the two scorers that are nothing else.

    A hundred draws then cost less than one call of the scorer, which checks its input each time.
    """
    from sklearn.metrics import accuracy_score, balanced_accuracy_score

    function = getattr(scorer, "_score_func", None)
    if function not in (accuracy_score, balanced_accuracy_score) or getattr(scorer, "_kwargs", None):
        return None
    hits = np.asarray(answers.predict(test.frame), dtype=object) == np.asarray(test.labels, dtype=object)
    codes = pd.factorize(pd.Series(test.labels))[0]
    classes = codes.max() + 1

    def count(rows: Positions) -> float:
        if not len(rows):
            return float("nan")
        if function is accuracy_score:
            return float(hits[rows].mean())
        sizes = np.bincount(codes[rows], minlength=classes)
        found = np.bincount(codes[rows], weights=hits[rows], minlength=classes)
        return float((found[sizes > 0] / sizes[sizes > 0]).mean())

    return count


@dataclass(frozen=True, eq=False)
class Measurements:
    """All scores: `table` for people, `draws` for intervals, `fitted` the models of all training rows.

    `draws` maps (metric, test labels, model, data) to an array of shape (1 + repeats, 1 + test draws): first row the
    model of all training rows, first column all test rows.
    """

    table: pd.DataFrame
    draws: Mapping[tuple[str, str, str, Data], npt.NDArray[np.float64]]
    fitted: Mapping[Pair, Any]

    def count_lost(self) -> dict[str, int]:
        """Count for each metric the draws of test rows on which some model has no score: no interval rests on them."""
        lost: dict[str, int] = {}
        for (metric, *_), draws in self.draws.items():
            here = int(np.isnan(draws[1:, 1:]).any(axis=0).sum())
            lost[metric] = max(lost.get(metric, 0), here)
        return {metric: number for metric, number in lost.items() if number}


def plan_pairs(bench: Bench, chosen: Mapping[Data, str]) -> list[Pair]:
    """List what is fitted: every model on raw and corrected rows, and the chosen settings on their data."""
    versions = bench.materials.training
    pairs: list[Pair] = [(bench.fixed, data) for data in versions]
    pairs += [(chosen[data], data) for data in (RAW, CORRECTED)]
    pairs += [(name, data) for name in bench.bases for data in (RAW, CORRECTED)]
    return list(dict.fromkeys(pairs))


def measure(bench: Bench, pairs: Sequence[Pair]) -> Measurements:
    """Fit and score `pairs` on all training rows and on each resample: the same rows, seeds and test draws for each."""
    materials, rng = bench.materials, np.random.default_rng(bench.random_state)
    resamples = [materials.pool] + [bench.draw_training(rng) for _ in range(bench.repeats)]
    drawn = [bench.draw_test(rng) for _ in range(TEST_DRAWS)]
    draws = {
        (metric, test.name, *pair): np.full((1 + bench.repeats, 1 + TEST_DRAWS), np.nan)
        for metric in bench.scorers
        for test in materials.tests
        for pair in pairs
    }
    rows: list[dict[str, Any]] = []
    fitted: dict[Pair, Any] = {}
    for repeat, positions in enumerate(resamples):
        found: dict[Pair, list[dict[str, Any]]] = {}
        for name, data in pairs:
            twin = (name, materials.twin(data))
            # What holds the same rows gives the same model: it is not fitted twice.
            if twin in found:
                found[name, data] = [{**row, "data": data} for row in found[twin]]
                fitted.setdefault((name, data), fitted[twin])
                for metric, test in itertools.product(bench.scorers, materials.tests):
                    draws[metric, test.name, name, data] = draws[metric, test.name, *twin]
            else:
                # Only resampled fits are scored on test draws: the interval needs no others.
                model, found[name, data] = _fit_pair(bench, (name, data), positions, repeat, drawn, draws)
                fitted.setdefault((name, data), model)
        rows += [row for pair in pairs for row in found[pair]]
    return Measurements(pd.DataFrame(rows, columns=SCORE_COLUMNS), draws, fitted)


def _fit_pair(
    bench: Bench,
    pair: Pair,
    positions: Positions,
    repeat: int,
    drawn: Sequence[Positions],
    draws: Mapping[tuple[str, str, str, Data], npt.NDArray[np.float64]],
) -> tuple[Any, list[dict[str, Any]]]:
    """Fit a model on the drawn rows of its data and write down how it scores."""
    name, data = pair
    sample = bench.materials.training[data]
    chosen = sample.take(sample.pick(positions, bench.materials.rows))
    model, seconds = bench.fit(name, chosen.frame, chosen.labels, bench.random_state + repeat)
    facts = {"model": name, "data": data, "repeat": repeat, "seconds": seconds, "train_rows": len(chosen.labels)}
    rows = []
    for test in bench.materials.tests:
        scores = bench.score_draws(bench.ask(name, model, test.frame), test, drawn if repeat else [])
        for metric, values in scores.items():
            rows.append({**facts, "metric": metric, "test_labels": test.name, "score": values[0]})
            draws[metric, test.name, name, data][repeat, : len(values)] = values
    return model, rows
