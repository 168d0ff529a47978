"""Which columns came, went, were renamed, or hold something else than before."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import canonicals
from dcai.base.kinds import Kind, kind_of
from dcai.experiments.batches.date_formats import compare_formats
from dcai.experiments.batches.divergences import compare_numbers
from dcai.experiments.batches.trials import Trial
from dcai.findings.cells.dates import count_seconds, is_dated, read_both, read_dates

ALIKE = 0.75  # of two names, from which a column may be the other renamed although another one fits as well
CLOSE = 0.2  # Kolmogorov-Smirnov distance, or the share of rows with foreign values: columns this close may be one
SAMPLE = 5_000
WORDS: Mapping[str, str] = {
    "number": "numbers",
    "boolean": "yes or no",
    "date": "dates",
    "category": "categories",
    "text": "texts",
    "image": "pictures",
    "other": "objects",
    "empty": "nothing",
}
_WRITTEN = ("category", "text")


Marks = npt.NDArray[np.bool_]


class Schema(NamedTuple):
    """What changed in the columns, and both frames with the names and types by which they are compared.

    `empty` says, for columns that were read as dates, which cells of both were empty before: not all others could be read.
    """

    reference: pd.DataFrame
    current: pd.DataFrame
    kinds: dict[str, Kind]
    trials: list[Trial]
    empty: dict[str, tuple[Marks, Marks]]


@dataclass(frozen=True, eq=False)
class _Fitted:
    """One column of both frames as it can be compared, and what is to be said of its type."""

    before: pd.Series[Any]
    now: pd.Series[Any]
    kind: Kind
    trials: list[Trial] = field(default_factory=list)
    empty: tuple[Marks, Marks] | None = None


def compare_schemata(
    reference: pd.DataFrame, current: pd.DataFrame, allowed: frozenset[str], apart: frozenset[str] = frozenset()
) -> Schema:
    """Compare names and kinds of columns; those in `allowed` may be missing, those in `apart` are not read as dates."""
    names = [str(c) for c in reference.columns]
    gone = [c for c in names if c not in current.columns]
    new = [str(c) for c in current.columns if c not in reference.columns]
    renamed = _match_names(reference, current, gone, new)
    trials = [
        Trial("renamed_column", old, f"The column {old!r} is now called {name!r}: the values are alike.",
              given=name, suggested=old)
        for old, name in renamed.items()
    ]  # fmt: skip
    trials += [
        Trial("dropped_column", c, f"The column {c!r} is missing.")
        for c in gone
        if c not in renamed and c not in allowed
    ]
    trials += [
        Trial("added_column", c, f"The column {c!r} is new.")
        for c in new
        if c not in renamed.values() and c not in allowed
    ]
    named = current.rename(columns={name: old for old, name in renamed.items()})
    fitted = {
        name: _fit(name, reference[name], named[name], dated=name not in apart)
        for name in names
        if name in named.columns
    }
    trials += [trial for its in fitted.values() for trial in its.trials]
    return Schema(
        _put(reference, {name: its.before for name, its in fitted.items()}),
        _put(named, {name: its.now for name, its in fitted.items()}),
        {name: its.kind for name, its in fitted.items()},
        trials,
        {name: its.empty for name, its in fitted.items() if its.empty is not None},
    )


def _put(frame: pd.DataFrame, columns: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
    """Return the frame with the columns that differ from its own."""
    other = {name: column for name, column in columns.items() if column is not frame[name]}
    return frame.assign(**other) if other else frame


def _match_names(reference: pd.DataFrame, current: pd.DataFrame, gone: list[str], new: list[str]) -> dict[str, str]:
    """Pair columns that are gone with new ones that hold the same, the most alike first."""
    pairs = []
    for old in gone:
        for name in new:
            likeness = difflib.SequenceMatcher(None, old.casefold(), name.casefold()).ratio()
            distance = _measure(reference[old], current[name], likeness)
            if distance <= CLOSE:
                pairs.append((distance - likeness, old, name, likeness))
    found: dict[str, str] = {}
    for _, old, name, likeness in sorted(pairs):
        rivals = sum(1 for _, o, n, _ in pairs if (o == old) != (n == name))
        if old not in found and name not in found.values() and (not rivals or likeness >= ALIKE):
            found[old] = name
    return found


def _measure(one: pd.Series[Any], other: pd.Series[Any], likeness: float) -> float:
    """Return how far two columns are apart, 1 where their kinds differ; dates that go on count as close under like names."""
    first, second = one.iloc[:SAMPLE], other.iloc[:SAMPLE]
    kinds = {_find_kind(first), _find_kind(second)}
    if kinds == {"number"}:
        return compare_numbers(*(c.dropna().to_numpy(dtype=np.float64) for c in (first, second))).statistic
    if kinds == {"date"}:
        before, now = count_seconds(first), count_seconds(second)
        if not len(before) or not len(now):
            return 1.0
        goes_on = before.min() <= now.min() <= before.max() + np.ptp(before)
        return CLOSE if goes_on and likeness >= ALIKE else compare_numbers(before, now).statistic
    if kinds <= {"category", "boolean", "text"}:
        texts = [pd.Series(canonicals(c), dtype=object).dropna() for c in (first, second)]
        if kinds == {"text"}:  # texts hardly occur twice; their words do
            texts = [its.str.split().explode().dropna() for its in texts]
        return 1.0 - float(texts[1].isin(set(texts[0])).mean()) if len(texts[1]) else 1.0
    return 1.0


def _find_kind(column: pd.Series[Any]) -> Kind:
    return "date" if is_dated(column) else kind_of(column)


def _fit(name: str, before: pd.Series[Any], now: pd.Series[Any], *, dated: bool) -> _Fitted:
    """Bring one column of both frames to one type, and say whether it changed."""
    pair = read_both(before, now) if dated else None
    if pair is not None:
        one, other = pair
        trials = list(compare_formats(name, one, other))
        return _Fitted(one.dates, other.dates, "date", trials, (one.empty, other.empty))
    first, second = kind_of(before), kind_of(now)
    if first == second or "empty" in (first, second):
        return _Fitted(before, now, first if first != "empty" else second)
    if {first, second} <= set(_WRITTEN):  # one of the two has fewer rows: together they say what it is
        return _Fitted(before, now, kind_of(pd.concat([before, now])))
    if dated and second == "date" and is_dated(before):
        text = f"The column {name!r} holds dates instead of dates written as texts."
        return _Fitted(read_dates(before), now, "date", [_tell_type(name, text, before, now)])
    read, said = _read_as(first, now)
    text = f"The column {name!r} holds {WORDS[second]} instead of {WORDS[first]}{said}."
    kind: Kind = "other" if read is None else first
    return _Fitted(before, now if read is None else read, kind, [_tell_type(name, text, before, now)])


def _tell_type(name: str, text: str, before: pd.Series[Any], now: pd.Series[Any]) -> Trial:
    return Trial("retyped_column", name, text, given=str(now.dtype), suggested=str(before.dtype))


def _read_as(kind: Kind, column: pd.Series[Any]) -> tuple[pd.Series[Any] | None, str]:
    """Read a column as another kind, as far as nearly all of it can be."""
    filled = int(column.notna().sum())
    if kind == "number":
        numbers = pd.to_numeric(column.astype(object), errors="coerce").astype(np.float64)
        lost = filled - int(numbers.notna().sum())
        if lost <= filled // 2:
            return numbers, "" if not lost else f"; {lost:,} of {filled:,} cells cannot be read as numbers"
    elif kind == "date":
        dates = read_dates(column.astype(object))
        if int(dates.notna().sum()) >= filled // 2:
            return dates, ", which can be read as dates"
    elif kind in _WRITTEN or kind == "boolean":
        texts = pd.Series(canonicals(column), index=column.index, dtype=object)
        return texts.where(texts.notna(), None), ""
    return None, "; the values cannot be compared"
