"""Laws of the correction log that hold for all data and all decisions."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dcai.base.fingerprints import canonical
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review

from .conftest import audit_of

LABELS = ["cat", "dog", "bird"]
CELLS = ["1", "2", "x", "", "N/A", "2020-01-01"]

frames = st.lists(
    st.tuples(st.sampled_from(CELLS), st.sampled_from(["a", "b"]), st.sampled_from(LABELS)), min_size=1, max_size=7
).map(lambda rows: pd.DataFrame(rows, columns=["p", "q", "y"]))
decisions = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from(["keep", "keep cell", "relabel", "edit", "exclude", "unsure", "unsure cell", "undo", "redo"]),
        st.sampled_from(["p", "q"]),
        st.sampled_from([*CELLS, "new", None]),
        st.sampled_from(LABELS),
    ),
    max_size=8,
)


def review_all(frame: pd.DataFrame, chosen: list[Any], path: Path, key: str | None = None) -> Review:
    """Carry out random decisions."""
    review = Review(audit_of(frame, key=key), path, by="ada")
    for place, verdict, column, cell, label in chosen:
        row = place % len(frame)
        if verdict == "undo":
            if review.progress.can_undo:
                review.undo()
        elif verdict == "redo":
            if review.progress.can_redo:
                review.redo()
        elif verdict == "relabel":
            # `edit`, because a random class need not be among those of a small random frame
            review.decide(row, "edit", label, column="y")
        elif verdict == "edit":
            review.decide(row, "edit", cell, column=column)
        else:
            review.decide(row, verdict.split()[0], column=column if verdict.endswith("cell") else None)
    return review


def wanted(frame: pd.DataFrame, chosen: list[Any]) -> pd.DataFrame:
    """Make the corrections by hand, from what was asked for: the last word about a cell counts."""
    cells: dict[tuple[int, str | None], Any] = {}
    history: list[tuple[dict, str]] = [(dict(cells), "start")]
    done: list[dict] = []
    for place, verdict, column, cell, label in chosen:
        row = place % len(frame)
        if verdict == "undo":
            if history[1:]:
                done.append(history.pop()[0])
                cells = dict(history[-1][0])
            continue
        if verdict == "redo":
            if done:
                cells = done.pop()
                history.append((dict(cells), "redo"))
            continue
        done.clear()
        if verdict == "exclude":
            cells[row, None] = "exclude"
        elif verdict in ("keep", "unsure"):
            cells[row, None] = verdict
        else:
            if cells.get((row, None)) == "exclude" and not verdict.startswith("unsure"):
                del cells[row, None]
            name = "y" if verdict == "relabel" else column
            new = {"relabel": label, "edit": cell}.get(verdict, frame[name].iloc[row])
            cells[row, name] = new
        history.append((dict(cells), verdict))
    result = frame.copy().astype(object)
    gone = []
    for (row, name), value in cells.items():
        if name is not None:
            result.iloc[row, list(frame.columns).index(name)] = value
        elif value == "exclude":
            gone.append(frame.index[row])
    return result.drop(index=gone)


def bag(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """The rows of a frame, whatever their order; an empty cell and "N/A" mean the same."""
    return sorted(tuple(canonical(v) or "" for v in row) for row in frame.itertuples(index=False))


@given(frames, decisions)
@example(  # twins: one is made empty, the other too and then kept as it was
    pd.DataFrame([("x", "b", "cat")] * 2, columns=["p", "q", "y"]),
    [(1, "edit", "q", None, ""), (0, "edit", "q", "", ""), (0, "keep cell", "q", None, "")],
)
@settings(max_examples=100, deadline=None, report_multiple_bugs=False)
def test_applying_makes_what_was_decided_and_twice_is_once(frame: pd.DataFrame, chosen: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        review = review_all(frame, chosen, Path(folder) / "y.jsonl")
        before = frame.copy(deep=True)
        once = review.log.apply(frame)
        pd.testing.assert_frame_equal(frame, before)
        assert bag(once) == bag(wanted(frame, chosen))
        twice = review.log.apply(once)
        pd.testing.assert_frame_equal(once, twice)


@given(frames, decisions, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_moved_rows_are_found_again(frame: pd.DataFrame, chosen: list[Any], random: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        review = review_all(frame, chosen, Path(folder) / "y.jsonl")
        order = list(range(len(frame)))
        random.shuffle(order)
        assert bag(review.log.apply(frame.iloc[order])) == bag(review.log.apply(frame))


@given(frames, decisions, decisions)
@settings(max_examples=100, deadline=None, report_multiple_bugs=False)
def test_a_review_of_the_applied_data_goes_on_in_the_same_log(
    frame: pd.DataFrame, first: list[Any], second: list[Any]
) -> None:
    check_that_the_review_goes_on(frame, first, second)


def check_that_the_review_goes_on(frame: pd.DataFrame, first: list[Any], second: list[Any]) -> None:
    """Review a frame, apply the log, review what comes out: the log makes what was asked for of both frames."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "y.jsonl"
        clean = review_all(frame, first, path).log.apply(frame)
        if not len(clean):
            return
        # An undo or redo is about the source, not about the clean data; a cell that is kept there is right as corrected.
        second = [d for d in second if d[1] not in ("undo", "redo", "unsure cell")]
        review = review_all(clean, second, path)
        again = review.log.apply(clean)
        assert bag(again) == bag(wanted(clean, second))
        assert bag(review.log.apply(frame)) == bag(again)


