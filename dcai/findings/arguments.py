"""The parameters of `audit`: refused, with what to do instead, before any work starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.table import Table
from dcai.findings.detectors import Detector
from dcai.findings.evidence import TASKS, Settings
from dcai.findings.labels.grouping import check_groups
from dcai.findings.rules.rulebook import read_rules
from dcai.findings.tables.frames import read_test

# The detector that looks at a parameter which no other one looks at.
READERS = {"rules": "rules", "test": "leakage"}


def check_settings(table: Table, settings: Settings) -> Settings:
    """Refuse parameters that cannot be used with this table."""
    if settings.task is not None and settings.task not in TASKS:
        raise InputError.wrong_value("task", "audit", f"one of {', '.join(map(repr, TASKS))}, or None", settings.task)
    if isinstance(settings.folds, bool) or not isinstance(settings.folds, (int, np.integer)) or settings.folds < 2:  # noqa: PLR2004
        raise InputError.wrong_value("folds", "audit", "a whole number from 2", settings.folds)
    # The usual number is nobody's choice: what is wrong with so small a table is said by what fails in it.
    if table.label is not None and settings.folds > max(len(table), Settings.folds):
        expected = f"at most the number of rows, {len(table):,}"
        raise InputError.wrong_value("folds", "audit", expected, settings.folds)
    if (
        isinstance(settings.random_state, bool)
        or not isinstance(settings.random_state, (int, np.integer))
        or settings.random_state < 0
    ):
        raise InputError.wrong_value("random_state", "audit", "a whole number from 0", settings.random_state)
    for name, value in (
        ("task", settings.task),
        ("model", settings.model),
        ("probabilities", settings.probabilities),
        ("annotators", table.hidden or None),
        ("groups", table.groups),
    ):
        if value is not None and table.label is None:
            raise InputError(f"The {name!r} parameter of audit speaks of a label, but none is named. Add label='...'.")
    if settings.model is not None and settings.probabilities is not None:
        raise InputError(
            "Give audit either a model or its probabilities, not both: with probabilities no model is trained."
        )
    if table.groups is not None and settings.probabilities is not None:
        raise InputError(
            "Give audit either groups or probabilities, not both: with probabilities nothing is dealt into folds."
        )
    check_groups(table, int(settings.folds))
    features = _check_features(table, settings.features)
    rules, test = read_rules(table, settings.rules), read_test(table, settings.test)
    return replace(settings, features=features, rules=rules, test=test)


def check_use(chosen: Mapping[str, Detector], **given: object) -> None:
    """Refuse what no chosen detector looks at: it would be passed over in silence."""
    for name, value in given.items():
        reader = READERS[name]
        if value is not None and reader not in chosen:
            raise InputError(
                f"The {name!r} parameter of audit is for the detector {reader!r}, which was not asked for. Add it to detectors."
            )


def _check_features(table: Table, features: Any) -> Any:
    if features is None:
        return None
    if isinstance(features, str) or (
        isinstance(features, (list, tuple, pd.Index)) and all(isinstance(f, str) for f in features)
    ):
        names = [features] if isinstance(features, str) else list(features)
        if not names:
            raise InputError.wrong_value("features", "audit", "at least one column, or None for all", features)
        for name in names:
            if name not in table.features:
                raise InputError.unknown_name(
                    "feature column", name, table.features, "Label and key columns are never features."
                )
        return tuple(names)
    try:
        values = np.asarray(features, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.ndim != 2 or len(values) != len(table) or not values.shape[1]:  # noqa: PLR2004 (rows and columns)
        expected = f"names of columns, or an array of numbers with {len(table)} rows"
        raise InputError.wrong_value(
            "features", "audit", expected, f"an array of shape {values.shape}" if values.size else features
        )
    if not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise InputError(
            f"The features of audit are missing or infinite, first in row {bad}. Fill or drop such rows before."
        )
    return values
