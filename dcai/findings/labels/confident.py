"""Confident learning's counts: which classes a model is confident of, beside those that were given.

The definitions are those of `cleanlab.count`, and a test holds them equal; written here for they are needed in every
audit, and to import that package takes longer than to audit a small table.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
_LEAST = 2e-6  # of a threshold, so that a probability of zero is confident of nothing
_ROUNDING = 1e-6
_CHUNK = 50_000


def find_thresholds(codes: Codes, probabilities: Floats) -> Floats:
    """Return for each class the mean probability of it in the rows that have it as their label, shape (K,).

    Parameters
    ----------
    codes : array of int, shape (n,)
        The given classes, of which each has a row.
    probabilities : array of float, shape (n, K)
        Out-of-sample.

    Examples
    --------
    >>> find_thresholds(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.7, 0.3], [0.5, 0.5]]))
    array([0.8, 0.5])
    """
    size = probabilities.shape[1]
    own = probabilities[np.arange(len(codes)), codes]
    means = np.bincount(codes, own, minlength=size) / np.bincount(codes, minlength=size)
    return np.asarray(np.maximum(means, _LEAST))


def count_confident(codes: Codes, probabilities: Floats) -> npt.NDArray[np.intp]:
    """Count the rows by given class and by the class that the model is confident of, shape (K, K).

    A row of which it is confident of no class does not count; of several, the likeliest does. No class is left without
    a row that is right.

    Examples
    --------
    >>> count_confident(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8]])).tolist()
    [[1, 1], [0, 1]]
    """
    size = probabilities.shape[1]
    least = find_thresholds(codes, probabilities) - _ROUNDING
    pairs = np.zeros(size * size, dtype=np.intp)
    for start in range(0, len(codes), _CHUNK):
        part, given = probabilities[start : start + _CHUNK], codes[start : start + _CHUNK]
        # Of most rows the model is confident of one class: only for the others the likeliest is looked for.
        sure = np.flatnonzero(part >= least)
        rows = sure // size
        number = np.bincount(rows, minlength=len(part))
        single = number[rows] == 1
        pairs += np.bincount(given[rows[single]] * size + sure[single] % size, minlength=size * size)
        several = np.flatnonzero(number > 1)
        pairs += np.bincount(given[several] * size + part[several].argmax(axis=1), minlength=size * size)
    joint = pairs.reshape(size, size)
    np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1))
    return joint
