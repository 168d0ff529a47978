from __future__ import annotations

import ast
import datetime as dt
import json
from decimal import Decimal
from pathlib import Path, PureWindowsPath

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import v4

from dcai.base.errors import InputError, MissingError
from dcai.base.records import NotebookParameters, Parameter
from dcai.pipelines.notebooks.injection import inject, mask, secrets_of
from dcai.pipelines.notebooks.parameters import (
    defaults_of,
    find_in,
    find_parameters,
    normalise,
    parse_value,
    rank_cells,
    schema_object,
    validate,
)
from dcai.pipelines.pipeline import load_pipeline, promote
from tests.pipelines.conftest import call_main, make_notebook, write


def found_in(source, *later, tag=0):
    later = later or (f"print({', '.join(sorted({t for t in source.replace(':', ' ').split() if t.isidentifier()}))})",)
    return find_in(make_notebook(source, *later, tag=tag), "n.ipynb")


def one(source):
    return found_in(source).parameters[0]


TYPES = [
    ("x: int = 1", {"type": "integer", "x-python": "int", "default": 1}),
    ("x: float = 1", {"type": "number", "x-python": "float", "default": 1.0}),
    ("x: bool = True", {"type": "boolean", "x-python": "bool", "default": True}),
    ("x: str = '1.10'", {"type": "string", "x-python": "str", "default": "1.10"}),
    ("x: int | None = None", {"type": ["integer", "null"], "x-python": "int", "default": None}),
    ("x: Optional[float] = None", {"type": ["number", "null"], "x-python": "float", "default": None}),
    ("x: typing.Optional['str'] = None", {"type": ["string", "null"], "x-python": "str", "default": None}),
    ("x: Literal['a', 'b'] = 'a'", {"type": "string", "enum": ["a", "b"], "x-python": "str", "default": "a"}),
    ("x: pathlib.Path = Path('d')", {"type": "string", "x-python": "path", "default": "d"}),
    (
        "x: dt.date = dt.date(2026, 1, 2)",
        {"type": "string", "format": "date", "x-python": "date", "default": "2026-01-02"},
    ),
    (
        "x: datetime.datetime = datetime.datetime(2026, 1, 2)",
        {"type": "string", "format": "date-time", "x-python": "datetime", "default": "2026-01-02T00:00:00"},
    ),
    (
        "x: list[int] = [1]",
        {"type": "array", "x-python": "list", "items": {"type": "integer", "x-python": "int"}, "default": [1]},
    ),
    ("x: dict = {'a': 1}", {"type": "object", "x-python": "dict", "default": {"a": 1}}),
    ("x = 1", {"type": "integer", "x-python": "int", "default": 1}),
    ("x = -1.5", {"type": "number", "x-python": "float", "default": -1.5}),
    ("x = False", {"type": "boolean", "x-python": "bool", "default": False}),
    ("x = 'a'", {"type": "string", "x-python": "str", "default": "a"}),
    ("x = (1, 2)", {"type": "array", "x-python": "tuple", "default": [1, 2]}),
    ("x = None", {"x-python": "any", "default": None}),
    ("x = None  # type: int", {"type": "integer", "x-python": "int", "default": None}),
    ("x = 1  # type: float", {"type": "number", "x-python": "float", "default": 1.0}),
    ("x = f()  # type: str", {"type": "string", "x-python": "str"}),
    (
        "x = 3  # type: Optional[int] how many",
        {"type": ["integer", "null"], "x-python": "int", "default": 3, "description": "how many"},
    ),
    (
        "x = {}  # type: Dict[str, int]  # by name",
        {
            "type": "object", "x-python": "dict", "additionalProperties": {"type": "integer", "x-python": "int"},
            "default": {}, "description": "by name",
        },
    ),
    ("x: int = 1  # type: ignore[misc]", {"type": "integer", "x-python": "int", "default": 1}),
    ("x = 1  # type of x", {"type": "integer", "x-python": "int", "default": 1, "description": "type of x"}),
    ("x = 1  # type: 3 of them", {"type": "integer", "x-python": "int", "default": 1, "description": "type: 3 of them"}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "schema"), TYPES, ids=[s for s, _ in TYPES])
