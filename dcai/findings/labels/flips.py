"""Flips: which class is given how often for which true one, as the given labels themselves make it likeliest."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcai.findings.labels.models import soften

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

_CELLS = 60_000  # rows times classes that the likelihood is taken over: more tell nothing new
_ROUNDS = 40
_CHUNK = 4096  # rows that the processor's cache holds
_POWERS = tuple(float(p) for p in np.exp(np.linspace(-0.3, 1.8, 13)))
_PLAUSIBLE = 2.0  # log-likelihood lost up to which a fit is inside the interval of 95 % confidence
_FIRST = 0.05  # share of flips to begin with
_TINY = 1e-12
_PLAIN = 3.0  # the gain beyond what chance reaches in one of twenty tables, from which on flips are plain
_STRENGTH = 1.0  # rows that a class's flips are drawn by towards those of all classes


@dataclass(frozen=True, eq=False)
class Flips:
    """Labels as flips of true classes.

    Attributes
    ----------
    matrix : array of float, shape (K, K)
        The probability of each given class (column) for each true one (row).
    sharpness : float
        The power to which the model's probabilities are raised to be those of the true class. Well above 1, the model
        sees more clearly than the labels agree with it: they are wrong at random. Near 1, it is as unsure as it
        disagrees, and nothing in the labels tells its ignorance from noise that follows the features.
    gain : float
        By how much flips explain the labels better than none do, in log-likelihood of all the rows looked at: near 0
        where classes merely overlap, for then the probabilities themselves say how often labels differ from them.
    each : float
        The gain for each label that the model does not predict.
    """

    matrix: Floats
    sharpness: float
    gain: float
    each: float

    @property
    def evidence(self) -> float:
        """How far flips are shown: 0 where chance gains as much, 1 where it hardly ever would."""
        # Of each cell that may be no flip at all, chance gains half of half a chi-square: 1/4, with a variance of 5/16.
        cells = self.matrix.size - len(self.matrix)
        chance = cells / 4 + 1.645 * np.sqrt(5 / 16 * cells)
        return float(np.clip((self.gain - chance) / _PLAIN, 0.0, 1.0))

    def doubt(self, probabilities: Floats, codes: Codes) -> Floats:
        """Return the probability that each given label is a flip, shape (n,)."""
        doubt = np.empty(len(codes))
        for start in range(0, len(codes), _CHUNK):
            given = codes[start : start + _CHUNK]
            sharp = probabilities[start : start + _CHUNK]
            if self.sharpness != 1:
                sharp = _sharpen(_take_log(sharp), self.sharpness)
            total = np.maximum(np.einsum("ik,ik->i", sharp, self.matrix.T[given]), _TINY)
            own = sharp[np.arange(len(given)), given] * self.matrix[given, given]
            doubt[start : start + _CHUNK] = np.clip(1 - own / total, 0.0, 1.0)
        return doubt


def fit_flips(probabilities: Floats, codes: Codes) -> Flips:
    """Fit flips by maximum likelihood: how sharp the model is about the true classes, and how they are flipped.

    Parameters
    ----------
    probabilities : array of float, shape (n, K)
        Out-of-sample.
    codes : array of int, shape (n,)
        The given class of each row.

    Returns
    -------
    Flips

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> true = random.integers(0, 2, 4000)
    >>> given = np.where(random.random(4000) < 0.1, 1 - true, true)
    >>> flips = fit_flips(np.where(true[:, None] == [0, 1], 0.9, 0.1), given)
    >>> float(flips.matrix[0, 1].round(1)), bool(flips.sharpness > 1.5)
    (0.1, True)
    """
    size = probabilities.shape[1]
    most = max(_CELLS // size, 1000)
    rows = np.unique(np.linspace(0, len(codes) - 1, min(len(codes), most)).astype(np.intp))
    rows = rows[np.argsort(codes[rows], kind="stable")]  # by class, so that sums over a class are sums over a stretch
    some, given = probabilities[rows], codes[rows]
    logs, own = _take_log(some), (np.arange(len(given)), given)
    fits, without = [], -np.inf
    for power in _POWERS:
        truth = _sharpen(logs, power)
        without = max(without, float(np.log(np.maximum(truth[own], _TINY)).mean()))
        fits.append((power, *_fit_matrix(truth, given)))
    best = max(likelihood for _, _, likelihood in fits)
    # Of the fits that the labels do not refute, the sharpest: where a model has learnt the rate of random flips, its
    # probabilities fit the labels as well without any.
    power, matrix, _ = [fit for fit in fits if len(given) * (best - fit[2]) <= _PLAUSIBLE][-1]
    gain = max(0.0, len(given) * (best - without))
    return Flips(matrix, power, gain, gain / max(1, int((some.argmax(axis=1) != given).sum())))


def _take_log(probabilities: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(probabilities, _TINY)))


def _sharpen(logs: Floats, power: float) -> Floats:
    return soften(power * logs)


def _fit_matrix(truth: Floats, given: Codes) -> tuple[Floats, float]:
    """Fit the matrix to given classes in rising order by expectation and maximisation; also return the mean log-likelihood."""
    size = truth.shape[1]
    own = np.eye(size, dtype=np.bool_)
    present, starts = np.unique(given, return_index=True)
    matrix = np.where(own, 1 - _FIRST, _FIRST / max(size - 1, 1))
    stretches = [truth[a:b] for a, b in itertools.pairwise([*starts, len(given)])]
    last = -np.inf
    for _ in range(_ROUNDS):
        totals = [np.maximum(part @ matrix[:, k], _TINY) for part, k in zip(stretches, present, strict=True)]
        likelihood = float(sum(np.log(total).sum() for total in totals)) / len(given)
        if likelihood - last < 1e-4 / len(given):
            break
        last = likelihood
        counts = np.zeros((size, size))
        for part, total, k in zip(stretches, totals, present, strict=True):
            counts[:, k] = matrix[:, k] * ((1 / total) @ part)
        matrix = _share(counts, own)
    return matrix, likelihood


def _share(counts: Floats, own: npt.NDArray[np.bool_]) -> Floats:
    """Turn counts of (true, given) into shares; where a class goes is drawn towards where all flips go."""
    off = np.where(own, 0.0, counts)
    flipped = off.sum(axis=1)
    usual = np.where(own, 0.0, off.sum(axis=0)[None, :] + 1e-3)
    usual /= np.maximum(usual.sum(axis=1, keepdims=True), _TINY)
    spread = (off + _STRENGTH * usual) / (flipped + _STRENGTH)[:, None]
    # No class is beyond doubt, and none is always flipped, however few rows it has.
    share = np.minimum((flipped + 1e-3) / (counts.sum(axis=1) + 1), 1 - 1e-3)
    return np.asarray(np.where(own, 1 - share[:, None], spread * share[:, None]))
