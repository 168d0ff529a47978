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
# What differs from one run to the next by its nature: moments, durations, the ids of runs, commits and decisions. One
# short commit id in 27 has digits only: git's line tells what it is.
_VARYING = re.compile(
    r"(?m)^[0-9a-f]{7,40}(?= [A-Z])|\d{4}-\d\d-\d\d[T ]?[\d:.]*Z?|\d{8}T\d{6}-\d{6}-\w{6}|\b(?=[0-9]*[a-f])[0-9a-f]{7,}\b|\b\d+(\.\d+)? ?(s|seconds|ms|GB|MB|kB)\b"
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


# Each notebook here with what it needs and makes.
NIGHTLY = {"nightly/train": ("model.json", "reference.csv"), "nightly/classify": ("labels.csv",)}


def without_durations(text):
    """Hide the column `seconds` of a table that pandas has printed; how wide its columns are follows from the numbers."""
    lines, end = [], None
    for line in text.splitlines():
        head = re.search(r"\bseconds\b", line)
        if head or not line.strip():
            end = head and head.end()
        elif end is not None:
            lines.append(" ".join([*line[:end].split()[:-1], "~", *line[end:].split()]))
            continue
        lines.append(" ".join(line.split()))
    return "\n".join(lines)


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
        shown += [_VARYING.sub("~", without_durations(text)) for text in (printed, *texts) if text]
    return shown


def prepare(repo, name, environment):
    """Make what a notebook reads: a table with planted errors and decisions, or a shop's database and a model of it."""
    if name == "train":
        subprocess.run([sys.executable, "-c", _DATA], cwd=repo, env=environment, check=True)
    if name in NIGHTLY:
        for path in (NOTEBOOKS / "nightly").iterdir():
            shutil.copy(path, repo)
        subprocess.run([sys.executable, "shop.py", "1"], cwd=repo, env=environment, check=True)
    if name == "nightly/classify":
        promote(repo / "train.ipynb", outputs=NIGHTLY["nightly/train"], check=False)
        subprocess.run([sys.executable, "-m", "dcai", "run", "train", "--quiet"], cwd=repo, env=environment, check=True)


def run_every_way(repo, name, *, check):
    """Promote a notebook of ours in a new repository and run it; returns the pipeline and the results by way."""
    make_repository(repo)
    for path in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(path, repo)
    environment = {**os.environ, "PYTHONPATH": str(NOTEBOOKS.parent)}
    prepare(repo, name, environment)
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "Notebooks")
    outputs = NIGHTLY.get(name, ())
    made = promote(repo / f"{Path(name).name}.ipynb", outputs=outputs, commit=True, check=check)
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
        # A run of its own has a name, which plain papermill does not give.
        files = [re.sub(r",[^,\n]*$", "", (repo / p).read_text(), flags=re.MULTILINE) if p == "labels.csv" else (repo / p).read_text() for p in outputs]  # fmt: skip
        found[way] = [*results_of(repo / f"{way}.ipynb"), *files]
    assert json.loads((repo / "engine.ipynb.run.json").read_text())["status"] == "succeeded"
    return made, found


def test_a_promoted_notebook_gives_the_same_results_by_every_way(tmp_path):
    """The others take minutes: `tests/benchmarks/bench_promoted.py` does the same with them."""
    made, found = run_every_way(tmp_path / "repo", "train", check=True)
    assert found["dcai"] == found["papermill"] == found["engine"]
    assert json.loads(found["dcai"][0])["accuracy"] > 0.85
    assert made.promotion.undeclared == {"inputs": ["data/test.csv", "data/train.csv"]}


def test_what_varies_by_its_nature_is_told_from_results():
    for commit in ("1234567", "12345e7", "abcdef0", "1" * 40):
        assert _VARYING.sub("~", f"{commit} Promote pipeline train") == "~ Promote pipeline train"
    assert _VARYING.sub("~", "accuracy 1234567") == "accuracy 1234567"
    one = "  detector  seconds  rows\n0   labels     1.25    80\n1   ranges     0.5      7\n\nseconds is a word\nx 1"
    other = one.replace("   1.25", "  11.31").replace("   0.5 ", "   0.75")
    assert without_durations(one) == without_durations(other)
    assert "80" in without_durations(one)
    assert without_durations(one) != without_durations(one.replace("   7", "   8"))
