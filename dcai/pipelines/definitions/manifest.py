"""`pipeline.yaml`: read, checked, and written again so that comments and hand edits survive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, shorten
from dcai.base.yaml_text import dump_yaml, parse_yaml, read_yaml
from dcai.pipelines.definitions import declarations
from dcai.pipelines.names import MANIFEST, PIPELINE_NOTEBOOK

__all__ = ["MANIFEST", "PIPELINE_NOTEBOOK", "check_manifest", "parse_manifest", "read_manifest", "write_manifest"]

_HEAD = "# Made by `dcai promote`. Edits and comments made here are kept when the notebook is promoted again.\n"
# What a manifest holds, and the type of each.
_FIELDS: dict[str, type] = {
    "name": str, "notebook": str, "source": str, "kernel": str, "parameters": dict, "inputs": list, "outputs": list,
    "corrections": list, "upstream": list, "gates": dict, "triggers": dict, "environment": dict, "timeout": dict,
    "retries": dict, "on_failure": list, "smoke": dict, "snapshots": bool,
    "output_limit": object,
}  # fmt: skip


def read_manifest(path: Path) -> Any:
    """Read and check a `pipeline.yaml`."""
    return check_manifest(read_yaml(path, "pipeline"), path)


def parse_manifest(text: str, path: Path) -> Any:
    """Check the text of a `pipeline.yaml` before it is written to `path`."""
    return check_manifest(parse_yaml(text, path), path)


def check_manifest(found: Any, path: Path) -> Any:
    """Refuse a manifest with unknown fields or values of the wrong form."""
    if not isinstance(found, dict):
        raise InputError(f"{path} must hold a mapping with name, notebook and parameters. Promote the notebook again.")
    for key, value in found.items():
        if key not in _FIELDS:
            raise InputError.unknown_name(f"field of {path.name}", key, _FIELDS, f"Correct {path}.")
        if not isinstance(value, _FIELDS[key]):
            expected = {"str": "a text", "dict": "a mapping", "list": "a list", "bool": "true or false"}[
                _FIELDS[key].__name__
            ]
            raise InputError(f"{key!r} in {path} must be {expected}. Got {shorten(repr(value))} instead.")
    for key in ("inputs", "outputs", "corrections"):
        if not all(isinstance(p, str) for p in found.get(key, [])):
            raise InputError(
                f"{key!r} in {path} must be a list of paths. Got {shorten(repr(list(found[key])))} instead."
            )
    properties = found.get("parameters", {}).get("properties", {})
    if not isinstance(properties, dict) or not all(isinstance(s, dict) for s in properties.values()):
        raise InputError(f"'parameters' in {path} must be a JSON Schema object with 'properties'. Promote again.")
    declarations.check_gates(found.get("gates", {}), str(path))
    declarations.check_declarations(found, str(path))
    for key, seconds in found.get("timeout", {}).items():
        if (
            key not in ("cell", "run")
            or isinstance(seconds, bool)
            or not isinstance(seconds, (int, float))
            or not 0 < seconds < float("inf")
        ):
            raise InputError(f"'timeout' in {path} holds seconds above 0 for 'cell' and 'run'. Got {key}: {seconds!r}.")
    return found


def write_manifest(old: Path | None, base: Mapping[str, Any], new: Mapping[str, Any], stated: Mapping[str, Any]) -> str:
    """Return the text of a manifest: `old` with what changed from `base` to `new`, and what was `stated` on top.

    A value that differs from `base` (what the last promotion made) was edited by hand, and stays. What is stated is added
    to lists and mappings: what stands there stays, too.
    """
    if old is None:
        from ruamel.yaml.comments import CommentedMap

        document = CommentedMap()
        _merge(document, {}, {**new, **stated})
        return _HEAD + dump_yaml(document)
    text = old.read_text("utf-8")
    document = read_manifest(old)
    before = dump_yaml(document)
    _merge(document, base, new)
    known = new["parameters"]["properties"]
    properties = document.setdefault("parameters", {}).setdefault("properties", {})
    for gone in [p for p in properties if p not in known]:
        del properties[gone]  # the notebook has no such parameter any more, edited or not
    for key, value in stated.items():
        _state(document, key, value)
    after = dump_yaml(document)
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
        _state_parameters(document["parameters"]["properties"], value)
    elif isinstance(value, Mapping):
        _state_entries(document.setdefault(key, {}), value)
    elif isinstance(value, list):
        listed = document.setdefault(key, [])
        listed.extend(_plain(one) for one in value if one not in listed)
    elif document.get(key) != value:
        document[key] = _plain(value)


def _state_parameters(properties: Any, value: Mapping[str, Any]) -> None:
    for name in [n for n in properties if n not in value]:
        del properties[name]
    for name, schema in value.items():
        properties.setdefault(name, _plain(schema))
        if "default" in schema and properties[name].get("default") != schema["default"]:
            properties[name]["default"] = _plain(schema["default"])


def _state_entries(document: Any, value: Mapping[str, Any]) -> None:
    for name, one in value.items():
        if isinstance(one, Mapping) and isinstance(document.get(name), dict):
            _state_entries(document[name], one)
        elif document.get(name) != one:
            document[name] = _plain(one)


def _plain(value: Any) -> Any:
    """Copy nested data, so that YAML writes no anchors for what occurs twice."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
