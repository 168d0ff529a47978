"""A run in earnest: tried on a sample first where that is asked for, tried again where that may help, told when it fails."""

from __future__ import annotations

import builtins
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dcai.base.errors import DcaiError, InputError, shorten
from dcai.base.records import RunRecord
from dcai.pipelines.archive import ledger
from dcai.pipelines.archive.journal import EXIT_CODES, Event, Journal
from dcai.pipelines.course.conduct import Conduct
from dcai.pipelines.course.plans import Plan
from dcai.pipelines.definitions.definition import Pipeline, load_pipeline
from dcai.pipelines.definitions.locks import find_versions
from dcai.pipelines.definitions.manifest import MANIFEST
from dcai.pipelines.names import relative_to_root
from dcai.pipelines.notebooks import parameters as params
from dcai.pipelines.processes.pool import KernelLine
from dcai.pipelines.processes.signals import Interruption
from dcai.pipelines.runtime.beginnings import keep_reads, record_reads, settle_reads
from dcai.pipelines.runtime.custody import enter

# Seconds that the command of `on_failure` may take: whoever waits for the run must not wait for its messenger.
_PATIENCE = 60
# In the folder of a run that was killed: somebody has been told.
_TOLD = ".told"


@dataclass(frozen=True)
class Operation:
    """Everything about a run that does not change from one attempt to the next."""

    plan: Plan
    interruption: Interruption
    progress: Callable[[Event], None] | None = None
    target: Path | None = None
    kernels: KernelLine | None = None
    keep: float | None = None

    def carry_out(self, sample: Plan | None = None) -> tuple[RunRecord, Path]:
        """Run, and return the record and the folder of the last attempt; `sample` is the plan of a smoke run before it."""
        plan = self.plan
        if sample is not None:
            one = self._attempt(sample, last=False)
            # Interrupted after its last cell, it is good all the same: then the run in earnest is the interrupted one.
            if one.status != "succeeded":
                return self._tell(one, sample)
        policy = {} if plan.definition is None else plan.definition.retries
        times = int(policy.get("times", 0))
        one = self._attempt(plan, last=not times)
        for number in range(1, times + 1):
            if not may_retry(one, policy):
                break
            self._wait(
                float(policy.get("wait", 0))
            )  # a signal ends it, and the attempt that begins then is interrupted
            name = f"{self.plan.run_id}-retry{number}"
            again = replace(plan, run_id=name, earlier=None, purpose=_again(plan), origin=self.plan.run_id)
            try:
                one, plan = self._attempt(again, last=number == times), again
            except DcaiError as refusal:  # how the attempt before it ended is still what happened
                one = _add_note(one, plan, f"Another attempt was refused: {refusal}")
                break
        return self._tell(one, plan)

    def _attempt(self, plan: Plan, *, last: bool) -> RunRecord:
        packages = find_versions(plan.kernel)
        one = enter(plan.root, plan.folder, begin(plan, packages))
        journal = Journal(plan.folder / ledger.JOURNAL, self.progress)
        keep = self.keep if last else None
        conduct = Conduct(plan, journal, self.interruption, self.target, self.kernels, keep)
        one = conduct.settle(one, lambda: _prepare(plan, one, packages))
        settle_reads(one, plan.root, plan.definition)
        return one

    def _wait(self, seconds: float) -> None:
        """Wait before the next attempt, or until somebody wants the run to end."""
        ended = threading.Event()
        self.interruption.listen(ended.set)
        ended.wait(seconds)

    def _tell(self, one: RunRecord, plan: Plan) -> tuple[RunRecord, Path]:
        """Call the command of `on_failure` about a run that nobody interrupted at a keyboard; write down if it fails."""
        failed = one.exit_code not in (0, EXIT_CODES["interrupted"])
        if failed and plan.definition is not None and plan.definition.on_failure:
            said = alert(plan.definition, one.status, one.run, "" if one.error is None else one.error.message)
            if said is not None:
                one = _add_note(one, plan, said)
        return one, plan.folder


def _add_note(one: RunRecord, plan: Plan, said: str) -> RunRecord:
    return ledger.write_record(plan.folder / ledger.RECORD, replace(one, note=ledger.join_notes(one.note, said)))


