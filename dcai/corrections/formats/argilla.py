"""Decisions as Argilla's records and responses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from dcai.base.errors import InputError
from dcai.corrections.formats.containers import (
    Container,
    Said,
    read_lines_of,
    read_list,
    read_value,
    write_lines,
    write_value,
)

_PEOPLE = uuid.UUID("6f1b1f1e-3c1c-5d0a-9b61-0d6f3a1c7d2e")


def write_argilla(containers: Sequence[Container]) -> str:
    """Write containers as Argilla's JSON records: responses to the questions `verdict`, `column`, `value` and `note`."""
    records = []
    for number, box in enumerate(containers, 1):
        people = {said.by: str(uuid.uuid5(_PEOPLE, said.by)) for said in box.said}
        records.append(
            {
                "id": str(number),
                "fields": {name: "" if v is None else str(v) for name, v in box.cells.items()},
                "metadata": {
                    "dcai": write_lines(box),
                    "people": json.dumps([[number, by] for by, number in people.items()]),
                },
                "suggestions": {c: {"value": v, "score": None, "agent": "dcai"} for c, v in box.suggested.items()},
                "responses": _responses(box.said, people),
                "vectors": {},
                "status": "completed" if box.said else "pending",
            }
        )
    return json.dumps(records, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


_ANSWERS: dict[str, Callable[[Said], str]] = {
    "verdict": lambda said: said.verdict,
    "cell": lambda said: write_value([said.column, said.part]),
    "value": lambda said: write_value(said.value),
    "note": lambda said: said.note,
}


def _responses(said: Sequence[Said], people: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    """Answer each question once for each person: one who decided several cells of a row answers with a list."""
    if not said:
        return {}
    own = {by: [one for one in said if one.by == by] for by in people}
    return {
        question: [
            {
                "value": answer(ones[0]) if len(ones) == 1 else write_value([answer(one) for one in ones]),
                "user_id": people[by],
            }
            for by, ones in own.items()
        ]
        for question, answer in _ANSWERS.items()
    }


def read_argilla(text: str, name: str) -> list[Container]:
    """Read records that Argilla exported as JSON."""
    boxes = []
    for number, record in enumerate(read_list(text, name), 1):
        place = f"Record {number} of {name}"
        metadata = record.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        key, lines = read_lines_of(metadata.get("dcai"), place)
        people = _read_people(metadata.get("people"))
        responses = record.get("responses") or {}
        if not isinstance(responses, dict):
            raise InputError(f"{place} has no responses by question. Export with dataset.records.to_json(path).")
        said = _said_in_record(responses, people, place)
        cells = record.get("fields")
        boxes.append(Container(key, lines, said, cells if isinstance(cells, dict) else {}))
    return boxes


def _read_people(text: object) -> dict[str, str]:
    """Return the names of the people who answered, by their number in Argilla, as far as the file tells."""
    found = read_value(text) if isinstance(text, str) else None
    pairs = [p for p in (found if isinstance(found, list) else ()) if isinstance(p, list) and len(p) == 2]  # noqa: PLR2004 (a number and a name)
    return {str(number): str(name) for number, name in pairs}


def _said_in_record(responses: dict[str, Any], people: dict[str, str], place: str) -> list[Said]:
    by_user: dict[str, dict[str, Any]] = {}
    for question, answers in responses.items():
        for answer in answers or ():
            if not isinstance(answer, dict) or "value" not in answer:
                raise InputError(f"{place} has a response without a value. Export with dataset.records.to_json(path).")
            by_user.setdefault(str(answer.get("user_id")), {})[question] = answer["value"]
    found = []
    for user, answers in by_user.items():
        by = people.get(user, f"argilla user {user}")
        found += _said_in_answers(by, answers) if "verdict" in answers else _said_of_label(by, answers)
    return found


def _said_in_answers(by: str, answers: dict[str, Any]) -> list[Said]:
    """Read the answers to the questions that `write_argilla` asks."""
    verdicts = read_value(str(answers["verdict"]))
    several = isinstance(verdicts, list)

    def each(question: str) -> list[Any]:
        found = answers.get(question)
        return list(read_value(str(found))) if several else [found]

    names = [str(v) for v in each("verdict")]
    rest = [each(q) if q in answers else [None] * len(names) for q in ("cell", "value", "note")]
    found = []
    for verdict, cell, value, note in zip(names, *rest, strict=True):
        column, part = read_value(str(cell)) if cell else (None, None)
        found.append(
            Said(by, verdict, column, part, None if value is None else read_value(str(value)), str(note or ""))
        )
    return found


def _said_of_label(by: str, answers: dict[str, Any]) -> list[Said]:
    """Read answers to questions that are named after columns."""
    return [
        Said(by, "ambiguous" if isinstance(v, list) and len(v) > 1 else "relabel", q, None, v[0] if isinstance(v, list) and len(v) == 1 else v)
        for q, v in answers.items()
    ]  # fmt: skip
