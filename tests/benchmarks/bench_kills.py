"""Kill the process that decides, again and again: is everything there that it had confirmed, and nothing twice?

    python tests/benchmarks/bench_kills.py [--kills 100] [--kernels 20] [--browsers 100] [--json]

A process decides as fast as it can, and says the id of each correction when the review has returned it. It is killed with
SIGKILL at a random moment, and the next one goes on in the same log. Every decision carries a note of its own, so that one
that stood twice would show. The same is done to real Jupyter kernels, whose confirmations travel as their output.
Last, a browser is played: it sends messages to the widget, and sends what was not answered again to the next process. Every
second process is killed at the worst moment: its decision is on disk, its answer is not sent.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROWS = 300
START = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.benchmarks.bench_kills import decide_for_ever
"""


@dataclass
class Outcome:
    """What was confirmed in all rounds, and how many rounds there were."""

    confirmed: list[str] = field(default_factory=list)
    kills: int = 0
    silent: int = 0  # rounds that were killed before they had confirmed anything


def decide_for_ever(path: str, turn: int) -> None:
    """Decide rows in a review, and say each correction once it is returned; every fifth decision is undone."""
    import pandas as pd

    from dcai.corrections.session import Review
    from tests.corrections.conftest import audit_of

    frame = pd.DataFrame({"x": range(ROWS), "y": ["a", "b"] * (ROWS // 2)})
    review = Review(audit_of(frame), path, by=f"reviewer {turn % 3}")
    number = 0
    while True:
        line = review.decide(number % ROWS, "keep" if number % 2 else "exclude", note=f"{turn}:{number}")
        sys.stdout.write(f"{line.id}\n")
        sys.stdout.flush()
        if number % 5 == 0:
            sys.stdout.write(f"{review.undo().id}\n")
            sys.stdout.flush()
        number += 1


def kill_forks(path: Path, kills: int, rng: random.Random) -> Outcome:
    """Fork a process for each round, so that none has to import anything, and kill it."""
    outcome = Outcome()
    for turn in range(kills):
        there, here = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(there)
            os.dup2(here, 1)
            sys.stdout = os.fdopen(1, "w", closefd=False)
            decide_for_ever(str(path), turn)
        os.close(here)
        told = _listen(there, rng.uniform(0.0, 0.4))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told += _drain(there)
        os.close(there)
        _note(outcome, told)
    return outcome


def _listen(source: int, seconds: float) -> bytes:
    """Collect what is confirmed, until so long after the first word of it."""
    told, end = b"", time.monotonic() + 60
    while (left := end - time.monotonic()) > 0:
        if select.select([source], [], [], left)[0]:
            if not told:
                end = time.monotonic() + seconds
            told += os.read(source, 65536)
    return told


def _drain(source: int) -> bytes:
    told = b""
    while chunk := os.read(source, 65536):
        told += chunk
    return told


def _note(outcome: Outcome, told: bytes) -> None:
    """Remember the ids that were said to their end."""
    ids = [line.decode() for line in told.split(b"\n")[:-1]]
    outcome.kills += 1
    outcome.silent += not ids
    outcome.confirmed += ids


def kill_kernels(path: Path, kills: int, rng: random.Random) -> Outcome:
    """Start a Jupyter kernel for each round, let a cell decide, and kill the kernel."""
    from jupyter_client.manager import start_new_kernel

    outcome = Outcome()
    for turn in range(kills):
        manager, client = start_new_kernel(kernel_name="python3", stderr=subprocess.DEVNULL)
        client.execute(f"{START}\ndecide_for_ever({str(path)!r}, {1000 + turn})")
        told, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            try:
                message = client.get_iopub_msg(timeout=0.05)
            except Exception:  # noqa: BLE001 (an empty queue: the library's own class of error is the queue's)
                continue
            if message["msg_type"] == "error":
                raise RuntimeError("\n".join(message["content"]["traceback"]))
            if message["msg_type"] == "stream":
                end = end if told else time.monotonic() + rng.uniform(0.0, 1.0)
                told += message["content"]["text"].encode()
        os.kill(manager.provisioner.process.pid, signal.SIGKILL)
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        _note(outcome, told)
    return outcome


def answer_for_ever(path: str, fatal: int) -> None:
    """Be the kernel's side of the widget for messages on the standard input; die before the answer number `fatal` is sent."""
    import pandas as pd

    from dcai.corrections.session import Review
    from dcai.shells.widget import ReviewWidget
    from tests.corrections.conftest import audit_of

    frame = pd.DataFrame({"x": range(ROWS), "y": ["a", "b"] * (ROWS // 2)})
    found = [(row, "y", "b" if row % 2 == 0 else "a") for row in range(ROWS)]
    widget = ReviewWidget(Review(audit_of(frame, found=found), path, by="ada"))
    answered = 0

    def send(content: dict[str, Any], *_: object) -> None:
        nonlocal answered
        answered += 1
        if answered == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        sys.stdout.write(f"{content['seq']} {content['id']}\n")
        sys.stdout.flush()

    widget.send = send
    for line in sys.stdin:
        widget._receive(widget, json.loads(line), [])


def kill_and_send_again(path: Path, kills: int, rng: random.Random) -> Outcome:
    """Play a browser whose kernel dies again and again; the answer of a message may come from a later kernel."""
    outcome, number = Outcome(), 0
    for turn in range(kills):
        to_child, from_child = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(to_child[0], 0)
            os.dup2(from_child[1], 1)
            for end in (*to_child, *from_child):
                os.close(end)
            sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
            answer_for_ever(str(path), rng.randint(1, 4) if turn % 2 else 0)
        os.close(to_child[0])
        os.close(from_child[1])
        end, told = time.monotonic() + 60, b""
        with os.fdopen(to_child[1], "w") as stream:
            while time.monotonic() < end:
                row = number % ROWS
                message = {
                    "seq": number,
                    "client_id": f"m{number}",
                    "finding": f"f{row}",
                    "verdict": "keep",
                    "note": f"m{number}",
                }
                try:
                    stream.write(json.dumps(message) + "\n")
                    stream.flush()
                except BrokenPipeError:
                    break
                if not select.select([from_child[0]], [], [], max(0.0, end - time.monotonic()))[0]:
                    break
                said = os.read(from_child[0], 65536)
                if not said:
                    break  # it has died before it answered
                if not told:
                    end = time.monotonic() + (rng.uniform(0.0, 0.05) if turn % 2 == 0 else 60)
                told += said
                number += 1
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(from_child[0])
        outcome.kills += 1
        outcome.silent += not told
        outcome.confirmed += [line.split()[1].decode() for line in told.splitlines()]
    return outcome


def judge(path: Path, outcome: Outcome) -> dict[str, int]:
    """Compare the log with what was confirmed."""
    from dcai.corrections.log import CorrectionLog

    log = CorrectionLog.read(path)
    lines = Counter(c.id for c in log.corrections)
    notes = Counter(c.note for c in log.corrections if c.verdict != "undo")
    return {
        "kills": outcome.kills,
        "confirmed": len(outcome.confirmed),
        "lost": sum(i not in lines for i in outcome.confirmed),
        "duplicated": sum(n > 1 for n in lines.values()) + sum(n > 1 for n in notes.values()),
        "written, not yet confirmed": len(lines) - len(set(outcome.confirmed)),
        "killed before a word": outcome.silent,
        "torn tails left": int(bool(log.torn)),
    }


def main() -> None:
    """Print the table."""
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--kills", type=int, default=100)
    ask.add_argument("--kernels", type=int, default=20)
    ask.add_argument("--browsers", type=int, default=100)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--json", action="store_true")
    options = ask.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import dcai.shells.widget  # noqa: F401 (likewise)
    import tests.corrections.conftest  # noqa: F401 (the forks find everything imported)

    rng = random.Random(options.seed)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, kill, count in (
            ("processes", kill_forks, options.kills),
            ("kernels", kill_kernels, options.kernels),
            ("browsers", kill_and_send_again, options.browsers),
        ):
            if count:
                path = Path(folder) / f"{name}.jsonl"
                found[name] = judge(path, kill(path, count, rng))
    if options.json:
        print(json.dumps(found))
        return
    import pandas as pd

    print(pd.DataFrame(found).to_string())


if __name__ == "__main__":
    main()
