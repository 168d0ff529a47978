"""Labels that are probably wrong: classes by confident learning, numbers by their residuals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.findings.evidence import Evidence
from dcai.findings.shape import Detector, make_findings

Floats = npt.NDArray[np.float64]
RESIDUAL_DOUBT = 0.5


def find(evidence: Evidence) -> pd.DataFrame:
    """Find labels that contradict out-of-sample predictions."""
    return _find_classes(evidence) if evidence.task == "classification" else _find_numbers(evidence)


def score(evidence: Evidence) -> Floats:
    """Return the doubt of every label."""
    if evidence.task == "classification":
        return evidence.noise.doubt
    return _judge_residuals(evidence.targets - evidence.predictions)


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
    known = "given" if evidence.settings.task else "inferred"
    parts = [f"classification ({known}), {len(labels.names)} classes, {evidence.model_note}"]
    empty = len(labels.codes) - len(labels.known)
    if empty:
        parts.append(f"{empty} rows have no label and were not judged")
    rare = [(labels.names[i], int(c)) for i, c in enumerate(labels.counts) if 0 < c < evidence.settings.folds]
    if rare:
        some = ", ".join(f"{name!r} ({count})" for name, count in rare[:5])
        parts.append(f"{len(rare)} classes have fewer rows than folds, so their labels are judged poorly: {some}")
    return "; ".join(parts)


def _find_numbers(evidence: Evidence) -> pd.DataFrame:
    values, predicted = evidence.targets, evidence.predictions
    doubt = _judge_residuals(values - predicted)
    rows = np.flatnonzero(doubt > RESIDUAL_DOUBT)
    reasons = [
        f"Without having seen this row, the model predicts {predicted[r]:.4g}; given is {values[r]:.4g}." for r in rows
    ]
    known = "given" if evidence.settings.task else "inferred"
    return make_findings(
        rows,
        doubt[rows],
        reasons,
        column=evidence.table.label,
        given=values[rows],
        suggested=predicted[rows],
        confidence=np.nan,
        note=f"regression ({known}), residuals of out-of-sample predictions",
    )


def _judge_residuals(residuals: Floats) -> Floats:
    """Turn residuals into the probability that each is none of the usual ones, shape (n,).

    The usual ones are taken to follow Student's t with 4 degrees of freedom, scaled to the middle half. Where more
    rows lie beyond a residual than that predicts, the surplus is the share of wrong ones among them.
    """
    from scipy import stats

    known = np.flatnonzero(~np.isnan(residuals))
    doubt = np.zeros(len(residuals))
    usual = stats.t(4)
    size = np.abs(residuals[known] - np.median(residuals[known]))
    middle = np.median(size)
    if middle == 0:
        return doubt
    far = size / (middle / usual.ppf(0.75))
    order = np.argsort(-far, kind="stable")
    expected = len(known) * 2 * usual.sf(far[order])
    share = np.clip(1 - expected / np.arange(1, len(known) + 1), 0.0, 1.0)
    # The doubt never rises towards smaller residuals.
    doubt[known[order]] = np.minimum.accumulate(share)
    return doubt


detector = Detector("labels", find, needs=("task",), score=score)
