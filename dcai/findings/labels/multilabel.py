"""Labels that are sets of classes: read, predicted class by class out of sample, and judged class by class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical, plain
from dcai.base.parts import order_set, read_parts, write_parts
from dcai.base.records import Scalar
from dcai.findings.labels import models
from dcai.findings.labels.classes import Variant, read_labels
from dcai.findings.wording import describe_mixture, name_some

if TYPE_CHECKING:
    from dcai.findings.evidence import Evidence

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

FEWEST = 2  # rows with and without a class, from which it can be judged
MOST_WRONG = 0.5  # of the memberships of a class; if more were wrong, wrong would be right
BELIEF = 20.0  # rows that what is usual of a class's errors counts as much as
MOST_ODDS = 12.0
LIKELY = 0.5  # a membership is in doubt when it is more likely wrong than right
TINY = 1e-6


@dataclass(frozen=True, eq=False)
class Sets:
    """The label column as sets of classes.

    Attributes
    ----------
    names : tuple of scalars
        The classes: numbers by size, then text by letter.
    member : array of bool, shape (n, K)
        Which classes each row has.
    known : array of int
        The rows that have a set; an empty list is one, an empty cell is not.
    given : array of object, shape (n,)
        The cells as plain scalars.
    cells : sequence
        The cells themselves.
    separator : str or None
        What stands between the classes of a text; None for lists.
    variants : tuple of Variant
        Spellings that were counted as another class's.
    """

    names: tuple[Scalar, ...]
    member: Flags
    known: Rows
    given: npt.NDArray[np.object_]
    cells: Sequence[Any]
    separator: str | None
    variants: tuple[Variant, ...]

    @property
    def codes(self) -> Rows:
        """Membership as codes, shape (n, K): 1 and 0, -1 in rows that have no set."""
        codes = np.full(self.member.shape, -1, dtype=np.intp)
        codes[self.known] = self.member[self.known]
        return codes

    @cached_property
    def judged(self) -> Rows:
        """The classes that enough rows have, and enough have not, to be judged."""
        counts = self.member[self.known].sum(axis=0)
        return np.flatnonzero((counts >= FEWEST) & (len(self.known) - counts >= FEWEST))

    def write(self, row: int, member: Flags) -> Scalar:
        """Write a set as the cell of its row is written."""
        parts = order_set([self.names[k] for k in np.flatnonzero(member)], self.cells[row], self.separator)
        return write_parts(parts, self.given[row], self.separator)


def read_sets(column: pd.Series[Any], separator: str | None, name: str) -> Sets:
    """Read a label column of sets, one class for all spellings of its name.

    Raises
    ------
    InputError
        Where a cell is no list, no cell has a class, or there is one class only.
    """
    given = np.array([plain(v) for v in column] + [None], dtype=object)[:-1]
    cells = [read_parts(v, separator) for v in given]
    odd = [i for i, (v, its) in enumerate(zip(given, cells, strict=True)) if its is None and v is not None]
    odd = [i for i in odd if str(given[i]).strip()]
    if odd:
        raise InputError(
            f"{len(odd)} cells of the label column {name!r} are no lists, for example {name_some([given[i] for i in odd[:2]])}. "
            "Expected a list of classes in each row for task='multilabel': make lists of them, also of a single class."
        )
    rows = np.array([i for i, its in enumerate(cells) if its is not None], dtype=np.intp)
    flat = [(i, part) for i in rows for part in cells[i] or [] if canonical(part) is not None]
    if len({canonical(part) for _, part in flat}) < 2:  # noqa: PLR2004 (a set of one class is yes or no)
        raise InputError(
            f"The label column {name!r} holds {'one class only' if flat else 'no class in any row'}. Expected sets of at least two classes: "
            "name another column, or use task='classification'."
        )
    labels = read_labels(pd.Series([part for _, part in flat], dtype=object), name)
    member = np.zeros((len(cells), len(labels.names)), dtype=np.bool_)
    member[[i for i, _ in flat], labels.codes] = True
    return Sets(labels.names, member, rows, given, list(column), separator, labels.variants)


# ---------------------------------------------------------------- prediction


def predict_sets(evidence: Evidence) -> tuple[Floats, str]:
    """Predict out of sample which classes each row has, shape (n, K); also say by which model."""
    sets = evidence.sets
    folds = _make_folds(evidence)
    codes = sets.codes
    if evidence.settings.model is not None:
        from dcai.findings.labels.prediction import prepare_model

        features, make = prepare_model(evidence, evidence.settings.model)
        found = _one_by_one(evidence, make, features, codes, folds)
        return found, f"model {type(evidence.settings.model).__name__}, one for each class"
    predicted = {name: _as_binary(p) for name, p in _predict_candidates(evidence, codes, folds).items()}
    flat = codes.ravel()
    # All pairs of row and class are one problem of two classes: so the rare classes share what is learnt of the models.
    predicted = {name: models.temper(p, flat) for name, p in predicted.items()}
    predicted["the other classes"] = models.temper(_as_binary(_learn_from_others(evidence, codes, folds)), flat)
    weights = models.weigh(predicted, flat)
    found = models.temper(models.mix(predicted, weights), flat)[:, 1].reshape(codes.shape)
    return found, describe_mixture(weights)


def _make_folds(evidence: Evidence) -> Rows:
    """Deal rows into folds, each spread evenly over the rarest classes that rows have."""
    sets = evidence.sets
    counts = np.where(sets.member, sets.member.sum(axis=0), len(sets.member) + 1)
    rarest = np.where(sets.member.any(axis=1), counts.argmin(axis=1), len(sets.names))
    strata = np.full(len(sets.member), -1, dtype=np.intp)
    strata[sets.known] = rarest[sets.known]
    groups = len(np.unique(evidence.twins[sets.known]))
    if groups < 2:  # noqa: PLR2004 (a row is predicted by others)
        from dcai.findings.evidence import Unmet

        raise Unmet("all labelled rows are equal in their features, so no row can be predicted from others")
    return models.make_folds(
        strata, evidence.twins, min(evidence.settings.folds, groups), evidence.settings.random_state
    )


def _as_binary(p: Floats) -> Floats:
    return np.column_stack([1 - p.ravel(), p.ravel()])


def _predict_candidates(evidence: Evidence, codes: Rows, folds: Rows) -> dict[str, Floats]:
    from sklearn.naive_bayes import ComplementNB

    given = isinstance(evidence.settings.features, np.ndarray)
    features = evidence.features
    has_text = not given and "text" in evidence.roles.values()
    found = {}
    for name, strength in (("logistic regression", 1.0), ("logistic regression, strict", 0.05)):
        make = partial(_make_linear, strength)
        found[name] = _one_by_one(evidence, make, features, codes, folds)
    if has_text:
        found["naive Bayes"] = _one_by_one(evidence, lambda _: ComplementNB(alpha=0.3), evidence.texts, codes, folds)
    if given or set(evidence.roles.values()) != {"text"}:
        found["trees"] = _predict_trees(evidence, codes, folds)
    return found


def _make_linear(strength: float, _rows: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=500)


def _one_by_one(evidence: Evidence, make: Callable[[int], Any], features: Any, codes: Rows, folds: Rows) -> Floats:
    """Predict each class by a model of its own; a class that cannot be judged keeps its share."""
    known = evidence.sets.known
    found = np.tile(codes[known].mean(axis=0), (len(codes), 1))
    for done, k in enumerate(evidence.sets.judged):
        evidence.progress("classes", done, len(evidence.sets.judged))
        found[:, k] = models.predict_out_of_sample(make, features, codes[:, k], folds, 2)[:, 1]
    return found


def _predict_trees(evidence: Evidence, codes: Rows, folds: Rows) -> Floats:
    """Predict all classes by the same trees."""
    from sklearn.ensemble import ExtraTreesRegressor
    from threadpoolctl import threadpool_limits

    features, found = evidence.dense, np.zeros(codes.shape)
    with threadpool_limits(1):
        for fold in np.unique(folds[folds >= 0]):
            train = np.flatnonzero((folds != fold) & (folds >= 0))
            test = np.flatnonzero((folds == fold) | ((folds < 0) & (fold == 0)))
            train = train[np.linspace(0, len(train) - 1, min(len(train), models.TREE_ROWS)).astype(np.intp)]
            trees = ExtraTreesRegressor(150, min_samples_leaf=2, max_features="sqrt", random_state=0, n_jobs=1)
            found[test] = trees.fit(features[train], codes[train].astype(np.float64)).predict(features[test])
    return np.clip(found, 0.0, 1.0)


def _learn_from_others(evidence: Evidence, codes: Rows, folds: Rows) -> Floats:
    """Predict each class from the features and the row's other given classes, shape (n, K): classes go together.

    It sees no first predictions: those of the rows that it learns from were made by models that know the labels which it
    is to predict, and would hand them on.
    """
    features, found = evidence.features, np.tile(codes[evidence.sets.known].mean(axis=0), (len(codes), 1))
    given = np.maximum(codes, 0).astype(np.float64)
    for k in evidence.sets.judged:
        seen = _add_columns(features, np.delete(given, k, axis=1))
        found[:, k] = models.predict_out_of_sample(partial(_make_linear, 1.0), seen, codes[:, k], folds, 2)[:, 1]
    return found


def _add_columns(features: Any, columns: Floats) -> Any:
    from scipy import sparse

    if sparse.issparse(features):
        return sparse.hstack([features, sparse.csr_matrix(columns)], format="csr")
    return np.hstack([features, columns])


# ---------------------------------------------------------------- judgement


@dataclass(frozen=True, eq=False)
class JudgedSets:
    """What is known of each membership: out-of-sample `probabilities`, `doubt` and `flagged`, all of shape (n, K)."""

    probabilities: Floats
    note: str
    doubt: Floats
    flagged: Flags
    estimate: float
    low: float
    high: float

    @cached_property
    def rows(self) -> Floats:
        """The doubt of each row's whole set: the chance that at least one of its memberships is wrong."""
        return np.asarray(1 - np.prod(1 - self.doubt, axis=1))


