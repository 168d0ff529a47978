"""Measure what the engine adds to a notebook's own time, beside papermill and nbclient, and how soon pooled runs start.

    python tests/benchmarks/bench_engine.py [--cells 200] [--kilobytes 100] [--seconds 10] [--runs 200] [--only WHAT ...]

* `work`: 20 cells that compute for `--seconds` in all, by the clock inside the notebook. `added` is the time of the
  cells by the runner's clock above that; the start of the kernel and its end are not part of it.
* `output`: `--cells` cells of `--kilobytes` of output each. `save` is nbclient's execution and one save of the notebook;
  each line is the whole call, start and end of the kernel included, with everything imported before.
* `pool`: `--runs` runs with pandas and scikit-learn imported. `first` is the time from the call to the first output of
  the first cell. Every run looks for what the others may have left behind, and leaves something behind itself.
* `sweep`: the same in a warm sweep of `--sets` runs; `first` is the time from the record's `started` to the end of the cell
  that prints first, and `run` that from one run's end to the next one's.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import nbclient
import nbformat
import papermill

from dcai.pipelines.archive.journal import read_journal
from dcai.pipelines.archive.ledger import JOURNAL, read_record, run_folder
from dcai.pipelines.engine import DcaiEngine
from dcai.pipelines.processes.pool import KernelPool
from dcai.pipelines.runs import run
from dcai.pipelines.variations.sweeping import sweep
from tests.pipelines.conftest import make_notebook

_WORK = "import time\nbegan = time.perf_counter()\nwhile time.perf_counter() - began < {}:\n    pass"
_LEAK = """import builtins, os, random, sys
import numpy as np, pandas as pd, sklearn.linear_model
print("first", flush=True)
left = [n for n, there in (("pandas", hasattr(pd, "leak")), ("builtins", hasattr(builtins, "leak")),
        ("environment", "LEAK" in os.environ), ("modules", "leak" in sys.modules), ("names", "leak" in globals()),
        ("options", pd.get_option("display.max_rows") == 7), ("folder", os.getcwd() != here)) if there]
pd.leak = builtins.leak = leak = sys.modules["leak"] = os.environ["LEAK"] = "1"
pd.set_option("display.max_rows", 7)
os.chdir("/")
from dcai.pipelines.runtime.notebook import record
record(left=left, pid=os.getpid(), drawn=float(np.random.rand()), python=random.random())"""


def main() -> None:
    """Print a table for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--kilobytes", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--sets", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=["work", "output", "pool", "sweep"])
    chosen = parser.parse_args()
    papermill.engines.papermill_engines.register("dcai", DcaiEngine)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if "work" in chosen.only:
            measure_work(chosen.seconds)
        if "output" in chosen.only:
            measure_output(chosen.cells, chosen.kilobytes)
        if "pool" in chosen.only:
            measure_pool(chosen.runs)
        if "sweep" in chosen.only:
            measure_sweep(chosen.sets)


def measure_work(seconds: float) -> None:
    """What the engine adds while cells run."""
    nbformat.write(make_notebook("x = 1", *[_WORK.format(seconds / 20)] * 20), "work.ipynb")
    done = run("work.ipynb")
    cells = sum(t.wall for t in done.record.resources.cells[1:]) if done.record.resources else float("nan")
    print(f"work: {seconds:.1f} s of the notebook's own, {cells:.2f} s by the engine: {cells / seconds - 1:+.1%} added")


