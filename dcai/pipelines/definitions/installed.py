"""What is installed where Python runs: a module that needs nothing but Python, so that any kernel's own Python can run it."""

from __future__ import annotations

import csv
import hashlib
import json
import platform
import re
import sys
import sysconfig
from importlib import metadata
from typing import Any

# What an installer leaves beside the files of a package; it differs though the package is the same.
_NOTES = (
    "RECORD",
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "provenance_url.json",
    "uv_cache.json",
    "uv_build.json",
)


def describe() -> dict[str, Any]:
    """Return the version of Python, the platform, and every installed package with what is known about its origin."""
    packages = [
        {"name": name, "version": one.version, "content": _content_of(one), **origin_of(one)}
        for name, one in _find_packages().items()
    ]
    return {"python": platform.python_version(), "platform": sysconfig.get_platform(), "packages": packages}


def list_versions() -> dict[str, Any]:
    """Return the version of Python and of every installed package: less than `describe`, and at once."""
    return {
        "python": platform.python_version(),
        "packages": {name: one.version for name, one in _find_packages().items()},
    }


def _find_packages() -> dict[str, metadata.Distribution]:
    packages: dict[str, metadata.Distribution] = {}
    paths = [p for p in sys.path if p]  # the current folder is no environment
    for found in metadata.distributions(path=paths):
        raw = found.metadata["Name"]
        name = re.sub(r"[-_.]+", "-", raw or "").lower()
        # What stands first on the path is what an import finds; a folder without a name is a leftover of an uninstall.
        if name and name != "pip":
            packages.setdefault(name, found)
    return {name: packages[name] for name in sorted(packages)}


def _content_of(found: metadata.Distribution) -> str | None:
    """Hash what a package installed, from its own list of files and their hashes; None where it has no such list."""
    record = found.read_text("RECORD")
    if record is None:
        return None
    lines = []
    for path, digest, _ in (row for row in csv.reader(record.splitlines()) if len(row) == 3):  # noqa: PLR2004 (path, hash, size)
        is_note = ".dist-info/" in path and path.rpartition("/")[2] in _NOTES
        # Scripts are written by the installer, for the place where it installs.
        if digest and not is_note and not path.startswith(("..", "/")) and not path.endswith(".pyc"):
            lines.append(f"{path} {digest}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest() if lines else None


def origin_of(found: metadata.Distribution) -> dict[str, Any]:
    """Return where a package came from, where it did not come from an index: `folder`, `vcs` with its commit, `sha256`."""
    for note in ("direct_url.json", "provenance_url.json"):
        try:
            said = json.loads(found.read_text(note) or "{}")
        except ValueError:
            continue
        if "dir_info" in said:
            return {"folder": True}
        if "vcs_info" in said:
            said_vcs = said["vcs_info"]
            return {"vcs": f"{said_vcs.get('vcs')}+{said.get('url')}@{said_vcs.get('commit_id')}"}
        archive = said.get("archive_info", {})
        digest = archive.get("hashes", {}).get("sha256") or archive.get("hash", "").partition("sha256=")[2]
        if digest:
            return {"sha256": [digest]}
    return {}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list_versions() if sys.argv[1:] == ["--versions"] else describe()))
