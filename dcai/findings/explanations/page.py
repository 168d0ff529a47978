"""An explanation as a block of HTML: bars of probabilities, the values of a column, the rows beside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from dcai.base.display import Html, escape, escape_value, show_share, to_bar, to_block, to_table
from dcai.base.fingerprints import canonical
from dcai.findings.masking import Veil, make_veil
from dcai.findings.summary import records_of, show_picture

if TYPE_CHECKING:
    from dcai.findings.explanations.explanation import Explanation

MOST_COLUMNS = 6
MOST_ROWS = 8
_CELL = 80
_REASON = 600


def to_html(explanation: Explanation) -> str:
    """Show an explanation: the reasons, then what they rest on."""
    columns = [c for c in dict.fromkeys(explanation.findings["column"]) if c is not None]
    veil = make_veil(explanation.audit)
    about_cells = [c for c in columns if c != explanation.audit.label and explanation.row >= 0]
    return to_block(
        f"<h3>{_show_title(explanation, veil)}</h3>",
        _show_pictures(explanation),
        _show_reasons(explanation, veil),
        *([] if explanation.audit.label in veil.whole else [_show_classes(explanation), _show_number(explanation)]),
        *[_show_values(explanation, column, veil) for column in about_cells],
        _show_peers(explanation, veil),
        _show_nearest(explanation, veil),
        f'<p class="muted">{escape(veil.describe(), 600)}</p>' if veil.whole else "",
    )


def _show_title(explanation: Explanation, veil: Veil) -> str:
    row, table = explanation.row, explanation.audit.table
    if row < 0:
        return "The table"
    named = "; ".join(f"{escape(name, 40)} {escape(veil.cell(row, name), 60)}" for name in table.key)
    return f"Row {row:,}" + (f" ({named})" if named else "")


def _show_pictures(explanation: Explanation) -> str:
    table = explanation.audit.table
    if explanation.row < 0:
        return ""
    shown = [show_picture(table.frame[c].iloc[explanation.row]) for c, kind in table.kinds.items() if kind == "image"]
    return f"<p>{''.join(shown)}</p>" if any(shown) else ""


def _show_reasons(explanation: Explanation, veil: Veil) -> str:
    if not len(explanation.findings):
        return '<p class="muted">Nothing was found about this row.</p>'
    parts = []
    for found in records_of(explanation.findings):
        column = "" if found.column is None else f" {escape(found.column, 60)}:"
        given, suggested = (veil.show(v, found.column) for v in (found.given, found.suggested))
        change = escape_value(given, _CELL) if given is not None else ""
        if suggested is not None:
            change = f"{change} → {escape_value(suggested, _CELL)}"
        doubt = f'<span class="muted">{escape(found.detector)}, doubt {found.doubt:.2f}</span>'
        parts.append(f"<p><b>{column} {change}</b> {doubt}<br>{escape(veil.say(found), _REASON)}</p>")
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


def _show_values(explanation: Explanation, column: str, veil: Veil) -> str:
    counts = explanation.values(column)
    rows = [
        {"value": escape_value(veil.show(value, column), _CELL), "": to_bar(share), "rows": f"{number:,}", "role": role}
        for value, number, share, role in zip(*(counts[c] for c in counts.columns), strict=True)
    ]
    facts = explanation.facts
    its = facts[facts["column"] == column].drop_duplicates("fact").set_index("fact")["value"]
    said = f"{its['distinct values']:,} different values, {its['empty cells']:,} empty cells"
    if "median" in its.index and column not in veil.whole:
        said += f"; numbers from {its['smallest']:g} to {its['largest']:g}, 98 % of them {its['1st percentile']:g} to {its['99th percentile']:g}"
    return f"<p>What {escape(column, 60)} holds: {said}.</p>{to_table(rows, ['value', '', 'rows', 'role'], numbers=['rows'], limit=_CELL)}"


def _show_peers(explanation: Explanation, veil: Veil) -> str:
    peers = explanation.peers
    more = sum(len(p) for p in explanation.findings["peers"]) - min(len(peers), MOST_ROWS)
    rest = f'<p class="muted">And {more:,} more: they are in the findings.</p>' if more > 0 and len(peers) else ""
    return _show_rows(explanation, peers, "The rows that the findings name:", "named by", veil) + rest


def _show_nearest(explanation: Explanation, veil: Veil) -> str:
    if not len(explanation.classes) and explanation.audit.predictions is None:
        return ""
    return _show_rows(
        explanation, explanation.nearest, "The rows most like it, as the models see them:", "distance", veil
    )


def _show_rows(explanation: Explanation, rows: pd.DataFrame, title: str, extra: str, veil: Veil) -> str:
    if not len(rows):
        return ""
    columns = choose_columns(explanation)
    own = explanation.row
    positions, extras = rows.iloc[:, 0].tolist(), rows.iloc[:, 1].tolist()
    shown: list[dict[str, Any]] = [_show_row(explanation, own, columns, veil) | {"~": "this row"}] if own >= 0 else []
    for position, its in list(zip(positions, extras, strict=True))[:MOST_ROWS]:
        text = f"{its:.2f}" if isinstance(its, float) else its
        shown.append(_show_row(explanation, int(position), columns, veil) | {"~": text})
    named = {"~row": "row", "~": extra} | {f"={c}": c for c in columns}
    body = [{head: line.get(place) for place, head in _distinct(named).items()} for line in shown]
    return f"<p>{title}</p>{to_table(body, list(_distinct(named).values()), numbers=['row'], limit=_CELL)}"


def _distinct(named: dict[str, str]) -> dict[str, str]:
    """Keep headings apart, where a column of the table is called as one of ours."""
    ours = {head for place, head in named.items() if place.startswith("~")}
    return {p: f"{h} (column)" if not p.startswith("~") and h in ours else h for p, h in named.items()}


def _show_row(explanation: Explanation, row: int, columns: Iterable[str], veil: Veil) -> dict[str, Any]:
    """Show a row's cells; those that differ from the explained row's in a way worth a look are set bold."""
    table, own = explanation.audit.table, explanation.row
    cells: dict[str, Any] = {"~row": f"{row:,}"}
    for name in columns:
        if table.kinds[name] == "image":
            cells[f"={name}"] = show_picture(table.frame[name].iloc[row])
            continue
        shown = veil.cell(row, name)
        plainly = escape_value(f"{shown:.6g}" if isinstance(shown, float) else shown, _CELL)
        differs = own >= 0 and _differs(explanation, name, table.cell(row, name), table.cell(own, name))
        cells[f"={name}"] = Html(f"<b>{plainly}</b>") if differs else plainly
    return cells


def _differs(explanation: Explanation, name: str, one: Any, other: Any) -> bool:
    """Say whether two cells differ worth a look: labels, cells in question and categories in what they say, numbers by much."""
    if canonical(one) == canonical(other):
        return False
    audit = explanation.audit
    if name == audit.label or name in set(explanation.findings["column"]):
        return True
    kind = audit.table.kinds[name]
    if kind == "number":
        spread = audit.context.find_spread(name)
        return all(isinstance(v, (int, float)) for v in (one, other)) and abs(float(one) - float(other)) > spread
    return kind in ("category", "boolean") and name in audit.telling


def choose_columns(explanation: Explanation) -> list[str]:
    """Choose what to show of a row: the columns in question, the label, those named in the reasons, pictures, then the most telling."""
    audit = explanation.audit
    concerned = [c for c in explanation.findings["column"] if c is not None]
    label = [audit.label] if audit.label is not None else []
    said = " ".join(map(str, explanation.findings["reason"]))
    names = [str(c) for c in audit.table.frame.columns]
    named = [c for c in names if repr(c) in said]
    pictures = [c for c in names if audit.table.kinds[c] == "image"]
    most = max(MOST_COLUMNS, len(set(concerned + label)))
    return list(dict.fromkeys([*concerned, *label, *named, *pictures, *audit.telling]))[:most]
