"""Two frames: the rows of one that stand in the other as well, equal, nearly equal or under the same key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonicals
from dcai.base.table import Table, make_table
from dcai.findings.wording import name_some

Marks = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]
Writer = Callable[["pd.Series[Any]", str], npt.NDArray[Any]]

LIKELY_ROWS = 50_000  # more than these take minutes to compare for likeness
DIGITS = 4  # numbers that agree in this many leading digits are nearly equal
CLEAR = 1e-3
SLACK = 1.25


class Shared(NamedTuple):
    """Which rows of a table stand in another one, shape (n,) each; a row that is equal does not count as near.

    `found` is the position of the first such row in the other table, -1 for none; `repeats` the share of rows that
    repeat another one of their own table. `equal_by_chance` and `near_by_accident` are the numbers that one would expect if
    columns had nothing to do with each other, `equal_usual` and `near_by_chance` those if rows of the two were as alike as
    rows of the first are.
    """

    equal: Marks
    near: Marks
    found: Rows
    repeats: float
    equal_by_chance: float
    equal_usual: float
    near_by_chance: float
    near_by_accident: float = 0.0


def read_test(table: Table, test: Any) -> Table | None:
    """Read the second frame, and refuse one that shares no feature with the first."""
    if test is None or isinstance(test, Table):
        return test
    other = make_table(test, caller="audit (test)")
    if not share_columns(table, other):
        raise InputError(
            f"The test frame of audit shares no feature column with the audited frame. It has {name_some(list(other.frame.columns))}; "
            f"expected some of {name_some(table.features)}. Give a second frame of the same columns."
        )
    return other


def share_columns(table: Table, other: Table) -> list[str]:
    """List the features that both tables have."""
    return [name for name in table.features if name in other.frame.columns]


def match_rows(table: Table, other: Table) -> Shared:
    """Find the rows of a table that are equal or nearly equal to one of another in all shared features."""
    names, size = share_columns(table, other), len(table)
    columns = _read_codes(table, other, names, _write)
    exact = _number(columns)
    own, its = exact[:size], exact[size:]
    found, copies = _find(own, its), _count_copies(own)
    repeats = max(1 - len(np.unique(rows)) / len(rows) for rows in (own, its))
    expected, usual = _expect_by_chance(columns, size), _expect(copies, len(other))
    if not any(table.kinds[name] in ("number", "category", "text") for name in names):
        return Shared(found >= 0, np.zeros(size, dtype=np.bool_), found, repeats, expected, usual, 0.0)
    loosened = _read_codes(table, other, names, _loosen)
    loose = _number(loosened)
    close = _find(loose[:size], loose[size:])
    by_chance = _expect(_count_copies(loose[:size]) - copies, len(other))
    near = (close >= 0) & (found < 0)
    accident = _expect_by_chance(loosened, size)
    return Shared(found >= 0, near, np.where(found >= 0, found, close), repeats, expected, usual, by_chance, accident)


def match_likely(table: Table, other: Table) -> tuple[Marks, float]:
    """Find the rows that seem to be one of the other table written differently, as the detector of near duplicates judges.

    Returns
    -------
    marks : array of bool, shape (n,)
    by_chance : float
        How many one would expect, from the rows that resemble another one of their own table.

    Raises
    ------
    Unmet
        Where resemblance says nothing in these tables.
    """
    from dcai.findings.evidence import Settings, Unmet, make_evidence
    from dcai.findings.progress import tell_nobody
    from dcai.findings.tables.twins import choose_pairs

    names, size = share_columns(table, other), len(table)
    if size + len(other) > LIKELY_ROWS:
        raise Unmet(f"together the frames have more than {LIKELY_ROWS:,} rows")
    joined = pd.concat([table.frame[names], other.frame[names]], ignore_index=True)
    evidence = make_evidence(Table(joined), Settings(), tell_nobody)
    pairs = evidence.positions[evidence.resemblance.pairs[choose_pairs(evidence)]].reshape(-1, 2)
    inside = pairs < size
    across = pairs[inside.sum(axis=1) == 1]
    marks = np.zeros(size, dtype=np.bool_)
    marks[across[across < size]] = True
    own = len(np.unique(pairs[inside.all(axis=1)]))
    return marks, own * len(other) / size


def is_more(rows: int, expected: float) -> bool:
    """Say whether there are clearly more rows than expected; the expectation itself is a guess.

    Examples
    --------
    >>> is_more(20, 2.0), is_more(3, 2.0)
    (True, False)
    """
    from scipy.stats import poisson

    return bool(poisson.sf(rows - 1, SLACK * expected) < CLEAR)


def match_keys(table: Table, other: Table, names: Sequence[str]) -> Marks:
    """Find the rows of a table whose key stands in the other too; an empty one is like no other."""
    own = _mark(table.frame, names)
    return np.asarray((own.isin(set(_mark(other.frame, names).dropna())) & own.notna()).to_numpy(dtype=bool))


def _mark(frame: pd.DataFrame, names: Sequence[str]) -> pd.Series[Any]:
    cells = zip(*(canonicals(frame[name]) for name in names), strict=True)
    return pd.Series([None if None in its else its for its in cells], dtype=object)


def _read_codes(table: Table, other: Table, names: Sequence[str], write: Writer) -> list[Rows]:
    """Number the values of each column in both tables, one after the other, as they are written; 0 is an empty cell."""
    found = []
    for name in names:
        pair = [write(t.frame[name], table.kinds[name]) for t in (table, other)]
        found.append(np.asarray(pd.factorize(pd.Series(np.concatenate(pair)))[0] + 1, dtype=np.intp))
    return found


def _number(columns: Sequence[Rows]) -> Rows:
    """Number rows, the same for rows that agree in every column."""
    found = np.zeros(len(columns[0]), dtype=np.int64)
    for codes in columns:
        found = pd.factorize(found * (int(codes.max()) + 1) + codes)[0]
    return np.asarray(found, dtype=np.intp)


def _expect_by_chance(columns: Sequence[Rows], size: int) -> float:
    """Expect so many rows to agree with one of the other table if their columns had nothing to do with each other."""
    logs = np.zeros(size)
    for codes in columns:
        logs += np.log(np.bincount(codes)[codes[:size]] / len(codes))
    return float(-np.expm1(-(len(columns[0]) - size) * np.exp(logs)).sum())


def _find(rows: Rows, among: Rows) -> Rows:
    """Find the first equal row of `among` for each of `rows`, -1 for none."""
    first = np.full(max(int(rows.max()), int(among.max())) + 1, -1, dtype=np.intp)
    first[among[::-1]] = np.arange(len(among))[::-1]
    return first[rows]


def _count_copies(rows: Rows) -> Rows:
    """Count for each row the others that are equal."""
    return np.asarray(np.bincount(rows)[rows] - 1, dtype=np.intp)


def _expect(copies: Rows, rows: int) -> float:
    """Expect so many rows to have a copy among `rows` others, from the copies that they have among their own."""
    return float(np.minimum(copies / max(len(copies) - 1, 1) * rows, 1.0).sum())


def _write(column: pd.Series[Any], kind: str) -> npt.NDArray[Any]:
    """Write cells so that equal ones are equal, whatever their type; numbers stay what they are."""
    from dcai.findings.features.vectors import to_numbers

    if kind == "number":
        return to_numbers(column)
    return np.array([*canonicals(column), None], dtype=object)[:-1]


def _loosen(column: pd.Series[Any], kind: str) -> npt.NDArray[Any]:
    """Write cells so that spelling (letter case, accents, spaces, signs) and digits beyond the fourth do not count."""
    from dcai.findings.cells.spellings import fold
    from dcai.findings.features.vectors import to_numbers

    if kind == "number":
        values = to_numbers(column)
        size = np.floor(np.log10(np.abs(np.where(values == 0, 1.0, values))))
        scale = 10.0 ** np.clip(DIGITS - 1 - size, -300, 300)
        return np.asarray(np.round(values * scale) / scale)
    if kind not in ("category", "text"):
        return _write(column, kind)
    codes, distinct = pd.factorize(column)
    folded = np.array([*(fold(v) if isinstance(v, str) else str(v) for v in distinct), None], dtype=object)
    return folded[codes]
