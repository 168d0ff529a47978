"""Scores against the number of training rows, for each version of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.experiments.samples.materials import Sample
from dcai.experiments.samples.splits import Positions
from dcai.experiments.scores.intervals import add_variances, find_test_variance, find_variance, reach_of
from dcai.experiments.scores.measures import TEST_DRAWS, Bench

SHARES = (1 / 24, 1 / 12, 1 / 6, 1 / 3, 2 / 3, 1.0)
FEWEST = 12
GROWTH_COLUMNS = ["data", "rows", "score", "low", "high"]

Draws = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Claim:
    """Do `clean_rows` rows of better labels do about as well as `noisy_rows` of worse ones? Tested on the data at hand.

    Attributes
    ----------
    clean, noisy : str
        The versions of the data that are compared.
    clean_rows, noisy_rows : int
        How many training rows of each.
    difference, low, high : float
        The score of the fewer better rows minus that of the more and worse ones, with its 95 % interval.
    margin : float
        So much less still counts as about as well.
    """

    clean: str
    noisy: str
    clean_rows: int
    noisy_rows: int
    difference: float
    low: float
    high: float
    margin: float

    @property
    def verdict(self) -> str:
        """``"holds"`` where the interval lies above -margin, ``"fails"`` where it lies below, else ``"undecided"``."""
        if self.low >= -self.margin:
            return "holds"
        return "fails" if self.high < -self.margin else "undecided"

    def __str__(self) -> str:
        """Say it in a sentence."""
        found = {
            "holds": "Fewer rows with better labels do as well here",
            "fails": "Fewer rows with better labels do worse here",
            "undecided": "Whether fewer rows with better labels do as well is not sure here",
        }
        return (
            f"{found[self.verdict]}: {self.clean_rows:,} rows with {self.clean} labels score {self.difference:+.3f} ({self.low:+.3f} to "
            f"{self.high:+.3f}) against {self.noisy_rows:,} with {self.noisy} ones; up to {self.margin:g} less counts as equal."
        )


@dataclass(frozen=True)
class RightSize:
    """How many rows do about as well as the most that were measured.

    Attributes
    ----------
    rows : int
        The fewest rows that surely score within `margin` of the most (by the upper end of the interval); where that is
        sure of none, the fewest whose mean score does; where none does, the most.
    measured, total : int
        The most rows that were measured, and all training rows.
    difference, low, high : float
        What the most rows score more than so many; or, where only the most will do, more than the next smaller number.
        With its 95 % interval.
    next_smaller : int
        The number of rows that the difference was taken from.
    margin : float
        A smaller difference counts as none.
    """

    rows: int
    measured: int
    total: int
    next_smaller: int
    difference: float
    low: float
    high: float
    margin: float

    @property
    def is_sure(self) -> bool:
        """Whether fewer rows than the most surely do about as well."""
        return self.rows < self.measured and self.high < self.margin

    def __str__(self) -> str:
        """Say it in a sentence."""
        told = f"{self.difference:+.3f} ({self.low:+.3f} to {self.high:+.3f})"
        whole = self.measured == self.total
        most = f"all {self.total:,}" if whole else f"{self.measured:,}, the most measured of {self.total:,},"
        if self.rows < self.measured:
            sure = "" if self.is_sure else ", which the interval does not make sure"
            return f"Right size: {self.rows:,} rows score within {self.margin:g} of {most} (these score {told} more){sure}."
        sure = "are" if self.low > 0 else "may be"
        rows = f"{most} rows" if whole else f"{self.measured:,} rows, the most measured of {self.total:,},"
        return (
            f"Right size: not reached; {rows} score {told} more than {self.next_smaller:,}, so more rows {sure} of use."
        )


@dataclass(frozen=True, eq=False)
class Growth:
    """All scores: `draws` maps (version, rows) to shape (repeats, 1 + test draws); all rows are fitted once only."""

    draws: Mapping[tuple[str, int], Draws]
    total: int
    units: int | None

    def tabulate(self) -> pd.DataFrame:
        """Return one row for each version and number of rows: mean score and 95 % interval."""
        rows = []
        for (version, size), draws in self.draws.items():
            score = float(draws[:, 0].mean())
            reach = reach_of(*add_variances(self.spread(version, size), find_test_variance(draws[:, 1:], self.units)))
            rows.append((version, size, score, score - reach, score + reach))
        return pd.DataFrame(rows, columns=GROWTH_COLUMNS)

    def spread(self, version: str, size: int) -> tuple[float, float]:
        """Return the variance by the luck of the training rows, and its degrees of freedom.

        Samples of n of N rows without replacement vary less than samples from the source: by 1 - n/N. The mean over
        all of them varies as n/N of a single sample from the source, and r of them add 1/r of what they vary among
        themselves: s^2 (n / (N - n) + 1/r), the form of Nadeau & Bengio (2003). All N rows give one model only; it has
        the variance of the next smaller size, scaled with 1/n (Shao & Wu 1989, delete-d jackknife).
        """
        if size < self.total:
            draws = self.draws[version, size]
            variance, freedom = find_variance(draws[:, 0])
            return variance * (size / (self.total - size) + 1 / len(draws)), freedom
        below = max(n for name, n in self.draws if name == version and n < self.total)
        variance, freedom = find_variance(self.draws[version, below][:, 0])
        return variance * below / (self.total - below), freedom

    def test_claim(self, clean: str, noisy: str, ratio: float, margin: float) -> Claim | None:
        """Hold the most clean rows for which there are `ratio` times as many noisy ones against those."""
        sizes = sorted(n for name, n in self.draws if name == clean)
        # A third of 1,000 rows is 333: three times that is 999, which 1,000 stand for.
        pairs = [(n, m) for n in sizes for m in sizes if n < m and abs(m - ratio * n) <= ratio]
        if not pairs:
            return None
        fewer, more = max(pairs)
        found = self.subtract((clean, fewer), (noisy, more))
        return None if np.isnan(found[0]) else Claim(clean, noisy, fewer, more, *found, margin)

    def subtract(self, one: tuple[str, int], other: tuple[str, int]) -> tuple[float, float, float]:
        """Return the mean score of one point minus that of another, with its interval, on the same test rows."""
        first, second = self.draws[one], self.draws[other]
        difference = float(first[:, 0].mean() - second[:, 0].mean())
        paired = first[:, 1:].mean(axis=0) - second[:, 1:].mean(axis=0)
        test = find_test_variance(paired[None], self.units)
        # As if the training rows of both were drawn apart: their luck is partly shared, so this errs on the safe side.
        reach = reach_of(*add_variances(self.spread(*one), self.spread(*other), test))
        return difference, difference - reach, difference + reach

    def find_right_size(self, version: str, margin: float) -> RightSize | None:
        """Return the fewest rows that score within `margin` of the most; None where the most have no score."""
        *sizes, most = sorted(n for name, n in self.draws if name == version)
        losses = {n: self.subtract((version, most), (version, n)) for n in sizes}
        if np.isnan(self.draws[version, most][:, 0]).all() or np.isnan(losses[sizes[-1]][0]):
            return None
        sure = [n for n in sizes if losses[n][2] < margin]
        likely = [n for n in sizes if losses[n][0] < margin]
        rows = next(iter(sure or likely), most)
        smaller = rows if rows < most else sizes[-1]
        return RightSize(rows, most, self.total, smaller, *losses[smaller], margin)


def choose_sizes(total: int, least: int, ratio: float = 3) -> list[int]:
    """Choose numbers of training rows, each twice the last, among them all and one of `ratio` parts of all.

    Examples
    --------
    >>> choose_sizes(1200, 12)
    [50, 100, 200, 400, 800, 1200]
    >>> choose_sizes(1200, 12, 5)
    [50, 100, 200, 240, 400, 800, 1200]
    """
    return sorted({size for share in (*SHARES, 1 / ratio) if (size := int(total * share)) >= least})


def order_rows(strata: npt.NDArray[np.object_], generator: np.random.Generator) -> Positions:
    """Return a random order in which every beginning holds the classes in their shares."""
    rank = np.empty(len(strata))
    for name in pd.unique(pd.Series(strata)):
        members = np.flatnonzero(strata == name)
        rank[generator.permutation(members)] = (np.arange(len(members)) + generator.random()) / len(members)
    return np.argsort(rank, kind="stable")


def order_groups(clusters: Positions, generator: np.random.Generator) -> Positions:
    """Return a random order of groups, the rows of each behind each other: a beginning holds few groups, not all in part.

    Examples
    --------
    >>> order = order_groups(np.array([7, 8, 7, 8]), np.random.default_rng(0))
    >>> {int(i) for i in order[:2]} in ({0, 2}, {1, 3})
    True
    """
    groups = np.unique(clusters, return_inverse=True)[1]
    rank = generator.permutation(groups.max() + 1)[groups] + generator.random(len(groups))
    return np.argsort(rank, kind="stable")


def draw_orders(bench: Bench) -> list[Positions]:
    """Draw random orders of the training rows: of single rows in the shares of the classes, or of whole groups."""
    materials, rng = bench.materials, np.random.default_rng(bench.random_state)
    pool, clusters = materials.pool, materials.clusters
    orders = (
        order_rows(materials.strata[pool], rng) if clusters is None else order_groups(clusters[pool], rng)
        for _ in range(bench.repeats)
    )
    return [pool[order] for order in orders]


def keep_sizes(
    bench: Bench, versions: Mapping[str, Sample], orders: Sequence[Positions], sizes: Sequence[int]
) -> list[int]:
    """Return the sizes at which every version can be trained on in every order: where a class is rare, small ones cannot."""
    return [
        size
        for size in sizes
        if all(bench.can_train(sample, order[:size]) for sample in versions.values() for order in orders)
    ]


def grow(
    bench: Bench, versions: Mapping[str, Sample], orders: Sequence[Positions], sizes: Sequence[int], test: Sample
) -> Growth:
    """Fit and score every version on the same growing beginnings of the same random orders of the training rows."""
    materials, rng = bench.materials, np.random.default_rng([bench.random_state, 1])
    total = len(materials.pool)
    drawn = [bench.draw_test(rng) for _ in range(TEST_DRAWS)]
    draws: dict[tuple[str, int], Draws] = {}
    for version, sample in versions.items():
        for size in sizes:
            # All rows are the same rows in every order.
            picked = [
                sample.take(sample.pick(order[:size], materials.rows))
                for order in orders[: None if size < total else 1]
            ]
            draws[version, size] = np.array(
                [score_sample(bench, one, test, drawn, bench.random_state + i) for i, one in enumerate(picked)]
            )
    units = None if materials.test_clusters is None else len(np.unique(materials.test_clusters))
    return Growth(draws, total, units)


def score_sample(bench: Bench, sample: Sample, test: Sample, drawn: Sequence[Positions], seed: int) -> list[float]:
    """Fit the fixed model on a sample; score it on all test rows, then on each draw of them; NaN where it cannot learn."""
    if not bench.tells_apart(sample.labels):
        return [float("nan")] * (1 + len(drawn))
    model, _ = bench.fit(bench.fixed, sample.frame, sample.labels, seed)
    return bench.score_draws(bench.ask(bench.fixed, model, test.frame), test, drawn)[bench.main]
