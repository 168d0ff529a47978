"""What is trained and tested on: training rows as given and corrected, and test rows that neither of them holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError, LogError, shorten
from dcai.base.fingerprints import canonical, canonicals, hash_rows, plain
from dcai.base.records import FINGERPRINT, Scalar
from dcai.base.table import Table, make_table
from dcai.experiments.overlaps import drop_keys, drop_shared
from dcai.experiments.splits import Marks, Positions, assign_folds, mark_rows, sort_rows
from dcai.findings.evidence import Task
from dcai.findings.labels.tasks import read_task
from dcai.findings.wording import count

if TYPE_CHECKING:
    from dcai.corrections.log import CorrectionLog

Data = Literal["raw", "corrected"]
Stale = Literal["raise", "skip"]

TEST_FOLDS = 4  # one of four folds is held out
FEWEST_ROWS = 20
FEW_TEST_ROWS = 100


@dataclass(frozen=True, eq=False)
class Sample:
    """Labelled rows, ready for a model.

    Attributes
    ----------
    name : str
        ``"raw"`` or ``"corrected"`` for training rows, ``"as given"`` or ``"corrected"`` for test rows.
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


@dataclass(frozen=True, eq=False)
class Materials:
    """Everything that is measured on, and the sentences that say how it was made.

    `rows` and `test_rows` count the rows before corrections. `strata` (the class) and `marks` (one number for each
    distinct content of the features) describe the training rows, of which those at the positions `pool` are trained on.
    `reviewed` decisions (those that a certificate spared not counted) and the accepted ones changed `changed` training rows.
    """

    table: Table
    task: Task
    training: Mapping[Data, Sample]
    tests: tuple[Sample, ...]
    rows: int
    test_rows: int
    pool: Positions
    strata: npt.NDArray[Any]
    marks: Marks
    reviewed: int
    changed: int
    notes: tuple[str, ...]


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
) -> Materials:
    """Split, correct the training rows only, and keep test rows out of training."""
    if stale not in get_args(Stale):
        raise InputError.wrong_value("stale", "compare", "'raise' or 'skip'", stale)
    label = find_label(label, log)
    table = make_table(train, label, key=find_key(key, log), caller="compare")
    if not table.features:
        raise InputError(
            "The training data have no column besides label and key. Expected at least one feature column."
        )
    table = _arrange(table)
    task = _read_task(table)
    notes: list[str] = []
    if test is None:
        table, held_out = _hold_out(table, task, random_state, notes)
    else:
        held_out = _arrange(_check_test(test, table)).frame
        table = drop_keys(table, held_out, notes)
    inside, corrected = _correct(table, held_out, log, notes, stale, has_test_log=test_log is not None)
    tests = [("as given", held_out)]
    if test_log is not None:
        tests.append(("corrected", _correct_test(held_out, test_log, notes, stale)))
    raw, corrected = drop_shared(table, corrected, [frame for _, frame in tests], notes)
    cells = [raw[label], corrected[label], *(frame[label] for _, frame in tests)]
    reader = _LabelReader(cells, task)
    training: dict[Data, Sample] = {
        "raw": _sample("raw", raw, table, reader, "training rows as given", notes),
        "corrected": _sample("corrected", corrected, table, reader, "corrected training rows", notes),
    }
    samples = tuple(_sample(name, frame, table, reader, f"test rows ({name})", notes) for name, frame in tests)
    _check_samples(training, samples, task, notes)
    return Materials(
        table=Table(raw, label, table.key, table.hidden),
        task=task,
        training=training,
        tests=samples,
        rows=len(table),
        test_rows=len(held_out),
        pool=np.union1d(training["raw"].positions, training["corrected"].positions),
        strata=make_strata(table.frame[label], task),
        marks=mark_rows(table.frame, table.features),
        reviewed=0 if inside is None else sum("certificate" not in line.why for line in inside.standing),
        changed=_count_changed(raw, corrected),
        notes=tuple(notes),
    )


# ---------------------------------------------------------------- label and key


def find_label(label: str | None, log: CorrectionLog | None) -> str:
    """Return the label column: the one named, else the log's; a log about another label is refused."""
    from dcai.corrections.matching import read_columns

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
    from dcai.corrections.matching import key_names

    names = None if log is None else key_names(log.corrections)
    return key if key is not None or names in (None, (FINGERPRINT,)) else names


