"""The ways out of a log: code, soft labels, tables; each says what `apply` says."""

from __future__ import annotations

import ast
import datetime as dt
import decimal
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.errors import InputError, StaleError
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review
from dcai.corrections.values.python_code import write_literal

from .conftest import audit_of

INTEGERS = pd.DataFrame([["a", 1.5], ["b", 2.5], ["a", 3.5]])  # columns 0 and 1

HOSTILE = "'''\"\"\"); raise SystemExit  # \u202e\\\n{x}"
CELLS = ["1", "x", "", HOSTILE, "\u2028\x1b[31m"]


def run(code: str, frame: pd.DataFrame) -> pd.DataFrame:
    space: dict[str, Any] = {}
    exec(compile(code, "corrections", "exec"), space)
    return space["correct"](frame)


def review_of(frame: pd.DataFrame, path: Path, **options: Any) -> Review:
    return Review(audit_of(frame, **options), path, by="ada")


def test_code_names_columns_as_the_frame_does(tmp_path: Path) -> None:
    frame = INTEGERS.rename(columns={1: 7}).assign(t=list("xyz"))
    review = review_of(frame, tmp_path / "y.jsonl", label="0")
    review.decide(0, "relabel", "b")
    review.decide(1, "edit", 9.0, column="7")
    review.decide(2, "exclude")
    pd.testing.assert_frame_equal(run(review.log.to_code(frame), frame), review.log.apply(frame))


decided = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["p", HOSTILE, "y"]), st.sampled_from([*CELLS, None, "exclude"])),
    max_size=8,
)


@given(st.lists(st.tuples(*[st.sampled_from(CELLS)] * 2, st.sampled_from(["a", "b"])), min_size=1, max_size=6), decided)
@settings(max_examples=60, deadline=None)
def test_the_code_makes_what_apply_makes(rows: list[Any], chosen: list[Any]) -> None:
    frame = pd.DataFrame(rows, columns=["p", HOSTILE, "y"], dtype=object)
    with tempfile.TemporaryDirectory() as folder:
        review = review_of(frame, Path(folder) / f"{HOSTILE[:6]}.jsonl")
        for place, column, value in chosen:
            if value == "exclude":
                review.decide(place % len(frame), "exclude")
            else:
                review.decide(place % len(frame), "edit", value, column=column)
        before = frame.copy(deep=True)
        made = run(review.log.to_code(frame), frame)
        pd.testing.assert_frame_equal(made, review.log.apply(frame))
        pd.testing.assert_frame_equal(frame, before)


def test_the_code_knows_every_kind_of_column(log_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "n": [1, 2, 3],
            "f": [0.5, np.nan, 2.0],
            "b": [True, False, True],
            "c": pd.Categorical(["u", "v", "u"]),
            "t": pd.to_datetime(["2020-01-01", "2020-01-02", None]),
            "z": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"]).tz_localize("Europe/Berlin"),
            "s": pd.array(["gray", "gray", "red"], dtype="string"),
            "d": [decimal.Decimal("1.10"), decimal.Decimal(2), None],
            "o": [dt.date(2020, 1, 1), dt.date(2020, 1, 2), None],
            "y": ["a", "b", "a"],
        },
        index=[7, 7, 9],
    )
    review = review_of(frame, log_path)
    for column, value in {
        "n": None, "f": 7.25, "b": None, "c": "w", "t": "2021-05-06", "z": "2021-05-06 07:00", "s": "grey", "d": "3.30",
        "o": "2021-05-06",
    }.items():  # fmt: skip
        review.decide(1, "edit", value, column=column)
    review.decide(0, "edit", "grey", column="s")
    review.decide(2, "exclude")
    code = review.log.to_code(frame)
    pd.testing.assert_frame_equal(run(code, frame), review.log.apply(frame))
    assert (
        """column.loc[frame['s'] == 'gray'] = 'grey'""" in code
    )  # a value corrected throughout its column is one line
    with pytest.raises(ValueError, match="needs the 3 rows of the audited frame"):
        run(code, frame.iloc[:2])


@pytest.mark.parametrize("blank", ["", "N/A"])
@pytest.mark.parametrize("kind", ["bool", "boolean", "object", "arrow"])
def test_an_emptied_text_empties_a_cell_that_has_a_type_now(log_path: Path, kind: str, blank: str) -> None:
    texts = pd.DataFrame({"id": list("123"), "b": ["true", "false", "true"], "n": list("123"), "y": list("abc")})
    review = Review(audit_of(texts, key="id"), log_path, by="ada")
    review.decide(0, "edit", "FALSE", column="b")
    review.decide(1, "edit", blank, column="b")
    review.decide(1, "edit", blank, column="n")
    typed = texts.astype({"id": int, "n": int}).assign(b=[True, False, True])
    frame = pa.Table.from_pandas(typed, preserve_index=False) if kind == "arrow" else typed.astype({"b": kind})
    made = review.log.apply(frame)
    assert pd.Series(made["b"].to_pylist() if kind == "arrow" else list(made["b"])).isna().tolist() == [
        False,
        True,
        False,
    ]
    assert not made["b"][0].as_py() if kind == "arrow" else made["b"][0] in (False, np.False_)
    assert pd.isna(made["n"][1].as_py() if kind == "arrow" else made["n"][1])
    assert review.log.check(made)["status"].tolist() == ["applied"] * 3


