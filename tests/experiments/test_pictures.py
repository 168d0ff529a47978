"""Pictures and vectors of numbers are compared too: what changed in them is named, and nothing where nothing did."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dcai.base.errors import InputError
from dcai.experiments.batches.picture_shifts import read_vectors
from dcai.experiments.shifts import drift


def draw_pictures(rows, seed, *, bright=0.0, side=24, cross=False):
    """Draw noisy pictures of a bar that lies or, with `cross`, stands, as PNG files."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(rows):
        pixels = random.normal(0.4 + bright, 0.08, (side, side))
        place = random.integers(4, side - 6)
        if cross:
            pixels[:, place : place + 3] += 0.4
        else:
            pixels[place : place + 3] += 0.4
        file = io.BytesIO()
        Image.fromarray((255 * np.clip(pixels, 0, 1)).astype(np.uint8)).save(file, "PNG")
        made.append(file.getvalue())
    return pd.DataFrame({"photo": made, "size": random.normal(size=rows)})


def draw_vectors(rows, seed, shift=0.0, width=16):
    random = np.random.default_rng(seed)
    return pd.DataFrame({"vector": list(random.normal(size=(rows, width)) + shift * (np.arange(width) == 3))})


@pytest.fixture(scope="module")
def photos():
    return draw_pictures(160, 0)


def said(found, detector):
    its = found.findings[found.findings["detector"] == detector]
    return " ".join(its["reason"])


def test_pictures_of_the_same_source_are_no_drift(photos):
    found = drift(photos, draw_pictures(160, 1))
    assert not found.drifted, found.to_text()
    assert (found.tests["check"] == "images").sum() >= 3
    assert "photo" not in " ".join(found.checks["reason"])


def test_darker_and_larger_pictures_are_named(photos):
    assert "'photo' have another brightness" in said(drift(photos, draw_pictures(160, 1, bright=-0.2)), "images")
    assert "'photo' have another size" in said(drift(photos, draw_pictures(160, 1, side=48)), "images")


def test_pictures_that_show_something_else_are_told_apart(photos):
    found = drift(photos, draw_pictures(160, 1, cross=True))
    assert "The pictures of 'photo' can be told from the reference's in" in said(found, "images")
    with pytest.raises(InputError, match=r"The column 'photo' holds pictures, whose values are not drawn\."):
        found.chart("photo")
    assert "told from the reference" in found.to_html()


def test_broken_files_are_counted(photos):
    broken = draw_pictures(160, 1)
    broken.loc[:39, "photo"] = broken.loc[:39, "photo"].map(lambda file: file[:40])
    text = said(drift(photos, broken), "unreadable")
    assert text == "25.0 % of the pictures of 'photo' cannot be read, in the reference 0 %." or "25" in text


def test_few_pictures_are_said(photos):
    found = drift(photos, draw_pictures(10, 1))
    assert "fewer than 20 pictures that can be read" in " ".join(found.checks["reason"])


def test_vectors_are_compared():
    one = draw_vectors(200, 0)
    assert not drift(one, draw_vectors(200, 1)).drifted
    assert "The vectors of 'vector' can be told from" in said(drift(one, draw_vectors(200, 1, 1.0)), "vectors")
    longer = draw_vectors(200, 1).map(lambda v: 2 * v)
    assert "have another length" in said(drift(one, longer), "vectors")
    assert "hold 8 numbers, in the reference 16" in said(drift(one, draw_vectors(200, 1, width=8)), "vectors")


def test_cells_that_are_neither_are_said():
    one = pd.DataFrame({"x": [{"a": i} for i in range(40)], "y": range(40)})
    found = drift(one, one)
    assert "neither values, pictures nor vectors of numbers" in " ".join(found.checks["reason"])
    assert read_vectors(pd.Series([[1.0, np.nan]])) is None
    assert read_vectors(pd.Series([["a"], ["b"]])) is None
