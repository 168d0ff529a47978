from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest

from dcai.base import contract
from dcai.base.errors import InputError, MissingError
from dcai.base.records import FileHash, RunFailure, RunRecord
from dcai.pipelines import engine
from dcai.pipelines.archive import contents, ledger, staging
from dcai.pipelines.archive.journal import Journal, add_up, read_journal
from dcai.pipelines.notebooks import documents
from dcai.pipelines.pipeline import list_pipelines, promote
from dcai.pipelines.processes.signals import Interruption, watch_signals
from dcai.pipelines.runs import Run, history, new_run_id, run, run_progress
from dcai.pipelines.runtime import exits
from dcai.pipelines.runtime.notebook import METRICS, artifact, record, stop
from dcai.shells.cli_promote import explain
from tests.pipelines.conftest import DCAI, call_main, command, git, kernels_of, make_notebook, make_repository, write
from tests.pipelines.faults import wait_for_end

TRAIN = [
    "rate: float = 0.1  # learning rate\nname: str = 'a'\ntoken: Annotated[str, 'secret'] = ''".replace(
        "Annotated[str, 'secret']", "'Annotated[str, \"secret\"]'"
    ),
    "from pathlib import Path\nimport numpy as np\nfrom dcai.pipelines.runtime.notebook import artifact, record\nlog = Path('corrections/label.jsonl').read_text()",
    "record(score=np.float64(rate) * 2, name=name)\nrecord(seen=np.int64(len(token)))",
    "artifact('deep/model.txt').write_text(name)\nPath('out.txt').write_text(str(Path.cwd()))",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A committed pipeline that ran three ways: by dcai, by papermill, by papermill with our engine."""
    root = make_repository(tmp_path_factory.mktemp("trained") / "repo").resolve()
    write(root / "train.ipynb", *TRAIN)
    (root / ".gitignore").write_text("out.txt\n*.json\n*.jsonl\nours.ipynb\ntheirs.ipynb\nartifacts/\n")
    (root / "corrections").mkdir()
    (root / "corrections" / "label.jsonl").write_text("{}\n", newline="\n")
    git(root, "add", "-A", "-f", "corrections", ".gitignore", "train.ipynb")
    git(root, "commit", "--quiet", "-m", "Notebook")
    promote(root / "train.ipynb", outputs=["out.txt"], gates={"score": ">= 0.5"}, check=False, commit=True)
    (root / "values.json").write_text(json.dumps({"rate": 0.5}))
    ours = command(
        "run",
        "train",
        "-f",
        "values.json",
        "-p",
        "name=1.10",
        "-p",
        "token=hush",
        "--run-id",
        "first",
        "--json",
        cwd=root,
    )
    arguments = [
        "pipelines/train/pipeline.ipynb",
        "theirs.ipynb",
        "-p",
        "rate",
        "0.5",
        "-r",
        "name",
        "1.10",
        "-r",
        "token",
        "hush",
    ]
    plain = command(*arguments, cwd=root, module="papermill")
    arguments[1] = "ours.ipynb"
    engine = command("--engine", "dcai", *arguments, cwd=root, module="papermill")
    return root, ours, plain, engine


def metrics_in(path):
    found = {}
    for cell in nbformat.read(path, 4).cells:
        for output in cell.get("outputs", []):
            found |= output.get("data", {}).get(METRICS, {})
    return found


# ---------------------------------------------------------------- three ways, one result


def test_three_ways_give_the_same_metrics(trained):
    root, ours, plain, engine = trained
    assert (ours.returncode, plain.returncode, engine.returncode) == (0, 0, 0), (
        ours.stderr + plain.stderr + engine.stderr
    )
    expected = {"score": 1.0, "name": "1.10", "seen": 4}
    assert json.loads(ours.stdout)["metrics"] == expected
    assert metrics_in(root / "runs" / "train" / "first" / "output.ipynb") == expected
    assert metrics_in(root / "theirs.ipynb") == expected
    assert metrics_in(root / "ours.ipynb") == expected
    assert json.loads((root / "ours.ipynb.run.json").read_text())["metrics"] == expected


def test_the_record_tells_the_whole_truth(trained):
    root, ours, *_ = trained
    one = contract.from_json(RunRecord, ours.stdout)
    assert (one.status, one.exit_code, one.error, one.run, one.pipeline) == ("succeeded", 0, None, "first", "train")
    assert (one.commit, one.dirty) == (git(root, "rev-parse", "HEAD").strip(), False)
    assert one.parameters == {"rate": 0.5, "name": "1.10", "token": "***"}
    assert [f.path for f in one.outputs] == ["out.txt", "runs/train/first/artifacts/deep/model.txt"]
    assert [f.path for f in one.corrections] == ["corrections/label.jsonl"]
    assert all(len(f.sha256) == 64 for f in [*one.outputs, *one.corrections])
    assert one.gates == [{"gate": "score", "rule": ">= 0.5", "value": 1.0, "passed": True}]
    assert (one.cells_done, one.cells_total) == (5, 5)
    assert [t.cell for t in one.resources.cells] == [0, 1, 2, 3, 4]
    assert one.resources.peak_memory > 2**20
    assert one.started < one.ended
    assert (root / "out.txt").read_text() == str(root)  # the working directory is the repository root


def test_a_secret_is_nowhere_on_disk_after_a_run(trained):
    root = trained[0]
    files = [
        p for p in (root / "runs" / "train").rglob("*") if p.is_file()
    ]  # by dcai run, and by papermill with our engine
    assert sorted(p.name for p in files if "first" in p.parts) == [
        "events.jsonl", "model.txt", "openlineage.jsonl", "output.ipynb", "packages.txt", "run.json"
    ]  # fmt: skip
    assert len({p.relative_to(root / "runs" / "train").parts[0] for p in files}) == 2
    texts = [p.read_bytes() for p in (*files, root / "ours.ipynb", root / "ours.ipynb.run.json")]
    assert not any(b"hush" in t for t in texts)


def test_progress_is_reported_cell_by_cell_on_stderr(trained):
    lines = [line for line in trained[1].stderr.splitlines() if line.startswith("[")]
    assert len(lines) == 5
    assert lines[0].startswith("[1/5] rate: float = 0.1  # learning rate  0.")


def test_the_journal_adds_up_to_the_record_and_can_be_polled(trained):
    root = trained[0]
    events = read_journal(root / "runs" / "train" / "first" / "events.jsonl")
    assert [e["event"] for e in events][:3] == ["start", "kernel_started", "cell_started"]
    assert add_up(events).status == "succeeded"
    assert add_up(events[:-1]).status == "running"
    seen = run_progress("train", "first", root)
    assert (seen.record.status, seen.cell, seen.folder) == ("succeeded", None, "runs/train/first")


def test_runs_do_not_make_the_repository_dirty(trained):
    assert git(trained[0], "status", "--porcelain") == ""


def test_the_history_shows_runs_newest_first(trained):
    root = trained[0]
    found = history("train", root=root)
    by_papermill = json.loads((root / "ours.ipynb.run.json").read_text())["run"]
    assert [r.run for r in found] == [by_papermill, "first"]
    frame = found.to_frame()
    assert frame.loc[1, ["status", "parameters.rate", "metrics.score"]].tolist() == ["succeeded", 0.5, 1.0]
    assert "first" in found._repr_html_()
    assert list_pipelines(root)[0].last.run == by_papermill
    with pytest.raises(MissingError, match="no pipeline 'other'. Known: 'train'"):
        history("other", root=root)
    listed = command("runs", cwd=root).stdout
    assert [line.split()[:3] for line in listed.splitlines()] == [
        [by_papermill, "train", "succeeded"],
        ["first", "train", "succeeded"],
    ]
    assert "score=1" in listed
    assert json.loads(command("runs", "train", "--json", cwd=root).stdout)[1]["run"] == "first"


# ---------------------------------------------------------------- ends


def ended(repo, *cells, **options):
    write(repo / "case.ipynb", *cells)
    return run(repo / "case.ipynb", **options)


def statuses(done):
    cells = nbformat.read(done.folder / "output.ipynb", 4).cells
    return [c.metadata.papermill.status for c in cells]


def test_a_failing_cell_is_a_failed_run_with_the_cell_in_the_record(repo):
    done = ended(repo, "x = 1", "x / 1\nx / 0\nprint(x)", "print('never')")
    assert (done.status, done.exit_code) == ("failed", 1)
    error = done.record.error
    assert (error.error, error.cell, error.message) == ("ZeroDivisionError", 1, "division by zero")
    assert error.source == "x / 1\nx / 0\nprint(x)"
    assert "----> 2 x / 0" in error.traceback
    assert "\x1b" not in error.traceback
    assert statuses(done) == ["completed", "failed", "pending"]
    assert (done.record.cells_done, done.record.cells_total) == (1, 3)
    assert repr(done).endswith("failed (ZeroDivisionError: division by zero)>")
    assert kernels_of(repo) == []


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        ("import sys\nsys.exit(0)", "stopped", 0),
        ("from dcai.pipelines.runtime.notebook import stop\nstop('nothing new')", "stopped", 0),
        ("quit()", "stopped", 0),
        ("exit(1)", "failed", 1),
        ("import sys\nsys.exit('0')", "failed", 1),
        ("import sys\nsys.exit(3)", "failed", 1),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "kernel_died", 5),
        ("import os\nos._exit(4)", "kernel_died", 5),
        ("input('name?')", "timed_out", 6),  # nobody will ever answer
    ],
)
def test_other_ends_are_told_apart(repo, source, status, code):
    done = ended(repo, "x = 1", source, "print('never', x)")
    assert (done.status, done.exit_code) == (status, code)
    assert statuses(done) == ["completed", "completed" if status == "stopped" else "failed", "pending"]
    assert kernels_of(repo) == []
    expected = {
        "input('name?')": "Make the answer a parameter",
        "import os\nos._exit(4)": "exit code 4",
        "import sys\nsys.exit('0')": "'0'",
    }
    if source in expected:
        assert expected[source] in done.record.error.message
    if "SIGKILL" in source:
        assert "killed by signal SIGKILL" in done.record.error.message


def test_an_exit_is_judged_by_its_code_as_python_does(tmp_path):
    """Also that a code is not mistaken for another whose text is the same."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    codes = ["", "0", "None", "False", "0.0", "''", "'0'", "'None'", "3", "-1", "True"]
    cells = [f"import sys\nsys.exit({code})" for code in codes]
    client = NotebookClient(
        make_notebook("x = 1", *cells), kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )

    async def judge():
        judged = {}
        async with client.async_setup_kernel():
            for index, code in enumerate(codes, 1):
                with pytest.raises(CellExecutionError) as caught:
                    await client.async_execute_cell(client.nb.cells[index], index)
                judged[code] = await exits.raised_success(client, caught.value)
        return judged

    well = {"", "0", "None", "False"}
    assert {code for code, success in asyncio.run(judge()).items() if success} == well
    for code in codes:
        done = subprocess.run([sys.executable, "-c", f"import sys; sys.exit({code})"], capture_output=True, check=False)
        assert (done.returncode == 0) == (code in well)


def test_a_cell_or_a_run_that_takes_too_long_is_timed_out_and_its_children_end(repo):
    source = "import subprocess, time\np = subprocess.Popen(['sleep', '977'])\nopen('pid', 'w').write(str(p.pid))\ntime.sleep(977)"
    done = ended(repo, "x = 1", source, "print(x)", cell_timeout=1.5)
    assert (done.status, done.exit_code) == ("timed_out", 6)
    assert done.record.error.message == "The cell took longer than the 1.5 s that a cell may."
    assert statuses(done) == ["completed", "failed", "pending"]
    assert not _lives(int((repo / "pid").read_text()))
    done = ended(repo, "x = 1", "import time\ntime.sleep(977)", timeout=2.5)
    assert (done.status, done.record.error.message) == ("timed_out", "The run took longer than the 2.5 s that it may.")
    assert kernels_of(repo) == []
    done = ended(repo, "x = 1", timeout=0.05)  # over before the kernel is there
    assert (done.status, done.record.error.cell, statuses(done)) == ("timed_out", None, ["pending"])
    assert kernels_of(repo) == []


def _lives(pid):
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_allowed_errors_skipped_cells_and_magics_are_no_failures(repo):
    write(repo / "case.ipynb", "x = 1", "1 / 0", "1 / 0", "%time x\n!true", "", "print('end')")
    notebook = nbformat.read(repo / "case.ipynb", 4)
    notebook.cells[1].metadata["tags"] = ["raises-exception"]
    notebook.cells[2].metadata["tags"] = ["skip-execution"]
    nbformat.write(notebook, repo / "case.ipynb")
    done = run("case.ipynb")
    assert (done.status, done.record.cells_done, done.record.cells_total) == ("succeeded", 4, 4)
    assert statuses(done) == ["completed", "completed", "pending", "completed", "completed", "completed"]


def test_a_missing_output_fails_a_run_and_a_stop_without_it_exits_1(repo):
    write(
        repo / "train.ipynb",
        "where = 'other.txt'\nearly = False",
        "import sys\nif early:\n    sys.exit(0)",
        "open(where, 'w').close()",
    )
    promote("train.ipynb", outputs=["out.txt"], check=False)
    done = run("train")
    assert (done.status, done.exit_code, done.record.error.error) == ("failed", 1, "MissingOutput")
    assert done.record.error.message.startswith("The output 'out.txt' was not written by this run.")
    done = run("train", {"early": True})
    assert (done.status, done.exit_code) == ("stopped", 1)
    assert run("train", {"where": "out.txt"}).status == "succeeded"


def test_an_output_from_earlier_is_not_claimed_by_a_run_that_does_not_write_it(repo):
    write(
        repo / "train.ipynb",
        "how = 'leave'",
        "from pathlib import Path\nimport shutil, sys\nif how == 'stop':\n    sys.exit(0)",
        "if how == 'same':\n    Path('out.txt').write_text('old')\n    Path('folder/new.txt').write_text('')\n"
        "if how == 'copy':\n    shutil.copy2('kept.txt', 'out.txt')\n    Path('folder/one.txt').write_text('one')",
    )
    (repo / "folder").mkdir()
    for name in ("out.txt", "kept.txt", "folder/one.txt"):
        (repo / name).write_text("old")
        os.utime(repo / name, (1, 1))
    promote("train.ipynb", outputs=["out.txt", "folder"], check=False)
    done = run("train")
    assert (done.status, done.exit_code, done.record.error.error) == ("failed", 1, "MissingOutput")
    assert done.record.error.message == (
        "The outputs 'out.txt', 'folder' were not written by this run. "
        "Let the notebook write what is declared, or correct 'outputs' in pipeline.yaml."
    )
    assert [(f.path, f.sha256, f.size) for f in done.record.outputs] == [
        ("out.txt", None, None),
        ("folder", None, None),
    ]
    assert "not written" in done._repr_html_()
    done = run("train", {"how": "stop"})  # what is there from earlier is good enough for a stop, and still not its own
    assert (done.status, done.exit_code, [f.sha256 for f in done.record.outputs]) == ("stopped", 0, [None, None])
    for how in ("same", "copy"):  # the same bytes, written again; and with the original's time
        done = run("train", {"how": how})
        assert done.status == "succeeded"
        assert all(f.sha256 for f in done.record.outputs)


def test_the_injected_cell_of_an_earlier_run_does_not_run_again(repo):
    notebook = make_notebook(
        "rate = 0.1", "rate = 0.5", "from dcai.pipelines.runtime.notebook import record\nrecord(rate=rate)"
    )
    notebook.cells[1].metadata["tags"] = ["injected-parameters"]
    nbformat.write(notebook, repo / "case.ipynb")
    done = run("case.ipynb")
    assert (done.record.parameters, done.metrics) == ({"rate": 0.1}, {"rate": 0.1})
    made = promote("case.ipynb", check=False)
    nbformat.write(notebook, made.notebook)
    assert run("case").metrics == {"rate": 0.1}


def test_what_cannot_be_written_or_read_does_not_keep_a_record_from_being_settled(repo, monkeypatch):
    source = "import os\nfrom dcai.pipelines.runtime.notebook import artifact\nartifact('locked.txt').write_text('x')\n"
    source += "open(os.fsencode(artifact('a').parent) + b'/\\xff.txt', 'w').close()\nraise ValueError('\\udcff')"
    write(repo / "case.ipynb", "x = 1", source)
    whole = ledger.store.sha256_of

    def refuse(path):
        if path.name == "locked.txt":
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr(ledger.store, "sha256_of", refuse)
    done = run("case.ipynb", run_id="one")
    assert (done.status, done.record.error.error) == ("failed", "ValueError")
    listed = {Path(f.path).name: f.sha256 is not None for f in done.record.outputs}
    assert listed == {"locked.txt": False, "\\udcff.txt": True}
    assert ledger.read_record(done.folder) == done.record
    contract.to_json(done.record).encode()  # a shell can print it


def test_a_record_and_a_notebook_with_lone_surrogates_can_be_written(repo):
    folder = running(repo, metrics={"\ud800": "\udfff"}, error=RunFailure("E", 0, "\udcff", "\udcff"))
    one = ledger.read_record(folder)
    assert (one.metrics, one.error.message) == ({"\\ud800": "\\udfff"}, "\\udcff")
    notebook = make_notebook("x = 1")
    notebook.cells[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text="\ud83d")]
    written = documents.write_notebook(notebook).encode()
    assert nbformat.reads(written.decode(), 4).cells[0].outputs[0].text == "\ud83d"


