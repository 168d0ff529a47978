"""From measurements to estimates: what each approach scores and gains, with intervals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.experiments.intervals import LEVEL, estimate_interval
from dcai.experiments.materials import Data, Materials
from dcai.experiments.measures import Measurements, Pair

APPROACHES: dict[str, Data] = {
    "baseline": "raw",
    "model-centric": "raw",
    "data-centric": "corrected",
    "both": "corrected",
}
ESTIMATES = ["score", "low", "high", "gain", "gain_low", "gain_high"]
FACTS = ["seconds", "reviewed", "changed", "model", "data", "train_rows"]
# Scorers whose values lie between 0 and 1, so that an interval need not leave that range.
_BOUNDED = (
    "accuracy",
    "balanced_accuracy",
    "top_k_accuracy",
    "average_precision",
    "f1",
    "precision",
    "recall",
    "jaccard",
    "roc_auc",
)


def make_estimates(
    materials: Materials, measured: Measurements, plan: dict[str, Pair], choosing: dict[Data, float], metrics: list[str]
) -> pd.DataFrame:
    """Make a row for each approach, metric and kind of test labels: score, gain over the baseline, intervals, costs."""
    rows = []
    fits = measured.table.drop_duplicates(["model", "data", "repeat"]).groupby(["model", "data"])["seconds"].sum()
    sizes = {data: len(sample.labels) for data, sample in materials.training.items()}
    for metric in metrics:
        for test in materials.tests:
            base = measured.draws[metric, test.name, *plan["baseline"]]
            for approach, (model, data) in plan.items():
                draws = measured.draws[metric, test.name, model, data]
                limits = _limits(metric, draws, base)
                numbers = (*_bound(draws, limits), *_bound(draws - base, limits and (-1.0, 1.0)))
                corrected, searched = data == "corrected", approach in ("model-centric", "both")
                rows.append(
                    {
                        "approach": approach,
                        "metric": metric,
                        "test_labels": test.name,
                        **dict(zip(ESTIMATES, numbers, strict=True)),
                        "seconds": float(fits[model, data]) + (choosing[data] if searched else 0.0),
                        "reviewed": materials.reviewed if corrected else 0,
                        "changed": materials.changed if corrected else 0,
                        "model": model,
                        "data": data,
                        "train_rows": sizes[data],
                    }
                )
    return pd.DataFrame(rows)


def _limits(metric: str, *draws: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the range of a metric, if it is known; a stranger's function may have any name, so the values decide too."""
    inside = all(((d >= 0) & (d <= 1) | np.isnan(d)).all() for d in draws)
    return (0.0, 1.0) if inside and metric.startswith(_BOUNDED) else None


def _bound(draws: npt.NDArray[np.float64], limits: tuple[float, float] | None) -> tuple[float, float, float]:
    """Return the value on all rows and its interval, cut to the range that the metric can take."""
    score = float(draws[0, 0])
    low, high = estimate_interval(score, draws[1:], LEVEL)
    return (score, low, high) if limits is None else (score, max(low, limits[0]), min(high, limits[1]))
