"""What a person has said about cells, rows and labels, read from a log of decisions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import canonical
from dcai.base.table import Table

CHANGES = ("relabel", "edit")
SETTLED = ["row", "column", "verdict", "value"]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Cells that were looked at, in an order that does not depend on the rows' order.

    Attributes
    ----------
    rows : array of int, shape (k,)
        Their rows.
    names : array of object, shape (k,)
        Their columns.
    wrong : array of float, shape (k,)
        1 where the cell was corrected, 0 where it was kept.
    """

    rows: npt.NDArray[np.intp]
    names: npt.NDArray[np.object_]
    wrong: npt.NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.rows)


def leave_open(settled: pd.DataFrame) -> pd.DataFrame:
    """Leave out what was looked at without being settled."""
    return settled[settled["verdict"] != "unsure"].reset_index(drop=True)


def cover(settled: pd.DataFrame, findings: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Say which findings are about a cell or a row that is settled."""
    parts = settled["part"] if "part" in settled else [None] * len(settled)
    cells = {
        (int(r), c, p) for r, c, p in zip(settled["row"], settled["column"], parts, strict=True) if isinstance(c, str)
    }
    whole = {int(r) for r, c in zip(settled["row"], settled["column"], strict=True) if not isinstance(c, str)}
    places = zip(findings["row"], findings["column"], findings["part"], strict=True)
    return np.array([r in whole or (r, c, p) in cells or (r, c, None) in cells for r, c, p in places], dtype=np.bool_)


def split_cells(table: Table, settled: pd.DataFrame) -> tuple[set[tuple[int, str]], set[tuple[int, str]]]:
    """Return the cells that were changed, and those that were kept."""
    wrong = {
        (int(r), str(c))
        for r, c, v in zip(settled["row"], settled["column"], settled["verdict"], strict=True)
        if v in CHANGES
    }
    right = set()
    for row, column, verdict in zip(settled["row"], settled["column"], settled["verdict"], strict=True):
        if verdict == "keep":
            names = [column] if isinstance(column, str) else list(table.frame.columns)
            right |= {(int(row), str(n)) for n in names}
    return wrong, right - wrong


def read_labelled(table: Table, names: Collection[str], settled: pd.DataFrame) -> Labelled:
    """Read which cells of some columns were found right, and which wrong.

    A row that was dropped says nothing about its cells, and a cell with several right values nothing about others.
    An edit to the value that stands there already says that it is right.
    """
    known: dict[tuple[int, str], float] = {}
    rows, columns, verdicts = settled["row"].astype(int), settled["column"], settled["verdict"]
    mute = set(rows[(verdicts == "exclude").to_numpy(dtype=bool)])
    several = set(zip(rows[verdicts == "ambiguous"], columns[verdicts == "ambiguous"], strict=True))
    for row, column, verdict, value in zip(rows, columns, verdicts, settled["value"], strict=True):
        if row in mute:
            continue
        if verdict in CHANGES and column in names:
            known[(row, column)] = float(_differ(table.frame[column].iloc[row], value))
        elif verdict == "keep":
            for name in [column] if isinstance(column, str) else names:
                if name in names and (row, name) not in several:
                    known.setdefault((row, name), 0.0)
    hashes = table.row_hashes
    cells = sorted(known, key=lambda c: (int(hashes[c[0], 0]), int(hashes[c[0], 1]), c[1], known[c]))
    return Labelled(
        np.array([r for r, _ in cells], dtype=np.intp),
        np.array([c for _, c in cells], dtype=object),
        np.array([known[c] for c in cells], dtype=np.float64),
    )


def _differ(given: Any, value: Any) -> bool:
    """Say whether an edit changed the cell: of texts every character counts, of others what they mean."""
    if isinstance(given, str) and isinstance(value, str):
        return given != value
    return canonical(given) != canonical(value)
