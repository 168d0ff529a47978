"""Doubts are probabilities: their mean is the share of wrong labels, and flags are few where few labels are wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.findings.labels.flips import fit_flips
from dcai.findings.labels.noise import UNDECIDED, estimate_noise

ROWS = 3000


def plant_flips(rate, spread, kind="uniform", classes=3):
    """Plant flips in classes around the corners of a triangle: given codes, which are wrong, and a model's predictions."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    draw = np.random.default_rng(0)
    true = draw.integers(0, classes, ROWS)
    points = 3 * np.eye(classes)[true] + draw.normal(size=(ROWS, classes)) * spread
    step = 1 if kind == "pairs" else draw.integers(1, classes, ROWS)
    codes = np.where(draw.random(ROWS) < rate, (true + step) % classes, true)
    return codes, codes != true, cross_val_predict(LogisticRegression(), points, codes, method="predict_proba")


@pytest.mark.parametrize(
    ("rate", "kind"), [(0.02, "uniform"), (0.1, "uniform"), (0.3, "uniform"), (0.02, "pairs"), (0.1, "pairs")]
)
def test_the_mean_doubt_is_the_share_of_wrong_labels_where_they_are_wrong_at_random(rate, kind):
    codes, wrong, predicted = plant_flips(rate, 0.7, kind)
    noise = estimate_noise(predicted, codes)
    assert noise.doubt.mean() == pytest.approx(wrong.mean(), abs=0.02)
    assert noise.estimate == pytest.approx(wrong.sum(), abs=0.02 * ROWS)
    flips = fit_flips(predicted, codes)
    assert 1 - np.diag(flips.matrix).mean() == pytest.approx(rate, abs=0.03)
    assert flips.matrix.sum(axis=1) == pytest.approx(1)
    # A doubt is the share of wrong ones among labels of that doubt.
    for low, high in ((0.0, 0.1), (0.9, 1.0)):
        there = (noise.doubt >= low) & (noise.doubt <= high)
        assert noise.doubt[there].mean() == pytest.approx(wrong[there].mean(), abs=0.1)


def test_the_direction_of_flips_is_found():
    codes, _, predicted = plant_flips(0.2, 0.7, "pairs")
    matrix = fit_flips(predicted, codes).matrix
    assert (matrix[[0, 1, 2], [1, 2, 0]] > 5 * matrix[[0, 1, 2], [2, 0, 1]]).all()


def test_where_classes_overlap_and_few_labels_are_wrong_few_are_flagged():
    codes, wrong, predicted = plant_flips(0.03, 1.2)
    noise = estimate_noise(predicted, codes)
    differ = (predicted.argmax(axis=1) != codes).sum()
    assert differ > 3 * wrong.sum()
    assert noise.flagged.sum() < 1.5 * wrong.sum()
    assert (wrong & noise.flagged).sum() / noise.flagged.sum() > 0.5
    assert noise.doubt.mean() == pytest.approx(wrong.mean(), abs=0.03)


def test_a_model_that_knows_the_true_classes_flags_what_is_wrong_alone():
    codes, wrong, _ = plant_flips(0.1, 0.7)
    true = np.where(wrong, -1, codes)
    sure = np.full((ROWS, 3), 0.01)
    sure[np.arange(ROWS), np.where(true >= 0, true, (codes + 1) % 3)] = 0.98
    noise = estimate_noise(sure, codes)
    assert (noise.flagged == wrong).all()


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(2, 60),
    classes=st.integers(2, 6),
    seed=st.integers(0, 10_000),
    empty=st.floats(0, 0.5),
)
def test_whatever_the_model_says_doubts_are_probabilities_and_flags_come_first(rows, classes, seed, empty):
    draw = np.random.default_rng(seed)
    probabilities = draw.dirichlet(np.full(classes, 0.3), rows)
    codes = np.where(draw.random(rows) < empty, -1, draw.integers(0, classes, rows))
    codes[0] = 0
    noise = estimate_noise(probabilities, codes)
    assert ((noise.doubt >= 0) & (noise.doubt <= 1)).all()
    assert not noise.flagged[codes < 0].any()
    assert (noise.doubt[codes < 0] == 0).all()
    assert noise.low <= noise.estimate <= noise.high
    alone = np.isin(codes, np.flatnonzero(np.bincount(codes[codes >= 0]) == 1))
    assert not noise.flagged[alone].any()
    # No row is more doubtful than a flagged one.
    others = ~noise.flagged & (codes >= 0)
    assert (noise.doubt[noise.flagged & (probabilities.argmax(axis=1) == codes)] >= UNDECIDED).all()
    if noise.weak:
        assert (noise.doubt[noise.flagged] >= UNDECIDED).all()
    if noise.flagged.any() and others.any():
        assert noise.doubt[noise.flagged].min() > noise.doubt[others].max()


