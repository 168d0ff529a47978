"""What a score is worth: intervals that count the luck of the training rows and the luck of the test rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
MEANING = (
    "Each interval is made to hold, 95 times in 100, the value that one would get on average if training rows and test "
    "rows were drawn anew from the same source. It does not count wrong corrections, wrong test labels, data that "
    "change over time, or the choice among models."
)


def estimate_interval(score: float, draws: npt.NDArray[np.float64], level: float = LEVEL) -> tuple[float, float]:
    """Make a confidence interval for a score (or a paired difference of scores) from resampled training and test rows.

    The bootstrap (Efron & Tibshirani 1993, chapters 6 and 12) estimates two variances: the one between models that
    were trained on resampled training rows and scored on the same test rows, and the one between resampled test rows
    for the average of those models. They are added, because both samples are new in a new study. Repeats share the
    test rows, so the naive interval "mean of the repeats plus or minus their standard error" is far too narrow (Nadeau
    & Bengio 2003; Bouckaert & Frank 2004): the variance between repeats is therefore *not* divided by their number.
    With few repeats that variance is itself uncertain, which Student's t with the degrees of freedom of Welch (1947)
    and Satterthwaite (1946) allows for. On made data with a known answer (`tests/benchmarks/bench_intervals.py`; 200
    studies, 5 repeats, a stable and an unstable model) the nominal 95 % intervals held it in 94 to 97.5 %.

    Parameters
    ----------
    score : float
        The score of the model that was trained on all training rows, on all test rows: the middle of the interval.
    draws : array, shape (repeats, 1 + draws)
        A row for each model trained on resampled rows: its score on all test rows, then on each draw of test rows
        (the same draws for every model). NaN where a score does not exist, such as for a draw without a class.
    level : float
        The confidence level.

    Returns
    -------
    tuple of float
        Lower and upper end.

    Examples
    --------
    >>> estimate_interval(0.5, np.full((5, 11), 0.5))
    (0.5, 0.5)
    """
    from scipy import stats

    from_training = _variance(draws[:, 0])
    whole = ~np.isnan(draws[:, 1:]).any(axis=0)
    from_test = _variance(draws[:, 1:][:, whole].mean(axis=0))
    total = from_training[0] + from_test[0]
    if not np.isfinite(total):
        return float("nan"), float("nan")
    if total == 0:
        return float(score), float(score)
    freedom = total**2 / (from_training[0] ** 2 / from_training[1] + from_test[0] ** 2 / from_test[1])
    reach = float(stats.t.ppf(0.5 + level / 2, freedom) * np.sqrt(total))
    return float(score - reach), float(score + reach)


def _variance(values: npt.NDArray[np.float64]) -> tuple[float, int]:
    """Return variance and degrees of freedom; NaN where fewer than two values exist."""
    known = values[~np.isnan(values)]
    if len(known) < 2:  # noqa: PLR2004 (a variance needs two values)
        return float("nan"), 1
    return float(known.var(ddof=1)), len(known) - 1
