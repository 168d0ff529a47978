"""Kernels that are there at once: forks of a process that has imported what they need, and has run no notebook."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dcai.base.errors import InputError
from dcai.pipelines.processes.forks import ForkedProcess, ForkLine, Zygote

_LAUNCHER = ["-m", "ipykernel_launcher"]
# What every kernel imports by itself at its start, and what it does sooner or later.
_KERNEL = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell")
_LATER = ("ipykernel.debugger", "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger",
          "IPython.core.oinspect", "IPython.extensions.storemagic", "sqlite3", "tornado.platform.asyncio",
          "tornado.queues")  # fmt: skip
# For ipykernel, see `orders.kernel_environment`; and what a kernel tells matplotlib at its start where nobody has told it
# anything: it listens once, when it is imported.
_SURROUNDINGS = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
_PICTURES = "module://matplotlib_inline.backend_inline"


class KernelLine:
    """A line to the process that forks kernels, of which any process may hold one."""

    def __init__(self, kernel: str, line: ForkLine) -> None:
        self.kernel, self.line = kernel, line

    def require_ready(self, kernel: str) -> None:
        """Wait until everything is imported; refuse to serve a notebook that wants another kernel."""
        if kernel != self.kernel:
            raise InputError(
                f"The pool holds kernels of {self.kernel!r}, and the notebook wants {kernel!r}. Name its kernel."
            )
        self.line.wait_until_ready()

    def make_manager(self) -> Any:
        """Return a manager for one kernel of the pool, as nbclient expects it."""
        from jupyter_client.manager import AsyncKernelManager

        pool = self

        class Manager(AsyncKernelManager):  # type: ignore[misc]  # jupyter_client has no type hints that mypy follows
            """Gets its kernel's process from the pool instead of starting one."""

            async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
                maker = self.provisioner
                maker.process = pool.fork(kernel_cmd, options["env"], options.get("cwd"))
                maker.pid = maker.pgid = maker.process.pid
                self._reconcile_connection_info(maker.connection_info)

        return Manager(kernel_name=self.kernel)

    def fork(self, command: list[str], environment: dict[str, str], cwd: str | None) -> ForkedProcess:
        """Fork one kernel; returns its process."""
        argv = command[command.index(_LAUNCHER[1]) :]
        return self.line.order({"argv": argv, "env": environment, "cwd": cwd or str(Path.cwd())})

    def close(self) -> None:
        """Hang up; kernels that still run belong to their runs."""
        self.line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.kernel!r}>"


class KernelPool(KernelLine):
    """Kernels for many runs: each a fresh process of its own, with what takes long to import imported already.

    A process imports `preload` and never runs any code of a notebook; each run gets a fork of it, used once. So a run
    begins as in a kernel that was just started, but for three things: modules in `preload` are there already (what their
    import prints or warns of is in no notebook), all runs have the same order of sets of texts, and C libraries have read
    their environment variables at the pool's start (threads of linear algebra are set anew for each kernel). Systems
    without `fork` have no such pools.

    Parameters
    ----------
    kernel : str
        Name of a kernel of ipykernel.
    preload : iterable of str
        Modules to import; `package:name` is what `from package import name` imports. Those whose import starts threads
        are refused.
    also : iterable of str
        Further ones, which are left out where they are not there or start threads.
    cwd : str or Path
        Where the modules are imported.

    Raises
    ------
    InputError
        The kernel is not ipykernel's, or a module cannot be preloaded.

    Examples
    --------
    >>> with KernelPool(preload=["pandas", "sklearn.linear_model"]) as pool:  # doctest: +SKIP
    ...     [run("train", {"rate": rate}, kernels=pool) for rate in (0.1, 0.2)]
    """

    line: Zygote

    def __init__(
        self,
        kernel: str = "python3",
        preload: Iterable[str] = ("pandas", "sklearn"),
        *,
        also: Iterable[str] = (),
        cwd: str | Path = "/",
    ) -> None:
        command, environment = _command_of(kernel)
        if isinstance(preload, str):
            raise InputError.wrong_value(
                "preload", "KernelPool()", "a list of modules", preload, f"Write [{preload!r}]."
            )
        names = dict.fromkeys([*_KERNEL, *preload, *(f"?{name}" for name in (*_LATER, *also))])
        pictures = {"MPLBACKEND": environment.get("MPLBACKEND") or _PICTURES}
        super().__init__(kernel, Zygote(command, names, {**environment, **_SURROUNDINGS, **pictures}, cwd))

    def lend(self) -> KernelLine:
        """Return a further line, for another process of this machine."""
        return KernelLine(self.kernel, self.line.lend())


def _command_of(kernel: str) -> tuple[list[str], dict[str, str]]:
    """Return the interpreter of a kernel with its options, and its environment."""
    from jupyter_client.kernelspec import KernelSpecManager

    specs = KernelSpecManager()
    known = sorted(specs.find_kernel_specs())
    if kernel not in known:
        raise InputError.unknown_name("kernel", kernel, known, "See `jupyter kernelspec list`.")
    spec = specs.get_kernel_spec(kernel)
    argv = list(spec.argv)
    places = [i for i in range(len(argv)) if argv[i : i + 2] == _LAUNCHER]
    if not places or not hasattr(os, "fork"):
        raise InputError(
            f"A pool needs a kernel of ipykernel on a system that can fork; {kernel!r} is none. Run without a pool."
        )
    if argv[0] in ("python", f"python{sys.version_info[0]}", f"python{sys.version_info[0]}.{sys.version_info[1]}"):
        argv[0] = sys.executable  # as jupyter_client has it
    return argv[: places[0]], {**os.environ, **spec.env}
