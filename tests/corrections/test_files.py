"""Corrected copies of files: what no correction touches stays as it is."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.errors import InputError, StaleError
from dcai.base.fingerprints import canonical
from dcai.base.table import read_file
from dcai.corrections.files import apply_to_file, split_records, unquote
from dcai.corrections.session import Review

from .conftest import audit_of

MESSY = (
    b'\xef\xbb\xbfid;"name";price;y\r\n'
    b'007;"O""Hara; Jr.";1.10;cat\r\n'
    b'008;N/A;2.0;"dog"\r\n'
    b"\r\n"
    b'009;"two\r\nlines";  3 ;cat\r\n'
    b"010;plain;4;cat"
)


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    path = tmp_path / "messy.csv"
    path.write_bytes(MESSY)
    return path


def review_of(path: Path, log_path: Path, key: str | None = None) -> Review:
    return Review(audit_of(read_file(path), key=key), log_path, by="ada")


@pytest.mark.parametrize("key", [None, "id"])
def test_untouched_cells_stay_byte_identical(messy: Path, log_path: Path, key: str | None) -> None:
    review = review_of(messy, log_path, key)
    review.decide(1, "relabel", "cat")
    review.decide(2, "edit", "a;b", column="name")
    review.decide(3, "exclude")
    out = messy.with_name("out.csv")
    done = apply_to_file(messy, review.log, out)
    assert (done.changed, done.dropped, done.already, done.skipped) == (2, 1, 0, 0)
    wanted = MESSY.replace(b'"dog"', b'"cat"').replace(b'"two\r\nlines"', b'"a;b"').replace(b"010;plain;4;cat", b"")
    assert out.read_bytes() == wanted
    again = apply_to_file(out, review.log, messy.with_name("again.csv"))
    assert (again.changed, again.dropped) == (0, 0)
    assert messy.with_name("again.csv").read_bytes() == wanted
    with pytest.raises(InputError, match="The output is the source 'messy.csv' itself"):
        apply_to_file(messy, review.log, messy)


CELLS = [
    "007",
    "1.10",
    "N/A",
    "",
    " x ",
    'O"Hara',
    "a,b;c",
    "two\r\nlines",
    "é\u202e",
    "1e400",
    "TRUE",
    "2020-01-01",
    "=1+1",
]
fields = st.tuples(st.sampled_from(CELLS), st.booleans())


def write_field(cell: str, quoted: bool, delimiter: str) -> str:
    needs = quoted or any(c in cell for c in f'{delimiter}"\r\n') or not cell.strip()
    return '"' + cell.replace('"', '""') + '"' if needs else cell


@given(
    st.lists(st.tuples(fields, fields, st.sampled_from(["cat", "dog"])), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["p", "q", "exclude"]), st.sampled_from(CELLS)), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_of_any_file_only_the_corrected_cells_change(
    rows: list, delimiter: str, end: str, mark: bool, last: bool, decided: list
) -> None:
    lines = [["id", "p", '"q"', "y"]]
    for number, (p, q, label) in enumerate(rows):
        lines.append([f"00{number}", write_field(*p, delimiter), write_field(*q, delimiter), label])
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in.csv", Path(folder) / "out.csv"
        text = end.join(delimiter.join(line) for line in lines) + (end if last else "")
        source.write_bytes((b"\xef\xbb\xbf" if mark else b"") + text.encode())
        frame = read_file(source).astype({"p": object, "q": object})
        review = Review(audit_of(frame, key="id"), Path(folder) / "y.jsonl", by="ada")
        new: dict[int, dict[int, str]] = {}
        for place, column, cell in decided:
            row = place % len(rows)
            if column == "exclude":
                review.decide(row, "exclude")
                new[row] = {0: "gone"} | new.get(row, {})
            else:
                review.decide(row, "edit", cell, column=column)
                new.setdefault(row, {}).pop(0, None)
                new[row][1 if column == "p" else 2] = cell
        apply_to_file(source, review.log, out)
        # What was read back, cell by cell and with its quotes, but for the cells that were corrected.
        written = split_records(out.read_bytes().decode().removeprefix("\ufeff"), delimiter)
        kept = [lines[0], *(line for row, line in enumerate(lines[1:]) if 0 not in new.get(row, {}))]
        places = [None, *(row for row in range(len(rows)) if 0 not in new.get(row, {}))]
        assert out.read_bytes().startswith(b"\xef\xbb\xbf") == mark
        assert [len(r.fields) for r in written] == [4] * len(kept)
        for record, before, row in zip(written, kept, places, strict=True):
            for column, (now, was) in enumerate(zip(record.fields, before, strict=True)):
                cell = new.get(row, {}).get(column) if row is not None else None
                if cell is None or canonical(cell) == canonical(unquote(was)):
                    assert now == was or (cell is not None and unquote(now) == cell)
                else:
                    assert unquote(now) == cell
        assert all(r.end == end for r in written[:-1])


def test_without_corrections_a_copy_is_the_same(messy: Path, log_path: Path) -> None:
    review = review_of(messy, log_path)
    review.decide(0, "keep")
    apply_to_file(messy, review.log, messy.with_name("out.csv"))
    assert messy.with_name("out.csv").read_bytes() == MESSY


def test_stale_corrections_write_nothing(messy: Path, log_path: Path) -> None:
    review = review_of(messy, log_path)
    review.decide(1, "relabel", "cat")
    messy.write_bytes(MESSY.replace(b'"dog"', b"cow"))
    with pytest.raises(StaleError, match="1 stale"):
        apply_to_file(messy, review.log, messy.with_name("out.csv"))
    assert not messy.with_name("out.csv").exists()
    assert apply_to_file(messy, review.log, messy.with_name("out.csv"), stale="skip").skipped == 1


def test_ragged_and_wrong_outputs_are_refused(messy: Path, log_path: Path) -> None:
    review = review_of(messy, log_path)
    review.decide(0, "keep")
    with pytest.raises(InputError, match="must be of the same kind as 'messy.csv'"):
        apply_to_file(messy, review.log, messy.with_name("out.parquet"))


def test_values_are_written_as_their_column_writes_them(tmp_path: Path, log_path: Path) -> None:
    path, out = tmp_path / "a.csv", tmp_path / "out.csv"
    path.write_text("id,n,f,t,u,y\n1,5,1.5,true,TRUE,1\n2,,2.0,false,FALSE,\n3,7,3,true,TRUE,2\n4,8,1,false,TRUE,1\n")
    review = review_of(path, log_path, "id")
    review.decide(0, "edit", 6.0, column="n")
    review.decide(0, "edit", 2.0, column="f")
    review.decide(0, "edit", value=False, column="t")
    review.decide(0, "edit", value=False, column="u")
    review.decide(1, "relabel", 2)
    apply_to_file(path, review.log, out)
    assert out.read_text().splitlines()[1:3] == ["1,6,2.0,false,FALSE,1", "2,,2.0,false,FALSE,2"]


def test_records_that_pandas_fills_up_can_be_corrected(tmp_path: Path, log_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_bytes(b",name,y\n0,a,cat\n1,b\n   \n2,c,dog\n")
    review = review_of(path, log_path)
    review.decide(1, "edit", "cat", column="y")
    review.decide(2, "relabel", "cat")
    apply_to_file(path, review.log, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b",name,y\n0,a,cat\n1,b,cat\n   \n2,c,cat\n"


def test_an_emptied_cell_of_a_single_column_stays_a_record(tmp_path: Path, log_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_bytes(b"a\nx\nfoo\nbar\n")
    review = Review(audit_of(read_file(path), None), log_path, by="ada")
    review.decide(1, "edit", None, column="a")
    apply_to_file(path, review.log, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b'a\nx\n""\nbar\n'
    assert len(pd.read_csv(tmp_path / "out.csv", skip_blank_lines=False)) == 3


def test_parquet_keeps_digits_and_nulls(tmp_path: Path, log_path: Path) -> None:
    table = pa.table({"i": pa.array([2**60 + 1, None, 3, 4]), "y": pa.array(["a", "b", "a", "b"])})
    pq.write_table(table, tmp_path / "t.parquet")
    review = Review(audit_of(pd.read_parquet(tmp_path / "t.parquet")), log_path, by="ada")
    review.decide(2, "edit", 9, column="i")
    apply_to_file(tmp_path / "t.parquet", review.log, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["i"].to_pylist() == [2**60 + 1, None, 9, 4]


def test_parquet_keeps_its_schema(tmp_path: Path, log_path: Path) -> None:
    table = pa.table(
        {
            "i": pa.array([1, None, 3], pa.int16()),
            "d": pa.array(["a", "b", "a"]).dictionary_encode(),
            "l": pa.array([[1], [2], []]),
            "y": pa.array(["cat", "dog", "cat"]),
        }
    )
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    review = Review(audit_of(pd.read_parquet(path)), log_path, by="ada")
    review.decide(1, "relabel", "cat")
    review.decide(2, "edit", 5, column="i")
    review.decide(0, "exclude")
    apply_to_file(path, review.log, tmp_path / "out.parquet")
    out = pq.read_table(tmp_path / "out.parquet")
    assert out.schema.equals(table.schema)
    assert out.to_pydict() == {"i": [None, 5], "d": ["b", "a"], "l": [[2], []], "y": ["cat", "cat"]}


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", 'a,"b\n""c"",d"\n', "a,b\r1,\r", '"a"x,b\n', "a,,\n,,\n", '"open,b\n1,2\n', ""]
)
def test_splitting_loses_nothing(text: str) -> None:
    records = split_records(text, ",")
    assert "".join(",".join(r.fields) + r.end for r in records) == text
    assert unquote('"a""b"') == 'a"b'
