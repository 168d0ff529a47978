"""False alarms of `drift` where nothing changed, and its power beside plain tests and a stability index.

    python -m tests.benchmarks.bench_drift [--draws 1000] [--repeats 100]

The peers: each column by scipy's Kolmogorov-Smirnov or chi-squared test, corrected by Bonferroni (what monitoring
libraries do by default), and the population stability index above 0.2 in ten bins (the rule of thumb of credit scoring).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from dcai.experiments.batches.divergences import measure_psi
from dcai.experiments.shifts import drift

ALPHA = 0.01
ROWS = 300
VISITS = 5
WORDS = ["good", "bad", "late", "quick", "slow", "kind", "cold", "warm", "large", "small"]


def draw(rows: int, seed: int, *, texts: bool = False) -> pd.DataFrame:
    """Draw a table: numbers of four shapes, categories frequent and rare, gaps, a date, a label that follows from some."""
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    group = random.choice(list("abcd"), rows, p=[0.4, 0.3, 0.2, 0.1])
    frame = pd.DataFrame(
        {
            "normal": x,
            "skewed": np.where(random.random(rows) < 0.05, np.nan, random.lognormal(size=rows)),
            "heavy": random.standard_t(2, rows),
            "whole": random.poisson(2, rows),
            "group": group,
            "rare": [f"r{min(int(v), 60)}" for v in random.zipf(1.6, rows)],
            "flag": random.random(rows) < 0.1,
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 9000, rows), unit="h"),
            "label": np.where(x + (group == "a") + random.normal(size=rows) > 0.5, "yes", "no"),
        }
    )
    if texts:
        frame["text"] = [" ".join(random.choice(WORDS, random.integers(3, 9))) for _ in range(rows)]
    return frame


def count_alarms(draws: int, label: str | None, rows: int = ROWS) -> tuple[int, int, list[str]]:
    """Count the draws in which `drift` says that something changed, though nothing did; and those with a raw p below the limit."""
    alarms, kinds = 0, []
    raw = 0
    for number in range(draws):
        one, other = draw(rows, 2 * number, texts=number % 4 == 0), draw(rows, 2 * number + 1, texts=number % 4 == 0)
        if number % 2:  # dates as a text file holds them
            one, other = (f.assign(when=f["when"].dt.strftime("%Y-%m-%d %H:%M")) for f in (one, other))
        found = drift(one, other, label=label, alpha=ALPHA)
        alarms += found.drifted
        raw += bool((found.tests["p_corrected"] <= ALPHA).any())
        kinds += found.findings["detector"].tolist()
        if (number + 1) % 100 == 0:
            print(f"{number + 1} draws: {alarms} alarms, {raw} without the least sizes", file=sys.stderr, flush=True)
    return alarms, raw, kinds


def count_bonded_alarms(draws: int, rows: int = ROWS) -> dict[str, int]:
    """Count false alarms where rows come in fives: visits of one person, told as such and not, and copies of one row."""
    alarms = dict.fromkeys(("visits, groups=", "visits as single rows", "copies"), 0)
    for number in range(draws):
        visits = [draw_visits(rows, 2 * number + side) for side in (0, 1)]
        copies = [pd.concat([draw(rows // VISITS, 2 * number + side)] * VISITS, ignore_index=True) for side in (0, 1)]
        alarms["visits, groups="] += drift(*visits, label="label", groups="person", alpha=ALPHA).drifted
        single = [f.drop(columns="person") for f in visits]
        alarms["visits as single rows"] += drift(*single, label="label", alpha=ALPHA).drifted
        alarms["copies"] += drift(*copies, label="label", alpha=ALPHA).drifted
    return alarms


def draw_visits(rows: int, seed: int) -> pd.DataFrame:
    """Draw visits of persons who differ more than their visits do."""
    random = np.random.default_rng(seed + 500_000)
    persons = draw(rows // VISITS, seed).assign(person=np.arange(rows // VISITS) + rows * seed)
    visits = pd.concat([persons] * VISITS, ignore_index=True)
    return visits.assign(normal=visits["normal"] + 0.3 * random.normal(size=len(visits)))


SHIFTS: dict[str, tuple[list[float], Callable[[pd.DataFrame, float, np.random.Generator], pd.DataFrame]]] = {
    "nothing": ([0.0], lambda f, _s, _r: f),
    "mean, standard deviations": ([0.1, 0.2, 0.3, 0.5], lambda f, s, _: f.assign(normal=f["normal"] + s)),
    "spread, times": ([1.1, 1.2, 1.4, 1.8], lambda f, s, _: f.assign(normal=f["normal"] * s)),
    "share of a category, more": (
        [0.05, 0.1, 0.2],
        lambda f, s, r: f.assign(group=np.where(r.random(len(f)) < s, "d", f["group"])),
    ),
    "new category, share": (
        [0.01, 0.02, 0.05],
        lambda f, s, r: f.assign(group=np.where(r.random(len(f)) < s, "e", f["group"])),
    ),
    "empty cells, share": (
        [0.01, 0.03, 0.1],
        lambda f, s, r: f.assign(normal=f["normal"].where(r.random(len(f)) > s)),
    ),
    "two columns tied, share": (
        [0.2, 0.5, 0.9],
        lambda f, s, r: f.assign(normal=np.where(r.random(len(f)) < s, _tie(f), f["normal"])),
    ),
}


def _tie(frame: pd.DataFrame) -> np.ndarray:
    """Put the values of a column in the order of another one: each alone stays as it is."""
    return np.sort(frame["normal"].to_numpy())[frame["heavy"].rank(method="first").to_numpy(dtype=int) - 1]


def test_plainly(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Test each column on its own, corrected by Bonferroni."""
    chances = []
    for name in one.columns:
        a, b = one[name].dropna(), other[name].dropna()
        if pd.api.types.is_bool_dtype(a) or a.dtype == object or isinstance(a.dtype, pd.StringDtype):
            table = pd.crosstab(np.repeat([0, 1], [len(a), len(b)]), np.concatenate([a.astype(str), b.astype(str)]))
            chances.append(stats.chi2_contingency(table).pvalue)
        else:
            chances.append(
                stats.ks_2samp(
                    a.astype("int64") if a.dtype.kind == "M" else a,
                    b.astype("int64") if b.dtype.kind == "M" else b,
                    method="asymp",
                ).pvalue
            )
    return min(chances) * len(chances) <= ALPHA


