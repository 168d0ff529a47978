"""Values against their columns, spellings that belong together, what the rest of a review is worth, pictures and sounds."""

from __future__ import annotations

import dataclasses
import io
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.errors import InputError, MissingError
from dcai.base.records import Spelling
from dcai.base.table import make_table
from dcai.corrections.exhibits.cards import add_context, show_cells
from dcai.corrections.exhibits.clusters import Clusters, read_merge
from dcai.corrections.exhibits.contexts import BINS, Contexts
from dcai.corrections.exhibits.media import SOUND_LIMIT, show_picture, show_sound
from dcai.corrections.outlook import NEXT, Forecast, make_forecast
from dcai.corrections.session import Review
from tests.corrections.conftest import audit_of

TOWNS = ["Rome"] * 6 + ["rome"] * 2 + ["ROME", "Oslo", "Oslo", "oslo", None]
FRAME = pd.DataFrame(
    {
        "n": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 900.0, np.nan],
        "day": pd.date_range("2024-01-01", periods=13),
        "town": pd.Series(TOWNS, dtype=object),
        "y": ["a", "b"] * 6 + ["a"],
    }
)


def contexts() -> Contexts:
    return Contexts(make_table(FRAME, "y"))


def test_a_number_stands_where_it_lies_in_its_column() -> None:
    spread = contexts().spread(0, "n")
    assert spread is not None
    assert (spread.at, spread.share, spread.low, spread.high) == (0.0, 0.0, "1", "900")
    assert sum(spread.counts) == 12
    assert len(spread.counts) == BINS
    last = contexts().spread(11, "n", 9)
    assert last is not None
    assert last.at == 1.0
    assert last.to == pytest.approx(8 / 899)
    assert last.share == pytest.approx(11 / 12)


def test_one_huge_value_among_many_does_not_flatten_the_rest() -> None:
    frame = pd.DataFrame({"n": [*np.linspace(0, 10, 999), 1e9], "y": ["a", "b"] * 500})
    spread = Contexts(make_table(frame, "y")).spread(999, "n")
    assert spread is not None
    assert spread.at is not None
    assert spread.at > 1  # drawn beyond the end
    assert min(spread.counts) > 10


def test_dates_spread_and_others_do_not() -> None:
    spread = contexts().spread(6, "day")
    assert spread is not None
    assert spread.at == pytest.approx(0.5)
    assert (spread.low, spread.high) == ("2024-01-01", "2024-01-13")
    assert contexts().spread(0, "town") is None
    empty = contexts().spread(12, "n")
    assert empty is not None
    assert (empty.at, empty.share) == (None, None)


@pytest.mark.parametrize(
    "cells",
    [
        [1.0] * 5,
        [np.nan] * 5,
        [1.0, np.inf, -np.inf, 2.0, 3.0],
        [1e308, -1e308, 0.0, 1.0, 2.0],
        [5e-324, 0.0, 0.0, 1e-323, 0.0],
    ],
)
def test_strange_columns_have_no_picture_or_a_sound_one(cells: list[float]) -> None:
    spread = Contexts(make_table(pd.DataFrame({"n": cells, "y": list("ababa")}), "y")).spread(0, "n")
    assert spread is None or (sum(spread.counts) >= 3 and len(spread.counts) == BINS)


def test_a_cell_is_seen_among_the_values_of_its_column() -> None:
    context = contexts().context("town", "rome", "Rome")
    assert context is not None
    assert context.common[:2] == [Spelling("Rome", 6), Spelling("Oslo", 2)]
    assert (context.rows, context.empty, context.distinct, context.given, context.suggested) == (13, 1, 5, 2, 6)
    assert contexts().context("n", 3.0, None) is None
    assert contexts().context(None, None, None) is None


def test_a_card_has_a_spread_beside_each_number(tmp_path: Path) -> None:
    review = Review(audit_of(FRAME, found=[(6, "town", "Rome")]), tmp_path / "y.jsonl", by="ada")
    card = add_context(review.card("f0"), contexts(), full=True)
    assert {c.column for c in card.cells if c.spread is not None} == {"n", "day"}
    assert card.context is not None
    assert add_context(review.card("f0"), contexts(), full=False).context is None


# ---------------------------------------------------------------- spellings


def spelled(pairs: list[tuple[int, str]]) -> tuple[Clusters, pd.DataFrame]:
    audit = audit_of(FRAME, found=[(row, "town", to) for row, to in pairs])
    queue = audit.findings.assign(detector="variants")
    return Clusters(queue, contexts()), queue


