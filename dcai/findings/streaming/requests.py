"""What was asked of an audit, when its data stands in files: to load them, to read them in batches, or to refuse."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcai.base.errors import InputError
from dcai.findings.streaming.sources import WORKING, Source, is_stored, open_source, read_memory, write_size

if TYPE_CHECKING:
    from dcai.findings.evidence import Settings
    from dcai.findings.progress import Progress
    from dcai.findings.report import Audit
    from dcai.findings.shape import Detector

TEXTS = (".csv", ".tsv", ".txt")


def find_stored(frame: object, memory: object) -> tuple[Source | None, int]:
    """Open the Parquet files that a frame is named by, None where it is another; also return the bytes allowed.

    Raises
    ------
    InputError
        Where `memory` is no size, or a text file does not fit.
    """
    allowed = read_memory(memory)
    if is_stored(frame):
        return open_source(frame), allowed  # type: ignore[arg-type]  # a path: is_stored says so
    if isinstance(frame, (str, os.PathLike)):
        _check_text(Path(frame), memory, allowed)
    return None, allowed


def _check_text(path: Path, memory: object, allowed: int) -> None:
    """Refuse a text file that does not fit: only Parquet says what its rows are without being read."""
    if path.suffix.lower() not in TEXTS or not path.is_file():
        return
    if memory is None:
        import psutil

        allowed = psutil.virtual_memory().available
    need = WORKING * path.stat().st_size
    if need > allowed:
        raise InputError(
            f"{path.name!r} is too large to be loaded: an audit would take about {write_size(need)}, and {write_size(allowed)} "
            "are allowed. Only Parquet can be read in batches: convert it, for example by "
            "pyarrow.dataset.write_dataset(pyarrow.dataset.dataset('data.csv', format='csv'), 'data', format='parquet')."
        )


def audit_source(  # noqa: PLR0917 (what `audit` was asked, passed on)
    source: Source,
    label: str | None,
    key: str | Sequence[str] | None,
    settings: Settings,
    detectors: str | Sequence[str | Detector] | None,
    refused: Mapping[str, object],
    memory: int,
    tell: Progress,
) -> Audit:
    """Audit files in batches; parameters that need all rows in memory are refused."""
    from dcai.findings.detectors import load_detectors
    from dcai.findings.streaming.audits import audit_stored, refuse_parameter

    for name, value in refused.items():
        if value is not None and value != []:
            refuse_parameter(source, name)
    keys = (key,) if isinstance(key, str) else tuple(dict.fromkeys(str(k) for k in key or ()))
    chosen = load_detectors(detectors)
    named = None if label is None else str(label)
    names: Any = (settings.features,) if isinstance(settings.features, str) else settings.features
    settings = replace(settings, features=names)
    return audit_stored(source, named, key=keys, settings=settings, detectors=chosen, memory=memory, tell=tell)
