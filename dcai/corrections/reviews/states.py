"""What stands about each finding of a queue: a verdict that fits the data, a dispute, or nothing, and why."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.fingerprints import plain
from dcai.base.records import Correction
from dcai.corrections.decisions.standing import find_disputed
from dcai.corrections.exhibits.audited import list_values
from dcai.corrections.reviews.ledger import Ledger

DISPUTED = "disputed"


class States:
    """The states of the findings of one reviewer's queue; those in `trials` are settled by a ledger of their own.

    Attributes
    ----------
    verdicts : dict
        The corrections that stand, by finding. Only decisions that fit the data, or are done in it, are among them.
    disputes : dict
        The decisions of reviewers who disagree, by finding. Such a finding is open, until one settles it.
    passed : dict
        Why earlier decisions about a finding no longer count, as a sentence.
    news : list
        The findings whose state has changed, in the order of time.
    """

    def __init__(self, queue: pd.DataFrame, by: str, *, blind: bool, trials: Container[str]) -> None:
        self.by, self.blind, self.trials = by, blind, trials
        self.names = [str(name) for name in list_values(queue["finding"])]
        self.positions = dict(zip(self.names, range(len(self.names)), strict=True))
        self.columns = [c if isinstance(c, str) else None for c in list_values(queue["column"])]
        self.parts = [None if p is None else int(p) for p in map(plain, list_values(queue["part"]))]
        rows = queue["row"].to_numpy(dtype=np.intp)
        self._by_row = np.argsort(rows, kind="stable")
        self._rows = rows[self._by_row]
        self.news: list[str] = []
        self.clear()

    def clear(self) -> None:
        """Know nothing any more."""
        self.verdicts: dict[str, Correction] = {}
        self.disputes: dict[str, list[Correction]] = {}
        self.passed: dict[str, str] = {}

    def state(self, finding: str) -> str | None:
        """Return the verdict that stands about a finding, "disputed", or None where it is open."""
        if finding in self.disputes:
            return DISPUTED
        line = self.verdicts.get(finding)
        return None if line is None else line.verdict

    def find_row(self, row: int, *, trying: bool) -> list[str]:
        """Return the findings about a row, worst first: the trials, or all others."""
        start, end = np.searchsorted(self._rows, [row, row + 1]).tolist()
        names = [self.names[place] for place in self._by_row[start:end].tolist()]
        return [name for name in names if (name in self.trials) == trying]

    def note(self, rows: Iterable[int], ledger: Ledger, *, trying: bool) -> None:
        """Know what stands about the findings of some rows; `trying` says that the ledger is that of the trials."""
        for row in rows:
            names = self.find_row(row, trying=trying)
            if names:
                self._note_row(names, ledger.standing(row), ledger, trying=trying)

    def _note_row(self, names: list[str], standing: list[Correction], ledger: Ledger, *, trying: bool) -> None:
        alone = self.blind or trying
        lines = [c for c in standing if c.by == self.by or not alone]
        differing = {} if alone else find_disputed(lines, lambda _: 0)
        for name in names:
            about = [c for c in lines if self._is_about(c, name, trying=trying)]
            misfits = {c.id: ledger.misfit(c) for c in about}
            before = self.verdicts.get(name), self.disputes.get(name), self.passed.get(name)
            self._put(
                self.passed, name, next((_tell(c, misfits[c.id]) for c in reversed(about) if misfits[c.id]), None)
            )
            self._put(self.disputes, name, _gather(about, lines, differing) or None)
            good = [c for c in about if not misfits[c.id]]
            self._put(self.verdicts, name, None if name in self.disputes else self._choose(good, name))
            if before != (self.verdicts.get(name), self.disputes.get(name), self.passed.get(name)):
                self.news.append(name)

    @staticmethod
    def _put(known: dict[str, Any], name: str, value: object) -> None:
        if value is None:
            known.pop(name, None)
        else:
            known[name] = value

    def _is_about(self, line: Correction, name: str, *, trying: bool) -> bool:
        column, part = self.columns[self.positions[name]], self.parts[self.positions[name]]
        if trying and line.why.get("trial") != name:
            return False
        # Who is unsure whether a row belongs says nothing of its cells.
        whole = line.column is None and (line.verdict != "unsure" or column is None)
        return (whole or line.column == column) and line.part in (part, None)

    def _choose(self, lines: list[Correction], name: str) -> Correction | None:
        """Return the decision that is shown: one's own, about this very cell, the latest."""
        column = self.columns[self.positions[name]]
        # An `exclude` that stands came after what its reviewer said about the cells.
        return max(
            lines,
            key=lambda c: (c.by == self.by, c.column == column or c.verdict == "exclude", c.id),
            default=None,
        )


def _gather(about: list[Correction], lines: list[Correction], differing: dict[str, str]) -> list[Correction]:
    """Return the decisions that disagree about a finding; who drops the row differs from all who do not."""
    own = [c for c in about if c.id in differing]
    return [c for c in lines if c.id in differing] if any(c.verdict == "exclude" for c in own) else own


def _tell(line: Correction, why: str) -> str:
    return f"What {line.by} decided here ({line.verdict}) no longer counts. {why}"
