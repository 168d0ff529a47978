"""How many labels are wrong: a range that holds the number whether part of the disagreement is overlap or noise.

Overlap of the classes and wrong labels look alike in one row, but not over all of them. Sorted from the row that the
model is least sure of to the one that it is surest of, the share of rows whose label it does not predict falls towards
nothing where classes merely overlap, and towards a *floor* where labels were flipped whatever the features. The lower
end of the range is that floor, less a part of what lies above it; nothing of what lies above it can be told from
overlap. The upper end takes all disagreement for noise, and beyond it what a model may have learnt of noise that
follows the features: there only as much as the floor leaves room for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from dcai.findings.labels.opinions import FEWEST_VOTES

if TYPE_CHECKING:
    from dcai.findings.evidence import Evidence

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

_BINS = 24
_DROP = 2.7  # of twice the log-likelihood: 95 % to one side
_FLOORS = np.concatenate([[0.0], np.geomspace(0.0005, 0.6, 60)])
_HEIGHTS = np.geomspace(0.002, 1.0, 40)
_POWERS = np.array([0.7, 1.0, 1.4, 2.0, 3.0, 4.5, 7.0, 12.0])
_TINY = 1e-12
_MOST = 0.95  # of the rows disagree, by overlap alone
# Overlap falls less regularly than the curves that are fitted: of what lies above the floor this much may lie below.
_SLACK = 0.3


class ErrorEstimate(NamedTuple):
    """How many labels are wrong: an estimate, and a range that is meant to hold the number.

    `low` is what even the rows that the model is surest of do not explain by overlap of the classes; `high` takes all
    disagreement with the model for wrong labels, and what it may have learnt of them. Measured, not proven: over audits
    of 13 kinds of clean tables with errors planted at 0 to 20 % (uniform, pairwise, class-dependent, along the borders of
    classes), the range held the planted number in at least 95 of 100 (``tests/benchmarks/bench_expected_errors.py``).
    It is wide where nothing tells overlap from noise, and two things break it: errors that follow a rule which the model
    learns may be more than `high`, and labels that are random by nature, as much in every row, look like wrong ones.
    After a review (`Audit.refine`) it counts the wrong labels that are *left*, among those that nobody has looked at:
    what was corrected does not count any more, and where every label was reviewed it is 0.
    """

    estimate: float
    low: float
    high: float


class Range(NamedTuple):
    """The estimated number of wrong labels, and the ends of the range that holds it."""

    estimate: float
    low: float
    high: float


class Floor(NamedTuple):
    """What is left of disagreement where the model is surest.

    Attributes
    ----------
    likely, least : float
        The share of labels that is wrong whatever the features: the likeliest one, and the least that is not refuted.
    height, power : float
        Of the likeliest overlap above it.
    """

    likely: float
    least: float
    height: float
    power: float

    def expect(self, unsure: Floats) -> Floats:
        """Return the share of rows that disagree, by their rank from the surest (0) to the least sure (1)."""
        overlap = np.minimum(self.height * unsure**self.power, _MOST)
        return np.asarray(self.likely + (1 - self.likely) * overlap)


def estimate_errors(
    probabilities: Floats, codes: Codes, doubt: Floats, *, weak: bool = False, evidence: float = 1.0
) -> Range:
    """Estimate how many labels are wrong.

    Parameters
    ----------
    probabilities : array of float, shape (n, K)
        Out-of-sample.
    codes : array of int, shape (n,)
        The given class of each row, -1 for none.
    doubt : array of float, shape (n,)
        How likely each label is wrong, read row by row.
    weak : bool
        Whether the model hardly knows anything; its floor then means nothing.
    evidence : float
        How far the labels show at all that some are wrong (`Noise.evidence`); without, there is no floor either.

    Returns
    -------
    Range
        Whole numbers but for the estimate, which lies midway between the floor and the sum of the doubts, within the
        range.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> truth = draw.integers(0, 2, 1000)
    >>> sure = 0.92 + 0.02 * draw.random(1000)
    >>> chances = np.where(truth[:, None] == [0, 1], sure[:, None], 1 - sure[:, None])
    >>> given = np.where(np.arange(1000) < 60, 1 - truth, truth)
    >>> found = estimate_errors(chances, given, np.where(given == truth, 0.0, 1.0))
    >>> found.low < 60 <= found.high
    True
    """
    rows = np.flatnonzero(codes >= 0)
    chances, given = probabilities[rows], codes[rows]
    differ = int((chances.argmax(axis=1) != given).sum())
    expected = float((1 - chances[np.arange(len(rows)), given]).sum())
    if weak or not len(rows):
        high = float(np.ceil(max(float(differ), expected)))
        return Range(float(np.clip(doubt[rows].sum(), 0.0, high)), 0.0, high)
    floor = find_floor(chances, given)
    sure = len(rows) * floor.least * evidence
    low = float(np.floor(max(0.0, sure - _SLACK * max(differ - sure, 0.0))))
    room = 1 - min(1.0, low / max(differ, 1))
    high = float(np.ceil(differ + room * max(expected - differ, 0.0)))
    middle = (evidence * len(rows) * floor.likely + float(doubt[rows].sum())) / 2
    return Range(float(np.clip(middle, low, max(low, high))), low, max(low, high))


def count_errors(evidence: Evidence) -> Range:
    """Estimate how many labels of classes are wrong, by the annotators where two or more judged a row, else by the model.

    Annotators who err together make a consensus surer than it should be, so all that it leaves in doubt may be either way.
    """
    noise, codes, found = evidence.noise, evidence.labels.codes, evidence.consensus
    voted = np.zeros(len(codes), dtype=np.bool_)
    if found is not None:
        voted = (codes >= 0) & ((found.votes >= 0).sum(axis=1) >= FEWEST_VOTES)
    rest = np.where(voted, -1, codes)
    counted = estimate_errors(evidence.probabilities, rest, noise.doubt, weak=noise.weak, evidence=noise.evidence)
    if found is None or not voted.any():
        return counted
    rows = np.flatnonzero(voted)
    wrong = 1 - found.truth[rows, codes[rows]]
    estimate = float(wrong.sum())
    spread = 2 * float(np.sqrt((wrong * (1 - wrong)).sum())) + float(np.minimum(wrong, 1 - wrong).sum())
    low, high = np.floor(max(estimate - spread, 0.0)), np.ceil(min(estimate + spread, len(rows)))
    return Range(counted.estimate + estimate, counted.low + float(low), counted.high + float(high))


def describe_range(counted: Range, labels: int, *, weak: bool) -> str:
    """Say how many labels may be wrong, what that rests on, and what it leaves out."""
    low, high = (f"{value:,.0f}" for value in (counted.low, counted.high))
    said = f"between {low} and {high} of {labels:,} labels may be wrong"
    if weak:
        said += ": the model knows too little to tell"
    elif counted.low == 0 < counted.high:
        said += ": wrong labels and overlap of the classes look alike here"
    return f"{said}; errors that follow a rule which the model learnt are not counted"


def find_floor(probabilities: Floats, codes: Codes) -> Floor:
    """Find the share of disagreement that is left where the model is surest.

    The share of rows whose label is not the predicted one is fitted by a floor and, above it, a power of the rank of
    sureness within the predicted class: overlap of any height and steepness.

    Parameters
    ----------
    probabilities : array of float, shape (n, K)
        Out-of-sample.
    codes : array of int, shape (n,)
        The given class of each row.

    Returns
    -------
    Floor
    """
    unsure, differ = _rank(probabilities), probabilities.argmax(axis=1) != codes
    edges = np.quantile(unsure, np.linspace(0, 1, _BINS + 1))
    place = np.clip(np.searchsorted(edges, unsure, side="right") - 1, 0, _BINS - 1)
    size = np.bincount(place, minlength=_BINS)
    wrong = np.bincount(place, differ, minlength=_BINS)
    middle = np.bincount(place, unsure, minlength=_BINS) / np.maximum(size, 1)
    overlap = np.minimum(_HEIGHTS[:, None, None] * middle ** _POWERS[None, :, None], _MOST)
    fits = np.empty((len(_FLOORS), len(_HEIGHTS), len(_POWERS)))
    for i, floor in enumerate(_FLOORS):
        share = np.clip(floor + (1 - floor) * overlap, 1e-6, 1 - 1e-6)
        fits[i] = (wrong * np.log(share) + (size - wrong) * np.log(1 - share)).sum(axis=2)
    kept = np.flatnonzero(2 * (fits.max() - fits.max(axis=(1, 2))) <= _DROP)
    at, height, power = np.unravel_index(int(fits.argmax()), fits.shape)
    return Floor(float(_FLOORS[at]), float(_FLOORS[kept[0]]), float(_HEIGHTS[height]), float(_POWERS[power]))


def judge_suggestions(probabilities: Floats, codes: Codes, rows: Codes, suggested: Codes) -> Floats:
    """Estimate how likely the suggested class of some rows is the true one.

    A model that is sure of another class than the given one is often wrong itself: of such rows only as many are wrong
    labels as the floor explains, less a part of the overlap above it. Of those, the suggested class is the true one as
    often as the model prefers it to all classes but the given one.

    Parameters
    ----------
    probabilities : array of float, shape (n, K)
        Out-of-sample.
    codes : array of int, shape (n,)
        The given class of each row, -1 for none.
    rows, suggested : array of int, shape (m,)
        Rows that have a label, and the class suggested for each.

    Returns
    -------
    array of float, shape (m,)
        Close to 0 everywhere where overlap explains all.
    """
    known = np.flatnonzero(codes >= 0)
    chances, given = probabilities[known], codes[known]
    differ = chances.argmax(axis=1) != given
    floor, unsure = find_floor(chances, given), np.zeros(len(codes))
    unsure[known] = _rank(chances)
    wrong = max(0.0, floor.likely - _SLACK * max(float(differ.mean()) - floor.likely, 0.0))
    # Where the model agrees with the label, hardly more labels are wrong than anywhere.
    disagree = probabilities[rows].argmax(axis=1) != codes[rows]
    share = np.where(disagree, wrong / np.maximum(floor.expect(unsure[rows]), _TINY), wrong)
    others = np.maximum(1 - probabilities[rows, codes[rows]], _TINY)
    return np.asarray(np.clip(share, 0.0, 1.0) * np.clip(probabilities[rows, suggested] / others, 0.0, 1.0))


def _rank(probabilities: Floats) -> Floats:
    """Rank rows within their predicted class from the surest, near 0, to the least sure, near 1."""
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    order = np.lexsort((-sure, predicted))
    sizes = np.bincount(predicted, minlength=probabilities.shape[1])
    starts = np.cumsum(sizes) - sizes
    ranks = np.empty(len(sure))
    ranks[order] = (np.arange(len(sure)) - starts[predicted[order]] + 0.5) / sizes[predicted[order]]
    return ranks
