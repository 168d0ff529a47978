"""Decisions as Label Studio's tasks and annotations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dcai.base.errors import InputError
from dcai.corrections.formats.accounts import name_user, write_user
from dcai.corrections.formats.containers import Container, Said, read_lines_of, read_list, write_lines, write_value

# How an annotation says what was decided, beside the columns that it is about.
VERDICT, NOTE = "dcai_verdict", "dcai_note"


def write_label_studio(containers: Sequence[Container]) -> str:
    """Write containers as Label Studio's JSON: a task for each row, an annotation for each decision.

    The tasks fit a configuration with Choices named `dcai_verdict`, and for each column Choices or a TextArea named like it.
    """
    tasks = []
    for number, box in enumerate(containers, 1):
        data = {name: v for name, v in box.cells.items() if name != "dcai"} | {"dcai": write_lines(box)}
        predicted = [_choice(column, [value]) for column, value in box.suggested.items()]
        tasks.append(
            {
                "id": number,
                "data": data,
                "annotations": [_annotation(n, said) for n, said in enumerate(box.said, 1)],
                "predictions": [{"model_version": "dcai", "result": predicted}] if predicted else [],
            }
        )
    return json.dumps(tasks, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _annotation(number: int, said: Said) -> dict[str, Any]:
    about = {"column": said.column, "part": said.part, "value": said.value, "by": said.by}
    about |= {"verdict": said.verdict, "note": said.note}
    result = [{**_choice(VERDICT, [said.verdict]), "meta": {"dcai": about}}]
    values = said.value if isinstance(said.value, list) else [said.value]
    if said.column is not None and said.verdict in ("relabel", "ambiguous", "edit"):
        kind = _text if said.verdict == "edit" else _choice
        result.append(kind(said.column, values))
    if said.note:
        result.append(_text(NOTE, [said.note]))
    return {
        "id": number,
        "completed_by": write_user(said.by),
        "was_cancelled": False,
        "ground_truth": False,
        "result": result,
    }


def _choice(name: str, values: Sequence[Any]) -> dict[str, Any]:
    shown = [v if isinstance(v, str) else write_value(v) for v in values]
    return {"from_name": name, "to_name": "row", "type": "choices", "value": {"choices": shown}}


def _text(name: str, values: Sequence[Any]) -> dict[str, Any]:
    shown = ["" if v is None else v if isinstance(v, str) else write_value(v) for v in values]
    return {"from_name": name, "to_name": "row", "type": "textarea", "value": {"text": shown}}


def read_label_studio(text: str, name: str) -> list[Container]:
    """Read Label Studio's JSON export."""
    boxes = []
    for number, task in enumerate(read_list(text, name), 1):
        place = f"Task {number} of {name}"
        data = task.get("data")
        if not isinstance(data, dict):
            raise InputError(f"{place} has no data. Export from Label Studio as JSON, not as JSON-MIN.")
        key, lines = read_lines_of(data.get("dcai"), place)
        said = [one for a in task.get("annotations") or () for one in _said_in_task(a, place)]
        boxes.append(Container(key, lines, said, {k: v for k, v in data.items() if k != "dcai"}))
    return boxes


def _said_in_task(annotation: Any, place: str) -> list[Said]:
    if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
        raise InputError(f"{place} has an annotation without a result. Export from Label Studio as JSON.")
    items = {str(i.get("from_name")): i for i in annotation["result"] if isinstance(i, dict)}
    verdict, note = items.pop(VERDICT, None), items.pop(NOTE, None)
    about = ((verdict or {}).get("meta") or {}).get("dcai") or {}
    remark = "" if note is None else "\n".join(map(str, _values(note)))
    chosen = None if verdict is None else str(next(iter(_values(verdict)), ""))
    own = name_user(annotation.get("completed_by"))
    by = about.get("by") or own

    def name_author(verdict: str, value: Any) -> str:
        """What was changed in the tool is its user's word, and no longer that of who decided before."""
        before = (about.get("verdict", verdict), about.get("value"), about.get("note", remark))
        return by if (verdict, value, remark) == before else own or by

    if annotation.get("was_cancelled"):
        return [Said(own or by, "unsure", about.get("column"), about.get("part"), None, remark)]
    if not items:
        if chosen is None:
            return []
        return [Said(name_author(chosen, None), chosen, about.get("column"), about.get("part"), None, remark)]
    found = []
    for column, item in items.items():
        values = [_as_before(v, about.get("value")) for v in _values(item)]
        guess = "edit" if item.get("type") == "textarea" else "ambiguous" if len(values) > 1 else "relabel"
        value: Any = values if guess == "ambiguous" or chosen == "ambiguous" else next(iter(values), None)
        meant = _fit_verdict(chosen, guess)
        found.append(Said(name_author(meant, value), meant, column, about.get("part"), value, remark))
    return found


def _fit_verdict(chosen: str | None, guess: str) -> str:
    """Return the verdict of an annotation that names a value; `keep` beside another value was left from before."""
    fitting = {"edit": ("edit",), "relabel": ("relabel", "edit"), "ambiguous": ("ambiguous",)}[guess]
    return chosen if chosen in fitting else guess


def _values(item: dict[str, Any]) -> list[Any]:
    value = item.get("value")
    found = (value.get("choices") or value.get("text")) if isinstance(value, dict) else None
    return list(found) if isinstance(found, list) else [] if found is None else [found]


def _as_before(shown: Any, before: Any) -> Any:
    """Give a value its type back where it is the one that was exported."""
    for old in before if isinstance(before, list) else [before]:
        if shown == (old if isinstance(old, str) else "" if old is None else write_value(old)):
            return old
    return shown
