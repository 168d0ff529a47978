"""Evidence: what detectors look at, computed once, when first asked for.

All of it is in *canonical order*: the rows sorted by the hash of their content. So nothing depends on the order in
which the caller's rows happen to stand, and permuting them moves no finding.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import hash_rows
from dcai.base.table import Table
from dcai.findings import models
from dcai.findings.classes import Labels, read_labels
from dcai.findings.noise import Noise, estimate_noise
from dcai.findings.progress import Progress, tell_nobody

if TYPE_CHECKING:
    from dcai.findings.alignment import Aligned

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Task = Literal["classification", "regression"]

TASKS = ("classification", "regression")
FEW_NUMBERS = 20  # that many distinct numbers are classes,
MANY_NUMBERS = 200  # or this many whole ones, if each
ROWS_A_CLASS = 10  # has this many rows
NEIGHBOURS = 10
NEIGHBOUR_ROWS = 20_000  # each row is compared with at most this many


# A label column of which more than this share occurs once is no class.
MOSTLY = 0.5


class Unmet(Exception):  # noqa: N818 (not an error: the word that a detector's need is not met)
    """A detector's need cannot be met; the text says why."""


@dataclass(frozen=True)
class Settings:
    """How the evidence is to be made: the parameters of `audit`, checked."""

    task: Task | None = None
    model: Any = None
    features: Any = None
    probabilities: Any = None
    folds: int = 5
    random_state: int = 0


