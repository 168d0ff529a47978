"""`dcai demo` tells the whole story, and what it tells is true; `dcai lab` is the server itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pandas as pd
import pytest

from dcai.corrections.log import CorrectionLog


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the demo once."""
    folder = tmp_path_factory.mktemp("demo") / "story"
    done = subprocess.run(
        [sys.executable, "-m", "dcai", "demo", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_what_was_found_and_fixed_is_in_the_files(told: tuple[Path, str]) -> None:
    folder, text = told
    flagged, hits, planted = map(
        int, re.findall(r"(\d+) labels look wrong; (\d+) of them are among the (\d+) planted", text)[0]
    )
    assert planted == 150
    assert hits >= 140
    assert flagged <= 220
    train, truth = pd.read_csv(folder / "data/digits_train.csv"), pd.read_csv(folder / "data/digits_truth.csv")
    assert (train["digit"] != truth["digit"]).sum() == 150
    clean = CorrectionLog.read(folder / "corrections/digit.jsonl").apply(train)
    assert (clean["digit"] != truth["digit"]).sum() == 150 - hits
    cars = CorrectionLog.read(folder / "corrections/cars.jsonl").apply(pd.read_csv(folder / "data/cars.csv"))
    assert not set(cars["Maker"]) & {"chevroelt", "toyouta", "maxda", "vokswagen"}
    assert "not found: chevy, mercedes, vw" in text


def test_what_was_proved_and_promoted_is_in_the_files(told: tuple[Path, str]) -> None:
    folder, text = told
    assert re.search(
        r"data-centric +accuracy 0\.\d+ \(0\.\d+ to \d\.\d+\) +gain \+0\.\d+ \(\+0\.\d+ to \+0\.\d+\)", text
    )
    assert (folder / "comparison.svg").read_text().startswith("<svg")
    log = subprocess.run(
        ["git", "-C", str(folder), "log", "--oneline"], capture_output=True, text=True, check=True
    ).stdout
    assert len(log.splitlines()) == 3
    records = [json.loads(p.read_text()) for p in sorted(folder.glob("runs/train/*/run.json"))]
    assert [r["status"] for r in records] == ["succeeded", "succeeded"]
    assert records[0]["metrics"]["accuracy"] < records[1]["metrics"]["accuracy"]
    assert [i["path"] for i in records[1]["inputs"]] == ["data/digits_train.csv", "data/digits_test.csv"]
    assert str(folder) in text


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    done = subprocess.run(
        [sys.executable, "-m", "dcai", "demo", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "is not empty. Name a new one" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot replace a process")
def test_a_signal_to_dcai_lab_ends_the_server(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
    }
    (tmp_path / "served").mkdir()
    words = [sys.executable, "-m", "dcai", "lab", str(tmp_path / "served"), "--no-browser"]
    said = tmp_path / "said.txt"
    with said.open("w") as log, subprocess.Popen(words, env=environment, stdout=log, stderr=log) as lab:
        try:
            url = wait_for_url(lab, said)
            with urllib.request.urlopen(url, timeout=20) as answer:
                assert answer.status == 200
            lab.send_signal(signal.SIGTERM)
            lab.wait(timeout=30)
        finally:
            lab.kill()  # one that has ended stays as it is
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)


def wait_for_url(lab: subprocess.Popen[bytes], said: Path) -> str:
    """Wait until the server has said where it listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and lab.poll() is None:
        found = re.search(r"http://127\S+token=\w+", said.read_text())
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(said.read_text())


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dcai", "lab", str(tmp_path / "no")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "There is no folder" in done.stderr
