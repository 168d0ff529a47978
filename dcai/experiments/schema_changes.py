"""Which columns came, went, were renamed, or hold something else than before."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcai.base.fingerprints import canonicals
from dcai.base.kinds import Kind, kind_of
from dcai.experiments.divergences import compare_numbers
from dcai.experiments.trials import Trial

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


class Schema(NamedTuple):
    """What changed in the columns, and the current frame with the names and types of the reference."""

    current: pd.DataFrame
    kinds: dict[str, Kind]
    trials: list[Trial]


def compare_schemata(reference: pd.DataFrame, current: pd.DataFrame, allowed: frozenset[str]) -> Schema:
    """Compare names and kinds of columns; the columns named in `allowed` may be missing."""
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
    kinds: dict[str, Kind] = {}
    for name in names:
        if name in named.columns:
            column, kind, trial = _compare_kinds(name, reference[name], named[name])
            named = named.assign(**{name: column}) if column is not named[name] else named
            kinds[name] = kind
            trials += [trial] if trial is not None else []
    return Schema(named, kinds, trials)


def _match_names(reference: pd.DataFrame, current: pd.DataFrame, gone: list[str], new: list[str]) -> dict[str, str]:
    """Pair columns that are gone with new ones that hold the same, the most alike first."""
    pairs = []
    for old in gone:
        for name in new:
            distance = _measure(reference[old], current[name])
            if distance <= CLOSE:
                likeness = difflib.SequenceMatcher(None, old.casefold(), name.casefold()).ratio()
                pairs.append((distance - likeness, old, name, likeness))
    found: dict[str, str] = {}
    for _, old, name, likeness in sorted(pairs):
        rivals = sum(1 for _, o, n, _ in pairs if (o == old) != (n == name))
        if old not in found and name not in found.values() and (not rivals or likeness >= ALIKE):
            found[old] = name
    return found


def _measure(one: pd.Series[Any], other: pd.Series[Any]) -> float:
    """Return how far two columns are apart, 1 where their kinds differ."""
    first, second = one.iloc[:SAMPLE], other.iloc[:SAMPLE]
    kinds = {kind_of(first), kind_of(second)}
    if kinds == {"number"}:
        return compare_numbers(*(c.dropna().to_numpy(dtype=np.float64) for c in (first, second))).statistic
    if kinds <= {"category", "boolean", "text"}:
        texts = [pd.Series(canonicals(c), dtype=object).dropna() for c in (first, second)]
        if kinds == {"text"}:  # texts hardly occur twice; their words do
            texts = [its.str.split().explode().dropna() for its in texts]
        return 1.0 - float(texts[1].isin(set(texts[0])).mean()) if len(texts[1]) else 1.0
    return 0.0 if kinds == {"date"} else 1.0


def _compare_kinds(name: str, before: pd.Series[Any], now: pd.Series[Any]) -> tuple[pd.Series[Any], Kind, Trial | None]:
    """Return the current column as it can be compared, the kind of both, and whether the type changed."""
    first, second = kind_of(before), kind_of(now)
    if first == second or "empty" in (first, second):
        return now, first if first != "empty" else second, None
    if {first, second} <= set(_WRITTEN):  # one of the two has fewer rows: together they say what it is
        return now, kind_of(pd.concat([before, now])), None
    read, said = _read_as(first, now)
    text = f"The column {name!r} holds {WORDS[second]} instead of {WORDS[first]}{said}."
    trial = Trial("retyped_column", name, text, given=str(now.dtype), suggested=str(before.dtype))
    return (now if read is None else read), ("other" if read is None else first), trial


def _read_as(kind: Kind, column: pd.Series[Any]) -> tuple[pd.Series[Any] | None, str]:
    """Read a column as another kind, as far as nearly all of it can be."""
    filled = int(column.notna().sum())
    if kind == "number":
        numbers = pd.to_numeric(column.astype(object), errors="coerce").astype(np.float64)
        lost = filled - int(numbers.notna().sum())
        if lost <= filled // 2:
            return numbers, "" if not lost else f"; {lost:,} of {filled:,} cells cannot be read as numbers"
    elif kind == "date":
        dates = pd.to_datetime(column.astype(object), errors="coerce", utc=True, format="mixed")
        if int(dates.notna().sum()) >= filled // 2:
            return dates, ", which can be read as dates"
    elif kind in _WRITTEN or kind == "boolean":
        texts = pd.Series(canonicals(column), index=column.index, dtype=object)
        return texts.where(texts.notna(), None), ""
    return None, "; the values cannot be compared"
