"""Slips within values and over a whole table; disguised empties in columns of texts."""

import string
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.findings.cells.slips import Damage, find_damaged, find_word_slips, learn_damage
from dcai.findings.cells.spellings import Spelling, find_spellings, fold
from dcai.findings.report import audit

TOWNS = [
    "birmingham",
    "montgomery",
    "huntsville",
    "tuscaloosa",
    "sheffield",
    "gadsden",
    "cullman",
    "decatur",
    "opelika",
]
KINDS = ["medical center", "regional hospital", "community clinic", "memorial hospital"]


def find(detector, **columns):
    return audit(pd.DataFrame(columns), detectors=detector, progress=False).findings


def typo(word, r):
    place, letter = int(r.integers(1, len(word) - 1)), str(r.choice(list(string.ascii_lowercase)))
    made = [
        word[:place] + letter + word[place + 1 :],
        word[:place] + word[place + 1 :],
        word[:place] + letter + word[place:],
    ]
    return made[int(r.integers(3))]


def test_typos_of_frequent_values_are_found_and_taken_back_where_it_is_sure():
    r = np.random.default_rng(0)
    clean = [f"{r.choice(TOWNS)} {r.choice(KINDS)}" for _ in range(1500)]
    rows = np.flatnonzero(r.random(1500) < 0.03)
    dirty = list(clean)
    for row in rows:
        dirty[row] = typo(clean[row], r)
    planted = {int(row) for row in rows if dirty[row] != clean[row]}
    found = find("variants", name=dirty)
    assert set(found["row"]) <= planted
    assert len(found) >= 0.9 * len(planted)
    sure = found[found["confidence"] >= 0.95]
    assert len(sure) >= 0.5 * len(planted)
    assert np.mean([clean[row] == s for row, s in zip(sure["row"], sure["suggested"], strict=True)]) >= 0.95


def test_one_word_of_a_value_that_never_comes_again_is_mended():
    r = np.random.default_rng(1)
    clean = [f"{n} {r.choice(['oak', 'pine', 'lake'])} street {r.choice(TOWNS)} al" for n in range(600)]
    dirty = list(clean)
    for row, slip in ((3, "strxet"), (50, "stret"), (400, "strreet")):
        dirty[row] = clean[row].replace("street", slip)
    found = find("variants", address=dirty)
    assert sorted(found["row"]) == [3, 50, 400]
    assert [clean[row] for row in found["row"]] == found["suggested"].tolist()


def test_a_word_of_its_own_in_a_sentence_is_no_slip():
    r = np.random.default_rng(3)
    things = ["screen", "battery", "button", "charger", "cable", "speaker"]
    said = [f"the place where my {r.choice(things)} was broken is {k}" for k in range(200)]
    found = find("variants", text=[*said, "there is a fault in the cable", "the plave where my cable was broken is 7"])
    assert found["suggested"].tolist() == ["the place where my cable was broken is 7"]


def test_a_value_that_no_row_has_is_suggested_with_what_supports_it():
    towns = [f"{n} birmingham al" for n in range(60)]
    reason = find("variants", town=[*towns, "99 birminghxm al"])["reason"].iloc[0]
    assert reason == (
        "'99 birminghxm al' (1 row) differs from '99 birmingham al' by 1 letter, as 60 rows have the word 'birmingham'."
    )
    assert find("variants", town=[*towns[:15], "99 birminghxm al"]).empty


def test_two_letters_in_each_others_place_are_called_so():
    found = find("variants", city=["Hamburg"] * 40 + ["Berlin"] * 40 + ["Hambrug", "Berln"])
    said = dict(zip(found["given"], found["reason"], strict=True))
    assert said["Hambrug"].endswith("by two letters swapped only.")
    assert said["Berln"].endswith("by 1 letter only.")


def test_the_words_of_an_open_vocabulary_are_left_alone():
    r = np.random.default_rng(2)
    letters = list("aeiourstlnmd")
    rare = ["".join(r.choice(letters, 6)) for _ in range(800)]
    titles = [f"{w} {r.choice(TOWNS)} ale" for w in rare] + ["gadsdun brew"]
    assert find("variants", title=titles).empty


def test_words_that_differ_in_grammar_only_are_left_alone():
    values = [f"patients {n} of ward" for n in range(300)] + ["patient 7 of ward", "patient's 8 of ward"]
    assert find("variants", note=values).empty


def test_names_of_few_rows_may_differ_in_case():
    names = ["LeRoy"] * 2 + ["Leroy"] * 4 + ["DuBois"] + ["Dubois"] * 3 + [w for w in TOWNS for _ in range(30)]
    assert find("variants", name=names).empty


