"""Ten nights of the nightly example, as its README and its `night.sh` have them: record, exit code and table of each."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from dcai.pipelines.runs import history
from dcai.pipelines.triggers import due
from tests.pipelines.conftest import DCAI

EXAMPLE = Path(__file__).parents[2] / "notebooks" / "nightly"
# Of days 3 to 10: the exit code of night.sh, how the runs of classify and (where there is one) of train end, and what
# makes train due.
NIGHTS = {
    3: (0, "succeeded", None, []),
    4: (0, "succeeded", "succeeded", ["drift"]),  # prices have risen
    5: (3, "gate_failed", "gate_failed", []),  # a column has another name, and views that read it are broken
    6: (0, "succeeded", None, []),
    7: (5, "kernel_died", None, []),  # the kernel is killed in its third cell
    8: (0, "succeeded", None, []),
    9: (3, "gate_failed", None, []),  # who returns much is a good customer now: precision falls
    10: (0, "succeeded", "succeeded", ["performance"]),
}
BREAK = """
CREATE TABLE renamed AS SELECT sale, customer, amount AS total, returned FROM sales;
DROP TABLE sales;
CREATE TABLE sales (sale INTEGER PRIMARY KEY, customer INTEGER, total REAL, returned INTEGER);
INSERT INTO sales SELECT * FROM renamed;
"""
KILL = """
import os, signal
seen = []
def kill(_):
    seen.append(1)
    if len(seen) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
get_ipython().events.register("pre_run_cell", kill)
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A copy of the example; `dcai` and `python` on the path are these ones."""
    root = (tmp_path / "shop").resolve()
    shutil.copytree(EXAMPLE, root)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "dcai").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dcai "$@"\n')
    (tools / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(DCAI))
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada Reviewer")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")
    monkeypatch.chdir(root)
    return root


def call(*command, **environment):
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


def night(day, tmp_path):
    """Let the night of a day come, with what goes wrong in it; returns the exit code of night.sh and what it said."""
    database = Path("shop.sqlite")
    if day == 5:
        shutil.copy(database, tmp_path / "whole.sqlite")
        with closing(sqlite3.connect(database)) as base:
            base.executescript(BREAK)
    if day == 7:
        startup = tmp_path / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True)
        (startup / "kill.py").write_text(KILL)
    made = due("train")
    said = call("sh", "night.sh", **({"IPYTHONDIR": str(tmp_path / "ipython")} if day == 7 else {}))
    if day == 5:
        shutil.copy(tmp_path / "whole.sqlite", database)
    return made, *said


def test_ten_nights(shop, tmp_path):
    steps = re.search(r"```sh\n(.*?)```", (shop / "README.md").read_text(), re.DOTALL)[1]
    code, said = call("sh", "-ec", steps)  # the first two nights, word for word
    assert code == 0, said
    table = shop / "labels.csv"
    assert len(pd.read_csv(table)) == 600
    assert [len(history(name)) for name in ("train", "classify")] == [1, 2]
    add_day = runpy.run_path("shop.py")["add_day"]
    for day, (code, classified, trained, reasons) in NIGHTS.items():
        add_day(shop / "shop.sqlite", day, prices=3.0 if day >= 4 else 1.0, reversed_rule=day >= 9)
        before, runs = table.read_bytes(), len(history("train"))
        state, ended, said = night(day, tmp_path)
        last = history("classify")[0]
        assert ([r.trigger for r in state.reasons], ended, last.status) == (reasons, code, classified), (day, said)
        assert [r.status for r in history("train")[: len(history("train")) - runs]] == [trained] * (trained is not None)
        if code:
            assert table.read_bytes() == before
        else:
            labels = pd.read_csv(table)
            assert (len(labels), set(labels.run)) == (300 * day, {last.run})
            assert last.metrics["precision"] >= 0.75
        if day == 5:
            assert "drift: shop.sqlite#today could not be compared" in state.unknown[0]
    records = list(reversed(history("classify")))
    assert [r.status for r in records] == ["succeeded"] * 2 + [one[1] for one in NIGHTS.values()]
    broken, killed, fell = (r for r in records if r.exit_code)
    assert "shop.sqlite#sales is" in broken.error.message
    assert "the column 'amount' is missing" in broken.error.message
    assert broken.cells_done == 0
    assert (killed.error.cell, killed.cells_done) == (3, 2)
    assert fell.error.message.startswith("precision is 0.")
    assert not any(r.dirty for r in [*records, *history("train")[:-1]])  # the first was before the commit
