"""The first pass over the data: what each row and each column is, as far as it can be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dcai.base.fingerprints import canonical
from dcai.findings.cells.placeholders import COMPLETE_SHARE, SENTINELS
from dcai.findings.labels.classes import mark_class
from dcai.findings.streaming.digests import Digester, Digests, Numbers, mix, number_cells, read_numbers
from dcai.findings.streaming.sources import Source
from dcai.findings.streaming.stretches import Stretch, split_source
from dcai.findings.workers import count_workers, has_workers, spread

Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

MOST_CLASSES = 10_000  # distinct labels beyond this many are no classes
MOST_PLACES = 100_000  # of one sentinel of a column are kept
_SENTINELS = np.array(SENTINELS)


@dataclass(eq=False)
class Tally:
    """What the first pass counts of a column of numbers.

    Attributes
    ----------
    empty : int
        The cells without a value.
    empty_rows : list of arrays
        Where they stand, as long as they are so few that a value was expected there.
    low, high : float
        The smallest and the largest number that is no sentinel.
    others : int
        How many those are.
    sentinels : dict of number to list of arrays
        Where each of the numbers stands that often stand for nothing.
    infinite : list of arrays
        Where infinite numbers stand.
    """

    empty: int = 0
    empty_rows: list[Rows] | None = field(default_factory=list)
    low: float = np.inf
    high: float = -np.inf
    others: int = 0
    counts: dict[float, int] = field(default_factory=dict)
    sentinels: dict[float, list[Rows]] = field(default_factory=dict)
    infinite: list[Rows] = field(default_factory=list)

    def add(self, start: int, values: npt.NDArray[np.generic], empty: npt.NDArray[np.bool_] | None, most: int) -> None:
        """Count one batch that begins at a row; keep at most so many rows of empty cells."""
        known = values if empty is None else values[~empty]
        if empty is not None:
            self.add_empty(start, empty, most)
        if known.dtype.kind == "f" and len(known):
            low, high = known.min(), known.max()
            if not np.isfinite(low) or not np.isfinite(high):
                places = np.flatnonzero(np.isinf(values.astype(np.float64)))
                self.infinite.append(start + places[: max(MOST_PLACES - sum(map(len, self.infinite)), 0)])
                known = known[np.isfinite(known)]
        if not len(known):
            return
        # Few columns hold whole numbers among fractions: only those can be a sentinel.
        whole = np.flatnonzero(known == np.rint(known)) if known.dtype.kind == "f" else np.arange(len(known))
        marked = np.zeros(0, dtype=np.intp)
        if len(whole):
            marked = whole[np.isin(known[whole].astype(np.float64), _SENTINELS)]
        if len(marked):
            self._add_sentinels(start, known, marked, empty)
            known = np.delete(known, marked)
        if len(known):
            self.low, self.high = min(self.low, float(known.min())), max(self.high, float(known.max()))
            self.others += len(known)

    def add_empty(self, start: int, empty: npt.NDArray[np.bool_], most: int) -> None:
        """Count the empty cells of one batch."""
        self.empty += int(empty.sum())
        if self.empty > most:
            self.empty_rows = None
        elif self.empty_rows is not None:
            self.empty_rows.append(start + np.flatnonzero(empty))

    def join(self, later: Tally, most: int) -> None:
        """Add what was counted of rows that follow; keep at most so many rows of empty cells."""
        self.empty += later.empty
        if self.empty_rows is None or later.empty_rows is None or self.empty > most:
            self.empty_rows = None
        else:
            self.empty_rows += later.empty_rows
        for value, times in later.counts.items():
            before = self.counts.get(value, 0)
            self.counts[value] = before + times
            if before < MOST_PLACES:
                kept = np.concatenate(later.sentinels[value])[: MOST_PLACES - before]
                self.sentinels.setdefault(value, []).append(kept)
        for places in later.infinite:
            self.infinite.append(places[: max(MOST_PLACES - sum(map(len, self.infinite)), 0)])
        self.low, self.high = min(self.low, later.low), max(self.high, later.high)
        self.others += later.others

    def _add_sentinels(
        self, start: int, known: npt.NDArray[np.generic], marked: Rows, empty: npt.NDArray[np.bool_] | None
    ) -> None:
        places = np.arange(len(known)) if empty is None else np.flatnonzero(~empty)
        values = known[marked].astype(np.float64)
        for value in np.unique(values).tolist():
            its = places[marked[values == value]]
            before = self.counts.get(value, 0)
            self.counts[value] = before + len(its)
            if before < MOST_PLACES:
                self.sentinels.setdefault(value, []).append(start + its[: MOST_PLACES - before])


@dataclass(eq=False)
class Survey:
    """The rows as digests and classes, the columns as tallies.

    Attributes
    ----------
    features, others, keys : array of uint64, shape (n,)
        The digest of each row over its features, over the columns that are neither feature, label nor key, and over
        the key; `others` and `keys` are None where there are none.
    labels : array of int32, shape (n,), or None
        The number of each row's label among `names`, -1 for none; None where there is no label, or no few of them.
    names : list
        The distinct labels, as Python has them.
    tallies : dict of str to Tally
        What was counted of each column of numbers.
    label_digests : array of uint64, shape (n,), or None
        The digest of each label, where there are too many different ones to number.
    """

    features: Digests
    others: Digests | None
    keys: Digests | None
    labels: Codes | None
    names: list[object]
    tallies: dict[str, Tally]
    label_digests: Digests | None = None

    @cached_property
    def content(self) -> Digests:
        """The digest of each row over all columns but the key."""
        found = self.features.copy()
        if self.others is not None:
            found += self.others
        if self.labels is not None:
            digester = Digester()
            texts = pa.array([canonical(v) for v in self.names] + [None], type=pa.string())
            found += digester.digest("label", texts)[self.labels]
        elif self.label_digests is not None:
            found += self.label_digests
        return found

    @cached_property
    def whole(self) -> Digests:
        """The digest of each row over all columns."""
        return self.content if self.keys is None else self.content + self.keys

    @cached_property
    def like_features(self) -> Rows:
        """The rows that look equal to others in all features, in rising order."""
        return find_repeated(self.features)

    @cached_property
    def like_content(self) -> Rows:
        """The rows that look equal to others in all columns but the key: some of those that do in all features."""
        return self.like_features[find_repeated(self.content[self.like_features])]

    @cached_property
    def like_whole(self) -> Rows:
        """The rows that look equal to others in all columns: some of those that do in all but the key."""
        return self.like_content[find_repeated(self.whole[self.like_content])]


class LabelNumbers:
    """Numbers labels as they come; gives up where they are too many to be classes."""

    def __init__(self) -> None:
        self.names: list[object] = []
        self._places: dict[object, int] = {}
        self.too_many = False

    def number(self, column: pa.Array) -> Codes:
        """Return the number of each label of a batch, -1 for none."""
        codes, distinct = number_cells(column)
        return self.join(distinct)[codes]

    def join(self, distinct: Sequence[object]) -> Codes:
        """Return the number of each of these labels, and as the last that of none, -1."""
        places = np.full(len(distinct) + 1, -1, dtype=np.int32)
        for place, cell in enumerate(distinct):
            if mark_class(cell) is None:
                continue
            mark = (type(cell), cell)
            if mark not in self._places:
                if len(self.names) >= MOST_CLASSES:
                    self.too_many = True
                    continue
                self._places[mark] = len(self.names)
                self.names.append(cell)
            places[place] = self._places[mark]
        return places


class Asked(NamedTuple):
    """What the first pass is to look at; see `survey_source`."""

    source: Source
    features: Sequence[str]
    label: str | None
    key: Sequence[str]
    others: Sequence[str]

    @property
    def parts(self) -> tuple[tuple[str, Sequence[str]], ...]:
        """The columns, by what they are."""
        return ("features", self.features), ("others", self.others), ("keys", self.key)

    @property
    def most(self) -> int:
        """How many empty cells are kept of a column."""
        return int((1 - COMPLETE_SHARE) * len(self.source)) + 1


def survey_source(
    source: Source,
    features: Sequence[str],
    label: str | None,
    key: Sequence[str],
    others: Sequence[str],
    tell: Callable[[int], None],
) -> Survey:
    """Read all rows once.

    Parameters
    ----------
    source : Source
        The data.
    features, key, others : sequence of str
        The columns that models see, those that identify a row, and the rest without the label.
    label : str or None
        The label column.
    tell : callable
        Told how many rows are read.
    """
    asked = Asked(source, features, label, key, others)
    if has_workers():
        stretches = split_source(source, count_workers())
        survey, too_many = _join_surveys(asked, spread(_survey_stretch, asked, stretches), stretches, tell)
    else:
        survey, too_many = _survey_rows(asked, Stretch(range(len(source.groups)), 0, len(source)), tell)
    if too_many and label is not None:
        survey.labels = None
        survey.label_digests = digest_whole(source, label)
    return survey


def _survey_stretch(asked: Asked, stretch: Stretch) -> tuple[Survey, bool]:
    """Read a stretch in a worker."""
    return _survey_rows(asked, stretch, lambda _: None)


def _survey_rows(asked: Asked, stretch: Stretch, tell: Callable[[int], None]) -> tuple[Survey, bool]:
    """Read the rows of a stretch; also return whether there are too many different labels."""
    size = stretch.end - stretch.start
    digester, numbers = Digester(), LabelNumbers()
    arrays = {
        what: np.zeros(size, dtype=np.uint64) if names or what == "features" else None for what, names in asked.parts
    }
    labels = None if asked.label is None else np.full(size, -1, dtype=np.int32)
    tallies: dict[str, Tally] = {}
    for start, batch in asked.source.read_batches(groups=stretch.groups):
        its = slice(start - stretch.start, start - stretch.start + batch.num_rows)
        for what, names in asked.parts:
            for name in names:
                column = batch.column(name)
                total, read = arrays[what], read_numbers(column)
                if total is not None:
                    total[its] += digester.digest(name, column, read)
                if what == "features" and read is not None:
                    _tally(tallies, name, column, read, start, asked.most)
        if labels is not None and asked.label is not None and not numbers.too_many:
            labels[its] = numbers.number(batch.column(asked.label))
        tell(start + batch.num_rows)
    features_of = arrays["features"]
    assert features_of is not None
    survey = Survey(features_of, arrays["others"], arrays["keys"], labels, numbers.names, tallies)
    return survey, numbers.too_many


def _join_surveys(
    asked: Asked, parts: Iterable[tuple[Survey, bool]], stretches: Sequence[Stretch], tell: Callable[[int], None]
) -> tuple[Survey, bool]:
    """Join what was read of stretches that follow each other."""
    size, numbers = len(asked.source), LabelNumbers()
    whole = Survey(np.zeros(size, dtype=np.uint64), None, None, None, numbers.names, {})
    for (part, too_many), stretch in zip(parts, stretches, strict=True):
        for what in ("features", "others", "keys", "labels"):
            its = getattr(part, what)
            if its is None:
                continue
            if getattr(whole, what) is None:
                setattr(whole, what, np.zeros(size, dtype=its.dtype))
            getattr(whole, what)[stretch.rows] = numbers.join(part.names)[its] if what == "labels" else its
        numbers.too_many |= too_many
        for name, tally in part.tallies.items():
            whole.tallies.setdefault(name, Tally()).join(tally, asked.most)
        tell(stretch.end)
    return whole, numbers.too_many


def _tally(tallies: dict[str, Tally], name: str, column: pa.Array, read: Numbers, start: int, most: int) -> None:
    """Count a column of numbers, or the empty cells of one of dates or booleans."""
    tally = tallies.setdefault(name, Tally())
    if is_number(column.type):
        tally.add(start, *read, most)
    elif read[1] is not None:
        tally.add_empty(start, read[1], most)


def is_number(kind: pa.DataType) -> bool:
    """Say whether a column holds numbers: integers or floats."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def digest_whole(source: Source, name: str) -> Digests:
    """Make the digests of one column."""
    found = np.zeros(len(source), dtype=np.uint64)
    digester = Digester()
    for start, batch in source.read_batches([name]):
        found[start : start + batch.num_rows] = digester.digest(name, batch.column(0))
    return found


