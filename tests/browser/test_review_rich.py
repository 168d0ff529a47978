"""What a card shows of rich and of hostile rows, and the ways through the queue, in a real JupyterLab."""

import json
import re

import pytest
from playwright.sync_api import expect

from .steps import open_notebook, open_review, set_theme, wait_for_lines, write_notebook

# Two clouds of points; on some rows a picture, a sound, a link, a long text, and text that means harm.
AUDIT = """
import io, math, struct, wave
import numpy as np, pandas as pd, dcai
from PIL import Image
rng = np.random.default_rng(5)
def picture(shade):
    out = io.BytesIO()
    Image.new("RGB", (48, 32), (shade, 90, 200 - shade // 2)).save(out, "PNG")
    return out.getvalue()
def sound(pitch):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1); file.setsampwidth(2); file.setframerate(8000)
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(i * pitch / 8000 * 6.283))) for i in range(2000)))
    return out.getvalue()
n = 240
kind = np.repeat(["apple", "pear", "plum"], n // 3).astype(object)
x = np.select([kind == "apple", kind == "pear"], [0.0, 8.0], 0.0) + rng.normal(size=n)
y = np.select([kind == "apple", kind == "plum"], [0.0, 9.0], 0.0) + rng.normal(size=n)
frame = pd.DataFrame({
    "id": [f"fruit-{i:03d}" for i in range(n)],
    "photo": [picture(i) for i in range(n)],
    "recording": [sound(200 + i) for i in range(n)],
    "page": [f"https://example.org/fruit/{i}?a=1&b=2" for i in range(n)],
    "notes": pd.Series(["A long remark about this fruit. " * (30 if i % 2 else 1) for i in range(n)], dtype=object),
    "x": x.round(3), "y": y.round(3), "weight": rng.normal(150, 12, n).round(1),
    "picked": pd.date_range("2024-01-01", periods=n, freq="D"),
    "country": rng.choice(["Germany", "France", "Italy"], n).astype(object),
    "fruit": kind,
})
frame.loc[[5, 100], "fruit"] = ["plum", "apple"]
frame.loc[7, "weight"] = 15000.0
frame.loc[[11, 12, 13], "country"] = "Germny"
frame.loc[[14], "country"] = "GERMANY"
frame.loc[[20, 21], "country"] = "N/A"
frame.loc[[30, 31], "fruit"] = "Apple "
frame.loc[5, "notes"] = "<img src=x onerror='window.harmed = 1'><script>window.harmed = 2</script> \\x1b[31mred\\x1b[0m \\u202egnp.exe " + "long " * 3000
frame.loc[5, "page"] = "javascript:window.harmed=3"
audit = dcai.audit(frame, label="fruit", key="id", features=["x", "y"],
                   detectors=["labels", "missing", "variants", "ranges", "label_names"])
"""
REVIEW = "widget = dcai.review(audit, 'corrections/fruit.jsonl', by='ada')\nwidget"


@pytest.fixture(params=["lab", "notebook"])
def root(page, lab, folder, request):
    notebook = write_notebook(folder / "fruit.ipynb", AUDIT, REVIEW)
    open_notebook(page, lab, notebook, request.param)
    return open_review(page)


def lines_of(root):
    return root.locator(".dcai-review-line")


def go_to(page, root, where):
    """Go to a row by keyboard."""
    page.keyboard.press("g")
    dialog = root.get_by_role("dialog", name="Go to a row")
    expect(dialog.get_by_label("Row, key or finding")).to_be_focused()
    page.keyboard.type(where)
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(root.locator(".dcai-review-head strong")).to_be_visible()


def test_a_card_shows_what_a_row_holds(page, root, shot):
    set_theme(page, "JupyterLab Light")
    root.focus()
    go_to(page, root, "100")
    expect(root.get_by_role("img", name="Image in photo").first).to_be_visible()
    expect(root.get_by_role("img", name="Image in photo").first).to_have_js_property("naturalWidth", 48)
    expect(root.get_by_label("Sound in recording").first).to_be_visible()
    link = root.get_by_role("link", name="https://example.org/fruit/100?a=1&b=2")
    assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    spread = root.locator(".dcai-review-measured", has_text=re.compile(r"^8|^-?0|^1")).first
    expect(spread.get_by_role("img")).to_be_visible()
    page.keyboard.press("p")
    page.wait_for_function("document.querySelector('.dcai-review audio').currentTime > 0")
    # The rows most like it come by themselves, with their labels.
    expect(root.locator(".dcai-review-rows thead th").nth(2)).to_be_visible()
    shot("rich-label-light")
    set_theme(page, "JupyterLab Dark")
    shot("rich-label-dark")
    root.focus()
    go_to(page, root, "7")
    expect(root.locator("tr.is-found .dcai-review-spread-mark.is-given")).to_have_count(1)
    shot("rich-range-dark")
    set_theme(page, "JupyterLab Light")
    root.focus()
    go_to(page, root, "fruit-020")
    context = root.get_by_role("region", name="The column")
    expect(context).to_contain_text("Germany")
    expect(context.locator("li", has_text="given")).to_contain_text("2 rows")
    shot("rich-missing-light")


