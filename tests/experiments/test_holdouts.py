"""Held out by group and by time: no group on both sides, nothing later in training, and the intervals know of it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from dcai.base.errors import InputError
from dcai.experiments.comparison import compare
from dcai.experiments.samples.holdouts import read_times
from dcai.experiments.samples.materials import prepare_materials
from dcai.experiments.samples.splits import draw_clusters

BAYES = {"bayes": GaussianNB()}


@pytest.fixture
def visits():
    draw = np.random.default_rng(0)
    site = np.repeat(np.arange(24), 10)
    kind = draw.choice(["a", "b"], 240)
    x = draw.normal(size=240) + 2 * (kind == "b") + draw.normal(size=24)[site]
    day = pd.Timestamp("2026-01-01") + pd.to_timedelta(draw.permutation(240), unit="D")
    return pd.DataFrame({"site": [f"s{s}" for s in site], "day": day, "x": x, "z": draw.normal(size=240), "kind": kind})


def prepare(train, test=None, **options):
    return prepare_materials(train, test, "kind", None, None, key=None, random_state=0, **options)


def test_no_group_is_on_both_sides_and_the_group_is_no_feature(visits):
    made = prepare(visits, groups="site")
    trained = set(made.table.frame["site"])
    assert made.table.features == ("day", "x", "z")
    assert len(trained) == 18
    assert made.test_rows == 60
    tested = set(visits["site"]) - trained
    assert len(tested) == 6
    assert "6 whole groups of 24 ('site') with 60 of 240 rows are held out" in " ".join(made.notes)
    assert "The test has only 6 groups" in " ".join(made.notes)


def test_nothing_later_than_the_first_test_row_is_trained_on(visits):
    made = prepare(visits, time="day")
    assert made.table.features == ("site", "x", "z")
    assert made.test_rows == 60
    assert set(made.table.frame["day"]) == set(visits["day"].sort_values().iloc[:180])
    assert "the latest 60 of 240 rows ('day' from 2026-06-30 00:00:00 on) are held out" in " ".join(made.notes)


def test_times_may_be_texts_or_numbers_and_rows_without_one_are_left_out(visits):
    texts = visits.assign(day=visits["day"].dt.strftime("%Y-%m-%d"))
    texts.loc[:4, "day"] = None
    made = prepare(texts, time="day")
    assert len(made.table.frame) + made.test_rows == 235
    assert "5 rows without a readable time in 'day' left out" in " ".join(made.notes)
    assert read_times(pd.Series([3, 1, None])).tolist()[:2] == [3.0, 1.0]


def test_given_tests_keep_groups_and_times_apart_too(visits):
    train, test = visits.iloc[:150], visits.iloc[130:].assign(x=lambda f: f["x"] + 0.001)
    made = prepare(train, test, groups="site")
    assert set(made.table.frame["site"]) == {f"s{i}" for i in range(13)}
    assert "20 training rows of groups that the test has too left out" in " ".join(made.notes)
    later = visits.sort_values("day")
    made = prepare(later.iloc[:200], later.iloc[180:].assign(x=lambda f: f["x"] + 0.001), time="day")
    assert len(made.table.frame) == 180
    assert "20 training rows no earlier than the first test row ('day')" in " ".join(made.notes)


def test_intervals_are_wider_where_rows_of_a_group_are_alike(visits):
    # Ten copies of a row tell no more than one: resampling rows would not know it.
    draw = np.random.default_rng(1)
    one = visits.drop_duplicates("site").drop(columns="day")
    many = pd.concat([one] * 20, ignore_index=True)
    many = many.assign(x=many["x"] + draw.normal(0, 1e-6, len(many)))
    table = {
        groups: compare(frame, label="kind", models=LogisticRegression(), groups=groups, repeats=10).table.loc[
            "baseline"
        ]
        for groups, frame in ((None, many.drop(columns="site")), ("site", many))
    }
    width = {groups: row["high"] - row["low"] for groups, row in table.items()}
    assert width["site"] > 2 * width[None]


def test_a_resample_of_groups_holds_whole_groups():
    drawn = draw_clusters(np.array([5, 5, 7, 9, 9, 9]), np.random.default_rng(0))
    counts = np.bincount(drawn, minlength=6)
    assert counts[0] == counts[1]
    assert counts[3] == counts[4] == counts[5]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"groups": "site", "time": "day"}, r"by groups= or by time=, not by both\. Pass one of them"),
        ({"groups": "sit"}, r"no group column 'sit'\. Did you mean 'site'\?"),
        ({"time": "dya"}, r"no column 'dya'\. Did you mean 'day'\?"),
        ({"time": "site"}, r"time column 'site' holds no times: 's\d+' cannot be read\. Expected dates or numbers"),
        ({"groups": "kind"}, r"The column 'kind' is the label, so rows cannot be held out by it"),
    ],
)
def test_what_cannot_be_held_out_is_refused(visits, options, sentence):
    with pytest.raises(InputError, match=sentence):
        compare(visits, label="kind", models=BAYES, **options)


def test_one_group_or_one_time_cannot_be_split(visits):
    with pytest.raises(
        InputError, match="'site' holds one group only, so none can be held out. Expected at least two groups"
    ):
        prepare(visits.assign(site="s"), groups="site")
    with pytest.raises(InputError, match="earliest and the latest quarter of the rows have the same time in 'day'"):
        prepare(visits.assign(day="2026-01-01"), time="day")
    with pytest.raises(InputError, match="Every training row is of a group .'site'. that the test has too"):
        prepare(visits, visits.assign(x=0.0), groups="site")
    with pytest.raises(InputError, match="No training row is earlier than the first test row"):
        prepare(visits.sort_values("day").iloc[100:], visits.sort_values("day").iloc[:50], time="day")
    with pytest.raises(InputError, match="No test row has a time in 'day'"):
        prepare(visits.assign(day=range(240)), visits.assign(day=np.nan, x=0.5), time="day")
    with pytest.raises(InputError, match="No row has both a label and a time in 'day'"):
        prepare(
            visits.assign(day=[np.nan] * 120 + [1.0] * 120, kind=list(visits["kind"][:120]) + [None] * 120), time="day"
        )


def test_classes_in_single_groups_are_said(visits):
    two = visits.assign(site=visits["kind"].map({"a": "s", "b": "t"}))
    with pytest.raises(InputError, match=r"hold one class only"):
        compare(two, label="kind", models=BAYES, groups="site")
