"""Labels of several frames, read as labels of one type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import canonical, canonicals, plain
from dcai.base.records import Scalar
from dcai.findings.evidence import Task


def make_strata(column: pd.Series[Any], task: Task) -> npt.NDArray[Any]:
    """Return the class of each row as text; for numbers, the tenth that they fall in; "" without a label."""
    if task == "regression":
        tenths = pd.qcut(pd.to_numeric(column, errors="coerce"), 10, labels=False, duplicates="drop")
        return np.array(["" if pd.isna(tenth) else str(int(tenth)) for tenth in tenths], dtype=object)
    return np.array(["" if text is None else text for text in canonicals(column)], dtype=object)


class LabelReader:
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
