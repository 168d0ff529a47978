"""Texts of a column: what is asked of every cell is asked of each distinct text once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Codes = npt.NDArray[np.intp]


def number_texts(column: pd.Series[Any], keep: Callable[[str], bool] | None = None) -> tuple[Codes, list[str]]:
    """Number the distinct texts of a column in order of occurrence: the number of each cell, -1 for all others, and the texts.

    Parameters
    ----------
    column : pandas.Series
        Its cells may be of any kind.
    keep : callable, optional
        Says of a text whether it counts.

    Examples
    --------
    >>> number_texts(pd.Series(["b", 3, "a", "b", None]), lambda text: text != "a")
    (array([ 0, -1, -1,  0, -1]), ['b'])
    """
    codes, distinct = _number(column)
    wanted = [isinstance(v, str) and (keep is None or keep(v)) for v in distinct]
    if all(wanted):
        return codes, distinct
    places = np.append(np.where(wanted, np.cumsum(wanted) - 1, -1), -1)
    return places[codes], [str(v) for v, its in zip(distinct, wanted, strict=True) if its]


def mark_texts(column: pd.Series[Any], holds: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
    """Mark the cells that are texts of which something holds, shape (n,).

    Examples
    --------
    >>> mark_texts(pd.Series(["a", "b", 3]), str.isalpha).tolist()
    [True, True, False]
    """
    codes, distinct = _number(column)
    return np.array([*(isinstance(v, str) and holds(v) for v in distinct), False], dtype=np.bool_)[codes]


def _number(column: pd.Series[Any]) -> tuple[Codes, list[Any]]:
    """Number the distinct cells of a column; of cells that are not all texts, the others are left out."""
    if column.dtype == object:
        column = pd.Series([v if isinstance(v, str) else None for v in column], dtype=object)
    codes, distinct = pd.factorize(column)
    return codes, np.asarray(distinct, dtype=object).tolist()
