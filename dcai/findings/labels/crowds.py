"""What a crowd's votes say about the truth and about each annotator: Dawid and Skene's model, with a classifier in it.

Each annotator has a confusion matrix: what they say how often when which class is true. Few votes tell little of it,
so it is drawn towards what the annotator's share of right votes, their favourite wrong answers and everybody's
confusions let expect. How much the classifier counts, how much one vote counts where people err together, and how
strongly matrices are drawn together is chosen by how well votes that were left out are predicted from all others.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

TINY = 1e-12
ROUNDS = 25  # of expectation and maximisation; more change no label
WEIGHTS = (1.0, 0.0, 0.25, 0.5, 0.75, 1.5, 2.5)
COUNTED = (0.75, 1.0, 0.5)
STRENGTHS = (40.0, 200.0, 10.0)
_SKILL = 5.0  # the crowd's share of right votes counts as much as this many votes of each annotator,
_BIAS = 10.0  # and its favourite wrong answers as much as this many wrong votes
_PARTS = 5
_MOST_CELLS = 40_000  # settings are chosen on at most this many rows times classes,
_FEWEST_ROWS = 500  # but on this many rows, where there are as many
_SAME = 0.95  # of an annotator's votes are one answer: they tell nothing of how well the truth is known
_MANY, _LOST = 0.05, 0.1  # a class with this share of the votes has not less than so much of that in rows
_STRONG, _FEW_ROUNDS = 2_000.0, 3
_SETTLED = 1e-4  # no probability moves by more
_GRID = np.linspace(0.0025, 0.9975, 200)
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Votes:
    """Who said what of which row: three arrays of the same length, and how many rows, annotators and classes there are."""

    rows: Codes
    people: Codes
    said: Codes
    size: tuple[int, int, int]

    @cached_property
    def kinds(self) -> tuple[Codes, Codes, Codes]:
        """The pairs of annotator and answer that occur: the annotator of each, the answer of each, the pair of each vote."""
        pairs, place = np.unique(self.people * self.size[2] + self.said, return_inverse=True)
        return pairs // self.size[2], pairs % self.size[2], place

    @cached_property
    def sums(self) -> Any:
        """A sparse matrix that adds up the votes of each row by pair, shape (rows, pairs)."""
        from scipy.sparse import csr_matrix

        shape = (self.size[0], len(self.kinds[0]))
        return csr_matrix((np.ones(len(self.rows)), (self.rows, self.kinds[2])), shape=shape)

    def take(self, kept: npt.NDArray[np.bool_]) -> Votes:
        """Keep some of the votes."""
        return Votes(self.rows[kept], self.people[kept], self.said[kept], self.size)


@dataclass(frozen=True)
class Trust:
    """How the parts are weighed.

    Attributes
    ----------
    weight : float
        The power of the classifier's probabilities; 0 leaves the shares of the classes.
    counted : float
        How much of an independent opinion one vote is: below 1 where people err together.
    strength : float
        How many votes the expected confusion matrix of an annotator counts for.
    """

    weight: float = WEIGHTS[0]
    counted: float = COUNTED[0]
    strength: float = STRENGTHS[0]


@dataclass(frozen=True, eq=False)
class Crowd:
    """The votes explained.

    Attributes
    ----------
    votes : Votes
        What was explained.
    truth : array of float, shape (rows, classes)
        The probability of each class to be the true one.
    chances : array of float, shape (pairs, classes)
        How probable the answer of each pair is, by true class.
    pooled : array of float, shape (classes, classes)
        What anybody says, by true class.
    favour : array of float, shape (annotators, classes)
        How often each annotator gives a wrong answer, against how often anybody does.
    trust : Trust
        How the parts were weighed.
    """

    votes: Votes
    truth: Floats
    chances: Floats
    pooled: Floats
    favour: Floats
    trust: Trust = field(default_factory=Trust)

    def leave_out(self) -> Floats:
        """Return the truth of each vote's row as the other votes and the classifier have it, shape (votes, classes)."""
        own = np.log(np.maximum(self.chances[self.votes.kinds[2]], TINY)) * self.trust.counted
        return _normalise(np.log(np.maximum(self.truth[self.votes.rows], TINY)) - own)

    def count_confusions(self, person: int) -> Floats:
        """Return how many votes of an annotator gave which answer (columns) to which true class (rows)."""
        its = np.flatnonzero(self.votes.people == person)
        counts = np.zeros((self.votes.size[2], self.votes.size[2]))
        np.add.at(counts.T, self.votes.said[its], self.truth[self.votes.rows[its]])
        return counts

    def rate(self, person: int) -> tuple[float, float, float]:
        """Estimate the share of an annotator's votes that is right, with an interval of 95 % credibility."""
        its = np.flatnonzero(self.votes.people == person)
        likely, said = self.leave_out()[its] if len(its) else np.empty((0, 1)), self.votes.said[its]
        return _rate(likely, said, self._astray(), self._usual())

    def rate_all(self) -> Floats:
        """Rate every annotator: share, low and high, shape (annotators, 3)."""
        likely, astray, usual = self.leave_out(), self._astray(), self._usual()
        order = np.argsort(self.votes.people, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(self.votes.people, minlength=self.votes.size[1]))[:-1])
        return np.array([_rate(likely[its], self.votes.said[its], astray, usual) for its in parts])

    def expect_gain(self) -> Floats:
        """Return by how much one more vote of anybody is expected to raise the probability of the likeliest class."""
        after = np.zeros(len(self.truth))
        powers = np.maximum(self.pooled, TINY) ** self.trust.counted
        for answer in range(self.truth.shape[1]):
            moved = self.truth * powers[:, answer]
            said = self.truth @ self.pooled[:, answer]
            after += said * moved.max(axis=1) / np.maximum(moved.sum(axis=1), TINY)
        return np.asarray(np.maximum(after - self.truth.max(axis=1), 0.0))

    def _astray(self) -> Floats:
        """What anybody says by true class when it is not that class."""
        return _drop_right(self.pooled)

    def _usual(self) -> float:
        return float((self.truth[self.votes.rows, self.votes.said]).mean())


