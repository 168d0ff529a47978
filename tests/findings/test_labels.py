"""Wrong labels: planted ones are found again, and the ways in which a label check goes wrong silently are loud."""

import numpy as np
import pandas as pd
import pytest

from dcai.base.errors import AlignmentError, InputError
from dcai.findings.labels.classes import read_labels
from dcai.findings.report import audit


def label_rows(found, detector="labels"):
    findings = found.findings
    return set(findings[findings["detector"] == detector]["row"])


def status_of(found, detector):
    return found.checks.set_index("detector").loc[detector]


def probabilities_of(frame, label="label"):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    values = cross_val_predict(LogisticRegression(), frame[["x", "y"]], frame[label], method="predict_proba")
    return pd.DataFrame(values, index=frame.index, columns=np.unique(frame[label]))


def test_planted_wrong_digits_are_found_and_the_right_class_is_suggested(digits, digits_audit):
    _, planted, truth = digits
    worst = digits_audit.by("labels").worst(35).findings
    assert len(planted & set(worst["row"])) >= 31
    flagged = label_rows(digits_audit)
    assert len(planted & flagged) >= 33
    assert len(flagged) <= 42
    suggested = digits_audit.by("labels").findings.set_index("row")["suggested"]
    right = [suggested[row] == truth[row] for row in planted & flagged]
    assert np.mean(right) > 0.9


def test_every_row_has_a_doubt_and_planted_rows_have_the_highest(digits, digits_audit):
    from sklearn.metrics import roc_auc_score

    frame, planted, _ = digits
    doubt = digits_audit.scores["labels"]
    assert doubt.dtype == np.float32
    assert doubt.index.equals(frame.index)
    assert doubt.notna().all()
    assert roc_auc_score([row in planted for row in range(len(frame))], doubt) > 0.98


def test_expected_errors_hold_the_planted_number(digits_audit):
    expected = digits_audit.expected_errors
    assert expected.low <= 35 <= expected.high
    assert expected.low <= expected.estimate <= expected.high


def test_a_stray_spelling_does_not_turn_the_label_check_off(blobs):
    frame, planted = blobs
    frame = frame.copy()
    frame.iloc[0, 2] = "Cat "
    found = audit(frame, "label", progress=False)
    assert planted <= label_rows(found)
    names = found.by("label_names").findings
    assert names[["row", "given", "suggested"]].to_numpy().tolist() == [[0, "Cat ", "cat"]]
    assert found.classes == ("cat", "dog")
    assert 0 not in label_rows(found)


def test_letters_that_differ_by_case_stay_classes():
    frame = pd.DataFrame(
        {"x": np.r_[np.zeros(20), np.ones(20)] + np.linspace(0, 0.1, 40), "letter": ["a"] * 20 + ["A"] * 20}
    )
    assert audit(frame, "letter", detectors="label_names", progress=False).findings.empty


def test_a_star_makes_another_class():
    grades = np.repeat(["grade A", "grade A*", "Grade a*"], [40, 30, 2])
    frame = pd.DataFrame({"x": np.arange(72.0), "grade": grades})
    found = audit(frame, "grade", detectors="label_names", progress=False).findings
    assert found[["given", "suggested"]].drop_duplicates().to_numpy().tolist() == [["Grade a*", "grade A*"]]


