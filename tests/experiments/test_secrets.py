"""No value of a column that is marked as sensitive shows in anything that is written for people or machines."""

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

from dcai.base.errors import InputError
from dcai.experiments.comparison import compare
from dcai.experiments.dictionaries import profile
from dcai.experiments.failures.partitions import slices
from dcai.experiments.prospects.learning import curve
from dcai.experiments.scorecards import scorecard
from dcai.experiments.shifts import drift

# One secret for each kind of column: the newest date, the largest number, a category.
SECRETS = ("2031-07-19", "2031-07", "7654321", "7,654,321", "7.65", "zebrafish")
MARKED = ["born", "salary", "illness"]


def make(seed, rows=600):
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    illness = random.choice(["zebrafish", "flu", "cold"], rows, p=[0.5, 0.3, 0.2] if seed else [0.1, 0.3, 0.6])
    days = pd.to_timedelta(random.integers(0, 300 if seed else 3000, rows), unit="D")
    # The model is bad where the illness is the secret one, so that slices has something to name.
    flip = (illness == "zebrafish") & (random.random(rows) < 0.4)
    return pd.DataFrame(
        {
            "x": x,
            "born": pd.Timestamp("2031-07-19") - days,
            "salary": np.where(random.random(rows) < (0.6 if seed else 0.3), 7654321.0, random.normal(100, 5, rows)),
            "illness": illness,
            "label": np.where((x > 0) ^ flip, "buy", "leave"),
        }
    )


def write(made):
    """Write everything that a result can be written as."""
    shown = [repr(made), made._repr_html_(), made.to_html(), made.to_text(), made.to_json()]
    shown += [str(getattr(made, name)()) for name in ("as_record", "to_metrics", "to_markdown") if hasattr(made, name)]
    if hasattr(made, "chart"):
        shown.append(made.chart().to_svg())
    return shown


@pytest.fixture
def marked(tmp_path, monkeypatch):
    (tmp_path / "dcai.yaml").write_text(f"sensitive: [{', '.join(MARKED)}]\n")
    monkeypatch.chdir(tmp_path)


MAKERS = {
    "drift": lambda: drift(make(0), make(1), label="label"),
    "slices": lambda: slices(make(1), "label", by=MARKED, reference=make(0)),
    "profile": lambda: profile(make(1)),
    "scorecard": lambda: scorecard(make(1), "label", by=MARKED, production=make(0), size=False),
}


@pytest.mark.parametrize("name", MAKERS)
def test_no_secret_of_a_marked_column_is_written(marked, name):
    for text in write(MAKERS[name]()):
        assert [s for s in SECRETS if s in text] == []


def name_classes(frame):
    """Name the classes by words that occur nowhere else, one of them rare."""
    words = frame["label"].replace({"buy": "platypus", "leave": "wombat"})
    return frame.assign(label=words.where(frame.index % 50 > 0, "quokka"))


LABELLED = {
    "drift": lambda: drift(name_classes(make(0)).replace("platypus", "aardvark"), name_classes(make(1)), label="label"),
    "slices": lambda: slices(
        make(1).assign(label=lambda f: f["label"].replace("leave", "quokka")), "label", by="illness"
    ),
    "scorecard": lambda: scorecard(name_classes(make(1)), "label", size=False),
}


@pytest.mark.parametrize("name", LABELLED)
def test_no_class_of_a_marked_label_is_written(tmp_path, monkeypatch, name):
    (tmp_path / "dcai.yaml").write_text("sensitive: [label]\nlabels: {label: {wombat: A kind of animal.}}\n")
    monkeypatch.chdir(tmp_path)
    for text in write(LABELLED[name]()):
        assert [s for s in ("platypus", "wombat", "quokka", "aardvark", "buy") if s in text] == []


def test_a_masked_column_is_not_drawn_and_the_change_is_still_told(marked):
    result = drift(make(0), make(1), label="label")
    assert set(MARKED) <= set(result.findings["column"])
    for column in MARKED:
        with pytest.raises(InputError, match=f"The values of '{column}' are masked"):
            result.chart(column)


# ---------------------------------------------------------------- comparisons, curves and cards


def write_comparison(made):
    return [
        repr(made), made.to_text(), made.to_html(), made.to_markdown(), made.to_latex(), made.chart().to_svg(),
        str(made.to_metrics()), str(made.origin), str(made.notes),
    ]  # fmt: skip


def test_a_class_that_only_the_test_has_is_not_named_where_the_label_is_marked(tmp_path, monkeypatch):
    (tmp_path / "dcai.yaml").write_text("sensitive: [label]\n")
    monkeypatch.chdir(tmp_path)
    frame = name_classes(make(1))[["x", "label"]]
    train, test = frame.iloc[1::2], frame.iloc[::2]  # the rare class stands in even places only
    made = compare(train, test, "label", models=GaussianNB(), repeats=2)
    assert any("classes that no training row has ('(hidden)')" in note for note in made.notes)
    made.save_model(tmp_path / "model.joblib", by="label")
    texts = [*write_comparison(made), (tmp_path / "model.card.json").read_text(encoding="utf-8")]
    for text in texts:
        assert [s for s in ("platypus", "wombat", "quokka") if s in text] == []
    with pytest.raises(InputError, match=r"hold one class only, '\(hidden\)'"):
        compare(train.assign(label="platypus"), test, "label", models=GaussianNB())


@pytest.mark.parametrize("name", ["compare", "curve"])
def test_the_time_of_the_first_test_row_is_not_named_where_the_column_is_marked(marked, name):
    frame = make(0)[["x", "born", "label"]]
    verbs = {"compare": {"models": GaussianNB()}, "curve": {"model": GaussianNB(), "noise": 0}}
    verb = {"compare": compare, "curve": curve}[name]
    made = verb(frame, label="label", time="born", repeats=2, **verbs[name])
    assert any("('born' from (hidden) on)" in note for note in made.notes)
    assert not [s for s in ("2031", "2030", "2029") if s in made.to_text() + made.to_html()]
    with pytest.raises(InputError, match=r"holds no times: '\(hidden\)' cannot be read"):
        compare(frame.assign(born="zebrafish"), label="label", time="born", models=GaussianNB())
