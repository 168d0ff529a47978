"""Files that are whole or not there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from dcai.base.errors import MissingError
from dcai.base.store import append_lines, sha256_of, write_atomic


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_atomic(tmp_path / "new" / "a.txt", "one")
    path.chmod(0o640)
    write_atomic(path, b"two")
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o640

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "three")
    assert path.read_text() == "two"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_lines_are_appended(tmp_path: Path) -> None:
    append_lines(tmp_path / "a", ["é", "2"])
    append_lines(tmp_path / "a", ["3"])
    assert (tmp_path / "a").read_text(encoding="utf-8") == "é\n2\n3\n"


def break_folders(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let folders refuse to be written through; files do not."""
    whole = os.fsync

    def refuse(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        whole(handle)

    monkeypatch.setattr(os, "fsync", refuse)


def test_a_file_system_whose_folders_cannot_be_synced_takes_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_folders(monkeypatch, errno.EINVAL)
    append_lines(tmp_path / "a", ["1"])
    write_atomic(tmp_path / "b", "2")
    assert (tmp_path / "a").read_text() + (tmp_path / "b").read_text() == "1\n2"


def test_lines_whose_file_may_have_no_name_are_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_folders(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        append_lines(tmp_path / "a", ["1"])
    assert (tmp_path / "a").read_text() == ""


def test_hashing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a").startswith("ba7816bf")
    with pytest.raises(MissingError, match="There is no file .*to hash"):
        sha256_of(tmp_path / "b")
