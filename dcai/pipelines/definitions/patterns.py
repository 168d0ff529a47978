"""Paths that hold a parameter, such as `models/{rate}.pkl`: each run of a sweep writes to a place of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dcai.base.errors import InputError, shorten

_FIELD = re.compile(r"\{([^\W\d]\w*)\}")
# What may stand in a file's name on every system; in particular nothing that leaves the folder.
_HARMLESS = re.compile(r"[\w+-][\w.+-]{0,99}")


def fill_paths(paths: Iterable[str], values: Mapping[str, Any]) -> tuple[str, ...]:
    """Put the values of parameters into paths that name them; other braces are part of a name.

    Raises
    ------
    InputError
        A value cannot be part of a file's name.

    Examples
    --------
    >>> fill_paths(["models/{rate}.pkl", "a{b}"], {"rate": 0.5})
    ('models/0.5.pkl', 'a{b}')
    """
    return tuple(_FIELD.sub(lambda found: _fill(found, values), path) for path in paths)


def _fill(found: re.Match[str], values: Mapping[str, Any]) -> str:
    name = found[1]
    if name not in values:
        return found[0]
    text = str(values[name])
    if not _HARMLESS.fullmatch(text):
        raise InputError(
            f"The value of {name!r} stands in the path of an output, and must hold letters, digits, '.', '-', '+' and '_' "
            f"only. Got {shorten(repr(text))} instead. Choose another value, or another path."
        )
    return text
