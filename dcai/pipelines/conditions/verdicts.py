"""The gates of a pipeline, judged: each gets its rule, the value that it saw, and whether it passed."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcai.base.errors import DcaiError, MissingError, shorten
from dcai.base.records import Resources, RunRecord
from dcai.pipelines.archive.journal import Journal
from dcai.pipelines.conditions import table_drift, table_schemas
from dcai.pipelines.definitions import declarations

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt
}  # fmt: skip
_SIGNS = {"min": ">=", "max": "<=", "drop": "drop <=", "rise": "rise <="}
Verdict = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """What gates are judged by: a run's metrics and resources, its files, and the good runs before it, latest first."""

    metrics: Mapping[str, Any] = field(default_factory=dict)
    resources: Resources | None = None
    root: Path | None = None
    logs: Sequence[str] = ()
    earlier: Sequence[RunRecord] = ()
    artifacts: Path | None = None
    staged: Sequence[str] = ()

    def home_of(self, name: str) -> Path | None:
        """Return the folder that a file's path starts from: the root, or the run's artifacts where it is still there."""
        file = name.partition("#")[0]
        is_staged = any(file == path or file.startswith(f"{path}/") for path in self.staged)
        return self.artifacts if is_staged else self.root


def judge_gates(gates: Mapping[str, Any], scene: Scene) -> list[Verdict]:
    """Return each gate with the value it saw and whether it passed; what was not recorded or cannot be read does not.

    Examples
    --------
    >>> judge_gates({"accuracy": ">= 0.9"}, Scene({"accuracy": 0.95}))
    [{'gate': 'accuracy', 'rule': '>= 0.9', 'value': 0.95, 'passed': True}]
    """
    judged = [_judge_metric(name, rule, scene) for name, rule in declarations.metric_gates(gates).items()]
    used = scene.resources
    if "time" in gates:
        judged.append(_judge_bounds("time", {"max": gates["time"]}, used and used.wall))
    if "memory" in gates:
        most = declarations.bytes_of(gates["memory"])
        judged.append(_judge_bounds("memory", {"max": most}, used and used.peak_memory))
    for path, rule in gates.get("size", {}).items():
        bounds = {side: declarations.bytes_of(size) for side, size in rule.items()}
        judged.append(_judge_bounds(f"size {path}", bounds, size_of(scene.home_of(path), path)))
    if "label_quality" in gates:
        judged.append(_judge_labels(gates["label_quality"], scene))
    judged += [_judge_drift(path, rule, scene) for path, rule in gates.get("drift", {}).items()]
    return [*judged, *(_judge_table(path, rule, scene.home_of(path)) for path, rule in gates.get("schema", {}).items())]


def judge_tables(gates: Mapping[str, Any], root: Path, files: Sequence[str]) -> list[Verdict]:
    """Judge the declared schemas of the tables in some files."""
    found = gates.get("schema", {})
    return [_judge_table(path, rule, root) for path, rule in found.items() if path.partition("#")[0] in files]


def hold_gates(gates: Mapping[str, Any], journal: Journal, scene: Scene) -> list[Verdict]:
    """Judge gates at the end of a run and journal a failure.

    A run that stopped on purpose need not have come to its metrics, but those that it recorded count.
    """
    judged = judge_gates(gates, scene)
    stopped = journal.tally.status == "stopped"
    report(journal, [g for g in judged if not g["passed"] and not (stopped and g["value"] is None)])
    return judged


def report(journal: Journal, failed: Sequence[Verdict]) -> None:
    """Journal the gates that did not pass, as what ended the run."""
    if failed:
        said = "; ".join(_say_failed(g) for g in failed)
        journal.write("error", status="gate_failed", error="GateFailed", message=f"{said}.")


def _say_failed(verdict: Verdict) -> str:
    reason = verdict.get("reason")
    return f"{verdict['gate']} is {verdict['value']!r}, expected {verdict['rule']}{f' ({reason})' if reason else ''}"


def say_rule(rule: Any) -> str:
    """Write the rule for a metric on one line.

    Examples
    --------
    >>> say_rule({"min": 0.9, "drop": 0.02})
    '>= 0.9, drop <= 0.02'
    """
    if isinstance(rule, Mapping):
        return ", ".join(f"{_SIGNS[k]} {v}" for k, v in rule.items())
    return str(rule).lower() if isinstance(rule, bool) else str(rule)


# ---------------------------------------------------------------- numbers


def _judge_metric(name: str, rule: Any, scene: Scene) -> Verdict:
    value = scene.metrics.get(name)
    if isinstance(rule, bool) or (isinstance(value, bool) and isinstance(rule, str)):
        return _judge_flag(name, rule, value)
    if isinstance(rule, str):
        sign, wanted = _read_comparison(rule)
        passed = is_number(value) and _COMPARE[sign](value, wanted)
        return {"gate": name, "rule": rule, "value": value, "passed": passed}
    judged = _judge_bounds(name, rule, value, list(compare_with_earlier(name, rule, value, scene.earlier)))
    if {"drop", "rise"} & set(rule) and not any(is_number(one.metrics.get(name)) for one in scene.earlier):
        judged["note"] = "no good run before this one has it, so nothing was compared"
    return judged


