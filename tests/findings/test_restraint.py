"""Restraint: what legitimate columns hold is not flagged, and no wrong value is suggested with confidence."""

import time

import numpy as np
import pandas as pd
import pytest

from dcai.findings.cells.aliases import LONGEST, find_aliases
from dcai.findings.cells.defaults import MOST_PEERS, find_defaults
from dcai.findings.cells.dependencies import mine_dependencies
from dcai.findings.cells.moment_writing import judge_moments
from dcai.findings.cells.spellings import looks_like_number
from dcai.findings.cells.writing import Writing
from dcai.findings.detectors.patterns import judge_writing
from dcai.findings.report import audit

GIVEN = [f"{a}{b}" for a in ("An", "Bel", "Cor", "Dor", "El", "Fri") for b in ("na", "da", "ta")]
FAMILY = [f"{a}{b}" for a in ("Ash", "Brook", "Clay", "Dun", "East", "Fern") for b in ("ton", "ham", "ley")]


def judge(values):
    return judge_writing(Writing("value", dict(sorted(pd.Series(list(values)).value_counts().items()))))[1]


def mend(values):
    return {value: unlike.suggested for value, unlike in judge(values).items()}


def test_running_numbers_have_as_many_digits_as_they_need():
    assert judge(f"INV-{n}" for n in range(1, 10_001)) == {}
    assert set(judge([*(f"INV-{n}" for n in range(1, 10_001)), "iron_man_3"])) == {"iron_man_3"}


def test_a_padded_code_that_misses_a_digit_is_still_found():
    assert set(judge([*(f"INV-{n:05d}" for n in range(1, 5_001)), "INV-412"])) == {"INV-412"}


def test_only_the_run_of_digits_that_is_padded_has_a_length():
    codes = [f"{n}-{n % 97:02d}-X" for n in range(1000, 9000, 7)]
    assert set(judge([*codes, "412-33-X", "4120-3-X"])) == {"4120-3-X"}


def test_many_distinct_codes_with_many_odd_ones_take_seconds():
    codes = [f"tt{n:07d}" for n in range(55_000)] + [f"the_{n:05d}_one" for n in range(5_000)]
    start = time.process_time()
    assert len(judge(codes)) == 5_000
    assert time.process_time() - start < 10


def test_few_short_numbers_do_not_make_marks_of_thousands_wrong():
    assert judge([f"{n:,}" for n in range(1200, 59_701, 300)] + [str(n) for n in range(120, 135)]) == {}


def test_the_check_says_that_marks_of_thousands_make_numbers_texts():
    values = [*(f"{n:,}" for n in range(1200, 59_701, 300)), "120"]
    checks = audit(pd.DataFrame({"votes": values}), detectors="patterns", progress=False).checks
    assert "marks of thousands, which most programs read as texts: 'votes'" in checks["reason"].iloc[0]


def test_of_mixed_long_numbers_the_fewer_are_rewritten():
    marked, bare = [f"{n:,}" for n in range(1200, 59_000, 300)], [str(n) for n in range(1300, 9_000, 300)]
    assert mend([*marked, *bare]) == {v: f"{int(v):,}" for v in bare}
    bare = [v.replace(",", "") for v in marked]
    assert mend([*bare, *marked[:40]]) == {v: v.replace(",", "") for v in marked[:40]}


@pytest.mark.parametrize("decimal", ["3,14", "0,125"])
def test_a_comma_in_a_column_of_decimal_commas_is_no_mark_of_thousands(decimal):
    short = [f"{n % 9 + 1},{n % 90 + 10}" for n in range(200)] if decimal == "3,14" else []
    thirds = [f"0,{n}" for n in range(125, 325)] if decimal == "0,125" else []
    values = [*short, *thirds, decimal, *("1,234", "2,718") * 5, *map(str, range(1000, 1020))]
    assert not {"1,234", "2,718"} & set(mend(values))


