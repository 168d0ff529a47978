"""Scores of a fitted model on held-out rows: over all of them, and in groups of them, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dcai.base.errors import InputError
from dcai.base.table import make_table
from dcai.experiments.dictionaries import find_veil
from dcai.experiments.samples.splits import Positions
from dcai.experiments.scores.estimates import estimate_once
from dcai.experiments.scores.measures import TEST_DRAWS, Bench
from dcai.experiments.scores.models import Remembered
from dcai.findings.tables.slicing import cut_column

MEANING = (
    "Each interval is made to hold, 95 times in 100, what this one model scores on average where test rows are drawn anew from the "
    "same source. It does not count that other training rows would have made another model."
)


def score_all(bench: Bench, answers: Remembered) -> list[dict[str, Any]]:
    """Score a fitted model on all test rows: for each metric and kind of test labels the score and its interval."""
    drawn = _draw(bench)
    rows = []
    for test in bench.materials.tests:
        for metric, values in bench.score_draws(answers, test, drawn).items():
            units = _count_units(bench, np.arange(len(test.labels)))
            rows.append({"metric": metric, "test_labels": test.name, **estimate_once(metric, values, units)})
    return rows


def score_groups(bench: Bench, answers: Remembered, by: str | Sequence[str]) -> list[dict[str, Any]]:
    """Score a fitted model in every group of the test rows: values of categories, ranges of numbers, lengths of texts.

    Raises
    ------
    InputError
        Where the test rows have no such column.
    """
    test, drawn = bench.materials.tests[0], _draw(bench)
    places = [test.pick(one, bench.materials.test_rows) for one in drawn]
    rows = []
    for column, said, inside in _cut(bench, [by] if isinstance(by, str) else list(by)):
        members = np.flatnonzero(inside)
        for metric in bench.scorers:
            values = [bench.score(metric, answers, test, one) for one in (members, *(p[inside[p]] for p in places))]
            found = estimate_once(metric, values, _count_units(bench, members))
            rows.append({"slice": said, "column": column, "rows": len(members), "metric": metric, **found})
    return rows


def _draw(bench: Bench) -> list[Positions]:
    generator = np.random.default_rng(bench.random_state)
    return [bench.draw_test(generator) for _ in range(TEST_DRAWS)]


def _count_units(bench: Bench, members: Positions) -> int:
    """Count the independent rows, or groups of rows, among some of the labelled test rows."""
    clusters = bench.materials.test_clusters
    if clusters is None:
        return len(members)
    return len(np.unique(clusters[bench.materials.tests[0].positions[members]]))


def _cut(bench: Bench, columns: Sequence[str]) -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
    """Cut the labelled test rows by columns; what a masked column holds is not named."""
    materials = bench.materials
    frame = materials.held_out.iloc[materials.tests[0].positions].reset_index(drop=True)
    for name in columns:
        if name not in frame.columns:
            raise InputError.unknown_name("column of groups", name, frame.columns)
        table = make_table(frame[[name]], caller="save_model")
        masked = name in find_veil(table).whole
        for place, its in enumerate(cut_column(table, name), 1):
            yield name, f"{name}: group {place} (hidden)" if masked else its.said, its.inside
