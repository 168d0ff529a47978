"""What a run has promised, held against what it did: its declared outputs are guarded, judged, and stand or are taken back.

For whoever carries a run out: `dcai run`, and papermill with our engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcai.base import contract, store
from dcai.base.errors import InputError
from dcai.base.records import FileHash, RunRecord
from dcai.pipelines.archive import contents, ledger, staging
from dcai.pipelines.archive.journal import Journal, Tally
from dcai.pipelines.conditions import verdicts
from dcai.pipelines.definitions.manifest import MANIFEST
from dcai.pipelines.names import relative_to_root
from dcai.pipelines.processes.signals import Interruption


def enter(root: Path, folder: Path, one: RunRecord) -> RunRecord:
    """Make the folder of a run that begins, with its record; refuse it while another run writes the same outputs.

    Under a lock, so that of two runs that begin at once each sees the other or is seen by it.

    Raises
    ------
    InputError
        Another run that is under way writes one of the outputs, or there is a run of this name.
    """
    outputs = [o.path for o in one.outputs]
    with store.lock(guard_runs(root)):
        staging.require_free(outputs, ledger.find_running(root) if outputs else [])
        try:
            (folder / ledger.ARTIFACTS).mkdir(parents=True)
        except FileExistsError as error:
            raise InputError(
                f"There is a run {one.run!r} of {one.pipeline!r} already. Choose another run_id."
            ) from error
        return ledger.write_record(folder / ledger.RECORD, one)


def guard_runs(root: Path) -> Path:
    """Keep `runs/` out of git; returns the file that does."""
    guard = root / ledger.RUNS / ".gitignore"
    if not guard.is_file():
        store.write_atomic(guard, ledger.IGNORE_ALL)
    return guard


def say_changed(paths: Sequence[str]) -> str | None:
    """Say which of the files that a run reads have changed meanwhile; None where none has.

    Examples
    --------
    >>> say_changed([])
    """
    if not paths:
        return None
    return f"{', '.join(paths)} changed while the run was under way; the record names what was there at its start."


@dataclass
class Custody:
    """The inputs, outputs and gates of one run under way; `note` says what could not be put back."""

    name: str
    root: Path
    folder: Path
    journal: Journal
    interruption: Interruption
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()
    gates: Mapping[str, Any] = field(default_factory=dict)
    marks: dict[str, contents.Mark] = field(default_factory=dict)
    read: dict[str, contents.Mark] = field(default_factory=dict)
    note: str | None = None
    made: list[FileHash] | None = None

    def mark(self) -> None:
        """Take note of what stands at the outputs before the run."""
        self.marks = contents.mark_files(self.root, self.outputs)
        read = [p for p in self.inputs if not any(staging.overlap(p, o) for o in self.outputs)]
        self.read = contents.mark_files(self.root, read)

    def check_inputs(self) -> list[verdicts.Verdict]:
        """Judge the declared schemas of the inputs before a kernel starts; return all where one did not pass."""
        judged = verdicts.judge_tables(self.gates, self.root, self.inputs)
        failed = [g for g in judged if not g["passed"]]
        verdicts.report(self.journal, failed)
        return judged if failed else []

    def keep_earlier(self) -> None:
        """Copy what stands at the outputs into the run's folder."""
        staging.keep_before(self.root, self.folder, self.outputs, self.marks)

    def judge(self, tally: Tally, hint: str = "") -> list[verdicts.Verdict]:
        """Journal what a run that came to its end should have made and did not: declared outputs, passed gates.

        It may take minutes: a signal breaks it off, and the run is interrupted.
        """
        if tally.status not in ("running", "stopped"):
            return []
        judged: list[verdicts.Verdict] = []
        try:
            with self.interruption.breaking():
                staged = staging.find_staged(self.artifacts, contents.unwritten(self.root, self.marks))
                self._report_missing(staged, stopped=tally.status == "stopped", hint=hint)
                judged = self._hold_gates(tally, staged)
                if self._is_good():
                    self._put_in_place(staged)
                if self._is_good():
                    self.made = self._hash()
                # Whoever finds this run killed before it wrote its record finds here what belongs into it.
                self.journal.write(ledger.JUDGED, gates=judged, outputs=contract.to_plain(self.made or []))
        except KeyboardInterrupt:
            self._report_interruption()
        else:
            if self.interruption.received is not None:  # noted, where nobody could be broken off
                self._report_interruption()
        return judged

    @property
    def artifacts(self) -> Path:
        """The folder of the run's artifacts."""
        return self.folder / ledger.ARTIFACTS

    def _is_good(self) -> bool:
        return self.journal.tally.exit_code == 0 and self.journal.tally.status in ("running", "stopped")

    def _put_in_place(self, staged: list[str]) -> None:
        try:
            staging.put_in_place(self.artifacts, self.root, staged)
        except OSError as error:
            self.journal.write("error", status="failed", error=type(error).__name__, message=str(error))

    def _report_missing(self, staged: list[str], *, stopped: bool, hint: str) -> None:
        unwritten = contents.unwritten(self.root, self.marks, stopped=stopped)
        missing = [path for path in unwritten if path not in staged]
        if missing:
            said = f"outputs {', '.join(map(repr, missing))} were" if missing[1:] else f"output {missing[0]!r} was"
            message = (
                f"The {said} not written by this run. Let the notebook write what is declared, or correct 'outputs' in "
                f"{MANIFEST}.{hint}"
            )
            self.journal.write("error", status="failed", error="MissingOutput", message=message)

    def _hold_gates(self, tally: Tally, staged: list[str]) -> list[verdicts.Verdict]:
        if not self.gates:
            return []
        earlier = ledger.good_runs(self.name, self.root)
        scene = verdicts.Scene(
            tally.metrics, tally.resources, self.root, self.corrections, earlier, self.artifacts, staged
        )
        return verdicts.hold_gates(self.gates, self.journal, scene)

    def _report_interruption(self) -> None:
        code, name = self.interruption.exit_code, self.interruption.name
        message = f"The run was interrupted ({name}) after its last cell, while what it had made was judged."
        self.journal.write("error", status="interrupted", error=name, message=message, exit_code=code)

    def settle(self, *, stand: bool) -> list[FileHash]:
        """Let the outputs stand or take them back, and return what the run has made, hashed.

        A declared output that it did not write, or that was taken back, has no hash, whatever is there.
        """
        changed = [p for p, mark in contents.mark_files(self.root, self.read).items() if mark != self.read[p]]
        self.note = ledger.join_notes(self.note, say_changed(changed))
        if stand:
            staging.let_go(self.folder)
            return self._hash() if self.made is None else self.made
        self._give_back()
        return self._hash(list(self.outputs))

    def _hash(self, absent: list[str] | None = None) -> list[FileHash]:
        gone = contents.unwritten(self.root, self.marks) if absent is None else absent
        lists = ledger.lists_of(self.root)
        declared = [
            FileHash(p, None, None) if p in gone else contents.hash_file(self.root, p, lists) for p in self.outputs
        ]
        made = sorted(p for p in self.artifacts.rglob("*") if p.is_file())
        return [*declared, *(contents.hash_file(self.root, relative_to_root(p, self.root)) for p in made)]

    def _give_back(self) -> None:
        try:
            staging.give_back(self.folder, self.artifacts, contents.mark_files)
        except OSError as error:  # the record must be settled, and say so
            kept = relative_to_root(self.folder / staging.BEFORE, self.root)
            said = f"The earlier outputs could not be put back ({error}). They are in {kept}."
            self.note = ledger.join_notes(self.note, said)
