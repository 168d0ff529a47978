"""Scores against the number of reviewed rows: in the order of the review, and in random order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.corrections.decisions.standing import was_looked_at
from dcai.corrections.log import CorrectionLog
from dcai.experiments.prospects.growth import score_sample
from dcai.experiments.samples.materials import Materials, Sample
from dcai.experiments.samples.splits import Positions
from dcai.experiments.scores.intervals import estimate_interval
from dcai.experiments.scores.measures import TEST_DRAWS, Bench

POINTS = 8
PLAUSIBLE = 0.05  # a shape that the points contradict at this level is none
EFFORT_COLUMNS = [
    "order", "reviewed", "score", "low", "high", "gain", "gain_low", "gain_high", "over_random", "over_random_low",
    "over_random_high",
]  # fmt: skip
RANDOM = "random order"

Draws = npt.NDArray[np.float64]
# Ways in which a curve may go on, by the share of the reviews that are made: steadily, ever slower, levelling off.
SHAPES: tuple[Callable[[Draws], Draws], ...] = (
    lambda share: share,
    lambda share: np.log1p(POINTS * share),
    lambda share: 1 - np.exp(-4 * share),
)


@dataclass(frozen=True)
class Worth:
    """What the last `reviews` decisions brought, what as many more may bring, and where one could have stopped.

    Attributes
    ----------
    reviews : int
        The number of decisions that are looked at: the last ones of the review.
    gain, low, high : float
        What they added to the score, with its 95 % interval.
    next_reviews : int
        So many more are judged; fewer where fewer rows are left, 0 where none is.
    next_gain, next_low, next_high : float
        What they add if the curve goes on in its shape (steady, ever slower or levelling off, whichever fits best), and
        the ends of the 95 % intervals of all shapes that fit about as well. Whether errors are left to find, and whether
        the shape changes, the curve cannot know.
    enough : int or None
        After so many decisions nothing that came later added as much as `margin` (by the upper end of the interval);
        None where the review should go on.
    margin : float
        Less than this is not worth a review.
    """

    reviews: int
    gain: float
    low: float
    high: float
    next_reviews: int
    next_gain: float
    next_low: float
    next_high: float
    enough: int | None
    margin: float

    def __str__(self) -> str:
        """Say it in sentences."""
        text = f"The last {self.reviews:,} reviews brought {self.gain:+.3f} ({self.low:+.3f} to {self.high:+.3f}). {self._look_ahead()}"
        if self.enough is None:
            return text
        return f"{text} One could have stopped after {self.enough:,}: all that came later brought less than {self.margin:g}."

    def _look_ahead(self) -> str:
        if not self.next_reviews:
            return "No training row is left to review."
        told = f"{self.next_gain:+.3f} ({self.next_low:+.3f} to {self.next_high:+.3f})"
        text = f"The next {self.next_reviews:,} bring {told}, if errors are left and the curve goes on in its shape: "
        if self.next_low >= self.margin:
            return f"{text}{self.margin:g} or more, so go on."
        if self.next_high < self.margin:
            return f"{text}less than {self.margin:g}, so stop."
        return f"{text}whether that is {self.margin:g} or more is not sure."


@dataclass(frozen=True, eq=False)
class Efforts:
    """All scores: `draws` maps (order, reviewed) to shape (1 + repeats, 1 + test draws), as `compare` has them."""

    draws: Mapping[tuple[str, int], Draws]
    units: int | None

    def tabulate(self) -> pd.DataFrame:
        """Return one row for each order and number of reviewed rows: score, gain over no review, 95 % intervals."""
        rows = []
        for (order, reviewed), draws in self.draws.items():
            none, by_chance = self.draws[order, 0], self.draws[RANDOM, reviewed]
            over = (np.nan,) * 3 if order == RANDOM else self._bound(draws - by_chance)
            rows.append((order, reviewed, *self._bound(draws), *self._bound(draws - none), *over))
        return pd.DataFrame(rows, columns=EFFORT_COLUMNS)

    def _bound(self, draws: Draws) -> tuple[float, float, float]:
        score = float(draws[0, 0])
        return (score, *estimate_interval(score, draws[1:], units=self.units))

    def find_worth(self, order: str, margin: float, left: int) -> Worth | None:
        """Say what the last step brought, what another may, and where to stop; None without two steps.

        `left` is the number of rows that are not reviewed yet.
        """
        steps = sorted(n for name, n in self.draws if name == order)
        if len(steps) < 2:  # noqa: PLR2004 (before and after)
            return None
        last = self.draws[order, steps[-1]]
        gain, low, high = self._bound(last - self.draws[order, steps[-2]])
        enough = next(
            (n for n in steps[:-1] if self._bound(last - self.draws[order, n])[2] < margin),
            None,
        )
        more = min(steps[-1] - steps[-2], left)
        ahead = [self._bound(d) for d in look_ahead(steps, [self.draws[order, n] for n in steps], more)]
        lows, highs = ([one[side] for one in ahead] for side in (1, 2))
        return Worth(
            steps[-1] - steps[-2], gain, low, high, more, ahead[0][0], min(lows), max(highs), enough, margin
        )  # fmt: skip


def look_ahead(steps: Sequence[int], draws: Sequence[Draws], more: int) -> list[Draws]:
    """Return what `more` reviews add to a curve that goes on in a shape that fits it, for every draw; the best fit first.

    The fit is by least squares, so each answer is a weighted sum of the points, and has an interval as they do. Shapes
    count whose squares are not surely larger than those of the best (F test, 5 %).

    Examples
    --------
    >>> points = [np.full((3, 2), 0.5 + 0.001 * n) for n in (0, 50, 100)]
    >>> [round(float(one[0, 0]), 6) for one in look_ahead([0, 50, 100], points, 50)]
    [0.05]
    """
    from scipy import stats

    shares = np.array([*steps, steps[-1] + more], dtype=float) / steps[-1]
    scores = np.array([d[0, 0] for d in draws])
    fits = []
    for shape in SHAPES:
        levels = shape(shares)
        centred = levels[:-1] - levels[:-1].mean()
        slope = centred / (centred**2).sum()
        left = scores - scores.mean() - centred * (slope @ scores)
        # Rounded, so that of shapes that fit alike the first is taken.
        fits.append((round(float((left**2).sum()), 12), slope * (levels[-1] - levels[-2])))
    free = len(steps) - 2
    worst = min(squares for squares, _ in fits) * (stats.f.ppf(1 - PLAUSIBLE, free, free) if free else 1.0)
    ranked = sorted((fit for fit in fits if not fit[0] > worst), key=lambda fit: fit[0])
    return [np.asarray(np.tensordot(weights, np.array(draws), axes=1)) for _, weights in ranked]


def choose_steps(most: int, step: int) -> list[int]:
    """Choose numbers of reviewed rows: none, some between, and the last two a step apart.

    Examples
    --------
    >>> choose_steps(1000, 50)
    [0, 150, 300, 450, 600, 750, 950, 1000]
    """
    if most <= step:
        return [0, most] if most else [0]
    spread = np.linspace(0, most - step, POINTS - 1)
    return sorted({*(int(n // step * step) for n in spread), most - step, most})


def order_by_log(log: CorrectionLog, materials: Materials) -> tuple[Positions, int]:
    """Return the training rows that a log decides, in the order of the decisions, and how many of them were reviewed.

    Rows that were only accepted as members of a certified group, or merged as spellings, come after all that somebody looked at.
    """
    frame = materials.table.frame
    inside = log.restrict(frame)
    checks = inside.check(frame)
    times = {line.id: line.at for line in inside.standing}
    spared = {line.id for line in inside.standing if not was_looked_at(line)}
    decided = (
        checks[checks["row"] >= 0]
        .assign(at=lambda c: c["id"].map(times), spared=lambda c: c["id"].isin(spared))
        .sort_values(["spared", "at", "id"], kind="stable")
        .drop_duplicates("row")
    )
    rows: Positions = decided["row"].to_numpy(dtype=np.intp)
    return np.asarray(frame.index)[rows].astype(np.intp), int((~decided["spared"]).sum())


def order_by_doubt(materials: Materials, random_state: int) -> Positions:
    """Return the training rows, those first whose label an audit of the training rows doubts most."""
    from dcai.findings.report import audit

    table = materials.table
    assert table.label is not None
    frame = table.frame[[*table.features, *table.key, table.label]]
    found = audit(
        frame.reset_index(drop=True),
        table.label,
        key=table.key or None,
        task=materials.task,
        detectors=["labels"],
        random_state=random_state,
        progress=False,
    )
    doubt = np.nan_to_num(found.scores["labels"].to_numpy(dtype=float), nan=-1.0)
    return np.asarray(frame.index)[np.argsort(-doubt, kind="stable")].astype(np.intp)


def mix(raw: Sample, corrected: Sample, reviewed: Positions) -> Sample:
    """Return the training rows with the corrections of the reviewed rows only."""
    after = np.flatnonzero(np.isin(corrected.positions, reviewed))
    before = np.flatnonzero(~np.isin(raw.positions, reviewed))
    parts = [raw.take(before), corrected.take(after)]
    positions = np.concatenate([part.positions for part in parts])
    order = np.argsort(positions, kind="stable")
    frame = pd.concat([part.frame for part in parts if len(part.labels)], ignore_index=True)
    labels = np.concatenate([part.labels for part in parts if len(part.labels)])
    return Sample("partly reviewed", frame.iloc[order].reset_index(drop=True), labels[order], positions[order])


def review_stepwise(
    bench: Bench, corrected: Sample, orders: Mapping[str, Positions], steps: Sequence[int], test: Sample
) -> Efforts:
    """Fit and score after each number of reviews, on all training rows and on each resample of them."""
    materials, rng = bench.materials, np.random.default_rng(bench.random_state)
    raw = materials.training["raw"]
    resamples = [materials.pool] + [bench.draw_training(rng) for _ in range(bench.repeats)]
    drawn = [bench.draw_test(rng) for _ in range(TEST_DRAWS)]
    # Another random order for each resample, so that no single one decides.
    shuffled = [rng.permutation(materials.pool) for _ in resamples]
    draws: dict[tuple[str, int], Draws] = {}
    for order in (*orders, RANDOM):
        for step in steps:
            if step == 0 and order == RANDOM:
                draws[order, 0] = draws[next(iter(orders)), 0]
                continue
            rows = []
            for repeat, positions in enumerate(resamples):
                state = mix(raw, corrected, (shuffled[repeat] if order == RANDOM else orders[order])[:step])
                chosen = state.take(state.pick(positions, materials.rows))
                rows.append(score_sample(bench, chosen, test, drawn if repeat else [], bench.random_state + repeat))
            draws[order, step] = np.array([row + [np.nan] * (1 + TEST_DRAWS - len(row)) for row in rows])
    _average_random(bench, draws, corrected, shuffled, steps, test)
    units = None if materials.test_clusters is None else len(np.unique(materials.test_clusters))
    return Efforts(draws, units)


def _average_random(
    bench: Bench,
    draws: dict[tuple[str, int], Draws],
    corrected: Sample,
    shuffled: Sequence[Positions],
    steps: Sequence[int],
    test: Sample,
) -> None:
    """Let the score of a random order be the mean over several of them, each on all training rows."""
    materials = bench.materials
    raw = materials.training["raw"]
    for step in steps:
        if step == 0:
            continue
        scores = [draws[RANDOM, step][0, 0]]
        for order in shuffled[1:]:
            state = mix(raw, corrected, order[:step])
            scores.append(score_sample(bench, state, test, [], bench.random_state)[0])
        draws[RANDOM, step][0, 0] = float(np.mean(scores))
