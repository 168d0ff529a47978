"""What a sweep has ready for its runs: a process to be forked into those that carry them out, and one for their kernels."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from dcai.base.errors import DcaiError, InputError, RunError
from dcai.pipelines.course.plans import Plan
from dcai.pipelines.definitions.preloads import find_preloads
from dcai.pipelines.processes.forks import ForkedProcess, Zygote
from dcai.pipelines.processes.pool import KernelLine, KernelPool

# What carries runs out, and what it imports sooner or later.
PROGRAM = "dcai.pipelines.variations.single"
_LATER = ("papermill", "nbclient", "nbformat.validator", "jupyter_client.asynchronous", "jupyter_client.provisioning",
          "psutil", "dcai.pipelines.engine", "dcai.pipelines.runtime.execution")  # fmt: skip


@dataclass(frozen=True)
class Warmth:
    """The two processes; each run gets a fork of both, and nobody else does."""

    runners: Zygote
    kernels: KernelPool

    @classmethod
    def make(cls, plan: Plan, warm: Iterable[str] | None) -> Warmth:
        """Start both and wait until they are ready; without modules, those are imported that the notebook imports.

        Raises
        ------
        InputError
            The kernel is none that can be prepared, or a module cannot be imported.
        """
        if isinstance(warm, str):
            raise InputError.wrong_value("warm", "sweep()", "True, or a list of modules", warm, f"Write [{warm!r}].")
        also = find_preloads(plan.notebook, plan.root) if warm is None else ()
        kernels = KernelPool(plan.kernel, () if warm is None else warm, also=also, cwd=plan.root)
        made = cls(Zygote([sys.executable, "-P"], [PROGRAM, *_LATER], os.environ, plan.root), kernels)
        try:
            made.runners.wait_until_ready()
            made.kernels.require_ready(plan.kernel)
        except DcaiError:
            made.close()
            raise
        return made

    def fork_runner(self, root: str, files: Sequence[int]) -> ForkedProcess:
        """Have a process forked that carries out the run that it reads from the first of some open files.

        Raises
        ------
        RunError
            The process behind it has ended.
        """
        order = {"program": PROGRAM, "argv": [PROGRAM], "env": dict(os.environ), "cwd": root}
        return self.runners.order(order, files)

    @contextmanager
    def lend_kernels(self) -> Iterator[KernelLine | None]:
        """Lend a line to the kernels; None where they are no more, and a run starts its own."""
        line = None
        with suppress(RunError):
            line = self.kernels.lend()
        try:
            yield line
        finally:
            if line is not None:
                line.close()

    def close(self) -> None:
        """End both; what has begun goes on."""
        self.runners.close()
        self.kernels.close()
