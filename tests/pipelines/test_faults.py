"""Faults that end a run: the record names the class and the cell, output is kept, no kernel is left behind.

The whole list, each in a process of its own, is measured by `tests/benchmarks/bench_faults.py`.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from dcai.pipelines import engine
from dcai.pipelines.archive import outputs
from dcai.pipelines.archive.estimates import seconds_left
from dcai.pipelines.archive.journal import Journal, read_journal
from dcai.pipelines.archive.outputs import MOST_OUTPUT, OutputLog, rebuild
from dcai.pipelines.processes import kernels
from dcai.pipelines.processes.pool import KernelPool
from dcai.pipelines.processes.signals import Interruption
from dcai.pipelines.runs import carry_out, run, run_progress
from tests.pipelines.conftest import call_main, make_notebook, write
from tests.pipelines.faults import BEGIN, CULPRIT, FAULTS, inject, lost_output

# In processes of their own: what ends the runner, and what limits its files. The others need no process.
APART = ("SIGKILL of the runner", "disk full")
SETTINGS = {"--cell-timeout": "cell_timeout", "--timeout": "timeout"}


@pytest.fixture(scope="module")
def pool():
    with KernelPool(preload=["ipywidgets"]) as made:
        yield made


def is_gone(pid):
    """Whether a process has ended, though its parent may not have taken note of it yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def pid_of(folder):
    return next(e["pid"] for e in read_journal(folder / "events.jsonl") if e["event"] == "kernel_started")


@pytest.mark.parametrize(
    "fault", [f for f in FAULTS if f.act is None and f.limit is None and f.source], ids=lambda f: f.name
)
def test_the_record_names_the_class_and_the_cell(repo, pool, fault):
    write(repo / "case.ipynb", BEGIN, "print('before')", fault.source, "print('after')")
    options = {SETTINGS[k]: float(v) for k, v in zip(fault.options[::2], fault.options[1::2], strict=True)}
    options |= {"timeout": 3.0} if "timeout" in options else {}
    done = run("case.ipynb", kernels=pool, **options)
    error = done.record.error
    assert (done.status, error and error.error) == (fault.status, fault.error)
    assert error is None or (error.cell, error.source) == (CULPRIT, fault.source)
    saved = nbformat.read(done.folder / "output.ipynb", 4).cells
    assert (saved[1].outputs[0].text, saved[3].outputs) == ("before\n", [])
    assert is_gone(pid_of(done.folder))
    assert lost_output(done.folder, None) <= 1
    assert sorted(p.name for p in done.folder.iterdir()) == [
        "artifacts",
        "events.jsonl",
        "openlineage.jsonl",
        "output.ipynb",
        "packages.txt",
        "run.json",
    ]


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.name in APART], ids=lambda f: f.name)
def test_the_record_is_true_though_the_runner_was_killed_or_had_no_room(repo, fault):
    seen = inject(fault, repo)
    assert seen.tells_the_truth(fault), seen
    folder = repo / "runs" / "case" / "it"
    assert is_gone(pid_of(folder))
    if fault.name == "SIGKILL of the runner":
        cells = nbformat.read(folder / "output.ipynb", 4).cells
        assert [c.metadata.papermill.status for c in cells] == ["completed", "completed", "failed", "pending"]
        assert cells[CULPRIT].outputs[0].text.strip()  # what the cell had put out by then
        assert not {"outputs.jsonl", "told.jsonl", ".watch.py"} & {p.name for p in folder.iterdir()}


def test_a_kernel_that_never_answers_or_cannot_be_started_is_told(repo, monkeypatch):
    fault = next(f for f in FAULTS if f.name == "kernel never starts")
    fault.prepare(repo)
    folder = repo / "share" / "kernels" / "nothing"
    folder.mkdir()
    spec = {"argv": ["/absent/program"], "display_name": "Nothing", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(repo / "share"))
    write(repo / "case.ipynb", "x = 1")
    done = run("case.ipynb", kernel="never", start_timeout=0.5)
    assert (done.status, done.record.error.error, done.record.error.cell) == ("kernel_died", "KernelNotStarted", None)
    assert done.record.error.message == "The kernel 'never' did not start: it did not answer within 0.5 s"
    assert is_gone(pid_of(done.folder))
    done = run("case.ipynb", kernel="nothing")
    assert (done.status, done.record.error.error) == ("kernel_died", "KernelNotStarted")
    assert "No such file or directory: '/absent/program'" in done.record.error.message


