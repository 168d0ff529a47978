import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from dcai.experiments.comparison import compare

BAYES = {"bayes": GaussianNB()}


@pytest.fixture
def flowers():
    frame = load_iris(as_frame=True).frame.rename(columns={"target": "kind"})
    return frame.assign(kind=frame["kind"].map({0: "setosa", 1: "versicolor", 2: "virginica"}))


def notes_of(comparison, word):
    return [note for note in comparison.notes if word in note]


# ---------------------------------------------------------------- truths


def test_planted_noise_that_the_log_repairs_is_found_as_a_gain_of_data(digits, digit_fixes, write_log):
    frame, _ = digits
    log = write_log(frame, "digit", digit_fixes)
    comparison = compare(frame, None, "digit", log, models={"neighbour": KNeighborsClassifier(1)}, test_log=log)
    gain = comparison.table.loc["data-centric"]
    assert gain["gain_low"] > 0
    # One neighbour repeats its label, so with 30 % wrong labels about 30 % of the answers become right on true labels
    # and 0.3 * 0.7 on labels that are themselves wrong in 30 %.
    assert gain["gain_corrected_test"] == pytest.approx(0.3, abs=0.06)
    assert gain["gain"] == pytest.approx(0.3 * 0.7, abs=0.06)
    assert comparison.table.loc["data-centric", "score_corrected_test"] > 0.95
    assert not notes_of(comparison, "confirmation loop"), "the truth agrees with this model, but no more than that"


def test_corrections_of_training_rows_only_are_used_and_all_are_accounted_for(digits, digit_fixes, write_log):
    frame, _ = digits
    log = write_log(frame, "digit", digit_fixes)
    comparison = compare(frame, None, "digit", log, models=BAYES)
    used = int(comparison.table.loc["data-centric", "reviewed"])
    assert 0 < used < len(digit_fixes)
    assert notes_of(comparison, f"{used} of {len(digit_fixes)} decisions")
    assert notes_of(comparison, f"{len(digit_fixes) - used} decisions about test rows were not applied")
    assert comparison.table["reviewed"].tolist() == [0, 0, used, used]
    assert comparison.table["changed"].tolist() == [0, 0, used, used]


@pytest.mark.parametrize("kind", ["none", "keep"])
def test_without_changes_every_gain_of_data_is_exactly_zero(flowers, write_log, kind):
    log = None if kind == "none" else write_log(flowers, "kind", {0: flowers["kind"][0]})
    forest = RandomForestClassifier(10)
    comparison = compare(flowers, None, "kind", log, models={"forest": forest})
    raw, corrected = (list(rows["score"]) for _, rows in comparison.scores.groupby("data", sort=False))
    assert len(raw) == 6
    assert raw == corrected
    assert comparison.table.loc["data-centric", ["gain", "gain_low", "gain_high"]].tolist() == [0.0, 0.0, 0.0]
    assert "No gain from correcting the data is shown" in comparison.to_text()


def test_shuffling_rows_and_changing_the_index_change_nothing(flowers, write_log):
    fixes = dict.fromkeys(range(30), "virginica")
    log = write_log(flowers, "kind", fixes)
    shuffled = flowers.sample(frac=1, random_state=5).set_axis(range(1000, 1150))
    one, other = (compare(f, None, "kind", log, models=BAYES) for f in (flowers, shuffled))
    columns = [c for c in one.scores if c != "seconds"]
    pd.testing.assert_frame_equal(one.scores[columns], other.scores[columns])
    pd.testing.assert_frame_equal(one.table.drop(columns="seconds"), other.table.drop(columns="seconds"))


def test_the_same_random_state_gives_the_same_and_another_gives_other_numbers(flowers):
    forest = RandomForestClassifier(5)
    runs = [
        compare(flowers, label="kind", models=forest, random_state=seed).scores["score"].tolist() for seed in (0, 0, 1)
    ]
    assert runs[0] == runs[1] != runs[2]


class Watcher(GaussianNB):
    """Remembers what it was fitted on and asked about."""

    fitted: list = []  # noqa: RUF012 (shared on purpose: compare works on clones)
    asked: list = []  # noqa: RUF012 (likewise)

    def fit(self, X, y):
        Watcher.fitted.append((X.copy(), np.array(y)))
        return super().fit(X, y)

    def predict(self, X):
        Watcher.asked.append(X.copy())
        return super().predict(X)


