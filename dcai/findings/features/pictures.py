"""Pictures to vectors: gradients, colours, and how like each part is to the patches that are typical of the pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dcai.base.pictures import is_picture_file
from dcai.findings.features import networks
from dcai.findings.features.embeddings import Unusable

Pixels = npt.NDArray[np.float32]

SIDE = 32
MOST_PIXELS = 50_000_000
UNREAD = 0.5  # the grey of what could not be read: no picture of bytes is exactly that
DIMENSIONS = 240
ROUNDING = 1e-3  # a smaller variance is that of rounding: all pictures are equal
LEARNT_ROWS = 10_000  # main directions are learnt from at most this many pictures,
_PATCHES = 30_000  # and the typical patches from at most this many
_TYPICAL = 128
_PATCH = 6
_STRIDE = 2
_BATCH = 200


class Descriptor:
    """A description of pictures, learnt from some of them (after Coates and Ng, with histograms of gradients beside).

    Where the extra `images` is installed, and the pictures are not too many for it, what its network sees is a part too.
    """

    def fit(self, cells: Sequence[object]) -> Self:
        """Learn typical patches and main directions."""
        self.fit_transform(cells)
        return self

    def fit_transform(self, cells: Sequence[object]) -> npt.NDArray[np.float64]:
        """Learn, and return the vectors; pictures that were learnt from are described once."""
        from sklearn.decomposition import PCA

        self.network_ = _find_network() if len(cells) <= networks.MOST else None
        some = np.unique(np.linspace(0, len(cells) - 1, min(len(cells), LEARNT_ROWS)).astype(np.intp))
        shown = [cells[i] for i in some]
        self._learn_patches(np.stack([open_picture(c) for c in shown[:: max(1, len(shown) // 2000)]]))
        described = list(self._describe(shown))
        blocks = [np.vstack(part) for part in zip(*(parts for parts, _ in described), strict=True)]
        # All parts weigh the same, whatever their number of columns.
        self.scales_ = [_spread_of(float(block.var(axis=0).sum())) for block in blocks]
        joined = np.hstack([b / s for b, s in zip(blocks, self.scales_, strict=True)])
        self.directions_ = PCA(min(DIMENSIONS, *joined.shape), svd_solver="randomized", random_state=0).fit(joined)
        self.scale_ = _spread_of(float(self.directions_.explained_variance_.mean()))
        if len(some) < len(cells):
            return self.transform(cells)
        unread = np.concatenate([marks for _, marks in described])
        return _silence(self.directions_.transform(joined) / self.scale_, unread)

    def transform(self, cells: Sequence[object]) -> npt.NDArray[np.float64]:
        """Return the vectors; that of a picture that cannot be read is zero: the middle of all."""
        found = [
            _silence(
                self.directions_.transform(np.hstack([b / s for b, s in zip(blocks, self.scales_, strict=True)])),
                unread,
            )
            for blocks, unread in self._describe(cells)
        ]
        return np.asarray(np.vstack(found) / self.scale_, dtype=np.float64)

    def _describe(self, cells: Sequence[object]) -> Iterator[tuple[list[Pixels], npt.NDArray[np.bool_]]]:
        """Describe pictures part by part, and mark those that cannot be read."""
        for start in range(0, len(cells), _BATCH):
            batch = cells[start : start + _BATCH]
            pixels = np.stack([open_picture(c) for c in batch])
            parts = [describe_gradients(pixels), self._compare_patches(pixels)]
            if self.network_ is not None:
                large = np.stack([open_picture(c, networks.SIDE) for c in batch])
                parts.append(networks.see_pictures(large, self.network_))
            yield parts, np.asarray((pixels == UNREAD).all(axis=(1, 2, 3)))

    def _learn_patches(self, pixels: Pixels) -> None:
        """Learn how to whiten patches, and the middles of their clusters."""
        from sklearn.cluster import MiniBatchKMeans

        random = np.random.default_rng(0)
        which = random.integers(0, len(pixels), _PATCHES)
        down, across = random.integers(0, SIDE - _PATCH + 1, (2, _PATCHES))
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (_PATCH, _PATCH), axis=(1, 2))
        patches = _normalise(windows[which, down, across].reshape(_PATCHES, -1))
        self.middle_ = patches.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((patches - self.middle_).T))
        self.whiten_ = ((vectors / np.sqrt(np.maximum(values, 0) + 0.1)) @ vectors.T).astype(np.float32)
        white = (patches - self.middle_) @ self.whiten_
        clusters = MiniBatchKMeans(_TYPICAL, random_state=0, n_init=1, batch_size=2048, max_iter=30)
        self.typical_ = clusters.fit(white).cluster_centers_.astype(np.float32)

    def _compare_patches(self, pixels: Pixels) -> Pixels:
        """Say how much nearer than usual each quarter's patches are to each typical one."""
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (_PATCH, _PATCH), axis=(1, 2))
        windows = windows[:, ::_STRIDE, ::_STRIDE]
        n, side = windows.shape[:2]
        white = (_normalise(windows.reshape(n * side * side, -1)) - self.middle_) @ self.whiten_
        squares = (white**2).sum(axis=1, keepdims=True) - 2 * white @ self.typical_.T + (self.typical_**2).sum(axis=1)
        far = np.sqrt(np.maximum(squares, 0))
        near = np.maximum(far.mean(axis=1, keepdims=True) - far, 0).reshape(n, side, side, _TYPICAL)
        half = side // 2
        quarters = [near[:, i, j].mean(axis=(1, 2)) for i in _halves(half) for j in _halves(half)]
        return np.asarray(np.sqrt(np.hstack(quarters)), dtype=np.float32)


