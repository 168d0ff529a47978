"""Models that have learnt from a sample and judge every other row in batches."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dcai.findings.evidence import Unmet
from dcai.findings.labels import models
from dcai.findings.labels.discriminants import Discriminant
from dcai.findings.labels.models import TINY, Candidate, log_loss, soften
from dcai.findings.streaming.bends import Bends
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
_FAR = 500.0
_SOFT = np.float32(3.0)
_LARGEST = 1e30
_CLASSES = 2


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

    @cached_property
    def _straight(self) -> dict[str, tuple[Singles, Floats]]:
        """The linear models that see a view, as one: their weights and offsets, each model's times its power."""
        found: dict[str, tuple[Floats, Floats]] = {}
        for _, view, model, power in self.models:
            lines = _find_lines(model, self.sampled.shape[1])
            if lines is None:
                continue
            weights, offsets = power * lines[0], power * lines[1]
            if view in found:
                weights, offsets = found[view][0] + weights, found[view][1] + offsets
            found[view] = weights, offsets
        return {view: (weights.astype(np.float32), offsets) for view, (weights, offsets) in found.items()}

    def predict(self, shown: Mapping[str, Any]) -> Floats:
        """Predict rows that no model has seen, shape (n, K).

        What all classes of a row have in common falls out at the end: so the scores of linear models add up as they are,
        and one product serves for all that see a view.
        """
        size = self.sampled.shape[1]
        logs = np.zeros((1, size))
        for view, (weights, offsets) in self._straight.items():
            logs = logs + np.asarray(shown[view] @ weights) + offsets
        for _, view, model, power in self.models:
            if _find_lines(model, size) is not None:
                continue
            if isinstance(model, Bends) and len(model.classes_) == size == _CLASSES:
                logs = logs + np.hstack([np.zeros((shown[view].shape[0], 1)), power * model.score(shown[view])])
                continue
            raw = np.full((shown[view].shape[0], size), TINY)
            raw[:, np.asarray(model.classes_, dtype=np.intp)] = models.predict_proba(model, shown[view])
            logs = logs + power * np.log(np.maximum(raw, TINY))
        if size == _CLASSES:
            second = 1 / (1 + np.exp(np.clip(logs[:, :1] - logs[:, 1:], -_FAR, _FAR)))
            return np.hstack([1 - second, second])
        return soften(logs)


def _find_lines(model: Any, size: int) -> tuple[Floats, Floats] | None:
    """Return weights, shape (d, K), and offsets of which the softmax is what a model predicts; None where it is not linear."""
    if len(model.classes_) != size:
        return None  # a class that it does not know is no line
    if isinstance(model, Discriminant):
        return model.weights_, model.offsets_
    if not hasattr(model, "coef_"):
        return None
    weights, offsets = model.coef_.T.astype(np.float64), model.intercept_.astype(np.float64)
    if weights.shape[1] == 1:  # of two classes the second
        return np.hstack([0 * weights, weights]), np.append(0.0, offsets)
    return weights, offsets


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
        heat[one.name], predicted[one.name] = _temper(raw, codes)
    cheap = _mix(listed, {n: p for n, p in predicted.items() if n in CHEAP}, heat, views, codes)
    if all(name in CHEAP for name in predicted):
        return cheap, None
    return cheap, _mix(listed, predicted, heat, views, codes)


def _temper(raw: Floats, codes: Codes) -> tuple[float, Floats]:
    """Find the power of probabilities that fits the given labels best, and raise them to it."""
    logs = np.log(np.maximum(raw, TINY))
    power = find_temperature(logs, codes)
    return power, soften(power * logs)


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
