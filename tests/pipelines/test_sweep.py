"""Sweeps: many runs, each in a process and a folder of its own, none lost and none repeated."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import signal
import subprocess
import time
import warnings
from pathlib import Path

import psutil
import pytest

import dcai
from dcai.base.errors import InputError, MissingError, RunError
from dcai.pipelines.archive import ledger
from dcai.pipelines.definitions.patterns import fill_paths
from dcai.pipelines.processes.signals import watch_signals
from dcai.pipelines.variations import single
from dcai.pipelines.variations.single import Order, _Guard, settle_run
from dcai.pipelines.variations.sweeps import Sweep

from .conftest import call_main, kernels_of, started, write

# Each execution leaves a line, so that one that is repeated shows; the folder proves the working directory.
_LEAVE = "import os, time, dcai; open('done.txt', 'a').write(f'{rate} {os.getcwd()}\\n'); time.sleep(seconds)"
_MEASURE = "dcai.record(score=round(rate * 10 + len(kind), 6)); open(dcai.artifact('m.txt'), 'w').write(str(rate))"
GRID = {"rate": [0.1, 0.3], "kind": ["a", "bb"]}
SCORES = [2.0, 3.0, 4.0, 5.0]


@pytest.fixture
def measure(repo):
    """A pipeline that records a score made of its parameters."""
    write(repo / "measure.ipynb", "rate = 0.5\nkind = 'a'\nseconds = 0.0", _LEAVE, _MEASURE)
    dcai.promote("measure.ipynb", check=False)
    return repo


def wait_for(condition):
    """Wait until something holds; the limit only keeps a test that fails from hanging."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 180, "it never came true"
        time.sleep(0.02)


def executions(repo):
    """The rates for which the notebook was executed, and where."""
    lines = (repo / "done.txt").read_text().splitlines() if (repo / "done.txt").exists() else []
    return sorted(line.split()[0] for line in lines), {line.split()[1] for line in lines}


def test_a_sweep_gives_what_its_runs_give_one_by_one(measure):
    before = Path.cwd()
    made = dcai.sweep("measure", GRID, jobs=2)
    assert Path.cwd() == before
    assert [r.metrics["score"] for r in made.records] == SCORES
    assert list(made.table["metrics.score"]) == SCORES
    assert list(made.table["parameters.kind"]) == ["a", "bb"] * 2
    rates, folders = executions(measure)
    assert (rates, folders) == (["0.1", "0.1", "0.3", "0.3"], {str(measure)})
    assert len({r.pid for r in made.records} | {os.getpid()}) == 5  # a process each
    made_by = [(measure / "runs" / "measure" / r.run / "artifacts" / "m.txt").read_text() for r in made.records]
    assert made_by == ["0.1", "0.1", "0.3", "0.3"]
    assert {(r.purpose, r.origin, r.status) for r in made.records} == {("sweep", made.sweep, "succeeded")}
    alone = dcai.run("measure", {"rate": 0.3, "kind": "bb"})
    assert alone.metrics == made.records[-1].metrics
    assert made.best("score").parameters["kind"] == "bb"
    assert made.best("score", lowest=True).parameters["rate"] == 0.1
    with pytest.raises(InputError, match="There is no metric of a run that succeeded 'scor'. Did you mean 'score'?"):
        made.best("scor")
    # Gone on with, nothing is run again; with other sets it is refused.
    again = dcai.sweep("measure", GRID, sweep_id=made.sweep)
    assert again.records == made.records
    assert len(executions(measure)[0]) == 5
    with pytest.raises(InputError, match="had rate=0.1, and now it is to be 0.4. Give the same sets"):
        dcai.sweep("measure", {**GRID, "rate": [0.4, 0.3]}, sweep_id=made.sweep)
    svg = made.chart("score").to_svg()
    assert svg.count('aria-roledescription="point"') == 4
    assert "4 succeeded" in made._repr_html_()
    assert repr(made) == "<Sweep of 'measure': 4 of 4 runs done>"