def test_a_misspelt_class_name_is_found(blobs):
    frame = blobs[0].assign(label=blobs[0]["label"].map({"cat": "western", "dog": "eastern"}))
    frame.iloc[5, 2] = "westren"
    found = audit(frame, "label", detectors="label_names", progress=False).findings
    assert found[["row", "given", "suggested"]].to_numpy().tolist() == [[5, "westren", "western"]]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"yes": 60, "no": 50, "yex": 1, "ja": 1}, {"yex": "yes"}),
        ({"ham": 300, "spam": 40, "hma": 1, "spma": 2}, {"hma": "ham", "spma": "spam"}),
        ({"cat": 60, "dog": 50, "car": 9}, {}),  # too many rows for a slip
        ({"cat": 60, "car": 50, "cot": 1}, {}),  # these names are near each other by nature
        ({"viii": 50, "vii": 2, "ix": 40}, {}),  # numerals are
        ({"sat": 60, "mon": 50, "bat": 1}, {}),  # the first letter is seldom mistaken
        ({"AUS": 50, "DEU": 50, "FRA": 50, "GBR": 50, "USA": 50, "AUT": 2}, {}),  # of so many, some are by chance
    ],
)
def test_a_slip_in_a_short_class_name_is_told_from_a_rare_class(given, meant):
    label = np.repeat(list(given), list(given.values()))
    frame = pd.DataFrame({"x": np.arange(len(label)) % 7, "label": label})
    found = audit(frame, "label", detectors=["label_names", "class_imbalance"], progress=False)
    assert dict(found.by("label_names").findings[["given", "suggested"]].drop_duplicates().to_numpy()) == meant
    assert set(read_labels(frame["label"], "label").names) == set(given) - set(meant)
    assert not set(found.by("class_imbalance").findings["given"]) & set(meant)


def test_rows_without_a_label_are_counted_and_never_flagged(blobs):
    frame, planted = blobs
    frame = frame.copy()
    frame.iloc[[1, 2], 2] = None
    found = audit(frame, "label", progress=False)
    assert "2 rows have no label" in status_of(found, "labels")["reason"]
    assert status_of(found, "labels")["rows"] == 118
    assert planted <= label_rows(found)
    assert not {1, 2} & label_rows(found)
    assert found.scores["labels"].isna().to_numpy().nonzero()[0].tolist() == [1, 2]


def test_classes_with_fewer_rows_than_folds_are_named(blobs):
    frame = blobs[0].copy()
    frame.iloc[[1, 2], 2] = "emu"
    frame.iloc[4, 2] = "yak"
    found = audit(frame, "label", progress=False)
    assert status_of(found, "labels")["status"] == "ran"
    assert "1 class has fewer rows than folds" in status_of(found, "labels")["reason"]
    assert "judged poorly: 'emu' (2)" in status_of(found, "labels")["reason"]


def test_numbers_as_class_names_keep_their_order_and_type():
    draw = np.random.default_rng(0)
    label = np.repeat([2, 10], 50)
    frame = pd.DataFrame({"x": draw.normal(size=100) + label, "label": label})
    assert audit(frame, "label", detectors="labels", progress=False).classes == (2, 10)
    assert audit(frame.astype({"label": str}), "label", detectors="labels", progress=False).classes == ("2", "10")


def test_mixed_text_and_number_labels_are_one_class(blobs):
    frame = blobs[0].assign(
        label=pd.Series([1 if v == "cat" else 2 for v in blobs[0]["label"]], dtype=object).to_numpy()
    )
    frame.iloc[0, 2] = str(frame.iloc[0, 2])
    found = audit(frame, "label", progress=False)
    assert len(found.classes) == 2
    assert label_rows(found) >= blobs[1]


@pytest.mark.parametrize("value", [None, float("nan")])
def test_an_empty_label_column_is_refused(blobs, value):
    with pytest.raises(InputError, match="'label' is empty in all 120 rows. Name another column"):
        audit(blobs[0].assign(label=value), "label", progress=False)


def test_a_single_class_is_refused(blobs):
    with pytest.raises(InputError, match="the same value in every row, 'cat'. Expected at least two classes"):
        audit(blobs[0].assign(label="cat"), "label", progress=False)


def test_lists_as_labels_are_refused(blobs):
    with pytest.raises(InputError, match="holds several values in one cell"):
        audit(blobs[0].assign(label=[["a", "b"]] * 120), "label", task="classification", progress=False)


