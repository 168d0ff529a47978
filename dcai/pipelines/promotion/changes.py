"""What writing some files would change, as a difference that people read."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

from dcai.pipelines.names import relative_to_root

_LONGEST = 200


def diff_of(files: Mapping[Path, str], root: Path) -> str:
    r"""Return a unified diff from what is on disk to the given texts; of a long one the beginning, and how much follows.

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
    old = f"a/{name}" if before is not None else "/dev/null"
    lines = list(difflib.unified_diff(_lines(before or ""), _lines(text), old, f"b/{name}", lineterm=""))
    yield from lines[:_LONGEST]
    if len(lines) > _LONGEST:
        yield f"... {len(lines) - _LONGEST} more lines of {name}"


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []
