"""What stands behind a finding, made only when somebody asks: the thresholds of the classes, the rows most like one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical
from dcai.base.table import Table
from dcai.findings.evidence import Settings
from dcai.findings.explanations.relevance import measure_spread
from dcai.findings.labels import models
from dcai.findings.labels.classes import read_labels

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

SAMPLE_ROWS = 3000  # the nearest rows are looked for among this many, so that the first look takes a second at most
NEAREST = 5


class Space(NamedTuple):
    """Rows as points: the positions of a sample, its points, and how to place any other row among them."""

    rows: Rows
    points: Floats
    place: Callable[[int], Floats]


@dataclass(frozen=True, eq=False)
class Context:
    """What an explanation needs beyond the findings; each part is made when it is first asked for, and kept.

    Attributes
    ----------
    table : Table
        The audited rows, in the caller's order.
    settings : Settings
        How the audit was made.
    probabilities : pandas.DataFrame or None
        Out-of-sample probabilities, one row for each row of the table.
    """

    table: Table
    settings: Settings
    probabilities: pd.DataFrame | None

    @cached_property
    def codes(self) -> Rows:
        """The given class of each row, as a column of the probabilities; -1 where there is none."""
        nothing = np.full(len(self.table), -1, dtype=np.intp)
        if self.probabilities is None or self.table.label is None or len(self.probabilities) != len(self.table):
            return nothing
        try:
            labels = read_labels(self.table.frame[self.table.label], self.table.label)
        except InputError:  # several classes in one cell: no single one is given
            return nothing
        known = {canonical(name): place for place, name in enumerate(self.probabilities.columns)}
        places = np.array([known.get(canonical(name), -1) for name in labels.names] + [-1], dtype=np.intp)
        return np.asarray(places[labels.codes], dtype=np.intp)

    @cached_property
    def thresholds(self) -> Floats:
        """The mean probability of each class over the rows that are given it, shape (K,); NaN where there are none."""
        if self.probabilities is None:
            return np.empty(0)
        rows = np.flatnonzero(self.codes >= 0)
        size = self.probabilities.shape[1]
        own = self.probabilities.to_numpy()[rows, self.codes[rows]] if len(rows) else np.empty(0)
        counts = np.bincount(self.codes[rows], minlength=size)
        sums = np.bincount(self.codes[rows], weights=own.astype(np.float64), minlength=size)
        return np.asarray(np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0))

    @cached_property
    def space(self) -> Space | None:
        """A sample of the rows as points, as models see them; None where no column can serve as a feature."""
        order = np.lexsort(self.table.content.T[::-1])  # so that the sample does not depend on the order of the rows
        places = np.linspace(0, len(order) - 1, min(len(order), SAMPLE_ROWS)).astype(np.intp)
        rows = np.sort(order[np.unique(places)])
        features = self.settings.features
        if isinstance(features, np.ndarray):
            return Space(rows, features[rows], lambda row: np.asarray(features[row], dtype=np.float64))
        roles = models.roles_of(self.table, tuple(features) if features is not None else None)
        if not roles:
            return None
        from dcai.findings.features.vectors import Dense, Vectoriser

        frame = self.table.frame
        vectoriser, dense = Vectoriser(roles), Dense()
        points = dense.fit_transform(vectoriser.fit_transform(frame.iloc[rows]))

        def place(row: int) -> Floats:
            return np.asarray(dense.transform(vectoriser.transform(frame.iloc[[row]]))[0], dtype=np.float64)

        return Space(rows, np.asarray(points, dtype=np.float64), place)

    @cached_property
    def _spreads(self) -> dict[str, float]:
        return {}

    def find_spread(self, name: str) -> float:
        """Return how far apart numbers of a column must be to be worth a look; it is measured when first asked for."""
        if name not in self._spreads:
            self._spreads[name] = measure_spread(self.table, name)
        return self._spreads[name]

    def find_nearest(self, row: int, number: int = NEAREST) -> pd.DataFrame:
        """Find the rows most like one: columns ``row`` and ``distance``, the nearest first."""
        none: dict[str, Any] = {"row": np.empty(0, dtype=np.int64), "distance": np.empty(0)}
        if self.space is None:
            return pd.DataFrame(none)
        far = np.sqrt(((self.space.points - self.space.place(row)) ** 2).sum(axis=1))
        far[self.space.rows == row] = np.inf
        first = np.argsort(far, kind="stable")[:number]
        first = first[np.isfinite(far[first])]
        return pd.DataFrame({"row": self.space.rows[first].astype(np.int64), "distance": far[first]})
