"""What is kept between audits: it must never be seen in what they say, and it must stay within its bounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import dcai
from dcai.corrections.session import Review
from dcai.findings import cache
from dcai.findings.cache import CACHE, Cache, hash_cells, make_key, measure_size

ROWS = 120


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    CACHE.clear()
    yield
    CACHE.clear()


def _make_frame() -> pd.DataFrame:
    random = np.random.default_rng(3)
    truth = random.integers(0, 3, ROWS)
    return pd.DataFrame(
        {
            "size": np.round(truth + random.normal(0, 0.4, ROWS), 2),
            "city": np.array(["Bonn", "Köln", "Ulm"])[random.integers(0, 3, ROWS)],
            "code": [f"A-{i % 90:03d}" for i in range(ROWS)],
            "y": np.array(["a", "b", "c"])[truth],
        }
    )


def _assert_same(one: dcai.Audit, other: dcai.Audit) -> None:
    pd.testing.assert_frame_equal(one.findings, other.findings)
    pd.testing.assert_frame_equal(one.scores, other.scores)
    pd.testing.assert_frame_equal(one.checks.drop(columns="seconds"), other.checks.drop(columns="seconds"))
    assert one.probabilities is not None
    pd.testing.assert_frame_equal(one.probabilities, other.probabilities)
    assert one.hash == other.hash


def _audit(frame: pd.DataFrame) -> dcai.Audit:
    return dcai.audit(frame, label="y", model=LogisticRegression(max_iter=300), progress=False)


@settings(max_examples=3, deadline=None)
@given(edits=st.dictionaries(st.integers(0, ROWS - 1), st.sampled_from(["a", "b", "c", None, "a "]), max_size=6))
def test_an_audit_after_label_edits_says_what_a_cold_one_says(edits: dict[int, str | None]) -> None:
    frame = _make_frame()
    frame.loc[7] = frame.loc[8]  # equal rows: their order hangs on their labels
    _audit(frame)
    for row, label in edits.items():
        frame.loc[row, "y"] = label
    warm = _audit(frame)
    CACHE.clear()
    _assert_same(warm, _audit(frame))


def test_an_audit_after_a_log_was_applied_says_what_a_cold_one_says(tmp_path: Path) -> None:
    frame = _make_frame()
    review = Review(_audit(frame), tmp_path / "y.jsonl", by="ada")
    review.decide(3, "relabel", "c" if frame.loc[3, "y"] != "c" else "a")
    clean = review.log.apply(frame)
    assert (clean["y"] != frame["y"]).sum() == 1
    warm = _audit(clean)
    CACHE.clear()
    _assert_same(warm, _audit(clean))


def test_many_rows_with_other_labels_are_predicted_as_by_a_cold_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcai.findings.evidence.FULL_ROWS", 50)
    frame = _make_frame()
    dcai.audit(frame, label="y", detectors=["labels", "outliers"], progress=False)
    frame.loc[:3, "y"] = "b"
    warm = dcai.audit(frame, label="y", detectors=["labels", "outliers"], progress=False)
    CACHE.clear()
    _assert_same(warm, dcai.audit(frame, label="y", detectors=["labels", "outliers"], progress=False))


def test_a_changed_cell_of_a_feature_is_looked_at_anew() -> None:
    frame = _make_frame()
    _audit(frame)
    frame.loc[5, "size"] = 1e6
    warm = _audit(frame)
    assert 5 in set(warm.by("ranges").findings["row"])
    CACHE.clear()
    _assert_same(warm, _audit(frame))


def test_the_features_are_not_looked_at_again_when_only_labels_change(monkeypatch: pytest.MonkeyPatch) -> None:
    from dcai.findings.cells import relations
    from dcai.findings.detectors import leakage, missing, non_iid
    from dcai.findings.tables import slicing

    frame = _make_frame()
    _audit(frame)

    def refuse(*_: object) -> None:
        raise AssertionError("the features did not change")

    monkeypatch.setattr(relations, "relate_columns", refuse)
    monkeypatch.setattr(missing, "_look", refuse)
    monkeypatch.setattr(slicing, "_list_slices", refuse)
    monkeypatch.setattr(leakage, "_read_texts", refuse)
    monkeypatch.setattr(non_iid, "compare_distances", refuse)
    frame.loc[0, "y"] = "b"
    assert set(_audit(frame).checks["status"]) == {"ran", "skipped"}


def test_what_is_kept_stays_within_its_bytes_and_the_least_used_goes_first() -> None:
    kept = Cache(10_000)
    made: list[str] = []

    def make(name: str) -> Any:
        made.append(name)
        return np.zeros(500)  # 4,000 bytes

    for name in ("a", "b", "a", "c", "a", "b"):
        kept.get(name, lambda name=name: make(name))  # type: ignore[misc]  # mypy knows no default in a lambda
    assert made == ["a", "b", "c", "b"]
    assert kept.used <= 10_000
    kept.get("large", lambda: np.zeros(5_000))
    assert kept.used <= 10_000
    kept.clear()
    assert kept.used == 0


def test_nothing_is_kept_where_the_limit_is_zero_or_there_is_no_key() -> None:
    none = Cache(0)
    numbers = iter(range(4))
    assert [none.get("a", lambda: next(numbers)), none.get("a", lambda: next(numbers))] == [0, 1]
    assert [Cache().get(None, lambda: next(numbers)), Cache().get(None, lambda: next(numbers))] == [2, 3]


@pytest.mark.parametrize(
    "cells",
    [
        [1, 2],
        [1.0, np.nan],
        ["a", "b"],
        ["ab", ""],
        pd.array([1, None], dtype="Int64"),
        pd.Categorical(["a", "b"]),
        pd.to_datetime(["2020-01-01", None]),
        [True, False],
    ],
)
def test_columns_of_other_cells_types_or_order_have_other_hashes(cells: Any) -> None:
    column = pd.Series(cells)
    assert hash_cells(column) == hash_cells(column.copy())
    assert hash_cells(column) != hash_cells(column[::-1].reset_index(drop=True))
    assert hash_cells(column) != hash_cells(column.iloc[:1])
    seen = {hash_cells(pd.Series(c)) for c in ([1, 2], [1.0, 2.0], ["1", "2"], [True, True], ["12", ""], ["", "12"])}
    assert len(seen) == 6


def test_slices_of_one_column_are_told_apart() -> None:
    column = pd.Series([f"text {i}" for i in range(100)])
    assert hash_cells(column.iloc[:50]) != hash_cells(column.iloc[50:])


def test_objects_and_strangers_frames_have_no_key() -> None:
    frame = pd.DataFrame({"x": [[1], [2]], "y": [1, 2]})
    assert make_key(frame, ["x"]) is None
    assert make_key(object(), ["x"]) is None
    assert make_key(frame, ["y"], "one") != make_key(frame, ["y"], "other")


def test_tables_without_columns_are_told_apart_by_their_rows() -> None:
    assert make_key(pd.DataFrame(index=range(2)), []) != make_key(pd.DataFrame(index=range(3)), [])


def test_the_usual_limit_is_a_part_of_the_machines_memory() -> None:
    kept = Cache()
    kept.get("a", lambda: 1)
    assert kept.limit is not None
    assert 0 < kept.limit <= cache.MOST_BYTES


def test_sizes_count_what_is_inside() -> None:
    numbers = np.zeros(1000)
    assert measure_size([numbers, numbers]) >= 16_000
    assert measure_size({"a": numbers}) >= 8_000
    assert measure_size(("a name", numbers)) >= 8_000
    texts = ["word " * 200] * 3_000
    assert measure_size(texts) >= 3_000_000
    assert measure_size(np.array(texts, dtype=object)) >= 3_000_000
    assert measure_size(pd.DataFrame({"x": numbers})) >= 8_000
