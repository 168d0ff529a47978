import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.experiments.samples.splits import assign_folds, draw_rows, mark_rows, sort_rows

ROWS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), min_size=1, max_size=60)


@given(rows=ROWS, seed=st.integers(0, 5), shuffle=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_the_fold_of_a_row_depends_on_its_content_alone(rows, seed, shuffle):
    frame = pd.DataFrame(rows, columns=["x", "y"])
    order = list(range(len(frame)))
    shuffle.shuffle(order)
    folds = [
        dict(zip(f["x"], assign_folds(mark_rows(f, ["x"]), f["y"].tolist(), 4, seed).tolist(), strict=True))
        for f in (frame, frame.iloc[order])
    ]
    assert folds[0] == folds[1]


@given(rows=ROWS)
@settings(deadline=None, max_examples=60)
def test_equal_rows_share_a_fold(rows):
    frame = pd.DataFrame(rows, columns=["x", "y"])
    fold = assign_folds(mark_rows(frame, ["x"]), frame["y"].tolist(), 3)
    assert len({(x, f) for x, f in zip(frame["x"], fold, strict=True)}) == frame["x"].nunique()


def test_folds_are_as_even_as_possible_in_each_class():
    frame = pd.DataFrame({"x": range(110), "y": ["a"] * 99 + ["b"] * 11})
    fold = assign_folds(mark_rows(frame, ["x"]), frame["y"].tolist(), 4)
    counts = pd.crosstab(frame["y"], fold)
    assert counts.loc["a"].tolist() == [24, 25, 25, 25]
    assert counts.loc["b"].tolist() == [2, 3, 3, 3]


def test_a_class_of_one_row_is_never_held_out():
    fold = [assign_folds(np.array([n], dtype=np.uint64), ["a"], 4, seed)[0] for n in range(5) for seed in range(5)]
    assert 0 not in fold


def test_another_random_state_gives_another_split():
    marks = mark_rows(pd.DataFrame({"x": range(100)}), ["x"])
    one, other = (assign_folds(marks, ["a"] * 100, 4, seed) for seed in (0, 1))
    assert (one == 0).sum() == (other == 0).sum() == 25
    assert (one != other).any()


def test_marks_do_not_depend_on_the_types_of_cells():
    typed = pd.DataFrame({"x": [1, 2], "y": [0.5, np.nan]})
    text = pd.DataFrame({"x": ["1", "2.0"], "y": ["0.5", ""]})
    assert mark_rows(typed, ["x", "y"]).tolist() == mark_rows(text, ["x", "y"]).tolist()


def test_sorting_undoes_any_shuffle():
    frame = pd.DataFrame({"x": range(50), "y": list("ab") * 25})
    shuffled = frame.sample(frac=1, random_state=3)
    first, second = (f.iloc[sort_rows(f)].reset_index(drop=True) for f in (frame, shuffled))
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("strata", [["a"] * 5 + ["b"] * 2, ["", "a", "", "b", "b"]])
def test_a_draw_keeps_the_size_of_every_class(strata):
    strata = np.array(strata, dtype=object)
    drawn = draw_rows(strata, np.random.default_rng(0))
    assert sorted(strata[drawn]) == sorted(strata)
