"""The journal of a run: one JSON line for each thing that happened, and what these lines add up to.

A run's status is what its journal says, whatever else a notebook's metadata claims.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType, TracebackType
from typing import Any, Self, TextIO

from dcai.base.records import CellTiming, Resources, RunFailure, RunStatus
from dcai.pipelines.masking import Masker

Event = dict[str, Any]
Listener = Callable[[Event], None]

EXIT_CODES: dict[RunStatus, int] = {
    "running": 0,
    "succeeded": 0,
    "stopped": 0,
    "failed": 1,
    "invalid": 2,
    "gate_failed": 3,
    "kernel_died": 5,
    "timed_out": 6,
    "interrupted": 130,
}


def now() -> str:
    """Return the moment as RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Journal:
    """Append-only events of one run, in memory and, where a path is given, in a file that is flushed at each.

    As a context manager it spans the run: leaving it writes the end and closes the file. Secrets never get into it.
    A file that cannot be written to (a full disk) is given up: `broken` says why, and the events in memory go on.
    """

    def __init__(self, path: Path | None = None, listener: Listener | None = None) -> None:
        self.events: list[Event] = []
        self.broken: OSError | None = None
        self.on_broken: Callable[[OSError], None] | None = None
        self._listener = listener
        self.masker = Masker()
        self._stream: TextIO | None = None
        if path is not None:
            self.open(path)

    def open(self, path: Path) -> None:
        """Write what happens from now on to a file."""
        try:
            self._stream = path.open("a", encoding="utf-8", newline="\n")
        except OSError as error:  # the record can still be settled, and say so
            self.broken = error

    def write(self, event: str, **facts: Any) -> None:
        """Append one event."""
        line: Event = {"event": event, "at": now(), **self.masker.mask(facts)}
        self.events.append(line)
        if self._stream is not None:
            try:
                # Escaped, because output of a cell may hold lone surrogates that UTF-8 cannot.
                self._stream.write(json.dumps(line, ensure_ascii=True) + "\n")
                self._stream.flush()
            except OSError as error:
                self._give_up(error)
        self.tell(event, line)

    def tell(self, event: str, line: Event | None = None) -> None:
        """Tell the listener of an event that need not be written down, such as that time has passed.

        The file's own time passes with it: on another machine, that is the only sign that the run lives.
        """
        if line is None and self._stream is not None:
            with contextlib.suppress(OSError):  # it was removed, or the disk cannot be reached for a moment
                os.utime(self._stream.name)
        if self._listener is not None:
            self._listener(line or {"event": event, "at": now()})

    def _give_up(self, error: OSError) -> None:
        self.broken = error
        self._close()
        if self.on_broken is not None:
            self.on_broken(error)

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(OSError):  # what it still holds is the line that has failed already
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        # No run is a success because nobody explained its end.
        try:
            reason = error or self.broken
            if reason is not None and self.tally.status == "running":
                self.write("error", status="failed", error=type(reason).__name__, message=str(reason))
            self.write("end")
        finally:
            self._close()

    @property
    def tally(self) -> Tally:
        """What the events so far add up to."""
        return add_up(self.events)


@dataclass(frozen=True)
class Tally:
    """What a journal adds up to."""

    status: RunStatus = "running"
    exit_code: int = 0
    error: RunFailure | None = None
    cells_total: int = 0
    cells_done: int = 0
    cell: int | None = None
    cell_source: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    resources: Resources | None = None
    ended: str | None = None
    note: str | None = None


Kinds = type | tuple[type, ...]

