"""Rows without a label: what the label may be, by models that learnt from the labelled rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.fingerprints import plain
from dcai.base.records import Scalar
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import make_findings
from dcai.findings.wording import count

Floats = npt.NDArray[np.float64]

_MOST_DOUBT = 0.65  # an empty cell is no wrong one
_SKILL = 1.0  # so many errors are added to those that were counted


def find_unlabelled(evidence: Evidence, empty: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """List the rows without a label, with the likeliest one, the surest first.

    The user named the column, so a value is expected in each of its rows. Where most are labelled an empty one is
    more remarkable than where few are: the doubt is the share of labelled rows (at most .65) times the confidence.

    Parameters
    ----------
    evidence : Evidence
        With a label column.
    empty : array of bool, shape (n,)
        Which rows have no label.

    Returns
    -------
    pandas.DataFrame
        As of a detector. ``suggested`` is None where no model could be trained.
    """
    rows, name = np.flatnonzero(empty), str(evidence.table.label)
    expected = min(1 - float(empty.mean()), _MOST_DOUBT)
    start = f"It has no label; {name!r} has one in {show_share(1 - float(empty.mean()))} of the rows."
    if not len(rows) or expected <= 0:
        return make_findings([], [], [])
    try:
        return _suggest(evidence, rows, expected, start)
    except Unmet as unmet:
        note = f"no label is suggested for {count(len(rows), 'unlabelled row')}: {unmet}"
        return make_findings(rows, expected / 2, start, column=name, given=_show_cells(evidence, rows), note=note)


def _suggest(evidence: Evidence, rows: npt.NDArray[np.intp], expected: float, start: str) -> pd.DataFrame:
    name, given = str(evidence.table.label), _show_cells(evidence, rows)
    if evidence.task == "regression":
        predicted = evidence.predictions[rows]
        reasons = [f"{start} A model predicts {value:.4g}." for value in predicted]
        note = f"{count(len(rows), 'unlabelled row')}, with what a model predicts"
        return make_findings(rows, expected / 2, reasons, column=name, given=given, suggested=predicted, note=note)
    if evidence.task != "classification":
        raise Unmet(f"its label is of the kind {evidence.task}")
    chances, known = evidence.probabilities, evidence.labels.known
    best = chances[rows].argmax(axis=1)
    codes = evidence.labels.codes[known]
    right = calibrate_confidence(chances[known].max(axis=1), chances[known].argmax(axis=1) == codes)
    sure = right(chances[rows].max(axis=1))
    names = np.array([*evidence.labels.names, None], dtype=object)
    reasons = [
        f"{start} A model says {names[b]!r}; where it is as sure, {show_share(s)} of the given labels agree."
        for b, s in zip(best, sure, strict=True)
    ]
    note = f"{count(len(rows), 'unlabelled row')}, the labels suggested by {evidence.model_note}"
    return make_findings(
        rows, expected * sure, reasons, column=name, given=given, suggested=names[best], confidence=sure, note=note
    )


def _show_cells(evidence: Evidence, rows: npt.NDArray[np.intp]) -> list[Scalar]:
    """Show what stands in the cells without a label: nothing, or a word for it."""
    cells = map(plain, evidence.table.frame[str(evidence.table.label)].iloc[rows])
    return [cell if isinstance(cell, str) and cell.strip() else None for cell in cells]


class Curve:
    """The share of right answers by how sure they are said to be; a step function that never falls."""

    def __init__(self, sure: Floats, right: Floats) -> None:
        self.sure, self.right = sure, right

    def __call__(self, sure: Floats) -> Floats:
        """Return the share for each of these."""
        return np.asarray(np.interp(sure, self.sure, self.right))


def calibrate_confidence(sure: Floats, right: npt.NDArray[np.bool_]) -> Curve:
    """Learn how often a prediction is right that is so sure, from rows that the model had not seen.

    Groups of rows as sure as each other give the share of right ones, with one error more than was counted; the shares
    are made to rise with the sureness.

    Parameters
    ----------
    sure : array of float, shape (n,)
        The probability of the predicted class.
    right : array of bool, shape (n,)
        Whether the given label is that class.

    Returns
    -------
    Curve
        A function of `sure`.

    Examples
    --------
    >>> curve = calibrate_confidence(np.linspace(0, 1, 1000), np.arange(1000) > 500)
    >>> curve(np.array([0.1, 0.9])).round(1).tolist()
    [0.0, 1.0]
    """
    from sklearn.isotonic import IsotonicRegression

    size = max(1, min(20, len(sure) // 100))
    order = np.argsort(sure, kind="stable")
    parts = np.array_split(order, size)
    middle = np.array([sure[part].mean() for part in parts])
    share = np.array([right[part].sum() / (len(part) + _SKILL) for part in parts])
    rising = IsotonicRegression().fit(middle, share, np.array([len(p) for p in parts])).predict(middle)
    return Curve(middle, np.asarray(rising, dtype=np.float64))