def test_types_come_from_annotations_and_literals(source, schema):
    parameter = one(source)
    assert parameter.schema == schema
    assert parameter.settable


LIMITS = [
    ("int", "Ge(0)", {"minimum": 0}, [0, 5], [-1]),
    ("int", "annotated_types.Gt(gt=0), Lt(10)", {"exclusiveMinimum": 0, "exclusiveMaximum": 10}, [1, 9], [0, 10]),
    ("float", "Interval(ge=0.5, lt=1)", {"minimum": 0.5, "exclusiveMaximum": 1}, [0.5], [0.4, 1.0]),
    ("float", "pydantic.Field(gt=0, le=1, description='share')", {"exclusiveMinimum": 0, "maximum": 1}, [1.0], [0.0]),
    ("int", "MultipleOf(4)", {"multipleOf": 4}, [8], [9]),
    ("int | None", "Ge(1)", {"minimum": 1}, [None, 1], [0]),
    ("str", "MinLen(2), Field(max_length=3, pattern='^a')", {"minLength": 2, "maxLength": 3, "pattern": "^a"}, ["ab"], ["a", "bb", "aaaa"]),
    ("list[int]", "Len(1, 2)", {"minItems": 1, "maxItems": 2}, [[1]], [[], [1, 2, 3]]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "notes", "stated", "good", "bad"), LIMITS, ids=[f"{k} {n}" for k, n, *_ in LIMITS])
def test_limits_in_an_annotation_are_checked(kind, notes, stated, good, bad):
    found = found_in(f"x: Annotated[{kind}, {notes}]")
    assert {k: v for k, v in found.parameters[0].schema.items() if k in stated} == stated
    assert found.problems == []
    for value in good:
        assert validate(found, {"x": value}) == []
    for value in bad:
        (said,) = validate(found, {"x": value})
        assert said.startswith("The parameter 'x' must be ")


@pytest.mark.parametrize(
    ("source", "limit"),
    [
        ("x: Annotated[int, Ge(LEAST)] = 1", "Ge(ge=LEAST)"),
        ("x: Annotated[Decimal, Ge(0)] = Decimal('1')", "Ge(ge=0)"),
        ("x: Annotated[dt.date, Field(le=dt.date(2026, 1, 1))] = dt.date(2025, 1, 1)", "Field(le=dt.date(2026, 1, 1))"),
        ("x: Annotated[int, MinLen(2)] = 1", "MinLen(min_length=2)"),
    ],
)
def test_a_limit_that_cannot_be_checked_is_told(source, limit):
    found = found_in(source)
    assert found.problems == [f"'x' is limited by {limit}, which is not checked: it is no plain number for numbers."]
    assert "minimum" not in found.parameters[0].schema
    assert one("x: Annotated[int, Option('--x', 3), Doc('help')] = 1").schema["description"] == "help"