def judge_index(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Say whether the stability index of any column is above 0.2."""
    worst = 0.0
    for name in one.columns:
        a, b = one[name].dropna(), other[name].dropna()
        if a.dtype.kind in "ifM":
            edges = np.unique(
                np.quantile(a.astype("float64") if a.dtype.kind != "M" else a.astype("int64"), np.linspace(0, 1, 11))
            )[1:-1]
            counts = [
                np.bincount(
                    np.searchsorted(edges, v.astype("int64") if v.dtype.kind == "M" else v), minlength=len(edges) + 1
                )
                for v in (a, b)
            ]
        else:
            codes, names = pd.factorize(np.concatenate([a.astype(str), b.astype(str)]))
            counts = [
                np.bincount(codes[: len(a)], minlength=len(names)),
                np.bincount(codes[len(a) :], minlength=len(names)),
            ]
        worst = max(worst, measure_psi(*counts))
    return worst > 0.2


def measure_power(repeats: int) -> list[tuple[str, float, float, float, float]]:
    """Return how often each way finds each change."""
    rows = []
    for name, (sizes, change) in SHIFTS.items():
        for size in sizes:
            hits = np.zeros(3)
            for number in range(repeats):
                one, other = draw(ROWS, 10_000 + number), draw(ROWS, 20_000 + number)
                now = change(other, size, np.random.default_rng(number))
                hits += [drift(one, now, alpha=ALPHA).drifted, test_plainly(one, now), judge_index(one, now)]
            rows.append((name, size, *(hits / repeats)))
    return rows


def main() -> None:
    """Print two tables."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--draws", type=int, default=1000)
    reader.add_argument("--repeats", type=int, default=100)
    asked = reader.parse_args()
    for rows, label, draws in (
        (ROWS, None, asked.draws),
        (ROWS, "label", asked.draws // 4),
        (60, None, asked.draws // 4),
    ):
        started = time.process_time()
        alarms, sure, kinds = count_alarms(draws, label, rows)
        highest = stats.binomtest(alarms, draws).proportion_ci(0.95, "exact").high
        print(
            f"no change, {rows} rows a side, {'with' if label else 'no'} label: {alarms} alarms in {draws} draws (95 % sure: at most {highest:.2%}; "
            f"nominal {ALPHA:.0%}), {sure} without the least sizes; {(time.process_time() - started) / draws:.2f} CPU s a call; {sorted(set(kinds))}"
        )
        sys.stdout.flush()
    for how, alarms in count_bonded_alarms(asked.draws // 4).items():
        print(f"no change, {ROWS} rows a side in fives, {how}: {alarms} alarms in {asked.draws // 4} draws")
    print(f"\n{'change':28} {'size':>6} {'dcai':>6} {'plain':>6} {'index':>6}   (share of {asked.repeats} draws found)")
    for name, size, ours, plain, index in measure_power(asked.repeats):
        print(f"{name:28} {size:6.2f} {ours:6.2f} {plain:6.2f} {index:6.2f}")


if __name__ == "__main__":
    main()
