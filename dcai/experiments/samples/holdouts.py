"""Which rows are held out for the test: given ones, a share of each class, whole groups, or the latest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError, shorten
from dcai.base.table import Table, make_table
from dcai.experiments.samples.readers import make_strata
from dcai.experiments.samples.showing import make_shower
from dcai.experiments.samples.splits import assign_folds, mark_rows
from dcai.findings.evidence import Task
from dcai.findings.wording import count

TEST_FOLDS = 4  # one of four folds is held out
FEWEST_ROWS = 20
FEW_GROUPS = 10


def check_test(test: Any, table: Table) -> Table:
    """Return the given test rows with the columns of the training rows, or refuse them."""
    assert table.label is not None
    found = make_table(test, caller="compare (test)")
    if table.label not in found.frame.columns:
        raise InputError.unknown_name(
            "label column",
            table.label,
            found.frame.columns,
            "The test rows need the label column too: scores are measured on it.",
        )
    lost = [c for c in table.frame.columns if c not in found.frame.columns]
    extra = [c for c in found.frame.columns if c not in table.frame.columns]
    if lost or extra:
        parts = [f"the test lacks {shorten(', '.join(map(repr, lost)))}"] if lost else []
        parts += [f"the test alone has {shorten(', '.join(map(repr, extra)))}"] if extra else []
        raise InputError(
            f"Training and test rows have different columns: {'; '.join(parts)}. Expected the same columns in both: "
            "drop or add columns before comparing."
        )
    return replace(table, frame=found.frame[list(table.frame.columns)])


def hold_out(
    table: Table, time: str | None, task: Task, random_state: int, notes: list[str]
) -> tuple[Table, pd.DataFrame]:
    """Set about a quarter of the labelled rows aside: what is left, and the test rows."""
    assert table.label is not None
    strata = make_strata(table.frame[table.label], task)
    labelled = np.asarray(strata != "", dtype=np.bool_)
    if labelled.sum() < FEWEST_ROWS:
        raise InputError(
            f"There are {int(labelled.sum())} rows with a label, too few to hold some out: at least {FEWEST_ROWS} are needed. "
            "Pass test=, or more rows."
        )
    if time is not None:
        held, left = _latest(table, time, labelled, notes)
    elif table.groups is not None:
        held, left = _whole_groups(table, labelled, random_state, notes)
    else:
        held, left = _share_of_each(table, strata, task, random_state, notes)
    rest = replace(table, frame=table.frame[left].reset_index(drop=True))
    return rest, table.frame[held].reset_index(drop=True)


Mask = npt.NDArray[np.bool_]


def _share_of_each(
    table: Table, strata: npt.NDArray[Any], task: Task, random_state: int, notes: list[str]
) -> tuple[Mask, Mask]:
    marks = mark_rows(table.frame, table.features)
    fold = assign_folds(marks, strata.tolist(), TEST_FOLDS, random_state)
    held = (fold == 0) & (strata != "")
    if not held.any():
        raise InputError(
            f"No rows can be held out: no {'class' if task == 'classification' else 'tenth of the label'} has {TEST_FOLDS} rows of "
            f"different content among the {len(table):,} rows. Pass test=, or more rows that differ."
        )
    notes.append(
        f"No test rows were given: {int(held.sum()):,} of {len(table):,} rows are held out, about a quarter of each "
        f"{'class' if task == 'classification' else 'tenth of the label'}. The content of a row decides (random_state={random_state}), "
        "not its place, and rows with equal features are on the same side."
    )
    # An unlabelled twin of a held-out row stays out of training too; other rows without a label may get one.
    return held, ~np.isin(marks, marks[held])


def _whole_groups(table: Table, labelled: Mask, random_state: int, notes: list[str]) -> tuple[Mask, Mask]:
    assert table.groups is not None
    marks = mark_rows(table.frame, [table.groups])
    groups = len(np.unique(marks[labelled]))
    if groups < 2:  # noqa: PLR2004 (one group to train on, another to test on)
        raise InputError(
            f"The group column {table.groups!r} holds one group only, so none can be held out. "
            "Expected at least two groups: name another column, or pass test=."
        )
    held_marks = assign_folds(marks[labelled], [""] * int(labelled.sum()), min(TEST_FOLDS, groups), random_state) == 0
    inside = np.isin(marks, marks[labelled][held_marks])
    held = inside & labelled
    out = len(np.unique(marks[held]))
    notes.append(
        f"No test rows were given: {count(out, 'whole group')} of {groups:,} ({table.groups!r}) with {int(held.sum()):,} of {len(table):,} rows "
        f"{'is' if out == 1 else 'are'} held out (random_state={random_state}), so the scores say how the models do on groups that they have "
        "never seen. Intervals resample whole groups; the group column is no feature."
    )
    if table.frame[table.groups].isna().any():
        notes.append(f"Rows without a value in {table.groups!r} count as one group.")
    return held, ~inside


def _latest(table: Table, time: str, labelled: Mask, notes: list[str]) -> tuple[Mask, Mask]:
    times = read_times(table.frame[time])
    known = ~np.isnan(times)
    if not (known & labelled).any():
        raise InputError(f"No row has both a label and a time in {time!r}. Name another column, or pass test=.")
    cut = float(np.quantile(times[known & labelled], 1 - 1 / TEST_FOLDS, method="higher"))
    held, left = known & labelled & (times >= cut), known & (times < cut)
    if not (left & labelled).any():
        raise InputError(
            f"The earliest and the latest quarter of the rows have the same time in {time!r}, so no later rows can be held out. "
            "Name a finer column, or pass test=."
        )
    show = make_shower(table.frame[time])
    first = show(table.frame.loc[held, time].iloc[int(times[held].argmin())])
    notes.append(
        f"No test rows were given: the latest {int(held.sum()):,} of {len(table):,} rows ({time!r} from {shorten(str(first), 40)} on) are held "
        "out, so the scores say how models of earlier rows do on later ones. The time column is no feature."
    )
    if not known.all():
        notes.append(f"{count(int((~known).sum()), 'row')} without a readable time in {time!r} left out.")
    return held, left


def read_times(column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Read a column as times that can be ordered: numbers as they are, dates and texts of dates as nanoseconds; NaN for none.

    Raises
    ------
    InputError
        Where more than half of the cells are neither.
    """
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return np.asarray(pd.to_numeric(column).to_numpy(dtype=float, na_value=np.nan))
    dates = pd.to_datetime(column, errors="coerce", format="mixed", utc=True).dt.as_unit("ns")
    if dates.notna().mean() < 0.5:  # noqa: PLR2004 (more than half)
        example = str(make_shower(column)(next(iter(column[dates.isna() & column.notna()].astype(str)), "")))
        raise InputError(
            f"The time column {column.name!r} holds no times: {shorten(repr(example), 60)} cannot be read. Expected dates or numbers. "
            "Name another column, or turn it into dates first."
        )
    numbers = dates.astype("int64").to_numpy(dtype=float)
    numbers[dates.isna().to_numpy()] = np.nan
    return np.asarray(numbers)
