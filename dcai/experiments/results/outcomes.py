"""Comparison: what four approaches score on the same held-out rows, what each gains and what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dcai.base.display import to_page
from dcai.base.errors import InputError
from dcai.base.store import write_atomic
from dcai.experiments.results.cards import check_model_path, describe_training, write_model
from dcai.experiments.results.groupings import score_groups
from dcai.experiments.results.headlines import write_headline
from dcai.experiments.results.sheets import Sheet, check_target, show_p, show_range
from dcai.experiments.scores.estimates import ESTIMATES, FACTS, GAIN, OTHER_LOG
from dcai.experiments.scores.intervals import MEANING
from dcai.findings.wording import count

if TYPE_CHECKING:
    from dcai.base.charts import OfflineChart
    from dcai.experiments.results.gatherings import ComparisonSet
    from dcai.experiments.scores.measures import Bench
    from dcai.experiments.scores.models import Remembered

P_MEANING = (
    "p: two-sided paired test by the same variances as the interval, which holds for its own gain alone. p (Holm): corrected for "
    "the number of gains in its table, and the headline follows it: where none of them is real, the table shows one below .05 in "
    "about 5 comparisons of 100 at most. The gains of the approaches, model by model, and of the other log are tables of their own."
)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Four approaches on the same held-out rows: baseline, another model, corrected data, both.

    Attributes
    ----------
    estimates : pandas.DataFrame
        A row for each approach, metric and kind of test labels ("as given", "corrected"), with score, gain over the
        baseline, their 95 % intervals, and p-values of the gain, alone and corrected for the number of gains (Holm).
        `table` is its view for the first metric.
    scores : pandas.DataFrame
        Every single measurement: `model`, `data` ("raw", "corrected"), `repeat` (0: all training rows, else a resample
        of them), `metric`, `test_labels`, `score`, `seconds` (CPU), `train_rows`.
    notes : tuple of str
        How it was measured: split, corrections used and left out, rows dropped, models chosen, repeats, warnings.
    metric : str
        The first metric.
    test_rows : int
        How many rows were held out.
    model_gains : pandas.DataFrame
        A row for each model, metric and kind of test labels: what corrected data gain it. `by_model` is its view.
    versions : pandas.DataFrame
        With `other_log`: what it gains over the log, for each metric and kind of test labels.
    models : dict
        The model of each approach, fitted on all training rows.
    origin : dict
        Hashes of the data and of the corrections, sizes, label and features.
    bench : Bench
        What was measured with, for what is asked later: the held-out rows, the scorers.

    See Also
    --------
    compare : makes it.
    """

    estimates: pd.DataFrame
    scores: pd.DataFrame
    notes: tuple[str, ...]
    metric: str
    test_rows: int
    model_gains: pd.DataFrame = field(default_factory=pd.DataFrame)
    versions: pd.DataFrame = field(default_factory=pd.DataFrame)
    models: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)
    bench: Bench | None = None

    @property
    def table(self) -> pd.DataFrame:
        """The first metric, one row for each approach; with `test_log`, a second set of columns ``*_corrected_test``."""
        return _view(self.estimates, self.metric, "approach", ESTIMATES, FACTS)

    @property
    def by_model(self) -> pd.DataFrame:
        """The first metric, one row for each model: score on raw and on corrected data, and the gain between them."""
        return _view(
            self.model_gains,
            self.metric,
            "model",
            ["raw", "corrected", *GAIN],
            ["seconds", "reviewed", "reviewed_rows"],
        )

    def to_frame(self) -> pd.DataFrame:
        """Return all estimates as a long table: approach, metric, test labels, score, gain, intervals."""
        return self.estimates.copy()

    def to_metrics(self) -> dict[str, float | str | int]:
        """Return the numbers for `dcai.record(**comparison.to_metrics())`: scores and gains with intervals and p-values.

        The hashes of training data, test data and corrections stand beside them: what changed between two runs is seen.

        Names are ``<metric>_<approach>`` for a score and ``<metric>_gain_<approach>`` for a gain, each also with ``_low``
        and ``_high``; what has no value is left out, because a record holds none.
        """
        found: dict[str, float | str | int] = {"metric": self.metric, "test_rows": self.test_rows}
        found |= {name: self.origin[name] for name in ("training_sha256", "test_sha256") if name in self.origin}
        found |= {f"{name}_sha256": log["sha256"] for name, log in self.origin.get("corrections", {}).items()}
        for row in _rows(self.estimates):
            tail = row.approach.replace("-", "_").replace(" ", "_")
            tail += "_corrected_test" if row.test_labels == "corrected" else ""
            numbers = {
                f"{tail}{end}": value for end, value in (("", row.score), ("_low", row.low), ("_high", row.high))
            }
            if row.approach != "baseline":
                gains = (("", row.gain), ("_low", row.gain_low), ("_high", row.gain_high), ("_p_holm", row.p_holm))
                numbers |= {f"gain_{tail}{end}": value for end, value in gains}
            found |= {f"{row.metric}_{name}": float(value) for name, value in numbers.items() if value == value}  # noqa: PLR0124 (NaN)
        return found

    def chart(self, metric: str | None = None, *, by: str = "approach") -> OfflineChart:
        """Draw scores and gains with their intervals.

        Parameters
        ----------
        metric : str, optional
            One of the metrics measured; default the first.
        by : {"approach", "model"}, default "approach"
            The four approaches, or what corrected data gain each model.
        """
        from dcai.experiments.results.charts import draw_comparison, draw_models

        known = list(dict.fromkeys(self.estimates["metric"]))
        if metric is not None and metric not in known:
            raise InputError.unknown_name("metric", metric, known)
        if by not in ("approach", "model"):
            raise InputError.wrong_value("by", "chart", "'approach' or 'model'", by)
        if by == "model":
            return draw_models(self.model_gains, metric or self.metric, self.test_rows)
        return draw_comparison(self.estimates, metric or self.metric, self.test_rows)

    @property
    def sheet(self) -> Sheet:
        """The table for people: numbers with their intervals as text, headline and notes."""
        several, twice = (len(set(self.estimates[c])) > 1 for c in ("metric", "test_labels"))
        rows = []
        for e in _rows(self.estimates):
            row: dict[str, object] = {"approach": e.approach, "model": e.model, "data": e.data}
            row |= {"metric": e.metric, "test labels": e.test_labels, "score": show_range(e.score, e.low, e.high)}
            gain = "" if e.approach == "baseline" else show_range(e.gain, e.gain_low, e.gain_high, "+")
            row |= {"gain": gain, "p": show_p(e.p), "p (Holm)": show_p(e.p_holm)}
            rows.append(row | {"rows reviewed": f"{e.reviewed_rows:,}", "CPU s": f"{e.seconds:.1f}"})
        hidden = {name for name, shown in (("metric", several), ("test labels", twice)) if not shown}
        columns = tuple(c for c in rows[0] if c not in hidden)
        numbers = frozenset({"score", "gain", "p", "p (Holm)", "rows reviewed", "CPU s"})
        headline = write_headline(self.estimates, self.metric, self.test_rows, self.origin)
        return Sheet(headline, columns, tuple(rows), numbers, (*self._say(), MEANING, P_MEANING, *self.notes))

    def to_markdown(self) -> str:
        """Write table, meaning of the intervals and notes as Markdown."""
        return self.sheet.to_markdown()

    def to_latex(self) -> str:
        """Write table, meaning of the intervals and notes for LaTeX with the package `booktabs`."""
        return self.sheet.to_latex()

    def to_html(self) -> str:
        """Write table, notes and chart as a page that needs no network."""
        return to_page("Comparison", self._repr_html_() + self.chart().to_image())

    def to_text(self) -> str:
        """Write table, meaning of the intervals and notes as plain text, in aligned columns."""
        return self.sheet.to_text()

    def save(self, path: str | Path) -> Path:
        """Write the comparison to a file: .html, .md and .tex hold table and notes, .svg and .png the chart.

        Raises
        ------
        InputError
            For another ending; nothing is written.
        """
        target = check_target(path)
        writers = {".md": self.to_markdown, ".tex": self.to_latex, ".html": self.to_html}
        ending = target.suffix.lower()
        return write_atomic(target, writers[ending]()) if ending in writers else self.chart().save(target)

    def save_model(
        self,
        path: str | Path,
        approach: str = "data-centric",
        *,
        intended_use: str = "",
        by: str | Sequence[str] = (),
        details: Mapping[str, Any] | None = None,
    ) -> Path:
        """Save the model of an approach, fitted on all training rows, and its card beside it.

        Parameters
        ----------
        path : str or Path
            A name that ends in ``.joblib``, for example ``dcai.artifact("model.joblib")``; the card is
            ``<name>.card.json``.
        approach : str
            A row of `table`.
        intended_use : str
            What the model is for, and what not: a person's words.
        by : str or sequence of str, default none
            Columns of the test rows: the card says how good the model is for each of their values or ranges.
        details : dict, optional
            More for the card: slices, owners, limits.

        Returns
        -------
        Path
            Of the model. Reading it back with `joblib.load` runs code of the file: trust it first.

        Raises
        ------
        InputError
            Where the approach, the path, a column or a detail cannot be used; then nothing is written.
        """
        if approach not in self.models:
            raise InputError.unknown_name("approach", approach, self.models)
        check_model_path(path)
        assert self.bench is not None
        mine = self.estimates[self.estimates["approach"] == approach]
        told = mine.drop(columns=["approach"]).astype(object).where(mine.notna(), None)
        card = {
            "approach": approach,
            "model": str(mine["model"].iloc[0]),
            "estimator": type(self.models[approach]).__name__,
            "origin": dict(self.origin),
            "trained_on": describe_training(self.bench.materials, str(mine["data"].iloc[0])),
            "metrics": told.to_dict(orient="records"),
            "slices": score_groups(self.bench, self._ask(approach), by),
            "intended_use": intended_use or "not stated",
            "notes": list(self.notes),
            "details": dict(details or {}),
        }
        return write_model(self.models[approach], path, card)

    def _ask(self, approach: str) -> Remembered:
        """Let the model of an approach predict the test rows."""
        assert self.bench is not None
        return self.bench.ask(approach, self.models[approach], self.bench.materials.tests[0].frame)

    @staticmethod
    def beside(comparisons: Mapping[str, Comparison]) -> ComparisonSet:
        """Set the comparisons of several datasets side by side: ``Comparison.beside({"iris": one, "wine": other})``."""
        from dcai.experiments.results.gatherings import gather

        return gather(comparisons)

    def __repr__(self) -> str:
        """Say in one line what was gained."""
        gains = [
            f"{row.Index} {show_range(row.gain, row.gain_low, row.gain_high, '+')}"
            for row in _rows(self.table)
            if row.Index != "baseline"
        ]
        return f"Comparison({self.metric} on {self.test_rows} test rows; gains over the baseline: {', '.join(gains)})"

    def _repr_html_(self) -> str:
        return self.sheet.to_html()

    def _say(self) -> Iterator[str]:
        """Set cost beside gain, say which models the data helped, and which log did better."""
        table = self.table
        costs = [
            f"{row.Index} {row.gain:+.3f} for {count(row.reviewed_rows, 'reviewed row')} "
            f"({count(row.reviewed, 'decision')}) and {row.seconds:.1f} CPU seconds"
            for row in _rows(table)
            if row.Index != "baseline"
        ]
        yield f"Cost beside gain: {'; '.join(costs)}."
        if len(self.model_gains) and table.loc["data-centric", "changed"]:
            gains = [f"{r.Index} {show_range(r.gain, r.gain_low, r.gain_high, '+')}" for r in _rows(self.by_model)]
            yield f"Gain of corrected over raw data, model by model: {'; '.join(gains)}."
        for row in _rows(self.versions) if OTHER_LOG in table.index else ():
            yield (
                f"The other log against the log ({row.metric}, test labels {row.test_labels}): "
                f"{show_range(row.gain, row.gain_low, row.gain_high, '+')}, p (Holm) {show_p(row.p_holm)}."
            )


def _view(table: pd.DataFrame, metric: str, index: str, numbers: list[str], facts: list[str]) -> pd.DataFrame:
    """Show one metric, with scores on corrected test labels in columns of their own."""
    first = table[table["metric"] == metric].set_index(index)
    view = first.loc[first["test_labels"] == "as given", numbers + facts].copy()
    other = first[first["test_labels"] == "corrected"]
    for name in numbers if len(other) else ():
        view.insert(list(view.columns).index(facts[0]), f"{name}_corrected_test", other[name])
    return view


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Go through the rows of an estimates table, whose cells have one type a column."""
    return iter(frame.itertuples())
