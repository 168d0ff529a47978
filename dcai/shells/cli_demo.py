"""The commands `demo` and `lab`: decode, call, encode."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import click

from dcai.base.errors import InputError

# Where the server leads to JupyterLab with the panel open. JupyterLab adds "?token=..." to the address that it prints,
# so the address must not hold a question mark itself.
PANEL_URL = "/dcai/lab"


@click.command()
@click.option("--lab", "open_lab", is_flag=True, help="Then open JupyterLab in the folder.")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def demo(folder: Path | None, *, open_lab: bool) -> None:
    """Tell the whole story on bundled data, offline: find, fix, prove, promote. FOLDER: a new one (default: temporary)."""
    if open_lab:
        _require_lab()
    from dcai.shells.demo import tell_story

    place = Path(tempfile.mkdtemp(prefix="dcai-demo-")) if folder is None else folder
    tell_story(place.resolve(), click.echo)
    click.echo(f"Open it in JupyterLab: dcai lab {place}   (or, from a checkout: make lab)")
    if open_lab:
        _open_lab(place)


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option("--no-browser", is_flag=True, help="Only start the server.")
def lab(folder: Path, *, no_browser: bool) -> None:
    """Open JupyterLab in FOLDER with the dcai panel."""
    _require_lab()
    _open_lab(folder, no_browser=no_browser)


def _require_lab() -> None:
    if find_spec("jupyterlab") is None:
        raise InputError("JupyterLab is not installed. Install it with: pip install 'dcai[lab]'")


def _open_lab(folder: Path, *, no_browser: bool = False) -> None:
    if not folder.is_dir():
        raise InputError(f"There is no folder {str(folder)!r} to open in JupyterLab.")
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder.resolve()}",
        f"--LabApp.default_url={PANEL_URL}",
    ]
    command += ["--no-browser"] if no_browser else []
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    if os.name == "posix":
        # JupyterLab takes the place of this process, so that a signal to it reaches the server and its kernels.
        sys.stdout.flush()
        os.execv(sys.executable, command)  # noqa: S606 (no shell: the arguments are a list)
    click.get_current_context().exit(subprocess.run(command, check=False).returncode)
