"""Pictures that a column names by the paths of their files: which texts are such paths, and whether the files are there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
MOST_BYTES = 100_000_000
NAMED_SHARE = 0.95  # of the values must end as a picture's name does,
FOUND_SHARE = 0.5  # and so many of those that were looked for must be there
TRIED = 40


def is_picture_file(text: str) -> bool:
    """Say whether a text is the path of a regular file with the ending of a picture."""
    if not text.lower().endswith(SUFFIXES) or "\x00" in text:
        return False
    path = Path(text)
    try:
        return path.is_file() and path.stat().st_size <= MOST_BYTES
    except OSError:  # a text too long for a name, or not ours to look at
        return False


def names_pictures(texts: Sequence[str]) -> bool:
    """Say whether nearly all of some texts end as the name of a picture does.

    Examples
    --------
    >>> names_pictures(["a/1.png", "a/2.JPG"]), names_pictures(["logo.png", "a word", "and another"])
    (True, False)
    """
    # A column of other texts is told by its first few: all of it is only read where these are names of pictures.
    first = islice((text for text in texts if text.strip()), TRIED)
    if not any(text.lower().endswith(SUFFIXES) for text in first):
        return False
    filled = [text for text in texts if text.strip()]
    return sum(text.lower().endswith(SUFFIXES) for text in filled) >= NAMED_SHARE * len(filled)


def finds_pictures(texts: Sequence[str]) -> bool:
    """Say whether texts are paths of pictures, relative to the working directory or absolute, of which a sample is there."""
    if not names_pictures(texts):
        return False
    distinct = sorted({text for text in texts if text.lower().endswith(SUFFIXES)})
    places = np.unique(np.linspace(0, len(distinct) - 1, min(len(distinct), TRIED)).astype(np.intp))
    return sum(is_picture_file(distinct[place]) for place in places) >= FOUND_SHARE * len(places)
