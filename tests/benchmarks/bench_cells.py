"""Measure what `audit` finds in made tables of eighteen kinds whose errors are known, and what it finds in them while they are clean.

    python tests/benchmarks/bench_cells.py [--seed N] [--rows N] [--harsh FACTOR] [--reviews N] [NAME ...]

`clean` counts the cells flagged in the clean twin; `safe` the repairs offered with a confidence of at least .95, and
`right` the share of them that are right; then the share found of each kind of error. `--harsh 5` plants five times as
many errors; `--reviews 20` lets a perfect reviewer look at twenty rows that the audit asks for.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from more_tables import MORE
from tables import TABLES, Made

import dcai

SAFE = 0.95
KINDS = TABLES | MORE


def flag(found: pd.DataFrame) -> pd.DataFrame:
    """Return the findings about cells."""
    return found[found["column"].notna() & (found["row"] >= 0)]


def review(audit: dcai.Audit, made: Made, budget: int) -> dcai.Audit:
    """Let a perfect reviewer look at rows that the audit asks for, five at a time."""
    session = dcai.Review(audit, log=str(Path(tempfile.mkdtemp()) / "log.jsonl"), by="oracle")
    seen: set[int] = set()
    while len(seen) < budget:
        asked = [int(r) for r in audit.ask(min(5, budget - len(seen))) if int(r) not in seen]
        if not asked:
            break
        for row in asked:
            for column in made.clean.columns[(made.dirty.iloc[row] != made.clean.iloc[row]).to_numpy()]:
                session.decide(row, "edit", made.clean.loc[row, column], column=column)
            session.decide(row, "keep")
            seen.add(row)
        audit = audit.refine(dcai.CorrectionLog.read(session.log.path))
    return audit


def measure(made: Made, reviews: int) -> str:
    """Audit a table and its clean twin, and write one line of the table."""
    clean = len(set(zip(*(flag(dcai.audit(made.clean).findings)[c] for c in ("row", "column")), strict=True)))
    audit = dcai.audit(made.dirty)
    if reviews:
        audit = review(audit, made, reviews)
    found = flag(audit.findings)
    cells, wrong = set(zip(found["row"].astype(int), found["column"], strict=True)), set(made.kinds)
    hit = cells & wrong
    precision, recall = len(hit) / max(len(cells), 1), len(hit) / max(len(wrong), 1)
    sure = found[found["suggested"].notna() & (found["confidence"] >= SAFE)]
    right = [
        str(s) == made.clean.loc[r, c] for r, c, s in zip(sure["row"], sure["column"], sure["suggested"], strict=True)
    ]
    all_of, got = Counter(made.kinds.values()), Counter(made.kinds[cell] for cell in hit)
    numbers = (precision, recall, 2 * precision * recall / max(precision + recall, 1e-12))
    kinds = " ".join(f"{kind} {got[kind] / times:.2f}" for kind, times in sorted(all_of.items()))
    shown = f"{np.mean(right):>8.3f}" if right else f"{'-':>8}"
    return f"{len(wrong):>7}{''.join(f'{n:>10.3f}' for n in numbers)}{clean:>7}{len(right):>7}{shown}   {kinds}"


def main() -> None:
    """Print the table, one line for each kind of table."""
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--rows", type=int, help="rows of each table (default: as each kind has them)")
    ask.add_argument("--harsh", type=float, default=1.0, help="times as many errors")
    ask.add_argument("--reviews", type=int, default=0, help="rows that a perfect reviewer looks at first")
    ask.add_argument("names", nargs="*", help=f"some of {', '.join(KINDS)}; all without")
    options = ask.parse_args()
    head = "".join(f"{c:>10}" for c in ("precision", "recall", "F1"))
    print(f"{'table':<14}{'wrong':>7}{head}{'clean':>7}{'safe':>7}{'right':>8}   found of each kind")
    for name in options.names or KINDS:
        size = {} if options.rows is None else {"n": options.rows}
        made = KINDS[name](np.random.default_rng(options.seed), harsh=options.harsh, **size)
        print(f"{name:<14}{measure(made, options.reviews)}", flush=True)


if __name__ == "__main__":
    main()
