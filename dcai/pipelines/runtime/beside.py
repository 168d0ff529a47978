"""The record beside a notebook that plain papermill runs with our engine: `OUT.run.json`, `OUT.events.jsonl`.

Where OUT is an address (`s3://...`, or whatever else papermill has a handler for) the record goes there too, through
papermill. The journal cannot be appended to there, so it stays in memory; what it adds up to is the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcai.base import store
from dcai.base.errors import DcaiError, InputError, MissingError, shorten
from dcai.base.records import RunFailure, RunRecord
from dcai.base.testimony import RUN_FOLDER
from dcai.pipelines.archive import ledger
from dcai.pipelines.archive.journal import EXIT_CODES, Journal, Tally, now
from dcai.pipelines.archive.outputs import save_left
from dcai.pipelines.definitions.definition import Pipeline, load_pipeline
from dcai.pipelines.definitions.locks import find_versions
from dcai.pipelines.definitions.manifest import MANIFEST, PIPELINE_NOTEBOOK
from dcai.pipelines.definitions.patterns import fill_paths
from dcai.pipelines.definitions.readings import list_code, list_logs
from dcai.pipelines.names import find_root, new_run_id, relative_to_root, suggest_name
from dcai.pipelines.notebooks.documents import is_python, kernel_of, write_notebook
from dcai.pipelines.notebooks.injection import given_to, mask
from dcai.pipelines.notebooks.parameters import defaults_of, find_in, normalise
from dcai.pipelines.notebooks.schemas import is_json
from dcai.pipelines.origins.provenance import last_good
from dcai.pipelines.processes.signals import Interruption
from dcai.pipelines.runtime.beginnings import keep_reads, record_reads, settle_reads
from dcai.pipelines.runtime.custody import Custody, enter
from dcai.pipelines.runtime.openings import Openings
from dcai.pipelines.runtime.prepared import Prepared


@dataclass
class Beside:
    """Where the record goes, if anywhere, and the record; of a pipeline also its folder below `runs/`, as any run has."""

    record: RunRecord
    output: Path | str | None
    source: Path
    root: Path
    kernel: str
    python: bool = True
    definition: Pipeline | None = None
    custody: Custody | None = None
    versions: Mapping[str, Any] | None = None
    openings: Openings | None = None

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
        name = suggest_name(here.parent if _is_pipeline(here) else here)
        begun = ledger.begin(new_run_id(), name, relative_to_root(here, root), kernel, root=root, parameters=parameters)
        return cls(begun, path, here, root, kernel, is_python(nb))

    def find_definition(self) -> Pipeline | None:
        """Return the pipeline whose notebook it is, if it is one's."""
        if _is_pipeline(self.source):
            self.definition = load_pipeline(self.source.parent)
            self.root = self.definition.root
        return self.definition

    def admit(self, prepared: Prepared) -> None:
        """Write the record as running; that of a pipeline as `dcai run` does: its inputs are there, its outputs free.

        Raises
        ------
        InputError, MissingError
            Something is not as the manifest declares it.
        """
        one, root = self.definition, self.root
        effective = mask(prepared.found, defaults_of(prepared.found) | prepared.values)
        if one is None:
            written = {n: v if is_json(v) else str(v) for n, v in effective.items()}
            self.record = replace(self.record, parameters=written)
            self._write(self.record)
            return
        for path in one.inputs:
            if not (root / path).exists():
                raise MissingError(f"The input {path!r} of {one.name!r} does not exist in {root}. Make it first.")
        if self.kernel == kernel_of(prepared.notebook):  # nobody has named another one
            self.kernel = one.kernel
        outputs = fill_paths(one.outputs, effective)
        shown = relative_to_root(self.source, root)
        begun = ledger.begin(
            self.record.run, one.name, shown, self.kernel, root=root, parameters=effective, outputs=outputs
        )
        self.versions = find_versions(self.kernel)
        self.record = record_reads(
            begun, root, self.cwd or Path.cwd(), inputs=one.inputs, corrections=list_logs(one, effective),
            code=list_code(one, prepared.notebook), upstream=last_good(one.upstream, root), definition=one,
            versions=self.versions,
        )  # fmt: skip
        self._write(self.record)
        self.record = enter(root, self.folder, self.record)

    @property
    def folder(self) -> Path:
        """The folder of a pipeline's run."""
        return ledger.run_folder(self.record.pipeline, self.record.run, self.root)

    @property
    def environment(self) -> dict[str, str]:
        """What the kernel of a pipeline's run is told."""
        if self.openings is None:
            return {}
        named = {RUN_FOLDER: str(self.folder), "DCAI_RUN": self.record.run, "DCAI_PIPELINE": self.record.pipeline}
        return {**named, **self.openings.environment}

    @property
    def cwd(self) -> Path | None:
        """The working directory: a pipeline's root, unless papermill was given another one; None is the current one."""
        return None if self.definition is None or _is_moved() else self.root

    def open_journal(self, journal: Journal, interruption: Interruption) -> None:
        """Give the journal its file; one of an earlier run is replaced.

        Runs that were killed beside this one, as those of a scheduler are, are settled on the way.
        """
        if isinstance(self.output, Path):
            records_beside(self.output.parent)
        path = self._file("events.jsonl", ledger.JOURNAL)
        if isinstance(self.output, Path):
            self._path("events.jsonl").unlink(missing_ok=True)
        if isinstance(self.output, Path) and self.definition is not None:
            for suffix, name in (("events.jsonl", ledger.JOURNAL), ("outputs.jsonl", ledger.OUTPUT_LOG)):
                _share(self._path(suffix), self.folder / name)
        if path is not None:
            journal.open(path)
        if self.definition is not None:
            one = self.definition
            outputs, logs = (tuple(f.path for f in files) for files in (self.record.outputs, self.record.corrections))
            self.custody = Custody(
                one.name, self.root, self.folder, journal, interruption, one.inputs, outputs, logs, one.gates
            )
            self.custody.mark()
            self.openings = Openings(self.root, self.folder, self.record, one, python=self.python)

    def check_inputs(self) -> bool:
        """Judge a pipeline's inputs by their declared schemas, and keep its earlier outputs; False where it may not run."""
        if self.custody is None or self.definition is None:
            return True
        failed = self.custody.check_inputs()
        self.record = replace(self.record, gates=failed)
        if failed:
            return False
        keep_reads(self.record, self.root, self.folder, self.definition, self.versions)
        self.custody.keep_earlier()
        return True

    @property
    def output_log(self) -> Path | None:
        """Where what cells put out is kept until the notebook is saved; nowhere for an output elsewhere."""
        return self._file("outputs.jsonl", ledger.OUTPUT_LOG)

    def refuse(self, error: Exception) -> None:
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

    def judge(self, journal: Journal) -> None:
        """Judge the outputs and gates of a pipeline, as `dcai run` does."""
        if self.custody is not None and journal.tally.status in ("running", "stopped"):
            if self.openings is not None:
                self.custody.corrections = tuple(f.path for f in self.openings.settle(self.record).corrections)
            hint = f" papermill worked in {Path.cwd()}, and outputs are relative to {self.root}." if _is_moved() else ""
            self.record = replace(self.record, gates=self.custody.judge(journal.tally, hint))

    def settle(self, tally: Tally) -> None:
        """Write the final record."""
        one = ledger.take_over(self.record, tally)
        if self.openings is not None:
            one = self.openings.settle(one)
            self.openings.dismiss(forget=True)
        if self.custody is not None:
            one = replace(one, outputs=self.custody.settle(stand=ledger.stands(one)))
            one = replace(one, note=ledger.join_notes(one.note, self.custody.note))
        if self.definition is not None:
            one = ledger.write_record(self.folder / ledger.RECORD, one)
            settle_reads(one, self.root, self.definition)
        self._write(one)

    def save(self, nb: Any) -> None:
        """Write the executed notebook, whole, before papermill itself writes it again."""
        text = write_notebook(nb)
        if isinstance(self.output, Path):
            store.write_atomic(self.output, text)
            self._path("outputs.jsonl").unlink(missing_ok=True)
        elif self.output is not None:
            _send(text, self.output)
        if self.definition is not None:
            store.write_atomic(self.folder / ledger.NOTEBOOK, text)
            (self.folder / ledger.OUTPUT_LOG).unlink(missing_ok=True)

    def _write(self, record: RunRecord) -> None:
        if isinstance(self.output, Path):
            ledger.write_record(self._path("run.json"), record)
        elif self.output is not None:
            _send(ledger.text_of(record), f"{self.output}.run.json")

    def _file(self, suffix: str, name: str) -> Path | None:
        """Return where something is written while the run is under way: beside the output, or in a pipeline's run."""
        if isinstance(self.output, Path):
            return self._path(suffix)
        return None if self.definition is None else self.folder / name

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
        save_left(_beside(output, "outputs.jsonl"), output)
        return ledger.write_record(path, settled)


