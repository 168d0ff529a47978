"""Cells that hold a stand-in for "nothing", and empty cells where a value is expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.fingerprints import distinct_cells
from dcai.findings.cells.breach_findings import find_expected
from dcai.findings.cells.defaults import find_defaults
from dcai.findings.cells.placeholders import (
    CLEAR,
    COMPLETE_SHARE,
    FEWEST_ROWS,
    SENTINELS,
    VAGUE,
    ZERO_DATES,
    judge_plain,
    judge_sentinel,
    stands_apart,
)
from dcai.findings.cells.texts import mark_texts
from dcai.findings.evidence import Evidence
from dcai.findings.labels.unlabelled import find_unlabelled
from dcai.findings.shape import NOTE, Detector, join_findings, make_findings
from dcai.findings.wording import count, name_some, say_left_out

_NUMERIC_SHARE = 0.8
_TRIED_SHARE = 0.25  # of the rows: more than may be no numbers
_ALONE_SHARE = 0.5
_WAY_OF_SAYING = 0.1
CODE = 3  # letters at most
MOST_SHORT = 0.5
FACTOR = 10  # times rarer or more frequent than all others
RECURRING = 5


def find(evidence: Evidence) -> pd.DataFrame:
    """Find disguised empties in every column, and plain ones where the column is almost complete."""
    table, found, left = evidence.table, [], {}
    notes: list[str] = []
    others = [table.frame[n] for n in table.frame.columns if n not in (*table.key, *table.hidden)]
    expected = find_expected(evidence.relations, table)
    named = {name: set(rows["row"]) for name, rows in expected.groupby("column")}
    for name in table.frame.columns:
        if name in (*table.key, *table.hidden) or table.kinds[name] == "empty":
            continue
        column = table.frame[name]
        empty = _is_empty(column)
        if name == table.label:
            found.append(find_unlabelled(evidence, empty))
            notes += filter(None, [str(found[-1].attrs[NOTE])])
        else:
            plain = _find_plain(name, column, empty)
            found.append(plain[~plain["row"].isin(named.get(name, set()))])  # with its value a cell says more
            rest = int(empty.sum()) - len(named.get(name, ()))
            if not len(plain) and rest:
                left[name] = rest
        if name != table.label and table.kinds[name] in ("number", "date", "category", "text"):
            found.append(find_defaults(name, column, others))
        if table.kinds[name] == "number":
            found.append(_find_sentinels(name, column, column))
        elif table.kinds[name] == "date":
            found.append(_find_zero_dates(name, column))
        elif table.kinds[name] not in ("image", "other", "boolean"):
            found.append(_find_words(name, column, empty))
            found.append(_find_sentinels(name, _read_texts(column, empty), column))
    whole = [n for n in table.frame.columns if table.kinds[n] == "empty"]
    cells, verb = sum(left.values()), "is" if sum(left.values()) == 1 else "are"
    notes += [f"{count(cells, 'plainly empty cell')} in {count(len(left), 'column')} {verb} not listed"] if left else []
    notes += [f"{count(len(whole), 'column', ('is', 'are'))} empty in every row: {name_some(whole)}"] if whole else []
    objects = [
        str(n) for n in table.frame.columns if table.kinds[n] == "other" and n not in (*table.key, *table.hidden)
    ]
    notes += say_left_out("stand-ins", {"its cells are neither text nor number": objects}) if objects else []
    return join_findings([*found, expected], note="; ".join(notes))


def _is_empty(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    blank = mark_texts(column, lambda v: not v.strip()) if _holds_text(column) else False
    return np.asarray(column.isna().to_numpy(dtype=bool) | blank)


def _holds_text(column: pd.Series[Any]) -> bool:
    return column.dtype == object or isinstance(column.dtype, (pd.StringDtype, pd.CategoricalDtype))


def _find_plain(name: str, column: pd.Series[Any], empty: np.ndarray[Any, np.dtype[np.bool_]]) -> pd.DataFrame:
    share = 1 - empty.mean()
    if not empty.any() or share < COMPLETE_SHARE or len(column) < FEWEST_ROWS:
        return make_findings([], [], [])
    rows = np.flatnonzero(empty)
    return make_findings(rows, *judge_plain(name, float(share)), column=name, given=list(column.iloc[rows]))


def _find_words(name: str, column: pd.Series[Any], empty: np.ndarray[Any, np.dtype[np.bool_]]) -> pd.DataFrame:
    """Find words for "nothing"; a vague one counts where it stands among numbers or dates."""
    codes, distinct = distinct_cells(column)
    texts = [str(v).strip() for v in distinct]
    words = [text.casefold() for text in texts]
    counts: dict[str, int] = {}
    for word, times in zip(words, np.bincount(codes[codes >= 0], minlength=len(words)).tolist(), strict=True):
        if word:
            counts[word] = counts.get(word, 0) + times
    stand_ins = [w for w in counts if w in CLEAR or w in VAGUE]
    others = [w for w in counts if w not in CLEAR and w not in VAGUE]
    if not stand_ins or sum(counts[o] for o in others) <= (1 - _ALONE_SHARE) * max(counts.values()):
        return make_findings([], [], [])  # with hardly any other value, the word is the value
    numeric = float(np.mean([any(c.isdigit() for c in o) and not o.isalpha() for o in others])) if others else 0.0
    # Where nothing is plainly empty, the word is how this column says it; else it may stand in a value's place.
    said = sum(counts[w] for w in stand_ins if w in CLEAR)
    sure = 0.95 if not empty.any() and said >= _WAY_OF_SAYING * sum(counts.values()) else 0.9
    found = []
    for word in stand_ins:
        apart = word in VAGUE and numeric < _NUMERIC_SHARE
        if apart and not _is_unlike_others(word, counts, others):
            continue
        if len(word) == 1 and word.isalpha() and max(map(len, others)) <= 2:  # noqa: PLR2004 (among short codes, a code)
            continue
        named = word.isalpha() and numeric < _NUMERIC_SHARE and not apart  # Nan and Nil are names, too
        same = [w == word and not (named and t == word.capitalize()) for w, t in zip(words, texts, strict=True)]
        rows = np.flatnonzero(np.array([*same, False], dtype=np.bool_)[codes])
        if not len(rows):
            continue
        doubt = 0.95 if word in CLEAR and sum(map(str.isalpha, word)) > 1 else 0.85 if word in CLEAR else 0.75
        reason = f"{str(column.iloc[rows[0]])!r} stands for an empty cell."
        if apart:
            doubt = 0.6
            reason = (
                f"{str(column.iloc[rows[0]])!r} seems to stand for an empty cell: {count(int(counts[word]), 'row')} "
                f"of {name!r} {'has' if counts[word] == 1 else 'have'} it, the other values {_tell_usual(counts, others):,} each."
            )
        found.append(
            make_findings(
                rows,
                doubt,
                reason,
                column=name,
                given=list(column.iloc[rows]),
                suggested="",
                confidence=min(doubt, sure),
            )
        )
    return join_findings(found)


def _is_unlike_others(word: str, counts: Mapping[str, int], others: list[str]) -> bool:
    """Say whether a word that may be a value is far rarer than all categories, or far more frequent than all texts."""
    if len(others) < 2 or (len(word) <= CODE and np.mean([len(o) <= CODE for o in others]) > MOST_SHORT):  # noqa: PLR2004 (nothing to compare)
        return False  # a code among codes
    rows, rest = int(counts[word]), np.array([counts[o] for o in others], dtype=np.float64)
    rare = rows * FACTOR <= rest.min()
    often = len(others) >= FEWEST_ROWS and rows >= max(RECURRING, FACTOR * float(rest.max()))
    return bool(rare or often)


def _tell_usual(counts: Mapping[str, int], others: list[str]) -> int:
    """Return how many rows the other values have, in the middle."""
    return int(np.median([counts[o] for o in others]))


def _read_texts(column: pd.Series[Any], empty: np.ndarray[Any, np.dtype[np.bool_]]) -> pd.Series[Any]:
    """Read a column of texts as numbers where most are; codes with zeros before them are none."""
    none = pd.Series(np.nan, index=column.index)
    few = int(_TRIED_SHARE * len(column))
    first = column.iloc[:few].astype(object).mask(empty[:few], 0)
    spare = (1 - _NUMERIC_SHARE) * (~empty).sum() + 1  # rounding must not stop what the count below lets pass
    if pd.to_numeric(first, errors="coerce").isna().sum() > spare:
        return none  # the first rows rule it out
    numbers = pd.to_numeric(column.where(~empty).astype(object), errors="coerce")
    texts = column[~empty].astype(str)
    if numbers.notna().sum() < _NUMERIC_SHARE * len(texts) or texts.str.match(r"0\d").mean() > 1 - COMPLETE_SHARE:
        return none
    return numbers


def _find_sentinels(name: str, numbers: pd.Series[Any], column: pd.Series[Any]) -> pd.DataFrame:
    """Find numbers such as -1 and 999 that stand apart from all others."""
    from dcai.findings.features.vectors import to_numbers

    values = to_numbers(numbers)
    known = values[~np.isnan(values)]
    if len(known) < FEWEST_ROWS:
        return make_findings([], [], [])
    found = []
    for sentinel in SENTINELS:
        times = int((known == sentinel).sum())
        others = known[~np.isin(known, SENTINELS)]
        ends = (float(others.min()), float(others.max())) if len(others) else (np.nan, np.nan)
        if not times or len(others) < _ALONE_SHARE * len(known) or not stands_apart(sentinel, ends, times):
            continue
        rows = np.flatnonzero(values == sentinel)
        doubt, reason = judge_sentinel(name, sentinel, ends, times)
        found.append(make_findings(rows, doubt, reason, column=name, given=list(column.iloc[rows])))
    return join_findings(found)


def _find_zero_dates(name: str, column: pd.Series[Any]) -> pd.DataFrame:
    """Find dates at which calendars of computers begin or end, years away from all others."""
    days = pd.to_datetime(column, errors="coerce", utc=True).dt.strftime("%Y-%m-%d")
    others = days[~days.isin(ZERO_DATES) & days.notna()]
    if len(others) < FEWEST_ROWS:
        return make_findings([], [], [])
    first, last = int(others.min()[:4]), int(others.max()[:4])
    found = []
    for date in ZERO_DATES:
        year = int(date[:4])
        rows = np.flatnonzero((days == date).to_numpy(dtype=bool))
        if len(rows) and (year < first - 5 or year > last + 5):
            reason = f"{date} lies years away from all other dates of {name!r}: it seems to stand for an empty cell."
            found.append(make_findings(rows, 0.9, reason, column=name, given=list(column.iloc[rows])))
    return join_findings(found)


detector = Detector("missing", find)
