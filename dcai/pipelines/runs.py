"""Runs: one directory each, validated before a kernel starts, settled whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcai.base import display, store
from dcai.base.errors import InputError
from dcai.base.records import FileHash, RunProgress, RunRecord, RunStatus
from dcai.pipelines import documents, engine, injection, ledger, manifest
from dcai.pipelines.definition import Pipeline
from dcai.pipelines.journal import Event, Journal, Tally, add_up, read_journal
from dcai.pipelines.ledger import History, history
from dcai.pipelines.manifest import MANIFEST
from dcai.pipelines.names import (
    find_root,
    new_run_id,
    relative_to_root,
)
from dcai.pipelines.notebook import RUN_FOLDER, artifact, record, stop
from dcai.pipelines.plans import Plan, limits_of, make_plan, require_writable
from dcai.pipelines.signals import Interruption, watch_signals

__all__ = ["History", "Run", "artifact", "carry_out", "history", "new_run_id", "record", "run", "run_progress", "stop"]

Progress = Callable[[Event], None]


@dataclass(frozen=True)
class Run:
    """One run: its record, and the folder that holds everything about it.

    Examples
    --------
    >>> run("train", {"rate": 0.5}).metrics  # doctest: +SKIP
    {'accuracy': 0.91}
    """

    record: RunRecord
    folder: Path

    @property
    def status(self) -> RunStatus:
        """How the run ended."""
        return self.record.status

    @property
    def exit_code(self) -> int:
        """The exit code that a shell sees."""
        return self.record.exit_code

    @property
    def metrics(self) -> dict[str, Any]:
        """What the notebook recorded."""
        return self.record.metrics

    def __repr__(self) -> str:
        return f"<Run {self.record.run} of {self.record.pipeline!r}: {self.status}{_reason(self.record)}>"

    def _repr_html_(self) -> str:
        one = self.record
        facts = display.to_table(
            [ledger.shown(one)], ("status", "started", "seconds", "cells", "metrics", "error"), ("seconds",)
        )
        files = [{"file": f.path, "sha256": (f.sha256 or "not written")[:12], "bytes": f.size} for f in one.outputs]
        made = display.to_table(files, ("file", "sha256", "bytes"), ("bytes",)) if files else ""
        return display.to_block(
            f"<h3>Run {display.escape(one.run)} of {display.escape(one.pipeline)}</h3>", facts, made
        )


def _reason(one: RunRecord) -> str:
    return "" if one.error is None else f" ({ledger.one_line(f'{one.error.error}: {one.error.message}')})"


def run(
    pipeline: Pipeline | str | Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    root: str | Path | None = None,
    kernel: str | None = None,
    cwd: str | Path | None = None,
    output: str | Path | None = None,
    run_id: str | None = None,
    cell_timeout: float | None = None,
    timeout: float | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a pipeline, or any notebook, and return what happened; a notebook that fails is no exception.

    Parameters
    ----------
    pipeline : Pipeline, str or Path
        What `promote` returned, a pipeline's name or folder, or a notebook file.
    parameters : mapping, optional
        Values by name; everything is checked before a kernel starts.
    root : str or Path, optional
        The repository; None takes the one that holds the pipeline.
    kernel : str, optional
        Another kernel than the notebook's.
    cwd : str or Path, optional
        Another working directory than the root.
    output : str or Path, optional
        A second place for the executed notebook.
    run_id : str, optional
        The run's id (see `new_run_id`); None makes one.
    cell_timeout, timeout : float, optional
        Seconds that one cell, and the whole run, may take.
    progress : callable, optional
        Called with each event of the run's journal as it happens.

    Returns
    -------
    Run
        With `status`, `exit_code`, `metrics`, `record` and `folder`.

    Raises
    ------
    InputError, MissingError
        Something does not fit; no kernel was started and no folder made.
    KeyboardInterrupt
        The user interrupted it; the record is settled first.

    Examples
    --------
    >>> run("train", {"rate": 0.5}).status  # doctest: +SKIP
    'succeeded'
    """
    done = carry_out(
        pipeline, parameters, root=root, kernel=kernel, cwd=cwd, output=output, run_id=run_id,
        cell_timeout=cell_timeout, timeout=timeout, progress=progress,
    )  # fmt: skip
    if done.status == "interrupted":
        raise KeyboardInterrupt if done.exit_code == 130 else SystemExit(done.exit_code)  # noqa: PLR2004 (128 + SIGINT)
    return done


def carry_out(
    pipeline: Pipeline | str | Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    root: str | Path | None = None,
    kernel: str | None = None,
    cwd: str | Path | None = None,
    output: str | Path | None = None,
    run_id: str | None = None,
    cell_timeout: float | None = None,
    timeout: float | None = None,
    progress: Progress | None = None,
) -> Run:
    """Do what `run` does, but return an interrupted run too; for shells, which have exit codes.

    Examples
    --------
    >>> carry_out("train").exit_code  # doctest: +SKIP
    0
    """
    plan = make_plan(pipeline, parameters or {}, root=root, kernel=kernel, cwd=cwd, run_id=run_id)
    plan = replace(plan, limits=limits_of(plan.limits, cell_timeout, timeout))
    target = None if output is None else require_writable(Path(output))
    with watch_signals() as interruption:
        folder = _make_folder(plan)
        one = ledger.begin(
            plan.run_id,
            plan.name,
            relative_to_root(plan.source, plan.root),
            plan.kernel,
            root=plan.root,
            parameters=plan.effective,
            outputs=plan.outputs,
        )
        one = replace(
            one,
            inputs=ledger.hash_files(plan.root, plan.inputs),
            corrections=ledger.hash_files(plan.root, plan.corrections),
        )
        ledger.write_record(folder / ledger.RECORD, one)
        return Run(_execute(plan, one, folder, target, interruption, progress), folder)


