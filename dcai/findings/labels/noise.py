"""How likely is each label wrong: out-of-sample probabilities and given labels to doubts, flags and a count of errors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dcai.findings.labels.confident import count_confident
from dcai.findings.labels.flips import Flips, fit_flips

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

_CHUNK = 4096
_STEPS = 3  # of unmixing; more sharpen noise
_TINY = 1e-12
# Below this share of what the commonest class leaves to be known, a model's disagreement is mostly its own ignorance.
WEAK = 0.2
UNDECIDED = 0.5
# Sharpness of a fit up to which nothing tells noise from ignorance, and from which on flips at random explain all.
BLUNT, SHARP = 1.2, 1.8
LEAST = 0.1  # flips at random are never quite out of the question
IGNORANCE = 4  # the power of skill: the share of disagreement worth a look where nothing shows wrong labels,
EVEN = 0.5  # and at least so much: ignorance does not tell overlap from noise, nor noise from overlap
# The power that a doubt is raised to where the model has learnt a part of the noise: where flips explain each label
# that it does not predict hardly better than overlap does, and where they do so by this many nats and more.
LEARNT, MUCH_LEARNT, NATS = 0.35, 0.15, 0.1
SETTLED, FEWEST = 0.995, 50  # of so many labels and more foretold, hardly any would be left to people's errors
FITTED = 0.25  # the weight of the likeliest flips in a rank
_PARTING = 1e-2  # share of the rank in a doubt, so that equal ones keep their order
_LEAST_OWN = 1e-16  # the probability of a given class, below which nothing is surer


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
    evidence : float
        How far the labels show that some are wrong, not that classes merely overlap: 0 to 1, see `Flips.evidence`.
    """

    doubt: Floats
    flagged: npt.NDArray[np.bool_]
    truth: Floats
    estimate: float
    low: float
    high: float
    agreement: float
    commonest: float
    evidence: float

    @property
    def weak(self) -> bool:
        """Whether the model hardly knows more than the commonest class, so that its disagreement says little."""
        return self.agreement - self.commonest < WEAK * (1 - self.commonest)

    @property
    def settled(self) -> bool:
        """Whether the model foretells nearly all labels: where columns were made from them, no error would show."""
        labelled = np.count_nonzero(self.doubt)  # however small: only what has no label has no doubt
        return bool(labelled >= FEWEST and self.agreement >= SETTLED and not self.weak)


