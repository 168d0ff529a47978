"""Values as a spreadsheet shows them: a sheet that was opened and saved as text holds these in place of the values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dcai.base.errors import InputError, shorten
from dcai.base.records import Correction, Scalar
from dcai.corrections.formats.containers import Said

_WIDEST = 11  # digits of a number that a spreadsheet shows in full


def restore(said: Said, standing: Sequence[Correction]) -> Said:
    """Give a decision back the value that stands about its cell, where it holds exactly what a spreadsheet shows of it.

    Raises
    ------
    InputError
        Where several values that stand about the cell look like that.
    """
    about = [c for c in standing if (c.column, c.part) == (said.column, said.part)]
    own = [c for c in about if c.by == said.by] or about
    values = {repr(c.value): c.value for c in own if _is_rendering(said.value, c.value)}
    if len(values) > 1:
        raise InputError(
            f"{shorten(repr(said.value), 60)} may stand for {' or '.join(values)}: the spreadsheet has cut the digits. "
            "Type the whole value into 'value', in a column that is formatted as text."
        )
    return replace(said, value=next(iter(values.values()))) if values else said


def _is_rendering(shown: Scalar | list[Scalar], value: Scalar | list[Scalar]) -> bool:
    if isinstance(value, bool):
        return shown == str(value).upper()
    if isinstance(value, list) or not isinstance(value, int) or len(str(abs(value))) <= _WIDEST:
        return False
    if isinstance(shown, str):  # with a decimal comma
        return shown.replace(",", ".") == _shorten_number(value)
    return isinstance(shown, float) and shown == float(_shorten_number(value))


def _shorten_number(value: int) -> str:
    """Write a number with six digits, as in 1.23457E+17."""
    digits, _, power = f"{value:.5E}".partition("E")
    return f"{digits.rstrip('0').rstrip('.')}E{power}"
