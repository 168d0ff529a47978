import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB

from dcai.base.errors import InputError, LogError, MissingError, StaleError
from dcai.experiments.comparison import compare

BAYES = GaussianNB()


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    kind = np.array(["a", "b"] * 40)
    return pd.DataFrame({"x": rng.normal(size=80) + (kind == "a"), "z": rng.normal(size=80), "kind": kind})


def test_no_such_label(frame):
    with pytest.raises(InputError, match=r"no label column 'kin'\. Did you mean 'kind'\?"):
        compare(frame, label="kin", models=BAYES)


def test_no_label_at_all(frame):
    with pytest.raises(
        InputError, match=r"'label' parameter of compare must be the name of the label column\. Got None"
    ):
        compare(frame, models=BAYES)


def test_test_without_the_label(frame):
    with pytest.raises(InputError, match=r"no label column 'kind'.*The test rows need the label column too"):
        compare(frame, frame[["x", "z"]], "kind", models=BAYES)


def test_different_columns(frame):
    with pytest.raises(
        InputError, match=r"different columns: the test lacks 'z'; the test alone has 'w'.*drop or add columns"
    ):
        compare(frame, frame.rename(columns={"z": "w"}), "kind", models=BAYES)


def test_no_feature_columns(frame):
    with pytest.raises(InputError, match=r"no column besides label and key\. Expected at least one feature column"):
        compare(frame[["kind"]], label="kind", models=BAYES)


def test_one_class_only(frame):
    with pytest.raises(InputError, match=r"training rows \(raw\) hold one class only, 'a'\. Expected at least two"):
        compare(frame.assign(kind="a"), label="kind", models=BAYES)


def test_one_class_left_after_corrections(frame, write_log):
    log = write_log(frame, "kind", dict.fromkeys(range(1, 80, 2), "a"))
    with pytest.raises(InputError, match=r"training rows \(corrected\) hold one class only"):
        compare(frame, None, "kind", log, models=BAYES)


def test_too_few_rows_to_split(frame):
    with pytest.raises(
        InputError,
        match=r"There are 12 rows with a label, too few to hold some out: at least 20 are needed\. Pass test=",
    ):
        compare(frame.iloc[:12], label="kind", models=BAYES)


def test_rows_that_are_all_alike_cannot_be_split(frame):
    with pytest.raises(
        InputError, match=r"No rows can be held out: no class has 4 rows of different content among the 80 rows"
    ):
        compare(frame.assign(x=1.0, z=1.0), label="kind", models=BAYES)


def test_nothing_left_to_train_on(frame):
    with pytest.raises(InputError, match=r"Only 0 training rows \(raw\) with a label are left"):
        compare(frame, frame, "kind", models=BAYES)


def test_no_test_row_has_a_label(frame):
    other = frame.assign(x=frame["x"] + 1, kind=None)
    with pytest.raises(InputError, match=r"Only 0 test rows \(as given\) with a label are left"):
        compare(frame, other, "kind", models=BAYES)


def test_a_log_of_another_label_is_refused(frame, write_log):
    log = write_log(frame.assign(z=["p", "q"] * 40), "z", {0: "q"})
    with pytest.raises(LogError, match=r"was made for the label 'z', not for 'kind'\. Pass label='z'"):
        compare(frame, None, "kind", log, models=BAYES)


def test_a_log_of_other_columns_is_refused(frame, write_log):
    log = write_log(frame.rename(columns={"x": "y"}), "kind", {0: "b"})
    with pytest.raises(LogError, match=r"'y'"):
        compare(frame, None, "kind", log, models=BAYES)


def test_stale_corrections_are_not_skipped(frame, write_log):
    keyed = frame.assign(id=range(80))
    log = write_log(keyed, "kind", dict.fromkeys(range(80), "c"), key="id")
    with pytest.raises(StaleError, match=r"do not fit this data"):
        compare(keyed.assign(kind=["b", "a"] * 40), None, "kind", log, models=BAYES)


def test_a_log_that_is_none(frame, tmp_path):
    with pytest.raises(
        InputError, match=r"'log' parameter of compare must be a CorrectionLog, a path to one, or None\. Got 3"
    ):
        compare(frame, label="kind", log=3, models=BAYES)
    with pytest.raises(MissingError):
        compare(frame, label="kind", log=tmp_path / "nothing.jsonl", models=BAYES)


