"""Real repositories, real notebooks, real kernels."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

DCAI = Path(__file__).parents[2]
SPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}


def make_notebook(*cells, tag=0, **metadata):
    """A notebook of code cells; the cell numbered `tag` is tagged `parameters`."""
    made = v4.new_notebook(metadata={"kernelspec": SPEC, "language_info": {"name": "python"}, **metadata})
    for index, cell in enumerate(cells):
        one = v4.new_code_cell(cell) if isinstance(cell, str) else cell
        one["id"] = f"cell-{index}"
        if index == tag:
            one.metadata["tags"] = ["parameters"]
        made.cells.append(one)
    return made


def write(path, *cells, tag=0, **metadata):
    nbformat.write(make_notebook(*cells, tag=tag, **metadata), path)
    return path


def git(root, *arguments, check=True):
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"git {arguments}: {done.stderr}")
    return done.stdout


def make_repository(root):
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "config", "user.name", "Ada Reviewer")
    git(root, "config", "user.email", "ada@example.org")
    (root / "README.md").write_text("A repository\n")
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", "Begin")
    return root


def command(*arguments, cwd, module="dcai", **options):
    """Call a command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(DCAI)}
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


# A command as a terminal starts it: whoever runs the tests may have a signal ignored, which its children would inherit.
_AT_A_TERMINAL = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
for signum in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(signum, signal.SIG_DFL)
from dcai.shells.cli import main
main()
"""


@contextlib.contextmanager
def started(*arguments, cwd, **options):
    """A command line in a process of its own, to which signals can be sent; it is ended with the test."""
    environment = {**os.environ, "PYTHONPATH": str(DCAI)}
    child = subprocess.Popen([sys.executable, "-c", _AT_A_TERMINAL, *arguments], cwd=cwd, env=environment, **options)
    try:
        yield child
    finally:
        child.terminate()
        child.wait()


def call_main(capsys, *arguments):
    """Call the command line in this process; returns its exit code, output and errors."""
    from dcai.shells.cli import main

    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def kernels_of(folder):
    """The pids of living kernels that work in a folder."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            is_kernel = any("ipykernel" in part for part in process.cmdline())
            if is_kernel and Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """An empty repository with one commit, and the current folder in it."""
    root = make_repository(tmp_path / "repo").resolve()
    monkeypatch.chdir(root)
    return root
