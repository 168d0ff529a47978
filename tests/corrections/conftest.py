"""A tiny audit, so that the laws of the log are tested without the detectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dcai.base.table import Table, make_table
from dcai.corrections.session import Review
from dcai.findings.shape import COLUMNS


@dataclass(frozen=True)
class FakeAudit:
    """What a Review needs to know of an audit."""

    table: Table
    findings: pd.DataFrame
    probabilities: pd.DataFrame | None = None
    hash: str = "0" * 32


def audit_of(
    frame: pd.DataFrame,
    label: str | None = "y",
    *,
    key: Any = None,
    found: list[tuple[Any, ...]] = (),  # type: ignore[assignment]  # an empty default
) -> FakeAudit:
    """Make an audit whose findings are (row, column, suggested) with detector "labels"."""
    table = make_table(frame, label, key=key)
    rows = [
        {
            "finding": f"f{i}",
            "row": row,
            "key": table.keys[row] if row >= 0 else None,
            "part": None,
            "column": column,
            "detector": "labels",
            "doubt": 0.9,
            "given": table.cell(row, column) if column and row >= 0 else None,
            "suggested": suggested,
            "confidence": np.nan,
            "reason": "It looks wrong.",
            "peers": [],
        }
        for i, (row, column, suggested) in enumerate(found)
    ]
    findings = pd.DataFrame(rows, columns=COLUMNS)
    return FakeAudit(table, findings.astype({"column": object, "suggested": object, "given": object}))


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    """Where a new log may be written."""
    return tmp_path / "corrections" / "y.jsonl"


@pytest.fixture
def pets() -> pd.DataFrame:
    """Six rows; two agree in everything but the label, two in everything."""
    return pd.DataFrame(
        {
            "legs": [4, 4, 2, 2, 8, 8],
            "sound": ["meow", "wuff", "tweet", "tweet", "", ""],
            "y": ["cat", "dog", "bird", "cat", "spider", "spider"],
        },
        index=[10, 11, 12, 13, 14, 15],
    )


@pytest.fixture
def review(pets: pd.DataFrame, log_path: Path) -> Review:
    """A review of the pets with three findings."""
    found = [(3, "y", "bird"), (0, "legs", 5), (5, None, None)]
    return Review(audit_of(pets, found=found), log_path, by="ada")
