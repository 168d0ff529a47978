"""Inject faults into runs of `dcai run` and hold the records against the truth.

    python tests/benchmarks/bench_faults.py [--only NAME ...]

`lost` are the seconds of output, before the fault, that are missing in the notebook that is left: each cell writes down by
itself when it has put out what. `freed` are the seconds from a signal to the end of the kernel. Memory is limited by RLIMIT_AS, the disk by RLIMIT_FSIZE.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.pipelines.conftest import kernels_of, make_repository
from tests.pipelines.faults import FAULTS, inject


def main() -> None:
    """Print one line for each fault, and how many records tell the truth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[])
    wanted = parser.parse_args().only
    right, orphans, worst, faults = 0, 0, 0.0, [f for f in FAULTS if not wanted or f.name in wanted]
    print(f"{'fault':22} {'status':12} {'class':24} {'cell':>4} {'exit':>5} {'lost s':>7} {'freed s':>8}  right")
    for fault in faults:
        with tempfile.TemporaryDirectory() as folder:
            root = make_repository(Path(folder) / "repo").resolve()
            seen = inject(fault, root)
            orphans += len(kernels_of(root))
        true = seen.tells_the_truth(fault)
        right += true
        worst = max(worst, seen.lost or 0.0)
        lost, freed = ("" if s is None else f"{s:.2f}" for s in (seen.lost, seen.freed))
        print(
            f"{fault.name:22} {seen.status:12} {seen.error or '':24} {seen.cell!s:>4} {seen.code:>5} {lost:>7} {freed:>8}"
            f"  {'yes' if true else 'NO'}"
        )
    print(
        f"{right} of {len(faults)} records name the right class and cell; {orphans} kernels left behind; at most {worst:.2f} s lost"
    )


if __name__ == "__main__":
    main()
