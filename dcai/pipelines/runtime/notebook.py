"""What a notebook itself may call while it runs: record a metric, name an artifact, stop on purpose."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, NoReturn

from dcai.base.errors import InputError, shorten
from dcai.base.testimony import RUN_FOLDER
from dcai.pipelines.names import require_inside
from dcai.pipelines.notebooks.schemas import is_json

METRICS = "application/vnd.dcai.metrics+json"


def record(**metrics: Any) -> None:
    """Record metrics of this run, as an output of the cell that any front end and plain papermill keep.

    Parameters
    ----------
    **metrics
        Numbers, texts, booleans, None, or lists and mappings of them; numpy scalars too. A later value of the
        same name replaces the earlier one.

    Raises
    ------
    InputError
        A value is NaN, infinite or no plain data.

    Examples
    --------
    >>> record(accuracy=float("nan"))
    Traceback (most recent call last):
        ...
    dcai.base.errors.InputError: The metric 'accuracy' is nan, which has no form in JSON. Record None, or leave it out.
    """
    from IPython.display import display

    plain = {name: _plain_metric(name, value) for name, value in metrics.items()}
    if not plain:
        raise InputError("record() needs at least one metric. For example record(accuracy=0.91).")
    text = ", ".join(f"{name}={shorten(repr(value), 60)}" for name, value in plain.items())
    display({METRICS: plain, "text/plain": text}, raw=True)


def _plain_metric(name: str, value: Any) -> Any:
    if not isinstance(value, str) and hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()  # a numpy scalar
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"The metric {name!r} is {value}, which has no form in JSON. Record None, or leave it out.")
    if isinstance(value, tuple):
        value = list(value)
    if not is_json(value):
        kind = type(value).__name__
        raise InputError(
            f"The metric {name!r} must be a number, text, or a list or mapping of them. "
            f"Got {kind} {shorten(repr(value))} instead. Record a summary of it, or save it with artifact({name!r})."
        )
    return value


def artifact(name: str) -> Path:
    """Return the path at which to save a file of this run; its folder is made.

    Parameters
    ----------
    name : str
        A relative path such as "model.pkl" or "plots/roc.png".

    Returns
    -------
    Path
        Inside the run's own folder; outside a run inside `artifacts/` of the current folder.

    Raises
    ------
    InputError
        The name would leave that folder.

    Examples
    --------
    >>> artifact("model.pkl").parent.name
    'artifacts'
    """
    relative = require_inside(name, "The artifact's name")
    folder = Path(os.environ.get(RUN_FOLDER) or Path.cwd()) / "artifacts"
    path = folder / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{shorten(repr(str(name)))} leads out of the run's folder through a link. Choose another name."
        )
    return path


def stop(reason: str = "") -> NoReturn:
    """End this run here, on purpose and without an error; the cells that follow do not run.

    Parameters
    ----------
    reason : str
        Shown as an output of the cell.

    Examples
    --------
    >>> stop("nothing new since yesterday")
    Traceback (most recent call last):
        ...
    SystemExit: 0
    """
    if reason:
        from IPython.display import display

        display({"text/plain": f"stopped: {reason}"}, raw=True)
    raise SystemExit(0)