def test_spellings_that_findings_join_are_one_cluster() -> None:
    clusters, queue = spelled([(6, "Rome"), (8, "rome"), (11, "Oslo")])
    for place in (0, 1):
        cluster = clusters.of(queue.iloc[place])
        assert cluster.spellings == [Spelling("Rome", 6), Spelling("rome", 2), Spelling("ROME", 1)]
    assert clusters.of(queue.iloc[2]).spellings == [Spelling("Oslo", 2), Spelling("oslo", 1)]
    with pytest.raises(MissingError, match="not about spellings"):
        clusters.of(queue.assign(detector="labels").iloc[0])


def test_a_merge_edits_every_row_at_once_and_one_undo_takes_it_back(tmp_path: Path) -> None:
    review = Review(audit_of(FRAME, found=[(6, "town", "Rome"), (8, "town", "Rome")]), tmp_path / "y.jsonl", by="ada")
    lines = review.merge("town", ["rome", "ROME", "Rome"], "Rome", note="as on the map")
    assert [(c.verdict, c.given, c.value, c.note) for c in lines] == [
        ("edit", "rome", "Rome", "as on the map"), ("edit", "rome", "Rome", "as on the map"), ("edit", "ROME", "Rome", "as on the map"),
    ]  # fmt: skip
    assert review.log.apply(FRAME)["town"].value_counts().to_dict() == {"Rome": 9, "Oslo": 2, "oslo": 1}
    assert review.progress.decided == 2
    assert len(review.step_back()) == 3
    assert review.log.apply(FRAME)["town"].equals(FRAME["town"])
    assert len(review.step_forward()) == 3
    assert len(review.step_back()) == 3
    assert len(review.step_forward()) == 3
    assert review.log.apply(FRAME)["town"].value_counts()["Rome"] == 9


def test_the_spellings_of_a_cluster_are_one_group(tmp_path: Path) -> None:
    found = [(6, "town", "Rome"), (7, "town", "Rome"), (8, "town", "Rome"), (11, "town", "Oslo"), (0, "town", None)]
    audit = audit_of(FRAME, found=found)
    made = dataclasses.replace(audit, findings=audit.findings.assign(detector="variants"))
    review = Review(made, tmp_path / "y.jsonl", by="ada")
    rome, other = review.group("f0"), review.group("f2")
    assert rome is not None
    assert rome == other
    assert (rome.size, rome.title) == (3, "2 spellings → Rome")
    assert review.group("f3").title == "oslo → Oslo"  # type: ignore[union-attr]  # it has one
    assert review.group("f4") is None
    plain = Review(audit, tmp_path / "plain.jsonl", by="ada")  # of another detector, each change is a group
    assert plain.group("f0") != plain.group("f2")


def test_a_merge_says_what_was_looked_at(tmp_path: Path) -> None:
    review = Review(audit_of(FRAME, found=[(6, "town", "Rome"), (8, "town", "Rome")]), tmp_path / "y.jsonl", by="ada")
    review.decide(6, "keep", column="town")
    said = review.tell_merge("town", ["rome", "ROME", "Rome"], "Rome")
    assert said.startswith(
        "3 rows hold another spelling; 1 of them stay as you have decided about them. A merge is your own"
    )
    lines = review.merge("town", ["rome", "ROME", "Rome"], "Rome")
    assert {(c.why["looked_at"], c.why["left_out"]) for c in lines} == {("values", 1)}
    assert review.tell("merge", lines) == "2 rows merged; 1 row left out, as you have decided about them."


def test_class_names_are_relabelled_and_a_new_name_is_an_edit(tmp_path: Path) -> None:
    review = Review(audit_of(FRAME, found=[(0, "y", "b")]), tmp_path / "y.jsonl", by="ada")
    assert {c.verdict for c in review.merge("y", ["a"], "b")} == {"relabel"}
    review.step_back()
    assert {c.verdict for c in review.merge("y", ["a"], "alpha")} == {"edit"}


