"""Secret keys of this user, outside every repository: what hides sensitive values can be recognised with them alone."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from dcai.base.errors import LogError, MissingError

SIZE = 32  # bytes
NAME_DIGITS = 8
_NAME = re.compile(r"[0-9a-f]{8}")
_OTHERS = 0o077  # what others may do with a file


def find_folder() -> Path:
    """Return where the keys are: in the user's configuration, never in a work tree."""
    if os.name == "nt":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "dcai" / "keys"


def choose_key() -> str:
    """Return the name of this user's oldest key; the first one is made here."""
    folder = find_folder()
    known = sorted(folder.glob("*.key"), key=lambda p: (p.stat().st_mtime_ns, p.name)) if folder.is_dir() else []
    return known[0].stem if known else make_key()


def make_key() -> str:
    """Make a key that only this user can read, and return its name."""
    secret = secrets.token_bytes(SIZE)
    path = _path_of(_name_of(secret))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(secret.hex().encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise LogError(
            f"The key that hides sensitive columns could not be written to {str(path)!r}: {error.strerror or error}. "
            "Make that folder writable, or set XDG_CONFIG_HOME to one that is."
        ) from error
    return path.stem


def read_key(name: str) -> bytes:
    """Read a key.

    Raises
    ------
    MissingError
        Where this user does not have it.
    LogError
        Where it was changed, or others can read it.

    Examples
    --------
    >>> read_key("00000000")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    dcai.base.errors.MissingError: The key '00000000' ...
    """
    path = _path_of(name)
    if not _NAME.fullmatch(name) or not path.is_file():
        raise MissingError(
            f"The key {name!r} that hides sensitive columns of this log is not at {str(path)!r}. Copy that file from whoever "
            "began the log, or from a backup, by a way that is not git; without it the hidden values cannot be recognised."
        )
    if os.name == "posix" and path.stat().st_mode & _OTHERS:
        raise LogError(f"Others can read the key {str(path)!r}. Take that right away: chmod 600 {path}.")
    try:
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        secret = b""
    if _name_of(secret) != name:
        raise LogError(
            f"The key {str(path)!r} was changed: it is not the one of that name. Restore the file from a backup."
        )
    return secret


def _name_of(secret: bytes) -> str:
    """Name a key so that its name says nothing about it, and shows a change."""
    return hashlib.sha256(b"dcai key\x1f" + secret).hexdigest()[:NAME_DIGITS]


def _path_of(name: str) -> Path:
    return find_folder() / f"{name}.key"
