"""What is said, said in whole words and right numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dcai.base.errors import InputError
from dcai.findings.report import audit
from dcai.findings.wording import describe_mixture, show_part


def test_models_are_named_in_plain_words_and_small_shares_left_out() -> None:
    said = describe_mixture(
        {"discriminant of meanings": 0.6, "logistic regression": 0.2, "logistic regression, loose": 0.199, "x": 0.001}
    )
    assert said == "mixture of meanings of texts (class averages) 60%, logistic regression 40%"


def test_all_is_all() -> None:
    assert show_part(300, 300) == "all"
    assert show_part(299, 300) == "> 99 %"


def test_a_class_hardly_commoner_is_no_comparison() -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.normal(size=100), "y": ["a"] * 51 + ["b"] * 49})
    found = audit(frame, "y", folds=60, detectors="class_imbalance", progress=False).findings
    assert len(found)
    assert not any("times as many" in reason for reason in found["reason"])


def test_one_row_is_no_comparison() -> None:
    frame = pd.DataFrame({"x": [1.0], "y": ["a"]})
    with pytest.raises(InputError, match="The label column 'y' has one label only, 'a'. Expected at least two classes"):
        audit(frame, "y", progress=False)
    with pytest.raises(InputError, match="There is no label column 'Y'. Did you mean 'y'?"):
        audit(frame, "Y", progress=False)


def test_equal_rows_say_which_columns_were_not_compared() -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(200, 3)).round(6), columns=["a", "b", "c"])
    (reason,) = audit(frame, test=frame[["a", "b"]], detectors="leakage", progress=False).findings["reason"]
    assert reason.startswith(
        "200 of 200 rows (all) are equal to a test row in 2 feature columns ('c' is not in the test frame)"
    )


def test_far_dates_are_put_beside_the_others() -> None:
    days = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(200) % 60, unit="D"))
    days.iloc[3] = pd.Timestamp("2099-01-01")
    (reason,) = audit(pd.DataFrame({"day": days}), detectors="ranges", progress=False).findings["reason"]
    assert "is far from the others: 98 % of 'day' lie between 2024-01-01" in reason
