"""What the engine is told beyond papermill's own arguments: limits, journal, environment, kernels to take and to keep."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from dcai.pipelines.archive.journal import Journal
from dcai.pipelines.archive.outputs import MOST_OUTPUT
from dcai.pipelines.definitions.definition import Pipeline
from dcai.pipelines.masking import SECRET, Masker
from dcai.pipelines.processes.kernels import Kept, Kernel
from dcai.pipelines.processes.pool import KernelLine
from dcai.pipelines.processes.signals import Interruption


@dataclass(frozen=True)
class Limits:
    """Seconds that a run may take, None for no limit, and bytes that it may put out."""

    cell: float | None = None
    run: float | None = None
    start: float = 60
    output: int = MOST_OUTPUT


def limits_stated(one: Pipeline) -> Limits:
    """Return the limits that a pipeline's manifest states."""
    limits = Limits(one.timeout.get("cell"), one.timeout.get("run"))
    return limits if one.output_limit is None else replace(limits, output=one.output_limit)


class TakenOver(Protocol):
    """A kernel that an earlier run has kept."""

    async def attach(self, kernel: Kernel, environment: Mapping[str, str]) -> dict[int, Any] | None:
        """Return the executed cells by their index, None where the kernel is of no use any more."""


@dataclass(frozen=True)
class Orders:
    """What `run` and `promote` tell the engine beyond papermill's own arguments.

    `expected` are the seconds that each cell took in earlier runs. With `keep`, the kernel stays for so many seconds
    after the run, and `hand_over` is told which it is, or None where it could not be kept.
    """

    journal: Journal
    interruption: Interruption
    limits: Limits = field(default_factory=Limits)
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    output_log: Path | None = None
    expected: tuple[float | None, ...] = ()
    kernels: KernelLine | None = None
    taken_over: TakenOver | None = None
    keep: float | None = None
    hand_over: Callable[[Kept | None], None] = lambda _: None

    @cached_property
    def masker(self) -> Masker:
        """What hides the secrets that the environment carries into the kernel."""
        return Masker.make(value for name, value in self.environment.items() if name.startswith(SECRET))


def kernel_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that a kernel starts with."""
    # Python 3.11 and later warn about frozen modules at each kernel start; there is nothing to debug in a run.
    return {**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1", **extra}
