"""What the reviewer sees of a finding: lines of the queue and cards, as records of plain text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dcai.base.contract import escape_surrogates
from dcai.base.fingerprints import canonical, plain
from dcai.base.records import Card, Cell, Correction, Finding, Group, QueueItem, Said, Scalar, ShownRow
from dcai.base.table import StandIn, Table
from dcai.corrections.exhibits.audited import Found
from dcai.corrections.exhibits.contexts import Contexts
from dcai.corrections.exhibits.forms import LabelForm
from dcai.corrections.exhibits.media import show_picture, show_sound
from dcai.corrections.exhibits.names import show_name

TEXT_LIMIT = 4000
SHORT_LIMIT = 200
PEER_LIMIT = 5
CLASS_LIMIT = 20
# Columns whose spread is drawn beside the value; a row of very many is no card to read.
SPREAD_LIMIT = 60


def make_item(row: Any, decided: str | None, *, blind: bool) -> QueueItem:
    """Make a line of the queue from a row of the findings (a named tuple)."""
    return QueueItem(
        str(row.finding), int(row.row), str(row.detector), _column(row.column), show_name(plain(row.given)),
        None if blind and decided is None else show_name(plain(row.suggested)), float(row.doubt), decided,
    )  # fmt: skip


def make_card(
    form: LabelForm,
    found: Found,
    line: Correction | None,
    group: Group | None,
    *,
    blind: bool,
) -> Card:
    """Make the card of a finding (a row of the findings); a blind one that is open shows no label of another row."""
    table, hide = form.table, blind and line is None
    row = int(found["row"])
    about_label = found["column"] == table.label
    return Card(
        finding=make_finding(found, hide=hide, named=about_label and not form.several),
        cells=show_cells(table, row, TEXT_LIMIT),
        classes=[
            replace(c, name=show_name(c.name))
            for c in (form.order(found, hide=hide) if about_label or found["column"] is None else [])
        ],
        peers=[show_row(table, peer, hide=hide) for peer in _peers(found)],
        decided=None if line is None else line.verdict,
        note="" if line is None else line.note,
        group=group,
        label=None if table.label is None else _show_label(form, table.cell(row, table.label)),
        several=form.several,
        sentence=form.show_sentence(found) if about_label else None,
    )


def make_said(line: Correction) -> Said:
    """Show what one reviewer says in a dispute."""
    values = [show_name(v) for v in line.value] if isinstance(line.value, list) else show_name(line.value)
    return Said(line.id, line.by, line.verdict, values, line.at, line.note[:TEXT_LIMIT])


def cut_classes(card: Card) -> Card:
    """Leave the least probable of very many classes out of a card; the browser has the names of all of them from `Terms`."""
    if card.several or len(card.classes) <= CLASS_LIMIT:
        return card
    marks = {canonical(v) for v in (card.finding.given, card.finding.suggested, card.label)}
    rest = [c for c in card.classes[CLASS_LIMIT:] if canonical(c.name) in marks]
    return replace(card, classes=[*card.classes[:CLASS_LIMIT], *rest])


def add_nearest(card: Card, audit: Any) -> Card:
    """Put a row's twins with other labels, then the rows most like it, beside a card about its label that shows no others."""
    context = getattr(audit, "context", None)  # an audit that was read from elsewhere has none
    if context is None or card.peers or not card.classes or card.finding.part is not None:
        return card
    row = card.finding.row
    found = audit.findings[(audit.findings["row"] == row) & (audit.findings["detector"] == "conflicts")]
    how = {peer: "equal in all features" for _, twin in found.iterrows() for peer in _peers(twin)}
    near = context.find_nearest(row, PEER_LIMIT)
    for position, distance in zip(near["row"].tolist(), near["distance"].tolist(), strict=True):
        how.setdefault(int(position), f"{distance:.2g} away")
    shown = list(how)[:PEER_LIMIT]
    return replace(card, peers=[replace(show_row(audit.table, peer), how=how[peer]) for peer in shown])