def test_the_limits_of_the_manifest_are_kept(repo):
    write(repo / "train.ipynb", "x = 1", "import time\ntime.sleep(977)")
    made = promote("train.ipynb", check=False)
    manifest = made.folder / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + "timeout: {cell: 1.5, run: 60}\n")
    done = run("train")
    assert (done.status, done.record.error.message) == (
        "timed_out", "The cell took longer than the 1.5 s that a cell may."
    )  # fmt: skip


def test_a_run_that_stops_on_purpose_is_held_to_the_metrics_that_it_recorded(repo):
    code = "from dcai.pipelines.runtime.notebook import record, stop\nif known:\n    record(accuracy=accuracy)\nstop('enough')"
    write(repo / "train.ipynb", "accuracy = 0.5\nknown = True", code)
    made = promote("train.ipynb", gates={"accuracy": ">= 0.9"}, check=False)
    found = run(made)
    assert (found.status, found.exit_code) == ("stopped", 1)
    assert found.record.error.message == "accuracy is 0.5, expected >= 0.9."
    unknown = run(made, {"known": False})
    assert (unknown.status, unknown.exit_code) == ("stopped", 0)
    assert unknown.record.gates == [{"gate": "accuracy", "rule": ">= 0.9", "value": None, "passed": False}]


