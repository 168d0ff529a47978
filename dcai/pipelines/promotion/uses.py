"""What a notebook reads and writes, observed while it runs once, against what its pipeline declares."""

from __future__ import annotations

import ast
import json
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcai.pipelines.names import relative_to_root
from dcai.pipelines.notebooks.magics import parse_code
from dcai.pipelines.processes import watcher
from dcai.pipelines.processes.witness import call_witness, hear_witness

# Folders that hold no data of a notebook.
_PASSED_OVER = frozenset(["runs", "pipelines", "node_modules", "__pycache__"])
_MOST_FILES = 50_000
# Folders of the system and of the user's programs: no data either.
_SYSTEM = ("/proc/", "/dev/", "/sys/", "/etc/", "/usr/", "/lib/", "/run/", "/var/lib/", "/var/cache/")
# Programs that libraries start to learn about the machine.
_ASKING = frozenset(["uname", "lscpu", "ldconfig", "gcc", "lsb_release", "sysctl", "nvidia-smi", "git", "file", ""])
_MANY = 6
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")

State = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Uses:
    """What a notebook was seen to use: paths relative to the root, absolute where they are outside."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    hidden_writes: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    seen: bool = True


@dataclass
class Observation:
    """Observes one run: `environment` goes to its kernel, `settle` tells what was used."""

    root: Path
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    before: State | None = None

    @classmethod
    def begin(cls, root: Path, folder: Path) -> Observation:
        """Prepare to observe a kernel that works in the root; the folder is for our own files."""
        return cls(root, folder, call_witness(folder), _states(root))

    def settle(self, notebook: Any, kept: Iterable[str] = ()) -> Uses:
        """Return what the notebook used; `kept` are files that others write meanwhile."""
        told = [(kind, path) for kind, path, *_ in hear_witness(self.folder)]
        after = _states(self.root)
        changed: set[str] = set()
        if self.before is not None and after is not None:
            changed = {p for p, state in after.items() if self.before.get(p) != state} - set(kept)
        first: dict[str, str] = {}
        writes: dict[str, None] = {}
        for kind, path in told:
            if kind in ("reads", "writes") and (shown := self._data(path)) is not None:
                first.setdefault(shown, kind)
                if kind == "writes" or shown in changed:
                    writes.setdefault(shown)
        reads = [
            p
            for p, kind in first.items()
            if kind == "reads" and (self.before is None or p in self.before or _is_far(p))
        ]
        inside = {p for p in [*reads, *writes] if not _is_far(p)}
        existing = [p for p in writes if (self.root / p).exists()]
        return Uses(
            reads=tuple(p for p in reads if p in inside),
            writes=tuple(p for p in existing if p in inside),
            hidden_writes=tuple(sorted(changed - inside)),
            mentions=tuple(sorted(_mentioned(notebook, self.before or {}) - inside - changed)),
            outside=tuple(dict.fromkeys(p for p in [*reads, *existing] if p not in inside)),
            programs=tuple(dict.fromkeys(p for kind, p in told if kind == "starts" and p not in _ASKING)),
            seen=any(kind == "watching" for kind, _ in told),
        )

    def _data(self, path: str) -> str | None:
        """Return how a file is shown; None for one that is no data of the notebook."""
        full = Path(path)
        shown = relative_to_root(full, self.root)
        home, temporary = str(Path.home()), (str(self.folder), tempfile.gettempdir())
        if shown == str(full):
            hidden = path.startswith(f"{home}/.") or "/." in path.removeprefix(home)
            is_none = hidden or path.startswith(_SYSTEM) or path.startswith(temporary) or not full.is_file()
            return None if is_none else shown
        passed = any(part in _PASSED_OVER or part.startswith(".") for part in shown.split("/")[:-1])
        return None if passed or shown.rpartition("/")[2].startswith(".") or full.is_dir() else shown


def note_undeclared(
    uses: Uses, declared: Mapping[str, Collection[str]], manifest: str
) -> tuple[list[str], dict[str, list[str]]]:
    """Say which files a notebook uses without declaring them, with the line to add; and list them by field.

    `declared` holds the paths of `inputs`, `outputs` and `corrections`; a folder stands for what is in it.
    """
    every = [p for paths in declared.values() for p in paths]
    logs = [p for p in uses.reads if p.startswith("corrections/") and p.endswith(".jsonl")]
    open_fields = {
        "inputs": [p for p in uses.reads if p not in logs and not _covers(every, p)],
        "corrections": [p for p in logs if not _covers(every, p)],
        "outputs": [p for p in uses.writes if not _covers(declared.get("outputs", ()), p) and p not in logs],
    }
    verbs = {"inputs": "reads", "corrections": "reads the corrections of", "outputs": "writes"}
    notes, missing = [], {}
    for name, paths in open_fields.items():
        if paths:
            missing[name] = _gather(sorted(paths))
            line = f"{name}: [{', '.join(map(_in_yaml, dict.fromkeys([*declared.get(name, ()), *missing[name]])))}]"
            notes.append(f"It {verbs[name]} {_named(sorted(paths))} without declaring it. Add to {manifest}: {line}")
    return [*notes, *_note_unseen(uses, every)], missing


def _note_unseen(uses: Uses, every: Collection[str]) -> Iterator[str]:
    if not uses.seen:
        yield "Which files it reads could not be observed in this kernel, so undeclared ones are not reported."
    if hidden := [p for p in uses.hidden_writes if not _covers(every, p)]:
        yield f"While it ran, {_named(hidden)} changed through another program or library. If it writes them, declare them as outputs."
    if named := [p for p in uses.mentions if not _covers(every, p)]:
        yield f"Its code names {_named(named)}, but nothing was seen to open it. If a library or program reads it, declare it as an input."
    if uses.outside:
        yield f"It uses {_named(uses.outside)} outside of the repository: another machine will not have it. Make the path a parameter."
    if uses.programs:
        yield f"It starts other programs ({', '.join(uses.programs[:_MANY])}): what those read was not observed."


def _covers(declared: Collection[str], path: str) -> bool:
    return any(path == one or path.startswith(f"{one.rstrip('/')}/") for one in declared)


def _gather(paths: list[str]) -> list[str]:
    """Let a folder stand for many files in it."""
    by_folder: dict[str, list[str]] = {}
    for path in paths:
        by_folder.setdefault(path.rpartition("/")[0], []).append(path)
    return [p for folder, of in by_folder.items() for p in ([folder] if folder and len(of) >= _MANY else of)]


def _named(paths: Collection[str]) -> str:
    listed = [repr(p) for p in list(paths)[:_MANY]]
    return ", ".join(listed) + (f" and {len(paths) - _MANY} more" if len(paths) > _MANY else "")


def _in_yaml(path: str) -> str:
    return path if _PLAIN.fullmatch(path) else json.dumps(path, ensure_ascii=False)


def _is_far(path: str) -> bool:
    return Path(path).is_absolute()


def _states(root: Path) -> State | None:
    """Return when each file below the root was changed, and its size; None where there are too many to look at."""
    found: dict[str, tuple[int, int]] = {}
    for folder, below, files in os.walk(root):
        here = Path(folder)
        below[:] = [
            d
            for d in below
            if d not in _PASSED_OVER and not d.startswith(".") and not (here / d / "pyvenv.cfg").exists()
        ]
        for name in files:
            try:
                state = (here / name).stat()
            except OSError:
                continue  # gone in this moment, or a link to nothing
            found[relative_to_root(here / name, root)] = (state.st_mtime_ns, state.st_size)
        if len(found) > _MOST_FILES:
            return None
    return found


def _mentioned(notebook: Any, existing: State) -> set[str]:
    """Return the existing files that the code names in plain text."""
    trees = (parse_code(c.source) for c in notebook.cells if c.cell_type == "code")
    texts = (n.value for t in trees if t for n in ast.walk(t[0]) if isinstance(n, ast.Constant))
    return {text for text in texts if isinstance(text, str) and text in existing and not text.endswith(watcher.CODE)}
