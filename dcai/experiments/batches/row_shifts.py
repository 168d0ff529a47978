"""How the rows as a whole changed: their number, copies among them, their order, and how columns go together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.fingerprints import hash_rows
from dcai.experiments.batches.divergences import CLASSIFIER_ROWS, tell_apart
from dcai.experiments.batches.trials import Batches, Trial
from dcai.findings.cells.dates import count_seconds
from dcai.findings.wording import count

COPIES = 0.02  # share of the rows
JOINT = 0.05  # of the area under the curve, beyond a coin's
VOLUME = 0.3  # a number of rows that is this much smaller, or larger, is remarked on
SHUFFLES = 60
MOST_PEERS = 1_000
SORTED = 0.99  # of the steps go up in a column by which rows are in order
SHUFFLED = 0.9
FEWEST = 20


def compare_volumes(rows: int, now: int, allowed: float | None) -> Iterator[Trial]:
    """Compare the numbers of rows; without an allowed change they are remarked on only, for batches may differ in length."""
    if abs(now - rows) <= (VOLUME if allowed is None else allowed) * rows:
        return
    ratio = now / rows
    said = f"{ratio:.1f} times as many" if ratio > 1 else f"{show_share(ratio)} as many"
    hint = " Pass volume= to count such changes, where both are batches of the same length." if allowed is None else ""
    yield Trial(
        "volume", None, f"There are {count(now, 'row')}, {said} as in the reference ({rows:,}).{hint}",
        effect=abs(float(np.log2(ratio))), measure="doublings", counts=allowed is not None,
    )  # fmt: skip


def compare_copies(batches: Batches, left: dict[str, list[str]]) -> Iterator[Trial]:
    """Compare how many rows repeat an earlier one, with how many do in random halves of both batches together."""
    names = sorted(batches.kinds)
    if not names:
        left["the two have no column in common"] = []
        return
    hashes = [hash_rows(t.frame[names])[:, 0] for t in (batches.reference, batches.current)]
    pooled = np.concatenate(hashes)
    if len(np.unique(pooled)) == len(pooled):
        return
    seen, p = _judge_copies(hashes[1], pooled, batches.seed)
    copies = pd.Series(hashes[1]).duplicated(keep="first").to_numpy()
    random = np.random.default_rng(batches.seed)
    size = min(map(len, hashes))
    alike = [_count_copies(random.permutation(h)[:size]) / size for h in hashes]
    text = f"{count(int(seen), 'row', ('repeats', 'repeat'))} an earlier one ({show_share(alike[1])} of as many rows, in the reference {show_share(alike[0])})."
    yield Trial(
        "duplicated_rows", None, text, p, max(0.0, alike[1] - alike[0]), COPIES, "copies in random splits", "share of rows",
        peers=[int(r) for r in np.flatnonzero(copies)[:MOST_PEERS]],
    )  # fmt: skip


def _count_copies(hashes: npt.NDArray[np.uint64]) -> int:
    return len(hashes) - len(np.unique(hashes))


def _judge_copies(mine: npt.NDArray[np.uint64], pooled: npt.NDArray[np.uint64], seed: int) -> tuple[int, float]:
    """Return the number of copies, and how likely a random part of as many rows has as many."""
    from scipy import stats

    random = np.random.default_rng(seed)
    seen = _count_copies(mine)
    drawn = np.array(
        [_count_copies(random.permutation(pooled)[: len(mine)]) for _ in range(SHUFFLES)], dtype=np.float64
    )
    middle, spread = float(drawn.mean()), float(drawn.std(ddof=1))
    # The larger of two chances: for few copies the count is all luck, for many the spread between splits tells.
    by_count = float(stats.poisson.sf(seen - 1, max(middle, 1 / SHUFFLES)))
    by_spread = float(stats.t.sf((seen - middle - 0.5) / max(spread, 0.5), SHUFFLES - 1))
    return seen, max(by_count, by_spread)


def compare_order(batches: Batches, left: dict[str, list[str]]) -> Iterator[Trial]:
    """Find a column of dates by which the reference is sorted and the current rows are not."""
    dated = [name for name, kind in batches.kinds.items() if kind == "date"]
    if not dated:
        left["there is no column of dates"] = []
    for name in dated:
        dates = [count_seconds(column) for column in batches.columns(name)]
        if min(map(len, dates)) < FEWEST or min(map(np.ptp, dates)) == 0:
            left.setdefault(f"fewer than {FEWEST} dates, or one only, in one of the two", []).append(name)
            continue
        steps = [float((np.diff(its) >= 0).mean()) for its in dates]
        if steps[0] >= SORTED and steps[1] < SHUFFLED:
            text = f"The reference is in order of time ({name!r}), the current rows are not: {show_share(1 - steps[1])} of them are older than the row before."
            yield Trial("order", name, text, effect=1 - steps[1], measure="share of steps back")


def compare_jointly(batches: Batches, alone: frozenset[str], left: dict[str, list[str]]) -> Iterator[Trial]:
    """Try to tell the rows apart by columns at once: how they go together, where each looks the same; not those that drift `alone`."""
    from dcai.base.table import make_table
    from dcai.findings.labels.models import roles_of

    plain, apart = ("number", "boolean", "category"), {batches.label, *batches.hidden, *alone}
    names = [n for n, kind in batches.kinds.items() if kind in plain and n not in apart]
    tables = [t.frame[names] for t in (batches.reference, batches.current)]
    random = np.random.default_rng(batches.seed)
    some = [t.iloc[random.permutation(len(t))[:CLASSIFIER_ROWS]] for t in tables]
    if min(map(len, some)) < 2 * FEWEST:
        left[f"fewer than {2 * FEWEST} rows in one of the two"] = []
        return
    pooled = pd.concat(some, ignore_index=True)
    roles = roles_of(make_table(pooled, caller="drift"), tuple(names)) if len(names) > 1 else {}
    if not roles:
        left["fewer than two columns of numbers or categories that look the same each by itself"] = []
        return
    p, area = tell_apart(some[0], some[1], lambda: make_judge(roles), batches.seed)
    text = f"Rows can be told from the reference's by how their columns go together in {show_share(area)} of pairs (a coin: 50 %)."
    yield Trial(
        "joint", None, text, p, max(area - 0.5, 0.0), JOINT, "classifier of the two", "area under the curve beyond a coin's"
    )  # fmt: skip


def make_judge(roles: dict[str, str]) -> Any:
    """Make a classifier of rows for columns of these roles."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline

    from dcai.findings.features.vectors import Dense, Vectoriser

    trees = RandomForestClassifier(40, min_samples_leaf=5, max_features="sqrt", random_state=0, n_jobs=1)
    return make_pipeline(Vectoriser(roles), Dense(), trees)
