import json

import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris

from dcai.base.errors import InputError
from dcai.shells.cli_prove import compare


@pytest.fixture
def files(tmp_path, write_log):
    frame = load_iris(as_frame=True).frame
    frame.to_csv(tmp_path / "train.csv", index=False)
    log = write_log(frame, "target", dict.fromkeys(range(30), 2), name="target.jsonl")
    return tmp_path, log


def invoke(*arguments):
    return CliRunner().invoke(compare, [str(a) for a in arguments])


def test_the_table_goes_to_standard_output_and_progress_to_standard_error(files):
    folder, log = files
    result = invoke(folder / "train.csv", "--label", "target", "--log", log.path, "--repeats", 2)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[3:7]] == ["baseline", "model-centric", "data-centric", "both"]
    assert "correcting the data" in lines[0].lower()
    assert result.stderr.startswith("Fitting at most")
    assert "Fitting" not in result.stdout


def test_json_is_whole_and_output_is_saved(files):
    folder, log = files
    out = folder / "out.svg"
    result = invoke(
        folder / "train.csv",
        "--log",
        log.path,
        "--repeats",
        2,
        "--scoring",
        "f1_macro",
        "--scoring",
        "accuracy",
        "--json",
        "-o",
        out,
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["metric"] == "f1_macro"
    assert len(found["estimates"]) == 8
    assert {"approach", "score", "low", "high", "gain", "gain_low", "gain_high"} <= set(found["estimates"][0])
    assert any("decisions" in note for note in found["notes"])
    assert out.read_text(encoding="utf-8").startswith("<svg")


def test_a_bad_output_name_is_refused_before_the_work(files):
    folder, _ = files
    result = invoke(folder / "train.csv", "--label", "target", "-o", "out.pdf")
    assert isinstance(result.exception, InputError)
    assert "Fitting" not in result.stderr


def test_wrong_usage_is_said_by_the_command_line(files):
    folder, _ = files
    result = invoke(folder / "train.csv", "--label", "target", "--repeats", 1)
    assert result.exit_code == 2
    assert "repeats" in result.stderr
