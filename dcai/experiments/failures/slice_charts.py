"""Draw slices: how often a model is right in each group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dcai.base.charts import OfflineChart
from dcai.base.display import show_text
from dcai.experiments.batches.drift_charts import make_axis
from dcai.experiments.results.charts import COLORS, FAINT, INK, LABEL_LIMIT, make_card

if TYPE_CHECKING:
    from dcai.experiments.failures.segments import Slices

WIDTH, STEP, MOST = 380, 26, 25
_LONGEST = 60
_SAID = ("worse", "not surely worse", "few rows")


def draw_slices(found: Slices, figure: str = "accuracy") -> OfflineChart:
    """Draw a figure of each group as a mark with its interval; accuracy beside the line of all rows."""
    import altair as alt

    rows = found.table[found.table[figure].notna()].head(MOST)
    ends = ("low", "high") if figure == "accuracy" else (f"{figure}_low", f"{figure}_high")
    plain = pd.DataFrame(
        {
            "name": [
                f"{show_text(s, _LONGEST)} ({n:,} rows)" for s, n in zip(rows["slice"], rows["rows"], strict=True)
            ],
            "said": [
                _SAID[0] if w else _SAID[2] if f else _SAID[1] for w, f in zip(rows["worse"], rows["few"], strict=True)
            ],
            **{
                new: rows[c].astype(float).tolist()
                for new, c in zip(("share", "low", "high"), (figure, *ends), strict=True)
            },
        }
    ).astype({"name": object, "said": object})
    colors = alt.Scale(domain=list(_SAID), range=[COLORS[1], COLORS[0], FAINT])
    legend = alt.Legend(title=None, orient="top", labelColor=INK, labelFontSize=12)
    y = alt.Y("name:N", sort=list(dict.fromkeys(plain["name"])), axis=make_axis(None, labelLimit=420, labelColor=INK))
    base = alt.Chart(plain).encode(y=y, color=alt.Color("said:N", scale=colors, legend=legend))
    scale = alt.Scale(zero=False, nice=True, padding=8)  # a mark at 0 % stands clear of the names
    said, title, more = _word(found, figure)
    lines = base.mark_rule(strokeWidth=2.5, opacity=0.75).encode(
        x=alt.X("low:Q", axis=make_axis(said, format="%"), scale=scale), x2="high:Q"
    )
    layers = [lines, base.mark_point(filled=True, size=80, opacity=1).encode(x="share:Q")]
    if figure == "accuracy":
        whole = alt.Chart(pd.DataFrame({"all": [found.accuracy]}))
        layers.insert(0, whole.mark_rule(color=FAINT, strokeDash=[4, 3]).encode(x="all:Q"))
    chart = alt.layer(*layers).properties(width=WIDTH, height=alt.Step(STEP))
    return make_card(chart, title, f"{said} of groups of rows", [f"Mark: share of rows. Line: 95 % interval.{more}"])


def _word(found: Slices, figure: str) -> tuple[str, str, str]:
    """Return what a figure is called, the title of its chart, and what else is drawn."""
    name = show_text(found.positive, LABEL_LIMIT)
    return {
        "accuracy": (found.measure, "Where is the model right, and where not?", " Dashed: all rows."),
        "chosen": (f"predicted {name}", f"Which groups are predicted {name}?", ""),
        "recall": (f"recall of {name}", f"In which groups is {name} found?", ""),
        "false_alarms": (f"false alarms of {name}", f"In which groups is {name} predicted wrongly?", ""),
    }[figure]
