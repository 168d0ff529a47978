"""Comparison: do corrected data help more than another model? `compare` makes it."""

from __future__ import annotations

import html
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dcai.base.display import show_text, to_block, to_page, to_table
from dcai.base.errors import InputError, MissingError
from dcai.base.store import write_atomic
from dcai.experiments.estimates import APPROACHES, ESTIMATES, FACTS, make_estimates
from dcai.experiments.intervals import MEANING
from dcai.experiments.materials import Data, Stale, prepare_materials
from dcai.experiments.measures import TEST_DRAWS, Bench, Pair, Progress, choose_model, describe_choice, measure
from dcai.experiments.models import check_models, check_scoring

if TYPE_CHECKING:
    from dcai.base.charts import OfflineChart
    from dcai.corrections.log import CorrectionLog

NOTE_LIMIT = 2000
ENDINGS = (".svg", ".png", ".html", ".md")


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Four approaches on the same held-out rows: baseline, another model, corrected data, both.

    Attributes
    ----------
    estimates : pandas.DataFrame
        A row for each approach, metric and kind of test labels ("as given", "corrected"), with score, gain over the
        baseline, and their 95 % intervals. `table` is its view for the first metric.
    scores : pandas.DataFrame
        Every single measurement: `model`, `data` ("raw", "corrected"), `repeat` (0: all training rows, else a resample
        of them), `metric`, `test_labels`, `score`, `seconds`, `train_rows`.
    notes : tuple of str
        How it was measured: split, corrections used and left out, rows dropped, models chosen, repeats.
    metric : str
        The first metric.
    test_rows : int
        How many rows were held out.

    See Also
    --------
    compare : makes it.
    """

    estimates: pd.DataFrame
    scores: pd.DataFrame
    notes: tuple[str, ...]
    metric: str
    test_rows: int

    @property
    def table(self) -> pd.DataFrame:
        """The first metric, one row for each approach; with `test_log`, a second set of columns ``*_corrected_test``."""
        first = self.estimates[self.estimates["metric"] == self.metric].set_index("approach")
        given = first[first["test_labels"] == "as given"]
        table = given[ESTIMATES + FACTS].copy()
        other = first[first["test_labels"] == "corrected"]
        for name in ESTIMATES if len(other) else ():
            table.insert(list(table.columns).index("seconds"), f"{name}_corrected_test", other[name])
        return table

    def to_frame(self) -> pd.DataFrame:
        """Return all estimates as a long table: approach, metric, test labels, score, gain, intervals."""
        return self.estimates.copy()

    def chart(self, metric: str | None = None) -> OfflineChart:
        """Draw scores and gains with their intervals.

        Parameters
        ----------
        metric : str, optional
            One of the metrics measured; default the first.
        """
        from dcai.experiments.charts import draw_comparison

        known = list(dict.fromkeys(self.estimates["metric"]))
        if metric is not None and metric not in known:
            raise InputError.unknown_name("metric", metric, known)
        return draw_comparison(self.estimates, metric or self.metric, self.test_rows)

    def to_markdown(self) -> str:
        """Write table, meaning of the intervals and notes as Markdown."""
        rows, columns = self._shown()
        lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
        lines += ["| " + " | ".join(_escape_markdown(row[c]) for c in columns) + " |" for row in rows]
        notes = [f"* {_escape_markdown(note)}" for note in (MEANING, *self.notes)]
        return "\n".join([f"**{_escape_markdown(self._headline())}**", "", *lines, "", *notes]) + "\n"

    def to_text(self) -> str:
        """Write table, meaning of the intervals and notes as plain text, in aligned columns."""
        rows, columns = self._shown()
        cells = [columns, *([show_text(row[c]) for c in columns] for row in rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
        lines = [
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells
        ]
        notes = [f"- {show_text(note, NOTE_LIMIT)}" for note in (MEANING, *self.notes)]
        return "\n".join([show_text(self._headline()), "", *lines, "", *notes])

    def save(self, path: str | Path) -> Path:
        """Write the comparison to a file: .html and .md hold table and notes, .svg and .png the chart.

        Raises
        ------
        InputError
            For another ending; nothing is written.
        """
        target = check_target(path)
        ending = target.suffix.lower()
        if ending == ".md":
            return write_atomic(target, self.to_markdown())
        if ending == ".html":
            page = to_page("Comparison", self._repr_html_() + self.chart().to_image())
            return write_atomic(target, page)
        return self.chart().save(target)

    def __repr__(self) -> str:
        """Say in one line what was gained."""
        gains = [
            f"{row.Index} {_show_range(row.gain, row.gain_low, row.gain_high, '+')}"
            for row in _rows(self.table)
            if row.Index != "baseline"
        ]
        return f"Comparison({self.metric} on {self.test_rows} test rows; gains over the baseline: {', '.join(gains)})"

    def _repr_html_(self) -> str:
        rows, columns = self._shown()
        notes = "".join(f"<li>{html.escape(show_text(note, NOTE_LIMIT))}</li>" for note in self.notes)
        return to_block(
            f"<h3>{html.escape(show_text(self._headline()))}</h3>",
            to_table(rows, columns, ["score", "gain", "reviewed", "seconds"]),
            f'<p class="muted">{html.escape(MEANING)}</p><ul class="muted">{notes}</ul>',
        )

    def _headline(self) -> str:
        row = next(row for row in _rows(self.table) if row.Index == "data-centric")
        text = _show_range(row.gain, row.gain_low, row.gain_high, "+")
        if row.gain_low > 0:
            verdict = f"Correcting the data helped: {self.metric} {text}"
        elif row.gain_high < 0:
            verdict = f"Correcting the data did harm: {self.metric} {text}"
        else:
            verdict = f"No gain from correcting the data is shown: {self.metric} {text}, and the interval holds 0"
        return f"{verdict} ({self.test_rows:,} test rows)"

    def _shown(self) -> tuple[list[dict[str, object]], list[str]]:
        """Return the rows for people: numbers with their intervals as text."""
        several = len(set(self.estimates["metric"])) > 1
        twice = len(set(self.estimates["test_labels"])) > 1
        rows = []
        for e in _rows(self.estimates):
            row: dict[str, object] = {"approach": e.approach, "model": e.model, "data": e.data}
            row |= {"metric": e.metric, "test labels": e.test_labels, "score": _show_range(e.score, e.low, e.high)}
            gain = "" if e.approach == "baseline" else _show_range(e.gain, e.gain_low, e.gain_high, "+")
            row |= {"gain": gain, "reviewed": f"{e.reviewed:,}", "seconds": f"{e.seconds:.1f}"}
            rows.append(row)
        columns = ["approach", "model", "data", "metric", "test labels", "score", "gain", "reviewed", "seconds"]
        hidden = ([] if several else ["metric"]) + ([] if twice else ["test labels"])
        return rows, [c for c in columns if c not in hidden]


def compare(
    train: Any,
    test: Any = None,
    label: str | None = None,
    log: CorrectionLog | str | Path | None = None,
    *,
    models: Any = None,
    key: str | Sequence[str] | None = None,
    test_log: CorrectionLog | str | Path | None = None,
    stale: Stale = "raise",
    repeats: int = 5,
    scoring: Any = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Measure what corrected training data gain over the data as given, and what another model gains, on the same rows.

    Corrections are applied to training rows only. Every model is trained on all training rows as given and corrected;
    the models of the four approaches also on `repeats` bootstrap resamples of them (drawn within each class, the same
    rows for raw and corrected data, the same seeds), and each of those is scored on 100 bootstrap draws of the test
    rows. Gains are paired differences. Intervals: see `dcai.experiments.intervals.estimate_interval` (bootstrap of
    training and of test rows, Efron & Tibshirani 1993; no narrowing by repeats that share rows, Nadeau & Bengio 2003,
    Bouckaert & Frank 2004).

    Parameters
    ----------
    train : pandas.DataFrame or other table, or path, shape (n, m)
        The training rows as given, without corrections.
    test : pandas.DataFrame or other table, or path, optional
        Held-out rows with the same columns. None holds out about a quarter of `train`, decided by the content of rows.
    label : str, optional
        The label column; None takes the log's.
    log : CorrectionLog or path, optional
        The corrections. Those of rows that are not trained on are left out and counted.
    models : dict, list or estimator, optional
        Scikit-learn classifiers (or regressors for a measured label). The first is the fixed model of ``baseline`` and
        ``data-centric``; the best by cross-validation within (at most 10,000 of) the training rows is that of
        ``model-centric`` and ``both``.
    key : str or sequence of str, optional
        Columns that identify a row; they are no features. None takes the log's.
    test_log : CorrectionLog or path, optional
        Corrections of test rows: scores on test labels as given and as corrected then stand side by side.
    stale : {"raise", "skip"}, default "raise"
        What to do with corrections of training and test rows that no longer fit or are disputed; skipped ones are counted.
    repeats : int, default 5
        How many times training rows are resampled, at least 2.
    scoring : str, callable or list, optional
        Scikit-learn scorers; the first is that of `Comparison.table`. Default accuracy (balanced accuracy where classes
        are very unequal), r2 for a measured label.
    random_state : int, default 0
        Decides split, resamples, and the seed of models that have none.
    progress : callable, optional
        Called as ``progress(fits done, fits at most, model)``.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        Where the frames, the label, a model or a scorer cannot be used.
    LogError
        Where the log belongs to other data or another label.
    StaleError
        With ``stale="raise"``, where corrections no longer fit: decide those rows anew, or skip the corrections.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> frame = load_iris(as_frame=True).frame
    >>> comparison = compare(frame, label="target", models=LogisticRegression(max_iter=1000))
    >>> list(comparison.table.index)
    ['baseline', 'model-centric', 'data-centric', 'both']
    """
    repeats = _check_count(repeats, "repeats", 2)
    random_state = _check_count(random_state, "random_state", 0)
    training_log, held_log = _read_log(log, "log"), _read_log(test_log, "test_log")
    materials = prepare_materials(
        train, test, label, training_log, held_log, key=key, random_state=random_state, stale=stale
    )
    notes = list(materials.notes)
    candidates = check_models(models, materials)
    scorers = check_scoring(scoring, materials, notes)
    bench = Bench(materials, candidates, scorers, repeats, random_state, progress)
    chosen, choosing = _choose_both(bench, notes)
    first = next(iter(candidates))
    plan: dict[str, Pair] = {
        name: (chosen[data] if name in ("model-centric", "both") else first, data) for name, data in APPROACHES.items()
    }
    measured = measure(bench, list(dict.fromkeys(plan.values())))
    notes.append(
        f"Repeats: training rows were resampled {repeats} times with replacement within each class, the same rows and seeds for "
        f"every approach, and each of those models was scored on {TEST_DRAWS} resamples of the test rows. The score itself is that "
        "of the model trained on all training rows."
    )
    lacking = sorted(set(measured.table.loc[measured.table["score"].isna(), "metric"]))
    notes += [
        f"{metric} has no value on some of these test rows, for example because a class is missing among them."
        for metric in lacking
    ]
    notes += [f"{name} warned {times} times: {text}" for (name, text), times in bench.warned.items()]
    estimates = make_estimates(materials, measured, plan, choosing, list(scorers))
    return Comparison(estimates, measured.table, tuple(notes), bench.main, materials.test_rows)


