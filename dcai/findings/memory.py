"""Memory: what an audit of a frame will take, said before it starts, and what it lets go of once nothing needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcai.base.errors import InputError
from dcai.findings.streaming.sources import write_size

if TYPE_CHECKING:
    from dcai.base.table import Table
    from dcai.findings.evidence import Evidence
    from dcai.findings.progress import Progress

# Bytes for each cell at the height of an audit with every detector: copies in canonical order, hashes, codes, vectors
# (measured at 150,000 and 1,000,000 rows).
CELL_BYTES = {"number": 90, "boolean": 90, "date": 150, "category": 220, "text": 900}
OTHER_BYTES = 100
ALONE_BYTES = 6_000  # for each text where texts are all there is: pairs of words are counted too
CLASS_BYTES = 40  # for each row and class: probabilities of a few models, of their mixture, and of the truth
COUNTED_ROWS = 100_000  # classes are counted among so many rows
MOST_CLASSES = 1_000
SMALL = 256 << 20  # what takes less is neither said nor refused
# What is made of the features, by the detector that is the last of ours to look at it.
LAST = {
    "outliers": ("neighbours", "points", "compact"),
    "done": ("compact", "dense", "points", "features", "texts", "relations", "resemblance", "neighbours", "copies"),
}
DOUBT = 1.5  # an estimate may be so many times too high: only beyond is an audit refused


def estimate_memory(table: Table) -> int:
    """Estimate the bytes that an audit of a table takes beside the table itself and the libraries, some 170 MB in any process.

    Examples
    --------
    >>> import pandas as pd
    >>> from dcai.base.table import make_table
    >>> estimate_memory(make_table(pd.DataFrame({"x": range(1000), "y": [True, False] * 500}), "y")) // 1000
    215
    """
    kinds = [table.kinds[name] for name in table.features]
    alone = set(kinds) == {"text"}
    width = sum(ALONE_BYTES if alone else CELL_BYTES.get(kind, OTHER_BYTES) for kind in kinds)
    if table.label is not None:
        classes = table.frame[table.label].iloc[:COUNTED_ROWS].astype(str).nunique()
        width += min(classes, MOST_CLASSES) * CLASS_BYTES + CELL_BYTES["number"] // 2
    return width * len(table)


def check_memory(table: Table, tell: Progress) -> None:
    """Say what an audit will take, and refuse one that will plainly not fit.

    Raises
    ------
    InputError
        With what to do instead.
    """
    import psutil

    need = estimate_memory(table)
    if need < SMALL:
        return
    free = psutil.virtual_memory().available
    if need > DOUBT * free:
        raise InputError(
            f"An audit of {len(table):,} rows and {len(table.frame.columns):,} columns would take about {write_size(need)} of memory beside the "
            f"frame, and {write_size(free)} are free. Audit a sample (frame.sample(...)) or fewer columns, or write the frame "
            "to Parquet and give audit its path: with memory= it is read in batches."
        )
    verb = "may not fit" if need > free else "will be used"
    tell(f"about {write_size(need)} of memory {verb}", 0, 1)


def release_views(evidence: Evidence) -> None:
    """Let go of the features that only models of the label look at; who asks for them again gets them made anew."""
    made = vars(evidence).pop("compact", None)
    if made is None or not made.wordless:
        return
    if made.wordless == made.linear.shape[1]:
        vars(evidence)["dense"] = made.linear
    elif "points" not in vars(evidence):
        vars(evidence)["points"] = made.linear[:, : made.wordless].copy()


def release_after(detector: str, evidence: Evidence) -> None:
    """Let go of what no detector of ours looks at after this one, or, after "done", of all that was made of the features."""
    for name in LAST.get(detector, ()):
        vars(evidence).pop(name, None)
