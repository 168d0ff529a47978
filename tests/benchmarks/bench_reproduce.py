"""Runs made again after their inputs were overwritten: how many give the same metrics, and whether the rest is named.

Run as ``OMP_NUM_THREADS=1 python tests/benchmarks/bench_reproduce.py [RUNS]`` (default 20); it prints one table and fails
where a run is neither reproduced nor its missing input named. Half of the runs keep their inputs by content,
half do not; all inputs are overwritten once more at the end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from nbformat import v4

from dcai.pipelines.pipeline import promote
from dcai.pipelines.reproduction import reproduce
from dcai.pipelines.runs import run

CELLS = [
    "depth = 2",
    "import json, pandas as pd, dcai\nfrom sklearn.tree import DecisionTreeClassifier",
    "t = pd.read_csv('data.csv'); notes = len(open('corrections/y.jsonl').readlines())",
    "half = len(t) // 2; tree = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(t[['a', 'b']][:half], t.y[:half])",
    "dcai.record(accuracy=tree.score(t[['a', 'b']][half:], t.y[half:]), mean=t.a.mean(), notes=notes)",
]


def git(*arguments: str) -> None:
    """Call git in the current folder."""
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def overwrite(number: int) -> None:
    """Write other data over the input, and one more line to the log."""
    random = np.random.default_rng(number)
    table = pd.DataFrame(random.normal(size=(400, 2)), columns=["a", "b"])
    table.assign(y=(table.a + random.normal(size=400) > 0).astype(int)).to_csv("data.csv", index=False)
    with Path("corrections/y.jsonl").open("a", encoding="utf-8", newline="\n") as log:
        log.write(f'{{"n": {number}}}\n')


def prepare() -> Path:
    """Make a repository with a committed pipeline in the current folder; returns its manifest."""
    git("init", "--quiet")
    git("config", "user.name", "Ada")
    git("config", "user.email", "ada@example.org")
    Path("corrections").mkdir()
    Path(".gitignore").write_text("data.csv\ncorrections/\n", encoding="utf-8")
    overwrite(10_000)
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(c) for c in CELLS]), Path("train.ipynb"))
    manifest = promote("train.ipynb", inputs=["data.csv"], check=False, commit=True).folder / "pipeline.yaml"
    git("add", "-A")
    git("commit", "--quiet", "-m", "Notebook")
    return manifest


def main(runs: int) -> int:
    """Make the runs, make them again, and print what became of each."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        manifest = prepare()
        for number in range(runs):
            if number == runs // 2:
                kept = manifest.read_text(encoding="utf-8")
                manifest.write_text(kept + "snapshots: true\n", encoding="utf-8")
                git("commit", "--quiet", "-am", "Keep inputs")
            overwrite(number)
            assert run("train", {"depth": 1 + number % 4}, run_id=f"run{number:02d}").status == "succeeded"
        overwrite(runs)
        for number in range(runs):
            began = time.perf_counter()
            made = reproduce(f"run{number:02d}")
            expected = ("data.csv",) if number < runs // 2 else ()
            said = "the same metrics" if made else f"missing {', '.join(made.missing)}"
            right = made.missing == expected and bool(made) == (not expected)
            rows.append((number, number >= runs // 2, said, right, time.perf_counter() - began))
        os.chdir("/")
    table = pd.DataFrame(rows, columns=["run", "inputs kept", "outcome", "right", "seconds"])
    print(
        table.groupby(["inputs kept", "outcome"])
        .agg(runs=("run", "size"), right=("right", "sum"), seconds=("seconds", "median"))
        .round(2)
    )
    return int(not table.right.all())


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
