"""What a pipeline.yaml may declare: each form is taken as it stands, each mistake named with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dcai.base.errors import InputError, MissingError
from dcai.base.records import Resources
from dcai.base.yaml_text import parse_yaml
from dcai.pipelines.conditions.verdicts import Scene, judge_gates
from dcai.pipelines.course.plans import make_plan
from dcai.pipelines.definitions import declarations
from dcai.pipelines.definitions.declarations import bytes_of, cron_fields
from dcai.pipelines.definitions.manifest import parse_manifest
from dcai.pipelines.pipeline import load_pipeline, promote
from tests.pipelines.conftest import call_main, write

EVERYTHING = re.search(r"```yaml\n(.*?)```", declarations.__doc__, re.DOTALL)[1]


@pytest.fixture
def train(repo):
    write(repo / "train.ipynb", "rate = 0.1", "print(rate)")
    return repo


def test_everything_that_is_documented_is_read_as_it_stands(train):
    made = promote("train.ipynb", check=False)
    manifest = made.folder / "pipeline.yaml"
    head = manifest.read_text().partition("environment:")[0]
    manifest.write_text(head + EVERYTHING)
    read = load_pipeline("train")
    assert read.gates["metrics"] == {"accuracy": {"min": 0.9, "drop": 0.02}}
    assert read.gates["schema"]["data/train.csv"]["columns"]["digit"] == {"type": "integer", "min": 0, "max": 9}
    assert read.triggers["schedule"] == "0 3 * * *"
    assert read.retries == {"times": 2, "wait": 30, "on": ["ConnectionError", "kernel_died"]}
    assert (read.upstream, read.on_failure) == (("prepare",), ("mail", "-s", "a run failed", "team"))
    assert read.environment == {"python": "3.11.7", "platform": "linux-x86_64", "lock": "requirements.lock"}
    assert (read.smoke, read.snapshots) == ({"rows": "n_rows", "inputs": ["table"], "parameters": {"trees": 5}}, True)
    with pytest.raises(MissingError, match="There is no pipeline 'prepare'"):  # it is upstream of this one
        make_plan(read, {}, root=None, kernel=None, cwd=None, run_id=None)
    (manifest.parents[1] / "prepare").mkdir()
    assert make_plan(read, {}, root=None, kernel=None, cwd=None, run_id=None).definition == read
    # Promoting again keeps all of it, and the comments.
    promote("train.ipynb", check=False)
    after = manifest.read_text()
    assert "# short: a metric that the notebook records" in after
    assert load_pipeline("train").triggers == read.triggers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gates: {time: '<= 10'}", "'gates.time' in pipeline.yaml must be seconds above 0. Got '<= 10' instead. The rule for"),
        ("gates: {time: .nan}", "'gates.time' in pipeline.yaml must be seconds above 0. Got nan instead."),
        ("gates: {memory: lots}", "must be bytes, as a number or as a text such as '500 MB' or '2 GB'. Got 'lots' instead."),
        ("gates: {memory: true}", "must be bytes"),
        ("gates: {a: {mim: 1}}", "Did you mean 'min'?"),
        ("gates: {a: {min: high}}", "The gate 'a' of pipeline.yaml, 'min', must be a number. Got 'high' instead."),
        ("gates: {a: {}}", "must be a mapping of min, max, drop, rise. Got {} instead."),
        ("gates: {metrics: {a: {min: 2, max: 1}}}", "'gates.metrics.a' in pipeline.yaml has a 'min' of 2 above its 'max' of 1."),
        ("gates: {metrics: {a: {drop: -1}}}", "must be a number of 0 or more. Got -1 instead."),
        ("gates: {metrics: []}", "must be a mapping of metrics to rules. Got [] instead."),
        ("gates: {1: '> 0'}", "must be a text. Got 1 instead."),
        ("gates: {size: {../x: {max: 1}}}", "must be a relative path that stays inside its folder. Got '../x' instead."),
        ("gates: {size: {x: {min: 2 GB, max: 1 MB}}}", "has a 'min' of '2 GB' above its 'max' of '1 MB'."),
        ("gates: {label_quality: {data: x.csv}}", "needs 'label'. It holds: data."),
        ("gates: {label_quality: {data: x.csv, label: y, max_wrong: 5}}", "must be a number from 0 to 1. Got 5 instead."),
        ("gates: {schema: {a.csv: {columns: {x: int}}}}", "must be one of integer, number, text, boolean, date, any. Got 'int' instead."),
        ("gates: {schema: {a.csv: {extra: no way}}}", "must be true or false. Got 'no way' instead."),
        ("triggers: {cod: true}", "There is no field (of 'triggers' in pipeline.yaml) 'cod'. Did you mean 'code'?"),
        ("triggers: {data: 1}", "must be true, false or a list of paths. Got 1 instead."),
        ("triggers: {data: [1]}", "must be a path relative to the repository root. Got 1 instead."),
        ("triggers: {drift: {a.csv: {alpha: 2}}}", "must be a number between 0 and 1. Got 2 instead."),
        ("triggers: {schedule: nightly}", "'triggers.schedule' in pipeline.yaml is no cron line: A schedule has five fields"),
        ("triggers: {schedule: 61 * * * *}", "The minute of a schedule must be '*' or numbers from 0 to 59"),
        ("triggers: {schedule: '* * 0 * *'}", "The day of the month of a schedule must be '*' or numbers from 1 to 31"),
        ("triggers: {schedule: '* * * * */0'}", "Got '*/0' instead."),
        ("triggers: {schedule: '5-1 * * * *'}", "Got '5-1' instead."),
        ("retries: 3", "'retries' in pipeline.yaml must be a mapping. Got 3 instead."),
        ("retries: {wait: 1}", "needs 'times'"),
        ("retries: {times: 1.5}", "must be an integer from 1 to 100. Got 1.5 instead."),
        ("retries: {times: 1, on: ValueError}", "must be a list of error classes. Got 'ValueError' instead."),
        ("retries: {times: 1, on: [a b]}", "must be a list of error classes such as 'ConnectionError', or of failed, kernel_died"),
        ("upstream: [Not A Name]", "For example 'not-a-name'."),
        ("upstream: [1]", "must be a list of names of pipelines. Got 1 instead."),
        ("name: train\nupstream: [train]", "names the pipeline itself"),
        ("environment: {python: 3.11}", "'environment.python' in pipeline.yaml must be a text. Got 3.11 instead."),
        ("environment: {lock: /etc/passwd}", "must be a relative path"),
        ("on_failure: [ls, 1]", "'on_failure' in pipeline.yaml must be a text. Got 1 instead."),
        ("on_failure: ls", "'on_failure' in pipeline.yaml must be a list. Got 'ls' instead."),
        ("smoke: {row: n}", "There is no field (of 'smoke' in pipeline.yaml) 'row'. Did you mean 'rows'?"),
        ("smoke: {inputs: table}", "must be a list of parameters that hold paths of tables. Got 'table' instead."),
        ("snapshots: maybe", "'snapshots' in pipeline.yaml must be true or false. Got 'maybe' instead."),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_refused_with_its_place(text, said):
    with pytest.raises(InputError) as caught:
        parse_manifest(text, Path("pipeline.yaml"))
    assert said in str(caught.value)


def test_sizes_and_schedules_are_read_as_people_write_them():
    assert [bytes_of(s) for s in (7, "7", "7 B", "1.5kB", "2 MB", "2 MiB", "1 T")] == [
        7, 7, 7, 1500, 2_000_000, 2_097_152, 10**12,
    ]  # fmt: skip
    minutes, hours, days, months, weekdays = cron_fields("5,*/20 1-3 1 JAN,12 5-7")
    assert (sorted(minutes), sorted(hours), sorted(days)) == ([0, 5, 20, 40], [1, 2, 3], [1])
    assert (sorted(months), sorted(weekdays)) == ([1, 12], [0, 5, 6])
    assert sorted(cron_fields("10/20 * * * *")[0]) == [10, 30, 50]


def test_gates_judge_metrics_time_and_memory_and_pass_nothing_unseen():
    gates = parse_yaml(
        "accuracy: '>= 0.9'\nmetrics: {loss: {min: 0, max: 1}, gone: {max: 1}, last: {drop: 0.1}, flag: {max: 1}}\n"
        "time: 10\nmemory: 1 kB\nsize: {x: {max: 1}}\n",
        Path("pipeline.yaml"),
    )
    metrics = {"accuracy": 0.95, "loss": 2, "last": 1, "flag": True}
    judged = judge_gates(gates, Scene(metrics, Resources(9.5, 1.0, 2000, [])))
    assert {g["gate"]: g["passed"] for g in judged} == {
        "accuracy": True, "loss": False, "gone": False, "last": True, "flag": False, "time": True, "memory": False, "size x": False,
    }  # fmt: skip
    assert judged[1] == {"gate": "loss", "rule": ">= 0, <= 1", "value": 2, "passed": False}
    rules = {g["gate"]: g["rule"] for g in judged}
    assert (rules["last"], rules["size x"]) == ("drop <= 0.1", "<= 1")
    assert [g["value"] for g in judge_gates({"time": 1, "memory": 1}, Scene())] == [None, None]


def test_gates_and_a_schedule_pass_through_promote(train, capsys):
    gates = {"accuracy": {"min": 0.9}, "time": 60}
    made = promote("train.ipynb", gates=gates, schedule="0 3 * * *", check=False)
    assert (made.gates, made.triggers) == (gates, {"schedule": "0 3 * * *"})
    manifest = made.folder / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("triggers:", "triggers:\n  data: true  # each night"))
    code, _, said = call_main(capsys, "promote", "train.ipynb", "--no-check", "--schedule", "30 4 * * 1")
    assert (code, load_pipeline("train").triggers) == (0, {"data": True, "schedule": "30 4 * * 1"}), said
    assert "# each night" in manifest.read_text()
    with pytest.raises(InputError, match=r"A schedule has five fields .*Got 'soon' instead"):
        promote("train.ipynb", schedule="soon", check=False)
    with pytest.raises(InputError, match=r"'gates\.time' in promote\(\) must be seconds above 0"):
        promote("train.ipynb", gates={"time": -1}, check=False)
