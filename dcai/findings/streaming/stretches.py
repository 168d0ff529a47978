"""Stretches of files: row groups that follow each other, as much as one worker reads at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dcai.findings.streaming.sources import Source

EACH = 4  # stretches for each worker: one that ends takes little with it, and none waits long for the last


class Stretch(NamedTuple):
    """Row groups that follow each other: their places, the first row, and the row after the last."""

    groups: range
    start: int
    end: int

    @property
    def rows(self) -> slice:
        """The rows."""
        return slice(self.start, self.end)


def split_source(source: Source, workers: int) -> list[Stretch]:
    """Split files into stretches of about as many rows, some for each of so many workers; row groups stay whole."""
    starts = np.array([group[2] for group in source.groups], dtype=np.int64)
    aims = np.linspace(0, len(source), EACH * workers + 1)[:-1]
    firsts = np.unique(np.searchsorted(starts, aims))
    firsts = firsts[firsts < len(starts)].tolist()
    ends = [*firsts[1:], len(starts)]
    bounds = [*starts.tolist(), len(source)]
    return [Stretch(range(first, end), bounds[first], bounds[end]) for first, end in zip(firsts, ends, strict=True)]
