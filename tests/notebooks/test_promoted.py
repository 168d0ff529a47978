"""Each notebook of this repository, promoted, gives the same results by every way to run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from dcai.pipelines.pipeline import promote
from tests.pipelines.conftest import git, make_repository

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
METRICS = "application/vnd.dcai.metrics+json"
# What differs from one run to the next by its nature: moments, durations, the ids of runs, commits and decisions.
_VARYING = re.compile(
    r"\d{4}-\d\d-\d\d[T ]?[\d:.]*Z?|\d{8}T\d{6}-\d{6}-\w{6}|\b(?=[0-9]*[a-f])[0-9a-f]{7,}\b|\b\d+(\.\d+)? ?(s|seconds|ms|GB|MB|kB)\b"
)
_DATA = """
import numpy as np, pandas as pd
from pathlib import Path
from sklearn.datasets import load_digits
import dcai
pixels, labels = load_digits(return_X_y=True)
table = pd.DataFrame(pixels.astype(int), columns=[f"pixel{i:02d}" for i in range(64)])
table.insert(0, "id", np.arange(len(table)))
table["digit"] = labels
Path("data").mkdir()
train = table.iloc[:800].copy()
train.loc[:99, "digit"] = (train.loc[:99, "digit"] + 1) % 10
train.to_csv("data/train.csv", index=False)
table.iloc[800:].to_csv("data/test.csv", index=False)
review = dcai.Review(dcai.audit(train, label="digit", key="id", detectors=["duplicates"], progress=False), "corrections/digit.jsonl", by="me")
for row in range(100):
    review.decide(row, "relabel", int(labels[row]), column="digit")
"""


def results_of(path):
    """What each cell of an executed notebook has printed and shown as text, and the metrics that it recorded."""
    shown = []
    for cell in nbformat.read(path, as_version=4).cells:
        outputs = cell.get("outputs", [])
        assert not any(o.output_type == "error" for o in outputs), path
        # How the text of a cell is cut into pieces depends on the moment.
        printed = "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")
        data = [o.data for o in outputs if "data" in o]
        texts = [json.dumps(d[METRICS]) if METRICS in d else d.get("text/plain", "") for d in data]
        # A table of durations differs each time.
        shown += [_VARYING.sub("~", text) for text in (printed, *texts) if text and "seconds" not in text]
    return shown


def run_every_way(repo, name, *, check):
    """Promote a notebook of ours in a new repository and run it; returns the pipeline and the results by way."""
    make_repository(repo)
    for path in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(path, repo)
    environment = {**os.environ, "PYTHONPATH": str(NOTEBOOKS.parent)}
    if name == "train":
        subprocess.run([sys.executable, "-c", _DATA], cwd=repo, env=environment, check=True)
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "Notebooks")
    made = promote(repo / f"{name}.ipynb", commit=True, check=check)
    source = f"pipelines/{made.name}/pipeline.ipynb"
    ways = {
        "dcai": ["dcai", "run", made.name, "--quiet", "-o", "dcai.ipynb"],
        "papermill": ["papermill", source, "papermill.ipynb", "--no-progress-bar"],
        "engine": ["papermill", source, "engine.ipynb", "--no-progress-bar", "--engine", "dcai"],
    }
    found = {}
    for way, arguments in ways.items():
        shutil.rmtree(repo / "lesson", ignore_errors=True)  # a lesson goes on where it was left
        call = [sys.executable, "-m", *arguments]
        done = subprocess.run(call, cwd=repo, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found[way] = results_of(repo / f"{way}.ipynb")
    assert json.loads((repo / "engine.ipynb.run.json").read_text())["status"] == "succeeded"
    return made, found


def test_a_promoted_notebook_gives_the_same_results_by_every_way(tmp_path):
    """The lessons take minutes: `tests/benchmarks/bench_promoted.py` does the same with them."""
    made, found = run_every_way(tmp_path / "repo", "train", check=True)
    assert found["dcai"] == found["papermill"] == found["engine"]
    assert json.loads(found["dcai"][0])["accuracy"] > 0.85
    assert made.promotion.undeclared == {"inputs": ["data/test.csv", "data/train.csv"]}
