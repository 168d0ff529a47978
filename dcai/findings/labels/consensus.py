"""Several people's labels of the same rows: the label that they and the model agree on best, and how good each of them is."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import distinct_canonicals
from dcai.findings.cells.spellings import fold, looks_like_number
from dcai.findings.evidence import Evidence
from dcai.findings.labels.classes import Labels, is_name_for_nothing, mark_cells, mark_class
from dcai.findings.labels.crowds import Crowd, Votes, explain
from dcai.findings.wording import count, name_some

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

COLUMNS = ("label", "confidence", "agreement", "votes", "gain")
RATED = ("annotator", "votes", "quality", "low", "high", "agreement", "confuses", "with", "share")
_DRAWS = 2  # of classes that rows may have, to train models with,
_MOST_DRAWN = 20_000  # and one where there are more rows than that
_FEWEST_CONFUSED = 0.5
_FIRST_LOOK = 1_000
_OTHER_MARKS = 3  # values beside the classes: other spellings, words for no answer
_VOTES_SHARE = 0.95  # of the cells that must name a class, in so many rows at least,
_FEWEST_VOTES = 20
_CLEAR_AGREEMENT = 0.4  # and agree with the label by this much (Cohen's kappa)
_ALIASES = {"true": "1", "false": "0", "1": "true", "0": "false"}


@dataclass(frozen=True, eq=False)
class Consensus:
    """What several annotators' votes say, in canonical order of the rows.

    Attributes
    ----------
    rows : pandas.DataFrame
        For each row: ``label`` (None where nobody labelled it), ``confidence`` in it, ``agreement`` (the share of its
        votes for it), ``votes``, and ``gain``: by how much one more vote of anybody is expected to raise the
        probability of the likeliest class. The rows with the largest gain are those to ask about next.
    people : pandas.DataFrame
        For each annotator: ``votes``, ``quality`` (the estimated share of their votes that is right) with ``low`` and
        ``high`` (95 % credibility), ``agreement`` (how often others who judged the same row said the same), and their
        worst confusion: they take ``confuses`` for ``with`` in ``share`` of their votes on such rows. Votes cannot tell
        people who err together, or copy each other, from people who are right: such annotators look better than they
        are, and the consensus surer than it is.
    note : str
        What is to be known about it.
    truth : array of float, shape (n, K)
        The probabilities of the classes, by votes and model together; the model's alone where no row has two votes.
    votes : array of int, shape (n, annotators)
        The class that each annotator named, -1 for none.
    """

    rows: pd.DataFrame
    people: pd.DataFrame
    note: str
    truth: Floats
    votes: Codes


def find_consensus(evidence: Evidence, annotators: Sequence[str]) -> Consensus:
    """Weigh annotators and model by how well each explains the others.

    The model is trained a second time, on what the votes say instead of the label column: each row counts for the
    classes that it may have, by their probability. Where no row has two votes there is nothing to weigh, and the votes
    stand as they are. The label column is no vote, for it is mostly made of them.

    Parameters
    ----------
    evidence : Evidence
        With out-of-sample probabilities.
    annotators : sequence of str
        Columns that hold one annotator's labels each; empty where a row was not labelled by them.

    Returns
    -------
    Consensus
    """
    names = sorted(annotators)
    codes, lost = read_votes(evidence, names)
    rows, people = np.nonzero(codes >= 0)
    votes = Votes(rows, people, codes[rows, people], (*codes.shape, len(evidence.labels.names)))
    cast = np.bincount(rows, minlength=len(codes))
    notes = [_tell_lost(lost)] if lost else []
    if cast.max(initial=0) > 1:
        crowd = explain(votes, evidence.probabilities)
        if evidence.settings.probabilities is None:
            crowd = explain(votes, _teach(evidence, crowd.truth, cast > 0))
        truth = crowd.truth
        label, rated = crowd.truth.argmax(axis=1), _rate(crowd, names)
        found = {"confidence": crowd.truth.max(axis=1), "gain": crowd.expect_gain()}
    else:
        notes.append(
            "no row has the votes of two annotators, so they were not weighed: each consensus is the only vote"
        )
        truth = evidence.probabilities
        label = np.maximum(codes.max(axis=1), 0)
        found = {"confidence": evidence.probabilities[np.arange(len(label)), label]}
        rated = _count_only(votes, names)
    agreement = np.bincount(rows, votes.said == label[rows], minlength=len(codes)) / np.maximum(cast, 1)
    frame = _put_together(evidence, label, cast, agreement, found)
    wanted = {name: at for at, name in enumerate(names)}
    place = [wanted[name] for name in annotators]
    return Consensus(
        frame, _name_classes(rated.iloc[place].reset_index(drop=True), evidence), "; ".join(notes), truth, codes
    )


def _put_together(
    evidence: Evidence, label: Codes, cast: Codes, agreement: Floats, found: dict[str, Floats]
) -> pd.DataFrame:
    names = np.array([*evidence.labels.names, None], dtype=object)
    chosen = names[np.where(cast > 0, label, len(names) - 1)]
    frame = pd.DataFrame({"label": pd.Series(chosen, dtype=object)})
    frame["confidence"] = np.where(cast > 0, found["confidence"], np.nan)
    frame["agreement"] = np.where(cast > 0, agreement, np.nan)
    frame["votes"] = cast
    frame["gain"] = found.get("gain", np.nan)
    return frame[list(COLUMNS)]


def _name_classes(rated: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    names = np.array([*evidence.labels.names, None], dtype=object)
    for column in ("confuses", "with"):
        rated[column] = pd.Series(names[rated[column].to_numpy(dtype=np.intp)], dtype=object)
    return rated


# ---------------------------------------------------------------- reading


def read_votes(evidence: Evidence, annotators: Sequence[str]) -> tuple[Codes, list[object]]:
    """Read the annotators' cells as classes of the label, -1 for none; also return the votes for what is no class.

    A vote is read as the label is: 3, 3.0 and "3" are one class, and so are the spellings of one name.

    Raises
    ------
    InputError
        Where there are votes and none of them names a class of the label.
    """
    labels = evidence.labels
    known = _name_marks(labels)
    columns = [mark_cells(evidence.table.frame[name]) for name in annotators]
    empty = {m for column in columns for m in set(column) if is_name_for_nothing(m) and f"={m}" not in known}
    marks = [None if m in empty else m for column in columns for m in column]
    read = {mark: _find_class(mark, known) for mark in set(marks) if mark is not None}
    codes = np.array([-1 if mark is None else read[mark] for mark in marks], dtype=np.intp)
    lost = [mark for mark in marks if mark is not None and read[mark] < 0]
    if lost and (codes < 0).all():
        raise InputError(
            f"None of the {len(lost):,} votes of the annotators names a class of the label column {evidence.table.label!r}: they say "
            f"{name_some(sorted(set(map(str, lost))))}, the classes are {name_some(labels.names)}. "
            "Write both alike, for example with frame.replace, and audit again."
        )
    return codes.reshape(len(annotators), -1).T, lost


def find_annotators(evidence: Evidence) -> list[str]:
    """Find feature columns that look like single annotators' labels: several that hold its classes and agree with it."""
    table, labels = evidence.table, evidence.labels
    size = len(labels.names)
    known = _name_marks(labels)
    found = []
    for name in () if table.hidden else table.features:
        distinct = (
            table.frame[name].iloc[:_FIRST_LOOK].dropna().map(str).nunique() if table.kinds[name] != "image" else 0
        )
        if not 1 < distinct <= size + _OTHER_MARKS:
            continue
        places, marks = distinct_canonicals(table.frame[name])
        there = [m is not None and bool(m.strip()) for m in marks]
        read = [_find_class(str(m), known) if its else -1 for m, its in zip(marks, there, strict=True)]
        codes = np.array([*read, -1], dtype=np.intp)[places]
        filled = int(np.array([*there, False], dtype=np.bool_)[places].sum())
        both = (codes >= 0) & (labels.codes >= 0)
        if (codes >= 0).sum() < _VOTES_SHARE * filled or both.sum() < _FEWEST_VOTES:
            continue
        if _agree_beyond_chance(codes[both], labels.codes[both], size) >= _CLEAR_AGREEMENT:
            found.append(name)
    return found if len(found) > 1 else []


