"""A notebook becomes a pipeline: two files in a repository, checked in a fresh kernel, committed surgically."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcai.base import git, store
from dcai.base.errors import InputError, MissingError, RunError
from dcai.base.records import NotebookParameters, Promotion
from dcai.pipelines import documents, engine, injection, ledger, manifest
from dcai.pipelines import parameters as params
from dcai.pipelines.definition import FOLDER, Pipeline, define, list_pipelines, load_pipeline
from dcai.pipelines.journal import EXIT_CODES, Journal, Tally
from dcai.pipelines.manifest import MANIFEST, PIPELINE_NOTEBOOK
from dcai.pipelines.names import find_root, relative_to_root, require_inside, require_name, suggest_name
from dcai.pipelines.notebook import RUN_FOLDER
from dcai.pipelines.remarks import why_not_settable
from dcai.pipelines.signals import watch_signals

__all__ = ["Pipeline", "list_pipelines", "load_pipeline", "promote"]

_EMPTY_CELL = "# Parameters of this pipeline: one assignment a line"


def promote(
    notebook: str | Path,
    name: str | None = None,
    *,
    parameters: Mapping[str, Any] | Iterable[str] | None = None,
    inputs: Iterable[str] | None = None,
    outputs: Iterable[str] | None = None,
    gates: Mapping[str, str] | None = None,
    commit: bool = False,
    check: bool = True,
    root: str | Path | None = None,
) -> Pipeline:
    """Promote a notebook to a pipeline: `pipelines/<name>/` with a clean notebook and a `pipeline.yaml`.

    The notebook is first run from top to bottom in a fresh kernel, in the repository root; when it fails,
    nothing is written. Files are written all or none, and the commit holds these files and nothing else.
    Promoting again keeps the comments and hand edits of `pipeline.yaml`.

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
        Comparisons that recorded metrics must pass, such as `{"accuracy": ">= 0.9"}`.
    commit : bool
        Commit the pipeline's files.
    check : bool
        Run the notebook in a fresh kernel first.
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
    draft = _Draft.make(original, source, top, chosen, parameters)
    files = draft.files(_stated(top, inputs, outputs, gates))
    folder = draft.folder
    planned = define(manifest.parse_manifest(files[folder / MANIFEST], folder / MANIFEST), folder, top)
    if commit:
        git_root, listed = _require_committable(top, files)
    notes = [*draft.notes, *(_check(draft, planned) if check else ["Not checked: no fresh-kernel run was made."])]
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
    written = [relative_to_root(p, top) for p in files]
    return replace(planned, promotion=Promotion(chosen, relative_to_root(folder, top), written, made, check, notes))


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
        return cls(name, root, shown, clean, found, offered, old if old.is_file() else None, notes)

    @property
    def folder(self) -> Path:
        return self.root / FOLDER / self.name

    def files(self, stated: Mapping[str, Any]) -> dict[Path, str]:
        """Return the text of every file that the promotion writes."""
        kernel = documents.kernel_of(self.notebook)
        new = _manifest_of(self.name, kernel, self.found)
        base: dict[str, Any] = {}
        old_notebook = self.folder / PIPELINE_NOTEBOOK
        if self.old is not None and old_notebook.is_file():
            before = documents.read_notebook(old_notebook)
            base = _manifest_of(self.name, documents.kernel_of(before), params.find_in(before, str(old_notebook)))
        if self.offered is not None:
            stated = {**stated, "parameters": self.offered}
        if self.old is None and self.offered is not None:
            new["parameters"] |= {"properties": self.offered}
            stated = {k: v for k, v in stated.items() if k != "parameters"}
        text = manifest.write_manifest(self.old, base, new, {**stated, "source": self.source_name})
        files = {
            self.folder / MANIFEST: text,
            self.folder / PIPELINE_NOTEBOOK: documents.write_notebook(self.notebook),
        }
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
    return {n: {**known[n].schema, **({"default": values[n]} if n in values else {})} for n in names}


def _stated(
    root: Path,
    inputs: Iterable[str] | None,
    outputs: Iterable[str] | None,
    gates: Mapping[str, str] | None,
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
        manifest.check_gates(gates, "promote()")
        stated["gates"] = dict(gates)
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


def _check(draft: _Draft, planned: Pipeline) -> list[str]:
    """Run the notebook as it will be written, in a fresh kernel; return notes, raise RunError when it fails."""
    values = planned.preset(draft.found)
    problems = params.validate(planned.offer(draft.found), values)
    if problems:
        raise RunError("The check run cannot start. " + " ".join(problems) + " Or promote with check=False.")
    notebook = injection.inject(draft.notebook, values, draft.found)
    before = ledger.mark_files(draft.root, planned.outputs)
    with tempfile.TemporaryDirectory(prefix="dcai-check-") as folder, watch_signals() as interruption:
        journal = Journal()
        limits = engine.Limits(planned.timeout.get("cell"), planned.timeout.get("run"))
        surroundings = {RUN_FOLDER: folder, **injection.secrets_of(draft.found, values)}
        orders = engine.Orders(journal, interruption, limits, draft.root, surroundings)
        with journal:
            engine.execute(notebook, planned.kernel, orders)
    tally = journal.tally
    if tally.status == "interrupted":
        raise KeyboardInterrupt if tally.exit_code == EXIT_CODES["interrupted"] else SystemExit(tally.exit_code)
    if tally.error is not None:
        raise RunError(_failed_check(tally))
    missing = ledger.unwritten(draft.root, before, stopped=tally.status == "stopped")
    if missing:
        earlier = ", though one from earlier is there" if (draft.root / missing[0]).exists() else ""
        raise RunError(
            f"The check run did not make the output {missing[0]!r}{earlier}. Nothing was written. Correct `outputs`."
        )
    failed = [g for g in manifest.judge_gates(planned.gates, tally.metrics) if not g["passed"]]
    notes = [f"The gate {g['gate']} {g['rule']} did not pass in the check run (value {g['value']!r})." for g in failed]
    return notes + (["The check run stopped on purpose before its last cell."] if tally.status == "stopped" else [])


def _failed_check(tally: Tally) -> str:
    error = tally.error
    assert error is not None
    first = next((line for line in error.source.splitlines() if line.strip()), "")
    place = "" if error.cell is None else f" in cell {error.cell + 1} (`{first}`)"
    # Each part is cut by itself: a long message must not swallow the place.
    said = ledger.one_line(f"{error.error}: {error.message.rstrip('.')}", 400) + ledger.one_line(place, 200)
    return (
        f"The notebook does not run in a fresh kernel: {said}. Nothing was written. Restart its kernel, run all cells and "
        "correct what fails, or skip this check: check=False in Python, --no-check on the command line."
    )


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
