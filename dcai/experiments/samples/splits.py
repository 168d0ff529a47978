"""Splits decided by the content of rows: their order does not matter, and equal rows stay together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import hash_rows

Marks = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.intp]


def mark_rows(frame: pd.DataFrame, columns: Sequence[str]) -> Marks:
    """Give rows that agree in `columns` the same number, shape (n,), whatever the dtypes."""
    # One of the two lanes: 64 bits are enough to tell rows apart (chance of a collision at 1e6 rows: 3e-8).
    return hash_rows(frame, columns)[:, 0]


def sort_rows(frame: pd.DataFrame) -> Positions:
    """Return the order of rows by their content over all columns, so that no later step depends on the row order."""
    lanes = hash_rows(frame)
    return np.lexsort((lanes[:, 1], lanes[:, 0]))


def assign_folds(marks: Marks, strata: Sequence[Any], folds: int, random_state: int = 0) -> Positions:
    """Deal rows into folds of nearly equal size within each stratum; rows of equal `marks` share a fold.

    Parameters
    ----------
    marks : array of uint64, shape (n,)
        One number for each distinct content, from `mark_rows`.
    strata : sequence, shape (n,)
        The class of each row; where equal rows disagree, their most frequent class counts.
    folds : int
        The number of folds.
    random_state : int
        Another number gives another split.

    Returns
    -------
    array of int, shape (n,)
        The fold of each row. Fold 0 gets the fewest rows: a class with a single group is never in it.

    Examples
    --------
    >>> marks = np.array([7, 8, 9, 7], dtype=np.uint64)
    >>> fold = assign_folds(marks, ["a", "a", "a", "a"], 2)
    >>> bool(fold[0] == fold[3])
    True
    """
    rows = pd.DataFrame({"mark": marks, "stratum": np.asarray(pd.Series(strata).astype(str), dtype=object)})
    counts = rows.value_counts(["mark", "stratum"], sort=False).rename("rows").reset_index()
    # The most frequent class of a group; the first in the alphabet where two are equally frequent.
    counts = counts.sort_values(["mark", "rows", "stratum"], ascending=[True, False, True])
    groups = counts.groupby("mark", sort=True).agg(stratum=("stratum", "first"), rows=("rows", "sum"))
    groups["order"] = _scramble(groups.index.to_numpy(dtype=np.uint64), random_state)
    groups = groups.sort_values(["stratum", "rows", "order"], ascending=[True, False, True])
    dealt: dict[int, int] = {}
    for _, members in groups.groupby("stratum", sort=True):
        dealt.update(zip(members.index, _deal(members["rows"].tolist(), folds), strict=True))
    return np.array([dealt[m] for m in marks.tolist()], dtype=np.intp)


def _deal(sizes: Sequence[int], folds: int) -> list[int]:
    """Put each group into the fold with the fewest rows so far; fold 0 comes last where several have as few."""
    order = [*range(1, folds), 0]
    loads = [0] * folds
    dealt = []
    for size in sizes:
        place = min(range(folds), key=loads.__getitem__)
        loads[place] += size
        dealt.append(order[place])
    return dealt


def _scramble(marks: Marks, random_state: int) -> Marks:
    """Turn marks into other evenly spread numbers (the finalizer of splitmix64), different for each random state."""
    salt = np.random.SeedSequence(random_state).generate_state(1, np.uint64)
    x = marks + salt
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)), dtype=np.uint64)


def draw_rows(strata: npt.NDArray[Any], generator: np.random.Generator) -> Positions:
    """Draw as many rows as there are, with replacement, within each stratum, so that no class is lost."""
    codes, _ = pd.factorize(pd.Series(strata), use_na_sentinel=False)
    drawn = np.empty(len(codes), dtype=np.intp)
    for code in range(codes.max() + 1):
        members = np.flatnonzero(codes == code)
        drawn[members] = generator.choice(members, size=len(members), replace=True)
    return drawn


def draw_clusters(clusters: Positions, generator: np.random.Generator) -> Positions:
    """Draw as many groups as there are, with replacement, and return the positions of all their rows."""
    _, codes = np.unique(clusters, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max() + 2))
    drawn = generator.integers(0, codes.max() + 1, codes.max() + 1)
    return np.concatenate([order[starts[g] : starts[g + 1]] for g in drawn])
