"""Models for those who name none: a few that suit the columns at hand, for classes and for measured numbers."""

from __future__ import annotations

from typing import Any

from dcai.base.errors import InputError
from dcai.base.table import Table
from dcai.findings.evidence import Task


def make_models(table: Table, task: Task) -> dict[str, Any]:
    """Make two or three named pipelines for a table, each of which fits on its raw columns; the first is the fixed one.

    Examples
    --------
    >>> import pandas as pd
    >>> from dcai.base.table import make_table
    >>> table = make_table(pd.DataFrame({"x": [0.1, 0.2, 0.9, 0.8], "y": [1.5, 2.5, 9.5, 8.5]}), "y")
    >>> list(make_models(table, "regression"))
    ['ridge regression', 'trees', 'boosting']
    """
    from dcai.findings.labels.models import default_models

    return _make_regressors(table) if task == "regression" else default_models(table)


def pick_models(names: list[str], table: Table, task: Task) -> dict[str, Any]:
    """Return some of those models by their names, in the order asked for.

    Raises
    ------
    InputError
        Where there is none of such a name for these columns.
    """
    known = make_models(table, task)
    for name in names:
        if name not in known:
            raise InputError.unknown_name("model", name, known, "Other models are passed as scikit-learn estimators.")
    return {name: known[name] for name in names}


def _make_regressors(table: Table) -> dict[str, Any]:
    from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    from dcai.findings.features.vectors import Dense, Vectoriser
    from dcai.findings.labels.models import roles_of

    roles = roles_of(table)
    if not roles:
        raise InputError(
            "No column can serve as a feature: all are label, key, hidden, empty or of an unknown kind. "
            "Pass a table with at least one column of numbers, categories, dates, text or images."
        )
    trees = ExtraTreesRegressor(150, min_samples_leaf=2, random_state=0, n_jobs=1)
    boosting = HistGradientBoostingRegressor(max_iter=80, max_leaf_nodes=15, random_state=0, early_stopping=False)
    return {
        "ridge regression": make_pipeline(Vectoriser(roles), Ridge(1.0)),
        "trees": make_pipeline(Vectoriser(roles), Dense(), trees),
        "boosting": make_pipeline(Vectoriser(roles), Dense(), boosting),
    }