def explain(votes: Votes, prior: Floats) -> Crowd:
    """Explain votes, weighing classifier, votes and matrices as the votes themselves show to be best.

    Parameters
    ----------
    votes : Votes
        At least one.
    prior : array of float, shape (rows, classes)
        Out-of-sample probabilities of a classifier.

    Returns
    -------
    Crowd

    Examples
    --------
    >>> rows = np.repeat(np.arange(4), 3)
    >>> votes = Votes(rows, np.tile([0, 1, 2], 4), np.array([0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0]), (4, 3, 2))
    >>> explain(votes, np.full((4, 2), 0.5)).truth.argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """
    if not _tell_apart(votes).any():
        # Who always says the same is foretold without knowing anything, so nothing can be chosen by what is foretold,
        # and many rounds would explain all votes for a class as errors.
        return fit_crowd(votes, prior, Trust(1.0, 1.0, _STRONG), rounds=_FEW_ROUNDS)
    trust = choose_trust(votes, prior)
    found = fit_crowd(votes, prior, trust)
    return fit_crowd(votes, prior, trust, rounds=_FEW_ROUNDS) if _lost_a_class(found) else found


def choose_trust(votes: Votes, prior: Floats) -> Trust:
    """Choose how to weigh the parts: one setting after the other, by the likelihood of votes that were left out."""
    asked, known = _sample(votes, prior)
    best, trust = _predict_left_out(asked, known, Trust()), Trust()
    for name, values in (("weight", WEIGHTS), ("counted", COUNTED), ("strength", STRENGTHS)):
        for value in values[1:]:
            tried = replace(trust, **{name: value})
            found = _predict_left_out(asked, known, tried)
            if found > best and not _lost_a_class(fit_crowd(asked, known, tried, rounds=10)):
                best, trust = found, tried
    return trust


