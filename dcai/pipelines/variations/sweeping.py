"""Sweeps: one pipeline with many sets of parameters, each run in a process and a folder of its own."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from dcai.base.errors import InputError, MissingError, RunError, shorten
from dcai.base.records import NotebookParameters, RunRecord
from dcai.pipelines.archive import ledger
from dcai.pipelines.course.plans import Plan, limits_of, make_plan, require_seconds
from dcai.pipelines.definitions.declarations import bytes_of
from dcai.pipelines.definitions.definition import FOLDER, Pipeline, load_pipeline
from dcai.pipelines.definitions.manifest import MANIFEST
from dcai.pipelines.definitions.patterns import fill_paths
from dcai.pipelines.names import new_run_id, require_run_id
from dcai.pipelines.notebooks import parameters as params
from dcai.pipelines.variations import grids
from dcai.pipelines.variations.single import Order, settle_run
from dcai.pipelines.variations.sweeps import Sweep
from dcai.pipelines.variations.warmth import Warmth

Grid = Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]] | str | Path
_CONNECT, _MOST_PLACES = 10, 3


def sweep(  # noqa: PLR0913 (one argument for each option of `dcai sweep`)
    pipeline: Pipeline | str | Path,
    grid: Grid,
    *,
    jobs: int = 1,
    on: str | None = None,
    client: Any = None,
    memory: int | str | None = None,
    timeout: float | None = None,
    cell_timeout: float | None = None,
    warm: bool | Iterable[str] = False,
    sweep_id: str | None = None,
    root: str | Path | None = None,
    wait: bool = True,
    progress: Callable[[Sweep], None] | None = None,
) -> Sweep:
    """Run a pipeline with many sets of parameters: one after the other, in several processes, or on a Dask cluster.

    Each run has a process, a kernel and a folder of its own, and the repository's root as its working directory. A
    run that has begun comes to its end even when the worker that began it is killed; nothing is run twice.

    Runs that declare the same output are refused before anything starts. One whose Python writes a file of the repository
    that another run of the sweep has written fails there (SharedOutputError), with the path to write to instead.

    Parameters
    ----------
    pipeline : Pipeline, str or Path
        What `promote` returned, a pipeline's name or folder, or a notebook file.
    grid : mapping, list or path
        Values by name, of which every combination is run; a list of parameter sets; or a .csv or .jsonl file of them.
    jobs : int
        How many runs at once on this machine.
    on : str, optional
        The address of a Dask scheduler, whose workers see the same repository at the same path.
    client : distributed.Client, optional
        An existing client, instead of `on`.
    memory : int or str, optional
        What a kernel and what it starts may take, in bytes or such as "2 GB"; a run that takes more is ended.
    timeout, cell_timeout : float, optional
        Seconds that a run, and one cell, may take.
    warm : bool or iterable of str
        Whether each kernel is a fork of a process that has imported what the notebook imports (or the modules named), and
        has run nothing; see `KernelPool` for the three things in which that differs from a kernel of its own. True
        takes the installed modules that are imported before anything on which their import might depend. On this
        machine only.
    sweep_id : str, optional
        The id of an earlier sweep with the same sets, to go on with: what has ended is not run again.
    root : str or Path, optional
        The repository; None takes the one that holds the pipeline.
    wait : bool
        Whether to return when all is done; otherwise at once (see `Sweep.wait`, `Sweep.cancel`).
    progress : callable, optional
        Called with the sweep a few times a second while waiting.

    Returns
    -------
    Sweep
        With `table`, `chart()`, `best(metric)`, `records` and `exit_code`.

    Raises
    ------
    InputError, MissingError
        Something does not fit, or two runs would write the same output; nothing was started.
    RunError
        The cluster does not answer.

    Examples
    --------
    >>> sweep("train", {"rate": [0.1, 0.2]}, jobs=2).best("accuracy").parameters  # doctest: +SKIP
    {'rate': 0.2}
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise InputError.wrong_value("jobs", "sweep()", "a number of 1 or more", jobs)
    if (on is not None) + (client is not None) + (jobs > 1) > 1:
        raise InputError("A sweep runs in local processes (jobs) or on a cluster (on, or client). Give one of them.")
    for name, seconds in (("timeout", timeout), ("cell_timeout", cell_timeout)):
        require_seconds(name, seconds)
    identity = new_run_id() if sweep_id is None else require_run_id(sweep_id, "sweep()")
    plan, sets = _plan(pipeline, grid, root)
    target = str(plan.source if plan.definition is None else plan.definition.folder)
    limit = _limit_of(memory)
    varied = _say_varied(sets)
    orders = [
        Order(
            str(plan.root), target, plan.name, f"{identity}-{i:04d}", one, identity, limit, timeout, cell_timeout, varied
        )
        for i, one in enumerate(sets, 1)
    ]  # fmt: skip
    _refuse_other_sets(orders)
    if warm is not False and (on is not None or client is not None):
        raise InputError(
            "Kernels can be prepared on this machine only. Leave warm (--warm, --preload) away on a cluster."
        )
    warmth = None if warm is False else Warmth.make(plan, None if warm is True else warm)
    made = _submit(orders, jobs, on, client, warmth)
    return made.wait(progress) if wait else made