TWINS_AND_LOOKALIKES = {
    "its twin was left out, and another row holds what it is to become": (
        [("1", "a", "cat"), ("2", "a", "cat"), ("1", "a", "cat"), ("N/A", "a", "cat"), ("1", "b", "cat")],
        [(0, "exclude", "p", None, "")],
        [(1, "edit", "p", None, "")],
    ),
    "one of three twins was left out": (
        [("1", "a", "cat"), ("1", "a", "cat"), ("1", "a", "cat"), ("2", "a", "cat"), ("1", "b", "cat")],
        [(0, "exclude", "q", None, "")],
        [(1, "edit", "p", "2", "")],
    ),
    "its twin was relabelled": (
        [("x", "a", "cat"), ("1", "a", "cat"), ("", "a", "cat"), ("x", "a", "cat")],
        [(0, "relabel", "p", None, "bird")],
        [(3, "edit", "p", "", "")],
    ),
    "its label was confirmed before it was changed": (
        [("x", "a", "cat"), ("x", "a", "cat")],
        [(0, "relabel", "q", None, "cat"), (0, "relabel", "p", None, "bird")],
        [(1, "exclude", "p", None, "")],
    ),
    "an edit was taken back, and another row holds what it would have been": (
        [("1", "a", "dog"), ("x", "a", "cat"), ("N/A", "a", "cat"), ("N/A", "a", "bird"), ("1", "b", "cat")],
        [(0, "relabel", "q", None, "bird"), (0, "edit", "p", "N/A", ""), (0, "unsure cell", "p", None, "")],
        [],
    ),
    "an edit was replaced, and a row that is left out holds what it was": (
        [("2", "a", "cat"), ("", "a", "cat"), ("", "a", "cat"), ("1", "a", "cat"), ("1", "b", "cat")],
        [(0, "edit", "p", None, ""), (0, "edit", "p", "x", "")],
        [(2, "exclude", "p", None, "")],
    ),
}


@pytest.mark.parametrize("case", TWINS_AND_LOOKALIKES.values(), ids=TWINS_AND_LOOKALIKES)
def test_a_row_is_not_taken_for_another_that_looks_like_it(case: tuple[list[Any], list[Any], list[Any]]) -> None:
    rows, first, second = case
    check_that_the_review_goes_on(pd.DataFrame(rows, columns=["p", "q", "y"]), first, second)


@given(frames, decisions)
@settings(max_examples=30, deadline=None)
def test_reading_what_was_written_gives_the_same(frame: pd.DataFrame, chosen: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "y.jsonl"
        review = review_all(frame, chosen, path)
        if path.exists():
            assert CorrectionLog.read(path).corrections == review.log.corrections


@given(frames, decisions, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_lines_does_not_matter(frame: pd.DataFrame, chosen: list[Any], random: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "y.jsonl"
        review = review_all(frame, chosen, path)
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        random.shuffle(lines)
        shuffled = Path(folder) / "shuffled.jsonl"
        shuffled.write_bytes(b"".join(lines + lines[:2]))  # a union merge may repeat lines
        pd.testing.assert_frame_equal(CorrectionLog.read(shuffled).apply(frame), review.log.apply(frame))


def test_an_edit_confirmed_on_clean_data_beside_a_cell_that_was_kept_again_still_applies() -> None:
    frame = pd.DataFrame([("2", "a", "cat")], columns=["p", "q", "y"])
    first = [(0, "edit", "p", "1", "cat"), (0, "edit", "q", "1", "cat"), (0, "keep cell", "p", "1", "cat")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "y.jsonl"
        clean = review_all(frame, first, path).log.apply(frame)
        review = review_all(clean, [(0, "keep cell", "q", "1", "cat")] * 4, path)
        assert bag(review.log.apply(clean)) == bag(clean)
