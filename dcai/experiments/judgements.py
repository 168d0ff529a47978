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
    from dcai.experiments.row_shifts import make_judge
    from dcai.findings.labels.models import default_models, roles_of
    from dcai.findings.labels.tasks import read_task

    if read_task(table, None).task != "classification":
        return None
    roles = roles_of(table)
    return default_models(table)["logistic regression"] if "text" in roles.values() else make_judge(roles)


def measure_group(inside: Marks, judged: Judged, rows: Marks) -> dict[str, Any]:
    """Measure a group against the other rows; the p-value is the chance that it is as bad by luck."""
    from scipy import stats

    its, others = judged.right[inside & rows], judged.right[~inside & rows]
    n, m = len(its), len(others)
    if not n or not m:
        return {"rows": n, **dict.fromkeys(("accuracy", "low", "high", "elsewhere", "gap", "p"), float("nan"))}
    p = float(stats.hypergeom.cdf(its.sum(), n + m, its.sum() + others.sum(), n))
    low, high = interval(float(its.mean()), n)
    a, b = float(its.mean()), float(others.mean())
    return {"rows": n, "accuracy": a, "low": low, "high": high, "elsewhere": b, "gap": b - a, "p": p}


def choose_positive(judged: Judged, positive: Any) -> str | None:
    """Return the class that fairness is about: the one named, of two classes the rarer one, else none."""
    names, counts = np.unique(judged.given[judged.known].astype(str), return_counts=True)
    if positive is not None:
        named = canonical(positive)
        if named not in names:
            raise InputError.unknown_name("class", positive, names)
        return str(named)
    return str(names[int(np.argmin(counts))]) if len(names) == _TWO else None


def compare_choices(inside: Marks, judged: Judged, positive: str | None) -> dict[str, float]:
    """Return how often a group is predicted as the class, and of its true and other rows how many are."""
    if positive is None:
        return {}
    rows = inside & judged.known
    chosen, true = judged.chosen[rows] == positive, judged.given[rows] == positive
    parts = {"chosen": chosen, "recall": chosen[true], "false_alarms": chosen[~true]}
    return {name: float(part.mean()) if len(part) else float("nan") for name, part in parts.items()}
