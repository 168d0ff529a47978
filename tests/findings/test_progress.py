"""Progress: what is done, and how long the rest takes: hidden until it is known, never negative, and nearly right."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dcai
from dcai.base.table import make_table
from dcai.findings.costs import IN_MEMORY, STREAMED, Cost, estimate_stages
from dcai.findings.detectors import load_detectors
from dcai.findings.outlook import FIRST_SECONDS, OVERRUN, Outlook, write_left
from dcai.findings.progress import Bar, expect, tell_nobody


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def _follow(costs: dict[str, float], seconds: dict[str, float], step: float = 0.5) -> list[tuple[float, float, float]]:
    """Play stages that take so many seconds; return the time, the share and the seconds left that are told, where they are."""
    clock = Clock()
    outlook = Outlook(clock)
    outlook.expect(costs)
    begin, told = clock.now, []
    for stage, long in seconds.items():
        outlook.tell(stage, 0, 1)
        end = clock.now + long
        while clock.now < end:
            share, left = outlook.look()
            if left is not None:
                told.append((clock.now - begin, share, left))
            clock.now = min(clock.now + step, end)
    return told


def test_where_costs_are_right_the_time_left_is_right_on_a_machine_of_any_speed() -> None:
    costs = {"a": 1.0, "b": 2.0, "c": 4.0, "d": 3.0}
    for speed in (1.0, 8.0):
        seconds = {name: speed * cost for name, cost in costs.items()}
        total = sum(seconds.values())
        told = _follow(costs, seconds)
        late = [(at, left) for at, _, left in told if at > 0.3 * total]
        assert len(late) > 10
        # In a stage that goes as expected the end is known; only its last part may take a bit longer.
        assert all(abs(at + left - total) < 0.2 * total for at, left in late)


@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e3)), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 6), st.integers(-2, 12), st.integers(0, 10)), max_size=12),
)
def test_the_share_never_falls_and_the_time_left_is_never_negative_whatever_is_told(
    stages: list[tuple[float, float]], more: list[tuple[int, int, int]]
) -> None:
    clock = Clock()
    outlook = Outlook(clock)
    outlook.expect({str(number): cost for number, (cost, _) in enumerate(stages)})
    before = 0.0
    said = [(number, 0, 1, long) for number, (_, long) in enumerate(stages)] + [(*m, 1.0) for m in more]
    for stage, done, total, long in said:
        outlook.tell(str(stage), done, total)
        clock.now += long
        share, left = outlook.look()
        assert before <= share <= 1
        assert left is None or (0 <= left < float("inf") and write_left(left))
        before = share


def test_nothing_is_said_before_it_is_known() -> None:
    clock = Clock()
    outlook = Outlook(clock)
    outlook.expect({"a": 1.0, "b": 1000.0})
    outlook.tell("a", 0, 1)
    clock.now += FIRST_SECONDS * 0.9
    assert outlook.look()[1] is None
    clock.now += 1.0
    assert outlook.look()[1] is None  # one part of a thousand is done
    clock.now += 60.0
    outlook.tell("b", 0, 2)
    assert outlook.look()[1] is None
    clock.now += 30.0
    outlook.tell("b", 1, 2)
    assert outlook.look()[1] == pytest.approx(30.0)


def test_steps_of_a_stage_tell_how_far_it_is() -> None:
    clock = Clock()
    outlook = Outlook(clock)
    outlook.expect({"reading": 1.0, "rest": 1.0})
    outlook.tell("reading", 0, 10)
    clock.now += 25.0
    outlook.tell("reading", 5, 10)
    share, left = outlook.look()
    assert share == pytest.approx(0.25)
    # 25 seconds more for the second half, and about as much for the rest as for all of reading.
    assert left == pytest.approx(25 + 50, rel=0.15)


def test_a_stage_that_overruns_may_take_a_part_of_its_time_still_and_then_the_rest_is_told_by_it() -> None:
    clock = Clock()
    outlook = Outlook(clock)
    outlook.expect({"a": 1.0, "b": 1.0, "c": 0.0})
    outlook.tell("a", 0, 1)
    clock.now += 1.0
    outlook.tell("b", 0, 1)
    clock.now += 40.0
    assert outlook.look()[1] == pytest.approx(OVERRUN * 40)
    outlook.tell("c", 0, 1)
    assert outlook.look() == (1.0, 0.0)


def test_a_stage_that_is_passed_over_says_nothing_about_the_speed() -> None:
    clock = Clock()
    outlook = Outlook(clock)
    outlook.expect({"a": 10.0, "skipped": 1000.0, "b": 10.0})
    outlook.tell("a", 0, 1)
    clock.now += 10.0
    outlook.tell("b", 0, 1)
    assert outlook.look()[1] == pytest.approx(10.0, rel=0.1)


def test_without_stages_the_steps_are_those_of_all_the_work() -> None:
    clock = Clock()
    outlook = Outlook(clock)
    clock.now += 10.0
    outlook.tell("fitting a", 1, 4)
    assert outlook.look() == (0.25, 30.0)
    outlook.tell("fitting b", 4, 4)
    assert outlook.look() == (1.0, 0.0)


def test_every_stage_of_an_audit_is_expected_in_its_order() -> None:
    frame = pd.DataFrame({"x": np.arange(60.0), "said": ["red bolt", "blue nut"] * 30, "y": ["a", "b", "c"] * 20})
    told: list[str] = []
    dcai.audit(frame, label="y", progress=lambda stage, *_: told.append(stage))
    stages = estimate_stages(make_table(frame, "y"), load_detectors(None))
    assert [s for s in dict.fromkeys(told) if s in stages] == list(stages)
    assert all(cost > 0 for name, cost in stages.items() if name != "sorting")
    assert set(IN_MEMORY) | {"labels"} > set(STREAMED) - {"reading", "sampling", "judging"}


def test_the_stages_of_an_audit_of_files_are_expected_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=400), "c": random.choice(["u", "v"], 400)})
    frame.assign(y=np.where(frame["x"] > 0, "a", "b")).to_parquet(tmp_path / "rows.parquet")
    said: list[dict[str, float]] = []
    monkeypatch.setattr("dcai.findings.streaming.audits.expect", lambda _, costs: said.append(costs))
    told: list[str] = []
    dcai.audit(tmp_path / "rows.parquet", label="y", memory=1, progress=lambda stage, *_: told.append(stage))
    assert len(said) == 1
    assert [s for s in dict.fromkeys(told) if s in said[0]] == list(said[0])


def test_costs_are_those_of_the_cells_by_kind() -> None:
    cost = Cost(1.0, 1.0, 2.0, 3.0)
    assert cost.sum_up(1_000_000, ["number", "date", "category", "boolean", "text"]) == 1 + 1 + 1 + 2 + 2 + 3


def test_a_bar_shows_the_stage_the_share_and_the_time_left_as_soon_as_it_is_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    with Bar(clock) as bar:
        expect(bar, {"reading": 1.0, "judging": 3.0})
        bar("reading", 0, 1)
        early = capsys.readouterr().err
        clock.now += 20.0
        bar("judging", 0, 1)
        late = capsys.readouterr().err
    assert "reading" in early
    assert "left" not in early
    assert re.search(r"judging:\s+25%\|.*about 1 min left|judging:\s+25%\|.*about \d\d s left", late)


def test_a_bar_is_drawn_anew_while_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dcai.findings.progress._EACH", 0.01)
    clock = Clock()
    with Bar(clock) as bar:
        expect(bar, {"reading": 1.0, "judging": 3.0})
        bar("reading", 0, 1)
        capsys.readouterr()
        clock.now += 600.0
        said = ""
        while "min left" not in said:
            time.sleep(0.01)
            said += capsys.readouterr().err


def test_nobody_is_told_what_to_expect() -> None:
    expect(tell_nobody, {"a": 1.0})


AUDIT = """
import numpy as np, pandas as pd
random = np.random.default_rng(0)
pd.DataFrame({f"x{j}": random.normal(size=400) for j in range(3)}).assign(y=["a", "b"] * 200).to_csv("rows.csv", index=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_the_command_line_draws_the_bar_on_a_terminal_only(tmp_path: Path) -> None:
    import pty
    import termios

    subprocess.run([sys.executable, "-c", AUDIT], cwd=tmp_path, check=True)
    words = [sys.executable, "-m", "dcai", "audit", "rows.csv", "--label", "y"]
    main, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))  # on a terminal without a size nothing is drawn
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=terminal) as running:
        os.close(terminal)
        drawn = b""
        while True:
            try:
                part = os.read(main, 65_536)
            except OSError:  # the other end is closed,
                break
            if not part:  # as some systems say it
                break
            drawn += part
        assert running.stdout is not None
        assert b"rows" in running.stdout.read()
    os.close(main)
    assert running.returncode == 0
    assert b"labels" in drawn
    assert b"%|" in drawn
    plain = subprocess.run(words, cwd=tmp_path, capture_output=True, check=True)
    assert b"%|" not in plain.stderr
