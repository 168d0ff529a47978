"""Memory: said before the work, refused where it will plainly not do, and let go of when nothing needs it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

import dcai
from dcai.base.errors import InputError
from dcai.base.table import make_table
from dcai.findings import memory
from dcai.findings.evidence import Settings, make_evidence
from dcai.findings.features.compact import compact_columns
from dcai.findings.memory import check_memory, estimate_memory, release_after, release_views


def _make_frame(rows: int = 300, *, texts: bool = True) -> pd.DataFrame:
    random = np.random.default_rng(0)
    made = pd.DataFrame({"x": random.normal(size=rows), "z": random.normal(size=rows)})
    if texts:
        made["said"] = [" ".join(words) for words in random.choice(["red", "blue", "bolt", "nut", "M8"], (rows, 6))]
    made["y"] = np.where(made["x"] > 0, "a", "b")
    return made


def _make_free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=size, total=size))


def test_the_estimate_grows_with_rows_columns_and_classes() -> None:
    frame = _make_frame()
    size = estimate_memory(make_table(frame, "y"))
    assert estimate_memory(make_table(pd.concat([frame, frame]), "y")) == 2 * size
    assert (
        estimate_memory(make_table(frame.assign(more=frame["x"] * 2), "y"))
        == size + len(frame) * memory.CELL_BYTES["number"]
    )
    assert (
        estimate_memory(make_table(frame.assign(y=np.arange(300) % 100), "y"))
        == size + len(frame) * 98 * memory.CLASS_BYTES
    )
    words = make_table(frame[["said"]])
    assert estimate_memory(words) == len(frame) * memory.ALONE_BYTES


def test_an_audit_that_will_not_fit_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SMALL", 0)
    _make_free(monkeypatch, 100_000)
    told: list[str] = []
    with pytest.raises(
        InputError,
        match=r"300 rows and 4 columns would take about [\d.]+ kB of memory beside the frame, and 100 kB are free\. "
        r"Audit a sample .* or fewer columns, or write the frame to Parquet .* with memory= it is read in batches",
    ):
        dcai.audit(_make_frame(), label="y", progress=lambda stage, *_: told.append(stage))
    assert told == []


@pytest.mark.parametrize(("free", "said"), [(1 << 40, "will be used"), (300_000, "may not fit")])
def test_what_an_audit_will_take_is_said_first(monkeypatch: pytest.MonkeyPatch, free: int, said: str) -> None:
    monkeypatch.setattr(memory, "SMALL", 0)
    _make_free(monkeypatch, free)
    told: list[str] = []
    check_memory(make_table(_make_frame(), "y"), lambda stage, *_: told.append(stage))
    assert told == [f"about 362 kB of memory {said}"]


def test_small_audits_are_never_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _make_free(monkeypatch, 1)
    told: list[str] = []
    check_memory(make_table(_make_frame(), "y"), lambda stage, *_: told.append(stage))
    assert told == []


@pytest.mark.parametrize("texts", [True, False])
def test_what_is_left_of_the_features_is_what_they_were(monkeypatch: pytest.MonkeyPatch, texts: bool) -> None:
    monkeypatch.setattr("dcai.findings.evidence.FULL_ROWS", 50)

    def make() -> Any:
        return make_evidence(make_table(_make_frame(texts=texts), "y"), Settings(), lambda *_: None)

    whole, left = make(), make()
    _ = whole.compact, left.compact
    release_views(left)
    assert "compact" not in vars(left)
    np.testing.assert_array_equal(left.points, whole.points)
    assert "compact" not in vars(left), "it was made again"
    np.testing.assert_array_equal(left.dense, whole.dense)
    far, near = left.neighbours
    release_after("outliers", left)
    assert not {"neighbours", "points"} & set(vars(left))
    np.testing.assert_array_equal(left.neighbours[0], far)
    np.testing.assert_array_equal(left.neighbours[1], near)


def test_joined_views_are_their_parts_side_by_side() -> None:
    frame = _make_frame()
    frame["colour"] = np.array(["red", "green", "blue"])[np.arange(300) % 3]
    roles = {"x": "number", "colour": "category", "said": "text"}
    made = compact_columns(frame, roles)
    alone = [compact_columns(frame, {name: role}) for name, role in list(roles.items())[:2]]
    np.testing.assert_array_equal(made.linear[:, : made.wordless], np.hstack([part.linear for part in alone]))
    np.testing.assert_array_equal(made.trees[:, :2], np.hstack([part.trees for part in alone]))
    np.testing.assert_array_equal(made.trees[:, 2:], made.linear[:, made.wordless :][:, :10])
