"""Measure an audit of Parquet data that is left on disk: time beside a scan of the file, memory, and what it finds.

    python tests/benchmarks/bench_streaming.py [--rows 10000000] [--wrong 0.03] [--repeats 3]

The file has ten columns of numbers and a label of two classes, of which a share is flipped; it is made in the folder for
temporary files. A scan decodes every column with pyarrow on one thread, in batches. Scan and audit are processes of their
own on one thread, each timed without its imports (the first audit loads scikit-learn, which counts); the best scan and the
best audit of the repeats are compared by CPU seconds too, for a busy machine stretches both.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS, GROUP = 10, 1_000_000
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1")
MEASURE = """
import json, resource, sys, time
path, what = sys.argv[1:3]
import dcai, numpy, pandas, pyarrow.parquet as pq
found = {}
wall, cpu = time.perf_counter(), time.process_time()
if what == "scan":
    with pq.ParquetFile(path) as opened:
        found["rows"] = sum(batch.num_rows for batch in opened.iter_batches(use_threads=False))
else:
    audit = dcai.audit(path, label="label", memory="2GB", progress=False)
found |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
found["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
if what == "audit":
    wrong = numpy.load(path.replace(".parquet", ".npy"))
    doubt = audit.scores["labels"].to_numpy()
    rows = audit.by("labels").findings["row"].to_numpy()
    worst = numpy.argpartition(-doubt, wrong.sum())[: wrong.sum()]
    found |= {"rows": len(doubt), "listed": len(rows), "right": float(wrong[rows].mean()), "first": float(wrong[worst].mean())}
    found["expected"] = [int(v) for v in audit.expected_errors] + [int(wrong.sum())]
    found["seconds"] = dict(zip(audit.checks["detector"], audit.checks["seconds"]))
print(json.dumps(found))
"""


def make_file(path: Path, rows: int, wrong: float) -> None:
    """Write the file, and beside it which labels were flipped."""
    random = np.random.default_rng(0)
    schema = pa.schema([*((f"x{j}", pa.float64()) for j in range(COLUMNS)), ("label", pa.string())])
    marks = []
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, GROUP):
            size = min(GROUP, rows - start)
            points = random.normal(size=(size, COLUMNS))
            side = (
                2 * points[:, 0] + points[:, 1] ** 2 - 1 + points[:, 2] * points[:, 3] + 0.3 * random.normal(size=size)
            )
            flipped = random.random(size) < wrong
            label = np.array(["no", "yes"])[((side > 0) != flipped).astype(int)]
            writer.write_table(pa.table([*points.T, label], schema=schema))
            marks.append(flipped)
    np.save(path.with_suffix(".npy"), np.concatenate(marks))


def measure(path: Path, what: str) -> dict[str, object]:
    """Measure one pass in a process of its own."""
    command = [sys.executable, "-c", MEASURE, str(path), what]
    # Bytecode is kept, as every installer and every second start do: else scikit-learn is compiled anew in each process.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=kept | ONE_THREAD)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--wrong", type=float, default=0.03)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        make_file(path, asked.rows, asked.wrong)
        print(f"{asked.rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
        runs = {what: [measure(path, what) for _ in range(asked.repeats)] for what in ("scan", "audit")}
    best = {what: min(its, key=lambda run: float(str(run["cpu"]))) for what, its in runs.items()}
    for what, its in best.items():
        print(what, json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in its.items()}))
    for clock in ("wall", "cpu"):
        least = [min(float(str(run[clock])) for run in runs[what]) for what in ("scan", "audit")]
        print(f"{clock}: scan {least[0]:.2f} s, audit {least[1]:.2f} s, {least[1] / least[0]:.1f} times the scan")


if __name__ == "__main__":
    main()
