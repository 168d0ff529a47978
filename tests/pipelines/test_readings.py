"""Which correction logs code may read, as far as its text tells: all that is known before a run."""

from __future__ import annotations

import pytest

from dcai.pipelines.definitions.readings import find_logs, guess_logs
from tests.pipelines.conftest import make_notebook

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


def test_decisions_about_planted_rows_are_no_log(logs):
    (logs / "corrections" / "one.controls.jsonl").write_text("")
    assert find_logs(logs) == list(BOTH)
