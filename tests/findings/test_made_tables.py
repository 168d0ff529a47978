"""Made tables whose errors are known: what contradicts, what is written alike, and the silence of clean tables."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import dcai
from dcai.findings.cells.arithmetic import find_miscalculated
from dcai.findings.cells.breaches import find_breaches
from dcai.findings.cells.dependencies import mine_dependencies
from dcai.findings.cells.keyers import find_alike, key_by_pairs, key_by_sound
from dcai.findings.cells.purity import weigh_pure
from dcai.findings.cells.spellings import find_spellings
from dcai.findings.cells.writing import Writing
from dcai.findings.detectors.patterns import judge_writing
from dcai.findings.learning.edits import _explain
from dcai.findings.tables.given_names import count_given_names

PEOPLE = [
    "Maria Lopez",
    "John Okafor",
    "Anna Weber",
    "Peter Novak",
    "Laura Rossi",
    "Karin Holm",
    "Zeno Quist",
    "Ida Brandt",
]


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "tables.py"
    spec = importlib.util.spec_from_file_location("made_tables", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["made_tables"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    found = dcai.audit(frame).findings
    return found[found["column"].notna() & (found["row"] >= 0)]


@pytest.mark.parametrize("name", ["references", "invoices", "visits", "survey", "staff"])
def test_a_clean_table_has_no_flagged_cell(tables: ModuleType, name: str) -> None:
    assert cells(tables.TABLES[name](np.random.default_rng(3), n=300).clean).empty


def test_what_is_planted_is_what_differs(tables: ModuleType) -> None:
    for make in tables.TABLES.values():
        made = make(np.random.default_rng(1), n=150)
        rows, columns = np.nonzero((made.clean != made.dirty).to_numpy())
        assert {(int(r), made.clean.columns[c]) for r, c in zip(rows, columns, strict=True)} == set(made.kinds)


def pair_table() -> pd.DataFrame:
    code = np.arange(400) % 8
    return pd.DataFrame({"code": [f"K{c}7" for c in code], "meaning": [f"{'abcdefgh'[c] * 4} disease" for c in code]})


def test_of_two_columns_that_say_the_same_both_cells_are_in_question() -> None:
    frame = pair_table()
    frame.loc[11, "code"] = "K57"
    frame.loc[20:60:7, "meaning"] = [
        f"{v[:2]}x{v[3:]}" for v in frame.loc[20:60:7, "meaning"]
    ]  # slips on one side only
    found = cells(frame)
    found = found[(found["row"] == 11) & (found["detector"] == "dependencies")].set_index("column")
    assert set(found.index) == {"code", "meaning"}
    assert found["doubt"].tolist() == pytest.approx([0.5, 0.5], abs=0.05)
    assert (found["confidence"] < 0.6).all()
    assert found.loc["code", "suggested"] == "K37"
    assert found["reason"].str.contains("Or '(?:code|meaning)' is wrong: nothing else in the row tells").all()


def test_a_third_column_tells_which_of_two_is_wrong() -> None:
    frame = pair_table().assign(chapter=[f"chapter {c[1]}" for c in pair_table()["code"]])
    frame.loc[11, "code"] = "K57"
    found = cells(frame)
    assert found.loc[found["row"] == 11, "column"].tolist() == ["code"]


def test_a_value_that_many_rows_have_is_no_slip_of_another() -> None:
    frame = pd.DataFrame({"code": np.repeat(["01", "02", "03", "04", "05", "06"], 60).tolist()})
    frame["region"] = frame["code"].map(
        dict(zip(sorted(set(frame["code"])), ["North", "South", "East", "West", "Coast", "Lake"], strict=True))
    )
    frame.loc[[5, 9], "code"] = "02"  # North under the code of South, which is written much like it
    found = cells(frame)
    assert set(found.loc[found["row"].isin([5, 9]), "column"]) == {"code", "region"}


def test_errors_that_meet_by_accident_make_no_second_value() -> None:
    random = np.random.default_rng(0)
    codes = np.repeat(np.arange(7), 200)
    both = np.column_stack([codes, codes])
    rows = random.choice(len(codes), 100, replace=False)
    both[rows, 1] = (both[rows, 1] + random.integers(1, 7, 100)) % 7
    found = find_breaches(both, mine_dependencies(both))
    assert set(rows.tolist()) <= set(found.row.tolist())


def test_many_equal_losers_speak_against_one_value() -> None:
    law = (0.05, 0.8, 0.05, 1.5, 1.5)
    size, lost = np.array([40.0, 40.0]), np.array([8.0, 8.0])
    spread, equal = weigh_pure(size, lost, np.array([9.0, 2.0]), law)
    assert spread > 0.9 > 0.5 > equal


def test_all_slips_of_one_value_are_found_however_many_there_are() -> None:
    slips = ["scondary", "secondry", "seconddary", "seecondary", "secoondary", "secondarry", "secnodary"]
    found = find_spellings({"secondary": 400, "primary": 200, "master": 90} | dict.fromkeys(slips, 1))
    assert {s.value for s in found} == set(slips)
    assert {s.near for s in found} == {"secondary"}


def test_letters_of_slips_of_several_values_make_a_word() -> None:
    heads = {f"al_unit-{k}{w}": 40 for k, w in enumerate(["card", "heart", "lungs", "stroke"])}
    own = {f"ak_unit-{k}{w}": 1 for k, w in enumerate(["card", "heart", "lungs", "stroke"])}
    alone = find_spellings(heads | {"ak_unit-0card": 1})
    assert {s.value for s in alone} == {"ak_unit-0card"}
    together = {s.value: s for s in find_spellings(heads | own)}
    assert all(s.doubt < alone[0].doubt for s in together.values())


def test_short_words_with_swapped_letters_are_slips_unless_every_order_is_a_code() -> None:
    assert [(s.value, s.near) for s in find_spellings({"web": 300, "shop": 90, "ewb": 1})] == [("ewb", "web")]
    assert find_spellings({"ATL": 300, "ALT": 90, "LAX": 80, "TAL": 1}) == []


def test_keyers_join_what_a_slip_would_not() -> None:
    assert key_by_pairs("Mc Donald's") == key_by_pairs("mcdonalds") != key_by_pairs("mcdowells")
    assert key_by_sound("Kristof") == key_by_sound("Christoph") != key_by_sound("Christa")
    assert key_by_pairs("ab") == key_by_sound("K2 Ltd") == ""
    found = find_spellings({"Christoph Meier": 30, "Kristof Maier": 1, "Anna Ohm": 20, "Bela Tor": 9})
    assert [(s.value, s.near, s.how) for s in found] == [
        ("Kristof Maier", "Christoph Meier", "letters that sound alike")
    ]
    assert found[0].confidence < 0.95


def test_a_key_that_frequent_values_share_tells_nothing() -> None:
    rows = {"Philipp": 30, "Fillip": 30, "Filip": 2}
    assert list(find_alike(["Filip"], ["Philipp", "Fillip"], rows, 5)) == []


def test_a_mended_price_keeps_currency_and_marks() -> None:
    prices = {f"€{1000 + 37 * n:,}.50": 3 for n in range(60)} | {"1,037.50 EUR": 1}
    assert judge_writing(Writing("price", prices))[1]["1,037.50 EUR"].suggested == "€1,037.50"


def test_each_spelling_of_a_unit_is_doubted_by_the_rows_that_lack_it() -> None:
    rows = {f"{12 + i}{unit}": n for i in range(30) for unit, n in ((" oz", 4), (" ounce", 3), (" oz.", 3))}
    found = judge_writing(Writing("size", rows))[1]
    assert len(found) == len(rows)
    assert {round(u.doubt, 2) for v, u in found.items() if v.endswith(" oz")} == {0.58}
    assert {round(u.doubt, 2) for v, u in found.items() if v.endswith(" ounce")} == {0.66}
    assert all(u.suggested is None for v, u in found.items() if v.endswith(" oz"))
    usual = {f"{12 + i}{unit}": n for i in range(30) for unit, n in ((" oz", 6), (" ounce", 4))}
    assert all(v.endswith(" ounce") for v in judge_writing(Writing("size", usual))[1])


def test_marks_of_thousands_are_no_matter_where_all_numbers_are_long_or_none_has_one() -> None:
    for numbers in ([f"{n:,}" for n in range(1000, 9000, 17)], [str(n) for n in range(3, 9000, 17)]):
        assert judge_writing(Writing("votes", dict.fromkeys(numbers, 1)))[1] == {}


@pytest.mark.parametrize("rows", [40, 90, 150])
@pytest.mark.parametrize("name", ["age", "Age at visit", "patientAge", "Alter", "edad"])
def test_impossible_ages_are_found_in_small_tables(rows: int, name: str) -> None:
    ages = np.clip(np.random.default_rng(rows).normal(44, 15, rows).round(), 18, 95).astype(int)
    ages[[3, 7]] = 430, -3
    found = cells(pd.DataFrame({name: ages, "row": np.arange(rows)}))
    assert {3, 7} <= set(found.loc[(found["detector"] == "ranges") & (found["column"] == name), "row"])
    assert not len(set(found["row"]) - {3, 7})


def test_what_is_only_called_like_an_age_may_be_older() -> None:
    houses = pd.DataFrame({"age": [*np.linspace(1, 118, 97).round().astype(int), 130, 145, 160]})
    assert cells(houses).empty
    pages = pd.DataFrame({"pages": [*np.clip(np.random.default_rng(0).normal(60, 20, 90), 5, 118).round(), 180.0]})
    assert cells(pages)["reason"].str.contains("person").sum() == 0


@pytest.mark.parametrize(
    ("given", "value", "other", "mended"),
    [
        ("0.5 kg", "500 g", "1.25 kg", "1250 g"),
        ("12 ounce", "12 oz", "1,200 ounce", "1,200 oz"),
        ("€12.50", "12.50 EUR", "€1,030.00", "1,030.00 EUR"),
        ("150 lb", "68.0 kg", "200 lb", "90.7 kg"),
    ],
)
def test_an_edited_unit_is_taken_to_other_numbers(given: str, value: str, other: str, mended: str) -> None:
    units = [w for w in _explain(given, value) if w.name.startswith("unit")]
    assert [w.apply(other) for w in units] == [mended]
    assert all(w.apply(text) == text for w in units for text in ("12 cups", "twelve", "", "9"))


def test_a_wrong_conversion_shows_no_rule() -> None:
    assert not [w for w in _explain("0.5 kg", "700 g") if w.name.startswith("unit")]


def test_refine_takes_one_edited_unit_to_the_column(tmp_path: Path) -> None:
    heavy = [f"{100 + 7 * (i % 90)} g" for i in range(200)]
    heavy[::4] = [f"{float(v[:-2]) / 1000:g} kg" for v in heavy[::4]]
    audit = dcai.audit(pd.DataFrame({"weight": heavy, "n": np.arange(200)}))
    log = dcai.Review(audit, tmp_path / "log.jsonl", by="ada")
    for row in (0, 4):
        log.decide(row, "edit", f"{float(heavy[row][:-3]) * 1000:g} g", column="weight")
    found = audit.refine(log.log).findings
    found = found[(found["column"] == "weight") & found["row"].isin(range(8, 200, 4))]
    told = dict(zip(found["row"], found["suggested"], strict=True))
    assert {row: told.get(row) for row in range(8, 200, 4)} == {
        row: f"{float(heavy[row][:-3]) * 1000:g} g" for row in range(8, 200, 4)
    }


@pytest.mark.parametrize("name", ["name", "Name", "nombre", "nom", "person", "prénom", "Vorname", "imię", "sobrenome"])
def test_names_of_people_are_personal_data(name: str) -> None:
    found = dcai.audit(pd.DataFrame({name: [PEOPLE[i % 8] + "abc"[i % 3] for i in range(60)], "n": range(60)})).findings
    assert found.loc[found["detector"] == "personal_data", "column"].tolist() == [name]


@pytest.mark.parametrize("name", ["product name", "file_name", "columnName", "brand"])
def test_names_of_things_are_not_by_their_heading(name: str) -> None:
    found = dcai.audit(pd.DataFrame({name: [PEOPLE[i % 8] + "abc"[i % 3] for i in range(60)], "n": range(60)})).findings
    assert "personal_data" not in set(found["detector"])


def test_names_of_goods_firms_and_places_are_not_by_what_they_hold() -> None:
    goods = [
        "Green Tea",
        "Blue Lantern",
        "Maria Foods Ltd",
        "John Street Bar",
        "Old Harbor",
        "Boston",
        "Paris",
        "Weber Grill",
    ]
    assert count_given_names(goods) == 0
    found = dcai.audit(
        pd.DataFrame({"name": [f"{goods[i % 8]} {'abc'[i % 3]}" for i in range(60)], "n": range(60)})
    ).findings
    assert "personal_data" not in set(found["detector"])


@pytest.mark.parametrize("word", ["refused", "keine Angabe", "prefer not to say", "no response", "desconocido"])
def test_words_for_no_answer_are_found_among_numbers(word: str) -> None:
    frame = pd.DataFrame({"household": [str(1 + i % 6) for i in range(120)]})
    frame.loc[[5, 50], "household"] = word
    found = cells(frame)
    assert set(found.loc[found["detector"] == "missing", "row"]) == {5, 50}


def invoice_lines(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(0)
    count, price = random.integers(1, 30, rows), random.integers(100, 9000, rows) / 100
    net = np.round(count * price, 2)
    tax = np.round(net * 0.19, 2) + random.integers(0, 2, rows) * np.round(net * 0.1, 2)
    frame = pd.DataFrame({"count": count, "price": price, "net": net, "tax": tax, "total": np.round(net + tax, 2)})
    return frame.map(lambda v: f"{v:.2f}").assign(count=count.astype(str))


@pytest.mark.parametrize("column", ["total", "net"])
def test_a_wrong_sum_or_product_is_found_and_computed(column: str) -> None:
    frame = invoice_lines()
    right = frame.loc[17, column]
    frame.loc[17, column] = f"{float(right) + 41:.2f}"
    found = find_miscalculated(frame, {c: frame[c].to_numpy(dtype=np.float64) for c in frame})
    assert found[["row", "column", "suggested"]].to_numpy().tolist() == [[17, column, right]]
    assert ("nothing else in the row tells" in found["reason"][0]) == (column == "total")
    assert cells(invoice_lines()).empty


def test_a_part_that_stands_in_two_equations_is_blamed_by_both() -> None:
    frame = invoice_lines()
    frame["rest"] = [f"{float(t) - 3 * int(c):.2f}" for t, c in zip(frame["total"], frame["count"], strict=True)]
    frame["share"] = [str(3 * int(c)) for c in frame["count"]]
    frame.loc[17, "total"] = f"{float(frame.loc[17, 'total']) + 41:.2f}"
    found = find_miscalculated(frame, {c: frame[c].to_numpy(dtype=np.float64) for c in frame})
    assert found.loc[found["row"] == 17, "column"].tolist() == ["total"]
    assert found["doubt"].tolist() == [0.85]


def test_columns_that_have_nothing_to_do_with_each_other_make_no_equation() -> None:
    random = np.random.default_rng(1)
    frame = pd.DataFrame({name: random.integers(0, 9, 400).astype(float) for name in "abcd"})
    frame["zero"], frame["copy"] = 0.0, frame["a"]
    frame.loc[3, "copy"] = 77.0
    assert find_miscalculated(frame, {c: frame[c].to_numpy() for c in frame}).empty