def test_hostile_text_is_shown_and_does_nothing(page, root, shot):
    go_to(page, root, "5")
    notes = root.locator(".dcai-review-rows tr", has_text="notes").first
    expect(notes).to_contain_text("<img src=x onerror='window.harmed = 1'><script>window.harmed = 2</script>")
    expect(notes).to_contain_text("U+001B")
    expect(notes).to_contain_text("U+202E")
    expect(notes).to_contain_text("cut for display")
    assert root.locator(".dcai-review-rows a", has_text="javascript").count() == 0
    assert page.evaluate("window.harmed") is None
    shot("rich-hostile-light")


def test_filter_search_sort_and_go(page, root, shot):
    whole = lines_of(root).count()
    page.keyboard.press("f")
    dialog = root.get_by_role("dialog", name="Filter, search and sort")
    expect(dialog.get_by_label("Found by").locator("option")).not_to_have_count(1)
    shot("filter-dialog-light")
    dialog.get_by_label("Found by").select_option(label="spelling variant (4)")
    page.keyboard.press("Enter")
    expect(lines_of(root)).to_have_count(4)
    bar = root.get_by_role("toolbar", name="The queue")
    expect(bar).to_contain_text("4 findings: spelling variant")
    shot("filter-shown-light")
    # A decision leaves the line where it is; the filter for open ones leaves it out.
    root.focus()
    page.keyboard.press("q")
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(1)
    page.keyboard.press("f")
    dialog.get_by_label("State").select_option("open")
    dialog.get_by_role("button", name="Show these").click()
    expect(lines_of(root)).to_have_count(3)
    # A row outside of the filter is shown all the same.
    root.focus()
    go_to(page, root, "7")
    expect(root.locator(".dcai-review-head strong")).to_have_text("Row 7")
    expect(root.locator(".dcai-review-line.is-selected")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    expect(root.get_by_role("dialog", name="Go to a row").get_by_role("alert")).to_contain_text(
        "Nothing was found in row 8. The nearest"
    )
    page.keyboard.press("Escape")
    bar.get_by_role("button", name="Show all").click()
    expect(lines_of(root)).to_have_count(whole)
    # A search looks through the rows' texts too.
    page.keyboard.press("f")
    page.keyboard.type("fruit-005")
    page.keyboard.press("Enter")
    expect(root.locator(".dcai-review-head strong")).to_have_text("Row 5")
    page.keyboard.press("f")
    page.keyboard.type("nothing has this")
    page.keyboard.press("Enter")
    expect(root.get_by_text("No finding passes this filter")).to_be_visible()
    shot("filter-empty-light")


def test_spellings_are_merged_split_and_taken_back(page, root, folder, shot):
    log = folder / "corrections" / "fruit.jsonl"
    go_to(page, root, "11")
    page.keyboard.press("v")
    dialog = root.get_by_role("dialog", name="Spellings in country")
    options = dialog.get_by_role("option")
    expect(options).to_have_count(3)
    expect(options.nth(0)).to_have_attribute("aria-label", re.compile(r"^Germany, \d+ rows, stays$"))
    shot("merge-light")
    # GERMANY is split off: it stays a value of its own.
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    expect(options.nth(2)).to_have_attribute("aria-label", "GERMANY, 1 row, on its own")
    page.keyboard.press("Control+Enter")
    lines = wait_for_lines(log, 3)
    assert {(line["key"]["id"], line["column"], line["given"], line["value"]) for line in lines} == {
        (f"fruit-0{i}", "country", "Germny", "Germany") for i in (11, 12, 13)
    }
    expect(root.get_by_role("status").last).to_contain_text("Spellings merged: 3 findings decided")
    root.focus()
    page.keyboard.press("Control+z")
    assert [line["verdict"] for line in wait_for_lines(log, 6)[3:]] == ["undo"] * 3
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(0)
    page.keyboard.press("Control+Shift+Z")
    wait_for_lines(log, 9)
    expect(root.locator(".dcai-review-line .dcai-review-badge.is-saved")).to_have_count(3)
    # Names of classes too; the spelling that stays may be another one.
    go_to(page, root, "30")
    page.keyboard.press("v")
    dialog = root.get_by_role("dialog", name="Spellings in fruit")
    expect(dialog.get_by_role("option").nth(0)).to_contain_text("apple")
    set_theme(page, "JupyterLab Dark")
    shot("merge-dark")
    page.keyboard.press("Control+Enter")
    lines = wait_for_lines(log, 11)[9:]
    assert [(line["verdict"], line["given"], line["value"]) for line in lines] == [("relabel", "Apple ", "apple")] * 2
    assert json.loads(log.read_text().splitlines()[0])["why"]["merged"] == ["Germny"]