def _agree_beyond_chance(one: Codes, other: Codes, size: int) -> float:
    """Return Cohen's kappa of two codings."""
    shares = [np.bincount(codes, minlength=size) / len(codes) for codes in (one, other)]
    chance = float(shares[0] @ shares[1])
    return 0.0 if chance >= 1 else (float((one == other).mean()) - chance) / (1 - chance)


def _name_marks(labels: Labels) -> dict[str, int]:
    """Return what each way to write a class stands for: as given, by its name, and by its folded name if that is one class's."""
    folded: dict[str, set[int]] = {}
    exact: dict[str, int] = {}
    given = zip(mark_cells(pd.Series(labels.given, dtype=object)), labels.codes.tolist(), strict=True)
    for mark, code in [*((mark_class(n), c) for c, n in enumerate(labels.names)), *set(given)]:
        if mark is not None and code >= 0:
            exact[mark] = code
            folded.setdefault(fold(mark), set()).add(code)
    loose = {mark: next(iter(codes)) for mark, codes in folded.items() if len(codes) == 1 and mark}
    return {**{f"~{mark}": code for mark, code in loose.items()}, **{f"={m}": c for m, c in exact.items()}}


def _find_class(mark: str, known: dict[str, int]) -> int:
    for written in (mark, _ALIASES.get(mark)):
        if f"={written}" in known:
            return known[f"={written}"]
    return -1 if looks_like_number(mark) else known.get(f"~{fold(mark)}", -1)


