"""From measurements to estimates: what each approach scores and gains, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.experiments.samples.materials import CORRECTED, OTHER, RAW, Data, Materials
from dcai.experiments.scores.intervals import (
    LEVEL,
    correct_gains,
    estimate_interval,
    find_p,
    find_test_variance,
    reach_of,
)
from dcai.experiments.scores.measures import Bench, Measurements, Pair

APPROACHES: dict[str, Data] = {"baseline": RAW, "model-centric": RAW, "data-centric": CORRECTED, "both": CORRECTED}
OTHER_LOG = "other log"  # the row of the second log: data-centric too
_SAME = ["metric", "test_labels", "model", "data"]
GAIN = ["gain", "gain_low", "gain_high", "p", "p_holm"]
ESTIMATES = ["score", "low", "high", *GAIN]
FACTS = ["seconds", "reviewed", "reviewed_rows", "changed", "model", "data", "train_rows"]
_CAPPED = ("r2", "explained_variance", "d2_")
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
                        "reviewed_rows": materials.reviewed_rows[data],
                        "changed": materials.changed[data],
                        "model": model,
                        "data": data,
                        "train_rows": len(materials.training[data].labels),
                    }
                )
    table = pd.DataFrame(rows)
    # A baseline has no gain to be tested, and the same model on the same data under another name is no further test.
    gains = table[table["approach"] != "baseline"]
    once = gains.drop_duplicates(_SAME)
    corrected = _add_corrected(once, once["gain"]).set_index(_SAME)["p_holm"]
    table.loc[table["approach"] == "baseline", "p"] = np.nan
    found = corrected.reindex(pd.MultiIndex.from_frame(table[_SAME])).where(
        (table["approach"] != "baseline").to_numpy()
    )
    table.insert(list(table.columns).index("p") + 1, "p_holm", found.to_numpy())
    return table


def _add_corrected(table: pd.DataFrame, gains: pd.Series[float]) -> pd.DataFrame:
    """Set the p-values that are corrected for the number of gains in the table beside the others."""
    table.insert(list(table.columns).index("p") + 1, "p_holm", correct_gains(table["p"].tolist(), gains.tolist()))
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
                        "reviewed_rows": materials.reviewed_rows[CORRECTED],
                    }
                )
    table = pd.DataFrame(rows)
    return _add_corrected(table, table["gain"])


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
    table = pd.DataFrame(rows, columns=["metric", "test_labels", "log", "other_log", *GAIN[:-1]])
    return _add_corrected(table, table["gain"])


def _sum_seconds(measured: Measurements) -> dict[Pair, float]:
    fits = measured.table.drop_duplicates(["model", "data", "repeat"])
    spent: dict[Pair, float] = {}
    for model, data, seconds in zip(fits["model"], fits["data"], fits["seconds"], strict=True):
        spent[model, data] = spent.get((model, data), 0.0) + float(seconds)
    return spent


def _count_units(materials: Materials) -> int | None:
    return None if materials.test_clusters is None else len(np.unique(materials.test_clusters))


def _estimate_score(measured: Measurements, materials: Materials, place: tuple[str, str], pair: Pair) -> dict[str, Any]:
    draws, units = measured.draws[(*place, *pair)], _count_units(materials)
    limits = _limits(place[0], draws)
    score, low, high = _bound(draws, limits, units)
    if limits is not None and score in limits and np.isnan(low) and (draws[1:][~np.isnan(draws[1:])] == score).all():
        low, high = _reach_from_edge(score, units or materials.scored)
    return {"score": score, "low": low, "high": min(high, _find_most(place[0], draws))}


def estimate_once(metric: str, values: Sequence[float], units: int) -> dict[str, Any]:
    """Estimate the score of one fitted model from its score on all test rows and then on each draw of them.

    Examples
    --------
    >>> estimate_once("accuracy", [0.5, 0.5, 0.5], 2)
    {'score': 0.5, 'low': nan, 'high': nan}
    """
    draws = np.array([values], dtype=float)
    score, limits = float(values[0]), _limits(metric, draws)
    variance, freedom = find_test_variance(draws[:, 1:], units)
    low = high = float("nan")
    if variance:
        reach = reach_of(float(np.sqrt(variance)), freedom)
        low, high = score - reach, score + reach
    elif limits is not None and score in limits:
        low, high = _reach_from_edge(score, units)
    if limits is not None:
        low, high = max(low, limits[0]), min(high, limits[1])
    return {"score": score, "low": low, "high": min(high, _find_most(metric, draws))}


def _reach_from_edge(score: float, units: int) -> tuple[float, float]:
    """Return how far from 1 (or 0) a score may be that was 1 (or 0) on every row: resamples of these rows cannot tell.

    Exact for a share of rows (Clopper & Pearson 1934), and an approximation for the other metrics between 0 and 1.

    Examples
    --------
    >>> low, high = _reach_from_edge(1.0, 100)
    >>> round(low, 3), high
    (0.964, 1.0)
    """
    reach = 1 - ((1 - LEVEL) / 2) ** (1 / units)
    return (1 - reach, 1.0) if score else (0.0, reach)


def _estimate_gain(
    measured: Measurements, materials: Materials, place: tuple[str, str], base: Pair, pair: Pair
) -> dict[str, Any]:
    """Estimate the paired difference of two models or data on the same rows, seeds and draws."""
    one, other = measured.draws[(*place, *base)], measured.draws[(*place, *pair)]
    units = _count_units(materials)
    limits = _limits(place[0], one, other) and (-1.0, 1.0)
    # Where another model takes part, not the corrected rows alone make the gain.
    spots = materials.spots.get((base[1], pair[1])) if base[0] == pair[0] else None
    gain, low, high = _bound(other - one, limits, units, spots)
    is_same = base[0] == pair[0] and materials.twin(base[1]) == materials.twin(pair[1])
    if low == high == 0 and not is_same:
        # Other data, and the same answers to every row: that is seldom, not never.
        reach = float("nan") if limits is None else _reach_from_edge(0.0, units or materials.scored)[1]
        low, high = -reach, reach
    return {"gain": gain, "gain_low": low, "gain_high": high, "p": find_p(gain, (other - one)[1:], units, spots)}


def cut_ends(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Cut the intervals `low` to `high` of a table of scores to the range that the metric can take.

    Examples
    --------
    >>> cut_ends(pd.DataFrame({"score": [0.9], "low": [0.7], "high": [1.1]}), "accuracy")["high"].item()
    1.0
    """
    scores = table["score"].to_numpy(dtype=float)
    least, most = _limits(metric, scores) or (-float("inf"), _find_most(metric, scores))
    return table.assign(low=table["low"].clip(lower=least), high=table["high"].clip(upper=most))


def _find_most(metric: str, draws: npt.NDArray[np.float64]) -> float:
    """Return the most that a score can be: shares of what could be explained end at 1, and have no lower end."""
    return 1.0 if metric.startswith(_CAPPED) and not (draws > 1).any() else float("inf")


def _limits(metric: str, *draws: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the range of a metric, if it is known; a stranger's function may have any name, so the values decide too."""
    inside = all(((d >= 0) & (d <= 1) | np.isnan(d)).all() for d in draws)
    return (0.0, 1.0) if inside and metric.startswith(_BOUNDED) else None


def _bound(
    draws: npt.NDArray[np.float64],
    limits: tuple[float, float] | None,
    units: int | None,
    spots: int | None = None,
) -> tuple[float, float, float]:
    """Return the value on all rows and its interval, cut to the range that the metric can take."""
    score = float(draws[0, 0])
    low, high = estimate_interval(score, draws[1:], LEVEL, units, spots)
    return (score, low, high) if limits is None else (score, max(low, limits[0]), min(high, limits[1]))
