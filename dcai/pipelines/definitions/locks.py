"""The environment of a pipeline: what is installed where its kernel runs, written down so that it can be rebuilt."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dcai.pipelines.definitions import installed

LOCK = "requirements.lock"
_LONGEST = 60
_HEAD = """\
# Made by `dcai promote`: what was installed where this pipeline was promoted; promoting again writes it anew.
# python: {python}
# platform: {platform}
# Rebuild it: python{short} -m venv ENV && ENV/bin/python -m pip install --no-deps -r {lock}
"""
_SAID = re.compile(r"^# (python|platform): (.+)$", re.MULTILINE)
# A version and a name that may stand in a file which other programs read as instructions.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
_VCS = re.compile(r"(git|hg|svn|bzr)\+(https|http|ssh|git|file)://[^\s#;]+@[0-9a-f]+")


@dataclass(frozen=True)
class Environment:
    """What a lock says: its text, the facts for the manifest, and what a person should know."""

    lock: str
    facts: dict[str, str]
    notes: list[str]


def find_environment(kernel: str, root: Path) -> Environment:
    """Lock what is installed where a kernel runs; where that is no Python, there is no lock, and a note says so.

    Examples
    --------
    >>> find_environment("python3", Path(".")).facts["lock"]
    'requirements.lock'
    """
    try:
        found = _describe(kernel)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Environment("", {}, [f"The environment is not locked: {reason.rstrip('.')}."])
    if found is None:
        return Environment("", {}, [f"The environment is not locked: the kernel {kernel!r} is no Python."])
    return write_lock(found, dict(_hashes_in(root)))


def find_versions(kernel: str) -> dict[str, Any] | None:
    """Return the version of a kernel's Python, and of each package installed there; None where nobody can tell.

    Examples
    --------
    >>> find_versions("no such kernel")
    """
    try:
        return _ask(kernel, "--versions")
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _describe(kernel: str) -> dict[str, Any] | None:
    """Ask the Python of a kernel what it has installed; None where the kernel is none."""
    return _ask(kernel)


def _ask(kernel: str, *wanted: str) -> dict[str, Any] | None:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        spec = KernelSpecManager().get_kernel_spec(kernel)
    except NoSuchKernel as error:
        raise ValueError(f"there is no kernel {kernel!r} here") from error
    if spec.language.lower() != "python":
        return None
    own = {"python", f"python{sys.version_info.major}", "python{}.{}".format(*sys.version_info)}
    if spec.argv[0] in own or Path(spec.argv[0]) == Path(sys.executable):
        state = tuple((p, Path(p).stat().st_mtime_ns) for p in sys.path if p and Path(p).exists())
        return _list_here(state) if wanted else _describe_here(state)
    source = inspect.getsource(installed)
    done = subprocess.run(
        [spec.argv[0], "-c", source, *wanted],
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=True,
        cwd=tempfile.gettempdir(),
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@lru_cache(maxsize=1)
def _describe_here(_state: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    """Describe the environment of this process, once for as long as its folders stay as they are."""
    return installed.describe()


@lru_cache(maxsize=1)
def _list_here(_state: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    return installed.list_versions()


def write_lock(found: Mapping[str, Any], hashes: Mapping[tuple[str, str], list[str]]) -> Environment:
    """Write what is installed in the form that pip and uv read; no index is named in it.

    Hashes of the packages' files stand in it where all of them are known: installers demand all or none. What was
    installed is named by the hash of its content besides, so that a rebuilt environment can be compared.
    """
    notes, lines = [], []
    packages = [p for p in found["packages"] if _PLAIN.fullmatch(p["name"]) and _PLAIN.fullmatch(p["version"])]
    known = {p["name"]: p.get("sha256") or hashes.get((p["name"], p["version"]), []) for p in packages}
    from_index = [p for p in packages if "folder" not in p and "vcs" not in p]
    use = bool(from_index) and len(from_index) == len(packages) and all(known[p["name"]] for p in from_index)
    for one in packages:
        pinned = f"{one['name']}=={one['version']}"
        content = f"  # content sha256:{one['content']}" if one["content"] else ""
        if "folder" in one:
            lines.append(f"# {pinned} was installed from a folder: install it by hand")
            notes.append(
                f"{one['name']} is installed from a folder, so the lock cannot rebuild it: install it by hand."
            )
        elif "vcs" in one:
            address = without_credentials(one["vcs"])
            line = f"{one['name']} @ {address}{content}"
            lines.append(
                line if _VCS.fullmatch(address) else f"# {pinned} came from version control: install it by hand"
            )
        else:
            digests = "".join(f" --hash=sha256:{digest}" for digest in sorted(known[one["name"]])) if use else ""
            lines.append(f"{pinned}{digests}{content}")
    facts = {"python": found["python"], "platform": found["platform"]}
    head = _HEAD.format(**facts, short=".".join(found["python"].split(".")[:2]), lock=LOCK)
    return Environment(head + "".join(f"{line}\n" for line in lines), {**facts, "lock": LOCK}, notes)


def without_credentials(address: str) -> str:
    """Leave the name and password out of an address of version control.

    Examples
    --------
    >>> without_credentials("git+https://ann:secret@host/x@4f1c")
    'git+https://host/x@4f1c'
    """
    return re.sub(r"://[^/@]*@(?=[^@]*@)", "://", address)


def facts_of(lock: Path) -> dict[str, str]:
    """Return what a lock that was written before says about Python and platform; nothing where there is none."""
    if not lock.is_file():
        return {}
    said = _SAID.findall(lock.read_text("utf-8", "replace"))
    return {**dict(said), "lock": LOCK} if said else {}


def _hashes_in(root: Path) -> Iterator[tuple[tuple[str, str], list[str]]]:
    """Yield the hashes of files by name and version, from a lock that the repository keeps itself."""
    for file in ("uv.lock", "pylock.toml"):
        try:
            said = tomllib.loads((root / file).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        for one in said.get("package", said.get("packages", [])):
            files = [*one.get("wheels", []), *([one["sdist"]] if "sdist" in one else [])]
            digests = [f.get("hashes", {}).get("sha256") or f.get("hash", "").partition("sha256:")[2] for f in files]
            if all(digests) and "version" in one:
                yield (re.sub(r"[-_.]+", "-", one["name"]).lower(), one["version"]), digests
