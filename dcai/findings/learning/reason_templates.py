"""Kinds of findings: what is left of a reason without the values in it."""

from __future__ import annotations

import re
from functools import lru_cache

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBERS = re.compile(r"[-+]?\d[\d.,%]*")
_PLURAL = re.compile(r"# (row)s\b")


def kind_of_finding(detector: object, reason: object) -> str:
    """Name the kind of a finding by its detector and the words of its reason.

    Examples
    --------
    >>> kind_of_finding("variants", "'maxda' (2 rows) differs from 'mazda' (10 rows) by letters only.")
    "variants: '' (# row) differs from '' (# row) by letters only."
    """
    return f"{detector}: {_without_values(str(reason))}"


@lru_cache(maxsize=100_000)
def _without_values(reason: str) -> str:
    return _PLURAL.sub(r"# \1", _NUMBERS.sub("#", _QUOTED.sub("''", reason)))
