"""What reading a notebook finds: each planted problem comes back with its cell, and a clean notebook has none."""

from __future__ import annotations

import json

import pytest

from dcai.pipelines.notebooks.problems import lint, lint_in
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
        "import lib\nlib.settings.seed = 0\nimport random\nrandom.random() + a",
        "open('~/.tool/settings') and a",
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


@pytest.mark.parametrize(
    "giving",
    [
        "%%time\nmodel = 1",
        "\n%%time\nmodel = 1",
        "%%capture\nimport model",
        "%%capture model\nprint(1)",
        "%time model = 1",
        "if True:\n    %time model = 1",
        "%%bash --out model\nls",
        "%%sql model <<\nselect 1",
        "try:\n    model\nexcept NameError:\n    model = None",
        "model = !ls",
        "for model in [1]:\n    pass",
        "match a:\n    case [model]:\n        pass",
        "def make():\n    global model\n    model = 1\nmake()",
        "if (model := 1):\n    pass",
        "this is no Python",
        "%store -r model",
        "get_ipython().push({'model': 1})",
        "def declare(name): return lambda made: made\n@declare('model')\nclass Data: pass",
    ],
)
def test_names_that_a_cell_gives_in_its_own_way_are_not_missed(giving):
    assert "hidden-state" not in {code for code, _, _ in codes_of("a = 1", giving, "print(a, model)")}


def test_a_kernel_for_spark_gives_its_session():
    spec = {"name": "synapse_pyspark", "display_name": "Spark", "language": "python"}
    cells = ["a = 1", "print(a, spark)"]
    assert lint_in(make_notebook(*cells, kernelspec=spec), "n.ipynb").problems == []
    assert codes_of(*cells) == [("hidden-state", 2, 1)]


def test_code_under_a_magic_that_runs_it_is_read_with_its_own_line_numbers():
    assert codes_of("a = 1", "%%time\nprint(a)\nprint(model)") == [("hidden-state", 2, 3)]
    assert codes_of("a = 1", "%%capture out\n\nprint(a, model)") == [("hidden-state", 2, 3)]
    assert codes_of("a = 1", "print(a)\n%time print(model)") == [("hidden-state", 2, 2)]


@pytest.mark.parametrize(
    "harmless",
    [
        "try:\n    text = unicode\nexcept NameError:\n    text = str",
        "if False:\n    print(model)",
        "ls",
        "pip install pandas",
        "cd data",
        "%%writefile model.py\nprint(model)",
        "%%bash\necho $model",
        "x: 'Model' = 1",
        "[model for model in [1]]",
        "(lambda model=1: model)()",
        "class A:\n    model = 1\n    models = model",
    ],
)
def test_what_needs_no_name_is_no_problem(harmless):
    assert codes_of("a = 1", harmless, "print(a)") == []


def test_a_name_that_only_a_function_reads_is_not_missed_where_names_may_still_come():
    assert codes_of("a = 1", "def f():\n    return model + a", "from math import *\nf()") == []


@pytest.mark.parametrize(
    "reading",
    [
        "%%time\nprint(a)",
        "%%capture\nprint(a)",
        "%time print(a)",
        "%%sql\nselect * from t where x = :a",
        "%sql select a",
        "!echo $a",
        "data = [1]\ndata.query('x > @a')",
        "print(locals())",
        "no Python, but a",
    ],
)
def test_a_parameter_that_is_read_in_another_way_is_read(reading):
    assert "unread-parameter" not in {code for code, _, _ in codes_of("a = 1", reading)}


@pytest.mark.parametrize("other", ["%%writefile model.py\na = 3", "%%bash\na=3", "print('a')"])
def test_the_text_of_another_program_reads_no_parameter(other):
    assert codes_of("a = 1", other) == [("unread-parameter", 1, None)]


def test_in_a_cell_that_nobody_tagged_only_what_can_be_set_is_a_parameter():
    cells = ["a = 1\nb = open('f')", "print(a)"]
    assert codes_of(*cells, tag=None) == []
    assert codes_of(*cells) == [("unread-parameter", 1, None), ("unsettable-parameter", 1, None)]


def test_a_parameter_derived_from_what_nobody_can_set_is_not_derived_too_early():
    assert codes_of("a = open('f')\nb: str = str(a)", "print(a, b)") == [("unsettable-parameter", 1, None)]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["a = '/ho' 'me/ada/data'", "print(a)"], []),
        (["a = 1", "print(a)\nopen('/mnt/data/x')"], ["absolute-path"]),
        (["a = 1", "print(a)\nfolder = '/mnt/data/x'"], ["absolute-path"]),
        (["a = {}", "a['bind'] = '/mnt/data/x'"], []),
        (["a = {}", "a['bind'] = '/ho' 'me/ada/data'"], ["absolute-path"]),
    ],
)
def test_a_path_is_of_one_machine_where_python_uses_it(cells, found):
    assert [code for code, _, _ in codes_of(*cells)] == found


def test_one_line_that_draws_often_is_one_problem():
    source = "import random\nprint(a, random.random(), random.random())"
    assert codes_of("a = 1", source) == [("unpinned-randomness", 2, 2)]


def test_cells_executed_out_of_order_are_told():
    notebook = make_notebook("a = 1", "print(a)")
    for cell, count in zip(notebook.cells, [3, 2], strict=True):
        cell.execution_count = count
    assert [p.code for p in lint_in(notebook, "n.ipynb").problems] == ["out-of-order"]


def test_another_language_is_not_judged():
    notebook = make_notebook("x <- 1", language_info={"name": "R"})
    assert [p.code for p in lint_in(notebook, "n.ipynb").problems] == ["not-python"]


@pytest.mark.parametrize(
    "line", ["b$kind[b$kind == 'x'] <- 0", "my.rows <- data[[1]] %>% head()", "f <- function(x) {x}"]
)
def test_a_notebook_in_r_that_calls_itself_python_is_told_once(line):
    cells = ["column = 'V1'", "library(MASS)", "b <- biopsy", line]
    assert codes_of(*cells) == [("not-python", 4, None)]
    assert problems_of(*cells)[0].message.startswith("Cell 4 is R, though the notebook says it is Python.")


@pytest.mark.parametrize("cell", ["print(a <- 1) +", "b = a <- 2 +", "# b <- a\nprint(a) +"])
def test_a_broken_cell_that_only_compares_is_not_taken_for_r(cell):
    assert codes_of("a = 1", "print(model)", cell) == [("hidden-state", 2, 1), ("not-python", 3, None)]


def test_a_name_that_its_own_cell_reads_is_not_said_to_be_unread_before():
    (problem,) = problems_of("a = 1\nprint(a)", "a = 2\nprint(a)")
    assert problem.message == "'a' is overwritten in cell 2 before anything after its cell reads it."


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
