"""Models that are brought up to date when a few labels change: what they say is what they would say learnt anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from dcai.findings import evidence as evidences
from dcai.findings.cache import CACHE
from dcai.findings.labels import bayes, folded, frugal, models, regressions
from dcai.findings.labels.folded import Change, Lesson
from dcai.findings.report import Audit, audit

ROWS, CLASSES = 6_000, 3


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    CACHE.clear()
    yield
    CACHE.clear()


@pytest.fixture(scope="module")
def clouds() -> tuple[Any, Any]:
    random = np.random.default_rng(5)
    codes = random.integers(0, CLASSES, ROWS)
    points = random.normal(size=(CLASSES, 6))[codes] + random.normal(size=(ROWS, 6))
    return points.astype(np.float32), codes


def _make_lesson(codes: Any) -> Lesson:
    folds = np.where(codes >= 0, np.arange(len(codes)) % 5, -1)
    return Lesson(codes, folds, np.arange(len(codes)), CLASSES, 0, lambda: None)


def _change(codes: Any, share: float = 0.01) -> tuple[Any, Change]:
    """Change some labels, take some away, and give some to rows without."""
    random = np.random.default_rng(1)
    rows = np.sort(random.choice(len(codes), int(share * len(codes)), replace=False))
    other = codes.copy()
    other[rows] = (codes[rows] + 1) % CLASSES
    other[rows[::7]] = -1
    before = _make_lesson(codes)
    return other, Change(rows, codes[rows], before.folds[rows])


def _learn(name: str, points: Any, lesson: Lesson) -> Any:
    if name == "discriminate":
        return folded.discriminate(points, lesson, 0.1)
    if name == "regress":
        return regressions.regress(points, lesson, 0.5)
    return bayes.count_words(csr_matrix(np.maximum(points, 0)), lesson, 0.3)


def _predict(name: str, learnt: Any, points: Any, lesson: Lesson) -> Any:
    return learnt.predict(csr_matrix(np.maximum(points, 0)) if name == "words" else points, lesson)


@pytest.mark.parametrize(("name", "apart"), [("discriminate", 1e-5), ("words", 1e-5), ("regress", 2e-2)])
def test_what_was_learnt_is_brought_up_to_date(clouds: Any, name: str, apart: float) -> None:
    points, codes = clouds
    codes = np.where(np.arange(ROWS) % 50 == 3, -1, codes)
    other, change = _change(codes)
    old, new = _make_lesson(codes), _make_lesson(other)
    learnt = _learn(name, points, old)
    view = csr_matrix(np.maximum(points, 0)) if name == "words" else points
    warm = _predict(name, learnt.update(view, new, change), points, new)
    cold = _predict(name, _learn(name, points, new), points, new)
    stale = _predict(name, learnt, points, new)
    assert np.abs(warm - cold).max() < apart
    assert np.abs(warm - cold).mean() < np.abs(stale - cold).mean() / 10


@pytest.mark.parametrize("name", ["discriminate", "words", "regress"])
def test_a_changed_label_has_no_say_in_its_own_prediction(clouds: Any, name: str) -> None:
    points, codes = clouds
    old = _make_lesson(codes)
    learnt = _learn(name, points, old)
    other = codes.copy()
    other[77] = (codes[77] + 1) % CLASSES
    new = _make_lesson(other)
    view = csr_matrix(np.maximum(points, 0)) if name == "words" else points
    after = _predict(name, learnt.update(view, new, Change(np.array([77]), codes[[77]], old.folds[[77]])), points, new)
    before = _predict(name, learnt, points, old)
    own = old.folds == old.folds[77]
    assert np.array_equal(before[own], after[own])
    assert not np.array_equal(before, after)


def test_words_are_counted_as_scikit_learn_counts_them(clouds: Any) -> None:
    from sklearn.naive_bayes import ComplementNB

    points, codes = clouds
    words, lesson = csr_matrix(np.maximum(points, 0)), _make_lesson(np.where(codes == 2, -1, codes))
    found = bayes.count_words(words, lesson, 0.3).predict(words, lesson)
    expected = models.predict_out_of_sample(
        lambda _: ComplementNB(alpha=0.3), words, lesson.codes, lesson.folds, CLASSES
    )
    assert np.abs(found - expected).max() < 1e-5


def test_another_label_moves_no_other_row_to_another_fold() -> None:
    random = np.random.default_rng(0)
    codes, groups = random.integers(0, 4, 9_000), random.permutation(9_000)
    codes[:20] = 4
    groups[100:200] = groups[0]
    folds = models.make_folds(codes, groups, 5, 0)
    assert len(np.unique(folds[100:200])) == 1
    assert np.bincount(folds[:20]).min() >= 3, "a rare class is in every fold"
    for code in range(4):
        assert np.bincount(folds[codes == code]).min() > 350
    other = codes.copy()
    other[[500, 600]] = (codes[[500, 600]] + 1) % 4
    other[700] = -1
    moved = models.make_folds(other, groups, 5, 0)
    assert moved[700] == -1
    assert np.array_equal(np.delete(moved, 700), np.delete(folds, 700))


def _make_frame() -> pd.DataFrame:
    random = np.random.default_rng(2)
    code = random.integers(0, 3, 4_000)
    frame = pd.DataFrame(1.2 * np.eye(3)[code] + random.normal(0, 0.7, (4_000, 3)), columns=list("xyz"))
    liked = np.where(random.random(4_000) < 0.3, code, random.integers(0, 3, 4_000))
    frame["kind"] = np.array(["oak", "elm", "ash"])[liked]
    own = np.array(["bark", "leaf", "root"])[np.where(random.random(4_000) < 0.3, code, random.integers(0, 3, 4_000))]
    frame["said"] = [
        f"{word} of w{a} w{b} w{c}" for word, (a, b, c) in zip(own, random.integers(0, 90, (4_000, 3)), strict=True)
    ]
    wrong = random.random(4_000) < 0.1
    frame["label"] = np.array(["a", "b", "c"])[np.where(wrong, (code + 1) % 3, code)]
    return frame


def _audit(frame: pd.DataFrame) -> Audit:
    return audit(frame, "label", detectors=["labels", "conflicts"], progress=False)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidences, "FULL_ROWS", 500)
    monkeypatch.setattr(models, "STEADY_ROWS", 500)
    monkeypatch.setattr(frugal, "CHOOSING_ROWS", 1_000)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(("models_left", "apart", "same"), [(slice(None), 1e-4, 0.999), (slice(1, 3), 1e-2, 0.98)])
def test_an_audit_again_says_what_a_cold_one_says_within_its_tolerance(
    monkeypatch: pytest.MonkeyPatch, models_left: slice, apart: float, same: float
) -> None:
    """All models, of which it chooses trees and class averages; and regressions alone, which are brought up to date in steps."""
    listed = frugal.list_models
    monkeypatch.setattr(frugal, "list_models", lambda *args, **more: listed(*args, **more)[models_left])
    frame = _make_frame()
    first = _audit(frame)
    fixed = frame.copy()
    for rows in (
        np.arange(0, 4_000, 250),
        np.arange(3, 4_000, 200),
    ):  # twice: the second time starts from the first audit too
        fixed.loc[rows, "label"] = frame["label"].to_numpy()[(rows + 7) % len(frame)]
        warm = _audit(fixed)
    changed = int((fixed["label"] != frame["label"]).sum())
    assert f"brought up to date with {changed} changed labels" in warm.checks["reason"].iloc[0]
    assert "brought up to date" not in first.checks["reason"].iloc[0]
    CACHE.clear()
    cold = _audit(fixed)
    assert (warm.scores["labels"] - cold.scores["labels"]).abs().mean() < apart
    ours, theirs = (set(one.by("labels").findings["row"]) for one in (warm, cold))
    assert len(ours & theirs) >= same * len(ours | theirs)


@pytest.mark.usefixtures("few")
def test_an_audit_of_the_same_data_again_says_the_same_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = frugal.list_models
    monkeypatch.setattr(frugal, "list_models", lambda *args, **more: listed(*args, **more)[1:3])
    frame = _make_frame()
    first, again = _audit(frame), _audit(frame)
    pd.testing.assert_frame_equal(first.probabilities, again.probabilities, check_exact=True)
    pd.testing.assert_frame_equal(first.findings, again.findings, check_exact=True)
    pd.testing.assert_frame_equal(first.checks.drop(columns="seconds"), again.checks.drop(columns="seconds"))


@pytest.mark.usefixtures("few")
def test_where_a_fold_has_lost_all_its_labels_everything_is_learnt_anew() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"kind": np.repeat(["oak", "elm", "ash", "fir", "yew"], [1500, 1200, 800, 470, 30])})
    frame["label"] = np.where(random.random(4_000) < 0.4, "a", "b")
    _audit(frame)
    frame.loc[frame["kind"] == "yew", "label"] = None
    warm = _audit(frame)
    CACHE.clear()
    cold = _audit(frame)
    assert warm.checks["status"].iloc[0] == "ran"
    pd.testing.assert_frame_equal(warm.scores, cold.scores)


@pytest.mark.usefixtures("few")
def test_after_many_changes_everything_is_learnt_anew() -> None:
    frame = _make_frame()
    _audit(frame)
    rows = np.arange(0, 4_000, 40)
    frame.loc[rows, "label"] = frame["label"].to_numpy()[(rows + 7) % len(frame)]
    warm = _audit(frame)
    CACHE.clear()
    cold = _audit(frame)
    pd.testing.assert_frame_equal(warm.scores, cold.scores)
    pd.testing.assert_frame_equal(warm.checks.drop(columns="seconds"), cold.checks.drop(columns="seconds"))


@pytest.mark.usefixtures("few")
def test_the_order_of_the_rows_moves_nothing_when_labels_have_changed() -> None:
    frame = _make_frame()
    _audit(frame)
    frame.loc[:9, "label"] = "a"
    order = np.random.default_rng(1).permutation(len(frame))
    warm, moved = _audit(frame), _audit(frame.iloc[order].reset_index(drop=True))
    assert np.array_equal(warm.scores["labels"].to_numpy()[order], moved.scores["labels"].to_numpy())
