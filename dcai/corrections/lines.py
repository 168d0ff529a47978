"""The lines of a correction log: written so that an edited one shows, read so that a torn one is told from a bad one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcai.base.contract import from_plain, to_plain
from dcai.base.errors import InputError, LogError, MissingError, shorten
from dcai.base.records import Correction

VERSION = 1
HASH_DIGITS = 12
WAY_OUT = "Restore the file from git, or take that line out if it was never wanted."


@dataclass(frozen=True)
class LogText:
    """What stands in a log file: its whole lines, and the torn tail that a broken write left (bytes, mostly empty)."""

    corrections: tuple[Correction, ...]
    size: int
    torn: bytes = b""


def read_lines(path: Path, start: int = 0, number: int = 0) -> LogText:
    """Read the lines of a log from a byte offset on; `number` lines stand before it.

    A last line without its newline is torn, unless it is whole by its own hash. Any other malformed line is an error.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(start)
            data = stream.read()
    except FileNotFoundError as error:
        raise MissingError(
            f"There is no correction log {str(path)!r}. It is made by the first decision of a review."
        ) from error
    except (IsADirectoryError, PermissionError) as error:
        raise LogError(f"The correction log {str(path)!r} cannot be read: {error.strerror}.") from error
    *whole, tail = data.split(b"\n")
    corrections = [
        parse_line(line, f"Line {number + i} of {path.name}") for i, line in enumerate(whole, 1) if line.strip()
    ]
    if tail.strip():
        try:
            corrections.append(parse_line(tail, f"The last line of {path.name}"))
        except LogError:
            return LogText(tuple(corrections), start + len(data) - len(tail), tail)
    return LogText(tuple(corrections), start + len(data))


def parse_line(line: bytes, place: str) -> Correction:
    """Read one line; say what is wrong with it and the way out."""
    try:
        plain: Any = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise LogError(f"{place} is not JSON: {error}. {WAY_OUT}") from error
    version = plain.get("v") if isinstance(plain, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise LogError(
            f"{place} has the format version {version}; this dcai reads up to {VERSION}. Update dcai to read it."
        )
    try:
        correction = from_plain(Correction, plain, place)
    except InputError as error:
        raise LogError(f"{error} {WAY_OUT}") from error
    if correction.id != sign(correction).id:
        raise LogError(
            f"{place} was edited after it was written: its id {shorten(correction.id, 60)!r} does not match its content. {WAY_OUT}"
        )
    return correction


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def sign(correction: Correction) -> Correction:
    """Give a correction its id: its time, and a hash of everything else in the line."""
    stamp = "".join(c for c in correction.at if c.isalnum())
    unsigned = dataclasses.replace(correction, id=f"{stamp}-")
    digest = hashlib.sha256(_dump(unsigned)).hexdigest()[:HASH_DIGITS]
    return dataclasses.replace(unsigned, id=f"{stamp}-{digest}")


def write_line(correction: Correction) -> str:
    """Write a signed correction as its line, without the newline."""
    return _dump(correction).decode("utf-8")


def _dump(correction: Correction) -> bytes:
    plain = to_plain(correction)
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form; JSON can escape it
        return json.dumps(plain, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def next_time(last: str | None) -> str:
    """Return now in RFC 3339, but always later than the log's last time."""
    now = dt.datetime.now(dt.UTC)
    if last is not None:
        now = max(now, dt.datetime.fromisoformat(last) + dt.timedelta(microseconds=1))
    return now.isoformat(timespec="microseconds").replace("+00:00", "Z")
