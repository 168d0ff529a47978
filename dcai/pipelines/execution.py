"""One execution of a notebook: the kernel, its cells one after the other, and the journal of what happened."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from dcai.base.errors import shorten
from dcai.pipelines import exits
from dcai.pipelines.documents import is_tagged
from dcai.pipelines.engine import Orders, kernel_environment
from dcai.pipelines.journal import EXIT_CODES
from dcai.pipelines.meter import Meter
from dcai.pipelines.notebook import METRICS
from dcai.pipelines.schemas import is_json

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_SKIP = "skip-execution"
# The path of a socket is limited to 104 bytes on some systems.
_LONGEST_SOCKET_FOLDER = 90


class _TimedOutError(Exception):
    """A cell or the run took longer than it may."""


class _StoppedError(Exception):
    """A cell ended the run on purpose."""


@dataclass(frozen=True)
class Streams:
    """Where papermill's caller wants the text output of cells besides the notebook."""

    stdout: Any = None
    stderr: Any = None
    log: bool = False

    def pass_on(self, output: Any) -> None:
        """Write one output of a cell to the streams that are there."""
        if output is None or output.output_type != "stream":
            return
        target = self.stdout if output.name == "stdout" else self.stderr
        if target is not None:
            target.write(output.text)
            target.flush()
        if self.log:
            from papermill.log import logger

            logger.info(output.text)


