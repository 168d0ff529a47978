"""Whether the dates of a column of texts are written otherwise than before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from dcai.base.display import show_share
from dcai.experiments.batches.divergences import compare_shares
from dcai.experiments.batches.trials import Trial
from dcai.findings.cells.dates import NO_DATE, Dated

FLOOR = 0.05  # share of rows
MOST_PEERS = 1_000


def compare_formats(name: str, before: Dated, now: Dated) -> Iterator[Trial]:
    """Compare how the dates of a column are written, where not all are written alike."""
    both = [d.layouts[~d.empty] for d in (before, now)]
    if len(set(both[0]) | set(both[1])) < 2:  # noqa: PLR2004 (all alike)
        return
    usual, current = (str(pd.Series(its).value_counts().index[0]) for its in both)
    hits = [int((its == usual).sum()) for its in both]
    found = compare_shares(hits[0], len(both[0]), hits[1], len(both[1]))
    odd = ~now.empty & (now.layouts != usual)
    if current != usual:
        text = f"Most of the dates of {name!r} are {_say(current)}, in the reference {_say(usual)}."
    else:
        share, other = show_share(hits[1] / len(both[1])), show_share(hits[0] / len(both[0]))
        others = pd.Series(now.layouts[odd]).value_counts().index
        more = f"; others are {_say(str(others[0]))}" if len(others) else ""
        text = f"{share} of the dates of {name!r} are {_say(usual)}, in the reference {other}{more}."
    yield Trial(
        "date_format", name, text, found.p, found.effect, FLOOR, found.test, found.measure,
        given=current, suggested=usual, peers=[int(r) for r in np.flatnonzero(odd)[:MOST_PEERS]],
    )  # fmt: skip


def _say(layout: str) -> str:
    return "no dates" if layout == NO_DATE else f"written like {layout}"
