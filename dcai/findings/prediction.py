"""Out-of-sample predictions for the evidence: by the user's model, or by a mixture of sensible ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dcai.base.errors import InputError, shorten
from dcai.findings import models
from dcai.findings.models import SAMPLE_ROWS, Candidate, View
from dcai.findings.noise import estimate_noise
from dcai.findings.residuals import tame

if TYPE_CHECKING:
    from dcai.findings.evidence import Evidence

Floats = npt.NDArray[np.float64]
_DENSE_TEXT = 300


def predict_classes(evidence: Evidence) -> tuple[Floats, str]:
    """Predict the class of every row out of sample; also say by which model."""
    labels, settings = evidence.labels, evidence.settings
    codes = labels.codes
    folds = models.make_folds(codes, evidence.twins, _count_folds(evidence), settings.random_state)
    size = len(labels.names)
    if settings.model is not None:
        features, make = _prepare_model(evidence, settings.model)
        name = type(settings.model).__name__
        tick = _count(evidence, name, folds)
        return models.predict_out_of_sample(make, features, codes, folds, size, tick), f"model {name}"
    return _mix_candidates(evidence, _choose(evidence, size), folds, size)


def _count_folds(evidence: Evidence) -> int:
    groups = len(np.unique(evidence.twins[evidence.labels.known]))
    folds = min(evidence.settings.folds, groups)
    if folds < 2:  # noqa: PLR2004 (a row is predicted by others)
        from dcai.findings.evidence import Unmet

        raise Unmet("all labelled rows are equal in their features, so no row can be predicted from others")
    return folds


def _prepare_model(evidence: Evidence, model: Any) -> tuple[Any, Callable[[int], Any]]:
    """Choose what a user's model sees: a pipeline the raw columns, any other estimator the vectorised features."""
    from sklearn.base import clone
    from sklearn.pipeline import Pipeline
    from sklearn.utils import get_tags

    if isinstance(model, Pipeline):
        return evidence.table.frame[list(evidence.table.features)], lambda _: clone(model)
    tags: Any = get_tags(model)
    return (evidence.features if tags.input_tags.sparse else evidence.dense), lambda _: clone(model)


def _choose(evidence: Evidence, size: int) -> list[Candidate]:
    if isinstance(evidence.settings.features, np.ndarray):
        return models.candidates({"given": "number"}, size, evidence.features.shape[1])
    _ = evidence.features  # asks for them, so that a table without any says so
    width = min(evidence.features.shape[1], _DENSE_TEXT)
    return models.candidates(evidence.roles, size, width)


def _mix_candidates(evidence: Evidence, listed: list[Candidate], folds: Any, size: int) -> tuple[Floats, str]:
    codes = evidence.labels.codes
    weights: dict[str, float] = {}
    if len(codes) > 2 * SAMPLE_ROWS:
        # Choose on a sample, spread over the canonical order, which is as good as random.
        rows = np.linspace(0, len(codes) - 1, SAMPLE_ROWS).astype(np.intp)
        views = {c.view: _view(evidence, c.view)[rows] for c in listed}
        tried = _predict_all(evidence, listed, views, codes[rows], folds[rows], size)
        weights = models.weigh(tried, codes[rows])
        listed = sorted((c for c in listed if weights[c.name] > 0), key=lambda c: -weights[c.name])[:2]
    views = {c.view: _view(evidence, c.view) for c in listed}
    predicted = _predict_all(evidence, listed, views, codes, folds, size)
    weights = models.weigh(predicted, codes)
    mixed = models.temper(models.mix(predicted, weights), codes)
    if "text" in views and len(codes) <= 2 * SAMPLE_ROWS:
        mixed = _teach_again(evidence, listed, views, folds, mixed)
    named = ", ".join(f"{name} {w:.0%}" for name, w in sorted(weights.items(), key=lambda x: -x[1]) if w > 0)
    return mixed, f"mixture of {named}"


