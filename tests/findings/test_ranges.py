"""Ranges: what a column cannot hold is found, its heavy tails and legitimate extremes are not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.findings.cells.order import find_disorder
from dcai.findings.report import audit


def find(**columns):
    return audit(pd.DataFrame(columns), detectors="ranges", progress=False).findings


def draw(seed=0):
    return np.random.default_rng(seed)


CLEAN = {
    "normal": lambda r: r.normal(170, 8, 2000),
    "around zero": lambda r: r.normal(0, 5, 2000),
    "mostly above zero": lambda r: r.normal(3, 1, 2000),
    "lognormal": lambda r: r.lognormal(10, 1.5, 2000),
    "pareto": lambda r: r.pareto(1.0, 5000) + 1,
    "exponential": lambda r: r.exponential(3, 2000),
    "counts": lambda r: r.poisson(2, 2000),
    "uniform": lambda r: r.uniform(0, 1, 2000),
    "shares": lambda r: r.beta(2, 5, 2000),
    "growth": lambda r: r.normal(60, 20, 2000),
    "years": lambda r: r.integers(1900, 2021, 2000),
    "ids": lambda r: np.arange(2000) + 7,
    "zeros and amounts": lambda r: np.where(r.random(2000) < 0.4, 0.0, r.lognormal(3, 1, 2000)),
    "profit": lambda r: r.laplace(100, 80, 2000),
}


@pytest.mark.parametrize("name", sorted(CLEAN))
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", [float, str])
def test_a_clean_column_gives_nothing(name, seed, kind):
    values = CLEAN[name](draw(seed))
    assert find(value=values if kind is float else [f"{v:.6g}" for v in values]).empty


@pytest.mark.parametrize(
    ("factor", "said"), [(10, "10 times too large"), (100, "100 times too large"), (0.01, "100 times too small")]
)
@pytest.mark.parametrize("kind", [float, str])
def test_a_slip_of_digits_is_found_and_taken_back(factor, said, kind):
    values = np.round(draw().normal(170, 6, 800), 1)
    given = values.copy()
    given[[40, 300]] = np.round(given[[40, 300]] * factor, 6)
    found = find(height=given if kind is float else [f"{v:.10g}" for v in given])
    assert sorted(found["row"]) == [40, 300]
    assert found["reason"].str.contains(said).all()
    assert np.allclose(found["suggested"].astype(float), values[found["row"]])


def test_another_unit_in_some_rows_is_found_though_it_is_no_rarity():
    values = draw().normal(170, 8, 1000).round(1)
    rows = np.arange(0, 1000, 33)
    values[rows] = (values[rows] / 100).round(2)
    assert sorted(find(height=values)["row"]) == rows.tolist()


def test_a_wrong_sign_is_found_among_positive_numbers():
    values = draw().lognormal(5, 0.8, 1000).round(2)
    values[[5, 99]] = -np.median(values)
    found = find(price=values)
    assert sorted(found["row"]) == [5, 99]
    assert (found["suggested"] == -found["given"]).all()


def test_a_percentage_among_shares_is_found():
    values = draw().beta(4, 2, 1000).round(3)
    values[7] = 45.5
    found = find(share=values)
    assert found[["row", "suggested"]].to_numpy().tolist() == [[7, 0.455]]
    assert "between 0 and 1" in found["reason"].iloc[0]


def test_more_than_a_hundred_percent_is_found_where_a_hundred_is_the_most():
    values = np.minimum(draw().normal(90, 8, 1000).round(), 100)
    values[11] = 104
    assert find(percent=values)["row"].tolist() == [11]


def test_days_that_no_calendar_has_are_found():
    days = [f"{2000 + n % 20}-{n % 12 + 1:02d}-{n % 28 + 1:02d}" for n in range(300)]
    found = find(day=[*days, "2011-02-30", "2011-13-01", "2012-02-29", "2011-02-29"])
    assert sorted(found["given"]) == ["2011-02-29", "2011-02-30", "2011-13-01"]


@pytest.mark.parametrize("text", [False, True])
def test_a_date_far_from_all_others_is_found(text):
    days = pd.Series(pd.to_datetime("2015-01-01") + pd.to_timedelta(draw().integers(0, 900, 500), unit="D"))
    days[17] = pd.Timestamp("2105-03-04")
    assert find(day=days.dt.strftime("%Y-%m-%d") if text else days)["row"].tolist() == [17]


def test_a_start_after_its_end_is_found_with_both_cells():
    r = draw()
    start = pd.Timestamp("2015-01-01") + pd.to_timedelta(r.integers(0, 900, 500), unit="D")
    end = start + pd.to_timedelta(r.integers(1, 60, 500), unit="D")
    start, end = pd.Series(start), pd.Series(end)
    start[9], end[9] = end[9], start[9]
    found = find(start=start, end=end)
    assert {(row, c) for row, c in zip(found["row"], found["column"], strict=True)} == {(9, "start"), (9, "end")}


def test_columns_that_are_in_order_by_chance_or_tendency_have_no_order():
    r = draw()
    base = r.normal(0, 10, 3000)
    assert find(age=r.integers(20, 60, 3000), income=r.lognormal(10, 0.4, 3000)).empty
    assert find(low=base, high=base + r.normal(2.4, 1, 3000)).empty


def test_codes_are_no_numbers():
    codes = [f"{n:05d}" for n in draw().integers(500, 99_999, 500)]
    assert find(zip=[*codes, "00001"], x=np.arange(501)).empty


def test_the_check_says_what_was_not_judged():
    tail = np.where(draw().random(400) < 0.05, 1e6, draw(1).normal(size=400))
    check = audit(pd.DataFrame({"tail": tail}), detectors="ranges", progress=False).checks.iloc[0]
    assert "(more than 1 % of them are extreme): 'tail'" in check["reason"]
    texts = audit(pd.DataFrame({"a": ["some words"] * 40}), detectors="ranges", progress=False).checks.iloc[0]
    assert (texts["status"], texts["reason"]) == ("skipped", "there is no column of numbers or dates")


def test_the_order_of_the_rows_changes_nothing():
    values = draw().normal(170, 8, 500)
    values[[3, 4]] = 1700, -1
    order = draw(1).permutation(500)
    assert set(find(x=values)["row"]) == {int(order[row]) for row in find(x=values[order])["row"]} == {3, 4}


@given(st.floats(1e-6, 1e9))
@settings(max_examples=25, deadline=None)
def test_the_unit_changes_nothing_in_a_column_of_both_signs(scale):
    values = draw(3).normal(size=400)
    values[7] = 60
    assert find(x=values * scale)["row"].tolist() == [7]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=2, max_size=120))
@settings(max_examples=60, deadline=None)
def test_any_numbers_can_be_judged(values):
    found = find(x=values, y=np.arange(len(values)))
    assert ((found["doubt"] >= 0) & (found["doubt"] <= 1)).all()


def test_disorder_needs_rows_that_are_known():
    gaps = np.full(200, np.nan)
    assert find_disorder(pd.DataFrame({"a": gaps, "b": gaps}), {"a": gaps, "b": gaps}).empty
