"""What libraries import that nobody here needs is spared in processes of our own."""

from __future__ import annotations

import sys

# jsonschema imports it to check addresses in any script, which nobody here does: it builds 39 parsers, in 0.8 s of CPU.
_UNUSED = "rfc3987_syntax"


def spare_imports() -> None:
    """Let a library find it not installed; for processes that are ours alone, before they import anything large.

    Examples
    --------
    >>> spare_imports()
    """
    sys.modules.setdefault(_UNUSED, None)  # type: ignore[arg-type]  # how Python itself says that there is no such module
