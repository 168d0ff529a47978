"""Runs that nobody watches: outputs that stand only after success, retries, alerts, smoke runs, tags, differences, again."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from dcai.base import store
from dcai.base.errors import InputError, MissingError
from dcai.base.records import FileHash
from dcai.pipelines.archive import contents, ledger, snapshots, staging
from dcai.pipelines.archive.differences import diff
from dcai.pipelines.archive.journal import EXIT_CODES
from dcai.pipelines.archive.tags import find_run, go_back, tag
from dcai.pipelines.conditions import clock, table_drift
from dcai.pipelines.course.operations import alert, may_retry
from dcai.pipelines.origins.provenance import last_good
from dcai.pipelines.pipeline import load_pipeline, promote
from dcai.pipelines.reproduction import reproduce
from dcai.pipelines.runs import history, run
from dcai.pipelines.triggers import due, due_pipelines, order_by_upstream
from tests.pipelines.conftest import DCAI, call_main, command, git, make_repository, write

# What it does is asked for by a parameter, so that one committed pipeline serves every way to end.
CELLS = [
    "rate = 0.1\ntable = 'data.csv'\nhow = 'well'",
    "from pathlib import Path\nimport os, signal\nfrom dcai.pipelines.runtime.notebook import record\nimport helper",
    "rows = Path(table).read_text().splitlines()[1:]\nPath('out').mkdir(exist_ok=True)",
    "Path('out/table.csv').write_text(f'{how} {rate} {len(rows)}\\n')\nrecord(score=rate * helper.FACTOR, rows=len(rows))",
    "Path('tries').open('a').write('x')\nif how == 'once' and len(Path('tries').read_text()) > 1: how = 'well'",
    "if how == 'killed': os.kill(os.getpid(), signal.SIGKILL)\nassert how == 'well', how",
]
MORE = """corrections: [corrections/label.jsonl]
gates: {score: {min: 0.05, drop: 0.02}, schema: {data.csv: {columns: {x: integer}}}}
retries: {times: 1, on: [AssertionError]}
on_failure: [sh, -c, 'echo $DCAI_STATUS $DCAI_PIPELINE $DCAI_RUN >> told']
smoke: {inputs: [table], parameters: {rate: 0.2}}
snapshots: true
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A committed pipeline with everything declared, and two good runs of it: `one` with 3 rows, `two` with 4."""
    root = make_repository(tmp_path_factory.mktemp("operate") / "repo").resolve()
    write(root / "train.ipynb", *CELLS)
    (root / "helper.py").write_text("FACTOR = 1\n")
    (root / "data.csv").write_text("x\n1\n2\n3\n")
    (root / "corrections").mkdir()
    (root / "corrections" / "label.jsonl").write_text('{"n": 1}\n', newline="\n")
    (root / ".gitignore").write_text("out/\ntries\ntold\ndata.csv\ncorrections/\n")
    made = promote(root / "train.ipynb", inputs=["data.csv"], outputs=["out/table.csv"], check=False)
    manifest = made.folder / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + MORE)
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", "Pipeline")
    before = Path.cwd()
    os.chdir(root)
    assert run("train", run_id="one").status == "succeeded"
    (root / "data.csv").write_text("x\n1\n2\n3\n4\n")
    with (root / "corrections" / "label.jsonl").open("a", newline="\n") as log:
        log.write('{"n": 2}\n')
    assert run("train", {"rate": 0.11}, run_id="two").status == "succeeded"
    yield root
    os.chdir(before)


TWO = b"well 0.11 4\n"


def table_of(root):
    return (root / "out" / "table.csv").read_bytes()


def test_a_record_names_its_code_inputs_and_corrections(root):
    one = find_run("two", root)[0]
    assert [f.path for f in one.code][:2] == ["pipelines/train/pipeline.ipynb", "pipelines/train/pipeline.yaml"]
    assert "helper.py" in [f.path for f in one.code]
    assert [f.path for f in one.inputs] == ["data.csv"]
    assert (one.dirty, one.purpose, one.origin) == (False, "run", None)
    assert not (root / "runs" / "train" / "two" / "before").exists()


@pytest.mark.parametrize(
    ("parameters", "status", "code", "left"),
    [
        ({"rate": 0.08}, "gate_failed", 3, "well 0.08 4\n"),
        ({"how": "killed"}, "kernel_died", 5, "killed 0.1 4\n"),
    ],
)
def test_a_night_that_fails_leaves_yesterdays_table_byte_for_byte(root, parameters, status, code, left):
    before = (root / "out" / "table.csv").stat().st_mtime_ns
    (root / "told").unlink(missing_ok=True)
    done = run("train", parameters)
    assert (done.status, done.exit_code) == (status, code)
    assert table_of(root) == TWO
    assert (root / "out" / "table.csv").stat().st_mtime_ns == before
    own = f"runs/train/{done.record.run}/artifacts/failed-outputs/out/table.csv"
    assert {f.path: f.sha256 is not None for f in done.record.outputs} == {"out/table.csv": False, own: True}
    assert (root / own).read_text() == left
    assert (root / "told").read_text().split() == [status, "train", done.record.run]
    if code == 3:
        assert "score is 0.08, expected >= 0.05, drop <= 0.02 (run two had 0.11)" in done.record.error.message


def test_another_attempt_is_a_run_of_its_own(root):
    (root / "tries").unlink()
    (root / "told").unlink(missing_ok=True)
    done = run("train", {"how": "once"}, run_id="again")
    assert (done.status, done.record.run) == ("succeeded", "again-retry1")
    assert (done.record.purpose, done.record.origin) == ("retry", "again")
    assert find_run("again", root)[0].status == "failed"
    assert not (root / "told").exists()
    run("train", {"rate": 0.11}, run_id="three")
    assert table_of(root) == TWO


def test_a_smoke_run_comes_first_and_leaves_nothing_behind(root, capsys):
    told = root / "told"
    told.unlink(missing_ok=True)
    code, out, err = call_main(capsys, "run", "train", "-p", "rate=0.12", "--smoke", "2", "--run-id", "tried")
    assert (code, table_of(root)) == (0, b"well 0.12 4\n"), out + err
    sample = find_run("tried-smoke", root)[0]
    assert (sample.metrics, sample.purpose, sample.gates) == ({"score": 0.2, "rows": 2}, "smoke", [])
    assert err.count("[1/7]") == 2
    done = run("train", {"how": "badly"}, smoke=2, run_id="stopped")
    assert (done.record.run, done.status) == ("stopped-smoke", "failed")
    assert not (root / "runs" / "train" / "stopped").exists()
    assert table_of(root) == b"well 0.12 4\n"
    assert told.read_text().split()[2] == "stopped-smoke"
    with pytest.raises(
        InputError, match="The 'smoke' parameter of run\\(\\) must be a number of rows of 1 or more. Got 0"
    ):
        run("train", smoke=0)
    write(root / "plain.ipynb", "x = 1")
    with pytest.raises(InputError, match="'plain' does not say how to run on a sample. Add to its pipeline.yaml"):
        run("plain.ipynb", smoke=1)
    (root / "plain.ipynb").unlink()
    run("train", {"rate": 0.11}, run_id="after")


def test_an_input_of_another_schema_starts_no_kernel(root):
    before = (root / "data.csv").read_text()
    (root / "data.csv").write_text("x\none\n")
    done = run("train")
    (root / "data.csv").write_text(before)
    assert (done.status, done.exit_code, done.record.cells_done) == ("gate_failed", 3, 0)
    assert (
        done.record.error.message
        == "schema data.csv is '1 differences', expected as declared ('x' is no integer in 1 rows, first row 0)."
    )
    assert table_of(root) == TWO


def test_a_run_that_is_refused_is_told_as_well(root):
    (root / "told").unlink(missing_ok=True)
    (root / "data.csv").rename(root / "away.csv")
    with pytest.raises(MissingError, match="The input 'data.csv' of 'train' does not exist"):
        run("train")
    (root / "away.csv").rename(root / "data.csv")
    assert (root / "told").read_text().split() == ["invalid", "train"]


def test_a_killed_runner_gives_the_table_back_when_somebody_looks(root, tmp_path):
    slow = root / "pipelines" / "slow"
    write(root / "slow.ipynb", "x = 1", "open('out/slow.txt', 'w').write('new')\nimport time\ntime.sleep(900)")
    promote("slow.ipynb", outputs=["out/slow.txt"], check=False)
    (root / "out" / "slow.txt").write_text("old")
    child = subprocess.Popen(
        [sys.executable, "-m", "dcai", "run", "slow", "--quiet", "--run-id", "killed"],
        cwd=root, env={**os.environ, "PYTHONPATH": str(DCAI)},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while (root / "out" / "slow.txt").read_text() != "new" and time.monotonic() < deadline:
        time.sleep(0.1)
    with pytest.raises(
        InputError, match="The run killed of 'slow' is under way and writes 'out/slow.txt' too. Wait for it"
    ):
        run("slow")
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert history("slow")[0].status == "interrupted"
    assert (root / "out" / "slow.txt").read_text() == "old"
    assert (root / "runs/slow/killed/artifacts/failed-outputs/out/slow.txt").read_text() == "new"
    for path in [*slow.iterdir(), root / "slow.ipynb"]:
        path.unlink()
    slow.rmdir()


# ---------------------------------------------------------------- compare, name, go back, again


def test_two_runs_differ_in_what_was_changed(root, capsys):
    found = diff("one", "two")
    assert {(c.part, c.name) for c in found.changes} == {
        ("parameters", "rate"), ("metrics", "score"), ("metrics", "rows"), ("data", "data.csv"),
        ("corrections", "corrections/label.jsonl"), ("outputs", "out/table.csv"),
    }  # fmt: skip
    log = next(c for c in found.changes if c.part == "corrections")
    assert (log.before[:8], log.after[:8]) == ("1 lines,", "2 lines,")
    assert not diff("two", "three")
    assert list(found.to_frame().columns) == ["part", "name", "before", "after"]
    assert "out/table.csv" in found._repr_html_()
    code, out, _ = call_main(capsys, "diff", "one", "two")
    assert (code, "parameters  rate: 0.1 -> 0.11" in out) == (0, True)
    assert json.loads(call_main(capsys, "diff", "one", "two", "--json")[1])["before"] == "one"
    notebook = root / "runs" / "train" / "three" / "output.ipynb"
    whole = notebook.read_text()
    notebook.write_text(whole.replace("assert how == 'well', how", "assert how == 'well'\\nprint(how)"))
    changed = diff("two", "three")
    notebook.write_text(whole)
    assert [(c.part, c.name) for c in changed.changes] == [("code", "cell 6")]
    assert "-if how == 'killed'" not in changed.code
    assert "+print(how)" in changed.code
    with pytest.raises(MissingError, match="There is no run or tag 'absent'"):
        diff("one", "absent")


def test_a_tag_stands_for_its_run_everywhere(root, capsys):
    assert call_main(capsys, "tag", "two", "best")[:2] == (0, "best is run two of train\n")
    assert find_run("best", root)[0].run == find_run("train/two", root)[0].run == "two"
    assert not diff("best", "two")
    assert "two [best]" in call_main(capsys, "runs", "train")[1]
    (root / "out" / "table.csv").write_text("worse")
    assert json.loads(call_main(capsys, "tag", "best", "--restore", "--json")[1]) == {"restored": ["out/table.csv"]}
    assert table_of(root) == TWO
    code, _, said = call_main(capsys, "tag", "one", "best")
    assert (code, "warning: The run one has the name 'best' now" in said) == (0, True)
    with pytest.warns(UserWarning, match="its output 'out/table.csv' cannot be brought back: .* dcai reproduce one"):
        tag("one", "best")
    with pytest.raises(MissingError, match="The output 'out/table.csv' of run one was not kept"):
        go_back("best")
    assert table_of(root) == TWO
    with pytest.raises(InputError, match="'one' is the id of a run"):
        tag("two", "one")
    with pytest.raises(InputError, match="The 'name' parameter of tag\\(\\) must be 1 to 64 letters"):
        tag("two", "../x")
    with pytest.raises(InputError, match="has succeeded: there is nothing to go on from"):
        run("train", resume="best")
    assert call_main(capsys, "tag", "two")[0] == 2
    for odd in ("../train", "*", ".."):
        with pytest.raises(MissingError, match="There is no run or tag"):
            find_run(odd, root)


def test_a_run_is_made_again_though_its_inputs_are_gone(root, capsys):
    now = (root / "data.csv").read_bytes(), git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD")
    found = reproduce("one")
    assert found, found
    assert (found.made.metrics, found.outputs, found.notes) == ({"score": 0.1, "rows": 3}, (), ())
    assert (found.made.record.purpose, found.made.record.origin) == ("reproduction", "one")
    assert found.made.folder.parent == root / "runs" / "train"
    assert now == ((root / "data.csv").read_bytes(), git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD"))
    assert git(root, "worktree", "list").count("\n") == 1
    assert table_of(root) == TWO
    kept = snapshots._place(root / "runs", find_run("one", root)[0].inputs[0].sha256)
    kept.rename(kept.with_suffix(".away"))
    code, out, _ = call_main(capsys, "reproduce", "one")
    assert (code, out) == (2, "missing  data.csv: nothing has the content that the run read\n")
    assert json.loads(call_main(capsys, "reproduce", "one", "--json")[1])["missing"] == ["data.csv"]
    kept.with_suffix(".away").rename(kept)
    record = root / "runs" / "train" / "one" / "run.json"
    whole = record.read_text()
    record.write_text(whole.replace('"score":0.1', '"score":0.3').replace('"score": 0.1', '"score": 0.3'))
    other = reproduce("one")
    record.write_text(whole)
    assert not other
    assert [(c.name, c.before, c.after) for c in other.changes] == [("score", 0.3, 0.1)]
    assert ledger.good_runs("train", root)[0].purpose != "reproduction"


def test_a_run_made_again_keeps_what_it_made_for_its_tag(root):
    assert reproduce("one")  # until then it was not kept, see above
    assert go_back("one") == ["out/table.csv"]
    assert table_of(root) == b"well 0.1 3\n"
    tag("two", "latest")
    go_back("latest")


def test_a_file_that_nobody_declared_is_named_when_it_is_gone(repo, capsys):
    write(repo / "read.ipynb", "x = 1", "import dcai\ndcai.record(n=x + len(open('extra.csv').read()))")
    promote("read.ipynb", check=False, commit=True)
    (repo / "extra.csv").write_text("1\n")
    assert run("read", run_id="one").status == "succeeded"
    found = reproduce("one")
    assert (found.missing, found.exit_code, bool(found)) == (("extra.csv",), 2, False)
    assert "extra.csv is no declared input, so no run has recorded what it held." in found.notes[-1]
    code, out, told = call_main(capsys, "reproduce", "one")
    assert (code, "missing  extra.csv: " in out, "Name it in 'inputs'" in told) == (2, True, True)


def test_a_run_is_made_again_in_its_folder_and_kernel_and_tells_so(repo, tmp_path):
    (repo / "sub").mkdir()
    (repo / "sub" / "here.txt").write_text("7")
    write(repo / "read.ipynb", "x = 1", "import dcai\ndcai.record(n=x + int(open('here.txt').read()))")
    promote("read.ipynb", check=False)
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "All")
    one = run("read", cwd="sub", run_id="one").record
    assert (one.environment["cwd"], one.environment["kernel"]) == ("sub", "python3")
    found = reproduce("one")
    assert found, (found, found.made.record.error)
    assert found.made.record.environment == one.environment
    events = [json.loads(line) for line in (found.made.folder / "openlineage.jsonl").read_text().splitlines()]
    assert [e["eventType"] for e in events] == ["START", "COMPLETE"]
    assert {e["job"]["namespace"] for e in events} == {repo.name}
    assert "dcai-reproduce" not in (found.made.folder / "openlineage.jsonl").read_text()
    assert run("read", cwd=tmp_path, run_id="two").status == "failed"
    with pytest.raises(InputError, match="outside of the repository. Made again there, it could write over"):
        reproduce("two")


def test_another_version_of_a_package_is_named(root, capsys):
    one, folder = find_run("one", root)
    listed = (folder / "packages.txt").read_text()
    assert f"numpy=={metadata.version('numpy')}\n" in listed
    assert f"ipykernel=={metadata.version('ipykernel')}\n" in listed
    assert one.environment["packages"] == hashlib.sha256(listed.encode()).hexdigest()
    assert "environment" not in {c.part for c in diff("one", "two").changes}
    older = listed.replace(f"numpy=={metadata.version('numpy')}", "numpy==1.0").encode()
    (folder / "packages.txt").write_bytes(older)
    other = replace(one, environment={**one.environment, "packages": hashlib.sha256(older).hexdigest()})
    whole = (folder / "run.json").read_text()
    ledger.write_record(folder / "run.json", other)
    try:
        code, out, _ = call_main(capsys, "diff", "one", "two")
        assert (code, f"environment  numpy: 1.0 -> {metadata.version('numpy')}\n" in out) == (0, True)
        assert out.count("environment  ") == 1
        assert reproduce("one").notes == (f"numpy was 1.0, and is {metadata.version('numpy')} here",)
    finally:
        (folder / "run.json").write_text(whole)
        (folder / "packages.txt").write_text(listed)


def test_two_different_failures_are_not_the_same(root, capsys):
    assert run("train", {"how": "ill"}, run_id="ill").status == "failed"
    failed = find_run("train/ill-retry1", root)
    again = reproduce("ill-retry1")
    assert (again.changes, again.verdict, bool(again), again.exit_code) == ((), "the same failure", False, 1)
    assert "the same failure" in repr(again)
    record = failed[1] / "run.json"
    whole = record.read_text()
    other = replace(failed[0], error=replace(failed[0].error, error="KeyError", cell=1))
    ledger.write_record(record, other)
    code, out, _ = call_main(capsys, "reproduce", "ill-retry1", "--json")
    record.write_text(whole)
    cell = failed[0].error.cell
    assert (code, json.loads(out)["reproduced"]) == (1, False)
    assert [(c["name"], c["before"], c["after"]) for c in json.loads(out)["changes"]] == [
        ("error", "KeyError", "AssertionError"), ("cell of the error", 1, cell)
    ]  # fmt: skip


def test_to_go_back_takes_nothing_from_anybody(root):
    tag("two", "kept")
    (root / "out" / "table.csv").write_text("by hand")
    one = ledger.begin("busy", "train", "train.ipynb", "python3", root=root, parameters={}, outputs=["out/table.csv"])
    busy = root / "runs" / "train" / "busy"
    ledger.write_record(busy / ledger.RECORD, one)
    with pytest.raises(InputError, match="The run busy of 'train' is under way and writes 'out/table.csv' too"):
        go_back("kept")
    assert table_of(root) == b"by hand"
    shutil.rmtree(busy)
    assert go_back("kept") == ["out/table.csv"]
    assert table_of(root) == TWO
    replaced = root / "runs" / "train" / "two" / "replaced"
    assert "by hand" in [p.read_text() for p in replaced.glob("*/before/out/table.csv")]
    before = len(list(replaced.iterdir()))
    go_back("kept")
    assert len(list(replaced.iterdir())) == before  # what is the same needs no copy
    for number in range(7):
        (root / "out" / "table.csv").write_text(f"by hand {number}")
        go_back("kept")
    copies = [p.read_text() for p in sorted(replaced.glob("*/before/out/table.csv"))]
    assert copies == [f"by hand {number}" for number in range(2, 7)]  # the latest five


# ---------------------------------------------------------------- due


def test_a_run_is_due_for_its_reason_alone(root, capsys):
    run("train", run_id="latest")
    assert not due("train")
    assert call_main(capsys, "due", "train")[:2] == (0, "train: nothing to do\n")
    changes = {
        "data": (root / "data.csv", "x\n1\n"),
        "corrections": (root / "corrections" / "label.jsonl", "{}\n"),
        "code": (root / "helper.py", "FACTOR = 1.0\n"),
    }
    for trigger, (path, text) in changes.items():
        before = path.read_text()
        path.write_text(text)
        found = due("train")
        path.write_text(before)
        assert [(r.trigger, r.message) for r in found.reasons] == [(trigger, f"{path.relative_to(root)} has changed")]
    one = load_pipeline("train")
    fell = replace(one, triggers={"performance": {"score": {"min": 0.2}, "gone": {"min": 0}}})
    assert [r.message for r in due(fell).reasons] == ["score is 0.1 in run latest, expected >= 0.2"]
    assert due(fell).unknown == ("performance: no run has recorded 'gone'",)
    nightly = replace(one, triggers={"schedule": "0 3 * * *"})
    assert not due(nightly, now=datetime.now(UTC).replace(hour=0, minute=0))
    assert due(nightly, now=datetime(2126, 1, 1, 4, tzinfo=UTC)).reasons[0].trigger == "schedule"
    silent = replace(one, triggers={"code": False, "data": False, "corrections": False})
    (root / "data.csv").write_text("x\n1\n2\n3\n4\n5\n")
    assert not due(silent)
    code, out, _ = call_main(capsys, "due", "--json")
    (root / "data.csv").write_text("x\n1\n2\n3\n4\n")
    assert (code, json.loads(out)[0]["reasons"]) == (10, [{"trigger": "data", "message": "data.csv has changed"}])
    skipped = run("train", if_due=True)
    assert (skipped.skipped, skipped.record.run) == (True, "latest")
    assert "nothing is due; the last good run" in call_main(capsys, "run", "train", "--if-due")[1]


def test_a_pipeline_that_cannot_be_read_is_no_all_clear(root, capsys):
    run("train")
    broken = root / "pipelines" / "broken"
    broken.mkdir()
    (broken / "pipeline.yaml").write_text("outputs: [")
    try:
        code, out, told = call_main(capsys, "due")
        assert (code, out.splitlines()) == (2, ["train: nothing to do", "broken: cannot be read"])
        assert "warning: " in told
        unread = due_pipelines(root)[-1]
        assert (unread.to_dict()["readable"], repr(unread)) == (False, "<Due 'broken': cannot be read>")
        assert ": cannot be read</h3>" in unread._repr_html_()
        (root / "data.csv").write_text("x\n1\n2\n3\n4\n5\n")
        assert call_main(capsys, "due")[0] == 10
    finally:
        (root / "data.csv").write_text("x\n1\n2\n3\n4\n")
        shutil.rmtree(broken)


def test_a_fresh_clone_is_compared_with_a_baseline(root, tmp_path, capsys):
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(root), str(clone))
    (clone / "data.csv").write_bytes((root / "data.csv").read_bytes())
    (clone / "corrections").mkdir()
    (clone / "corrections" / "label.jsonl").write_bytes((root / "corrections" / "label.jsonl").read_bytes())
    assert [r.message for r in due("train", root=clone).reasons] == ["it has no good run yet"]
    record = root / "runs" / "train" / "two" / "run.json"
    own = ("-p", "rate=0.11")
    assert call_main(capsys, "due", "train", *own, "--baseline", record, "--root", clone)[0] == 0
    (clone / "data.csv").unlink()
    again = due("train", {"rate": 0.11}, root=clone, baseline=record)
    assert [r.message for r in again.reasons] == ["data.csv is missing"]
    with pytest.raises(MissingError, match="There is no baseline"):
        due("train", root=clone, baseline=tmp_path / "absent.json")
    other = replace(find_run("two", root)[0], pipeline="other")
    with pytest.raises(InputError, match="The baseline is a run of 'other', not of 'train'"):
        due("train", baseline=other)
    assert call_main(capsys, "due", "--baseline", record)[0] == 2


def test_pipelines_come_after_those_they_name(root):
    one = load_pipeline("train")
    named = [
        replace(one, name=n, upstream=u)
        for n, u in [("c", ("b",)), ("b", ("a", "absent")), ("a", ()), ("x", ("y",)), ("y", ("x",))]
    ]
    assert [p.name for p in order_by_upstream(named)] == ["a", "b", "c", "x", "y"]
    assert [d.pipeline for d in due_pipelines(root)] == ["train"]


# ---------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("line", "now", "moment"),
    [
        ("0 3 * * *", "2026-01-31T02:59", "2026-01-30T03:00"),
        ("0 3 * * *", "2026-01-31T03:00", "2026-01-31T03:00"),
        ("*/15 9-17 * * mon-fri", "2026-02-01T12:00", "2026-01-30T17:45"),
        ("0 0 13 * fri", "2026-01-15T00:00", "2026-01-13T00:00"),
        ("0 0 29 2 *", "2026-01-01T00:00", "2024-02-29T00:00"),
        ("0 0 30 2 *", "2026-01-01T00:00", None),
    ],
)
def test_a_schedule_names_its_latest_moment(line, now, moment):
    found = clock.latest_moment(line, datetime.fromisoformat(f"{now}+00:00"))
    assert (None if found is None else found.isoformat()[:16]) == moment


def test_errors_are_tried_again_by_class(root):
    failed = find_run("again", root)[0]
    reset = replace(failed, error=replace(failed.error, error="ConnectionResetError"))
    assert may_retry(reset, {"times": 1, "on": ["OSError"]})
    assert not may_retry(reset, {"times": 1, "on": ["ValueError"]})
    assert may_retry(replace(failed, status="kernel_died"), {"on": ["kernel_died"]})
    assert not may_retry(replace(failed, status="gate_failed"), {})
    assert not may_retry(replace(failed, status="interrupted"), {"on": ["AssertionError"]})
    mine = replace(failed, error=replace(failed.error, error="Timeout"))
    assert may_retry(mine, {"on": ["requests.Timeout"]})


def test_a_command_on_failure_that_fails_is_told(root):
    one = load_pipeline("train")
    assert (
        alert(replace(one, on_failure=("false",)), "failed", "r", "")
        == "The command of 'on_failure' ended with exit code 1: "
    )
    said = alert(replace(one, on_failure=("no-such-command-here",)), "failed", "r", "")
    assert said.startswith("The command of 'on_failure' could not be started: ")
    # No shell: what looks like one is an argument.
    assert alert(replace(one, on_failure=("test", "$(false)", "=", "$(false)")), "failed", "r", "a\0b") is None


def test_folders_are_kept_and_brought_back_whole(tmp_path):
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    (data / "a.txt").write_text("a")
    (data / "deep" / "b.txt").write_text("b")
    one = contents.hash_file(tmp_path, "data")
    snapshots.keep_files(tmp_path / "runs", tmp_path, [one])
    (data / "a.txt").write_text("changed")
    assert snapshots.bring_back(tmp_path / "runs", one, tmp_path / "back")
    assert contents.hash_file(tmp_path, "back").sha256 == one.sha256
    changed = FileHash("data", "0" * 64, 1)
    snapshots.keep_files(tmp_path / "runs", tmp_path, [changed])
    assert not snapshots.bring_back(tmp_path / "runs", changed, tmp_path / "no")


def test_contents_of_runs_that_are_gone_are_removed(repo, capsys):
    def keep(run, text):
        (repo / "data").mkdir(exist_ok=True)
        (repo / "data" / "a.txt").write_text(text)
        one = ledger.begin(run, "x", "n", "python3", root=repo, parameters={})
        one = replace(one, status="succeeded", inputs=[contents.hash_file(repo, "data")])
        snapshots.keep_files(repo / "runs", repo, one.inputs)
        ledger.write_record(repo / "runs" / "x" / run / "run.json", one)
        return one.inputs[0]

    kept, lost = keep("one", "first"), keep("two", "second")
    shutil.rmtree(repo / "runs" / "x" / "two")
    code, _, said = call_main(capsys, "runs", "--prune")
    assert (code, "MB of kept contents were removed." in said) == (0, True)
    assert snapshots.is_kept(repo / "runs", kept)
    assert not snapshots.is_kept(repo / "runs", lost)
    assert len(list((repo / "runs" / ".snapshots").glob("*/*"))) == 3  # the list, its mark, the one file in it
    (repo / "runs" / "x" / "one" / "run.json").write_text("{")
    code, _, said = call_main(capsys, "runs", "--prune")
    assert (code, "Nothing was removed, for a record cannot be read" in said) == (2, True)
    assert snapshots.is_kept(repo / "runs", kept)


def test_what_a_run_under_way_is_writing_is_not_removed(tmp_path):
    runs, lists = tmp_path / "runs", tmp_path / "runs" / ".folders"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("a")
    one = contents.hash_file(tmp_path, "data", lists)
    snapshots.keep_files(runs, tmp_path, [one])
    place = snapshots._place(runs, one.sha256)
    place.unlink()  # the list of a folder is kept last
    copying = place.with_name("copied.tmp")
    copying.write_text("half")
    assert snapshots.prune(runs, [one.sha256], lists) == 0
    assert len(list((runs / ".snapshots").glob("*/*"))) == 3  # the mark of the list, the file in the folder, the copy
    for path in (copying, lists / one.sha256):
        os.utime(path, (0, 0))
    assert snapshots.prune(runs, [one.sha256], lists) == len("half")
    assert snapshots.prune(runs, [], lists) > 0
    assert not [p for p in runs.rglob("*") if p.is_file()]


def test_a_folder_is_kept_whatever_its_files_are_called(tmp_path):
    names = ["a\u2028b.txt", "c\x0cd.txt", "e\x85f.txt", "plain.txt", "g\nh.txt", "i\\nj.txt", "k\\\n.txt", "\\l.txt"]
    (tmp_path / "data").mkdir()
    for name in names:
        (tmp_path / "data" / name).write_text(name)
    one = contents.hash_file(tmp_path, "data")
    snapshots.keep_files(tmp_path / "runs", tmp_path, [one])
    assert snapshots.is_kept(tmp_path / "runs", one)
    assert snapshots.bring_back(tmp_path / "runs", one, tmp_path / "back")
    assert sorted(p.name for p in (tmp_path / "back").iterdir()) == sorted(names)


def test_a_torn_event_keeps_no_record_from_being_written(tmp_path):
    one = ledger.begin("one", "x", "n", "python3", root=tmp_path, parameters={})
    path = tmp_path / "runs" / "x" / "one" / ledger.RECORD
    ledger.write_record(path, one)
    events = path.with_name("openlineage.jsonl")
    events.write_text(events.read_text()[:-30])
    for _ in range(2):
        ledger.write_record(path, replace(one, status="succeeded", ended=one.started))
    told = events.read_text().splitlines()
    assert [json.loads(line)["eventType"] for line in told[1:]] == ["COMPLETE"]


def test_a_run_that_stopped_on_purpose_is_what_others_stand_on(tmp_path):
    for run_id, status in (("a", "succeeded"), ("b", "stopped"), ("c", "failed")):
        one = ledger.begin(run_id, "x", "n", "python3", root=tmp_path, parameters={})
        one = replace(one, status=status, exit_code=EXIT_CODES[status], ended=one.started)
        ledger.write_record(tmp_path / "runs" / "x" / run_id / ledger.RECORD, one)
    assert last_good(["x"], tmp_path) == ["x/b"]


def test_remarks_are_not_named_as_drift():
    table = pd.DataFrame({"column": ["a", "b", None], "detector": ["numbers", "numbers", "volume"]})
    found = SimpleNamespace(findings=table.assign(doubt=[0.9, 0.2, 0.5]))
    assert table_drift.name_drift(found) == "a, volume"


@pytest.fixture
def folders(tmp_path):
    """A folder, and one that is to take its place."""
    old, new = tmp_path / "models", tmp_path / "runs" / "models"
    for folder in (old, new):
        folder.mkdir(parents=True)
        for name in "abc":
            (folder / name).write_text(folder.parent.name)
    return old, new


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names change places in one step on Linux")
def test_a_folder_is_there_at_every_moment(folders, tmp_path):
    """Somebody looks at it while it is replaced, and while what a run has made of it is taken back."""
    old, new = folders
    missed, looks, ended = [], [], threading.Event()

    def look():
        while not ended.is_set():
            looks.append(1)
            if not (old / "a").exists():
                missed.append(1)

    run_folder = tmp_path / "runs" / "x" / "y"
    run_folder.mkdir(parents=True)
    watching = threading.Thread(target=look)
    watching.start()
    try:
        for number in range(60):
            shutil.copytree(old, new, dirs_exist_ok=True)
            staging.put_back(new, old)
            staging.keep_before(tmp_path, run_folder, ["models"], contents.mark_files(tmp_path, ["models"]))
            (old / "a").write_text(f"bad {number}")
            assert staging.give_back(run_folder, run_folder / "artifacts", contents.mark_files) == ["models"]
            assert not (old / "a").read_text().startswith("bad")
            assert (run_folder / "artifacts/failed-outputs/models/a").read_text() == f"bad {number}"
            shutil.rmtree(run_folder / "artifacts")
    finally:
        ended.set()
        watching.join()
    assert (missed, len(looks) > 60) == ([], True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["models", "runs"]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_folder_is_replaced_whole_or_stays(folders, tmp_path, monkeypatch, elsewhere):
    """Where names cannot change places in one step."""
    old, new = folders
    monkeypatch.setattr(store, "exchange", lambda *_: False)
    seen, rename = [], Path.replace

    def watch(self, target):
        if elsewhere and self == new:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        seen.append(sorted(p.name for p in old.iterdir()) if old.exists() else None)
        moved = rename(self, target)
        seen.append(sorted(p.name for p in old.iterdir()) if old.exists() else None)
        return moved

    monkeypatch.setattr(Path, "replace", watch)
    staging.put_back(new, old)
    assert [names for names in seen if names not in (None, ["a", "b", "c"])] == []
    assert seen.count(None) == 2  # between the two renames
    assert {(old / name).read_text() for name in "abc"} == {"runs"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["models", "runs"]
    with pytest.raises(FileNotFoundError):
        staging.put_back(tmp_path / "absent", old)
    assert {(old / name).read_text() for name in "abc"} == {"runs"}


def test_an_output_folder_and_a_new_file_are_taken_back(tmp_path):
    folder = tmp_path / "runs" / "x" / "y"
    folder.mkdir(parents=True)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a").write_text("old")
    outputs = ["models", "models/a", "new.txt", "same.txt"]
    (tmp_path / "same.txt").write_text("same")
    staging.keep_before(tmp_path, folder, outputs, contents.mark_files(tmp_path, outputs))
    (tmp_path / "models" / "a").write_text("new!")
    (tmp_path / "models" / "b").write_text("new")
    (tmp_path / "new.txt").write_text("new")
    assert staging.give_back(folder, folder / "artifacts", contents.mark_files) == ["models", "new.txt"]
    assert [p.name for p in (tmp_path / "models").iterdir()] == ["a"]
    assert (tmp_path / "models" / "a").read_text() == "old"
    assert not (tmp_path / "new.txt").exists()
    assert (folder / "artifacts/failed-outputs/models/b").read_text() == "new"
    assert staging.give_back(folder, folder / "artifacts", contents.mark_files) == []
    with suppress(FileNotFoundError):
        (folder / "before").rmdir()


STAGED = [
    "how = 'good'",
    "import os, signal, dcai, pathlib\ntable = pathlib.Path('out.csv')\nbefore = table.read_text()",
    "dcai.artifact('out.csv').write_text('label\\n' + ('bad' if how == 'bad' else 'good') + '\\n')",
    "dcai.artifact('models/a.txt').write_text(how)\nassert table.read_text() == before",
    "if how == 'killed': os.kill(os.getpid(), signal.SIGKILL)",
]


def test_an_output_made_as_an_artifact_is_in_place_only_after_its_gates(repo, monkeypatch):
    write(repo / "case.ipynb", *STAGED)
    (repo / "out.csv").write_text("yesterday")
    gates = {"schema": {"out.csv": {"columns": {"label": {"type": "text", "values": ["good"]}}}}}
    gates["size"] = {"models": {"max": 4}}
    made = promote("case.ipynb", outputs=["out.csv", "models"], gates=gates)  # checked by a run
    assert (repo / "out.csv").read_text() == "yesterday"
    assert made.outputs == ("out.csv", "models")
    for how, status in (("bad", "gate_failed"), ("killed", "kernel_died")):
        failed = run("case", {"how": how})
        assert (failed.status, (repo / "out.csv").read_text()) == (status, "yesterday"), failed.record.error
        assert not (repo / "models").exists()
    done = run("case", run_id="good")
    assert (done.status, [g["passed"] for g in done.record.gates]) == ("succeeded", [True, True]), done.record.error
    assert ((repo / "out.csv").read_text(), (repo / "models" / "a.txt").read_text()) == ("label\ngood\n", "good")
    hashes = {f.path: f.sha256 for f in done.record.outputs}
    assert hashes["out.csv"] == hashes["runs/case/good/artifacts/out.csv"] is not None
    assert not due("case")
    assert sorted(p.name for p in repo.iterdir() if p.name.endswith(".tmp")) == []

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(staging, "put_in_place", refuse)
    full = run("case")
    assert (full.status, full.record.error.error) == ("failed", "OSError")
    assert (repo / "out.csv").read_text() == "label\ngood\n"


def test_outputs_that_cannot_be_put_back_are_told(repo, monkeypatch):
    write(repo / "case.ipynb", "x = 1", "open('a.txt', 'w').write('new')\nassert False")
    promote("case.ipynb", outputs=["a.txt"], check=False)
    (repo / "a.txt").write_text("old")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(staging, "put_back", refuse)
    done = run("case", run_id="one")
    assert (done.status, done.record.error.error) == ("failed", "AssertionError")
    assert (
        "could not be put back ([Errno 28] No space left on device). They are in runs/case/one/before."
        in done.record.note
    )
    assert (done.folder / "before" / "a.txt").read_text() == "old"


def test_the_command_line_knows_the_verbs(root):
    done = command("--help", cwd=root)
    assert all(f"  {verb} " in done.stdout for verb in ("diff", "reproduce", "tag", "due"))
