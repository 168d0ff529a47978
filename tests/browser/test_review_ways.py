"""Ways of working with the review in a real JupyterLab: definitions, digits, many classes, a lost connection, accessibility."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .steps import log_of, open_notebook, open_review, set_theme, wait_for_lines, write_notebook

AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
# Digits, and as many other names as there are; some labels are wrong.
AUDIT = """
import numpy as np, pandas as pd, dcai
rng = np.random.default_rng(2)
n = 200
digit = np.repeat([3, 7], n // 2)
frame = pd.DataFrame({"id": range(n), "x": digit * 2 + rng.normal(size=n).round(2), "y": rng.normal(size=n).round(2), "digit": digit})
frame.loc[[4, 9, 150], "digit"] = [7, 7, 3]
names = [f"kind number {i:03d}" for i in range(1000)]
many = pd.DataFrame({"x": range(2000), "z": rng.normal(size=2000), "kind": names * 2})
audit = dcai.audit(frame, label="digit", key="id", detectors=["labels"])
"""
MANY = """
from dataclasses import replace
audit = dcai.audit(many, label="kind", key="x", detectors=["duplicates"])
queue = pd.DataFrame({"finding": ["a", "b"], "row": [1, 1001], "key": [{"x": 1}, {"x": 1001}], "part": None, "column": "kind", "detector": "labels",
    "doubt": 0.9, "given": names[1], "suggested": names[2], "confidence": 0.5, "reason": "It may be another kind.", "peers": [[], []]})
audit = replace(audit, findings=queue)
"""
REVIEW = "widget = dcai.review(audit, 'corrections/log.jsonl', by='ada')\nwidget"


@pytest.fixture
def log(folder):
    return folder / "corrections" / "log.jsonl"


@pytest.fixture
def open_with(page, lab, folder):
    """Return the function that opens a review after a cell of preparations."""

    def open_it(first, within):
        open_notebook(page, lab, write_notebook(folder / "ways.ipynb", first, REVIEW), within)
        return open_review(page)

    return open_it


@pytest.mark.parametrize("within", ["lab", "notebook"])
def test_digits_and_definitions(within, page, log, open_with, folder, shot):
    root = open_with(AUDIT, within)
    row = root.locator(".dcai-review-head strong").inner_text()
    page.keyboard.press("d")
    dialog = root.get_by_role("dialog", name="What the classes mean")
    expect(dialog.get_by_label("Meaning")).to_be_focused()
    page.keyboard.type("A seven, also with a bar.")
    dialog.get_by_label("Borderline").fill("a one with a long serif is a one")
    shot("define-light")
    page.keyboard.press("Control+Enter")
    expect(dialog.get_by_role("status")).to_have_text("Saved in dcai.yaml.")
    page.keyboard.press("Escape")
    assert "with a bar" in (folder / "dcai.yaml").read_text()
    expect(root.get_by_role("region", name="Classes")).to_contain_text("with a bar")
    shot("digits-light")
    # The key takes the class of that name, whatever its place; one that is no class takes none.
    expect(root.locator(".dcai-review-head strong")).to_have_text(row)
    page.keyboard.press("5")
    expect(root.get_by_text("No class has the key 5")).to_be_visible()
    assert log_of(log) == []
    page.keyboard.press("7")
    page.keyboard.press("7")
    page.keyboard.press("3")
    lines = wait_for_lines(log, 3)
    taken = [line["given"] if line["verdict"] == "keep" else line["value"] for line in lines]
    assert taken == [7, 7, 3]
    assert all(line["why"]["definitions"] for line in lines)


@pytest.mark.parametrize("within", ["lab", "notebook"])
def test_a_thousand_classes_are_found_by_a_few_letters(within, page, log, open_with, shot):
    root = open_with(AUDIT + MANY, within)
    expect(root.get_by_role("region", name="Classes").get_by_role("button")).to_have_count(11)
    page.keyboard.press("/")
    page.keyboard.type("ber 777")
    expect(root.get_by_role("option", name="kind number 777")).to_be_visible()
    shot("thousand-light")
    page.keyboard.press("Enter")
    (line,) = wait_for_lines(log, 1)
    assert (line["verdict"], line["value"]) == ("relabel", "kind number 777")


@pytest.mark.parametrize("within", ["lab", "notebook"])
def test_what_is_decided_while_the_connection_is_away_arrives_once(within, page, log, open_with, shot):
    state = {"to": True, "back": True}

    def relay(socket):
        server = socket.connect_to_server()
        socket.on_message(lambda message: server.send(message) if state["to"] else None)
        server.on_message(lambda message: socket.send(message) if state["back"] else None)

    page.route_web_socket("**/api/kernels/*/channels*", relay)
    root = open_with(AUDIT, within)
    # What is sent is lost.
    state["to"] = False
    page.keyboard.press("q")
    pending = root.locator(".dcai-review-badge.is-pending")
    expect(pending).to_have_count(1)
    expect(root.locator(".dcai-review-saved")).to_contain_text("not saved yet: waiting for the kernel")
    shot("away-light")
    assert log_of(log) == []
    state["to"] = True
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(1)
    wait_for_lines(log, 1, page)
    # What is answered is lost: it is sent again, and is decided once.
    state["back"] = False
    page.keyboard.press("e")
    wait_for_lines(log, 2, page)
    expect(root.locator(".dcai-review-saved")).to_contain_text("not saved yet")
    state["back"] = True
    expect(pending).to_have_count(0)
    assert [line["verdict"] for line in log_of(log)] == ["keep", "exclude"]


GROUPS = """
from dataclasses import replace
rows = list(range(20, 80)) + list(range(120, 150))
frame = pd.DataFrame({"id": range(200), "text": [f"message {i // 2 if i < 4 else i}" for i in range(200)], "kind": ["cat"] * 100 + ["dog"] * 100})
frame.loc[1, "kind"] = "dog"
audit = dcai.audit(frame, label="kind", key="id", features=["text"], detectors=["conflicts"])
made = pd.DataFrame({"finding": [f"made{r}" for r in rows], "row": rows, "key": [{"id": r} for r in rows], "part": None, "column": "kind",
    "detector": "labels", "doubt": 0.5, "given": ["cat"] * 60 + ["dog"] * 30, "suggested": ["dog"] * 60 + ["cat"] * 30, "confidence": 0.9,
    "reason": "A model says otherwise.", "peers": [[] for _ in rows]})
audit = replace(audit, findings=pd.concat([audit.findings, made], ignore_index=True))
"""


@pytest.mark.parametrize("within", ["lab", "notebook"])
def test_twins_stand_side_by_side_and_groups_are_certified_or_refused(within, page, log, open_with, shot):
    root = open_with("import pandas as pd, dcai" + GROUPS, within)
    set_theme(page, "JupyterLab Light")
    root.focus()
    # Two rows that differ in nothing but the label.
    expect(root.locator(".dcai-review-rows thead th")).to_have_count(2)
    expect(root.locator(".dcai-review-rows td.is-different .dcai-review-pill")).to_have_count(1)
    shot("twins-light")
    set_theme(page, "JupyterLab Dark")
    shot("twins-dark")
    root.focus()
    page.keyboard.press("g")
    page.keyboard.type("20")
    page.keyboard.press("Enter")
    group = root.get_by_role("region", name="Group")
    expect(group).to_contain_text("Locked until some of its 60 members, drawn at random, have been reviewed.")
    page.keyboard.press("a")
    expect(root.get_by_role("status").last).to_contain_text("The group is not certified yet.")
    group.evaluate("node => node.scrollIntoView()")
    shot("group-locked-dark")
    page.keyboard.press("r")
    expect(root.get_by_role("status").last).to_contain_text("was drawn at random from its group")
    accept = group.get_by_role("button", name="Accept all")
    taken = 0
    while accept.is_disabled() and taken < 40:
        expect(root.get_by_role("button", name="Take “dog”")).to_be_enabled()
        before = root.locator(".dcai-review-head strong").inner_text()
        page.keyboard.press("w")
        taken += 1
        expect(root.locator(".dcai-review-head strong")).not_to_have_text(before)
        expect(group).to_contain_text(f"{taken} of 60 decided")
    left = 60 - taken
    expect(group).to_contain_text(f"Accept {left} rows: at least 8")
    group.evaluate("node => node.scrollIntoView()")
    shot("group-certified-dark")
    page.keyboard.press("a")
    expect(root.locator(".dcai-review-count")).to_contain_text("60 of 92 decided")
    lines = wait_for_lines(log, 60)
    assert all("certificate" in line["why"] for line in lines[taken:])
    assert len({line["why"]["sent"] for line in lines}) == taken + 1
    # A group whose suggestions are wrong is refused before many rows are spent on it.
    page.keyboard.press("g")
    page.keyboard.type("125")
    page.keyboard.press("Enter")
    expect(root.locator(".dcai-review-head strong")).to_have_text("Row 125")
    expect(group).to_contain_text("Locked until some of its 30 members")
    page.keyboard.press("r")
    expect(root.get_by_role("status").last).to_contain_text("was drawn at random from its group")
    for kept in range(1, 6):
        expect(root.get_by_role("button", name="Keep “dog”")).to_be_enabled()
        before = root.locator(".dcai-review-head strong").inner_text()
        page.keyboard.press("q")
        expect(root.locator(".dcai-review-head strong")).not_to_have_text(before)
        expect(group).to_contain_text(f"{kept} of 30 decided")
    expect(group).to_contain_text("Refused: 0 of 5 random members were right")
    set_theme(page, "JupyterLab Light")
    group.evaluate("node => node.scrollIntoView()")  # at once: the card may be drawn again meanwhile
    shot("group-refused-light")


def broken_rules(page):
    """List what axe-core finds wrong with the review on screen."""
    found = page.evaluate("async () => (await axe.run('.dcai-review', { resultTypes: ['violations'] })).violations")
    return [f"{v['id']}: {node['html'][:160]}: {node['failureSummary'][:300]}" for v in found for node in v["nodes"]]


@pytest.mark.parametrize(
    ("theme", "within"), [("JupyterLab Light", "lab"), ("JupyterLab Dark", "lab"), ("JupyterLab Light", "notebook")]
)
def test_nothing_stands_in_the_way_of_a_screen_reader(page, open_with, theme, within, shot):
    if not AXE.exists() and not os.environ.get("DCAI_REQUIRE_BROWSER"):
        pytest.skip("axe-core is not installed: run npm ci in labextension/")
    root = open_with(AUDIT, within)
    page.add_script_tag(path=AXE)
    set_theme(page, theme)
    root.focus()
    found = {"card": broken_rules(page)}
    for key, name in (("?", "Keys"), ("f", "Filter, search and sort"), ("g", "Go to a row"), ("/", "Take another class"),
                      ("Enter", "Edit a value"), ("b", "Several values are right"), ("d", "What the classes mean"),
                      ("i", "What is known about the reviewers")):  # fmt: skip
        page.keyboard.press(key)
        expect(root.get_by_role("dialog", name=name)).to_be_visible()
        found[name] = broken_rules(page)
        shot(f"dialog-{name.split()[0].lower()}-{theme.split()[1].lower()}")
        page.keyboard.press("Escape")
        expect(root).to_be_focused()
    page.keyboard.press("q")
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(1)
    found["decided"] = broken_rules(page)
    root.evaluate("node => { node.style.width = '480px'; }")
    found["narrow"] = broken_rules(page)
    shot(f"narrow-{theme.split()[1].lower()}")
    said = [f"{where}: {rule}" for where, rules in found.items() for rule in rules]
    assert not said, "\n".join(said)
