"""Probabilities that a user brings for sets of classes or for tags: proven to belong to these rows, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import AlignmentError, shorten
from dcai.base.fingerprints import canonical
from dcai.findings.labels.alignment import CHANCE_Z, CLEAR_GAIN, FEW_ROWS, SUM_TOLERANCE, align_probabilities

if TYPE_CHECKING:
    from dcai.findings.evidence import Evidence
    from dcai.findings.labels.multilabel import Sets

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

PLACE = ["row", "part"]
_NEXT_STEP = "Predict every row out of sample, in the frame's row order, and name the classes."


# ---------------------------------------------------------------- sets of classes


def align_sets(evidence: Evidence) -> tuple[Floats, str]:
    """Check a user's probabilities of each class and put them in the order of the classes and of the evidence's rows."""
    sets, given = evidence.sets, evidence.settings.probabilities
    values, names = _read_sets(given, sets)
    if len(values) != len(sets.member):
        raise AlignmentError(
            f"The probabilities have {len(values)} rows, the frame has {len(sets.member)}. {_NEXT_STEP}"
        )
    if not np.isfinite(values).all() or values.min() < -SUM_TOLERANCE or values.max() > 1 + SUM_TOLERANCE:
        raise AlignmentError(
            f"The probabilities are missing or lie outside 0 to 1, first in row {_first_bad(values)}. {_NEXT_STEP}"
        )
    marks = [canonical(n) for n in names]
    lost = [n for n in sets.names if canonical(n) not in marks]
    if lost or len(set(marks)) < len(marks):
        what = f"have no column for the classes {shorten(', '.join(map(repr, lost)))}" if lost else "name a class twice"
        raise AlignmentError(
            f"The probabilities {what}. Give a DataFrame with one column for each class, named by the class."
        )
    values = np.clip(values[:, [marks.index(canonical(n)) for n in sets.names]], 0.0, 1.0)
    ordered = values[evidence.positions]
    _check_sets(ordered, sets, evidence)
    return ordered, "probabilities as given, alignment proven" if len(sets.known) >= FEW_ROWS else (
        f"probabilities as given, too few labelled rows ({len(sets.known)}) to prove the alignment"
    )


def _read_sets(given: Any, sets: Sets) -> tuple[Floats, Sequence[Any]]:
    names: Sequence[Any] = sets.names
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
    if values.ndim != 2 or values.shape[1] != len(names):  # noqa: PLR2004 (rows and classes)
        raise AlignmentError(
            f"The probabilities have the shape {values.shape}, but there are {len(names)} classes: "
            f"{shorten(', '.join(map(str, names)))}. Give a DataFrame with one column for each class, named by the class."
        )
    return values, names


def _first_bad(values: Floats) -> int:
    bad = ~np.isfinite(values) | (values < -SUM_TOLERANCE) | (values > 1 + SUM_TOLERANCE)
    return int(np.flatnonzero(bad.any(axis=1))[0])


def _check_sets(values: Floats, sets: Sets, evidence: Evidence) -> None:
    """Refuse probabilities that fit another order of rows or columns clearly better, or the given one no better than chance."""
    back = np.argsort(evidence.positions, kind="stable")
    known = np.zeros(len(values), dtype=np.bool_)
    known[sets.known] = True
    asked, member, known = values[back], sets.member[back], known[back]
    got = _fit(asked, member, known)
    places = np.arange(len(values))
    orders = {
        "in reverse": places[::-1],
        "shifted up by a row": np.roll(places, 1),
        "shifted down by a row": np.roll(places, -1),
    }
    own = getattr(evidence.settings.probabilities, "index", None)
    index = evidence.table.frame.index[back]
    if own is not None and own.is_unique and index.is_unique and (own.get_indexer(index) >= 0).all():
        orders = {"ordered by their index": own.get_indexer(index), **orders}
    tried = [
        (_fit(asked[order], member, known).mean(), f"The rows of the probabilities seem to be in another order: {how}.")
        for how, order in orders.items()
    ]
    swapped = _swap_columns(asked[known], member[known])
    moved = [(sets.names[k], sets.names[i]) for k, i in enumerate(swapped) if k != i]
    if moved:
        how = f"The columns of the probabilities seem to be in another order: {moved[0][0]!r} fits the column named {moved[0][1]!r}."
        tried.append((_fit(asked[:, swapped], member, known).mean(), how))
    best, told = max(tried, key=lambda one: float(one[0]))
    if best - got.mean() > CLEAR_GAIN:
        raise AlignmentError(f"{told} {_NEXT_STEP}")
    spread = got.std() / np.sqrt(max(len(got), 1))
    if known.sum() >= FEW_ROWS and got.mean() < CHANCE_Z * max(spread, 1e-9):
        raise AlignmentError(
            "The probabilities agree with the sets of classes no better than chance: they seem to belong to other rows, "
            f"or the model learnt nothing. {_NEXT_STEP}"
        )


def _fit(values: Floats, member: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]) -> Floats:
    """Say of each row by how much its classes have higher probabilities than they have on average."""
    above = values - values[known].mean(axis=0)
    got = np.where(member, above, 0.0).sum(axis=1) / np.maximum(member.sum(axis=1), 1)
    return np.asarray(got[known & member.any(axis=1)])


def _swap_columns(values: Floats, member: npt.NDArray[np.bool_]) -> Rows:
    """Return for each class the column that fits it best, each column once."""
    from scipy.optimize import linear_sum_assignment

    fit = member.T.astype(float) @ (values - values.mean(axis=0)) / np.maximum(member.sum(axis=0), 1)[:, None]
    return np.asarray(linear_sum_assignment(-fit)[1], dtype=np.intp)


# ---------------------------------------------------------------- tags


def align_tags(evidence: Evidence) -> tuple[Floats, str]:
    """Check a user's probabilities of each token's tags, and put them in the order of the evidence's tokens."""
    sentences = evidence.sentences
    # The caller's order, row by row, is the one that has to be proven.
    order = np.lexsort((sentences.part, evidence.positions[sentences.row]))
    sizes = np.zeros(len(evidence.table), dtype=np.intp)
    np.add.at(sizes, evidence.positions[sentences.row], 1)
    flat = _flatten(evidence.settings.probabilities, sizes)
    labels = sentences.labels
    asked = replace(labels, codes=labels.codes[order], given=labels.given[order])
    found = align_probabilities(flat, asked, pd.RangeIndex(len(order)), str(evidence.table.label))
    if len(found.names) > len(labels.names):
        more = found.names[len(labels.names) :]
        raise AlignmentError(
            f"The probabilities know the tags {shorten(', '.join(map(repr, more)))}, which no token has. Leave their columns out."
        )
    values = np.empty_like(found.probabilities)
    values[order] = found.probabilities
    return values, found.note


