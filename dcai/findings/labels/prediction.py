"""Out-of-sample predictions for the evidence: by the user's model, or by a mixture of sensible ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dcai.base.errors import InputError, shorten
from dcai.base.fingerprints import canonicals
from dcai.findings.features import embeddings, networks
from dcai.findings.labels import models
from dcai.findings.labels.models import SAMPLE_ROWS, Candidate, View
from dcai.findings.labels.noise import estimate_noise

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
        features, make = prepare_model(evidence, settings.model)
        name = type(settings.model).__name__
        tick = _count(evidence, name, folds)
        return models.predict_out_of_sample(make, features, codes, folds, size, tick), f"model {name}"
    listed, extras = _choose(evidence, size)
    found, note = _mix_candidates(evidence, listed, folds, size)
    return found, "; ".join(filter(None, [note, extras]))


def _count_folds(evidence: Evidence) -> int:
    groups = len(np.unique(evidence.twins[evidence.labels.known]))
    folds = min(evidence.settings.folds, groups)
    if folds < 2:  # noqa: PLR2004 (a row is predicted by others)
        from dcai.findings.evidence import Unmet

        raise Unmet("all labelled rows are equal in their features, so no row can be predicted from others")
    return folds


def prepare_model(evidence: Evidence, model: Any) -> tuple[Any, Callable[[int], Any]]:
    """Choose what a user's model sees: a pipeline the raw columns, any other estimator the vectorised features."""
    from sklearn.base import clone
    from sklearn.pipeline import Pipeline
    from sklearn.utils import get_tags

    if isinstance(model, Pipeline):
        return evidence.table.frame[list(evidence.table.features)], lambda _: clone(model)
    tags: Any = get_tags(model)
    return (evidence.features if tags.input_tags.sparse else evidence.dense), lambda _: clone(model)


def _choose(evidence: Evidence, size: int) -> tuple[list[Candidate], str]:
    """Choose the models to try, and say what the extras add to the features or would add."""
    if isinstance(evidence.settings.features, np.ndarray):
        return models.candidates({"given": "number"}, size, evidence.features.shape[1]), ""
    _ = evidence.features  # asks for them, so that a table without any says so
    width = min(evidence.features.shape[1], _DENSE_TEXT)
    notes, embedded = [], "text" in evidence.roles.values()
    if embedded:
        try:
            embeddings.embed_texts([])
        except embeddings.Unusable as unusable:
            notes.append(str(unusable))
            embedded = False
    if "image" in evidence.roles.values():
        notes.append(networks.describe_state(len(evidence.table)))
    return models.candidates(evidence.roles, size, width, embedded=embedded), "; ".join(notes)


def _mix_candidates(evidence: Evidence, listed: list[Candidate], folds: Any, size: int) -> tuple[Floats, str]:
    codes = evidence.labels.codes
    weights: dict[str, float] = {}
    if len(codes) > 2 * SAMPLE_ROWS:
        # Choose on a sample, spread over the canonical order, which is as good as random.
        rows = np.linspace(0, len(codes) - 1, SAMPLE_ROWS).astype(np.intp)
        tried = _predict_all(evidence, listed, _view(evidence, listed, rows), codes[rows], folds[rows], size)
        weights = models.weigh(tried, codes[rows])
        listed = sorted((c for c in listed if weights[c.name] > 0), key=lambda c: -weights[c.name])[:2]
    views = _view(evidence, listed)
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


def _view(evidence: Evidence, listed: list[Candidate], rows: Any = None) -> dict[View, Any]:
    """Show the features as the models want to see them, those of all rows or of some."""
    made: dict[View, Any] = {}
    for view in dict.fromkeys(c.view for c in listed):
        if view == "embedded":
            made[view] = _embed(evidence, rows)
            continue
        whole = {"all": "features", "text": "texts", "dense": "dense"}[view]
        made[view] = getattr(evidence, whole) if rows is None else getattr(evidence, whole)[rows]
    return made


def _embed(evidence: Evidence, rows: Any = None) -> Floats:
    """Embed the text columns, about the origin."""
    frame = evidence.table.frame[[name for name, role in evidence.roles.items() if role == "text"]]
    frame = frame if rows is None else frame.iloc[rows]
    parts = [embeddings.embed_texts([text or "" for text in canonicals(frame[name])]) for name in frame.columns]
    found = np.hstack(parts)
    return np.asarray(found - found.mean(axis=0))


def _count(evidence: Evidence, name: str, folds: Any) -> Callable[[], None]:
    total = len(np.unique(folds[folds >= 0]))
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        evidence.progress(name, done, total)

    return tick


def check_model(model: Any, task: str) -> None:
    """Refuse what is no scikit-learn estimator, or one of the other task."""
    from sklearn.base import is_classifier, is_regressor

    right = is_regressor if task == "regression" else is_classifier
    kind = "regressor" if task == "regression" else "classifier"
    if isinstance(model, type) or not hasattr(model, "fit") or not hasattr(model, "get_params") or not right(model):
        raise InputError.wrong_value(
            "model", "audit", f"a scikit-learn {kind}, for example RandomForest{kind.capitalize()}()", model
        )
    if task != "regression" and not (hasattr(model, "predict_proba") or hasattr(model, "decision_function")):
        raise InputError(
            f"The model {shorten(repr(model))} has neither predict_proba nor decision_function. "
            "Give a classifier that has one of them, or wrap it in CalibratedClassifierCV."
        )
