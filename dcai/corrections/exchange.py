"""Decisions go to other tools and come back: what was not changed there is the same line here, the rest a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from dcai.base import store
from dcai.base.errors import InputError, shorten
from dcai.base.fingerprints import canonical, plain
from dcai.base.records import Correction
from dcai.base.table import Table
from dcai.corrections.audited import Audited
from dcai.corrections.containers import Container, Said, pack_lines, said_of
from dcai.corrections.desk import Desk
from dcai.corrections.foreign import find_format, read_containers
from dcai.corrections.intents import VERDICTS, check_verdict
from dcai.corrections.log import CorrectionLog
from dcai.corrections.standing import key_text
from dcai.corrections.veils import hidden_columns, make_veil
from dcai.findings.shape import COLUMNS

_VALUED = ("relabel", "edit", "ambiguous")


@dataclass(frozen=True)
class Exported:
    """What was written: the rows with decisions, those that are still open, and the lines of the log."""

    path: str
    rows: int
    open: int
    lines: int


@dataclass(frozen=True)
class Imported:
    """What an import did: lines that were new here, those known already, decisions made elsewhere, and what could not be used."""

    path: str
    adopted: int
    known: int
    decided: int
    problems: list[str]


# ---------------------------------------------------------------- out


def export_log(
    log: CorrectionLog, out: str | Path, form: str, *, table: Table | None = None, audit: Audited | None = None
) -> Exported:
    """Write the decisions of a log for another tool.

    Parameters
    ----------
    log : CorrectionLog
        The log.
    out : str or Path
        The file, written whole or not at all.
    form : {"label-studio", "argilla", "csv", "xlsx"}
        The tool's format.
    table : Table, optional
        The data, so that people see the rows; sensitive columns are left out.
    audit : Audit, optional
        Its open findings are added as tasks, with what is suggested.

    Raises
    ------
    InputError
        Where the format is not known.
    """
    write, _ = find_format(form, "export")
    boxes = pack_lines(log.corrections)
    table = audit.table if audit is not None else table
    opened: list[Container] = []
    if table is not None:
        names = _shown_columns(table, log)
        places = {key_text(k): row for row, k in enumerate(_cover(table, log).keys)}
        boxes = [
            _with_cells(box, table, places.get(key_text(box.key or {}) if box.key else ""), names) for box in boxes
        ]
        opened = [] if audit is None else _open_rows(audit, log, names, {key_text(b.key) for b in boxes if b.key})
    store.write_atomic(out, write([*boxes, *opened]))
    return Exported(str(out), len(boxes), len(opened), len(log))


def _cover(table: Table, log: CorrectionLog) -> Table:
    """Return the table with the keys that the log knows."""
    return make_veil(_sensitive(log), table, log.corrections).cover_table(table)


def _sensitive(log: CorrectionLog) -> Sequence[str]:
    from dcai.corrections.terms import settings_of

    return settings_of(log.path.absolute()).sensitive


def _shown_columns(table: Table, log: CorrectionLog) -> list[str]:
    hidden = {*_sensitive(log), *hidden_columns(log.corrections)}
    return [str(c) for c in table.frame.columns if c not in hidden]


def _with_cells(box: Container, table: Table, row: int | None, names: Sequence[str]) -> Container:
    return box if row is None else replace(box, cells={n: table.cell(row, n) for n in names})


def _open_rows(audit: Audited, log: CorrectionLog, names: Sequence[str], done: set[str]) -> list[Container]:
    """Make a container for each row with findings that nobody has decided about."""
    covered = _cover(audit.table, log)
    findings = audit.findings[(audit.findings["row"] >= 0) & audit.findings["column"].notna()]
    boxes: dict[int, Container] = {}
    for row, column, suggested in zip(findings["row"], findings["column"], findings["suggested"], strict=True):
        key = covered.keys_of([int(row)])[0]
        if key_text(key) in done or column not in names:
            continue
        box = boxes.get(int(row)) or _with_cells(Container(key), audit.table, int(row), names)
        boxes[int(row)] = replace(box, suggested={column: plain(suggested), **box.suggested})
    return list(boxes.values())


# ---------------------------------------------------------------- in


def import_decisions(
    path: str | Path, form: str, log: CorrectionLog, *, table: Table | None = None, by: str | None = None
) -> Imported:
    """Read decisions that were made in another tool into a log.

    Lines that went out and came back unchanged are written as they were, once; what people changed or added there becomes
    new decisions. Nothing is taken back because it is missing in the file.

    Parameters
    ----------
    path : str or Path
        What the tool exported.
    form : {"label-studio", "argilla", "csv", "xlsx"}
        The tool's format.
    log : CorrectionLog
        Where the decisions go.
    table : Table, optional
        The data; needed for decisions about rows of which the file holds no line of a log.
    by : str, optional
        Who decided where the file does not say.

    Raises
    ------
    InputError
        Where the file is malformed, or a decision in it cannot be carried out; nothing was written then.
    """
    boxes = read_containers(Path(path), form)
    lines = [line for box in boxes for line in box.lines]
    fresh = [(box, said) for box in boxes for said in box.said if not _is_unchanged(said, _lines_about(box, lines))]
    for _, said in fresh:
        if said.verdict not in VERDICTS:
            raise InputError.wrong_value("verdict", "import", f"one of {', '.join(map(repr, VERDICTS))}", said.verdict)
        if not (said.by or by):
            raise InputError("The file does not say who decided. Fill in 'by', or pass by= (--by on the command line).")
    known = {c.id for c in log.corrections}
    adopted = list({c.id: c for c in lines if c.id not in known}.values())
    drafts: list[Correction] = []
    problems: list[str] = []
    rest: list[tuple[Container, Said]] = []
    for box, said in fresh:
        draft = _redraft(box, replace(said, by=said.by or str(by)), lines, form)
        if draft is not None:
            drafts.append(draft)
        else:
            rest.append((box, replace(said, by=said.by or str(by))))
    orders = _find_rows(rest, table, log, problems)
    drafts += _draft_anew(orders, table, log, form)
    log.adopt(adopted, drafts)
    return Imported(str(log.path), len(adopted), len({c.id for c in lines}) - len(adopted), len(drafts), problems)


def _draft_anew(
    orders: Sequence[tuple[int, Said]], table: Table | None, log: CorrectionLog, form: str
) -> list[Correction]:
    """Make lines about rows that no line of the file is about, each checked as a decision of a review is."""
    drafts: list[Correction] = []
    for person in dict.fromkeys(said.by for _, said in orders):
        desk = Desk(_bare(_require(table), form), log, by=person)
        for row, said in orders:
            if said.by == person:
                drafts.append(desk.draft(row, said.verdict, _value_of(said), said.column, said.note, said.part))
    return drafts


def _lines_about(box: Container, lines: Sequence[Correction]) -> list[Correction]:
    """Return the lines of the file about a container's row; in a sheet they stand in another record of it."""
    if box.key is None:
        return list(box.lines)
    return [c for c in lines if key_text(c.key) == key_text(box.key)]


