"""Several people's labels of the same rows: the label that they and the model agree on best."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import canonicals
from dcai.findings.evidence import Evidence

Floats = npt.NDArray[np.float64]

COLUMNS = ("label", "confidence", "agreement", "votes")


def find_consensus(evidence: Evidence, annotators: Sequence[str]) -> pd.DataFrame:
    """Weigh annotators and model by how well each agrees with the others (CROWDLAB).

    Parameters
    ----------
    evidence : Evidence
        With out-of-sample probabilities.
    annotators : sequence of str
        Columns that hold one annotator's labels each; empty where a row was not labelled by them.

    Returns
    -------
    pandas.DataFrame
        In canonical order: ``label`` (None where nobody labelled the row), ``confidence`` in it, ``agreement`` (the share
        of annotators that chose it) and ``votes`` (how many labelled the row).
    """
    votes = _read_votes(evidence, annotators)
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
    return found


def _weigh(votes: Floats, probabilities: Floats) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
    """Return the consensus, the confidence in it and the agreement with it; every row has at least one vote."""
    from cleanlab.multiannotator import get_label_quality_multiannotator

    used = votes[:, (~np.isnan(votes)).any(axis=0)]
    if used.shape[1] == 1:
        label = used[:, 0].astype(np.intp)  # nobody to weigh a single annotator against but the model
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


def _read_votes(evidence: Evidence, annotators: Sequence[str]) -> Floats:
    """Read the annotators' cells as codes of the label's classes, NaN for none and for a class that the label never has."""
    labels = evidence.labels
    given = dict(zip(canonicals(pd.Series(labels.given, dtype=object)), labels.codes, strict=True))
    known = {mark: float(code) for mark, code in given.items() if mark is not None and code >= 0}
    columns = [[known.get(mark, np.nan) for mark in canonicals(evidence.table.frame[name])] for name in annotators]
    return np.array(columns, dtype=np.float64).T
