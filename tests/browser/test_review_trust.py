"""Decisions that can be trusted, in a real JupyterLab: a killed kernel, a page loaded anew, disputes, hidden values, blindness."""

import os
import signal

import pytest
from playwright.sync_api import expect

from dcai.base.settings import find_settings, mark_sensitive

from .steps import (
    KERNEL_IS_IDLE,
    log_of,
    open_notebook,
    open_review,
    run_command,
    set_theme,
    wait_for_lines,
    wait_until,
    write_notebook,
)

# Rows 0 and 1 are twins with different labels; on rows 20 to 25 something is suggested.
AUDIT = """
import os
from dataclasses import replace
from pathlib import Path
import pandas as pd, dcai
Path("pid").write_text(str(os.getpid()))
frame = pd.DataFrame({"id": range(60), "mail": [f"person{max(i, 1)}@example.org" for i in range(60)],
    "text": [f"message {max(i, 1)}" for i in range(60)], "kind": ["cat"] * 30 + ["dog"] * 30})
frame.loc[1, "kind"] = "dog"
audit = dcai.audit(frame, label="kind", key="id", features=["text"], detectors=["conflicts"])
rows = list(range(20, 26))
made = pd.DataFrame({"finding": [f"made{r}" for r in rows], "row": rows, "key": [{"id": r} for r in rows], "part": None, "column": "kind",
    "detector": "labels", "doubt": 0.99, "given": "cat", "suggested": "dog", "confidence": 0.9, "reason": "A model says otherwise.",
    "peers": [[] for _ in rows]})
audit = replace(audit, findings=pd.concat([made, audit.findings], ignore_index=True))
log = "corrections/log.jsonl"
"""
REVIEW = "dcai.review(audit, log, by='ada')"


@pytest.fixture
def log(folder):
    return folder / "corrections" / "log.jsonl"


@pytest.fixture
def open_with(page, lab, folder):
    """Return the function that opens a review after a cell of preparations."""

    def open_it(more="", review=REVIEW, within="lab"):
        open_notebook(page, lab, write_notebook(folder / "trust.ipynb", AUDIT + more, review), within)
        return open_review(page)

    return open_it


@pytest.fixture
def traffic(page):
    """Return the two switches of what goes between the page and the kernel; what is switched off is lost."""
    state = {"to": True, "back": True}

    def relay(socket):
        server = socket.connect_to_server()
        socket.on_message(lambda message: server.send(message) if state["to"] else None)
        server.on_message(lambda message: socket.send(message) if state["back"] else None)

    page.route_web_socket("**/api/kernels/*/channels*", relay)
    return state


def verdicts_of(lines):
    return [line["verdict"] for line in lines]


@pytest.mark.parametrize("within", ["lab", "notebook"])
def test_what_was_on_its_way_when_the_kernel_was_killed_arrives_once(
    within, page, folder, log, open_with, traffic, shot
):
    root = open_with(within=within)
    # The answer to the first decision is lost, then the second decision itself, and what takes it back.
    traffic["back"] = False
    page.keyboard.press("q")
    wait_for_lines(log, 1, page)
    traffic["to"] = False
    page.keyboard.press("e")
    page.keyboard.press("Control+z")
    expect(root.locator(".dcai-review-saved")).to_contain_text("3 decisions")
    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    (folder / "pid").unlink()
    traffic.update(to=True, back=True)
    told = page.locator(".jp-Dialog")
    told.get_by_role("button", name="Ok").click()
    expect(root.locator(".dcai-review-saved")).to_contain_text("3 decisions not saved")
    shot("killed")
    page.wait_for_function(KERNEL_IS_IDLE)
    root = open_review(page)
    lines = wait_for_lines(log, 3, page)
    assert verdicts_of(lines) == ["keep", "exclude", "undo"]
    assert lines[2]["undoes"] == lines[1]["id"]
    # The state is the one that was left: one finding is decided, and a further undo takes that back too.
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(1)
    expect(root.locator(".dcai-review-saved")).to_contain_text("saved to")
    page.keyboard.press("Control+z")
    lines = wait_for_lines(log, 4, page)
    assert lines[3]["undoes"] == lines[0]["id"]
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(0)


