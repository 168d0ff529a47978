"""Runs that were asked for wrongly: each sees exactly the value asked for, or is refused, or says so aloud."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import papermill
import pytest

from dcai.base.errors import InputError
from dcai.pipelines.notebooks.parameters import find_idle, find_in
from dcai.pipelines.pipeline import promote
from dcai.pipelines.runs import run
from tests.pipelines.conftest import call_main, make_notebook, write

PARAMETERS = """
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
rate = 0.1
rows = 100
text = "a"
flag = True
names = ["a"]
options = {"a": 1}
anything = None
exact: float = 1.0
path: Path = Path("data")
day: date = date(2026, 1, 31)
days: list[date] = []
either: date | int = 1
price: Decimal = Decimal("0.10")
mode: Literal["fast", "slow"] = "fast"
level: Literal[1, 2] = 1
pair: tuple[int, str] = (1, "a")
maybe: int | None = 1
token: Annotated[str, "secret"] = ""
"""
NAMES = [
    "rate", "rows", "text", "flag", "names", "options", "anything", "exact", "path", "day", "days", "either", "price",
    "mode", "level", "pair", "maybe", "token",
]  # fmt: skip
READ = f"seen = {{name: repr(value) for name, value in dict({', '.join(f'{n}={n}' for n in NAMES)}).items()}}"
REPORT = f"{READ}\nfrom pathlib import Path as _Path\n_Path('seen.json').write_text(__import__('json').dumps(seen))"


def write_case(repo):
    return write(repo / "case.ipynb", PARAMETERS, REPORT)


def assert_nothing_began(repo):
    assert not (repo / "runs").exists()
    assert not (repo / "seen.json").exists()
    assert not (repo / "hacked").exists()


# ---------------------------------------------------------------- refused before a kernel starts


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ratte", 1, "Did you mean 'rate'?"),
        ("Rate", 1, "There is no parameter 'Rate'"),
        ("unknown", 1, "There is no parameter 'unknown'"),
        ("x\nimport os", 1, "There is no parameter"),
        ("rate=1;open('hacked','w')#", 1, "There is no parameter"),
        ("__class__", 1, "There is no parameter"),
        ("import", 1, "There is no parameter"),
        ("", 1, "There is no parameter"),
        ("rate", "0.5", "must be a number. Got '0.5'"),
        ("rate", True, "must be a number. Got True"),
        ("rate", None, "must be a number. Got None"),
        ("rate", [0.1], "must be a number. Got [0.1]"),
        ("rate", float("nan"), "must be plain data"),
        ("rate", float("inf"), "must be plain data"),
        ("rate", np.float64("nan"), "must be plain data"),
        ("rows", 1.5, "must be an integer. Got 1.5"),
        ("rows", "100", "must be an integer"),
        ("rows", False, "must be an integer. Got False"),
        ("rows", Decimal("1.5"), "must be an integer"),
        ("text", 7, "must be a text. Got 7"),
        ("text", 1.10, "must be a text. Got 1.1"),
        ("text", b"a", "must be plain data"),
        ("text", "\ud800", "must be plain data"),
        ("flag", 1, "must be true or false. Got 1"),
        ("flag", "false", "must be true or false"),
        ("names", "abc", "must be a list. Got 'abc'"),
        ("names", {"a", "b"}, "must be plain data"),
        ("options", {1: "a"}, "must be plain data"),
        ("options", [1], "must be a mapping"),
        ("anything", float("nan"), "must be plain data"),
        ("anything", object, "must be plain data"),
        ("day", "2026-02-30", "must be a date such as"),
        ("day", "31.01.2026", "must be a date such as"),
        ("days", ["2026-01-31", "soon"], "must be a list"),
        ("either", "soon", "must be a date such as '2026-01-31' or an integer"),
        ("price", "a lot", "must be a decimal number"),
        ("mode", "medium", "must be one of 'fast', 'slow'"),
        ("level", 3, "must be one of 1, 2"),
        ("level", True, "must be one of 1, 2"),
        ("pair", (1, "a", 2), "must be a list"),
        ("pair", ("a", 1), "must be a list"),
        ("maybe", "none", "must be an integer or null"),
        ("token", "hush\0hush", "must be a text without the character NUL"),
        ("token", 12345, "Got the secret given instead"),
    ],
)
def test_a_wrong_value_or_name_is_refused_before_a_kernel_starts(repo, name, value, said):
    write_case(repo)
    with pytest.raises(InputError) as caught:
        run("case.ipynb", {name: value})
    assert said in str(caught.value)
    assert_nothing_began(repo)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rate=much", "must be a number. Got 'much'"),
        ("rate=nan", "must be plain data"),
        ("rate=1e999", "must be plain data"),
        ("rows=1.10", "must be an integer. Got '1.10'"),
        ("rows=true", "must be an integer. Got 'true'"),
        ("rows=", "must be an integer. Got ''"),
        ("flag=maybe", "must be true or false. Got 'maybe'"),
        ("names=a,b", "must be a list. Got 'a,b'"),
        ("options=[1]", "must be a mapping"),
        ("names=[NaN]", "must be plain data"),
        ("day=today", "must be a date"),
        ("mode=Fast", "must be one of 'fast', 'slow'. Got 'Fast'"),
        ("rate", "-p needs NAME=VALUE"),
        ("ratte=1", "Did you mean 'rate'?"),
        ("x\nimport os=1", "There is no parameter"),
    ],
)
def test_a_wrong_text_on_the_command_line_exits_2(repo, capsys, text, said):
    write_case(repo)
    code, _, errors = call_main(capsys, "run", "case.ipynb", "-p", text)
    assert (code, said in errors) == (2, True), errors
    assert_nothing_began(repo)


def test_a_name_given_twice_is_refused_wherever_it_is_given(repo, capsys):
    write_case(repo)
    (repo / "twice.json").write_text('{"rate": 0.1, "rate": 0.2}')
    (repo / "twice.yaml").write_text("rate: 0.1\nrate: 0.2\n")
    for arguments, said in [
        (["-p", "rate=0.1", "-p", "rate=0.2"], "-p gives the parameter 'rate' twice. Give it once."),
        (["-f", "twice.json"], "'rate' stands there twice"),
        (["-f", "twice.yaml"], "rate"),
    ]:
        code, _, errors = call_main(capsys, "run", "case.ipynb", *arguments)
        assert (code, said in errors) == (2, True), errors
    assert_nothing_began(repo)


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("text: 007", "must be a text. Got 7"),
        ("text: 1.10", "must be a text. Got 1.1"),
        ("text: true", "must be a text. Got True"),
        ("text:", "must be a text. Got None"),
        ("rate: '0.5'", "must be a number. Got '0.5'"),
        ("rate: .nan", "must be plain data"),
        ("options: {1: a}", "the key 1, which is no text. Put it in quotes."),
        ("ratte: 1", "Did you mean 'rate'?"),
    ],
)
def test_a_wrong_value_in_a_file_exits_2(repo, capsys, yaml, said):
    write_case(repo)
    (repo / "values.yaml").write_text(yaml)
    code, _, errors = call_main(capsys, "run", "case.ipynb", "-f", "values.yaml")
    assert (code, said in errors) == (2, True), errors
    assert_nothing_began(repo)


def test_a_wrong_default_is_refused_when_a_notebook_is_promoted(repo):
    write_case(repo)
    for values, said in [
        ({"rate": "x"}, "must be a number"),
        ({"ratte": 1}, "Did you mean 'rate'?"),
        ({"mode": "medium"}, "must be one of"),
        ({"__class__": 1}, "There is no parameter"),
    ]:
        with pytest.raises(InputError) as caught:
            promote("case.ipynb", parameters=values, check=False)
        assert said in str(caught.value)
    assert not (repo / "pipelines").exists()


# ---------------------------------------------------------------- run with exactly that value

HOSTILE = "a\"b'c\n{rate} {{x}} $HOME \\n C:\\new\\table \u2028 \u202e %s '''\"\"\" #"


def test_values_given_in_python_arrive_as_they_are(repo):
    write_case(repo)
    given = {
        "rate": 2**53 + 1, "rows": 10**400, "text": HOSTILE, "flag": np.bool_(0), "names": [HOSTILE, "007", 1.10],
        "options": {"{x}": {"y'": [None, True]}}, "anything": "true", "exact": 9007199254740993, "path": "C:\\new\\table",
        "day": dt.date(2026, 2, 28), "days": ["2026-01-01"], "either": "2026-01-01", "price": "1.10", "mode": "slow",
        "level": 2, "pair": (2, "'"), "maybe": None, "token": HOSTILE,
    }  # fmt: skip
    done = run("case.ipynb", given)
    assert (done.status, done.record.error) == ("succeeded", None)
    day = "datetime.date(2026, 1, 1)"
    assert json.loads((repo / "seen.json").read_text()) == {
        "rate": str(2**53 + 1), "rows": str(10**400), "text": repr(HOSTILE), "flag": "False",
        "names": repr([HOSTILE, "007", 1.10]), "options": repr(given["options"]), "anything": "'true'",
        "exact": "9007199254740993", "path": r"PosixPath('C:\\new\\table')", "day": "datetime.date(2026, 2, 28)",
        "days": f"[{day}]", "either": day, "price": "Decimal('1.10')", "mode": "'slow'", "level": "2",
        "pair": repr((2, "'")), "maybe": "None", "token": repr(HOSTILE),
    }  # fmt: skip


def test_texts_given_on_the_command_line_arrive_as_their_parameters_type(repo, capsys):
    write_case(repo)
    (repo / "values.yaml").write_text("exact: 3\noptions: {a: '1.10'}\nday: 2026-02-28\nrate: 9\n")
    texts = [
        "rate=1", "rows=007", "text=007", "flag=no", 'names=["1.10", 2]', "anything=1.10", "path=C:\\new", "price=1.10",
        "mode=slow", "level=2", "maybe=null", "either=5", "token=a=b=c=d",
    ]  # fmt: skip
    arguments = [part for text in texts for part in ("-p", text)]
    code, _, errors = call_main(capsys, "run", "case.ipynb", "-f", "values.yaml", "--quiet", *arguments)
    assert (code, errors) == (0, "")
    seen = json.loads((repo / "seen.json").read_text())
    assert {name: seen[name] for name in NAMES if name not in ("days", "pair")} == {
        "rate": "1.0", "rows": "7", "text": "'007'", "flag": "False", "names": "['1.10', 2]", "anything": "'1.10'",
        "exact": "3.0", "path": r"PosixPath('C:\\new')", "day": "datetime.date(2026, 2, 28)", "options": "{'a': '1.10'}",
        "either": "5", "price": "Decimal('1.10')", "mode": "'slow'", "level": "2", "maybe": "None", "token": "'a=b=c=d'",
    }  # fmt: skip


# ---------------------------------------------------------------- said aloud


@pytest.mark.parametrize(
    ("cells", "given", "said"),
    [
        (["rate = 1", "print('x')"], ["rate"], "'rate' is never read after its cell, so setting it changes nothing."),
        (["rate = 1\nprint(rate)", "1"], ["rate"], "'rate' is never read after its cell"),
        (
            ["rate = 1", "rate = 2", "print(rate)"],
            ["rate"],
            "'rate' is overwritten in cell 2 before anything after its cell reads it.",
        ),
        (
            ["rate = 1", "rate = 2\nprint(rate)"],
            ["rate"],
            "'rate' is overwritten in cell 2 before anything after its cell reads it.",
        ),
        (["rate = 1", "rate: int = 2\nprint(rate)"], ["rate"], "'rate' is overwritten in cell 2"),
        (["rate = 1", "import x as rate\nprint(rate)"], ["rate"], "'rate' is overwritten in cell 2"),
        (["rate = 1", "def rate(): pass\nrate()"], ["rate"], "'rate' is overwritten in cell 2"),
        (["rate = 1", "%%time\nrate = 2\nprint(rate)"], ["rate"], "'rate' is overwritten in cell 2"),
        (
            ["rate = 1\ntwice = rate * 2", "print(rate, twice)"],
            ["rate"],
            "'twice' was derived from 'rate' before the run set it, so it keeps its default.",
        ),
    ],
)
def test_a_value_that_the_notebook_does_not_use_is_told(cells, given, said):
    notebook = make_notebook(*cells)
    (sentence,) = find_idle(notebook, find_in(notebook, "n.ipynb"), given)
    assert sentence.startswith(said)


@pytest.mark.parametrize(
    ("cells", "given"),
    [
        (["rate = 1", "print(rate)\nrate = 2"], ["rate"]),
        (["rate = 1", "rate = rate + 1"], ["rate"]),
        (["rate = 1", "if other():\n    rate = 2", "print(rate)"], ["rate"]),
        (["rate = 1\ntwice = rate * 2", "print(rate, twice)"], ["rate", "twice"]),
        (["rate = 1\nunread = 2", "print(rate)"], ["rate"]),
        (["rate = 1", "%%time\nprint(rate)"], ["rate"]),
        (["rate = 1", "%%sql\nselect * where x > :rate"], ["rate"]),
        (["rate = 1", "%%capture out\nprint(rate)"], ["rate"]),
        (["rate = 1", "%time print(rate)"], ["rate"]),
        (["rate = 1", "data.query('x > @rate')"], ["rate"]),
        (["rate = 1", "globals()['ra' + 'te']"], ["rate"]),
        (["rate = 1", "this is no Python: rate"], ["rate"]),
    ],
)
def test_a_value_that_is_used_is_not_doubted(cells, given):
    notebook = make_notebook(*cells)
    assert find_idle(notebook, find_in(notebook, "n.ipynb"), given) == []


def test_a_run_tells_of_values_without_effect_in_python_and_on_the_command_line(repo, capsys):
    write(repo / "case.ipynb", "rate = 1\nrows = 1", "rate = 2\nprint(rate, rows)")
    said = "'rate' is overwritten in cell 2 before anything after its cell reads it."
    with pytest.warns(UserWarning, match=said):
        run("case.ipynb", {"rate": 5})
    code, _, errors = call_main(capsys, "run", "case.ipynb", "--quiet", "-p", "rate=5", "-p", "rows=2")
    assert (code, errors) == (0, f"warning: {said}\n")


def test_papermill_tells_of_values_that_it_has_changed_or_that_have_no_effect(repo):
    write(repo / "case.ipynb", "version = '1'\nrate = 1", "rate = 2\nassert version == '1.1'")
    options = {"engine_name": "dcai", "progress_bar": False}
    # What `papermill -p version 1.10` hands on is the number 1.1.
    with pytest.raises(InputError, match="'version' must be a text. Got 1.1 instead.\n.* give texts by -r NAME TEXT"):
        papermill.execute_notebook("case.ipynb", "out.ipynb", {"version": 1.1, "rate": 5}, **options)
    with pytest.warns(UserWarning, match="'rate' is never read after its cell, so setting it changes nothing"):
        papermill.execute_notebook("case.ipynb", "out.ipynb", {"version": "1.1", "rate": 5}, **options)