def test_the_order_of_rows_changes_no_doubt():
    codes, _, predicted = plant_flips(0.1, 0.7)
    few = slice(0, 500)
    turned = np.random.default_rng(1).permutation(500)
    first = estimate_noise(predicted[few], codes[few])
    second = estimate_noise(predicted[few][turned], codes[few][turned])
    assert second.doubt == pytest.approx(first.doubt[turned], abs=1e-6)


@pytest.mark.parametrize(("spread", "share"), [(0.7, 0.5), (1.2, 0.66), (1.6, 0.5)])
def test_mere_overlap_is_no_evidence_and_at_most_the_more_doubtful_half_is_flagged(spread, share):
    """Or what a model of this skill disagrees with for other reasons than ignorance: at 90 % skill, 66 of 100."""
    codes, _, predicted = plant_flips(0.0, spread)
    noise = estimate_noise(predicted, codes)
    differ = int((predicted.argmax(axis=1) != codes).sum())
    assert noise.evidence == 0
    assert noise.flagged.sum() <= share * differ


def test_the_more_labels_are_wrong_the_more_are_found():
    many, gains, evidence = [], [], []
    for rate in (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3):
        codes, _, predicted = plant_flips(rate, 0.7)
        noise = estimate_noise(predicted, codes)
        many.append(int(noise.flagged.sum()))
        evidence.append(noise.evidence)
        gains.append(fit_flips(predicted, codes).gain)
    assert (np.diff(many) > 0).all()
    assert evidence == [0.0] + 6 * [1.0]
    # What flips explain rises up to one label in ten; of many wrong labels, each says less about the true classes.
    assert (np.diff(gains[:5]) > 0).all()


def test_what_is_almost_certain_is_told_apart_in_single_precision():
    own = 10.0 ** -np.arange(3, 15)
    chances = np.vstack([np.column_stack([own, 1 - own]), np.tile([[0.9, 0.1], [0.1, 0.9]], (100, 1))])
    codes = np.append(np.zeros(12, dtype=int), np.tile([0, 1], 100))
    doubt = estimate_noise(chances, codes).doubt[:12].astype(np.float32)
    assert (np.diff(doubt) > 0).sum() >= 9  # the noise matrix sets in below one in a trillion


def test_a_model_that_knows_nothing_flags_nothing():
    codes = np.tile([0, 1], 15)
    assert not estimate_noise(np.full((30, 2), 0.5), codes).flagged.any()


def rank_one_way_flips(seed):
    """Rank labels of which only one class is given for another: the mean precision."""
    from sklearn.metrics import average_precision_score

    draw = np.random.default_rng(seed)
    corners = 2.5 * np.array([[0, 0], [1, 0], [0.5, 0.87]])
    true = draw.integers(0, 3, 1500)
    points = corners[true] + draw.normal(size=(1500, 2))
    codes = np.where((true == 0) & (draw.random(1500) < 0.15), 1, true)
    likely = np.exp(-((points[:, None] - corners) ** 2).sum(axis=2) / 2)
    flipped = np.array([[0.85, 0.15, 0], [0, 1, 0], [0, 0, 1]])
    return average_precision_score(
        codes != true, estimate_noise(likely / likely.sum(axis=1, keepdims=True) @ flipped, codes).doubt
    )


def test_the_likeliest_flips_tell_in_which_given_classes_wrong_labels_are(monkeypatch):
    joined = np.mean([rank_one_way_flips(seed) for seed in range(8)])
    monkeypatch.setattr("dcai.findings.labels.noise.FITTED", 0.0)
    assert joined > np.mean([rank_one_way_flips(seed) for seed in range(8)]) + 0.02
