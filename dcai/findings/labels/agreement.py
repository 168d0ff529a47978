"""Agreement of probabilities and labels along the rows: stretches in which it is lost, while it is clear in the others."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Marks = npt.NDArray[np.bool_]

NUMBERS = (20, 8, 3, 2)  # of stretches that the rows are cut into, finest first
FEWEST = 30  # rows of a stretch
MIXED = 0.8  # of the mixture of classes that the whole table has: less tells nothing of the order within a class
CHANCE_Z = 3.0  # errors of the mean within which agreement is chance
CLEAR_Z = 5.0  # errors that the agreement to be expected must be worth
NOISY = 0.5  # of that agreement is left where half of the labels are wrong


class Agreement(NamedTuple):
    """What the stretches show.

    Attributes
    ----------
    lost : list of pairs of int
        The first and the last place, among the labelled rows, of each stretch that agrees by chance only.
    told : float
        The share of rows that stand in stretches which could show it; elsewhere rows of one class stand together.
    """

    lost: list[tuple[int, int]]
    told: float

    @property
    def rows(self) -> int:
        """How many rows stand in stretches that are lost."""
        return sum(end - start + 1 for start, end in self.lost)


class _Means(NamedTuple):
    """Of each stretch: what the labels gain over chance, how sure that is, what the model hopes for, and the mixture."""

    gain: Floats
    error: Floats
    hoped: Floats
    mixture: Floats


def compare_stretches(probabilities: Floats, codes: Codes) -> Agreement:
    """Look for stretches of rows whose probabilities fit their labels no better than those of other rows would.

    The gain of a row is the probability of its label less that of a label drawn from its stretch. A stretch is lost
    where the mean gain may be zero and is less than if half of its labels were wrong, though it should be clear: the
    model is as sure of it as elsewhere, and elsewhere that much surety comes true.

    Parameters
    ----------
    probabilities : array of float, shape (n, K)
        In the order of the rows, labelled ones only.
    codes : array of int, shape (n,)
        The given class of each.

    Examples
    --------
    >>> truth = np.arange(600) % 3
    >>> sure = np.eye(3)[truth] * 0.7 + 0.1
    >>> compare_stretches(sure, truth).lost
    []
    >>> sure[300:] = sure[299:-1]
    >>> lost = compare_stretches(sure, truth).lost
    >>> lost[0][0], lost[-1][1]
    (300, 599)
    """
    shares = np.bincount(codes, minlength=probabilities.shape[1]) / max(len(codes), 1)
    whole = 1 - float(shares @ shares)
    told, most = 1.0, Agreement([], 1.0)
    for turn, number in enumerate(n for n in NUMBERS if len(codes) >= n * FEWEST):
        edges = np.linspace(0, len(codes), number + 1).astype(np.intp)
        means = _measure(probabilities, codes, edges)
        telling = means.mixture >= MIXED * whole
        if turn == 0:
            told = float(np.diff(edges)[telling].sum() / len(codes))
        found = Agreement(_join(edges, _find_lost(means, telling, np.diff(edges))), told)
        # Finer stretches say better where, coarser ones see more; the one that sees most says it.
        most = found if turn == 0 or found.rows > most.rows else most
    return most


def _measure(probabilities: Floats, codes: Codes, edges: Codes) -> _Means:
    found = []
    for start, end in itertools.pairwise(edges.tolist()):
        part, given = probabilities[start:end], codes[start:end]
        shares = np.bincount(given, minlength=part.shape[1]) / len(given)
        chance = part @ shares
        gain = part[np.arange(len(part)), given] - chance
        hoped = np.einsum("ij,ij->i", part, part) - chance
        found.append((gain.mean(), gain.std() / np.sqrt(len(part)), hoped.mean(), 1 - shares @ shares))
    return _Means(*np.array(found).T)


def _find_lost(means: _Means, telling: Marks, sizes: Codes) -> Marks:
    """Compare each stretch with all others that can tell."""
    gained, hoped = (np.where(telling, sizes * values, 0.0) for values in (means.gain, means.hoped))
    others = hoped.sum() - hoped
    come_true = np.clip((gained.sum() - gained) / np.where(others > 0, others, np.inf), 0.0, 1.0)
    expected, error = come_true * means.hoped, np.maximum(means.error, 1e-9)
    by_chance = (means.gain < CHANCE_Z * error) & (means.gain + CHANCE_Z * error < NOISY * expected)
    return np.asarray(telling & (expected >= CLEAR_Z * error) & by_chance)


def _join(edges: Codes, lost: Marks) -> list[tuple[int, int]]:
    """Join stretches that follow each other."""
    joined: list[tuple[int, int]] = []
    for place in np.flatnonzero(lost).tolist():
        start, end = int(edges[place]), int(edges[place + 1]) - 1
        if joined and joined[-1][1] == start - 1:
            start = joined.pop()[0]
        joined.append((start, end))
    return joined
