"""Which correction logs a run has read: those that it opened, however it came to their names, and no others."""

from __future__ import annotations

import dataclasses
import sys

import pytest

import dcai
from dcai.base.records import Correction
from dcai.base.testimony import TOLD
from dcai.pipelines.archive import ledger
from dcai.pipelines.archive.differences import diff
from dcai.pipelines.pipeline import load_pipeline, promote
from dcai.pipelines.processes.witness import hear_witness
from dcai.pipelines.reproduction import reproduce
from dcai.pipelines.runs import KernelPool, carry_out
from dcai.pipelines.triggers import due

from .conftest import DCAI, command, git, write

ONE, TWO, THREE = (f"corrections/{name}.jsonl" for name in ("one", "two", "three"))
_LINE = Correction(
    0, "", "relabel", {"id": 17}, None, "label", "cat", "dog", "row:columns", "ann", "", {}, "", columns=["id", "label"]
)


def decide(path, key=17):
    """Append a decision to a log."""
    return dcai.CorrectionLog.read_or_new(path).append(dataclasses.replace(_LINE, key={"id": key}))


@pytest.fixture
def logs(repo, tmp_path, monkeypatch):
    """A repository with two logs, and a module elsewhere, as if it were installed, that opens logs by names of its own."""
    for path in (ONE, TWO):
        decide(repo / path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "installed_reader.py").write_text(
        "import dcai\nfrom pathlib import Path\nFOLDER = Path('correct' + 'ions')\n"
        "def by_dcai(name): return dcai.CorrectionLog.read_or_new(FOLDER / ('%s.json' % name + 'l'))\n"
        "def by_hand(name): return (FOLDER / ('%s.json' % name + 'l')).read_text()\n"
        "def all_of_them(): return [p.read_text() for p in FOLDER.iterdir() if p.suffix == '.json' + 'l']\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{elsewhere}:{DCAI}")
    return repo


def read_by(one):
    return [f.path for f in one.record.corrections], one.record.corrections_known


def run_cells(repo, name, *cells, **parameters):
    write(repo / f"{name}.ipynb", *cells)
    promote(f"{name}.ipynb", check=False)
    return carry_out(name, parameters)


@pytest.mark.parametrize("how", ["by_dcai", "by_hand"])
def test_a_log_that_a_module_elsewhere_opens_is_known(logs, how):
    cells = ("name = 'two'", f"import installed_reader\ninstalled_reader.{how}(name)")
    done = run_cells(logs, "reads", *cells)
    assert done.status == "succeeded", done.record.error
    assert (*read_by(done), done.record.corrections_left) == ([TWO], "opened", [ONE])
    assert sorted(p.name for p in done.folder.iterdir() if p.name in ("told.jsonl", ".watch.py")) == []
    assert not due("reads")
    decide(logs / ONE, 18)  # another pipeline's
    decide(logs / THREE)
    assert not due("reads")
    decide(logs / TWO, 18)
    assert [r.message for r in due("reads").reasons] == [f"{TWO} has changed"]
    assert [r.pipeline for r in dcai.impact((TWO, {"id": 18}, "label")).runs] == ["reads"]
    assert dcai.impact(ONE).runs == []


def test_a_log_that_is_named_and_not_opened_is_not_claimed(logs):
    write(
        logs / "train.ipynb", f"log = '{ONE}'\nuse = False", "if use: open(log).read()", "open('m.txt', 'w').write('m')"
    )
    promote("train.ipynb", outputs=["m.txt"], check=False)
    assert read_by(carry_out("train", run_id="one")) == ([], "opened")
    assert dcai.trace("m.txt").logs == ()
    assert read_by(carry_out("train", {"use": True, "log": TWO}, run_id="two")) == ([TWO], "opened")
    (found,) = dcai.trace("m.txt").logs
    assert (found.path, len(found.applied)) == (TWO, 1)
    assert ("corrections", TWO) in {(c.part, c.name) for c in diff("one", "two").changes}


def test_a_log_is_recorded_as_it_was_when_it_was_read(logs):
    before = ledger.contents.hash_file(logs, TWO)
    grown = f"open({TWO!r}, 'a').write(open({TWO!r}).read().replace('17', '19'))"
    done = run_cells(logs, "grows", "x = 1", "import installed_reader\ninstalled_reader.by_dcai('two')", grown)
    assert done.status == "succeeded", done.record.error
    assert done.record.corrections == [before]
    assert done.record.note is None
    raw = run_cells(
        logs, "raw", "x = 1", f"open({ONE!r}).read()\nopen({ONE!r}, 'a').write('')", f"open({ONE!r}, 'a').write(' ')"
    )
    assert (
        raw.record.note == f"{ONE} changed while the run was under way; the record names what was there at its start."
    )


def test_a_log_that_is_not_there_yet_is_waited_for(logs):
    odd = "try: open('/tmp/no\\0name.jsonl')\nexcept ValueError: pass\n"
    done = run_cells(logs, "waits", "x = 1", f"{odd}import installed_reader\ninstalled_reader.by_dcai('three')")
    assert done.status == "succeeded", done.record.error
    assert [(f.path, f.sha256) for f in done.record.corrections] == [(THREE, None)]
    assert not due("waits")
    decide(logs / THREE)
    assert [r.message for r in due("waits").reasons] == [f"{THREE} has changed"]


