"""What others do with the same data: cleanlab with the best simple model, skrub, and baselines of a few lines."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sets import CellSet, LabelSet
from sklearn.metrics import average_precision_score

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class NotInstalled(Exception):
    """A peer that is not there."""


# ---------------------------------------------------------------- labels


def judge_by_dcai(data: LabelSet) -> tuple[Flags, Floats]:
    """Flag and rank by `dcai.audit` with its defaults."""
    import dcai

    found = dcai.audit(data.frame, "label", probabilities=data.probabilities, progress=False)
    rows = found.findings
    rows = rows[(rows["column"] == "label") & rows["detector"].isin(["labels", "conflicts"]) & (rows["row"] >= 0)]
    flagged = np.zeros(len(data.frame), dtype=bool)
    flagged[rows["row"].to_numpy(int)] = True
    return flagged, np.nan_to_num(found.scores["labels"].to_numpy("float64"))


def judge_by_cleanlab(data: LabelSet) -> tuple[Flags, Floats]:
    """Flag by cleanlab's default filter, rank by self-confidence."""
    from cleanlab.filter import find_label_issues

    codes, chances = pick_probabilities(data)
    present = np.unique(codes)  # cleanlab knows no class without a row
    cut = chances[:, present] / np.maximum(chances[:, present].sum(axis=1, keepdims=True), 1e-12)
    return find_label_issues(np.searchsorted(present, codes), cut), 1 - chances[np.arange(len(codes)), codes]


def judge_by_difference(data: LabelSet) -> tuple[Flags, Floats]:
    """Flag every row for which the same model predicts another class."""
    codes, chances = pick_probabilities(data)
    return chances.argmax(axis=1) != codes, 1 - chances[np.arange(len(codes)), codes]


def pick_probabilities(data: LabelSet) -> tuple[npt.NDArray[np.intp], Floats]:
    """Take the probabilities that come with a set or, of a few simple models, those that rank best by the true answers.

    No user can pick so well: it is the best that a hand-picked model can do.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    if data.probabilities is not None:
        names = {str(c): i for i, c in enumerate(data.probabilities.columns)}
        codes = np.array([names[str(v)] for v in data.frame["label"]], dtype=np.intp)
        return codes, data.probabilities.to_numpy()
    codes = pd.factorize(data.frame["label"], sort=True)[0].astype(np.intp)
    matrix = vectorise(data.frame.drop(columns="label"))
    best, top = None, -1.0
    for model in list_models(matrix):
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        chances = cross_val_predict(model, matrix, codes, cv=folds, method="predict_proba")
        doubt = 1 - chances[np.arange(len(codes)), codes]
        score = average_precision_score(data.wrong[data.known], doubt[data.known])
        if score > top:
            best, top = chances, score
    assert best is not None
    return codes, best


def list_models(matrix: Any) -> list[Any]:
    """List simple models: linear ones for words, also a forest for numbers."""
    from scipy import sparse
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import ComplementNB

    logistic = LogisticRegression(max_iter=1000)
    if sparse.issparse(matrix):
        return [logistic] if matrix.min() < 0 else [logistic, ComplementNB()]
    return [logistic, LogisticRegression(C=0.05, max_iter=1000), RandomForestClassifier(200, random_state=0)]


def vectorise(frame: pd.DataFrame) -> Any:
    """Make the matrix that one writes by hand: numbers scaled, short texts one-hot, long ones tf-idf, images as pixels."""
    from scipy import sparse
    from sklearn.decomposition import PCA
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    parts: list[Any] = []
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.iloc[0], bytes):
            pixels = np.stack([_read_pixels(cell) for cell in column])
            parts.append(PCA(80, random_state=0).fit_transform(pixels))
        elif pd.api.types.is_numeric_dtype(column.dtype):
            values = column.fillna(column.median()).to_numpy(dtype="float64")[:, None]
            parts.append(StandardScaler().fit_transform(values))
        elif column.nunique() > 100:
            parts.append(
                TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit_transform(
                    column.fillna("").astype(str)
                )
            )
        else:
            parts.append(OneHotEncoder().fit_transform(column.astype(str).to_numpy()[:, None]))
    return sparse.hstack(parts, format="csr") if any(map(sparse.issparse, parts)) else np.hstack(parts)


def _read_pixels(cell: bytes) -> Floats:
    from PIL import Image

    small = Image.open(io.BytesIO(cell)).convert("RGB").resize((32, 32))
    return np.asarray(small, dtype="float64").ravel() / 255


# ---------------------------------------------------------------- annotators


def agree_by_dcai(data: LabelSet) -> npt.NDArray[np.object_]:
    """Ask `dcai.audit` for the consensus of the annotators and its model."""
    import dcai

    assert data.annotators is not None
    frame = pd.concat([data.frame, data.annotators], axis=1)
    names = list(data.annotators.columns)
    found = dcai.audit(frame, "label", annotators=names, detectors="labels", progress=False)
    assert found.consensus is not None
    return found.consensus["label"].to_numpy(dtype=object)


def agree_by_majority(data: LabelSet) -> npt.NDArray[np.object_]:
    """Take the commonest vote, the smallest class of several."""
    assert data.annotators is not None
    return data.annotators.mode(axis=1)[0].to_numpy(dtype=object)


def agree_by_crowdlab(data: LabelSet) -> npt.NDArray[np.object_]:
    """Weigh annotators and the hand-picked model by cleanlab's CROWDLAB."""
    from cleanlab.multiannotator import get_label_quality_multiannotator

    assert data.annotators is not None
    codes, chances = pick_probabilities(data)
    classes = np.empty(chances.shape[1], dtype=object)
    classes[codes] = data.frame["label"].to_numpy(dtype=object)
    place = {str(name): code for code, name in enumerate(classes)}
    votes = data.annotators.map(lambda v: place.get(_name(v), np.nan) if pd.notna(v) else np.nan).astype("float64")
    voted = votes.notna().any(axis=1).to_numpy()
    answers = agree_by_majority(data)
    said = get_label_quality_multiannotator(votes[voted].reset_index(drop=True), chances[voted], verbose=False)
    answers[voted] = classes[said["label_quality"]["consensus_label"].to_numpy(dtype=np.intp)]
    return answers


