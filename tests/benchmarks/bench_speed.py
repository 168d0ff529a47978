"""Measure CPU seconds and peak memory of an audit beside what a user writes by hand, in the same run.

    python tests/benchmarks/bench_speed.py [--rows 10000 100000] [--classes 10] [--kinds linear nonlinear]
                                           [--who dcai again first hand expert boosting judge issues joint confident]
                                           [--repeats 1]
                                           [--reference-python PATH]

The table is mixed: 10 numbers with gaps, 5 categories, 1 text; its labels hold planted, class-dependent noise.

* `dcai`: an audit by all detectors, with defaults. `again`: the same after 1 % of the labels were fixed.
* `first`: the same in a process that has done nothing yet: all imports count but those of pandas and scikit-learn.
* `hand`: skrub's vectoriser, logistic regression, 5-fold `cross_val_predict`, then cleanlab's `Datalab.find_issues`.
* `expert`: the same with an approximate neighbour graph supplied.
* `boosting`: 5-fold histogram gradient boosting on the same vectors, then cleanlab's ranking.
* `judge`: which labels are wrong by given probabilities, as dcai says. `issues`: cleanlab's `find_label_issues` on them.
* `joint`: thresholds and confident joint of given probabilities, as dcai counts them; `confident`: as cleanlab does.

The references need skrub, ``cleanlab[datalab]`` and faiss-cpu: where these are not installed beside dcai, name the Python
of an environment that has them by `--reference-python`.

Every measurement is a process of its own on one thread: its imports and a tiny warm-up come first and do not count (but
for `first`); the CPU time of its children does. `ap` is the average precision of the ranking against the planted errors.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Work = Callable[[], Floats]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1")
WORDS = 2000


def make_table(rows: int, classes: int, kind: str, noise: float = 0.1) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    """Make a mixed table, and tell which of its labels are wrong."""
    random = np.random.default_rng(7)
    truth = random.choice(classes, rows, p=_shares(classes))
    # In the nonlinear table every class lies in several places, which no linear model can tell from the others.
    places = 1 if kind == "linear" else 5
    centres = (0.6 if kind == "linear" else 1.6) * random.normal(size=(classes, places, 10))
    numbers = centres[truth, random.integers(0, places, rows)] + random.normal(size=(rows, 10))
    numbers[random.random(numbers.shape) < 0.05] = np.nan
    frame = pd.DataFrame(numbers, columns=[f"number_{i}" for i in range(10)])
    weight = 0.15 if kind == "linear" else 0.0
    for i in range(5):
        levels = 4 + 5 * i
        liked = random.integers(0, levels, classes)[truth]
        taken = np.where(random.random(rows) < weight, liked, random.integers(0, levels, rows))
        frame[f"category_{i}"] = pd.Series(np.array([f"level {k}" for k in range(levels)])[taken])
    frame["text"] = _write_texts(random, truth, classes, weight)
    # Class-dependent: some classes are mixed up with their neighbour more than others.
    rate = noise * 2 * random.random(classes)
    wrong = random.random(rows) < rate[truth]
    given = np.where(wrong, (truth + 1) % classes, truth)
    frame["label"] = np.array([f"class {k:03d}" for k in range(classes)])[given]
    return frame, wrong


def _shares(classes: int) -> Floats:
    shares = np.linspace(1.0, 0.3, classes)
    return np.asarray(shares / shares.sum())


def _write_texts(random: np.random.Generator, truth: npt.NDArray[Any], classes: int, weight: float) -> list[str]:
    vocabulary = np.array([f"word{k}" for k in range(WORDS)])
    common = np.minimum((WORDS * random.random((len(truth), 8)) ** 3).astype(int), WORDS - 1)
    own = (truth[:, None] * 7 + random.integers(0, 7, (len(truth), 8))) % WORDS
    words = vocabulary[np.where(random.random((len(truth), 8)) < weight / 2, own, common)]
    return [" ".join(line) for line in words]


# ---------------------------------------------------------------- who is measured: prepare (not counted), then work


def audit_with_dcai(frame: pd.DataFrame) -> Floats:
    """Audit with every detector and default."""
    import dcai

    return dcai.audit(frame, label="label", progress=False).scores["labels"].to_numpy(dtype=np.float64)


def prepare_again(frame: pd.DataFrame) -> Work:
    """Audit once, fix one label in a hundred, and audit again."""
    audit_with_dcai(frame)
    fixed = frame.copy()
    rows = np.arange(0, len(frame), 100)
    fixed.loc[rows, "label"] = frame["label"].to_numpy()[(rows + 1) % len(frame)]
    return lambda: audit_with_dcai(fixed)


def _invent_probabilities(frame: pd.DataFrame) -> tuple[npt.NDArray[np.intp], Floats]:
    """Invent probabilities for the labels: of most rows those of the given class are high."""
    codes = np.asarray(pd.Categorical(frame["label"]).codes, dtype=np.intp)
    random = np.random.default_rng(0)
    powers = np.exp(random.normal(size=(len(codes), codes.max() + 1)))
    sure = np.where(random.random(len(codes)) < 0.9, codes, random.integers(0, powers.shape[1], len(codes)))
    powers[np.arange(len(codes)), sure] *= 20
    return codes, np.asarray(powers / powers.sum(axis=1, keepdims=True))


def prepare_judging(frame: pd.DataFrame) -> Work:
    """Judge labels by given probabilities, as dcai does."""
    from dcai.findings.labels.noise import estimate_noise

    codes, probabilities = _invent_probabilities(frame)
    return lambda: np.asarray(estimate_noise(probabilities, codes).doubt)


def prepare_issues(frame: pd.DataFrame) -> Work:
    """Judge labels by given probabilities, as cleanlab does."""
    from cleanlab.filter import find_label_issues

    codes, probabilities = _invent_probabilities(frame)
    return lambda: np.asarray(find_label_issues(codes, probabilities, n_jobs=1), dtype=np.float64)


def prepare_joint(frame: pd.DataFrame) -> Work:
    """Count thresholds and the confident joint of given probabilities, as dcai does."""
    from dcai.findings.labels.confident import count_confident

    codes, probabilities = _invent_probabilities(frame)
    return lambda: _see_confident(codes, count_confident(codes, probabilities))


def prepare_confident(frame: pd.DataFrame) -> Work:
    """Count thresholds and the confident joint of given probabilities, as cleanlab does."""
    from cleanlab.count import compute_confident_joint

    codes, probabilities = _invent_probabilities(frame)
    return lambda: _see_confident(codes, compute_confident_joint(codes, probabilities, calibrate=False))


def _see_confident(codes: npt.NDArray[np.intp], joint: npt.NDArray[np.intp]) -> Floats:
    """Show the joint as a number for each row: what is measured has to give a ranking."""
    return np.asarray(1 - joint.diagonal()[codes] / joint.sum(), dtype=np.float64)


def work_by_hand(frame: pd.DataFrame, *, graph: bool = False) -> Floats:
    """Do what a user writes by hand."""
    from cleanlab import Datalab
    from cleanlab.rank import get_self_confidence_for_each_label
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from skrub import tabular_pipeline

    features, given = frame.drop(columns="label"), frame["label"].to_numpy()
    model = tabular_pipeline(LogisticRegression(max_iter=200))
    probabilities = cross_val_predict(model, features, given, cv=5, method="predict_proba")
    vectors = np.asarray(model[:-1].fit_transform(features), dtype=np.float64)
    with contextlib.redirect_stdout(io.StringIO()):
        lab = Datalab({"label": given.tolist()}, label_name="label")
        more = {"knn_graph": _approximate_graph(vectors)} if graph else {"features": vectors}
        lab.find_issues(pred_probs=probabilities, **more)
    codes = pd.Categorical(given).codes
    return np.asarray(1 - get_self_confidence_for_each_label(codes, probabilities))


def _approximate_graph(vectors: Floats) -> Any:
    import faiss
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import PCA

    faiss.omp_set_num_threads(1)
    points = np.ascontiguousarray(
        PCA(min(32, vectors.shape[1]), random_state=0).fit_transform(vectors), dtype=np.float32
    )
    lists = max(1, int(4 * np.sqrt(len(points))))
    index = faiss.index_factory(points.shape[1], f"IVF{lists},Flat")
    index.train(points[:: max(1, len(points) // (40 * lists))])
    index.add(points)
    index.nprobe = 8
    far, near = index.search(points, 11)
    own = near == np.arange(len(points))[:, None]
    own[~own.any(axis=1), -1] = True
    near, far = near[~own].reshape(len(points), 10), np.sqrt(np.maximum(far[~own], 0)).reshape(len(points), 10)
    return csr_matrix((far.ravel(), near.ravel(), np.arange(0, near.size + 1, 10)), shape=(len(points), len(points)))


def boost(frame: pd.DataFrame) -> Floats:
    """Rank by gradient boosting, as a user who knows that the table is nonlinear does."""
    from cleanlab.rank import get_self_confidence_for_each_label
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import cross_val_predict
    from skrub import tabular_pipeline

    given = frame["label"].to_numpy()
    model = tabular_pipeline(HistGradientBoostingClassifier())
    probabilities = cross_val_predict(model, frame.drop(columns="label"), given, cv=5, method="predict_proba")
    return np.asarray(1 - get_self_confidence_for_each_label(pd.Categorical(given).codes, probabilities))


WORKERS: dict[str, Callable[[pd.DataFrame], Work]] = {
    "dcai": lambda frame: lambda: audit_with_dcai(frame),
    "again": prepare_again,
    "first": lambda frame: lambda: audit_with_dcai(frame),
    "judge": prepare_judging,
    "joint": prepare_joint,
    "confident": prepare_confident,
    "hand": lambda frame: lambda: work_by_hand(frame),
    "expert": lambda frame: lambda: work_by_hand(frame, graph=True),
    "boosting": lambda frame: lambda: boost(frame),
    "issues": prepare_issues,
}
REFERENCES = ("hand", "expert", "boosting", "issues", "confident")
USUAL = ("dcai", "again", "hand", "expert", "boosting")


def measure(who: str, rows: int, classes: int, kind: str) -> dict[str, object]:
    """Measure one worker in this process."""
    import sklearn  # noqa: F401 (what a user has imported already does not count)

    warnings.simplefilter("ignore")
    if who != "first":
        WORKERS[who](make_table(400, 2, "linear")[0])()
    frame, wrong = make_table(rows, classes, kind)
    work = WORKERS[who](frame)
    before, clock = _cpu(), time.perf_counter()
    doubt = work()
    used, passed = _cpu() - before, time.perf_counter() - clock
    from sklearn.metrics import average_precision_score

    return {
        "cpu": round(used, 3),
        "seconds": round(passed, 2),
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "ap": round(float(average_precision_score(wrong, doubt)), 4),
    }


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def measure_apart(who: str, rows: int, classes: int, kind: str, python: str) -> dict[str, object]:
    """Measure one worker in a process of its own, by a Python."""
    words = [python, str(Path(__file__)), "--one", who, str(rows), str(classes), kind]
    ended = subprocess.run(words, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=False)
    if ended.returncode:
        return {"failed": (ended.stderr.strip().splitlines() or ["?"])[-1][:100]}
    found: dict[str, object] = json.loads(ended.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Print a line for each measurement."""
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    ask.add_argument("--classes", type=int, nargs="+", default=[10])
    ask.add_argument("--kinds", nargs="+", default=["linear", "nonlinear"])
    ask.add_argument("--who", nargs="+", default=list(USUAL), choices=list(WORKERS))
    ask.add_argument("--reference-python", default=sys.executable, help="the Python that has the references' packages")
    ask.add_argument("--repeats", type=int, default=1)
    ask.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = ask.parse_args()
    if options.one:
        who, rows, classes, kind = options.one
        print(json.dumps(measure(who, int(rows), int(classes), kind)))
        return
    for rows in options.rows:
        for classes in options.classes:
            for kind in options.kinds:
                for who in options.who:
                    python = options.reference_python if who in REFERENCES else sys.executable
                    found = [measure_apart(who, rows, classes, kind, python) for _ in range(options.repeats)]
                    middle = sorted(found, key=lambda f: float(f.get("cpu", np.inf)))[len(found) // 2]
                    print(f"{rows:>9,} rows {classes:>3} classes {kind:<9} {who:<8}", middle, flush=True)


if __name__ == "__main__":
    main()
