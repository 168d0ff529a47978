"""Models and their cards: what they were trained on, how good they are for whom, and both files or none."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB

import dcai
from dcai.base.errors import InputError
from dcai.experiments.comparison import compare
from dcai.experiments.results.cards import hash_content, make_plain
from dcai.experiments.saving import save_model

FLOWERS = load_iris(as_frame=True).frame.rename(columns={"target": "kind"})


@pytest.fixture
def halves():
    draw = np.random.default_rng(0)
    rows = pd.DataFrame({"x": draw.normal(size=800), "site": draw.choice(["north", "south"], 800)})
    # In the south the label is drawn by lot: no model can know it.
    kind = np.where((rows["site"] == "north") | (draw.random(800) < 0.5), rows["x"] > 0, rows["x"] <= 0)
    rows["kind"] = np.where(kind, "a", "b")
    return rows.iloc[:400], rows.iloc[400:].reset_index(drop=True)


def fit(train):
    return GaussianNB().fit(train[["x"]], train["kind"])


def read_card(folder, name="model"):
    return json.loads((folder / f"{name}.card.json").read_text(encoding="utf-8"))


# ---------------------------------------------------------------- a comparison's model


@pytest.fixture
def comparison(write_log):
    log = write_log(FLOWERS, "kind", {**dict.fromkeys(range(40), 2), **dict.fromkeys(range(60, 70))})
    return compare(FLOWERS, None, "kind", log, models=GaussianNB(), repeats=2)


def test_the_card_names_the_rows_that_its_own_model_was_trained_on(comparison, tmp_path):
    cards = {}
    for approach in ("baseline", "data-centric"):
        comparison.save_model(tmp_path / "model.joblib", approach)
        cards[approach] = read_card(tmp_path)
    trained = {approach: card["trained_on"] for approach, card in cards.items()}
    assert trained["baseline"]["data"] == "raw"
    assert trained["data-centric"]["data"] == "corrected"
    assert trained["data-centric"]["rows"] == comparison.table.loc["data-centric", "train_rows"]
    assert trained["data-centric"]["rows"] < trained["baseline"]["rows"]
    assert trained["data-centric"]["sha256"] != trained["baseline"]["sha256"]
    assert cards["baseline"]["environment"]["dcai"] == dcai.__version__
    assert len(cards["baseline"]["origin"]["test_sha256"]) == 64


def test_the_card_says_for_which_groups_the_model_is_good(comparison, tmp_path):
    comparison.save_model(tmp_path / "model.joblib", by="petal width (cm)")
    groups = read_card(tmp_path)["slices"]
    assert sum(group["rows"] for group in groups) == comparison.test_rows
    assert all(group["low"] <= group["score"] <= group["high"] for group in groups)
    weighted = sum(group["rows"] * group["score"] for group in groups) / comparison.test_rows
    assert weighted == pytest.approx(comparison.table.loc["data-centric", "score"])
    with pytest.raises(InputError, match="no column of groups 'petal'"):
        comparison.save_model(tmp_path / "other.joblib", by="petal")
    assert not (tmp_path / "other.joblib").exists()


def test_details_may_hold_numbers_of_any_kind_and_tables(comparison, tmp_path):
    table = pd.DataFrame({"slice": ["a"], "recall": [np.nan], "rows": np.array([3], dtype=np.int64)})
    details = {
        "slices": table,
        "rows": np.int64(3),
        "share": np.float32(0.5),
        "made": pd.Timestamp("2026-01-02"),
        "no": pd.NA,
    }
    comparison.save_model(tmp_path / "model.joblib", details=details)
    found = read_card(tmp_path)["details"]
    assert found["slices"] == [{"slice": "a", "recall": None, "rows": 3}]
    assert (found["rows"], found["share"], found["made"], found["no"]) == (3, 0.5, "2026-01-02 00:00:00", None)


def test_details_that_no_card_can_hold_leave_no_file(comparison, tmp_path):
    place = r"\"details\['model'\]\[0\]\" parameter of save_model must be a plain value"
    with pytest.raises(InputError, match=place):
        comparison.save_model(tmp_path / "model.joblib", details={"model": [GaussianNB()]})
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".jsonl"]
    assert make_plain({1: (float("inf"), True, None)}) == {"1": [None, True, None]}


# ---------------------------------------------------------------- a model of one's own


def test_a_model_that_the_notebook_trained_gets_a_card(halves, tmp_path, write_log):
    train, test = halves
    log = write_log(train, "kind", {0: "b", 1: "a"})
    corrected = log.apply(train)
    model = fit(corrected)
    path = save_model(
        model, tmp_path / "model.joblib", train, test, "kind", log, by="site", scoring=["accuracy", "neg_log_loss"],
        intended_use="Sorting.", details={"owner": "ada"},
    )  # fmt: skip
    card = read_card(tmp_path)
    share = (model.predict(test[["x"]]) == test["kind"]).mean()
    measured = {row["metric"]: row for row in card["metrics"]}
    assert measured["accuracy"]["score"] == pytest.approx(share)
    assert measured["accuracy"]["low"] < share < measured["accuracy"]["high"]
    # A share of 400 rows: the textbook interval.
    reach = 1.96 * np.sqrt(share * (1 - share) / 400)
    assert measured["accuracy"]["high"] - share == pytest.approx(reach, rel=0.25)
    assert set(measured) == {"accuracy", "neg_log_loss"}
    sites = {row["slice"]: row for row in card["slices"] if row["metric"] == "accuracy"}
    assert sites["site == 'south'"]["high"] < sites["site == 'north'"]["low"]
    assert card["trained_on"]["data"] == "corrected"
    assert card["trained_on"]["sha256"] == hash_content(corrected[["x", "site", "kind"]])
    assert card["origin"]["test_sha256"] == hash_content(test)
    assert card["origin"]["corrections"]["log"]["decisions"] == 2
    assert (card["estimator"], card["intended_use"], card["details"]) == ("GaussianNB", "Sorting.", {"owner": "ada"})
    assert card["notes"] == []
    assert (joblib.load(path).predict(test[["x"]]) == model.predict(test[["x"]])).all()


def test_a_model_that_has_seen_test_rows_is_told_on_its_card(halves, tmp_path):
    train, test = halves
    both = pd.concat([train, test.iloc[:7]], ignore_index=True)
    save_model(fit(both), tmp_path / "model.joblib", both, test, "kind")
    [note] = read_card(tmp_path)["notes"]
    assert note.startswith("WARNING: 7 training rows have the key, the group or the features of a test row.")


def test_groups_widen_the_interval_of_a_card(halves, tmp_path):
    train, test = halves
    visits = test.iloc[:40].assign(visit=range(40))
    many = pd.concat([visits.assign(x=visits["x"] + i * 1e-6) for i in range(10)], ignore_index=True)
    first = train.assign(visit=range(1000, 1400))
    widths = []
    for name, groups in (("one", None), ("two", "visit")):
        frames = (first, many) if groups else (first.drop(columns="visit"), many.drop(columns="visit"))
        save_model(fit(train), tmp_path / f"{name}.joblib", *frames, "kind", groups=groups)
        metric = read_card(tmp_path, name)["metrics"][0]
        widths.append(metric["high"] - metric["low"])
    assert widths[1] > 2 * widths[0]


def test_masked_values_are_not_named_on_a_card(halves, tmp_path, monkeypatch):
    (tmp_path / "dcai.yaml").write_text("sensitive: [site]\n")
    monkeypatch.chdir(tmp_path)
    train, test = halves
    save_model(fit(train), tmp_path / "model.joblib", train, test, "kind", by="site")
    text = (tmp_path / "model.card.json").read_text(encoding="utf-8")
    assert "north" not in text
    assert "site: group 1 (hidden)" in text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": GaussianNB()}, "'model' parameter of save_model must be a fitted estimator.*Call its fit first"),
        ({"model": LinearRegression()}, "must be a classifier, because the label holds classes"),
        ({"test": None}, "'test' parameter of save_model must be held-out rows that the model has not seen"),
        ({"path": "model.pkl"}, r"cannot be saved as 'model\.pkl'"),
        ({"by": "sit"}, "no column of groups 'sit'. Did you mean 'site'"),
        ({"log": 3}, "'log' parameter of save_model must be a CorrectionLog"),
    ],
)
def test_what_cannot_be_saved_is_refused(halves, tmp_path, change, sentence):
    train, test = halves
    options = {"model": fit(train), "path": "model.joblib", "test": test, "log": None, "by": ()} | change
    with pytest.raises(InputError, match=sentence):
        save_model(
            options["model"],
            tmp_path / options["path"],
            train,
            options["test"],
            "kind",
            options["log"],
            by=options["by"],
        )
    assert not list(tmp_path.iterdir())


def test_a_model_of_other_columns_or_classes_is_refused(halves, tmp_path):
    train, test = halves
    other = GaussianNB().fit(train[["x"]].rename(columns={"x": "z"}), train["kind"])
    with pytest.raises(InputError, match="The model was fitted on columns that are no features of these rows: 'z'"):
        save_model(other, tmp_path / "model.joblib", train, test, "kind")
    numbered = GaussianNB().fit(train[["x"]], (train["kind"] == "a").astype(int))
    with pytest.raises(
        InputError, match=r"No test row has a class that the model knows. Expected classes such as \[0, 1\]"
    ):
        save_model(numbered, tmp_path / "model.joblib", train, test, "kind")
    assert not list(tmp_path.iterdir())
