"""Sensible models for the columns at hand: which there are, and what each predicts for rows that it has not seen."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dcai.base.errors import InputError
from dcai.base.table import Table
from dcai.findings.workers import spread

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
View = Literal["all", "text", "dense", "embedded"]
Tick = Callable[[], None]

SAMPLE_ROWS = 10_000  # what has to be tried out is tried on at most this many rows
TRAINING_ROWS = 100_000  # each fold is trained on at most this many rows,
FITTED_ROWS = 20_000  # weights and temperatures are fitted to at most this many,
FITTED_CELLS = 100_000  # and to no more probabilities than this, but to
FEWEST_FITTED = 4_000  # rows in any case
STEADY_ROWS = 8_000  # with more, rows are dealt into folds whatever their class is, but for classes
RARE_ROWS = 50  # of fewer rows
TREE_ROWS = 30_000  # or this many where rows are dear
TINY = 1e-12
# A generative model of texts learns a *pattern* of wrong labels less readily than a discriminative one, whose lower
# loss on the given labels is partly a lower loss on the errors. So they get this share wherever they have real skill.
GENERATIVE = ("naive Bayes", "discriminant of meanings")
GENERATIVE_SHARE = 2 / 3
_FEW_DISTINCT = 3


@dataclass(frozen=True)
class Candidate:
    """A model that may suit: the view of the features that it sees, and how to make it for a number of rows."""

    name: str
    view: View
    make: Callable[[int], Any]
    most: int = TRAINING_ROWS


def roles_of(table: Table, names: tuple[str, ...] | None = None) -> dict[str, str]:
    """Say how each feature column is read by a model; columns that tell rows nothing are left out."""
    from dcai.findings.features.vectors import holds_numbers

    roles: dict[str, str] = {}
    for name in table.features if names is None else names:
        kind = table.kinds[name]
        if kind in ("category", "text") and table.frame[name].nunique() > _FEW_DISTINCT:
            kind = "number" if holds_numbers(table.frame[name]) else kind
        if kind == "boolean":
            roles[name] = "number"
        elif kind in ("number", "date", "category", "text", "image"):
            roles[name] = kind
    return roles


def candidates(roles: Mapping[str, str], classes: int, width: int, *, embedded: bool = False) -> list[Candidate]:
    """List the models worth trying for these roles, number of classes, width of the dense features and texts' embeddings."""
    kinds = set(roles.values())
    listed = []
    if "text" in kinds:
        listed.append(Candidate("naive Bayes", "text", lambda _: _bayes()))
        listed.append(Candidate("logistic regression", "all", lambda _: _logistic(1.0)))
        if embedded:
            listed.append(Candidate("discriminant of meanings", "embedded", lambda _: _discriminant(0.9)))
            listed.append(Candidate("logistic regression of meanings", "embedded", lambda _: _logistic(1.0)))
    if kinds != {"text"}:
        if "text" not in kinds:
            listed.append(Candidate("logistic regression", "all", lambda _: _logistic(0.02)))
            listed.append(Candidate("logistic regression, loose", "all", lambda _: _logistic(0.5)))
        listed.append(Candidate("discriminant", "dense", lambda _: _discriminant(0.3)))
        listed.append(Candidate("discriminant, loose", "dense", lambda _: _discriminant(0.1)))
        listed.append(Candidate("kernel", "dense", _kernel, TREE_ROWS))
        if kinds != {"image"}:
            listed.append(Candidate("trees", "dense", _trees, TREE_ROWS))
            if classes * width <= 300:  # noqa: PLR2004 (the cost of boosting grows with both)
                listed.append(Candidate("boosting", "dense", lambda _: _boosting(), TREE_ROWS))
    return listed


def _bayes() -> Any:
    from sklearn.naive_bayes import ComplementNB

    return ComplementNB(alpha=0.3)


def _logistic(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=200)


def _discriminant(shrinkage: float) -> Any:
    from dcai.findings.labels.discriminants import Discriminant

    return Discriminant(shrinkage)