def test_the_cell_of_parameters_is_named_where_it_is_not_sure(repo, capsys, monkeypatch):
    first, second = "rate = 0.1\nsteps = 10", "size = 3\nname = 'a'"
    later = ["print(rate, steps)", "print(size)", "print(name)", "import os", "print(os.getcwd())"]
    write(repo / "case.ipynb", first, second, *later, tag=None)
    read = nbformat.read("case.ipynb", 4)
    assert rank_cells(read) == [0, 1]
    made = promote("case.ipynb", check=False)
    assert "It is not sure: cell 2 looks almost as much like one." in made.promotion.notes[0]
    made = promote("case.ipynb", cell=2, check=False)
    assert list(made.parameters["properties"]) == ["size", "name"]
    assert not [n for n in made.promotion.notes if "not sure" in n]
    assert nbformat.read(made.notebook, 4).cells[1].metadata.tags == ["parameters"]
    for wrong in (0, 9, True):
        with pytest.raises(InputError, match="is no cell of code that can be read. Such cells: 1, 2, 3, 4, 5, 6, 7"):
            promote("case.ipynb", cell=wrong, check=False)
    code, _, said = call_main(capsys, "promote", "case.ipynb", "--no-check")  # nobody there to be asked
    assert (code, "Name the cell (--cell N, cell=N), or tag it." in said) == (0, True)
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True, raising=False)
    asked = []
    monkeypatch.setattr("click.prompt", lambda text, **options: asked.append((text, options["default"])) or "2")
    monkeypatch.setattr("click.confirm", lambda *_, **__: True)
    code, out, said = call_main(capsys, "promote", "case.ipynb", "--name", "other", "--no-check")
    assert (code, asked) == (0, [("Which one", "1")]), said
    assert "cell 1: rate, steps" in out
    assert list(load_pipeline("other").parameters["properties"]) == ["size", "name"]
    sure = make_notebook("rate = 0.1\nsteps = 10", "import os\nx = os.getcwd()", "print(rate, steps, x)", tag=None)
    assert rank_cells(sure) == [0]
    nbformat.write(sure, "sure.ipynb")
    assert call_main(capsys, "promote", "sure.ipynb", "--no-check", "-y")[0] == 0
    assert len(asked) == 1


def test_decimal_tuple_and_annotated_help():
    assert one("x: Decimal = Decimal('0.10')").schema["default"] == "0.10"
    assert one("x: tuple[int, str] = (1, 'a')").schema["prefixItems"][1]["type"] == "string"
    described = one("x: Annotated[int, 'how many'] = 3")
    assert (described.help, described.schema["type"]) == ("how many", "integer")


def test_every_form_of_assignment_is_found_and_nothing_is_invented():
    source = "a = b = 1\nc, (d, e) = 2, ('x', 3)\nif a:\n    hidden = 1\nf: int\nrun = lambda: 1\nx[0] = 1\n_own = 2"
    found = found_in(source, "print(a, b, c, d, e, f, run)")
    assert [(p.name, p.settable) for p in found.parameters] == [
        ("a", True), ("b", True), ("c", True), ("d", True), ("e", True), ("f", True), ("run", False),
    ]  # fmt: skip
    assert schema_object(found)["required"] == ["f"]


def test_comments_that_hold_an_equals_sign_are_help_and_hashes_in_text_are_not():
    found = found_in(
        "rate = 0.1  # learning = rate\nname = 'a # b'\n# of nothing\nlist_ = [\n  1,\n]  # the list", "print(rate)"
    )
    assert [p.help for p in found.parameters] == ["learning = rate", "", "the list"]


def test_defaults_that_are_expressions_are_listed_and_settable_only_where_annotated():
    found = found_in("n = 2 * 3\nm: int = 2 * 3\nwhen = date.today()", "print(n, m, when)")
    assert [(p.name, p.settable, p.source) for p in found.parameters] == [
        ("n", False, "2 * 3"), ("m", True, "2 * 3"), ("when", False, "date.today()"),
    ]  # fmt: skip
    assert "default" not in found.parameters[1].schema
    assert any(p.startswith("'n' is computed (2 * 3)") for p in found.problems)


@pytest.mark.parametrize(
    ("source", "value"),
    [("f'2021-08-12'", "2021-08-12"), ("f'a{{b'", "a{b"), ("dict(filters=16, size=[3, 3])", {"filters": 16, "size": [3, 3]}),
     ("dict()", {})],
)  # fmt: skip
def test_what_is_a_literal_in_all_but_its_writing_can_be_set(source, value):
    (one,) = found_in(f"a = {source}", "print(a)").parameters
    assert (one.settable, one.schema["default"]) == (True, value)


@pytest.mark.parametrize("source", ["f'{b}'", "dict(b)", "dict(**b)", "dict(a=b)", "m.dict(a=1)"])
def test_what_only_looks_like_a_literal_cannot(source):
    assert [p.settable for p in found_in(f"a = {source}", "print(a)").parameters] == [False]


