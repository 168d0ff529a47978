"""Gates stop what is not good enough: each planted fault is named by the gate that is meant for it, and by no other."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcai.base.errors import InputError, MissingError
from dcai.base.records import Resources
from dcai.experiments.shifts import drift
from dcai.pipelines.archive import ledger
from dcai.pipelines.conditions.table_schemas import find_problems, read_table
from dcai.pipelines.conditions.verdicts import Scene, compare_with_earlier, judge_gates, judge_tables
from dcai.pipelines.definitions import declarations
from dcai.pipelines.pipeline import promote
from dcai.pipelines.runs import KernelPool, run

from .conftest import write

GOOD = pd.DataFrame(
    {"id": [1, 2, 3], "price": [1.5, 2.0, 3.25], "town": ["Ulm", "Bonn", "Kiel"], "on": [True, False, True]}
)
SCHEMA = {
    "columns": {
        "id": {"type": "integer", "nullable": False, "min": 1}, "price": {"type": "number", "max": 10},
        "town": {"type": "text", "values": ["Ulm", "Bonn", "Kiel"]}, "on": "boolean",
    },
    "extra": False, "rows": {"min": 2, "max": 4}, "unique": ["id"],
}  # fmt: skip


def begun(**facts):
    return replace(ledger.begin("first", "train", "a.ipynb", "python3", root=Path("/"), parameters={}), **facts)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t, []),
        (lambda t: t.drop(columns="price"), ["the column 'price' is missing"]),
        (lambda t: t.assign(new=1), ["columns that are not declared: 'new'"]),
        (lambda t: t.head(1), ["1 rows, expected min 2 and max 4"]),
        (lambda t: t.assign(id=[1, 1, 3]), ["2 rows share their 'id', first row 0"]),
        (lambda t: t.assign(id=[1.0, np.nan, 3]), ["'id' is empty in 1 rows, first row 1"]),
        (lambda t: t.assign(id=[1, 2.5, 3]), ["'id' is no integer in 1 rows, first row 1"]),
        (lambda t: t.assign(id=[0, 1, 2]), ["'id' is below 1 in 1 rows, first row 0"]),
        (lambda t: t.assign(price=[1, 2, 11]), ["'price' is above 10 in 1 rows, first row 2"]),
        (lambda t: t.assign(price=["1", "2", "x"]), ["'price' is no number in 3 rows, first row 0"]),
        (lambda t: t.assign(town=["Ulm", "Rom", None]), ["'town' holds values that are not declared in 1 rows, first row 1"]),
        (lambda t: t.assign(on=[True, None, "yes"]), ["'on' is no boolean in 1 rows, first row 2"]),
        (lambda t: t.assign(on=[1.5, 0, 1]), ["'on' is no boolean in 1 rows, first row 0"]),
    ],
)  # fmt: skip
def test_a_table_differs_from_its_schema_in_what_was_planted_alone(change, said):
    assert find_problems(change(GOOD), SCHEMA) == said


def test_in_text_files_a_type_is_what_the_text_can_be_read_as(tmp_path):
    (tmp_path / "t.csv").write_text("id,day,on,code\n1,2026-01-31,true,007\n2,x,False,1\n3,,,\n")
    rules = {"id": "integer", "day": "date", "on": "boolean", "code": "text"}
    found = find_problems(read_table(tmp_path, "t.csv"), {"columns": rules}, is_text=True)
    assert found == ["'day' is no date in 1 rows, first row 1"]
    typed = pd.DataFrame({"day": pd.to_datetime(["2026-01-31"]), "flag": [True]})
    assert find_problems(typed, {"columns": {"day": "date", "flag": "number"}}) == [
        "'flag' is no number in 1 rows, first row 0"
    ]


def test_a_table_of_a_database_is_read_and_never_made(tmp_path):
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as base:
        base.execute('CREATE TABLE "odd ""name" (id INTEGER)')
        base.execute('INSERT INTO "odd ""name" VALUES (7)')
        base.commit()
    assert read_table(tmp_path, 'shop.sqlite#odd "name').id.tolist() == [7]
    with pytest.raises(InputError, match="There is no table in 'shop.sqlite' 'sales'"):
        read_table(tmp_path, "shop.sqlite#sales")
    with pytest.raises(MissingError, match="There is no file 'absent.sqlite'"):
        read_table(tmp_path, "absent.sqlite#sales")
    (tmp_path / "no.sqlite").write_text("this is no database, but a text of some length " * 20)
    with pytest.raises(InputError, match="cannot be read as an SQLite database"):
        read_table(tmp_path, "no.sqlite#sales")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["no.sqlite", "shop.sqlite"]


def test_each_gate_sees_its_own_value(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"x" * 2000)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a").write_bytes(b"x" * 10)
    GOOD.to_csv(tmp_path / "t.csv", index=False)
    GOOD.drop(columns="id").to_parquet(tmp_path / "u.parquet")
    gates = {
        "time": 5, "memory": "1 kB", "size": {"model.bin": {"max": "1 kB"}, "parts": {"min": 10, "max": 10}, "gone": {"max": 1}},
        "schema": {"t.csv": SCHEMA, "u.parquet": {"columns": {"id": "integer"}}, "absent.csv": {"rows": {"min": 1}}},
    }  # fmt: skip
    judged = {g["gate"]: g for g in judge_gates(gates, Scene({}, Resources(4.9, 1.0, 1001, []), tmp_path))}
    assert {name: g["passed"] for name, g in judged.items()} == {
        "time": True, "memory": False, "size model.bin": False, "size parts": True, "size gone": False,
        "schema t.csv": True, "schema u.parquet": False, "schema absent.csv": False,
    }  # fmt: skip
    assert judged["schema u.parquet"]["reason"] == "the column 'id' is missing"
    assert "There is no file" in judged["schema absent.csv"]["reason"]
    assert judged["size model.bin"]["value"] == 2000
    assert [g["gate"] for g in judge_tables(gates, tmp_path, ["t.csv"])] == ["schema t.csv"]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.5))
def test_a_drop_is_measured_against_the_latest_good_run_that_has_the_metric(before, now, allowed):
    earlier = [begun(run="without"), begun(run="with", metrics={"a": before}), begun(run="older", metrics={"a": -9})]
    said = list(compare_with_earlier("a", {"drop": allowed}, now, earlier))
    assert bool(said) == (before - now > allowed + 1e-9)
    assert all("run with had" in text for text in said)
    assert not list(compare_with_earlier("a", {"rise": allowed}, now, [])) + list(
        compare_with_earlier("a", {"drop": 0}, None, earlier)
    )


def test_a_gate_without_anything_to_compare_with_says_so():
    rule = {"a": {"min": 0.5, "drop": 0.1}}
    assert judge_gates(rule, Scene({"a": 0.6})) == [
        {"gate": "a", "rule": ">= 0.5, drop <= 0.1", "value": 0.6, "passed": True, "note": "no good run before this one has it, so nothing was compared"}
    ]  # fmt: skip
    worse = judge_gates(rule, Scene({"a": 0.6}, earlier=[begun(metrics={"a": 0.8})]))[0]
    assert (worse["passed"], worse["reason"]) == (False, "run first had 0.8")


GATED = [
    "score = 0.5\nrows = 3",
    "import dcai, pandas as pd, time",
    "held = b'x' * 50_000_000\ntime.sleep(0.3)",
    "pd.DataFrame({'id': range(rows)}).to_csv('out.csv', index=False)\ndcai.record(score=score)",
]
RULES = {
    "floor": {"score": ">= 0.9"}, "drop": {"score": {"drop": 0.1}}, "schema": {"schema": {"out.csv": {"columns": {"id": {"type": "integer", "max": 1}}}}},
    "time": {"time": 0.2}, "memory": {"memory": "10 MB"}, "size": {"size": {"out.csv": {"max": 2}}},
    "label quality": {"label_quality": {"data": "noisy.csv", "label": "y", "key": ["id"], "max_wrong": 0.05}},
}  # fmt: skip


@pytest.fixture(scope="module")
def pool():
    with KernelPool(preload=["pandas"]) as made:
        yield made


@pytest.mark.parametrize("kind", RULES)
def test_a_gate_of_each_kind_stops_a_run_with_its_exit_code(repo, pool, kind):
    write(repo / "night.ipynb", *GATED)
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 200)
    wrong = np.where(np.arange(200) < 50, 1 - truth, truth)
    pd.DataFrame({"id": range(200), "x": truth * 6 + random.normal(size=200), "y": wrong}).to_csv(
        "noisy.csv", index=False
    )
    (repo / "out.csv").write_text("yesterday")
    promote("night.ipynb", outputs=["out.csv"], gates=RULES[kind], check=False)
    if kind == "drop":  # it needs a run to fall behind
        assert run("night", {"score": 0.8}, kernels=pool).exit_code == 0
        (repo / "out.csv").write_text("yesterday")
    done = run("night", kernels=pool)
    assert (done.status, done.exit_code) == ("gate_failed", 3), done.record.error
    assert [g["passed"] for g in done.record.gates] == [False]
    assert (repo / "out.csv").read_text() == "yesterday"


def test_label_quality_counts_what_an_audit_expects_and_a_review_has_not_settled(tmp_path):
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 400)
    table = pd.DataFrame({"id": np.arange(400), "x": truth * 6 + random.normal(size=400), "y": truth})
    gates = {"label_quality": {"data": "t.csv", "label": "y", "key": ["id"], "max_wrong": 0.05}}
    table.to_csv(tmp_path / "t.csv", index=False)
    clean = judge_gates(gates, Scene(root=tmp_path))[0]
    assert clean["passed"]
    assert clean["value"] <= 0.05
    table.loc[:79, "y"] = 1 - table.loc[:79, "y"]
    table.to_csv(tmp_path / "t.csv", index=False)
    noisy = judge_gates(gates, Scene(root=tmp_path))[0]
    assert not noisy["passed"]
    assert noisy["value"] > 0.05
    low, high = map(float, re.findall(r"[\d.]+", noisy["note"]))
    assert low <= 0.2 <= high
    unknown = judge_gates({"label_quality": {**gates["label_quality"], "label": "z"}}, Scene(root=tmp_path))[0]
    assert (unknown["passed"], unknown["value"]) == (False, None)
    assert "'z'" in unknown["reason"]


# ---------------------------------------------------------------- what is true or false, and drift


@pytest.mark.parametrize(
    ("rule", "value", "passed"),
    [
        (True, True, True), (True, False, False), (False, False, True), (False, 0, True), (True, None, False), (False, "", False),
        ("== 1", True, True), ("== 1", False, False), ("!= 0", True, True), ("== 0", False, True),
        (">= 0.5", True, False), ({"max": 1}, True, False),
    ],
)  # fmt: skip
def test_gates_judge_what_is_true_or_false_by_equality_alone(rule, value, passed):
    metrics = {} if value is None else {"good": value}
    declarations.check_gates({"good": rule}, "pipeline.yaml")
    judged = judge_gates({"good": rule}, Scene(metrics))
    assert [g["passed"] for g in judged] == [passed]
    assert isinstance(judged[0]["rule"], str)


def test_what_a_drift_records_passes_gates_or_fails_them():
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=200)})
    gates = {"drifted": False, "changes": "== 0"}
    same, other = (drift(frame, frame + add).to_metrics() for add in (0, 3))
    assert all(g["passed"] for g in judge_gates(gates, Scene(same)))
    failed = judge_gates(gates | {"good": ">= 1"}, Scene(other | {"good": True}))
    assert not any(g["passed"] for g in failed)
    assert failed[-1]["reason"] == "true has no order: expect true or false"


def test_a_gate_stops_a_table_that_has_drifted(tmp_path):
    random = np.random.default_rng(1)
    rows = pd.DataFrame({"id": range(300), "patient": np.arange(300) // 3, "x": random.normal(size=300)})
    rows.to_csv(tmp_path / "old.csv", index=False)
    rows.assign(id=rows["id"] + 300, patient=rows["patient"] + 100).to_csv(tmp_path / "like.csv", index=False)
    rows.assign(x=rows["x"] + 2).to_csv(tmp_path / "new.csv", index=False)
    (tmp_path / "broken.csv").write_text("a,a\n1,2\n")
    rule = {"reference": "old.csv", "key": ["id"], "groups": "patient", "alpha": 0.01, "volume": 0.2}
    gates = {"drift": dict.fromkeys(("like.csv", "new.csv", "gone.csv", "broken.csv"), rule)}
    declarations.check_gates(gates, "pipeline.yaml")
    judged = {g["gate"]: g for g in judge_gates(gates, Scene(root=tmp_path))}
    assert judged["drift like.csv"] == {
        "gate": "drift like.csv", "rule": "like old.csv", "value": "no drift", "passed": True,
    }  # fmt: skip
    assert judged["drift new.csv"] == {
        "gate": "drift new.csv", "rule": "like old.csv", "value": "1 change", "passed": False, "reason": "x",
    }  # fmt: skip
    assert (judged["drift gone.csv"]["value"], judged["drift gone.csv"]["passed"]) == (None, False)
    assert "There is no file" in judged["drift gone.csv"]["reason"]
    assert (judged["drift broken.csv"]["value"], judged["drift broken.csv"]["passed"]) == ("unreadable", False)


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ({"drift": {"a.csv": {"label": "y"}}}, "'gates.drift.a.csv' in pipeline.yaml needs 'reference'"),
        ({"drift": {"a.csv": {"reference": "b.csv", "volume": 2}}}, "must be a number between 0 and 1. Got 2 instead."),
        ({"drift": {"a.csv": {"reference": "b.csv", "key": "id"}}}, "must be a list of columns. Got 'id' instead."),
        ({"accuracy": 3}, "must be a comparison such as '>= 0.9'. Got 3 instead. Or write true, false, or a mapping of min, max, drop, rise."),
    ],
)  # fmt: skip
def test_a_wrong_gate_is_refused_with_its_place(gates, said):
    with pytest.raises(InputError) as raised:
        declarations.check_gates(gates, "pipeline.yaml")
    assert said in str(raised.value)