# ---------------------------------------------------------------- numbers as labels


def test_a_float_target_is_a_regression_and_a_planted_error_is_found():
    draw = np.random.default_rng(3)
    x = draw.uniform(0, 10, 400)
    frame = pd.DataFrame({"x": x, "price": 3 * x + draw.normal(size=400)})
    planted = {5, 120, 333}
    frame.iloc[list(planted), 1] += 40
    found = audit(frame, "price", progress=False)
    assert status_of(found, "labels")["reason"].startswith("regression (inferred)")
    assert label_rows(found) == planted
    assert found.probabilities is None
    assert found.predictions.index.equals(frame.index)
    assert found.scores["labels"].iloc[list(planted)].min() > 0.9
    assert status_of(found, "conflicts")["status"] == "skipped"
    assert "number, not a class" in status_of(found, "conflicts")["reason"]


def test_the_task_can_be_forced(digits):
    frame = digits[0]
    found = audit(frame, "digit", task="regression", detectors="labels", progress=False)
    assert status_of(found, "labels")["reason"].startswith("regression (given)")


def test_a_regression_on_text_is_refused(blobs):
    with pytest.raises(InputError, match="holds no numbers"):
        audit(blobs[0], "label", task="regression", progress=False)


# ---------------------------------------------------------------- the user's own evidence


def test_own_probabilities_are_used(blobs):
    frame, planted = blobs
    given = probabilities_of(frame)
    found = audit(frame, "label", probabilities=given, progress=False)
    assert label_rows(found) == planted
    pd.testing.assert_frame_equal(found.probabilities, given, check_column_type=False)


def test_probabilities_are_matched_by_class_name_not_by_place(blobs):
    frame, planted = blobs
    given = probabilities_of(frame)[["dog", "cat"]]
    assert label_rows(audit(frame, "label", probabilities=given, progress=False)) == planted
    pair = (given.to_numpy(), ["dog", "cat"])
    assert label_rows(audit(frame, "label", probabilities=pair, progress=False)) == planted


def test_a_class_that_only_the_probabilities_know_is_allowed(blobs):
    frame, planted = blobs
    given = probabilities_of(frame).assign(emu=0.0)
    found = audit(frame, "label", probabilities=given, progress=False)
    assert found.classes == ("cat", "dog", "emu")
    assert label_rows(found) == planted


def misnamed(given):
    return given.set_axis(["dog", "cat"], axis=1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (misnamed, "columns of the probabilities seem to be in another order"),
        (lambda p: p.to_numpy()[:, ::-1], "columns of the probabilities seem to be in another order"),
        (lambda p: p.iloc[::-1], "rows of the probabilities seem to be in another order: ordered by their index"),
        (lambda p: p.sample(frac=1, random_state=0).to_numpy(), "no better than chance"),
        (lambda p: p.iloc[:-1], "have 119 rows, the frame has 120"),
        (lambda p: p.where(p.index.to_series() != "r7"), "missing or infinite in 1 rows, first in row 7"),
        (lambda p: p * 0.5, "do not sum to 1"),
        (lambda p: p * 3 - 1, "not in 0 to 1"),
        (lambda p: p.rename(columns={"cat": "Katze"}), "The classes 'cat' stand in 'label' but have no column"),
        (lambda p: p.assign(emu=0.0).to_numpy(), "there are 2 classes"),
        (lambda p: p.astype(str).replace({p.astype(str).iloc[0, 0]: "many"}), "no numbers"),
        (lambda p: (np.hstack([p.to_numpy(), p.to_numpy() * 0]), ["cat", "dog", "dog", "emu"]), "name a class twice"),
    ],
)
def test_probabilities_that_do_not_belong_are_refused(blobs, spoil, message):
    frame, _ = blobs
    with pytest.raises(AlignmentError, match=message):
        audit(frame, "label", probabilities=spoil(probabilities_of(frame)), progress=False)


