"""Ten nights of the nightly example: each has the right record, exit code and table, and so has the night after."""

from __future__ import annotations

import os
import runpy
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from dcai.pipelines.pool import KernelPool
from dcai.pipelines.runs import carry_out, history
from dcai.pipelines.triggers import due
from tests.pipelines.conftest import DCAI, git, make_repository

EXAMPLE = Path(__file__).parents[2] / "notebooks" / "nightly"


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """The example in a repository of its own, set up as its README says; `dcai` on the path is this one."""
    root = make_repository(tmp_path / "repo").resolve()
    shutil.copytree(EXAMPLE, root, dirs_exist_ok=True)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "dcai").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dcai "$@"\n')
    (tools / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(DCAI))
    subprocess.run(["sh", "setup.sh"], cwd=root, check=True, capture_output=True, text=True)
    (root / ".gitignore").write_text("shop.sqlite\nmodel.json\nreference.csv\nlabels.csv\n")
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", "The nightly table")
    monkeypatch.chdir(root)
    return root


def night(root, pool, progress=None):
    """What night.sh does, with kernels that are there at once: the reasons for training, the last run, its exit code."""
    state = due("train")
    trained = carry_out("train", if_due=True, kernels=pool)
    assert trained.skipped == (not state)
    if trained.exit_code:
        return state, trained
    return state, carry_out("classify", kernels=pool, progress=progress)


def kill_in_third_cell():
    """Return a listener that kills the kernel while it works."""
    seen = {}

    def listen(event):
        seen.setdefault("pid", event.get("pid"))
        if event["event"] == "kernel_started":
            seen["pid"] = event["pid"]
        if event["event"] == "cell_started":
            seen["cells"] = seen.get("cells", 0) + 1
            if seen["cells"] == 3:
                os.kill(seen["pid"], signal.SIGKILL)

    return listen


def change(root, *statements):
    with closing(sqlite3.connect(root / "shop.sqlite")) as base:
        for statement in statements:
            base.execute(statement)
        base.commit()


def test_ten_nights(shop):
    add_day = runpy.run_path(str(shop / "shop.py"))["add_day"]
    database, table = shop / "shop.sqlite", shop / "labels.csv"
    done = subprocess.run(["sh", "night.sh"], cwd=shop, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(table)) == 300
    nights = {
        2: ("succeeded", 0, []), 3: ("succeeded", 0, []), 4: ("succeeded", 0, ["drift"]), 5: ("gate_failed", 3, []),
        6: ("succeeded", 0, []), 7: ("kernel_died", 5, []), 8: ("succeeded", 0, []), 9: ("gate_failed", 3, []),
        10: ("succeeded", 0, ["performance"]),
    }  # fmt: skip
    broken = "ALTER TABLE sales RENAME COLUMN amount TO total", "ALTER TABLE sales RENAME COLUMN total TO amount"
    with KernelPool(preload=["pandas", "sklearn.linear_model"]) as pool:
        for day, (status, code, reasons) in nights.items():
            add_day(database, day, prices=3.0 if day >= 4 else 1.0, reversed_rule=day >= 9)
            before = table.read_bytes()
            if day == 5:
                change(shop, *["DROP VIEW today", "DROP VIEW features", broken[0]])
            state, last = night(shop, pool, kill_in_third_cell() if day == 7 else None)
            if day == 5:
                change(shop, broken[1])
            said = (day, last, last.record.error, last.record.gates)
            assert (last.status, last.exit_code, [r.trigger for r in state.reasons]) == (status, code, reasons), said
            if code:
                assert table.read_bytes() == before
            else:
                labels = pd.read_csv(table)
                assert (len(labels), set(labels.run)) == (300 * day, {last.record.run})
                assert last.metrics["precision"] >= 0.75
    records = {r.run: r for r in history("classify")}
    assert [r.status for r in reversed(history("classify"))] == ["succeeded", *[n[0] for n in nights.values()]]
    failed = [r for r in reversed(records.values()) if r.exit_code]
    assert "shop.sqlite#sales is" in failed[0].error.message
    assert "the column 'amount' is missing" in failed[0].error.message
    assert failed[0].cells_done == 0
    assert (failed[1].error.cell, failed[1].cells_done) == (3, 2)
    assert failed[2].error.message.startswith("precision is 0.")
    assert [r.status for r in history("train")] == ["succeeded"] * 3
    assert not any(r.dirty for r in records.values())
