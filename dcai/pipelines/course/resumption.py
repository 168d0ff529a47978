"""Going on from where an earlier run ended: in its own kernel where that was kept, from the top otherwise."""

from __future__ import annotations

import ast
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcai.base import store
from dcai.base.errors import InputError
from dcai.base.records import RunRecord
from dcai.pipelines.archive import contents, ledger
from dcai.pipelines.archive.journal import Journal
from dcai.pipelines.definitions.sources import list_run
from dcai.pipelines.masking import MASK, is_reference
from dcai.pipelines.names import relative_to_root
from dcai.pipelines.notebooks import documents
from dcai.pipelines.processes.kernels import Kept, Kernel
from dcai.pipelines.processes.witness import STARTUP

if TYPE_CHECKING:
    from dcai.pipelines.course.plans import Plan

KEPT = "kept.json"
# Seconds within which a kernel that waits for nothing answers.
_ANSWER = 5.0
# Folders of what is installed, which may lie inside a repository.
_PACKAGES = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True)
class Resumption:
    """An earlier run, its executed notebook, and what is known about its kernel (empty where it was not kept)."""

    record: RunRecord
    folder: Path
    notebook: Any
    kept: dict[str, Any]

    def complete(self, found: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the earlier run with those that are given now on top; secrets are given again."""
        known = {p.name: p.schema for p in found.parameters if p.settable}
        # What was set, as the notebook itself says; the record also holds the defaults.
        stated = {} if self.notebook is None else self.notebook.metadata.get("papermill", {})
        before = stated.get("parameters", self.record.parameters)
        values = {n: v for n, v in before.items() if n in known and n not in given}
        for name, value in list(values.items()):
            if known[name].get("x-python") == "secret" and not is_reference(value):
                if value == MASK:
                    raise InputError(f"The secret {name!r} of run {self.record.run} was not recorded. Give it again.")
                del values[name]
        return {**values, **given}


def find_resumption(name: str, run_id: str, root: Path) -> Resumption:
    """Return the run to go on from, or refuse one that is not over or needs no going on."""
    folder = ledger.run_folder(name, run_id, root)
    record = ledger.read_record(folder)
    if record.status == "running":
        raise InputError(f"The run {run_id} of {name!r} is still running. Wait for it, or cancel it.")
    if record.status == "succeeded":
        raise InputError(f"The run {run_id} of {name!r} has succeeded: there is nothing to go on from. Run it anew.")
    output = folder / ledger.NOTEBOOK
    notebook = documents.read_notebook(output) if output.is_file() else None
    try:
        kept = json.loads((folder / KEPT).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        kept = {}
    return Resumption(record, folder, notebook, kept if isinstance(kept, dict) else {})


@dataclass(frozen=True)
class Continuation:
    """A plan that goes on from an earlier run; `attach` is what the engine asks for.

    `inherit` is told the earlier run's folder, and what is known about its kernel, when that is taken over.
    """

    plan: Plan
    notebook: Any
    earlier: Resumption
    journal: Journal
    inherit: Callable[[Path, Mapping[str, Any]], None]

    async def attach(self, kernel: Kernel, environment: Mapping[str, str]) -> dict[int, Any] | None:
        """Take the kept kernel over and return the cells that it need not execute again; None to begin at the top."""
        reason = self._why_not()
        if reason is None:
            reason = await self._try(kernel, environment)
        if reason is not None:
            await kernel.discard(self._kernel_of(self.earlier.kept))
            again = "every cell is executed, those before it once more"
            self.journal.write("note", message=f"Run {self.earlier.record.run} is begun at the top: {reason}; {again}.")
            return None
        done = self._done()
        self.inherit(self.earlier.folder, self.earlier.kept)
        first = self.earlier.record.run
        self.journal.write(
            "note", message=f"Goes on in the kernel of run {first}: {len(done)} cells are not executed again."
        )
        return done

    def _why_not(self) -> str | None:
        """Say what has changed since, so that the kernel's state is not what a fresh run would come to."""
        kept = self.earlier.kept
        if not kept or self.earlier.notebook is None:
            return "its kernel was not kept"
        if kept["host"] != socket.gethostname():
            return f"its kernel is on another machine ({kept['host']})"
        seal = _seal(kept["connection"], self.plan.secrets)
        if time.time() >= kept["until"] or seal is None:
            return "its kernel has ended meanwhile"
        if (kept["kernel"], kept["cwd"]) != (self.plan.kernel, str(self.plan.cwd)):
            return "it had another kernel or working directory"
        if kept["sources"] != _sources(self.notebook)[: len(kept["sources"])]:
            return "cells before the one where it ended, or parameters, have changed"
        if not self._reads_the_same(kept["files"]):
            return "inputs or corrections have changed"
        if changed := _changed_modules(self.plan.root, kept["modules"], python=documents.is_python(self.notebook)):
            return changed
        if not hmac.compare_digest(kept["secrets"], seal):
            return "secrets have changed"
        return None

    def _reads_the_same(self, before: Mapping[str, str | None]) -> bool:
        """Tell whether everything that the earlier run read is as it was, and nothing is to be read that it did not."""
        now = {one.path: one.sha256 for one in contents.hash_files(self.plan.root, before)}
        declared = () if self.plan.definition is None else self.plan.definition.corrections or ()
        return now == before and {*self.plan.inputs, *declared} <= now.keys()

    async def _try(self, kernel: Kernel, environment: Mapping[str, str]) -> str | None:
        kept = self._kernel_of(self.earlier.kept)
        assert kept is not None
        try:
            kernel.take_over(kept)
            await kernel.connect(_ANSWER)
        except (RuntimeError, OSError):
            return "its kernel has ended meanwhile"
        if await kernel.count_inputs() != kept.inputs:
            return "somebody else has used its kernel meanwhile"
        if documents.is_python(self.notebook) and not await kernel.execute_silently(_update(environment)):
            return "its kernel does not answer"
        return None

    def _kernel_of(self, kept: Mapping[str, Any]) -> Kept | None:
        if not kept:
            return None
        return Kept(**{k: kept[k] for k in ("connection", "pid", "inputs", "token")}, created=kept.get("created"))

    def _done(self) -> dict[int, Any]:
        """Pair the cells that are executed already with those of this notebook, which may stand elsewhere."""
        count = len(self.earlier.kept["sources"])
        before = [self.earlier.notebook.cells[i] for i in _executable(self.earlier.notebook)[:count]]
        return dict(zip(_executable(self.notebook)[:count], before, strict=True))


def save_kept(plan: Plan, notebook: Any, kept: Kept, seconds: float, marks: Mapping[str, contents.Mark]) -> bool:
    """Write down, beside a run's record, which kernel was kept, and what has to be the same for it to be of use.

    False where the kernel has ended meanwhile.
    """
    seal = _seal(kept.connection, plan.secrets)
    if seal is None:
        return False
    executed = [notebook.cells[i] for i in _executable(notebook)]
    ends = (i for i, cell in enumerate(executed) if cell.metadata["papermill"]["status"] != "completed")
    done = next(ends, len(executed))
    modules = _hash_modules(plan.root, kept, list_run(executed[:done], plan.cwd))
    facts = {
        **asdict(kept), "host": socket.gethostname(), "until": time.time() + seconds, "kernel": plan.kernel,
        "cwd": str(plan.cwd), "sources": _sources(notebook)[:done], "files": hash_inputs(plan),
        "secrets": seal, "marks": marks, "modules": modules,
    }  # fmt: skip
    store.write_atomic(plan.folder / KEPT, json.dumps(facts) + "\n")
    return True


def marks_of(kept: Mapping[str, Any]) -> dict[str, contents.Mark]:
    """Return the marks of the outputs as they were before the earlier run, see `contents.mark_files`."""
    marks = kept.get("marks", {})
    return {path: None if mark is None else tuple(map(tuple, mark)) for path, mark in marks.items()}


def hash_inputs(plan: Plan) -> dict[str, str | None]:
    """Return the hashes of what a run reads."""
    found = contents.hash_files(plan.root, [*plan.inputs, *plan.corrections])
    return {one.path: one.sha256 for one in found}


def _hash_modules(root: Path, kept: Kept, run: list[Path]) -> dict[str, str | None] | None:
    """Return the hashes of the repository's own files that a kernel has imported or run, None where it does not say.

    A file that was written since the kernel began has no hash: nobody knows which of its texts was imported.
    """
    try:
        # Written just before the kernel began; the clock of files, which that of processes may differ from by a second.
        began = Path(kept.connection).stat().st_mtime
    except FileNotFoundError:
        return None
    if kept.modules is None:
        return None
    found: dict[str, str | None] = {}
    for path in (*map(Path, kept.modules), *run):
        if path.suffix not in (".py", ".ipynb") or not path.is_relative_to(root) or _PACKAGES & {*path.parts}:
            continue
        facts = path.stat() if path.is_file() else None
        is_old = facts is not None and max(facts.st_mtime, facts.st_ctime) < began
        found[relative_to_root(path, root)] = store.sha256_of(path) if is_old else None
    return found


def _changed_modules(root: Path, before: Mapping[str, str | None] | None, *, python: bool) -> str | None:
    """Say which of the files that a kernel has imported or run are not what they were; other languages tell of none."""
    if before is None:
        return "nobody knows which modules its kernel has imported" if python else None
    now = {one.path: one.sha256 for one in contents.hash_files(root, before)}
    changed = [path for path, hashed in before.items() if hashed is None or now.get(path) != hashed]
    return f"files that it has imported or run have changed: {', '.join(changed)}" if changed else None


def _executable(notebook: Any) -> list[int]:
    return [i for i, cell in enumerate(notebook.cells) if documents.is_executable(cell)]


def _sources(notebook: Any) -> list[str]:
    return [hashlib.sha256(notebook.cells[i].source.encode()).hexdigest() for i in _executable(notebook)]


def _seal(connection: str, secrets: Mapping[str, str]) -> str | None:
    """Return what tells the same secrets from others; without the kernel's own key, which ends with it, it tells nothing.

    None where the kernel has ended, and its key with it.
    """
    try:
        key = json.loads(Path(connection).read_text("utf-8"))["key"]
    except (OSError, ValueError, KeyError):
        return None
    return hmac.new(key.encode(), json.dumps(dict(secrets), sort_keys=True).encode(), "sha256").hexdigest()


def _update(environment: Mapping[str, str]) -> str:
    """Return the code that gives a kernel the environment of its new run."""
    environ = ast.Attribute(
        ast.Call(ast.Name("__import__", ast.Load()), [ast.Constant("os")], []), "environ", ast.Load()
    )
    given = {k: v for k, v in environment.items() if k != STARTUP}  # it has long started
    values = ast.Dict([ast.Constant(k) for k in given], [ast.Constant(v) for v in given.values()])
    call = ast.Expr(ast.Call(ast.Attribute(environ, "update", ast.Load()), [values], []))
    return ast.unparse(ast.fix_missing_locations(ast.Module([call], [])))
