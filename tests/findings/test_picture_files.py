"""Pictures named by the paths of their files are looked at as pictures, and what is not there is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from dcai.base.kinds import kind_of
from dcai.base.pictures import finds_pictures, names_pictures
from dcai.base.table import make_table
from dcai.corrections.exhibits.cards import show_cells
from dcai.findings.features.pictures import UNREAD, Descriptor, open_picture
from dcai.findings.report import audit

ROWS = 240


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pictures")
    (made / "digits").mkdir()
    for i, pixels in enumerate(load_digits().images[:ROWS]):
        Image.fromarray(np.uint8(pixels * 15.9)).save(made / "digits" / f"{i}.png")
    return made


@pytest.fixture
def frame(folder: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.chdir(folder)
    return pd.DataFrame({"path": [f"digits/{i}.png" for i in range(ROWS)], "digit": load_digits().target[:ROWS]})


def test_paths_say_what_arrays_say(frame: pd.DataFrame) -> None:
    wrong = frame.assign(digit=frame["digit"].where(~frame.index.isin([20, 77, 130]), (frame["digit"] + 3) % 10))
    arrays = wrong.assign(path=[np.uint8(p * 15.9) for p in load_digits().images[:ROWS]])
    for given in (wrong, arrays):
        found = audit(given, "digit", detectors=["labels", "images"], progress=False)
        assert found.table.kinds["path"] == "image"
        assert {20, 77, 130} <= set(found.findings["row"])
        assert len(found.by("labels")) < ROWS / 10


def test_missing_and_broken_files_are_findings_of_images_and_tell_models_nothing(
    frame: pd.DataFrame, folder: Path
) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    frame.loc[3, "path"], frame.loc[4, "path"] = "digits/nowhere.png", "broken.png"
    found = audit(frame, "digit", detectors="images", progress=False).findings.set_index("row")
    assert "there is no such file" in found.loc[3, "reason"]
    assert "cannot be read as a picture" in found.loc[4, "reason"]
    vectors = Descriptor().fit_transform(frame["path"].tolist()[:60])
    assert not vectors[3].any()
    assert not vectors[4].any()
    assert vectors[5].any()
    assert (open_picture("digits/nowhere.png") == UNREAD).all()


def test_names_of_pictures_that_are_not_there_are_said(frame: pd.DataFrame) -> None:
    lost = frame.assign(path="elsewhere/" + frame["path"])
    found = audit(lost, "digit", detectors=["labels", "images"], progress=False)
    assert found.table.kinds["path"] == "text"
    for reason in found.checks["reason"]:
        assert "the column 'path' names pictures that are not there" in reason
        assert "read as text" in reason


def test_absolute_paths_categories_and_gaps_are_pictures_and_other_texts_are_not(
    frame: pd.DataFrame, folder: Path
) -> None:
    absolute = pd.Series([str(folder / p) for p in frame["path"]])
    assert kind_of(absolute) == "image"
    assert kind_of(absolute.where(absolute.index != 1)) == "image"
    assert kind_of(absolute.astype("category")) == "image"
    assert kind_of(pd.Series(["logo.png"] + [f"some words {i}" for i in range(99)])) == "text"
    assert not finds_pictures(["digits/0.png", "digits/0.png\x00"] * 2 + ["x" * 9999 + ".png"] * 9)
    assert names_pictures(["a.png", ""])
    assert not names_pictures([])


def test_the_card_shows_the_picture(frame: pd.DataFrame) -> None:
    (cell,) = show_cells(make_table(frame, "digit"), 0, 100)
    assert cell.kind == "image"
    assert cell.text.startswith("data:image/png;base64,")
    found = audit(frame, "digit", detectors="labels", progress=False)
    assert '<img alt="" src="data:image/png;base64,' in found.explain(0)._repr_html_()


def test_the_path_stays_the_identity(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = make_table(frame, "digit").fingerprints
    monkeypatch.chdir(tmp_path)
    assert make_table(frame, "digit").fingerprints == here
