"""Files that are whole or not there: atomic writes, appending with fsync, locks, hashes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dcai.base.errors import DcaiError, MissingError

# Of the system call renameat2: paths are seen from the current folder; both names stay, and change places.
_HERE, _EXCHANGE = -100, 2


class LockedError(DcaiError):
    """Another process holds the lock on a file for longer than a write can take."""


def write_atomic(path: str | Path, content: str | bytes) -> Path:
    """Write a file so that a reader sees the old content or the new, never a part; parents are made."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        Path(temporary).replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
    _sync_folder(target.parent)
    return target


def exchange(one: Path, other: Path) -> bool:
    """Let two files or folders change places in one step; False where the system cannot, and then nothing has changed.

    Examples
    --------
    >>> exchange(Path("/absent/one"), Path("/absent/other"))
    False
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(_HERE, os.fsencode(one.absolute()), _HERE, os.fsencode(other.absolute()), _EXCHANGE) == 0)


def append_lines(path: str | Path, lines: list[str]) -> None:
    """Append lines and return when they are on disk.

    When the write fails half way (a full disk), the file is cut back to what it was.
    """
    target = Path(path)
    # Without a buffer: one that could not be emptied would be written again when the file is closed.
    with target.open("ab", buffering=0) as stream:
        start = stream.seek(0, os.SEEK_END)
        try:
            _write_all(stream, "".join(f"{line}\n" for line in lines).encode("utf-8"))
            os.fsync(stream.fileno())
            if start == 0:
                _sync_folder(target.parent)
        except OSError:
            with contextlib.suppress(OSError):
                stream.truncate(start)
            raise


def _write_all(stream: io.RawIOBase, data: bytes) -> None:
    """Write bytes to the last one; the system may take some of them at a time."""
    left = memoryview(data)
    while left:
        left = left[stream.write(left) or 0 :]


@contextlib.contextmanager
def lock(path: str | Path, timeout: float = 20.0) -> Iterator[None]:
    """Hold the lock of a file's folder, against every process and user of this machine; nothing is left beside the file."""
    with (
        _lock_folder(Path(path).resolve().parent, timeout)
        if os.name == "posix"
        else _lock_elsewhere(Path(path), timeout)
    ):
        yield


@contextlib.contextmanager
def _lock_folder(folder: Path, timeout: float) -> Iterator[None]:
    import fcntl

    handle, deadline = os.open(folder, os.O_RDONLY), time.monotonic() + timeout
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise _held(folder, timeout) from error
                time.sleep(0.005)
        yield
    finally:
        os.close(handle)  # gives the lock back


@contextlib.contextmanager
def _lock_elsewhere(path: Path, timeout: float) -> Iterator[None]:
    """Windows cannot lock a folder: a lock file in the temporary folder stands for it."""
    import filelock

    name = hashlib.sha256(os.fsencode(path.resolve().parent)).hexdigest()[:24]
    try:
        with filelock.FileLock(Path(tempfile.gettempdir()) / f"dcai-{name}.lock", timeout=timeout):
            yield
    except filelock.Timeout as error:
        raise _held(path.parent, timeout) from error


def _held(folder: Path, timeout: float) -> LockedError:
    return LockedError(
        f"Another process has been writing to {folder} for more than {timeout:g} s. Wait for it, or end it, and try again."
    )


def sha256_of(path: str | Path) -> str:
    """Hash a file's bytes."""
    target = Path(path)
    if not target.is_file():
        raise MissingError(f"There is no file {str(target)!r} to hash.")
    with target.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    # A new name is durable only when its folder is synced too; Windows has no such call.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            # Some file systems of a network have no such call either; what is in the file is on disk all the same.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(handle)
