"""Learning from what a person has reviewed: what to ask next, and what the answers mean for all other rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import canonical
from dcai.base.records import Decisions
from dcai.base.table import Table
from dcai.findings.edits import propose_edits
from dcai.findings.progress import Progress, tell_progress
from dcai.findings.report import Audit, ErrorEstimate

Floats = npt.NDArray[np.float64]

PRIOR = 2.0  # a detector's own doubt counts as much as this many verdicts
DROPPED = 0.2  # findings of a kind that review has shown to be wrong this often go
FEWEST_WRONG = 2
LABEL_DETECTORS = ("labels", "conflicts", "label_names")
_CHANGES = ("relabel", "edit")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBERS = re.compile(r"[-+]?\d[\d.,%]*")
_PLURAL = re.compile(r"# (row)s\b")
_SHAPE = ((re.compile(r"[^\W\d_]+"), "a"), (re.compile(r"\d+"), "9"), (re.compile(r"\s+"), " "))
_MOST_EXPLORED = 200_000


def find_settled(audit: Audit, log: Decisions) -> npt.NDArray[np.bool_]:
    """Say which findings are about a cell or a row that was settled."""
    settled = _read(audit, log)
    return _covers(settled, audit.findings)


def _read(audit: Audit, log: Decisions) -> pd.DataFrame:
    settled = log.settled(audit.table.frame, audit.label)
    return settled[settled["verdict"] != "unsure"].reset_index(drop=True)


def _covers(settled: pd.DataFrame, findings: pd.DataFrame) -> npt.NDArray[np.bool_]:
    cells = {(int(r), c) for r, c in zip(settled["row"], settled["column"], strict=True) if isinstance(c, str)}
    whole = {int(r) for r, c in zip(settled["row"], settled["column"], strict=True) if not isinstance(c, str)}
    pairs = zip(findings["row"], findings["column"], strict=True)
    return np.array([r in whole or (r, c) in cells for r, c in pairs], dtype=np.bool_)


# ---------------------------------------------------------------- ask


def choose_rows(audit: Audit, number: int) -> list[int]:
    """Choose rows that stand for many findings of a kind whose worth is still open, each kind once before any twice."""
    groups = _group(audit)
    asked: Counter[Any] = Counter(audit.reviewed.get("groups", {}))
    seen = set(audit.reviewed.get("rows", ()))
    candidates = {row: its for row, its in groups.items() if row not in seen}
    sizes = Counter(g for its in groups.values() for g, _ in its)
    chosen: list[int] = []
    while candidates and len(chosen) < number:
        worth = {row: sum(_worth(sizes[g], w, asked[g]) for g, w in its) for row, its in candidates.items()}
        best = max(worth, key=lambda r: (worth[r], _tie(audit, r)))
        chosen.append(best)
        asked.update(g for g, _ in candidates.pop(best))
    return chosen


def _worth(size: int, weight: float, asked: int) -> float:
    return float(weight * np.sqrt(size) / (1 + asked) ** 2)


def _tie(audit: Audit, row: int) -> int:
    return int(audit.table.row_hashes[row, 0])


def _group(audit: Audit) -> dict[int, list[tuple[Any, float]]]:
    """List the kinds that each row stands for, with the weight of what is open about them."""
    groups: dict[int, list[tuple[Any, float]]] = {}
    found = audit.findings
    for row, column, detector, doubt, given, suggested, reason in zip(
        found["row"],
        found["column"],
        found["detector"],
        found["doubt"],
        found["given"],
        found["suggested"],
        found["reason"],
        strict=True,
    ):
        if row >= 0:
            pair = (given, suggested) if column is not None and column == audit.label else None
            kind = (detector, column, _kind(reason), pair)
            groups.setdefault(int(row), []).append((kind, 0.25 + 4 * doubt * (1 - doubt)))
    if audit.label is None and len(audit.table) <= _MOST_EXPLORED:
        _add_shapes(audit.table, groups)
    if audit.label is not None and not groups and "labels" in audit.scores:
        doubts = audit.scores["labels"].to_numpy(dtype=np.float64)
        groups = {int(r): [(("labels", int(r)), float(d))] for r, d in enumerate(doubts) if d > 0}
    return groups


def _add_shapes(table: Table, groups: dict[int, list[tuple[Any, float]]]) -> None:
    """Also count, with a small weight, the ways in which cells are written: an error may be where no detector looks."""
    for name in table.features:
        if table.kinds[name] not in ("category", "text"):
            continue
        codes, distinct = pd.factorize(table.frame[name].map(str))
        shapes = np.array([_shape_of(v) for v in distinct], dtype=object)[codes]
        known = pd.Series(shapes).value_counts().sort_index().sort_values(ascending=False, kind="stable")
        some = set(known.index[:20])
        for row, shape in enumerate(shapes):
            if shape in some:
                groups.setdefault(row, []).append((("shape", name, shape), 0.1))


def _shape_of(text: str) -> str:
    text = text[:60]
    for pattern, mark in _SHAPE:
        text = pattern.sub(mark, text)
    return text


def _kind(reason: object) -> str:
    """Write a reason without the values in it: what is left is its kind."""
    return _PLURAL.sub(r"# \1", _NUMBERS.sub("#", _QUOTED.sub("''", str(reason))))


# ---------------------------------------------------------------- refine


def refine(audit: Audit, log: Decisions, progress: bool | Progress | None) -> Audit:  # noqa: FBT001 (as in audit)
    """Train anew with the reviewed labels, learn from verdicts about cells, and leave out what is settled."""
    settled = _read(audit, log)
    if not len(settled):
        return audit
    fresh = _train_again(audit, settled, progress)
    cells = _learn_kinds(fresh, audit, settled)
    cells = propose_edits(fresh.table, cells, settled)
    left = cells[~_covers(settled, cells)]
    from dcai.findings.running import rank_findings

    learnt = replace(fresh, findings=rank_findings(left), reviewed=_remember(audit, settled))
    return _settle_labels(learnt, settled) if audit.label is not None else learnt


def _train_again(audit: Audit, settled: pd.DataFrame, progress: bool | Progress | None) -> Audit:  # noqa: FBT001 (as in audit)
    """Run the audit with reviewed labels in place of the given ones; nothing runs where no label was changed."""
    from dcai.findings.running import run_detectors

    label = audit.label
    if label is None or "labels" not in audit.detectors or audit.settings.probabilities is not None:
        return audit
    about = settled[(settled["column"] == label) & settled["verdict"].isin(_CHANGES)]
    dropped = settled[settled["verdict"] == "exclude"]["row"]
    if not len(about) and not len(dropped):
        return audit
    frame = audit.table.frame.copy()
    column = frame[label].astype(object)  # each cell keeps its type: an integer stays one beside an emptied cell
    for row, value in zip(about["row"], about["value"], strict=True):
        column.iloc[int(row)] = value
    column.iloc[dropped.astype(int).to_numpy()] = None
    frame[label] = column
    corrected = Table(frame, label, audit.table.key, audit.table.hidden)
    settings = replace(
        audit.settings,
        task=audit.settings.task or ("regression" if audit.predictions is not None else "classification"),
    )
    with tell_progress(progress) as tell:
        return run_detectors(audit.table, corrected, settings, audit.detectors, tell)


def _right_and_wrong(audit: Audit, settled: pd.DataFrame) -> tuple[set[tuple[int, str]], set[tuple[int, str]]]:
    """Return the cells that review found wrong, and those that it found right."""
    wrong = {
        (int(r), str(c))
        for r, c, v in zip(settled["row"], settled["column"], settled["verdict"], strict=True)
        if v in _CHANGES
    }
    right = set()
    for row, column, verdict in zip(settled["row"], settled["column"], settled["verdict"], strict=True):
        if verdict == "keep":
            names = [column] if isinstance(column, str) else list(audit.table.frame.columns)
            right |= {(int(row), str(n)) for n in names}
    return wrong, right - wrong


def _learn_kinds(fresh: Audit, before: Audit, settled: pd.DataFrame) -> pd.DataFrame:
    """Move the doubt of each kind of finding towards the share of its reviewed members that were wrong cells."""
    wrong, right = _right_and_wrong(before, settled)
    reviewed = before.reviewed.get("findings")
    past = before.findings if reviewed is None else pd.concat([reviewed, before.findings], ignore_index=True)
    hits: Counter[Any] = Counter()
    misses: Counter[Any] = Counter()
    kept: Counter[Any] = Counter()
    for row, column, detector, given, reason in zip(
        past["row"], past["column"], past["detector"], past["given"], past["reason"], strict=True
    ):
        kind = (detector, column, _kind(reason))
        hits[kind] += (row, column) in wrong
        misses[kind] += (row, column) in right
        kept[(detector, column, given)] += (row, column) in right
    found = fresh.findings.copy()
    doubts, stay = [], []
    for column, detector, given, reason, doubt in zip(
        found["column"], found["detector"], found["given"], found["reason"], found["doubt"], strict=True
    ):
        kind = (detector, column, _kind(reason))
        n = hits[kind] + misses[kind]
        # Labels have calibrated doubts of their own, and differ from row to row more than cells of one kind do.
        moved = doubt if detector in LABEL_DETECTORS else (PRIOR * doubt + hits[kind]) / (PRIOR + n)
        if detector not in LABEL_DETECTORS and kept[(detector, column, given)]:
            moved *= 0.25  # this very value was found right
        doubts.append(float(np.clip(moved, 0.0, 1.0)))
        stay.append(detector in LABEL_DETECTORS or not (misses[kind] >= FEWEST_WRONG and moved < DROPPED))
    found["doubt"] = doubts
    return found[np.array(stay, dtype=np.bool_)]


def _remember(audit: Audit, settled: pd.DataFrame) -> Mapping[str, Any]:
    """Keep what the next `ask` and `refine` need: the reviewed rows, kinds and findings."""
    rows = {int(r) for r in settled["row"]}
    groups: Counter[Any] = Counter(audit.reviewed.get("groups", {}))
    new = rows - set(audit.reviewed.get("rows", ()))
    for row, its in _group(audit).items():
        if row in new:
            groups.update(g for g, _ in its)
    past = audit.reviewed.get("findings")
    reviewed = audit.findings[_covers(settled, audit.findings)]
    findings = reviewed if past is None else pd.concat([past, reviewed], ignore_index=True).drop_duplicates("finding")
    return {"rows": frozenset(rows), "groups": dict(groups), "findings": findings}


def _settle_labels(audit: Audit, settled: pd.DataFrame) -> Audit:
    """Set the doubt of reviewed labels to 0 or 1, and shift all others by what the review showed."""
    assert audit.label is not None
    wrong, right = _right_and_wrong(audit, settled)
    cells = [(r, c) for r, c in wrong | right if c == audit.label]
    scores = audit.scores.copy()
    doubt = scores["labels"].to_numpy(dtype=np.float64).copy()
    rows = np.array(sorted(r for r, _ in cells), dtype=np.intp)
    truth = np.array([float((int(r), audit.label) in wrong) for r in rows])
    given = audit.table.frame[audit.label]
    changed = settled[(settled["column"] == audit.label) & settled["verdict"].isin(_CHANGES)]
    for row, value in zip(changed["row"], changed["value"], strict=True):
        # A "correction" to the given value says that it was right.
        if canonical(given.iloc[int(row)]) == canonical(value):
            truth[rows == int(row)] = 0.0
    shift = _fit_shift(doubt[rows], truth)
    # The verdicts speak for rows as doubtful as theirs, not for the many that nobody had reason to look at.
    like = doubt >= (np.nanmin(doubt[rows]) if len(rows) and not np.isnan(doubt[rows]).all() else np.inf)
    moved = np.where(like, _shifted(doubt, shift), doubt)
    moved[rows] = truth
    scores["labels"] = moved.astype(np.float32)
    found = audit.findings.copy()
    own = (found["detector"] == "labels").to_numpy(dtype=bool)
    found.loc[own, "doubt"] = moved[found.loc[own, "row"].to_numpy(dtype=np.intp)]
    from dcai.findings.running import rank_findings

    return replace(audit, findings=rank_findings(found), scores=scores, expected_errors=_recount(audit, moved, rows))


def _fit_shift(doubt: Floats, truth: Floats) -> float:
    """Find the shift of the log-odds that fits the verdicts, held near zero while there are few."""
    known = ~np.isnan(doubt)
    if not known.any():
        return 0.0
    tried = np.linspace(-4, 4, 161)
    fit = [
        float((truth[known] * np.log(p) + (1 - truth[known]) * np.log(1 - p)).sum()) - shift**2 / 2
        for shift in tried
        for p in [np.clip(_shifted(doubt[known], shift), 1e-6, 1 - 1e-6)]
    ]
    return float(tried[int(np.argmax(fit))])


def _shifted(doubt: Floats, shift: float) -> Floats:
    odds = np.clip(doubt, 1e-9, 1 - 1e-9)
    return np.asarray(1 / (1 + (1 - odds) / odds * np.exp(-shift)))


def _recount(audit: Audit, doubt: Floats, rows: npt.NDArray[np.intp]) -> ErrorEstimate | None:
    before = audit.expected_errors
    if before is None:
        return None
    found = float(doubt[rows].sum())
    estimate = float(np.nansum(doubt))
    return ErrorEstimate(estimate, max(found, min(before.low, estimate)), max(found, estimate, before.high))
