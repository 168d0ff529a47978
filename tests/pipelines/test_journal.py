"""Journals that somebody has damaged: read up to the damage, never a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.pipelines.archive.journal import EXIT_CODES, add_up, read_journal

NAMES = ["start", "cell_started", "cell_reused", "cell_ended", "metrics", "note", "error", "stopped", "kernel_ended"]
FIELDS = ["cells", "cell", "source", "metrics", "wall", "cpu", "peak_memory", "ok", "message", "status", "error", "at"]
values = (
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()) | st.sampled_from([*EXIT_CODES])
)
values = values | st.dictionaries(st.text(), values, max_size=2)
events = st.fixed_dictionaries(
    {"event": st.sampled_from([*NAMES, "end"]) | values},
    optional=dict.fromkeys([*FIELDS, "exit_code", "traceback"], values),
)


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


@given(st.lists(events, max_size=6))
@settings(max_examples=300, deadline=None)
def test_no_line_crashes_the_reader(tmp_path_factory: Any, lines: list[object]) -> None:
    path = write(tmp_path_factory.mktemp("journal") / "events.jsonl", *lines)
    assert add_up(read_journal(path)).status in EXIT_CODES


@pytest.mark.parametrize(
    "damage",
    [
        '{"event": "start"}',
        '{"event": "metrics", "metrics": 3}',
        '{"event": "error", "status": "won", "error": "E", "message": "m"}',
        "[" * 200_000,
        "9" * 5000,
        "torn",
        "{}",
    ],
)
def test_what_stands_before_the_damage_counts_and_nothing_after_it(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "events.jsonl", {"event": "start", "cells": 2}, {"event": "metrics", "metrics": {"a": 1}})
    with path.open("a") as stream:
        stream.write(f"{damage}\n" + json.dumps({"event": "end", "at": "later"}) + "\n")
    tally = add_up(read_journal(path))
    assert (tally.status, tally.cells_total, tally.metrics) == ("running", 2, {"a": 1})


def test_an_interruption_while_a_stopped_run_is_judged_is_one() -> None:
    stopped = {"event": "stopped", "message": "exit() was called"}
    interrupted = {"event": "error", "status": "interrupted", "error": "SIGTERM", "message": "m", "exit_code": 143}
    failed = {"event": "error", "status": "failed", "error": "MissingOutput", "message": "m"}
    end = {"event": "end", "at": "later"}

    def ends(*between: dict[str, Any]) -> tuple[str, int]:
        tally = add_up([stopped, *between, end])
        return tally.status, tally.exit_code

    assert ends() == ("stopped", 0)
    assert ends(interrupted) == ("interrupted", 143)
    assert ends(failed) == ends(failed, interrupted) == ("stopped", 1)


def test_every_note_of_a_run_is_kept() -> None:
    lines = [{"event": "note", "message": message} for message in ("One is told.", "So is another.")]
    assert add_up(lines).note == "One is told. So is another."