def _tell_lost(lost: list[object]) -> str:
    verb = "does" if len(lost) == 1 else "do"
    return (
        f"{count(len(lost), 'vote', ('names', 'name'))} a class that the label never has and {verb} not count: "
        f"{name_some(sorted(set(map(str, lost))))}"
    )


# ---------------------------------------------------------------- teaching


def _teach(evidence: Evidence, truth: Floats, voted: npt.NDArray[np.bool_]) -> Floats:
    """Train the model on what the votes say, out of sample.

    It is trained a few times, each time with one of the classes that a row may have, drawn by their probability, and
    the predictions are averaged: so any model learns from probabilities, whether or not it can weigh rows.
    """
    from sklearn.exceptions import ConvergenceWarning

    from dcai.findings.labels.prediction import predict_classes

    steps = np.cumsum(truth, axis=1)
    start = np.random.default_rng(evidence.settings.random_state).random(len(truth))
    found = []
    draws = _DRAWS if len(truth) <= _MOST_DRAWN else 1
    for draw in range(draws):
        # Spread evenly: a class of probability 1/2 is drawn every second time.
        mark = (start + draw / draws) % 1.0
        codes = np.where(voted, np.minimum((steps < mark[:, None]).sum(axis=1), truth.shape[1] - 1), -1)
        if len(np.unique(codes[voted])) < 2:  # noqa: PLR2004 (nothing to tell apart)
            return evidence.probabilities
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # nearly there serves, and the user did not fit it
            found.append(predict_classes(_relabel(evidence, codes))[0])
    return np.asarray(np.mean(found, axis=0))


def _relabel(evidence: Evidence, codes: Codes) -> Evidence:
    """Make the same evidence under other labels, with what was already computed of its features."""
    names = np.array([*evidence.labels.names, None], dtype=object)
    made = replace(evidence)
    kept: dict[str, Any] = {
        n: vars(evidence)[n] for n in ("dense", "texts", "features", "compact") if n in vars(evidence)
    }
    labels = replace(evidence.labels, codes=codes, given=names[codes])
    vars(made).update(kept, task=evidence.task, roles=evidence.roles, twins=evidence.twins, labels=labels)
    return made


# ---------------------------------------------------------------- annotators


def _rate(crowd: Crowd, names: Sequence[str]) -> pd.DataFrame:
    """Rate every annotator, with what they confuse most."""
    rated = _count_only(crowd.votes, names)
    rated[["quality", "low", "high"]] = crowd.rate_all()
    rated["agreement"] = _agree(crowd.votes)
    for person in range(len(names)):
        counts = crowd.count_confusions(person)
        given = counts.sum(axis=1)
        wrong = counts * (1 - np.eye(len(counts)))
        true, said = np.unravel_index(int(wrong.argmax()), wrong.shape)
        if wrong[true, said] >= _FEWEST_CONFUSED:
            rated.loc[person, ["confuses", "with", "share"]] = [true, said, wrong[true, said] / given[true]]
    nobody = (rated["votes"] == 0).to_numpy()
    rated.loc[nobody, ["quality", "low", "high"]] = np.nan
    return rated


def _count_only(votes: Votes, names: Sequence[str]) -> pd.DataFrame:
    """Make the table of annotators with what needs no weighing."""
    frame = pd.DataFrame({"annotator": pd.Series(list(names), dtype=object)})
    frame["votes"] = np.bincount(votes.people, minlength=len(names))
    for name in RATED[2:]:
        frame[name] = -1 if name in ("confuses", "with") else np.nan
    return frame


def _agree(votes: Votes) -> Floats:
    """Return how often, over an annotator's votes, another vote on the same row is the same; NaN where there is none."""
    n, people, size = votes.size
    same = np.bincount(votes.rows * size + votes.said, minlength=n * size)[votes.rows * size + votes.said] - 1
    others = np.bincount(votes.rows, minlength=n)[votes.rows] - 1
    share = np.divide(same, others, out=np.zeros(len(same)), where=others > 0)
    judged = np.bincount(votes.people[others > 0], minlength=people)
    total = np.bincount(votes.people, share, minlength=people)
    return np.asarray(np.divide(total, judged, out=np.full(people, np.nan), where=judged > 0))
