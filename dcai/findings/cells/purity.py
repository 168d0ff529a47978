"""Purity: which groups are of one value, with errors in them, and which hold several values by nature."""

from __future__ import annotations

import numpy as np

from dcai.findings.cells.partitions import Floats, Groups

ROUNDS = 40
SETTLED = 1e-4
FIRMNESS = 20.0  # how alike the rates of errors of different groups are, in cells
MIXED_GAP = 0.2  # mixed groups lose at least this many more of their cells
MOST_FRESH = 4  # further values beyond these say no more
MOST_REPEATS = 2.0  # nor do further repeats in a group of so many rows
FEW_SOURCES = 30.0
SELDOM = 0.2  # where errors of one group are oftener equal, their being equal is all that tells them from values
SAME = 0.6  # how often two values are equal that lose the vote in a group of several values
FEW = 0.005
Fit = tuple[float, float, tuple[float, float]]
WORST_ERROR = 0.65  # beyond it, what most rows of a group say is no value of the group


def fit_errors(size: Floats, lost: Floats, kinds: Floats, repeat: float) -> Fit:
    """Fit a mixture of groups of one value, in which cells are wrong at one rate, and groups of several values.

    Parameters
    ----------
    size, lost, kinds : array of float
        The cells of each group, those that lose the vote, and the number of different values.
    repeat : float
        How often two cells that lose the vote in one group are equal.

    Returns
    -------
    tuple
        The rate of errors, the share of groups of one value, and the two parameters of the beta distribution of the
        share of cells that lose the vote in the other groups.
    """
    rate = lost / size
    usual = float(np.clip(np.average(rate, weights=np.minimum(size, 10.0)), 0.005, 0.3))
    # Either all groups of one value have errors alike, or hardly any has one, and the others are of several values.
    fits = [_fit(rate, (size, lost, kinds), repeat, start) for start in (usual, FEW)]
    return max(fits, key=lambda fit: _rate_fit((size, lost, kinds), repeat, fit))


def _fit(rate: Floats, groups: tuple[Floats, Floats, Floats], repeat: float, error: float) -> Fit:
    """Fit the mixture, beginning at a rate of errors."""
    size, lost, kinds = groups
    pure, mixed = 0.8, (1.5, 1.5)
    # Rates differ from group to group: so a large one tells as much about all as FIRMNESS cells do, and not more.
    told = size * (1 + FIRMNESS) / (size + FIRMNESS)
    for _ in range(ROUNDS):
        before, share = error, pure
        belief = weigh_pure(size, lost, kinds, (error, pure, repeat, *mixed))
        pure = float((belief.sum() + 2) / (len(size) + 2.5))
        error = float(np.clip(((belief * rate * told).sum() + 0.02) / ((belief * told).sum() + 1), 0.002, WORST_ERROR))
        mixed = _fit_beta(rate, 1 - belief, min(0.9, error + MIXED_GAP))
        if abs(before - error) < SETTLED and abs(share - pure) < SETTLED:
            break
    return error, pure, mixed


def _rate_fit(groups: tuple[Floats, Floats, Floats], repeat: float, fit: Fit) -> float:
    """Return how likely a fit makes the groups, as a logarithm."""
    error, pure, mixed = fit
    one, several = _weigh(*groups, (error, pure, repeat, *mixed))
    return float(np.logaddexp(one + np.log(pure), several + np.log1p(-pure)).sum())


def weigh_pure(size: Floats, lost: Floats, kinds: Floats, law: tuple[float, float, float, float, float]) -> Floats:
    """Return the probability that each group is of one value, shape of `size`.

    Errors come at one rate, a little more in one group than in another, and are seldom alike; in a group of several
    values the rate is any, and those that lose the vote are often the same.
    """
    one, several = _weigh(size, lost, kinds, law)
    pure = law[1]
    return np.asarray(1 / (1 + np.exp(np.clip(several - one, -60, 60)) * (1 - pure) / pure))


def _weigh(
    size: Floats, lost: Floats, kinds: Floats, law: tuple[float, float, float, float, float]
) -> tuple[Floats, Floats]:
    """Return how likely each group is as one of one value, and as one of several, as logarithms."""
    from scipy.special import betaln

    error, _, repeat, a, b = law
    wrong, right = error * FIRMNESS, (1 - error) * FIRMNESS
    one = betaln(lost + wrong, size - lost + right) - betaln(wrong, right)
    several = betaln(lost + a, size - lost + b) - betaln(a, b)
    # Sources copy each other's errors: in a group of few sources repeats say little, in a large one much.
    told = MOST_REPEATS + np.log(np.maximum(size / FEW_SOURCES, 1.0))
    again = lost - (kinds - 1)
    if repeat < SELDOM:
        # The more cells lose, the more of them meet by accident: as birthdays do in a year of one over `repeat` days.
        again = again - np.maximum(lost + np.expm1(lost * np.log1p(-repeat)) / repeat, 0)
    again = np.clip(again, 0, told)
    fresh = np.clip(kinds - 2, 0, MOST_FRESH)
    several += again * np.log(SAME / repeat) + fresh * np.log((1 - SAME) / (1 - repeat)) if repeat < SAME else 0.0
    return one, several


def _fit_beta(rate: Floats, weight: Floats, least: float) -> tuple[float, float]:
    """Fit a beta distribution by its moments, drawn to an even spread where there is little to learn from."""
    total = weight.sum() + 4
    mean = float((weight * rate).sum() + 4 * 0.4) / total
    spread = float((weight * (rate - mean) ** 2).sum() + 4 * 0.06) / total
    mean = float(np.clip(mean, least, 0.9))
    firm = float(np.clip(mean * (1 - mean) / max(spread, 1e-6) - 1, 1.5, 6.0))
    return mean * firm, (1 - mean) * firm


def measure_repeats(groups: Groups) -> float:
    """Return how often two cells of one group that both lose the vote hold the same value."""
    in_cell = np.zeros(len(groups.votes), dtype=np.int64)
    known = groups.row_cell >= 0
    in_cell[groups.row_cell[known]] = groups.row_group[known]
    lost = groups.sizes - groups.first
    alike = np.bincount(in_cell, groups.votes * (groups.votes - 1), minlength=len(groups.sizes))
    same = alike - groups.first * (groups.first - 1)
    clear = (groups.first > groups.second) & (lost > 1) & (2 * groups.first > groups.sizes)
    pairs = (lost * (lost - 1))[clear]
    # Each group counts once, whatever its size; a prior of two groups says that errors seldom repeat.
    shares = same[clear] / pairs
    return float((shares.sum() + 2 * 0.1) / (len(shares) + 2))
