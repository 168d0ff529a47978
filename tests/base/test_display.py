"""Strangers' text, shown harmlessly."""

from __future__ import annotations

from dcai.base.display import escape, show_text, to_page, to_table
from dcai.base.errors import InputError, shorten


def test_hostile_text_is_shown_and_not_carried_out() -> None:
    assert escape("<script>") == "<bdi>&lt;script&gt;</bdi>"
    assert show_text("a\u202eb\x1b[31m\ud800\0") == "a\\u202eb\\u001b[31m\\ud800\\u0000"
    assert show_text("x" * 1000, 10) == "x" * 10 + "…"
    assert show_text(None) == ""
    assert "<b>" not in to_table([{"<b>": "<b>"}], ["<b>"])
    assert "<x>" not in to_page("<x>", "")


def test_messages_name_the_nearest() -> None:
    error = InputError.unknown_name("column", "lable", ["label", *map(str, range(20))])
    assert str(error).startswith("There is no column 'lable'. Did you mean 'label'? Known: 'label', '0'")
    assert str(error).endswith(", ....")
    assert shorten("x" * 500).endswith("... (500 characters)")
