"""Searching everything that a git repository holds for the values of columns: data files, notebooks, exports, messages."""

from __future__ import annotations

import gzip
import html
import io
import json
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dcai.base.history import name_objects, read_objects
from dcai.base.settings import NAME as SETTINGS
from dcai.base.table import DELIMITERS
from dcai.corrections.decisions.veils import key_behind

SHORTEST = 4  # characters; shorter values stand in many files by accident
_LARGEST_MEMBER = 2**28  # bytes of what is unpacked
_WORD = re.compile(rb"[0-9A-Za-z_\x80-\xff]+")
_POINTER = b"version https://git-lfs"
VALUES, TABLE, NAMED = "values", "table", "named"


@dataclass(frozen=True)
class Traces:
    """What was found in git's objects: those that hold known values, tables with such a column, others that name it.

    Each is told as its path and the beginning of its name in git. `passed` could not be searched; `short` values are too
    short to be looked for.
    """

    searched: int = 0
    size: int = 0
    values: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    short: int = 0


class Search:
    """A search for some columns and for values of them that are known.

    Texts are compared as UTF-8, as JSON escapes them and as HTML does, numbers also as whole ones. A file packed by gzip
    or zip (such as a workbook) is unpacked once; anything else that is compressed or binary is read as it is.
    """

    def __init__(self, columns: Sequence[str], values: Iterable[object]) -> None:
        self.columns = list(columns)
        self.short = 0
        self._forms: dict[bytes, set[bytes]] = defaultdict(set)
        for value in values:
            self._add(str(value))
        self._names = {form for column in columns for form in (column.encode("utf-8", "replace"), _escape(column))}

    def _add(self, text: str) -> None:
        if len(text.strip()) < SHORTEST:
            self.short += 1
            return
        whole = [text.removesuffix(".0")] if text.endswith(".0") else []
        for form in (text.strip(), html.escape(text.strip()), *(w for w in whole if len(w) >= SHORTEST)):
            for data in (form.encode("utf-8", "replace"), _escape(form)):
                first = _WORD.search(data)
                if first is not None:
                    self._forms[first[0]].add(data)

    def look(self, content: bytes, paths: Sequence[str]) -> str:
        """Say what a file holds: known values, a table with one of the columns, the name of one, or nothing of them."""
        found = ""
        for text in _unpack(content):
            if self.has_values(text) or _has_lines(text, self.columns):
                return VALUES
            if self._is_table(text):
                found = TABLE
            elif not found and self._names_column(text, paths):
                found = NAMED
        return found

    def has_values(self, text: bytes) -> bool:
        """Whether a known value stands in a text; only those whose first word stands there are looked for."""
        if not self._forms:
            return False
        words = set(_WORD.findall(text))
        return any(form in text for word in self._forms.keys() & words for form in self._forms[word])

    def _is_table(self, text: bytes) -> bool:
        head, _, rest = text.partition(b"\n")
        fields = re.split(rf"[{re.escape(DELIMITERS)}]", head.decode("utf-8", "replace").lstrip("\ufeff").rstrip("\r"))
        named = any(f.strip().strip('"').replace('""', '"') in self.columns for f in fields)
        return named and bool(rest.strip())

    def _names_column(self, text: bytes, paths: Sequence[str]) -> bool:
        # What declares the columns, and what the log declares of them, tells no value.
        declares = any(Path(path).name == SETTINGS for path in paths) or _is_log(text)
        return not declares and any(
            re.search(rb"(?<![0-9A-Za-z_])" + re.escape(name) + rb"(?![0-9A-Za-z_])", text) for name in self._names
        )


def find_traces(root: Path, search: Search) -> Traces:
    """Search all objects of a repository, reachable or not. Nothing is changed."""
    names = name_objects(root)
    kinds: dict[str, list[str]] = defaultdict(list)
    objects, passed, searched, size = [], [], 0, 0
    for one in read_objects(root):
        paths = names.get(one.name, [])
        told = f"{paths[0] if paths else _name_kind(one.kind)} ({one.name[:12]})"
        if one.content is None or one.content.startswith(_POINTER):
            passed.append(told)
            continue
        searched, size = searched + 1, size + one.size
        found = search.look(one.content, paths)
        if found:
            kinds[found].append(told)
        if found in (VALUES, TABLE) and one.kind == "blob":
            objects.append(one.name)
    return Traces(
        searched, size, sorted(kinds[VALUES]), sorted(kinds[TABLE]), sorted(kinds[NAMED]), objects, sorted(passed),
        search.short,
    )  # fmt: skip


def _name_kind(kind: str) -> str:
    return {"commit": "the message of a commit", "tag": "the message of a tag"}.get(kind, "a file that no commit names")


def _unpack(content: bytes) -> Iterator[bytes]:
    """Yield a file, and what is packed in it."""
    yield content
    try:
        if content.startswith(b"\x1f\x8b"):
            with gzip.open(io.BytesIO(content)) as stream:
                yield stream.read(_LARGEST_MEMBER)
        elif content.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                for member in packed.infolist():
                    if member.file_size <= _LARGEST_MEMBER:
                        yield packed.read(member)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError):
        return  # it only begins like one, or is locked by a password


def _is_log(text: bytes) -> bool:
    return text.startswith(b'{"v":') and b'"verdict":' in text.partition(b"\n")[0]


def _has_lines(text: bytes, columns: Sequence[str]) -> bool:
    """Whether a text is a correction log with a line that holds a value of a column in clear."""
    return _is_log(text) and any(holds_plain(line, columns) for line in text.splitlines())


def holds_plain(text: bytes, columns: Sequence[str]) -> bool:
    """Whether a line of an older version of a log, which need not be readable today, holds such a value."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(line, dict):
        return False
    key = line.get("key")
    values = [key.get(c) for c in columns] if isinstance(key, dict) else []
    if line.get("column") in columns:
        value = line.get("value")
        values += [line.get("given"), *(value if isinstance(value, list) else [value])]
    return any(v is not None and key_behind(v) is None for v in values)


def _escape(text: str) -> bytes:
    """Write a text as JSON with escapes does."""
    return json.dumps(text)[1:-1].encode("ascii")
