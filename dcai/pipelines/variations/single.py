"""One run in a process of its own: ordered by a sweep, started on any machine that sees the repository, never done twice.

The process that carries a run out outlives whoever started it, because a worker that was killed is no reason to lose a
run: whoever is asked for the run again waits for it instead. Only a run whose own process has ended without settling
its record is begun anew, under a further name.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dcai.base import contract
from dcai.base.errors import DcaiError, InputError, RunError, shorten
from dcai.base.records import RunRecord
from dcai.base.thrift import spare_imports
from dcai.pipelines.archive import ledger
from dcai.pipelines.archive.liveness import HEARTBEAT
from dcai.pipelines.course.operations import Alarm, Operation
from dcai.pipelines.course.plans import limits_of, make_plan
from dcai.pipelines.processes.forks import ForkedProcess, ForkLine
from dcai.pipelines.processes.pool import KernelLine
from dcai.pipelines.processes.signals import watch_signals
from dcai.pipelines.processes.watcher import Claims
from dcai.pipelines.variations.warmth import PROGRAM, Warmth

# Seconds: between two looks, for which a cancelled run may settle itself, for which a run elsewhere may be silent.
_PERIOD, _GRACE, _SILENCE = 0.1, 0.7, 60.0
_MOST_LOST = 3
# Seconds between two signs of life, and the file that tells a run which gave none that nobody waits for it any more.
_BEAT, _GIVEN_UP = 1.0, "given-up"
_REFUSED = 2


@dataclass(frozen=True)
class Order:
    """Everything that another process needs to carry one run out; plain values, so that it can be sent.

    `varied` names the parameters in which it differs from the other runs of its sweep, as they stand in a path: `{rate}`.

    Examples
    --------
    >>> Order("/repository", "train", "train", "20260131T120000-000000-ab12cd", {"rate": 0.5}).attempt(2)
    '20260131T120000-000000-ab12cd-again2'
    """

    root: str
    target: str
    pipeline: str
    run: str
    parameters: Mapping[str, Any] = field(repr=False)
    sweep: str = ""
    memory: int | None = None
    timeout: float | None = None
    cell_timeout: float | None = None
    varied: str = ""

    @property
    def flags(self) -> tuple[Path, Path]:
        """The files that cancel the whole sweep and this run."""
        folder = flag_folder(Path(self.root), self.pipeline, self.sweep or self.run)
        return folder / "cancel", folder / f"cancel-{self.run}"

    @property
    def claims(self) -> Claims:
        """What the runs of its sweep write, each for itself; the folder is made."""
        folder = self.flags[0].with_name("claims")
        folder.mkdir(parents=True, exist_ok=True)
        return Claims(str(folder), self.root, self.run, self.varied)

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody wants this run to end."""
        return any(flag.exists() for flag in self.flags)

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return ledger.run_folder(self.pipeline, self.run, Path(self.root))

    @property
    def latest_folder(self) -> Path:
        """The folder of the latest attempt that has begun."""
        numbers = itertools.takewhile(lambda n: self.folder.with_name(self.attempt(n)).exists(), itertools.count(2))
        return self.folder.with_name(self.attempt(max(numbers, default=1)))

    def attempt(self, number: int) -> str:
        """Name the folder of the first, second, ... attempt."""
        return self.run if number == 1 else f"{self.run}-again{number}"


def flag_folder(root: Path, pipeline: str, sweep: str) -> Path:
    """Return where those who carry out the runs of a sweep look whether they should end."""
    return root / ledger.RUNS / ".sweeps" / pipeline / sweep


# ---------------------------------------------------------------- whoever wants the run


def settle_run(order: Order, warmth: Warmth | None = None) -> str | None:
    """Carry a run out in a process of its own, or wait for the process that does; returns its record as JSON.

    None says that it was cancelled before it began. Runs on a worker of a cluster too; what is warm is on this machine.

    Raises
    ------
    InputError
        The run was refused.
    RunError
        Its process ended before there was a record.
    """
    lost = 0
    for number in itertools.count(1):
        attempt = replace(order, run=order.attempt(number))
        if not order.is_cancelled and _was_interrupted(attempt):
            continue  # when the sweep was cancelled, or went down, that goes on now
        one = _carry_through(attempt, order, warmth)
        is_lost = one is not None and one.error is not None and one.error.error == ledger.GONE
        lost += is_lost
        if not is_lost or lost == _MOST_LOST or order.is_cancelled:
            return None if one is None else contract.to_json(one)
    raise AssertionError


