"""Groups of rows in which the model is right clearly less often than elsewhere."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, make_findings
from dcai.findings.tables.slicing import Slice, list_slices
from dcai.findings.wording import count

Floats = npt.NDArray[np.float64]

FEWEST_ROWS = 30  # in a group, and elsewhere
LEVEL = 0.01  # the chance that any group of a table without such groups is reported
LEAST_GAP = 0.05  # of accuracy, at the near ends of both intervals
MOST_FOUND = 5
OVERLAP = 0.5  # of two groups that share more of their rows than this, the worse is reported
MOST_PEERS = 1_000
Z = 1.96


class Judged(NamedTuple):
    """A group with its figures."""

    its: Slice
    rows: int
    right: float
    low: float
    high: float
    elsewhere: float
    sure: float


def find(evidence: Evidence) -> pd.DataFrame:
    """Find groups that the model judges worse, by an exact test with a correction for the number of groups."""
    labels, chance = evidence.labels, evidence.probabilities
    known = labels.codes >= 0
    right = (chance.argmax(axis=1) == labels.codes) & known
    if known.sum() < 2 * FEWEST_ROWS:
        raise Unmet(f"fewer than {2 * FEWEST_ROWS} rows have a label")
    slices, notes = list_slices(evidence, FEWEST_ROWS)
    if not slices:
        raise Unmet("; ".join(["no column gives groups of enough rows", *notes]))
    # Equal rows, and rows of one group of the user's, are right or wrong together: they count as one.
    weight = _weigh(evidence.twins, known, right)
    sure = chance.max(axis=1)
    found = [j for s in slices if (j := _judge(s, known, right, weight, sure, len(slices))) is not None]
    chosen: list[Judged] = []
    for one in sorted(found, key=lambda j: (j.high - j.elsewhere, j.its.said)):
        if all(_overlap(one.its.inside, other.its.inside) < OVERLAP for other in chosen):
            chosen.append(one)
    more = len(chosen) - MOST_FOUND
    note = "; ".join(
        [f"{count(len(slices), 'group')} of at least {FEWEST_ROWS} rows, {evidence.model_note}", *notes]
        + ([f"{count(more, 'further group')} not listed"] if more > 0 else [])
    )
    return _report(chosen[:MOST_FOUND], note)


def _weigh(twins: npt.NDArray[np.intp], known: npt.NDArray[np.bool_], right: npt.NDArray[np.bool_]) -> float:
    """Return how many independent rows one row is worth: 1 where rows that belong together do not agree more than others."""
    table = pd.DataFrame({"twin": twins[known], "right": right[known].astype(np.float64)})
    groups = table.groupby("twin")["right"].agg(["size", "mean"])
    if (groups["size"] == 1).all():
        return 1.0
    share = float(table["right"].mean())
    size = groups["size"].to_numpy(dtype=np.float64)
    spread = float((size**2 * (groups["mean"].to_numpy() - share) ** 2).sum())
    # The variance of the mean with rows in clusters, against that with as many single rows.
    alone = len(table) * share * (1 - share)
    return float(min(1.0, alone / max(spread, 1e-9)))


def _judge(
    its: Slice, known: npt.NDArray[np.bool_], right: npt.NDArray[np.bool_], weight: float, sure: Floats, looked: int
) -> Judged | None:
    from scipy.stats import hypergeom

    inside = its.inside & known
    n = int(np.count_nonzero(inside))
    m = int(np.count_nonzero(known)) - n
    if min(n, m) < FEWEST_ROWS:
        return None
    right_inside = int(np.count_nonzero(inside & right))  # who is right has a label
    a, b = right_inside / n, (int(np.count_nonzero(right)) - right_inside) / m
    if a >= b:
        return None
    worth, others = max(round(n * weight), 1), max(round(m * weight), 1)
    hits, rest = round(a * worth), round(b * others)
    chance = float(hypergeom.cdf(hits, worth + others, hits + rest, worth))
    low, high = interval(a, worth)
    if chance * looked > LEVEL or high > interval(b, others)[0] - LEAST_GAP:
        return None
    return Judged(its, n, a, low, high, b, float(sure[inside].mean()))


def interval(share: float, rows: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share.

    Examples
    --------
    >>> [round(end, 3) for end in interval(0.5, 100)]
    [0.404, 0.596]
    """
    middle = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * np.sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2))
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def _overlap(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max(min(a.sum(), b.sum()), 1))


def _report(chosen: list[Judged], note: str) -> pd.DataFrame:
    reasons = [
        f"Where {j.its.said} ({count(j.rows, 'row')}), the model is right in {show_share(j.right)} (95 % interval {show_share(j.low)} to "
        f"{show_share(j.high)}), elsewhere in {show_share(j.elsewhere)}. {_conclude(j)}"
        for j in chosen
    ]
    peers: list[Any] = [np.flatnonzero(j.its.inside)[:MOST_PEERS].tolist() for j in chosen]
    doubt = [min(0.9, 0.3 + (j.elsewhere - j.right)) if _is_surprised(j) else 0.3 for j in chosen]
    return make_findings(
        [-1] * len(chosen), doubt, reasons, column=[j.its.column for j in chosen], peers=peers, note=note
    )


def _is_surprised(judged: Judged) -> bool:
    return judged.sure > judged.high


def _conclude(judged: Judged) -> str:
    if _is_surprised(judged):
        return (
            f"It is surer there than it is right ({show_share(judged.sure)}): look at the labels of this group first."
        )
    return "It is no surer there than it is right: the classes overlap, or features that tell them apart are missing."


detector = Detector("underperforming_groups", find, needs=("labels", "probabilities"))
