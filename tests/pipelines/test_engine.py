"""`papermill --engine dcai`, as anyone who has papermill uses it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from dcai.base.errors import InputError, RunError
from dcai.pipelines.engine import DcaiEngine
from dcai.pipelines.pipeline import promote
from dcai.pipelines.runs import run
from tests.pipelines.conftest import DCAI, call_main, command, kernels_of, make_notebook, write


def call(notebook, out="out.ipynb", **options):
    options = {"progress_bar": False, **options}
    return papermill.execute_notebook(str(notebook), out, engine_name="dcai", **options)


def record_of(out="out.ipynb"):
    return json.loads(Path(f"{out}.run.json").read_text())


def test_papermill_finds_the_engine_by_its_entry_point():
    (point,) = [e for e in importlib.metadata.entry_points(group="papermill.engine") if e.name == "dcai"]
    assert point.load() is DcaiEngine
    code = "import dcai.pipelines.engine, sys; assert 'papermill' not in sys.modules; import papermill"
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0


def test_the_gates_of_a_pipeline_hold_for_papermill_too(repo):
    source = "from dcai.pipelines.runtime.notebook import record\nrecord(accuracy=accuracy)"
    write(repo / "train.ipynb", "accuracy = 0.5", source)
    promote("train.ipynb", gates={"accuracy": ">= 0.9"}, check=False)
    with pytest.raises(RunError, match="A gate of the pipeline did not hold: accuracy is 0.5, expected >= 0.9"):
        call("pipelines/train/pipeline.ipynb")
    assert (record_of()["status"], record_of()["exit_code"]) == ("gate_failed", 3)
    call("pipelines/train/pipeline.ipynb", parameters={"accuracy": 0.95})
    assert record_of()["status"] == "succeeded"
    assert record_of()["gates"] == [{"gate": "accuracy", "rule": ">= 0.9", "value": 0.95, "passed": True}]


def test_values_come_in_as_data_with_their_types(repo):
    source = "flag = True\ncount = 1\npath = 'a'\npair = (1, 2)"
    write(repo / "case.ipynb", source, "assert flag is False and count == 5 and pair == (3, 4) and path == 'C:\\\\new'")
    values = {"flag": np.bool_(0), "count": np.int64(5), "path": "C:\\new", "pair": (3, 4)}
    done = call("case.ipynb", parameters=values)
    assert done.cells[1].source == "# Parameters\nflag = False\ncount = 5\npath = 'C:\\\\new'\npair = (3, 4)"
    saved = nbformat.read("out.ipynb", 4)
    assert [c.metadata.papermill.status for c in saved.cells] == ["completed"] * 3
    assert saved.metadata.papermill.parameters == {"flag": False, "count": 5, "path": "C:\\new", "pair": [3, 4]}
    assert (record_of()["status"], record_of()["pipeline"]) == ("succeeded", "case")


@pytest.mark.parametrize(
    "key", ["ratte", "rate=1;open('hacked','w')#", "rate = 1\nopen('hacked', 'w')\nx", "open('hacked', 'w').x"]
)
def test_unknown_and_hostile_names_are_refused_before_a_kernel_starts(repo, key):
    write(repo / "case.ipynb", "rate = 0.1", "print(rate)")
    with pytest.raises(InputError, match="There is no parameter"):
        call("case.ipynb", parameters={key: 1})
    assert not (repo / "hacked").exists()
    assert not (repo / "out.ipynb").exists()
    assert not (repo / "out.ipynb.events.jsonl").exists()
    assert (record_of()["status"], record_of()["exit_code"]) == ("invalid", 2)


def test_hostile_objects_are_refused_as_no_data(repo):
    class Hostile:
        def __str__(self):
            return "a\"); open('hacked', 'w'); (\""

    write(repo / "case.ipynb", "rate = 0.1", "print(rate)")
    with pytest.raises(InputError, match="Only plain data can be injected"):
        call("case.ipynb", parameters={"rate": Hostile()})
    assert not (repo / "hacked").exists()
    assert record_of()["status"] == "invalid"


def test_paths_that_papermill_injects_by_itself_are_let_through(repo):
    write(repo / "case.ipynb", "rate = 0.1", "print(PAPERMILL_INPUT_PATH)")
    (repo / "elsewhere").mkdir()
    options = ["--inject-paths", "--log-output", "--cwd", "elsewhere", "--no-request-save-on-cell-execute"]
    done = command("case.ipynb", "out.ipynb", "--engine", "dcai", *options, cwd=repo, module="papermill")
    assert done.returncode == 0, done.stderr
    assert nbformat.read(repo / "out.ipynb", 4).cells[2].outputs[0].text == "case.ipynb\n"
    assert "case.ipynb\n" in done.stderr  # --log-output
    assert (record_of()["status"], record_of()["pipeline"]) == ("succeeded", "case")
    assert list((repo / "elsewhere").iterdir()) == []


def test_a_failing_cell_is_papermills_own_error_and_cells_that_never_ran_are_pending(repo):
    write(repo / "case.ipynb", "rate = 0.1", "rate / 0", "print('never')")
    with pytest.raises(papermill.PapermillExecutionError, match="ZeroDivisionError"):
        call("case.ipynb", parameters={"rate": 1})
    cells = [c for c in nbformat.read("out.ipynb", 4).cells if c.cell_type == "code"]
    assert [c.metadata.papermill.status for c in cells] == ["completed", "completed", "failed", "pending"]
    assert (record_of()["status"], record_of()["error"]["cell"]) == ("failed", 2)


def test_a_killed_kernel_and_a_timeout_are_raised_and_saved_truthfully(repo):
    write(repo / "case.ipynb", "rate = 0.1", "import os\nos.kill(os.getpid(), 9)", "print('never')")
    with pytest.raises(DeadKernelError, match="killed by signal SIGKILL"):
        call("case.ipynb")
    saved = nbformat.read("out.ipynb", 4)
    assert [c.metadata.papermill.status for c in saved.cells] == ["completed", "failed", "pending"]
    assert saved.metadata.papermill.exception is True
    assert (record_of()["status"], record_of()["exit_code"]) == ("kernel_died", 5)
    write(repo / "slow.ipynb", "rate = 0.1", "import time\ntime.sleep(977)", "print('never')")
    with pytest.raises(CellTimeoutError, match="longer than the 1 s"):
        call("slow.ipynb", "slow-out.ipynb", execution_timeout=1)
    assert (record_of("slow-out.ipynb")["status"], kernels_of(repo)) == ("timed_out", [])


def test_stopping_on_purpose_is_no_error(repo):
    write(repo / "case.ipynb", "rate = 0.1", "import sys\nsys.exit(0)", "print('never')")
    done = call("case.ipynb")
    assert [c.metadata.papermill.status for c in done.cells] == ["completed", "completed", "pending"]
    assert record_of()["status"] == "stopped"


def test_an_exit_with_a_text_is_papermills_error_though_the_text_is_0(repo):
    write(repo / "case.ipynb", "rate = 0.1", "import sys\nsys.exit('0')", "print('never')")
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        call("case.ipynb")
    assert (caught.value.ename, caught.value.evalue) == ("SystemExit", "'0'")
    assert (record_of()["status"], record_of()["error"]["message"]) == ("failed", "'0'")


def test_an_injected_cell_counts_only_together_with_what_papermill_says_of_it(repo):
    notebook = make_notebook("rate = 0.1", "rate = 0.5", "print(rate)")
    notebook.cells[1].metadata["tags"] = ["injected-parameters"]
    nbformat.write(notebook, repo / "cell.ipynb")
    done = call("cell.ipynb")
    assert (done.cells[-1].outputs[0].text, record_of()["parameters"]) == ("0.1\n", {"rate": 0.1})
    del notebook.cells[1]
    notebook.metadata["papermill"] = {"parameters": {"rate": 0.5}}
    nbformat.write(notebook, repo / "says.ipynb")
    done = call("says.ipynb")
    assert (done.cells[-1].outputs[0].text, record_of()["parameters"]) == ("0.1\n", {"rate": 0.1})


def test_a_missing_kernel_and_one_that_cannot_start_are_no_success(repo, tmp_path, monkeypatch):
    write(repo / "case.ipynb", "rate = 0.1", "print(rate)")
    with pytest.raises(DeadKernelError, match="There is no kernel 'absent' here"):
        call("case.ipynb", kernel_name="absent")
    assert (record_of()["status"], record_of()["error"]["error"]) == ("kernel_died", "NoSuchKernel")
    folder = tmp_path / "share" / "kernels" / "broken"
    folder.mkdir(parents=True)
    spec = {"argv": [sys.executable, "-c", "raise SystemExit(1)"], "display_name": "Broken", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    with pytest.raises(DeadKernelError, match="The kernel 'broken' did not start"):
        call("case.ipynb", kernel_name="broken")
    assert (record_of()["status"], record_of()["exit_code"]) == ("kernel_died", 5)
    assert [c.metadata.papermill.status for c in nbformat.read("out.ipynb", 4).cells] == ["pending", "pending"]


def test_without_a_local_output_nothing_is_written(repo):
    write(repo / "case.ipynb", "rate = 0.1", "print(rate)")
    before = sorted(p.name for p in repo.iterdir())
    assert call("case.ipynb", None).cells[1].outputs[0].text == "0.1\n"
    assert sorted(p.name for p in repo.iterdir()) == before


# ---------------------------------------------------------------- notebooks that are elsewhere


def test_a_killed_run_is_settled_by_whoever_comes_next(repo, capsys):
    write(repo / "case.ipynb", "x = 1", "print('before', flush=True)\nimport time\ntime.sleep(977)")
    write(repo / "other.ipynb", "x = 1")
    (repo / "out").mkdir()
    kill_within_a_cell(repo, "a")
    assert record_of("out/a.ipynb")["status"] == "running"
    code, out, _ = call_main(capsys, "runs", "out/a.ipynb", "--json")
    (read,) = json.loads(out)
    assert (code, read["status"], read["exit_code"]) == (0, "interrupted", 130)
    assert (read["error"]["error"], read["error"]["cell"]) == ("RunnerGone", 1)
    assert record_of("out/a.ipynb") == read
    saved = nbformat.read("out/a.ipynb", 4)
    assert saved.cells[1].outputs[0].text == "before\n"
    assert [c.metadata.papermill.status for c in saved.cells] == ["completed", "failed"]
    kill_within_a_cell(repo, "b")
    assert record_of("out/b.ipynb")["status"] == "running"
    call("other.ipynb", "out/c.ipynb")  # the next run in the same folder settles the other one
    assert record_of("out/b.ipynb")["status"] == "interrupted"
    (repo / "out/d.ipynb.run.json").write_text("{")
    code, out, said = call_main(capsys, "runs", "out/")
    assert (code, [line.split()[2] for line in out.splitlines()]) == (0, ["succeeded", "interrupted", "interrupted"])
    assert "d.ipynb.run.json" in said


def kill_within_a_cell(repo, name):
    words = [sys.executable, "-m", "papermill", "case.ipynb", f"out/{name}.ipynb", "--engine", "dcai"]
    environment = {**os.environ, "PYTHONPATH": str(DCAI)}
    log = repo / f"out/{name}.ipynb.outputs.jsonl"
    with subprocess.Popen(
        words, cwd=repo, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as runner:
        deadline = time.monotonic() + 60
        while not (log.is_file() and "before" in log.read_text().rpartition("\n")[0].partition("stream")[2]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        runner.kill()


def test_records_that_are_not_there_are_told(repo, capsys):
    assert call_main(capsys, "runs", "out.ipynb")[::2] == (
        2,
        "dcai: There is no record 'out.ipynb.run.json'. It is written by: papermill IN out.ipynb --engine dcai\n",
    )
    code, _, said = call_main(capsys, "runs", "absent/")
    assert (code, "There is no folder 'absent/'. Name a pipeline, a folder, or an output of papermill." in said) == (
        2,
        True,
    )


class ForbiddenError(Exception):
    """What a library of some store raises, of no class that anybody else knows."""


class Memory:
    """A handler of papermill that keeps files in memory, as an object store would."""

    def __init__(self):
        self.files = {}

    def read(self, path):
        return self.files[path]

    def write(self, buf, path):
        if "readonly" in path:
            raise OSError("access denied")
        if "hidden" in path:
            raise ForbiddenError("403")
        self.files[path] = buf

    def pretty_path(self, path):
        return path

    def listdir(self, path):
        return [name for name in self.files if name.startswith(path)]


@pytest.fixture
def memory():
    from papermill.iorw import papermill_io

    handler, before = Memory(), list(papermill_io._handlers)
    papermill_io.register("mem://", handler)
    yield handler
    papermill_io._handlers[:] = before


def test_a_notebook_elsewhere_is_run_and_its_record_is_beside_it(repo, memory):
    source = "from dcai.pipelines.runtime.notebook import record\nrecord(rate=rate)\nrate / (rate - 1)"
    memory.files["mem://in/case.ipynb"] = nbformat.writes(make_notebook("rate = 0.1", source))
    call("mem://in/case.ipynb", "mem://out/done.ipynb", parameters={"rate": 0.5})
    record = json.loads(memory.files["mem://out/done.ipynb.run.json"])
    assert (record["status"], record["metrics"], record["pipeline"]) == ("succeeded", {"rate": 0.5}, "case")
    saved = nbformat.reads(memory.files["mem://out/done.ipynb"], 4)
    assert [c.metadata.papermill.status for c in saved.cells] == ["completed"] * 3
    assert list(repo.glob("*.ipynb*")) == []
    with pytest.raises(papermill.PapermillExecutionError, match="ZeroDivisionError"):
        call("mem://in/case.ipynb", "mem://out/done.ipynb", parameters={"rate": 1})
    record = json.loads(memory.files["mem://out/done.ipynb.run.json"])
    assert (record["status"], record["error"]["cell"]) == ("failed", 2)


def test_a_place_that_cannot_be_written_to_is_refused_before_a_kernel_starts(repo, memory):
    memory.files["mem://in/case.ipynb"] = nbformat.writes(make_notebook("open('ran', 'w').close()"))
    with pytest.raises(
        InputError, match=r"Nothing can be written to 'mem://readonly/out.ipynb.run.json': OSError: access"
    ):
        call("mem://in/case.ipynb", "mem://readonly/out.ipynb")
    with pytest.raises(ForbiddenError, match="403"):
        call("mem://in/case.ipynb", "mem://hidden/out.ipynb")
    assert not (repo / "ran").exists()


@pytest.mark.parametrize("name", ["pipeline", "output"])
def test_dcai_run_itself_is_for_files_of_this_machine_and_says_what_is_not(repo, name):
    write(repo / "case.ipynb", "x = 1")
    options = {"output": "s3://bucket/out.ipynb"} if name == "output" else {}
    with pytest.raises(
        InputError, match=f"The {name!r} parameter of run.. must be a name or a path on this machine"
    ) as caught:
        run("s3://bucket/in.ipynb" if name == "pipeline" else "case.ipynb", **options)
    assert "papermill IN OUT --engine dcai" in str(caught.value)
    assert not (repo / "runs").exists()
