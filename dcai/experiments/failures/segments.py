"""Slices: where a model is right less often than elsewhere, why, and what helps. `slices` makes it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import Html, escape, escape_value, show_share, to_bar, to_block, to_page, to_table
from dcai.base.errors import InputError
from dcai.base.store import write_atomic
from dcai.findings.summary import plain_record, records_of
from dcai.findings.wording import count

if TYPE_CHECKING:
    from dcai.base.charts import OfflineChart

COLUMNS = (
    "slice",
    "origin",
    "rows",
    "accuracy",
    "low",
    "high",
    "elsewhere",
    "gap",
    "p",
    "worse",
    "cause",
    "fix",
    "few",
)
TRIED = ("slice", "rows", "accuracy", "low", "high", "elsewhere", "gap", "p", "confirmed")
RATES = ("chosen", "recall", "false_alarms")
FAIRNESS = tuple(f"{name}{end}" for name in RATES for end in ("", "_low", "_high"))
_LIMIT = 600


@dataclass(frozen=True, eq=False, repr=False)
class Slices:
    """Groups of rows, how often a model is right in each, and what may be done.

    Attributes
    ----------
    table : pandas.DataFrame
        One row for each group, worst first: `slice` (what selects it), `origin` ("asked": a value of the columns in
        `by`; "found": found in one half of the rows and confirmed in the other), `rows` (those that the figures are of: of
        a found group those in the other half), `accuracy` with its 95 % interval `low` to `high`, `elsewhere`, `gap`, `p`
        (corrected for the number of groups), `worse`, `cause` ("noise", "scarcity", "drift", "overlap"), `fix`, `few`
        (whether there are so few rows that the figures say little). For two classes also `chosen` (share predicted as the
        class `positive`), `recall` and `false_alarms`, each with its interval (`recall_low` to `recall_high`).
    tried : pandas.DataFrame
        The groups that seemed worse in the first half, with what the second half says of each.
    accuracy : float
        Over all rows.
    measure : str
        What `accuracy` is here.
    positive : object
        The class that `chosen`, `recall` and `false_alarms` are about; None where there are not two.
    notes : tuple of str
        How it was measured.
    members : mapping of str to array of int
        The positions of all rows of each group, of a found one those in both halves.

    See Also
    --------
    slices : makes it.
    """

    table: pd.DataFrame
    tried: pd.DataFrame
    accuracy: float
    measure: str
    positive: object
    notes: tuple[str, ...]
    members: Mapping[str, npt.NDArray[np.intp]]
    label: str

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.table)

    @property
    def worse(self) -> pd.DataFrame:
        """The groups in which the model is surely right less often than elsewhere."""
        return self.table[self.table["worse"]].reset_index(drop=True)

    def rows(self, name: str) -> list[int]:
        """Return the row positions of a group.

        Raises
        ------
        InputError
            Where there is no such group.
        """
        if name not in self.members:
            raise InputError.unknown_name("slice", name, self.members)
        return [int(row) for row in self.members[name]]

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.table.copy()

    def as_record(self) -> dict[str, Any]:
        """Return the groups as plain JSON values, for a gate or a card."""
        return {
            "label": self.label, "accuracy": self.accuracy, "measure": self.measure,
            "positive": None if self.positive is None else str(self.positive),
            "slices": [plain_record(row) for row in self.table.to_dict(orient="records")],
            "tried": [plain_record(row) for row in self.tried.to_dict(orient="records")], "notes": list(self.notes),
        }  # fmt: skip

    def to_json(self) -> str:
        """Write `as_record` as JSON."""
        return json.dumps(self.as_record(), ensure_ascii=False, allow_nan=False, indent=2)

    def chart(self, figure: str = "accuracy") -> OfflineChart:
        """Draw a figure of each group with its interval: how often the model is right, or `chosen`, `recall`, `false_alarms`.

        Raises
        ------
        InputError
            Where there is no such figure.
        """
        from dcai.experiments.failures.slice_charts import draw_slices

        known = ("accuracy", *(RATES if self.positive is not None else ()))
        if figure not in known:
            raise InputError.unknown_name("figure of the groups", figure, known)
        return draw_slices(self, figure)

    def to_text(self) -> str:
        """Write the groups for a terminal."""
        from dcai.base.display import show_text

        lines = [self._headline()]
        for row in records_of(self.table):
            mark = "!" if row.worse else "?" if row.few else "-"
            fair = "".join(f"; {name} {said}" for name, said in self._show_fairness(row).items() if said)
            more = f" {row.cause}: {row.fix}" if row.cause else ""
            said = f"{_show_share(row, 'accuracy', 'low', 'high')} of {row.rows:,} rows{fair}."
            lines.append(f"  {mark} {show_text(row.slice)}: {said}{show_text(more, _LIMIT)}".replace("\n", " "))
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def to_html(self, path: str | Path | None = None) -> str | Path:
        """Write a page with the chart that needs no network; without a path, return its HTML."""
        asked = self.positive is not None and (self.table["origin"] == "asked").any()
        figures = ("accuracy", *(("recall", "false_alarms") if asked else ())) if len(self.table) else ()
        drawn = "".join(self.chart(figure).to_image() for figure in figures)
        page = to_page("dcai slices", self._repr_html_() + drawn)
        return page if path is None else write_atomic(path, page)

    def __repr__(self) -> str:
        """Say in one line what is worse."""
        return f"Slices({self._headline()})"

    def _headline(self) -> str:
        bad = int(self.table["worse"].sum())
        head = f"{self.measure} {show_share(self.accuracy)}"
        return (
            f"{head}; {count(bad, 'group')} worse than the rest"
            if bad
            else f"{head}; no group is surely worse than the rest"
        )

    def _repr_html_(self) -> str:
        rows = [
            {
                "slice": escape_value(row.slice),
                "rows": f"{row.rows:,}",
                self.measure: _show_share(row, "accuracy", "low", "high"),
                "": "" if math.isnan(row.elsewhere) else to_bar(float(row.accuracy), float(row.elsewhere)),
                "elsewhere": "" if math.isnan(row.elsewhere) else show_share(row.elsewhere),
                "worse": Html('<span class="warn">yes</span>') if row.worse else "few rows" if row.few else "",
                "cause": row.cause,
                "what helps": row.fix,
                # At the end, where a narrow page cuts them off: what helps must be seen.
                **self._show_fairness(row),
            }
            for row in records_of(self.table)
        ]  # fmt: skip
        columns = list(rows[0]) if rows else []
        numbers = [c for c in columns if c not in ("slice", "", "worse", "cause", "what helps")]
        table = to_table(rows, columns, numbers=numbers, limit=_LIMIT, wide=["slice", "what helps"]) if rows else ""
        notes = "".join(f'<p class="muted">{escape(note, _LIMIT)}</p>' for note in self.notes)
        head = self._headline()
        return to_block(f"<h3>{escape(head[0].upper() + head[1:], 300)}</h3>", table, notes)

    def _show_fairness(self, row: Any) -> dict[str, str]:
        if self.positive is None:
            return {}
        names = {"chosen": f"predicted {self.positive}", "recall": "recall", "false_alarms": "false alarms"}
        return {said: _show_share(row, name, f"{name}_low", f"{name}_high") for name, said in names.items()}


def _show_share(row: Any, name: str, low: str, high: str) -> str:
    """Write a share with its interval; nothing where there is none."""
    share, *ends = (float(getattr(row, column)) for column in (name, low, high))
    return "" if math.isnan(share) else f"{show_share(share)} ({' to '.join(map(show_share, ends))})"
