"""Measure how often the 95 % intervals of `compare` hold the true gain, which is known because the data are made.

Run: python tests/benchmarks/bench_intervals.py [studies] [--models logistic tree forest neighbour] [--rates 0 0.1 0.25]
[--groups 15] [--metric accuracy]. Noise is planted at known rates and taken out again by a log that is right; in data
without noise the log only leaves out a tenth of the rows at random, which can do no good: there every gain that is shown is
a false alarm. Few corrections: --rates 0.003 0.01 (about one and three of 300 rows, and always one at least).
--groups N deals the rows to groups of N that share a shift of their own and their annotator, who is wrong twice as often
or never; whole groups are then resampled, and new studies have new groups. It takes about half a second for each study.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from dcai.base.fingerprints import hash_rows, to_hex
from dcai.base.records import Correction
from dcai.corrections.decisions.matching import Columns
from dcai.corrections.log import CorrectionLog
from dcai.experiments.comparison import compare

ROWS, CLASSES, WIDTH = 300, 3, 5
RATES = (0.0, 0.1, 0.25)
LEFT_OUT = 0.1
CENTRES = np.random.default_rng(0).normal(size=(CLASSES, WIDTH))
SHIFT = 0.7  # standard deviation of what the rows of a group share
MODELS = {
    "logistic": LogisticRegression(),
    "tree": DecisionTreeClassifier(min_samples_leaf=5, random_state=0),
    "forest": RandomForestClassifier(30, min_samples_leaf=3, random_state=0),
    "neighbour": KNeighborsClassifier(1),
}


def make_rows(rng, rows, rate, size=None):
    """Draw rows, in groups of `size` where it is given, with wrong labels; return them and the true labels."""
    truth = rng.integers(0, CLASSES, rows)
    features = CENTRES[truth] + rng.normal(size=(rows, WIDTH))
    rates = np.full(rows, rate)
    if size is not None:
        groups = np.arange(rows) // size
        features += rng.normal(0, SHIFT, (groups.max() + 1, WIDTH))[groups]
        rates = np.where(rng.random(groups.max() + 1) < 0.5, 2 * rate, 0.0)[groups]
    given = np.where(rng.random(rows) < rates, (truth + rng.integers(1, CLASSES, rows)) % CLASSES, truth)
    frame = pd.DataFrame(features, columns=[f"x{i}" for i in range(WIDTH)]).assign(id=range(rows), y=given)
    return (frame if size is None else frame.assign(group=[f"g{g}" for g in groups])), truth


def choose_fixes(frame, truth, rng, rate):
    """Return what the log says: the true label of each wrong one, or None to leave a row out."""
    if rate:
        return {int(i): int(truth[i]) for i in np.flatnonzero(frame["y"].to_numpy() != truth)}
    return dict.fromkeys(map(int, rng.choice(len(frame), int(LEFT_OUT * len(frame)), replace=False)))


def make_study(rng, rate, options):
    """Draw training rows and what the log says of them; where noise is planted, at least one label is wrong."""
    while True:
        frame, truth = make_rows(rng, ROWS, rate, options.groups)
        fixes = choose_fixes(frame, truth, rng, rate)
        if fixes:
            return frame, truth, fixes


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


def find_truth(model, rng, rate, options):
    """The mean score over many training sets, on test rows without end: what the interval shall hold."""
    test, _ = make_rows(rng, options.rows, rate, options.groups)
    columns = [c for c in test.columns if c.startswith("x")]
    score = get_scorer(options.metric)
    scores = []
    for _ in range(options.trainings):
        frame, truth, fixes = make_study(rng, rate, options)
        left = frame.drop(index=[i for i, value in fixes.items() if value is None])
        labels = left["y"].where(~left.index.isin(list(fixes)), pd.Series(truth)[left.index])
        fits = [
            score(model.fit(rows[columns], y), test[columns], test["y"])
            for rows, y in ((frame, frame["y"]), (left, labels))
        ]
        scores.append((*fits, fits[1] - fits[0]))
    return np.mean(scores, axis=0)


def study(name, model, rate, options, rng):
    true, studies = find_truth(model, rng, rate, options), options.studies
    inside, widths, shown, significant = np.zeros(3), np.zeros(3), 0, 0
    for number in range(studies):
        frame, _, fixes = make_study(rng, rate, options)
        test = make_rows(rng, ROWS, rate, options.groups)[0].assign(id=range(ROWS, 2 * ROWS))
        groups = None
        if options.groups is not None:
            groups, test = "group", test.assign(group="test " + test["group"])
        with tempfile.TemporaryDirectory() as folder:
            log = write_log(folder, frame, fixes)
            table = compare(
                frame, test, "y", log, models=model, key="id", groups=groups, scoring=options.metric, random_state=number
            ).table  # fmt: skip
        rows = [("baseline", "low", "high"), ("data-centric", "low", "high"), ("data-centric", "gain_low", "gain_high")]
        found = np.array([table.loc[row, [low, high]] for row, low, high in rows], dtype=float)
        inside += (found[:, 0] <= true) & (true <= found[:, 1])
        widths += found[:, 1] - found[:, 0]
        shown += found[2, 0] > 0
        significant += bool(table.loc["data-centric", "p"] < 0.05 and table.loc["data-centric", "gain"] > 0)
    held = "  ".join(f"{share:6.1%}" for share in inside / studies)
    print(
        f"{name:9s} {rate:5.1%}  {true[2]:+.4f}  {held}  {widths[2] / studies:.4f}  "
        f"{shown / studies:9.1%}  {significant / studies:9.1%}",
        flush=True,
    )


def main(options):
    rng = np.random.default_rng(7)
    where = "" if options.groups is None else f" in groups of {options.groups}"
    print(
        f"{options.studies} studies of {ROWS} training and {ROWS} test rows{where} for each line, {options.metric}; nominal 95 %"
    )
    print("model     noise  true gain  held: baseline, data-centric, gain  width  gain shown  p < .05 for a gain")
    for name in options.models:
        for rate in options.rates:
            study(name, MODELS[name], rate, options, rng)


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("studies", nargs="?", type=int, default=200)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["logistic", "tree"])
    parser.add_argument("--rates", nargs="+", type=float, default=RATES)
    parser.add_argument("--groups", type=int, help="rows of a group")
    parser.add_argument("--metric", default="accuracy")
    parser.add_argument("--trainings", type=int, default=400, help="training sets behind the true gain")
    parser.add_argument("--rows", type=int, default=20_000, help="test rows behind it")
    return parser.parse_args()


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(read_options())