def _flatten(given: Any, sizes: Rows) -> Any:
    """Put the probabilities of all tokens below each other, in the order of rows and parts."""
    names = None
    if isinstance(given, tuple) and len(given) == 2:  # noqa: PLR2004 (list of arrays and names)
        given, names = given[0], list(given[1])
    if isinstance(given, pd.DataFrame):
        if not set(PLACE) <= set(given.columns):
            raise AlignmentError(
                "The probabilities of tokens need the columns 'row' (position of the row) and 'part' (place of the token in it), "
                "beside one column for each tag. Or give a list with one array (tokens, tags) for each row."
            )
        ordered = given.sort_values(PLACE, kind="stable")
        there = ordered[PLACE].to_numpy()
        wanted = np.column_stack(
            [np.repeat(np.arange(len(sizes)), sizes), np.concatenate([np.arange(s) for s in sizes])]
        )
        if there.shape != wanted.shape or (there != wanted).any():
            raise AlignmentError(
                f"The probabilities have {len(there):,} rows for {len(wanted):,} tokens, or name tokens that are not there. "
                "Give one row for each token, both counted from 0."
            )
        return ordered.drop(columns=PLACE)
    arrays = [np.asarray(a, dtype=np.float64) for a in given]
    got = [len(a) for a in arrays if a.ndim == 2]  # noqa: PLR2004 (tokens and tags)
    if len(arrays) != len(sizes) or got != sizes.tolist() or len({a.shape[1] for a in arrays if len(a)}) != 1:
        first = next(
            (i for i, (a, s) in enumerate(zip(arrays, sizes, strict=False)) if a.shape[:1] != (s,)), len(arrays)
        )
        raise AlignmentError(
            f"The probabilities do not fit the tokens, first in row {first}. Expected a list of {len(sizes):,} arrays, one for each row, "
            "of shape (tokens of the row, number of tags)."
        )
    stacked = np.concatenate([a for a in arrays if len(a)])
    return stacked if names is None else (stacked, names)
