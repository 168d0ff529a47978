"""Defaults that a promotion or a person sets: the same by every way to run, and kept when the notebook is promoted again."""

from __future__ import annotations

import nbformat
import papermill
import pytest

from dcai.base.errors import InputError
from dcai.pipelines.notebooks.parameters import defaults_of, find_in
from dcai.pipelines.notebooks.rewriting import set_defaults
from dcai.pipelines.pipeline import load_pipeline, promote
from dcai.pipelines.runs import run
from tests.pipelines.conftest import call_main, make_notebook, write

NOTEBOOK = "pipelines/train/pipeline.ipynb"
CELL = """import datetime as dt
from decimal import Decimal
from pathlib import Path
rate = 0.1  # of learning
first, second = 1, "x"
day: dt.date = dt.date(2026, 1, 2)
moment = dt.datetime(2026, 1, 2, 3)
price = Decimal("0.10"); place = Path("data")
pair = (1, 2)
needed: int
text = \"\"\"many
lines\"\"\"
"""
NEW = {
    "rate": 0.7, "first": 5, "second": "é\n'", "day": "2027-12-31", "moment": "2027-12-31T01:02:03.000004", "price": "9.90",
    "place": "C:\\new", "pair": [3, 4], "needed": 7, "text": "one",
}  # fmt: skip


def promote_train(*names, **options):
    return promote("train.ipynb", check=False, **options)


def cell():
    return nbformat.read(NOTEBOOK, 4).cells[0].source


@pytest.mark.parametrize("name", NEW)
def test_a_default_is_written_where_it_stands_and_nothing_else_changes(name):
    notebook = make_notebook(CELL, "print(1)")
    found = find_in(notebook, "n.ipynb")
    made, again, left = set_defaults(notebook, found, {name: NEW[name]})
    assert left == []
    assert defaults_of(again) == {**defaults_of(found), name: NEW[name]}
    assert [p.name for p in again.parameters] == [p.name for p in found.parameters]
    assert [p.help for p in again.parameters] == [p.help for p in found.parameters]
    names = {}
    exec(compile(made.cells[0].source, "cell", "exec"), names)
    whole = {}
    exec(compile(CELL.replace("needed: int", "needed = 7") if name != "needed" else CELL, "cell", "exec"), whole)
    kept = {k for k in whole if not k.startswith("__")} - {name}
    assert {k: names[k] for k in kept - {"needed"}} == {k: whole[k] for k in kept - {"needed"}}


def test_what_has_no_place_of_its_own_is_left_and_told(repo):
    write(repo / "train.ipynb", "first = second = 1", "print(first, second)")
    made = promote_train(parameters={"first": 5})
    assert cell() == "first = second = 1"
    (said,) = [n for n in made.promotion.notes if "plain papermill" in n]
    assert said.startswith("'first' is set to 5 in pipeline.yaml only")
    magic = make_notebook("%time rate = 1", "print(rate)")
    found = find_in(magic, "n.ipynb")
    assert set_defaults(magic, found, {p.name: 2 for p in found.parameters})[2] == [p.name for p in found.parameters]


def test_a_default_of_promote_gives_the_same_result_by_three_ways(repo):
    write(repo / "train.ipynb", "rate = 0.1", "print(rate)")
    promote_train(parameters={"rate": 0.7})
    assert cell() == "rate = 0.7"
    done = run("train")
    printed = [nbformat.read(done.folder / "output.ipynb", 4).cells[-1].outputs[0].text]
    for engine in (None, "dcai"):
        made = papermill.execute_notebook(NOTEBOOK, f"{engine}.ipynb", engine_name=engine, progress_bar=False)
        printed.append(made.cells[-1].outputs[0].text)
    assert printed == ["0.7\n"] * 3


def test_defaults_survive_further_promotions_and_follow_the_source_where_nobody_set_them(repo):
    write(repo / "train.ipynb", "rate = 0.1\nsteps = 10", "print(rate, steps)")
    promote_train(parameters={"rate": 0.7})
    write(repo / "train.ipynb", "rate = 0.2\nsteps = 20", "print(rate, steps)")
    for _ in range(2):
        promote_train()
        stated = load_pipeline("train").parameters["properties"]
        assert (stated["rate"]["default"], stated["steps"]["default"]) == (0.7, 20)
        assert cell() == "rate = 0.7\nsteps = 20"
    promote_train(parameters={"rate": 0.2})
    assert cell() == "rate = 0.2\nsteps = 20"


