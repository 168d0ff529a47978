"""What a comparison says: gains per model and per log, tests, several forms, models with their cards."""

import hashlib
import json
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from dcai.base.errors import InputError, MissingError
from dcai.experiments.comparison import compare
from dcai.experiments.results.outcomes import Comparison
from dcai.experiments.results.sheets import escape_latex
from dcai.experiments.scores.intervals import correct_holm, estimate_interval, find_p

HOSTILE = "<b>|x_{$%&"


@pytest.fixture
def flowers():
    return load_iris(as_frame=True).frame.rename(columns={"target": "kind"})


@pytest.fixture
def spoiled(flowers):
    """Return flowers with 40 % wrong labels, and the fixes of all and of a tenth of them."""
    draw = np.random.default_rng(0)
    wrong = draw.permutation(150)[:60]
    noisy = flowers.copy()
    noisy.loc[wrong, "kind"] = (noisy.loc[wrong, "kind"] + 1) % 3
    fixes = {int(row): int(flowers["kind"][row]) for row in wrong}
    return noisy, fixes, dict(list(fixes.items())[:6])


# ---------------------------------------------------------------- truths


def test_better_data_help_the_models_that_noise_harms(spoiled, write_log):
    noisy, fixes, _ = spoiled
    log = write_log(noisy, "kind", fixes)
    models = {"neighbour": KNeighborsClassifier(1), "guess": DummyClassifier(strategy="uniform", random_state=0)}
    by_model = compare(noisy, None, "kind", log, models=models, test_log=log).by_model
    assert list(by_model.index) == ["neighbour", "guess"]
    assert by_model.loc["neighbour", "gain_low_corrected_test"] > 0.2
    assert by_model.loc["neighbour", "p_holm_corrected_test"] < 0.01
    assert by_model.loc["guess", "gain"] == pytest.approx(0, abs=1e-12)
    assert by_model.loc["guess", "p"] == 1.0


def test_the_better_of_two_logs_is_found(spoiled, write_log):
    noisy, fixes, few = spoiled
    one, other = write_log(noisy, "kind", few, name="few.jsonl"), write_log(noisy, "kind", fixes, name="all.jsonl")
    comparison = compare(noisy, None, "kind", one, other_log=other, test_log=other, models=KNeighborsClassifier(1))
    assert list(comparison.table.index) == ["baseline", "model-centric", "data-centric", "both", "other log"]
    assert comparison.table.loc["other log", "reviewed"] > comparison.table.loc["data-centric", "reviewed"]
    against = comparison.versions.set_index("test_labels").loc["corrected"]
    assert against["gain_low"] > 0.1
    assert against["other_log"] - against["log"] == pytest.approx(against["gain"])
    gains = comparison.table["gain_corrected_test"]
    assert against["gain"] == pytest.approx(gains["other log"] - gains["data-centric"])
    assert "The other log against the log (accuracy, test labels corrected): +" in comparison.to_text()
    same = compare(noisy, None, "kind", one, other_log=one, models=KNeighborsClassifier(1), repeats=2)
    assert same.versions.loc[0, ["gain", "p"]].tolist() == [0.0, 1.0]


def test_p_values_agree_with_intervals_and_holm_with_its_definition():
    draws = np.random.default_rng(0).normal(0.1, 0.05, (5, 101))
    for gain in np.linspace(-0.4, 0.4, 33):
        low, high = estimate_interval(gain, draws)
        assert (find_p(gain, draws) < 0.05) == (low > 0 or high < 0)
    assert find_p(0.1, np.zeros((5, 11))) != find_p(0.1, np.zeros((5, 11))), "nothing varies, so nothing can be tested"
    values = [0.04, float("nan"), 0.01, 0.02, 0.9]
    np.testing.assert_allclose(correct_holm(values), [0.08, np.nan, 0.04, 0.06, 0.9])


