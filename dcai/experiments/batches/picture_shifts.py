"""How pictures, and vectors of numbers, changed: by what can be measured of each, and by a classifier of the two batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.display import show_share
from dcai.experiments.batches.divergences import Floats, compare_numbers, compare_shares, tell_apart
from dcai.experiments.batches.trials import Batches, Trial
from dcai.findings.tables.imagery import Measures, measure
from dcai.findings.wording import count

MOST = 1_000  # pictures or vectors of each side
FEWEST = 20  # of each side, half to learn from and half to judge
NUMBER, APART, LOST = (
    0.1,
    0.05,
    0.02,
)  # in standard deviations, of the area under the curve beyond a coin's, of the cells
_WORDS: dict[str, Callable[[Measures], float]] = {
    "brightness": lambda m: (m.dark + m.light) / 2,
    "sharpness": lambda m: m.sharpness,
    "shorter side over the longer one": lambda m: m.shape,
    "size (square root of the pixels)": lambda m: m.side,
}


def compare_pictures(
    batches: Batches, name: str, before: pd.Series[Any], now: pd.Series[Any], left: dict[str, list[str]]
) -> Iterator[Trial]:
    """Compare what can be measured of each picture, then let a classifier tell the two batches apart by what they show."""
    some = [_thin(column, batches.seed) for column in (before, now)]
    measured = [[measure(cell) for cell in column] for column in some]
    lost = [np.array([m is None for m in its], dtype=np.bool_) for its in measured]
    if lost[0].any() or lost[1].any():
        found = compare_shares(int(lost[0].sum()), len(lost[0]), int(lost[1].sum()), len(lost[1]))
        shares = [show_share(float(its.mean())) for its in lost]
        text = f"{shares[1]} of the pictures of {name!r} cannot be read, in the reference {shares[0]}."
        yield Trial("unreadable", name, text, found.p, found.effect, LOST, found.test, found.measure)
    seen = [column[~gone] for column, gone in zip(some, lost, strict=True)]
    if min(map(len, seen)) < FEWEST:
        left.setdefault(f"fewer than {FEWEST} pictures that can be read in one of the two", []).append(name)
        return
    yield from _compare_measures(name, [[m for m in its if m is not None] for its in measured])
    yield _compare_looks(
        batches,
        name,
        [column.to_frame(name) for column in seen],
        {name: "image"},
        f"The pictures of {name!r}",
        "images",
    )


def _compare_measures(name: str, measured: list[list[Measures]]) -> Iterator[Trial]:
    for what, read in _WORDS.items():
        one, other = (np.array([read(m) for m in its]) for its in measured)
        if np.ptp(np.concatenate([one, other])) == 0:
            continue
        found = compare_numbers(one, other)
        medians = [f"{float(np.median(values)):.3g}" for values in (one, other)]
        text = (
            f"The pictures of {name!r} have another {what}: the median is {medians[1]}, in the reference {medians[0]}."
        )
        yield Trial("images", name, text, found.p, found.effect, NUMBER, found.test, found.measure)


def compare_vectors(
    batches: Batches, name: str, before: pd.Series[Any], now: pd.Series[Any], left: dict[str, list[str]]
) -> Iterator[Trial]:
    """Compare vectors of numbers, such as embeddings, by their lengths and by a classifier of the two batches."""
    matrices = [read_vectors(_thin(column, batches.seed)) for column in (before, now)]
    one, other = matrices
    if one is None or other is None:
        left.setdefault("their cells are neither values, pictures nor vectors of numbers", []).append(name)
        return
    if one.shape[1] != other.shape[1]:
        text = f"The vectors of {name!r} hold {count(other.shape[1], 'number')}, in the reference {one.shape[1]:,}."
        yield Trial("vectors", name, text)
        return
    if min(len(one), len(other)) < FEWEST:
        left.setdefault(f"fewer than {FEWEST} vectors in one of the two", []).append(name)
        return
    names = [f"{i}" for i in range(one.shape[1])]
    frames = [pd.DataFrame(matrix, columns=names) for matrix in (one, other)]
    lengths = [np.asarray(np.linalg.norm(matrix, axis=1)) for matrix in (one, other)]
    found = compare_numbers(*lengths)
    medians = [f"{float(np.median(values)):.3g}" for values in lengths]
    text = f"The vectors of {name!r} have another length: the median is {medians[1]}, in the reference {medians[0]}."
    yield Trial("vectors", name, text, found.p, found.effect, NUMBER, found.test, found.measure)
    yield _compare_looks(batches, name, frames, dict.fromkeys(names, "number"), f"The vectors of {name!r}", "vectors")


def read_vectors(column: pd.Series[Any]) -> Floats | None:
    """Read cells as the rows of a matrix; None where they are not vectors of as many finite numbers each.

    Examples
    --------
    >>> read_vectors(pd.Series([[1, 2], (3, 4.5)])).tolist()
    [[1.0, 2.0], [3.0, 4.5]]
    >>> read_vectors(pd.Series([[1, 2], [3]])) is None
    True
    """
    cells = list(column)
    if (
        not all(isinstance(cell, (list, tuple, np.ndarray)) for cell in cells)
        or len({len(cell) for cell in cells}) != 1
    ):
        return None
    try:
        matrix = np.asarray([np.asarray(cell, dtype=np.float64) for cell in cells])
    except (TypeError, ValueError):
        return None
    flat = matrix.ndim == 2 and matrix.shape[1] > 0  # noqa: PLR2004 (a row of numbers for each cell)
    return matrix if flat and np.isfinite(matrix).all() else None


def _compare_looks(
    batches: Batches, name: str, frames: list[pd.DataFrame], roles: dict[str, str], what: str, check: str
) -> Trial:
    p, area = tell_apart(frames[0], frames[1], lambda: _make_reader(roles), batches.seed)
    return Trial(
        check, name, f"{what} can be told from the reference's in {show_share(area)} of pairs (a coin: 50 %).",
        p, max(area - 0.5, 0.0), APART, "classifier of the two", "area under the curve beyond a coin's",
    )  # fmt: skip


def _make_reader(roles: dict[str, str]) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from dcai.findings.features.vectors import Vectoriser

    return make_pipeline(Vectoriser(roles), LogisticRegression(C=0.01, max_iter=300))


def _thin(column: pd.Series[Any], seed: int) -> pd.Series[Any]:
    if len(column) <= MOST:
        return column
    return column.iloc[np.sort(np.random.default_rng(seed).permutation(len(column))[:MOST])]
