"""Blocking: the few pairs of rows that are worth comparing, found by the rare values and words that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from dcai.findings.cells.spellings import fold

Codes = npt.NDArray[np.int64]

LARGEST_BLOCK = 20
MOST_WORDS = 60  # of one cell
MOST_PIECES = 12  # of one row, the rarest
MOST_PAIRS = 1_000_000
COMPARED = 300_000


@dataclass(frozen=True, eq=False)
class Words:
    """The words of a column of texts: one entry for each distinct cell and word in it.

    Attributes
    ----------
    cell, word : array of int
        The cell's number and the word's.
    starts : array of int
        Where the entries of each cell start; one more than there are cells.
    rows : array of int
        The rows that hold each word.
    numeric : array of bool
        Which words hold a digit.
    """

    cell: Codes
    word: Codes
    starts: Codes
    rows: Codes
    numeric: npt.NDArray[np.bool_]


class _Folded(dict[str, list[str]]):
    """The words that each piece of text between spaces is folded to, found once: texts share most of theirs."""

    def __missing__(self, piece: str) -> list[str]:
        self[piece] = fold(piece).split()
        return self[piece]


def split_words(cells: Sequence[Any], counts: Codes) -> Words:
    """Split each distinct cell of a column into its distinct words.

    Examples
    --------
    >>> split_words(["Main St.", "Main street 5"], np.array([2, 1])).rows.tolist()
    [3, 2, 1, 1]
    """
    number: dict[str, int] = {}
    word: list[int] = []
    sizes: list[int] = []
    folded = _Folded()
    for value in cells:
        # The order of a set of texts changes from run to run: a dict keeps that of the text.
        parts = list(dict.fromkeys(chain.from_iterable(map(folded.__getitem__, str(value).split()))))[:MOST_WORDS]
        sizes.append(len(parts))
        word += [number.setdefault(part, len(number)) for part in parts]
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    at, of = np.repeat(np.arange(len(sizes)), sizes), np.array(word, dtype=np.int64)
    rows = np.bincount(of, counts[at], minlength=len(number)).astype(np.int64)
    numeric = np.array([any(map(str.isdigit, w)) for w in number], dtype=bool)
    return Words(at, of, starts, rows, numeric)


def pair_rows(codes: Codes, words: dict[int, Words]) -> Codes:
    """Pair the rows that share rare values or words, those that share most first, shape (p, 2), the lower row first."""
    row, piece, size = _list_pieces(codes, words)
    if not len(row):
        return np.empty((0, 2), dtype=np.int64)
    order = np.lexsort((piece, size, row))
    row, piece = row[order], piece[order]
    first = np.searchsorted(row, row)
    keep = np.arange(len(row)) - first < MOST_PIECES
    return _pair_within(row[keep], piece[keep], len(codes))


def _list_pieces(codes: Codes, words: dict[int, Words]) -> tuple[Codes, Codes, Codes]:
    """List the rare values and words of each row, as numbers that are unique among all columns, and how many rows have them.

    Two columns of one table may share a rare value, but that is no evidence for one entity: pieces know their column.
    """
    parts, base = [], 0
    for column in range(codes.shape[1]):
        filled = np.flatnonzero(codes[:, column] >= 0)
        values = codes[filled, column]
        size = np.bincount(values)
        rare = _is_rare(size)[values]
        parts.append((filled[rare], values[rare] + base, size[values[rare]]))
        base += len(size)
        if column in words:
            row, word = _spread_words(filled, values, words[column])
            parts.append((row, word + base, words[column].rows[word]))
            base += len(words[column].rows)
    rows, pieces, sizes = zip(*parts, strict=True) if parts else ([np.empty(0, dtype=np.int64)],) * 3
    return np.concatenate(rows), np.concatenate(pieces), np.concatenate(sizes)


def _is_rare(size: Codes) -> npt.NDArray[np.bool_]:
    return (size > 1) & (size <= LARGEST_BLOCK)


def _spread_words(filled: Codes, values: Codes, words: Words) -> tuple[Codes, Codes]:
    """List the rare words of each row: the rows, and the words."""
    rare = _is_rare(words.rows)[words.word]
    word = words.word[rare]
    starts = np.concatenate([[0], np.cumsum(np.bincount(words.cell[rare], minlength=len(words.starts) - 1))])
    size = np.diff(starts)[values]
    offset = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    return np.repeat(filled, size), word[np.repeat(starts[values], size) + offset]


def _pair_within(row: Codes, piece: Codes, n: int) -> Codes:
    """Pair all rows of each block; of too many pairs, those that share most pieces stay."""
    order = np.lexsort((row, piece))
    row, piece = row[order], piece[order]
    found = []
    total = 0
    for step in range(1, LARGEST_BLOCK):
        same = np.flatnonzero(piece[step:] == piece[:-step])
        if not len(same) or total > MOST_PAIRS:
            break
        total += len(same)
        found.append(row[same] * n + row[same + step])
    if not found:
        return np.empty((0, 2), dtype=np.int64)
    pairs, shared = np.unique(np.concatenate(found), return_counts=True)
    if len(pairs) > COMPARED:
        pairs = pairs[np.argsort(-shared, kind="stable")[:COMPARED]]
    return np.column_stack([pairs // n, pairs % n])
