"""The run in a fresh kernel that a notebook must pass before it becomes a pipeline."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcai.base.errors import RunError
from dcai.base.records import NotebookParameters
from dcai.pipelines import engine, injection, ledger, manifest, verdicts
from dcai.pipelines import parameters as params
from dcai.pipelines.definition import FOLDER, Pipeline
from dcai.pipelines.journal import EXIT_CODES, Journal, Tally
from dcai.pipelines.notebook import RUN_FOLDER
from dcai.pipelines.patterns import fill_paths
from dcai.pipelines.signals import Interruption, watch_signals
from dcai.pipelines.uses import Observation, Uses, note_undeclared


@dataclass(frozen=True)
class Rehearsal:
    """What a run in a fresh kernel has shown: notes, and the files that are not declared, by the field for them."""

    notes: list[str]
    undeclared: dict[str, list[str]]


def rehearse(
    notebook: Any, found: NotebookParameters, planned: Pipeline, interruption: Interruption | None = None
) -> Rehearsal:
    """Run a notebook as it will be written, in a fresh kernel and the repository root.

    `interruption` is what ends it; None listens to signals.

    Raises
    ------
    RunError
        It does not run from top to bottom, or does not make what it declares.

    Examples
    --------
    >>> rehearse(notebook, found, planned).undeclared  # doctest: +SKIP
    {'inputs': ['data/train.csv']}
    """
    values = planned.preset(found)
    problems = params.validate(planned.offer(found), values)
    if problems:
        raise RunError("The check run cannot start. " + " ".join(problems) + " Or promote with check=False.")
    before = ledger.mark_files(planned.root, fill_paths(planned.outputs, params.defaults_of(found) | values))
    with nullcontext(interruption) if interruption else watch_signals() as listening:
        tally, uses = _carry_out(injection.inject(notebook, values, found), found, planned, values, listening)
    if tally.status == "interrupted":
        raise KeyboardInterrupt if tally.exit_code == EXIT_CODES["interrupted"] else SystemExit(tally.exit_code)
    if tally.error is not None:
        raise RunError(_say_failed(tally))
    missing = ledger.unwritten(planned.root, before, stopped=tally.status == "stopped")
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


def _carry_out(
    notebook: Any,
    found: NotebookParameters,
    planned: Pipeline,
    values: dict[str, Any],
    interruption: Interruption,
) -> tuple[Tally, Uses]:
    with tempfile.TemporaryDirectory(prefix="dcai-check-") as folder:
        journal = Journal()
        limits = engine.Limits(planned.timeout.get("cell"), planned.timeout.get("run"))
        observation = Observation.begin(planned.root, Path(folder))
        surroundings = {
            RUN_FOLDER: folder,
            **injection.secrets_of(found, values, planned.root),
            **observation.environment,
        }
        orders = engine.Orders(journal, interruption, limits, planned.root, surroundings)
        with journal:
            engine.execute(notebook, planned.kernel, orders)
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
