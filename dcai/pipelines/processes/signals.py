"""Ctrl-C and SIGTERM while a run is under way: taken note of, so that the run can settle its record first."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

# Ctrl-C, what a service manager sends, and what comes when the terminal is closed.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interruption:
    """Which signal asked a run to end, and who wants to know; the first signal counts."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._listener: Callable[[], None] | None = None

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as a shell has it."""
        return 128 + (self.received or signal.SIGINT)

    @property
    def name(self) -> str:
        """What people know it by: KeyboardInterrupt, or the signal's name."""
        signum = self.received or signal.SIGINT
        return "KeyboardInterrupt" if signum == signal.SIGINT else signal.Signals(signum).name

    def raise_received(self) -> None:
        """Raise what Python would have raised at the signal; nothing where none has come."""
        if self.received is not None:
            raise KeyboardInterrupt if self.received == signal.SIGINT else SystemExit(self.exit_code)

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Name the callable to be called at a signal; called at once where one has come already."""
        self._listener = listener
        if listener is not None and self.received is not None:
            listener()

    @contextlib.contextmanager
    def breaking(self) -> Iterator[None]:
        """Let a signal break off work of our own, as Python's Ctrl-C does; one that has come already does so at once.

        Only the main thread can be broken off. Elsewhere the signal is noted, and `received` tells of it.
        """
        here = threading.current_thread()

        def break_off() -> None:
            if threading.current_thread() is here:
                raise KeyboardInterrupt

        try:
            self.listen(break_off)
            yield
        finally:
            self.listen(None)

    def note(self, signum: int, _frame: FrameType | None = None) -> None:
        """Take note of a signal."""
        self.received = self.received or signum
        if self._listener is not None:
            self._listener()


@contextlib.contextmanager
def watch_signals() -> Iterator[Interruption]:
    """Catch SIGINT, SIGTERM and SIGHUP for the time of a run; only the main thread may, elsewhere nothing is caught."""
    interruption = Interruption()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for signum in _SIGNALS:
            # What is ignored on purpose (`nohup dcai run ... &`) stays ignored.
            if signal.getsignal(signum) not in (signal.SIG_IGN, None):
                before[signum] = signal.signal(signum, interruption.note)
    try:
        yield interruption
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
