"""Ranges: what a column cannot hold is found, its heavy tails and legitimate extremes are not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.findings.cells.order import find_disorder
from dcai.findings.cells.tails import expect_beyond
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


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "wrong",
    [[200], [430], [1000], [430] * 2, [430] * 4, [430, 999, 999], [430, 100_000], [-3], [-1], [-3, -5], [-40, -3]],
)
def test_ages_that_nobody_has_are_found_however_many_and_whatever_stands_beside_them(seed, wrong):
    ages = draw(seed).normal(44, 14, 800).round().clip(18, 88)
    ages[: len(wrong)] = wrong
    assert sorted(find(age=ages)["row"]) == list(range(len(wrong)))


@pytest.mark.parametrize("factor", [30, 100, 1000])
@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize("seed", range(2))
def test_amounts_of_another_size_are_found_though_the_column_is_skewed(seed, rows, factor):
    r = draw(seed)
    spend = (r.choice([20, 45, 80], 800, p=[0.5, 0.3, 0.2]) * r.lognormal(0, 0.15, 800)).round(2)
    spend[:rows] *= factor
    assert sorted(find(spend=spend)["row"]) == list(range(rows))


@given(st.integers(0, 50), st.floats(0, 200), st.floats(1, 1e6))
@settings(max_examples=40, deadline=None)
def test_further_out_is_found_at_least_as_well(seed, near, more):
    values = draw(seed).lognormal(2, 0.7, 300)
    values[0] = near
    before = expect_beyond(values)[0]
    values[0] = near + more
    assert expect_beyond(values)[0] <= before


def test_a_negative_number_below_counts_is_found_and_one_of_a_tail_through_zero_is_not():
    counts = draw().poisson(2, 800)
    counts[3] = -2
    assert find(calls=counts)["row"].tolist() == [3]
    through = draw().normal(60, 20, 2000)
    assert (through < 0).any()
    assert find(growth=through).empty


def test_the_reason_says_where_the_others_begin():
    ages = draw().normal(44, 14, 800).round().clip(18, 88)
    ages[:2] = -40, -3
    found = find(age=ages)
    assert found["reason"].iloc[0].endswith("is negative, and 798 numbers of 'age' are not: they begin at 18.")
    assert found.sort_values("row")["suggested"].tolist() == [40.0, None]


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_number_is_found(value):
    values = draw().normal(size=300)
    values[3] = value
    found = find(x=values)
    assert found["row"].tolist() == [3]
    assert "infinite" in found["reason"].iloc[0]


def test_a_number_in_another_unit_is_not_taken_for_an_extreme_one():
    weights = [f"{v:.1f} kg" for v in draw().normal(75, 10, 400)]
    assert find(weight=[*weights, "75000 g"]).empty


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


def test_numbers_of_two_meanings_have_no_order():
    power = draw().lognormal(4.5, 0.3, 2000)
    displacement = power + draw(1).exponential(80, 2000)
    displacement[[4, 90]] = power[[4, 90]] - 5
    assert find(power=power, displacement=displacement).empty


@pytest.mark.parametrize(("one", "other"), [("temp_min", "temp_max"), ("LowPrice", "HighPrice"), ("from", "to")])
def test_a_pair_of_names_has_an_order(one, other):
    low = draw().normal(10, 5, 900)
    high = low + 0.5 + draw(1).exponential(2, 900)
    high[[3, 60]] = low[[3, 60]] - 4
    assert sorted(set(find(**{one: low, other: high})["row"])) == [3, 60]


def test_the_cell_that_is_odd_in_its_own_column_is_blamed_alone():
    r = draw()
    start = pd.Series(pd.Timestamp("2018-01-01") + pd.to_timedelta(r.integers(0, 900, 600), unit="D"))
    seen = start + pd.to_timedelta(r.integers(1, 90, 600), unit="D")
    seen[[5, 6]] = pd.Timestamp("1900-01-01")
    found = find(start_date=start, last_seen=seen)
    assert set(zip(found["row"], found["column"], strict=True)) == {(5, "last_seen"), (6, "last_seen")}


def test_the_steps_of_a_tariff_are_values_of_their_own():
    steps = draw().choice([0, 500, 900, 1200, 9000, 12000, 24500], 4000, p=[0.6, 0.2, 0.1, 0.07, 0.01, 0.01, 0.01])
    assert find(exemption=steps).empty


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
