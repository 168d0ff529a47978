"""Execute a notebook and tell the truth about it: the papermill engine `dcai`.

papermill loads this module while it is itself being imported (as an entry point), therefore nothing of
papermill, and nothing heavy, is imported at the top.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from dcai.base.errors import InputError, RunError, shorten
from dcai.base.records import NotebookParameters
from dcai.pipelines.journal import Journal
from dcai.pipelines.kernels import Kept, Kernel
from dcai.pipelines.masking import SECRET, Masker
from dcai.pipelines.outputs import MOST_OUTPUT
from dcai.pipelines.pool import KernelPool
from dcai.pipelines.signals import Interruption, watch_signals

__all__ = ["DcaiEngine", "Limits", "Orders", "execute"]


@dataclass(frozen=True)
class Limits:
    """Seconds that a run may take, None for no limit, and bytes that it may put out."""

    cell: float | None = None
    run: float | None = None
    start: float = 60
    output: int = MOST_OUTPUT


class TakenOver(Protocol):
    """A kernel that an earlier run has kept."""

    async def attach(self, kernel: Kernel, environment: Mapping[str, str]) -> dict[int, Any] | None:
        """Return the executed cells by their index, None where the kernel is of no use any more."""


@dataclass(frozen=True)
class Orders:
    """What `run` and `promote` tell the engine beyond papermill's own arguments.

    `expected` are the seconds that each cell took in earlier runs. With `keep`, the kernel stays for so many seconds
    after the run, and `hand_over` is told which it is, or None where it could not be kept.
    """

    journal: Journal
    interruption: Interruption
    limits: Limits = field(default_factory=Limits)
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    output_log: Path | None = None
    expected: tuple[float | None, ...] = ()
    kernels: KernelPool | None = None
    taken_over: TakenOver | None = None
    keep: float | None = None
    hand_over: Callable[[Kept | None], None] = lambda _: None

    @cached_property
    def masker(self) -> Masker:
        """What hides the secrets that the environment carries into the kernel."""
        return Masker.make(value for name, value in self.environment.items() if name.startswith(SECRET))


def execute(notebook: Any, kernel: str, orders: Orders) -> Any:
    """Execute a notebook through papermill with this engine; how it went is in the journal of the orders.

    Parameters
    ----------
    notebook : NotebookNode
        The notebook with its values injected; it is not changed.
    kernel : str
        Name of the kernel.
    orders : Orders
        Journal, limits, working directory and environment.

    Returns
    -------
    NotebookNode
        The notebook with outputs, as far as it ran.

    Examples
    --------
    >>> from dcai.pipelines.documents import read_notebook
    >>> orders = Orders(Journal(), Interruption())
    >>> execute(read_notebook("train.ipynb"), "python3", orders)  # doctest: +SKIP
    >>> orders.journal.tally.status  # doctest: +SKIP
    'running'
    """
    import papermill
    from papermill.engines import papermill_engines

    # Also where dcai is on the path without being installed, so without entry points.
    papermill_engines.register("dcai", DcaiEngine)
    executed: list[Any] = []
    # papermill raises by its own reading of the outputs; the journal has the error, and says more about it.
    with contextlib.suppress(papermill.PapermillExecutionError):
        papermill.execute_notebook(
            notebook, None, engine_name="dcai", kernel_name=kernel, progress_bar=False, dcai=orders, executed=executed
        )
    return executed[0]


class DcaiEngine:
    """The engine behind `papermill --engine dcai`.

    Values come in as data (the cell that papermill pasted is built anew), names that are no parameters are
    refused, every cell's status is true, the notebook is written once and whole, no kernel is left behind, and
    a record is written beside a local output: `OUT.run.json`, with its journal `OUT.events.jsonl`.

    What papermill's command line made of `-p version 1.10` (the number 1.1) arrives as that: pass texts by `-r`.
    papermill itself reports an error output even of a cell tagged `raises-exception`; the record does not.
    """

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """Return the kernel's name, as papermill asks its engines for it."""
        from papermill.utils import nb_kernel_name

        return str(nb_kernel_name(nb, name))

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """Return the notebook's language, as papermill asks its engines for it."""
        from papermill.utils import nb_language

        return str(nb_language(nb, language))

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **arguments: Any) -> Any:
        """Execute a notebook that papermill has prepared; the arguments are papermill's.

        Examples
        --------
        >>> papermill.execute_notebook("in.ipynb", "out.ipynb", engine_name="dcai")  # doctest: +SKIP
        """
        from dcai.pipelines.execution import Execution

        orders = arguments.get("dcai")
        if orders is None:
            return _execute_for_papermill(nb, kernel_name, arguments)
        nb.metadata.papermill["input_path"] = None  # papermill puts the notebook itself there
        Execution(nb, kernel_name, orders).carry_out()
        # papermill marks a failure by cells of its own, which would shift the numbers in the record.
        arguments["executed"].append(type(nb)({**nb, "cells": list(nb.cells)}))
        return nb


