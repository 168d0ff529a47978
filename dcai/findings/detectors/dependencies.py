"""Cells that contradict other cells of their row, by what rows of the same key, or of the same left side, hold."""

from __future__ import annotations

import pandas as pd

from dcai.findings.cells.breach_findings import find_contradicted
from dcai.findings.cells.relations import Relations
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector
from dcai.findings.wording import count, name_some

FEWEST_ROWS = 10


def find(evidence: Evidence) -> pd.DataFrame:
    """Find the cells that explain most cheaply why rows break what the columns settle in each other."""
    if len(evidence.table) < FEWEST_ROWS:
        raise Unmet(f"fewer than {FEWEST_ROWS} rows: too few to tell what settles what")
    relations = evidence.relations
    if len(relations.names) < 2:  # noqa: PLR2004 (a dependency has two sides)
        raise Unmet("fewer than two columns could settle each other")
    return find_contradicted(relations, evidence.table, note=_note(relations))


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
