"""The record beside a notebook that plain papermill runs with our engine: `OUT.run.json`, `OUT.events.jsonl`.

Where OUT is an address (`s3://...`, or whatever else papermill has a handler for) the record goes there too, through
papermill. The journal cannot be appended to there, so it stays in memory; what it adds up to is the record.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcai.base import store
from dcai.base.errors import DcaiError, MissingError
from dcai.base.records import RunFailure, RunRecord
from dcai.pipelines import engine, ledger
from dcai.pipelines.definition import read_definition
from dcai.pipelines.documents import write_notebook
from dcai.pipelines.injection import given_to, mask
from dcai.pipelines.journal import EXIT_CODES, Journal, Tally, now
from dcai.pipelines.manifest import MANIFEST, PIPELINE_NOTEBOOK
from dcai.pipelines.names import find_root, new_run_id, relative_to_root, suggest_name
from dcai.pipelines.outputs import save_rebuilt
from dcai.pipelines.parameters import defaults_of, find_in, normalise
from dcai.pipelines.schemas import is_json
from dcai.pipelines.verdicts import Scene, hold_gates


@dataclass
class Beside:
    """Where the record goes, if anywhere, and the record."""

    record: RunRecord
    output: Path | str | None
    gates: dict[str, Any]
    root: Path

    @classmethod
    def make(cls, nb: Any, kernel: str) -> Beside:
        """Begin the record of a papermill run; only a local output has files beside it."""
        named = nb.metadata.papermill.get("output_path")
        path = named if _is_address(named) else _local(named)
        source = nb.metadata.papermill.get("input_path")
        own = source.partition("?")[0].rpartition("/")[2] if _is_address(source) else ""
        here = _local(source) or Path.cwd() / (own or "notebook.ipynb")
        root = find_root(here)
        given = given_to(nb)
        found = find_in(nb, "the notebook")
        written = {k: v if is_json(v) else str(v) for k, v in normalise(found, given).items()}
        parameters = mask(found, defaults_of(found) | written)
        is_pipeline = here.name == PIPELINE_NOTEBOOK and (here.parent / MANIFEST).is_file()
        name = suggest_name(here.parent if is_pipeline else here)
        shown = relative_to_root(here, root)
        begun = ledger.begin(new_run_id(), name, shown, kernel, root=root, parameters=parameters)
        return cls(begun, path, read_definition(here.parent, root).gates if is_pipeline else {}, root)

    def open_journal(self) -> Journal:
        """Write the record as running and return the journal; a journal of an earlier run is replaced.

        Runs that were killed beside this one, as those of a scheduler are, are settled on the way.
        """
        if isinstance(self.output, Path):
            records_beside(self.output.parent)
        self._write(self.record)
        if not isinstance(self.output, Path):
            return Journal()
        journal = self._path("events.jsonl")
        journal.unlink(missing_ok=True)
        return Journal(journal)

    @property
    def output_log(self) -> Path | None:
        """Where what cells put out is kept until the notebook is saved; nowhere for an output elsewhere."""
        return self._path("outputs.jsonl") if isinstance(self.output, Path) else None

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
        if isinstance(self.output, Path):
            self._path("events.jsonl").unlink(missing_ok=True)
        self._write(invalid)

    def hold_gates(self, journal: Journal) -> None:
        """Judge the gates of a pipeline, as `dcai run` does."""
        if journal.tally.status in ("running", "stopped"):
            earlier = ledger.good_runs(self.record.pipeline, self.root)
            scene = Scene(journal.tally.metrics, journal.tally.resources, self.root, (), earlier)
            self.record = replace(self.record, gates=hold_gates(self.gates, journal, scene))

    def settle(self, tally: Tally) -> None:
        """Write the final record."""
        self._write(ledger.take_over(self.record, tally))

    def save(self, nb: Any) -> None:
        """Write the executed notebook, whole, before papermill itself writes it again."""
        if isinstance(self.output, Path):
            store.write_atomic(self.output, write_notebook(nb))
            self._path("outputs.jsonl").unlink(missing_ok=True)
        elif self.output is not None:
            engine.send(write_notebook(nb), self.output)

    def _write(self, record: RunRecord) -> None:
        if isinstance(self.output, Path):
            ledger.write_record(self._path("run.json"), record)
        elif self.output is not None:
            engine.send(ledger.text_of(record), f"{self.output}.run.json")

    def _path(self, suffix: str) -> Path:
        assert isinstance(self.output, Path)
        return _beside(self.output, suffix)


def read_beside(output: Path) -> RunRecord:
    """Read the record beside an output of `papermill --engine dcai`; one whose process is gone is settled.

    Raises
    ------
    MissingError
        There is no record beside it.

    Examples
    --------
    >>> read_beside(Path("out.ipynb")).status  # doctest: +SKIP
    'succeeded'
    """
    path = _beside(output, "run.json")
    if not path.is_file():
        raise MissingError(
            f"There is no record {str(path)!r}. It is written by: papermill IN {output.name} --engine dcai"
        )
    record = ledger.load_record(path)
    return _settle(output) if _is_abandoned(record, output) else record


def records_beside(folder: Path) -> tuple[list[RunRecord], list[str]]:
    """Read the records beside the notebooks in a folder, latest first, and say which cannot be read."""
    records, problems = [], []
    for path in sorted(folder.glob("*.ipynb.run.json")):
        try:
            records.append(read_beside(path.with_name(path.name.removesuffix(".run.json"))))
        except DcaiError as error:
            problems.append(str(error))
    return sorted(records, key=lambda r: (r.started, r.run), reverse=True), problems


def _settle(output: Path) -> RunRecord:
    """Write down that the process of a papermill run was killed, and save what its cells have put out by then."""
    path = _beside(output, "run.json")
    with store.lock(path):
        record = ledger.load_record(path)
        if not _is_abandoned(record, output):
            return record  # it was settled, or begun anew, while we looked
        settled = ledger.take_over(record, ledger.end_abandoned(_beside(output, "events.jsonl"), record))
        # As in a run's own folder: that the run is over cannot wait for its outputs.
        with suppress(OSError, LookupError, TypeError, AttributeError, ValueError):
            save_rebuilt(_beside(output, "outputs.jsonl"), output)
        return ledger.write_record(path, settled)


def _is_abandoned(record: RunRecord, output: Path) -> bool:
    signs = [_beside(output, suffix) for suffix in ("run.json", "events.jsonl", "outputs.jsonl")]
    return ledger.is_abandoned(record, *signs)


def _beside(output: Path, suffix: str) -> Path:
    return output.with_name(f"{output.name}.{suffix}")


def _is_address(path: Any) -> bool:
    return isinstance(path, str) and "://" in path


def _local(path: Any) -> Path | None:
    """Return the absolute path of a local file that papermill names; relative ones mean papermill's own folder.

    With `--cwd` papermill changes the current folder before it calls an engine, and keeps the old one to itself.
    """
    if not isinstance(path, str) or path == "-" or "://" in path:
        return None
    from papermill.iorw import papermill_io

    before = getattr(papermill_io.get_handler("local"), "_cwd", None)
    return Path(before or Path.cwd()) / path