CHANGES = [
    "a += 4", "if True:\n    a = 9", "for a in range(3):\n    pass", "with open('f') as a:\n    pass", "del a",
    "try:\n    pass\nexcept ValueError as a:\n    pass", "a, *rest = 1, 2, 3", "a, c = f()", "import a", "from m import x as a",
    "def a():\n    pass", "class a:\n    pass", "def f():\n    global a\n    a = 3\nf()", "print(a := 3)", "c = [a := i for i in '1']",
    "match 1:\n    case a:\n        pass", "match [1]:\n    case [*a]:\n        pass", "match {}:\n    case {**a}:\n        pass",
    "a[0] = 1", "a.b = 1", "a[0].b += 1", "del a[0]", "while True:\n    a = 2\n    break", "if x:\n    b = a = 5",
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_default_that_its_cell_changes_again_is_not_recorded(change):
    found = found_in(f"a = 1\n{change}", "print(a)")
    (a,) = [p for p in found.parameters if p.name == "a"]
    assert (a.settable, "default" in a.schema, defaults_of(found).get("a")) == (False, False, None)
    expected = (
        "'a' may be changed again in its cell (first set to 1), so it cannot be set. Annotate it to make it settable."
    )
    assert expected in found.problems
    annotated = found_in(f"a: int = 1\n{change}", "print(a)")
    assert (annotated.parameters[0].settable, defaults_of(annotated).get("a")) == (True, None)
    assert "'a' may be changed again in its cell, so its default is not known." in annotated.problems


@pytest.mark.parametrize(
    "source",
    [
        "a = 5\na = 1",
        "a = 5\na += 4\na = 1",
        "for a in range(3):\n    pass\na = 1",
        "a = 1\ndef f(a):\n    a = 3\n    a[0] = 2\n    return a",
        "a = 1\nclass C:\n    a = 5",
        "a = 1\nb = [a for a in range(3)]",
        "a = 1\nb = lambda a=2: a",
        "a = 1\nb[a] = 2\nc.a = 3\nprint(a)",
    ],
)
def test_the_last_plain_assignment_wins_and_other_scopes_change_nothing(source):
    found = found_in(source, "print(a)")
    assert defaults_of(found)["a"] == 1
    assert not [p for p in found.problems if "'a'" in p]


def test_a_literal_that_json_cannot_hold_is_named_as_such():
    found = found_in("weights = {1: 0.5}\nnames = {'a', 'b'}", "print(weights, names)")
    hint = "use text, numbers, lists, and mappings whose keys are text"
    assert found.problems[0] == (
        f"'weights' has a default that JSON cannot hold ({{1: 0.5}}; {hint}), so it cannot be set. "
        "Annotate it to make it settable."
    )
    assert [p.settable for p in found.parameters] == [False, False]
    assert validate(found, {"weights": {"1": 0.5}}) == [
        f"The parameter 'weights' has a default that JSON cannot hold ({{1: 0.5}}; {hint}). Annotate it to set it."
    ]


def test_magics_shell_lines_and_help_do_not_hide_parameters():
    source = "%matplotlib inline\n!ls -l\nrate = 0.5  # per step\nfiles = !ls\nrate?"
    found = found_in(source, "print(rate, files)")
    assert [(p.name, p.settable, p.help) for p in found.parameters] == [
        ("rate", True, "per step"),
        ("files", False, ""),
    ]
    assert (
        found_in("text = '''\n%not a magic\n'''", "print(text)").parameters[0].schema["default"] == "\n%not a magic\n"
    )


def test_an_untagged_notebook_offers_the_cell_that_looks_most_like_parameters():
    cells = [
        "import pandas as pd\nimport numpy as np",
        "def helper(x):\n    return x",
        "RATE = 0.1\nTREES = 100\nDATA = 'train.csv'",
        "frame = pd.read_csv(DATA)\ntotal = 0",
        "model = fit(frame, RATE, TREES)",
    ]
    found = find_in(make_notebook(*cells, tag=None), "n.ipynb")
    assert (found.cell, found.tagged, [p.name for p in found.parameters]) == (2, False, ["RATE", "TREES", "DATA"])


@pytest.mark.parametrize(
    ("cells", "best"),
    [
        (["import os", "rate = 0.1\nrows = 5", "names = ['a', 'b']", "print(rate, rows, names)"], 1),
        (["quick = True", "# Parameters\nrate = 0.1", "print(quick, rate)"], 1),
        (["total = []", "rate = 0.1", "print(total, rate)"], 1),
        (["import os\nhome = os.getcwd()\nprefix = 'demo'", "x = f(home)", "y = 1", "print(prefix, x, y)"], 0),
        (["rate = 0.1\nif rate > 1:\n    rate = 1", "print(rate)", "rows = 5", "print(rows)"], 0),
        (["a = 1", "%%time\nprint(a)", "b = 2"], 0),
        (["# parameters of the run\nrate = 0.1"], 0),
        (["where = '..'", "!ls {where}"], 0),
        (["size = 5\nshow(frame.head(size))", "rate = 0.1\nrows = 5", "print(size, rate, rows)"], 1),
        (["size = 5", "# Feel free to change this\nrate = 0.1", *["print(size, rate)"] * 4], 1),
        (["for i in range(3):\n    rate = 1", "print(rate)"], None),
        (["rate = 0.1", "print('x')"], None),
    ],
)
def test_cells_are_ranked_by_what_they_hold_and_say_and_where_they_stand(cells, best):
    assert find_in(make_notebook(*cells, tag=None), "n.ipynb").cell == best


def test_a_notebook_without_plain_assignments_has_no_parameters_cell():
    found = find_in(
        make_notebook("import os", "print(os.getcwd())", "x = os.getpid()", "print(x)", tag=None), "n.ipynb"
    )
    assert found.cell is None
    assert found.problems == [
        "No cell of plain assignments was found. Tag one 'parameters' to make the notebook configurable."
    ]


def test_problems_name_what_a_person_should_look_at():
    found = found_in("a = 1\nb = 2\nc = 3\npath = f'{a}/x'", "b = 5\nprint(path, a)")
    assert found.problems == [
        "'b' is never read after its cell, so setting it changes nothing.",
        "'c' is never read after its cell, so setting it changes nothing.",
        "'path' is computed (f'{a}/x'), so it cannot be set. Annotate it to make it settable.",
        "'path' is derived from other parameters before they are set. Move it to a later cell.",
    ]
    over = found_in("a = 1", "a = 5", "print(a)")
    assert over.problems == ["'a' is overwritten in cell 2 before anything after its cell reads it."]


def test_other_languages_and_broken_cells_are_said():
    other = make_notebook(
        "x <- 1", language_info={"name": "R"}, kernelspec={"name": "ir", "display_name": "R", "language": "R"}
    )
    assert find_in(other, "n.ipynb").problems[0].startswith("Parameters can be found in Python notebooks only")
    assert find_in(make_notebook("x = = 1"), "n.ipynb").problems == [
        "Cell 1 is tagged 'parameters', but it is not valid Python."
    ]
    two = make_notebook("x = 1", "y = 2", "print(x, y)")
    two.cells[1].metadata["tags"] = ["parameters"]
    assert (
        "Several cells are tagged 'parameters' (numbers [1, 2]); the first is taken."
        in find_in(two, "n.ipynb").problems
    )


# ---------------------------------------------------------------- not a notebook


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("hello", "is not a notebook"),
        ("[]", "has no list of cells"),
        ("{}", "has no list of cells"),
        ('{"cells": [], "nbformat": 3}', "has nbformat 3, expected 4"),
        ('{"cells": [1], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "is not a valid notebook"),
        (
            '{"cells": [{"cell_type": "odd"}], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
            "is not a valid notebook",
        ),
        ("[" * 100_000, "is not a notebook"),
    ],
)
def test_what_is_not_a_notebook_is_refused_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "n.ipynb"
    path.write_text(content)
    with pytest.raises(InputError, match=reason):
        find_parameters(path)


