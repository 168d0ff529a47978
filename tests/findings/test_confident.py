"""Confident learning's counts: equal to cleanlab's, whatever the probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.findings.labels import confident


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 60), classes=st.integers(2, 6), sharp=st.sampled_from([0.0, 1.0, 30.0]), seed=st.integers(0, 99)
)
@pytest.mark.filterwarnings("ignore")
def test_thresholds_and_joint_are_cleanlabs(rows: int, classes: int, sharp: float, seed: int) -> None:
    from cleanlab.count import compute_confident_joint, get_confident_thresholds

    random = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(classes), random.integers(0, classes, rows)])
    powers = np.exp(sharp * random.normal(size=(len(codes), classes)))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    ours = confident.find_thresholds(codes, probabilities)
    np.testing.assert_allclose(ours, get_confident_thresholds(codes, probabilities), rtol=1e-12)
    joint = compute_confident_joint(codes, probabilities, calibrate=False)
    np.testing.assert_array_equal(confident.count_confident(codes, probabilities), joint)


def test_the_counts_do_not_hang_on_how_many_rows_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    codes = np.concatenate([np.arange(3), random.integers(0, 3, 200)])
    probabilities = random.dirichlet([1, 1, 1], len(codes))
    whole = confident.count_confident(codes, probabilities)
    monkeypatch.setattr(confident, "_CHUNK", 7)
    np.testing.assert_array_equal(confident.count_confident(codes, probabilities), whole)
