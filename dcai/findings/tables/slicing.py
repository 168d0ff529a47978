"""Groups of rows that a person can name: values of a category, ranges of a number, lengths of a text, clusters."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import shorten
from dcai.base.fingerprints import canonicals
from dcai.base.table import Table
from dcai.findings.evidence import Evidence, Unmet

Marks = npt.NDArray[np.bool_]

BINS = 5
SHORTEST_EDGE, LONGEST_EDGE = 4, 15  # digits
LARGEST = 1e100  # squares of larger numbers overflow
MOST_VALUES = 50  # of a category, the most frequent
MOST_NUMBERS = 30  # more columns of numbers than this are measurements of one thing, not groups of rows
CLUSTERS = 8
CLUSTER_ROWS = 50  # a cluster has about this many rows at least
CLUSTERED_ROWS = 20_000  # clusters are learnt from at most this many rows


class Slice(NamedTuple):
    """A group of rows: what a person would write to select it, the column that it is made of, and its rows."""

    said: str
    column: str | None
    inside: Marks


def list_slices(evidence: Evidence, fewest: int) -> tuple[list[Slice], list[str]]:
    """List the groups that have enough rows, and say what was left out."""
    if evidence.table.groups is not None:
        return _list_slices(evidence, fewest)  # its cells may change though the features do not
    packed, said, notes = evidence.recall(f"slices {fewest}", lambda: _pack_slices(evidence, fewest))
    insides = np.unpackbits(packed, axis=1, count=len(evidence.table)).view(np.bool_)
    return [Slice(*its, inside) for its, inside in zip(said, insides, strict=True)], notes


def _pack_slices(
    evidence: Evidence, fewest: int
) -> tuple[npt.NDArray[np.uint8], list[tuple[str, str | None]], list[str]]:
    """List groups with one bit for each row: so they can be kept."""
    found, notes = _list_slices(evidence, fewest)
    rows = [np.packbits(its.inside) for its in found]
    size = -(-len(evidence.table) // 8)
    return np.array(rows, dtype=np.uint8).reshape(len(found), size), [(s.said, s.column) for s in found], notes


def _list_slices(evidence: Evidence, fewest: int) -> tuple[list[Slice], list[str]]:
    found: list[Slice] = []
    notes = []
    table = evidence.table
    roles = {n: r for n, r in evidence.roles.items() if r in ("number", "category", "text")}
    numbers = [n for n, r in roles.items() if r == "number"]
    if len(numbers) > MOST_NUMBERS:
        notes.append(f"{len(numbers):,} columns of numbers were grouped together only, as clusters")
        roles = {n: r for n, r in roles.items() if r != "number"}
    if table.groups is not None:
        roles[table.groups] = "category"
    for name, role in roles.items():
        makers = {"number": _cut_numbers, "category": _take_values, "text": _cut_lengths}
        found += makers[role](name, table.frame[name])
    try:
        found += list(_cluster(evidence))
    except Unmet as reason:
        notes.append(f"no clusters: {reason}")
    size = len(table)
    return [s for s in found if fewest <= s.inside.sum() <= size - fewest], notes


def cut_column(table: Table, name: str, most: int = MOST_VALUES) -> list[Slice]:
    """Cut one column into groups, however few rows they have: of single values at most so many, the most frequent."""
    makers = {"number": _cut_numbers, "text": _cut_lengths}
    kind, column = table.kinds[name], table.frame[name]
    made = makers[kind](name, column) if kind in makers else _take_values(name, column, most)
    return [its for its in made if its.inside.any()]


def _quote(name: str) -> str:
    return f"`{shorten(name, 60)}`" if not name.isidentifier() else name


def _take_values(name: str, column: pd.Series[Any], most: int = MOST_VALUES) -> Iterator[Slice]:
    codes, values = pd.factorize(pd.Series(canonicals(column), dtype=object))
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    for code in np.argsort(-counts, kind="stable")[:most]:
        yield Slice(f"{_quote(name)} == {shorten(repr(values[code]), 60)}", name, codes == code)
    yield Slice(f"missing({_quote(name)})", name, codes < 0)


def _cut_numbers(name: str, column: pd.Series[Any]) -> Iterator[Slice]:
    from dcai.findings.features.vectors import to_numbers

    values = to_numbers(column)
    distinct = np.unique(values[~np.isnan(values)])
    if len(distinct) <= BINS:
        for value in distinct:
            yield Slice(f"{_quote(name)} == {value:.{LONGEST_EDGE}g}", name, values == value)
    else:
        yield from _cut(_quote(name), name, values)
    yield Slice(f"missing({_quote(name)})", name, np.isnan(values))


def _cut(said: str, name: str, values: npt.NDArray[np.float64]) -> Iterator[Slice]:
    """Cut numbers into ranges of about as many rows each."""
    edges = _find_edges(values)
    shown = [f"{edge:.{LONGEST_EDGE}g}" for edge in edges]
    yield Slice(f"{said} < {shown[0]}", name, values < edges[0])
    for (low, first), (high, last) in pairwise(zip(edges, shown, strict=True)):
        yield Slice(f"{first} <= {said} < {last}", name, (values >= low) & (values < high))
    yield Slice(f"{said} >= {shown[-1]}", name, values >= edges[-1])


def _find_edges(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return where ranges begin: quantiles with few digits, but as many as keep different ones apart and within the values."""
    exact = np.unique(np.nanquantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    lowest, highest = np.nanmin(values), np.nanmax(values)
    for digits in range(SHORTEST_EDGE, LONGEST_EDGE + 1):
        edges = np.unique([float(f"{edge:.{digits}g}") for edge in exact])
        if len(edges) == len(exact) and edges[0] >= lowest and edges[-1] <= highest:
            return edges
    return exact


def _cut_lengths(name: str, column: pd.Series[Any]) -> Iterator[Slice]:
    texts = canonicals(column)
    lengths = np.array([np.nan if t is None else float(len(t)) for t in texts])
    if np.isnan(lengths).all() or np.nanmin(lengths) == np.nanmax(lengths):
        return
    yield from _cut(f"len({_quote(name)})", name, lengths)


def _cluster(evidence: Evidence) -> Iterator[Slice]:
    """Group the rows by all features at once; a cluster is described by what sets it apart most."""
    if not isinstance(evidence.settings.features, np.ndarray) and "text" in evidence.roles.values():
        raise Unmet("texts have none that are easy to name")
    points = evidence.dense
    size = min(CLUSTERS, len(points) // CLUSTER_ROWS)
    if size < 2:  # noqa: PLR2004 (one cluster is the table)
        raise Unmet(f"fewer than {2 * CLUSTER_ROWS} rows")
    from sklearn.cluster import MiniBatchKMeans

    some = np.unique(np.linspace(0, len(points) - 1, min(len(points), CLUSTERED_ROWS)).astype(np.intp))
    made = MiniBatchKMeans(size, random_state=0, n_init=3).fit(points[some]).predict(points)
    for number in range(size):
        inside = made == number
        if inside.any() and not inside.all():
            yield Slice(_describe(evidence, inside, number, size), None, inside)


def _describe(evidence: Evidence, inside: Marks, number: int, size: int) -> str:
    from dcai.findings.features.vectors import to_numbers

    facts = []
    for name, role in evidence.roles.items():
        column = evidence.table.frame[name]
        if role == "number":
            values = np.clip(to_numbers(column), -LARGEST, LARGEST)
            if np.isnan(values).all():
                continue
            low, middle, high = (
                np.nanquantile(values[inside], [0.1, 0.5, 0.9]) if (~np.isnan(values[inside])).any() else (0, 0, 0)
            )
            spread = float(np.nanstd(values)) or 1.0
            gap = abs(float(middle) - float(np.nanmedian(values))) / spread
            facts.append((gap, f"{_quote(name)} mostly {low:.4g} to {high:.4g}"))
        elif role == "category":
            marks = pd.Series(canonicals(column), dtype=object)
            shares = marks[inside].value_counts(normalize=True) - marks[~inside].value_counts(normalize=True)
            if shares.notna().any():
                facts.append((2 * float(shares.max()), f"{_quote(name)} mostly {shorten(repr(shares.idxmax()), 40)}"))
    best = sorted((f for f in facts if not np.isnan(f[0])), key=lambda f: -f[0])[:2]
    what = f" ({', '.join(said for _, said in best)})" if best else ""
    return f"cluster {number + 1} of {size}{what}"
