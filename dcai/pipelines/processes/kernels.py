"""The kernel of a run: started or taken over, watched, and ended together with everything that its cells started."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from dcai.pipelines.processes.handles import StrangeProcess
from dcai.pipelines.processes.numbering import Numbering
from dcai.pipelines.processes.watchdog import claim_of, end_family

_WATCHDOG = Path(__file__).with_name("watchdog.py")
# The path of a socket is limited to 104 bytes on some systems.
_LONGEST_SOCKET_FOLDER = 90
# Seconds after which a starting kernel is asked again whether it is there, after which its outputs are taken for not
# yet connected, and for which an idle one may keep us waiting.
_ASK_AGAIN, _CONNECTED, _ANSWER = 1.0, 0.1, 2.0
# Messages that may wait to be read, and to be sent. Above its limit, which is 1,000 by default, a publisher drops messages
# in silence, outputs and the cell's end alike. A kernel of IPython is told to let its cell wait instead, in the thread that
# its socket belongs to; what others have dropped is seen by the numbers of their messages.
_MOST_UNREAD, _MOST_UNSENT = 100_000, 10_000
_DROP_NOTHING = (
    "(lambda thread, zmq: thread.schedule(lambda: [thread.socket.setsockopt(*option) for option in "
    f"((zmq.SNDHWM, {_MOST_UNSENT}), (zmq.XPUB_NODROP, 1))]))"
    "(__import__('IPython').get_ipython().kernel.iopub_thread, __import__('zmq'))"
)
# It must not lean on names that the notebook may have given another meaning, nor make lazy modules load.
_MODULES = (
    "__import__('json').dumps([__import__('builtins').getattr(m, '__dict__', {}).get('__file__') "
    "for m in __import__('builtins').list(__import__('sys').modules.values())], default=__import__('builtins').repr)"
)
_ENDED = "the kernel ended before it answered"


@dataclass(frozen=True)
class Kept:
    """A kernel that outlived its run: where it listens, its process, how many inputs it had seen, its watchdog's token.

    `created` is when its process began: a younger one only inherited its number.
    `modules` are the files of the modules that it has imported; None where it does not say.
    """

    connection: str
    pid: int
    inputs: int
    token: str
    created: float | None
    modules: tuple[str, ...] | None = None


class Watchdog:
    """The runner's side of the watchdog process; see `watchdog.py`. Windows' kernels watch their parent by themselves."""

    def __init__(self, pid: int, folder: Path | None) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if os.name == "posix" and folder is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_WATCHDOG), str(pid), str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,  # a Ctrl-C is not for it
            )

    @property
    def is_there(self) -> bool:
        """Whether somebody watches."""
        return self._process is not None

    def say(self, word: str) -> None:
        """Tell it what becomes of the kernel: `done` or `keep SECONDS TOKEN`."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(f"{word}\n".encode())
            process.stdin.close()
        # It ends by itself; somebody has to take note of that, and nobody has the time to wait.
        threading.Thread(target=process.wait, daemon=True).start()


