"""Going on where a run ended: in its own kernel where that was kept and nothing has changed, from the top otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psutil
import pytest

from dcai.base.errors import InputError, MissingError
from dcai.pipelines.archive.journal import read_journal
from dcai.pipelines.definitions.definition import load_pipeline
from dcai.pipelines.pipeline import promote
from dcai.pipelines.processes import kernels
from dcai.pipelines.runs import run
from tests.pipelines.conftest import command, write

CELLS = [
    "rate = 0.1",
    "import helper\nlist = getattr = None  # names that others lean on\nfrom dcai.pipelines.runtime.notebook import artifact, record\nopen('log.txt', 'a').write('upstream ')\nx = rate * 2\n%run script.py",
    "open('out.txt', 'w').write('out')\nartifact('a.txt').write_text('a')\nrecord(x=x)\nprint('two')",
    "open('log.txt', 'a').write('failing ')\nprint(open('flag').read(), x)",
    "artifact('b.txt').write_text('b')\nrecord(end=x)",
]


@pytest.fixture
def failed(repo):
    """A pipeline that failed in its fourth cell, and whose kernel was kept."""
    write(repo / "case.ipynb", *CELLS)
    (repo / "in.csv").write_text("a\n")
    (repo / "helper.py").write_text("A = 1\n")
    (repo / "script.py").write_text("B = 1\n")
    promote("case.ipynb", inputs=["in.csv"], outputs=["out.txt"], check=False)
    done = run("case", {"rate": 0.5}, keep_kernel=90, run_id="a")
    assert (done.status, done.record.error.error) == ("failed", "FileNotFoundError")
    kept = json.loads((done.folder / "kept.json").read_text())
    assert psutil.pid_exists(kept["pid"])
    (repo / "flag").write_text("now")
    yield kept
    wait_until_gone(kept["pid"])


def wait_until_gone(pid, seconds=20):
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(pid)


def log(repo):
    return (repo / "log.txt").read_text().split()


def test_with_its_kernel_a_run_goes_on_without_executing_anything_again(repo, failed):
    done = run("case", resume="a", run_id="b")
    assert (done.status, done.record.resumed) == ("succeeded", "a"), done.record
    assert done.record.note == "Goes on in the kernel of run a: 4 cells are not executed again."
    assert log(repo) == ["upstream", "failing", "failing"]
    assert done.metrics == {"x": 1.0, "end": 1.0}
    assert done.record.parameters == {"rate": 0.5}
    assert (done.record.cells_done, done.record.cells_total) == (6, 6)
    # What the cells before have made is this run's too, and what follows goes to its own folder.
    assert [f.path for f in done.record.outputs if f.sha256] == [
        "out.txt", "runs/case/b/artifacts/a.txt", "runs/case/b/artifacts/b.txt"
    ]  # fmt: skip
    saved = nbformat.read(done.folder / "output.ipynb", 4)
    assert saved.cells[3].outputs[-1].text == "two\n"
    assert saved.cells[4].outputs[0].text == "now 1.0\n"
    assert not Path(failed["connection"]).parent.exists()
    with pytest.raises(InputError, match="The run b of 'case' has succeeded: there is nothing to go on from"):
        run("case", resume="b")


@pytest.mark.parametrize("change", ["source", "parameters", "input", "module", "script", "used"])
def test_what_has_changed_since_is_noticed_and_everything_is_executed(repo, failed, change):
    options = {}
    notebook = load_pipeline("case").notebook
    if change == "source":
        changed = nbformat.read(notebook, 4)
        changed.cells[1].source += "\nx = x + 1"
        nbformat.write(changed, notebook)
    elif change == "parameters":
        options = {"parameters": {"rate": 0.7}}
    elif change == "input":
        (repo / "in.csv").write_text("b\n")
    elif change == "module":
        (repo / "helper.py").write_text("A = 2\n")
    elif change == "script":
        (repo / "script.py").write_text("B = 2\n")
    else:
        use(failed)
    done = run("case", resume="a", **options)
    assert done.status == "succeeded"
    reasons = {
        "source": "cells before the one where it ended, or parameters, have changed",
        "parameters": "cells before the one where it ended, or parameters, have changed",
        "input": "inputs or corrections have changed",
        "module": "files that it has imported or run have changed: helper.py",
        "script": "files that it has imported or run have changed: script.py",
        "used": "somebody else has used its kernel meanwhile",
    }
    assert (
        done.record.note
        == f"Run a is begun at the top: {reasons[change]}; every cell is executed, those before it once more."
    )
    assert log(repo) == ["upstream", "failing", "upstream", "failing"]
    wait_until_gone(failed["pid"])  # nobody can use it any more


def test_a_process_that_inherited_the_number_of_a_kernel_is_left_alone(repo, failed):
    path = repo / "runs" / "case" / "a" / "kept.json"
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        path.write_text(json.dumps({**failed, "pid": stranger.pid, "created": failed["created"] - 60}))
        done = run("case", resume="a")
        assert stranger.poll() is None
        assert done.record.note.startswith("Run a is begun at the top: its kernel has ended meanwhile;")
        # Nor is one of which nobody wrote down when it began.
        path.write_text(json.dumps({k: v for k, v in failed.items() if k != "created"} | {"pid": stranger.pid}))
        run("case", resume="a")
        assert stranger.poll() is None
        stranger.kill()
    psutil.Process(failed["pid"]).kill()


def test_a_kernel_that_was_taken_over_and_has_ended_is_not_killed_by_its_number():
    with subprocess.Popen(["sleep", "60"]) as process:
        taken = kernels.StrangeProcess(process.pid)
        process.kill()
    provisioner = SimpleNamespace(process=taken, pgid=process.pid)
    kernel = kernels.Kernel(SimpleNamespace(km=SimpleNamespace(provisioner=provisioner)))
    kernel.pid = process.pid
    kernel._forget_if_gone()
    assert (kernel.pid, provisioner.process, provisioner.pgid) == (None, None, None)


def test_a_module_that_was_written_while_its_kernel_lived_is_not_taken_for_the_imported_one(repo):
    write(repo / "case.ipynb", "x = 1", "open('made.py', 'w').write('A = 1')\nimport made", "1 / 0")
    first = run("case.ipynb", keep_kernel=90, run_id="a")
    kept = json.loads((first.folder / "kept.json").read_text())
    assert kept["modules"] == {"made.py": None}
    again = run("case.ipynb", resume="a")
    assert again.record.note.startswith(
        "Run a is begun at the top: files that it has imported or run have changed: made.py; every cell"
    )
    wait_until_gone(kept["pid"])


def test_a_kernel_that_nobody_can_reach_any_more_is_not_kept_and_its_run_is_judged_as_any(repo):
    write(repo / "case.ipynb", "import os, ipykernel\nos.remove(ipykernel.get_connection_file())\npid = os.getpid()")
    promote("case.ipynb", outputs=["out.txt"], check=False)
    first = run("case", keep_kernel=60, run_id="a")
    assert (first.status, first.record.error.error) == ("failed", "MissingOutput")
    assert [e["kept"] for e in read_journal(first.folder / "events.jsonl") if e["event"] == "kernel_kept"] == [False]
    assert not (first.folder / "kept.json").exists()


def test_a_kernel_that_ends_while_its_run_is_saved_is_not_kept(repo, monkeypatch):
    write(repo / "case.ipynb", "x = 1")
    keep, lost, remove = kernels.Kernel.keep, [], os.remove

    async def lose(self, seconds):
        kept = await keep(self, seconds)
        lost.append(kept.connection)
        remove(kept.connection)
        return kept

    monkeypatch.setattr(kernels.Kernel, "keep", lose)
    first = run("case.ipynb", keep_kernel=1, run_id="a")
    assert (first.status, len(lost)) == ("succeeded", 1)
    assert [e["kept"] for e in read_journal(first.folder / "events.jsonl") if e["event"] == "kernel_kept"][-1] is False
    assert not (first.folder / "kept.json").exists()


def use(kept):
    from jupyter_client import BlockingKernelClient

    client = BlockingKernelClient(connection_file=kept["connection"])
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    client.execute_interactive("x = 99", timeout=30)
    client.stop_channels()


def test_without_its_kernel_a_run_begins_at_the_top_and_says_so(repo):
    write(repo / "case.ipynb", *CELLS)
    for name in ("helper.py", "script.py"):
        (repo / name).write_text("A = 1\n")
    done = command("run", "case.ipynb", "--run-id", "a", "--keep-kernel", "1", cwd=repo)
    assert (done.returncode, "note: The kernel is kept for 1 s." in done.stderr) == (1, True), done.stderr
    kept = json.loads((repo / "runs/case/a/kept.json").read_text())
    wait_until_gone(kept["pid"])  # at its deadline, though the runner is gone
    assert not Path(kept["connection"]).parent.exists()
    (repo / "flag").write_text("now")
    again = run("case.ipynb", resume="a", run_id="b")
    assert again.status == "succeeded"
    assert again.record.note.startswith("Run a is begun at the top: its kernel has ended meanwhile; every cell")
    assert log(repo) == ["upstream", "failing", "upstream", "failing"]
    assert "note" in [e["event"] for e in read_journal(again.folder / "events.jsonl")]


def test_what_cannot_be_resumed_is_refused(repo, monkeypatch):
    write(repo / "case.ipynb", "token: 'SecretStr' = ''", "len(token) / 0")
    with pytest.raises(MissingError, match="There is no run at"):
        run("case.ipynb", resume="absent")
    with pytest.raises(InputError, match="'keep_kernel' parameter of run\\(\\) must be a number of seconds above 0"):
        run("case.ipynb", keep_kernel=0)
    assert run("case.ipynb", {"token": "hushhush"}, run_id="a").status == "failed"
    with pytest.raises(InputError, match="The secret 'token' of run a was not recorded. Give it again."):
        run("case.ipynb", resume="a")
    again = run("case.ipynb", {"token": "hushhush"}, resume="a")
    assert again.record.note.startswith("Run a is begun at the top: its kernel was not kept;")
