"""Breaches in words: the findings about cells that lose the vote of their groups, and about empty ones that should not be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.errors import shorten
from dcai.base.table import Table
from dcai.findings.cells.relations import Relations
from dcai.findings.shape import make_findings
from dcai.findings.wording import count, name_some

LONGEST = 60


def find_contradicted(relations: Relations, table: Table, note: str = "") -> pd.DataFrame:
    """Find the cells that their groups vote against, with the value voted for where there is one."""
    places = relations.choose(empty=False)
    reasons = [explain(relations, int(p)) for p in places]
    return _make(relations, table, places, reasons, note)


def find_expected(relations: Relations, table: Table) -> pd.DataFrame:
    """Find the empty cells for which their groups hold a value, and suggest it."""
    places = relations.choose(empty=True)
    return _make(relations, table, places, [f"It is empty, but {explain(relations, int(p))}" for p in places])


def _make(
    relations: Relations, table: Table, places: npt.NDArray[np.intp], reasons: list[str], note: str = ""
) -> pd.DataFrame:
    found = relations.breaches
    rows = found.row[places]
    columns = [relations.names[c] for c in found.column[places]]
    return make_findings(
        rows,
        found.doubt[places],
        reasons,
        column=columns,
        given=[table.frame[c].iloc[r] for r, c in zip(rows, columns, strict=True)],
        suggested=relations.suggest(places),
        confidence=np.where(found.code[places] >= 0, found.confidence[places], np.nan),
        peers=relations.find_peers(places),
        note=note,
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
    rest = f" Or {left} is wrong: nothing else in the row tells." if found.tied[place] else ""
    return (
        f"{name!r} follows from {left} in {show_share(known.pure)} of {count(known.groups, 'group')}; "
        f"{which_rows} with {said} {verb} {shorten(repr(value), LONGEST)}.{rest}"
    )
