"""The door for dataframes: reading, names, kinds, keys, and fingerprints that do not depend on how a table was read."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.errors import InputError, MissingError
from dcai.base.fingerprints import canonical, canonicals, hash_rows, plain
from dcai.base.kinds import kind_of
from dcai.base.table import make_table, read_frame

CELLS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(-1e6, 1e6).map(lambda x: repr(round(x, 3))),
    st.sampled_from(["007", "1.10", "true", "False", "N/A", "", "2020-02-01", "x", "Cat ", "é", "1e3", "-0"]),
)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_text_types_parquet_and_polars_have_the_same_fingerprints(tmp_path_factory, rows) -> None:
    folder = tmp_path_factory.mktemp("laws")
    text = pd.DataFrame(rows, columns=["a", "b"]).assign(y="z")
    csv = folder / "t.csv"
    text.to_csv(csv, index=False)
    typed = pd.read_csv(csv)
    typed.to_parquet(folder / "t.parquet")
    wanted = make_table(text, "y").fingerprints
    for other in (
        csv,
        typed,
        folder / "t.parquet",
        pl.read_csv(csv),
        pl.read_csv(csv, infer_schema=False),
        pa.Table.from_pandas(typed),
    ):
        assert make_table(other, "y").fingerprints == wanted


def test_canonical_text_of_every_kind_of_cell() -> None:
    one = [7, 7.0, "7", "007", " 7 ", "+7", np.int8(7), np.float32(7), decimal.Decimal("7.0")]
    assert {canonical(v) for v in one} == {"7"}
    assert {canonical(v) for v in (0.1, np.float32(0.1), "0.10", decimal.Decimal("0.1"), ".1")} == {"0.1"}
    assert {canonical(v) for v in (None, float("nan"), pd.NaT, pd.NA, "", "N/A", "null")} == {None}
    assert {canonical(v) for v in (True, np.True_, "TRUE", "true")} == {"true"}
    days = [
        dt.date(2020, 1, 2),
        pd.Timestamp("2020-01-02"),
        "2020-01-02",
        "2020-01-02T00:00:00",
        np.datetime64("2020-01-02"),
    ]
    assert {canonical(v) for v in days} == {"2020-01-02"}
    assert {canonical(v) for v in ("2020-01-02T03:00:00+03:00", pd.Timestamp("2020-01-02", tz="UTC"))} == {
        "2020-01-02T00:00:00Z"
    }
    assert canonical("2020-02-30") == "2020-02-30"
    assert canonical("1_000") == "1_000"
    assert canonical("9007199254740993") != canonical("9007199254740992")
    assert canonical("Cat ") != canonical("Cat")
    assert canonical("2020-01-02T00:00:00.123456789") == canonical(pd.Timestamp("2020-01-02T00:00:00.123456789"))
    assert canonical(10**30) == canonical("1" + "0" * 30)
    assert canonical(float("inf")) == canonical("inf")


def test_one_true_and_1_are_kept_apart_in_one_column() -> None:
    column = pd.Series([1, True, "1", 1.0, None], dtype=object)
    assert canonicals(column).tolist() == ["1", "true", "1", "1", None]


def test_plain_scalars() -> None:
    assert plain(np.float64("nan")) is None
    assert plain(np.float64("inf")) == "inf"
    assert isinstance(plain(np.int64(3)), int)
    assert plain(b"abc") == plain(bytearray(b"abc"))
    assert str(plain(np.arange(3.0))).startswith("array:")
    assert plain(np.arange(3)) == plain([0, 1, 2]) == plain((0, 1, 2)) == "[0, 1, 2]"
    assert plain(decimal.Decimal("1.10")) == "1.10"


def test_a_row_hash_is_the_sum_of_its_cells_in_any_order() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert (hash_rows(frame) == hash_rows(frame[["b", "a"]])).all()
    assert (hash_rows(frame) == hash_rows(frame[["a"]]) + hash_rows(frame[["b"]])).all()
    assert (hash_rows(frame.assign(c=None)) == hash_rows(frame)).all()
    assert (hash_rows(frame.rename(columns={"a": "b", "b": "a"})) != hash_rows(frame)).all()


def test_rows_that_look_the_same_have_different_fingerprints() -> None:
    frame = pd.DataFrame({"x": [1, 1, 1, 2], "y": ["a", "b", "a", "a"]})
    marks = make_table(frame, "y").fingerprints
    assert len(set(marks)) == 4
    assert [m.count(":") for m in marks] == [2, 2, 2, 0]
    assert sorted(make_table(frame.iloc[::-1], "y").fingerprints) == sorted(marks)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([1, 2, 3], "number"),
        ([True, False], "boolean"),
        (pd.to_datetime(["2020-01-01"]), "date"),
        ([dt.date(2020, 1, 1), None], "date"),
        (["a", "b"] * 10, "category"),
        ([f"a sentence with number {i}" for i in range(50)], "text"),
        ([None, None], "empty"),
        ([b"\x89PNG...", b"\x89PNG.."], "image"),
        ([np.zeros((4, 4))], "image"),
        ([b"zzz"], "other"),
        ([[1, 2], [3]], "other"),
        ([decimal.Decimal(1), None], "number"),
        ([1, "a"] * 10, "category"),
    ],
)
def test_kinds(cells, kind: str) -> None:
    column = pd.Series(cells) if not isinstance(cells, list) or kind != "other" else pd.Series(cells, dtype=object)
    assert kind_of(column) == kind


@pytest.mark.parametrize(
    ("frame", "arguments", "message"),
    [
        (pd.DataFrame({"a": []}), {}, "has no rows. Expected at least one row"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {}, "several columns named 'a'. Column names must be unique"),
        (pd.DataFrame({"kind": [1]}), {"label": "knid"}, "no label column 'knid'. Did you mean 'kind'"),
        (pd.DataFrame({"a": [1]}), {"key": "id"}, "no key column 'id'. Known: 'a'"),
        (pd.DataFrame({"a": [1]}), {"label": "a", "key": "a"}, "'a' cannot be both label and key"),
        (pd.DataFrame({"a": [1, 1], "b": [1, 2]}), {"key": "a"}, "does not tell the rows apart: 2 rows share theirs"),
        (pd.DataFrame({"a": [1, None], "b": [1, 2]}), {"key": "a"}, "is missing in 1 rows, first in row 1"),
        (
            pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
            {},
            "names of several levels. Flatten them",
        ),
        ([1, 2], {}, "must be a pandas, polars or pyarrow table, or a path.*Got list"),
    ],
)
def test_frames_that_cannot_be_used(frame, arguments, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_table(frame, **arguments)


def test_column_names_that_are_no_texts_become_texts() -> None:
    assert make_table(pd.DataFrame({0: [1], 1: [2]}), 1).features == ("0",)  # type: ignore[arg-type]  # what users do


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def write(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    with pytest.raises(MissingError, match=r"There is no file .*nothing\.csv.*Expected a CSV or Parquet file"):
        read_frame(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_frame(tmp_path)
    with pytest.raises(InputError, match="has the ending '.xlsx'. Expected .csv"):
        read_frame(write("a.xlsx", b""))
    with pytest.raises(InputError, match=r"cannot be read as CSV.*No columns"):
        read_frame(write("empty.csv", b""))
    with pytest.raises(InputError, match=r"several columns named 'a'.*"):
        read_frame(write("twice.csv", b"a,a\n1,2\n"))
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_frame(write("latin.csv", "a\né\n".encode("latin-1")))
    with pytest.raises(InputError, match=r"cannot be read as CSV: .*line 3"):
        read_frame(write("ragged.csv", b"a,b\n1,2\n1,2,3\n"))
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_frame(write("no.parquet", b"nothing"))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_delimiters_are_found(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'a{mark}"b,;|c"\n1{mark}2\n', encoding="utf-8-sig")
    assert list(read_frame(path).columns) == ["a", "b,;|c"]


def test_lazy_tables_are_collected() -> None:
    assert read_frame(pl.DataFrame({"a": [1]}).lazy()).equals(pd.DataFrame({"a": [1]}))


def test_records_longer_than_the_header_are_refused(tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text("a,b\n1,2,3\n4,5,6\n")
    with pytest.raises(InputError, match="more cells in its records than names in its header"):
        read_frame(tmp_path / "long.csv")
    (tmp_path / "trailing.csv").write_text("a,b\n1,2,\n3,4,\n")
    assert read_frame(tmp_path / "trailing.csv").to_dict("list") == {"a": [1, 3], "b": [2, 4]}
