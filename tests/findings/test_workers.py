"""Workers of a cluster: they find what one machine finds, to the last bit, also when one of them is killed."""

from __future__ import annotations

import importlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dcai
from dcai.base.errors import InputError, RunError
from dcai.findings import workers
from dcai.findings.cache import CACHE
from dcai.findings.streaming.sources import open_source
from dcai.findings.streaming.stretches import split_source
from dcai.findings.streaming.survey import Survey, Tally, survey_source
from dcai.findings.workers import spread, use_client

ROWS = 1_600


@contextmanager
def _start_workers() -> Iterator[Any]:
    """Start two worker processes of one thread."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        distributed.Client(cluster) as made,
    ):
        made.wait_for_workers(2, timeout=300)
        yield made


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Workers that the tests share: none of them ends one."""
    with _start_workers() as made:
        yield made


@pytest.fixture
def fresh_client() -> Iterator[Any]:
    """Workers that a test may end. A cluster gives up one that is not back after 15 seconds: nobody may wait for it."""
    with _start_workers() as made:
        yield made


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    random = np.random.default_rng(5)
    truth = random.integers(0, 3, ROWS)
    made = pd.DataFrame({f"x{j}": truth * (j == 0) + random.normal(0, 0.6, ROWS) for j in range(4)})
    made["colour"] = random.choice(["red", "green", "blue"], ROWS)
    made.loc[[3, 70, 900], "x2"] = [np.nan, np.inf, -999.0]
    made["y"] = np.array(["a", "b", "c"])[np.where(random.random(ROWS) < 0.06, (truth + 1) % 3, truth)]
    made.loc[[5, 1500], "y"] = [None, "a "]
    return pd.concat([made, made.iloc[100:130], made.iloc[200:210].assign(y="b")], ignore_index=True)


def _assert_same(one: dcai.Audit, other: dcai.Audit) -> None:
    assert len(one) > 0
    pd.testing.assert_frame_equal(one.findings, other.findings, check_exact=True)
    pd.testing.assert_frame_equal(one.scores, other.scores, check_exact=True)
    pd.testing.assert_frame_equal(one.checks.drop(columns="seconds"), other.checks.drop(columns="seconds"))
    assert one.expected_errors == other.expected_errors
    assert one.hash == other.hash


def _audit(frame: Any, **more: Any) -> dcai.Audit:
    CACHE.clear()
    return dcai.audit(frame, label="y", **{"progress": False} | more)


def test_workers_find_in_memory_what_one_machine_finds(client: Any, frame: pd.DataFrame) -> None:
    small, asked = frame.iloc[:300], {"detectors": ["labels", "conflicts"], "folds": 3}
    _assert_same(_audit(small, **asked, client=client), _audit(small, **asked))


