"""Rows that are nearly equal to another one: one thing, written twice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import shorten
from dcai.base.fingerprints import plain
from dcai.findings.evidence import Evidence
from dcai.findings.shape import Detector, make_findings
from dcai.findings.tables.twins import choose_pairs
from dcai.findings.wording import count, name_some

MOST_PEERS = 20
LONGEST = 40
BEFORE = 15  # letters shown before the first difference of long texts


def find(evidence: Evidence) -> pd.DataFrame:
    """Find every row but the fullest of those that seem to be one."""
    places = choose_pairs(evidence)
    found = evidence.resemblance
    return _report(evidence, found.pairs[places], found.belief[places], [found.differ[p] for p in places])


def _report(
    evidence: Evidence, pairs: npt.NDArray[np.int64], belief: npt.NDArray[np.float64], differ: list[tuple[int, ...]]
) -> pd.DataFrame:
    groups = _join(pairs, len(evidence.table))
    keep = _choose_fullest(evidence, groups)
    best: dict[int, int] = {}
    twins: dict[int, set[int]] = {}
    for at in np.argsort(-belief, kind="stable"):
        for row, twin in (pairs[at], pairs[at][::-1]):
            best.setdefault(int(row), int(at))
            twins.setdefault(int(row), set()).add(int(twin))
    rows = [r for r in sorted(best) if r not in keep]
    return make_findings(
        rows,
        [float(belief[best[r]]) * 0.9 for r in rows],  # one thing, perhaps, and yet two rows on purpose
        [_explain(evidence, pairs[best[r]], differ[best[r]], r) for r in rows],
        peers=[sorted(twins[r])[:MOST_PEERS] for r in rows],
        note=(
            f"{count(evidence.resemblance.compared, 'pair')} of rows that share rare values or words compared; "
            "rows that share none, or only such as many rows have, were not"
        ),
    )


def _join(pairs: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.intp]:
    """Number the groups of rows that pairs connect, shape (n,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.intp)


def _choose_fullest(evidence: Evidence, groups: npt.NDArray[np.intp]) -> set[int]:
    """Choose of each group the row with most cells filled, the first of several: it is the one to keep."""
    filled = (evidence.relations.codes >= 0).sum(axis=1)
    order = np.lexsort((np.arange(len(groups)), -filled, groups))
    firsts = order[np.r_[True, np.diff(groups[order]) > 0]]
    return set(firsts.tolist())


def _explain(evidence: Evidence, pair: npt.NDArray[np.int64], differ: tuple[int, ...], row: int) -> str:
    """Say in what the two rows differ."""
    relations, frame = evidence.relations, evidence.table.frame
    twin = int(pair[1]) if pair[0] == row else int(pair[0])
    if not differ:
        empty = [relations.names[c] for c in np.flatnonzero((relations.codes[pair] < 0).any(axis=0))]
        return f"The row equals another one but for empty cells in {name_some(empty)}."
    said = [
        f"{relations.names[c]!r} ({_quote_both(frame.iloc[row][relations.names[c]], frame.iloc[twin][relations.names[c]])})"
        for c in differ[:3]
    ]
    more = f" and {len(differ) - 3:,} more" if len(differ) > 3 else ""  # noqa: PLR2004 (as many as are named)
    width = len(relations.names)
    return (
        f"The row seems to be another one written differently: they agree in {width - len(differ):,} of "
        f"{count(width, 'column')} and differ in {', '.join(said)}{more}."
    )


def _count_same(one: str, other: str) -> int:
    """Count the letters with which two texts begin alike."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _quote_both(one: object, other: object) -> str:
    """Quote two cells; of long texts the part from a little before the place where they begin to differ.

    Examples
    --------
    >>> _quote_both("word " * 20 + "here", "word " * 20 + "there")
    "'...word word word here' and '...word word word there'"
    """
    mine, its = plain(one), plain(other)
    if isinstance(mine, str) and isinstance(its, str) and max(len(mine), len(its)) > LONGEST:
        start = max(_count_same(mine, its) - BEFORE, 0)
        mine, its = (f"{'...' * (start > 0)}{text[start:]}" for text in (mine, its))
    return f"{shorten(repr(mine), LONGEST)} and {shorten(repr(its), LONGEST)}"


detector = Detector("near_duplicates", find)