def _judge_flag(name: str, rule: bool | str, value: Any) -> Verdict:  # noqa: FBT001 (a rule of the manifest, passed on)
    """Judge what is true or false: it is equal to a rule or not, also to one that calls it 1 or 0, and has no order."""
    made: Verdict = {"gate": name, "rule": say_rule(rule), "value": value, "passed": False}
    sign, wanted = ("==", rule) if isinstance(rule, bool) else _read_comparison(rule)
    if isinstance(value, bool) and sign not in ("==", "!="):
        return made | {"reason": f"{say_rule(value)} has no order: expect true or false"}
    return made | {"passed": isinstance(value, (bool, int, float)) and _COMPARE[sign](value, wanted)}


def _read_comparison(rule: str) -> tuple[str, float]:
    match = declarations.COMPARISON.fullmatch(rule)
    assert match is not None  # its form was checked when the manifest was read
    return match[1], float(match[2])


def _judge_bounds(gate: str, rule: Mapping[str, Any], value: Any, reasons: Sequence[str] = ()) -> Verdict:
    passed = is_number(value) and value >= rule.get("min", -math.inf) and value <= rule.get("max", math.inf)
    made = {"gate": gate, "rule": say_rule(rule), "value": value, "passed": bool(passed) and not reasons}
    return made | ({"reason": "; ".join(reasons)} if reasons else {})


def compare_with_earlier(name: str, rule: Mapping[str, Any], value: Any, earlier: Sequence[RunRecord]) -> Iterator[str]:
    """Say how a metric fell or rose more than it may since the latest good run that has it; nothing without one."""
    last = next((one for one in earlier if is_number(one.metrics.get(name))), None)
    if last is None or not is_number(value):
        return
    before = last.metrics[name]
    # A difference of two decimal numbers, such as 0.92 - 0.9, is not exactly what people read.
    slack = 1e-9 * max(1.0, abs(before), abs(value))
    fell, rose = before - value - slack, value - before - slack
    if fell > rule.get("drop", math.inf) or rose > rule.get("rise", math.inf):
        yield f"run {last.run} had {before:.6g}"


def is_number(value: Any) -> bool:
    """Tell whether a recorded value can be compared with a bound."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def size_of(root: Path | None, name: str) -> int | None:
    """Return the bytes of a file, or of all files in a folder; None where there is nothing."""
    if root is None or not (root / name).exists():
        return None
    path = root / name
    return path.stat().st_size if path.is_file() else sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


# ---------------------------------------------------------------- tables and labels


def _judge_table(name: str, schema: Mapping[str, Any], root: Path | None) -> Verdict:
    made: Verdict = {"gate": f"schema {name}", "rule": "as declared", "value": None, "passed": False}
    try:
        frame = table_schemas.read_table(root or Path(), name)
    except MissingError as error:
        return made | {"reason": shorten(str(error), 300)}
    except DcaiError as error:
        return made | {"value": "unreadable", "reason": shorten(str(error), 300)}
    problems = table_schemas.find_problems(frame, schema, is_text=table_schemas.is_text_file(name))
    made |= {"value": f"{len(problems)} differences" if problems else "as declared", "passed": not problems}
    return made | ({"reason": shorten("; ".join(problems), 600)} if problems else {})


def _judge_drift(path: str, rule: Mapping[str, Any], scene: Scene) -> Verdict:
    """Judge whether a table is like its reference; remarks do not count."""
    made: Verdict = {"gate": f"drift {path}", "rule": f"like {rule['reference']}", "value": None, "passed": False}
    try:
        found = table_drift.measure_drift(scene.root or Path(), path, rule, scene.home_of(path))
    except MissingError as error:
        return made | {"reason": shorten(str(error), 300)}
    except DcaiError as error:
        return made | {"value": "unreadable", "reason": shorten(str(error), 300)}
    if not found.drifted:
        return made | {"value": "no drift", "passed": True}
    changes = found.to_metrics()["changes"]
    said = f"{changes} {'change' if changes == 1 else 'changes'}"
    return made | {"value": said, "reason": shorten(table_drift.name_drift(found), 300)}


def _judge_labels(rule: Mapping[str, Any], scene: Scene) -> Verdict:
    """Judge the share of wrong labels that an audit expects in a table, what its review has settled left out."""
    made: Verdict = {
        "gate": "label_quality", "rule": f"wrong labels <= {rule['max_wrong']:g}", "value": None, "passed": False,
    }  # fmt: skip
    try:
        expected = _expect_wrong(rule, scene)
    except DcaiError as error:
        return made | {"reason": shorten(str(error), 300)}
    if expected is None:
        return made | {"reason": "the audit could not estimate it; see `dcai audit`"}
    share, low, high = expected
    said = f"between {low:.3g} and {high:.3g}, by the audit's own account"
    return made | {"value": round(share, 4), "passed": share <= rule["max_wrong"], "note": said}


def _expect_wrong(rule: Mapping[str, Any], scene: Scene) -> tuple[float, float, float] | None:
    """Return the expected share of wrong labels, and between which it lies."""
    from dcai.corrections.log import CorrectionLog
    from dcai.findings.report import audit

    root = scene.root or Path()
    frame = table_schemas.read_table(scene.home_of(rule["data"]) or root, rule["data"])
    found = audit(frame, rule["label"], key=rule.get("key"), detectors=["labels"], progress=False)
    for path in scene.logs:
        if (root / path).is_file() and (log := CorrectionLog.read(root / path)).label == rule["label"]:
            found = found.refine(log, progress=False)
    expected = found.expected_errors
    if expected is None or not len(frame):
        return None
    return expected.estimate / len(frame), expected.low / len(frame), expected.high / len(frame)
