"""Why a finding stands where it does: the numbers behind it, and the rows beside it, as a value that shows itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dcai.base.errors import InputError, MissingError, shorten
from dcai.base.fingerprints import canonicals, plain
from dcai.base.parts import read_parts
from dcai.base.records import Scalar
from dcai.findings.summary import records_of
from dcai.findings.wording import count

if TYPE_CHECKING:
    from dcai.findings.report import Audit

FACTS = ("finding", "detector", "column", "fact", "value")
MOST_CLASSES = 5
MOST_VALUES = 5
MOST_PEERS = 20
_QUANTILES = {"smallest": 0.0, "1st percentile": 0.01, "median": 0.5, "99th percentile": 0.99, "largest": 1.0}


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """What is known about one finding, or about one row with all of its findings.

    Attributes
    ----------
    audit : Audit
        The audit that is explained.
    row : int
        The row's position; -1 for a finding about a column or the table.
    findings : pandas.DataFrame
        The findings that are explained, with the columns of `Audit.findings`; empty for a row without any.
    """

    audit: Audit
    row: int
    findings: pd.DataFrame

    @cached_property
    def classes(self) -> pd.DataFrame:
        """The likeliest classes of the row, the given and the suggested one among them.

        Columns: ``class``, ``probability``, ``threshold`` (the mean probability of the class over the rows that are
        given it, which confident learning compares with), ``role`` ("given", "suggested" or ""). Empty where there
        are no probabilities, or where the findings are about other columns.
        """
        chances = _find_chances(self.audit, self.row, self.findings) if self._is_about_label else None
        if chances is None:
            return pd.DataFrame({"class": [], "probability": [], "threshold": [], "role": []})
        behind = self.audit.context
        order = np.argsort(-chances, kind="stable").tolist()
        given, suggested = _find_roles(self, order)
        shown = list(dict.fromkeys([*order[:MOST_CLASSES], *sorted(given), *sorted(suggested)]))
        thresholds = behind.thresholds if len(behind.thresholds) == len(chances) else np.full(len(chances), np.nan)
        return pd.DataFrame(
            {
                "class": pd.Series([self.audit.classes[c] for c in shown], dtype=object),
                "probability": chances[shown],
                "threshold": thresholds[shown],
                "role": ["given" if c in given else "suggested" if c in suggested else "" for c in shown],
            }
        )

    @cached_property
    def facts(self) -> pd.DataFrame:
        """The numbers behind the findings: columns ``finding``, ``detector``, ``column``, ``fact``, ``value``."""
        rows: list[tuple[Any, ...]] = []
        for found in records_of(self.findings):
            head = (found.finding, found.detector, found.column)
            rows += [(*head, "doubt", float(found.doubt)), (*head, "reason", found.reason)]
            if found.column is not None and found.column != self.audit.label and found.row >= 0:
                rows += [(*head, fact, value) for fact, value in _describe_cell(self.audit, found)]
        if self._is_about_label and self.row >= 0:
            rows += [(None, "labels", self.audit.label, fact, value) for fact, value in self._describe_label()]
        made = pd.DataFrame(rows, columns=list(FACTS), dtype=object)
        return made.astype(object).where(made.notna(), None)

    @cached_property
    def peers(self) -> pd.DataFrame:
        """The rows that the findings name beside this one (twins, copies, members), as they stand in the table."""
        named: dict[int, str] = {}
        for found in records_of(self.findings):
            for peer in list(found.peers)[:MOST_PEERS]:
                named.setdefault(int(peer), str(found.detector))
        shown = list(named)[:MOST_PEERS]
        return _show_rows(self.audit, shown, {"named by": [named[p] for p in shown]})

    @cached_property
    def nearest(self) -> pd.DataFrame:
        """The rows most like this one, as models see them, with their distance; made when first asked for."""
        near = self.audit.context.find_nearest(self.row) if self.row >= 0 else pd.DataFrame({"row": [], "distance": []})
        return _show_rows(self.audit, near["row"].astype(int).tolist(), {"distance": near["distance"].tolist()})

    def values(self, column: str) -> pd.DataFrame:
        """Count the values of a column, the given and suggested ones among them: ``value``, ``rows``, ``share``, ``role``."""
        if column not in self.audit.table.frame.columns:
            raise InputError.unknown_name("column", column, self.audit.table.frame.columns)
        cells = pd.Series([_mark(v) for v in self.audit.table.frame[column]], dtype=object)
        counts = (
            cells.dropna()
            .value_counts()
            .sort_index(key=lambda k: k.map(str))
            .sort_values(ascending=False, kind="stable")
        )
        its = self.findings[self.findings["column"] == column]
        roles = {_mark(v): "suggested" for v in its["suggested"] if v is not None}
        if self.row >= 0:
            roles[_mark(self.audit.table.frame[column].iloc[self.row])] = "given"
        shown = list(dict.fromkeys([*counts.index[:MOST_VALUES], *[v for v in roles if v is not None]]))
        rows = [int(counts.get(v, 0)) for v in shown]
        return pd.DataFrame(
            {
                "value": pd.Series(shown, dtype=object),
                "rows": rows,
                "share": [r / len(cells) for r in rows],
                "role": [roles.get(v, "") for v in shown],
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers behind the findings, one a line."""
        return self.facts.copy()

    def __repr__(self) -> str:
        where = "the table" if self.row < 0 else f"row {self.row}"
        named = ", ".join(dict.fromkeys(self.findings["detector"]))
        said = f"{count(len(self.findings), 'finding')} ({named})" if len(self.findings) else "no finding"
        return f"Explanation({where}: {said})"

    def __str__(self) -> str:
        """Write it for a terminal."""
        from dcai.base.display import wrap
        from dcai.findings.explanations.terminal import to_text

        return wrap(to_text(self))

    def _repr_html_(self) -> str:
        from dcai.findings.explanations.page import to_html

        return to_html(self)

    @cached_property
    def _is_about_label(self) -> bool:
        """Whether the label is what is explained; for a row without findings it is."""
        about = self.findings["column"].to_numpy(dtype=object)
        return self.audit.label is not None and (not len(about) or self.audit.label in set(about))

    def _describe_label(self) -> list[tuple[str, Scalar]]:
        facts: list[tuple[str, Scalar]] = []
        if self.audit.predictions is not None:
            return _describe_number(self.audit, self.row)
        shares: dict[str, float] = {}
        for line in self.classes.to_dict("records"):
            if role := line["role"]:
                shares[role] = float(line["probability"])
                facts.append((f"{role} class", plain(line["class"])))
                facts.append((f"probability of the {role} class", shares[role]))
                facts.append((f"threshold of the {role} class", plain(line["threshold"])))
        if {"given", "suggested"} <= set(shares) and not _is_set(self.audit):
            facts.append(("margin to the suggested class", shares["suggested"] - shares["given"]))
        return facts


