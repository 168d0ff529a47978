"""Breaches: the cells that explain most cheaply why rows disagree with what their groups vote for.

A row that breaks a dependency holds a wrong cell on its right side or on its left, or it is an exception. One wrong
left cell breaks many dependencies at once; a right cell that others confirm is not the culprit. So the cells of a row
are blamed by what they explain, against how seldom cells of their column are wrong and what must then have agreed by
chance. What was settled in one round corrects the left sides of the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dcai.findings.cells.aliases import Alias, find_aliases
from dcai.findings.cells.dependencies import Dependency, judge
from dcai.findings.cells.localisation import LIKELY, Blame, Flags, blame_cells, spare_kinds
from dcai.findings.cells.partitions import Codes, Floats, combine, make_groups
from dcai.findings.cells.votes import Votes, count_votes, see_slips

CLEAR_REPAIR = 0.6  # a suggestion this sure stands in for the cell where it is the left side of others
ROUNDS = 2


@dataclass(frozen=True, eq=False)
class Breaches:
    """Cells that lose the vote of their groups, and empty ones for which there is a vote; one entry for each.

    Attributes
    ----------
    row, column : array of int
        The cell.
    doubt : array of float
        The probability that the cell is wrong, or wrongly empty.
    code : array of int
        The value voted for, -1 where there is none.
    confidence : array of float
        The probability that this value is right.
    dependency : array of int
        The place in `dependencies` of the one that speaks most clearly.
    ayes, size : array of int
        Its votes for the value, and all its votes.
    broken : list of tuple of int
        The columns that the cell settles and that contradict it, named where no group votes for a value of its own.
    dependencies : list of Dependency
        All that were mined.
    mended : array of int, shape (n, m)
        The cells that served as left sides: those given, but for clear repairs.
    tied : array of bool
        Whether another cell of the row is as likely the wrong one.
    """

    row: Codes
    column: Codes
    doubt: Floats
    code: Codes
    confidence: Floats
    dependency: Codes
    ayes: Codes
    size: Codes
    broken: list[tuple[int, ...]]
    dependencies: list[Dependency]
    mended: Codes
    tied: Flags


def find_breaches(
    codes: Codes, dependencies: Sequence[Dependency], values: Sequence[Sequence[str]] | None = None
) -> Breaches:
    """Find the cells that break dependencies.

    Parameters
    ----------
    codes : array of int, shape (n, m)
        Each column's cells by number, from 0; -1 for empty ones.
    dependencies : sequence of Dependency
        What `mine_dependencies` found in them.
    values : sequence of sequence of str, optional
        The texts of each column by number: a cell that is written like the value voted for is rather a slip of it.

    Returns
    -------
    Breaches

    Examples
    --------
    >>> from dcai.findings.cells.dependencies import mine_dependencies
    >>> towns = np.repeat(np.arange(20), 5)
    >>> codes = np.column_stack([towns, towns // 4])
    >>> codes[7, 1] = 4
    >>> found = find_breaches(codes, mine_dependencies(codes))
    >>> found.row.tolist(), found.column.tolist(), found.code.tolist()
    ([7], [1], [0])
    """
    mended, known = codes, list(dependencies)
    found = _find_nothing(known, codes)
    if not known:
        return found
    aliases = find_aliases(codes, known, values) if values is not None else []
    plain = mended = _replace_aliases(codes, aliases)
    for turn in range(ROUNDS):
        groups = [make_groups(combine(mended, d.left), codes[:, d.right]) for d in known]
        known = [judge(g, d) or d for g, d in zip(groups, known, strict=True)]
        votes = [count_votes(g, d, codes[:, d.right]) for g, d in zip(groups, known, strict=True)]
        if values is not None:
            votes = [see_slips(v, codes[:, d.right], values[d.right]) for v, d in zip(votes, known, strict=True)]
        blame = blame_cells(codes, known, votes)
        spare_kinds(codes, known, votes, blame)
        found = replace(_collect(codes, known, votes, blame), mended=mended)
        if turn + 1 < ROUNDS:
            mended = plain.copy()
            sure = found.confidence >= CLEAR_REPAIR
            mended[found.row, found.column] = np.where(sure, found.code, plain[found.row, found.column])
    return _add_aliases(found, codes, aliases)


def _replace_aliases(codes: Codes, aliases: Sequence[Alias]) -> Codes:
    mended = codes.copy()
    for alias in aliases:
        mended[codes[:, alias.column] == alias.code, alias.column] = alias.target
    return mended


def _add_aliases(found: Breaches, codes: Codes, aliases: Sequence[Alias]) -> Breaches:
    """Add the cells that hold an alias, but for those that are found already."""
    done = set(zip(found.row.tolist(), found.column.tolist(), strict=True))
    cells = [
        (row, alias)
        for alias in aliases
        for row in np.flatnonzero(codes[:, alias.column] == alias.code).tolist()
        if (row, alias.column) not in done
    ]
    if not cells:
        return found

    def join(old: npt.NDArray[Any], new: list[Any]) -> npt.NDArray[Any]:
        return np.concatenate([old, np.array(new, dtype=old.dtype)])

    return replace(
        found,
        row=join(found.row, [row for row, _ in cells]),
        column=join(found.column, [a.column for _, a in cells]),
        doubt=join(found.doubt, [a.confidence for _, a in cells]),
        code=join(found.code, [a.target for _, a in cells]),
        confidence=join(found.confidence, [a.confidence for _, a in cells]),
        dependency=join(found.dependency, [-1] * len(cells)),
        ayes=join(found.ayes, [a.agree for _, a in cells]),
        size=join(found.size, [a.heard for _, a in cells]),
        broken=[*found.broken, *(() for _ in cells)],
        tied=join(found.tied, [False] * len(cells)),
    )


def _collect(codes: Codes, known: Sequence[Dependency], votes: Sequence[Votes], blame: Blame) -> Breaches:
    """Name for each blamed cell, and each empty one, the value that its groups vote for."""
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    for column in range(codes.shape[1]):
        mine = [i for i, d in enumerate(known) if d.right == column]
        blamed = np.flatnonzero(blame.wrong[:, column])
        empty = np.flatnonzero(codes[:, column] < 0) if mine else np.empty(0, dtype=np.int64)
        rows = np.r_[blamed, empty].astype(np.int64)
        if len(rows):
            proposed = _propose(rows, column, codes[rows, column], [(known[i], votes[i], i) for i in mine], blame)
            parts.append((rows, np.full(len(rows), column), *proposed))
    if not parts:
        return _find_nothing(known, codes)
    made = [np.concatenate(p) for p in zip(*parts, strict=True)]
    made = [values[made[2] > 0] for values in made]
    sides = _name_broken(made[0], made[1], made[5], known, votes)
    row, place, doubt, code, confidence, which, ayes, size = made
    return Breaches(
        row, place, doubt, code, confidence, which, ayes, size, sides, list(known), codes, blame.tied[row, place]
    )


def _find_nothing(known: Sequence[Dependency], codes: Codes) -> Breaches:
    none, zero = np.empty(0, dtype=np.int64), np.empty(0)
    return Breaches(none, none, zero, none, zero, none, none, none, [], list(known), codes, none.astype(bool))


def _name_broken(
    row: Codes, column: Codes, which: Codes, known: Sequence[Dependency], votes: Sequence[Votes]
) -> list[tuple[int, ...]]:
    """Name the columns that contradict each cell for which no group votes."""
    sides: list[tuple[int, ...]] = [()] * len(row)
    for at in np.flatnonzero(which < 0):
        mine = [i for i, d in enumerate(known) if column[at] in d.left]
        sides[at] = tuple(sorted({known[i].right for i in mine if votes[i].broken[row[at]] >= LIKELY}))
    return sides


def _propose(
    rows: Codes,
    column: int,
    given: Codes,
    mine: Sequence[tuple[Dependency, Votes, int]],
    blame: Blame,
) -> tuple[npt.NDArray[Any], ...]:
    """Return doubt, value, confidence, dependency, ayes and size for cells of one column."""
    doubt = blame.doubt[rows, column]
    if not mine:
        zero = np.zeros(len(rows), dtype=np.int64)
        return doubt, zero - 1, np.zeros(len(rows)), zero - 1, zero, zero
    sure = np.empty((len(rows), len(mine)))
    for j, (known, votes, _) in enumerate(mine):
        sides = np.ix_(rows, np.array(known.left))
        fault = blame.fault[sides].sum(axis=1)
        # Where the row's left side is wrong, the vote is another entity's.
        sound = 1 - np.minimum(fault, 0.5)
        sure[:, j] = np.where((blame.wrong & ~blame.tied)[sides].any(axis=1), 0.0, votes.sure[rows] * sound)
    code = np.column_stack([v.code[rows] for _, v, _ in mine])
    at, best = np.arange(len(rows)), sure.argmax(axis=1)
    top, value = sure[at, best], code[at, best]
    agreed = top * (1 - np.where(code != value[:, None], sure, 0.0).max(axis=1) / 2)
    none = top <= 0
    # A cell that holds what its groups vote for was blamed for its left side alone: the vote clears it.
    doubt = np.where(given < 0, agreed, np.where(~none & (value == given), 0.0, doubt))
    confidence = np.where(none, 0.0, np.where(given < 0, agreed, agreed * doubt))
    # Where the vote itself is in doubt, for the left side may be the wrong one, so is the verdict.
    doubt = np.where(none | (given < 0), doubt, np.minimum(doubt, confidence**0.4))
    which = np.where(none, -1, np.array([i for _, _, i in mine])[best])
    ayes = np.column_stack([v.ayes[rows] for _, v, _ in mine])[at, best]
    size = np.column_stack([v.size[rows] for _, v, _ in mine])[at, best]
    return doubt, np.where(none, -1, value), confidence, which, ayes, size
