"""Decisions go to other tools and come back: what was not changed there is the same line here, the rest a new one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from dcai.base import store
from dcai.base.errors import InputError, shorten
from dcai.base.fingerprints import canonical, plain
from dcai.base.records import Correction, Scalar
from dcai.base.table import Table
from dcai.corrections.decisions.matching import locate
from dcai.corrections.decisions.settings import settings_of
from dcai.corrections.decisions.standing import find_standing, key_text
from dcai.corrections.decisions.veils import hidden_columns, make_veil
from dcai.corrections.exhibits.audited import Audited
from dcai.corrections.exhibits.forms import given_part
from dcai.corrections.formats.containers import Container, Said, pack_lines, said_of
from dcai.corrections.formats.foreign import SHEETS, find_format, read_containers
from dcai.corrections.formats.renderings import restore
from dcai.corrections.log import CorrectionLog
from dcai.corrections.reviews.desk import Desk
from dcai.corrections.reviews.intents import VERDICTS, check_verdict
from dcai.findings.shape import COLUMNS
from dcai.findings.wording import count

_NAMED = 3  # decisions without a row that an error names
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
    standing = _by_row(find_standing(lines))
    told = [(box, _normalise(said)) for box in boxes for said in box.said]
    if form in SHEETS:
        told = [(box, restore(said, _pick(box, standing))) for box, said in told]
    fresh = [(box, said) for box, said in told if not any(said_of(c) == said for c in _pick(box, standing))]
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
    # Where the data is known, or needed to tell what must not stand in clear, each decision goes over the desk.
    checked = table is not None or bool(_sensitive(log) or hidden_columns([*log.corrections, *lines]))
    about = {} if checked else _by_row(lines)
    for box, found in fresh:
        said = replace(found, by=found.by or str(by))
        draft = None if checked else _redraft(said, _pick(box, about), form)
        if draft is not None:
            drafts.append(draft)
            problems += _doubt_class(draft, lines)
        else:
            rest.append((box, said))
    orders = _find_rows(rest, table, log, lines)
    drafts = _leave_known(log, drafts + _draft_anew(orders, table, log, form))
    log.adopt(adopted, drafts)
    return Imported(str(log.path), len(adopted), len({c.id for c in lines}) - len(adopted), len(drafts), problems)


def _leave_known(log: CorrectionLog, drafts: Sequence[Correction]) -> list[Correction]:
    """Leave out what an earlier import has decided alike: what was decided here since then is later than the file."""
    last = {_place(c): c for c in log.corrections if str(c.why.get("audit", "")).startswith("import:")}
    return [d for d in drafts if _place(d) not in last or said_of(last[_place(d)]) != said_of(d)]


def _place(line: Correction) -> tuple[str, str, str | None, int | None]:
    return line.by, key_text(line.key), line.column, line.part


def _draft_anew(
    orders: Sequence[tuple[int, Said]], table: Table | None, log: CorrectionLog, form: str
) -> list[Correction]:
    """Make lines about rows that no line of the file is about, each checked as a decision of a review is."""
    drafts: list[Correction] = []
    for person in dict.fromkeys(said.by for _, said in orders):
        desk = Desk(_bare(_require(table), form), log, by=person)
        for row, said in orders:
            if said.by == person:
                drafts.append(desk.draft(row, said.verdict, said.value, said.column, said.note, said.part))
    return drafts


def _by_row(lines: Sequence[Correction]) -> dict[str, list[Correction]]:
    """Sort lines by their rows; in a sheet those of a row stand in another of its records."""
    rows: dict[str, list[Correction]] = defaultdict(list)
    for line in lines:
        rows[key_text(line.key)].append(line)
    return rows


def _pick(box: Container, lines: dict[str, list[Correction]]) -> list[Correction]:
    """Return the lines about a container's row."""
    key = box.key or (box.lines[0].key if box.lines else None)
    return [] if key is None else lines.get(key_text(key), [])


def _normalise(said: Said) -> Said:
    """Drop what a verdict does not speak of: who changes the verdict alone leaves the rest as it was."""
    if said.verdict == "exclude":
        return replace(said, column=None, part=None, value=None)
    return said if said.verdict in _VALUED else replace(said, value=None)


