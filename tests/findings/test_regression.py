"""Labels that are numbers: wild values and exact models must not blind the check."""

import numpy as np
import pandas as pd
import pytest
from cleanlab.regression.rank import get_label_quality_scores
from sklearn.linear_model import LinearRegression
from sklearn.metrics import average_precision_score
from sklearn.tree import DecisionTreeRegressor

from dcai.base.errors import InputError
from dcai.corrections.session import Review
from dcai.findings.labels.amounts import is_weak
from dcai.findings.labels.residuals import judge_residuals, tame
from dcai.findings.report import audit


def line(found):
    return found.checks.set_index("detector").loc["labels"]


@pytest.mark.parametrize("wild", [1e3, 1e6, -1e12, 1e15, 1e30, -1e39, 1e120, 1e300])
def test_one_wild_value_does_not_make_all_others_suspect(wild):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 3))
    frame = pd.DataFrame(x, columns=list("abc")).assign(y=x @ [3.0, -2.0, 1.0] + draw.normal(size=300))
    planted = {20, 200}
    frame.loc[list(planted), "y"] += 30
    frame.loc[100, "y"] = wild
    found = audit(frame, "y", detectors="labels", progress=False)
    assert {100} | planted <= set(found.findings["row"])
    assert wild in found.findings["given"].tolist()
    assert len(found) <= 9
    assert np.abs(found.predictions - x @ [3.0, -2.0, 1.0]).median() < 1


@pytest.fixture
def switched():
    """A label that a switch decides exactly, so that a small tree predicts it exactly."""
    switch = np.arange(200) % 2
    return pd.DataFrame({"switch": switch, "x": np.random.default_rng(0).normal(size=200), "y": 5.5 + 10.0 * switch})


def audit_switched(frame):
    model = DecisionTreeRegressor(max_depth=1, criterion="absolute_error")
    return audit(frame, "y", model=model, task="regression", detectors="labels", progress=False)


def test_wrong_labels_among_exactly_predicted_ones_are_found_and_the_scale_is_stated(switched):
    planted = {3, 77, 150}
    switched.loc[list(planted), "y"] += 9.25
    found = audit_switched(switched)
    assert (switched["y"] - found.predictions).abs().median() == 0
    assert set(found.findings["row"]) == planted
    assert "at least half of the labels are predicted exactly" in line(found)["reason"]


def test_a_perfect_model_leaves_no_doubt_and_says_why(switched):
    found = audit_switched(switched)
    assert not len(found)
    assert "all labels are predicted exactly, so none is in doubt" in line(found)["reason"]


def test_rounding_errors_are_no_residuals():
    residuals = np.zeros(200)
    residuals[:80] = 1e-15
    residuals[100] = 5.0
    assert np.flatnonzero(judge_residuals(residuals, np.zeros(200)).doubt).tolist() == [100]


def test_a_label_that_is_mostly_zero_is_not_flagged_for_the_rest():
    draw = np.random.default_rng(0)
    residuals = np.where(draw.random(1000) < 0.6, 0.0, draw.normal(size=1000))
    assert (judge_residuals(residuals, np.zeros(1000)).doubt > 0.5).mean() < 0.02


def test_wild_numbers_are_tamed_and_long_tails_are_not():
    draw = np.random.default_rng(0)
    tail = np.exp(draw.normal(size=2000))
    assert tame(tail).tolist() == tail.tolist()
    spoilt = np.r_[tail, [999_999.0] * 60, -1e9, np.nan]
    tamed = tame(spoilt)
    assert np.isnan(tamed[-1])
    assert np.nanmax(np.abs(tamed)) <= 3 * tail.max()
    assert tamed[:2000].tolist() == tail.tolist()


def test_rows_without_a_label_are_counted():
    frame = pd.DataFrame({"x": np.arange(60.0), "y": np.arange(60.0) * 1.25})
    frame.loc[[3, 4], "y"] = np.nan
    found = audit(frame, "y", model=LinearRegression(), detectors="labels", progress=False)
    assert "2 rows have no label and were not judged" in line(found)["reason"]


# ---------------------------------------------------------------- skewed, uneven and slipped


