"""Wrong cells: spellings, disguised empties, duplicates, conflicts and outliers are found, their legitimate likes are not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.findings.cells.spellings import distance, find_spellings, fold
from dcai.findings.report import audit


def find(frame, detector, **options):
    return audit(frame, detectors=detector, progress=False, **options)


def cells(found):
    return {(row, column) for row, column in zip(found.findings["row"], found.findings["column"], strict=True)}


# ---------------------------------------------------------------- variants


def test_the_misspelt_makers_of_a_real_table_are_found_and_nothing_else(cars):
    found = find(cars, "variants").findings
    assert dict(zip(found["given"], found["suggested"], strict=True)) == {
        "chevroelt": "chevrolet",
        "toyouta": "toyota",
        "maxda": "mazda",
        "vokswagen": "volkswagen",
    }
    assert (cars["Maker"].iloc[found["row"]].to_numpy() == found["given"]).all()
    assert set(found["column"]) == {"Maker"}
    assert found["reason"].str.contains("differs from").all()


@pytest.mark.parametrize("variant", ["New York ", "new york", "NEW-YORK", "New  York", "Néw York", "New York."])
def test_what_people_vary_is_no_difference(variant):
    frame = pd.DataFrame({"city": ["New York"] * 20 + ["Boston"] * 20 + [variant]})
    found = find(frame, "variants").findings
    assert found[["row", "given", "suggested"]].to_numpy().tolist() == [[40, variant, "New York"]]


def test_swapped_words_are_one_name_but_not_in_lists():
    names = ["Ada Lovelace"] * 10 + ["Lovelace Ada"] + ["Alan Turing"] * 10
    assert find(pd.DataFrame({"who": names}), "variants").findings["given"].tolist() == ["Lovelace Ada"]
    lists = ["Drama,War"] * 10 + ["War,Drama"] + ["Comedy,Crime"] * 10
    assert find(pd.DataFrame({"genre": lists}), "variants").findings.empty


@pytest.mark.parametrize(
    "values",
    [
        ["AL"] * 90 + ["AK"] * 2 + ["AZ"] * 5,
        ["cat"] * 90 + ["car"] * 2,
        ["pn-5b"] * 90 + ["pn-5c"] * 2,
        ["C"] * 40 + ["C++"] * 3 + ["C#"] * 3,
        ["10.5"] * 40 + ["105"] * 2 + ["1.05"],
        ["2020-01-01"] * 40 + ["2020-01-02"],
        ["Street North"] * 40 + ["Street South"] * 20 + ["Road South"] * 20 + ["Road North"] * 3,
        ["male"] * 50 + ["female"] * 5,
        ["+1"] * 30 + ["-1"] * 3,
    ],
)
def test_legitimate_neighbours_are_left_alone(values):
    assert find(pd.DataFrame({"value": values}), "variants").findings.empty


def test_names_that_are_near_each_other_by_nature_are_left_alone():
    import itertools

    names = ["".join(p).capitalize() for p in itertools.product("mlkn", "ai", "rln", "ia", "nst")]
    frame = pd.DataFrame({"name": [n for i, n in enumerate(names) for _ in range(12 if i % 2 else 1)]})
    assert find(frame, "variants").findings.empty


def test_a_hundred_thousand_distinct_strings_take_seconds():
    import time

    draw = np.random.default_rng(0)
    letters = np.array(list("abcdefhijk"))
    counts = {"".join(draw.choice(letters, 12)): 1 for _ in range(99_990)} | dict.fromkeys(
        ["chevrolet", "volkswagen", "mercedes-benz"], 40
    )
    counts["volkswagon"] = 1
    start = time.process_time()
    found = find_spellings(counts)
    assert time.process_time() - start < 20
    assert [(s.value, s.near) for s in found] == [("volkswagon", "volkswagen")]


@given(st.text(max_size=12), st.text(max_size=12))
@settings(max_examples=200, deadline=None)
def test_distance_is_symmetric_and_zero_only_for_equals(one, other):
    assert distance(one, other, 20) == distance(other, one, 20)
    assert (distance(one, other, 20) == 0) == (one == other)
    limit = 2
    assert distance(one, other, limit) == min(distance(one, other, 20), limit + 1)


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_folding_twice_changes_nothing_more(text):
    assert fold(fold(text)) == fold(text)


# ---------------------------------------------------------------- missing


@pytest.mark.parametrize(
    "word", ["?", "-", "N/A", "n.a.", "null", "not available", "#N/A", "\N{EN DASH}", "unknown", "none"]
)
def test_stand_ins_among_numbers_are_found(word):
    frame = pd.DataFrame({"age": [str(20 + i % 50) for i in range(60)]})
    frame.loc[[7, 30], "age"] = word
    found = find(frame, "missing").findings
    assert sorted(found["row"]) == [7, 30]
    assert (found["suggested"] == "").all()
    assert (found["given"] == word).all()


@pytest.mark.parametrize(
    "values",
    [
        ["none", "aspirin", "ibuprofen"] * 20,
        ["Nan", "Ada", "Eve", "Tom"] * 10,
        ["NA", "DE", "FR", "US"] * 10,
        ["x", "y", "z"] * 20,
        ["-"] * 50 + ["+"] * 3,
        ["unknown", "married", "single"] * 20,
    ],
)
def test_words_that_are_values_are_left_alone(values):
    assert find(pd.DataFrame({"value": values}), "missing").findings.empty


@pytest.mark.parametrize("word", ["unknown", "Unknown", "UNKNOWN", "none", "xxx"])
def test_a_vague_word_far_rarer_than_all_categories_stands_for_nothing(word):
    plans = ["basic", "standard", "premium"] * 100
    plans[7] = plans[30] = word
    found = find(pd.DataFrame({"plan": plans}), "missing").findings
    assert sorted(found["row"]) == [7, 30]
    assert f"{word!r} seems to stand for an empty cell: 2 rows of 'plan' have it" in found["reason"].iloc[0]
    assert (found["confidence"] < 0.7).all()


def test_a_vague_word_far_more_frequent_than_all_texts_stands_for_nothing():
    letters = "abcdefghijklmno"
    towns = [f"{a}{b}town" for a in letters for b in letters][:200]
    towns[10:40] = ["Unknown"] * 30
    assert sorted(find(pd.DataFrame({"town": towns}), "missing").findings["row"]) == list(range(10, 40))
    assert find(pd.DataFrame({"town": [*towns[40:], "unknown"]}), "missing").findings.empty


@pytest.mark.parametrize(("sentinel", "low", "high"), [(-1, 0, 90), (999, 0, 120), (-999, 5, 80), (9999, 100, 900)])
def test_sentinel_numbers_are_found(sentinel, low, high):
    values = np.random.default_rng(0).integers(low, high, 100)
    values[[3, 50, 99]] = sentinel
    assert cells(find(pd.DataFrame({"size": values}), "missing")) == {(3, "size"), (50, "size"), (99, "size")}


def test_numbers_that_only_look_like_sentinels_are_left_alone():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "temperature": draw.integers(-30, 30, 200),
            "price": draw.integers(900, 1100, 200),
            "unit": draw.uniform(-1, 1, 200),
        }
    )
    assert find(frame, "missing").findings.empty


def test_the_first_day_of_a_calendar_is_found():
    days = pd.date_range("2019-01-01", periods=60).to_series().reset_index(drop=True)
    days[5] = pd.Timestamp("1900-01-01")
    assert cells(find(pd.DataFrame({"day": days}), "missing")) == {(5, "day")}
    old = pd.date_range("1899-06-01", periods=400).to_series().reset_index(drop=True)
    assert find(pd.DataFrame({"day": old}), "missing").findings.empty


def test_a_plainly_empty_cell_is_listed_only_in_an_almost_complete_column():
    full = pd.Series(range(400), dtype=float)
    full[9] = np.nan
    half = pd.Series(range(400), dtype=float).mask(np.arange(400) % 2 == 0)
    flag = pd.Series([True, None] * 200, dtype=object)
    sure = pd.Series([True, *[False] * 398, None], dtype=object)
    frame = pd.DataFrame({"full": full, "half": half, "none": None, "flag": flag, "sure": sure})
    found = find(frame, "missing")
    assert cells(found) == {(9, "full"), (399, "sure")}
    reason = found.checks["reason"].iloc[0]
    assert "400 plainly empty cells in 2 columns are not listed" in reason
    assert "1 column is empty in every row: 'none'" in reason


# ---------------------------------------------------------------- duplicates and conflicts


def test_every_repetition_is_found_and_its_peers_are_named():
    frame = pd.DataFrame({"a": np.arange(40.0), "b": [f"text {i}" for i in range(40)]})
    frame.loc[[20, 33]] = frame.loc[7].to_numpy()
    found = find(frame, "duplicates")
    assert sorted(found.findings["row"]) == [20, 33]
    assert found.findings["column"].isna().all()
    assert {tuple(sorted(p)) for p in found.findings["peers"]} == {(7, 33), (7, 20)}
    assert (found.scores["duplicates"] > 0).sum() == 2


def test_the_key_does_not_hide_a_duplicate():
    frame = pd.DataFrame({"id": range(30), "a": [*range(29), 3], "b": [*range(29), 3]})
    assert find(frame, "duplicates", key="id").findings["row"].tolist() == [29]


def test_equal_rows_are_no_duplicates_where_they_are_usual():
    found = find(pd.DataFrame({"a": ["x", "y"] * 50}), "duplicates")
    assert found.findings.empty
    assert found.checks["status"].tolist() == ["skipped"]
    assert "equal rows are usual here" in found.checks["reason"].iloc[0]


def test_equal_rows_with_different_labels_are_a_conflict():
    frame = pd.DataFrame({"text": [f"message {i}" for i in range(30)], "label": ["ham", "spam"] * 15})
    more = pd.DataFrame({"text": ["message 4", "message 4", "message 4"], "label": ["ham", "ham", "spam"]})
    found = find(pd.concat([frame, more], ignore_index=True), "conflicts", label="label").findings
    assert found[["row", "given", "suggested"]].to_numpy().tolist() == [[32, "spam", "ham"]]
    assert found["peers"].tolist() == [[4, 30, 31]]
    assert "3 are labelled 'ham'" in found["reason"].iloc[0]


def test_a_tie_is_a_conflict_without_a_suggestion():
    frame = pd.DataFrame(
        {"text": [f"message {i}" for i in range(30)] + ["message 4"], "label": ["ham", "spam"] * 15 + ["spam"]}
    )
    found = find(frame, "conflicts", label="label").findings
    assert sorted(found["row"]) == [4, 30]
    assert found["suggested"].isna().all()


def test_a_conflict_is_one_of_the_named_features_whatever_else_the_rows_hold():
    frame = pd.DataFrame({"text": [f"message {i % 30}" for i in range(33)], "label": ["ham"] * 30 + ["spam"] * 3})
    frame["arrived"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(33) ** 2, unit="h")
    assert not len(find(frame, "conflicts", label="label"))
    named = find(frame, "conflicts", label="label", features=["text"])
    assert sorted(named.findings["row"]) == [0, 1, 2, 30, 31, 32]
    vectors = (np.arange(33) % 30)[:, None] * [1.0, -1.0]
    given = find(frame, "conflicts", label="label", features=vectors)
    assert sorted(given.findings["row"]) == [0, 1, 2, 30, 31, 32]


def test_conflicts_mean_nothing_where_rows_are_rarely_unlike():
    frame = pd.DataFrame({"colour": ["red", "blue"] * 40, "label": ["a", "b", "b", "a"] * 20})
    assert find(frame, "conflicts", label="label").checks["status"].tolist() == ["skipped"]


# ---------------------------------------------------------------- outliers


def test_an_extreme_number_is_found():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"height": draw.normal(170, 8, 300), "income": draw.lognormal(10, 1, 300)})
    frame.loc[42, "height"] = 1700
    found = find(frame, ["ranges", "outliers"])
    assert {c for c in cells(found) if c[1] is not None} == {(42, "height")}
    assert "98 % of 'height' lie between" in found.by("ranges").findings.set_index("column").loc["height", "reason"]
    assert set(found.by("outliers").findings["column"]) == {None}  # a cell is said once


def test_a_row_far_from_all_others_is_found_with_its_neighbours():
    draw = np.random.default_rng(0)
    values = draw.normal(size=(200, 4))
    values[:, 1] = values[:, 0] + draw.normal(scale=0.01, size=200)
    values[13] = [9, -9, 0, 0]
    found = find(pd.DataFrame(values, columns=list("abcd")), "outliers")
    rows = found.findings[found.findings["column"].isna()]
    assert rows["row"].tolist() == [13]
    assert 13 not in rows["peers"].iloc[0]
    assert found.scores["outliers"].idxmax() == 13


def test_rows_of_text_are_not_compared_and_the_check_says_so():
    frame = pd.DataFrame({"text": [f"some words number {i} here" for i in range(40)]})
    found = find(frame, "outliers")
    assert "distances between texts say little" in found.checks["reason"].iloc[0]
