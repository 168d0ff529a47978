"""Twins: pairs of rows that seem to be one thing written twice, where that says something in this table."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dcai.base.display import show_share
from dcai.findings.evidence import Evidence, Unmet

MOST_SHARE = 0.25  # where more rows than this nearly equal another one, that is how the table is made
FEWEST_ROWS = 10
FIRM = 0.75


def choose_pairs(evidence: Evidence) -> npt.NDArray[np.intp]:
    """Return the places of the firm pairs in `Evidence.resemblance`, without those that are equal in all features."""
    if len(evidence.table) < FEWEST_ROWS:
        raise Unmet(f"fewer than {FEWEST_ROWS} rows: too few to tell what rows share by chance")
    if not evidence.relations.names:
        raise Unmet("there is no column to compare besides label and key")
    found, copies = evidence.resemblance, evidence.copies
    firm = np.flatnonzero((found.belief >= FIRM) & (copies[found.pairs[:, 0]] != copies[found.pairs[:, 1]]))
    share = max(len(np.unique(copies[found.pairs[firm]])) / len(np.unique(copies)), found.usual)
    if share > MOST_SHARE:
        raise Unmet(
            f"{show_share(share)} of the rows share much with another one: several rows about one thing are usual here"
        )
    return firm
