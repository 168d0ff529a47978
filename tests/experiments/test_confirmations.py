"""A loop in which the compared model confirms itself is said aloud; an honest review of the same rows is not."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from dcai.experiments.comparison import compare
from dcai.experiments.planting import plant
from dcai.experiments.scores.confirmations import FEWEST, compare_answers

MODELS = {
    "line": LogisticRegression(max_iter=500),
    "forest": RandomForestClassifier(30, min_samples_leaf=3, random_state=0),
}


@pytest.fixture(scope="module")
def overlapping():
    """Return rows of two classes that overlap, with a tenth of the labels wrong, and the truth."""
    import pandas as pd

    draw = np.random.default_rng(0)
    truth = draw.choice(["a", "b"], 900)
    frame = pd.DataFrame(draw.normal(size=(900, 3)), columns=list("xyz"))
    frame["x"] += 1.6 * (truth == "b")
    return plant(frame.assign(kind=truth), "kind", rate=0.1)


def warnings_of(comparison):
    return [note for note in comparison.notes if "possible confirmation loop" in note]


@pytest.mark.parametrize("name", MODELS)
def test_accepting_the_models_own_suggestions_is_caught(overlapping, write_log, name):
    frame, _ = overlapping
    said = cross_val_predict(MODELS[name], frame[list("xyz")], frame["kind"], cv=5)
    log = write_log(frame, "kind", {int(i): str(said[i]) for i in np.flatnonzero(said != frame["kind"])})
    comparison = compare(frame, None, "kind", log, models=MODELS[name], repeats=2, test_log=log)
    found = warnings_of(comparison)
    assert len(found) == 2
    assert "about labels of training rows" in found[0]
    assert f"compared model ({type(MODELS[name]).__name__})" in found[0]
    assert "trust those on labels as given" in found[1]
    # The trap: measured on labels that the model made itself, it looks better than it is.
    row = comparison.table.loc["data-centric"]
    assert row["score_corrected_test"] > row["score"] + 0.05
    assert 'class="warn"' in comparison._repr_html_()


@pytest.mark.parametrize("name", MODELS)
def test_an_honest_review_of_doubted_and_wrong_rows_is_no_loop(overlapping, write_log, name):
    frame, truth = overlapping
    said = cross_val_predict(MODELS[name], frame[list("xyz")], frame["kind"], cv=5)
    rows = np.flatnonzero((said != frame["kind"]) | (frame["kind"] != truth))
    log = write_log(frame, "kind", {int(i): truth.iloc[i] for i in rows})
    comparison = compare(frame, None, "kind", log, models=MODELS[name], repeats=2, test_log=log)
    assert comparison.table.loc["data-centric", "changed"] >= FEWEST
    assert not warnings_of(comparison)


def test_few_decisions_say_nothing(overlapping, write_log):
    frame, _ = overlapping
    said = cross_val_predict(MODELS["line"], frame[list("xyz")], frame["kind"], cv=5)
    rows = np.flatnonzero(said != frame["kind"])[:10]
    log = write_log(frame, "kind", {int(i): str(said[i]) for i in rows})
    assert not warnings_of(compare(frame, None, "kind", log, models=MODELS["line"], repeats=2))


def test_kept_labels_that_the_model_doubts_count_against_a_loop():
    given = np.array(["a"] * 100, dtype=object)
    said = np.array(["b"] * 60 + ["a"] * 40, dtype=object)
    new = np.array(["b"] * 30 + ["a"] * 70, dtype=object)
    kept = np.arange(100) >= 30
    loop = compare_answers(given, new, ~kept & False, said, said)
    assert (loop.decisions, loop.agreeing, loop.kept, loop.steady, loop.is_loop) == (30, 30, 0, 1.0, True)
    honest = compare_answers(given, new, kept, said, said)
    assert (honest.decisions, honest.agreeing, honest.kept, honest.is_loop) == (60, 30, 30, False)


@pytest.fixture(scope="module")
def apart():
    """Return rows of two classes that hardly overlap, with a fifth of the labels wrong, and the truth."""
    import pandas as pd

    draw = np.random.default_rng(0)
    truth = draw.choice(["a", "b"], 900)
    frame = pd.DataFrame(draw.normal(size=(900, 3)), columns=list("xyz"))
    frame["x"] += 6 * (truth == "b")
    return plant(frame.assign(kind=truth), "kind", rate=0.2)


@pytest.mark.parametrize("name", MODELS)
def test_flawless_corrections_under_a_model_that_is_nearly_always_right_are_no_loop(apart, write_log, name):
    frame, truth = apart
    rows = np.flatnonzero(frame["kind"] != truth)
    log = write_log(frame, "kind", {int(i): truth.iloc[i] for i in rows})
    comparison = compare(frame, None, "kind", log, models=MODELS[name], repeats=2, test_log=log)
    assert comparison.table.loc["data-centric", "changed"] >= FEWEST
    assert not warnings_of(comparison)
