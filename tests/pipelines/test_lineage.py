"""Lineage: what made a file, down to the corrected labels, and what a bad file or a late correction made stale."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dcai
from dcai.base.errors import InputError, MissingError
from dcai.base.records import Correction, FileHash, RunRecord
from dcai.corrections.decisions.standing import find_standing
from dcai.pipelines.archive import ledger
from dcai.pipelines.origins.edits import LogStates
from dcai.pipelines.origins.lineage_graph import Lineage
from dcai.pipelines.origins.provenance import Provenance, name_of, reads_of

from . import openlineage
from .conftest import call_main, git, make_repository, write


def events_of(folder):
    """The OpenLineage events of a run, each valid by the specification."""
    events = [json.loads(line) for line in (folder / "openlineage.jsonl").read_text().splitlines()]
    for event in events:
        openlineage.validate(event)
    return events


def decide(log, key, value, given="cat", **facts):
    """Append a decision about the label of one row; returns the log."""
    line = Correction(
        0, "", "relabel", key, None, "label", given, value, "row:columns", "ann", "", {}, "", columns=["id", "label"]
    )
    return log.append(dataclasses.replace(line, **facts))


# ---------------------------------------------------------------- real runs


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """`prepare` reads a table and a log and writes a clean table; `train` reads that and writes a model."""
    repo = make_repository(tmp_path_factory.mktemp("made") / "repo").resolve()
    (repo / "data.csv").write_text("id,label\n17,cat\n18,dog\n")
    decide(dcai.CorrectionLog.read_or_new(repo / "corrections" / "label.jsonl"), {"id": 17}, "dog")
    clean = "log = open('corrections/label.jsonl').read(); import shutil; shutil.copy('data.csv', 'clean.csv'); open('clean.csv', 'a').write(f'# {fold}')"
    write(repo / "prepare.ipynb", "fold = 1", clean)
    model = "open('model.txt', 'w').write(open('clean.csv').read() + str(rate)); open(dcai.artifact('<b>.txt'), 'w').write('b')"
    write(repo / "train.ipynb", "rate = 0.5", "import dcai", model)
    (repo / "clean.csv").write_text("")
    dcai.promote(repo / "prepare.ipynb", inputs=["data.csv"], outputs=["clean.csv"], check=False)
    dcai.promote(repo / "train.ipynb", inputs=["clean.csv"], outputs=["model.txt"], check=False)
    manifest = repo / "pipelines" / "train" / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + "upstream: [prepare]\ncorrections: []\n")
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "Pipelines")
    return repo, dcai.run("prepare", root=repo), dcai.run("train", {"rate": 0.25}, root=repo)


@pytest.fixture
def chain(made, tmp_path, monkeypatch):
    """A copy of that repository, to be changed, and the two runs."""
    shutil.copytree(made[0], tmp_path / "repo")
    monkeypatch.chdir(tmp_path / "repo")
    return (tmp_path / "repo").resolve(), made[1], made[2]


def test_a_model_is_traced_to_runs_commit_parameters_inputs_and_corrected_labels(chain, capsys):
    repo, prepared, trained = chain
    found = dcai.trace("model.txt")
    assert found.runs == [trained.record, prepared.record]
    assert found.runs[0].commit == git(repo, "rev-parse", "HEAD").strip()
    assert found.runs[0].parameters == {"rate": 0.25}
    assert {f.path for f in found.artifacts} == {"clean.csv", "data.csv", "corrections/label.jsonl"}
    (corrected,) = found.corrections.to_dict("records")
    facts = ("run", "key", "column", "given", "value", "by")
    assert [corrected[f] for f in facts] == [name_of(prepared.record), {"id": 17}, "label", "cat", "dog", "ann"]
    assert trained.record.upstream == [name_of(prepared.record)]

    # What is decided later changes nothing about what was read then; a file is known by its content wherever it is.
    decide(dcai.CorrectionLog.read(repo / "corrections" / "label.jsonl"), {"id": 18}, "cat", given="dog")
    (repo / "model.txt").rename(repo / "moved.txt")
    assert len(dcai.trace("moved.txt").corrections) == 1
    code, said, _ = call_main(capsys, "trace", "moved.txt", "--json", "--html", "page.html")
    plain = json.loads(said)
    assert code == 0
    assert [n["name"] for n in plain["nodes"] if n["kind"] == "run"] == [name_of(r) for r in found.runs]
    assert plain["corrections"][0]["value"] == "dog"
    assert "1 corrections stood in the logs" in (repo / "page.html").read_text()
    code, said, _ = call_main(capsys, "trace", "moved.txt")
    assert (code, "{'id': 17} label: relabel 'cat' -> 'dog'" in said) == (0, True)


def test_a_late_correction_makes_stale_what_was_made_without_it(chain, capsys):
    repo, prepared, trained = chain
    log = repo / "corrections" / "label.jsonl"
    assert dcai.impact((log, {"id": 17}, "label")).runs == []  # it was read with the decision that stands
    late = decide(dcai.CorrectionLog.read(log), {"id": 18}, "cat", given="dog")
    found = dcai.impact((log, {"id": "18"}, "label"))
    assert found.runs == [prepared.record, trained.record]
    assert {f.path.rpartition("/")[2] for f in found.artifacts} == {"clean.csv", "model.txt", "<b>.txt"}
    again = dcai.run("prepare")
    assert name_of(again.record) not in [name_of(r) for r in dcai.impact((log, {"id": 18}, "label")).runs]
    # Taken back, it is the run that read it that is stale.
    undo = dataclasses.replace(late.corrections[-1], verdict="undo", undoes=late.corrections[-1].id)
    dcai.CorrectionLog.read(log).append(undo)
    assert dcai.impact((log, {"id": 18}, "label")).runs == [again.record]
    code, said, _ = call_main(capsys, "impact", log, "--key", "id=18", "--column", "label", "--json")
    assert (code, [n["name"] for n in json.loads(said)["nodes"][1:2]]) == (0, [name_of(again.record)])


def test_a_bad_file_makes_stale_whatever_stands_on_it(chain, capsys):
    repo, prepared, trained = chain
    assert dcai.impact("data.csv").runs == [prepared.record, trained.record]
    assert dcai.impact("clean.csv").runs == [trained.record]
    assert dcai.impact("README.md").runs == []
    content = hashlib.sha256((repo / "data.csv").read_bytes()).hexdigest()
    (repo / "data.csv").write_text("id,label\n17,cat\n")
    assert dcai.impact("data.csv").runs == dcai.impact("data.csv", content=content[:12]).runs
    assert dcai.impact("data.csv", content="0" * 12).runs == []
    code, said, _ = call_main(capsys, "impact", "README.md")
    assert (code, "No recorded run stands on it." in said) == (0, True)


def test_every_run_tells_openlineage_of_its_start_and_end(made):
    repo, prepared, _ = made
    start, end = events_of(prepared.folder)
    assert [start["eventType"], end["eventType"]] == ["START", "COMPLETE"]
    assert start["run"]["runId"] == end["run"]["runId"]
    assert [d["name"] for d in end["inputs"]] == [str(repo / "data.csv"), str(repo / "corrections" / "label.jsonl")]
    version = end["outputs"][0]["facets"]["version"]["datasetVersion"]
    assert version == hashlib.sha256((repo / "clean.csv").read_bytes()).hexdigest()
    write(repo / "bad.ipynb", "1 / 0", tag=None)
    failed = dcai.run(repo / "bad.ipynb")
    last = events_of(failed.folder)[-1]
    assert start["run"]["facets"]["executionParameters"]["parameters"] == [{"key": "fold", "value": "1"}]
    assert (last["eventType"], last["run"]["facets"]["errorMessage"]["message"]) == (
        "FAIL", "ZeroDivisionError: division by zero",
    )  # fmt: skip


def test_a_run_whose_process_was_killed_is_told_as_aborted(repo):
    folder = repo / "runs" / "x" / "20260101T000000-000000-aaaaaa"
    gone = dataclasses.replace(make_run("x", folder.name, 0), status="running", ended=None, pid=2**22 - 1)
    ledger.write_record(folder / ledger.RECORD, dataclasses.replace(gone, host=os.uname().nodename))
    assert ledger.read_record(folder).status == "interrupted"
    assert [e["eventType"] for e in events_of(folder)] == ["START", "ABORT"]


# ---------------------------------------------------------------- what cannot be found out


def test_messages_say_what_is_wrong_and_what_to_do(chain, capsys):
    repo, _, trained = chain
    with pytest.raises(
        MissingError, match="There is no file 'nothing.txt' .* and no run has made one. Check the path."
    ):
        dcai.trace("nothing.txt")
    with pytest.raises(MissingError, match="No recorded run has made 'data.csv'. Name it in 'outputs'"):
        dcai.trace("data.csv")
    with pytest.raises(MissingError, match="There is no file 'gone.csv' .* and no run has read or made one."):
        dcai.impact("gone.csv")
    log = "corrections/label.jsonl"
    with pytest.raises(MissingError, match=r"No decision in corrections/label.jsonl is about 'label' of {'id': 99}"):
        dcai.impact((log, {"id": 99}, "label"))
    with pytest.raises(MissingError, match="There is no correction log 'corrections/none.jsonl'"):
        dcai.impact(("corrections/none.jsonl", {"id": 17}, "label"))
    for cell in ((log, {}, "label"), (log, 17, "label"), 3):
        with pytest.raises(InputError, match=r"must be a path, or a cell as \(log, key, column\)"):
            dcai.impact(cell)
    assert call_main(capsys, "impact", log, "--column", "label")[0] == 2
    assert "--key needs NAME=VALUE. Got 'id' instead." in call_main(capsys, "impact", log, "--key", "id")[2]
    (repo / "model.txt").write_text("by hand")
    assert "model.txt has changed since: this is not what the run wrote." in dcai.trace("model.txt").notes[0]
    assert dcai.trace("model.txt").runs[0] == trained.record
    manifest = repo / "pipelines" / "train" / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("[prepare]", "[prepair]"))
    with pytest.raises(MissingError, match="There is no pipeline 'prepair'. Did you mean 'prepare'?"):
        dcai.run("train")


def test_a_log_that_was_written_anew_is_found_in_git_or_said_to_be_lost(chain):
    repo, _, _ = chain
    log = repo / "corrections" / "label.jsonl"
    lines = log.read_text()
    log.unlink()
    decide(dcai.CorrectionLog.read_or_new(log), {"id": 18}, "cat", given="dog")
    assert list(dcai.trace("clean.csv").corrections["key"]) == [{"id": 17}]  # it was committed
    # Never committed, and gone: what it held cannot be named, and runs that read it count as stale.
    dcai.run("prepare")
    log.write_text(lines)
    decide(dcai.CorrectionLog.read(log), {"id": 17}, "owl")
    found = dcai.trace("clean.csv")
    assert "is lost: neither the file nor git holds it any more." in found.notes[0]
    assert len(found.corrections) == 0
    notes = dcai.impact((log, {"id": 17}, "label")).notes
    assert [n for n in notes if "counts as stale: the log as it read it is lost" in n]


def test_what_stood_in_a_log_is_known_when_its_run_has_ended(made, monkeypatch):
    repo, prepared, _ = made
    (log,) = prepared.record.corrections
    assert (repo / "runs" / ".index" / f"{log.sha256}.npy").is_file()
    monkeypatch.setattr("dcai.pipelines.origins.edits._skim", None)  # nothing needs to be read anew
    assert len(dcai.trace(repo / "clean.csv").corrections) == 1


def test_sensitive_columns_are_masked_and_hostile_text_is_escaped(chain):
    repo, _, _ = chain
    (repo / "dcai.yaml").write_text("sensitive: [label, id]\n")
    found = dcai.trace("model.txt")
    assert found.correction_rows()[0]["given"] == found.correction_rows()[0]["key"]["id"] == "(hidden)"
    evil = "<img onerror=alert(1)>.csv"
    (repo / evil).write_text("x")
    page = dcai.impact("clean.csv")._repr_html_() + dcai.impact(evil)._repr_html_()
    assert "&lt;b&gt;.txt" in page
    assert "<b>" not in page
    assert "<img" not in page
    assert "17" not in json.dumps(found.to_plain()["corrections"][0]["key"])
    assert not re.search(r"(src|href)=|url\(", page)


# ---------------------------------------------------------------- laws


def make_run(pipeline, run, minute, inputs=(), outputs=(), logs=()):
    """The record of a run that began and ended within one minute; files are (path, content)."""
    files = [[FileHash(p, c and c * 32, len(c or "")) for p, c in group] for group in (inputs, outputs, logs)]
    return RunRecord(
        v=1, run=run, pipeline=pipeline, notebook="n.ipynb", status="succeeded", exit_code=0, parameters={},
        commit=None, dirty=None, inputs=files[0], outputs=files[1], corrections=files[2], metrics={}, gates=[],
        resources=None, environment={}, started=f"2026-01-01T{minute // 60:02d}:{minute % 60:02d}:00.000000Z",
        ended=f"2026-01-01T{minute // 60:02d}:{minute % 60:02d}:30.000000Z", error=None, cells_total=0, cells_done=0,
    )  # fmt: skip


FILES = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["00", "01", "02", "03", None])), max_size=3)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(FILES, FILES), max_size=9), st.sampled_from("abcd"))
def test_impact_is_what_brute_force_finds(shapes, bad):
    records = [make_run("p", f"r{i}", i, reads, writes) for i, (reads, writes) in enumerate(shapes)]
    known = Provenance.of(reversed(records))

    def made_by(reader, file):
        """The last run before `reader` that wrote these bytes, at this place if there is one."""
        before = [r for r in records if r.ended <= reader.started]
        for same in ([(file.path, file.sha256)], [(p, file.sha256) for p in "abcd"]):
            found = [r for r in before if any((o.path, o.sha256) in same and o.sha256 for o in r.outputs)]
            if found:
                return found[-1]
        return None

    stale = set()
    for one in records:  # makers come before readers
        for file in reads_of(one):
            maker = made_by(one, file)
            if file.path == bad or (maker is not None and name_of(maker) in stale):
                stale.add(name_of(one))
    walked = list(known.walk(known.readers_of(bad), forwards=True))
    assert {name for _, name, _ in walked} == stale
    assert len(walked) == len(stale)
    for _, name, _ in walked:  # and backwards from each of them lies one that read the bad file
        behind = {n for _, n, _ in known.walk([name], forwards=False)}
        assert behind & set(known.readers_of(bad))


PLACES = ["d/x", "d/y", "d", "e"]
STEP = st.tuples(st.sets(st.sampled_from(PLACES), max_size=2), st.sets(st.sampled_from(PLACES), max_size=2))


def is_about(path, other):
    return path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=8), st.sampled_from(PLACES), st.booleans())
def test_impact_goes_through_folders_as_brute_force_finds(tmp_path_factory, steps, bad, listed):
    """Runs read and write files and folders of a small world; who wrote last what another one reads is known there."""
    lists = tmp_path_factory.mktemp("lists")
    state, writer = {place: f"{n:02x}" * 32 for n, place in enumerate(["d/x", "d/y", "e"])}, {}

    def seen(place):
        if place in state:
            return FileHash(place, state[place], 1)
        text = "".join(f"{state[f]}  {f[2:]}\n" for f in ("d/x", "d/y")).encode()
        (lists / hashlib.sha256(text).hexdigest()).write_bytes(text)
        return FileHash(place, hashlib.sha256(text).hexdigest(), 2)

    records, stale = [], set()
    for number, (reads, writes) in enumerate(steps):
        one = dataclasses.replace(make_run("p", f"r{number}", number), inputs=[seen(p) for p in sorted(reads)])
        before = {writer.get(f) for p in reads for f in state if is_about(f, p)}
        if any(is_about(p, bad) for p in reads) or before & stale:
            stale.add(name_of(one))
        for file in (f for f in state if any(is_about(f, p) for p in writes)):
            state[file], writer[file] = hashlib.sha256(f"{number} {file}".encode()).hexdigest(), name_of(one)
        records.append(dataclasses.replace(one, outputs=[seen(p) for p in sorted(writes)]))
    known = Provenance.of(records, lists if listed else None)
    found = {name for _, name, _ in known.walk(known.readers_of(bad), forwards=True)}
    assert stale <= found  # where no lists were kept, a place alone counts
    assert found == stale or not listed


def test_a_file_in_a_folder_is_traced_and_a_bad_folder_has_an_impact(repo, capsys):
    (repo / "data").mkdir()
    (repo / "data" / "train.csv").write_text("x\n1\n")
    (repo / "models").mkdir()
    (repo / "models" / "a.txt").write_text("")
    fit = "import shutil; shutil.copy('data/train.csv', 'models/a.txt'); open('models/b.txt', 'w').write(str(rate))"
    write(repo / "fit.ipynb", "rate = 1", fit)
    write(repo / "use.ipynb", "rate = 1", "open('out.txt', 'w').write(open('models/a.txt').read() * rate)")
    dcai.promote(repo / "fit.ipynb", inputs=["data/train.csv"], outputs=["models"], check=False)
    dcai.promote(repo / "use.ipynb", inputs=["models/a.txt"], outputs=["out.txt"], check=False)
    fitted, used = dcai.run("fit").record, dcai.run("use").record
    assert dcai.trace("out.txt").runs == [used, fitted]
    assert dcai.trace("models/b.txt").runs == [fitted]
    assert dcai.impact("data").runs == [fitted, used]
    assert dcai.impact("models").runs == [used]
    assert call_main(capsys, "impact", "data", "--json")[1].count('"kind": "run"') == 2
    (repo / "models" / "a.txt").write_text("by hand")  # of another content it is nobody's
    assert "models/a.txt has changed since" in dcai.trace("models/a.txt").notes[0]
    assert "out.txt" in [f.path for f in dcai.impact("data/train.csv").artifacts]


DECISIONS = st.lists(
    st.tuples(st.sampled_from([1, 2]), st.sampled_from(["x", "y"]), st.sampled_from(["ann", "bob"]), st.booleans()),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(decisions=DECISIONS)
def test_the_corrections_of_every_state_of_a_log_are_those_that_stood_in_it(tmp_path_factory, decisions):
    root = tmp_path_factory.mktemp("states")
    path = root / "corrections" / "label.jsonl"
    sizes = []
    log = dcai.CorrectionLog.read_or_new(path)
    for key, value, by, undo in decisions:
        log = decide(log, {"id": key}, value, by=by)
        if undo:
            log = log.append(dataclasses.replace(log.corrections[-1], verdict="undo", undoes=log.corrections[-1].id))
        sizes.append(path.stat().st_size)
    whole = path.read_bytes()
    files = [FileHash("corrections/label.jsonl", hashlib.sha256(whole[:size]).hexdigest(), size) for size in sizes]
    states = LogStates.read(root, "corrections/label.jsonl", reversed(files))
    for size, file in zip(sizes, files, strict=True):
        part = root / "part.jsonl"
        part.write_bytes(whole[:size])
        then = dcai.CorrectionLog.read(part)
        outcomes = {}
        for one in find_standing(then.corrections):
            outcomes.setdefault(str(one.key), set()).add(one.value)
        expected = {k: min(v) for k, v in outcomes.items() if len(v) == 1}  # where nobody disagrees
        rows = states.applied(file).rows(frozenset())
        assert {str(row["key"]): row["value"] for row in rows} == expected


def test_an_empty_lineage_shows_itself():
    assert repr(Lineage("a\nb", ())) == "<Lineage of 'a b': 0 runs, 0 files stand behind it>"
    assert "0 runs and 0 files stand behind it." in Lineage("x", ())._repr_html_()
