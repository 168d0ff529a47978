"""Why a model fails in a group of rows, as far as the data tell, and what helps."""

from __future__ import annotations

from typing import Any

import numpy as np

from dcai.base.display import show_share
from dcai.base.fingerprints import canonicals
from dcai.base.table import Table
from dcai.experiments.divergences import compare_shares
from dcai.experiments.judgements import SURE, Group, Judged, Marks
from dcai.findings.wording import count

LIMIT = 0.01  # the chance of a difference that is taken for none
GROWN = 0.02  # of the rows
NOISY = 0.03  # of the group's labels
LEARNT = 0.05  # of the accuracy, by the group's own rows
MOST_ROWS = 5_000
WANTED = 50  # rows that a group should have to be learnt from


def explain_group(group: Group, judged: Judged, table: Table, reference: Table | None, learner: Any) -> tuple[str, str]:
    """Return cause and remedy: wrong labels, rows that came later, a rule of its own in few rows, or classes that overlap."""
    inside = group.inside & judged.known
    rows = int(inside.sum())
    contradicted, right = _judge_from_outside(inside, judged, table, learner)
    odd = _is_odd(contradicted, judged.doubtful[~inside & judged.known])
    own = float(judged.right[inside].mean()) - float(right.mean()) >= LEARNT
    if odd and not own:
        return "noise", (
            f"Review labels: a model of all other rows, where it is sure, contradicts {count(int(contradicted.sum()), 'label')} of the "
            f"{rows:,} ({show_share(float(contradicted.mean()))}), and its own rows teach nothing better. "
            "A column that explains them may be missing, too."
        )
    grown = None if reference is None else _measure_growth(group, table, reference)
    if grown is not None:
        before, now = grown
        return (
            "drift",
            f"Add recent rows of the group: it is {show_share(now)} of the rows, in the reference it was {show_share(before)}.",
        )
    if odd or rows < WANTED:
        why = "its labels follow a rule of their own, which more rows would teach" if odd else f"it has only {rows:,}"
        return "scarcity", f"Collect more rows of the group, about {max(WANTED, rows):,}: {why}."
    return "overlap", (
        "More labels alone will hardly help: none are contradicted by a sure model. Add features that tell the group's classes apart."
    )


def _judge_from_outside(inside: Marks, judged: Judged, table: Table, learner: Any) -> tuple[Marks, Marks]:
    """Judge a group by a model that has seen none of it: which labels it surely contradicts, which it gets right."""
    from sklearn.base import clone

    from dcai.findings.labels.models import predict_proba

    others = np.flatnonzero(~inside & judged.known)
    others = others[np.linspace(0, len(others) - 1, min(len(others), MOST_ROWS)).astype(np.intp)]
    if learner is None or not hasattr(learner, "steps") or len(np.unique(judged.given[others].astype(str))) < 2:  # noqa: PLR2004 (nothing to tell apart)
        return judged.doubtful[inside], judged.right[inside]
    features = table.frame[list(table.features)]
    model = clone(learner).fit(features.iloc[others], judged.given[others].astype(str))
    chance = predict_proba(model, features[inside])
    right = np.asarray(model.classes_)[chance.argmax(axis=1)] == judged.given[inside].astype(str)
    return ~right & (chance.max(axis=1) >= SURE), right


def _is_odd(mine: Marks, theirs: Marks) -> bool:
    """Say whether a sure model contradicts the group's labels more often than those of other rows."""
    found = compare_shares(int(mine.sum()), len(mine), int(theirs.sum()), len(theirs))
    return bool(found.p <= LIMIT and float(mine.mean()) - float(theirs.mean()) >= NOISY)


def _measure_growth(group: Group, table: Table, reference: Table) -> tuple[float, float] | None:
    """Return which share of the rows a group was and is, where it grew."""
    if not group.columns or not set(group.columns) <= set(reference.frame.columns):
        return None
    there = np.ones(len(reference), dtype=bool)
    for name in group.columns:
        there &= _find_members(name, group.inside, table, reference)
    found = compare_shares(int(there.sum()), len(there), int(group.inside.sum()), len(group.inside))
    before, now = float(there.mean()), float(group.inside.mean())
    return (before, now) if found.p <= LIMIT and now - before >= GROWN else None


def _find_members(name: str, inside: Marks, table: Table, reference: Table) -> Marks:
    """Find the earlier rows whose value is one of the group's, or between its smallest and largest."""
    from dcai.findings.features.vectors import to_numbers

    if table.kinds[name] == "number":
        values, earlier = to_numbers(table.frame[name])[inside], to_numbers(reference.frame[name])
        if np.isnan(values).all():
            return np.isnan(earlier)
        return np.asarray((earlier >= np.nanmin(values)) & (earlier <= np.nanmax(values)))
    if table.kinds[name] == "text":
        lengths, others = (
            np.array([len(t) if t is not None else -1 for t in canonicals(f)])
            for f in (table.frame[name][inside], reference.frame[name])
        )
        return np.asarray((others >= lengths.min()) & (others <= lengths.max()))
    known = set(canonicals(table.frame[name][inside]))
    return np.array([t in known for t in canonicals(reference.frame[name])], dtype=bool)
