"""Aliases: values of a key that are other spellings of a more frequent one, and whose rows agree with its rows.

A key that nothing else settles cannot be outvoted, so a slip in it hides the whole row from the votes of its group.
Likeness alone proves nothing, for keys may be alike by nature; what the row holds otherwise decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dcai.findings.cells.dependencies import Dependency
from dcai.findings.cells.partitions import Codes, make_groups
from dcai.findings.cells.spellings import find_spellings

LEAST_AGREED = 0.5  # of the cells that the frequent value settles
MOST_CHANCE = 0.2
MOST_DISTINCT = 20_000
LONGEST = 200  # characters of a key: a longer text is no name


class Alias(NamedTuple):
    """A value that stands for another one of its column; how many cells of its rows agree with that one's, of how many."""

    column: int
    code: int
    target: int
    agree: int
    heard: int
    confidence: float


def find_aliases(codes: Codes, known: Sequence[Dependency], values: Sequence[Sequence[str]]) -> list[Alias]:
    """Find the values of left sides, settled by no column, that are slips of another value.

    Parameters
    ----------
    codes : array of int, shape (n, m)
        Each column's cells by number, from 0; -1 for empty ones.
    known : sequence of Dependency
        What the columns settle in each other.
    values : sequence of sequence of str
        The texts of each column by number.

    Returns
    -------
    list of Alias

    Examples
    --------
    >>> from dcai.findings.cells.dependencies import mine_dependencies
    >>> shops = "northgate hillside lakewood moorland portway bridgend millbrook ashfield castleton riverton".split()
    >>> row = np.repeat(np.arange(10), 15)
    >>> codes = np.column_stack([row, row // 2, row % 7 // 2 + 5 * (row // 5)])
    >>> codes[3, 0] = 10
    >>> found = find_aliases(codes, mine_dependencies(codes), [[*shops, "norhtgate"], [*"abcde"], [*"abcdefghi"]])
    >>> [(a.code, a.target) for a in found]
    [(10, 0)]
    """
    settled = {d.right for d in known}
    found = []
    for column in sorted({d.left[0] for d in known if len(d.left) == 1} - settled):
        # Of a column with few values, chance alone makes half of them agree.
        mine = [d.right for d in known if d.left == (column,) and d.chance <= MOST_CHANCE]
        texts = values[column]
        if not mine or len(texts) > MOST_DISTINCT:
            continue
        counts = np.bincount(codes[codes[:, column] >= 0, column], minlength=len(texts))
        place = {text: code for code, text in enumerate(texts)}
        named = [code for code, text in enumerate(texts) if len(text) <= LONGEST]
        order = sorted(named, key=lambda c: (-counts[c], texts[c]))
        spelled = find_spellings({texts[c]: int(counts[c]) for c in order})
        pairs = {place[s.value]: (place[s.near], s.confidence) for s in spelled}
        found += _keep_agreed(codes, column, mine, pairs)
    return found


def _keep_agreed(codes: Codes, column: int, rights: Sequence[int], pairs: dict[int, tuple[int, float]]) -> list[Alias]:
    """Keep the slips whose rows hold what the rows of the other value hold."""
    size = int(codes[:, column].max(initial=0)) + 1
    agree, heard = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    target = np.full(size, -1, dtype=np.int64)
    for code, (other, _) in pairs.items():
        target[code] = other
    rows = np.flatnonzero((codes[:, column] >= 0) & (target[codes[:, column]] >= 0))
    for right in rights:
        groups = make_groups(codes[:, column], codes[:, right])
        best = np.full(size, -1, dtype=np.int64)
        best[codes[groups.row_group >= 0, column]] = groups.best[groups.row_group[groups.row_group >= 0]]
        says, holds = best[target[codes[rows, column]]], codes[rows, right]
        told = (says >= 0) & (holds >= 0)
        heard += np.bincount(codes[rows[told], column], minlength=size)
        agree += np.bincount(codes[rows[told & (says == holds)], column], minlength=size)
    found = []
    for code, (other, sure) in sorted(pairs.items()):
        if agree[code] and agree[code] > LEAST_AGREED * heard[code]:
            backed = (agree[code] + 0.5) / (heard[code] + 1)
            confidence = 1 - (1 - min(sure, 0.9)) * (1 - backed)
            found.append(Alias(column, code, other, int(agree[code]), int(heard[code]), float(confidence)))
    return found
