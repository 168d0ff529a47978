"""Rows far from all others, and numbers far from the rest of their column."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.wording import say_left_out

Floats = npt.NDArray[np.float64]
ROW_Z = 5.0  # robust deviations of the log distance to the neighbours
CELL_Z = 8.0  # robust deviations within a column
SAME = 1e-9
SAME_SHARE = 0.25  # of rows without any distance to their neighbours
FEWEST_ROWS = 30
FEWEST_VALUES = 3  # two values are a switch
MOST_SHARE = 0.01  # more than this is a tail, not an outlier


def find(evidence: Evidence) -> pd.DataFrame:
    """Find extreme numbers in each column, then rows that lie apart as a whole."""
    found: list[pd.DataFrame] = []
    left: dict[str, list[str]] = {}
    rows_left = []
    for name, role in evidence.roles.items():
        if role == "number" and evidence.table.kinds[name] != "boolean":
            try:
                found.append(_find_cells(name, evidence.table.frame[name]))
            except Unmet as reason:
                left.setdefault(str(reason), []).append(name)
    try:
        found.append(_find_rows(evidence))
    except Unmet as reason:
        rows_left.append(f"rows as a whole were not compared: {reason}")
    note = "; ".join([*say_left_out("extreme numbers", left), *rows_left])
    if not found:
        raise Unmet(note)
    return join_findings(found, note=note)


def score(evidence: Evidence) -> Floats:
    """Return how far each row lies from its neighbours, as a doubt."""
    return _to_doubt(_row_deviations(evidence))


def _row_deviations(evidence: Evidence) -> Floats:
    roles = set(evidence.roles.values())
    if not isinstance(evidence.settings.features, np.ndarray):
        if "text" in roles:
            raise Unmet("distances between texts say little about single rows")
        if not roles:
            raise Unmet("no column can serve as a feature")
    if len(evidence.table) < FEWEST_ROWS:
        raise Unmet(f"fewer than {FEWEST_ROWS} rows")
    far, _ = evidence.neighbours
    means = far.mean(axis=1)
    if np.mean(means < SAME) > SAME_SHARE:
        raise Unmet("many rows are equal to their neighbours, so distances have no usual size")
    logs = np.log(np.maximum(means, SAME))
    middle = np.median(logs)
    spread = 1.4826 * np.median(np.abs(logs - middle))
    return np.asarray((logs - middle) / max(spread, 0.1))


def _to_doubt(deviations: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-(deviations - ROW_Z - 1) / 2)))


def _find_rows(evidence: Evidence) -> pd.DataFrame:
    deviations = _row_deviations(evidence)
    rows = np.flatnonzero(deviations > ROW_Z)
    near = evidence.neighbours[1]
    reasons = [
        f"The row lies {deviations[r]:.1f} deviations farther from its nearest rows than is usual." for r in rows
    ]
    return make_findings(rows, _to_doubt(deviations)[rows], reasons, peers=[near[r][:5].tolist() for r in rows])


def _find_cells(name: str, column: pd.Series[Any]) -> pd.DataFrame:
    """Find numbers that are extreme on their own scale and on that of their logarithms."""
    from dcai.findings.vectors import to_numbers

    values = to_numbers(column)
    known = ~np.isnan(values)
    if known.sum() < FEWEST_ROWS:
        raise Unmet(f"fewer than {FEWEST_ROWS} numbers")
    if len(np.unique(values[known])) < FEWEST_VALUES:
        raise Unmet(f"fewer than {FEWEST_VALUES} different values")
    far = np.minimum(
        np.abs(_deviate(values, known)), np.abs(_deviate(np.sign(values) * np.log1p(np.abs(values)), known))
    )
    rows = np.flatnonzero(known & (far > CELL_Z))
    if len(rows) > max(1.0, MOST_SHARE * known.sum()):
        raise Unmet(f"more than {100 * MOST_SHARE:.0f} % of them are extreme")
    low, high = np.percentile(values[known], [1, 99])
    reasons = [f"{values[r]:.10g} is extreme: 98 % of {name!r} lie between {low:g} and {high:g}." for r in rows]
    doubt = 1 - 0.7 * CELL_Z / np.maximum(far[rows], CELL_Z)
    return make_findings(rows, doubt, reasons, column=name, given=list(column.iloc[rows]))


def _deviate(values: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    middle = np.median(values[known])
    low, high = np.percentile(values[known], [25, 75])
    spread = (high - low) / 1.349
    if spread == 0:
        raise Unmet("their middle half is one value")
    return np.where(known, (values - middle) / spread, 0.0)


detector = Detector("outliers", find, score=score)
