"""What a model that has not seen the rows says of each of them, and of groups of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical
from dcai.base.table import Table
from dcai.findings.arguments import check_settings
from dcai.findings.detectors.underperforming_groups import interval
from dcai.findings.evidence import Evidence, Settings, Unmet, make_evidence
from dcai.findings.progress import tell_nobody

Marks = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.intp]
SURE = 0.9
FAR = 0.8  # the share of rows whose error counts as small, where the label is a number
WILD = 3.0  # times the error that still counts as small
_TWO = 2


@dataclass(frozen=True, eq=False)
class Group:
    """Some rows: what selects them, and the columns that this is about (none for a cluster)."""

    said: str
    columns: tuple[str, ...]
    inside: Marks


@dataclass(frozen=True, eq=False)
class Judged:
    """For each row whether the model is right, whether that is known, and whether it is sure of another label.

    `given` and `chosen` are the classes as texts; there are none where the label is a number.
    """

    right: Marks
    known: Marks
    doubtful: Marks
    given: npt.NDArray[Any]
    chosen: npt.NDArray[Any]
    measure: str


def judge_rows(table: Table, model: Any, probabilities: Any, folds: int, seed: int) -> tuple[Judged, Evidence]:
    """Predict every row by a model that has not seen it; what was made of the rows on the way comes back too."""
    if model is None and probabilities is None:
        model = make_default(table)
    settings = check_settings(table, Settings(None, model, None, probabilities, folds, seed))
    evidence = make_evidence(table, settings, tell_nobody)
    try:
        judged = _judge_classes(evidence) if evidence.task == "classification" else _judge_numbers(evidence)
    except Unmet as reason:
        raise InputError(
            f"The label {table.label!r} cannot be judged row by row: {reason}. Expected classes or numbers."
        ) from reason
    back = np.argsort(evidence.positions, kind="stable")
    parts: dict[str, Any] = {name: its[back] for name, its in vars(judged).items() if isinstance(its, np.ndarray)}
    return replace(judged, **parts), evidence


def _judge_classes(evidence: Evidence) -> Judged:
    chance, labels = evidence.probabilities, evidence.labels
    names = np.array([str(n) for n in labels.names], dtype=object)
    best, known = chance.argmax(axis=1), labels.codes >= 0
    right = known & (best == labels.codes)
    given = np.where(known, names[np.maximum(labels.codes, 0)], "")
    doubtful = known & ~right & (chance.max(axis=1) >= SURE)
    return Judged(right, known, doubtful, given, names[best], "accuracy")


def _judge_numbers(evidence: Evidence) -> Judged:
    error = np.abs(evidence.targets - evidence.predictions)
    known = ~np.isnan(error)
    limit = float(np.quantile(error[known], FAR))
    none = np.full(len(error), "", dtype=object)
    said = f"share within {limit:.4g} of the label"
    return Judged(known & (error <= limit), known, known & (error > WILD * limit), none, none, said)


def make_default(table: Table) -> Any:
    """Make random trees where the label is a class, a linear model of words where there are texts; None leaves it to the evidence."""
    from dcai.experiments.batches.row_shifts import make_judge
    from dcai.findings.labels.models import default_models, roles_of
    from dcai.findings.labels.tasks import read_task

    if read_task(table, None).task != "classification":
        return None
    roles = roles_of(table)
    return default_models(table)["logistic regression"] if "text" in roles.values() else make_judge(roles)


def measure_group(inside: Marks, judged: Judged, rows: Marks, bonds: Codes | None = None) -> dict[str, Any]:
    """Measure a group against the other rows; the p-value is the chance that it is as bad by luck.

    `bonds` says which rows belong together: luck then falls on all rows of one number at once, not on each. Where there
    are no other rows, there is nothing to hold the group against.
    """
    its, others = judged.right[inside & rows], judged.right[~inside & rows]
    share, low, high = measure_share(its, None if bonds is None else bonds[inside & rows])
    made = {"rows": len(its), "accuracy": share, "low": low, "high": high}
    if not len(its) or not len(others):
        return made | dict.fromkeys(("elsewhere", "gap", "p"), float("nan"))
    rest = float(others.mean())
    p = find_chance(inside[rows], judged.right[rows], None if bonds is None else bonds[rows])
    return made | {"elsewhere": rest, "gap": rest - share, "p": p}


def measure_share(hits: Marks, bonds: Codes | None = None) -> tuple[float, float, float]:
    """Return the share of hits with its 95 % interval; NaN where there are no rows.

    Examples
    --------
    >>> [round(v, 2) for v in measure_share(np.array([True, False] * 10))]
    [0.5, 0.3, 0.7]
    """
    if not len(hits):
        return (float("nan"),) * 3
    share = float(hits.mean())
    return share, *(interval(share, len(hits)) if bonds is None else _bound(hits, bonds))


def find_chance(inside: Marks, right: Marks, bonds: Codes | None = None) -> float:
    """Return the chance that the rows inside are right as much less often than the others by luck.

    Examples
    --------
    >>> round(find_chance(np.repeat([True, False], 3), np.repeat([False, True], 3)), 3)  # one of 20 ways
    0.05
    """
    from scipy import stats

    if bonds is not None:
        return _find_bonded_chance(inside, right, bonds)
    hits, rows = int(right[inside].sum()), int(inside.sum())
    return float(stats.hypergeom.cdf(hits, len(right), int(right.sum()), rows))


def _find_bonded_chance(inside: Marks, right: Marks, bonds: Codes) -> float:
    """Return the chance that rows are right as much less often than others, where rows that belong together share their luck.

    Residuals are summed within each number first (the cluster-robust variance of Liang & Zeger 1986, with Student's t
    for the fewer numbers of the two sides).
    """
    from scipy import stats

    a, b = float(right[inside].mean()), float(right[~inside].mean())
    parts = np.where(inside, (right - a) / inside.sum(), (b - right) / (~inside).sum())
    sums = np.bincount(bonds, parts)
    numbers = [len(np.unique(bonds[side])) for side in (inside, ~inside)]
    fewest = min(numbers)
    if fewest < _TWO:  # one number on a side: its luck cannot be told from a difference
        return 1.0
    error = float(np.sqrt((sums**2).sum() * fewest / (fewest - 1)))
    if not error:  # all right or all wrong on each side: each number then counts as one row
        return float(stats.hypergeom.cdf(0, sum(numbers), numbers[1], numbers[0])) if a < b else 1.0
    return float(stats.t.sf((b - a) / error, fewest - 1))


def _bound(right: Marks, bonds: Codes) -> tuple[float, float]:
    """Return a 95 % interval of a share, by as many rows as those that belong together are worth."""
    from scipy import stats

    share, rows = float(right.mean()), len(right)
    numbers = len(np.unique(bonds))
    if numbers < _TWO:
        return 0.0, 1.0
    sums = np.bincount(bonds, right - share)
    variance = float((sums**2).sum()) / rows**2 * numbers / (numbers - 1)
    # Where all are right or all wrong nothing spreads: each number then counts as one row.
    worth = min(share * (1 - share) / variance, rows) if variance > 0 else numbers
    # Few numbers tell little of their spread, as Student's t allows for.
    return interval(share, worth * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, numbers - 1)) ** 2)


def choose_positive(judged: Judged, positive: Any) -> str | None:
    """Return the class that fairness is about: the one named, of two classes the rarer one, else none."""
    names, counts = np.unique(judged.given[judged.known].astype(str), return_counts=True)
    if positive is not None:
        named = canonical(positive)
        if named not in names:
            raise InputError.unknown_name("class", positive, names)
        return str(named)
    return str(names[int(np.argmin(counts))]) if len(names) == _TWO else None


def compare_choices(rows: Marks, judged: Judged, positive: str | None, bonds: Codes | None = None) -> dict[str, float]:
    """Return how often rows are predicted as the class, and of the true and the other ones how many, with 95 % intervals."""
    if positive is None:
        return {}
    chosen, true = judged.chosen == positive, judged.given == positive
    made: dict[str, float] = {}
    for name, its in (("chosen", rows), ("recall", rows & true), ("false_alarms", rows & ~true)):
        found = measure_share(chosen[its], None if bonds is None else bonds[its])
        made |= dict(zip((name, f"{name}_low", f"{name}_high"), found, strict=True))
    return made
