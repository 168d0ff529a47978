"""Orders of rows: whether where a row stands, in the file or in time, says something about what is in it.

All statistics are compared with what the same rows give in a random order: by permutations, or by their known mean and spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import canonicals

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

NEIGHBOURS = 5
PERMUTATIONS = 200
SAMPLE_ROWS = 3_000
RUNS = 30  # stretches of neighbouring rows that a large table is sampled by
WORDS = 2**12
DIRECTIONS = 32
DATED_SHARE = 0.95
_ISO = r"\d{4}-\d{2}-\d{2}"


class Alike(NamedTuple):
    """How far apart the rows that are most alike stand, in rows; what a random order gives; deviations from that."""

    apart: float
    usual: float
    z: float


class Trend(NamedTuple):
    """How one column depends on the order.

    `tie` is the dependence of neighbours, 0 for none and 1 for full; `z` its deviations from chance; `slope` the rank
    correlation with the place (0 for names); `sorted` says that the column comes in order, or each name in one stretch.
    """

    column: str
    tie: float
    z: float
    slope: float
    sorted: bool


def sample_runs(order: Rows) -> Rows:
    """Choose rows of an order: all of few, else stretches of neighbours spread evenly over it."""
    if len(order) <= SAMPLE_ROWS:
        return order
    size = SAMPLE_ROWS // RUNS
    starts = np.linspace(0, len(order) - size, RUNS).astype(np.intp)
    return order[np.unique((starts[:, None] + np.arange(size)).ravel())]


def compare_distances(points: Floats, places: Rows) -> Alike:
    """Compare the distance in the order between rows that are most alike with that of the same rows shuffled.

    Points must stand in an order that has nothing to do with `places`, or ties would be broken by it.
    """
    from sklearn.neighbors import NearestNeighbors

    size = min(NEIGHBOURS, len(points) - 1)
    near = NearestNeighbors(n_neighbors=size + 1).fit(points).kneighbors(points, return_distance=False)
    own = near == np.arange(len(points))[:, None]  # a row is not its own neighbour: found by its number, not its place
    own[~own.any(axis=1), -1] = True
    near = near[~own].reshape(len(points), size)
    rank = np.empty(len(places), dtype=np.int64)
    rank[np.argsort(places, kind="stable")] = np.arange(len(places))
    draw = np.random.default_rng(0)
    found = float(np.abs(rank[near] - rank[:, None]).mean())
    chance = []
    for _ in range(PERMUTATIONS):
        mixed = draw.permutation(len(rank))
        chance.append(float(np.abs(mixed[near] - mixed[:, None]).mean()))
    return Alike(found, float(np.mean(chance)), (found - float(np.mean(chance))) / max(float(np.std(chance)), 1e-9))


def project(matrix: Any) -> Floats:
    """Compress a sparse matrix by fixed random directions: distances stay, roughly."""
    directions = np.random.default_rng(0).normal(size=(matrix.shape[1], DIRECTIONS)) / np.sqrt(DIRECTIONS)
    return np.asarray(matrix @ directions)


def make_points(frame: pd.DataFrame, roles: dict[str, str]) -> Floats:
    """Make vectors of rows that are cheap and good enough to say which are alike."""
    from scipy import sparse
    from sklearn.feature_extraction.text import HashingVectorizer

    from dcai.findings.features.vectors import Vectoriser

    parts = []
    others = {name: role for name, role in roles.items() if role != "text"}
    if others:
        made = Vectoriser(others).fit_transform(frame)
        parts.append(project(made) if sparse.issparse(made) else np.asarray(made, dtype=np.float64))
    for name in roles:
        if name not in others:
            texts = ["" if t is None else t for t in canonicals(frame[name])]
            parts.append(project(HashingVectorizer(n_features=WORDS, alternate_sign=False).transform(texts)))
    return np.hstack(parts)


def read_times(column: pd.Series[Any]) -> Floats | None:
    """Read dates, or texts that are dates, as seconds; None where they are none."""
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        cells = column.dropna()
        if not len(cells) or not all(isinstance(v, str) for v in cells.head(100)):
            return None
        texts = cells.astype(str)
        if texts.head(100).str.match(_ISO).mean() < DATED_SHARE:
            return None
    times = pd.to_datetime(column, errors="coerce", utc=True, format=None if column.dtype.kind == "M" else "ISO8601")
    if times.notna().mean() < DATED_SHARE:
        return None
    return np.asarray((times - pd.Timestamp("2000-01-01", tz="UTC")).dt.total_seconds().to_numpy(dtype=np.float64))


def correlate(values: Floats, places: Floats) -> float:
    """Return the rank correlation of two columns of numbers, 0 where one of them is constant."""
    from scipy.stats import rankdata

    known = ~np.isnan(values)
    a, b = rankdata(values[known]), rankdata(places[known])
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:  # noqa: PLR2004 (two points are always on a line)
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def judge_numbers(name: str, values: Floats, starts: npt.NDArray[np.bool_]) -> Trend | None:
    """Compare neighbouring numbers by Bartels' rank version of von Neumann's ratio; `starts` marks rows without one before."""
    from scipy.stats import rankdata

    known = ~np.isnan(values)
    if known.sum() < len(values) / 2 or values[known].min() == values[known].max():
        return None
    ranks = np.where(known, 0.0, np.nan)
    ranks[known] = rankdata(values[known])
    steps = np.diff(ranks)[~starts[1:]]
    steps = steps[~np.isnan(steps)]
    if not len(steps):
        return None
    tie = 1 - float((steps**2).mean()) / (2 * float(np.nanvar(ranks)))
    slope = correlate(values, np.arange(len(values), dtype=np.float64))
    return Trend(name, tie, tie * np.sqrt(len(steps)), slope, abs(slope) > 0.98)  # noqa: PLR2004 (in order but for a few)


def judge_names(name: str, codes: Rows, starts: npt.NDArray[np.bool_]) -> Trend | None:
    """Compare how often neighbours have the same value with how often two rows have."""
    known = codes >= 0
    counts = np.bincount(codes[known])
    if known.sum() < len(codes) / 2 or (counts > 0).sum() < 2 or counts.max() == 1:  # noqa: PLR2004 (one value says nothing)
        return None
    shares = counts / counts.sum()
    usual = float((shares**2).sum())
    inside = ~starts[1:] & known[1:] & known[:-1]
    same = (codes[1:] == codes[:-1])[inside]
    if not len(same) or usual >= 1:
        return None
    found = float(same.mean())
    held = codes[known]
    whole = int((held[1:] != held[:-1]).sum()) < (counts > 0).sum()
    spread = np.sqrt(usual * (1 - usual) / len(same))
    return Trend(name, (found - usual) / (1 - usual), (found - usual) / max(spread, 1e-9), 0.0, whole)


def judge_columns(frame: pd.DataFrame, kinds: Sequence[tuple[str, str]], starts: npt.NDArray[np.bool_]) -> list[Trend]:
    """Judge the columns of a frame whose rows stand in the order in question."""
    from dcai.findings.features.vectors import to_numbers

    found = []
    for name, kind in kinds:
        if kind == "number":
            trend = judge_numbers(name, to_numbers(frame[name]), starts)
        else:
            codes = pd.factorize(pd.Series(canonicals(frame[name]), dtype=object))[0]
            trend = judge_names(name, np.asarray(codes, dtype=np.intp), starts)
        if trend is not None:
            found.append(trend)
    return sorted(found, key=lambda t: (-t.z, t.column))