def test_what_was_not_saved_when_the_page_was_left_arrives_once(page, log, open_with, traffic, shot):
    root = open_with(within="notebook")
    traffic["to"] = False
    page.keyboard.press("w")
    page.keyboard.press("m")
    page.keyboard.type("half a thought")
    expect(root.locator(".dcai-review-badge.is-pending")).to_have_count(1)
    page.once("dialog", lambda dialog: dialog.accept())  # the browser asks whether to leave
    page.reload()
    traffic["to"] = True
    page.wait_for_function(KERNEL_IS_IDLE)
    assert log_of(log) == []
    root = open_review(page)
    (line,) = wait_for_lines(log, 1, page)
    assert (line["verdict"], line["value"], line["by"]) == ("relabel", "dog", "ada")
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(1)
    expect(root.get_by_label("Note")).to_have_value("half a thought")
    shot("reloaded")


def test_a_notebook_with_unsaved_decisions_is_closed_after_a_question_only(page, log, open_with, traffic, shot):
    root = open_with()
    traffic["to"] = False
    page.keyboard.press("q")
    expect(root.locator(".dcai-review-saved")).to_contain_text("1 decision")
    run_command(page, "application:close")
    asked = page.locator(".jp-Dialog")
    expect(asked).to_contain_text("1 decision is not saved yet")
    shot("closing")
    asked.get_by_role("button", name="Wait").click()
    expect(root).to_be_visible()
    traffic["to"] = True
    wait_for_lines(log, 1, page)
    expect(root.locator(".dcai-review-saved")).to_contain_text("saved to")
    run_command(page, "docmanager:save")
    expect(page.locator(".jp-NotebookPanel.jp-mod-dirty, .lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)
    run_command(page, "application:close")
    expect(root).to_have_count(0)
    expect(page.locator(".jp-Dialog")).to_have_count(0)


def test_a_restarted_kernel_resumes_where_the_review_was_left(page, log, open_with):
    root = open_with(within="notebook")
    page.keyboard.press("q")
    page.keyboard.press("w")
    wait_for_lines(log, 2)
    left = root.locator(".dcai-review-head strong")
    expect(left).to_have_text("Row 22")
    run_command(page, "kernelmenu:restart")
    page.locator(".jp-Dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    page.wait_for_function(KERNEL_IS_IDLE)
    root = open_review(page)
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(2)
    expect(root.locator(".dcai-review-head strong")).to_have_text("Row 22")
    page.keyboard.press("Control+z")
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(1)
    page.keyboard.press("Control+Shift+Z")
    assert verdicts_of(wait_for_lines(log, 4)) == ["keep", "relabel", "undo", "undo"]
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(2)


DISPUTE = """
dcai.Review(audit, log, by="ada").decide("made20", "keep")
dcai.Review(audit, log, by="bob").decide("made20", "relabel", "dog", note="it barks <b>loudly</b>")
dcai.Review(audit, log, by="bob").decide("made21", "keep")
"""


@pytest.mark.parametrize("within", ["lab", "notebook"])
def test_what_reviewers_disagree_about_is_open_and_is_settled(within, page, log, open_with, shot):
    root = open_with(DISPUTE, within=within)
    expect(root.locator(".dcai-review-count")).to_contain_text("1 disputed")
    # It is open, so the review begins there.
    expect(root.locator(".dcai-review-head strong")).to_have_text("Row 20")
    said = root.get_by_role("region", name="Disputed")
    expect(said.get_by_role("listitem")).to_have_count(2)
    expect(said).to_contain_text("it barks <b>loudly</b>")
    set_theme(page, "JupyterLab Light")
    shot("disputed-light")
    set_theme(page, "JupyterLab Dark")
    shot("disputed-dark")
    root.focus()
    page.keyboard.press("f")
    dialog = root.get_by_role("dialog", name="Filter, search and sort")
    dialog.get_by_label("State").select_option("disputed")
    page.keyboard.press("Enter")
    expect(root.locator(".dcai-review-line")).to_have_count(1)
    expect(said).to_be_visible()
    before = log_of(log)
    page.keyboard.press("w")
    line = wait_for_lines(log, 4)[-1]
    assert (line["verdict"], line["value"], line["by"]) == ("relabel", "dog", "ada")
    assert sorted(line["resolves"]) == sorted(known["id"] for known in before[:2])
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(1)
    expect(root.locator(".dcai-review-count")).not_to_contain_text("disputed")
    page.keyboard.press("i")
    people = root.get_by_role("dialog", name="What is known about the reviewers")
    expect(people.get_by_role("listitem").first).to_be_visible()
    shot("people-dark")
    page.keyboard.press("Escape")
    set_theme(page, "JupyterLab Light")


@pytest.mark.parametrize("within", ["lab", "notebook"])
def test_sensitive_values_are_neither_shown_nor_found_nor_written(within, page, log, folder, open_with, shot):
    mark_sensitive(find_settings(folder), "mail")
    root = open_with(within=within)
    expect(root).to_contain_text("Sensitive columns are hidden: mail.")
    expect(root.locator(".dcai-review-rows tr", has_text="mail")).to_have_count(1)
    assert "@example.org" not in root.inner_html()
    shot("sensitive-light")
    page.keyboard.press("f")
    page.keyboard.type("person20@example.org")
    page.keyboard.press("Enter")
    expect(root.get_by_text("No finding passes this filter")).to_be_visible()
    root.get_by_role("button", name="Show all").click()
    root.focus()
    page.keyboard.press("g")
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    expect(root.locator(".dcai-review-rows thead")).to_contain_text("Row 1")
    assert "@example.org" not in root.inner_html()
    page.keyboard.press("e")
    wait_for_lines(log, 1)
    assert b"@example.org" not in log.read_bytes()


@pytest.mark.parametrize("within", ["lab", "notebook"])
def test_a_blind_reviewer_sees_no_suggestion_before_the_verdict(within, page, log, open_with, shot):
    root = open_with(DISPUTE, review="dcai.review(audit, log, by='cleo', blind=True)", within=within)
    expect(root).to_contain_text("Blind review: the suggestion shows once you have decided.")
    # What others have decided is not shown, nor that they disagree.
    expect(root.locator(".dcai-review-count")).to_contain_text("0 of")
    expect(root.get_by_role("region", name="Disputed")).to_have_count(0)
    expect(root.locator(".dcai-review-chip.is-suggested, .dcai-review-class.is-suggested")).to_have_count(0)
    shot("blind-light")
    page.keyboard.press("w")
    expect(root.get_by_role("status").last).to_have_text("There is no suggestion for this row.")
    page.keyboard.press("g")
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    expect(root.locator(".dcai-review-rows thead")).to_contain_text("Row 1")
    labels = root.locator(".dcai-review-rows .dcai-review-pill")
    expect(labels).to_have_count(0)
    page.keyboard.press("q")
    wait_for_lines(log, 4)
    page.keyboard.press("g")
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    expect(root.locator(".dcai-review-head .dcai-review-badge")).to_contain_text("kept")
    expect(labels).to_have_count(2)
    shot("blind-decided-light")


def test_who_follows_a_planted_suggestion_is_told(page, log, open_with, shot):
    root = open_with(review="dcai.review(audit, log, by='ada', controls={40: 'dog'}, repeats=1)")
    page.keyboard.press("g")
    page.keyboard.type("40")
    page.keyboard.press("Enter")
    expect(root.locator(".dcai-review-head strong")).to_have_text("Row 40")
    page.keyboard.press("w")
    wait_for_lines(log.with_name("log.controls.jsonl"), 1)
    assert not log.exists()
    page.keyboard.press("i")
    told = root.get_by_role("dialog", name="What is known about the reviewers").get_by_role("listitem").first
    expect(told).to_contain_text("1 of 1 controls wrong, so about 100 % of all decisions (3 to 100 %)")
    expect(told).to_contain_text("a wrong suggestion was taken in 100 %")
    shot("controls-light")


@pytest.mark.parametrize("within", ["lab", "notebook"])
def test_all_of_it_is_read_and_reached_by_keyboard(within, page, log, open_with):
    root = open_with(within=within)
    page.keyboard.press("?")
    dialog = root.get_by_role("dialog", name="Keys")
    page.set_viewport_size({"width": 1280, "height": 480})
    page.keyboard.press("End")
    wait_until(lambda: dialog.evaluate("node => node.scrollTop") > 0, "the help scrolls", page=page)
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1280, "height": 900})
    # From the review Tab leads past the header and the queue's buttons into the card, which is a document to read.
    card = root.get_by_role("document", name="The finding")
    for _ in range(12):
        page.keyboard.press("Tab")
        if card.evaluate("node => node === document.activeElement"):
            break
    expect(card).to_be_focused()
    page.keyboard.press("Tab")
    first = root.get_by_role("region", name="Classes").get_by_role("button").first
    expect(first).to_be_focused()
    # The rows most like it come, and the card is drawn again: the focus stays.
    expect(root.locator(".dcai-review-rows thead")).to_be_visible()
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    assert wait_for_lines(log, 1)[0]["column"] == "kind"
    expect(root).to_be_focused()
    root.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    wait_for_lines(log, 2)
    expect(root.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("e")
    assert wait_for_lines(log, 3)[-1]["verdict"] == "exclude"
