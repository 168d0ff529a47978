"""Data with known errors: tables that packages carry, with errors planted here, and a folder of real ones where there is one."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from tables import TABLES

NUMBERS = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}
SHARE = 0.1
# Columns of a real set that are other people's answers and no features.
ANSWERS = ("noisy_label", "true_label", "is_error", "reviewed", "aggre_label", "random_label", "majority_label", "conf")
NO_FEATURES = (*ANSWERS, "lf_", "annotator_", "worse_label", "cifar_train_index")
SPELLINGS = {"chevroelt": "chevrolet", "maxda": "mazda", "toyouta": "toyota", "vokswagen": "volkswagen"}


@dataclass(frozen=True, eq=False)
class LabelSet:
    """A table whose wrong labels are known in the rows `known`; `truth` is None where only they are known."""

    frame: pd.DataFrame  # the last column is the label
    known: npt.NDArray[np.bool_]
    wrong: npt.NDArray[np.bool_]
    truth: npt.NDArray[np.object_] | None = None
    annotators: pd.DataFrame | None = None
    probabilities: pd.DataFrame | None = None


@dataclass(frozen=True, eq=False)
class CellSet:
    """A table of texts as it is, and as it should be."""

    dirty: pd.DataFrame
    clean: pd.DataFrame


def list_sets(folder: Path | None) -> dict[str, tuple[str, Callable[[], Any]]]:
    """Name every set: its kind ("labels", "crowd" or "cells") and how to make it."""
    sets: dict[str, tuple[str, Callable[[], Any]]] = {}
    for name in NUMBERS:
        for kind in ("uniform", "pairs"):
            sets[f"{name}, {kind}"] = ("labels", lambda name=name, kind=kind: plant_labels(name, kind))
    sets["digits, five annotators"] = ("crowd", plant_annotators)
    sets["cars, planted"] = ("cells", plant_cells)
    for name in TABLES:
        sets[f"{name}, made"] = ("cells", lambda name=name: plant_table(name))
    if folder is None:
        return sets
    for path in sorted((folder / "labels").glob("*/data.parquet")):
        sets[path.parent.name] = ("labels", lambda path=path: read_labels(path.parent))
        if (path.parent / "annotators.parquet").exists():
            sets[f"{path.parent.name}, annotators"] = ("crowd", lambda path=path: read_labels(path.parent))
    for path in sorted((folder / "tables").glob("*/dirty.csv")):
        sets[path.parent.name] = ("cells", lambda path=path: read_cells(path.parent))
    return sets


def plant_labels(name: str, kind: str) -> LabelSet:
    """Plant wrong labels: any other class ("uniform"), or the next one ("pairs"), as people confuse neighbours."""
    data = NUMBERS[name](as_frame=True)
    truth, random = data.target.to_numpy(), np.random.default_rng(0)
    classes = int(truth.max()) + 1
    rows = random.choice(len(truth), round(SHARE * len(truth)), replace=False)
    given = truth.copy()
    given[rows] = (given[rows] + (1 if kind == "pairs" else random.integers(1, classes, len(rows)))) % classes
    whole = np.ones(len(truth), dtype=bool)
    return LabelSet(data.data.assign(label=given), whole, given != truth, truth.astype(object))


def plant_table(name: str) -> CellSet:
    """Make a table with errors of several kinds."""
    made = TABLES[name](np.random.default_rng(0))
    return CellSet(made.dirty, made.clean)


def plant_annotators() -> LabelSet:
    """Plant five annotators who answer some rows each, from careful to careless; the label is one answer of each row."""
    data, random = load_digits(as_frame=True), np.random.default_rng(0)
    truth = data.target.to_numpy()
    votes = pd.DataFrame(index=range(len(truth)))
    for i, careless in enumerate((0.05, 0.15, 0.3, 0.45, 0.6)):
        wrong = random.random(len(truth)) < careless
        answers = np.where(wrong, (truth + random.integers(1, 10, len(truth))) % 10, truth).astype(float)
        votes[f"annotator_{i}"] = np.where(random.random(len(truth)) < 0.6, answers, np.nan)
    votes["annotator_3"] = votes["annotator_3"].fillna(pd.Series(np.where(votes.notna().any(axis=1), np.nan, truth)))
    given = votes.apply(lambda row: row.dropna().iloc[-1], axis=1).to_numpy().astype(int)
    whole = np.ones(len(truth), dtype=bool)
    return LabelSet(data.data.assign(label=given), whole, given != truth, truth.astype(object), votes)


def plant_cells() -> CellSet:
    """Plant slips of many kinds in the cars table, which has real misspelt makers of its own."""
    text = (importlib.resources.files("vega_datasets") / "_data" / "cars.json").read_text()
    frame = pd.DataFrame(json.loads(text))
    frame["Maker"] = frame["Name"].str.split().str[0]
    dirty = frame.astype(object).where(frame.notna(), "").astype(str)
    clean = dirty.assign(Maker=dirty["Maker"].replace(SPELLINGS))
    for wrong, right in SPELLINGS.items():
        clean["Name"] = clean["Name"].str.replace(rf"^{wrong}\b", right, regex=True)
    random = np.random.default_rng(0)

    def spoil(column: str, share: float, how: Callable[[str], str]) -> None:
        for row in random.choice(len(dirty), round(share * len(dirty)), replace=False):
            dirty.loc[row, column] = how(str(dirty.loc[row, column]))

    spoil("Origin", 0.03, lambda v: v[:-2] + v[-1] + v[-2])
    spoil("Origin", 0.02, lambda v: "Europe" if v != "Europe" else "USA")  # Another right value: only the maker tells.
    spoil("Maker", 0.02, lambda v: f"{v} ")
    spoil("Cylinders", 0.02, lambda _: "?")
    spoil("Weight_in_lbs", 0.02, lambda v: f"{v} lbs")
    spoil("Horsepower", 0.02, lambda v: f"{v}00" if v else "n/a")
    spoil("Year", 0.02, lambda v: v[:4])
    return CellSet(dirty, clean)


def read_labels(folder: Path) -> LabelSet:
    """Read a real set: `noisy_label` with `true_label`, or with `is_error` and `reviewed`."""
    data = pd.read_parquet(folder / "data.parquet").reset_index(drop=True)
    features = data[[c for c in data.columns if not str(c).lower().startswith(NO_FEATURES)]]
    frame = features.assign(label=data["noisy_label"].to_numpy())
    truth = None
    if "is_error" in data:
        known = data["reviewed"].astype(bool) if "reviewed" in data else data["is_error"].notna()
        wrong = data["is_error"].fillna(False).astype(bool)
    else:
        known, truth = data["true_label"].notna(), data["true_label"].to_numpy(dtype=object)
        wrong = (data["true_label"].astype(str) != data["noisy_label"].astype(str)) & known
    votes = folder / "annotators.parquet"
    stored, probabilities = folder / "pred_probs.npz", None
    if stored.exists():
        arrays = np.load(stored, allow_pickle=False)
        values = arrays[next((n for n in arrays.files if "swin" in n.lower()), arrays.files[0])].astype("float64")
        classes = sorted(data["noisy_label"].unique())
        names = classes if len(classes) == values.shape[1] else list(range(values.shape[1]))
        probabilities = pd.DataFrame(values / values.sum(axis=1, keepdims=True), columns=names)
        frame = frame[["label"]]
    annotators = pd.read_parquet(votes).reset_index(drop=True) if votes.exists() else None
    return LabelSet(frame, known.to_numpy(), wrong.to_numpy(), truth, annotators, probabilities)


def read_cells(folder: Path) -> CellSet:
    """Read a real table and its corrected twin, every cell as text."""
    dirty, clean = (
        pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False) for name in ("dirty", "clean")
    )
    return CellSet(dirty, clean.set_axis(dirty.columns, axis=1))
