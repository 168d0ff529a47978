"""The formats of other tools: Label Studio's tasks, Argilla's records, and a spreadsheet as CSV."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, MissingError, shorten
from dcai.corrections.accounts import name_user, write_user
from dcai.corrections.containers import Container, Said, read_lines_of, read_part, read_value, write_lines, write_value
from dcai.corrections.workbooks import read_records, write_records

# How an annotation says what was decided, beside the columns that it is about.
VERDICT, NOTE = "dcai_verdict", "dcai_note"
SHEET = ("verdict", "column", "part", "given", "value", "suggested", "note", "by", "at", "dcai")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_PEOPLE = uuid.UUID("6f1b1f1e-3c1c-5d0a-9b61-0d6f3a1c7d2e")
_LARGEST_CELL = 10_000_000
WORKBOOK = "xlsx"
SHEETS = ("csv", WORKBOOK)

# ---------------------------------------------------------------- a spreadsheet


def write_sheet(containers: Sequence[Container]) -> str:
    """Write containers as CSV; see `make_records`."""
    names, records = make_records(containers)
    stream = io.StringIO()
    sheet = csv.DictWriter(stream, names, lineterminator="\r\n")
    sheet.writeheader()
    sheet.writerows(records)
    return stream.getvalue()


def write_workbook(containers: Sequence[Container]) -> bytes:
    """Write containers as an Excel workbook; see `make_records`."""
    return write_records(*make_records(containers))


def make_records(containers: Sequence[Container]) -> tuple[list[str], list[dict[str, str]]]:
    """Make the records of a sheet: one for each decision, and one without a verdict for each row that is still open."""
    extra = list(dict.fromkeys(f"data: {name}" for box in containers for name in box.cells))
    records: list[dict[str, str]] = []
    for box in containers:
        cells = {f"data: {name}": _guard("" if v is None else str(v)) for name, v in box.cells.items()}
        shown = [_sheet_record(box, said) for said in box.said]
        for column, value in box.suggested.items():
            given = write_value(box.cells.get(column))
            shown.append({"column": _guard(column), "given": given, "suggested": write_value(value)})
        # The lines stand once for each row; a row all of whose decisions were undone has a record for them alone.
        for number, record in enumerate(shown or [{}]):
            records.append(cells | record | {"dcai": write_lines(box) if number == 0 else _same(box)})
    return [*SHEET, *extra], records


def _same(box: Container) -> str:
    return json.dumps({"key": box.key, "lines": []}, allow_nan=False)


def _sheet_record(box: Container, said: Said) -> dict[str, str]:
    line = next((c for c in reversed(box.lines) if (c.by, c.column, c.part) == (said.by, said.column, said.part)), None)
    return {
        "verdict": said.verdict, "column": _guard(said.column or ""), "part": "" if said.part is None else str(said.part),
        "given": "" if line is None else write_value(line.given), "value": "" if said.value is None else write_value(said.value),
        "note": _guard(said.note), "by": _guard(said.by), "at": "" if line is None else line.at,
    }  # fmt: skip


def _guard(text: str) -> str:
    """Write a text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def read_sheet(text: str, name: str) -> list[Container]:
    """Read a CSV that `write_sheet` wrote and people have filled in."""
    csv.field_size_limit(_LARGEST_CELL)
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    records = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    return _read_records(records.fieldnames or (), records, name)


def read_workbook(data: bytes, name: str) -> list[Container]:
    """Read a workbook that `write_workbook` wrote and people have filled in."""
    return _read_records(*read_records(data, name), name)


def _read_records(names: Sequence[str], records: Iterable[dict[str, str]], name: str) -> list[Container]:
    lacking = [n for n in ("verdict", "value", "by", "dcai") if n not in names]
    if lacking:
        raise InputError(
            f"{name} lacks the columns {', '.join(map(repr, lacking))}. Export anew, and fill in what you get."
        )
    boxes = []
    for number, record in enumerate(records, 2):
        place = f"Record {number} of {name}"
        key, lines = read_lines_of(record.get("dcai"), place)
        said: list[Said] = []
        if (record.get("verdict") or "").strip():
            said = [_said_in_sheet(record, place)]
        boxes.append(Container(key, lines, said))
    return boxes


def _said_in_sheet(record: dict[str, str], place: str) -> Said:
    texts = {name: (record.get(name) or "").removeprefix("'") for name in ("column", "note", "by")}
    value = record.get("value") or ""
    part = read_part(record.get("part"), place)
    verdict = record["verdict"].strip()
    return Said(
        texts["by"], verdict, texts["column"] or None, part, read_value(value) if value else None, texts["note"]
    )


# ---------------------------------------------------------------- Label Studio


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
    for number, task in enumerate(_read_list(text, name), 1):
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


# ---------------------------------------------------------------- Argilla


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
    for number, record in enumerate(_read_list(text, name), 1):
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


# ---------------------------------------------------------------- all

Writer = Callable[[Sequence[Container]], str | bytes]
# Of a workbook it takes the bytes, else the text.
Reader = Callable[[Any, str], list[Container]]
FORMATS: dict[str, tuple[Writer, Reader]] = {
    "label-studio": (write_label_studio, read_label_studio),
    "argilla": (write_argilla, read_argilla),
    "csv": (write_sheet, read_sheet),
    WORKBOOK: (write_workbook, read_workbook),
}


def find_format(name: str, caller: str) -> tuple[Writer, Reader]:
    """Return how a format is written and read."""
    if name not in FORMATS:
        raise InputError.wrong_value("format", caller, f"one of {', '.join(map(repr, FORMATS))}", name)
    return FORMATS[name]


def read_containers(path: Path, form: str) -> list[Container]:
    """Read the file that a tool exported."""
    _, read = find_format(form, "import")
    if form != WORKBOOK and path.suffix.lower() in (".xlsx", ".xls", ".ods"):
        raise InputError(f"{path.name!r} is a workbook. Import it as 'xlsx', or save the sheet as CSV (UTF-8).")
    try:
        data = path.read_bytes()
        return read(data if form == WORKBOOK else data.decode("utf-8"), path.name)
    except FileNotFoundError as error:
        raise MissingError(f"There is no file {str(path)!r} to import.") from error
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise InputError(f"{path.name!r} cannot be read: {error}. Save it as UTF-8 text and try again.") from error


def _read_list(text: str, name: str) -> Iterable[dict[str, Any]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is not JSON: {shorten(str(error))}. Export it anew as JSON.") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"{name} must hold a JSON list of tasks or records. Export it anew as JSON.")
    return found
