"""Cells that are looked at or listened to: pictures and sounds as data addresses that a browser shows without network."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

_PICTURES = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))
PICTURE_LIMIT = 200_000
# About a minute of speech. Longer sounds would hold up the messages of the review.
SOUND_LIMIT = 1_500_000
_SUFFIXES = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".oga": "audio/ogg", ".flac": "audio/flac"}
_SOUNDS = ((b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg"), (b"OggS", "audio/ogg"), (b"fLaC", "audio/flac"))


def show_picture(value: object) -> str | None:
    """Write a picture as a data address; None for what cannot be read."""
    if isinstance(value, bytes) and len(value) <= PICTURE_LIMIT:
        kind = next((kind for start, kind in _PICTURES if value.startswith(start)), None)
        if kind is not None:
            return _address(kind, value)
    from dcai.findings.tables.imagery import THUMBNAIL, to_thumbnail

    return to_thumbnail(value, 2 * THUMBNAIL)


def show_sound(value: object) -> str | None:
    """Write a sound, given as bytes or as the path of a file, as a data address; None for all else, and for long ones.

    Examples
    --------
    >>> show_sound(b"OggS" + bytes(8)), show_sound("a text")
    ('data:audio/ogg;base64,T2dnUwAAAAAAAAAA', None)
    """
    if isinstance(value, Mapping):  # as audio features of datasets are stored: bytes, or the path of a file
        return show_sound(value.get("bytes") or value.get("path"))
    if isinstance(value, str):
        value = _read_file(value)
    if not isinstance(value, bytes) or len(value) > SOUND_LIMIT:
        return None
    if value.startswith(b"RIFF") and value[8:12] == b"WAVE":
        return _address("audio/wav", value)
    kind = next((kind for start, kind in _SOUNDS if value.startswith(start)), None)
    return None if kind is None else _address(kind, value)


def _read_file(text: str) -> bytes | None:
    """Read the file of a sound; None where a text is no path of one."""
    if not text.lower().endswith(tuple(_SUFFIXES)) or "\x00" in text:
        return None
    path = Path(text)
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= SOUND_LIMIT else None
    except OSError:  # a text too long for a name, or not ours to read
        return None


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
