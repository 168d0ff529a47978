"""Kernels that are there at once: forks of a process that has imported what they need, and has run no notebook."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dcai.base.errors import InputError, RunError
from dcai.pipelines.processes.kernels import HandledProcess, StrangeProcess

_ZYGOTE = Path(__file__).with_name("zygote.py")
_LAUNCHER = ["-m", "ipykernel_launcher"]
# Seconds within which a kernel is forked, and within which everything is imported.
_FORK, _IMPORTS = 20.0, 120.0
# A fork keeps one thread only, so libraries must not start any while they are imported: neither those that do linear
# algebra (each kernel gets its own, as many as the run's environment says), nor Arrow's, which gives memory back.
# The last one is for ipykernel, see `orders.kernel_environment`.
_SURROUNDINGS = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false",
               "PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # fmt: skip


class KernelPool:
    """Kernels for many runs: each a fresh process of its own, with what takes long to import imported already.

    A process imports `preload` and never runs any code of a notebook; each run gets a fork of it, used once. So a run
    begins as in a kernel that was just started, but for three things: modules in `preload` are there already, all
    runs have the same order of sets of texts, and C libraries have read their environment variables at the pool's
    start (threads of linear algebra are set anew for each kernel). Systems without `fork` have no such pools.

    Parameters
    ----------
    kernel : str
        Name of a kernel of ipykernel.
    preload : iterable of str
        Modules to import. Those whose import starts threads are refused.

    Raises
    ------
    InputError
        The kernel is not ipykernel's, or a module cannot be preloaded.

    Examples
    --------
    >>> with KernelPool(preload=["pandas", "sklearn.linear_model"]) as pool:  # doctest: +SKIP
    ...     [run("train", {"rate": rate}, kernels=pool) for rate in (0.1, 0.2)]
    """

    def __init__(self, kernel: str = "python3", preload: Iterable[str] = ("pandas", "sklearn")) -> None:
        self.kernel = kernel
        self._command, self._environment = _command_of(kernel)
        if isinstance(preload, str):
            raise InputError.wrong_value(
                "preload", "KernelPool()", "a list of modules", preload, f"Write [{preload!r}]."
            )
        self._lock = threading.Lock()
        self._buffer = b""
        self._said: list[dict[str, Any]] = []
        self._ended: dict[int, int] = {}
        self._ready = self._gone = False
        mine, its = socket.socketpair()
        self._control: socket.socket | None = mine
        with its:
            self._process = subprocess.Popen(
                [*self._command, str(_ZYGOTE), *preload],
                stdin=its.fileno(),
                env={**self._environment, **_SURROUNDINGS},
                cwd="/",
                start_new_session=True,
            )

    def require_ready(self, kernel: str) -> None:
        """Wait until everything is imported; refuse to serve a notebook that wants another kernel."""
        if kernel != self.kernel:
            raise InputError(
                f"The pool holds kernels of {self.kernel!r}, and the notebook wants {kernel!r}. Name its kernel."
            )
        with self._lock:
            self._wait_until_ready()

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
        order = {"argv": argv, "env": environment, "cwd": cwd or str(Path.cwd())}
        with self._lock:
            self._wait_until_ready()
            assert self._control is not None
            with contextlib.suppress(BrokenPipeError):
                self._control.sendall(json.dumps(order).encode() + b"\n")
            return ForkedProcess(self, int(self._answer("pid", _FORK)))

    def status_of(self, pid: int) -> int | None:
        """Return how a kernel ended, None while it lives, and where the pool's process has gone and nobody can tell."""
        with self._lock:
            self._listen(0.0)
            return self._ended.get(pid)

    @property
    def is_gone(self) -> bool:
        """Whether the pool's process has ended, so that it tells of its kernels no more."""
        return self._control is None or self._gone

    def _wait_until_ready(self) -> None:
        if self._control is None:
            raise RunError("The pool of kernels is closed. Make a new one.")
        if not self._ready:
            problem = self._answer("problem", _IMPORTS)
            if problem:
                self.close()
                raise InputError(f"The pool cannot preload what it was asked to: {problem}.")
            self._ready = True

    def _answer(self, key: str, limit: float) -> Any:
        """Return the next answer of a kind; the pool's process is gone where none comes."""
        while not any(key in words for words in self._said):
            if not self._listen(limit):
                raise RunError("The process behind the pool of kernels has ended or does not answer. Make a new pool.")
        found = next(words for words in self._said if key in words)
        self._said.remove(found)
        return found[key]

    def _listen(self, limit: float) -> bool:
        """Read what has been said; False where nothing was, or nobody is there any more."""
        if self._control is None:
            return False
        self._control.settimeout(limit)
        try:
            part = self._control.recv(65536)
        except (TimeoutError, BlockingIOError):
            return False
        except ConnectionResetError:
            part = b""
        self._gone = self._gone or not part
        *lines, self._buffer = (self._buffer + part).split(b"\n")
        for words in map(json.loads, lines):
            if "ended" in words:
                self._ended[words["ended"]] = words["status"]
            else:
                self._said.append(words)
        return bool(part)

    def close(self) -> None:
        """End the pool's process; kernels that still run belong to their runs."""
        control, self._control = self._control, None
        if control is not None:
            control.close()
            self._process.terminate()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<KernelPool of {self.kernel!r}>"


class ForkedProcess(HandledProcess):
    """A kernel's process that the pool's process has forked."""

    def __init__(self, pool: KernelPool, pid: int) -> None:
        import psutil

        self._pool, self.pid = pool, pid
        self._stranger: StrangeProcess | None = None
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended already, and the pool's process tells how
            self._stranger = StrangeProcess(pid)

    @property
    def returncode(self) -> int | None:
        """How it ended, None while it lives."""
        return self.poll()

    def poll(self) -> int | None:
        """Return how it ended, None while it lives; without the pool's process, only that it has ended can be seen."""
        status = self._pool.status_of(self.pid)
        if status is None and self._pool.is_gone:
            return 0 if self._stranger is None else self._stranger.poll()
        return status


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
