"""What a label is taken for: inferred and stated, asked for and checked, or refused with the way out."""

import numpy as np
import pandas as pd
import pytest

from dcai.base.errors import InputError
from dcai.base.table import make_table
from dcai.findings.labels.tasks import read_task
from dcai.findings.report import audit

DRAW = np.random.default_rng(0)
WORDS = [["a"] * int(n) for n in DRAW.integers(2, 6, 40)]
SETS = [
    [str(c) for c in DRAW.choice(["comedy", "drama", "war"], int(n), replace=False)] for n in DRAW.integers(1, 3, 60)
]


def read(label, asked=None, **columns):
    return read_task(make_table(pd.DataFrame({**columns, "y": label}), "y"), asked)


@pytest.mark.parametrize(
    ("label", "task"),
    [
        (["a", "b"] * 30, "classification"),
        ([0, 1, 2] * 20, "classification"),
        ([True, False] * 30, "classification"),
        (DRAW.normal(size=60), "regression"),
        (SETS, "multilabel"),
        ([tuple(s) for s in SETS], "multilabel"),
        ([set(s) for s in SETS], "multilabel"),
        ([str(s) for s in SETS], "multilabel"),
        (["|".join(s) for s in SETS], "multilabel"),
        (["; ".join(s) for s in SETS], "multilabel"),
        (["Washington, DC", "Berlin, DE", "Paris, FR"] * 20, "classification"),
        (["yes, surely", "yes, maybe", "no, surely", "no, maybe"] * 15, "classification"),
        (["good film", "bad film", "a long and good film"] * 20, "classification"),
    ],
)
def test_what_a_label_is_is_inferred(label, task):
    assert read(label).task == task


def test_tags_are_told_from_sets_by_the_tokens_that_they_belong_to():
    tags = [["O"] * len(w) for w in WORDS]
    assert read(tags, words=WORDS).task == "token"
    assert read(tags, words=WORDS).tokens == "words"
    assert read([" ".join(t) for t in tags], words=[" ".join(w) for w in WORDS]).task == "token"
    sets = [["comedy", "drama"][: 1 + i % 2] for i in range(40)]
    assert read(sets, words=WORDS).task == "multilabel"


def test_what_was_inferred_is_stated():
    assert read(["|".join(s) for s in SETS]).why == "the cells hold several classes between '|'"
    frame = pd.DataFrame({"x": DRAW.normal(size=60), "y": DRAW.normal(size=60)})
    found = audit(frame, "y", detectors="labels", progress=False)
    assert found.task == "regression"
    assert "regression (inferred)" in found.checks["reason"][0]
    assert audit(frame, detectors="duplicates", progress=False).task is None


@pytest.mark.parametrize(
    ("label", "asked", "told"),
    [
        (SETS, "classification", r"holds several values in one cell, for example .* Expected one class a row"),
        (SETS, "regression", r"Expected one number a row for task='regression'. Use task='multilabel'"),
        (list("ab") * 30, "multilabel", r"No cell of the label column 'y' holds several classes"),
        (list("ab") * 30, "token", r"No column can hold the tokens"),
        (pd.date_range("2020-01-01", periods=60), None, r"The label column 'y' holds dates"),
        (list("ab") * 30, "regression", r"holds no numbers"),
    ],
)
def test_what_a_label_cannot_be_is_refused(label, asked, told):
    frame = pd.DataFrame({"x": np.arange(60.0), "y": label})
    with pytest.raises(InputError, match=told):
        audit(frame, "y", task=asked, progress=False)


def test_an_unknown_task_is_named():
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]})
    with pytest.raises(
        InputError,
        match=r"'task' parameter of audit must be one of 'classification', 'regression', 'multilabel', 'token'",
    ):
        audit(frame, "y", task="ranking", progress=False)


def test_few_dates_that_come_back_are_classes():
    assert read(pd.to_datetime(["2020-01-01", "2021-01-01"] * 30)).task == "classification"
