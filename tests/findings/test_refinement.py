"""What is learnt from a review: planted errors are found from a few reviewed rows, and nothing that was found right comes back."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.corrections.session import Review
from dcai.findings.learning.lessons import choose_threshold
from dcai.findings.report import audit

DETECTORS = ("variants", "missing", "duplicates")
TOWNS = {"Hamburg": "HH", "Leipzig": "SN", "Dresden": "SN", "Rostock": "MV", "Potsdam": "BB", "Cottbus": "BB"}


def make_tables(rows=400, seed=3):
    """Make a table without errors, and one with: misplaced letters, wrong values, a unit in every cell, another way to write dates."""
    draw = np.random.default_rng(seed)
    towns = draw.choice(list(TOWNS), rows)
    clean = pd.DataFrame(
        {
            "name": [f"{a}{b} {c}{b}" for a, b, c in draw.choice(list("kltmsrbv"), (rows, 3))],
            "town": towns,
            "state": [TOWNS[t] for t in towns],
            "size": draw.integers(10, 99, rows).astype(str),
            "day": [
                f"2021-{m:02d}-{d:02d}"
                for m, d in zip(draw.integers(1, 13, rows), draw.integers(1, 29, rows), strict=True)
            ],
            "note": draw.choice(["good", "fair", "poor"], rows),
        }
    )
    dirty = clean.copy()
    dirty["size"] = clean["size"] + draw.choice([" oz", " oz.", " ounce"], rows)
    for row in draw.choice(rows, rows // 10, replace=False):
        year, month, day = clean["day"].iloc[row].split("-")
        dirty.loc[row, "day"] = f"{day}.{month}.{year}"
    swapped = draw.choice(rows, rows * 6 // 100, replace=False)
    for row in sorted(set(draw.choice(rows, rows // 12, replace=False)) - set(swapped)):
        dirty.loc[row, "town"] = clean["town"].iloc[row].replace("s", "#").replace("m", "#")
    for row in swapped:
        dirty.loc[row, "state"] = "HH" if clean["state"].iloc[row] != "HH" else "SN"
    return dirty, clean


def look_at(rows, dirty, clean):
    """Say what a reviewer who makes no mistakes says about some rows."""
    said = []
    for row in rows:
        wrong = dirty.columns[(dirty.iloc[row] != clean.iloc[row]).to_numpy()]
        said += [(row, column, "edit", clean[column].iloc[row]) for column in wrong]
        said.append((row, None, "keep", None))
    return said


def review(found, dirty, clean, number, verdicts):
    said, seen = [], set()
    while len(seen) < number:
        asked = found.ask(5)
        assert not seen & set(asked)
        seen |= set(asked)
        said += look_at(asked, dirty, clean)
        found = found.refine(verdicts(*said))
    return found, said


def cells(found):
    rows = found.findings[found.findings["column"].notna() & (found.findings["row"] >= 0)]
    return set(zip(rows["row"], rows["column"], strict=True))


def wrong_cells(dirty, clean):
    rows, columns = np.nonzero(dirty.to_numpy() != clean.to_numpy())
    return {(int(r), dirty.columns[c]) for r, c in zip(rows, columns, strict=True)}


@pytest.fixture(scope="module")
def tables():
    return make_tables()


@pytest.fixture(scope="module")
def unreviewed(tables):
    return audit(tables[0], detectors=DETECTORS, progress=False)


@pytest.fixture
def reviewed(tables, unreviewed, verdicts):
    return review(unreviewed, *tables, 20, verdicts)


def test_planted_errors_are_all_found_from_twenty_rows(tables, unreviewed, reviewed):
    wrong = wrong_cells(*tables)
    assert len(cells(unreviewed) & wrong) < 0.1 * len(wrong)
    found = cells(reviewed[0])
    for column in ("size", "day", "town", "state"):
        assert {c for c in wrong if c[1] == column} <= found
    assert len(found - wrong) <= 0.02 * len(wrong)


def test_what_was_found_right_is_never_found_again(tables, reviewed):
    found, said = reviewed
    seen = {row for row, *_ in said}
    wrong = wrong_cells(*tables)
    assert {c for c in cells(found) if c[0] in seen} == {c for c in wrong if c[0] in seen}
    own = found.findings[found.findings["detector"] == "reviewed"]
    assert set(zip(own["row"], own["column"], strict=True)) == {c for c in wrong if c[0] in seen}
    assert (own["doubt"] == 1).all()
    assert own["suggested"].tolist() == [tables[1][c].iloc[r] for r, c in zip(own["row"], own["column"], strict=True)]


def test_without_the_log_nothing_that_was_settled_is_left(reviewed, verdicts):
    found, said = reviewed
    left = found.without(verdicts(*said))
    assert not {row for row, *_ in said} & set(left.findings["row"])
    assert len(left) < len(found)


def test_learning_twice_is_learning_once_whatever_the_way(tables, unreviewed, reviewed, verdicts):
    found, said = reviewed
    again = found.refine(verdicts(*said))
    at_once = unreviewed.refine(verdicts(*said))
    backwards = unreviewed.refine(verdicts(*reversed(said)))
    for other in (again, at_once, backwards):
        assert found.findings["finding"].tolist() == other.findings["finding"].tolist()
        assert found.findings["doubt"].tolist() == other.findings["doubt"].tolist()
    assert found.ask(5) == at_once.ask(5)
    assert found.refine(verdicts()) is found


@given(st.permutations(range(60)))
@settings(max_examples=8, deadline=None)
def test_the_order_of_the_rows_changes_nothing(order):
    from tests.findings.conftest import Verdicts

    dirty, clean = make_tables(60)
    order = list(order)
    back = np.argsort(order)
    outcomes = []
    for table, truth, place in (
        (dirty, clean, np.arange(60)),
        (dirty.iloc[order].reset_index(drop=True), clean.iloc[order].reset_index(drop=True), back),
    ):
        found = audit(table, detectors=DETECTORS, progress=False)
        content = [tuple(table.iloc[r]) for r in found.ask(6)]
        told = Verdicts(*look_at([int(place[r]) for r in (3, 14, 15, 29, 35)], table, truth))
        wiser = found.refine(told)
        its = wiser.findings
        rows = its["row"].map(dict(enumerate(order))) if table is not dirty else its["row"]
        outcomes.append(
            (content, list(zip(its["finding"], its["doubt"], rows, its["suggested"], its["reason"], strict=True)))
        )
    assert outcomes[0] == outcomes[1]


def test_who_finds_nothing_wrong_creates_no_findings(tables, unreviewed, verdicts):
    for number in (1, 5, 20):
        wiser = unreviewed.refine(verdicts(*[(r, None, "keep", None) for r in unreviewed.ask(number)]))
        assert cells(wiser) <= cells(unreviewed)
        assert (wiser.findings["detector"] != "learnt").all()


def test_a_column_without_errors_is_not_flagged_as_a_whole(tables, reviewed):
    found, said = reviewed
    edited = {column for _, column, verdict, _ in said if verdict == "edit"}
    for column in set(tables[0].columns) - edited:
        assert sum(c == column for _, c in cells(found)) <= 0.2 * len(tables[0])


def test_what_is_right_in_one_column_may_be_wrong_in_another(verdicts):
    amounts = [f"{n},{n:03d}" for n in range(1, 41)]
    frame = pd.DataFrame({"votes": amounts, "price": amounts})
    said = [(r, "votes", "edit", amounts[r].replace(",", "")) for r in range(8)]
    said += [(r, None, "keep", None) for r in range(8)]
    found = audit(frame, detectors=DETECTORS, progress=False).refine(verdicts(*said))
    assert cells(found) == {(r, "votes") for r in range(40)}
    shown = found.findings[found.findings["detector"] == "patterns"]
    assert shown["suggested"].tolist() == [g.replace(",", "") for g in shown["given"]]


def test_a_row_that_is_dropped_teaches_nothing_and_a_doubtful_one_is_not_asked_about_again(
    tables, unreviewed, verdicts
):
    rows = unreviewed.ask(6)
    dropped = unreviewed.refine(verdicts(*[(r, None, "exclude", None) for r in rows]))
    left = unreviewed.findings[~unreviewed.findings["row"].isin(rows)]
    assert dropped.findings["finding"].tolist() == left["finding"].tolist()
    unsure = unreviewed.refine(verdicts(*[(r, None, "unsure", None) for r in rows]))
    assert unsure.findings.equals(unreviewed.findings)
    assert not set(rows) & set(unsure.ask(6))


def test_a_cell_with_several_right_values_is_settled_and_says_nothing_of_others(verdicts):
    frame = pd.DataFrame({"maker": ["mazda"] * 30 + ["toyota"] * 30 + ["maxda", "toyouta"]})
    found = audit(frame, detectors="variants", progress=False)
    wiser = found.refine(verdicts((60, "maker", "ambiguous", ["mazda", "maxda"])))
    assert cells(wiser) == {(61, "maker")}
    assert wiser.findings["doubt"].tolist() == found.findings[found.findings["row"] == 61]["doubt"].tolist()


def test_an_edit_to_the_given_value_says_that_it_is_right(verdicts):
    frame = pd.DataFrame({"maker": ["mazda"] * 30 + ["maxda"]})
    found = audit(frame, detectors="variants", progress=False)
    assert found.refine(verdicts((30, "maker", "edit", "maxda"))).findings.empty


def test_suggestions_that_were_not_taken_are_trusted_less(verdicts):
    slips = {
        "Hambrug": "Homburg",
        "Leipizg": "Leipe",
        "Drseden": "Dreis",
        "Rotsock": "Rotstadt",
        "Postdam": "",
        "Cotbtus": "",
    }
    towns = [t for t in TOWNS for _ in range(20)] + list(slips)
    found = audit(pd.DataFrame({"town": towns}), detectors="variants", progress=False)
    before = found.findings.set_index("row")["confidence"]
    wiser = found.refine(verdicts(*[(120 + i, "town", "edit", v) for i, v in enumerate(list(slips.values())[:4])]))
    after = wiser.findings[wiser.findings["detector"] == "variants"].set_index("row")["confidence"]
    assert set(after.index) == {124, 125}
    assert (after < 0.5).all()
    assert (before > 0.85).all()


def test_numbers_dates_and_empty_cells_can_be_learnt_about(verdicts):
    rows = 120
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "weight": draw.normal(70, 8, rows).round(1),
            "born": pd.date_range("1980-01-01", periods=rows, freq="17D"),
            "children": pd.array(draw.integers(0, 4, rows), dtype="Int64"),
            "grade": pd.Categorical(draw.choice(["a", "b"], rows)),
            "paid": draw.random(rows) < 0.5,
        }
    )
    heavy = np.arange(0, rows, 10)
    frame.loc[heavy, "weight"] *= 1000
    frame.loc[[5, 6], "weight"] = np.nan
    frame.loc[7, "born"] = pd.NaT
    frame.loc[8, "children"] = pd.NA
    before = frame.copy(deep=True)
    found = audit(frame, detectors=("missing", "outliers"), progress=False)
    said = [(int(r), "weight", "edit", float(frame["weight"].iloc[r]) / 1000) for r in heavy[:4]]
    said += [(int(r), None, "keep", None) for r in (*heavy[:4], 1, 2, 3, 4, 5, 7, 8, 9)]
    wiser = found.refine(verdicts(*said))
    assert {(int(r), "weight") for r in heavy} <= cells(wiser)
    assert not cells(wiser) & {(r, c) for r in (1, 2, 3, 4, 5, 7, 8, 9) for c in frame}
    assert len(wiser.ask(3)) == 3
    pd.testing.assert_frame_equal(frame, before)


def test_cells_beside_a_label_are_learnt_about_and_the_label_is_not(tables, verdicts):
    dirty, clean = tables
    found = audit(dirty, "note", detectors=DETECTORS, progress=False)
    wiser = found.refine(verdicts(*look_at(range(16), dirty, clean)))
    assert {(r, "size") for r in range(len(dirty))} <= cells(wiser)
    assert "note" not in {column for _, column in cells(wiser)}
    assert not set(range(16)) & set(wiser.ask(8))


def test_findings_about_rows_learn_whether_rows_like_them_are_dropped(verdicts):
    frame = pd.DataFrame({"a": list(range(40)) * 2, "b": [f"text {n}" for n in range(40)] * 2})
    found = audit(frame, detectors="duplicates", progress=False)
    rows = found.findings["row"].tolist()
    doubt = found.findings["doubt"].iloc[0]
    kept = found.refine(verdicts(*[(r, None, "keep", None) for r in rows[:4]]))
    dropped = found.refine(verdicts(*[(r, None, "exclude", None) for r in rows[:4]]))
    assert not len(kept) or kept.findings["doubt"].max() < doubt
    assert len(dropped) == len(found) - 4
    assert dropped.findings["doubt"].min() >= doubt


def test_what_went_and_what_came_is_accounted_for(unreviewed, reviewed):
    checks = reviewed[0].checks.set_index("detector")
    counts = reviewed[0].findings["detector"].value_counts()
    assert {d: n for d, n in checks["findings"].items() if n} == {d: n for d, n in counts.items() if d in checks.index}
    assert "learnt from 20 reviewed rows with" in checks.loc["learnt", "reason"]
    assert "until the log is applied" in checks.loc["reviewed", "reason"]
    assert list(checks.index)[: len(unreviewed.checks)] == list(unreviewed.checks["detector"])


def test_reasons_name_a_corrected_cell_of_the_column(tables, reviewed):
    found = reviewed[0].findings
    own = found[found["detector"] == "learnt"]
    assert len(own)
    assert own["reason"].str.contains("correct|looked at").all()
    assert all(repr(c) in reason for c, reason in zip(own["column"], own["reason"], strict=True))


def test_a_review_of_what_was_learnt_does_not_ask_again(tables, unreviewed, tmp_path):
    dirty, clean = tables
    session = Review(unreviewed, tmp_path / "log.jsonl", by="ada")
    rows = unreviewed.ask(6)
    for row, column, verdict, value in look_at(rows, dirty, clean):
        session.decide(row, verdict, value, column=column)
    wiser = unreviewed.refine(session.log)
    next_session = Review(wiser, tmp_path / "log.jsonl", by="ada")
    queue = next_session.queue()
    assert {next_session.decided(f) for f in queue.loc[queue["row"].isin(rows), "finding"]} == {"edit"}
    still_open = [f for f in queue["finding"] if next_session.decided(f) is None]
    assert not set(rows) & set(queue.set_index("finding").loc[still_open, "row"])
    assert next_session.progress.left == len(still_open)


def test_a_refined_audit_shows_itself(reviewed):
    assert "You corrected it." in reviewed[0].to_html()
    assert set(reviewed[0].by("learnt").findings["detector"]) == {"learnt"}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=200, deadline=None)
def test_the_threshold_makes_the_expected_f1_greatest(chances):
    its = np.array(chances)

    def expect(threshold):
        flagged = its[its >= threshold]
        return 2 * flagged.sum() / max(len(flagged) + its.sum(), 1e-12)

    assert expect(choose_threshold([its])) >= max(expect(t) for t in its) - 1e-9


def test_ask_covers_ways_to_write_that_nobody_doubts():
    draw = np.random.default_rng(1)
    days = [f"2020-01-{d:02d}" for d in draw.integers(1, 29, 300)]
    days[40:52] = [f"{d}/1/20" for d in draw.integers(10, 29, 12)]
    frame = pd.DataFrame({"day": days, "n": draw.integers(100, 999, 300).astype(str)})
    found = audit(frame, detectors=DETECTORS, progress=False)
    assert set(found.ask(3)) & set(range(40, 52))
    assert sorted(found.ask(1000)) == list(range(300))


def test_learning_about_ten_thousand_rows_takes_seconds(verdicts):
    dirty, clean = make_tables(10_000)
    wide = [
        pd.concat([t, t.add_suffix("2"), t[["name", "size", "note"]].add_suffix("3")], axis=1) for t in (dirty, clean)
    ]
    found = audit(wide[0], detectors="duplicates", progress=False)
    start = time.process_time()
    wiser = found.refine(verdicts(*look_at(found.ask(20), *wide)))
    assert time.process_time() - start < 8
    assert {(r, "size") for r in range(10_000)} <= cells(wiser)
