"""Nearness: each row's nearest other rows, among all of them or among some that are spread over all.

Distances to a part of the rows tell an outlier as well as those to all, and better where outliers come in groups; so no
index of all rows is made, and no library that makes one is needed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
_STEP = 50_000  # rows at a time: Python hears of an interrupt in between


def find_nearest(points: Any, compared: int, most: int) -> tuple[Floats, Rows]:
    """Find distances to and positions of each row's nearest other rows, shape (n, k) each.

    Parameters
    ----------
    points : array, shape (n, d)
    compared : int
        With how many rows, evenly spread, each is compared.
    most : int
        How many to find; fewer where there are fewer, none where there is one row only.

    Examples
    --------
    >>> find_nearest(np.array([[0.0], [1.0], [5.0]]), 3, 1)[1].ravel().tolist()
    [1, 0, 1]
    """
    from sklearn.neighbors import NearestNeighbors

    sample = np.unique(np.linspace(0, len(points) - 1, compared).astype(np.intp))
    size = min(most, len(sample) - 1)
    if size < 1:
        return np.empty((len(points), 0)), np.empty((len(points), 0), dtype=np.intp)
    known = NearestNeighbors(n_neighbors=size + 1).fit(points[sample])
    parts = [_ask(known, points, start, sample, size) for start in range(0, len(points), _STEP)]
    far, near = zip(*parts, strict=True)
    return np.concatenate(far), np.concatenate(near)


def _ask(known: Any, points: Any, start: int, sample: Rows, size: int) -> tuple[Floats, Rows]:
    part = points[start : start + _STEP]
    far, near = known.kneighbors(part)
    near = sample[near]
    # A row is not its own neighbour; it is found by its number, not by its place, for copies are as near.
    own = near == np.arange(start, start + len(part))[:, None]
    own[~own.any(axis=1), -1] = True
    return far[~own].reshape(len(part), size), near[~own].reshape(len(part), size)