@pytest.fixture
def watcher():
    Watcher.fitted.clear()
    Watcher.asked.clear()
    return Watcher()


def test_no_row_of_the_test_is_trained_on_and_test_labels_stay(flowers, write_log, watcher):
    doubled = pd.concat([flowers, flowers.iloc[::3]], ignore_index=True)
    log = write_log(doubled, "kind", dict.fromkeys(range(50), "virginica"))
    seen = []

    def score(estimator, X, y):
        seen.append(pd.concat([X.reset_index(drop=True), pd.Series(y, name="kind")], axis=1))
        return float((estimator.predict(X) == y).mean())

    compare(doubled, None, "kind", log, models=watcher, scoring=score)
    names = list(flowers.columns[:-1])
    tested = {tuple(r) for rows in seen for r in rows[names].to_numpy().tolist()}
    trained = {tuple(r) for X, _ in Watcher.fitted for r in X[names].to_numpy().tolist()}
    assert tested
    assert not tested & trained
    given = {tuple(r) for r in doubled.to_numpy().tolist()}
    assert all(tuple(r) in given for rows in seen for r in rows.to_numpy().tolist())


def test_pairs_differ_in_labels_only(flowers, write_log, watcher):
    log = write_log(flowers, "kind", dict.fromkeys(range(20), "virginica"))
    compare(flowers, None, "kind", log, models=watcher, repeats=3)
    assert len(Watcher.fitted) == 2 * 4
    for (raw, _), (corrected, _) in zip(Watcher.fitted[::2], Watcher.fitted[1::2], strict=True):
        pd.testing.assert_frame_equal(raw, corrected)
    assert any((a != b).any() for (_, a), (_, b) in zip(Watcher.fitted[::2], Watcher.fitted[1::2], strict=True))


def test_neither_frame_is_changed(flowers, write_log):
    log = write_log(flowers, "kind", {0: "virginica", 1: None})
    train, test = flowers.iloc[::2].copy(), flowers.iloc[1::2].copy()
    before = train.copy(), test.copy()
    compare(train, test, "kind", log, models=BAYES, test_log=log)
    pd.testing.assert_frame_equal(train, before[0])
    pd.testing.assert_frame_equal(test, before[1])


# ---------------------------------------------------------------- what is counted and stated


def test_a_given_test_keeps_its_rows_and_shared_rows_leave_training(flowers):
    train, test = flowers.iloc[:120:2], pd.concat([flowers.iloc[1::2], flowers.iloc[:10:2]])
    distinct = ~train.iloc[:, :4].apply(tuple, axis=1).isin(set(test.iloc[:, :4].apply(tuple, axis=1)))
    comparison = compare(train, test, "kind", models=BAYES)
    assert comparison.test_rows == len(test)
    assert comparison.table["train_rows"].tolist() == [distinct.sum()] * 4
    assert notes_of(
        comparison, f"{(~distinct).sum()} training rows had the same features as a test row and were dropped"
    )


def test_excluded_rows_leave_corrected_training_data_only(flowers, write_log):
    train, test = flowers.iloc[::2], flowers.iloc[1::2].iloc[:, [4, 3, 2, 1, 0]]
    train = train[~train.iloc[:, :4].apply(tuple, axis=1).isin(set(test[list(train.columns[:4])].apply(tuple, axis=1)))]
    log = write_log(train, "kind", {0: None, 1: None, 2: "virginica"})
    comparison = compare(train, test, "kind", log, models=BAYES)
    assert comparison.table["train_rows"].tolist() == [len(train), len(train), len(train) - 2, len(train) - 2]
    assert comparison.table.loc["both", "changed"] == 3


def test_unlabelled_rows_are_counted_and_a_correction_can_label_them(flowers, write_log):
    train, test = flowers.iloc[::2].reset_index(drop=True), flowers.iloc[1::2]
    train.loc[[3, 4, 5], "kind"] = None
    log = write_log(train, "kind", {3: "setosa"})
    comparison = compare(train, test, "kind", log, models=BAYES)
    assert notes_of(comparison, "3 rows without a label left out of the training rows as given")
    assert notes_of(comparison, "2 rows without a label left out of the corrected training rows")
    sizes = comparison.table["train_rows"]
    assert sizes["data-centric"] == sizes["baseline"] + 1


