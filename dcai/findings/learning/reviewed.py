"""Reviewed labels: what they say about the doubts, the findings and the number of wrong labels among all others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.findings.labels.classes import mark_class, read_labels
from dcai.findings.labels.estimates import ErrorEstimate, estimate_errors
from dcai.findings.labels.noise import estimate_noise
from dcai.findings.learning.verdicts import CHANGES, split_cells
from dcai.findings.report import Audit

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

SHIFT_SPREAD = 0.5  # of the log-odds, by which doubts may be expected to be off before any review
MOST_SHIFT = 1.0
_TINY = 1e-12


def settle_labels(audit: Audit, base: Audit, settled: pd.DataFrame) -> Audit:
    """Settle reviewed labels, and correct the doubts of the others by what the review showed of doubts like theirs.

    Parameters
    ----------
    audit : Audit
        Trained anew, with the reviewed labels as the truth.
    base : Audit
        As it was before any review: what it doubted is compared with the verdicts, for the models of the new one know
        them already.
    settled : pandas.DataFrame
        The verdicts.

    Returns
    -------
    Audit
        The doubt of a reviewed label is 1 or 0. Doubts as large as reviewed ones are shifted, little and in their
        order. No more labels stay in the findings than the base had open and the review found that it had missed.
        `expected_errors` counts wrong labels among those that nobody has reviewed.
    """
    rows, truth = _read_truth(base, settled)
    doubt = audit.scores["labels"].to_numpy(dtype=np.float64).copy()
    before = base.scores["labels"].to_numpy(dtype=np.float64)
    gone = np.zeros(len(doubt), dtype=np.bool_)
    gone[rows] = True
    gone[settled["row"][settled["verdict"] == "exclude"].to_numpy(dtype=np.intp)] = True
    moved = _recalibrate(doubt, before[rows], truth)
    still = _own(base)["row"].to_numpy(dtype=np.intp)
    still = still[~gone[still]]
    # Where the review found flags wrong, doubts fell, and as many fewer are worth a look.
    room = int(np.ceil(len(still) * min(1.0, np.nansum(moved[still]) / max(np.nansum(doubt[still]), _TINY))))
    missed = set(rows[truth > 0].tolist()) - set(_own(base)["row"])
    # What was taken out makes what is left no more doubtful in all, unless the review found more than was doubted.
    moved[~gone] = _hold_down(moved[~gone], float(np.nansum(before[~gone])) + len(missed))
    moved[rows] = truth
    findings = _keep_findings(audit, base, moved, gone, room + len(missed))
    scores = audit.scores.assign(labels=moved.astype(np.float32))
    expected = _recount(audit, base, truth, rows, gone)
    return replace(audit, findings=findings, scores=scores, expected_errors=expected)


def _read_truth(base: Audit, settled: pd.DataFrame) -> tuple[Rows, Floats]:
    """Return the rows whose given label was reviewed, and 1 for each that was wrong."""
    label = str(base.label)
    wrong, right = split_cells(base.table, settled)
    given = base.table.frame[label]
    # An empty label that was filled in says nothing about the labels that were given.
    cells = [(r, c) for r, c in wrong | right if c == label and mark_class(given.iloc[r]) is not None]
    rows = np.array(sorted(r for r, _ in cells), dtype=np.intp)
    truth = np.array([float((int(r), label) in wrong) for r in rows])
    changed = settled[(settled["column"] == label) & settled["verdict"].isin(CHANGES)]
    for row, value in zip(changed["row"], changed["value"], strict=True):
        # A "correction" to the given value says that it was right.
        if mark_class(given.iloc[int(row)]) == mark_class(value):
            truth[rows == int(row)] = 0.0
    return rows, truth


def _recalibrate(doubt: Floats, seen: Floats, truth: Floats) -> Floats:
    """Shift doubts as the verdicts about others ask for.

    Where verdicts find less wrong than was doubted, lesser doubts are too large as well: upwards, what was seen speaks
    for doubts as large as those alone.
    """
    seen, truth = seen[~np.isnan(seen)], truth[~np.isnan(seen)]
    by = fit_shift(seen, truth) if len(seen) else 0.0
    if by <= 0:
        return np.where(doubt > 0, shift(doubt, by), doubt)
    like = (doubt >= seen.min()) & (doubt <= seen.max())
    return np.where(like, np.minimum(shift(doubt, by), seen.max()), doubt)


def _expect_left(doubt: Floats, seen: Floats, truth: Floats) -> Floats:
    """Shift doubts to what the verdicts let expect: those unlike the reviewed ones by half as much downwards, never upwards."""
    seen, truth = seen[~np.isnan(seen)], truth[~np.isnan(seen)]
    if not len(seen):
        return doubt
    by = fit_shift(seen, truth)
    like = (doubt >= seen.min()) & (doubt <= seen.max())
    return np.where(doubt > 0, shift(doubt, np.where(like, by, min(by / 2, 0.0))), doubt)


def _own(audit: Audit) -> pd.DataFrame:
    found = audit.findings
    return found[(found["detector"] == "labels") & (found["row"] >= 0)]


def _keep_findings(audit: Audit, base: Audit, moved: Floats, gone: npt.NDArray[np.bool_], room: int) -> pd.DataFrame:
    """Choose among the labels found anew and those found before, the most doubtful first: no more than were open."""
    from dcai.findings.running import rank_findings

    found = audit.findings
    mine = found.index.isin(_own(audit).index)
    fresh, old = found[mine], _own(base)
    old = old[~gone[old["row"].to_numpy(dtype=np.intp)]]
    # One that the new model agrees with is none any more.
    stays = old[_contradict(audit, old) & ~old["row"].isin(fresh["row"]).to_numpy(dtype=bool)]
    own = pd.concat([part for part in (fresh, stays) if len(part)]) if len(fresh) or len(stays) else fresh
    rows = own["row"].to_numpy(dtype=np.intp)
    own = rank_findings(own.assign(doubt=moved[rows]))
    kept = own.head(room)
    parts = [part for part in (found[~mine], kept) if len(part)]
    return rank_findings(pd.concat(parts, ignore_index=True) if parts else found[:0])


def _contradict(audit: Audit, found: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Say which findings' given classes are not the ones that the model of the new audit predicts."""
    if audit.task != "classification" or audit.probabilities is None:
        return np.zeros(len(found), dtype=np.bool_)
    names = [mark_class(name) for name in audit.probabilities.columns]
    best = audit.probabilities.to_numpy(dtype=np.float64)[found["row"].to_numpy(dtype=np.intp)].argmax(axis=1)
    return np.array([names[b] != mark_class(g) for b, g in zip(best, found["given"], strict=True)], dtype=np.bool_)