def estimate_noise(probabilities: Floats, codes: Codes) -> Noise:
    """Estimate which labels are wrong.

    The model learnt from noisy labels, so its probabilities mix the true class with the noise. The noise matrix (which
    class is given how often for which true one) is estimated from them; a few steps of Richardson-Lucy take it out
    again; Bayes' rule then gives each label's rank, in which the likeliest flips have a say (`join_ranks`). Why a model
    disagrees with a label can be read in three ways, and how the labels fit its probabilities tells how far to believe
    each (see `Flips`): they are flipped at random; the rest of its disagreement is noise too; or it has learnt a part of
    the noise, so that there is more than it shows. The doubt is their probability, in the order of the ranks; that of the
    last counts as far as flips explain the labels better than mere overlap of the classes does (`Flips.evidence`). As
    many rows are flagged, the most doubtful first, as make the F1 score that the readings expect the largest, but without
    such evidence no more than half of the disagreement, or what a model of this skill disagrees with for another reason
    than its ignorance. A row whose given class is the model's likeliest is flagged only when its label is probably wrong
    all the same; one that a weak model doubts, likewise. The only row of a class is never flagged: no model that has not
    seen it can predict it.

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
    truth, rank = _unmix(probabilities, given, known, rows)
    counts = np.bincount(known, minlength=probabilities.shape[1])
    judged = counts[known] > 1
    differ = given.argmax(axis=1) != known
    agreement, commonest = float(1 - differ.mean()), float(counts.max() / len(known))
    skill = float(np.clip((agreement - commonest) / max(1 - commonest, _TINY), 0.0, 1.0))
    flips = fit_flips(given, known)
    readings = _read(flips, flips.doubt(given, known), rank, skill)
    joined = join_ranks(rank, flips, given, known)
    order = np.argsort(-joined, kind="stable")
    doubt, flagged = np.zeros(len(codes)), np.zeros(len(codes), dtype=np.bool_)
    doubt[rows[order]] = _calibrate(readings, rank, joined, order, flips.evidence)
    alone = rows[~judged]
    doubt[alone] = np.minimum(doubt[alone], UNDECIDED)
    likely = doubt[rows] >= UNDECIDED
    low, high = _bounds(given, known, flips.evidence)
    estimate = float(np.clip(doubt.sum(), low, high))
    noise = Noise(doubt, flagged, truth, estimate, low, high, agreement, commonest, flips.evidence)
    order = order[judged[order]]
    # In a small table few flips are no evidence yet, but where the model is sharp each is plain enough.
    plain = int((readings[0][0] * readings[0][1] * judged >= UNDECIDED).sum())
    allowed = max(_allow(int((differ & judged).sum()), skill, flips.evidence), round(np.sqrt(skill) * plain))
    number = min(_count_flags(readings, order), allowed)
    # A row whose label the model itself predicts is not worth a look, nor is a guess of a model that knows nothing.
    worth = likely if noise.weak else likely | differ
    flagged[rows[order[worth[order]][:number]]] = True
    _put_first(doubt, flagged)
    return replace(noise, low=0.0) if noise.weak else noise


def join_ranks(rank: Floats, flips: Flips, probabilities: Floats, codes: Codes) -> Floats:
    """Join the rank of each given label with the doubt that the likeliest flips cast on it, in log-odds.

    The rank rests on a matrix of all that the model and the labels disagree in, its ignorance too, which is spread over all
    classes. The likeliest flips are fewer, and tell better in which given classes wrong labels are; but they are fitted.
    """
    flipped = replace(flips, sharpness=1.0).doubt(probabilities, codes)
    return np.asarray(1 / (1 + np.exp((1 - FITTED) * _oppose(rank) + FITTED * _oppose(flipped))))


def _oppose(doubt: Floats) -> Floats:
    """Return the log-odds that a label is right."""
    own = np.clip(1 - doubt, _LEAST_OWN, 1 - _TINY)
    return np.asarray(np.log(own / (1 - own)))


def _put_first(doubt: Floats, flagged: npt.NDArray[np.bool_]) -> None:
    """Lower the doubt of rows that are not worth a look to below that of every flagged one, in their order."""
    if not flagged.any():
        return
    least = doubt[flagged].min()
    above = ~flagged & (doubt >= least)
    if not above.any():
        return
    next_ = doubt[~flagged & ~above].max(initial=0.0)
    steps = np.unique(doubt[above], return_inverse=True)[1] + 1
    doubt[above] = next_ + (least - next_) * steps / (steps.max() + 1)


def _allow(differ: int, skill: float, evidence: float) -> int:
    """Return how many flags a number of disagreements allows.

    Where nothing shows that labels are wrong, classes may merely overlap, and a model that knows little disagrees the
    more by its own ignorance: then the more doubtful half is worth a look.
    """
    unseen = max(EVEN, skill**IGNORANCE)
    return int(differ * ((1 - evidence) * unseen + evidence * (1 + skill)))


def _unmix(probabilities: Floats, given: Floats, known: Codes, rows: Codes) -> tuple[Floats, Floats]:
    """Take the noise out of the probabilities: those of the true classes, and the rank of each known label's doubt."""
    matrix = _noise_matrix(given, known)
    truth = probabilities.copy()
    for start in range(0, len(truth), _CHUNK):  # a part that the processor's cache holds
        part, seen = truth[start : start + _CHUNK], probabilities[start : start + _CHUNK]
        for _ in range(_STEPS):
            expected = np.maximum(part @ matrix, _TINY)
            part *= (seen / expected) @ matrix.T
            part /= np.maximum(part.sum(axis=1, keepdims=True), _TINY)
    likely = np.maximum((truth @ matrix)[rows, known], _TINY)
    return truth, np.clip(1 - truth[rows, known] * matrix[known, known] / likely, 0.0, 1.0)


