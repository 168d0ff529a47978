"""Ctrl-C: an audit in a real process stops within a second or so, wherever it is, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

PROGRAM = """
import sys, time
import numpy as np, pandas as pd
import dcai
from dcai.findings.cache import CACHE
random = np.random.default_rng(0)
n = 3_000
truth = random.integers(0, 3, n)
frame = pd.DataFrame({f"x{i}": truth + random.normal(size=n) for i in range(4)})
frame["text"] = [" ".join(words) for words in random.choice(["red", "blue", "bolt", "nut", "M8"], (n, 5))]
frame["y"] = np.array(["a", "b", "c"])[truth]
asked = sys.argv[1]

def tell(stage, done, total):
    if stage == asked:
        print("there", flush=True)

try:
    while True:
        CACHE.clear()
        dcai.audit(frame, label="y", detectors=["labels" if asked == "features" else asked], progress=tell)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send to one process")
@pytest.mark.parametrize(("stage", "wait"), [("features", 0.1), ("labels", 0.6), ("conflicts", 0.0), ("patterns", 0.2)])
def test_an_interrupt_stops_an_audit_and_leaves_nothing(tmp_path: Path, stage: str, wait: float) -> None:
    words = [sys.executable, "-c", PROGRAM, stage]
    quiet = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(words, cwd=tmp_path, env=quiet, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "there\n"
        time.sleep(wait)
        process = psutil.Process(running.pid)
        children = process.children(recursive=True)
        used = process.cpu_times().user
        running.send_signal(signal.SIGINT)
        told = ""
        while "stopped" not in told:
            told = running.stdout.readline()
            assert told, "it ended without a word"
        spent = process.cpu_times().user - used
        assert running.wait(60) == 0
    # The process's own clock, not the wall's: another program on the machine does not make it late.
    assert spent < 1.0
    assert not list(tmp_path.iterdir())
    assert not [child for child in children if child.is_running()]
