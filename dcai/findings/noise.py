"""How likely is each label wrong: out-of-sample probabilities and given labels to doubts, flags and a count of errors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

_STEPS = 3  # of unmixing; more sharpen noise
_TINY = 1e-12
# Below this share of what the commonest class leaves to be known, a model's disagreement is mostly its own ignorance.
WEAK = 0.2
UNDECIDED = 0.5


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
    agreement, commonest : float
        Share of the given labels that the model predicts, and that one gets by always saying the commonest class.
    """

    doubt: Floats
    flagged: npt.NDArray[np.bool_]
    truth: Floats
    estimate: float
    low: float
    high: float
    agreement: float
    commonest: float

    @property
    def weak(self) -> bool:
        """Whether the model hardly knows more than the commonest class, so that its disagreement says little."""
        return self.agreement - self.commonest < WEAK * (1 - self.commonest)


def estimate_noise(probabilities: Floats, codes: Codes) -> Noise:
    """Estimate which labels are wrong.

    The model learnt from noisy labels, so its probabilities mix the true class with the noise. The noise matrix (which
    class is given how often for which true one) is estimated from them; a few steps of Richardson-Lucy take it out
    again; Bayes' rule then gives each label's doubt. As many rows are flagged as there are rows where the model
    predicts another class than the given one, the most doubtful first. The only row of a class is never flagged: no
    model that has not seen it can predict it.

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
    counts = np.bincount(known, minlength=probabilities.shape[1])
    alone = rows[counts[known] == 1]
    doubt[alone] = np.minimum(doubt[alone], UNDECIDED)
    differ = given.argmax(axis=1) != known
    judged = rows[counts[known] > 1]
    flagged = np.zeros(len(codes), dtype=np.bool_)
    flagged[judged[np.argsort(-doubt[judged], kind="stable")[: int(differ[counts[known] > 1].sum())]]] = True
    low, high = _bounds(given, known)
    estimate = float(np.clip(doubt.sum(), low, high))
    noise = Noise(
        doubt, flagged, truth, estimate, low, high, float(1 - differ.mean()), float(counts.max() / len(known))
    )
    return replace(noise, low=0.0) if noise.weak else noise


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
