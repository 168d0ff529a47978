"""Residuals of a label that is a number: what size is usual, and how likely each is none of the usual ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FREEDOM = 4  # usual residuals are taken to follow Student's t with this many degrees of freedom
SHARES = (0.5, 0.75, 0.9)  # the share of the smaller sizes that the scale is fitted to: the first that is not all zero
ROUNDING = 1e-12  # of the largest size: what is smaller is zero
WILD = 10.0  # so many scales from the middle,
GAP = 3.0  # a number that is so many times as far out as the next one inside it ends no tail but is wild


def judge_residuals(residuals: Floats) -> Floats:
    """Turn residuals into the probability that each is none of the usual ones, shape (n,).

    Where more rows lie beyond a residual than usual ones would, the surplus is the share of wrong ones among them.
    """
    from scipy import stats

    known, doubt = np.flatnonzero(~np.isnan(residuals)), np.zeros(len(residuals))
    size = _measure(residuals[known])
    scale = _scale_of(size)
    if scale == 0:
        return doubt
    far = size / scale
    order = np.argsort(-far, kind="stable")
    expected = len(known) * 2 * stats.t.sf(far[order], FREEDOM)
    share = np.clip(1 - expected / np.arange(1, len(known) + 1), 0.0, 1.0)
    # The doubt never rises towards smaller residuals.
    doubt[known[order]] = np.minimum.accumulate(share)
    return doubt


def describe_residuals(residuals: Floats) -> str:
    """Say where the usual scale, that of the middle half, is none; empty where it is one."""
    size = _measure(residuals[~np.isnan(residuals)])
    if not size.any():
        return "all labels are predicted exactly, so none is in doubt"
    if np.median(size) == 0:
        return "at least half of the labels are predicted exactly, so the others are measured by their own spread"
    return ""


def tame(values: Floats) -> Floats:
    """Pull wild numbers in to where the others end, so that none of them alone bends a model; a long tail stays."""
    middle = float(np.nanmedian(values))
    size = _measure(values[~np.isnan(values)])
    out = np.sort(np.maximum(size, WILD * _scale_of(size)))
    gaps = np.flatnonzero(out[1:] > GAP * out[:-1])
    return np.clip(values, middle - out[gaps[0]], middle + out[gaps[0]]) if len(gaps) else values


def _measure(values: Floats) -> Floats:
    """Return the distances from the median; what is only a rounding error is zero."""
    size = np.abs(values - np.median(values))
    return np.where(size <= ROUNDING * size.max(initial=0.0), 0.0, size)


def _scale_of(size: Floats) -> float:
    """Fit the scale of the usual sizes to the smaller ones, whatever the larger ones are; 0 where all sizes are 0."""
    from scipy import stats

    for share in SHARES:
        edge = float(np.quantile(size, share))
        if edge > 0:
            return edge / float(stats.t.ppf((1 + share) / 2, FREEDOM))
    # Nearly all are zero: the few others are exceptions, measured by their typical size and their rarity.
    rest = size[size > 0]
    return float(np.median(rest)) * len(rest) / len(size) if len(rest) else 0.0
