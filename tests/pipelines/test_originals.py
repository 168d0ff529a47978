"""What stood before is there afterwards: after check runs, runs killed twice, sweeps, resumed runs and reproductions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dcai.base import store
from dcai.base.errors import InputError, RunError
from dcai.base.records import FileHash
from dcai.pipelines.archive import contents, ledger, staging
from dcai.pipelines.pipeline import promote
from dcai.pipelines.reproduction import reproduce
from dcai.pipelines.runs import run
from dcai.pipelines.variations.single import Order
from dcai.pipelines.variations.sweeping import run_elsewhere, sweep
from tests.pipelines.conftest import DCAI, git, write

WRITE = "open('out.txt', 'w').write('new')"


# ---------------------------------------------------------------- check runs


@pytest.mark.parametrize("ending", ["print(rate)", "assert rate > 1"])
def test_a_check_run_leaves_the_outputs_that_stood(repo, ending):
    (repo / "out.txt").write_text("old")
    (repo / "models").mkdir()
    (repo / "models" / "a.pkl").write_text("old")
    write(repo / "train.ipynb", "rate = 1", WRITE, "open('models/b.pkl', 'w').write('new')", ending)
    if "assert" in ending:
        with pytest.raises(RunError, match="AssertionError"):
            promote("train.ipynb", outputs=["out.txt", "models"])
    else:
        assert promote("train.ipynb", outputs=["out.txt", "models"]).promotion.checked
    assert (repo / "out.txt").read_text() == "old"
    assert [p.name for p in (repo / "models").iterdir()] == ["a.pkl"]
    assert not list((repo / "runs").glob("[!.]*"))


def test_after_a_killed_check_run_the_next_reader_brings_the_outputs_back(repo):
    (repo / "out.txt").write_text("old")
    write(repo / "train.ipynb", "rate = 1", WRITE + "\nprint(rate)", "import time\ntime.sleep(60)")
    code = "import dcai; dcai.promote('train.ipynb', outputs=['out.txt'])"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=repo, env={**os.environ, "PYTHONPATH": str(DCAI)})
    deadline = time.monotonic() + 100
    while (repo / "out.txt").read_text() != "new" and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(InputError, match="-check of 'train' is under way and writes 'out.txt' too"):
        promote("train.ipynb", outputs=["out.txt"])
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    (one,) = ledger.history("train", root=repo)
    assert (one.purpose, one.status) == ("check", "interrupted")
    assert (repo / "out.txt").read_text() == "old"


def test_a_check_run_that_cannot_bring_the_outputs_back_says_where_they_are(repo, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    (repo / "out.txt").write_text("old")
    write(repo / "train.ipynb", "rate = 1", WRITE + "\nprint(rate)")
    monkeypatch.setattr(staging, "put_back", fail)
    said = r"could not be put back .*No space left.*They are in runs/train/.*/before; move"
    with pytest.raises(RunError, match=said):
        promote("train.ipynb", outputs=["out.txt"])
    (kept,) = (repo / "runs" / "train").glob("*/before/out.txt")
    assert kept.read_text() == "old"


# ---------------------------------------------------------------- given back


def test_what_was_brought_back_stays_when_it_is_done_again_after_a_kill(tmp_path, monkeypatch):
    root, folder = tmp_path / "root", tmp_path / "run"
    root.mkdir()
    outputs = ["a.txt", "folder", "b.txt"]
    (root / "folder").mkdir()
    files = [root / "a.txt", root / "folder" / "c.txt", root / "b.txt"]
    for path in files:
        path.write_text("old")
    marks = contents.mark_files(root, outputs)
    staging.keep_before(root, folder, outputs, marks)
    for path in files:
        path.write_text("newer")
    real, moved = staging.put_back, []

    def killed(source, target):
        real(source, target)
        moved.append(target)
        if len(moved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(staging, "put_back", killed)
    with pytest.raises(KeyboardInterrupt):
        staging.give_back(folder, folder / "artifacts", contents.mark_files)
    staging.give_back(folder, folder / "artifacts", contents.mark_files)
    assert [path.read_text() for path in files] == ["old"] * 3
    assert not (folder / "before").exists()


def test_from_another_disk_a_file_is_moved_and_not_copied(tmp_path, monkeypatch):
    source, target = tmp_path / "kept" / "a.txt", tmp_path / "a.txt"
    source.parent.mkdir()
    source.write_text("old")
    target.write_text("new")
    real = Path.replace

    def elsewhere(self, other):
        if self == source:
            raise OSError(18, "Invalid cross-device link")
        return real(self, other)

    monkeypatch.setattr(Path, "replace", elsewhere)
    staging.put_back(source, target)
    assert target.read_text() == "old"
    assert not source.exists()


# ---------------------------------------------------------------- made again


@pytest.fixture
def linked(repo, tmp_path):
    """A pipeline with a run; its commit holds a link that leads out of the repository."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "in.csv").write_text("then")
    (repo / "far").symlink_to(tmp_path / "shared")
    write(repo / "train.ipynb", "rate = 1", "open('far/out.txt', 'w').write(open('far/in.csv').read() + str(rate))")
    made = promote("train.ipynb", inputs=["far/in.csv"], outputs=["far/out.txt"], check=False)
    manifest = made.folder / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + "snapshots: true\n")
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "Pipeline")
    assert run("train", run_id="one").status == "succeeded"
    return tmp_path / "shared"


