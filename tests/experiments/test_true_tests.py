"""What a test is worth: wrong test labels stand in the headline, near-copies of test rows are named."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from dcai.experiments.comparison import compare
from dcai.experiments.samples.materials import prepare_materials

NEIGHBOUR = {"neighbour": KNeighborsClassifier(1)}


def headline(comparison):
    return comparison.to_text().splitlines()[0]


def near_copies(train, test, label):
    made = prepare_materials(train, test, label, None, None, key=None, random_state=0)
    return [note for note in made.notes if "near-copies" in note.lower()]


@pytest.fixture(scope="module")
def spoiled():
    """Return rows with 30 % wrong labels, and the true labels of the wrong ones."""
    draw = np.random.default_rng(0)
    kind = draw.integers(0, 3, 600)
    frame = pd.DataFrame(draw.normal(size=(600, 4)), columns=list("abcd")).assign(id=range(600))
    frame[["a", "b"]] += 4 * np.eye(3)[kind][:, :2]
    wrong = np.flatnonzero(draw.random(600) < 0.3)
    given = kind.copy()
    given[wrong] = (given[wrong] + 1) % 3
    return frame.assign(kind=given), {int(row): int(kind[row]) for row in wrong}


def test_wrong_test_labels_stand_in_the_headline(spoiled, write_log):
    frame, fixes = spoiled
    log = write_log(frame, "kind", fixes, key="id")
    alone = compare(frame, None, "kind", log, models=NEIGHBOUR, repeats=2)
    held = set(alone.bench.materials.held_out["id"])
    wrong = len(held & set(fixes))
    assert wrong > 20
    assert (
        f"on {alone.test_rows} test rows, of which {wrong} labels are wrong by the same log and are left as given"
        in headline(alone)
    )
    assert "pass test_log= to score on corrected ones too" in headline(alone)
    assert alone.origin["test_labels_contradicted"] == wrong
    both = compare(frame, None, "kind", log, test_log=log, models=NEIGHBOUR, repeats=2)
    given, corrected = headline(both).split("; on corrected ones: ")
    assert given.endswith("on test labels as given")
    assert corrected.startswith(
        f"correcting the data helped: accuracy {both.table['gain_corrected_test']['data-centric']:+.3f}"
    )
    assert "wrong by the same log" not in headline(both)


def test_rows_that_the_log_leaves_out_or_labels_first_have_no_wrong_label(spoiled, write_log):
    frame, fixes = spoiled
    right = [row for row in range(600) if row not in fixes]
    frame = frame.astype({"kind": object})
    frame.loc[right[40:80], "kind"] = None
    log = write_log(frame, "kind", fixes | dict.fromkeys(right[:40]) | dict.fromkeys(right[40:80], 1), key="id")
    made = prepare_materials(frame, None, "kind", log, None, key=None, random_state=0)
    assert made.contradicted == len(set(made.held_out["id"]) & set(fixes)) > 20


def test_a_test_that_the_log_does_not_know_is_not_called_wrong(spoiled, write_log):
    frame, fixes = spoiled
    train, test = frame.iloc[:400], frame.iloc[400:]
    log = write_log(train, "kind", {row: value for row, value in fixes.items() if row < 400}, key="id")
    assert headline(compare(train, test, "kind", log, models=NEIGHBOUR, repeats=2)).endswith("(200 test rows)")


# ---------------------------------------------------------------- near-copies


def test_near_copies_of_test_rows_are_named_and_counted():
    draw = np.random.default_rng(0)
    words = [
        f"{a}{b}" for a in ("red", "old", "long", "sour", "loud", "kind") for b in ("house", "apple", "river", "engine")
    ]
    texts = [" ".join(draw.choice(words, 12)) for _ in range(800)]
    frame = pd.DataFrame(
        {"text": texts, "size": draw.normal(100, 20, 800).round(6), "kind": draw.choice(["a", "b"], 800)}
    )
    train, test = frame.iloc[:200], frame.iloc[200:]
    assert near_copies(train, test, "kind") == []
    copies = test.head(30).assign(text=lambda f: f["text"].str.upper() + " ", size=lambda f: f["size"] + 1e-5)
    (said,) = near_copies(pd.concat([train, copies], ignore_index=True), test, "kind")
    assert said.startswith(
        "WARNING, near-copies across the split: 30 training rows are nearly equal to one of 600 test rows"
    )
    assert "by groups=" in said
    (said,) = near_copies(pd.concat([train, copies.head(5)], ignore_index=True), test, "kind")
    assert said.startswith("Near-copies across the split: 5 training rows are nearly equal to one of 600 test rows")


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_digits], ids=lambda f: f.__name__)
def test_rows_that_are_only_alike_are_no_near_copies(load):
    frame = load(as_frame=True).frame
    order = np.random.default_rng(0).permutation(len(frame))
    train, test = frame.iloc[order[::2]], frame.iloc[order[1::2]]
    assert near_copies(train, test, "target") == []


def test_equal_rows_of_few_values_are_no_near_copies():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({c: draw.choice(["Low", "low", "high"], 300) for c in "abcde"}).assign(
        kind=draw.choice(["a", "b"], 300)
    )
    assert near_copies(frame.iloc[:200], frame.iloc[200:], "kind") == []


def test_near_copies_are_a_warning_of_the_comparison(spoiled):
    frame, _ = spoiled
    train, test = frame.iloc[:400], frame.iloc[400:]
    copies = test.head(20).assign(id=lambda f: f["id"] + 1000, a=lambda f: f["a"] * (1 + 1e-7))
    made = compare(pd.concat([train, copies]), test, "kind", key="id", models=GaussianNB(), repeats=2)
    assert any(note.startswith("WARNING, near-copies across the split: 20 ") for note in made.notes)
    assert 'class="warn">WARNING, near-copies' in made.to_html()
