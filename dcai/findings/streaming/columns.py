"""Columns of many millions of rows: each looked at as a whole, by what was counted of it or by itself in memory."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.table import Table
from dcai.findings.cells.defaults import find_defaults
from dcai.findings.cells.extremes import CELL_Z, find_cells
from dcai.findings.cells.placeholders import (
    COMPLETE_SHARE,
    FEWEST_ROWS,
    SENTINELS,
    Others,
    describe_others,
    judge_plain,
    judge_sentinel,
    stands_apart,
)
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import NOTE, Detector, join_findings, make_findings
from dcai.findings.streaming.digests import read_numbers
from dcai.findings.streaming.sources import Source
from dcai.findings.wording import count, name_some, say_left_out

if TYPE_CHECKING:
    from dcai.findings.streaming.survey import Survey, Tally

Rows = npt.NDArray[np.int64]

ALONE_SHARE = 0.5  # of a column's numbers must be others than those that often stand for nothing
MOST_LABELLESS = 0.65
MOST_BOUND = 100.0  # the largest bound that numbers are held to
MOST_FAR = 2_000  # numbers of a column that are judged one by one
FAR_SHARE = 0.002  # of the sample are judged together


def find_missing_numbers(name: str, tally: Tally, size: int, sample: pd.Series[Any]) -> pd.DataFrame:
    """Find the empty cells and the stand-ins for them in a column of numbers, by what was counted of it and by a sample."""
    found = []
    share = 1 - tally.empty / size
    if tally.empty and tally.empty_rows is not None and share >= COMPLETE_SHARE and size >= FEWEST_ROWS:
        rows = np.concatenate(tally.empty_rows)
        found.append(make_findings(rows, *judge_plain(name, share), column=name))
    known = tally.others + sum(tally.counts.values())
    others = _describe_others(tally, sample) if tally.counts else None
    for sentinel in SENTINELS:
        times = tally.counts.get(sentinel, 0)
        if not times or known < FEWEST_ROWS or tally.others < ALONE_SHARE * known:
            continue
        if others is not None and stands_apart(sentinel, others, times):
            rows = np.concatenate(tally.sentinels[sentinel])
            doubt, reason = judge_sentinel(name, sentinel, others, times)
            dtype = sample.dtype if isinstance(sample.dtype, np.dtype) else np.float64
            given = np.array([sentinel]).astype(dtype)[0]
            found.append(make_findings(rows, doubt, reason, column=name, given=given))
    return join_findings(found)


def _describe_others(tally: Tally, sample: pd.Series[Any]) -> Others:
    """Describe the numbers that are no stand-ins: their ends by all rows, how they lie to each other by the sample."""
    from dcai.findings.features.vectors import to_numbers

    values = to_numbers(sample)
    seen = describe_others(values[np.isfinite(values) & ~np.isin(values, SENTINELS)])
    return seen._replace(low=tally.low, high=tally.high)


def say_empty(survey: Survey, size: int) -> str:
    """Count the empty cells of columns of numbers that are not listed."""
    left = {n: t.empty for n, t in survey.tallies.items() if t.empty and 1 - t.empty / size < COMPLETE_SHARE}
    cells = sum(left.values())
    verb = "is" if cells == 1 else "are"
    return f"{count(cells, 'plainly empty cell')} in {count(len(left), 'column')} {verb} not listed" if left else ""


def find_default_numbers(name: str, sample: pd.Series[Any], source: Source) -> pd.DataFrame:
    """Find a default among numbers: known by the sample, looked for in all rows."""
    seen = find_defaults(name, sample)
    return make_findings([], [], []) if not len(seen) else find_defaults(name, source.read_column(name))


def find_range_numbers(
    source: Source, survey: Survey, sample: pd.DataFrame, names: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Find the numbers of all rows that lie outside of what their column can hold, judged by the sample.

    Only numbers beyond the sample, or as far out as one that was found in it, can be; where the smallest and the
    largest of all rows are none of these, nothing is read again.
    """
    fences: dict[str, tuple[float, float]] = {}
    left: dict[str, list[str]] = {}
    for name in names:
        try:
            fences[name] = _fence(name, sample[name])
        except Unmet as reason:
            left.setdefault(str(reason), []).append(name)
    reach = {name: _reach(survey.tallies[name]) for name in fences}
    asked = [n for n, (low, high) in fences.items() if reach[n][0] <= low or reach[n][1] >= high]
    places: dict[str, list[Rows]] = {name: [] for name in asked}
    values: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in asked}
    for start, batch in source.read_batches(asked) if asked else ():
        for name in asked:
            read = read_numbers(batch.column(name))
            assert read is not None
            its = read[0]
            far = (its <= fences[name][0]) | (its >= fences[name][1])
            rows = np.flatnonzero(far if read[1] is None else far & ~read[1])
            if len(rows):
                places[name].append(rows + start)
                values[name].append(its[rows])
    found, notes = (
        [_find_infinite(name, survey.tallies[name], source) for name in names],
        say_left_out("extreme numbers", left),
    )
    for name in asked:
        if places[name]:
            rows, its = np.concatenate(places[name]), np.concatenate(values[name])
            if len(rows) > MOST_FAR:
                notes.append(
                    f"{name!r} has {len(rows):,} numbers as far out as the sample's: the {MOST_FAR:,} farthest were judged"
                )
                kept = np.argsort(-np.abs(its - np.nanmedian(sample[name])), kind="stable")[:MOST_FAR]
                rows, its = rows[kept], its[kept]
            found.append(_judge_far(name, sample[name], rows, its, len(source)))
    return join_findings(found), notes