def _again(plan: Plan) -> str:
    """Return what a further attempt is for: another attempt at a run in earnest counts as one, at one of a sweep not."""
    return "retry" if plan.purpose == "run" else plan.purpose


def begin(plan: Plan, versions: Mapping[str, Any] | None = None) -> RunRecord:
    """Return the record of a planned run that begins in this process; `versions` are those where its kernel runs."""
    shown = relative_to_root(plan.source, plan.root)
    one = ledger.begin(
        plan.run_id, plan.name, shown, plan.kernel, root=plan.root, parameters=plan.effective, outputs=plan.outputs
    )
    one = record_reads(
        one, plan.root, plan.cwd, inputs=plan.inputs, corrections=plan.corrections, code=plan.code, upstream=plan.upstream,
        definition=plan.definition, versions=versions,
    )  # fmt: skip
    resumed = None if plan.earlier is None else plan.earlier.record.run
    return replace(one, resumed=resumed, purpose=plan.purpose, origin=plan.origin)


def _prepare(plan: Plan, one: RunRecord, versions: Mapping[str, Any] | None) -> None:
    """Write samples, and keep the code of a run by content, and what it reads where its manifest says so."""
    _write_samples(plan)
    keep_reads(one, plan.root, plan.folder, plan.definition, versions)


# ---------------------------------------------------------------- again


def may_retry(one: RunRecord, policy: Mapping[str, Any]) -> bool:
    """Tell whether another attempt may help: by the class of the error, or by how the run ended.

    Without `on`, everything but a failed gate is tried again: the same data fail the same gate.

    Examples
    --------
    >>> may_retry(record, {"times": 2, "on": ["OSError"]})  # doctest: +SKIP
    True
    """
    if one.status not in ("failed", "kernel_died", "timed_out", "gate_failed"):
        return False
    wanted = policy.get("on")
    if wanted is None:
        return one.status != "gate_failed"
    name = "" if one.error is None else one.error.error
    return one.status in wanted or any(_is_kind_of(name, w) for w in wanted)


def _is_kind_of(name: str, wanted: str) -> bool:
    """Tell whether an error's class is the wanted one; of Python's own classes the ancestors count, too."""
    one, other = getattr(builtins, name, None), getattr(builtins, wanted, None)
    if isinstance(one, type) and isinstance(other, type):
        return issubclass(one, other)
    return name == wanted or name.rpartition(".")[2] == wanted.rpartition(".")[2]


# ---------------------------------------------------------------- telling


