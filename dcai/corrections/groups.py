"""Findings of one kind, in an order drawn at random, so that a few reviews say something about the rest."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import pandas as pd
import xxhash

from dcai.base.contract import to_json
from dcai.base.errors import MissingError, shorten
from dcai.base.fingerprints import plain
from dcai.corrections.forms import LabelForm


@dataclass(frozen=True)
class Groups:
    """The groups of a queue: findings that share detector, column, given and suggested value.

    The order inside a group is fixed by the audit and not by the reviewer: the first members that are all reviewed
    are a random sample of the group, whatever else was reviewed before.
    """

    members: dict[str, list[str]]
    group_of: dict[str, str]

    def named(self, group: str) -> list[str]:
        """Return the findings of a group, in random order."""
        if group not in self.members:
            raise MissingError(f"There is no group {shorten(group, 60)!r} in this review. See review.group(finding).")
        return self.members[group]


def make_groups(queue: pd.DataFrame, salt: str, form: LabelForm) -> Groups:
    """Group the findings that suggest a value; those about sets of classes by the classes that go and come."""
    group_of: dict[str, str] = {}
    members: dict[str, list[str]] = defaultdict(list)
    columns = ("finding", "detector", "column", "given", "suggested")
    for finding, detector, column, given, suggested in zip(*(queue[c] for c in columns), strict=True):
        if plain(suggested) is None:
            continue
        change = [plain(given), plain(suggested)]
        if column == form.table.label:
            change = form.tell_change(*change)
        parts = [str(detector), column if isinstance(column, str) else None, *change]
        name = xxhash.xxh3_64_hexdigest(to_json(parts).encode("utf-8", "surrogatepass"))
        group_of[str(finding)] = name
        members[name].append(str(finding))
    drawn = {
        g: sorted(names, key=lambda n: xxhash.xxh3_128_hexdigest(f"{salt}\x1f{n}".encode()))
        for g, names in members.items()
    }
    return Groups(drawn, group_of)