def test_a_letter_that_was_put_in_everywhere_explains_short_values_too():
    r = np.random.default_rng(3)
    towns = [str(r.choice(TOWNS)) for _ in range(900)]
    states = ["al" if n % 40 else "ak" for n in range(900)]
    zips = [f"35{TOWNS.index(t)}07" for t in towns]
    meant = {"town": towns, "state": states, "zip": zips}
    dirty = {name: list(its) for name, its in meant.items()}
    for n, row in enumerate(range(5, 900, 7)):
        name = ("town", "town", "state", "zip")[n % 4]
        text = meant[name][row]
        place = n % len(text)
        dirty[name][row] = text[:place] + "x" + text[place + 1 :]
    check = audit(pd.DataFrame(dirty), detectors="variants", progress=False)
    found = check.findings
    wrong = {(r, c) for c in meant for r in range(900) if dirty[c][r] != meant[c][r]}
    assert {(r, c) for r, c in zip(found["row"], found["column"], strict=True)} >= {w for w in wrong if w[1] != "zip"}
    sure = found[found["confidence"] >= 0.95]
    assert (
        np.mean([meant[c][r] == s for r, c, s in zip(sure["row"], sure["column"], sure["suggested"], strict=True)])
        >= 0.95
    )
    assert "the letter 'x' stands in the place of others" in check.checks["reason"].iloc[0]


def test_without_a_pattern_in_the_slips_nothing_is_learnt():
    mixed = [Spelling(f"m{c}zda", "mazda", "1 letter", 0.8, 0.8) for c in string.ascii_lowercase[1:]]
    assert learn_damage(mixed) is None
    assert learn_damage(mixed[:3]) is None


def test_damage_never_names_a_value_that_is_as_frequent():
    assert find_damaged({"tex": 40, "ten": 42, "txn": 1}, Damage("x", 50, 1.0))[0].value == "txn"
    assert [s.value for s in find_damaged({"tex": 40, "ten": 42}, Damage("x", 50, 1.0))] == []


@given(st.dictionaries(st.text(min_size=1, max_size=10), st.integers(1, 60), max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_values_can_be_compared_and_each_is_named_once(counts):
    found = [*find_spellings(counts), *find_damaged(counts, Damage("x", 50, 1.0))]
    assert {s.value for s in found} <= set(counts)
    assert all(s.value != s.near and 0 <= s.doubt <= 1 and 0 <= s.confidence <= 1 for s in found)
    words = find_word_slips(counts)
    assert len({s.value for s in words}) == len(words)


@given(st.text(alphabet=string.ascii_letters + string.digits, max_size=20))
def test_plain_words_fold_to_lower_case(text):
    assert fold(text) == text.casefold()


def test_a_hundred_thousand_distinct_strings_take_two_seconds():
    r = np.random.default_rng(0)
    letters = r.choice(list("abcdefghijklmnopqrstuvwxyz"), (100_000, 11))
    counts = {"".join(row): 1 for row in letters} | dict.fromkeys(TOWNS, 40) | {"birmingxam": 1}
    find_spellings({"warm up": 9, "worm up": 1})
    start = time.process_time()
    found = find_spellings(counts)
    assert time.process_time() - start < 6  # two on an idle machine
    assert [(s.value, s.near) for s in found] == [("birmingxam", "birmingham")]


# ---------------------------------------------------------------- disguised empties in texts


@pytest.mark.parametrize("sentinel", ["999", "-1", "9999"])
def test_sentinels_are_found_in_numbers_that_were_read_as_texts(sentinel):
    ages = [str(20 + n % 60) for n in range(200)]
    ages[5] = ages[9] = sentinel
    found = find("missing", age=ages)
    assert sorted(found["row"]) == [5, 9]
    assert found["given"].tolist() == [sentinel] * 2


def test_codes_with_zeros_before_them_hold_no_sentinels():
    assert find("missing", code=[f"{n:03d}" for n in range(60)] + ["999", "999"]).empty


def test_a_word_for_nothing_never_tells_surely_that_no_value_was_lost():
    often = ["N/A" if n % 3 == 0 else str(n) for n in range(300)]
    seldom = ["N/A" if n == 7 else str(n) for n in range(300)]
    beside = ["N/A" if n % 3 == 0 else "" if n % 3 == 1 else str(n) for n in range(300)]
    for values in (often, seldom, beside):
        found = find("missing", size=values)
        said = found[found["given"] == "N/A"]
        assert len(said) == values.count("N/A")
        assert (said["doubt"] >= 0.9).all()
        assert (said["suggested"] == "").all()
        assert (said["confidence"] < 0.95).all()


def test_a_default_that_stands_far_too_often_is_found():
    r = np.random.default_rng(0)
    phones = [f"555-{n:04d}" for n in r.integers(0, 9999, 500)]
    for row in range(0, 500, 9):
        phones[row] = "999-9999"
    assert sorted(find("missing", phone=phones)["row"]) == list(range(0, 500, 9))


@pytest.mark.parametrize(
    "values",
    [
        lambda r: r.zipf(1.6, 3000).astype(str).tolist(),
        lambda r: np.where(r.random(900) < 0.4, 0.0, r.lognormal(3, 1, 900).round(2)),
        lambda r: ["chicago"] * 400 + [f"town {n} of {t}" for n in range(30) for t in TOWNS],
        lambda r: [f"{n % 300} main street" for n in range(900)],
    ],
)
def test_what_is_frequent_by_nature_is_no_default(values):
    assert find("missing", value=values(np.random.default_rng(0))).empty
