"""One execution of a notebook: its cells one after the other, and the journal of what happened."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Coroutine
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from dcai.base.errors import shorten
from dcai.pipelines.archive.journal import EXIT_CODES
from dcai.pipelines.archive.outputs import OutputLog, Streams, Tap, make_client
from dcai.pipelines.notebooks.documents import is_executable, is_skipped
from dcai.pipelines.notebooks.schemas import is_json
from dcai.pipelines.processes.kernels import Kernel, settle
from dcai.pipelines.processes.meter import Meter
from dcai.pipelines.runtime import exits
from dcai.pipelines.runtime.endings import Ending
from dcai.pipelines.runtime.notebook import METRICS
from dcai.pipelines.runtime.orders import Orders, kernel_environment

# Seconds for which outputs are still read when a cell was cut off, when its kernel is to be free, and without any: of a
# kernel that has nothing left to say, and of one that is to say yet where it was interrupted.
_PATIENCE, _HASTE, _QUIET, _UNWINDING = 5.0, 0.5, 0.2, 1.5


class TimedOutError(Exception):
    """A cell or the run took longer than it may."""


class _StoppedError(Exception):
    """A cell ended the run on purpose."""


class Execution:
    """Executes a notebook in place. It works in a thread of its own, so a caller's event loop does not matter."""

    def __init__(
        self, notebook: Any, kernel: str, orders: Orders, streams: Streams | None = None, progress_bar: Any = None
    ) -> None:
        self._notebook, self._name, self._orders, self._bar = notebook, kernel, orders, progress_bar
        self._journal = orders.journal
        self._journal.masker = orders.masker
        self._tap = Tap(orders.masker, OutputLog(orders.output_log), streams or Streams(), orders.limits.output)
        self._kernel: Kernel | None = None
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
                self._tap.log.close()
                self._finish()

    # ------------------------------------------------------------ the kernel

    async def _drive(self) -> None:
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._fault: asyncio.Future[None] = loop.create_future()
        self._tap.fault = self._journal.on_broken = self._take_fault
        if self._journal.broken is not None:
            self._take_fault(self._journal.broken)
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
            ending = self._ending()
            if not ending.explain(error):
                ending.write("failed", type(error).__name__, str(error))
                raise
            calm = _is_over(error) and self._journal.tally.status == "failed"
        except asyncio.CancelledError:
            self._ending().explain_interruption()
        finally:
            self._task = None
            self._tap.fault = self._journal.on_broken = None
            self._fault.cancel()
            await self._end(calm=calm)

    def _take_fault(self, error: Exception) -> None:
        if not self._fault.done():
            self._fault.set_exception(error)

    def _ask_to_cancel(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself in this moment
            loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _start(self) -> None:
        """Start a kernel, or take over the one that an earlier run has kept."""
        orders = self._orders
        self._client = make_client(self._notebook, self._name, self._tap)
        self._client.on_cell_execute = self._cell_started
        self._client.on_cell_executed = self._cell_executed
        total = sum(is_executable(c) for c in self._notebook.cells)
        self._journal.write("start", cells=total, kernel=self._name, expected=list(orders.expected))
        self._tap.log.begin(self._notebook)
        self._kernel = kernel = Kernel(self._client, pool=orders.kernels, keep=orders.keep is not None)
        environment = kernel_environment(orders.environment)
        done = None
        if orders.taken_over is not None:
            done = await orders.taken_over.attach(kernel, orders.environment)
        if done is None:
            await kernel.start(environment, orders.cwd)
        assert kernel.pid is not None
        self._meter = Meter(kernel.pid)
        self._journal.write("kernel_started", pid=kernel.pid, forked=done is None and orders.kernels is not None)
        if done is None:
            said = await kernel.connect(orders.limits.start)
            self._notebook.metadata["language_info"] = said["language_info"]
        for index, outputs in (done or {}).items():
            self._reuse(index, outputs)

    async def _end(self, *, calm: bool) -> None:
        if self._meter is not None:
            self._journal.write("kernel_ended", **self._meter.totals())
        if self._kernel is None:
            return
        kept = None
        if self._orders.keep is not None and self._journal.tally.status != "kernel_died":
            kept = await self._kernel.keep(self._orders.keep)
        if kept is None:
            await self._kernel.end(calm=calm)
        if self._orders.keep is not None:
            self._orders.hand_over(kept)

    # ------------------------------------------------------------ the cells

    async def _execute_cells(self) -> None:
        assert self._meter is not None
        watch = asyncio.ensure_future(self._meter.watch(lambda: self._journal.tell("tick")))
        try:
            for index, cell in enumerate(self._notebook.cells):
                is_pending = cell.metadata["papermill"]["status"] == "pending"
                if is_executable(cell) and is_pending:
                    await self._execute_cell(index, cell)
                elif is_pending and not is_skipped(cell):
                    cell.metadata["papermill"]["status"] = "completed"
                if self._bar is not None:
                    self._bar.update(1)
        finally:
            watch.cancel()
        self._client.set_widgets_metadata()

    def _reuse(self, index: int, earlier: Any) -> None:
        """Take over what an earlier run of this very kernel has put out for a cell."""
        cell = self._notebook.cells[index]
        cell.outputs, cell.execution_count = earlier.outputs, earlier.execution_count
        cell.metadata["papermill"] = earlier.metadata["papermill"]
        self._journal.write("cell_reused", cell=index, metrics=_metrics_of(cell))

    async def _execute_cell(self, index: int, cell: Any) -> None:
        """Execute one cell within its limits and journal how it went."""
        from nbclient.exceptions import CellExecutionError, DeadKernelError

        self._reply, self._running = {}, index
        limits = [t for t in (self._orders.limits.cell, self._left()) if t is not None]
        ok = False
        try:
            await self._within(min(limits, default=None), self._client.async_execute_cell(cell, index))
            asked = exits.asked_code(self._reply)
            ok = asked in ("", None)
        except TimedOutError:
            await self._kernel_now.interrupt()
            await self._drain(index, cell, _PATIENCE, _UNWINDING)
            raise
        except DeadKernelError:
            await self._drain(index, cell, _PATIENCE)
            raise
        except asyncio.CancelledError:
            if self._orders.keep is None:
                await self._drain(index, cell, _HASTE)
                self._kernel_now.kill()
                await self._drain(index, cell, _PATIENCE)  # what has come in by then, and nobody has read
            raise
        except CellExecutionError as error:
            ok = self._stops = await exits.raised_success(self._client, error)
            if not ok:
                exits.quote_code(cell, error)
            raise
        finally:
            self._cell_ended(index, cell, ok=ok)
        if asked:
            self._ending().write("failed", "SystemExit", asked)
        elif asked is not None:
            self._journal.write("stopped", cell=index, message="exit() was called")
        self._running = None
        if asked is not None:
            raise _StoppedError

    async def _drain(self, index: int, cell: Any, seconds: float, quiet: float = _QUIET) -> None:
        """Take what a cell has put out that was cut off, until its end, or nothing more comes, or time is up."""
        from queue import Empty

        from nbclient.exceptions import CellExecutionComplete

        deadline = monotonic() + seconds
        with contextlib.suppress(Empty, CellExecutionComplete):
            while (left := deadline - monotonic()) > 0 and not self._fault.done():
                said = await self._client.kc.iopub_channel.get_msg(timeout=min(left, quiet))
                if said["msg_type"] != "execute_input":
                    self._client.process_message(said, cell, index)

    @property
    def _kernel_now(self) -> Kernel:
        assert self._kernel is not None
        return self._kernel

    async def _within(self, limit: float | None, work: Coroutine[Any, Any, Any]) -> None:
        """Await work for at most `limit` seconds; whatever happens, nothing of it goes on afterwards."""
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({task, self._fault}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise TimedOutError(self._overdue())
            if self._fault in done:
                self._fault.result()
            task.result()
        finally:
            if not task.done():
                await settle(task)
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
        self._tap.log.mark(cell_index, cell.metadata["papermill"])
        self._journal.write("cell_started", cell=cell_index, source=_first_line(cell.source))

    def _cell_executed(self, cell: Any, cell_index: int, execute_reply: dict[str, Any]) -> None:
        del cell
        # What is raised with it is explained in the journal, which is masked; the notebook's own exception is not.
        execute_reply["content"] = self._reply = self._tap.masker.mask(execute_reply["content"])
        if lost := self._kernel_now.count_lost():
            self._journal.write("note", message=f"Of what cell {cell_index + 1} put out, {lost} messages never came in: its kernel "
                                "sent more at once than could be read. Let the cell write to a file.")  # fmt: skip

    def _cell_ended(self, index: int, cell: Any, *, ok: bool) -> None:
        if cell.metadata["papermill"]["status"] != "running":
            return  # it was never sent to the kernel
        assert self._meter is not None
        self._client.let_out(cell, index)
        spent = self._meter.end_cell()
        status = "completed" if ok else "failed"
        cell.metadata["papermill"] |= {
            "status": status, "exception": not ok, "end_time": _time(), "duration": spent["wall"]
        }  # fmt: skip
        if metrics := _metrics_of(cell):
            self._journal.write("metrics", cell=index, metrics=metrics)
        self._journal.write("cell_ended", cell=index, ok=ok, **spent)
        if not self._fault.done():
            self._tap.log.mark(index, cell.metadata["papermill"])

    # ------------------------------------------------------------ ends

    def _ending(self) -> Ending:
        traceback = list(self._reply.get("traceback") or [])
        return Ending(
            self._orders, self._notebook, self._name, self._kernel, self._running, traceback, stops=self._stops
        )

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


def _is_over(error: Exception) -> bool:
    """Tell whether the cell that an error ends is at its end in the kernel, too."""
    from nbclient.exceptions import CellExecutionError

    return isinstance(error, CellExecutionError)


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