def test_a_run_made_again_writes_no_file_outside_of_its_folder(repo, linked):
    (linked / "out.txt").write_text("mine")
    with pytest.raises(InputError, match="The output 'far/out.txt' leads out of the repository through a link"):
        reproduce("one")
    (linked / "in.csv").write_text("today")
    assert reproduce("one").missing == ("far/in.csv",)
    assert [(linked / name).read_text() for name in ("in.csv", "out.txt")] == ["today", "mine"]
    # An absolute path of a record is nowhere below the folder, either.
    path = repo / "runs" / "train" / "one" / "run.json"
    record = ledger.read_record(path.parent)
    far = replace(record.inputs[0], path=str(linked / "in.csv"))
    store.write_atomic(path, ledger.text_of(replace(record, inputs=[far])))
    assert reproduce("one").missing == (str(linked / "in.csv"),)
    assert (linked / "in.csv").read_text() == "today"


# ---------------------------------------------------------------- sweeps


def test_the_outputs_of_a_sweep_stand_but_no_run_is_compared_with_its_runs(repo):
    write(repo / "fit.ipynb", "rate = 0.5", "open(f'model-{rate}.txt', 'w').write('m')")
    promote("fit.ipynb", outputs=["model-{rate}.txt"], check=False)
    made = sweep("fit", {"rate": [0.25, 0.75]})
    for rate, one in zip((0.25, 0.75), made.records, strict=True):
        path = f"model-{rate}.txt"
        assert (repo / path).read_text() == "m"
        assert one.outputs == [FileHash(path, store.sha256_of(repo / path), 1)]
    assert ledger.good_runs("fit", repo) == []
    standing = {p for p in ("run", "retry", "sweep", "smoke", "check") if ledger.stands(replace(one, purpose=p))}
    assert standing == {"run", "retry", "sweep"}
    assert not ledger.stands(replace(one, exit_code=1))


@pytest.mark.parametrize("form", ["list", "text", "array", "sets", "csv", "lines"])
def test_a_sweep_takes_no_secret_in_plain_text(repo, form):
    import numpy as np

    write(repo / "call.ipynb", "token: 'SecretStr' = ''\nrate = 1", "print(token, rate)")
    (repo / "s.csv").write_text("token,rate\nhush-hush,1\n")
    (repo / "s.jsonl").write_text('{"token": "hush-hush"}\n')
    grids = {
        "list": {"token": ["env:A", "hush-hush"]}, "text": {"token": "hush-hush"},
        "array": {"token": np.array(["hush-hush"])}, "sets": [{"token": "hush-hush"}, 3], "csv": "s.csv",
        "lines": "s.jsonl",
    }  # fmt: skip
    with pytest.raises(InputError, match="'token' is given in plain text.*Give it as env:NAME or file:PATH") as found:
        sweep("call.ipynb", grids[form])
    assert "hush" not in str(found.value)
    assert not (repo / "runs").exists()


def test_elsewhere_a_secret_is_sent_as_the_place_where_it_stands(repo, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "hush-hush")
    write(repo / "call.ipynb", "token: 'SecretStr' = ''\nrate = 1", "assert token == 'hush-hush' and rate")
    with pytest.raises(InputError, match="'token' is given in plain text"):
        run_elsewhere("call.ipynb", {"token": "hush-hush"}, "tcp://127.0.0.1:1")
    made = sweep("call.ipynb", {"token": ["env:MY_TOKEN"], "rate": [2]})
    assert [r.status for r in made.records] == ["succeeded"]
    assert made.rows()[0]["parameters"] == {"token": "env:MY_TOKEN", "rate": 2}
    assert "hush" not in repr(Order("/", "call", "call", "x", {"token": "hush-hush"}))


# ---------------------------------------------------------------- resumed


def test_a_resumed_run_does_not_walk_through_a_gate_of_time(repo):
    write(repo / "slow.ipynb", "rate = 1", "import time\ntime.sleep(3 * rate)", "open('flag').read()")
    made = promote("slow.ipynb", check=False)
    manifest = made.folder / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + "gates: {time: 3, memory: 1 TB}\n")
    first = run("slow", keep_kernel=60, run_id="a")
    assert first.status == "failed"
    (repo / "flag").write_text("now")
    done = run("slow", resume="a", run_id="b")
    assert done.record.note.startswith("Goes on in the kernel of run a")
    used, before = done.record.resources, first.record.resources
    assert used.wall > before.wall > 3
    assert before.cpu <= used.cpu < before.cpu + 1  # of the kernel since it began, and not of both once more
    assert used.peak_memory >= before.peak_memory
    assert done.status == "gate_failed", done.record
