"""The witness of a run: a few lines that its kernel runs before its first cell, and what it tells of the files in use."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from dcai.base.testimony import TOLD
from dcai.pipelines.processes import watcher

# What Python's shell runs at its start.
STARTUP = "PYTHONSTARTUP"
_CODE = ".watch.py"


def call_witness(folder: Path, claims: watcher.Claims | None = None) -> dict[str, str]:
    """Put a witness into a folder of our own, and return the environment that makes a kernel of Python call it.

    Parameters
    ----------
    folder : Path
        Where it tells what it sees, see `hear_witness`.
    claims : Claims, optional
        What other runs write at the same time, which this one must not write as well.
    """
    call = f"watch({str(folder / TOLD)!r}, {os.environ.get(STARTUP)!r}, {None if claims is None else tuple(claims)!r})"
    # IPython runs a start-up file among the notebook's names: one expression leaves none behind.
    text = f"exec({inspect.getsource(watcher) + call!r}, {{'__name__': 'dcai.watcher'}})"
    (folder / _CODE).write_text(f"{text}\n", "utf-8")
    return {STARTUP: str(folder / _CODE)}


def hear_witness(folder: Path) -> Iterator[tuple[Any, ...]]:
    """Yield what was told, in its order: what was done, to which file, and what dcai knows of that.

    A line that was cut off by the kernel's end is left out, and so is what no witness would say: a notebook may write there.

    Examples
    --------
    >>> list(hear_witness(Path("/absent")))
    []
    """
    path = folder / TOLD
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            continue
        match told:
            case [str(kind), str(file), *facts] if "\0" not in file and _are_facts(kind, facts):
                yield kind, file, *facts


def _are_facts(kind: str, facts: list[Any]) -> bool:
    """Tell whether this is what can be said of a file: of a log its hash and its size, None where it was not there."""
    match facts:
        case [None, None] | [str(), int()]:
            return kind == "log"
    return not facts and kind != "log"


def move_witness(earlier: Path, folder: Path) -> None:
    """Let a folder hold what the witness in another one has told, and will tell: its kernel goes on with a further run."""
    (folder / TOLD).unlink(missing_ok=True)
    with suppress(OSError):  # it was never watched: then nothing is known
        (earlier / TOLD).rename(folder / TOLD)


def dismiss_witness(folder: Path, *, forget: bool = True) -> None:
    """Remove the witness, and what it has told unless its kernel lives on and may tell more."""
    for name in (_CODE, TOLD) if forget else (_CODE,):
        with suppress(OSError):  # whoever settles a run has more to do than this
            (folder / name).unlink(missing_ok=True)
