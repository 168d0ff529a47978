"""Whether the label still follows from the features as before, and whether more labels are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.fingerprints import canonicals
from dcai.base.table import Table, make_table
from dcai.experiments.batches.divergences import compare_shares
from dcai.experiments.batches.row_shifts import make_judge
from dcai.experiments.batches.trials import Batches, Trial
from dcai.findings.labels.models import default_models, predict_proba, roles_of

Floats = npt.NDArray[np.float64]

SCORE = 0.03  # of accuracy, or of explained variance
RELATION = 0.02  # of the mean loss (nats), or of the variance
QUALITY = 0.02  # of the labels
MOST_ROWS = 4_000  # of each side
AUDITED = 1_500
FEWEST = 60
LEAST = 0.02  # a probability below it costs as much as this one
STRATA = 5
SURE = 0.9


@dataclass(frozen=True, eq=False)
class Halves:
    """One side, dealt: rows that teach, and rows that judge, with their labels as class numbers or floats."""

    taught: pd.DataFrame
    asked: pd.DataFrame
    lessons: npt.NDArray[Any]
    answers: npt.NDArray[Any]
    rows: npt.NDArray[np.intp]  # where the judging rows stand


@dataclass(frozen=True, eq=False)
class Relations:
    """Models of the label, taught by each side, and what each side's other half is to them."""

    sides: tuple[Halves, Halves]
    models: tuple[Any, Any]
    classes: tuple[str, ...]  # none where the label is a number
    strata: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
    roles: dict[str, str]


def learn_relations(batches: Batches, *, numeric: bool) -> Relations | str:
    """Teach a model by each side; the reason where that cannot be done."""
    assert batches.label is not None
    learnt = ("number", "boolean", "category", "text", "date")
    names = [n for n, k in batches.kinds.items() if k in learnt and n != batches.label and n not in batches.hidden]
    frames = [t.frame for t in (batches.reference, batches.current)]
    labels = _read(batches, numeric=numeric)
    known = [np.flatnonzero(there) for _, there in labels]
    if not names or min(map(len, known)) < FEWEST:
        return f"fewer than {FEWEST} labelled rows in one of the two" if names else "no column can be learnt from"
    random = np.random.default_rng(batches.seed)
    size = min(MOST_ROWS, *map(len, known))  # models of as many rows each, or the larger side would win
    picked = [random.permutation(rows)[:size] for rows in known]
    both = pd.concat([f[names].iloc[rows] for f, rows in zip(frames, picked, strict=True)], ignore_index=True)
    table = make_table(both, caller="drift")
    roles = roles_of(table, tuple(names))
    if not roles:
        return "no column can be learnt from"
    sides = tuple(_deal(f[names], values, rows) for f, (values, _), rows in zip(frames, labels, picked, strict=True))
    if not numeric and min(len(np.unique(side.lessons)) for side in sides) < 2:  # noqa: PLR2004 (nothing to tell apart)
        return "one of the two holds one class only"
    models = tuple(_make(table, roles, numeric=numeric).fit(side.taught, side.lessons) for side in sides)
    classes = (
        ()
        if numeric
        else tuple(str(c) for c in np.unique(np.concatenate([s.lessons for s in sides] + [s.answers for s in sides])))
    )
    return Relations((sides[0], sides[1]), (models[0], models[1]), classes, _stratify(sides, roles), roles)


def _read(batches: Batches, *, numeric: bool) -> list[tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]:
    from dcai.findings.features.vectors import to_numbers

    found = []
    for column in batches.columns(str(batches.label)):
        values: npt.NDArray[Any] = to_numbers(column) if numeric else canonicals(column)
        there = ~np.isnan(values) if numeric else np.array([v is not None for v in values], dtype=bool)
        found.append((values, there))
    return found


def _deal(frame: pd.DataFrame, values: npt.NDArray[Any], rows: npt.NDArray[np.intp]) -> Halves:
    first, second = np.array_split(rows, 2)
    kind = values.dtype if values.dtype != object else str
    return Halves(
        frame.iloc[first], frame.iloc[second], values[first].astype(kind), values[second].astype(kind), second
    )


