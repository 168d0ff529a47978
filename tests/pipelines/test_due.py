"""What makes a run due, and what must never pass for an all-clear."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from dcai.base.errors import InputError
from dcai.pipelines.archive import ledger, tags
from dcai.pipelines.conditions import table_schemas, verdicts
from dcai.pipelines.definitions.definition import load_pipeline
from dcai.pipelines.pipeline import promote
from dcai.pipelines.runs import history, run
from dcai.pipelines.triggers import due, due_pipelines

from .conftest import call_main, make_repository, write

CELLS = [
    "rate = 0.1\nmany = 3",
    "open('model.txt', 'w').write(f'{rate} {many}')",
    "import dcai\ndcai.record(score=rate)",
]


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A pipeline that writes a model made of its parameters, and one good run of it."""
    root = make_repository(tmp_path_factory.mktemp("due") / "repo").resolve()
    write(root / "train.ipynb", *CELLS)
    promote(root / "train.ipynb", outputs=["model.txt"], check=False)
    assert run("train", root=root, run_id="first").status == "succeeded"
    return root


@pytest.fixture
def trained(ready, tmp_path, monkeypatch):
    """A copy of it, to be changed."""
    shutil.copytree(ready, tmp_path / "repo")
    monkeypatch.chdir(tmp_path / "repo")
    return (tmp_path / "repo").resolve()


def reasons(found):
    return [(r.trigger, r.message) for r in found.reasons]


def test_other_parameters_make_a_run_due(trained, capsys):
    assert not due("train")
    assert not due("train", {"rate": 0.1})
    said = "rate was 0.1 in run first, and would be 0.5"
    assert reasons(due("train", {"rate": 0.5})) == [("parameters", said)]
    assert call_main(capsys, "due", "train", "-p", "rate=0.5")[:2] == (10, f"train: due\n  parameters: {said}\n")
    done = run("train", {"rate": 0.5}, if_due=True)
    assert (done.skipped, done.metrics, (trained / "model.txt").read_text()) == (False, {"score": 0.5}, "0.5 3")
    # What somebody tried by day is not what the night would make.
    assert [trigger for trigger, _ in reasons(due("train"))] == ["parameters"]
    assert run("train", {"rate": 0.5}, if_due=True).skipped
    off = replace(load_pipeline("train"), triggers={"parameters": False})
    assert not due(off)
    with pytest.raises(InputError, match="'rate'"):
        due("train", {"rate": "high"})
    assert call_main(capsys, "due", "-p", "rate=1")[0] == 2


@pytest.mark.parametrize("changes", [{"status": "failed", "exit_code": 1}, {"purpose": "smoke"}, {"purpose": "sweep"}])
def test_a_baseline_that_is_no_good_run_is_no_all_clear(trained, capsys, changes):
    good = ledger.load_record(trained / "runs" / "train" / "first" / ledger.RECORD)
    ledger.write_record(trained / "baseline.json", good)
    assert call_main(capsys, "due", "train", "--baseline", "baseline.json")[0] == 0
    ledger.write_record(trained / "baseline.json", replace(good, **changes))
    code, said, _ = call_main(capsys, "due", "train", "--baseline", "baseline.json")
    assert (code, "the baseline is no good run: first" in said) == (10, True)


def test_a_baseline_of_a_later_dcai_is_refused(trained, capsys):
    good = ledger.load_record(trained / "runs" / "train" / "first" / ledger.RECORD)
    ledger.write_record(trained / "baseline.json", replace(good, v=ledger.VERSION + 1))
    code, _, told = call_main(capsys, "due", "train", "--baseline", "baseline.json")
    assert (code, "Upgrade dcai" in told) == (2, True)


def test_an_output_that_is_gone_or_not_its_own_makes_a_run_due(trained):
    (trained / "model.txt").unlink()
    assert reasons(due("train")) == [("outputs", "model.txt is missing")]
    assert not run("train", if_due=True).skipped
    assert (trained / "model.txt").read_text() == "0.1 3"
    assert not due("train")
    (trained / "model.txt").write_text("by hand")
    assert reasons(due("train")) == [("outputs", "model.txt is not what a run has made")]
    assert not due(replace(load_pipeline("train"), triggers={"outputs": False}))
    # A fresh clone has no outputs of anybody.
    record = trained / "runs" / "train" / "first" / "run.json"
    assert not due("train", baseline=record)


def test_an_output_that_was_gone_back_to_is_a_runs_own(trained):
    tags.tag("first", "good")
    (trained / "model.txt").write_text("")
    run("train", {"many": 4})
    assert tags.go_back("good") == ["model.txt"]
    assert reasons(due("train", {"many": 4})) == []


