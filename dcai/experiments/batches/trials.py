"""What a comparison of two batches of data looks at, and one thing that it tried: a test, or a plain fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.table import Table
from dcai.findings.masking import Veil

LARGE, VERY_LARGE = 1e4, 1e12  # numbers between these are written without decimals, others with four digits
Marks = npt.NDArray[np.bool_]
FACT = float("nan")  # the p-value of what needs no test, such as a column that is not there


@dataclass(frozen=True, eq=False)
class Batches:
    """Reference and current rows, and which of their columns are compared.

    Attributes
    ----------
    reference, current : Table
        With the columns that both have under one name; renamed ones have the reference's.
    kinds : dict of str to str
        The kind of each common column, judged by both batches together; label and key are left out.
    label : str or None
        The label column, where one is named.
    veil : Veil
        What may be shown of sensitive columns.
    hidden : frozenset of str
        Columns that are compared and that no model may learn from, such as predictions.
    seed : int
        Decides what is drawn by chance.
    empty : mapping of str to pair of array of bool
        Which cells of both were empty as given, of columns that have been read as dates.
    """

    reference: Table
    current: Table
    kinds: Mapping[str, str]
    label: str | None
    veil: Veil
    hidden: frozenset[str] = frozenset()
    seed: int = 0
    empty: Mapping[str, tuple[Marks, Marks]] = field(default_factory=dict)

    def take(self, before: npt.NDArray[np.intp], now: npt.NDArray[np.intp]) -> Batches:
        """Return both with some of their rows."""
        empty = {name: (one[before], other[now]) for name, (one, other) in self.empty.items()}
        return replace(self, reference=self.reference.take(before), current=self.current.take(now), empty=empty)

    def find_empty(self, name: str) -> tuple[Marks, Marks]:
        """Say which cells of one column are empty, in both."""
        one, other = (column.isna().to_numpy() for column in self.columns(name))
        return self.empty.get(name, (one, other))

    def columns(self, name: str) -> tuple[pd.Series[Any], pd.Series[Any]]:
        """Return one column of both."""
        return self.reference.frame[name], self.current.frame[name]

    def column(self, name: str, side: int) -> pd.Series[Any]:
        """Return one column of the reference (0) or of the current rows (1), where the other may lack it."""
        return (self.reference, self.current)[side].frame[name]

    def show(self, value: object, column: str) -> str:
        """Write a value for a sentence: masked where its column is sensitive, cut where it is long."""
        from dcai.base.display import show_text

        shown = self.veil.show(value, column)
        if not isinstance(shown, float):
            return show_text(shown, 40)
        return f"{shown:,.0f}" if LARGE <= abs(shown) < VERY_LARGE else f"{shown:.4g}"


@dataclass(frozen=True, eq=False)
class Trial:
    """One thing that was tried.

    Attributes
    ----------
    check : str
        What was looked for: the `detector` of a finding about it.
    column : str or None
        The column, None for the rows as a whole.
    reason : str
        The sentence of the finding, without its p-value.
    p : float
        The p-value before correction; NaN of a plain fact.
    effect : float
        The size of the difference, in the measure `measure`.
    floor : float
        A smaller effect does not count as drift, however sure it is.
    test, measure : str
        What p-value and effect are.
    given, suggested : object
        A current value and what it was in the reference, where there is one of each.
    peers : sequence of int
        Positions of the current rows concerned.
    counts : bool
        Whether it can count as drift; a remark cannot.
    figures : mapping
        Further numbers, for the table of tests.
    mend : callable, optional
        Brings the current column back to how the reference has it, so that what is compared after does not find the same again.
    """

    check: str
    column: str | None
    reason: str
    p: float = FACT
    effect: float = 1.0
    floor: float = 0.0
    test: str = ""
    measure: str = ""
    given: object = None
    suggested: object = None
    peers: Sequence[int] = ()
    counts: bool = True
    figures: Mapping[str, float] = field(default_factory=dict)
    mend: Callable[[pd.Series[Any]], pd.Series[Any]] | None = None

    @property
    def is_fact(self) -> bool:
        """Whether it needs no test."""
        return bool(np.isnan(self.p))

    def stands(self, alpha: float) -> bool:
        """Say whether it would count if it were the only one tried."""
        return (self.is_fact or self.p <= alpha) and self.effect >= self.floor


def mend_columns(batches: Batches, trials: Sequence[Trial], alpha: float) -> Batches:
    """Bring current columns under a new unit, or with renamed categories, back to how the reference has them."""
    frame = batches.current.frame
    for trial in trials:
        if trial.mend is not None and trial.column is not None and trial.stands(alpha):
            frame = frame.assign(**{trial.column: trial.mend(frame[trial.column])})
    return (
        batches if frame is batches.current.frame else replace(batches, current=replace(batches.current, frame=frame))
    )
