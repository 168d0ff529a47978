"""A review in a real JupyterLab: by keyboard, with what is on disk compared to what is on screen."""

import pytest
from playwright.sync_api import expect

from .steps import log_of, open_notebook, open_review, run_command, set_theme, wait_for_lines, write_notebook

# Two clouds of points, told apart by any model; four labels are wrong, some cells too.
AUDIT = """
import numpy as np, pandas as pd, dcai
rng = np.random.default_rng(3)
kind = np.repeat(["refund", "delivery", "complaint"], 60)
centre = {"refund": (0, 0), "delivery": (8, 0), "complaint": (0, 8)}
frame = pd.DataFrame({
    "ticket": np.arange(88000, 88180),
    "text": [f"{k}: message {i}, <b>not bold</b>, about an order that came late and broken" for i, k in enumerate(kind)],
    "amount": [centre[k][0] + rng.normal() for k in kind],
    "weight": [centre[k][1] + rng.normal() for k in kind],
    "country": rng.choice(["DE", "FR", "NL"], 180),
    "intent": kind,
})
for row, wrong in ((3, "delivery"), (17, "complaint"), (70, "refund"), (130, "delivery")):
    frame.loc[row, "intent"] = wrong
frame.loc[[20, 90], "country"] = "N/A"
audit = dcai.audit(frame, label="intent", key="ticket", features=["amount", "weight"], detectors=["labels", "missing", "variants"])
"""
REVIEW = "widget = dcai.review(audit, 'corrections/intent.jsonl', by='ada')\nwidget"
BUSY = "import time\ntime.sleep(25)\nprint('slept')"


@pytest.fixture
def open_in(page, lab, folder):
    """Return the function that opens the review, in JupyterLab or in Notebook 7, with the keys on."""

    def open_it(within):
        open_notebook(page, lab, write_notebook(folder / "review.ipynb", AUDIT, REVIEW, BUSY), within)
        return open_review(page)

    return open_it


@pytest.fixture
def root(open_in):
    return open_in("lab")


@pytest.fixture
def log(folder):
    return folder / "corrections" / "intent.jsonl"


def shown_verdicts(root):
    """Read what the queue says of its findings: row and state, for those decided."""
    lines = root.locator(".dcai-review-line:has(.dcai-review-badge)")
    found = {}
    for line in lines.all():
        row = int(line.locator(".dcai-review-line-row").inner_text().removeprefix("Row "))
        found[row] = line.locator(".dcai-review-badge").inner_text().replace("\n", "")
    return found


def row_of(root):
    """Read which row the card is about."""
    return int(root.locator(".dcai-review-head strong").inner_text().removeprefix("Row "))