def _execute_for_papermill(nb: Any, kernel_name: str, arguments: Mapping[str, Any]) -> Any:
    """Serve a plain papermill call: values checked, record written, papermill's own exceptions raised."""
    from dcai.pipelines.beside import Beside
    from dcai.pipelines.execution import Execution
    from dcai.pipelines.outputs import Streams

    beside = Beside.make(nb, kernel_name)
    try:
        nb, hidden = _rebuild_injected(nb)
    except InputError as error:
        beside.refuse(error)
        raise
    limits = Limits(arguments.get("execution_timeout"), None, arguments.get("start_timeout") or 60)
    with watch_signals() as interruption:
        journal = beside.open_journal()
        orders = Orders(journal, interruption, limits, None, hidden, beside.output_log)
        streams = Streams(arguments.get("stdout_file"), arguments.get("stderr_file"), bool(arguments.get("log_output")))
        bar = _progress_bar(arguments.get("progress_bar", True), len(nb.cells))
        try:
            with journal:
                Execution(nb, kernel_name, orders, streams, bar).carry_out()
                beside.save(nb)
                beside.hold_gates(journal)
        finally:
            beside.settle(journal.tally)
    return _as_papermill_says(nb, journal, interruption)


def send(text: str, address: str) -> None:
    """Write a text to an address through papermill; done before a kernel starts, it shows whether that can be."""
    from papermill.iorw import papermill_io

    try:
        papermill_io.write(text, address)
    except Exception as error:  # each library behind papermill raises errors of its own, with no class in common
        said = shorten(f"{type(error).__name__}: {error}", 300)
        hint = "papermill's extras hold what addresses need: pip install 'papermill[s3]' (gcs, azure, hdfs, ...)."
        raise InputError(f"Nothing can be written to {address!r}: {said}. {hint}") from error


def _rebuild_injected(nb: Any) -> tuple[Any, dict[str, str]]:
    """Build the injected cell anew from papermill's metadata, as data; unknown and hostile names are refused.

    The second value is the environment that carries the secrets among the parameters.
    """
    from dcai.pipelines.documents import INJECTED, is_tagged
    from dcai.pipelines.injection import given_to, inject, secrets_of
    from dcai.pipelines.parameters import find_idle, find_in, normalise

    if not any(is_tagged(c, INJECTED) for c in nb.cells):
        return nb, {}
    given = given_to(nb)
    # What papermill injects by itself on request (--inject-paths) is no parameter of the notebook.
    own: dict[str, str] = {k: given[k] for k in ("PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH") if k in given}
    given = {k: v for k, v in given.items() if k not in own}
    found = find_in(nb, "the notebook")
    known = [p.name for p in found.parameters]
    hint = "" if found.cell is not None else "Tag the cell that assigns it 'parameters'."
    problems = [str(InputError.unknown_name("parameter", k, known, hint)) for k in given if k not in known]
    if problems:
        raise InputError("\n".join(problems))
    values = normalise(found, given)
    for sentence in [*_doubts(found, values), *find_idle(nb, found, values)]:
        warnings.warn(sentence, UserWarning, stacklevel=2)
    return inject(nb, values, found, also=own), secrets_of(found, values)


def _doubts(found: NotebookParameters, values: Mapping[str, Any]) -> list[str]:
    """Say which values do not fit their parameters; papermill's users may set such ones, but not unawares."""
    from dcai.pipelines.schemas import is_json, problem_of

    schemas = {p.name: p.schema for p in found.parameters if p.settable}
    problems = (problem_of(n, schemas[n], v) for n, v in values.items() if n in schemas and is_json(v))
    return [f"{problem} It is set all the same." for problem in problems if problem]


def _progress_bar(wanted: Any, cells: int) -> Any:
    if not wanted:
        return None
    from tqdm.auto import tqdm

    options: dict[str, Any] = {"unit": "cell", "desc": "Executing"} | (wanted if isinstance(wanted, dict) else {})
    return tqdm(total=cells, **options)


def _as_papermill_says(nb: Any, journal: Journal, interruption: Interruption) -> Any:
    """Return the notebook or raise what papermill's callers expect: failed cells are found by papermill itself."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    tally = journal.tally
    message = tally.error.message if tally.error else ""
    if tally.status == "kernel_died":
        raise DeadKernelError(message)
    if tally.status == "timed_out":
        raise CellTimeoutError(message)
    if tally.status == "gate_failed" or (tally.status == "stopped" and tally.error):
        raise RunError(f"A gate of the pipeline did not hold: {message}")
    if tally.status == "interrupted":
        if interruption.exit_code == 128 + 2:
            raise KeyboardInterrupt
        raise SystemExit(interruption.exit_code)
    return nb


def kernel_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that a kernel starts with."""
    # Python 3.11 and later warn about frozen modules at each kernel start; there is nothing to debug in a run.
    return {**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1", **extra}
