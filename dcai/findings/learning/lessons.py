"""What a review teaches about cells: all of them are judged anew, in the light of those that were looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import shorten
from dcai.base.table import Table
from dcai.findings.learning.cellfeatures import Cells
from dcai.findings.learning.edits import DETECTOR as SHOWN
from dcai.findings.learning.edits import Lesson, find_rewritings, rewrite
from dcai.findings.learning.error_model import CellEvidence, Doubts, Model, learn
from dcai.findings.learning.reason_templates import kind_of_finding
from dcai.findings.learning.verdicts import CHANGES, Labelled, read_labelled
from dcai.findings.running import name_findings
from dcai.findings.shape import make_findings

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEARNT, CORRECTED = "learnt", "reviewed"
SURE_OF_SHARE = 0.99  # where no cell of a column was wrong, no more of it is flagged than this bound allows
LEAST = 0.2  # cells that are less probably wrong than this are not flagged, whatever the expected F1
TRUSTED = 2.0  # a detector's own confidence counts as much as this many verdicts about its suggestions
_BECAUSE = {
    "value": "You corrected {example!r} in {name!r}.",
    "shape": "It is written like {example!r} in {name!r}, which you corrected.",
    "form": "It is written like {example!r} in {name!r}, which you corrected.",
    "marks": "It holds the same kinds of characters as {example!r} in {name!r}, which you corrected.",
    "column": "Most of the cells of {name!r} that you looked at were wrong, for example {example!r}.",
    "votes": "The other columns expect another value in {name!r}, as they did for cells that you corrected.",
    "row": "Other cells of its row are doubted or oddly written, and so it was with cells like this one in {name!r} that you corrected.",
    "oddest": "Its characters are unusual for {name!r}, in the way of cells that you corrected.",
}
_NO_EXAMPLE = ("votes", "row", "oddest")
_ELSE = "What is unusual about it in {name!r} is also unusual about cells that you corrected."


@dataclass(frozen=True, eq=False)
class Lessons:
    """What was learnt about all cells.

    Attributes
    ----------
    model : Model
        What was learnt.
    labelled : Labelled
        From which cells.
    chance : dict of str to array of shape (n,)
        For each column how probably each cell is wrong.
    changed : dict of str to list
        For each column and each of its distinct texts the edit that would rewrite it, with the outcome.
    """

    model: Model
    labelled: Labelled
    chance: Mapping[str, Floats]
    changed: Mapping[str, Sequence[tuple[Lesson, str] | None]]


def list_columns(table: Table) -> list[str]:
    """List the columns whose cells can be learnt about: all that hold plain values, but not the label."""
    apart = {table.label, *table.hidden}
    return [str(c) for c in table.frame.columns if c not in apart and table.kinds[str(c)] not in ("image", "other")]


def read_doubts(table: Table, names: Sequence[str], findings: pd.DataFrame) -> dict[str, Doubts]:
    """Collect what the findings say about the cells of each column."""
    doubt = {n: np.full(len(table), np.nan) for n in names}
    kinds: dict[str, dict[int, set[str]]] = {n: {} for n in names}
    columns = ("row", "column", "detector", "reason", "doubt")
    for row, column, detector, reason, its in zip(*(findings[c] for c in columns), strict=True):
        if row >= 0 and column in doubt:
            doubt[column][row] = np.fmax(doubt[column][row], its)
            kinds[column].setdefault(int(row), set()).add(kind_of_finding(detector, reason))
    said = {}
    for name in names:
        words = np.full(len(table), "", dtype=object)
        for row, its in kinds[name].items():
            words[row] = " | ".join(sorted(its))
        said[name] = Doubts(doubt[name], words)
    return said


def learn_lessons(cells: Cells, findings: pd.DataFrame, settled: pd.DataFrame) -> Lessons | None:
    """Learn from the verdicts about cells; None where there are none."""
    table, names = cells.table, cells.names
    labelled = read_labelled(table, names, settled)
    if not len(labelled):
        return None
    rewritings = find_rewritings(table, names, settled)
    changed = {name: rewrite(rewritings.get(name, []), cells.columns[name].texts) for name in names}
    doubts = read_doubts(table, names, findings)
    for name, its in changed.items():
        said = ["" if found is None else found[0].rewriting.name for found in its]
        doubts[name] = replace(doubts[name], rewritings=said)
    model = learn(CellEvidence(cells, doubts), labelled)
    return Lessons(model, labelled, {name: model.judge(name) for name in names}, changed)


def apply_lessons(lessons: Lessons, findings: pd.DataFrame, settled: pd.DataFrame) -> pd.DataFrame:
    """Rank the findings about cells anew: some go, some come, and those that were corrected are certain.

    Parameters
    ----------
    lessons : Lessons
        What was learnt.
    findings : pandas.DataFrame
        Findings about cells of the columns that were learnt about.
    settled : pandas.DataFrame
        The verdicts.

    Returns
    -------
    pandas.DataFrame
        With the columns of `findings`, in no order.
    """
    table = lessons.model.evidence.cells.table
    flagged = flag_cells(lessons)
    pairs = list(zip(findings["row"], findings["column"], strict=True))
    stays = np.array([flagged[c][r] for r, c in pairs], dtype=np.bool_)
    doubt = [float(lessons.chance[c][r]) for r, c in pairs]
    kept = _trust_suggestions(findings.assign(doubt=doubt), settled)[stays]
    shown = []
    if lessons.labelled.wrong.any():  # who finds nothing wrong shows no new kind of error
        shown = [_show(lessons, name, np.flatnonzero(its)) for name, its in flagged.items() if its.any()]
    parts = [kept, _confirm(table, lessons.labelled, settled)]
    if shown:
        new = pd.concat(shown, ignore_index=True)
        kept, new = _settle_between(kept, new)
        parts = [kept, new, parts[1]]
    named = [p if "finding" in p else name_findings(table, p.reset_index(drop=True)) for p in parts if len(p)]
    return pd.concat([p[list(findings.columns)] for p in named], ignore_index=True) if named else findings[:0]


def choose_threshold(chances: Sequence[Floats]) -> float:
    """Choose the threshold that makes the expected F1 of what is flagged greatest, if the probabilities are right.

    Examples
    --------
    >>> choose_threshold([np.array([0.9, 0.4, 0.1, 0.1])])
    0.4
    """
    every = np.sort(np.concatenate(chances))[::-1] if chances else np.empty(0)
    if not len(every):
        return 1.0
    hits = np.cumsum(every)
    f1 = 2 * hits / (np.arange(1, len(every) + 1) + hits[-1])
    return float(every[int(np.argmax(f1))])


def flag_cells(lessons: Lessons) -> dict[str, Flags]:
    """Flag the probably wrong cells, but not those that were looked at."""
    threshold = max(choose_threshold(list(lessons.chance.values())), LEAST)
    flagged = {}
    for name, its in lessons.chance.items():
        own = lessons.labelled.names == name
        flagged[name] = its >= threshold
        if not lessons.labelled.wrong[own].any():
            flagged[name] &= ~_exceed(its, int(own.sum()), threshold)
        flagged[name][lessons.labelled.rows[own]] = False
    return flagged


def _exceed(chance: Floats, right: int, threshold: float) -> Flags:
    """Say which cells of a column without any error found must not be flagged, because that would be too many.

    Of `right` cells none was wrong, so no more than a certain share of all can be. As doubtful as the first cell beyond
    that share is no reason to flag any.
    """
    most = int(np.ceil((1 - (1 - SURE_OF_SHARE) ** (1 / (right + 1))) * len(chance)))
    if (chance >= threshold).sum() <= most:
        return np.zeros(len(chance), dtype=np.bool_)
    return np.asarray(chance <= np.sort(chance)[::-1][most])


def _trust_suggestions(findings: pd.DataFrame, settled: pd.DataFrame) -> pd.DataFrame:
    """Move the confidence of suggestions towards the share of them that the reviewer took, for each kind of finding."""
    told = settled[settled["verdict"].isin(CHANGES)]
    value = {(int(r), c): str(v) for r, c, v in zip(told["row"], told["column"], told["value"], strict=True)}
    taken: dict[str, list[bool]] = {}
    columns = ("row", "column", "detector", "reason", "suggested")
    kinds = [kind_of_finding(d, r) for d, r in zip(findings["detector"], findings["reason"], strict=True)]
    for (row, column, _, _, suggested), kind in zip(
        zip(*(findings[c] for c in columns), strict=True), kinds, strict=True
    ):
        if suggested is not None and (row, column) in value:
            taken.setdefault(kind, []).append(str(suggested) == value[(row, column)])
    known = findings["confidence"].to_numpy(dtype=np.float64)
    hits = np.array([sum(taken.get(k, ())) for k in kinds], dtype=np.float64)
    tries = np.array([len(taken.get(k, ())) for k in kinds], dtype=np.float64)
    return findings.assign(confidence=(TRUSTED * known + hits) / (TRUSTED + tries))


def _show(lessons: Lessons, name: str, rows: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Make findings of the flagged cells of a column: as an edit would rewrite them, or as like what was corrected."""
    cells = lessons.model.evidence.cells
    chance = lessons.chance[name][rows]
    its = [lessons.changed[name][c] for c in cells.columns[name].codes[rows]]
    because = _give_reasons(lessons, name, rows)
    made = make_findings(
        rows,
        chance,
        [reason if i is None else i[0].reason for i, reason in zip(its, because, strict=True)],
        column=name,
        given=list(cells.table.frame[name].iloc[rows]),
        suggested=[None if i is None else i[1] for i in its],
        confidence=[np.nan if i is None else min(i[0].confidence, float(p)) for i, p in zip(its, chance, strict=True)],
    )
    return made.assign(detector=[LEARNT if i is None else SHOWN for i in its])


