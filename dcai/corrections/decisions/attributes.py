"""Telling git how two copies of a log are merged: both sides are kept, and time settles what stands."""

from __future__ import annotations

import functools
import logging
from pathlib import Path

from dcai.base import store
from dcai.base.git import read_git, root_of

RULE = "merge=union text eol=lf"
HEAD = "# Both sides of a merge are kept: a line is a decision, and time settles which one stands.\n"
OWN = "corrections"  # the folder that is dcai's own

logger = logging.getLogger("dcai")


@functools.lru_cache(maxsize=256)
def tell_git(log: Path) -> None:
    """Write how git merges a log into the `.gitattributes` beside it, once; say what to write where that file is the user's.

    That file is dcai's in a folder `corrections`, and where there is none yet below the root of a repository.
    """
    attributes, own = log.parent / ".gitattributes", log.parent.name == OWN
    root = root_of(log.parent)
    if root is None:  # a folder `corrections` may become part of a repository later
        if own and not attributes.exists():
            store.write_atomic(attributes, f"{HEAD}*.jsonl {RULE}\n")
        return
    if _is_merged(root, log):
        return
    line = f"*.jsonl {RULE}" if own else f"{_quote(log.name)} {RULE}"
    if own or (not attributes.exists() and log.parent.resolve() != root.resolve()):
        before = attributes.read_bytes() if attributes.exists() else b""
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        store.write_atomic(attributes, before + gap + f"{HEAD}{line}\n".encode("utf-8", "surrogateescape"))
        return
    logger.warning(
        "git does not know how to merge %s: two branches with decisions would conflict. Add this line to %s: %s",
        log.name, attributes, line,
    )  # fmt: skip


def _is_merged(root: Path, log: Path) -> bool:
    """Whether git keeps both sides of this file already."""
    name = log.resolve().relative_to(root.resolve()).as_posix()
    return read_git(root, "check-attr", "-z", "merge", "--", name).split(b"\0")[2:3] == [b"union"]


def _quote(name: str) -> str:
    """Write a file name as a pattern that means this name alone."""
    escaped = "".join(f"\\{c}" if c in "*?[]\\!#" else c for c in name)
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"' if " " in name or '"' in name else escaped