def _read_log(log: CorrectionLog | str | Path | None, name: str) -> CorrectionLog | None:
    from dcai.corrections.log import CorrectionLog

    if log is None or isinstance(log, CorrectionLog):
        return log
    if not isinstance(log, (str, Path)):
        raise InputError.wrong_value(name, "compare", "a CorrectionLog, a path to one, or None", log)
    return CorrectionLog.read(log)


def _check_count(value: Any, name: str, least: int) -> int:
    expected = f"an integer of at least {least}"
    if isinstance(value, bool):
        raise InputError.wrong_value(name, "compare", expected, value)
    try:
        number = operator.index(value)
    except TypeError as error:
        raise InputError.wrong_value(name, "compare", expected, value) from error
    if number < least:
        raise InputError.wrong_value(name, "compare", expected, value)
    return number


def _choose_both(bench: Bench, notes: list[str]) -> tuple[dict[Data, str], dict[Data, float]]:
    """Choose the model for raw and for corrected data, within the training rows."""
    names = list(bench.models)
    if len(names) == 1:
        notes.append(
            f"There is one model only ({names[0]}), so model-centric equals baseline and both equals data-centric."
        )
        return {"raw": names[0], "corrected": names[0]}, {"raw": 0.0, "corrected": 0.0}
    chosen: dict[Data, str] = {}
    seconds: dict[Data, float] = {}
    for data in bench.materials.training:
        chosen[data], means, seconds[data] = choose_model(bench, data)
        told = ", ".join(f"{name} {mean:.3f}" for name, mean in means.items())
        notes.append(
            f"On {data} data the best model is {chosen[data]} ({describe_choice(bench)}, {bench.main}: {told}); "
            f"the fixed model is {names[0]}."
        )
    return chosen, seconds


def check_target(path: str | Path) -> Path:
    """Return where a comparison shall be saved, if it can be."""
    target = Path(path)
    if target.suffix.lower() not in ENDINGS:
        raise InputError(
            f"A comparison cannot be saved as {target.name!r}. Expected a name that ends in {', '.join(ENDINGS)}."
        )
    if not target.parent.is_dir():
        raise MissingError(f"There is no folder {str(target.parent)!r} to save {target.name!r} in. Make it first.")
    return target


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Go through the rows of an estimates table, whose cells have one type a column."""
    return iter(frame.itertuples())


def _show_range(value: float, low: float, high: float, sign: str = "") -> str:
    if np.isnan(low):
        return f"{value:{sign}.3f} (no interval)"
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def _escape_markdown(value: object) -> str:
    text = show_text(value, NOTE_LIMIT).replace("\n", " ")
    for mark in "\\`*_[]<>|#&":
        text = text.replace(mark, f"\\{mark}")
    return text
