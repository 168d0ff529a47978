"""What can be measured of a single picture: brightness, sharpness, information, shape, and hashes of what it shows.

The definitions and limits are those of CleanVision (github.com/cleanlab/cleanvision), the perceptual hash that of
ImageHash, written anew over Pillow and NumPy: the packages themselves read files only and bring plotting libraries.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash

from dcai.base.errors import shorten
from dcai.base.pictures import SUFFIXES, is_picture_file, names_pictures

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

    from dcai.base.table import Table

MOST_PIXELS = 50_000_000
LOOKED_AT = 256  # larger pictures are measured at this size
BLUR_SIDE = 64
THUMBNAIL = 192
FIRST_ROWS = 1_000  # of a column of other texts
HASH_SIDE = 8
_PERCENT = 0.01
_FLAT = 0.18  # of few grey values


class Measures(NamedTuple):
    """Measures of one picture.

    `dark` is the brightness of its brightest hundredth, `light` that of its darkest twentieth, `information` the entropy of
    its colours (1 is ten bits), `sharpness` that of its edges and grey values, `shape` the shorter side over the
    longer one, `side` the square root of its area, `pixels` a hash of its pixels and `look` a hash of what it looks like.
    """

    dark: float
    light: float
    information: float
    sharpness: float
    shape: float
    side: float
    pixels: str
    look: int


def measure(cell: object) -> Measures | None:
    """Measure a picture given as bytes, array or path; None where it cannot be read."""
    from PIL import Image

    picture = open_picture(cell)
    if picture is None:
        return None
    width, height = picture.size
    pixels = xxhash.xxh3_128_hexdigest(picture.tobytes() + f"{picture.mode}{picture.size}".encode())
    if max(width, height) > LOOKED_AT:
        picture.thumbnail((LOOKED_AT, LOOKED_AT), Image.Resampling.BOX)
    grey = picture.convert("L")
    low, high = np.percentile(_brightness(picture), [5, 99])
    return Measures(
        dark=float(high),
        light=float(low),
        information=min(0.1 * float(picture.entropy()), 1.0),
        sharpness=_sharpness(grey),
        shape=min(width / height, height / width),
        side=float(np.sqrt(width * height)),
        pixels=pixels,
        look=_hash(grey),
    )


def open_picture(cell: object) -> Image | None:
    """Open a picture as grey or red, green and blue; None where it is none, or too large."""
    from PIL import Image, UnidentifiedImageError

    try:
        if isinstance(cell, np.ndarray):
            return _flatten(Image.fromarray(_to_bytes(cell)))
        if isinstance(cell, bytes):
            source: Any = io.BytesIO(cell)
        elif isinstance(cell, str) and is_picture_file(cell):
            source = cell
        else:
            return None
        with Image.open(source) as found:
            # The header states the size before pixels are read: nobody's picture may be unpacked to gigabytes.
            if found.width * found.height > MOST_PIXELS:
                return None
            return _flatten(found)
    except (UnidentifiedImageError, OSError, ValueError, TypeError, SyntaxError, Image.DecompressionBombError):
        return None


def say_lost(table: Table) -> list[str]:
    """Name the columns that name pictures of which no file is there, so that only their names could be read."""
    lost = [
        name
        for name, kind in table.kinds.items()
        if kind in ("text", "category") and _names_pictures(table.frame[name])
    ]
    return [
        f"the column {shorten(repr(name), 60)} names pictures that are not there (looked for in {shorten(repr(str(Path.cwd())), 200)}); read as text"
        for name in lost
    ]


def _names_pictures(column: pd.Series[Any]) -> bool:
    """Say whether a column names pictures; its first rows tell one of other texts, so that not all of it is read."""
    cells = column.dropna()
    first = [v for v in cells.iloc[:FIRST_ROWS] if isinstance(v, str) and v.strip()]
    if first and not any(text.lower().endswith(SUFFIXES) for text in first):
        return False
    return names_pictures([v for v in cells.unique() if isinstance(v, str)])


def to_thumbnail(cell: object, side: int = THUMBNAIL) -> str | None:
    """Write a picture as a small data address that a browser shows; None where it cannot be read."""
    import base64

    picture = open_picture(cell)
    if picture is None:
        return None
    picture.thumbnail((side, side))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _flatten(picture: Image) -> Image:
    return picture.convert("L" if picture.mode in ("1", "L", "I", "F", "I;16") else "RGB")


def _to_bytes(cell: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Read an array of numbers as a picture: 0 to 1, 0 to 255, or from nothing to its largest number."""
    values = np.nan_to_num(cell.squeeze().astype(np.float64))
    top = float(values.max(initial=0.0))
    scale = 1.0 if cell.dtype == np.uint8 or 1 < top <= 255 else 255.0 if top <= 1 else 255.0 / top  # noqa: PLR2004 (a byte)
    return np.clip(values * scale, 0, 255).astype(np.uint8)


def _brightness(picture: Image) -> npt.NDArray[np.float64]:
    values = np.asarray(picture, dtype=np.float64) / 255
    if values.ndim == 2:  # noqa: PLR2004 (grey)
        return values
    return np.asarray(np.sqrt(values**2 @ np.array([0.241, 0.691, 0.068])))


def _sharpness(grey: Image) -> float:
    from PIL import ImageFilter, ImageStat

    ratio = max(grey.size) / BLUR_SIDE
    small = grey.resize((max(int(grey.width // ratio), 1), max(int(grey.height // ratio), 1))) if ratio > 1 else grey
    edges = float(np.sqrt(ImageStat.Stat(small.filter(ImageFilter.FIND_EDGES)).var[0]))
    spread = 1 - float(np.exp(-_PERCENT * np.std(small.histogram())))
    return min(1 - float(np.exp(-_PERCENT * edges)) + (spread if spread > _FLAT else 0.0), 1.0)


def _hash(grey: Image) -> int:
    """Hash what a picture looks like: which of its 8 x 8 slowest waves are stronger than their median."""
    from PIL import Image
    from scipy.fft import dct

    side = 4 * HASH_SIDE
    small = np.asarray(grey.resize((side, side), Image.Resampling.LANCZOS), dtype=np.float64)
    waves = dct(dct(small, axis=0), axis=1)[:HASH_SIDE, :HASH_SIDE]
    bits = (waves > np.median(waves)).ravel()
    return int(np.packbits(bits).view(">u8")[0])
