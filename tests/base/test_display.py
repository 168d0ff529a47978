"""Strangers' text, shown harmlessly."""

from __future__ import annotations

from dcai.base.display import STYLE, escape, escape_value, show_text, to_page, to_table
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


def test_another_letter_case_is_the_nearest() -> None:
    assert "Did you mean 'y'?" in str(InputError.unknown_name("column", "Y", ["yy", "y"]))


def test_spaces_at_the_ends_of_values_are_shown() -> None:
    assert escape_value("  a b ") == '<bdi><span class="space">␣␣</span>a b<span class="space">␣</span></bdi>'
    assert escape_value("   ") == '<bdi><span class="space">␣␣␣</span></bdi>'
    assert escape_value("<b>") == escape("<b>")
    assert escape_value("<b> ").startswith("<bdi>&lt;b&gt;<span")
    assert escape_value(None) == "<bdi></bdi>"


def test_colours_come_from_the_page_where_jupyterlab_gives_none() -> None:
    assert "#1a1a1a" not in STYLE
    assert "var(--jp-ui-font-color1, var(--vscode-foreground, inherit))" in STYLE
    page = to_page("t", "")
    assert "color-scheme: light dark" in page
    assert "prefers-color-scheme: dark" in page


def test_sentences_get_wide_columns() -> None:
    assert '<td class="wide">' in to_table([{"reason": "x"}], ["reason"], wide=["reason"])
