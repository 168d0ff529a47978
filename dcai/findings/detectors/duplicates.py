"""Rows that are equal to another row in every column but the key."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.identity import number_hashes
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, make_findings
from dcai.findings.wording import count

MOST_PEERS = 20
TELLING_SHARE = 0.5  # where fewer rows than this differ from all others, equal rows are usual
SURE = 0.9


def find(evidence: Evidence) -> pd.DataFrame:
    """Find every row that repeats an earlier one."""
    group, again, doubt = _judge(evidence)
    return list_copies(group, again, doubt, len(_columns(evidence)))


def list_copies(
    group: npt.NDArray[np.intp], again: npt.NDArray[np.bool_], doubt: npt.NDArray[np.float64], width: int
) -> pd.DataFrame:
    """Make the findings of rows that repeat another one of their group, equal in so many columns."""
    rows = np.flatnonzero(again)
    repeated = np.flatnonzero(np.bincount(group)[group] > 1)
    its_group = group[repeated]
    members = {g: repeated[its] for g, its in pd.Series(its_group).groupby(its_group).indices.items()}
    peers = [[int(p) for p in members[group[r]][: MOST_PEERS + 1] if p != r][:MOST_PEERS] for r in rows]
    where = "its only column" if width == 1 else f"all {width:,} columns"
    others = [len(members[group[r]]) - 1 for r in rows]
    reasons = [f"The row equals {'another one' if n == 1 else f'{n:,} others'} in {where}." for n in others]
    return make_findings(rows, doubt[rows], reasons, peers=peers)


def score(evidence: Evidence) -> npt.NDArray[np.float64]:
    """Return the doubt of every row."""
    return _judge(evidence)[2]


def _columns(evidence: Evidence) -> list[str]:
    return [str(c) for c in evidence.table.frame.columns if c not in evidence.table.key]


def _judge(evidence: Evidence) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Number the groups of equal rows; say which rows repeat one, and with what doubt."""
    columns = _columns(evidence)
    group = number_hashes(evidence.table.hash_over(columns))
    again = pd.Series(group).duplicated().to_numpy()
    distinct = 1 - float(again.mean())
    check_telling(distinct, len(columns))
    # One hash function, 128 bits: equal hashes are equal rows. What is open is whether two equal rows are one too many.
    return group, again, np.where(again, SURE * distinct, 0.0)


def check_telling(distinct: float, width: int) -> None:
    """Refuse where most rows repeat another one."""
    if distinct < TELLING_SHARE:
        raise Unmet(
            f"{show_share(1 - distinct)} of the rows repeat another one: with {count(width, 'column')}, equal rows are usual here"
        )


detector = Detector("duplicates", find, score=score)
