"""Draw curves: scores against training rows and against reviewed rows, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from dcai.base.charts import OfflineChart
from dcai.base.display import show_text
from dcai.experiments.results.charts import AXIS_STYLE, COLORS, FAINT, GRID, INK, LABEL_LIMIT, SHAPES, make_card

if TYPE_CHECKING:
    from dcai.experiments.prospects.curves import Curve

WIDTH, HEIGHT = 520, 300


def draw_sizes(curve: Curve) -> OfflineChart:
    """Draw the score of each version of the data against the number of training rows, and what is claimed of two of them."""
    import altair as alt

    rows = curve.sizes.rename(columns={"data": "line", "rows": "x"}).assign(line=lambda f: f["line"] + " labels")
    sizes = sorted(set(rows["x"].astype(int)))
    # Each size is about twice the last: equal steps on a logarithmic axis.
    x = alt.X(
        "x:Q",
        scale=alt.Scale(type="log", base=2, nice=False, padding=12),
        axis=_make_axis("training rows", values=sizes, labelOverlap="greedy"),
    )
    layers = _draw_lines(rows, x, curve.metric)
    if curve.claim is not None:
        layers.append(_mark_claim(curve))
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)
    title = "Do fewer rows with better labels do as well?"
    said = f"{_name(curve.metric)} against the number of training rows, with 95 % intervals"
    return make_card(chart, title, said, _subtitles(curve, str(curve.claim) if curve.claim else ""))


def draw_reviews(curve: Curve) -> OfflineChart:
    """Draw the score against the number of reviewed rows, in the order of the review and in random order."""
    import altair as alt

    rows = curve.reviews.rename(columns={"order": "line", "reviewed": "x"})
    x = alt.X("x:Q", scale=alt.Scale(nice=True), axis=_make_axis("reviewed rows", tickCount=6))
    layers = _draw_lines(rows, x, curve.metric)
    if curve.worth is not None and curve.worth.enough is not None:
        mark = pd.DataFrame({"x": [curve.worth.enough], "text": ["enough"]})
        base = alt.Chart(mark).encode(x=x)
        layers += [
            base.mark_rule(color=FAINT, strokeDash=[4, 3]),
            base.mark_text(align="left", dx=4, dy=6, y=0, color=FAINT, fontSize=11).encode(text="text:N"),
        ]
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)
    said = f"{_name(curve.metric)} against the number of reviewed rows, with 95 % intervals"
    return make_card(chart, "What are reviews worth?", said, _subtitles(curve, str(curve.worth) if curve.worth else ""))


def _draw_lines(rows: pd.DataFrame, x: Any, metric: str) -> list[Any]:
    import altair as alt

    plain = rows[["line", "x", "score", "low", "high"]].astype({"line": object, "x": int})
    lines = list(dict.fromkeys(plain["line"]))
    domain = alt.Scale(domain=lines, range=COLORS[: len(lines)])
    legend = alt.Legend(title=None, orient="top", labelColor=INK, labelFontSize=12, symbolOpacity=1, symbolSize=80)
    base = alt.Chart(plain).encode(x=x, color=alt.Color("line:N", scale=domain, legend=legend))
    y = alt.Y(
        "score:Q", scale=alt.Scale(zero=False, nice=True), axis=_make_axis(_name(metric), format=".3~f", grid=True)
    )
    shape = alt.Shape("line:N", scale=alt.Scale(domain=lines, range=SHAPES[: len(lines)]), legend=None)
    return [
        base.mark_area(opacity=0.13).encode(y=alt.Y("low:Q", scale=alt.Scale(zero=False, nice=True)), y2="high:Q"),
        base.mark_line(strokeWidth=2.2).encode(y=y),
        base.mark_point(filled=True, size=60, opacity=1).encode(y=y, shape=shape),
    ]


def _mark_claim(curve: Curve) -> Any:
    """Join the two points that the claim compares."""
    import altair as alt

    claim = curve.claim
    assert claim is not None
    ends = [(claim.clean, claim.clean_rows), (claim.noisy, claim.noisy_rows)]
    found = [curve.sizes[(curve.sizes["data"] == name) & (curve.sizes["rows"] == rows)].iloc[0] for name, rows in ends]
    points = pd.DataFrame({"x": [int(p["rows"]) for p in found], "score": [float(p["score"]) for p in found]})
    line = alt.Chart(points).mark_line(
        color=INK, strokeDash=[5, 4], strokeWidth=1.5, point={"color": INK, "filled": False, "size": 190}
    )
    return line.encode(x="x:Q", y="score:Q")


def _make_axis(title: str, **options: Any) -> Any:
    import altair as alt

    style = AXIS_STYLE | {"domainColor": GRID, "labelPadding": 6, "titlePadding": 8, "grid": False, "format": ",d"}
    return alt.Axis(title=title, **(style | options))


def _name(metric: str) -> str:
    return show_text(metric.replace("_", " "), LABEL_LIMIT)


def _subtitles(curve: Curve, sentence: str) -> list[str]:
    """Say what is shown, and what it says, in lines that fit the card."""
    import textwrap

    band = f"Band: 95 % interval on {curve.test_rows:,} test rows, for new training and test rows from the same source."
    return [band, *textwrap.wrap(show_text(sentence, 400), 108)]
