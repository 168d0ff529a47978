"""Planted noise is exactly what was asked for, and the truth is kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dcai import DcaiError, audit, plant
from dcai.experiments.planting import KINDS


@pytest.fixture
def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 300)
    points = 2 * np.eye(3)[truth] + random.normal(size=(300, 3))
    return pd.DataFrame(points, columns=list("abc"), index=random.permutation(300)).assign(
        y=np.array(["p", "q", "r"])[truth]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_exactly_the_share_asked_for_is_wrong_and_nothing_else_changes(frame: pd.DataFrame, kind) -> None:
    before = frame.copy()
    noisy, truth = plant(frame, "y", rate=0.2, kind=kind)
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_series_equal(truth, frame["y"])
    pd.testing.assert_frame_equal(noisy.drop(columns="y"), frame.drop(columns="y"))
    assert (noisy["y"] != truth).sum() == 60
    assert set(noisy["y"]) <= set(truth)
    again, _ = plant(frame, "y", rate=0.2, kind=kind)
    pd.testing.assert_frame_equal(noisy, again)
    other, _ = plant(frame, "y", rate=0.2, kind=kind, random_state=1)
    assert ((noisy["y"] != truth) != (other["y"] != truth)).any(), "another random_state plants other errors"


def test_pairwise_noise_takes_each_class_for_the_next(frame: pd.DataFrame) -> None:
    noisy, truth = plant(frame, "y", rate=0.3, kind="pairwise")
    wrong = noisy["y"] != truth
    assert set(zip(truth[wrong], noisy["y"][wrong], strict=True)) == {("p", "q"), ("q", "r"), ("r", "p")}


def test_rows_near_a_boundary_are_those_that_a_model_doubts(frame: pd.DataFrame) -> None:
    noisy, truth = plant(frame, "y", rate=0.1, kind="near-boundary")
    chances = np.sort(audit(frame, "y", detectors="labels", progress=False).probabilities.to_numpy(), axis=1)
    margin = chances[:, -1] - chances[:, -2]
    wrong = (noisy["y"] != truth).to_numpy()
    assert margin[wrong].mean() < margin[~wrong].mean() - 0.1


def test_unlabelled_rows_stay_and_classes_keep_their_type(frame: pd.DataFrame) -> None:
    numbered = frame.assign(y=frame["y"].map({"p": 1, "q": 2, "r": 3}).astype("Int64"))
    numbered.iloc[:50, -1] = pd.NA
    noisy, truth = plant(numbered, "y", rate=1.0)
    assert noisy["y"].dtype == "Int64"
    assert noisy["y"].isna().equals(truth.isna())
    assert (noisy["y"] != truth).sum() == 250


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rate": 1.5}, "a share from 0 to 1"),
        ({"rate": True}, "a share from 0 to 1"),
        ({"rate": 0.1, "kind": "odd"}, "one of 'uniform', 'pairwise'"),
    ],
)
def test_what_cannot_be_planted_is_refused(frame: pd.DataFrame, options, sentence: str) -> None:
    with pytest.raises(DcaiError, match=sentence):
        plant(frame, "y", **options)


def test_one_class_cannot_be_made_wrong() -> None:
    with pytest.raises(DcaiError, match="fewer than two classes"):
        plant(pd.DataFrame({"y": ["a", "a"]}), "y", rate=0.5)


def test_without_features_nobody_knows_a_boundary() -> None:
    with pytest.raises(DcaiError, match="No model can say which rows lie near a boundary"):
        plant(pd.DataFrame({"y": ["a", "b"] * 10}), "y", rate=0.5, kind="near-boundary")


def test_measured_numbers_are_no_classes() -> None:
    frame = pd.DataFrame({"x": np.arange(300.0), "y": np.arange(300.0) * 1.01})
    with pytest.raises(DcaiError, match="'y' holds measured numbers, and noise is planted in classes. Cut the numbers"):
        plant(frame, "y", rate=0.1)


def test_a_column_of_names_is_no_label() -> None:
    frame = pd.DataFrame({"y": [f"name {i}" for i in range(3000)] * 2})
    with pytest.raises(DcaiError, match="'y' has 3,000 classes. Expected at most 2,000"):
        plant(frame, "y", rate=0.1)


@pytest.mark.parametrize("kind", ["uniform", "pairwise", "class-dependent"])
def test_many_rows_of_many_classes_take_little_memory(kind) -> None:
    import tracemalloc

    # A table of each row by each class would hold 240 MB.
    frame = pd.DataFrame({"y": [f"c{i % 1000}" for i in range(30_000)]})
    tracemalloc.start()
    noisy, truth = plant(frame, "y", rate=0.01, kind=kind)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (noisy["y"] != truth).sum() == 300
    assert most < 120e6
