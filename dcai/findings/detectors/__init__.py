"""The detectors: one file each, all of one shape, and the table of them.

Adding one is a file that ends in ``detector = Detector(...)`` and a line in `OURS`. Other packages add theirs by an
entry point of the group ``dcai.detectors`` that names such a value.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from importlib import metadata
from types import MappingProxyType
from typing import Any

import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, make_findings

__all__ = ["OURS", "Detector", "is_ours", "load_detectors", "make_findings"]

GROUP = "dcai.detectors"
OURS = (
    "labels",
    "conflicts",
    "label_names",
    "duplicates",
    "near_duplicates",
    "missing",
    "variants",
    "patterns",
    "dependencies",
    "ranges",
    "outliers",
    "rules",
    "class_imbalance",
    "underperforming_groups",
    "non_iid",
    "leakage",
    "personal_data",
    "images",
)


def load_detectors(asked: str | Sequence[str | Detector] | None = None) -> Mapping[str, Detector]:
    """Load the detectors that were asked for by name or given as values; None means all, also those of other packages.

    Examples
    --------
    >>> list(load_detectors(["labels", "variants"]))
    ['labels', 'variants']
    """
    foreign = {entry.name: entry for entry in metadata.entry_points(group=GROUP) if entry.name not in OURS}
    names = [*OURS, *sorted(foreign)]
    chosen = names if asked is None else [asked] if isinstance(asked, str) else list(asked)
    found: dict[str, Detector] = {}
    for one in chosen:
        if isinstance(one, Detector):
            found[one.name] = one
        elif one in OURS:
            found[one] = _load_ours(one)
        elif one in foreign:
            found[one] = _load_foreign(one, foreign[one])
        else:
            raise InputError.unknown_name("detector", one, names)
    if not found:
        raise InputError.wrong_value(
            "detectors", "audit", f"a list with at least one of {', '.join(names)}, or None for all", asked
        )
    return MappingProxyType(found)


def is_ours(detector: Detector) -> bool:
    """Say whether a detector is one of this package, and not a stranger under one of our names."""
    return detector.name in OURS and detector is _load_ours(detector.name)


def _load_ours(name: str) -> Detector:
    detector: Detector = importlib.import_module(f"dcai.findings.detectors.{name}").detector
    return detector


def _load_foreign(name: str, entry: metadata.EntryPoint) -> Detector:
    """Stand in for another package's detector, which is imported when it runs: one that cannot be is a check that failed."""

    def load() -> Detector:
        value = entry.load()
        if not isinstance(value, Detector):
            raise InputError(
                f"The entry point {name!r} of the group {GROUP!r} names {value!r}. Expected a dcai.findings.detectors.Detector: "
                "correct or uninstall the package that brings it."
            )
        return value

    def find(evidence: Evidence) -> pd.DataFrame:
        found = load()
        for need in found.needs:
            getattr(evidence, need)
        return found.find(evidence)

    def score(evidence: Evidence) -> npt.NDArray[Any]:
        found = load()
        if found.score is None:
            raise Unmet("it scores no rows")
        return found.score(evidence)

    return Detector(name, find, score=score)
