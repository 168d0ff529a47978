"""False alarms of `drift` where nothing changed, and its power beside plain tests and a stability index.

    python -m tests.benchmarks.bench_drift [--draws 1000] [--repeats 100] [--only alarms|bonds|power]

The peers: frouros (`pip install --no-deps frouros matplotlib contourpy cycler fonttools kiwisolver pyparsing`: what it pins is
older than what dcai needs), each column by its Kolmogorov-Smirnov or chi-squared test, corrected by Bonferroni, and its
maximum mean discrepancy of the numbers with 100 permutations; where it is not installed, SciPy's two tests alone. And the
population stability index above 0.2 in ten bins (the rule of thumb of credit scoring).
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
            chances.append(compare_categories(a.astype(str).to_numpy(dtype=str), b.astype(str).to_numpy(dtype=str)))
        else:
            chances.append(compare_numbers(*(to_floats(column) for column in (a, b))))
    return min(chances) * len(chances) <= ALPHA


def to_floats(column: pd.Series) -> np.ndarray:
    """Read numbers and dates as floats."""
    return (column.astype("int64") if column.dtype.kind == "M" else column).to_numpy(dtype=float)


def find_frouros():
    """Return the library's detectors, or None."""
    try:
        from frouros.detectors import data_drift
    except ImportError:
        return None
    return data_drift


PEER = find_frouros()


def compare_numbers(a: np.ndarray, b: np.ndarray) -> float:
    """Return the p-value of a Kolmogorov-Smirnov test."""
    if PEER is None:
        return float(stats.ks_2samp(a, b, method="asymp").pvalue)
    detector = PEER.KSTest()
    detector.fit(X=a)
    return float(detector.compare(X=b)[0].p_value)


def compare_categories(a: np.ndarray, b: np.ndarray) -> float:
    """Return the p-value of a chi-squared test."""
    if PEER is None:
        table = pd.crosstab(np.repeat([0, 1], [len(a), len(b)]), np.concatenate([a, b]))
        return float(stats.chi2_contingency(table).pvalue)
    detector = PEER.ChiSquareTest()
    detector.fit(X=a)
    return float(detector.compare(X=b)[0].p_value)


def test_together(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Test the numbers together by the library's maximum mean discrepancy; never drift where it is not there."""
    if PEER is None:
        return False
    from frouros.callbacks import PermutationTestDistanceBased

    names = ["normal", "skewed", "heavy", "whole"]
    ranks = pd.concat([one[names], other[names]]).rank(pct=True).fillna(0.5).to_numpy()
    tests = [PermutationTestDistanceBased(num_permutations=100, random_state=0, num_jobs=1, name="chance")]
    detector = PEER.MMD(callbacks=tests)
    detector.fit(X=ranks[: len(one)])
    # The smallest p-value of 100 permutations is 1 in 101.
    return bool(detector.compare(X=ranks[len(one) :])[1]["chance"]["p_value"] <= 1 / 101 + 1e-9)


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


def measure_power(repeats: int) -> None:
    """Print how often each way finds each change."""
    names = "frouros" if PEER is not None else "SciPy"
    print(f"\nshare of {repeats} draws found; columns and together: {names}")
    print(f"{'change':28} {'size':>6} {'dcai':>6} {'columns':>8} {'together':>9} {'index':>6}", flush=True)
    for name, (sizes, change) in SHIFTS.items():
        for size in sizes:
            hits = np.zeros(4)
            for number in range(repeats):
                one, other = draw(ROWS, 10_000 + number), draw(ROWS, 20_000 + number)
                now = change(other, size, np.random.default_rng(number))
                ways = (drift(one, now, alpha=ALPHA).drifted, test_plainly(one, now), test_together(one, now))
                hits += [*ways, judge_index(one, now)]
            ours, plain, together, index = hits / repeats
            print(f"{name:28} {size:6.2f} {ours:6.2f} {plain:8.2f} {together:9.2f} {index:6.2f}", flush=True)


def measure_alarms(draws: int) -> None:
    """Print how often something is called drift where nothing changed."""
    for rows, label, number in ((ROWS, None, draws), (ROWS, "label", draws // 4), (60, None, draws // 4)):
        started = time.process_time()
        alarms, sure, kinds = count_alarms(number, label, rows)
        highest = stats.binomtest(alarms, number).proportion_ci(0.95, "exact").high
        print(
            f"no change, {rows} rows a side, {'with' if label else 'no'} label: {alarms} alarms in {number} draws (95 % sure: at most {highest:.2%}; "
            f"nominal {ALPHA:.0%}), {sure} without the least sizes; {(time.process_time() - started) / number:.2f} CPU s a call; {sorted(set(kinds))}",
            flush=True,
        )


def measure_bonds(draws: int) -> None:
    """Print the same where rows belong together."""
    for how, alarms in count_bonded_alarms(draws).items():
        print(f"no change, {ROWS} rows a side in fives, {how}: {alarms} alarms in {draws} draws", flush=True)


def main() -> None:
    """Print false alarms, then power."""
    parts: dict[str, Callable[[argparse.Namespace], None]] = {
        "alarms": lambda asked: measure_alarms(asked.draws),
        "bonds": lambda asked: measure_bonds(asked.draws // 4),
        "power": lambda asked: measure_power(asked.repeats),
    }
    reader = argparse.ArgumentParser()
    reader.add_argument("--draws", type=int, default=1000)
    reader.add_argument("--repeats", type=int, default=100)
    reader.add_argument("--only", nargs="+", choices=parts, default=list(parts))
    asked = reader.parse_args()
    for name in asked.only:
        parts[name](asked)


if __name__ == "__main__":
    main()
