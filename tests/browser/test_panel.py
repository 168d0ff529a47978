"""From a notebook to a pipeline and its runs, by the mouse and keyboard of a person in JupyterLab."""

import json
import subprocess
import sys

import psutil
import pytest
from playwright.sync_api import expect

from dcai.shells.cli_demo import PANEL_URL

from .steps import open_notebook, run_command, set_theme, wait_until, wait_until_restored, write_notebook

PARAMETERS = "rate: float = 0.1  # how fast it learns\nrounds: int = 2\nkind: str = 'fast'\nseed: int | None = None"
# More than two rounds wait for a file, so that a test may look at the run for as long as it needs.
WORK = """import time
from pathlib import Path
import dcai

score = rate * rounds
end = time.monotonic() + 120
while rounds > 2 and not Path('go').exists() and time.monotonic() < end:
    time.sleep(0.1)"""
RESULT = "dcai.record(score=score)\nassert rounds < 100, f'{rounds} rounds are too many'"
TOOLBAR = '.jp-NotebookPanel-toolbar [data-jp-item-name="dcai-promote"] jp-button'


@pytest.fixture
def notebook(folder):
    """Write a notebook with parameters that can be promoted."""
    return write_notebook(folder / "Train model.ipynb", PARAMETERS, WORK, RESULT, parameters=0)


def promote_by_toolbar(page, lab, notebook, *, check=True):
    """Promote an open notebook and wait for the result."""
    open_notebook(page, lab, notebook)
    page.locator(TOOLBAR).click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog.get_by_label("Name of the pipeline")).to_have_value("train-model")
    dialog.get_by_label("Run it once in a fresh kernel first").set_checked(check)
    return dialog


def panel_of(page):
    """Find the panel."""
    return page.locator("#dcai-panel")


