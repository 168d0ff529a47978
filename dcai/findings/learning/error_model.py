"""Learning which cells are wrong from the few that a person has looked at: one model for all columns, with a part of its own for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dcai.findings.learning.cellfeatures import FEATURES, Cells
from dcai.findings.learning.cellvotes import VOTES
from dcai.findings.learning.verdicts import Labelled

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

BASE = -4.5  # log-odds of a cell that no detector doubts
SURE = 0.98  # a detector's doubt counts as at most so much, and at least as one minus that
# How far each feature may move the log-odds, as the standard deviation of its weight before any review: in all columns
# alike, in one column, for a column as a whole, for cells of one family, for doubts in the same words (in one column
# and in all), for cells that an edit would rewrite, and for the letter that is unusual in its place.
SPREAD = {
    "all": 2.5,
    "own": 1.0,
    "column": 1.0,
    "family": 1.2,
    "kind": 1.5,
    "kinds": 1.0,
    "rewriting": 1.5,
    "oddest": 1.0,
}
FAMILIES = ("value", "shape", "form", "marks")
# What tables with planted errors taught about cells of any table, halved: where a review has not spoken yet.
EXPERIENCE = {
    "shape": 0.6,
    "form": 0.3,
    "odd letters": 0.6,
    "no number": 0.8,
    "voted down by all": 1.0,
    "doubted along the row": 0.6,
    "odd along the row": 0.3,
}
NUMBERS = ("constant", "doubted", *FEATURES, "doubted along the row", "odd along the row")
# The numbers that speak of one thing, to say in words what a cell is flagged for.
_GROUPS = {
    "votes": [NUMBERS.index(vote) for vote in VOTES],
    "row": [NUMBERS.index("doubted along the row"), NUMBERS.index("odd along the row")],
    "oddness": [k for k, number in enumerate(NUMBERS) if number not in VOTES and not number.endswith("along the row")],
}
_ODD, _SHAPE = FEATURES.index("odd letters"), FEATURES.index("shape")
_MOST_STEPS = 300


@dataclass(frozen=True, eq=False)
class Doubts:
    """What the detectors, and edits of other cells, say about the cells of one column.

    Attributes
    ----------
    doubt : array of shape (n,)
        The worst doubt of any detector; NaN where none has any.
    kinds : array of object, shape (n,)
        Which detectors doubt the cell, in which words; empty where none does.
    rewritings : sequence of str
        For each distinct text of the column the rewriting, shown by an edit, that would change it; empty where none would.
    """

    doubt: Floats
    kinds: npt.NDArray[np.object_]
    rewritings: Sequence[str] = ()

    @property
    def odds(self) -> Floats:
        """The log-odds that the detectors alone give to each cell."""
        known = np.clip(self.doubt, 1 - SURE, SURE)
        return np.where(np.isnan(self.doubt), BASE, np.log(known / (1 - known)))


@dataclass(frozen=True, eq=False)
class Family:
    """A way to sort a column's cells: each has one code, the codes have names, and the name counts with a weight."""

    codes: Codes
    names: Sequence[str]
    weight: Floats | float


@dataclass(frozen=True, eq=False)
class CellEvidence:
    """All that speaks for or against the cells of a table."""

    cells: Cells
    doubts: Mapping[str, Doubts]

    @cached_property
    def _along(self) -> tuple[Floats, Floats]:
        """What is doubted in each row, and what is written oddly, column by column."""
        columns = self.cells.columns
        doubted = [~np.isnan(self.doubts[n].doubt) for n in self.cells.names]
        odd = [np.clip(columns[n].measures[columns[n].codes, _SHAPE] / 2, 0, 3) for n in self.cells.names]
        return np.column_stack(doubted).astype(np.float64), np.column_stack(odd).astype(np.float64)

    def measure(self, name: str) -> Floats:
        """Return the numbers that are known of a column's cells, shape (n, len(NUMBERS))."""
        at, others = self.cells.names.index(name), max(len(self.cells.names) - 1, 1)
        along = [(part.sum(axis=1) - part[:, at]) / np.sqrt(others) for part in self._along]
        doubted = ~np.isnan(self.doubts[name].doubt)
        measures = np.clip(self.cells.measure(name) / 2, -1.5, 4)
        return np.column_stack([np.ones(len(doubted)), doubted, measures, *along]).astype(np.float64)

    def guess(self, name: str) -> Floats:
        """Return the log-odds of each cell before any review, from what detectors say and from how odd it is."""
        weights = np.array([EXPERIENCE.get(number, 0.0) for number in NUMBERS])
        return np.asarray(self.doubts[name].odds + self.measure(name) @ weights)

    def sort(self, name: str) -> dict[tuple[str, ...], Family]:
        """Return the families of a column's cells, by what their weights are called."""
        column, said = self.cells.columns[name], self.doubts[name]
        sorted_: dict[tuple[str, ...], Family] = {
            ("family", family, name): Family(column.codes, column.families[family], SPREAD["family"])
            for family in FAMILIES
        }
        kinds, place = np.unique(said.kinds.astype(str), return_inverse=True)
        sorted_[("kind", name)] = Family(place, kinds.tolist(), SPREAD["kind"])
        sorted_[("kinds",)] = Family(place, kinds.tolist(), SPREAD["kinds"])
        if len(said.rewritings):
            sorted_[("rewriting", name)] = Family(column.codes, said.rewritings, SPREAD["rewriting"])
        odd = np.clip(column.measures[column.codes, _ODD] / 2, 0, 3).astype(np.float64)
        sorted_[("oddest",)] = Family(column.codes, column.families["oddest"], SPREAD["oddest"] * odd)
        return sorted_