def _read(flips: Flips, flipped: Floats, rank: Floats, skill: float) -> list[tuple[float, Floats]]:
    """Return the three readings of disagreement: how far to believe each, and the doubts that follow from it.

    The sharper the fitted model is, the surer are flips at random. Of the rest, only a model that predicts the labels
    well can have learnt their noise; that of one which predicts them poorly is its ignorance as well.
    """
    from_, to = np.log(BLUNT), np.log(SHARP)
    sure = float(np.clip((np.log(flips.sharpness) - from_) / (to - from_), LEAST, 1.0))
    learnt = np.sqrt(skill)
    power = LEARNT - (LEARNT - MUCH_LEARNT) * min(1.0, flips.each / NATS)
    return [
        (sure, flipped),
        ((1 - sure) * (1 - learnt), rank),
        ((1 - sure) * learnt, rank**power),
    ]


def _calibrate(
    readings: list[tuple[float, Floats]], rank: Floats, joined: Floats, order: Codes, evidence: float
) -> Floats:
    """Return the doubts in falling order of the joined ranks, which part equal ones."""
    from sklearn.isotonic import isotonic_regression

    # That a model has learnt noise is believed only as far as there is any to be seen.
    each = [share * (evidence * doubt + (1 - evidence) * np.minimum(doubt, rank)) for share, doubt in readings]
    mixed = np.sum(each, axis=0)
    steps = isotonic_regression(mixed[order], increasing=False)
    return np.asarray((1 - _PARTING) * steps + _PARTING * _spread_out(joined[order]))


def _spread_out(rank: Floats) -> Floats:
    """Stretch ranks near 1, in their order: what is almost certain must still be told apart in single precision."""
    own = np.maximum(1 - rank, _LEAST_OWN)
    return np.asarray((rank + np.log(own) / np.log(_LEAST_OWN)) / 2)


def _count_flags(readings: list[tuple[float, Floats]], order: Codes) -> int:
    """Return how many rows to flag, the first in order, for the largest F1 score that the readings expect."""
    if not len(order):
        return 0
    flags = np.arange(1, len(order) + 1)
    expected = sum(
        weight * 2 * np.cumsum(doubt[order]) / np.maximum(flags + doubt.sum(), _TINY) for weight, doubt in readings
    )
    return int(np.argmax(expected)) + 1


def _noise_matrix(probabilities: Floats, codes: Codes) -> Floats:
    """Estimate P(given class | true class), shape (K, K): half from predicted classes, half from their probabilities."""
    from scipy.sparse import csr_matrix

    size, rows = probabilities.shape[1], len(codes)
    hard = np.bincount(probabilities.argmax(axis=1) * size + codes, minlength=size * size).reshape(size, size)
    given = csr_matrix((np.ones(rows), codes, np.arange(rows + 1)), shape=(rows, size))
    joint = hard + (given.T @ probabilities).T + _TINY
    matrix = joint / joint.sum(axis=1, keepdims=True)
    # No class is beyond doubt, however few rows it has.
    return np.asarray(0.98 * matrix + 0.02 / size)


def _bounds(probabilities: Floats, codes: Codes, evidence: float) -> tuple[float, float]:
    """Bound the number of wrong labels.

    Low: half of the confident joint's off-diagonal, for of such flags people confirm about half. High: the expected
    disagreement of a calibrated model, which counts its own mistakes too.
    """
    joint = count_confident(codes, probabilities) if _all_present(codes, probabilities) else None
    off = 0.0 if joint is None else float(joint.sum() - np.trace(joint))
    high = float((1 - probabilities[np.arange(len(codes)), codes]).sum())
    return min(0.5 * evidence * off, high), high


def _all_present(codes: Codes, probabilities: Floats) -> bool:
    # A class that no label names has no threshold.
    return bool(len(np.unique(codes)) == probabilities.shape[1])
