"""Run the front end's own checks with the Node that the build uses.

`python tools/frontend.py check` lints and type-checks, `test` runs its unit tests, `node` prints which Node is used.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hatch_build import find_node, find_wheel_node  # noqa: E402 (the root is put on the path first)

FOLDER = ROOT / "labextension"
SCRIPTS = {"check": ("lint", "check"), "test": ("test",)}


def run(wish: str) -> int:
    """Install the development packages if the lock file is newer than they are, then run the scripts."""
    node, npm = find_node() or find_wheel_node()
    if wish == "node":
        sys.stdout.write(f"{node}\n")
        return 0
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])}
    # The build installs without the development packages, so the marker of a full install is one of those.
    marker, lock = FOLDER / "node_modules" / "vitest" / "package.json", FOLDER / "package-lock.json"
    if not marker.is_file() or (FOLDER / "node_modules" / ".package-lock.json").stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([*npm, "ci", "--no-audit", "--no-fund"], cwd=FOLDER, env=environment, check=True)
    for script in SCRIPTS[wish]:
        done = subprocess.run([*npm, "run", "--silent", script], cwd=FOLDER, env=environment, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
