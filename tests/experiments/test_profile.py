"""`profile` is a data dictionary: true figures, what the repository says, and nothing that must not be shown."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from dcai.base.errors import InputError
from dcai.base.settings import read_settings
from dcai.experiments.dictionaries import profile
from dcai.shells.cli_drift import profile as command

FRAME = pd.DataFrame(
    {
        "age": [31, 44, None, 20],
        "city": ["Ulm", "Ulm", "Bonn", "<b>x"],
        "since": pd.to_datetime(["2020-01-01", "2021-05-01", "2019-03-02", "2020-01-01"]),
        "mail": [f"p{n}@example.org" for n in range(4)],
    }
)
YAML = """\
datasets:
  people:
    file: data/people.csv
    owner: team blue
    description: Everybody who came.
    columns:
      age: Years at the first visit.
      city: {description: Where they live., owner: ada}
      gone: Not there any more.
sensitive: [city]
"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    (tmp_path / "dcai.yaml").write_text(YAML)
    (tmp_path / "data").mkdir()
    FRAME.to_csv(tmp_path / "data" / "people.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_figures_are_true():
    rows = profile(FRAME).columns.set_index("column")
    assert rows.loc["age", ["kind", "filled", "missing", "distinct", "low", "middle", "high"]].tolist() == [
        "number", 3, 0.25, 3, 20.0, 31.0, 44.0,
    ]  # fmt: skip
    assert rows.loc["city", "examples"][0] == "Ulm"
    assert rows.loc["since", "low"].startswith("2019-03-02")


def test_descriptions_and_owners_come_from_the_repository(repository):
    found = profile("data/people.csv")
    rows = found.columns.set_index("column")
    assert (found.name, found.owner, found.description) == ("people", "team blue", "Everybody who came.")
    assert rows["owner"].tolist() == ["team blue", "ada", "team blue", "team blue"]
    assert rows.loc["age", "description"] == "Years at the first visit."
    assert any("'gone'" in note for note in found.notes)
    assert profile(FRAME, name="people").owner == "team blue"
    with pytest.raises(InputError, match="There is no dataset in dcai.yaml 'poeple'. Did you mean 'people'?"):
        profile(FRAME, name="poeple")


def test_sensitive_values_are_masked_and_cells_escaped(repository):
    found = profile("data/people.csv")
    for text in (found.to_html(), found.to_json(), found.to_text()):
        assert "Ulm" not in text
        assert "p1@example" not in text
    assert "<b>x" not in profile(FRAME.rename(columns={"city": "town"})).to_html()


def test_a_wrong_description_is_refused(tmp_path):
    (tmp_path / "dcai.yaml").write_text("datasets: {people: {columns: {age: {descrption: x}}}}\n")
    with pytest.raises(InputError, match="There is no field of datasets.people.columns.age in dcai.yaml 'descrption'"):
        read_settings(tmp_path / "dcai.yaml")
    (tmp_path / "dcai.yaml").write_text("datasets: {people: {columns: {age: 3}}}\n")
    with pytest.raises(InputError, match=r"datasets.people.columns.age in .* must be a mapping. Got 3"):
        read_settings(tmp_path / "dcai.yaml")


def test_the_command_prints_the_record(repository):
    result = CliRunner().invoke(command, ["data/people.csv", "--json"])
    assert json.loads(result.stdout)["columns"][0]["description"] == "Years at the first visit."
    assert "Years at the first visit." in CliRunner().invoke(command, ["data/people.csv"]).stdout
