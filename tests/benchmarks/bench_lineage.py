"""How long `trace` and `impact` take over a log of many corrections and a history of many runs.

    python tests/benchmarks/bench_lineage.py [--edits 100000] [--runs 20]

Each run reads the log as it was at its time. "a run's end" is what a run spends on the index of a log that no run has read
before; "first" is the first question after it, "again" any later one.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dcai.base.records import Correction, FileHash, RunRecord
from dcai.corrections.decisions.lines import sign, write_line
from dcai.pipelines.archive import ledger
from dcai.pipelines.lineage import impact, trace
from dcai.pipelines.origins.edits import index_logs

LOG = "corrections/label.jsonl"
REPEATS = 7


def make_repository(root: Path, edits: int, runs: int) -> None:
    """Write a log, and runs of which each reads the log of its time and the table that the run before it has made."""
    line = Correction(1, "", "relabel", {}, None, "label", "cat", "dog", "row:columns", "ann", "", {"doubt": 0.9}, "")
    lines = []
    for i in range(edits):
        at = f"2026-01-01T{i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d}.{i:06d}Z"
        lines.append(write_line(sign(dataclasses.replace(line, key={"id": i}, at=at))).encode() + b"\n")
    (root / "corrections").mkdir()
    (root / LOG).write_bytes(b"".join(lines))
    (root / "table.csv").write_text(f"table {runs}")
    digest, size, done = hashlib.sha256(), 0, 0
    for number in range(1, runs + 1):
        until = edits * number // runs
        digest.update(part := b"".join(lines[done:until]))
        size, done = size + len(part), until
        one = make_run(number, FileHash(LOG, digest.hexdigest(), size))
        ledger.write_record(ledger.run_folder("make", one.run, root) / ledger.RECORD, one)


def make_run(number: int, log: FileHash) -> RunRecord:
    """Return the record of one run of the chain."""
    tables = [FileHash("table.csv", hashlib.sha256(f"table {n}".encode()).hexdigest(), 9) for n in (number - 1, number)]
    at = f"2026-02-01T{number // 60:02d}:{number % 60:02d}"
    return RunRecord(
        v=1, run=f"r{number:05d}", pipeline="make", notebook="n.ipynb", status="succeeded", exit_code=0, parameters={},
        commit=None, dirty=None, inputs=tables[:1], outputs=tables[1:], corrections=[log], metrics={}, gates=[],
        resources=None, environment={}, started=f"{at}:00.000000Z", ended=f"{at}:30.000000Z", error=None,
        cells_total=0, cells_done=0,
    )  # fmt: skip


def measure(action: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Return the medians of some measurements in milliseconds: by the clock, and of the processor's time."""
    times = []
    for _ in range(repeats):
        began, spent = time.perf_counter(), time.process_time()
        action()
        times.append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - spent)))
    clock, processor = zip(*times, strict=True)
    return statistics.median(clock), statistics.median(processor)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp())
    try:
        make_repository(root, options.edits, options.runs)
        table = root / "table.csv"
        impact((root / LOG, {"id": 0}, "label"), root=root)  # loads the libraries
        last = ledger.history("make", root=root)[0]
        end = measure(lambda: index_logs(root, last.corrections), 1)
        for earlier in ledger.history("make", root=root):
            index_logs(root, earlier.corrections)
        first = measure(lambda: trace(table, root=root), 1)
        found = trace(table, root=root)
        late = (root / LOG, {"id": options.edits - 1}, "label")
        rows = [
            ("a run's end, for a log that is new", end),
            (f"trace, first ({sum(len(one.applied or ()) for one in found.logs)} corrections read)", first),
            ("trace, again", measure(lambda: trace(table, root=root), REPEATS)),
            ("trace, again, with its page", measure(lambda: trace(table, root=root)._repr_html_(), REPEATS)),
            (
                f"impact of a cell ({len(impact(late, root=root).runs)} stale)",
                measure(lambda: impact(late, root=root), REPEATS),
            ),
            ("impact of a file", measure(lambda: impact(table, root=root), REPEATS)),
        ]
        sys.stdout.write(f"{options.edits} corrections, {options.runs} runs in a chain\n")
        sys.stdout.writelines(f"{name:60s} {clock:9.1f} ms {cpu:9.1f} ms CPU\n" for name, (clock, cpu) in rows)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
