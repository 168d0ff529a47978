"""Reports show no personal data, and show of a row what tells most about it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dcai.findings.explanations.relevance import is_identifier, rank_columns, relate
from dcai.findings.masking import make_veil, mask_parts
from dcai.findings.report import Audit, audit
from dcai.findings.summary import to_text

ROWS = 300


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    label = np.where(draw.random(ROWS) < 0.5, "yes", "no")
    frame = pd.DataFrame(
        {
            "id": [f"C{i:05d}" for i in range(ROWS)],
            "email": [f"person{i % 40}@example.org" for i in range(ROWS)],
            "colour": draw.choice(["red", "green", "blue"], ROWS),
            "score": draw.normal(size=ROWS) + 6 * (label == "yes"),
            "calls": np.where(label == "yes", "many", "few"),
            "label": label,
        }
    )
    frame.loc[5, "email"] = "person5@exmaple.org"
    frame.loc[9, "label"] = "yes" if frame.loc[9, "label"] == "no" else "no"
    return frame


@pytest.fixture(scope="module")
def found(people: pd.DataFrame) -> Audit:
    return audit(people, "label", progress=False)


def test_no_report_shows_masked_values(people: pd.DataFrame, found: Audit) -> None:
    assert found.masked == ("email",)
    about = found.findings[(found.findings["column"] == "email") & (found.findings["row"] >= 0)]
    assert len(about), "a finding about a masked column is what this test is about"
    pages = [str(found.to_html()), found._repr_html_(), to_text(found), found.explain(5)._repr_html_()]
    pages.append(found.by(str(about["detector"].iloc[0]))._repr_html_())  # personal_data left out: masked all the same
    for page in pages:
        assert not re.search(r"person\d+@", page)
        assert "p" + "*" * 5 in page
    assert "Values of &#x27;email&#x27; are masked" in pages[0]
    assert about["given"].iloc[0] in set(people["email"])


def test_an_explanation_tells_nothing_of_a_sensitive_label(found: Audit) -> None:
    marked = replace(found, marked=("label",), masked=None)
    for page in (marked.explain(9)._repr_html_(), str(marked.explain(9))):
        assert not re.search(r"\byes\b", page)
        assert "Values of" in page
    assert re.search(r"\byes\b", str(found.explain(9)))
    amounts = pd.DataFrame({"x": np.arange(200.0), "pay": 7_000 + 3 * np.arange(200.0)})
    amounts.loc[9, "pay"] = 98_765.0
    priced = replace(audit(amounts, "pay", detectors="labels", progress=False), marked=("pay",), masked=None)
    for page in (priced.explain(9)._repr_html_(), str(priced.explain(9))):
        assert not re.search(r"98,?765|9\.8\d*e\+04|70\d\d", page.rpartition("</style>")[2])


def test_free_texts_lose_only_what_identifies() -> None:
    texts = [f"Thank you very much for the long talk number {i} that we had" for i in range(60)]
    texts[7] = "Please write to ann@example.org about the long talk that we had there"
    veil = make_veil(audit(pd.DataFrame({"note": texts}), detectors="personal_data", progress=False))
    assert veil.whole == {"note": False}
    assert veil.cell(7, "note") == "Please write to a**@*******.*** about the long talk that we had there"
    assert veil.cell(8, "note") == texts[8]
    assert mask_parts("row 12 of 2024-01-02") == "row 12 of 2024-01-02"


def test_the_columns_shown_are_those_that_go_with_the_label(found: Audit) -> None:
    assert found.telling[:2] == ["calls", "score"]
    assert "id" not in found.telling
    assert "email" not in found.telling
    page = found.by("labels")._repr_html_()
    assert "calls: " in page
    assert "C00009" not in page


def test_without_a_label_columns_stand_as_they_are() -> None:
    frame = pd.DataFrame({"b": ["x", "y"] * 20, "a": [1.5, 2.5] * 20, "n": range(40)})
    assert rank_columns(audit(frame, detectors="missing", progress=False)) == ["b", "a"]


def test_association_is_none_by_chance_and_full_for_copies() -> None:
    draw = np.random.default_rng(1)
    one, other = draw.integers(0, 4, 2000), draw.integers(0, 3, 2000)
    assert relate(one, one) == pytest.approx(1.0, abs=0.01)
    assert relate(one, other) < 0.06
    assert relate(one, np.zeros(2000, dtype=np.intp)) == 0.0


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (list(range(100)), "number", True),
        (list(np.linspace(0, 1, 100)), "number", False),
        ([float("inf"), float("nan")] * 20, "number", False),
        ([f"c{i}" for i in range(50)], "text", True),
        (["a", "b"] * 30, "category", False),
    ],
)
def test_identifiers_are_known(values: list[Any], kind: str, expected: bool) -> None:
    assert is_identifier(pd.Series(values), kind) is expected


def test_bold_are_differences_worth_a_look(found: Audit) -> None:
    page = found.explain(9)._repr_html_()
    scores = found.table.frame["score"].map("{:.6g}".format)
    near = found.explain(9).nearest["row"]
    assert not any(f"<b><bdi>{scores[r]}</bdi></b>" in page for r in near)
    assert re.search(r"<b><bdi>(yes|no)</bdi></b>", page)