def test_the_command_reads_values_by_their_types_and_files_of_sets(measure, capsys):
    code, said, told = call_main(capsys, "sweep", "measure", "-p", "rate=0.1", "-p", 'kind="a,b",c', "--json")
    rows = json.loads(said)["runs"]
    assert (code, [r["parameters"] for r in rows]) == (0, [{"rate": 0.1, "kind": "a,b"}, {"rate": 0.1, "kind": "c"}])
    assert [r["metrics"]["score"] for r in rows] == [4.0, 2.0]
    assert "[2/2] succeeded  rate=0.1, kind=c" in told
    (measure / "sets.csv").write_text("rate,kind\n0.7,\n")
    (measure / "sets.jsonl").write_text('{"rate": -1.5, "kind": "x<y"}\n\n{"rate": "high"}\n')
    code, said, _ = call_main(capsys, "sweep", "measure", "-f", "sets.csv", "--quiet", "--chart", "c.svg")
    assert (code, "rate=0.7  score=8.0" in said, (measure / "c.svg").exists()) == (0, True, True)
    code, _, told = call_main(capsys, "sweep", "measure", "-f", "sets.jsonl")
    assert (code, "Set 2: " in told, "'rate'" in told) == (2, True, True)


def test_runs_that_would_write_over_each_other_are_refused_with_the_fix(repo):
    write(repo / "fit.ipynb", "rate = 0.5", "open(f'model-{rate}.txt', 'w').write('m')")
    dcai.promote("fit.ipynb", outputs=["model-{rate}.txt"])
    made = dcai.sweep("fit", {"rate": [0.25, 0.75]})
    assert [r.outputs[0].path for r in made.records] == ["model-0.25.txt", "model-0.75.txt"]
    assert {r.status for r in made.records} == {"succeeded"}
    manifest = repo / "pipelines" / "fit" / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("model-{rate}.txt", "model.txt"))
    began = sorted((repo / "runs" / "fit").iterdir())
    with pytest.raises(
        InputError, match=r"The sets 1 and 2 would both write 'model.txt'.*dcai.artifact\('model.txt'\)"
    ):
        dcai.sweep("fit", {"rate": [0.1, 0.2]})
    fix = r"""such as 'model-{rate}.txt': in the notebook, f'model-{rate}.txt' instead of 'model.txt', and in pipelines/fit/pipeline.yaml, model-{rate}.txt below 'outputs:'."""
    with pytest.raises(InputError, match=fix):
        dcai.sweep("fit", {"rate": [0.1, 0.2]})
    assert sorted((repo / "runs" / "fit").iterdir()) == began
    with pytest.raises(InputError, match="The value of 'rate' stands in the path of an output"):
        fill_paths(["{rate}.txt"], {"rate": "../../x"})


def test_the_fix_of_shared_outputs_names_the_line_and_what_varies(repo):
    write(
        repo / "fit.ipynb",
        "kind = 'a'\nrate = 0.5\nseed = 1",
        "x = (rate, seed, kind)\nopen('model.txt', 'w').write(str(x))",
    )
    dcai.promote("fit.ipynb", outputs=["model.txt"], check=False)
    with pytest.raises(InputError) as refused:
        dcai.sweep("fit", {"kind": ["a"], "rate": [0.1, 0.2], "seed": [1, 2]})
    said = "f'model-{rate}-{seed}.txt' instead of 'model.txt' in cell 2, line 2 (open('model.txt', 'w').write(str(x))), and in"
    assert said in str(refused.value)


def test_a_file_that_nobody_declared_is_written_by_one_run_of_a_sweep_alone(repo):
    """What another run writes over it, the notebook would read again as its own."""
    (repo / "out").mkdir()
    cells = [
        "rate = 0.5\nseed = 1",
        "open(f'out/{rate}.txt', 'w').write('mine')\nopen('all.log', 'a').write('shared')\nprint(seed)",
        "import dcai\ndcai.artifact('m.txt').write_text('mine')\nfrom pathlib import Path\nPath('out/shared.txt').write_text(str(rate))",
    ]
    write(repo / "bare.ipynb", *cells)
    made = dcai.sweep("bare.ipynb", {"rate": [0.25, 0.75], "seed": [1]}, jobs=2)
    good, refused = sorted(made.records, key=lambda r: r.exit_code)
    assert (good.status, refused.status, refused.error.error) == ("succeeded", "failed", "SharedOutputError")
    assert refused.error.cell == 3  # after the injected one
    assert refused.error.message == (
        f"The run {good.run} of this sweep has written 'out/shared.txt', and this one would write over it. Write to "
        "dcai.artifact('shared.txt'), a path of each run's own, or put a parameter into the path, such as "
        "f'out/shared-{rate}.txt'."
    )
    assert (repo / "out" / "shared.txt").read_text() == str(good.parameters["rate"])
    assert dcai.run("bare.ipynb", {"rate": 0.25}).status == "succeeded"  # alone it may


