"""Measure how often the 95 % intervals of `compare` hold the true value, which is known because the data are made.

Run: python tests/benchmarks/bench_intervals.py [studies]. It takes about half a second for each study.
"""

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from dcai.base.fingerprints import hash_rows, to_hex
from dcai.base.records import Correction
from dcai.corrections.log import CorrectionLog
from dcai.corrections.matching import Columns
from dcai.experiments.comparison import compare

ROWS, NOISE, CLASSES, WIDTH = 300, 0.25, 3, 5
CENTRES = np.random.default_rng(0).normal(size=(CLASSES, WIDTH))
MODELS = {"logistic": LogisticRegression(), "tree": DecisionTreeClassifier(min_samples_leaf=5, random_state=0)}


def make_rows(rng, rows):
    truth = rng.integers(0, CLASSES, rows)
    features = CENTRES[truth] + rng.normal(size=(rows, WIDTH))
    given = np.where(rng.random(rows) < NOISE, (truth + rng.integers(1, CLASSES, rows)) % CLASSES, truth)
    frame = pd.DataFrame(features, columns=[f"x{i}" for i in range(WIDTH)]).assign(id=range(rows), y=given)
    return frame, truth


def write_log(folder, frame, truth):
    columns = Columns(tuple(sorted(c for c in frame.columns if c != "y")), "y")
    hashes = hash_rows(frame).tolist()
    drafts = [
        Correction(
            v=1,
            id="",
            verdict="relabel",
            key={"id": int(i)},
            part=None,
            column="y",
            given=int(frame["y"][i]),
            value=int(truth[i]),
            row=f"{to_hex(hashes[i])}:{columns.digest}",
            by="bench",
            at="",
            why={},
            note="",
            columns=list(columns.identity) if place == 0 else None,
            label="y" if place == 0 else None,
        )
        for place, i in enumerate(np.flatnonzero(frame["y"].to_numpy() != truth))
    ]
    return CorrectionLog(Path(folder) / "y.jsonl").append(*drafts)


def find_truth(model, rng, trainings=400, rows=20_000):
    """The mean score over many training sets, on test rows without end: what the interval shall hold."""
    test, _ = make_rows(rng, rows)
    columns = [c for c in test.columns if c.startswith("x")]
    scores = []
    for _ in range(trainings):
        frame, truth = make_rows(rng, ROWS)
        fits = [model.fit(frame[columns], labels).score(test[columns], test["y"]) for labels in (frame["y"], truth)]
        scores.append((*fits, fits[1] - fits[0]))
    return np.mean(scores, axis=0)


def main(studies):
    rng = np.random.default_rng(7)
    names = ["score of baseline", "score of data-centric", "gain of data-centric"]
    print(f"{studies} studies of {ROWS} training and {ROWS} test rows, {NOISE:.0%} wrong labels; nominal 95 %")
    for name, model in MODELS.items():
        true = find_truth(model, rng)
        inside, widths, excludes = np.zeros(3), np.zeros(3), 0
        for study in range(studies):
            frame, truth = make_rows(rng, ROWS)
            test = make_rows(rng, ROWS)[0].assign(id=range(ROWS, 2 * ROWS))
            with tempfile.TemporaryDirectory() as folder:
                table = compare(
                    frame, test, "y", write_log(folder, frame, truth), models=model, random_state=study
                ).table
            found = np.array(
                [
                    table.loc["baseline", ["low", "high"]],
                    table.loc["data-centric", ["low", "high"]],
                    table.loc["data-centric", ["gain_low", "gain_high"]],
                ],
                dtype=float,
            )
            inside += (found[:, 0] <= true) & (true <= found[:, 1])
            widths += found[:, 1] - found[:, 0]
            excludes += found[2, 0] > 0
        for what, value, share, width in zip(names, true, inside / studies, widths / studies, strict=True):
            print(f"{name:9s} {what:22s} true {value:+.4f}  held in {share:6.1%}  mean width {width:.4f}")
        print(f"{name:9s} the gain's interval lies above 0 in {excludes / studies:.1%} of the studies")


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
