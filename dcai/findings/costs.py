"""What the stages of an audit cost beside each other: rough seconds of one core, measured, from which the time left is told.

How fast a machine is, and how far these are off for a table, is seen while an audit runs (`dcai.findings.outlook`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dcai.base.table import Table
    from dcai.findings.streaming.sources import Source

COUNTED_ROWS = 100_000  # classes are counted among so many rows
MOST_CLASSES = 100  # more are seldom classes, and not learnt one by one


class Cost(NamedTuple):
    """Seconds whatever the size, and microseconds for each cell with a number or date, a category, a text."""

    fixed: float = 0.01
    number: float = 0.0
    category: float = 0.0
    text: float = 0.0

    def sum_up(self, rows: int, kinds: Sequence[str]) -> float:
        """Return the seconds for so many rows of columns of these kinds.

        Examples
        --------
        >>> Cost(0.5, number=2.0).sum_up(1_000_000, ["number", "text"])
        2.5
        """
        each = {"category": self.category, "boolean": self.category, "text": self.text}
        return self.fixed + 1e-6 * rows * sum(each.get(kind, self.number) for kind in kinds)


IN_MEMORY = {
    "sorting": Cost(0.0, 0.7, 0.5, 1.2),
    "conflicts": Cost(0.05, 0.05, 0.1, 3.0),
    "duplicates": Cost(0.01, 0.03, 0.05, 0.1),
    "missing": Cost(0.05, 0.3, 0.5, 1.5),
    "variants": Cost(0.02, 0.0, 0.5, 5.0),
    "patterns": Cost(0.02, 0.0, 0.6, 12.0),
    "ranges": Cost(0.1, 0.6, 0.1, 1.0),
    "outliers": Cost(0.25, 0.3, 0.6, 0.0),
    "underperforming_groups": Cost(0.05, 0.2, 0.1, 0.3),
    "non_iid": Cost(0.06, 0.05, 0.05, 0.1),
    "leakage": Cost(0.05, 0.05, 0.3, 1.0),
    "personal_data": Cost(0.02, 0.1, 0.1, 3.0),
    "done": Cost(0.02, 0.1, 0.1, 2.0),
}
# Of these, numbers, labels and rows are counted in batches; models learn from a sample, whatever the size.
STREAMED = {
    "reading": Cost(0.1, 0.03, 0.1, 2.0),
    "sampling": Cost(0.5, 0.01, 0.01, 0.05),
    "judging": Cost(0.1, 0.04, 0.4, 15.0),
    "missing": Cost(0.2, 0.0, 0.1, 0.0),
    "variants": Cost(0.1, 0.0, 0.1, 0.0),
    "patterns": Cost(0.1, 0.0, 0.1, 0.0),
    "ranges": Cost(0.5, 0.0, 0.1, 0.0),
    "underperforming_groups": Cost(0.5),
    "leakage": Cost(0.3),
    "done": Cost(1.5),
}


def estimate_stages(table: Table, detectors: Iterable[str]) -> dict[str, float]:
    """Estimate the seconds of each stage of an audit in memory, in their order.

    Examples
    --------
    >>> import pandas as pd
    >>> from dcai.base.table import make_table
    >>> list(estimate_stages(make_table(pd.DataFrame({"x": [1, 2]})), ["missing", "ranges"]))
    ['sorting', 'missing', 'ranges', 'done']
    """
    kinds = [table.kinds[name] for name in table.features]
    classes = count_classes(table)
    models = Cost(0.3 + 0.7 * ("text" in kinds), 0.2 * classes, 0.2 * classes, 45 + 15 * classes)
    costs = IN_MEMORY | {"labels": models}
    rows = len(table)
    return {name: costs.get(name, Cost()).sum_up(rows, kinds) for name in ("sorting", *detectors, "done")}


def estimate_passes(source: Source, kinds: Sequence[str], detectors: Iterable[str], sampled: int) -> dict[str, float]:
    """Estimate the seconds of each stage of an audit in batches, in their order; the models learn from so many rows.

    Examples
    --------
    >>> list(estimate_passes([None] * 9, ["number"], ["labels", "ranges"], 9))
    ['reading', 'sampling', 'labels', 'judging', 'ranges', 'done']
    """
    learnt = Cost(1.0, 4.0, 8.0, 100.0).sum_up(sampled, kinds)
    found: dict[str, float] = {}
    for name in ("reading", "sampling", *detectors, "done"):
        found[name] = learnt if name == "labels" else STREAMED.get(name, Cost()).sum_up(len(source), kinds)
        if name == "labels":
            found["judging"] = STREAMED["judging"].sum_up(len(source), kinds)
    return found


def count_classes(table: Table) -> int:
    """Count the different labels among the first rows, up to a number; 0 where there is no label."""
    if table.label is None:
        return 0
    return min(table.frame[table.label].iloc[:COUNTED_ROWS].astype(str).nunique(), MOST_CLASSES)
