"""Pictures that are dark, bright, blurred, empty, of an odd shape or size, unreadable, or there twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.pictures import SUFFIXES, is_picture_file
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.tables.imagery import Measures, measure, say_lost
from dcai.findings.wording import count

Marks = npt.NDArray[np.bool_]

# The limits of CleanVision.
DARK, LIGHT, INFORMATION, SHARPNESS, SHAPE, SIZES = 0.32, 0.95, 0.3, 0.29, 0.35, 3.0
MOST_SHARE = 0.1  # what more pictures than this share have is the nature of the set
MOST_PICTURES = 20_000
MOST_PEERS = 20
DOUBTS = {"unreadable": 0.95, "equal": 0.8, "alike": 0.5}
OTHER_DOUBT = 0.6


def find(evidence: Evidence) -> pd.DataFrame:
    """Find odd pictures in every column of pictures or of paths to them."""
    names = [name for name, kind in evidence.table.kinds.items() if kind == "image"]
    notes = say_lost(evidence.table)
    if not names:
        raise Unmet(
            "; ".join(["there is no column of pictures (bytes, arrays, or paths to files that are there)", *notes])
        )
    found = []
    for name in names:
        its, said = _judge(name, evidence.table.frame[name], evidence)
        found.append(its)
        notes += said
    return join_findings(found, note="; ".join(notes))


def _say_unreadable(cell: object) -> str:
    """Say why a picture could not be read, as far as the cell itself tells."""
    if isinstance(cell, str) and not is_picture_file(cell):
        return (
            "there is no such file, or it is no picture's" if cell.lower().endswith(SUFFIXES) else "it names no picture"
        )
    return "it cannot be read as a picture"


def _judge(name: str, column: pd.Series[Any], evidence: Evidence) -> tuple[pd.DataFrame, list[str]]:
    filled = np.flatnonzero(column.notna().to_numpy(dtype=bool))
    rows = filled[np.unique(np.linspace(0, len(filled) - 1, min(len(filled), MOST_PICTURES)).astype(np.intp))]
    made = [measure(column.iloc[r]) for r in rows]
    notes = [f"{count(len(rows), 'picture')} of {name!r}"]
    if len(rows) < len(filled):
        notes[0] += f" of {len(filled):,}"
    readable = np.array([m is not None for m in made], dtype=np.bool_)
    measures = [m for m in made if m is not None]
    seen = rows[readable]
    said: dict[int, list[tuple[str, float]]] = {
        int(r): [(_say_unreadable(column.iloc[r]), DOUBTS["unreadable"])] for r in rows[~readable]
    }
    usual: dict[str, list[str]] = {}
    for what, marked in _mark(measures).items():
        share = float(marked.mean()) if len(marked) else 0.0
        if share > MOST_SHARE:
            usual.setdefault("it is usual here", []).append(f"{what} ({show_share(share)})")
            continue
        for row in seen[marked]:
            said.setdefault(int(row), []).append((f"it is {what}", OTHER_DOUBT))
    if usual:
        notes.append(f"not listed, for so many are: {', '.join(usual['it is usual here'])}")
    peers = _find_copies(measures, seen, said, evidence)
    at = list(said)
    reasons = [f"About the picture: {'; '.join(text for text, _ in said[r])}." for r in at]
    doubts = [max(doubt for _, doubt in said[r]) for r in at]
    found = make_findings(
        at, doubts, reasons, column=name, given=[column.iloc[r] for r in at], peers=[peers.get(r, []) for r in at]
    )
    return found, notes


def _mark(measures: Sequence[Measures]) -> dict[str, Marks]:
    """Mark the pictures that are out of the ordinary, by what they are."""

    def of(name: str) -> npt.NDArray[np.float64]:
        return np.array([getattr(m, name) for m in measures], dtype=np.float64)

    tests: dict[str, Callable[[], Marks]] = {
        "dark: hardly a pixel is bright": lambda: of("dark") < DARK,
        "too bright: hardly a pixel is dark": lambda: of("light") > LIGHT,
        "almost of one colour": lambda: of("information") < INFORMATION,
        "blurred": lambda: of("sharpness") < SHARPNESS,
        "of an odd shape: one side is more than 2.8 times the other": lambda: of("shape") < SHAPE,
        "of another size than most": lambda: _is_odd_size(of("side")),
    }
    return {what: test() for what, test in tests.items()}


def _is_odd_size(sides: npt.NDArray[np.float64]) -> Marks:
    if not len(sides):
        return np.zeros(0, dtype=np.bool_)
    low, high = np.percentile(sides, [25, 75])
    return np.asarray((sides < low - SIZES * (high - low)) | (sides > high + SIZES * (high - low)))


def _find_copies(
    measures: Sequence[Measures],
    rows: npt.NDArray[np.intp],
    said: dict[int, list[tuple[str, float]]],
    evidence: Evidence,
) -> dict[int, list[int]]:
    """Note the pictures that repeat another one, pixel by pixel or by what they look like."""
    flat = np.array([m.information < INFORMATION or m.sharpness < SHARPNESS for m in measures], dtype=np.bool_)
    peers: dict[int, list[int]] = {}
    for kind, marks in (("equal", [m.pixels for m in measures]), ("alike", [m.look for m in measures])):
        groups = pd.Series(np.arange(len(marks))).groupby(pd.Series(marks, dtype=object)).indices
        for group in groups.values():
            members = [int(rows[i]) for i in group if kind == "equal" or not flat[i]]
            for row in members[1:] if len(members) > 1 else ():
                if row in peers:
                    continue  # equal pictures look alike
                peers[row] = [p for p in members[: MOST_PEERS + 1] if p != row][:MOST_PEERS]
                said.setdefault(row, []).append((_say(kind, row, members, evidence), DOUBTS[kind]))
    return peers


def _say(kind: str, row: int, members: Sequence[int], evidence: Evidence) -> str:
    how = "equals, pixel by pixel," if kind == "equal" else "looks almost the same as"
    text = f"it {how} that of {count(len(members) - 1, 'other row')}"
    label = evidence.table.label
    if label is None:
        return text
    cells = [evidence.table.cell(r, label) for r in members if r != row]
    differ = sum(c != evidence.table.cell(row, label) for c in cells)
    return f"{text}, {differ:,} of them with another label" if differ else text


detector = Detector("images", find)
