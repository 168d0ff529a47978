"""Who is told when a run fails, however it fails; and what a signal makes of a run at any moment of it."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace

import pytest

from dcai.base.errors import InputError
from dcai.pipelines.archive import ledger
from dcai.pipelines.course import operations
from dcai.pipelines.definitions.definition import load_pipeline
from dcai.pipelines.pipeline import promote
from dcai.pipelines.runs import carry_out, history, run

from .conftest import call_main, started, write

MORE = "on_failure: [sh, -c, 'echo $DCAI_STATUS $DCAI_RUN >> told']\n"


@pytest.fixture
def watched(repo):
    """A pipeline with an output, whose command on failure leaves a line."""
    write(repo / "make.ipynb", "how = 'well'\nrows = 5", "open('out.txt', 'w').write(how)\nassert how == 'well', rows")
    promote("make.ipynb", outputs=["out.txt"], check=False)
    manifest = repo / "pipelines" / "make" / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + MORE)
    return repo


@pytest.fixture(autouse=True)
def at_a_terminal():
    """Ctrl-C counts, also where whoever runs the tests has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def add(root, text):
    manifest = root / "pipelines" / "make" / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + text)


def told(root):
    path = root / "told"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def under_way(root, run_id="busy", **facts):
    """The record of a run that is under way, in this process unless the facts say otherwise."""
    one = ledger.begin(run_id, "make", "n", "python3", root=root, parameters={}, outputs=["out.txt"])
    folder = ledger.run_folder("make", run_id, root)
    ledger.write_record(folder / ledger.RECORD, replace(one, **facts))
    return folder


def test_a_run_that_another_one_keeps_from_its_outputs_is_told(watched):
    under_way(watched)
    with pytest.raises(InputError, match="The run busy of 'make' is under way and writes 'out.txt' too"):
        run("make")
    assert told(watched) == ["invalid"]