def _find_network() -> Mapping[str, Any] | None:
    try:
        return networks.load_network()
    except Unusable:
        return None  # the check of the labels says so


def _silence(vectors: npt.NDArray[Any], unread: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return np.asarray(np.where(unread[:, None], 0.0, vectors), dtype=np.float64)


def _spread_of(variance: float) -> float:
    return float(np.sqrt(variance)) if variance > ROUNDING else 1.0


def _halves(half: int) -> tuple[slice, slice]:
    return slice(None, half), slice(half, None)


def _normalise(patches: Pixels) -> Pixels:
    patches = patches - patches.mean(axis=1, keepdims=True)
    return np.asarray(patches / np.sqrt(patches.var(axis=1, keepdims=True) + 0.002), dtype=np.float32)


def open_picture(cell: object, side: int = SIDE) -> Pixels:
    """Decode one picture to (side, side, 3) in 0..1."""
    from PIL import Image, UnidentifiedImageError

    grey = np.full((side, side, 3), UNREAD, dtype=np.float32)
    try:
        if isinstance(cell, np.ndarray):
            image = Image.fromarray(_to_bytes(cell).squeeze())
        elif isinstance(cell, bytes):
            image = Image.open(io.BytesIO(cell))
        elif isinstance(cell, str) and is_picture_file(cell):
            image = Image.open(cell)
            if image.width * image.height <= MOST_PIXELS:
                image.draft("RGB", (2 * side, 2 * side))  # large photographs are decoded at a fraction of their size
        else:
            return grey
        # Nobody's picture may be decompressed to gigabytes: the header states the size before pixels are read.
        if image.width * image.height > MOST_PIXELS:
            return grey
        small = image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    except (UnidentifiedImageError, OSError, ValueError, TypeError, SyntaxError, Image.DecompressionBombError):
        return grey
    return np.asarray(np.asarray(small) / 255, dtype=np.float32)


def _to_bytes(cell: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Read pixels of any type: shares of 1, steps of 255, or else whatever the brightest one is."""
    if cell.dtype == np.uint8:
        return cell.astype(np.uint8)
    values = np.nan_to_num(np.asarray(cell, dtype=np.float64), posinf=0.0, neginf=0.0)
    top = float(values.max())
    unit = 1.0 if top <= 1 else max(top, 255.0)
    return np.asarray(np.clip(255 * values / unit, 0, 255), dtype=np.uint8)


def describe_gradients(pixels: Pixels) -> Pixels:
    """Histograms of gradients over 4 x 4 pixel cells, normalised in 2 x 2 blocks, and mean colours of 4 x 4 regions."""
    n, side, bins, cell = len(pixels), SIDE, 9, 4
    grey = pixels.mean(axis=3)
    down, across = np.gradient(grey, axis=1), np.gradient(grey, axis=2)
    size = np.hypot(down, across)
    angle = (np.arctan2(down, across) % np.pi) / np.pi * bins
    lower = np.floor(angle).astype(np.intp)
    share = angle - lower
    cells = side // cell
    histogram = np.zeros((n, cells, cells, bins), dtype=np.float32)
    for k in range(bins):
        part = size * np.where(lower % bins == k, 1 - share, np.where((lower + 1) % bins == k, share, 0))
        histogram[..., k] = part.reshape(n, cells, cell, cells, cell).sum(axis=(2, 4))
    blocks = np.concatenate(
        [histogram[:, i : cells - 1 + i, j : cells - 1 + j] for i in (0, 1) for j in (0, 1)], axis=3
    )
    blocks /= np.sqrt((blocks**2).sum(axis=3, keepdims=True) + 1e-3)
    colours = pixels.reshape(n, 4, side // 4, 4, side // 4, 3).mean(axis=(2, 4))
    return np.asarray(np.hstack([blocks.reshape(n, -1), 2 * colours.reshape(n, -1)]), dtype=np.float32)