def measure_output(cells: int, kilobytes: int) -> None:
    """How each way copes with large outputs."""
    nbformat.write(make_notebook("x = 1", *[f"print('x' * {kilobytes * 1000})"] * cells), "output.ipynb")

    def save() -> None:
        notebook = nbformat.read("output.ipynb", 4)
        nbclient.NotebookClient(notebook, kernel_name="python3").execute()
        nbformat.write(notebook, "saved.ipynb")

    def mill(engine: str | None) -> Callable[[], Any]:
        return lambda: papermill.execute_notebook("output.ipynb", "out.ipynb", engine_name=engine, progress_bar=False)

    ways: dict[str, Callable[[], Any]] = {
        "nbclient, one save": save, "dcai run": lambda: run("output.ipynb"), "papermill --engine dcai": mill("dcai"),
        "papermill": mill(None),
    }  # fmt: skip
    print(f"output: {cells} cells of {kilobytes} kB")
    print(f"{'':26} {'wall s':>8} {'CPU s':>8} {'to a save':>10}")
    unit = 0.0
    for name, way in ways.items():
        wall, cpu = time.perf_counter(), time.process_time()
        way()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        unit = unit or wall
        print(f"{name:26} {wall:8.2f} {cpu:8.2f} {wall / unit:9.2f}x")


def measure_pool(runs: int) -> None:
    """How soon pooled runs begin, and whether any of them sees anything of another."""
    nbformat.write(make_notebook("here = ''", _LEAK), "pooled.ipynb")
    firsts, walls, busy, left, pids, drawn = [], [], [], [], set(), set()
    with KernelPool(preload=["pandas", "sklearn.linear_model"]) as pool:
        pool.require_ready("python3")
        for _ in range(runs):
            said: list[float] = []
            began, before = time.perf_counter(), time.process_time()
            done = run("pooled.ipynb", {"here": str(Path.cwd())}, kernels=pool, progress=_first(said))
            walls.append(time.perf_counter() - began)
            kernel = done.record.resources.cpu if done.record.resources else float("nan")
            busy.append(time.process_time() - before + kernel)
            firsts.append(said[0] - began)
            assert read_record(done.folder).status == "succeeded", done.record.error
            left += done.metrics["left"]
            pids.add(done.metrics["pid"])
            drawn |= {done.metrics["drawn"], done.metrics["python"]}
    ordered = sorted(firsts)
    print(
        f"pool: {runs} runs with pandas and scikit-learn imported; first result after {statistics.median(firsts):.2f} s "
        f"(95 % within {ordered[int(0.95 * (runs - 1))]:.2f} s, slowest {ordered[-1]:.2f} s), whole run "
        f"{statistics.median(walls):.2f} s, of it {statistics.median(busy):.2f} s of CPU in runner and kernel"
    )
    print(f"      {len(left)} traces of other runs, {len(pids)} processes, {len(drawn)} random numbers of {2 * runs}")


def measure_sweep(runs: int) -> None:
    """How soon the runs of a warm sweep begin, and whether any of them sees anything of another."""
    nbformat.write(make_notebook("here = ''\nn = 0", _LEAK, "n"), "swept.ipynb")
    began = time.perf_counter()
    made = sweep("swept.ipynb", {"n": range(runs), "here": [str(Path.cwd())]}, warm=True)
    whole = time.perf_counter() - began
    firsts, ends, left, pids = [], [], [], set()
    for one in made.records:
        assert one is not None
        assert one.status == "succeeded", one.error
        events = read_journal(run_folder(one.pipeline, one.run, Path.cwd()) / JOURNAL)
        first = next(e["at"] for e in events if e["event"] == "cell_ended" and e["cell"] == 2)
        firsts.append(_moment(first) - _moment(one.started))
        ends.append(_moment(events[-1]["at"]))
        left += one.metrics["left"]
        pids.add(one.metrics["pid"])
    between = statistics.median(b - a for a, b in itertools.pairwise(ends))
    print(
        f"sweep: {runs} warm runs; first result {statistics.median(firsts):.2f} s after the run began (slowest {max(firsts):.2f} s), "
        f"one run each {between:.2f} s, {whole:.1f} s in all with the preparation"
    )
    print(f"      {len(left)} traces of other runs, {len(pids)} processes")


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _first(said: list[float]) -> Callable[[dict[str, Any]], None]:
    """Note when the cell that prints has ended, which is at most a moment after its first output."""

    def note(event: dict[str, Any]) -> None:
        if event["event"] == "cell_ended" and event["cell"] == 2:
            said.append(time.perf_counter())

    return note


if __name__ == "__main__":
    main()
