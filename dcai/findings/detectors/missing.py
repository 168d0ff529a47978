"""Cells that hold a stand-in for "nothing", and empty cells where a value is expected."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import distinct_cells
from dcai.findings.cells.breach_findings import find_expected
from dcai.findings.cells.defaults import MOST_PEERS, find_defaults
from dcai.findings.cells.placeholders import (
    CLEAR,
    COMPLETE_SHARE,
    FEWEST_ROWS,
    SENTINELS,
    ZERO_DATES,
    describe_others,
    judge_plain,
    judge_sentinel,
    stands_apart,
)
from dcai.findings.cells.stand_ins import NUMERIC_SHARE, Words
from dcai.findings.cells.texts import mark_texts
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.labels.unlabelled import find_unlabelled
from dcai.findings.shape import NOTE, Detector, join_findings, make_findings
from dcai.findings.wording import count, name_some, say_left_out

Marks = npt.NDArray[np.bool_]

_TRIED_SHARE = 0.25  # of the rows: more than may be no numbers
_ALONE_SHARE = 0.5
_HABIT = 0.5


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
        kind = str(table.kinds[name])
        if name == table.label:
            classes = _are_classes(evidence)
            empty = evidence.labels.codes < 0 if classes else _is_empty(column)
            found.append(find_unlabelled(evidence, empty))
            notes += filter(None, [str(found[-1].attrs[NOTE])])
            stand_ins = _find_stand_ins(name, column, kind, empty, classes=classes)
        else:
            look = partial(_look, name, column, kind)
            known = name in table.features  # then what was seen before holds whatever the label is
            plain, stand_ins, cells = evidence.recall(f"missing {name!r}", look) if known else look()
            found.append(plain[~plain["row"].isin(named.get(name, set()))])  # with its value a cell says more
            rest = cells - len(named.get(name, ()))
            if not len(plain) and rest:
                left[name] = rest
            if kind in ("number", "date", "category", "text"):
                found.append(find_defaults(name, column, others))
        notes += [str(its.attrs[NOTE]) for its in stand_ins if its.attrs.get(NOTE)]
        found += stand_ins
    whole = [n for n in table.frame.columns if table.kinds[n] == "empty"]
    cells, verb = sum(left.values()), "is" if sum(left.values()) == 1 else "are"
    notes += [f"{count(cells, 'plainly empty cell')} in {count(len(left), 'column')} {verb} not listed"] if left else []
    notes += [f"{count(len(whole), 'column', ('is', 'are'))} empty in every row: {name_some(whole)}"] if whole else []
    objects = [
        str(n) for n in table.frame.columns if table.kinds[n] == "other" and n not in (*table.key, *table.hidden)
    ]
    notes += say_left_out("stand-ins", {"its cells are neither text nor number": objects}) if objects else []
    return join_findings([*found, expected], note="; ".join(notes))


def _look(name: str, column: pd.Series[Any], kind: str) -> tuple[pd.DataFrame, list[pd.DataFrame], int]:
    """Look at a column that is no label: the empty cells to list, what stands for nothing, and how many are empty."""
    empty = _is_empty(column)
    stand_ins = _find_stand_ins(name, column, kind, empty, classes=False)
    return _find_plain(name, column, empty), stand_ins, int(empty.sum())


def _are_classes(evidence: Evidence) -> bool:
    """Say whether the label holds classes, of which any word or number may be one."""
    try:
        return evidence.task == "classification" and evidence.labels is not None
    except Unmet:
        return False


def _find_stand_ins(name: str, column: pd.Series[Any], kind: str, empty: Marks, *, classes: bool) -> list[pd.DataFrame]:
    """Find the words, numbers or dates that stand for "nothing" in a column of a kind; the numbers of classes are codes."""
    if kind == "number":
        return [] if classes else [_find_sentinels(name, column, column)]
    if kind == "date":
        return [_find_zero_dates(name, column)]
    if kind in ("image", "other", "boolean"):
        return []
    words = _find_words(name, column, empty, classes=classes)
    return [words] if classes else [words, _find_sentinels(name, _read_texts(column, empty), column)]


def _is_empty(column: pd.Series[Any]) -> Marks:
    blank = mark_texts(column, lambda v: not v.strip()) if _holds_text(column) else False
    return np.asarray(column.isna().to_numpy(dtype=bool) | blank)


def _holds_text(column: pd.Series[Any]) -> bool:
    return column.dtype == object or isinstance(column.dtype, (pd.StringDtype, pd.CategoricalDtype))


def _find_plain(name: str, column: pd.Series[Any], empty: Marks) -> pd.DataFrame:
    share = 1 - empty.mean()
    if not empty.any() or share < COMPLETE_SHARE or len(column) < FEWEST_ROWS:
        return make_findings([], [], [])
    rows = np.flatnonzero(empty)
    return make_findings(rows, *judge_plain(name, float(share)), column=name, given=list(column.iloc[rows]))


def _find_words(name: str, column: pd.Series[Any], empty: Marks, *, classes: bool) -> pd.DataFrame:
    """Find words for "nothing"; what may be a value counts only where it is unlike the values around it."""
    codes, distinct = distinct_cells(column)
    texts = [str(v).strip() for v in distinct]
    folded = [text.casefold() for text in texts]
    counts: dict[str, int] = {}
    for word, times in zip(folded, np.bincount(codes[codes >= 0], minlength=len(folded)).tolist(), strict=True):
        if word:
            counts[word] = counts.get(word, 0) + times
    words = Words(name, counts, not empty.any(), classes)
    found, values = [], []
    for word in words.stand_ins:
        named = words.is_named(word)
        same = [w == word and not (named and t == word.capitalize()) for w, t in zip(folded, texts, strict=True)]
        rows = np.flatnonzero(np.array([*same, False], dtype=np.bool_)[codes] & ~empty)
        if not len(rows):
            continue
        given = list(column.iloc[rows])
        if words.is_habit(word):
            some = [int(r) for r in rows[:MOST_PEERS]]
            found.append(make_findings([-1], _HABIT, words.tell_habit(word, str(given[0])), column=name, peers=[some]))
            continue
        judged = words.judge(word, str(given[0]))
        if judged is None:
            values += [word] if word in CLEAR else []
            continue
        doubt, sure, reason = judged
        found.append(make_findings(rows, doubt, reason, column=name, given=given, suggested="", confidence=sure))
    note = f"values like the others, not empty cells, in {name!r}: {name_some(values)}" if values else ""
    return join_findings(found, note=note)


def _read_texts(column: pd.Series[Any], empty: Marks) -> pd.Series[Any]:
    """Read a column of texts as numbers where most are; codes with zeros before them are none."""
    none = pd.Series(np.nan, index=column.index)
    few = int(_TRIED_SHARE * len(column))
    first = column.iloc[:few].astype(object).mask(empty[:few], 0)
    spare = (1 - NUMERIC_SHARE) * (~empty).sum() + 1  # rounding must not stop what the count below lets pass
    if pd.to_numeric(first, errors="coerce").isna().sum() > spare:
        return none  # the first rows rule it out
    numbers = pd.to_numeric(column.where(~empty).astype(object), errors="coerce")
    texts = column[~empty].astype(str)
    if numbers.notna().sum() < NUMERIC_SHARE * len(texts) or texts.str.match(r"0\d").mean() > 1 - COMPLETE_SHARE:
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
    marked = np.isin(known, SENTINELS)
    if not marked.any() or marked.mean() > 1 - _ALONE_SHARE:
        return make_findings([], [], [])
    others = describe_others(known[~marked])
    for sentinel in SENTINELS:
        times = int((known == sentinel).sum())
        if not times or not stands_apart(sentinel, others, times):
            continue
        rows = np.flatnonzero(values == sentinel)
        doubt, reason = judge_sentinel(name, sentinel, others, times)
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
