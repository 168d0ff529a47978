"""A comparison that a run records: what changed shows in `diff`, and what the saved model rests on in `trace`."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import dcai
from dcai.base.fingerprints import hash_rows, to_hex
from dcai.base.records import Correction
from dcai.corrections.decisions.matching import Columns

from .conftest import call_main, git, make_repository, write

CELLS = [
    "seed = 0",
    "import dcai\nfrom sklearn.naive_bayes import GaussianNB",
    "found = dcai.compare('data.csv', label='kind', log='corrections/kind.jsonl', models=GaussianNB(), repeats=2, random_state=seed)",
    "dcai.record(**found.to_metrics())\nfound.save_model(dcai.artifact('model.joblib'), by='site')",
]


def correct(repo, frame, rows):
    """Say of some rows that they are of the other kind."""
    columns = Columns(tuple(sorted(frame.columns.drop("kind"))), "kind")
    hashes = hash_rows(frame).tolist()
    drafts = [
        Correction(
            1, "", "relabel", {"id": int(frame["id"][row])}, None, "kind", frame["kind"][row],
            "ab".replace(frame["kind"][row], ""), f"{to_hex(hashes[row])}:{columns.digest}", "ann", "", {}, "",
            columns=list(columns.identity), label="kind",
        )
        for row in rows
    ]  # fmt: skip
    dcai.CorrectionLog.read_or_new(repo / "corrections" / "kind.jsonl").append(*drafts)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    repo = make_repository(tmp_path_factory.mktemp("compared") / "repo").resolve()
    draw = np.random.default_rng(0)
    truth = draw.choice(["a", "b"], 200)
    frame = pd.DataFrame({"id": range(200), "site": draw.choice(["n", "s"], 200), "x": draw.normal(size=200)})
    frame["x"] += 3 * (truth == "b")
    wrong = np.flatnonzero(draw.random(200) < 0.25)
    frame["kind"] = truth
    frame.loc[wrong, "kind"] = np.where(truth[wrong] == "a", "b", "a")
    frame["site"] = frame["site"].map({"n": 0, "s": 1})
    frame.to_csv(repo / "data.csv", index=False)
    frame = pd.read_csv(repo / "data.csv")
    correct(repo, frame, wrong[:5])
    write(repo / "prove.ipynb", *CELLS)
    dcai.promote(repo / "prove.ipynb", inputs=["data.csv"], check=False)
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "Pipeline")
    first = dcai.run("prove", root=repo)
    correct(repo, frame, wrong[5:])
    second = dcai.run("prove", root=repo)
    assert [first.status, second.status] == ["succeeded", "succeeded"]
    return repo, first, second


def test_what_a_comparison_gained_shows_in_the_difference_of_two_runs(runs, capsys, monkeypatch):
    repo, first, second = runs
    found = dcai.diff(first.record.run, second.record.run, root=repo)
    changed = {change.name: change for change in found.changes if change.part == "metrics"}
    metrics = [run.record.metrics for run in (first, second)]
    # The same data and test, other corrections: only what rests on these changed.
    assert {"log_sha256", "accuracy_data_centric", "accuracy_gain_data_centric"} <= set(changed)
    assert not {"training_sha256", "test_sha256", "accuracy_baseline"} & set(changed)
    assert {"training_sha256", "test_sha256", "accuracy_baseline"} <= set(metrics[0])
    gain = changed["accuracy_gain_data_centric"]
    assert (gain.before, gain.after) == tuple(one["accuracy_gain_data_centric"] for one in metrics)
    monkeypatch.chdir(repo)
    code, said, _ = call_main(capsys, "diff", first.record.run, second.record.run)
    assert (code, "accuracy_gain_data_centric" in said, "log_sha256" in said) == (0, True, True)


def test_the_saved_model_is_traced_to_the_comparison_and_its_corrections(runs, capsys, monkeypatch):
    repo, _, second = runs
    model = second.folder / "artifacts" / "model.joblib"
    card = json.loads(model.with_name("model.card.json").read_text(encoding="utf-8"))
    found = dcai.trace(model, root=repo)
    assert found.runs == [second.record]
    assert found.runs[0].metrics["log_sha256"] == card["origin"]["corrections"]["log"]["sha256"]
    assert found.runs[0].metrics["test_sha256"] == card["origin"]["test_sha256"]
    assert len(found.corrections) == card["origin"]["corrections"]["log"]["decisions"] > 5
    assert {group["slice"] for group in card["slices"]} == {"site == 0", "site == 1"}
    monkeypatch.chdir(repo)
    code, said, _ = call_main(capsys, "trace", str(model), "--json")
    (told,) = [node["metrics"] for node in json.loads(said)["nodes"] if node["kind"] == "run"]
    assert (code, told) == (0, second.record.metrics)
    assert "accuracy_gain_data_centric" in told