def test_a_run_that_looks_through_the_folder_is_due_for_a_further_log(logs):
    done = run_cells(logs, "all", "x = 1", "import installed_reader\ninstalled_reader.all_of_them()")
    assert (sorted(f.path for f in done.record.corrections), done.record.corrections_known) == ([ONE, TWO], "listed")
    assert not due("all")
    decide(logs / THREE)
    assert [r.message for r in due("all").reasons] == [f"{THREE} is new"]


def test_declared_logs_count_and_so_does_what_was_opened_beside_them(logs):
    write(logs / "both.ipynb", "x = 1", "print(x)\nimport installed_reader\ninstalled_reader.by_dcai('two')")
    made = promote("both.ipynb", check=False).folder / "pipeline.yaml"
    made.write_text(made.read_text() + f"corrections: [{ONE}]\nsnapshots: true\n")
    git(logs, "add", "-A")
    git(logs, "commit", "--quiet", "-m", "All")
    assert read_by(carry_out("both", run_id="first")) == ([ONE, TWO], "opened")
    for path in (ONE, TWO):  # written anew: only what the run has kept still has the old state
        (logs / path).unlink()
        decide(logs / path, 20)
    assert [r.message for r in due("both").reasons] == [f"{ONE}, {TWO} has changed"]
    again = reproduce("first")
    assert (bool(again), again.missing) == (True, ())
    assert [f.sha256 for f in again.made.record.corrections] == [
        f.sha256 for f in ledger.read_record(logs / "runs" / "both" / "first").corrections
    ]


def test_a_program_that_a_cell_starts_tells_of_logs_by_dcai(logs):
    (logs / "table.csv").write_text("id,label\n17,cat\n")
    call = [sys.executable, "-m", "dcai", "apply", "table.csv", TWO, "-o", "clean.csv"]
    done = run_cells(logs, "starts", "x = 1", f"import subprocess\nsubprocess.run({call!r}, check=True)")
    assert done.status == "succeeded", done.record.error
    assert read_by(done) == ([TWO], "opened")


def test_a_kernel_that_goes_on_has_read_what_it_read_before(logs):
    cells = ("x = 0", "import installed_reader\ninstalled_reader.by_hand('two')", "assert x")
    write(logs / "goes.ipynb", *cells)
    first = carry_out("goes.ipynb", keep_kernel=60)
    assert (first.status, read_by(first)) == ("failed", ([TWO], "opened"))
    write(logs / "goes.ipynb", *cells[:2], "installed_reader.by_dcai('one')")
    second = carry_out("goes.ipynb", resume=first.record.run)
    assert "2 cells are not executed again" in second.record.note
    assert (second.status, read_by(second)) == ("succeeded", ([TWO, ONE], "opened"))
    assert [*first.folder.rglob("told.jsonl"), *second.folder.rglob("told.jsonl")] == []


def test_a_kernel_of_a_pool_is_watched_like_any_other(logs):
    write(logs / "reads.ipynb", "x = 1", "open('correct' + 'ions/two.json' + 'l').read()")
    with KernelPool() as pool:
        assert read_by(carry_out("reads.ipynb", kernels=pool)) == ([TWO], "opened")


def test_plain_papermill_with_our_engine_knows_the_same(logs):
    write(logs / "train.ipynb", "x = 1", "open('correct' + 'ions/two.json' + 'l').read()")
    promote("train.ipynb", check=False)
    done = command("pipelines/train/pipeline.ipynb", "out.ipynb", "--engine", "dcai", cwd=logs, module="papermill")
    assert done.returncode == 0, done.stderr
    one = dcai.history("train")[0]
    assert ([f.path for f in one.corrections], one.corrections_known) == ([TWO], "opened")


def test_of_a_kernel_that_nobody_can_watch_the_code_tells_and_the_trace_says_so(logs, monkeypatch):
    folder = logs / "ipython" / "profile_default"
    folder.mkdir(parents=True)
    (folder / "ipython_config.py").write_text("c.InteractiveShellApp.exec_PYTHONSTARTUP = False\n")
    monkeypatch.setenv("IPYTHONDIR", str(folder.parent))
    write(logs / "blind.ipynb", f"log = '{ONE}'", "open('m.txt', 'w').write('m')")
    promote("blind.ipynb", outputs=["m.txt"], check=False)
    assert read_by(carry_out("blind")) == ([ONE], "named")
    assert "its kernel could not be watched: those count that its code names" in " ".join(dcai.trace("m.txt").notes)
    manifest = load_pipeline("blind").folder / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + f"corrections: [{TWO}]\n")
    assert read_by(carry_out("blind")) == ([TWO], "declared")
    assert dcai.trace("m.txt").notes == ()


@pytest.mark.parametrize(
    "line",
    [
        b"7",
        b"[]",
        b'["log"]',
        b'["log", "a.jsonl"]',
        b'["log", "a.jsonl", 7, "x"]',
        b'["reads", 7]',
        b"\xff",
        b"[" * 9999,
    ],
    ids=["number", "nothing", "no file", "no facts", "other facts", "no text", "no letters", "too deep"],
)
def test_what_no_witness_says_is_not_heard(tmp_path, line):
    said = [b'["log", "a.jsonl", "0f", 12]', line, b'["reads", "b.txt"]', b'["log", "c.jsonl", null, null]', b'["re']
    (tmp_path / TOLD).write_bytes(b"\n".join(said))
    assert list(hear_witness(tmp_path)) == [
        ("log", "a.jsonl", "0f", 12), ("reads", "b.txt"), ("log", "c.jsonl", None, None)
    ]  # fmt: skip
