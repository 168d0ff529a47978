"""What a label may be: one class, a number, a set of classes or a tag for each token; and what a reviewer is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical, plain
from dcai.base.parts import SPACE, order_set, part_of, read_list, read_parts, write_parts
from dcai.base.records import ClassChoice, Scalar, Sentence, Verdict
from dcai.base.table import Table
from dcai.corrections.exhibits.audited import Found
from dcai.corrections.exhibits.names import show_name
from dcai.findings.labels.tasks import Reading

SHOWN_TOKENS = 400  # of a sentence, half of them before the token in question
_LONGEST = 60  # characters of a shown token
_COLUMN_FREE = ("exclude", "unsure")


@dataclass(frozen=True, eq=False)
class LabelForm:
    """The form of the label of an audited table; `reading` is what the audit took it for, None without a label."""

    table: Table
    probabilities: pd.DataFrame | None = None
    reading: Reading | None = None

    @property
    def task(self) -> str:
        """What the label was taken for."""
        return "classification" if self.reading is None else self.reading.task

    @property
    def several(self) -> bool:
        """Whether a label is a set of classes."""
        return self.task == "multilabel"

    @cached_property
    def classes(self) -> list[Scalar]:
        """The classes as plain scalars, sorted: numbers by size, texts by letter."""
        if self.table.label is None:
            return []
        column = self.table.frame[self.table.label]
        if self.task in ("multilabel", "token") and self.reading is not None:
            separator = self.reading.separator if self.several else SPACE
            parts = [part for cell in column for part in read_parts(plain(cell), separator) or []]
            distinct: list[Scalar] = list(
                {canonical(part): part for part in parts if canonical(part) is not None}.values()
            )
        else:
            distinct = [plain(v) for v in column.dropna().unique()]
        numbers = sorted(v for v in distinct if isinstance(v, (int, float)))
        return [*numbers, *sorted(v for v in distinct if isinstance(v, str))]

    def check_part(self, verdict: Verdict, column: str | None, part: int | None, row: int) -> None:
        """Refuse a decision about tags that does not say which, and about a part of what has none."""
        about_tags = self.task == "token" and column is not None and column == self.table.label
        if about_tags and part is None and verdict not in _COLUMN_FREE:
            raise InputError(
                f"The label column {column!r} holds a tag for each token. Say which is decided: give a finding's id, or part= (counted from 0)."
            )
        if part is not None and column is not None:
            size = len(read_parts(self.table.cell(row, column), SPACE) or [])
            if not about_tags or not 0 <= part < size:
                there = (
                    f"The parts of this cell are 0 to {size - 1}."
                    if about_tags
                    else "Only a label with a tag for each token has parts."
                )
                raise InputError.wrong_value("part", "decide", "the place of a token", part, there)

    def check(self, value: Any, row: int) -> Scalar:
        """Return the label that is meant, in its own type; only the verdict `edit` may make a new class, so that no typo does."""
        if not self.several:
            return self._as_class(value)
        assert self.reading is not None
        listed = isinstance(value, (list, tuple, set))
        parts = list(value) if listed else read_parts(plain(value), self.reading.separator)
        if parts is None:
            raise InputError.wrong_value("value", "decide", "a list of classes", value)
        return self.write([self._as_class(part) for part in parts], row)

    def write(self, parts: Sequence[Any], row: int) -> Scalar:
        """Write a set of classes as the cell of its row is written."""
        assert self.reading is not None
        column, separator = self.table.frame[str(self.table.label)], self.reading.separator
        named = order_set([plain(part) for part in parts], column.iloc[row], separator)
        written = write_parts(named, plain(column.iloc[row]), separator)
        if written == "":
            raise InputError(
                "A text of classes cannot hold none. Use the verdict 'edit' with the value None to empty the cell."
            )
        return written

    def check_new_tag(self, value: Any, row: int) -> Scalar:
        """Return a tag that may be new; one with white space would be two in a text of tags."""
        tag = plain(value)
        text = read_list(str(self.table.cell(row, str(self.table.label)))) is None
        if isinstance(value, (list, tuple, dict, set)) or tag is None or (text and len(str(tag).split()) != 1):
            raise InputError.wrong_value("value", "decide", "one tag" + (" without spaces" if text else ""), value)
        return tag

    def _as_class(self, value: Any) -> Scalar:
        known = {canonical(c): c for c in self.classes}
        if canonical(value) not in known:
            hint = "Use the verdict 'edit' to write a value that is no class yet."
            raise InputError.unknown_name("class", value, known.values(), hint)
        return known[canonical(value)]

    # ------------------------------------------------------------ what is shown

    def order(self, found: Found, *, hide: bool) -> list[ClassChoice]:
        """List the classes that a finding's label may take, the most probable first; `hide` leaves out the probabilities."""
        row, part = int(found["row"]), plain(found["part"])
        chances = None if hide else self._chances(row, part)
        held: Sequence[Scalar] = ()
        if self.several and self.reading is not None:
            held = read_parts(self.table.cell(row, str(self.table.label)), self.reading.separator) or []
        return order_classes(self.classes, chances, held)

    def _chances(self, row: int, part: Scalar) -> pd.Series[Any] | None:
        if self.probabilities is None:
            return None
        if self.task != "token":
            return self.probabilities.iloc[row]
        if not isinstance(part, (int, float)):
            return None
        place = (self.probabilities["row"] == row) & (self.probabilities["part"] == part)
        return self.probabilities[place].drop(columns=["row", "part"]).iloc[0] if place.any() else None

    def show_sentence(self, found: Found) -> Sentence | None:
        """Show the tokens around the one that a finding is about, with their tags; None where it is about no token."""
        part = plain(found["part"])
        if (
            self.task != "token"
            or self.reading is None
            or self.reading.tokens is None
            or not isinstance(part, (int, float))
        ):
            return None
        row, at = int(found["row"]), int(part)
        words = read_parts(self.table.cell(row, self.reading.tokens), SPACE) or []
        tags = read_parts(self.table.cell(row, str(self.table.label)), SPACE) or []
        start = max(0, at - SHOWN_TOKENS // 2)
        end = start + SHOWN_TOKENS
        return Sentence(
            [str(w)[:_LONGEST] for w in words[start:end]],
            [show_name(tag) for tag in tags[start:end]],
            at - start,
            start > 0 or end < len(words),
        )

    def tell_change(self, given: Scalar, suggested: Scalar) -> list[Scalar]:
        """Return what a suggestion changes: of sets the classes that go and those that come, else both values."""
        if not self.several or self.reading is None:
            return [given, suggested]
        before, after = (
            {canonical(p): p for p in read_parts(v, self.reading.separator) or []} for v in (given, suggested)
        )
        gone = [str(p) for mark, p in before.items() if mark not in after]
        come = [str(p) for mark, p in after.items() if mark not in before]
        told = [f"{word} {', '.join(sorted(names))}" for word, names in (("without", gone), ("with", come)) if names]
        return [" and ".join(told)]


def order_classes(
    classes: Sequence[Scalar], probabilities: pd.Series[Any] | None, held: Sequence[Scalar] = ()
) -> list[ClassChoice]:
    """Order classes by probability, largest first; without probabilities in their own order. `held` are those of the row's set."""
    marks = {canonical(part) for part in held}
    if probabilities is None:
        return [ClassChoice(c, None, given=canonical(c) in marks) for c in classes]
    known = {canonical(name): float(p) for name, p in probabilities.items()}
    choices = [ClassChoice(c, known.get(canonical(c)), given=canonical(c) in marks) for c in classes]
    return sorted(
        choices, key=lambda c: -1.0 if c.probability is None or np.isnan(c.probability) else c.probability, reverse=True
    )


def given_part(table: Table, row: int, column: str, part: int | None) -> Scalar:
    """Return what the audited data holds in a cell, or in one part of it."""
    cell = table.cell(row, column)
    return cell if part is None else part_of(cell, part)