def _hold_down(doubt: Floats, most: float) -> Floats:
    """Lower doubts, all by the same shift of their log-odds, until their sum is no larger than it may be."""
    if np.nansum(doubt) <= most:
        return doubt
    low, high = -20.0, 0.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if np.nansum(shift(doubt, middle)) > most else (middle, high)
    return np.where(doubt > 0, shift(doubt, low), doubt)


def fit_shift(doubt: Floats, truth: Floats) -> float:
    """Find the shift of the log-odds that fits the verdicts, held near zero: who reviews chooses what to look at."""
    known = ~np.isnan(doubt)
    if not known.any():
        return 0.0
    tried = np.linspace(-MOST_SHIFT, MOST_SHIFT, 81)
    fit = [
        float((truth[known] * np.log(p) + (1 - truth[known]) * np.log(1 - p)).sum()) - (by / SHIFT_SPREAD) ** 2 / 2
        for by in tried
        for p in [np.clip(shift(doubt[known], by), 1e-6, 1 - 1e-6)]
    ]
    return float(tried[int(np.argmax(fit))])


def shift(doubt: Floats, by: float | Floats) -> Floats:
    """Shift the log-odds of doubts."""
    odds = np.clip(doubt, 1e-9, 1 - 1e-9)
    return np.asarray(1 / (1 + (1 - odds) / odds * np.exp(-by)))


def _recount(audit: Audit, base: Audit, truth: Floats, rows: Rows, gone: npt.NDArray[np.bool_]) -> ErrorEstimate | None:
    """Estimate how many labels are wrong among those that nobody has reviewed."""
    before = base.expected_errors
    if before is None:
        return None
    doubt = base.scores["labels"].to_numpy(dtype=np.float64)
    # A model that was taught the corrections sees less noise than there was: how much is left, the first one knows.
    share = float(np.nansum(_expect_left(doubt, doubt[rows], truth)[~gone])) / max(float(np.nansum(doubt)), _TINY)
    left = ErrorEstimate(*(min(1.0, share) * v for v in before))
    if audit.task == "classification" and audit.probabilities is not None:
        left = _count_open(audit, left.estimate, gone)
    # What was found is not there to be found again.
    high = min(left.high, max(before.high - float(truth.sum()), 0.0))
    return ErrorEstimate(min(left.estimate, high), min(left.low, high), high)


def _count_open(audit: Audit, estimate: float, gone: npt.NDArray[np.bool_]) -> ErrorEstimate:
    """Find the range of the number of wrong labels among rows that are open, as the new model sees them."""
    assert audit.probabilities is not None
    labels = read_labels(audit.table.frame[str(audit.label)], str(audit.label))
    place = {mark_class(name): i for i, name in enumerate(audit.probabilities.columns)}
    into = np.array([*(place.get(mark_class(name), -1) for name in labels.names), -1], dtype=np.intp)
    codes = np.where(gone, -1, into[labels.codes])
    if not (codes >= 0).any():
        return ErrorEstimate(0.0, 0.0, 0.0)
    chances = audit.probabilities.to_numpy(dtype=np.float64)
    noise = estimate_noise(chances, codes)
    range_ = estimate_errors(chances, codes, noise.doubt, weak=noise.weak, evidence=noise.evidence)
    return ErrorEstimate(max(estimate, range_.low), range_.low, max(estimate, range_.high))


def settle_tags(audit: Audit, settled: pd.DataFrame) -> Audit:
    """Set the doubt of rows whose tags were reviewed: 1 where one was changed, else that of the worst tag that is still open."""
    about = settled[settled["column"] == audit.label]
    changed = set(about.loc[about["verdict"].isin(CHANGES), "row"].astype(int))
    left = audit.findings[(audit.findings["detector"] == "labels")].groupby("row")["doubt"].max()
    scores = audit.scores.copy()
    doubt = scores["labels"].to_numpy(dtype=np.float32).copy()
    for row in set(about["row"].astype(int)) | set(settled.loc[settled["column"].isna(), "row"].astype(int)):
        doubt[row] = 1.0 if row in changed else float(left.get(row, 0.0))
    scores["labels"] = doubt
    return replace(audit, scores=scores)