@pytest.mark.parametrize(("step", "how"), [(-1, "shifted up by a row"), (1, "shifted down by a row")])
def test_probabilities_that_slipped_by_a_row_are_refused(blobs, step, how):
    frame = blobs[0].sample(frac=1, random_state=3)
    given = np.roll(probabilities_of(frame).to_numpy(), step, axis=0)
    with pytest.raises(AlignmentError, match=f"in another order: {how}"):
        audit(frame, "label", probabilities=given, progress=False)


def test_probabilities_in_reverse_are_refused(blobs):
    frame = blobs[0].sample(frac=1, random_state=3)
    with pytest.raises(AlignmentError, match="in another order: in reverse"):
        audit(frame, "label", probabilities=probabilities_of(frame).to_numpy()[::-1], progress=False)


def test_probabilities_made_before_the_frame_was_shuffled_are_refused(blobs):
    frame = blobs[0].reset_index(drop=True)
    given = probabilities_of(frame).to_numpy()
    with pytest.raises(AlignmentError, match="ordered by the sorted index of the frame"):
        audit(frame.sample(frac=1, random_state=3), "label", probabilities=given, progress=False)


def test_an_own_model_is_cloned_and_never_fitted(blobs):
    from sklearn.exceptions import NotFittedError
    from sklearn.linear_model import LogisticRegression
    from sklearn.utils.validation import check_is_fitted

    model = LogisticRegression()
    found = audit(blobs[0], "label", model=model, progress=False)
    assert blobs[1] <= label_rows(found)
    assert "model LogisticRegression" in status_of(found, "labels")["reason"]
    with pytest.raises(NotFittedError):
        check_is_fitted(model)


def test_a_pipeline_gets_the_raw_columns_and_a_margin_becomes_probabilities(blobs):
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    model = make_pipeline(make_column_transformer((StandardScaler(), ["x", "y"])), LinearSVC())
    assert blobs[1] <= label_rows(audit(blobs[0], "label", model=model, progress=False))


def test_a_regressor_is_refused_for_classes(blobs):
    from sklearn.linear_model import Ridge

    with pytest.raises(InputError, match="must be a scikit-learn classifier"):
        audit(blobs[0], "label", model=Ridge(), progress=False)


def test_own_features_replace_the_columns(blobs):
    frame, planted = blobs
    bare = frame.assign(x=0.0, y=0.0)
    found = audit(bare, "label", features=frame[["x", "y"]].to_numpy(), progress=False)
    assert planted <= label_rows(found)
    named = audit(frame.assign(noise=0.5), "label", features=["x", "y"], progress=False)
    assert planted <= label_rows(named)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "ranking"}, "'task' parameter of audit must be one of 'classification'"),
        ({"folds": 1}, "'folds' parameter of audit must be a whole number from 2. Got 1"),
        ({"random_state": -1}, "'random_state' parameter"),
        ({"features": ["z"]}, "There is no feature column 'z'"),
        ({"features": ["label"]}, "Label and key columns are never features"),
        ({"features": np.zeros((3, 2))}, r"names of columns, or an array of numbers with 120 rows"),
        ({"features": np.full((120, 1), np.nan)}, "missing or infinite, first in row 0"),
        ({"detectors": "label"}, "There is no detector 'label'. Did you mean 'labels'?"),
        ({"detectors": []}, "a list with at least one"),
        ({"progress": "yes"}, "'progress' parameter of audit must be"),
        ({"model": "tree"}, "must be a scikit-learn classifier"),
    ],
)
def test_wrong_parameters_are_named(blobs, options, message):
    with pytest.raises(InputError, match=message):
        audit(blobs[0], "label", **options)


def test_parameters_about_a_label_need_one(blobs):
    with pytest.raises(InputError, match="'probabilities' parameter of audit speaks of a label, but none is named"):
        audit(blobs[0], probabilities=probabilities_of(blobs[0]))