def test_a_file_that_is_not_there_and_bytes_that_are_no_text(tmp_path):
    with pytest.raises(MissingError, match="There is no notebook file"):
        find_parameters(tmp_path / "absent.ipynb")
    with pytest.raises(MissingError, match="There is no notebook file"):
        find_parameters(tmp_path)
    (tmp_path / "n.ipynb").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a notebook"):
        find_parameters(tmp_path / "n.ipynb")


def test_code_that_no_kernel_can_be_sent_is_refused(tmp_path):
    (tmp_path / "n.ipynb").write_text(json.dumps(make_notebook("x = 1", "y = '\ud83d'")))
    with pytest.raises(InputError, match=r"Cell 2 of .*n\.ipynb holds half a character \(a lone surrogate\)"):
        find_parameters(tmp_path / "n.ipynb")


def test_a_notebook_file_is_read_and_named(tmp_path):
    path = write(tmp_path / "Träin Model.ipynb", "rate = 1", "print(rate)")
    found = find_parameters(path)
    assert (found.suggested_name, found.cell, found.notebook) == ("train-model", 0, str(path))


# ---------------------------------------------------------------- values from text

TEXTS = [
    ("x: str = ''", "1.10", "1.10"),
    ("x: str = ''", "007", "007"),
    ("x: str = ''", "true", "true"),
    ("x: str = ''", "null", "null"),
    ("x = 'a'", "5", "5"),
    ("x: int = 1", "007", 7),
    ("x: float = 1.0", "1.10", 1.1),
    ("x: bool = False", "true", True),
    ("x: bool = True", "No", False),
    ("x: int | None = 1", "null", None),
    ("x: int | None = None", "3", 3),
    ("x: Literal[1, 2] = 1", "2", 2),
    ("x: list[str] = []", '["a", "1"]', ["a", "1"]),
    ("x: int | str = 1", "a", "a"),
    ("x: int | str = 1", "5", 5),
    ("x = None", "1.10", "1.10"),
    ("x = None", "11", 11),
    ("x: Decimal = Decimal('1')", "1.10", "1.10"),
]