def explain(audit: Audit, what: str | int) -> Explanation:
    """Gather what is known about a finding (its id) or a row (its position)."""
    if isinstance(what, str):
        found = audit.findings[audit.findings["finding"] == what]
        if not len(found):
            raise MissingError(
                f"There is no finding {shorten(repr(what), 60)} in this audit. Take an id from the column 'finding' of its "
                "findings, or the position of a row; by(), worst() and without() leave findings out."
            )
        return Explanation(audit, int(found["row"].iloc[0]), found.reset_index(drop=True))
    if isinstance(what, bool) or not isinstance(what, (int, np.integer)) or not 0 <= what < len(audit.table):
        expected = f"the id of a finding, or the position of a row, 0 to {len(audit.table) - 1}"
        raise InputError.wrong_value("finding_or_row", "Audit.explain", expected, what)
    found = audit.findings[audit.findings["row"] == what].reset_index(drop=True)
    return Explanation(audit, int(what), found)


def _show_rows(audit: Audit, rows: list[int], more: dict[str, list[Any]]) -> pd.DataFrame:
    """Take rows from the table, their position and more in front; a name that the table has too gets a tilde there."""
    frame = audit.table.frame.iloc[rows].reset_index(drop=True)
    front = {"row": pd.Series(rows, dtype=np.int64), **{k: pd.Series(v) for k, v in more.items()}}
    named = {f"~{name}" if name in frame.columns else name: column for name, column in front.items()}
    return pd.concat([pd.DataFrame(named), frame], axis=1)


