"""An audit at a glance: one line, a page, or text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dcai.base.display import Html, escape, escape_value, show_text, to_block, to_table
from dcai.findings.masking import Veil, make_veil
from dcai.findings.wording import count

if TYPE_CHECKING:
    import pandas as pd

    from dcai.findings.report import Audit

_SHOWN = 8
_REASON = 2000  # what was not checked, and why, is never cut in practice
_EXCERPT_CELLS = 3
_EXCERPT = 280
_NAME = 30
_LIMIT = 400
_PICTURE = 72
# What users may take for looked at: names of checks that an audit can have, and what they would look for.
_OTHER_CHECKS = {
    "patterns": "formats and units",
    "ranges": "values out of range",
    "dependencies": "columns that contradict each other",
    "near_duplicates": "rows that are nearly equal",
    "leakage": "leakage",
    "personal_data": "personal data",
}
_EXCERPT_CELL = 80
_WHOLE = 20


def describe(audit: Audit) -> str:
    """Describe an audit in one line."""
    parts = [_describe_size(audit)]
    counts = audit.findings["detector"].value_counts()
    if len(counts):
        parts[0] += ": " + ", ".join(f"{name} {n:,}" for name, n in counts.items())
    parts.append(describe_coverage(audit))
    return "; ".join(parts)


def _describe_size(audit: Audit) -> str:
    return f"{count(len(audit.findings), 'finding')} in {count(len(audit.table), 'row')}"


def describe_coverage(audit: Audit) -> str:
    """Say how many checks ran, were skipped and failed."""
    counts = audit.checks["status"].value_counts()
    said = [f"{count(int(counts.get('ran', 0)), 'check')} ran"]
    said += [f"{counts[s]} {s}" for s in ("skipped", "failed") if s in counts]
    return ", ".join(said)


def describe_limits(audit: Audit) -> str:
    """Say what no check of this audit looks for, so that a clean report is not read as clean data."""
    asked = set(audit.checks["detector"])
    absent = [text for name, text in _OTHER_CHECKS.items() if name not in asked]
    return f"No check looks for: {', '.join(absent)}." if absent else ""


def describe_errors(audit: Audit) -> str:
    """Say how many labels are expected to be wrong; empty where nothing is known."""
    expected = audit.expected_errors
    if expected is None:
        return ""
    which = "of the labels that nobody has reviewed " if audit.reviewed.get("rows") else ""
    verb = "may still be wrong" if which else "may be wrong"
    return (
        f"About {count(round(expected.estimate), 'label')} {which}{verb} ({expected.low:,.0f} to {expected.high:,.0f}, "
        "unless the model has learnt the errors)"
    )


def to_html(audit: Audit, worst: int = _SHOWN) -> str:
    """Show an audit as a block of HTML: what was checked and what not, counts, the worst findings."""
    name = "" if audit.table.name == "table" else f"{escape(audit.table.name)}: "
    title = f"<h3>{name}{_describe_size(audit)}</h3>"
    label = (
        f" Label: {escape(audit.label)}."
        if audit.label is not None
        else " No label was given, so labels were not checked."
    )
    lines = f"<p>{describe_coverage(audit)}.{label}</p>"
    errors = describe_errors(audit)
    lines += f"<p>{errors}.</p>" if errors else ""
    lines += f'<p class="warn">{escape(audit.caution, 400)}</p>' if audit.caution else ""
    veil = make_veil(audit)
    lines += f'<p class="muted">{escape(veil.describe(), 600)}</p>' if veil.whole else ""
    return to_block(
        title,
        lines,
        _show_gaps(audit),
        _show_counts(audit),
        _show_limits(audit),
        _show_whole(audit, veil),
        _show_worst(audit, worst, veil),
    )


def pick_worst(audit: Audit, number: int) -> pd.DataFrame:
    """Pick the worst findings about cells and rows, one of each kind (detector, column, given and suggested value) before a second of any."""
    found = audit.findings[audit.findings["row"] >= 0]
    kinds = [found[c].map(str) for c in ("detector", "column", "given", "suggested")]
    turn = found.groupby(kinds, sort=False).cumcount().to_numpy()
    return found.iloc[np.argsort(turn, kind="stable")[:number]]


def pick_whole(audit: Audit) -> pd.DataFrame:
    """Pick the findings about columns, groups and the table as a whole: few, and each of another kind."""
    return audit.findings[audit.findings["row"] < 0].head(_WHOLE)


def records_of(frame: pd.DataFrame) -> list[Any]:
    """Return the rows as named tuples; their fields are known by their makers, not by their types."""
    return list(frame.itertuples())


def plain_record(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row as JSON holds it: numbers of Python, and nothing in place of those that are not finite."""
    return {
        str(k): None if isinstance(v, float) and not math.isfinite(v) else v.item() if hasattr(v, "item") else v
        for k, v in row.items()
    }


