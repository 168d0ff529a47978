"""Probabilities that a user brings: proven, by their values, to belong to these rows and classes, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import AlignmentError, shorten
from dcai.base.fingerprints import canonical
from dcai.base.records import Scalar
from dcai.findings.classes import Labels

Floats = npt.NDArray[np.float64]

SUM_TOLERANCE = 0.01
CLEAR_GAIN = 0.05  # another order fits clearly better when it raises the mean probability of the given labels by this
CHANCE_Z = 3.0
ABOUT = 0.02  # two orders fit about as well when they differ by no more
FEW_ROWS = 30  # below this, agreement with the labels cannot be told from chance
_NEXT_STEP = (
    "Make them with cross_val_predict on the very frame that is audited, in its row order, and name the classes."
)


def align_probabilities(given: Any, labels: Labels, index: pd.Index[Any], column: str) -> tuple[Floats, Labels]:
    """Check a user's probabilities and put their columns in the order of the classes.

    Parameters
    ----------
    given : DataFrame, array of shape (n, K), or pair of array and class names
        One column a class. An array without names has the classes in their sorted order.
    labels : Labels
        The given labels.
    index : pandas.Index
        The index of the audited frame, to name the likely mistake; it proves nothing.
    column : str
        The label column, for the messages.

    Returns
    -------
    tuple of array and Labels
        The probabilities, and the labels with any class that only the probabilities know.

    Raises
    ------
    AlignmentError
        Where they do not belong to these rows and classes.
    """
    values, names = _read(given, labels)
    if len(values) != len(labels.codes):
        raise AlignmentError(
            f"The probabilities have {len(values)} rows, the frame has {len(labels.codes)}. {_NEXT_STEP}"
        )
    _check_values(values)
    values, labels = _match_names(values, names, labels, column)
    _check_order(values, labels, given, index)
    _check_agreement(values, labels)
    return values, labels


def _read(given: Any, labels: Labels) -> tuple[Floats, Sequence[Any]]:
    names: Sequence[Any] = labels.names
    if isinstance(given, tuple) and len(given) == 2:  # noqa: PLR2004 (array and names)
        given, names = given[0], list(given[1])
    if isinstance(given, pd.DataFrame):
        names = list(given.columns)
    try:
        values = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AlignmentError(
            f"The probabilities hold values that are no numbers ({shorten(str(error))}). {_NEXT_STEP}"
        ) from error
    if values.ndim == 1:
        values = np.column_stack([1 - values, values])
    if values.ndim != 2 or values.shape[1] != len(names):  # noqa: PLR2004 (rows and classes)
        raise AlignmentError(
            f"The probabilities have the shape {values.shape}, but there are {len(names)} classes: "
            f"{shorten(', '.join(map(str, names)))}. Give a DataFrame with one column for each class, named by the class."
        )
    return values, names


def _check_values(values: Floats) -> None:
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise AlignmentError(
            f"The probabilities are missing or infinite in {int(bad.sum())} rows, first in row {int(np.flatnonzero(bad)[0])}. "
            "Predict every row, or audit only the rows that have probabilities."
        )
    if values.min() < -SUM_TOLERANCE or values.max() > 1 + SUM_TOLERANCE:
        raise AlignmentError(
            f"The probabilities lie in {values.min():.3g} to {values.max():.3g}, not in 0 to 1: are these scores? {_NEXT_STEP}"
        )
    sums = values.sum(axis=1)
    off = np.abs(sums - 1) > SUM_TOLERANCE
    if off.any():
        first = int(np.flatnonzero(off)[0])
        raise AlignmentError(
            f"The probabilities of {int(off.sum())} rows do not sum to 1; those of row {first} sum to {sums[first]:.3g}. "
            "Give one column for each class, each row summing to 1."
        )


def _match_names(values: Floats, names: Sequence[Any], labels: Labels, column: str) -> tuple[Floats, Labels]:
    marks = [canonical(n) for n in names]
    if len(set(marks)) < len(marks):
        raise AlignmentError(
            f"The probabilities name a class twice: {shorten(', '.join(map(str, names)))}. Each class needs one column."
        )
    known = {canonical(n): i for i, n in enumerate(labels.names)}
    lost = [labels.names[i] for mark, i in known.items() if mark not in marks]
    if lost:
        raise AlignmentError(
            f"The classes {shorten(', '.join(map(repr, lost)))} stand in {column!r} but have no column of probabilities. "
            f"There are columns for {shorten(', '.join(repr(str(n)) for n in names))}. Name the columns by the classes as they stand in the frame."
        )
    extra = [i for i, mark in enumerate(marks) if mark not in known]
    order = [marks.index(canonical(n)) for n in labels.names] + extra
    more: tuple[Scalar, ...] = tuple(
        n if isinstance(n, (str, int, float, bool)) else str(n) for n in (names[i] for i in extra)
    )
    sums = values.sum(axis=1, keepdims=True)
    whole = Labels(labels.names + more, labels.codes, labels.given, labels.variants)
    return np.clip(values / sums, 0.0, 1.0)[:, order], whole


def _check_order(values: Floats, labels: Labels, given: Any, index: pd.Index[Any]) -> None:
    """Refuse rows or columns that fit the labels clearly better in another order; the likeliest mistake is named."""
    rows, codes = labels.known, labels.codes
    if len(rows) < FEW_ROWS:
        return
    got = float(values[rows, codes[rows]].mean())
    places = np.arange(len(values))
    others = {
        "in reverse": places[::-1],
        "shifted up by a row": np.roll(places, 1),
        "shifted down by a row": np.roll(places, -1),
    }
    tried = [_try_rows(values, labels, how, order) for how, order in _orders_of_index(given, index).items()]
    tried += [_try_columns(values, labels)]
    tried += [_try_rows(values, labels, how, order) for how, order in others.items()]
    best = max(fit for fit, _ in tried)
    if best > got + CLEAR_GAIN:
        # Of orders that fit about as well, the first one listed is the likeliest mistake.
        fit, what = next(t for t in tried if t[0] > best - ABOUT)
        raise AlignmentError(
            f"{what} As given, the labels have a mean probability of {got:.2f}, in the better order {fit:.2f}. {_NEXT_STEP}"
        )


def _try_columns(values: Floats, labels: Labels) -> tuple[float, str]:
    from scipy.optimize import linear_sum_assignment

    size = values.shape[1]
    fit = np.zeros((size, size))
    np.add.at(fit, labels.codes[labels.known], values[labels.known])
    fit /= len(labels.known)
    _, best = linear_sum_assignment(-fit)
    moved = [i for i in range(size) if best[i] != i]
    pairs = ", ".join(f"{labels.names[i]!r} fits the column named {labels.names[best[i]]!r}" for i in moved[:4])
    return float(
        fit[np.arange(size), best].sum()
    ), f"The columns of the probabilities seem to be in another order: {pairs}."


def _try_rows(values: Floats, labels: Labels, how: str, order: npt.NDArray[np.intp]) -> tuple[float, str]:
    fit = float(values[order][labels.known, labels.codes[labels.known]].mean())
    return fit, f"The rows of the probabilities seem to be in another order: {how}."


def _orders_of_index(given: Any, index: pd.Index[Any]) -> dict[str, npt.NDArray[np.intp]]:
    """List the orders that the indices of both suggest: the probabilities' own, or that of the sorted frame."""
    orders = {}
    own = given.index if isinstance(given, pd.DataFrame) else None
    if own is not None and own.is_unique and index.is_unique and not own.equals(index):
        there = own.get_indexer(index)
        if (there >= 0).all():
            orders["ordered by their index"] = there
    if (
        index.is_unique
        and not index.is_monotonic_increasing
        and index.inferred_type in ("integer", "string", "datetime64")
    ):
        orders["ordered by the sorted index of the frame"] = np.argsort(np.argsort(index, kind="stable"), kind="stable")
    return orders


def _check_agreement(values: Floats, labels: Labels) -> None:
    """Refuse probabilities that agree with the labels no better than chance."""
    rows, codes = labels.known, labels.codes
    got = values[rows, codes[rows]]
    share = np.bincount(codes[rows], minlength=values.shape[1]) / len(rows)
    by_chance = values[rows] @ share
    spread = (got - by_chance).std() / np.sqrt(len(rows))
    if len(rows) >= FEW_ROWS and (got - by_chance).mean() < CHANCE_Z * max(spread, 1e-9):
        raise AlignmentError(
            f"The probabilities agree with the labels no better than chance (mean probability of the given label {got.mean():.2f}, "
            f"by chance {by_chance.mean():.2f}): they seem to belong to other rows, or the model learnt nothing. {_NEXT_STEP}"
        )
