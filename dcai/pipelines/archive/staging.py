"""Declared outputs stand only after a run and its gates have succeeded: what was there before is kept, and comes back.

There are two ways to make one. A notebook may write to the path that its pipeline declares, as it does by hand; nothing is
redirected. Before its kernel starts, what stands there is copied into the run's folder. When the run does not end well, each
path that has changed gets its earlier content back in one step (see `put_back`), and what the run had made goes to its
artifacts. A runner that was killed cannot do this; then the next reader of its record does. While such a run is under way,
the paths show its work: a reader may meet half a table, or one that its gates will refuse.

Or it writes to `dcai.artifact(PATH)`, with the path of the output: the file is judged in the run's folder, and put into place
in one step after its gates have passed. Until then, and whoever is killed, the earlier one stands.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcai.base import store
from dcai.base.errors import InputError

if TYPE_CHECKING:
    from dcai.base.records import RunRecord

_INDEX, BEFORE = "before.json", "before"
# Below a run's artifacts: the outputs of a run that did not end well.
FAILED = "failed-outputs"


def keep_before(root: Path, folder: Path, outputs: Sequence[str], marks: Mapping[str, Any]) -> None:
    """Copy what stands at the outputs into a run's folder; the index is written last, so it means that all is there."""
    if not outputs:
        return
    for path in _outermost(outputs):
        here, there = _place(root, path), folder / BEFORE / path
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.is_dir():
            shutil.copytree(here, there, symlinks=True)
        elif here.exists():
            shutil.copy2(here, there)
    states = {path: marks.get(path) for path in _outermost(outputs)}
    store.write_atomic(folder / _INDEX, json.dumps({"root": str(root), "marks": states}) + "\n")


def let_go(folder: Path) -> None:
    """Let the outputs of a run stand: from the removal of the index on, nothing brings the earlier ones back."""
    (folder / _INDEX).unlink(missing_ok=True)
    shutil.rmtree(folder / BEFORE, ignore_errors=True)


def give_back(folder: Path, artifacts: Path, mark_of: Any) -> list[str]:
    """Bring back what stood at the outputs before a run, and return the paths that it had changed.

    Parameters
    ----------
    folder : Path
        The run's folder.
    artifacts : Path
        The folder of its artifacts, where what it has made goes.
    mark_of : callable
        `contents.mark_files`, which tells whether a path has changed.
    """
    try:
        index = json.loads((folder / _INDEX).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return []
    root = Path(index["root"])
    if not root.is_dir():  # the run saw the repository at another place: in a container, on another machine
        root = folder.parents[2]
    now = mark_of(root, index["marks"])
    changed = [p for p, mark in index["marks"].items() if json.dumps(now[p]) != json.dumps(mark)]
    for path in changed:
        if index["marks"][path] is not None and not (folder / BEFORE / path).exists():
            continue  # brought back already, by somebody who was killed before the end
        _exchange(_place(root, path), folder / BEFORE / path, artifacts / FAILED / path)
    let_go(folder)
    return changed


def find_staged(artifacts: Path, untouched: Iterable[str]) -> list[str]:
    """Return those of the outputs that a run has not written to which stand among its artifacts instead.

    Examples
    --------
    >>> find_staged(Path("/absent"), ["labels.csv"])
    []
    """
    return [path for path in untouched if (artifacts / path).exists()]


def put_in_place(artifacts: Path, root: Path, paths: Iterable[str]) -> None:
    """Copy outputs from a run's artifacts to where they belong; a reader sees the earlier one or the new one, see `put_back`."""
    for path in paths:
        source, target = artifacts / path, _place(root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name[:60]}.dcai.tmp")
        try:
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, beside)
            put_back(beside, target)
        finally:
            (shutil.rmtree(beside, ignore_errors=True) if beside.is_dir() else beside.unlink(missing_ok=True))


def take_up(earlier: Path, root: Path, outputs: Iterable[str]) -> None:
    """Put what an earlier run had made, and that was taken back, into place again: a run goes on from there."""
    for path in _outermost(list(outputs)):
        made, here = earlier / FAILED / path, _place(root, path)
        if made.is_dir():
            shutil.rmtree(here, ignore_errors=True)
            shutil.copytree(made, here, symlinks=True)
        elif made.exists():
            here.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made, here)


