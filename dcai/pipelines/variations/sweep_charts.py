"""A sweep drawn: one metric against one parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcai.base.charts import OfflineChart
from dcai.base.display import show_text
from dcai.base.errors import InputError

if TYPE_CHECKING:
    from dcai.pipelines.variations.sweeps import Sweep

_WIDTH, _HEIGHT, _LETTERS = 460, 280, 40
# Readable on white and on black pages; told apart by people with colour-blindness.
_COLORS = ["#3f7fc8", "#d9661c", "#2b9f7c", "#a458c2", "#8a8a3a", "#c23f6b"]
_INK = "#7b8794"


def draw_sweep(sweep: Sweep, metric: str | None, x: str | None) -> OfflineChart:
    """Draw the runs that succeeded."""
    import altair as alt
    import pandas as pd

    good = [r for r in sweep.rows() if r["status"] == "succeeded"]
    measured = list(dict.fromkeys(k for r in good for k, v in r["metrics"].items() if isinstance(v, (int, float))))
    metric = _choose("metric", metric, measured)
    varied = _varied(sweep.rows())
    x = _choose("parameter", x, varied)
    colour = next((name for name in varied if name != x), None)
    rows = [_point(r, metric, x, colour) for r in good if metric in r["metrics"]]
    frame = pd.DataFrame(rows, columns=["x", "y", "group"]).astype({"group": object})
    is_number = pd.api.types.is_numeric_dtype(frame["x"]) and frame["x"].dtype != bool
    if not is_number:
        frame["x"] = frame["x"].map(lambda v: show_text(v, _LETTERS)).astype(object)
    scale = alt.Scale(zero=False)
    encoding: dict[str, Any] = {
        "x": alt.X(
            "x:Q" if is_number else "x:N", title=show_text(x, _LETTERS), **({"scale": scale} if is_number else {})
        ),
        "y": alt.Y("y:Q", title=show_text(metric, _LETTERS), scale=scale),
    }
    if colour is not None:
        palette = alt.Scale(range=_COLORS)
        encoding["color"] = alt.Color("group:N", title=show_text(colour, _LETTERS), scale=palette)
    chart = alt.Chart(frame, width=_WIDTH, height=_HEIGHT).mark_line(point=True, color=_COLORS[0]).encode(**encoding)
    chart = (
        chart.configure(background="transparent")
        .configure_axis(
            labelColor=_INK, titleColor=_INK, gridColor=_INK, gridOpacity=0.25, domainColor=_INK, tickColor=_INK
        )
        .configure_legend(labelColor=_INK, titleColor=_INK)
        .configure_view(strokeOpacity=0)
    )
    return OfflineChart(chart, f"{show_text(metric)} of {len(rows)} runs of {sweep.pipeline} by {show_text(x)}")


def _point(row: dict[str, Any], metric: str, x: str, colour: str | None) -> dict[str, Any]:
    group = "" if colour is None else show_text(row["parameters"].get(colour), _LETTERS)
    return {"x": row["parameters"].get(x), "y": row["metrics"][metric], "group": group}


def _varied(rows: list[dict[str, Any]]) -> list[str]:
    """Name the parameters that the sweep has set, those that differ first."""
    names = list(dict.fromkeys(k for r in rows for k in r["parameters"]))
    return sorted(names, key=lambda n: len({repr(r["parameters"].get(n)) for r in rows}) == 1)


def _choose(what: str, name: str | None, known: list[str]) -> str:
    if not known:
        raise InputError(f"There is no {what} to draw: no run of the sweep that succeeded has one.")
    if name is not None and name not in known:
        raise InputError.unknown_name(f"{what} of this sweep", name, known)
    return name or known[0]
