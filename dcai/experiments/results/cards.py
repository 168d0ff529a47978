"""A trained model as a file, and its card: on which data, with which corrections, how good, and what for."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Mapping
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dcai import __version__
from dcai.base.errors import InputError, MissingError
from dcai.base.fingerprints import hash_rows
from dcai.base.store import write_atomic
from dcai.corrections.log import CorrectionLog
from dcai.experiments.samples.materials import CORRECTED, OTHER, Data, Materials, Sample

ENDING = ".joblib"


def describe_origin(materials: Materials) -> dict[str, Any]:
    """Say what a comparison was made of: hashes of the data and of the corrections, sizes, label, features.

    `training_sha256` is of the training rows as given with all their columns; `test_sha256` and those in `versions` are
    of features and label of the rows that were scored, and that each version of the data trained on. See `hash_content`.
    """
    frame = materials.table.frame
    return {
        "label": materials.table.label,
        "task": materials.task,
        "features": list(materials.table.features),
        "training_rows": len(frame),
        "test_rows": materials.scored,
        "test_labels_contradicted": materials.contradicted,
        "training_sha256": hash_content(frame),
        "test_sha256": hash_content(_join(materials.tests[0], materials)),
        "versions": {
            name: {part: its for part, its in describe_training(materials, name).items() if part != "data"}
            for name in materials.training
        },
        "corrections": {
            name: hash_log(log)
            for name, key in (("log", CORRECTED), ("other_log", OTHER), ("test_log", "test"))
            if (log := materials.logs[key]) is not None
        },
    }


def _join(sample: Sample, materials: Materials) -> pd.DataFrame:
    return sample.frame.assign(**{str(materials.table.label): sample.labels})


def hash_content(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of what the rows hold, whatever their order, that of the columns, and the file format.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    >>> hash_content(frame) == hash_content(frame.iloc[::-1][["y", "x"]])
    True
    """
    lanes = hash_rows(frame)
    ordered = lanes[np.lexsort((lanes[:, 1], lanes[:, 0]))]
    return hashlib.sha256(np.ascontiguousarray(ordered).tobytes()).hexdigest()


def hash_log(log: CorrectionLog) -> dict[str, Any]:
    """Name a log by its file, the number of its standing decisions, and a hash of their ids in order."""
    ids = sorted(line.id for line in log.standing)
    return {
        "file": log.path.name,
        "decisions": len(ids),
        "sha256": hashlib.sha256("\n".join(ids).encode("utf-8")).hexdigest(),
    }


def check_model_path(path: str | Path) -> Path:
    """Return where a model shall be saved, if it can be."""
    target = Path(path)
    if target.suffix.lower() != ENDING:
        raise InputError(f"A model cannot be saved as {target.name!r}. Expected a name that ends in {ENDING}.")
    if not target.parent.is_dir():
        raise MissingError(f"There is no folder {str(target.parent)!r} to save {target.name!r} in. Make it first.")
    return target


def describe_training(materials: Materials, data: Data) -> dict[str, Any]:
    """Say which rows a model was trained on: the version of the data, how many rows, and the hash of what they hold."""
    sample = materials.training[data]
    return {"data": data, "rows": len(sample.labels), "sha256": hash_content(_join(sample, materials))}


def make_plain(value: Any, place: str = "details") -> Any:
    """Return a value as JSON can hold it: numbers of any kind, tables as lists of rows, what has no value as null.

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> make_plain({"rows": np.int64(3), "recall": float("nan")})
    {'rows': 3, 'recall': None}
    """
    if isinstance(value, pd.DataFrame):
        return make_plain(value.to_dict(orient="records"), place)
    if isinstance(value, Mapping):
        return {str(name): make_plain(its, f"{place}[{str(name)!r}]") for name, its in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray, pd.Series)):
        return [make_plain(its, f"{place}[{i}]") for i, its in enumerate(list(value))]
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (date, Path)):
        return str(value)
    raise InputError.wrong_value(place, "save_model", "a plain value: text, number, list, dict, table or None", value)


def write_model(model: Any, path: str | Path, card: Mapping[str, Any]) -> Path:
    """Write a fitted model, and beside it its card `<name>.card.json` that names the file's SHA-256; both or none.

    The file is a pickle: reading one runs code, so read only what you made or trust, and hold it against its card first.
    """
    import joblib  # type: ignore[import-untyped]  # it has no types
    import sklearn

    target = check_model_path(path)
    stream = BytesIO()
    joblib.dump(model, stream, compress=3)
    data = stream.getvalue()
    whole = {
        "format": "dcai-model-card/1",
        "file": target.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "loading": "joblib.load runs code of the file: check its sha256 and load only what you trust",
        "environment": {
            "dcai": __version__, "python": platform.python_version(), "scikit-learn": sklearn.__version__,
        },
        **{name: make_plain(its, name) for name, its in card.items()},
    }  # fmt: skip
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    # The card last: a card without a model would promise what is not there.
    write_atomic(target, data)
    write_atomic(target.with_name(f"{target.stem}.card.json"), text)
    return target
