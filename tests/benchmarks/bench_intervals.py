"""Measure how often the 95 % intervals of `compare` hold the true gain, which is known because the data are made.

Run: python tests/benchmarks/bench_intervals.py [studies]. Noise is planted at known rates and taken out again by a log that
is right; in data without noise the log only leaves out a tenth of the rows at random, which can do no good: there every
gain that is shown is a false alarm. It takes about half a second for each study.
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

ROWS, CLASSES, WIDTH = 300, 3, 5
RATES = (0.0, 0.1, 0.25)
LEFT_OUT = 0.1
CENTRES = np.random.default_rng(0).normal(size=(CLASSES, WIDTH))
MODELS = {"logistic": LogisticRegression(), "tree": DecisionTreeClassifier(min_samples_leaf=5, random_state=0)}


def make_rows(rng, rows, rate):
    truth = rng.integers(0, CLASSES, rows)
    features = CENTRES[truth] + rng.normal(size=(rows, WIDTH))
    given = np.where(rng.random(rows) < rate, (truth + rng.integers(1, CLASSES, rows)) % CLASSES, truth)
    frame = pd.DataFrame(features, columns=[f"x{i}" for i in range(WIDTH)]).assign(id=range(rows), y=given)
    return frame, truth


def choose_fixes(frame, truth, rng, rate):
    """Return what the log says: the true label of each wrong one, or None to leave a row out."""
    if rate:
        return {int(i): int(truth[i]) for i in np.flatnonzero(frame["y"].to_numpy() != truth)}
    return dict.fromkeys(map(int, rng.choice(len(frame), int(LEFT_OUT * len(frame)), replace=False)))


def write_log(folder, frame, fixes):
    columns = Columns(tuple(sorted(c for c in frame.columns if c != "y")), "y")
    hashes = hash_rows(frame).tolist()
    drafts = [
        Correction(
            v=1,
            id="",
            verdict="exclude" if value is None else "relabel",
            key={"id": i},
            part=None,
            column=None if value is None else "y",
            given=None if value is None else int(frame["y"][i]),
            value=value,
            row=f"{to_hex(hashes[i])}:{columns.digest}",
            by="bench",
            at="",
            why={},
            note="",
            columns=list(columns.identity) if place == 0 else None,
            label="y" if place == 0 else None,
        )
        for place, (i, value) in enumerate(fixes.items())
    ]
    return CorrectionLog(Path(folder) / "y.jsonl").append(*drafts)


def find_truth(model, rng, rate, trainings=400, rows=20_000):
    """The mean score over many training sets, on test rows without end: what the interval shall hold."""
    test, _ = make_rows(rng, rows, rate)
    columns = [c for c in test.columns if c.startswith("x")]
    scores = []
    for _ in range(trainings):
        frame, truth = make_rows(rng, ROWS, rate)
        fixes = choose_fixes(frame, truth, rng, rate)
        left = frame.drop(index=[i for i, value in fixes.items() if value is None])
        labels = left["y"].where(~left.index.isin(list(fixes)), pd.Series(truth)[left.index])
        fits = [
            model.fit(rows[columns], y).score(test[columns], test["y"])
            for rows, y in ((frame, frame["y"]), (left, labels))
        ]
        scores.append((*fits, fits[1] - fits[0]))
    return np.mean(scores, axis=0)


def study(name, model, rate, studies, rng):
    true = find_truth(model, rng, rate)
    inside, widths, shown, significant = np.zeros(3), np.zeros(3), 0, 0
    for number in range(studies):
        frame, truth = make_rows(rng, ROWS, rate)
        test = make_rows(rng, ROWS, rate)[0].assign(id=range(ROWS, 2 * ROWS))
        with tempfile.TemporaryDirectory() as folder:
            log = write_log(folder, frame, choose_fixes(frame, truth, rng, rate))
            table = compare(frame, test, "y", log, models=model, random_state=number).table
        rows = [("baseline", "low", "high"), ("data-centric", "low", "high"), ("data-centric", "gain_low", "gain_high")]
        found = np.array([table.loc[row, [low, high]] for row, low, high in rows], dtype=float)
        inside += (found[:, 0] <= true) & (true <= found[:, 1])
        widths += found[:, 1] - found[:, 0]
        shown += found[2, 0] > 0
        significant += bool(table.loc["data-centric", "p"] < 0.05 and table.loc["data-centric", "gain"] > 0)
    held = "  ".join(f"{share:6.1%}" for share in inside / studies)
    print(
        f"{name:9s} {rate:5.0%}  {true[2]:+.4f}  {held}  {widths[2] / studies:.4f}  "
        f"{shown / studies:9.1%}  {significant / studies:9.1%}",
        flush=True,
    )


def main(studies):
    rng = np.random.default_rng(7)
    print(f"{studies} studies of {ROWS} training and {ROWS} test rows for each line; nominal 95 %")
    print("model     noise  true gain  held: baseline, data-centric, gain  width  gain shown  p < .05 for a gain")
    for name, model in MODELS.items():
        for rate in RATES:
            study(name, model, rate, studies, rng)


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