def _tell_apart(votes: Votes) -> npt.NDArray[np.bool_]:
    """Say which votes are of annotators who do not nearly always give the same answer."""
    answers = np.zeros(votes.size[1:])
    np.add.at(answers, (votes.people, votes.said), 1.0)
    varied = answers.max(axis=1) <= _SAME * answers.sum(axis=1)
    return np.asarray(varied[votes.people])


def _lost_a_class(crowd: Crowd) -> bool:
    """Say whether a class that has many votes is hardly any row's any more: all of its votes were explained as errors."""
    votes = crowd.votes
    said = np.bincount(votes.said, minlength=votes.size[2]) / max(len(votes.said), 1)
    left = crowd.truth[np.unique(votes.rows)].mean(axis=0)
    return bool(((said > _MANY) & (left < _LOST * said)).any())


def _sample(votes: Votes, prior: Floats) -> tuple[Votes, Floats]:
    """Keep the rows that several people judged, at most so many, spread evenly, and what was said of them."""
    several = np.flatnonzero(np.bincount(votes.rows, minlength=votes.size[0]) > 1)
    most = max(_FEWEST_ROWS, _MOST_CELLS // votes.size[2])
    some = several[np.linspace(0, len(several) - 1, min(len(several), most)).astype(np.intp)]
    place = np.full(votes.size[0], -1)
    place[some] = np.arange(len(some))
    kept = place[votes.rows] >= 0
    rows = place[votes.rows[kept]]
    return Votes(rows, votes.people[kept], votes.said[kept], (len(some), *votes.size[1:])), prior[some]


def _predict_left_out(votes: Votes, prior: Floats, trust: Trust) -> float:
    """Return the mean log-likelihood of each fifth of the votes, given the others."""
    if len(votes.rows) < 2 * _PARTS:
        return 0.0
    # Dealt by what the vote is, not by where it stands: the n-th vote of a row falls into another part in each row.
    nth = np.arange(len(votes.rows)) - np.searchsorted(votes.rows, votes.rows)
    part, telling = (votes.rows * 2 + nth) % _PARTS, _tell_apart(votes)
    total = 0.0
    for one in range(_PARTS):
        left = part == one
        crowd = fit_crowd(votes.take(~left), prior, trust, rounds=10)
        total += float(np.log(np.maximum(_foresee(crowd, votes.take(left & telling)), TINY)).sum())
    return total / max(int(telling.sum()), 1)


def _foresee(crowd: Crowd, votes: Votes) -> Floats:
    """Return how probable each of some further votes is."""
    people, said, place = votes.kinds
    known = {pair: i for i, pair in enumerate(zip(*crowd.votes.kinds[:2], strict=True))}
    found = np.array([known.get(pair, -1) for pair in zip(people, said, strict=True)], dtype=np.intp)
    expected, weight = _expect(crowd.votes, crowd.truth, crowd.pooled, crowd.favour, people, said)
    unseen = expected * crowd.trust.strength / (crowd.trust.strength + weight)
    chances = np.where(found[:, None] >= 0, crowd.chances[found], unseen)
    return np.asarray((crowd.truth[votes.rows] * chances[place]).sum(axis=1))


def fit_crowd(votes: Votes, prior: Floats, trust: Trust, rounds: int = ROUNDS) -> Crowd:
    """Find the truth and the annotators' matrices in turn, each from the other."""
    size = votes.size[2]
    start = prior.copy()
    np.add.at(start, (votes.rows, votes.said), 1.0)
    truth = start / start.sum(axis=1, keepdims=True)
    voted = np.unique(votes.rows)
    people, said, _ = votes.kinds
    for _ in range(rounds):
        counts = np.asarray(votes.sums.T @ truth)
        pooled = np.full((size, size), 1 / size)
        np.add.at(pooled.T, said, counts)
        pooled /= pooled.sum(axis=1, keepdims=True)
        favour = _count_favours(votes, counts, pooled)
        expected, weight = _expect(votes, truth, pooled, favour, people, said)
        chances = (counts + trust.strength * expected) / (weight + trust.strength)
        shares = truth[voted].mean(axis=0) + TINY
        logs = trust.weight * np.log(np.maximum(prior, 1e-6)) + max(0.0, 1 - trust.weight) * np.log(shares)
        before = truth
        truth = _normalise(logs + trust.counted * np.asarray(votes.sums @ np.log(np.maximum(chances, TINY))))
        if np.abs(truth - before).max() < _SETTLED:
            break
    return Crowd(votes, truth, chances, pooled, favour, trust)


def _count_favours(votes: Votes, counts: Floats, pooled: Floats) -> Floats:
    """Count how often each annotator gives each wrong answer, against how often anybody would in their place."""
    people, said, _ = votes.kinds
    wrong = counts.sum(axis=1) - counts[np.arange(len(said)), said]
    own, made = np.zeros(votes.size[1:]), np.zeros(votes.size[1:])
    own[people, said] = wrong
    missed = counts.copy()
    missed[np.arange(len(said)), said] = 0.0
    np.add.at(made, people, missed)
    astray = _drop_right(pooled)
    usual = _BIAS * (astray.mean(axis=0) + TINY)
    return np.asarray((own + usual) / (made @ astray + usual))


def _expect(
    votes: Votes, truth: Floats, pooled: Floats, favour: Floats, people: Codes, said: Codes
) -> tuple[Floats, Floats]:
    """Expect the chances of pairs from each annotator's skill and favourites; also say how many votes speak for them."""
    hits = np.bincount(votes.people, truth[votes.rows, votes.said], minlength=votes.size[1])
    cast = np.bincount(votes.people, minlength=votes.size[1])
    usual = float(np.clip(hits.sum() / max(cast.sum(), 1), 0.02, 0.98))
    skill = np.clip((hits + _SKILL * usual) / (cast + _SKILL), 0.005, 0.995)
    ease = np.clip(np.diag(pooled), 0.02, 0.98)
    # On the scale of log-odds: what the annotator adds to what the class makes of anybody.
    right = 1 / (1 + np.exp(-(_odds(ease)[None, :] + _odds(skill)[:, None] - _odds(usual))))
    astray = _drop_right(pooled)
    scale = np.maximum(favour @ astray.T, TINY)
    expected = (1 - right[people]) * astray[:, said].T * favour[people, said][:, None] / scale[people]
    at = np.arange(len(said))
    expected[at, said] = right[people, said]
    weight = np.zeros((votes.size[1], votes.size[2]))
    np.add.at(weight, votes.people, truth[votes.rows])
    return expected, weight[people]


def _odds(share: Any) -> Any:
    return np.log(share / (1 - share))


def _drop_right(matrix: Floats) -> Floats:
    """Return what is said by true class when it is not that class; rows sum to 1."""
    wrong = matrix * (1 - np.eye(len(matrix)))
    return np.asarray(wrong / np.maximum(wrong.sum(axis=1, keepdims=True), TINY))


def _normalise(logs: Floats) -> Floats:
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _rate(likely: Floats, said: Codes, astray: Floats, usual: float) -> tuple[float, float, float]:
    """Weigh every share of right votes by how well it explains them, with the crowd's share as a weak expectation."""
    share = float(np.clip(usual, 0.02, 0.98))
    density = (2 * share - 1) * np.log(_GRID) + (2 * (1 - share) - 1) * np.log(1 - _GRID)
    if len(said):
        right = likely[np.arange(len(said)), said]
        wrong = (likely * astray[:, said].T).sum(axis=1)
        density = density + np.log(np.outer(right, _GRID) + np.outer(wrong, 1 - _GRID) + TINY).sum(axis=0)
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    steps = np.cumsum(weight)
    low, high = np.interp([(1 - LEVEL) / 2, (1 + LEVEL) / 2], steps, _GRID)
    return float(weight @ _GRID), float(low), float(high)
