"""`drift`: compare current data with a reference, and name what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.table import make_table
from dcai.experiments.batches.column_shifts import compare_classes, compare_columns, compare_targets, find_counters
from dcai.experiments.batches.draws import Positions, take_draws
from dcai.experiments.batches.drifts import TEST_COLUMNS, Drift
from dcai.experiments.batches.label_shifts import (
    compare_learnt,
    compare_quality,
    compare_relation,
    learn_relations,
)
from dcai.experiments.batches.prediction_shifts import compare_predictions
from dcai.experiments.batches.predictions import Predictions, read_predictions
from dcai.experiments.batches.row_shifts import compare_copies, compare_jointly, compare_order, compare_volumes
from dcai.experiments.batches.schema_changes import compare_schemata
from dcai.experiments.batches.trials import Batches, Trial, mend_columns
from dcai.experiments.dictionaries import find_veil
from dcai.experiments.scores.intervals import correct_holm
from dcai.findings.wording import count, name_some

REMARK = 0.3
LEARNT = ("concept", "performance", "label_quality")  # checks that models of the label make
RESERVED = 2  # tests of a column of categories that only some draws call for: of a new value, of a renamed one


def drift(
    reference: Any,
    current: Any,
    *,
    label: str | None = None,
    predictions: Any = None,
    alpha: float = 0.01,
    key: str | list[str] | None = None,
    groups: str | None = None,
    volume: float | None = None,
    random_state: int = 0,
) -> Drift:
    """Compare current data with a reference, and name what changed.

    Columns are compared by their kind, with tests that hold for few rows too; schema, number and order of the rows are
    compared as they are. Columns of texts that are dates are dates. With a label it is compared too, and so is whether it follows from the features as before,
    how well a model of the reference does on rows that it has not seen, and how many labels such a model contradicts.
    A change counts if it is sure (all p-values are corrected by Holm's method) *and* larger than a stated size. Copies of
    a row say no more than the row, and rows of one group share their luck: one of each is tested.

    Parameters
    ----------
    reference : pandas.DataFrame or other table, or path, shape (n, d)
        The data that things are expected to look like.
    current : pandas.DataFrame or other table, or path, shape (m, d)
        The data to judge.
    label : str, optional
        The label column; the current data may lack it.
    predictions : str, mapping, or pair of tables, optional
        Past predictions, to be held against their outcomes in `label`: a column of both frames; or a mapping with
        `label` (column of the predicted label), `score` (column of its probability), `positive` (the class that the score
        is of) and `threshold`; or two tables with columns `label` and `score`. A mapping with `reference` and `current`
        names such tables beside the rest. They are joined with the rows by `key` where both have it (runs call the
        column `key`), so that outcomes may come later and in any order; else there is one row for each row.
    alpha : float, default 0.01
        The chance that anything is called drift where nothing changed.
    key : str or list of str, optional
        Columns that identify a row; they are not compared.
    groups : str, optional
        A column that says which rows belong together, such as the patient: one row of each, left to chance, is tested.
        It is not compared, for new groups are no drift.
    volume : float, optional
        From which relative change on the number of rows counts, such as 0.2 for a fifth more or less; None only remarks
        on large ones, because batches may differ in length.
    random_state : int, default 0
        Decides what is drawn by chance.

    Returns
    -------
    Drift

    Raises
    ------
    InputError
        Where a frame or a parameter cannot be used.

    Examples
    --------
    >>> rows = pd.DataFrame({"x": np.arange(200.0) % 97, "c": ["a", "b"] * 100})
    >>> drift(rows, rows).drifted
    False
    >>> drift(rows, rows.assign(x=rows["x"] * 1000)).findings["detector"].tolist()
    ['unit']
    """
    _check_numbers(alpha, volume, random_state)
    roles = _Roles(label, (key,) if isinstance(key, str) else tuple(key or ()), groups)
    whole, found, schema = _prepare((reference, current), roles, predictions, random_state)
    desk = _Desk()
    desk.take("schema", schema)
    desk.run("volume", lambda _: compare_volumes(len(whole.reference), len(whole.current), volume))
    desk.run("duplicated_rows", lambda left: compare_copies(whole, left))
    desk.run("order", lambda left: compare_order(whole, left))
    counters = find_counters(whole)
    batches, places, note = take_draws(whole, groups, counters)
    desk.places = places[1]
    desk.take("draws", [], note)
    desk.run("values", lambda left: compare_columns(batches, left))
    alone = frozenset(t.column for t in desk.trials if t.column is not None and t.mend is None and t.stands(alpha))
    mended = mend_columns(batches, desk.trials, alpha)
    mended = replace(mended, kinds={name: kind for name, kind in mended.kinds.items() if name not in counters})
    desk.run("joint", lambda left: compare_jointly(mended, alone, left))
    _compare_labels(mended, desk, found, alpha)
    return _settle(whole, desk, alpha)


def _check_numbers(alpha: Any, volume: Any, random_state: Any) -> None:
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha < 1:
        raise InputError.wrong_value("alpha", "drift", "a number between 0 and 1", alpha)
    if volume is not None and (isinstance(volume, bool) or not isinstance(volume, (int, float)) or not 0 < volume < 1):
        raise InputError.wrong_value("volume", "drift", "a number between 0 and 1, or None", volume)
    if isinstance(random_state, bool) or not isinstance(random_state, (int, np.integer)) or random_state < 0:
        raise InputError.wrong_value("random_state", "drift", "a whole number from 0", random_state)


class _Roles(NamedTuple):
    """Columns that are not compared as features are."""

    label: str | None
    keys: tuple[str, ...]
    groups: str | None


def _prepare(
    given: tuple[Any, Any], roles: _Roles, predictions: Any, seed: int
) -> tuple[Batches, Predictions | None, list[Trial]]:
    """Read both frames, bring them under the same names and types, and say which columns are masked."""
    tables = [make_table(frame, caller="drift") for frame in given]
    label, keys, groups = roles
    for name, what in ((label, "label column"), *((k, "key column") for k in keys), (groups, "group column")):
        if name is not None and str(name) not in tables[0].frame.columns:
            raise InputError.unknown_name(what, name, tables[0].frame.columns)
    found, first, second = read_predictions(predictions, tables[0].frame, tables[1].frame, keys)
    its = frozenset(name for name in (label,) if name is not None)
    apart = frozenset(name for name in (*keys, groups) if name is not None)
    schema = compare_schemata(first, second, its, its | apart)
    here = label is not None and label in schema.current.columns
    its_label = label if here else None
    batches = Batches(
        replace(tables[0], frame=schema.reference, label=its_label),
        replace(tables[1], frame=schema.current, label=its_label),
        {name: kind for name, kind in schema.kinds.items() if name not in apart},
        label,
        find_veil(replace(tables[0], frame=first)),
        frozenset() if found is None else found.columns,
        seed,
        schema.empty,
    )
    return batches, found, schema.trials


def _compare_labels(batches: Batches, desk: _Desk, found: Predictions | None, alpha: float) -> None:
    """Compare label, relation, quality and predictions, as far as both batches have what it takes; say what they lack."""
    outcomes = batches.label is not None and batches.label in batches.kinds
    missing, numeric = "no label was named", False
    if batches.label is not None:
        task = _read_task(batches)
        numeric = task == "regression"
        known = task in ("classification", "regression")
        missing = "" if known else f"its task is {task}"
        if known and not outcomes:
            missing = f"the current rows have no column {batches.label!r}: no outcomes are known yet"
    if missing:
        for check in ("label", *LEARNT):
            desk.skip(check, missing)
    else:
        desk.run("label", lambda left: compare_targets(batches, left) if numeric else compare_classes(batches))
        _compare_learnt(batches, desk, alpha, numeric=numeric)
    if found is None:
        desk.skip("predictions", "none were given")
    elif missing and (outcomes or batches.label is None):
        desk.skip("predictions", f"there is nothing to hold them against: {missing}")
    else:
        desk.run(
            "predictions", lambda left: compare_predictions(batches, found, left, numeric=numeric, outcomes=outcomes)
        )


def _read_task(batches: Batches) -> str:
    from dcai.findings.labels.tasks import read_task

    return str(read_task(replace(batches.reference, label=batches.label), None).task)


def _compare_learnt(batches: Batches, desk: _Desk, alpha: float, *, numeric: bool) -> None:
    """Compare what models of the label say; why none can be made is said of each check."""
    relations = learn_relations(batches, numeric=numeric)
    if isinstance(relations, str):
        for check in LEARNT:
            desk.skip(check, relations)
        return
    desk.run("concept", lambda left: compare_relation(relations, left))
    desk.run("performance", lambda _: compare_learnt(relations))
    if numeric:
        desk.skip("label_quality", "the label is a number, of which no model is sure")
    else:
        desk.run("label_quality", lambda _: compare_quality(batches, relations, alpha))


class _Desk:
    """Where trials come in: it counts and times each check. `places` says where the rows that are tested stand in all."""

    def __init__(self) -> None:
        self.trials: list[Trial] = []
        self.checks: list[dict[str, Any]] = []
        self.places: Positions | None = None

    def run(self, check: str, tries: Callable[[dict[str, list[str]]], Iterable[Trial]]) -> None:
        """Run one check, and remember what it could not look at: columns by reason, or all where none are listed."""
        started = time.perf_counter()
        left: dict[str, list[str]] = {}
        made = list(tries(left))
        said = [
            f"{count(len(names), 'column')} not compared ({why}): {name_some(names)}" if names else why
            for why, names in left.items()
        ]
        if not made and any(not names for names in left.values()):
            self.skip(check, "; ".join(said))
        else:
            self.take(check, made, "; ".join(said), time.perf_counter() - started)

    def take(self, check: str, made: list[Trial], reason: str = "", seconds: float = 0.0) -> None:
        """Take the trials of one check."""
        places = self.places
        if places is not None:
            made = [replace(t, peers=[int(places[row]) for row in t.peers]) for t in made]
        self.trials += made
        self.checks.append({"detector": check, "status": "ran", "reason": reason, "made": made, "seconds": seconds})

    def skip(self, check: str, why: str) -> None:
        """Say that a check was not run."""
        self.checks.append({"detector": check, "status": "skipped", "reason": why, "made": [], "seconds": 0.0})


def _settle(batches: Batches, desk: _Desk, alpha: float) -> Drift:
    """Correct all p-values together, and make findings of the trials that count."""
    tested = [t for t in desk.trials if not t.is_fact]
    corrected = dict(zip(map(id, tested), _correct(batches, tested), strict=True))
    rows: list[dict[str, Any]] = []
    for trial in desk.trials:
        p = corrected.get(id(trial), float("nan"))
        sure = trial.is_fact or p <= alpha
        rows.append({"trial": trial, "p_corrected": p, "found": sure and trial.effect >= trial.floor})
    found = [row["trial"] for row in rows if row["found"]]
    findings, names = _make_findings(batches, found)
    tests = pd.DataFrame(
        [
            {
                "check": row["trial"].check, "column": row["trial"].column, "test": row["trial"].test,
                "p": row["trial"].p, "p_corrected": row["p_corrected"], "effect": row["trial"].effect,
                "measure": row["trial"].measure, "floor": row["trial"].floor,
                "drifted": bool(row["found"] and row["trial"].counts), "finding": names.get(id(row["trial"])),
                **row["trial"].figures,
            }
            for row in rows
        ],
        columns=list(dict.fromkeys([*TEST_COLUMNS, "finding", *(k for r in rows for k in r["trial"].figures)])),
    )  # fmt: skip
    kept = {id(t) for t in found}
    checks = pd.DataFrame(
        [
            {**{k: c[k] for k in ("detector", "status", "reason")}, "rows": len(batches.current),
             "findings": sum(id(t) in kept for t in c["made"]), "seconds": c["seconds"]}
            for c in desk.checks
        ]
    )  # fmt: skip
    return Drift(findings, checks, tests, alpha, batches.label, batches)


def _correct(batches: Batches, tested: list[Trial]) -> list[float]:
    """Correct by Holm; tests that only some draws call for count as if they had always been made."""
    categories = sum(kind in ("category", "boolean") for kind in batches.kinds.values())
    rare = sum(t.check in ("new_category", "renamed_category") for t in tested)
    spare = max(0, RESERVED * categories - rare)
    return correct_holm([t.p for t in tested] + [1.0] * spare)[: len(tested)]


def _make_findings(batches: Batches, found: list[Trial]) -> tuple[pd.DataFrame, dict[int, str]]:
    from dcai.findings.running import empty_findings, name_findings, rank_findings
    from dcai.findings.shape import make_findings

    if not found:
        return empty_findings(), {}
    made = make_findings(
        [-1] * len(found),
        [_doubt(t) for t in found],
        [t.reason for t in found],
        column=[t.column for t in found],
        given=[t.given for t in found],
        suggested=[t.suggested for t in found],
        peers=[list(t.peers) for t in found],
    ).assign(detector=[t.check for t in found])
    named = name_findings(batches.current, made.assign(place=range(len(found))))
    names = {id(found[place]): str(name) for place, name in zip(named["place"], named["finding"], strict=True)}
    return rank_findings(named), names


def _doubt(trial: Trial) -> float:
    """Return 0.5 for the smallest effect that counts, towards 1 for larger ones; a remark gets less."""
    if not trial.counts:
        return REMARK
    return 1.0 if trial.is_fact or trial.floor == 0 else trial.effect / (trial.effect + trial.floor)