def _was_interrupted(attempt: Order) -> bool:
    """Tell whether an attempt had been ended from outside before we were asked for the run."""
    folder = attempt.folder
    if not (folder / ledger.RECORD).exists():
        return False
    return _last_attempt(ledger.read_record(folder), folder).status == "interrupted"


def _carry_through(attempt: Order, order: Order, warmth: Warmth | None) -> RunRecord | None:
    folder = attempt.folder
    if not (folder / ledger.RECORD).exists():
        if order.is_cancelled:
            return None
        _await_child(attempt, order, folder, warmth)
    return _await_record(folder, order)


def _await_child(attempt: Order, order: Order, folder: Path, warmth: Warmth | None) -> None:
    """Start the process of a run and wait for its end; one that does not hear that it is cancelled is killed."""
    with tempfile.TemporaryFile() as said:
        child = _start(attempt, order, said.fileno(), warmth)
        _wait(child, order)
        if not (folder / ledger.RECORD).exists() and not order.is_cancelled:
            said.seek(0)
            text = said.read().decode("utf-8", "replace").strip()
            if child.returncode == _REFUSED:
                raise InputError(text.removeprefix("dcai: "))
            raise RunError(
                f"The process of the run {attempt.run} ended before it began (exit code {child.returncode}): "
                f"{shorten(text[-500:], 500) or 'it said nothing'}."
            )


def _start(attempt: Order, order: Order, said: int, warmth: Warmth | None) -> subprocess.Popen[bytes] | ForkedProcess:
    """Start the process of a run, or have it forked where that can be; it writes to the open file `said`."""
    with tempfile.TemporaryFile() as told, nullcontext() if warmth is None else warmth.lend_kernels() as line:
        kernel = None if line is None else line.kernel
        told.write(json.dumps(asdict(attempt) | {"flagged": order.run, "kernel": kernel}).encode())
        told.seek(0)
        lent = [] if line is None else [line.line.fileno()]
        if warmth is not None:
            with suppress(RunError):
                return warmth.fork_runner(attempt.root, [told.fileno(), said, *lent])
        words = [sys.executable, "-P", "-m", PROGRAM, *map(str, lent)]
        return subprocess.Popen(
            words, cwd=attempt.root, stdin=told, stdout=said, stderr=said, start_new_session=True, pass_fds=lent
        )


def _wait(child: subprocess.Popen[bytes] | ForkedProcess, order: Order) -> None:
    cancelled: float | None = None
    while child.poll() is None:
        time.sleep(_PERIOD)
        if cancelled is None and order.is_cancelled:
            cancelled = time.monotonic()
            child.send_signal(signal.SIGTERM)
        if cancelled is not None and time.monotonic() - cancelled > _GRACE:
            child.kill()  # its kernel's watchdog sees the pipe close
            child.wait()


def _await_record(folder: Path, order: Order) -> RunRecord | None:
    """Wait for the record of a run that another process carries out; one elsewhere that has fallen silent is given up."""
    if not (folder / ledger.RECORD).exists():
        return None
    mark, since = None, time.monotonic()
    while True:
        one = ledger.read_record(folder)
        if one.status != "running" and not _is_at_work(one):
            return _last_attempt(one, folder)
        now = _pulse(folder)
        if now != mark:
            mark, since = now, time.monotonic()
        elif one.host != socket.gethostname() and time.monotonic() - since > _SILENCE:
            # For everybody: what stood at its outputs comes back, and if it does live after all, it ends itself.
            (folder / _GIVEN_UP).touch()
            return ledger.settle(folder, f"Nothing was heard of it on {one.host} for {_SILENCE:g} s.")
        time.sleep(_PERIOD if order.is_cancelled else 2 * _PERIOD)