@pytest.mark.parametrize("within", ["lab", "notebook"])
def test_decide_by_keyboard_and_find_it_on_disk(within, page, log, open_in, shot):
    root = open_in(within)
    shot("review-light")
    rows = []
    for key in ("w", "q", "e", "n", "w"):
        before = row_of(root)
        rows.append(before)
        page.keyboard.press(key)
        expect(root.locator(".dcai-review-head strong")).not_to_have_text(f"Row {before}")
    lines = wait_for_lines(log, 5)
    expect(root.locator(".dcai-review-badge.is-pending")).to_have_count(0)
    assert [line["key"]["ticket"] - 88000 for line in lines] == rows
    assert [line["verdict"] for line in lines[:4]] == ["relabel", "keep", "exclude", "unsure"]
    assert lines[4]["verdict"] in ("relabel", "edit")
    words = {"relabel": "✓relabelled", "keep": "✓kept", "exclude": "✓excluded", "unsure": "✓unsure", "edit": "✓edited"}
    assert shown_verdicts(root) == {row: words[line["verdict"]] for row, line in zip(rows, lines, strict=True)}
    assert lines[0]["value"] in ("refund", "delivery", "complaint")
    assert {line["by"] for line in lines} == {"ada"}
    expect(root.locator(".dcai-review-saved")).to_have_text("saved to …/corrections/intent.jsonl")
    shot("review-decided")

    # Keys in the note decide nothing; the note is saved with the decision.
    page.keyboard.press("m")
    page.keyboard.type("qwe123 see b")
    expect(root.get_by_label("Note")).to_be_focused()
    assert len(log_of(log)) == 5
    page.keyboard.press("Escape")
    page.keyboard.press("q")
    line = wait_for_lines(log, 6)[-1]
    assert (line["verdict"], line["note"]) == ("keep", "qwe123 see b")
    expect(root.get_by_text("All done")).to_be_visible()
    shot("review-done")

    # Run again, the cell shows what is on disk.
    page.locator(".jp-Notebook .jp-CodeCell").nth(1).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".dcai-review")).to_have_count(1)
    expect(page.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(6)
    assert len(log_of(log)) == 6


def test_undo_redo_and_a_quick_hand(page, log, root):
    first = row_of(root)
    page.keyboard.press("e")
    wait_for_lines(log, 1)
    page.keyboard.press("Control+z")
    expect(root.locator(".dcai-review-head strong")).to_have_text(f"Row {first}")
    expect(root.locator(".dcai-review-line.is-selected .dcai-review-badge")).to_have_count(0)
    page.keyboard.press("Control+Shift+Z")
    expect(root.locator(".dcai-review-line.is-selected .dcai-review-badge")).to_contain_text("excluded")
    lines = wait_for_lines(log, 3)
    assert [line["verdict"] for line in lines] == ["exclude", "undo", "undo"]

    # Twenty keys at full speed are twenty lines, in order.
    for _ in range(10):
        page.keyboard.press("q")
        page.keyboard.press("Control+z")
    lines = wait_for_lines(log, 23)[3:]
    assert [line["verdict"] for line in lines] == ["keep", "undo"] * 10
    assert [line["undoes"] for line in lines[1::2]] == [line["id"] for line in lines[::2]]


@pytest.mark.parametrize("within", ["lab", "notebook"])
def test_the_notebook_keeps_its_keys_and_a_running_cell_does_not_stop_the_review(within, page, log, open_in):
    root = open_in(within)
    cells = page.locator(".jp-Notebook .jp-Cell")
    before = cells.count()
    # In a notebook these add cells, cut, delete, change a cell's kind and run it.
    for key in ("b", "Escape", "a", "x", "d", "d", "y", "j", "k", "Shift+Enter", "Escape", "Escape", "z"):
        page.keyboard.press(key)
    expect(cells).to_have_count(before)
    expect(page.locator(".jp-Notebook .jp-MarkdownCell, .jp-Notebook .jp-RawCell")).to_have_count(0)
    expect(root).to_be_focused()
    assert log_of(log) == []

    prompt = cells.nth(2).locator(".jp-InputPrompt")
    cells.nth(2).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(prompt).to_have_text("[*]:")
    root.focus()
    page.keyboard.press("q")
    page.keyboard.press("e")
    lines = wait_for_lines(log, 2)
    assert [line["verdict"] for line in lines] == ["keep", "exclude"]
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(2)
    expect(prompt).to_have_text("[*]:")
    run_command(page, "kernelmenu:interrupt")

    # Outside the review the notebook has its keys.
    cells.nth(0).locator(".cm-content").click()
    before = cells.count()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(cells).to_have_count(before + 1)


def test_every_look_of_it(page, root, shot):
    page.keyboard.press("?")
    expect(root.get_by_role("dialog", name="Keys")).to_be_visible()
    shot("review-help")
    page.keyboard.press("Escape")
    root.locator(".dcai-review-line", has_text="missing value").first.click()
    expect(root.locator(".dcai-review-diff")).to_contain_text("N/A")
    shot("review-cell")
    page.keyboard.press("Enter")
    expect(root.get_by_label("New value")).to_have_value("N/A")
    shot("review-edit")
    page.keyboard.press("Escape")
    root.locator(".dcai-review-line").first.click()
    page.keyboard.press("/")
    page.keyboard.type("com")
    search = root.get_by_role("dialog", name="Take another class")
    expect(search.get_by_role("option", name="complaint")).to_be_visible()
    shot("review-search")
    page.keyboard.press("Escape")
    set_theme(page, "JupyterLab Dark")
    root.focus()
    page.keyboard.press("q")
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(1)
    shot("review-dark")
    page.keyboard.press("b")
    expect(root.get_by_role("dialog", name="Several values are right")).to_be_visible()
    shot("review-dark-several")
    page.keyboard.press("Escape")

    # Where there is little room, the queue stands above the card, and nothing sticks out.
    queue, card = root.locator(".dcai-review-left"), root.locator(".dcai-review-main")
    assert queue.bounding_box()["y"] == card.bounding_box()["y"]
    root.evaluate("node => { node.style.width = '520px'; }")
    above, below = queue.bounding_box(), card.bounding_box()
    assert above["y"] + above["height"] <= below["y"] + 1
    assert root.evaluate(
        "node => [...node.querySelectorAll('.dcai-review-footer, .dcai-review-header')].every(n => n.scrollWidth <= 520)"
    )
    shot("review-narrow")
