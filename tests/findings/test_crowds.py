"""Planted crowds: annotators with known confusion matrices are found out, and the truth found again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.findings.labels.crowds import Trust, Votes, explain, fit_crowd

CLASSES = 4
GOOD, FAIR, RANDOM, CONSTANT, ADVERSE = range(5)


def matrix_of(kind: int) -> np.ndarray:
    """P(answer | true class) of one kind of annotator."""
    eye = np.eye(CLASSES)
    if kind == GOOD:
        return 0.88 * eye + 0.12 / CLASSES
    if kind == FAIR:
        return 0.5 * eye + 0.3 * np.roll(eye, 1, axis=1) + 0.2 / CLASSES
    if kind == RANDOM:
        return np.full((CLASSES, CLASSES), 1 / CLASSES)
    if kind == CONSTANT:
        return 0.96 * (np.arange(CLASSES) == 1)[None, :] + np.full((CLASSES, CLASSES), 0.04 / CLASSES)
    return 0.8 * np.roll(eye, 2, axis=1) + 0.2 / CLASSES


CROWD = [GOOD, GOOD, FAIR, FAIR, FAIR, RANDOM, CONSTANT, ADVERSE]


def plant(seed: int, *, rows: int = 400, each: int = 3, knows: float = 1.0):
    """Votes of the crowd, what a calibrated classifier knows, the truth, and the matrices."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, CLASSES, rows)
    matrices = np.array([matrix_of(kind) for kind in CROWD])
    who = np.sort(np.array([draw.choice(len(CROWD), each, replace=False) for _ in range(rows)]), axis=1)
    place = np.repeat(np.arange(rows), each)
    steps = np.cumsum(matrices[who.ravel(), truth[place]], axis=1)
    said = np.minimum((steps < draw.random((len(place), 1))).sum(axis=1), CLASSES - 1)
    seen = draw.normal(size=(rows, CLASSES))
    seen[np.arange(rows), truth] += knows
    prior = np.exp(knows * seen)
    votes = Votes(place, who.ravel(), said, (rows, len(CROWD), CLASSES))
    return votes, prior / prior.sum(axis=1, keepdims=True), truth, matrices


def majority(votes: Votes) -> np.ndarray:
    counts = np.zeros((votes.size[0], votes.size[2]))
    np.add.at(counts, (votes.rows, votes.said), 1.0)
    return counts.argmax(axis=1)


@pytest.mark.parametrize("knows", [0.0, 1.0, 2.0])
def test_the_truth_is_found_nearly_as_well_as_by_who_knows_every_annotator(knows):
    ours, oracle, plain = [], [], []
    for seed in range(5):
        votes, prior, truth, matrices = plant(seed, knows=knows)
        logs = np.log(prior)
        np.add.at(logs, votes.rows, np.log(matrices[votes.people, :, votes.said]))
        ours.append((explain(votes, prior).truth.argmax(axis=1) == truth).mean())
        oracle.append((logs.argmax(axis=1) == truth).mean())
        plain.append((majority(votes) == truth).mean())
    assert np.mean(ours) > np.mean(plain) + 0.1
    assert np.mean(ours) > np.mean(oracle) - 0.03


def test_the_probabilities_mean_what_they_say():
    found = [(explain(v, p).truth, t) for v, p, t, _ in (plant(seed) for seed in range(5))]
    right = np.concatenate([truth.argmax(axis=1) == known for truth, known in found])
    said = np.concatenate([truth.max(axis=1) for truth, _ in found])
    assert said.mean() == pytest.approx(right.mean(), abs=0.03)
    assert right[said > 0.95].mean() > 0.95


def test_the_interval_of_an_annotator_holds_their_true_share_of_right_votes():
    holds = []
    for seed in range(12):
        votes, prior, _, matrices = plant(seed)
        rated = explain(votes, prior).rate_all()
        true = np.trace(matrices, axis1=1, axis2=2) / CLASSES
        holds.append((rated[:, 1] <= true) & (true <= rated[:, 2]))
    assert np.mean(holds) >= 0.9


