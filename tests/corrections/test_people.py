"""The people behind a log: blindness, trials, agreement, and definitions that are unclear."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from dcai.base.errors import InputError
from dcai.base.settings import find_settings
from dcai.corrections.decisions.people import bound_share, find_alpha, find_kappa, measure_agreement, tell_agreement
from dcai.corrections.exhibits.trials import trial_path
from dcai.corrections.session import Review

from .conftest import FakeAudit, audit_of

CLASSES = ["cat", "dog", "bird"]


@pytest.fixture
def many() -> pd.DataFrame:
    """Sixty animals."""
    return pd.DataFrame({"x": range(60), "y": [CLASSES[i % 3] for i in range(60)]})


@pytest.fixture
def sure(many: pd.DataFrame) -> FakeAudit:
    """An audit with twenty findings, whose model believes every other label."""
    audit = audit_of(many, found=[(row, "y", CLASSES[(row + 1) % 3]) for row in range(20)])
    chances = np.full((60, 3), 0.02)
    order = sorted(CLASSES)
    chances[np.arange(60), [order.index(v) for v in many["y"]]] = np.linspace(0.5, 0.96, 60)
    return dataclasses.replace(audit, probabilities=pd.DataFrame(chances, columns=order))


# ---------------------------------------------------------------- blind


def test_a_blind_review_hides_the_suggestion_until_it_is_decided(sure: FakeAudit, log_path: Path) -> None:
    Review(sure, log_path, by="bob").decide("f1", "relabel", "dog")
    review = Review(sure, log_path, by="ada", blind=True)
    queue = review.queue()
    assert queue["suggested"].isna().all()
    assert queue["confidence"].isna().all()
    assert set(queue["reason"]) == {"Decide without the suggestion."}
    assert list(queue.columns) == list(sure.findings.columns)
    card = review.card("f1")
    assert (card.finding.suggested, card.finding.confidence, card.group, card.decided) == (None, None, None, None)
    assert [c.probability for c in card.classes] == [None] * 3
    assert review.page(1, 1)[0].suggested is None
    with pytest.raises(InputError, match="needs a value"):
        review.decide("f1", "relabel")  # what was not shown cannot be taken
    line = review.decide("f1", "relabel", "bird")
    assert line.why["blind"] is True
    assert review.queue().loc[1, "suggested"] == sure.findings.loc[1, "suggested"]
    assert review.card("f1").finding.suggested == sure.findings.loc[1, "suggested"]
    assert review.queue()["suggested"].notna().sum() == 1


# ---------------------------------------------------------------- trials


def test_controls_and_repeats_never_reach_the_log_or_apply(sure: FakeAudit, many: pd.DataFrame, log_path: Path) -> None:
    review = Review(sure, log_path, by="ada", controls=6, repeats=4)
    queue = review.queue()
    planted = [name for name in queue["finding"] if name not in set(sure.findings["finding"])]
    assert len(planted) == 10
    assert len(queue) == review.progress.total == 30
    for name in queue["finding"]:
        review.decide(name, "relabel")
    assert {line.verdict for line in review.log.corrections} == {"relabel"}
    assert len(review.log) == 20
    clean = review.log.apply(many)
    assert (clean["y"] != many["y"]).to_numpy().nonzero()[0].tolist() == list(range(20))
    assert trial_path(log_path).exists()
    assert review.progress.decided == 30


def test_a_planted_finding_reads_as_any_other(sure: FakeAudit, many: pd.DataFrame, log_path: Path) -> None:
    review = Review(sure, log_path, by="ada", controls=6, repeats=4)
    queue = review.queue()
    real = set(sure.findings["finding"])
    rows = queue[~queue["finding"].isin(real)]
    assert set(queue["detector"]) == {"labels"}
    assert queue["doubt"].is_monotonic_decreasing
    assert queue.dtypes.equals(sure.findings.dtypes)
    controls = rows[~rows["row"].isin(range(20))]
    assert len(controls) == 6
    for found in controls.to_dict("records"):
        assert found["given"] == many["y"][found["row"]] != found["suggested"]
        card = review.card(found["finding"])
        assert card.classes[0].name == found["suggested"]  # as the model would show it
        assert found["row"] >= 40  # from the surer half of the rows that nothing doubts
        same = sure.findings[
            (sure.findings["given"] == found["given"]) & (sure.findings["suggested"] == found["suggested"])
        ]
        if len(same):
            assert card.group == review.card(same["finding"].iloc[0]).group
        else:
            assert card.group == review.group(found["finding"])
            assert card.group is not None
            assert "Locked until some of its" in card.group.statement
    places = {name: i for i, name in enumerate(queue["finding"])}
    for found in rows[rows["row"].isin(range(20))].to_dict("records"):
        original = sure.findings.loc[sure.findings["row"] == found["row"], "finding"].iloc[0]
        assert places[found["finding"]] > places[original]
        assert review.card(found["finding"]).finding.suggested == review.card(original).finding.suggested
    again = Review(sure, log_path, by="bob", controls=6, repeats=4).queue()
    pd.testing.assert_frame_equal(again, queue)


def test_a_group_of_controls_alone_is_drawn_from_and_never_accepted(many: pd.DataFrame, log_path: Path) -> None:
    audit = audit_of(many, found=[(0, "y", "bird")])  # cat to bird; the controls below suggest something else
    review = Review(audit, log_path, by="ada", controls=dict.fromkeys(range(1, 60, 3), "dog"))
    named = [n for n in review.queue()["finding"] if n != "f0"]
    kinds = {review.group(n).group: n for n in named}
    for name in kinds.values():
        group = review.group(name)
        assert review.draw(group)
        while not review.certificate(group).valid and review.draw(group):
            review.decide(review.draw(group)[0], "relabel")  # taken blindly: the machine seems to be always right
        assert review.draw(group) == [] or review.accept(group) == []
    assert len(review.log) == 0


def test_the_reviewers_error_and_anchoring_are_what_was_planted(sure: FakeAudit, log_path: Path) -> None:
    review = Review(sure, log_path, by="ada", controls=20, repeats=5)
    controls = [n for n, trial in review._trials.items() if trial.original is None]
    repeats = [n for n, trial in review._trials.items() if trial.original is not None]
    for number, name in enumerate(controls):
        if number < 6:
            review.decide(name, "relabel")  # takes what is suggested
        elif number < 8:
            known = review._trials[name]
            other = next(c for c in CLASSES if c not in (known.suggested, known.right))
            review.decide(name, "relabel", other)  # wrong, but not by following
        else:
            review.decide(name, "keep")
    for name in sure.findings["finding"]:
        review.decide(name, "keep")
    for number, name in enumerate(repeats):
        review.decide(name, "relabel" if number < 2 else "keep")
    row = review.log.reviewers().set_index("by").loc["ada"]
    assert (row["controls"], row["wrong"], row["anchored"], row["repeats"], row["changed"]) == (20, 8, 6, 5, 2)
    assert (row["error"], row["anchoring"], row["decisions"]) == (0.4, 0.3, 20)
    assert row["error_low"] < 0.4 < row["error_high"]
    assert (row["anchoring_low"], row["anchoring_high"]) == bound_share(6, 20)
    # Undone and unsure trials do not count; after a restart the state is the same.
    again = Review(sure, log_path, by="ada", controls=20, repeats=5)
    assert again.decided(controls[0]) == "relabel"
    again.undo(again.decision_about(controls[0]).id)  # type: ignore[union-attr]
    again.decide(controls[1], "unsure")
    row = again.log.reviewers().set_index("by").loc["ada"]
    assert (row["controls"], row["wrong"], row["anchored"]) == (18, 6, 4)


def test_undo_and_redo_go_through_trials_in_the_order_of_time(sure: FakeAudit, log_path: Path) -> None:
    review = Review(sure, log_path, by="ada", controls={30: "cat"})
    (control,) = review._trials
    first = review.decide("f0", "keep")
    second = review.decide(control, "keep")
    assert review.findings_of(second) == [control]
    assert review.undo().undoes == second.id
    assert review.decided(control) is None
    assert review.undo().undoes == first.id
    assert (review.decided("f0"), review.progress.decided) == (None, 0)
    review.redo()
    assert (review.decided("f0"), review.decided(control)) == ("keep", None)
    review.redo(second.id)
    assert review.decided(control) == "keep"
    with pytest.raises(InputError, match="is not undone, so there is nothing to redo"):
        review.redo(second.id)
    with pytest.raises(InputError, match="The correction 'x' is not in this log"):
        review.redo("x")


def test_a_known_answer_may_be_given(sure: FakeAudit, many: pd.DataFrame, log_path: Path) -> None:
    review = Review(sure, log_path, by="ada", controls={30: "cat", 31: "bird"})
    by_row = {int(row): name for name, row in zip(*(review.queue()[c] for c in ("finding", "row")), strict=True)}
    assert many["y"][30] == "cat"
    assert many["y"][31] == "dog"  # given, and wrong
    assert review._trials[by_row[31]].suggested == "cat"
    review.decide(by_row[30], "keep")
    review.decide(by_row[31], "keep")
    row = review.log.reviewers().loc[0]
    assert (row["controls"], row["wrong"], row["anchored"]) == (2, 1, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"controls": -1},
            "The 'controls' parameter of Review must be a number of rows, 0 or more, or the right label",
        ),
        ({"controls": True}, "The 'controls' parameter of Review must be a number"),
        ({"controls": {99: "cat"}}, "right labels by row position: {row: label}. Got 99"),
        ({"controls": {1: "lion"}}, "There is no class 'lion'"),
        ({"controls": 41}, "Only 40 rows are without any doubt"),
        ({"repeats": -1}, "The 'repeats' parameter of Review must be a number of findings, 0 or more"),
    ],
)
def test_wrong_trials_are_refused(sure: FakeAudit, log_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Review(sure, log_path, by="ada", **options)


def test_trials_need_what_they_are_made_of(many: pd.DataFrame, log_path: Path) -> None:
    with pytest.raises(InputError, match="by the audit's probabilities, and it has none. Name rows"):
        Review(audit_of(many), log_path, by="ada", controls=2)
    with pytest.raises(InputError, match="Controls need a label with one class for each row"):
        Review(audit_of(many, None), log_path, by="ada", controls=2)
    with pytest.raises(InputError, match="A control needs a second class to suggest"):
        Review(audit_of(many.assign(y="cat")), log_path, by="ada", controls={0: "cat"})


def test_no_trials_cost_nothing(sure: FakeAudit, log_path: Path) -> None:
    review = Review(sure, log_path, by="ada")
    pd.testing.assert_frame_equal(review.queue(), sure.findings)
    review.decide("f0", "keep")
    assert not trial_path(log_path).exists()


# ---------------------------------------------------------------- agreement


def test_agreement_is_what_was_planted(many: pd.DataFrame, log_path: Path) -> None:
    audit = audit_of(many)
    ada, bob, eva = (Review(audit, log_path, by=by) for by in ("ada", "bob", "eva"))
    for row in range(10):
        ada.decide(row, "relabel", "cat", column="y") if many["y"][row] != "cat" else ada.decide(
            row, "keep", column="y"
        )
        label = "cat" if row < 7 else "dog"
        bob.decide(
            row,
            "keep" if many["y"][row] == label else "relabel",
            None if many["y"][row] == label else label,
            column="y",
        )
    eva.decide(0, "keep", column="y")
    eva.decide(1, "unsure", column="y")
    table = eva.log.agreement()
    pair = table[(table["one"] == "ada") & (table["other"] == "bob")].iloc[0]
    assert (pair["cells"], pair["agree"], pair["share"], pair["kappa"]) == (10, 7, 0.7, 0.0)
    assert table[(table["one"] == "ada") & (table["other"] == "eva")]["cells"].tolist() == [1]
    assert table.iloc[-1][["one", "cells", "agree"]].tolist() == ["(all)", 10, 7]
    alone = measure_agreement([c for c in eva.log.corrections if eva._ledger.row_of(c) in (0, 9)][:3])
    assert tell_agreement(alone) == "2 reviewers agree about the one cell that several decided."
    # Who settles a dispute has seen both sides: that says nothing about agreement.
    ids = [c.id for c in eva.log.standing if eva._ledger.row_of(c) == 8]
    eva.decide(8, "relabel", "cat", resolves=ids)
    pd.testing.assert_frame_equal(eva.log.agreement(), table)


def test_one_reviewer_agrees_with_nobody(review: Review) -> None:
    review.decide("f0", "relabel")
    assert len(review.log.agreement()) == 0
    row = review.log.reviewers().iloc[0]
    assert (row["by"], row["decisions"], row["controls"]) == ("ada", 1, 0)
    assert np.isnan(row["error"])
    assert (row["error_low"], row["error_high"]) == (0.0, 1.0)


def test_rows_that_nobody_looked_at_are_no_agreement(many: pd.DataFrame, log_path: Path) -> None:
    ada, bob = (Review(audit_of(many), log_path, by=by) for by in ("ada", "bob"))
    for review in (ada, bob):
        assert len(review.merge("y", ["cat", "bird"], "dog")) == 40
    assert len(bob.log.agreement()) == 0
    assert bob.log.reviewers()["decisions"].tolist() == [0, 0]
    assert bob.terms.agreement == ""
    ada.decide(0, "keep", column="y")  # a later word about a row that was looked at counts
    bob.decide(0, "keep", column="y")
    assert bob.log.agreement()["cells"].tolist() == [1, 1]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=12))
@settings(max_examples=60)
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    one, other = zip(*pairs, strict=True)
    if len({*one, *other}) > 1:
        assert find_kappa(pairs) == pytest.approx(cohen_kappa_score(one, other), nan_ok=True)
    else:
        assert np.isnan(find_kappa(pairs))


def test_alpha_is_that_of_the_published_example() -> None:
    # Krippendorff's (2011) nominal data of four observers with missing values: alpha = 0.743.
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units = [[v for v in unit if v is not None] for unit in zip(*observers, strict=True)]
    assert round(find_alpha(units), 3) == 0.743


def test_an_interval_of_a_share_holds_it_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    for share in (0.02, 0.3):
        hits = random.binomial(25, share, 400)
        held = [low <= share <= high for low, high in (bound_share(int(k), 25) for k in hits)]
        assert np.mean(held) >= 0.95


# ---------------------------------------------------------------- definitions


def test_a_planted_unclear_pair_ranks_first(log_path: Path) -> None:
    random = np.random.default_rng(1)
    names = ["cup", "mug", "plate", "bowl", "fork"]
    frame = pd.DataFrame({"x": range(90), "y": random.choice(names, 90)})
    audit = audit_of(frame, found=[(r, "y", names[(names.index(frame["y"][r]) + 1) % 5]) for r in range(90)])
    ada, bob = (Review(audit, log_path, by=by) for by in ("ada", "bob"))
    for row in range(90):
        given = frame["y"][row]
        suggested = audit.findings["suggested"][row]
        if {given, suggested} == {"cup", "mug"}:
            choice = random.integers(3)
            if choice == 0:
                ada.decide(f"f{row}", "ambiguous", ["cup", "mug"])
            else:  # each says what they feel like
                ada.decide(f"f{row}", "relabel", "cup" if given == "mug" else "mug")
                bob.decide(f"f{row}", "keep")
        else:  # plain noise: they agree, but for a slip now and then
            ada.decide(f"f{row}", "keep" if random.random() < 0.5 else "relabel")
            if random.random() < 0.2:
                bob.decide(f"f{row}", "keep")
    table = bob.log.unclear()
    assert {table["one"][0], table["other"][0]} == {"cup", "mug"}
    assert table["unclear"][0] == table["decided"][0]
    assert table["low"].is_monotonic_decreasing
    assert "What is 'cup' and what 'mug' is not clearly defined" in table["says"][0]
    assert bob.terms.remarks[0] == table["says"][0]
    cells = int(bob.log.agreement()["cells"].iloc[-1])
    assert bob.terms.agreement.startswith("2 reviewers agree in ")
    assert f"of {cells} cells that several decided (Krippendorff's alpha " in bob.terms.agreement
    assert Review(audit, log_path, by="cleo", blind=True).terms.agreement == ""


def test_a_clear_log_says_nothing_unclear(review: Review) -> None:
    assert len(review.log.unclear()) == 0
    review.decide("f0", "relabel")
    assert len(review.log.unclear()) == 0


def test_definitions_are_edited_from_the_review_and_named_by_decisions(pets: pd.DataFrame, log_path: Path) -> None:
    review = Review(audit_of(pets, found=[(3, "y", "bird"), (0, "legs", 5)]), log_path, by="ada")
    before = review.decide(0, "keep", column="y")
    assert "definitions" not in before.why
    review.define("bird", "Lays eggs and has feathers.", borderline=["a penguin is one"])
    review.define("bird", examples=["sparrow"])
    assert review.terms.definitions == list(find_settings(log_path.parents[1]).definitions("y"))
    (bird,) = review.terms.definitions
    assert (bird.meaning, bird.examples, bird.borderline) == (
        "Lays eggs and has feathers.", ["sparrow"], ["a penguin is one"],
    )  # fmt: skip
    version = review.terms.version
    assert review.decide("f0", "relabel").why["definitions"] == version
    assert "definitions" not in review.decide("f1", "edit", 5).why  # not about the label
    review.define("bird", meaning="Has feathers.")
    assert review.decide(1, "keep", column="y").why["definitions"] == review.terms.version != version


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("brid", "x"), "There is no class 'brid'. Did you mean 'bird'"),
        (("bird", 3), "The 'meaning' parameter of define must be a text"),
        (("bird", None, "sparrow"), "The 'examples' parameter of define must be a list of texts"),
        (("bird", None, None, [1]), "The 'borderline' parameter of define must be a list of texts"),
    ],
)
def test_a_wrong_definition_is_refused(review: Review, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        review.define(*arguments)
    assert not review.settings.path.exists()


def test_without_a_label_there_is_nothing_to_define(pets: pd.DataFrame, log_path: Path) -> None:
    with pytest.raises(InputError, match="This audit has no label, so there is no class to define"):
        Review(audit_of(pets, None), log_path, by="ada").define("bird", "x")