@pytest.mark.parametrize(("kills", "expected"), [((3, 3), "KernelDied"), ((3, 4), "OutOfMemory")])
def test_a_kernel_that_the_system_killed_for_want_of_memory_is_told(repo, pool, monkeypatch, kills, expected):
    counts = iter(kills)
    monkeypatch.setattr("dcai.pipelines.processes.kernels._oom_kills", lambda: next(counts))
    write(repo / "case.ipynb", "x = 1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    error = run("case.ipynb", kernels=pool).record.error
    assert (error.error, error.cell) == (expected, 1)
    assert ("the system ran out of memory." in error.message) == (expected == "OutOfMemory")


@pytest.fixture
def group():
    """A memory cgroup of Linux's first kind: whoever enters it gets no more than 200 MiB, and is killed for more."""
    folder = Path(f"/sys/fs/cgroup/memory/dcai-{os.getpid()}")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("nobody here may make a memory cgroup of Linux's first kind")
    try:
        for name, value in (("memory.limit_in_bytes", 200 * 2**20), ("memory.swappiness", 0)):
            with (folder / name).open("r+") as file:  # the system's own; none is made
                file.write(str(value))
        yield folder
    except OSError:
        pytest.skip("nobody here may limit a memory cgroup")
    finally:
        folder.rmdir()


def test_a_kernel_that_takes_more_memory_than_there_is_was_killed_for_that(repo, pool, group):
    # Where nothing is limited after all, it comes to an end by itself.
    hungry = "print('before', flush=True)\nheld = [bytearray(b'x' * 20_000_000) for _ in range(30)]"
    enter = "import os\nopen(group + '/cgroup.procs', 'w').write(str(os.getpid()))"
    write(repo / "case.ipynb", "group = ''", enter, hungry)
    done = run("case.ipynb", {"group": str(group)}, kernels=pool)
    error = done.record.error
    assert (done.status, error.error, error.cell) == ("kernel_died", "OutOfMemory", 3)
    assert error.message == "The kernel was killed by signal SIGKILL: the system ran out of memory."


def test_the_count_of_such_kills_is_read_from_where_linux_keeps_it(monkeypatch):
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_: "pgfault 12\noom_kill 7\noom_kill_x 9\n")
    assert kernels._oom_kills() == 7


def test_output_without_end_is_cut_off_at_a_limit(repo, pool, tmp_path):
    notebook = make_notebook("x = 1", "while True:\n    print('x' * 10_000)")
    journal = Journal()
    limits = engine.Limits(output=1_000_000)
    with journal:
        done = engine.execute(notebook, "python3", engine.Orders(journal, Interruption(), limits, repo, kernels=pool))
    error = journal.tally.error
    assert (journal.tally.status, error.error, error.cell) == ("failed", "OutputLimit", 1)
    assert error.message.startswith("The cells have put out more than 1,000,000 bytes. Write large data to a file")
    size = sum(len(o.text) for o in done.cells[1].outputs)
    assert 0 < size <= 1_000_000 < MOST_OUTPUT


def test_no_output_is_dropped_though_it_comes_faster_than_it_is_read(repo, pool):
    write(repo / "case.ipynb", "x = 1", "for n in range(4000): print(n, 'x' * 2000, flush=True)", "print('after')")
    for kernels_of_run in (pool, None):
        done = run("case.ipynb", kernels=kernels_of_run)
        cells = nbformat.read(done.folder / "output.ipynb", 4).cells
        lines = "".join(o.text for o in cells[1].outputs).splitlines()
        assert [int(line.split()[0]) for line in lines] == list(range(4000))
        assert cells[2].outputs[0].text == "after\n"