def _limit_of(memory: int | str | None) -> int | None:
    if memory is None:
        return None
    if isinstance(memory, bool) or not re.fullmatch(r"\d+(\.\d+)?\s*([kMG]i?)?B?", str(memory)):
        raise InputError.wrong_value("memory", "sweep()", "a number of bytes, or a text such as '2 GB'", memory)
    return int(memory) if isinstance(memory, int) or memory.isdigit() else int(bytes_of(memory))


# ---------------------------------------------------------------- before anything runs


def _plan(pipeline: Pipeline | str | Path, grid: Grid, root: str | Path | None) -> tuple[Plan, list[dict[str, Any]]]:
    """Check every set and the pipeline itself; nothing is started and no folder made."""
    found = find_parameters(pipeline, root)
    sets = grids.list_sets(grid, found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what is not read is refused below
        plan = make_plan(pipeline, sets[0], root=root, kernel=None, cwd=None, run_id=None)
    _refuse_idle(plan, sets)
    _refuse_shared_outputs(plan, sets)
    return plan, sets


def find_parameters(pipeline: Pipeline | str | Path, root: str | Path | None) -> NotebookParameters:
    """Return the parameters that a sweep may set."""
    if isinstance(pipeline, Pipeline):
        return pipeline.found
    if str(pipeline).endswith(".ipynb"):
        return params.find_parameters(pipeline)
    return load_pipeline(pipeline, root).found


def _refuse_idle(plan: Plan, sets: list[dict[str, Any]]) -> None:
    """Refuse to vary what the notebook never reads: every run would be the same."""
    varied = {n: v for one in sets for n, v in one.items() if any(other.get(n) != v for other in sets)}
    if said := params.find_idle(plan.notebook, plan.found, varied):
        raise InputError(f"{' '.join(said)} Every run of the sweep would be the same.")


def _refuse_shared_outputs(plan: Plan, sets: list[dict[str, Any]]) -> None:
    """Refuse runs that would write over each other: at the same path, or one in a folder that is another one's output."""
    declared = () if plan.definition is None else plan.definition.outputs
    defaults = params.defaults_of(plan.found)
    writers: dict[str, tuple[int, str]] = {}  # who writes a path, or something in this folder, and what that is
    around: dict[str, tuple[int, str]] = {}
    for number, one in enumerate(sets, 1):
        paths = fill_paths(declared, defaults | one)
        for path in paths:
            parents = _parents(path)
            met = [writers.get(path), around.get(path), *map(writers.get, parents)]
            other = next((m for m in met if m is not None and m[0] != number), None)
            if other is not None:
                raise _refuse_shared(plan, other, (number, path), _say_varied(sets))
        for path in paths:
            writers[path] = (number, path)
            around |= dict.fromkeys(_parents(path), (number, path))


def _parents(path: str) -> list[str]:
    return [one.as_posix() for one in PurePosixPath(path).parents][:-1]


def _refuse_shared(plan: Plan, first: tuple[int, str], second: tuple[int, str], varied: str) -> InputError:
    path = second[1]
    both = f"would both write {path!r}"
    if first[1] != path:
        both = f"would write {first[1]!r} and {path!r}, of which one lies in the other"
    suggested = _suggest(path, varied)
    manifest = f"{FOLDER}/{plan.name}/{MANIFEST}"
    return InputError(
        f"The sets {first[0]} and {second[0]} {both}. Let the notebook write to dcai.artifact({Path(path).name!r}), which is "
        "a path of each run's own, and take it out of 'outputs'; or put a parameter in the output's path, such as "
        f"{suggested!r}: in the notebook, f{suggested!r} instead of {path!r}{_say_lines(plan.notebook, path)}, and in {manifest}, "
        f"{suggested} below 'outputs:'."
    )


def _suggest(path: str, varied: str) -> str:
    one = Path(path)
    return one.with_name(f"{one.stem}-{varied}{one.suffix}").as_posix()


def _say_varied(sets: list[dict[str, Any]]) -> str:
    """Return the parameters in which sets differ, as a path holds them."""
    names = dict.fromkeys(n for one in sets for n in one)
    differing = [n for n in names if any(n not in one or one[n] != sets[0].get(n) for one in sets)]
    return "-".join(f"{{{name}}}" for name in differing or ["NAME"])


def _say_lines(notebook: Any, path: str) -> str:
    """Say where a notebook names a path; nothing where it does not in so many words."""
    places = [
        f"cell {number}, line {count} ({shorten(line.strip(), 60)})"
        for number, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code"
        for count, line in enumerate(cell.source.splitlines(), 1)
        if f"'{path}'" in line or f'"{path}"' in line
    ]
    return f" in {'; '.join(places[:_MOST_PLACES])}" if places else ""


def _refuse_other_sets(orders: list[Order]) -> None:
    """Refuse to go on with a sweep whose runs had other parameters; that it was cancelled then does not count now."""
    for order in orders:
        folder = ledger.run_folder(order.pipeline, order.run, Path(order.root))
        if (folder / ledger.RECORD).exists():
            then = ledger.read_record(folder).parameters
            other = [n for n, v in order.parameters.items() if then.get(n) != v]
            if other:
                raise InputError(
                    f"The run {order.run} had {other[0]}={shorten(repr(then.get(other[0])))}, and now it is to be "
                    f"{shorten(repr(order.parameters[other[0]]))}. Give the same sets, or leave sweep_id away."
                )
    for order in orders:
        for flag in order.flags:
            flag.unlink(missing_ok=True)


# ---------------------------------------------------------------- where it runs


def _submit(orders: list[Order], jobs: int, on: str | None, client: Any, warmth: Warmth | None = None) -> Sweep:
    name, identity = orders[0].pipeline, orders[0].sweep
    if on is None and client is None:
        threads = ThreadPoolExecutor(jobs, "dcai-sweep")

        def close() -> None:
            threads.shutdown()
            if warmth is not None:
                warmth.close()

        return Sweep(name, identity, orders, [threads.submit(settle_run, o, warmth) for o in orders], close)
    mine = client if client is not None else connect(str(on))
    try:
        require_shared(mine, Path(orders[0].root))
    except (InputError, RunError):
        if client is None:
            mine.close()
        raise
    futures = [mine.submit(settle_run, o, key=f"dcai-{o.run}", pure=False) for o in orders]
    return Sweep(name, identity, orders, futures, mine.close if client is None else lambda: None)


def connect(address: str) -> Any:
    """Return a client of a Dask scheduler."""
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingError("Dask is not installed. Install it: pip install 'dcai[dask]'.") from error
    try:
        return Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RunError(
            f"No Dask scheduler answers at {shorten(repr(address))}: {shorten(str(error))}. "
            "Start one (dask scheduler), or check the address, such as tcp://host:8786."
        ) from error


def require_shared(client: Any, root: Path) -> None:
    """Refuse a cluster whose workers do not see the repository."""
    seen = client.run(os.path.isdir, str(root))
    if not seen:
        raise RunError("The Dask cluster has no workers. Start some: dask worker ADDRESS.")
    blind = sorted(worker for worker, there in seen.items() if not there)
    if blind:
        raise InputError(
            f"{len(blind)} of {len(seen)} Dask workers do not see {root} (such as {blind[0]}). Share the repository with "
            "them at the same path, for example on a network drive."
        )


def run_elsewhere(
    pipeline: Pipeline | str | Path,
    parameters: Mapping[str, Any],
    on: str | None,
    *,
    client: Any = None,
    root: str | Path | None = None,
    run_id: str | None = None,
    timeout: float | None = None,
    cell_timeout: float | None = None,
) -> tuple[RunRecord, Path]:
    """Carry one run out on a worker of a Dask cluster, of an address or a client; returns its record and its folder.

    Raises
    ------
    InputError, MissingError
        Something does not fit; nothing was started.
    RunError
        The cluster does not answer, or gave the run up.
    KeyboardInterrupt
        The user interrupted it, the record is settled first; or somebody cancelled it before it began.

    Examples
    --------
    >>> run_elsewhere("train", {"rate": 0.5}, "tcp://127.0.0.1:8786")  # doctest: +SKIP
    """
    grids.refuse_plain_secrets([parameters], find_parameters(pipeline, root))
    plan = make_plan(pipeline, parameters, root=root, kernel=None, cwd=None, run_id=run_id)
    limits_of(plan.limits, cell_timeout, timeout)
    target = str(plan.source if plan.definition is None else plan.definition.folder)
    plain = params.normalise(plan.found, parameters)
    order = Order(str(plan.root), target, plan.name, plan.run_id, plain, timeout=timeout, cell_timeout=cell_timeout)
    made = _submit([order], 1, on, client).wait()
    one = made.records[0]
    if one is None:
        made.raise_problem(0)
    return one, ledger.run_folder(one.pipeline, one.run, plan.root)
