"""What a label is: one class a row, a number, a set of classes, or a tag for each token; inferred, and why."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError, shorten
from dcai.base.fingerprints import distinct_cells, plain
from dcai.base.kinds import kind_of
from dcai.base.parts import SPACE, list_of, read_list, read_parts
from dcai.base.records import Scalar
from dcai.base.table import Table
from dcai.findings.evidence import Task

Counts = npt.NDArray[np.intp]

FEW_NUMBERS = 20  # that many distinct numbers are classes,
MANY_NUMBERS = 200  # or this many whole ones, if each
ROWS_A_CLASS = 10  # has this many rows
SEPARATORS = ("|", ";", ",")
SAMPLE = 5000  # the rows that an inference looks at
MATCHING = 0.95  # of the rows must have as many tags as tokens, for a label to be taken for tags
FEWEST_ROWS = 20  # from which text between separators may be taken for several classes
FEW_WORDS = 2.0  # labels of fewer words on average are no tags of sentences
REUSED = 0.95  # of the parts must stand in several different cells


class Reading(NamedTuple):
    """What a label was taken for; `separator` stands between its parts, `tokens` is the column that its tags are of."""

    task: Task
    separator: str | None = None
    tokens: str | None = None
    why: str = ""


def read_task(table: Table, asked: Task | None, features: tuple[str, ...] | None = None) -> Reading:
    """Say what the label of a table is; what was asked for stands, and is checked.

    Raises
    ------
    InputError
        Where the label cannot be what was asked for, or is nothing that can be audited.
    """
    assert table.label is not None
    column = table.frame[table.label]
    listed = _is_listed(column)
    if asked in ("classification", "regression"):
        if listed:
            kind = "one class" if asked == "classification" else "one number"
            raise InputError(
                f"The label column {table.label!r} holds several values in one cell, for example {_example(column)}. "
                f"Expected {kind} a row for task={asked!r}. Use task='multilabel' for sets of classes, or task='token' for a tag for each token."
            )
        return Reading(asked)
    codes, distinct = distinct_cells(column)
    cells = np.array([*map(plain, distinct), None], dtype=object)[codes].tolist()
    if asked == "token":
        return _read_token(table, cells, listed=listed, names=features)
    if asked == "multilabel":
        return Reading("multilabel", None if listed else _choose_separator(cells, table.label))
    return _infer(table, column, cells, listed=listed, names=features)


def _infer(
    table: Table, column: pd.Series[Any], cells: list[Scalar], *, listed: bool, names: tuple[str, ...] | None
) -> Reading:
    words = None if listed else SPACE
    if listed or _is_wordy(cells):
        found = [name for name, share in _match_lengths(table, cells, words, names).items() if share >= MATCHING]
        if found and _has_repeats(cells, words):
            if len(found) == 1:
                return Reading("token", words, found[0], f"as many tags as tokens in {found[0]!r}")
            raise InputError(_ask_tokens(str(table.label), found))
    if listed:
        return Reading("multilabel", None, None, "the cells hold lists")
    if kind_of(column) == "date":
        _refuse_dates(column, str(table.label))
    distinct: list[Scalar] = [v for v in dict.fromkeys(cells) if v is not None]
    filled = len(cells) - cells.count(None)
    for separator in SEPARATORS:
        if filled >= FEWEST_ROWS and _separates(distinct, separator):
            return Reading("multilabel", separator, None, f"the cells hold several classes between {separator!r}")
    return Reading(infer_task(column))


def _refuse_dates(column: pd.Series[Any], name: str) -> None:
    known = column.dropna()
    if known.nunique() > FEW_NUMBERS or known.nunique() * ROWS_A_CLASS > len(known):
        raise InputError(
            f"The label column {name!r} holds dates. Labels may be classes, sets of classes, tags or numbers: "
            "make a number of it (for example the days since a start), or name another column."
        )


# ---------------------------------------------------------------- cells with several values


def _is_listed(column: pd.Series[Any]) -> bool:
    """Say whether cells hold lists: one list is enough among objects; of texts every one must be written as a list."""
    if column.dtype == object and any(list_of(v) is not None for v in column):
        return True
    if not (column.dtype == object or isinstance(column.dtype, pd.StringDtype)):
        return False
    texts = column.dropna().iloc[:SAMPLE]
    return bool(len(texts)) and all(isinstance(v, str) and read_list(v) is not None for v in texts)


def _example(column: pd.Series[Any]) -> str:
    first = next(v for v in column if list_of(v) is not None or (isinstance(v, str) and read_list(v) is not None))
    return shorten(str(plain(first)), 60)


def _is_wordy(cells: list[Scalar]) -> bool:
    texts = [v for v in cells[:SAMPLE] if isinstance(v, str)]
    return len(texts) >= FEWEST_ROWS and sum(len(t.split()) for t in texts) > FEW_WORDS * len(texts)


def _has_repeats(cells: list[Scalar], separator: str | None) -> bool:
    """Say whether a cell holds the same value twice, as tags do and sets never."""
    parts = (read_parts(cell, separator) or [] for cell in cells[:SAMPLE])
    return any(len(set(map(str, its))) < len(its) for its in parts)


def count_parts(cells: list[Scalar], separator: str | None) -> Counts:
    """Count the parts of cells, shape (n,); -1 for an empty cell."""
    parts = [read_parts(cell, separator) for cell in cells]
    return np.array([-1 if its is None else len(its) for its in parts], dtype=np.intp)


def _match_lengths(
    table: Table, cells: list[Scalar], separator: str | None, names: tuple[str, ...] | None
) -> dict[str, float]:
    """Return for each column that may hold tokens the share of labelled rows with as many tokens as tags."""
    tags = count_parts(cells[:SAMPLE], separator)
    rows = np.flatnonzero(tags >= 0)
    found = {}
    for name in names or table.features:
        column = table.frame[name].iloc[:SAMPLE]
        if table.kinds[name] in ("text", "other", "category") and len(rows):
            tokens = count_parts([plain(v) for v in column], SPACE)
            found[name] = float((tokens[rows] == tags[rows]).mean())
    return found


def _read_token(table: Table, cells: list[Scalar], *, listed: bool, names: tuple[str, ...] | None) -> Reading:
    words = None if listed else SPACE
    shares = _match_lengths(table, cells, words, names)
    if not shares:
        raise InputError(
            "No column can hold the tokens: task='token' needs a column with lists of words, or text that is split at white space."
        )
    best = max(shares.values())
    found = [name for name, share in shares.items() if share == best]
    if len(found) > 1:
        raise InputError(_ask_tokens(str(table.label), found))
    return Reading("token", words, found[0])


def _ask_tokens(label: str, found: list[str]) -> str:
    return (
        f"The columns {shorten(', '.join(map(repr, found)), 120)} all have as many tokens as {label!r} has tags. "
        f"Say which holds the tokens: features=[{found[0]!r}]."
    )


def _choose_separator(cells: list[Scalar], label: str) -> str:
    """Choose the one separator of cells that were said to hold several classes."""
    counts = Counter({s: sum(s in v for v in cells if isinstance(v, str)) for s in SEPARATORS})
    (best, most), (second, next_most), *_ = counts.most_common()
    if not most:
        raise InputError(
            f"No cell of the label column {label!r} holds several classes: none is a list, and none holds '|', ';' or ','. "
            "Use task='classification' for one class a row, or make lists of the cells."
        )
    if most == next_most:
        raise InputError(
            f"The classes of the label column {label!r} may be separated by {best!r} or by {second!r}. Make lists of the cells: "
            f"frame[{label!r}].str.split({best!r})."
        )
    return best


def _separates(cells: list[Scalar], separator: str) -> bool:
    """Say whether distinct texts clearly hold several classes: their parts are few and come back in other combinations."""
    if not all(isinstance(v, str) for v in cells):
        return False
    distinct = {str(v): read_parts(v, separator) or [] for v in cells}
    several = [its for its in distinct.values() if len(its) > 1]
    if not several or any(len(set(its)) < len(its) for its in several):
        return False
    homes: Counter[Scalar] = Counter(part for its in distinct.values() for part in its)
    inside = [part for its in several for part in its]
    # Commas stand inside of names, too: then the combinations must be many more than the parts.
    times = 2 if separator == "," else 1
    return times * len(homes) < len(distinct) and sum(homes[part] > 1 for part in inside) >= REUSED * len(inside)


def infer_task(column: pd.Series[Any]) -> Task:
    """Say whether a label is a class or a number.

    Text, booleans and categories are classes. Numbers are, when there are few of them, or when they are whole and
    each has several rows.
    """
    if pd.api.types.is_complex_dtype(column.dtype):
        return "classification"
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        cells = column.dropna()
        if column.dtype != object or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in cells):
            return "classification"
    values = pd.to_numeric(column.dropna())
    distinct = values.nunique()
    whole = bool((values.astype("float64") % 1 == 0).all())
    if distinct <= FEW_NUMBERS and (whole or distinct * ROWS_A_CLASS <= len(values)):
        return "classification"
    if whole and distinct <= MANY_NUMBERS and distinct * ROWS_A_CLASS <= len(values):
        return "classification"
    return "regression"