def _show_gaps(audit: Audit) -> str:
    gaps = audit.checks[audit.checks["status"] != "ran"]
    if not len(gaps):
        return ""
    items = [
        f'<span class="{"warn" if status == "failed" else "muted"}">{escape(name)} {status}: {escape(reason, _REASON)}</span>'
        for name, status, reason in zip(gaps["detector"], gaps["status"], gaps["reason"], strict=True)
    ]
    return f"<p>Not checked: {'; '.join(items)}.</p>"


def _show_limits(audit: Audit) -> str:
    limits = describe_limits(audit)
    return f'<p class="muted">{escape(limits, 400)}</p>' if limits else ""


def _show_counts(audit: Audit) -> str:
    ran = audit.checks[audit.checks["status"] == "ran"]
    counts = audit.findings["detector"].value_counts()
    rows = [
        {
            "check": name,
            "findings": f"{counts.get(name, 0):,}",
            "rows": f"{rows:,}",
            "seconds": f"{seconds:.1f}",
            "note": reason,
        }
        for name, rows, seconds, reason in zip(ran["detector"], ran["rows"], ran["seconds"], ran["reason"], strict=True)
    ]
    extra = [name for name in counts.index if name not in set(ran["detector"])]
    rows += [{"check": name, "findings": f"{counts[name]:,}", "note": "learnt from the review"} for name in extra]
    return (
        to_table(
            rows,
            ["check", "findings", "rows", "seconds", "note"],
            numbers=["findings", "rows", "seconds"],
            limit=_REASON,
            wide=["note"],
        )
        if rows
        else ""
    )


def _show_whole(audit: Audit, veil: Veil) -> str:
    """Show what was found about columns, groups and the table, whole sentences: each asks for a thought of its own."""
    found = pick_whole(audit)
    if not len(found):
        return ""
    rows = [
        {
            "about": "the table" if f.column is None else f.column,
            "doubt": f"{f.doubt:.2f}",
            "check": f.detector,
            "reason": veil.say(f),
        }
        for f in records_of(found)
    ]
    more = int((audit.findings["row"] < 0).sum()) - len(found)
    rest = f'<p class="muted">And {more:,} more: all are in <code>audit.findings</code>.</p>' if more > 0 else ""
    table = to_table(rows, ["about", "doubt", "check", "reason"], numbers=["doubt"], limit=_REASON, wide=["reason"])
    return f"<p>About columns, groups and the table as a whole:</p>{table}{rest}"


