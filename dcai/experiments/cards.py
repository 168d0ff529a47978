"""A trained model as a file, and its card: on which data, with which corrections, how good, and what for."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from dcai.base.errors import InputError, MissingError
from dcai.base.fingerprints import hash_rows
from dcai.base.store import write_atomic
from dcai.corrections.log import CorrectionLog
from dcai.experiments.materials import CORRECTED, OTHER, Materials

ENDING = ".joblib"


def describe_origin(materials: Materials) -> dict[str, Any]:
    """Say what a comparison was made of: hashes of the data and of the corrections, sizes, label, features.

    The hash of the data does not depend on the order of rows or columns, nor on the file format.
    """
    frame = materials.table.frame
    # The rows stand in the order of their content.
    digest = hashlib.sha256(np.ascontiguousarray(hash_rows(frame)).tobytes()).hexdigest()
    return {
        "label": materials.table.label,
        "task": materials.task,
        "features": list(materials.table.features),
        "training_rows": len(frame),
        "test_rows": materials.test_rows,
        "training_sha256": digest,
        "corrections": {
            name: hash_log(log)
            for name, key in (("log", CORRECTED), ("other_log", OTHER), ("test_log", "test"))
            if (log := materials.logs[key]) is not None
        },
    }


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


def save_model(model: Any, path: str | Path, card: Mapping[str, Any]) -> Path:
    """Write a fitted model, and beside it its card `<name>.card.json` that names the file's SHA-256.

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
        "environment": {"python": platform.python_version(), "scikit-learn": sklearn.__version__},
        **card,
    }
    # The card last: a card without a model would promise what is not there.
    write_atomic(target, data)
    write_atomic(
        target.with_name(f"{target.stem}.card.json"),
        json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=2) + "\n",
    )
    return target
