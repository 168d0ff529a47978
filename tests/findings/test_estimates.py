"""The range of the number of wrong labels: planted numbers are in it, and it is no wider than it has to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from dcai.findings.labels.estimates import Range, describe_range, estimate_errors, find_floor, judge_suggestions

ROWS = 900


def plant(seed: int, rate: float, gap: float, *, kind: str = "uniform"):
    """Three normal classes with wrong labels: (out-of-sample probabilities, given labels, true labels)."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 3, ROWS)
    values = draw.normal(size=(ROWS, 4)) + gap * np.eye(3, 4)[truth]
    weight = np.ones(ROWS)
    step = draw.integers(1, 3, ROWS)
    if kind == "pairwise":
        step = np.ones(ROWS, dtype=int)
    elif kind == "class":
        weight = np.where(truth == 0, 1.0, 0.1)
    elif kind == "near":
        margin = np.sort(values[:, :3], axis=1)
        weight = np.exp(-3 * (margin[:, 2] - margin[:, 1]))
    wrong = draw.choice(ROWS, round(rate * ROWS), replace=False, p=weight / weight.sum())
    said = truth.copy()
    said[wrong] = (truth + step)[wrong] % 3
    chances = cross_val_predict(LogisticRegression(), values, said, cv=5, method="predict_proba")
    return chances, said, truth


def look(chances, said):
    return estimate_errors(chances, said, 1 - chances[np.arange(len(said)), said])


@pytest.mark.parametrize("kind", ["uniform", "pairwise", "class", "near"])
def test_the_range_holds_the_planted_number(kind):
    held = []
    for seed, (rate, gap) in enumerate((r, g) for r in (0.005, 0.02, 0.05, 0.1, 0.2) for g in (1.5, 2.5, 4.0)):
        chances, said, truth = plant(seed, rate, gap, kind=kind)
        found = look(chances, said)
        held.append(found.low <= (said != truth).sum() <= found.high)
        assert found.low <= found.estimate <= found.high
    assert np.mean(held) >= 0.9


@pytest.mark.parametrize("gap", [1.0, 2.0, 3.0, 5.0])
def test_without_wrong_labels_the_range_begins_at_nothing_however_much_the_classes_overlap(gap):
    lows = [look(*plant(seed, 0.0, gap)[:2]).low for seed in range(5)]
    assert np.mean(lows) < 0.003 * ROWS
    assert np.median(lows) == 0


def test_where_the_classes_lie_apart_the_range_is_narrow():
    widths, misses = [], []
    for seed in range(5):
        chances, said, truth = plant(seed, 0.1, 5.0)
        found = estimate_errors(chances, said, (chances.argmax(axis=1) != said).astype(float))
        widths.append(found.high - found.low)
        misses.append(abs(found.estimate - (said != truth).sum()))
    assert np.mean(widths) < 0.1 * ROWS
    assert np.mean(misses) < 0.01 * ROWS


def test_where_overlap_and_noise_look_alike_the_range_is_wide_and_begins_near_nothing():
    """Errors along the border of two classes are what overlap looks like."""
    chances, said, _ = plant(2, 0.05, 1.5, kind="near")
    found = look(chances, said)
    assert found.low < 0.02 * ROWS
    assert found.high > 0.15 * ROWS


def test_the_floor_is_the_share_that_was_flipped():
    floors = [find_floor(*plant(seed, 0.1, 4.0)[:2]) for seed in range(5)]
    assert np.mean([f.likely for f in floors]) == pytest.approx(0.1, abs=0.02)
    assert all(f.least <= f.likely for f in floors)


def test_a_weak_model_has_no_floor():
    chances, said, _ = plant(0, 0.2, 3.0)
    doubt = 1 - chances[np.arange(ROWS), said]
    assert estimate_errors(chances, said, doubt, weak=True).low == 0


def test_without_evidence_there_is_no_floor_and_the_ends_are_whole():
    chances, said, _ = plant(0, 0.1, 3.0)
    doubt = 1 - chances[np.arange(ROWS), said]
    assert estimate_errors(chances, said, doubt).low > 0
    for weak in (True, False):
        found = estimate_errors(chances, said, doubt, weak=weak, evidence=0.0)
        assert found.low == 0
        assert found.high == round(found.high)


