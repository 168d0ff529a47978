"""Cells and rows that break a rule of the user's own: plain conditions, or a pandera schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.errors import shorten
from dcai.base.fingerprints import plain
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.rules.rulebook import Break, Rule, is_schema
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.wording import count, show_part

MOST_SHARE = 0.5  # a rule that fails in more rows than this is itself in question,
FEWEST_BROKEN = 5  # if not in a handful only
SURE = 0.98
MOST_PEERS = 1_000
_QUOTED = 60
_NAMED = 4


def find(evidence: Evidence) -> pd.DataFrame:
    """Find what breaks the rules."""
    rules = evidence.settings.rules
    if rules is None:
        raise Unmet("no rules were given: audit(..., rules=['age >= 0', 'start <= end'])")
    if is_schema(rules):
        from dcai.findings.rules.schemata import find_failures

        broken, tables, notes = find_failures(rules, evidence)
    else:
        (broken, notes), tables = _judge(rules, evidence), []
    doubtful = [b for b in broken if _is_doubtful(b)]
    some = [_find_rule(b) for b in doubtful]
    clear = [b for b in broken if not _is_doubtful(b)]
    return join_findings([_find_rows(clear, evidence), *some, *tables], note="; ".join(notes))


def _is_doubtful(broken: Break) -> bool:
    return len(broken.rows) > max(FEWEST_BROKEN - 1, MOST_SHARE * broken.known)


def _judge(rules: Sequence[Rule], evidence: Evidence) -> tuple[list[Break], list[str]]:
    broken, notes = [], [count(len(rules), "rule")]
    for rule in rules:
        holds, known = rule.holds(evidence.table)
        shown = _quote(rule)
        columns = tuple(dict.fromkeys(rule.columns.values()))
        broken.append(Break(np.flatnonzero(known & ~holds), shown, columns, int(known.sum())))
        unknown = int((~known).sum())
        if unknown:
            notes.append(
                f"{shown} could not be evaluated in {count(unknown, 'row')}, where a cell is empty or of another kind"
            )
    return broken, notes


def _quote(rule: Rule) -> str:
    text = shorten(rule.text.strip(), 120)
    return f"the rule {rule.name!r} ({text})" if rule.name else f"the rule {text!r}"


def _find_rule(broken: Break) -> pd.DataFrame:
    """Make the one finding about a rule that most rows break."""
    share, rows = len(broken.rows) / broken.known, len(broken.rows)
    reason = (
        f"{broken.rule[:1].upper()}{broken.rule[1:]} fails in {rows:,} of {count(broken.known, 'row')} ({show_part(rows, broken.known)}): "
        "is the rule right?"
    )
    column = broken.columns[0] if len(broken.columns) == 1 else None
    return make_findings([-1], 1 - share / 2, reason, column=column, peers=[broken.rows[:MOST_PEERS].tolist()])


def _find_rows(broken: Sequence[Break], evidence: Evidence) -> pd.DataFrame:
    """Make one finding for each broken cell or row, whatever the number of rules that it breaks."""
    reasons: dict[tuple[int, str | None], list[str]] = {}
    doubts: dict[tuple[int, str | None], float] = {}
    for its in broken:
        names = [c for c in its.columns if c in evidence.table.frame.columns]
        column = names[0] if len(names) == 1 else None
        doubt = min(SURE, 1 - len(its.rows) / max(its.known, 1))
        support = f"It holds in {its.known - len(its.rows):,} of {count(its.known, 'row')}."
        cells = {name: [plain(v) for v in evidence.table.frame[name].iloc[its.rows]] for name in names[:_NAMED]}
        for place, row in enumerate(its.rows.tolist()):
            said = " and ".join(f"{name!r} is {_show(values[place])}" for name, values in cells.items())
            more = " and so on" if len(names) > _NAMED else ""
            sentence = f"{its.rule[:1].upper()}{its.rule[1:]} does not hold: {said}{more}. {support}"
            reasons.setdefault((row, column), []).append(sentence)
            doubts[row, column] = max(doubts.get((row, column), 0.0), doubt)
    at = list(reasons)
    given = [plain(evidence.table.frame[c].iloc[r]) if c is not None else None for r, c in at]
    return make_findings(
        [r for r, _ in at],
        list(doubts.values()),
        [" ".join(r) for r in reasons.values()],
        column=[c for _, c in at],
        given=given,
    )


def _show(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return f"{value:.15g}"
    return "empty" if value is None else shorten(repr(value), _QUOTED)


detector = Detector("rules", find)
