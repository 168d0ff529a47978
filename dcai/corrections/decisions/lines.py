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


def read_bytes(path: Path) -> bytes:
    """Read a log whole."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MissingError(
            f"There is no correction log {str(path)!r}. It is made by the first decision of a review."
        ) from error
    except (IsADirectoryError, PermissionError) as error:
        raise LogError(f"The correction log {str(path)!r} cannot be read: {error.strerror}.") from error


def parse_log(data: bytes, name: str, number: int = 0) -> LogText:
    """Read the lines in the bytes of a log, or of its end; `number` lines stand before them.

    A last line without its newline is torn where it is no JSON: nothing that a write left half done is. Any other
    malformed line is an error, the last one too.
    """
    *whole, tail = data.split(b"\n")
    corrections = [parse_line(line, f"Line {number + i} of {name}") for i, line in enumerate(whole, 1) if line.strip()]
    if tail.strip():
        try:
            json.loads(tail.decode("utf-8"))
        except (ValueError, RecursionError):
            return LogText(tuple(corrections), len(data) - len(tail), tail)
        corrections.append(parse_line(tail, f"The last line of {name}"))
    return LogText(tuple(corrections), len(data))


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
    try:
        edited = not _is_as_signed(line, correction) and correction.id != sign(correction).id
    except (ValueError, RecursionError) as error:  # a number like 1e999, which JSON cannot hold
        raise LogError(f"{place} is no line of a log: {error}. {WAY_OUT}") from error
    if edited:
        raise LogError(
            f"{place} was edited after it was written: its id {shorten(correction.id, 60)!r} does not match its content. {WAY_OUT}"
        )
    return correction


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def sign(correction: Correction) -> Correction:
    """Give a correction its id: its time, and a hash of everything else in the line."""
    unsigned = dataclasses.replace(correction, id=_stamp(correction))
    return dataclasses.replace(unsigned, id=unsigned.id + _hash(_dump(unsigned)))


def _is_as_signed(line: bytes, correction: Correction) -> bool:
    """Whether a line stands as it was written, byte for byte; then it need not be written anew to see that."""
    stamp = _stamp(correction)
    unsigned = line.strip().replace(json.dumps(correction.id).encode(), json.dumps(stamp).encode(), 1)
    return correction.id == stamp + _hash(unsigned)


def _stamp(correction: Correction) -> str:
    return "".join(filter(str.isalnum, correction.at)) + "-"


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:HASH_DIGITS]


def write_line(correction: Correction) -> str:
    """Write a signed correction as its line, without the newline."""
    return _dump(correction).decode("utf-8")


def _dump(correction: Correction) -> bytes:
    return _encode(to_plain(correction))


def _encode(plain: Any) -> bytes:
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