def _find_infinite(name: str, tally: Tally, source: Source) -> pd.DataFrame:
    """Find infinite numbers: nothing that was counted or measured is one."""
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *tally.infinite])
    given = list(source.read_frame(rows, [name])[name]) if len(rows) else []
    reason = f"It is infinite, as a division by zero makes it, and no number of {name!r} can be."
    return make_findings(rows, 0.95, reason, column=name, given=given)


def _reach(tally: Tally) -> tuple[float, float]:
    """Return the smallest and the largest number of a column, those that may stand for nothing too."""
    ends = [*tally.counts, tally.low, tally.high]
    return min(ends), max(ends)


def _fence(name: str, column: pd.Series[Any]) -> tuple[float, float]:
    """Return the numbers at and beyond which a column may be out of range."""
    from dcai.findings.features.vectors import to_numbers

    values = to_numbers(column)
    seen = values[find_cells(name, column, values, "number")["row"].to_numpy(dtype=np.int64)]
    middle, low, high = (float(f(values)) for f in (np.nanmedian, np.nanmin, np.nanmax))
    below, above = seen[seen < middle], seen[seen >= middle]
    first, third = (float(v) for v in np.nanpercentile(values, [25, 75]))
    reach = CELL_Z * (third - first) / 1.349
    # What is inside of the sample's ends is not found, and beyond them only what is far out as deviations count, or what
    # may break a sign or a bound.
    ends = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
    signed, bounded = low < 0, low >= 0 and high <= MOST_BOUND
    inner = float(below.max()) if len(below) else min(ends[0], middle - reach) if signed else ends[0]
    outer = float(above.min()) if len(above) else ends[1] if bounded else max(ends[1], middle + reach)
    return float(inner), float(outer)


def _judge_far(name: str, sample: pd.Series[Any], rows: Rows, values: npt.NDArray[Any], size: int) -> pd.DataFrame:
    """Judge numbers far out a few at a time, as if they stood in the sample, which they would change if all did."""
    from dcai.findings.features.vectors import to_numbers

    usual, found = to_numbers(sample), []
    step = max(1, int(FAR_SHARE * len(sample)))
    typed = values.astype(sample.dtype) if isinstance(sample.dtype, np.dtype) else values
    for start in range(0, len(rows), step):
        its = slice(start, start + step)
        numbers = np.append(values[its].astype(np.float64), usual)
        column = pd.concat([pd.Series(typed[its]), sample], ignore_index=True)
        try:
            part = find_cells(name, column, numbers, "number", size)
        except Unmet:
            continue  # the sample alone could be judged, and with these it is a tail
        part = part[part["row"] < len(rows[its])]
        found.append(part.assign(row=rows[its][part["row"].to_numpy(dtype=np.int64)]))
    return join_findings(found)


def find_unlabelled_rows(label: str, rows: Rows, size: int) -> pd.DataFrame:
    """List the rows without a label."""
    from dcai.base.display import show_share

    share = len(rows) / size
    expected = min(1 - share, MOST_LABELLESS)
    reason = f"It has no label; {label!r} has one in {show_share(1 - share)} of the rows."
    note = (
        f"no label is suggested for {count(len(rows), 'unlabelled row')} of data that stays on disk"
        if len(rows)
        else ""
    )
    return make_findings(rows, expected / 2, reason, column=label, note=note)


def find_in_column(detector: str, source: Source, table: Table, name: str) -> pd.DataFrame:
    """Ask a detector about one whole column by itself."""
    ours: Detector = importlib.import_module(f"dcai.findings.detectors.{detector}").detector
    alone = Table(pd.DataFrame({name: source.read_column(name)}), name=table.name)
    return ours.find(Evidence(alone, np.arange(len(alone))))


def find_in_columns(
    detector: str, source: Source, table: Table, names: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Ask a detector about whole columns, one after the other; what it could not do is told."""
    found, notes = [], []
    for name in names:
        try:
            its = find_in_column(detector, source, table, name)
        except Unmet as unmet:
            notes.append(f"{name!r}: {unmet}")
            continue
        found.append(its)
        notes += [str(its.attrs[NOTE])] if its.attrs.get(NOTE) else []
    return join_findings(found), notes


def say_columns(whole: Sequence[str], sampled: Sequence[str], sample: int) -> list[str]:
    """Say which columns were looked at as a whole, and which by a sample."""
    said = [f"all rows of {name_some(whole)}"] if whole else []
    return [*said, f"a sample of {sample:,} rows of {name_some(sampled)}"] if sampled else said
