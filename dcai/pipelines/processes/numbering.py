"""Whether messages of a kernel are missing: kernels that are built on jupyter_client number what they send."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_NUMBERED = re.compile(r"(.+)_(\d+)")


@dataclass
class Numbering:
    """The numbers of the messages that have come in, of each process that has sent any.

    Examples
    --------
    >>> numbering = Numbering()
    >>> for name in ("a_1_0", "a_1_1", "a_1_4", "b_2_7", "a text"):
    ...     numbering.take(name)
    >>> numbering.missing
    2
    """

    seen: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # the lowest, the highest, how many

    def take(self, name: str) -> None:
        """Take note of one message."""
        found = _NUMBERED.fullmatch(name)
        if found is not None:
            number = int(found[2])
            low, high, count = self.seen.get(found[1], (number, number, 0))
            self.seen[found[1]] = min(low, number), max(high, number), count + 1

    @property
    def missing(self) -> int:
        """How many messages were sent and have not come in."""
        return sum(high - low + 1 - count for low, high, count in self.seen.values())

    def attend(self, session: Any) -> None:
        """Take note of whatever a session of jupyter_client reads from now on."""
        read: Callable[..., Mapping[str, Any]] = session.deserialize

        def deserialize(*parts: Any, **options: Any) -> Mapping[str, Any]:
            message = read(*parts, **options)
            self.take(message["header"].get("msg_id", ""))
            return message

        session.deserialize = deserialize