@pytest.mark.parametrize(("source", "text", "value"), TEXTS)
def test_text_is_read_by_the_schema_and_never_guessed(source, text, value):
    read = parse_value(one(source).schema, text, "x")
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("x: int = 1", "1.5", "an integer"),
        ("x: bool = True", "maybe", "true or false"),
        ("x: list = []", "1,2", "a list"),
        ("x: float = 1.0", "much", "a number"),
    ],
)
def test_text_of_the_wrong_type_is_refused_and_names_the_parameter(source, text, expected):
    with pytest.raises(InputError, match=f"The parameter 'x' must be {expected}. Got '{text}' instead."):
        parse_value(one(source).schema, text, "x")


# ---------------------------------------------------------------- checking values


@pytest.mark.parametrize(
    ("source", "value", "message"),
    [
        ("x: int = 1", "a", "The parameter 'x' must be an integer. Got 'a' instead."),
        ("x: int = 1", True, "The parameter 'x' must be an integer. Got True instead."),
        ("x: int = 1", 1.5, "The parameter 'x' must be an integer. Got 1.5 instead."),
        ("x: bool = True", 1, "The parameter 'x' must be true or false. Got 1 instead."),
        ("x: str = ''", 7, "The parameter 'x' must be a text. Got 7 instead."),
        ("x: Literal['a', 'b'] = 'a'", "c", "The parameter 'x' must be one of 'a', 'b'. Got 'c' instead."),
        ("x: date = date(2026, 1, 1)", "2026-02-30", "The parameter 'x' must be a date such as '2026-01-31'. Got '2026-02-30' instead."),
        ("x: Decimal = Decimal('1')", "much", "The parameter 'x' must be a decimal number such as '0.10'. Got 'much' instead."),
        ("x: float = 1.0", float("nan"), "The parameter 'x' must be plain data (JSON without NaN). Got nan instead."),
        ("x = None", {1, 2}, "The parameter 'x' must be plain data (JSON without NaN). Got {1, 2} instead."),
        ("x: str = ''", "\ud800", r"The parameter 'x' must be plain data (JSON without NaN). Got '\ud800' instead."),
        ("x = 2 * 3", 1, "The parameter 'x' is computed (2 * 3). Annotate it to set it."),
    ],
)  # fmt: skip
def test_wrong_values_are_named(source, value, message):
    assert validate(found_in(source, "print(x)"), {"x": value}) == [message]


