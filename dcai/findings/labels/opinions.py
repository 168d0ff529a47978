"""What annotators and the model together make of the given labels: the rows in which their consensus contradicts the label."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dcai.base.display import show_share
from dcai.findings.evidence import Evidence
from dcai.findings.wording import count

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Marks = npt.NDArray[np.bool_]

CLEAR = 0.8  # the probability from which a consensus contradicts a label
FEWEST_VOTES = 2


class Opinion(NamedTuple):
    """What is to be thought of each label.

    Attributes
    ----------
    doubt : array of float, shape (n,)
        The model's doubt; where the consensus contradicts the label, at least the probability that the consensus leaves
        to other classes than the given one.
    flagged : array of bool, shape (n,)
        The rows to look at.
    contradicted : array of bool, shape (n,)
        The rows in which the consensus contradicts the label.
    truth : array of float, shape (n, K)
        The probabilities of the classes by votes and model; empty without annotators.
    votes : array of int, shape (n, annotators)
        The class that each annotator named; -1 for none.
    """

    doubt: Floats
    flagged: Marks
    contradicted: Marks
    truth: Floats
    votes: Codes


def form_opinion(evidence: Evidence) -> Opinion:
    """Join what the model doubts and what the consensus of annotators contradicts."""
    noise, codes, found = evidence.noise, evidence.labels.codes, evidence.consensus
    if found is None:
        nothing = np.zeros(len(codes), dtype=np.bool_)
        return Opinion(noise.doubt, noise.flagged, nothing, np.empty((0, 0)), np.empty((len(codes), 0), dtype=np.intp))
    best, rows = found.truth.argmax(axis=1), np.arange(len(codes))
    own = np.where(codes >= 0, found.truth[rows, codes], 1.0)
    backed = (found.votes == best[:, None]).any(axis=1)
    enough = (found.votes >= 0).sum(axis=1) >= FEWEST_VOTES
    clear = (codes >= 0) & (best != codes) & (found.truth[rows, best] >= CLEAR) & backed & enough
    doubt = np.where(clear, np.maximum(noise.doubt, 1 - own), noise.doubt)
    return Opinion(doubt, noise.flagged | clear, clear, found.truth, found.votes)


def explain_opinion(evidence: Evidence, opinion: Opinion, row: int, best: int) -> str:
    """Say who contradicts the label of a row; `best` is the class that is suggested for it."""
    names, own = evidence.labels.names, int(evidence.labels.codes[row])
    chance = evidence.probabilities[row]
    votes = opinion.votes[row]
    said = f"A model that has not seen this row says {names[best]!r} ({show_share(chance[best])}), not {names[own]!r} ({show_share(chance[own])})."
    if not len(votes):
        return said
    cast = int((votes >= 0).sum())
    if not opinion.contradicted[row]:
        return f"{said} {_count_votes(votes, own, cast)} {names[own]!r} too." if (votes == own).any() else said
    who = _count_votes(votes, best, cast, verb=False)
    weighed = "" if (votes == best).sum() > cast / 2 else ", weighed by how often each is right"
    if int(chance.argmax()) == best:
        return f"{who} and the model say {names[best]!r} ({show_share(opinion.truth[row, best])}), not {names[own]!r}{weighed}."
    return (
        f"{_count_votes(votes, best, cast)} {names[best]!r} ({show_share(opinion.truth[row, best])}), not {names[own]!r}{weighed}; "
        f"a model that has not seen this row says {names[int(chance.argmax())]!r} ({show_share(chance.max())})."
    )


def _count_votes(votes: Codes, code: int, cast: int, *, verb: bool = True) -> str:
    number = int((votes == code).sum())
    said = f" {'says' if number == 1 else 'say'}" if verb else ""
    return f"{number} of {count(cast, 'annotator')}{said}"
