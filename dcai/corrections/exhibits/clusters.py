"""Spellings of one value: which of them belong together, and making them one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.errors import InputError, MissingError, shorten
from dcai.base.fingerprints import canonical, plain
from dcai.base.records import Cluster, Scalar, Spelling
from dcai.base.table import Table
from dcai.corrections.exhibits.contexts import Contexts

DETECTORS = ("variants", "label_names")
# Longer lists of spellings are no list to look through; the most frequent ones are shown.
MOST_SPELLINGS = 200

Mark = tuple[type, Scalar]
MergeOrder = tuple[int, str, Scalar, str]  # row, verdict, value, column


class Clusters:
    """The clusters of a queue: spellings that its findings join, each found from any of its members."""

    def __init__(self, queue: pd.DataFrame, contexts: Contexts) -> None:
        self._contexts = contexts
        self._leaders: dict[str, dict[Mark, Mark]] = defaultdict(dict)
        known = queue[queue["detector"].isin(DETECTORS)]
        for column, given, suggested in zip(known["column"], known["given"], known["suggested"], strict=True):
            one, two = _mark(plain(given)), _mark(plain(suggested))
            if isinstance(column, str) and None not in (one[1], two[1]):
                self._join(column, one, two)

    def _join(self, column: str, one: Mark, two: Mark) -> None:
        leaders = self._leaders[column]
        leaders[_lead(leaders, one)] = _lead(leaders, two)

    def of(self, finding: Any) -> Cluster:
        """Return the cluster of a finding, a row of the queue."""
        column, given, suggested = finding["column"], plain(finding["given"]), plain(finding["suggested"])
        leaders = self._leaders.get(column, {})
        if finding["detector"] not in DETECTORS or _mark(given) not in leaders:
            raise MissingError("This finding is not about spellings: there is nothing to merge.")
        leader = _lead(leaders, _mark(given))
        members = {mark for mark in leaders if _lead(leaders, mark) == leader}
        rows = {_mark(value): n for value, n in self._contexts.counts(column)}
        spellings = sorted(
            (Spelling(mark[1], rows.get(mark, 0)) for mark in members), key=lambda s: (-s.rows, str(s.value))
        )
        return Cluster(column, spellings[:MOST_SPELLINGS], suggested)


def order_merge(
    table: Table, classes: Sequence[Scalar], column: str, spellings: Sequence[Scalar], keep: Scalar
) -> list[MergeOrder]:
    """Return the decisions that make several spellings of a column one: row, verdict, value and column of each.

    Raises
    ------
    InputError
        Where the column does not exist, or holds none of the spellings.
    """
    if column not in table.frame.columns:
        raise InputError.unknown_name("column", column, table.frame.columns)
    wanted = {_mark(plain(value)) for value in spellings} - {_mark(plain(keep))}
    codes, values = pd.factorize(table.frame[column].astype(object))
    hits = [code for code, value in enumerate(values) if _mark(plain(value)) in wanted]
    rows = np.flatnonzero(np.isin(codes, hits)).tolist()
    if not rows:
        raise InputError(f"No row of {shorten(repr(column), 60)} holds one of these spellings: nothing was merged.")
    known = column == table.label and canonical(keep) in map(canonical, classes)
    return [(row, "relabel" if known else "edit", keep, column) for row in rows]


def read_merge(value: object) -> tuple[Scalar, list[Scalar]]:
    """Return the spelling that stays and those that become it, as the browser sends them in one list."""
    if not isinstance(value, (list, tuple)) or len(value) < 2:  # noqa: PLR2004 (the one that stays and another)
        raise InputError("A merge needs the spelling that stays and at least one that becomes it.")
    keep, *others = value
    if isinstance(keep, str) and not keep.strip():
        raise InputError("The spelling that stays is empty. Type one, or edit the rows one by one.")
    if keep in others:
        raise InputError(f"{shorten(repr(keep), 60)} cannot both stay and be merged.")
    return keep, others


def _lead(leaders: dict[Mark, Mark], mark: Mark) -> Mark:
    """Find the leader of a spelling's cluster; on the way every other step is cut out."""
    leaders.setdefault(mark, mark)
    while leaders[mark] != mark:
        leaders[mark] = leaders[leaders[mark]]
        mark = leaders[mark]
    return mark


def _mark(value: Scalar) -> Mark:
    return type(value), value