def _make(table: Table, roles: dict[str, str], *, numeric: bool) -> Any:
    """Make the model of the label: the sound default for classes, trees for numbers."""
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.pipeline import make_pipeline

    from dcai.findings.features.vectors import Dense, Vectoriser

    if numeric:
        trees = ExtraTreesRegressor(60, min_samples_leaf=3, random_state=0, n_jobs=1)
        return make_pipeline(Vectoriser(roles), Dense(), trees)
    return default_models(table)["logistic regression"] if "text" in roles.values() else make_judge(roles)


def _stratify(sides: Any, roles: dict[str, str]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Put the judging rows into strata by how much their features look like the current ones.

    Within a stratum both sides have about the same features, so what differs there is the relation of label to features.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from dcai.findings.features.vectors import Vectoriser

    judge = make_pipeline(Vectoriser(roles), LogisticRegression(C=0.1, max_iter=200))
    marks = np.repeat([0, 1], [len(s.taught) for s in sides])
    judge.fit(pd.concat([s.taught for s in sides], ignore_index=True), marks)
    scores = [judge.predict_proba(s.asked)[:, 1] for s in sides]
    edges = np.quantile(np.concatenate(scores), np.linspace(0, 1, STRATA + 1)[1:-1])
    return np.searchsorted(edges, scores[0]), np.searchsorted(edges, scores[1])


# ---------------------------------------------------------------- what the models say


def compare_relation(relations: Relations, left: dict[str, list[str]]) -> Iterator[Trial]:
    """Compare how much better a model of the current rows knows the current labels than one of the reference does.

    The other way round it is the same on the reference's rows: the difference of the two is zero on average where the
    relation is the same, whichever model is the better one. Other shares of the classes change what features say of the
    label, too; so models are tried as they are and with their classes weighed anew, and both must find the difference.
    """
    tried = [_judge_relation(relations, weighed=w) for w in ((False, True) if relations.classes else (False,))]
    known = [found for found in tried if found is not None]
    if not known:
        left["hardly any current row has features like one of the reference's"] = []
        return
    p, effect = max(p for p, _ in known), min(effect for _, effect in known)
    measure = "nats a row" if relations.classes else "of the label's variance"
    yield Trial(
        "concept", None,
        f"The label follows from the features otherwise than before: among rows with like features, a model of the reference loses "
        f"{max(effect, 0.0):.2f} {measure} more than one of the current rows.",
        p, max(effect, 0.0), RELATION, "losses of two models, by strata of like features", measure,
    )  # fmt: skip


def _judge_relation(relations: Relations, *, weighed: bool) -> tuple[float, float] | None:
    """Return p-value and mean difference over the strata; None where they hold too few rows."""
    from scipy import stats

    gains = []
    for place, side in enumerate(relations.sides):
        losses = [_lose(relations, model, place if weighed else None, side) for model in (0, 1)]
        gains.append(losses[0] - losses[1])
    parts = []
    for stratum in range(STRATA):
        its = [g[s == stratum] for g, s in zip(gains, relations.strata, strict=True)]
        if min(map(len, its)) > 4:  # noqa: PLR2004 (a variance needs some rows)
            weight = len(its[0]) * len(its[1]) / (len(its[0]) + len(its[1]))
            error = sum(float(i.var(ddof=1)) / len(i) for i in its)
            parts.append((weight, float(its[1].mean() - its[0].mean()), error))
    if not parts:
        return None
    total = sum(weight for weight, _, _ in parts)
    effect = sum(weight * gap for weight, gap, _ in parts) / total
    spread = np.sqrt(sum(weight**2 * error for weight, _, error in parts)) / total
    freedom = max(1, min(len(g) for g in gains) - STRATA)
    return (float(stats.t.sf(effect / spread, freedom)) if spread > 0 else 1.0), effect


def _lose(relations: Relations, model: int, weighed: int | None, side: Halves) -> Floats:
    """Return the loss of a model on each row, its classes weighed as in the side `weighed` where one is named."""
    if not relations.classes:
        scale = float(np.var(relations.sides[0].lessons)) or 1.0
        return np.asarray(np.minimum((relations.models[model].predict(side.asked) - side.answers) ** 2 / scale, 10.0))
    chance = _predict(relations, relations.models[model], side)
    if weighed is not None and weighed != model:
        chance = chance * _share(relations, weighed) / _share(relations, model)
        chance /= chance.sum(axis=1, keepdims=True)
    places = {c: i for i, c in enumerate(relations.classes)}
    own = chance[np.arange(len(chance)), [places[str(a)] for a in side.answers]]
    return np.asarray(-np.log(np.maximum(own, LEAST)))


def _share(relations: Relations, side: int) -> Floats:
    """Return the shares of the classes among the rows that a side teaches with, none of them zero."""
    counts = np.array([(relations.sides[side].lessons == c).sum() + 0.5 for c in relations.classes])
    return np.asarray(counts / counts.sum())


def _predict(relations: Relations, model: Any, side: Halves) -> Floats:
    found = np.zeros((len(side.asked), len(relations.classes)))
    places = [relations.classes.index(str(c)) for c in model.classes_]
    found[:, places] = predict_proba(model, side.asked)
    return found


def compare_learnt(relations: Relations) -> Iterator[Trial]:
    """Compare how well a model of the reference does on the reference's other rows and on the current ones."""
    from scipy import stats

    if relations.classes:
        right = [_right(relations, side) for side in relations.sides]
        found = compare_shares(int(right[0].sum()), len(right[0]), int(right[1].sum()), len(right[1]))
        drop = float(right[0].mean() - right[1].mean())
        shares = [show_share(float(r.mean())) for r in right]
        text = f"A model of the reference is right in {shares[1]} of the current rows, in {shares[0]} of the reference's that it has not seen."
        yield Trial("performance", None, text, found.p, max(drop, 0.0), SCORE, found.test, "drop of accuracy")
        return
    losses = [_lose(relations, 0, None, side) for side in relations.sides]
    p = float(stats.mannwhitneyu(losses[1], losses[0], alternative="greater", method="asymptotic").pvalue)
    fits = [1 - float(its.mean()) for its in losses]
    text = (
        f"A model of the reference explains {fits[1]:.2f} of the label's variance in the current rows, "
        f"{fits[0]:.2f} in the reference's that it has not seen."
    )
    yield Trial(
        "performance",
        None,
        text,
        p,
        max(fits[0] - fits[1], 0.0),
        SCORE,
        "rank test of losses",
        "drop of explained variance",
    )


def _right(relations: Relations, side: Halves) -> npt.NDArray[np.bool_]:
    chosen = _predict(relations, relations.models[0], side).argmax(axis=1)
    return np.asarray(np.array(relations.classes, dtype=object)[chosen] == side.answers.astype(object))


def compare_quality(batches: Batches, relations: Relations, alpha: float) -> Iterator[Trial]:
    """Compare how many labels a sure model contradicts; where that rose, an audit estimates the wrong labels of both."""
    doubtful = []
    for side in relations.sides:
        chance = _predict(relations, relations.models[0], side)
        sure = (chance.max(axis=1) >= SURE) & (
            np.array(relations.classes, dtype=object)[chance.argmax(axis=1)] != side.answers.astype(object)
        )
        doubtful.append(sure)
    found = compare_shares(int(doubtful[0].sum()), len(doubtful[0]), int(doubtful[1].sum()), len(doubtful[1]))
    shares = [float(d.mean()) for d in doubtful]
    text = (
        f"A model of the reference, where it is {SURE:.0%} sure, contradicts {show_share(shares[1])} of the current labels, "
        f"in the reference {show_share(shares[0])}."
    )
    if found.p <= alpha and shares[1] - shares[0] >= QUALITY:
        told = [_audit(table, relations) for table in (batches.reference, batches.current)]
        text += f" An audit expects {told[1]} of the labels to be wrong, in the reference {told[0]}."
    peers = relations.sides[1].rows[doubtful[1]].tolist()
    yield Trial(
        "label_quality", batches.label, text, found.p, max(shares[1] - shares[0], 0.0), QUALITY, found.test,
        "rise of contradicted labels", peers=peers,
    )  # fmt: skip


def _audit(table: Table, relations: Relations) -> str:
    """Estimate by an audit of some rows what share of labels is wrong."""
    from dcai.findings.report import audit

    some = table.frame[[*relations.roles, str(table.label)]]
    some = some.iloc[np.linspace(0, len(some) - 1, min(len(some), AUDITED)).astype(np.intp)]
    model = default_models(make_table(some, table.label, caller="drift"))["logistic regression"]
    expected = audit(some, table.label, detectors="labels", model=model, progress=False).expected_errors
    if expected is None:
        return "an unknown share"
    return f"{show_share(expected.estimate / len(some))} ({show_share(expected.low / len(some))} to {show_share(expected.high / len(some))})"
