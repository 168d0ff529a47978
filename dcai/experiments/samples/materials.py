"""What is trained and tested on: training rows as given and corrected, and test rows that neither of them holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError, LogError, shorten
from dcai.base.records import FINGERPRINT
from dcai.base.table import Table, make_table
from dcai.corrections.log import CorrectionLog
from dcai.experiments.samples.applying import (
    Stale,
    correct_test,
    correct_training,
    count_contradicted,
    count_reviewed,
    count_reviewed_rows,
    list_changed,
)
from dcai.experiments.samples.holdouts import FEW_GROUPS, check_test, hold_out
from dcai.experiments.samples.overlaps import drop_groups, drop_keys, drop_later, drop_shared, warn_of_likeness
from dcai.experiments.samples.readers import LabelReader, make_strata
from dcai.experiments.samples.showing import Show, make_shower
from dcai.experiments.samples.splits import Marks, Positions, mark_rows, sort_rows
from dcai.findings.evidence import Task
from dcai.findings.labels.tasks import read_task
from dcai.findings.wording import count

Data = str  # the name of a version of the training rows: one of those below
RAW, CORRECTED, OTHER = "raw", "corrected", "corrected by the other log"
TRUE = "true"  # the labels that someone who planted errors, or checked every row, knows

FEW_TEST_ROWS = 100


@dataclass(frozen=True, eq=False)
class Sample:
    """Labelled rows, ready for a model.

    Attributes
    ----------
    name : str
        A version of the training rows (``"raw"``, ``"corrected"``), or ``"as given"`` or ``"corrected"`` for test rows.
    frame : pandas.DataFrame, shape (n, d)
        The feature columns.
    labels : array, shape (n,)
        Plain texts, integers, booleans or floats.
    positions : array of int, shape (n,)
        Where each row stands among the rows before corrections, which is what pairs two samples.
    """

    name: str
    frame: pd.DataFrame
    labels: npt.NDArray[Any]
    positions: Positions

    def pick(self, drawn: Positions, total: int) -> Positions:
        """Return where in this sample the drawn rows are, leaving out those that it does not hold."""
        places = np.full(total, -1, dtype=np.intp)
        places[self.positions] = np.arange(len(self.positions))
        rows = places[drawn]
        return rows[rows >= 0]

    def take(self, rows: Positions) -> Sample:
        """Return some of the rows, numbered anew."""
        return Sample(self.name, self.frame.iloc[rows].reset_index(drop=True), self.labels[rows], self.positions[rows])

    def equals(self, other: Sample) -> bool:
        """Say whether both hold the same rows, cell by cell."""
        return (
            np.array_equal(self.positions, other.positions)
            and np.array_equal(self.labels, other.labels)
            and self.frame.equals(other.frame)
        )


@dataclass(frozen=True, eq=False)
class Materials:
    """Everything that is measured on, and the sentences that say how it was made.

    `given` counts the labelled training rows before those were dropped that the test holds too (or, where none was given,
    that became the test), `rows` and `test_rows` the rows before corrections; `held_out` holds the test rows. `strata` (the
    class) and `marks` (one number for each distinct content of the features) describe the training rows, of which those at
    the positions `pool` are trained on; `clusters` and `test_clusters` number the groups of training and test rows where
    rows of a group belong together. `reviewed`, `reviewed_rows` and `changed` count, for each version of the training
    rows, the decisions of people, the rows that these are about, and the rows that differ; `spots` the places (rows of
    different content, or groups) in which two versions differ; `contradicted` the test rows whose label the log would
    change, where the test has no log of its own.
    """

    table: Table
    task: Task
    training: Mapping[Data, Sample]
    tests: tuple[Sample, ...]
    given: int
    rows: int
    held_out: pd.DataFrame
    test_rows: int
    pool: Positions
    strata: npt.NDArray[Any]
    marks: Marks
    clusters: Positions | None
    test_clusters: Positions | None
    reviewed: Mapping[Data, int]
    reviewed_rows: Mapping[Data, int]
    changed: Mapping[Data, int]
    spots: Mapping[tuple[Data, Data], int]
    logs: Mapping[str, CorrectionLog | None]
    notes: tuple[str, ...]
    twins: Mapping[Data, Data] = field(default_factory=dict)
    contradicted: int = 0

    @property
    def scored(self) -> int:
        """The number of test rows with a label: those that scores are measured on."""
        return len(self.tests[0].labels)

    @property
    def classes(self) -> npt.NDArray[Any]:
        """Every class of any version of training and test rows, sorted as models sort them."""
        return np.unique(np.concatenate([sample.labels for sample in (*self.training.values(), *self.tests)]))

    def twin(self, data: Data) -> Data:
        """Return the first version of the training rows that holds the same as this one: it need not be fitted again."""
        return self.twins.get(data, data)


def prepare_materials(
    train: Any,
    test: Any,
    label: str | None,
    log: CorrectionLog | None,
    test_log: CorrectionLog | None,
    *,
    key: str | Sequence[str] | None,
    random_state: int,
    stale: Stale = "raise",
    other_log: CorrectionLog | None = None,
    groups: str | None = None,
    time: str | None = None,
    truth: str | None = None,
) -> Materials:
    """Split, correct the training rows only, and keep test rows out of training.

    Where a column `truth` is given, training rows exist with those labels too, and the test is scored on them.
    """
    if stale not in get_args(Stale):
        raise InputError.wrong_value("stale", "compare", "'raise' or 'skip'", stale)
    table, label = _read_table(train, label, log, key, groups=groups, time=time, truth=truth)
    task = _read_task(table)
    given = int((make_strata(table.frame[label], task) != "").sum())
    notes: list[str] = []
    if test is None:
        table, held_out = hold_out(table, time, task, random_state, notes)
    else:
        held_out = _arrange(check_test(test, table)).frame
        table = drop_later(drop_groups(drop_keys(table, held_out, notes), held_out, notes), held_out, time, notes)
    versions = {RAW: table.frame}
    logs: dict[str, CorrectionLog | None] = {CORRECTED: log, OTHER: other_log, "test": test_log}
    inside: dict[Data, CorrectionLog | None] = {}
    for name in (CORRECTED, OTHER) if other_log is not None else (CORRECTED,):
        inside[name], versions[name] = _correct(
            table.frame, held_out, logs[name], notes, stale, has_test_log=test_log is not None
        )
    tests = [("as given", held_out)]
    if truth is not None:
        versions[TRUE] = table.frame.assign(**{label: table.frame[truth]})
        tests = [(TRUE, held_out.assign(**{label: held_out[truth]}))]
        notes.append("Scores are measured on the true labels of the test rows, which no model was trained on.")
    if test_log is not None:
        tests.append(("corrected", correct_test(held_out, test_log, notes, stale)))
    versions = drop_shared(table, versions, [frame for _, frame in tests], notes)
    warn_of_likeness(table, versions[RAW], held_out, notes)
    reader = LabelReader([frame[label] for frame in (*versions.values(), *(frame for _, frame in tests))], task)
    training = {name: _sample(name, frame, table, reader, _describe(name), notes) for name, frame in versions.items()}
    samples = tuple(_sample(name, frame, table, reader, f"test rows ({name})", notes) for name, frame in tests)
    _check_samples(training, samples, task, make_shower(table.frame[label]), notes)
    clusters = [_number_groups(frame, table.groups) for frame in (table.frame, held_out)]
    _check_clusters(clusters[1], notes)
    marks = mark_rows(table.frame, table.features)
    changed, spots = _count_changes(versions, inside, marks if clusters[0] is None else clusters[0], notes)
    return Materials(
        table=replace(table, frame=versions[RAW]),
        task=task,
        training=training,
        tests=samples,
        given=given,
        rows=len(table),
        held_out=held_out,
        test_rows=len(held_out),
        pool=np.unique(np.concatenate([sample.positions for sample in training.values()])),
        strata=make_strata(table.frame[label], task),
        marks=marks,
        clusters=clusters[0],
        test_clusters=clusters[1],
        reviewed={name: len(table) if name == TRUE else 0 for name in versions}
        | {name: count_reviewed(one) for name, one in inside.items()},
        reviewed_rows={name: len(table) if name == TRUE else 0 for name in versions}
        | {name: count_reviewed_rows(one, table.frame) for name, one in inside.items()},
        changed=changed,
        spots=spots,
        logs=logs,
        notes=tuple(notes),
        twins=_find_twins(training),
        contradicted=0 if test_log is not None or truth is not None else count_contradicted(log, held_out, label),
    )


def _count_changes(
    versions: Mapping[Data, pd.DataFrame],
    inside: Mapping[Data, CorrectionLog | None],
    places: Marks | Positions,
    notes: list[str],
) -> tuple[dict[Data, int], dict[tuple[Data, Data], int]]:
    """Count the rows in which each version differs from the data as given, and the places in which two versions do."""
    differing = {(a, b): list_changed(versions[a], versions[b]) for a, b in combinations(versions, 2)}
    changed = {name: len(differing.get((RAW, name), ())) for name in versions}
    notes += [
        f"{one.path.name} changes or leaves out {count(changed[name], 'row')} of the {len(versions[RAW]):,} that are trained on."
        for name, one in inside.items()
        if one is not None
    ]
    return changed, {pair: len(np.unique(places[rows])) for pair, rows in differing.items()}


# ---------------------------------------------------------------- label and key


def _read_table(
    train: Any,
    label: str | None,
    log: CorrectionLog | None,
    key: str | Sequence[str] | None,
    *,
    groups: str | None,
    time: str | None,
    truth: str | None,
) -> tuple[Table, str]:
    """Check the training rows and the roles of their columns; rows come in the order of their content."""
    if groups is not None and time is not None:
        raise InputError(
            "Rows are held out by groups= or by time=, not by both. Pass one of them, or a test of your own."
        )
    label = find_label(label, log)
    if label in (groups, time):
        raise InputError(f"The column {label!r} is the label, so rows cannot be held out by it. Name another column.")
    hidden = tuple(name for name in (time, truth) if name is not None)
    table = make_table(train, label, key=find_key(key, log), hidden=hidden, groups=groups, caller="compare")
    if not table.features:
        raise InputError(
            "The training data have no column besides label and key. Expected at least one feature column."
        )
    return _arrange(table), label


def find_label(label: str | None, log: CorrectionLog | None) -> str:
    """Return the label column: the one named, else the log's; a log about another label is refused."""
    from dcai.corrections.decisions.matching import read_columns

    known = set() if log is None else {c.label for c in read_columns(log.corrections).values() if c.label is not None}
    if label is None:
        if len(known) == 1:
            return str(known.pop())
        raise InputError.wrong_value("label", "compare", "the name of the label column", label)
    if log is not None and known and str(label) not in known:
        named = ", ".join(map(repr, sorted(known)))
        raise LogError(
            f"The log {log.path.name} was made for the label {named}, not for {str(label)!r}. Pass label={min(known)!r}, or the log of that label."
        )
    return str(label)


