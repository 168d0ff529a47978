"""Which files a kernel opens: a module that needs nothing but Python, run in the kernel before its first cell.

It sees what Python opens, whichever library asked for it. What another program opens, or a library by calls of its own
to the system, raises no event of Python: that is for others to find, so only the names of the programs are told.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

_MOST = 20_000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
# Events with the places of the paths among their arguments: which are read, which are written.
_COPIES = {
    "shutil.copyfile": {"reads": 0, "writes": 1},
    "os.rename": {"writes": 1},
    "os.link": {"reads": 0, "writes": 1},
    "os.symlink": {"reads": 0, "writes": 1},
}
_STARTS = frozenset(["subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"])
CODE = (".py", ".pyc", ".so", ".pyd", ".dll")


class Watch:
    """Tells as lines of a file what this process opens and starts."""

    def __init__(self, target: str) -> None:
        self._out = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._told: set[tuple[str, str]] = set()
        prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix}
        self._python = tuple(os.path.join(p, "") for p in prefixes)  # noqa: PTH118 (a prefix, with its slash)
        self._tell("watching", "")

    def listen(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Hear an event; what cannot be told is left out, for the notebook must not notice."""
        try:
            if event == "open":
                self._hear_open(*arguments)
            elif event in _COPIES:
                for kind, place in _COPIES[event].items():
                    self._tell_path(kind, arguments[place])
            elif event == "sqlite3.connect":
                self._hear_database(arguments[0])
            elif event in _STARTS:
                self._tell("starts", _name_of(arguments[0]))
        except (TypeError, ValueError, OSError):
            return  # a path that is none, or a closed file: what was asked for says so in its own words

    def _hear_open(self, path: Any, _mode: Any, flags: Any) -> None:
        writes = flags & _WRITING
        if not writes or (flags & os.O_RDWR and not flags & (os.O_TRUNC | os.O_CREAT)):
            self._tell_path("reads", path)
        if writes:
            self._tell_path("writes", path)

    def _hear_database(self, database: Any) -> None:
        name = os.fsdecode(database)
        if name not in (":memory:", ""):
            self._tell_path("reads", name[5:].partition("?")[0] if name.startswith("file:") else name)

    def _tell_path(self, kind: str, path: Any) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        full = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 (in the folder of this moment)
        if not full.endswith(CODE) and not full.startswith(self._python):
            self._tell(kind, full)

    def _tell(self, kind: str, text: str) -> None:
        if (kind, text) not in self._told and len(self._told) < _MOST:
            self._told.add((kind, text))
            os.write(self._out, (json.dumps([kind, text]) + "\n").encode())


def _name_of(program: Any) -> str:
    """Return the first word of what was started."""
    text = program[0] if isinstance(program, (list, tuple)) and program else program
    words = os.fsdecode(text).split() if isinstance(text, (str, bytes, os.PathLike)) else []
    return os.path.basename(words[0]) if words else ""  # noqa: PTH119 (it need not be a path)


def watch(target: str, startup: str | None) -> None:
    """Watch from now on, and run the start-up file that the user has set himself."""
    os.environ.pop("PYTHONSTARTUP", None)
    sys.addaudithook(Watch(target).listen)
    if startup:
        os.environ["PYTHONSTARTUP"] = startup
        from IPython import get_ipython

        shell = get_ipython()
        shell.safe_execfile(startup, shell.user_ns)
