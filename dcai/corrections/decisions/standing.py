"""Which decisions of a log stand, and where reviewers disagree. Line order does not matter, time does."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterable

from dcai.base.fingerprints import canonical
from dcai.base.records import FINGERPRINT, Correction, Key

CHANGING = frozenset({"relabel", "edit", "exclude"})
RowOf = Callable[[Correction], Hashable]
_write_key = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def key_text(key: Key) -> str:
    """Write a key so that equal keys have equal texts, whatever the types of their cells."""
    if FINGERPRINT in key:
        return str(key[FINGERPRINT])
    return _write_key({name: canonical(key[name]) for name in sorted(key)})


def was_looked_at(line: Correction) -> bool:
    """Whether a person has seen the row of a decision, not only a certificate or the values that were merged."""
    return "certificate" not in line.why and line.why.get("looked_at") != "values"


def find_active(corrections: Iterable[Correction]) -> list[Correction]:
    """Return the lines that no active undo takes back, oldest first. An undo can itself be undone."""
    undone: set[str] = set()
    active = []
    for line in sorted(set_of(corrections), key=lambda c: c.id, reverse=True):
        if line.id in undone:
            continue
        active.append(line)
        if line.verdict == "undo" and line.undoes is not None:
            undone.add(line.undoes)
    return active[::-1]


def set_of(corrections: Iterable[Correction]) -> list[Correction]:
    """Drop repeated lines (a union merge may repeat one), keeping the order."""
    return list({c.id: c for c in corrections}.values())


def find_standing(corrections: Iterable[Correction], row_of: RowOf | None = None) -> list[Correction]:
    """Return the decisions that stand, oldest first.

    A reviewer's latest decision about a cell replaces their earlier ones; their later decision about a cell or the row
    takes back their earlier `exclude` of the row; a decision named by a standing `resolves` is settled.
    """
    where = row_of or (lambda c: key_text(c.key))
    active = [c for c in find_active(corrections) if c.verdict != "undo"]
    settled = {name for c in active for name in c.resolves or ()}
    latest: dict[Hashable, Correction] = {}
    for line in active:
        if line.id in settled:
            continue
        row = where(line)
        if line.verdict != "unsure":
            whole = latest.get((line.by, row, None, None))
            if whole is not None and whole.verdict == "exclude":
                del latest[line.by, row, None, None]
        place = (line.by, row, line.part, line.column)
        latest.pop(place, None)  # so that the order stays by time
        latest[place] = line
    return list(latest.values())


def find_disputed(
    standing: Iterable[Correction], row_of: RowOf | None = None, masked: Container[str] = ()
) -> dict[str, str]:
    """Return the ids of standing decisions about which reviewers disagree, each with the reason as a sentence.

    The sentences tell no values of `masked` columns.
    """
    where = row_of or (lambda c: key_text(c.key))
    rows: dict[Hashable, list[Correction]] = defaultdict(list)
    for line in standing:
        if line.verdict != "unsure":
            rows[where(line)].append(line)
    disputed: dict[str, str] = {}
    for lines in rows.values():
        if len({c.by for c in lines}) > 1:
            disputed |= _find_row_disputes(lines, masked)
    return disputed


def _find_row_disputes(lines: list[Correction], masked: Container[str]) -> dict[str, str]:
    disputed: dict[str, str] = {}
    cells: dict[Hashable, list[Correction]] = defaultdict(list)
    for line in lines:
        cells[line.part, line.column].append(line)
    for group in cells.values():
        if len({outcome_of(c) for c in group}) > 1:
            disputed |= dict.fromkeys((c.id for c in group), _tell(group, masked))
    for line in lines:
        if line.verdict == "exclude":
            against = [c for c in lines if c.by != line.by and c.verdict != "exclude"]
            if against:
                disputed |= dict.fromkeys((c.id for c in [line, *against]), _tell([line, *against], masked))
    return disputed


def outcome_of(line: Correction) -> Hashable:
    """Say what a decision makes of its cell; equal outcomes are no dispute."""
    if line.verdict == "ambiguous" and isinstance(line.value, list):
        return "ambiguous", frozenset(canonical(v) for v in line.value)
    if line.verdict in ("relabel", "edit"):
        return "value", canonical(line.value)
    if line.verdict == "keep" and line.column is not None:
        return "value", canonical(line.given)
    return line.verdict


def _tell(lines: list[Correction], masked: Container[str]) -> str:
    shown = [(c, c.value is not None and c.column not in masked) for c in lines[:4]]
    told = "; ".join(f"{c.by}: {c.verdict}" + (f" {c.value!r}" if tells else "") for c, tells in shown)
    ids = ", ".join(repr(c.id) for c in lines)
    return f"Reviewers disagree ({told}). Settle it in a review: review.decide(row, verdict, ..., resolves=[{ids}])."