@pytest.mark.parametrize(
    ("texts", "typed"),
    [
        (["2020-01-01", "2020-01-02"], [dt.date(2020, 1, 1), dt.date(2020, 1, 2)]),
        (["1.10", "2.5"], [decimal.Decimal("1.10"), decimal.Decimal("2.5")]),
    ],
)
def test_an_emptied_text_empties_a_date_or_a_decimal(log_path: Path, texts: list[str], typed: list[Any]) -> None:
    frame = pd.DataFrame({"id": [1, 2], "d": texts, "y": ["a", "b"]})
    review = Review(audit_of(frame, key="id"), log_path, by="ada")
    review.decide(1, "edit", "", column="d")
    now = frame.assign(d=pd.Series(typed, dtype=object))
    made = review.log.apply(now)
    assert made["d"].tolist() == [typed[0], None]
    assert review.log.check(made)["status"].tolist() == ["applied"]
    pd.testing.assert_frame_equal(run(review.log.to_code(now), now), made)


def test_a_column_of_objects_takes_texts_beside_yes_and_no(log_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "b": pd.Series([True, "maybe", False], dtype=object), "y": list("abc")})
    review = Review(audit_of(frame, key="id"), log_path, by="ada")
    review.decide(0, "edit", "007", column="b")
    review.decide(1, "edit", "FALSE", column="b")
    assert review.log.apply(frame)["b"].tolist() == ["007", False, False]


def test_code_of_whole_values_runs_on_other_data(log_path: Path) -> None:
    frame = pd.DataFrame({"s": ["gray", "red", "gray"], "y": ["a", "b", "a"]})
    review = review_of(frame, log_path)
    review.decide(0, "edit", "grey", column="s")
    review.decide(2, "edit", "grey", column="s")
    other = pd.DataFrame({"s": ["gray", "blue"], "y": ["a", "b"]})
    assert run(review.log.to_code(frame), other)["s"].tolist() == ["grey", "blue"]


def test_code_refuses_what_apply_refuses_and_what_has_no_literal(log_path: Path) -> None:
    frame = pd.DataFrame({"s": ["gray", "red"], "y": ["a", "b"]})
    review = review_of(frame, log_path)
    review.decide(0, "relabel", "b", column="y")
    moved = frame.assign(y=["c", "b"])
    with pytest.raises(StaleError, match="1 of 1 standing corrections"):
        review.log.to_code(moved)
    assert "loc" not in review.log.to_code(moved, stale="skip")
    with pytest.raises(InputError, match="A value of type object has no form in code: .*frame.pipe"):
        write_literal(object())


@given(st.text() | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none() | st.dates())
def test_a_literal_is_the_value_and_nothing_else(value: Any) -> None:
    text = write_literal(value)
    space = {"__builtins__": {"float": float}, "datetime": dt}
    assert eval(compile(ast.parse(text, mode="eval"), "literal", "eval"), space) == value
    assert text.isprintable()


def test_soft_labels_say_what_was_decided(log_path: Path) -> None:
    frame = pd.DataFrame({"x": range(7), "y": ["a", "a", "b", "b", "c", None, "a"]}, index=list("tuvwxyz"))
    ada = review_of(frame, log_path)
    ada.decide(0, "relabel", "b")
    ada.decide(1, "ambiguous", ["a", "c"], column="y")
    ada.decide(2, "keep", column="y")
    ada.decide(3, "exclude")
    bob = Review(audit_of(frame), log_path, by="bob")
    bob.decide(2, "relabel", "c")
    bob.decide(6, "unsure", column="y")
    soft = bob.log.soft_labels(frame)
    wanted = pd.DataFrame(
        {"a": [0, 0.5, 0, 0, np.nan, 1], "b": [1, 0, 0.5, 0, np.nan, 0], "c": [0, 0.5, 0.5, 1, np.nan, 0]},
        index=list("tuvxyz"),
        dtype=float,
    )
    pd.testing.assert_frame_equal(soft, wanted, check_column_type=False)


def test_soft_labels_need_a_label(log_path: Path, pets: pd.DataFrame) -> None:
    review = Review(audit_of(pets, None), log_path, by="ada")
    review.decide(0, "exclude")
    with pytest.raises(InputError, match=r"y\.jsonl is about no label column of this data"):
        review.log.soft_labels(pets)


def test_a_log_goes_through_pipe_and_is_a_table(review: Review, pets: pd.DataFrame) -> None:
    review.decide("f0", "relabel")
    piped = pets.pipe(review.log.apply)
    assert piped["y"].tolist() == ["cat", "dog", "bird", "bird", "spider", "spider"]
    table = review.log.to_frame()
    assert table["value"].tolist() == ["bird"]
    assert CorrectionLog.read(review.log.path).to_frame().equals(table)
