"""Models for many rows: no row has a say in its own prediction, copies and groups stay together, order moves nothing."""

import numpy as np
import pandas as pd
import pytest

from dcai.findings import evidence as evidences
from dcai.findings.cache import CACHE
from dcai.findings.features.compact import compact_columns
from dcai.findings.labels import folded, forests, frugal, models, regressions
from dcai.findings.labels.discriminants import Discriminant
from dcai.findings.labels.folded import Lesson
from dcai.findings.labels.models import log_loss
from dcai.findings.report import audit

MODELS = {
    "regress": lambda x, lesson: regressions.regress(x, lesson, 0.5).predict(x, lesson),
    "discriminate": lambda x, lesson: folded.discriminate(x, lesson, 0.1).predict(x, lesson),
    "grow": lambda x, lesson: forests.grow(x, lesson, 20),
}


@pytest.fixture(autouse=True)
def _forget():
    """No audit knows what another one learnt of the same table."""
    CACHE.clear()


def make_lesson(codes, size, groups=None):
    groups = np.arange(len(codes)) if groups is None else groups
    return Lesson(codes, models.make_folds(codes, groups, 5, 0), groups, size, 0, lambda: None)


@pytest.fixture(scope="module")
def clouds():
    random = np.random.default_rng(5)
    codes = random.integers(0, 3, 600)
    points = random.normal(size=(3, 6))[codes] * 1.5 + random.normal(size=(600, 6))
    return points.astype(np.float32), codes


@pytest.mark.parametrize("name", MODELS)
def test_the_classes_of_clouds_are_predicted(clouds, name):
    points, codes = clouds
    found = MODELS[name](points, make_lesson(codes, 3))
    assert (found.argmax(axis=1) == codes).mean() > 0.85
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("row", [0, 77, 402])
def test_a_label_has_no_say_in_its_own_prediction(clouds, name, row):
    points, codes = clouds
    lesson = make_lesson(codes, 3)
    other = codes.copy()
    other[row] = (codes[row] + 1) % 3
    parts = models.make_folds(codes, lesson.groups, 10, 0)
    before = MODELS[name](points, lesson)
    with pytest.MonkeyPatch.context() as patch:
        # The same deal for both, for which fold a row is in may follow its class.
        patch.setattr(forests, "make_folds", lambda *_: parts)
        after = MODELS[name](points, Lesson(other, lesson.folds, lesson.groups, 3, 0, lambda: None))
    assert np.array_equal(before[row], after[row])
    assert not np.array_equal(before, after)