def test_the_runs_of_nobody_are_refused(repo):
    with pytest.raises(MissingError, match="There is no pipeline 'nosuch'. Known: none"):
        history("nosuch")


def test_a_gate_that_does_not_pass_ends_with_3_and_edited_defaults_are_set(repo):
    write(
        repo / "train.ipynb",
        "accuracy = 0.5",
        "from dcai.pipelines.runtime.notebook import record\nrecord(accuracy=accuracy)",
    )
    made = promote("train.ipynb", gates={"accuracy": ">= 0.9", "recall": "> 0"}, check=False)
    done = run(made)
    assert (done.status, done.exit_code) == ("gate_failed", 3)
    assert done.record.error.message == "accuracy is 0.5, expected >= 0.9; recall is None, expected > 0."
    manifest = made.folder / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("default: 0.5", "default: 0.95").replace("  recall: '> 0'\n", ""))
    done = run("train")
    assert (done.status, done.metrics) == ("succeeded", {"accuracy": 0.95})


def test_a_dirty_repository_shows_in_the_record(repo):
    write(repo / "case.ipynb", "x = 1", "print(x)")
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "Case")
    (repo / "README.md").write_text("changed\n")
    assert run("case.ipynb", output="copy.ipynb").record.dirty is True
    assert nbformat.read(repo / "copy.ipynb", 4).cells[1].outputs[0].text == "1\n"


