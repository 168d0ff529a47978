"""Runs as the server starts and cancels them: processes of their own, so that they outlive the server."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dcai.base.errors import DcaiError, InputError, MissingError, RunError, shorten
from dcai.base.records import NotebookParameters, RunRecord

if TYPE_CHECKING:
    import psutil

    from dcai.pipelines.definitions.definition import Pipeline

# How many started runs are remembered; the truth about each is in its own folder.
_REMEMBERED = 200
_INVALID = 2


class FieldError(InputError):
    """A value that a parameter must not have; `field` names the parameter."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass
class _Started:
    """A process that runs a pipeline, until its end is settled."""

    process: subprocess.Popen[bytes]
    ended: bool = False
    said: str = ""


class Runs:
    """The runs that this server has started.

    Examples
    --------
    >>> Runs().is_starting("20260131T120000-000000-abcdef")
    False
    """

    def __init__(self) -> None:
        self._started: OrderedDict[str, _Started] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, root: Path, name: str, parameters: dict[str, Any]) -> str:
        """Start `dcai run` as a process of its own session and return the run's id."""
        from dcai.pipelines.names import new_run_id

        pipeline = read_pipeline(root, name)
        require_valid(pipeline.found, parameters)
        run_id = new_run_id()
        folder = tempfile.TemporaryDirectory(prefix="dcai-run-")
        given = Path(folder.name) / "parameters.json"
        given.write_text(json.dumps(parameters), "utf-8")
        errors = (Path(folder.name) / "errors.txt").open("w+b")
        # -P: a file of the user's repository must not stand in for a module of the same name
        command = [sys.executable, "-P", "-m", "dcai", "run", str(pipeline.folder), "--quiet", "-f", str(given)]
        process = subprocess.Popen(
            [*command, "--run-id", run_id, "--root", str(root)],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,  # a server that is stopped by Ctrl-C leaves the run alone
        )
        started = _Started(process)
        with self._lock:
            self._started[run_id] = started
            while len(self._started) > _REMEMBERED:
                self._started.popitem(last=False)
        threading.Thread(target=_settle, args=(started, errors, folder), daemon=True).start()
        return run_id

    def is_starting(self, run_id: str) -> bool:
        """Tell whether the process of a run is alive, though it may not have written its record yet."""
        started = self._started.get(run_id)
        return started is not None and not started.ended

    def why_absent(self, run_id: str, *, starting: bool) -> DcaiError:
        """Say why a run has no record: it is just starting, it was refused, or nobody knows it.

        `starting` is what `is_starting` said before the record was looked for: a run that has ended since has one.
        """
        started = self._started.get(run_id)
        if started is None:
            return MissingError(f"There is no run {shorten(run_id)}. Refresh the list of runs.")
        if starting:
            return MissingError(f"The run {run_id} is starting.")
        code = started.process.returncode
        if code < 0:
            return RunError("The run was ended before it began.")
        kind = InputError if code == _INVALID else RunError
        return kind(started.said or f"The run ended before it began, with exit code {code}.")

    def cancel(self, run_id: str, record: RunRecord | None) -> None:
        """Send SIGTERM to the process of a run, whoever started it on this machine.

        `record` is what the run wrote about itself, None where it has not begun to.
        """
        started = self._started.get(run_id)
        if started is not None:
            if not started.ended:
                started.process.terminate()
            return
        import psutil

        try:
            process = _process_of(record)
        except psutil.NoSuchProcess:
            return  # it ended by itself meanwhile
        if process is None:
            raise RunError(
                f"The process of the run {run_id} is not on this machine, or cannot be told from others. "
                "Cancel it where it was started."
            )
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()


def _process_of(record: RunRecord | None) -> psutil.Process | None:
    """Return the process that a record names; None where it is elsewhere, or nothing but the record says that it is it.

    A record is a file like any other, and numbers of processes are given again. So the run's id is looked for where
    only the run itself has put it: in its command line, or with the kernel that it has started.
    """
    import psutil

    if record is None or record.pid is None or record.host != socket.gethostname():
        return None
    process = psutil.Process(record.pid)
    with contextlib.suppress(psutil.AccessDenied):  # somebody else's process
        if record.run in process.cmdline() or any(_kernel_of(child) == record.run for child in process.children()):
            return process
    return None


def _kernel_of(process: psutil.Process) -> str:
    """Return the id of the run that a process is the kernel of, "" where it is none."""
    import psutil

    from dcai.base.testimony import RUN_FOLDER

    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return Path(process.environ().get(RUN_FOLDER, "")).name
    return ""


def _settle(started: _Started, errors: IO[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    """Wait for the end of a run's process, keep its last words, and remove what it was given."""
    started.process.wait()
    with errors, folder:
        errors.seek(0)
        lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    started.said = "\n".join(lines[-20:])
    started.ended = True


def read_pipeline(root: Path, name: str) -> Pipeline:
    """Read the pipeline that a folder below `pipelines/` holds, or say why it cannot be run by that name."""
    from dcai.pipelines.definitions.definition import FOLDER, read_definition

    one = read_definition((root / FOLDER / name).resolve(), root)
    if one.name != name:
        raise InputError(f"{FOLDER}/{name} is a link to the pipeline {one.name!r}. Run that one.")
    return one


def require_valid(found: NotebookParameters, values: dict[str, Any]) -> None:
    """Refuse the first value that its parameter does not allow, and name the parameter."""
    from dcai.pipelines.notebooks.parameters import validate

    known = {p.name: replace(found, parameters=[p]) for p in found.parameters}
    for name, value in values.items():
        if problems := validate(known.get(name, found), {name: value}):
            raise FieldError(name, problems[0])
    for name, alone in known.items():
        if name not in values and validate(alone, {}):
            raise FieldError(name, f"The parameter {name!r} has no default. Give it a value.")
