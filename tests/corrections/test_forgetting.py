"""What must be said when something has to be forgotten: all that git holds is searched, and what was not is told."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from dcai.base import history
from dcai.base.errors import GitError, InputError
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review
from dcai.shells.cli import cli
from tests.corrections.conftest import audit_of

PEOPLE = pd.DataFrame({"who": ["Ann Lee", "Zoë Müller", "Cy"], "pay": [98765.0, 4321.5, 31.0], "y": ["a", "b", "a"]})


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), "-c", "user.name=Ada", "-c", "user.email=ada@example.net", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a log that tells nothing of the columns."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    Review(audit_of(PEOPLE.assign(id=range(3)), key="id"), folder / "corrections" / "y.jsonl", by="ada").decide(
        0, "exclude"
    )
    return folder


def commit(root: Path, name: str, content: bytes | str, message: str = "more") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    git(root, "add", "--force", ".")
    git(root, "commit", "-qm", message)


def log_of(root: Path) -> CorrectionLog:
    return CorrectionLog.read(root / "corrections" / "y.jsonl")


def test_a_table_that_was_committed_is_found_without_the_data(root: Path) -> None:
    commit(root, "people.csv", PEOPLE.to_csv(index=False))
    git(root, "rm", "-q", "people.csv")
    git(root, "commit", "-qm", "gone, it seems")
    remains = log_of(root).forget("pay")
    assert remains.lines == []
    assert [name.partition(" ")[0] for name in remains.tables] == ["people.csv"]
    assert len(remains.commits) == 2
    told = " ".join(remains.sentences)
    assert "Tables with a column 'pay' are in git: 1 object (people.csv (" in told
    assert "git filter-repo" in told


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes/a.ipynb", json.dumps({"cells": [{"outputs": [{"text/html": "<td>98,765</td><td>Zoë Müller</td>"}]}]})),
        ("escaped.json", json.dumps([{"name": "Zoë Müller"}])),
        ("export.html", "<td>Zoë Müller</td>"),
        ("whole.txt", "It is 98765, they say."),
        # Without a time in it: two workers must collect the same tests.
        pytest.param("packed.csv.gz", gzip.compress(b"a,b\n1,Ann Lee\n", mtime=0), id="packed.csv.gz"),
    ],
)
def test_known_values_are_found_wherever_they_were_committed(root: Path, name: str, content: bytes | str) -> None:
    commit(root, name, content)
    assert log_of(root).forget("who", "pay").files == []
    remains = log_of(root).forget("who", "pay", frame=PEOPLE)
    assert [file.partition(" ")[0] for file in remains.files] == [name]
    assert "Known values of 'who', 'pay' stand in clear in git: 1 object" in " ".join(remains.sentences)


def test_a_workbook_is_unpacked_and_what_only_looks_packed_is_read_as_it_is(root: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "book.xlsx", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/sharedStrings.xml", "<t>Ann Lee</t>" + "<t>x</t>" * 500)
    commit(root, "book.xlsx", (tmp_path / "book.xlsx").read_bytes())
    commit(root, "broken.gz", b"\x1f\x8b nothing of the kind, Ann Lee")
    commit(root, "locked.zip", b"PK\x03\x04 nothing of the kind")
    found = log_of(root).forget("who", frame=PEOPLE).files
    assert [file.partition(" ")[0] for file in found] == ["book.xlsx", "broken.gz"]


def test_messages_stashes_the_index_and_lost_commits_are_searched(root: Path) -> None:
    commit(root, "a.txt", "a", "Pay of Ann Lee mended")
    (root / "a.txt").write_text("stashed: Zoë Müller")
    git(root, "stash")
    (root / "index.txt").write_text("in the index: Ann Lee")
    git(root, "add", "index.txt")
    git(root, "reset", "-q")
    found = log_of(root).forget("who", frame=PEOPLE).files
    assert {file.partition(" (")[0] for file in found} == {
        "the message of a commit",
        "a.txt",
        "a file that no commit names",
    }


def test_what_was_not_searched_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(root, "big.txt", "Ann Lee " * 1000)
    commit(root, "data.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    monkeypatch.setattr(history, "LARGEST", 5000)
    remains = log_of(root).forget("who", "pay", frame=PEOPLE)
    told = " ".join(remains.sentences)
    assert remains.files == []
    assert "No object of this git repository that could be read holds a known value of 'who', 'pay'" in told
    assert "Too large, damaged, or in Git LFS, and not searched: 2 objects (big.txt (" in told
    assert "Values of fewer than 4 characters (1) were not looked for." in told
    assert "Not searched: files that git does not hold, submodules, and copies elsewhere" in told
    assert remains.searched > 3


def damage(root: Path, name: str, content: str, change: Callable[[bytes], bytes]) -> str:
    """Commit a file, and break the object of it; the beginning of its name is returned."""
    commit(root, name, content)
    blob = git(root, "rev-parse", f"HEAD:{name}").strip()
    path = root / ".git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(change(path.read_bytes()))
    return blob[:12]


def test_a_repository_that_git_cannot_read_to_its_end_is_no_all_clear(root: Path) -> None:
    chooser = random.Random(5)
    damage(root, "big.txt", "".join(chooser.choices("abcdefgh", k=200_000)), lambda packed: packed[:30_000])
    with pytest.raises(GitError, match="could not read all of .* unable to stream"):
        log_of(root).forget("who", frame=PEOPLE)


def test_an_object_without_a_readable_head_is_named_as_not_searched(root: Path) -> None:
    name = damage(root, "small.txt", "Ann Lee", lambda packed: b"garbage!" + packed[8:])
    told = " ".join(log_of(root).forget("who", frame=PEOPLE).sentences)
    assert f"damaged, or in Git LFS, and not searched: 1 object (small.txt ({name}))" in told


def test_what_the_log_says_in_clear_is_looked_for_elsewhere_and_in_its_notes(root: Path) -> None:
    path = root / "corrections" / "y.jsonl"
    review = Review(audit_of(PEOPLE.assign(id=range(3)), key="id"), path, by="ada")
    line = review.decide(0, "keep", column="who")
    noted = review.decide(1, "keep", note="the boss of Ann Lee")
    commit(root, "list.txt", "1. Ann Lee")
    remains = log_of(root).forget("who")
    assert remains.lines == [line.id, noted.id]
    assert {file.partition(" ")[0] for file in remains.files} == {"list.txt", "corrections/y.jsonl"}


def test_what_names_a_column_is_told_apart(root: Path) -> None:
    commit(root, "train.py", 'frame["pay"].mean()')
    commit(root, "dcai.yaml", "sensitive: [pay]\n")
    commit(root, "other.txt", "repayment")
    remains = log_of(root).forget("pay")
    assert [name.partition(" ")[0] for name in remains.named] == ["train.py"]
    assert (remains.files, remains.tables, remains.commits) == ([], [], [])


def test_the_command_takes_the_data_and_a_wrong_column_is_named(root: Path, tmp_path: Path) -> None:
    PEOPLE.to_csv(tmp_path / "people.csv", index=False)
    commit(root, "list.txt", "1. Ann Lee")
    log = str(root / "corrections" / "y.jsonl")
    done = CliRunner().invoke(cli, ["forget", log, "who", "--data", str(tmp_path / "people.csv"), "--json"])
    assert '"files":["list.txt (' in done.output
    with pytest.raises(InputError, match="no column 'salary'"):
        log_of(root).forget("salary", frame=PEOPLE)


def test_without_a_repository_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "y.jsonl"
    Review(audit_of(PEOPLE), path, by="ada").decide(0, "keep")
    told = CorrectionLog.read(path).forget("who").sentences
    assert told[-1] == "It is in no git repository. Copies elsewhere cannot be seen from here."