def _is_unchanged(said: Said, lines: Sequence[Correction]) -> bool:
    return any(c.verdict != "undo" and said_of(c) == replace(said, value=_value_of(said)) for c in lines)


def _value_of(said: Said) -> Any:
    return said.value if said.verdict in _VALUED else None


def _redraft(box: Container, said: Said, lines: Sequence[Correction], form: str) -> Correction | None:
    """Make a new line about a cell that another line of the file is about; None where there is none."""
    same = [
        c for c in _lines_about(box, lines) if (c.column, c.part) == (said.column, said.part) and c.verdict != "undo"
    ]
    if not same:
        return None
    before = same[-1]
    value = _value_of(said)
    given, verdict = before.given, said.verdict
    if verdict in ("relabel", "edit") and canonical(value) == canonical(given):
        verdict, value = "keep", None
    if verdict == "ambiguous" and not (isinstance(value, list) and len(value) > 1):
        raise InputError.wrong_value("value", "import", "a list of at least two values for 'ambiguous'", value)
    why = {"audit": f"import:{form}"}
    return replace(
        before,
        verdict=check_verdict(verdict),
        value=value,
        by=said.by,
        note=said.note,
        why=why,
        undoes=None,
        resolves=None,
    )


def _find_rows(
    rest: Sequence[tuple[Container, Said]], table: Table | None, log: CorrectionLog, problems: list[str]
) -> list[tuple[int, Said]]:
    if not rest:
        return []
    covered = _cover(_require(table), log)
    places = {key_text(k): row for row, k in enumerate(covered.keys)}
    found = []
    for box, said in rest:
        key = box.key or (
            {k: box.cells[k] for k in covered.key} if covered.key and set(covered.key) <= set(box.cells) else None
        )
        row = None if key is None else places.get(key_text(key))
        if row is None:
            problems.append(f"No row of the data has the key {shorten(repr(key), 80)}; that decision was left out.")
        else:
            found.append((row, _settle(said, covered, row)))
    return found


def _settle(said: Said, table: Table, row: int) -> Said:
    """Say `keep` where a tool names the value that stands there already."""
    given = said.column in table.frame.columns and said.verdict == "relabel" and not isinstance(said.value, list)
    if given and canonical(said.value) == canonical(table.cell(row, str(said.column))):
        return replace(said, verdict="keep", value=None)
    return said


def _require(table: Table | None) -> Table:
    if table is None:
        raise InputError(
            "Some decisions are about cells of which the file holds no line of a log, so the data is needed: pass table= "
            "(--data FILE, and --label and --key as in the audit, on the command line)."
        )
    return table


@dataclass(frozen=True)
class _Bare:
    """What a desk needs to know of an audit, where there was none."""

    table: Table
    findings: pd.DataFrame
    hash: str
    probabilities: pd.DataFrame | None = None
    reading: Any = None


def _bare(table: Table, form: str) -> _Bare:
    return _Bare(table, pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS}), f"import:{form}")