def _is_at_work(one: RunRecord) -> bool:
    """Tell whether the process of a settled run still lives here: it may try again, as its pipeline says."""
    import psutil

    try:
        # One that was forked is known by the same word: the process behind it has imported the program.
        return one.host == socket.gethostname() and one.pid is not None and PROGRAM in psutil.Process(one.pid).cmdline()
    except psutil.Error:
        return False


def _last_attempt(one: RunRecord, folder: Path) -> RunRecord:
    """Return the record of the last of the attempts that the pipeline's own policy has made."""
    number = 1
    while (again := folder.with_name(f"{folder.name}-retry{number}") / ledger.RECORD).exists():
        one, number = ledger.read_record(again.parent), number + 1
    return one


def _pulse(folder: Path) -> float:
    try:
        return (folder / HEARTBEAT).stat().st_mtime
    except OSError:
        return 0.0


# ---------------------------------------------------------------- the process of the run


class _Guard:
    """Looks after a run from within its process, a few times a second: cancelled, or a kernel that takes too much."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.problem: str | None = None
        self.kernel: int | None = None

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Hear an event of the run's journal."""
        if event["event"] == "start":
            self.problem = None  # what ended an attempt says nothing about the next one
        if event["event"] == "kernel_started":
            self.kernel = event["pid"]
        if event["event"] != "tick":
            return
        if self.order.is_cancelled:
            os.kill(os.getpid(), signal.SIGTERM)
        if self.order.memory is not None and self.problem is None and self.kernel is not None:
            self._weigh(self.order.memory)

    def _weigh(self, limit: int) -> None:
        import psutil

        from dcai.pipelines.processes.meter import memory_of
        from dcai.pipelines.processes.watchdog import end_family

        try:
            kernel = psutil.Process(self.kernel)
            used = memory_of([kernel, *kernel.children(recursive=True)])
        except psutil.Error:
            return  # it ended in this moment
        if used > limit:
            self.problem = (
                f"The kernel took {used / 1e6:.0f} MB, more than the limit of {limit / 1e6:.0f} MB, and was ended."
            )
            end_family(kernel)


@contextmanager
def _beating(folder: Path) -> Iterator[None]:
    """Give signs of life in a run's folder, also while no cell runs; a run that was given up ends itself."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(_BEAT):
            with suppress(OSError):  # the run has no folder yet
                (folder / HEARTBEAT).touch()
            if (folder / _GIVEN_UP).exists():
                os.kill(os.getpid(), signal.SIGTERM)
                return

    thread = threading.Thread(target=beat, name="dcai-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        (folder / HEARTBEAT).unlink(missing_ok=True)


def _take_up(pooled: str | None, kernel: str) -> KernelLine | None:
    """Return the line to the pool of kernels with which this process was started; none to a pool of another kernel."""
    if pooled is None:
        return None
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)  # whatever a run starts has nothing to do with it
    return KernelLine(kernel, ForkLine(control)) if kernel == pooled else None


def main() -> int:
    """Carry out the run that is ordered on the standard input; returns the exit code."""
    spare_imports()
    plain = json.loads(sys.stdin.buffer.read())
    flagged, pooled = plain.pop("flagged"), plain.pop("kernel")
    order = Order(**plain)
    guard = _Guard(replace(order, run=flagged))
    try:
        plan = make_plan(order.target, order.parameters, root=order.root, kernel=None, cwd=None, run_id=order.run)
        limits = limits_of(plan.limits, order.cell_timeout, order.timeout)
        plan = replace(plan, limits=limits, purpose="sweep" if order.sweep else "run", origin=order.sweep or None)
        if order.sweep:
            plan = replace(plan, claims=guard.order.claims)
        with Alarm(order.target, order.root), watch_signals() as interruption, _beating(order.folder):
            one, folder = Operation(plan, interruption, guard, kernels=_take_up(pooled, plan.kernel)).carry_out()
    except DcaiError as error:
        sys.stderr.write(str(error))
        return _REFUSED
    if guard.problem is not None and one.error is not None:
        failure = replace(one.error, error="MemoryLimit", message=guard.problem)
        one = ledger.write_record(folder / ledger.RECORD, replace(one, error=failure))
    return one.exit_code


if __name__ == "__main__":
    sys.exit(main())
