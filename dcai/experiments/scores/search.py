"""The search for a better model: settings to try within a stated budget, and the choice within the training rows."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from dcai.base.errors import InputError, shorten
from dcai.experiments.samples.materials import CORRECTED, RAW, Data, Sample
from dcai.experiments.samples.splits import Positions, assign_folds
from dcai.findings.labels.models import SAMPLE_ROWS
from dcai.findings.wording import count

if TYPE_CHECKING:
    from dcai.experiments.scores.measures import Bench

INNER_FOLDS = 3
CHOICE_ROWS = SAMPLE_ROWS  # a model is chosen on at most this many training rows
FEW_SETTINGS = 4  # so few are all tried on every fold
# What is worth trying first on a model of a kind: factors of a number that it has, or values.
_FACTORS: dict[str, dict[str, tuple[float, ...]]] = {
    "LogisticRegression": {"C": (10.0, 0.1)},
    "LinearSVC": {"C": (10.0, 0.1)},
    "SVC": {"C": (10.0, 0.1)},
    "SVR": {"C": (10.0, 0.1)},
    "Ridge": {"alpha": (10.0, 0.1)},
    "Lasso": {"alpha": (10.0, 0.1)},
    "ComplementNB": {"alpha": (3.0, 0.3)},
    "MultinomialNB": {"alpha": (3.0, 0.3)},
    "GaussianNB": {"var_smoothing": (1e4, 1e7)},
    "KNeighborsClassifier": {"n_neighbors": (3, 10)},
    "KNeighborsRegressor": {"n_neighbors": (3, 10)},
    "HistGradientBoostingClassifier": {"learning_rate": (2.0, 0.5)},
    "HistGradientBoostingRegressor": {"learning_rate": (2.0, 0.5)},
    "GradientBoostingClassifier": {"learning_rate": (2.0, 0.5)},
    "GradientBoostingRegressor": {"learning_rate": (2.0, 0.5)},
}
_FOREST: list[dict[str, Any]] = [{"min_samples_leaf": 5}, {"max_features": 0.5}]
_TREE: list[dict[str, Any]] = [{"max_depth": 5}, {"min_samples_leaf": 10}]
_FORESTS = ("ExtraTreesClassifier", "ExtraTreesRegressor", "RandomForestClassifier", "RandomForestRegressor")
_TREES = ("DecisionTreeClassifier", "DecisionTreeRegressor")
_VALUES = dict.fromkeys(_FORESTS, _FOREST) | dict.fromkeys(_TREES, _TREE)


# ---------------------------------------------------------------- what to try


def propose_models(models: Mapping[str, Any], search: Any, budget: int, random_state: int) -> dict[str, Any]:
    """Return the models as they are, then settings of them, one of each model in turn, at most `budget` in all.

    Parameters
    ----------
    models : dict
        The models by name.
    search : bool or dict
        False tries no settings, True the usual ones of the known kinds, ``{model: {parameter: values}}`` those.
    budget : int
        The number of models and settings at most; more models than this are all kept.
    random_state : int
        Decides which settings of a larger grid are drawn.

    Raises
    ------
    InputError
        Where `search` names no such model or parameter.
    """
    proposals = {name: list(_propose(name, model, search, random_state)) for name, model in models.items()}
    found = dict(models)
    for round_ in zip_longest(*proposals.values()):
        for name, proposal in zip(proposals, round_, strict=True):
            if proposal is not None and len(found) < budget:
                shown = ", ".join(f"{key.rsplit('__', 1)[-1]}={value!r}" for key, value in proposal.items())
                found[f"{name}, {shorten(shown, 60)}"] = _set(models[name], name, proposal)
    return found


def check_search(search: Any, models: Mapping[str, Any], *, given: bool) -> Any:
    """Return what to search: without a word, settings of the default models and no others."""
    if search is None:
        return not given
    if isinstance(search, bool):
        return search
    if not isinstance(search, Mapping):
        raise InputError.wrong_value(
            "search", "compare", "True, False, or a dict of {model: {parameter: values}}", search
        )
    for name, grid in search.items():
        if name not in models:
            raise InputError.unknown_name("model to search", name, models)
        if not isinstance(grid, Mapping) or not all(
            isinstance(v, (list, tuple, range, np.ndarray)) for v in grid.values()
        ):
            raise InputError.wrong_value(f"search[{name!r}]", "compare", "a dict of {parameter: list of values}", grid)
    return search


def _propose(name: str, model: Any, search: Any, random_state: int) -> Iterator[dict[str, Any]]:
    if isinstance(search, Mapping):
        from sklearn.model_selection import ParameterGrid

        grid = list(ParameterGrid({str(k): list(v) for k, v in search.get(name, {}).items()})) if name in search else []
        order = np.random.default_rng(random_state).permutation(len(grid))
        yield from (grid[i] for i in order)
        return
    if not search:
        return
    last, prefix = last_step(model)
    kind = type(last).__name__
    yield from ({prefix + key: value for key, value in setting.items()} for setting in _VALUES.get(kind, []))
    for parameter, factors in _FACTORS.get(kind, {}).items():
        now = getattr(last, parameter)
        if isinstance(now, (int, float)):
            yield from ({prefix + parameter: type(now)(f"{now * factor:.12g}")} for factor in factors)


def last_step(model: Any) -> tuple[Any, str]:
    """Return the estimator at the end of a pipeline, and the prefix of its parameters."""
    prefix = ""
    while hasattr(model, "steps"):
        step, model = model.steps[-1]
        prefix += f"{step}__"
    return model, prefix


def _set(model: Any, name: str, setting: Mapping[str, Any]) -> Any:
    from sklearn.base import clone

    known = model.get_params(deep=True)
    for key in setting:
        if key not in known:
            raise InputError.unknown_name(f"parameter of the model {name!r}", key, known)
    return clone(model).set_params(**setting)


# ---------------------------------------------------------------- the choice


def count_inner_fits(models: int) -> int:
    """Return how many fits a choice among so many models takes."""
    if models == 1:
        return 0
    if models <= FEW_SETTINGS:
        return INNER_FOLDS * models
    return sum(_left_after(models, fold) for fold in range(INNER_FOLDS))


def _left_after(models: int, folds: int) -> int:
    """Return how many models go on after some folds: the better half each time, but never fewer than two."""
    for _ in range(folds):
        models = max(2, math.ceil(models / 2)) if models > FEW_SETTINGS else models
    return models


def choose_model(bench: Bench, data: Data) -> tuple[str, dict[str, float], float]:
    """Choose the best model by cross-validation within the training rows, at most `CHOICE_ROWS`; test rows play no part.

    Where there are many, the weaker half is dropped after each fold (successive halving, Jamieson & Talwalkar 2016).

    Returns
    -------
    tuple
        The model's name (the first of equals), the mean score of each model over the folds that it was tried on, and
        the CPU seconds that the choice took.
    """
    start = time.process_time()
    sample = thin(bench, data)
    folds = deal_folds(bench, sample, INNER_FOLDS, bench.random_state)
    scores: dict[str, list[float]] = {name: [] for name in bench.models}
    left = list(bench.models)
    for fold in range(INNER_FOLDS):
        left = _keep_best(scores, left, _left_after(len(bench.models), fold))
        for name in left:
            scores[name].append(_score_fold(bench, name, sample, folds, fold))
    means = {name: _mean(found) for name, found in scores.items()}
    known = {name: means[name] for name in left if not np.isnan(means[name])}
    best = max(known, key=known.__getitem__) if known else next(iter(means))
    return best, means, time.process_time() - start


def _keep_best(scores: Mapping[str, Sequence[float]], names: list[str], number: int) -> list[str]:
    if number >= len(names):
        return names
    # NaN sorts last; of equals the earlier one goes on.
    worst_first = {name: _mean(scores[name]) for name in names}
    ranked = sorted(
        names, key=lambda name: -math.inf if np.isnan(worst_first[name]) else worst_first[name], reverse=True
    )
    return [name for name in names if name in ranked[:number]]


def _mean(values: Sequence[float]) -> float:
    known = [v for v in values if not np.isnan(v)]
    return float(np.mean(known)) if known else float("nan")


def describe_choice(bench: Bench) -> str:
    """Say on which rows models are compared to choose one, and how many."""
    total = len(bench.materials.pool)
    some = f"{count(CHOICE_ROWS, 'row')}, spread evenly over the {total:,} training rows"
    text = f"{INNER_FOLDS}-fold cross-validation within {some if total > CHOICE_ROWS else 'the training rows'}"
    if len(bench.models) > FEW_SETTINGS:
        text += f", {len(bench.models)} models and settings tried, the weaker half dropped after each fold"
    return text


def thin(bench: Bench, data: Data) -> Sample:
    """Keep so many training rows that the choice ends soon: the same rows of every version of the data."""
    materials = bench.materials
    sample = materials.training[data]
    if len(materials.pool) <= CHOICE_ROWS:
        return sample
    # The rows stand in the order of their hashes, so evenly spread ones are as good as random.
    spread = materials.pool[np.linspace(0, len(materials.pool) - 1, CHOICE_ROWS).astype(np.intp)]
    return sample.take(sample.pick(spread, materials.rows))


def deal_folds(bench: Bench, sample: Sample, folds: int, random_state: int) -> Positions:
    """Deal training rows into folds as the test was held out: equal rows together, and groups where there are any."""
    materials = bench.materials
    if materials.clusters is not None:
        groups = materials.clusters[sample.positions].astype(np.uint64)
        return assign_folds(groups, [""] * len(groups), folds, random_state)
    strata = [str(label) for label in sample.labels]
    if materials.task == "regression":
        strata = ["" for _ in strata]
    return assign_folds(materials.marks[sample.positions], strata, folds, random_state)


def _score_fold(bench: Bench, name: str, sample: Sample, folds: Positions, fold: int) -> float:
    inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
    if not len(outside) or len(set(sample.labels[inside].tolist())) < 2:  # noqa: PLR2004 (a classifier tells two classes apart)
        return float("nan")
    train, held = sample.take(inside), sample.take(outside)
    model, _ = bench.fit(name, train.frame, train.labels, bench.random_state)
    # Named as a draw: a fold may lack a class and then have no score, which is no error.
    return bench.score(bench.main, bench.ask(name, model, held.frame), held, np.arange(len(held.labels)))


def choose_each(bench: Bench, notes: list[str]) -> tuple[dict[Data, str], dict[Data, float]]:
    """Choose the model for each version of the training rows, within the training rows; CPU seconds beside it."""
    names = list(bench.models)
    versions = [RAW, CORRECTED]
    if len(names) == 1:
        notes.append(
            f"There is one model only ({names[0]}), so model-centric equals baseline and both equals data-centric."
        )
        return dict.fromkeys(versions, names[0]), dict.fromkeys(versions, 0.0)
    chosen: dict[Data, str] = {}
    seconds: dict[Data, float] = {}
    for data in versions:
        twin = bench.materials.twin(data)
        if twin != data:
            chosen[data], seconds[data] = chosen[twin], seconds[twin]
            continue
        chosen[data], means, seconds[data] = choose_model(bench, data)
        told = ", ".join(f"{name} {mean:.3f}" for name, mean in means.items())
        notes.append(
            f"On {data} data the best model is {chosen[data]} ({describe_choice(bench)}, {bench.main}: {told}); "
            f"the fixed model is {names[0]}."
        )
    return chosen, seconds
