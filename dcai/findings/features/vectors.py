"""Columns to vectors: one scikit-learn transformer for each kind of column, joined by name.

This module imports scikit-learn at its top; import it inside the function that needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder

from dcai.base.fingerprints import canonicals, distinct_canonicals

Floats = npt.NDArray[np.float64]

WORD = r"(?u)\b\w+\b"  # short words count too
LARGEST = 1e100  # squares of larger numbers overflow
DIRECTION_ROWS = 20_000  # main directions are learnt from at most this many rows
CHARACTER_ROWS = 20_000  # beyond this many rows, character n-grams cost more than they teach
NUMBER_SHARE = 0.95  # a text column counts as numbers when at least this share of its values are


def to_numbers(column: pd.Series[Any]) -> Floats:
    """Read a column as floats; what is no finite number becomes NaN."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return np.asarray(column.astype("Float64").to_numpy(dtype="float64", na_value=np.nan))
    if pd.api.types.is_complex_dtype(column.dtype):
        return np.full(len(column), np.nan)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        plain = column.to_numpy(dtype=np.float64)
        return np.where(np.isfinite(plain), plain, np.nan)
    values = pd.to_numeric(column, errors="coerce").astype("Float64").to_numpy(dtype="float64", na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def holds_numbers(column: pd.Series[Any]) -> bool:
    """Say whether nearly all filled cells of a column of texts are numbers; where its first rows rule it out, only they are read."""
    filled = column.replace("", None).notna().to_numpy()
    spare = (1 - NUMBER_SHARE) * filled.sum() + 1  # rounding must not stop what the count below lets pass
    first = len(column) // 10
    if (np.isnan(to_numbers(column.iloc[:first])) & filled[:first]).sum() > spare:
        return False
    return bool(filled.any() and (~np.isnan(to_numbers(column)))[filled].mean() >= NUMBER_SHARE)


def count_infinite(column: pd.Series[Any]) -> int:
    """Count the infinite numbers of a column, which `to_numbers` reads as missing."""
    if not (pd.api.types.is_float_dtype(column.dtype) or column.dtype == object):
        return 0
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        return int(np.isinf(column.to_numpy()).sum())
    numbers = pd.to_numeric(column, errors="coerce").astype("Float64").to_numpy(dtype="float64", na_value=np.nan)
    return int(np.isinf(numbers).sum())


class Numbers(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Numbers, standardised robustly, their gaps filled with the median and marked by a column of their own."""

    def fit(self, frame: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002 (scikit-learn passes it)
        """Learn medians and scales."""
        values = self._values(frame)
        self.gaps_ = np.isnan(values).any(axis=0)
        filled = np.where(np.isnan(values).all(axis=0), 0.0, values)
        self.middle_ = np.nanmedian(filled, axis=0)
        low, high = np.nanpercentile(filled, [25, 75], axis=0)
        spread = np.nanstd(filled, axis=0)
        self.scale_ = np.where(high > low, (high - low) / 1.349, np.where(spread > 0, spread, 1.0))
        return self

    def transform(self, frame: pd.DataFrame) -> Floats:
        """Return the standardised values, then one column of marks for each column with gaps."""
        values = self._values(frame)
        empty = np.isnan(values)
        scaled = np.where(empty, 0.0, (values - self.middle_) / self.scale_)
        # A single wild value must not stretch the axis for all others: beyond 3 the scale is logarithmic.
        size = np.abs(scaled)
        soft = np.sign(scaled) * (np.minimum(size, 3) + np.log1p(np.maximum(size - 3, 0)))
        return np.hstack([soft, empty[:, self.gaps_]])

    def _values(self, frame: pd.DataFrame) -> Floats:
        values = np.column_stack([to_numbers(frame[c]) for c in frame.columns])
        return np.clip(values, -LARGEST, LARGEST)


class Dates(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Dates as the day number and the parts that people plan by: year, month, weekday, hour."""

    def fit(self, frame: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002 (scikit-learn passes it)
        """Learn the scales of the parts."""
        self.numbers_ = Numbers().fit(self._parts(frame))
        return self

    def transform(self, frame: pd.DataFrame) -> Floats:
        """Return the standardised parts."""
        return self.numbers_.transform(self._parts(frame))

    def _parts(self, frame: pd.DataFrame) -> pd.DataFrame:
        parts: dict[str, Any] = {}
        for name in frame.columns:
            dates = pd.to_datetime(frame[name], errors="coerce", utc=True).dt
            days = (dates.tz_convert(None) - pd.Timestamp("2000-01-01")).dt.total_seconds() / 86400
            parts |= {f"{name}.day": days, f"{name}.year": dates.year, f"{name}.month": dates.month}
            parts |= {f"{name}.weekday": dates.day_of_week, f"{name}.hour": dates.hour}
        return pd.DataFrame(parts)


class Categories(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Categories one-hot, rare ones together, a missing one as a category of its own."""

    def fit(self, frame: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002 (scikit-learn passes it)
        """Learn the categories."""
        rare = max(2, len(frame) // 1000)
        self.encoder_ = OneHotEncoder(min_frequency=rare, max_categories=200, handle_unknown="infrequent_if_exist")
        self.known_: list[dict[str, int]] = []
        for name in frame.columns:
            texts = sorted(set(self._write(frame[name])[1]))
            self.known_.append({text: place for place, text in enumerate(texts)})
        self.encoder_.fit(self._number(frame))
        return self

    def transform(self, frame: pd.DataFrame) -> sparse.csr_matrix:
        """Return one column for each category."""
        return self.encoder_.transform(self._number(frame))

    def _number(self, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
        """Number the cells in the order of their texts, -1 for what is new: the encoder is many times as fast on numbers."""
        numbers = []
        for name, known in zip(frame.columns, self.known_, strict=True):
            codes, texts = self._write(frame[name])
            numbers.append(np.array([known.get(text, -1) for text in texts], dtype=np.int64)[codes])
        return np.column_stack(numbers)

    def _write(self, column: pd.Series[Any]) -> tuple[npt.NDArray[np.intp], list[str]]:
        """Number the texts of a column; that of missing cells, which have the number -1, is the last."""
        codes, texts = distinct_canonicals(column)
        written = ["\x00missing" if text is None else text for text in texts]
        return codes, [*written, "\x00missing"] if (codes < 0).any() else written


class Texts(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Texts as tf-idf of words and, on tables of moderate size, of character n-grams."""

    def fit(self, frame: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002 (scikit-learn passes it)
        """Learn the words."""
        self.fit_transform(frame)
        return self

    def fit_transform(self, frame: pd.DataFrame, y: object = None) -> sparse.csr_matrix:  # noqa: ARG002 (likewise)
        """Learn the words and count them in one pass."""
        common: dict[str, Any] = {"sublinear_tf": True, "dtype": np.float64, "strip_accents": "unicode"}
        makers = [TfidfVectorizer(token_pattern=WORD, ngram_range=(1, 2), min_df=2, max_features=200_000, **common)]
        if len(frame) <= CHARACTER_ROWS:
            makers.append(
                TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=3, max_features=200_000, **common)
            )
        self.makers_, parts = [], []
        for name in frame.columns:
            texts = self._texts(frame, name)
            for maker in makers:
                own = TfidfVectorizer(**maker.get_params())
                try:
                    parts.append(own.fit_transform(texts))
                except ValueError:  # no word occurs twice: this column has nothing to say
                    continue
                self.makers_.append((name, own))
        return sparse.hstack(parts, format="csr") if parts else sparse.csr_matrix((len(frame), 0))

    def transform(self, frame: pd.DataFrame) -> sparse.csr_matrix:
        """Return the tf-idf of all columns side by side."""
        parts = [maker.transform(self._texts(frame, name)) for name, maker in self.makers_]
        return sparse.hstack(parts, format="csr") if parts else sparse.csr_matrix((len(frame), 0))

    def _texts(self, frame: pd.DataFrame, name: str) -> list[str]:
        return ["" if text is None else text for text in canonicals(frame[name])]


class Images(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Images as their gradients, colours and typical patches, compressed."""

    def fit(self, frame: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002 (scikit-learn passes it)
        """Learn what is typical of each column."""
        self.fit_transform(frame)
        return self

    def fit_transform(self, frame: pd.DataFrame, y: object = None) -> Floats:  # noqa: ARG002 (likewise)
        """Learn what is typical of each column, and describe its images once."""
        from dcai.findings.features.pictures import Descriptor

        self.makers_ = [(name, Descriptor()) for name in frame.columns]
        return np.hstack([maker.fit_transform(list(frame[name])) for name, maker in self.makers_])

    def transform(self, frame: pd.DataFrame) -> Floats:
        """Return the compressed vectors of all columns side by side."""
        return np.hstack([maker.transform(list(frame[name])) for name, maker in self.makers_])


class Dense(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A sparse matrix compressed to a few dense columns; a dense one as it is."""

    def __init__(self, dimensions: int = 100) -> None:
        self.dimensions = dimensions

    def fit(self, matrix: Any, y: object = None) -> Self:  # noqa: ARG002 (scikit-learn passes it)
        """Learn the main directions."""
        self.svd_ = None
        if sparse.issparse(matrix):
            size = min(self.dimensions, matrix.shape[1] - 1, matrix.shape[0] - 1)
            some = np.unique(np.linspace(0, matrix.shape[0] - 1, min(matrix.shape[0], DIRECTION_ROWS)).astype(np.intp))
            self.svd_ = TruncatedSVD(max(size, 1), random_state=0).fit(matrix[some]) if min(matrix.shape) > 1 else None
        return self

    def transform(self, matrix: Any) -> Floats:
        """Return the dense columns."""
        if self.svd_ is not None:
            return np.asarray(self.svd_.transform(matrix))
        return np.asarray(matrix.toarray() if sparse.issparse(matrix) else matrix)


class Vectoriser(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A frame of raw columns to one matrix.

    Parameters
    ----------
    roles : mapping of column name to "number", "date", "category", "text" or "image"
        How each column is read; columns that are not named are left out.
    """

    def __init__(self, roles: Mapping[str, str]) -> None:
        self.roles = roles

    def fit(self, frame: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002 (scikit-learn passes it)
        """Learn from the columns that have a role."""
        self.fit_transform(frame)
        return self

    def fit_transform(self, frame: pd.DataFrame, y: object = None) -> Any:  # noqa: ARG002 (likewise)
        """Learn from the columns that have a role, and return their matrix."""
        makers: dict[str, Any] = {
            "number": Numbers,
            "date": Dates,
            "category": Categories,
            "text": Texts,
            "image": Images,
        }
        self.parts_, made = [], []
        for role, maker in makers.items():
            names = [name for name, its in self.roles.items() if its == role]
            if names:
                part = maker()
                made.append(part.fit_transform(frame[names]))
                self.parts_.append((names, part))
        return self._join(made, len(frame))

    def transform(self, frame: pd.DataFrame) -> Any:
        """Return the matrix: dense where it is small or has no zeros to spare, else sparse."""
        return self._join([part.transform(frame[names]) for names, part in self.parts_], len(frame))

    def _join(self, parts: list[Any], rows: int) -> Any:
        if not parts:
            return np.zeros((rows, 1))
        if any(sparse.issparse(p) for p in parts):
            joined = sparse.hstack([sparse.csr_matrix(p) for p in parts], format="csr")
            return joined.toarray() if joined.shape[1] <= 300 else joined  # noqa: PLR2004 (few columns: dense is faster)
        return np.hstack(parts)
