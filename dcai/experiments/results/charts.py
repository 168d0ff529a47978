"""Draw comparisons: scores and gains with their intervals, by approach, by model and by dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from dcai.base.charts import OfflineChart
from dcai.base.display import show_text

INK = "#1f2933"
FAINT = "#52606d"
GRID = "#e4e7eb"
# Told apart by people with colour-blindness too, and by shape.
COLORS = ["#1f5fa8", "#c2570c", "#1b7f5c", "#8a3ea8"]
SHAPES = ["circle", "diamond", "square", "triangle-up"]
AXIS_STYLE = {
    "gridColor": GRID,
    "ticks": False,
    "labelColor": FAINT,
    "titleColor": INK,
    "titleFontWeight": "normal",
    "titleFontSize": 12,
    "labelFontSize": 11,
}
WIDTH = 300
STEP = 46
LABEL_LIMIT = 40
MARKS = ["Mark: measured value. Line: 95 % interval,", "for new training rows and new test rows from the same source."]


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
    left = _draw_panel(
        plain, ("score", "low", "high"), f"{shown} on {test_rows:,} test rows", names, kinds, ".3~f", named=True
    )
    right = _draw_panel(
        plain[plain["name"] != names[0]],
        ("gain", "gain_low", "gain_high"),
        f"gain in {shown} over the baseline",
        names,
        kinds,
        "+.3~f",
        named=False,
    )
    return make_card(
        alt.hconcat(left, right, spacing=28),
        "Corrected data or another model: what helps?",
        f"Scores and gains in {shown} of four approaches, with 95 % intervals",
    )


def draw_models(gains: pd.DataFrame, metric: str, test_rows: int) -> OfflineChart:
    """Draw what corrected data gain each model, for one metric."""
    rows = gains[gains["metric"] == metric].copy()
    rows["name"] = [show_text(model, LABEL_LIMIT) for model in rows["model"]]
    rows["labels"] = "test labels " + rows["test_labels"]
    shown = show_text(metric.replace("_", " "), LABEL_LIMIT)
    panel = _draw_gains(rows, f"gain in {shown} over raw data, on {test_rows:,} test rows")
    return make_card(panel, "Do corrected data help every model?", f"Gains in {shown} of each model by corrected data")


def draw_datasets(table: pd.DataFrame) -> OfflineChart:
    """Draw the gains of several datasets, the approaches of each beside each other; a panel for each metric."""
    import altair as alt

    rows = table[table["approach"] != "baseline"].copy()
    metrics = [str(metric).replace("_", " ") for metric in rows["metric"]]
    rows["name"] = [
        f"{show_text(name, LABEL_LIMIT)}\n{show_text(metric, LABEL_LIMIT)}"
        for name, metric in zip(rows["dataset"], metrics, strict=True)
    ]
    rows["labels"] = rows["approach"]
    rows = rows[rows["labels"].isin(["model-centric", "data-centric", "both"])]
    # Points of one metric are no points of another: each has an axis of its own.
    panels = [_draw_gains(its, f"gain in {metric} over the baseline") for metric, its in _split_metrics(rows)]
    chart = panels[0] if len(panels) == 1 else alt.vconcat(*panels, spacing=24)
    return make_card(chart, "Where does correcting the data help?", "Gains of three approaches on several datasets")


def _split_metrics(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for metric, its in rows.groupby("metric", sort=False):
        yield show_text(str(metric).replace("_", " "), LABEL_LIMIT), its


def _draw_gains(rows: pd.DataFrame, title: str) -> Any:
    plain = rows[["name", "labels", "gain", "gain_low", "gain_high"]].astype({"name": object, "labels": object})
    names, kinds = list(dict.fromkeys(plain["name"])), list(dict.fromkeys(plain["labels"]))
    fields = ("gain", "gain_low", "gain_high")
    return _draw_panel(plain, fields, title, names, kinds, "+.3~f", named=True)


def make_card(chart: Any, title: str, said: str, subtitle: list[str] | None = None) -> OfflineChart:
    """Set a chart on a card of its own colour, so that it reads the same on a dark page."""
    import altair as alt

    heading = alt.TitleParams(
        title,
        subtitle=subtitle or MARKS,
        anchor="start",
        fontSize=15,
        color=INK,
        subtitleColor=FAINT,
        subtitleFontSize=11,
        subtitlePadding=5,
        offset=12,
    )
    card = (
        chart.properties(title=heading)
        .configure(background="#ffffff", padding=16, font="system-ui, -apple-system, 'Segoe UI', sans-serif")
        .configure_view(stroke=None)
    )
    return OfflineChart(card, said)


def name_row(approach: str, model: str, data: str) -> str:
    """Name an approach with its model and data, as two lines of an axis."""
    return f"{approach}\n{show_text(model, LABEL_LIMIT)}, {data} data"


def _draw_panel(
    rows: pd.DataFrame,
    fields: tuple[str, str, str],
    title: str,
    names: list[str],
    kinds: list[str],
    form: str,
    *,
    named: bool,
) -> Any:
    import altair as alt

    value, low, high = fields
    is_gain, several = value == "gain", len(kinds) > 1
    legend = _legend() if several else None  # the panels share one
    colors = alt.Scale(domain=kinds, range=COLORS[: len(kinds)])
    encodings = {
        "y": alt.Y("name:N", sort=names, scale=alt.Scale(domain=names), axis=_name_axis(named=named)),
        "color": alt.Color("labels:N", scale=colors, legend=legend),
    }
    if several:
        encodings["yOffset"] = alt.YOffset("labels:N", sort=kinds, scale=alt.Scale(domain=kinds))
    shapes = alt.Scale(domain=kinds, range=SHAPES[: len(kinds)])
    base = alt.Chart(rows).encode(**encodings)
    lines = base.mark_rule(strokeWidth=2.5, strokeCap="round", opacity=0.75).encode(
        x=alt.X(f"{low}:Q", scale=alt.Scale(zero=is_gain, nice=True), axis=_number_axis(title, form)), x2=f"{high}:Q"
    )
    marks = base.mark_point(filled=True, size=95, opacity=1).encode(
        x=f"{value}:Q", shape=alt.Shape("labels:N", scale=shapes, legend=legend)
    )
    texts = base.mark_text(dy=-12, fontSize=11).encode(
        x=f"{value}:Q", text=alt.Text(f"{value}:Q", format="+.3f" if is_gain else ".3f")
    )
    layers = [lines, marks, texts]
    if is_gain:
        zero = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=FAINT, strokeDash=[4, 3]).encode(x="zero:Q")
        layers.insert(0, zero)
    return alt.layer(*layers).properties(width=WIDTH, height=alt.Step(STEP if not several else STEP // 2 + 8))


def _name_axis(*, named: bool) -> Any:
    import altair as alt

    return alt.Axis(
        title=None,
        labels=named,
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


def _number_axis(title: str, form: str) -> Any:
    import altair as alt

    return alt.Axis(
        title=title,
        format=form,
        labelExpr="datum.value == 0 ? '0' : datum.label",
        domain=False,
        tickCount=5,
        labelPadding=6,
        titlePadding=8,
        **AXIS_STYLE,
    )


def _legend() -> Any:
    import altair as alt

    return alt.Legend(title=None, orient="top", labelColor=INK, labelFontSize=12)
