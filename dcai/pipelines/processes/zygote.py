"""A process that has imported what others need, and becomes one of them each time it is asked to: by a fork.

Started by `forks.py` with a socket as its input. A line `{"argv": [...], "env": {...}, "cwd": "..."}` asks for a kernel,
and is answered by its number: `{"pid": 7}`; `{"ended": 7, "status": -9}` follows when it has ended. With `"program":
"module"` the fork calls the module's `main` instead: of the open files that come with the line, two are its input and its
output, and `argv` goes on with the numbers of the others. `{"line": true}` comes with a socket on which to listen, too.
No code of a notebook ever runs in this process, so every fork begins as the first one did. It ends with the last of its
sockets.

The names of modules are its arguments: `json`, or `package:name` for `from package import name`. What begins with a
question mark is left out where it cannot be imported without harm.

It runs in the kernel's own environment, therefore it imports nothing of dcai by itself.
"""

import contextlib
import gc
import importlib.util
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
# What an argument begins with whose module may be left out, and how many open files come at once at the most.
_OPTIONAL, _MOST_FILES = "?", 8


def _import(names: list[str], control: socket.socket) -> str:
    """Import modules; returns what is wrong with that, "" where nothing is."""
    for name in names:
        try:
            _import_one(name.removeprefix(_OPTIONAL))
        except ImportError as error:
            if not name.startswith(_OPTIONAL):
                return f"{name!r} cannot be imported: {error}"
        if _count_threads() > 1:
            if name.startswith(_OPTIONAL):
                _begin_anew(control, name)
            return f"importing {name!r} starts threads, which a fork would lose"
    return ""


def _import_one(name: str) -> None:
    """Import `package`, or what `from package import name` would import."""
    package, _, part = name.partition(":")
    module = importlib.import_module(package)
    # An attribute comes first, as it does in that statement: a module of its name would take its place.
    if part and not hasattr(module, part) and hasattr(module, "__path__"):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(f"{package}.{part}")


def _begin_anew(control: socket.socket, name: str) -> None:
    """Be started again without a module: the threads that it has started cannot be ended in any other way."""
    os.dup2(control.fileno(), 0)
    os.execv(sys.executable, [word for word in sys.orig_argv if word != name])  # noqa: S606 (it is this very program)


def _count_threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else threading.active_count()


def _count_cpus() -> int:
    allowed = getattr(os, "sched_getaffinity", None)  # Linux alone knows which
    return os.cpu_count() or 1 if allowed is None else len(allowed(0))


def _find_blas() -> Any:
    """Return what can set the number of threads of linear algebra; None where nobody uses any."""
    if "numpy" not in sys.modules:
        return None
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController().select(user_api="blas")


class _Line:
    """A socket on which orders come in, with what has come in and is not complete."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self._buffer = b""
        self._files: list[int] = []

    def fileno(self) -> int:
        """Return the number of the socket."""
        return self.control.fileno()

    def listen(self) -> list[dict[str, Any]] | None:
        """Return the orders that are complete, each with its open files; None when whoever orders has hung up."""
        part: bytes = b""
        with contextlib.suppress(ConnectionResetError):
            part, files, _, _ = socket.recv_fds(self.control, 65536, _MOST_FILES)
            self._files += files
        if not part:
            return None
        *lines, self._buffer = (self._buffer + part).split(b"\n")
        orders = [json.loads(line) for line in lines]
        for order in orders:
            number = order["files"]
            order["files"], self._files = self._files[:number], self._files[number:]
        return orders

    def say(self, words: dict[str, Any]) -> None:
        """Answer."""
        with contextlib.suppress(OSError):  # whoever wanted to know has gone; the loop sees that, too
            self.control.sendall(json.dumps(words).encode() + b"\n")


def _serve(lines: list[_Line]) -> dict[str, Any] | None:
    """Fork at each order; returns the order in the process that is to follow it, None when nobody orders any more."""
    waking, woken = socket.socketpair()
    for one in (waking, woken):
        one.settimeout(0)
    signal.set_wakeup_fd(woken.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)  # it only has to wake the loop
    owners: dict[int, _Line] = {}
    while lines:
        sources: list[Any] = [waking, *lines]
        ready, _, _ = select.select(sources, [], [])
        if waking in ready:
            with contextlib.suppress(BlockingIOError):
                waking.recv(4096)
            _report(owners)
        for line in [one for one in lines if one in ready]:
            orders = line.listen()
            if orders is None:
                lines.remove(line)
                line.control.close()
            for order in orders or []:
                if order.get("line"):
                    lines += [_Line(socket.socket(fileno=number)) for number in order["files"]]
                    line.say({"line": True})
                elif _fork(order, line, owners):
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for one in (waking, woken, *(other.control for other in lines)):
                        one.close()
                    return order
    return None


def _fork(order: dict[str, Any], line: _Line, owners: dict[int, _Line]) -> bool:
    """Fork, and tell whether this is the process that is to follow the order."""
    pid = os.fork()
    if pid == 0:
        return True
    for number in order["files"]:
        os.close(number)
    owners[pid] = line
    line.say({"pid": pid})
    return False


def _report(owners: dict[int, _Line]) -> None:
    """Say which forks have ended, and how, to whom they belong."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid in owners:  # and no program that a module has started while it was imported
            owners.pop(pid).say({"ended": pid, "status": os.waitstatus_to_exitcode(status)})


def _become(order: dict[str, Any], blas: Any) -> None:
    """Be a kernel, or a program: in a group of its own, with its own environment, folder and random numbers."""
    os.setsid()
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["cwd"] or "/")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # What was imported stays frozen: looking through it again, at the latest at the kernel's end, would copy all of it.
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # Python's own generator does that by itself
    if blas is not None:
        stated = next((os.environ[n] for n in _THREADS if os.environ.get(n, "").isdigit()), "")
        blas.limit(limits=int(stated) if stated else _count_cpus())
    sys.argv = order["argv"]
    if "program" in order:
        _run_program(order)
    launcher = importlib.util.find_spec(sys.argv[0])
    if launcher is not None and launcher.origin is not None:
        sys.argv[0] = launcher.origin  # as `python -m` has it
    from ipykernel.kernelapp import IPKernelApp

    class App(IPKernelApp):  # type: ignore[misc]  # ipykernel's types are not followed
        """ipykernel's application, which need not tell a terminal how to connect to it."""

        def log_connection_info(self) -> None:
            pass

    App.launch_instance(sys.argv[1:])


def _run_program(order: dict[str, Any]) -> NoReturn:
    """Be a program of one module."""
    told, said, *others = order["files"]
    for number, places in ((told, [0]), (said, [1, 2])):
        for place in places:
            os.dup2(number, place)
        os.close(number)
    sys.argv += map(str, others)
    sys.exit(importlib.import_module(order["program"]).main())


def main() -> None:
    """Import, say so, serve."""
    with contextlib.suppress(ValueError):
        sys.path.remove(str(Path(__file__).parent))  # its neighbours are no modules of a notebook
    control = socket.socket(fileno=os.dup(0))
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.close(devnull)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    first = _Line(control)
    problem = _import(sys.argv[1:], control)
    blas = _find_blas()
    first.say({"problem": problem})
    if problem:
        return
    gc.collect()
    gc.freeze()
    order = _serve([first])
    if order is not None:
        _become(order, blas)


if __name__ == "__main__":
    main()
