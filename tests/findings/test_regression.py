"""Labels that are numbers: wild values and exact models must not blind the check."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from dcai.findings.report import audit
from dcai.findings.residuals import judge_residuals, tame


def line(found):
    return found.checks.set_index("detector").loc["labels"]


@pytest.mark.parametrize("wild", [1e3, 1e6, -1e12])
def test_one_wild_value_does_not_make_all_others_suspect(wild):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 3))
    frame = pd.DataFrame(x, columns=list("abc")).assign(y=x @ [3.0, -2.0, 1.0] + draw.normal(size=300))
    planted = {20, 200}
    frame.loc[list(planted), "y"] += 30
    frame.loc[100, "y"] = wild
    found = audit(frame, "y", detectors="labels", progress=False)
    assert {100} | planted <= set(found.findings["row"])
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
    assert np.flatnonzero(judge_residuals(residuals)).tolist() == [100]


def test_a_label_that_is_mostly_zero_is_not_flagged_for_the_rest():
    draw = np.random.default_rng(0)
    residuals = np.where(draw.random(1000) < 0.6, 0.0, draw.normal(size=1000))
    assert (judge_residuals(residuals) > 0.5).mean() < 0.02


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
