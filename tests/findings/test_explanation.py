"""Why something was flagged: the numbers are the audit's own, the rows shown are the nearest, and nothing shown is obeyed."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import dcai
from dcai.base.display import Html, to_bar, to_table
from dcai.base.errors import InputError, MissingError
from dcai.findings.explanations.context import SAMPLE_ROWS

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def frame(blobs: Any) -> pd.DataFrame:
    made: pd.DataFrame = blobs[0].assign(city=["Hamburg", "Bremen"] * 60, age=[20 + i % 40 for i in range(120)])
    made.iloc[8, 3] = "Hambrug"
    made.iloc[9, 4] = 10_000
    twin = made.iloc[[30]].assign(label="dog")
    return pd.concat([made, twin])


@pytest.fixture(scope="module")
def found(frame: pd.DataFrame) -> dcai.Audit:
    return dcai.audit(frame, "label", model=LogisticRegression(), progress=False)


def facts_of(explanation: Any) -> dict[str, Any]:
    frame = explanation.to_frame()
    return dict(zip(frame["fact"], frame["value"], strict=True))


def test_a_label_is_explained_by_the_probabilities_of_the_audit(found: dcai.Audit, blobs: Any) -> None:
    row = min(blobs[1])
    chances, given = found.probabilities, found.table.frame["label"]
    assert chances is not None
    explained = found.explain(row)
    facts = facts_of(explained)
    own, other = given.iloc[row], next(c for c in chances.columns if c != given.iloc[row])
    assert facts["given class"] == own
    assert facts["suggested class"] == other
    assert facts["probability of the given class"] == chances.iloc[row][own]
    # Confident learning's threshold: what the rows that are given a class have for it on average.
    assert facts["threshold of the given class"] == pytest.approx(chances[own][(given == own).to_numpy()].mean())
    assert facts["threshold of the suggested class"] == pytest.approx(
        chances[other][(given == other).to_numpy()].mean()
    )
    assert facts["margin to the suggested class"] == pytest.approx(chances.iloc[row][other] - chances.iloc[row][own])
    assert explained.classes["probability"].is_monotonic_decreasing


def test_a_finding_is_explained_by_its_id_alone(found: dcai.Audit) -> None:
    first = found.by("variants").findings.iloc[0]
    explained = found.explain(first["finding"])
    assert explained.row == first["row"] == 8
    assert explained.findings["finding"].tolist() == [first["finding"]]
    assert not len(explained.classes)
    facts = facts_of(explained)
    assert facts["reason"] == first["reason"]
    assert (facts["rows with the given value"], facts["rows with the suggested value"]) == (1, 60)
    assert explained.values("city").set_index("value")["role"].to_dict() == {
        "Bremen": "",
        "Hamburg": "suggested",
        "Hambrug": "given",
    }


def test_a_number_is_shown_in_its_column(found: dcai.Audit) -> None:
    explained = found.explain(9)
    assert facts_of(explained)["given"] == 10_000
    assert facts_of(explained)["largest"] == 10_000
    assert facts_of(explained)["99th percentile"] < 10_000


def test_the_nearest_rows_are_the_nearest(blobs: Any) -> None:
    frame = blobs[0]
    found = dcai.audit(
        frame, "label", features=frame[["x", "y"]].to_numpy(), model=LogisticRegression(), progress=False
    )
    near = found.explain(3).nearest
    points = frame[["x", "y"]].to_numpy()
    far = np.linalg.norm(points - points[3], axis=1)
    assert near["row"].tolist() == np.argsort(far)[1:6].tolist()
    assert near["distance"].tolist() == pytest.approx(np.sort(far)[1:6].tolist())
    assert near["label"].tolist() == frame["label"].iloc[near["row"]].tolist()


def test_the_nearest_rows_are_looked_for_among_a_sample_of_a_large_table() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(2 * SAMPLE_ROWS, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.where(x[:, 0] > 0, "p", "n")})
    found = dcai.audit(frame, "y", model=LogisticRegression(), detectors="labels", progress=False)
    space = found.context.space
    assert space is not None
    assert len(space.rows) == SAMPLE_ROWS
    outside = min(set(range(len(frame))) - set(space.rows.tolist()))
    near = found.explain(outside).nearest
    assert len(near) == 5
    assert near["distance"].max() < 0.5
    assert found.context is found.context  # made once


def test_twins_with_other_labels_stand_beside_each_other(found: dcai.Audit) -> None:
    peers = found.explain(30).peers
    assert peers.loc[peers["named by"] == "conflicts", "row"].tolist() == [120]
    assert peers.set_index("row").loc[120, "label"] == "dog"


def test_a_row_without_findings_is_explained_too(found: dcai.Audit) -> None:
    row = next(r for r in range(120) if r not in set(found.findings["row"]))
    explained = found.explain(row)
    assert not len(explained.findings)
    assert facts_of(explained)["margin to the suggested class"] < 0
    assert "Nothing was found about this row" in explained._repr_html_()


def test_numbers_are_explained_by_their_predictions() -> None:
    x = np.arange(80.0)
    y = 3 * x + np.random.default_rng(0).normal(size=80)
    y[40] = 900
    found = dcai.audit(pd.DataFrame({"x": x, "y": y}), "y", task="regression", progress=False)
    facts = facts_of(found.explain(40))
    assert found.predictions is not None
    assert facts["predicted"] == found.predictions.iloc[40]
    assert facts["difference"] == pytest.approx(900 - facts["predicted"])
    assert facts["share of rows that differ less"] == pytest.approx(79 / 80)
    assert "share of rows that differ less" in found.explain(40)._repr_html_()


def test_sets_of_classes_are_explained_class_by_class() -> None:
    points = np.random.default_rng(0).normal(size=(200, 2))
    label = [[c for c, x in zip("ab", row, strict=True) if x > 0] for row in points]
    row = next(i for i, names in enumerate(label) if names == ["a", "b"] and points[i].min() > 0.8)
    label[row] = ["a"]
    frame = pd.DataFrame({"x": points[:, 0], "y": points[:, 1], "label": label})
    found = dcai.audit(frame, "label", task="multilabel", detectors="labels", progress=False)
    roles = found.explain(row).classes.set_index("class")["role"]
    assert roles.to_dict() == {"a": "given", "b": "suggested"}
    assert "margin to the suggested class" not in facts_of(found.explain(row))


def test_tags_are_explained_for_their_token() -> None:
    words = [text.split() for text in ("the cat sat", "a dog ran", "the cow ate")] * 30
    tags = [["D", "N", "V"] for _ in words]
    tags[4][1] = "V"
    found = dcai.audit(
        pd.DataFrame({"words": words, "tags": tags}), "tags", task="token", detectors="labels", progress=False
    )
    first = found.findings.iloc[0]
    assert (first["row"], first["part"]) == (4, 1)
    explained = found.explain(first["finding"])
    assert explained.classes.set_index("class")["role"].to_dict() == {"N": "suggested", "D": "", "V": "given"}
    assert facts_of(explained)["margin to the suggested class"] > 0.5
    assert "leads by" not in explained._repr_html_()  # no threshold for tags, no comparison with it


def test_without_a_label_or_features_there_is_less_to_say() -> None:
    found = dcai.audit(pd.DataFrame({"maker": ["mazda"] * 30 + ["maxda"]}), progress=False)
    assert not len(found.explain(30).classes)
    assert "What <bdi>maker</bdi> holds: 2 different values" in found.explain(30)._repr_html_()
    alone = dcai.audit(pd.DataFrame({"o": [{"a": i} for i in range(30)]}), progress=False)
    assert not len(alone.explain(3).nearest)


def test_what_cannot_be_explained_is_said(found: dcai.Audit) -> None:
    with pytest.raises(
        MissingError, match="There is no finding 'abc' in this audit. Take an id from the column 'finding'"
    ):
        found.explain("abc")
    wrong: list[Any] = [True, -1, 121, 1.5, None]
    for row in wrong:
        with pytest.raises(InputError, match="must be the id of a finding, or the position of a row, 0 to 120"):
            found.explain(row)
    with pytest.raises(InputError, match="There is no column 'town'"):
        found.explain(8).values("town")


def test_an_explanation_is_a_frozen_value(found: dcai.Audit, frame: pd.DataFrame) -> None:
    explained = found.explain(8)
    with pytest.raises(dataclasses.FrozenInstanceError):
        explained.row = 3  # type: ignore[misc]
    assert repr(explained).startswith("Explanation(row 8: ")
    assert "\n" not in repr(explained)
    copy = explained.to_frame()
    copy["value"] = None
    assert explained.facts["value"].notna().any()
    pd.testing.assert_frame_equal(found.table.frame, frame)


def test_the_order_of_the_rows_changes_no_explanation(found: dcai.Audit, frame: pd.DataFrame) -> None:
    order = np.random.default_rng(4).permutation(len(frame))
    moved = dcai.audit(frame.iloc[order], "label", model=LogisticRegression(), progress=False)
    here, there = found.explain(17), moved.explain(int(np.flatnonzero(order == 17)[0]))
    pd.testing.assert_frame_equal(here.classes, there.classes)
    assert order[there.nearest["row"]].tolist() == here.nearest["row"].tolist()


def test_hostile_names_and_values_are_shown_and_never_obeyed() -> None:
    words = [f"{HOSTILE}{'a' if i % 2 else 'b'}" for i in range(60)]
    frame = pd.DataFrame(
        {"row": range(60), "distance": words, HOSTILE: ["value one"] * 59 + ["value  one"], "label": words}
    )
    frame.loc[7, "label"] = f"{HOSTILE}b"
    found = dcai.audit(frame, "label", model=LogisticRegression(), progress=False)
    for row in (7, 59):
        page = found.explain(row)._repr_html_()
        assert "<script" not in page
        assert "&lt;script&gt;" in page
    assert found.explain(7).nearest.columns.tolist()[:4] == ["~row", "~distance", "row", "distance"]


def test_the_page_shows_the_bars_and_rows(found: dcai.Audit, blobs: Any) -> None:
    page = found.explain(min(blobs[1]))._repr_html_()
    assert page.count('<svg class="bar"') == 2
    assert "leads by" in page
    assert "The rows most like it" in page
    assert "http" not in page


def test_bars_stay_inside_and_tables_take_html_of_ours_alone() -> None:
    assert 'width="100.0"' in to_bar(7.0)
    assert 'width="0.0"' in to_bar(-1.0)
    assert "<line" not in to_bar(0.5, float("nan"))
    table = to_table([{"a": Html("<b>x</b>"), "b": "<b>x</b>"}], ["a", "b"])
    assert "<td><b>x</b></td>" in table
    assert "&lt;b&gt;x&lt;/b&gt;" in table
