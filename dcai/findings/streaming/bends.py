"""Curved borders between classes at the cost of a product: a regression on features, their products and bends of them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dcai.findings.labels.models import TINY

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]

UNITS = 96
RIDGE = 1e-3
NEWTON = 3  # steps, for at most so many classes:
MOST_NEWTON = 10
MOST_PRODUCTS = 20  # features are multiplied with each other
_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
_CHUNK = 4096  # rows whose units stay in the processor's cache
_STEEP, _FLAT = 15.0, 1e-3
_CLASSES = 2


class Bends:
    """Logistic regression on the features, their products and bends of them: curved borders at the cost of a product.

    Examples
    --------
    >>> points = np.linspace(-1, 1, 400)[:, None]
    >>> model = Bends().fit(points, (np.abs(points[:, 0]) > 0.5).astype(np.intp))
    >>> model.predict_proba(np.array([[0.0], [0.9]])).argmax(axis=1).tolist()
    [0, 1]
    """

    def fit(self, points: Any, codes: Codes) -> Self:
        """Learn: least squares, then a few of Newton's steps where the classes are few."""
        points = np.asarray(points, dtype=np.float32)
        self._place(points)
        self.classes_, place = np.unique(codes, return_inverse=True)
        known = np.eye(len(self.classes_), dtype=np.float32)[place]
        chunks = [slice(i, i + _CHUNK) for i in range(0, len(points), _CHUNK)]
        bent = [self._bend(points[c]) for c in chunks]
        size = bent[0].shape[1]
        gram, moment = sum(b.T @ b for b in bent), sum(b.T @ known[c] for b, c in zip(bent, chunks, strict=True))
        start = _solve(np.asarray(gram), np.asarray(moment) - 0.5 * np.asarray(gram)[:, :1])
        self.weights_ = np.asarray(4 * start, dtype=np.float32)
        for _ in range(NEWTON if len(self.classes_) <= MOST_NEWTON else 0):
            for k in range(1 if len(self.classes_) == _CLASSES else 0, len(self.classes_)):
                curved, pull = np.zeros((size, size), dtype=np.float32), np.zeros((size, 1), dtype=np.float32)
                for b, c in zip(bent, chunks, strict=True):
                    score = (b @ self.weights_[:, k : k + 1]).astype(np.float32)
                    chance = 1 / (1 + np.exp(-np.clip(score, -_STEEP, _STEEP)))
                    weight = np.maximum(chance * (1 - chance), _FLAT)
                    weighted = b * weight
                    curved += weighted.T @ b
                    pull += weighted.T @ score + b.T @ (known[c, k : k + 1] - chance)
                self.weights_[:, k : k + 1] = _solve(curved, pull)
        if len(self.classes_) == _CLASSES and NEWTON:
            self.weights_[:, 0] = -self.weights_[:, 1]
        return self

    def _place(self, points: Singles) -> None:
        """Place the bends where the rows are: along each feature at its quantiles, and in directions at random."""
        random = np.random.default_rng(0)
        width = points.shape[1]
        self.products_ = np.triu_indices(width) if width <= MOST_PRODUCTS else (np.zeros(0, dtype=np.intp),) * 2
        directions = random.normal(size=(width, UNITS)).astype(np.float32)
        directions /= np.maximum(np.linalg.norm(directions, axis=0), TINY)
        rows = random.integers(0, len(points), (2, UNITS))
        offsets = -((points[rows[0]] + points[rows[1]]) / 2 * directions.T).sum(axis=1)
        if width <= MOST_PRODUCTS:
            along = np.quantile(points, _QUANTILES, axis=0).astype(np.float32)
            directions = np.hstack([directions, np.tile(np.eye(width, dtype=np.float32), len(_QUANTILES))])
            offsets = np.append(offsets, -along.ravel())
        self.directions_, self.offsets_ = directions, offsets.astype(np.float32)

    def _bend(self, points: Singles) -> Singles:
        made, width = len(self.products_[0]), points.shape[1]
        found = np.empty((len(points), 1 + width + made + self.directions_.shape[1]), dtype=np.float32)
        found[:, 0] = 1.0
        found[:, 1 : 1 + width] = points
        if made:
            np.multiply(
                points[:, self.products_[0]], points[:, self.products_[1]], out=found[:, 1 + width : 1 + width + made]
            )
        bent = points @ self.directions_
        bent += self.offsets_
        np.maximum(bent, 0, out=found[:, 1 + width + made :])
        return found

    def predict_proba(self, points: Any) -> Floats:
        """Return the probability of each class."""
        chances = 1 / (1 + np.exp(-self.score(points).astype(np.float64)))
        if len(self.classes_) == _CLASSES:
            return np.asarray(np.hstack([1 - chances, chances]))
        return np.asarray(chances / chances.sum(axis=1, keepdims=True))

    def score(self, points: Any) -> Singles:
        """Return the logarithm of the odds of each class, of two classes those of the second alone."""
        points = np.asarray(points, dtype=np.float32)
        size, width, made = len(self.classes_), points.shape[1], len(self.products_[0])
        # Of two classes the second says all; products are summed without being made.
        asked = [1] if size == _CLASSES else list(range(size))
        weights = self.weights_[:, asked]
        head, tail = weights[1 : 1 + width], weights[1 + width + made :]
        squares = np.zeros((len(asked), width, width), dtype=np.float32)
        if made:
            squares[:, self.products_[0], self.products_[1]] = weights[1 + width : 1 + width + made].T
        found = np.empty((len(points), len(asked)), dtype=np.float32)
        for start in range(0, len(points), _CHUNK):
            some = points[start : start + _CHUNK]
            bent = some @ self.directions_
            bent += self.offsets_
            score = some @ head + np.maximum(bent, 0, out=bent) @ tail
            for k in range(len(asked) if made else 0):
                score[:, k] += np.einsum("ij,ij->i", some @ squares[k], some)
            found[start : start + _CHUNK] = weights[0] + score
        return np.clip(found, -_STEEP, _STEEP, out=found)


def _solve(gram: npt.NDArray[Any], moment: npt.NDArray[Any]) -> Floats:
    """Solve least squares, drawn a little towards nothing."""
    strength = RIDGE * float(np.trace(gram)) / len(gram)
    return np.asarray(np.linalg.solve(gram.astype(np.float64) + strength * np.eye(len(gram)), moment))
