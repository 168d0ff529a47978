"""What dcai tells the run in whose kernel it works: which correction logs it has read there, and what they held then."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

# The environment variable that tells a kernel, and what its cells start, the folder of its run.
RUN_FOLDER = "DCAI_RUN_FOLDER"
# The file in that folder: each line is a list, of what was done and to which file.
TOLD = "told.jsonl"
_said: set[tuple[str, str]] = set()


def tell_log(path: Path, data: bytes | None) -> None:
    """Tell the run that a correction log was read, and what it held (None: there was none); without a run, nobody.

    What counts is what stood in it when it was first read: what the run adds itself comes later.

    Examples
    --------
    >>> tell_log(Path("corrections/label.jsonl"), None)
    """
    folder, full = os.environ.get(RUN_FOLDER), str(path.absolute())
    if folder is None or (folder, full) in _said:
        return
    _said.add((folder, full))
    held = [None, None] if data is None else [hashlib.sha256(data).hexdigest(), len(data)]
    line = json.dumps(["log", full, *held]) + "\n"
    with suppress(OSError):  # the run's folder is gone, or its disk is full: the notebook need not notice
        handle = os.open(Path(folder) / TOLD, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line.encode())  # at once, so that no two lines get into each other
        finally:
            os.close(handle)