def test_promote_run_and_look(page, lab, folder, notebook, shot):
    dialog = promote_by_toolbar(page, lab, notebook)
    rows = dialog.locator("tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("rate")
    expect(rows.nth(0)).to_contain_text("0.1")
    expect(rows.nth(0)).to_contain_text("how fast it learns")
    expect(rows.nth(3)).to_contain_text("int or None")
    expect(dialog.get_by_label("Commit to git")).to_be_checked()
    shot("promote-dialog")
    dialog.get_by_role("button", name="Promote").click()

    expect(dialog).to_contain_text("It ran from top to bottom in a fresh kernel. Nothing is written yet.")
    expect(dialog.get_by_role("region", name="Changes")).to_contain_text("+name: train-model")
    assert not (folder / "pipelines").exists()
    dialog.get_by_role("button", name="Write and commit").click()
    expect(dialog).to_contain_text("train-model is a pipeline now.")
    expect(dialog).to_contain_text("pipelines/train-model/pipeline.yaml")
    expect(dialog).to_contain_text("It ran from top to bottom in a fresh kernel.")
    shot("promote-result")
    head = git(folder, "rev-parse", "HEAD")
    expect(dialog).to_contain_text(head[:10])
    dialog.get_by_role("button", name="Done").click()
    committed = git(folder, "show", "--name-only", "--format=", "HEAD").split()
    assert committed == [
        "pipelines/train-model/pipeline.ipynb",
        "pipelines/train-model/pipeline.yaml",
        "pipelines/train-model/requirements.lock",
        "runs/.gitignore",
    ]

    panel = panel_of(page)
    panel.get_by_role("button", name="Run train-model", exact=True).click()
    panel.get_by_label("rounds", exact=True).fill("many")
    panel.get_by_role("button", name="Start run").click()
    expect(panel.get_by_text("A whole number is needed, such as 10.")).to_be_visible()
    expect(panel.get_by_label("rounds", exact=True)).to_be_focused()
    shot("form-error")
    panel.get_by_label("rounds", exact=True).fill("5")
    panel.get_by_label("kind", exact=True).fill("slow")
    panel.get_by_label("seed is None").uncheck()
    panel.get_by_label("seed", exact=True).fill("12345678901234567890")
    panel.get_by_role("button", name="Start run").click()
    expect(panel.get_by_text("Cell 3 of 4")).to_be_visible()
    expect(panel.locator("code", has_text="import time")).to_be_visible()
    shot("run-live")
    (folder / "go").touch()
    past = panel.get_by_role("list", name="Past runs")
    expect(past).to_contain_text("succeeded")
    expect(past).to_contain_text("0.5")
    shot("run-succeeded")

    (record,) = [json.loads(p.read_text()) for p in folder.glob("runs/train-model/*/run.json")]
    assert record["status"] == "succeeded"
    assert record["parameters"] == {"rate": 0.1, "rounds": 5, "kind": "slow", "seed": 12345678901234567890}
    assert record["metrics"] == {"score": 0.5}
    assert record["commit"] == head

    past.get_by_role("button").first.click()
    expect(page.locator(".lm-TabBar-tab.jp-mod-current", has_text="output.ipynb")).to_be_visible()


def test_a_failure_shows_the_failing_cell(page, lab, folder, notebook, shot):
    dialog = promote_by_toolbar(page, lab, notebook, check=False)
    dialog.get_by_label("Commit to git").uncheck()
    dialog.get_by_role("button", name="Promote").click()
    dialog.get_by_role("button", name="Write", exact=True).click()
    expect(dialog).to_contain_text("Not committed to git. It was not run.")
    dialog.get_by_role("button", name="Done").click()
    assert git(folder, "status", "--short").startswith("??")

    run_command(page, "dcai:run", {"name": "train-model"})
    panel = panel_of(page)
    panel.get_by_label("rate", exact=True).fill("0.5")
    panel.get_by_label("rounds", exact=True).fill("0100")
    panel.get_by_label("rounds", exact=True).press("Enter")
    live = panel.get_by_role("region", name="Run of train-model under way")
    expect(live).to_contain_text("Cell 3 of 4")
    live.get_by_role("button", name="Cancel run").click()
    past = panel.get_by_role("list", name="Past runs")
    expect(past).to_contain_text("interrupted")

    write_notebook(folder / "pipelines/train-model/pipeline.ipynb", PARAMETERS, "1 / (rounds - 2)", parameters=0)
    panel.get_by_role("button", name="Run train-model", exact=True).click()
    panel.get_by_role("button", name="Start run").click()
    expect(past).to_contain_text("Cell 2: ZeroDivisionError")
    expect(past).to_contain_text("division by zero")
    expect(panel.get_by_role("region", name="Source of the failing cell")).to_contain_text("1 / (rounds - 2)")
    expect(page.get_by_text("train-model failed in cell 2: ZeroDivisionError: division by zero")).to_be_visible()
    shot("run-failed-light")
    set_theme(page, "JupyterLab Dark")
    panel.get_by_role("button", name="Run train-model", exact=True).click()
    shot("run-failed-dark")
    statuses = {json.loads(p.read_text())["status"] for p in folder.glob("runs/train-model/*/run.json")}
    assert statuses == {"interrupted", "failed"}
    set_theme(page, "JupyterLab Light")


def test_what_would_be_written_is_shown_first_and_can_be_called_off(page, lab, folder, shot):
    (folder / "points <b>.csv").write_text("a\n1\n")
    reads = "text = open('points <b>.csv').read()\nopen('copy.csv', 'w').write(text)"
    opened = write_notebook(folder / "copy.ipynb", "times: int = 1", reads, parameters=0)
    open_notebook(page, lab, opened)
    run_command(page, "dcai:promote")
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_role("button", name="Promote").click()
    undeclared = dialog.get_by_role("list", name="Used without being declared")
    expect(undeclared.get_by_role("listitem")).to_have_text(
        [
            "reads points <b>.csv (declare it in inputs of pipeline.yaml)",
            "writes copy.csv (declare it in outputs of pipeline.yaml)",
        ]
    )
    expect(dialog).to_contain_text("Would be written and committed in ")
    changes = dialog.get_by_role("region", name="Changes")
    expect(changes.locator(".dcai-added", has_text="+name: copy")).to_be_visible()
    shot("promote-preview-light")
    set_theme(page, "JupyterLab Dark")
    shot("promote-preview-dark")
    set_theme(page, "JupyterLab Light")
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.locator(".Toastify__toast", has_text="copy was not promoted: nothing was written.")).to_be_visible()
    assert not (folder / "pipelines").exists()
    assert not (folder / "runs").exists()