def test_classes_that_only_the_test_has_are_stated(flowers):
    train = flowers[flowers["kind"] != "setosa"].iloc[::2]
    comparison = compare(train, flowers.iloc[1::2], "kind", models=BAYES)
    assert notes_of(comparison, "classes that no training row has ('setosa')")


def test_corrections_of_neither_training_nor_test_rows_are_stated(flowers, write_log):
    log = write_log(flowers, "kind", {0: "virginica", 2: "virginica", 149: "setosa"})
    comparison = compare(flowers.iloc[1:100:2], flowers.iloc[101:149:2], "kind", log, models=BAYES)
    assert notes_of(comparison, "No decision concerns a training row")
    assert notes_of(comparison, "belong to rows that are neither in training nor in test")


def test_key_columns_are_no_features_and_the_logs_key_is_taken(flowers, write_log, watcher):
    keyed = flowers.assign(id=[f"r{n}" for n in range(150)])
    log = write_log(keyed, "kind", dict.fromkeys(range(20), "virginica"), key="id")
    comparison = compare(keyed, None, None, log, models=watcher)
    assert all("id" not in X for X, _ in Watcher.fitted)
    assert comparison.table.loc["data-centric", "changed"] == comparison.table.loc["data-centric", "reviewed"] > 0


def test_an_edited_feature_is_trained_on_and_not_tested_on(flowers, write_log, watcher):
    name = flowers.columns[0]
    log = write_log(flowers, "kind", dict.fromkeys(range(60), 99.0), column=name)
    compare(flowers, None, "kind", log, models=watcher)
    assert any((X[name] == 99.0).any() for X, _ in Watcher.fitted)
    assert not any((X[name] == 99.0).any() for X in Watcher.asked)


def test_labels_that_mean_the_same_are_one_class(flowers):
    numbered = flowers.assign(kind=flowers["kind"].map({"setosa": 0, "versicolor": 1, "virginica": 2}))
    train, test = numbered.iloc[::2], numbered.iloc[1::2]
    text = test.assign(kind=test["kind"].map(lambda n: f"{n}.0"))
    scores = [compare(train, t, "kind", models=BAYES).table.loc["baseline", "score"] for t in (test, text)]
    assert scores[0] == scores[1] > 0.9


# ---------------------------------------------------------------- models and scores


def test_the_model_is_chosen_within_the_training_rows(flowers):
    models = {"guess": DummyClassifier(), "bayes": GaussianNB(), "stump": DecisionTreeClassifier(max_depth=1)}
    comparison = compare(flowers, label="kind", models=models)
    assert comparison.table["model"].tolist() == ["guess", "bayes", "guess", "bayes"]
    assert comparison.table.loc["model-centric", "gain_low"] > 0
    assert notes_of(comparison, "On raw data the best model is bayes (3-fold cross-validation within the training rows")
    whole = comparison.scores[comparison.scores["repeat"] == 0]
    assert set(zip(whole["model"], whole["data"], strict=True)) == {
        (m, d) for m in models for d in ("raw", "corrected")
    }


def test_every_measurement_is_there(flowers):
    comparison = compare(
        flowers, label="kind", models=GaussianNB(), repeats=3, scoring=["f1_macro", "neg_log_loss", "roc_auc_ovr"]
    )
    assert comparison.metric == "f1_macro"
    assert len(comparison.scores) == 3 * 2 * 4
    assert comparison.scores["score"].notna().all()
    assert set(comparison.estimates["metric"]) == {"f1_macro", "neg_log_loss", "roc_auc_ovr"}
    assert len(comparison.table) == 4
    inside = comparison.to_frame().query("metric != 'neg_log_loss'")
    assert (inside["high"] <= 1).all()


def test_very_unequal_classes_are_scored_by_balanced_accuracy(flowers):
    rare = pd.concat([flowers[flowers["kind"] == "setosa"], flowers[flowers["kind"] == "virginica"].iloc[:8]])
    comparison = compare(rare, label="kind", models=BAYES)
    assert comparison.metric == "balanced_accuracy"
    assert notes_of(comparison, "the classes are very unequal")


