"""How a planned run is carried out: executed, saved, judged, and its record settled whatever happens."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dcai.base import store
from dcai.base.errors import InputError
from dcai.base.records import Resources, RunRecord
from dcai.base.testimony import RUN_FOLDER
from dcai.pipelines import engine
from dcai.pipelines.archive import ledger, staging
from dcai.pipelines.archive.estimates import expect_seconds
from dcai.pipelines.archive.journal import Journal, Tally
from dcai.pipelines.archive.outputs import cut_outputs
from dcai.pipelines.course.plans import Plan
from dcai.pipelines.course.resumption import Continuation, marks_of, save_kept
from dcai.pipelines.notebooks import documents, injection
from dcai.pipelines.processes.kernels import Kept
from dcai.pipelines.processes.pool import KernelLine
from dcai.pipelines.processes.signals import Interruption
from dcai.pipelines.runtime.custody import Custody
from dcai.pipelines.runtime.openings import Openings

# Bytes that are set aside while a run is under way: on a full disk its record still finds room.
_RESERVE, _RESERVE_FILE = 256 * 1024, ".reserve"


@dataclass
class Conduct:
    """One run under way: its plan, its folder, and what it was told."""

    plan: Plan
    journal: Journal
    interruption: Interruption
    target: Path | None = None
    kernels: KernelLine | None = None
    keep: float | None = None
    kept: Kept | None = None
    inherited: Resources | None = None
    openings: Openings | None = None
    custody: Custody = field(init=False)

    def __post_init__(self) -> None:
        """Take the outputs, inputs and gates of the plan into custody."""
        plan = self.plan
        self.custody = Custody(
            plan.name, plan.root, plan.folder, self.journal, self.interruption, plan.inputs, plan.outputs,
            plan.corrections, plan.gates,
        )  # fmt: skip

    def settle(self, one: RunRecord, prepare: Callable[[], None] = lambda: None) -> RunRecord:
        """Execute the plan and settle its record, also when something unforeseen goes wrong.

        What cannot be prepared (no room on the disk, a table that cannot be sampled) is a failed run.
        """
        folder, custody = self.plan.folder, self.custody
        custody.mark()
        gates: list[dict[str, Any]] = []
        try:
            with self.journal:
                gates = custody.check_inputs() or self._carry_out(one, prepare)
        finally:
            (folder / _RESERVE_FILE).unlink(missing_ok=True)
            one = self._name_logs(replace(ledger.take_over(one, self._tally()), gates=gates))
            one = replace(one, outputs=custody.settle(stand=ledger.stands(one)))
            one = replace(one, note=ledger.join_notes(one.note, custody.note))
            one = ledger.write_record(folder / ledger.RECORD, one)
        return one

    def _carry_out(self, one: RunRecord, prepare: Callable[[], None]) -> list[dict[str, Any]]:
        """Execute, save and judge; a full disk or a folder that was taken away is a failed run."""
        plan = self.plan
        notebook = injection.inject(plan.notebook, plan.values, plan.found)
        try:
            (plan.folder / _RESERVE_FILE).write_bytes(b"\1" * _RESERVE)
            prepare()
            self.custody.keep_earlier()
            python = documents.is_python(plan.notebook)
            self.openings = Openings(plan.root, plan.folder, one, plan.definition, plan.claims, python)
            done = engine.execute(notebook, plan.kernel, self._orders(notebook, self.openings))
            self._save(done)
            self.custody.corrections = logs = tuple(f.path for f in self.openings.settle(one).corrections)
            kept, seconds = self.kept, self.keep
            if (
                kept is not None
                and seconds is not None
                and not save_kept(replace(plan, corrections=logs), done, kept, seconds, self.custody.marks)
            ):
                self._take_kept(None)
        except (OSError, InputError) as error:
            self.journal.write("error", status="failed", error=type(error).__name__, message=str(error))
        return self.custody.judge(self._tally())

    def _name_logs(self, one: RunRecord) -> RunRecord:
        """Return the record with the correction logs that were read, and send the witness of that away."""
        if self.openings is None:
            return one
        one = self.openings.settle(one)
        self.openings.dismiss(forget=self.kept is None)
        return one

    def _save(self, done: Any) -> None:
        """Save the executed notebook; where a full disk has no room for it, a shorter one that a person can open."""
        folder, text = self.plan.folder, documents.write_notebook(done)
        try:
            for path in [folder / ledger.NOTEBOOK, *([self.target] if self.target else [])]:
                store.write_atomic(path, text)
        except OSError:
            (folder / _RESERVE_FILE).unlink(missing_ok=True)
            if not (folder / ledger.NOTEBOOK).exists():
                store.write_atomic(folder / ledger.NOTEBOOK, documents.write_notebook(cut_outputs(done, _RESERVE // 2)))
                self.custody.note = (
                    f"There was no room for the executed notebook: in {ledger.NOTEBOOK} long outputs are cut. All that was "
                    f"written down of them is in {ledger.OUTPUT_LOG}."
                )
            raise
        (folder / ledger.OUTPUT_LOG).unlink(missing_ok=True)

    def _orders(self, notebook: Any, openings: Openings) -> engine.Orders:
        plan, folder = self.plan, self.plan.folder
        surroundings = {
            RUN_FOLDER: str(folder), "DCAI_RUN": plan.run_id, "DCAI_PIPELINE": plan.name, **openings.environment,
            **plan.secrets,
        }  # fmt: skip
        taken_over = None
        if plan.earlier is not None:
            taken_over = Continuation(plan, notebook, plan.earlier, self.journal, self._inherit)
        expected = expect_seconds(folder.parent, notebook)
        return engine.Orders(
            self.journal, self.interruption, plan.limits, plan.cwd, surroundings, folder / ledger.OUTPUT_LOG, expected,
            self.kernels, taken_over, self.keep, self._take_kept,
        )  # fmt: skip

    def _take_kept(self, kept: Kept | None) -> None:
        self.kept = kept
        said = "could not be kept: it is busy or has ended" if kept is None else f"is kept for {self.keep:g} s"
        self.journal.write("kernel_kept", kept=kept is not None, message=f"The kernel {said}.")

    def _inherit(self, folder: Path, kept: Mapping[str, Any]) -> None:
        """Take over what cells that are not executed again have made: their artifacts, and their declared outputs."""
        self.custody.marks |= marks_of(kept)
        if self.openings is not None:
            self.openings.take_over(folder)
        self.inherited = None if self.plan.earlier is None else self.plan.earlier.record.resources
        staging.take_up(folder / ledger.ARTIFACTS, self.plan.root, self.plan.outputs)
        own = self.plan.folder / ledger.ARTIFACTS
        shutil.copytree(folder / ledger.ARTIFACTS, own, ignore=_leave_failed, dirs_exist_ok=True)

    def _tally(self) -> Tally:
        """Return what the journal adds up to, with what the run that this one goes on from has used: gates count it too."""
        tally, before = self.journal.tally, self.inherited
        return tally if before is None else replace(tally, resources=_add(before, tally.resources))


def _add(before: Resources, now: Resources | None) -> Resources:
    """Add up the time of two runs in one kernel; its CPU seconds and its peak memory go on by themselves."""
    if now is None:
        return before
    cpu = [one.cpu for one in (before, now) if one.cpu is not None]
    peaks = [one.peak_memory for one in (before, now) if one.peak_memory is not None]
    wall = round(before.wall + now.wall, 4)
    return Resources(wall, max(cpu, default=None), max(peaks, default=None), now.cells)


def _leave_failed(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == staging.FAILED]
