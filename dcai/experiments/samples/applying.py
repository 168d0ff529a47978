"""Corrections on their way to the rows: training rows only, every decision accounted for, test rows never silently."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from dcai.base.fingerprints import hash_rows
from dcai.corrections.decisions.standing import was_looked_at
from dcai.corrections.log import CorrectionLog
from dcai.experiments.samples.splits import Positions
from dcai.findings.wording import count

Stale = Literal["raise", "skip"]


def correct_test(held_out: pd.DataFrame, test_log: CorrectionLog, notes: list[str], stale: Stale) -> pd.DataFrame:
    """Apply the test's own log to a copy of the test rows."""
    known = test_log.restrict(held_out)
    notes.append(
        f"Test rows are scored twice, with labels as given and with {count(len(known.standing), 'decision')} of test_log "
        "applied; the two are never mixed."
    )
    return apply_log(known, held_out, "test", notes, stale)


def apply_log(log: CorrectionLog, frame: pd.DataFrame, what: str, notes: list[str], stale: Stale) -> pd.DataFrame:
    """Apply a log; those corrections that no longer fit are refused, or skipped and counted."""
    corrected: pd.DataFrame = log.apply(frame, stale=stale)
    checks = log.check(frame) if stale == "skip" else pd.DataFrame({"status": []})
    lost = int(checks["status"].isin(["stale", "disputed"]).sum())
    if lost:
        verbs = "fits and was" if lost == 1 else "fit and were"
        notes.append(f"{count(lost, 'correction')} of {what} rows no longer {verbs} skipped (stale='skip').")
    return corrected


def correct_training(
    frame: pd.DataFrame,
    held_out: pd.DataFrame,
    log: CorrectionLog,
    notes: list[str],
    stale: Stale,
    *,
    has_test_log: bool,
) -> tuple[CorrectionLog, pd.DataFrame]:
    """Apply the corrections of training rows; the others are counted and left out."""
    inside, outside = log.restrict(frame), log.restrict(held_out)
    total, used, tested = len(log.standing), len(inside.standing), len(outside.standing)
    notes.append(f"{used:,} of {total:,} decisions of {log.path.name} concern training rows.")
    spared = sum(not was_looked_at(line) for line in inside.standing)
    if spared:
        notes.append(
            f"{spared:,} of these were not looked at one by one: they were accepted as members of a certified group, or "
            "merged as spellings of one value."
        )
    if tested:
        also = (
            "applied only where test_log says so"
            if has_test_log
            else "not applied: test labels stay as given (pass test_log to see both)"
        )
        verb = "was" if tested == 1 else "were"
        notes.append(f"{count(tested, 'decision')} about test rows {verb} {also}.")
    lost = total - used - tested
    if lost > 0:
        notes.append(
            f"{count(lost, 'decision', ('belongs', 'belong'))} to rows that are neither in training nor in test, and "
            f"{'was' if lost == 1 else 'were'} left out."
        )
    if not used:
        notes.append(
            "No decision concerns a training row: the gain from data is zero by construction, which says nothing about the log."
        )
    return inside, apply_log(inside, frame, "training", notes, stale)


def count_contradicted(log: CorrectionLog | None, held_out: pd.DataFrame, label: str) -> int:
    """Count the test rows whose label a log would change, were it applied to them.

    A row that it would leave out, or that has no label, has no wrong label for that.
    """
    if log is None:
        return 0
    fixed: pd.DataFrame = log.restrict(held_out).apply(held_out, stale="skip")
    labelled = fixed.index[held_out.loc[fixed.index, label].notna()]
    return len(list_changed(held_out.loc[labelled, [label]], fixed.loc[labelled, [label]]))


def count_reviewed(log: CorrectionLog | None) -> int:
    """Count the decisions that a person made one by one; those that a certificate or a merge spared are left out."""
    return 0 if log is None else sum(map(was_looked_at, log.standing))


def count_reviewed_rows(log: CorrectionLog | None, frame: pd.DataFrame) -> int:
    """Count the rows of a frame that a person looked at: several decisions about a row, or of several people, are one."""
    if log is None:
        return 0
    seen = {line.id for line in log.standing if was_looked_at(line)}
    checks = log.check(frame)
    return int(checks.loc[checks["id"].isin(seen) & (checks["row"] >= 0), "row"].nunique())


def list_changed(one: pd.DataFrame, other: pd.DataFrame) -> Positions:
    """List the rows, by their index, that differ between two versions of the training rows, or that only one holds."""
    before, after = (pd.Series(hash_rows(frame)[:, 0], index=frame.index) for frame in (one, other))
    both = before.index.intersection(after.index)
    changed = both[(before[both] != after[both]).to_numpy()]
    return np.asarray(changed.union(before.index.symmetric_difference(after.index)), dtype=np.intp)
