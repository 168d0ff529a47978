"""Several comparisons side by side: the same three gains for each dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dcai.base.display import to_page
from dcai.base.errors import InputError
from dcai.base.store import write_atomic
from dcai.experiments.results.sheets import Sheet, check_target, show_p, show_range
from dcai.experiments.scores.intervals import LEVEL, MEANING, correct_gains

if TYPE_CHECKING:
    from dcai.base.charts import OfflineChart
    from dcai.experiments.results.outcomes import Comparison


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonSet:
    """Comparisons of several datasets; `Comparison.beside` makes it.

    Attributes
    ----------
    comparisons : dict
        Each dataset's comparison by its name.
    estimates : pandas.DataFrame
        Their estimates below each other, with a column `dataset`; `p_holm` is corrected over all of them.
    """

    comparisons: Mapping[str, Comparison]
    estimates: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """One row for each dataset and approach, each dataset in its first metric, on test labels as given."""
        first = [c.metric for c in self.comparisons.values()]
        metrics = dict(zip(self.comparisons, first, strict=True))
        chosen = (self.estimates["metric"] == self.estimates["dataset"].map(metrics)) & (
            self.estimates["test_labels"] == "as given"
        )
        return self.estimates[chosen].set_index(["dataset", "approach"]).drop(columns="test_labels")

    def to_frame(self) -> pd.DataFrame:
        """Return all estimates as a long table."""
        return self.estimates.copy()

    @property
    def sheet(self) -> Sheet:
        """The table for people: one row for each dataset and kind of test labels, the approaches beside each other."""
        twice = len(set(self.estimates["test_labels"])) > 1
        rows = [
            self._row(name, kind, part)
            for name, comparison in self.comparisons.items()
            for kind, part in _parts(comparison, self.estimates[self.estimates["dataset"] == name])
        ]
        columns = ["dataset", "metric", *(["test labels"] if twice else []), "test rows", "rows reviewed", "baseline"]
        gains = ["model-centric", "data-centric", "both"]
        notes = (
            "baseline: its score; the others: what they gain over it, with 95 % intervals and p-values corrected for all of these gains (Holm).",
            MEANING,
        )
        return Sheet(self._headline(), (*columns, *gains), tuple(rows), frozenset({*columns[3:], *gains}), notes)

    def _row(self, name: str, kind: str, part: pd.DataFrame) -> dict[str, object]:
        comparison = self.comparisons[name]
        row: dict[str, object] = {"dataset": name, "metric": comparison.metric, "test labels": kind}
        row["test rows"] = f"{comparison.test_rows:,}"
        for e in part.itertuples():
            one: Any = e
            if one.approach == "baseline":
                row["baseline"] = show_range(one.score, one.low, one.high)
            else:
                told = show_range(one.gain, one.gain_low, one.gain_high, "+")
                shown = show_p(one.p_holm)
                row[one.approach] = f"{told}, p {shown}" if shown else told
            if one.approach == "data-centric":
                row["rows reviewed"] = f"{one.reviewed_rows:,}"
        return row

    def _headline(self) -> str:
        mine = self.table.xs("data-centric", level="approach")
        # Of many datasets some intervals leave 0 out by luck: what counts is sure after correction for all of them.
        sure = mine["p_holm"] <= 1 - LEVEL
        better, worse = int((sure & (mine["gain"] > 0)).sum()), int((sure & (mine["gain"] < 0)).sum())
        return (
            f"Correcting the data helped in {better} of {len(mine)} datasets and did harm in {worse}; "
            f"in {len(mine) - better - worse} the gain may be luck (p above {1 - LEVEL:g} after Holm's correction)"
        )

    def chart(self) -> OfflineChart:
        """Draw the gains of every dataset beside each other, each in its first metric."""
        from dcai.experiments.results.charts import draw_datasets

        return draw_datasets(self.table.reset_index())

    def to_markdown(self) -> str:
        """Write the table as Markdown."""
        return self.sheet.to_markdown()

    def to_latex(self) -> str:
        """Write the table for LaTeX with the package `booktabs`."""
        return self.sheet.to_latex()

    def to_html(self) -> str:
        """Write table and chart as a page that needs no network."""
        return to_page("Comparisons", self._repr_html_() + self.chart().to_image())

    def to_text(self) -> str:
        """Write the table as plain text."""
        return self.sheet.to_text()

    def save(self, path: str | Path) -> Path:
        """Write to a file: .html, .md and .tex hold the table, .svg and .png the chart."""
        target = check_target(path)
        writers = {".md": self.to_markdown, ".tex": self.to_latex, ".html": self.to_html}
        ending = target.suffix.lower()
        return write_atomic(target, writers[ending]()) if ending in writers else self.chart().save(target)

    def __len__(self) -> int:
        """Return the number of datasets."""
        return len(self.comparisons)

    def __repr__(self) -> str:
        """Say in one line where correcting helped."""
        return f"ComparisonSet({self._headline()})"

    def _repr_html_(self) -> str:
        return self.sheet.to_html()


def _parts(comparison: Comparison, estimates: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    mine = estimates[estimates["metric"] == comparison.metric]
    for kind in dict.fromkeys(mine["test_labels"]):
        yield str(kind), mine[mine["test_labels"] == kind]


def gather(comparisons: Mapping[str, Comparison]) -> ComparisonSet:
    """Set comparisons side by side, by the names of their datasets; see `Comparison.beside`."""
    from dcai.experiments.results.outcomes import Comparison

    if (
        not isinstance(comparisons, Mapping)
        or not comparisons
        or not all(isinstance(c, Comparison) for c in comparisons.values())
    ):
        raise InputError.wrong_value(
            "comparisons", "Comparison.beside", "a dict of comparisons by the name of their data", comparisons
        )
    named = {str(name): comparison for name, comparison in comparisons.items()}
    table = pd.concat([c.estimates.assign(dataset=name) for name, c in named.items()], ignore_index=True)
    tested = table["gain"].where(table["approach"] != "baseline")
    return ComparisonSet(named, table.assign(p_holm=correct_gains(table["p"].tolist(), tested.tolist())))