class Kernel:
    """The kernel of one execution, behind nbclient's client."""

    def __init__(self, client: Any, *, pool: Any = None, keep: bool = False) -> None:
        self._client, self._pool, self._keep = client, pool, keep
        self._folder: Path | None = None
        self._watchdog: Watchdog | None = None
        self._oom = _oom_kills()
        # Whether the kernel may drop messages that nobody has read in time, and how many it has.
        self._drops, self._numbering, self._lost = True, Numbering(), 0
        self.pid: int | None = None

    @property
    def manager(self) -> Any:
        """jupyter_client's manager of the kernel; None before there is one."""
        return self._client.km

    async def start(self, environment: Mapping[str, str], cwd: Path | None) -> None:
        """Start the process; what it was asked for may not be there, and then this raises what the system says."""
        client = self._client
        client.km = client.create_kernel_manager() if self._pool is None else self._pool.make_manager()
        self._folder = _use_sockets(client.km)
        options: dict[str, Any] = {} if cwd is None else {"cwd": str(cwd)}
        if self._keep:  # it must not hold the runner's terminal or pipe open
            options |= {"independent": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # Nobody answers on the standard input; what waits for it in a pipe would hang.
        await client.async_start_new_kernel(env=dict(environment), stdin=subprocess.DEVNULL, **options)
        self.pid = client.km.provisioner.pid
        self._watchdog = Watchdog(self.pid, self._folder)

    def take_over(self, kept: Kept) -> None:
        """Take over a kernel that an earlier run has kept; OSError where it is gone, or another run has it already.

        Whether it answers is for `connect` to tell.
        """
        import psutil
        from jupyter_client.manager import AsyncKernelManager
        from jupyter_client.provisioning import LocalProvisioner

        manager = AsyncKernelManager(kernel_name=self._client.kernel_name)
        manager.load_connection_file(kept.connection)
        maker = LocalProvisioner(kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec, parent=manager)
        try:
            process = StrangeProcess(kept.pid)
            is_kernel = process.began_at(kept.created)
        except psutil.Error as error:
            raise ProcessLookupError(str(error)) from error
        if not is_kernel:
            raise ProcessLookupError(f"process {kept.pid} is another one now")
        maker.process, maker.pid = process, kept.pid
        maker.pgid = os.getpgid(kept.pid) if os.name == "posix" else None
        maker.connection_info = manager.get_connection_info()
        manager.provisioner = maker
        folder = Path(kept.connection).parent
        claim_of(folder, kept.token).touch(exist_ok=False)
        self._client.km, self.pid, self._folder = manager, kept.pid, folder
        self._watchdog = Watchdog(kept.pid, folder)

    async def connect(self, limit: float) -> dict[str, Any]:
        """Wait until the kernel answers and its outputs arrive; returns what it says about itself."""
        import zmq

        client = self._client
        client.km.context.setsockopt(zmq.RCVHWM, _MOST_UNREAD)
        client.kc = client.km.client()
        self._numbering.attend(client.kc.session)
        client.kc.start_channels()
        client.kc.allow_stdin = False
        deadline = monotonic() + limit
        while True:
            asked = client.kc.kernel_info()
            said = await self._receive(client.kc.shell_channel, asked, _ASK_AGAIN)
            # Only a subscription that has arrived brings the status that goes with the answer.
            if said is not None and await self._receive(client.kc.iopub_channel, asked, _CONNECTED) is not None:
                if said["content"].get("implementation") == "ipython":
                    self._drops = await self._evaluate(_DROP_NOTHING, limit) is None
                self._lost = self._numbering.missing  # what came before the subscription
                return dict(said["content"])
            if not await client.km.is_alive():
                raise RuntimeError(_ENDED)
            if monotonic() > deadline:
                raise RuntimeError(f"it did not answer within {limit:g} s")

    async def count_inputs(self) -> int | None:
        """Return how many inputs an idle kernel has counted; None where it does not answer."""
        asked = self._client.kc.execute("", silent=True)
        said = await self._receive(self._client.kc.shell_channel, asked, _ANSWER)
        return None if said is None else said["content"].get("execution_count")

    async def list_modules(self) -> tuple[str, ...] | None:
        """Return the files of the modules that an idle kernel of Python has imported; None where it does not say."""
        found = await self._evaluate(_MODULES)
        if found is None:
            return None
        files = json.loads(ast.literal_eval(found))
        return tuple(sorted({f for f in files if isinstance(f, str)}))

    def count_lost(self) -> int:
        """Return how many messages of the kernel have gone missing since this was asked before."""
        if not self._drops:
            return 0
        before, self._lost = self._lost, max(self._lost, self._numbering.missing)
        return self._lost - before

    async def interrupt(self) -> None:
        """Ask the kernel to let go of its cell, as a person would."""
        with contextlib.suppress(RuntimeError, OSError):  # it has ended meanwhile
            await self.manager.interrupt_kernel()

    def kill(self) -> None:
        """End the kernel's process and all that its cells have started, at once; `end` is still to follow."""
        import psutil

        self._forget_if_gone()
        if self.pid is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                end_family(psutil.Process(self.pid))

    async def execute_silently(self, code: str) -> bool:
        """Execute code that belongs to no cell; tells whether that went well."""
        asked = self._client.kc.execute(code, silent=True)
        said = await self._receive(self._client.kc.shell_channel, asked, _ANSWER)
        return said is not None and said["content"].get("status") == "ok"

    async def _evaluate(self, expression: str, limit: float = _ANSWER) -> str | None:
        """Return how an idle kernel of Python shows the value of an expression; None where it does not say."""
        asked = self._client.kc.execute("", silent=True, user_expressions={"value": expression})
        said = await self._receive(self._client.kc.shell_channel, asked, limit)
        found = {} if said is None else said["content"].get("user_expressions", {}).get("value", {})
        return str(found["data"]["text/plain"]) if found.get("status") == "ok" else None

    async def _receive(self, channel: Any, asked: str, limit: float) -> Any:
        """Return the message that answers a question, None where there is none in time."""
        from queue import Empty

        deadline = monotonic() + limit
        while (left := deadline - monotonic()) > 0:
            # A kernel that has ended answers nothing more.
            with contextlib.suppress(Empty):
                said = await channel.get_msg(timeout=min(left, 0.2))
                if said["parent_header"].get("msg_id") == asked:
                    return said
            if not await self._client.km.is_alive():
                return None
        return None

    async def end(self, *, calm: bool) -> None:
        """End the kernel: politely after a calm run, at once together with its children otherwise."""
        if calm:
            self._forget_if_gone()
        else:
            self.kill()
        try:
            if self._client is not None and self._client.km is not None:
                self._client.shutdown_kernel = "graceful" if calm else "immediate"
                await self._client._async_cleanup_kernel()  # noqa: SLF001 (nbclient offers no public way to end its kernel)
        finally:
            if self._watchdog is not None:
                self._watchdog.say("done")
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
            self.pid = self._watchdog = self._folder = None

    def _forget_if_gone(self) -> None:
        """Let go of a kernel taken over that has ended: nobody holds its number for us, and a stranger may have it by now."""
        provisioner: Any = getattr(self.manager, "provisioner", None)
        process = getattr(provisioner, "process", None)
        if isinstance(process, StrangeProcess) and process.poll() is not None:
            self.pid = provisioner.process = provisioner.pgid = None

    async def discard(self, kept: Kept | None) -> None:
        """End a kernel that an earlier run has kept and nobody can go on with; also one taken over in vain."""
        if self.pid is None and kept is not None:
            with contextlib.suppress(RuntimeError, OSError):
                self.take_over(kept)
        if self.pid is not None:
            await self.end(calm=False)

    async def keep(self, seconds: float) -> Kept | None:
        """Leave the kernel to its watchdog for some time; None where it is busy or gone, and cannot be kept."""
        import psutil

        manager = self.manager
        if manager is None or self._client.kc is None or self._watchdog is None or not self._watchdog.is_there:
            return None
        if not _is_there(manager.connection_file):
            return None  # nobody could reach the kernel again
        inputs = await self.count_inputs()
        if inputs is None:
            # A cell that was cut off is still at work: it is asked to let go, as a person would.
            await self.interrupt()
            inputs = await self.count_inputs()
        if inputs is None:
            return None
        modules = await self.list_modules()
        token = secrets.token_hex(4)
        assert self.pid is not None
        try:
            created = psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            return None
        self._watchdog.say(f"keep {seconds:g} {token}")
        self._client.kc.stop_channels()
        manager.context.destroy(linger=100)
        process, connection = manager.provisioner.process, manager.connection_file
        # The files belong to the kernel now, not to this manager, which would remove them.
        manager._connection_file_written = manager._connection_file_exists = False  # noqa: SLF001 (no public way)
        self._client.kc = self._client.km = None
        threading.Thread(target=process.wait, daemon=True).start()
        return Kept(connection, self.pid, inputs, token, created, modules)

    def how_it_died(self) -> tuple[str, str]:
        """Return the class and the sentence of the kernel's death."""
        process = getattr(self.manager.provisioner, "process", None) if self.manager else None
        code = None if process is None else process.poll()
        if code is None or code >= 0:
            known = "" if code is None or isinstance(process, StrangeProcess) else f" with exit code {code}"
            return "KernelDied", f"The kernel ended by itself{known} while a cell ran."
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        if -code != getattr(signal, "SIGKILL", 9):
            return "KernelDied", f"The kernel was killed by signal {name}."
        if _oom_kills() > self._oom:
            return "OutOfMemory", f"The kernel was killed by signal {name}: the system ran out of memory."
        return "KernelDied", f"The kernel was killed by signal {name}. The system may have run out of memory."


def _is_there(path: str) -> bool:
    return Path(path).is_file()


async def settle(work: Any) -> None:
    """Wait for a moment until something that was cancelled has let go."""
    work.cancel()
    await asyncio.wait({work}, timeout=1)


def _oom_kills() -> int:
    """Return how many processes Linux has killed for want of memory since it started; 0 where nobody counts."""
    try:
        lines = Path("/proc/vmstat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _use_sockets(manager: Any) -> Path | None:
    """Talk to the kernel through files that only this user may open, where the system has such sockets."""
    if os.name != "posix":
        return None
    folder = Path(tempfile.mkdtemp(prefix="dcai-"))
    manager.connection_file = str(folder / "kernel.json")
    if len(os.fsencode(folder)) < _LONGEST_SOCKET_FOLDER:
        manager.transport, manager.ip = "ipc", str(folder / "ipc")
    return folder
