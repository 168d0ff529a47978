"""The run in a fresh kernel that a notebook must pass before it becomes a pipeline."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcai.base import store
from dcai.base.errors import RunError
from dcai.base.records import NotebookParameters
from dcai.base.testimony import RUN_FOLDER
from dcai.pipelines import engine
from dcai.pipelines.archive import contents, ledger, staging
from dcai.pipelines.archive.journal import EXIT_CODES, Journal, Tally
from dcai.pipelines.conditions import verdicts
from dcai.pipelines.definitions import manifest
from dcai.pipelines.definitions.definition import FOLDER, Pipeline
from dcai.pipelines.definitions.patterns import fill_paths
from dcai.pipelines.names import new_run_id, relative_to_root
from dcai.pipelines.notebooks import injection
from dcai.pipelines.notebooks import parameters as params
from dcai.pipelines.processes.signals import Interruption, watch_signals
from dcai.pipelines.promotion.uses import Observation, Uses, note_undeclared
from dcai.pipelines.runtime.orders import limits_stated


@dataclass(frozen=True)
class Rehearsal:
    """What a run in a fresh kernel has shown: notes, and the files that are not declared, by the field for them."""

    notes: list[str]
    undeclared: dict[str, list[str]]


def rehearse(
    notebook: Any, found: NotebookParameters, planned: Pipeline, interruption: Interruption | None = None
) -> Rehearsal:
    """Run a notebook as it will be written, in a fresh kernel and the repository root.

    It may write to its declared outputs; what stood there before comes back afterwards, however it ends, and what is new goes.
    `interruption` is what ends it; None listens to signals.

    Raises
    ------
    RunError
        It does not run from top to bottom, or does not make what it declares.
    InputError
        A run that is under way writes to one of its outputs.

    Examples
    --------
    >>> rehearse(notebook, found, planned).undeclared  # doctest: +SKIP
    {'inputs': ['data/train.csv']}
    """
    values = planned.preset(found)
    problems = params.validate(planned.offer(found), values)
    if problems:
        raise RunError("The check run cannot start. " + " ".join(problems) + " Or promote with check=False.")
    with _kept_outputs(planned, params.defaults_of(found) | values, found) as before:
        return _judge(notebook, found, planned, values, before, interruption)


def _judge(
    notebook: Any,
    found: NotebookParameters,
    planned: Pipeline,
    values: dict[str, Any],
    before: dict[str, contents.Mark],
    interruption: Interruption | None,
) -> Rehearsal:
    with nullcontext(interruption) if interruption else watch_signals() as listening:
        tally, uses = _carry_out(injection.inject(notebook, values, found), found, planned, values, before, listening)
    if tally.status == "interrupted":
        raise KeyboardInterrupt if tally.exit_code == EXIT_CODES["interrupted"] else SystemExit(tally.exit_code)
    if tally.error is not None:
        raise RunError(_say_failed(tally))
    missing = contents.unwritten(planned.root, before, stopped=tally.status == "stopped")
    if missing:
        earlier = ", though one from earlier is there" if (planned.root / missing[0]).exists() else ""
        raise RunError(
            f"The check run did not make the output {missing[0]!r}{earlier}. Nothing was written. Correct `outputs`."
        )
    scene = verdicts.Scene(tally.metrics, tally.resources, planned.root, planned.corrections or ())
    failed = [g for g in verdicts.judge_gates(planned.gates, scene) if not g["passed"]]
    notes = [f"The gate {g['gate']} {g['rule']} did not pass in the check run (value {g['value']!r})." for g in failed]
    if tally.status == "stopped":
        notes.append("The check run stopped on purpose before its last cell.")
    open_notes, undeclared = note_undeclared(uses, _declared(planned), f"{FOLDER}/{planned.name}/{manifest.MANIFEST}")
    return Rehearsal([*notes, *open_notes], undeclared)


@contextmanager
def _kept_outputs(
    planned: Pipeline, values: dict[str, Any], found: NotebookParameters
) -> Iterator[dict[str, contents.Mark]]:
    """Let a check run write over declared outputs: give their marks, and bring back what stood there.

    Meanwhile it is a run like others, that other runs see; when this process is killed, the next reader of its record
    brings the outputs back. Afterwards nothing is left of it.
    """
    root, outputs = planned.root, fill_paths(planned.outputs, values)
    if not outputs:
        yield {}
        return
    run = f"{new_run_id()}-check"
    folder = ledger.run_folder(planned.name, run, root)
    made = [p for p in (folder, folder.parent, root / ledger.RUNS) if not p.exists()]
    shown = injection.mask(found, values)
    one = ledger.begin(run, planned.name, planned.source, planned.kernel, root=root, parameters=shown, outputs=outputs)
    folder.mkdir(parents=True)
    try:
        # Under the lock that runs begin under.
        with store.lock(root / ledger.RUNS / ".gitignore"):
            staging.require_free(outputs, [r for r in ledger.history(root=root) if r.status == "running"])
            # Written as it is, because nobody is told of a check as of a run.
            store.write_atomic(folder / ledger.RECORD, ledger.text_of(replace(one, purpose="check")))
        marks = contents.mark_files(root, outputs)
        staging.keep_before(root, folder, outputs, marks)
        yield marks
    finally:
        _give_back(folder, root)
        shutil.rmtree(folder, ignore_errors=True)
        for path in made[1:]:
            with suppress(OSError):  # another run has begun in it
                path.rmdir()


def _give_back(folder: Path, root: Path) -> None:
    try:
        staging.give_back(folder, folder / ledger.ARTIFACTS, contents.mark_files)
    except OSError as error:
        kept = relative_to_root(folder / staging.BEFORE, root)
        raise RunError(
            f"The outputs that stood before the check run could not be put back ({error}). They are in {kept}; move them "
            "from there."
        ) from error


def _carry_out(
    notebook: Any,
    found: NotebookParameters,
    planned: Pipeline,
    values: dict[str, Any],
    before: dict[str, contents.Mark],
    interruption: Interruption,
) -> tuple[Tally, Uses]:
    with tempfile.TemporaryDirectory(prefix="dcai-check-") as folder:
        journal = Journal()
        limits = limits_stated(planned)
        observation = Observation.begin(planned.root, Path(folder))
        surroundings = {
            RUN_FOLDER: folder,
            **injection.secrets_of(found, values, planned.root),
            **observation.environment,
        }
        orders = engine.Orders(journal, interruption, limits, planned.root, surroundings)
        with journal:
            engine.execute(notebook, planned.kernel, orders)
        artifacts = Path(folder) / ledger.ARTIFACTS
        staging.put_in_place(
            artifacts, planned.root, staging.find_staged(artifacts, contents.unwritten(planned.root, before))
        )
        return journal.tally, observation.settle(notebook, kept=[planned.source])


def _declared(planned: Pipeline) -> dict[str, Collection[str]]:
    # A pipeline that names no logs may read any of them.
    logs = ("corrections",) if planned.corrections is None else planned.corrections
    return {"inputs": planned.inputs, "outputs": planned.outputs, "corrections": logs}


def _say_failed(tally: Tally) -> str:
    error = tally.error
    assert error is not None
    first = next((line for line in error.source.splitlines() if line.strip()), "")
    place = "" if error.cell is None else f" in cell {error.cell + 1} (`{first}`)"
    # Each part is cut by itself: a long message must not swallow the place.
    said = ledger.one_line(f"{error.error}: {error.message.rstrip('.')}", 400) + ledger.one_line(place, 200)
    return (
        f"The notebook does not run in a fresh kernel: {said}. Nothing was written. Restart its kernel, run all cells and "
        "correct what fails, or skip this check: check=False in Python, --no-check on the command line."
    )
