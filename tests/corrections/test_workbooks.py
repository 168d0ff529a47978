"""Decisions made in a workbook: what is written comes back, and what people type is understood."""

from __future__ import annotations

import datetime as dt
import io
import sys
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.errors import InputError, MissingError
from dcai.base.table import make_table
from dcai.corrections.exchange import export_log, import_decisions
from dcai.corrections.formats.workbooks import LONGEST, read_records, write_records
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review
from dcai.shells.cli import cli

from .conftest import audit_of

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["=1+1", "_x000D_", "_x005F_x0041_", "x005F_", "a\r\nb", "\x00", "\ud800", "json:", 'json:"a"', " a ", "\u202e", "\ufffe",
         "007", "1.10", "x" * (LONGEST + 1), "_x000d_" * 9000, "'", "TRUE", "2024-01-05", "#N/A", "#REF!"]
    ),
)  # fmt: skip


@given(records=st.lists(st.fixed_dictionaries({"verdict": TEXTS, "=b": TEXTS}), max_size=4))
@settings(max_examples=60, deadline=None)
def test_every_text_comes_back_as_it_was(records: list[dict[str, str]]) -> None:
    names, found = read_records(write_records(["verdict", "=b"], records), "out.xlsx")
    assert names == ["verdict", "=b"]
    assert found == [r for r in records if any(r.values())]


def test_no_cell_is_a_formula_and_none_is_longer_than_excel_holds() -> None:
    records = [{"a": text} for text in ("=1+1", "+1", "@SUM(A1)", "=" * (3 * LONGEST), "-2")]
    book = openpyxl.load_workbook(io.BytesIO(write_records(["a"], records)))
    cells = [cell for row in book.active.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert max(len(cell.value) for cell in cells) == LONGEST
    assert [cell.value for cell in next(book.active.iter_rows())] == ["a", "a (continued 2)", "a (continued 3)"]


@pytest.fixture
def book(pets: pd.DataFrame, log_path: Path, tmp_path: Path) -> Path:
    """A workbook with two decisions."""
    review = Review(audit_of(pets, found=[(3, "y", "bird"), (0, "legs", 5)]), log_path, by="ada")
    review.decide("f0", "relabel")
    review.decide("f1", "edit", 5)
    export_log(review.log, tmp_path / "out.xlsx", "xlsx", table=make_table(pets, "y"))
    return tmp_path / "out.xlsx"


def change(path: Path, **values: object) -> None:
    """Change the first decision, and save the workbook as a person does."""
    book = openpyxl.load_workbook(path)
    names = [cell.value for cell in book.active[1]]
    for name, value in values.items():
        book.active.cell(2, names.index(name) + 1).value = value
    book.save(path)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("dog", "dog"), (7, 7), (2.5, 2.5), (True, True), (dt.date(2024, 1, 5), "2024-01-05"), (dt.datetime(2024, 1, 5, 6, 7), "2024-01-05T06:07:00")],  # noqa: DTZ001 (a cell has no time zone)
)  # fmt: skip
def test_what_a_person_types_is_a_new_decision(
    book: Path, pets: pd.DataFrame, log_path: Path, typed: object, meant: object
) -> None:
    change(book, verdict="edit", value=typed, by="eva")
    done = import_decisions(book, "xlsx", CorrectionLog.read(log_path), table=make_table(pets, "y"))
    assert (done.adopted, done.known, done.decided) == (0, 2, 1)
    last = CorrectionLog.read(log_path).corrections[-1]
    assert (last.by, last.value, type(last.value)) == ("eva", meant, type(meant))


def test_the_command_line_takes_workbooks(book: Path, log_path: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["import", str(book), str(tmp_path / "copy.jsonl"), "--format", "xlsx"])
    assert "2 lines added, 0 known already, 0 decisions made elsewhere." in done.output
    assert (tmp_path / "copy.jsonl").read_bytes() == log_path.read_bytes()


def test_what_is_no_workbook_is_refused(tmp_path: Path, log_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"verdict,by\n")
    with pytest.raises(InputError, match="'broken.xlsx' is no workbook that can be read"):
        import_decisions(broken, "xlsx", CorrectionLog(log_path))
    broken.write_bytes(write_records(["verdict"], [{"verdict": "keep"}]))
    with pytest.raises(InputError, match="broken.xlsx lacks the columns 'value', 'by', 'dcai'"):
        import_decisions(broken, "xlsx", CorrectionLog(log_path))
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingError, match=r"openpyxl, which is not installed: pip install 'dcai\[excel\]'"):
        import_decisions(broken, "xlsx", CorrectionLog(log_path))
    assert not log_path.exists()
