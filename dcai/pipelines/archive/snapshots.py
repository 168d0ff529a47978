"""What the files of a run held, kept by content below `runs/`: each content once, whatever reads it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dcai.base import store
from dcai.base.records import FileHash
from dcai.pipelines.archive import contents

FOLDER = ".snapshots"
# The end of names of files that are being written, and the seconds for which one may be.
_UNFINISHED, _AT_WORK = ".tmp", 3600.0


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
    if one.sha256 is None or not is_kept(runs, one):
        return False
    kept = _place(runs, one.sha256)
    files = _read_list(kept)
    if files is None:
        _copy(kept, target)
        return True
    for sha256, name in files:
        _copy(_place(runs, sha256), target / name)
    target.mkdir(parents=True, exist_ok=True)
    return True


def is_kept(runs: Path, one: FileHash) -> bool:
    """Tell whether what a file or folder held was kept whole.

    Examples
    --------
    >>> is_kept(Path("/absent"), FileHash("a.csv", "0" * 64, 1))
    False
    """
    if one.sha256 is None or not _place(runs, one.sha256).is_file():
        return False
    files = _read_list(_place(runs, one.sha256))
    return all(_place(runs, sha256).is_file() for sha256, _ in files or [])


def prune(runs: Path, named: Iterable[str], lists: Path) -> int:
    """Remove contents that no record names any more, such as those of runs whose folders were removed.

    No run may begin meanwhile. What a run under way may be writing at this moment stays.

    Parameters
    ----------
    runs : Path
        The folder of all runs.
    named : iterable of str
        The hashes that records name.
    lists : Path
        Where it is listed what was in folders, see `contents.read_list`; lists that no record names go as well.

    Returns
    -------
    int
        How many bytes are free now.

    Examples
    --------
    >>> prune(Path("/absent"), [], Path("/absent"))
    0
    """
    wanted = set(named)
    for sha256 in list(wanted):
        place = _place(runs, sha256)
        wanted |= {one for one, _ in (_read_list(place) or [])} if place.is_file() else set()
        wanted |= set((contents.read_list(lists, sha256) or {}).values())  # a run may be keeping that folder right now
    kept = [p for p in (runs / FOLDER).glob("*/*") if p.suffix != _UNFINISHED or _is_old(p)]
    unnamed = [p for p in (*kept, *filter(_is_old, lists.glob("*"))) if p.stem not in wanted]
    return sum(map(_remove, unnamed))


def _is_old(path: Path) -> bool:
    """Tell whether a file was written so long ago that no run that is beginning, or copying, is at it."""
    try:
        return time.time() - path.stat().st_mtime > _AT_WORK
    except FileNotFoundError:
        return False


def _remove(path: Path) -> int:
    size = path.stat().st_size
    path.unlink()
    return size


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
    handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=_UNFINISHED)
    os.close(handle)
    try:
        shutil.copyfile(path, temporary)
        if store.sha256_of(Path(temporary)) == sha256:
            Path(temporary).replace(target)
    finally:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()


def _keep_folder(runs: Path, path: Path, sha256: str) -> None:
    files = []
    for one in sorted(p for p in path.rglob("*") if p.is_file()):
        found = store.sha256_of(one)
        if not _place(runs, found).is_file():
            _keep_file(runs, one, found)
        files.append((found, one.relative_to(path).as_posix()))
    text = contents.write_list(files)
    if hashlib.sha256(text).hexdigest() == sha256:
        target = _place(runs, sha256)
        store.write_atomic(
            target.with_suffix(".list"), b""
        )  # says that the content is a list, and not a file that looks so
        store.write_atomic(target, text)


def _read_list(kept: Path) -> list[tuple[str, str]] | None:
    """Return the contents and names of the files of a folder; None where the content is that of a file."""
    if not kept.with_suffix(".list").exists():
        return None
    return contents.parse_list(kept.read_bytes())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
