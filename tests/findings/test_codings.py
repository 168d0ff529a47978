"""Codings are values: what a table uses as a code, an answer or a class stays; the same signs are found where they are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

import dcai
from dcai.base.errors import InputError
from dcai.findings.cells.placeholders import describe_others, stands_apart
from dcai.findings.labels.classes import is_name_for_nothing, mark_class, read_labels

ROWS = 600


def draw(values: list[Any], shares: list[float] | None = None, seed: int = 0) -> pd.Series[Any]:
    chosen = np.random.default_rng(seed).choice(len(values), ROWS, p=shares)
    return pd.Series([values[i] for i in chosen])


def find(values: Any, detector: str = "missing", **options: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"value": values, "row": [f"r{i}" for i in range(len(values))]})
    return dcai.audit(frame, detectors=detector, progress=False, **options).findings


def tell(values: Any, detector: str = "missing") -> str:
    frame = pd.DataFrame({"value": values})
    return str(dcai.audit(frame, detectors=detector, progress=False).checks["reason"].iloc[0])


# ---------------------------------------------------------------- numbers


CODINGS = {
    "a sign": draw([-1, 1], [0.4, 0.6]),
    "a direction": draw([-1, 0, 1]),
    "a direction as text": draw(["-1", "0", "1"]),
    "a switch": draw([-1, 0], [0.3, 0.7]),
    "a score of goals": draw([-1, 0, 1, 2, 3], [0.1, 0.3, 0.3, 0.2, 0.1]),
    "prices": draw([199, 299, 499, 999]),
    "small prices": draw([19.0, 29.0, 49.0, 99.0]),
    "frost at the end of warm days": pd.Series(
        np.clip(np.random.default_rng(3).normal(12, 4.2, ROWS).round(), -1, 30).astype(int)
    ),
}


@pytest.mark.parametrize("name", CODINGS)
def test_numbers_that_are_codes_are_left_alone(name: str) -> None:
    assert find(CODINGS[name]).empty


@pytest.mark.parametrize("name", ["a sign", "a direction", "a score of goals"])
@pytest.mark.parametrize("as_text", [False, True])
def test_a_class_is_never_a_stand_in(name: str, as_text: bool) -> None:
    label = CODINGS[name].astype(str) if as_text else CODINGS[name]
    frame = pd.DataFrame({"x": np.random.default_rng(1).normal(size=ROWS), "label": label})
    assert dcai.audit(frame, "label", detectors="missing", progress=False).findings.empty


@pytest.mark.parametrize(
    ("others", "sentinel"),
    [
        (np.arange(90) % 80, -1),
        (np.arange(90) % 5 + 1, 99),
        (np.arange(90) % 5 + 1, -9),
        (np.arange(90) % 7, -99),
        (np.linspace(-30, 30, 90), -999),
        (np.linspace(-30, 30, 90), 999),
        (np.arange(90) % 3, 999),
        (np.linspace(18, 80, 90).round(), -1),
    ],
)
def test_numbers_that_stand_for_nothing_are_found_among_codes_and_measures(others: Any, sentinel: float) -> None:
    values = np.array(others, dtype=float)
    values[[4, 40, 77]] = sentinel
    assert sorted(find(values)["row"]) == [4, 40, 77]


def test_a_stand_in_is_apart_whatever_the_scale() -> None:
    codes = np.array([0.0, 1.0, 2.0])
    for scale in (1.0, 2.0, 7.0):
        assert not stands_apart(-1 * scale, describe_others(codes * scale), 50)
    assert not stands_apart(-1, describe_others(np.array([])), 1)


# ---------------------------------------------------------------- words


ANSWERS = {
    "calls": draw(["answered", "no answer", "busy"], [0.6, 0.27, 0.13]),
    "lost and found": draw(["found", "missing"], [0.6, 0.4]),
    "signs": draw(["+", "-"]),
    "signs of three kinds": draw(["+", "-", "0/-"]),
    "stars": draw(["*", "**", "***"]),
    "alleles": draw(["wild", "null"], [0.7, 0.3]),
    "state of a plan": draw(["tbd", "agreed", "signed"]),
    "goods": draw(["in stock", "not available"], [0.8, 0.2]),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_of_few_kinds_are_values(name: str) -> None:
    assert find(ANSWERS[name]).empty
    frame = pd.DataFrame({"x": np.random.default_rng(1).normal(size=ROWS), "label": ANSWERS[name]})
    assert dcai.audit(frame, "label", detectors="missing", progress=False).findings.empty


def test_the_check_says_which_words_were_taken_for_values() -> None:
    assert "values like the others, not empty cells, in 'value': 'missing'" in tell(ANSWERS["lost and found"])


@pytest.mark.parametrize("word", ["missing", "no answer", "not available", "n/a", "?", "--"])
def test_the_same_words_are_found_where_they_are_far_rarer(word: str) -> None:
    values = draw(["red", "green", "blue"])
    values[[7, 300, 412]] = word
    found = find(values)
    assert sorted(found["row"]) == [7, 300, 412]
    assert (found["confidence"] < 0.95).all()


@pytest.mark.parametrize("word", ["n/a", "null", "no answer", "missing"])
def test_among_numbers_the_same_words_are_none(word: str) -> None:
    values = draw([str(n) for n in range(10, 60)])
    values[::4] = word
    found = find(values)
    assert len(found) == ROWS / 4
    assert (found["suggested"] == "").all()


def test_a_frequent_word_among_words_is_no_safe_repair() -> None:
    found = find(draw(["yes", "no", "n/a"], [0.5, 0.3, 0.2]))
    assert len(found)
    assert (found["confidence"] <= 0.9).all()


# ---------------------------------------------------------------- classes


@pytest.mark.parametrize("word", ["None", "NA", "null", "NULL"])
def test_a_frequent_word_for_nothing_is_a_class(word: str) -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 2))
    label = np.where(x[:, 0] > 0.3, "minor", np.where(x[:, 1] > 0, "major", word)).astype(object)
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(damage=label)
    found = dcai.audit(frame, "damage", detectors=["labels", "missing", "label_names"], progress=False)
    assert found.classes == tuple(sorted(["major", "minor", word]))
    checks = found.checks.set_index("detector")
    assert checks.loc["labels", "rows"] == ROWS
    assert (
        f"classes of their own, not empty cells, as they have many rows: {word!r}"
        in checks.loc["label_names", "reason"]
    )
    assert found.by("missing").findings.empty
    assert found.scores["labels"].notna().all()
    assert found.probabilities is not None
    assert list(found.probabilities.columns) == list(found.classes)
    again = dcai.audit(frame, "damage", detectors="labels", probabilities=found.probabilities, progress=False)
    assert again.classes == found.classes


@pytest.mark.parametrize("word", ["None", "NA", "null", "N/A", "nan", "<NA>"])
def test_a_rare_word_for_nothing_is_a_row_without_a_label_and_listed(word: str) -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 2))
    label = np.where(x[:, 0] > 0, "minor", "major").astype(object)
    label[[5, 9]] = word
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(damage=label)
    found = dcai.audit(frame, "damage", detectors=["labels", "missing"], progress=False)
    assert found.classes == ("major", "minor")
    listed = found.by("missing").findings
    assert sorted(listed["row"]) == [5, 9]
    assert (listed["given"] == word).all()
    assert found.scores["labels"].isna().to_numpy().nonzero()[0].tolist() == [5, 9]


def test_a_class_called_none_is_suggested_reviewed_and_voted_for(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 2))
    true = np.where(x[:, 0] > 0.3, "minor", np.where(x[:, 1] > 0, "major", "None")).astype(object)
    given, wrong = true.copy(), np.arange(0, ROWS, 40)
    given[wrong] = np.where(true[wrong] == "None", "minor", "None")
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(damage=given)
    found = dcai.audit(frame, "damage", detectors="labels", model=DecisionTreeClassifier(max_depth=3), progress=False)
    listed = found.findings.set_index("row")
    assert set(wrong.tolist()) <= set(listed.index)
    assert listed["suggested"].loc[wrong].tolist() == true[wrong].tolist()
    session = dcai.Review(found, tmp_path / "log.jsonl", by="ada")
    for row in wrong.tolist():
        session.decide(row, "edit", true[row], column="damage")
    wiser = found.refine(dcai.CorrectionLog.read(session.log.path))
    assert wiser.classes == found.classes
    assert (wiser.scores["labels"].iloc[wrong] == 1).all()
    votes = frame.assign(ann=true, bob=true, cyd=given)
    names = ["ann", "bob", "cyd"]
    voted = dcai.audit(
        votes, "damage", annotators=names, detectors="labels", model=DecisionTreeClassifier(), progress=False
    )
    said = voted.by("labels").findings.set_index("row")["reason"]
    assert "None" in said.loc[wrong[true[wrong] == "None"][0]]
    assert "names a class that the label never has" not in voted.checks["reason"].iloc[0]


def test_nan_written_as_text_is_never_a_class() -> None:
    labels = read_labels(pd.Series(["a", "b", "nan"] * 30), "label")
    assert labels.names == ("a", "b")
    assert (labels.codes < 0).sum() == 30
    assert not is_name_for_nothing("NaN")
    assert mark_class("  ") is None


def test_words_for_nothing_alone_are_no_labels() -> None:
    with pytest.raises(InputError, match="is empty in all 30 rows"):
        read_labels(pd.Series(["None"] * 30), "label")


def test_lists_are_refused_wherever_they_stand() -> None:
    with pytest.raises(InputError, match="holds several values in one cell, for example"):
        read_labels(pd.Series(["a", "b"] * 1000 + [["a", "b"]], dtype=object), "label")


def variants(*counts: tuple[str, int]) -> dict[Any, Any]:
    label = pd.Series([name for name, rows in counts for _ in range(rows)])
    return {v.spelling: v.name for v in read_labels(label, "label").variants}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("typical", "atypical"),
        ("maternal", "paternal"),
        ("type A", "type B"),
        ("stage II", "stage III"),
        ("AB", "AB-"),
        ("A", "A-"),
        ("A+", "A-"),
        ("HER2", "HER2-"),
        ("ER/PR+", "ER/PR-"),
        ("+", "-"),
        ("10", "1_0"),
        ("grade one", "grade ones-"),
    ],
)
def test_classes_that_differ_by_what_carries_meaning_stay_apart(one: str, other: str) -> None:
    assert variants((one, 980), (other, 15), ("third", 200)) == {}
    assert variants((other, 980), (one, 15), ("third", 200)) == {}


@pytest.mark.parametrize(
    ("stray", "name"),
    [
        ("typicla", "typical"),
        ("tpyical", "typical"),
        ("ytpical", "typical"),
        ("typcal", "typical"),
        ("Typical ", "typical"),
        ("typical-", "typical"),
        ("no finding", "nofinding"),
        ("grade western", "grade westren"),
    ],
)
def test_slips_and_strays_of_a_class_are_still_found(stray: str, name: str) -> None:
    assert variants((name, 980), (stray, 3), ("third", 200)) == {stray: name}


def test_ten_thousand_classes_are_read_in_a_blink() -> None:
    letters = "abcdefghij"
    names = [f"{a}{b}{c}{d}name" for a in letters for b in letters for c in letters for d in letters]
    labels = read_labels(pd.Series([*names * 2, *names[:50] * 40]), "label")
    assert len(labels.names) == 10_000


# ---------------------------------------------------------------- spellings


def test_codes_that_differ_by_case_are_two_where_both_writings_are_usual() -> None:
    gases = draw(["CO", "NO", "Co", "Fe", "Na", "SO", "No"], [0.5, 0.1, 0.05, 0.1, 0.1, 0.1, 0.05])
    assert find(gases, "variants").empty


@pytest.mark.parametrize(
    ("one", "other"), [("typical", "atypical"), ("external", "internal"), ("maternal", "paternal")]
)
def test_words_with_another_beginning_that_come_again_are_no_slips(one: str, other: str) -> None:
    assert find(draw([one, other, "mixed"], [0.6, 0.1, 0.3]), "variants").empty
    slip = draw([one, "mixed"], [0.6, 0.4])
    slip[[3, 90]] = f"x{one[1:]}"
    assert set(find(slip, "variants")["given"]) == {f"x{one[1:]}"}


def test_a_stray_case_is_found_and_no_safe_repair() -> None:
    states = draw(["CA", "NY", "TX", "OR", "Ca", "Ny"], [0.3, 0.2, 0.2, 0.2, 0.05, 0.05])
    found = find(states, "variants")
    assert set(zip(found["given"], found["suggested"], strict=True)) == {("Ca", "CA"), ("Ny", "NY")}
    assert (found["confidence"] <= 0.9).all()


# ---------------------------------------------------------------- conflicts


def test_equal_rows_alone_make_no_safe_repair() -> None:
    said = pd.Series([*["ok"] * 300, *(f"text {i}" for i in range(700))])
    label = pd.Series(["good"] * 1000)
    label[:12] = "fair"
    label[300:650] = "poor"
    found = dcai.audit(pd.DataFrame({"said": said, "label": label}), "label", detectors="conflicts", progress=False)
    assert sorted(found.findings["row"]) == list(range(12))
    assert (found.findings["confidence"] <= 0.9).all()


# ---------------------------------------------------------------- all detectors


USUAL: dict[str, list[Any]] = {
    "agreement": [-2, -1, 0, 1, 2],
    "severity": ["none", "low", "moderate", "high"],
    "grade": ["A+", "A", "A-", "B+", "B", "B-"],
    "key": ["C", "C#", "Cb", "D", "D#", "F#"],
    "version": ["1_0", "1_1", "2_0"],
    "answer": ["yes", "no", "not applicable"],
    "range": ["<5", "5-10", ">10"],
    "cells": ["CD4", "CD4+", "CD4-", "CD8+"],
    "receptor": ["ER+", "ER-", "ER"],
    "stage": ["stage I", "stage II", "stage III"],
    "pressure": ["hypertensive", "hypotensive", "normotensive"],
    "wind": ["N", "S", "NE", "NW", "NA"],
    "compound": ["CH4", "C2H4", "C2H6", "CO2", "CO", "Co", "Fe", "Ni"],
    "side": ["internal", "external"],
    "dose": ["0.5 mg", "5 mg", "50 mg"],
}


def test_a_table_of_nothing_but_codings_has_no_finding() -> None:
    columns = {name: draw_again(values, seed) for seed, (name, values) in enumerate({**CODINGS, **ANSWERS}.items())}
    frame = pd.DataFrame(columns).drop(columns=["frost at the end of warm days"])
    frame["kind"] = draw(["typical", "atypical", "none", "NA"], [0.7, 0.1, 0.1, 0.1], 50)
    frame["blood"] = draw(["A", "A-", "AB", "AB-", "B", "0"], [0.3, 0.1, 0.2, 0.05, 0.2, 0.15], 51)
    frame["gas"] = draw(["CO", "NO", "Co", "Fe", "Na", "SO", "No"], [0.5, 0.1, 0.05, 0.1, 0.1, 0.1, 0.05], 52)
    for seed, (name, values) in enumerate(USUAL.items()):
        frame[name] = draw(values, seed=60 + seed)
    assert dcai.audit(frame, progress=False).findings[["column", "given", "reason"]].to_numpy().tolist() == []


def draw_again(values: pd.Series[Any], seed: int) -> Any:
    """Shuffle a column, so that no two have to do with each other."""
    return values.to_numpy()[np.random.default_rng(100 + seed).permutation(len(values))]
