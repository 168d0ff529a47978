"""What a score is worth: intervals that count the luck of the training rows and the luck of the test rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
MEANING = (
    "Each interval is made to hold, 95 times in 100, the value that one would get on average if training rows and test "
    "rows were drawn anew from the same source. It does not count wrong corrections, wrong test labels, data that "
    "change over time, or the choice among models."
)


def estimate_interval(
    score: float,
    draws: npt.NDArray[np.float64],
    level: float = LEVEL,
    units: int | None = None,
    spots: int | None = None,
) -> tuple[float, float]:
    """Make a confidence interval for a score (or a paired difference of scores) from resampled training and test rows.

    The bootstrap (Efron & Tibshirani 1993, chapters 6 and 12) estimates two variances: the one between models that
    were trained on resampled training rows and scored on the same test rows, and the one between resampled test rows
    for the average of those models. They are added, because both samples are new in a new study. Repeats share the
    test rows, so the naive interval "mean of the repeats plus or minus their standard error" is far too narrow (Nadeau
    & Bengio 2003; Bouckaert & Frank 2004): the variance between repeats is therefore *not* divided by their number.
    With few repeats that variance is itself uncertain, which Student's t with the degrees of freedom of Welch (1947)
    and Satterthwaite (1946) allows for. On made data with a known answer (`tests/benchmarks/bench_intervals.py`; 200
    studies, 5 repeats, a stable and an unstable model) the nominal 95 % intervals held it in 94 to 97.5 %.

    A gain that a few corrected rows bring varies at least as their number does in new data, by one part in their number
    of its square (Poisson), even where five resamples happen to agree. Where nothing varies at all, there is no
    interval: five equal numbers are no certainty.

    Parameters
    ----------
    score : float
        The score of the model that was trained on all training rows, on all test rows: the middle of the interval.
    draws : array, shape (repeats, 1 + draws)
        A row for each model trained on resampled rows: its score on all test rows, then on each draw of test rows
        (the same draws for every model). NaN where a score does not exist, such as for a draw without a class.
    level : float
        The confidence level.
    units : int, optional
        How many independent units the test has where rows belong to groups: few groups tell little about others.
    spots : int, optional
        How many rows (or groups) of the training data differ, where that alone makes the difference that is estimated.

    Returns
    -------
    tuple of float
        Lower and upper end; NaN where nothing can be said.

    Examples
    --------
    >>> estimate_interval(0.0, np.zeros((5, 11)))
    (0.0, 0.0)
    >>> estimate_interval(0.5, np.full((5, 11), 0.5))
    (nan, nan)
    """
    error, freedom = estimate_error(draws, units, _vary_spots(score, spots))
    if error == 0 and score != 0:
        return float("nan"), float("nan")
    reach = reach_of(error, freedom, level)
    return float(score - reach), float(score + reach)


def estimate_error(draws: npt.NDArray[np.float64], units: int | None = None, least: float = 0.0) -> tuple[float, float]:
    """Return the standard error and its degrees of freedom; NaN where there are too few values, 0 where nothing varies.

    `least` is the smallest variance that the luck of the training rows can have.
    """
    variance, freedom = find_variance(draws[:, 0])
    return add_variances((float(np.maximum(variance, least)), freedom), find_test_variance(draws[:, 1:], units))


def _vary_spots(gain: float, spots: int | None) -> float:
    """Return the variance of a gain by the number of rows that make it, which is that of counts in new data."""
    return gain**2 / spots if spots else 0.0


def find_test_variance(draws: npt.NDArray[np.float64], units: int | None = None) -> tuple[float, float]:
    """Return the variance of the mean of several models between draws of test rows, and its degrees of freedom."""
    whole = ~np.isnan(draws).any(axis=0)
    variance, known = find_variance(draws[:, whole].mean(axis=0))
    return variance, known if units is None else max(1, min(known, units - 1))


def add_variances(*parts: tuple[float, float]) -> tuple[float, float]:
    """Return the standard error of a sum of independent parts, each a variance with its degrees of freedom (Welch)."""
    total = sum(variance for variance, _ in parts)
    if not np.isfinite(total):
        return float("nan"), 1.0
    if total == 0:
        return 0.0, 1.0
    return float(np.sqrt(total)), float(total**2 / sum(variance**2 / freedom for variance, freedom in parts))


def reach_of(error: float, freedom: float, level: float = LEVEL) -> float:
    """Return how far an interval reaches to each side; NaN where there is no error estimate."""
    from scipy import stats

    return float(stats.t.ppf(0.5 + level / 2, freedom) * error) if error else 0.0


def find_p(gain: float, draws: npt.NDArray[np.float64], units: int | None = None, spots: int | None = None) -> float:
    """Return the two-sided p-value of a paired gain, by the same error and degrees of freedom as its interval.

    Examples
    --------
    >>> find_p(0.0, np.zeros((5, 11)))
    1.0
    """
    from scipy import stats

    error, freedom = estimate_error(draws, units, _vary_spots(gain, spots))
    if error == 0:
        return 1.0 if gain == 0 else float("nan")
    return float(2 * stats.t.sf(abs(gain) / error, freedom))


def correct_holm(values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979): the chance of any false one among them stays below the limit.

    Examples
    --------
    >>> correct_holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    known = [i for i, value in enumerate(values) if not np.isnan(value)]
    corrected = [float("nan")] * len(values)
    highest = 0.0
    for place, i in enumerate(sorted(known, key=lambda i: values[i])):
        highest = max(highest, min(1.0, (len(known) - place) * values[i]))
        corrected[i] = highest
    return corrected


def correct_gains(values: Sequence[float], gains: Sequence[float]) -> list[float]:
    """Correct the p-values of gains for the number of gains that there are; one that cannot be tested counts as not sure.

    Examples
    --------
    >>> correct_gains([0.01, float("nan"), float("nan")], [0.2, 0.1, float("nan")])
    [0.02, nan, nan]
    """
    there = zip(values, gains, strict=True)
    corrected = correct_holm([1.0 if np.isnan(p) and not np.isnan(gain) else p for p, gain in there])
    return [float("nan") if np.isnan(p) else holm for p, holm in zip(values, corrected, strict=True)]


def find_variance(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return variance and degrees of freedom; NaN where fewer than two values exist."""
    known = values[~np.isnan(values)]
    if len(known) < 2:  # noqa: PLR2004 (a variance needs two values)
        return float("nan"), 1
    return float(known.var(ddof=1)), len(known) - 1