def test_unknown_names_get_a_guess_and_missing_ones_are_asked_for():
    found = found_in("rate = 0.1\ncount: int", "print(rate, count)")
    assert validate(found, {"ratte": 1}) == [
        "There is no parameter 'ratte'. Did you mean 'rate'? Known: 'rate', 'count'.",
        "The parameter 'count' has no default. Give it a value: -p count=...",
    ]


def test_a_secret_is_never_repeated_in_a_message():
    found = found_in("token: Annotated[str, 'secret'] = ''", "print(token)")
    assert validate(found, {"token": 12345}) == ["The parameter 'token' must be a text. Got the secret given instead."]


@pytest.mark.parametrize(
    ("schema", "wrong"),
    [
        ({"$ref": "http://localhost:1/x"}, "references ($ref) are not followed. Write the schema out in full."),
        ({"anyOf": [{"items": {"$ref": "#/$defs/a"}}]}, "references ($ref) are not followed."),
        ({"$dynamicRef": "#a"}, "references ($ref) are not followed."),
        ({"type": "string", "pattern": "("}, "'(' is not a 'regex', at pattern. Correct it."),
        ({"type": "text"}, "'text' is not valid under any of the given schemas, at type."),
        ({"minimum": "1"}, "'1' is not of type 'number', at minimum."),
    ],
)
def test_a_schema_that_cannot_be_used_is_a_sentence_and_fetches_nothing(monkeypatch, schema, wrong):
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("asked the network"))
    found = NotebookParameters("n", "n", 0, True, [Parameter("x", schema, True, "1")], [])
    (said,) = validate(found, {"x": "a"})
    assert said.startswith(f"The schema of the parameter 'x' cannot be used: {wrong}")


def test_defaults_and_choices_that_look_like_references_are_data():
    schema = {"enum": [{"$ref": "a"}], "default": {"$ref": "a"}}
    found = NotebookParameters("n", "n", 0, True, [Parameter("x", schema, True, "1")], [])
    assert validate(found, {"x": {"$ref": "a"}}) == []


# ---------------------------------------------------------------- injection


def injected(source, **values):
    notebook = make_notebook(source, f"print({', '.join(values)})")
    found = find_in(notebook, "n.ipynb")
    assert validate(found, values) == []
    return inject(notebook, normalise(found, values), found)


def run_cell(notebook):
    scope = {}
    exec(notebook.cells[1].source, scope)
    return scope


VALUES = [
    ("x: float = 0.1", np.float64(0.5), 0.5),
    ("x: float = 0.1", 1, 1.0),
    ("x: int = 1", np.int64(5), 5),
    ("x: bool = True", np.array([0]).any(), False),
    ("x: str = ''", '"; import os; os.abort() #', '"; import os; os.abort() #'),
    ("x: str = ''", "a\n\\new\u2028\0'''", "a\n\\new\u2028\0'''"),
    ("x: Path = Path('.')", Path("C:/new\\table"), Path("C:/new\\table")),
    ("x: Path = Path('.')", PureWindowsPath("C:\\new"), Path("C:\\new")),
    ("x: date = date(2026, 1, 1)", dt.date(2025, 2, 3), dt.date(2025, 2, 3)),
    ("x: date = date(2026, 1, 1)", "2025-02-03", dt.date(2025, 2, 3)),
    (
        "x: datetime = datetime(2026, 1, 1)",
        dt.datetime(2025, 2, 3, 4, tzinfo=dt.UTC),
        dt.datetime(2025, 2, 3, 4, tzinfo=dt.UTC),
    ),
    ("x: Decimal = Decimal('1')", Decimal("1.10"), Decimal("1.10")),
    ("x: tuple[int, str] = (1, 'a')", (2, "b"), (2, "b")),
    ("x = (1, 2)", (3,), (3,)),
    ("x: list[date] = []", [dt.date(2025, 2, 3)], [dt.date(2025, 2, 3)]),
    ("x: dict[str, tuple] = {}", {"a": (1, 2)}, {"a": (1, 2)}),
    ("x: int | None = 1", None, None),
    ("x: date | int = 1", dt.date(2025, 2, 3), dt.date(2025, 2, 3)),
]


