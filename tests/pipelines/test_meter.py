"""Memory as it is: what workers share counts once, and each cell has its own peak."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

from dcai.pipelines.processes.meter import memory_of
from dcai.pipelines.runs import run
from tests.pipelines.conftest import write

MB = 2**20
FORKS = """
import os, sys, time
block = bytearray(200 * 2**20)
block[::4096] = b'x' * len(block[::4096])
for _ in range(4):
    if not os.fork():
        time.sleep(977)
print('ready', flush=True)
sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system tells of shared memory on Linux alone")


def test_memory_that_forked_workers_share_counts_once():
    words = [sys.executable, "-c", FORKS]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as parent:
        assert parent.stdout.readline() == b"ready\n"
        first = psutil.Process(parent.pid)
        family = [first, *first.children(recursive=True)]
        seen = memory_of(family)
        alone = first.memory_info().rss
        for one in family:
            one.kill()
    assert len(family) == 5
    assert 200 * MB < alone <= seen < alone + 40 * MB


def test_memory_that_workers_have_for_themselves_is_added_up():
    source = (
        "block = bytearray(60 * 2**20)\nblock[::4096] = b'x' * len(block[::4096])\nprint('ready', flush=True)\ninput()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    children = [subprocess.Popen([sys.executable, "-c", source], **pipes) for _ in range(3)]
    assert all(child.stdout.readline() == b"ready\n" for child in children)
    seen = memory_of([psutil.Process(child.pid) for child in children])
    gone = psutil.Process(children[0].pid)
    for child in children:
        child.communicate(b"\n")
    assert seen > 180 * MB
    assert memory_of([gone]) == 0


def test_a_cell_below_an_earlier_peak_has_its_own(repo):
    grow = "block = bytearray({} * 2**20); block[::4096] = b'x' * len(block[::4096]); del block"
    write(repo / "case.ipynb", "x = 1", grow.format(300), grow.format(150), "y = 1")
    used = run("case.ipynb").record.resources
    small, large, middle, last = (cell.peak_memory for cell in used.cells)
    assert large > small + 280 * MB
    assert small + 130 * MB < middle < large - 100 * MB
    assert last < small + 100 * MB
    assert used.peak_memory == large


def test_a_meter_that_may_not_begin_anew_still_knows_the_largest(monkeypatch):
    from dcai.pipelines.processes.meter import Meter

    meter = Meter(psutil.Process().pid)
    monkeypatch.setattr(Meter, "_lower_water", lambda _: None)
    meter.begin_cell()
    time.sleep(0)
    spent = meter.end_cell()
    assert spent["peak_memory"] is not None
    assert meter.totals()["peak_memory"] >= spent["peak_memory"]
