"""The table of data-centric AI on real sets: baseline, another model, better data, both, on the same true test labels.

    python tests/benchmarks/bench_prove.py --data FOLDER [NAME ...] [--reviews 300] [-o TABLE.md]

FOLDER holds labels/*/data.parquet with the columns `noisy_label` and `true_label`. Three of ten rows with a known true
label are held out and carry it; the others keep their given label. `dcai.audit` flags training rows without seeing a
true label, and a perfect reviewer decides about the most doubted of those, at most `--reviews`: the label is kept or set
right. Nothing else is corrected, no label of a test row is ever looked at by a model, and the models and settings of the
model-centric approach are the defaults of `dcai.compare`, within its stated budget. For comparison, `all true` is what
the fixed model would reach if every wrong training label were set right: the most that corrections can bring.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sets import NO_FEATURES

import dcai
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review
from dcai.experiments.results.outcomes import Comparison

NAMES = ("youtube_weak", "hausa_news", "music_genre")
LABEL, KEY = "label", "row_id"
HELD_OUT = 0.3


class Split(NamedTuple):
    """Training rows with the labels as given, test rows with the true ones, and the true labels of the training rows."""

    train: pd.DataFrame
    test: pd.DataFrame
    truth: pd.Series[Any]


def split_set(folder: Path, seed: int) -> Split:
    """Read a set, and hold rows out."""
    data = pd.read_parquet(folder / "data.parquet")
    data = data[data["true_label"].notna()].reset_index(drop=True)
    names = [c for c in data.columns if not str(c).lower().startswith(NO_FEATURES)]
    given, true = (write_labels(data[c]) for c in ("noisy_label", "true_label"))
    frame = data[names].assign(**{KEY: range(len(data))})
    held = np.random.default_rng(seed).random(len(data)) < HELD_OUT
    return Split(
        frame[~held].assign(**{LABEL: given[~held]}).reset_index(drop=True),
        frame[held].assign(**{LABEL: true[held]}).reset_index(drop=True),
        true[~held].reset_index(drop=True),
    )


def write_labels(column: pd.Series[Any]) -> pd.Series[Any]:
    """Write classes as texts, numbers alike however they are stored: a column with gaps holds 1.0 where others hold 1."""
    return (column.astype("Int64") if pd.api.types.is_numeric_dtype(column) else column).astype(str)


def review_rows(split: Split, path: Path, most: int) -> tuple[CorrectionLog, str]:
    """Let the audit name rows and the truth decide; return the log, and what was done in a sentence."""
    found = dcai.audit(split.train, LABEL, key=KEY, progress=False)
    doubted = found.findings[(found.findings["column"] == LABEL) & (found.findings["row"] >= 0)]
    doubted = doubted[doubted["detector"].isin(["labels", "conflicts"])]
    flagged = list(dict.fromkeys(doubted["row"].astype(int)))
    session = Review(found, path, by="truth")
    for row in flagged[:most]:
        decide(session, split, row)
    wrong = (split.train[LABEL] != split.truth).to_numpy()
    hits = int(wrong[flagged[:most]].sum())
    said = (
        f"{len(split.train):,} training rows, {wrong.sum():,} wrong labels ({wrong.mean():.1%}); {len(flagged):,} flagged, "
        f"{min(most, len(flagged)):,} reviewed, {hits:,} of them wrong and set right"
    )
    return session.log, said


def decide(session: Review, split: Split, row: int) -> None:
    """Decide about one label as the truth says."""
    true = split.truth[row]
    if split.train[LABEL][row] == true:
        session.decide(row, "keep", column=LABEL)
    else:
        session.decide(row, "relabel", true, column=LABEL)


def measure_ceiling(split: Split, comparison: Comparison) -> float:
    """Return the score of the fixed model on training rows that are all right."""
    bench = comparison.bench
    assert bench is not None
    test, raw = bench.materials.tests[0], bench.materials.training["raw"]
    keys = bench.materials.table.frame.loc[raw.positions, KEY]
    truth = split.truth.set_axis(split.train[KEY].to_numpy())
    model, _ = bench.fit(bench.fixed, raw.frame, truth.loc[keys].to_numpy(dtype=object), bench.random_state)
    return bench.score(bench.main, bench.ask(bench.fixed, model, test.frame), test, None)


def prove(folder: Path, most: int, seed: int) -> Comparison:
    """Print the table of one set."""
    started = time.process_time()
    split = split_set(folder, seed)
    with tempfile.TemporaryDirectory() as place:
        log, said = review_rows(split, Path(place) / "corrections" / "label.jsonl", most)
        comparison = dcai.compare(split.train, split.test, LABEL, log, key=KEY, random_state=seed, progress=False)
    table = comparison.table
    print(f"\n{folder.name}: {said}")
    print(f"{comparison.metric} on {comparison.test_rows:,} test rows with their true labels")
    print(
        f"{'approach':14} {'score':>6} {'95 % interval':>16}  {'gain':>7} {'95 % interval':>18} {'p (Holm)':>9}  model"
    )
    for approach, row in table.iterrows():
        gain = (
            f"{'':>7} {'':>18} {'':>9}"
            if approach == "baseline"
            else f"{row['gain']:>+7.3f} {row['gain_low']:>+8.3f} to {row['gain_high']:+.3f} {row['p_holm']:>9.2g}"
        )
        print(f"{approach:14} {row['score']:6.3f} {row['low']:>6.3f} to {row['high']:.3f}  {gain}  {row['model']}")
    print(
        f"{'all true':14} {measure_ceiling(split, comparison):6.3f}   ({time.process_time() - started:.0f} CPU seconds)"
    )
    sys.stdout.flush()
    return comparison


def main() -> None:
    """Print the table of each set, then all sets side by side."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--data", type=Path, required=True)
    reader.add_argument("names", nargs="*", default=NAMES)
    reader.add_argument("--reviews", type=int, default=300, help="flagged rows that are reviewed at most")
    reader.add_argument("--seed", type=int, default=0)
    reader.add_argument("-o", "--output", type=Path, help="save all sets side by side: .md, .html, .tex, .svg or .png")
    asked = reader.parse_args()
    missing = [name for name in asked.names if not (asked.data / "labels" / name / "data.parquet").exists()]
    if missing:
        sys.exit(f"There is no labels/NAME/data.parquet in {asked.data} for: {', '.join(missing)}")
    made = {name: prove(asked.data / "labels" / name, asked.reviews, asked.seed) for name in asked.names}
    together = Comparison.beside(made)
    print(f"\n{together.to_markdown()}")
    if asked.output is not None:
        together.save(asked.output)


if __name__ == "__main__":
    main()
