"""Processes that are there at once: forks of one that has imported what they need, and does nothing else; see `zygote.py`."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dcai.base.errors import InputError, RunError
from dcai.pipelines.processes.handles import HandledProcess, StrangeProcess

_ZYGOTE = Path(__file__).with_name("zygote.py")
# Seconds within which a process is forked, and within which everything is imported.
_FORK, _IMPORTS = 20.0, 120.0
# A fork keeps one thread only, so libraries must not start any while they are imported: neither those that do linear
# algebra (each process gets its own, as many as its environment says), nor Arrow's, which gives memory back.
_SURROUNDINGS = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
_GONE = "The process behind the pool has ended or does not answer. Make a new pool."


class ForkLine:
    """A line to a process that forks others; whoever holds one, in whatever process, may have forks of it."""

    def __init__(self, control: socket.socket) -> None:
        self._lock = threading.Lock()
        self._buffer = b""
        self._said: list[dict[str, Any]] = []
        self._ended: dict[int, int] = {}
        self._gone = False
        self._control: socket.socket | None = control

    def order(self, facts: Mapping[str, Any], files: Sequence[int] = ()) -> ForkedProcess:
        """Have a process forked, with open files of this one.

        Raises
        ------
        RunError
            Nobody is there to do it.
        """
        with self._lock:
            self.wait_until_ready()
            self._send({**facts, "files": len(files)}, files)
            return ForkedProcess(self, int(self._answer("pid", _FORK)))

    def status_of(self, pid: int) -> int | None:
        """Return how a fork ended, None while it lives, and where the line is dead and nobody can tell."""
        with self._lock:
            self._listen(0.0)
            return self._ended.get(pid)

    @property
    def is_gone(self) -> bool:
        """Whether the process at the other end has ended, so that it tells of its forks no more."""
        return self._control is None or self._gone

    def fileno(self) -> int:
        """Return the number of the line's end in this process."""
        return -1 if self._control is None else self._control.fileno()

    def wait_until_ready(self) -> None:
        """Wait until everything is imported."""
        if self._control is None:
            raise RunError("The pool is closed. Make a new one.")

    def _send(self, facts: Mapping[str, Any], files: Sequence[int]) -> None:
        assert self._control is not None
        text = json.dumps(facts).encode() + b"\n"
        self._control.settimeout(_FORK)
        with contextlib.suppress(BrokenPipeError):  # nobody answers then
            sent = socket.send_fds(self._control, [text], list(files)) if files else 0
            self._control.sendall(text[sent:])

    def _answer(self, key: str, limit: float) -> Any:
        """Return the next answer of a kind; the process at the other end is gone where none comes."""
        while not any(key in words for words in self._said):
            if not self._listen(limit):
                raise RunError(_GONE)
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
        """Hang up; forks go on."""
        control, self._control = self._control, None
        if control is not None:
            control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


class Zygote(ForkLine):
    """The process that is forked, and the first line to it; it ends with its lines."""

    def __init__(
        self, command: Iterable[str], modules: Iterable[str], environment: Mapping[str, str], cwd: str | Path
    ) -> None:
        mine, its = socket.socketpair()
        super().__init__(mine)
        self._ready = False
        with its:
            self.process = subprocess.Popen(
                [*command, str(_ZYGOTE), *modules],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,  # whoever reads our own output wants no word of a module
                env={**environment, **_SURROUNDINGS},
                cwd=cwd,
                start_new_session=True,
            )

    def lend(self) -> ForkLine:
        """Return a further line, for another process; whoever holds one keeps the process alive.

        Raises
        ------
        RunError
            The process has ended.
        """
        mine, its = socket.socketpair()
        line = ForkLine(mine)
        try:
            with its, self._lock:
                self.wait_until_ready()
                self._send({"line": True, "files": 1}, [its.fileno()])
                self._answer("line", _FORK)
        except RunError:
            line.close()
            raise
        return line

    def wait_until_ready(self) -> None:
        """Wait until everything is imported.

        Raises
        ------
        InputError
            Something cannot be imported.
        """
        super().wait_until_ready()
        if not self._ready:
            problem = self._answer("problem", _IMPORTS)
            if problem:
                self.close()
                raise InputError(f"The pool cannot preload what it was asked to: {problem}.")
            self._ready = True

    def close(self) -> None:
        """End the process; its forks go on."""
        if self._control is not None:
            super().close()
            self.process.terminate()
            self.process.wait()


class ForkedProcess(HandledProcess):
    """A process that another one has forked for us."""

    def __init__(self, line: ForkLine, pid: int) -> None:
        import psutil

        self._line, self.pid = line, pid
        self._stranger: StrangeProcess | None = None
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended already, and we are told how
            self._stranger = StrangeProcess(pid)

    @property
    def returncode(self) -> int | None:
        """How it ended, None while it lives."""
        return self.poll()

    def poll(self) -> int | None:
        """Return how it ended, None while it lives; on a dead line, only that it has ended can be seen."""
        status = self._line.status_of(self.pid)
        if status is None and self._line.is_gone:
            return 0 if self._stranger is None else self._stranger.poll()
        return status

    def send_signal(self, signum: int) -> None:
        """Send a signal; nothing where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            super().send_signal(signum)
