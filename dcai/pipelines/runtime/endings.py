"""Why a run ended: each known way becomes one event of the journal, with its class, its cell and a sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from dcai.base.errors import shorten
from dcai.base.records import RunStatus
from dcai.pipelines.archive.outputs import OutputLimitError
from dcai.pipelines.processes.kernels import Kernel
from dcai.pipelines.runtime.orders import Orders

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Ending:
    """What is known about a run at the moment at which it ends; `cell` is the one that runs, `stops` if on purpose."""

    orders: Orders
    notebook: Any
    name: str
    kernel: Kernel | None
    cell: int | None
    traceback: list[str] = field(default_factory=list)
    stops: bool = False

    def write(self, status: RunStatus, error: str, message: str, **facts: Any) -> None:
        """Journal the end."""
        source = "" if self.cell is None else self.notebook.cells[self.cell].source
        self.orders.journal.write(
            "error", status=status, error=error, cell=self.cell, source=source, message=message, **facts
        )

    def explain(self, error: Exception) -> bool:
        """Journal a known way in which an execution ends; False for one that is no notebook's fault."""
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

        from dcai.pipelines.runtime.execution import TimedOutError

        if self.orders.interruption.received is not None:
            self.explain_interruption()  # nbclient reports a cancelled cell as a dead kernel
        elif isinstance(error, CellExecutionError):
            self._explain_cell(error)
        elif isinstance(error, TimedOutError):
            self.write("timed_out", "Timeout", str(error))
        elif isinstance(error, CellTimeoutError):  # its limits are ours, but for its patience with late outputs
            self.write("failed", "OutputLost", "The cell has ended, but the end of what it put out never came in.")
        elif isinstance(error, DeadKernelError):
            assert self.kernel is not None
            self.write("kernel_died", *self.kernel.how_it_died())
        elif isinstance(error, OutputLimitError):
            self.write("failed", "OutputLimit", str(error))
        elif isinstance(error, NoSuchKernel):
            message = f"There is no kernel {self.name!r} here. See `jupyter kernelspec list`."
            self.write("kernel_died", "NoSuchKernel", message)
        elif isinstance(error, (RuntimeError, OSError)) and self._is_starting():
            said = shorten(str(error), 300)
            self.write("kernel_died", "KernelNotStarted", f"The kernel {self.name!r} did not start: {said}")
        elif isinstance(error, OSError):
            # Not the notebook's own: the journal or the log of outputs could not be written, the disk is full.
            self.write("failed", type(error).__name__, str(error))
        else:
            return False
        return True

    def _is_starting(self) -> bool:
        """Tell whether it is the kernel's start that failed, and not a write to a full disk before it."""
        return self.kernel is not None and self.cell is None and self.orders.journal.broken is None

    def _explain_cell(self, error: Any) -> None:
        if self.stops:
            self.orders.journal.write("stopped", cell=self.cell, message=f"sys.exit({error.evalue}) was called")
            return
        name, message = error.ename or "CellError", error.evalue
        status: RunStatus = "failed"
        if name == "StdinNotImplementedError":
            # Anywhere else it would hang for ever.
            status = "timed_out"
            message = "The cell asks for input(), and nobody is there to answer. Make the answer a parameter."
        elif not error.ename and message.isdigit():  # what kernels of shells say
            message = f"The last command of the cell ended with exit status {message}."
        traceback = _ANSI.sub("", "\n".join(self.traceback))
        self.write(status, name, message, traceback=traceback)

    def explain_interruption(self) -> None:
        """Journal that somebody wanted the run to end."""
        code, name = self.orders.interruption.exit_code, self.orders.interruption.name
        self.write("interrupted", name, f"The run was interrupted ({name}).", exit_code=code)
