"""Labels that are probably wrong: classes by confident learning, numbers by their residuals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.findings.evidence import Evidence
from dcai.findings.residuals import describe_residuals, judge_residuals
from dcai.findings.shape import Detector, make_findings
from dcai.findings.wording import count

Floats = npt.NDArray[np.float64]
RESIDUAL_DOUBT = 0.5


def find(evidence: Evidence) -> pd.DataFrame:
    """Find labels that contradict out-of-sample predictions."""
    return _find_classes(evidence) if evidence.task == "classification" else _find_numbers(evidence)


def score(evidence: Evidence) -> Floats:
    """Return the doubt of every label."""
    if evidence.task == "classification":
        return evidence.noise.doubt
    return judge_residuals(evidence.targets - evidence.predictions)


def _find_classes(evidence: Evidence) -> pd.DataFrame:
    labels, noise = evidence.labels, evidence.noise
    rows = np.flatnonzero(noise.flagged)
    own = labels.codes[rows]
    others = noise.truth[rows].copy()
    others[np.arange(len(rows)), own] = -1.0
    best = others.argmax(axis=1)
    chance = evidence.probabilities
    names = np.array([*labels.names, None], dtype=object)[:-1]
    reasons = [
        f"A model that has not seen this row says {names[b]!r} ({show_share(chance[r, b])}), not {names[o]!r} ({show_share(chance[r, o])})."
        for r, o, b in zip(rows, own, best, strict=True)
    ]
    return make_findings(
        rows,
        noise.doubt[rows],
        reasons,
        column=evidence.table.label,
        given=labels.given[rows],
        suggested=names[best],
        confidence=np.maximum(others.max(axis=1, initial=0.0), 0.0),
        note=_describe_classes(evidence),
    )


def _describe_classes(evidence: Evidence) -> str:
    labels = evidence.labels
    parts = [f"classification ({_origin(evidence)}), {len(labels.names)} classes, {evidence.model_note}"]
    noise = evidence.noise
    parts.append(
        f"predicts {show_share(noise.agreement)} of the labels out of sample, the commonest class alone would {show_share(noise.commonest)}"
    )
    if noise.weak:
        parts.append("WEAK: the columns say little about this label, so these findings are little more than guesses")
    parts += _count_empty(len(labels.codes) - len(labels.known))
    alone = int((labels.counts == 1).sum())
    if alone:
        parts.append(f"{alone:,} of the classes occur in one row only, which was not judged")
    rare = [(labels.names[i], int(c)) for i, c in enumerate(labels.counts) if 1 < c < evidence.settings.folds]
    if rare:
        some = ", ".join(f"{name!r} ({count})" for name, count in rare[:5])
        has, its = ("class has", "its") if len(rare) == 1 else ("classes have", "their")
        parts.append(f"{len(rare):,} {has} fewer rows than folds, so {its} labels are judged poorly: {some}")
    return "; ".join(parts)


def _find_numbers(evidence: Evidence) -> pd.DataFrame:
    values, predicted = evidence.targets, evidence.predictions
    doubt = judge_residuals(values - predicted)
    rows = np.flatnonzero(doubt > RESIDUAL_DOUBT)
    reasons = [
        f"Without having seen this row, the model predicts {predicted[r]:.4g}; given is {values[r]:.4g}." for r in rows
    ]
    return make_findings(
        rows,
        doubt[rows],
        reasons,
        column=evidence.table.label,
        given=values[rows],
        suggested=predicted[rows],
        confidence=np.nan,
        note=_describe_numbers(evidence),
    )


def _describe_numbers(evidence: Evidence) -> str:
    parts = [f"regression ({_origin(evidence)}), residuals of out-of-sample predictions"]
    parts += _count_empty(int(np.isnan(evidence.targets).sum()))
    return "; ".join(filter(None, [*parts, describe_residuals(evidence.targets - evidence.predictions)]))


def _origin(evidence: Evidence) -> str:
    return "given" if evidence.settings.task else "inferred"


def _count_empty(empty: int) -> list[str]:
    verb = "was" if empty == 1 else "were"
    return [f"{count(empty, 'row', ('has', 'have'))} no label and {verb} not judged"] if empty else []


detector = Detector("labels", find, needs=("task",), score=score)
