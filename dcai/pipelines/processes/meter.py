"""CPU time and memory of a kernel and its children, measured from outside."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_PERIOD = 0.2
# Seconds after which the kernel's children are looked for again: that reads the whole table of processes.
_CENSUS = 1.0


@dataclass
class Meter:
    """Measures one process and its children; every reading is None once the process is gone."""

    pid: int
    began: float = field(default_factory=monotonic)
    peak: int | None = None
    cpu: float | None = None
    _cell_peak: int | None = None
    _cell_began: tuple[float, float | None, int] = (0.0, None, 0)
    _family: list[psutil.Process] = field(default_factory=list)
    _counted: float = float("-inf")

    def begin_cell(self) -> None:
        """Start the measurement of one cell."""
        self._cell_peak = None
        self._sample()
        # The system keeps one maximum for the process's whole life, until it is told to begin anew.
        self.peak = max(self.peak or 0, self._high_water()) or None
        self._lower_water()
        self._cell_began = (monotonic(), self.cpu, self._high_water())

    def end_cell(self) -> dict[str, float | int | None]:
        """Return wall and CPU seconds and peak memory since `begin_cell`."""
        began, cpu, water = self._cell_began
        gone = not self._sample()
        high = self._high_water()
        if high > water:  # a new maximum within this cell, also one that fell between two samples
            self._cell_peak = max(self._cell_peak or 0, high)
            self.peak = max(self.peak or 0, high)
        used = None if gone or cpu is None or self.cpu is None else round(self.cpu - cpu, 4)
        return {"wall": round(monotonic() - began, 4), "cpu": used, "peak_memory": self._cell_peak}

    def totals(self) -> dict[str, float | int | None]:
        """Return wall and CPU seconds and peak memory since the kernel was started."""
        self._sample()
        return {"wall": round(monotonic() - self.began, 4), "cpu": self.cpu, "peak_memory": self.peak}

    async def watch(self, tick: Callable[[], None]) -> None:
        """Sample until cancelled, and call `tick` each time."""
        while True:
            self._sample()
            tick()
            await asyncio.sleep(_PERIOD)

    def _sample(self) -> bool:
        """Take one reading; False when the process is gone."""
        import psutil

        try:
            if monotonic() - self._counted > _CENSUS:
                process = psutil.Process(self.pid)
                self._family, self._counted = [process, *process.children(recursive=True)], monotonic()
            own = self._family[0].cpu_times()
            # children_* hold the time of children that have ended already; only POSIX knows it
            ended = getattr(own, "children_user", 0.0) + getattr(own, "children_system", 0.0)
        except psutil.Error:
            return False
        cpu = ended
        for one in self._family:
            try:
                times = one.cpu_times()
            except psutil.Error:
                continue  # a child that ended between listing and reading
            cpu += times.user + times.system
        memory = memory_of(self._family)
        if not memory:
            return False  # a zombie
        self.cpu = round(max(cpu, self.cpu or 0.0), 4)
        self.peak = max(self.peak or 0, memory)
        self._cell_peak = max(self._cell_peak or 0, memory)
        return True

    def _lower_water(self) -> None:
        """Let Linux begin anew with the kernel's peak; where that is not allowed, only a new maximum of all is seen."""
        if sys.platform == "linux":
            with suppress(OSError):
                Path(f"/proc/{self.pid}/clear_refs").write_text("5", "ascii")

    def _high_water(self) -> int:
        """Return the kernel's own peak memory as Linux keeps it, 0 elsewhere."""
        if sys.platform != "linux":
            return 0
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text("ascii", "replace").splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def memory_of(family: Iterable[psutil.Process]) -> int:
    """Return the memory of processes that descend from each other; what they share counts once.

    The workers that a kernel forks have all its memory, until they write to it: added up, it would count once for each.

    Examples
    --------
    >>> import psutil
    >>> memory_of([psutil.Process()]) > 1_000_000
    True
    """
    import psutil

    sizes, shares = [], []
    members = list(family)
    for one in members:
        try:
            sizes.append(one.memory_info().rss)
            if members[1:]:
                shares.append(_share_of(one))
        except psutil.Error:
            continue  # it ended in this moment
    # What others outside of the family share with it is nobody's share alone: the largest process has at least its own.
    return max([*sizes, sum(shares)], default=0)


def _share_of(process: psutil.Process) -> int:
    """Return a process's memory, of what it shares with others its part; elsewhere than on Linux what it has for itself."""
    if sys.platform != "linux":
        return int(process.memory_full_info().uss)
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0  # it is gone, or another user's
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
