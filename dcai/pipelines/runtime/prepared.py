"""What papermill hands to our engine, made right before a kernel starts: values checked and injected anew, as data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dcai.base.errors import InputError
from dcai.base.records import NotebookParameters
from dcai.pipelines.definitions.definition import Pipeline
from dcai.pipelines.notebooks.documents import INJECTED, is_tagged
from dcai.pipelines.notebooks.injection import given_to, inject, secrets_of
from dcai.pipelines.notebooks.parameters import find_idle, find_in, normalise, validate
from dcai.pipelines.notebooks.schemas import is_json, parse_text, problem_of

# What papermill injects by itself on request (--inject-paths) is no parameter of the notebook.
_OWN = ("PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH")


@dataclass(frozen=True)
class Prepared:
    """A notebook with its values, and the environment that carries the secrets among them."""

    notebook: Any
    found: NotebookParameters
    values: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict, repr=False)


def prepare(nb: Any, definition: Pipeline | None) -> Prepared:
    """Check the values that papermill was given, and build its injected cell anew; a pipeline's manifest has the say.

    Raises
    ------
    InputError
        A name is no parameter, or a value does not fit.
    """
    given = given_to(nb)
    own: dict[str, str] = {k: given[k] for k in _OWN if k in given}
    given = {k: v for k, v in given.items() if k not in own}
    found = find_in(nb, "the notebook")
    preset: dict[str, Any] = {}
    if definition is not None:
        preset, found = definition.preset(found), definition.offer(found)
    known = [p.name for p in found.parameters]
    hint = "" if found.cell is not None else "Tag the cell that assigns it 'parameters'."
    problems = [str(InputError.unknown_name("parameter", k, known, hint)) for k in given if k not in known]
    values = normalise(found, {**preset, **_read(found, given)})
    if not problems:
        problems = _problems(found, values) if definition is None else validate(found, values)
        if problems and any(
            p.schema.get("type") == "string" and _is_number(values.get(p.name)) for p in found.parameters
        ):
            problems.append("papermill's -p makes numbers of texts that look like some: give texts by -r NAME TEXT.")
    if problems:
        raise InputError("\n".join(problems))
    for sentence in find_idle(nb, found, given):
        warnings.warn(sentence, UserWarning, stacklevel=2)
    if not values and not any(is_tagged(c, INJECTED) for c in nb.cells):
        return Prepared(nb, found, values)
    folder = None if definition is None else definition.root
    return Prepared(inject(nb, values, found, also=own), found, values, secrets_of(found, values, folder))


def _read(found: NotebookParameters, given: Mapping[str, Any]) -> dict[str, Any]:
    """Read texts by the parameters' schemas: papermill's command line makes numbers and True of texts, and no more."""
    schemas = {p.name: p.schema for p in found.parameters if p.settable}
    values = dict(given)
    for name, value in given.items():
        if isinstance(value, str) and name in schemas and problem_of(name, schemas[name], value):
            values[name] = parse_text(name, schemas[name], value)
    return values


def _problems(found: NotebookParameters, values: Mapping[str, Any]) -> list[str]:
    """Say which values do not fit; what no schema describes, and what is no data, is for the injection to judge."""
    schemas = {p.name: p.schema for p in found.parameters if p.settable}
    problems = (problem_of(n, schemas[n], v) for n, v in values.items() if n in schemas and is_json(v))
    return [problem for problem in problems if problem]


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float))
