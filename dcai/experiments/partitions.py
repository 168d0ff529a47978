"""`slices`: find the groups of rows in which a model fails, confirm them on other rows, and say why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.table import Table, make_table
from dcai.experiments.dictionaries import find_veil
from dcai.experiments.intervals import correct_holm
from dcai.experiments.judgements import (
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
from dcai.experiments.remedies import explain_group
from dcai.experiments.segments import COLUMNS, FAIRNESS, TRIED, Slices
from dcai.findings.evidence import Evidence
from dcai.findings.masking import Veil
from dcai.findings.tables.slicing import Slice, cut_column, list_slices
from dcai.findings.wording import count

FEWEST = 30  # rows of a group that is searched for, in each half
GAP = 0.05  # a smaller difference does not count
CHOSEN = 10  # groups that go from the first half to the second
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
    reported all, worse or not.

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
        Columns whose every value is a group of its own: the fairness view.
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
    asked = [_name(its, number, veil) for name in named for number, its in enumerate(cut_column(table, name))]
    searched, notes = _search(evidence, veil, asked)
    bonds = None if table.groups is None else _number_groups(table)
    plans, tried = _measure(asked, searched, judged, _deal(table, random_state), bonds, level)
    learner = make_default(table) if model is None else model
    rows = []
    for group, figures, p, origin in plans:
        worse = bool(p <= level and figures["gap"] >= GAP)
        cause, fix = explain_group(group, judged, table, earlier, learner) if worse else ("", "")
        fair = compare_choices(group.inside, judged, chosen)
        rows.append(
            {
                "slice": group.said,
                "origin": origin,
                **figures,
                "p": p,
                "worse": worse,
                "cause": cause,
                "fix": fix,
                **fair,
            }
        )
    made = pd.DataFrame(rows, columns=[*COLUMNS, *(FAIRNESS if chosen is not None else ())])
    return Slices(
        made.sort_values(["worse", "gap", "slice"], ascending=[False, False, True], ignore_index=True),
        tried,
        float(judged.right[judged.known].mean()),
        judged.measure,
        None if chosen is None else veil.show(chosen, label),
        tuple(_tell(tried, notes, table.groups)),
        {group.said: np.flatnonzero(group.inside) for group, *_ in plans},
        label,
    )


Plan = tuple[Group, dict[str, Any], float, str]


def _tell(tried: pd.DataFrame, notes: list[str], groups: str | None) -> list[str]:
    confirmed = int(tried["confirmed"].sum())
    return [
        (
            f"Each row was judged by a model that had not seen it. {count(len(tried), 'group')} seemed worse in one half of the rows; "
            f"{confirmed} of them also in the other half, whose figures are shown."
        ),
        *(
            [
                f"All rows of one {groups!r} count as one draw of luck; what lies within a single one is never called worse."
            ]
            if groups is not None
            else []
        ),
        *(f"Not searched: {note}." for note in notes),
    ]


# ---------------------------------------------------------------- groups


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


def _deal(table: Table, seed: int) -> Marks:
    """Deal the rows into halves, equal rows and groups of rows together; true is the second half."""
    ids = table.frame[table.groups] if table.groups is not None else pd.Series(table.row_hashes[:, 0])
    codes = pd.factorize(ids)[0]
    return np.asarray(np.random.default_rng(seed).random(codes.max() + 1)[codes] < 0.5)  # noqa: PLR2004 (a half)


def _number_groups(table: Table) -> Codes:
    """Number the groups of rows that belong together; a row without one stands alone."""
    codes = pd.factorize(table.frame[table.groups])[0]
    alone = codes < 0
    codes[alone] = codes.max() + 1 + np.arange(int(alone.sum()))
    return np.asarray(codes, dtype=np.intp)


def _measure(
    asked: list[Group], searched: list[Group], judged: Judged, second: Marks, bonds: Codes | None, level: float
) -> tuple[list[Plan], pd.DataFrame]:
    """Measure the groups asked for on all rows, those found on the half that did not choose them; correct all together."""
    measured = [measure_group(group.inside, judged, judged.known, bonds) for group in asked]
    kept = [(g, m) for g, m in zip(asked, measured, strict=True) if m["rows"]]
    chosen, tests = _choose(searched, judged, second, bonds)
    corrected = correct_holm([*(m["p"] for _, m in kept), *tests])
    plans: list[Plan] = [(g, m, p, "asked") for (g, m), p in zip(kept, corrected, strict=False)]
    told = {group.said for group in asked}
    tried = []
    for group, p in zip(chosen, corrected[len(kept) :], strict=True):
        figures = measure_group(group.inside, judged, second & judged.known, bonds)
        holds = bool(p <= level and figures["gap"] >= GAP)
        tried.append({"slice": group.said, **figures, "p": p, "confirmed": holds})
        if holds and group.said not in told:
            plans.append((group, figures, p, "found"))
    return plans, pd.DataFrame(tried, columns=list(TRIED))


def _choose(
    singles: list[Group], judged: Judged, second: Marks, bonds: Codes | None
) -> tuple[list[Group], list[float]]:
    """Choose the worst groups in one half of the rows, and test them in the other.

    Each is chosen, and tested, without the rows of those before it: parts of a bad group are no news.
    """
    first, second = ~second & judged.known, second & judged.known
    worst = _rank(singles, judged, first)
    listed = [*singles, *_pair(singles, worst[:PAIRED])]
    chosen: list[Group] = []
    tests: list[float] = []
    free = np.ones(len(first), dtype=bool)
    while len(chosen) < CHOSEN and (ranked := _rank(listed, judged, first & free)):
        chosen.append(ranked[0])
        tests.append(measure_group(ranked[0].inside, judged, second & free, bonds)["p"])
        free &= ~ranked[0].inside
    return chosen, tests


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
