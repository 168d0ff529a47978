"""Reviewed labels: a correct log makes what is left better, never worse, however the rows were chosen."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from dcai.base.errors import InputError
from dcai.findings.learning.reviewed import MOST_SHIFT, fit_shift, shift
from dcai.findings.report import audit

ROWS = 500


def plant(seed=0, rate=0.1, gap=2.4):
    """Plant wrong labels at random in two classes that overlap: (frame, true labels)."""
    draw = np.random.default_rng(seed)
    truth = np.where(draw.random(ROWS) < 0.5, "no", "yes")
    columns = draw.normal(size=(ROWS, 4)) + gap * (truth == "yes")[:, None] * [1, 0.7, 0.5, 0]
    wrong = draw.choice(ROWS, round(rate * ROWS), replace=False)
    given = truth.copy()
    given[wrong] = np.where(truth[wrong] == "yes", "no", "yes")
    return pd.DataFrame(columns, columns=list("abcd")).assign(label=given), truth


@pytest.fixture(scope="module")
def planted():
    frame, truth = plant()
    return frame, truth, audit(frame, "label", detectors="labels", progress=False)


def say(rows, frame, truth):
    """Say what a reviewer who makes no mistakes says."""
    wrong = frame["label"].to_numpy() != truth
    return [(int(r), "label", "relabel", truth[r]) if wrong[r] else (int(r), "label", "keep", None) for r in rows]


def choose(found, number):
    """Choose rows as a reviewer does: a third that would teach the audit most, and the worst."""
    asked = found.ask(number // 3)
    worst = found.scores["labels"].sort_values(ascending=False, kind="stable").index
    return [*asked, *[int(r) for r in worst if r not in set(asked)][: number - len(asked)]]


def measure(findings, wrong, seen):
    """Return the precision of findings about rows that were not reviewed, and their recall."""
    rows = {int(r) for r in findings["row"]} - seen
    left = set(np.flatnonzero(wrong).tolist()) - seen
    return len(rows & left) / max(len(rows), 1), len(rows & left) / max(len(left), 1), len(rows)


@pytest.mark.parametrize("number", [10, 30, 70])
def test_a_correct_log_of_the_worst_rows_leaves_better_findings(planted, verdicts, number):
    frame, truth, found = planted
    wrong = frame["label"].to_numpy() != truth
    rows = choose(found, number)
    wiser = found.refine(verdicts(*say(rows, frame, truth)), progress=False)
    seen = set(rows)
    precision, recall, many = measure(wiser.findings, wrong, seen)
    old_precision, old_recall, old_many = measure(found.findings, wrong, seen)
    missed = len({r for r in rows if wrong[r]} - set(found.findings["row"]))
    assert many <= old_many + missed
    # One finding more or less among the few that are left is chance.
    assert precision * max(many, 1) >= old_precision * max(many, 1) - 1
    assert recall * (wrong.sum() - wrong[rows].sum()) >= old_recall * (wrong.sum() - wrong[rows].sum()) - 1
    open_ = np.setdiff1d(np.arange(ROWS), rows)
    before, after = (a.scores["labels"].to_numpy(dtype=float)[open_] for a in (found, wiser))
    assert after.mean() <= before.mean() + 0.01
    left = int(wrong[open_].sum())
    # What was found is known for sure; how many of a few rows are wrong strays by twice half their root.
    strayed = abs(found.expected_errors.estimate - wrong.sum()) + np.sqrt(number)
    assert abs(wiser.expected_errors.estimate - left) <= strayed
    assert wiser.expected_errors.low <= left <= wiser.expected_errors.high
    assert (wiser.checks.set_index("detector")["findings"]["labels"]) == len(wiser.findings)
    assert all((wiser.scores["labels"].iloc[r] == 1) == wrong[r] for r in rows)


def test_the_estimate_of_what_is_left_is_the_nearer_the_more_was_reviewed(verdicts):
    missed = {0: [], 10: [], 40: []}
    held = []
    for seed, (rate, gap) in enumerate([(0.1, 2.4), (0.2, 2.0)] * 3):
        frame, truth = plant(100 + seed, rate, gap)
        wrong = frame["label"].to_numpy() != truth
        found = audit(frame, "label", model=LogisticRegression(), detectors="labels", progress=False)
        missed[0].append(found.expected_errors.estimate - wrong.sum())
        for number in (10, 40):
            rows = choose(found, number)
            counted = found.refine(verdicts(*say(rows, frame, truth)), progress=False).expected_errors
            left = wrong.sum() - wrong[rows].sum()
            missed[number].append(counted.estimate - left)
            held.append(counted.low <= left <= counted.high)
    assert all(held)
    rough = [np.sqrt(np.mean(np.square(missed[number]))) for number in (0, 10, 40)]
    assert rough[0] > rough[1] > rough[2]


def test_when_every_label_is_reviewed_none_is_left(planted, verdicts):
    frame, truth, found = planted
    wiser = found.refine(verdicts(*say(range(ROWS), frame, truth)), progress=False)
    assert wiser.expected_errors == (0, 0, 0)
    assert wiser.findings.empty
    assert wiser.scores["labels"].sum() == (frame["label"].to_numpy() != truth).sum()


def test_who_finds_the_flags_right_raises_no_further_ones(planted, verdicts):
    found = planted[2]
    flagged = found.findings["row"].tolist()
    told = [(int(r), "label", "keep", None) for r in flagged[:20]]
    wiser = found.refine(verdicts(*told), progress=False)
    assert set(wiser.findings["row"]) < set(flagged)
    assert len(wiser.findings) < 0.8 * (len(flagged) - 20)
    assert wiser.expected_errors.estimate < found.expected_errors.estimate


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40), st.floats(0, 1), st.floats(0, 1))
def test_what_review_moves_is_bounded_and_keeps_its_order(seen, one, other):
    by = fit_shift(np.array([d for d, _ in seen]), np.array([float(w) for _, w in seen]))
    assert abs(by) <= MOST_SHIFT
    low, high = sorted((one, other))
    moved = shift(np.array([low, high]), by)
    assert moved[0] <= moved[1]
    assert fit_shift(np.array([np.nan]), np.array([1.0])) == 0


@pytest.mark.parametrize("log", ["log.jsonl", 3, None])
def test_a_path_is_no_log(planted, log):
    words = r"Read the log first: dcai.CorrectionLog.read\('log.jsonl'\)" if log == "log.jsonl" else "a correction log"
    with pytest.raises(InputError, match=words):
        planted[2].refine(log)


def test_after_a_review_the_report_speaks_of_what_is_left(planted, verdicts):
    frame, truth, found = planted
    wiser = found.refine(verdicts(*say(found.ask(10), frame, truth)), progress=False)
    assert "of the labels that nobody has reviewed may still be wrong" in wiser._repr_html_()
    assert "nobody" not in found._repr_html_()