def _show_worst(audit: Audit, worst: int, veil: Veil) -> str:
    first = pick_worst(audit, worst)
    if not len(first):
        return ""
    rows = [
        {
            "row": f.row if f.part is None else f"{f.row}, part {f.part}",
            "column": f.column,
            "given": escape_value(veil.show(f.given, f.column)),
            "suggested": escape_value(veil.show(f.suggested, f.column)),
            "doubt": f"{f.doubt:.2f}",
            "check": f.detector,
            "reason": veil.say(f),
            "the row": _excerpt(audit, f.row, veil),
        }
        for f in records_of(first)
    ]
    more = int((audit.findings["row"] >= 0).sum()) - len(first)
    rest = f'<p class="muted">And {more:,} more: all are in <code>audit.findings</code>.</p>' if more > 0 else ""
    empty = {name for name in ("column", "given", "suggested") if first[name].isna().all()}
    columns = [
        c for c in ("row", "column", "given", "suggested", "doubt", "check", "reason", "the row") if c not in empty
    ]
    table = to_table(rows, columns, numbers=["row", "doubt"], limit=_LIMIT, wide=["reason", "the row"])
    return f"<p>The worst, rows counted from 0:</p>{table}{rest}"


def _excerpt(audit: Audit, row: int, veil: Veil) -> Html:
    """Show what a person may recognise and judge a row by: its picture and key, then the columns that tell most."""
    table = audit.table
    pictures = [c for c, kind in table.kinds.items() if kind == "image"][:1]
    shown = "".join(show_picture(table.frame[c].iloc[row]) for c in pictures)
    names = [*table.key, *audit.telling[:_EXCERPT_CELLS]]
    cells = [(name, cell) for name in names if (cell := veil.cell(row, name)) is not None]
    texts = [
        f"{show_text(name, _NAME)}: {show_text(f'{cell:.6g}' if isinstance(cell, float) else cell, _EXCERPT_CELL)}"
        for name, cell in cells
    ]
    return Html(shown + escape("; ".join(texts), _EXCERPT))


def show_picture(cell: object) -> Html:
    """Show a picture small; nothing for what cannot be read."""
    from dcai.findings.tables.imagery import to_thumbnail

    address = to_thumbnail(cell, _PICTURE)
    return Html(f'<img alt="" src="{address}"> ' if address else "")


def to_text(audit: Audit, worst: int = _SHOWN) -> str:
    """Write an audit for a terminal."""
    lines = [f"{_describe_size(audit)}; {describe_coverage(audit)}."]
    errors = describe_errors(audit)
    lines += [f"{errors}."] if errors else []
    lines += [flatten(audit.caution, 400)] if audit.caution else []
    counts = audit.findings["detector"].value_counts()
    width = max((len(str(n)) for n in audit.checks["detector"]), default=0)
    for check in records_of(audit.checks):
        result = f"{counts.get(check.detector, 0):>8,}" if check.status == "ran" else f"{check.status:>8}"
        lines.append(f"  {check.detector:<{width}} {result}  {flatten(check.reason, _REASON)}".rstrip())
    lines += [limits] if (limits := describe_limits(audit)) else []
    whole = pick_whole(audit)
    lines += ["About columns, groups and the table as a whole:"] if len(whole) else []
    veil = make_veil(audit)
    for f in records_of(whole):
        about = "table" if f.column is None else flatten(f.column, 40)
        lines.append(f"  {f.doubt:.2f} {f.detector}  {about}: {flatten(veil.say(f), 400)}")
    if (audit.findings["row"] >= 0).any():
        lines.append("The worst:")
    for f in records_of(pick_worst(audit, worst)):
        where = f"row {f.row}" if f.part is None else f"row {f.row}, part {f.part}"
        place = f"{where}, {flatten(f.column, 40)}" if f.column is not None else where
        given, suggested = veil.show(f.given, f.column), veil.show(f.suggested, f.column)
        change = f"{flatten(given, 40)} -> {flatten(suggested, 40)}  " if suggested is not None else ""
        lines.append(f"  {f.doubt:.2f} {f.detector}  {place}: {change}{flatten(veil.say(f), 160)}")
    return "\n".join(lines)


def flatten(value: object, limit: int) -> str:
    """Write a value on one line, without anything that a terminal would obey."""
    return show_text(value, limit).replace("\n", "\\n").replace("\t", "\\t")