@dataclass(frozen=True, eq=False)
class Evidence:
    """A table, and what can be known about it.

    Attributes
    ----------
    table : Table
        The rows in canonical order.
    positions : array of int, shape (n,)
        The caller's position of each row.
    settings : Settings
        How to make the rest.
    """

    table: Table
    positions: Rows
    settings: Settings = field(default_factory=Settings)
    progress: Progress = field(default=tell_nobody)

    # ---------------------------------------------------------------- labels

    @cached_property
    def task(self) -> Task:
        """What the label is: a class or a number."""
        if self.table.label is None:
            raise Unmet("there is no label column")
        return self.settings.task or infer_task(self.table.frame[self.table.label])

    @cached_property
    def labels(self) -> Labels:
        """The given labels as classes."""
        if self.task != "classification" or self.table.label is None:
            raise Unmet("the label is a number, not a class")
        return self._labels if self._aligned is None else replace(self._labels, names=self._aligned.names)

    @cached_property
    def _labels(self) -> Labels:
        return read_labels(self.table.frame[str(self.table.label)], str(self.table.label))

    @cached_property
    def _aligned(self) -> Aligned | None:
        """The user's own probabilities, in canonical order; None where there are none."""
        if self.settings.probabilities is None:
            return None
        from dcai.findings.alignment import align_probabilities

        # The caller's rows and probabilities are compared as given: that is the order that has to be proven.
        back = np.argsort(self.positions, kind="stable")
        asked = replace(self._labels, codes=self._labels.codes[back], given=self._labels.given[back])
        index, column = self.table.frame.index[back], str(self.table.label)
        found = align_probabilities(self.settings.probabilities, asked, index, column)
        return found._replace(probabilities=found.probabilities[self.positions])

    @cached_property
    def targets(self) -> Floats:
        """The label column as numbers, NaN where there is none."""
        from dcai.findings.vectors import to_numbers

        if self.task != "regression" or self.table.label is None:
            raise Unmet("the label is a class, not a number")
        values = to_numbers(self.table.frame[self.table.label])
        if np.isnan(values).all():
            raise InputError(
                f"The label column {self.table.label!r} holds no numbers. Expected numbers for task='regression'."
            )
        return values

    # ---------------------------------------------------------------- features

    @cached_property
    def roles(self) -> dict[str, str]:
        """How each feature column is read."""
        names = self.settings.features
        return models.roles_of(self.table, tuple(names) if isinstance(names, (list, tuple)) else None)

    @cached_property
    def features(self) -> Any:
        """The features as one matrix, dense or sparse, shape (n, d)."""
        from dcai.findings.vectors import Vectoriser

        if isinstance(self.settings.features, np.ndarray):
            return self.settings.features[self.positions]
        if not self.roles:
            raise Unmet("no column can serve as a feature")
        self.progress("features", 0, 1)
        made = Vectoriser(self.roles).fit_transform(self.table.frame)
        self.progress("features", 1, 1)
        return made

    @cached_property
    def texts(self) -> Any:
        """The text columns alone, as a sparse matrix."""
        from dcai.findings.vectors import Vectoriser

        roles = {name: role for name, role in self.roles.items() if role == "text"}
        return self.features if roles == self.roles else Vectoriser(roles).fit_transform(self.table.frame)

    @cached_property
    def dense(self) -> Floats:
        """The features compressed to a few dense columns, shape (n, d)."""
        from dcai.findings.vectors import Dense

        return np.asarray(Dense().fit_transform(self.features), dtype=np.float64)

    @cached_property
    def copies(self) -> Rows:
        """A number for each row, the same for rows that agree in all columns but label and key, shape (n,)."""
        return _number_rows(hash_rows(self.table.frame, self.table.features))

    @cached_property
    def twins(self) -> Rows:
        """A number for each row, the same for rows that look the same to a model, shape (n,)."""
        given = self.settings.features
        if given is None:
            return self.copies
        if isinstance(given, np.ndarray):
            return _number_rows(given[self.positions])
        return _number_rows(hash_rows(self.table.frame, given))

    @cached_property
    def neighbours(self) -> tuple[Floats, Rows]:
        """Distances to and positions of each row's nearest other rows, shape (n, k) each."""
        from sklearn.neighbors import NearestNeighbors

        points = self.dense
        sample = np.unique(np.linspace(0, len(points) - 1, min(len(points), NEIGHBOUR_ROWS)).astype(np.intp))
        size = min(NEIGHBOURS, len(sample) - 1)
        if size < 1:
            raise Unmet("there are too few rows to have neighbours")
        far, near = NearestNeighbors(n_neighbors=size + 1).fit(points[sample]).kneighbors(points)
        near = sample[near]
        # A row is not its own neighbour; it is found by its number, not by its place, for copies are as near.
        own = near == np.arange(len(points))[:, None]
        own[~own.any(axis=1), -1] = True
        keep = ~own
        return far[keep].reshape(len(points), size), near[keep].reshape(len(points), size)

    # ---------------------------------------------------------------- predictions

    @cached_property
    def probabilities(self) -> Floats:
        """Out-of-sample probabilities of the classes, shape (n, K)."""
        return self._predicted[0] if self._aligned is None else self._aligned.probabilities

    @cached_property
    def model_note(self) -> str:
        """Say where the probabilities come from."""
        return self._predicted[1] if self._aligned is None else self._aligned.note

    @cached_property
    def _predicted(self) -> tuple[Floats, str]:
        from dcai.findings.prediction import predict_classes

        counts = self.labels.counts
        if counts[counts == 1].sum() > MOSTLY * counts.sum():
            raise Unmet(
                f"most of the {counts.sum():,} labels occur only once ({len(counts):,} classes): the column looks like an identifier or free text. "
                "Name another label column"
            )
        return predict_classes(self)

    @cached_property
    def noise(self) -> Noise:
        """How likely each label is wrong."""
        return estimate_noise(self.probabilities, self.labels.codes)

    @cached_property
    def predictions(self) -> Floats:
        """Out-of-sample predictions of a label that is a number, shape (n,)."""
        from dcai.findings.prediction import predict_numbers

        return predict_numbers(self)


def _number_rows(values: npt.NDArray[Any]) -> Rows:
    return np.asarray(np.unique(values, axis=0, return_inverse=True)[1].ravel(), dtype=np.intp)


def make_evidence(table: Table, settings: Settings, progress: Progress) -> Evidence:
    """Sort a table into canonical order."""
    keys = np.column_stack([table.row_hashes, table.label_hashes])
    order = np.lexsort(keys.T[::-1])
    ordered = Table(table.frame.iloc[order], table.label, table.key, table.hidden)
    return Evidence(ordered, order, settings, progress)


def infer_task(column: pd.Series[Any]) -> Task:
    """Say whether a label is a class or a number.

    Text, booleans and categories are classes. Numbers are, when there are few of them, or when they are whole and
    each has several rows.
    """
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        cells = column.dropna()
        if column.dtype != object or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in cells):
            return "classification"
    values = pd.to_numeric(column.dropna())
    distinct = values.nunique()
    whole = bool((values.astype("float64") % 1 == 0).all())
    if distinct <= FEW_NUMBERS and (whole or distinct * ROWS_A_CLASS <= len(values)):
        return "classification"
    if whole and distinct <= MANY_NUMBERS and distinct * ROWS_A_CLASS <= len(values):
        return "classification"
    return "regression"