_NUMBER = (int, float)
_TEXT = (str, NoneType)
_MEASURED: dict[str, Kinds] = {"wall": _NUMBER, "cpu": (*_NUMBER, NoneType), "peak_memory": (int, NoneType)}
_FAILED: dict[str, Kinds] = {"cell": (int, NoneType), "exit_code": (int, NoneType), "source": _TEXT, "traceback": _TEXT}
# What each event must say for the fold; what is not named here may be missing, or be anything.
_FIELDS: dict[str, dict[str, Kinds]] = {
    "start": {"cells": int},
    "cell_started": {"cell": int, "source": str},
    "cell_reused": {"metrics": dict},
    "cell_ended": {"cell": int, "ok": bool, **_MEASURED},
    "metrics": {"metrics": dict},
    "note": {"message": str},
    "error": {"status": str, "error": str, "message": str, **_FAILED},
    "stopped": {"message": str, **_FAILED},
    "kernel_ended": _MEASURED,
    "judged": {"gates": list, "outputs": list},
    "end": {"at": str},
}


def read_journal(path: Path) -> list[Event]:
    """Read the events of a journal; a line torn by a killed writer, or damaged in another way, ends it."""
    if not path.is_file():
        return []
    events: list[Event] = []
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not _is_sound(event):
            break
        events.append(event)
    return events


def _is_sound(event: object) -> bool:
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return False
    fields = _FIELDS.get(event["event"], {})
    if not all(isinstance(event.get(name), kinds) for name, kinds in fields.items()):
        return False
    return event["event"] != "error" or event["status"] in EXIT_CODES


def add_up(events: Iterable[Mapping[str, Any]]) -> Tally:
    """Fold events into a tally: the only place where the status of a run is decided."""
    tally = Tally()
    timings: list[CellTiming] = []
    for event in events:
        match event["event"]:
            case "start":
                tally = replace(tally, cells_total=event["cells"])
            case "cell_started":
                tally = replace(tally, cell=event["cell"], cell_source=event["source"])
            case "cell_reused":
                metrics = {**tally.metrics, **event["metrics"]}
                tally = replace(tally, cells_done=tally.cells_done + 1, metrics=metrics)
            case "cell_ended":
                timings.append(CellTiming(event["cell"], event["wall"], event["cpu"], event["peak_memory"]))
                tally = replace(tally, cell=None, cells_done=tally.cells_done + event["ok"])
            case "metrics":
                tally = replace(tally, metrics={**tally.metrics, **event["metrics"]})
            case "note":
                tally = replace(tally, note=" ".join(filter(None, (tally.note, event["message"]))))
            case "error" | "stopped":
                tally = _settle(tally, event)
            case "kernel_ended":
                resources = Resources(event["wall"], event["cpu"], event["peak_memory"], timings)
                tally = replace(tally, resources=resources)
            case "end":
                if tally.resources is None and timings:
                    tally = replace(tally, resources=_sum(timings))
                status = "succeeded" if tally.status == "running" else tally.status
                tally = replace(tally, status=status, ended=event["at"], cell=None)
    return tally


def _sum(timings: list[CellTiming]) -> Resources:
    """Return the resources of a run whose kernel was never measured as a whole."""
    cpu = [t.cpu for t in timings if t.cpu is not None]
    peaks = [t.peak_memory for t in timings if t.peak_memory is not None]
    return Resources(sum(t.wall for t in timings), sum(cpu) if cpu else None, max(peaks, default=None), timings)


def _settle(tally: Tally, event: Mapping[str, Any]) -> Tally:
    """Take over what ended the run; what came first stays the reason."""
    status: RunStatus = "stopped" if event["event"] == "stopped" else event["status"]
    if tally.status not in ("running", "stopped") or tally.status == status == "stopped":
        return tally
    if tally.status == "stopped" and (status != "interrupted" or tally.error is not None):
        # Stopped on purpose, and then found wanting: still `stopped`, but not a success.
        return replace(tally, exit_code=EXIT_CODES["failed"], error=_failure(event))
    code = event.get("exit_code")
    code = EXIT_CODES[status] if code is None else code
    return replace(tally, status=status, exit_code=code, error=None if status == "stopped" else _failure(event))


def _failure(event: Mapping[str, Any]) -> RunFailure:
    return RunFailure(
        event["error"], event.get("cell"), event.get("source") or "", event["message"], event.get("traceback") or ""
    )
