"""An explanation as a block of HTML: bars of probabilities, the values of a column, the rows beside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from dcai.base.display import Html, escape, show_share, to_bar, to_block, to_table
from dcai.base.fingerprints import canonical
from dcai.findings.summary import records_of

if TYPE_CHECKING:
    from dcai.findings.explanation import Explanation

MOST_COLUMNS = 6
MOST_ROWS = 8
_CELL = 80
_REASON = 600


def to_html(explanation: Explanation) -> str:
    """Show an explanation: the reasons, then what they rest on."""
    columns = [c for c in dict.fromkeys(explanation.findings["column"]) if c is not None]
    about_cells = [c for c in columns if c != explanation.audit.label and explanation.row >= 0]
    return to_block(
        f"<h3>{_show_title(explanation)}</h3>",
        _show_reasons(explanation),
        _show_classes(explanation),
        _show_number(explanation),
        *[_show_values(explanation, column) for column in about_cells],
        _show_peers(explanation),
        _show_nearest(explanation),
    )


def _show_title(explanation: Explanation) -> str:
    row, table = explanation.row, explanation.audit.table
    if row < 0:
        return "The table"
    named = "; ".join(f"{escape(name, 40)} {escape(table.cell(row, name), 60)}" for name in table.key)
    return f"Row {row:,}" + (f" ({named})" if named else "")


def _show_reasons(explanation: Explanation) -> str:
    if not len(explanation.findings):
        return '<p class="muted">Nothing was found about this row.</p>'
    parts = []
    for found in records_of(explanation.findings):
        column = "" if found.column is None else f" {escape(found.column, 60)}:"
        change = escape(found.given, _CELL) if found.given is not None else ""
        if found.suggested is not None:
            change = f"{change} → {escape(found.suggested, _CELL)}"
        doubt = f'<span class="muted">{escape(found.detector)}, doubt {found.doubt:.2f}</span>'
        parts.append(f"<p><b>{column} {change}</b> {doubt}<br>{escape(found.reason, _REASON)}</p>")
    return "".join(parts)


def _show_classes(explanation: Explanation) -> str:
    classes = explanation.classes
    if not len(classes):
        return ""
    rows = [
        {
            "class": name,
            "": to_bar(chance, line),
            "probability": show_share(chance),
            "usual": "" if pd.isna(line) else show_share(line),
            "role": role,
        }
        for name, chance, line, role in zip(*(classes[c] for c in classes.columns), strict=True)
    ]
    usual = ["usual"] if classes["threshold"].notna().any() else []
    table = to_table(rows, ["class", "", "probability", *usual, "role"], numbers=["probability", "usual"], limit=_CELL)
    return f"<p>{_compare_classes(classes)}</p>{table}"


def _compare_classes(classes: pd.DataFrame) -> str:
    """Put the probability of the given class beside what is usual for the rows of that class."""
    lines = {str(line["role"]): line for line in classes.to_dict("records") if line["role"]}
    usual = "; the line is what is usual for rows of the class" if classes["threshold"].notna().any() else ""
    said = f"The model that has not seen this row gives these probabilities{usual}."
    given, other = lines.get("given"), lines.get("suggested")
    if given is None or pd.isna(given["threshold"]):
        return said
    below = "less" if given["probability"] < given["threshold"] else "no less"
    said += (
        f" {escape(given['class'], _CELL)} has {show_share(given['probability'])}, {below} than the "
        f"{show_share(given['threshold'])} that rows with this label have on average"
    )
    points = 0.0 if other is None else 100 * (other["probability"] - given["probability"])
    if other is None or points <= 0:
        return f"{said}."
    return f"{said}; {escape(other['class'], _CELL)} leads by {points:.0f} points."


def _show_number(explanation: Explanation) -> str:
    facts = explanation.facts
    its = facts[facts["finding"].isna() & (facts["detector"] == "labels")]
    if explanation.audit.predictions is None or not len(its):
        return ""
    rows = [
        {"fact": f, "value": f"{v:.4g}" if isinstance(v, float) else v}
        for f, v in zip(its["fact"], its["value"], strict=True)
    ]
    return to_table(rows, ["fact", "value"], numbers=["value"])


def _show_values(explanation: Explanation, column: str) -> str:
    counts = explanation.values(column)
    rows = [
        {"value": value, "": to_bar(share), "rows": f"{number:,}", "role": role}
        for value, number, share, role in zip(*(counts[c] for c in counts.columns), strict=True)
    ]
    facts = explanation.facts
    its = facts[facts["column"] == column].drop_duplicates("fact").set_index("fact")["value"]
    said = f"{its['distinct values']:,} different values, {its['empty cells']:,} empty cells"
    if "median" in its.index:
        said += f"; numbers from {its['smallest']:g} to {its['largest']:g}, 98 % of them {its['1st percentile']:g} to {its['99th percentile']:g}"
    return f"<p>What {escape(column, 60)} holds: {said}.</p>{to_table(rows, ['value', '', 'rows', 'role'], numbers=['rows'], limit=_CELL)}"


def _show_peers(explanation: Explanation) -> str:
    peers = explanation.peers
    more = sum(len(p) for p in explanation.findings["peers"]) - min(len(peers), MOST_ROWS)
    rest = f'<p class="muted">And {more:,} more: they are in the findings.</p>' if more > 0 and len(peers) else ""
    return _show_rows(explanation, peers, "The rows that the findings name:", "named by") + rest


def _show_nearest(explanation: Explanation) -> str:
    if not len(explanation.classes) and explanation.audit.predictions is None:
        return ""
    return _show_rows(explanation, explanation.nearest, "The rows most like it, as the models see them:", "distance")


def _show_rows(explanation: Explanation, rows: pd.DataFrame, title: str, extra: str) -> str:
    if not len(rows):
        return ""
    columns = _choose_columns(explanation)
    own = explanation.row
    positions, extras = rows.iloc[:, 0].tolist(), rows.iloc[:, 1].tolist()
    shown: list[dict[str, Any]] = [_show_row(explanation, own, columns) | {"~": "this row"}] if own >= 0 else []
    for position, its in list(zip(positions, extras, strict=True))[:MOST_ROWS]:
        text = f"{its:.2f}" if isinstance(its, float) else its
        shown.append(_show_row(explanation, int(position), columns) | {"~": text})
    named = {"~row": "row", "~": extra} | {f"={c}": c for c in columns}
    body = [{head: line.get(place) for place, head in _distinct(named).items()} for line in shown]
    return f"<p>{title}</p>{to_table(body, list(_distinct(named).values()), numbers=['row'], limit=_CELL)}"


def _distinct(named: dict[str, str]) -> dict[str, str]:
    """Keep headings apart, where a column of the table is called as one of ours."""
    ours = {head for place, head in named.items() if place.startswith("~")}
    return {p: f"{h} (column)" if not p.startswith("~") and h in ours else h for p, h in named.items()}


def _show_row(explanation: Explanation, row: int, columns: Iterable[str]) -> dict[str, Any]:
    """Show a row's cells; names, dates and labels that differ from the explained row's are set bold."""
    table, own = explanation.audit.table, explanation.row
    cells: dict[str, Any] = {"~row": f"{row:,}"}
    for name in columns:
        cell = table.cell(row, name)
        plainly = f"{cell:.6g}" if isinstance(cell, float) else cell
        told = table.kinds[name] != "number" or name in (table.label, *explanation.findings["column"])
        differs = told and own >= 0 and canonical(cell) != canonical(table.cell(own, name))
        cells[f"={name}"] = Html(f"<b>{escape(plainly, _CELL)}</b>") if differs else plainly
    return cells


def _choose_columns(explanation: Explanation) -> list[str]:
    """Choose what to show of a row: the columns in question, the label, those named in the reasons, then the first others."""
    audit = explanation.audit
    concerned = [c for c in explanation.findings["column"] if c is not None]
    label = [audit.label] if audit.label is not None else []
    said = " ".join(map(str, explanation.findings["reason"]))
    names = [str(c) for c in audit.table.frame.columns]
    named = [c for c in names if repr(c) in said]
    usual = [c for c in names if audit.table.kinds[c] not in ("image", "other", "empty")]
    most = max(MOST_COLUMNS, len(set(concerned + label)))
    return list(dict.fromkeys([*concerned, *label, *named, *usual]))[:most]
