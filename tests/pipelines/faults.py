"""Faults to inject into runs: what is done, and what the record has to say of it. Used by tests and a benchmark."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import psutil

from tests.pipelines.conftest import DCAI, SPEC, write

CULPRIT = 2  # the cell in which each fault happens
# Each output is also written down by the cell itself, which is the truth about what it has put out.
BEGIN = """x = 1
import time
def tick(more=''):
    now = time.time()
    with open('ticks.txt', 'a') as file:
        file.write(f'{now:.3f}\\n')
    print(f'{more} tick {now:.3f};', flush=True)
def run_on(seconds=977, more=''):
    end = time.time() + seconds
    while time.time() < end:
        tick(more)
        time.sleep(0.05)"""
_TICKS = "run_on()"
_WIDGET = "import ipywidgets\nbutton = ipywidgets.Button()\nbutton.clicked = False\nwhile not button.clicked:\n    run_on(0.1)"
_HUNGRY = (
    "import resource\nused = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
    "resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))\nrun_on(1)\nlist(range(10**9))"
)
_FILL = "while True:\n    tick('x' * 100_000)"
_NEVER = {"argv": [sys.executable, "-c", "import time; time.sleep(977)"], "display_name": "N", "language": "python"}


@dataclass(frozen=True)
class Fault:
    """One fault: the source of the third cell, options of `dcai run`, and the truth about it."""

    name: str
    source: str
    status: str
    error: str | None
    cell: int | None = CULPRIT
    options: tuple[str, ...] = ()
    act: Callable[[subprocess.Popen, int], None] | None = None
    prepare: Callable[[Path], None] = field(default=lambda _: None)
    limit: int | None = None  # bytes that any file may have


def send(signum):
    return lambda process, _: process.send_signal(signum)


def make_spec(root):
    folder = root / "share" / "kernels" / "never"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(_NEVER))


FAULTS = [
    Fault("error", "run_on(1)\n1 / 0", "failed", "ZeroDivisionError"),
    Fault("cell timeout", _TICKS, "timed_out", "Timeout", options=("--cell-timeout", "1.5")),
    Fault("run timeout", _TICKS, "timed_out", "Timeout", options=("--timeout", "15")),
    Fault("SIGKILL of the kernel", _TICKS, "kernel_died", "KernelDied", act=lambda _, kernel: os.kill(kernel, 9)),
    Fault("out of memory", _HUNGRY, "failed", "MemoryError"),
    Fault("Ctrl-C", _TICKS, "interrupted", "KeyboardInterrupt", act=send(signal.SIGINT)),
    Fault("SIGTERM", _TICKS, "interrupted", "SIGTERM", act=send(signal.SIGTERM)),
    Fault("SIGKILL of the runner", _TICKS, "interrupted", "RunnerGone", act=send(signal.SIGKILL)),
    Fault("disk full", _FILL, "failed", "OSError", limit=2_000_000),
    Fault("sys.exit(0)", "import sys\nrun_on(1)\nsys.exit(0)", "stopped", None),
    Fault("kernel never starts", "", "kernel_died", "KernelNotStarted", None,
          ("--kernel", "never", "--start-timeout", "2"), prepare=make_spec),
    Fault("missing kernel spec", "", "invalid", None, None, ("--kernel", "absent")),
    Fault("endless output", _FILL, "timed_out", "Timeout", options=("--cell-timeout", "3")),
    Fault("hanging widget", _WIDGET, "timed_out", "Timeout", options=("--cell-timeout", "4")),
    Fault("input()", "run_on(1)\ninput('name?')", "timed_out", "StdinNotImplementedError"),
]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What became of a run: its record's claims, seconds of output lost, seconds until the kernel was gone."""

    status: str
    error: str | None
    cell: int | None
    code: int
    lost: float | None
    freed: float | None

    def tells_the_truth(self, fault):
        return (self.status, self.error, self.cell) == (fault.status, fault.error, fault.cell)


def inject(fault, root):
    """Run a notebook with a fault through the command line, in a process of its own."""
    write(root / "case.ipynb", BEGIN, "print('before')", fault.source or "print('never')", "print('after')")
    fault.prepare(root)
    environment = {**os.environ, "PYTHONPATH": str(DCAI), "JUPYTER_PATH": str(root / "share")}
    limit = fault.limit
    process = subprocess.Popen(
        [sys.executable, "-m", "dcai", "run", "case.ipynb", "--run-id", "it", *fault.options],
        cwd=root,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: set_up(limit),  # noqa: PLW1509 (no threads here)
    )
    folder = root / "runs" / "case" / "it"
    struck, freed = None, None
    if fault.act is not None:
        kernel = wait_for_ticks(folder)
        struck = time.time()
        fault.act(process, kernel.pid)
        freed = wait_for_end(kernel) - struck
    process.wait(timeout=120)
    if not folder.exists():
        return Outcome("invalid" if process.returncode == 2 else "none", None, None, process.returncode, None, None)
    return judge(folder, process.returncode, struck, freed)


def set_up(limit):
    """Prepare the process of a run: signals as in a terminal, and a limit on the size of files."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def wait_for_end(kernel):
    """Return when a process ended."""
    deadline = time.time() + 30
    while time.time() < deadline and kernel.is_running():
        with contextlib.suppress(psutil.NoSuchProcess):
            if kernel.status() == psutil.STATUS_ZOMBIE:
                break
        time.sleep(0.01)
    return time.time()


def wait_for_ticks(folder):
    """Wait until the third cell has put something out; returns the kernel's process."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        log = folder / "outputs.jsonl"
        if log.is_file() and f'"cell": {CULPRIT}, "msg_type": "stream"' in log.read_text():
            events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
            time.sleep(1.5)
            return psutil.Process(next(e["pid"] for e in events if e["event"] == "kernel_started"))
        time.sleep(0.05)
    raise AssertionError("the cell did not start")


def judge(folder, code, struck, freed):
    """Read the record as any reader does, and the notebook that is left."""
    from dcai.pipelines.archive.ledger import read_record

    record = read_record(folder)
    cell = record.error.cell if record.error else None
    if record.status == "stopped":
        events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        cell = next(e["cell"] for e in events if e["event"] == "stopped")
    lost = lost_output(folder, struck)
    return Outcome(record.status, record.error.error if record.error else None, cell, code, lost, freed)


def lost_output(folder, struck):
    """Return the seconds of output before the fault that are missing in the notebook that is left; None without output."""
    truth = folder.parents[2] / "ticks.txt"
    if not truth.is_file():
        return None
    said = [t for t in map(float, truth.read_text().split()) if struck is None or t <= struck]
    outputs = nbformat.read(folder / "output.ipynb", 4).cells[CULPRIT].outputs
    kept = re.findall(r"tick (\d+\.\d{3});", "".join(o.text for o in outputs if o.output_type == "stream"))
    return max(0.0, max(said) - max(map(float, kept), default=min(said)))


__all__ = ["BEGIN", "CULPRIT", "FAULTS", "SPEC", "Fault", "Outcome", "inject", "judge"]
