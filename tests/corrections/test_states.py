"""What stands about a finding: only decisions that fit the data count, disputes are open, and nothing counts twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dcai.corrections.log import CorrectionLog
from dcai.corrections.reviews.ledger import Ledger
from dcai.corrections.reviews.trail import Trail
from dcai.corrections.session import Review
from tests.corrections.conftest import audit_of

SIZE = 60


def pets_of(label: str) -> pd.DataFrame:
    """Rows of one label, and one row more of the class that is suggested for them."""
    return pd.DataFrame({"x": range(SIZE + 1), "y": [*[label] * SIZE, "b"], "z": ["?"] * (SIZE + 1)})


def review_of(frame: pd.DataFrame, path: Path, suggested: str = "b", key: str | None = "x", **fields: object) -> Review:
    found = [(row, "y", suggested) for row in range(SIZE)]
    return Review(audit_of(frame, key=key, found=found), path, **fields)  # type: ignore[arg-type, ty:invalid-argument-type]  # as Review takes them


# ---------------------------------------------------------------- data that moved on


def test_a_decision_that_the_data_has_left_behind_hides_no_new_finding(log_path: Path) -> None:
    review_of(pets_of("a"), log_path, by="ada").decide("f0", "relabel", "b")
    frame = pets_of("c")
    again = review_of(frame, log_path, by="ada")
    assert again.decided("f0") is None
    assert (again.progress.decided, again.progress.left) == (0, SIZE)
    assert "no longer counts. The cell holds 'c'" in again.card("f0").remark
    assert again.log.check(frame)["status"].tolist() == ["stale"]
    again.decide("f0", "keep")
    assert (again.decided("f0"), again.card("f0").remark) == ("keep", "")
    assert review_of(frame, log_path, by="ada").decided("f0") == "keep"


def test_a_row_that_changed_is_open_again_and_one_that_was_moved_is_not(log_path: Path) -> None:
    frame = pets_of("a")
    first = review_of(frame, log_path, by="ada")
    first.decide(0, "keep")
    first.decide(1, "exclude")
    first.decide(2, "keep")
    changed = frame.assign(z=["changed", "?", *frame["z"][2:]]).iloc[[*range(SIZE)][::-1]]
    again = review_of(changed, log_path, by="ada")
    found = {SIZE - 1: None, SIZE - 2: "exclude", SIZE - 3: "keep", 0: None}
    assert {row: again.decided(f"f{row}") for row in found} == found


def test_stale_decisions_certify_no_group(log_path: Path) -> None:
    first = review_of(pets_of("a"), log_path, by="ada")
    group = first.group("f0")
    assert group is not None
    for finding in first.draw(group, 40):
        first.decide(finding, "relabel", "b")
    assert first.certificate(group).reviewed == 40
    again = review_of(pets_of("c"), log_path, by="ada")
    changed = again.group("f0")
    assert changed is not None
    assert (changed.decided, changed.certified) == (0, False)
    assert again.certificate(changed).reviewed == 0


def test_what_is_done_in_the_data_counts(log_path: Path) -> None:
    first = review_of(pets_of("a"), log_path, by="ada")
    first.decide("f0", "relabel", "b")
    clean = first.log.apply(first.table.frame)
    assert review_of(clean, log_path, by="ada").decided("f0") == "relabel"


def test_a_merge_leaves_out_only_what_still_stands(log_path: Path) -> None:
    frame = pets_of("a").assign(z=["Rome", "rome", "rome", *["Oslo"] * (SIZE - 2)])
    first = review_of(frame, log_path, by="ada")
    first.decide(1, "keep", column="z")
    changed = frame.assign(z=["Rome", "roma", "roma", *["Oslo"] * (SIZE - 2)])
    again = review_of(changed, log_path, by="ada")
    assert again.tell_merge("z", ["roma"], "Rome").startswith(
        "2 rows hold another spelling. A merge is your own decision"
    )
    assert len(again.merge("z", ["roma"], "Rome")) == 2


# ---------------------------------------------------------------- several findings of a row


def test_unsure_of_a_whole_row_says_nothing_of_its_cells(log_path: Path) -> None:
    frame = pets_of("a")
    review = Review(audit_of(frame, key="x", found=[(0, None, None), (0, "y", "b")]), log_path, by="ada")
    review.decide("f0", "unsure")
    assert (review.decided("f0"), review.decided("f1")) == ("unsure", None)
    group = review.group("f1")
    assert group is not None
    assert review.certificate(group).reviewed == 0
    review.decide("f0", "keep")  # the whole row is right as it stands
    assert review.decided("f1") == "keep"


# ---------------------------------------------------------------- disputes


def test_a_dispute_is_open_says_who_said_what_and_is_settled(log_path: Path) -> None:
    frame = pets_of("a")
    ada, bob = (review_of(frame, log_path, by=name) for name in ("ada", "bob"))
    ada.decide("f0", "keep", note="it is one")
    bob.decide("f0", "relabel", "b")
    ada.catch_up()
    for review in (ada, bob, review_of(frame, log_path, by="eve")):
        assert review.decided("f0") == "disputed"
        assert review.is_open("f0")
        assert (review.progress.decided, review.progress.left, review.progress.disputed) == (0, SIZE, 1)
        card = review.card("f0")
        assert card.decided == "disputed"
        assert [(s.by, s.verdict, s.value, s.note) for s in card.said] == [
            ("ada", "keep", None, "it is one"), ("bob", "relabel", "b", ""),
        ]  # fmt: skip
    assert "f0" in ada.news()
    settled = ada.decide("f0", "relabel", "b", resolves=[s.id for s in ada.card("f0").said])
    bob.catch_up()
    for review in (ada, bob):
        assert (review.decided("f0"), review.progress.disputed, review.card("f0").said) == ("relabel", 0, [])
    assert ada.log.check(frame)["status"].tolist() == ["fits"]
    ada.undo(settled.id)
    assert ada.decided("f0") == "disputed"


def test_who_drops_a_row_disputes_every_decision_about_its_cells(log_path: Path) -> None:
    frame = pets_of("a")
    found = [(0, "y", "b"), (0, "z", "!")]
    ada, bob = (Review(audit_of(frame, key="x", found=found), log_path, by=name) for name in ("ada", "bob"))
    ada.decide("f0", "relabel", "b")
    bob.decide("f0", "exclude")
    ada.catch_up()
    assert [ada.decided(f) for f in ("f0", "f1")] == ["disputed", "disputed"]
    assert [len(ada.card(f).said) for f in ("f0", "f1")] == [2, 2]


def test_a_disputed_member_is_neither_counted_nor_accepted(log_path: Path) -> None:
    frame = pets_of("a")
    ada, bob = (review_of(frame, log_path, by=name) for name in ("ada", "bob"))
    group = ada.group("f0")
    assert group is not None
    drawn = ada.draw(group, 40)
    for finding in drawn:
        ada.decide(finding, "relabel", "b")
    valid = ada.certificate(group)
    assert valid.valid
    bob.decide(drawn[5], "keep")
    late = ada.draw(group, 1)[0]
    bob.decide(late, "relabel", "b")
    ada.decide(late, "keep")
    ada.catch_up()
    assert ada.certificate(group).reviewed == 5
    assert ada.draw(group, 1) == [drawn[5]]
    ada.decide(drawn[5], "relabel", "b", resolves=[s.id for s in ada.card(drawn[5]).said])
    lines = ada.accept(group)
    assert late not in {name for line in lines for name in ada.findings_of(line)}
    assert ada.decided(late) == "disputed"


def test_a_blind_reviewer_is_told_of_no_dispute_and_of_no_label(log_path: Path) -> None:
    frame = pets_of("a").assign(y=[*["a", "b"] * (SIZE // 2), "a"])
    audit = audit_of(frame, key="x", found=[(row, "y", "b" if row % 2 else "a") for row in range(SIZE)])
    audit.findings["peers"] = pd.Series([[1]] * SIZE, dtype=object)
    ada, bob = (Review(audit, log_path, by=name) for name in ("ada", "bob"))
    for row in (0, 2, 4):
        ada.decide(row, "ambiguous", ["a", "b"])
        bob.decide(row, "keep", column="y")
    assert any("not clearly defined" in remark for remark in ada.terms.remarks)
    blind = Review(audit, log_path, by="eve", blind=True)
    assert blind.terms.remarks == []
    assert (blind.decided("f0"), blind.progress.disputed, blind.card("f0").said) == (None, 0, [])
    assert [peer.label for peer in blind.card("f0").peers] == [None]
    assert [peer.label for peer in ada.card("f0").peers] == ["b"]
    assert (
        blind.people == ["eve: 0 cells decided; no controls were decided, so the error is not known."]
        or not blind.people
    )
    blind.decide("f0", "keep")
    assert [peer.label for peer in blind.card("f0").peers] == ["b"]


def test_it_is_said_what_a_decision_about_a_whole_row_settles_with_it(log_path: Path) -> None:
    found = [(0, None, None), (0, "y", "b"), (0, "z", "!"), (1, None, None), (2, None, None), (2, "y", "b")]
    review = Review(audit_of(pets_of("a"), key="x", found=found), log_path, by="ada")
    review.decide("f2", "edit", "!")
    told = [
        review.tell(verdict, [review.decide(name, verdict)])
        for name, verdict in {"f0": "keep", "f3": "keep", "f4": "exclude", "f5": "keep"}.items()
    ]
    assert told == [
        "Row 0: kept as it stands, which settles its 1 other finding too. Saved. Ctrl+Z takes it back.",
        "",
        "Row 2: excluded, which settles its 1 other finding too. Saved. Ctrl+Z takes it back.",
        "",  # about the label only; the row is in again
    ]
    assert [review.decided(f"f{i}") for i in range(6)] == ["keep", "keep", "edit", "keep", None, "keep"]


# ---------------------------------------------------------------- kept line by line


@pytest.mark.parametrize("key", ["x", None])
@pytest.mark.parametrize("seed", range(5))
def test_what_is_kept_line_by_line_is_what_the_whole_log_says(log_path: Path, seed: int, key: str | None) -> None:
    draw = np.random.default_rng(seed)
    frame = pets_of("a")
    reviews = [review_of(frame, log_path, by=name, key=key) for name in ("ada", "bob")]
    for _ in range(40):
        review = reviews[draw.integers(2)]
        review.catch_up()
        step = draw.integers(5)
        if step == 0 and review.progress.can_undo:
            review.undo()
        elif step == 1 and review.progress.can_redo:
            review.redo()
        elif step == 2:
            review._decide_all([(f"f{row}", "relabel", "b", None) for row in range(3)])
        elif step == 3 and seed % 2:
            review.decide(int(draw.integers(6)), "edit", "!", column="z")
        else:
            review.decide(f"f{draw.integers(6)}", str(draw.choice(["keep", "unsure", "exclude"])))
    for review in reviews:
        review.catch_up()
        fresh = review_of(frame, log_path, by=review.by, key=key)
        assert review.progress == fresh.progress
        assert [review.decided(f"f{row}") for row in range(6)] == [fresh.decided(f"f{row}") for row in range(6)]
        assert [review._ledger.identify(row) for row in range(9)] == [fresh._ledger.identify(row) for row in range(9)]
        trail, known = Trail(review.log.corrections), CorrectionLog.read(log_path)
        assert review.log.corrections == known.corrections
        for by in ("ada", "bob"):
            assert review._ledger.trail.last_decision(by) == trail.last_decision(by)
            assert review._ledger.trail.last_undo(by) == trail.last_undo(by)


@pytest.mark.parametrize(("column", "value", "again"), [("y", "c", False), ("z", "!", True)])
def test_rows_without_a_key_are_matched_anew_only_where_names_may_change(
    log_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, value: str, again: bool
) -> None:
    ada, bob = (review_of(pets_of("a"), log_path, by=name, key=None) for name in ("ada", "bob"))
    ada.decide("f0", "keep")
    bob.catch_up()
    calls: list[int] = []
    index = Ledger._index
    monkeypatch.setattr(Ledger, "_index", lambda ledger: [calls.append(1), index(ledger)])
    ada.decide(5, "edit", value, column=column)
    bob.catch_up()
    assert (bool(calls), bob.progress.corrections) == (again, 2)


def test_a_row_that_others_saw_with_another_label_is_named_as_it_stands_here(log_path: Path) -> None:
    frame = pets_of("a")
    moved = frame.assign(y=["c" if row == 5 else label for row, label in enumerate(frame["y"])])
    ada = review_of(frame, log_path, by="ada", key=None)
    bob = review_of(moved, log_path, by="bob", key=None)
    ada.decide("f0", "keep")
    bob.catch_up()
    ada.decide(5, "unsure")
    bob.catch_up()
    assert bob._ledger.identify(5) == review_of(moved, log_path, by="bob", key=None)._ledger.identify(5)
    line = bob.decide(5, "exclude")
    checks = bob.log.check(moved).set_index("id")
    assert checks.loc[line.id, "status"] == "fits"
    assert len(bob.log.apply(moved)) == len(moved) - 1
