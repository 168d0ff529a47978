"""Secrets: found where a reference says, and masked in everything that a run writes down."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, MissingError

MASK = "***"
# The environment variable that carries a secret into the kernel begins so.
SECRET = "DCAI_SECRET_"  # noqa: S105 (the prefix of a name, not a secret)
_ENVIRONMENT = re.compile(r"env:([A-Za-z_]\w*)")
_FILE = re.compile(r"file:(.+)", re.DOTALL)
# A shorter text occurs by chance all over a notebook, so that masking it would destroy the outputs.
_SHORTEST = 4
# The least number of letters of base64 that are taken for a part of a secret, and of a line of a longer secret.
_SHORTEST_CODE, _SHORTEST_LINE = 7, 8


def is_reference(value: object) -> bool:
    """Tell whether a secret is given as the place where it stands: `env:NAME` or `file:PATH`.

    Examples
    --------
    >>> is_reference("env:TOKEN"), is_reference("hush")
    (True, False)
    """
    return isinstance(value, str) and bool(_ENVIRONMENT.fullmatch(value) or _FILE.fullmatch(value))


def resolve(name: str, value: str, environ: Mapping[str, str], folder: Path) -> str:
    """Return what a secret's reference refers to, and a secret that is no reference as it is.

    The line end that closes a file is no part of the secret. Relative paths are relative to `folder`.
    """
    found = value
    if match := _ENVIRONMENT.fullmatch(value):
        if match[1] not in environ:
            raise InputError(f"The secret {name!r} refers to the environment variable {match[1]!r}, which is not set.")
        found = environ[match[1]]
    elif match := _FILE.fullmatch(value):
        found = _read(name, folder / match[1])
    if 0 < len(found) < _SHORTEST:
        raise InputError(
            f"The secret {name!r} has fewer than {_SHORTEST} characters, so it cannot be masked in outputs. "
            "Use a longer one."
        )
    if "\0" in found:
        raise InputError(f"The secret {name!r} must be a text without the character NUL.")
    return found


def _read(name: str, path: Path) -> str:
    if not path.is_file():
        raise MissingError(f"The secret {name!r} refers to the file {str(path)!r}, which does not exist.")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The secret {name!r} refers to the file {str(path)!r}, which cannot be read: {error}."
        ) from error
    return text.removesuffix("\n").removesuffix("\r")


@dataclass(frozen=True)
class Masker:
    """Replaces secrets in plain data: as they are, as Python, JSON and URLs write them, in hexadecimal and base64.

    Lines of a secret of several lines are masked by themselves. What a notebook's own code encrypts, compresses,
    spells out or writes into files of its own cannot be recognised.

    Examples
    --------
    >>> Masker.make(["hush money"]).mask({"text": "hush+money and aHVzaCBtb25leQ=="})
    {'text': '*** and ***=='}
    """

    pattern: re.Pattern[str] | None = None
    raw: tuple[bytes, ...] = ()
    forms: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def make(cls, secrets: Iterable[str]) -> Masker:
        """Return what masks these secrets; empty ones are nothing to hide."""
        parts = {p for s in secrets if s for p in _parts(s)}
        forms = sorted({f for p in parts for f in _forms(p)}, key=lambda f: (-len(f), f))
        pattern = re.compile("|".join(map(re.escape, forms))) if forms else None
        return cls(pattern, tuple(sorted((p.encode() for p in parts), key=len, reverse=True)), tuple(forms))

    @property
    def text(self) -> Callable[[str], str]:
        """Return the function that masks a text."""
        pattern = self.pattern
        return str if pattern is None else lambda text: pattern.sub(MASK, text)

    def split(self, text: str) -> tuple[str, str]:
        """Mask a text that may go on, and return it without the end that may be the beginning of a secret; and that end.

        Examples
        --------
        >>> Masker.make(["hush money"]).split("it is hush mo")
        ('it is ', 'hush mo')
        """
        if self.pattern is None:
            return text, ""
        after = max((found.end() for found in self.pattern.finditer(text)), default=0)
        longest = len(self.forms[0])
        for start in range(max(after, len(text) - longest + 1), len(text)):
            end = text[start:]
            if any(form.startswith(end) for form in self.forms):
                return self.text(text[:start]), end
        return self.text(text), ""

    def mask(self, value: Any) -> Any:
        """Return plain data with its secrets masked; the data itself where there is nothing to hide."""
        if self.pattern is None:
            return value
        if isinstance(value, str):
            return self.pattern.sub(MASK, value)
        if isinstance(value, Mapping):
            return {self.mask(k): self.mask(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.mask(v) for v in value]
        return value

    def mask_bytes(self, data: Any) -> bytes:
        """Return binary data with its secrets masked."""
        found = bytes(data)
        for one in self.raw:
            found = found.replace(one, MASK.encode())
        return found


def _parts(secret: str) -> set[str]:
    """Return a secret and, of one of several lines, the lines that are long enough to be told from others."""
    lines = {line.strip() for line in secret.splitlines()} if len(secret.splitlines()) > 1 else set()
    return {secret, *(line for line in lines if len(line) >= _SHORTEST_LINE)}


def _forms(text: str) -> set[str]:
    """Return the ways in which a text is written by the usual tools."""
    data = text.encode()
    forms = {text, repr(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    forms |= {urllib.parse.quote(text), urllib.parse.quote(text, safe=""), urllib.parse.quote_plus(text)}
    forms |= {repr(data)[2:-1], data.hex(), data.hex().upper(), *_base64(data)}
    forms |= {text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    return {f for f in forms if len(f) >= _SHORTEST}


def _base64(data: bytes) -> set[str]:
    """Return the letters that stand for the data in the base64 of any text that holds it, in both alphabets."""
    codes = set()
    for before in range(3):
        code = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        # Letters at both ends hold bits of the neighbours, where there are any.
        first = (before * 8 + 5) // 6
        for core in (code[first : (before + len(data)) * 8 // 6], code[first:]):
            codes |= {core, core.replace("+", "-").replace("/", "_")}
    return {c for c in codes if len(c) >= _SHORTEST_CODE}
