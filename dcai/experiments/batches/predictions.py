"""Past predictions: where they stand, in columns of the rows or in tables of their own, joined by key where both have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical, canonicals
from dcai.base.table import read_frame
from dcai.findings.wording import count

FIELDS = ("label", "score", "threshold", "positive")
SIDES = ("reference", "current")
KEY = "key"  # what runs call the column of the key in the predictions that they save
LABEL, SCORE = "(predicted label)", "(predicted score)"
THRESHOLD = 0.5
_EXPECTED = "a column, a mapping with label, score, threshold, positive, or a pair of tables"


@dataclass(frozen=True)
class Predictions:
    """Where predictions stand: the column of the predicted label, of its score, and how a decision was made of it.

    `score` is the probability of the class `positive` where that is named, else the confidence in the predicted label.
    """

    label: str | None = None
    score: str | None = None
    threshold: float = THRESHOLD
    positive: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """The columns that hold them."""
        return frozenset(c for c in (self.label, self.score) if c is not None)


def read_predictions(
    given: Any, reference: pd.DataFrame, current: pd.DataFrame, key: tuple[str, ...] = ()
) -> tuple[Predictions | None, pd.DataFrame, pd.DataFrame]:
    """Return where predictions stand, and the frames with them.

    Raises
    ------
    InputError
        Where a column does not exist, a field is unknown, or predictions and rows do not belong together.
    """
    if given is None:
        return None, reference, current
    if isinstance(given, (tuple, list)) and len(given) == 2:  # noqa: PLR2004 (one of each)
        given = dict(zip(SIDES, given, strict=True))
    if isinstance(given, str):
        given = {"score" if _is_score(reference, given) else "label": given}
    if not isinstance(given, Mapping):
        raise InputError.wrong_value("predictions", "drift", _EXPECTED, given)
    fields: dict[str, Any] = {str(k): v for k, v in given.items()}
    apart = {side: fields.pop(side) for side in SIDES if side in fields}
    unknown = [name for name in fields if name not in FIELDS]
    if unknown:
        raise InputError.unknown_name("field of predictions", unknown[0], (*FIELDS, *SIDES))
    threshold, positive = fields.get("threshold", THRESHOLD), fields.get("positive")
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
        raise InputError.wrong_value("predictions['threshold']", "drift", "a number", threshold)
    decided = (float(threshold), None if positive is None else canonical(positive))
    if apart:
        return _join(apart, fields, (reference, current), key, decided)
    named = [fields[name] for name in ("label", "score") if name in fields]
    if not named:
        raise InputError.wrong_value("predictions", "drift", "a mapping with label or score at least", given)
    for frame in (reference, current):
        for column in named:
            if column not in frame.columns:
                raise InputError.unknown_name("column of predictions", column, frame.columns)
    return Predictions(fields.get("label"), fields.get("score"), *decided), reference, current


def _is_score(frame: pd.DataFrame, name: str) -> bool:
    if name not in frame.columns:
        raise InputError.unknown_name("column of predictions", name, frame.columns)
    column = frame[name]
    return bool(pd.api.types.is_float_dtype(column.dtype) and column.dropna().between(0, 1).all())


# ---------------------------------------------------------------- tables of their own


def _join(
    apart: Mapping[str, Any],
    fields: Mapping[str, Any],
    frames: tuple[pd.DataFrame, pd.DataFrame],
    key: tuple[str, ...],
    decided: tuple[float, str | None],
) -> tuple[Predictions, pd.DataFrame, pd.DataFrame]:
    """Put predictions in tables of their own, as runs save them, beside the rows: by key, or in the same order."""
    made, held, notes = [], [], []
    for side, frame in zip(SIDES, frames, strict=True):
        if side not in apart:
            raise InputError(f"predictions has a table for one batch only. Expected both: {', '.join(SIDES)}.")
        table = read_frame(apart[side])
        names = {fields.get("label", "label"): LABEL, fields.get("score", "score"): SCORE}
        found = {new: old for old, new in names.items() if old in table.columns}
        if not found or any(fields[name] not in table.columns for name in ("label", "score") if name in fields):
            wanted = next((fields[n] for n in ("label", "score") if n in fields), "label")
            raise InputError.unknown_name("column of predictions", wanted, table.columns, "Expected label or score.")
        places = _find_places(table, frame, key, side)
        cells = table.reset_index(drop=True).reindex(places)
        made.append(frame.assign(**{new: cells[old].to_numpy() for new, old in found.items()}))
        held.append(set(found))
        gaps = int((places < 0).sum())
        notes += [f"{count(gaps, f'{side} row', ('has', 'have'))} no prediction"] if gaps else []
    both = held[0] & held[1]
    if not both:
        raise InputError(
            "One table of predictions has labels only, the other scores only. Expected one of them in both."
        )
    label, score = (its if its in both else None for its in (LABEL, SCORE))
    return Predictions(label, score, *decided, tuple(notes)), made[0], made[1]


def _find_places(table: pd.DataFrame, frame: pd.DataFrame, key: tuple[str, ...], side: str) -> npt.NDArray[np.intp]:
    """Return for each row where its prediction stands, -1 where there is none."""
    names = key if key and set(key) <= set(table.columns) else (KEY,) if len(key) == 1 and KEY in table.columns else ()
    if not names:
        if len(table) != len(frame):
            raise InputError(
                f"There are {len(table):,} predictions for {len(frame):,} {side} rows. "
                "Expected one for each row, in the same order, or a key= that both have."
            )
        return np.arange(len(frame), dtype=np.intp)
    for name in key:
        if name not in frame.columns:
            raise InputError.unknown_name(f"key column of the {side} rows", name, frame.columns)
    mine, theirs = _write_keys(table, names), _write_keys(frame, key)
    if mine.has_duplicates:
        raise InputError(
            f"{count(int(mine.duplicated().sum()), 'prediction', ('repeats', 'repeat'))} a key of the {side} rows that another one has. "
            "Expected one prediction for each key: keep the last one."
        )
    places = mine.get_indexer(theirs)
    if (places < 0).all():
        raise InputError(
            f"No prediction has the {', '.join(map(repr, key))} of a {side} row. Expected predictions of these rows."
        )
    return np.asarray(places, dtype=np.intp)


def _write_keys(frame: pd.DataFrame, names: tuple[str, ...]) -> pd.Index[Any]:
    """Write keys as texts, the same for 1, 1.0 and "1"."""
    columns = [canonicals(frame[name]) for name in names]
    return pd.Index(list(zip(*columns, strict=True)), tupleize_cols=False, dtype=object)