@dataclass(frozen=True, eq=False)
class Model:
    """What was learnt: the weights of numbers and families, those of all columns and those of one."""

    evidence: CellEvidence
    weights: Mapping[tuple[Any, ...], float] = field(default_factory=dict)

    def weigh(self, name: str) -> dict[str, Floats]:
        """Return what each group of features adds to the log-odds of a column's cells."""
        numbers = self.evidence.measure(name)
        get = self.weights.get
        learnt = np.array([get(("number", k), 0.0) + get(("number", k, name), 0.0) for k in range(numbers.shape[1])])
        parts = {"detectors": self.evidence.guess(name)}
        for group, its in _GROUPS.items():
            parts[group] = numbers[:, its] @ learnt[its]
        parts["column"] = np.full(len(numbers), get(("column", name), 0.0))
        for key, family in self.evidence.sort(name).items():
            weights = np.array([get((*key, of), 0.0) for of in family.names])
            group = key[1] if key[0] == "family" else key[0]
            parts[group] = weights[family.codes] * family.weight
        return parts

    def judge(self, name: str) -> Floats:
        """Return the probability that each cell of a column is wrong, shape (n,)."""
        odds = np.sum(list(self.weigh(name).values()), axis=0)
        return np.asarray(np.round(1 / (1 + np.exp(-np.clip(odds, -30, 30))), 6))


def learn(evidence: CellEvidence, labelled: Labelled) -> Model:
    """Fit a logistic regression whose weights are held near zero, so that where no verdict speaks the detectors' doubts stand."""
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix

    place: dict[tuple[Any, ...], int] = {}
    spreads: list[float] = []
    lines, at, data = [], [], []
    odds = np.zeros(len(labelled))
    for name in evidence.cells.names:
        own = np.flatnonzero(labelled.names == name)
        if not len(own):
            continue
        rows = labelled.rows[own]
        odds[own] = evidence.guess(name)[rows]
        for keys, values, spread in _list_features(evidence, name, rows):
            for line, key, value in zip(own.tolist(), keys, values.tolist(), strict=True):
                if value:
                    if key not in place:
                        place[key] = len(place)
                        spreads.append(spread)
                    lines.append(line)
                    at.append(place[key])
                    data.append(value * spread)
    design = csr_matrix((data, (lines, at)), shape=(len(labelled), len(place)))
    wrong = labelled.wrong

    def lose(weights: Floats) -> tuple[float, Floats]:
        logits = odds + design @ weights
        loss = np.logaddexp(0, logits).sum() - wrong @ logits + 0.5 * weights @ weights
        slope = design.T @ (1 / (1 + np.exp(-np.clip(logits, -30, 30))) - wrong) + weights
        return float(loss), np.asarray(slope)

    found = minimize(lose, np.zeros(len(place)), jac=True, method="L-BFGS-B", options={"maxiter": _MOST_STEPS})
    learnt = found.x * np.array(spreads)
    return Model(evidence, dict(zip(place, learnt.tolist(), strict=True)))


def _list_features(
    evidence: CellEvidence, name: str, rows: Codes
) -> Iterator[tuple[list[tuple[Any, ...]], Floats, float]]:
    """List for some cells of a column what their weights are called, their values, and the spread of the weights."""
    numbers = evidence.measure(name)[rows]
    for k in range(numbers.shape[1]):
        yield [("number", k)] * len(rows), numbers[:, k], SPREAD["all"]
        yield [("number", k, name)] * len(rows), numbers[:, k], SPREAD["own"]
    yield [("column", name)] * len(rows), np.ones(len(rows)), SPREAD["column"]
    for key, family in evidence.sort(name).items():
        weight = np.broadcast_to(np.asarray(family.weight, dtype=np.float64), (len(family.codes),))
        yield [(*key, family.names[c]) for c in family.codes[rows]], weight[rows], 1.0