def _give_reasons(lessons: Lessons, name: str, rows: npt.NDArray[np.intp]) -> list[str]:
    """Name for each cell what speaks most against it, with a corrected cell of which the same is true."""
    column = lessons.model.evidence.cells.columns[name]
    parts = {
        group: its[rows] for group, its in lessons.model.weigh(name).items() if group in _BECAUSE or group == "oddness"
    }
    groups = list(parts)
    best = np.argmax(np.column_stack(list(parts.values())), axis=1)
    corrected = lessons.labelled.rows[(lessons.labelled.names == name) & (lessons.labelled.wrong > 0)]
    wrong = [column.texts[c] for c in column.codes[corrected]]
    examples = {
        family: dict(zip((names[c] for c in column.codes[corrected]), wrong, strict=True))
        for family, names in column.families.items()
    }
    reasons = []
    for code, at in zip(column.codes[rows], best, strict=True):
        group = groups[at]
        example = (
            examples.get(group, {}).get(column.families[group][code])
            if group in column.families
            else next(iter(wrong), None)
        )
        reason = _BECAUSE.get(group, _ELSE) if example is not None or group in _NO_EXAMPLE else _ELSE
        reasons.append(reason.format(name=name, example=shorten(example or "", 60)))
    return reasons


def _settle_between(kept: pd.DataFrame, new: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Let what a detector says of a cell stand, unless the reviewer showed how to rewrite it."""
    showing = new[new["detector"] == SHOWN]
    better = set(zip(showing["row"], showing["column"], strict=True))
    stays = [(r, c) not in better for r, c in zip(kept["row"], kept["column"], strict=True)]
    kept = kept[np.array(stays, dtype=np.bool_)]
    there = set(zip(kept["row"], kept["column"], strict=True))
    comes = [(r, c) not in there for r, c in zip(new["row"], new["column"], strict=True)]
    return kept, new[np.array(comes, dtype=np.bool_)]


def _confirm(table: Table, labelled: Labelled, settled: pd.DataFrame) -> pd.DataFrame:
    """Make certain findings of the cells that were corrected: they are wrong in this table until the log is applied."""
    told = settled[settled["verdict"].isin(CHANGES)]
    value = {(int(r), c): v for r, c, v in zip(told["row"], told["column"], told["value"], strict=True)}
    wrong = [(int(r), str(c)) for r, c, w in zip(labelled.rows, labelled.names, labelled.wrong, strict=True) if w]
    made = make_findings(
        [r for r, _ in wrong], 1.0, "You corrected it.", column=[c for _, c in wrong],
        given=[table.cell(r, c) for r, c in wrong], suggested=[value[cell] for cell in wrong], confidence=1.0,
    )  # fmt: skip
    return made.assign(detector=CORRECTED)
