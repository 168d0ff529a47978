"""`compare`: measure on the same held-out rows what corrected data gain, and what another model gains."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcai.base.errors import InputError
from dcai.experiments.results.cards import describe_origin
from dcai.experiments.results.outcomes import Comparison
from dcai.experiments.samples.applying import Stale
from dcai.experiments.samples.materials import prepare_materials
from dcai.experiments.scores.confirmations import warn_of_loops
from dcai.experiments.scores.estimates import make_estimates, make_model_gains, make_versions, plan_approaches
from dcai.experiments.scores.measures import TEST_DRAWS, Bench, Progress, follow, measure, plan_pairs
from dcai.experiments.scores.models import check_models, check_scoring, list_names, name_parallel
from dcai.experiments.scores.search import check_search, choose_each, propose_models
from dcai.findings.wording import name_some

if TYPE_CHECKING:
    from dcai.corrections.log import CorrectionLog

BUDGET = 12


def compare(  # noqa: PLR0913 (every choice of the experiment can be named)
    train: Any,
    test: Any = None,
    label: str | None = None,
    log: CorrectionLog | str | Path | None = None,
    *,
    models: Any = None,
    search: Any = None,
    budget: int = BUDGET,
    key: str | Sequence[str] | None = None,
    groups: str | None = None,
    time: str | None = None,
    other_log: CorrectionLog | str | Path | None = None,
    test_log: CorrectionLog | str | Path | None = None,
    stale: Stale = "raise",
    repeats: int = 5,
    scoring: Any = None,
    random_state: int = 0,
    progress: bool | Progress | None = None,
) -> Comparison:
    """Measure what corrected training data gain over the data as given, and what another model gains, on the same rows.

    Corrections are applied to training rows only. Every model is trained on all training rows as given and corrected,
    and on `repeats` bootstrap resamples of them (drawn within each class, the same rows for raw and corrected data, the
    same seeds), and each of those is scored on 100 bootstrap draws of the test rows. Gains are paired differences, with
    a paired test each, corrected for their number. Intervals: see `dcai.experiments.scores.intervals.estimate_interval` (bootstrap of
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
    models : dict, list or estimator, or names, optional
        Scikit-learn classifiers (or regressors for a measured label), or names of the default ones ("logistic regression" or
        "ridge regression", "trees", "boosting", "naive Bayes" for texts); default all that suit the columns. The first is the fixed model of ``baseline`` and
        ``data-centric``; the best by cross-validation within (at most 10,000 of) the training rows is that of
        ``model-centric`` and ``both``.
    search : bool or dict, optional
        Settings that the model-centric approach may choose as well: True tries the usual ones of known kinds of models,
        ``{model: {parameter: values}}`` those, False none. Default: True for the default models, else False.
    budget : int, default 12
        How many models and settings are tried at most; the notes name them.
    key : str or sequence of str, optional
        Columns that identify a row; they are no features. None takes the log's.
    groups : str, optional
        A column of groups (sites, patients): whole groups are held out, and intervals resample groups. No feature.
    time : str, optional
        A column of dates or numbers: the latest quarter is held out. No feature.
    other_log : CorrectionLog or path, optional
        Another version of the corrections: a row of its own, and its gain over `log` in `Comparison.versions`.
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
    progress : bool or callable, optional
        None draws a bar in a notebook or on a terminal, True always, False never; a function is called as
        ``progress(fits done, fits at most, model)``.

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
    repeats = check_count(repeats, "repeats", 2)
    random_state = check_count(random_state, "random_state", 0)
    budget = check_count(budget, "budget", 1)
    logs = {name: read_log(one, name) for name, one in (("log", log), ("test_log", test_log), ("other_log", other_log))}
    if logs["other_log"] is not None and logs["log"] is None:
        raise InputError("other_log= is compared with log=, which is missing. Pass both, or one log as log=.")
    materials = prepare_materials(
        train,
        test,
        label,
        logs["log"],
        logs["test_log"],
        key=key,
        random_state=random_state,
        stale=stale,
        other_log=logs["other_log"],
        groups=groups,
        time=time,
    )
    notes = list(materials.notes)
    bases = check_models(models, materials)
    asked = check_search(search, bases, given=models is not None and not list_names(models))
    tried = propose_models(bases, asked, budget, random_state)
    scorers = check_scoring(scoring, materials, notes)
    with follow(progress, "compare") as tell:
        return _measure_all(Bench(materials, tried, len(bases), scorers, repeats, random_state, tell), notes)


def _measure_all(bench: Bench, notes: list[str]) -> Comparison:
    """Choose, fit, score and estimate."""
    chosen, choosing = choose_each(bench, notes)
    plan = plan_approaches(bench, chosen)
    measured = measure(bench, plan_pairs(bench, chosen))
    notes.append(
        f"Repeats: training rows were resampled {bench.repeats} times with replacement within each class, the same rows and seeds for "
        f"every approach, and each of those models was scored on {TEST_DRAWS} resamples of the test rows. The score itself is that "
        "of the model trained on all training rows."
    )
    warn_of_loops(bench, notes)
    lacking = sorted(set(measured.table.loc[measured.table["score"].isna(), "metric"]))
    notes += [
        f"{metric} has no value on some of these test rows, for example because a class is missing among them."
        for metric in lacking
    ]
    notes += [
        f"{metric} has no value on {lost} of {TEST_DRAWS} draws of the test rows, for example because a class is missing there: the "
        "intervals rest on the others."
        for metric, lost in measured.count_lost().items()
        if metric not in lacking
    ]
    parallel = name_parallel(bench.models)
    if parallel:
        notes.append(f"CPU seconds do not count workers that a model starts (n_jobs): {name_some(parallel)}.")
    notes += [f"{name} warned {times} times: {text}" for (name, text), times in bench.warned.items()]
    return Comparison(
        estimates=make_estimates(bench, measured, plan, choosing),
        scores=measured.table,
        notes=tuple(notes),
        metric=bench.main,
        test_rows=bench.materials.scored,
        model_gains=make_model_gains(bench, measured),
        versions=make_versions(bench, measured),
        models={approach: measured.fitted[pair] for approach, pair in plan.items()},
        origin=describe_origin(bench.materials),
        bench=bench,
    )


def read_log(log: CorrectionLog | str | Path | None, name: str, caller: str = "compare") -> CorrectionLog | None:
    """Return a log that is given as a value or as a path."""
    from dcai.corrections.log import CorrectionLog

    if log is None or isinstance(log, CorrectionLog):
        return log
    if not isinstance(log, (str, Path)):
        raise InputError.wrong_value(name, caller, "a CorrectionLog, a path to one, or None", log)
    return CorrectionLog.read(log)


def check_count(value: Any, name: str, least: int, caller: str = "compare") -> int:
    """Return an integer of at least `least`, or refuse the value."""
    expected = f"an integer of at least {least}"
    if isinstance(value, bool):
        raise InputError.wrong_value(name, caller, expected, value)
    try:
        number = operator.index(value)
    except TypeError as error:
        raise InputError.wrong_value(name, caller, expected, value) from error
    if number < least:
        raise InputError.wrong_value(name, caller, expected, value)
    return number
