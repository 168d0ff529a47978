"""Which rows agree: the index says of single rows what a look at all of them says."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.fingerprints import hash_rows, to_hex
from dcai.base.identity import RowIndex, mark_twin, number_hashes
from dcai.base.table import Table, make_table

# Few values, so that rows agree in half of their hash, in all of it, and in their label too.
LANES = st.sampled_from([0, 1, 2**63, 2**64 - 1])
HASHES = st.lists(st.tuples(LANES, LANES, LANES), min_size=1, max_size=12)
FRAMES = st.lists(
    st.tuples(st.sampled_from([1, 2]), st.sampled_from(["a", "7", None]), st.sampled_from(["u", "v"])),
    min_size=1,
    max_size=9,
).map(lambda rows: pd.DataFrame(rows, columns=["p", "q", "y"]))


def index_of(rows: list[tuple[int, int, int]]) -> RowIndex:
    lanes = np.array(rows, dtype=np.uint64)
    return RowIndex(lanes[:, :2], lanes[:, [2, 2]])


def mark_all(rows: list[tuple[int, int, int]]) -> list[str]:
    """Write the fingerprints of all rows, one after the other."""
    bases, labels = [to_hex(r[:2]) for r in rows], [f"{r[2]:016x}"[:8] for r in rows]
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    places = []
    for base, label in zip(bases, labels, strict=True):
        places.append(sizes[base][label])
        sizes[base][label] += 1
    return [
        b if sizes[b].total() == 1 else mark_twin(b, label, place, sizes[b])
        for b, label, place in zip(bases, labels, places, strict=True)
    ]


@given(HASHES, st.data())
@settings(max_examples=200, deadline=None)
def test_single_rows_are_marked_as_all_of_them_are(rows: list[tuple[int, int, int]], data: Any) -> None:
    index, wanted = index_of(rows), mark_all(rows)
    assert index.mark(np.arange(len(rows))) == wanted
    assert len(set(wanted)) == len(rows)
    asked = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6))
    assert index_of(rows).mark(np.array(asked, dtype=np.intp)) == [wanted[row] for row in asked]


@given(HASHES, LANES, LANES)
@settings(max_examples=100, deadline=None)
def test_all_rows_of_a_hash_are_found(rows: list[tuple[int, int, int]], one: int, two: int) -> None:
    index = index_of(rows)
    assert index.find((one, two)) == [i for i, row in enumerate(rows) if row[:2] == (one, two)]
    assert [index.base(i) for i in range(len(rows))] == [to_hex(row[:2]) for row in rows]
    assert [index.label(i) for i in range(len(rows))] == [f"{row[2]:016x}"[:8] for row in rows]


@given(HASHES)
@settings(max_examples=100, deadline=None)
def test_hashes_are_numbered_by_size(rows: list[tuple[int, int, int]]) -> None:
    hashes = np.array(rows, dtype=np.uint64)[:, :2]
    order = sorted({row[:2] for row in rows})
    assert number_hashes(hashes).tolist() == [order.index(row[:2]) for row in rows]


@given(FRAMES, st.sets(st.sampled_from("pqy")), st.booleans(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_hashes_over_some_columns_are_made_from_those_over_all(
    frame: pd.DataFrame, columns: set[str], labelled: bool, asked: bool
) -> None:
    table = make_table(frame, "y" if labelled else None)
    if asked:
        assert len(table.row_hashes) == len(frame)
    names = sorted(columns)
    np.testing.assert_array_equal(table.hash_over(names), hash_rows(frame, names))


@given(FRAMES, st.data())
@settings(max_examples=100, deadline=None)
def test_hashes_go_with_their_rows(frame: pd.DataFrame, data: Any) -> None:
    rows = np.array(data.draw(st.permutations(range(len(frame)))), dtype=np.intp)
    known, fresh = make_table(frame, "y"), make_table(frame, "y")
    assert known.fingerprints == make_table(frame, "y").fingerprints
    for table in (known, fresh):
        moved, wanted = table.take(rows), make_table(frame.iloc[rows], "y")
        np.testing.assert_array_equal(moved.row_hashes, wanted.row_hashes)
        np.testing.assert_array_equal(moved.label_hashes, wanted.label_hashes)
        assert moved.keys == wanted.keys


@pytest.mark.parametrize("key", [None, ["id"], ["id", "q"]])
def test_the_keys_of_some_rows_are_among_those_of_all(key: list[str] | None) -> None:
    frame = pd.DataFrame({"id": [3, 1, 2, 5], "q": pd.Series(["a", "b", "b", "b"]), "y": ["u", "v", "v", "u"]})
    table = make_table(frame, "y", key=key)
    assert table.keys_of([2, 0]) == [table.keys[2], table.keys[0]]
    assert table.keys_of([]) == []
    if key is not None:
        assert table.keys_of([3]) == [{"id": 5, "q": "b"} if "q" in key else {"id": 5}]
        assert isinstance(table.keys_of([3])[0]["id"], int)


def test_only_the_keys_that_are_asked_for_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    mark = RowIndex.mark
    monkeypatch.setattr(RowIndex, "mark", lambda self, rows: made.append(len(rows)) or mark(self, rows))
    table = Table(pd.DataFrame({"x": range(100), "y": ["a"] * 100}), "y")
    assert len(table.keys_of([7, 8])) == 2
    assert made == [2]
