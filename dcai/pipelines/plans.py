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
from dcai.pipelines import documents, injection, ledger, tags
from dcai.pipelines import parameters as params
from dcai.pipelines.definition import Pipeline, load_pipeline
from dcai.pipelines.engine import Limits
from dcai.pipelines.manifest import MANIFEST
from dcai.pipelines.names import find_root, new_run_id, relative_to_root, require_run_id, suggest_name
from dcai.pipelines.patterns import fill_paths
from dcai.pipelines.provenance import last_good
from dcai.pipelines.resumption import Resumption, find_resumption
from dcai.pipelines.sources import find_sources


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


def _plan_notebook(path: Path, root: str | Path | None, run_id: str) -> Plan:
    notebook = documents.read_notebook(path)
    found = params.find_in(notebook, str(path))
    top = find_root(path, root)
    logs = _all_logs(top)
    kernel = documents.kernel_of(notebook)
    code = tuple(find_sources(notebook, [path], top))
    return Plan(
        suggest_name(path), top, path, notebook, found, {}, kernel, top, Limits(), run_id, corrections=logs, code=code
    )


def _plan_pipeline(one: Pipeline, run_id: str) -> Plan:
    notebook = documents.read_notebook(one.notebook)
    own = params.find_in(notebook, str(one.notebook))
    found = one.offer(own)
    values = params.normalise(found, one.preset(own))
    logs = list_logs(one)
    limits = Limits(one.timeout.get("cell"), one.timeout.get("run"))
    return Plan(
        one.name, one.root, one.notebook, notebook, found, values, one.kernel, one.root, limits, run_id,
        one.inputs, one.outputs, logs, one.gates, list_code(one, notebook), one,
        upstream=tuple(last_good(one.upstream, one.root)),
    )  # fmt: skip


def list_code(one: Pipeline, notebook: Any) -> tuple[str, ...]:
    """Return the files of a pipeline's code, with those that its trigger names."""
    lock = [one.folder / one.environment["lock"]] if "lock" in one.environment else []
    further = [one.root / p for p in list_watched(one, "code")]
    return tuple(find_sources(notebook, [one.notebook, one.folder / MANIFEST, *lock, *further], one.root))


def list_logs(one: Pipeline) -> tuple[str, ...]:
    """Return the correction logs that a pipeline may read."""
    return _all_logs(one.root) if one.corrections is None else one.corrections


def list_watched(one: Pipeline | None, trigger: str) -> tuple[str, ...]:
    """Return the files that a trigger watches beside what the pipeline declares: a run hashes them, too."""
    stated = {} if one is None else one.triggers
    if trigger == "data":
        # Of `shop.sqlite#sales`, the file.
        drifting = [p.partition("#")[0] for p in stated.get("drift", {})]
        return (*_paths(stated.get("data")), *drifting)
    return _paths(stated.get(trigger))


def _paths(stated: Any) -> tuple[str, ...]:
    return tuple(stated) if isinstance(stated, list) else ()


def _all_logs(root: Path) -> tuple[str, ...]:
    """Return the correction logs of a repository: a pipeline that names none may have read any of them."""
    return tuple(relative_to_root(p, root) for p in sorted((root / "corrections").glob("*.jsonl")))


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


def limits_of(limits: Limits, cell: float | None, whole: float | None, start: float | None = None) -> Limits:
    """Return the limits of a run: the call's own before the manifest's."""
    for name, seconds in (("cell_timeout", cell), ("timeout", whole), ("start_timeout", start)):
        require_seconds(name, seconds)
    return replace(limits, cell=cell or limits.cell, run=whole or limits.run, start=start or limits.start)


def require_seconds(name: str, seconds: float | None) -> float | None:
    """Return a span of time as it was given, or refuse one that is none."""
    if seconds is not None and not 0 < seconds < float("inf"):
        raise InputError.wrong_value(name, "run()", "a number of seconds above 0", seconds)
    return seconds
