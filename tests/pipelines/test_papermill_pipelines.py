"""A promoted pipeline by `papermill --engine dcai`: its manifest holds as in `dcai run`, and its runs are found again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError

import dcai
from dcai.base.errors import InputError, MissingError, RunError
from dcai.base.records import Correction
from dcai.pipelines.archive import contents, ledger
from dcai.pipelines.archive.ledger import history
from dcai.pipelines.lineage import trace
from dcai.pipelines.origins.edits import INDEX
from dcai.pipelines.pipeline import promote
from dcai.pipelines.runs import run
from tests.pipelines.conftest import DCAI, call_main, write

NOTEBOOK = "pipelines/train/pipeline.ipynb"
MAKE = "from pathlib import Path\nPath('model.txt').write_text(f'rate {rate}')"


def call(out="out.ipynb", **options):
    return papermill.execute_notebook(NOTEBOOK, out, engine_name="dcai", progress_bar=False, **options)


def record_of(out="out.ipynb"):
    return json.loads(Path(f"{out}.run.json").read_text())


def make_pipeline(repo, *cells, **options):
    write(repo / "train.ipynb", "rate = 0.1", *cells)
    options = {"outputs": ["model.txt"], "check": False, **options}
    return promote("train.ipynb", **options)


def edit(repo, before, after):
    path = repo / "pipelines" / "train" / "pipeline.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def test_a_run_is_recorded_like_any_other_and_its_output_is_traced(repo):
    (repo / "table.csv").write_text("a\n1\n")
    make_pipeline(repo, MAKE, inputs=["table.csv"])
    call(parameters={"rate": 0.5})
    beside = record_of()
    (one,) = history("train", root=repo)
    assert (one.run, one.status, one.parameters) == (beside["run"], "succeeded", {"rate": 0.5})
    assert beside["outputs"] == [{"path": f.path, "sha256": f.sha256, "size": f.size} for f in one.outputs]
    assert [f.path for f in one.outputs] == ["model.txt"]
    assert one.outputs[0].sha256 is not None
    assert [f.path for f in one.inputs] == ["table.csv"]
    assert NOTEBOOK in [f.path for f in one.code]
    assert one.run in str(trace("model.txt", root=repo).to_frame().to_dict())
    folder = repo / "runs" / "train" / one.run
    told = [json.loads(line)["eventType"] for line in (folder / "openlineage.jsonl").read_text().splitlines()]
    assert told == ["START", "COMPLETE"]
    assert nbformat.read(folder / "output.ipynb", 4).cells[2].metadata.papermill.status == "completed"
    assert not (repo / "out.ipynb.outputs.jsonl").exists()
    assert not (folder / "outputs.jsonl").exists()


def test_a_record_says_the_same_whoever_carried_the_run_out(repo):
    (repo / "tables").mkdir()
    (repo / "tables" / "a.csv").write_text("a\n1\n")
    (repo / "corrections").mkdir()
    line = Correction(
        1, "", "relabel", {"id": 1}, None, "kind", "a", "b", "0" * 16, "ann", "", {}, "", columns=["id"], label="kind"
    )
    dcai.CorrectionLog.read_or_new(repo / "corrections" / "table.jsonl").append(line)
    make_pipeline(repo, MAKE, inputs=["tables"])
    edit(repo, "inputs:\n", "corrections:\n- corrections/table.jsonl\ninputs:\n")
    call()
    (mine,) = history("train", root=repo)
    assert contents.read_list(ledger.lists_of(repo), mine.inputs[0].sha256).keys() == {"a.csv"}
    assert (repo / "runs" / "train" / mine.run / ledger.PACKAGES).is_file()
    assert (repo / "runs" / INDEX / f"{mine.corrections[0].sha256}.npy").is_file()
    other = run("train").record
    for name in ("environment", "inputs", "corrections", "upstream", "purpose", "origin"):
        assert getattr(mine, name) == getattr(other, name), name


def test_a_declared_output_that_is_not_written_is_a_failure_and_the_earlier_one_stays(repo):
    make_pipeline(repo, "import sys\nif rate > 1:\n    sys.exit(0)", MAKE)
    with pytest.raises(RunError, match="output 'model.txt' was not written by this run"):
        call(parameters={"rate": 2})
    assert (record_of()["status"], record_of()["exit_code"]) == ("stopped", 1)
    call()
    assert (repo / "model.txt").read_text() == "rate 0.1"
    call(parameters={"rate": 2})  # what is there from earlier may be good enough for one that stops on purpose
    write(repo / "train.ipynb", "rate = 0.1", MAKE, "1 / 0")
    promote("train.ipynb", check=False)
    with pytest.raises(papermill.PapermillExecutionError, match="ZeroDivisionError"):
        call(parameters={"rate": 3})
    assert (repo / "model.txt").read_text() == "rate 0.1"
    assert record_of()["outputs"][0] == {"path": "model.txt", "sha256": None, "size": None}
    write(repo / "train.ipynb", "rate = 0.1", "print(rate)")
    promote("train.ipynb", check=False)
    with pytest.raises(RunError, match="was not written by this run"):
        call()
    assert (record_of()["status"], record_of()["error"]["error"]) == ("failed", "MissingOutput")


def test_the_manifests_defaults_limits_and_folder_hold(repo, monkeypatch):
    make_pipeline(repo, "import os\nprint(os.getcwd())", MAKE)
    edit(repo, "default: 0.1", "default: 0.7\n      maximum: 1")
    (repo / "sub").mkdir()
    monkeypatch.chdir(repo / "sub")
    done = papermill.execute_notebook(f"../{NOTEBOOK}", "out.ipynb", engine_name="dcai", progress_bar=False)
    assert done.cells[1].source == "# Parameters\nrate = 0.7"
    assert done.cells[2].outputs[0].text.strip() == str(repo)
    assert (repo / "model.txt").read_text() == "rate 0.7"
    monkeypatch.chdir(repo)
    assert run("train").record.parameters == record_of("sub/out.ipynb")["parameters"] == {"rate": 0.7}
    with pytest.raises(InputError, match="must be a number, at most 1. Got 2.0"):
        call(parameters={"rate": 2})
    edit(repo, "name: train", "name: train\ntimeout: {cell: 1}")
    edit(repo, "maximum: 1", "maximum: 3")
    write(repo / "slow.ipynb", "rate = 0.1", "import time\ntime.sleep(977)")
    cells = nbformat.read(repo / NOTEBOOK, 4)
    cells.cells[1].source = "import time\ntime.sleep(977)"
    nbformat.write(cells, repo / NOTEBOOK)
    with pytest.raises(CellTimeoutError, match="longer than the 1 s"):
        call()


@pytest.mark.parametrize("place", ["dcai.pipelines.runtime.beside._share", "dcai.pipelines.engine._progress_bar"])
def test_a_run_that_cannot_be_prepared_is_over_and_blocks_nobody(repo, monkeypatch, place):
    make_pipeline(repo, MAKE)

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(place, fail)
        with pytest.raises(OSError, match="No space left"):
            call()
    (one,) = history("train", root=repo)
    assert (record_of()["status"], one.status, one.exit_code) == ("failed", "failed", 1)
    assert "No space left" in one.error.message
    assert run("train").status == "succeeded"


def test_what_a_run_may_not_begin_with_is_refused_and_leaves_no_run(repo):
    (repo / "table.csv").write_text("a\n1\n")
    make_pipeline(repo, MAKE, inputs=["table.csv"])
    (repo / "table.csv").unlink()
    with pytest.raises(MissingError, match="The input 'table.csv' of 'train' does not exist"):
        call()
    assert (record_of()["status"], record_of()["exit_code"]) == ("invalid", 2)
    (repo / "table.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match="The parameter 'rate' must be a number. Got 'fast'"):
        call(parameters={"rate": "fast"})
    assert len(history("train", root=repo)) == 0


def test_a_killed_papermill_is_settled_with_its_cell_and_the_earlier_output_comes_back(repo):
    make_pipeline(repo, MAKE, "import time\nif rate > 1:\n    print('here', flush=True)\n    time.sleep(977)")
    call()
    words = [sys.executable, "-m", "papermill", NOTEBOOK, "out.ipynb", "--engine", "dcai", "-p", "rate", "2"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, cwd=repo, env={**os.environ, "PYTHONPATH": str(DCAI)}, **quiet) as runner:
        deadline = time.monotonic() + 60
        while "here" not in "".join(p.read_text() for p in (repo / "runs" / "train").glob("*/outputs.jsonl")).rpartition("\n")[0].partition("stream")[2]:  # fmt: skip
            assert time.monotonic() < deadline
            time.sleep(0.05)
        runner.send_signal(signal.SIGKILL)
    assert (repo / "model.txt").read_text() == "rate 2.0"
    one = history("train", root=repo)[0]
    assert (one.status, one.error.error, one.error.cell) == ("interrupted", "RunnerGone", 3)
    assert (repo / "model.txt").read_text() == "rate 0.1"
    saved = nbformat.read(repo / "runs" / "train" / one.run / "output.ipynb", 4)
    assert saved.cells[3].outputs[0].text == "here\n"


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("[1, 2]", [1, 2]), ("5", 5)])
def test_texts_of_the_command_line_are_read_by_the_schema(repo, text, value):
    name = {bool: "flag", list: "series", int: "count"}[type(value)]
    write(repo / "case.ipynb", "flag = False\nseries = [0]\ncount = 1\nname = 'a'", "print(flag, series, count, name)")
    papermill.execute_notebook("case.ipynb", "out.ipynb", {name: text}, engine_name="dcai", progress_bar=False)
    assert record_of()["parameters"][name] == value


def test_a_wrong_type_is_refused_for_any_notebook(repo):
    write(repo / "case.ipynb", "count = 1\nname = 'a'", "open(f'ran-{count}-{name}', 'w').close()")
    for given, said in (({"count": "many"}, "must be an integer"), ({"name": 7}, "give texts by -r NAME TEXT")):
        with pytest.raises(InputError, match=said):
            papermill.execute_notebook("case.ipynb", "out.ipynb", given, engine_name="dcai", progress_bar=False)
        assert record_of()["status"] == "invalid"
    assert list(repo.glob("ran-*")) == []


def test_an_exit_that_leaves_no_error_output_is_no_success_for_papermill(repo):
    write(repo / "case.ipynb", "rate = 0.1", "exit(3)", "print(rate)")
    with pytest.raises(RunError, match="3"):
        papermill.execute_notebook("case.ipynb", "out.ipynb", engine_name="dcai", progress_bar=False)
    assert (record_of()["status"], record_of()["exit_code"]) == ("failed", 1)


def test_lint_says_where_plain_papermill_would_use_another_default(repo, capsys):
    make_pipeline(repo, MAKE)
    edit(repo, "default: 0.1", "default: 0.7")
    code, out, _ = call_main(capsys, "lint", NOTEBOOK)
    assert (code, "other-default: pipeline.yaml sets 'rate' to 0.7, and this notebook to 0.1" in out) == (0, True)
    promote("train.ipynb", check=False)
    assert nbformat.read(repo / NOTEBOOK, 4).cells[0].source == "rate = 0.7"
    assert "other-default" not in call_main(capsys, "lint", NOTEBOOK)[1]
    (repo / "pipelines/train/pipeline.yaml").write_text("name: [")
    assert "unreadable-manifest" in call_main(capsys, "lint", NOTEBOOK)[1]
