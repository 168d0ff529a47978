"""Parts of the review queue: filtered, searched and ordered, so that a page of them can be looked at."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xxhash

from dcai.base.errors import InputError, MissingError, shorten
from dcai.base.fingerprints import canonical, plain
from dcai.base.messages import Facet, Facets, Filter
from dcai.base.records import Scalar
from dcai.base.table import StandIn, Table
from dcai.corrections.exhibits.audited import list_values

KEPT = 30
MOST_FACETS = 300
SEARCHED = 2000  # characters of a cell
_SHOWN = 40
_LONGEST = 300

Places = npt.NDArray[np.intp]


class View:
    """Some findings of the queue in an order of their own; `places` are their positions in the whole queue."""

    def __init__(self, places: Places, size: int) -> None:
        self.places = places
        self._inverse = np.full(size, -1, dtype=np.intp)
        self._inverse[places] = np.arange(len(places))

    def __len__(self) -> int:
        """Return how many findings it has."""
        return len(self.places)

    def find(self, place: int) -> int | None:
        """Return where a finding of the whole queue stands here; None where it is left out."""
        position = int(self._inverse[place])
        return None if position < 0 else position


class Views:
    """The views of one queue that are looked at. Number 0 is the whole queue.

    A view is a list made once: a finding that is decided stays where it stands, so that nothing moves under the hand.
    `blind` and `masked` say what must not be found by searching for it.
    """

    def __init__(self, queue: pd.DataFrame, table: Table, *, blind: bool, masked: Iterable[str] = ()) -> None:
        self._queue, self._table, self._blind = queue, table, blind
        self._masked = frozenset(masked)
        self._whole = View(np.arange(len(queue), dtype=np.intp), len(queue))
        self._views: OrderedDict[int, View] = OrderedDict()
        self._count = 0
        self._titles: dict[str, str] = {}

    def get(self, number: int) -> View:
        """Return a view by its number."""
        if number == 0:
            return self._whole
        if number not in self._views:
            raise MissingError("This filter is no longer known here. Show all findings, or choose it again.")
        self._views.move_to_end(number)
        return self._views[number]

    def open(self, wanted: Filter, state: Callable[[int], str | None]) -> int:
        """Make the view of a filter, and return its number; `state` says what stands about a finding of the queue."""
        keep = self._select(wanted, state)
        if keep.all() and wanted.order == "doubt":
            return 0
        self._count += 1
        self._views[self._count] = View(self._sort(np.flatnonzero(keep), wanted.order), len(self._queue))
        if len(self._views) > KEPT:
            self._views.popitem(last=False)
        return self._count

    def _select(self, wanted: Filter, state: Callable[[int], str | None]) -> npt.NDArray[np.bool_]:
        size = len(self._queue)
        keep = np.ones(size, dtype=bool)
        if wanted.detector:
            keep &= (self._queue["detector"] == wanted.detector).to_numpy(dtype=bool)
        for names, name in ((self._columns, wanted.column), (self._pairs, wanted.pair)):
            if name:
                keep &= np.fromiter((n == name for n in names), dtype=bool, count=size)
        for word in wanted.text.casefold().split():
            keep &= np.fromiter((word in text for text in self._texts), dtype=bool, count=size)
        if wanted.state:
            # What is disputed is open.
            states = [state(i) for i in range(size)]
            kept = (wanted.state in (s, _stage(s)) for s in states)
            keep &= np.fromiter(kept, dtype=bool, count=size)
        return keep

    def _sort(self, places: Places, order: str) -> Places:
        """Order positions; equal ones stay worst first."""
        if order == "doubt":
            return places
        rows = self._queue["row"].to_numpy()
        if order == "row":
            return places[np.argsort(rows[places], kind="stable")]
        names = self._columns if order == "column" else self._kinds
        codes = pd.factorize(np.array(names, dtype=object), sort=order == "column")[0]
        # Kinds come in the order in which the worst of each comes.
        return places[np.argsort(codes[places], kind="stable")]

    # ------------------------------------------------------------ what findings are filtered by

    @cached_property
    def _columns(self) -> list[str]:
        columns = [c if isinstance(c, str) else None for c in list_values(self._queue["column"])]
        known = {c: _name(c) for c in set(columns)}
        self._titles.update({name: _title(c, "the row as a whole") for c, name in known.items()})
        return [known[c] for c in columns]

    @cached_property
    def _pairs(self) -> list[str]:
        """The change of class that each finding about the label suggests; empty for the others, and of a sensitive label."""
        label, given, suggested = self._table.label, *(list_values(self._queue[c]) for c in ("given", "suggested"))
        shown = [None] * len(self._queue) if self._blind else suggested
        known: dict[Hashable, str] = {}
        names = []
        for column, before, after in zip(list_values(self._queue["column"]), given, shown, strict=True):
            if label is None or label in self._masked or column != label:
                names.append("")
                continue
            pair = (plain(before), plain(after))
            mark = tuple((type(v), v) for v in pair)
            if mark not in known:
                known[mark] = _name(list(pair))
                self._titles[known[mark]] = self._tell_pair(*pair)
            names.append(known[mark])
        return names

    @cached_property
    def _kinds(self) -> list[str]:
        """What findings of one kind have in common."""
        given = [canonical(plain(v)) for v in list_values(self._queue["given"])]
        after = (
            [None] * len(given) if self._blind else [canonical(plain(v)) for v in list_values(self._queue["suggested"])]
        )
        return [
            f"{detector}\x1f{column}\x1f{one}\x1f{two}"
            for detector, column, one, two in zip(
                list_values(self._queue["detector"]), self._columns, given, after, strict=True
            )
        ]

    @cached_property
    def _texts(self) -> list[str]:
        """What a search looks through: the finding, and the texts of its row."""
        rows = self._row_texts(self._queue["row"].unique())
        fields = ["given"] if self._blind else ["given", "suggested"]
        # A sentence may tell values of any column.
        fields += [] if self._blind or self._masked else ["reason"]
        hidden = self._queue["column"].isin(self._masked)
        parts = [list_values(self._queue[f].where(~hidden, None)) for f in fields]
        parts.append([self._open_key(key) for key in self._queue["key"]])
        names = [[shorten(str(v), 100) for v in list_values(self._queue[f])] for f in ("detector", "column")]
        return [
            "\n".join([*head, *(_searched(v) for v in cells), rows[row]]).casefold()
            for *head, row, cells in zip(*names, self._queue["row"], zip(*parts, strict=True), strict=True)
        ]

    def _open_key(self, key: Mapping[str, Scalar] | None) -> str:
        return " ".join(str(value) for name, value in (key or {}).items() if name not in self._masked)

    def _row_texts(self, rows: Any) -> Mapping[int, str]:
        if isinstance(self._table.frame, StandIn):  # each cell of it would be read from a file
            return dict.fromkeys(rows.tolist(), "")
        names = [n for n, kind in self._table.kinds.items() if kind in ("text", "category") and n not in self._masked]
        cells = [[_searched(v) for v in list_values(self._table.frame[n].iloc[rows])] for n in names]
        return (
            dict(zip(rows.tolist(), ("\n".join(c) for c in zip(*cells, strict=True)), strict=True))
            if cells
            else dict.fromkeys(rows.tolist(), "")
        )

    def facets(self, text: str = "") -> Facets:
        """Return what the queue can be filtered by; of long lists the most frequent, or those whose titles hold a text."""
        words = text.casefold().split()
        found = {
            name: [f for f in every if all(word in f.title.casefold() for word in words)]
            for name, every in self._facets.items()
        }
        totals = {name: len(every) for name, every in found.items()}
        return Facets(**{name: every[:MOST_FACETS] for name, every in found.items()}, totals=totals)

    @cached_property
    def _facets(self) -> dict[str, list[Facet]]:
        """All that the queue can be filtered by, the most frequent first."""
        names = {
            "detectors": [str(n) for n in list_values(self._queue["detector"])],
            "columns": self._columns,
            "pairs": [name for name in self._pairs if name],
        }
        return {
            what: [Facet(n, self._titles.get(n, n), k) for n, k in Counter(every).most_common()]
            for what, every in names.items()
        }

    def _tell_pair(self, before: Scalar, after: Scalar) -> str:
        return (
            _title(before, "empty") if self._blind else f"{_title(before, 'empty')} → {_title(after, 'no suggestion')}"
        )

    # ------------------------------------------------------------ one finding by its row

    def find(self, text: str) -> int:
        """Return the position in the whole queue of the finding that a text names: by its id, its row, or a key."""
        wanted = text.strip()
        if not wanted:
            raise InputError("Type a row number, a key or the id of a finding.")
        place = self._by_name.get(wanted)
        if place is None:
            raise MissingError(self._tell_absence(wanted))
        return place

    @cached_property
    def _by_name(self) -> Mapping[str, int]:
        """The worst finding of each row by what it may be called; its number comes before keys that look like one."""
        names: dict[str, int] = {}
        for place, row in enumerate(self._queue["row"]):
            names.setdefault(str(row), place)
        for place, (name, key) in enumerate(zip(list_values(self._queue["finding"]), self._queue["key"], strict=True)):
            names.setdefault(str(name), place)
            for column, value in (key or {}).items():
                if column not in self._masked:
                    names.setdefault(str(value), place)
        return names

    def _tell_absence(self, wanted: str) -> str:
        if not wanted.isascii() or not wanted.isdigit() or not len(self._queue):
            return f"No finding has the row, key or id {shorten(repr(wanted), 60)}."
        row, rows = int(wanted[:20]), np.unique(self._queue["row"].to_numpy())
        if row >= len(self._table):
            return f"There is no row {wanted[:20]}: the data has {len(self._table)} rows, counted from 0."
        at = int(np.searchsorted(rows, row))
        near = " and ".join(str(r) for r in rows[max(0, at - 1) : at + 1])
        return f"Nothing was found in row {row}. The nearest rows with findings: {near}."


def _stage(state: str | None) -> str:
    """Say whether a finding in some state is still to be decided."""
    return "open" if state in (None, "disputed") else "decided"


def _name(value: object) -> str:
    """Name what is filtered by; very long values by their hash."""
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else xxhash.xxh3_128_hexdigest(text.encode())


def _title(value: object, otherwise: str) -> str:
    return otherwise if value is None else shorten(str(value), _SHOWN) or "empty text"


def _searched(value: object) -> str:
    """Write a cell for the search; only the beginning of a long text is searched."""
    return value[:SEARCHED] if isinstance(value, str) else "" if value is None else str(value)[:SEARCHED]
