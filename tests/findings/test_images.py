"""Pictures: planted faults are found in bytes, arrays and files; ordinary ones give nothing."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter, ImageOps

from dcai.findings.report import audit
from dcai.findings.tables.imagery import measure, open_picture


def scene(seed, width=64, height=64):
    """A picture of soft and sharp shapes in many colours."""
    draw = np.random.default_rng(seed)
    pixels = draw.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    picture = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)).astype(int)
    return np.clip(picture + draw.integers(-20, 21, picture.shape), 0, 255).astype(np.uint8)


def dark(pixels):
    return (pixels * 0.1).astype(np.uint8)


def bright(pixels):
    return (255 - pixels * 0.03).astype(np.uint8)


def blurred(pixels):
    return np.asarray(ImageOps.autocontrast(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(3))))


def flat(pixels):
    return np.full_like(pixels, 120)


def to_bytes(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def as_bytes(pictures, _):
    return [to_bytes(p) for p in pictures]


def as_arrays(pictures, _):
    return [p.astype(np.float64) / 255 for p in pictures]


def as_paths(pictures, folder):
    paths = [folder / f"{i}.png" for i in range(len(pictures))]
    for path, pixels in zip(paths, pictures, strict=True):
        path.write_bytes(to_bytes(pixels))
    return [str(p) for p in paths]


def judge(cells, **more):
    frame = pd.DataFrame({"picture": pd.Series(cells, dtype=object), **more})
    return audit(frame, "label" if "label" in more else None, detectors="images", progress=False)


FAULTS = {"dark": dark, "too bright": bright, "blurred": blurred, "almost of one colour": flat}


@pytest.mark.parametrize("write", [as_bytes, as_arrays, as_paths])
def test_planted_faults_are_found(write, tmp_path):
    pictures = [scene(i) for i in range(60)]
    for row, fault in zip((5, 15, 25, 35), FAULTS.values(), strict=True):
        pictures[row] = fault(pictures[row])
    pictures[45] = scene(45, 200, 50)
    pictures[55] = pictures[3]
    found = judge(write(pictures, tmp_path)).findings.set_index("row")["reason"]
    assert set(found.index) - {3, 55} == {5, 15, 25, 35, 45}
    for row, said in zip((5, 15, 25, 35), FAULTS, strict=True):
        assert f"it is {said}" in found[row]
    assert "it is of an odd shape" in found[45]
    assert "it is of another size than most" in found[45]
    again = (set(found.index) & {3, 55}).pop()  # of two equal ones, either may stand first
    assert "it equals, pixel by pixel, that of 1 other row" in found[again]


def test_a_picture_saved_anew_looks_the_same_and_its_label_is_told():
    pictures = [scene(i) for i in range(30)]
    cells = as_bytes(pictures, None)
    stream = io.BytesIO()
    Image.fromarray(pictures[7]).save(stream, "JPEG", quality=85)
    cells[20] = stream.getvalue()
    label = ["cat", "dog"] * 15
    label[20] = "dog" if label[7] == "cat" else "cat"
    found = judge(cells, label=label).findings
    assert len(found) == 1
    assert {found["row"].item(), *found["peers"].item()} == {7, 20}
    assert (
        found["reason"].item()
        == "About the picture: it looks almost the same as that of 1 other row, 1 of them with another label."
    )


def test_what_is_no_picture_is_said():
    cells = as_bytes([scene(i) for i in range(30)], None)
    cells[4] = cells[4][:60]
    found = judge(cells).findings
    assert found["row"].tolist() == [4]
    assert found["reason"].item() == "About the picture: it cannot be read as a picture."


def test_ordinary_pictures_give_nothing():
    assert not len(judge(as_bytes([scene(i) for i in range(100)], None)))


def test_what_most_pictures_are_is_said_and_not_listed():
    found = judge(as_bytes([dark(scene(i)) if i % 3 else scene(i) for i in range(60)], None))
    assert not len(found)
    assert (
        "60 pictures of 'picture'; not listed, for so many are: dark: hardly a pixel is bright (67 %)"
        in found.checks["reason"].item()
    )


def test_texts_are_opened_only_where_they_name_files_of_pictures(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("x", encoding="utf-8")
    for cells in (
        [str(secret)] * 40,
        [str(tmp_path)] * 40,
        ["gone.png"] * 40,
        ["a\x00b.png"] * 40,
        ["x" * 5000 + ".png"] * 40,
    ):
        check = judge(cells).checks.iloc[0]
        assert check["status"] == "skipped"
        assert "no column of pictures" in check["reason"]


def test_measures_of_known_pictures():
    black, white = np.zeros((10, 20), np.uint8), np.full((10, 20), 255, np.uint8)
    assert measure(black)[:3] == (0.0, 0.0, 0.0)
    assert measure(white)[:2] == (1.0, 1.0)
    assert measure(white).shape == 0.5
    assert measure(white).side == pytest.approx(np.sqrt(200))
    halves = np.repeat(np.array([[0, 255]], np.uint8), 50, axis=0).repeat(50, axis=1)
    assert measure(halves).information == pytest.approx(0.1)  # one bit
    assert measure(halves / 255.0) == measure(halves)
    assert open_picture(3) is None
    assert open_picture(b"no picture") is None
