"""Draw drift: how large each change is against the size that counts, and the values of a column in both batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dcai.base.charts import OfflineChart
from dcai.base.display import show_text
from dcai.experiments.results.charts import AXIS_STYLE, COLORS, INK, LABEL_LIMIT, make_card

if TYPE_CHECKING:
    from dcai.experiments.batches.drifts import Drift

WIDTH, STEP = 420, 24
MOST = 25
BINS = 30
CATEGORIES = 12
_DRIFT, _FACT, _NONE = "drift", "a fact, without a size", "not sure, or too small"
LARGEST = 10.0  # times the size that counts; further ones stand at the edge


def draw_effects(drift: Drift) -> OfflineChart:
    """Draw the largest effects, each as a multiple of the size from which on it counts; facts have no size and come first."""
    import altair as alt

    tests = drift.tests.copy()
    facts = tests["p"].isna() & tests["finding"].notna()
    sized = tests["floor"] > 0
    tests["times"] = np.where(facts, 1.0, np.minimum(tests["effect"] / tests["floor"].where(sized, 1.0), LARGEST))
    tests["said"] = np.where(facts, _FACT, np.where(tests["drifted"], _DRIFT, _NONE))
    tests["order"] = np.where(facts, LARGEST + tests["drifted"], tests["times"])
    tests = tests[facts | sized].sort_values("order", ascending=False, kind="stable").head(MOST)
    names = [
        f"{check}: {show_text(column, LABEL_LIMIT)}" if column is not None and column == column else str(check)  # noqa: PLR0124 (NaN)
        for check, column in zip(tests["check"], tests["column"], strict=True)
    ]
    rows = pd.DataFrame({"name": names, "times": tests["times"].tolist(), "said": tests["said"].tolist()}).astype(
        {"name": object, "said": object}
    )
    order = list(dict.fromkeys(names))
    colors = alt.Scale(domain=[_DRIFT, _FACT, _NONE], range=[COLORS[1], COLORS[2], COLORS[0]])
    y = alt.Y("name:N", sort=order, axis=make_axis(None, labelLimit=260, labelColor=INK))
    x = alt.X("times:Q", axis=make_axis("size of the change (1: the least that counts)"), scale=alt.Scale(domainMin=0))
    legend = alt.Legend(title=None, orient="top", labelColor=INK, labelFontSize=12)
    base = alt.Chart(rows)
    bars = base.mark_bar(height=12, cornerRadiusEnd=2).encode(
        x=x, y=y, color=alt.Color("said:N", scale=colors, legend=legend)
    )
    limit = alt.Chart(pd.DataFrame({"one": [1.0]})).mark_rule(color=INK, strokeDash=[4, 3]).encode(x="one:Q")
    chart = alt.layer(bars, limit).properties(width=WIDTH, height=alt.Step(STEP))
    title = "What changed, and how much?"
    return make_card(
        chart,
        title,
        "Sizes of changes between two batches of data",
        ["Drift: sure, and beyond the dashed line. Facts need no test."],
    )


def draw_column(drift: Drift, column: str) -> OfflineChart:
    """Draw the values of a column in both batches, as shares of their rows."""
    import altair as alt

    kind = drift.batches.kinds[column]
    rows = _count_bins(drift, column) if kind in ("number", "date") else _count_values(drift, column)
    sides = ["reference", "current"]
    colors = alt.Scale(domain=sides, range=[COLORS[0], COLORS[1]])
    legend = alt.Legend(title=None, orient="top", labelColor=INK, labelFontSize=12)
    color = alt.Color("side:N", scale=colors, legend=legend, sort=sides)
    share = make_axis("share of rows", format="%")
    if kind in ("number", "date"):
        scale = "T" if kind == "date" else "Q"
        x = alt.X(f"low:{scale}", axis=make_axis(show_text(column, LABEL_LIMIT)))
        marks = alt.Chart(rows).mark_line(interpolate="step-after", strokeWidth=2).encode(
            x=x, y=alt.Y("share:Q", axis=share), color=color
        )  # fmt: skip
        chart = marks.properties(width=WIDTH, height=200)
    else:
        names = list(dict.fromkeys(rows["value"]))
        y = alt.Y("value:N", sort=names, axis=make_axis(None, labelLimit=260, labelColor=INK))
        offset = alt.YOffset("side:N", sort=sides, scale=alt.Scale(domain=sides))
        marks = alt.Chart(rows).mark_bar(cornerRadiusEnd=2).encode(
            x=alt.X("share:Q", axis=share), y=y, yOffset=offset, color=color
        )  # fmt: skip
        chart = marks.properties(width=WIDTH, height=alt.Step(14))
    name = show_text(column, LABEL_LIMIT)
    return make_card(
        chart, name, f"Values of {name} in reference and current data", ["Each as a share of its own rows."]
    )


def _count_bins(drift: Drift, column: str) -> pd.DataFrame:
    from dcai.findings.cells.dates import count_seconds
    from dcai.findings.features.vectors import to_numbers

    dated = drift.batches.kinds[column] == "date"
    sides = [count_seconds(c) if dated else to_numbers(c) for c in drift.batches.columns(column)]
    sides = [values[~np.isnan(values)] for values in sides]
    pooled = np.concatenate(sides)
    # Far values would squeeze all others into one bin; they are counted in the outermost ones.
    low, high = np.quantile(pooled, [0.005, 0.995]) if len(pooled) else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    parts = []
    for side, values in zip(("reference", "current"), sides, strict=True):
        counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / max(len(values), 1)
        ends: Any = pd.to_datetime(edges, unit="s") if dated else edges
        # The last step is drawn to the end of its bin.
        parts.append(pd.DataFrame({"low": ends, "share": [*counts, counts[-1]], "side": side}).astype({"side": object}))
    return pd.concat(parts, ignore_index=True)


def _count_values(drift: Drift, column: str) -> pd.DataFrame:
    from dcai.experiments.batches.column_shifts import count_categories

    names, one, other, _ = count_categories(*drift.batches.columns(column))
    if drift.batches.kinds[column] == "text":
        return _count_lengths(drift, column)
    shown = np.argsort(-(one / max(one.sum(), 1) + other / max(other.sum(), 1)), kind="stable")
    first, rest = shown[:CATEGORIES], shown[CATEGORIES:]
    rows = []
    for side, counts in (("reference", one), ("current", other)):
        total = max(int(counts.sum()), 1)
        rows += [{"value": _name(drift, column, names[i]), "share": counts[i] / total, "side": side} for i in first]
        rows += (
            [{"value": f"{len(rest):,} others", "share": counts[rest].sum() / total, "side": side}] if len(rest) else []
        )
    return pd.DataFrame(rows).astype({"value": object, "side": object})


def _name(drift: Drift, column: str, value: str) -> str:
    shown = drift.batches.show(value, column)
    return f"\u2068{shown}\u2069" if shown else "(empty)"


def _count_lengths(drift: Drift, column: str) -> pd.DataFrame:
    """Count texts by their lengths: they hardly occur twice."""
    sides = [c.dropna().map(str).str.len() for c in drift.batches.columns(column)]
    edges = np.unique(np.quantile(pd.concat(sides), np.linspace(0, 1, 9)).astype(int))
    edges = np.append(edges[:-1], edges[-1] + 1) if len(edges) > 1 else np.array([edges[0], edges[0] + 1])
    rows = []
    for side, lengths in zip(("reference", "current"), sides, strict=True):
        counts = np.histogram(lengths, edges)[0] / max(len(lengths), 1)
        rows += [
            {"value": f"{low:,} to {high - 1:,} characters", "share": share, "side": side}
            for low, high, share in zip(edges[:-1], edges[1:], counts, strict=True)
        ]
    return pd.DataFrame(rows).astype({"value": object, "side": object})


def make_axis(title: str | None, **options: Any) -> Any:
    """Make a quiet axis."""
    import altair as alt

    # Six labels fit side by side, and none touches what is drawn.
    return alt.Axis(title=title, **(AXIS_STYLE | {"domain": False, "labelPadding": 8, "tickCount": 6} | options))