class Execution:
    """Executes a notebook in place. It works in a thread of its own, so a caller's event loop does not matter."""

    def __init__(
        self, notebook: Any, kernel: str, orders: Orders, streams: Streams | None = None, progress_bar: Any = None
    ) -> None:
        self._notebook, self._kernel, self._orders = notebook, kernel, orders
        self._streams, self._bar = streams or Streams(), progress_bar
        self._journal = orders.journal
        self._client: Any = None
        self._sockets: Path | None = None
        self._meter: Meter | None = None
        self._reply: dict[str, Any] = {}
        self._running: int | None = None
        self._stops = False  # whether the last cell ended the run on purpose
        self._task: asyncio.Task[None] | None = None
        self._deadline = None if orders.limits.run is None else monotonic() + orders.limits.run

    def carry_out(self) -> None:
        """Execute the notebook; whatever a notebook can do to us ends up in the journal, not in an exception."""
        self._prepare()
        with concurrent.futures.ThreadPoolExecutor(1, "dcai-run") as pool:
            future = pool.submit(asyncio.run, self._drive())
            try:
                future.result()
            finally:
                self._orders.interruption.listen(None)
                self._finish()

    # ------------------------------------------------------------ the kernel

    async def _drive(self) -> None:
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._orders.interruption.listen(lambda: self._ask_to_cancel(loop))
        calm = False
        try:
            await asyncio.sleep(0)  # a signal that came before the loop did is delivered here
            await self._within(self._left(), self._start())
            await self._execute_cells()
            calm = True
        except _StoppedError:
            calm = True
        except Exception as error:  # the one crossing of the engine: journal, then re-raise what is no known end
            if not self._explain(error):
                self._journal.write("error", status="failed", **self._facts(type(error).__name__, str(error)))
                raise
            calm = self._journal.tally.status == "failed"
        except asyncio.CancelledError:
            self._explain_interruption()
        finally:
            self._task = None
            await self._end(calm=calm)

    def _ask_to_cancel(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself in this moment
            loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _start(self) -> None:
        self._client = _make_client(self._notebook, self._kernel, self._streams)
        self._client.on_cell_execute = self._cell_started
        self._client.on_cell_executed = self._cell_executed
        self._client.startup_timeout = max(1, int(self._orders.limits.start))
        total = sum(_is_executable(c) for c in self._notebook.cells)
        self._journal.write("start", cells=total, kernel=self._kernel)
        self._client.km = self._client.create_kernel_manager()
        self._sockets = _use_sockets(self._client.km)
        cwd = {} if self._orders.cwd is None else {"cwd": str(self._orders.cwd)}
        await self._client.async_start_new_kernel(env=kernel_environment(self._orders.environment), **cwd)
        self._meter = Meter(self._client.km.provisioner.pid)
        self._journal.write("kernel_started", pid=self._meter.pid)
        await self._client.async_start_new_kernel_client()
        info = await self._client.async_wait_for_reply(await _awaited(self._client.kc.kernel_info()))
        if info is not None:
            self._notebook.metadata["language_info"] = info["content"]["language_info"]

    async def _end(self, *, calm: bool) -> None:
        """End the kernel: politely after a calm run, at once together with its children otherwise."""
        if self._meter is not None:
            self._journal.write("kernel_ended", **self._meter.totals())
            if not calm and os.name == "posix":
                # The kernel leads a process group of its own; what its cells have started ends with it.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._meter.pid, signal.SIGKILL)
        try:
            if self._client is None or self._client.km is None:
                return  # it never came to life, and nbclient has cleaned up
            self._client.shutdown_kernel = "graceful" if calm else "immediate"
            await self._client._async_cleanup_kernel()  # noqa: SLF001 (nbclient offers no public way to end its kernel)
        finally:
            if self._sockets is not None:
                shutil.rmtree(self._sockets, ignore_errors=True)

    # ------------------------------------------------------------ the cells

    async def _execute_cells(self) -> None:
        assert self._meter is not None
        watch = asyncio.ensure_future(self._meter.watch())
        try:
            for index, cell in enumerate(self._notebook.cells):
                if _is_executable(cell):
                    await self._execute_cell(index, cell)
                elif not _is_skipped(cell):
                    cell.metadata["papermill"]["status"] = "completed"
                if self._bar is not None:
                    self._bar.update(1)
        finally:
            watch.cancel()
        self._client.set_widgets_metadata()

    async def _execute_cell(self, index: int, cell: Any) -> None:
        """Execute one cell within its limits and journal how it went."""
        from nbclient.exceptions import CellExecutionError

        self._reply, self._running = {}, index
        limits = [t for t in (self._orders.limits.cell, self._left()) if t is not None]
        ok = False
        try:
            await self._within(min(limits, default=None), self._client.async_execute_cell(cell, index))
            asked = exits.asked_code(self._reply)
            ok = asked in ("", None)
        except CellExecutionError as error:
            ok = self._stops = await exits.raised_success(self._client, error)
            if not ok:
                exits.quote_code(cell, error)
            raise
        finally:
            self._cell_ended(index, cell, ok=ok)
        if asked:
            self._journal.write("error", status="failed", **self._facts("SystemExit", asked))
        elif asked is not None:
            self._journal.write("stopped", cell=index, message="exit() was called")
        self._running = None
        if asked is not None:
            raise _StoppedError

    async def _within(self, limit: float | None, work: Coroutine[Any, Any, Any]) -> None:
        """Await work for at most `limit` seconds; whatever happens, nothing of it goes on afterwards."""
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=limit)
            if not done:
                raise _TimedOutError(self._overdue())
            task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=1)
            if task.done() and not task.cancelled():
                task.exception()  # marks it as seen; it is explained already

    def _left(self) -> float | None:
        return None if self._deadline is None else max(0.001, self._deadline - monotonic())

    def _overdue(self) -> str:
        cell, run = self._orders.limits.cell, self._orders.limits.run
        if self._deadline is not None and monotonic() >= self._deadline:
            return f"The run took longer than the {run:g} s that it may."
        return f"The cell took longer than the {cell:g} s that a cell may."

    def _cell_started(self, cell: Any, cell_index: int) -> None:
        assert self._meter is not None
        self._meter.begin_cell()
        cell.metadata["papermill"] |= {"status": "running", "exception": False, "start_time": _time()}
        self._journal.write("cell_started", cell=cell_index, source=_first_line(cell.source))

    def _cell_executed(self, cell: Any, cell_index: int, execute_reply: dict[str, Any]) -> None:
        del cell, cell_index
        self._reply = execute_reply["content"]

    def _cell_ended(self, index: int, cell: Any, *, ok: bool) -> None:
        if cell.metadata["papermill"]["status"] != "running":
            return  # it was never sent to the kernel
        assert self._meter is not None
        spent = self._meter.end_cell()
        status = "completed" if ok else "failed"
        cell.metadata["papermill"] |= {
            "status": status, "exception": not ok, "end_time": _time(), "duration": spent["wall"]
        }  # fmt: skip
        if metrics := _metrics_of(cell):
            self._journal.write("metrics", cell=index, metrics=metrics)
        self._journal.write("cell_ended", cell=index, ok=ok, **spent)

    # ------------------------------------------------------------ ends

    def _explain(self, error: Exception) -> bool:
        """Journal a known way in which an execution ends; False for one that is no notebook's fault."""
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient.exceptions import CellExecutionError, DeadKernelError

        if self._orders.interruption.received is not None:
            self._explain_interruption()  # nbclient reports a cancelled cell as a dead kernel
        elif isinstance(error, CellExecutionError):
            self._explain_cell(error)
        elif isinstance(error, _TimedOutError):
            self._journal.write("error", status="timed_out", **self._facts("Timeout", str(error)))
        elif isinstance(error, DeadKernelError):
            self._journal.write("error", status="kernel_died", **self._facts("KernelDied", self._how_it_died()))
        elif isinstance(error, NoSuchKernel):
            message = f"There is no kernel {self._kernel!r} here. See `jupyter kernelspec list`."
            self._journal.write("error", status="kernel_died", **self._facts("NoSuchKernel", message))
        elif isinstance(error, RuntimeError) and self._running is None:
            message = f"The kernel {self._kernel!r} did not start: {shorten(str(error), 300)}"
            self._journal.write("error", status="kernel_died", **self._facts("KernelNotStarted", message))
        else:
            return False
        return True

    def _explain_cell(self, error: Any) -> None:
        if self._stops:
            self._journal.write("stopped", cell=self._running, message=f"sys.exit({error.evalue}) was called")
            return
        name, message = error.ename, error.evalue
        if name == "StdinNotImplementedError":
            message = "The cell asks for input(), and nobody is there to answer. Make the answer a parameter."
        traceback = _ANSI.sub("", "\n".join(self._reply.get("traceback") or []))
        self._journal.write("error", status="failed", **self._facts(name, message), traceback=traceback)

    def _explain_interruption(self) -> None:
        code = self._orders.interruption.exit_code
        name = "SIGTERM" if code == 128 + signal.SIGTERM else "KeyboardInterrupt"
        message = f"The run was interrupted ({name})."
        self._journal.write("error", status="interrupted", exit_code=code, **self._facts(name, message))

    def _how_it_died(self) -> str:
        process = getattr(self._client.km.provisioner, "process", None) if self._client.km else None
        code = None if process is None else process.poll()
        if code is None or code >= 0:
            return f"The kernel ended by itself{'' if code is None else f' with exit code {code}'} while a cell ran."
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        hint = " The system may have run out of memory." if -code == getattr(signal, "SIGKILL", 9) else ""
        return f"The kernel was killed by signal {name}.{hint}"

    def _facts(self, error: str, message: str) -> dict[str, Any]:
        source = "" if self._running is None else self._notebook.cells[self._running].source
        return {"error": error, "cell": self._running, "source": source, "message": message}

    # ------------------------------------------------------------ papermill's metadata

    def _prepare(self) -> None:
        self._notebook.metadata.setdefault("papermill", {})
        self._notebook.metadata["papermill"] |= {
            "start_time": _time(), "end_time": None, "duration": None, "exception": None
        }  # fmt: skip
        for cell in self._notebook.cells:
            cell.metadata["papermill"] = {
                "exception": None, "start_time": None, "end_time": None, "duration": None, "status": "pending"
            }  # fmt: skip
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None

    def _finish(self) -> None:
        if self._bar is not None:
            self._bar.close()
        meta = self._notebook.metadata["papermill"]
        end = datetime.now(UTC)
        meta["end_time"] = end.isoformat()
        meta["duration"] = (end - datetime.fromisoformat(meta["start_time"])).total_seconds()
        if EXIT_CODES[self._journal.tally.status]:
            meta["exception"] = True


