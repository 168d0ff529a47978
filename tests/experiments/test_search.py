"""The search for a better model: what is tried, within which budget, and that test rows play no part."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dcai.base.errors import InputError
from dcai.experiments.comparison import compare
from dcai.experiments.scores.search import _left_after, count_inner_fits, propose_models

FLOWERS = load_iris(as_frame=True).frame


def test_settings_are_proposed_of_each_model_in_turn_within_the_budget():
    models = {
        "bayes": GaussianNB(),
        "forest": RandomForestClassifier(),
        "line": make_pipeline(StandardScaler(), LogisticRegression()),
    }
    found = propose_models(models, True, 6, 0)
    assert list(found) == [
        "bayes",
        "forest",
        "line",
        "bayes, var_smoothing=1e-05",
        "forest, min_samples_leaf=5",
        "line, C=10.0",
    ]
    assert found["line, C=10.0"].get_params()["logisticregression__C"] == 10
    assert models["line"].get_params()["logisticregression__C"] == 1
    assert list(propose_models(models, False, 6, 0)) == list(propose_models(models, True, 1, 0)) == list(models)


def test_the_users_own_settings_are_tried():
    grid = {"neighbours": {"n_neighbors": [1, 7], "weights": ["uniform", "distance"]}}
    comparison = compare(
        FLOWERS, label="target", models={"neighbours": KNeighborsClassifier(70)}, search=grid, repeats=2
    )
    assert comparison.table.loc["baseline", "model"] == "neighbours"
    assert comparison.table.loc["model-centric", "model"].startswith("neighbours, n_neighbors=")
    assert comparison.table.loc["model-centric", "score"] > comparison.table.loc["baseline", "score"]
    assert list(comparison.by_model.index) == ["neighbours"], "settings are no models of their own"
    assert any(
        "5 models and settings tried, the weaker half dropped after each fold" in note for note in comparison.notes
    )


def test_a_much_better_setting_is_a_sure_gain():
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.uniform(-1, 1, (800, 2)), columns=["x", "y"])
    frame["side"] = np.where(frame["x"] * frame["y"] > 0, "same", "other")
    made = compare(
        frame,
        label="side",
        models={"near": KNeighborsClassifier(380)},
        search={"near": {"n_neighbors": [5]}},
        repeats=5,
    )
    assert made.table.loc["model-centric", "model"] == "near, n_neighbors=5"
    assert made.table.loc["model-centric", "gain_low"] > 0


def test_many_settings_are_halved_after_each_fold_and_few_are_not():
    assert [_left_after(9, fold) for fold in range(3)] == [9, 5, 3]
    assert count_inner_fits(9) == 17
    assert count_inner_fits(4) == 12
    assert count_inner_fits(1) == 0


def test_the_fits_that_are_announced_are_the_most_that_are_made(write_log):
    log = write_log(FLOWERS, "target", dict.fromkeys(range(45), 2))
    told = []
    compare(
        FLOWERS, None, "target", log, models=[GaussianNB(), KNeighborsClassifier()], search=True, repeats=2,
        progress=lambda done, total, _: told.append((done, total)),
    )  # fmt: skip
    assert len({total for _, total in told}) == 1
    assert [done for done, _ in told] == list(range(len(told)))
    assert len(told) <= told[0][1]


def test_a_measured_label_has_default_models_and_settings_too():
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.uniform(-1, 1, (300, 2)), columns=["x", "y"]).assign(
        town=random.choice(["p", "q"], 300)
    )
    frame["price"] = 3.0 * frame["x"] ** 2 + (frame["town"] == "p") + random.normal(0, 0.05, 300)
    made = compare(frame, label="price", repeats=2, budget=6)
    assert list(made.by_model.index) == ["ridge regression", "trees", "boosting"]
    assert made.metric == "r2"
    # A line cannot follow a square.
    assert made.table.loc["model-centric", "gain_low"] > 0.2
    assert "ridge regression, alpha=10.0" in " ".join(made.notes)


def test_default_models_may_be_named():
    made = compare(FLOWERS, label="target", models=["trees", "logistic regression"], repeats=2, budget=3)
    assert list(made.by_model.index) == ["trees", "logistic regression"]
    assert made.table.loc["baseline", "model"] == "trees"
    assert any("3 models" not in n and "trees, min_samples_leaf=5" in n for n in made.notes), "their settings are tried"
    with pytest.raises(InputError, match="no model 'tree'. Did you mean 'trees'"):
        compare(FLOWERS, label="target", models="tree")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"search": "grid"}, r"'search' parameter of compare must be True, False, or a dict of"),
        ({"search": {"forest": {}}}, r"no model to search 'forest'"),
        ({"search": {"bayes": {"var_smoothing": 1}}}, r"must be a dict of \{parameter: list of values\}"),
        (
            {"search": {"bayes": {"smoothing": [1]}}},
            r"no parameter of the model 'bayes' 'smoothing'\. Did you mean 'var_smoothing'",
        ),
        ({"budget": 0}, r"'budget' parameter of compare must be an integer of at least 1"),
        ({"progress": "bar"}, r"'progress' parameter of compare must be True, False, None or a function"),
    ],
)
def test_what_cannot_be_searched_is_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        compare(FLOWERS, label="target", models={"bayes": GaussianNB()}, **options)
