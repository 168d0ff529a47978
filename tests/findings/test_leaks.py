"""Out of sample means out of sample: where labels are drawn by lot, no prediction knows them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from dcai.findings.report import audit

WORDS = np.array([f"word{i}" for i in range(300)])


def write_texts(draw, rows):
    return [" ".join(draw.choice(WORDS, 8)) for _ in range(rows)]


def make_numbers(draw, rows):
    return pd.DataFrame(draw.normal(size=(rows, 5)), columns=list("abcde"))


@pytest.mark.parametrize(
    "make",
    [
        lambda draw, rows: pd.DataFrame({"text": write_texts(draw, rows)}),
        make_numbers,
    ],
    ids=["texts", "numbers"],
)
def test_labels_drawn_by_lot_are_predicted_no_better_than_by_lot(make):
    sizes, rows = [], 160
    for seed in range(8):
        draw = np.random.default_rng(seed)
        label = draw.integers(0, 2, rows)
        frame = make(draw, rows).assign(label=np.where(label, "yes", "no"))
        found = audit(frame, "label", detectors="labels", progress=False)
        sizes.append(roc_auc_score(label, found.probabilities["yes"]))
    # The mean of eight areas under the curve strays by .016; four times that is no accident.
    assert abs(np.mean(sizes) - 0.5) < 4 * np.sqrt((2 * rows + 2) / (6 * rows**2) / len(sizes)) + 0.01