def test_unknown_scorer(frame):
    with pytest.raises(InputError, match=r"no scorer 'acuracy'\. Did you mean 'accuracy'\?"):
        compare(frame, label="kind", models=BAYES, scoring="acuracy")


@pytest.mark.parametrize("scoring", [3, [["accuracy"]], int])
def test_a_scorer_that_is_none(frame, scoring):
    with pytest.raises(InputError, match=r"'scoring' parameter of compare must be a scorer's name, a callable"):
        compare(frame, label="kind", models=BAYES, scoring=scoring)


def test_an_empty_list_of_scorers_and_one_given_twice(frame):
    with pytest.raises(InputError, match=r"a list with at least one\. Got"):
        compare(frame, label="kind", models=BAYES, scoring=[])
    with pytest.raises(InputError, match=r"'accuracy' is given twice"):
        compare(frame, label="kind", models=BAYES, scoring=["accuracy", "accuracy"])


def test_a_scorer_that_does_not_suit(frame):
    three = frame.assign(kind=["a", "b", "c", "d"] * 20)
    with pytest.raises(InputError, match=r"The scorer 'f1' cannot be used on these columns"):
        compare(three, label="kind", models=BAYES, scoring="f1")


@pytest.mark.parametrize("model", ["forest", 3, object()])
def test_a_model_that_is_no_estimator(frame, model):
    with pytest.raises(InputError, match=r"must be a scikit-learn estimator \(fit, predict, get_params\)"):
        compare(frame, label="kind", models={"mine": model})


def test_a_class_instead_of_a_model(frame):
    with pytest.raises(InputError, match=r"Make one of the class: GaussianNB\(\)"):
        compare(frame, label="kind", models=GaussianNB)


def test_no_models(frame):
    with pytest.raises(InputError, match=r"an estimator, or a list or dict with at least one"):
        compare(frame, label="kind", models={})


def test_models_of_the_wrong_kind(frame):
    with pytest.raises(InputError, match=r"must be a classifier, because the label holds classes"):
        compare(frame, label="kind", models=LinearRegression())
    measured = frame.assign(kind=np.linspace(0, 1, 80))
    with pytest.raises(InputError, match=r"must be a regressor, because the label holds measured numbers"):
        compare(measured, label="kind", models=BAYES)
    with pytest.raises(InputError, match=r"no model 'logistic regression'.*Other models are passed as scikit-learn"):
        compare(measured, label="kind", models="logistic regression")
    nothing = measured.assign(x=[{"a": i} for i in range(80)], z=None)
    with pytest.raises(InputError, match=r"No column can serve as a feature: all are label, key, hidden, empty"):
        compare(nothing, label="kind")


def test_a_model_that_cannot_read_the_columns(frame):
    with pytest.raises(
        InputError, match=r"The model 'GaussianNB' cannot be used on these columns.*could not convert string to float"
    ):
        compare(frame.assign(z="text"), label="kind", models=BAYES)


@pytest.mark.parametrize("repeats", [1, 2.5, "5", True, None])
def test_too_few_repeats(frame, repeats):
    with pytest.raises(InputError, match=r"'repeats' parameter of compare must be an integer of at least 2"):
        compare(frame, label="kind", models=BAYES, repeats=repeats)


def test_a_random_state_that_is_none(frame):
    with pytest.raises(InputError, match=r"'random_state' parameter of compare must be an integer of at least 0"):
        compare(frame, label="kind", models=BAYES, random_state=-1)


def test_unknown_metric_of_the_chart(frame):
    comparison = compare(frame, label="kind", models=BAYES)
    with pytest.raises(InputError, match=r"no metric 'f1'.*Known: 'accuracy'"):
        comparison.chart("f1")


def test_saving_under_an_unknown_ending_or_in_no_folder_writes_nothing(frame, tmp_path):
    comparison = compare(frame, label="kind", models=BAYES)
    with pytest.raises(
        InputError, match=r"cannot be saved as 'out\.pdf'\. Expected a name that ends in \.svg, \.png, \.html, \.md"
    ):
        comparison.save(tmp_path / "out.pdf")
    with pytest.raises(MissingError, match=r"There is no folder"):
        comparison.save(tmp_path / "none" / "out.svg")
    assert not list(tmp_path.iterdir())
