"""A small process of its own that ends a kernel when nobody else can: its runner was killed, or its time is up.

Started by `kernels.py` as `python watchdog.py PID FOLDER` with a pipe as its input, whose other end only the runner
holds. It leaves the kernel alone when told `done`; it ends the kernel, all that its cells have started, and its folder
of sockets when the pipe closes without a word; told `keep SECONDS TOKEN` it does so after that time, unless a file
in the folder says that another run has taken the kernel over with this token.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

import psutil

_PERIOD = 0.2


def end_family(process: psutil.Process) -> None:
    """Kill a kernel, its process group and all that descends from it; nothing where its number is another's now."""
    try:
        if not process.is_running():
            return
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # Only a kernel that leads a group of its own: the group of anyone else holds strangers.
        if os.name == "posix" and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
    for one in family:
        with contextlib.suppress(psutil.Error):
            one.kill()


def _listen(kernel: psutil.Process) -> str:
    """Return the runner's last word; "" when it has gone without one."""
    runner, said = os.getppid(), b""
    while True:
        ready, _, _ = select.select([0], [], [], _PERIOD)
        if ready:
            part = os.read(0, 100)
            said += part
            if not part or said.endswith(b"\n"):
                return said.decode("ascii", "replace").strip()
        # The pipe may live on in a process that the runner has forked.
        elif os.getppid() != runner:
            return ""
        elif not kernel.is_running():
            return "done"


def claim_of(folder: Path, token: str) -> Path:
    """Return the file that says that another run has taken the kernel over."""
    return folder / f"claimed-{token}"


def _guard(kernel: psutil.Process, folder: Path, seconds: float, token: str) -> bool:
    """Wait until the time is up or the kernel has ended; False when another run has taken it over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and kernel.is_running() and folder.exists():
        if claim_of(folder, token).exists():
            return False
        time.sleep(min(_PERIOD, max(0.0, deadline - time.monotonic())))
    return True


def main(pid: int, folder: Path) -> None:
    """Watch one kernel until its end."""
    try:
        kernel = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    word = _listen(kernel)
    if word == "done":
        return
    if word.startswith("keep "):
        _, seconds, token = word.split()
        if not _guard(kernel, folder, float(seconds), token):
            return
    end_family(kernel)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)  # they are the runner's to answer
    main(int(sys.argv[1]), Path(sys.argv[2]))
