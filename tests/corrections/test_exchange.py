"""Decisions go to other tools and come back: lossless, once, and what was changed there becomes a new decision."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.errors import InputError, LogError, MissingError
from dcai.base.table import make_table
from dcai.corrections.exchange import export_log, import_decisions
from dcai.corrections.formats.foreign import FORMATS
from dcai.corrections.formats.workbooks import read_records, write_records
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review
from dcai.shells.cli import cli

from .conftest import audit_of

HOSTILE = '=cmd|"/c calc"!A1\n,;\t\'\u202e</script>'
FRAME = pd.DataFrame(
    {"n": [1, 2, 3, 3], "note": ["x", HOSTILE, "", "007"], "y": ["cat", "dog", HOSTILE, "1"]},
)
chosen = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["keep", "relabel", "edit", "number", "exclude", "ambiguous", "unsure", "undo", "redo"]),
        st.sampled_from(["cat", "dog", HOSTILE, "1"]),
        st.sampled_from(["", HOSTILE, "-1", "'quoted", "two\r\nlines"]),
        st.sampled_from(["ada", "Bob Ø <bob@example.org>", "=bob"]),
    ),
    max_size=7,
)


def decide_all(orders: list[Any], path: Path, key: str | None) -> CorrectionLog:
    log = CorrectionLog(path)
    for row, verdict, label, note, by in orders:
        review = Review(audit_of(FRAME.assign(id=range(4)), key=key), path, by=by)
        if verdict == "undo" and review.progress.can_undo:
            review.undo()
        elif verdict == "redo" and review.progress.can_redo:
            review.redo()
        elif verdict == "relabel":
            review.decide(row, verdict, label, note=note)
        elif verdict == "edit":
            review.decide(row, verdict, None if label == "1" else label, column="note", note=note)
        elif verdict == "number":
            review.decide(row, "edit", len(note), column="n", note=note)
        elif verdict == "ambiguous":
            review.decide(row, verdict, ["cat", label, "dog"], note=note)
        elif verdict in ("keep", "unsure"):
            review.decide(row, verdict, column="y" if note else None, note=note)
        elif verdict == "exclude":
            review.decide(row, verdict, note=note)
        log = review.log
    return log


@pytest.mark.parametrize("form", list(FORMATS))
@given(orders=chosen, key=st.sampled_from([None, "id"]))
@settings(max_examples=25, deadline=None)
def test_the_way_there_and_back_loses_nothing(form: str, orders: list[Any], key: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = decide_all(orders, Path(folder) / "y.jsonl", key)
        out, copy = Path(folder) / "out.txt", CorrectionLog(Path(folder) / "copy.jsonl")
        export_log(log, out, form, table=make_table(FRAME.assign(id=range(4)), "y", key=key))
        done = import_decisions(out, form, copy)
        assert (done.adopted, done.decided, done.problems) == (len(log), 0, [])
        again = CorrectionLog.read_or_new(copy.path)
        assert sorted(again.corrections, key=lambda c: c.id) == sorted(log.corrections, key=lambda c: c.id)
        assert import_decisions(out, form, again).adopted == 0  # what is known already is not written twice
        assert len(CorrectionLog.read_or_new(copy.path)) == len(log)


@pytest.fixture
def exported(review: Review, tmp_path: Path) -> CorrectionLog:
    """A log with two decisions."""
    review.decide("f0", "relabel")
    review.decide("f1", "edit", 5)
    return review.log


def sheet(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def write_sheet(path: Path, records: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(records[0]))
        writer.writeheader()
        writer.writerows(records)


def book(path: Path) -> list[dict[str, str]]:
    return read_records(path.read_bytes(), path.name)[1]


def write_book(path: Path, records: list[dict[str, str]]) -> None:
    path.write_bytes(write_records(list(records[0]), records))


def test_a_class_that_nothing_names_is_doubted(exported: CorrectionLog, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    export_log(exported, out, "csv")
    records = sheet(out)
    records[0]["value"] = '"brid"'
    write_sheet(out, records)
    done = import_decisions(out, "csv", CorrectionLog(tmp_path / "copy.jsonl"))
    assert done.decided == 1
    assert done.problems[0].startswith(
        "'brid' was taken as a class of 'y', which no line of the file names. Give the data"
    )


def test_what_was_changed_in_a_sheet_is_a_new_decision(
    exported: CorrectionLog, pets: pd.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    export_log(exported, out, "csv", table=make_table(pets, "y"))
    records = sheet(out)
    assert [r["value"] for r in records] == ['"bird"', "5"]
    assert records[0]["data: sound"] == "tweet"
    records[0] |= {"value": "dog", "by": "eva"}
    write_sheet(out, records)
    done = import_decisions(out, "csv", exported)
    assert (done.adopted, done.known, done.decided) == (0, 2, 1)
    log = CorrectionLog.read(exported.path)
    assert log.corrections[-1].by == "eva"
    assert log.corrections[-1].value == "dog"
    assert sorted(log.check(pets)["status"]) == ["disputed", "disputed", "fits"]


def test_no_cell_of_a_sheet_is_a_formula(tmp_path: Path, log_path: Path) -> None:
    log = decide_all([(1, "relabel", HOSTILE, "=1+1", "=bob"), (1, "unsure", "", "@SUM(A1)", "+eve")], log_path, None)
    out = tmp_path / "out.csv"
    export_log(log, out, "csv", table=make_table(FRAME, "y"))
    cells = [cell for record in sheet(out) for cell in record.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_label_studio_tasks_are_what_it_reads_and_writes(
    exported: CorrectionLog, pets: pd.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "tasks.json"
    audit = audit_of(pets, found=[(3, "y", "bird"), (1, "y", "cat")])
    done = export_log(exported, out, "label-studio", audit=audit)
    assert (done.rows, done.open) == (2, 1)
    decided, _, opened = tasks = json.loads(out.read_text())
    choice = decided["annotations"][0]["result"][1]
    assert choice == {"from_name": "y", "to_name": "row", "type": "choices", "value": {"choices": ["bird"]}}
    assert opened["predictions"][0]["result"][0]["value"] == {"choices": ["cat"]}
    # People annotate there; the tool numbers its users, and keeps data and results as they are.
    opened["annotations"] = [
        {"id": 7, "completed_by": {"email": "eva@example.org", "first_name": "Eva"}, "was_cancelled": False, "lead_time": 2.5,
         "result": [{"id": "q", "from_name": "y", "to_name": "row", "type": "choices", "origin": "manual", "value": {"choices": ["dog"]}}]},
    ]  # fmt: skip
    choice["value"]["choices"] = ["cat"]
    decided["annotations"][0]["completed_by"] = 3
    out.write_text(json.dumps(tasks))
    found = import_decisions(out, "label-studio", exported, table=audit.table)
    assert (found.known, found.decided) == (2, 2)
    changed, fresh = CorrectionLog.read(exported.path).corrections[-2:]
    assert (changed.by, changed.verdict) == ("label-studio user 3", "keep")  # the cell holds "cat"
    assert (fresh.by, fresh.verdict, fresh.given) == ("Eva <eva@example.org>", "keep", "dog")


def test_argilla_records_are_what_it_reads_and_writes(
    exported: CorrectionLog, pets: pd.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "records.json"
    audit = audit_of(pets, found=[(1, "y", "cat")])
    export_log(exported, out, "argilla", audit=audit)
    records = json.loads(out.read_text())
    assert set(records[0]) == {"id", "fields", "metadata", "suggestions", "responses", "vectors", "status"}
    assert records[2]["suggestions"]["y"]["value"] == "cat"
    records[2]["responses"] = {"y": [{"value": "cat", "user_id": "0a0b"}, {"value": ["cat", "dog"], "user_id": "0c"}]}
    out.write_text(json.dumps(records))
    assert import_decisions(out, "argilla", exported, table=audit.table).decided == 2
    one, other = CorrectionLog.read(exported.path).corrections[-2:]
    assert (one.by, one.verdict, one.value) == ("argilla user 0a0b", "relabel", "cat")
    assert (other.verdict, other.value) == ("ambiguous", ["cat", "dog"])


def break_line(text: str) -> str:
    return text.replace('\\"bird\\"', '\\"fish\\"')


@pytest.mark.parametrize(
    ("form", "change", "message"),
    [
        ("csv", lambda t: t.replace("verdict,", "decision,"), "out.txt lacks the columns 'verdict'"),
        ("csv", lambda t: t.replace('"{""key""', '"{""kex""', 1).replace('""lines""', '""lime""', 1), "is not what dcai wrote. Export anew"),
        ("csv", lambda t: t.replace('"{""key""', '"x{""key""', 1), "the field 'dcai' is not JSON"),
        ("csv", lambda t: t.replace("relabel,y,,", "relabel,y,x,"), "the part must be a number or empty. Got 'x'"),
        ("csv", lambda t: t.replace("relabel,y", "rename,y"), "The 'verdict' parameter of import must be one of 'keep'"),
        ("argilla", break_line, "line 1 of its field 'dcai', was edited after it was written"),
        ("argilla", lambda t: "{}", "must hold a JSON list of tasks or records"),
        ("argilla", lambda t: t[:-9], "is not JSON: .*Export it anew"),
        ("argilla", lambda t: t.replace('"value":', '"answer":'), "has a response without a value"),
        ("label-studio", lambda t: t.replace('"data"', '"date"'), "has no data. Export from Label Studio as JSON, not as JSON-MIN"),
        ("label-studio", lambda t: t.replace('"result"', '"results"'), "has an annotation without a result"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_refused_and_nothing_is_written(
    exported: CorrectionLog, tmp_path: Path, form: str, change: Any, message: str
) -> None:
    out, copy = tmp_path / "out.txt", CorrectionLog(tmp_path / "copy.jsonl")
    export_log(exported, out, form)
    broken = change(out.read_bytes().decode())
    assert broken != out.read_bytes().decode()
    out.write_bytes(broken.encode())
    with pytest.raises((InputError, LogError), match=message):
        import_decisions(out, form, copy)
    assert not copy.path.exists()


def test_what_cannot_be_read_at_all_is_said(exported: CorrectionLog, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="There is no file .*absent.csv' to import"):
        import_decisions(tmp_path / "absent.csv", "csv", exported)
    with pytest.raises(InputError, match="'book.xlsx' is a workbook. Import it as 'xlsx', or save"):
        import_decisions(tmp_path / "book.xlsx", "csv", exported)
    (tmp_path / "latin.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="'latin.csv' cannot be read"):
        import_decisions(tmp_path / "latin.csv", "csv", exported)
    with pytest.raises(InputError, match="The 'format' parameter of export must be one of 'label-studio'"):
        export_log(exported, tmp_path / "x", "excel")


def test_decisions_need_a_name_and_data_where_the_file_has_none(pets: pd.DataFrame, tmp_path: Path) -> None:
    log, out = CorrectionLog(tmp_path / "y.jsonl"), tmp_path / "tasks.csv"
    audit = audit_of(pets, found=[(1, "y", "cat")])
    export_log(log, out, "csv", audit=audit)
    records = sheet(out)
    records[0] |= {"verdict": "relabel", "value": "cat"}
    write_sheet(out, records)
    with pytest.raises(InputError, match="does not say who decided. Fill in 'by'"):
        import_decisions(out, "csv", log, table=audit.table)
    with pytest.raises(InputError, match="so the data is needed: pass table="):
        import_decisions(out, "csv", log, by="eva")
    done = import_decisions(out, "csv", log, table=audit.table, by="eva")
    assert (done.decided, done.problems) == (1, [])
    assert CorrectionLog.read(log.path).apply(pets)["y"].tolist()[1] == "cat"
    other = CorrectionLog(tmp_path / "z.jsonl")
    with pytest.raises(InputError, match="1 decision is about rows that are not in the data: relabel of y by eva"):
        import_decisions(out, "csv", other, table=make_table(pets.iloc[2:], "y"), by="eva")
    assert not other.path.exists()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_record_that_a_person_adds_is_about_the_row_of_its_key(form: str, pets: pd.DataFrame, tmp_path: Path) -> None:
    frame = pets.assign(id=range(1, 7))
    log, out = CorrectionLog(tmp_path / "y.jsonl"), tmp_path / f"tasks.{form}"
    audit = audit_of(frame, key="id", found=[(1, "y", "cat")])
    export_log(log, out, form, audit=audit)
    read, write = (sheet, write_sheet) if form == "csv" else (book, write_book)
    records = read(out)
    new = dict.fromkeys(records[0], "") | {"verdict": "relabel", "column": "y", "value": "dog", "by": "eva"}
    write(out, [*records, new | {"data: id": "4"}])
    assert import_decisions(out, form, log, table=audit.table).decided == 1
    known = CorrectionLog.read(log.path)
    assert [(c.key, c.value) for c in known.corrections] == [({"id": 4}, "dog")]
    for key in ("999", ""):
        write(out, [*records, new | {"data: id": "5", "verdict": "exclude", "value": ""}, new | {"data: id": key}])
        with pytest.raises(InputError, match="Nothing was imported. Give the data that they are about"):
            import_decisions(out, form, known, table=audit.table)
    assert len(CorrectionLog.read(log.path)) == 1


def test_the_command_line_does_the_same(exported: CorrectionLog, pets: pd.DataFrame, tmp_path: Path) -> None:
    data, out, copy = tmp_path / "pets.csv", tmp_path / "out.json", tmp_path / "copy.jsonl"
    pets.to_csv(data, index=False)
    runner = CliRunner()
    arguments = ["export", str(exported.path), "--format", "argilla", "-o", str(out), "--data", str(data)]
    told = runner.invoke(cli, arguments)
    assert told.exit_code == 0, told.output
    assert "decisions about 2 rows, 2 lines" in told.output
    told = runner.invoke(cli, ["import", str(out), str(copy), "--format", "argilla", "--json"])
    assert json.loads(told.output)["adopted"] == 2
    told = runner.invoke(cli, ["import", str(out), str(copy), "--format", "argilla"])
    assert "0 lines added, 2 known already, 0 decisions made elsewhere" in told.output
    assert CorrectionLog.read(copy).corrections == exported.corrections
