"""`slices`: find the groups of rows in which a model fails, confirm them on other rows, and say why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.table import Table, make_table
from dcai.experiments.dictionaries import find_veil
from dcai.experiments.failures.judgements import (
    Codes,
    Group,
    Judged,
    Marks,
    choose_positive,
    compare_choices,
    judge_rows,
    make_default,
    measure_group,
)
from dcai.experiments.failures.remedies import explain_group
from dcai.experiments.failures.segments import COLUMNS, FAIRNESS, TRIED, Slices
from dcai.experiments.samples.copies import number_copies
from dcai.experiments.scores.intervals import correct_holm
from dcai.findings.evidence import Evidence
from dcai.findings.labels.grouping import number_groups
from dcai.findings.masking import Veil
from dcai.findings.tables.slicing import Slice, cut_column, list_slices
from dcai.findings.wording import count, name_some

FEWEST = 30  # rows of a group that is searched for, in each half
GAP = 0.05  # a smaller difference does not count
CHOSEN = 10  # groups that go from the first half to the second
MOST_ASKED = 500  # values of one column of `by`
PAIRED = 12  # of the worst single columns, each with all others


def slices(
    frame: Any,
    label: str,
    *,
    model: Any = None,
    probabilities: Any = None,
    by: str | Sequence[str] | None = None,
    positive: Any = None,
    reference: Any = None,
    key: str | Sequence[str] | None = None,
    groups: str | None = None,
    level: float = 0.05,
    folds: int = 5,
    random_state: int = 0,
) -> Slices:
    """Find where a model is right less often than elsewhere, and say why and what helps.

    Every row is judged by a model that has not seen it. Groups are values of categories, ranges of numbers, lengths of
    texts, clusters, and pairs of those. What seems worse in one half of the rows is tested in the other half, corrected
    for the number of groups that came so far; only figures of the other half are reported. Groups named by `by` are
    reported all, worse or not, with the figures of all their rows. Copies of a row count as one draw of luck.

    Parameters
    ----------
    frame : pandas.DataFrame or other table, or path, shape (n, d)
        The labelled rows.
    label : str
        The label column: classes, or numbers.
    model : scikit-learn estimator, optional
        The model to judge; cloned. None takes random trees.
    probabilities : DataFrame or array, optional
        Out-of-sample probabilities of your own instead of a model, as for `audit`.
    by : str or sequence of str, optional
        Columns whose every value, or range of values, is a group of its own: the fairness view. The rarest of more
        than 500 values are left out, which is said.
    positive : object, optional
        Of two classes the one that `chosen` and `recall` are about; None takes the rarer one.
    reference : pandas.DataFrame or other table, or path, optional
        Earlier rows: tells which groups have grown since.
    key : str or sequence of str, optional
        Columns that identify a row; they are no features.
    groups : str, optional
        A column that says which rows belong together; they stay together when rows are dealt, and count as one draw of
        luck in p-values and intervals.
    level : float, default 0.05
        The chance that any group is called worse where none is.
    folds : int, default 5
        Into how many parts the rows are dealt for out-of-sample prediction.
    random_state : int, default 0
        Decides how the rows are dealt.

    Returns
    -------
    Slices

    Raises
    ------
    InputError
        Where the frame, a column or the model cannot be used.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> made = slices(load_iris(as_frame=True).frame, "target")
    >>> made.measure
    'accuracy'
    """
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise InputError.wrong_value("level", "slices", "a number between 0 and 1", level)
    table = make_table(frame, label, key=key, groups=groups, caller="slices")
    named = [by] if isinstance(by, str) else list(by or ())
    for name in named:
        if name not in table.frame.columns:
            raise InputError.unknown_name("column of by", name, table.frame.columns)
    earlier = None if reference is None else make_table(reference, caller="slices")
    judged, evidence = judge_rows(table, model, probabilities, folds, random_state)
    chosen = choose_positive(judged, positive)
    veil = find_veil(table)
    asked, notes = _take_asked(table, named, veil)
    searched, more = _search(evidence, veil, asked)
    bonds = number_copies(table.frame, [*table.features, label]) if table.groups is None else number_groups(table)
    second = _deal(len(table), bonds, random_state)
    plans, tried = _measure(asked, searched, judged, second, bonds, level)
    learner = make_default(table) if model is None else model
    rows = []
    for group, figures, p, origin in plans:
        worse = bool(p <= level and figures["gap"] >= GAP)
        cause, fix = explain_group(group, judged, table, earlier, learner, bonds) if worse else ("", "")
        measured = group.inside & judged.known & (second | (origin == "asked"))
        fair = compare_choices(measured, judged, chosen, bonds)
        rows.append({
            "slice": group.said, "origin": origin, **figures, "p": p, "worse": worse, "cause": cause, "fix": fix,
            "few": figures["rows"] < FEWEST, **fair,
        })  # fmt: skip
    made = pd.DataFrame(rows, columns=[*COLUMNS, *(FAIRNESS if chosen is not None else ())])
    made = made.sort_values(["worse", "gap", "slice"], ascending=[False, False, True], ignore_index=True)
    return Slices(
        made,
        tried,
        float(judged.right[judged.known].mean()),
        judged.measure,
        None if chosen is None else veil.show(chosen, label),
        (*_tell(made, tried, table.groups, bonds), *notes, *(f"Not searched: {note}." for note in more)),
        {group.said: np.flatnonzero(group.inside) for group, *_ in plans},
        label,
    )


Plan = tuple[Group, dict[str, Any], float, str]


def _tell(made: pd.DataFrame, tried: pd.DataFrame, groups: str | None, bonds: Codes | None) -> list[str]:
    """Say how it was measured, and of which groups the figures say little."""
    confirmed = int(tried["confirmed"].sum())
    told = [
        (
            f"Each row was judged by a model that had not seen it. {count(len(tried), 'group')} seemed worse in one half of the rows; "
            f"{confirmed} of them also in the other half, whose figures are shown."
        )
    ]
    if groups is not None:
        told.append(
            f"All rows of one {groups!r} count as one draw of luck; what lies within a single one is never called worse."
        )
    elif bonds is not None:
        told.append(
            f"Copies of a row count as one draw of luck: {len(np.unique(bonds)):,} of {len(bonds):,} rows differ."
        )
    few = made.loc[made["few"], "slice"].tolist()
    if few:
        said = "its figures say" if len(few) == 1 else "their figures say"
        told.append(f"Fewer than {FEWEST} rows with a known label, so that {said} little: {name_some(few)}.")
    return told


# ---------------------------------------------------------------- groups


def _take_asked(table: Table, named: list[str], veil: Veil) -> tuple[list[Group], list[str]]:
    """Take the groups of the columns asked for, and say which values of them are left out."""
    found, notes = [], []
    for name in named:
        made = cut_column(table, name, MOST_ASKED)
        found += [_name(its, number, veil) for number, its in enumerate(made)]
        rest = len(table) - sum(int(its.inside.sum()) for its in made)
        if not made:
            notes.append(f"{name!r} makes no groups: hardly any value comes twice, and all are of one length.")
        elif rest:
            notes.append(
                f"Only the {MOST_ASKED} most frequent values of {name!r} were taken: {rest:,} rows have others."
            )
    return found, notes


def _name(its: Slice, number: int, veil: Veil) -> Group:
    """Name a group; one of a sensitive column by a number only."""
    columns = () if its.column is None else (its.column,)
    said = f"{its.column}: group {number + 1} (hidden)" if its.column in veil.whole else its.said
    return Group(said, columns, its.inside)


def _search(evidence: Evidence, veil: Veil, asked: list[Group]) -> tuple[list[Group], list[str]]:
    """List the groups of single columns, and clusters, in the caller's order of the rows."""
    made, notes = list_slices(evidence, 2 * FEWEST)
    found = []
    # A hidden group that was asked for keeps its name, so that it is told once; no other one takes it.
    known = {(group.columns, group.inside.tobytes()): group for group in asked}
    for number, its in enumerate(made, len(asked)):
        inside = np.zeros(len(evidence.table), dtype=bool)
        inside[evidence.positions] = its.inside
        # A cluster is named by the values of all columns: not where some of them must not be shown.
        if its.column is not None or not veil.whole:
            group = _name(its._replace(inside=inside), number, veil)
            found.append(known.get((group.columns, inside.tobytes()), group))
    return found, notes


