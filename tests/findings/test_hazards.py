"""Hostile and broken input: each either refused with a sentence that says what to do, or audited and told about; never "0 issues"."""

from __future__ import annotations

import datetime as dt
import decimal
import html
import json
import re
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

import dcai
import dcai.findings.detectors as registry
from dcai.base.display import show_text
from dcai.base.errors import AlignmentError, InputError
from dcai.findings.detectors import Detector, make_findings
from dcai.findings.summary import to_text
from dcai.shells.cli_find import audit as command

ROWS = 60
PLANTED = {7, 31, 52}


def make_pets(rows: int = ROWS) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    label = np.repeat(["cat", "dog"], rows // 2).astype(object)
    x = draw.normal(size=(rows, 2)) + np.where(label == "cat", -4, 4)[:, None]
    for row in PLANTED:
        label[row] = "dog" if label[row] == "cat" else "cat"
    return pd.DataFrame({"x": x[:, 0], "z": x[:, 1], "label": pd.Series(label, dtype=object)})


PETS = make_pets()


def predict(frame: pd.DataFrame = PETS) -> pd.DataFrame:
    dog = 1 / (1 + np.exp(-frame["x"]))
    return pd.DataFrame({"cat": 1 - dog, "dog": dog}, index=frame.index)


def audit(frame: Any, label: Any = "label", **options: Any) -> dcai.Audit:
    return dcai.audit(frame, label, progress=False, **options)


def check_of(found: dcai.Audit, name: str = "labels") -> pd.Series[Any]:
    return found.checks.set_index("detector").loc[name]


def assert_whole_truth(found: dcai.Audit) -> None:
    """Every check stands with its status and its whole reason on the page and in the terminal."""
    page, text = html.unescape(re.sub(r"</?bdi>", "", found._repr_html_())), to_text(found)
    for name, status, reason in zip(
        found.checks["detector"], found.checks["status"], found.checks["reason"], strict=True
    ):
        shown = show_text(reason, 10_000)
        assert f"{name} {status}: {shown}" in page if status != "ran" else shown in page
        line = next(li for li in text.splitlines() if li.startswith(f"  {name} "))
        assert shown.replace("\n", "\\n").replace("\t", "\\t") in line
        assert status == "ran" or status in line
    assert status_counts(found) == {s: int(f"{n}") for s, n in found.checks["status"].value_counts().items()}


def status_counts(found: dcai.Audit) -> dict[str, int]:
    """Read the numbers of checks from the one line that a person sees first."""
    said = re.findall(r"(\d+) (?:checks? )?(ran|skipped|failed)", repr(found))
    return {status: int(number) for number, status in said if int(number)}


# ---------------------------------------------------------------- refused: the frame


def with_label(values: Any) -> pd.DataFrame:
    return PETS.assign(label=values)


REFUSED_FRAMES: dict[str, tuple[Callable[[], Any], Any, str]] = {
    "no rows": (lambda: PETS.head(0), "label", "has no rows. Expected at least one row"),
    "no columns": (lambda: pd.DataFrame(index=range(5)), None, "has no columns. Expected at least one column"),
    "twice the same name": (
        lambda: pd.concat([PETS, PETS[["x"]]], axis=1),
        "label",
        "several columns named 'x'. Column names must be unique: rename them",
    ),
    "the same name as number and text": (lambda: pd.DataFrame([[1, 2]], columns=[1, "1"]), None, "several columns named '1'"),
    "an Arrow table with twice the same name": (
        lambda: pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]),
        None,
        "several columns named 'a'",
    ),
    "names of several levels": (
        lambda: PETS.set_axis(pd.MultiIndex.from_tuples([("a", 1), ("b", 2), ("label", "")]), axis=1),
        None,
        "column names of several levels. Flatten them first: frame.columns =",
    ),
    "half a character in a cell": (
        lambda: PETS.assign(o=pd.Series(["ok", "\ud800x"] * 30, dtype=object)),
        "label",
        "'o' of audit holds text that is no valid Unicode in 30 of its rows, first '\\ud800x' in row 1",
    ),
    "half a character in a name": (
        lambda: PETS.set_axis(pd.Index(["x", "\ud800", "label"], dtype=object), axis=1),
        "label",
        "The column name '\\ud800' is no valid Unicode",
    ),
    "a signalling NaN": (
        lambda: PETS.assign(o=pd.Series([decimal.Decimal("sNaN"), 1] * 30, dtype=object)),
        "label",
        "'o' of audit holds Decimal('sNaN') in 30 of its rows, first in row 0: a signalling NaN, which pandas cannot compare. Put None",
    ),
    "a list": (lambda: [1, 2], None, "must be a pandas, polars or pyarrow table, or a path to a CSV or Parquet file. Got list"),
    "a series": (lambda: PETS["x"], None, "Got Series instead"),
    "a label that is not there": (lambda: PETS, "lable", "no label column 'lable'. Did you mean 'label'"),
    "one class": (lambda: with_label("cat"), "label", "the same value in every row, 'cat'. Expected at least two classes"),
    "one class in two spellings": (
        lambda: with_label(["cat", "Cat"] * 30),
        "label",
        "has one class only, written 'cat', 'Cat'. Expected at least two classes",
    ),
    "numbers that differ beyond what counts": (
        lambda: with_label(pd.Series([2**70, 2**70 + 1] * 30, dtype=object)),
        "label",
        f"has one class only, written '{2**70}', '{2**70 + 1}'",
    ),
    "no label in any row": (lambda: with_label(np.nan), "label", "is empty in all 60 rows. Name another column"),
    "one row with a label": (lambda: PETS.head(1), "label", "has one label only"),
    "objects as labels": (lambda: with_label([{"a": 1}] * 30 + [{"b": 1}] * 30), "label", "label"),
}  # fmt: skip


