"""Sensitive columns: what a log stores of them are hashes that only the holder of a key can recognise."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical, canonicals
from dcai.base.keyring import choose_key, read_key
from dcai.base.records import Correction, Scalar
from dcai.base.table import Table

_HIDDEN = re.compile(r"~keyed:([0-9a-f]{8}):[0-9a-f]{32}")
_BYTES = 16
SHORTEST = 3  # characters; a shorter value stands in many texts by accident


@dataclass(frozen=True)
class Veil:
    """Columns whose values are hidden, each with the name of its key.

    Examples
    --------
    >>> Veil().show("mail", "ann@example.org")
    'ann@example.org'
    """

    keys: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _secrets(self) -> dict[str, bytes]:
        return {name: read_key(name) for name in set(self.keys.values())}

    def show(self, column: str, value: Scalar) -> Scalar:
        """Return what a log may hold of a cell: itself, or its keyed hash. What is missing stays so."""
        return self._hide(column, canonical(value)) if column in self.keys else value

    def _hide(self, column: str, text: str | None) -> str | None:
        if text is None:
            return None
        name = self.keys[column]
        whole = f"{column}\x1f{text}".encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(whole, key=self._secrets[name], digest_size=_BYTES).hexdigest()
        return f"~keyed:{name}:{digest}"

    def cover(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame as a log may see it; columns that are not hidden are shared, not copied."""
        columns = [c for c in self.keys if c in frame.columns]
        if not columns:
            return frame
        covered = frame.copy(deep=False)
        for name in columns:
            covered[name] = self.cover_column(name, frame[name])
        return covered

    def cover_column(self, name: str, column: pd.Series[Any]) -> pd.Series[Any]:
        """Hide the cells of a column; each distinct one is hashed once."""
        texts = canonicals(column)
        codes, distinct = pd.factorize(texts)
        hidden = np.array([*(self._hide(name, text) for text in distinct), None], dtype=object)
        return pd.Series(hidden[codes], index=column.index, name=column.name, dtype=object)

    def cover_table(self, table: Table) -> Table:
        """Return a table as a log may see it."""
        if not any(c in table.frame.columns for c in self.keys):
            return table
        if hasattr(table, "stored"):
            raise InputError(
                "Sensitive columns cannot be hidden while data is read in batches. Audit it whole: dcai.audit(..., memory=...)."
            )
        return replace(table, frame=self.cover(table.frame))


def key_behind(value: object) -> str | None:
    """Return the name of the key that a value was hidden with; None for a plain value."""
    found = _HIDDEN.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def hidden_columns(corrections: Iterable[Correction]) -> dict[str, str]:
    """Return the columns that a log hides, each with the name of the key that was used last."""
    hidden: dict[str, str] = {}
    for line in sorted(corrections, key=lambda c: c.id):
        hidden |= line.veiled or {}
    return hidden


def make_veil(sensitive: Iterable[str], table: Table, corrections: Iterable[Correction]) -> Veil:
    """Make the veil for a review: over the marked columns of its table, and over those that its log hides already.

    A log keeps the key that it was begun with.
    """
    known = hidden_columns(corrections)
    columns = [c for c in dict.fromkeys([*sensitive, *known]) if c in table.frame.columns]
    if not columns:
        return Veil()
    usual = next(iter(known.values()), None) or choose_key()
    return Veil({c: known.get(c, usual) for c in sorted(columns)})


def refuse_open(table: Table, veil: Veil, row: int, texts: Mapping[str, object]) -> None:
    """Refuse texts of a decision that repeat what a sensitive cell of its row holds."""
    for column in veil.keys:
        cell = table.cell(row, column)
        written = "" if cell is None else str(cell).strip()
        if len(written) < SHORTEST:
            continue
        pattern = re.compile(rf"(?<!\w){re.escape(written)}(?!\w)", re.IGNORECASE)
        for what, text in texts.items():
            values = cast("list[object]", text) if isinstance(text, list) else [text]
            if any(isinstance(v, str) and pattern.search(v) for v in values):
                raise InputError(
                    f"The {what} repeats what the sensitive column {column!r} holds in this row, and would stand in the log for "
                    "all to read. Say it without that value."
                )


def refuse_hidden(veil: Veil, verdict: str, column: str | None) -> None:
    """Refuse decisions that a hash would make useless: a new value that nobody could read."""
    if column in veil.keys and verdict in ("relabel", "edit", "ambiguous"):
        raise InputError(
            f"The column {column!r} is marked as sensitive in dcai.yaml: the log stores hashes of its values, so a new value "
            f"could never be applied. Correct it in the source data; the verdicts 'keep', 'exclude' and 'unsure' are possible here."
        )
