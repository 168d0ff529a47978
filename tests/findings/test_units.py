"""Units: a value in another unit is found, converted where the factor is known and the result fits, and never just stripped."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.findings.cells.units import UNITS, convert, fold_unit
from dcai.findings.cells.writing import Writing
from dcai.findings.detectors.patterns import judge_writing


def judge(values):
    texts, rows = np.unique(values, return_counts=True)
    kind, found = judge_writing(Writing("v", dict(zip(texts.tolist(), rows.tolist(), strict=True))))
    assert kind == "numbers"
    return found


def suggest(values):
    return {value: unlike.suggested for value, unlike in judge(values).items()}


R = np.random.default_rng(0)
INCOMES = [str(int(v)) for v in R.lognormal(10.5, 0.35, 800)]
WEIGHTS = [f"{v:.1f} kg" for v in R.normal(75, 10, 800)]
HEIGHTS = [f"{v:.0f} cm" for v in R.normal(172, 9, 800)]
SHARES = [f"{v:.3f}" for v in R.beta(3, 3, 800)]
MARKS = [f"{v:.0f}" for v in R.normal(50, 12, 800)]


@pytest.mark.parametrize(
    ("column", "value", "meant"),
    [
        (INCOMES, "37.8k", "37800"),
        (INCOMES, "37.8 K", "37800"),
        (INCOMES, "0.04 million", "40000"),
        (WEIGHTS, "165 lb", "74.8 kg"),
        (WEIGHTS, "70100 g", "70.1 kg"),
        (WEIGHTS, "2600 oz", "73.7 kg"),
        (HEIGHTS, "1.70 m", "170 cm"),
        (HEIGHTS, "1702 mm", "170 cm"),
        (HEIGHTS, "68 in", "173 cm"),
        (SHARES, "45%", "0.450"),
        (MARKS, "45%", "45"),
        ([f"{m}%" for m in MARKS], "0.45", "45%"),
        ([f"{m}%" for m in MARKS], "45", "45%"),
    ],
)
@pytest.mark.parametrize("rows", [1, 8])
def test_a_value_in_another_unit_is_found_and_converted(column, value, meant, rows):
    assert suggest([*column, *[value] * rows]) == {value: meant}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (INCOMES, "9.9M"),  # beyond all others, with or without its factor
        (INCOMES, "2 k"),
        (WEIGHTS, "75 lb"),  # 34 kg: none of the others
        (WEIGHTS, "75 g"),
        (WEIGHTS, "75 l"),  # nothing leads from litres to kilograms
        (HEIGHTS, "170 m"),
        (HEIGHTS, "1.7"),
    ],
)
@pytest.mark.parametrize("rows", [1, 8])
def test_a_value_that_does_not_fit_is_found_and_keeps_its_unit(column, value, rows):
    assert suggest([*column, *[value] * rows]) == {value: None}


def test_a_fitting_number_loses_its_unit_where_the_others_have_none():
    sizes = [f"{v:.1f}" for v in R.choice([8.4, 12, 16, 24], 400)]
    found = judge([*sizes, *["12.0 oz"] * 20])
    assert (found["12.0 oz"].suggested, found["12.0 oz"].confidence > 0.95) == ("12.0", True)


def test_numbers_that_stand_alone_are_in_the_unit_that_more_of_the_others_have():
    found = suggest([*(w.removesuffix(" kg") for w in WEIGHTS), *["75.0 kg"] * 40, *["77.0 lb"] * 3])
    assert found == {"75.0 kg": "75.0", "77.0 lb": None}


def test_the_loss_of_what_multiplies_is_never_sure():
    assert judge([*MARKS, *["45k"] * 4])["45k"].confidence < 0.7


def test_the_reason_names_both_units():
    reason = judge([*WEIGHTS, *["165 lb"] * 16])["165 lb"].reason
    assert reason == "'165 lb' is in 'lb', and 98 % of 'v' are in 'kg'."


def test_two_units_side_by_side_are_two_kinds_of_values():
    packs = [f"{v} g" for v in R.integers(100, 900, 300)] + [f"{v} l" for v in R.integers(1, 9, 150)]
    assert suggest(packs) == {}


def test_house_numbers_with_letters_lose_none():
    assert not any(suggest([*MARKS, "4A", "4B", "12K", "7M"]).values())


@given(st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)))
@settings(max_examples=200, deadline=None)
def test_there_and_back_is_nothing(one, other):
    there, back = convert(one, other), convert(other, one)
    assert (there is None) == (back is None)
    assert there is None or there * back == pytest.approx(1, rel=1e-4)
    assert fold_unit(fold_unit(one)) == fold_unit(one)
