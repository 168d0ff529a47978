"""Several spellings of one value in a column of categories or repeated texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.spellings import find_spellings
from dcai.findings.wording import count, say_left_out

MOST_DISTINCT_SHARE = 0.9  # beyond it, values are not names that repeat but texts of their own
LONGEST = 200


def find(evidence: Evidence) -> pd.DataFrame:
    """Find the cells whose value is a rarer spelling of another value of the column."""
    table = evidence.table
    names = [name for name in table.features if table.kinds[name] in ("category", "text")]
    if not names:
        raise Unmet("there is no column of categories or texts")
    found: list[pd.DataFrame] = []
    left: dict[str, list[str]] = {}
    for name in names:
        try:
            found.append(_find_in_column(name, table.frame[name]))
        except Unmet as reason:
            left.setdefault(str(reason), []).append(name)
    return join_findings(found, note="; ".join(say_left_out("spellings", left)))


def _find_in_column(name: str, column: pd.Series[Any]) -> pd.DataFrame:
    cells = column[column.map(lambda v: isinstance(v, str) and 0 < len(v) <= LONGEST).to_numpy(dtype=bool)]
    counts = cells.astype(object).value_counts()
    if len(cells) < 2:  # noqa: PLR2004 (nothing to compare)
        raise Unmet(f"fewer than two texts of at most {LONGEST} characters")
    if len(counts) > MOST_DISTINCT_SHARE * len(cells):
        raise Unmet(f"more than {100 * MOST_DISTINCT_SHARE:.0f} % of its values differ")
    # Equal counts stand in the order of their texts, so that nothing depends on the order of the rows.
    counts = counts.sort_index().sort_values(ascending=False, kind="stable")
    spellings = {s.value: s for s in find_spellings({str(v): int(n) for v, n in counts.items()})}
    places = pd.Series(range(len(column)))[
        column.map(lambda v: isinstance(v, str) and v in spellings).to_numpy(dtype=bool)
    ]
    rows = places.to_numpy(dtype=np.intp)
    values = [str(v) for v in column.iloc[rows]]
    its = [spellings[v] for v in values]
    reasons = [
        f"{v!r} ({count(counts[v], 'row')}) differs from {s.near!r} ({count(counts[s.near], 'row')}) by {s.how} only."
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
