"""Print the browser that the tests drive: Debian's Chromium, another one on the PATH, or Playwright's own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def find_installed() -> str | None:
    """Return the path of a Chromium that somebody has installed or named, or None."""
    # Debian's /usr/bin/chromium is a shell wrapper; the program itself starts without its noise.
    named = [os.environ.get("DCAI_BROWSER"), "/usr/lib/chromium/chromium"]
    named += [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    for path in named:
        if path and Path(path).exists():
            return path
    return None


def find_browser() -> str | None:
    """Return the path of a Chromium that is there, Playwright's own too, or None."""
    installed = find_installed()
    if installed is not None:
        return installed
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


if __name__ == "__main__":
    found = find_browser()
    if found is None:
        sys.exit("No Chromium was found. Install Debian's package chromium, or run: playwright install chromium")
    sys.stdout.write(f"{found}\n")
