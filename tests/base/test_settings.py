"""`dcai.yaml`: read strictly, written so that what people wrote stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcai.base.errors import InputError
from dcai.base.records import Definition
from dcai.base.settings import Settings, find_settings, mark_sensitive, read_settings, write_definition

TEXT = """\
# Who answers for what.
datasets:
  pets: {file: data/pets.csv, owner: "Ada <ada@example.org>"}   # asked on Mondays
sensitive: [mail, "passport no"]
labels:
  species:
    cat:
      meaning: A small feline.  # not lions
      examples: [Tom]
      borderline: ["a lynx is none"]
    dog: Man's best friend.
    1: {meaning: an unknown animal}
artifacts: artifacts
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file as people write it."""
    path = tmp_path / "dcai.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_everything_is_read(file: Path) -> None:
    found = read_settings(file)
    assert found.datasets["pets"].owner == "Ada <ada@example.org>"
    assert found.sensitive == ("mail", "passport no")
    assert found.definitions("species") == (
        Definition("cat", "A small feline.", ["Tom"], ["a lynx is none"]),
        Definition("dog", "Man's best friend."),
        Definition(1, "an unknown animal"),
    )
    assert found.definitions("other") == found.definitions(None) == ()
    assert found.artifacts == "artifacts"
    assert find_settings(file.parent) == found


def test_a_file_that_is_not_there_or_empty_says_nothing(tmp_path: Path) -> None:
    assert find_settings(tmp_path) == Settings(tmp_path / "dcai.yaml")
    (tmp_path / "dcai.yaml").write_text("# nothing yet\n")
    assert find_settings(tmp_path).sensitive == ()


def test_writing_keeps_comments_and_everything_else(file: Path) -> None:
    settings = write_definition(read_settings(file), "species", Definition("cat", "A feline.", ["Tom", "Kitty"]))
    settings = write_definition(settings, "colour", Definition("red", "Like blood."))
    settings = mark_sensitive(settings, "name", "mail")
    text = file.read_text(encoding="utf-8")
    assert all(comment in text for comment in ("# Who answers for what.", "# asked on Mondays"))
    assert 'owner: "Ada <ada@example.org>"' in text
    assert settings.sensitive == ("mail", "passport no", "name")
    assert settings.definitions("species")[0] == Definition("cat", "A feline.", ["Tom", "Kitty"])
    assert settings.definitions("species")[1:] == read_settings(file).definitions("species")[1:]
    assert settings == read_settings(file)


def test_the_version_names_what_is_meant_and_not_how_it_is_written(file: Path) -> None:
    before = read_settings(file)
    file.write_text(TEXT.replace("# not lions", "# nor tigers").replace("[Tom]", "\n      - Tom"), encoding="utf-8")
    assert read_settings(file).version("species") == before.version("species") != ""
    file.write_text(TEXT.replace("[Tom]", "[Tim]"), encoding="utf-8")
    assert read_settings(file).version("species") != before.version("species")
    assert before.version("colour") == before.version(None) == ""


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])),
    st.sampled_from(["cat", "yes", "no", "1", "~", 1, True, 0.5]),
)
def test_any_text_can_be_defined(tmp_path_factory: pytest.TempPathFactory, text: str, name: object) -> None:
    settings = Settings(tmp_path_factory.mktemp("any") / "dcai.yaml")
    wanted = Definition(name, text, [text or "x"], [])  # type: ignore[arg-type]
    assert write_definition(settings, "y", wanted).definitions("y") == (wanted,)
    assert read_settings(settings.path).definitions("y") == (wanted,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "the file in .* must be a mapping"),
        ("sensitiv: [mail]", "no field of dcai.yaml 'sensitiv'. Did you mean 'sensitive'"),
        ("sensitive: mail", "sensitive in .* must be a list of texts. Got 'mail'"),
        ("sensitive: [1]", "sensitive in .* must be a text. Got 1 instead. Put it in quotes"),
        ("datasets: {pets: {owners: x}}", "no field of datasets.pets in dcai.yaml 'owners'. Did you mean 'owner'"),
        ("datasets: [pets]", "datasets in .* must be a mapping"),
        ("labels: {y: {cat: {meaning: 1}}}", "labels.y.cat.meaning in .* must be a text"),
        ("labels: {y: {cat: {mean: x}}}", "no field of labels.y.cat in dcai.yaml 'mean'"),
        ("labels: {y: {2020-01-01: x}}", "a class of labels.y in .* must be a text or a number"),
        ("artifacts: [s3]", "artifacts in .* must be a text"),
        ("a: [", "dcai.yaml, line 1 is not valid YAML"),
        ("a: !!python/object/apply:os.system [x]", "no field of dcai.yaml 'a'"),
    ],
)
def test_what_is_wrong_is_said_and_never_written_over(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "dcai.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_settings(path)
    with pytest.raises(InputError, match=message):
        mark_sensitive(Settings(path), "mail")
    assert path.read_text() == text
