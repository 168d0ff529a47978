"""What is shown as saved is on disk: killed processes, full disks, several writers, branches that merge."""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base import store
from dcai.base.errors import InputError, LogError
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review

from .conftest import audit_of

ROOT = Path(__file__).parents[2]
LIMIT = 20_000

DECIDE = """
import sys
import time
import pandas as pd
from dcai.base.errors import LogError
from dcai.corrections.session import Review
from tests.corrections.conftest import audit_of

frame = pd.DataFrame({"x": range(200), "y": ["a", "b"] * 100})
review = Review(audit_of(frame), sys.argv[1], by=sys.argv[2])
print("READY", flush=True)
sys.stdin.readline()
for row in range(int(sys.argv[3])):
    try:
        print(review.decide(row, "keep", note=f"{sys.argv[2]}:{row}").id, flush=True)
        time.sleep(0.001)  # so that another process has its turn
    except LogError as error:
        print("REFUSED", error, flush=True)
        break
"""


def decide_elsewhere(path: Path, by: str, count: int, **options: Any) -> subprocess.Popen[str]:
    """Let another process decide."""
    command = [sys.executable, "-c", DECIDE, str(path), by, str(count)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, text=True, cwd=ROOT, **pipes, **options)
    assert process.stdout is not None
    assert process.stdout.readline() == "READY\n"
    return process


def test_killed_processes_and_kernels_lose_nothing_and_write_nothing_twice() -> None:
    command = [
        sys.executable,
        "tests/benchmarks/bench_kills.py",
        "--kills",
        "12",
        "--kernels",
        "1",
        "--browsers",
        "12",
        "--seed",
        "7",
        "--json",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    for found in outcomes.values():
        assert found["confirmed"] > found["kills"] > 0
        assert (found["lost"], found["duplicated"]) == (0, 0)
    # One was under way at each kill; of a kernel's output more may be on its way.
    assert outcomes["processes"]["written, not yet confirmed"] <= outcomes["processes"]["kills"]


def check_full(path: Path, told: str) -> list[str]:
    """Check what a disk that became full has left, and return the ids that were confirmed."""
    *confirmed, refusal = told.splitlines()
    assert refusal.startswith(f"REFUSED The decision could not be saved to {str(path)!r}: ")
    assert "Nothing was written; free space or rights and decide again." in refusal
    assert len(confirmed) > 3
    text = path.read_bytes()
    assert text.endswith(b"\n")
    assert [json.loads(line)["id"] for line in text.splitlines()] == confirmed
    return confirmed


def test_a_file_that_cannot_grow_is_an_error_and_nothing_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "corrections" / "y.jsonl"
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))  # noqa: E731 (it runs in the child only)
    told, _ = decide_elsewhere(path, "ada", 200, preexec_fn=limit).communicate("go\n")
    confirmed = check_full(path, told)
    frame = pd.DataFrame({"x": range(200), "y": ["a", "b"] * 100})
    review = Review(audit_of(frame), path, by="ada")  # there is room again: it goes on
    review.decide(199, "keep")
    assert [c.id for c in CorrectionLog.read(path).corrections][:-1] == confirmed


