"""The formats of other tools by their names: Label Studio's tasks, Argilla's records, and a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, MissingError
from dcai.corrections.formats.argilla import read_argilla, write_argilla
from dcai.corrections.formats.containers import Container
from dcai.corrections.formats.label_studio import read_label_studio, write_label_studio
from dcai.corrections.formats.spreadsheets import read_sheet, read_workbook, write_sheet, write_workbook

WORKBOOK = "xlsx"
SHEETS = ("csv", WORKBOOK)

Writer = Callable[[Sequence[Container]], str | bytes]
# Of a workbook it takes the bytes, else the text.
Reader = Callable[[Any, str], list[Container]]
FORMATS: dict[str, tuple[Writer, Reader]] = {
    "label-studio": (write_label_studio, read_label_studio),
    "argilla": (write_argilla, read_argilla),
    "csv": (write_sheet, read_sheet),
    WORKBOOK: (write_workbook, read_workbook),
}


def find_format(name: str, caller: str) -> tuple[Writer, Reader]:
    """Return how a format is written and read."""
    if name not in FORMATS:
        raise InputError.wrong_value("format", caller, f"one of {', '.join(map(repr, FORMATS))}", name)
    return FORMATS[name]


def read_containers(path: Path, form: str) -> list[Container]:
    """Read the file that a tool exported."""
    _, read = find_format(form, "import")
    if form != WORKBOOK and path.suffix.lower() in (".xlsx", ".xls", ".ods"):
        raise InputError(f"{path.name!r} is a workbook. Import it as 'xlsx', or save the sheet as CSV (UTF-8).")
    try:
        data = path.read_bytes()
        return read(data if form == WORKBOOK else data.decode("utf-8"), path.name)
    except FileNotFoundError as error:
        raise MissingError(f"There is no file {str(path)!r} to import.") from error
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise InputError(f"{path.name!r} cannot be read: {error}. Save it as UTF-8 text and try again.") from error
