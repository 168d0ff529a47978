"""No form of a masked value is shown: not on a card, a page or in the HTML, in no sentence, and no search finds it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import dcai
from dcai.base.contract import to_json
from dcai.base.errors import InputError
from dcai.base.settings import find_settings, mark_sensitive
from dcai.corrections.log import CorrectionLog
from dcai.corrections.outlook import make_forecast
from dcai.corrections.session import Review
from dcai.findings.labels.tasks import Reading
from dcai.findings.masking import say_hidden, tells
from dcai.shells.review_html import write_review
from tests.corrections.conftest import audit_of
from tests.shells.test_intake import Wire

SIZE = 160


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository to work in, with keys of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "repository"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    monkeypatch.chdir(folder)
    return folder


def make_people() -> pd.DataFrame:
    """People with planted errors in each column; `mail`, `pay`, `born` and `age` are nobody's business."""
    draw = np.random.default_rng(4)
    label = np.where(draw.random(SIZE) < 0.5, "yes", "no")
    frame = pd.DataFrame(
        {
            "mail": [f"person{i:03}@example.org" for i in range(SIZE)],
            "pay": np.round(3000 + 200 * draw.normal(size=SIZE), 2),
            "born": pd.date_range("1950-03-04", periods=SIZE, freq="31D").strftime("%Y-%m-%d"),
            "age": 20 + np.arange(SIZE) % 50,
            "town": draw.choice(["Bonn", "Ulm", "Kiel"], SIZE),
            "zip": "",
            "x": draw.normal(size=SIZE) + 5 * (label == "yes"),
            "y": label,
        }
    )
    frame["zip"] = frame["town"].map({"Bonn": "53111", "Ulm": "89073", "Kiel": "24103"})
    frame.loc[5, "pay"], frame.loc[6, "age"], frame.loc[8, "born"] = 98765.0, 1234567, "1977-13-45"
    frame.loc[7, "mail"], frame.loc[9, "mail"] = "person007(at)example.org", "n/a"
    frame.loc[10, "y"] = "yes" if frame.loc[10, "y"] == "no" else "no"
    frame.loc[11, "zip"] = "99999"
    frame.loc[12] = frame.loc[13]
    return frame


DETECTORS = [
    "labels", "conflicts", "outliers", "duplicates", "near_duplicates", "missing", "variants", "patterns", "ranges",
    "dependencies", "personal_data",
]  # fmt: skip
MARKED = ("mail", "pay", "born", "age", "zip")


def list_forms(frame: pd.DataFrame) -> set[str]:
    """Any writing of a value of a marked column that is long enough to be told from other text."""
    texts: set[str] = set()
    for name in MARKED:
        for value in frame[name].dropna().unique():
            texts |= {str(value), str(value)[:10]}
            if isinstance(value, (int, float, np.number)):
                texts |= {f"{value:g}", f"{value:,.0f}", f"{value:,}", f"{value:.0f}", f"{value:.2f}"}
    return {text for text in texts if len(text) > 4}


def find_forms(text: str, forms: set[str]) -> set[str]:
    """The forms of values that stand in a text as words of their own."""
    return {f for f in forms if f in text and re.search(rf"(?<![\w.]){re.escape(f)}(?!\w)", text)}


def test_no_form_of_a_masked_value_is_on_a_card_a_page_or_in_html(root: Path) -> None:
    frame = make_people()
    mark_sensitive(find_settings(root), *MARKED)
    found = dcai.audit(frame, label="y", detectors=DETECTORS, model=LogisticRegression(), folds=2, progress=False)
    about = found.findings[found.findings["row"] >= 0]
    forms = list_forms(frame)
    told = about[about["column"].isin(MARKED) & about["reason"].map(lambda reason: bool(find_forms(reason, forms)))]
    assert told["detector"].nunique() >= 2, "what is to be hidden must be there"
    wire = Wire(dcai.review(found, root / "corrections" / "y.jsonl", by="ada"))
    shown = [
        found._repr_html_(),
        str(found.to_html()),
        found.explain(5)._repr_html_(),
        to_json(wire.ask("page", count=500)),
    ]
    for finding in about["finding"]:
        shown += [to_json(wire.ask("card", finding=finding)), to_json(wire.ask("near", finding=finding))]
    session = wire.widget.session
    shown += [write_review(session, make_forecast(session, session.queue()).look()), to_json(wire.ask("facets"))]
    assert find_forms("\n".join(shown), forms) == set()
    assert say_hidden(["pay"]) in "".join(shown)
    for text in ("person007(at)example.org", "98765", "1977-13-45", "99999", "person003@example.org"):
        assert wire.ask("filter", filter={"text": text})["total"] == 0
    wire.widget.close()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("98765 is extreme.", 98765.0),
        ("98,765.00 is extreme.", 98765.0),
        ("9.88e+04 is far", 98765.0),
        ("It is 1,234,567.", 1234567),
        ("age 31 is rare", 31),
        ("It begins with 'a long tex...'.", "a long text about someone"),
        (r"It holds 'a\tb'.", "a\tb"),
        ("Born on 1977-01-02.", "1977-01-02 00:00:00"),
        ("ANN@EXAMPLE.ORG stands twice", "ann@example.org"),
        ("A dependency on 'pay' is broken.", None),
    ],
)
def test_a_sentence_that_tells_a_value_in_any_form_is_known(text: str, value: Any) -> None:
    assert tells(text, ["pay"], [value])


