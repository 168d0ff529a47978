"""Execute a notebook and tell the truth about it: the papermill engine `dcai`.

papermill loads this module while it is itself being imported (as an entry point), therefore nothing of
papermill, and nothing heavy, is imported at the top.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dcai.base.errors import DcaiError, RunError
from dcai.pipelines.archive.journal import Journal
from dcai.pipelines.processes.signals import Interruption, watch_signals
from dcai.pipelines.runtime.orders import Limits, Orders, limits_stated

if TYPE_CHECKING:
    from dcai.pipelines.definitions.definition import Pipeline

__all__ = ["DcaiEngine", "Limits", "Orders", "execute"]


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
    >>> from dcai.pipelines.notebooks.documents import read_notebook
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

    The notebook of a promoted pipeline is run as `dcai run` runs it: in the repository root (unless `--cwd` is given),
    with the defaults, limits and gates of its `pipeline.yaml`, its outputs guarded, and a folder below `runs/`. Only
    retries, `on_failure` and smoke runs are `dcai run`'s alone.

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
        from dcai.pipelines.runtime.execution import Execution

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
    from dcai.pipelines.archive.outputs import Streams
    from dcai.pipelines.runtime.beside import Beside
    from dcai.pipelines.runtime.execution import Execution
    from dcai.pipelines.runtime.prepared import prepare

    beside = Beside.make(nb, kernel_name)
    try:
        prepared = prepare(nb, beside.find_definition())
        beside.admit(prepared)
    except (DcaiError, OSError) as error:
        beside.refuse(error)
        raise
    nb = prepared.notebook
    with watch_signals() as interruption:
        journal = Journal()
        try:
            with journal:
                beside.open_journal(journal, interruption)
                surroundings = {**prepared.secrets, **beside.environment}
                limits = _limits(beside.definition, arguments)
                orders = Orders(journal, interruption, limits, beside.cwd, surroundings, beside.output_log)
                files = arguments.get("stdout_file"), arguments.get("stderr_file")
                streams = Streams(*files, bool(arguments.get("log_output")))
                bar = _progress_bar(arguments.get("progress_bar", True), len(nb.cells))
                if beside.check_inputs():
                    Execution(nb, beside.kernel, orders, streams, bar).carry_out()
                    beside.save(nb)
                    beside.judge(journal)
        finally:
            beside.settle(journal.tally)
    return _as_papermill_says(nb, journal, interruption)


def _limits(definition: Pipeline | None, arguments: Mapping[str, Any]) -> Limits:
    """Return the limits of a call of papermill: its own before the manifest's."""
    stated = Limits() if definition is None else limits_stated(definition)
    cell, start = arguments.get("execution_timeout"), arguments.get("start_timeout")
    return replace(stated, cell=cell or stated.cell, start=start or stated.start)


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
    if tally.status == "interrupted":
        if interruption.exit_code == 128 + 2:
            raise KeyboardInterrupt
        raise SystemExit(interruption.exit_code)
    if tally.status == "gate_failed" or (tally.error and tally.error.error == "GateFailed"):
        raise RunError(f"A gate of the pipeline did not hold: {message}")
    if tally.error and not any(_is_failure(o) for c in nb.cells for o in c.get("outputs", [])):
        raise RunError(message)  # papermill looks at outputs alone, and would call it a success
    return nb


def _is_failure(output: Any) -> bool:
    """Tell whether papermill takes an output for a failure."""
    return output.output_type == "error" and (output.ename != "SystemExit" or output.evalue not in ("", "0"))
