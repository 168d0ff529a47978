"""Data that changed after the review: moved rows still match, edited rows are stale with the reason, nothing goes wrong silently."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.errors import LogError, StaleError
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review

from .conftest import audit_of

SIZE = 8
KEYS = [None, "id"]


def make_frame() -> pd.DataFrame:
    """Eight rows, two of which are twins but for their key."""
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(SIZE)],
            "n": [1, 2, 3, 4, 5, 6, 6, 8],
            "city": ["Ulm", "ulm", "Bonn", "", "Ulm", "Bern", "Bern", "007"],
            "y": ["a", "b", "a", "b", "a", "b", "b", "a"],
        }
    )


@cache
def review_all(key: str | None) -> tuple[pd.DataFrame, CorrectionLog]:
    """Decide about six rows in six ways; once, for what is made of the data afterwards changes nothing of it."""
    folder = tempfile.mkdtemp()
    frame = make_frame() if key else make_frame().drop(columns="id")
    review = Review(audit_of(frame, key=key), Path(folder) / "y.jsonl", by="ada")
    review.decide(0, "relabel", "b", column="y")
    review.decide(1, "edit", "Ulm", column="city")
    review.decide(2, "exclude")
    review.decide(3, "edit", 40, column="n")
    review.decide(4, "keep", column="y")
    review.decide(7, "keep")
    return frame, review.log


def values_of(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in frame.itertuples(index=False)]


@pytest.mark.parametrize("key", KEYS)
@given(order=st.permutations(range(SIZE)))
@settings(max_examples=25, deadline=None)
def test_shuffled_rows_all_match(key: str | None, order: list[int]) -> None:
    frame, log = review_all(key)
    moved = frame.iloc[order]
    assert set(log.check(moved)["status"]) == {"fits"}
    assert sorted(values_of(log.apply(moved))) == sorted(values_of(log.apply(frame)))


@pytest.mark.parametrize("key", KEYS)
@given(gone=st.sets(st.integers(0, SIZE - 1), min_size=1, max_size=SIZE - 1))
@settings(max_examples=30, deadline=None)
def test_dropped_rows_are_absent_and_the_others_match(key: str | None, gone: set[int]) -> None:
    frame, log = review_all(key)
    left = frame.drop(index=list(gone))
    checks = log.check(left)
    decided = [0, 1, 2, 3, 4, 7]
    # A row that was to be left out is left out.
    assert checks["status"].tolist() == [
        "fits" if row not in gone else "applied" if row == 2 else "absent" for row in decided
    ]
    changing = gone & {0, 1, 3}
    if key is None and changing:
        with pytest.raises(StaleError, match=f"{len(changing)} of 6 standing corrections .* do not fit this data"):
            log.apply(left)
    clean = log.apply(frame)
    whole = dict(zip(clean.index, values_of(clean), strict=True))
    assert values_of(log.apply(left, stale="skip")) == [whole[row] for row in left.index if row != 2]


@pytest.mark.parametrize("key", KEYS)
def test_appended_rows_and_columns_make_nothing_stale(key: str | None) -> None:
    frame, log = review_all(key)
    more = frame.assign(id=[f"s{i}" for i in range(SIZE)]) if key else frame
    new = pd.concat([frame, more.assign(n=frame["n"] + 100)], ignore_index=True).assign(extra=1)
    assert set(log.check(new)["status"]) == {"fits"}
    clean = log.apply(new)
    assert values_of(clean.drop(columns="extra").iloc[: SIZE - 1]) == values_of(log.apply(frame))
    assert values_of(clean.drop(columns="extra").iloc[SIZE - 1 :]) == values_of(new.drop(columns="extra").iloc[SIZE:])


@pytest.mark.parametrize("key", KEYS)
@given(row=st.integers(0, SIZE - 1), column=st.sampled_from(["n", "city", "y"]))
@settings(max_examples=40, deadline=None)
def test_an_edited_row_is_quarantined_and_no_other(key: str | None, row: int, column: str) -> None:
    decided = {0: "y", 1: "city", 2: None, 3: "n", 4: "y", 7: None}
    frame, log = review_all(key)
    edited = frame.astype(object)
    edited.iloc[row, edited.columns.get_loc(column)] = 77 if column == "n" else "other"
    checks = log.check(edited)
    for place, one in zip(decided, checks.to_dict("records"), strict=True):
        if place != row:
            assert one["status"] == "fits", one
        elif key is None and column != "y":
            # Its content was its name; of a row that was to be left out nobody can tell that it is not.
            assert one["status"] == ("applied" if place == 2 else "absent")
        elif decided[place] in (None, column):
            assert one["status"] == "stale", one
            assert "other" in one["why"] or "77" in one["why"] or "has changed since" in one["why"]
        else:
            assert one["status"] == "fits"  # another cell of the row was judged
    wrong = [place for place, one in zip(decided, checks["status"], strict=True) if one != "fits"]
    skipped = log.apply(edited, stale="skip")
    expected = log.apply(frame)
    for place in set(range(SIZE)) - {2}:
        if place != row:
            assert values_of(skipped.loc[[place]]) == values_of(expected.loc[[place]])
        elif place in wrong:
            assert values_of(skipped.loc[[place]]) == values_of(edited.loc[[place]])  # quarantined, as it stands


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.astype({"n": float}),
        lambda f: f.astype({"n": str}),
        lambda f: f.astype({"n": "Int64", "city": "string", "y": "category"}),
        lambda f: f.astype(object),
        lambda f: f.convert_dtypes(dtype_backend="pyarrow"),
        lambda f: f[list(reversed(f.columns))],
        lambda f: f.set_index(pd.Index(list("abcdefgh"))),
    ],
)
def test_other_types_of_the_same_data_match(key: str | None, change: Any) -> None:
    frame, log = review_all(key)
    assert set(log.check(change(frame))["status"]) == {"fits"}
    once = log.apply(change(frame))
    assert once["y"].tolist() == ["b", "b", "b", "a", "b", "b", "a"]
    assert [float(v) for v in once["n"]] == [1, 2, 40, 5, 6, 6, 8]
    pd.testing.assert_frame_equal(log.apply(once), once)


@pytest.mark.parametrize("key", KEYS)
def test_renamed_columns_match_by_their_old_names_and_are_refused_without(key: str | None) -> None:
    frame, log = review_all(key)
    renamed = frame.rename(columns={"city": "town", "y": "label"})
    with pytest.raises(LogError, match=r"which this data lacks|this data lacks .*city.*rename=\{old: new\}"):
        log.check(renamed)
    names = {"city": "town", "y": "label"}
    assert set(log.check(renamed, rename=names)["status"]) == {"fits"}
    clean = log.apply(renamed, rename=names)
    assert list(clean.columns) == list(renamed.columns)
    assert values_of(clean) == values_of(log.apply(frame))


def test_values_that_only_look_alike_are_other_values(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2], "code": ["007", "1.10"], "y": ["a", "b"]})
    review = Review(audit_of(frame, key="id"), tmp_path / "y.jsonl", by="ada")
    review.decide(0, "edit", "008", column="code")
    review.decide(1, "edit", "1.20", column="code")
    other = frame.assign(code=["OO7", "1.1O"])
    assert review.log.check(other)["status"].tolist() == ["stale", "stale"]
    assert review.log.apply(other, stale="skip")["code"].tolist() == ["OO7", "1.1O"]
    assert np.array_equal(review.log.apply(frame)["code"], ["008", "1.20"])
