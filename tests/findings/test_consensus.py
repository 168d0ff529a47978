"""Several annotators: their votes are no features, and together with the model they beat the majority."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from dcai.base.errors import InputError
from dcai.findings.report import audit

ANNOTATORS = ["good", "bad", "worse"]


def look(*given, **options):
    """An audit with a quick model."""
    if "probabilities" not in options and "annotators" in options and len(given) > 1:
        options["model"] = LogisticRegression()
    return audit(*given, **options)


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
    assert list(consensus.columns) == ["label", "confidence", "agreement", "votes", "gain"]
    assert consensus.index.equals(frame.index)
    known = consensus["label"].notna()
    majority = (frame["label"] == truth)[known].mean()
    assert (consensus["label"] == truth)[known].mean() > majority + 0.05
    assert consensus.loc[7, "label"] is None
    assert consensus["votes"].tolist() == frame[ANNOTATORS].notna().sum(axis=1).tolist()


def test_annotators_are_no_features(crowd):
    frame, _ = crowd
    found = look(frame, "label", annotators="good", progress=False)
    assert found.table.features == ("x", "y", "bad", "worse")
    assert found.consensus["votes"].max() == 1
    assert found.consensus["label"].dropna().tolist() == crowd[0]["good"].dropna().tolist()
    assert not set(found.findings["column"].dropna()) & {"good"}


def test_without_annotators_there_is_no_consensus(blobs):
    assert look(blobs[0], "label", detectors="labels", progress=False).consensus is None


def test_annotators_need_a_label_and_must_exist(crowd):
    with pytest.raises(InputError, match="'annotators' parameter of audit speaks of a label, but none is named"):
        look(crowd[0], annotators=ANNOTATORS)
    with pytest.raises(InputError, match="There is no column 'goood'. Did you mean 'good'"):
        look(crowd[0], "label", annotators=["goood"])


def test_without_a_row_that_two_annotators_labelled_the_votes_stand_and_the_check_says_so(crowd):
    frame, _ = crowd
    frame = frame[["x", "y", "label"]].assign(
        ada=np.where(frame.index < 150, frame["label"], np.nan), bob=np.where(frame.index < 150, np.nan, frame["label"])
    )
    found = look(frame, "label", annotators=["ada", "bob"], progress=False)
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
    found = look(frame, "label", annotators=ANNOTATORS, progress=False)
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
    consensus = look(frame, "label", annotators=names, detectors="labels", progress=False).consensus
    assert consensus["votes"].tolist() == frame[names].notna().sum(axis=1).tolist()
    assert consensus["label"].notna().tolist() == (consensus["votes"] > 0).tolist()


def test_annotators_are_rated_with_their_worst_confusion(crowd):
    frame, truth = crowd
    frame = frame.assign(zero=0)
    rated = look(frame, "label", annotators=["zero", *ANNOTATORS], detectors="labels", progress=False).annotators
    assert rated["annotator"].tolist() == ["zero", *ANNOTATORS]
    assert rated["votes"].tolist() == [len(frame), *frame[ANNOTATORS].notna().sum()]
    rated = rated.set_index("annotator")
    for name in rated.index:
        said = frame[name].notna()
        right = (frame[name] == truth)[said].mean()
        assert rated.loc[name, "low"] <= right <= rated.loc[name, "high"]
    assert rated.loc["zero", "with"] == 0
    assert rated.loc["zero", "confuses"] in (1, 2)
    assert rated.loc["zero", "share"] > 0.95
    assert rated["agreement"].between(0, 1).all()


def test_an_annotator_without_votes_and_one_with_a_single_vote_are_listed(crowd):
    frame, _ = crowd
    once = pd.Series(np.nan, index=frame.index)
    once.iloc[11] = 2
    frame = frame.assign(never=np.nan, once=once)
    rated = look(
        frame, "label", annotators=[*ANNOTATORS, "never", "once"], detectors="labels", progress=False
    ).annotators
    never, single = rated.iloc[3], rated.iloc[4]
    assert never["votes"] == 0
    assert np.isnan(never["quality"])
    assert never["confuses"] is None
    assert single["votes"] == 1
    assert single["low"] < 0.35 < 0.75 < single["high"]


def test_a_single_vote_moves_nothing_that_three_people_agree_on(crowd):
    frame, truth = crowd
    agreed = dict.fromkeys("abc", truth)
    frame = frame[["x", "y"]].assign(label=truth, **agreed, once=np.where(frame.index == 5, (truth + 1) % 3, np.nan))
    consensus = look(frame, "label", annotators=[*"abc", "once"], detectors="labels", progress=False).consensus
    assert consensus["label"].tolist() == truth.tolist()
    assert consensus["agreement"].iloc[5] == 0.75
    assert consensus["gain"].max() < 0.05


FORMS = {
    "integers": lambda v: v.astype(int),
    "floats": lambda v: v.astype(float),
    "digits": lambda v: v.astype(int).astype(str),
    "written floats": lambda v: v.astype(float).astype(str),
    "nullable": lambda v: v.astype("Int64"),
    "categories": lambda v: v.astype(int).astype("category"),
}


@pytest.mark.parametrize("said", FORMS)
@pytest.mark.parametrize("given", ["integers", "floats", "digits"])
def test_a_vote_counts_however_its_number_is_written(crowd, given, said):
    frame, truth = crowd
    truth = pd.Series(truth[:60])
    frame = frame.iloc[:60][["x", "y"]].assign(label=FORMS[given](truth))
    for at, name in enumerate("abc"):
        frame[name] = FORMS[said](truth.where((truth.index + at) % 3 > 0, (truth + 1) % 3))
    found = look(frame, "label", annotators=list("abc"), detectors="labels", folds=2, progress=False)
    assert found.consensus["votes"].eq(3).all()
    assert found.consensus["label"].tolist() == frame["label"].tolist()


def test_votes_are_read_as_the_label_is_in_all_spellings(crowd):
    frame, truth = crowd
    names = np.array(["cat", "dog", "red fox"])[truth]
    frame = frame[["x", "y"]].assign(
        label=names, a=[n.upper() for n in names], b=[f" {n} " for n in names], c="Red-Fox"
    )
    frame.loc[3, "c"] = "  "
    found = look(frame, "label", annotators=list("abc"), detectors="labels", progress=False)
    assert found.consensus["label"].tolist() == names.tolist()
    assert found.consensus["votes"].tolist() == [3, 3, 3, 2, *[3] * (len(frame) - 4)]


def test_votes_of_zero_and_one_are_read_for_a_label_of_booleans(blobs):
    frame, _ = blobs
    label = frame["label"] == "cat"
    frame = frame[["x", "y"]].assign(label=label, a=label.astype(int), b=label.astype(float))
    assert (
        look(frame, "label", annotators=["a", "b"], detectors="labels", progress=False).consensus["votes"].eq(2).all()
    )


def test_a_class_that_one_person_alone_votes_for_is_no_obstacle(crowd):
    frame, truth = crowd
    label = np.where(np.arange(len(truth)) < 3, 3, truth)
    frame = frame[["x", "y"]].assign(label=label, a=label, b=truth, c=truth)
    consensus = look(frame, "label", annotators=list("abc"), detectors="labels", progress=False).consensus
    assert consensus["label"].iloc[3:].tolist() == truth[3:].tolist()
    assert consensus["votes"].eq(3).all()


def test_votes_of_which_none_names_a_class_are_refused_before_any_work(crowd):
    frame, _ = crowd
    frame = frame.assign(a="yes", b="no")
    with pytest.raises(
        InputError,
        match=r"None of the 600 votes of the annotators names a class of the label column 'label': they say 'no', 'yes', the classes are 0, 1, 2",
    ):
        look(frame, "label", annotators=["a", "b"], progress=False)


def test_annotators_of_a_number_are_refused(crowd):
    frame, _ = crowd
    with pytest.raises(
        InputError, match="There are annotators, but the label column 'x' is audited with task='regression'"
    ):
        audit(frame, "x", annotators=ANNOTATORS, progress=False)


def test_the_consensus_hangs_neither_on_the_order_of_rows_nor_of_annotators(crowd):
    frame, _ = crowd
    order = np.random.default_rng(3).permutation(len(frame))
    straight = look(frame, "label", annotators=ANNOTATORS, detectors="labels", progress=False)
    moved = look(frame.iloc[order], "label", annotators=ANNOTATORS[::-1], detectors="labels", progress=False)
    pd.testing.assert_frame_equal(moved.consensus.loc[frame.index], straight.consensus)
    pd.testing.assert_frame_equal(moved.annotators.iloc[::-1].reset_index(drop=True), straight.annotators)


def test_the_consensus_is_the_same_when_classes_have_other_names(crowd):
    frame, _ = crowd
    columns = ["label", *ANNOTATORS]
    named = frame.assign(**{c: frame[c].map({0: "zebra", 1: "ape", 2: "mole"}) for c in columns})
    straight = look(frame, "label", annotators=ANNOTATORS, detectors="labels", progress=False).consensus
    renamed = look(named, "label", annotators=ANNOTATORS, detectors="labels", progress=False).consensus
    same = renamed["label"].map({"zebra": 0, "ape": 1, "mole": 2}) == straight["label"]
    # The classes are dealt into folds by the order of their names, so that a few open rows may turn.
    assert same[straight["votes"] > 0].mean() > 0.97


def test_the_users_own_probabilities_are_not_trained_anew(crowd):
    frame, truth = crowd
    given = pd.DataFrame(0.1 + 0.7 * np.eye(3)[truth], index=frame.index, columns=[0, 1, 2])
    found = look(frame, "label", annotators=ANNOTATORS, probabilities=given, detectors="labels", progress=False)
    known = found.consensus["label"].notna()
    assert (found.consensus["label"] == truth)[known].mean() > 0.97


def noisy_label(rows=400, rate=0.1, seed=3):
    """Two annotators who are right in 90 %, and a label with errors of its own: (frame, truth)."""
    draw = np.random.default_rng(seed)
    truth = np.where(draw.random(rows) < 0.5, "yes", "no")
    frame = pd.DataFrame({"x": draw.normal(size=rows) + 2.0 * (truth == "yes")})
    for name in ("one", "two"):
        frame[name] = np.where(draw.random(rows) < 0.9, truth, np.where(truth == "yes", "no", "yes"))
    frame["label"] = np.where(draw.random(rows) < rate, np.where(truth == "yes", "no", "yes"), truth)
    return frame, truth


def test_a_clear_consensus_against_the_label_is_a_finding():
    frame, truth = noisy_label()
    found = look(frame, "label", annotators=["one", "two"], detectors="labels", progress=False)
    against = (found.consensus["label"] != frame["label"]) & (found.consensus["confidence"] >= 0.8)
    its = found.findings.set_index("row")
    assert against.sum() > 10
    assert set(np.flatnonzero(against)) <= set(its.index)
    assert (its.loc[np.flatnonzero(against), "doubt"] >= 0.8).all()
    assert (its.loc[np.flatnonzero(against), "suggested"] == found.consensus["label"][against]).all()
    assert its["reason"].str.contains("2 of 2 annotators and the model say").any()
    alone = look(
        frame.drop(columns=["one", "two"]), "label", model=LogisticRegression(), detectors="labels", progress=False
    )
    wrong = set(np.flatnonzero(frame["label"] != truth))
    assert len(wrong & set(its.index)) > len(wrong & set(alone.findings["row"]))


def test_annotators_who_were_not_named_are_pointed_out(blobs):
    frame, _ = noisy_label()
    said = look(frame, "label", model=LogisticRegression(), detectors="labels", progress=False).checks["reason"].item()
    assert "'one', 'two' hold the label's classes" in said
    assert "annotators=" in said
    named = look(frame, "label", annotators=["one", "two"], detectors="labels", progress=False).checks["reason"].item()
    assert "hold the label's classes" not in named
    assert (
        "hold the label's classes"
        not in look(blobs[0], "label", detectors="labels", progress=False).checks["reason"].item()
    )


def test_with_annotators_the_number_of_wrong_labels_is_theirs_to_tell(crowd):
    frame, truth = crowd
    known = frame[ANNOTATORS].notna().any(axis=1)
    wrong = int((frame["label"] != truth)[known].sum())
    told = look(frame, "label", annotators=ANNOTATORS, detectors="labels", progress=False).expected_errors
    alone = look(
        frame.drop(columns=ANNOTATORS), "label", model=LogisticRegression(), detectors="labels", progress=False
    )
    alone = alone.expected_errors
    assert told.low <= wrong <= told.high
    assert told.high - told.low < 0.75 * (alone.high - alone.low)
    assert abs(told.estimate - wrong) < 0.25 * wrong


def test_the_check_says_between_which_numbers_the_wrong_labels_lie_and_what_is_not_counted(crowd):
    frame, _ = crowd
    found = look(frame, "label", annotators=ANNOTATORS, detectors="labels", progress=False)
    low, high = (f"{v:,.0f}" for v in (found.expected_errors.low, found.expected_errors.high))
    said = found.checks["reason"].iloc[0]
    assert f"between {low} and {high} of 300 labels may be wrong; errors that follow a rule" in said
