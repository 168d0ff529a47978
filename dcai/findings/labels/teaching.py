"""Teaching twice: models of words remember single wrong labels, so they learn again without the rows that are in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dcai.findings.labels import models
from dcai.findings.labels.noise import estimate_noise

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


class Predict(Protocol):
    """Predicts rows by models that have not seen their fold."""

    def __call__(self, codes: Codes, folds: Codes, most: int) -> Mapping[str, Floats]:
        """Return what each model says, as it says it, shape (n, K) each; only the first `most` folds need be predicted."""
        ...


def teach_again(first: Floats, codes: Codes, folds: Codes, predict: Predict) -> Floats:
    """Train a second time without doubtful rows, and average both rounds.

    Which rows are doubtful is found for each fold by models that have never seen that fold: had they, rows would be
    left out for contradicting the very labels that are predicted, and noise would look like knowledge. Both rounds count
    the same: the given labels fit the first one better even where the second finds more of the wrong ones, for they
    follow their own noise, so no fit to them tells which of the two to prefer.

    Parameters
    ----------
    first : array of float, shape (n, K)
        What the first round predicts.
    codes, folds : array of int, shape (n,)
        The given classes and the folds, -1 for none.
    predict : Predict

    Returns
    -------
    array of float, shape (n, K)
    """
    second = first.copy()
    there = np.unique(folds[folds >= 0])
    if len(there) < 3:  # noqa: PLR2004 (the rows beside a fold must have folds of their own)
        return first
    for fold in there:
        rows = folds == fold
        learnt = np.where(rows, -1, codes)
        halves = np.where(rows | (folds < 0), -1, np.searchsorted(there[there != fold], folds) % 2)
        seen = predict(learnt, halves, 2)
        powers = {name: models.find_temperature(said, learnt) for name, said in seen.items()}
        seen = {name: models.heat(said, powers[name]) for name, said in seen.items()}
        weights = models.weigh(seen, learnt)
        doubtful = estimate_noise(models.mix(seen, weights), learnt).flagged
        said = predict(np.where(doubtful, -1, learnt), np.where(rows, 0, 1), 1)
        second[rows] = models.mix({name: models.heat(part[rows], powers[name]) for name, part in said.items()}, weights)
    second = models.temper(second, codes)
    return models.temper(models.mix({"first": first, "second": second}, {"first": 0.5, "second": 0.5}), codes)
