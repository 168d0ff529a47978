"""Equal rows among many millions: found by their digests, and compared by their canonical texts where they are few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.identity import number_hashes
from dcai.base.table import Table
from dcai.findings.detectors import conflicts, duplicates
from dcai.findings.evidence import Evidence, Unmet, make_evidence
from dcai.findings.labels.classes import Labels
from dcai.findings.shape import NOTE, make_findings
from dcai.findings.wording import count

if TYPE_CHECKING:
    from dcai.findings.evidence import Settings
    from dcai.findings.progress import Progress
    from dcai.findings.streaming.digests import Digests
    from dcai.findings.streaming.sources import Source
    from dcai.findings.streaming.survey import Survey

Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.intp]
Doubts = npt.NDArray[np.float32]

MOST_PEERS = 1_000
MOST_COMPARED = 100_000  # rows that look equal and are read to be compared


@dataclass(frozen=True, eq=False)
class Repeated:
    """Rows of which each looks equal to another one.

    Attributes
    ----------
    rows : array of int
        All of them, in rising order.
    read : array of int
        Those that were read, whole groups of them.
    evidence : Evidence
        Those that were read, as a table in memory.
    repeats : int
        How many of all are not the first of their kind.
    """

    rows: Rows
    read: Rows
    evidence: Evidence
    repeats: int

    @property
    def note(self) -> str:
        """Say what was not compared."""
        left = len(self.rows) - len(self.read)
        if not left:
            return ""
        return f"{count(left, 'further row')} look equal to others by a hash of 64 bits, and are scored but not listed"


def read_repeated(
    source: Source, table: Table, settings: Settings, rows: Rows, digests: Digests, tell: Progress
) -> Repeated:
    """Read the rows whose digest occurs more than once, or whole groups of them up to a number of rows."""
    values, place, counts = np.unique(digests[rows], return_inverse=True, return_counts=True)
    read = rows
    if len(rows) > MOST_COMPARED:
        # The first by digest: the same ones whatever the order of the rows.
        kept = np.cumsum(counts) <= MOST_COMPARED
        read = rows[kept[place]]
    frame = source.read_frame(read)
    part = Table(frame, table.label, table.key, table.hidden, table.name, table.groups)
    return Repeated(rows, read, make_evidence(part, settings, tell), len(rows) - len(values))


def find_duplicates(repeated: Repeated, size: int, digests: Digests) -> tuple[pd.DataFrame, Doubts]:
    """Find every row that repeats another one, of all rows; also return the doubt of each row."""
    evidence = repeated.evidence
    columns = [str(c) for c in evidence.table.frame.columns if c not in evidence.table.key]
    left = np.setdiff1d(repeated.rows, repeated.read)
    again_left = pd.Series(digests[left]).duplicated().to_numpy(dtype=bool)
    group = number_hashes(evidence.table.hash_over(columns))
    again = pd.Series(group).duplicated().to_numpy(dtype=bool)
    distinct = 1 - (int(again.sum()) + int(again_left.sum())) / size
    duplicates.check_telling(distinct, len(columns))
    doubt = np.where(again, duplicates.SURE * distinct, 0.0)
    scores = np.zeros(size, dtype=np.float32)
    scores[repeated.read[evidence.positions]] = doubt
    scores[left[again_left]] = duplicates.SURE * distinct
    found = duplicates.list_copies(group, again, doubt, len(columns)) if len(group) else make_findings([], [], [])
    found.attrs[NOTE] = repeated.note
    return place_findings(found, repeated.read[evidence.positions]), scores


def find_conflicts(
    repeated: Repeated, survey: Survey, labels: Labels, classes: Codes, size: int
) -> tuple[pd.DataFrame, Doubts]:
    """Find the rows that equal others in all features and have another label than a clear majority of them."""
    evidence = repeated.evidence
    if not evidence.table.features:
        raise Unmet("there is no column besides the label and the key")
    if size - repeated.repeats < conflicts.TELLING_SHARE * size:
        raise Unmet("most rows are equal to others in all features, so equal features say little about the label")
    assert survey.labels is not None
    numbers = survey.labels[repeated.read[evidence.positions]]
    cells = np.array([*labels.given, None], dtype=object)
    evidence.__dict__["_labels"] = Labels(labels.names, classes[numbers], cells[numbers], labels.variants)
    scores = np.zeros(size, dtype=np.float32)
    left = np.setdiff1d(repeated.rows, repeated.read)
    scores[left] = _score_left(survey.features[left], classes[survey.labels[left]])
    if not len(evidence.table):
        return make_findings([], [], []), scores
    judged = conflicts.judge_groups(evidence)
    scores[repeated.read[evidence.positions]] = judged[1]
    found = conflicts.list_conflicts(evidence, *judged)
    notes = ["only equal rows were compared: near-equal ones are looked for in memory only", repeated.note]
    if evidence.settings.features is not None:
        notes.append("rows that are equal in the named features and differ in other columns were not compared")
    found.attrs[NOTE] = "; ".join(filter(None, notes))
    return place_findings(found, repeated.read[evidence.positions]), scores


def _score_left(digests: Digests, codes: Codes) -> npt.NDArray[np.float64]:
    """Return the share of other labels among the rows with each row's digest."""
    table = pd.DataFrame({"group": digests, "code": codes})
    known = table[table["code"] >= 0]
    size = known.groupby("group")["code"].transform("size")
    same = known.groupby(["group", "code"])["code"].transform("size")
    return np.asarray(((size - same) / size).reindex(table.index).fillna(0.0).to_numpy(dtype=np.float64))


def place_findings(found: pd.DataFrame, positions: npt.NDArray[np.integer]) -> pd.DataFrame:
    """Say where rows of a part stand in the whole."""
    rows = found["row"].to_numpy(dtype=np.int64)
    placed = found.assign(
        row=np.where(rows >= 0, np.append(positions, -1)[rows], -1),
        peers=pd.Series([[int(positions[p]) for p in its] for its in found["peers"]], dtype=object, index=found.index),
    )
    placed.attrs.update(found.attrs)
    return placed


def spread_findings(found: pd.DataFrame, numbers: npt.NDArray[np.int32]) -> pd.DataFrame:
    """Turn findings about distinct values into findings about the rows that hold them."""
    parts = [found.iloc[:0]]
    for place, row in enumerate(found["row"].tolist()):
        its = found.iloc[[place]]
        if row >= 0:
            rows = np.flatnonzero(numbers == row)
            its = its.loc[np.repeat(its.index, len(rows))].assign(row=rows)
        else:
            rows = np.flatnonzero(np.isin(numbers, found["peers"].iloc[place]))[:MOST_PEERS]
            its = its.assign(peers=pd.Series([rows.tolist()], index=its.index, dtype=object))
        parts.append(its)
    spread = pd.concat(parts, ignore_index=True) if len(found) else found
    spread.attrs.update(found.attrs)
    return spread
