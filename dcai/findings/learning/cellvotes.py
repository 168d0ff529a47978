"""What the other columns of a row expect in a cell: the votes of the rows that agree in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dcai.base.table import Table

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]

VOTES = ("voted down", "voted down by all", "other value")
VOTERS = 3  # the columns that know most about another one
MOST_ROWS = 10_000  # rows on which the voters are chosen
LEAST_KNOWN = 0.1  # nats that a voter must know about a column, beyond chance
SMOOTH = 1.0


def count_votes(codes: Mapping[str, Codes], table: Table) -> dict[str, Floats]:
    """For each cell ask the columns that know most about its column, and measure how much they speak against it.

    Parameters
    ----------
    codes : mapping of str to array of shape (n,)
        The value of each cell as a number, for each column.
    table : Table
        Whose rows they are; large ones are sampled by content, so that the order of rows changes nothing.

    Returns
    -------
    dict of str to array of shape (n, len(VOTES))
        The loudest vote against the cell and the mean of all, in nats; the share of the loudest other value.
    """
    size = len(table)
    some = np.arange(size)
    if size > MOST_ROWS:
        some = np.sort(np.argsort(table.row_hashes[:, 0], kind="stable")[:MOST_ROWS])
    sampled = {name: np.unique(its[some], return_inverse=True)[1] for name, its in codes.items()}
    votes = {}
    for name, its in codes.items():
        known = {other: _tell(sampled[other], sampled[name]) for other in codes if other != name}
        best = sorted((o for o in known if known[o] > LEAST_KNOWN), key=lambda o: (-known[o], o))[:VOTERS]
        parts = [_ask(codes[other], its) for other in best]
        votes[name] = _sum_up(parts, size)
    return votes


def _sum_up(parts: list[tuple[Floats, Floats]], size: int) -> Floats:
    if not parts:
        return np.zeros((size, len(VOTES)), dtype=np.float32)
    against = np.column_stack([a for a, _ in parts])
    other = np.column_stack([o for _, o in parts])
    return np.column_stack([against.max(axis=1), against.mean(axis=1), other.max(axis=1)]).astype(np.float32)


def _tell(voter: Codes, cell: Codes) -> float:
    """Say how much a column knows about another: nats a row, with the row itself left out, and nothing by chance."""
    size, top = len(cell), int(cell.max()) + 1
    groups = np.bincount(voter)
    if groups.max() <= 1:
        return 0.0
    _, inverse, both = np.unique(voter * top + cell, return_inverse=True, return_counts=True)
    prior = (np.bincount(cell) / size)[cell]
    own, group = both[inverse], groups[voter]
    share = (own - 1 + SMOOTH * prior) / (group - 1 + SMOOTH)
    return round(float(np.where(group > 1, np.log(share / prior), 0.0).mean()), 9)


def _ask(voter: Codes, cell: Codes) -> tuple[Floats, Floats]:
    """Measure for each cell how much less often its value comes with the voter's value than the commonest other one."""
    size, top = len(cell), int(cell.max()) + 1
    groups = np.bincount(voter)
    pairs, inverse, both = np.unique(voter * top + cell, return_inverse=True, return_counts=True)
    prior = (np.bincount(cell) / size)[cell]
    own, group = both[inverse], groups[voter]
    order = np.lexsort((both, pairs // top))
    first, second = np.zeros(len(groups), dtype=np.intp), np.zeros(len(groups), dtype=np.intp)
    owner = (pairs // top)[order]
    first[owner] = both[order]  # the last of a group is its largest
    last = np.append(owner[1:] != owner[:-1], True) if len(owner) else np.empty(0, dtype=bool)
    rest = order[~last]
    np.maximum.at(second, (pairs // top)[rest], both[rest])
    tied = own == first[voter]
    other = np.where(tied, second[voter], first[voter])
    mine = (own - 1 + SMOOTH * prior) / (group - 1 + SMOOTH)
    its = other / (group - 1 + SMOOTH)
    against = np.where(group > 1, np.log((its + 0.02) / (mine + 0.02)), -1.0)
    return against.astype(np.float32), np.where(tied, 0.0, its).astype(np.float32)
