"""Several people's labels of the same rows: the label that they and the model agree on best."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import canonicals
from dcai.findings.evidence import Evidence
from dcai.findings.wording import count

Floats = npt.NDArray[np.float64]

COLUMNS = ("label", "confidence", "agreement", "votes")


def find_consensus(evidence: Evidence, annotators: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """Weigh annotators and model by how well each agrees with the others (CROWDLAB).

    Parameters
    ----------
    evidence : Evidence
        With out-of-sample probabilities.
    annotators : sequence of str
        Columns that hold one annotator's labels each; empty where a row was not labelled by them.

    Returns
    -------
    tuple of pandas.DataFrame and str
        In canonical order: ``label`` (None where nobody labelled the row), ``confidence`` in it, ``agreement`` (the share
        of annotators that chose it) and ``votes`` (how many labelled the row); and what is to be known about it.
    """
    votes, lost = _read_votes(evidence, annotators)
    voted = np.flatnonzero((~np.isnan(votes)).any(axis=1))
    found = pd.DataFrame({c: pd.Series([None] * len(votes), dtype=object) for c in COLUMNS})
    found["confidence"], found["agreement"] = np.nan, np.nan
    found["votes"] = (~np.isnan(votes)).sum(axis=1)
    if len(voted):
        label, confidence, agreement = _weigh(votes[voted], evidence.probabilities[voted])
        names = np.array([*evidence.labels.names, None], dtype=object)[:-1]
        chosen = np.full(len(votes), None, dtype=object)
        chosen[voted] = names[label]
        found["label"] = chosen
        found.loc[voted, "confidence"] = confidence
        found.loc[voted, "agreement"] = agreement
    notes = [
        f"{count(lost, 'vote', ('names', 'name'))} a class that the label never has and {'does' if lost == 1 else 'do'} not count"
    ]
    alone = found["votes"].max() < 2  # noqa: PLR2004 (two people can agree)
    why = "no row has the votes of two annotators, so they were not weighed: each consensus is the only vote"
    return found, "; ".join([*(notes if lost else []), *([why] if alone else [])])


def _weigh(votes: Floats, probabilities: Floats) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
    """Return the consensus, the confidence in it and the agreement with it; every row has at least one vote."""
    from cleanlab.multiannotator import get_label_quality_multiannotator

    there = ~np.isnan(votes)
    used = votes[:, there.any(axis=0)]
    if there.sum(axis=1).max() == 1:
        label = np.nanmax(votes, axis=1).astype(np.intp)  # nobody to weigh a lone vote against but the model
        return label, probabilities[np.arange(len(label)), label], np.ones(len(label))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of annotators with few labels; `votes` shows them
        quality = get_label_quality_multiannotator(
            pd.DataFrame(used),
            probabilities,
            verbose=False,
            return_detailed_quality=False,
            return_annotator_stats=False,
        )["label_quality"]
    return (
        quality["consensus_label"].to_numpy(dtype=np.intp),
        quality["consensus_quality_score"].to_numpy(dtype=np.float64),
        quality["annotator_agreement"].to_numpy(dtype=np.float64),
    )


def _read_votes(evidence: Evidence, annotators: Sequence[str]) -> tuple[Floats, int]:
    """Read the annotators' cells as codes of the label's classes, NaN for none; count those for a class that it never has."""
    labels = evidence.labels
    given = dict(zip(canonicals(pd.Series(labels.given, dtype=object)), labels.codes, strict=True))
    known = {mark: float(code) for mark, code in given.items() if mark is not None and code >= 0}
    marks = [canonicals(evidence.table.frame[name]) for name in annotators]
    lost = sum(mark is not None and mark not in known for column in marks for mark in column)
    return np.array([[known.get(mark, np.nan) for mark in column] for column in marks], dtype=np.float64).T, lost
