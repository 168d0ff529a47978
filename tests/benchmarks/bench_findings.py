"""Measure what `audit` finds beside cleanlab, skrub and simple baselines, on the same data and in the same run.

    python tests/benchmarks/bench_findings.py [--data FOLDER] [NAME ...]

Data that packages carry, with errors planted, are always there. Real sets are read from FOLDER:
``labels/*/{data,annotators}.parquet`` and ``tables/*/{dirty,clean}.csv``.
NAME picks sets by a part of their names.

Each measurement is a process of its own on one thread. `F1` is that of the flagged rows or cells, `best F1` that of as
many of the first rows of the same ranking as make it the largest, which nobody knows beforehand, `AP` that of the ranking, `lift100` how many times more errors the first 100 rows hold than any 100; `safe` counts the repairs offered
for acceptance and how many are right; `right` is the share of rows whose consensus is the true class. CPU seconds and
peak memory are those of the whole process but for its imports: for cleanlab with every model that it was picked from.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from peers import METHODS, NotInstalled
from sets import CellSet, LabelSet, list_sets
from sklearn.metrics import average_precision_score

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1")
COLUMNS = {
    "labels": ("precision", "recall", "F1", "best F1", "AP", "lift100"),
    "crowd": ("right",),
    "cells": ("precision", "recall", "F1", "AP", "safe", "right"),
}


def score_flags(
    flagged: npt.NDArray[np.bool_], doubt: npt.NDArray[np.float64], wrong: npt.NDArray[np.bool_]
) -> dict[str, float]:
    """Score flags and a ranking against what is wrong."""
    hit = int((flagged & wrong).sum())
    precision, recall = hit / max(int(flagged.sum()), 1), hit / max(int(wrong.sum()), 1)
    order = np.argsort(-doubt, kind="stable")
    hits = np.cumsum(wrong[order])
    best = 2 * hits / (np.arange(1, len(hits) + 1) + max(int(hits[-1]), 1))
    return {
        "precision": precision,
        "recall": recall,
        "F1": 2 * precision * recall / max(precision + recall, 1e-12),
        "best F1": float(best.max()),
        "AP": float(average_precision_score(wrong, doubt)),
        "lift100": float(wrong[order[:100]].mean() / max(wrong.mean(), 1e-12)),
    }


def score_labels(data: LabelSet, answer: Any) -> dict[str, float]:
    """Score the rows whose truth is known."""
    flagged, doubt = answer
    return score_flags(flagged[data.known], doubt[data.known], data.wrong[data.known])


def score_crowd(data: LabelSet, answer: Any) -> dict[str, float]:
    """Score a consensus by the share of rows for which it is the truth."""
    assert data.truth is not None
    pairs = zip(answer[data.known], data.truth[data.known], strict=True)
    return {"right": float(np.mean([_same(a, b) for a, b in pairs]))}


def _same(one: Any, other: Any) -> bool:
    return str(one) == str(other) or (isinstance(one, float) and one == other)


def score_cells(data: CellSet, answer: Any) -> dict[str, float]:
    """Score cells, and the repairs that are offered for acceptance."""
    flagged, doubt, repairs = answer
    wrong = data.dirty.to_numpy() != data.clean.to_numpy()
    right = sum(data.clean.iat[at] == value for at, value in repairs.items())
    scores = score_flags(flagged.ravel(), doubt.ravel(), wrong.ravel())
    return scores | {"safe": len(repairs), "right": right / len(repairs) if repairs else float("nan")}


SCORES = {"labels": score_labels, "crowd": score_crowd, "cells": score_cells}


def measure(kind: str, make: Any, method: str) -> dict[str, Any]:
    """Run one method on one set in this process."""
    data = make()
    warnings.simplefilter("ignore")  # the peers' own advice to their users
    start = time.process_time()
    try:
        answer = METHODS[kind][method](data)
    except NotInstalled as error:
        return {"said": str(error)}
    scores: dict[str, Any] = SCORES[kind](data, answer)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return scores | {"CPU s": time.process_time() - start, "peak MB": peak}


def run_apart(name: str, method: str, data: Path | None) -> dict[str, Any]:
    """Run one measurement in a process of its own."""
    command = [sys.executable, __file__, "--one", name, method, *([] if data is None else ["--data", str(data)])]
    done = subprocess.run(command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {"said": f"failed: {lines[-1] if lines else done.returncode}"}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def show(kind: str, name: str, method: str, scores: dict[str, Any]) -> str:
    """Write one line of the table."""
    head = f"{name:<30}{method:<13}"
    if "said" in scores:
        return f"{head}{scores['said']}"
    cells = [f"{scores[c]:>10.0f}" if c == "safe" else f"{scores[c]:>10.3f}" for c in COLUMNS[kind]]
    return f"{head}{''.join(cells)}{scores['CPU s']:>10.1f}{scores['peak MB']:>10.0f}"


def main() -> None:
    """Print the table, one kind of data after the other."""
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--data", type=Path, help="a folder of real sets")
    ask.add_argument("--one", nargs=2, metavar=("SET", "METHOD"), help=argparse.SUPPRESS)
    ask.add_argument("names", nargs="*", help="parts of the names of sets; all without")
    options = ask.parse_args()
    folder = options.data
    if folder is not None and not ((folder / "labels").is_dir() or (folder / "tables").is_dir()):
        ask.error(f"{folder} holds neither labels/ nor tables/.")
    sets = list_sets(folder)
    if options.one:
        name, method = options.one
        print(json.dumps(measure(*sets[name], method)))
        return
    if folder is None:
        print("Only the sets that packages carry are measured; --data names a folder of real ones.")
    for kind, columns in COLUMNS.items():
        chosen = [
            n
            for n, (its, _) in sets.items()
            if its == kind and (not options.names or any(p in n for p in options.names))
        ]
        if chosen:
            print(f"\n{kind:<30}{'method':<13}{''.join(f'{c:>10}' for c in columns)}{'CPU s':>10}{'peak MB':>10}")
        for name in chosen:
            for method in METHODS[kind]:
                print(show(kind, name, method, run_apart(name, method, folder)), flush=True)


if __name__ == "__main__":
    main()