# ---------------------------------------------------------------- refused before a kernel starts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameters": {"ratte": 1}}, "There is no parameter 'ratte'. Did you mean 'rate'?"),
        ({"parameters": {"rate": "x"}}, "The parameter 'rate' must be a number. Got 'x' instead."),
        ({"parameters": {"rate=1;import os#": 1}}, "There is no parameter 'rate=1;import os#'"),
        ({"kernel": "pyton3"}, "There is no kernel 'pyton3'. Did you mean 'python3'?"),
        ({"cwd": "absent"}, "The 'cwd' parameter of run() must be an existing folder"),
        ({"run_id": "../x"}, "The 'run_id' parameter of run() must be"),
        ({"output": "out.txt"}, "must be the path of a notebook file (.ipynb)"),
        ({"output": "absent/out.ipynb"}, "must be a path in a folder that exists"),
        ({"cell_timeout": 0}, "must be a number of seconds above 0. Got 0 instead."),
    ],
)
def test_a_run_that_cannot_be_right_never_starts(repo, options, message):
    write(repo / "case.ipynb", "rate = 0.1", "print(rate)")
    with pytest.raises(InputError) as caught:
        run("case.ipynb", **options)
    assert message in str(caught.value)
    assert not (repo / "runs").exists()


def test_missing_inputs_and_taken_ids_are_refused(repo):
    (repo / "in.csv").write_text("a\n")
    write(repo / "case.ipynb", "rate = 0.1", "print(rate)")
    promote("case.ipynb", inputs=["in.csv"], check=False)
    (repo / "in.csv").unlink()
    with pytest.raises(MissingError, match=r"The input 'in\.csv' of 'case' does not exist"):
        run("case")
    (repo / "runs" / "case" / "taken").mkdir(parents=True)
    with pytest.raises(InputError, match="There is a run 'taken' of 'case' already"):
        run("case.ipynb", run_id="taken")


