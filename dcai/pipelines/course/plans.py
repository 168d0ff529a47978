"""What a run needs, found and checked before a kernel starts and before a folder is made."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, MissingError
from dcai.base.records import NotebookParameters
from dcai.pipelines.archive import ledger, tags
from dcai.pipelines.course.resumption import Resumption, find_resumption
from dcai.pipelines.definitions.declarations import bytes_of, check_size
from dcai.pipelines.definitions.definition import Pipeline, load_pipeline
from dcai.pipelines.definitions.patterns import fill_paths
from dcai.pipelines.definitions.readings import guess_logs, list_code, list_logs
from dcai.pipelines.definitions.sources import find_sources
from dcai.pipelines.names import find_root, new_run_id, require_run_id, suggest_name
from dcai.pipelines.notebooks import documents, injection
from dcai.pipelines.notebooks import parameters as params
from dcai.pipelines.origins.provenance import last_good
from dcai.pipelines.processes.watcher import Claims
from dcai.pipelines.runtime.orders import Limits, limits_stated


@dataclass(frozen=True)
class Plan:
    """Everything that a run needs, checked; no kernel, no folder yet."""

    name: str
    root: Path
    source: Path
    notebook: Any
    found: NotebookParameters
    values: dict[str, Any]
    kernel: str
    cwd: Path
    limits: Limits
    run_id: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()
    gates: dict[str, Any] = field(default_factory=dict)
    code: tuple[str, ...] = ()
    definition: Pipeline | None = None
    purpose: str = "run"
    origin: str | None = None
    samples: tuple[tuple[str, str, int], ...] = ()
    upstream: tuple[str, ...] = ()
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    earlier: Resumption | None = None
    claims: Claims | None = None

    @property
    def folder(self) -> Path:
        """The folder that the run will have."""
        return ledger.run_folder(self.name, self.run_id, self.root)

    @property
    def effective(self) -> dict[str, Any]:
        """The parameters as the notebook has them after injection, secrets masked."""
        return injection.mask(self.found, params.defaults_of(self.found) | self.values)


def make_plan(
    pipeline: Pipeline | str | Path,
    given: Mapping[str, Any],
    *,
    root: str | Path | None,
    kernel: str | None,
    cwd: str | Path | None,
    run_id: str | None,
    resume: str | None = None,
) -> Plan:
    """Check everything that can be checked without a kernel; a run that is resumed gives its parameters."""
    require_local("pipeline", pipeline)
    identity = new_run_id() if run_id is None else require_run_id(run_id, "run()")
    if not isinstance(pipeline, Pipeline) and str(pipeline).endswith(".ipynb"):
        plan = _plan_notebook(Path(pipeline), root, identity)
    else:
        plan = _plan_pipeline(pipeline if isinstance(pipeline, Pipeline) else load_pipeline(pipeline, root), identity)
    earlier = (
        None if resume is None else find_resumption(plan.name, tags.id_of(resume, plan.root, plan.name), plan.root)
    )
    wanted = given if earlier is None else earlier.complete(plan.found, given)
    plan = replace(plan, values={**plan.values, **params.normalise(plan.found, wanted)})
    plan = replace(plan, corrections=_find_logs(plan))
    problems = params.validate(plan.found, plan.values)
    if problems:
        raise InputError("\n".join(problems))
    for sentence in params.find_idle(plan.notebook, plan.found, plan.values):
        warnings.warn(sentence, UserWarning, stacklevel=5)
    folder = plan.root if cwd is None else Path(cwd).resolve()
    if not folder.is_dir():
        raise InputError.wrong_value("cwd", "run()", "an existing folder", str(cwd))
    for path in plan.inputs:
        if not (plan.root / path).exists():
            raise MissingError(f"The input {path!r} of {plan.name!r} does not exist in {plan.root}. Make it first.")
    if (plan.root / ledger.RUNS / plan.name / identity).exists():
        raise InputError(f"There is a run {identity!r} of {plan.name!r} already. Choose another run_id.")
    # References to secrets that lead nowhere are refused here too.
    secrets = injection.secrets_of(plan.found, plan.values, plan.root)
    outputs = fill_paths(plan.outputs, plan.effective)
    chosen = _require_kernel(kernel or plan.kernel)
    return replace(plan, cwd=folder, kernel=chosen, secrets=secrets, earlier=earlier, outputs=outputs)


def _find_logs(plan: Plan) -> tuple[str, ...]:
    if plan.definition is not None:
        return list_logs(plan.definition, plan.values)
    return guess_logs(plan.notebook, plan.code, plan.effective, plan.root)


def _plan_notebook(path: Path, root: str | Path | None, run_id: str) -> Plan:
    notebook = documents.read_notebook(path)
    found = params.find_in(notebook, str(path))
    top = find_root(path, root)
    kernel = documents.kernel_of(notebook)
    code = tuple(find_sources(notebook, [path], top))
    return Plan(suggest_name(path), top, path, notebook, found, {}, kernel, top, Limits(), run_id, code=code)


def _plan_pipeline(one: Pipeline, run_id: str) -> Plan:
    notebook = documents.read_notebook(one.notebook)
    own = params.find_in(notebook, str(one.notebook))
    found = one.offer(own)
    values = params.normalise(found, one.preset(own))
    return Plan(
        one.name, one.root, one.notebook, notebook, found, values, one.kernel, one.root, limits_stated(one), run_id,
        one.inputs, one.outputs, (), one.gates, list_code(one, notebook), one,
        upstream=tuple(last_good(one.upstream, one.root)),
    )  # fmt: skip


def expect_values(one: Pipeline, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as a run with some given values would have them, secrets masked.

    Raises
    ------
    InputError
        A value does not fit.
    """
    own = params.find_in(documents.read_notebook(one.notebook), str(one.notebook))
    found = one.offer(own)
    values = params.normalise(found, {**one.preset(own), **given})
    if problems := params.validate(found, values):
        raise InputError("\n".join(problems))
    return injection.mask(found, params.defaults_of(found) | values)


