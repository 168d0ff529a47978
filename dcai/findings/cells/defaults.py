"""Defaults: one code, date or number that stands far too often where all others are rare.

A frequent value may well be right: most customers live where the shop is, and most orders are of one piece. So what only
stands often is one finding about its column. The cells are flagged where the value is one that nobody has, such as
555-5555, or where other columns contradict it: they agree in the rows of any other value, and not in the rows of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.findings.shape import make_findings

FEWEST_VALUES = 100
FEWEST_ROWS = 20
FACTOR = 10  # as often as the next one: far beyond what a natural fall of frequencies brings about
MOST = 0.5  # of the rows: more is the column's normal value
WITH_DIGITS = 0.9
AGREED = 0.9  # of the rows with another value that comes again: then it settles the other column
MOST_PEERS = 1_000
FILLER_DIGITS = 4  # so many alike, or counted up or down, that nobody has them
_NONZERO = frozenset("123456789")
_COUNTED = ("01234567890", "09876543210")


def find_defaults(name: str, column: pd.Series[Any], others: Sequence[pd.Series[Any]] = ()) -> pd.DataFrame:
    """Find a default: a value of digits at least ten times as frequent as any other.

    Words and zeros are left alone, for those may be frequent by nature.

    Parameters
    ----------
    name : str
        The column.
    column : pandas.Series
        Its cells.
    others : sequence of pandas.Series, optional
        The columns of the same rows, which may contradict it.

    Returns
    -------
    pandas.DataFrame
        A finding about each cell with digits that only fill a place, and each that other columns contradict; else one
        about the column, with some of the rows as its peers.

    Examples
    --------
    >>> phones = pd.Series([f"555-{n:04d}" for n in range(200)] + ["555-5555"] * 30)
    >>> len(find_defaults("phone", phones)), len(find_defaults("phone", phones.replace("555-5555", "555-7321")))
    (30, 1)
    """
    none = make_findings([], [], [])
    codes, distinct = pd.factorize(column)
    if len(distinct) < FEWEST_VALUES:
        return none
    rows = np.bincount(codes[codes >= 0], minlength=len(distinct))
    filled = _mark_filled(distinct)
    rows = np.where(filled, rows, 0)
    order = np.argsort(-rows, kind="stable")
    top, second = int(order[0]), int(rows[order[1]])
    times, total = int(rows[top]), int(rows.sum())
    if times < max(FEWEST_ROWS, FACTOR * second) or times > MOST * total:
        return none
    texts = [str(v).strip() for v in distinct]
    digits = np.array([not _NONZERO.isdisjoint(t) for t in texts], dtype=np.bool_)
    if not digits[top] or digits[filled].mean() < WITH_DIGITS:
        return none
    found = np.flatnonzero(codes == top)
    reason = (
        f"{texts[top]!r} stands in {show_share(times / total)} of the rows of {name!r}, {times // max(second, 1)} times as often as any "
        "other of its values: it seems to be a default that nobody changed."
    )
    if is_filler(texts[top]):
        return make_findings(found, 0.6, reason, column=name, given=list(column.iloc[found]))
    rivals = _find_contradictions(codes, top, others)
    if len(rivals):
        reason = reason.removesuffix(".") + "; and other columns of this row are those of other values."
        return make_findings(rivals, 0.7, reason, column=name, given=list(column.iloc[rivals]))
    some = found[np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_PEERS)).astype(np.intp))]
    reason += " Or it is right so often: nothing about the value itself tells."
    return make_findings([-1], 0.5, reason, column=name, peers=[[int(r) for r in some]])


def _mark_filled(distinct: Any) -> npt.NDArray[np.bool_]:
    """Mark the values that are no blank texts."""
    if pd.api.types.is_numeric_dtype(distinct.dtype):
        return np.ones(len(distinct), dtype=np.bool_)
    return np.array([bool(str(v).strip()) for v in np.asarray(distinct, dtype=object)], dtype=np.bool_)


def _find_contradictions(
    codes: npt.NDArray[np.intp], top: int, others: Sequence[pd.Series[Any]]
) -> npt.NDArray[np.intp]:
    """Find the rows with the value whose other cells stand mostly beside other values.

    Only columns count that agree in the rows of any other value, and do not in the rows of this one.
    """
    mine = codes == top
    contrary, confirmed = np.zeros_like(mine), np.zeros_like(mine)
    for other in others:
        cells, distinct = pd.factorize(other.map(lambda v: v if pd.api.types.is_scalar(v) else str(v)))
        known = (codes >= 0) & (cells >= 0)
        pairs, times = np.unique(codes[known] * len(distinct) + cells[known], return_counts=True)
        group = pairs // max(len(distinct), 1)
        size, best = np.zeros(codes.max() + 1, dtype=np.int64), np.zeros(codes.max() + 1, dtype=np.int64)
        np.add.at(size, group, times)
        np.maximum.at(best, group, times)
        again = (size > 1) & (np.arange(len(size)) != top)
        chances = int((size[again] - 1).sum())
        agreed = (best[again] - 1).sum() / max(chances, 1)
        if chances < FEWEST_ROWS or agreed < AGREED or best[top] > AGREED / 2 * size[top]:
            continue
        rows = np.bincount(cells[known], minlength=len(distinct))
        beside = np.bincount(cells[known & mine], minlength=len(distinct)) / np.maximum(rows, 1)
        told = known & (rows[cells] > 1)  # what stands in one row has no other to tell by
        contrary |= told & (beside[cells] < MOST)
        confirmed |= told & (beside[cells] >= MOST)
    return np.flatnonzero(mine & contrary & ~confirmed)


def is_filler(text: str) -> bool:
    """Say whether a value has digits that only fill a place: all the same, or counted up or down.

    Examples
    --------
    >>> [is_filler(text) for text in ("555-5555", "12345", "98-7654", "90210", "1")]
    [True, True, True, False, False]
    """
    digits = "".join(c for c in text.removesuffix(".0") if c.isdigit())
    alike = len(set(digits)) == 1 or any(digits in counted for counted in _COUNTED)
    return len(digits) >= FILLER_DIGITS and alike
