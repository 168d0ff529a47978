"""Records to JSON and back, strictly; and the TypeScript types that the front end is compiled against."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcai.base.contract import for_browser, from_json, from_plain, to_json, to_plain, to_typescript
from dcai.base.errors import InputError
from dcai.base.messages import Reply
from dcai.base.records import Correction, Decision, Group, Progress

LINE = Correction(1, "i", "relabel", {"id": 3}, None, "y", "a", "b", "r", "ada", "t", {"doubt": 0.5}, "")


def test_the_typescript_types_are_those_of_the_records() -> None:
    generated = Path(__file__).parents[2] / "labextension" / "src" / "contract.ts"
    assert generated.read_text(encoding="utf-8") == to_typescript(), (
        "run: python -m dcai.base.contract > labextension/src/contract.ts"
    )


def test_reading_what_was_written_gives_the_same() -> None:
    reply = Reply(1, progress=Progress(3, 1, 2, 1, can_undo=True, can_redo=False, saved_to="x"))
    for record in (LINE, reply, Decision(1, "c", "f", "ambiguous", ["a", 1, None])):
        assert from_json(type(record), to_json(record)) == record
    assert "undoes" not in to_plain(LINE)


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ([], "Decision must be a JSON object. Got \\[\\]"),
        ({"seq": 1}, "Decision lacks the field 'client_id'"),
        ({"seq": "1", "client_id": "c", "finding": "f", "verdict": "keep"}, "Decision.seq must be int. Got '1'"),
        ({"seq": True, "client_id": "c", "finding": "f", "verdict": "keep"}, "Decision.seq must be int. Got True"),
        (
            {"seq": 1, "client_id": "c", "finding": "f", "verdict": "kep"},
            "Decision.verdict must be one of|must be .* or ",
        ),
        (
            {"seq": 1, "client_id": "c", "finding": "f", "verdict": "keep", "value": {}},
            "Decision.value must be .*Got {}",
        ),
        (
            {"seq": 1, "client_id": "c", "finding": "f", "verdict": "keep", "vlaue": 1},
            "no field of Decision named 'vlaue'. Did you mean 'value'",
        ),
    ],
)
def test_a_message_that_does_not_keep_the_contract(plain, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_plain(Decision, plain)


def test_json_that_is_none() -> None:
    with pytest.raises(InputError, match="Group is not valid JSON"):
        from_json(Group, "{")
    with pytest.raises(InputError, match="NaN is not a JSON value"):
        from_json(Group, '{"group": NaN}')
    with pytest.raises(InputError, match="NaN and infinity have no form in JSON"):
        to_json({"a": float("nan")})
    with pytest.raises(InputError, match="type object cannot be written as JSON"):
        to_plain(object())


def test_what_a_browser_cannot_hold() -> None:
    assert for_browser({"id": 2**60, "x": [float("nan"), 1.5]}) == {"id": str(2**60), "x": [None, 1.5]}


@pytest.mark.parametrize("text", ["{", "[" * 200_000, "9" * 5000, '{"a": NaN}'])
def test_what_cannot_be_parsed_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"Decision is not valid JSON: .+|NaN is not a JSON value\. Use null"):
        from_json(Decision, text)
