"""Findings of one kind, in an order drawn at random, so that a few reviews say something about the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import xxhash

from dcai.base.contract import to_json
from dcai.base.errors import MissingError, shorten
from dcai.base.fingerprints import plain
from dcai.base.records import Scalar
from dcai.corrections.exhibits.audited import Found, list_values
from dcai.corrections.exhibits.clusters import DETECTORS as SPELLED
from dcai.corrections.exhibits.forms import LabelForm


@dataclass(frozen=True)
class Groups:
    """The groups of a queue: findings that share detector, column, given and suggested value, or become one spelling.

    The order inside a group is fixed by the audit, in `salt`, and not by the reviewer: the first members that are all
    reviewed are a random sample of the group, whatever else was reviewed before.
    """

    members: dict[str, list[str]]
    group_of: dict[str, str]
    salt: str
    _drawn: dict[str, list[str]] = field(default_factory=dict)

    def named(self, group: str) -> list[str]:
        """Return the findings of a group, in random order."""
        if group not in self.members:
            raise MissingError(f"There is no group {shorten(group, 60)!r} in this review. See review.group(finding).")
        if group not in self._drawn:
            self._drawn[group] = sorted(self.members[group], key=self._draw)
        return self._drawn[group]

    def _draw(self, finding: str) -> str:
        return xxhash.xxh3_128_hexdigest(f"{self.salt}\x1f{finding}".encode())


def make_groups(queue: pd.DataFrame, salt: str, form: LabelForm) -> Groups:
    """Group the findings that suggest a value.

    Those about sets of classes are grouped by the classes that go and come, those about spellings by what they become.
    """
    columns = [[plain(v) for v in list_values(queue[c])] for c in ("detector", "column", "given", "suggested")]
    # The spellings that would become one are one group, whichever each row holds.
    columns[2] = [None if d in SPELLED else given for d, given in zip(columns[0], columns[2], strict=True)]
    _, first, kinds = np.unique(_number_kinds(columns), return_index=True, return_inverse=True)
    # Few kinds of change among many findings: each is named once.
    names = [None if columns[-1][i] is None else _name(form, *(values[i] for values in columns)) for i in first]
    group_of: dict[str, str] = {}
    members: dict[str, list[str]] = defaultdict(list)
    for finding, kind in zip(list_values(queue["finding"]), kinds.tolist(), strict=True):
        name = names[kind]
        if name is not None:
            group_of[str(finding)] = name
            members[name].append(str(finding))
    return Groups(members, group_of, salt)


def _number_kinds(columns: Sequence[Sequence[Scalar]]) -> npt.NDArray[np.int64]:
    """Number the records of some columns so that equal ones have equal numbers; 1 is no True, and no 1.0."""
    kinds = np.zeros(len(columns[0]), dtype=np.int64)
    for values in columns:
        known: dict[Hashable, int] = {}
        codes = np.fromiter((known.setdefault((type(v), v), len(known)) for v in values), np.int64, len(values))
        # Numbered anew after each column, so that they never outgrow what they are stored in.
        kinds = np.unique(kinds * (len(known) + 1) + codes, return_inverse=True)[1]
    return kinds


def _name(form: LabelForm, detector: object, column: object, given: Scalar, suggested: Scalar) -> str:
    several = form.several and detector not in SPELLED
    change = form.tell_change(given, suggested) if several and column == form.table.label else [given, suggested]
    parts = [str(detector), column if isinstance(column, str) else None, *change]
    return xxhash.xxh3_64_hexdigest(to_json(parts).encode("utf-8", "surrogatepass"))


def title_group(form: LabelForm, found: Found, givens: Sequence[Scalar]) -> str:
    """Name the group of a finding by what its findings change; `givens` are the values that its members hold."""
    change = [plain(found[c]) for c in ("given", "suggested")]
    spelled = found["detector"] in SPELLED
    told = form.tell_change(*change) if found["column"] == form.table.label and not spelled else change
    distinct = len({(type(v), v) for v in givens})
    if spelled and distinct > 1:
        told = [f"{distinct} spellings", told[-1]]
    return " → ".join(shorten(str(v), 40) or "(empty)" for v in told)