def make_amounts(kind, rows=600, seed=0):
    """Numbers of several kinds that features explain in part, without any wrong one."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 5))
    signal = x @ [2.0, -1.0, 0.5, 0.0, 0.0]
    made = {
        "normal": lambda: signal + draw.normal(size=rows),
        "lognormal": lambda: np.exp(0.6 * signal + 0.4 * draw.normal(size=rows) + 8),
        "uneven": lambda: 3 * signal + draw.normal(size=rows) * np.exp(1.2 * x[:, 4]),
        "gamma": lambda: draw.gamma(2, np.exp(0.4 * signal) * 100),
        "heavy": lambda: 2 * signal + draw.standard_t(3, size=rows),
        "counts": lambda: draw.poisson(np.exp(0.4 * signal + 1.5)).astype(float),
        "half zero": lambda: np.where(draw.random(rows) < 0.5, 0, np.exp(0.5 * signal + 0.5 * draw.normal(size=rows))),
        "prices": lambda: np.round(np.exp(0.45 * signal + 0.25 * draw.normal(size=rows) + 12), -2).clip(max=500_000),
        "unexplained": lambda: np.exp(1.2 * draw.normal(size=rows)),
    }
    return pd.DataFrame(x, columns=list("abcde")).assign(y=made[kind]())


def audit_numbers(frame, **options):
    return audit(frame, "y", task="regression", detectors="labels", progress=False, **options)


@pytest.mark.parametrize(
    "kind", ["normal", "lognormal", "uneven", "gamma", "heavy", "counts", "half zero", "prices", "unexplained"]
)
def test_clean_numbers_stay_quiet(kind):
    found = audit_numbers(make_amounts(kind))
    assert len(found) <= 0.02 * 600


def test_the_scale_that_suits_is_taken_and_stated():
    assert "labels predicted on a logarithmic scale" in line(audit_numbers(make_amounts("lognormal")))["reason"]
    assert "labels predicted as they are" in line(audit_numbers(make_amounts("normal")))["reason"]
    uneven = line(audit_numbers(make_amounts("uneven")))["reason"]
    assert "some kinds of rows spread more than others, which was allowed for" in uneven


@pytest.mark.parametrize("kind", ["prices", "lognormal"])
def test_digit_slips_come_back_with_the_value_that_was_meant(kind):
    frame = make_amounts(kind)
    true = frame["y"].copy()
    rows = np.random.default_rng(1).choice(600, 24, replace=False)
    frame.loc[rows[:12], "y"] *= 10
    frame.loc[rows[12:], "y"] /= 10
    found = audit_numbers(frame)
    flagged = found.findings.set_index("row")
    assert len(set(flagged.index) & set(rows)) >= 0.8 * len(rows)
    assert len(set(flagged.index) - set(rows)) <= 3
    own = flagged.loc[flagged.index.intersection(rows)]
    assert np.isclose(own["suggested"].astype(float), true[own.index]).mean() >= 0.5
    assert own["reason"].str.contains("as if it had a zero too").mean() >= 0.5
    assert own["confidence"].between(0.5, 1).all()


@pytest.mark.parametrize(("kind", "size"), [("normal", 15), ("uneven", 60), ("heavy", 40)])
def test_planted_noise_ranks_first_above_the_peers_score(kind, size):
    frame = make_amounts(kind)
    rows = np.random.default_rng(2).choice(600, 18, replace=False)
    frame.loc[rows, "y"] += size * np.random.default_rng(3).choice([-1, 1], 18)
    found = audit_numbers(frame)
    wrong = np.isin(np.arange(600), rows)
    peer = 1 - get_label_quality_scores(frame["y"].to_numpy(), found.predictions.to_numpy())
    assert average_precision_score(wrong, found.scores["labels"]) >= average_precision_score(wrong, peer) - 0.01
    flagged = set(found.findings["row"])
    assert len(flagged & set(rows)) >= 0.8 * len(rows)
    assert len(flagged - set(rows)) <= 10


def test_the_wrong_sign_is_explained():
    frame = make_amounts("normal")
    frame["y"] += 12
    frame.loc[[7, 70], "y"] *= -1
    found = audit_numbers(frame).findings.set_index("row")
    assert set(found.index) == {7, 70}
    np.testing.assert_allclose(found["suggested"].astype(float), -found["given"].astype(float))
    assert found["reason"].str.contains("as if it had the wrong sign").all()


def test_shifting_and_stretching_numbers_changes_nothing():
    frame = make_amounts("heavy")
    frame.loc[[3, 30], "y"] += 60
    first = audit_numbers(frame)
    moved = audit_numbers(frame.assign(y=7 * frame["y"]))
    assert set(moved.findings["row"]) == set(first.findings["row"])
    np.testing.assert_allclose(moved.scores["labels"], first.scores["labels"], atol=0.02)


def test_rows_in_another_order_are_judged_alike():
    frame = make_amounts("lognormal", rows=200)
    frame.loc[[3, 30], "y"] *= 100
    order = np.random.default_rng(0).permutation(200)
    first, moved = audit_numbers(frame), audit_numbers(frame.iloc[order].reset_index(drop=True))
    np.testing.assert_allclose(moved.scores["labels"], first.scores["labels"].to_numpy()[order], atol=1e-5)


def test_ones_own_model_is_judged_on_the_scale_that_suits():
    frame = make_amounts("lognormal")
    found = audit_numbers(frame, model=DecisionTreeRegressor(min_samples_leaf=10, random_state=0))
    assert len(found) <= 0.02 * 600
    assert "on a logarithmic scale" in line(found)["reason"]


def test_cells_that_are_no_number_are_found_and_counted():
    frame = make_amounts("normal", rows=120)
    frame["y"] = frame["y"].astype(object)
    frame.loc[5, "y"] = "about 3"
    found = audit_numbers(frame)
    own = found.findings.set_index("row").loc[5]
    assert (own["given"], own["suggested"]) == ("about 3", None)
    assert own["reason"] == "This label is no number, though the others are."
    assert "1 cell is no number and listed as such" in line(found)["reason"]


@pytest.mark.parametrize("rows", [4, 8, 20])
def test_few_rows_make_no_trouble(rows):
    frame = make_amounts("normal", rows=rows)
    found = audit_numbers(frame)
    assert line(found)["status"] == "ran"
    assert len(found) <= rows / 4


def test_suggested_numbers_reach_the_cell(tmp_path):
    frame = make_amounts("prices", rows=300)
    frame.loc[11, "y"] *= 10
    found = audit_numbers(frame)
    review = Review(found, tmp_path / "y.jsonl", by="ada")
    own = review.queue().set_index("row").loc[11]
    review.decide(own["finding"], "edit", own["suggested"])
    once = review.log.apply(frame)
    assert once["y"][11] == pytest.approx(frame["y"][11] / 10)
    pd.testing.assert_frame_equal(review.log.apply(once), once)


def test_whole_numbers_of_which_none_comes_twice_are_an_identifier_unless_they_follow_from_the_columns():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(120, 2)), columns=["a", "b"])
    for names in (draw.permutation(120), draw.choice(10**6, 120, replace=False)):
        found = audit(frame.assign(y=names), "y", detectors="labels", progress=False)
        assert found.findings.empty
        assert found.checks["status"].tolist() == ["skipped"]
        assert "looks like an identifier" in found.checks["reason"].iloc[0]
        asked = audit(frame.assign(y=names), "y", task="regression", detectors="labels", progress=False)
        assert asked.checks["status"].tolist() == ["ran"]
        assert "take what is found about it as guesses" in asked.caution
    price = (100_000 + 20_000 * frame["a"] + 2_000 * draw.normal(size=120)).round().astype(int)
    sold = audit(frame.assign(y=price), "y", detectors="labels", progress=False)
    assert sold.checks["status"].tolist() == ["ran"]
    assert "of the labels' spread" in sold.caution
    assert "guesses" not in sold.caution


def test_more_folds_than_rows_are_refused():
    frame = pd.DataFrame({"a": range(12), "y": [0.5 * n for n in range(12)]})
    with pytest.raises(InputError, match="'folds' parameter of audit must be at most the number of rows, 12"):
        audit(frame, "y", folds=13, progress=False)


def test_what_chance_explains_in_few_rows_is_weak_and_a_tenth_of_many_rows_is_not():
    for rows, weak in ((60, True), (400, False)):
        assert is_weak(0.15, np.zeros(rows)) is weak
    assert is_weak(0.09, np.zeros(10**6))
    assert is_weak(0.15, np.append(np.zeros(60), np.full(1000, np.nan)))
