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
