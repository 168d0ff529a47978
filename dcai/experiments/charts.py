"""Draw a comparison: scores and gains with their intervals."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dcai.base.charts import OfflineChart
from dcai.base.display import show_text

INK = "#1f2933"
FAINT = "#52606d"
GRID = "#e4e7eb"
# Told apart by people with colour-blindness too, and by shape.
COLORS = ["#1f5fa8", "#c2570c"]
SHAPES = ["circle", "diamond"]
WIDTH = 300
STEP = 46
LABEL_LIMIT = 40


def draw_comparison(estimates: pd.DataFrame, metric: str, test_rows: int) -> OfflineChart:
    """Draw score and gain of each approach for one metric, side by side."""
    import altair as alt

    rows = estimates[estimates["metric"] == metric].copy()
    rows["name"] = [name_row(*cells) for cells in rows[["approach", "model", "data"]].astype(str).to_numpy().tolist()]
    rows["labels"] = "test labels " + rows["test_labels"]
    # Plain objects: text columns of other kinds would be read differently by the versions of the chart library.
    plain = rows[["name", "labels", "score", "low", "high", "gain", "gain_low", "gain_high"]].astype(
        {"name": object, "labels": object}
    )
    names, kinds = list(dict.fromkeys(plain["name"])), list(dict.fromkeys(plain["labels"]))
    shown = show_text(metric.replace("_", " "), LABEL_LIMIT)
    left = _draw_panel(plain, ("score", "low", "high"), f"{shown} on {test_rows:,} test rows", names, kinds, ".3~f")
    right = _draw_panel(
        plain[plain["name"] != names[0]],
        ("gain", "gain_low", "gain_high"),
        f"gain in {shown} over the baseline",
        names,
        kinds,
        "+.3~f",
    )
    title = alt.TitleParams(
        "Corrected data or another model: what helps?",
        subtitle="Mark: measured value. Line: 95 % interval, for new training rows and new test rows from the same source.",
        anchor="start",
        fontSize=15,
        color=INK,
        subtitleColor=FAINT,
        subtitleFontSize=11,
        subtitlePadding=5,
        offset=12,
    )
    # A card of its own colour, so that it reads the same on a dark page.
    chart = (
        alt.hconcat(left, right, spacing=28, title=title)
        .configure(background="#ffffff", padding=16, font="system-ui, -apple-system, 'Segoe UI', sans-serif")
        .configure_view(stroke=None)
    )
    return OfflineChart(chart, f"Scores and gains in {shown} of four approaches, with 95 % intervals")


def name_row(approach: str, model: str, data: str) -> str:
    """Name an approach with its model and data, as two lines of an axis."""
    return f"{approach}\n{show_text(model, LABEL_LIMIT)}, {data} data"


def _draw_panel(
    rows: pd.DataFrame, fields: tuple[str, str, str], title: str, names: list[str], kinds: list[str], form: str
) -> Any:
    import altair as alt

    value, low, high = fields
    is_gain = value == "gain"
    axis = alt.Axis(
        title=None,
        labels=not is_gain,
        ticks=False,
        domain=False,
        grid=False,
        labelLimit=320,
        labelLineHeight=15,
        labelPadding=10,
        labelOffset=-7,  # two lines, set about the middle of the row
        labelExpr="split(datum.label, '\\n')",
        labelColor=INK,
        labelFontSize=12,
    )
    several = len(kinds) > 1
    legend = _legend() if several else None  # the panels share one
    encodings = {
        "y": alt.Y("name:N", sort=names, scale=alt.Scale(domain=names), axis=axis),
        "color": alt.Color("labels:N", scale=alt.Scale(domain=kinds, range=COLORS), legend=legend),
    }
    if several:
        encodings["yOffset"] = alt.YOffset("labels:N", sort=kinds, scale=alt.Scale(domain=kinds))
    x_axis = alt.Axis(
        title=title,
        format=form,
        labelExpr="datum.value == 0 ? '0' : datum.label",
        gridColor=GRID,
        domain=False,
        ticks=False,
        tickCount=5,
        labelColor=FAINT,
        titleColor=INK,
        titleFontWeight="normal",
        titleFontSize=12,
        labelFontSize=11,
        labelPadding=6,
        titlePadding=8,
    )
    base = alt.Chart(rows).encode(**encodings)
    lines = base.mark_rule(strokeWidth=2.5, strokeCap="round", opacity=0.75).encode(
        x=alt.X(f"{low}:Q", scale=alt.Scale(zero=is_gain, nice=True), axis=x_axis), x2=f"{high}:Q"
    )
    marks = base.mark_point(filled=True, size=95, opacity=1).encode(
        x=f"{value}:Q", shape=alt.Shape("labels:N", scale=alt.Scale(domain=kinds, range=SHAPES), legend=legend)
    )
    texts = base.mark_text(dy=-12, fontSize=11).encode(
        x=f"{value}:Q", text=alt.Text(f"{value}:Q", format="+.3f" if is_gain else ".3f")
    )
    layers = [lines, marks, texts]
    if is_gain:
        zero = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=FAINT, strokeDash=[4, 3]).encode(x="zero:Q")
        layers.insert(0, zero)
    return alt.layer(*layers).properties(width=WIDTH, height=alt.Step(STEP if not several else STEP // 2 + 8))


def _legend() -> Any:
    import altair as alt

    return alt.Legend(title=None, orient="top", labelColor=INK, labelFontSize=12)