def test_a_check_run_is_cancelled_from_the_panel(page, lab, folder, shot):
    waits = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(977)"
    opened = write_notebook(folder / "long.ipynb", "times: int = 1", waits, parameters=0)
    open_notebook(page, lab, opened)
    run_command(page, "dcai:open-panel")
    run_command(page, "dcai:promote")
    page.locator(".jp-Dialog").get_by_role("button", name="Promote").click()
    live = panel_of(page).get_by_role("region", name="Promotion of long under way")
    expect(live.get_by_role("status")).to_have_text("Promoting long: running it once in a fresh kernel")
    expect(
        page.locator(".Toastify__toast", has_text="Promoting long: running it once in a fresh kernel")
    ).to_be_visible()
    wait_until(lambda: (folder / "pid").exists() and (folder / "pid").read_text(), "the check run's cell")
    shot("promote-check-light")
    set_theme(page, "JupyterLab Dark")
    shot("promote-check-dark")
    set_theme(page, "JupyterLab Light")
    live.get_by_role("button", name="Cancel promotion").click()
    expect(page.locator(".Toastify__toast", has_text="long was not promoted: nothing was written.")).to_be_visible()
    expect(live).to_have_count(0)
    assert not psutil.pid_exists(int((folder / "pid").read_text()))
    assert not (folder / "pipelines").exists()


def test_a_refused_promotion_keeps_what_was_typed(page, lab, folder, shot):
    broken = write_notebook(folder / "broken.ipynb", "x = 1", "y = x", "undefined + x")
    open_notebook(page, lab, broken)
    run_command(page, "dcai:promote")
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_label("Name of the pipeline").fill("Not A Name")
    dialog.get_by_role("button", name="Promote").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The 'name' parameter of promote() must be")
    expect(dialog.get_by_label("Name of the pipeline")).to_have_value("Not A Name")
    dialog.get_by_label("Name of the pipeline").fill("good-name")
    dialog.get_by_role("button", name="Promote").click()
    alert = dialog.get_by_role("alert")
    expect(alert).to_contain_text("NameError: name 'undefined' is not defined in cell 3 (`undefined + x`).")
    shot("promote-refused")
    assert alert.inner_text().count("is not defined") == 1
    # The dialog alone says it; the notification about the check is gone.
    expect(page.get_by_text("is not defined")).to_have_count(1)
    expect(page.locator(".Toastify__toast")).to_have_count(0)
    assert alert.evaluate("e => e.scrollWidth <= e.clientWidth")
    dialog.get_by_role("button", name="Cancel").click()
    assert not (folder / "pipelines").exists()
    assert not (folder / "runs").exists()


def test_the_empty_panel_explains_the_first_step(page, lab, folder, notebook, shot):
    open_notebook(page, lab, notebook)
    run_command(page, "dcai:open-panel")
    expect(panel_of(page)).to_contain_text("No pipelines here yet.")
    shot("empty-light")
    set_theme(page, "JupyterLab Dark")
    shot("empty-dark")
    set_theme(page, "JupyterLab Light")
    run_command(page, "dcai:run")
    expect(page.get_by_text("There is no pipeline here yet. Open a notebook and promote it first.")).to_be_visible()


@pytest.mark.parametrize("address", ["lab?dcai-panel&reset", f"{PANEL_URL[1:]}?reset"])
def test_an_address_opens_the_panel(address, page, lab):
    page.goto(f"{lab.url}{address}&token={lab.token}")
    expect(panel_of(page)).to_be_visible()
    expect(panel_of(page)).to_contain_text("dcai pipelines")


def test_without_that_address_the_panel_stays_away(page, lab):
    page.goto(f"{lab.url}lab?reset")
    # What an address asks for is done by then.
    expect(page.locator("#filebrowser")).to_be_visible()
    wait_until_restored(page)
    expect(panel_of(page)).to_be_hidden()


def test_a_pipeline_that_cannot_be_run_says_why(page, lab, folder, notebook, shot):
    promote = [sys.executable, "-m", "dcai", "promote", str(notebook), "--no-check", "--root", str(folder)]
    subprocess.run(promote, cwd=folder, check=True, capture_output=True)
    (folder / "pipelines/train-model").rename(folder / "pipelines/renamed")
    open_notebook(page, lab, notebook)
    run_command(page, "dcai:open-panel")
    broken = panel_of(page).get_by_role("region", name="Pipeline renamed")
    expect(broken).to_contain_text("is 'train-model', but its folder is 'renamed'. Make them equal.")
    expect(broken.get_by_role("button")).to_have_count(0)
    shot("broken-pipeline")
    run_command(page, "dcai:run")
    expect(page.locator(".Toastify__toast", has_text="but its folder is 'renamed'")).to_be_visible()

    (folder / "pipelines/renamed").rename(folder / "pipelines/train-model")
    panel_of(page).get_by_role("button", name="Refresh the pipelines").click()
    expect(panel_of(page).get_by_role("button", name="Run train-model", exact=True)).to_be_visible()


