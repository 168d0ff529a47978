"""`curve`: measure what more rows, better labels and more reviews are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.table import name_columns, read_frame
from dcai.experiments.comparison import check_count, read_log
from dcai.experiments.prospects.curves import Curve, check_sizes
from dcai.experiments.prospects.efforts import (
    EFFORT_COLUMNS,
    Efforts,
    Worth,
    choose_steps,
    order_by_doubt,
    order_by_log,
    review_stepwise,
)
from dcai.experiments.prospects.growth import FEWEST, Claim, Growth, choose_sizes, draw_orders, grow, keep_sizes
from dcai.experiments.samples.applying import Stale
from dcai.experiments.samples.materials import CORRECTED, RAW, TRUE, Data, Materials, Sample, prepare_materials
from dcai.experiments.samples.splits import Positions
from dcai.experiments.scores.estimates import cut_ends
from dcai.experiments.scores.measures import Bench, Progress, follow
from dcai.experiments.scores.models import check_models, check_scoring
from dcai.findings.wording import count

if TYPE_CHECKING:
    from dcai.corrections.log import CorrectionLog

NOISY = "noisy"
NOISE = 0.2
_TRUTH = "~true label"


def curve(  # noqa: PLR0913 (every choice of the experiment can be named)
    frame: Any,
    label: str | None = None,
    log: CorrectionLog | str | Path | None = None,
    *,
    test: Any = None,
    truth: Any = None,
    noise: float | None = None,
    sizes: Sequence[int] | None = None,
    ratio: float = 3,
    step: int = 50,
    margin: float = 0.01,
    model: Any = None,
    key: str | Sequence[str] | None = None,
    groups: str | None = None,
    time: str | None = None,
    stale: Stale = "raise",
    repeats: int = 5,
    scoring: Any = None,
    random_state: int = 0,
    progress: bool | Progress | None = None,
) -> Curve:
    """Measure scores against the number of training rows and of reviewed rows, and test whether clean rows replace many.

    Every version of the training rows (as given, corrected by the log, true labels, with planted noise) is learnt on
    the same growing beginnings of the same random orders, and scored on the same held-out rows. Reviews are counted in
    the order of the log, or by an audit's doubt where only `truth` is known, beside a random order.

    Parameters
    ----------
    frame : pandas.DataFrame or other table, or path, shape (n, m)
        The rows as given, without corrections.
    label : str, optional
        The label column; None takes the log's.
    log : CorrectionLog or path, optional
        The corrections; those of training rows are applied.
    test : pandas.DataFrame or other table, or path, optional
        Held-out rows with the same columns. None holds out about a quarter.
    truth : str, pandas.Series or array, optional
        The true labels where they are known, such as `plant` returns them: the name of a column, or one for each row.
        Scores are then measured on true labels.
    noise : float, optional
        The share of labels that is planted wrong in a further version of the best training rows; default 0.2, but none
        beside a truth without a log. 0 leaves that version out.
    sizes : list of int, optional
        Numbers of training rows; default each about twice the last, up to all. Those at which some order has rows of one
        class only are left out, and said.
    ratio : float, default 3
        How many times as many worse rows the better ones are held against.
    step : int, default 50
        How many reviews are judged at a time.
    margin : float, default 0.01
        A smaller difference of scores counts as none.
    model : estimator or str, optional
        The one model, or the name of a default one; default the first of `compare`.
    key : str or sequence of str, optional
        Columns that identify a row; they are no features.
    groups, time : str, optional
        Hold out whole groups, or the latest rows, as `compare` does.
    stale : {"raise", "skip"}, default "raise"
        What to do with corrections that no longer fit or are disputed.
    repeats : int, default 5
        How many random orders, at least 2.
    scoring : str or callable, optional
        A scikit-learn scorer; default as in `compare`.
    random_state : int, default 0
        Decides split, orders, planted noise and the seed of models that have none.
    progress : bool or callable, optional
        None draws a bar in a notebook or on a terminal, True always, False never; a function is called as
        ``progress(fits done, fits at most, model)``.

    Returns
    -------
    Curve

    Raises
    ------
    InputError
        Where the frames, the label, the model or a number cannot be used.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> found = curve(load_iris(as_frame=True).frame, "target", model=GaussianNB(), repeats=2)
    >>> sorted(set(found.sizes["data"]))
    ['noisy', 'raw']
    """
    repeats, step = check_count(repeats, "repeats", 2, "curve"), check_count(step, "step", 1, "curve")
    random_state = check_count(random_state, "random_state", 0, "curve")
    _check_numbers(ratio, margin, noise)
    known_log = read_log(log, "log", "curve")
    table, truth_name = _add_truth(frame, truth)
    held = test if test is None or truth_name is None or truth_name != _TRUTH else _refuse_test()
    materials = prepare_materials(
        table,
        held,
        label,
        known_log,
        None,
        key=key,
        random_state=random_state,
        stale=stale,
        groups=groups,
        time=time,
        truth=truth_name,
    )
    notes = [note for note in materials.notes if not note.startswith("No log was given")]
    bases = check_models(model, materials)
    first = next(iter(bases))
    scorers = check_scoring(scoring, materials, notes)
    main = dict([next(iter(scorers.items()))])
    if noise is None and materials.task == "classification" and (known_log is not None or truth is None):
        noise = NOISE
    versions = _choose_versions(materials, noise, random_state, notes, has_log=known_log is not None)
    with follow(progress, "curve") as tell:
        bench = Bench(materials, {first: bases[first]}, 1, main, repeats, random_state, tell)
        return _measure(bench, versions, _Wish(sizes, ratio, step, margin), known_log, notes)


@dataclass(frozen=True)
class _Wish:
    """What the caller asked for, in numbers."""

    sizes: Sequence[int] | None
    ratio: float
    step: int
    margin: float


def _measure(
    bench: Bench, versions: Mapping[Data, Sample], wish: _Wish, log: CorrectionLog | None, notes: list[str]
) -> Curve:
    materials, margin = bench.materials, wish.margin
    orders = draw_orders(bench)
    chosen = _choose_sizes(bench, versions, orders, wish, notes)
    best = next(name for name in (TRUE, CORRECTED, RAW) if name in versions)
    reviewed = CORRECTED if CORRECTED in versions else best
    steps, reviews = _plan_reviews(bench, versions, reviewed, log, wish.step, notes)
    fits = len(versions) * (bench.repeats * (len(chosen) - 1) + 1)
    fits += (2 * (1 + bench.repeats) + bench.repeats) * len(steps) if reviews else 0
    bench = replace(bench, planned=fits)
    test = materials.tests[0]
    growth = grow(bench, versions, orders, chosen, test)
    efforts = review_stepwise(bench, versions[reviewed], reviews, steps, test) if reviews else None
    worse = NOISY if NOISY in versions and best == RAW else RAW
    claim = _test_claim(growth, (best, worse), wish, notes)
    right = growth.find_right_size(best, margin)
    if right is None:
        notes.append(f"Right size: not measured, for {bench.main} has no value on some of these rows.")
    drawn = (
        "within each class"
        if materials.clusters is None
        else f"as whole groups ({materials.table.groups!r}) but for the last"
    )
    notes.append(
        f"The model is {bench.fixed}, the same everywhere; each size was drawn {bench.repeats} times without replacement {drawn}, "
        "the same rows for every version; sizes of one order hold each other."
    )
    notes += [f"{name} warned {times} times: {text}" for (name, text), times in bench.warned.items()]
    return Curve(
        sizes=cut_ends(growth.tabulate(), bench.main),
        reviews=pd.DataFrame(columns=EFFORT_COLUMNS) if efforts is None else cut_ends(efforts.tabulate(), bench.main),
        claim=claim,
        worth=_find_worth(efforts, reviews, margin, len(materials.pool)),
        right_size=right,
        notes=tuple(notes),
        metric=bench.main,
        margin=margin,
        test_rows=materials.scored,
    )


def _choose_sizes(
    bench: Bench, versions: Mapping[Data, Sample], orders: Sequence[Positions], wish: _Wish, notes: list[str]
) -> list[int]:
    """Choose numbers of training rows at which every version can be learnt; the others are named."""
    materials, total = bench.materials, len(bench.materials.pool)
    classes = len(set(materials.training[RAW].labels.tolist())) if materials.task == "classification" else 1
    least = max(FEWEST, 3 * classes)
    wanted = choose_sizes(total, least, wish.ratio) if wish.sizes is None else check_sizes(wish.sizes, total)
    kept = keep_sizes(bench, versions, orders, wanted)
    lost = [f"{size:,}" for size in wanted if size not in kept]
    if lost:
        notes.append(f"Without a second class in some order, and left out: {', '.join(lost)} training rows.")
    if len(kept) < 2:  # noqa: PLR2004 (a curve has two points)
        why = f" ({', '.join(lost)} rows may hold one class only)" if lost else ""
        raise InputError(
            f"There are {count(total, 'training row')}, too few for a curve{why}. Expected at least two sizes: pass sizes=, or more rows."
        )
    return kept


def _test_claim(growth: Growth, names: tuple[Data, Data], wish: _Wish, notes: list[str]) -> Claim | None:
    """Hold the better version against the worse; where that cannot be done, it is said."""
    best, worse = names
    if best == worse:
        return None
    claim = growth.test_claim(best, worse, wish.ratio, wish.margin)
    if claim is None:
        notes.append(
            f"Whether fewer {best} rows do as well as {wish.ratio:g} times as many {worse} ones was not tested: no two sizes with scores "
            "stand in that ratio. Pass sizes= with such a pair, or another ratio=."
        )
    return claim


def _find_worth(efforts: Efforts | None, reviews: Mapping[str, Any], margin: float, rows: int) -> Worth | None:
    if efforts is None:
        return None
    made = max(reviewed for _, reviewed in efforts.draws)
    return efforts.find_worth(next(iter(reviews)), margin, rows - made)


def _plan_reviews(
    bench: Bench,
    versions: Mapping[Data, Sample],
    reviewed: Data,
    log: CorrectionLog | None,
    step: int,
    notes: list[str],
) -> tuple[list[int], dict[str, Any]]:
    """Say in which order rows are reviewed and after how many the models are fitted; none where nothing changes."""
    materials = bench.materials
    if reviewed == RAW or versions[reviewed].equals(versions[RAW]):
        return [], {}
    if log is not None:
        order, looked_at = order_by_log(log, materials)
        spared = len(order) - looked_at
        if spared:
            notes.append(
                f"The curve of reviews ends after the {count(looked_at, 'row')} that somebody looked at: {spared:,} more "
                f"{'was' if spared == 1 else 'were'} accepted as members of a certified group or merged as spellings, and cost no review."
            )
        return (choose_steps(looked_at, step), {"order of the log": order}) if looked_at else ([], {})
    order = order_by_doubt(materials, bench.random_state)
    raw, true = versions[RAW], versions[reviewed]
    wrong = int((raw.labels != true.labels).sum()) if len(raw.labels) == len(true.labels) else len(order)
    # Twice as many reviews as there are errors: a perfect order needs half of them.
    most = min(len(order), max(step, -(-2 * wrong // step) * step))
    return choose_steps(most, step), {"most doubted first": order}


def _choose_versions(
    materials: Materials, noise: float | None, random_state: int, notes: list[str], *, has_log: bool
) -> dict[Data, Sample]:
    versions = {RAW: materials.training[RAW]}
    if has_log:
        versions[CORRECTED] = materials.training[CORRECTED]
    if TRUE in materials.training:
        versions[TRUE] = materials.training[TRUE]
    if noise:
        if materials.task != "classification":
            raise InputError("Noise is planted in classes only, and the label holds numbers. Leave noise= out.")
        source = versions[list(versions)[-1]]
        versions[NOISY] = _plant(source, noise, random_state)
        notes.append(
            f"The noisy version has {noise:.0%} of the labels of the {source.name} training rows replaced at random by other classes; the test has none."
        )
    return versions


def _plant(sample: Sample, rate: float, random_state: int) -> Sample:
    from dcai.experiments.planting import plant

    frame = pd.DataFrame({"label": pd.Series(list(sample.labels), dtype=object)})
    noisy, _ = plant(frame, "label", rate=rate, random_state=random_state)
    labels = np.array(noisy["label"].tolist(), dtype=sample.labels.dtype)
    return Sample(NOISY, sample.frame, labels, sample.positions)


def _add_truth(frame: Any, truth: Any) -> tuple[Any, str | None]:
    """Return the frame with a column of true labels, and that column's name."""
    if truth is None:
        return frame, None
    data = name_columns(read_frame(frame), "curve")
    if isinstance(truth, str):
        if truth not in data.columns:
            raise InputError.unknown_name("column of true labels", truth, data.columns)
        return data, truth
    if len(truth) != len(data):
        raise InputError(
            f"truth= holds {count(len(truth), 'label')} for {count(len(data), 'row')}. Expected one true label for each row of the frame, in its order."
        )
    if isinstance(truth, pd.Series) and not truth.index.equals(data.index):
        raise InputError(
            "The index of truth= is not that of the frame, so its labels may belong to other rows. Expected the same index in "
            "the same order: truth.loc[frame.index], or truth.to_numpy() where the order is right."
        )
    return data.assign(**{_TRUTH: np.asarray(truth, dtype=object)}), _TRUTH


def _refuse_test() -> Any:
    raise InputError(
        "truth= holds the true labels of the frame only, not those of test=. Name a column that both have: truth='column'."
    )


def _check_numbers(ratio: Any, margin: Any, noise: Any) -> None:
    for name, value, least, most, expected in (
        ("ratio", ratio, 1, np.inf, "a number above 1"),
        ("margin", margin, 0, np.inf, "a number above 0"),
        ("noise", noise, 0, 1, "None, 0, or a share below 1"),
    ):
        if name == "noise" and (value is None or value == 0):
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not least < value < most:
            raise InputError.wrong_value(name, "curve", expected, value)
