"""Residuals of a label that is a number: what size is usual, and how likely each is none of the usual ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Slip = tuple[Floats, Floats]

FREEDOM = 4  # usual residuals are taken to follow Student's t with this many degrees of freedom
SHARES = (0.5, 0.75, 0.9)  # the share of the smaller sizes that the scale is fitted to: the first that is not all zero
ROUNDING = 1e-12  # of a large size that is none of a few wild ones: what is smaller is zero
LARGE = 0.9  # the share of the sizes that are smaller than it
TAILS = (2.0, 3.0, 5.0, 10.0, 30.0)  # degrees of freedom that are tried
STEPS = 60
SETTLED = 1e-5  # a fit that moves less, relative to the spread, has come to its end
BROAD = 2.0  # wrong labels spread this many times as far as all labels
WRONG = 0.01  # the share of each kind of wrong labels that is believed in to begin with,
PRIOR = 20.0  # as strongly as if so many labels had shown it
SPREAD_ROWS = 100  # from which an uneven spread can be told
SURE_GAIN = 3.0  # in the logarithm of the labels' density, by which an uneven spread must explain them better
LEAST_SIDE = 0.05  # of the other side's scale
LIKELY = 0.5
TINY = 1e-300
WILD = 10.0  # so many scales from the middle,
GAP = 3.0  # a number that is so many times as far out as the next one inside it ends no tail but is wild


@dataclass(frozen=True, eq=False)
class Judgement:
    """What is usual among residuals, and how likely each is none of the usual ones.

    Attributes
    ----------
    doubt : array of float, shape (n,)
        The probability that the label is wrong; 0 where there is none.
    fit : array of float, shape (n,)
        How well it explains each label: the logarithm of its probability density; NaN where there is none.
    uneven : bool
        Whether the spread was taken to differ from row to row.
    center : array of float, shape (n,)
        Where usual labels lie,
    below, above : array of float, shape (n,)
        and how far they spread to both sides.
    freedom : float
        How long the tails of the usual ones are: degrees of freedom of Student's t.
    note : str
        What cannot be told from these residuals; mostly empty.
    """

    doubt: Floats
    fit: Floats
    uneven: bool
    center: Floats
    below: Floats
    above: Floats
    freedom: float
    note: str = ""

    def usual(self, values: Floats, rows: npt.NDArray[np.bool_]) -> Floats:
        """Return the share of usual labels that lie farther out than some values would in some rows."""
        from scipy import stats

        away = values - self.center[rows]
        scale = np.where(away < 0, self.below[rows], self.above[rows])
        return np.asarray(2 * stats.t.sf(np.abs(away) / np.maximum(scale, TINY), self.freedom))


def judge_residuals(
    values: Floats,
    predicted: Floats,
    spread: Floats | None = None,
    slips: Sequence[Slip] = (),
    tails: Sequence[float] = TAILS,
) -> Judgement:
    """Tell wrong labels from usual ones by a mixture of both, fitted to the residuals.

    Usual labels lie around their prediction: as Student's t, whose tails may be long, whose two sides may differ, and
    whose spread may follow `spread`. A wrong label lies anywhere among all labels, or where a slip puts a usual one.
    What share of the labels is wrong, and the rest, is what explains them best; without clear signs of wrong ones the
    share stays near nothing.

    Parameters
    ----------
    values, predicted : array of float, shape (n,)
        The labels (NaN for none) and their out-of-sample predictions.
    spread : array of float, shape (n,), optional
        How far labels like each usually lie from their predictions, in proportion.
    slips : sequence of (array of float, array of float)
        For each slip what the labels would be without it (NaN where it is impossible), and the logarithm of how much
        denser the labels would lie there.
    tails : sequence of float
        The degrees of freedom to try.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> values = np.append(draw.normal(size=200), 40.0)
    >>> np.flatnonzero(judge_residuals(values, np.zeros(201)).doubt > 0.5).tolist()
    [200]
    """
    known = np.flatnonzero(~np.isnan(values))
    residuals = values - predicted
    note = describe_residuals(residuals)
    if note:
        return _judge_exact(residuals, predicted, known, note)
    meant = [(without[known], density[known]) for without, density in slips]
    even = _fit_mixture(values[known], predicted[known], np.ones(len(known)), meant, tails)
    best, uneven = even, False
    if spread is not None and len(known) >= SPREAD_ROWS:
        own = _fit_mixture(values[known], predicted[known], spread[known], meant, tails)
        # What both doubt has no say in what is usual.
        sound = np.maximum(own.doubt, even.doubt) < LIKELY
        best, uneven = (own, True) if (own.each - even.each)[sound].sum() > SURE_GAIN else (even, False)
    scale = spread if uneven and spread is not None else np.ones(len(values))
    doubt, each = np.zeros(len(values)), np.full(len(values), np.nan)
    doubt[known], each[known] = best.doubt, best.each
    return Judgement(
        doubt, each, uneven, predicted + best.middle * scale, best.below * scale, best.above * scale, best.freedom
    )


class _Mixture(NamedTuple):
    doubt: Floats
    each: Floats
    fit: float
    middle: float
    below: float
    above: float
    freedom: float


def _fit_mixture(
    values: Floats, predicted: Floats, spread: Floats, slips: Sequence[Slip], tails: Sequence[float]
) -> _Mixture:
    """Fit usual and wrong labels by expectation and maximisation, for several lengths of tails; the best stays."""
    from scipy import stats

    # A wrong label comes from anywhere among the labels and beyond: that is a broad density around their middle.
    scale = max(BROAD * _scale_of(_measure(values)), TINY)
    broad = stats.t.pdf((values - np.median(values)) / scale, 1) / scale
    z = (values - predicted) / spread
    meant = [((without - predicted) / spread, density - np.log(spread)) for without, density in slips]
    return max((_fit_tails(z, spread, broad, meant, freedom) for freedom in tails), key=lambda found: found.fit)


def _fit_tails(z: Floats, spread: Floats, broad: Floats, slips: Sequence[Slip], freedom: float) -> _Mixture:
    from scipy import stats

    away = np.abs(z - np.median(z))
    middle, below = float(np.median(z)), float(np.median(away[away > 0])) / float(stats.t.ppf(0.75, freedom))
    above, top = below, float(stats.t.pdf(0, freedom))
    first = np.array([WRONG, *(WRONG / max(len(slips), 1) for _ in slips)])  # of labels from anywhere, and of each slip
    shares = first

    def density(at: Floats) -> Floats:
        off = at - middle
        # Student's t, written out: it is asked for thousands of times.
        far = 1 + (off / np.where(off < 0, below, above)) ** 2 / freedom
        return np.asarray(top * far ** (-(freedom + 1) / 2) * 2 / (below + above))

    for _ in range(STEPS):
        usual = density(z) / spread
        kinds = np.column_stack([broad, *(np.nan_to_num(density(at)) * np.exp(dense) for at, dense in slips)]) * shares
        mixed = (1 - shares.sum()) * usual + kinds.sum(axis=1)
        parts = kinds / np.maximum(mixed, TINY)[:, None]
        doubt = parts.sum(axis=1)
        before = middle, above + below
        # The weights of Student's t: what lies far out counts less.
        off = z - middle
        scale = np.where(off < 0, below, above)
        weight = (1 - doubt) * (freedom + 1) / (freedom + (off / scale) ** 2)
        middle = float((weight * z / scale**2).sum() / (weight / scale**2).sum())
        below, above = _fit_sides(z - middle, weight, 1 - doubt, max(below, above))
        last, shares = shares, (parts.sum(axis=0) + PRIOR * first) / (len(z) + PRIOR)
        moved = np.abs(shares - last).sum() + (abs(middle - before[0]) + abs(above + below - before[1])) / (
            above + below
        )
        if moved < SETTLED:
            break
    belief = float((first * np.log(shares)).sum() + (1 - first.sum()) * np.log(1 - shares.sum()))
    each = np.log(np.maximum(mixed, TINY))
    return _Mixture(np.clip(doubt, 0.0, 1.0), each, float(each.sum()) + PRIOR * belief, middle, below, above, freedom)


def _fit_sides(away: Floats, weight: Floats, share: Floats, largest: float) -> tuple[float, float]:
    """Fit the scales of both sides: for a density that is whole at its middle, they follow from the cubes' roots of their squares."""
    left, right = (float((weight * away**2)[side].sum()) for side in (away < 0, away >= 0))
    total = max(float(share.sum()), 1.0)
    roots = left ** (1 / 3), right ** (1 / 3)
    common = sum(roots) / total
    floor = LEAST_SIDE * largest
    below, above = (max(float(np.sqrt(common * root**2)), floor, TINY) for root in roots)
    return below, above


def _judge_exact(residuals: Floats, predicted: Floats, known: npt.NDArray[np.intp], note: str) -> Judgement:
    """Judge residuals of which most are nothing: where more lie far out than usual ones would, the surplus is wrong."""
    from scipy import stats

    doubt = np.zeros(len(residuals))
    size = _measure(residuals[known])
    scale = _scale_of(size)
    if scale > 0:
        far = size / scale
        order = np.argsort(-far, kind="stable")
        expected = len(known) * 2 * stats.t.sf(far[order], FREEDOM)
        share = np.clip(1 - expected / np.arange(1, len(known) + 1), 0.0, 1.0)
        # The doubt never rises towards smaller residuals.
        doubt[known[order]] = np.minimum.accumulate(share)
    flat = np.full(len(residuals), max(scale, TINY))
    unknown = np.full(len(residuals), np.nan)
    return Judgement(doubt, unknown, uneven=False, center=predicted, below=flat, above=flat, freedom=FREEDOM, note=note)


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
    seen = size[size > 0]
    large = float(np.quantile(seen, LARGE)) if len(seen) else 0.0
    return np.where(size <= ROUNDING * large, 0.0, size)


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
