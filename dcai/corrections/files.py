"""Applying a log to a file: what no correction touches stays as it is, byte by byte in CSV, column by column in Parquet."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from dcai.base import store
from dcai.base.errors import InputError
from dcai.base.table import read_file, sniff_delimiter
from dcai.corrections.cells import set_cells
from dcai.corrections.log import CorrectionLog, Plan

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".tsv", ".txt")
_BOM = "\ufeff"


@dataclass(frozen=True)
class Applied:
    """What was done: cells changed, rows left out, corrections already done, and those that did not fit."""

    path: str
    changed: int
    dropped: int
    already: int
    skipped: int


def apply_to_file(source: Path, log: CorrectionLog, out: Path, *, stale: Literal["raise", "skip"] = "raise") -> Applied:
    """Write a corrected copy of a CSV or Parquet file.

    Parameters
    ----------
    source, out : Path
        The file, and where the copy goes (written whole or not at all; both may be the same file).
    log : CorrectionLog
        The corrections.
    stale : {"raise", "skip"}, default "raise"
        As for `CorrectionLog.apply`.

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
    frame = read_file(source)  # says clearly what is wrong with the file, before it is taken apart
    plan, content = _patch_parquet(source, frame, log, stale) if kinds[0] == PARQUET else _patch_csv(source, log, stale)
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


def _patch_csv(source: Path, log: CorrectionLog, stale: Literal["raise", "skip"]) -> tuple[Plan, bytes]:
    text = source.read_bytes().decode("utf-8")
    mark = _BOM if text.startswith(_BOM) else ""
    delimiter = sniff_delimiter(source)
    records = split_records(text.removeprefix(_BOM), delimiter)
    head = next(i for i, r in enumerate(records) if not _is_blank(r))
    names = [unquote(f) for f in records[head].fields]
    places = [i for i in range(head + 1, len(records)) if not _is_blank(records[i])]
    ragged = next((i for i in places if len(records[i].fields) != len(names)), None)
    if ragged is not None:
        raise InputError(
            f"{source.name!r} has {len(records[ragged].fields)} cells in record {ragged} and {len(names)} columns. Give every record the same cells."
        )
    frame = pd.DataFrame({n: [unquote(records[i].fields[j]) for i in places] for j, n in enumerate(names)}, dtype=str)
    plan = log.plan(frame, stale=stale)
    column_of = {name: j for j, name in enumerate(names)}
    for row, column, value in plan.edits.itertuples(index=False):
        fields = records[places[row]].fields
        fields[column_of[column]] = quote(value, fields[column_of[column]], delimiter)
    dropped = {places[row] for row in plan.dropped}
    kept = [r for i, r in enumerate(records) if i not in dropped]
    return plan, (mark + "".join(delimiter.join(r.fields) + r.end for r in kept)).encode("utf-8")


def _is_blank(record: _Record) -> bool:
    return record.fields == [""]


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


def quote(value: object, old: str, delimiter: str) -> str:
    """Write a value as a field: in quotes where it needs them, or where the old one had them."""
    text = "" if value is None else str(value)
    needs = any(c in text for c in (delimiter, '"', "\r", "\n")) or text != text.strip()
    return '"' + text.replace('"', '""') + '"' if needs or old.startswith('"') else text


# ---------------------------------------------------------------- Parquet


def _patch_parquet(
    source: Path, frame: pd.DataFrame, log: CorrectionLog, stale: Literal["raise", "skip"]
) -> tuple[Plan, bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(source)
    plan = log.plan(frame, stale=stale)
    for column, cells in plan.edits.groupby("column", sort=False):
        at = table.column_names.index(str(column))
        changed = set_cells(frame[str(column)], cells["row"].to_numpy(np.intp), list(cells["value"]))
        try:
            array = pa.array(changed, type=table.schema.field(at).type, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise InputError(
                f"The column {column!r} holds {table.schema.field(at).type} and cannot take the corrected values: {error}."
            ) from error
        table = table.set_column(at, table.schema.field(at), array)
    if len(plan.dropped):
        keep = np.ones(len(frame), dtype=bool)
        keep[plan.dropped] = False
        table = table.filter(pa.array(keep))
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return plan, buffer.getvalue()
