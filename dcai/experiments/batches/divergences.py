"""How far apart two samples are: a p-value that holds for few values too, and a size of the difference that people can judge."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.intp]
Rows: TypeAlias = "pd.DataFrame | pd.Series[Any]"

EXACT_ROWS = 200  # up to this many rows a side the Kolmogorov-Smirnov p-value is counted out
EXPECTED = 5  # Pearson's chi-squared holds where each cell is expected to hold as many rows
TABLES = 9_999  # random tables where no cell does
CLASSIFIER_ROWS = 2_000  # of each side, half to learn and half to judge
PSI_SMALLEST = 1e-4  # shares below it count as it: the index has no value at zero


class Difference(NamedTuple):
    """A test of whether two samples come from the same source, and the size of their difference."""

    test: str
    statistic: float
    p: float
    effect: float
    measure: str


def compare_numbers(one: Floats, other: Floats) -> Difference:
    """Compare numbers: both in place and in spread, by two Kolmogorov-Smirnov tests; the size is in standard deviations.

    Distances from the common median are compared too, for the plain test hardly sees a change of spread. Both p-values
    are corrected for there being two.

    Examples
    --------
    >>> compare_numbers(np.arange(50.0), np.arange(50.0)).p
    1.0
    """
    from scipy import stats

    how = "exact" if max(len(one), len(other)) <= EXACT_ROWS else "asymp"
    middle = np.median(np.concatenate([one, other]))
    with warnings.catch_warnings():
        # For some unequal numbers of rows the count overflows; SciPy then takes the limit by itself, and says so.
        warnings.filterwarnings("ignore", "ks_2samp: Exact calculation unsuccessful", RuntimeWarning)
        place = stats.ks_2samp(one, other, method=how)
        spread = stats.ks_2samp(np.abs(one - middle), np.abs(other - middle), method=how)
    p = min(1.0, 2 * min(float(place.pvalue), float(spread.pvalue)))
    distance = float(stats.wasserstein_distance(one, other)) / find_scale(one)
    return Difference(
        "Kolmogorov-Smirnov", float(place.statistic), p, distance, "Wasserstein distance in standard deviations"
    )


def find_scale(values: Floats) -> float:
    """Return a robust standard deviation, 1 where nothing varies."""
    low, high = np.quantile(values, [0.25, 0.75])
    spread = float(high - low) / 1.349 or float(np.std(values))
    return spread if spread > 0 and np.isfinite(spread) else 1.0


def compare_counts(one: Counts, other: Counts, seed: int = 0) -> Difference:
    """Compare how often each category occurs; rare ones are put together, and few rows are counted out exactly.

    Examples
    --------
    >>> compare_counts(np.array([30, 30]), np.array([30, 30])).p
    1.0
    """
    from scipy import stats

    table = np.array([one, other])[:, (one + other) > 0]
    effect = measure_shannon(table[0], table[1])
    pooled = _pool(table)
    if pooled.shape[1] > 2:  # noqa: PLR2004 (of two the exact test is as quick)
        found = stats.chi2_contingency(pooled, correction=False)
        test, statistic, p = "chi-squared", float(found.statistic), float(found.pvalue)
    elif pooled.shape[1] == 2:  # noqa: PLR2004 (likewise)
        statistic, p = 0.0, float(stats.fisher_exact(pooled)[1])
        test = "Fisher's exact test"
    else:
        statistic, p = _draw_tables(table, seed)
        test = "chi-squared over random tables"
    return Difference(test, statistic, min(1.0, p), effect, "Jensen-Shannon distance")


def _pool(table: Counts) -> Counts:
    """Put rare categories together until each cell is expected to hold enough rows."""
    sizes, total = table.sum(axis=0), table.sum()
    rare = sizes * table.sum(axis=1).min() / total < EXPECTED
    together = table[:, rare].sum(axis=1, keepdims=True)
    kept = table[:, ~rare]
    if together.sum() * table.sum(axis=1).min() / total >= EXPECTED or (together.sum() and kept.shape[1] == 1):
        return np.hstack([kept, together])
    if not together.sum():
        return kept
    # Too few even together: they go to the smallest of the others, so that no row is lost.
    if kept.shape[1]:
        kept = kept.copy()
        kept[:, [int(np.argmin(kept.sum(axis=0)))]] += together
    return kept


def _draw_tables(table: Counts, seed: int) -> tuple[float, float]:
    """Compare by chi-squared with random tables of the same sums (a test that is exact but for the drawing)."""
    sizes = table.sum(axis=0)
    if len(sizes) < 2:  # noqa: PLR2004 (one category cannot change its share)
        return 0.0, 1.0
    rows = int(table[0].sum())
    expected = sizes * rows / sizes.sum()

    def judge(counts: npt.NDArray[np.integer]) -> Floats:
        return np.asarray(((counts - expected) ** 2 / expected).sum(axis=-1), dtype=np.float64)

    drawn = judge(np.random.default_rng(seed).multivariate_hypergeometric(sizes, rows, size=TABLES))
    seen = float(judge(table[0]))
    return seen, float((1 + (drawn >= seen - 1e-9).sum()) / (1 + TABLES))


def measure_shannon(one: Counts, other: Counts) -> float:
    """Return the Jensen-Shannon distance of two distributions: 0 where equal, 1 where they share nothing.

    Examples
    --------
    >>> measure_shannon(np.array([1, 0]), np.array([0, 1]))
    1.0
    """
    a, b = one / max(one.sum(), 1), other / max(other.sum(), 1)
    middle = (a + b) / 2

    def part(shares: Floats) -> float:
        there = shares > 0
        return float((shares[there] * np.log2(shares[there] / middle[there])).sum())

    return float(np.sqrt(max(0.0, (part(a) + part(b)) / 2)))


def measure_psi(one: Counts, other: Counts) -> float:
    """Return the population stability index of two distributions.

    Examples
    --------
    >>> round(measure_psi(np.array([50, 50]), np.array([60, 40])), 3)
    0.041
    """
    a, b = (np.maximum(c / max(c.sum(), 1), PSI_SMALLEST) for c in (one, other))
    return float(((b - a) * np.log(b / a)).sum())


def compare_shares(hits: int, rows: int, other_hits: int, other_rows: int) -> Difference:
    """Compare two shares by Fisher's exact test; the size is their difference.

    Examples
    --------
    >>> compare_shares(5, 10, 5, 10).p
    1.0
    """
    from scipy import stats

    p = float(stats.fisher_exact([[hits, rows - hits], [other_hits, other_rows - other_hits]])[1])
    gap = abs(hits / max(rows, 1) - other_hits / max(other_rows, 1))
    return Difference("Fisher's exact test", gap, min(1.0, p), gap, "difference of shares")


def find_chance_of_new(counts: Counts, others: Counts) -> Floats:
    """Return for each category that one side lacks how likely all its rows fall to the other side by chance.

    The chance is corrected for the number of categories; those that both sides have get 1.
    """
    from scipy.special import gammaln

    mine, all_rows = float(others.sum()), float(counts.sum() + others.sum())
    logs = (
        gammaln(mine + 1)
        - gammaln(np.maximum(mine - others, 0) + 1)
        - gammaln(all_rows + 1)
        + gammaln(all_rows - others + 1)
    )
    chance = np.minimum(1.0, np.exp(logs) * len(counts))
    return np.where((counts == 0) & (others > 0), chance, 1.0)


def tell_apart(one: Rows, other: Rows, make: Callable[[], Any], seed: int = 0) -> tuple[float, float]:
    """Teach a classifier which side a row is from, and return p-value and area under the curve on rows that it has not seen.

    `one` and `other` are tables of rows, `make` makes the classifier. Half of each side teaches, the other half judges:
    given the classifier, the rank test on the second half is exact in its assumptions.
    """
    from scipy import stats

    taught, asked, codes, sides = halve(one, other, seed)
    model = make()
    model.fit(taught, codes)
    scores = model.predict_proba(asked)[:, 1] if hasattr(model, "predict_proba") else model.decision_function(asked)
    mine, theirs = scores[sides == 1], scores[sides == 0]
    found = stats.mannwhitneyu(mine, theirs, alternative="greater", method="asymptotic")
    return float(found.pvalue), float(found.statistic) / (len(mine) * len(theirs))


def halve(one: Rows, other: Rows, seed: int) -> tuple[Any, Any, Counts, Counts]:
    """Deal the rows of two tables into halves, each with its marks of the side: 0 and 1."""
    random = np.random.default_rng(seed)
    parts: list[list[Any]] = [[], []]
    marks: list[list[Counts]] = [[], []]
    for side, rows in enumerate((one, other)):
        order = random.permutation(len(rows))[:CLASSIFIER_ROWS]
        for half, some in enumerate(np.array_split(order, 2)):
            parts[half].append(rows.iloc[some])
            marks[half].append(np.full(len(some), side, dtype=np.intp))
    taught, asked = (pd.concat(part, ignore_index=True) for part in parts)
    return taught, asked, np.concatenate(marks[0]), np.concatenate(marks[1])
