"""Several annotators: their votes are no features, and together with the model they beat the majority."""

import numpy as np
import pandas as pd
import pytest

from dcai.base.errors import InputError
from dcai.findings.report import audit

ANNOTATORS = ["good", "bad", "worse"]


@pytest.fixture(scope="module")
def crowd():
    """300 rows of three classes; one annotator is right in 95 %, two in 45 % of the rows: (frame, truth)."""
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 3, 300)
    frame = pd.DataFrame(
        {"x": draw.normal(size=300) + 2.5 * (truth == 1), "y": draw.normal(size=300) + 2.5 * (truth == 2)}
    )
    for name, right in zip(ANNOTATORS, (0.95, 0.45, 0.45), strict=True):
        says = np.where(draw.random(300) < right, truth, (truth + draw.integers(1, 3, 300)) % 3)
        frame[name] = np.where(draw.random(300) < 0.9, says, np.nan)
    frame["label"] = frame[ANNOTATORS].mode(axis=1)[0].to_numpy().astype(int)
    frame.loc[7, ANNOTATORS] = np.nan
    return frame, truth


def test_the_consensus_is_right_more_often_than_the_majority(crowd):
    frame, truth = crowd
    found = audit(frame, "label", annotators=ANNOTATORS, progress=False)
    consensus = found.consensus
    assert list(consensus.columns) == ["label", "confidence", "agreement", "votes"]
    assert consensus.index.equals(frame.index)
    known = consensus["label"].notna()
    majority = (frame["label"] == truth)[known].mean()
    assert (consensus["label"] == truth)[known].mean() > majority + 0.05
    assert consensus.loc[7, "label"] is None
    assert consensus["votes"].tolist() == frame[ANNOTATORS].notna().sum(axis=1).tolist()


def test_annotators_are_no_features(crowd):
    frame, _ = crowd
    found = audit(frame, "label", annotators="good", progress=False)
    assert found.table.features == ("x", "y", "bad", "worse")
    assert found.consensus["votes"].max() == 1
    assert found.consensus["label"].dropna().tolist() == crowd[0]["good"].dropna().tolist()
    assert not set(found.findings["column"].dropna()) & {"good"}


def test_without_annotators_there_is_no_consensus(blobs):
    assert audit(blobs[0], "label", detectors="labels", progress=False).consensus is None


def test_annotators_need_a_label_and_must_exist(crowd):
    with pytest.raises(InputError, match="'annotators' parameter of audit speaks of a label, but none is named"):
        audit(crowd[0], annotators=ANNOTATORS)
    with pytest.raises(InputError, match="There is no column 'goood'. Did you mean 'good'"):
        audit(crowd[0], "label", annotators=["goood"])


def test_without_a_row_that_two_annotators_labelled_the_votes_stand_and_the_check_says_so(crowd):
    frame, _ = crowd
    frame = frame[["x", "y", "label"]].assign(
        ada=np.where(frame.index < 150, frame["label"], np.nan), bob=np.where(frame.index < 150, np.nan, frame["label"])
    )
    found = audit(frame, "label", annotators=["ada", "bob"], progress=False)
    assert found.consensus["label"].tolist() == frame["label"].tolist()
    assert found.consensus["votes"].eq(1).all()
    assert found.consensus["agreement"].eq(1).all()
    assert found.consensus["confidence"].between(0, 1).all()
    reason = found.checks.set_index("detector").loc["labels", "reason"]
    assert "no row has the votes of two annotators, so they were not weighed: each consensus is the only vote" in reason


def test_votes_for_a_class_that_the_label_never_has_are_counted(crowd):
    frame, _ = crowd
    frame = frame.astype({"good": object})
    frame.loc[[0, 1], "good"] = "emu"
    found = audit(frame, "label", annotators=ANNOTATORS, progress=False)
    reason = found.checks.set_index("detector").loc["labels", "reason"]
    assert "2 votes name a class that the label never has and do not count" in reason


@pytest.mark.parametrize("seed", range(12))
def test_no_pattern_of_votes_stops_the_audit(seed):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": draw.normal(size=40), "label": np.arange(40) % (2 + seed % 3)})
    names = list("abcd")[: 2 + seed % 3]
    for name in names:
        says = np.where(draw.random(40) < 0.8, frame["label"], 0)
        frame[name] = np.where(draw.random(40) < draw.choice([0.02, 0.1, 0.5, 1.0]), says, np.nan)
    consensus = audit(frame, "label", annotators=names, detectors="labels", progress=False).consensus
    assert consensus["votes"].tolist() == frame[names].notna().sum(axis=1).tolist()
    assert consensus["label"].notna().tolist() == (consensus["votes"] > 0).tolist()