@pytest.mark.parametrize(("source", "given_value", "seen"), VALUES)
def test_the_kernel_sees_the_value_that_was_given_with_its_type(source, given_value, seen):
    got = run_cell(injected(source, x=given_value))["x"]
    assert (got, type(got)) == (seen, type(seen))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_any_plain_value_arrives_as_it_is_and_only_as_data(value):
    notebook = make_notebook("x = None", "print(x)")
    found = find_in(notebook, "n.ipynb")
    if validate(found, {"x": value}):  # lone surrogates only
        return
    source = inject(notebook, {"x": value}, found).cells[1].source
    tree = ast.parse(source)
    assert len(tree.body) == 1
    assert ast.literal_eval(tree.body[0].value) == value


def test_the_cell_stands_after_the_parameters_cell_and_replaces_an_older_one():
    notebook = make_notebook("import os", "x = 1", "print(x)", tag=1)
    first = inject(notebook, {"x": 2})
    second = inject(first, {"x": 3})
    assert [c.source for c in second.cells] == ["import os", "x = 1", "# Parameters\nx = 3", "print(x)"]
    assert second.cells[2].metadata["tags"] == ["injected-parameters"]
    assert second.metadata.papermill.parameters == {"x": 3}
    assert len(notebook.cells) == 3
    nbformat.validate(second)


def test_without_values_the_cell_of_an_earlier_run_goes():
    notebook = make_notebook("x = 1", "print(x)")
    plain = inject(inject(notebook, {"x": 2}), {})
    assert [c.source for c in plain.cells] == ["x = 1", "print(x)"]
    assert plain.metadata.papermill.parameters == {}


def test_an_untagged_notebook_gets_its_values_after_the_cell_that_holds_them():
    notebook = make_notebook("import os", "x = 1", "print(x)", tag=None)
    assert [c.source for c in inject(notebook, {"x": 2}).cells][2] == "# Parameters\nx = 2"


@pytest.mark.parametrize("key", ["x=1;import os#", "import", "y", "x ", "", "__import__", "x\ny", 3])
def test_names_that_are_no_parameters_are_refused(key):
    notebook = make_notebook("x = 1", "print(x)")
    with pytest.raises(InputError, match="There is no parameter"):
        inject(notebook, {key: 1})
    assert len(validate(find_in(notebook, "n.ipynb"), {key: 1})) == 1


def test_objects_that_are_no_data_are_refused():
    class Hostile:
        def __repr__(self):
            return "1); import os; os.abort("

    with pytest.raises(InputError, match="Only plain data can be injected"):
        inject(make_notebook("x = 1", "print(x)"), {"x": Hostile()})


def test_secrets_travel_by_the_environment_and_are_masked_everywhere():
    notebook = make_notebook("token: Annotated[str, 'secret'] = ''", "print(token)")
    found = find_in(notebook, "n.ipynb")
    made = inject(notebook, {"token": "hush"}, found)
    assert "hush" not in json.dumps(made)
    assert mask(found, {"token": "hush"}) == {"token": "***"}
    assert secrets_of(found, {"token": "hush"}) == {"DCAI_SECRET_token": "hush"}


def test_old_notebooks_without_cell_ids_stay_without():
    notebook = make_notebook("x = 1", "print(x)")
    notebook.nbformat_minor = 4
    for cell in notebook.cells:
        del cell["id"]
    made = inject(notebook, {"x": 2})
    assert not any("id" in c for c in made.cells)
    nbformat.validate(made)


def test_the_id_of_the_injected_cell_is_free():
    cell = v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]})
    cell["id"] = "injected-parameters"
    made = inject(v4.new_notebook(cells=[cell, v4.new_code_cell("x")]), {"x": 2})
    assert len({c["id"] for c in made.cells}) == 3
