"""Promote each notebook of this repository and run it by `dcai run`, by papermill, and by papermill with our engine.

Run: python tests/benchmarks/bench_promoted.py [NAME ...]. Printed for each notebook: how many results its cells gave, and
whether they are the same by the three ways.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.notebooks.test_promoted import NIGHTLY, NOTEBOOKS, run_every_way


def main(names):
    for name in names or [*sorted(p.stem for p in NOTEBOOKS.glob("*.ipynb")), *NIGHTLY]:
        with tempfile.TemporaryDirectory() as folder:
            _, found = run_every_way(Path(folder) / "repo", name, check=False)
        same = found["dcai"] == found["papermill"] == found["engine"]
        print(f"{name:20} {len(found['dcai']):3} results  {'the same' if same else 'DIFFERENT'}")
        for number, (one, *others) in enumerate(zip(*found.values(), strict=False), 1):
            if any(other != one for other in others):
                print(f"  result {number}:", *map(repr, (one, *others)), sep="\n    ")


if __name__ == "__main__":
    main(sys.argv[1:])
