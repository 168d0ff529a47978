"""Findings about columns, groups and the table: shown as whole sentences, apart from cells, and never put to review."""

import html

import numpy as np
import pandas as pd
import pytest

from dcai.corrections.session import Review
from dcai.findings.report import audit
from dcai.findings.summary import pick_whole, pick_worst, to_html, to_text

HOSTILE = "<script>alert(1)</script>\u202e"
ROWS = 200


@pytest.fixture(scope="module")
def found():
    draw = np.random.default_rng(0)
    label = np.repeat(["cat", "dog"], ROWS // 2)
    frame = pd.DataFrame(
        {
            "x": draw.normal(size=ROWS) + 2 * (label == "cat"),
            HOSTILE: [f"user{i}@example.org" for i in range(ROWS)],
            "age": [-1, *range(20, 20 + ROWS - 1)],
            "label": label,
        }
    )
    detectors = ["non_iid", "personal_data", "leakage", "rules"]
    return audit(frame, "label", rules=["age >= 0", "x > 100"], detectors=detectors, progress=False)


def test_what_is_about_the_whole_is_shown_in_full_and_apart(found):
    whole = pick_whole(found)
    assert set(whole["detector"]) == {"non_iid", "personal_data", "leakage", "rules"}
    assert (pick_worst(found, 100)["row"] >= 0).all()
    assert len(whole) + len(pick_worst(found, 100)) == len(found)
    page, text = to_html(found), to_text(found)
    for shown in (page, text):
        assert "About columns, groups and the table as a whole:" in shown
    for reason in whole.loc[whole["column"] != HOSTILE, "reason"]:
        assert html.escape(reason) in page
        assert reason[:300] in text
    assert "row 0, age: The rule 'age >= 0' does not hold: 'age' is -1." in text
    assert "table: The rows come sorted by 'label'" in text


def test_hostile_names_are_shown_and_never_obeyed(found):
    assert "<script>alert" not in to_html(found)
    assert "\u202e" not in to_html(found) + to_text(found)


def test_nothing_about_the_whole_is_put_to_review(found, tmp_path):
    queue = Review(found, log=tmp_path / "log.jsonl", by="ann").queue()
    assert queue["row"].tolist() == [0]


def test_a_page_of_cells_alone_has_no_such_part(blobs):
    clean = audit(blobs[0], "label", detectors="duplicates", progress=False)
    assert "as a whole" not in to_html(clean) + to_text(clean)
