"""The user's own probabilities: what few rows can prove, and in which order unnamed columns stand."""

import re

import numpy as np
import pandas as pd
import pytest

from dcai.base.errors import AlignmentError
from dcai.findings.report import audit


def predict(labels, names, *, sure=0.8, wrong=()):
    """Make probabilities that favour the given labels by `sure`, except in the rows that are named."""
    names = list(names)
    values = np.full((len(labels), len(names)), (1 - sure) / (len(names) - 1))
    for row, label in enumerate(labels):
        place = names.index(label)
        values[row, (place + 1) % len(names) if row in wrong else place] = sure
    return pd.DataFrame(values, columns=names)


def reason_of(frame, given):
    found = audit(frame, "label", probabilities=given, detectors="labels", progress=False)
    return found, found.checks["reason"].item()


@pytest.fixture
def few():
    labels = ["cat", "dog"] * 12
    return pd.DataFrame({"x": range(24), "label": labels})


def test_few_rows_are_said_to_prove_nothing(few):
    found, reason = reason_of(few, predict(few["label"], ["cat", "dog"], wrong={3, 8}))
    assert "too few labelled rows (24) to prove the alignment" in reason
    assert "alignment proven" not in reason
    assert set(found.findings["row"]) == {3, 8}


def test_many_rows_prove_the_alignment(blobs):
    given = predict(blobs[0]["label"], ["cat", "dog"], wrong=blobs[1])
    assert "alignment proven" in reason_of(blobs[0], given)[1]


@pytest.mark.parametrize("sure", [0.95, 0.6])
def test_swapped_columns_are_refused_among_few_rows_too(few, sure):
    given = predict(few["label"], ["cat", "dog"], sure=sure).set_axis(["dog", "cat"], axis=1)
    with pytest.raises(AlignmentError, match="columns of the probabilities seem to be in another order"):
        reason_of(few, given)


@pytest.mark.parametrize("rows", [2, 3, 4])
def test_a_handful_of_rows_is_never_refused_for_another_order(few, rows):
    given = predict(few["label"][:rows], ["dog", "cat"]).set_axis(["cat", "dog"], axis=1)
    assert f"too few labelled rows ({rows})" in reason_of(few[:rows], given)[1]


# ---------------------------------------------------------------- a part of the rows


def draw_labels(rows, seed=0):
    return pd.DataFrame({"x": range(rows), "label": np.random.default_rng(seed).choice(["cat", "dog", "emu"], rows)})


def blur(labels, seed=0, *, sure=0.8, right=0.85):
    """Make probabilities of a model that is so sure, and right in that share of the rows."""
    random, names = np.random.default_rng(seed), ["cat", "dog", "emu"]
    places = labels.map(names.index).to_numpy()
    said = np.where(random.random(len(labels)) < right, places, (places + random.integers(1, 3, len(labels))) % 3)
    return predict([names[place] for place in said], names, sure=sure).to_numpy().copy()


def move(values, rows, how):
    moved = values.copy()
    part = np.random.default_rng(9).permutation(values[rows]) if how == "shuffled" else np.roll(values[rows], 1, axis=0)
    moved[rows] = part
    return moved


@pytest.mark.parametrize("how", ["shuffled", "shifted"])
@pytest.mark.parametrize(
    ("first", "last", "sure", "right"), [(450, 899, 0.8, 0.85), (450, 899, 0.6, 0.7), (0, 89, 0.8, 0.85)]
)
def test_a_stretch_of_rows_that_moved_is_refused(how, first, last, sure, right):
    frame = draw_labels(900)
    moved = move(blur(frame["label"], sure=sure, right=right), slice(first, last + 1), how)
    with pytest.raises(AlignmentError, match="no better than chance, in the others clearly better") as refused:
        reason_of(frame, moved)
    named = [int(n) for n in re.findall(r"\d+", re.search(r"\((.*?)\)", str(refused.value))[1])]
    assert abs(named[0] - first) <= 45
    assert abs(named[-1] - last) <= 45


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("right", [0.95, 0.6, 0.45])
def test_rows_in_their_places_are_never_refused(seed, right):
    frame = draw_labels(900, seed)
    assert "alignment proven, unnamed" in reason_of(frame, blur(frame["label"], seed, right=right))[1]


def test_a_class_that_the_model_never_predicts_is_no_wrong_order():
    frame = draw_labels(900).sort_values("label", kind="stable").reset_index(drop=True)
    values = blur(frame["label"])
    values[frame["label"] == "emu"] = [0.45, 0.45, 0.1]
    assert "alignment proven between classes only" in reason_of(frame, values)[1]


def test_noisier_rows_in_one_stretch_are_no_wrong_order():
    frame = draw_labels(900)
    values = np.vstack([blur(frame["label"][:600]), blur(frame["label"][600:], right=0.55)])
    assert "alignment proven" in reason_of(frame, values)[1]


def test_of_rows_sorted_by_class_no_more_is_said_than_is_proven():
    frame = draw_labels(900).sort_values("label", kind="stable").reset_index(drop=True)
    assert "alignment proven between classes only" in reason_of(frame, blur(frame["label"]))[1]


# ---------------------------------------------------------------- unnamed columns

NUMBERS = [str(n) for n in range(1, 13)]
ORDERS = {"by number": NUMBERS, "by text": sorted(NUMBERS)}


@pytest.mark.parametrize("order", ORDERS)
def test_unnamed_columns_of_numbers_as_text_are_read_in_the_order_that_fits(order):
    labels = NUMBERS * 10
    frame = pd.DataFrame({"x": range(120), "label": labels})
    given = predict(labels, ORDERS[order], wrong={5, 50}).to_numpy()
    found, reason = reason_of(frame, given)
    assert set(found.findings["row"]) == {5, 50}
    assert found.classes == tuple(NUMBERS)
    first = ", ".join(map(repr, ORDERS[order][:3]))
    assert f"unnamed columns read as {first}" in reason


def test_unnamed_columns_that_fit_no_order_clearly_are_refused():
    # Only "1", which stands first in both orders, is given often enough to be predicted.
    labels = ["1"] * 100 + NUMBERS[1:]
    given = np.tile([0.45] + [0.05] * 11, (111, 1))
    frame = pd.DataFrame({"x": range(111), "label": labels})
    with pytest.raises(
        AlignmentError, match=r"no class names.*'1', '2', '3'.*'1', '10', '11'.*both about as well.*model.classes_"
    ):
        reason_of(frame, given)
    assert reason_of(frame, (predict(labels, NUMBERS).to_numpy(), NUMBERS))[0].classes == tuple(NUMBERS)


def test_one_order_for_numbers_and_words():
    for labels in ([1, 2, 10] * 20, ["a", "b", "c"] * 20):
        frame = pd.DataFrame({"x": range(60), "label": labels})
        found, reason = reason_of(frame, predict(labels, labels[:3]).to_numpy())
        assert found.classes == tuple(labels[:3])
        assert f"unnamed columns read as {labels[0]!r}, {labels[1]!r}, {labels[2]!r}" in reason