def _teach_again(
    evidence: Evidence, listed: list[Candidate], views: Mapping[View, Any], folds: Any, first: Floats
) -> Floats:
    """Train a second time, without the rows that the first round doubts, and average both rounds.

    Models of words remember single wrong labels by their rare words; no clear gain was seen for others.
    """
    codes = evidence.labels.codes
    taught = np.where(estimate_noise(first, codes).flagged, -1, codes)
    predicted = _predict_all(evidence, listed, views, codes, folds, first.shape[1], taught=taught)
    second = models.temper(models.mix(predicted, models.weigh(predicted, codes)), codes)
    return models.temper(models.mix({"first": first, "second": second}, {"first": 0.5, "second": 0.5}), codes)


def _predict_all(
    evidence: Evidence,
    listed: list[Candidate],
    views: Mapping[View, Any],
    codes: Any,
    folds: Any,
    size: int,
    *,
    taught: Any = None,
) -> dict[str, Floats]:
    found = {}
    for c in listed:
        tick = _count(evidence, c.name, folds)
        raw = models.predict_out_of_sample(
            c.make, views[c.view], codes if taught is None else taught, folds, size, tick, most=c.most
        )
        found[c.name] = models.temper(raw, codes)
    return found


def _view(evidence: Evidence, view: View) -> Any:
    if view == "text":
        return evidence.texts
    return evidence.dense if view == "dense" else evidence.features


def _count(evidence: Evidence, name: str, folds: Any) -> Callable[[], None]:
    total = len(np.unique(folds[folds >= 0]))
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        evidence.progress(name, done, total)

    return tick


def predict_numbers(evidence: Evidence) -> Floats:
    """Predict a numeric label of every row out of sample, shape (n,); rows without one too."""
    from sklearn.base import clone
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.linear_model import Ridge
    from threadpoolctl import threadpool_limits

    values = taught = evidence.targets
    known = np.where(np.isnan(values), -1, 0)
    folds = models.make_folds(known, evidence.twins, max(2, evidence.settings.folds), evidence.settings.random_state)
    if evidence.settings.model is not None:
        features, make = _prepare_model(evidence, evidence.settings.model)
        tried = [(make(0), features)]
    else:
        # A user's own model learns the labels as they are; ours is not to be bent by a single wild one.
        taught = tame(values)
        trees = ExtraTreesRegressor(150, min_samples_leaf=2, random_state=0, n_jobs=1)
        tried = [(Ridge(1.0), evidence.dense), (trees, evidence.dense)]
    predicted = []
    with threadpool_limits(1):
        for model, features in tried:
            found = np.full(len(values), float(np.nanmedian(values)))
            take = features.iloc if hasattr(features, "iloc") else features
            tick = _count(evidence, type(model).__name__, folds)
            for fold in np.unique(folds[folds >= 0]):
                train = np.flatnonzero((folds != fold) & (known == 0))
                test = np.flatnonzero((folds == fold) | ((folds < 0) & (fold == 0)))
                found[test] = np.asarray(clone(model).fit(take[train], taught[train]).predict(take[test])).ravel()
                tick()
            predicted.append(found)
    loss = np.array([np.nanmean(np.abs(p - taught)) for p in predicted])
    weights = (loss.min() / np.maximum(loss, 1e-12)) ** 4 if loss.min() > 0 else (loss == loss.min()).astype(float)
    return np.asarray(np.average(predicted, axis=0, weights=weights))


def check_model(model: Any, task: str) -> None:
    """Refuse what is no scikit-learn estimator, or one of the other task."""
    from sklearn.base import is_classifier, is_regressor

    right = is_classifier if task == "classification" else is_regressor
    kind = "classifier" if task == "classification" else "regressor"
    if isinstance(model, type) or not hasattr(model, "fit") or not hasattr(model, "get_params") or not right(model):
        raise InputError.wrong_value(
            "model", "audit", f"a scikit-learn {kind}, for example RandomForest{kind.capitalize()}()", model
        )
    if task == "classification" and not (hasattr(model, "predict_proba") or hasattr(model, "decision_function")):
        raise InputError(
            f"The model {shorten(repr(model))} has neither predict_proba nor decision_function. "
            "Give a classifier that has one of them, or wrap it in CalibratedClassifierCV."
        )
