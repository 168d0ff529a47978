"""The headline of a comparison: whether correcting the data helped, and on which test labels that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dcai.experiments.results.sheets import show_p, show_range
from dcai.experiments.scores.intervals import LEVEL
from dcai.findings.wording import count


def write_headline(estimates: pd.DataFrame, metric: str, test_rows: int, origin: Mapping[str, Any]) -> str:
    """Say whether correcting the data helped; where test labels are known to be wrong, that stands beside it.

    Wrong test labels hide gains: a model that is right is then counted as wrong. So a gain on labels as given never
    stands alone where corrected ones are there, or where the log itself contradicts some of them.
    """
    mine = estimates[(estimates["metric"] == metric) & (estimates["approach"] == "data-centric")]
    given = mine[mine["test_labels"] != "corrected"].iloc[0]
    said = _judge(given, metric)
    rows = f"{test_rows:,} test rows"
    corrected = mine[mine["test_labels"] == "corrected"]
    if len(corrected):
        other = _judge(corrected.iloc[0], metric)
        return f"{said}, on test labels as given; on corrected ones: {other[0].lower()}{other[1:]} ({rows})"
    wrong = int(origin.get("test_labels_contradicted", 0))
    if not wrong:
        return f"{said} ({rows})"
    verb = "is" if wrong == 1 else "are"
    return (
        f"{said}, on {rows}, of which {count(wrong, 'label')} {verb} wrong by the same log and {verb} left as given: "
        "pass test_log= to score on corrected ones too"
    )


def _judge(row: Any, metric: str) -> str:
    """Say what a gain shows."""
    text = show_range(row["gain"], row["gain_low"], row["gain_high"], "+")
    if row["p_holm"] <= 1 - LEVEL:
        return f"Correcting the data {'helped' if row['gain'] > 0 else 'did harm'}: {metric} {text}"
    return f"No gain from correcting the data is shown: {metric} {text}, {_excuse(row)}"


def _excuse(row: Any) -> str:
    """Say why a gain is not sure."""
    if row["gain_low"] != row["gain_low"]:
        return "and nothing varied from which its luck could be told"
    if row["gain_low"] > 0 or row["gain_high"] < 0:
        return f"which may be luck among the gains of this table: p {show_p(row['p_holm'])} after Holm's correction"
    return "and the interval holds 0"
