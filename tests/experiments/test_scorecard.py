"""`scorecard` answers four questions, each by what was planted, and calls nothing good that it has not looked at."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.naive_bayes import GaussianNB

from dcai.base.errors import InputError
from dcai.experiments.scorecards import scorecard
from dcai.shells.cli_drift import scorecard as command


def make(rows=400, seed=0):
    random = np.random.default_rng(seed)
    x, z = random.normal(size=(2, rows))
    x = x + np.sign(x) * 0.5
    return pd.DataFrame({"x": x, "z": z, "label": np.where(x > 0, "yes", "no")})


@pytest.fixture(scope="module")
def good():
    return scorecard(make(), "label", production=make(400, 1).drop(columns="label"), model=GaussianNB())


def test_good_data_are_good_in_every_part(good):
    assert good.to_frame()["status"].tolist() == ["good"] * 4, good.to_text()
    assert good.good
    assert good["size"].figures["right_size"] < good["size"].figures["training_rows"]


def test_what_was_not_looked_at_is_not_good():
    found = scorecard(make(), "label", size=False)
    assert {name: found[name].status for name in ("feedback", "size")} == {"feedback": "unknown", "size": "unknown"}
    assert not found.good
    assert scorecard(make().drop(columns="label"), size=False)["coverage"].status == "unknown"


def test_contradictions_are_named():
    frame = make()
    twice = frame.head(20).assign(label=lambda f: f["label"].map({"yes": "no", "no": "yes"}))
    part = scorecard(pd.concat([frame, twice]), "label", size=False)["definitions"]
    assert part.status == "attention"
    assert part.figures["conflicts"] > 0
    assert "'conflicts'" in part.next_steps[0]


def test_rare_classes_are_to_be_collected():
    frame = make()
    frame.loc[frame.index[:12], "label"] = "maybe"
    frame.loc[frame.index[:12], "z"] += 9
    part = scorecard(frame, "label", size=False)["coverage"]
    assert part.status == "attention"
    assert "Collect at least 38 more rows of the class 'maybe': it has 12." in part.next_steps


def test_slips_in_class_names_are_not_to_be_collected():
    frame = make().assign(label=lambda f: f["label"].map({"yes": "certainly", "no": "never"}))
    frame.loc[[3, 4], "label"] = ["Certainly ", "certainyl"]
    frame.loc[5, "label"] = "7"
    part = scorecard(frame, "label", size=False)["coverage"]
    assert not any("Collect" in step for step in part.next_steps), part.next_steps
    assert any("'certainyl' as 'certainly'" in fact for fact in part.facts)
    assert (
        "Look at the classes of 3 rows or fewer first ('7'): a slip is to be corrected, not to be collected."
        in part.next_steps
    )
    assert part.figures["rare_classes"] == 1


def test_drift_from_production_is_told():
    part = scorecard(make(), "label", production=make(400, 1).assign(z=lambda f: f["z"] + 2), size=False)["feedback"]
    assert part.status == "attention"
    assert any("'z'" in fact for fact in part.facts)


def test_undefined_classes_are_named_where_others_are_defined(tmp_path, monkeypatch):
    (tmp_path / "dcai.yaml").write_text("labels: {label: {'yes': They came.}}\n")
    monkeypatch.chdir(tmp_path)
    part = scorecard(make(), "label", size=False)["definitions"]
    assert any("'no'" in fact for fact in part.facts)


def test_it_is_shown_escaped_and_read_by_gates(good):
    record = json.loads(good.to_json())
    assert record["good"]
    assert set(record["parts"]) == {"definitions", "coverage", "feedback", "size"}
    assert good.to_metrics()["size_good"]
    frame = make().assign(label=lambda f: f["label"].replace("yes", "<script>x"))
    frame.loc[3, "label"] = "<img src=x>"
    page = scorecard(frame, "label", size=False).to_html()
    assert "<script>x" not in page
    assert "<img src=x" not in page
    with pytest.raises(InputError, match="There is no part of the scorecard 'sise'. Did you mean 'size'?"):
        good["sise"]


def test_the_command_is_a_gate_where_asked(tmp_path):
    make().to_csv(tmp_path / "a.csv", index=False)
    run = CliRunner().invoke
    arguments = [str(tmp_path / "a.csv"), "--label", "label", "--no-size"]
    assert run(command, arguments, standalone_mode=False).return_value == 0
    assert run(command, [*arguments, "--gate"], standalone_mode=False).return_value == 3


# ---------------------------------------------------------------- good by no luck


def test_noise_is_no_right_size():
    # Labels that nothing tells apart: some size scores within the margin of all rows by luck alone.
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.normal(size=400), "label": draw.choice(["no", "yes"], 400)})
    for seed in range(3):
        part = scorecard(frame, "label", model=GaussianNB(), random_state=seed)["size"]
        assert part.status == "unknown", part
        assert "The intervals are too wide to tell" in part.next_steps[0]


def test_new_groups_in_production_are_no_drift():
    patients = np.repeat([f"p{i}" for i in range(40)], 10)
    frame, batch = make().assign(patient=patients), make(400, 1).assign(patient=np.char.add("q", patients.astype(str)))
    part = scorecard(frame, "label", groups="patient", production=batch, size=False)["feedback"]
    assert part.status == "good", part.facts
    alone = scorecard(frame, "label", groups="patient", production=batch.drop(columns="patient"), size=False)[
        "feedback"
    ]
    assert alone.status == "good", alone.facts


def test_wrong_labels_need_attention():
    frame = make(600)
    wrong = np.random.default_rng(0).permutation(600)[:90]
    spoiled = frame.assign(
        label=frame["label"].where(~frame.index.isin(wrong), frame["label"].map({"yes": "no", "no": "yes"}))
    )
    part = scorecard(spoiled, "label", size=False)["definitions"]
    assert part.status == "attention"
    assert 6 < part.figures["wrong_labels_low"] <= 90
    assert any("may be wrong" in fact for fact in part.facts)
    assert any("Review the labels that a model doubts" in step for step in part.next_steps)
    clean = scorecard(frame, "label", size=False)["definitions"]
    assert clean.status == "good"
