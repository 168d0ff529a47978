"""Scores against the number of training rows, for each version of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.experiments.intervals import add_variances, find_test_variance, find_variance, reach_of
from dcai.experiments.materials import Sample
from dcai.experiments.measures import TEST_DRAWS, Bench
from dcai.experiments.splits import Positions

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
        endings = {
            "holds": "the claim holds on these data",
            "fails": "the claim fails on these data",
            "undecided": "these data do not decide the claim",
        }
        return (
            f"{self.clean_rows:,} {self.clean} rows against {self.noisy_rows:,} {self.noisy} rows: {self.difference:+.3f} "
            f"({self.low:+.3f} to {self.high:+.3f}); with a margin of {self.margin:g}, {endings[self.verdict]}."
        )


@dataclass(frozen=True)
class RightSize:
    """How many rows do about as well as all, as measured.

    Attributes
    ----------
    rows, total : int
        The fewest rows whose mean score is within `margin` of that of all rows, and all rows.
    difference, low, high : float
        What all rows score more than so many; or, where only all will do, more than the next smaller number. With its
        95 % interval.
    next_smaller : int
        The number of rows that the difference was taken from.
    margin : float
        A smaller difference counts as none.
    """

    rows: int
    total: int
    next_smaller: int
    difference: float
    low: float
    high: float
    margin: float

    def __str__(self) -> str:
        """Say it in a sentence."""
        told = f"{self.difference:+.3f} ({self.low:+.3f} to {self.high:+.3f})"
        if self.rows < self.total:
            sure = "" if self.high < self.margin else ", which the interval does not make sure"
            return f"Right size: {self.rows:,} rows score within {self.margin:g} of all {self.total:,} (all score {told} more){sure}."
        sure = "are" if self.low > 0 else "may be"
        return (
            f"Right size: not reached; all {self.total:,} rows score {told} more than {self.next_smaller:,}, so more rows {sure} "
            "of use."
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
        return Claim(clean, noisy, fewer, more, *self.subtract((clean, fewer), (noisy, more)), margin)

    def subtract(self, one: tuple[str, int], other: tuple[str, int]) -> tuple[float, float, float]:
        """Return the mean score of one point minus that of another, with its interval, on the same test rows."""
        first, second = self.draws[one], self.draws[other]
        difference = float(first[:, 0].mean() - second[:, 0].mean())
        paired = first[:, 1:].mean(axis=0) - second[:, 1:].mean(axis=0)
        test = find_test_variance(paired[None], self.units)
        # As if the training rows of both were drawn apart: their luck is partly shared, so this errs on the safe side.
        reach = reach_of(*add_variances(self.spread(*one), self.spread(*other), test))
        return difference, difference - reach, difference + reach

    def find_right_size(self, version: str, margin: float) -> RightSize:
        """Return the fewest rows that score within `margin` of the most."""
        sizes = sorted(n for name, n in self.draws if name == version)
        means = {n: float(self.draws[version, n][:, 0].mean()) for n in sizes}
        most = sizes[-1]
        rows = next(n for n in sizes if means[most] - means[n] < margin)
        smaller = rows if rows < most else sizes[-2]
        return RightSize(rows, most, smaller, *self.subtract((version, most), (version, smaller)), margin)


def choose_sizes(total: int, least: int) -> list[int]:
    """Choose numbers of training rows, each twice the last, among them a third of all and all.

    Examples
    --------
    >>> choose_sizes(1200, 12)
    [50, 100, 200, 400, 800, 1200]
    """
    return sorted({size for share in SHARES if (size := int(total * share)) >= least})


def order_rows(strata: npt.NDArray[np.object_], generator: np.random.Generator) -> Positions:
    """Return a random order in which every beginning holds the classes in their shares."""
    rank = np.empty(len(strata))
    for name in pd.unique(pd.Series(strata)):
        members = np.flatnonzero(strata == name)
        rank[generator.permutation(members)] = (np.arange(len(members)) + generator.random()) / len(members)
    return np.argsort(rank, kind="stable")


def grow(bench: Bench, versions: Mapping[str, Sample], sizes: Sequence[int], test: Sample) -> Growth:
    """Fit and score every version on the same growing beginnings of the same random orders of the training rows."""
    materials, rng = bench.materials, np.random.default_rng(bench.random_state)
    total = len(materials.pool)
    orders = [materials.pool[order_rows(materials.strata[materials.pool], rng)] for _ in range(bench.repeats)]
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
    """Fit the fixed model on a sample; score it on all test rows, then on each draw of them."""
    model, _ = bench.fit(bench.fixed, sample.frame, sample.labels, seed)
    return bench.score_draws(bench.ask(bench.fixed, model, test.frame), test, drawn)[bench.main]