def _pair(singles: list[Group], worst: list[Group]) -> list[Group]:
    """Put the worst groups together with those of other columns."""
    pairs = {}
    for one in worst:
        for other in singles:
            if one.columns and other.columns and one.columns != other.columns:
                first, second = sorted((one, other), key=lambda g: g.said)
                said = f"{first.said} and {second.said}"
                pairs[said] = Group(said, first.columns + second.columns, one.inside & other.inside)
    return list(pairs.values())


def _deal(rows: int, bonds: Codes | None, seed: int) -> Marks:
    """Deal the rows into halves, those that belong together into one; true is the second half."""
    codes = np.arange(rows) if bonds is None else bonds
    return np.asarray(np.random.default_rng(seed).random(int(codes.max()) + 1)[codes] < 0.5)  # noqa: PLR2004 (a half)


def _measure(
    asked: list[Group], searched: list[Group], judged: Judged, second: Marks, bonds: Codes | None, level: float
) -> tuple[list[Plan], pd.DataFrame]:
    """Measure the groups asked for on all rows, those found on the half that did not choose them; correct all together."""
    measured = [measure_group(group.inside, judged, judged.known, bonds) for group in asked]
    chosen, tested = _choose(searched, judged, second, bonds)
    corrected = correct_holm([m["p"] for m in (*measured, *tested)])
    plans: list[Plan] = [(g, m, p, "asked") for g, m, p in zip(asked, measured, corrected, strict=False)]
    told = {group.said for group in asked}
    tried = []
    for group, figures, p in zip(chosen, tested, corrected[len(asked) :], strict=True):
        holds = bool(p <= level and figures["gap"] >= GAP)
        tried.append({"slice": group.said, **figures, "p": p, "confirmed": holds})
        if holds and group.said not in told:
            plans.append((group, figures, p, "found"))
    return plans, pd.DataFrame(tried, columns=list(TRIED))


