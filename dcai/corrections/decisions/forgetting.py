"""What must be said when something in a log has to be forgotten: where it still stands, and what takes it out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dcai.base import git
from dcai.base.errors import InputError, LogError, shorten
from dcai.base.history import find_commits, list_remotes, list_versions
from dcai.base.records import Correction
from dcai.corrections.decisions.lines import parse_line, write_line
from dcai.corrections.decisions.traces import SHORTEST, Search, Traces, find_traces
from dcai.corrections.decisions.veils import key_behind
from dcai.corrections.exhibits.trials import trial_path

_TOLD = 5


@dataclass(frozen=True)
class Remains:
    """What a log and git hold of some columns in clear: lines of the log, commits, files, remotes, and what to do.

    `files` hold values that are known, `tables` have such a column, `named` are other files that name one; `searched` is the
    number of git's objects that were read.
    """

    log: str
    columns: list[str]
    lines: list[str]
    commits: list[str]
    remotes: list[str]
    sentences: list[str]
    files: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    searched: int = 0


def find_remains(
    path: Path, corrections: Sequence[Correction], columns: Sequence[str], values: Iterable[object] = ()
) -> Remains:
    """Look for values of columns in a log and in everything that git holds, in clear. Nothing is changed.

    What the log tells of the columns is looked for, in all of its versions, and the `values` that are given.
    """
    if not columns:
        raise InputError("Name the columns that must be forgotten: log.forget('mail').")
    root = git.root_of(path.parent)
    earlier = [] if root is None else _list_earlier(root, path)
    known = dict.fromkeys(map(str, [*values, *_list_values([*corrections, *earlier], columns)]))
    search = Search(columns, known)
    lines = [c.id for c in corrections if holds(c, columns) or search.has_values(write_line(c).encode("utf-8"))]
    if root is None:
        return Remains(str(path), list(columns), lines, [], [], _tell(path, columns, lines, None, [], []))
    traces = find_traces(root, search)
    commits, remotes = find_commits(root, traces.objects), list_remotes(root)
    said = _tell(path, columns, lines, traces, commits, remotes)
    return Remains(
        str(path), list(columns), lines, commits, remotes, said, traces.values, traces.tables, traces.named, traces.searched
    )  # fmt: skip


def _list_earlier(root: Path, path: Path) -> list[Correction]:
    """Return the lines of all versions of a log, and of the one about trials, that git holds and that can be read."""
    found = []
    for version in (v for file in (path, trial_path(path)) for v in list_versions(root, file)):
        for line in version.content.splitlines():
            with contextlib.suppress(LogError):
                found.append(parse_line(line, path.name))
    return found


def holds(line: Correction, columns: Sequence[str]) -> bool:
    """Whether a line holds a value of one of some columns in clear."""
    values = [line.key[c] for c in columns if c in line.key]
    if line.column in columns:
        values += [line.given, *(line.value if isinstance(line.value, list) else [line.value])]
    return any(v is not None and key_behind(v) is None for v in values)


def _list_values(corrections: Iterable[Correction], columns: Sequence[str]) -> list[object]:
    """List the values of some columns that lines of a log tell in clear."""
    values: list[object] = []
    for line in corrections:
        values += [line.key[c] for c in columns if c in line.key]
        if line.column in columns:
            values += [line.given, *(line.value if isinstance(line.value, list) else [line.value])]
    return [v for v in values if v is not None and key_behind(v) is None]


def _tell(
    path: Path,
    columns: Iterable[str],
    lines: Sequence[str],
    traces: Traces | None,
    commits: Sequence[str],
    remotes: Sequence[str],
) -> list[str]:
    named = ", ".join(map(repr, columns))
    said = []
    if lines:
        said.append(
            f"{len(lines)} lines of {path.name} hold values of {named} in clear. Undoing a decision does not take its line out: "
            f"mark the columns as sensitive in dcai.yaml, delete those lines by hand (with the lines that undo or settle them), and "
            f"decide again; what is written from then on are keyed hashes."
        )
    else:
        said.append(f"{path.name} holds no value of {named} in clear.")
    if traces is None:
        said.append("It is in no git repository. Copies elsewhere cannot be seen from here.")
        return said
    said += _tell_traces(named, traces)
    if commits:
        said.append(
            f"{_list(commits, 'commit')} brought or changed these files, whatever is changed now. Only rewriting the history takes "
            "them out, for example with `git filter-repo --invert-paths --path FILE`, followed by "
            "`git reflog expire --expire=now --all` and `git gc --prune=now`; dcai does not do that for you."
        )
    if traces.values or traces.tables:
        said.append(
            f"What was pushed stays with {', '.join(remotes)} and in every clone and fork until each of them is rewritten or deleted."
            if remotes
            else "Clones and forks that others made keep what they have until each of them is rewritten or deleted."
        )
    said.append(
        "The fingerprints and row hashes in the log are hashes of whole rows: who knows all other cells of a row can test a guess of one."
    )
    return said


def _tell_traces(named: str, traces: Traces) -> list[str]:
    """Say what the search of git's objects found, and what it could not see."""
    found = [
        f"{what} {_list(files, 'object')}."
        for files, what in (
            (traces.values, f"Known values of {named} stand in clear in git:"),
            (traces.tables, f"Tables with a column {named} are in git:"),
            (traces.named, f"What else in git names {named}, and may hold values:"),
        )
        if files
    ]
    found = found or [
        f"No object of this git repository that could be read holds a known value of {named}, or names it."
    ]
    short = (
        f" Values of fewer than {SHORTEST} characters ({traces.short:,}) were not looked for." if traces.short else ""
    )
    passed = (
        f" Too large, damaged, or in Git LFS, and not searched: {_list(traces.passed, 'object')}."
        if traces.passed
        else ""
    )
    searched = (
        f"Searched: {traces.searched:,} files and messages ({traces.size / 1e6:,.1f} MB) of all branches, tags and stashes, the "
        "index, and what no commit names any more; gzip and zip files unpacked, other compressed or binary ones and pictures as "
        f"they are.{short}{passed} Not searched: files that git does not hold, submodules, and copies elsewhere. Values that are "
        "not in the log are known only where the data is given: log.forget(..., frame=data), or `dcai forget --data FILE`."
    )
    return [*found, searched]


def _list(names: Sequence[str], what: str) -> str:
    """Count some names and write down the first."""
    first = ", ".join(shorten(n, 80) for n in names[:_TOLD]) + (", ..." if len(names) > _TOLD else "")
    return f"{len(names):,} {what}{'' if len(names) == 1 else 's'} ({first})"
