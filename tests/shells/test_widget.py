"""The review widget over a real session and a real log; the browser is played by the test."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ipywidgets
import nbformat
import pandas as pd
import papermill
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from sklearn.linear_model import LogisticRegression

from dcai.base.contract import for_browser
from dcai.base.errors import LogError, MissingError
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review
from dcai.findings.report import audit
from dcai.shells import widget as module
from dcai.shells.widget import ReviewWidget, review
from tests.corrections.conftest import audit_of

FRAME = pd.DataFrame(
    {
        "legs": [4, 4, 2, 2, 8, 6],
        "sound": ["meow", "wuff", "tweet", "N/A", "<script>alert(1)</script>", "buzz"],
        "y": ["cat", "dog", "bird", "cat", "spider", "bee"],
    }
)
FOUND = [(3, "y", "bird"), (3, "sound", None), (0, "y", "dog"), (1, "legs", 2), (4, None, None)]


class Browser:
    """What the front end does: it sends messages and keeps what comes back."""

    def __init__(self, widget: ReviewWidget) -> None:
        self.widget = widget
        self.heard: list[dict[str, Any]] = []
        self.seq = 0
        widget.send = lambda content, buffers=None: self.heard.append(json.loads(json.dumps(content, allow_nan=False)))

    def tell(self, content: object) -> dict[str, Any]:
        """Send a message as it arrives from a comm, and return the one answer."""
        before = len(self.heard)
        self.widget._handle_custom_msg(content, [])
        assert len(self.heard) == before + 1, "every message has one answer"
        return self.heard[-1]

    def decide(self, finding: str, verdict: str, client_id: str | None = None, **fields: Any) -> dict[str, Any]:
        """Decide, as a key does."""
        self.seq += 1
        content = {"seq": self.seq, "client_id": client_id or f"c{self.seq}", "finding": finding, "verdict": verdict}
        answer = self.tell({**content, **fields})
        assert answer["seq"] == self.seq
        return answer

    def ask(self, ask: str, **fields: Any) -> dict[str, Any]:
        """Ask for a page, a card, the next open finding or a draw."""
        self.seq += 1
        return self.tell({"seq": self.seq, "ask": ask, **fields})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "y.jsonl"


@pytest.fixture
def widget(path: Path) -> Iterator[ReviewWidget]:
    made = review(audit_of(FRAME, found=FOUND), path, by="ada")
    yield made
    made.close()


@pytest.fixture
def browser(widget: ReviewWidget) -> Browser:
    return Browser(widget)


def lines(path: Path) -> list[tuple[str, str | None, Any]]:
    return [(c.verdict, c.column, c.value) for c in CorrectionLog.read(path).corrections]


def test_columns_are_marked_on_the_widget_as_its_warning_says(widget: ReviewWidget) -> None:
    assert widget.mark_sensitive("sound") == ("sound",)
    assert widget.session.masked == {"sound"}


# ---------------------------------------------------------------- decisions


def test_a_decision_is_on_disk_when_it_is_answered(browser: Browser, path: Path) -> None:
    answer = browser.decide("f0", "relabel", value="bird", note="it sings")
    written = CorrectionLog.read(path).corrections[-1]
    assert answer["id"] == written.id
    assert (written.verdict, written.value, written.note, written.by) == ("relabel", "bird", "it sings", "ada")
    assert answer["decided"] == {"f0": "relabel"}
    assert (answer["progress"]["decided"], answer["progress"]["left"]) == (1, 4)


def test_each_verdict_reaches_the_log(browser: Browser, path: Path) -> None:
    browser.decide("f0", "ambiguous", value=["cat", "bird"])
    browser.decide("f1", "edit", value=None, column="sound")
    browser.decide("f2", "keep")
    browser.decide("f3", "unsure")
    browser.decide("f4", "exclude")
    assert lines(path) == [
        ("ambiguous", "y", ["cat", "bird"]),
        ("edit", "sound", None),
        ("keep", "y", None),
        ("unsure", "legs", None),
        ("exclude", None, None),
    ]


def test_a_message_without_a_usable_name_is_refused(browser: Browser, path: Path) -> None:
    for name in ("", "x" * 101):
        content = {"seq": 1, "client_id": name, "finding": "f0", "verdict": "keep"}
        assert "client_id" in browser.tell(content)["error"]
    assert not path.exists()


@pytest.mark.parametrize(
    ("verdict", "fields"), [("keep", {}), ("undo", {}), ("redo", {}), ("merge", {"value": ["wuff", "meow"]})]
)
def test_what_was_written_before_a_restart_is_not_written_again(
    verdict: str, fields: dict[str, Any], path: Path
) -> None:
    frame = FRAME.assign(sound=["meow", "wuff", "wuff", "meow", "meow", "buzz"])
    made = audit_of(frame, found=[(3, "y", "bird"), (3, "sound", "wuff"), (0, "y", "dog")])
    made.findings.loc[1, "detector"] = "variants"
    first = Browser(review(made, path, by="ada"))
    first.decide("f0", "relabel", client_id="before", value="bird")
    first.decide("f2", "keep", client_id="before 2")
    if verdict == "redo":
        first.decide("", "undo", client_id="before 3")
    told = first.decide("f1", verdict, client_id="lost answer", **fields)
    written = path.read_bytes()
    again = Browser(review(made, path, by="ada"))  # the kernel was restarted
    answer = again.decide("f1", verdict, client_id="lost answer", **fields)
    assert "error" not in answer
    assert (answer["id"], answer["decided"]) == (told["id"], told["decided"])
    assert path.read_bytes() == written
    # Another view of the same log that was open all along knows it too.
    assert first.decide("f1", verdict, client_id="lost answer", **fields)["id"] == told["id"]
    for window in (again, first):
        assert window.decide("f2", "exclude", client_id="after")["decided"]["f2"] == "exclude"
    assert sum(c.why.get("sent") == "after" for c in CorrectionLog.read(path).corrections) == 1


def test_the_same_decision_sent_again_decides_once_and_gets_the_same_answer(browser: Browser, path: Path) -> None:
    first = browser.decide("f0", "keep", client_id="one")
    again = browser.decide("f0", "keep", client_id="one")
    assert {**again, "seq": first["seq"]} == first
    assert len(lines(path)) == 1
    browser.decide("f0", "keep", client_id="two")
    assert len(lines(path)) == 2


def test_a_refused_decision_sent_again_stays_refused(browser: Browser, path: Path) -> None:
    first = browser.decide("f0", "relabel", client_id="one", value="birdd")
    again = browser.decide("f0", "relabel", client_id="one", value="birdd")
    assert first["error"] == again["error"]
    assert not path.exists()


def test_decisions_from_several_threads_are_all_there_once(browser: Browser, path: Path) -> None:
    def press(thread: int) -> None:
        for i in range(20):
            # Every decision comes twice, as after a reconnect.
            message = {"seq": i, "client_id": f"{thread // 2}-{i}", "finding": f"f{i % 5}", "verdict": "unsure"}
            browser.widget._handle_custom_msg(message, [])

    threads = [threading.Thread(target=press, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(path)) == 40
    assert len(browser.heard) == 80
    assert all("error" not in answer for answer in browser.heard)


def test_undo_and_redo_say_which_finding_changed(browser: Browser, path: Path) -> None:
    browser.decide("f0", "keep")
    undone = browser.decide("", "undo")
    assert (undone["decided"], undone["progress"]["decided"]) == ({"f0": None}, 0)
    redone = browser.decide("", "redo")
    assert (redone["decided"], redone["progress"]["decided"]) == ({"f0": "keep"}, 1)
    assert [verdict for verdict, _, _ in lines(path)] == ["keep", "undo", "undo"]
    assert undone["progress"]["can_redo"]
    assert not redone["progress"]["can_redo"]


def test_a_suggestion_that_the_browser_cannot_hold_is_taken_whole(path: Path) -> None:
    big, long = 2**60 + 1, "x" * 5000 + "y"
    frame = pd.DataFrame({"n": [1, 2], "text": ["a", "b"], "y": ["p", "q"]})
    browser = Browser(review(audit_of(frame, found=[(0, "n", big), (1, "text", long)]), path, by="ada"))
    for finding, column in (("f0", "n"), ("f1", "text")):
        shown = browser.ask("card", finding=finding)["card"]["finding"]["suggested"]
        browser.decide(finding, "edit", value=shown, column=column)
    assert lines(path) == [("edit", "n", big), ("edit", "text", long)]


def test_typed_numbers_become_numbers(browser: Browser, path: Path) -> None:
    browser.decide("f3", "edit", value="3", column="legs")
    assert lines(path) == [("edit", "legs", 3)]
    refused = browser.decide("f3", "edit", value="three", column="legs")
    assert "holds numbers. Got 'three'" in refused["error"]


def test_a_group_is_accepted_only_when_it_is_certified(path: Path) -> None:
    frame = pd.DataFrame({"x": range(400), "y": ["a", "b"] * 200})
    browser = Browser(review(audit_of(frame, found=[(2 * i, "y", "b") for i in range(200)]), path, by="ada"))
    refused = browser.decide("f0", "accept")
    assert refused["error"].startswith("This group cannot be accepted.")
    for _ in range(100):
        drawn = browser.ask("draw", finding="f0")
        finding = drawn["card"]["finding"]["finding"]
        assert f"f{drawn['start']}" == finding
        if browser.decide(finding, "relabel", value="b") and drawn["card"]["group"]["certified"]:
            break
    answer = browser.decide("f0", "accept")
    assert "error" not in answer
    assert answer["progress"]["left"] == 0
    assert set(answer["decided"].values()) == {"relabel"}
    assert browser.ask("draw", finding="f0")["error"] == "Every finding of this group is decided."


def test_a_finding_without_a_suggestion_has_no_group(browser: Browser) -> None:
    assert "belongs to no group" in browser.decide("f4", "accept")["error"]


# ---------------------------------------------------------------- questions


def test_pages_and_cards_are_what_the_session_says(browser: Browser, widget: ReviewWidget) -> None:
    page = browser.ask("page", start=1, count=2)
    assert [item["finding"] for item in page["items"]] == ["f1", "f2"]
    assert (page["start"], page["total"]) == (1, 5)
    card = browser.ask("card", finding="f2")
    # The widget puts what a value is seen against beside what the session knows of the finding.
    bare = {**card["card"], "cells": [{k: v for k, v in c.items() if k != "spread"} for c in card["card"]["cells"]]}
    assert (card["start"], bare) == (2, json.loads(json.dumps(for_browser(widget.session.card("f2")))))
    assert [c["column"] for c in card["card"]["cells"] if "spread" in c] == ["legs"]


def test_a_filter_is_a_view_with_positions_of_its_own(browser: Browser) -> None:
    found = browser.ask("filter", filter={"column": '"y"'})
    view = found["view"]
    assert (found["start"], found["total"]) == (0, 2)
    assert [item["finding"] for item in browser.ask("page", view=view)["items"]] == ["f0", "f2"]
    assert browser.ask("card", finding="f2", view=view)["start"] == 1
    outside = browser.ask("card", finding="f1", view=view)
    assert outside["card"]["finding"]["finding"] == "f1"
    assert "start" not in outside
    assert browser.ask("next", start=1, view=view)["start"] == 1
    assert "no longer known" in browser.ask("page", view=99)["error"]
    assert browser.ask("find", text="4")["start"] == 4
    assert (
        "Nothing was found in row 2. The nearest rows with findings: 1 and 3." in browser.ask("find", text="2")["error"]
    )
    facets = browser.ask("facets")["facets"]
    assert [(f["title"], f["count"]) for f in facets["columns"]][:2] == [("y", 2), ("sound", 1)]


def test_spellings_are_merged_by_one_message_and_undone_by_one(path: Path) -> None:
    frame = pd.DataFrame({"town": ["Rome", "Rome", "rome", "ROME", "Oslo"], "y": list("ababa")})
    audit_ = audit_of(frame, found=[(2, "town", "Rome"), (3, "town", "Rome")])
    audit_ = replace(audit_, findings=audit_.findings.assign(detector="variants"))
    browser = Browser(review(audit_, path, by="ada"))
    cluster = browser.ask("cluster", finding="f1")["cluster"]
    assert [(s["value"], s["rows"]) for s in cluster["spellings"]] == [("Rome", 2), ("ROME", 1), ("rome", 1)]
    answer = browser.decide("f0", "merge", value=["Rome", "rome", "ROME"])
    assert answer["decided"] == {"f0": "edit", "f1": "edit"}
    assert CorrectionLog.read(path).apply(frame)["town"].tolist() == ["Rome"] * 4 + ["Oslo"]
    assert browser.decide("", "undo")["decided"] == {"f0": None, "f1": None}
    assert browser.decide("", "redo")["decided"] == {"f0": "edit", "f1": "edit"}
    assert "needs the spelling that stays" in browser.decide("f0", "merge", value=["Rome"])["error"]
    blind = Browser(review(audit_, path.with_name("blind.jsonl"), by="ada", blind=True))
    assert "A blind review suggests no spellings" in blind.ask("cluster", finding="f1")["error"]


def test_definitions_are_written_down_and_told(browser: Browser, path: Path) -> None:
    assert browser.ask("terms")["terms"]["definitions"] == []
    told = browser.ask("define", definition={"name": "cat", "meaning": "A small feline.", "examples": ["Tom"]})["terms"]
    assert told["definitions"] == [{"name": "cat", "meaning": "A small feline.", "examples": ["Tom"], "borderline": []}]
    assert "A small feline." in (path.parent / "dcai.yaml").read_text()
    assert "error" not in browser.decide("f0", "relabel", value="bird")
    assert CorrectionLog.read(path).corrections[0].why["definitions"] == told["version"]
    assert "There is no class 'dragon'" in browser.ask("define", definition={"name": "dragon", "meaning": "?"})["error"]
    assert "There is no definition" in browser.ask("define")["error"]


def test_the_progress_says_what_is_left_and_what_the_next_are_worth(browser: Browser) -> None:
    outlook = browser.decide("f0", "relabel", value="bird")["progress"]["outlook"]
    assert outlook["next"] == 4
    assert 3 < outlook["worth"] <= 4
    assert outlook["errors"] is None  # this audit says nothing of it


def test_the_next_open_finding_is_found_round_the_end(browser: Browser) -> None:
    assert browser.ask("next", start=0)["start"] == 0
    for finding in ("f0", "f1", "f3", "f4"):
        browser.decide(finding, "keep" if finding != "f4" else "exclude")
    assert browser.ask("next", start=3)["start"] == 2
    browser.decide("f2", "keep")
    assert "start" not in browser.ask("next", start=0)


def test_the_rows_most_like_a_label_come_when_they_are_asked_for(path: Path) -> None:
    names = ["cat", "dog"] * 20
    frame = pd.DataFrame({"x": [3.0 * (n == "dog") + i / 100 for i, n in enumerate(names)], "y": names})
    frame.loc[40] = [*frame.loc[6, ["x"]], "dog"]  # a twin of row 6, of the other class
    found = audit(frame, "y", model=LogisticRegression(), detectors=["labels", "conflicts"], progress=False)
    asked = next(f.finding for f in found.findings.itertuples() if (f.row, f.detector) == (40, "labels"))
    made = Browser(review(found, path, by="ada"))
    assert made.ask("card", finding=asked)["card"]["peers"] == []
    peers = made.ask("near", finding=asked)["card"]["peers"]
    assert (peers[0]["row"], peers[0]["label"], peers[0]["how"]) == (6, "cat", "equal in all features")
    assert {p["row"] for p in peers[1:]} <= set(range(40))
    assert all(p["how"].endswith(" away") for p in peers[1:])
    twin = next(f.finding for f in found.findings.itertuples() if f.detector == "conflicts")
    assert len(made.ask("near", finding=twin)["card"]["peers"]) == 1  # it names its twin itself
    assert "no finding" in made.ask("near", finding="nothing")["error"].lower()
    made.widget.close()
    blind = Browser(review(found, path, by="bob", blind=True))
    assert blind.ask("near", finding=asked)["card"]["peers"] == []
    blind.decide(asked, "keep")
    assert blind.ask("near", finding=asked)["card"]["peers"]
    blind.widget.close()


def test_an_audit_without_a_background_has_no_nearest_rows(browser: Browser, widget: ReviewWidget) -> None:
    finding = widget.session.queue()["finding"].iloc[0]
    assert browser.ask("near", finding=finding)["card"]["peers"] == []


def test_an_empty_queue_is_no_error(path: Path) -> None:
    browser = Browser(review(audit_of(FRAME, found=[]), path, by="ada"))
    assert browser.ask("page")["items"] == []
    assert "start" not in browser.ask("next")
    assert "There is nothing to review." in browser.widget._repr_mimebundle_()[0]["text/html"]


def test_a_blind_review_shows_no_suggestion(path: Path) -> None:
    browser = Browser(review(audit_of(FRAME, found=FOUND), path, by="ada", blind=True))
    card = browser.ask("card", finding="f0")["card"]
    assert card["finding"]["suggested"] is None
    assert browser.ask("page")["items"][0]["suggested"] is None


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "Decision must be a JSON object"),
        ([1], "Decision must be a JSON object"),
        ({}, "lacks the field 'seq'"),
        ({"seq": 7}, "lacks the field 'client_id'"),
        ({"seq": 7, "client_id": "c", "finding": "f0", "verdict": "kepe"}, "must be one of 'keep', 'relabel'"),
        ({"seq": 7, "client_id": "c", "finding": "f0", "verdict": "keep", "extra": 1}, "'extra'"),
        ({"seq": 7, "client_id": "c", "finding": 0, "verdict": "keep"}, "Decision.finding must be str"),
        ({"seq": 7, "ask": "pages"}, "must be one of"),
        ({"seq": 7, "ask": "page", "start": "0"}, "Request.start must be int"),
        ({"seq": 7, "ask": "card", "finding": "nope"}, "There is no finding 'nope'"),
        ({"seq": 7, "client_id": "c", "finding": "nope", "verdict": "keep"}, "There is no finding 'nope'"),
        ({"seq": 7, "client_id": "c", "finding": "f0", "verdict": "relabel", "value": "birdd"}, "Did you mean 'bird'?"),
        ({"seq": 7, "client_id": "c", "finding": "", "verdict": "undo"}, "There is nothing to undo"),
        ({"seq": 7, "client_id": "c", "finding": "", "verdict": "redo"}, "There is nothing to redo"),
    ],
)
def test_every_message_that_cannot_be_used_is_answered(browser: Browser, path: Path, content: Any, words: str) -> None:
    answer = browser.tell(content)
    assert words in answer["error"]
    assert answer["seq"] == (7 if isinstance(content, dict) and "seq" in content else -1)
    assert not path.exists()


def test_a_log_that_cannot_be_written_is_said(browser: Browser, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(browser.widget.session._ledger, "append", fail)
    error = browser.decide("f0", "keep")["error"]
    assert error.startswith("The correction log could not be written: [Errno 28] No space left on device.")
    monkeypatch.undo()
    assert "id" in browser.decide("f0", "keep")
    assert len(lines(path)) == 1


def test_an_unexpected_failure_is_answered_and_logged(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Review, "decide", fail)
    monkeypatch.setattr(Review, "items", fail)
    with caplog.at_level(logging.ERROR, "dcai"):
        assert "ZeroDivisionError" in browser.decide("f0", "keep")["error"]
        assert "ZeroDivisionError" in browser.ask("page")["error"]
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_a_front_end_that_is_not_built_is_said(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUILT", tmp_path / "nowhere")
    with pytest.raises(MissingError, match=r"is not built: .*review\.js is missing.*npm run build"):
        review(audit_of(FRAME, found=FOUND), path, by="ada")


def test_a_log_of_other_data_is_refused(path: Path) -> None:
    Browser(review(audit_of(FRAME, found=FOUND), path, by="ada")).decide("f0", "keep")
    with pytest.raises(LogError, match="Review into another log"):
        review(audit_of(FRAME.rename(columns={"y": "z"}), "z", found=[(0, "z", "dog")]), path, by="ada")


# ---------------------------------------------------------------- the widget among others


def test_progress_may_be_observed(browser: Browser, widget: ReviewWidget) -> None:
    seen: list[int] = []
    widget.observe(lambda change: seen.append(change["new"]["decided"]), "progress")
    browser.decide("f0", "keep")
    browser.decide("f2", "keep")
    browser.decide("", "undo")
    assert seen == [1, 2, 1]


def test_an_observer_that_fails_does_not_cost_the_answer(browser: Browser, widget: ReviewWidget, path: Path) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError

    widget.observe(fail, "progress")
    browser.decide("f0", "keep")  # ipywidgets logs what an observer raises
    assert browser.heard[-1]["decided"] == {"f0": "keep"}
    assert len(lines(path)) == 1


def test_what_is_decided_in_a_cell_can_be_shown(browser: Browser, widget: ReviewWidget) -> None:
    widget.session.decide("f2", "keep")
    widget.refresh()
    assert browser.heard[-1]["decided"]["f2"] == "keep"
    assert widget.progress["decided"] == 1


def test_it_composes_and_says_what_it_is(widget: ReviewWidget, path: Path) -> None:
    box = ipywidgets.HBox([widget, ipywidgets.Label("beside")])
    assert box.children[0] is widget
    assert repr(widget) == f"<Review of 5 findings: 0 decided, 5 left, saved to {path}>"
    assert widget.total == 5


def test_decisions_are_no_traits_and_the_state_stays_small(widget: ReviewWidget) -> None:
    own = set(widget.keys) - set(ipywidgets.DOMWidget().keys) - {"_esm", "_css", "_anywidget_id"}
    assert own == {"progress", "selected", "total"}
    assert len(json.dumps(widget.get_state(own))) < 1000


def test_the_static_table_is_escaped_and_ends_after_twenty_rows(path: Path) -> None:
    hostile = '<img src=x onerror="alert(1)">\u202e'
    frame = pd.DataFrame({"text": [hostile] * 30, "y": [f"{i}{hostile}" for i in range(30)]})
    found = [(i, "y", f"{(i + 1) % 30}{hostile}") for i in range(30)]
    bundle, _ = review(audit_of(frame, found=found), path, by="ada")._repr_mimebundle_()
    html = bundle["text/html"]
    assert "<img" not in html
    assert "&lt;img src=x" in html
    assert "\u202e" not in html
    assert html.count("<tr>") == 21 + 2  # the first twenty and the one detector, each below a head
    assert "<td><bdi>labels</bdi></td>" in html
    assert "0 of 30 findings decided, 30 left." in html
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_the_static_table_tells_definitions_and_what_is_unclear(path: Path) -> None:
    frame = pd.DataFrame({"x": range(12), "y": ["cup", "mug"] * 6})
    made = audit_of(frame, found=[(i, "y", "cup" if i % 2 else "mug") for i in range(12)])
    ada, bob = (Review(made, path, by=by) for by in ("ada", "bob"))
    ada.define("cup", "Has no handle, <b>mostly</b>.", ["a teacup"], ["an espresso cup"])
    for i in range(12):
        ada.decide(f"f{i}", "keep")
        bob.decide(f"f{i}", "relabel")
    html = review(made, path, by="ada")._repr_mimebundle_()[0]["text/html"]
    assert "What the classes mean" in html
    assert "Has no handle, &lt;b&gt;mostly&lt;/b&gt;." in html
    assert "an espresso cup" in html
    assert "is not clearly defined: 12 of 12 decisions between them were disputed" in html
    assert "2 reviewers agree in 0 % of 12 cells that several decided" in html


def test_of_a_thousand_classes_a_card_brings_the_likely_ones_and_the_terms_all(path: Path) -> None:
    names = [f"class {i:04d}" for i in range(1000)]
    made = audit_of(pd.DataFrame({"x": range(1000), "y": names}), found=[(999, "y", "class 0500")])
    browser = Browser(review(made, path, by="ada"))
    card = browser.ask("card", finding="f0")
    sent = [c["name"] for c in card["card"]["classes"]]
    assert sent == [*names[:20], "class 0500", "class 0999"]
    assert len(json.dumps(card)) < 5_000
    assert browser.ask("terms")["terms"]["classes"] == names
    assert browser.decide("f0", "relabel", value="class 0777")["id"]
    browser.widget.close()


NOTEBOOK = """
import pandas as pd
from tests.corrections.conftest import audit_of
from dcai.shells.widget import review
frame = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
review(audit_of(frame, found=[(0, "y", "b")]), "y.jsonl", by="ada")
"""


@pytest.mark.parametrize("runner", ["nbclient", "papermill"])
def test_a_headless_run_does_not_wait_and_an_export_shows_the_table(tmp_path: Path, runner: str) -> None:
    folder = Path(__file__).parents[2]
    source = f"import sys, os; sys.path.insert(0, {str(folder)!r}); os.chdir({str(tmp_path)!r})" + NOTEBOOK
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    if runner == "papermill":
        nbformat.write(node, tmp_path / "in.ipynb")
        papermill.execute_notebook(str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), progress_bar=False)
        node = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    else:
        NotebookClient(node, timeout=60, kernel_name="python3", store_widget_state=False).execute()
    (output,) = (o for o in node.cells[0].outputs if o.output_type == "execute_result")
    assert "0 of 1 findings decided, 1 left." in output["data"]["text/html"]
    node.metadata.pop("widgets", None)  # with their state stored, an export shows the widget, which needs a network
    html, _ = HTMLExporter().from_notebook_node(node)
    assert "0 of 1 findings decided, 1 left." in html
    assert not (tmp_path / "y.jsonl").exists()
