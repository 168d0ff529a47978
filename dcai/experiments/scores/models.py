"""Models and scorers as a user may give them, checked before anything is fitted."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError, shorten
from dcai.experiments.samples.materials import Materials
from dcai.experiments.scores.defaults import make_models, pick_models
from dcai.findings.evidence import Task

Scorer = Callable[[Any, pd.DataFrame, npt.NDArray[Any]], float]

# Accuracy says little where one class is this large a share, or this many times the size of the median class.
LARGE_SHARE = 0.75
LARGE_TIMES = 10
_RESPONSES = ("predict", "predict_proba", "decision_function")
_SEVERAL = 3  # classes; of two a scorer takes one number


def check_models(models: Any, materials: Materials) -> dict[str, Any]:
    """Return the models by name, the fixed one first.

    Raises
    ------
    InputError
        Where one is no scikit-learn estimator, or not of the kind that the label asks for.
    """
    if models is None:
        models = make_models(materials.table, materials.task)
    elif names := list_names(models):
        models = pick_models(names, materials.table, materials.task)
    named = _name_models(models)
    if not named:
        raise InputError.wrong_value(
            "models", "compare", "None, an estimator, or a list or dict with at least one", models
        )
    for name, model in named.items():
        _check_model(name, model, materials.task)
    return named


def list_names(models: Any) -> list[str]:
    """List the models that are given by the names of the default ones; empty where others are given.

    Examples
    --------
    >>> list_names("trees"), list_names(["trees", "boosting"]), list_names({"mine": "trees"})
    (['trees'], ['trees', 'boosting'], [])
    """
    listed = [models] if isinstance(models, str) else models
    named = isinstance(listed, (list, tuple)) and all(isinstance(one, str) for one in listed)
    return list(dict.fromkeys(listed)) if named else []


def _name_models(models: Any) -> dict[str, Any]:
    if isinstance(models, Mapping):
        return {str(name): model for name, model in models.items()}
    single = not isinstance(models, (list, tuple))
    listed = [models] if single else list(models)
    names: dict[str, Any] = {}
    seen: Counter[str] = Counter()
    for model in listed:
        kind = model.__name__ if inspect.isclass(model) else type(model).__name__
        seen[kind] += 1
        names[kind if seen[kind] == 1 else f"{kind} {seen[kind]}"] = model
    return names


def _check_model(name: str, model: Any, task: Task) -> None:
    from sklearn.base import is_classifier, is_regressor

    place = f"models[{name!r}]"
    if inspect.isclass(model):
        raise InputError.wrong_value(
            place, "compare", "a scikit-learn estimator", model, f"Make one of the class: {model.__name__}()."
        )
    if not all(callable(getattr(model, method, None)) for method in ("fit", "predict", "get_params")):
        raise InputError.wrong_value(place, "compare", "a scikit-learn estimator (fit, predict, get_params)", model)
    if task == "classification" and not is_classifier(model):
        raise InputError.wrong_value(place, "compare", "a classifier, because the label holds classes", model)
    if task == "regression" and not is_regressor(model):
        raise InputError.wrong_value(
            place,
            "compare",
            "a regressor, because the label holds measured numbers",
            model,
            "For classes, turn the numbers into text first.",
        )


def check_scoring(scoring: Any, materials: Materials, notes: list[str]) -> dict[str, Scorer]:
    """Return the scorers by name, the one of the table first.

    Raises
    ------
    InputError
        Where a name is unknown, or something is neither name nor callable.
    """
    if scoring is None:
        scoring = _choose_scoring(materials, notes)
    listed = list(scoring) if isinstance(scoring, (list, tuple)) else [scoring]
    if not listed:
        raise InputError.wrong_value(
            "scoring", "compare", "a scorer's name, a callable, or a list with at least one", scoring
        )
    scorers: dict[str, Scorer] = {}
    for one in listed:
        name, scorer = _read_scorer(one)
        if materials.task == "classification":
            scorer = tell_classes(scorer, materials.classes)
        if name in scorers:
            raise InputError(
                f"The scorer {name!r} is given twice in scoring=. Expected each once: functions need names of their own."
            )
        scorers[name] = scorer
    return scorers


def _read_scorer(one: Any) -> tuple[str, Scorer]:
    from sklearn.metrics import get_scorer, get_scorer_names

    if isinstance(one, str):
        if one not in get_scorer_names():
            raise InputError.unknown_name("scorer", one, get_scorer_names(), "See sklearn.metrics.get_scorer_names().")
        return one, get_scorer(one)
    if not callable(one) or inspect.isclass(one):
        raise InputError.wrong_value(
            "scoring", "compare", "a scorer's name, a callable(estimator, X, y), or a list of them", one
        )
    return str(getattr(one, "__name__", None) or repr(one)), one


def tell_classes(scorer: Scorer, classes: npt.NDArray[Any]) -> Scorer:
    """Tell a scorer of probabilities all classes, so that rows without one of them have a score too."""
    from sklearn.metrics import make_scorer

    function = getattr(scorer, "_score_func", None)
    asked = getattr(scorer, "_response_method", "predict")
    known = function is None or asked == "predict" or "labels" not in inspect.signature(function).parameters
    if known or len(classes) < _SEVERAL or "labels" in scorer._kwargs:  # type: ignore[attr-defined]  # noqa: SLF001 (a scorer tells its settings in no other way)
        return scorer
    settings = scorer._kwargs | {"labels": classes}  # type: ignore[attr-defined]  # noqa: SLF001 (likewise)
    better = scorer._sign > 0  # type: ignore[attr-defined]  # noqa: SLF001 (likewise)
    made: Scorer = make_scorer(function, response_method=asked, greater_is_better=better, **settings)
    return made


def _choose_scoring(materials: Materials, notes: list[str]) -> str:
    if materials.task == "regression":
        return "r2"
    sizes = np.sort(np.unique(materials.training["raw"].labels.astype(str), return_counts=True)[1])
    if sizes[-1] <= LARGE_SHARE * sizes.sum() and sizes[-1] < LARGE_TIMES * np.median(sizes):
        return "accuracy"
    notes.append(
        f"The score is balanced accuracy (the mean of the classes' recalls), because the classes are very unequal: {sizes[0]:,} to {sizes[-1]:,} rows."
    )
    return "balanced_accuracy"


class Remembered:
    """A fitted model that predicts each test row once and then looks its answers up by the rows' index.

    Scorers see it as the model itself, so any of them can score any draw of test rows without predicting again. Of
    `classes` that its training rows lacked it says that no row is of them: all models answer about the same classes.
    """

    def __init__(
        self,
        model: Any,
        frame: pd.DataFrame,
        warned: Callable[[warnings.WarningMessage], None],
        classes: npt.NDArray[Any] | None = None,
    ) -> None:
        self._model = model
        self._frame = frame
        self._warned = warned
        self._known: dict[str, npt.NDArray[Any]] = {}
        own: Any = getattr(model, "classes_", None)
        comparable = classes is not None and isinstance(own, np.ndarray) and bool(np.isin(own, classes).all())
        self._classes = classes if comparable and classes is not None and len(own) < len(classes) else None

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._model, name)
        if name == "classes_" and self._classes is not None:
            return self._classes
        if name not in _RESPONSES:
            return found

        # Scorers ask a method for its name.
        @functools.wraps(found)
        def respond(rows: pd.DataFrame) -> npt.NDArray[Any]:
            if name not in self._known:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    self._known[name] = self._widen(name, np.asarray(found(self._frame)))
                for warning in caught:
                    self._warned(warning)
            answers: npt.NDArray[Any] = self._known[name][rows.index.to_numpy()]
            return answers

        return respond

    def _widen(self, name: str, answers: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Give answers about the model's own classes a column for each class that it does not know."""
        if name == "predict" or self._classes is None:
            return answers
        if answers.ndim == 1:  # a decision between two classes
            answers = np.column_stack([-answers, answers])
        # A decision for an unknown class stands below all others.
        least = 0.0 if name == "predict_proba" else answers.min(axis=1, keepdims=True) - 1.0
        wide = np.zeros((len(answers), len(self._classes))) + least
        wide[:, np.searchsorted(self._classes, self._model.classes_)] = answers
        return wide


def seed_model(model: Any, seed: int) -> Any:
    """Clone a model and give every `random_state` that is None a fixed number, so that paired fits differ in data only."""
    from sklearn.base import clone

    copy = clone(model)
    unset = {
        name: seed
        for name, value in sorted(copy.get_params(deep=True).items())
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    }
    return copy.set_params(**unset) if unset else copy


def name_parallel(models: Mapping[str, Any]) -> list[str]:
    """Name the models that start workers of their own, whose CPU seconds this process does not see."""
    return [
        name
        for name, model in models.items()
        if any(
            value not in (None, 1) and (key == "n_jobs" or key.endswith("__n_jobs"))
            for key, value in model.get_params(deep=True).items()
        )
    ]


def explain_failure(name: str, step: str, error: Exception) -> InputError:
    """Say that a user's model or scorer cannot work with these data."""
    said = shorten(str(error).strip().splitlines()[0] if str(error).strip() else repr(error), 200).rstrip(".")
    return InputError(
        f"The {step} {name!r} cannot be used on these columns: {said}. "
        "Pass a pipeline that encodes texts and fills missing values, or another scorer."
    )