def _require_kernel(name: str) -> str:
    from jupyter_client.kernelspec import KernelSpecManager

    known = sorted(KernelSpecManager().find_kernel_specs())
    if name not in known:
        raise InputError.unknown_name("kernel", name, known, "See `jupyter kernelspec list`.")
    return name


def require_local(name: str, path: object) -> None:
    """Refuse an address where a file of this machine is needed."""
    if isinstance(path, str) and "://" in path:
        expected = "a name or a path on this machine"
        hint = "Notebooks elsewhere are run by `papermill IN OUT --engine dcai`, which reads and writes addresses."
        raise InputError.wrong_value(name, "run()", expected, path, hint)


def require_writable(output: str | Path) -> Path:
    """Return the path of a second output, or refuse one that cannot be written."""
    require_local("output", output)
    path = Path(output)
    if path.is_dir() or path.suffix != ".ipynb":
        raise InputError.wrong_value("output", "run()", "the path of a notebook file (.ipynb)", str(path))
    if not os.access(path.absolute().parent, os.W_OK):
        raise InputError.wrong_value(
            "output", "run()", "a path in a folder that exists and can be written to", str(path)
        )
    return path


def limits_of(
    limits: Limits,
    cell: float | None,
    whole: float | None,
    start: float | None = None,
    output: int | str | None = None,
) -> Limits:
    """Return the limits of a run: the call's own before the manifest's."""
    for name, seconds in (("cell_timeout", cell), ("timeout", whole), ("start_timeout", start)):
        require_seconds(name, seconds)
    if output is not None:
        check_size(output, "The 'output_limit' parameter of run()")
    most = limits.output if output is None else bytes_of(output)
    return Limits(cell or limits.cell, whole or limits.run, start or limits.start, most)


def require_seconds(name: str, seconds: float | None) -> float | None:
    """Return a span of time as it was given, or refuse one that is none."""
    if seconds is not None and not 0 < seconds < float("inf"):
        raise InputError.wrong_value(name, "run()", "a number of seconds above 0", seconds)
    return seconds