def test_holm_counts_every_gain_of_every_metric(spoiled, write_log):
    noisy, fixes, _ = spoiled
    log = write_log(noisy, "kind", fixes)
    found = compare(noisy, None, "kind", log, models=GaussianNB(), scoring=["accuracy", "f1_macro"]).estimates
    tested = found[found["approach"] != "baseline"]
    assert len(tested) == 6
    # There is but one model, so "both" is what "data-centric" is: the same gain is tested once.
    once = tested[tested["approach"] != "both"]
    np.testing.assert_allclose(once["p_holm"], correct_holm(once["p"].tolist()))
    both, data_centric = (
        tested.loc[tested["approach"] == name, "p_holm"].tolist() for name in ("both", "data-centric")
    )
    assert both == data_centric
    assert found.loc[found["approach"] == "baseline", "p"].isna().all()


# ---------------------------------------------------------------- forms


@pytest.fixture
def comparison(spoiled, write_log):
    noisy, fixes, _ = spoiled
    log = write_log(noisy, "kind", fixes)
    return compare(noisy, None, "kind", log, models={HOSTILE: KNeighborsClassifier(1)}, repeats=2)


def test_latex_is_escaped_and_whole(comparison, tmp_path):
    text = comparison.save(tmp_path / "table.tex").read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert r"\textless{}b\textgreater{}\textbar{}x\_\{\$\%\&" in text
    assert text.count(r"\begin{") == text.count(r"\end{") == 3
    rows = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert len(rows) == 4
    assert {row.replace(r"\&", "").count(" & ") for row in rows} == {8}
    assert escape_latex("a\\b~^") == r"a\textbackslash{}b\textasciitilde{}\textasciicircum{}"


def test_html_is_escaped_and_needs_no_network(comparison):
    page = comparison.to_html()
    assert HOSTILE not in page
    assert "&lt;b&gt;|x_{$%&amp;" in page
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_cost_stands_beside_gain(comparison):
    row = comparison.table.loc["data-centric"]
    said = f"data-centric {row['gain']:+.3f} for {row['reviewed_rows']:,} reviewed rows ({row['reviewed']:,} decisions) and "
    assert said in comparison.to_text()
    assert (comparison.table["seconds"] > 0).all()


def test_metrics_can_be_recorded_and_come_back(comparison, capsys):
    from dcai.pipelines.runtime.notebook import record

    metrics = comparison.to_metrics()
    table = comparison.table
    assert metrics["accuracy_data_centric"] == table.loc["data-centric", "score"]
    assert metrics["accuracy_gain_data_centric_low"] == table.loc["data-centric", "gain_low"]
    assert "accuracy_gain_baseline" not in metrics
    assert json.loads(json.dumps(metrics)) == metrics
    record(**metrics)
    assert "accuracy_gain_data_centric=" in capsys.readouterr().out


def test_datasets_stand_side_by_side(comparison, flowers, tmp_path):
    clean = compare(flowers, label="kind", models=GaussianNB(), repeats=2)
    both = Comparison.beside({"spoiled": comparison, "<clean>": clean})
    assert len(both) == 2
    assert both.table.loc[("spoiled", "data-centric"), "gain"] == comparison.table.loc["data-centric", "gain"]
    assert both.table.loc[("<clean>", "data-centric"), "gain"] == 0
    np.testing.assert_allclose(both.estimates["p_holm"], correct_holm(both.estimates["p"].tolist()))
    assert "did harm in 0" in repr(both)
    lines = both.to_markdown().splitlines()
    assert [line.split("|")[1].strip() for line in lines[4:6]] == ["spoiled", "\\<clean\\>"]
    assert "<clean>" not in both.to_html()
    assert both.save(tmp_path / "both.svg").read_text(encoding="utf-8").startswith("<svg")
    with pytest.raises(InputError, match="must be a dict of comparisons by the name of their data"):
        Comparison.beside([comparison])


