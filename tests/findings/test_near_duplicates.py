"""Rows written twice are found; rows about one thing by design, and rows that only share much, are not."""

import numpy as np
import pandas as pd
import pytest

from dcai.findings.detectors.near_duplicates import _quote_both
from dcai.findings.report import audit
from tests.findings.test_dependencies import names_of, shops, slip


def people(seed=0, size=500):
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "first": draw.choice(names_of(draw, 80, 2), size),
            "last": draw.choice(names_of(draw, 250, 3), size),
            "street": [f"{draw.integers(1, 300)} {name} Street" for name in draw.choice(names_of(draw, 90, 3), size)],
            "city": draw.choice(names_of(draw, 30, 3), size),
            "born": [
                f"19{draw.integers(30, 99)}-{draw.integers(1, 13):02d}-{draw.integers(1, 29):02d}" for _ in range(size)
            ],
            "phone": [str(draw.integers(10**7, 10**8)) for _ in range(size)],
        }
    )


def repeat(frame, count, changes, seed=1):
    """Add rows again with some cells written differently; return the frame and the pairs."""
    draw = np.random.default_rng(seed)
    rows = draw.choice(len(frame), count, replace=False)
    again = frame.iloc[rows].reset_index(drop=True)
    for i in range(count):
        for column in draw.choice(["first", "last", "street", "city"], changes, replace=False):
            again.loc[i, column] = slip(draw, again, i, column) if draw.random() < 0.7 else again.loc[i, column].upper()
    pairs = {frozenset((int(r), len(frame) + i)) for i, r in enumerate(rows)}
    return pd.concat([frame, again], ignore_index=True), pairs


def find(frame, detector="near_duplicates", **options):
    return audit(frame, detectors=detector, progress=False, **options)


def pairs_of(found):
    rows = zip(found.findings["row"], found.findings["peers"], strict=True)
    return {frozenset((row, peer)) for row, peers in rows for peer in peers}


@pytest.mark.parametrize("changes", [1, 2, 3])
def test_rows_written_twice_are_found_and_nothing_else(changes):
    frame, truth = repeat(people(), 30, changes)
    said = pairs_of(find(frame))
    assert said <= truth
    assert len(said) >= 0.9 * len(truth)


def test_the_whole_row_is_named_with_what_differs():
    frame = people()
    frame.loc[500] = frame.loc[3]
    frame.loc[500, "city"] = frame.loc[3, "city"].upper()
    found = find(frame).findings
    assert len(found) == 1
    assert found[["column", "suggested"]].isna().all(axis=None)
    row, peers, reason = found.loc[0, ["row", "peers", "reason"]]
    assert {row, *peers} == {3, 500}
    assert "agree in 5 of 6 columns and differ in 'city'" in reason


def test_the_difference_of_long_texts_is_shown():
    both = _quote_both("the same words " * 6 + "in red", "the same words " * 6 + "in blue")
    assert both == "'... same words in red' and '... same words in blue'"
    assert _quote_both("Ada", "Adah") == "'Ada' and 'Adah'"
    assert _quote_both(1, 2.5) == "1 and 2.5"


def test_of_two_rows_the_one_with_an_empty_cell_is_named():
    frame = people()
    frame.loc[500] = frame.loc[3]
    frame.loc[500, "city"] = ""
    found = find(frame).findings
    assert found["row"].tolist() == [500]
    assert found["reason"].iloc[0] == "The row equals another one but for empty cells in 'city'."


def test_equal_rows_are_left_to_duplicates():
    frame = people()
    frame.loc[500] = frame.loc[3]
    assert find(frame).findings.empty
    assert len(find(frame, "duplicates").findings) == 1


@pytest.mark.parametrize("rows", [3, 8])
def test_several_rows_about_one_thing_do_not_drown_the_report(rows):
    assert find(shops(rows=rows)).findings.empty


def test_clean_people_are_all_different():
    assert find(people(3, 1500)).findings.empty


def test_another_number_is_another_thing():
    draw = np.random.default_rng(0)
    base = names_of(draw, 300, 4)
    title = [f"The story of {a} and {b}, part {part}" for a, b in zip(base, base[::-1], strict=True) for part in (1, 2)]
    frame = pd.DataFrame({"title": title, "pages": draw.integers(50, 900, 600)})
    assert find(frame).findings.empty


def test_a_table_made_of_nearly_equal_rows_is_told_so():
    frame, _ = repeat(people(size=200), 150, 1)
    check = find(frame).checks.iloc[0]
    assert check["status"] == "skipped"
    assert "of the rows share much with another one: several rows about one thing are usual here" in check["reason"]


def test_texts_that_share_nearly_all_their_words_are_found():
    draw = np.random.default_rng(0)
    words = names_of(draw, 600, 3)
    texts = [" ".join(draw.choice(words, 20)) for _ in range(300)]
    frame = pd.DataFrame({"text": [*texts, texts[7] + " again", texts[9].replace(texts[9].split()[4], "changed")]})
    assert pairs_of(find(frame)) == {frozenset((7, 300)), frozenset((9, 301))}


def test_the_order_of_rows_changes_nothing():
    frame, _ = repeat(people(), 20, 2)
    order = np.random.default_rng(5).permutation(len(frame))
    mixed = find(frame.iloc[order].reset_index(drop=True))
    assert pairs_of(find(frame)) == {frozenset(int(order[r]) for r in pair) for pair in pairs_of(mixed)}


def test_too_few_rows_and_no_column_are_told():
    assert find(pd.DataFrame({"a": [1, 2], "b": [1, 3]})).checks["reason"].tolist() == [
        "fewer than 10 rows: too few to tell what rows share by chance"
    ]
    frame = pd.DataFrame({"id": range(20), "label": ["a", "b"] * 10})
    assert find(frame, label="label", key="id").checks["reason"].tolist() == [
        "there is no column to compare besides label and key"
    ]


def test_many_rows_take_seconds():
    import time

    frame, truth = repeat(people(size=20_000), 200, 1)
    start = time.process_time()
    said = pairs_of(find(frame))
    assert time.process_time() - start < 40
    assert len(said & truth) >= 0.9 * len(truth)
    assert len(said - truth) <= 0.05 * len(truth)


def test_nearly_equal_rows_with_different_labels_are_in_conflict():
    frame, truth = repeat(people(), 20, 1)
    labels = np.where(np.arange(len(frame)) % 2, "a", "b")
    for i, pair in enumerate(sorted(map(sorted, truth))):
        labels[pair] = ["a", "b"] if i < 8 else ["a", "a"]
    found = find(frame.assign(label=labels), "conflicts", label="label").findings
    split = {row for pair in sorted(map(sorted, truth))[:8] for row in pair}
    assert set(found["row"]) <= split
    assert len(found) >= 0.85 * len(split)
    assert set(found["column"]) == {"label"}
    assert found["reason"].str.startswith("Another row is nearly equal in its features and is labelled ").all()
    assert (found["confidence"] <= 0.5).all()
    named = find(frame.assign(label=labels), "conflicts", label="label", features=list(frame.columns))
    assert len(named.findings) == len(found)
    assert "nearly equal rows were compared in all columns" in named.checks["reason"].item()