def test_a_metric_without_a_value_is_stated_and_gets_no_interval(flowers):
    two = flowers[flowers["kind"] != "setosa"]
    test = two[two["kind"] == "virginica"].iloc[::2]
    comparison = compare(two.iloc[1::2], test, "kind", models=BAYES, repeats=2, scoring=["accuracy", "roc_auc"])
    undefined = comparison.to_frame().query("metric == 'roc_auc'")
    assert undefined[["score", "low", "gain"]].isna().all(axis=None)
    assert notes_of(comparison, "roc_auc has no value on some of these test rows")
    assert "nan (no interval)" in comparison.to_text()
    assert "<svg" in comparison.chart("roc_auc").to_svg()


def test_models_of_one_class_get_names_of_their_own(flowers):
    comparison = compare(flowers, label="kind", models=[KNeighborsClassifier(1), KNeighborsClassifier(30)])
    assert set(comparison.scores["model"]) == {"KNeighborsClassifier", "KNeighborsClassifier 2"}


def test_warnings_of_a_model_are_told_and_not_lost(flowers):
    comparison = compare(flowers, label="kind", models={"lazy": LogisticRegression(max_iter=1)}, repeats=2)
    assert notes_of(comparison, "lazy warned 3 times: ConvergenceWarning")


def test_a_measured_label_needs_regressors_and_gets_r2(write_log):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(y=x @ [1.0, 2.0] + rng.normal(0, 0.1, 200))
    spoiled = frame.copy()
    spoiled.loc[::5, "y"] = 50.0
    log = write_log(spoiled, "y", {row: frame["y"][row] for row in range(0, 200, 5)})
    comparison = compare(
        spoiled, None, "y", log, models=LinearRegression(), test_log=log, scoring=["r2", "neg_mean_absolute_error"]
    )
    assert comparison.table.loc["data-centric", "score_corrected_test"] > 0.99
    assert comparison.table.loc["baseline", "score_corrected_test"] < 0.5


def test_default_models_learn_the_table(flowers):
    comparison = compare(flowers, label="kind", repeats=2)
    assert comparison.scores["model"].nunique() >= 2
    assert (comparison.table["score"] > 0.9).all()


class Grumbler(GaussianNB):
    def predict(self, X):
        warnings.warn("predicting is hard", RuntimeWarning, stacklevel=2)
        return super().predict(X)


def test_warnings_while_predicting_are_told_too(flowers):
    comparison = compare(flowers, label="kind", models={"grumbler": Grumbler()}, repeats=2)
    assert notes_of(comparison, "grumbler warned 3 times: RuntimeWarning: predicting is hard")


# ---------------------------------------------------------------- the value


@pytest.fixture
def comparison(flowers, write_log):
    log = write_log(flowers, "kind", dict.fromkeys(range(45), "virginica"))
    return compare(flowers, None, "kind", log, models={"<b>|x": KNeighborsClassifier(1)}, test_log=log)


def test_a_comparison_cannot_be_changed(comparison):
    with pytest.raises(dataclasses.FrozenInstanceError):
        comparison.notes = ()
    table = comparison.table
    table.loc["both", "gain"] = 99.0
    assert comparison.table.loc["both", "gain"] != 99.0


def test_table_sets_given_and_corrected_test_labels_side_by_side(comparison):
    assert list(comparison.table.index) == ["baseline", "model-centric", "data-centric", "both"]
    assert comparison.table.index.name == "approach"
    first = ["score", "low", "high", "gain", "gain_low", "gain_high", "p", "p_holm"]
    assert list(comparison.table)[:16] == first + [f"{name}_corrected_test" for name in first]
    assert {"seconds", "reviewed"} <= set(comparison.table)
    assert notes_of(comparison, "the two are never mixed")


def test_texts_are_escaped_and_say_what_the_interval_means(comparison):
    page = comparison._repr_html_()
    assert "<b>|x" not in page
    assert "&lt;b&gt;|x" in page
    for text in (page, comparison.to_markdown(), comparison.to_text()):
        assert "drawn anew from the same source" in text
        assert "It does not count wrong corrections" in text
    assert "\\<b\\>\\|x" in comparison.to_markdown()
    assert "did harm" in comparison.to_text()


def test_repr_is_one_line_with_the_gains(comparison):
    assert "\n" not in repr(comparison)
    assert repr(comparison).startswith("Comparison(accuracy on ")
    assert "data-centric -" in repr(comparison)
