"""How long a run will still take, as far as earlier runs of the same pipeline know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from dcai.base.errors import DcaiError
from dcai.pipelines.archive import ledger
from dcai.pipelines.notebooks import documents

# Of how many runs the median is taken, and how many of the latest are looked at for it.
_ENOUGH, _LOOKED_AT = 5, 20


def expect_seconds(folder: Path, notebook: Any) -> tuple[float | None, ...]:
    """Return what each cell of a notebook took in the latest successful runs; empty where there were none.

    Parameters
    ----------
    folder : Path
        The folder of the pipeline's runs.
    notebook : NotebookNode
        The notebook to be run; runs of more or fewer cells do not count.

    Examples
    --------
    >>> import nbformat.v4 as v4
    >>> expect_seconds(Path("absent"), v4.new_notebook())
    ()
    """
    cells, executed = len(notebook.cells), sum(map(documents.is_executable, notebook.cells))
    found: dict[int, list[float]] = {}
    count = 0
    for path in sorted(folder.glob(f"*/{ledger.RECORD}"), reverse=True)[:_LOOKED_AT]:
        try:
            one = ledger.read_record(path.parent)
        except DcaiError:
            continue  # a broken record is told where runs are listed
        timings = [] if one.resources is None else one.resources.cells
        if one.status == "succeeded" and one.cells_total == executed == len(timings) and count < _ENOUGH:
            count += 1
            for timing in timings:
                found.setdefault(timing.cell, []).append(timing.wall)
    return tuple(median(found[i]) if i in found else None for i in range(cells)) if found else ()


def seconds_left(events: Iterable[Mapping[str, Any]], now: str) -> float | None:
    """Return how many seconds a run will still take by its journal so far; None where nobody knows.

    Examples
    --------
    >>> begun = {"event": "start", "at": "2026-01-31T12:00:00Z", "expected": [2.0, None, 5.0]}
    >>> seconds_left([begun], "2026-01-31T12:00:01Z")
    7.0
    """
    expected: Sequence[float | None] = ()
    done: set[int] = set()
    current: tuple[int, str] | None = None
    for event in events:
        if event["event"] == "start":
            expected = event.get("expected") or ()
        elif event["event"] == "cell_started":
            current = (event["cell"], event["at"])
        elif event["event"] in ("cell_ended", "cell_reused"):
            done.add(event["cell"])
            current = None
    if not expected:
        return None
    left = sum(s for i, s in enumerate(expected) if s is not None and i not in done)
    if current is not None:
        index, began = current
        spent = (datetime.fromisoformat(now) - datetime.fromisoformat(began)).total_seconds()
        planned = expected[index] if index < len(expected) else None
        left -= min(spent, planned or 0.0)
    return round(left, 3)