def _is_abandoned(record: RunRecord, output: Path) -> bool:
    signs = [_beside(output, suffix) for suffix in ("run.json", "events.jsonl", "outputs.jsonl")]
    return ledger.is_abandoned(record, *signs)


def _beside(output: Path, suffix: str) -> Path:
    return output.with_name(f"{output.name}.{suffix}")


def _is_pipeline(notebook: Path) -> bool:
    return notebook.name == PIPELINE_NOTEBOOK and (notebook.parent / MANIFEST).is_file()


def _share(one: Path, other: Path) -> None:
    """Give a file that is about to be written a second name: whoever finds the run killed reads it there, too."""
    one.unlink(missing_ok=True)
    one.touch()
    with suppress(OSError):  # on another disk, or one without links: then only the first name tells of it
        other.hardlink_to(one)


def _is_address(path: Any) -> bool:
    return isinstance(path, str) and "://" in path


def _send(text: str, address: str) -> None:
    """Write a text to an address through papermill; done before a kernel starts, it shows whether that can be.

    Errors that a library behind papermill has made for itself go their way: they say what is wrong by themselves.
    """
    from papermill.exceptions import PapermillException
    from papermill.iorw import papermill_io

    try:
        papermill_io.write(text, address)
    except (OSError, ImportError, PapermillException) as error:
        said = shorten(f"{type(error).__name__}: {error}", 300)
        hint = "papermill's extras hold what addresses need: pip install 'papermill[s3]' (gcs, azure, hdfs, ...)."
        raise InputError(f"Nothing can be written to {address!r}: {said}. {hint}") from error


def _local(path: Any) -> Path | None:
    """Return the absolute path of a local file that papermill names; relative ones mean papermill's own folder.

    With `--cwd` papermill changes the current folder before it calls an engine, and keeps the old one to itself.
    """
    if not isinstance(path, str) or path == "-" or "://" in path:
        return None
    return _own_folder() / path


def _own_folder() -> Path:
    """Return the folder in which papermill was called; with `--cwd` the current one is another."""
    from papermill.iorw import papermill_io

    return Path(getattr(papermill_io.get_handler("local"), "_cwd", None) or Path.cwd())


def _is_moved() -> bool:
    """Tell whether papermill was given a working directory."""
    return _own_folder().resolve() != Path.cwd().resolve()
