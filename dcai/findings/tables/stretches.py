"""Stretches of a file whose rows are unlike all others in some columns: another source, another unit, another form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.errors import shorten
from dcai.base.fingerprints import canonicals
from dcai.findings.evidence import Evidence, Rows
from dcai.findings.shape import join_findings, make_findings
from dcai.findings.tables.orders import Trend, judge_columns

Floats = npt.NDArray[np.float64]

BLOCKS = 20
CLEAR_Z = 6.0  # deviations of the dependence of neighbours from chance
FEWEST_ROWS = 15  # of the sample, in a block
APART = 0.9  # the chance that a number of the block is larger than one from elsewhere, or smaller
SHARE = 0.6  # by so much the share of a name differs
MOST_BLOCKS = 5  # more than this is no stretch but the whole file
MOST_FOUND = 3
MOST_NAMES = 20
MOST_PEERS = 1_000
GRADUAL = 0.8  # rank correlation with the place: the column changes everywhere, not in a stretch


class Odd(NamedTuple):
    """What is odd about a column in some blocks."""

    column: str
    blocks: tuple[int, ...]
    said: str


def find_stretches(
    frame: pd.DataFrame, rows: Rows, trends: Sequence[Trend], kinds: Mapping[str, str], evidence: Evidence
) -> tuple[pd.DataFrame, set[str]]:
    """Find runs of blocks in which columns are unlike elsewhere, and name these columns.

    `rows` and `frame` are a sample in the order of the file.
    """
    size = len(evidence.table)
    block = evidence.positions[rows] * BLOCKS // size
    if len(rows) < FEWEST_ROWS * BLOCKS:
        return make_findings([], [], []), set()
    odd: dict[tuple[int, ...], list[Odd]] = {}
    for trend in trends:
        if trend.z < CLEAR_Z or abs(trend.slope) > GRADUAL:
            continue
        kind = kinds[trend.column]
        its = _judge(trend.column, frame, kind, block)
        if its is not None and _explains(its, frame, kind, block):
            odd.setdefault(its.blocks, []).append(its)
    worst = sorted(odd.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_FOUND]
    named = {one.column for _, its in worst for one in its}
    return join_findings([_report(blocks, its, evidence) for blocks, its in worst]), named


def _explains(odd: Odd, frame: pd.DataFrame, kind: str, block: Rows) -> bool:
    """Say whether the rest of the file is in no order without the odd blocks: else the column comes in stretches everywhere."""
    rest = np.flatnonzero(~np.isin(block, odd.blocks))
    starts = np.ones(len(rest), dtype=np.bool_)
    starts[1:] = np.diff(rest) != 1
    left = judge_columns(frame.iloc[rest], [(odd.column, kind)], starts)
    return not left or left[0].z < CLEAR_Z


def _judge(name: str, frame: pd.DataFrame, kind: str, block: Rows) -> Odd | None:
    scores, value = _score_numbers(frame[name], block) if kind == "number" else _score_names(frame[name], block)
    limit = APART - 1 / 2 if kind == "number" else SHARE
    found = np.flatnonzero(np.abs(scores) > limit)
    if not 0 < len(found) <= MOST_BLOCKS or np.ptp(found) >= len(found):
        return None
    inside = np.isin(block, found)
    if kind == "number":
        from dcai.findings.features.vectors import to_numbers

        values = to_numbers(frame[name])
        said = f"{name!r} is {np.nanmedian(values[inside]):.4g} in the middle there and {np.nanmedian(values[~inside]):.4g} elsewhere"
    else:
        same = np.array([v == value for v in canonicals(frame[name])])
        there, elsewhere = show_share(float(same[inside].mean())), show_share(float(same[~inside].mean()))
        said = f"{name!r} is {_show(value)} in {there} of the rows there and in {elsewhere} elsewhere"
    return Odd(name, tuple(found.tolist()), said)


def _show(value: object) -> str:
    return "empty" if value is None else shorten(repr(value), 40)


def _score_numbers(column: pd.Series[Any], block: Rows) -> tuple[Floats, None]:
    """Return for each block how often its numbers are larger than others, less one half."""
    from scipy.stats import rankdata

    from dcai.findings.features.vectors import to_numbers

    values = to_numbers(column)
    known = ~np.isnan(values)
    ranks, its = rankdata(values[known]), block[known]
    n = np.bincount(its, minlength=BLOCKS).astype(np.float64)
    total = np.bincount(its, ranks, minlength=BLOCKS)
    others = np.maximum(len(ranks) - n, 1)
    larger = (total - n * (n + 1) / 2) / np.maximum(n * others, 1)
    return np.where(n >= FEWEST_ROWS, larger - 1 / 2, 0.0), None


def _score_names(column: pd.Series[Any], block: Rows) -> tuple[Floats, object]:
    """Return for each block how much more often than elsewhere one name stands in it: the name that differs most."""
    marks = pd.Series(canonicals(column), dtype=object).fillna("\x00")
    best, chosen = np.zeros(BLOCKS), None
    n = np.bincount(block, minlength=BLOCKS).astype(np.float64)
    for name in marks.value_counts().index[:MOST_NAMES]:
        same = (marks == name).to_numpy(dtype=bool)
        inside = np.bincount(block[same], minlength=BLOCKS)
        share = inside / np.maximum(n, 1) - (same.sum() - inside) / np.maximum(len(block) - n, 1)
        share = np.where(n >= FEWEST_ROWS, share, 0.0)
        if share.max() > best.max():
            best, chosen = share, None if name == "\x00" else name
    return best, chosen


def _report(blocks: tuple[int, ...], odd: Sequence[Odd], evidence: Evidence) -> pd.DataFrame:
    size = len(evidence.table)
    first, last = -(-blocks[0] * size // BLOCKS), -(-(blocks[-1] + 1) * size // BLOCKS) - 1
    inside = np.flatnonzero((evidence.positions >= first) & (evidence.positions <= last))
    some = inside[np.unique(np.linspace(0, len(inside) - 1, min(len(inside), MOST_PEERS)).astype(np.intp))]
    more = f"; {len(odd) - 3} more columns differ too" if len(odd) > 3 else ""  # noqa: PLR2004 (three make the point)
    said = "; ".join(o.said for o in odd[:3])
    reason = f"Rows {first:,} to {last:,} (about) are unlike the rest of the file: {said}{more}. Do they come from another source, or in another unit?"
    column = odd[0].column if len(odd) == 1 else None
    return make_findings([-1], 0.7, reason, column=column, peers=[[int(r) for r in some]])