def find_key(key: str | Sequence[str] | None, log: CorrectionLog | None) -> str | Sequence[str] | None:
    """Return the key columns: those named, else the log's."""
    from dcai.corrections.decisions.matching import key_names

    names = None if log is None else key_names(log.corrections)
    return key if key is not None or names in (None, (FINGERPRINT,)) else names


# ---------------------------------------------------------------- rows


def _read_task(table: Table) -> Task:
    """Say whether the label is a class or a number; what has parts is refused, for no model here learns it."""
    task = read_task(table, None).task
    if task in ("multilabel", "token"):
        what = "sets of classes" if task == "multilabel" else "a tag for each token"
        raise InputError(
            f"The label column {table.label!r} holds {what}. compare trains models of one class or one number a row: "
            "make a column of one class of it, or compare models of your own on log.apply(frame)."
        )
    return task


def _arrange(table: Table) -> Table:
    """Order the rows by their content and number them, so that the caller's order and index play no part."""
    return replace(table, frame=table.frame.iloc[sort_rows(table.frame)].reset_index(drop=True))


def _correct(
    frame: pd.DataFrame,
    held_out: pd.DataFrame,
    log: CorrectionLog | None,
    notes: list[str],
    stale: Stale,
    *,
    has_test_log: bool,
) -> tuple[CorrectionLog | None, pd.DataFrame]:
    if log is None:
        notes.append("No log was given: corrected data are the data as given, and every gain from data is zero.")
        return None, frame
    return correct_training(frame, held_out, log, notes, stale, has_test_log=has_test_log)