def test_a_decision_that_is_on_disk_is_never_told_as_lost(
    pets: pd.DataFrame, log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = Review(audit_of(pets), log_path, by="ada")
    append, look = store.append_lines, Path.stat

    def look_once(path: Path, **options: Any) -> Any:
        if path != log_path:
            return look(path, **options)
        monkeypatch.setattr(Path, "stat", look)
        raise OSError(116, "Stale file handle")

    def append_and_lose_sight(path: Path, lines: list[str]) -> None:
        append(path, lines)
        monkeypatch.setattr(Path, "stat", look_once)

    monkeypatch.setattr(store, "append_lines", append_and_lose_sight)
    line = review.decide(0, "keep")
    assert Path.stat is look
    monkeypatch.setattr(store, "append_lines", append)
    assert CorrectionLog.read(log_path).corrections == (line,)
    review.decide(1, "keep")
    assert len(review.log) == len(CorrectionLog.read(log_path)) == 2


def test_a_full_file_system_is_an_error_and_nothing_is_half_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        path = disk / "corrections" / "y.jsonl"
        told, _ = decide_elsewhere(path, "ada", 200).communicate("go\n")
        assert "No space left on device" in told
        check_full(path, told)
        assert sorted(p.name for p in path.parent.iterdir()) == [".gitattributes", "y.jsonl"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_two_notebooks_writing_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "y.jsonl"
    writers = [decide_elsewhere(path, by, 60) for by in ("ada", "bob")]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    confirmed = [line for writer in writers for line in writer.communicate()[0].splitlines()]
    log = CorrectionLog.read(path)
    assert len(confirmed) == 120
    assert sorted(c.id for c in log.corrections) == sorted(confirmed)
    times = [c.at for c in log.corrections]
    assert times == sorted(set(times))
    names = [c.by for c in log.corrections]
    assert sum(a != b for a, b in itertools.pairwise(names)) > 1  # they did write at the same time


def test_a_process_sees_what_another_has_decided_since(pets: pd.DataFrame, log_path: Path) -> None:
    ada, bob = (Review(audit_of(pets, found=[(0, "y", "dog")]), log_path, by=by) for by in ("ada", "bob"))
    ada.decide("f0", "relabel", "dog")
    bob.decide(1, "keep")
    assert bob.decided("f0") == "relabel"
    assert len(bob.log) == 2


# ---------------------------------------------------------------- branches


@pytest.fixture
def merge(tmp_path: Path, pets: pd.DataFrame) -> Any:
    """Let two people decide on branches of their own, and merge these in git."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def carry_out(ada: Any, bob: Any) -> tuple[Review, pd.DataFrame]:
        path = tmp_path / "corrections" / "y.jsonl"
        git("init", "-q", "-b", "main")
        Review(audit_of(pets), path, by="ada").decide(5, "keep")
        git("add", ".")
        git("commit", "-qm", "start")
        git("checkout", "-qb", "bob")
        bob(Review(audit_of(pets), path, by="bob"))
        git("commit", "-qam", "bob")
        git("checkout", "-q", "main")
        ada(Review(audit_of(pets), path, by="ada"))
        git("commit", "-qam", "ada")
        git("merge", "-q", "bob")
        assert git("status", "--porcelain") == ""
        return Review(audit_of(pets), path, by="eva"), CorrectionLog.read(path).check(pets)

    return carry_out


def test_disagreement_of_two_branches_is_disputed_and_not_the_last_word(merge: Any, pets: pd.DataFrame) -> None:
    review, checks = merge(
        lambda r: r.decide(0, "relabel", "dog", column="y"), lambda r: r.decide(0, "relabel", "bird", column="y")
    )
    disputed = checks[checks["status"] == "disputed"]
    assert sorted(disputed["by"]) == ["ada", "bob"]
    assert "Reviewers disagree (" in disputed["why"].iloc[0]
    assert review.log.apply(pets, stale="skip")["y"].tolist() == pets["y"].tolist()
    review.decide(0, "relabel", "dog", column="y", resolves=list(disputed["id"]))
    assert review.log.apply(pets)["y"].tolist()[0] == "dog"


def test_agreement_and_undo_on_two_branches_merge(merge: Any, pets: pd.DataFrame) -> None:
    def decide_and_regret(review: Review) -> None:
        review.decide(0, "relabel", "dog", column="y")
        review.decide(1, "exclude")
        review.undo()
        review.undo(review.log.corrections[0].id)  # what was decided before the branches parted

    review, checks = merge(decide_and_regret, lambda r: r.decide(0, "relabel", "dog", column="y"))
    assert set(checks["status"]) == {"fits"}
    assert review.log.apply(pets)["y"].tolist() == ["dog", *pets["y"].tolist()[1:]]


# ---------------------------------------------------------------- undo in any order


@given(st.lists(st.tuples(st.sampled_from(["decide", "undo", "redo", "restart"]), st.integers(0, 30)), max_size=14))
@settings(max_examples=60, deadline=None)
def test_any_decision_is_undone_and_redone_in_any_order_after_any_restart(steps: list[tuple[str, int]]) -> None:
    frame = pd.DataFrame({"x": range(4), "y": ["a", "b", "a", "b"]})
    audit = audit_of(frame, found=[(row, "y", "c") for row in range(4)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "y.jsonl"
        review = Review(audit, path, by="ada")
        made: list[tuple[str, int, str]] = []  # id, row, value, in order of time
        undone: set[str] = set()
        for step, number in steps:
            if step == "restart":
                review = Review(audit, path, by="ada")
            elif step == "decide":
                line = review.decide(number % 4, "edit", f"v{number}", column="y")
                made.append((line.id, number % 4, f"v{number}"))
            elif made:
                chosen = made[number % len(made)][0]
                if (chosen in undone) == (step == "undo"):
                    with pytest.raises(InputError, match="is undone already|is not undone"):
                        getattr(review, step)(chosen)
                else:
                    getattr(review, step)(chosen)
                    (undone.add if step == "undo" else undone.discard)(chosen)
        wanted = {row: value for name, row, value in made if name not in undone}
        for one in (review, Review(audit, path, by="ada")):
            for row in range(4):
                assert one.decided(f"f{row}") == ("edit" if row in wanted else None)
            if path.exists():
                assert one.log.apply(frame)["y"].tolist() == [wanted.get(r, frame["y"][r]) for r in range(4)]


# ---------------------------------------------------------------- logs that must be refused


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda line: line.replace('"verdict":"keep"', '"verdict":"exclude"'), "was edited after it was written"),
        (lambda line: line.replace('"v":1', '"v":9'), "has the format version 9"),
        (lambda line: line[:-9], "is not JSON"),
        (lambda line: line.replace("{", "[", 1), "is not JSON"),
        (lambda line: line.replace('"value":null', '"value":1e999'), "is no line of a log"),
    ],
)
def test_a_refused_line_is_named_with_the_way_out(pets: pd.DataFrame, log_path: Path, change: Any, words: str) -> None:
    review = Review(audit_of(pets), log_path, by="ada")
    for row in range(4):
        review.decide(row, "keep")
    lines = log_path.read_text(encoding="utf-8").splitlines()
    lines[2] = change(lines[2])
    log_path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(LogError, match=r"^Line 3 of y\.jsonl ") as caught:
        CorrectionLog.read(log_path)
    assert words in str(caught.value)
    assert any(way in str(caught.value) for way in ("Restore the file from git", "Update dcai to read it"))
    with pytest.raises(LogError, match="Line 3"):
        Review(audit_of(pets), log_path, by="ada")  # and no review begins on it


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda line: line.replace('"verdict":"keep"', '"verdict":"exclude"'), "was edited after it was written"),
        (lambda line: line.replace('"v":1', '"v":2'), "has the format version 2"),
        (lambda line: line.replace('"by":"ada",', ""), "lacks the field 'by'"),
    ],
)
def test_a_whole_last_line_without_its_end_is_refused_and_never_cut_off(
    pets: pd.DataFrame, log_path: Path, change: Any, words: str
) -> None:
    review = Review(audit_of(pets), log_path, by="ada")
    for row in range(2):
        review.decide(row, "keep")
    first, last = log_path.read_text(encoding="utf-8").splitlines()
    log_path.write_text(f"{first}\n{change(last)}", encoding="utf-8")
    before = log_path.read_bytes()
    with pytest.raises(LogError, match=r"^The last line of y\.jsonl ") as caught:
        CorrectionLog.read(log_path)
    assert words in str(caught.value)
    with pytest.raises(LogError, match="The last line"):
        review.decide(2, "keep")
    assert log_path.read_bytes() == before


def test_what_others_append_is_read_on_and_what_they_change_is_read_anew(pets: pd.DataFrame, log_path: Path) -> None:
    """However a file comes to its lines, a log that followed it is one that reads it now."""
    ada, bob = (Review(audit_of(pets), log_path, by=name) for name in ("ada", "bob"))
    for step in range(12):
        (ada, bob)[step % 2].decide(step % 6, ("keep", "unsure", "exclude")[step % 3])
        data = log_path.read_bytes()
        if step == 4:
            log_path.write_bytes(data.removesuffix(b"\n"))  # whole, but for its end
        if step == 6:
            log_path.write_bytes(data + b'{"v":1,"torn')
        if step == 8:
            *lines, last = data.splitlines(keepends=True)
            log_path.write_bytes(b"".join([lines[0], last, *lines[1:]]))  # as a merge puts them in the middle
        for review in (ada, bob):
            review.catch_up()
            known = CorrectionLog.read(log_path)
            assert review.log.corrections == known.corrections
            assert review.log.digest.starts(log_path.read_bytes())
            fresh = Review(audit_of(pets), log_path, by=review.by)
            assert review.progress == fresh.progress
    lines = log_path.read_bytes().splitlines(keepends=True)
    log_path.write_bytes(b"".join([*lines[:3], lines[3].replace(b'"note":""', b'"note":"!"'), *lines[4:]]))
    with pytest.raises(LogError, match="Line 4 of"):
        ada.catch_up()


# ---------------------------------------------------------------- how git merges


def check_merge(root: Path, name: str) -> str:
    command = ["git", "-C", str(root), "check-attr", "merge", "--", name]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().rpartition(" ")[2]


@pytest.mark.parametrize("name", ["reviews/a log.jsonl", "corrections/y.jsonl", "deep/er/y[1].jsonl"])
def test_git_merges_a_log_wherever_it_is_below_the_root(name: str, pets: pd.DataFrame, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    Review(audit_of(pets), tmp_path / name, by="ada").decide(0, "keep")
    assert check_merge(tmp_path, name) == "union"
    other = str(Path(name).with_name("other.csv"))
    assert check_merge(tmp_path, other) == "unspecified"


def test_a_file_of_the_users_is_left_and_the_line_for_it_is_said(
    pets: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / ".gitattributes").write_text("*.txt text")
    for name in ("own/y.jsonl", "y.jsonl"):
        caplog.clear()
        Review(audit_of(pets), tmp_path / name, by="ada").decide(0, "keep")
        assert "two branches with decisions would conflict" in caplog.messages[0]
        assert caplog.messages[0].endswith(": y.jsonl merge=union text eol=lf")
    assert (tmp_path / "own" / ".gitattributes").read_text() == "*.txt text"
    assert not (tmp_path / ".gitattributes").exists()
    # In dcai's own folder the line is added, and where git knows already nothing is.
    (tmp_path / "corrections").mkdir()
    (tmp_path / "corrections" / ".gitattributes").write_text("*.csv text")
    Review(audit_of(pets), tmp_path / "corrections" / "y.jsonl", by="ada").decide(0, "keep")
    written = (tmp_path / "corrections" / ".gitattributes").read_text()
    assert written.startswith("*.csv text\n")
    assert check_merge(tmp_path, "corrections/y.jsonl") == "union"
    Review(audit_of(pets), tmp_path / "corrections" / "z.jsonl", by="ada").decide(0, "keep")
    assert (tmp_path / "corrections" / ".gitattributes").read_text() == written