def test_workers_find_in_many_rows_what_one_machine_finds_though_one_is_killed(
    fresh_client: Any, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcai.findings.evidence.FULL_ROWS", 500)
    monkeypatch.setattr("dcai.findings.labels.frugal.CHOOSING_ROWS", 500)
    killed: list[int] = []

    def kill_one(stage: str, done: int, total: int) -> None:
        if stage == "trees" and done == 1 and not killed:
            killed.append(next(iter(fresh_client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    found = _audit(frame, detectors=["labels"], client=fresh_client, progress=kill_one)
    assert killed
    _assert_same(found, _audit(frame, detectors=["labels"]))
    assert killed[0] not in fresh_client.run(os.getpid, on_error="return").values()


def test_workers_find_in_files_what_one_machine_finds(client: Any, frame: pd.DataFrame, tmp_path: Path) -> None:
    for part in range(3):
        frame.iloc[part * 600 : (part + 1) * 600].to_parquet(tmp_path / f"{part}.parquet", row_group_size=150)
    asked = {"memory": 1, "detectors": ["labels", "conflicts", "duplicates", "missing", "ranges", "class_imbalance"]}
    _assert_same(_audit(tmp_path, **asked, client=client), _audit(tmp_path, **asked))


# No more than there are workers: not every one that is killed is started anew.
DEADLY = ("streaming.survey._survey_stretch", "labels.models._predict_fold")


def test_an_audit_of_files_finds_the_same_though_a_worker_is_killed_over_a_file_and_another_over_a_fold(
    fresh_client: Any, frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for part in range(3):
        frame.iloc[part * 600 : (part + 1) * 600].to_parquet(data / f"{part}.parquet", row_group_size=150)
    asked = {"memory": 1, "detectors": ["labels", "duplicates", "missing"]}
    here = _audit(data, **asked)
    monkeypatch.setattr(workers, "PATIENCE", 1.0)
    for name in DEADLY:
        place = f"dcai.findings.{name}"
        monkeypatch.setattr(place, _make_deadly(place, tmp_path / name))
    there = _audit(data, **asked, client=fresh_client)
    victims = {int((tmp_path / name).read_text()) for name in DEADLY}
    assert len(victims) == len(DEADLY)
    assert os.getpid() not in victims
    _assert_same(there, here)


def test_where_no_worker_is_left_the_rest_is_done_here(fresh_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = os.getpid()

    def work(base: int, power: int) -> tuple[int, int]:
        # Long enough that no worker does all before it is gone.
        time.sleep(0.5 if power and os.getpid() != caller else 0.0)
        return base**power, os.getpid()

    monkeypatch.setattr(workers, "PATIENCE", 0.5)
    with use_client(fresh_client):
        said = spread(work, 2, range(60))
        first, there = next(said)
        fresh_client.cluster.scale(0)
        rest = list(said)
    assert [first, *(power for power, _ in rest)] == [2**power for power in range(60)]
    assert there != os.getpid()
    assert rest[-1][1] == os.getpid()


def _make_deadly(place: str, mark: Path) -> Any:
    """Make a task that kills the first worker which is in the middle of it, and is itself everywhere else."""
    module, _, name = place.rpartition(".")
    real, caller = getattr(importlib.import_module(module), name), os.getpid()

    def work(shared: Any, task: Any) -> Any:
        found = real(shared, task)
        if os.getpid() != caller and not mark.exists():
            mark.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return work


@pytest.mark.parametrize("classes", [40, 2000])
def test_what_is_counted_of_files_is_joined_as_if_they_were_read_in_one_go(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classes: int
) -> None:
    # Here alone: workers count more of their own, and what they join has the bounds of one machine.
    monkeypatch.setattr("dcai.findings.streaming.survey.MOST_CLASSES", 60)
    monkeypatch.setattr("dcai.findings.streaming.survey.MOST_PLACES", 50)
    path = tmp_path / "rows.parquet"
    random = np.random.default_rng(1)
    made = pd.DataFrame({"x": random.normal(size=1000), "n": random.choice([1.0, -999.0, 7.5, np.nan], 1000)})
    made.loc[[4, 800], "x"] = [np.nan, -np.inf]
    made["id"] = [f"id {i}" for i in range(1000)]
    made["y"] = [f"label {i * 7 % classes}" for i in range(1000)]
    made.to_parquet(path, row_group_size=90)
    here, there = (_survey(path, with_client) for with_client in (None, client))
    for name in ("features", "keys", "content"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))
    assert (here.labels is None) == (there.labels is None) == (classes > 60)
    assert here.names == there.names
    if here.labels is not None:
        np.testing.assert_array_equal(here.labels, there.labels)
    assert list(here.tallies) == list(there.tallies) == ["x", "n"]
    assert [_list_tally(t) for t in here.tallies.values()] == [_list_tally(t) for t in there.tallies.values()]
    assert len(_list_tally(here.tallies["n"])["sentinels"][0]) == 50


def _survey(path: Path, client: Any) -> Survey:
    with use_client(client):
        return survey_source(open_source(path), ["x", "n"], "y", ("id",), (), lambda _: None)


def _list_tally(tally: Tally) -> dict[str, Any]:
    """Join the arrays of a tally: into how many they are cut says nothing."""

    def join(parts: Any) -> list[int] | None:
        return None if parts is None else [int(row) for part in parts for row in part]

    return vars(tally) | {
        "empty_rows": join(tally.empty_rows),
        "infinite": join(tally.infinite),
        "sentinels": [join(tally.sentinels[value]) for value in sorted(tally.sentinels)],
    }


def test_tasks_of_a_killed_worker_are_done_again_and_results_keep_their_order(fresh_client: Any) -> None:
    def work(base: int, power: int) -> tuple[int, int]:
        time.sleep(0.05)
        return base**power, os.getpid()

    with use_client(fresh_client):
        said = spread(work, 2, range(40))
        first, victim = next(said)
        os.kill(victim, signal.SIGKILL)
        rest = list(said)
    assert [first, *(power for power, _ in rest)] == [2**power for power in range(40)]
    assert os.getpid() not in {pid for _, pid in rest}


def test_what_no_worker_can_do_any_more_is_done_here(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed.client import FutureCancelledError

    lost: list[object] = []

    def lose(*_: object, **__: object) -> None:
        lost.append(1)
        raise FutureCancelledError("a task", "its worker is gone")

    monkeypatch.setattr(client, "scatter", lose)
    with use_client(client):
        assert list(spread(lambda base, power: (base**power, os.getpid()), 3, [1, 2])) == [
            (3, os.getpid()),
            (9, os.getpid()),
        ]
    assert len(lost) == workers.ROUNDS


def test_a_task_that_ends_its_workers_is_said_with_what_to_do(
    fresh_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh_client.cluster.scheduler, "allowed_failures", 0)
    with (
        use_client(fresh_client),
        pytest.raises(RunError, match=r"ended again and again .* give each worker more of it, or audit fewer rows"),
    ):
        list(spread(lambda _, task: os._exit(task), None, [1, 1]))


def test_who_stops_early_leaves_workers_nothing_to_begin(client: Any, tmp_path: Path) -> None:
    def work(folder: Path, number: int) -> int:
        (folder / str(number)).touch()
        time.sleep(0.2)
        return number

    def stop_after_the_first() -> None:
        with use_client(client):
            said = spread(work, tmp_path, range(100))
            for number in said:
                assert number == 0
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        stop_after_the_first()
    assert caught.tb is not None  # it keeps the tasks, as a notebook keeps the last error
    while any(client.processing().values()):
        time.sleep(0.05)
    begun = len(list(tmp_path.iterdir()))
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) == begun < 50


def test_an_error_of_a_task_is_its_own(client: Any) -> None:
    with use_client(client), pytest.raises(ZeroDivisionError):
        list(spread(lambda base, task: base / task, 1, [0, 0]))


@pytest.mark.parametrize("wrong", ["tcp://127.0.0.1:8786", 3, object])
def test_what_is_no_client_is_refused(wrong: object) -> None:
    with pytest.raises(
        InputError, match=r"The 'client' parameter of audit must be a running dask.distributed Client, or None"
    ):
        _audit(pd.DataFrame({"x": range(10), "y": ["a", "b"] * 5}), client=wrong)


def test_a_client_that_is_closed_is_refused(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "status", "closed")
    with (
        pytest.raises(
            InputError, match=r"is closed and has \d workers\. Give one that runs and has at least one worker"
        ),
        use_client(client),
    ):
        pass


def test_workers_with_other_versions_are_refused(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = workers.read_versions()
    answers = {"tcp://there:1": own | {"numpy": "0.1"}}
    monkeypatch.setattr(client, "run", lambda *_, **__: answers)
    with (
        pytest.raises(InputError, match=r"tcp://there:1 has numpy 0\.1 instead of .*Install the same versions there"),
        use_client(client),
    ):
        pass
    answers["tcp://there:1"] = ModuleNotFoundError("No module named 'dcai'")  # type: ignore[assignment]
    with (
        pytest.raises(InputError, match=r"cannot import what an audit needs .*No module named 'dcai'.* Install dcai"),
        use_client(client),
    ):
        pass


def test_stretches_hold_every_row_group_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"x": range(1000)}).to_parquet(path, row_group_size=30)
    source = open_source(path)
    for many in (1, 2, 7, 50):
        stretches = split_source(source, many)
        assert [g for s in stretches for g in s.groups] == list(range(len(source.groups)))
        assert [s.start for s in stretches] + [1000] == [0, *(s.end for s in stretches)]
        assert len(stretches) <= 4 * many
        assert all(source.groups[s.groups[0]][2] == s.start for s in stretches)
