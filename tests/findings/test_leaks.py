"""Out of sample means out of sample: where labels are drawn by lot, no prediction knows them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from dcai.findings.labels.amount_models import Lesson, predict_spread, teach_again, teach_first
from dcai.findings.labels.multilabel import _learn_from_others
from dcai.findings.labels.tagging import _add_neighbours
from dcai.findings.report import audit

WORDS = np.array([f"word{i}" for i in range(300)])


def write_texts(draw, rows):
    return [" ".join(draw.choice(WORDS, 8)) for _ in range(rows)]


def make_numbers(draw, rows):
    return pd.DataFrame(draw.normal(size=(rows, 5)), columns=list("abcde"))


ROWS, SEEDS = 160, 8


def is_by_lot(sizes, rows=ROWS):
    """Whether the mean of areas under the curve strays from a half by no more than four times what is usual of it."""
    usual = np.sqrt((rows + 1) / (3 * rows**2) / len(sizes))
    return abs(np.mean(sizes) - 0.5) < 4 * usual + 0.01


@pytest.mark.parametrize(
    "make",
    [
        lambda draw, rows: pd.DataFrame({"text": write_texts(draw, rows)}),
        make_numbers,
    ],
    ids=["texts", "numbers"],
)
def test_labels_drawn_by_lot_are_predicted_no_better_than_by_lot(make):
    sizes = []
    for seed in range(SEEDS):
        draw = np.random.default_rng(seed)
        label = draw.integers(0, 2, ROWS)
        frame = make(draw, ROWS).assign(label=np.where(label, "yes", "no"))
        found = audit(frame, "label", detectors="labels", progress=False)
        sizes.append(roc_auc_score(label, found.probabilities["yes"]))
    assert is_by_lot(sizes)


def test_numbers_drawn_by_lot_are_predicted_no_better_than_by_lot():
    """Labels far out are replaced before the models learn again: by predictions that have not seen the fold either."""
    sizes = []
    for seed in range(SEEDS):
        draw = np.random.default_rng(seed)
        label = draw.standard_t(2, ROWS)
        frame = make_numbers(draw, ROWS).assign(label=label)
        found = audit(frame, "label", task="regression", detectors="labels", progress=False)
        sizes.append(roc_auc_score(label > np.median(label), found.predictions))
    assert is_by_lot(sizes)


def test_sets_drawn_by_lot_are_predicted_no_better_than_by_lot():
    sizes = []
    for seed in range(SEEDS // 2):
        draw = np.random.default_rng(seed)
        held = draw.random((ROWS, 3)) < 0.5
        cells = [[name for name, has in zip("abc", row, strict=True) if has] for row in held]
        frame = make_numbers(draw, ROWS).rename(columns=str.upper).assign(label=pd.Series(cells, dtype=object))
        found = audit(frame, "label", task="multilabel", detectors="labels", progress=False)
        sizes += [roc_auc_score(held[:, k], found.probabilities[name]) for k, name in enumerate("abc")]
    assert is_by_lot(sizes)


def test_tags_drawn_by_lot_are_predicted_no_better_than_by_lot():
    sizes, length = [], 4
    for seed in range(SEEDS):
        draw = np.random.default_rng(seed)
        words = [list(draw.choice(WORDS, length)) for _ in range(ROWS // length)]
        held = draw.random((ROWS // length, length)) < 0.5
        tags = [["X" if has else "O" for has in row] for row in held]
        frame = pd.DataFrame({"words": words, "label": tags})
        found = audit(frame, "label", task="token", detectors="labels", progress=False)
        sizes.append(roc_auc_score(held.ravel(), found.probabilities["X"]))
    assert is_by_lot(sizes)


# ---------------------------------------------------------------- to the last bit: what a fold's own labels cannot move


@pytest.mark.parametrize("number", [3, 5, 7])
def test_the_numbers_of_a_fold_move_nothing_that_is_said_of_it(number):
    draw = np.random.default_rng(0)
    points, folds = draw.normal(size=(80, 4)), np.arange(80) % number
    label = points[:, 0] + draw.standard_t(2, 80)
    other = np.where(folds == 1, 100 * draw.normal(size=80), label)
    lesson, said = Lesson(points, folds, lambda *_: None), []
    for taught in (label, other):
        first = teach_first(lesson, taught)

        def doubt(beside, taught=taught):
            return np.abs(taught - beside) > 1

        again = teach_again(lesson, first, taught, doubt)
        spread = predict_spread(lesson, taught, again, first.beside)
        said.append([x[folds == 1] for x in (first.own, again)] + [np.log(spread)[folds == 1]])
    (own, again, spread), (own_too, again_too, spread_too) = said
    assert (own == own_too).all()
    assert (again == again_too).all()
    # A spread is told in proportion to that of all rows: but for one common factor it is the same.
    assert np.ptp(spread - spread_too) < 1e-9


def test_the_memberships_of_a_fold_move_nothing_that_is_said_of_them():
    draw = np.random.default_rng(0)
    points, folds = draw.normal(size=(60, 4)), np.arange(60) % 4
    codes = (points[:, :3] + draw.normal(size=(60, 3)) > 0).astype(int)
    other = codes.copy()
    other[folds == 1, 0] = 1 - codes[folds == 1, 0]
    sets = SimpleNamespace(known=np.arange(60), judged=np.arange(3))
    evidence = SimpleNamespace(features=points, sets=sets)
    one, two = (_learn_from_others(evidence, its, folds)[folds == 1, 0] for its in (codes, other))
    assert (one == two).all()


def test_a_tag_is_no_feature_of_its_own_token():
    codes, first = np.array([0, 1, 2, 1, 0, 2]), np.array([1, 0, 0, 1, 0, 0], dtype=bool)
    sentences = SimpleNamespace(
        labels=SimpleNamespace(codes=codes, names=tuple("abc")), first=first, last=np.append(first[1:], [True])
    )
    seen = _add_neighbours(sparse.csr_matrix((6, 1)), sentences).toarray()
    for token in range(6):
        sentences.labels.codes = np.where(np.arange(6) == token, (codes + 1) % 3, codes)
        moved = _add_neighbours(sparse.csr_matrix((6, 1)), sentences).toarray()
        assert (moved[token] == seen[token]).all()
        assert (moved != seen).any()