def judge_sets(evidence: Evidence) -> JudgedSets:
    """Predict the classes of each row, or take the user's probabilities, and judge every membership.

    The noise of each class is estimated by itself.
    """
    if not len(evidence.sets.judged):
        from dcai.findings.evidence import Unmet

        raise Unmet("no class is there in some rows and missing in others, at least two of each")
    if evidence.settings.probabilities is None:
        found, note = predict_sets(evidence)
    else:
        from dcai.findings.labels.part_alignment import align_sets

        found, note = align_sets(evidence)
    codes = evidence.sets.codes
    doubt = judge_classes(found, codes, evidence.sets.judged)
    flagged, estimate = doubt > LIKELY, float(doubt.sum())
    # As for one class a row: half of what is flagged, and all that a calibrated model expects to differ.
    low, high = 0.5 * float(flagged.sum()), float(np.abs(codes - found)[evidence.sets.known].sum())
    return JudgedSets(found, note, doubt, flagged, estimate, min(low, estimate), max(high, estimate))


class Errors(NamedTuple):
    """How often a class is missing in rows that have it, and stands in rows that have it not."""

    forgotten: float = 0.0
    added: float = 0.0


def judge_class(probabilities: Floats, member: Rows, usual: Errors | None = None) -> tuple[Floats, Errors]:
    """Return for each row the probability that its membership in one class is wrong, shape (n,), and the class's errors.

    The chance that a row is given the class is taken to rise with the model's log-odds along a logistic curve that
    need not begin at 0 nor end at 1: what is missing at its ends is how often the class is added to rows that have it
    not, and forgotten in rows that have it. The curve is fitted to the given memberships; without clear signs of
    errors both rates stay near zero, or near the usual ones. Bayes' rule then gives each membership's doubt.

    Parameters
    ----------
    probabilities : array of float, shape (n,)
        Out-of-sample.
    member : array of int, shape (n,)
        1 for rows that were given the class, else 0.
    usual : Errors, optional
        The errors of the other classes, which count as much as a few rows.

    Examples
    --------
    >>> odds = np.linspace(-8, 8, 400)
    >>> held = (odds > 0).astype(int)
    >>> held[380:390] = 0  # forgotten where the model is sure
    >>> doubt, errors = judge_class(1 / (1 + np.exp(-odds)), held)
    >>> np.flatnonzero(doubt > 0.5).tolist() == list(range(380, 390)), round(errors.forgotten, 2)
    (True, 0.05)
    """
    from scipy.optimize import minimize

    p = np.clip(probabilities, TINY, 1 - TINY)
    odds = np.log(p / (1 - p))
    usual = usual or Errors()

    def curve(x: Floats) -> tuple[Floats, Errors]:
        truth = 1 / (1 + np.exp(-np.clip(np.exp(x[0]) * odds + x[1], -MOST_ODDS, MOST_ODDS)))
        return truth, Errors(*(MOST_WRONG / (1 + np.exp(-x[2:4]))).tolist())

    def loss(x: Floats) -> float:
        truth, errors = curve(x)
        given = (1 - errors.forgotten) * truth + errors.added * (1 - truth)
        fit = np.log(np.where(member == 1, given, 1 - given)).sum()
        belief = sum(u * np.log(max(e, TINY)) + (1 - u) * np.log(1 - e) for e, u in zip(errors, usual, strict=True))
        return float(-fit - BELIEF * belief + x[0] ** 2)

    starts = [np.array([0.0, 0.0, -4.0, -4.0]), np.array([0.5, 0.0, -1.0, -3.0]), np.array([0.5, 0.0, -3.0, -1.0])]
    best = min((minimize(loss, x, method="L-BFGS-B") for x in starts), key=lambda found: float(found.fun))
    truth, errors = curve(best.x)
    likely = (1 - errors.forgotten) * truth + errors.added * (1 - truth)
    doubt = np.where(member == 1, errors.added * (1 - truth) / likely, errors.forgotten * truth / (1 - likely))
    return np.asarray(doubt), errors


def judge_classes(probabilities: Floats, codes: Rows, judged: Rows) -> Floats:
    """Return the doubt of every membership, shape (n, K): each class by itself, then with what is usual for all."""
    doubt = np.zeros(codes.shape)
    usual = None
    for _ in range(2):
        wrong = np.zeros((2, 2))
        for k in judged:
            known = codes[:, k] >= 0
            its = codes[known, k]
            doubt[known, k], _errors = judge_class(probabilities[known, k], its, usual)
            lost, put = (float(doubt[known, k][its == c].sum()) for c in (0, 1))
            have = its.sum() + lost - put
            wrong += [[lost, have], [put, len(its) - have]]
        usual = Errors(*(wrong[:, 0] / np.maximum(wrong[:, 1], 1)).tolist())
    return doubt
