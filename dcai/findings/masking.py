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
_SHORTEST = 2  # characters; shorter values stand in sentences for many other things
_CUT = 8  # characters of a text that no sentence cuts off
_DAY = 10  # characters of a date
_FORMATS = ("g", ".3g", ".4g", ".6g", ",", ",g", ".0f", ".1f", ".2f", ",.0f", ",.1f", ",.2f", "e")
_MOST_PEERS = 20
HIDDEN = "(hidden)"
OPEN = "personal_data"  # its own sentences show masked values only


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
        if not self.whole or found.detector == OPEN:
            return text
        names = [name for name, whole in self.whole.items() if whole]
        stored = hasattr(self.table, "stored")  # there each further row is read from a file
        rows = [r for r in [found.row, *([] if stored else found.peers[:_MOST_PEERS])] if r >= 0]
        values = [self.table.cell(int(r), name) for r in rows for name in names]
        if found.column in names or tells(text, names, values):
            return say_hidden([found.column] if found.column in names else names)
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


def tells(text: str, names: Iterable[str], values: Iterable[object]) -> bool:
    """Whether a sentence names one of some columns, or holds one of their values in any form: short, rounded, escaped.

    Examples
    --------
    >>> tells("98,765 is extreme.", ["pay"], [98765.0]), tells("It is rare.", ["pay"], [98765.0])
    (True, False)
    """
    low = text.casefold()
    if any(repr(name).casefold() in low for name in names):
        return True
    known = [value for value in values if value is not None]
    forms = {form.casefold() for value in known for form in _list_forms(value)}
    begins = {
        str(value)[:_CUT].casefold() for value in known if len(str(value)) > _CUT
    }  # a sentence may cut a longer text
    return any(form in low for form in begins) or any(
        re.search(rf"(?<!\w){re.escape(form)}(?!\w)", low) for form in forms if len(form) >= _SHORTEST
    )


def _list_forms(value: object) -> list[str]:
    """List how a sentence may write a value."""
    text = str(value)
    forms = [text, repr(value), text.encode("unicode_escape").decode("ascii"), text.strip()]
    try:
        number = float(text)
    except ValueError:
        return [*forms, text[:_DAY]] if text[:4].isdigit() else forms
    if abs(number) == float("inf") or number != number:  # noqa: PLR0124 (NaN is the only number that differs from itself)
        return forms
    return [*forms, *(format(number, how) for how in _FORMATS), str(int(number))]


def say_hidden(names: Iterable[str]) -> str:
    """Say that a sentence is not shown, as it would tell values of some columns.

    Examples
    --------
    >>> say_hidden(["pay"])
    "What was found here tells values of 'pay', which are masked."
    """
    return f"What was found here tells values of {name_some(list(names))}, which are masked."


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