def _name(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


# ---------------------------------------------------------------- cells

Repairs = dict[tuple[int, int], str]


def clean_by_dcai(data: CellSet) -> tuple[Flags, Floats, Repairs]:
    """Flag cells, rank them, and repair those whose suggestion `dcai.audit` is sure of."""
    import dcai

    found = dcai.audit(data.dirty, progress=False).findings
    found = found[found["column"].notna() & (found["row"] >= 0)]
    place = {name: i for i, name in enumerate(data.dirty.columns)}
    doubt, repairs = np.zeros(data.dirty.shape), {}
    for f in found.itertuples():
        at = (int(f.row), place[f.column])
        doubt[at] = max(doubt[at], f.doubt)
        if f.suggested is not None and f.confidence >= 0.95:
            repairs[at] = str(f.suggested)
    return doubt > 0, doubt, repairs


def clean_by_skrub(data: CellSet) -> tuple[Flags, Floats, Repairs]:
    """Flag what skrub's Cleaner empties, and what its deduplicate would spell otherwise."""
    try:
        from skrub import Cleaner, deduplicate
    except ImportError as error:
        raise NotInstalled("not installed: pip install dcai[bench]") from error
    kept = Cleaner().fit_transform(data.dirty)
    flagged, repairs = np.zeros(data.dirty.shape, dtype=bool), {}
    for j, name in enumerate(data.dirty.columns):
        column = data.dirty[name]
        if name in kept:
            flagged[:, j] |= (kept[name].isna() & (column != "")).to_numpy()
        if 3 <= column.nunique() <= 300:
            try:
                spelled = pd.Series(deduplicate(column.tolist())).astype(str).to_numpy()
            except ValueError:  # it has no answer for some columns
                continue
            changed = spelled != column.to_numpy()
            flagged[:, j] |= changed
            repairs |= {(int(i), j): str(spelled[i]) for i in np.flatnonzero(changed)}
    return flagged, flagged.astype("float64"), repairs


def clean_by_rarity(data: CellSet) -> tuple[Flags, Floats, Repairs]:
    """Flag values that occur once in columns in which most do not."""
    doubt = np.zeros(data.dirty.shape)
    for j, name in enumerate(data.dirty.columns):
        counts = data.dirty[name].map(data.dirty[name].value_counts()).to_numpy()
        if (counts == 1).mean() < 0.5:
            doubt[:, j] = 1 / counts
    return doubt == 1, doubt, {}


METHODS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "labels": {"dcai": judge_by_dcai, "cleanlab": judge_by_cleanlab, "p != given": judge_by_difference},
    "crowd": {"dcai": agree_by_dcai, "CROWDLAB": agree_by_crowdlab, "majority": agree_by_majority},
    "cells": {"dcai": clean_by_dcai, "skrub": clean_by_skrub, "rare values": clean_by_rarity},
}