def make_strata(column: pd.Series[Any], task: Task) -> npt.NDArray[Any]:
    """Return the class of each row as text; for numbers, the tenth that they fall in; "" without a label."""
    if task == "regression":
        tenths = pd.qcut(pd.to_numeric(column, errors="coerce"), 10, labels=False, duplicates="drop")
        return np.array(["" if pd.isna(tenth) else str(int(tenth)) for tenth in tenths], dtype=object)
    return np.array(["" if text is None else text for text in canonicals(column)], dtype=object)


class _LabelReader:
    """Turns label cells of several frames into labels of one type: 7, 7.0 and "7" are one class."""

    def __init__(self, columns: Sequence[pd.Series[Any]], task: Task) -> None:
        self.task = task
        self.classes: dict[str, Scalar] = {}
        if task == "regression":
            return
        found: dict[str, list[Scalar]] = {}
        for column in columns:
            for value in map(plain, pd.unique(column)):
                text = canonical(value)
                if text is not None and value not in found.setdefault(text, []):
                    found[text].append(value)
        # The same whichever frame or row comes first.
        self.classes = {text: min(found[text], key=lambda v: (type(v).__name__, repr(v))) for text in sorted(found)}
        values = list(self.classes.values())
        if values and all(
            isinstance(v, (int, float)) and not isinstance(v, bool) and float(v).is_integer() for v in values
        ):
            self.classes = {text: int(float(str(v))) for text, v in self.classes.items()}
        elif not all(isinstance(v, bool) for v in values) and not all(isinstance(v, str) for v in values):
            self.classes = {text: text for text in self.classes}

    def read(self, column: pd.Series[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Return the labels that are there, and which rows have one."""
        if self.task == "regression":
            numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
            there = np.isfinite(numbers)
            return numbers[there], there
        texts = canonicals(column)
        there = np.array([t is not None for t in texts], dtype=bool)
        values = [self.classes[t] for t in texts[there]]
        return np.array(values, dtype=object if values and isinstance(values[0], str) else None), there


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
    frame = table.frame.iloc[sort_rows(table.frame)].reset_index(drop=True)
    return Table(frame, table.label, table.key, table.hidden)


def _check_test(test: Any, table: Table) -> Table:
    assert table.label is not None
    found = make_table(test, caller="compare (test)")
    if table.label not in found.frame.columns:
        raise InputError.unknown_name(
            "label column",
            table.label,
            found.frame.columns,
            "The test rows need the label column too: scores are measured on it.",
        )
    lost = [c for c in table.frame.columns if c not in found.frame.columns]
    extra = [c for c in found.frame.columns if c not in table.frame.columns]
    if lost or extra:
        parts = [f"the test lacks {shorten(', '.join(map(repr, lost)))}"] if lost else []
        parts += [f"the test alone has {shorten(', '.join(map(repr, extra)))}"] if extra else []
        raise InputError(
            f"Training and test rows have different columns: {'; '.join(parts)}. Expected the same columns in both: "
            "drop or add columns before comparing."
        )
    return Table(found.frame[list(table.frame.columns)], table.label, table.key, table.hidden)


def _hold_out(table: Table, task: Task, random_state: int, notes: list[str]) -> tuple[Table, pd.DataFrame]:
    """Set about a quarter of the labelled rows aside."""
    assert table.label is not None
    strata = make_strata(table.frame[table.label], task)
    labelled = strata != ""
    if labelled.sum() < FEWEST_ROWS:
        raise InputError(
            f"There are {int(labelled.sum())} rows with a label, too few to hold some out: at least {FEWEST_ROWS} are needed. "
            "Pass test=, or more rows."
        )
    marks = mark_rows(table.frame, table.features)
    fold = assign_folds(marks, strata.tolist(), TEST_FOLDS, random_state)
    held = (fold == 0) & labelled
    if not held.any():
        raise InputError(
            f"No rows can be held out: no {'class' if task == 'classification' else 'tenth of the label'} has {TEST_FOLDS} rows of "
            f"different content among the {len(table):,} rows. Pass test=, or more rows that differ."
        )
    # An unlabelled twin of a held-out row stays out of training too; other rows without a label may get one.
    left = ~np.isin(marks, marks[held])
    notes.append(
        f"No test rows were given: {int(held.sum()):,} of {len(table):,} rows are held out, about a quarter of each "
        f"{'class' if task == 'classification' else 'tenth of the label'}. The content of a row decides (random_state={random_state}), "
        "not its place, and rows with equal features are on the same side."
    )
    rest = Table(table.frame[left].reset_index(drop=True), table.label, table.key, table.hidden)
    return rest, table.frame[held].reset_index(drop=True)


def _correct_test(held_out: pd.DataFrame, test_log: CorrectionLog, notes: list[str], stale: Stale) -> pd.DataFrame:
    known = test_log.restrict(held_out)
    notes.append(
        f"Test rows are scored twice, with labels as given and with {count(len(known.standing), 'decision')} of test_log "
        "applied; the two are never mixed."
    )
    return _apply(known, held_out, "test", notes, stale)


def _apply(log: CorrectionLog, frame: pd.DataFrame, what: str, notes: list[str], stale: Stale) -> pd.DataFrame:
    """Apply a log; those corrections that no longer fit are refused, or skipped and counted."""
    corrected: pd.DataFrame = log.apply(frame, stale=stale)
    checks = log.check(frame) if stale == "skip" else pd.DataFrame({"status": []})
    lost = int(checks["status"].isin(["stale", "disputed"]).sum())
    if lost:
        verbs = "fits and was" if lost == 1 else "fit and were"
        notes.append(f"{count(lost, 'correction')} of {what} rows no longer {verbs} skipped (stale='skip').")
    return corrected


def _correct(
    table: Table,
    held_out: pd.DataFrame,
    log: CorrectionLog | None,
    notes: list[str],
    stale: Stale,
    *,
    has_test_log: bool,
) -> tuple[CorrectionLog | None, pd.DataFrame]:
    """Apply the corrections of training rows; the others are counted and left out."""
    if log is None:
        notes.append("No log was given: corrected data are the data as given, and every gain from data is zero.")
        return None, table.frame
    inside, outside = log.restrict(table.frame), log.restrict(held_out)
    total, used, tested = len(log.standing), len(inside.standing), len(outside.standing)
    notes.append(f"{used:,} of {total:,} decisions of {log.path.name} concern training rows and were applied to them.")
    accepted = sum("certificate" in line.why for line in inside.standing)
    if accepted:
        notes.append(
            f"{accepted:,} of these were not looked at one by one: they were accepted as members of a certified group."
        )
    if tested:
        also = (
            "applied only where test_log says so"
            if has_test_log
            else "not applied: test labels stay as given (pass test_log to see both)"
        )
        verb = "was" if tested == 1 else "were"
        notes.append(f"{count(tested, 'decision')} about test rows {verb} {also}.")
    lost = total - used - tested
    if lost > 0:
        notes.append(
            f"{count(lost, 'decision', ('belongs', 'belong'))} to rows that are neither in training nor in test, and "
            f"{'was' if lost == 1 else 'were'} left out."
        )
    if not used:
        notes.append(
            "No decision concerns a training row: the gain from data is zero by construction, which says nothing about the log."
        )
    return inside, _apply(inside, table.frame, "training", notes, stale)


def _sample(name: str, frame: pd.DataFrame, table: Table, reader: _LabelReader, what: str, notes: list[str]) -> Sample:
    assert table.label is not None
    labels, there = reader.read(frame[table.label])
    if not there.all():
        notes.append(f"{count(int((~there).sum()), 'row')} without a label left out of the {what}.")
    features = frame.loc[there, list(table.features)]
    return Sample(name, features.reset_index(drop=True), labels, features.index.to_numpy(dtype=np.intp))


def _check_samples(training: Mapping[Data, Sample], tests: Sequence[Sample], task: Task, notes: list[str]) -> None:
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
                    f"The training rows ({sample.name}) hold one class only, {shorten(repr(next(iter(classes))))}. "
                    "Expected at least two classes: pass rows of every class."
                )
        unseen = sorted(set(tests[0].labels.tolist()) - set(training["raw"].labels.tolist()), key=str)
        if unseen:
            named = shorten(", ".join(map(repr, unseen)))
            notes.append(
                f"Test rows hold classes that no training row has ({named}): no model trained on the data as given can find them."
            )
    if len(tests[0].labels) < FEW_TEST_ROWS:
        notes.append(f"There are only {len(tests[0].labels)} test rows: differences must be large to show.")


def _count_changed(raw: pd.DataFrame, corrected: pd.DataFrame) -> int:
    """Count the training rows that corrections changed or left out."""
    before = pd.Series(hash_rows(raw)[:, 0], index=raw.index)
    after = pd.Series(hash_rows(corrected)[:, 0], index=corrected.index)
    return int((before.loc[after.index] != after).sum()) + len(raw) - len(corrected)
