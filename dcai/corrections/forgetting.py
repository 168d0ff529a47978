"""What must be said when something in a log has to be forgotten: where it still stands, and what takes it out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dcai.base import git
from dcai.base.errors import InputError
from dcai.base.history import list_remotes, list_versions
from dcai.base.records import Correction
from dcai.corrections.trials import trial_path
from dcai.corrections.veils import key_behind


@dataclass(frozen=True)
class Remains:
    """What a log and git's history hold of some columns in clear: lines of the file, commits, remotes, and what to do."""

    log: str
    columns: list[str]
    lines: list[str]
    commits: list[str]
    remotes: list[str]
    sentences: list[str]


def find_remains(path: Path, corrections: Sequence[Correction], columns: Sequence[str]) -> Remains:
    """Look for values of columns that stand in a log, in clear, now or in any commit. Nothing is changed."""
    if not columns:
        raise InputError("Name the columns that must be forgotten: log.forget('mail').")
    lines = [c.id for c in corrections if holds(c, columns)]
    root = git.root_of(path.parent)
    commits: list[str] = []
    if root is not None:
        versions = [v for file in (path, trial_path(path)) for v in list_versions(root, file)]
        commits = [v.commit for v in versions if any(holds_plain(line, columns) for line in v.content.splitlines())]
    remotes = [] if root is None else list_remotes(root)
    said = _tell(path, columns, lines, commits, remotes, in_git=root is not None)
    return Remains(str(path), list(columns), lines, list(dict.fromkeys(commits)), remotes, said)


def holds(line: Correction, columns: Sequence[str]) -> bool:
    """Whether a line holds a value of one of some columns in clear."""
    values = [line.key[c] for c in columns if c in line.key]
    if line.column in columns:
        values += [line.given, *(line.value if isinstance(line.value, list) else [line.value])]
    return any(v is not None and key_behind(v) is None for v in values)


def holds_plain(text: bytes, columns: Sequence[str]) -> bool:
    """Whether a line of an older version of a log, which need not be readable today, holds such a value."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(line, dict):
        return False
    key = line.get("key")
    values = [key.get(c) for c in columns] if isinstance(key, dict) else []
    if line.get("column") in columns:
        value = line.get("value")
        values += [line.get("given"), *(value if isinstance(value, list) else [value])]
    return any(v is not None and key_behind(v) is None for v in values)


def _tell(
    path: Path,
    columns: Iterable[str],
    lines: Sequence[str],
    commits: Sequence[str],
    remotes: Sequence[str],
    *,
    in_git: bool,
) -> list[str]:
    named = ", ".join(map(repr, columns))
    if not lines and not commits:
        where = "nor does any commit of this repository" if in_git else "and it is in no git repository"
        return [f"{path.name} holds no value of {named} in clear, {where}. Copies elsewhere cannot be seen from here."]
    said = []
    if lines:
        said.append(
            f"{len(lines)} lines of {path.name} hold values of {named} in clear. Undoing a decision does not take its line out: "
            f"mark the columns as sensitive in dcai.yaml, delete those lines by hand (with the lines that undo or settle them), and "
            f"decide again; what is written from then on are keyed hashes."
        )
    if commits:
        first = ", ".join(c[:12] for c in commits[:5]) + (", ..." if len(commits) > 5 else "")  # noqa: PLR2004 (five fit on a line)
        said.append(
            f"git still holds such lines in {len(commits)} versions of the log (commits {first}), whatever is changed now. Only "
            f"rewriting the history takes them out, for example with `git filter-repo --path {path.name} --invert-paths`, followed by "
            "`git reflog expire --expire=now --all` and `git gc --prune=now`; dcai does not do that for you."
        )
        said.append(
            f"What was pushed stays with {', '.join(remotes)} and in every clone and fork until each of them is rewritten or deleted."
            if remotes
            else "Clones and forks that others made keep what they have until each of them is rewritten or deleted."
        )
    said.append(
        "The fingerprints and row hashes in the log are hashes of whole rows: who knows all other cells of a row can test a guess of one."
    )
    return said
