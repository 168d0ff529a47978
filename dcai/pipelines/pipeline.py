"""A notebook becomes a pipeline: two files in a repository, checked in a fresh kernel, committed surgically."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcai.base import git, store
from dcai.base.errors import InputError, MissingError
from dcai.base.records import NotebookParameters, Parameter, Promotion
from dcai.pipelines import declarations, documents, ledger, locks, manifest
from dcai.pipelines import parameters as params
from dcai.pipelines.changes import diff_of
from dcai.pipelines.definition import FOLDER, Pipeline, define, list_pipelines, load_pipeline
from dcai.pipelines.manifest import MANIFEST, PIPELINE_NOTEBOOK
from dcai.pipelines.masking import is_reference
from dcai.pipelines.names import find_root, relative_to_root, require_inside, require_name, suggest_name
from dcai.pipelines.rehearsal import Rehearsal, rehearse
from dcai.pipelines.remarks import why_not_settable
from dcai.pipelines.schemas import default_of
from dcai.pipelines.signals import Interruption
from dcai.pipelines.workflow import make_workflow

__all__ = ["Pipeline", "list_pipelines", "load_pipeline", "promote"]

_EMPTY_CELL = "# Parameters of this pipeline: one assignment a line"


def promote(  # noqa: PLR0913 (one argument for each option of `dcai promote`)
    notebook: str | Path,
    name: str | None = None,
    *,
    parameters: Mapping[str, Any] | Iterable[str] | None = None,
    inputs: Iterable[str] | None = None,
    outputs: Iterable[str] | None = None,
    gates: Mapping[str, Any] | None = None,
    schedule: str | None = None,
    ci: str | None = None,
    commit: bool = False,
    check: bool = True,
    preview: Callable[[Promotion], object] | None = None,
    interruption: Interruption | None = None,
    root: str | Path | None = None,
) -> Pipeline:
    """Promote a notebook to a pipeline: `pipelines/<name>/` with a clean notebook, a `pipeline.yaml` and a lock.

    The notebook is first run from top to bottom in a fresh kernel, in the repository root; when it fails,
    nothing is written. Files that it uses without declaring them are named, with the line to add. Files are written
    all or none, and the commit holds these files and nothing else. Promoting again keeps the comments and hand edits
    of `pipeline.yaml`; `requirements.lock` says what is installed now, unless the manifest names no lock any more.

    Parameters
    ----------
    notebook : str or Path
        The notebook; it is not changed.
    name : str, optional
        The pipeline's name; None makes one of the file's name.
    parameters : mapping or iterable of str, optional
        Names to offer (default: all that can be set), or names with new defaults.
    inputs, outputs : iterable of str, optional
        Files, relative to the root: inputs must exist before a run, outputs after it.
    gates : mapping, optional
        What a run must hold, such as `{"accuracy": ">= 0.9", "time": 600}`; see `dcai.pipelines.declarations`.
    schedule : str, optional
        When a run is due by the clock: a cron line such as "0 3 * * *", in UTC.
    ci : "github", optional
        Write a workflow, too, which runs the pipeline when something has changed and by its schedule.
    commit : bool
        Commit the pipeline's files.
    check : bool
        Run the notebook in a fresh kernel first.
    preview : callable, optional
        Called with what would be done (see `Pipeline.promotion`), before anything is written; what it raises ends the
        promotion.
    interruption : Interruption, optional
        Who may end the check run from another thread; None listens to signals.
    root : str or Path, optional
        The repository; None takes the one that holds the notebook.

    Returns
    -------
    Pipeline
        Its `promotion` names the files, the commit, and what a person should know.

    Raises
    ------
    InputError, MissingError
        Not a notebook, or an argument that does not fit it.
    RunError
        The notebook does not run in a fresh kernel.
    GitError
        The repository is in no state for a commit; nothing is written then.

    Examples
    --------
    >>> promote("train.ipynb", outputs=["model.pkl"], commit=True)  # doctest: +SKIP
    <Pipeline 'train': parameters rate; pipelines/train>
    """
    source = Path(notebook)
    original = documents.read_notebook(source)
    top = find_root(source, root)
    chosen = require_name(suggest_name(source) if name is None else name, "promote()")
    if not (top / FOLDER / chosen).resolve().is_relative_to(top.resolve()):
        raise InputError(f"{FOLDER}/{chosen} leads out of the repository through a link. Replace the link by a folder.")
    draft = _Draft.make(original, source, top, chosen, parameters)
    files = draft.files(_stated(top, inputs, outputs, gates, schedule))
    folder = draft.folder
    planned = define(manifest.parse_manifest(files[folder / MANIFEST], folder / MANIFEST), folder, top)
    if ci is not None:
        files |= make_workflow(planned, ci)
    if commit:
        git_root, listed = _require_committable(top, files)
    skipped = Rehearsal(["Not checked: no fresh-kernel run was made."], {})
    seen = rehearse(draft.notebook, draft.found, planned, interruption) if check else skipped
    notes = [*draft.notes, *seen.notes]
    diff = diff_of(files, top)
    written = [relative_to_root(p, top) for p in files]
    done = Promotion(chosen, relative_to_root(folder, top), written, None, check, notes, diff, seen.undeclared)
    if preview is not None:
        preview(done)
        _require_same(diff, files, top)
    undo = _write_all(files)
    made = None
    if commit:
        try:
            verb = "Update" if draft.old is not None else "Promote"
            made = git.commit_only(git_root, listed, f"{verb} pipeline {chosen} from {draft.source_name}")
        except BaseException:
            undo()
            raise
        if made is None:
            notes.append("Nothing changed since the last commit, so no new one was made.")
        elif git.is_detached(git_root):
            notes.append(f"The commit is on no branch (a detached HEAD). Keep it: git branch NAME {made[:10]}")
    return replace(planned, promotion=replace(done, commit=made, notes=notes))


@dataclass(frozen=True)
class _Draft:
    """A pipeline that is not written yet."""

    name: str
    root: Path
    source_name: str
    notebook: Any
    found: NotebookParameters
    offered: dict[str, Any] | None
    old: Path | None
    notes: list[str]
    environment: locks.Environment

    @classmethod
    def make(
        cls, original: Any, source: Path, root: Path, name: str, wanted: Mapping[str, Any] | Iterable[str] | None
    ) -> _Draft:
        found = params.find_in(original, str(source))
        clean = documents.clean_copy(original, found.cell)
        notes = list(found.problems)
        if found.cell is None:
            clean = _with_empty_cell(clean)
        elif not found.tagged:
            notes.append(f"Cell {found.cell + 1} was taken as the parameters cell, because it looks most like one.")
        found = params.find_in(clean, str(source))
        old = root / FOLDER / name / MANIFEST
        shown = relative_to_root(source, root)
        offered = _offered(found, wanted)
        here = locks.find_environment(documents.kernel_of(clean), root)
        notes += [*_note_secrets(found), *here.notes]
        return cls(name, root, shown, clean, found, offered, old if old.is_file() else None, notes, here)

    @property
    def folder(self) -> Path:
        return self.root / FOLDER / self.name

    def files(self, stated: Mapping[str, Any]) -> dict[Path, str]:
        """Return the text of every file that the promotion writes."""
        here = self.environment
        new = {**_manifest_of(self.name, documents.kernel_of(self.notebook), self.found), "environment": here.facts}
        base: dict[str, Any] = {}
        old_notebook = self.folder / PIPELINE_NOTEBOOK
        if self.old is not None and old_notebook.is_file():
            before = documents.read_notebook(old_notebook)
            base = _manifest_of(self.name, documents.kernel_of(before), params.find_in(before, str(old_notebook)))
            base["environment"] = locks.facts_of(self.folder / locks.LOCK)
        if self.offered is not None:
            stated = {**stated, "parameters": self.offered}
        if self.old is None and self.offered is not None:
            new["parameters"] |= {"properties": self.offered}
            stated = {k: v for k, v in stated.items() if k != "parameters"}
        for part in (new, base):
            if not part.get("environment"):
                part.pop("environment", None)
        text = manifest.write_manifest(self.old, base, new, {**stated, "source": self.source_name})
        files = {
            self.folder / MANIFEST: text,
            self.folder / PIPELINE_NOTEBOOK: documents.write_notebook(self.notebook),
        }
        # A manifest that names another lock, or none, is the user's own arrangement.
        if (
            here.lock
            and manifest.parse_manifest(text, self.folder / MANIFEST).get("environment", {}).get("lock") == locks.LOCK
        ):
            files[self.folder / locks.LOCK] = here.lock
        guard = self.root / ledger.RUNS / ".gitignore"
        own = not guard.is_file() or guard.read_bytes() == ledger.IGNORE_ALL.encode()
        return {**files, guard: ledger.IGNORE_ALL} if own else files


def _manifest_of(name: str, kernel: str, found: NotebookParameters) -> dict[str, Any]:
    schema = params.schema_object(found)
    return {"name": name, "notebook": PIPELINE_NOTEBOOK, "kernel": kernel, "parameters": schema}


def _with_empty_cell(notebook: Any) -> Any:
    import nbformat

    cell = nbformat.v4.new_code_cell(_EMPTY_CELL, metadata={"tags": [documents.PARAMETERS]})
    cell["id"] = "parameters"
    if notebook.nbformat_minor < documents.MINOR_WITH_IDS or any(c.get("id") == "parameters" for c in notebook.cells):
        del cell["id"]
    notebook.cells.insert(0, cell)
    return notebook


def _offered(found: NotebookParameters, wanted: Mapping[str, Any] | Iterable[str] | None) -> dict[str, Any] | None:
    """Return the schemas of the parameters to offer, with new defaults where some are given."""
    if wanted is None:
        return None
    if isinstance(wanted, str):
        raise InputError.wrong_value("parameters", "promote()", "a list of names or a mapping of defaults", wanted)
    values = dict(wanted) if isinstance(wanted, Mapping) else {}
    known = {p.name: p for p in found.parameters}
    names = list(values) if values else list(wanted)
    for name in names:
        if name not in known:
            raise InputError.unknown_name("parameter", name, known)
        if not known[name].settable:
            raise InputError(f"The parameter {name!r} {why_not_settable(known[name])}. Annotate it.")
    if values:
        problems = [p for p in params.validate(found, values) if "has no default" not in p]
        if problems:
            raise InputError("\n".join(problems))
        values = params.normalise(found, values)
        names = [p.name for p in found.parameters if p.settable]
    for name in values:
        if _is_secret(known[name]) and not is_reference(values[name]):
            raise InputError(
                f"{name!r} is a secret, and what is promoted stands in files. Give it as 'env:NAME' or 'file:PATH'."
            )
    return {n: {**known[n].schema, **({"default": values[n]} if n in values else {})} for n in names}


def _is_secret(one: Parameter) -> bool:
    return one.schema.get("x-python") == "secret"


def _note_secrets(found: NotebookParameters) -> list[str]:
    """Say which secrets stand in the notebook itself."""
    texts = {
        p.name: default_of(ast.parse(p.source, mode="eval").body)[1]
        for p in found.parameters
        if _is_secret(p) and p.source
    }
    return [
        f"The secret {name!r} stands in the notebook, and so in its pipeline. Empty it, and set it by -p {name}=env:NAME."
        for name, text in texts.items()
        if text and not is_reference(text)
    ]


def _stated(
    root: Path,
    inputs: Iterable[str] | None,
    outputs: Iterable[str] | None,
    gates: Mapping[str, Any] | None,
    schedule: str | None,
) -> dict[str, Any]:
    """Return what the call itself states about the pipeline, checked."""
    stated: dict[str, Any] = {}
    for key, paths in (("inputs", inputs), ("outputs", outputs)):
        if isinstance(paths, (str, Path)):
            raise InputError.wrong_value(key, "promote()", "a list of paths", str(paths), f"Write [{str(paths)!r}].")
        if paths is not None:
            stated[key] = [str(require_inside(p, f"Each of the {key}")) for p in paths]
    for path in stated.get("inputs", []):
        if not (root / path).exists():
            raise MissingError(
                f"The input {path!r} does not exist in {root}. Inputs are relative to the repository root."
            )
    if gates is not None:
        declarations.check_gates(gates, "promote()")
        stated["gates"] = dict(gates)
    if schedule is not None:
        declarations.cron_fields(schedule)
        stated["triggers"] = {"schedule": schedule}
    return stated


def _require_committable(root: Path, files: Mapping[Path, str]) -> tuple[Path, list[str]]:
    """Return git's root and the paths to commit, or raise GitError before anything is written."""
    top = git.root_of(root)
    if top is None:
        git.require_ready(root, [])
    assert top is not None
    listed = [relative_to_root(p, top) for p in files]
    # Where the user ignores runs/ already, our own file inside it has nothing to add.
    guard = relative_to_root(root / ledger.RUNS / ".gitignore", top)
    if git.ignored(top, [guard]):
        listed = [p for p in listed if p != guard]
    git.require_ready(top, listed)
    return top, listed


def _require_same(diff: str, files: Mapping[Path, str], top: Path) -> None:
    """Refuse to write anything else than what somebody has just agreed to."""
    if diff_of(files, top) != diff:
        raise InputError("The pipeline's files have changed while the difference was shown. Promote again.")


def _write_all(files: Mapping[Path, str]) -> Any:
    """Write every file or none; returns a function that takes it all back."""
    before = {p: p.read_bytes() if p.is_file() else None for p in files}
    made = [d for d in dict.fromkeys(d for p in files for d in (p.parent, p.parent.parent)) if not d.exists()]

    def undo() -> None:
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                store.write_atomic(path, content)
        for folder in sorted(made, key=lambda d: -len(d.parts)):
            with suppress(OSError):  # somebody else has put something into it since
                folder.rmdir()

    try:
        for path, content in files.items():
            if before[path] != content.encode("utf-8"):
                store.write_atomic(path, content)
    except BaseException:
        undo()
        raise
    return undo
