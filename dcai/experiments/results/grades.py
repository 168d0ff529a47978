"""Scorecard: whether data are good, part by part, as a page for people and JSON for a gate. `scorecard` makes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from dcai.base.display import Html, escape, to_block, to_page, to_table
from dcai.base.errors import InputError
from dcai.base.store import write_atomic
from dcai.findings.wording import count

GOOD, ATTENTION, UNKNOWN = "good", "attention", "unknown"
_LIMIT = 2000


@dataclass(frozen=True)
class Part:
    """One question of the scorecard.

    Attributes
    ----------
    name, question : str
        What it is called, and what it asks.
    status : str
        "good", "attention" or "unknown" (not looked at, or not decided by these data, and why).
    facts : tuple of str
        What was found, in sentences.
    next_steps : tuple of str
        What to do, the most useful first.
    figures : mapping
        The numbers, for a gate.
    """

    name: str
    question: str
    status: str
    facts: tuple[str, ...]
    next_steps: tuple[str, ...] = ()
    figures: Mapping[str, float | int | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Scorecard:
    """Whether data are good, in four questions.

    Attributes
    ----------
    parts : tuple of Part
        `definitions`, `coverage`, `feedback` and `size`.
    rows : int
        The number of rows.
    label : str or None
        The label column.

    See Also
    --------
    scorecard : makes it.
    """

    parts: tuple[Part, ...]
    rows: int
    label: str | None
    name: str

    def __getitem__(self, name: str) -> Part:
        """Return one part."""
        for part in self.parts:
            if part.name == name:
                return part
        raise InputError.unknown_name("part of the scorecard", name, [p.name for p in self.parts])

    @property
    def good(self) -> bool:
        """Whether every part was looked at and is good: what a gate asks. What is unknown is not good."""
        return all(part.status == GOOD for part in self.parts)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each part: `part`, `status`, `facts`, `next_steps`."""
        rows = [
            {"part": p.name, "status": p.status, "facts": " ".join(p.facts), "next_steps": " ".join(p.next_steps)}
            for p in self.parts
        ]
        return pd.DataFrame(rows)

    def as_record(self) -> dict[str, Any]:
        """Return the scorecard as plain JSON values."""
        return {
            "good": self.good, "rows": self.rows, "label": self.label, "table": self.name,
            "parts": {
                p.name: {"status": p.status, "question": p.question, "facts": list(p.facts),
                         "next_steps": list(p.next_steps), "figures": dict(p.figures)}
                for p in self.parts
            },
        }  # fmt: skip

    def to_json(self) -> str:
        """Write `as_record` as JSON, for a gate."""
        return json.dumps(self.as_record(), ensure_ascii=False, allow_nan=False, indent=2)

    def to_metrics(self) -> dict[str, float | int | bool]:
        """Return the numbers for `dcai.record(**scorecard.to_metrics())`."""
        found: dict[str, float | int | bool] = {"good": self.good}
        for part in self.parts:
            found[f"{part.name}_good"] = part.status == GOOD
            found |= {name: value for name, value in part.figures.items() if value is not None}
        return found

    def to_text(self) -> str:
        """Write the scorecard for a terminal."""
        from dcai.base.display import show_text

        lines = [self._headline()]
        for part in self.parts:
            lines.append(f"  {part.name} ({part.question}): {part.status}")
            lines += [f"    {show_text(fact, _LIMIT)}".replace("\n", "\\n") for fact in part.facts]
            lines += [f"    next: {show_text(step, _LIMIT)}".replace("\n", "\\n") for step in part.next_steps]
        return "\n".join(lines)

    def to_html(self, path: str | Path | None = None) -> str | Path:
        """Write a page that needs no network; without a path, return its HTML."""
        page = to_page("dcai scorecard", self._repr_html_())
        return page if path is None else write_atomic(path, page)

    def __repr__(self) -> str:
        """Say in one line how the data are."""
        return f"Scorecard({self._headline()})"

    def _headline(self) -> str:
        counts = [(s, sum(p.status == s for p in self.parts)) for s in (GOOD, ATTENTION, UNKNOWN)]
        said = ", ".join(f"{n} {status}" for status, n in counts if n)
        return f"{self.name}: {count(self.rows, 'row')}; of {len(self.parts)} parts {said}"

    def _repr_html_(self) -> str:
        rows = [
            {
                "part": Html(f'<b>{escape(p.name)}</b><br><span class="muted">{escape(p.question)}</span>'),
                "status": Html(f'<span class="{_STYLES[p.status]}">{_MARKS[p.status]}&nbsp;{p.status}</span>'),
                "what was found": _list(p.facts),
                "what to do next": _list(p.next_steps),
            }
            for p in self.parts
        ]  # fmt: skip
        columns = list(rows[0])
        table = to_table(rows, columns, limit=_LIMIT, wide=columns[2:])
        return to_block(f"<h3>{escape(self._headline(), 300)}</h3>", table)


_STYLES = {GOOD: "", ATTENTION: "warn", UNKNOWN: "muted"}
_MARKS = {GOOD: "✓", ATTENTION: "!", UNKNOWN: "?"}


def _list(sentences: Sequence[str]) -> Html:
    return Html("<br>".join(escape(s, _LIMIT) for s in sentences))
