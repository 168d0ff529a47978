"""Measure how often the 95 % intervals of `compare` hold the true gain, which is known because the data are made.

Run: python tests/benchmarks/bench_intervals.py [studies] [--models logistic tree forest neighbour] [--designs plain few
groups] [--metric accuracy]. Noise is planted at known rates and taken out again by a log that is right; in data without
noise the log only leaves out a tenth of the rows at random, which can do no good: there every gain that is shown is a false
alarm. `plain`: single rows, none to much noise. `few`: about one and three wrong labels of 300, and always one at least.
`groups`: rows in groups of 15 that share a shift of their own and their annotator, who is wrong twice as often or never;
whole groups are then resampled, and new studies have new groups. It takes about half a second for each study.

The last column is the chance that intervals which hold 95 times in 100 hold as seldom as the worst of the three did (exact
binomial, for one interval): below .01 they are too narrow.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binom
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
LEVEL = 0.95
DESIGNS = {"plain": (None, (0.0, 0.1, 0.25)), "few": (None, (0.003, 0.01)), "groups": (15, (0.0, 0.1, 0.25))}
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


def make_study(rng, rate, size):
    """Draw training rows and what the log says of them; where noise is planted, at least one label is wrong."""
    while True:
        frame, truth = make_rows(rng, ROWS, rate, size)
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


def find_truth(model, rng, rate, size, options):
    """The mean score over many training sets, on test rows without end: what the interval shall hold."""
    test, _ = make_rows(rng, options.rows, rate, size)
    columns = [c for c in test.columns if c.startswith("x")]
    score = get_scorer(options.metric)
    scores = []
    for _ in range(options.trainings):
        frame, truth, fixes = make_study(rng, rate, size)
        left = frame.drop(index=[i for i, value in fixes.items() if value is None])
        labels = left["y"].where(~left.index.isin(list(fixes)), pd.Series(truth)[left.index])
        fits = [
            score(model.fit(rows[columns], y), test[columns], test["y"])
            for rows, y in ((frame, frame["y"]), (left, labels))
        ]
        scores.append((*fits, fits[1] - fits[0]))
    return np.mean(scores, axis=0)


def study(name, rate, size, options, rng):
    """Print how often the intervals of one model held the truth, at one rate of noise."""
    model, studies = MODELS[name], options.studies
    true = find_truth(model, rng, rate, size, options)
    inside, widths, shown, significant = np.zeros(3), np.zeros(3), 0, 0
    for number in range(studies):
        frame, _, fixes = make_study(rng, rate, size)
        test = make_rows(rng, ROWS, rate, size)[0].assign(id=range(ROWS, 2 * ROWS))
        groups = None
        if size is not None:
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
        significant += bool(table.loc["data-centric", "p"] < 1 - LEVEL and table.loc["data-centric", "gain"] > 0)
    held = "  ".join(f"{share:6.1%}" for share in inside / studies)
    print(
        f"{name:9s} {rate:5.1%}  {true[2]:+.4f}  {held}  {widths[2] / studies:.4f}  {shown / studies:10.1%}  "
        f"{significant / studies:20.1%}  {binom.cdf(inside.min(), studies, LEVEL):6.3f}",
        flush=True,
    )


def main(options):
    """Print one table for each design."""
    for design in options.designs:
        size, rates = DESIGNS[design]
        where = "" if size is None else f" in groups of {size}"
        print(
            f"{design}: {options.studies} studies of {ROWS} training and {ROWS} test rows{where} for each line, "
            f"{options.metric}; nominal {LEVEL:.0%}"
        )
        print(
            "model     noise  true gain  held: baseline, data-centric, gain  width  gain shown  p < .05 for a gain  chance"
        )
        for name in options.models:
            # Each line has a seed of its own, so that it can be measured again alone.
            for rate in rates if options.rates is None else options.rates:
                study(
                    name, rate, size, options, np.random.default_rng([7, sorted(MODELS).index(name), round(1e4 * rate)])
                )


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("studies", nargs="?", type=int, default=200)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["logistic", "tree"])
    parser.add_argument("--designs", nargs="+", choices=DESIGNS, default=list(DESIGNS))
    parser.add_argument("--rates", nargs="+", type=float, help="shares of wrong labels; default those of the design")
    parser.add_argument("--metric", default="accuracy")
    parser.add_argument("--trainings", type=int, default=400, help="training sets behind the true gain")
    parser.add_argument("--rows", type=int, default=20_000, help="test rows behind it")
    return parser.parse_args()


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(read_options())
