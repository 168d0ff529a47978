"""The session without a screen: decisions, their checks, undo and redo, groups."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from dcai.base.errors import InputError, MissingError, StaleError
from dcai.corrections.certificate import certify
from dcai.corrections.reviews.defaults import default_path, find_reviewer
from dcai.corrections.session import Review

from .conftest import audit_of


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("f9", "keep"), "There is no finding 'f9' in the review queue"),
        ((99, "keep"), "There is no row 99: the data has 6 rows"),
        ((-1, "keep"), "There is no row -1"),
        ((1.5, "keep"), "a finding's id or a row position. Got 1.5"),
        ((0, "drop"), "'verdict' parameter of decide must be one of 'keep', 'relabel'.*Got 'drop'"),
        ((0, "undo"), "'verdict' parameter of decide must be one of"),
        ((0, "keep", "x"), "'keep' takes no value"),
        ((0, "relabel"), "'relabel' needs a value"),
        ((0, "relabel", "dgo"), "no class 'dgo'. Did you mean 'dog'.*Use the verdict 'edit'"),
        ((0, "relabel", ["a", "b"]), "'value' parameter of decide must be one value"),
        ((0, "edit", "x"), "'edit' needs a column"),
        ((0, "edit", "x", "nose"), "no column 'nose'"),
        ((0, "edit", "four", "legs"), "'legs' holds numbers. Got 'four'"),
        ((0, "ambiguous", "cat"), "a list of at least two values"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(review: Review, arguments, message: str) -> None:
    with pytest.raises(InputError, match=message):
        review.decide(*arguments)
    assert not review.log.path.exists()


def test_a_finding_about_a_column_cannot_be_decided(pets: pd.DataFrame, log_path: Path) -> None:
    review = Review(audit_of(pets, found=[(-1, "y", None)]), log_path, by="ada")
    assert len(review.queue()) == 0
    with pytest.raises(MissingError, match="about a column or the table, not about a row"):
        review.decide("f0", "keep")


def test_the_key_cannot_be_edited(pets: pd.DataFrame, log_path: Path) -> None:
    review = Review(audit_of(pets.assign(id=range(6)), key="id"), log_path, by="ada")
    with pytest.raises(InputError, match="'id' is part of the key"):
        review.decide(0, "edit", 9, column="id")


def test_a_reviewer_needs_a_name(pets: pd.DataFrame, log_path: Path) -> None:
    with pytest.raises(InputError, match="'by' parameter of Review must be the reviewer's name"):
        Review(audit_of(pets), log_path, by=" ")


def test_undo_and_redo_in_order_and_after_a_restart(review: Review, pets: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="nothing to undo"):
        review.undo()
    with pytest.raises(InputError, match="nothing to redo"):
        review.redo()
    one = review.decide("f0", "relabel")
    review.decide("f1", "keep")
    review.undo()
    review.undo()
    assert [review.decided(f) for f in ("f0", "f1")] == [None, None]
    review.redo()
    assert [review.decided(f) for f in ("f0", "f1")] == ["relabel", None]
    again = Review(review.audit, review.log.path, by="ada")
    again.redo()
    assert [again.decided(f) for f in ("f0", "f1")] == ["relabel", "keep"]
    again.undo(one.id)
    assert again.decided("f0") is None
    with pytest.raises(InputError, match="is undone already"):
        again.undo(one.id)
    with pytest.raises(InputError, match="is not in this log"):
        again.undo("nothing")
    assert len(again.log.apply(pets)) == len(pets)


def test_progress_counts_findings(review: Review) -> None:
    assert review.progress.total == 3
    correction = review.decide("f0", "relabel")
    review.decide("f2", "exclude")
    assert (review.progress.decided, review.progress.left, review.progress.corrections) == (2, 1, 2)
    assert review.progress.can_undo
    assert review.findings_of(correction) == ["f0"]


def test_cards_show_the_row_and_its_classes(pets: pd.DataFrame, log_path: Path) -> None:
    audit = audit_of(pets, found=[(3, "y", "bird")])
    chances = pd.DataFrame([[0.1, 0.7, 0.1, 0.1]] * 6, columns=["bird", "cat", "dog", "spider"], index=pets.index)
    card = Review(type(audit)(audit.table, audit.findings, chances), log_path, by="ada").card("f0")
    assert card.classes[0].name == "cat"
    assert {c.column: c.text for c in card.cells} == {"legs": "2", "sound": "tweet"}
    assert card.finding.suggested == "bird"
    blind = Review(type(audit)(audit.table, audit.findings, chances), log_path, by="ada", blind=True)
    assert blind.card("f0").finding.suggested is None
    assert {c.probability for c in blind.card("f0").classes} == {None}
    blind.decide("f0", "keep")
    assert blind.card("f0").finding.suggested == "bird"


def many() -> tuple[pd.DataFrame, list]:
    frame = pd.DataFrame({"x": range(301), "y": ["cat"] * 300 + ["dog"]})
    return frame, [(i, "y", "dog") for i in range(300)]


def test_a_group_is_locked_until_random_members_were_reviewed(log_path: Path) -> None:
    frame, found = many()
    review = Review(audit_of(frame, found=found), log_path, by="ada")
    group = review.group("f0")
    assert group is not None
    assert not group.certified
    assert group.size == 300
    with pytest.raises(StaleError, match="This group cannot be accepted. Locked until some of its 300 members"):
        review.accept(group)
    drawn = review.draw(group, 300)
    for finding in drawn[45:50]:  # not the ones that were drawn first: they do not count
        review.decide(finding, "relabel")
    assert review.certificate(group).reviewed == 0
    for finding in drawn[:42]:
        review.decide(finding, "relabel")
    proof = review.certificate(group)
    assert proof.reviewed == 42
    assert proof.valid
    lines = review.accept(group)
    assert len(lines) == 300 - 47
    assert lines[0].why["certificate"]["reviewed"] == 42
    told = r"Accept 253 rows: at least \d\d % right at 95 % confidence; expect at most \d+ wrong\."
    assert re.fullmatch(told, lines[0].why["certificate"]["statement"])
    assert all(line.why["certificate"] == lines[0].why["certificate"] for line in lines)
    assert review.progress.left == 0
    assert not review.certificate(group).valid
    with pytest.raises(StaleError, match="All 300 are decided"):
        review.accept(group)
    assert (review.log.apply(frame)["y"] == "dog").all()


def test_reviews_in_another_order_than_the_drawn_one_would_break_the_promise_and_do_not_count(log_path: Path) -> None:
    frame, found = many()
    review = Review(audit_of(frame, found=found), log_path, by="ada")
    group = review.group("f0")
    assert group is not None
    right = {f"f{i}" for i in range(150)}  # of 300: those that a reviewer who begins with the surest sees first
    for i in range(60):
        review.decide(f"f{i}", "relabel")
    assert certify(300, 60, 60).valid  # if these counted, 240 rows would be accepted
    assert len(right) - 60 < certify(300, 60, 60).at_least * 240  # of which fewer are right than was promised
    proof = review.certificate(group)
    assert proof.reviewed < 10
    assert not proof.valid
    while not (proof := review.certificate(group)).refused:
        (finding,) = review.draw(group)
        review.decide(finding, "relabel" if finding in right else "keep")
    with pytest.raises(StaleError, match="This group cannot be accepted. Refused"):
        review.accept(group)


def test_a_group_with_wrong_suggestions_stays_locked(log_path: Path) -> None:
    frame, found = many()
    review = Review(audit_of(frame, found=found), log_path, by="ada")
    group = review.group("f0")
    assert group is not None
    for i, finding in enumerate(review.draw(group, 30)):
        review.decide(finding, "keep" if i % 2 else "relabel")
    with pytest.raises(StaleError, match="Decide them one by one"):
        review.accept(group)
    with pytest.raises(MissingError, match="There is no group 'x'"):
        review.accept("x")


def test_the_default_place_of_a_log(pets: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert default_path(audit_of(pets.rename(columns={"y": "Étiquette!"}), "Étiquette!").table) == (
        tmp_path / "corrections" / "etiquette.jsonl"
    )
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ada")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ada@example.org")
    assert find_reviewer() == "Ada <ada@example.org>"
