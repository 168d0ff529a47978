"""Rows without a label: the label that was taken away is suggested, with the confidence that it deserves."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review
from dcai.findings.labels.unlabelled import calibrate_confidence
from dcai.findings.report import audit

LABELS = ["labels", "missing"]


def plant(seed=0, rows=900, empty=150, gap=1.2):
    """Three classes that overlap, with emptied labels: (frame, positions without a label, the labels taken away)."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 3, rows)
    frame = pd.DataFrame({"x": draw.normal(size=rows) + gap * truth, "y": draw.normal(size=rows) - gap * (truth == 1)})
    names = np.array(["ash", "elm", "oak"], dtype=object)[truth]
    frame["tree"] = names
    gone = np.sort(draw.choice(rows, empty, replace=False))
    frame.loc[gone, "tree"] = [[None, "", "  "][i % 3] for i in range(empty)]
    return frame, gone, names[gone]


def look(frame, **options):
    return audit(frame, "tree", detectors=LABELS, model=LogisticRegression(), progress=False, **options)


@pytest.fixture(scope="module")
def found():
    return look(plant()[0])


def test_every_row_without_a_label_gets_a_suggestion_the_surest_first(found):
    _, gone, _ = plant()
    listed = found.by("missing").findings
    assert sorted(listed["row"]) == gone.tolist()
    assert (listed["column"] == "tree").all()
    assert listed["given"].map(lambda v: v is None or not v.strip()).all()
    assert listed["suggested"].isin(["ash", "elm", "oak"]).all()
    assert listed["confidence"].is_monotonic_decreasing
    assert found.scores["labels"].isna().to_numpy().nonzero()[0].tolist() == gone.tolist()
    assert not set(found.by("labels").findings["row"]) & set(gone)
    reason = found.checks.set_index("detector").loc["missing", "reason"]
    assert reason.startswith("150 unlabelled rows, the labels suggested by model LogisticRegression")
    assert "It has no label; 'tree' has one in 83 % of the rows. A model says '" in listed["reason"].iloc[0]


def test_the_confidence_is_the_share_of_suggestions_that_is_right():
    said, right = [], []
    for seed in range(8):
        frame, gone, truth = plant(seed)
        listed = look(frame).by("missing").findings.set_index("row").loc[gone]
        said += listed["confidence"].tolist()
        right += (listed["suggested"] == truth).tolist()
    said, right = np.array(said), np.array(right)
    assert right.mean() - 0.04 < said.mean() < right.mean() + 0.01
    assert right[said > 0.9].mean() > 0.9
    assert right[said < 0.6].mean() < 0.65


def test_where_few_rows_are_labelled_the_findings_are_less_remarkable():
    few = look(plant(rows=900, empty=800)[0]).by("missing").findings
    most = look(plant(rows=900, empty=20)[0]).by("missing").findings
    assert len(few) == 800
    assert few["doubt"].max() < 0.12
    assert most["doubt"].max() > 0.5


def test_a_suggested_label_is_taken_in_review_and_written(found, tmp_path):
    frame, gone, _ = plant()
    listed = found.by("missing").findings
    session = Review(found, log=tmp_path / "log.jsonl", by="ada")
    first, second = listed.iloc[0], listed.iloc[1]
    session.decide(first["finding"], "relabel", first["suggested"])
    session.decide(int(second["row"]), "relabel", "oak", column="tree")
    log = CorrectionLog.read(tmp_path / "log.jsonl")
    filled = log.apply(frame)
    assert filled["tree"].iloc[first["row"]] == first["suggested"]
    assert filled["tree"].iloc[second["row"]] == "oak"
    assert log.apply(filled).equals(filled)
    others = [row for row in gone if row not in (first["row"], second["row"])]
    assert filled["tree"].iloc[others].map(lambda v: not isinstance(v, str) or not v.strip()).all()
    wiser = found.refine(log, progress=False)
    assert len(wiser.by("missing").findings) == len(listed) - 2
    # A label that was filled in is none that was wrong.
    assert wiser.scores["labels"].iloc[first["row"]] < 1


def test_a_number_is_predicted_where_the_label_is_one():
    draw = np.random.default_rng(1)
    frame = pd.DataFrame({"x": draw.normal(size=200)})
    frame["y"] = 3 * frame["x"] + 0.1 * draw.normal(size=200)
    truth = frame["y"].iloc[:10].to_numpy(copy=True)
    frame.loc[:9, "y"] = np.nan
    listed = audit(frame, "y", detectors="missing", progress=False).findings
    assert sorted(listed["row"]) == list(range(10))
    assert np.allclose(listed.set_index("row").loc[range(10), "suggested"].astype(float), truth, atol=1.0)


def test_without_features_the_rows_are_listed_and_the_check_says_why_nothing_is_suggested():
    frame = pd.DataFrame({"id": range(40), "tree": ["ash", "elm"] * 19 + [None, None]})
    found = audit(frame, "tree", key="id", detectors="missing", progress=False)
    assert sorted(found.findings["row"]) == [38, 39]
    assert found.findings["suggested"].isna().all()
    assert (
        "no label is suggested for 2 unlabelled rows: all labelled rows are equal in their features"
        in found.checks["reason"].iloc[0]
    )


def test_the_shares_rise_with_the_sureness_and_never_reach_one():
    draw = np.random.default_rng(0)
    sure = draw.random(2_000)
    curve = calibrate_confidence(sure, draw.random(2_000) < sure**2)
    asked = np.linspace(0, 1, 50)
    assert (np.diff(curve(asked)) >= 0).all()
    assert np.abs(curve(asked[3:-3]) - asked[3:-3] ** 2).max() < 0.12
    assert calibrate_confidence(np.ones(30), np.ones(30, dtype=bool))(np.array([1.0]))[0] == pytest.approx(30 / 31)