def test_a_cell_waits_for_whoever_reads_it_and_nothing_is_dropped(repo, pool, monkeypatch):
    few = kernels._DROP_NOTHING.replace(str(kernels._MOST_UNSENT), "10")
    monkeypatch.setattr(kernels, "_DROP_NOTHING", few)
    monkeypatch.setattr(kernels, "_MOST_UNREAD", 10)
    append = OutputLog.append
    monkeypatch.setattr(OutputLog, "append", lambda *call: (time.sleep(0.001), append(*call)))
    write(repo / "case.ipynb", "x = 1", "for n in range(2000): print(n, 'x' * 1000, flush=True)", "print('after')")
    done = run("case.ipynb", kernels=pool)
    assert (done.status, done.record.note) == ("succeeded", None)
    cells = nbformat.read(done.folder / "output.ipynb", 4).cells
    lines = "".join(o.text for o in cells[1].outputs).splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(2000))


def test_an_end_of_output_that_never_comes_in_is_no_success(repo, pool, monkeypatch):
    monkeypatch.setattr(outputs, "_LATEST_OUTPUT", 1)
    monkeypatch.setattr(kernels, "_DROP_NOTHING", "1")
    hide = "(thread := get_ipython().kernel.iopub_thread).schedule(lambda: setattr(thread, '_really_send', lambda *_: None))"
    write(repo / "case.ipynb", "x = 1", f"print('before', flush=True)\n{hide}", "print('after')")
    error = run("case.ipynb", kernels=pool).record.error
    assert (error.error, error.cell) == ("OutputLost", 1)
    assert error.message == "The cell has ended, but the end of what it put out never came in."


def test_a_cell_that_took_too_long_shows_where_it_was(repo, pool):
    write(repo / "case.ipynb", "x = 1", "import time\ntime.sleep(977)")
    done = run("case.ipynb", kernels=pool, cell_timeout=1)
    assert (done.status, done.record.error.error) == ("timed_out", "Timeout")
    (output,) = nbformat.read(done.folder / "output.ipynb", 4).cells[1].outputs
    assert (output.ename, "time.sleep" in "".join(output.traceback)) == ("KeyboardInterrupt", True)


def test_what_a_cell_had_put_out_is_there_though_it_was_cut_off(repo, pool):
    source = "import time\nfor n in range(1500): print(n, 'x' * 20_000, flush=True)\nopen('done', 'w').close()\ntime.sleep(977)"
    write(repo / "case.ipynb", "x = 1", source)

    for seconds in (3, 12, 60):  # until this machine was quick enough to put it all out
        done = run("case.ipynb", kernels=pool, cell_timeout=seconds)
        assert done.status == "timed_out"
        if (repo / "done").exists():
            break
    cell = nbformat.read(done.folder / "output.ipynb", 4).cells[1]
    lines = "".join(o.text for o in cell.outputs if o.output_type == "stream").splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(1500))


def test_what_a_cell_had_put_out_is_there_though_its_run_was_cancelled(repo, pool, monkeypatch):
    append = OutputLog.append  # it is read more slowly than it comes
    monkeypatch.setattr(OutputLog, "append", lambda *call: (time.sleep(0.001), append(*call)))
    source = (
        "import time\nfor n in range(1500): print(n, 'x' * 2000, flush=True)\n"
        "time.sleep(1)\nopen('done', 'w').close()\ntime.sleep(977)"
    )
    write(repo / "case.ipynb", "x = 1", source)
    sent = []

    def cancel(_):
        if not sent and (repo / "done").exists():
            sent.append(os.kill(os.getpid(), signal.SIGTERM))

    done = carry_out("case.ipynb", kernels=pool, progress=cancel)
    assert (done.status, done.record.error.cell) == ("interrupted", 1)
    cell = nbformat.read(done.folder / "output.ipynb", 4).cells[1]
    lines = "".join(o.text for o in cell.outputs if o.output_type == "stream").splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(1500))


