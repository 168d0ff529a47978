"""Known errors for teaching and testing: labels made wrong on purpose, the truth kept apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical, canonicals
from dcai.base.table import Table, make_table

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Kind = Literal["uniform", "pairwise", "class-dependent", "near-boundary"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_LEAST = 1e-6  # of a probability, so that every row can be drawn when all are asked for
MOST_CLASSES = 2000  # a table of who is taken for whom has so many rows and columns


def plant(
    frame: Any, label: str, *, rate: float, kind: Kind = "uniform", random_state: int = 0
) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Make a known share of the labels wrong, and keep the truth apart.

    Parameters
    ----------
    frame : DataFrame, or path to a CSV or Parquet file
        It is never changed.
    label : str
        The column of classes; rows without a label stay as they are.
    rate : float
        The share of the labelled rows that become wrong, 0..1; exactly that many do, rounded.
    kind : str, default "uniform"
        "uniform": any row, any other class. "pairwise": any row, always the class that follows its own in sorted
        order. "class-dependent": some classes are taken for certain others more often, by a random confusion table.
        "near-boundary": rows that a model is unsure about, the more unsure the likelier, get the class that it would
        sooner believe.
    random_state : int
        The same number plants the same errors.

    Returns
    -------
    tuple of pandas.DataFrame and pandas.Series
        The frame with wrong labels, and the true labels with the same index.

    Raises
    ------
    InputError
        Where the parameters cannot be used, or the label has fewer than two classes, more than 2,000, or measured numbers.

    References
    ----------
    Kinds of label noise: B. Frenay, M. Verleysen (2014), Classification in the presence of label noise: a survey.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": range(100), "y": ["a", "b"] * 50})
    >>> noisy, truth = plant(frame, "y", rate=0.1)
    >>> int((noisy["y"] != truth).sum())
    10
    """
    table = make_table(frame, label, caller="plant")
    if isinstance(rate, bool) or not isinstance(rate, (int, float, np.number)) or not 0 <= rate <= 1:
        raise InputError.wrong_value("rate", "plant", "a share from 0 to 1", rate)
    if kind not in KINDS:
        raise InputError.wrong_value("kind", "plant", f"one of {', '.join(map(repr, KINDS))}", kind)
    column = table.frame[label]
    texts = pd.Series(canonicals(column))
    classes = pd.Categorical(texts)
    codes = np.asarray(classes.codes, dtype=np.intp)
    _check_classes(table, len(classes.categories))
    random = np.random.default_rng(random_state)
    chance, own = _spread_chances(table, classes, kind, random, random_state)
    weight = np.where(codes >= 0, chance.sum(axis=1)[own], 0.0)
    rows = _choose_rows(weight, round(float(rate) * int((codes >= 0).sum())), random)
    names = _name_classes(column, codes)
    noisy = column.copy()
    noisy.iloc[rows] = [names[_draw(chance[own[i]], random)] for i in rows]
    return table.frame.assign(**{label: noisy}), column.copy()


def _check_classes(table: Table, size: int) -> None:
    """Refuse a label of which no class can be taken for another."""
    from dcai.findings.labels.tasks import read_task

    if size < 2:  # noqa: PLR2004 (a label is wrong by being another)
        raise InputError(
            f"The label {table.label!r} has fewer than two classes: no label can be made wrong. Name another."
        )
    if read_task(table, None).task == "regression":
        raise InputError(
            f"The label {table.label!r} holds measured numbers, and noise is planted in classes. Cut the numbers into classes first "
            "(pandas.cut), or turn them into text where each is a class."
        )
    if size > MOST_CLASSES:
        raise InputError(
            f"The label {table.label!r} has {size:,} classes. Expected at most {MOST_CLASSES:,}: name the column that is learnt."
        )


def _name_classes(column: pd.Series[Any], codes: Codes) -> list[Any]:
    """Return one cell of each class, by its code."""
    return [column.iloc[int(np.flatnonzero(codes == code)[0])] for code in range(codes.max() + 1)]


def _spread_chances(
    table: Table, classes: pd.Categorical, kind: Kind, random: np.random.Generator, random_state: int
) -> tuple[Floats, Codes]:
    """Return how readily each class is taken, and the place of each row in that table; its own class has 0.

    The table has a row for each class, or, near a boundary, for each row.
    """
    codes, size = classes.codes, len(classes.categories)
    makers: dict[Kind, Callable[[], Floats]] = {
        "uniform": lambda: np.ones((size, size)),
        "pairwise": lambda: np.roll(np.eye(size), 1, axis=1),
        "class-dependent": lambda: random.dirichlet(np.full(size, 0.5), size) * random.random((size, 1)),
    }
    if kind not in makers:
        said = _ask_model(table, list(classes.categories), random_state)
        return _ask_boundary(said, np.asarray(codes, dtype=np.intp)), np.arange(len(codes))
    chance = makers[kind]()
    np.fill_diagonal(chance, 0.0)
    return chance, np.asarray(codes, dtype=np.intp)


def _ask_boundary(probabilities: Floats, codes: Codes) -> Floats:
    """Let a row take the likeliest other class only, the more readily the nearer the odds are to even, on either side."""
    rows = np.arange(len(codes))
    own = probabilities[rows, codes]
    others = probabilities.copy()
    others[rows, codes] = -1.0
    best = others.argmax(axis=1)
    rival = others[rows, best]
    chance = np.zeros_like(probabilities)
    chance[rows, best] = (np.minimum(own, rival) + _LEAST) / (np.maximum(own, rival) + _LEAST)
    return chance


def _ask_model(table: Table, classes: list[str], random_state: int) -> Floats:
    """Return the out-of-sample probabilities of the classes, in the order of their canonical texts."""
    from dcai.findings.report import audit

    found = audit(
        table.frame,
        table.label,
        task="classification",
        detectors=["labels"],
        random_state=random_state,
        progress=False,
    )
    if found.probabilities is None:
        raise InputError(
            f"No model can say which rows lie near a boundary: {found.checks['reason'].iloc[0]}. Choose another kind of noise."
        )
    named = found.probabilities.set_axis([canonical(name) for name in found.probabilities.columns], axis=1)
    return np.array(named.reindex(columns=classes, fill_value=0.0), dtype=np.float64)


def _choose_rows(weight: Floats, number: int, random: np.random.Generator) -> Codes:
    possible = np.flatnonzero(weight > 0)
    share = weight[possible] / weight[possible].sum()
    return np.asarray(random.choice(possible, min(number, len(possible)), replace=False, p=share), dtype=np.intp)


def _draw(chance: Floats, random: np.random.Generator) -> int:
    return int(random.choice(len(chance), p=chance / chance.sum()))
