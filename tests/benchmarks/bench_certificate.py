"""Replay people's verdicts in random order: does the certificate keep its promise, and how many reviews does it need?

    python tests/benchmarks/bench_certificate.py [--data FOLDER] [--runs 1000]

FOLDER/verdicts/*.csv hold flags that five people judged each (columns `votes_suggested` ...); a suggestion counts as
right when at least three of them chose it. Sets with a planted share of right suggestions are replayed beside them.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from dcai.corrections.certificate import certify

MAJORITY = 3
PATIENCE = 400  # a reviewer who has neither been allowed nor refused by then gives up


def read_sets(folder: Path | None) -> dict[str, np.ndarray]:
    """Return, for each set, which suggestions were right."""
    files = [] if folder is None else sorted((folder / "verdicts").glob("*.csv"))
    sets = {path.stem: (pd.read_csv(path)["votes_suggested"] >= MAJORITY).to_numpy() for path in files}
    for share in (1.0, 0.95, 0.9, 0.85, 0.75):
        for size in (100, 300, 1000):
            sets[f"planted {share:.0%} of {size}"] = np.arange(size) < round(share * size)
    return sets


def replay(right: np.ndarray, runs: int) -> dict[str, object]:
    """Review members in random order until the group is certified or refused."""
    size, random = len(right), np.random.default_rng(0)
    look = cache(lambda n, r: certify(size, n, r))
    certified, refused, kept = [], [], []
    for _ in range(runs):
        found = random.permutation(right).cumsum()
        for n in range(1, min(size - 1, PATIENCE) + 1):
            proof = look(n, int(found[n - 1]))
            if proof.valid:
                certified.append(n)
                kept.append((found[-1] - found[n - 1]) / (size - n) >= proof.at_least)
                break
            if proof.refused:
                refused.append(n)
                break
    return {
        "size": size,
        "right": f"{right.mean():.1%}",
        "certified": f"{len(certified) / runs:.1%}",
        "reviews": f"{np.median(certified):.0f}" if certified else "-",
        "refused": f"{len(refused) / runs:.1%}",
        "reviews ": f"{np.median(refused):.0f}" if refused else "-",
        "bound kept, of all runs": f"{1 - (len(kept) - sum(kept)) / runs:.1%}",
    }


def replay_surest_first(right: np.ndarray) -> str:
    """Count what would be stated if the right members were looked at first, and what would be true."""
    found, size = np.sort(right)[::-1].cumsum(), len(right)
    for n in range(1, size):
        proof = certify(size, n, int(found[n - 1]))
        if proof.valid:
            true = (found[-1] - found[n - 1]) / (size - n)
            return f"after {n} reviews it would state >= {proof.at_least:.0%}, and {true:.0%} would be right"
    return "never certified"


def main() -> None:
    """Print the table."""
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--data", type=Path, help="a folder that holds verdicts/; without it, planted sets only")
    ask.add_argument("--runs", type=int, default=1000)
    options = ask.parse_args()
    sets = read_sets(options.data)
    print(pd.DataFrame({name: replay(right, options.runs) for name, right in sets.items()}).T.to_string())
    print("\nIf surest-first review counted (it does not: only members in the drawn order do):")
    for name, right in sets.items():
        if not name.startswith("planted"):
            print(f"  {name}: {replay_surest_first(right)}")


if __name__ == "__main__":
    main()
