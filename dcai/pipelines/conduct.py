"""How a planned run is carried out: executed, saved, judged, and its record settled whatever happens."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dcai.base import store
from dcai.base.errors import InputError
from dcai.base.records import FileHash, Resources, RunRecord
from dcai.pipelines import documents, engine, injection, ledger, staging, verdicts
from dcai.pipelines.estimates import expect_seconds
from dcai.pipelines.journal import Journal, Tally
from dcai.pipelines.kernels import Kept
from dcai.pipelines.manifest import MANIFEST
from dcai.pipelines.names import relative_to_root
from dcai.pipelines.notebook import RUN_FOLDER
from dcai.pipelines.plans import Plan
from dcai.pipelines.pool import KernelPool
from dcai.pipelines.resumption import Continuation, marks_of, save_kept
from dcai.pipelines.signals import Interruption

# Bytes that are set aside while a run is under way: on a full disk its record still finds room.
_RESERVE = 256 * 1024


@dataclass
class Conduct:
    """One run under way: its plan, its folder, and what it was told."""

    plan: Plan
    journal: Journal
    interruption: Interruption
    target: Path | None = None
    kernels: KernelPool | None = None
    keep: float | None = None
    marks: dict[str, ledger.Mark] = field(default_factory=dict)
    kept: Kept | None = None
    note: str | None = None
    inherited: Resources | None = None

    def settle(self, one: RunRecord, prepare: Callable[[], None] = lambda: None) -> RunRecord:
        """Execute the plan and settle its record, also when something unforeseen goes wrong.

        What `prepare` cannot do (no room on the disk, a table that cannot be sampled) is a failed run.
        """
        plan, folder = self.plan, self.plan.folder
        reserve = _set_aside(folder)
        self.marks = ledger.mark_files(plan.root, plan.outputs)
        gates: list[dict[str, Any]] = []
        try:
            with self.journal:
                gates = self._check_inputs() or self._carry_out(prepare)
        finally:
            reserve.unlink(missing_ok=True)
            one = replace(ledger.take_over(one, self._tally()), gates=gates)
            one = replace(one, outputs=self._settle_outputs(stand=ledger.stands(one)))
            one = replace(one, note=self.note or one.note)
            one = ledger.write_record(folder / ledger.RECORD, one)
        return one

    def _check_inputs(self) -> list[dict[str, Any]]:
        """Judge the declared schemas of the inputs before a kernel starts; return all where one did not pass."""
        judged = verdicts.judge_tables(self.plan.gates, self.plan.root, self.plan.inputs)
        failed = [g for g in judged if not g["passed"]]
        verdicts.report(self.journal, failed)
        return judged if failed else []

    def _carry_out(self, prepare: Callable[[], None]) -> list[dict[str, Any]]:
        """Execute, save and judge; a full disk or a folder that was taken away is a failed run."""
        plan, folder = self.plan, self.plan.folder
        notebook = injection.inject(plan.notebook, plan.values, plan.found)
        orders = self._orders(notebook)
        try:
            prepare()
            staging.keep_before(plan.root, folder, plan.outputs, self.marks)
            done = engine.execute(notebook, plan.kernel, orders)
            text = documents.write_notebook(done)
            for path in [folder / ledger.NOTEBOOK, *([self.target] if self.target else [])]:
                store.write_atomic(path, text)
            (folder / ledger.OUTPUT_LOG).unlink(missing_ok=True)
            if self.kept is not None and self.keep is not None:
                save_kept(plan, done, self.kept, self.keep, self.marks)
        except (OSError, InputError) as error:
            self.journal.write("error", status="failed", error=type(error).__name__, message=str(error))
        return self._judge()

    def _orders(self, notebook: Any) -> engine.Orders:
        plan, folder = self.plan, self.plan.folder
        surroundings = {RUN_FOLDER: str(folder), "DCAI_RUN": plan.run_id, "DCAI_PIPELINE": plan.name, **plan.secrets}
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
        self.marks |= marks_of(kept)
        self.inherited = None if self.plan.earlier is None else self.plan.earlier.record.resources
        staging.take_up(folder / ledger.ARTIFACTS, self.plan.root, self.plan.outputs)
        own = self.plan.folder / ledger.ARTIFACTS
        shutil.copytree(folder / ledger.ARTIFACTS, own, ignore=_leave_failed, dirs_exist_ok=True)

    def _tally(self) -> Tally:
        """Return what the journal adds up to, with what the run that this one goes on from has used: gates count it too."""
        tally, before = self.journal.tally, self.inherited
        return tally if before is None else replace(tally, resources=_add(before, tally.resources))

    def _judge(self) -> list[dict[str, Any]]:
        """Journal what the run should have made and did not: declared outputs, passed gates."""
        plan, tally = self.plan, self.journal.tally
        if tally.status not in ("running", "stopped"):
            return []
        missing = ledger.unwritten(plan.root, self.marks, stopped=tally.status == "stopped")
        if missing:
            said = f"outputs {', '.join(map(repr, missing))} were" if missing[1:] else f"output {missing[0]!r} was"
            message = f"The {said} not written by this run. Let the notebook write what is declared, or correct 'outputs' in {MANIFEST}."
            self.journal.write("error", status="failed", error="MissingOutput", message=message)
        if not plan.gates:
            return []
        earlier = ledger.good_runs(plan.name, plan.root)
        tally = self._tally()
        scene = verdicts.Scene(tally.metrics, tally.resources, plan.root, plan.corrections, earlier)
        return verdicts.hold_gates(plan.gates, self.journal, scene)

    def _give_back(self) -> None:
        try:
            staging.give_back(self.plan.folder, self.plan.folder / ledger.ARTIFACTS, ledger.mark_files)
        except OSError as error:  # the record must be settled, and say so
            kept = relative_to_root(self.plan.folder / staging.BEFORE, self.plan.root)
            self.note = f"The earlier outputs could not be put back ({error}). They are in {kept}."

    def _settle_outputs(self, *, stand: bool) -> list[FileHash]:
        """Let the outputs stand or take them back, and hash what the run has made.

        A declared output that it did not write, or that was taken back, has no hash, whatever is there.
        """
        plan = self.plan
        if stand:
            staging.let_go(plan.folder)
            absent = ledger.unwritten(plan.root, self.marks)
        else:
            self._give_back()
            absent = list(plan.outputs)
        declared = [FileHash(p, None, None) if p in absent else ledger.hash_file(plan.root, p) for p in plan.outputs]
        made = sorted(p for p in (plan.folder / ledger.ARTIFACTS).rglob("*") if p.is_file())
        return [*declared, *(ledger.hash_file(plan.root, relative_to_root(p, plan.root)) for p in made)]


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


def _set_aside(folder: Path) -> Path:
    """Make a file that only holds room on the disk; returns its path."""
    reserve = folder / ".reserve"
    reserve.write_bytes(b"\1" * _RESERVE)
    return reserve
