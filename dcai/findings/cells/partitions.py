"""Ballots: rows in groups of one left side, and the votes that each group casts for the right side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Groups:
    """The votes of groups of rows that are equal on the left; one entry for each distinct pair of left and right."""

    row_group: Codes  # (n,) the group of each row, -1 for none
    row_cell: Codes  # (n,) the entry of each row, -1 for none
    sizes: Floats  # (g,)
    best: Codes  # (g,) code on the right with most votes
    first: Floats  # (g,) its votes
    second: Floats  # (g,) the votes of the next
    kinds: Floats  # (g,) how many values have votes
    votes: Floats  # (c,) votes of each entry


def combine(codes: Codes, left: Sequence[int]) -> Codes:
    """Number the distinct left sides, shape (n,); -1 where one of the cells is empty."""
    joined = codes[:, left[0]]
    for column in left[1:]:
        other = codes[:, column]
        both = np.where((joined >= 0) & (other >= 0), joined * (other.max() + 1) + other, -1)
        joined = np.unique(both, return_inverse=True)[1].ravel() - int((both < 0).any())
    return joined


def make_groups(left: Codes, right: Codes, weights: Floats | None = None) -> Groups:
    """Group rows by the left side and count the votes for the right side."""
    known = np.flatnonzero((left >= 0) & (right >= 0))
    width = int(right.max(initial=0)) + 1
    pairs, cell = np.unique(left[known] * width + right[known], return_inverse=True)
    cell = cell.ravel()
    votes = np.bincount(cell, None if weights is None else weights[known], minlength=len(pairs)).astype(np.float64)
    groups, of_pair = np.unique(pairs // width, return_inverse=True)
    of_pair = of_pair.ravel()
    # Within each group: most votes first, equal ones by code.
    order = np.lexsort((-pairs, votes, of_pair))
    ends = np.flatnonzero(np.r_[np.diff(of_pair[order]) > 0, True]) if len(order) else np.empty(0, dtype=np.intp)
    starts = np.r_[0, ends[:-1] + 1] if len(order) else ends
    second = np.where(ends > starts, votes[order][np.maximum(ends - 1, 0)], 0.0) if len(order) else np.empty(0)
    row_group, row_cell = np.full(len(left), -1), np.full(len(left), -1)
    # Rows without a value on the right belong to a group, too: it says what they should hold.
    where = np.searchsorted(groups, left)
    fits = (left >= 0) & (where < len(groups))
    fits[fits] = groups[where[fits]] == left[fits]
    row_group[fits] = where[fits]
    row_cell[known] = cell
    sizes = np.bincount(of_pair, votes, minlength=len(groups)).astype(np.float64)
    kinds = np.bincount(of_pair, minlength=len(groups)).astype(np.float64)
    top = order[ends] if len(order) else ends
    return Groups(row_group, row_cell, sizes, pairs[top] % width, votes[top], second, kinds, votes)
