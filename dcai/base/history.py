"""What git's history holds of a file: nothing that was committed is gone because it was changed later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dcai.base.git import read_git


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


def list_remotes(root: Path) -> list[str]:
    """Return the names of the remotes, which may hold copies of everything.

    Examples
    --------
    >>> list_remotes(Path("/"))
    []
    """
    return read_git(root, "remote").decode().split()