def test_the_command_line_says_why_and_exits_2(repo, capsys):
    write(repo / "case.ipynb", "rate = 0.1\nversion = '1'", "print(rate, version)")
    (repo / "list.yaml").write_text("- 1")
    (repo / "bad.json").write_text("{")
    (repo / "number.yaml").write_text("version: 1.10")
    for arguments, message in [
        (("case.ipynb", "-p", "rate=much"), "The parameter 'rate' must be a number. Got 'much' instead."),
        (("case.ipynb", "-p", "rate"), "-p needs NAME=VALUE. Got 'rate' instead."),
        (("case.ipynb", "-p", "ratte=1"), "Did you mean 'rate'?"),
        (("case.ipynb", "-f", "list.yaml"), "must hold a mapping"),
        (("case.ipynb", "-f", "bad.json"), "is not valid JSON"),
        (("case.ipynb", "-f", "absent.yaml"), "There is no parameter file"),
        (("case.ipynb", "-f", "number.yaml"), "The parameter 'version' must be a text. Got 1.1 instead."),
        (("absent",), "There is no pipeline 'absent'."),
        (("absent.ipynb",), "There is no notebook file"),
    ]:
        code, _, said = call_main(capsys, "run", *arguments)
        assert (code, message in said) == (2, True), (arguments, said)
    assert not (repo / "runs").exists()