def _kernel(rows: int) -> Any:
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    # A third of the rows as landmarks, at most 500.
    size = max(1, min(500, rows // 3))
    return make_pipeline(Nystroem(n_components=size, random_state=0), LogisticRegression(C=3.0, max_iter=200))


def _trees(rows: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    leaf = max(2, rows // 20_000)
    return ExtraTreesClassifier(150, min_samples_leaf=leaf, max_features="sqrt", random_state=0, n_jobs=1)


def _boosting() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=80, max_leaf_nodes=15, learning_rate=0.1, random_state=0, early_stopping=False
    )


def default_models(table: Table) -> dict[str, Any]:
    """Make two or three named pipelines for a table; each fits on its raw columns and has `predict_proba`.

    Parameters
    ----------
    table : Table
        The data with the roles of its columns; label, key and hidden columns are not features.

    Returns
    -------
    dict of str to sklearn.pipeline.Pipeline
        The first is a sound default. They may be fitted on any frame that has the table's columns.

    Examples
    --------
    >>> import pandas as pd
    >>> from dcai.base.table import make_table
    >>> frame = pd.DataFrame({"x": [0.1, 0.2, 0.9, 0.8], "y": ["a", "a", "b", "b"]})
    >>> list(default_models(make_table(frame, "y")))
    ['logistic regression', 'trees', 'boosting']
    """
    from sklearn.pipeline import make_pipeline

    from dcai.findings.features.vectors import Dense, Vectoriser

    roles = roles_of(table)
    if not roles:
        raise InputError(
            "No column can serve as a feature: all are label, key, hidden, empty or of an unknown kind. "
            "Give features=, or a table with at least one column of numbers, categories, dates, text or images."
        )
    texts = {name: role for name, role in roles.items() if role == "text"}
    rows = len(table)
    if "text" in roles.values():
        made = {"logistic regression": make_pipeline(Vectoriser(roles), _logistic(5.0))}
        made["naive Bayes"] = make_pipeline(Vectoriser(texts), _bayes())
        made["trees"] = make_pipeline(Vectoriser(roles), Dense(), _trees(rows))
        return made
    made = {"logistic regression": make_pipeline(Vectoriser(roles), _logistic(0.5))}
    made["trees"] = make_pipeline(Vectoriser(roles), Dense(), _trees(rows))
    if "image" not in roles.values():
        made["boosting"] = make_pipeline(Vectoriser(roles), Dense(), _boosting())
    return made


# ---------------------------------------------------------------- out-of-sample prediction


def make_folds(codes: Codes, groups: Codes, folds: int, random_state: int) -> Codes:
    """Deal rows into folds, shape (n,), -1 where there is no label: every class spread evenly, equal rows together.

    Rows that are equal but for the label share a fold, so that no row is predicted from its own copy. Few groups of
    many rows are dealt one by one, so that folds are of one size. In large tables chance spreads all classes but rare
    ones evenly enough: a row's fold then does not hang on its label, and another label moves no other row.
    """
    from dcai.findings.labels.grouping import are_few, deal_groups

    if are_few(codes, groups):
        return deal_groups(codes, groups, folds, random_state)
    order = np.random.default_rng(random_state).permutation(len(codes))
    dealt = np.zeros(groups.max() + 1, dtype=np.intp)
    counts = np.bincount(codes[codes >= 0])
    dealt_by_class = np.arange(len(counts))
    if len(codes) > STEADY_ROWS:
        heads = _list_heads(order, groups)
        dealt[groups[heads]] = np.arange(len(heads)) % folds
        dealt_by_class = np.flatnonzero(counts < RARE_ROWS)
    heads = _list_heads(order[codes[order] >= 0], groups)
    start = 0
    for code in dealt_by_class:
        its = heads[codes[heads] == code]
        dealt[groups[its]] = (np.arange(len(its)) + start) % folds
        start += len(its)
    return np.where(codes >= 0, dealt[groups], -1)


def _list_heads(order: Codes, groups: Codes) -> Codes:
    """List the first row of each group, in an order of rows."""
    place = np.full(groups.max() + 1, -1, dtype=np.intp)
    place[groups[order[::-1]]] = np.arange(len(order))[::-1]  # of several writes the last one stays
    return np.asarray(order[np.sort(place[place >= 0])])


def predict_out_of_sample(
    make: Callable[[int], Any],
    features: Any,
    codes: Codes,
    folds: Codes,
    classes: int,
    tick: Tick | None = None,
    *,
    most: int = TRAINING_ROWS,
) -> Floats:
    """Predict every row by a model that has not seen it, shape (n, classes).

    A row without a label is predicted by the model of the first fold. A class that a fold's training rows do not
    hold gets probability zero there.
    """
    found = np.zeros((len(codes), classes))
    numbers = [int(number) for number in np.unique(folds[folds >= 0])]
    said = spread(_predict_fold, (make, features, codes, folds, classes, most), numbers)
    for fold, part in zip(numbers, said, strict=True):
        found[_list_asked(folds, fold)] = part
        if tick is not None:
            tick()
    return found


def _predict_fold(shared: tuple[Callable[[int], Any], Any, Codes, Codes, int, int], fold: int) -> Floats:
    """Predict the rows of one fold by a model of the others."""
    make, features, codes, folds, classes, most = shared
    train = np.flatnonzero((folds != fold) & (codes >= 0))
    if len(train) > most:
        train = train[np.linspace(0, len(train) - 1, most).astype(np.intp)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")  # rare classes are said
        return _fit_predict(make(len(train)), features, codes, train, _list_asked(folds, fold), classes)


def _list_asked(folds: Codes, fold: int) -> Codes:
    """List the rows that the model of a fold predicts: the first one's those of no fold too."""
    return np.flatnonzero((folds == fold) | ((folds < 0) & (fold == 0)))


def _fit_predict(model: Any, features: Any, codes: Codes, train: Codes, test: Codes, classes: int) -> Floats:
    found = np.zeros((len(test), classes))
    seen = np.unique(codes[train])
    if len(seen) < 2:  # noqa: PLR2004 (nothing to tell apart)
        found[:, seen] = 1.0
        return found if len(seen) else found + 1 / classes
    take = features.iloc if hasattr(features, "iloc") else features
    model.fit(take[train], codes[train])
    found[:, np.asarray(model.classes_, dtype=np.intp)] = predict_proba(model, take[test])
    return found


def predict_proba(model: Any, rows: Any) -> Floats:
    """Ask a fitted classifier for probabilities; a margin is turned into them where it has nothing better."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(rows), dtype=np.float64)
    margin = np.asarray(model.decision_function(rows), dtype=np.float64)
    return soften(np.column_stack([-margin, margin]) if margin.ndim == 1 else margin)


def soften(scores: npt.NDArray[Any]) -> Floats:
    """Turn scores into probabilities by the softmax."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def log_loss(probabilities: Floats, codes: Codes) -> float:
    """Return the mean negative log-probability of the given classes; rows without a label do not count."""
    rows = np.flatnonzero(codes >= 0)
    return float(-np.log(np.maximum(probabilities[rows, codes[rows]], 1e-6)).mean())


def temper(probabilities: Floats, codes: Codes) -> Floats:
    """Sharpen or soften probabilities by the one temperature that fits the given labels best."""
    return heat(probabilities, find_temperature(probabilities, codes))


def find_temperature(probabilities: Floats, codes: Codes) -> float:
    """Return the power of probabilities that fits the given labels best."""
    from scipy.optimize import minimize_scalar

    rows = spread_known(codes, probabilities.shape[1])
    some, given = np.log(np.maximum(probabilities[rows], TINY)), codes[rows]
    best = minimize_scalar(lambda t: log_loss(soften(some * np.exp(t)), given), bounds=(-4.0, 3.0), method="bounded")
    return float(np.exp(best.x))


def heat(probabilities: Floats, power: float) -> Floats:
    """Raise probabilities to a power."""
    logs = np.log(np.maximum(probabilities, TINY))
    logs *= power
    return soften(logs)


def spread_known(codes: Codes, classes: int) -> Codes:
    """Return the rows with a label, or as many of them, evenly spread, as a few numbers can be fitted to."""
    rows = np.flatnonzero(codes >= 0)
    most = min(len(rows), FITTED_ROWS, max(FITTED_CELLS // classes, FEWEST_FITTED))
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.intp)]


def weigh(predicted: Mapping[str, Floats], codes: Codes) -> dict[str, float]:
    """Weigh models so that their mixture has the least loss on rows that none has seen, and favour generative ones."""
    share = _fit_weights(predicted, codes)
    ours = {name: p for name, p in predicted.items() if name in GENERATIVE}
    if not ours or len(ours) == len(predicted):
        return share
    inner = _fit_weights(ours, codes)
    counts = np.bincount(codes[codes >= 0], minlength=next(iter(predicted.values())).shape[1])
    worst = max(log_loss(np.tile(counts / counts.sum(), (len(codes), 1)), codes), TINY)
    skill = 1 - log_loss(mix(ours, inner), codes) / worst
    best = max(1 - log_loss(p, codes) / worst for p in predicted.values())
    aim = GENERATIVE_SHARE * float(np.clip((skill / max(best, TINY) - 0.25) / 0.25, 0.0, 1.0))
    if sum(share[name] for name in ours) >= aim:
        return share
    outer = _fit_weights({name: p for name, p in predicted.items() if name not in ours}, codes)
    return {name: aim * inner[name] if name in ours else (1 - aim) * outer[name] for name in predicted}


def _fit_weights(predicted: Mapping[str, Floats], codes: Codes) -> dict[str, float]:
    from scipy.optimize import minimize

    rows = spread_known(codes, next(iter(predicted.values())).shape[1])
    given = np.column_stack([p[rows, codes[rows]] for p in predicted.values()])

    def loss(raw: Floats) -> float:
        return float(-np.log(np.maximum(given @ soften(raw[None, :])[0], 1e-6)).mean())

    best = minimize(loss, np.zeros(given.shape[1]), method="L-BFGS-B", options={"maxiter": 50})
    weights = soften(best.x[None, :])[0]
    weights = np.where(weights >= 0.02, weights, 0.0)  # noqa: PLR2004 (a model that hardly counts is left out)
    return dict(zip(predicted, (weights / weights.sum()).tolist(), strict=True))


def mix(predicted: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Mix predictions in log space by their weights."""
    logs = sum(w * np.log(np.maximum(predicted[n], TINY)) for n, w in weights.items() if w > 0)
    return soften(np.asarray(logs))
