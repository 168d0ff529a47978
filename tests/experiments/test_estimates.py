"""Estimates that claim no more than they know: no certainty from luck, one promise for each table of p-values."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from dcai.base.errors import InputError
from dcai.experiments.comparison import compare
from dcai.experiments.scores import measures
from dcai.experiments.scores.estimates import estimate_once
from dcai.experiments.scores.intervals import estimate_interval, find_p

FLOWERS = load_iris(as_frame=True).frame.rename(columns={"target": "kind"})
PERFECT = {"neighbour": KNeighborsClassifier(1)}


# ---------------------------------------------------------------- no certainty from luck


def test_where_nothing_varies_there_is_no_certainty():
    for value in (0.01, -0.3):
        assert np.isnan(estimate_interval(value, np.zeros((5, 101)))).all()
        assert np.isnan(find_p(value, np.zeros((5, 101))))
    assert estimate_interval(0.0, np.zeros((5, 101))) == (0.0, 0.0)


def test_a_gain_of_few_rows_varies_as_their_number_does():
    # One corrected row, and five resamples that happen to agree: the gain may as well be none.
    low, high = estimate_interval(0.01, np.full((5, 101), 0.01), spots=1)
    assert low < 0 < high
    assert find_p(0.01, np.full((5, 101), 0.01), spots=1) > 0.3
    widths = [np.diff(estimate_interval(0.01, np.full((5, 101), 0.01), spots=n))[0] for n in (1, 4, 16)]
    assert widths == pytest.approx([4 * widths[2], 2 * widths[2], widths[2]])
    # Where resamples tell of more luck than that, theirs counts.
    draws = np.random.default_rng(0).normal(0.01, 0.05, (5, 101))
    assert estimate_interval(0.01, draws, spots=10_000) == estimate_interval(0.01, draws)


def test_one_correction_that_no_resample_feels_has_not_helped(write_log, monkeypatch):
    train = pd.DataFrame({"x": np.arange(40.0), "kind": ["a", "b"] * 20})
    log = write_log(train, "kind", {20: "b"})
    test = pd.DataFrame({"x": np.arange(40.0) + 0.01, "kind": ["a", "b"] * 20}).drop(index=20)
    test.loc[40] = [20.01, "b"]
    # The corrected row is in no resample, so that all of them agree.
    monkeypatch.setattr(
        measures.Bench, "draw_training", lambda self, _: self.materials.pool[self.materials.table.frame["x"] != 20]
    )
    made = compare(train, test, "kind", log, models=PERFECT)
    row = made.table.loc["data-centric"]
    assert row["gain"] == pytest.approx(1 / 40)
    assert row["gain_low"] < 0
    assert row["p"] > 0.3
    assert made.to_text().startswith("No gain from correcting the data is shown")


def test_corrections_that_change_no_answer_may_change_one_on_other_rows(write_log):
    apart = pd.DataFrame({"x": np.r_[np.arange(60.0), np.arange(60.0) + 1000], "kind": ["a"] * 60 + ["b"] * 60})
    test = apart.assign(x=apart["x"] + 0.5)
    log = write_log(apart, "kind", {0: None})  # a row among sixty like it is left out
    scoring = ["accuracy", "neg_log_loss"]
    made = compare(apart, test, "kind", log, models=KNeighborsClassifier(5), scoring=scoring, repeats=2)
    row = made.table.loc["data-centric"]
    # None of 120 answers changed: up to one in thirty may.
    reach = 1 - 0.025 ** (1 / 120)
    assert row[["gain", "gain_low", "gain_high", "p"]].tolist() == pytest.approx([0, -reach, reach, 1])
    other = made.to_frame().set_index(["metric", "approach"]).loc[("neg_log_loss", "data-centric")]
    assert other["gain"] == 0
    assert np.isnan(other["gain_low"]), "nothing bounds this metric, and nothing varied"
    assert made.table.loc["model-centric", ["gain_low", "gain_high"]].tolist() == [0, 0], (
        "the same model on the same data"
    )


def test_a_perfect_score_may_be_less_on_other_rows():
    apart = pd.DataFrame({"x": np.r_[np.arange(60.0), np.arange(60.0) + 1000], "kind": ["a"] * 60 + ["b"] * 60})
    row = compare(apart, label="kind", models=PERFECT, repeats=2).table.loc["baseline"]
    assert row["score"] == row["high"] == 1
    # None of 30 rows was wrong: up to one in nine may be.
    assert row["low"] == pytest.approx(0.025 ** (1 / 30))


@pytest.mark.parametrize(("metric", "most"), [("r2", 1.0), ("accuracy", 1.0), ("neg_mean_absolute_error", 1.07)])
def test_an_interval_does_not_leave_what_a_metric_can_be(metric, most):
    draws = [0.95, *np.linspace(0.85, 1.0, 100)]
    found = estimate_once(metric, draws, 100)
    reach = stats.t.ppf(0.975, 99) * np.std(draws[1:], ddof=1)
    assert found["low"] == pytest.approx(0.95 - reach)
    assert found["high"] == pytest.approx(min(0.95 + reach, most))
    assert (found["high"] == 1) == (most == 1)


# ---------------------------------------------------------------- one promise for each table


@pytest.fixture(scope="module")
def comparison():
    return compare(FLOWERS, label="kind", models=GaussianNB(), repeats=2)


def gain(comparison, low, high, p):
    its = comparison.estimates.copy()
    mine = its["approach"] == "data-centric"
    its.loc[mine, ["gain", "gain_low", "gain_high", "p", "p_holm"]] = [(low + high) / 2, low, high, p / 3, p]
    return replace(comparison, estimates=its).to_text().splitlines()[0]


def test_the_headline_follows_the_corrected_decision(comparison):
    assert gain(comparison, 0.01, 0.05, 0.03).startswith("Correcting the data helped: accuracy +0.030")
    assert gain(comparison, -0.05, -0.01, 0.03).startswith("Correcting the data did harm: accuracy -0.030")
    # The interval of this one gain leaves 0 out; among the gains of the table that may be luck.
    said = gain(comparison, 0.01, 0.05, 0.06)
    assert said.startswith("No gain from correcting the data is shown")
    assert "which may be luck among the gains of this table: p 0.060 after Holm's correction" in said
    assert "and the interval holds 0" in gain(comparison, -0.01, 0.05, 0.3)
    assert "nothing varied from which its luck could be told" in gain(comparison, np.nan, np.nan, np.nan)


def test_the_promise_names_the_table_that_it_is_made_for(comparison):
    text = comparison.to_text()
    assert "corrected for the number of gains in its table" in text
    assert "The gains of the approaches, model by model, and of the other log are tables of their own" in text


# ---------------------------------------------------------------- classes that some rows lack


def merged(write_log):
    """Return flowers whose third class has two names, and a log that leaves one."""
    two_names = FLOWERS.assign(kind=FLOWERS["kind"].map({0: "a", 1: "b", 2: "c"}))
    two_names.loc[100::2, "kind"] = "c "
    fixes = {int(i): "c" for i in two_names.index[two_names["kind"] == "c "]}
    return two_names, write_log(two_names, "kind", fixes)


METRICS = ["accuracy", "neg_log_loss", "roc_auc_ovr", "top_k_accuracy"]


@pytest.mark.parametrize("model", [GaussianNB(), LogisticRegression(max_iter=1000)])
def test_scorers_of_probabilities_have_a_value_after_classes_are_merged(write_log, model):
    frame, log = merged(write_log)
    made = compare(frame, None, "kind", log, models=model, scoring=METRICS, repeats=2)
    table = made.to_frame().set_index(["metric", "approach"])["score"]
    assert table.notna().all()
    # The test has the name that the corrected rows lack: the model gives it no chance, and the score says so.
    assert table["neg_log_loss", "data-centric"] < table["neg_log_loss", "baseline"] - 1


def test_scorers_of_probabilities_have_a_value_where_only_the_test_has_a_class():
    train = FLOWERS[FLOWERS["kind"] != 0].iloc[::2]
    made = compare(train, FLOWERS.iloc[1::2], "kind", models=GaussianNB(), scoring=METRICS, repeats=2)
    assert made.to_frame()["score"].notna().all()


def test_draws_without_a_score_are_told():
    # One of three classes is so rare in the test that many draws lack it.
    test = pd.concat([FLOWERS[FLOWERS["kind"] != 0].iloc[::4], FLOWERS.iloc[:2]])
    train = FLOWERS.drop(index=test.index)
    made = compare(train, test, "kind", models=GaussianNB(), scoring=["roc_auc_ovr", "neg_log_loss"], repeats=2)
    told = [note for note in made.notes if "of 100 draws of the test rows" in note]
    assert len(told) == 1, "the log loss has a value without the class too"
    assert told[0].startswith("roc_auc_ovr has no value on ")


def test_resamples_keep_two_classes_of_every_version(write_log):
    # The corrected rows hold one row of the second class only: a third of the resamples would lose it.
    frame = pd.DataFrame({"x": np.arange(80.0), "kind": ["a", "b"] * 40})
    log = write_log(frame, "kind", dict.fromkeys(range(3, 80, 2), "a"))
    test = frame.assign(x=frame["x"] + 0.5)
    made = compare(frame, test, "kind", log, models=GaussianNB(), repeats=20)
    assert made.table["gain"].notna().all()


def test_classes_that_no_resample_can_hold_are_refused(write_log, monkeypatch):
    monkeypatch.setattr(measures, "_TRIES", 0)
    frame = pd.DataFrame({"x": np.arange(80.0), "site": np.arange(80) // 8, "kind": ["a", "b"] * 40})
    with pytest.raises(InputError, match="in so few rows that a resample holds one class only, time and again"):
        compare(frame, label="kind", models=GaussianNB())
    with pytest.raises(InputError, match=r"in so few groups of 'site' .* Compare without groups=, name a column"):
        compare(frame, label="kind", models=GaussianNB(), groups="site")


# ---------------------------------------------------------------- what is counted


def test_rows_without_a_label_are_no_test_rows():
    test = FLOWERS.iloc[1::2].astype({"kind": object})
    test.iloc[:10, -1] = None
    made = compare(FLOWERS.iloc[::2], test, "kind", models=GaussianNB(), repeats=2)
    assert made.test_rows == made.origin["test_rows"] == 65


def test_reviewed_rows_stand_beside_decisions(write_log):
    frame = FLOWERS.assign(kind=FLOWERS["kind"].astype(str))
    log = write_log(frame, "kind", dict.fromkeys(range(0, 100, 2), "1"))
    log = write_log(frame, "kind", dict.fromkeys(range(0, 100, 2), 9.0), column=frame.columns[0])
    test = frame.iloc[1::2]
    made = compare(frame.iloc[::2], test, "kind", log, models=GaussianNB(), repeats=2)
    row = made.table.loc["data-centric"]
    assert row["reviewed"] == 2 * row["reviewed_rows"] > 0
    assert f"for {row['reviewed_rows']} reviewed rows ({row['reviewed']} decisions)" in made.to_text()
    assert any(f"changes or leaves out {row['changed']} rows of the" in note for note in made.notes)


def test_workers_of_a_model_are_said_to_be_missing_in_its_seconds():
    made = compare(FLOWERS, label="kind", models={"near": KNeighborsClassifier(n_jobs=2)}, repeats=2)
    assert any("do not count workers that a model starts (n_jobs): 'near'" in note for note in made.notes)
    alone = compare(FLOWERS, label="kind", models=KNeighborsClassifier(n_jobs=1), repeats=2)
    assert not any("n_jobs" in note for note in alone.notes)


def test_hashes_stand_among_the_metrics(comparison, write_log):
    found = comparison.to_metrics()
    assert found["training_sha256"] == comparison.origin["training_sha256"]
    assert found["test_sha256"] == comparison.origin["test_sha256"] != found["training_sha256"]
    log = write_log(FLOWERS, "kind", dict.fromkeys(range(30), 2))
    made = compare(FLOWERS, None, "kind", log, models=GaussianNB(), repeats=2)
    assert made.to_metrics()["log_sha256"] == made.origin["corrections"]["log"]["sha256"]
    assert made.to_metrics()["training_sha256"] == found["training_sha256"], (
        "corrections do not change the rows as given"
    )
    versions = made.origin["versions"]
    assert versions["raw"]["sha256"] != versions["corrected"]["sha256"]


def test_the_same_comparison_under_two_names_is_tested_once(digits, digit_fixes, write_log):
    noisy, truth = digits
    train, test = noisy.iloc[:900], noisy.iloc[900:].assign(digit=truth[900:])
    fixes = {row: right for row, right in digit_fixes.items() if row < 900}
    # The one model is the best on raw and on corrected data, so "both" is what "data-centric" is.
    made = compare(train, test, "digit", write_log(train, "digit", fixes), models={"bayes": GaussianNB()}, repeats=3)
    table = made.estimates.set_index("approach")
    assert table.loc["both", "gain"] == table.loc["data-centric", "gain"]
    assert table.loc["model-centric", "p"] == 1.0
    assert table.loc["data-centric", "p_holm"] == pytest.approx(min(1.0, 2 * table.loc["data-centric", "p"]))
    assert table.loc["both", "p_holm"] == table.loc["data-centric", "p_holm"]
    assert np.isnan(table.loc["baseline", "p_holm"])
