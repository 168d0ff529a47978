"""Decisions as soft labels: how much each class is meant by what people said about a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical, distinct_cells, plain
from dcai.base.records import Correction, Scalar
from dcai.corrections.decisions.matching import locate
from dcai.corrections.decisions.standing import find_standing, key_text
from dcai.corrections.decisions.veils import key_behind

_SAYING = ("keep", "relabel", "edit", "ambiguous")


def soften_labels(
    corrections: Sequence[Correction],
    frame: pd.DataFrame,
    label: str,
    changed: pd.DataFrame,
    kept: npt.NDArray[np.intp],
    *,
    stale: Collection[str] = (),
) -> pd.DataFrame:
    """Return the weight of each class for each row of a frame that is kept; rows sum to 1, or are empty without a label.

    `changed` is the label column as corrected where that is certain; `kept` the positions of the rows that stay;
    `stale` the ids of decisions about cells that hold something else by now.
    """
    marks: dict[str, Scalar] = {}
    said = _collect(corrections, frame, label, marks, stale)
    codes, cells = distinct_cells(changed[label])
    for cell in cells:
        mark = canonical(cell)
        if mark is not None:
            marks.setdefault(mark, plain(cell))
    columns = sorted(marks, key=lambda m: _order(marks[m]))
    place = {mark: i for i, mark in enumerate(columns)}
    weights = np.full((len(frame), len(columns)), np.nan)
    own = np.array([place.get(canonical(c) or "", -1) for c in cells] + [-1], dtype=np.intp)[codes]
    weights[own >= 0] = 0.0
    weights[np.flatnonzero(own >= 0), own[own >= 0]] = 1.0
    for row, opinions in said.items():
        weights[row] = 0.0
        for opinion in opinions:
            for mark in opinion:
                weights[row, place[mark]] += 1 / len(opinion) / len(opinions)
    names = pd.Index([marks[m] for m in columns], dtype=object)
    return pd.DataFrame(weights, index=frame.index, columns=names).iloc[kept]


def _kept(line: Correction, frame: pd.DataFrame, row: int) -> Scalar:
    """Return the class that a `keep` found right; of a hidden label the log has a hash, and what fits it is in the data."""
    return line.given if key_behind(line.given) is None else plain(frame[str(line.column)].iloc[row])


def _order(name: Scalar) -> tuple[bool, float, str]:
    """Order numbers by size, then texts by letter."""
    return isinstance(name, str), 0.0 if isinstance(name, str) else float(name or 0), str(name)


def _collect(
    corrections: Sequence[Correction], frame: pd.DataFrame, label: str, marks: dict[str, Scalar], stale: Collection[str]
) -> dict[int, list[list[str]]]:
    """Return what each reviewer says of a row: the classes that may be right."""
    places = locate(corrections, frame)
    said: dict[int, list[list[str]]] = defaultdict(list)
    for line in find_standing(corrections):
        row = places[key_text(line.key)].row
        if row is None or line.id in stale or line.column != label or line.verdict not in _SAYING:
            continue
        if line.part is not None:
            raise InputError("Soft labels are for one class a row; this log is about tags or parts of the label.")
        values = (
            line.value
            if isinstance(line.value, list)
            else [_kept(line, frame, row) if line.verdict == "keep" else line.value]
        )
        opinion = {mark: v for v in values if (mark := canonical(v)) is not None}
        if opinion:
            marks |= opinion
            said[row].append(list(opinion))
    return said
