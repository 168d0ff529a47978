"""What is found about labels is said with the weight that it has."""

from __future__ import annotations

import html

import numpy as np
import pandas as pd
from sklearn.datasets import load_iris

from dcai.findings.report import audit
from dcai.findings.summary import pick_worst, to_html, to_text


def coin_flips(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {"x": random.normal(size=rows), "z": random.normal(size=rows), "y": random.choice(["a", "b"], rows)}
    )


def test_a_model_that_knows_nothing_is_said_to_know_nothing() -> None:
    found = audit(coin_flips(), "y", progress=False)
    assert found.expected_errors is not None
    assert found.expected_errors.low == 0
    assert "WEAK" in found.checks.set_index("detector").loc["labels", "reason"]
    assert "take what is found about it as guesses" in found.caution
    assert found.caution.split(".")[0] in to_html(found).replace("&lt;", "<")
    assert found.caution in to_text(found)


def test_a_good_model_says_how_good_it_is() -> None:
    data = load_iris(as_frame=True)
    found = audit(data.frame, "target", progress=False)
    assert "WEAK" not in found.checks.set_index("detector").loc["labels", "reason"]
    assert "of the labels out of sample" in found.caution
    assert "look before you accept a suggestion" in found.caution


def test_labels_that_a_vote_of_the_columns_settles_are_not_said_to_be_right() -> None:
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 2, 400)
    votes = np.where(draw.random((400, 5)) < 0.25, 1 - truth[:, None], truth[:, None])
    frame = pd.DataFrame(votes, columns=list("abcde")).assign(label=(votes.sum(axis=1) > 2).astype(int))
    found = audit(frame, "label", progress=False)
    assert (frame["label"] != truth).sum() > 30
    assert found.expected_errors is not None
    assert found.expected_errors.high < 10
    assert "then wrong labels look right" in found.caution
    assert found.caution in to_text(found)
    assert "SETTLED" in found.checks.set_index("detector").loc["labels", "reason"]
    some = audit(frame.iloc[:49], "label", detectors="labels", progress=False)
    assert "SETTLED" not in some.checks["reason"].item()


def test_of_few_labels_nothing_is_settled_however_many_rows_there_are() -> None:
    frame = pd.DataFrame({"x": np.arange(400) % 2 + np.arange(400) / 1e4})
    label = pd.Series(np.where(frame["x"] < 0.5, "a", "b"))
    few, many = (
        audit(frame.assign(label=label.where(frame.index < n)), "label", detectors="labels", progress=False)
        for n in (40, 60)
    )
    assert "> 99 %" in few.caution
    assert "then wrong labels look right" not in few.caution
    assert "then wrong labels look right" in many.caution


def test_an_identifier_is_no_label() -> None:
    frame = coin_flips(60).assign(name=[f"customer {i}" for i in range(60)])
    found = audit(frame, "name", progress=False)
    check = found.checks.set_index("detector").loc["labels"]
    assert check["status"] == "skipped"
    assert "looks like an identifier or free text. Name another label column" in check["reason"]
    assert found.caution == ""
    assert not len(found.by("labels"))


def test_the_only_row_of_a_class_is_not_judged() -> None:
    data = load_iris(as_frame=True).frame.assign(target=lambda d: d["target"].map(lambda t: f"kind {t}"))
    data.loc[0, "target"] = "something quite different"
    found = audit(data, "target", progress=False)
    assert "1 class occurs in one row only" in found.checks.set_index("detector").loc["labels", "reason"]
    assert 0 not in set(found.by("labels").findings["row"])
    assert found.scores["labels"].iloc[0] <= 0.5


def test_the_worst_few_are_of_different_kinds() -> None:
    frame = pd.DataFrame({"c": ["blue"] * 50 + ["green"] * 50 + ["Blue"] * 6 + ["gren"]})
    found = audit(frame, progress=False)
    first = pick_worst(found, 2)
    assert set(first["given"]) == {"Blue", "gren"}


def test_what_no_check_looks_for_is_said() -> None:
    assert "No check looks for" not in to_text(audit(coin_flips(40), progress=False))
    found = audit(coin_flips(40), detectors="duplicates", progress=False)
    for shown in (to_html(found), to_text(found)):
        assert "No check looks for: " in shown
        assert "formats and units" in shown
        assert "near" in shown


def test_what_was_not_checked_is_never_cut() -> None:
    wide = pd.DataFrame({f"a column with quite a long name, number {i}": [0, 1] * 40 for i in range(9)})
    found = audit(wide.assign(y=["a", "b"] * 40), "y", progress=False)
    reasons = [r for r in found.checks["reason"] if len(r) > 200]
    assert reasons
    for reason in reasons:
        assert reason in to_text(found)
        assert html.escape(reason) in to_html(found)
