"""Drift: what changed between two batches of data, named, with the size of each change. `drift` makes it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dcai.base.display import Html, escape, escape_value, show_text, to_bar, to_block, to_page, to_table
from dcai.base.errors import InputError
from dcai.base.store import write_atomic
from dcai.experiments.batches.schema_changes import WORDS
from dcai.findings.summary import plain_record, records_of
from dcai.findings.wording import count, name_some

if TYPE_CHECKING:
    from dcai.base.charts import OfflineChart
    from dcai.experiments.batches.trials import Batches

COUNTED = 0.5  # the doubt from which a finding counts as drift
DRAWN = ("number", "date", "category", "boolean", "text")  # kinds of columns whose values can be drawn
SHOWN = 30
_REASON = 2000
TEST_COLUMNS = ("check", "column", "test", "p", "p_corrected", "effect", "measure", "floor", "drifted")


@dataclass(frozen=True, eq=False, repr=False)
class Drift:
    """What changed between reference and current data.

    Attributes
    ----------
    findings : pandas.DataFrame
        One row for each change, worst first, with the columns of `Audit.findings`. `detector` names the kind of change,
        `row` is -1, and `peers` are positions of current rows concerned. A doubt of 0.5 is the smallest effect that
        counts; remarks that do not count as drift have less.
    checks : pandas.DataFrame
        `detector`, `status` ("ran" or "skipped"), `reason`, `rows`, `findings`, `seconds`: what was looked at, what not.
    tests : pandas.DataFrame
        Every test and fact, drifted or not: `check`, `column`, `test`, `p`, `p_corrected`, `effect`, `measure`, `floor`, `drifted`.
    alpha : float
        The chance that anything is called drift where nothing changed.
    reference_rows, current_rows : int
        How many rows were compared.
    label : str or None
        The label column.

    See Also
    --------
    drift : makes it.
    """

    findings: pd.DataFrame
    checks: pd.DataFrame
    tests: pd.DataFrame
    alpha: float
    label: str | None
    batches: Batches

    @property
    def drifted(self) -> bool:
        """Whether anything changed that counts."""
        return bool((self.findings["doubt"] >= COUNTED).any())

    @property
    def reference_rows(self) -> int:
        """The number of rows of the reference."""
        return len(self.batches.reference)

    @property
    def current_rows(self) -> int:
        """The number of current rows."""
        return len(self.batches.current)

    def __len__(self) -> int:
        """Return the number of findings."""
        return len(self.findings)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the findings."""
        return self.findings.copy()

    def as_record(self) -> dict[str, Any]:
        """Return findings, checks and tests as plain JSON values, for a gate, a trigger or a log; sensitive values are masked."""
        found = self.findings.drop(columns=["peers"]).to_dict(orient="records")
        return {
            "drifted": self.drifted,
            "alpha": self.alpha,
            "label": self.label,
            "reference_rows": self.reference_rows,
            "current_rows": self.current_rows,
            "findings": [plain_record(r) for r in found],
            "checks": [plain_record(r) for r in self.checks.drop(columns="seconds").to_dict(orient="records")],
            "tests": [plain_record(r) for r in self.tests.to_dict(orient="records")],
        }

    def to_metrics(self) -> dict[str, float | int | bool]:
        """Return the numbers for `dcai.record(**drift.to_metrics())`."""
        tested = self.tests[self.tests["p"].notna()]
        return {
            "drifted": self.drifted,
            "changes": int((self.findings["doubt"] >= COUNTED).sum()),
            "columns_drifted": int(self.findings.loc[self.findings["doubt"] >= COUNTED, "column"].nunique()),
            "smallest_p": float(tested["p_corrected"].min()) if len(tested) else 1.0,
        }

    def chart(self, column: str | None = None) -> OfflineChart:
        """Draw how large each change is; or, for a column, its values in both batches.

        Raises
        ------
        InputError
            Where there is no such column to compare, or its values are masked.
        """
        from dcai.experiments.batches.drift_charts import draw_column, draw_effects

        if column is None:
            return draw_effects(self)
        if column not in self.batches.kinds:
            raise InputError.unknown_name("column in both batches", column, self.batches.kinds)
        if self.batches.kinds[column] not in DRAWN:
            raise InputError(
                f"The column {column!r} holds {WORDS[self.batches.kinds[column]]}, whose values are not drawn. Draw another column, or all changes by chart()."
            )
        if column in self.batches.veil.whole:
            raise InputError(
                f"The values of {column!r} are masked, so they are not drawn. Draw another column, or all changes by chart()."
            )
        return draw_column(self, column)

    def to_text(self) -> str:
        """Write headline, findings and what was not checked for a terminal."""
        lines = [self._headline()]
        for f in records_of(self.findings.head(SHOWN)):
            mark = "!" if f.doubt >= COUNTED else "-"
            lines.append(f"  {mark} {f.detector}: {show_text(f.reason, _REASON)}".replace("\n", "\\n"))
        lines += [f"  not checked: {names}: {show_text(why, _REASON)}" for names, why in self._list_gaps()]
        lines += [f"  {c.detector}: {show_text(c.reason, _REASON)}" for c in records_of(self._find_notes())]
        return "\n".join(lines)

    def _list_gaps(self) -> list[tuple[str, str]]:
        """List what was not checked, checks of one reason together."""
        gaps = self.checks[self.checks["status"] != "ran"]
        return [(", ".join(its), str(why)) for why, its in gaps.groupby("reason", sort=False)["detector"]]

    def _find_notes(self) -> pd.DataFrame:
        """Find what is to be said of the checks that ran."""
        return self.checks[(self.checks["status"] == "ran") & (self.checks["reason"] != "")]

    def to_json(self) -> str:
        """Write `as_record` as JSON."""
        return json.dumps(self.as_record(), ensure_ascii=False, allow_nan=False, indent=2)

    def to_html(self, path: str | Path | None = None) -> str | Path:
        """Write a page with charts that needs no network; without a path, return its HTML."""
        drawn = self.chart().to_image() if len(self.tests) else ""
        drawable = {c for c, kind in self.batches.kinds.items() if kind in DRAWN} - set(self.batches.veil.whole)
        worst = [c for c in dict.fromkeys(self.findings["column"]) if c in drawable][:6]
        body = to_block(self._body(200), _large(drawn), *(_large(self.chart(str(c)).to_image()) for c in worst))
        page = to_page("dcai drift", body)
        return page if path is None else write_atomic(path, page)

    def __repr__(self) -> str:
        """Say in one line what changed."""
        return f"Drift({self._headline()})"

    def _repr_html_(self) -> str:
        return to_block(self._body(SHOWN))

    def _headline(self) -> str:
        counted = self.findings[self.findings["doubt"] >= COUNTED]
        rows = f"{self.current_rows:,} current rows against {self.reference_rows:,}"
        if not len(counted):
            more = f", {count(len(self.findings), 'remark')}" if len(self.findings) else ""
            return f"no drift found in {rows}{more}"
        names = counted["detector"].value_counts()
        return f"drift in {rows}: " + ", ".join(f"{name} {n}" for name, n in names.items())

    def _body(self, most: int) -> str:
        head = self._headline()
        parts = [f"<h3>{escape(head[0].upper() + head[1:], 400)}</h3>"]
        tests = int(self.tests["p"].notna().sum())
        parts.append(
            f'<p class="muted">{count(tests, "test")}; where nothing changed, the chance that any of them counts is below '
            f"{self.alpha:.2%}. A change counts from a stated size on, however sure it is.</p>"
        )
        masked = list(self.batches.veil.whole)
        parts.append(f'<p class="muted">Values of {escape(name_some(masked), 400)} are masked.</p>' if masked else "")
        rows = [_show(f, self.tests) for f in records_of(self.findings.head(most))]
        columns = ["change", "column", "doubt", "size", "p", "what changed"]
        parts.append(
            to_table(rows, columns, numbers=["doubt", "p"], limit=_REASON, wide=["what changed"]) if rows else ""
        )
        said = "; ".join(f"{escape(names)}: {escape(why, _REASON)}" for names, why in self._list_gaps())
        parts.append(f'<p class="muted">Not checked: {said}.</p>' if said else "")
        notes = [f"{c.detector}: {c.reason}." for c in records_of(self._find_notes())]
        parts.append("".join(f'<p class="muted">{escape(note, _REASON)}</p>' for note in notes))
        return "".join(parts)


def _large(image: str) -> str:
    """Show a chart as large as it is: the block's own style is for thumbnails."""
    return image.replace(
        'style="max-width: 100%"', 'style="max-width: 100%; max-height: none; display: block; margin: 12px 0"'
    )


def _show(found: Any, tests: pd.DataFrame) -> dict[str, object]:
    its = tests[tests["finding"] == found.finding]
    p = float(its["p_corrected"].iloc[0]) if len(its) else math.nan
    shown = "" if math.isnan(p) else "< 0.0001" if p < 1e-4 else f"{p:.4f}"  # noqa: PLR2004 (four digits are shown)
    return {
        "change": found.detector,
        "column": escape_value(found.column),
        "doubt": f"{found.doubt:.2f}",
        "size": to_bar(found.doubt, COUNTED),
        "p": shown or Html('<span class="muted">fact</span>'),
        "what changed": found.reason,
    }
