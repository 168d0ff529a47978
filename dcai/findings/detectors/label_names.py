"""Several spellings of one class name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.findings.evidence import Evidence
from dcai.findings.labels.classes import is_name_for_nothing
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.wording import count, name_some


def find(evidence: Evidence) -> pd.DataFrame:
    """Find the rows whose label is a variant of another class's name."""
    labels = evidence.labels
    found = []
    for variant in labels.variants:
        rows = _rows_of(labels.given, variant.spelling)
        reason = (
            f"{variant.spelling!r} ({count(variant.rows, 'row')}) differs from {variant.name!r} ({count(variant.rows_of_name, 'row')}) "
            f"by {variant.how} only."
        )
        found.append(
            make_findings(
                rows,
                variant.sure,
                reason,
                column=evidence.table.label,
                given=variant.spelling,
                suggested=variant.name,
                confidence=variant.sure * variant.rows_of_name / (variant.rows + variant.rows_of_name),
            )
        )
    note = f"{len(labels.names)} classes, {count(len(labels.variants), 'variant')} of their names"
    if labels.mixed:
        note += (
            f"; given both as text and as a number or boolean, and counted as one class each: {name_some(labels.mixed)}"
        )
    if words := [name for name in labels.names if is_name_for_nothing(name)]:
        note += f"; classes of their own, not empty cells, as they have many rows: {name_some(words)}"
    return join_findings(found, note=note)


def score(evidence: Evidence) -> npt.NDArray[np.float64]:
    """Return how sure it is that each label is a variant."""
    doubt = np.zeros(len(evidence.table))
    for variant in evidence.labels.variants:
        doubt[_rows_of(evidence.labels.given, variant.spelling)] = variant.sure
    return doubt


def _rows_of(given: npt.NDArray[np.object_], spelling: object) -> npt.NDArray[np.intp]:
    return np.flatnonzero([type(v) is type(spelling) and v == spelling for v in given])


detector = Detector("label_names", find, needs=("labels",), score=score)
