"""Applying a log to a file: what no correction touches stays as it is, byte by byte in CSV, column by column in Parquet."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from dcai.base import store
from dcai.base.errors import InputError
from dcai.base.fingerprints import MISSING_TEXTS
from dcai.base.table import read_file, sniff_delimiter
from dcai.corrections.log import CorrectionLog, Plan, rename_back
from dcai.corrections.values.arrow import change_table
from dcai.corrections.values.cells import hide_values

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".tsv", ".txt")
_BOM = "\ufeff"
_INTEGER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True)
class Applied:
    """What was done: cells changed, rows left out, corrections already done, and those that did not fit."""

    path: str
    changed: int
    dropped: int
    already: int
    skipped: int


def apply_to_file(
    source: Path,
    log: CorrectionLog,
    out: Path,
    *,
    stale: Literal["raise", "skip"] = "raise",
    rename: Mapping[str, str] | None = None,
) -> Applied:
    """Write a corrected copy of a CSV or Parquet file.

    Parameters
    ----------
    source, out : Path
        The file, and where the copy goes (written whole or not at all).
    log : CorrectionLog
        The corrections.
    stale : {"raise", "skip"}, default "raise"
        As for `CorrectionLog.apply`.
    rename : dict, optional
        Columns that were renamed since: ``{"old": "new"}``. The copy has the names of `source`.

    Raises
    ------
    InputError
        Where the file cannot be read, or `out` has another kind of ending than `source`.
    StaleError
        Where corrections do not fit, with ``stale="raise"``; nothing is written.
    """
    kinds = [
        PARQUET if p.suffix.lower() in PARQUET else TEXT if p.suffix.lower() in TEXT else () for p in (source, out)
    ]
    if kinds[0] != kinds[1] or not kinds[1]:
        raise InputError(
            f"The output {out.name!r} must be of the same kind as {source.name!r}: the corrected file keeps every untouched cell as it is."
        )
    if source.resolve() == out.resolve():
        raise InputError(
            f"The output is the source {source.name!r} itself. Corrections are replayed on the source data, so it must stay: name another file."
        )
    frame = rename_back(read_file(source), rename)  # says clearly what is wrong with the file, before it is taken apart
    if kinds[0] == PARQUET:
        plan, content = _patch_parquet(source, frame, log, stale, rename)
    else:
        plan, content = _patch_csv(source, log, stale, rename)
    store.write_atomic(out, content)
    status = plan.checks["status"].value_counts()
    return Applied(
        str(out), len(plan.edits), len(plan.dropped), int(status.get("applied", 0)),
        int(status.get("stale", 0) + status.get("disputed", 0) + status.get("absent", 0)),
    )  # fmt: skip


# ---------------------------------------------------------------- CSV


@dataclass(frozen=True)
class _Record:
    """One record of a CSV file: its fields as they are written, and the line end behind it."""

    fields: list[str]
    end: str


def _patch_csv(
    source: Path, log: CorrectionLog, stale: Literal["raise", "skip"], rename: Mapping[str, str] | None
) -> tuple[Plan, bytes]:
    text = source.read_bytes().decode("utf-8")
    mark = _BOM if text.startswith(_BOM) else ""
    delimiter = sniff_delimiter(source)
    records = split_records(text.removeprefix(_BOM), delimiter)
    head = next(i for i, r in enumerate(records) if not _is_blank(r))
    # A column without a name is called as pandas calls it, and a record with too few cells is filled up as pandas does.
    names = [unquote(f) or f"Unnamed: {j}" for j, f in enumerate(records[head].fields)]
    places = [i for i in range(head + 1, len(records)) if not _is_blank(records[i])]
    cells = pd.DataFrame({n: [_cell(records[i], j) for i in places] for j, n in enumerate(names)}, dtype=str)
    frame = rename_back(cells, rename)
    plan = log.plan(frame, stale=stale, rename=rename)
    column_of = {str(name): j for j, name in enumerate(frame.columns)}
    written = {column: find_writing(frame[column]) for column in plan.edits["column"].unique()}
    for row, column, value in plan.edits.itertuples(index=False):
        fields, place = records[places[row]].fields, column_of[column]
        fields.extend([""] * (place + 1 - len(fields)))
        fields[place] = quote(write_like(value, written[column]), fields[place], delimiter, alone=len(names) == 1)
    dropped = {places[row] for row in plan.dropped}
    kept = [r for i, r in enumerate(records) if i not in dropped]
    return plan, (mark + "".join(delimiter.join(r.fields) + r.end for r in kept)).encode("utf-8")


def _is_blank(record: _Record) -> bool:
    return len(record.fields) == 1 and not record.fields[0].strip()


def _cell(record: _Record, place: int) -> str:
    return unquote(record.fields[place]) if place < len(record.fields) else ""


def split_records(text: str, delimiter: str) -> list[_Record]:
    r"""Split CSV text into records whose fields are still as written.

    Examples
    --------
    >>> [r.fields for r in split_records('a,"b,c"\n1,"2"\n', ",")]
    [['a', '"b,c"'], ['1', '"2"']]
    """
    mark = re.escape(delimiter)
    # A field: quoted text with doubled quotes inside (and whatever strays behind it), or anything up to the next mark.
    token = re.compile(rf'((?:"(?:[^"]|"")*"[^{mark}\r\n]*)|[^{mark}\r\n]*)({mark}|\r\n|\n|\r|\Z)')
    records: list[_Record] = []
    fields: list[str] = []
    position = 0
    while position < len(text) or fields:
        match = token.match(text, position)
        assert match is not None  # the second alternative matches everywhere
        fields.append(match[1])
        position = match.end()
        if match[2] != delimiter:
            records.append(_Record(fields, match[2]))
            fields = []
    return records


def unquote(field: str) -> str:
    """Read a field as it is meant."""
    if len(field) > 1 and field.startswith('"') and field.endswith('"'):
        return field[1:-1].replace('""', '"')
    return field


@dataclass(frozen=True)
class Writing:
    """How a column of a file writes its values: whole numbers without a point, and truth in one of its cases."""

    whole: bool
    truth: Callable[[str], str]


def find_writing(column: pd.Series[Any]) -> Writing:
    """Find how the texts of a column are written."""
    texts = {t.strip() for t in column.unique()} - MISSING_TEXTS
    truths = [case for case in (str.lower, str.upper) if any(t in (case("true"), case("false")) for t in texts)]
    return Writing(bool(texts) and all(_INTEGER.fullmatch(t) for t in texts), truths[0] if truths else str)


def write_like(value: object, writing: Writing) -> object:
    """Write a value as its column does: 2.0, which was a whole number in a column with gaps, as 2 among whole numbers.

    Examples
    --------
    >>> write_like(2.0, Writing(whole=True, truth=str.lower)), write_like(True, Writing(whole=False, truth=str.lower))
    ('2', 'true')
    """
    if isinstance(value, bool):
        return writing.truth(str(value))
    return str(int(value)) if writing.whole and isinstance(value, float) and value.is_integer() else value


def quote(value: object, old: str, delimiter: str, *, alone: bool = False) -> str:
    """Write a value as a field: in quotes where it needs them, or where the old one had them.

    An empty field that stands alone in its record needs them too: an empty line would be no record.
    """
    text = "" if value is None else str(value)
    if alone and not text.strip():
        return f'"{text}"'
    needs = any(c in text for c in (delimiter, '"', "\r", "\n")) or text != text.strip()
    return '"' + text.replace('"', '""') + '"' if needs or old.startswith('"') else text


# ---------------------------------------------------------------- Parquet


def _patch_parquet(
    source: Path, frame: pd.DataFrame, log: CorrectionLog, stale: Literal["raise", "skip"], rename: Mapping[str, str] | None,
) -> tuple[Plan, bytes]:  # fmt: skip
    import pyarrow.parquet as pq

    table = pq.read_table(source)
    plan = log.plan(frame, stale=stale, rename=rename)
    known = {new: old for old, new in (rename or {}).items()}
    places = {known.get(name, name): i for i, name in enumerate(table.column_names)}
    with hide_values(partial(log.find_masked, rename)):
        changed = change_table(table, places, plan.edits, plan.dropped)
    buffer = io.BytesIO()
    pq.write_table(changed, buffer)
    return plan, buffer.getvalue()
