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
from dcai.pipelines import documents, injection, ledger
from dcai.pipelines import parameters as params
from dcai.pipelines.definition import Pipeline, load_pipeline
from dcai.pipelines.engine import Limits
from dcai.pipelines.names import find_root, new_run_id, relative_to_root, require_run_id, suggest_name


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
    gates: dict[str, str] = field(default_factory=dict)

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
) -> Plan:
    """Check everything that can be checked without a kernel."""
    identity = new_run_id() if run_id is None else require_run_id(run_id, "run()")
    if not isinstance(pipeline, Pipeline) and str(pipeline).endswith(".ipynb"):
        plan = _plan_notebook(Path(pipeline), given, root, identity)
    else:
        plan = _plan_pipeline(
            pipeline if isinstance(pipeline, Pipeline) else load_pipeline(pipeline, root), given, identity
        )
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
    return replace(plan, cwd=folder, kernel=_require_kernel(kernel or plan.kernel))


def _plan_notebook(path: Path, given: Mapping[str, Any], root: str | Path | None, run_id: str) -> Plan:
    notebook = documents.read_notebook(path)
    found = params.find_in(notebook, str(path))
    top = find_root(path, root)
    logs = _all_logs(top)
    values = params.normalise(found, given)
    kernel = documents.kernel_of(notebook)
    return Plan(suggest_name(path), top, path, notebook, found, values, kernel, top, Limits(), run_id, corrections=logs)


def _plan_pipeline(one: Pipeline, given: Mapping[str, Any], run_id: str) -> Plan:
    notebook = documents.read_notebook(one.notebook)
    own = params.find_in(notebook, str(one.notebook))
    found = one.offer(own)
    values = params.normalise(found, {**one.preset(own), **given})
    logs = _all_logs(one.root) if one.corrections is None else one.corrections
    limits = Limits(one.timeout.get("cell"), one.timeout.get("run"))
    return Plan(
        one.name, one.root, one.notebook, notebook, found, values, one.kernel, one.root, limits, run_id,
        one.inputs, one.outputs, logs, one.gates,
    )  # fmt: skip


def _all_logs(root: Path) -> tuple[str, ...]:
    """Return the correction logs of a repository: a pipeline that names none may have read any of them."""
    return tuple(relative_to_root(p, root) for p in sorted((root / "corrections").glob("*.jsonl")))


def _require_kernel(name: str) -> str:
    from jupyter_client.kernelspec import KernelSpecManager

    known = sorted(KernelSpecManager().find_kernel_specs())
    if name not in known:
        raise InputError.unknown_name("kernel", name, known, "See `jupyter kernelspec list`.")
    return name


def require_writable(path: Path) -> Path:
    """Return the path of a second output, or refuse one that cannot be written."""
    if path.is_dir() or path.suffix != ".ipynb":
        raise InputError.wrong_value("output", "run()", "the path of a notebook file (.ipynb)", str(path))
    if not os.access(path.absolute().parent, os.W_OK):
        raise InputError.wrong_value(
            "output", "run()", "a path in a folder that exists and can be written to", str(path)
        )
    return path


def limits_of(limits: Limits, cell: float | None, whole: float | None) -> Limits:
    """Return the limits of a run: the call's own before the manifest's."""
    for name, seconds in (("cell_timeout", cell), ("timeout", whole)):
        if seconds is not None and not 0 < seconds < float("inf"):
            raise InputError.wrong_value(name, "run()", "a number of seconds above 0", seconds)
    return replace(limits, cell=cell or limits.cell, run=whole or limits.run)
