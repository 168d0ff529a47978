"""Measure how long an audit takes to stop after Ctrl-C, at moments drawn at random, and what it leaves behind.

    python tests/benchmarks/bench_interrupts.py [--rows 100000] [--moments 12] [--ways memory files workers]

Each way is audited once from its beginning to its end in a process of its own, which gives the length of time that moments
are drawn from. Then it is begun anew for each moment and interrupted there, as by Ctrl-C. The table shows, for each way, the
seconds from the signal until the audit has let go (`audit`) and until the process has ended (`process`), at worst and in the
middle, and in which stage the worst was. It fails where an audit took more than a second, ended otherwise, or left a file
or a process.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from bench_speed import ONE_THREAD, make_table

ALLOWED = 1.0
PROGRAM = """
import contextlib, sys, time
import pandas as pd
import dcai
way, path = sys.argv[1:]

@contextlib.contextmanager
def find_client():
    if way != "workers":
        yield None
        return
    import distributed
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, distributed.Client(cluster) as client:
        yield client

if __name__ == "__main__":
    stage = ["start"]
    frame = pd.read_parquet(path) if way == "memory" else path
    with find_client() as client:
        dcai.audit(pd.DataFrame({"x": range(50), "y": ["a", "b"] * 25}), label="y", progress=False)
        print("begun", flush=True)
        try:
            dcai.audit(frame, label="label", client=client, memory="1MB", progress=lambda now, *_: stage.__setitem__(0, now))
        except KeyboardInterrupt:
            print("stopped", stage[0], flush=True)
            sys.exit(130)
    print("ended", flush=True)
"""


def interrupt(way: str, path: Path, after: float | None) -> tuple[float, float, str]:
    """Interrupt an audit after some seconds; return those until it let go and until its process ended, and the stage.

    With None it is left alone, and the seconds are those that it took.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-c", PROGRAM, way, str(path)]
        with subprocess.Popen(
            words, cwd=folder, env=os.environ | ONE_THREAD, stdout=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout is not None
            assert running.stdout.readline() == "begun\n"
            start = time.perf_counter()
            children = psutil.Process(running.pid).children(recursive=True)
            if after is not None:
                time.sleep(after)
                start = time.perf_counter()
                running.send_signal(signal.SIGINT)
            said = running.stdout.readline().split(maxsplit=1)
            let_go = time.perf_counter() - start
            code = running.wait(60)
            ended = time.perf_counter() - start
        left = [p.name for p in Path(folder).iterdir()] + [str(c.pid) for c in children if c.is_running()]
        if left or code != (0 if said == ["ended"] else 130):
            raise SystemExit(f"{way}: it ended with {code}, said {said} and left {left}")
    return let_go, ended, " ".join(said[1:]).strip()


def main() -> int:
    """Measure every way, print the table, and return 1 where one is too slow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--moments", type=int, default=12)
    parser.add_argument(
        "--ways", nargs="+", default=["memory", "files", "workers"], choices=["memory", "files", "workers"]
    )
    asked = parser.parse_args()
    random, worst_of_all = np.random.default_rng(0), 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        make_table(asked.rows, 3, "linear")[0].to_parquet(path, row_group_size=max(asked.rows // 10, 1))
        print(f"{'way':8} {'takes':>7} {'worst':>7} {'median':>7} {'process':>8}  worst in")
        for way in asked.ways:
            whole = interrupt(way, path, None)[0]
            moments = np.sort(random.uniform(0, whole, asked.moments)).tolist()
            found = [run for moment in moments if (run := interrupt(way, path, moment))[2]]
            worst = max(found)
            worst_of_all = max(worst_of_all, worst[0])
            middle, ends = statistics.median(run[0] for run in found), max(run[1] for run in found)
            print(f"{way:8} {whole:6.1f}s {worst[0]:6.2f}s {middle:6.2f}s {ends:7.2f}s  {worst[2]}", flush=True)
    return int(worst_of_all > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
