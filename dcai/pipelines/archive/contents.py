"""What files and folders held, as runs record it: hashes, and marks that tell whether something was written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from dcai.base import store
from dcai.base.errors import MissingError
from dcai.base.records import FileHash
from dcai.pipelines.names import relative_to_root

# What changes when a file is written, of a file or of everything in a folder; None where there is nothing.
Mark = tuple[tuple[str, int, int, int], ...] | None
_GAP = "  "  # between the hash and the name of a file
_ESCAPED = "\\"  # before the hash of a file whose name is escaped


def hash_files(root: Path, paths: Iterable[str], lists: Path | None = None) -> list[FileHash]:
    """Hash files, and folders by the files in them; what is missing or cannot be read has no hash.

    Below `lists`, what a folder held is kept by its hash, so that a file of it is known again; see `read_list`.
    """
    return [hash_file(root, p, lists) for p in paths]


def hash_file(root: Path, name: str, lists: Path | None = None) -> FileHash:
    """Hash one file or folder."""
    path = root / name
    shown = relative_to_root(path, root)
    try:
        if path.is_file():
            return FileHash(shown, store.sha256_of(path), path.stat().st_size)
        return _hash_folder(path, shown, lists) if path.is_dir() else FileHash(shown, None, None)
    except (OSError, MissingError):  # unreadable, or gone in this moment: the record must be settled all the same
        return FileHash(shown, None, None)


def _hash_folder(path: Path, shown: str, lists: Path | None) -> FileHash:
    files = sorted(p for p in path.rglob("*") if p.is_file())
    text = write_list((store.sha256_of(one), one.relative_to(path).as_posix()) for one in files)
    sha256 = hashlib.sha256(text).hexdigest()
    if lists is not None and not (lists / sha256).exists():
        store.write_atomic(lists / sha256, text)
    return FileHash(shown, sha256, sum(p.stat().st_size for p in files))


def read_list(lists: Path, sha256: str) -> dict[str, str] | None:
    """Return the hashes of the files in a folder by their names in it; None where it was no folder, or was not kept.

    Examples
    --------
    >>> read_list(Path("/absent"), "0" * 64)
    """
    try:
        return {name: found for found, name in parse_list((lists / sha256).read_bytes())}
    except OSError:
        return None


def write_list(files: Iterable[tuple[str, str]]) -> bytes:
    """Write the hashes and names of the files in a folder, as its own hash is made of them.

    Examples
    --------
    >>> parse_list(write_list([("0" * 64, "a.csv")])) == [("0" * 64, "a.csv")]
    True
    """
    return "".join(_write_line(*one) for one in files).encode("utf-8", "surrogateescape")


def _write_line(sha256: str, name: str) -> str:
    """Write a hash and a name; a name with a line break is escaped, and its line begins accordingly, as `sha256sum` has it."""
    if "\n" not in name:
        return f"{sha256}{_GAP}{name}\n"
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n")
    return f"{_ESCAPED}{sha256}{_GAP}{escaped}\n"


def _read_line(line: str) -> tuple[str, str]:
    sha256, _, name = line.removeprefix(_ESCAPED).partition(_GAP)
    if line.startswith(_ESCAPED):
        name = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], name)
    return sha256, name


def parse_list(text: bytes) -> list[tuple[str, str]]:
    """Return the hashes and names of the files in a folder."""
    lines = text.decode("utf-8", "surrogateescape").split("\n")  # a name may hold what else ends lines
    return [_read_line(line) for line in lines if line]


def mark_files(root: Path, paths: Iterable[str]) -> dict[str, Mark]:
    """Mark the files, and folders with what is in them, that a run is to write; see `unwritten`."""
    return {p: _mark(root / p) for p in paths}


def _mark(path: Path) -> Mark:
    try:
        states = [(str(path), path.stat()), *((str(p), p.lstat()) for p in sorted(path.rglob("*")))]
    except OSError:
        return None
    # The time of change as well: a copy may bring the time of modification of its original along.
    return tuple((name, s.st_mtime_ns, s.st_ctime_ns, s.st_size) for name, s in states)


def unwritten(root: Path, before: Mapping[str, Mark], *, stopped: bool = False) -> list[str]:
    """Name the files that are missing, or still as they were marked: the run in between did not write them.

    A run that stopped on purpose may have found what is there from earlier good enough; then only the missing count.
    """
    now = mark_files(root, before)
    return [p for p, mark in before.items() if now[p] is None or (now[p] == mark and not stopped)]