def _find_chances(audit: Audit, row: int, findings: pd.DataFrame) -> Any:
    """Return the probabilities of the classes for a row or, where rows have parts, for the part of its first finding."""
    chances = audit.probabilities
    if chances is None or row < 0:
        return None
    if len(chances) == len(audit.table) and not {"row", "part"} <= set(chances.columns):
        return chances.iloc[row].to_numpy(dtype=np.float64)
    parts = findings["part"].dropna()
    if not len(parts):
        return None
    its = chances[(chances["row"] == row) & (chances["part"] == parts.iloc[0])]
    return its[list(audit.classes)].iloc[0].to_numpy(dtype=np.float64) if len(its) else None


def _is_set(audit: Audit) -> bool:
    return audit.reading is not None and audit.reading.task == "multilabel"


def _find_roles(explanation: Explanation, order: list[int]) -> tuple[set[int], set[int]]:
    """Return the given and the suggested classes; without a suggestion the likeliest class that is not given.

    Parameters
    ----------
    explanation : Explanation
        What is explained.
    order : list of int
        The classes, likeliest first.
    """
    audit, found = explanation.audit, explanation.findings
    places = {_mark(name): place for place, name in enumerate(audit.classes)}
    separator = audit.reading.separator if audit.reading is not None else None

    def read(value: Any) -> set[int]:
        names = (read_parts(plain(value), separator) or []) if _is_set(audit) else [plain(value)]
        return {places[_mark(name)] for name in names if _mark(name) in places}

    about = found[found["column"] == audit.label]
    parts = about[about["part"].notna()]
    if len(parts):
        given = read(parts["given"].iloc[0])
    elif _is_set(audit):
        given = read(audit.table.frame[str(audit.label)].iloc[explanation.row])
    else:
        code = int(audit.context.codes[explanation.row])
        given = {code} if code >= 0 else set()
    told = [v for v in about["suggested"] if v is not None]
    suggested = read(told[0]) if told else set()
    if not suggested and not _is_set(audit):
        suggested = set([c for c in order if c not in given][:1])
    return given, suggested - given


def _describe_number(audit: Audit, row: int) -> list[tuple[str, Scalar]]:
    """Say how far a numeric label lies from its prediction, and how usual that is."""
    from dcai.findings.features.vectors import to_numbers

    assert audit.predictions is not None
    values, predicted = to_numbers(audit.table.frame[str(audit.label)]), audit.predictions.to_numpy(dtype=np.float64)
    off = np.abs(values - predicted)
    facts: list[tuple[str, Scalar]] = [("given", plain(values[row])), ("predicted", float(predicted[row]))]
    if not np.isnan(off[row]):
        facts.append(("difference", float(values[row] - predicted[row])))
        facts.append(
            ("share of rows that differ less", float(np.nanmean(np.where(np.isnan(off), np.nan, off < off[row]))))
        )
    return facts


def _describe_cell(audit: Audit, found: Any) -> list[tuple[str, Scalar]]:
    """Say how a cell stands in its column: how often its value and the suggested one occur, where a number lies."""
    column = audit.table.frame[found.column]
    marks = pd.Series(canonicals(column), dtype=object)
    facts: list[tuple[str, Scalar]] = [("given", plain(column.iloc[found.row]))]
    if marks.iloc[found.row] is not None:
        facts.append(("rows with the given value", int((marks == marks.iloc[found.row]).sum())))
    if found.suggested is not None:
        same = column.map(lambda v: _mark(v) == _mark(found.suggested)).to_numpy(dtype=bool)
        facts += [("suggested", plain(found.suggested)), ("rows with the suggested value", int(same.sum()))]
    facts += [("distinct values", int(marks.nunique())), ("empty cells", int(marks.isna().sum()))]
    if audit.table.kinds[found.column] == "number":
        from dcai.findings.features.vectors import to_numbers

        known = to_numbers(column)
        known = known[~np.isnan(known)]
        facts += [(name, float(np.quantile(known, q))) for name, q in _QUANTILES.items()] if len(known) else []
    return facts


def _mark(value: object) -> str | None:
    """Write a cell so that equal cells are equal texts; unlike `canonical` it keeps spellings apart."""
    cell = plain(value)
    return None if cell is None else str(cell)
