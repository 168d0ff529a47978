"""A discriminant: classes as clouds of one shape. It learns where classes lie, not where the labels part them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dcai.findings.labels.models import soften

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


class Discriminant:
    """Linear discriminant analysis with a covariance that all classes share, drawn towards that of a ball.

    Every row of a class moves its middle by the same small step, so single wrong labels and noise that follows the
    features bend it less than a model that fits the border between the labels. It costs one pass over the rows.

    Parameters
    ----------
    shrinkage : float
        How far the covariance is drawn towards a ball, 0 to 1.

    Examples
    --------
    >>> model = Discriminant(0.3).fit(np.array([[0.0], [0.2], [1.0], [1.2]]), np.array([0, 0, 1, 1]))
    >>> model.predict_proba(np.array([[0.1], [1.1]])).argmax(axis=1).tolist()
    [0, 1]
    """

    def __init__(self, shrinkage: float) -> None:
        self.shrinkage = shrinkage

    def fit(self, points: Floats, codes: Codes) -> Self:
        """Learn the middle of each class and the shape of all."""
        self.classes_, place, counts = np.unique(codes, return_inverse=True, return_counts=True)
        sums = np.zeros((len(counts), points.shape[1]))
        np.add.at(sums, place, points)
        return self._solve(points.T @ points, sums, counts)

    def _solve(self, squares: Floats, sums: Floats, counts: npt.NDArray[Any]) -> Self:
        total, width = counts.sum(), squares.shape[1]
        middles = sums / counts[:, None]
        spread = squares / total - (middles * (counts / total)[:, None]).T @ middles
        ball = max(float(np.trace(spread)) / width, 1e-12)
        shape = (1 - self.shrinkage) * spread + self.shrinkage * ball * np.eye(width)
        self.weights_ = np.linalg.solve(shape, middles.T)
        self.offsets_ = np.log(counts / total) - 0.5 * (middles * self.weights_.T).sum(axis=1)
        return self

    def predict_proba(self, points: npt.NDArray[Any]) -> Floats:
        """Return the probability of each class."""
        scores = points @ self.weights_.astype(points.dtype, copy=False)
        return soften(np.asarray(scores + self.offsets_))


def fit_moments(squares: Floats, sums: Floats, counts: Floats, shrinkage: float) -> Discriminant:
    """Fit a discriminant to sums over rows: of all products of columns, and of each class's points and number."""
    model = Discriminant(shrinkage)
    model.classes_ = np.arange(len(counts))
    return model._solve(squares, sums, counts)  # noqa: SLF001 (of this module)
