"""`save_model`: keep a model that a notebook trained, with a card that says on what, how good, and what for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dcai.base.errors import InputError, shorten
from dcai.experiments.comparison import read_log
from dcai.experiments.results.cards import check_model_path, describe_origin, describe_training, write_model
from dcai.experiments.results.groupings import MEANING, score_all, score_groups
from dcai.experiments.samples.materials import CORRECTED, RAW, Materials, prepare_materials
from dcai.experiments.scores.measures import Bench
from dcai.experiments.scores.models import Remembered, check_models, check_scoring
from dcai.findings.wording import count

if TYPE_CHECKING:
    from dcai.corrections.log import CorrectionLog


def save_model(  # noqa: PLR0913 (every fact of the card can be named)
    model: Any,
    path: str | Path,
    train: Any,
    test: Any,
    label: str | None = None,
    log: CorrectionLog | str | Path | None = None,
    *,
    key: str | Sequence[str] | None = None,
    groups: str | None = None,
    by: str | Sequence[str] = (),
    scoring: Any = None,
    intended_use: str = "",
    details: Mapping[str, Any] | None = None,
    random_state: int = 0,
) -> Path:
    """Save a model that you trained, and beside it its card: data, corrections, scores with intervals, groups, use.

    The model is scored as it is, on test rows that it must not have seen; it is not trained again.

    Parameters
    ----------
    model : fitted scikit-learn estimator
        It predicts from the feature columns of the frames, or from those that it was fitted on by name.
    path : str or Path
        A name that ends in ``.joblib``, for example ``dcai.artifact("model.joblib")``; the card is ``<name>.card.json``.
    train, test : pandas.DataFrame or other table, or path, shape (n, m)
        The rows as given that the model was trained on, and held-out rows with the same columns.
    label : str, optional
        The label column; None takes the log's.
    log : CorrectionLog or path, optional
        The corrections that were applied to `train` before the model was fitted.
    key : str or sequence of str, optional
        Columns that identify a row; they are no features.
    groups : str, optional
        A column that says which rows belong together: intervals count groups. No feature.
    by : str or sequence of str, default none
        Columns of the test rows: the card says how good the model is for each of their values or ranges.
    scoring : str, callable or list, optional
        Scikit-learn scorers, as for `compare`.
    intended_use : str
        What the model is for, and what not: a person's words.
    details : dict, optional
        More for the card: slices, owners, limits.
    random_state : int, default 0
        Decides the resamples of the test rows.

    Returns
    -------
    Path
        Of the model. Reading it back with `joblib.load` runs code of the file: trust it first.

    Raises
    ------
    InputError
        Where a frame, a column, the model or a detail cannot be used; then nothing is written.

    See Also
    --------
    compare : trains models itself, and saves them by `Comparison.save_model`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> frame = load_iris(as_frame=True).frame
    >>> train, test = frame.iloc[::2], frame.iloc[1::2]
    >>> model = GaussianNB().fit(train.drop(columns="target"), train["target"])
    >>> with TemporaryDirectory() as folder:
    ...     saved = save_model(model, Path(folder) / "iris.joblib", train, test, "target")
    ...     sorted(file.name for file in Path(folder).iterdir())
    ['iris.card.json', 'iris.joblib']
    """
    check_model_path(path)
    known = read_log(log, "log", "save_model")
    if test is None:
        raise InputError.wrong_value("test", "save_model", "held-out rows that the model has not seen", test)
    materials = prepare_materials(train, test, label, known, None, key=key, random_state=random_state, groups=groups)
    notes = _warn_of_overlap(materials)
    name = next(iter(check_models(model, materials)))
    bench = Bench(
        materials, {name: model}, 1, check_scoring(scoring, materials, notes), 2, random_state, None
    )  # fmt: skip
    answers = _ask(bench, name, model)
    card = {
        "estimator": name,
        "origin": describe_origin(materials),
        "trained_on": describe_training(materials, RAW if known is None else CORRECTED),
        "metrics": score_all(bench, answers),
        "slices": score_groups(bench, answers, by),
        "intervals": MEANING,
        "intended_use": intended_use or "not stated",
        "notes": notes + [f"{text}, {times} times" for (_, text), times in bench.warned.items()],
        "details": dict(details or {}),
    }
    return write_model(model, path, card)


def _warn_of_overlap(materials: Materials) -> list[str]:
    """Say that the model has seen test rows: it is trained already, so these cannot be left out any more."""
    seen = materials.given - len(materials.training[RAW].labels)
    shared = count(seen, "training row", ("has", "have"))
    text = f"WARNING: {shared} the key, the group or the features of a test row. What the model has seen of the test makes its scores too good."
    return [text] if seen else []


def _ask(bench: Bench, name: str, model: Any) -> Remembered:
    """Let the model predict the test rows from the columns that it was fitted on."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise InputError.wrong_value(
            "model", "save_model", "a fitted estimator", model, "Call its fit first."
        ) from error
    test = bench.materials.tests[0]
    columns = list(getattr(model, "feature_names_in_", test.frame.columns))
    lacking = [str(c) for c in columns if c not in test.frame.columns]
    if lacking:
        raise InputError(
            f"The model was fitted on columns that are no features of these rows: {shorten(', '.join(map(repr, lacking)))}. Expected "
            "the columns besides label, key and groups: pass the frames that it was trained on."
        )
    classes = getattr(model, "classes_", None)
    if isinstance(classes, np.ndarray) and not np.isin(test.labels, classes).any():
        raise InputError(
            f"No test row has a class that the model knows. Expected classes such as {shorten(repr(classes.tolist()), 60)}: pass labels "
            "as they were when the model was fitted."
        )
    return bench.ask(name, model, test.frame[columns])
