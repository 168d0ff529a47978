"""A pipeline that is not written yet: its notebook and its manifest, made of a notebook and of what stands there already."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, shorten
from dcai.base.records import NotebookParameters, Parameter
from dcai.pipelines.archive import ledger
from dcai.pipelines.definitions import locks, manifest
from dcai.pipelines.definitions.definition import FOLDER, Pipeline
from dcai.pipelines.definitions.manifest import MANIFEST, PIPELINE_NOTEBOOK
from dcai.pipelines.masking import is_reference
from dcai.pipelines.names import relative_to_root
from dcai.pipelines.notebooks import documents
from dcai.pipelines.notebooks import parameters as params
from dcai.pipelines.notebooks.remarks import why_not_settable
from dcai.pipelines.notebooks.rewriting import set_defaults
from dcai.pipelines.notebooks.schemas import default_of

_EMPTY_CELL = "# Parameters of this pipeline: one assignment a line"


@dataclass(frozen=True)
class Draft:
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
        cls,
        original: Any,
        source: Path,
        root: Path,
        name: str,
        wanted: Mapping[str, Any] | Iterable[str] | None,
        cell: int | None = None,
    ) -> Draft:
        """Read a notebook and what is to be offered of it; `cell` is the number of its parameters cell, where one is named."""
        found = params.find_in(original, str(source), cell)
        clean = documents.clean_copy(original, found.cell)
        documents.name_kernel(clean)
        notes = list(found.problems)
        if found.cell is None:
            clean = _with_empty_cell(clean)
        elif not found.tagged:
            notes.append(_note_choice(found.cell, params.rank_cells(original)))
        found = params.find_in(clean, str(source))
        old = root / FOLDER / name / MANIFEST
        shown = relative_to_root(source, root)
        offered = _offered(found, wanted)
        here = locks.find_environment(documents.kernel_of(clean), root)
        notes += [*_note_secrets(found), *here.notes]
        return cls(name, root, shown, clean, found, offered, old if old.is_file() else None, notes, here)

    @property
    def folder(self) -> Path:
        """The pipeline's folder."""
        return self.root / FOLDER / self.name

    @property
    def before(self) -> Any:
        """The notebook that the last promotion has written; None where there is none."""
        path = self.folder / PIPELINE_NOTEBOOK
        return documents.read_notebook(path) if self.old is not None and path.is_file() else None

    def manifest(self, stated: Mapping[str, Any]) -> str:
        """Return the text of the manifest."""
        here = self.environment
        new = {**_manifest_of(self.name, documents.kernel_of(self.notebook), self.found), "environment": here.facts}
        base: dict[str, Any] = {}
        before = self.before
        if before is not None:
            was = params.find_in(before, str(self.folder / PIPELINE_NOTEBOOK))
            base = _manifest_of(self.name, documents.kernel_of(before), was)
            base["parameters"]["properties"] |= _source_schemas(before)
            base["environment"] = locks.facts_of(self.folder / locks.LOCK)
        if self.offered is not None:
            stated = {**stated, "parameters": self.offered}
        if self.old is None and self.offered is not None:
            new["parameters"] |= {"properties": self.offered}
            stated = {k: v for k, v in stated.items() if k != "parameters"}
        for part in (new, base):
            if not part.get("environment"):
                part.pop("environment", None)
        return manifest.write_manifest(self.old, base, new, {**stated, "source": self.source_name})

    def with_defaults(self, planned: Pipeline) -> Draft:
        """Return the draft whose notebook has the defaults of its manifest, for plain papermill sees nothing else.

        What the source has instead is kept with the notebook: the next promotion tells by it what was edited by hand.
        """
        preset = planned.preset(self.found)
        secret = [p.name for p in self.found.parameters if _is_secret(p) and p.name in preset]
        values = {n: v for n, v in preset.items() if n not in secret}
        notebook, found, left = set_defaults(self.notebook, self.found, values)
        if own := {p.name: p.schema for p in self.found.parameters if p.name in values and p.name not in left}:
            notebook.metadata[documents.PROMOTED] = {"parameters": own}
        notes = [
            f"{name!r} is set to {shorten(repr(preset[name]))} in {MANIFEST} only: dcai run and papermill --engine dcai use "
            f"that, plain papermill uses what the notebook says. Make it a plain assignment of the parameters cell."
            for name in left
        ]
        notes += [
            f"The secret {name!r} is set in {MANIFEST} only: plain papermill does not look it up." for name in secret
        ]
        return replace(self, notebook=notebook, found=found, notes=[*self.notes, *notes])

    def files(self, text: str) -> dict[Path, str]:
        """Return the text of every file that the promotion writes, given that of the manifest."""
        here = self.environment
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


def _source_schemas(notebook: Any) -> dict[str, Any]:
    """Return what a pipeline's notebook keeps of its source; anything else that stands there counts for nothing."""
    kept = notebook.metadata.get(documents.PROMOTED)
    found = kept.get("parameters") if isinstance(kept, dict) else None
    return {n: s for n, s in found.items() if isinstance(s, dict)} if isinstance(found, dict) else {}


def _note_choice(cell: int, rivals: list[int]) -> str:
    said = f"Cell {cell + 1} was taken as the parameters cell, because it looks most like one."
    others = [str(i + 1) for i in rivals if i != cell]
    if not others:
        return said
    places = f"cell {others[0]} looks" if not others[1:] else f"cells {', '.join(others)} look"
    return f"{said} It is not sure: {places} almost as much like one. Name the cell (--cell N, cell=N), or tag it."


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
    values = {n: v for n, v in wanted.items() if v is not ...} if isinstance(wanted, Mapping) else {}
    known = {p.name: p for p in found.parameters}
    names = list(wanted)
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
    if len(values) == len(names) > 0:
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