def test_of_many_datasets_only_gains_that_survive_correction_count(comparison):
    def gain(size, p):
        its = comparison.estimates.copy()
        mine = its["approach"] == "data-centric"
        its["p"] = its["p"].where(~mine & its["p"].isna(), 1.0)
        its.loc[mine, ["gain", "gain_low", "gain_high", "p"]] = [size, size - 0.02, size + 0.02, p]
        return replace(comparison, estimates=its)

    # One interval of twenty leaves 0 out by luck.
    lucky = Comparison.beside({"lucky": gain(0.03, 0.03), **{f"other {n}": gain(0.0, 1.0) for n in range(19)}})
    assert (lucky.table["gain_low"] > 0).sum() > 0
    assert "helped in 0 of 20 datasets and did harm in 0; in 20 the gain may be luck" in repr(lucky)
    sure = Comparison.beside({"good": gain(0.03, 1e-9), "bad": gain(-0.03, 1e-9), "none": gain(0.0, 1.0)})
    assert "helped in 1 of 3 datasets and did harm in 1; in 1 the gain may be luck" in repr(sure)


def test_charts_by_model_name_every_model(comparison):
    svg = comparison.chart(by="model").to_svg()
    assert "Do corrected data help every model?" in svg
    with pytest.raises(InputError, match="'by' parameter of chart must be 'approach' or 'model'"):
        comparison.chart(by="log")


# ---------------------------------------------------------------- a model and its card


def test_a_saved_model_predicts_and_its_card_names_data_corrections_and_metrics(comparison, flowers, tmp_path):
    path = comparison.save_model(tmp_path / "model.joblib", intended_use="Sorting flowers.", details={"owner": "ada"})
    card = json.loads((tmp_path / "model.card.json").read_text(encoding="utf-8"))
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["intended_use"] == "Sorting flowers."
    assert card["details"] == {"owner": "ada"}
    assert card["approach"] == "data-centric"
    assert card["origin"]["corrections"]["log"]["decisions"] == 60
    assert len(card["origin"]["training_sha256"]) == 64
    measured = card["metrics"][0]
    assert [measured[n] for n in ("score", "low", "high")] == comparison.table.loc[
        "data-centric", ["score", "low", "high"]
    ].tolist()
    model = joblib.load(path)
    expected = (model.predict(flowers.drop(columns="kind")) == flowers["kind"]).mean()
    assert expected > 0.85


def test_the_hash_of_the_data_is_that_of_the_rows(flowers):
    hashes = [
        compare(frame, label="kind", models=GaussianNB(), repeats=2).origin["training_sha256"]
        for frame in (
            flowers,
            flowers.sample(frac=1, random_state=0),
            flowers.assign(kind=lambda f: [1, *f["kind"][1:]]),
        )
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_model_is_saved_whole_or_not_at_all(comparison, tmp_path):
    with pytest.raises(InputError, match=r"no approach 'data-centri'. Did you mean 'data-centric'"):
        comparison.save_model(tmp_path / "a.joblib", "data-centri")
    with pytest.raises(InputError, match=r"cannot be saved as 'a\.pkl'\. Expected a name that ends in \.joblib"):
        comparison.save_model(tmp_path / "a.pkl")
    with pytest.raises(MissingError, match="There is no folder"):
        comparison.save_model(tmp_path / "no" / "a.joblib")
    assert not [p for p in tmp_path.iterdir() if p.suffix != ".jsonl"]


def test_an_other_log_needs_a_log(flowers, spoiled, write_log):
    log = write_log(flowers, "kind", {0: 1})
    with pytest.raises(InputError, match=r"other_log= is compared with log=, which is missing\. Pass both"):
        compare(flowers, label="kind", models=GaussianNB(), other_log=log)


class Stopped(GaussianNB):
    def fit(self, X, y):
        raise KeyboardInterrupt


def test_an_interrupt_ends_the_work_at_once(flowers):
    with pytest.raises(KeyboardInterrupt):
        compare(flowers, label="kind", models=Stopped(), progress=True)


def test_frames_of_pandas_objects_are_not_changed(flowers):
    before = flowers.copy()
    compare(flowers, label="kind", models=GaussianNB(), repeats=2)
    pd.testing.assert_frame_equal(flowers, before)
