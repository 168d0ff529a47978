"""Cells that contradict other cells of their row, by what rows of the same key, or of the same left side, hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dcai.base.display import show_share
from dcai.base.errors import shorten
from dcai.findings.cells.relations import Relations
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, make_findings
from dcai.findings.wording import count, name_some

LONGEST = 60
FEWEST_ROWS = 10


def find(evidence: Evidence) -> pd.DataFrame:
    """Find the cells that explain most cheaply why rows break what the columns settle in each other."""
    if len(evidence.table) < FEWEST_ROWS:
        raise Unmet(f"fewer than {FEWEST_ROWS} rows: too few to tell what settles what")
    relations = evidence.relations
    if len(relations.names) < 2:  # noqa: PLR2004 (a dependency has two sides)
        raise Unmet("fewer than two columns could settle each other")
    places = relations.choose(empty=False)
    found = relations.breaches
    rows = found.row[places]
    columns = [relations.names[c] for c in found.column[places]]
    suggested = relations.suggest(places)
    return make_findings(
        rows,
        found.doubt[places],
        [explain(relations, int(p)) for p in places],
        column=columns,
        given=[evidence.table.frame[c].iloc[r] for r, c in zip(rows, columns, strict=True)],
        suggested=suggested,
        confidence=np.where(found.code[places] >= 0, found.confidence[places], np.nan),
        peers=relations.find_peers(places),
        note=_note(relations),
    )


def find_expected(evidence: Evidence) -> pd.DataFrame:
    """Find the empty cells for which their groups hold a value, and suggest it."""
    relations = evidence.relations
    places = relations.choose(empty=True)
    found = relations.breaches
    rows = found.row[places]
    columns = [relations.names[c] for c in found.column[places]]
    return make_findings(
        rows,
        found.doubt[places],
        [f"It is empty, but {explain(relations, int(p))}" for p in places],
        column=columns,
        given=[evidence.table.frame[c].iloc[r] for r, c in zip(rows, columns, strict=True)],
        suggested=relations.suggest(places),
        confidence=found.confidence[places],
        peers=relations.find_peers(places),
    )


def explain(relations: Relations, place: int) -> str:
    """Say which rule a cell breaks, what the rule rests on, and what the other rows of its group hold."""
    found = relations.breaches
    which, row, name = int(found.dependency[place]), int(found.row[place]), relations.names[found.column[place]]
    if which < 0 and found.code[place] >= 0:
        near = shorten(repr(relations.suggest([place])[0]), LONGEST)
        ayes, size = int(found.ayes[place]), int(found.size[place])
        return f"It is written like {near}, and {ayes:,} of {count(size, 'cell')} that {name!r} settles are those of rows with {near}."
    if which < 0:
        sides = [relations.names[c] for c in found.broken[place]]
        return f"Other rows with this {name!r} hold something else in {name_some(sides)}: the cheapest explanation is that it is wrong."
    known = found.dependencies[which]
    left = " and ".join(repr(relations.names[c]) for c in known.left)
    values = [relations.cells[c][found.mended[row, c]] for c in known.left]
    said = " and ".join(
        f"{relations.names[c]} {shorten(str(v), LONGEST)}" for c, v in zip(known.left, values, strict=True)
    )
    value = relations.suggest([place])[0]
    ayes, size = int(found.ayes[place]), int(found.size[place])
    which_rows = "the other row" if size == 1 else f"{ayes:,} of {size:,} other rows"
    verb = "says" if ayes == 1 else "say"
    return (
        f"{name!r} follows from {left} in {show_share(known.pure)} of {count(known.groups, 'group')}; "
        f"{which_rows} with {said} {verb} {shorten(repr(value), LONGEST)}."
    )


def _note(relations: Relations) -> str:
    """Say what was looked at."""
    known = relations.breaches.dependencies
    said = [f"{count(len(relations.names), 'column')} compared"]
    if known:
        pairs = sum(len(d.left) > 1 for d in known)
        noun = "dependency" if len(known) == 1 else "dependencies"
        said[0] += f", {len(known):,} {noun} found, {pairs:,} of them from two columns together"
        free = [n for i, n in enumerate(relations.names) if i not in {d.right for d in known}]
        said += [f"nothing settles {name_some(free)}, so nothing is said of them but as keys"] if free else []
    else:
        said[0] += ", no column settles another one beyond chance"
    if relations.left_out:
        said.append(
            f"{count(len(relations.left_out), 'column', ('was', 'were'))} not looked at: {name_some(relations.left_out)}"
        )
    return "; ".join(said)


detector = Detector("dependencies", find)
