"""Keys and dependencies: planted errors are found again and mended; what only seems to depend is left alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.findings.cells.dependencies import measure, mine_dependencies
from dcai.findings.cells.likeness import is_alike
from dcai.findings.cells.partitions import make_groups
from dcai.findings.report import audit

SYLLABLES = [
    "ba",
    "ro",
    "lin",
    "ker",
    "sto",
    "ma",
    "den",
    "vil",
    "ton",
    "ash",
    "ford",
    "ham",
    "wick",
    "ne",
    "sa",
    "ti",
    "lo",
    "gra",
    "del",
    "mon",
]


def name_of(draw, parts=4):
    return "".join(draw.choice(SYLLABLES, parts)).capitalize()


def names_of(draw, size, parts=4):
    found = {}
    while len(found) < size:
        found[name_of(draw, parts)] = None
    return np.array(list(found), dtype=object)


def shops(seed=0, size=60, rows=8):
    """A clean table: shops with their town, county, phone and kind, each in several rows, and a number of each row."""
    draw = np.random.default_rng(seed)
    shop = draw.permutation(np.repeat(np.arange(size), draw.poisson(rows, size) + 2))
    town = draw.integers(15, size=size)
    phones = draw.permutation(900_000)[:size] + 100_000
    return pd.DataFrame(
        {
            "shop": names_of(draw, size, 5)[shop],
            "town": names_of(draw, 15)[town[shop]],
            "county": names_of(draw, 4)[(town % 4)[shop]],
            "phone": phones.astype(str)[shop],
            "kind": np.array(["bakery", "grocer", "butcher"])[draw.integers(3, size=size)[shop]],
            "sold": draw.normal(size=len(shop)).round(4).astype(str),
        }
    )


def spoil(clean, columns, rate, how, seed=1):
    draw = np.random.default_rng(seed)
    dirty = clean.copy()
    for column in columns:
        for row in np.flatnonzero(draw.random(len(clean)) < rate):
            dirty.loc[row, column] = how(draw, clean, row, column)
    return dirty


def slip(draw, clean, row, column):
    text = clean.loc[row, column]
    at = draw.integers(len(text))
    return text[:at] + draw.choice(list("qxyz")) + text[at + 1 :]


def swap(draw, clean, row, column):
    return clean[column].iloc[draw.integers(len(clean))]


def clear(draw, clean, row, column):
    return ""


def find(frame, detector="dependencies", **options):
    return audit(frame, detectors=detector, progress=False, **options)


def cells(found, least=0.0):
    kept = found.findings[found.findings["doubt"] >= least]
    return set(zip(kept["row"], kept["column"], strict=True))


def planted(dirty, clean):
    rows, columns = np.nonzero(dirty.to_numpy() != clean.to_numpy())
    return {(int(r), clean.columns[c]) for r, c in zip(rows, columns, strict=True)}


# ---------------------------------------------------------------- errors are found and mended


@pytest.mark.parametrize(("rate", "least"), [(0.01, 0.9), (0.1, 0.9), (0.3, 0.85)])
@pytest.mark.parametrize("how", [slip, swap])
def test_wrong_cells_are_found_however_many_there_are(rate, least, how):
    clean = shops()
    dirty = spoil(clean, ["town", "phone", "county", "kind"], rate, how)
    found = find(dirty)
    truth, said = planted(dirty, clean), cells(found)
    assert len(said & truth) >= 0.95 * len(said)
    assert len(said & truth) >= least * len(truth)


@pytest.mark.parametrize("seed", range(3))
def test_repairs_that_are_offered_as_safe_are_right(seed):
    clean = shops(seed)
    dirty = spoil(spoil(clean, ["town", "phone"], 0.1, slip, seed), ["county", "kind"], 0.1, swap, seed + 9)
    found = find(dirty).findings
    safe = found[found["confidence"] >= 0.95]
    right = [clean.loc[r, c] == s for r, c, s in zip(safe["row"], safe["column"], safe["suggested"], strict=True)]
    assert len(safe) > 50
    assert np.mean(right) >= 0.95


def test_bad_sources_are_outvoted():
    """Thirty sources report each flight; most errors come from a few of them, and copies of one wrong time occur."""
    draw = np.random.default_rng(4)
    flight, source = np.divmod(np.arange(60 * 25), 25)
    true = {c: draw.integers(0, 1440, 60) for c in ("off", "on", "gate")}
    clean = pd.DataFrame(
        {"source": source, "flight": [f"F{i}" for i in flight]} | {c: t[flight] for c, t in true.items()}
    )
    bad = np.where(source < 8, 0.7, 0.1)
    dirty = clean.copy()
    for column, values in true.items():
        wrong = draw.random(len(clean)) < bad
        copied = (values + 30)[flight]
        dirty[column] = np.where(
            wrong, np.where(draw.random(len(clean)) < 0.5, copied, draw.integers(0, 1440, len(clean))), clean[column]
        )
    truth, said = planted(dirty, clean), cells(find(dirty))
    assert len(said & truth) >= 0.97 * len(said)
    assert len(said & truth) >= 0.85 * len(truth)


def test_two_columns_together_settle_a_third():
    draw = np.random.default_rng(0)
    state, measure_ = draw.integers(12, size=2000), draw.integers(20, size=2000)
    clean = pd.DataFrame({"state": state, "measure": measure_, "mean": draw.permutation(5000)[state * 20 + measure_]})
    dirty = clean.copy()
    rows = draw.choice(2000, 60, replace=False)
    dirty.loc[rows, "mean"] = -np.arange(60)
    found = find(dirty)
    assert cells(found) == {(r, "mean") for r in rows}
    assert set(found.findings["suggested"] == clean["mean"].iloc[found.findings["row"]].to_numpy()) == {True}
    assert "'mean' follows from 'state' and 'measure'" in found.findings["reason"].iloc[0]


def test_a_wrong_key_is_blamed_itself_and_not_the_row():
    clean = shops()
    dirty = clean.copy()
    keys = clean["shop"].unique()
    rows = np.arange(0, len(clean), 25)
    dirty.loc[rows, "shop"] = [
        keys[(list(keys).index(k) + r) % len(keys)] for k, r in zip(clean.loc[rows, "shop"], rows + 1, strict=True)
    ]
    found = find(dirty)
    assert cells(found) == {(r, "shop") for r in rows}
    assert (found.findings["suggested"] == clean.loc[found.findings["row"], "shop"].to_numpy()).all()


def test_a_slip_in_a_key_that_nothing_settles_is_told_by_what_its_row_holds():
    clean = shops().drop(columns="phone")
    dirty = spoil(clean, ["shop"], 0.05, slip)
    truth, said = planted(dirty, clean), cells(find(dirty))
    assert said <= truth
    assert len(said) >= 0.7 * len(truth)


def test_the_reason_names_the_rule_and_what_it_rests_on():
    clean = shops()
    dirty = clean.copy()
    dirty.loc[5, "town"] = "Nowhere"
    found = find(dirty).findings
    assert found[["row", "column", "given", "suggested"]].to_numpy().tolist() == [
        [5, "town", "Nowhere", clean.loc[5, "town"]]
    ]
    reason = found["reason"].iloc[0]
    assert reason.startswith("'town' follows from ")
    assert " groups; " in reason
    assert reason.endswith(f" say {clean.loc[5, 'town']!r}.")
    peers = found["peers"].iloc[0]
    assert peers
    assert set(dirty.loc[peers, "town"]) == {clean.loc[5, "town"]}


# ---------------------------------------------------------------- what is no error


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_table_has_no_findings(seed):
    assert find(shops(seed)).findings.empty


@pytest.mark.parametrize("rows", [12, 40, 400])
def test_columns_that_are_independent_have_none(rows):
    draw = np.random.default_rng(rows)
    frame = pd.DataFrame({f"c{k}": draw.integers(0, k, rows) for k in (2, 3, 5, 10, 30, 100)})
    frame = frame.assign(id=range(rows), constant=1)
    found = find(frame)
    assert found.findings.empty
    assert "no column settles another one beyond chance" in found.checks["reason"].iloc[0]


def test_a_mere_tendency_is_no_dependency():
    draw = np.random.default_rng(0)
    who, size = draw.integers(300, size=2400), 2400
    usual = draw.choice(["en", "fr", "de"], 300, p=[0.7, 0.2, 0.1])
    steady = draw.beta(3, 0.6, 300)
    tongue = np.where(draw.random(size) < steady[who], usual[who], draw.choice(["en", "fr", "de"], size))
    frame = pd.DataFrame({"who": who, "tongue": tongue, "land": np.where(draw.random(size) < 0.85, "L" + tongue, "LX")})
    assert find(frame).findings.empty


def test_a_chain_with_many_branches_is_no_error():
    """One name, many addresses: the name settles the address of most shops, and of the chain none."""
    clean = shops()
    chain = clean["shop"].isin(clean["shop"].unique()[:6])
    clean.loc[chain, "shop"] = "Chainmart"
    assert find(clean).findings.empty


def test_a_dependency_that_holds_for_all_but_one_kind_says_nothing_of_that_kind():
    draw = np.random.default_rng(0)
    code, area = draw.integers(15, size=1500), np.where(draw.random(1500) < 0.03, "ak", "al")
    frame = pd.DataFrame({"code": code, "area": area, "mean": [f"{a}_{c}" for a, c in zip(area, code, strict=True)]})
    assert find(frame).findings.empty


def test_rows_that_are_too_few_and_columns_that_are_too_few_are_told():
    assert find(pd.DataFrame({"a": [1, 1], "b": [2, 3]})).checks["reason"].tolist() == [
        "fewer than 10 rows: too few to tell what settles what"
    ]
    assert find(pd.DataFrame({"a": [1, 2] * 20})).checks["reason"].tolist() == [
        "fewer than two columns could settle each other"
    ]


# ---------------------------------------------------------------- laws


def test_the_order_of_rows_and_columns_changes_nothing():
    clean = shops(rows=4)
    dirty = spoil(clean, ["town", "phone", "kind"], 0.1, swap)
    order = np.random.default_rng(3).permutation(len(dirty))
    one, other = find(dirty), find(dirty.iloc[order].reset_index(drop=True))
    assert cells(one) == {(int(order[r]), c) for r, c in cells(other)}
    turned = find(dirty[dirty.columns[::-1]])
    assert len(cells(turned) & cells(one)) >= 0.95 * len(cells(turned) | cells(one))


@given(st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 4)), min_size=1, max_size=60))
@settings(max_examples=150, deadline=None)
def test_the_votes_of_a_group_are_its_rows(rows):
    left, right = np.array(rows).T.astype(np.int64)
    groups = make_groups(left, right)
    known = (left >= 0) & (right >= 0)
    assert groups.sizes.sum() == known.sum() == groups.votes.sum()
    assert (groups.first >= groups.second).all()
    for row in np.flatnonzero(known):
        same = known & (left == left[row])
        at = groups.row_group[row]
        values, counts = np.unique(right[same], return_counts=True)
        assert groups.sizes[at] == same.sum()
        assert groups.first[at] == counts.max()
        assert counts[list(values).index(groups.best[at])] == counts.max()
        assert groups.kinds[at] == len(values)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_agreement_does_not_depend_on_the_numbers_of_the_values(seed):
    draw = np.random.default_rng(seed)
    left, right = draw.integers(8, size=80), draw.integers(5, size=80)
    again = measure(draw.permutation(8)[left], draw.permutation(5)[right])
    assert measure(left, right) == pytest.approx(again)


def test_one_column_that_is_another_settles_it():
    left = np.repeat(np.arange(20), 5)
    strength, chance, evidence = measure(left, left)
    assert strength == pytest.approx(1)
    assert chance == pytest.approx(1 / 20)
    assert evidence > 100
    assert {(d.left, d.right) for d in mine_dependencies(np.column_stack([left, left]))} == {((0,), 1), ((1,), 0)}


@given(st.text(max_size=15), st.text(max_size=15))
@settings(max_examples=100, deadline=None)
def test_likeness_is_symmetric(one, other):
    assert is_alike(one, other) == is_alike(other, one)


# ---------------------------------------------------------------- empty cells


def test_an_empty_cell_is_named_with_the_value_of_its_group():
    clean = shops()
    dirty = spoil(clean, ["town", "phone"], 0.1, clear)
    found = find(dirty, "missing").findings
    truth = planted(dirty, clean)
    said = set(zip(found["row"], found["column"], strict=True))
    assert said <= truth
    assert len(said) >= 0.95 * len(truth)
    assert (found["suggested"] == [clean.loc[r, c] for r, c in said_order(found)]).mean() >= 0.99
    assert found["reason"].str.startswith("It is empty, but ").all()


def said_order(found):
    return list(zip(found["row"], found["column"], strict=True))


def test_an_empty_cell_without_a_group_is_counted_and_not_listed():
    clean = shops()
    dirty = spoil(clean, ["sold"], 0.1, clear)
    found = find(dirty, "missing")
    assert found.findings.empty
    assert f"{(dirty['sold'] == '').sum()} plainly empty cells in 1 column" in found.checks["reason"].iloc[0]


def test_a_value_in_a_group_that_is_empty_otherwise_is_no_rule():
    clean = shops(rows=20)
    clean["note"] = np.where(clean["shop"].isin(clean["shop"].unique()[:10]), "see " + clean["shop"], "")
    last = ~clean["shop"].duplicated() & (clean["note"] == "")
    clean.loc[last, "note"] = "see " + clean["shop"]
    assert find(clean, "missing").findings.empty


def test_the_check_says_what_nothing_settles():
    reason = find(shops()).checks["reason"].iloc[0]
    assert reason.startswith("6 columns compared, ")
    assert reason.endswith("nothing settles 'sold', so nothing is said of them but as keys")


def test_typed_columns_keep_their_types():
    clean = shops().assign(phone=lambda f: f["phone"].astype(int))
    dirty = clean.copy()
    dirty.loc[7, "phone"] = 1
    found = find(dirty).findings
    assert found[["row", "given", "suggested"]].to_numpy().tolist() == [[7, 1, int(clean.loc[7, "phone"])]]


def test_label_and_key_are_no_part_of_it():
    dirty = shops()
    dirty.loc[5, "kind"] = "bank"
    assert find(dirty, label="kind").findings.empty
    keyed = dirty.assign(number=range(len(dirty)))
    assert cells(find(keyed, key="number")) == {(5, "kind")}
