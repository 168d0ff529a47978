"""Which files a kernel opens: a module that needs nothing but Python, run in the kernel before its first cell.

It sees what Python opens, whichever library asked for it. What another program opens, or a library by calls of its own
to the system, raises no event of Python: that is for others to find, so only the names of the programs are told.

Of the runs of a sweep it refuses each to write over what another one has written: what reads it again would read that of
another set of parameters.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import Any, NamedTuple

_MOST = 20_000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
# Events with the places of the paths among their arguments: which are read, which are written.
_COPIES = {
    "shutil.copyfile": {"reads": 0, "writes": 1},
    "os.rename": {"writes": 1},
    "os.link": {"reads": 0, "writes": 1},
    "os.symlink": {"reads": 0, "writes": 1},
}
_LISTS = frozenset(["os.listdir", "os.scandir"])
_STARTS = frozenset(["subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"])
_HEARD = frozenset(["open", "sqlite3.connect", *_COPIES, *_LISTS, *_STARTS])
CODE = (".py", ".pyc", ".so", ".pyd", ".dll")


# Folders of the repository that hold nothing that two runs could take for their own.
_OWN = frozenset(["runs", "__pycache__"])


class Claims(NamedTuple):
    """What the runs of a sweep write: a link in `folder` for each file of `root`, to the name of the run (`owner`).

    `hint` are the parameters that tell the runs apart, as they stand in a path: `{rate}`.
    """

    folder: str
    root: str
    owner: str
    hint: str


class SharedOutputError(RuntimeError):
    """Two runs of a sweep write the same file."""


class Watch:
    """Tells as lines of a file what this process opens, lists and starts."""

    def __init__(self, target: str, claims: Claims | None = None) -> None:
        self._out = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._place = os.fstat(self._out)
        self._told: set[tuple[str, str]] = set()
        self._claims = claims
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
            elif event in _LISTS:
                self._tell_path("lists", "." if arguments[0] is None else arguments[0])
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
            if flags & (os.O_TRUNC | os.O_EXCL):
                self._claim(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 (in the folder of this moment)

    def _claim(self, full: str) -> None:
        """Take a file of the repository for this run of a sweep; one that another run has taken is refused."""
        if self._claims is None or full.endswith((*CODE, ".lock")):
            return
        folder, root, owner, hint = self._claims
        shown = os.path.relpath(full, root).replace(os.sep, "/")
        first, *_ = parts = shown.split("/")
        if first in _OWN or "__pycache__" in parts or any(part.startswith(".") for part in parts):
            return  # outside of the repository, or nothing that people look at
        claim = os.path.join(folder, hashlib.sha256(shown.encode("utf-8", "replace")).hexdigest())  # noqa: PTH118 (text, as all here)
        try:
            os.symlink(owner, claim)  # noqa: PTH211 (made with what it says in one step, as no file is)
        except FileExistsError:
            other = os.readlink(claim)  # noqa: PTH115 (text, as all here)
            if other != owner:
                raise SharedOutputError(_say_shared(shown, other, hint)) from None

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
        # What may be a correction log is told in any case.
        if (kind, text) not in self._told and (len(self._told) < _MOST or text.endswith(".jsonl")):
            self._told.add((kind, text))
            if not os.path.samestat(os.fstat(self._out), self._place):
                return  # the notebook has closed it, and the number is another file's now
            os.write(self._out, (json.dumps([kind, text]) + "\n").encode())


def _say_shared(path: str, other: str, hint: str) -> str:
    stem, suffix = os.path.splitext(path)  # noqa: PTH122 (text, as all here)
    name = os.path.basename(path)  # noqa: PTH119 (text, as all here)
    return (
        f"The run {other} of this sweep has written {path!r}, and this one would write over it. Write to dcai.artifact({name!r}), "
        f"a path of each run's own, or put a parameter into the path, such as f'{stem}-{hint}{suffix}'."
    )


def _name_of(program: Any) -> str:
    """Return the first word of what was started."""
    text = program[0] if isinstance(program, (list, tuple)) and program else program
    words = os.fsdecode(text).split() if isinstance(text, (str, bytes, os.PathLike)) else []
    if words and "=" in words[0]:
        return "sh"  # it begins with what it sets, which may be a secret
    return os.path.basename(words[0]) if words else ""  # noqa: PTH119 (it need not be a path)


def watch(target: str, startup: str | None, claims: tuple[str, str, str, str] | None = None) -> None:
    """Watch from now on, and run the start-up file that the user has set himself."""
    os.environ.pop("PYTHONSTARTUP", None)
    listen = Watch(target, None if claims is None else Claims(*claims)).listen

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _HEARD:
            listen(event, arguments)

    # Each `id()` is an event, too. A method would cost three times as much: Python looks for an attribute that it lacks.
    sys.addaudithook(hear)
    if startup:
        os.environ["PYTHONSTARTUP"] = startup
        from IPython import get_ipython

        shell = get_ipython()
        shell.safe_execfile(startup, shell.user_ns)