def alert(one: Pipeline, status: str, run: str, message: str) -> str | None:
    """Call the command of `on_failure`, without a shell; returns what went wrong with the command itself.

    Examples
    --------
    >>> alert(load_pipeline("train"), "failed", "20260131T120000-000000-ab12cd", "no such table")  # doctest: +SKIP
    """
    facts = {"DCAI_RUN": run, "DCAI_STATUS": status, "DCAI_PIPELINE": one.name, "DCAI_ERROR": shorten(message, 2000)}
    surroundings = {**os.environ, **{k: v.replace("\0", "") for k, v in facts.items()}}
    try:
        done = subprocess.run(
            one.on_failure, cwd=one.root, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"The command of 'on_failure' was ended after {_PATIENCE} s."
    except OSError as error:
        return f"The command of 'on_failure' could not be started: {error}."
    if done.returncode:
        said = shorten(done.stderr.decode("utf-8", "replace").strip(), 200)
        return f"The command of 'on_failure' ended with exit code {done.returncode}: {said}"
    return None


@dataclass(frozen=True)
class Alarm:
    """Around the making of a run: an error that keeps it from a record is told, too.

    At night, a missing input, or a run that still blocks the outputs, is as bad as a failed cell.

    Examples
    --------
    >>> with Alarm("train"):
    ...     run("train")  # doctest: +SKIP
    """

    pipeline: Pipeline | str | Path
    root: str | Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if not isinstance(error, Exception):
            return
        one = self._find_definition()
        status = "invalid" if isinstance(error, DcaiError) else "failed"
        if one is not None and one.on_failure and (said := alert(one, status, "", str(error))):
            error.add_note(said)

    def _find_definition(self) -> Pipeline | None:
        if isinstance(self.pipeline, Pipeline) or str(self.pipeline).endswith(".ipynb"):
            return self.pipeline if isinstance(self.pipeline, Pipeline) else None
        with suppress(DcaiError):
            return load_pipeline(self.pipeline, self.root)
        return None


def tell_of_lost(one: Pipeline | None) -> None:
    """Tell of the latest runs of a pipeline whose process was killed: nobody was left to do it then. Each is told once."""
    if one is None or not one.on_failure:
        return
    for record in ledger.all_runs(one.name, one.root):
        if record.status == "running" or record.purpose == "sweep":
            continue  # a sweep runs its own once more
        if record.error is None or record.error.error != ledger.GONE:
            return
        folder = ledger.run_folder(one.name, record.run, one.root)
        if not (folder / _TOLD).exists():
            said = alert(one, record.status, record.run, record.error.message)
            (folder / _TOLD).touch()  # killed before that, the next one tells it again
            if said is not None:
                ledger.write_record(folder / ledger.RECORD, replace(record, note=ledger.join_notes(record.note, said)))


# ---------------------------------------------------------------- on a sample first


def plan_smoke(plan: Plan, rows: int) -> Plan:
    """Return the plan of a smoke run: the declared parameters set, tables replaced by samples of so many rows.

    Raises
    ------
    InputError
        The manifest does not say what a smoke run changes, or what it says does not fit the parameters.
    """
    declared = {} if plan.definition is None else plan.definition.smoke
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
        raise InputError.wrong_value("smoke", "run()", "a number of rows of 1 or more", rows)
    if not declared:
        raise InputError(
            f"{plan.name!r} does not say how to run on a sample. Add to its {MANIFEST}, for example: "
            "smoke: {rows: PARAMETER} (set to the number of rows) or smoke: {inputs: [PARAMETER]} (a path that is sampled)."
        )
    known = {p.name: p for p in plan.found.parameters}
    values = {**declared.get("parameters", {})}
    if "rows" in declared:
        values[declared["rows"]] = rows
    one = replace(plan, run_id=f"{plan.run_id}-smoke", purpose="smoke", origin=plan.run_id, gates={}, earlier=None)
    samples = dict.fromkeys(declared.get("inputs", []), rows)
    for name in [*values, *samples]:
        if name not in known:
            raise InputError.unknown_name(f"parameter (of 'smoke' in {MANIFEST})", name, known)
    values |= {name: _sample_path(one, name, plan.effective[name]) for name in samples}
    chosen = {**plan.values, **params.normalise(plan.found, values)}
    if problems := params.validate(plan.found, chosen):
        raise InputError("\n".join(problems))
    return replace(one, values=chosen, samples=tuple((str(plan.effective[n]), values[n], rows) for n in samples))


def _sample_path(plan: Plan, name: str, source: object) -> str:
    suffix = Path(str(source)).suffix.lower()
    if suffix not in (".csv", ".tsv", ".txt", ".parquet", ".pq"):
        raise InputError(
            f"'smoke.inputs' in the {MANIFEST} of {plan.name!r} can sample CSV and Parquet files. The parameter {name!r} "
            f"is {shorten(repr(source))}. Use smoke.rows, and let the notebook read so many rows."
        )
    return str(plan.folder / "smoke" / f"{name}{suffix}")


def _write_samples(plan: Plan) -> None:
    """Write the samples of a smoke run: rows drawn without replacement, the same ones for the same table, in its order."""
    for source, target, rows in plan.samples:
        path = Path(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_sample(plan.root / source, path, rows)


def _write_sample(source: Path, target: Path, rows: int) -> None:
    import pandas as pd

    from dcai.base.table import read_file, sniff_delimiter

    if target.suffix in (".parquet", ".pq"):
        frame = read_file(source)
        frame.sample(min(rows, len(frame)), random_state=0).sort_index().to_parquet(target)
        return
    delimiter = sniff_delimiter(source)
    try:
        # As text: a number written anew would not be the text that stands in the table.
        frame = pd.read_csv(source, sep=delimiter, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except ValueError as error:  # of pandas' parser, or of the decoding
        raise InputError(f"{source.name!r} cannot be sampled: {shorten(str(error).strip())}.") from error
    frame.sample(min(rows, len(frame)), random_state=0).sort_index().to_csv(target, sep=delimiter, index=False)
