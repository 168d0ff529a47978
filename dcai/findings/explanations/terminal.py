"""An explanation for a terminal: the reasons, then what they rest on, in lines of plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from dcai.base.display import align, show_share
from dcai.findings.explanations.page import MOST_ROWS, choose_columns
from dcai.findings.masking import Veil, make_veil
from dcai.findings.summary import flatten, records_of

if TYPE_CHECKING:
    from dcai.findings.explanations.explanation import Explanation

_CELL = 28
_NARROW = 16  # where several cells stand beside each other
_COLUMNS = 4
_NAME = 40
_REASON = 600


def to_text(explanation: Explanation) -> str:
    """Write an explanation for a terminal.

    Examples
    --------
    >>> import pandas as pd
    >>> from dcai import audit
    >>> frame = pd.DataFrame({"maker": ["mazda"] * 30 + ["maxda"]})
    >>> print(to_text(audit(frame, detectors="variants", progress=False).explain(30)))
    Row 30
      maker: maxda -> mazda  (variants, doubt 0.71)
        'maxda' (1 row) differs from 'mazda' (30 rows) by 1 letter only.
    What 'maker' holds:
      value  rows  role
      mazda  30    suggested
      maxda  1     given
    """
    veil = make_veil(explanation.audit)
    row = explanation.row
    cells = [c for c in dict.fromkeys(explanation.findings["column"]) if c is not None and row >= 0]
    lines = [_write_title(explanation, veil), *_write_reasons(explanation, veil)]
    if explanation.audit.label not in veil.whole:
        lines += [*_write_classes(explanation), *_write_number(explanation)]
    for column in cells:
        lines += _write_values(explanation, column, veil) if column != explanation.audit.label else []
    lines += _write_rows(explanation, explanation.peers, "The rows that the findings name:", veil)
    if len(explanation.classes) or (row >= 0 and explanation.audit.predictions is not None):
        lines += _write_rows(explanation, explanation.nearest, "The rows most like it, as the models see them:", veil)
    lines += [veil.describe()] if veil.whole else []
    return "\n".join(lines)


def _write_title(explanation: Explanation, veil: Veil) -> str:
    row, key = explanation.row, explanation.audit.table.key
    if row < 0:
        return "The table"
    named = "; ".join(f"{flatten(name, _NAME)} {flatten(veil.cell(row, name), _CELL)}" for name in key)
    return f"Row {row:,}" + (f" ({named})" if named else "")


def _write_reasons(explanation: Explanation, veil: Veil) -> list[str]:
    if not len(explanation.findings):
        return ["  Nothing was found about this row."]
    lines = []
    for found in records_of(explanation.findings):
        given, suggested = (veil.show(v, found.column) for v in (found.given, found.suggested))
        what = "" if found.column is None else f"{flatten(found.column, _NAME)}: "
        what += "" if given is None else flatten(given, _CELL)
        what += "" if suggested is None else f" -> {flatten(suggested, _CELL) or 'empty'}"
        lines.append(f"  {what or 'the whole row'}  ({found.detector}, doubt {found.doubt:.2f})")
        lines.append(f"    {flatten(veil.say(found), _REASON)}")
    return lines


def _write_classes(explanation: Explanation) -> list[str]:
    rows = [
        [
            flatten(c["class"], _CELL),
            show_share(c["probability"]),
            "" if pd.isna(c["threshold"]) else show_share(c["threshold"]),
            c["role"],
        ]
        for c in explanation.classes.to_dict("records")
    ]
    return _list("The model that has not seen this row:", ["class", "probability", "usual", "role"], rows)


def _write_number(explanation: Explanation) -> list[str]:
    facts = explanation.facts
    its = facts[facts["finding"].isna() & (facts["detector"] == "labels")]
    if explanation.audit.predictions is None:
        return []
    return [
        f"  {f}: {f'{v:.4g}' if isinstance(v, float) else v}" for f, v in zip(its["fact"], its["value"], strict=True)
    ]


def _write_values(explanation: Explanation, column: str, veil: Veil) -> list[str]:
    counts = explanation.values(column)
    rows = [
        [flatten(veil.show(c["value"], column), _CELL), f"{c['rows']:,}", c["role"]] for c in counts.to_dict("records")
    ]
    return _list(f"What {flatten(repr(column), _NAME)} holds:", ["value", "rows", "role"], rows)


def _write_rows(explanation: Explanation, rows: pd.DataFrame, title: str, veil: Veil) -> list[str]:
    if not len(rows):
        return []
    kinds = explanation.audit.table.kinds
    columns = [c for c in choose_columns(explanation) if kinds[c] != "image"][:_COLUMNS]
    positions = [*([explanation.row] if explanation.row >= 0 else []), *rows.iloc[:MOST_ROWS, 0].tolist()]
    lines = [[f"{p:,}", *(_write_cell(veil.cell(int(p), c)) for c in columns)] for p in positions]
    return _list(title, ["row", *(flatten(c, _NARROW) for c in columns)], lines)


def _write_cell(value: Any) -> str:
    return flatten(f"{value:.6g}" if isinstance(value, float) else value, _NARROW)


def _list(title: str, head: list[str], rows: list[list[str]]) -> list[str]:
    """Set rows in columns below a title; nothing without rows."""
    return [title, *(f"  {line}" for line in align([head, *rows]))] if rows else []