def _make_client(notebook: Any, kernel: str, streams: Streams) -> Any:
    from nbclient import NotebookClient

    class Client(NotebookClient):  # type: ignore[misc]  # nbclient has no type hints that mypy follows
        """nbclient's client; passes on text output while a cell runs."""

        def process_message(self, *arguments: Any, **named: Any) -> Any:
            output = super().process_message(*arguments, **named)
            streams.pass_on(output)
            return output

    # Limits of time are this module's: nbclient's stop watching the kernel when they strike.
    return Client(notebook, kernel_name=kernel, timeout=None, allow_errors=False)


def _use_sockets(manager: Any) -> Path | None:
    """Talk to the kernel through files that only this user may open, where the system has such sockets."""
    if os.name != "posix":
        return None
    folder = Path(tempfile.mkdtemp(prefix="dcai-"))
    manager.connection_file = str(folder / "kernel.json")
    if len(os.fsencode(folder)) < _LONGEST_SOCKET_FOLDER:
        manager.transport, manager.ip = "ipc", str(folder / "ipc")
    return folder


async def _awaited(value: Any) -> Any:
    return await value if asyncio.iscoroutine(value) else value


def _is_skipped(cell: Any) -> bool:
    return is_tagged(cell, _SKIP)


def _is_executable(cell: Any) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip()) and not _is_skipped(cell)


def _first_line(source: str) -> str:
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("#")]
    return shorten((telling or lines or [""])[0], 100)


def _metrics_of(cell: Any) -> dict[str, Any]:
    """Return the metrics that a cell recorded; a later value of one name wins."""
    found: dict[str, Any] = {}
    for output in cell.outputs:
        data = output.get("data", {}).get(METRICS)
        if isinstance(data, dict):
            found |= {str(k): v for k, v in data.items() if is_json(v)}
    return found


def _time() -> str:
    return datetime.now(UTC).isoformat()
