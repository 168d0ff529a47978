"""Features of many rows: each column seen once, in single precision, in the few ways that frugal models look at it.

This module imports scikit-learn at its top; import it inside the function that needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from dcai.base.fingerprints import canonicals, distinct_cells
from dcai.findings.features.vectors import DIRECTION_ROWS, WORD, Categories, Dates, Images, Numbers

Singles = npt.NDArray[np.float32]

MARKS = 200  # so many categories have a column of their own; of more, the main directions serve
_WORDS = 50_000
_DIRECTIONS = 100  # of words, where there is nothing else,
_FEW_DIRECTIONS = 50  # and beside other columns
_TREE_DIRECTIONS = 10  # trees look through all of theirs at every step


@dataclass(frozen=True, eq=False)
class Compact:
    """The features of a table, in single precision.

    Attributes
    ----------
    linear : array of float, shape (n, d)
        For models that weigh columns: scaled numbers, a mark for each category, the main directions of words.
    trees : array of float, shape (n, e)
        For models that split columns: numbers, categories by how common they are, the first directions of words.
    words : sparse matrix, shape (n, w), or None
        Words by tf-idf, where there are texts.
    wordless : int
        The first so many columns of `linear` are not of words.
    """

    linear: Singles
    trees: Singles
    words: Any
    wordless: int


def compact_columns(frame: pd.DataFrame, roles: Mapping[str, str]) -> Compact:
    """See the columns of a frame by their roles."""
    linear: list[Singles] = []
    trees: list[Singles] = []
    makers: tuple[tuple[str, Numbers | Dates], ...] = (("number", Numbers()), ("date", Dates()))
    for role, maker in makers:
        names = [name for name, its in roles.items() if its == role]
        if names:
            linear.append(maker.fit(frame[names]).transform(frame[names]).astype(np.float32))
            trees.append(linear[-1])
    categories = [name for name, role in roles.items() if role == "category"]
    if categories:
        linear.append(_mark_categories(frame[categories]))
        trees.extend(_rank_cells(frame[name])[:, None] for name in categories)
    pictures = [name for name, role in roles.items() if role == "image"]
    if pictures:
        linear.append(Images().fit_transform(frame[pictures]).astype(np.float32))
        trees.append(linear[-1][:, :_TREE_DIRECTIONS])
    words = count_words(frame, [name for name, role in roles.items() if role == "text"])
    wordless = sum(part.shape[1] for part in linear)
    if words is not None and words.shape[1]:
        linear.append(find_directions(words, _FEW_DIRECTIONS if linear else _DIRECTIONS))
        trees.append(linear[-1][:, :_TREE_DIRECTIONS])
    # Trees first: some of what they see is a part of what is joined, and let go of, next.
    split = _join(trees, len(frame))
    return Compact(_join(linear, len(frame)), split, words, wordless)


def estimate_columns(frame: pd.DataFrame, roles: Mapping[str, str]) -> int:
    """Estimate how many columns `linear` and `trees` will have, at most, without making them."""
    kinds = pd.Series(dict(roles)).value_counts()
    marks = sum(frame[name].nunique() + 1 for name, role in roles.items() if role == "category")
    numbers = 4 * kinds.get("number", 0) + 20 * kinds.get("date", 0)
    pictures, texts = 240 * kinds.get("image", 0), _DIRECTIONS * min(kinds.get("text", 0), 1)
    return int(numbers + min(marks, MARKS) + kinds.get("category", 0) + pictures + texts)


def compact_vectors(vectors: npt.NDArray[Any]) -> Compact:
    """See vectors that the user gave: scaled column by column."""
    middle = vectors.mean(axis=0)
    spread = vectors.std(axis=0)
    scaled = ((vectors - middle) / np.where(spread > 0, spread, 1.0)).astype(np.float32)
    return Compact(scaled, scaled, None, scaled.shape[1])


def _join(parts: list[Singles], rows: int) -> Singles:
    """Join parts side by side; each is let go of when it is copied, so that not all stand in memory twice."""
    found = np.zeros((rows, max(sum(part.shape[1] for part in parts), 1)), dtype=np.float32)
    end = found.shape[1]
    while parts:
        part = parts.pop()
        found[:, end - part.shape[1] : end] = part
        end -= part.shape[1]
    return found


def _mark_categories(frame: pd.DataFrame) -> Singles:
    marks = Categories().fit(frame).transform(frame).astype(np.float32)
    return np.asarray(marks.toarray()) if marks.shape[1] <= MARKS else find_directions(marks, MARKS)


def _rank_cells(column: pd.Series[Any]) -> Singles:
    """Number the cells of a column by how common they are; ties by what they say, so that no order of rows matters."""
    codes, cells = distinct_cells(column)
    counts = np.bincount(codes + 1, minlength=len(cells) + 1)
    named = np.array(["", *map(repr, cells)])
    ranks = np.empty(len(counts), dtype=np.float32)
    ranks[np.lexsort((named, -counts))] = np.arange(len(counts))
    return ranks[codes + 1]


def count_words(frame: pd.DataFrame, names: list[str]) -> Any:
    """Count the words of text columns by tf-idf; None where there are none."""
    parts = []
    for name in names:
        texts = ["" if text is None else text for text in canonicals(frame[name])]
        # Pairs of words only where texts are all there is: they are dear, and say little beside other columns.
        pairs = 2 if len(names) == len(frame.columns) else 1
        maker = TfidfVectorizer(
            token_pattern=WORD,
            ngram_range=(1, pairs),
            min_df=max(2, len(frame) // 20_000),
            max_features=_WORDS * pairs,
            sublinear_tf=True,
            strip_accents="unicode",
            dtype=np.float32,
        )
        try:
            parts.append(maker.fit_transform(texts))
        except ValueError:  # no word occurs twice: this column has nothing to say
            continue
    return sparse.hstack(parts, format="csr") if parts else None


def find_directions(matrix: Any, most: int) -> Singles:
    """Compress a sparse matrix to its main directions, each of variance 1."""
    rows = np.unique(np.linspace(0, matrix.shape[0] - 1, min(matrix.shape[0], DIRECTION_ROWS)).astype(np.intp))
    size = min(most, matrix.shape[1] - 1, len(rows) - 1)
    if size < 1:
        return np.asarray(matrix.toarray(), dtype=np.float32)
    found = TruncatedSVD(size, n_iter=3, random_state=0).fit(matrix[rows]).transform(matrix).astype(np.float32)
    return np.asarray(found / np.maximum(found.std(axis=0), 1e-9), dtype=np.float32)
