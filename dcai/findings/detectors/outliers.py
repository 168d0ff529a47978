"""Rows far from all others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.wording import count, name_some

Floats = npt.NDArray[np.float64]
ROW_Z = 5.0  # robust deviations of the log distance to the neighbours
SAME = 1e-9
SAME_SHARE = 0.25  # of rows without any distance to their neighbours
FEWEST_ROWS = 30


def find(evidence: Evidence) -> pd.DataFrame:
    """Find rows that lie apart as a whole; single numbers are judged by `ranges`."""
    try:
        found = _find_rows(evidence)
    except Unmet as reason:
        note = "; ".join([f"rows as a whole were not compared: {reason}", *_say_infinite(evidence)])
        raise Unmet(note) from reason
    return join_findings([found], note="; ".join([*_say_compared(evidence), *_say_infinite(evidence)]))


def _say_compared(evidence: Evidence) -> list[str]:
    """Say what was left out of the distances."""
    said, texts = [], [name for name, role in evidence.roles.items() if role == "text"]
    if evidence.compared < len(evidence.table):
        said.append(f"each row was compared with {evidence.compared:,} rows, spread over the table")
    if texts and not isinstance(evidence.settings.features, np.ndarray):
        said.append(f"texts were not compared, for their distances say little about single rows: {name_some(texts)}")
    return said


def _say_infinite(evidence: Evidence) -> list[str]:
    from dcai.findings.features.vectors import count_infinite

    counts = {n: count_infinite(evidence.table.frame[n]) for n, role in evidence.roles.items() if role == "number"}
    named = [name for name, number in counts.items() if number]
    numbers = count(sum(counts.values()), "infinite number", ("counts", "count"))
    return [f"{numbers} as missing: {name_some(named)}"] if named else []


def score(evidence: Evidence) -> Floats:
    """Return how far each row lies from its neighbours, as a doubt."""
    return _to_doubt(_row_deviations(evidence))


def _row_deviations(evidence: Evidence) -> Floats:
    if not isinstance(evidence.settings.features, np.ndarray) and not evidence.roles:
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


detector = Detector("outliers", find, score=score)
