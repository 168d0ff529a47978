"""Measure how often the range of `Audit.expected_errors` holds the number of wrong labels, which is planted.

Run: python tests/benchmarks/bench_expected_errors.py [first seed] [last seed] [set ...]. Each set takes about half a
minute for each seed. Clean tables get wrong labels of four kinds at five rates:

* uniform: any row, any other class;
* pairwise: any row, always the next class;
* class: mostly rows of the first half of the classes;
* near: the rows that a model of the clean labels is least sure of get the class that it takes for second best;
* rule: the rows with the largest value of one feature get the next class. A model learns it, so no range can hold such
  errors, which the audit's check says; they are left out of the last line.
"""

import sys
import warnings
import zlib

import numpy as np
import pandas as pd
from sklearn import datasets

from dcai import audit

RATES = {"uniform": (0.0, 0.005, 0.02, 0.05, 0.1, 0.2)} | dict.fromkeys(
    ("pairwise", "class", "near", "rule"), (0.02, 0.05, 0.1, 0.2)
)


def take(data, rows, draw):
    some = draw.permutation(len(data.target))[:rows]
    return pd.DataFrame(data.data[some]).add_prefix("x"), data.target[some]


def make_blobs(draw, rows, classes, gap, width=5):
    """Normal classes: with a small gap they overlap."""
    centres = draw.normal(size=(classes, width)) * gap / np.sqrt(width)
    truth = draw.integers(0, classes, rows)
    return pd.DataFrame(centres[truth] + draw.normal(size=(rows, width))).add_prefix("x"), truth


def make_clusters(draw, rows, classes, gap):
    """Classes of two clusters each: no linear model tells them apart."""
    values, truth = datasets.make_classification(
        rows, 12, n_informative=6, n_redundant=2, n_classes=classes, class_sep=gap, flip_y=0,
        random_state=int(draw.integers(1_000_000)),
    )  # fmt: skip
    return pd.DataFrame(values).add_prefix("x"), truth


def make_texts(draw, rows, classes, length, words=400):
    """Bags of words, half of them common to all classes; short ones overlap."""
    common = draw.dirichlet(np.full(words, 0.3))
    topics = 0.5 * common + 0.5 * np.array([draw.dirichlet(common * 20 + 1e-3) for _ in range(classes)])
    truth = draw.integers(0, classes, rows)
    names = np.array([f"w{i}" for i in range(words)])
    texts = [" ".join(draw.choice(names, max(3, draw.poisson(length)), p=topics[code])) for code in truth]
    return pd.DataFrame({"text": texts}), truth


def make_mixed(draw, rows):
    """Two uneven classes that overlap, in numbers and categories."""
    truth = (draw.random(rows) < 0.3).astype(int)
    kinds = np.where(draw.random(rows) < 0.6, truth, draw.integers(0, 3, rows)).astype(str)
    return pd.DataFrame(
        {"a": draw.normal(size=rows) + 1.2 * truth, "b": draw.exponential(1 + truth), "c": kinds}
    ), truth


SETS = {
    "digits": lambda draw: take(datasets.load_digits(), 900, draw),
    "wine": lambda draw: take(datasets.load_wine(), 178, draw),
    "breast cancer": lambda draw: take(datasets.load_breast_cancer(), 569, draw),
    "iris": lambda draw: take(datasets.load_iris(), 150, draw),
    "blobs apart": lambda draw: make_blobs(draw, 600, 4, 5.0),
    "blobs near": lambda draw: make_blobs(draw, 800, 3, 3.0),
    "blobs merged": lambda draw: make_blobs(draw, 1000, 3, 1.5),
    "clusters, 2": lambda draw: make_clusters(draw, 800, 2, 1.0),
    "clusters, 4": lambda draw: make_clusters(draw, 1200, 4, 1.5),
    "clusters, hard": lambda draw: make_clusters(draw, 800, 3, 0.6),
    "texts, long": lambda draw: make_texts(draw, 600, 4, 25),
    "texts, short": lambda draw: make_texts(draw, 900, 5, 6),
    "mixed": lambda draw: make_mixed(draw, 1000),
}


def plant(draw, truth, kind, rate, chances, first):
    """Give `rate` of the rows another class; `first` is the feature that a rule follows."""
    rows, classes = len(truth), int(truth.max()) + 1
    second = np.where(np.arange(classes) == truth[:, None], -1.0, chances)
    shares = {
        "class": np.where(truth < max(1, classes // 2), 1.0, 0.15),
        "near": second.max(axis=1) + 0.01,
    }.get(kind, np.ones(rows))
    wrong = draw.choice(rows, round(rate * rows), replace=False, p=shares / shares.sum())
    if kind == "rule":
        wrong = np.argsort(-pd.factorize(first, sort=True)[0], kind="stable")[: len(wrong)]
    step = {"pairwise": 1, "rule": 1, "near": second.argmax(axis=1) - truth}.get(kind, draw.integers(1, classes, rows))
    given = truth.copy()
    given[wrong] = (truth + step)[wrong] % classes
    return given


def measure(name, seed):
    """Audit one set with errors of all kinds and rates; yield what was planted and what was estimated."""
    draw = np.random.default_rng([seed, zlib.crc32(name.encode())])
    features, truth = SETS[name](draw)
    clean = audit(features.assign(label=truth), "label", detectors="labels", progress=False)
    for kind, rates in RATES.items():
        for rate in rates:
            given = plant(draw, truth, kind, rate, clean.probabilities.to_numpy(), features.iloc[:, 0])
            found = audit(features.assign(label=given), "label", detectors="labels", progress=False)
            wrong, expected = int((given != truth).sum()), found.expected_errors
            held = expected.low <= wrong <= expected.high
            yield {
                "set": name, "kind": kind, "rate": rate, "held": held,
                "width": (expected.high - expected.low) / len(truth), "miss": abs(expected.estimate - wrong) / len(truth),
            }  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    first, last = (int(sys.argv[i]) if len(sys.argv) > i else 0 for i in (1, 2))
    chosen = sys.argv[3:] or list(SETS)
    table = pd.DataFrame([row for name in chosen for seed in range(first, last + 1) for row in measure(name, seed)])
    for by in ("set", "kind", "rate"):
        print(table.groupby(by, sort=by == "rate")[["held", "width", "miss"]].mean().round(3).to_string(), end="\n\n")
    table = table[table["kind"] != "rule"]
    print(f"{len(table)} audits: held {table['held'].mean():.3f}, width {table['width'].mean():.3f} of the rows")
