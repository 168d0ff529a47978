"""Draw slices: how often a model is right in each group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dcai.base.charts import OfflineChart
from dcai.base.display import show_text
from dcai.experiments.charts import COLORS, FAINT, INK, make_card
from dcai.experiments.drift_charts import make_axis

if TYPE_CHECKING:
    from dcai.experiments.segments import Slices

WIDTH, STEP, MOST = 380, 26, 25
_LONGEST = 60


def draw_slices(found: Slices) -> OfflineChart:
    """Draw each group as a mark with its interval, beside the line of all rows."""
    import altair as alt

    rows = found.table.head(MOST)
    plain = pd.DataFrame(
        {
            "name": [
                f"{show_text(s, _LONGEST)} ({n:,} rows)" for s, n in zip(rows["slice"], rows["rows"], strict=True)
            ],
            "said": ["worse" if w else "not surely worse" for w in rows["worse"]],
            **{c: rows[c].astype(float).tolist() for c in ("accuracy", "low", "high")},
        }
    ).astype({"name": object, "said": object})
    colors = alt.Scale(domain=["worse", "not surely worse"], range=[COLORS[1], COLORS[0]])
    legend = alt.Legend(title=None, orient="top", labelColor=INK, labelFontSize=12)
    y = alt.Y("name:N", sort=list(dict.fromkeys(plain["name"])), axis=make_axis(None, labelLimit=420, labelColor=INK))
    base = alt.Chart(plain).encode(y=y, color=alt.Color("said:N", scale=colors, legend=legend))
    scale = alt.Scale(zero=False, nice=True)
    lines = base.mark_rule(strokeWidth=2.5, opacity=0.75).encode(
        x=alt.X("low:Q", axis=make_axis(found.measure, format="%"), scale=scale), x2="high:Q"
    )
    marks = base.mark_point(filled=True, size=80, opacity=1).encode(x="accuracy:Q")
    whole = (
        alt.Chart(pd.DataFrame({"all": [found.accuracy]})).mark_rule(color=FAINT, strokeDash=[4, 3]).encode(x="all:Q")
    )
    chart = alt.layer(whole, lines, marks).properties(width=WIDTH, height=alt.Step(STEP))
    subtitle = ["Mark: share of rows. Line: 95 % interval. Dashed: all rows."]
    return make_card(chart, "Where is the model right, and where not?", f"{found.measure} of groups of rows", subtitle)
