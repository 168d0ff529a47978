"""What git's history holds of a file: nothing that was committed is gone because it was changed later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dcai.base.git import read_git, stream_git

LARGEST = 2**28  # bytes; larger objects are passed over, and named
_STEP = 2**20


@dataclass(frozen=True)
class Version:
    """A file as one commit has it."""

    commit: str
    content: bytes


def list_versions(root: Path, path: Path) -> list[Version]:
    """Return every version of a file that some commit of some branch or tag holds, the newest commit first.

    Examples
    --------
    >>> list_versions(Path("/"), Path("/nothing.jsonl"))
    []
    """
    name = path.resolve().relative_to(root.resolve()).as_posix()
    listed = read_git(root, "log", "--all", "--full-history", "--format=%H", "--", name).decode().split()
    found: dict[bytes, Version] = {}
    for commit in listed:
        blob = read_git(root, "rev-parse", "--verify", "--quiet", f"{commit}:{name}").strip()
        if blob and blob not in found:
            found[blob] = Version(commit, read_git(root, "cat-file", "blob", blob.decode()))
    return list(found.values())


@dataclass(frozen=True)
class GitObject:
    """A file, a commit or a tag as git stores it; `content` is None where it is too large to be held, or damaged."""

    name: str
    kind: str
    size: int
    content: bytes | None


def read_objects(root: Path) -> Iterator[GitObject]:
    """Read every file, commit and tag that a repository holds: of all branches, stashes, the index, and what no name leads to.

    Examples
    --------
    >>> list(read_objects(Path("/")))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    dcai.base.errors.GitError: git could not read all of /, so what it holds is not known: ...
    """
    for stream in stream_git(root, "cat-file", "--batch-all-objects", "--unordered", "--buffer", "--batch"):
        while head := stream.readline():
            name, kind, *rest = head.decode().split()
            size = int(rest[0]) if rest else 0  # of a damaged object git says no more than that it is missing
            content = _read(stream, size) if rest else None
            if kind != "tree":
                yield GitObject(name, kind, size, content)


def _read(stream: IO[bytes], size: int) -> bytes | None:
    content = stream.read(size) if size <= LARGEST else None
    for start in range(0, size if content is None else 0, _STEP):
        stream.read(min(_STEP, size - start))
    stream.read(1)  # the end of line behind it
    return None if content is None or len(content) < size else content


def name_objects(root: Path) -> dict[str, list[str]]:
    """Return the paths that each object has in some commit of some branch, tag or stash.

    Examples
    --------
    >>> name_objects(Path("/"))
    {}
    """
    names: dict[str, list[str]] = defaultdict(list)
    listed = read_git(root, "rev-list", "--objects", "--all", "--reflog").decode("utf-8", "surrogateescape")
    for line in listed.splitlines():
        name, _, path = line.partition(" ")
        if path:
            names[name].append(path)
    return dict(names)


def find_commits(root: Path, objects: Sequence[str]) -> list[str]:
    """Return the commits of some branch or tag that brought or took away one of some files.

    Examples
    --------
    >>> find_commits(Path("/"), ["3f786850"])
    []
    """
    found = [read_git(root, "log", "--all", "--format=%H", f"--find-object={name}") for name in objects]
    return list(dict.fromkeys(commit for listed in found for commit in listed.decode().split()))


def list_remotes(root: Path) -> list[str]:
    """Return the names of the remotes, which may hold copies of everything.

    Examples
    --------
    >>> list_remotes(Path("/"))
    []
    """
    return read_git(root, "remote").decode().split()
