"""How likely is each label wrong: out-of-sample probabilities and given labels to doubts, flags and a count of errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

_STEPS = 3  # of unmixing; more sharpen noise
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Noise:
    """What the labels' noise looks like. Rows without a label have doubt 0 and are never flagged.

    Attributes
    ----------
    doubt : array of float, shape (n,)
        The estimated probability that the given label is wrong.
    flagged : array of bool, shape (n,)
        The rows to look at.
    truth : array of float, shape (n, K)
        The estimated probabilities of the *true* class, the noise of the given labels taken out.
    estimate, low, high : float
        The number of wrong labels.
    """

    doubt: Floats
    flagged: npt.NDArray[np.bool_]
    truth: Floats
    estimate: float
    low: float
    high: float


def estimate_noise(probabilities: Floats, codes: Codes) -> Noise:
    """Estimate which labels are wrong.

    The model learnt from noisy labels, so its probabilities mix the true class with the noise. The noise matrix (which
    class is given how often for which true one) is estimated from them; a few steps of Richardson-Lucy take it out
    again; Bayes' rule then gives each label's doubt. As many rows are flagged as there are rows where the model
    predicts another class than the given one, the most doubtful first.

    Parameters
    ----------
    probabilities : array of float, shape (n, K)
        Out-of-sample.
    codes : array of int, shape (n,)
        The given class, -1 for none.

    Returns
    -------
    Noise
    """
    rows = np.flatnonzero(codes >= 0)
    given, known = probabilities[rows], codes[rows]
    matrix = _noise_matrix(given, known)
    truth = probabilities.copy()
    for _ in range(_STEPS):
        expected = np.maximum(truth @ matrix, _TINY)
        truth *= (probabilities / expected) @ matrix.T
        truth /= np.maximum(truth.sum(axis=1, keepdims=True), _TINY)
    likely = np.maximum((truth @ matrix)[rows, known], _TINY)
    doubt = np.zeros(len(codes))
    doubt[rows] = np.clip(1 - truth[rows, known] * matrix[known, known] / likely, 0.0, 1.0)
    number = int((given.argmax(axis=1) != known).sum())
    flagged = np.zeros(len(codes), dtype=np.bool_)
    flagged[rows[np.argsort(-doubt[rows], kind="stable")[:number]]] = True
    low, high = _bounds(given, known)
    return Noise(doubt, flagged, truth, float(np.clip(doubt.sum(), low, high)), low, high)


def _noise_matrix(probabilities: Floats, codes: Codes) -> Floats:
    """Estimate P(given class | true class), shape (K, K): half from predicted classes, half from their probabilities."""
    size = probabilities.shape[1]
    hard = np.zeros((size, size))
    np.add.at(hard, (probabilities.argmax(axis=1), codes), 1.0)
    joint = hard + probabilities.T @ np.eye(size)[codes] + _TINY
    matrix = joint / joint.sum(axis=1, keepdims=True)
    # No class is beyond doubt, however few rows it has.
    return np.asarray(0.98 * matrix + 0.02 / size)


def _bounds(probabilities: Floats, codes: Codes) -> tuple[float, float]:
    """Bound the number of wrong labels.

    Low: half of the confident joint's off-diagonal, for of such flags people confirm about half. High: the expected
    disagreement of a calibrated model, which counts its own mistakes too.
    """
    from cleanlab.count import compute_confident_joint

    joint = (
        compute_confident_joint(codes, probabilities, calibrate=False) if _all_present(codes, probabilities) else None
    )
    off = 0.0 if joint is None else float(joint.sum() - np.trace(joint))
    high = float((1 - probabilities[np.arange(len(codes)), codes]).sum())
    return min(0.5 * off, high), high


def _all_present(codes: Codes, probabilities: Floats) -> bool:
    # cleanlab's count needs every class of the probabilities among the labels.
    return bool(len(np.unique(codes)) == probabilities.shape[1])
