"""`dcai audit`."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from dcai.base.errors import InputError, MissingError
from dcai.shells.cli_find import audit as command


@pytest.fixture
def file(tmp_path, blobs):
    path = tmp_path / "data.csv"
    blobs[0].assign(city=["Hamburg", "Bremen"] * 59 + ["Hambrug", "Bremen"]).to_csv(path, index=False)
    return path


def run(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments])


def test_the_summary_is_readable(file):
    result = run(file, "--label", "label")
    assert result.exit_code == 0
    assert "findings in 120 rows; " in result.stdout
    assert "labels may be wrong" in result.stdout
    assert "row 118, city: Hambrug -> Hamburg" in result.stdout


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet", "html"])
def test_findings_are_written_as_the_ending_says(file, tmp_path, ending):
    target = tmp_path / "deep" / f"out.{ending}"
    assert run(file, "--label", "label", "-o", target).exit_code == 0
    if ending == "html":
        assert "Hambrug" in target.read_text(encoding="utf-8")
        return
    if ending == "jsonl":
        rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    else:
        frame = pd.read_csv(target, keep_default_na=False) if ending == "csv" else pd.read_parquet(target)
        rows = frame.to_dict("records")
        for row in rows:
            row |= {name: json.loads(row[name]) for name in ("key", "given", "suggested", "peers")}
    slip = next(r for r in rows if r["detector"] == "variants")
    assert (slip["row"], slip["given"], slip["suggested"]) == (118, "Hambrug", "Hamburg")
    assert set(slip["key"]) == {"~fingerprint"}
    assert slip["peers"] == []


def test_json_can_be_read_by_a_program(file):
    said = json.loads(run(file, "--label", "label", "--json").stdout)
    assert said["rows"] == 120
    assert said["detectors"]["variants"] == 1
    assert said["findings"] == sum(said["detectors"].values())
    assert {c["detector"] for c in said["checks"]} >= {"labels", "variants"}
    assert said["expected_errors"]["low"] <= said["expected_errors"]["estimate"]


@pytest.mark.parametrize(("limit", "code"), [(0, 3), (1000, 0)])
def test_too_many_findings_fail(file, limit, code):
    result = run(file, "--fail-above", limit)
    assert result.exit_code == code
    assert ("more than the limit of 0" in result.stderr) == (code == 3)


def test_a_wrong_ending_is_refused_before_the_work(tmp_path):
    result = run(tmp_path / "none.csv", "-o", "out.xlsx")
    assert isinstance(result.exception, InputError)
    assert "ending '.xlsx'. Expected one of .jsonl, .csv, .parquet, .html" in str(result.exception)


def test_a_folder_is_no_output(tmp_path):
    (tmp_path / "x.csv").mkdir()
    assert "is a folder" in str(run(tmp_path / "none.csv", "-o", tmp_path / "x.csv").exception)


def test_a_missing_log_is_named(file, tmp_path):
    result = run(file, "--log", tmp_path / "none.jsonl")
    assert isinstance(result.exception, MissingError)
    assert "There is no correction log" in str(result.exception)


def test_keys_are_written(file, tmp_path, blobs):
    keyed = tmp_path / "keyed.csv"
    pd.read_csv(file).assign(id=range(120)).to_csv(keyed, index=False)
    target = tmp_path / "out.jsonl"
    run(keyed, "--key", "id", "-o", target)
    assert json.loads(target.read_text().splitlines()[0])["key"] == {"id": 118}


def test_what_was_decided_is_left_out(file, tmp_path):
    from dcai.corrections.session import Review
    from dcai.findings.report import audit

    found = audit(file, detectors="variants", progress=False)
    log = tmp_path / "log.jsonl"
    Review(found, str(log), by="tester").decide(found.findings["finding"].iloc[0], "edit", "Hamburg")
    assert json.loads(run(file, "--json").stdout)["detectors"].get("variants") == 1
    assert "variants" not in json.loads(run(file, "--json", "--log", log).stdout)["detectors"]