def choose_sample(survey: Survey, size: int, random_state: int) -> Rows:
    """Choose rows by their content, uniformly: the same ones in whatever order and files the rows stand.

    A row is drawn by the digest of its content and of how many equal ones stand before it, so that equal rows are
    drawn one by one as any others.
    """
    digests = survey.whole
    if len(digests) <= size:
        return np.arange(len(digests), dtype=np.int64)
    drawn = mix(digests + np.uint64(random_state % 2**32 + 1))
    again = survey.like_whole
    if len(again):
        order = again[np.argsort(digests[again], kind="stable")]
        same = digests[order]
        first = np.append(True, same[1:] != same[:-1])
        place = np.arange(len(order)) - np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
        drawn[order] = mix(same + mix(place.astype(np.uint64)) + np.uint64(random_state % 2**32 + 1))
    return np.sort(np.argpartition(drawn, size)[:size]).astype(np.int64)


def find_repeated(digests: Digests) -> Rows:
    """Find the rows whose digest is not theirs alone, in rising order."""
    ordered = np.sort(digests)
    same = ordered[1:] == ordered[:-1]
    if not same.any():
        return np.zeros(0, dtype=np.int64)
    values = np.unique(ordered[1:][same])
    # One look at a table of bits leaves few rows to be looked up: a search costs a walk through memory each.
    bits = np.zeros(1 << 22, dtype=np.bool_)
    bits[(values >> np.uint64(42)).astype(np.intp)] = True
    rows = np.flatnonzero(bits[(digests >> np.uint64(42)).astype(np.intp)])
    its = digests[rows]
    places = np.minimum(np.searchsorted(values, its), len(values) - 1)
    return np.asarray(rows[values[places] == its], dtype=np.int64)
