import json

import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris

from dcai.base.errors import InputError
from dcai.shells.cli_prove import _Teller, compare


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


def test_logs_are_compared_and_the_model_is_saved_with_its_card(files, write_log):
    folder, log = files
    other = write_log(load_iris(as_frame=True).frame, "target", dict.fromkeys(range(10), 2), name="other.jsonl")
    result = invoke(
        folder / "train.csv", "--log", log.path, "--other-log", other.path, "--repeats", 2, "--budget", 3,
        "--metric", "f1_macro", "--markdown", "--save-model", folder / "model.joblib", "--by", "petal width (cm)",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "| other log |" in result.stdout
    assert "The other log against the log" in result.stdout
    card = json.loads((folder / "model.card.json").read_text(encoding="utf-8"))
    assert card["approach"] == "data-centric"
    assert {group["column"] for group in card["slices"]} == {"petal width (cm)"}


def test_later_rows_are_held_out_and_latex_is_printed(files):
    folder, _ = files
    frame = load_iris(as_frame=True).frame.sample(frac=1, random_state=0)
    frame.assign(day=range(150)).to_csv(folder / "days.csv", index=False)
    result = invoke(folder / "days.csv", "--label", "target", "--time", "day", "--repeats", 2, "--budget", 1, "--latex")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(r"\begin{table}")
    assert "the latest 38 of 150 rows ('day' from 112 on)" in result.stdout


def test_a_bad_name_for_the_model_is_refused_before_the_work(files):
    folder, _ = files
    result = invoke(folder / "train.csv", "--label", "target", "--save-model", "model.pkl")
    assert isinstance(result.exception, InputError)
    assert "Fitting" not in result.stderr


def test_default_models_are_chosen_by_name_and_a_measured_label_has_some(files, tmp_path):
    folder, log = files
    result = invoke(
        folder / "train.csv", "--log", log.path, "--repeats", 2, "--models", "trees", "--models", "boosting", "--budget", 2, "--json"
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert [row["model"] for row in json.loads(result.stdout)["by_model"]] == ["trees", "boosting"]
    frame = load_iris(as_frame=True).frame.rename(columns={"petal length (cm)": "length"})
    frame.assign(length=frame["length"] + frame.index / 1e4).to_csv(tmp_path / "measured.csv", index=False)
    result = invoke(tmp_path / "measured.csv", "--label", "length", "--repeats", 2, "--budget", 3, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["metric"] == "r2"
    result = invoke(folder / "train.csv", "--label", "target", "--models", "__import__('os')")
    assert isinstance(result.exception, InputError)
    assert "no model" in str(result.exception)


def test_how_long_the_rest_takes_is_said_once_the_fits_tell(capsys):
    moments = iter([0.0, 0.0, 1.0, 3.0, 4.0, 5.0])
    tell = _Teller(lambda: next(moments))
    for done in range(5):
        tell(done, 20, "trees")
    said = capsys.readouterr().err.splitlines()
    assert said == ["Fitting at most 20 models.", "2 fitted; the others take at most about 27 s."]
    moments = iter([0.0, 900.0])
    _Teller(lambda: next(moments))(30, 90, "trees")
    assert capsys.readouterr().err == "30 fitted; the others take at most about 30 min.\n"