def test_hand_edits_of_gates_and_files_survive_the_same_promotion(repo):
    for name in ("a.csv", "b.csv", "hand.csv"):
        (repo / name).write_text("x\n")
    write(repo / "train.ipynb", "rate = 0.1", "print(rate)")
    stated = {"gates": {"accuracy": ">= 0.9", "loss": "< 1"}, "inputs": ["a.csv"], "outputs": ["m"]}
    promote_train(**stated)
    path = repo / "pipelines" / "train" / "pipeline.yaml"
    text = path.read_text()
    text = text.replace("gates:\n", "gates:\n  time: 600  # by hand\n").replace("- a.csv\n", "- a.csv\n- hand.csv\n")
    assert "hand.csv" in text
    path.write_text(text)
    promote_train(**stated)
    assert path.read_text() == text
    promote_train(gates={"accuracy": ">= 0.8"}, inputs=["b.csv"])
    read = load_pipeline("train")
    assert read.gates == {"time": 600, "accuracy": ">= 0.8", "loss": "< 1"}
    assert (read.inputs, read.outputs) == (("a.csv", "hand.csv", "b.csv"), ("m",))
    assert "# by hand" in path.read_text()


def test_what_the_pipelines_notebook_claims_about_its_promotion_is_not_trusted(repo):
    write(repo / "train.ipynb", "rate = 0.1", "print(rate)")
    promote_train(outputs=["m"])
    for claim in ("text", {"parameters": ["rate"]}, {"parameters": {"rate": "0.2", "more": {}}}):
        notebook = nbformat.read(NOTEBOOK, 4)
        notebook.metadata["dcai"] = claim
        nbformat.write(notebook, NOTEBOOK)
        promote_train(outputs=["m"], gates={"a": "> 1"})
        assert load_pipeline("train").parameters["properties"]["rate"]["default"] == 0.1


def test_parameters_may_be_offered_with_and_without_a_value(repo, capsys):
    write(repo / "train.ipynb", "a = 1\nb = 2\nc = 3", "print(a, b, c)")
    code, _, said = call_main(capsys, "promote", "train.ipynb", "--no-check", "-y", "-p", "a", "-p", "b=5")
    assert code == 0, said
    stated = load_pipeline("train").parameters["properties"]
    assert {n: s["default"] for n, s in stated.items()} == {"a": 1, "b": 5}
    promote("train.ipynb", "other", parameters={"a": ..., "b": 6}, check=False)
    assert set(load_pipeline("other").parameters["properties"]) == {"a", "b"}
    promote("train.ipynb", "whole", parameters={"b": 6}, check=False)
    assert set(load_pipeline("whole").parameters["properties"]) == {"a", "b", "c"}
    with pytest.raises(InputError, match="no parameter 'd'"):
        promote("train.ipynb", "bad", parameters={"d": ...}, check=False)


def test_the_check_run_leaves_no_output_that_was_not_there(repo):
    source = "from pathlib import Path\nPath('new').mkdir(exist_ok=True)\nPath('new/m').write_text('1')\nPath('old').write_text('2')"
    write(repo / "train.ipynb", "rate = 0.1", source)
    (repo / "old").write_text("before")
    promote("train.ipynb", outputs=["new/m", "old"])
    assert not (repo / "new" / "m").exists()
    assert (repo / "old").read_text() == "before"


def test_a_notebook_that_names_no_kernel_still_runs_by_plain_papermill(repo):
    notebook = make_notebook("x = 1", "print(x)")
    notebook.metadata.clear()
    nbformat.write(notebook, repo / "train.ipynb")
    made = promote("train.ipynb", check=False)
    papermill.execute_notebook(str(made.notebook), str(repo / "out.ipynb"), {"x": 2}, progress_bar=False)
    assert "2\n" in (repo / "out.ipynb").read_text().replace("\\n", "\n")
    assert nbformat.read(made.notebook, 4).metadata["kernelspec"]["name"] == "python3"
