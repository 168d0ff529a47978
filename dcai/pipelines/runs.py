"""Runs: one directory each, validated before a kernel starts, settled whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcai.base import display
from dcai.base.errors import InputError
from dcai.base.records import RunProgress, RunRecord, RunStatus
from dcai.pipelines.archive import ledger
from dcai.pipelines.archive.estimates import seconds_left
from dcai.pipelines.archive.journal import Event, Tally, add_up, now, read_journal
from dcai.pipelines.archive.ledger import History, history
from dcai.pipelines.course.operations import Alarm, Operation, plan_smoke, tell_of_lost
from dcai.pipelines.course.plans import Plan, limits_of, make_plan, require_seconds, require_writable
from dcai.pipelines.definitions.definition import Pipeline
from dcai.pipelines.names import find_root, new_run_id, relative_to_root
from dcai.pipelines.processes.pool import KernelPool
from dcai.pipelines.processes.signals import watch_signals
from dcai.pipelines.runtime.notebook import artifact, record, stop
from dcai.pipelines.triggers import due

__all__ = [
    "History",
    "KernelPool",
    "Run",
    "artifact",
    "carry_out",
    "history",
    "new_run_id",
    "record",
    "run",
    "run_progress",
    "stop",
]

Progress = Callable[[Event], None]


@dataclass(frozen=True)
class Run:
    """One run: its record, and the folder that holds everything about it; `skipped` where nothing was due.

    Examples
    --------
    >>> run("train", {"rate": 0.5}).metrics  # doctest: +SKIP
    {'accuracy': 0.91}
    """

    record: RunRecord
    folder: Path
    skipped: bool = False

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


def run(  # noqa: PLR0913 (one argument for each option of `dcai run`)
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
    start_timeout: float | None = None,
    output_limit: int | str | None = None,
    resume: str | None = None,
    keep_kernel: float | None = None,
    kernels: KernelPool | None = None,
    smoke: int | None = None,
    if_due: bool = False,
    on: str | None = None,
    client: Any = None,
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
    cell_timeout, timeout, start_timeout : float, optional
        Seconds that one cell, the whole run, and the start of its kernel may take.
    output_limit : int or str, optional
        What its cells may put out, in bytes or such as "2 GB"; None is what the manifest says, or 512 MiB.
    resume : str, optional
        The id of a run of this pipeline that did not succeed: its parameters are taken over, and its kernel and
        the results of its cells where the kernel was kept and nothing before the cell where it ended has changed.
        Otherwise every cell is executed, and the record's `note` says why. What the cell that failed has changed
        before it failed stays changed in a kernel that was kept.
    keep_kernel : float, optional
        Seconds for which the kernel stays after the run, to go on from there; None ends it with the run.
    kernels : KernelPool, optional
        Where to get the kernel from, instead of starting one.
    smoke : int, optional
        Run on a sample of so many rows first, as `smoke` in the manifest says; only when that succeeds, run in earnest.
        A smoke run is no run to compare with, and its outputs do not stand.
    if_due : bool
        Run only when `due` says so; otherwise return the last good run, `skipped`.
    on : str, optional
        The address of a Dask scheduler whose workers see the repository at the same path: the run is carried out there,
        and goes on where its worker is killed. Of the options above, `run_id`, `cell_timeout` and `timeout` go with it.
    client : distributed.Client, optional
        An existing client, instead of `on`.
    progress : callable, optional
        Called with each event of the run's journal as it happens, and with "tick" a few times a second.

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
        cell_timeout=cell_timeout, timeout=timeout, start_timeout=start_timeout,
        output_limit=output_limit, resume=resume, keep_kernel=keep_kernel, kernels=kernels, smoke=smoke,
        if_due=if_due, on=on, client=client, progress=progress,
    )  # fmt: skip
    if done.status == "interrupted":
        raise KeyboardInterrupt if done.exit_code == 130 else SystemExit(done.exit_code)  # noqa: PLR2004 (128 + SIGINT)
    return done


def carry_out(  # noqa: PLR0913 (those of `run`)
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
    start_timeout: float | None = None,
    output_limit: int | str | None = None,
    resume: str | None = None,
    keep_kernel: float | None = None,
    kernels: KernelPool | None = None,
    smoke: int | None = None,
    if_due: bool = False,
    on: str | None = None,
    client: Any = None,
    progress: Progress | None = None,
) -> Run:
    """Do what `run` does, but return an interrupted run too; for shells, which have exit codes.

    Examples
    --------
    >>> carry_out("train").exit_code  # doctest: +SKIP
    0
    """
    if on is not None or client is not None:
        _refuse_with_cluster(
            kernel=kernel, cwd=cwd, output=output, start_timeout=start_timeout, output_limit=output_limit, resume=resume,
            keep_kernel=keep_kernel, kernels=kernels, smoke=smoke, if_due=if_due or None, progress=progress,
        )  # fmt: skip
        from dcai.pipelines.variations.sweeping import run_elsewhere

        if on is not None and client is not None:
            raise InputError("A run goes to a cluster by its address (on) or by a client. Give one of them.")
        limits = {"timeout": timeout, "cell_timeout": cell_timeout}
        return Run(*run_elsewhere(pipeline, parameters or {}, on, client=client, root=root, run_id=run_id, **limits))
    with Alarm(pipeline, root):
        plan = make_plan(pipeline, parameters or {}, root=root, kernel=kernel, cwd=cwd, run_id=run_id, resume=resume)
        plan = replace(plan, limits=limits_of(plan.limits, cell_timeout, timeout, start_timeout, output_limit))
        keep = require_seconds("keep_kernel", keep_kernel)
        target = None if output is None else require_writable(output)
        sample = None if smoke is None else plan_smoke(plan, smoke)
        tell_of_lost(plan.definition)
        if if_due and (good := _find_good(plan)) is not None:
            return good
        if kernels is not None:
            kernels.require_ready(plan.kernel)
        with watch_signals() as interruption:
            return Run(*Operation(plan, interruption, progress, target, kernels, keep).carry_out(sample))


def _refuse_with_cluster(**options: Any) -> None:
    """Refuse what needs the kernel at hand, for a run on a cluster."""
    for name, value in options.items():
        if value is not None:
            raise InputError(
                f"{name!r} (--{name.replace('_', '-')}) cannot be used with a cluster (on, client, --on). Leave it away, or run "
                "here."
            )


def _find_good(plan: Plan) -> Run | None:
    """Return the last good run where nothing makes another one due."""
    if plan.definition is None:
        raise InputError(
            f"{plan.source.name!r} is no pipeline, so nothing says when it is due. Leave if_due (--if-due) away, or promote "
            "it first: dcai promote NOTEBOOK."
        )
    state = due(plan.definition, plan.values)
    if state or state.last is None:
        return None
    return Run(state.last, ledger.run_folder(plan.name, state.last.run, plan.root), skipped=True)


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
    events = read_journal(folder / ledger.JOURNAL)
    if one.status == "running":
        tally = add_up(events)
        left = seconds_left(events, now())
        return RunProgress(_so_far(one, tally), tally.cell, tally.cell_source, relative_to_root(folder, top), left)
    return RunProgress(one, None, "", relative_to_root(folder, top))


def _so_far(one: RunRecord, tally: Tally) -> RunRecord:
    return replace(one, cells_total=tally.cells_total, cells_done=tally.cells_done, metrics=tally.metrics)
