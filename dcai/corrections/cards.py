"""What the reviewer sees of a finding: lines of the queue and cards, as records of plain text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from dcai.base.fingerprints import plain
from dcai.base.records import Card, Cell, Correction, Finding, Group, QueueItem, Scalar, ShownRow
from dcai.base.table import Table
from dcai.corrections.forms import LabelForm

TEXT_LIMIT = 4000
SHORT_LIMIT = 200
PEER_LIMIT = 5
_JPEG = b"\xff\xd8\xff"
IMAGE_LIMIT = 200_000


def make_item(row: Any, decided: str | None, *, blind: bool) -> QueueItem:
    """Make a line of the queue from a row of the findings (a named tuple)."""
    return QueueItem(
        str(row.finding), int(row.row), str(row.detector), _column(row.column), _short(plain(row.given)),
        None if blind and decided is None else _short(plain(row.suggested)), float(row.doubt), decided,
    )  # fmt: skip


def make_card(
    form: LabelForm,
    found: pd.Series[Any],
    line: Correction | None,
    group: Group | None,
    *,
    blind: bool,
) -> Card:
    """Make the card of a finding (a row of the findings)."""
    table, hide = form.table, blind and line is None
    row = int(found["row"])
    about_label = found["column"] == table.label
    return Card(
        finding=make_finding(found, hide=hide),
        cells=show_cells(table, row, TEXT_LIMIT),
        classes=form.order(found, hide=hide) if about_label or found["column"] is None else [],
        peers=[show_row(table, peer) for peer in _peers(found)],
        decided=None if line is None else line.verdict,
        note="" if line is None else line.note,
        group=group,
        label=None if table.label is None else _short(table.cell(row, table.label)),
        several=form.several,
        sentence=form.show_sentence(found) if about_label else None,
    )


def add_nearest(card: Card, audit: Any) -> Card:
    """Put a row's twins with other labels, then the rows most like it, beside a card about its label that shows no others."""
    background = getattr(audit, "background", None)  # an audit that was read from elsewhere has none
    if background is None or card.peers or not card.classes or card.finding.part is not None:
        return card
    row = card.finding.row
    found = audit.findings[(audit.findings["row"] == row) & (audit.findings["detector"] == "conflicts")]
    how = {peer: "equal in all features" for _, twin in found.iterrows() for peer in _peers(twin)}
    near = background.find_nearest(row, PEER_LIMIT)
    for position, distance in zip(near["row"].tolist(), near["distance"].tolist(), strict=True):
        how.setdefault(int(position), f"{distance:.2g} away")
    shown = list(how)[:PEER_LIMIT]
    return replace(card, peers=[replace(show_row(audit.table, peer), how=how[peer]) for peer in shown])


def make_finding(found: pd.Series[Any], *, hide: bool) -> Finding:
    """Make the record of a finding; `hide` leaves out what would lead the reviewer."""
    confidence = plain(found["confidence"])
    part = plain(found["part"])
    return Finding(
        finding=str(found["finding"]),
        row=int(found["row"]),
        key=found["key"],
        part=int(part) if isinstance(part, (int, float)) else None,
        column=_column(found["column"]),
        detector=str(found["detector"]),
        doubt=float(found["doubt"]),
        given=_long(plain(found["given"])),
        suggested=None if hide else _long(plain(found["suggested"])),
        confidence=None if hide or not isinstance(confidence, (int, float)) else float(confidence),
        reason="Decide without the suggestion." if hide else str(found["reason"]),
        peers=_peers(found),
    )


def show_row(table: Table, row: int) -> ShownRow:
    """Show a peer: its label and its cells, cut short."""
    label = None if table.label is None else _short(table.cell(row, table.label))
    return ShownRow(row, label, show_cells(table, row, SHORT_LIMIT))


def show_cells(table: Table, row: int, limit: int) -> list[Cell]:
    """Show the cells of a row as text; images as data addresses."""
    cells = []
    for name in table.frame.columns:
        if name == table.label:
            continue
        kind = table.kinds[str(name)]
        text = _image(table.frame[name].iloc[row]) if kind == "image" else None
        if text is None:
            whole = table.cell(row, str(name))
            text, kind = ("" if whole is None else str(whole)), ("text" if kind == "image" else kind)
            cells.append(Cell(str(name), text[:limit], kind, len(text) > limit))
        else:
            cells.append(Cell(str(name), text, "image", cut=False))
    return cells


def _image(value: object) -> str | None:
    """Write an image as a data address that a browser shows; None for what cannot be read."""
    import base64

    if isinstance(value, bytes) and len(value) <= IMAGE_LIMIT:
        kind = "png" if value.startswith(b"\x89PNG") else "jpeg" if value.startswith(_JPEG) else None
        if kind is not None:
            return f"data:image/{kind};base64,{base64.b64encode(value).decode()}"
    from dcai.findings.tables.imagery import THUMBNAIL, to_thumbnail

    return to_thumbnail(value, 2 * THUMBNAIL)


def _peers(found: pd.Series[Any]) -> list[int]:
    peers = found["peers"]
    return [] if peers is None or isinstance(peers, float) else [int(p) for p in list(peers)[:PEER_LIMIT]]


def _column(column: object) -> str | None:
    return column if isinstance(column, str) else None


def _short(value: Scalar) -> Scalar:
    return value[:SHORT_LIMIT] if isinstance(value, str) else value


def _long(value: Scalar) -> Scalar:
    return value[:TEXT_LIMIT] if isinstance(value, str) else value