def require_free(outputs: Sequence[str], running: Iterable[RunRecord]) -> None:
    """Refuse a run while another one is about to write the same outputs: each would take the other's for its own.

    Raises
    ------
    InputError
        Another run that is under way has declared one of the outputs, or a folder around it.
    """
    for other in running:
        for one in outputs:
            if any(overlap(one, theirs.path) for theirs in other.outputs):
                raise InputError(
                    f"The run {other.run} of {other.pipeline!r} is under way and writes {one!r} too. Wait for it, or "
                    f"give each run a path of its own: artifact(name), or a parameter that is part of the path.{_say_where(other)}"
                )


def _say_where(other: RunRecord) -> str:
    """Say what becomes of a run whose process cannot be asked, because it is on another machine."""
    if other.host == socket.gethostname():
        return ""
    return (
        f" It runs on {other.host}; when that gives no sign for an hour, the run is taken for dead. If you know that it is, "
        f"say so: dcai runs --gone {other.pipeline}/{other.run}. Then what stood at its outputs comes back."
    )


def overlap(one: str, other: str) -> bool:
    """Tell whether two outputs are the same path, or one holds the other.

    Examples
    --------
    >>> overlap("models", "models/a.pkl"), overlap("a", "ab")
    (True, False)
    """
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _outermost(paths: Sequence[str]) -> list[str]:
    """Leave out paths inside of folders that are among the paths."""
    return [p for p in dict.fromkeys(paths) if not any(p.startswith(f"{q}/") for q in paths)]


def _place(root: Path, path: str) -> Path:
    """Return where a path really is: through a link, its target is what gets replaced."""
    return (root / path).resolve()


def _exchange(here: Path, before: Path, failed: Path) -> None:
    """Set what a run has made aside, and put back what stood there; the path is never empty meanwhile, see `put_back`."""
    failed.parent.mkdir(parents=True, exist_ok=True)
    if here.is_dir() and before.is_dir() and _swap_copy(before, here, failed):
        return
    if here.is_file() and before.is_file():
        with suppress(OSError):  # the earlier content comes back, also where a full disk has no room for the failed one
            _copy_cheaply(here, failed)
    elif here.exists():
        shutil.move(here, failed)
    if before.exists():
        put_back(before, here)


def _swap_copy(before: Path, here: Path, failed: Path) -> bool:
    """Let a folder and a copy of what stood there before change places; False where that cannot be done in one step.

    The original stays: whoever finds us killed in between puts it back once more.
    """
    beside = here.with_name(f".{here.name[:60]}.dcai.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        shutil.copytree(before, beside, symlinks=True)
    except OSError:  # no room for it
        shutil.rmtree(beside, ignore_errors=True)
        return False
    swapped = store.exchange(beside, here)
    if swapped:
        with suppress(OSError):  # no room: what stood there before is what counts
            shutil.move(beside, failed)
    shutil.rmtree(beside, ignore_errors=True)
    return swapped


def _copy_cheaply(source: Path, target: Path) -> None:
    try:
        os.link(source, target)  # a second name for the same bytes; the first one is about to go
    except OSError:
        shutil.copy2(source, target)


def put_back(source: Path, target: Path) -> None:
    """Move a file or folder to where another may stand, so that a reader sees the old one or the new one, and both whole.

    A file is replaced at once. So is a folder where two names of a disk can change places in one step, as on Linux and its
    usual file systems. Elsewhere there is nothing of it for a moment, between two renames.

    Examples
    --------
    >>> put_back(Path("runs/train/first/before/table.csv"), Path("table.csv"))  # doctest: +SKIP
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name[:60]}.dcai.old")
    if not target.is_dir():
        _move(source, target)
        return
    if store.exchange(source, target):
        (shutil.rmtree(source, ignore_errors=True) if source.is_dir() else source.unlink())
        return
    shutil.rmtree(aside, ignore_errors=True)  # of somebody who was killed before the end
    target.replace(aside)
    try:
        _move(source, target)
    except OSError:
        aside.replace(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError:  # on another disk: beside the target first
        beside = target.with_name(f".{target.name[:60]}.dcai.tmp")
        if source == beside:
            raise
        if source.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(source, beside, symlinks=True)
            beside.replace(target)
            shutil.rmtree(source)
            return
        shutil.copy2(source, beside)
        beside.replace(target)
        source.unlink()
