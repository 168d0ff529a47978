"""The one shape of all detectors, and of what they return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import plain

if TYPE_CHECKING:
    from dcai.findings.evidence import Evidence

COLUMNS = (
    "finding",
    "row",
    "key",
    "part",
    "column",
    "detector",
    "doubt",
    "given",
    "suggested",
    "confidence",
    "reason",
    "peers",
)
FOUND = ("row", "part", "column", "doubt", "given", "suggested", "confidence", "reason", "peers")
NOTE = "note"
# The detectors that judge the order of the rows: what they find is no part of what the data are, whatever its order.
ORDERED = ("non_iid",)


@dataclass(frozen=True)
class Detector:
    """A way to find what is wrong. It sees evidence and returns findings; it knows nothing else.

    Attributes
    ----------
    name : str
        Its name in `Audit.findings` and `Audit.checks`.
    find : callable
        Takes `Evidence`, returns what `make_findings` makes. Rows are positions in ``evidence.table``. It raises
        `Unmet` where it cannot do its work; the audit then states why it was skipped.
    needs : tuple of str
        The attributes of `Evidence` that it looks at: ``labels``, ``probabilities``, ``features``, ``neighbours``...
    score : callable, optional
        Takes `Evidence`, returns the doubt of every row, shape (n,).
    """

    name: str
    find: Callable[[Evidence], pd.DataFrame]
    needs: tuple[str, ...] = ()
    score: Callable[[Evidence], npt.NDArray[Any]] | None = None


def make_findings(
    rows: Sequence[int] | npt.NDArray[np.integer[Any]],
    doubt: Any,
    reason: Any,
    *,
    column: Any = None,
    given: Any = None,
    suggested: Any = None,
    confidence: Any = np.nan,
    peers: Sequence[Sequence[int]] | None = None,
    part: Any = None,
    note: str = "",
) -> pd.DataFrame:
    """Make the table that a detector returns; a single value stands for every row.

    Examples
    --------
    >>> make_findings([3], 0.9, "It is empty.", column="age")[["row", "column", "doubt"]].values.tolist()
    [[3, 'age', 0.9]]
    """
    size = len(rows)

    def spread(value: Any) -> Any:
        if isinstance(value, (list, np.ndarray, pd.Series)):
            return pd.Series(list(value), dtype=object)
        return pd.Series([value] * size, dtype=object)

    frame = pd.DataFrame(
        {
            "row": np.asarray(rows, dtype=np.int64),
            "part": spread(part),
            "column": spread(column),
            "doubt": np.clip(np.asarray(spread(doubt), dtype=np.float64), 0.0, 1.0),
            "given": spread(given).map(plain),
            "suggested": spread(suggested).map(plain),
            "confidence": np.asarray(spread(confidence), dtype=np.float64),
            "reason": spread(reason),
            "peers": pd.Series(
                [list(p) for p in peers] if peers is not None else [[] for _ in range(size)], dtype=object
            ),
        },
        columns=list(FOUND),
    )
    for name in ("part", "column", "given", "suggested", "reason"):
        frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    frame.attrs[NOTE] = note
    return frame


def join_findings(frames: Sequence[pd.DataFrame], note: str = "") -> pd.DataFrame:
    """Put several tables of findings below each other."""
    filled = [f for f in frames if len(f)]
    joined = pd.concat(filled, ignore_index=True) if filled else make_findings([], [], [])
    joined.attrs[NOTE] = note
    return joined
