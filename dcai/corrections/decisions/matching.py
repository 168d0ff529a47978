"""Find the rows that the lines of a log speak of: by key, or by fingerprint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from dcai.base.errors import LogError, shorten
from dcai.base.fingerprints import (
    canonical,
    canonicals,
)
from dcai.base.identity import RowIndex
from dcai.base.records import FINGERPRINT, Correction
from dcai.base.table import check_key
from dcai.corrections.decisions.slots import ABSENT, Columns, Finder, Place
from dcai.corrections.decisions.standing import find_active, key_text
from dcai.corrections.decisions.veils import Veil, hidden_columns, key_behind

# What hides each column of the key -> the canonical cells of a row's key -> the row.
Numbered = dict[tuple[str | None, ...], dict[tuple[str | None, ...], int]]


def read_columns(corrections: Iterable[Correction]) -> dict[str, Columns]:
    """Collect the sets of columns that a log declares, by their digest."""
    return {
        column_digest(c): Columns(tuple(c.columns), c.label, tuple(sorted((c.veiled or {}).items())))
        for c in corrections
        if c.columns is not None
    }


def column_digest(line: Correction) -> str:
    """Return the short hash of the columns that a line's row hash covers."""
    return line.row.partition(":")[2]


def key_names(corrections: Sequence[Correction]) -> tuple[str, ...] | None:
    """Return the key columns of a log (the fingerprint's mark for a keyless one), None for an empty log."""
    for line in corrections:
        return tuple(sorted(line.key))
    return None


def locate(
    corrections: Sequence[Correction],
    frame: pd.DataFrame,
    known: Mapping[str, RowIndex] | None = None,
    numbered: Numbered | None = None,
) -> dict[str, Place]:
    """Find the row of every key of a log in a frame.

    `known` holds the frame's rows by their hashes, by the digest of the columns that are hashed. `numbered` keeps the rows
    by their keys for the next call with the same frame, as a log grows.

    Raises
    ------
    LogError
        Where the frame lacks columns that the log identifies rows by.
    """
    names = key_names(corrections)
    if names is None:
        return {}
    if names == (FINGERPRINT,):
        return _locate_fingerprints(corrections, frame, known or {})
    _require(names, frame, "key columns")
    _refuse_stranger(corrections, frame)
    rows_of: Numbered = {} if numbered is None else numbered
    if numbered is None:  # else it is an audited table, whose key was checked
        check_key(frame, names)
    hidden = hidden_columns(corrections)
    keys = {key_text(c.key): tuple(c.key[name] for name in names) for c in corrections}
    places: dict[str, Place] = {}
    for text, values in keys.items():
        # Columns may have been marked as sensitive, or the key that hides them exchanged, while the log was written.
        behind = tuple(key_behind(v) if n in hidden else None for n, v in zip(names, values, strict=True))
        if behind not in rows_of:
            rows_of[behind] = _number_keys(frame, names, behind)
        row = rows_of[behind].get(tuple(canonical(v) for v in values))
        places[text] = ABSENT if row is None else Place(row)
    return places


def _number_keys(
    frame: pd.DataFrame, names: Sequence[str], behind: Sequence[str | None]
) -> dict[tuple[str | None, ...], int]:
    """Return the row of each key of a frame; `behind` names what hides each column of the key, None for nothing."""
    covered = Veil({n: key for n, key in zip(names, behind, strict=True) if key is not None}).cover(frame)
    texts = [canonicals(covered[name]) for name in names]
    return {cells: row for row, cells in enumerate(zip(*texts, strict=True))}


def _require(names: Iterable[str], frame: pd.DataFrame, what: str) -> None:
    lacking = [n for n in names if n not in frame.columns]
    if lacking:
        raise make_lack(
            f"The log belongs to data with the {what} {shorten(', '.join(map(repr, names)), 200)}; this data lacks "
            f"{shorten(', '.join(map(repr, lacking)), 200)}."
        )


def make_lack(says: str) -> LogError:
    """Make the error that says what data lacks of what its log speaks of, and how to go on."""
    return LogError(
        says,
        "Give the data that was reviewed, or rename={old: new} where columns were renamed.",
        command="Give the file that was reviewed, or --rename OLD=NEW where columns were renamed.",
    )


def _refuse_stranger(corrections: Sequence[Correction], frame: pd.DataFrame) -> None:
    """Refuse a frame that shares the key and little else: keys like 1, 2, 3 occur in every table."""
    known = list(read_columns(corrections).values())
    here = set(map(str, frame.columns))
    if known and not any(2 * len(here & set(c.identity)) > len(c.identity) for c in known):
        nearest = max(known, key=lambda c: len(here & set(c.identity)))
        _require(nearest.identity, frame, "columns")


def _locate_fingerprints(
    corrections: Sequence[Correction], frame: pd.DataFrame, known: Mapping[str, RowIndex]
) -> dict[str, Place]:
    declared = read_columns(corrections)
    texts: dict[str, dict[str, list[Correction]]] = defaultdict(dict)
    for line in corrections:
        texts[column_digest(line)][key_text(line.key)] = []
    rows = {key_text(c.key): c.row for c in corrections}
    for line in find_active(corrections):
        if line.verdict != "undo":
            texts[column_digest(line)][key_text(line.key)].append(line)
    places: dict[str, Place] = {}
    for digest, lines_of in texts.items():
        if digest not in declared:
            raise LogError(
                f"No line of the log names its columns {digest!r}: a line is lost. Restore the file from git."
            )
        columns = declared[digest]
        _require(columns.identity, frame, "columns")
        places |= Finder(columns, columns.veil.cover(frame), known.get(digest)).find(lines_of, rows)
    return places
