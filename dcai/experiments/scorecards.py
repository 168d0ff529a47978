"""`scorecard`: is this good data? Consistent, covering what matters, checked against production, of the right size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dcai.base.display import show_share
from dcai.base.errors import InputError
from dcai.base.settings import find_settings
from dcai.base.table import Table, make_table, name_columns, read_frame
from dcai.experiments.comparison import read_log
from dcai.experiments.dictionaries import find_veil
from dcai.experiments.results.grades import ATTENTION, GOOD, UNKNOWN, Part, Scorecard
from dcai.findings.labels.classes import read_labels
from dcai.findings.summary import describe_errors, records_of
from dcai.findings.wording import count, name_some

if TYPE_CHECKING:
    from dcai.corrections.log import CorrectionLog
    from dcai.findings.masking import Veil

DEFINED = ("conflicts", "label_names", "variants", "patterns")
WANTED_CLASS = 50  # rows that a class should have
SINGLE = 3  # so few rows of a class may be slips of the hand
NAMED = 5
CONFLICTING = 0.01  # of the rows; below, contradictions are single cases for the review
WRONG = 0.01  # of the labels, at the low end of the estimate


def scorecard(
    frame: Any,
    label: str | None = None,
    *,
    key: str | Sequence[str] | None = None,
    log: CorrectionLog | str | Path | None = None,
    production: Any = None,
    model: Any = None,
    groups: str | None = None,
    by: str | Sequence[str] | None = None,
    size: bool = True,
    random_state: int = 0,
) -> Scorecard:
    """Ask whether data are good: consistent, covering what matters, checked against production, of the right size.

    Parameters
    ----------
    frame : pandas.DataFrame or other table, or path to a CSV or Parquet file
        The data.
    label : str, optional
        The label column.
    key : str or sequence of str, optional
        Columns that identify a row.
    log : CorrectionLog or path, optional
        Corrections, which are applied first where they fit.
    production : pandas.DataFrame or other table, or path, optional
        The last batch from production; it may lack the label.
    model : scikit-learn estimator, optional
        The model whose failures are looked for, and whose curve tells the right size.
    groups : str, optional
        A column that says which rows belong together.
    by : str or sequence of str, optional
        Columns whose every value must be covered.
    size : bool, default True
        Whether to measure the right size, which takes longest.
    random_state : int, default 0
        Decides what is drawn by chance.

    Returns
    -------
    Scorecard

    Raises
    ------
    InputError
        Where a frame, a column or the model cannot be used.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"x": np.arange(100.0), "y": ["a", "b"] * 50})
    >>> scorecard(rows, "y", size=False)["feedback"].status
    'unknown'
    """
    known = read_log(log, "log", "scorecard")
    table = make_table(frame, label, key=key, groups=groups, caller="scorecard")
    raw = table
    if known is not None:
        table = make_table(known.apply(table.frame, stale="skip"), label, key=key, groups=groups, caller="scorecard")
    veil = find_veil(table)
    parts = (
        _check_definitions(table, raw, known, veil, random_state),
        _check_coverage(table, model, by, veil, random_state),
        _check_feedback(table, production, random_state),
        _check_size(raw, known, model, random_state) if size else _skip("size", "it was not asked for (size=False)"),
    )
    return Scorecard(parts, len(table), table.label, raw.name)


_QUESTIONS = {
    "definitions": "Does the same thing always get the same label and the same spelling?",
    "coverage": "Are the cases that matter there, in enough rows?",
    "feedback": "Do production data still look like these?",
    "size": "Are these enough rows, and not more than needed?",
}


def _skip(name: str, why: str, step: str = "") -> Part:
    return Part(name, _QUESTIONS[name], UNKNOWN, (f"Not looked at: {why}.",), (step,) if step else ())


def _check_definitions(table: Table, raw: Table, log: CorrectionLog | None, veil: Veil, seed: int) -> Part:
    from dcai.findings.report import audit

    wanted = DEFINED if table.label is not None else tuple(d for d in DEFINED if d not in ("conflicts", "label_names"))
    asked = wanted if table.label is None else (*wanted, "labels")
    found = audit(table.frame, table.label, key=table.key or None, detectors=asked, random_state=seed, progress=False)
    counts = {name: int((found.findings["detector"] == name).sum()) for name in wanted}
    skipped = found.checks[found.checks["status"] != "ran"]
    facts = [f"{_SAID[name]}: {n:,}." for name, n in counts.items() if name not in set(skipped["detector"])]
    facts += [f"Not checked: {c.detector} ({c.reason})." for c in records_of(skipped)]
    steps = []
    conflicts = counts.get("conflicts", 0)
    bad = conflicts > CONFLICTING * len(table) or any(counts[n] for n in wanted if n != "conflicts")
    if bad:
        worst = max((n for n in wanted if counts[n]), key=lambda n: counts[n])
        steps.append(f"Review what {worst!r} found: dcai.review(dcai.audit(frame, {table.label!r}).by({worst!r})).")
    figures: dict[str, float | int | bool | None] = dict(counts)
    expected = found.expected_errors
    if expected is not None:
        facts.append(f"{describe_errors(found)}.")
        figures["wrong_labels_low"] = float(expected.low)
        if expected.low > WRONG * len(table):
            bad = True
            steps.append(
                f"Review the labels that a model doubts: dcai.review(dcai.audit(frame, {table.label!r}).by('labels'))."
            )
    undefined = _list_undefined(table)
    if undefined:
        facts.append(
            f"dcai.yaml does not say what these classes mean: {name_some([str(veil.show(c, table.label)) for c in undefined])}."
        )
        steps.append("Write down what each class means, with borderline cases, in dcai.yaml.")
    if log is not None:
        disputed = int((log.check(raw.frame)["status"] == "disputed").sum())
        bad |= disputed > 0
        facts.append(f"Corrections on which reviewers differ: {disputed:,}.")
    return Part(
        "definitions", _QUESTIONS["definitions"], ATTENTION if bad else GOOD, tuple(facts), tuple(steps), figures
    )


_SAID = {
    "conflicts": "Equal rows with different labels",
    "label_names": "Several names for one class",
    "variants": "Several spellings of one value",
    "patterns": "Values in another format or unit",
}


def _list_undefined(table: Table) -> list[str]:
    """List the classes without a definition, where `dcai.yaml` defines some."""
    known = {str(d.name) for d in find_settings(Path.cwd()).definitions(table.label)}
    if table.label is None or not known:
        return []
    return sorted(str(v) for v in table.frame[table.label].dropna().unique() if str(v) not in known)


def _check_coverage(table: Table, model: Any, by: Any, veil: Veil, seed: int) -> Part:
    from dcai.experiments.failures.partitions import slices
    from dcai.findings.labels.tasks import read_task

    if table.label is None:
        return _skip("coverage", "no label was named", "Pass label=.")
    task = read_task(table, None).task
    if task not in ("classification", "regression"):
        return _skip("coverage", f"the label's task is {task}")
    facts: list[str] = []
    steps: list[str] = []
    rare: dict[str, int] = {}
    if task == "classification":
        rare = _check_classes(table, table.label, veil, facts, steps)
    if len(table) < 4 * WANTED_CLASS:
        return Part(
            "coverage",
            _QUESTIONS["coverage"],
            ATTENTION,
            (*facts, f"Too few rows to look for groups in which a model fails: {len(table):,}."),
            tuple(steps),
            {"rare_classes": len(rare)},
        )
    found = slices(
        table.frame, table.label, model=model, by=by, key=table.key or None, groups=table.groups, random_state=seed
    )
    worse = found.worse
    facts.append(
        f"{found.measure.capitalize()} of a model on rows that it has not seen: {show_share(found.accuracy)}; "
        f"{count(len(worse), 'group')} of rows surely worse."
    )
    facts += [
        f"Where {s.slice}: {show_share(s.accuracy)} ({show_share(s.low)} to {show_share(s.high)}), elsewhere {show_share(s.elsewhere)}."
        for s in records_of(worse.head(5))
    ]
    steps += [f"Where {s.slice} ({s.cause}): {s.fix}" for s in records_of(worse.head(5))]
    status = ATTENTION if rare or len(worse) else GOOD
    figures = {"rare_classes": len(rare), "worse_groups": len(worse), "model_accuracy": found.accuracy}
    return Part("coverage", _QUESTIONS["coverage"], status, tuple(facts), tuple(steps), figures)


def _check_classes(table: Table, label: str, veil: Veil, facts: list[str], steps: list[str]) -> dict[str, int]:
    """Return the rare classes with their rows; other spellings of a class count as that class, not as rare ones."""
    labels = read_labels(table.frame[label], label)
    rare = {str(c): int(n) for c, n in zip(labels.names, labels.counts, strict=True) if n < WANTED_CLASS}
    facts.append(f"Of {len(labels.names):,} classes {len(rare):,} have fewer than {WANTED_CLASS} rows.")
    if labels.variants:
        said = [f"{veil.show(v.spelling, label)!r} as {veil.show(v.name, label)!r}" for v in labels.variants]
        more = f" and {len(said) - NAMED:,} more" if len(said) > NAMED else ""
        facts.append(f"Counted as the classes that they seem to spell: {', '.join(said[:NAMED])}{more}.")
    single = [c for c, n in rare.items() if n <= SINGLE]
    if single:
        shown = name_some([str(veil.show(c, label)) for c in single])
        steps.append(
            f"Look at the classes of {SINGLE} rows or fewer first ({shown}): a slip is to be corrected, not to be collected."
        )
    steps += [
        f"Collect at least {WANTED_CLASS - n:,} more rows of the class {veil.show(c, label)!r}: it has {n:,}."
        for c, n in rare.items()
        if c not in single
    ][:5]
    return rare


def _check_feedback(table: Table, production: Any, seed: int) -> Part:
    from dcai.experiments.shifts import drift

    if production is None:
        return _skip(
            "feedback", "no batch from production was given", "Pass production=, the last batch that the model saw."
        )
    batch = name_columns(read_frame(production), "scorecard")
    frame, groups = table.frame, table.groups
    if groups is not None and groups not in batch.columns:
        frame, groups = frame.drop(columns=groups), None
    found = drift(frame, batch, label=table.label, key=list(table.key) or None, groups=groups, random_state=seed)
    counted = found.findings[found.findings["doubt"] >= 0.5]  # noqa: PLR2004 (from here on a finding counts)
    facts = [f"{count(len(counted), 'change')} from these data to the {found.current_rows:,} rows from production."]
    facts += [str(reason) for reason in counted["reason"].head(5)]
    steps = (
        [
            "Add recent rows, labelled, before the next training; look at the changes first: dcai.drift(frame, production)."
        ]
        if found.drifted
        else []
    )
    return Part(
        "feedback",
        _QUESTIONS["feedback"],
        ATTENTION if found.drifted else GOOD,
        tuple(facts),
        tuple(steps),
        {"changes": len(counted)},
    )


def _check_size(table: Table, log: CorrectionLog | None, model: Any, seed: int) -> Part:
    from dcai.experiments.prospects.learning import curve

    if table.label is None:
        return _skip("size", "no label was named", "Pass label=.")
    try:
        found = curve(table.frame, table.label, log, noise=0, model=model, key=table.key or None, groups=table.groups,
                      stale="skip", repeats=5, random_state=seed, progress=False)  # fmt: skip
    except InputError as error:
        return _skip("size", str(error).rstrip("."))
    right = found.right_size
    if right is None:
        return _skip(
            "size", f"{found.metric} has no value on some of these rows", "Measure dcai.curve with another scoring=."
        )
    figures = {"right_size": right.rows, "training_rows": right.total, "last_gain": _finite(right.difference)}
    if right.is_sure:
        return Part("size", _QUESTIONS["size"], GOOD, (str(right),), (), figures)
    if right.low > 0:
        more = "Collect more rows like these: the score still grows with their number."
        return Part("size", _QUESTIONS["size"], ATTENTION, (str(right),), (more,), figures)
    again = "The intervals are too wide to tell. Measure again with more test rows, or more repeats= and a margin= that matters: dcai.curve."
    return Part("size", _QUESTIONS["size"], UNKNOWN, (str(right),), (again,), figures)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
