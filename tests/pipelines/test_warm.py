"""Sweeps whose processes are there at once: what runs say is what they say in kernels of their own, faster."""

from __future__ import annotations

import os
import time

import nbformat
import psutil
import pytest
from nbformat import v4

import dcai
from dcai.base.errors import InputError
from dcai.pipelines.archive import ledger
from dcai.pipelines.archive.journal import read_journal
from dcai.pipelines.definitions.preloads import find_preloads
from dcai.pipelines.processes.pool import KernelPool
from dcai.pipelines.runs import run
from tests.pipelines.conftest import call_main, kernels_of, write
from tests.pipelines.test_pool import LEAK

SHOW = """import decimal, json, os, sys, warnings
from IPython.display import HTML, display
own = ("DCAI_", "JPY_PARENT_PID", "PYDEVD_")  # what differs from one process to the next
print(decimal.Decimal(rate), sys.argv[0], os.getcwd(), sorted((k, v) for k, v in os.environ.items() if not k.startswith(own)))
print("aside", file=sys.stderr)
warnings.warn_explicit("a warning", UserWarning, "here", 1)
display(HTML("<b>shown</b>"))
rate"""


def outputs_of(folder):
    cells = nbformat.read(folder / "output.ipynb", 4).cells
    return [
        [{k: v for k, v in o.items() if k != "metadata"} for o in c.outputs] for c in cells if c.cell_type == "code"
    ]


def started_by(folder):
    """Whether a run's kernel was forked, as its journal says."""
    return next(e["forked"] for e in read_journal(folder / "events.jsonl") if e["event"] == "kernel_started")


def forkers():
    """The processes that are there to be forked by this one."""
    return [p for p in psutil.Process().children() if any("zygote.py" in word for word in p.cmdline())]


def test_runs_of_a_warm_sweep_say_what_runs_in_kernels_of_their_own_say(repo):
    write(repo / "case.ipynb", "n = 0\nhere = ''\nrate = '0.5'", SHOW, LEAK)
    fresh = run("case.ipynb", {"n": 0, "here": str(repo)})
    made = dcai.sweep("case.ipynb", {"n": [0, 1, 2], "here": [str(repo)]}, warm=True, jobs=2)
    assert [one.status for one in made.records] == ["succeeded"] * 3, made.records[0].error
    seen = [one.metrics for one in made.records]
    assert [m["n"] for m in seen] == [0, 1, 2]
    for name in ("pid", "drawn", "numpy"):
        assert len({m[name] for m in seen}) == 3, name
    folder = ledger.run_folder("case", made.records[0].run, repo)
    assert outputs_of(folder)[2] == outputs_of(fresh.folder)[2]
    assert made.records[0].environment == fresh.record.environment
    assert [started_by(f) for f in (folder, fresh.folder)] == [True, False]
    assert (forkers(), kernels_of(repo)) == ([], [])


def test_a_warm_sweep_goes_on_by_itself_when_its_processes_are_killed(repo):
    write(
        repo / "case.ipynb",
        "n = 0",
        "import os, time\nopen(f'begun-{n}', 'w').close()\ntime.sleep(1)\nimport dcai\ndcai.record(pid=os.getpid())",
    )
    made = dcai.sweep("case.ipynb", {"n": [1, 2]}, warm=["json"], wait=False)
    began = time.monotonic()
    while not (repo / "begun-1").exists():
        assert time.monotonic() < began + 120
        time.sleep(0.02)
    assert len(forkers()) == 2
    for process in forkers():
        process.kill()
        process.wait()
    made.wait()
    assert [one.status for one in made.records] == ["succeeded"] * 2
    assert kernels_of(repo) == []


def test_a_warm_run_ends_by_its_limit_and_when_it_is_cancelled(repo):
    hold = (
        "import time\nheld = bytearray(megabytes * 1_000_000)\nopen(f'held-{megabytes}', 'w').close()\ntime.sleep(977)"
    )
    write(repo / "hold.ipynb", "megabytes = 1", hold)
    made = dcai.sweep("hold.ipynb", {"megabytes": [900, 1]}, warm=True, memory="500 MB", wait=False)
    began = time.monotonic()
    while not (repo / "held-1").exists():
        assert time.monotonic() < began + 120
        time.sleep(0.02)
    made.cancel()
    made.wait()
    assert [one.status for one in made.records] == ["kernel_died", "interrupted"]
    assert made.records[0].error.error == "MemoryLimit"
    assert (forkers(), kernels_of(repo)) == ([], [])


def test_the_command_prepares_what_it_is_told_and_refuses_what_cannot_be_prepared(repo, capsys):
    write(repo / "case.ipynb", "n = 0", "import json, sys\nimport dcai\ndcai.record(n=n)")
    code, out, said = call_main(capsys, "sweep", "case.ipynb", "-p", "n=1,2", "--preload", "json", "--quiet")
    assert (code, out.count("succeeded"), said) == (0, 2, "")
    code, _, said = call_main(capsys, "sweep", "case.ipynb", "-p", "n=1,2", "--preload", "no_such_module")
    assert (code, "cannot preload what it was asked to: 'no_such_module' cannot be imported" in said) == (2, True)
    code, _, said = call_main(capsys, "sweep", "case.ipynb", "-p", "n=1,2", "--warm", "--on", "tcp://127.0.0.1:1")
    assert (code, "Kernels can be prepared on this machine only" in said) == (2, True)
    with pytest.raises(InputError, match=r"must be True, or a list of modules. Got 'json' instead. Write \['json'\]"):
        dcai.sweep("case.ipynb", {"n": [1, 2]}, warm="json")
    assert forkers() == []


def test_modules_that_may_be_left_out_are(repo, tmp_path, monkeypatch):
    package = tmp_path / "parts"
    package.mkdir()
    (package / "__init__.py").write_text("def own(): pass\n")
    for name in ("own", "other"):
        (package / f"{name}.py").write_text("x = 1\n")
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    names = ["threaded", "parts", "parts.own", "parts.other", "decimal"]
    write(
        repo / "case.ipynb",
        f"names = {names}",
        "import sys\nprint(*(n in sys.modules for n in names))\nfrom parts import own, other\nprint(callable(own))",
    )
    also = ["threaded", "absent", "parts:own", "parts:other", "parts:nothing", "decimal"]
    with KernelPool(preload=[], also=also) as pool:
        done = run("case.ipynb", kernels=pool)
    assert outputs_of(done.folder)[1][0]["text"] == "False True False True True\nTrue\n"


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (
            ["import numpy as np, json\nfrom sklearn import linear_model as lm, svm"],
            "numpy json sklearn:linear_model sklearn:svm",
        ),
        (["from os import *", "from __future__ import annotations\nimport a.b.c"], "os a.b.c"),
        (["x = 1\ndef f():\n    import late\nclass A:\n    import inner\nif x:\n    import maybe"], ""),
        (["try:\n    import first\nexcept ImportError:\n    import second\nwith x:\n    import third"], "first third"),
        (["import os\nos.environ['A'] = '1'\nimport json"], "os"),
        (["import os\nprint(os.environ['A'], os.environ.get('B'))\nimport json"], "os json"),
        (["import os", "os.environ.setdefault('A', '1')", "import json"], "os"),
        (["import os\nos.environ |= {'A': '1'}\nimport json"], "os"),
        (["from os import environ\nenviron['A'] = '1'\nimport json"], "os:environ"),
        (["import os, json\nfrom os import environ as here\nhere['A'] = '1'\nimport late"], "os json"),
        (["import json\nfrom sys import path\npath.insert(0, 'src')\nimport late"], "json"),
        (["import json\nimport sys as s\ns.path.insert(0, 'src')\nimport late"], "json"),
        (["import site\nsite.addsitedir('src')\nimport late"], "site"),
        (["def f():\n    os.putenv('A', '1')\nimport json"], ""),
        (["import sys\nsys.path.insert(0, 'src')\nimport json"], "sys"),
        (["%matplotlib inline\nimport json", "%env A=1", "import late"], "json"),
        (["!pip install thing\nimport thing"], ""),
        (["import json", "%%bash\npip install x", "import late"], "json"),
        (["import json", "no Python at all", "import late"], "json"),
        (["import helper\nimport late"], "json late"),
        (["import turning\nimport late"], "json"),
        (["%%time\nimport json"], "json"),
    ],
)
def test_what_can_be_imported_before_a_notebook_begins(tmp_path, cells, found):
    (tmp_path / "helper.py").write_text("import json\nfrom . import other\nimport helper\n")
    (tmp_path / "turning.py").write_text("import json\no.chdir('/')\n")
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    assert find_preloads(notebook, tmp_path) == found.split()
