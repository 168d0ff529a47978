"""A real JupyterLab, token and all, and a real browser: what the tests in this folder stand on.

`lab` is the server (one for this folder), `page` a fresh page that may speak to that server only, `folder` a
git repository of the test's own inside the served folder. Screenshots go to the folder that the environment
variable `DCAI_SCREENSHOTS` names. Without a browser the tests are skipped, unless `DCAI_REQUIRE_BROWSER` is set.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tools.browser import find_installed

from .serving import BROWSER_OPTIONS, serve_lab
from .steps import Lab, take_shot, take_shots

playwright_api = pytest.importorskip("playwright.sync_api")

# Slow machines need more than Playwright's five seconds.
PATIENCE = 30_000
NOTEBOOK_7_ERRORS = ("reading 'schema'", "Command 'filebrowser:open-path' not registered")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as one that needs a browser."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start JupyterLab in an empty folder, with settings of its own."""
    with serve_lab(tmp_path_factory.mktemp("lab")) as served:
        yield served


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Start the installed Chromium, or the one that Playwright has downloaded."""
    with playwright_api.sync_playwright() as playwright:
        playwright_api.expect.set_options(timeout=PATIENCE)
        try:
            started = playwright.chromium.launch(executable_path=find_installed(), args=BROWSER_OPTIONS)
        except playwright_api.Error as error:
            if os.environ.get("DCAI_REQUIRE_BROWSER"):
                raise
            pytest.skip(f"no browser: {str(error).splitlines()[0]}")
        yield started
        started.close()


@dataclass
class Watch:
    """What a page did that it must not do."""

    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def is_known(url: str, error: Exception) -> bool:
    """Whether an error is one that Notebook 7 raises by itself, with or without dcai."""
    return "/notebooks/" in url and any(known in str(error) for known in NOTEBOOK_7_ERRORS)


@pytest.fixture
def page(lab: Lab, browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Open a page that may speak to the server only; foreign requests and uncaught errors fail the test."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900},
        extra_http_headers={"Authorization": f"token {lab.token}"},
    )
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    watch = Watch()

    def guard(route: Any) -> None:
        if route.request.url.startswith((lab.url, "data:", "blob:")):
            route.continue_()
        else:
            watch.foreign.append(route.request.url)
            route.abort()

    opened.route("**/*", guard)
    opened.on("pageerror", lambda error: is_known(opened.url, error) or watch.errors.append(str(error)))
    before = request.session.testsfailed
    yield opened
    if request.session.testsfailed > before:
        take_shot(opened, f"failed-{request.node.name}")
    opened.unroute_all(behavior="ignoreErrors")
    context.close()
    for session in lab.request("api/sessions"):
        lab.request(f"api/sessions/{session['id']}", "DELETE")
    assert watch.foreign == [], "the page asked for something outside"
    assert watch.errors == [], "the page raised an error"


@pytest.fixture
def shot(page: Any) -> Any:
    """Return the function that saves a screenshot of the page in both themes, if a folder for them is named."""
    return lambda name: take_shots(page, name)


@pytest.fixture
def folder(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Make a git repository inside the served folder, for this test alone."""
    made = lab.root / re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    made.mkdir()
    for command in (["init", "-q"], ["config", "user.name", "A Tester"], ["config", "user.email", "t@example.org"]):
        subprocess.run(["git", *command], cwd=made, check=True)
    yield made
    # JupyterLab may be saving into it at this moment; what stays goes with the temporary folder.
    shutil.rmtree(made, ignore_errors=True)