def test_cells_are_tagged_and_audited(page, lab, folder, shot):
    frame = (
        "import pandas as pd\nthings = pd.DataFrame({'size': range(60), 'a \"quoted\" class': ['x'] * 29 + ['y'] * 31})"
    )
    opened = write_notebook(folder / "audit.ipynb", frame)
    open_notebook(page, lab, opened)
    run_command(page, "dcai:audit")
    expect(page.get_by_text("There is no DataFrame among the variables of this notebook.")).to_be_visible()
    run_command(page, "dcai:tag-parameters")
    run_command(page, "docmanager:save")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    assert json.loads(opened.read_text())["cells"][0]["metadata"]["tags"] == ["parameters"]

    run_command(page, "notebook:run-cell")
    expect(page.locator(".jp-InputPrompt").first).to_have_text("[1]:")
    run_command(page, "dcai:audit")
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_label("DataFrame").select_option("things")
    dialog.get_by_label("Label column").select_option('a "quoted" class')
    shot("audit-dialog")
    dialog.get_by_role("button", name="Audit").click()
    expect(page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(2)
    sources = page.evaluate(
        "window.jupyterapp.shell.currentWidget.content.widgets.map(w => w.model.sharedModel.source)"
    )
    assert sources[1] == 'import dcai\n\naudit = dcai.audit(things, label="a \\"quoted\\" class")\naudit'
    # The questions to the kernel took no execution number.
    expect(page.locator(".jp-InputPrompt").nth(1)).to_have_text("[2]:", timeout=120_000)  # the audit takes its time
    shot("audited")

    run_command(page, "dcai:review")
    expect(page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(3)
    expect(page.locator(".jp-Notebook .jp-CodeCell").nth(2)).to_contain_text("dcai.review(audit)")
    expect(page.locator(".jp-Notebook [role=application]")).to_be_visible()
    shot("reviewed")


def test_the_panel_works_by_keyboard_and_follows_a_run_of_another(page, lab, folder, notebook):
    promote = [sys.executable, "-m", "dcai", "promote", str(notebook), "--no-check", "--root", str(folder)]
    subprocess.run(promote, cwd=folder, check=True, capture_output=True)
    open_notebook(page, lab, notebook)
    run_command(page, "dcai:open-panel")
    panel = panel_of(page)
    toggle = panel.get_by_role("button", name="train-model", exact=True)
    expect(toggle).to_have_attribute("aria-expanded", "true")
    toggle.focus()
    page.keyboard.press("Enter")
    expect(toggle).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(panel.get_by_label("rate", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel.get_by_role("form")).to_have_count(0)
    expect(panel.get_by_role("button", name="Run train-model", exact=True)).to_be_focused()

    run = [sys.executable, "-m", "dcai", "run", "train-model", "-p", "rounds=30", "--root", str(folder)]
    with subprocess.Popen(run, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            live = panel.get_by_role("region", name="Run of train-model under way")
            wait_until(lambda: list(folder.glob("runs/train-model/*/run.json")), "the run's record")
            panel.get_by_role("button", name="Refresh the pipelines").click()
            expect(live).to_contain_text("Cell 3 of 4")
            live.get_by_role("button", name="Cancel run").click()
            assert process.wait(timeout=30) == 143
        finally:
            process.kill()  # one that has ended stays as it is
    expect(panel).to_contain_text("interrupted")


def test_notebook_7_has_the_button_too(page, lab, folder, notebook):
    page.goto(f"{lab.url}notebooks/{notebook.relative_to(lab.root).as_posix()}")
    page.locator(TOOLBAR).click()
    expect(page.locator(".jp-Dialog").get_by_label("Name of the pipeline")).to_have_value("train-model")


def git(folder, *command):
    """Ask git."""
    return subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
