"""A process that has imported what kernels need, and becomes a kernel each time it is asked to: by a fork.

Started by `pool.py` with a socket as its input. A line `{"argv": [...], "env": {...}, "cwd": "..."}` asks for a
kernel, and is answered by its number: `{"pid": 7}`; `{"ended": 7, "status": -9}` follows when it has ended. No code of
a notebook ever runs in this process, so every kernel begins as the first one did. It ends with its socket.

It runs in the kernel's own environment, therefore it imports nothing of dcai.
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
from typing import Any

# What every kernel imports by itself, sooner or later.
_KERNEL = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell")
_LATER = ("ipykernel.debugger", "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger",
          "IPython.core.oinspect", "IPython.extensions.storemagic", "sqlite3", "tornado.platform.asyncio",
          "tornado.queues")  # fmt: skip
_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def _import(names: list[str]) -> str:
    """Import modules; returns what is wrong with that, "" where nothing is."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            return f"{name!r} cannot be imported: {error}"
        if _count_threads() > 1:
            return f"importing {name!r} starts threads, which a fork would lose"
    return ""


def _count_threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else threading.active_count()


def _find_blas() -> Any:
    """Return what can set the number of threads of linear algebra; None where nobody uses any."""
    if "numpy" not in sys.modules:
        return None
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController().select(user_api="blas")


def _serve(control: socket.socket) -> dict[str, Any] | None:
    """Fork at each order; returns the order in the process that is to be a kernel, None at the end of all orders."""
    waking, woken = socket.socketpair()
    for one in (waking, woken):
        one.settimeout(0)
    signal.set_wakeup_fd(woken.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)  # it only has to wake the loop
    buffer = b""
    while True:
        ready, _, _ = select.select([control, waking], [], [])
        if waking in ready:
            with contextlib.suppress(BlockingIOError):
                waking.recv(4096)
            _report(control)
        if control not in ready:
            continue
        part = control.recv(65536)
        if not part:
            return None
        *orders, buffer = (buffer + part).split(b"\n")
        for order in orders:
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for one in (control, waking, woken):
                    one.close()
                found: dict[str, Any] = json.loads(order)
                return found
            _say(control, {"pid": pid})


def _report(control: socket.socket) -> None:
    """Say which kernels have ended, and how."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say(control, {"ended": pid, "status": os.waitstatus_to_exitcode(status)})


def _say(control: socket.socket, words: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has gone; the loop will see that, too
        control.sendall(json.dumps(words).encode() + b"\n")


def _become(order: dict[str, Any], blas: Any) -> None:
    """Be a kernel: in a group of its own, with its own environment, folder and random numbers."""
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
        blas.limit(limits=int(stated) if stated else len(os.sched_getaffinity(0)))
    sys.argv = order["argv"]
    from ipykernel.kernelapp import IPKernelApp

    class App(IPKernelApp):  # type: ignore[misc]  # ipykernel's types are not followed
        """ipykernel's application, which need not tell a terminal how to connect to it."""

        def log_connection_info(self) -> None:
            pass

    App.launch_instance(sys.argv[1:])


def main() -> None:
    """Import, say so, serve."""
    with contextlib.suppress(ValueError):
        sys.path.remove(str(Path(__file__).parent))  # its neighbours are no modules of a notebook
    control = socket.socket(fileno=os.dup(0))
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.close(devnull)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    later = [name for name in _LATER if importlib.util.find_spec(name.partition(".")[0])]
    problem = _import([*_KERNEL, *later, *sys.argv[1:]])
    blas = _find_blas()
    _say(control, {"problem": problem})
    if problem:
        return
    gc.collect()
    gc.freeze()
    order = _serve(control)
    if order is not None:
        _become(order, blas)


if __name__ == "__main__":
    main()
