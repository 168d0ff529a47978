"""What is trained and tested on: no row of the test by key or by content, one rule for the task, a capped choice of models."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from dcai.base.errors import InputError, StaleError
from dcai.experiments.comparison import compare
from dcai.experiments.samples.materials import prepare_materials
from dcai.experiments.scores import search
from dcai.findings.report import audit
from dcai.shells.cli_prove import compare as command

BAYES = {"bayes": GaussianNB()}


@pytest.fixture
def keyed():
    draw = np.random.default_rng(0)
    kind = np.array(["a", "b"] * 60)
    frame = pd.DataFrame({"id": [f"r{i}" for i in range(120)], "x": draw.normal(size=120), "y": draw.normal(size=120)})
    return frame.assign(x=frame["x"] + 3 * (kind == "b"), kind=kind)


def prepare(train, test, log=None, test_log=None, key=None):
    return prepare_materials(train, test, "kind", log, test_log, key=key, random_state=0)


def test_training_rows_whose_key_is_in_the_test_are_dropped(keyed, write_log):
    train, test = keyed.iloc[:80], keyed.iloc[60:].assign(x=lambda f: f["x"] + 0.001)
    log = write_log(keyed, "kind", {0: "b", 65: "a", 70: "a"}, key="id")
    made = prepare(train, test, log, key="id")
    assert all(len(sample.labels) == 60 for sample in made.training.values())
    assert made.reviewed == made.changed == {"raw": 0, "corrected": 1}
    notes = " ".join(made.notes)
    assert "20 training rows have the key of a test row and were dropped from training" in notes
    assert "1 of 3 decisions" in notes
    assert "certified group" not in notes
    assert "2 decisions about test rows were not applied" in notes


def test_one_shared_key_is_said_in_the_singular(keyed):
    made = prepare(keyed.iloc[:80], keyed.iloc[79:].assign(x=lambda f: f["x"] + 0.001), key="id")
    assert "1 training row has the key of a test row and was dropped from training" in " ".join(made.notes)


def test_nothing_is_left_when_all_keys_are_shared(keyed):
    with pytest.raises(
        InputError, match=r"Every training row has the key \('id'\) of a test row\. Expected other rows"
    ):
        prepare(keyed, keyed.assign(x=0.0), key="id")


def test_rows_equal_to_a_corrected_test_row_leave_training(keyed, write_log):
    train, test = keyed.iloc[:80].copy(), keyed.iloc[80:].reset_index(drop=True)
    train.loc[0, ["x", "y"]] = [7.25, 7.25]
    test.loc[0, ["x", "y"]] = [99.0, 7.25]
    test_log = write_log(test, "kind", {0: 7.25}, key="id", column="x")
    made = prepare(train, test, None, test_log, key="id")
    assert made.tests[1].frame["x"].eq(7.25).sum() == 1
    assert len(made.training["raw"].labels) == 79
    assert "1 training row had the same features as a test row and was dropped" in " ".join(made.notes)


# ---------------------------------------------------------------- the task

LABELS = {
    "few fractions": [0.5, 1.5, 2.5] * 40,
    "fractions with few rows each": [i / 4 for i in range(15)] * 8,
    "ratings": list(range(1, 31)) * 4,
    "ages": [20 + (7 * i) % 60 for i in range(120)],
    "distinct integers": list(range(120)),
    "prices": [1.01 * i for i in range(120)],
    "booleans": [True, False] * 60,
    "texts of numbers": [str(i % 25) for i in range(120)],
    "objects": pd.Series([float(i) + 0.5 for i in range(120)], dtype=object),
}


@pytest.mark.parametrize("what", LABELS)
def test_audit_and_compare_agree_on_what_a_number_is(what, keyed):
    frame = keyed.drop(columns=["id", "kind"]).assign(kind=list(LABELS[what]))
    if what == "objects":
        frame["kind"] = frame["kind"].astype(object)
    said = audit(frame, "kind", detectors="conflicts", progress=False).checks["reason"].item()
    measured = "the label is a number" in said
    made = prepare(frame, None)
    assert made.task == ("regression" if measured else "classification")


# ---------------------------------------------------------------- the choice of a model


def test_models_are_chosen_on_a_stated_share_of_many_rows(monkeypatch):
    monkeypatch.setattr(search, "CHOICE_ROWS", 150)
    draw = np.random.default_rng(0)
    kind = np.array(["a", "b"] * 200)
    frame = pd.DataFrame({"x": draw.normal(size=400) + 3 * (kind == "b"), "y": draw.normal(size=400), "kind": kind})
    seen = []

    class Counting(GaussianNB):
        def fit(self, X, y):
            seen.append(len(X))
            return super().fit(X, y)

    models = {"dummy": DummyClassifier(), "bayes": Counting()}
    comparison = compare(frame, label="kind", models=models, repeats=2)
    assert comparison.table.loc["model-centric", "model"] == "bayes"
    assert sum(n == 100 for n in seen) == 3, "raw and corrected rows are the same, so the choice is made once"
    assert {n for n in seen if n != 100} == {300}
    assert any(
        "3-fold cross-validation within 150 rows, spread evenly over the 300 training rows" in note
        for note in comparison.notes
    )


def test_few_rows_are_all_used_for_the_choice(keyed):
    comparison = compare(keyed, label="kind", key="id", models=[DummyClassifier(), LogisticRegression()], repeats=2)
    assert any("3-fold cross-validation within the training rows," in note for note in comparison.notes)


# ---------------------------------------------------------------- stale corrections


def test_stale_corrections_can_be_skipped_and_are_counted(keyed, write_log, tmp_path):
    log = write_log(keyed, "kind", {0: "b", 2: "b", 4: "b"}, key="id")
    moved = keyed.copy()
    moved.loc[2, "kind"] = "c"
    moved.loc[4, "kind"] = "c"
    test = keyed.iloc[60:].assign(id=lambda f: "t" + f["id"])
    train = moved.iloc[:60]
    with pytest.raises(StaleError, match=r"do not fit this data .* pass stale='skip' to apply the others"):
        compare(train, test, "kind", log, models=BAYES)
    comparison = compare(train, test, "kind", log, models=BAYES, stale="skip")
    assert comparison.table.loc["data-centric", "changed"] == 1
    assert any("2 corrections of training rows no longer fit and were skipped" in note for note in comparison.notes)
    with pytest.raises(InputError, match="'stale' parameter of compare must be 'raise' or 'skip'. Got 'drop'"):
        compare(train, test, "kind", log, models=BAYES, stale="drop")
    for name, frame in (("train", train), ("test", test)):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    options = [
        str(tmp_path / "train.csv"),
        str(tmp_path / "test.csv"),
        "--log",
        str(log.path),
        "--json",
        "--repeats",
        "2",
    ]
    assert isinstance(CliRunner().invoke(command, options).exception, StaleError)
    result = CliRunner().invoke(command, [*options, "--stale", "skip"])
    assert result.exit_code == 0
    assert "no longer fit and were skipped" in " ".join(json.loads(result.stdout)["notes"])


def test_a_stale_correction_of_the_test_can_be_skipped_too(keyed, write_log):
    test = keyed.iloc[80:].reset_index(drop=True)
    test_log = write_log(test, "kind", {0: "b", 2: "b"}, key="id")
    moved = test.assign(kind=["c", *test["kind"][1:]])
    with pytest.raises(StaleError):
        compare(keyed.iloc[:80], moved, "kind", models=BAYES, test_log=test_log, key="id")
    comparison = compare(keyed.iloc[:80], moved, "kind", models=BAYES, test_log=test_log, stale="skip", key="id")
    assert any("1 correction of test rows no longer fits and was skipped" in note for note in comparison.notes)


def test_labels_with_parts_are_refused_with_the_way_out():
    sets = [["comedy", "drama"][: 1 + i % 2] for i in range(40)]
    with pytest.raises(
        InputError, match=r"holds sets of classes. compare trains models of one class or one number a row"
    ):
        compare(pd.DataFrame({"x": np.arange(40.0), "y": sets}), label="y")
    words = [["a"] * (2 + i % 3) for i in range(40)]
    with pytest.raises(InputError, match="holds a tag for each token"):
        compare(pd.DataFrame({"words": words, "y": [["O"] * len(w) for w in words]}), label="y")