def add_context(card: Card, contexts: Contexts, *, full: bool) -> Card:
    """Put beside the values of a card how their columns look; `full` counts the values of the doubted column too."""
    found = card.finding
    drawn = 0
    cells = []
    for cell in card.cells:
        about = cell.column == found.column
        spread = (
            contexts.spread(found.row, cell.column, found.suggested if about else None)
            if drawn < SPREAD_LIMIT or about
            else None
        )
        drawn += spread is not None
        cells.append(cell if spread is None else replace(cell, spread=spread))
    # A value that was cut for display cannot be counted.
    is_cell = full and not card.classes and len(str(found.given)) < TEXT_LIMIT
    context = contexts.context(found.column, found.given, found.suggested) if is_cell else None
    return replace(card, cells=cells, context=context)


def make_finding(found: Found, *, hide: bool, named: bool = False) -> Finding:
    """Make the record of a finding; `hide` leaves out what would lead the reviewer, `named` says its values are classes."""
    show = show_name if named else _long
    key = found["key"]
    confidence = plain(found["confidence"])
    part = plain(found["part"])
    return Finding(
        finding=str(found["finding"]),
        row=int(found["row"]),
        key=None if key is None else {name: show_name(value) for name, value in key.items()},
        part=int(part) if isinstance(part, (int, float)) else None,
        column=_column(found["column"]),
        detector=str(found["detector"]),
        doubt=float(found["doubt"]),
        given=show(plain(found["given"])),
        suggested=None if hide else show(plain(found["suggested"])),
        confidence=None if hide or not isinstance(confidence, (int, float)) else float(confidence),
        reason="Decide without the suggestion." if hide else str(found["reason"])[:TEXT_LIMIT],
        peers=_peers(found),
    )


def show_row(table: Table, row: int, *, hide: bool = False) -> ShownRow:
    """Show a peer: its label (unless it is to `hide`) and its cells, cut short."""
    label = None if table.label is None or hide else show_name(table.cell(row, table.label))
    return ShownRow(row, label, show_cells(table, row, SHORT_LIMIT))


def show_cells(table: Table, row: int, limit: int) -> list[Cell]:
    """Show the cells of a row as text; images as data addresses."""
    cells = []
    for name in table.frame.columns:
        if name == table.label:
            continue
        media = _show_media(table, row, str(name))
        if media is not None:
            cells.append(Cell(str(name), media[1], media[0], cut=False))
            continue
        kind, whole = table.kinds[str(name)], table.cell(row, str(name))
        text, kind = ("" if whole is None else str(whole)), ("text" if kind == "image" else kind)
        shown = text[:limit]
        cut = len(text) > limit or shown != escape_surrogates(shown)
        cells.append(Cell(str(name), shown, kind, cut, missing=whole is None))
    return cells


def _show_media(table: Table, row: int, column: str) -> tuple[str, str] | None:
    """Return the kind and the data address of a picture or sound; None for other cells."""
    kind = table.kinds[column]
    # In a table that is read from a file piece by piece, looking for sounds would read whole columns.
    sounds = () if isinstance(table.frame, StandIn) else ("text", "category", "other")
    if kind not in ("image", *sounds):
        return None
    value = table.frame[column].iloc[row]
    text = show_picture(value) if kind == "image" else show_sound(value)
    return None if text is None else ("image" if kind == "image" else "audio", text)


def _peers(found: Found) -> list[int]:
    peers = found["peers"]
    return [] if peers is None or isinstance(peers, float) else [int(p) for p in list(peers)[:PEER_LIMIT]]


def _column(column: object) -> str | None:
    return column if isinstance(column, str) else None


def _show_label(form: LabelForm, value: Scalar) -> Scalar:
    return _long(value) if form.several else show_name(value)


def _long(value: Scalar) -> Scalar:
    return value[:TEXT_LIMIT] if isinstance(value, str) else value
