"""What is known of the lines of a log that were read: enough to check, sign and append one more without a pass over all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import xxhash

from dcai.base.records import Correction
from dcai.corrections.decisions.matching import column_digest, key_names


@dataclass
class Digest:
    """The names, columns and labels of the `lines` of a log, their last time, and the hash of the `size` bytes they are.

    It belongs to the newest value of a log: that grows it. An older value, whose lines are others, makes its own.
    """

    lines: tuple[Correction, ...] = ()
    ids: set[str] = field(default_factory=set)
    last: str | None = None
    names: tuple[str, ...] | None = None
    labels: set[str | None] = field(default_factory=set)
    declared: set[str] = field(default_factory=set)
    used: dict[str, str] = field(default_factory=dict)
    size: int | None = None
    content: xxhash.xxh3_128 = field(default_factory=xxhash.xxh3_128)

    def __reduce__(self) -> tuple[type[Digest], tuple[()]]:
        """A copy in another process begins anew: the state of a hash cannot travel."""
        return Digest, ()

    def take(self, lines: tuple[Correction, ...], added: Iterable[Correction]) -> None:
        """Take in lines; `lines` are then all."""
        for line in added:
            self.ids.add(line.id)
            self.last = line.at if self.last is None else max(self.last, line.at)
            digest = column_digest(line)
            self.used.setdefault(digest, line.id)
            if line.columns is not None:
                self.labels.add(line.label)
                self.declared.add(digest)
        self.lines = lines
        self.names = key_names(lines)

    def hash_more(self, data: bytes) -> None:
        """Take in bytes that the file has behind those that are known."""
        self.content.update(data)
        self.size = (self.size or 0) + len(data)

    def starts(self, data: bytes) -> bool:
        """Whether a file's bytes begin with those that are known."""
        if self.size is None or len(data) < self.size:
            return False
        return xxhash.xxh3_128_digest(memoryview(data)[: self.size]) == self.content.digest()


def digest_lines(lines: tuple[Correction, ...]) -> Digest:
    """Digest lines of which no file is known."""
    made = Digest()
    made.take(lines, lines)
    return made
