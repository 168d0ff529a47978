"""Why a model fails in a group of rows, as far as the data tell, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.fingerprints import canonicals
from dcai.base.table import Table
from dcai.experiments.failures.judgements import SURE, Codes, Group, Judged, Marks, find_chance
from dcai.findings.labels.grouping import number_groups
from dcai.findings.tables.slicing import cut_column
from dcai.findings.wording import count

Floats = npt.NDArray[np.float64]

LIMIT = 0.01  # the chance of a difference that is taken for none
GROWN = 0.02  # of the rows
NOISY = 0.03  # of the group's labels
SURPRISED = 0.1  # of the labels: so many more are otherwise than a model counts on
LEARNT = 0.05  # of the accuracy, by the group's own rows
MOST_ROWS = 5_000
WANTED = 50  # rows that a group should have to be learnt from
LIKE = 3  # groups of the same columns that a group is held against
FEWEST = 30  # rows of each of them
CLEAR = 0.05  # the chance of a gain by more rows that is taken for none
GAIN = 0.01  # of the accuracy, by twice as many rows


def explain_group(
    group: Group, judged: Judged, table: Table, reference: Table | None, learner: Any, bonds: Codes | None = None
) -> tuple[str, str]:
    """Return cause and remedy: wrong labels, rows that came later, a rule of its own in few rows, or classes that overlap."""
    scene = _Scene(judged, table, learner, bonds)
    inside = group.inside & judged.known
    rows = int(inside.sum())
    outside = scene.judge_from_outside(inside)
    odd = _say_odd(scene, group, inside, outside)
    own = float(judged.right[inside].mean()) - float(outside.right.mean()) >= LEARNT
    if odd and not own:
        return "noise", (
            f"Review labels: a model of all other rows {odd}, and its own rows teach nothing better. "
            "A column that explains them may be missing, too."
        )
    grown = None if reference is None else _measure_growth(group, table, reference, bonds)
    if grown is not None:
        before, now = grown
        return (
            "drift",
            f"Add recent rows of the group: it is {show_share(now)} of the rows, in the reference it was {show_share(before)}.",
        )
    if rows < WANTED:
        return "scarcity", f"Collect more rows of the group, about {WANTED:,}: it has only {rows:,}."
    if not odd:
        return "overlap", (
            "More labels alone will hardly help: none are contradicted by a sure model. Add features that tell the group's classes apart."
        )
    gain = scene.try_more_rows(inside)
    if gain is None:
        return "overlap", (
            "Its labels follow a rule of their own, and by twice as many of its rows no more of them were surely right: more rows may not help. "
            "Add features that tell the group's classes apart."
        )
    return "scarcity", (
        f"Collect more rows of the group, about {rows:,}: its labels follow a rule of their own, and the last doubling of its rows "
        f"made {show_share(gain)} more of them right."
    )


class Outside(NamedTuple):
    """What a model that has seen none of some rows says of each of them.

    `contradicted`: it is sure of another class; `right`: it says the label's own; `surprise`: how sure it is, less 1 where it
    is right. The mean surprise of a model that knows its limits is 0.
    """

    contradicted: Marks
    right: Marks
    surprise: Floats


@dataclass(frozen=True, eq=False)
class _Scene:
    """What groups are explained by: the rows as judged, a model to teach anew, and which rows belong together."""

    judged: Judged
    table: Table
    learner: Any
    bonds: Codes | None

    def judge_from_outside(self, inside: Marks) -> Outside:
        """Judge rows by a model that has seen none of them, nor of their groups."""
        judged = self.judged
        taught = self._predict(self._find_others(inside), inside)
        if taught is None:
            right = judged.right[inside]
            return Outside(judged.doubtful[inside], right, np.zeros(len(right)))
        names, sure = taught
        right = names == judged.given[inside].astype(str)
        return Outside(~right & (sure >= SURE), right, sure - right)

    def try_more_rows(self, inside: Marks) -> float | None:
        """Return how many more of a group's rows are right by half of the others than by a quarter; None where none surely are."""
        from scipy import stats

        quarters = self._deal(inside)
        others = self._find_others(inside)
        gains = np.zeros(len(inside))
        for half, (one, two) in enumerate(((2, 3), (0, 1))):
            asked = inside & (quarters // 2 == half)
            right = []
            for known in (quarters == one, (quarters == one) | (quarters == two)):
                found = self._predict(np.concatenate([others, np.flatnonzero(inside & known)]), asked)
                if found is None:
                    return None
                right.append(found[0] == self.judged.given[asked].astype(str))
            gains[asked] = right[1].astype(float) - right[0].astype(float)
        codes = np.arange(len(inside)) if self.bonds is None else self.bonds
        sums = pd.Series(gains[inside]).groupby(codes[inside]).sum().to_numpy()
        if len(sums) < 2 or not sums.std():  # noqa: PLR2004 (no spread)
            return None
        p = float(stats.ttest_1samp(sums, 0.0, alternative="greater").pvalue)
        gain = float(gains[inside].mean())
        return gain if p <= CLEAR and gain >= GAIN else None

    def _find_others(self, inside: Marks) -> Codes:
        """Find the rows that have nothing to do with some rows; not more than are needed."""
        apart = inside if self.bonds is None else np.isin(self.bonds, self.bonds[inside])
        others = np.flatnonzero(~apart & self.judged.known)
        return others[np.linspace(0, len(others) - 1, min(len(others), MOST_ROWS)).astype(np.intp)]

    def _predict(self, taught: Codes, asked: Marks) -> tuple[Any, Any] | None:
        """Return classes for some rows, and how sure the model is of each; None where nothing can be taught."""
        from sklearn.base import clone

        from dcai.findings.labels.models import predict_proba

        given = self.judged.given[taught].astype(str)
        if not hasattr(self.learner, "steps") or len(np.unique(given)) < 2 or not asked.any():  # noqa: PLR2004 (nothing to tell apart)
            return None
        features = self.table.frame[list(self.table.features)]
        model = clone(self.learner).fit(features.iloc[taught], given)
        chance = predict_proba(model, features[asked])
        return np.asarray(model.classes_)[chance.argmax(axis=1)], chance.max(axis=1)

    def _deal(self, inside: Marks) -> Codes:
        """Deal rows into quarters, those that belong together into one."""
        codes = np.arange(len(inside)) if self.bonds is None else self.bonds
        kept = np.unique(codes[inside])
        order = np.random.default_rng(0).permutation(len(kept))
        quarters = np.zeros(int(codes.max()) + 1, dtype=np.intp)
        quarters[kept] = order % 4
        return np.asarray(quarters[codes], dtype=np.intp)


def _say_odd(scene: _Scene, group: Group, inside: Marks, outside: Outside) -> str:
    """Say what is odd in how a model from outside meets the group's labels, against groups like it; nothing where nothing is.

    Where the model is sure it contradicts more of them, or it is right less often than it counts on: a blunt model is never
    sure, and yet surprised. Each of the others is judged by a model that has seen none of it, as the group was; where there
    are none, as with clusters, by models that have seen rows like theirs.
    """
    judged, bonds = scene.judged, scene.bonds
    odd, surprise, rows = judged.doubtful.copy(), np.zeros(len(inside)), inside.copy()
    odd[inside], surprise[inside] = outside.contradicted, outside.surprise
    for marks in _list_like(scene.table, group, judged.known):
        its = scene.judge_from_outside(marks)
        odd[marks], surprise[marks] = its.contradicted, its.surprise
        rows |= marks
    others = rows & ~inside
    alone = not others.any()
    if alone:
        rows, others = judged.known, judged.known & ~inside
    p = find_chance(inside[rows], ~odd[rows], None if bonds is None else bonds[rows])
    number, size = int(outside.contradicted.sum()), int(inside.sum())
    contradicts = p <= LIMIT and float(odd[inside].mean()) - float(odd[others].mean()) >= NOISY
    surprised = not alone and _is_larger(*(_average(surprise, marks, bonds) for marks in (inside, others)))
    # Of the two the one that says more.
    if surprised and not (contradicts and number / size > float(outside.surprise.mean())):
        counted = show_share(float((outside.surprise + outside.right).mean()))
        return f"counts on being right in {counted} of the {size:,} and is in {show_share(float(outside.right.mean()))}"
    if contradicts:
        return f"contradicts, where it is sure, {count(number, 'label')} of the {size:,} ({show_share(number / size)})"
    return ""


def _average(values: Floats, marks: Marks, bonds: Codes | None) -> Floats:
    """Return the values of some rows, one mean for all that belong together."""
    if bonds is None:
        return values[marks]
    return np.asarray(pd.Series(values[marks]).groupby(bonds[marks]).mean().to_numpy())


def _is_larger(its: Floats, others: Floats) -> bool:
    """Say whether a mean surprise is surely and clearly larger than another (Welch 1947)."""
    from scipy import stats

    if min(len(its), len(others)) < 2 or np.ptp(np.concatenate([its, others])) == 0:  # noqa: PLR2004 (a variance needs two values)
        return False
    p = float(stats.ttest_ind(its, others, equal_var=False, alternative="greater").pvalue)
    return bool(p <= LIMIT and its.mean() - others.mean() >= SURPRISED)


def _list_like(table: Table, group: Group, known: Marks) -> list[Marks]:
    """List the largest groups of the same column that share no row with the group."""
    if not group.columns:
        return []
    made = [its.inside & known for its in cut_column(table, group.columns[0]) if not (its.inside & group.inside).any()]
    return sorted((m for m in made if m.sum() >= FEWEST), key=lambda m: -int(m.sum()))[:LIKE]


def _measure_growth(group: Group, table: Table, reference: Table, bonds: Codes | None) -> tuple[float, float] | None:
    """Return which share of the rows a group was and is, where it grew."""
    if not group.columns or not set(group.columns) <= set(reference.frame.columns):
        return None
    there = np.ones(len(reference), dtype=bool)
    for name in group.columns:
        there &= _find_members(name, group.inside, table, reference)
    now = np.repeat([False, True], [len(there), len(group.inside)])
    chance = find_chance(now, ~np.concatenate([there, group.inside]), _bond_both(table, reference, bonds))
    shares = float(there.mean()), float(group.inside.mean())
    return shares if chance <= LIMIT and shares[1] - shares[0] >= GROWN else None


def _bond_both(table: Table, reference: Table, bonds: Codes | None) -> Codes | None:
    """Number the groups of earlier and present rows together; earlier rows without one stand alone."""
    if bonds is None:
        return None
    if table.groups is None or table.groups not in reference.frame.columns:
        return np.concatenate([bonds.max() + 1 + np.arange(len(reference)), bonds])
    both = pd.concat([t.frame[[table.groups]].astype(object) for t in (reference, table)], ignore_index=True)
    return number_groups(Table(both, groups=table.groups))


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
