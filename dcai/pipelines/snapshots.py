"""What the files of a run held, kept by content below `runs/`: each content once, whatever reads it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dcai.base import store
from dcai.base.records import FileHash

FOLDER = ".snapshots"
_LINE = "  "


def keep_files(runs: Path, root: Path, files: Iterable[FileHash]) -> None:
    """Keep what files (and folders) held when they were hashed; what has changed since is not kept.

    A folder's hash is that of the list of its files, which is kept as one more content.
    """
    for one in files:
        path = root / one.path
        if one.sha256 is None or _place(runs, one.sha256).is_file():
            continue
        if path.is_dir():
            _keep_folder(runs, path, one.sha256)
        elif path.is_file():
            _keep_file(runs, path, one.sha256)


def bring_back(runs: Path, one: FileHash, target: Path) -> bool:
    """Write what a file or folder held to `target`; False where it was not kept whole.

    Examples
    --------
    >>> bring_back(Path("/absent"), FileHash("a.csv", "0" * 64, 1), Path("/absent/a.csv"))
    False
    """
    if one.sha256 is None or not _place(runs, one.sha256).is_file():
        return False
    kept = _place(runs, one.sha256)
    files = _read_list(kept) if kept.with_suffix(".list").exists() else None
    if files is None:
        _copy(kept, target)
        return True
    if not all(_place(runs, sha256).is_file() for sha256, _ in files):
        return False
    for sha256, name in files:
        _copy(_place(runs, sha256), target / name)
    target.mkdir(parents=True, exist_ok=True)
    return True


def read_beginning(path: Path, one: FileHash) -> bytes | None:
    """Return what a file that only grows held when it was hashed; None where today's file does not begin like that.

    Examples
    --------
    >>> read_beginning(Path("/absent"), FileHash("a.jsonl", "0" * 64, 1)) is None
    True
    """
    if one.size is None or not path.is_file():
        return None
    with path.open("rb") as stream:
        begun = stream.read(one.size)
    return begun if hashlib.sha256(begun).hexdigest() == one.sha256 else None


def _place(runs: Path, sha256: str) -> Path:
    return runs / FOLDER / sha256[:2] / sha256


def _keep_file(runs: Path, path: Path, sha256: str) -> None:
    target = _place(runs, sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".tmp")
    os.close(handle)
    try:
        shutil.copyfile(path, temporary)
        if store.sha256_of(Path(temporary)) == sha256:
            Path(temporary).replace(target)
    finally:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()


def _keep_folder(runs: Path, path: Path, sha256: str) -> None:
    lines = []
    for one in sorted(p for p in path.rglob("*") if p.is_file()):
        found = store.sha256_of(one)
        if not _place(runs, found).is_file():
            _keep_file(runs, one, found)
        lines.append(f"{found}{_LINE}{one.relative_to(path).as_posix()}\n")
    text = "".join(lines).encode("utf-8", "surrogateescape")
    if hashlib.sha256(text).hexdigest() == sha256:
        target = _place(runs, sha256)
        store.write_atomic(
            target.with_suffix(".list"), b""
        )  # says that the content is a list, and not a file that looks so
        store.write_atomic(target, text)


def _read_list(kept: Path) -> list[tuple[str, str]]:
    lines = kept.read_bytes().decode("utf-8", "surrogateescape").splitlines()
    return [(sha256, name) for sha256, _, name in (line.partition(_LINE) for line in lines)]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