def test_where_one_decimal_comma_stands_a_single_mark_is_not_rewritten():
    values = [f"{n}.5" for n in range(1000, 1200)] + ["1,234", "3,14"]
    found = judge(values)
    assert found["1,234"].suggested is None
    assert found["3,14"].suggested == "3.14"


def test_a_unit_is_never_taken_from_a_column_where_all_numbers_have_one():
    values = ["10 oz"] * 40 + ["10 oz."] * 30 + ["10 ounces"] * 30
    assert mend([f"{n % 7 + 8}{v[2:]}" for n, v in enumerate(values)]) == {
        f"{n}{u}": None if u == " oz" else f"{n} oz" for n in range(8, 15) for u in (" oz", " oz.", " ounces")
    }


def test_one_leading_zero_makes_no_codes_of_numbers():
    values = [*map(str, range(100, 500)), *map(str, range(10, 99)), "012"]
    assert mend(values) == {}
    assert mend([*map(str, range(100, 500)), "12", "012"]) == {}


def test_lost_zeros_come_back_where_as_many_are_kept():
    codes = [f"{n:04d}" for n in range(400, 9_900, 19)]
    kept = sum(c[0] == "0" for c in codes)
    lost = [c.lstrip("0") if i % 3 == 0 else c for i, c in enumerate(codes)]
    assert kept > sum(len(c) < 4 for c in lost) > 3
    assert mend(lost) == {c.lstrip("0"): c for c, v in zip(codes, lost, strict=True) if c != v}


def test_powers_of_ten_among_marks_of_thousands_are_no_failure():
    assert judge([*(f"{n:,}" for n in range(1000, 90_000, 300)), "1e5"])["1e5"].suggested is None


@pytest.mark.parametrize(
    ("usual", "odd", "meant"),
    [
        ([f"{d:02d}-JAN-2001" for d in range(1, 29)], "2001-02-03", "03-FEB-2001"),
        ([f"{d}-JAN-2001" for d in range(1, 29)], "2001-02-03", "3-FEB-2001"),
        ([f"{d:02d}/{m:02d}/2001" for d in range(1, 13) for m in range(1, 13)], "2001-02-03", None),
        ([f"{d:02d}/{m:02d}/2001" for d in range(1, 29) for m in range(1, 13)], "2001-02-03", "03/02/2001"),
        ([f"{m:02d}/{d:02d}/2001" for d in range(1, 29) for m in range(1, 13)], "2001-02-03", "02/03/2001"),
        ([f"{d} Sep 2003" for d in range(10, 29)], "12 Sep 2003 e", "12 Sep 2003"),
        ([f"{d} Sep 2003" for d in range(10, 29)], "12 Sep 2003 (e)", "12 Sep 2003"),
        ([f"{d}th March 2001" for d in range(10, 20)], "2001-03-22", None),
        ([f"2001-02-{d}T10:30" for d in range(10, 29)], "2001-02-03 10:30", None),
    ],
)
def test_dates_are_rewritten_as_their_column_writes_them_or_not_at_all(usual, odd, meant):
    rows = dict.fromkeys(usual, 3) | {odd: 1}
    found = judge_moments(Writing("day", dict(sorted(rows.items()))))
    assert found[odd].suggested == meant


@pytest.mark.parametrize("value", ["Applet, Inc.", "Norwash, D.C.", "Ashton, Jr."])
def test_a_comma_before_what_never_begins_a_name_turns_nothing_round(value):
    names = [f"{g} {f}" for g in GIVEN for f in FAMILY]
    assert judge([*names, value]) == {}


def test_turned_names_are_sure_only_where_both_parts_are_known():
    names = [f"{g} {f}" for g in GIVEN for f in FAMILY]
    found = judge([*names, "Ashton, Anna", "Zwickel, Anna"])
    assert {v: (u.suggested, u.confidence) for v, u in found.items()} == {
        "Ashton, Anna": ("Anna Ashton", 0.9),
        "Zwickel, Anna": ("Anna Zwickel", 0.6),
    }


