"""Decisions on their way: lost, late, twice, out of order, under another name; what cannot travel; what others decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from jupyter_client.session import json_packer

from dcai.corrections.log import CorrectionLog
from dcai.shells import intake
from dcai.shells.widget import ReviewWidget, review
from tests.corrections.conftest import audit_of

FRAME = pd.DataFrame({"x": [1, 2, 3, 4], "t": ["a", None, "c", "d"], "y": ["p", "q", "p", "q"]})
FOUND = [(0, "y", "q"), (1, "y", "p"), (2, None, None), (3, "y", "p")]


class Wire:
    """A browser whose messages are packed as Jupyter packs them; what it sends is chosen by the test."""

    def __init__(self, widget: ReviewWidget) -> None:
        self.widget, self.heard, self.seq = widget, [], 0
        self.heard: list[dict[str, Any]]

        def send(content: Any, buffers: object = None) -> None:
            json_packer(content).decode("utf-8")
            self.heard.append(content)

        widget.send = send

    def send(self, finding: str, verdict: str, name: str, **fields: Any) -> list[dict[str, Any]]:
        self.seq += 1
        return self.tell({"seq": self.seq, "client_id": name, "finding": finding, "verdict": verdict, **fields})

    def tell(self, content: dict[str, Any]) -> list[dict[str, Any]]:
        before = len(self.heard)
        self.widget._handle_custom_msg(content, [])
        return self.heard[before:]

    def ask(self, ask: str, **fields: Any) -> dict[str, Any]:
        self.seq += 1
        return self.tell({"seq": self.seq, "ask": ask, **fields})[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "y.jsonl"


def open_as(by: str, path: Path, frame: pd.DataFrame = FRAME, found: Any = FOUND, **fields: Any) -> Wire:
    return Wire(review(audit_of(frame, found=found), path, by=by, **fields))


# ---------------------------------------------------------------- order


def test_nothing_passes_an_earlier_decision_that_was_lost(path: Path) -> None:
    wire = open_as("ada", path)
    wire.send("f0", "keep", "one")
    # "two" about f1 is lost on its way; the undo that was meant for it arrives first.
    assert wire.send("", "undo", "three", after="two") == []
    assert wire.send("", "undo", "three", after="two") == []  # sent again
    answers = wire.send("f1", "keep", "two")
    assert [a["decided"] for a in answers] == [{"f1": "keep"}, {"f1": None}]
    assert wire.widget.session.decided("f0") == "keep"
    assert "keep of 'y' in row 1" in answers[1]["told"]


def test_the_last_word_stands_though_it_came_first(path: Path) -> None:
    wire = open_as("ada", path)
    wire.send("f0", "exclude", "two", after="one")
    wire.send("f0", "unsure", "three", after="two")
    answers = wire.send("f0", "keep", "one")
    assert [a["decided"]["f0"] for a in answers] == ["keep", "exclude", "unsure"]
    assert [c.verdict for c in CorrectionLog.read(path).corrections] == ["keep", "exclude", "unsure"]


def test_after_a_restart_the_log_says_what_came_before(path: Path) -> None:
    open_as("ada", path).send("f0", "keep", "one")
    again = open_as("ada", path)
    assert again.send("f0", "exclude", "two", after="one")[0]["decided"] == {"f0": "exclude"}


def test_what_is_answered_again_says_what_is_true_now(path: Path) -> None:
    wire = open_as("ada", path)
    wire.send("f0", "keep", "one")
    wire.send("", "undo", "two")
    again = wire.send("f0", "keep", "one")[0]
    assert again["decided"] == {"f0": None}
    assert (again["progress"]["decided"], again["progress"]["can_redo"]) == (0, True)


def test_an_undo_of_what_was_not_saved_takes_back_nothing_else(path: Path) -> None:
    wire = open_as("ada", path)
    wire.send("f0", "keep", "one")
    wire.send("", "undo", "three", after="two")
    refused, undo = wire.send("f1", "relabel", "two", value="no such class")
    assert "no such class" in refused["error"]
    assert "was not saved, so there is nothing to take back" in undo["error"]
    assert wire.widget.session.decided("f0") == "keep"


def test_a_decision_is_nobody_elses(path: Path) -> None:
    bob = open_as("bob", path)
    refused = bob.send("f0", "keep", "one", by="ada")[0]
    assert "'ada', and this one is 'bob''s: nothing was written" in refused["error"]
    assert not path.exists()
    answer = bob.send("f0", "keep", "two", by="bob")[0]
    assert answer["progress"]["by"] == "bob"


# ---------------------------------------------------------------- others


def test_what_another_notebook_decides_reaches_an_open_widget(path: Path) -> None:
    ada, other = open_as("ada", path), open_as("ada", path)
    other.send("f1", "keep", "one")
    other.send("f2", "exclude", "two")
    answer = ada.send("f0", "keep", "three")[0]
    assert answer["decided"] == {"f0": "keep", "f1": "keep", "f2": "exclude"}
    assert answer["progress"]["decided"] == 3
    # It is told of when something is only looked at, too.
    reply, told = other.tell({"seq": 99, "ask": "page"})
    assert [item["decided"] for item in reply["items"]] == ["keep", "keep", "exclude", None]
    assert (told["seq"], told["decided"], told["progress"]["decided"]) == (-1, {"f0": "keep"}, 3)
    undone = other.send("", "undo", "four")[0]
    assert undone["decided"] == {"f0": None}
    assert "decided in another session at 20" in undone["told"]


def test_a_dispute_is_shown_found_and_settled_in_the_widget(path: Path) -> None:
    ada, bob = open_as("ada", path), open_as("bob", path)
    bob.send("f0", "relabel", "one", value="q")
    answer = ada.send("f0", "keep", "two")[0]
    assert (answer["decided"], answer["progress"]["disputed"]) == ({"f0": "disputed"}, 1)
    assert ada.ask("page")["items"][0]["decided"] == "disputed"
    assert ada.ask("next", start=0)["start"] == 0
    assert ada.ask("filter", filter={"state": "disputed"})["total"] == 1
    said = ada.ask("card", finding="f0")["card"]["said"]
    assert [(s["by"], s["verdict"], s["value"]) for s in said] == [("bob", "relabel", "q"), ("ada", "keep", None)]
    settled = ada.send("f0", "keep", "three", resolves=[s["id"] for s in said])[0]
    assert (settled["decided"], settled["progress"]["disputed"]) == ({"f0": "keep"}, 0)
    assert "is not in this log" in ada.send("f1", "keep", "four", resolves=["nothing"])[0]["error"]


# ---------------------------------------------------------------- what cannot travel


@pytest.mark.parametrize("bad", ["\ud800", "x\udcff", "\udfff" * 3])
def test_lone_surrogates_travel_as_their_escapes(path: Path, bad: str) -> None:
    # An audit refuses them in texts; objects whose text holds them get past it.
    clean = audit_of(
        pd.DataFrame({"t": ["s", "t"], "y": ["p", "q"]}), found=[(0, "y", "q"), (1, "y", "p"), (0, "t", "p")]
    )
    frame = pd.DataFrame({"t": [bad, "t"], "y": [bad, "q"]}, dtype=object)
    findings = clean.findings.assign(
        suggested=pd.Series(["q", bad, bad + "!"], dtype=object), given=pd.Series([bad, "q", bad], dtype=object),
        reason=pd.Series([f"It says {bad}."] * 3, dtype=object), peers=pd.Series([[1], [0], []], dtype=object),
        key=pd.Series([{"id": bad}] * 3, dtype=object),
    )  # fmt: skip
    made = replace(clean, table=replace(clean.table, frame=frame), findings=findings)
    wire = Wire(review(made, path, by="ada"))
    assert len(wire.ask("page")["items"]) == 3
    for asked in ("card", "near", "facets", "terms"):
        assert "error" not in wire.ask(asked, finding="f0")
    card = wire.ask("card", finding="f1")["card"]
    shown = card["finding"]["suggested"]
    assert shown == bad.encode("utf-8", "backslashreplace").decode()
    assert shown in [c["name"] for c in card["classes"]]
    assert next(c for c in wire.ask("card", finding="f0")["card"]["cells"] if c["column"] == "t")["cut"]
    assert "error" not in wire.send("f1", "relabel", "one", value=shown)[0]
    assert CorrectionLog.read(path).corrections[-1].value == bad
    assert frame.pipe(CorrectionLog.read(path).apply)["y"].tolist() == [bad, bad]


def test_values_of_ten_million_characters_stay_small_and_are_chosen_whole(path: Path) -> None:
    long = ["x" * 10_000_000 + end for end in "ab"]
    frame = pd.DataFrame({"id": [*long, "c"], "t": [long[0], "t", "u"], "y": [*long, "z"]})
    found = [(0, "y", long[1]), (1, "y", long[0]), (2, "y", long[0])]
    made = audit_of(frame, key="id", found=found)
    made.findings["reason"] = long[0]
    wire = Wire(review(made, path, by="ada"))
    page, card = wire.ask("page"), wire.ask("card", finding="f2")["card"]
    facets, terms = wire.ask("facets"), wire.ask("terms")
    assert all(len(json_packer(said)) < 60_000 for said in (page, card, facets, terms))
    names = [c["name"] for c in card["classes"]]
    assert len(set(names)) == 3
    wire.send("f2", "relabel", "one", value=card["finding"]["suggested"])
    wire.send("f0", "ambiguous", "two", value=names)
    written = CorrectionLog.read(path).corrections
    assert written[0].value == long[0]
    assert sorted(written[1].value) == sorted([*long, "z"])


def test_large_numbers_that_are_classes_come_back_as_numbers(path: Path) -> None:
    big = [2**60 + 1, 2**60 + 3]
    frame = pd.DataFrame({"x": [1, 2], "y": big})
    wire = open_as("ada", path, frame, [(0, "y", big[1])])
    names = [c["name"] for c in wire.ask("card", finding="f0")["card"]["classes"]]
    wire.send("f0", "ambiguous", "one", value=names)
    assert CorrectionLog.read(path).corrections[-1].value == big


def test_a_message_that_cannot_be_sent_is_told_as_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = open_as("ada", path)
    send = wire.widget.send

    def fail_on_cards(content: Any, buffers: object = None) -> None:
        if "card" in content:
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        send(content, buffers)

    monkeypatch.setattr(wire.widget, "send", fail_on_cards)
    reply = wire.ask("card", finding="f0")
    assert "surrogates not allowed" in reply["error"]
    assert "error" not in wire.send("f0", "keep", "one")[0]


# ---------------------------------------------------------------- empty values


@pytest.mark.parametrize("edit", [lambda w: w.send("f1", "edit", "one", value="", column="t")])
def test_enter_on_an_empty_cell_changes_nothing(path: Path, edit: Callable[[Wire], Any]) -> None:
    wire = open_as("ada", path)
    cells = {c["column"]: c for c in wire.ask("card", finding="f1")["card"]["cells"]}
    assert (cells["t"]["missing"], cells["x"]["missing"]) == (True, False)
    assert "is empty already, so nothing was changed" in edit(wire)[0]["error"]
    assert "needs a column" in wire.send("f2", "edit", "two", value="")[0]["error"]
    assert not path.exists()


def test_a_number_that_is_cleared_becomes_missing(path: Path) -> None:
    wire = open_as("ada", path, FRAME.assign(x=[1.5, 2.0, 3.0, 4.0]))
    assert "error" not in wire.send("f0", "edit", "one", value=" ", column="x")[0]
    assert CorrectionLog.read(path).corrections[-1].value is None
    assert np.isnan(CorrectionLog.read(path).apply(FRAME.assign(x=[1.5, 2.0, 3.0, 4.0]))["x"][0])


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize("place", ["_settle", "_progress"])
def test_what_fails_after_a_decision_is_on_disk_does_not_make_it_unsaved(
    place: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "the forecast broke")

    wire = open_as("ada", path)
    setattr(wire.widget._intake, place, fail)
    (answer,) = wire.send("f0", "keep", "one")
    (line,) = CorrectionLog.read(path).corrections
    assert (answer["id"], answer.get("error"), answer["decided"]) == (line.id, None, {"f0": "keep"})
    assert "the decision itself is saved" in caplog.text
    (again,) = wire.send("f0", "keep", "one")
    assert (again["id"], again.get("error")) == (line.id, None)
    # What others decide is told, too, and a question has its reply.
    open_as("bob", path).send("f1", "keep", "two")
    reply, told = wire.tell({"seq": 99, "ask": "page"})
    assert (reply.get("error"), told["decided"]) == (None, {"f1": "keep"})


def test_a_decision_that_waited_too_long_is_told_and_those_after_it_go_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "REMEMBERED", 2)
    wire = open_as("ada", path)
    assert wire.send("f0", "keep", "one", after="lost") == []
    assert wire.send("f1", "keep", "two", after="one") == []
    refused, *others = wire.send("f2", "keep", "three", after="two")
    assert (refused["seq"], "id" in refused) == (1, False)
    assert "an earlier decision that never came, and was not saved" in refused["error"]
    assert [a.get("error") for a in others] == [None, None]
    assert [wire.widget.session.decided(f"f{n}") for n in range(3)] == [None, "keep", "keep"]
