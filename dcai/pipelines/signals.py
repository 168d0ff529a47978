"""Ctrl-C and SIGTERM while a run is under way: taken note of, so that the run can settle its record first."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class Interruption:
    """Which signal asked a run to end, and who wants to know; the first signal counts."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._listener: Callable[[], None] | None = None

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as a shell has it."""
        return 128 + (self.received or signal.SIGINT)

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Name the callable to be called at a signal; called at once where one has come already."""
        self._listener = listener
        if listener is not None and self.received is not None:
            listener()

    def note(self, signum: int, _frame: FrameType | None = None) -> None:
        """Take note of a signal."""
        self.received = self.received or signum
        if self._listener is not None:
            self._listener()


@contextlib.contextmanager
def watch_signals() -> Iterator[Interruption]:
    """Catch SIGINT and SIGTERM for the time of a run; only the main thread may, elsewhere nothing is caught."""
    interruption = Interruption()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for signum in (signal.SIGINT, signal.SIGTERM):
            # What is ignored on purpose (`nohup dcai run ... &`) stays ignored.
            if signal.getsignal(signum) not in (signal.SIG_IGN, None):
                before[signum] = signal.signal(signum, interruption.note)
    try:
        yield interruption
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