def test_what_cannot_be_looked_at_makes_a_run_due(trained, capsys):
    (trained / "new.csv").write_text("x\n1\n")
    one = replace(load_pipeline("train"), triggers={"drift": {"new.csv": {"reference": "gone.csv"}}})
    found = due(one)
    assert found
    assert found.verdict == "due"
    assert "drift: new.csv could not be compared" in found.unknown[0]
    assert "could not be compared" in repr(found)
    assert found.to_dict()["due"]
    manifest = trained / "pipelines" / "train" / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + "triggers: {code: false, drift: {new.csv: {reference: gone.csv}}}\n")
    code, out, told = call_main(capsys, "due", "train")
    assert (code, out) == (10, "train: due\n")
    assert "warning: drift: new.csv could not be compared" in told
    assert not run("train", if_due=True).skipped


def test_a_metric_that_nobody_has_recorded_makes_a_run_due_unless_its_pipeline_has_yet_to_run(trained, capsys):
    def watching(name):
        return due(replace(load_pipeline("train"), triggers={"performance": {name: {"min": 0}}}))

    assert watching("scor").unknown == ("performance: no run has recorded 'scor'",)
    assert watching("scor")
    assert watching("nobody.score")
    write(trained / "other.ipynb", "x = 1", "x")
    promote("other.ipynb", check=False)
    waiting = watching("other.score")
    assert not waiting
    assert waiting.notes == ("performance: no run has recorded 'other.score'",)
    assert "no run has recorded" in waiting._repr_html_()
    manifest = trained / "pipelines" / "train" / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + "triggers: {code: false, performance: {other.score: {min: 0}}}\n")
    code, _, told = call_main(capsys, "due", "train")
    assert (code, told) == (0, "note: performance: no run has recorded 'other.score'\n")


def test_one_notebook_that_cannot_be_read_keeps_nobody_from_the_others(trained):
    write(trained / "other.ipynb", "x = 1", "x")
    promote("other.ipynb", check=False)
    broken = ledger.begin("r", "other", "n", "python3", root=trained, parameters={})
    ledger.write_record(trained / "runs/other/r/run.json", replace(broken, status="succeeded", ended=broken.started))
    (trained / "pipelines" / "other" / "pipeline.ipynb").write_text("{")
    found = {one.pipeline: one for one in due_pipelines(trained)}
    assert not found["train"]
    assert found["other"].verdict == "cannot be read"


def test_a_notebook_has_nothing_by_which_it_is_due(trained):
    with pytest.raises(InputError, match=r"'train.ipynb' is no pipeline, so nothing says when it is due. Leave if_due"):
        run("train.ipynb", if_due=True)


# ---------------------------------------------------------------- tables that are broken


def break_view(root):
    with closing(sqlite3.connect(root / "shop.sqlite")) as base:
        base.executescript(
            "CREATE TABLE sales (amount); INSERT INTO sales VALUES (1); CREATE VIEW today AS SELECT amount FROM sales;"
        )
        yield
        base.executescript("DROP TABLE sales; CREATE TABLE sales (total);")


def test_a_view_that_is_broken_fails_its_gate(tmp_path, repo):
    for _ in break_view(repo):
        assert len(table_schemas.read_table(repo, "shop.sqlite#today")) == 1
    with pytest.raises(InputError, match="'shop.sqlite#today' cannot be read: .*no such column: amount"):
        table_schemas.read_table(repo, "shop.sqlite#today")
    write(repo / "read.ipynb", "x = 1", "x")
    promote("read.ipynb", inputs=["shop.sqlite"], check=False)
    manifest = repo / "pipelines" / "read" / "pipeline.yaml"
    manifest.write_text(
        manifest.read_text()
        + "on_failure: [sh, -c, 'echo $DCAI_STATUS >> told']\ngates: {schema: {shop.sqlite#today: {columns: {amount: number}}}}\n"
    )
    done = run("read")
    assert (done.status, done.exit_code, done.record.cells_done) == ("gate_failed", 3, 0)
    assert "no such column: amount" in done.record.error.message
    assert (repo / "told").read_text() == "gate_failed\n"
    one = replace(load_pipeline("read"), triggers={"drift": {"shop.sqlite#today": {"reference": "shop.sqlite#sales"}}})
    good = replace(history("read")[0], status="succeeded", exit_code=0, error=None, inputs=[])
    assert "drift: shop.sqlite#today could not be compared" in due(one, baseline=good).unknown[0]


def test_a_run_that_stopped_is_judged_by_a_table_that_is_there(tmp_path):
    """A table that it did not come to make is excused; one that nobody can read is not."""
    from dcai.pipelines.archive.journal import Journal

    def ends(text):
        if text is not None:
            (tmp_path / "t.csv").write_text(text)
        journal = Journal()
        journal.write("stopped", message="enough")
        verdicts.hold_gates(
            {"schema": {"t.csv": {"columns": {"a": "integer"}}}}, journal, verdicts.Scene(root=tmp_path)
        )
        return journal.tally.exit_code

    assert [ends(None), ends("a\n1\n"), ends('a\n"1')] == [0, 0, 1]


def test_the_reasons_are_plain_data(trained):
    json.dumps(due("train", {"rate": 3.0}).to_dict())
