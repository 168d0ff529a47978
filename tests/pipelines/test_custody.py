"""What a run has promised: judged while a signal can still end it, and settled also where the disk is full."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
import time

import nbformat
import pytest

from dcai.base import store
from dcai.base.errors import InputError
from dcai.pipelines.archive import ledger
from dcai.pipelines.archive.journal import Journal
from dcai.pipelines.archive.outputs import cut_outputs
from dcai.pipelines.pipeline import load_pipeline, promote
from dcai.pipelines.processes.signals import Interruption
from dcai.pipelines.runs import carry_out
from dcai.pipelines.runtime import custody
from tests.pipelines.conftest import call_main, make_notebook, write

MAKE = "from pathlib import Path\nPath('m.txt').write_text('new')"


def make_pipeline(repo, *cells):
    (repo / "m.txt").write_text("old")
    write(repo / "train.ipynb", "x = 1", *(cells or (MAKE,)))
    promote("train.ipynb", outputs=["m.txt"], gates={"time": 600}, check=False)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("place", ["hold_gates", "hash_file"])
def test_a_signal_while_gates_are_judged_or_outputs_hashed_ends_the_run(repo, monkeypatch, place, signum, code):
    make_pipeline(repo)
    owner = custody.verdicts if place == "hold_gates" else custody.contents
    kept = getattr(owner, place)

    def slow(*arguments):
        if place == "hash_file" and arguments[1] != "m.txt":
            return kept(*arguments)
        monkeypatch.setattr(owner, place, kept)
        os.kill(os.getpid(), signum)
        time.sleep(977)
        raise AssertionError

    monkeypatch.setattr(owner, place, slow)
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        done = carry_out("train")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (done.status, done.exit_code) == ("interrupted", code)
    assert "after its last cell" in done.record.error.message
    assert (repo / "m.txt").read_text() == "old"
    assert done.record.outputs[0].sha256 is None


def test_a_signal_that_came_while_the_kernel_ended_counts(repo):
    """Between the last cell and the judgement nobody listens."""
    make_pipeline(repo)
    interruption = Interruption()
    interruption.note(signal.SIGTERM)
    one = custody.Custody("train", repo, repo / "runs" / "train" / "r", Journal(), interruption)
    assert one.judge(Journal().tally) == []
    assert (one.journal.tally.status, one.journal.tally.exit_code) == ("interrupted", 143)


def test_a_signal_noted_by_another_thread_interrupts_after_the_judgement(monkeypatch, repo):
    interruption = Interruption()
    one = custody.Custody("train", repo, repo, Journal(), interruption, gates={"time": 1})

    def hold(*_):
        teller = threading.Thread(target=interruption.note, args=(signal.SIGTERM,))
        teller.start()
        teller.join()
        return [{"gate": "time"}]

    monkeypatch.setattr(custody.verdicts, "hold_gates", hold)
    one.judge(Journal().tally)
    assert one.journal.tally.status == "interrupted"


# ---------------------------------------------------------------- a full disk


def fill(monkeypatch, above):
    """Let the disk take no file larger than so many bytes."""
    whole = store.write_atomic

    def full(path, content, *rest):
        if len(content) > above:
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(path, content, *rest)

    monkeypatch.setattr(store, "write_atomic", full)


def test_a_disk_too_full_for_the_notebook_still_leaves_one_that_opens(repo, monkeypatch):
    source = "for n in range(30):\n    print(n, 'x' * 20_000)"
    write(repo / "case.ipynb", "x = 1", source, "print('end')")
    fill(monkeypatch, 200_000)
    done = carry_out("case.ipynb")
    assert (done.status, done.record.error.error) == ("failed", "OSError")
    saved = nbformat.read(done.folder / "output.ipynb", 4)
    text = saved.cells[1].outputs[0].text
    assert text.startswith("0 xxx")
    assert text.endswith("xxx\n")
    assert "characters left out" in text
    assert saved.cells[2].outputs[0].text == "end\n"
    assert "long outputs are cut" in done.record.note
    assert "29 " in (done.folder / "outputs.jsonl").read_text()


def test_cut_outputs_keeps_what_is_short_and_stays_a_notebook():
    notebook = make_notebook("a", "b")
    image = {"image/png": "A" * 90_000, "text/plain": "<Figure>", "application/json": {"a": list(range(30_000))}}
    notebook.cells[0].outputs = [
        nbformat.v4.new_output("display_data", image),
        nbformat.v4.new_output("error", ename="E", evalue="v", traceback=["line " * 9000, "the last line"]),
    ]
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="short")]
    short = cut_outputs(notebook, 6000)
    nbformat.validate(short)
    assert len(json.dumps(short)) < 12_000
    assert short.cells[0].outputs[0].data["text/plain"] == "<Figure>"
    assert short.cells[0].outputs[1].traceback[-1].endswith("the last line")
    assert short.cells[1].outputs[0].text == "short"
    assert len(notebook.cells[0].outputs[0].data["image/png"]) == 90_000


@pytest.mark.parametrize("what", ["reserve", "journal"])
def test_a_run_that_cannot_even_begin_is_settled_as_failed(repo, monkeypatch, what):
    make_pipeline(repo)
    if what == "journal":
        (repo / "runs" / "train" / "it").mkdir(parents=True)
        place = ledger.JOURNAL
        monkeypatch.setattr(ledger, "JOURNAL", f"absent/{place}")
        monkeypatch.setattr(custody.ledger, "JOURNAL", f"absent/{place}")
        (repo / "runs" / "train" / "it").rmdir()
    else:
        monkeypatch.setattr("dcai.pipelines.course.conduct._RESERVE_FILE", "absent/reserve")
    done = carry_out("train", run_id="it")
    assert (done.status, done.record.error.error) == ("failed", "FileNotFoundError")
    assert ledger.read_record(done.folder).status == "failed"
    assert (repo / "m.txt").read_text() == "old"
    monkeypatch.undo()
    os.chdir(repo)
    assert carry_out("train").status == "succeeded"  # nothing is blocked by it


# ---------------------------------------------------------------- how much may be put out


def test_what_cells_may_put_out_is_stated_by_the_call_or_the_manifest(repo, capsys):
    write(repo / "case.ipynb", "x = 1", "print('x' * 3000)")
    promote("case.ipynb", check=False)
    code, _, said = call_main(capsys, "run", "case.ipynb", "--output-limit", "2 kB", "--quiet")
    assert (code, "The cells have put out more than 2,000 bytes" in said) == (1, True)
    path = repo / "pipelines" / "case" / "pipeline.yaml"
    path.write_text(path.read_text() + "output_limit: 1 kB\n")
    assert load_pipeline("case").output_limit == 1000
    assert carry_out("case").record.error.error == "OutputLimit"
    assert carry_out("case", output_limit="1 MB").status == "succeeded"
    with pytest.raises(InputError, match="'output_limit' parameter of run.. must be bytes"):
        carry_out("case", output_limit="much")
    path.write_text(path.read_text().replace("1 kB", "much"))
    with pytest.raises(InputError, match="'output_limit' in .* must be bytes"):
        load_pipeline("case")
