"""Does the order of the rows, or a time, say something about their content? Then rows dealt at random flatter a model.

The one detector that looks at the caller's order: shuffle the rows, and what it finds about the file is gone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from xxhash import xxh3_64_hexdigest

from dcai.findings.evidence import Evidence, Rows, Unmet
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.tables.orders import (
    Alike,
    Trend,
    compare_distances,
    correlate,
    judge_columns,
    make_points,
    read_times,
    sample_runs,
)
from dcai.findings.tables.stretches import find_stretches
from dcai.findings.wording import count, name_some

FEWEST_ROWS = 100
CLEAR_Z = -5.0
NEARER = 0.9  # rows that are most alike stand at most this share of the usual distance apart
COLUMN_Z = 6.0
COLUMN_TIE = 0.3
ORDERED = 0.99  # rank correlation of a column that only numbers the rows
MOST_COLUMNS = 60
IMAGE_ROWS = 1_000
MOST_NAMED = 4
SORTED_DOUBT = 0.4


class Order(NamedTuple):
    """Rows in an order: in the file, or by a time."""

    rows: Rows
    starts: npt.NDArray[np.bool_]
    frame: pd.DataFrame


def find(evidence: Evidence) -> pd.DataFrame:
    """Find whether the order of the file, or of a time, carries information; and stretches of the file that are unlike the rest."""
    if len(evidence.table) < FEWEST_ROWS:
        raise Unmet(f"fewer than {FEWEST_ROWS} rows: chance explains most orders")
    order = _take(evidence, np.argsort(evidence.positions, kind="stable"))
    counting = _find_counting(evidence, order)
    kinds = [k for k in _list_columns(evidence) if k[0] not in counting]
    trends = judge_columns(order.frame, kinds, order.starts)
    alike, why = _compare(evidence, order, counting)
    loose = [t for t in trends if not t.sorted]
    stretches, explained = find_stretches(order.frame, order.rows, loose, dict(kinds), evidence)
    clear = [t for t in trends if t.z > COLUMN_Z and t.tie > COLUMN_TIE and t.column not in explained]
    times, looked = _judge_times(evidence, kinds)
    notes = [f"{count(len(order.rows), 'row')} in the order of the file, {count(len(kinds), 'column')}{looked}"]
    notes += [f"rows as a whole were not compared: {why}"] if why else []
    notes += [f"not judged, for it numbers the rows: {name_some(sorted(counting))}"] if counting else []
    found = []
    near = alike is not None and alike.z < CLEAR_Z and alike.apart < NEARER * alike.usual
    if near or clear or times:
        doubt = max(
            [0.9 * min(t.tie, 1) for t in clear] + [1 - alike.apart / alike.usual if near and alike else 0, 0.4]
        )
        reason = _explain(alike if near else None, clear, times)
        if any(t.sorted and t.column == evidence.table.label for t in clear):
            # What depends on the label is then in order too, and nothing more is known about the order.
            doubt, reason = SORTED_DOUBT, _explain_sorted(str(evidence.table.label))
        found.append(make_findings([-1], min(doubt, 0.9), reason))
    return join_findings([*found, stretches], note="; ".join(notes))


def _take(evidence: Evidence, rows: Rows) -> Order:
    """Take a sample of rows in an order, and mark those whose row before is not in it."""
    some = sample_runs(rows)
    place = np.empty(len(rows), dtype=np.intp)
    place[rows] = np.arange(len(rows))
    starts = np.ones(len(some), dtype=np.bool_)
    starts[1:] = np.diff(place[some]) != 1
    return Order(some, starts, evidence.table.frame.iloc[some])


def _list_columns(evidence: Evidence) -> list[tuple[str, str]]:
    """List the columns that can be judged one by one: features that are numbers or names, and the label."""
    kinds = [(n, r) for n, r in evidence.roles.items() if r in ("number", "category")][:MOST_COLUMNS]
    label = evidence.table.label
    if label is not None:
        kinds.append((label, "number" if evidence.task == "regression" else "category"))
    return kinds


def _find_counting(evidence: Evidence, order: Order) -> set[str]:
    """Find the columns that only number the rows: they rise or fall with them, and hardly repeat a value."""
    from dcai.findings.features.vectors import to_numbers

    found = set()
    for name, role in evidence.roles.items():
        values = to_numbers(order.frame[name]) if role == "number" else read_times(order.frame[name])
        if values is None or len(np.unique(values[~np.isnan(values)])) < len(values) / 2:
            continue
        if abs(correlate(values, np.arange(len(values), dtype=np.float64))) > ORDERED:
            found.add(name)
    return found


def _compare(evidence: Evidence, order: Order, counting: set[str]) -> tuple[Alike | None, str]:
    """Compare the places of the rows that are most alike."""
    given = isinstance(evidence.settings.features, np.ndarray)
    roles = {n: r for n, r in evidence.roles.items() if n not in counting} if not given else {}
    if not given and not roles:
        return None, "no column can serve as a feature"
    rows = np.sort(order.rows[:IMAGE_ROWS] if "image" in roles.values() else order.rows)  # canonical: of no meaning

    def compare() -> Alike:
        points = np.asarray(evidence.dense[rows]) if given else make_points(evidence.table.frame.iloc[rows], roles)
        return compare_distances(points, evidence.positions[rows])

    return evidence.recall(f"order {xxh3_64_hexdigest(evidence.positions.tobytes())}", compare), ""


def _judge_times(evidence: Evidence, kinds: list[tuple[str, str]]) -> tuple[dict[str, list[Trend]], str]:
    """Judge the columns in the order of each time column that is not the order of the file."""
    found, named = {}, []
    for name in evidence.table.features:
        if evidence.table.kinds[name] not in ("date", "text", "category"):
            continue
        times = read_times(evidence.table.frame[name])
        if times is None or abs(correlate(times, evidence.positions.astype(np.float64))) > ORDERED:
            continue
        named.append(name)
        order = _take(evidence, np.argsort(times, kind="stable"))  # of equal times in canonical order: in none
        others = [k for k in kinds if k[0] != name]
        clear = [t for t in judge_columns(order.frame, others, order.starts) if t.z > COLUMN_Z and t.tie > COLUMN_TIE]
        if clear:
            found[name] = clear
    return found, f"; also by time: {name_some(named)}" if named else ""


def _explain(alike: Alike | None, clear: list[Trend], times: dict[str, list[Trend]]) -> str:
    said = []
    if alike is not None:
        said.append(
            f"Rows that stand near each other are more alike than chance: those most alike are {alike.apart:,.0f} rows apart on average, "
            f"in a random order it would be {alike.usual:,.0f}."
        )
    if clear:
        said.append(f"In the order of the file {_describe(clear)}.")
    said += [f"In the order of {name!r} {_describe(trends)}." for name, trends in times.items()]
    said.append(
        "A test on rows drawn at random then shows more skill than later or other rows will: split by blocks, time or groups."
    )
    return " ".join(said)


def _explain_sorted(label: str) -> str:
    return (
        f"The rows come sorted by {label!r}, and what depends on it comes in order too. Shuffle them before they are split by place: "
        "an unshuffled split tests on classes that it never trained on."
    )


def _describe(trends: list[Trend]) -> str:
    parts = []
    for trend in trends[:MOST_NAMED]:
        if trend.sorted:
            parts.append(f"{trend.column!r} comes sorted")
        elif abs(trend.slope) > 1 / 2:
            parts.append(f"{trend.column!r} {'rises' if trend.slope > 0 else 'falls'}")
        else:
            parts.append(f"{trend.column!r} comes in stretches")
    more = len(trends) - MOST_NAMED
    return ", ".join(parts) + (f" and {count(more, 'more column')} follow" if more > 0 else "")


detector = Detector("non_iid", find)
