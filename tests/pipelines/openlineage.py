"""What the OpenLineage specification (2-0-2, https://openlineage.io/spec) asks of a run event and of the facets in it.

Written anew from its published schemas, as far as our events go; a facet that stands in none of them is refused.
"""

from __future__ import annotations

from jsonschema import Draft202012Validator, FormatChecker

SPEC = "https://openlineage.io/spec"
# Formats are checked by patterns too: what a checker does not know, it lets pass.
URI = {"type": "string", "format": "uri", "pattern": r"^[a-z][a-z0-9+.-]*:\S+$"}
MOMENT = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
}
RUN_ID = {"type": "string", "format": "uuid", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
TEXT = {"type": "string"}


def facet(schema, required=(), **properties):
    """A facet with the address of its own schema, below the specification's."""
    return {
        "type": "object",
        "properties": {"_producer": URI, "_schemaURL": {"const": f"{SPEC}/{schema}"}, **properties},
        "required": ["_producer", "_schemaURL", *required],
    }


def facets(**known):
    return {"type": "object", "properties": known, "additionalProperties": False}


PARAMETER = {
    "type": "object", "properties": {"key": TEXT, "name": TEXT, "value": TEXT}, "required": ["key"],
    "additionalProperties": False,
}  # fmt: skip
EMISSION = {
    "type": "object", "required": ["eventTrigger", "eventContentMode"],
    "properties": {"eventTrigger": TEXT, "eventContentMode": TEXT, "windowDuration": {"type": "integer", "minimum": 1}},
}  # fmt: skip
RUN_FACETS = facets(
    errorMessage=facet(
        "facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet", ["message", "programmingLanguage"],
        message=TEXT, programmingLanguage=TEXT, stackTrace=TEXT,
    ),
    executionParameters=facet(
        "facets/1-0-0/ExecutionParametersRunFacet.json#/$defs/ExecutionParametersRunFacet",
        parameters={"type": "array", "items": PARAMETER},
    ),
    dcai_run=facet("2-0-2/OpenLineage.json#/$defs/RunFacet"),  # a custom facet: its name begins with its maker's
)  # fmt: skip
JOB_FACETS = facets(
    jobType=facet(
        "facets/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet", ["processingType", "integration"],
        processingType=TEXT, integration=TEXT, jobType=TEXT, emissionPattern=EMISSION,
    ),
)  # fmt: skip
DATASET_FACETS = facets(
    version=facet(
        "facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet", ["datasetVersion"],
        datasetVersion=TEXT,
    ),
)  # fmt: skip
DATASETS = {
    "type": "array",
    "items": {
        "type": "object", "required": ["namespace", "name"],
        "properties": {"namespace": TEXT, "name": TEXT, "facets": DATASET_FACETS},
    },
}  # fmt: skip
RUN_EVENT = {
    "type": "object", "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": MOMENT, "producer": URI, "schemaURL": {"const": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"},
        "run": {"type": "object", "properties": {"runId": RUN_ID, "facets": RUN_FACETS}, "required": ["runId"]},
        "job": {
            "type": "object", "properties": {"namespace": TEXT, "name": TEXT, "facets": JOB_FACETS},
            "required": ["namespace", "name"],
        },
        "inputs": DATASETS, "outputs": DATASETS,
    },
}  # fmt: skip


def validate(event):
    """Raise where an event is none of the specification."""
    Draft202012Validator(RUN_EVENT, format_checker=FormatChecker()).validate(event)
