"""What a review takes where nothing is named: the reviewer, and the place of the log."""

from __future__ import annotations

import getpass
import re
import unicodedata
from pathlib import Path

import xxhash

from dcai.base import git
from dcai.base.errors import InputError
from dcai.base.table import Table


def find_reviewer() -> str:
    """Say who decides: git's identity, else the user's name."""
    return git.identity(Path.cwd()) or getpass.getuser()


def default_path(table: Table) -> Path:
    """Return where the log of a table goes by default: ``<git root or folder>/corrections/<slug>.jsonl``."""
    root = git.root_of(Path.cwd()) or Path.cwd()
    return root / "corrections" / f"{make_slug(table.label or table.name)}.jsonl"


def make_slug(name: str) -> str:
    """Make a file name of a column's name.

    Examples
    --------
    >>> make_slug("Déjà vu?")
    'deja-vu'
    """
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
    return safe or f"column-{xxhash.xxh3_64_hexdigest(name.encode('utf-8', 'surrogatepass'))[:8]}"


def check_reviewer(by: object) -> str:
    """Return the name of the one who decides; None is whom git knows."""
    if by is None:
        return find_reviewer()
    if not isinstance(by, str) or not by.strip():
        raise InputError.wrong_value("by", "Review", "the reviewer's name", by)
    return by.strip()