def _describe(name: Data) -> str:
    return {RAW: "training rows as given", CORRECTED: "corrected training rows"}.get(name, f"training rows {name}")


def _sample(name: str, frame: pd.DataFrame, table: Table, reader: LabelReader, what: str, notes: list[str]) -> Sample:
    assert table.label is not None
    labels, there = reader.read(frame[table.label])
    if not there.all():
        notes.append(f"{count(int((~there).sum()), 'row')} without a label left out of the {what}.")
    features = frame.loc[there, list(table.features)]
    return Sample(name, features.reset_index(drop=True), labels, features.index.to_numpy(dtype=np.intp))


def _find_twins(training: Mapping[Data, Sample]) -> dict[Data, Data]:
    names = list(training)
    return {
        name: next(first for first in names[: place + 1] if training[first].equals(training[name]))
        for place, name in enumerate(names)
    }


def _number_groups(frame: pd.DataFrame, groups: str | None) -> Positions | None:
    if groups is None:
        return None
    return np.asarray(np.unique(mark_rows(frame, [groups]), return_inverse=True)[1], dtype=np.intp)


def _check_clusters(clusters: Positions | None, notes: list[str]) -> None:
    if clusters is not None and clusters.max() + 1 < FEW_GROUPS:
        notes.append(
            f"The test has only {count(int(clusters.max()) + 1, 'group')}: what holds for them may not hold for others, and the intervals are rough."
        )


