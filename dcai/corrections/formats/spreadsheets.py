"""Decisions in a spreadsheet: a record for each, as CSV or as an Excel workbook."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

from dcai.base.errors import InputError
from dcai.base.records import Scalar
from dcai.corrections.formats.containers import (
    Container,
    Said,
    read_lines_of,
    read_part,
    read_value,
    write_lines,
    write_value,
)
from dcai.corrections.formats.workbooks import read_records, write_records

SHEET = ("verdict", "column", "part", "given", "value", "suggested", "note", "by", "at", "dcai")
_DATA = "data: "
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_LARGEST_CELL = 10_000_000


def write_sheet(containers: Sequence[Container]) -> str:
    """Write containers as CSV; see `make_records`."""
    names, records = make_records(containers)
    stream = io.StringIO()
    sheet = csv.DictWriter(stream, names, lineterminator="\r\n")
    sheet.writeheader()
    sheet.writerows(records)
    return stream.getvalue()


def write_workbook(containers: Sequence[Container]) -> bytes:
    """Write containers as an Excel workbook; see `make_records`."""
    return write_records(*make_records(containers))


def make_records(containers: Sequence[Container]) -> tuple[list[str], list[dict[str, str]]]:
    """Make the records of a sheet: one for each decision, and one without a verdict for each row that is still open."""
    extra = list(dict.fromkeys(f"{_DATA}{name}" for box in containers for name in box.cells))
    records: list[dict[str, str]] = []
    for box in containers:
        cells = {f"{_DATA}{name}": _guard("" if v is None else str(v)) for name, v in box.cells.items()}
        shown = [_sheet_record(box, said) for said in box.said]
        for column, value in box.suggested.items():
            given = write_value(box.cells.get(column))
            shown.append({"column": _guard(column), "given": given, "suggested": write_value(value)})
        # The lines stand once for each row; a row all of whose decisions were undone has a record for them alone.
        for number, record in enumerate(shown or [{}]):
            records.append(cells | record | {"dcai": write_lines(box) if number == 0 else _same(box)})
    return [*SHEET, *extra], records


def _same(box: Container) -> str:
    return json.dumps({"key": box.key, "lines": []}, allow_nan=False)


def _sheet_record(box: Container, said: Said) -> dict[str, str]:
    line = next((c for c in reversed(box.lines) if (c.by, c.column, c.part) == (said.by, said.column, said.part)), None)
    return {
        "verdict": said.verdict, "column": _guard(said.column or ""), "part": "" if said.part is None else str(said.part),
        "given": "" if line is None else write_value(line.given), "value": "" if said.value is None else write_value(said.value),
        "note": _guard(said.note), "by": _guard(said.by), "at": "" if line is None else line.at,
    }  # fmt: skip


def _guard(text: str) -> str:
    """Write a text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def read_sheet(text: str, name: str) -> list[Container]:
    """Read a CSV that `write_sheet` wrote and people have filled in."""
    csv.field_size_limit(_LARGEST_CELL)
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    records = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    return _read_records(records.fieldnames or (), records, name)


def read_workbook(data: bytes, name: str) -> list[Container]:
    """Read a workbook that `write_workbook` wrote and people have filled in."""
    return _read_records(*read_records(data, name), name)


def _read_records(names: Sequence[str], records: Iterable[dict[str, str]], name: str) -> list[Container]:
    lacking = [n for n in ("verdict", "value", "by", "dcai") if n not in names]
    if lacking:
        raise InputError(
            f"{name} lacks the columns {', '.join(map(repr, lacking))}. Export anew, and fill in what you get."
        )
    shown = [n for n in names if n.startswith(_DATA)]
    boxes = []
    for number, record in enumerate(records, 2):
        place = f"Record {number} of {name}"
        key, lines = read_lines_of(record.get("dcai"), place)
        said: list[Said] = []
        if (record.get("verdict") or "").strip():
            said = [_said_in_sheet(record, place)]
        cells: dict[str, Scalar] = {n.removeprefix(_DATA): (record.get(n) or "").removeprefix("'") for n in shown}
        boxes.append(Container(key, lines, said, cells))
    return boxes


def _said_in_sheet(record: dict[str, str], place: str) -> Said:
    texts = {name: (record.get(name) or "").removeprefix("'") for name in ("column", "note", "by")}
    value = record.get("value") or ""
    part = read_part(record.get("part"), place)
    verdict = record["verdict"].strip()
    return Said(
        texts["by"], verdict, texts["column"] or None, part, read_value(value) if value else None, texts["note"]
    )