@pytest.mark.parametrize("name", MODELS)
def test_copies_and_groups_do_not_tell_each_other(name):
    """Labels at random: what predicts them better than chance has seen them, here in a copy of the row."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(300), 2)
    points = random.normal(size=(300, 4)).astype(np.float32)[groups]
    codes = random.integers(0, 2, 300)[groups]
    found = MODELS[name](points, make_lesson(codes, 2, groups))
    assert (found.argmax(axis=1) == codes).mean() < 0.6


@pytest.mark.parametrize("name", MODELS)
def test_rows_without_a_label_are_predicted_and_a_class_that_was_not_seen_gets_nothing(clouds, name):
    points, codes = clouds
    codes = codes.copy()
    codes[codes == 2] = -1
    codes[0] = 2
    lesson = make_lesson(codes, 3)
    found = MODELS[name](points, lesson)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    assert found[0, 2] == 0.0
    assert np.isfinite(found).all()


def test_the_regression_is_the_one_that_scikit_learn_fits(clouds):
    from sklearn.linear_model import LogisticRegression

    points, codes = clouds
    lesson = make_lesson(codes, 3)
    found = MODELS["regress"](points, lesson)
    expected = models.predict_out_of_sample(
        lambda _: LogisticRegression(C=0.5, max_iter=500), points.astype(np.float64), codes, lesson.folds, 3
    )
    assert log_loss(found, codes) == pytest.approx(log_loss(expected, codes), abs=0.005)
    assert np.corrcoef(found[:, 0], expected[:, 0])[0, 1] > 0.995


def test_the_discriminant_of_folds_is_the_one_fitted_fold_by_fold(clouds):
    points, codes = clouds
    lesson = make_lesson(codes, 3)
    found = MODELS["discriminate"](points, lesson)
    expected = models.predict_out_of_sample(
        lambda _: Discriminant(0.1), points.astype(np.float64), codes, lesson.folds, 3
    )
    assert np.allclose(found, expected, atol=1e-3)


def make_table(rows, *, bent=False):
    random = np.random.default_rng(2)
    code = random.integers(0, 2, rows)
    x, y = random.normal(size=(2, rows))
    if bent:
        code = (x * y > 0).astype(int)
    frame = pd.DataFrame({"x": x if bent else x + 2.5 * code, "y": y, "kind": np.array(["a", "b"])[code ^ (x > 1)]})
    if bent:
        frame["kind"] = np.array(["a", "b"])[random.integers(0, 2, rows)]
    frame["said"] = np.array(["good fine nice", "bad awful poor"])[random.integers(0, 2, rows)]
    wrong = random.random(rows) < 0.05
    frame["label"] = np.array(["no", "yes"])[np.where(wrong, 1 - code, code)]
    return frame, set(np.flatnonzero(wrong).tolist())


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(evidences, "FULL_ROWS", 500)
    monkeypatch.setattr(frugal, "CHOOSING_ROWS", 400)


@pytest.mark.usefixtures("few")
def test_wrong_labels_are_found_and_the_order_of_the_rows_moves_nothing():
    frame, wrong = make_table(2000)
    found = audit(frame, "label", detectors="labels", progress=False)
    order = np.random.default_rng(1).permutation(len(frame))
    CACHE.clear()
    moved = audit(frame.iloc[order].reset_index(drop=True), "label", detectors="labels", progress=False)
    assert np.array_equal(found.scores["labels"].to_numpy()[order], moved.scores["labels"].to_numpy())
    worst = found.scores["labels"].to_numpy().argsort()[::-1][: len(wrong)]
    assert len(wrong & set(worst.tolist())) > 0.6 * len(wrong)


@pytest.mark.usefixtures("few")
def test_the_number_of_threads_moves_nothing():
    from threadpoolctl import threadpool_limits

    frame, _ = make_table(1500)
    found = []
    for threads in (1, 2):
        CACHE.clear()
        with threadpool_limits(threads):
            found.append(audit(frame, "label", detectors="labels", progress=False).scores["labels"].to_numpy())
    assert np.allclose(found[0], found[1], atol=1e-3)


@pytest.mark.usefixtures("few")
def test_trees_are_chosen_where_no_line_parts_the_classes_and_left_out_where_one_does():
    bent, straight = (
        audit(make_table(3000, bent=b)[0], "label", detectors="labels", progress=False).checks["reason"].iloc[0]
        for b in (True, False)
    )
    assert "trees" in bent
    assert "logistic regression" in straight or "class averages" in straight


def test_columns_are_compacted_by_role():
    frame, _ = make_table(300)
    roles = {"x": "number", "y": "number", "kind": "category", "said": "text"}
    compact = compact_columns(frame.assign(x=frame["x"].where(frame["x"] < 2)), roles)
    assert compact.linear.dtype == compact.trees.dtype == np.float32
    assert compact.linear.shape[1] > compact.wordless >= 5
    assert compact.trees.shape[0] == compact.words.shape[0] == 300
    assert np.isfinite(compact.linear).all()


def test_categories_are_numbered_alike_whatever_the_order_of_rows():
    column = pd.Series(["b", "a", "c", "a", None, "b"], name="c")
    order = [5, 0, 3, 4, 2, 1]
    both = [compact_columns(c.to_frame(), {"c": "category"}).trees[:, 0] for c in (column, column.iloc[order])]
    assert np.array_equal(both[0][order], both[1])
    assert len(set(both[0].tolist())) == 4


@pytest.mark.usefixtures("few")
def test_what_will_not_fit_into_memory_is_said_before_the_work(monkeypatch):
    import psutil

    class Little:
        available = 100_000

    monkeypatch.setattr(psutil, "virtual_memory", Little)
    row = audit(make_table(2000)[0], "label", detectors="labels", progress=False).checks.iloc[0]
    assert row["status"] == "skipped"
    assert "the models of 2,000 rows" in row["reason"]
    assert "0.0 GB are free. Name fewer columns by features=[...], or audit a part of the rows" in row["reason"]


@pytest.mark.usefixtures("few")
def test_vectors_of_the_user_and_texts_alone_are_audited():
    frame, wrong = make_table(1200)
    vectors = frame[["x", "y"]].to_numpy() * 1000 + 5
    found = audit(frame[["label"]], "label", features=vectors, detectors="labels", progress=False)
    worst = found.scores["labels"].to_numpy().argsort()[::-1][: len(wrong)]
    assert len(wrong & set(worst.tolist())) > 0.4 * len(wrong)
    random = np.random.default_rng(3)
    true = np.where(np.isin(np.arange(len(frame)), list(wrong)), frame["label"] == "no", frame["label"] == "yes")
    rest = random.integers(0, 60, (len(frame), 6))
    words = [
        ("red apple " if t else "green bean ") + " ".join(f"w{w}" for w in r) for t, r in zip(true, rest, strict=True)
    ]
    found = audit(frame[["label"]].assign(said=words), "label", detectors="labels", progress=False)
    worst = found.scores["labels"].to_numpy().argsort()[::-1][: len(wrong)]
    assert len(wrong & set(worst.tolist())) > 0.9 * len(wrong)


@pytest.mark.usefixtures("few")
def test_stages_are_told_by_name():
    told = []
    audit(make_table(1500)[0], "label", detectors="labels", progress=lambda *stage: told.append(stage))
    names = {name for name, _, _ in told}
    assert {"features", "trees", "logistic regression"} <= names
    assert all(0 <= done <= total for _, done, total in told)


def test_rows_are_compared_without_their_texts_and_that_is_said():
    frame, _ = make_table(300)
    frame["said"] = [f"a text of its own, number {i}, that is long enough to be no category" for i in range(300)]
    frame.loc[7, ["x", "y"]] = [40.0, -40.0]
    found = audit(frame, "label", detectors="outliers", progress=False)
    assert "texts were not compared" in found.checks["reason"].iloc[0]
    assert "'said'" in found.checks["reason"].iloc[0]
    assert 7 in set(found.findings["row"])