def _check_samples(
    training: Mapping[Data, Sample], tests: Sequence[Sample], task: Task, show: Show, notes: list[str]
) -> None:
    for sample in (*training.values(), *tests):
        what = "test" if sample in tests else "training"
        if len(sample.labels) < 2:  # noqa: PLR2004 (nothing is measured on fewer than two rows)
            raise InputError(
                f"Only {count(len(sample.labels), f'{what} row')} ({sample.name}) with a label {'is' if len(sample.labels) == 1 else 'are'} left. "
                "Expected at least 2: pass more rows."
            )
    if task == "classification":
        for sample in training.values():
            classes = set(sample.labels.tolist())
            if len(classes) < 2:  # noqa: PLR2004 (a classifier tells two classes apart)
                raise InputError(
                    f"The training rows ({sample.name}) hold one class only, {shorten(repr(show(next(iter(classes)))))}. "
                    "Expected at least two classes: pass rows of every class."
                )
        unseen = sorted(set(tests[0].labels.tolist()) - set(training[RAW].labels.tolist()), key=str)
        if unseen:
            named = shorten(", ".join(dict.fromkeys(repr(show(name)) for name in unseen)))
            notes.append(
                f"Test rows hold classes that no training row has ({named}): no model trained on the data as given can find them."
            )
    if len(tests[0].labels) < FEW_TEST_ROWS:
        notes.append(f"There are only {len(tests[0].labels)} test rows: differences must be large to show.")
