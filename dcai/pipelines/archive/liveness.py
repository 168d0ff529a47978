"""Whether the process of a run that claims to be under way still works on it: here by its number, elsewhere by its files."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from dcai.base.records import RunRecord

# Seconds by which clocks of the record and of the process table may differ.
_CLOCK_SLACK = 2.0
# Seconds after which a run on another machine that gives no sign is given up; its journal is touched at every tick.
SILENCE = 3600.0
# Touched by the process of a run that a sweep has ordered.
HEARTBEAT = "heartbeat"


def is_alive(record: RunRecord, signs: Iterable[Path]) -> bool:
    """Tell whether the process of a running record still works on it; `signs` are the files that it writes meanwhile.

    Examples
    --------
    >>> is_alive(record, [folder / "run.json", folder / "events.jsonl"])  # doctest: +SKIP
    True
    """
    import psutil

    if record.host != socket.gethostname():
        return time.time() - _newest(signs) <= SILENCE
    if record.pid is None:
        return True
    try:
        process = psutil.Process(record.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # A process that is younger than the run only inherited its number.
        return process.create_time() <= datetime.fromisoformat(record.started).timestamp() + _CLOCK_SLACK
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def say_gone(record: RunRecord) -> str:
    """Return the sentence about a run whose process is gone."""
    if record.host == socket.gethostname():
        return "The process of the run ended without settling its record: it was killed, or the machine stopped."
    return (
        f"Nothing was heard of the run {record.run} on {record.host} for an hour: it is taken for dead. "
        f"If it still works there, end it there (process {record.pid}) before you run it again."
    )


def _newest(signs: Iterable[Path]) -> float:
    times = [0.0]
    for path in signs:
        with suppress(OSError):  # it was never written
            times.append(path.stat().st_mtime)
    return max(times)
