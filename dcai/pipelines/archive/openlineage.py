"""What a run tells other tools of its data: OpenLineage run events, one JSON line each, in a file of the run's folder."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from dcai import __version__
from dcai.base import contract, store
from dcai.base.records import FileHash, RunRecord

EVENTS = "openlineage.jsonl"
_SPEC = "https://openlineage.io/spec"
_SCHEMA = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_PRODUCER = f"urn:dcai:{__version__}"
# Runs are named by a UUID in the specification; ours follow from their names, so that every event of a run agrees.
_RUNS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:dcai:run")
# How a run's end is called there; all that did not come to its end by itself failed.
_ENDS = {"running": "START", "succeeded": "COMPLETE", "stopped": "COMPLETE", "interrupted": "ABORT"}
# Where the facets that we use are described.
_FACETS = {
    "errorMessage": "facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
    "executionParameters": "facets/1-0-0/ExecutionParametersRunFacet.json#/$defs/ExecutionParametersRunFacet",
    "jobType": "facets/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
    "version": "facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
    "dcai_run": "2-0-2/OpenLineage.json#/$defs/RunFacet",
}


def append_event(folder: Path, record: RunRecord) -> None:
    """Write the event of a record that was just written in the run's folder; what was told already is not told twice.

    A disk that takes no event does not keep a record from being settled.
    """
    with suppress(OSError):
        path = folder / EVENTS
        told = path.read_text("utf-8", "replace") if path.is_file() else ""
        event = make_event(record, folder.parents[2])
        if event["eventType"] not in map(_kind_of, told.split("\n")):
            # A line that a killed writer has torn is ended, so that this one is not glued to it.
            torn = [""] if told and not told.endswith("\n") else []
            store.append_lines(path, [*torn, json.dumps(event, ensure_ascii=True)])


def _kind_of(line: str) -> str | None:
    """Return what a line tells of; None where it is torn, or otherwise damaged."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return str(event.get("eventType")) if isinstance(event, dict) else None


def tell_anew(folder: Path, record: RunRecord) -> None:
    """Tell of the start of a run that was made elsewhere and has moved to its folder; its end is told with its record."""
    with suppress(OSError):
        (folder / EVENTS).unlink(missing_ok=True)
    outputs = [FileHash(one.path, None, None) for one in record.outputs]
    append_event(folder, replace(record, status="running", ended=None, error=None, metrics={}, outputs=outputs))


def make_event(record: RunRecord, root: Path) -> dict[str, Any]:
    """Say in the words of OpenLineage where a run stands.

    Parameters
    ----------
    record : RunRecord
        The run.
    root : Path
        The repository; its folder's name is the namespace of its jobs.
    """
    kind = _ENDS.get(record.status, "FAIL")
    if record.status == "stopped" and record.exit_code:
        kind = "FAIL"
    run = {"runId": str(uuid.uuid5(_RUNS, f"{record.pipeline}/{record.run}")), "facets": _run_facets(record)}
    job_type = _facet("jobType", processingType="BATCH", integration="DCAI", jobType="NOTEBOOK")
    job = {"namespace": root.resolve().name or "/", "name": record.pipeline, "facets": {"jobType": job_type}}
    return {
        "eventType": kind,
        "eventTime": record.started if kind == "START" else record.ended or record.started,
        "producer": _PRODUCER,
        "schemaURL": _SCHEMA,
        "run": run,
        "job": job,
        "inputs": _datasets([*record.inputs, *record.corrections], root),
        "outputs": _datasets(record.outputs, root),
    }


def _run_facets(record: RunRecord) -> dict[str, Any]:
    facets = {
        "executionParameters": _facet(
            "executionParameters",
            parameters=[{"key": k, "value": _as_text(v)} for k, v in record.parameters.items()],
        ),
        "dcai_run": _facet(
            "dcai_run", run=record.run, status=record.status, commit=record.commit, dirty=record.dirty,
            metrics=contract.for_browser(record.metrics),
        ),
    }  # fmt: skip
    if record.error is not None:
        said = f"{record.error.error}: {record.error.message}"
        facets["errorMessage"] = _facet("errorMessage", message=said, programmingLanguage="PYTHON")
    return facets


def _as_text(value: Any) -> str:
    """Write a value as the specification has those of parameters: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else contract.to_json(value)


def _facet(name: str, **facts: Any) -> dict[str, Any]:
    return {"_producer": _PRODUCER, "_schemaURL": f"{_SPEC}/{_FACETS[name]}", **facts}


def _datasets(files: Iterable[FileHash], root: Path) -> list[Mapping[str, Any]]:
    """Name files as the specification names those of a local disk; the hash of a file is its version."""
    return [
        {
            "namespace": "file",
            "name": (root.resolve() / one.path).as_posix(),
            "facets": {} if one.sha256 is None else {"version": _facet("version", datasetVersion=one.sha256)},
        }
        for one in files
    ]