def _redraft(said: Said, lines: Sequence[Correction], form: str) -> Correction | None:
    """Make a new line about a cell that another line of the file is about; None where there is none."""
    cell = (said.column, said.part)
    known = [c for c in lines if c.verdict != "undo"]
    # Any line names the row, and that is all that an `exclude` speaks of.
    same = known if said.verdict == "exclude" else [c for c in known if (c.column, c.part) == cell]
    if not same:
        return None
    before = same[-1]
    given = None if said.verdict == "exclude" else before.given
    verdict, value = _check_said(said, given)
    return replace(
        before,
        verdict=check_verdict(verdict),
        column=said.column,
        part=said.part,
        given=given,
        value=value,
        by=said.by,
        note=said.note,
        why={"audit": f"import:{form}"},
        undoes=None,
        resolves=None,
    )


def _doubt_class(draft: Correction, lines: Sequence[Correction]) -> list[str]:
    """Say that nothing in the file tells whether a class exists; without the data a typo cannot be told from it."""
    known = {canonical(v) for c in lines for v in (c.given, c.value, c.why.get("suggested")) if not isinstance(v, list)}
    if draft.verdict != "relabel" or canonical(draft.value) in known:
        return []
    said = (
        f"{shorten(repr(draft.value), 60)} was taken as a class of {shorten(repr(draft.column), 60)}, which no line of the file "
        "names. Give the data to have it checked: table= (--data FILE on the command line)."
    )
    return [said]


def _check_said(said: Said, given: Scalar) -> tuple[str, Any]:
    """Return verdict and value of a decision, as far as they can be checked without the data."""
    verdict, value = said.verdict, said.value
    if verdict == "relabel" and value is None:
        raise InputError("The verdict 'relabel' needs a value; use 'edit' to empty a cell. Nothing was imported.")
    if verdict in ("relabel", "edit") and isinstance(value, list):
        raise InputError.wrong_value("value", "import", f"one value for {verdict!r}", value)
    if verdict == "ambiguous" and not (isinstance(value, list) and len(value) > 1):
        raise InputError.wrong_value("value", "import", "a list of at least two values for 'ambiguous'", value)
    if verdict in ("relabel", "edit") and canonical(value) == canonical(given):
        return "keep", None
    return verdict, value


def _find_rows(
    rest: Sequence[tuple[Container, Said]],
    table: Table | None,
    log: CorrectionLog,
    lines: Sequence[Correction],
) -> list[tuple[int, Said]]:
    """Find the rows that decisions are about; one whose row is not in the data refuses them all."""
    if not rest:
        return []
    covered = _cover(_require(table), log)
    places = {key_text(k): row for row, k in enumerate(covered.keys)}
    # Lines name rows as these were in the source; in this data corrections may be made already.
    named = locate([*log.corrections, *lines], _require(table).frame)
    places |= {text: place.row for text, place in named.items() if place.row is not None}
    typed = _find_typed([box for box, _ in rest], _require(table))
    found, lost = [], []
    for box, said in rest:
        row = typed.get(_typed_key(box, covered.key)) if box.key is None else places.get(key_text(box.key))
        if row is None:
            lost.append(said)
        else:
            found.append((row, _settle(said, covered, row)))
    if lost:
        told = ", ".join(shorten(f"{s.verdict} of {s.column or 'the row'} by {s.by}", 60) for s in lost[:_NAMED])
        raise InputError(
            f"{count(len(lost), 'decision', ('is', 'are'))} about rows that are not in the data: {told}{', ...' if len(lost) > _NAMED else ''}. "
            "Nothing was imported. Give the data that they are about, with its key, or take them out of the file."
        )
    return found


def _typed_key(box: Container, key: Sequence[str]) -> tuple[str, ...]:
    """Return the key of a row as its cells show it, for a decision that a person has added; empty where they do not."""
    return tuple(str(box.cells[k]) for k in key) if set(key) <= set(box.cells) else ()


def _find_typed(boxes: Sequence[Container], table: Table) -> dict[tuple[str, ...], int]:
    """Return the rows of the data by their key as people type it; of two that look alike neither is meant."""
    if not table.key or all(box.key is not None for box in boxes):
        return {}
    rows: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for row, key in enumerate(table.keys):
        rows[tuple(str(key[k]) for k in table.key)].append(row)
    return {typed: found[0] for typed, found in rows.items() if len(found) == 1}


def _settle(said: Said, table: Table, row: int) -> Said:
    """Say `keep` where a tool names the value that stands there already."""
    valued = said.verdict in ("relabel", "edit") and said.value is not None
    given = said.column in table.frame.columns and valued and not isinstance(said.value, list)
    if given and canonical(said.value) == canonical(given_part(table, row, str(said.column), said.part)):
        return replace(said, verdict="keep", value=None)
    return said


def _require(table: Table | None) -> Table:
    if table is None:
        raise InputError(
            "Some decisions are about cells of which the file holds no line of a log, or columns are marked as sensitive, "
            "so the data is needed: pass table= "
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
