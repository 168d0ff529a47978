"""What a person does in JupyterLab, as functions: make a notebook, open it, run a command, look at the screen."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import v4

THEMES = ("JupyterLab Light", "JupyterLab Dark")
KERNEL_IS_IDLE = """() => {
  const widget = window.jupyterapp?.shell.currentWidget;
  return widget?.sessionContext?.session?.kernel?.status === 'idle';
}"""


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    token: str
    root: Path

    def request(self, path: str, method: str = "GET") -> Any:
        """Ask the server's own API."""
        ask = urllib.request.Request(
            f"{self.url}{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(ask, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None


def write_notebook(path: Path, *cells: str, parameters: int | None = None) -> Path:
    """Write a notebook of code cells; the cell with the number `parameters` is tagged."""
    nodes = [v4.new_code_cell(source) for source in cells]
    if parameters is not None:
        nodes[parameters].metadata["tags"] = ["parameters"]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(v4.new_notebook(cells=nodes, metadata={"kernelspec": spec}), path)
    return path


def open_notebook(page: Any, lab: Lab, notebook: Path, within: str = "lab") -> None:
    """Open a notebook in JupyterLab, or `within` Notebook 7, and wait until its kernel can take a cell.

    JupyterLab shows "idle" before there is a kernel, and drops a cell that is run then; so the kernel itself is asked.
    """
    path = notebook.relative_to(lab.root).as_posix()
    page.goto(f"{lab.url}notebooks/{path}" if within == "notebook" else f"{lab.url}lab/tree/{path}?reset")
    page.wait_for_function(KERNEL_IS_IDLE)
    wait_until_restored(page)
    if page.evaluate("document.body.dataset.jpThemeName") != THEMES[0]:
        set_theme(page, THEMES[0])  # an earlier test has left another one


def wait_until_restored(page: Any) -> None:
    """Wait until the page has its layout: until then it may take the focus away from what was clicked."""
    page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    page.locator("#jupyterlab-splash").wait_for(state="detached")


def run_command(page: Any, command: str, args: dict[str, Any] | None = None) -> None:
    """Execute one of JupyterLab's commands without waiting for its end: it may open a dialog."""
    page.evaluate("([id, args]) => { void window.jupyterapp.commands.execute(id, args); }", [command, args or {}])


def set_theme(page: Any, theme: str) -> None:
    """Switch JupyterLab to one of its themes, and wait until it is there."""
    run_command(page, "apputils:change-theme", {"theme": theme})
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    page.locator("#jupyterlab-splash").wait_for(state="detached")


def take_shot(page: Any, name: str) -> None:
    """Save a screenshot, if a folder for them is named."""
    folder = os.environ.get("DCAI_SCREENSHOTS")
    name += "-notebook" if "/notebooks/" in page.url else ""
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{re.sub(r'[^a-zA-Z0-9_.-]+', '-', name)}.png"))


def take_shots(page: Any, name: str) -> None:
    """Save a screenshot in each theme, if a folder for them is named; the theme stays as it was."""
    if os.environ.get("DCAI_SCREENSHOTS"):
        before = page.evaluate("document.body.dataset.jpThemeName")
        for theme in THEMES:
            set_theme(page, theme)
            take_shot(page, f"{re.sub('-(light|dark)$', '', name)}-{theme.split()[1].lower()}")
        set_theme(page, before)


def open_review(page: Any) -> Any:
    """Run the two cells of a notebook, an audit and its review, and return the widget with the keys on."""
    page.locator(".jp-Notebook .jp-CodeCell").nth(0).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    widget = page.locator(".dcai-review")
    widget.locator(".dcai-review-reason").wait_for(timeout=120_000)  # the audit takes its time on a busy machine
    widget.focus()
    return widget


def wait_until(holds: Callable[[], object], what: str, seconds: float = 60, page: Any = None) -> None:
    """Wait until something holds that no page shows; a `page` whose traffic the test relays goes on meanwhile."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"this did not come about: {what}"
        if page is None:
            time.sleep(0.05)
        else:
            page.wait_for_timeout(50)


def log_of(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a correction log as it is on disk; the last may be on its way."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []


def wait_for_lines(path: Path, count: int, page: Any = None) -> list[dict[str, Any]]:
    """Wait until a log has so many lines, and return them."""
    wait_until(lambda: len(log_of(path)) >= count, f"{count} lines in {path.name}", seconds=30, page=page)
    lines = log_of(path)
    assert len(lines) == count
    return lines
