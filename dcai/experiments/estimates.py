"""From measurements to estimates: what each approach scores and gains, with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.experiments.intervals import LEVEL, correct_holm, estimate_interval, find_p
from dcai.experiments.materials import CORRECTED, OTHER, RAW, Data, Materials
from dcai.experiments.measures import Bench, Measurements, Pair

APPROACHES: dict[str, Data] = {"baseline": RAW, "model-centric": RAW, "data-centric": CORRECTED, "both": CORRECTED}
OTHER_LOG = "other log"  # the row of the second log: data-centric too
GAIN = ["gain", "gain_low", "gain_high", "p", "p_holm"]
ESTIMATES = ["score", "low", "high", *GAIN]
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


def plan_approaches(bench: Bench, chosen: dict[Data, str]) -> dict[str, Pair]:
    """Say which model on which data each approach is."""
    plan: dict[str, Pair] = {
        name: (chosen[data] if name in ("model-centric", "both") else bench.fixed, data)
        for name, data in APPROACHES.items()
    }
    return plan | ({OTHER_LOG: (bench.fixed, OTHER)} if OTHER in bench.materials.training else {})


def make_estimates(
    bench: Bench, measured: Measurements, plan: dict[str, Pair], choosing: dict[Data, float]
) -> pd.DataFrame:
    """Make a row for each approach, metric and kind of test labels: score, gain over the baseline, intervals, costs."""
    rows = []
    materials, spent = bench.materials, _sum_seconds(measured)
    for metric in bench.scorers:
        for test in materials.tests:
            base = plan["baseline"]
            for approach, pair in plan.items():
                model, data = pair
                searched = approach in ("model-centric", "both")
                rows.append(
                    {
                        "approach": approach,
                        "metric": metric,
                        "test_labels": test.name,
                        **_estimate_score(measured, materials, (metric, test.name), pair),
                        **_estimate_gain(measured, materials, (metric, test.name), base, pair),
                        "seconds": spent[pair] + (choosing[data] if searched else 0.0),
                        "reviewed": materials.reviewed[data],
                        "changed": materials.changed[data],
                        "model": model,
                        "data": data,
                        "train_rows": len(materials.training[data].labels),
                    }
                )
    table = pd.DataFrame(rows)
    # A baseline has no gain to be tested.
    table.loc[table["approach"] == "baseline", "p"] = np.nan
    table.insert(list(table.columns).index("p") + 1, "p_holm", correct_holm(table["p"].tolist()))
    return table


def make_model_gains(bench: Bench, measured: Measurements) -> pd.DataFrame:
    """Make a row for each model, metric and kind of test labels: what corrected data gain it over raw data."""
    rows = []
    materials, spent = bench.materials, _sum_seconds(measured)
    for metric in bench.scorers:
        for test in materials.tests:
            for name in bench.bases:
                pairs: tuple[Pair, Pair] = (name, RAW), (name, CORRECTED)
                scores = [float(measured.draws[metric, test.name, *pair][0, 0]) for pair in pairs]
                rows.append(
                    {
                        "model": name,
                        "metric": metric,
                        "test_labels": test.name,
                        "raw": scores[0],
                        "corrected": scores[1],
                        **_estimate_gain(measured, materials, (metric, test.name), *pairs),
                        "seconds": spent[pairs[1]] - spent[pairs[0]],
                        "reviewed": materials.reviewed[CORRECTED],
                    }
                )
    table = pd.DataFrame(rows)
    table.insert(list(table.columns).index("p") + 1, "p_holm", correct_holm(table["p"].tolist()))
    return table


def make_versions(bench: Bench, measured: Measurements) -> pd.DataFrame:
    """Make a row for each metric and kind of test labels: what the other log gains over the log; none without another."""
    materials = bench.materials
    rows = []
    for metric in bench.scorers if OTHER in materials.training else ():
        for test in materials.tests:
            pairs: tuple[Pair, Pair] = (bench.fixed, CORRECTED), (bench.fixed, OTHER)
            scores = [float(measured.draws[metric, test.name, *pair][0, 0]) for pair in pairs]
            gain = _estimate_gain(measured, materials, (metric, test.name), *pairs)
            rows.append({"metric": metric, "test_labels": test.name, "log": scores[0], "other_log": scores[1], **gain})
    columns = ["metric", "test_labels", "log", "other_log", *GAIN[:-1], "p_holm"]
    table = pd.DataFrame(rows, columns=columns[:-1])
    return table.assign(p_holm=correct_holm(table["p"].tolist()))


def _sum_seconds(measured: Measurements) -> dict[Pair, float]:
    fits = measured.table.drop_duplicates(["model", "data", "repeat"])
    spent: dict[Pair, float] = {}
    for model, data, seconds in zip(fits["model"], fits["data"], fits["seconds"], strict=True):
        spent[model, data] = spent.get((model, data), 0.0) + float(seconds)
    return spent


def _count_units(materials: Materials) -> int | None:
    return None if materials.test_clusters is None else len(np.unique(materials.test_clusters))


def _estimate_score(measured: Measurements, materials: Materials, place: tuple[str, str], pair: Pair) -> dict[str, Any]:
    draws = measured.draws[(*place, *pair)]
    score, low, high = _bound(draws, _limits(place[0], draws), _count_units(materials))
    return {"score": score, "low": low, "high": high}


def _estimate_gain(
    measured: Measurements, materials: Materials, place: tuple[str, str], base: Pair, pair: Pair
) -> dict[str, Any]:
    """Estimate the paired difference of two models or data on the same rows, seeds and draws."""
    one, other = measured.draws[(*place, *base)], measured.draws[(*place, *pair)]
    units = _count_units(materials)
    limits = _limits(place[0], one, other) and (-1.0, 1.0)
    gain, low, high = _bound(other - one, limits, units)
    return {"gain": gain, "gain_low": low, "gain_high": high, "p": find_p(gain, (other - one)[1:], units)}


def _limits(metric: str, *draws: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the range of a metric, if it is known; a stranger's function may have any name, so the values decide too."""
    inside = all(((d >= 0) & (d <= 1) | np.isnan(d)).all() for d in draws)
    return (0.0, 1.0) if inside and metric.startswith(_BOUNDED) else None


def _bound(
    draws: npt.NDArray[np.float64], limits: tuple[float, float] | None, units: int | None
) -> tuple[float, float, float]:
    """Return the value on all rows and its interval, cut to the range that the metric can take."""
    score = float(draws[0, 0])
    low, high = estimate_interval(score, draws[1:], LEVEL, units)
    return (score, low, high) if limits is None else (score, max(low, limits[0]), min(high, limits[1]))
