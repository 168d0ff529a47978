"""Learning from what a person has reviewed: what to ask next, and what the answers mean for all other rows."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError, shorten
from dcai.base.fingerprints import plain
from dcai.base.parts import SPACE, replace_parts
from dcai.base.records import Decisions
from dcai.findings.learning.asking import choose_telling, sort_cells
from dcai.findings.learning.cellfeatures import Cells
from dcai.findings.learning.error_model import CellEvidence, Model
from dcai.findings.learning.lessons import (
    CORRECTED,
    LEARNT,
    Lessons,
    apply_lessons,
    learn_lessons,
    list_columns,
    read_doubts,
)
from dcai.findings.learning.reason_templates import kind_of_finding
from dcai.findings.learning.verdicts import CHANGES, cover, leave_open, split_cells
from dcai.findings.progress import Progress, tell_progress
from dcai.findings.report import Audit
from dcai.findings.wording import count

Floats = npt.NDArray[np.float64]

PRIOR = 2.0  # a detector's own doubt counts as much as this many verdicts
DROPPED = 0.2  # findings of a kind that review has shown to be wrong this often go
FEWEST_WRONG = 2
LABEL_DETECTORS = ("labels", "conflicts", "label_names")


def find_settled(audit: Audit, log: Decisions) -> npt.NDArray[np.bool_]:
    """Say which findings are about a cell or a row that was settled."""
    settled = leave_open(log.settled(audit.table.frame, audit.label))
    return cover(settled, audit.findings)


def _find_base(audit: Audit) -> Audit:
    """Return the audit as it was before any review, so that what is learnt depends on the log alone, not on the way to it."""
    base: Audit = audit.reviewed.get("base", audit)
    return base


# ---------------------------------------------------------------- ask


def choose_rows(audit: Audit, number: int) -> list[int]:
    """Choose rows that stand for much that is undecided, each kind of it once before any twice."""
    seen: frozenset[int] = audit.reviewed.get("rows", frozenset())
    if audit.label is None:
        return _choose_by_cells(audit, seen, number)
    groups = _group(audit)
    candidates = {row: its for row, its in groups.items() if row not in seen}
    sizes = Counter(g for its in groups.values() for g, _ in its)
    asked: Counter[Any] = Counter(g for row, its in _group(_find_base(audit)).items() if row in seen for g, _ in its)
    chosen: list[int] = []
    while candidates and len(chosen) < number:
        worth = {row: sum(_worth(sizes[g], w, asked[g]) for g, w in its) for row, its in candidates.items()}
        best = max(worth, key=lambda r: (worth[r], _tie(audit, r)))
        chosen.append(best)
        asked.update(g for g, _ in candidates.pop(best))
    return chosen


def _choose_by_cells(audit: Audit, seen: frozenset[int], number: int) -> list[int]:
    """Choose rows by all their cells, doubted or not: an error may be where no detector looks."""
    table, lessons = audit.table, audit.reviewed.get("lessons")
    if isinstance(lessons, Lessons):
        evidence, chance = lessons.model.evidence, lessons.chance
    else:
        names = list_columns(table)
        evidence = CellEvidence(Cells(table, names), read_doubts(table, names, _find_base(audit).findings))
        chance = {name: Model(evidence).judge(name) for name in names}
    order = np.empty(len(table), dtype=np.intp)
    order[np.lexsort(table.row_hashes.T)] = np.arange(len(table))
    clusters = {name: sort_cells(evidence, name) for name in evidence.cells.names}
    return choose_telling(clusters, chance, seen, order, number)


def _worth(size: int, weight: float, asked: int) -> float:
    return float(weight * np.sqrt(size) / (1 + asked) ** 2)


def _tie(audit: Audit, row: int) -> int:
    return int(audit.table.row_hashes[row, 0])


def _group(audit: Audit) -> dict[int, list[tuple[Any, float]]]:
    """List the kinds that each row stands for, with the weight of what is open about them."""
    groups: dict[int, list[tuple[Any, float]]] = {}
    columns = ("row", "column", "detector", "doubt", "given", "suggested", "reason")
    for row, column, detector, doubt, given, suggested, reason in zip(
        *(audit.findings[c] for c in columns), strict=True
    ):
        if row >= 0 and detector != CORRECTED:
            pair = (given, suggested) if column is not None and column == audit.label else None
            kind = (column, kind_of_finding(detector, reason), pair)
            groups.setdefault(int(row), []).append((kind, 0.25 + 4 * doubt * (1 - doubt)))
    if audit.label is not None and not groups and "labels" in audit.scores:
        doubts = audit.scores["labels"].to_numpy(dtype=np.float64)
        groups = {int(r): [(("labels", int(r)), float(d))] for r, d in enumerate(doubts) if d > 0}
    return groups


# ---------------------------------------------------------------- refine


def refine(audit: Audit, log: Decisions, progress: bool | Progress | None) -> Audit:  # noqa: FBT001 (as in audit)
    """Train anew with the reviewed labels, learn from verdicts about cells, and leave out what was found right."""
    from dcai.findings.running import rank_findings

    _check_log(log)
    start = time.perf_counter()
    told = log.settled(audit.table.frame, audit.label)
    if not len(told):
        return audit
    settled, base = leave_open(told), _find_base(audit)
    reviewed: dict[str, Any] = {"base": base, "rows": frozenset(told["row"].astype(int))}
    if not len(settled):
        return replace(base, reviewed=reviewed)
    fresh = _train_again(base, settled, progress)
    lessons = learn_lessons(_take_cells(audit), base.findings, settled)
    about = _is_about_cells(fresh, lessons)
    # The detectors' findings about cells are those of the first run: reviewed labels say nothing about other columns.
    others = _learn_kinds(fresh.findings[~about], base, settled)
    parts = [others[~cover(settled, others)]]
    if lessons is not None:
        cells = apply_lessons(lessons, base.findings[_is_about_cells(base, lessons)], settled)
        parts.append(cells[(cells["detector"] == CORRECTED) | ~cover(settled, cells)])
        reviewed["lessons"] = lessons
    filled = [p for p in parts if len(p)]
    findings = rank_findings(pd.concat(filled, ignore_index=True) if filled else others[:0])
    checks = _account(fresh, findings, lessons, settled, time.perf_counter() - start)
    learnt = replace(fresh, findings=findings, checks=checks, reviewed=reviewed)
    if audit.label is None:
        return learnt
    from dcai.findings.learning.reviewed import settle_labels, settle_tags

    if audit.task == "token":
        return settle_tags(learnt, settled)
    learnt = settle_labels(learnt, base, settled)
    return replace(learnt, checks=_count_findings(learnt))


def _check_log(log: Any) -> None:
    """Refuse what is no log; above all the path of one."""
    if isinstance(log, (str, PathLike)):
        path = shorten(repr(str(log)), 120)
        raise InputError(
            f"The 'log' parameter of Audit.refine is a path. Read the log first: dcai.CorrectionLog.read({path})."
        )
    if not hasattr(log, "settled"):
        raise InputError.wrong_value(
            "log", "Audit.refine", "a correction log, as dcai.CorrectionLog.read(path) gives it", log
        )


def _take_cells(audit: Audit) -> Cells:
    """Take the cells that were measured before, or measure them now."""
    lessons = audit.reviewed.get("lessons")
    if isinstance(lessons, Lessons):
        return lessons.model.evidence.cells
    return Cells(audit.table, list_columns(audit.table))


def _is_about_cells(audit: Audit, lessons: Lessons | None) -> npt.NDArray[np.bool_]:
    names = [] if lessons is None else lessons.model.evidence.cells.names
    about = audit.findings["column"].isin(list(names)) & (audit.findings["row"] >= 0)
    return about.to_numpy(dtype=np.bool_)


def _count_findings(audit: Audit) -> pd.DataFrame:
    counts = audit.findings["detector"].value_counts()
    return audit.checks.assign(findings=[int(counts.get(d, 0)) for d in audit.checks["detector"]])


def _account(
    audit: Audit, findings: pd.DataFrame, lessons: Lessons | None, settled: pd.DataFrame, seconds: float
) -> pd.DataFrame:
    """Account for what was learnt in `checks`: findings that went are counted, not passed over."""
    counts = findings["detector"].value_counts()
    checks = audit.checks.assign(findings=[int(counts.get(d, 0)) for d in audit.checks["detector"]])
    if lessons is None:
        return checks
    wrong, rows = int(lessons.labelled.wrong.sum()), settled["row"].nunique()
    gone = int((audit.checks["findings"] - checks["findings"]).clip(lower=0).sum())
    reason = (
        f"learnt from {count(rows, 'reviewed row')} with {count(wrong, 'wrong cell')}; "
        f"{count(gone, 'finding')} of other checks went, as reviewed or as like cells that were found right"
    )
    own = [
        {
            "detector": name,
            "status": "ran",
            "reason": why,
            "rows": many,
            "findings": int(counts.get(name, 0)),
            "seconds": took,
        }
        for name, why, many, took in (
            (LEARNT, reason, len(audit.table), round(seconds, 3)),
            (CORRECTED, "cells that you corrected stay listed until the log is applied", rows, 0.0),
        )
    ]
    return pd.concat([checks, pd.DataFrame(own)], ignore_index=True)[list(checks.columns)]


def _train_again(audit: Audit, settled: pd.DataFrame, progress: bool | Progress | None) -> Audit:  # noqa: FBT001 (as in audit)
    """Run the audit with reviewed labels in place of the given ones; nothing runs where no label was changed."""
    from dcai.findings.running import run_detectors

    label = audit.label
    if label is None or "labels" not in audit.detectors or audit.settings.probabilities is not None:
        return audit
    about = settled[(settled["column"] == label) & settled["verdict"].isin(CHANGES)]
    dropped = settled[settled["verdict"] == "exclude"]["row"]
    if not len(about) and not len(dropped):
        return audit
    frame = audit.table.frame.copy()
    column = frame[label].astype(object)  # each cell keeps its type: an integer stays one beside an emptied cell
    for row, part, value in zip(about["row"], about.get("part", [None] * len(about)), about["value"], strict=True):
        column.iloc[int(row)] = (
            value if part is None else replace_parts(plain(column.iloc[int(row)]), SPACE, {int(part): value})
        )
    column.iloc[dropped.astype(int).to_numpy()] = None
    frame[label] = column
    corrected = replace(audit.table, frame=frame)
    settings = replace(
        audit.settings,
        task=audit.settings.task or audit.task,
    )
    with tell_progress(progress) as tell:
        return run_detectors(audit.table, corrected, settings, audit.detectors, tell)


def _learn_kinds(found: pd.DataFrame, before: Audit, settled: pd.DataFrame) -> pd.DataFrame:
    """Move the doubt of each kind of finding about rows towards the share of its reviewed members that were right."""
    wrong, right = split_cells(before.table, settled)
    rows = settled["row"].astype(int)
    dropped = set(rows[(settled["verdict"] == "exclude").to_numpy(dtype=bool)])
    whole = set(rows[((settled["verdict"] == "keep") & settled["column"].isna()).to_numpy(dtype=bool)]) - dropped
    hits: Counter[Any] = Counter()
    tries: Counter[Any] = Counter()
    for row, column, kind in _list_kinds(before.findings):
        hit = row in dropped if column is None else (row, column) in wrong
        hits[column, kind] += hit
        tries[column, kind] += hit or (row in whole if column is None else (row, column) in right)
    doubts, stay = [], []
    for doubt, detector, (row, column, kind) in zip(found["doubt"], found["detector"], _list_kinds(found), strict=True):
        n = 0 if row < 0 or detector in LABEL_DETECTORS else tries[column, kind]
        # Labels have calibrated doubts of their own, and differ from row to row more than rows of one kind do.
        moved = (PRIOR * doubt + hits[column, kind] * (n > 0)) / (PRIOR + n)
        doubts.append(float(np.clip(moved, 0.0, 1.0)))
        stay.append(not (n - hits[column, kind] >= FEWEST_WRONG and moved < DROPPED))
    return found.assign(doubt=doubts)[np.array(stay, dtype=np.bool_)]


def _list_kinds(findings: pd.DataFrame) -> list[tuple[int, str | None, str]]:
    columns = ("row", "column", "detector", "reason")
    return [
        (int(row), column if isinstance(column, str) else None, kind_of_finding(detector, reason))
        for row, column, detector, reason in zip(*(findings[c] for c in columns), strict=True)
    ]