def test_a_merge_of_nothing_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    review = Review(audit_of(FRAME, found=[(0, "y", "b")]), tmp_path / "y.jsonl", by="ada")
    with pytest.raises(InputError, match="No row of 'town' holds one of these spellings: nothing was merged"):
        review.merge("town", ["Paris"], "Rome")
    with pytest.raises(InputError, match="There is no column 'twon'"):
        review.merge("twon", ["rome"], "Rome")
    assert not (tmp_path / "y.jsonl").exists()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "needs the spelling that stays and at least one"),
        (["Rome"], "needs the spelling that stays and at least one"),
        (["Rome", "Rome"], "'Rome' cannot both stay and be merged"),
        ([" ", "Rome"], "The spelling that stays is empty"),
    ],
)
def test_a_merge_that_makes_no_sense_is_said(value: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_merge(value)


# ---------------------------------------------------------------- the outlook


def lines_of(path: Path, verdicts: list[str]) -> tuple[Review, Forecast, Callable[[float], None]]:
    frame = pd.DataFrame({"x": range(100), "y": ["a", "b"] * 50})
    found = [(row, "y", "b" if row % 2 == 0 else "a") for row in range(100)]
    review = Review(audit_of(frame, found=found), path / "y.jsonl", by="ada")
    now = [0.0]
    forecast = Forecast(review.queue(), "y", (40.0, 20.0, 60.0), clock=lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    for place, verdict in enumerate(verdicts):
        advance(3.0)
        forecast.note([place], [review.decide(f"f{place}", verdict)])
        forecast.tick()
    return review, forecast, advance


def test_the_outlook_learns_from_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    before = lines_of(tmp_path / "new", [])[1].look()
    assert (before.next, before.worth, before.pace, before.errors) == (NEXT, pytest.approx(45), None, 40.0)
    right = lines_of(tmp_path, ["keep"] * 30)[1].look()
    assert right.worth is not None
    assert right.worth < 15  # nothing of thirty was wrong: the next are worth less
    assert right.errors == 40.0


def test_wrong_labels_that_were_found_are_no_longer_left(tmp_path: Path) -> None:
    review, forecast, _ = lines_of(tmp_path, ["relabel"] * 10)
    assert forecast.look().errors == 30.0
    assert (forecast.look().low, forecast.look().high) == (10.0, 50.0)
    forecast.note([9], [None])
    assert forecast.look().errors == 31.0
    assert forecast.restart().look().errors == 40.0
    assert review.progress.decided == 10


def test_planted_controls_say_nothing_of_the_data(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": range(60), "y": ["a", "b"] * 30})
    made = audit_of(frame, found=[(row, "y", "b" if row % 2 == 0 else "a") for row in range(20)])
    review = Review(made, tmp_path / "y.jsonl", by="ada", controls={50: "a", 51: "b", 52: "a"})
    forecast = Forecast(review.queue(), "y", (10.0, 5.0, 15.0), trials=review.planted)
    before = forecast.look()
    assert before.next == 20  # of 23 in the queue
    names = list(review.queue()["finding"])
    for place in review.planted:
        forecast.note([place], [review.decide(names[place], "relabel")])
    assert forecast.look() == before
    assert make_forecast(review, review.queue()).look().next == 20


def test_the_pace_leaves_long_pauses_out(tmp_path: Path) -> None:
    _, forecast, advance = lines_of(tmp_path, ["keep"] * 10)
    assert forecast.look().pace == 20.0
    advance(3600)
    forecast.tick()
    assert forecast.look().pace == 20.0


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from([None, "keep", "relabel", "exclude", "unsure"])),
        min_size=1,
        max_size=120,
    )
)
def test_the_worth_is_a_number_of_findings(states: list[tuple[float, str | None]]) -> None:
    queue = pd.DataFrame(
        {"doubt": [d for d, _ in states], "detector": "labels", "row": range(len(states)), "column": "y"}
    )
    forecast = Forecast(queue, "y", None)

    class Line:
        def __init__(self, verdict: str) -> None:
            self.verdict = verdict

    forecast.note(range(len(states)), [None if v is None else Line(v) for _, v in states])  # type: ignore[misc]  # only the verdict counts
    look = forecast.look()
    assert look.errors is None
    assert look.next == min(NEXT, sum(v is None for _, v in states))
    assert look.worth is None or 0 <= look.worth <= look.next


# ---------------------------------------------------------------- pictures and sounds


def wav(frames: int = 800) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * frames))
    return out.getvalue()


def test_sounds_are_shown_from_bytes_files_and_datasets(tmp_path: Path) -> None:
    (tmp_path / "a.WAV").write_bytes(wav())
    for value in (
        wav(),
        str(tmp_path / "a.WAV"),
        {"bytes": wav(), "path": None},
        {"bytes": None, "path": str(tmp_path / "a.WAV")},
    ):
        assert str(show_sound(value)).startswith("data:audio/wav;base64,")
    for value in (
        b"",
        b"RIFF",
        wav(SOUND_LIMIT),
        "missing.wav",
        "a.wav\x00",
        "x" * 9000 + ".wav",
        None,
        3,
        {"path": 4},
        "a text",
    ):
        assert show_sound(value) is None


def test_a_text_that_only_looks_like_a_picture_is_none() -> None:
    assert show_picture(b"\x89PNG broken") is not None  # the browser says that it is broken
    assert show_picture("no such file.png") is None
    assert show_picture(None) is None


def test_cells_say_what_they_are() -> None:
    frame = pd.DataFrame({"voice": [wav(), wav(900)], "n": [1, 2], "y": ["a", "b"]})
    cells = {c.column: c for c in show_cells(make_table(frame, "y"), 0, 100)}
    assert cells["voice"].kind == "audio"
    assert cells["n"].kind == "number"
