"""Starting a real JupyterLab, token and all, and finding a browser: for the tests of this folder, and for measuring."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .steps import Lab

OPTIONS = [
    "--no-browser",
    "--allow-root",
    "--ServerApp.port=0",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.log_level=WARN",
    "--LabApp.expose_app_in_browser=True",
    "--JupyterNotebookApp.expose_app_in_browser=True",
]
BROWSER_OPTIONS = [
    "--no-sandbox",  # needed by root, as in containers
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def serve_lab(home: Path) -> Iterator[Lab]:
    """Run JupyterLab over an empty folder inside of `home`, with settings of its own."""
    root = home / "served"
    root.mkdir()
    (home / "app").mkdir()
    quiet = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    (home / "app" / "overrides.json").write_text(json.dumps(quiet))
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    places += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    # The keys of sensitive columns are kept in the last one.
    places += ("XDG_CONFIG_HOME",)
    environment = {**os.environ, **{name: str(home / name.lower()) for name in places}}
    own = [f"--ServerApp.root_dir={root}", f"--LabApp.app_settings_dir={home / 'app'}"]
    log = (home / "log.txt").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *OPTIONS, *own],
        env=environment,
        cwd=root,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        about = home / "jupyter_runtime_dir" / f"jpserver-{server.pid}.json"
        yield wait_for_server(server, about, root, home / "log.txt")
    finally:
        stop(server)
        log.close()


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server; one that does not end by itself is killed."""
    server.terminate()
    try:
        server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(timeout=30)


def wait_for_server(server: subprocess.Popen[bytes], about: Path, root: Path, log: Path) -> Lab:
    """Wait until the server has written where it listens, and answers there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            known = json.loads(about.read_text())
            found = Lab(known["url"], known["token"], root)
            found.request("api/status")
        except (OSError, ValueError):  # not written yet, half written, or not listening yet
            time.sleep(0.1)
        else:
            return found
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()}")
