"""`pipeline.yaml`: read, checked, and written again so that comments and hand edits survive."""

from __future__ import annotations

import io
import operator
import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, MissingError, shorten
from dcai.pipelines.journal import Journal

MANIFEST, PIPELINE_NOTEBOOK = "pipeline.yaml", "pipeline.ipynb"
_HEAD = "# Made by `dcai promote`. Edits and comments made here are kept when the notebook is promoted again.\n"
_GATE = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt
}  # fmt: skip
# What a manifest holds, and the type of each.
_FIELDS: dict[str, type] = {
    "name": str, "notebook": str, "source": str, "kernel": str, "parameters": dict, "inputs": list, "outputs": list,
    "corrections": list, "gates": dict, "timeout": dict,
}  # fmt: skip
# Fields of the format that are refused rather than ignored: whoever writes one relies on it.
_NOT_YET = ("upstream", "triggers", "environment", "retries")


def read_yaml(path: Path, what: str) -> Any:
    """Read a YAML file with its comments; what cannot be read is an error that names the line."""
    if not path.is_file():
        raise MissingError(f"There is no {what} at {str(path)!r}. Check the path.")
    try:
        return _parse(path.read_text("utf-8"), path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {error}.") from error


def _parse(text: str, path: Path) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        return _yaml().load(text)
    except (YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        reason = getattr(error, "problem", None) or str(error)
        raise InputError(f"{path}{line} is not valid YAML: {shorten(str(reason))}. Correct it by hand.") from error


def read_manifest(path: Path) -> Any:
    """Read and check a `pipeline.yaml`."""
    return check_manifest(read_yaml(path, "pipeline"), path)


def parse_manifest(text: str, path: Path) -> Any:
    """Check the text of a `pipeline.yaml` before it is written to `path`."""
    return check_manifest(_parse(text, path), path)


def check_manifest(found: Any, path: Path) -> Any:
    """Refuse a manifest with unknown fields or values of the wrong form."""
    if not isinstance(found, dict):
        raise InputError(f"{path} must hold a mapping with name, notebook and parameters. Promote the notebook again.")
    for key, value in found.items():
        if key in _NOT_YET:
            raise InputError(f"{key!r} in {path} is not supported by this version yet. Remove it.")
        if key not in _FIELDS:
            raise InputError.unknown_name(f"field of {path.name}", key, _FIELDS, f"Correct {path}.")
        if not isinstance(value, _FIELDS[key]):
            expected = {"str": "a text", "dict": "a mapping", "list": "a list"}[_FIELDS[key].__name__]
            raise InputError(f"{key!r} in {path} must be {expected}. Got {shorten(repr(value))} instead.")
    for key in ("inputs", "outputs", "corrections"):
        if not all(isinstance(p, str) for p in found.get(key, [])):
            raise InputError(
                f"{key!r} in {path} must be a list of paths. Got {shorten(repr(list(found[key])))} instead."
            )
    properties = found.get("parameters", {}).get("properties", {})
    if not isinstance(properties, dict) or not all(isinstance(s, dict) for s in properties.values()):
        raise InputError(f"'parameters' in {path} must be a JSON Schema object with 'properties'. Promote again.")
    check_gates(found.get("gates", {}), str(path))
    for key, seconds in found.get("timeout", {}).items():
        if (
            key not in ("cell", "run")
            or isinstance(seconds, bool)
            or not isinstance(seconds, (int, float))
            or not 0 < seconds < float("inf")
        ):
            raise InputError(f"'timeout' in {path} holds seconds above 0 for 'cell' and 'run'. Got {key}: {seconds!r}.")
    return found


def builtin(value: Any) -> Any:
    """Turn what the YAML library reads (its own mappings, numbers and texts) into Python's own types."""
    if isinstance(value, dict):
        if wrong := [k for k in value if not isinstance(k, str)]:
            raise InputError(f"The file holds the key {wrong[0]!r}, which is no text. Put it in quotes.")
        return {str(k): builtin(v) for k, v in value.items()}
    if isinstance(value, list):
        return [builtin(v) for v in value]
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    raise InputError(
        f"The file holds a value that is no plain data: {shorten(repr(value))}. Write text, numbers or lists."
    )


def check_gates(gates: Mapping[str, Any], where: str) -> None:
    """Refuse gates that are no comparison of a metric with a number."""
    for metric, rule in gates.items():
        if not isinstance(metric, str) or not isinstance(rule, str) or not _GATE.fullmatch(rule):
            raise InputError(
                f"The gate {metric!r} of {where} must be a comparison such as '>= 0.9'. Got {shorten(repr(rule))} instead."
            )


def judge_gates(gates: Mapping[str, str], metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each gate with the value it saw and whether it passed; a metric that was not recorded does not pass."""
    judged = []
    for metric, rule in gates.items():
        match = _GATE.fullmatch(rule)
        assert match is not None
        value = metrics.get(metric)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        passed = is_number and _COMPARE[match[1]](value, float(match[2]))
        judged.append({"gate": metric, "rule": rule, "value": value, "passed": bool(passed)})
    return judged


def hold_gates(gates: Mapping[str, str], journal: Journal) -> list[dict[str, Any]]:
    """Judge gates at the end of a run and journal a failure.

    A run that stopped on purpose need not have come to its metrics, but those that it recorded count.
    """
    judged = judge_gates(gates, journal.tally.metrics)
    stopped = journal.tally.status == "stopped"
    failed = [g for g in judged if not g["passed"] and not (stopped and g["value"] is None)]
    if failed:
        said = "; ".join(f"{g['gate']} is {g['value']!r}, expected {g['rule']}" for g in failed)
        journal.write("error", status="gate_failed", error="GateFailed", message=f"{said}.")
    return judged


def write_manifest(old: Path | None, base: Mapping[str, Any], new: Mapping[str, Any], stated: Mapping[str, Any]) -> str:
    """Return the text of a manifest: `old` with what changed from `base` to `new`, and what was `stated` on top.

    A value that differs from `base` (what the last promotion made) was edited by hand, and stays.
    """
    if old is None:
        from ruamel.yaml.comments import CommentedMap

        document = CommentedMap()
        _merge(document, {}, {**new, **stated})
        return _HEAD + _dump(document)
    text = old.read_text("utf-8")
    document = read_manifest(old)
    before = _dump(document)
    _merge(document, base, new)
    known = new["parameters"]["properties"]
    properties = document.setdefault("parameters", {}).setdefault("properties", {})
    for gone in [p for p in properties if p not in known]:
        del properties[gone]  # the notebook has no such parameter any more, edited or not
    for key, value in stated.items():
        _state(document, key, value)
    after = _dump(document)
    return text if after == before else after


def _merge(document: Any, base: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for key, value in new.items():
        if key not in document:
            if key not in base:  # else it was deleted by hand
                document[key] = _plain(value)
        elif isinstance(value, Mapping) and isinstance(document[key], dict):
            inner = base.get(key)
            _merge(document[key], inner if isinstance(inner, Mapping) else {}, value)
        elif key in base and document[key] == base[key] and document[key] != value:
            document[key] = _plain(value)
    for key in [k for k in document if k in base and k not in new and document[k] == base[k]]:
        del document[key]


def _state(document: Any, key: str, value: Any) -> None:
    if key == "parameters":
        properties = document["parameters"]["properties"]
        for name in [n for n in properties if n not in value]:
            del properties[name]
        for name, schema in value.items():
            properties.setdefault(name, _plain(schema))
            if "default" in schema and properties[name].get("default") != schema["default"]:
                properties[name]["default"] = _plain(schema["default"])
    elif document.get(key) != value:
        document[key] = _plain(value)


def _plain(value: Any) -> Any:
    """Copy nested data, so that YAML writes no anchors for what occurs twice."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()  # the round-trip loader: keeps comments, makes no objects of unknown tags
    yaml.preserve_quotes = True
    yaml.width = 120
    return yaml


def _dump(document: Any) -> str:
    stream = io.StringIO()
    _yaml().dump(document, stream)
    return stream.getvalue()