def _choose(
    singles: list[Group], judged: Judged, second: Marks, bonds: Codes | None
) -> tuple[list[Group], list[dict[str, Any]]]:
    """Choose the worst groups in one half of the rows, and measure them in the other.

    Each is chosen, and measured, without the rows of those before it: parts of a bad group are no news.
    """
    first, second = ~second & judged.known, second & judged.known
    worst = _rank(singles, judged, first)
    listed = [*singles, *_pair(singles, worst[:PAIRED])]
    chosen: list[Group] = []
    tested: list[dict[str, Any]] = []
    free = np.ones(len(first), dtype=bool)
    while len(chosen) < CHOSEN and (ranked := _rank(listed, judged, first & free)):
        chosen.append(ranked[0])
        tested.append(measure_group(ranked[0].inside, judged, second & free, bonds))
        free &= ~ranked[0].inside
    return chosen, tested


def _rank(listed: list[Group], judged: Judged, rows: Marks) -> list[Group]:
    """Rank the groups that seem worse by how unlikely that is."""
    scored = []
    share = float(judged.right[rows].mean())
    for group in listed:
        inside, outside = group.inside & rows, ~group.inside & rows
        n, m = int(inside.sum()), int(outside.sum())
        if min(n, m) < FEWEST:
            continue
        gap = float(judged.right[outside].mean() - judged.right[inside].mean())
        if gap >= GAP / 2:
            error = np.sqrt(max(share * (1 - share), 1e-9) * (1 / n + 1 / m))
            scored.append((-gap / error, group.said, group))
    return [group for _, _, group in sorted(scored, key=lambda s: s[:2])]
