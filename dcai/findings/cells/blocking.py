"""Blocking: the few pairs of rows that are worth comparing, found by the rare values and words that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


def split_words(cells: Sequence[Any], counts: Codes) -> Words:
    """Split each distinct cell of a column into its distinct words.

    Examples
    --------
    >>> split_words(["Main St.", "Main street 5"], np.array([2, 1])).rows.tolist()
    [3, 2, 1, 1]
    """
    number: dict[str, int] = {}
    cell: list[int] = []
    word: list[int] = []
    starts = [0]
    for i, value in enumerate(cells):
        # The order of a set of texts changes from run to run: a dict keeps that of the text.
        for part in list(dict.fromkeys(fold(str(value)).split()))[:MOST_WORDS]:
            cell.append(i)
            word.append(number.setdefault(part, len(number)))
        starts.append(len(cell))
    at, of = np.array(cell, dtype=np.int64), np.array(word, dtype=np.int64)
    rows = np.bincount(of, counts[at], minlength=len(number)).astype(np.int64)
    numeric = np.array([any(map(str.isdigit, w)) for w in number], dtype=bool)
    return Words(at, of, np.array(starts, dtype=np.int64), rows, numeric)


def pair_rows(codes: Codes, words: dict[int, Words]) -> Codes:
    """Pair the rows that share rare values or words, those that share most first, shape (p, 2), the lower row first."""
    row, piece = _list_pieces(codes, words)
    if not len(row):
        return np.empty((0, 2), dtype=np.int64)
    # Two columns of one table may share a rare value, but that is no evidence for one entity: pieces know their column.
    _, piece, size = np.unique(piece, return_inverse=True, return_counts=True)
    piece = piece.ravel()
    rare = (size[piece] > 1) & (size[piece] <= LARGEST_BLOCK)
    row, piece = row[rare], piece[rare]
    order = np.lexsort((piece, size[piece], row))
    row, piece = row[order], piece[order]
    first = np.searchsorted(row, row)
    keep = np.arange(len(row)) - first < MOST_PIECES
    return _pair_within(row[keep], piece[keep], len(codes))


def _list_pieces(codes: Codes, words: dict[int, Words]) -> tuple[Codes, Codes]:
    """List the values and words of each row, as numbers that are unique among all columns."""
    rows, pieces, base = [], [], 0
    for column in range(codes.shape[1]):
        filled = np.flatnonzero(codes[:, column] >= 0)
        rows.append(filled)
        pieces.append(codes[filled, column] + base)
        base += int(codes[:, column].max(initial=-1)) + 1
        if column in words:
            its = words[column]
            size = np.diff(its.starts)[codes[filled, column]]
            offset = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
            rows.append(np.repeat(filled, size))
            pieces.append(its.word[np.repeat(its.starts[codes[filled, column]], size) + offset] + base)
            base += len(its.rows)
    return (np.concatenate(rows), np.concatenate(pieces)) if rows else (np.empty(0, dtype=np.int64),) * 2


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