@pytest.mark.parametrize("kinds", [["a", "b"], ["b", "a"]])
def test_outputs_of_which_one_lies_in_the_other_are_refused(repo, kinds):
    write(repo / "fit.ipynb", "rate = 0.5\nkind = 'a'", "print(rate, kind)")
    dcai.promote("fit.ipynb", outputs=["{kind}", "a/{rate}.txt"], check=False)
    sets = [{"kind": kind, "rate": rate} for rate, kind in enumerate(kinds, 1)]
    with pytest.raises(
        InputError, match=r"The sets 1 and 2 would write 'a.*' and 'a.*', of which one lies in the other"
    ):
        dcai.sweep("fit", sets)
    assert not list((repo / "runs").glob("fit/*"))


def test_a_cancelled_sweep_is_completed(measure):
    grid = {"rate": [0.1, 0.2, 0.3], "seconds": [1.0]}
    made = dcai.sweep("measure", grid, wait=False)
    wait_for(lambda: executions(measure)[0] == ["0.1", "0.2"])
    made.cancel()
    made.wait()
    assert [r and r.status for r in made.records] == ["succeeded", "interrupted", None]
    on = dcai.sweep("measure", grid, sweep_id=made.sweep)
    assert [r.status for r in on.records] == ["succeeded"] * 3
    assert (on.exit_code, on.records[1].run) == (0, f"{made.orders[1].run}-again2")
    assert executions(measure)[0] == ["0.1", "0.2", "0.2", "0.3"]


def test_an_error_of_whoever_watches_cancels_what_is_left(measure):
    seen = []

    def watch(made):
        if executions(measure)[0]:
            seen.append(made)
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        dcai.sweep("measure", {"rate": [0.1, 0.2], "seconds": [60]}, progress=watch)
    assert [r and r.status for r in seen[0].records] == ["interrupted", None]
    assert executions(measure)[0] == ["0.1"]


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_a_sweep_with_its_runs(measure, signum, code):
    arguments = ("sweep", "measure", "-p", "rate=0.1,0.2", "-p", "seconds=600", "--quiet")
    with started(*arguments, cwd=measure) as child:
        wait_for(lambda: executions(measure)[0] == ["0.1"])
        child.send_signal(signum)
        assert child.wait(120) == code
    assert [r.status for r in ledger.history("measure", root=measure)] == ["interrupted"]
    wait_for(lambda: not kernels_of(measure))


def test_a_reader_of_the_progress_who_goes_away_ends_nothing(measure):
    reading, writing = os.pipe()
    arguments = ("sweep", "measure", "-p", "rate=0.1,0.2")
    with started(*arguments, cwd=measure, stderr=writing, stdout=subprocess.DEVNULL) as child:
        os.close(reading)
        os.close(writing)
        assert child.wait(180) == 0
    assert executions(measure)[0] == ["0.1", "0.2"]


def test_a_run_on_a_machine_that_fell_silent_is_run_again_with_its_outputs(repo, monkeypatch):
    monkeypatch.setattr(single, "_SILENCE", 0.5)
    write(repo / "fit.ipynb", "rate = 0.5", "open('model.txt', 'w').write(str(rate))")
    dcai.promote("fit.ipynb", outputs=["model.txt"], check=False)
    order = Order(str(repo), "fit", "fit", "x1", {"rate": 0.25}, "s1")
    one = ledger.begin("x1", "fit", "n", "python3", root=repo, parameters={"rate": 0.25}, outputs=["model.txt"])
    ledger.write_record(order.folder / ledger.RECORD, dataclasses.replace(one, host="elsewhere"))
    again = json.loads(settle_run(order))
    assert (again["run"], again["status"]) == ("x1-again2", "succeeded")
    assert (repo / "model.txt").read_text() == "0.25"
    lost = ledger.read_record(order.folder)
    assert (lost.status, lost.error.message) == ("interrupted", "Nothing was heard of it on elsewhere for 0.5 s.")
    assert (order.folder / "given-up").exists()