def test_rows_without_a_label_do_not_count():
    chances, said, _ = plant(3, 0.05, 3.0)
    more = np.vstack([chances, np.full((50, 3), 1 / 3)])
    codes = np.concatenate([said, np.full(50, -1)])
    doubt = np.concatenate([1 - chances[np.arange(ROWS), said], np.zeros(50)])
    assert estimate_errors(more, codes, doubt) == look(chances, said)
    nothing = estimate_errors(more[-3:], codes[-3:], doubt[-3:])
    assert nothing == (0.0, 0.0, 0.0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_neither_the_order_of_rows_nor_of_classes_matters(seed):
    chances, said, _ = plant(seed % 5, 0.05, 2.5)
    draw = np.random.default_rng(seed)
    rows, classes = draw.permutation(ROWS), draw.permutation(3)
    moved = np.empty_like(chances)
    moved[:, classes] = chances
    assert look(moved[rows], classes[said][rows]) == pytest.approx(look(chances, said))


def suggest(chances, said):
    """The predicted class of every row that is given another, and how likely it is right."""
    rows = np.flatnonzero(chances.argmax(axis=1) != said)
    best = chances[rows].argmax(axis=1)
    return rows, best, judge_suggestions(chances, said, rows, best)


@pytest.mark.parametrize("kind", ["uniform", "pairwise", "class", "near"])
def test_of_suggestions_said_to_be_right_in_95_of_100_as_many_are(kind):
    sure, right = [], []
    for seed, (rate, gap) in enumerate((r, g) for r in (0.02, 0.05, 0.1, 0.2) for g in (1.5, 2.5, 4.0, 6.0)):
        chances, said, truth = plant(seed, rate, gap, kind=kind)
        rows, best, confidence = suggest(chances, said)
        sure.append(confidence)
        right.append(best == truth[rows])
    sure, right = np.concatenate(sure), np.concatenate(right)
    # Along the borders of classes nothing tells a wrong label from overlap, and nothing is sure.
    assert (sure >= 0.95).sum() > {"uniform": 20, "pairwise": 20, "class": 5, "near": -1}[kind]
    assert right[sure >= 0.95].sum() >= 0.95 * (sure >= 0.95).sum()
    assert right[sure >= 0.8].sum() >= 0.85 * (sure >= 0.8).sum()


@pytest.mark.parametrize("gap", [1.0, 2.0, 3.0])
def test_where_only_overlap_makes_a_model_disagree_no_suggestion_is_sure(gap):
    for seed in range(3):
        chances, said, _ = plant(seed, 0.0, gap)
        _, _, confidence = suggest(chances, said)
        assert (confidence < 0.5).all()


def test_a_suggestion_against_the_model_is_hardly_more_than_the_floor():
    chances, said, _ = plant(0, 0.1, 4.0)
    rows = np.flatnonzero(chances.argmax(axis=1) == said)
    second = np.where(np.arange(3) == said[rows, None], -1.0, chances[rows]).argmax(axis=1)
    assert judge_suggestions(chances, said, rows, second).max() < 0.15


def test_errors_that_follow_a_rule_are_said_to_be_left_out():
    """A rule that the model learns looks like the truth: no range can hold such errors, and it is said."""
    draw = np.random.default_rng(0)
    values = draw.normal(size=(ROWS, 4))
    truth = (values[:, 0] > 0).astype(int)
    said = np.where(values[:, 1] > 0.8, 1, truth)
    chances = cross_val_predict(RandomForestClassifier(random_state=0), values, said, cv=5, method="predict_proba")
    found = look(chances, said)
    assert found.high < (said != truth).sum()
    told = describe_range(found, ROWS, weak=False)
    assert told.endswith("errors that follow a rule which the model learnt are not counted")


@pytest.mark.parametrize(
    ("counted", "weak", "why"),
    [
        (Range(12.2, 0.0, 1300.0), False, ": wrong labels and overlap of the classes look alike here;"),
        (Range(12.2, 0.0, 1300.0), True, ": the model knows too little to tell;"),
        (Range(12.2, 4.0, 1300.0), False, ";"),
    ],
)
def test_what_a_range_cannot_tell_is_said(counted, weak, why):
    said = describe_range(counted, 2000, weak=weak)
    assert said.startswith(f"between {counted.low:.0f} and 1,300 of 2,000 labels may be wrong{why}")
