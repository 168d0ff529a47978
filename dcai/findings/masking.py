"""What a report shows of columns that hold personal data: masked values, in tables and within sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcai.base.settings import find_settings
from dcai.base.table import Table
from dcai.findings.tables.identifiers import IDENTIFIERS, mask
from dcai.findings.wording import name_some

if TYPE_CHECKING:
    from dcai.findings.report import Audit

FREE_WORDS = 8  # words a cell, on average: of such texts only what identifies people is masked
_SAMPLE = 200
_SHORTEST = 3  # characters; shorter values stand in sentences for many other things
_MOST_PEERS = 20
HIDDEN = "(hidden)"


@dataclass(frozen=True)
class Veil:
    """Which columns are masked, and whether whole or only what identifies people within free texts.

    Of those that are `marked` as sensitive nothing is shown, not even the first letter.
    """

    table: Table
    whole: Mapping[str, bool]
    marked: frozenset[str] = frozenset()

    def show(self, value: object, column: object) -> object:
        """Return a cell as it may be shown."""
        if value is None or column not in self.whole:
            return value
        if column in self.marked:
            return HIDDEN
        return mask(str(value)) if self.whole[str(column)] else mask_parts(str(value))

    def cell(self, row: int, column: str) -> object:
        """Return a cell of the table as it may be shown."""
        return self.show(self.table.cell(row, column), column)

    def say(self, found: Any) -> str:
        """Return the reason of a finding without the values that are masked."""
        text = str(found.reason)
        if not self.whole:
            return text
        hidden = {str(v) for v in (found.given, found.suggested) if v is not None and found.column in self.whole}
        stored = hasattr(self.table, "stored")  # there each further row is read from a file
        rows = [r for r in [found.row, *([] if stored else found.peers[:_MOST_PEERS])] if r >= 0]
        cells = (self.table.cell(int(r), name) for r in rows for name, whole in self.whole.items() if whole)
        hidden |= {str(cell) for cell in cells if cell is not None}
        secret = {str(self.table.cell(int(r), name)) for r in rows for name in self.marked}
        secret |= {str(v) for v in (found.given, found.suggested) if found.column in self.marked}
        for value in sorted(hidden, key=lambda v: (-len(v), v)):
            if len(value) >= _SHORTEST:
                shown = HIDDEN if value in secret else mask(value)
                text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", lambda _, shown=shown: shown, text)  # type: ignore[misc]  # mypy knows no default in a lambda
        return mask_parts(text)

    def describe(self) -> str:
        """Say which columns are masked; empty where none is."""
        if not self.whole:
            return ""
        why = "they are marked as sensitive" if set(self.whole) <= self.marked else "they seem to be personal data"
        return f"Values of {name_some(list(self.whole))} are masked, for {why}; audit.findings holds them in clear."


def make_veil(audit: Audit) -> Veil:
    """Make the veil over the columns that the audit found to hold personal data."""
    marked = frozenset(audit.marked or ())
    whole = {name: name in marked or not _is_free_text(audit.table, name) for name in audit.masked or ()}
    return Veil(audit.table, whole, marked)


def mask_parts(text: str) -> str:
    """Mask what identifies people within a text.

    Examples
    --------
    >>> mask_parts("Write to ann@example.org soon.")
    'Write to a**@*******.*** soon.'
    """
    for kind in IDENTIFIERS:
        if not kind.alone:
            text = kind.pattern.sub(lambda m, kind=kind: mask(m[0]) if kind.check(m[0]) else m[0], text)  # type: ignore[misc]  # mypy knows no default in a lambda
    return text


def list_masked(columns: Iterable[object], detectors: Iterable[object]) -> tuple[str, ...]:
    """List the columns that findings of `personal_data` are about."""
    named = zip(columns, detectors, strict=True)
    return tuple(dict.fromkeys(str(c) for c, d in named if d == "personal_data" and c is not None))


def list_marked(table: Table) -> tuple[str, ...]:
    """List the columns that the `dcai.yaml` of the repository at hand marks as sensitive."""
    sensitive = find_settings(Path.cwd()).sensitive
    return tuple(str(c) for c in table.frame.columns if c in sensitive)


def _is_free_text(table: Table, name: str) -> bool:
    if table.kinds[name] != "text":
        return False
    frame = table.frame if not hasattr(table, "stored") else table.stored.held
    words = [len(str(v).split()) for v in frame[name].dropna().iloc[:_SAMPLE]]
    return bool(words) and sum(words) >= FREE_WORDS * len(words)
