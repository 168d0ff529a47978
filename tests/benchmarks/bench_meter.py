"""CPU, wall time and peak memory of cells and runs against planted loads: how far the record is off.

Run as ``OMP_NUM_THREADS=1 python tests/benchmarks/bench_meter.py``; it prints one table and fails above 5 %. Each cell
knows by itself (`time`, `resource`) what it used, and records that as a metric; the run's record must say the same. What
`resource` knows as the process's peak begins anew with each cell, as the meter lets the system's own count begin anew.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
import pandas as pd
from nbformat import v4

from dcai.pipelines.runs import run

ALLOWED = 0.05
MB = 1024 * 1024
BEGIN = "import os, resource, subprocess, sys, time\nimport dcai\ndef FORK(work):\n    child = os.fork()\n    if not child:\n        work(); os._exit(0)\n    return child\nuse = resource.getrusage\nSELF, KIDS = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN\ndef cpu():\n    return sum(u.ru_utime + u.ru_stime for u in (use(SELF), use(KIDS)))\ndef peak():\n    return use(SELF).ru_maxrss * 1024"
LOADS = {
    "busy 2 s": "while time.perf_counter() - t < 2 * 60 and cpu() - c < 2: sum(range(10_000))",
    "idle 2 s": "time.sleep(2)",
    "300 MB for an instant": "block = bytearray(300 * 1024 * 1024); block[::4096] = b'x' * len(block[::4096]); del block",
    "100 MB below an earlier peak": "block = bytearray(100 * 1024 * 1024); block[::4096] = b'x' * len(block[::4096]); del block",
    "4 forks of 300 MB": "block = bytearray(300 * 1024 * 1024); block[::4096] = b'x' * len(block[::4096]); FORKS = [FORK(lambda: time.sleep(2)) for _ in range(4)]; [os.waitpid(f, 0) for f in FORKS]; del block",
    "600 MB kept": "kept = bytearray(600 * 1024 * 1024); kept[::4096] = b'x' * len(kept[::4096])",
    "a child busy 2 s": "subprocess.run([sys.executable, '-c', 'import time\\nwhile time.process_time() < 2: sum(range(10_000))'], check=True)",
}
CELL = "t, c = time.perf_counter(), cpu()\n{load}\ndcai.record(**{{'wall {n}': time.perf_counter() - t, 'cpu {n}': cpu() - c, 'peak {n}': peak()}})"


def main() -> int:
    """Run the loads, print what was planted and what was recorded, and return 1 where they are too far apart."""
    with tempfile.TemporaryDirectory() as folder:
        cells = [BEGIN, *(CELL.format(load=load, n=n) for n, load in enumerate(LOADS, 1) for load in [LOADS[load]])]
        notebook = v4.new_notebook(cells=[v4.new_code_cell(c) for c in cells])
        nbformat.write(notebook, Path(folder) / "loads.ipynb")
        os.chdir(folder)
        done = run("loads.ipynb")
    assert done.status == "succeeded", done.record.error
    used = done.record.resources
    assert used is not None
    timings = {t.cell: t for t in used.cells}
    rows = []
    for number, load in enumerate(LOADS, 1):
        for name, unit, measured in (
            ("wall", 1.0, timings[number].wall),
            ("cpu", 1.0, timings[number].cpu),
            ("peak", MB, timings[number].peak_memory),
        ):
            if name == "peak" and "MB" not in load:
                continue  # a peak is planted by the cells about memory alone
            rows.append((load, name, done.metrics[f"{name} {number}"] / unit, (measured or 0) / unit))
    total = sum(done.metrics[f"cpu {n}"] for n in range(1, len(LOADS) + 1))
    rows.append(("all cells", "cpu", total, sum(t.cpu or 0 for t in used.cells if t.cell)))
    rows.append(
        (
            "the run",
            "peak",
            max(v for k, v in done.metrics.items() if k.startswith("peak")) / MB,
            (used.peak_memory or 0) / MB,
        )
    )
    table = pd.DataFrame(rows, columns=["load", "measure", "planted", "recorded"])
    # Of less than a second (or a megabyte) the deviation is taken of a whole one: no clock is finer than that in 5 %.
    table["off"] = (table.recorded - table.planted).abs() / table.planted.clip(lower=1.0)
    print(table.round(3).to_string(index=False))
    worst = table.off.max()
    print(f"largest deviation {worst:.1%}, allowed {ALLOWED:.0%}")
    return int(worst > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
