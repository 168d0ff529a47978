"""Rows that are copies of others: a copy says nothing that the first one has not said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import hash_column, hash_rows

UNIQUE = 0.9  # of the different rows, that one column tells apart
FEWEST = 50  # different rows; fewer may be all that there are


def number_copies(frame: pd.DataFrame, names: Sequence[str]) -> npt.NDArray[np.intp] | None:
    """Number the rows, those that are equal in the named columns alike; None where equal rows are no copies.

    Equal rows are copies where one column alone tells nearly all different rows apart, as a measurement or a text does.
    Where few values meet, as in a table of categories, rows are equal by chance, and each of them counts.

    Examples
    --------
    >>> rows = pd.DataFrame({"x": np.arange(60.0) ** 1.5})
    >>> number_copies(pd.concat([rows, rows]), ["x"])[[0, 1, 60, 61]].tolist()
    [0, 1, 0, 1]
    >>> number_copies(pd.DataFrame({"c": ["a", "b"] * 60}), ["c"]) is None
    True
    """
    if not names:
        return None
    codes = pd.factorize(hash_rows(frame, list(names))[:, 0])[0]
    first = np.flatnonzero(~pd.Series(codes).duplicated().to_numpy())
    if len(first) == len(codes) or len(first) < FEWEST:
        return None
    for name in names:
        if len(np.unique(hash_column(name, frame[name].iloc[first])[:, 0])) >= UNIQUE * len(first):
            return np.asarray(codes, dtype=np.intp)
    return None
