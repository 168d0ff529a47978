"""Which correction logs a pipeline reads where it declares none: no run claims labels that it has never seen."""

from __future__ import annotations

import pytest

import dcai
from dcai.pipelines.definitions.readings import guess_logs
from dcai.pipelines.pipeline import promote
from dcai.pipelines.runs import carry_out
from tests.pipelines.conftest import make_notebook, write

BOTH = ("corrections/one.jsonl", "corrections/two.jsonl")


@pytest.fixture
def logs(repo):
    (repo / "corrections").mkdir()
    for path in BOTH:
        (repo / path).write_text("")
    return repo


@pytest.mark.parametrize(
    ("source", "values", "expected"),
    [
        ("rows = open('data.csv').read()", {}, ()),
        ("import dcai\ndcai.record(accuracy=0.9)", {}, ()),
        ("log = dcai.CorrectionLog.read('corrections/two.jsonl')", {}, BOTH[1:]),
        ("log = dcai.CorrectionLog.read(path)", {"path": "corrections/one.jsonl"}, BOTH[:1]),
        ("log = dcai.CorrectionLog.read(find_log())", {}, BOTH),
        ("for p in Path('corrections').iterdir(): pass", {}, BOTH),
        ("log = read(f'corrections/{table}.jsonl')", {}, BOTH),
        ("logs = glob('corrections/*.jsonl'), 'corrections/one.jsonl'", {}, BOTH),
    ],
)
def test_code_reads_the_logs_that_it_names(logs, source, values, expected):
    assert guess_logs(make_notebook(source), [], values, logs) == expected


def test_a_module_of_the_repository_counts_as_code(logs):
    (logs / "own.py").write_text("LOG = 'corrections/one.jsonl'\n")
    assert guess_logs(make_notebook("import own"), ["own.py"], {}, logs) == BOTH[:1]


def test_where_there_is_no_log_none_is_read(repo):
    assert guess_logs(make_notebook("CorrectionLog"), [], {}, repo) == ()


def test_a_run_claims_no_log_that_its_notebook_does_not_speak_of(logs):
    write(logs / "train.ipynb", "x = 1", "open('out.txt', 'w').write('a')")
    promote("train.ipynb", outputs=["out.txt"], check=False)
    assert carry_out("train").record.corrections == []
    assert dcai.trace("out.txt").logs == ()
    write(logs / "reads.ipynb", "log = 'corrections/one.jsonl'", "open(log).read()")
    promote("reads.ipynb", check=False)
    assert [f.path for f in carry_out("reads").record.corrections] == ["corrections/one.jsonl"]
    other = carry_out("reads", {"log": "corrections/two.jsonl"})
    assert {f.path for f in other.record.corrections} == set(BOTH)  # the one stands in the notebook as its default