def test_a_sentence_that_tells_nothing_is_left() -> None:
    assert not tells(
        "A model that has not seen this row says 'dog', not 'cat'.", ["pay"], [98765.0, "ann", None, np.nan, "7"]
    )


def test_the_tokens_of_a_masked_column_are_hidden(root: Path) -> None:
    mark_sensitive(find_settings(root), "words")
    frame = pd.DataFrame({"words": ["Ann went home", "Bob left"], "y": ["P O O", "P O"]})
    made = audit_of(frame, found=[(0, "y", "O")])
    made.findings["part"] = pd.Series([0], dtype=object)
    reading = Reading("token", " ", "words", "as many tags as tokens")
    object.__setattr__(made, "reading", reading)
    review = Review(made, root / "corrections" / "y.jsonl", by="ada")
    assert review._form.show_sentence(made.findings.iloc[0]) is not None
    card = review.card("f0")
    assert card.sentence is None
    assert "Ann" not in to_json(card)


def test_a_duplicated_sensitive_key_is_named_by_its_rows_only(root: Path) -> None:
    frame = pd.DataFrame({"mail": ["ann@example.org", "bob@example.org", "ann@example.org"], "y": list("aba")})
    with pytest.raises(InputError, match=r"for example \['ann@example.org'\] in rows \[0, 2\]"):
        dcai.audit(frame, label="y", key="mail", progress=False)
    mark_sensitive(find_settings(root), "mail")
    with pytest.raises(InputError, match=r"2 rows share theirs, for example rows \[0, 2\]") as error:
        dcai.audit(frame, label="y", key="mail", progress=False)
    assert "ann" not in str(error.value)


def test_code_holds_no_value_of_a_column_that_was_marked_later(root: Path) -> None:
    frame = pd.DataFrame({"mail": ["ann@example.org", "bob"], "y": ["a", "b"]})
    path = root / "corrections" / "y.jsonl"
    review = Review(audit_of(frame), path, by="ada")
    review.decide(1, "edit", "bob@example.org", column="mail")
    assert "bob@example.org" in review.log.to_code(frame)
    mark_sensitive(find_settings(root), "mail")
    with pytest.raises(
        InputError, match="values of 'mail' are marked as sensitive, and the code would hold them in clear"
    ):
        CorrectionLog.read(path).to_code(frame)


def test_soft_labels_of_a_hidden_label_are_its_classes(root: Path) -> None:
    mark_sensitive(find_settings(root), "y")
    frame = pd.DataFrame({"x": [1, 2, 3], "y": ["ill", "well", "ill"]})
    review = Review(audit_of(frame), root / "corrections" / "y.jsonl", by="ada")
    review.decide(0, "keep", column="y")
    assert "~keyed:" in str(review.log.corrections[0].given)
    soft = review.log.soft_labels(frame)
    assert list(soft.columns) == ["ill", "well"]
    assert soft.to_numpy().tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


def test_what_a_review_works_under_names_no_class_of_a_hidden_label(root: Path) -> None:
    frame = pd.DataFrame({"x": range(6), "diag": ["HIVpos", "HIVneg"] * 3})
    review = Review(
        audit_of(frame, "diag", found=[(0, "diag", "HIVneg")]), root / "corrections" / "diag.jsonl", by="ada"
    )
    for row in range(3):
        review.decide(row, "ambiguous", ["HIVpos", "HIVneg"], column="diag")
    review.define("HIVpos", "the test was positive")
    assert "HIVpos" in to_json(review.terms)
    # A saved page hides what only seems to be personal data, too.
    seeming = replace(review.audit)
    object.__setattr__(seeming, "masked", ("diag",))
    same = Review(seeming, review.log.path, by="ada")
    assert "HIVpos" not in write_review(same, make_forecast(same, same.queue()).look())
    review.mark_sensitive("diag")
    assert "HIVpos" not in to_json(review.terms)
    assert "HIVpos" not in write_review(review, make_forecast(review, review.queue()).look())


def test_a_saved_page_hides_what_seems_to_be_personal_data(tmp_path: Path) -> None:
    frame = pd.DataFrame({"mail": ["ann@example.org", "b"], "y": ["p", "q"]})
    made = replace(audit_of(frame, found=[(0, "mail", "anna@example.org")]))
    object.__setattr__(made, "masked", ("mail",))
    review = Review(made, tmp_path / "y.jsonl", by="ada")
    page = write_review(review, make_forecast(review, review.queue()).look())
    assert "example.org" not in page.replace("mark_sensitive", "")
    assert "(hidden)" in page
    assert review.card("f0").finding.given == "ann@example.org"  # the reviewer has to see it
