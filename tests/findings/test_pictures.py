"""Pictures: whatever form they have, like ones lie near each other; what cannot be read is grey."""

import io

import numpy as np
import pytest
from PIL import Image

from dcai.findings.features.pictures import DIMENSIONS, Descriptor, open_picture


def draw_picture(kind, draw):
    """Draw a disc or a cross at a random place, in random colours."""
    down, across = np.mgrid[:24, :24]
    middle = draw.integers(9, 15, 2)
    far = np.abs(down - middle[0]), np.abs(across - middle[1])
    inside = np.hypot(*far) < 7 if kind else (np.minimum(*far) < 2) & (np.maximum(*far) < 8)
    back, front = draw.integers(0, 90, 3), draw.integers(150, 256, 3)
    return np.where(inside[..., None], front, back).astype(np.uint8)


@pytest.fixture(scope="module")
def pictures():
    draw = np.random.default_rng(0)
    kinds = np.arange(120) % 2
    return [draw_picture(k, draw) for k in kinds], kinds


def to_png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_a_line_parts_two_shapes_wherever_they_stand(pictures):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    cells, kinds = pictures
    found = Descriptor().fit(cells).transform(cells)
    assert found.shape == (120, min(DIMENSIONS, 120))
    assert cross_val_score(LogisticRegression(C=0.1), found, kinds).mean() > 0.95


def test_arrays_and_files_of_the_same_picture_are_the_same(pictures):
    cells, _ = pictures
    learnt = Descriptor().fit(cells)
    assert np.allclose(learnt.transform(cells[:5]), learnt.transform([to_png(p) for p in cells[:5]]))
    assert np.allclose(open_picture(cells[0]), open_picture(cells[0] / 255), atol=0.03)


def test_grey_arrays_are_pictures_too(pictures):
    grey = [p.mean(axis=2).astype(np.uint8) for p in pictures[0]]
    assert np.isfinite(Descriptor().fit(grey).transform(grey)).all()


@pytest.mark.parametrize("cell", [None, "a path", b"\x89PNG broken", b"", np.zeros((0, 0))])
def test_what_is_no_picture_is_grey(cell):
    assert (open_picture(cell) == 0.5).all()


def test_equal_pictures_and_few_of_them_are_no_obstacle():
    cells = [np.full((8, 8), 7, dtype=np.uint8)] * 3
    found = Descriptor().fit(cells).transform(cells)
    assert np.isfinite(found).all()
    assert np.allclose(found[0], found[1], atol=0.05)
