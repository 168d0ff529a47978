"""Measure how many planted label errors `audit` finds, on tables that scikit-learn carries, and what that costs.

Run: python tests/benchmarks/bench_findings.py [share of wrong labels ...]. It takes a few seconds for each line.
Precision and recall are those of the flagged rows, AP that of the ranking; `pairs` confuses each class with its
next one, as people do, `uniform` with any.
"""

import sys
import time

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.metrics import average_precision_score

from dcai.findings.report import audit

TABLES = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}


def plant_errors(truth, share, kind, random):
    classes = int(truth.max()) + 1
    rows = random.choice(len(truth), round(share * len(truth)), replace=False)
    step = 1 if kind == "pairs" else random.integers(1, classes, len(rows))
    given = truth.copy()
    given[rows] = (given[rows] + step) % classes
    return given


def measure(name, share, kind):
    data = TABLES[name](as_frame=True)
    truth = data.target.to_numpy()
    given = plant_errors(truth, share, kind, np.random.default_rng(0))
    wrong = given != truth
    start = time.process_time()
    found = audit(data.data.assign(label=given), "label", progress=False)
    seconds = time.process_time() - start
    flagged = np.zeros(len(truth), dtype=bool)
    flagged[found.by("labels").findings["row"]] = True
    hits = int((flagged & wrong).sum())
    expected = found.expected_errors
    print(
        f"{name:<14}{kind:<9}{wrong.mean():>6.3f}{flagged.mean():>9.3f}{hits / max(flagged.sum(), 1):>11.2f}{hits / wrong.sum():>8.2f}"
        f"{average_precision_score(wrong, found.scores['labels']):>7.2f}"
        f"{expected.low:>8.0f} < {expected.estimate:>4.0f} < {expected.high:>4.0f} ({wrong.sum():>3} planted){seconds:>7.1f} s"
    )


def main(shares):
    print("table         noise     wrong  flagged  precision  recall     AP  expected errors")
    for share in shares:
        for kind in ("uniform", "pairs"):
            for name in TABLES:
                measure(name, share, kind)


if __name__ == "__main__":
    main([float(s) for s in sys.argv[1:]] or [0.02, 0.1, 0.3])
