"""Votes: what the other rows of its group say about each row, one dependency at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dcai.findings.cells.dependencies import MOST_ERRORS, Dependency
from dcai.findings.cells.likeness import weigh_likeness
from dcai.findings.cells.partitions import Codes, Floats, Groups
from dcai.findings.cells.purity import weigh_pure

PLURAL = 0.9  # less than half of a group is never a safe word
FAINT = 0.02  # likeness cannot make a case of less
ESTABLISHED = 5  # rows that make a value one of its own, unless it is
RARER = 5  # so many times rarer than the other one
LONGEST_ODDS = 6.0  # nats that a single vote can add


@dataclass(frozen=True, eq=False)
class Votes:
    """What one dependency says about each row, shape (n,) each.

    Attributes
    ----------
    code : array of int
        The value that the other rows of the group vote for, -1 for none.
    broken : array of float
        The probability that a row which disagrees holds an error; 0 where it agrees.
    held : array of float
        Where it agrees, the nats by which chance would seldom have it so.
    sure : array of float
        The probability that the vote is right.
    ayes, size : array of int
        The other rows that vote for it, and all other rows.
    slip : array of float
        By how much the likeness of the cell and the vote speaks for a slip of the pen: 1 says nothing.
    """

    code: Codes
    broken: Floats
    held: Floats
    sure: Floats
    ayes: Codes
    size: Codes
    slip: Floats


def count_votes(groups: Groups, dependency: Dependency, right: Codes) -> Votes:
    """Let the other rows of each row's group vote for its right side."""
    n, inside = len(right), groups.row_group >= 0
    at = np.maximum(groups.row_group, 0)
    if not len(groups.sizes):
        zero, none = np.zeros(n), np.zeros(n, dtype=np.int64)
        return Votes(none - 1, zero, zero, zero, none, none, zero + 1)
    filled = right >= 0
    own = np.where(filled & inside, groups.votes[np.maximum(groups.row_cell, 0)], 0.0)
    first, second, size = groups.first[at], groups.second[at], groups.sizes[at]
    best = groups.best[at]
    agrees = inside & filled & (right == best)
    ayes = first - agrees
    rival = np.where(agrees, second, np.where(filled, own, second))
    clear = inside & (ayes > np.where(agrees, second, np.where(filled, second - (own == second), second)))
    law = (dependency.error, dependency.pure, dependency.repeat, *dependency.mixed)
    pure = weigh_pure(groups.sizes, groups.sizes - groups.first, groups.kinds, law)[at]
    ratio = min(0.9, dependency.error * max(dependency.repeat, 0.05) / (1 - dependency.error))
    sure = pure / (1 + ratio ** np.maximum(first - rival, 0))
    sure = np.where(clear & (ayes > 0), sure, 0.0)
    if dependency.error > MOST_ERRORS:
        sure = np.minimum(sure, PLURAL)
    # Where most of a group is empty, its few values are no rule for the rest.
    empties = np.bincount(at[inside & ~filled], minlength=len(groups.sizes))[at]
    sure = np.where(filled, sure, sure * np.minimum(1.0, (2 * size + 1) / np.maximum(empties, 1)))
    held = np.minimum(-np.log(max(dependency.chance, 1e-3)), LONGEST_ODDS) * np.minimum(ayes / 2, 1.0)
    return Votes(
        code=np.where(sure > 0, best, -1),
        broken=np.where(filled & ~agrees & (ayes >= 2), sure, 0.0),  # noqa: PLR2004 (one against one is no majority)
        held=np.where(agrees & clear, held * pure, 0.0),
        sure=sure,
        ayes=ayes.astype(np.int64),
        size=(size - (filled & inside)).astype(np.int64),
        slip=np.ones(n),
    )


def see_slips(votes: Votes, right: Codes, values: Sequence[str]) -> Votes:
    """Raise the doubt of cells that are written like the value voted for, and lower that of the others."""
    rows = np.flatnonzero(votes.broken > FAINT)
    if not len(rows):
        return votes
    pairs, place = np.unique(np.column_stack([right[rows], votes.code[rows]]), axis=0, return_inverse=True)
    counts = np.bincount(right[right >= 0], minlength=len(values))
    # A value that other rows have as often is one of its own, however much it is written like another.
    own = counts[pairs[:, 0]]
    known = (own >= ESTABLISHED) & (own * RARER > counts[pairs[:, 1]])
    alike = weigh_likeness(values, pairs)
    weight = np.where(known, np.minimum(alike, 1.0), alike)[place.ravel()]
    broken, slip = votes.broken.copy(), votes.slip.copy()
    slip[rows] = weight
    odds = broken[rows] / np.maximum(1 - broken[rows], 1e-9) * weight
    broken[rows] = odds / (1 + odds)
    return replace(votes, broken=broken, sure=np.where(broken > 0, broken, votes.sure), slip=slip)