def test_the_matrix_of_each_kind_of_annotator_is_found():
    votes, prior, _, matrices = plant(3, rows=2_000)
    crowd = explain(votes, prior)
    for person in range(len(CROWD)):
        counts = crowd.count_confusions(person)
        assert np.allclose(counts / counts.sum(axis=1, keepdims=True), matrices[person], atol=0.12)


def test_a_classifier_that_knows_nothing_gets_no_weight():
    votes, _, truth, _ = plant(5)
    draw = np.random.default_rng(9)
    noise = draw.dirichlet(np.ones(CLASSES), votes.size[0])
    crowd = explain(votes, noise)
    assert crowd.trust.weight <= 0.25
    assert (crowd.truth.argmax(axis=1) == truth).mean() > (majority(votes) == truth).mean() + 0.1


def test_one_more_vote_is_worth_most_where_the_votes_leave_most_open():
    votes, prior, _, _ = plant(1)
    crowd = explain(votes, prior)
    gain, sure = crowd.expect_gain(), crowd.truth.max(axis=1)
    assert (gain >= 0).all()
    assert gain[sure < 0.6].mean() > 10 * gain[sure > 0.99].mean()


def test_three_who_copy_each_other_outvote_one_as_documented():
    """A limit that the documentation states: votes alone do not tell people who copy from people who are right."""
    draw = np.random.default_rng(0)
    truth = draw.integers(0, CLASSES, 600)
    copied = np.where(draw.random(600) < 0.7, truth, draw.integers(0, CLASSES, 600))
    single = np.where(draw.random(600) < 0.7, truth, draw.integers(0, CLASSES, 600))
    said = np.column_stack([copied, copied, copied, single]).ravel()
    votes = Votes(np.repeat(np.arange(600), 4), np.tile(np.arange(4), 600), said, (600, 4, CLASSES))
    crowd = explain(votes, np.full((600, CLASSES), 1 / CLASSES))
    assert (crowd.truth.argmax(axis=1) == copied).mean() > 0.95


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_nothing_hangs_on_the_order_of_rows_annotators_or_classes(seed):
    votes, prior, _, _ = plant(seed % 7, rows=60)
    draw = np.random.default_rng(seed)
    rows, people, classes = (draw.permutation(size) for size in votes.size)
    moved_prior = np.empty_like(prior)
    moved_prior[rows[:, None], classes[None, :]] = prior
    moved = Votes(rows[votes.rows], people[votes.people], classes[votes.said], votes.size)
    trust = Trust(1.0, 0.75, 10.0)
    before, after = fit_crowd(votes, prior, trust), fit_crowd(moved, moved_prior, trust)
    assert np.allclose(after.truth[rows[:, None], classes[None, :]], before.truth, atol=1e-6)
    assert np.allclose(after.rate_all()[people], before.rate_all(), atol=1e-6)


def plant_rules(seed: int, knows: float):
    """Ten rules that each have one answer, and are silent where they do not apply."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 2, 800)
    answers = np.arange(10) % 2
    speaks = draw.random((800, 10)) < np.where(answers == truth[:, None], 0.35, 0.08)
    rows, people = np.nonzero(speaks)
    seen = draw.normal(size=(800, 2))
    seen[np.arange(800), truth] += knows
    prior = np.exp(knows * seen)
    return Votes(rows, people, answers[people], (800, 10, 2)), prior / prior.sum(axis=1, keepdims=True), truth


@pytest.mark.parametrize("knows", [0.0, 1.0, 2.0])
def test_rules_that_have_one_answer_each_do_not_make_all_rows_one_class(knows):
    """Their votes are foretold perfectly if all of one class are errors; that explains nothing."""
    for seed in range(3):
        votes, prior, truth = plant_rules(seed, knows)
        found = explain(votes, prior).truth.argmax(axis=1)
        voted = np.unique(votes.rows)
        plain = (majority(votes) == truth)[voted].mean()
        assert (found == truth)[voted].mean() > plain - 0.02
        assert 0.35 < found[voted].mean() < 0.65
