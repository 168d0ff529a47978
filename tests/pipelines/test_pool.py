"""Kernels that are there at once, and have nothing in common but what is imported."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from dcai.base.errors import InputError, RunError
from dcai.pipelines.processes import zygote
from dcai.pipelines.processes.pool import KernelPool
from dcai.pipelines.runs import run
from tests.pipelines.conftest import write

LEAK = """import os, sys, json, json.tool, random, threading, builtins
import numpy as np
assert not hasattr(json, "leak") and not hasattr(builtins, "leak") and "LEAK" not in os.environ
assert "leak" not in dir() and "leak" not in sys.modules and threading.active_count() < 12
assert os.getcwd() == here, os.getcwd()
json.leak = builtins.leak = leak = sys.modules["leak"] = os.environ["LEAK"] = "1"
os.chdir("/")
from dcai.pipelines.runtime.notebook import record
record(pid=os.getpid(), group=os.getpgid(0), drawn=random.random(), numpy=float(np.random.rand()), n=n)"""


@pytest.fixture(scope="module")
def pool():
    with KernelPool(preload=["numpy"]) as made:
        yield made


def test_every_run_of_a_pool_is_a_fresh_process_of_its_own(repo, pool):
    write(repo / "case.ipynb", "n = 0\nhere = ''", LEAK)
    made = [run("case.ipynb", {"n": n, "here": str(repo)}, kernels=pool) for n in range(4)]
    assert [one.status for one in made] == ["succeeded"] * 4, made[0].record.error
    seen = [one.metrics for one in made]
    assert [m["n"] for m in seen] == [0, 1, 2, 3]
    for name in ("pid", "drawn", "numpy"):
        assert len({m[name] for m in seen}) == 4, name
    assert all(m["pid"] == m["group"] for m in seen)  # so that it ends with all that its cells have started
    assert not any(psutil.pid_exists(m["pid"]) for m in seen)


def test_a_killed_kernel_of_a_pool_is_told_and_the_next_run_is_well(repo, pool):
    write(repo / "case.ipynb", "x = 1", "import os\nos.kill(os.getpid(), 9)")
    done = run("case.ipynb", kernels=pool)
    assert (done.status, done.record.error.cell) == ("kernel_died", 1)
    assert "killed by signal SIGKILL" in done.record.error.message
    write(repo / "case.ipynb", "x = 1", "import time\ntime.sleep(977)")
    done = run("case.ipynb", kernels=pool, cell_timeout=0.5)
    assert done.status == "timed_out"
    write(repo / "case.ipynb", "x = 1", "print(x)")
    assert run("case.ipynb", kernels=pool).status == "succeeded"


def test_where_the_system_does_not_say_which_processors_there_are_for_a_process_all_are(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert zygote._count_cpus() == os.cpu_count()


def test_what_cannot_be_pooled_is_refused_with_the_reason(repo, tmp_path):
    with pytest.raises(InputError, match="There is no kernel 'absent'"):
        KernelPool("absent")
    with pytest.raises(InputError, match=r"must be a list of modules. Got 'numpy' instead. Write \['numpy'\]"):
        KernelPool(preload="numpy")
    write(repo / "case.ipynb", "x = 1")
    with KernelPool(preload=["no_such_module"]) as pool, pytest.raises(InputError, match="'no_such_module' cannot be"):
        run("case.ipynb", kernels=pool)
    with pytest.raises(RunError, match="The pool is closed. Make a new one"):
        pool.make_manager() and pool.fork(["ipykernel_launcher"], {}, None)
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()"
    )
    path = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path["PYTHONPATH"])
        with (
            KernelPool(preload=["threaded"]) as pool,
            pytest.raises(InputError, match="importing 'threaded' starts threads"),
        ):
            run("case.ipynb", kernels=pool)


def test_a_pool_whose_process_has_gone_says_so(repo):
    write(repo / "case.ipynb", "x = 1")
    with KernelPool(preload=[]) as pool:
        assert run("case.ipynb", kernels=pool).status == "succeeded"
        os.kill(pool.line.process.pid, signal.SIGKILL)
        pool.line.process.wait()
        with pytest.raises(RunError, match="Make a new pool"):
            run("case.ipynb", kernels=pool)


def test_a_kernel_outlives_the_pools_process_and_its_end_is_still_seen(repo):
    source = "import os, pathlib, time\npathlib.Path('here').touch()\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.05)"
    write(repo / "case.ipynb", "x = 1", source, "print(x)\nif x > 1:\n    os.kill(os.getpid(), 9)")

    def end_the_pool(event):
        if event["event"] == "tick" and (repo / "here").exists() and not (repo / "go").exists():
            os.kill(pool.line.process.pid, signal.SIGKILL)
            pool.line.process.wait()
            (repo / "go").touch()

    for x, status in ((1, "succeeded"), (2, "kernel_died")):
        for name in ("here", "go"):
            (repo / name).unlink(missing_ok=True)
        with KernelPool(preload=[]) as pool:
            done = run("case.ipynb", {"x": x}, kernels=pool, progress=end_the_pool, timeout=60)
        assert done.status == status, done.record.error
    assert done.record.error.cell == 3


def test_a_pool_ends_with_its_owner(repo):
    with KernelPool(preload=[]) as pool:
        pid = pool.line.process.pid
        assert psutil.pid_exists(pid)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(pid)