def _execute(
    plan: Plan,
    one: RunRecord,
    folder: Path,
    target: Path | None,
    interruption: Interruption,
    progress: Progress | None,
) -> RunRecord:
    """Execute the plan and settle its record, also when something unforeseen goes wrong."""
    journal = Journal(folder / ledger.JOURNAL, progress)
    hidden = injection.secrets_of(plan.found, plan.values)
    surroundings = {RUN_FOLDER: str(folder), "DCAI_RUN": plan.run_id, "DCAI_PIPELINE": plan.name, **hidden}
    orders = engine.Orders(journal, interruption, plan.limits, plan.cwd, surroundings)
    targets = [folder / ledger.NOTEBOOK, *([target] if target else [])]
    before = ledger.mark_files(plan.root, plan.outputs)
    gates: list[dict[str, Any]] = []
    try:
        with journal:
            gates = _carry_out(plan, before, orders, targets)
    finally:
        one = replace(ledger.take_over(one, journal.tally), gates=gates, outputs=_outputs(plan, before))
        one = ledger.write_record(folder / ledger.RECORD, one)
    return one


def _carry_out(
    plan: Plan, before: Mapping[str, ledger.Mark], orders: engine.Orders, targets: list[Path]
) -> list[dict[str, Any]]:
    """Execute, save and judge; a full disk or a folder that was taken away is a failed run."""
    notebook = injection.inject(plan.notebook, plan.values, plan.found)
    try:
        text = documents.write_notebook(engine.execute(notebook, plan.kernel, orders))
        for path in targets:
            store.write_atomic(path, text)
    except OSError as error:
        orders.journal.write("error", status="failed", error=type(error).__name__, message=str(error))
    return _judge(plan, before, orders.journal)


def _judge(plan: Plan, before: Mapping[str, ledger.Mark], journal: Journal) -> list[dict[str, Any]]:
    """Journal what the run should have made and did not: declared outputs, passed gates."""
    tally = journal.tally
    if tally.status not in ("running", "stopped"):
        return []
    missing = ledger.unwritten(plan.root, before, stopped=tally.status == "stopped")
    if missing:
        said = f"outputs {', '.join(map(repr, missing))} were" if missing[1:] else f"output {missing[0]!r} was"
        message = f"The {said} not written by this run. Let the notebook write what is declared, or correct 'outputs' in {MANIFEST}."
        journal.write("error", status="failed", error="MissingOutput", message=message)
    return manifest.hold_gates(plan.gates, journal)


def _outputs(plan: Plan, before: Mapping[str, ledger.Mark]) -> list[FileHash]:
    """Hash what the run has made; a declared output that it did not write has no hash, whatever is there."""
    absent = ledger.unwritten(plan.root, before)
    declared = [FileHash(p, None, None) if p in absent else ledger.hash_file(plan.root, p) for p in plan.outputs]
    made = sorted(p for p in (plan.folder / ledger.ARTIFACTS).rglob("*") if p.is_file())
    return [*declared, *(ledger.hash_file(plan.root, relative_to_root(p, plan.root)) for p in made)]


def _make_folder(plan: Plan) -> Path:
    """Make the run's folder, and keep `runs/` out of git."""
    guard = plan.root / ledger.RUNS / ".gitignore"
    if not guard.is_file():
        store.write_atomic(guard, ledger.IGNORE_ALL)
    try:
        (plan.folder / ledger.ARTIFACTS).mkdir(parents=True)
    except FileExistsError as error:
        raise InputError(f"There is a run {plan.run_id!r} of {plan.name!r} already. Choose another run_id.") from error
    return plan.folder


# ---------------------------------------------------------------- progress


def run_progress(name: str, run_id: str, root: str | Path | None = None) -> RunProgress:
    """Return how far a run is, from its record and its journal; for whoever polls it from another process.

    Parameters
    ----------
    name : str
        The pipeline's name.
    run_id : str
        The run's id.
    root : str or Path, optional
        The repository; None takes the one that holds the current folder.

    Raises
    ------
    MissingError
        There is no such run (yet).

    Examples
    --------
    >>> run_progress("train", "20260131T120000-000000-ab12cd").record.cells_done  # doctest: +SKIP
    3
    """
    top = find_root(Path.cwd(), root)
    folder = ledger.run_folder(name, run_id, top)
    one = ledger.read_record(folder)
    tally = add_up(read_journal(folder / ledger.JOURNAL))
    if one.status == "running":
        one = _so_far(one, tally)
        return RunProgress(one, tally.cell, tally.cell_source, relative_to_root(folder, top))
    return RunProgress(one, None, "", relative_to_root(folder, top))


def _so_far(one: RunRecord, tally: Tally) -> RunRecord:
    return replace(one, cells_total=tally.cells_total, cells_done=tally.cells_done, metrics=tally.metrics)
