"""Probabilities that a user brings: proven, by their values, to belong to these rows and classes, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import AlignmentError, shorten
from dcai.base.records import Scalar
from dcai.findings.labels.agreement import compare_stretches
from dcai.findings.labels.classes import Labels, mark_class
from dcai.findings.wording import count, name_some

Floats = npt.NDArray[np.float64]

SUM_TOLERANCE = 0.01
CLEAR_GAIN = 0.05  # another order fits clearly better when it raises the mean probability of the given labels by this
CHANCE_Z = 3.0
TOLD = 0.8  # of the rows must stand where a wrong order would show
ABOUT = 0.02  # two orders fit about as well when they differ by no more
FEW_ROWS = 30  # below this, agreement with the labels cannot be told from chance; another order must fit better
FEW_LEVEL = 0.001  # with this little chance of doing so by luck,
LEAST_SPREAD = 0.2  # even if the few rows at hand happen to agree this well
_NEXT_STEP = (
    "Make them with cross_val_predict on the very frame that is audited, in its row order, and name the classes."
)


class Aligned(NamedTuple):
    """Probabilities in the order of the classes `names`, and the sentence that says what was proven about them."""

    probabilities: Floats
    names: tuple[Scalar, ...]
    note: str


class _Order(NamedTuple):
    """Another order that was tried: the probabilities of the labels in it, those by chance, and what it would mean."""

    fit: Floats
    chance: Floats
    what: str


def align_probabilities(given: Any, labels: Labels, index: pd.Index[Any], column: str) -> Aligned:
    """Check a user's probabilities and put their columns in the order of the classes.

    Parameters
    ----------
    given : DataFrame, array of shape (n, K), or pair of array and class names
        One column a class. An array without names has the classes in sorted order; numbers written as text are sorted
        by number or as text, whichever fits the labels clearly better.
    labels : Labels
        The given labels.
    index : pandas.Index
        The index of the audited frame, to name the likely mistake; it proves nothing.
    column : str
        The label column, for the messages.

    Returns
    -------
    Aligned
        The names hold any class that only the probabilities know, too.

    Raises
    ------
    AlignmentError
        Where they do not belong to these rows and classes.
    """
    values, named = _read(given, labels)
    if len(values) != len(labels.codes):
        raise AlignmentError(
            f"The probabilities have {len(values)} rows, the frame has {len(labels.codes)}. {_NEXT_STEP}"
        )
    _check_values(values)
    names = _choose_names(values, labels) if named is None else named
    values, labels = _match_names(values, names, labels, column)
    _check_order(values, labels, given, index)
    _check_agreement(values, labels)
    proof = _check_stretches(values, labels)
    order = f", unnamed columns read as {name_some(names)}" if named is None else ""
    return Aligned(values, labels.names, f"probabilities as given, {proof}{order}")


def _read(given: Any, labels: Labels) -> tuple[Floats, Sequence[Any] | None]:
    """Return the values and the names of their columns, None where they have none."""
    names: Sequence[Any] | None = None
    if isinstance(given, tuple) and len(given) == 2:  # noqa: PLR2004 (array and names)
        given, names = given[0], list(given[1])
    try:
        given = _to_plain(given)
        if isinstance(given, pd.DataFrame):
            names = list(given.columns)
        values = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AlignmentError(
            f"The probabilities hold values that are no numbers ({shorten(str(error))}). {_NEXT_STEP}"
        ) from error
    if values.ndim == 1:
        values = np.column_stack([1 - values, values])
    known = labels.names if names is None else names
    if values.ndim != 2 or values.shape[1] != len(known):  # noqa: PLR2004 (rows and classes)
        raise AlignmentError(
            f"The probabilities have the shape {values.shape}, but there are {len(known)} classes: "
            f"{shorten(', '.join(map(str, known)))}. Give a DataFrame with one column for each class, named by the class."
        )
    return values, names


def _to_plain(given: Any) -> Any:
    """Take tables of other libraries with their names, series by class, and sparse matrices."""
    if isinstance(given, (pd.DataFrame, pd.Series, np.ndarray, list)):
        return given
    if isinstance(given, Mapping):
        return pd.DataFrame(given)
    if hasattr(given, "toarray"):
        return given.toarray()
    import narwhals as nw

    native = nw.from_native(given, pass_through=True)
    return native.to_pandas() if isinstance(native, nw.DataFrame) else given


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


def _choose_names(values: Floats, labels: Labels) -> Sequence[Any]:
    """Name unnamed columns: scikit-learn sorts numbers that are written as text as text, people by number."""
    by_number = labels.names
    by_text = tuple(sorted(by_number)) if all(isinstance(n, str) for n in by_number) else by_number  # type: ignore[type-var]  # all are text
    if by_text == by_number:
        return by_number
    rows, codes = labels.known, labels.codes
    place = np.array([by_text.index(name) for name in by_number], dtype=np.intp)
    as_number, as_text = values[rows, codes[rows]], values[rows, place[codes[rows]]]
    if _fits_better(as_text, as_number):
        return by_text
    if _fits_better(as_number, as_text):
        return by_number
    raise AlignmentError(
        "The probabilities have no class names, and the classes are numbers written as text: sorted by number "
        f"({name_some(by_number)}) and sorted as text ({name_some(by_text)}) are different orders, and the labels fit "
        "both about as well. Give a DataFrame with one column for each class, or the pair (array, model.classes_)."
    )


def _match_names(values: Floats, names: Sequence[Any], labels: Labels, column: str) -> tuple[Floats, Labels]:
    marks = [mark_class(n) for n in names]
    if len(set(marks)) < len(marks):
        raise AlignmentError(
            f"The probabilities name a class twice: {shorten(', '.join(map(str, names)))}. Each class needs one column."
        )
    known = {mark_class(n): i for i, n in enumerate(labels.names)}
    lost = [labels.names[i] for mark, i in known.items() if mark not in marks]
    if lost:
        raise AlignmentError(
            f"The classes {shorten(', '.join(map(repr, lost)))} stand in {column!r} but have no column of probabilities. "
            f"There are columns for {shorten(', '.join(repr(str(n)) for n in names))}. Name the columns by the classes as they stand in the frame."
        )
    extra = [i for i, mark in enumerate(marks) if mark not in known]
    place = {mark: i for i, mark in enumerate(marks)}
    order = [place[mark] for mark in known] + extra
    more: tuple[Scalar, ...] = tuple(
        n if isinstance(n, (str, int, float, bool)) else str(n) for n in (names[i] for i in extra)
    )
    sums = values.sum(axis=1, keepdims=True)
    whole = Labels(labels.names + more, labels.codes, labels.given, labels.variants)
    return np.clip(values / sums, 0.0, 1.0)[:, order], whole


def _check_order(values: Floats, labels: Labels, given: Any, index: pd.Index[Any]) -> None:
    """Refuse rows or columns that fit the labels clearly better in another order; the likeliest mistake is named."""
    rows, codes = labels.known, labels.codes
    got = values[rows, codes[rows]]
    places = np.arange(len(values))
    others = {
        "in reverse": places[::-1],
        "shifted up by a row": np.roll(places, 1),
        "shifted down by a row": np.roll(places, -1),
    }
    tried = [_try_rows(values, labels, how, order) for how, order in _orders_of_index(given, index).items()]
    tried += [_try_columns(values, labels)]
    tried += [_try_rows(values, labels, how, order) for how, order in others.items()]
    # An order that agrees with the labels by chance only explains nothing: the rows are other ones then.
    tried = [t for t in tried if len(rows) < FEW_ROWS or _beats_chance(t.fit, t.chance)]
    best = max((t.fit for t in tried), key=lambda fit: float(fit.mean()), default=got)
    if _fits_better(best, got):
        # Of orders that fit about as well, the first one listed is the likeliest mistake.
        fit, _, what = next(t for t in tried if t.fit.mean() > best.mean() - ABOUT)
        raise AlignmentError(
            f"{what} As given, the labels have a mean probability of {got.mean():.2f}, in the better order {fit.mean():.2f}. {_NEXT_STEP}"
        )


def _fits_better(one: Floats, other: Floats) -> bool:
    """Say whether the labels have clearly higher probabilities in one order than in another; few rows must agree more."""
    gain = one - other
    if gain.mean() <= CLEAR_GAIN or len(gain) >= FEW_ROWS:
        return bool(gain.mean() > CLEAR_GAIN)
    from scipy import stats

    spread = max(float(gain.std(ddof=1)), LEAST_SPREAD) / np.sqrt(len(gain))
    return bool(stats.t.sf(gain.mean() / spread, len(gain) - 1) < FEW_LEVEL)


def _beats_chance(fit: Floats, chance: Floats) -> bool:
    """Say whether the labels have clearly higher probabilities than they would have in any rows."""
    gain = fit - chance
    return bool(gain.mean() >= CHANCE_Z * max(float(gain.std()) / np.sqrt(len(gain)), 1e-9))


def _shares(labels: Labels, size: int) -> Floats:
    return np.asarray(np.bincount(labels.codes[labels.known], minlength=size) / len(labels.known))


def _try_columns(values: Floats, labels: Labels) -> _Order:
    from scipy.optimize import linear_sum_assignment

    rows, size = labels.known, values.shape[1]
    fit = np.zeros((size, size))
    np.add.at(fit, labels.codes[rows], values[rows])
    _, best = linear_sum_assignment(-fit)
    moved = [i for i in range(size) if best[i] != i]
    pairs = ", ".join(f"{labels.names[i]!r} fits the column named {labels.names[best[i]]!r}" for i in moved[:4])
    moved_to = values[rows, best[labels.codes[rows]]]
    chance = values[rows][:, best] @ _shares(labels, size)
    return _Order(moved_to, chance, f"The columns of the probabilities seem to be in another order: {pairs}.")


def _try_rows(values: Floats, labels: Labels, how: str, order: npt.NDArray[np.intp]) -> _Order:
    fit = values[order[labels.known], labels.codes[labels.known]]
    chance = values[order[labels.known]] @ _shares(labels, values.shape[1])
    return _Order(fit, chance, f"The rows of the probabilities seem to be in another order: {how}.")


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
    by_chance = values[rows] @ _shares(labels, values.shape[1])
    if len(rows) >= FEW_ROWS and not _beats_chance(got, by_chance):
        raise AlignmentError(
            f"The probabilities agree with the labels no better than chance (mean probability of the given label {got.mean():.2f}, "
            f"by chance {by_chance.mean():.2f}): they seem to belong to other rows, or the model learnt nothing. {_NEXT_STEP}"
        )


def _check_stretches(values: Floats, labels: Labels) -> str:
    """Refuse probabilities of which a part belongs to other rows; else say how far the alignment is proven."""
    rows = labels.known
    if len(rows) < FEW_ROWS:
        return f"too few labelled rows ({len(rows)}) to prove the alignment"
    known = values if len(rows) == len(values) else values[rows]
    found = compare_stretches(known, labels.codes[rows])
    if found.lost:
        stretches = ", ".join(f"{rows[start]} to {rows[end]}" for start, end in found.lost[:4])
        raise AlignmentError(
            f"In {count(found.rows, 'row')} ({stretches}) the probabilities agree with the labels no better than chance, in the others clearly "
            f"better: those rows were moved, or their labels are given at random. {_NEXT_STEP} "
            "If the order is right, audit without the probabilities to look into these labels."
        )
    if found.told < TOLD:
        return "alignment proven between classes only, for the rows of a class stand together: their order within it is not told"
    return "alignment proven"
