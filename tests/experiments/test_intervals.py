import numpy as np
import pytest
from scipy import stats

from dcai.experiments.scores.intervals import estimate_interval


def test_without_any_difference_the_interval_is_a_point():
    assert estimate_interval(0.0, np.zeros((5, 101))) == (0.0, 0.0)


def test_luck_of_training_rows_alone_gives_students_interval():
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    low, high = estimate_interval(0.3, np.repeat(scores[:, None], 11, axis=1))
    reach = stats.t.ppf(0.975, 4) * scores.std(ddof=1)
    assert (low, high) == pytest.approx((0.3 - reach, 0.3 + reach))


def test_luck_of_test_rows_alone_gives_students_interval():
    scores = np.linspace(0.1, 0.9, 100)
    low, high = estimate_interval(0.5, np.repeat(np.r_[0.5, scores][None, :], 5, axis=0))
    reach = stats.t.ppf(0.975, 99) * scores.std(ddof=1)
    assert (low, high) == pytest.approx((0.5 - reach, 0.5 + reach))


def test_more_repeats_do_not_narrow_the_interval_without_end():
    rng = np.random.default_rng(0)
    few, many = (np.repeat(rng.normal(0.5, 0.1, repeats)[:, None], 11, axis=1) for repeats in (400, 6400))
    widths = [np.diff(estimate_interval(0.5, draws))[0] for draws in (few, many)]
    assert widths == pytest.approx([2 * 1.96 * 0.1] * 2, rel=0.1)


def test_both_kinds_of_luck_are_added():
    rng = np.random.default_rng(0)
    draws = rng.normal(0, 3, 2000)[:, None] + np.r_[0, rng.normal(0, 4, 2000)][None, :]
    low, high = estimate_interval(0.0, draws)
    assert (high - low) / 2 == pytest.approx(1.96 * 5, rel=0.05)


def test_draws_without_a_score_are_left_out_and_nothing_is_invented():
    draws = np.full((5, 101), np.nan)
    assert np.isnan(estimate_interval(0.5, draws)).all()
    scores = np.linspace(0.1, 0.9, 100)
    whole = np.repeat(np.r_[0.5, scores][None, :], 5, axis=0)
    holed = np.concatenate([whole, np.full((5, 7), np.nan)], axis=1)
    assert estimate_interval(0.5, holed) == estimate_interval(0.5, whole)
