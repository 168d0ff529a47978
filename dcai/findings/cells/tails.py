"""Tails: how many numbers of a column would lie as far out if its tail went on as it does before them.

What may be wrong never takes part in the fit: for every place at which a tail could be cut, the numbers before the cut
tell how the tail falls, and the first number behind it is compared with that. So two wrong numbers cannot hide each
other, and a number that lies further out is found at least as well.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DEEPEST = 0.05  # of the numbers may stand behind a cut
MIDDLE = 0.5
_LAST = ((900, 0.01), (150, 0.02), (0, 0.05))  # so many numbers show so small a part of their tail
_USUAL_SHAPE = 0.2  # of tails, between that of exponential (0) and that of lognormal numbers
_SPREAD = 0.35
_ERRORS = 2.0


def expect_beyond(values: Floats) -> Floats:
    """Say for each number how many as large ones the tail before it would bring about.

    The tail is that of a generalised Pareto distribution, whose shape follows from three quantiles at equal steps of
    probability, drawn towards the usual shape and taken two standard errors heavier than it looks.

    Parameters
    ----------
    values : array, shape (n,)
        Finite numbers. Turn their sign to look at the other tail.

    Returns
    -------
    array, shape (n,)
        The expectation at the most telling cut at or before the number; infinite for those before every cut.

    Examples
    --------
    >>> ages = np.r_[np.random.default_rng(0).normal(44, 14, 800), 430, 430]
    >>> expect_beyond(ages)[-3:] < 1e-3
    array([False,  True,  True])
    """
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    n = len(ranked)
    cuts = np.flatnonzero(np.diff(ranked) > 0) + 1
    cuts = cuts[cuts >= (1 - DEEPEST) * n]
    expected = np.full(n, np.inf)
    if len(cuts):
        at = _expect_at(ranked, cuts)
        best = np.minimum.accumulate(at)
        behind = np.searchsorted(cuts, np.arange(n), side="right") - 1
        expected[order] = np.where(behind >= 0, best[np.maximum(behind, 0)], np.inf)
    return expected


def expect_gaps(values: Floats, beyond: Floats) -> Floats:
    """Say how likely the largest of these numbers would be followed by a gap up to each of others, as the tail falls.

    Examples
    --------
    >>> ages = np.random.default_rng(0).normal(44, 14, 800)
    >>> expect_gaps(ages, ages.max() + np.array([1, 60])) > 0.1
    array([ True, False])
    """
    ranked = np.sort(values)
    at = np.array([len(ranked)])
    _, shape, scale = _fit(ranked, at, errors=0.0)
    # Only the fall beyond the largest number counts: it may be a bound that the numbers keep.
    return np.asarray(np.exp(-np.log1p(shape * np.maximum(beyond - ranked[-1], 0) / scale) / shape))


def _expect_at(ranked: Floats, cuts: npt.NDArray[np.intp]) -> Floats:
    """Say how many numbers would lie at or beyond each cut, by those before it."""
    last, shape, scale = _fit(ranked, cuts)
    share = next(s for least, s in _LAST if len(ranked) >= least)
    out = np.maximum(ranked[cuts] - last, 0) / scale
    return np.asarray(share * cuts * np.exp(-np.log1p(shape * out) / shape))


def _fit(ranked: Floats, cuts: npt.NDArray[np.intp], errors: float = _ERRORS) -> tuple[Floats, Floats, Floats]:
    """Return for the numbers before each cut their last quantile, and the shape and scale of the tail beyond it."""
    last = next(share for least, share in _LAST if len(ranked) >= least)
    near = np.sqrt(MIDDLE * last)
    step = np.log(near / last)
    middle, one, two = (_quantile(ranked, cuts, 1 - share) for share in (MIDDLE, near, last))
    grain = _measure_grain(ranked, cuts)
    first, second = np.maximum(one - middle, grain), np.maximum(two - one, grain)
    error = np.sqrt(1 / (last * cuts) + 1 / (near * cuts)) / step**2
    weight = 1 / error**2 / (1 / error**2 + 1 / _SPREAD**2)
    seen = weight * np.log(second / first) / step + (1 - weight) * _USUAL_SHAPE
    shape = np.maximum(seen + errors * error * np.sqrt(weight), 1e-3)
    # At the last quantile the scale has grown with the tail.
    scale = second * shape / np.expm1(shape * step) * np.exp(shape * step)
    return two, shape, scale


def _quantile(ranked: Floats, cuts: npt.NDArray[np.intp], share: float) -> Floats:
    place = share * (cuts - 1)
    low = np.floor(place).astype(np.intp)
    return np.asarray(ranked[low] + (place - low) * (ranked[np.minimum(low + 1, cuts - 1)] - ranked[low]))


def _measure_grain(ranked: Floats, cuts: npt.NDArray[np.intp]) -> Floats:
    """Return the step of numbers that are written in steps, or a hundredth of the middle half where that is more."""
    steps = np.diff(np.unique(ranked))
    usual = float(np.percentile(steps, 5)) if len(steps) else 0.0
    half = _quantile(ranked, cuts, 0.75) - _quantile(ranked, cuts, 0.25)
    return np.asarray(np.maximum(np.maximum(usual, half / 100), np.finfo(np.float64).tiny))