def test_a_cancelled_run_ends_its_kernel_and_all_that_its_cells_started(repo, pool):
    source = "import subprocess, time\nchild = subprocess.Popen(['setsid', 'sleep', '977'])\nprint(child.pid, flush=True)\ntime.sleep(977)"
    write(repo / "case.ipynb", "x = 1", source)
    seen = []

    def cancel(event):
        if event["event"] == "cell_started" and event["cell"] == 1:
            seen.append(run_progress("case", "it", repo))
        log = repo / "runs/case/it/outputs.jsonl"
        if len(seen) == 1 and log.is_file() and '"cell": 1, "msg_type": "stream"' in log.read_text():
            seen.append(None)
            os.kill(os.getpid(), signal.SIGTERM)

    done = carry_out("case.ipynb", kernels=pool, run_id="it", progress=cancel)
    assert (done.status, done.exit_code, done.record.error.cell) == ("interrupted", 143, 1)
    child = int(nbformat.read(done.folder / "output.ipynb", 4).cells[1].outputs[0].text)
    for pid in (child, pid_of(done.folder)):
        assert is_gone(pid)


# ---------------------------------------------------------------- progress


def test_time_left_is_what_earlier_runs_took(repo, pool, capsys):
    write(repo / "case.ipynb", "x = 1", "import time\ntime.sleep(0.4)", "", "time.sleep(0.4)")
    first = run("case.ipynb", kernels=pool)
    took = {t.cell: t.wall for t in first.record.resources.cells}
    polled = []

    def look(event):
        if event["event"] == "cell_started":
            polled.append(run_progress("case", "it", repo).seconds_left)

    run("case.ipynb", kernels=pool, run_id="it", progress=look)
    start = read_journal(repo / "runs/case/it/events.jsonl")[0]
    assert start["expected"] == [took[0], took[1], None, took[3]]
    assert 0.8 < polled[0] <= sum(took.values())
    assert polled[0] > polled[1] >= 0.4 > polled[2] - 0.2
    assert run_progress("case", "it", repo).seconds_left is None  # it is over
    code, _, said = call_main(capsys, "run", "case.ipynb")
    assert (code, [line[:5] for line in said.splitlines()]) == (0, ["[1/3]", "[2/3]", "[3/3]"])
    assert said.splitlines()[0].endswith("s, about 1 s left")


def test_nobody_knows_the_time_left_of_a_first_run():
    begun = {"event": "start", "at": "2026-01-31T12:00:00Z", "expected": []}
    assert seconds_left([begun], "2026-01-31T12:00:01Z") is None
    begun["expected"] = [2.0, 5.0]
    events = [begun, {"event": "cell_started", "cell": 0, "at": "2026-01-31T12:00:01Z"}]
    assert seconds_left(events, "2026-01-31T12:00:02Z") == 6.0
    assert seconds_left(events, "2026-01-31T12:00:59Z") == 5.0  # a cell that takes longer than ever owes nothing more
    assert seconds_left([*events, {"event": "cell_ended", "cell": 0}], "2026-01-31T12:00:59Z") == 5.0


# ---------------------------------------------------------------- the log of outputs


def test_what_was_put_out_is_put_together_again_as_it_was(tmp_path):
    log = OutputLog(tmp_path / "outputs.jsonl")
    log.begin(make_notebook("a", "b"))
    data = {"data": {"text/plain": "one"}, "metadata": {}, "transient": {"display_id": "d"}}
    log.append(0, {"msg_type": "display_data", "content": data})
    log.append(1, {"msg_type": "stream", "content": {"name": "stdout", "text": "gone"}})
    log.append(1, {"msg_type": "clear_output", "content": {"wait": True}})
    log.append(1, {"msg_type": "stream", "content": {"name": "stderr", "text": "kept"}})
    log.append(1, {"msg_type": "status", "content": {"execution_state": "busy"}})
    log.append(1, {"msg_type": "update_display_data", "content": {**data, "data": {"text/plain": "two"}}})
    log.mark(1, {"status": "running"})
    log.close()
    with (tmp_path / "outputs.jsonl").open("a") as stream:
        stream.write('{"cell": 1, "msg_ty')
    cells = rebuild(tmp_path / "outputs.jsonl").cells
    assert [o.data["text/plain"] for o in cells[0].outputs] == ["two"]
    assert [(o.name, o.text) for o in cells[1].outputs] == [("stderr", "kept")]
    assert cells[1].metadata.papermill.status == "running"
    log.discard()
    assert rebuild(tmp_path / "outputs.jsonl") is None
