"""A notebook becomes a pipeline: two files in a repository, checked in a fresh kernel, committed surgically."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from dcai.base import git, store
from dcai.base.errors import InputError, MissingError
from dcai.base.records import Promotion
from dcai.pipelines.archive import ledger
from dcai.pipelines.definitions import declarations, manifest
from dcai.pipelines.definitions.definition import FOLDER, Pipeline, define, list_pipelines, load_pipeline
from dcai.pipelines.definitions.manifest import MANIFEST
from dcai.pipelines.names import find_root, relative_to_root, require_inside, require_name, suggest_name
from dcai.pipelines.notebooks import documents
from dcai.pipelines.processes.signals import Interruption
from dcai.pipelines.promotion.changes import diff_of
from dcai.pipelines.promotion.draft import Draft
from dcai.pipelines.promotion.rehearsal import Rehearsal, rehearse
from dcai.pipelines.promotion.workflow import make_workflow

__all__ = ["Pipeline", "list_pipelines", "load_pipeline", "promote"]


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
    cell: int | None = None,
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
        Names to offer (default: all that can be set), or names with new defaults. Where the mapping gives `...` for a
        name, that one keeps its default, and only the names given are offered.
    inputs, outputs : iterable of str, optional
        Files, relative to the root: inputs must exist before a run, outputs after it.
    gates : mapping, optional
        What a run must hold, such as `{"accuracy": ">= 0.9", "time": 600}`; see `dcai.pipelines.definitions.declarations`.
    schedule : str, optional
        When a run is due by the clock: a cron line such as "0 3 * * *", in UTC.
    ci : "github", optional
        Write a workflow, too, which runs the pipeline when something has changed and by its schedule.
    cell : int, optional
        The number of the cell that holds the parameters, counted from 1; None takes the tagged one, or the likeliest.
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
    stated = _stated(top, inputs, outputs, gates, schedule)
    draft = Draft.make(original, source, top, chosen, parameters, cell)
    folder, text = draft.folder, draft.manifest(stated)
    planned = define(manifest.parse_manifest(text, folder / MANIFEST), folder, top)
    draft = draft.with_defaults(planned)
    files = draft.files(text)
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
