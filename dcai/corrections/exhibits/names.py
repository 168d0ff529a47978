"""What values are called in a browser: long ones short and unique, so that they come back as what they are."""

from __future__ import annotations

from collections.abc import Iterable

import xxhash

from dcai.base.contract import for_browser
from dcai.base.records import Scalar

NAME_LIMIT = 300
_KEPT = 200


def show_name(value: Scalar) -> Scalar:
    """Return a value as it is listed and chosen from; a very long text by its beginning, its length and a hash.

    Examples
    --------
    >>> show_name("cat"), len(show_name("x" * 1_000_000))
    ('cat', 242)
    """
    if not isinstance(value, str) or len(value) <= NAME_LIMIT:
        return value
    digest = xxhash.xxh3_64_hexdigest(value.encode("utf-8", "surrogatepass"))
    return f"{value[:_KEPT]}… ({len(value):,} characters, {digest})"


def read_name(value: Scalar, known: Iterable[Scalar]) -> Scalar:
    """Return which of some values a browser means by what it was shown of it; what is none of them is itself."""
    values = list(known)
    if any(type(v) is type(value) and v == value for v in values):
        return value
    shown = {for_browser(show_name(v)): v for v in reversed(values)}
    return shown.get(value, value)