def test_an_unforeseen_error_is_told(watched, monkeypatch):
    def burst(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(operations, "begin", burst)
    with pytest.raises(ZeroDivisionError):
        run("make")
    assert told(watched) == ["failed"]


def test_a_run_that_was_killed_is_told_by_the_next_one_once(watched):
    under_way(watched, "killed", pid=2**22 - 1)
    assert history("make")[0].error.error == "RunnerGone"  # settled by somebody who only looks
    assert told(watched) == []
    assert run("make", run_id="next").status == "succeeded"
    assert told(watched) == ["interrupted killed"]
    run("make")
    assert told(watched) == []


def test_what_went_wrong_with_telling_of_a_killed_run_is_written_down(watched, monkeypatch):
    folder = under_way(watched, "killed", pid=2**22 - 1)
    assert len(history("make")) == 1  # which settles it

    def fail(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(operations, "alert", fail)
        with pytest.raises(KeyboardInterrupt):
            operations.tell_of_lost(load_pipeline("make"))
    manifest = watched / "pipelines" / "make" / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace(">> told", ">> told; exit 7"))
    operations.tell_of_lost(load_pipeline("make"))
    assert told(watched) == ["interrupted killed"]  # nobody had been told before
    assert ledger.read_record(folder).note == "The command of 'on_failure' ended with exit code 7: "
    operations.tell_of_lost(load_pipeline("make"))
    assert told(watched) == []


def test_an_attempt_that_is_refused_leaves_what_the_first_one_said(watched):
    add(watched, "retries: {times: 1}\n")

    def occupy(event):
        if event["event"] == "end":
            under_way(watched)

    done = carry_out("make", {"how": "ill"}, run_id="first", progress=occupy)
    assert (done.status, done.exit_code, done.record.run) == ("failed", 1, "first")
    assert "Another attempt was refused: The run busy of 'make' is under way" in done.record.note
    assert told(watched) == ["failed first"]


@pytest.mark.parametrize(
    ("signum", "moment", "run_id", "smoke"),
    [
        (signal.SIGTERM, "kernel_ended", "earnest-smoke", "interrupted"),
        (signal.SIGTERM, "end", "earnest", "succeeded"),
        (signal.SIGINT, "end", "earnest", "succeeded"),
    ],
)
def test_a_signal_at_the_end_of_a_smoke_run_is_no_success(watched, signum, moment, run_id, smoke):
    add(watched, "smoke: {rows: rows}\n")
    seen = []

    def interrupt(event):
        if event["event"] == moment and not seen:
            seen.append(moment)
            os.kill(os.getpid(), signum)

    done = carry_out("make", smoke=2, run_id="earnest", progress=interrupt)
    assert (done.record.run, done.status, done.exit_code) == (run_id, "interrupted", 128 + signum)
    assert ledger.read_record(ledger.run_folder("make", "earnest-smoke", watched)).status == smoke
    assert not (watched / "out.txt").exists()
    assert told(watched) == ([f"interrupted {run_id}"] if signum == signal.SIGTERM else [])


def test_a_signal_while_a_run_waits_to_try_again_interrupts_it(watched):
    add(watched, "retries: {times: 1, wait: 120}\n")

    seen = []

    def end_soon(event):
        if event["event"] == "end" and not seen:
            seen.append(event)
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()

    began = time.monotonic()
    done = carry_out("make", {"how": "ill"}, run_id="first", progress=end_soon)
    assert time.monotonic() - began < 100, "it waited all the same"
    assert (done.record.run, done.status, done.exit_code) == ("first-retry1", "interrupted", 143)
    assert told(watched) == ["interrupted first-retry1"]


def test_a_terminal_that_is_closed_gives_the_table_back(watched):
    (watched / "out.txt").write_text("yesterday")
    write(watched / "slow.ipynb", "x = 1", "open('out.txt', 'w').write('half')\nimport time\ntime.sleep(600)")
    promote("slow.ipynb", outputs=["out.txt"], check=False)
    with started("run", "slow", "--run-id", "one", "--quiet", cwd=watched) as child:
        began = time.monotonic()
        while (watched / "out.txt").read_text() != "half":
            assert time.monotonic() - began < 180, "it never wrote"
            time.sleep(0.05)
        child.send_signal(signal.SIGHUP)
        assert child.wait(120) == 129
    assert (watched / "out.txt").read_text() == "yesterday"
    assert '"status":"interrupted"' in (watched / "runs/slow/one/run.json").read_text()
    assert history("slow")[0].error.error == "SIGHUP"


# ---------------------------------------------------------------- killed, or elsewhere


def test_a_run_elsewhere_is_declared_dead_without_losing_the_table(watched, capsys):
    (watched / "out.txt").write_text("half")
    folder = under_way(watched, host="elsewhere")
    (folder / "before").mkdir()
    (folder / "before" / "out.txt").write_text("yesterday")
    (folder / "before.json").write_text('{"root": "' + str(watched) + '", "marks": {"out.txt": []}}\n')
    with pytest.raises(
        InputError, match="say so: dcai runs --gone make/busy. Then what stood at its outputs comes back"
    ):
        run("make")
    code, out, _ = call_main(capsys, "runs", "--gone", "make/busy")
    assert (code, "interrupted" in out) == (0, True)
    assert (watched / "out.txt").read_text() == "yesterday"
    code, _, said = call_main(capsys, "runs", "--gone", "busy")
    assert (code, "The run busy of 'make' is over: interrupted." in said) == (2, True)
    under_way(watched, "mine")
    code, _, said = call_main(capsys, "runs", "--gone", "mine")
    assert (code, f"works on this machine. End it: kill {os.getpid()}." in said) == (2, True)


def test_a_runner_killed_after_its_end_leaves_a_whole_record(watched):
    add(watched, "gates: {size: {out.txt: {min: 1}}}\n")
    whole = run("make", run_id="whole").record
    folder = ledger.run_folder("make", "whole", watched)
    begun = replace(
        whole, status="running", ended=None, gates=[], pid=2**22 - 1, resources=None,
        outputs=[replace(o, sha256=None, size=None) for o in whole.outputs],
    )  # fmt: skip
    ledger.write_record(folder / ledger.RECORD, begun)
    settled = ledger.read_record(folder)
    assert (settled.status, settled.outputs, settled.gates) == ("succeeded", whole.outputs, whole.gates)
    assert whole.gates


def test_an_input_that_changes_while_a_run_reads_it_is_noted(repo):
    (repo / "data.csv").write_text("x\n1\n")
    write(repo / "read.ipynb", "x = 1", "open('data.csv', 'a').write('2')")
    promote("read.ipynb", inputs=["data.csv"], check=False)
    said = "data.csv changed while the run was under way; the record names what was there at its start."
    assert run("read").record.note == said


def test_only_what_is_under_way_is_read_for_it(watched):
    under_way(watched, "done", status="succeeded")
    (watched / "runs" / "make" / "damaged").mkdir()
    (watched / "runs" / "make" / "damaged" / "run.json").write_text('{"status":"running"')
    under_way(watched)
    assert [one.run for one in ledger.find_running(watched)] == ["busy"]
