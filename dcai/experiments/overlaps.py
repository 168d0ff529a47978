"""Training rows that the test holds too, by key or by content: they are taken out of training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.table import Table
from dcai.experiments.splits import mark_rows
from dcai.findings.wording import count


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
    return Table(table.frame[left].reset_index(drop=True), table.label, table.key, table.hidden)


def drop_shared(
    table: Table, corrected: pd.DataFrame, tests: Sequence[pd.DataFrame], notes: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take rows out of training whose features, as given or corrected, equal those of a test row, as given or corrected."""
    held = np.concatenate([mark_rows(frame, table.features) for frame in tests])
    shared = set(table.frame.index[np.isin(mark_rows(table.frame, table.features), held)])
    shared |= set(corrected.index[np.isin(mark_rows(corrected, table.features), held)])
    if shared:
        notes.append(
            f"{count(len(shared), 'training row')} had the same features as a test row and {'was' if len(shared) == 1 else 'were'} "
            "dropped from training, so that no model is tested on what it has seen."
        )
    drop = list(shared)
    return table.frame.drop(index=drop), corrected.drop(index=drop, errors="ignore")
