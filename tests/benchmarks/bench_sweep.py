"""How soon a cancelled run has ended with its kernel and its slot is free, here and on a Dask cluster; what a run costs.

python tests/benchmarks/bench_sweep.py [--repeats 5]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import psutil
from distributed import Client, LocalCluster
from nbformat import v4

import dcai

_CELLS = ("seconds = 60.0", "import time; open('began.txt', 'a').write('x'); time.sleep(seconds)")


def make_notebook(root: Path) -> Path:
    """Write a notebook that says when it has begun, and then sleeps."""
    cells = [v4.new_code_cell(c) for c in _CELLS]
    cells[0].metadata["tags"] = ["parameters"]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = root / "sleep.ipynb"
    nbformat.write(v4.new_notebook(cells=cells, metadata=spec), path)
    return path


def has_kernel(root: Path) -> bool:
    """Tell whether a kernel works in a folder."""
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == root and any("ipykernel" in part for part in process.cmdline()):
                return process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
    return False


def wait_for(condition: Callable[[], bool]) -> float:
    """Return the seconds until something holds."""
    began = time.monotonic()
    while not condition():
        time.sleep(0.01)
    return time.monotonic() - began


def cancel_one(client: Any) -> tuple[float, float]:
    """Return the seconds from a cancel until the kernel is gone, and until the slot is free."""
    root = Path(tempfile.mkdtemp()).resolve()
    made = dcai.sweep(make_notebook(root), {"seconds": [60]}, root=root, client=client, wait=False)
    wait_for((root / "began.txt").exists)
    began = time.monotonic()
    made.cancel()
    wait_for(lambda: not has_kernel(root))
    kernel = time.monotonic() - began
    wait_for(lambda: made.is_done)
    return kernel, time.monotonic() - began


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        for name, where in (("here", None), ("on a Dask worker", client)):
            took = [cancel_one(where) for _ in range(repeats)]
            kernel, slot = (statistics.median(times) for times in zip(*took, strict=True))
            longest = max(slot for _, slot in took)
            line = (
                f"{name:20s} kernel gone {kernel:5.2f} s, slot free {slot:5.2f} s (median; longest {longest:.2f} s)\n"
            )
            sys.stdout.write(line)
    root = Path(tempfile.mkdtemp()).resolve()
    notebook = make_notebook(root)
    began = time.monotonic()
    dcai.sweep(notebook, {"seconds": [0, 0.001, 0.002]}, root=root)
    sys.stdout.write(f"a run of a sweep with nothing to do: {(time.monotonic() - began) / 3:.1f} s\n")


if __name__ == "__main__":
    main()
