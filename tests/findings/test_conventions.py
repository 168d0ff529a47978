"""Ways of writing that are meant: clean columns of mixed conventions are not flagged, and what breaks one is found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import dcai
from dcai.findings.cells.abbreviations import find_abbreviations
from dcai.findings.cells.arithmetic import find_miscalculated
from dcai.findings.cells.dependencies import mine_dependencies
from dcai.findings.cells.purity import fit_errors
from dcai.findings.cells.relations import relate_columns
from dcai.findings.cells.spellings import find_spellings

VALUES = ["missing", "variants", "patterns", "ranges", "dependencies"]
ROWS = 400


def audit(frame: pd.DataFrame, **options: object) -> dcai.Audit:
    return dcai.audit(frame, detectors=VALUES, progress=False, **options)  # type: ignore[arg-type]  # any option


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    found = audit(frame).findings
    return found[(found["row"] >= 0) & found["column"].notna()]


def note(frame: pd.DataFrame, detector: str, **options: object) -> str:
    checks = audit(frame, **options).checks.set_index("detector")
    return str(checks.loc[detector, "reason"])


def draw() -> np.random.Generator:
    return np.random.default_rng(5)


def make_amounts() -> list[str]:
    return [f"{int(v):,}" for v in np.exp(draw().normal(7, 2, ROWS))]


def make_spans() -> list[str]:
    minutes = draw().integers(20, 200, ROWS)
    return [f"{m // 60} h {m % 60} min" if m >= 60 else f"{m} min" for m in minutes]


def make_bounds() -> list[str]:
    return ["<0.5" if v < 0.5 else f"{v:.1f}" for v in draw().gamma(1.5, 1.2, ROWS)]


def make_phones() -> list[str]:
    random = draw()
    ends = ["", "", "", "", "", "", " x12", " x7"]
    return [
        f"({a}) {a + 17}-{1000 + 7 * i}{random.choice(ends)}" for i, a in enumerate(random.integers(200, 900, ROWS))
    ]


def make_codes() -> list[str]:
    random = draw()
    return [f"{n:05d}{random.choice(['', '', '', f'-{n % 9000 + 1000}'])}" for n in random.integers(500, 99_999, ROWS)]


def make_sizes() -> list[str]:
    random = draw()
    return [f"{a} x {b}" for a, b in zip(random.integers(2, 9, ROWS), random.integers(2, 9, ROWS), strict=True)]


def make_pay() -> list[str]:
    return [str(v * 500) for v in draw().integers(5, 200, ROWS * 10)]


@pytest.mark.parametrize(
    "make", [make_spans, make_bounds, make_phones, make_codes, make_sizes, make_pay], ids=lambda make: make.__name__
)
def test_conventions_that_are_meant_are_not_flagged(make: Callable[[], list[str]]) -> None:
    assert cells(pd.DataFrame({"value": make()})).empty


def test_marks_of_thousands_are_no_error_where_they_are_the_habit_of_the_table() -> None:
    amounts = make_amounts()
    assert cells(pd.DataFrame({"people": amounts, "votes": amounts[::-1]})).empty
    assert cells(pd.DataFrame({"price": [f"${v}" for v in amounts]})).empty
    alone = cells(pd.DataFrame({"people": amounts, "n": range(ROWS)}))
    assert set(alone["row"]) == {i for i, v in enumerate(amounts) if "," in v}
    assert (alone["doubt"] <= 0.5).all()
    assert (alone["confidence"] < 0.95).all()


def test_a_mixture_of_marked_and_bare_long_numbers_is_found_in_a_table_of_marks_too() -> None:
    amounts = [f"{n:,}" for n in range(1200, 59_701, 300)]
    frame = pd.DataFrame({"people": amounts, "votes": amounts[::-1]})
    frame.loc[[3, 9], "votes"] = ["48123", "51007"]
    assert set(zip(cells(frame)["row"], cells(frame)["suggested"], strict=True)) == {(3, "48,123"), (9, "51,007")}


def test_long_durations_beside_long_minutes_are_two_ways_of_writing() -> None:
    frame = pd.DataFrame({"length": [f"{n} min" for n in range(50, 250)]})
    frame.loc[[3, 9], "length"] = ["1 h 30 min", "2 h 5 min"]
    found = cells(frame)
    assert dict(zip(found["row"], found["suggested"], strict=True)) == {3: "90 min", 9: "125 min"}


def test_a_number_with_a_digit_too_few_is_found_where_the_others_have_a_length() -> None:
    years = [str(y) for y in draw().integers(1930, 2020, ROWS)]
    years[7] = "199"
    assert set(cells(pd.DataFrame({"year": years}))["row"]) == {7}


def test_numbers_in_another_order_are_other_values() -> None:
    assert find_spellings({"3 h 2 min": 2, "2 h 3 min": 9, "12:10 AM": 1, "10:12 AM": 8}) == []
    assert [s.near for s in find_spellings({"5 Oak Street": 9, "Oak Street 5": 1})] == ["5 Oak Street"]


def test_first_letters_stand_for_a_category_only_where_all_short_values_do() -> None:
    frame = pd.DataFrame({"sex": ["Male", "Female"] * 150 + ["M", "F", "m"]})
    found = cells(frame)
    assert dict(zip(found["row"], found["suggested"], strict=True)) == {300: "Male", 301: "Female", 302: "Male"}
    assert (found["confidence"] < 0.95).all()
    towns = {"Hamburg": 90, "Bremen": 80, "Munich": 70, "Berlin": 60}
    assert find_abbreviations({**towns, "H": 2}) == []  # one of many may be anything
    assert find_abbreviations({**towns, "H": 2, "B": 2}) == []  # Bremen or Berlin
    assert find_abbreviations({"Male": 90, "Female": 80, "M": 60, "F": 50}) == []  # a way of writing of its own


def test_empty_said_in_words_is_one_finding_where_it_is_the_habit_of_a_column() -> None:
    scores = [str(10 + i % 80) for i in range(ROWS)]
    scores[:40] = ["empty"] * 40
    found = audit(pd.DataFrame({"score": scores})).findings
    assert found[["row", "column", "detector"]].to_numpy().tolist() == [[-1, "score", "missing"]]
    assert set(found["peers"].iloc[0]) == set(range(40))
    scores[40:45] = [""] * 5  # two ways of saying nothing in one column
    assert set(range(40)) <= set(cells(pd.DataFrame({"score": scores}))["row"])
    glass = pd.DataFrame({"glass": ["empty", "half full", "full"] * 100})
    assert audit(glass).findings.empty


def test_attributes_of_a_thing_are_no_key_of_it() -> None:
    random = draw()
    books = 240
    year, press = random.integers(1970, 2010, books), random.integers(0, 30, books)
    at = random.integers(books, size=1200)
    frame = pd.DataFrame(
        {
            "isbn": [f"978{b:06d}" for b in at],
            "title": [f"Title {'abcdefghij'[b % 10]}{b:03d}" for b in at],
            "press": [f"Press {'klmnopqrst'[press[b] % 10]}{press[b]}" for b in at],
            "year": [str(year[b]) for b in at],
        }
    )
    from dcai.base.table import Table

    relations = relate_columns(Table(frame))
    left = {tuple(relations.names[c] for c in d.left) for d in relations.breaches.dependencies}
    assert ("isbn",) in left
    assert not {("press", "year"), ("year", "press")} & left
    assert cells(frame).empty


def test_two_columns_that_settle_a_third_are_kept_where_nothing_settles_them() -> None:
    random = draw()
    one, other = random.integers(0, 12, 1500), random.integers(0, 12, 1500)
    value = (one * 12 + other) * 7 % 144
    found = mine_dependencies(np.column_stack([one, other, value]))
    assert ((0, 1), 2) in {(d.left, d.right) for d in found}


def test_few_large_groups_that_differ_by_nature_are_no_rate_of_errors() -> None:
    size = np.r_[np.full(200, 30.0), [4000.0, 900.0]]
    lost = np.r_[np.zeros(200), [600.0, 120.0]]
    error, pure, _ = fit_errors(size, lost, np.where(lost > 0, 2.0, 1.0), 0.9)
    assert error < 0.01
    assert pure > 0.9
    lost = random_errors = np.random.default_rng(0).binomial(size.astype(int), 0.2).astype(float)
    error, pure, _ = fit_errors(size, lost, 1.0 + random_errors, 0.05)
    assert error == pytest.approx(0.2, abs=0.03)
    assert pure > 0.9


def test_a_sum_is_found_whatever_its_columns_are() -> None:
    random = draw()
    columns = {f"c{i:02d}": random.integers(10, 9000, ROWS) / 10 for i in range(36)}
    columns["c31"] = np.round(columns["c20"] + columns["c29"], 1)
    columns["c31"][7] += 55
    found = find_miscalculated(pd.DataFrame(columns), columns)
    assert found[["row", "column"]].to_numpy().tolist() == [[7, "c31"]]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ([*map(str, range(100, 490)), *(f"0{n}" for n in range(10, 30))], "its numbers are codes"),
        ([*map(str, range(100, 400)), *["low"] * 100], "part of its texts are no numbers"),
        ([*map(str, range(20, 44)), "4300"], "fewer than 30 numbers"),
        ([f"2001-02-{d:02d}" for d in range(1, 29)] * 3 + ["soon"] * 30, "part of its texts are no dates"),
        ([pd.Timedelta(days=n) for n in range(90)], "its cells are neither text, number nor date"),
    ],
)
def test_a_column_whose_numbers_were_not_looked_at_is_named(made: list[object], reason: str) -> None:
    frame = pd.DataFrame({"amount": pd.Series(made, dtype=object), "n": np.arange(len(made)) / 7})
    said = note(frame, "ranges")
    assert reason in said
    assert "'amount'" in said


def test_columns_with_another_part_to_play_are_said_not_to_be_searched() -> None:
    towns = ["Hamburg", "Bremen", "Munich", "Berlin", "Cologne"] * 80
    frame = pd.DataFrame({"town": towns, "id": range(400), "y": [n % 2 for n in range(400)]})
    assert "not searched, being the groups: 'town'" in note(frame, "variants", label="y", groups="town")
    assert "not searched, being the key: 'id'" in note(frame, "ranges", key="id")
    assert "groups" not in note(frame, "missing", label="y", groups="town")


def test_more_columns_than_are_compared_are_counted() -> None:
    frame = pd.DataFrame(draw().normal(size=(60, 65)), columns=[f"c{i}" for i in range(65)])
    said = note(frame, "ranges")
    assert "of 65 columns the first 40 were compared for sums and products" in said
    assert "of 65 columns the first 60 were compared for their order" in said


def test_an_audit_and_an_explanation_can_be_read_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    frame = pd.DataFrame({"maker": ["mazda"] * 30 + ["maxda"], "note": ["a\x1b[31mb"] * 30 + ["a"]})
    found = audit(frame)
    page = str(found)
    assert max(map(len, page.splitlines())) <= 80
    for check in found.checks.itertuples():
        assert str(check.detector) in page
        assert " ".join(str(check.reason).split()) in " ".join(page.split())
    told = str(found.explain(30))
    assert "maker: maxda -> mazda" in told
    assert "suggested" in told
    assert "\x1b" not in page + told
    assert "\n" not in repr(found) + repr(found.explain(30))
    plain = audit(frame[["maker"]])
    assert str(plain.explain(0)) == "Row 0\n  Nothing was found about this row."


def test_rows_that_say_nothing_have_no_vote() -> None:
    code = np.arange(400) % 40
    frame = pd.DataFrame({"code": [f"K{c}7" for c in code], "town": [f"{'abcdefgh'[c % 8] * 4}burg {c}" for c in code]})
    frame.loc[code == 3, "town"] = ["unknown"] * 8 + ["ddddburg 3"] * 2
    found = cells(frame)
    assert not found["suggested"].isin(["unknown"]).any()
    assert not found["row"].isin(np.flatnonzero(frame["town"] == "ddddburg 3")).any()


def test_two_numbers_that_nearly_name_a_person_settle_nothing() -> None:
    random = np.random.default_rng(3)
    people = 200
    tall, old = random.normal(170, 9, people).astype(int), random.integers(2, 80, people)
    at = random.integers(people, size=1000)
    columns = {"patient": at, "height": tall[at], "age": old[at] + random.integers(0, 3, 1000)}
    frame = pd.DataFrame({name: values.astype(str) for name, values in columns.items()})
    frame["town"] = [f"{'abcdefgh'[p % 8] * 3}ton {p // 3}" for p in at]
    assert cells(frame).empty
