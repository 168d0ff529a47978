"""Notebooks that are not Python: a real kernel of bash, and values that would be code if they were pasted."""

from __future__ import annotations

import json
import re
import sys

import nbformat
import pytest
from nbformat import v4

from dcai.base.errors import InputError
from dcai.pipelines.notebooks.languages import find_assignments, write_assignment
from dcai.pipelines.pipeline import promote
from dcai.pipelines.processes import kernels
from dcai.pipelines.processes.numbering import Numbering
from dcai.pipelines.runs import run
from tests.pipelines.conftest import make_notebook
from tests.pipelines.test_engine import call, record_of

BASH = {"kernelspec": {"name": "bash", "language": "bash", "display_name": "Bash"}, "language_info": {"name": "bash"}}
HOSTILE = '$(touch hacked)`touch hacked`\'; touch hacked #\n"$HOME"\t\x03!x \\ é'


@pytest.fixture
def bash(repo, tmp_path, monkeypatch):
    """A notebook of bash, whose kernel is installed for this test alone."""
    folder = tmp_path / "share" / "kernels" / "bash"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Bash", "language": "bash"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    cells = [
        "name=x\ncount=1\nitems=(a)\ntoken=  # secret",
        "printf '%s' \"$name\" > said\necho $((count + 1)) $token ${items[1]}",
    ]
    nbformat.write(make_notebook(*cells, "false", "echo never", **BASH), repo / "case.ipynb")
    return repo


def test_a_notebook_of_bash_runs_with_hostile_values_as_data(bash):
    values = {"name": HOSTILE, "count": 4, "token": "hush-hush", "items": ["a b", "$(touch hacked)"]}
    done = run("case.ipynb", values)
    assert not (bash / "hacked").exists()
    assert (bash / "said").read_text("utf-8") == HOSTILE
    saved = nbformat.read(done.folder / "output.ipynb", 4)
    assert "".join(o.text for o in saved.cells[2].outputs) == "5 *** $(touch hacked)\n"
    error = done.record.error
    assert (done.status, error.error, error.cell) == ("failed", "CellError", 3)
    assert error.message == "The last command of the cell ended with exit status 1."
    assert done.record.parameters == {"name": HOSTILE, "count": 4, "token": "***", "items": ["a b", "$(touch hacked)"]}


def test_a_kernel_that_is_none_of_python_is_not_taken_for_watched(bash, monkeypatch):
    """What its cells start may be a Python that would call the witness, which then tells nothing of the kernel itself."""
    monkeypatch.setenv("PYTHONSTARTUP", "/absent/mine.py")
    nbformat.write(make_notebook("x=1", 'echo "<$PYTHONSTARTUP>"', **BASH), bash / "case.ipynb")
    promote("case.ipynb", check=False)
    call("pipelines/case/pipeline.ipynb")
    for saved in (run("case").folder / "output.ipynb", "out.ipynb"):
        (output,) = nbformat.read(saved, 4).cells[1].outputs
        assert output.text == "</absent/mine.py>\n"


def test_messages_of_a_kernel_that_never_came_in_are_told(bash, monkeypatch):
    class Deaf(Numbering):
        """Hears nothing of some messages, as if they had been dropped."""

        def take(self, name):
            if not name.endswith("7"):
                super().take(name)

    nbformat.write(make_notebook("count=30", "seq 1 $count", "echo after", **BASH), bash / "case.ipynb")
    done = run("case.ipynb")
    assert (done.status, done.record.note) == ("succeeded", None)
    monkeypatch.setattr(kernels, "Numbering", Deaf)
    done = run("case.ipynb")
    assert done.status == "succeeded"
    # A slow start takes more messages, so that one of the first cell may be lost, too.
    assert re.search(
        r"Of what cell 2 put out, \d+ messages never came in: its kernel sent more at once", done.record.note
    )


def test_papermill_with_the_engine_runs_bash_and_knows_its_parameters(bash):
    notebook = nbformat.read("case.ipynb", 4)
    del notebook.cells[2:]
    nbformat.write(notebook, "case.ipynb")
    call("case.ipynb", parameters={"name": HOSTILE, "count": 2})
    assert ((bash / "said").read_text("utf-8"), record_of()["status"]) == (HOSTILE, "succeeded")
    assert not (bash / "hacked").exists()
    with pytest.raises(InputError, match="There is no parameter 'nam'. Did you mean 'name'?"):
        call("case.ipynb", parameters={"nam": 1})
    with pytest.raises(InputError, match="The parameter 'count' must be an integer. Got 'x' instead."):
        run("case.ipynb", {"count": "x"})


def test_parameters_are_plain_assignments_with_the_types_of_their_defaults():
    source = "# title\nrate <- 0.5  # learning rate\nval n = 3;\n$on = $true\nname = 'a # b'\nlist(1)\nx == 1\nn = 4\nkey = ''  # secret key"
    found = find_assignments(source)
    assert [(p.name, p.schema["x-python"], p.schema.get("default"), p.help) for p in found] == [
        ("rate", "float", 0.5, "learning rate"),
        ("on", "bool", True, ""),
        ("name", "str", "a # b", ""),
        ("n", "int", 4, ""),
        ("key", "secret", None, "secret key"),
    ]


def notebook_in(language):
    return v4.new_notebook(metadata={"kernelspec": {"name": "k", "display_name": "K", "language": language}})


@pytest.mark.parametrize(
    ("language", "value", "line"),
    [
        ("julia", '$(run(`x`))"', 'x = "\\$(run(`x`))\\""'),
        ("julia", ["$a"], 'x = ["\\$a"]'),
        (".net-powershell", "$(x)'; y", "$x = '$(x)''; y'"),
        ("R", {'a"b': [1, None]}, 'x = list("a\\"b" = list(1, NULL))'),
        ("scala", 2**40, "val x = 1099511627776L"),
        ("bash", "a\x012", "x=$'a\\0012'"),
        ("matlab", 'a"b', 'x = "a""b"'),
    ],
)
def test_values_stay_values_in_every_language(language, value, line):
    assert write_assignment(notebook_in(language), "x", value) == line


@pytest.mark.parametrize(
    ("language", "name", "value", "secret", "message"),
    [
        ("cobol", "x", 1, False, "Nobody knows how to write the parameter 'x' in 'cobol'"),
        ("bash", "x y", 1, False, "'x y' is no name in 'bash'"),
        ("bash", "x", [[1]], False, "is nested, which 'bash' has no form for"),
        ("bash", "x", {"a": 1}, False, "cannot be written in 'bash': dict type translation not implemented"),
        ("bash", "x", "a\0", False, "without the character NUL"),
        ("bash", "x", float("inf"), False, "must be a finite number. Got inf instead"),
        (".net-fsharp", "x", "s", True, "Secrets cannot be handed to notebooks in '.net-fsharp'"),
    ],
)
def test_what_a_language_cannot_hold_is_refused(language, name, value, secret, message):
    with pytest.raises(InputError, match=message):
        write_assignment(notebook_in(language), name, value, secret=secret)