@pytest.mark.parametrize("hazard", REFUSED_FRAMES)
def test_frames_that_cannot_be_audited_are_refused(hazard: str) -> None:
    make, label, message = REFUSED_FRAMES[hazard]
    with pytest.raises(InputError, match=re.escape(message)):
        audit(make(), label)


@pytest.mark.parametrize(
    ("column", "key", "message"),
    [
        ([0, 0, *range(1, ROWS - 1)], "id", "does not tell the rows apart: 2 rows share theirs, for example [0] in rows [0, 1]"),
        ([np.nan, *range(1, ROWS)], "id", "is missing in 1 rows, first in row 0"),
        (range(ROWS), "label", "cannot be both label and key"),
        (range(ROWS), "ids", "no key column 'ids'. Did you mean 'id'"),
    ],
)  # fmt: skip
def test_keys_that_are_none_are_refused(column: Any, key: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        audit(PETS.assign(id=column), key=key)


def test_a_key_that_holds_the_label_teaches_no_model() -> None:
    frame = PETS.assign(id=[f"{label}-{i}" for i, label in enumerate(PETS["label"])])
    found = audit(frame, key=["id", "id"], model=LogisticRegression())
    assert set(found.by("labels").findings["row"]) == PLANTED
    assert found.findings["key"].iloc[0] == {"id": frame["id"].iloc[found.findings["row"].iloc[0]]}


# ---------------------------------------------------------------- refused: what comes beside the frame

REFUSED_PROBABILITIES: dict[str, tuple[Callable[[], Any], str]] = {
    "columns in another order": (
        lambda: predict().set_axis(["dog", "cat"], axis=1),
        "columns of the probabilities seem to be in another order",
    ),
    "unnamed columns in another order": (lambda: predict().to_numpy()[:, ::-1], "columns of the probabilities seem to be in another order"),
    "rows in reverse": (lambda: predict().to_numpy()[::-1], "seem to be in another order"),
    "rows of another frame": (
        lambda: predict().sample(frac=1, random_state=1).to_numpy(),
        "agree with the labels no better than chance",
    ),
    "too few rows": (lambda: predict().head(20), "have 20 rows, the frame has 60"),
    "sums that are not 1": (lambda: predict() * 0.9, "do not sum to 1; those of row 0 sum to 0.9"),
    "nothing at all": (lambda: predict() * 0, "do not sum to 1"),
    "scores": (lambda: pd.DataFrame({"cat": -PETS["x"], "dog": PETS["x"]}), "not in 0 to 1: are these scores?"),
    "a row that is missing": (lambda: predict().where(np.arange(ROWS)[:, None] != np.array([[3, 3]])), "are missing or infinite in 1 rows, first in row 3"),
    "an infinite row": (lambda: predict().mask(np.arange(ROWS)[:, None] == np.array([[3, 3]]), np.inf), "are missing or infinite in 1 rows, first in row 3"),
    "a class that is missing": (lambda: predict().rename(columns={"dog": "cow"}), "The classes 'dog' stand in 'label' but have no column"),
    "a class that is named twice": (lambda: predict().set_axis(["cat", "cat"], axis=1), "name a class twice"),
    "text": (lambda: "probabilities.csv", "hold values that are no numbers"),
    "no columns": (lambda: np.empty((ROWS, 0)), "have the shape (60, 0), but there are 2 classes"),
    "the same in every row": (lambda: predict() * 0 + 0.5, "no better than chance"),
}  # fmt: skip


@pytest.mark.parametrize("hazard", REFUSED_PROBABILITIES)
def test_probabilities_that_do_not_belong_are_refused(hazard: str) -> None:
    make, message = REFUSED_PROBABILITIES[hazard]
    with pytest.raises(AlignmentError, match=re.escape(message)):
        audit(PETS, probabilities=make())


def test_a_shuffled_frame_with_the_old_probabilities_is_refused() -> None:
    shuffled = PETS.sample(frac=1, random_state=5)
    with pytest.raises(AlignmentError, match="ordered by the"):
        audit(shuffled, probabilities=predict().to_numpy())
    with pytest.raises(AlignmentError, match="ordered by their index"):
        audit(shuffled, probabilities=predict())
    found = audit(shuffled, probabilities=predict(shuffled), detectors="labels")
    assert set(shuffled.index[found.findings["row"]]) == PLANTED
    assert found.scores.index.equals(shuffled.index)


def test_numbers_written_as_text_are_no_trap() -> None:
    names = [str(n) for n in range(1, 13)]
    frame = pd.DataFrame({"x": range(240), "label": names * 20})
    sure = pd.get_dummies(frame["label"]).astype(float)[sorted(names)] * 0.89 + 0.11 / 12
    sure = sure.div(sure.sum(axis=1), axis=0)
    found = audit(frame, probabilities=sure.to_numpy(), detectors="labels")
    assert "unnamed columns read as '1', '10', '11'" in check_of(found)["reason"]
    assert not len(found)


@pytest.mark.parametrize(
    "make",
    [
        pl.from_pandas,
        lambda p: {"cat": p["cat"], "dog": p["dog"]},
        lambda p: (p.to_numpy(), ["cat", "dog"]),
        lambda p: p[["dog", "cat"]],
        lambda p: p.assign(cow=0.0),
    ],
)  # fmt: skip
def test_probabilities_are_matched_by_the_names_of_their_columns(make: Callable[[Any], Any]) -> None:
    found = audit(PETS, probabilities=make(predict()), detectors="labels")
    assert set(found.findings["row"]) == PLANTED
    assert "unnamed" not in check_of(found)["reason"]


def test_a_class_without_rows_is_no_reason_to_stop() -> None:
    three = predict().assign(cow=0.0)
    found = audit(PETS, probabilities=three, detectors="labels")
    assert check_of(found)["status"] == "ran"
    assert found.classes == ("cat", "dog", "cow")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": np.full((ROWS, 2), np.nan)}, "features of audit are missing or infinite, first in row 0"),
        ({"features": np.full((ROWS, 2), np.inf)}, "features of audit are missing or infinite"),
        ({"features": np.zeros((4, 2))}, "an array of numbers with 60 rows. Got 'an array of shape (4, 2)'"),
        ({"features": []}, "must be at least one column, or None for all"),
        ({"features": ["label"]}, "Label and key columns are never features"),
        ({"model": "forest"}, "must be a scikit-learn classifier"),
        ({"annotators": ["nobody"]}, "There is no column 'nobody'"),
        ({"detectors": []}, "must be a list with at least one of labels"),
        ({"detectors": ["lables"]}, "There is no detector 'lables'. Did you mean 'labels'"),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        audit(PETS, **options)


def test_probabilities_of_classes_are_not_passed_over_for_a_label_that_is_a_number() -> None:
    with pytest.raises(InputError, match="is read as a number. Give task='classification'"):
        audit(PETS.assign(label=PETS["x"] * 2), probabilities=predict())


# ---------------------------------------------------------------- nothing to check with


@pytest.mark.parametrize(
    ("frame", "label", "reason"),
    [
        (PETS[["x", "z"]], None, "there is no label column"),
        (PETS[["label"]], "label", "all labelled rows are equal in their features"),
        (PETS[["label"]].assign(same=1), "label", "all labelled rows are equal in their features"),
        (PETS[["label"]].assign(empty=np.nan), "label", "all labelled rows are equal in their features"),
        (PETS.assign(label=[f"pet {i}" for i in range(ROWS)]), "label", "looks like an identifier or free text. Name another label"),
        (PETS.head(1).assign(label=1.5), "label", "all labelled rows are equal in their features"),
    ],
)  # fmt: skip
def test_a_label_that_cannot_be_checked_is_said_not_to_be(frame: pd.DataFrame, label: str | None, reason: str) -> None:
    task = "regression" if len(frame) == 1 else None
    found = audit(frame, label, task=task)
    assert check_of(found)["status"] == "skipped"
    assert reason in check_of(found)["reason"]
    assert "skipped" in repr(found)
    assert_whole_truth(found)


# ---------------------------------------------------------------- labels of every kind


def test_stray_spellings_do_not_turn_the_label_check_off() -> None:
    label = PETS["label"].copy()
    label.iloc[[2, 40]] = ["Cat ", "DOG"]
    found = audit(with_label(label), model=LogisticRegression())
    assert found.classes == ("cat", "dog")
    assert set(found.by("labels").findings["row"]) == PLANTED
    assert found.by("label_names").findings.set_index("row")["suggested"].to_dict() == {2: "cat", 40: "dog"}


def test_empty_labels_are_counted_and_not_judged() -> None:
    label = PETS["label"].copy()
    label.iloc[:5] = [np.nan, None, "", "  ", pd.NA]
    found = audit(with_label(label), model=LogisticRegression(), detectors="labels")
    assert "5 rows have no label and were not judged" in check_of(found)["reason"]
    assert check_of(found)["rows"] == ROWS - 5
    assert set(found.findings["row"]) == PLANTED


def test_a_class_with_one_row_is_not_judged_and_said_so() -> None:
    label = PETS["label"].copy()
    label.iloc[0] = "zebra"
    found = audit(with_label(label), model=LogisticRegression(), detectors="labels")
    assert "1 class occurs in one row only, which was not judged" in check_of(found)["reason"]
    assert 0 not in set(found.findings["row"])


CODES = (PETS["label"] == "dog").to_numpy()
LABELS = {
    "booleans": CODES,
    "nullable booleans": pd.array(CODES, dtype="boolean"),
    "nullable integers": pd.array(CODES.astype(int), dtype="Int64"),
    "floats with few values": np.where(CODES, 1.5, 0.5),
    "numbers beyond floats": np.where(CODES, 2**53 + 1, 2**53),
    "categories with an unused one": pd.Categorical(PETS["label"], categories=["cow", "cat", "dog"]),
    "ordered categories": pd.Categorical(PETS["label"], categories=["dog", "cat"], ordered=True),
    "Arrow text": pd.array(PETS["label"].tolist(), dtype="string[pyarrow]"),
    "Arrow's own text": pd.array(PETS["label"].tolist(), dtype=pd.ArrowDtype(pa.string())),
    "bytes": [b"dog" if d else b"cat" for d in CODES],
    "dates": pd.to_datetime(np.where(CODES, "2020-01-02", "2020-01-01")),
    "decimals": [decimal.Decimal("1.5") if d else decimal.Decimal(2) for d in CODES],
    "numbers and words": pd.Series([1 if d else "cat" for d in CODES], dtype=object),
    "sparse": pd.arrays.SparseArray(CODES.astype(int)),
    "NUL bytes": pd.Series(np.where(CODES, "d\x00g", "cat"), dtype=object),
    "very long": ["d" * 5000 if d else "c" * 5000 for d in CODES],
}  # fmt: skip


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_kind_are_judged(kind: str) -> None:
    found = audit(PETS[["x", "z"]].assign(label=LABELS[kind]), model=LogisticRegression())
    assert set(found.by("labels").findings["row"]) == PLANTED
    assert len(found.classes) == 2
    assert not (found.checks["status"] == "failed").any(), found.checks[["detector", "reason"]].to_string()
    assert_whole_truth(found)


def test_numbers_given_as_text_too_count_as_one_class_and_are_named() -> None:
    label = pd.Series([n if i % 3 else str(n) for i, n in enumerate(CODES.astype(int))], dtype=object)
    found = audit(with_label(label), model=LogisticRegression())
    assert len(found.classes) == 2
    assert set(found.by("labels").findings["row"]) == PLANTED
    said = check_of(found, "label_names")["reason"]
    assert "given both as text and as a number or boolean, and counted as one class each" in said


def test_many_different_numbers_are_a_number_and_few_are_classes() -> None:
    assert check_of(audit(with_label(PETS["x"] * 2 + 1)))["reason"].startswith("regression (inferred)")
    assert check_of(audit(with_label(np.where(CODES, 1.5, 0.5)), model=LogisticRegression()))["reason"].startswith(
        "classification (inferred)"
    )


def test_infinite_labels_are_counted() -> None:
    values = PETS["x"].to_numpy() * 2
    values[[1, 2]] = [np.inf, -np.inf]
    assert "2 rows have an infinite label and were not judged" in check_of(audit(with_label(values)))["reason"]


@pytest.mark.parametrize("values", [np.arange(ROWS) * 1j, pd.timedelta_range("1s", periods=ROWS), pd.period_range("2020", periods=ROWS, freq="D")])  # fmt: skip
def test_labels_that_are_neither_class_nor_number_are_not_checked_and_said_so(values: Any) -> None:
    check = check_of(audit(with_label(values)))
    assert check["status"] == "skipped"
    assert "Name another label column" in check["reason"]


def test_complex_labels_are_no_numbers() -> None:
    with pytest.raises(InputError, match="holds no numbers. Expected numbers for task='regression'"):
        audit(with_label(np.arange(ROWS) * 1j), task="regression")


# ---------------------------------------------------------------- cells of every kind

CELLS: dict[str, Callable[[int], Any]] = {
    "dicts": lambda i: {"a": i},
    "lists": lambda i: [i % 3, "b"],
    "arrays": lambda i: np.arange(i % 4),
    "sets": lambda i: {i % 3},
    "tuples with lists": lambda i: (1, [i]),
    "bytes": lambda i: b"ab" * (i % 3),
    "decimals": lambda i: decimal.Decimal(i) / 7,
    "decimals that are none": lambda i: decimal.Decimal(["NaN", "Infinity", "1"][i % 3]),
    "dates": lambda i: dt.date(2020, 1, 1) + dt.timedelta(i),
    "extreme dates": lambda i: [dt.date(1, 1, 1), dt.date(9999, 12, 31)][i % 2],
    "times": lambda i: dt.time(i % 24),
    "some with and some without a zone": lambda i: dt.datetime(2020, 1, 1 + i % 28, tzinfo=dt.UTC if i % 2 else None),
    "numbers beyond integers": lambda i: 2**80 + i,
    "numbers beyond floats": lambda i: 10**400 + i,
    "complex numbers": lambda i: complex(i, 1),
    "types": lambda i: [int, str, None][i % 3],
    "NUL bytes": lambda i: f"a\x00{i % 3}",
    "very long texts": lambda i: "word " * 4000 + str(i),
    "everything": lambda i: [1, "1", None, 1.5, b"1", (1,), [1], {"a": 1}, True, dt.date(2020, 1, 1)][i % 10],
}  # fmt: skip
N = range(ROWS)
COLUMNS: dict[str, Callable[[], Any]] = {
    **{
        name: lambda make=make: pd.Series([make(i) for i in N], dtype=object) for name, make in CELLS.items()
    },
    "nothing": lambda: np.nan,
    "one value": lambda: 3,
    "infinities": lambda: [np.inf, -np.inf, 1.0] * 20,
    "only infinities": lambda: np.inf,
    "the largest floats": lambda: [1e308, -1e308, 1.0] * 20,
    "half precision": lambda: np.arange(ROWS, dtype="float16"),
    "unsigned": lambda: np.array([2**64 - 1 - i for i in N], dtype="uint64"),
    "nullable integers": lambda: pd.array([1, 2, pd.NA] * 20, dtype="Int64"),
    "nullable floats": lambda: pd.array([1.5, np.nan, pd.NA] * 20, dtype="Float64"),
    "nullable booleans": lambda: pd.array([True, False, pd.NA] * 20, dtype="boolean"),
    "Arrow text": lambda: pd.array(["a", "b", pd.NA] * 20, dtype="string[pyarrow]"),
    "Arrow lists": lambda: pd.array([[1, 2], [], None] * 20, dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "Arrow structs": lambda: pd.array([{"a": 1}, None] * 30, dtype=pd.ArrowDtype(pa.struct([("a", pa.int64())]))),
    "Arrow decimals": lambda: pd.array([decimal.Decimal("1.5")] * ROWS, dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
    "Arrow dates": lambda: pd.array([dt.date(2020, 1, 1), None] * 30, dtype=pd.ArrowDtype(pa.date32())),
    "Arrow times": lambda: pd.array([dt.time(1)] * ROWS, dtype=pd.ArrowDtype(pa.time64("us"))),
    "Arrow bytes": lambda: pd.array([b"a"] * ROWS, dtype=pd.ArrowDtype(pa.binary())),
    "zones": lambda: pd.date_range("2020", periods=ROWS, tz="Europe/Berlin"),
    "periods": lambda: pd.period_range("2020-01", periods=ROWS, freq="M"),
    "intervals": lambda: pd.arrays.IntervalArray.from_breaks(range(ROWS + 1)),
    "timedeltas": lambda: pd.timedelta_range("1s", periods=ROWS),
    "sparse numbers": lambda: pd.arrays.SparseArray([0.0, 0, 1] * 20),
    "unused categories": lambda: pd.Categorical(["u", None, "v"] * 20, categories=["w", "v", "u"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", COLUMNS)
def test_cells_of_every_kind_hide_no_wrong_label(kind: str) -> None:
    frame = PETS.assign(odd=COLUMNS[kind]())
    frame["odd"] = (
        frame["odd"].iloc[np.random.default_rng(1).permutation(ROWS)].array
    )  # so that it tells nothing of the label
    found = audit(frame)
    assert not (found.checks["status"] == "failed").any(), found.checks[["detector", "reason"]].to_string()
    assert set(found.by("labels").findings["row"]) >= PLANTED
    assert_whole_truth(found)
    moved = audit(frame.iloc[::-1], detectors=["labels", "duplicates"])
    assert set(ROWS - 1 - moved.by("labels").findings["row"]) == set(found.by("labels").findings["row"])


def test_cells_of_every_kind_at_once_fail_no_check() -> None:
    # Enough rows for the checks that need many.
    frame = pd.concat([make_pets()] * 3, ignore_index=True)
    frame[["x", "z"]] += np.random.default_rng(2).normal(size=(len(frame), 2))
    odd = {
        name: np.resize(pd.Series(make()).array.astype(object), len(frame)) if name != "nothing" else np.nan
        for name, make in COLUMNS.items()
    }
    whole = {
        name: pd.concat([pd.Series(make())] * 3, ignore_index=True) if np.ndim(make()) else make()
        for name, make in COLUMNS.items()
    }
    for columns in (odd, whole):
        found = audit(pd.concat([frame, pd.DataFrame(columns, index=frame.index).add_prefix("odd ")], axis=1))
        assert not (found.checks["status"] == "failed").any(), found.checks[["detector", "reason"]].to_string()
        assert_whole_truth(found)


def test_infinite_numbers_are_said_to_count_as_missing() -> None:
    said = check_of(audit(PETS.assign(odd=[np.inf, -np.inf, 1.0] * 20), detectors="outliers"), "outliers")["reason"]
    assert "40 infinite numbers count as missing: 'odd'" in said


def test_columns_that_no_check_can_read_are_named() -> None:
    frame = PETS.assign(odd=pd.Series([{"a": i} for i in N], dtype=object))
    found = audit(frame, detectors=["labels", "missing"], model=LogisticRegression())
    assert "1 column of objects told the model nothing: 'odd'" in check_of(found)["reason"]
    assert (
        "1 column was not searched for stand-ins (its cells are neither text nor number): 'odd'"
        in check_of(found, "missing")["reason"]
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda f: pl.from_pandas(f).with_columns(l=pl.lit([1, 2]), s=pl.struct("x", "z"), c=pl.col("label").cast(pl.Categorical)),
        lambda f: pl.from_pandas(f).with_columns(b=pl.lit(b"a"), d=pl.lit(dt.timedelta(1)), n=pl.lit(None)).lazy(),
        lambda f: pa.table(f).append_column("m", pa.array([[("a", 1)]] * ROWS, pa.map_(pa.string(), pa.int64()))),
        lambda f: pa.table(f).append_column("n", pa.nulls(ROWS)).append_column("d", pa.array(["u", "v"] * 30).dictionary_encode()),
    ],
)  # fmt: skip
def test_tables_of_other_libraries_with_nested_columns_are_audited(make: Callable[[Any], Any]) -> None:
    found = audit(make(PETS.astype({"label": "str"})), model=LogisticRegression(), features=["x", "z"])
    assert set(found.by("labels").findings["row"]) == PLANTED
    assert not (found.checks["status"] == "failed").any(), found.checks[["detector", "reason"]].to_string()
    assert_whole_truth(found)


# ---------------------------------------------------------------- rows and names

INDEXES = {
    "the same everywhere": lambda: [0] * ROWS,
    "in reverse": lambda: range(ROWS)[::-1],
    "of several levels": lambda: pd.MultiIndex.from_product([range(30), ["a", "b"]]),
    "missing": lambda: [None] * ROWS,
    "texts": lambda: [f"r{i}" for i in N],
}


@pytest.mark.parametrize("kind", INDEXES)
def test_the_index_proves_nothing_and_is_kept(kind: str) -> None:
    frame = PETS.set_axis(INDEXES[kind](), axis=0)
    found = audit(frame, model=LogisticRegression())
    assert set(found.by("labels").findings["row"]) == PLANTED
    assert found.scores.index.equals(frame.index)


NAMES = {
    "integers": [0, 1, 2],
    "tuples": pd.Index([("a", 1), ("b", 2), ("c", "")], tupleize_cols=False),
    "missing and empty": [None, "", "label"],
    "ours": ["row", "finding", "labels"],
    "ours too": ["key", "doubt", "detector"],
    "scripts": ["<script>alert(1)</script>", "</td><b>", "<img src=x onerror=alert(1)>"],
    "braces and percents": ["{0}", "%s", "{label!r}"],
    "control characters": ["a\x00b", "a\nb\x1b[31m", "la\u202ebel"],
}


@pytest.mark.parametrize("kind", NAMES)
def test_names_of_every_kind_are_only_names(kind: str) -> None:
    frame = PETS.set_axis(NAMES[kind], axis=1)
    label = frame.columns[2]
    found = audit(frame, label, model=LogisticRegression())
    assert set(found.by("labels").findings["row"]) == PLANTED
    assert set(found.by("labels").findings["column"]) == {str(label)}
    assert not (found.checks["status"] == "failed").any()
    page = str(found.to_html()) + found.explain(7)._repr_html_()
    assert "<script" not in page
    assert "<img" not in page
    assert "\x1b" not in page + to_text(found)
    assert_whole_truth(found)


def test_equal_rows_are_told_and_not_all_flagged() -> None:
    found = audit(pd.DataFrame({"x": [1] * 50, "label": ["a", "b"] * 25}))
    assert check_of(found)["status"] == "skipped"
    assert not len(found)
    assert "equal rows are usual here" in check_of(found, "duplicates")["reason"]
    assert_whole_truth(found)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_tiny_frames_are_audited(rows: int) -> None:
    found = audit(PETS[["x", "z"]].head(rows), None)
    assert not (found.checks["status"] == "failed").any()
    assert_whole_truth(found)


# ---------------------------------------------------------------- detectors of other packages


class Broken(EntryPoint):
    """An entry point of a package that cannot be imported."""

    def load(self) -> Any:
        if self.name == "rainbow":
            return Detector(
                "rainbow", lambda e: make_findings([0], 0.5, "It rains."), score=lambda e: np.zeros(len(e.table))
            )
        if self.name == "cloudless":
            return Detector("cloudless", lambda e: make_findings([], [], []), needs=("targets",))
        return __import__("no_such_package_at_all")


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [Broken(name, "package:detector", "dcai.detectors") for name in ("broken", "cloudless", "rainbow")]
    monkeypatch.setattr(registry.metadata, "entry_points", lambda group: points)


@pytest.mark.usefixtures("packages")
def test_a_package_that_cannot_be_imported_is_a_check_that_failed() -> None:
    found = audit(PETS, model=LogisticRegression())
    checks = found.checks.set_index("detector")
    assert checks.loc["broken", "status"] == "failed"
    assert checks.loc["broken", "reason"] == "ModuleNotFoundError: No module named 'no_such_package_at_all'"
    assert checks.loc["cloudless", ["status", "reason"]].tolist() == ["skipped", "the label is a class, not a number"]
    assert checks.loc["rainbow", ["status", "findings"]].tolist() == ["ran", 1]
    assert "rainbow" in found.scores
    assert set(found.by("labels").findings["row"]) == PLANTED
    assert "1 failed" in repr(found)
    assert_whole_truth(found)


@pytest.mark.usefixtures("packages")
def test_a_package_that_cannot_be_imported_passes_no_limit(tmp_path: Any) -> None:
    path = tmp_path / "pets.csv"
    PETS.to_csv(path, index=False)
    result = CliRunner().invoke(command, [str(path), "--fail-above", "100000"])
    assert result.exit_code == 3
    assert re.search(r"broken +failed +ModuleNotFoundError", result.stdout)
    assert "1 check failed (broken)" in result.stderr


# ---------------------------------------------------------------- the command line tells the same


def test_the_command_line_tells_the_whole_truth(tmp_path: Any) -> None:
    path = tmp_path / "pets.csv"
    frame = PETS.assign(city=["Rome", "Bonn"] * 30, title=[f"a title of its own, {i}" for i in N], gap=[np.nan, 1] * 30)
    frame.to_csv(path, index=False)
    found = dcai.audit(path, "label", progress=False)
    told = json.loads(CliRunner().invoke(command, [str(path), "--label", "label", "--json"]).stdout)
    shown = CliRunner().invoke(command, [str(path), "--label", "label"]).stdout
    parts = ["detector", "status", "reason", "rows", "findings"]
    assert [[c[p] for p in parts] for c in told["checks"]] == found.checks[parts].to_numpy().tolist()
    assert told["caution"] == found.caution != ""
    assert found.expected_errors is not None
    assert told["expected_errors"]["estimate"] == pytest.approx(found.expected_errors.estimate)
    assert told["label"] == "label"
    assert told["limits"] in shown
    assert [f["finding"] for f in told["worst"]] == found.findings["finding"].tolist()
    assert shown.strip() == to_text(found).strip()
    assert_whole_truth(found)
