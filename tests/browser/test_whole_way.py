"""The whole way as a person goes it: audit, review by keyboard, apply, promote by the toolbar, run from the panel."""

import json
import subprocess

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect
from sklearn.datasets import load_digits

from .steps import open_notebook, set_theme, write_notebook

PARAMETERS = (
    'corrections: str = "corrections/digit.jsonl"  # decisions to apply first\nC: float = 1.0  # inverse regularisation'
)
AUDIT = """import pandas as pd

import dcai

digits = pd.read_csv("digits.csv")
audit = dcai.audit(digits, label="digit", key="id", detectors=["labels"])
audit"""
REVIEW = "widget = dcai.review(audit)\nwidget"
APPLY = "clean = digits.pipe(dcai.CorrectionLog.read(corrections).apply)\n(clean['digit'] != digits['digit']).sum()"
TRAIN = """from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

pixels = [c for c in clean if c.startswith("pixel")]
score = cross_val_score(LogisticRegression(C=C, max_iter=500), clean[pixels], clean["digit"], cv=3).mean()
dcai.record(accuracy=score, rows=len(clean))"""
ROWS, PLANTED = 300, 12


def plant(folder):
    """Write three hundred digits, twelve of them with a wrong label, and return the true labels."""
    pixels, labels = load_digits(return_X_y=True)
    table = pd.DataFrame(pixels[:ROWS].astype(int), columns=[f"pixel{i:02d}" for i in range(64)])
    table.insert(0, "id", np.arange(ROWS))
    random = np.random.default_rng(5)
    wrong = random.choice(ROWS, PLANTED, replace=False)
    table["digit"] = labels[:ROWS]
    table.loc[wrong, "digit"] = (table.loc[wrong, "digit"] + random.integers(1, 10, PLANTED)) % 10
    table.to_csv(folder / "digits.csv", index=False)
    return labels[:ROWS], set(wrong.tolist())


def press_run(page, cell):
    """Run a cell of the notebook with the keyboard."""
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cells.nth(cell).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    return cells.nth(cell).locator(".jp-OutputArea")


def git(folder, *words):
    """Ask git."""
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_find_fix_promote_run(page, lab, folder, shot, theme):
    truth, wrong = plant(folder)
    look = theme.rpartition(" ")[2].lower()
    notebook = write_notebook(folder / "train.ipynb", PARAMETERS, AUDIT, REVIEW, APPLY, TRAIN, parameters=0)
    open_notebook(page, lab, notebook)
    set_theme(page, theme)

    # Find.
    press_run(page, 0)
    report = press_run(page, 1).locator(".dcai").first
    expect(report).to_contain_text("labels", timeout=120_000)  # the audit takes its time on a busy machine
    shot(f"way-1-audit-{look}")

    # Fix: look at each flagged row, keep its label or type the right class.
    press_run(page, 2)
    root = page.locator(".dcai-review")
    expect(root.locator(".dcai-review-reason")).to_be_visible()
    root.focus()
    shot(f"way-2-review-{look}")
    decided = set()
    while not root.get_by_text("All done").is_visible():
        row = int(root.locator(".dcai-review-head strong").inner_text().removeprefix("Row "))
        assert row not in decided
        decided.add(row)
        if row in wrong:
            page.keyboard.press("0")
            page.keyboard.type(str(truth[row]))
            page.keyboard.press("Enter")
        else:
            page.keyboard.press("q")
        expect(root.locator(".dcai-review-head strong, .dcai-review-done").first).not_to_have_text(f"Row {row}")
    expect(root.locator(".dcai-review-badge.is-pending")).to_have_count(0)
    expect(root.locator(".dcai-review-saved")).to_have_text("saved to …/corrections/digit.jsonl")
    shot(f"way-3-decided-{look}")
    log = folder / "corrections" / "digit.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["key"]["id"] for line in lines} == decided
    repaired = {line["key"]["id"]: line["value"] for line in lines if line["verdict"] == "relabel"}
    assert repaired == {row: int(truth[row]) for row in wrong & decided}
    assert len(repaired) >= PLANTED - 2
    assert {line["by"] for line in lines} == {"A Tester <t@example.org>"}

    # Apply.
    expect(press_run(page, 3)).to_contain_text(str(len(repaired)))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "corrected labels")

    # Promote by the toolbar. The notebook shows a widget and an audit; the pipeline keeps no output of them.
    page.locator('.jp-NotebookPanel-toolbar [data-jp-item-name="dcai-promote"] jp-button').click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog.get_by_label("Name of the pipeline")).to_have_value("train")
    expect(dialog.locator("tbody tr")).to_have_count(2)
    shot(f"way-4-promote-{look}")
    dialog.get_by_role("button", name="Promote").click()
    dialog.get_by_role("button", name="Write and commit").click(timeout=120_000)
    expect(dialog).to_contain_text("train is a pipeline now.")
    dialog.get_by_role("button", name="Done").click()
    assert git(folder, "show", "--name-only", "--format=", "HEAD").split() == [
        "pipelines/train/pipeline.ipynb",
        "pipelines/train/pipeline.yaml",
        "pipelines/train/requirements.lock",
        "runs/.gitignore",
    ]
    cells = json.loads((folder / "pipelines" / "train" / "pipeline.ipynb").read_text())["cells"]
    assert not any(cell.get("outputs") for cell in cells)

    # Run from the panel, and see success.
    panel = page.locator("#dcai-panel")
    panel.get_by_role("button", name="Run train", exact=True).click()
    panel.get_by_label("C", exact=True).fill("0.5")
    shot(f"way-5-form-{look}")
    panel.get_by_role("button", name="Start run").click()
    expect(panel.get_by_role("list", name="Past runs")).to_contain_text("succeeded", timeout=120_000)
    shot(f"way-6-succeeded-{look}")
    (record,) = [json.loads(p.read_text()) for p in folder.glob("runs/train/*/run.json")]
    assert record["status"] == "succeeded"
    assert record["parameters"] == {"corrections": "corrections/digit.jsonl", "C": 0.5}
    assert record["commit"] == git(folder, "rev-parse", "HEAD")
    assert record["metrics"]["rows"] == ROWS
    assert record["corrections"][0]["path"] == "corrections/digit.jsonl"
    set_theme(page, "JupyterLab Light")
