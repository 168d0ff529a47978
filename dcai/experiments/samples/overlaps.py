"""Training rows that the test holds too, by key, group, time or content: they are taken out of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.table import Table
from dcai.experiments.samples.holdouts import read_times
from dcai.experiments.samples.splits import mark_rows
from dcai.findings.evidence import Unmet
from dcai.findings.tables.frames import is_more, match_likely, match_rows
from dcai.findings.wording import count

FEW_COPIES = 0.01  # of the test rows


def drop_keys(table: Table, held_out: pd.DataFrame, notes: list[str]) -> Table:
    """Take rows out of training whose key a test row has: they are the same thing, whatever else differs."""
    if not table.key:
        return table
    left = ~np.isin(mark_rows(table.frame, table.key), mark_rows(held_out, table.key))
    if left.all():
        return table
    if not left.any():
        raise InputError(
            f"Every training row has the key ({', '.join(map(repr, table.key))}) of a test row. Expected other rows: "
            "take the test rows out of the training data, or name another key."
        )
    notes.append(
        f"{count(int((~left).sum()), 'training row', ('has', 'have'))} the key of a test row and "
        f"{'was' if (~left).sum() == 1 else 'were'} dropped from training, so that no model is tested on what it has seen."
    )
    return replace(table, frame=table.frame[left].reset_index(drop=True))


def drop_groups(table: Table, held_out: pd.DataFrame, notes: list[str]) -> Table:
    """Take rows out of training whose group a test row has: what is learnt of a group is no proof for others."""
    if table.groups is None:
        return table
    left = ~np.isin(mark_rows(table.frame, [table.groups]), mark_rows(held_out, [table.groups]))
    if not left.any():
        raise InputError(
            f"Every training row is of a group ({table.groups!r}) that the test has too. Expected other groups: take them out of the "
            "test, or compare without groups=."
        )
    if not left.all():
        notes.append(
            f"{count(int((~left).sum()), 'training row')} of groups that the test has too left out of training."
        )
    return replace(table, frame=table.frame[left].reset_index(drop=True))


def drop_later(table: Table, held_out: pd.DataFrame, time: str | None, notes: list[str]) -> Table:
    """Take rows out of training that are no earlier than the first test row, or have no time."""
    if time is None:
        return table
    tested = read_times(held_out[time])
    if np.isnan(tested).all():
        raise InputError(f"No test row has a time in {time!r}. Name another column, or compare without time=.")
    left = read_times(table.frame[time]) < np.nanmin(tested)
    if not left.any():
        raise InputError(
            f"No training row is earlier than the first test row ({time!r}). Expected a test of later rows: pass other rows, or "
            "compare without time=."
        )
    if not left.all():
        notes.append(
            f"{count(int((~left).sum()), 'training row')} no earlier than the first test row ({time!r}), or without a time, left out of training."
        )
    return replace(table, frame=table.frame[left].reset_index(drop=True))


def drop_shared(
    table: Table, versions: Mapping[str, pd.DataFrame], tests: Sequence[pd.DataFrame], notes: list[str]
) -> dict[str, pd.DataFrame]:
    """Take rows out of every version of the training rows whose features equal a test row's in any version of both."""
    held = np.concatenate([mark_rows(frame, table.features) for frame in tests])
    shared: set[int] = set()
    for frame in versions.values():
        shared |= set(frame.index[np.isin(mark_rows(frame, table.features), held)])
    if shared:
        notes.append(
            f"{count(len(shared), 'training row')} had the same features as a test row and {'was' if len(shared) == 1 else 'were'} "
            "dropped from training, so that no model is tested on what it has seen."
        )
    return {name: frame.drop(index=list(shared), errors="ignore") for name, frame in versions.items()}


def warn_of_likeness(table: Table, trained: pd.DataFrame, held_out: pd.DataFrame, notes: list[str]) -> None:
    """Say how many training rows are nearly equal to a test row: other digits, another spelling, a few other cells.

    Unlike equal rows they stay in training, for which of two like rows is a copy is a person's to say.
    """
    names = list(table.features)
    if trained.empty:
        return
    rows, tested = (Table(frame[names].reset_index(drop=True)) for frame in (trained, held_out))
    shared = match_rows(rows, tested)
    near = shared.near if is_more(int(shared.near.sum()), shared.near_by_accident) else np.zeros(len(rows), dtype=bool)
    try:
        near |= match_likely(rows, tested)[0]
    except Unmet as unmet:
        notes.append(f"Training rows that are another test row written differently were not looked for: {unmet}.")
    number = int((near & ~shared.equal).sum())
    if number:
        head = "WARNING, near-copies" if number > FEW_COPIES * len(tested) else "Near-copies"
        notes.append(
            f"{head} across the split: {count(number, 'training row', ('is', 'are'))} nearly equal to one of {len(tested):,} test rows (other "
            "digits, another spelling, or a few other cells), on which scores are too good. Look at them with dcai.audit(train, "
            "test=test, detectors='leakage'), take them out of one of the two, or name the column of what they share by groups=."
        )
