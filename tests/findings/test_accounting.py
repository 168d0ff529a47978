"""Nothing is silent: what was left out is said, what failed is shown, and what is counted is what is listed."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from dcai.base.errors import InputError
from dcai.findings import report
from dcai.findings.detectors import Detector, load_detectors, make_findings
from dcai.shells.cli_find import audit as command

audit = report.audit


def reason_of(frame, detector):
    return audit(frame, detectors=detector, progress=False).checks["reason"].item()


# ---------------------------------------------------------------- what detectors leave out


def test_columns_with_a_long_tail_are_named():
    draw = np.random.default_rng(0)
    values = np.where(draw.random(400) < 0.05, 1e6, draw.normal(size=400))
    frame = pd.DataFrame({"tail": values, "fine": draw.normal(size=400)})
    said = reason_of(frame, "ranges")
    assert "1 column was not searched for extreme numbers (more than 1 % of them are extreme): 'tail'" in said
    assert "'fine'" not in said


def test_columns_whose_middle_half_is_equal_are_named():
    frame = pd.DataFrame({f"c{i}": [0.0] * 90 + list(range(1, 11)) for i in range(7)}).assign(x=range(100))
    said = reason_of(frame, "ranges")
    assert (
        "7 columns were not searched for extreme numbers (their middle half is one value): 'c0', 'c1', 'c2', 'c3', 'c4' and 2 more"
        in said
    )


def test_columns_of_few_numbers_or_values_are_named():
    frame = pd.DataFrame({"few": [1.0, 5.0, 9.0] + [np.nan] * 97, "switch": [0, 1] * 50, "x": range(100)})
    said = reason_of(frame, "ranges")
    assert "(fewer than 30 numbers): 'few'" in said
    assert "(fewer than 3 different values): 'switch'" in said


def test_columns_of_mostly_different_texts_are_named():
    frame = pd.DataFrame({"title": [f"title {chr(97 + i % 26)}{i}x" for i in range(60)], "city": ["Rome", "Bonn"] * 30})
    said = reason_of(frame, "variants")
    assert (
        said
        == "1 column was not searched for spellings (more than 90 % of its values differ: only single words were compared): 'title'"
    )


def test_without_texts_there_is_no_search_for_spellings():
    check = audit(pd.DataFrame({"x": range(40)}), detectors="variants", progress=False).checks.iloc[0]
    assert (check["status"], check["reason"]) == ("skipped", "there is no column of categories or texts")


# ---------------------------------------------------------------- detectors of others


def refuse(evidence):
    raise InputError("I want tea.")


def test_a_foreign_detector_that_raises_our_error_fails_alone(blobs):
    found = audit(blobs[0], detectors=[Detector("tea", refuse), "duplicates"], progress=False)
    assert found.checks["status"].tolist() == ["failed", "ran"]
    assert found.checks["reason"].iloc[0] == "InputError: I want tea."


def test_a_stranger_under_one_of_our_names_is_no_detector_of_ours(blobs):
    found = audit(blobs[0], detectors=[Detector("duplicates", refuse)], progress=False)
    assert found.checks["status"].item() == "failed"


def test_our_own_detectors_pass_errors_about_the_input_on(blobs, monkeypatch):
    ours = load_detectors("variants")["variants"]
    monkeypatch.setattr("dcai.findings.detectors.variants.detector", Detector("variants", refuse))
    with pytest.raises(InputError, match="I want tea"):
        audit(blobs[0], detectors="variants", progress=False)
    assert ours.find is not refuse


@pytest.mark.parametrize(
    ("detector", "reason"),
    [
        (Detector("a", lambda e: make_findings([], [], []), score=lambda e: np.zeros(3)), "it gave scores of shape (3,)"),
        (Detector("a", lambda e: make_findings([0], 0.5, "x", peers=[[500]])), "it named peers outside 0..119"),
    ],
)  # fmt: skip
def test_foreign_scores_and_peers_are_held_to_their_shape(blobs, detector, reason):
    check = audit(blobs[0], detectors=[detector], progress=False).checks.iloc[0]
    assert check["status"] == "failed"
    assert reason in check["reason"]


# ---------------------------------------------------------------- findings about a column


def about_columns(evidence):
    order = np.argsort(evidence.table.frame["x"].to_numpy(), kind="stable")
    peers = [order[:3].tolist(), order[-3:].tolist(), order[:3].tolist(), order[:3].tolist()]
    reasons = ["It is odd.", "It is odd.", "It is even.", "It is even."]
    return make_findings([-1] * 4, [0.9, 0.8, 0.7, 0.6], reasons, column="x", peers=peers)


def test_findings_about_one_column_differ_by_reason_and_peers_and_are_counted_once(blobs):
    found = audit(blobs[0], detectors=[Detector("odd", about_columns)], progress=False)
    assert len(found) == 3
    assert found.checks["findings"].tolist() == [3]
    assert found.findings["reason"].tolist() == ["It is odd.", "It is odd.", "It is even."]
    assert found.findings["finding"].is_unique
    shuffled = audit(
        blobs[0].sample(frac=1, random_state=1), detectors=[Detector("odd", about_columns)], progress=False
    )
    assert shuffled.findings["finding"].tolist() == found.findings["finding"].tolist()


# ---------------------------------------------------------------- reasons for people


def test_one_row_is_called_one_row(blobs):
    frame, _ = blobs
    frame = frame.assign(city=["Hamburg", "Bremen"] * 60, when=[*range(1, 120), 9999], gap=range(120)).astype(
        {"gap": float}
    )
    frame.iloc[0, 3] = "Hambrug"
    frame.iloc[1, 2] = "Dog "
    frame.iloc[2, 5] = np.nan
    frame = pd.concat([frame, frame.iloc[[30]], frame.iloc[[31]].assign(label="dog")])
    found = audit(frame, "label", progress=False)
    said = " ".join([*found.findings["reason"], *found.checks["reason"]])
    assert "'Hambrug' (1 row) differs from 'Hamburg' (" in said
    assert "'Dog ' (1 row) differs from 'dog' (" in said
    assert "occurs once" in said
    assert "Another row is equal in all features and is labelled '" in said
    for wrong in ("1 rows", "1 times", "1 other rows", "1 columns", "1 cells", "1 variants"):
        assert f" {wrong}" not in f" {said}".replace("(", " ")


# ---------------------------------------------------------------- the command line


def test_a_failed_detector_does_not_pass_the_limit(tmp_path, blobs, monkeypatch):
    path = tmp_path / "data.csv"
    blobs[0].to_csv(path, index=False)
    chosen = load_detectors([Detector("tea", refuse), "duplicates"])
    monkeypatch.setattr(report, "load_detectors", lambda asked: chosen)
    result = CliRunner().invoke(command, [str(path), "--fail-above", "0", "--json"])
    assert json.loads(result.stdout)["findings"] == 0
    assert result.exit_code == 3
    assert "1 check failed (tea), so it is not known that there are at most 0 findings" in result.stderr
    assert CliRunner().invoke(command, [str(path)]).exit_code == 0
