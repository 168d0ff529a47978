"""Defaults: one code, date or number that stands far too often where all others are rare."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dcai.base.display import show_share
from dcai.findings.shape import make_findings

FEWEST_VALUES = 100
FEWEST_ROWS = 20
FACTOR = 10  # as often as the next one: far beyond what a natural fall of frequencies brings about
MOST = 0.5  # of the rows: more is the column's normal value
WITH_DIGITS = 0.9


def find_defaults(name: str, column: pd.Series[Any]) -> pd.DataFrame:
    """Find the cells that hold a default: a value of digits at least ten times as frequent as any other.

    Words and zeros are left alone, for those may be frequent by nature.

    Parameters
    ----------
    name : str
        The column.
    column : pandas.Series
        Its cells.

    Returns
    -------
    pandas.DataFrame
        A finding about each such cell.

    Examples
    --------
    >>> phones = pd.Series([f"555-{n:04d}" for n in range(200)] + ["555-5555"] * 30)
    >>> len(find_defaults("phone", phones))
    30
    """
    none = make_findings([], [], [])
    codes, distinct = pd.factorize(column)
    if len(distinct) < FEWEST_VALUES:
        return none
    rows = np.bincount(codes[codes >= 0], minlength=len(distinct))
    texts = [str(v).strip() for v in distinct]
    filled = np.array([bool(t) for t in texts], dtype=np.bool_)
    rows = np.where(filled, rows, 0)
    digits = np.array([any(c in "123456789" for c in t) for t in texts], dtype=np.bool_)
    order = np.argsort(-rows, kind="stable")
    top, second = int(order[0]), int(rows[order[1]])
    times, total = int(rows[top]), int(rows.sum())
    if not digits[top] or digits[filled].mean() < WITH_DIGITS:
        return none
    if times < max(FEWEST_ROWS, FACTOR * second) or times > MOST * total:
        return none
    found = np.flatnonzero(codes == top)
    reason = (
        f"{texts[top]!r} stands in {show_share(times / total)} of the rows of {name!r}, {times // max(second, 1)} times as often as any "
        "other of its values: it seems to be a default that nobody changed."
    )
    return make_findings(found, 0.6, reason, column=name, given=list(column.iloc[found]))
