"""Tags of tokens, predicted by models that have not seen the sentence: from words and shapes, and from the tags around."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dcai.findings.labels import models
from dcai.findings.wording import describe_mixture

if TYPE_CHECKING:
    from dcai.findings.evidence import Evidence
    from dcai.findings.labels.tokens import Sentences

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

WIDTH = 2**17  # of the hashed features of a word,
NEAR_WIDTH = 2**15  # and of those of its neighbours
LONGEST = 3  # letters of the beginnings and endings that count
_DIGIT = re.compile(r"\d")


def predict_tags(evidence: Evidence) -> tuple[Floats, str]:
    """Predict the tag of every token out of sample, shape (T, K); also say by which model."""
    sentences = evidence.sentences
    codes, size = sentences.labels.codes, len(sentences.labels.names)
    folds = _make_folds(evidence)
    features = make_features(sentences)
    if evidence.settings.model is not None:
        from sklearn.base import clone

        model = evidence.settings.model
        found = models.predict_out_of_sample(lambda _: clone(model), features, codes, folds, size)
        return found, f"model {type(model).__name__} of words, their shapes and neighbours"
    predicted = {}
    makers = {
        "words": lambda _: _linear(1e-5),
        "words, strict": lambda _: _linear(1e-4),
        "naive Bayes": lambda _: _bayes(),
    }
    for done, (name, make) in enumerate(makers.items()):
        evidence.progress("tokens", done, len(makers) + 1)
        raw = models.predict_out_of_sample(make, features, codes, folds, size)
        predicted[name] = models.temper(raw, codes)
    evidence.progress("tokens", len(makers), len(makers) + 1)
    raw = models.predict_out_of_sample(makers["words"], _add_neighbours(features, sentences), codes, folds, size)
    predicted["tags around"] = models.temper(raw, codes)
    weights = models.weigh(predicted, codes)
    return models.temper(models.mix(predicted, weights), codes), describe_mixture(weights)


def _make_folds(evidence: Evidence) -> Rows:
    """Deal sentences into folds; equal ones share theirs."""
    from dcai.findings.evidence import Unmet

    sentences, known = evidence.sentences, np.full(len(evidence.table), -1, dtype=np.intp)
    known[sentences.row[sentences.labels.codes >= 0]] = 0
    groups = len(np.unique(evidence.twins[known == 0]))
    if groups < 2:  # noqa: PLR2004 (a sentence is predicted by others)
        raise Unmet("all sentences with tags are equal, so none can be predicted from others")
    folds = models.make_folds(
        known, evidence.twins, min(evidence.settings.folds, groups), evidence.settings.random_state
    )
    return np.asarray(folds[sentences.row], dtype=np.intp)


def _linear(strength: float) -> Any:
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(loss="log_loss", alpha=strength, average=True, max_iter=10, tol=None, random_state=0)


def _bayes() -> Any:
    from sklearn.naive_bayes import ComplementNB

    return ComplementNB(alpha=0.3)


def make_features(sentences: Sentences) -> Any:
    """Describe each token by its word, beginnings, endings and shape, and by its neighbours; sparse, shape (T, d)."""
    from scipy import sparse
    from sklearn.feature_extraction import FeatureHasher

    distinct, places = np.unique(sentences.words.astype(str), return_inverse=True)
    described = [_describe(word) for word in distinct]
    own = FeatureHasher(WIDTH, input_type="string", alternate_sign=False).transform(described)
    # A neighbour counts by its word, its shape and its ending.
    near = FeatureHasher(NEAR_WIDTH, input_type="string", alternate_sign=False).transform([d[:3] for d in described])
    inner, outer = ~sentences.first, ~sentences.last
    before, after = np.roll(places, 1), np.roll(places, -1)
    second = np.append([False], inner[:-1]) & inner
    parts = [
        own[places],
        sparse.diags(inner.astype(float)) @ near[before],
        sparse.diags(outer.astype(float)) @ near[after],
        sparse.diags(second.astype(float)) @ near[np.roll(places, 2)],
        sparse.csr_matrix(np.column_stack([sentences.first, sentences.last, np.ones(len(places))]).astype(float)),
    ]
    return sparse.hstack(parts, format="csr")


def _describe(word: str) -> list[str]:
    lower = _DIGIT.sub("0", word.lower())
    shape = "".join("X" if c.isupper() else "x" if c.isalpha() else "0" if c.isdigit() else c for c in word[:20])
    shape = re.sub(r"(.)\1{2,}", r"\1\1", shape)
    ends = [f"<{lower[:n]}" for n in range(1, LONGEST + 1)] + [f"{lower[-n:]}>" for n in range(1, LONGEST)]
    return [f"w={lower}", f"s={shape}", f"{lower[-LONGEST:]}>", *ends]


def _add_neighbours(features: Any, sentences: Sentences) -> Any:
    """Add the given tags of both neighbours, not its own, to each token's features.

    No first predictions: those of the tokens that are learnt from were made by models that know the tags which are to be
    predicted, and would hand them on.
    """
    from scipy import sparse

    codes, size = sentences.labels.codes, len(sentences.labels.names)
    given = sparse.csr_matrix(np.eye(size + 1)[codes][:, :size])
    inner, outer = ((~side).astype(float) for side in (sentences.first, sentences.last))
    places = np.arange(len(codes))
    before, after = given[np.roll(places, 1)], given[np.roll(places, -1)]
    return sparse.hstack([features, sparse.diags(inner) @ before, sparse.diags(outer) @ after], format="csr")
