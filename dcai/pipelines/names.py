"""Names and places: of pipelines, runs and files; every one stays inside the folder that it belongs to."""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath, PureWindowsPath

from dcai.base import git
from dcai.base.errors import InputError, shorten

# The files of a pipeline in its folder.
MANIFEST, PIPELINE_NOTEBOOK = "pipeline.yaml", "pipeline.ipynb"
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
# Names that Windows keeps for devices; a repository must be checked out there too.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{d}{i}" for d in ("com", "lpt") for i in range(1, 10))})


def suggest_name(notebook: str | Path) -> str:
    """Make a pipeline's name of a notebook's file name.

    Examples
    --------
    >>> suggest_name("Träin Model (v2).ipynb")
    'train-model-v2'
    """
    plain = unicodedata.normalize("NFKD", Path(notebook).stem).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:60].strip("-_")
    return "pipeline" if not slug else f"{slug}-pipeline" if slug in _DEVICES else slug


def require_name(name: str, caller: str) -> str:
    """Return a pipeline's name, or refuse one that is no safe folder name."""
    if isinstance(name, str) and _SLUG.fullmatch(name) and name not in _DEVICES:
        return name
    hint = f"For example {suggest_name(name)!r}." if isinstance(name, str) else ""
    expected = "1 to 64 lower-case letters, digits, '-' or '_', beginning and ending with a letter or digit"
    raise InputError.wrong_value("name", caller, expected, name, hint)


def new_run_id() -> str:
    """Make the id of a run: sorts by time, holds no colon, and differs between processes of one moment.

    Examples
    --------
    >>> new_run_id() < new_run_id()
    True
    """
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S-%f}-{secrets.token_hex(3)}"


def require_run_id(run_id: str, caller: str) -> str:
    """Return a run's id, or refuse one that is no safe folder name."""
    if isinstance(run_id, str) and _RUN.fullmatch(run_id) and not run_id.endswith("."):
        return run_id
    expected = "1 to 100 letters, digits, '-', '_' or '.', beginning with a letter or digit"
    raise InputError.wrong_value("run_id", caller, expected, run_id)


def require_inside(name: object, what: str) -> PurePosixPath:
    """Return a relative path that cannot leave the folder it is meant for, or refuse it."""
    text = str(name)
    path, windows = PurePosixPath(text), PureWindowsPath(text)
    leaves = path.is_absolute() or windows.drive or windows.root or ".." in path.parts or ".." in windows.parts
    if not text.strip() or leaves or "\0" in text or not path.parts:
        raise InputError(
            f"{what} must be a relative path that stays inside its folder. Got {shorten(repr(text))} instead. "
            "Use a name such as 'model.pkl' or 'plots/roc.png'."
        )
    return path


def find_root(path: str | Path, root: str | Path | None = None) -> Path:
    """Return the folder that paths are relative to: `root` if given, else the git root, else a sensible folder.

    Outside a repository that is the current folder where it holds `path`, else the folder of `path`.
    """
    if root is not None:
        folder = Path(root).resolve()
        if not folder.is_dir():
            raise InputError(f"The root must be an existing folder. Got {shorten(repr(str(root)))} instead.")
        return folder
    full = Path(path).resolve()
    top = git.root_of(full)
    if top is not None:
        return top.resolve()
    here = Path.cwd().resolve()
    return here if full.is_relative_to(here) else full.parent


def relative_to_root(path: str | Path, root: Path) -> str:
    """Write a path as records hold it: relative to the root with forward slashes, absolute where it is outside."""
    full = Path(path) if Path(path).is_absolute() else root / path
    for base, one in ((root, full), (root.resolve(), full.resolve())):
        if one.is_relative_to(base):
            return one.relative_to(base).as_posix()
    return str(full)
