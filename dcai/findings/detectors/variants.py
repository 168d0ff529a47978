"""Several spellings of one value in a column of categories or repeated texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dcai.findings.cells.abbreviations import find_abbreviations
from dcai.findings.cells.placeholders import is_stand_in
from dcai.findings.cells.slips import find_damaged, find_word_slips, learn_damage
from dcai.findings.cells.spellings import Spelling, find_spellings
from dcai.findings.cells.texts import mark_texts, number_texts
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.wording import count, say_left_out

MOST_DISTINCT_SHARE = 0.9  # beyond it, values are not names that repeat but texts of their own
LONGEST = 200


def find(evidence: Evidence) -> pd.DataFrame:
    """Find the cells whose value, or one word of it, is a rarer spelling of another of the column."""
    table = evidence.table
    names = [name for name in table.features if table.kinds[name] in ("category", "text")]
    if not names:
        raise Unmet("there is no column of categories or texts")
    columns: dict[str, dict[str, int]] = {}
    spelled: dict[str, dict[str, Spelling]] = {}
    left: dict[str, list[str]] = {}
    for name in names:
        try:
            columns[name] = _count(table.frame[name])
        except Unmet as reason:
            left.setdefault(str(reason), []).append(name)
            continue
        counts = columns[name]
        if mark_texts(table.frame[name], lambda v: len(v) > LONGEST).any():
            left.setdefault(f"in part: texts of more than {LONGEST} characters", []).append(name)
        repeats = len(counts) <= MOST_DISTINCT_SHARE * sum(counts.values())
        spelled[name] = {s.value: s for s in find_spellings(counts)} if repeats else {}
        if not repeats:
            why = f"more than {100 * MOST_DISTINCT_SHARE:.0f} % of its values differ: only single words were compared"
            left.setdefault(why, []).append(name)
    damage = learn_damage(s for its in spelled.values() for s in its.values())
    for name, counts in columns.items():
        more = [*find_word_slips(counts, damage), *(find_damaged(counts, damage) if damage is not None else [])]
        more += find_abbreviations({v: rows for v, rows in counts.items() if not is_stand_in(v)})
        for spelling in more:
            known = spelled[name].get(spelling.value)
            if known is None or known.confidence < spelling.confidence:
                spelled[name][spelling.value] = spelling
    found = [_to_findings(name, table.frame[name], columns[name], spelled[name]) for name in columns]
    said = [f"the letter {damage.letter!r} stands in the place of others in {damage.pairs} values"] if damage else []
    return join_findings(found, note="; ".join([*said, *say_left_out("spellings", left)]))


def _count(column: pd.Series[Any]) -> dict[str, int]:
    """Count the texts of a column, most first; equal counts by text, so that nothing depends on the order of rows."""
    codes, texts = number_texts(column, lambda v: 0 < len(v) <= LONGEST)
    rows = np.bincount(codes[codes >= 0], minlength=len(texts)).tolist()
    if sum(rows) < 2:  # noqa: PLR2004 (nothing to compare)
        raise Unmet(f"fewer than two texts of at most {LONGEST} characters")
    return dict(sorted(zip(texts, rows, strict=True), key=lambda counted: (-counted[1], counted[0])))


def _to_findings(
    name: str, column: pd.Series[Any], counts: dict[str, int], spellings: dict[str, Spelling]
) -> pd.DataFrame:
    rows = np.flatnonzero(mark_texts(column, spellings.__contains__))
    values = [str(v) for v in column.iloc[rows]]
    its = [spellings[v] for v in values]
    reasons = [
        f"{v!r} ({count(counts[v], 'row')}) differs from {s.near!r} ({count(counts[s.near], 'row')}) by {s.how} only."
        if s.near in counts
        else f"{v!r} ({count(counts[v], 'row')}) differs from {s.near!r} by {s.how}."
        for v, s in zip(values, its, strict=True)
    ]
    return make_findings(
        rows,
        [s.doubt for s in its],
        reasons,
        column=name,
        given=values,
        suggested=[s.near for s in its],
        confidence=[s.confidence for s in its],
    )


detector = Detector("variants", find)