def test_the_command_line_shows_the_failing_line_and_exits_with_the_status(repo):
    write(repo / "case.ipynb", "rate = 0.1", "total = rate\ntotal / 0")
    done = command("run", "case.ipynb", cwd=repo)
    assert done.returncode == 1
    assert "failed: ZeroDivisionError: float division by zero\n  cell 2, line 2: total / 0" in done.stderr
    assert done.stdout.startswith("failed  ")


# ---------------------------------------------------------------- interruptions


def start(repo, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(DCAI)}
    call = [sys.executable, "-m", "dcai", "run", *arguments]
    return subprocess.Popen(call, cwd=repo, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_cell(repo, run_id, cell):
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            seen = run_progress("case", run_id, repo)
        except MissingError:
            seen = None
        if seen is not None and seen.cell == cell:
            return seen
        time.sleep(0.05)
    raise AssertionError("the cell did not start")


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_end_the_kernel_at_once_and_settle_the_record(repo, signum, code):
    write(repo / "case.ipynb", "x = 1", "import time\ntime.sleep(977)", "print(x)")
    run_id = new_run_id()
    process = start(repo, "case.ipynb", "--run-id", run_id)
    seen = wait_for_cell(repo, run_id, 1)
    assert (seen.record.status, seen.record.cells_done, seen.cell_source) == ("running", 1, "import time")
    (kernel,) = kernels_of(repo)
    began = time.time()
    process.send_signal(signum)
    assert wait_for_end(psutil.Process(kernel)) - began < 1  # what a cancelled run promises
    process.communicate(timeout=30)
    assert process.returncode == code
    assert kernels_of(repo) == []
    one = run_progress("case", run_id, repo).record
    assert (one.status, one.exit_code) == ("interrupted", code)
    done = Run(one, repo / "runs" / "case" / run_id)
    assert statuses(done) == ["completed", "failed", "pending"]


def test_a_killed_runner_is_settled_by_the_next_reader_and_its_kernel_ends(repo):
    write(repo / "case.ipynb", "x = 1", "import time\ntime.sleep(977)", "print(x)")
    process = start(repo, "case.ipynb", "--run-id", "killed")
    wait_for_cell(repo, "killed", 1)
    process.kill()
    process.communicate()
    one = history(root=repo)[0]
    assert (one.status, one.exit_code, one.error.error, one.error.cell, one.cells_done) == (
        "interrupted",
        130,
        "RunnerGone",
        1,
        1,
    )
    assert json.loads((repo / "runs" / "case" / "killed" / "run.json").read_text())["status"] == "interrupted"
    limit = time.monotonic() + 15
    while kernels_of(repo) and time.monotonic() < limit:
        time.sleep(0.1)
    assert kernels_of(repo) == []


# ---------------------------------------------------------------- records without kernels


def running(repo, **changes):
    one = ledger.begin("r1", "case", "case.ipynb", "python3", root=repo, parameters={})
    folder = repo / "runs" / "case" / "r1"
    ledger.write_record(folder / "run.json", replace(one, **changes))
    return folder


def test_a_living_run_and_one_on_another_host_are_left_alone(repo):
    assert ledger.read_record(running(repo)).status == "running"
    assert ledger.read_record(running(repo, host="elsewhere", pid=2**22 + 1)).status == "running"


def age(folder, seconds):
    """Make everything in a folder look as if it had been written so long ago."""
    for path in folder.iterdir():
        os.utime(path, (time.time() - seconds,) * 2)


def test_a_run_on_another_host_that_gives_no_sign_for_an_hour_is_dead(repo):
    folder = running(repo, host="elsewhere", pid=42)
    age(folder, 3500)
    assert ledger.read_record(folder).status == "running"
    age(folder, 3700)
    (folder / "events.jsonl").touch()
    assert ledger.read_record(folder).status == "running"
    age(folder, 3700)
    gone = ledger.read_record(folder)
    assert (gone.status, gone.error.error) == ("interrupted", "RunnerGone")
    assert gone.error.message == (
        "Nothing was heard of the run r1 on elsewhere for an hour: it is taken for dead. "
        "If it still works there, end it there (process 42) before you run it again."
    )


def test_a_run_on_another_host_blocks_its_outputs_only_while_it_lives(repo):
    write(repo / "other.ipynb", "open('out.txt', 'w').write('new')")
    promote("other.ipynb", outputs=["out.txt"], check=False)
    folder = running(repo, host="elsewhere", pid=42, outputs=[FileHash("out.txt", None, None)])
    with pytest.raises(
        InputError,
        match="The run r1 of 'case' is under way .* It runs on elsewhere; .* say so: dcai runs --gone case/r1",
    ):
        run("other")
    age(folder, 3700)
    assert run("other").status == "succeeded"


def test_time_that_passes_is_a_sign_of_life_in_the_journal(tmp_path):
    path = tmp_path / "events.jsonl"
    with Journal(path) as journal:
        age(tmp_path, 7200)
        journal.tell("tick")
        assert time.time() - path.stat().st_mtime < 3600


def test_what_a_run_in_a_container_had_changed_is_given_back_where_the_repository_is_seen_from_here(tmp_path):
    folder, table = tmp_path / "runs" / "case" / "r1", tmp_path / "out.txt"
    folder.mkdir(parents=True)
    table.write_text("before")
    staging.keep_before(tmp_path, folder, ["out.txt"], contents.mark_files(tmp_path, ["out.txt"]))
    index = folder / "before.json"
    index.write_text(index.read_text().replace(str(tmp_path), f"{tmp_path}-seen-from-inside"))
    table.write_text("half")
    assert staging.give_back(folder, folder / "artifacts", contents.mark_files) == ["out.txt"]
    assert table.read_text() == "before"


def test_a_number_that_now_belongs_to_a_younger_process_is_a_dead_run(repo):
    folder = running(repo, started="2001-01-01T00:00:00Z")
    assert ledger.read_record(folder).status == "interrupted"


def test_a_run_that_ended_but_could_not_write_its_record_gets_what_its_journal_says(repo):
    folder = running(repo, pid=2**22 + 1, host=socket.gethostname())
    with Journal(folder / "events.jsonl") as journal:
        journal.write("start", cells=1, kernel="python3")
    with (folder / "events.jsonl").open("a") as stream:
        stream.write('{"event": "torn')
    assert ledger.read_record(folder).status == "succeeded"


def test_broken_records_are_reported_beside_the_good_ones(repo):
    running(repo)
    for name, text in [
        ("broken", "{"),
        ("newer", (repo / "runs/case/r1/run.json").read_text().replace('"v":1', '"v":9')),
    ]:
        (repo / "runs" / "case" / name).mkdir()
        (repo / "runs" / "case" / name / "run.json").write_text(text)
    found = history(root=repo)
    assert (len(found), len(found.problems)) == (1, 2)
    assert "has version 9; this dcai reads up to 1" in found.problems[1]


def test_an_absent_run_and_hostile_names_are_refused(repo):
    with pytest.raises(MissingError, match="There is no run at"):
        run_progress("case", "absent", repo)
    for name, run_id in [("../..", "x"), ("case", "../../x"), ("case", "..")]:
        with pytest.raises(InputError, match=r"parameter of run\(\) must be"):
            run_progress(name, run_id, repo)


def test_what_a_page_shows_is_escaped(repo):
    one = ledger.read_record(running(repo, metrics={"<b>": "<script>"}))
    for page in (Run(one, repo)._repr_html_(), history(root=repo)._repr_html_()):
        assert "<script>" not in page
        assert "&lt;script&gt;" in page


def test_what_a_terminal_shows_of_a_notebook_is_harmless_and_keeps_its_line(repo, capsys):
    error = RunFailure("E\x1b", 0, "x\x1b[2J\r\ny", "one\x1b]0;t\x07\nsucceeded  /fake\r\u202e")
    running(repo, status="failed", metrics={"a\nb": "\x1b[2J\rc"}, error=error)
    (repo / "runs" / "case" / "x\x1b\ny").mkdir()
    (repo / "runs" / "case" / "x\x1b\ny" / "run.json").write_text("{")
    code, out, said = call_main(capsys, "runs")
    assert (code, len(out.splitlines()), len(said.splitlines())) == (0, 1, 1)
    told = explain(history(root=repo)[0])
    assert told.splitlines() == [
        "failed: E\\u001b: one\\u001b]0;t\\u0007",
        "    succeeded  /fake",
        "    \\u202e",
        "  cell 1: x\\u001b[2J",
    ]
    shown = out + said + told + repr(Run(history(root=repo)[0], repo))
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(shown)


def test_metrics_and_errors_of_a_run_are_shown_without_control_characters(repo, capsys):
    source = "from dcai.pipelines.runtime.notebook import record\nrecord(**{'a\\nsucceeded': '\\x1b[2J'})\nraise ValueError('\\x1b\\nx')"
    write(repo / "case.ipynb", "x = 1", source)
    code, out, said = call_main(capsys, "run", "case.ipynb")
    assert code == 1
    assert out.splitlines()[0] == "a succeeded = \\u001b[2J"
    assert "failed: ValueError: \\u001b\n    x\n  cell 2, line 3: raise ValueError" in said
    assert "\x1b" not in out + said


def test_an_end_that_nobody_explained_is_no_success(repo):
    journal = Journal()
    with pytest.raises(ZeroDivisionError), journal:
        1 / 0  # noqa: B018 (raises)
    assert (journal.tally.status, journal.tally.error.error) == ("failed", "ZeroDivisionError")


def test_a_run_inside_an_event_loop_and_an_exception_handler_is_judged_by_itself(repo):
    write(repo / "case.ipynb", "x = 1", "print(x)")

    async def inside():
        try:
            {}["of somebody else"]
        except KeyError:
            return run("case.ipynb")

    assert asyncio.run(inside()).status == "succeeded"


def test_a_full_disk_is_a_failed_run(repo, monkeypatch):
    write(repo / "case.ipynb", "x = 1", "print(x)")
    whole = ledger.store.write_atomic

    def full(path, content):
        if path.name == "output.ipynb":
            raise OSError(28, "No space left on device")
        return whole(path, content)

    monkeypatch.setattr(ledger.store, "write_atomic", full)
    done = run("case.ipynb")
    assert (done.status, done.exit_code, done.record.error.error) == ("failed", 1, "OSError")


def test_a_signal_that_came_before_the_kernel_starts_no_kernel(repo):
    interruption = Interruption()
    interruption.note(signal.SIGTERM)
    journal = Journal()
    with journal:
        engine.execute(make_notebook("x = 1"), "python3", engine.Orders(journal, interruption, cwd=repo))
    assert (journal.tally.status, journal.tally.exit_code) == ("interrupted", 143)
    assert [e["event"] for e in journal.events] == ["error", "end"]


def test_signals_are_given_back_and_ignored_ones_stay_ignored():
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with watch_signals():
            assert signal.getsignal(signal.SIGTERM) is not before
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert signal.getsignal(signal.SIGTERM) is before


# ---------------------------------------------------------------- record, artifact, stop


def test_metrics_are_plain_data_or_refused_by_name(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    record(accuracy=np.float32(0.5), n=np.int64(3), ok=np.array([1]).all(), text="a", pair=(1, 2), none=None)
    assert shown[0][METRICS] == {"accuracy": 0.5, "n": 3, "ok": True, "text": "a", "pair": [1, 2], "none": None}
    assert shown[0]["text/plain"].startswith("accuracy=0.5, n=3")
    for value, reason in [
        (float("nan"), "is nan"),
        (np.float64("inf"), "is inf"),
        (np.arange(3), "Got ndarray"),
        ({1: 2}, "Got dict"),
        ([float("nan")], "Got list"),
        (object(), "Got object"),
    ]:
        with pytest.raises(InputError, match=f"The metric 'm' .*{reason}"):
            record(m=value)
    with pytest.raises(InputError, match="at least one metric"):
        record()
    assert len(shown) == 1


def test_artifacts_stay_in_the_folder_of_their_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert artifact("a.txt") == Path.cwd() / "artifacts" / "a.txt"
    monkeypatch.setenv("DCAI_RUN_FOLDER", str(tmp_path / "run"))
    assert artifact("deep/a.txt") == tmp_path / "run" / "artifacts" / "deep" / "a.txt"
    assert (tmp_path / "run" / "artifacts" / "deep").is_dir()
    for name in ("../a", "/etc/passwd", "a/../../b", "C:\\a", "..\\a", "", ".", "a\0b", "\\\\host\\x"):
        with pytest.raises(InputError, match="must be a relative path that stays inside its folder"):
            artifact(name)
    (tmp_path / "run" / "artifacts" / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match="leads out of the run's folder through a link"):
        artifact("link/a.txt")


def test_stop_is_an_exit_with_success():
    with pytest.raises(SystemExit) as caught:
        stop()
    assert caught.value.code == 0
