"""Records of texts as an Excel workbook and back, without loss: no formula, no cut, no character that XML cannot hold."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import ParseError

from dcai.base.errors import InputError, MissingError

LONGEST = 32_000  # characters; a cell of Excel holds 32,767, and what is longer would be cut without a word
_MORE = re.compile(r"(.+) \(continued (\d+)\)")
_CODED = "json:"
# What XML cannot hold, or what Excel's own way of writing such characters would change.
_UNSAFE = re.compile(
    r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|_x[0-9A-Fa-f]{4}_|x005F_|^json:|^\s|\s$", re.IGNORECASE
)


def write_records(names: Sequence[str], records: Sequence[Mapping[str, str]]) -> bytes:
    """Write records of texts as a workbook with one sheet; longer texts go on in columns of their own.

    Raises
    ------
    MissingError
        Where `openpyxl` is not installed.
    """
    book = _door().Workbook(write_only=True)
    sheet = book.create_sheet("decisions")
    rows = [{name: _cut(_encode(record.get(name) or "")) for name in names} for record in records]
    widths = {name: max((len(row[name]) for row in rows), default=1) for name in names}
    heads = [name if i == 0 else f"{name} (continued {i + 1})" for name in names for i in range(widths[name])]
    sheet.freeze_panes = "A2"
    sheet.append([_to_cell(sheet, head) for head in map(_encode, heads)])
    for row in rows:
        pieces = [row[name] + [""] * (widths[name] - len(row[name])) for name in names]
        sheet.append([_to_cell(sheet, piece) for parts in pieces for piece in parts])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def read_records(data: bytes, name: str) -> tuple[list[str], list[dict[str, str]]]:
    """Read the names and the records of a workbook's first sheet; numbers and dates that people typed become texts.

    Raises
    ------
    InputError
        Where it is no workbook.
    MissingError
        Where `openpyxl` is not installed.
    """
    library = _door()
    try:
        book = library.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        rows = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
    except (zipfile.BadZipFile, KeyError, IndexError, ValueError, EOFError, OSError, ParseError) as error:
        raise InputError(
            f"{name!r} is no workbook that can be read: {error}. Save it as .xlsx, and try again."
        ) from error
    heads = [_decode(_to_text(head)) for head in rows[0]] if rows else []
    names = [head for head in heads if not _MORE.fullmatch(head)]
    records = []
    for row in rows[1:]:
        record = dict.fromkeys(names, "")
        for head, value in zip(heads, row, strict=False):
            more = _MORE.fullmatch(head)
            place = more[1] if more else head
            record[place] = record.get(place, "") + _to_text(value)
        if any(record.values()):
            records.append({place: _decode(text) for place, text in record.items()})
    return names, records


def _door() -> Any:
    try:
        import openpyxl
    except ImportError as error:
        raise MissingError(
            "Workbooks are written and read by openpyxl, which is not installed: pip install 'dcai[excel]'. Or use --format csv."
        ) from error
    return openpyxl


def _to_cell(sheet: Any, text: str) -> Any:
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, value=None)
    if text:
        cell.value = text
        cell.data_type = "s"  # whatever it begins with, it is no formula
    return cell


def _cut(text: str) -> list[str]:
    return [text[i : i + LONGEST] for i in range(0, len(text), LONGEST)] or [""]


def _encode(text: str) -> str:
    """Write a text that a workbook would change as JSON, with its underscores escaped too."""
    return _CODED + json.dumps(text).replace("_", "\\u005f") if _UNSAFE.search(text) else text


def _decode(text: str) -> str:
    if not text.startswith(_CODED):
        return text
    try:
        value = json.loads(text[len(_CODED) :])
    except ValueError:
        return text  # a person has typed it
    return value if isinstance(value, str) else text


def _to_text(value: object) -> str:
    """Write what a cell holds as a person would have typed it into a text file."""
    if value is None:
        return ""
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        midnight = isinstance(value, dt.datetime) and value.time() == dt.time()
        return value.date().isoformat() if midnight and isinstance(value, dt.datetime) else value.isoformat()
    return json.dumps(value) if isinstance(value, (bool, int, float)) else str(value)
