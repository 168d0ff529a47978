"""The lessons run from top to bottom, headlessly and offline, and end with what they promise."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import papermill as pm
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def carry_out(name: str, folder: Path) -> dict[str, Any]:
    """Run a lesson in a copy of its folder and return what its cells printed or showed, by source."""
    for path in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(path, folder)
    pm.execute_notebook(folder / name, folder / "out.ipynb", cwd=folder, engine_name="dcai", progress_bar=False)
    cells = nbformat.read(folder / "out.ipynb", as_version=4).cells
    return {
        c.source: "".join(
            o.get("text", "") or o.data.get("text/plain", "")
            for c_ in [c]
            for o in c_.outputs
            if "text" in o or "data" in o
        )
        for c in cells
        if c.cell_type == "code"
    }


def test_find_and_fix(tmp_path: Path) -> None:
    shown = carry_out("1-find-and-fix.ipynb", tmp_path)
    found = next(text for source, text in shown.items() if source.startswith("suspicious"))
    flagged, hits = map(int, re.findall(r"^(\d+) labels look wrong; (\d+) ", found)[0])
    assert hits >= 80
    assert flagged <= 150
    counts = next(text for source, text in shown.items() if source.startswith("clean = "))
    before, after = map(int, re.findall(r"\d+", counts))
    assert before == 90
    assert after <= before - 30
    cars = next(text for source, text in shown.items() if "cars.json" in source)
    assert "vokswagen" in cars
    assert len((tmp_path / "lesson" / "corrections" / "digit.jsonl").read_text().splitlines()) == 40


def test_promote_and_run(tmp_path: Path) -> None:
    shown = carry_out("2-promote-and-run.ipynb", tmp_path)
    raw, corrected = map(float, re.findall(r"0\.\d+", next(t for s, t in shown.items() if s.startswith("raw = "))))
    assert corrected > raw
    assert "Did you mean 'train_rows'" in next(t for s, t in shown.items() if s.startswith("try:"))
    assert "failed in cell" in next(t for s, t in shown.items() if s.startswith("failed = "))
    assert "pipelines/train/pipeline.ipynb" in next(t for s, t in shown.items() if '"--stat"' in s)
    assert len(list((tmp_path / "lesson" / "repository" / "runs" / "train").glob("*/run.json"))) == 3


def test_prove_and_watch(tmp_path: Path) -> None:
    shown = carry_out("3-prove-and-watch.ipynb", tmp_path)

    def said(start: str) -> str:
        return next(text for source, text in shown.items() if source.startswith(start))

    assert "label_shares" in said("drift = ")
    changes = said("export = ")
    assert "unit" in changes
    assert "renamed_column" in changes
    assert "Right size" in said("print(curve.worth)")
    worse = said("summer = ")
    assert "wind" in worse
    assert "noise" in worse
    assert "of 4 parts 1 good, 2 attention, 1 unknown" in said("dcai.scorecard(")


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.name)
def test_lessons_are_kept_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs")
        assert not cell.get("execution_count")