def test_a_run_gives_signs_of_life_and_ends_when_it_was_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(single, "_BEAT", 0.05)
    with watch_signals() as interruption, single._beating(tmp_path):
        wait_for((tmp_path / "heartbeat").exists)
        assert interruption.received is None
        (tmp_path / "given-up").touch()
        wait_for(lambda: interruption.received == signal.SIGTERM)
    assert not (tmp_path / "heartbeat").exists()


@pytest.mark.parametrize(
    ("grid", "options", "message"),
    [
        ({"rat": [1.0]}, {}, "There is no parameter 'rat'. Did you mean 'rate'?"),
        ({"rate": ["x"]}, {}, "Set 1: "),
        ({"rate": 0.5}, {}, r"The values of 'rate' must be a list. Got 0.5 instead. Write \[0.5\]."),
        ({"rate": (x for x in [1.0])}, {}, "must be a list, which can be counted"),
        ({"rate": range(1000), "seconds": range(1000)}, {}, "has 1000000 sets, more than 100000"),
        ([], {}, "There is nothing to sweep"),
        ([{"rate": 0.5}, {"rate": 0.5}], {}, "The sets 1 and 2 are the same"),
        ([3], {}, "must be a mapping of names to lists of values"),
        (3, {}, "must be a mapping of names to lists of values"),
        ("sets.txt", {}, "must be a mapping of names to lists of values"),
        ("none.csv", {}, "There is no file 'none.csv' of parameter sets"),
        ("bad.csv", {}, "Line 2 of bad.csv has another number of cells"),
        ("bad.jsonl", {}, "Line 1 of bad.jsonl is not JSON"),
        ("list.jsonl", {}, "Line 1 of list.jsonl must be an object"),
        ({"idle": [1, 2]}, {}, "'idle' is never read after its cell.*Every run of the sweep would be the same"),
        ({"rate": [1.0]}, {"jobs": 0}, "'jobs' parameter of sweep.. must be a number of 1 or more"),
        ({"rate": [1.0]}, {"jobs": 2, "on": "tcp://x:1"}, "Give one of them"),
        ({"rate": [1.0]}, {"memory": "much"}, "'memory' parameter .* must be a number of bytes, or a text such as '2 GB'"),
        ({"rate": [1.0]}, {"timeout": -1}, "must be a number of seconds above 0"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_runs(repo, grid, options, message):
    (repo / "bad.csv").write_text("rate\n1,2\n")
    (repo / "bad.jsonl").write_text("{\n")
    (repo / "list.jsonl").write_text("[1]\n")
    write(repo / "n.ipynb", "rate = 0.5\nseconds = 1\nidle = 1", "print(rate, seconds)")
    with pytest.raises(InputError, match=message):
        dcai.sweep("n.ipynb", grid, **options)
    assert not (repo / "runs").exists()


def test_cancel_ends_kernels_and_frees_the_slot(measure):
    made = dcai.sweep("measure", {"rate": [0.1, 0.2, 0.3], "seconds": [60]}, jobs=1, wait=False)
    wait_for(lambda: executions(measure)[0] == ["0.1"])
    with pytest.raises(InputError, match="There is no run of this sweep 'x'"):
        made.cancel("x")
    made.cancel(made.orders[0].run)
    wait_for(lambda: executions(measure)[0] == ["0.1", "0.2"])  # the slot is free for the next one
    made.cancel()
    made.wait()
    wait_for(lambda: not kernels_of(measure))
    assert [r and r.status for r in made.records] == ["interrupted", "interrupted", None]
    assert made.rows()[2]["status"] == "cancelled"
    assert made.exit_code in (130, 143)


def test_a_kernel_that_takes_too_much_memory_is_ended_and_the_record_says_so(repo):
    hold = "import time\nheld = bytearray(megabytes * 1_000_000)\ntime.sleep(1 if megabytes < 100 else 60)"
    write(repo / "hold.ipynb", "megabytes = 1", hold)
    small, big = dcai.sweep("hold.ipynb", {"megabytes": [1, 900]}, memory="500 MB").records
    assert (small.status, big.status, big.exit_code) == ("succeeded", "kernel_died", 5)
    assert big.error.error == "MemoryLimit"
    assert "more than the limit of 500 MB, and was ended." in big.error.message
    assert kernels_of(repo) == []


def test_a_run_whose_process_was_killed_is_run_again_under_a_further_name(measure):
    made = dcai.sweep("measure", {"rate": [0.1], "seconds": [1.5]}, wait=False)
    folder = measure / "runs" / "measure" / made.orders[0].run
    wait_for(lambda: executions(measure)[0] == ["0.1"])
    os.kill(ledger.read_record(folder).pid, signal.SIGKILL)
    (again,) = made.wait().records
    assert (again.run, again.status) == (f"{made.orders[0].run}-again2", "succeeded")
    assert ledger.read_record(folder).error.error == "RunnerGone"


def test_a_run_that_another_process_carries_out_is_waited_for(measure):
    made = dcai.sweep("measure", {"rate": [0.1], "seconds": [1.5]}, wait=False)
    wait_for(lambda: executions(measure)[0] == ["0.1"])
    adopted = json.loads(settle_run(made.orders[0]))
    assert (adopted["status"], adopted["run"]) == ("succeeded", made.orders[0].run)
    assert made.wait().records[0].metrics == adopted["metrics"]
    assert executions(measure)[0] == ["0.1"]


def test_a_run_whose_worker_was_given_up_is_no_success(measure):
    order = Order(str(measure), "measure", "measure", "x1", {}, "s1")
    folder = ledger.run_folder("measure", "x1", measure)
    begun = ledger.begin("x1", "measure", "measure.ipynb", "python3", root=measure, parameters={})
    ledger.write_record(folder / ledger.RECORD, begun)
    lost = concurrent.futures.Future()
    lost.set_exception(RuntimeError("KilledWorker"))
    made = Sweep("measure", "s1", [order], [lost])
    assert made.is_done
    assert (made.records[0].status, made.exit_code) == ("running", 1)
    assert made.rows()[0]["error"] == "KilledWorker"


@pytest.mark.parametrize(
    ("outcome", "expected", "raised"),
    [
        (InputError("The parameter 'rate' was cancelled."), (2, "invalid"), InputError),
        (RunError("It ended (exit code 1): CancelledError: cancelled"), (1, "failed"), RunError),
        (None, (130, "cancelled"), KeyboardInterrupt),
    ],
)
def test_what_a_run_without_a_record_ended_by_is_not_read_from_its_words(measure, outcome, expected, raised):
    future = concurrent.futures.Future()
    if outcome is None:
        future.set_result(None)
    else:
        future.set_exception(outcome)
    made = Sweep("measure", "s1", [Order(str(measure), "measure", "measure", "x1", {}, "s1")], [future])
    assert made.is_done
    assert (made.exit_code, made.rows()[0]["status"]) == expected
    with pytest.raises(raised):
        made.raise_problem(0)


def test_a_run_that_is_refused_elsewhere_is_refused_here(measure, monkeypatch, capsys):
    future = concurrent.futures.Future()
    future.set_exception(InputError("The parameter 'rate' must be a number."))

    def submit(orders, jobs, on, client):
        return Sweep(orders[0].pipeline, orders[0].sweep, orders, [future])

    monkeypatch.setattr("dcai.pipelines.variations.sweeping._submit", submit)
    code, _, told = call_main(capsys, "run", "measure", "--on", "tcp://127.0.0.1:1")
    assert (code, "must be a number" in told) == (2, True)


def test_what_ended_one_attempt_is_not_told_of_the_next(measure):
    guard = _Guard(Order(str(measure), "measure", "measure", "x1", {}))
    guard.problem = "The kernel took 900 MB"
    guard({"event": "start"})
    assert guard.problem is None


def test_a_process_that_ends_before_it_began_says_why(measure):
    order = Order(str(measure), "measure", "measure", "x1", {"rate": "high"}, "s1")
    with pytest.raises(InputError, match="'rate'"):
        settle_run(order)
    with pytest.raises(RunError, match="The process of the run x2 ended before it began"):
        settle_run(Order(str(measure), "measure", "measure", "x2", {"rate": 1.0}, timeout="soon"))


def test_a_process_that_hears_no_order_says_why(measure, monkeypatch):
    (measure / "ends.sh").write_text("#!/bin/sh\nexec 0<&-\necho it has no room >&2\nexit 1\n")
    (measure / "ends.sh").chmod(0o755)
    monkeypatch.setattr(single.sys, "executable", str(measure / "ends.sh"))
    order = Order(str(measure), "measure", "measure", "x3", {"text": "x" * 10_000_000})
    with pytest.raises(RunError, match="ended before it began .exit code 1.: it has no room"):
        settle_run(order)


# ---------------------------------------------------------------- on a cluster


@pytest.fixture(scope="module")
def cluster():
    """A scheduler and two worker processes, each with room for one run."""
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
            ) as made,
            distributed.Client(made) as client,
        ):
            yield made, client


def test_a_killed_worker_neither_loses_nor_repeats_a_run(measure, cluster):
    grid = {"rate": [0.1, 0.2, 0.3, 0.4], "seconds": [3.0]}
    made = dcai.sweep("measure", grid, client=cluster[1], wait=False)
    wait_for(lambda: len(executions(measure)[0]) >= 1)
    (first, *_) = [r for r in ledger.history("measure", root=measure) if r.status == "running"]
    os.kill(psutil.Process(first.pid).ppid(), signal.SIGKILL)  # the worker, not the run
    made.wait()
    assert [r.status for r in made.records] == ["succeeded"] * 4
    assert [r.metrics["score"] for r in made.records] == [2.0, 3.0, 4.0, 5.0]
    assert executions(measure)[0] == ["0.1", "0.2", "0.3", "0.4"]
    assert len(ledger.history("measure", root=measure)) == 4
    one_by_one = dcai.sweep("measure", {"rate": grid["rate"], "seconds": [0.0]}).table
    compared = ["status", "parameters.rate", "metrics.score"]
    assert one_by_one[compared].equals(made.table[compared])


def test_a_run_on_a_cluster_ends_as_it_does_here(measure, cluster, capsys):
    address = cluster[0].scheduler_address
    code, said, _ = call_main(capsys, "run", "measure", "-p", "rate=0.7", "--on", address, "--json")
    assert (code, json.loads(said)["metrics"]) == (0, {"score": 8.0})
    assert call_main(capsys, "sweep", "measure", "-p", "rate=0.2", "--on", address, "--quiet")[0] == 0
    code, _, told = call_main(capsys, "run", "measure", "--on", address, "--kernel", "python3")
    assert (code, "'kernel' (--kernel) cannot be used with a cluster (on, client, --on)" in told) == (2, True)
    elsewhere = dcai.run("measure", {"rate": 0.7}, on=address, run_id="there")
    assert (elsewhere.status, elsewhere.metrics, elsewhere.folder.name) == ("succeeded", {"score": 8.0}, "there")
    assert dcai.run("measure", {"kind": "abc"}, client=cluster[1]).metrics == {"score": 8.0}
    with pytest.raises(InputError, match="'smoke' .--smoke. cannot be used with a cluster"):
        dcai.run("measure", client=cluster[1], smoke=5)
    with pytest.raises(InputError, match="by its address .on. or by a client. Give one of them"):
        dcai.run("measure", on=address, client=cluster[1])


def test_a_cluster_that_cannot_help_is_named(measure, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("dcai.pipelines.variations.sweeping._CONNECT", 0.5)
    with pytest.raises(RunError, match="No Dask scheduler answers at 'tcp://127.0.0.1:1'"):
        dcai.sweep("measure", {"rate": [0.1]}, on="tcp://127.0.0.1:1")
    with pytest.raises(RunError, match="No Dask scheduler answers at 'nonsense://x'"):
        dcai.sweep("measure", {"rate": [0.1]}, on="nonsense://x")

    class Told:
        """What a client's workers say."""

        def __init__(self, said):
            self.said = said

        def run(self, *_):
            return self.said

    with pytest.raises(RunError, match="The Dask cluster has no workers"):
        dcai.sweep("measure", {"rate": [0.1]}, client=Told({}))
    with pytest.raises(InputError, match="1 of 2 Dask workers do not see .*Share the repository"):
        dcai.sweep("measure", {"rate": [0.1]}, client=Told({"w1": True, "w2": False}))
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingError, match=r"Dask is not installed. Install it: pip install 'dcai\[dask\]'"):
        dcai.sweep("measure", {"rate": [0.1]}, on="tcp://127.0.0.1:1")