def test_model_and_probabilities_exclude_each_other(blobs):
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(InputError, match="not both"):
        audit(blobs[0], "label", model=LogisticRegression(), probabilities=probabilities_of(blobs[0]))


# ---------------------------------------------------------------- kinds of columns


def test_wrong_labels_of_texts_are_found():
    draw = np.random.default_rng(5)
    words = {
        "sport": ["goal", "match", "team", "coach", "league"],
        "money": ["bank", "stock", "market", "loan", "profit"],
    }
    labels = draw.choice(["sport", "money"], 200)
    texts = [
        " ".join([*draw.choice(words[c], 4), *draw.choice(["the", "a", "today", "new"], 4)]) + f" {i}"
        for i, c in enumerate(labels)
    ]
    planted = {4, 50, 111, 180}
    labels[list(planted)] = np.where(labels[list(planted)] == "sport", "money", "sport")
    found = audit(pd.DataFrame({"text": texts, "topic": labels}), "topic", progress=False)
    assert label_rows(found) == planted
    assert "mixture of" in status_of(found, "labels")["reason"]


def test_wrong_labels_of_images_are_found():
    import io

    from PIL import Image

    draw = np.random.default_rng(2)
    cells, labels = [], []
    for i in range(80):
        pixels = draw.integers(0, 60, (16, 16), dtype=np.uint8)
        pixels[4:12, :] += (100 * (i % 2)).__index__() * np.ones((8, 16), dtype=np.uint8)
        pixels[:, 4:12] += (100 * (1 - i % 2)).__index__() * np.ones((16, 8), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        cells.append(stream.getvalue())
        labels.append("bar" if i % 2 else "post")
    planted = {8, 33, 60}
    for row in planted:
        labels[row] = "bar" if labels[row] == "post" else "post"
    cells[5] = b"\x89PNG broken"
    found = audit(pd.DataFrame({"image": cells, "shape": labels}), "shape", progress=False)
    assert planted <= label_rows(found)
    assert len(label_rows(found)) <= 6


def test_categories_dates_and_gaps_are_features_too():
    draw = np.random.default_rng(4)
    colour = draw.choice(["red", "blue", None], 150)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 300, 150), unit="D")
    label = np.where(colour == "red", "yes", "no")
    planted = {10, 77}
    label[list(planted)] = np.where(label[list(planted)] == "yes", "no", "yes")
    frame = pd.DataFrame(
        {
            "colour": colour,
            "day": day,
            "size": np.where(draw.random(150) < 0.1, np.nan, draw.random(150)),
            "label": label,
        }
    )
    assert planted <= label_rows(audit(frame, "label", progress=False))


def test_without_features_the_label_check_is_skipped_with_the_reason():
    found = audit(pd.DataFrame({"label": ["a", "b"] * 10}), "label", progress=False)
    assert status_of(found, "labels")["status"] == "skipped"
    assert "all labelled rows are equal in their features" in status_of(found, "labels")["reason"]
    assert found.scores["labels"].isna().all()


def test_default_models_fit_raw_columns(cars):
    from dcai.base.table import make_table
    from dcai.findings.labels.models import default_models

    frame = cars.drop(columns=["Name"])
    models = default_models(make_table(frame, "Origin"))
    assert list(models) == ["logistic regression", "trees", "boosting"]
    for model in models.values():
        model.fit(frame.iloc[::2], frame["Origin"].iloc[::2])
        assert model.score(frame.iloc[1::2], frame["Origin"].iloc[1::2]) > 0.8
        assert model.predict_proba(frame.iloc[:3]).shape == (3, 3)


def test_default_models_need_a_feature():
    from dcai.base.table import make_table
    from dcai.findings.labels.models import default_models

    with pytest.raises(InputError, match="No column can serve as a feature"):
        default_models(make_table(pd.DataFrame({"label": ["a", "b"]}), "label"))
