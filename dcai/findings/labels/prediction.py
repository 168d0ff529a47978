"""Out-of-sample predictions for the evidence: by the user's model, or by a mixture of sensible ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache as cached
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dcai.base.errors import InputError, shorten
from dcai.base.fingerprints import canonicals
from dcai.findings.cache import CACHE
from dcai.findings.features import embeddings, networks
from dcai.findings.labels import folded, frugal, models
from dcai.findings.labels.models import Candidate, View
from dcai.findings.labels.teaching import teach_again
from dcai.findings.memory import release_views
from dcai.findings.wording import count, describe_mixture

if TYPE_CHECKING:
    from dcai.findings.evidence import Evidence

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
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
    from dcai.findings.evidence import FULL_ROWS

    if len(codes) > FULL_ROWS:
        return _predict_frugally(evidence, folds, size)
    listed, extras = _choose(evidence, size)
    found, note = _mix_candidates(evidence, listed, folds, size)
    return found, "; ".join(filter(None, [note, extras]))


def _predict_frugally(evidence: Evidence, folds: Any, size: int) -> tuple[Floats, str]:
    """Predict many rows by models that cost little for what they find."""
    from threadpoolctl import threadpool_limits

    given = isinstance(evidence.settings.features, np.ndarray)
    roles = {"given": "number"} if given else evidence.roles
    embedded, notes = _ask_extras(roles, len(evidence.table))
    # Meanings where words are all there is to read; beside other columns they cost more than they add.
    listed = frugal.list_models(roles, embedded=embedded and set(roles.values()) == {"text"})
    lesson = folded.Lesson(
        evidence.labels.codes, folds, evidence.twins, size, evidence.settings.random_state, lambda: None
    )
    _check_memory(evidence, size)
    see = frugal.see_compact(evidence.compact, cached(lambda: _embed(evidence).astype(np.float32)))

    def tell(name: str) -> Callable[[], None]:
        return _count(evidence, name, folds)

    twice = set(roles.values()) == {"text"} and len(folds) <= frugal.TAUGHT_ROWS
    mark = None if twice else evidence.mark
    key = mark and f"mixture {mark} {evidence.labels.names!r} {embedded} {lesson.seed}"
    with threadpool_limits(1):  # of products of few columns, more threads only wait for each other
        found, weights, said = _recall_mixture(key, listed, see, lesson, tell)
        if twice:
            found = frugal.teach_again(found, [m for m in listed if weights.get(m.name)], see, lesson, tell)
    release_views(evidence)
    return found, "; ".join([describe_mixture(weights), *said, *notes])


def _recall_mixture(
    key: str | None,
    listed: list[frugal.Frugal],
    see: Callable[[frugal.View], Any],
    lesson: folded.Lesson,
    tell: frugal.Tell,
) -> tuple[Floats, Mapping[str, float], list[str]]:
    """Bring the models of an audit of the same features up to date, or let all learn; also return weights and what to say."""
    before: frugal.Mixture | None = CACHE.recall(key)
    if before is not None:
        updated = frugal.update_mixture(before, listed, see, lesson, tell)
        if updated is not None:
            found, weights, changed = updated
            said = f"brought up to date with {count(changed, 'changed label')}"
            return found, weights, [said] if changed else []
    found, made = frugal.mix_frugally(listed, see, lesson, tell)
    CACHE.keep(key, made)
    return found, made.weights, []


def _check_memory(evidence: Evidence, size: int) -> None:
    """Refuse what will not fit, before hours of work."""
    import psutil

    from dcai.findings.evidence import Unmet
    from dcai.findings.features.compact import estimate_columns

    given = evidence.settings.features
    width = given.shape[1] if isinstance(given, np.ndarray) else estimate_columns(evidence.table.frame, evidence.roles)
    # Features twice while they are put together; probabilities of a few models, of their mixture and of the truth.
    need = len(evidence.table) * (8 * width + 40 * size)
    free = psutil.virtual_memory().available
    if need > free:
        raise Unmet(
            f"the models of {len(evidence.table):,} rows, {width:,} columns of features and {size:,} classes need about "
            f"{need / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free. Name fewer columns by features=[...], "
            "or audit a part of the rows"
        )


def _count_folds(evidence: Evidence) -> int:
    groups = int(np.count_nonzero(np.bincount(evidence.twins[evidence.labels.known])))
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
    embedded, notes = _ask_extras(evidence.roles, len(evidence.table))
    return models.candidates(evidence.roles, size, width, embedded=embedded), "; ".join(notes)


def _ask_extras(roles: Mapping[str, str], rows: int) -> tuple[bool, list[str]]:
    """Return whether texts can be embedded, and what the extras add to the features or would add."""
    notes, embedded = [], "text" in roles.values()
    if embedded:
        try:
            embeddings.embed_texts([])
        except embeddings.Unusable as unusable:
            notes.append(str(unusable))
            embedded = False
    if "image" in roles.values():
        notes.append(networks.describe_state(rows))
    return embedded, notes


def _mix_candidates(evidence: Evidence, listed: list[Candidate], folds: Any, size: int) -> tuple[Floats, str]:
    codes = evidence.labels.codes
    views = _view(evidence, listed)
    predicted = _predict_all(evidence, listed, views, codes, folds, size)
    weights = models.weigh(predicted, codes)
    mixed = models.temper(models.mix(predicted, weights), codes)
    if "text" in views:

        def predict(codes: Codes, folds: Codes, most: int) -> dict[str, Floats]:
            told = np.where(folds < most, folds, -1)
            return _predict_all(evidence, listed, views, codes, told, size, tempered=False)

        mixed = teach_again(mixed, codes, folds, predict)
    return mixed, describe_mixture(weights)


def _predict_all(
    evidence: Evidence,
    listed: list[Candidate],
    views: Mapping[View, Any],
    codes: Any,
    folds: Any,
    size: int,
    *,
    tempered: bool = True,
) -> dict[str, Floats]:
    found = {}
    for c in listed:
        tick = _count(evidence, c.name, folds)
        raw = models.predict_out_of_sample(c.make, views[c.view], codes, folds, size, tick, most=c.most)
        found[c.name] = models.temper(raw, codes) if tempered else raw
    return found


def _view(evidence: Evidence, listed: list[Candidate]) -> dict[View, Any]:
    """Show the features as the models want to see them."""
    made: dict[View, Any] = {}
    for view in dict.fromkeys(c.view for c in listed):
        whole = {"all": "features", "text": "texts", "dense": "dense"}
        made[view] = _embed(evidence) if view == "embedded" else getattr(evidence, whole[view])
    return made


def _embed(evidence: Evidence) -> Floats:
    """Embed the text columns, about the origin."""
    names = [name for name, role in evidence.roles.items() if role == "text"]
    parts = [embeddings.embed_texts([text or "" for text in canonicals(evidence.table.frame[n])]) for n in names]
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
