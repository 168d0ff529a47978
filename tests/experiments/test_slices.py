"""`slices` finds the group that was made bad, says why, and finds none where there is none."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from dcai.base.errors import InputError
from dcai.experiments.failures.judgements import Group, Judged, measure_group
from dcai.experiments.failures.partitions import _measure, slices
from dcai.shells.cli_drift import slices as command


def make(rows=1600, seed=0, rule="easy"):
    random = np.random.default_rng(seed)
    x, z = random.normal(size=(2, rows))
    group = random.choice(list("abcd"), rows)
    sex = random.choice(["f", "m"], rows)
    # Nothing lies near the border of the classes, so that a model is right everywhere but where that is spoiled.
    x = np.where(np.abs(x) < 0.3, np.sign(x) * 0.3 + x, x)
    label = np.where(x > 0, "yes", "no")
    flipped = np.where(label == "yes", "no", "yes")
    bad = (group == "b") & (sex == "f")
    if rule == "noise":
        label = np.where(bad & (random.random(rows) < 0.4), flipped, label)
    elif rule == "turned":
        label = np.where(bad & (random.random(rows) < 0.5), flipped, label)
    return pd.DataFrame({"x": x, "z": z, "group": group, "sex": sex, "label": label})


@pytest.fixture(scope="module")
def noisy():
    return slices(make(rule="noise"), "label", by="sex")


def test_the_spoiled_pair_is_found_confirmed_and_explained(noisy):
    worst = noisy.worse.iloc[0]
    assert worst["slice"] == "group == 'b' and sex == 'f'"
    assert worst["cause"] == "noise"
    assert worst["high"] < worst["elsewhere"]
    assert noisy.rows(worst["slice"]) == np.flatnonzero((make()["group"] == "b") & (make()["sex"] == "f")).tolist()


def test_parts_of_a_bad_group_are_no_news(noisy):
    assert len(noisy.worse[noisy.worse["origin"] == "found"]) == 1


def test_every_value_asked_for_is_reported_with_what_fairness_asks(noisy):
    asked = noisy.table[noisy.table["origin"] == "asked"].set_index("slice")
    assert set(asked.index) == {"sex == 'f'", "sex == 'm'"}
    frame = make(rule="noise")
    for sex in "fm":
        its = asked.loc[f"sex == '{sex}'"]
        assert its["rows"] == (frame["sex"] == sex).sum()
        assert its["low"] <= its["accuracy"] <= its["high"]
        assert its["gap"] == pytest.approx(its["elsewhere"] - its["accuracy"])
    assert asked.loc["sex == 'f'", "recall"] < asked.loc["sex == 'm'", "recall"]


def test_where_nothing_is_spoiled_no_group_is_worse():
    for seed in range(3):
        assert not len(slices(make(800, seed), "label").worse)


def test_a_group_that_grew_is_drift():
    frame = make(1600, 1)
    # The group lies where the classes meet, and the model is unsure of it: no label of it is surely contradicted.
    its = frame["group"] == "c"
    frame["x"] = frame["x"].mask(its, frame["x"] * 0.01)
    frame["label"] = frame["label"].mask(its, np.random.default_rng(9).choice(["yes", "no"], len(frame)))
    model = make_pipeline(FunctionTransformer(pick), LogisticRegression())
    before = make(1600, 2)
    before = before[(before["group"] != "c") | (np.arange(len(before)) % 5 == 0)]
    found = slices(frame, "label", model=model, reference=before).worse.set_index("slice")
    assert found.loc["group == 'c'", "cause"] == "drift"
    same = slices(frame, "label", model=model, reference=make(1600, 2)).worse.set_index("slice")
    assert same.loc["group == 'c'", "cause"] == "overlap"


def pick(frame):
    return frame[["x"]]


def test_own_probabilities_are_judged_as_they_are():
    frame = make(600, 4)
    right = np.where(frame["group"] == "a", 0.2, 0.95)
    chance = pd.DataFrame({"no": np.where(frame["label"] == "no", right, 1 - right)}).assign(yes=lambda f: 1 - f["no"])
    found = slices(frame, "label", probabilities=chance, by="group").table.set_index("slice")["accuracy"]
    assert found["group == 'a'"] == 0
    assert found["group == 'b'"] == 1


def test_numbers_as_labels_are_judged_by_how_near_the_model_comes():
    frame = make(900, 5)
    spread = np.where(frame["group"] == "d", 3.0, 0.1)
    frame["label"] = frame["x"] * 2 + np.random.default_rng(1).normal(size=len(frame)) * spread
    found = slices(frame, "label", by="group")
    assert found.measure.startswith("share within")
    assert found.worse["slice"].iloc[0] == "group == 'd'"


def test_it_is_shown_escaped_and_written_plainly(noisy):
    frame = make(600, 6).assign(group=lambda f: f["group"].replace("a", "<script>alert(1)</script>"))
    found = slices(frame, "label", by="group")
    assert "<script>alert" not in found.to_html()
    assert found.chart().to_svg().startswith("<svg")
    record = json.loads(noisy.to_json())
    assert record["slices"][0]["cause"] == "noise"
    assert "group == 'b' and sex == 'f'" in noisy.to_text()
    assert repr(noisy).startswith("Slices(accuracy 9")


def judge(right):
    """Make up what a model says: only whether it is right matters here."""
    none = np.full(len(right), "", dtype=object)
    return Judged(right, np.ones(len(right), dtype=bool), np.zeros(len(right), dtype=bool), none, none, "accuracy")


def draw_patients(random, patients=40, rows=15):
    """Draw rows of patients, of whom some are much harder than others; a site says nothing about that."""
    bonds = np.repeat(np.arange(patients), rows)
    right = random.random(patients * rows) < random.beta(3, 1, patients)[bonds]
    inside = (random.permutation(patients) < patients // 2)[bonds]
    return inside, right, bonds


def test_rows_that_belong_together_share_their_luck():
    random = np.random.default_rng(0)
    false, blind, held = 0, 0, 0
    for _ in range(400):
        inside, right, bonds = draw_patients(random)
        judged = judge(right)
        found = measure_group(inside, judged, judged.known, bonds)
        false += found["p"] <= 0.05
        held += found["low"] <= 0.75 <= found["high"]
        blind += measure_group(inside, judged, judged.known)["p"] <= 0.05
    # As single rows they would be taken for a difference far more often than the level says.
    assert blind > 60
    assert false <= 32
    assert held >= 370


def test_a_true_difference_between_groups_of_rows_is_still_told():
    random = np.random.default_rng(1)
    inside, right, bonds = draw_patients(random, 80)
    judged = judge(right & ~(inside & (random.random(len(right)) < 0.5)))
    assert measure_group(inside, judged, judged.known, bonds)["p"] < 0.001


def test_few_groups_of_rows_tell_little():
    inside = np.repeat([True, False], 60)
    judged = judge(~inside)
    alone = measure_group(inside, judged, judged.known, np.repeat([0, 1, 2], [60, 30, 30]))
    assert (alone["p"], alone["low"], alone["high"]) == (1.0, 0.0, 1.0)
    # Two against two, all wrong against all right: one of the six ways to deal them.
    pairs = measure_group(inside, judged, judged.known, np.repeat([0, 1, 2, 3], 30))
    assert pairs["p"] == pytest.approx(1 / 6)


def test_every_row_of_its_own_group_is_as_without_groups():
    inside, right, _ = draw_patients(np.random.default_rng(2))
    judged = judge(right)
    one = measure_group(inside, judged, judged.known)
    other = measure_group(inside, judged, judged.known, np.arange(len(right)))
    assert other["p"] == pytest.approx(one["p"], abs=0.03)
    assert other["low"] == pytest.approx(one["low"], abs=0.005)


def test_slices_claims_no_group_of_patients_where_only_patients_differ():
    random = np.random.default_rng(3)
    model = make_pipeline(FunctionTransformer(pick), LogisticRegression())
    together, apart = 0, 0
    for _ in range(5):
        inside, right, bonds = draw_patients(random, 30, 20)
        x = random.normal(size=len(right))
        label = np.where((x > 0) == right, "yes", "no")
        frame = pd.DataFrame({"x": x, "site": np.where(inside, "north", "south"), "patient": bonds, "label": label})
        found = slices(frame, "label", model=model, by="site", groups="patient")
        assert any("All rows of one 'patient' count as one draw of luck" in note for note in found.notes)
        together += len(found.worse)
        apart += len(slices(frame.drop(columns="patient"), "label", model=model, by="site").worse)
    assert together == 0
    assert apart > 0  # the same rows, taken one by one


def test_groups_asked_for_and_found_are_corrected_together():
    random = np.random.default_rng(4)
    bad, other = random.random(2000) < 0.3, random.random(2000) < 0.5
    judged = judge(random.random(2000) < np.where(bad, 0.5, np.where(other, 0.8, 0.9)))
    asked, searched = Group("other", ("other",), other), Group("bad", ("bad",), bad)
    plans, tried = _measure([asked], [searched], judged, random.random(2000) < 0.5, None, 0.05)
    alone = measure_group(other, judged, judged.known)["p"]
    its = {group.said: p for group, _, p, _ in plans}
    assert len(tried) == 1
    second = measure_group(bad, judged, judged.known)["p"]
    assert second < alone  # the other one comes last, and the first pays for both
    assert its["other"] == pytest.approx(alone)
    swapped, _ = _measure([searched], [asked], judged, random.random(2000) < 0.5, None, 0.05)
    assert swapped[0][2] == pytest.approx(2 * second)


def test_the_chance_and_the_gap_of_a_found_group_are_of_the_same_rows():
    random = np.random.default_rng(4)
    bad, other = random.random(4000) < 0.3, random.random(4000) < 0.5
    judged = judge(random.random(4000) < np.where(bad, 0.4, np.where(other, 0.7, 0.9)))
    second = random.random(4000) < 0.5
    searched = [Group("bad", ("bad",), bad), Group("other", ("other",), other)]
    _, tried = _measure([], searched, judged, second, None, 0.05)
    assert [s for s in tried["slice"] if " and " not in s][:2] == ["bad", "other"]
    row = tried[tried["slice"] == "other"].iloc[0]
    assert row["rows"] == (other & second & ~bad).sum()  # those of the group before it are no news


def test_groups_of_sensitive_columns_are_named_by_numbers(tmp_path, monkeypatch):
    (tmp_path / "dcai.yaml").write_text("sensitive: [sex, group]\n")
    monkeypatch.chdir(tmp_path)
    found = slices(make(600, 7), "label", by="sex")
    assert set(found.table["slice"]) >= {"sex: group 1 (hidden)", "sex: group 2 (hidden)"}
    assert "'f'" not in found.to_json()


def test_a_hidden_group_that_was_asked_for_and_found_is_told_once(tmp_path, monkeypatch):
    (tmp_path / "dcai.yaml").write_text("sensitive: [sex]\n")
    monkeypatch.chdir(tmp_path)
    frame = make(1600, 8)
    wrong = (frame["sex"] == "f") & (np.random.default_rng(5).random(len(frame)) < 0.4)
    frame["label"] = frame["label"].mask(wrong, frame["label"].map({"yes": "no", "no": "yes"}))
    found = slices(frame, "label", by="sex")
    told = [tuple(found.rows(name)) for name in found.table["slice"]]
    assert tuple(np.flatnonzero(frame["sex"] == "f")) in told
    assert len(set(told)) == len(told)
    assert found.tried["confirmed"].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "lab"}, "There is no label column 'lab'."),
        ({"by": "sexx"}, "There is no column of by 'sexx'. Did you mean 'sex'?"),
        ({"level": 0}, "The 'level' parameter of slices must be a number between 0 and 1. Got 0 instead."),
        ({"positive": "maybe"}, "There is no class 'maybe'."),
    ],
)
def test_bad_input_is_refused_in_a_sentence(options, message):
    with pytest.raises(InputError) as raised:
        slices(make(200), **{"label": "label", **options})
    assert message in str(raised.value)


def test_a_label_of_sets_is_refused():
    frame = pd.DataFrame({"x": range(40), "label": [["a", "b"], ["a"]] * 20})
    with pytest.raises(InputError, match="cannot be judged row by row: .* Expected classes or numbers"):
        slices(frame, "label")


def test_an_unknown_group_is_refused(noisy):
    with pytest.raises(InputError, match="There is no slice 'sex'"):
        noisy.rows("sex")


def test_the_command_prints_and_saves(tmp_path):
    make(500, 8).to_csv(tmp_path / "a.csv", index=False)
    out = tmp_path / "out.json"
    result = CliRunner().invoke(
        command, [str(tmp_path / "a.csv"), "--label", "label", "--by", "sex", "--json", "-o", str(out)]
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads(out.read_text(encoding="utf-8"))
