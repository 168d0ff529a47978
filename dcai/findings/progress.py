"""Progress, told to whoever wants to know: the stage, how much of all is done, and about how long the rest takes."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from dcai.base.errors import InputError
from dcai.findings.outlook import Clock, Outlook, write_left

Progress = Callable[[str, int, int], None]

_LINE = "{desc}{percentage:3.0f}%|{bar}| {elapsed}{postfix}"
_EACH = 1.0  # seconds: so often the bar is drawn anew when nothing is told


@contextmanager
def tell_progress(asked: bool | Progress | None) -> Iterator[Progress]:  # noqa: FBT001 (True, False, None or a function, as users know it from other tools)
    """Make the function that detectors' work is reported to.

    None draws a bar on a terminal or in a notebook, True always, False never; a function is called with the stage,
    the steps done and the steps in all.
    """
    if asked is False or (asked is None and not _is_watched()):
        yield tell_nobody
    elif callable(asked):
        yield asked
    elif asked is None or asked is True:
        with Bar() as bar:
            yield bar
    else:
        raise InputError.wrong_value(
            "progress", "audit", "True, False, None or a function of (stage, done, total)", asked
        )


def tell_nobody(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


def expect(tell: Progress, costs: Mapping[str, float]) -> None:
    """Say which stages are to come and about how many seconds each takes beside the others, to one who wants to know."""
    if isinstance(tell, Bar):
        tell.expect(costs)


class Bar:
    """A bar of all the work, on a terminal or in a notebook: it is called with the stage, the steps done and those in all.

    It is drawn when something is told, and each second, so that the time left does not stand still in a long stage.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        from tqdm.auto import tqdm

        self._outlook, self._lock = Outlook(clock), threading.Lock()
        self._bar = tqdm(total=100, file=sys.stderr, leave=False, bar_format=_LINE)
        self._ended = threading.Event()
        self._drawer = threading.Thread(target=self._draw_on, daemon=True)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._drawer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._ended.set()
        self._drawer.join()
        if kind is None:  # a notebook marks a bar that is closed before its end as a failure
            self._bar.n = 100
        self._bar.close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take in how far a stage is."""
        with self._lock:
            self._outlook.tell(stage, done, total)
            self._bar.set_description(stage, refresh=False)
        self.draw()

    def expect(self, costs: Mapping[str, float]) -> None:
        """Take in what is to come."""
        with self._lock:
            self._outlook.expect(costs)

    def draw(self) -> None:
        """Draw the share that is done, and the time left as soon as it is known."""
        with self._lock:
            share, left = self._outlook.look()
            self._bar.n = round(100 * share)
            self._bar.set_postfix_str("" if left is None else write_left(left), refresh=False)
            self._bar.refresh()

    def _draw_on(self) -> None:
        while not self._ended.wait(_EACH):
            self.draw()


def _is_watched() -> bool:
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return sys.stderr.isatty() or hasattr(shell, "kernel")
