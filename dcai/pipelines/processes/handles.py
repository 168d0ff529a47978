"""Processes that nobody here has started as a child, in the form in which jupyter_client handles a kernel's process."""

from __future__ import annotations

import contextlib
import os
import signal
from abc import ABC, abstractmethod

# Seconds by which the system may tell the same process's beginning differently, when its clock was set.
_CLOCK_SLACK = 2.0


class HandledProcess(ABC):
    """What jupyter_client asks of a kernel's process."""

    pid: int
    stdin = stdout = stderr = None

    @abstractmethod
    def poll(self) -> int | None:
        """Return how it ended, None while it lives."""

    def wait(self) -> int | None:
        """Return how it ended; called only when it has."""
        return self.poll()

    def send_signal(self, signum: int) -> None:
        """Send a signal."""
        os.kill(self.pid, signum)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class StrangeProcess(HandledProcess):
    """A kernel's process of an earlier run."""

    def __init__(self, pid: int) -> None:
        import psutil

        self.pid, self.returncode = pid, None
        self._process = psutil.Process(pid)

    def began_at(self, created: float | None) -> bool:
        """Tell whether it is the process that began at this moment; where nobody wrote the moment down, it is not."""
        return created is not None and abs(self._process.create_time() - created) <= _CLOCK_SLACK

    def poll(self) -> int | None:
        """Return None while the process lives; nobody but its parent knows how it ended."""
        import psutil

        with contextlib.suppress(psutil.Error):
            if self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE:
                return None
        return 0
