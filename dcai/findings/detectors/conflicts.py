"""Rows that are equal or nearly equal in their features and have different labels: at least one of them is wrong.

Features are what models may look at: where the caller names some, other columns part no rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.tables.twins import choose_pairs
from dcai.findings.wording import count

TELLING_SHARE = 0.5  # equal rows say something only where most rows are unlike all others
MOST_PEERS = 20
MOST_SURE = 0.9  # equal features do not tell an error from a label that the features leave open


def find(evidence: Evidence) -> pd.DataFrame:
    """Find the rows of such groups whose label is not that of a clear majority, and both rows of nearly equal pairs."""
    equal = list_conflicts(evidence, *_judge(evidence))
    near, note = _find_near(evidence, set(equal["row"]))
    return join_findings([equal, near], note=note)


def list_conflicts(
    evidence: Evidence,
    rows: npt.NDArray[np.intp],
    doubt: npt.NDArray[np.float64],
    leading: npt.NDArray[np.intp],
) -> pd.DataFrame:
    """Make the findings of rows that equal others in all features and have another label."""
    labels, copies = evidence.labels, evidence.alike
    flagged = rows[doubt[rows] >= 0.5]  # noqa: PLR2004 (a majority is more than half)
    beside = labels.known[np.isin(copies[labels.known], copies[flagged])]
    members = {g: beside[its] for g, its in pd.Series(beside).groupby(copies[beside]).indices.items()}
    names = np.array([*labels.names, None], dtype=object)[:-1]
    peers, reasons, suggested, confidence = [], [], [], []
    for row in flagged:
        others = members[copies[row]]
        others = others[others != row]
        peers.append(others[:MOST_PEERS].tolist())
        reasons.append(_explain(names[labels.codes[others]]))
        suggested.append(names[leading[row]] if leading[row] >= 0 else None)
        confidence.append(min(doubt[row], MOST_SURE) if leading[row] >= 0 else np.nan)
    return make_findings(
        flagged,
        doubt[flagged],
        reasons,
        column=evidence.table.label,
        given=labels.given[flagged],
        suggested=suggested,
        confidence=confidence,
        peers=peers,
    )


def _find_near(evidence: Evidence, done: set[int]) -> tuple[pd.DataFrame, str]:
    """Find rows that nearly equal one with another label; say so where nearly equal rows could not be told."""
    try:
        places = choose_pairs(evidence)
    except Unmet as reason:
        return make_findings([], [], []), f"only equal rows were compared ({reason})"
    found, labels = evidence.resemblance, evidence.labels
    codes = labels.codes[found.pairs[places]]
    apart = places[(codes[:, 0] != codes[:, 1]) & (codes >= 0).all(axis=1)]
    best: dict[int, tuple[int, float]] = {}
    for place in apart[np.argsort(-found.belief[apart], kind="stable")]:
        for row, twin in (found.pairs[place], found.pairs[place][::-1]):
            if row not in done:
                best.setdefault(int(row), (int(twin), float(found.belief[place])))
    rows = sorted(best)
    # Which of the two is wrong stays open.
    doubt = [best[r][1] / 2 for r in rows]
    names = [labels.names[labels.codes[best[r][0]]] for r in rows]
    reasons = [f"Another row is nearly equal in its features and is labelled {name!r}." for name in names]
    return make_findings(
        rows,
        doubt,
        reasons,
        column=evidence.table.label,
        given=labels.given[rows],
        suggested=names,
        confidence=doubt,
        peers=[[best[r][0]] for r in rows],
    ), "" if evidence.settings.features is None else "nearly equal rows were compared in all columns"


def _explain(others: npt.NDArray[np.object_]) -> str:
    if len(others) == 1:
        return f"Another row is equal in all features and is labelled {others[0]!r}."
    counts = pd.Series(others).value_counts(sort=False).sort_index(key=lambda k: k.map(str))
    said = ", ".join(f"{times:,} {'is' if times == 1 else 'are'} labelled {name!r}" for name, times in counts.items())
    return f"{count(len(others), 'other row')} are equal in all features: {said}."


def score(evidence: Evidence) -> npt.NDArray[np.float64]:
    """Return the share of other labels among the rows that equal each row."""
    return _judge(evidence)[1]


def _judge(evidence: Evidence) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Return the rows in conflict, every row's share of other labels, and the label of a strict majority of others, or -1."""
    if not evidence.table.features:
        raise Unmet("there is no column besides the label and the key")
    copies = evidence.alike
    if np.count_nonzero(np.bincount(copies)) < TELLING_SHARE * len(copies):
        raise Unmet("most rows are equal to others in all features, so equal features say little about the label")
    return judge_groups(evidence)


def judge_groups(
    evidence: Evidence,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Judge the labels of equal rows, whether or not equal rows are usual; see `_judge`."""
    labels, copies = evidence.labels, evidence.alike
    known = labels.known[np.bincount(copies[labels.known])[copies[labels.known]] > 1]  # who is alone contradicts nobody
    table = pd.DataFrame({"group": copies[known], "code": labels.codes[known]})
    size = table.groupby("group")["code"].transform("size").to_numpy()
    same = table.groupby(["group", "code"])["code"].transform("size").to_numpy()
    doubt = np.zeros(len(copies))
    doubt[known] = (size - same) / size
    best = table.groupby(["group", "code"]).size().reset_index(name="rows")
    best["size"] = best.groupby("group")["rows"].transform("sum")
    strict = best[best["rows"] * 2 > best["size"]].set_index("group")["code"]
    leading = np.full(len(copies), -1, dtype=np.intp)
    leading[known] = table["group"].map(strict).fillna(-1).to_numpy(dtype=np.intp)
    return known[same < size], doubt, np.where(leading == labels.codes, -1, leading)


detector = Detector("conflicts", find, needs=("labels",), score=score)
