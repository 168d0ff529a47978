"""How a cell that ends its kernel meant it: as a success or as a failure, by Python's own rule.

Only None and zero are a success; any other number and any text, "0" and "" too, is a failure.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

# What the kernel says of a SystemExit by itself is the code's text, in which 0 and "0" are the same.
_RULE = "(lambda c: c is None or isinstance(c, int) and not c)(__import__('sys').last_value.code)"
# Seconds that a kernel may take to answer.
_PATIENCE = 10


def asked_code(reply: Mapping[str, Any]) -> str | None:
    """Return the failure that IPython's own `exit(code)` asked for, "" for a success; None where it was not called."""
    asked = [p for p in reply.get("payload", []) if isinstance(p, dict) and p.get("source") == "ask_exit"]
    if not asked:
        return None
    code = asked[0].get("keepkernel")
    # True and False say what becomes of the kernel here.
    return "" if code is None or isinstance(code, bool) or (isinstance(code, int) and code == 0) else repr(code)


def quote_code(cell: Any, error: Any) -> None:
    """Quote the texts "" and "0" in an exit that means failure: everybody, papermill too, reads them as a success."""
    if error.ename != "SystemExit" or error.evalue not in ("", "0"):
        return
    error.evalue = repr(error.evalue)
    for output in cell.outputs:
        if output.output_type == "error":
            output.evalue = error.evalue


async def raised_success(client: Any, error: Any) -> bool:
    """Tell whether a cell ended by a SystemExit that means success; the kernel is asked for the code itself."""
    if error.ename != "SystemExit":
        return False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while True:
                asked = client.kc.execute("", silent=True, user_expressions={"rule": _RULE})
                content = (await client.async_wait_for_reply(asked))["content"]
                if content["status"] != "aborted":  # it clears its queue after an error
                    said = content.get("user_expressions", {}).get("rule", {})
                    return bool(said.get("data", {}).get("text/plain") == "True")
    return False
