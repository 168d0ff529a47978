"""Models that have learnt from a sample and judge every other row in batches."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from dcai.findings.evidence import Unmet
from dcai.findings.labels import models
from dcai.findings.labels.models import TINY, Candidate, log_loss, soften
from dcai.findings.streaming.digests import read_numbers
from dcai.findings.streaming.sources import to_frame
from dcai.findings.wording import describe_mixture

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from dcai.findings.evidence import Evidence

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]

# These cost a microsecond a row or less; neighbours, kernels and forests cost a hundred.
CHEAP = (
    "naive Bayes",
    "logistic regression",
    "logistic regression, loose",
    "discriminant",
    "discriminant, loose",
    "bends",
)
DEARER = ("boosting",)
UNITS = 96
RIDGE = 1e-3
NEWTON = 3  # steps, for at most so many classes:
MOST_NEWTON = 10
MOST_PRODUCTS = 20  # features are multiplied with each other
_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
_CHUNK = 4096  # rows whose units stay in the processor's cache
_STEEP, _FLAT = 15.0, 1e-3
_FAR = 500.0
_SOFT = np.float32(3.0)
_LARGEST = 1e30
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
        np.clip(found, -_STEEP, _STEEP, out=found)
        chances = 1 / (1 + np.exp(-found.astype(np.float64)))
        if size == _CLASSES:
            return np.asarray(np.hstack([1 - chances, chances]))
        return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def _solve(gram: npt.NDArray[Any], moment: npt.NDArray[Any]) -> Floats:
    """Solve least squares, drawn a little towards nothing."""
    strength = RIDGE * float(np.trace(gram)) / len(gram)
    return np.asarray(np.linalg.solve(gram.astype(np.float64) + strength * np.eye(len(gram)), moment))


class Views:
    """Batches as the vectors that the models of a sample see."""

    def __init__(self, roles: Mapping[str, str], frame: pd.DataFrame) -> None:
        from dcai.findings.features.vectors import Dense, Vectoriser

        self.roles = dict(roles)
        self.vectoriser = Vectoriser(self.roles)
        self.features = self.vectoriser.fit_transform(frame)
        self.squeezer = Dense()
        self.dense = np.asarray(self.squeezer.fit_transform(self.features))
        texts = {name: role for name, role in self.roles.items() if role == "text"}
        self.texter = Vectoriser(texts) if texts else None
        self.texts = None if self.texter is None else self.texter.fit_transform(frame)
        self.numbers_only = set(self.roles.values()) == {"number"}

    @property
    def columns(self) -> list[str]:
        """The columns that are looked at."""
        return list(self.roles)

    def fitted(self, view: str) -> Any:
        """Return the sample as a view."""
        return {"all": self.features, "dense": self.dense, "text": self.texts}[view]

    def show(self, batch: pa.RecordBatch, views: Sequence[str]) -> dict[str, Any]:
        """Make the views of a batch."""
        import pyarrow as pa

        made = self._show_numbers(batch) if self.numbers_only else None
        if made is not None:
            return dict.fromkeys(views, made)
        frame = to_frame(pa.Table.from_batches([batch.select(self.columns)]))
        found: dict[str, Any] = {}
        if {"all", "dense"} & set(views):
            found["all"] = self.vectoriser.transform(frame)
        if "dense" in views:
            found["dense"] = self.squeezer.transform(found["all"])
        if "text" in views and self.texter is not None:
            found["text"] = self.texter.transform(frame)
        return found

    def _show_numbers(self, batch: pa.RecordBatch) -> Singles | None:
        """Standardise numbers as `Numbers` does, in half the room and a tenth of the time."""
        ((names, part),) = self.vectoriser.parts_
        found = np.empty((batch.num_rows, len(names) + int(part.gaps_.sum())), dtype=np.float32)
        gap = len(names)
        for place, name in enumerate(names):
            read = read_numbers(batch.column(name))
            if read is None:
                return None  # numbers written as text
            values, empty = read
            scaled = (values - part.middle_[place]) * (1 / part.scale_[place])
            if empty is not None:
                scaled[empty] = 0.0
            wild = np.flatnonzero(np.abs(scaled) > _SOFT)
            if len(wild):
                its = np.clip(scaled[wild], -_LARGEST, _LARGEST)
                infinite = ~np.isfinite(scaled[wild])
                scaled[wild] = np.where(infinite, 0.0, np.sign(its) * (_SOFT + np.log1p(np.abs(its) - _SOFT)))
            found[:, place] = scaled
            if part.gaps_[place]:
                found[:, gap] = 0.0 if empty is None else empty
                gap += 1
        return found


@dataclass(frozen=True, eq=False)
class Mixture:
    """Fitted models and how their logarithms add up to the logarithms of probabilities.

    Attributes
    ----------
    models : list of (name, view, model, power)
        Each model's logarithms count with this power.
    sampled : array of float, shape (m, K)
        The out-of-sample probabilities of the sample, whose rows the models have seen.
    loss : float
        The mean negative log-probability of the sample's labels.
    """

    models: list[tuple[str, str, Any, float]]
    sampled: Floats
    loss: float

    @property
    def note(self) -> str:
        """Say which models they are."""
        total = sum(power for *_, power in self.models)
        ranked = sorted(self.models, key=lambda one: -one[3])
        return describe_mixture({name: power / total for name, _, _, power in ranked})

    @property
    def views(self) -> list[str]:
        """The views that the models see."""
        return list(dict.fromkeys(view for _, view, _, _ in self.models))

    def predict(self, shown: Mapping[str, Any]) -> Floats:
        """Predict rows that no model has seen, shape (n, K)."""
        size = self.sampled.shape[1]
        logs = np.zeros((1, size))
        for _, view, model, power in self.models:
            raw = np.full((shown[view].shape[0], size), TINY)
            raw[:, np.asarray(model.classes_, dtype=np.intp)] = models.predict_proba(model, shown[view])
            logs = logs + power * np.log(np.maximum(raw, TINY))
        if size == _CLASSES:
            second = 1 / (1 + np.exp(np.clip(logs[:, :1] - logs[:, 1:], -_FAR, _FAR)))
            return np.hstack([1 - second, second])
        return soften(logs)


def fit_mixtures(evidence: Evidence, views: Views, sizes: int) -> tuple[Mixture, Mixture | None]:
    """Fit the cheap models and, where it helps, a mixture with a dearer one.

    Parameters
    ----------
    evidence : Evidence
        The sample.
    views : Views
        The sample as vectors.
    sizes : int
        The number of classes.

    Returns
    -------
    cheap : Mixture
    dearer : Mixture or None
    """
    codes = evidence.labels.codes
    groups = len(np.unique(evidence.twins[evidence.labels.known]))
    if groups < 2:  # noqa: PLR2004 (a row is predicted by others)
        raise Unmet("all labelled rows are equal in their features, so no row can be predicted from others")
    folds = models.make_folds(
        codes, evidence.twins, min(evidence.settings.folds, groups), evidence.settings.random_state
    )
    listed = [c for c in models.candidates(views.roles, sizes, views.dense.shape[1]) if c.name in (*CHEAP, *DEARER)]
    if set(views.roles.values()) != {"text"}:
        listed.append(Candidate("bends", "dense", lambda _: Bends()))
    predicted: dict[str, Floats] = {}
    heat: dict[str, float] = {}
    for done, one in enumerate(listed):
        evidence.progress(f"model: {one.name}", done, len(listed))
        raw = models.predict_out_of_sample(one.make, views.fitted(one.view), codes, folds, sizes, most=one.most)
        heat[one.name] = find_temperature(np.log(np.maximum(raw, TINY)), codes)
        predicted[one.name] = soften(heat[one.name] * np.log(np.maximum(raw, TINY)))
    cheap = _mix(listed, {n: p for n, p in predicted.items() if n in CHEAP}, heat, views, codes)
    if all(name in CHEAP for name in predicted):
        return cheap, None
    return cheap, _mix(listed, predicted, heat, views, codes)


def _mix(
    listed: Sequence[Candidate], predicted: Mapping[str, Floats], heat: Mapping[str, float], views: Views, codes: Codes
) -> Mixture:
    weights = {name: weight for name, weight in models.weigh(predicted, codes).items() if weight > 0}
    logs = np.log(np.maximum(models.mix(predicted, weights), TINY))
    last = find_temperature(logs, codes)
    known = np.flatnonzero(codes >= 0)
    fitted: list[tuple[str, str, Any, float]] = []
    for one in listed:
        if one.name in weights:
            rows = known
            if len(rows) > one.most:
                rows = rows[np.linspace(0, len(rows) - 1, one.most).astype(np.intp)]
            model = one.make(len(rows))
            with warnings.catch_warnings():
                warnings.filterwarnings(
                    "ignore", "The number of unique classes is greater than 50%"
                )  # rare ones are said
                model.fit(views.fitted(one.view)[rows], codes[rows])
            fitted.append((one.name, one.view, model, last * weights[one.name] * heat[one.name]))
    mixed = soften(last * logs)
    return Mixture(fitted, mixed, log_loss(mixed, codes))


def find_temperature(logs: Floats, codes: Codes) -> float:
    """Find the power of probabilities that fits the given labels best."""
    from scipy.optimize import minimize_scalar

    best = minimize_scalar(lambda t: log_loss(soften(logs * np.exp(t)), codes), bounds=(-4.0, 3.0), method="bounded")
    return float(np.exp(best.x))
