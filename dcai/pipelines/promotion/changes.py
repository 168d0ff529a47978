"""What writing some files would change, as a difference that people read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dcai.pipelines.definitions.locks import LOCK
from dcai.pipelines.names import relative_to_root

_LONGEST = 200
# The packages that are named where a lock changes, and how one is pinned there.
_MOST_NAMED = 5
_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*) ?(?:==|@ ?)(\S+)", re.MULTILINE)


def diff_of(files: Mapping[Path, str], root: Path) -> str:
    r"""Return a unified diff from what is on disk to the given texts; of a long one the beginning, and how much follows.

    Nobody reads the hundreds of lines of a lock: of that, one line says which packages change.

    Examples
    --------
    >>> print(diff_of({Path("/absent/a.txt"): "one\n"}, Path("/absent")))
    --- /dev/null
    +++ b/a.txt
    @@ -0,0 +1 @@
    +one
    """
    return "\n".join(line for path, text in files.items() for line in _diff(path, text, relative_to_root(path, root)))


def _diff(path: Path, text: str, name: str) -> Iterator[str]:
    before = path.read_text("utf-8", "replace") if path.is_file() else None
    if path.name == LOCK:
        yield from _say_lock(before, text, name)
        return
    old = f"a/{name}" if before is not None else "/dev/null"
    lines = list(difflib.unified_diff(_lines(before or ""), _lines(text), old, f"b/{name}", lineterm=""))
    yield from lines[:_LONGEST]
    if len(lines) > _LONGEST:
        yield f"... {len(lines) - _LONGEST} more lines of {name}"


def _say_lock(before: str | None, text: str, name: str) -> Iterator[str]:
    """Say in a line what becomes of a lock; nothing where it stays as it is."""
    if before == text:
        return
    now = dict(_PINNED.findall(text))
    if before is None:
        yield f"+ {name}: {len(now)} packages, as they are installed here"
        return
    then = dict(_PINNED.findall(before))
    changes = [f"{one} {then[one]} -> {now[one]}" for one in now if one in then and then[one] != now[one]]
    changes += [f"{one} {now[one]} is new" for one in now if one not in then]
    changes += [f"{one} is gone" for one in then if one not in now]
    more = f", and {len(changes) - _MOST_NAMED} more" if len(changes) > _MOST_NAMED else ""
    yield f"+ {name}: {', '.join(changes[:_MOST_NAMED]) or 'other hashes or notes, the same versions'}{more}"


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []
