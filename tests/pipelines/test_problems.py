"""What reading a notebook finds: each planted problem comes back with its cell, and a clean notebook has none."""

from __future__ import annotations

import json

import pytest

from dcai.pipelines.problems import lint, lint_in
from dcai.shells.cli import main
from tests.pipelines.conftest import make_notebook, write

CLEAN = [
    "rate: float = 0.1  # learning rate\nrows = 100",
    "import numpy as np\nfrom sklearn.model_selection import train_test_split\nnp.random.seed(0)",
    "def load(n):\n    return helper(np.random.rand(n))\n\ndef helper(x):\n    return [x * k for k in range(3)]",
    "data = load(rows)\nwith open('out.txt', 'w') as f:\n    f.write(str(rate))",
    "for i, part in enumerate(data):\n    total = part.sum()\nprint(total, i)\ntrain, test = train_test_split(data)",
    "try:\n    import tomllib\nexcept ImportError as error:\n    print(error)\nclass Model:\n    size = 3\n    sizes = [size]\n    def fit(self):\n        return self.size",
    "%matplotlib inline\nfiles = !ls\nprint(files, [m for m in files if (n := len(m)) > 1], n, display, _)",
]


def problems_of(*cells, tag=0):
    return lint_in(make_notebook(*cells, tag=tag), "n.ipynb").problems


def codes_of(*cells, tag=0):
    return [(p.code, p.cell, p.line) for p in problems_of(*cells, tag=tag)]


def test_a_clean_notebook_has_no_problems():
    assert problems_of(*CLEAN) == []


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["a = 1", "b = 2"], ("unread-parameter", 1, None)),
        (["a = 1", "a = 2\nprint('x')", "print(a)"], ("overwritten-parameter", 1, None)),
        (["a = 1\nb: int = a + 1", "print(a, b)"], ("derived-parameter", 1, None)),
        (["a = open('f')", "print(a)"], ("unsettable-parameter", 1, None)),
        (["a = 1", "print(a)\nprint(model)"], ("hidden-state", 2, 2)),
        (["a = 1", "print(a, model)", "model = 3"], ("hidden-state", 2, 1)),
        (["a = 1", "print(a)\nprint(model)\nmodel = 3"], ("hidden-state", 2, 2)),
        (["a = 1", "count += a"], ("hidden-state", 2, 1)),
        (["a = 1", "def f():\n    return missing + a\nf()"], ("hidden-state", 2, 2)),
        (["a = 1", "print(a)\nopen('/ho' 'me/ada/data.csv')"], ("absolute-path", 2, 2)),
        (["a = 1", "print(a)\nopen('C:\\\\data.csv')"], ("absolute-path", 2, 2)),
        (["a = 1", "print(a)\nopen('~/data.csv')"], ("absolute-path", 2, 2)),
        (["a = 1", "import numpy as np\nnp.random.rand(a)"], ("unpinned-randomness", 2, 2)),
        (["a = 1", "import random\nrandom.choice([a])"], ("unpinned-randomness", 2, 2)),
        (["a = 1", "from random import choice\nchoice([a])"], ("unpinned-randomness", 2, 2)),
        (["a = 1", "import numpy as np\nr = np.random.default_rng()\nprint(a)"], ("unpinned-randomness", 2, 2)),
        (["a = [1]", "from sklearn.model_selection import train_test_split\ntrain_test_split(a)"], ("unpinned-randomness", 2, 2)),
        (["a = 2", "from sklearn.model_selection import KFold\nKFold(a, shuffle=True)"], ("unpinned-randomness", 2, 2)),
        (["a = 1", "print(a", "print(a)"], ("not-python", 2, None)),
    ],
)  # fmt: skip
def test_each_planted_problem_comes_back_alone(cells, found):
    assert codes_of(*cells) == [found]


def test_a_parameter_that_a_shell_line_reads_is_read():
    assert problems_of("name = 'x'", "!echo {name}") == []


@pytest.mark.parametrize(
    "harmless",
    [
        "import numpy as np\nrandom = np.random.default_rng(0)\nrandom.choice([a])",
        "from sklearn.model_selection import KFold, train_test_split\nKFold(a)\ntrain_test_split(a, random_state=1)",
        "import torch\ntorch.manual_seed(0)\nimport random\nrandom.random() + a",
        "class Dice:\n    def choice(self): return a\nDice().choice()",
    ],
)
def test_what_names_its_seed_or_only_sounds_random_is_no_problem(harmless):
    assert problems_of("a = 1", harmless) == []


def test_a_seed_pins_what_comes_after_it_only():
    draw = "np.random.rand(a)"
    assert codes_of("a = 1", "import numpy as np", draw, "np.random.seed(0)", draw) == [("unpinned-randomness", 3, 1)]


@pytest.mark.parametrize(
    "opaque", ["from math import *", "%run other.py", "exec('model = 1')", "globals()['model'] = 1"]
)
def test_where_names_may_come_from_nowhere_nothing_is_called_missing(opaque):
    assert problems_of("a = 1", opaque, "print(a, model)") == []


def test_cells_executed_out_of_order_are_told():
    notebook = make_notebook("a = 1", "print(a)")
    for cell, count in zip(notebook.cells, [3, 2], strict=True):
        cell.execution_count = count
    assert [p.code for p in lint_in(notebook, "n.ipynb").problems] == ["out-of-order"]


def test_another_language_is_not_judged():
    notebook = make_notebook("x <- 1", language_info={"name": "R"})
    assert [p.code for p in lint_in(notebook, "n.ipynb").problems] == ["not-python"]


def test_the_command_prints_parameters_and_problems(tmp_path, capsys):
    path = write(tmp_path / "n.ipynb", "rate: float = 0.1\nname = 'x'", "print(rate)\nprint(model)")
    assert [p.code for p in lint(path).problems] == ["unread-parameter", "hidden-state"]
    with pytest.raises(SystemExit) as ended:
        main(["lint", str(path)])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "parameter rate: float = 0.1" in said
    assert "cell 2:2  hidden-state: 'model' is read in cell 2, but no cell defines it." in said
    assert "2 to look at" in said


def test_the_command_fails_above_a_limit_and_prints_json(tmp_path, capsys):
    path = write(tmp_path / "n.ipynb", "rate = 0.1", "pass")
    with pytest.raises(SystemExit) as ended:
        main(["lint", str(path), "--fail-above", "0", "--json"])
    assert ended.value.code == 3
    assert json.loads(capsys.readouterr().out)["problems"][0]["code"] == "unread-parameter"


def test_a_file_that_is_no_notebook_is_refused(tmp_path, capsys):
    (tmp_path / "n.ipynb").write_text("no")
    with pytest.raises(SystemExit) as ended:
        main(["lint", str(tmp_path / "n.ipynb")])
    assert ended.value.code == 2
    assert "is not a notebook" in capsys.readouterr().err
