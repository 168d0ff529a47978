"""What a review works under: label definitions, sensitive columns, and what to say before the first decision."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dcai.base.errors import InputError, shorten
from dcai.base.fingerprints import canonical
from dcai.base.records import Card, Cell, Definition, QueueItem, Scalar, ShownRow, Terms
from dcai.base.settings import Settings
from dcai.base.table import Table
from dcai.findings.masking import say_hidden, tells

MASKED = "(hidden)"
PASSED = "An earlier decision here no longer counts: the data has changed since."
_YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")


def change_definition(
    known: Sequence[Definition],
    classes: Sequence[Scalar],
    name: Scalar,
    meaning: str | None,
    examples: Sequence[str] | None,
    borderline: Sequence[str] | None,
) -> Definition:
    """Return the definition of a class with what was given; None leaves what is written."""
    names = {canonical(c): c for c in [*classes, *(d.name for d in known)]}
    if canonical(name) not in names:
        raise InputError.unknown_name("class", name, names.values(), "Only classes of the label have definitions.")
    if meaning is not None and not isinstance(meaning, str):
        raise InputError.wrong_value("meaning", "define", "a text", meaning)
    old = next((d for d in known if canonical(d.name) == canonical(name)), Definition(names[canonical(name)]))
    changed = replace(old, meaning=old.meaning if meaning is None else meaning.strip())
    if examples is not None:
        changed = replace(changed, examples=_check_texts("examples", examples))
    if borderline is not None:
        changed = replace(changed, borderline=_check_texts("borderline", borderline))
    return changed


def _check_texts(field: str, texts: Any) -> list[str]:
    if isinstance(texts, str) or not all(isinstance(t, str) for t in texts):
        raise InputError.wrong_value(field, "define", "a list of texts", texts)
    return [t.strip() for t in texts if t.strip()]


def remark_on_personal_data(found: Sequence[str], sensitive: Sequence[str], settings: Settings) -> list[str]:
    """Warn of columns that seem to hold personal data and are not marked, before the first line of a log is written."""
    columns = [c for c in found if c not in sensitive]
    if not columns:
        return []
    named = ", ".join(shorten(repr(c), 60) for c in columns[:5]) + (", ..." if len(columns) > 5 else "")  # noqa: PLR2004 (five names fit)
    warning = (
        f"{named} {'seems' if len(columns) == 1 else 'seem'} to hold personal data. A log in git keeps for ever what is decided "
        f"about such cells, and the key of every decided row. Before the first decision, mark them: "
        f"review.mark_sensitive({', '.join(map(repr, columns))}), or in {settings.path}: "
        f"sensitive: [{', '.join(map(_name_in_yaml, columns))}]. Then the log holds keyed hashes only, so that no new value can be written into such a cell."
    )
    return [warning]


def _name_in_yaml(name: str) -> str:
    """Write a name as YAML reads it in a list; all but plain words stand in quotes."""
    plain_word = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) and name.lower() not in _YAML_WORDS
    return name if plain_word else json.dumps(name, ensure_ascii=False)


# ---------------------------------------------------------------- masks


def mask_terms(terms: Terms, cautions: Sequence[str]) -> Terms:
    """Leave out what names the classes of a label that is sensitive; of the remarks the cautions stay, which name columns."""
    return replace(terms, definitions=[], remarks=list(cautions), classes=[])


def mask_item(item: QueueItem, columns: frozenset[str]) -> QueueItem:
    """Hide the values of a line of the queue that is about a sensitive column."""
    if item.column not in columns:
        return item
    return replace(item, given=_mask(item.given), suggested=_mask(item.suggested))


def mask_card(card: Card, columns: frozenset[str], table: Table, tokens: str | None = None) -> Card:
    """Hide what a card shows of sensitive columns; a sentence that may tell one of their values is replaced whole.

    `tokens` is the column whose tokens the label tags.
    """
    if not columns:
        return card
    found = card.finding
    about, covered = found.column in columns, table.label in columns
    rows = [r for r in (found.row, *found.peers, *(p.row for p in card.peers)) if r >= 0]
    values = [table.cell(row, column) for column in columns for row in dict.fromkeys(rows)]
    tell = about or tells(found.reason, columns, values)
    named = [str(found.column)] if about else sorted(columns)
    finding = replace(
        found,
        key=None if found.key is None else {k: _mask(v) if k in columns else v for k, v in found.key.items()},
        given=_mask(found.given) if about else found.given,
        suggested=_mask(found.suggested) if about else found.suggested,
        reason=say_hidden(named) if tell else found.reason,
    )
    return replace(
        card,
        finding=finding,
        cells=[_mask_cell(c, columns) for c in card.cells],
        peers=[_mask_row(r, columns, covered=covered) for r in card.peers],
        label=_mask(card.label) if covered else card.label,
        classes=[] if covered else card.classes,
        group=None if about else card.group,
        context=None if about else card.context,
        sentence=None if covered or tokens in columns else card.sentence,
        said=[replace(s, value=None) for s in card.said] if about else card.said,
        remark=PASSED if card.remark and (about or tells(card.remark, columns, values)) else card.remark,
    )


def _mask_row(row: ShownRow, columns: frozenset[str], *, covered: bool) -> ShownRow:
    cells = [_mask_cell(c, columns) for c in row.cells]
    return replace(row, cells=cells, label=_mask(row.label) if covered else row.label)


def _mask_cell(cell: Cell, columns: frozenset[str]) -> Cell:
    if cell.column not in columns:
        return cell
    return replace(cell, text=str(_mask(cell.text)), kind="text", cut=False, spread=None)


def _mask(value: Scalar) -> Scalar:
    # Not even the first letter is shown: of some columns it tells all.
    return MASKED if value not in (None, "") else value