@pytest.mark.parametrize("value", ["60614", "1"])
def test_a_value_that_is_merely_frequent_is_one_finding_about_its_column(value):
    draw = np.random.default_rng(0)
    values = draw.choice([value, "other"], 5_000, p=[0.4, 0.6]).astype(object)
    others = values == "other"
    values[others] = draw.integers(20_000, 30_000, others.sum()).astype(str)
    found = find_defaults("zip", pd.Series(values))
    assert found["row"].tolist() == [-1]
    assert 0 < len(found["peers"].iloc[0]) <= MOST_PEERS
    assert all(values[row] == value for row in found["peers"].iloc[0])
    assert "default" in found["reason"].iloc[0]
    whole = audit(pd.DataFrame({"zip": values}), detectors="missing", progress=False).findings
    assert whole["row"].tolist() == [-1]


def make_towns(seed=0):
    """Towns with a code each, and the state that the code settles."""
    town = np.random.default_rng(seed).integers(0, 300, 4_000)
    codes, states = 20_000 + 7 * town, town // 30
    return pd.DataFrame({"zip": codes.astype(str), "town": [f"Town {t}" for t in town], "state": states.astype(str)})


def test_a_default_that_other_columns_contradict_is_flagged_cell_by_cell():
    frame = make_towns()
    own = frame["zip"] == "20035"
    rows = np.flatnonzero((np.random.default_rng(1).random(len(frame)) < 0.1) & ~own)
    frame.loc[rows, "zip"] = "20035"
    frame["noise"] = np.random.default_rng(2).integers(0, 5, len(frame))
    frame["lists"] = [[n] for n in range(len(frame))]
    frame["empty"] = None
    found = find_defaults("zip", frame["zip"], [frame[c] for c in frame])
    assert found["row"].tolist() == rows.tolist()


def test_a_frequent_value_that_other_columns_confirm_is_no_default_of_cells():
    frame = make_towns()
    rows = np.random.default_rng(1).random(len(frame)) < 0.4
    frame.loc[rows, ["zip", "town", "state"]] = ["20035", "Town 5", "0"]
    assert find_defaults("zip", frame["zip"], [frame[c] for c in frame])["row"].tolist() == [-1]


def test_digits_that_only_fill_a_place_are_flagged_cell_by_cell():
    draw = np.random.default_rng(0)
    phones = [f"{n // 10_000}-{n % 10_000:04d}" for n in draw.integers(2_000_000, 9_999_999, 400)]
    for filler in ("555-5555", "123-4567", "987-6543"):
        found = find_defaults("phone", pd.Series([*phones, *[filler] * 40]))
        assert found["row"].tolist() == list(range(400, 440))


@pytest.mark.parametrize("text", ["1" * 200_000 + "x", " " * 200_000 + "x", "1 -" * 60_000 + "x", "$ " * 90_000 + "x"])
def test_long_texts_are_read_once(text):
    start = time.process_time()
    assert not looks_like_number(text)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("text", ["12", "$ 1,200.50", "- 5", "2001-02-03", "10 %", "  +7", ".5", "1" * 5000])
def test_numbers_look_like_numbers(text):
    assert looks_like_number(text)
    assert not looks_like_number(text + "a")
    assert not looks_like_number("%" + text)


@pytest.mark.parametrize(("length", "known"), [(20, 1), (LONGEST * 10, 0)])
def test_only_keys_of_a_name_s_length_are_aliases(length, known):
    shops = [(name * LONGEST * 10)[:length] for name in ("northgate", "hillside", "lakewood", "moorland", "portway")]
    shops += [(name * LONGEST * 10)[:length] for name in ("bridgend", "millbrook", "ashfield", "castleton", "riverton")]
    row = np.repeat(np.arange(10), 15)
    codes = np.column_stack([row, row // 2, row % 7 // 2 + 5 * (row // 5)])
    codes[3, 0] = 10
    slip = "q" + shops[0][1:]
    found = find_aliases(codes, mine_dependencies(codes), [[*shops, slip], [*"abcde"], [*"abcdefghi"]])
    assert len(found) == known
