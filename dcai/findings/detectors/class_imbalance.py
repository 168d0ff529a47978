"""Classes with so few rows that no model learns them and no test can tell whether it did."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dcai.base.display import show_share
from dcai.base.errors import shorten
from dcai.findings.evidence import Evidence, Rows
from dcai.findings.shape import Detector, make_findings
from dcai.findings.wording import count, name_some

UNIFORM_SHARE = 0.1  # of the rows that a class would have if all had as many: the threshold of cleanlab's Datalab
MOST_CLASSES = 5  # more rare classes than this are one finding
MOST_PEERS = 1_000
SURE = 0.9
TWICE = 2


def find(evidence: Evidence) -> pd.DataFrame:
    """Find the classes that have fewer rows than folds, or a tenth of their share."""
    labels, folds = evidence.labels, evidence.settings.folds
    counts, rows = labels.counts, int(labels.counts.sum())
    uniform = rows / len(counts)
    least = np.maximum(folds, UNIFORM_SHARE * uniform)
    rare = np.flatnonzero(counts < least)
    rare = rare[np.argsort(counts[rare], kind="stable")]
    top = int(counts.argmax())
    note = (
        f"{len(counts)} classes, from {counts.min():,} to {count(int(counts.max()), 'row')}; rare is a class with fewer than "
        f"{folds} rows (one for each fold) or a tenth of the {uniform:,.0f} that each would have if all had as many"
    )
    if len(rare) > MOST_CLASSES:
        reason = (
            f"{'All' if len(rare) == len(counts) else f'{len(rare):,} of the'} {len(counts):,} classes have fewer than {np.ceil(least):,.0f} rows, for example "
            f"{name_some([labels.names[c] for c in rare])}: too few to learn, and to check how well they were learnt."
        )
        peers = np.flatnonzero(np.isin(labels.codes, rare))
        return make_findings([-1], SURE / 2, reason, column=evidence.table.label, peers=[_some(peers)], note=note)
    reasons = [
        f"{shorten(repr(labels.names[c]), 80)} has {count(int(counts[c]), 'row')} ({show_share(counts[c] / rows)} of {rows:,})"
        f"{_compare(labels.names[top], int(counts[top]), int(counts[c]))}{_consequence(int(counts[c]), folds)}"
        for c in rare
    ]
    return make_findings(
        [-1] * len(rare),
        SURE * (1 - counts[rare] / least),
        reasons,
        column=evidence.table.label,
        given=[labels.names[c] for c in rare],
        peers=[_some(np.flatnonzero(labels.codes == c)) for c in rare],
        note=note,
    )


def _compare(top: object, most: int, rows: int) -> str:
    """Put the commonest class beside a rare one; nothing where it is hardly commoner."""
    if most < TWICE * rows:
        return ". "
    return f"; {shorten(repr(top), 80)} has {most / rows:,.0f} times as many. "


def _consequence(rows: int, folds: int) -> str:
    if rows < folds:
        return f"Not every one of {folds} folds holds one: it can be neither learnt nor checked."
    return "A model that never says it loses next to nothing: weigh the classes, or judge each by itself."


def _some(rows: Rows) -> list[int]:
    return [int(r) for r in rows[:MOST_PEERS]]


detector = Detector("class_imbalance", find, needs=("labels",))
