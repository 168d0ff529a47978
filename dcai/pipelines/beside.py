"""The record beside a notebook that plain papermill runs with our engine: `OUT.run.json`, `OUT.events.jsonl`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcai.base import store
from dcai.base.errors import DcaiError
from dcai.base.records import RunFailure, RunRecord
from dcai.pipelines import ledger
from dcai.pipelines.definition import read_definition
from dcai.pipelines.documents import write_notebook
from dcai.pipelines.injection import given_to, mask
from dcai.pipelines.journal import EXIT_CODES, Journal, Tally, now
from dcai.pipelines.manifest import MANIFEST, PIPELINE_NOTEBOOK, hold_gates
from dcai.pipelines.names import find_root, new_run_id, relative_to_root, suggest_name
from dcai.pipelines.parameters import defaults_of, find_in, normalise
from dcai.pipelines.schemas import is_json


@dataclass
class Beside:
    """Where the record goes, if anywhere, and the record."""

    record: RunRecord
    output: Path | None
    gates: dict[str, str]

    @classmethod
    def make(cls, nb: Any, kernel: str) -> Beside:
        """Begin the record of a papermill run; only a local output has files beside it."""
        path = _local(nb.metadata.papermill.get("output_path"))
        here = _local(nb.metadata.papermill.get("input_path")) or Path.cwd() / "notebook.ipynb"
        root = find_root(here)
        given = given_to(nb)
        found = find_in(nb, "the notebook")
        written = {k: v if is_json(v) else str(v) for k, v in normalise(found, given).items()}
        parameters = mask(found, defaults_of(found) | written)
        is_pipeline = here.name == PIPELINE_NOTEBOOK and (here.parent / MANIFEST).is_file()
        name = suggest_name(here.parent if is_pipeline else here)
        shown = relative_to_root(here, root)
        begun = ledger.begin(new_run_id(), name, shown, kernel, root=root, parameters=parameters)
        return cls(begun, path, read_definition(here.parent, root).gates if is_pipeline else {})

    def open_journal(self) -> Journal:
        """Write the record as running and return the journal; a journal of an earlier run is replaced."""
        if self.output is None:
            return Journal()
        journal = self._path("events.jsonl")
        journal.unlink(missing_ok=True)
        ledger.write_record(self._path("run.json"), self.record)
        return Journal(journal)

    def refuse(self, error: DcaiError) -> None:
        """Write down that the run was refused before it began; an older record would claim a success."""
        failure = RunFailure(type(error).__name__, None, "", str(error))
        invalid = replace(
            self.record,
            status="invalid",
            exit_code=EXIT_CODES["invalid"],
            error=failure,
            ended=now(),
            pid=None,
            host=None,
        )
        if self.output is not None:
            self._path("events.jsonl").unlink(missing_ok=True)
            ledger.write_record(self._path("run.json"), invalid)

    def hold_gates(self, journal: Journal) -> None:
        """Judge the gates of a pipeline, as `dcai run` does."""
        if journal.tally.status in ("running", "stopped"):
            self.record = replace(self.record, gates=hold_gates(self.gates, journal))

    def settle(self, tally: Tally) -> None:
        """Write the final record."""
        if self.output is not None:
            ledger.write_record(self._path("run.json"), ledger.take_over(self.record, tally))

    def save(self, nb: Any) -> None:
        """Write the executed notebook, whole, before papermill itself writes it again."""
        if self.output is not None:
            store.write_atomic(self.output, write_notebook(nb))

    def _path(self, suffix: str) -> Path:
        assert self.output is not None
        return self.output.with_name(f"{self.output.name}.{suffix}")


def _local(path: Any) -> Path | None:
    """Return the absolute path of a local file that papermill names; relative ones mean papermill's own folder.

    With `--cwd` papermill changes the current folder before it calls an engine, and keeps the old one to itself.
    """
    if not isinstance(path, str) or path == "-" or "://" in path:
        return None
    from papermill.iorw import papermill_io

    before = getattr(papermill_io.get_handler("local"), "_cwd", None)
    return Path(before or Path.cwd()) / path
