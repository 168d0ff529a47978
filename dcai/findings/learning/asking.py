"""Which rows to review next: those whose cells stand for most of what is undecided."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.findings.learning.cellfeatures import FEATURES
from dcai.findings.learning.error_model import CellEvidence

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

STEPS = {"value": (-2.0, 0.5, 2.0, 4.0), "odd letters": (1.0, 3.0), "voted down": (0.0, 2.0)}  # in nats
POWER = 0.5  # a cluster with four times as much undecided in it is worth twice as much
FADE = 2.0  # the second member of a cluster that is looked at tells a quarter of what the first did


def sort_cells(evidence: CellEvidence, name: str) -> Codes:
    """Sort the cells of a column into clusters: doubted in the same words, written alike, as rare, as expected by others."""
    column, measures = evidence.cells.columns[name], evidence.cells.measure(name)
    shapes = pd.factorize(np.array(column.families["shape"], dtype=object))[0][column.codes]
    parts = [shapes, pd.factorize(evidence.doubts[name].kinds)[0]]
    parts += [np.digitize(measures[:, FEATURES.index(f)], steps) for f, steps in STEPS.items()]
    code = np.zeros(len(shapes), dtype=np.int64)
    for part in parts:
        code = code * (int(part.max(initial=0)) + 1) + part
    return np.unique(code, return_inverse=True)[1].astype(np.intp)


def choose_telling(
    clusters: Mapping[str, Codes], chance: Mapping[str, Floats], seen: Collection[int], order: Codes, number: int
) -> list[int]:
    """Choose rows one by one, each for what its cells' clusters add to those that were seen.

    Parameters
    ----------
    clusters : mapping of str to array of shape (n,)
        The cluster of each cell of each column.
    chance : mapping of str to array of shape (n,)
        How probably each cell is wrong.
    seen : collection of int
        Rows that were reviewed; they are not chosen, and their clusters count as seen.
    order : array of shape (n,)
        The place of each row in an order that settles ties.
    number : int
        How many.

    Returns
    -------
    list of int
        The most telling first; fewer where fewer are left.

    Examples
    --------
    >>> clusters, chance = {"x": np.array([0, 0, 0, 1])}, {"x": np.full(4, 0.2)}
    >>> choose_telling(clusters, chance, [], np.arange(4), 2)
    [0, 3]
    """
    known = np.array(sorted(seen), dtype=np.intp)
    worth, asked = {}, {}
    for name, its in clusters.items():
        undecided = np.bincount(its, weights=np.minimum(chance[name], 1 - chance[name]))
        worth[name] = undecided**POWER
        asked[name] = np.bincount(its[known], minlength=len(undecided)).astype(np.float64)
    free = np.ones(len(order), dtype=np.bool_)
    free[known] = False
    chosen: list[int] = []
    while len(chosen) < number and free.any():
        gain = np.sum(
            [(worth[n] / (1 + asked[n]) ** FADE)[its] for n, its in clusters.items()] or [np.zeros(len(order))], axis=0
        )
        gain = np.where(free, np.round(gain, 9), -1.0)
        best = np.flatnonzero(gain == gain.max())
        row = int(best[np.argmin(order[best])])
        chosen.append(row)
        free[row] = False
        for name, its in clusters.items():
            asked[name][its[row]] += 1
    return chosen
