"""Filtering, searching, ordering and jumping in a queue; each law holds for any queue."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.errors import DcaiError, InputError, MissingError
from dcai.base.messages import Filter
from dcai.corrections.exhibits.views import KEPT, MOST_FACETS, Views
from tests.corrections.conftest import FakeAudit, audit_of

FRAME = pd.DataFrame(
    {
        "id": ["r0", "r1", "r2", "r3", "77"],
        "text": ["an ÉCLAIR", "a bun", "a long loaf", "<b>rye</b>", "a bun again"],
        "size": [1.0, 2.0, 3.0, 4.0, 5.0],
        "y": ["sweet", "plain", "plain", "sweet", "plain"],
    }
)
FOUND = [
    (4, "y", "sweet"),
    (1, "text", "a bun!"),
    (3, "y", "plain"),
    (0, "y", "plain"),
    (1, "y", "sweet"),
    (2, None, None),
]
DETECTORS = ["labels", "variants", "labels", "labels", "conflicts", "outliers"]


def views_of(*, blind: bool = False, masked: tuple[str, ...] = ()) -> tuple[Views, FakeAudit]:
    audit = audit_of(FRAME, found=FOUND, key="id")
    queue = audit.findings.assign(detector=DETECTORS)
    return Views(queue, audit.table, blind=blind, masked=masked), audit


def places(views: Views, decided: frozenset[int] = frozenset(), **fields: str) -> list[int]:
    return views.get(views.open(Filter(**fields), state_of(decided))).places.tolist()  # type: ignore[arg-type]  # texts


def state_of(decided: Collection[int], disputed: Collection[int] = ()) -> Callable[[int], str | None]:
    return lambda place: "keep" if place in decided else "disputed" if place in disputed else None


def test_each_field_lets_pass_what_it_names() -> None:
    views, _ = views_of()
    facets = views.facets()
    column = {f.title: f.name for f in facets.columns}
    pair = {f.title: f.name for f in facets.pairs}
    assert places(views, detector="labels") == [0, 2, 3]
    assert places(views, column=column["text"]) == [1]
    assert places(views, column=column["the row as a whole"]) == [5]
    assert places(views, pair=pair["sweet → plain"]) == [2, 3]
    assert places(views, frozenset({0, 5}), state="decided") == [0, 5]
    assert places(views, frozenset({0, 5}), state="open", detector="labels") == [2, 3]
    assert places(views, detector="labels", pair=pair["plain → sweet"]) == [0]


def test_facets_count_every_finding_and_come_most_first() -> None:
    facets = views_of()[0].facets()
    assert next((f.title, f.count) for f in facets.detectors) == ("labels", 3)
    assert sum(f.count for f in facets.detectors) == sum(f.count for f in facets.columns) == len(FOUND)
    assert {(f.title, f.count) for f in facets.pairs} == {("plain → sweet", 2), ("sweet → plain", 2)}


def test_a_search_needs_every_word_and_looks_into_the_rows_too() -> None:
    views, _ = views_of()
    assert places(views, text="éclair") == [3]
    assert places(views, text="BUN again") == [0]
    assert places(views, text="bun") == [0, 1, 4]
    assert places(views, text="<b>") == [2]
    assert places(views, text="no such word") == []


def test_what_is_hidden_cannot_be_found() -> None:
    blind, _ = views_of(blind=True)
    assert places(blind, text="bun!") == []
    assert {f.title for f in blind.facets().pairs} == {"sweet", "plain"}
    masked, _ = views_of(masked=("text", "id"))
    assert places(masked, text="rye") == []
    assert places(masked, text="bun") == []
    with pytest.raises(MissingError, match="No finding has the row, key or id 'r3'"):
        masked.find("r3")
    assert places(masked, text="r3") == []
    assert places(views_of()[0], text="r3") == [2]


def test_a_search_is_no_oracle_for_what_a_sentence_tells_of_a_masked_column() -> None:
    audit = audit_of(FRAME, found=[(0, "y", "plain")])
    audit.findings.loc[0, "reason"] = "Rows with 'text' = 'bun!' are sweet."
    assert places(Views(audit.findings, audit.table, blind=False), text="bun!") == [0]
    assert places(Views(audit.findings, audit.table, blind=False, masked=["text"]), text="bun!") == []


def test_what_is_disputed_is_open_and_has_a_filter_of_its_own() -> None:
    views, _ = views_of()
    state = state_of({0, 5}, {2})
    shown = {s: views.get(views.open(Filter(state=s), state)).places.tolist() for s in ("decided", "disputed", "open")}  # type: ignore[arg-type]  # states
    assert shown == {"decided": [0, 5], "disputed": [2], "open": [1, 2, 3, 4]}


def test_a_list_of_very_many_facets_is_searched() -> None:
    size = MOST_FACETS + 50
    frame = pd.DataFrame({"y": [f"class {i:04}" for i in range(size)]})
    audit = audit_of(frame, found=[(i, "y", f"class {(i + 1) % size:04}") for i in range(size)])
    views = Views(audit.findings, audit.table, blind=False)
    every = views.facets()
    assert (len(every.pairs), every.totals) == (MOST_FACETS, {"detectors": 1, "columns": 1, "pairs": size})
    last = views.facets(f"CLASS {size - 1:04} 0000")
    assert [f.title for f in last.pairs] == [f"class {size - 1:04} → class 0000"]
    assert places(views, pair=last.pairs[0].name) == [size - 1]


def test_orders() -> None:
    views, _ = views_of()
    assert places(views, order="row") == [3, 1, 4, 5, 2, 0]
    assert places(views, order="kind") == [0, 1, 2, 3, 4, 5]
    assert places(views, order="column") in ([1, 0, 2, 3, 4, 5], [1, 5, 0, 2, 3, 4], [5, 1, 0, 2, 3, 4])


def test_without_a_filter_it_is_the_whole_queue() -> None:
    views, _ = views_of()
    assert views.open(Filter(), lambda _: None) == 0
    assert views.get(0).places.tolist() == list(range(len(FOUND)))


def test_a_view_does_not_move_while_its_findings_are_decided() -> None:
    views, _ = views_of()
    decided: set[int] = set()
    number = views.open(Filter(state="open"), state_of(decided))
    detail = views.open(Filter(detector="labels", state="open"), state_of(decided))
    decided.add(2)
    assert number == 0
    assert views.get(detail).places.tolist() == [0, 2, 3]
    assert places(views, frozenset(decided), detector="labels", state="open") == [0, 3]


def test_old_views_are_forgotten_and_say_so() -> None:
    views, _ = views_of()
    first = views.open(Filter(detector="labels"), lambda _: None)
    for _ in range(KEPT):
        views.open(Filter(detector="variants"), lambda _: None)
    with pytest.raises(MissingError, match="no longer known here. Show all findings, or choose it again"):
        views.get(first)


@pytest.mark.parametrize(("text", "place"), [("1", 1), ("r3", 2), (" 77 ", 0), ("f5", 5), ("4", 0)])
def test_a_finding_is_found_by_row_key_or_id(text: str, place: int) -> None:
    assert views_of()[0].find(text) == place


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Type a row number, a key or the id of a finding."),
        ("99", "There is no row 99: the data has 5 rows, counted from 0."),
        ("what", "No finding has the row, key or id 'what'."),
        ("٣", "No finding has the row, key or id '٣'."),
    ],
)
def test_what_is_not_there_is_said(text: str, words: str) -> None:
    with pytest.raises(DcaiError) as error:
        views_of()[0].find(text)
    assert str(error.value) == words
    assert isinstance(error.value, InputError | MissingError)


def test_the_nearest_rows_are_named() -> None:
    audit = audit_of(FRAME, found=[(0, "y", "plain"), (4, "y", "sweet")])
    with pytest.raises(MissingError, match=r"Nothing was found in row 2. The nearest rows with findings: 0 and 4\."):
        Views(audit.findings, audit.table, blind=False).find("2")


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["y", "text", None]), st.sampled_from(["sweet", "plain", None])), max_size=30),
    filter_=st.builds(
        Filter, detector=st.sampled_from(["", "labels", "x"]), state=st.sampled_from(["", "open", "decided"]),
        text=st.sampled_from(["", "bun", "sweet"]), order=st.sampled_from(["doubt", "row", "column", "kind"]),
    ),
    decided=st.sets(st.integers(0, 29)),
)  # fmt: skip
def test_a_view_holds_each_finding_at_most_once_and_the_states_share_them_out(
    rows: list[tuple[int, str | None, str | None]], filter_: Filter, decided: set[int]
) -> None:
    audit = audit_of(FRAME, found=rows)  # type: ignore[arg-type]  # as the helper takes them
    views = Views(audit.findings, audit.table, blind=False)
    state = state_of(decided)
    shown = views.get(views.open(filter_, state))
    assert len(set(shown.places.tolist())) == len(shown)
    assert [shown.find(int(p)) for p in shown.places] == list(range(len(shown)))
    parts = [views.get(views.open(dataclasses.replace(filter_, state=s), state)).places for s in ("open", "decided")]
    whole = views.get(views.open(dataclasses.replace(filter_, state=""), state)).places
    assert sorted(np.concatenate(parts).tolist()) == sorted(whole.tolist())


def test_values_of_any_length_have_short_names_and_titles() -> None:
    long = "x" * 5_000_000
    frame = pd.DataFrame({"t": ["a", "b"], "y": [long, long + "y"]})
    audit = audit_of(frame, found=[(0, "y", long + "y"), (1, "y", long)])
    views = Views(audit.findings, audit.table, blind=False)
    facets = views.facets()
    assert {f.count for f in facets.pairs} == {1}
    assert all(len(f.name) + len(f.title) < 500 for f in facets.pairs)
    assert places(views, pair=facets.pairs[0].name) in ([0], [1])
    assert places(views, text="x" * 100) == [0, 1]
